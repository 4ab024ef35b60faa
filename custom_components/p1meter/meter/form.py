"""The form of a telegram: what stands where in it, when only numbers and stamps change from one to the next.

Meters fill their numbers up with zeros, so that telegrams of one meter are all as long, and everything else stays where
it is. Cut at the same places, two of them differ in few pieces: those are the values to be read again, unless it is a
piece in which there is no value.
"""

from decimal import Decimal
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from .codes import CHECKED, Code
from .electricity import NET, TOTALS, TOTALS_AND_TARIFFS
from .lines import SPECIAL, lines_of, take_apart
from .mbus import MEASURED as MEASURED_PARTS
from .values import is_unsigned

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from .lines import Object
    from .readings import Reading

TELEGRAM_TIME = "telegram_time"

TIME = "time"  # of the telegram
NUMBER = "number"  # a number without a sign
READING = "reading"  # any other reading of the meter itself
MEASURED = "measured"  # stamp and number of an M-Bus meter
SILENT = "silent"  # no reading

_FED = {part: key for sums in (NET, TOTALS) for key, parts in sums.items() for part in parts}


class Field(NamedTuple):
    """A piece that is a value, and how it is read.

    Attributes:
        kind: What it gives: see above.
        key: Where its reading is; "" if it has none.
        unit: The reading's unit.
        item: What its code stands for.
        feeds: The key of what is computed from it.
    """

    kind: str
    key: str
    unit: str | None
    item: Code
    feeds: str | None


class Form(NamedTuple):
    """What telegrams of one meter have in common.

    Attributes:
        cut: Cuts one into pieces; what follows the `!` is left out.
        fields: What each piece is; None for what must stay as it is.
    """

    cut: Callable[[str], tuple[str, ...]]
    fields: Sequence[Field | None]


class _Value(NamedTuple):
    kind: str
    after: int  # how many characters stand after it on its line
    key: str
    unit: str | None


class Known(NamedTuple):
    """What was read.

    Attributes:
        readings: By key.
        moved: The keys of codes that are under another register than usual.
        settled: The keys of what was not decided by one line alone.
    """

    readings: Mapping[str, Reading]
    moved: Mapping[str, str]
    settled: Collection[str]


def learn(text: str, known: Known) -> Form | None:
    """Return the form of a telegram that was read; None if it has no end, or no value that is read by itself."""
    lines = lines_of(text)
    objects, places, end = take_apart(lines)
    if end == len(lines):
        return None
    gap = len("\r\n") if "\r\n" in text else len("\n")
    edges = [0]
    fields: list[Field | None] = []
    position = 0
    for line, place in zip(lines[:end], places, strict=False):
        value = None if place is None else _value(objects, place, known)
        if value is not None and place is not None:
            edges += position + line.index("(") + 1, position + len(line) - value.after
            fields += None, Field(value.kind, value.key, value.unit, objects[place][0], _FED.get(value.key))
        position += len(line) + gap
    if not fields:
        return None
    edges.append(position + len("!"))
    fields.append(None)
    return Form(itemgetter(*(slice(*ends) for ends in pairwise(edges))), fields)


def _value(objects: Sequence[Object], place: int, known: Known) -> _Value | None:
    """Return where on its line a value stands that can be read by itself; None if it takes more than that."""
    item, groups = objects[place]
    if item.channel is not None:
        return _measured(objects, place, known.readings)
    if len(groups) > 1 or item.name in SPECIAL or item.past or item.key == "reset_counter":
        return None
    if item.key is None:
        return _Value(SILENT, 1, "", None)
    key = known.moved.get(item.name, item.key)
    if key in known.settled:
        return None
    if key == TELEGRAM_TIME:
        return _Value(TIME, 1, key, None)
    reading = known.readings[key]
    digits, star, unit = groups[0].partition("*")
    if isinstance(reading.value, Decimal) and key not in CHECKED and is_unsigned(digits):
        return _Value(NUMBER, len(f"{star}{unit})"), key, reading.unit)
    return None if key in TOTALS_AND_TARIFFS or key in _FED else _Value(READING, 1, key, None)


def _measured(objects: Sequence[Object], place: int, readings: Mapping[str, Reading]) -> _Value | None:
    """Find the reading of an M-Bus meter: `(stamp)(value*unit)`, the only one on its channel."""
    item, groups = objects[place]
    beside = [other for other, _ in objects if other.channel == item.channel and other.part.startswith(MEASURED_PARTS)]
    if beside != [item] or len(groups) != 2:
        return None
    digits, star, unit = groups[1].partition("*")
    for key, reading in readings.items():
        found = reading.obis == item.obis and reading.at is not None and isinstance(reading.value, Decimal)
        if found and star and is_unsigned(digits):
            return _Value(MEASURED, len(f"*{unit})"), key, reading.unit)
    return None
