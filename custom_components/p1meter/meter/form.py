"""The form of a telegram: a pattern that fits every telegram that differs from it in values only, and what each is.

A meter says the same things in the same order every second. Once that is known, one look tells whether a telegram says
them again, and hands over its values: what they are need not be found out once more. A form holds no value but those
that decide about the others (a version, say), so a new reader of a kind of meter that was read before has it at once.
"""

from collections import Counter
from decimal import Decimal
from functools import lru_cache
import re
from typing import TYPE_CHECKING, NamedTuple, cast

from .codes import CHECKED, PARTS_OF_TIME, Code
from .electricity import NET, TELEGRAM_TIME, TOTALS, reader_of_text
from .lines import BELGIAN_VERSION, SPECIAL, VERSION, line_end, regular
from .mbus import valve_state
from .readings import MBusDevice, Reading, Way, record
from .values import hexadecimal_serial

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .lines import Content, Object, Structure
    from .obis import Obis
    from .profiles import Profile
    from .readings import Value

NUMBER = "number"  # a number without a sign
COUNT = "count"
TIME = "time"  # the meter's own
TEXT = "text"  # a state, a count or a text that its first group gives by itself
READING = "reading"  # any other reading that its line gives by itself
MEASURED = "measured"  # stamp and number of an M-Bus meter
ABOUT = "about"  # what else is said of it, as a text
UNKNOWN = "unknown"  # nobody told us about its code
TOGETHER = "together"  # what it gives takes other lines too

_MOVING = {NUMBER, TIME}
_FED = {part: key for sums in (NET, TOTALS) for key, parts in sums.items() for part in parts}
# What decides which meter it is, and with that about the other values.
_DECIDING = {VERSION, BELGIAN_VERSION}
_DEVICE_TYPE = "24.1.0"
_MONTH_PEAK = "demand_month_peak"  # gives its time too
# What may be said of an M-Bus meter that is read by its lines, and how that is read.
_SERIALS = {"96.1.0", "96.1.1"}
_ABOUT: Mapping[str, tuple[str, Callable[[str], str | None]]] = {
    **dict.fromkeys(_SERIALS, ("equipment_id", hexadecimal_serial)),
    "96.1.2": ("ean", hexadecimal_serial),
    "24.4.0": ("valve_state", valve_state),
}

# As strict as what stands in for a checksum (`are_data_lines`). Nothing is tried twice.
_TEXT = r"""[ "-'*-~]*+"""
_GROUPS = rf"{_TEXT}(?:\)\({_TEXT})*+"
_WHOLE = r"[0-9]{1,16}+"
_BROKEN = rf"{_WHOLE}\.[0-9]{{1,7}}+"  # within what `is_unsigned` takes
_COUNT = r"[0-9]{1,18}+"
_CHECKSUM = r"[0-9A-Fa-f]{0,4}+(?:\r?+\n)?+"
_IS_NUMBER = re.compile(rf"{_WHOLE}|{_BROKEN}").fullmatch
_IS_COUNT = re.compile(_COUNT).fullmatch
# A house has a few meters; each takes some ten kilobytes.
_MOST_IDENTS = 32
_MOST_FORMS = 4


@record
class Field:
    """A value, and how it is read.

    Attributes:
        kind: What it gives: see above.
        key: Where its reading is; "" if it has none of its own.
        unit: The reading's unit.
        item: What its code stands for.
        obis: The code.
        feeds: The key of what is computed from it.
        name: The key without the channel of an M-Bus meter.
        between: What stands between the stamp and the number of an M-Bus meter.
        after: What stands after that number.
        reads: How a text is read.
    """

    kind: str
    key: str
    unit: str | None
    item: Code
    obis: Obis
    feeds: str | None = None
    name: str = ""
    between: str = ""
    after: str = ""
    reads: Callable[[str], Value] = hexadecimal_serial


@record
class Meter:
    """A meter on the M-Bus that is read by its lines.

    Attributes:
        channel: Where it is connected.
        role: What it is.
        device_type: What it says that it is.
        measured: The key of its reading.
        serial: The key of its serial number; None if it has none.
    """

    channel: int
    role: str
    device_type: int
    measured: str
    serial: str | None


@record
class Form:
    """What telegrams of one kind of meter have in common.

    Attributes:
        match: Fits a telegram of this form, a group for each value.
        fields: What the groups are.
        numbers: Those that are numbers without a sign: group, key, unit, code.
        counts: Those that are counts: group, key, code.
        others: Those that give anything else by themselves: group and what it is.
        ident: The identification.
        profile: What kind of meter it is.
        blank: The keys of its readings, in order; with a reading only what decides about the others.
        sent: Which totals and tariffs it sends.
        ways: How readings are computed from others.
        together: The groups that give one reading each, but the best of several: number and code.
        special: Those that are looked at beside others.
        meters: The M-Bus meters; none if they are not read by their lines.
        channels: The groups of each M-Bus meter then.
        unknown: Those that p1meter has no register for.
    """

    match: Callable[[str], re.Match[str] | None]
    fields: Sequence[Field]
    numbers: Sequence[tuple[int, str, str | None, Obis]]
    counts: Sequence[tuple[int, str, Obis]]
    others: Sequence[tuple[int, Field]]
    ident: str
    profile: Profile
    blank: dict[str, Reading]
    sent: frozenset[str]
    ways: Mapping[str, Way]
    together: Sequence[tuple[int, Code]]
    special: Sequence[tuple[int, Code]]
    meters: Sequence[Meter]
    channels: Mapping[int, Sequence[tuple[int, Code]]]
    unknown: Sequence[tuple[int, Code]]

    def objects(self, places: Sequence[tuple[int, Code]], values: Sequence[str]) -> list[Object]:
        """Return some of the objects of a telegram with these values."""
        return [(item, tuple(values[index].split(")("))) for index, item in places]

    def calm(self, found: re.Match[str], *, checksum: bool) -> Calm | None:
        """Return what telegrams have in common that differ from this one in numbers and in time alone.

        None if this one does not end as nearly all do.

        Args:
            found: What `match` found of the telegram.
            checksum: Whether it ends in one.
        """
        text = found.string
        moving = [index for index, field in enumerate(self.fields) if field.kind in _MOVING]
        fields: list[Field] = []
        patterns: list[str] = []
        before, end = -1, 0
        for index in moving:
            fields += self.fields[before + 1 : index][:1]
            patterns.append(_stretch(text[end : found.start(index + 1)], stays=index == before + 1))
            before, end = index, found.end(index + 1)
            fields.append(self.fields[index])
            patterns.append(f"({_number(found[index + 1]) if self.fields[index].kind == NUMBER else _GROUPS})")
        fields += self.fields[before + 1 :][:1]
        patterns.append(_stretch(text[end : text.index("!", end)], stays=before + 1 == len(self.fields)))
        pattern = f"{''.join(patterns)}!{'[0-9A-Fa-f]{4}' if checksum else ''}\r\n"
        match = re.compile(pattern, re.DOTALL).fullmatch
        again = match(text)
        return None if again is None else Calm(match, fields, self.ways, checksum, again.groups())

    def devices(self, readings: Mapping[str, Reading]) -> dict[int, MBusDevice]:
        """Return the M-Bus meters that are read by their lines."""
        devices = {}
        for meter in self.meters:
            serial = None if meter.serial is None else readings[meter.serial].value
            devices[meter.channel] = MBusDevice(
                meter.channel, meter.role, cast("str | None", serial), meter.device_type, readings[meter.measured].at
            )
        return devices


@record
class Calm:
    """What telegrams of a form have in common while only numbers and the time move.

    Attributes:
        match: Fits such a telegram, with a group for each value that moves and for each stretch of what may not.
        fields: What the groups are; of a stretch, the first field in it.
        ways: How readings are computed from others.
        checksum: Whether it ends in one.
        values: What the groups were.
    """

    match: Callable[[str], re.Match[str] | None]
    fields: Sequence[Field]
    ways: Mapping[str, Way]
    checksum: bool
    values: tuple[str, ...]


@record
class Known:
    """What was read, and how.

    Attributes:
        readings: By key.
        moved: The keys of codes that are under another register than usual.
        profile: What kind of meter it is.
        sent: Which totals and tariffs were sent.
        ways: How readings are computed from others.
        mbus: The meters behind the meter.
    """

    readings: Mapping[str, Reading]
    moved: Mapping[str, str]
    profile: Profile
    sent: frozenset[str]
    ways: Mapping[str, Way]
    mbus: Mapping[int, MBusDevice]


class Forms:
    """The forms of meters that say the same of themselves, newest first."""

    def __init__(self) -> None:
        self._known: tuple[Form, ...] = ()
        self._missed = 0

    def fit(self, text: str) -> tuple[Form | None, tuple[str, ...]]:
        """Return the form of a telegram and its values; None if it has none that is known."""
        for form in self._known:
            if found := form.match(text):
                return form, found.groups()
        return None, ()

    def learn(self, text: str, known: Known) -> tuple[Form | None, tuple[str, ...]]:
        """Take note of a telegram that had none of these forms; return its form and values, if that was learned.

        A form takes ten times as long to learn as a telegram to read. So it is learned from the first of these, the
        second, the fourth, the eighth and so on: telegrams that have nothing in common cost next to nothing.
        """
        self._missed += 1
        form = _learn(text, known) if self._missed.bit_count() == 1 else None
        if form is None:
            return None, ()
        self._known = (form, *self._known[: _MOST_FORMS - 1])
        return self.fit(text)


def identification(text: str) -> str:
    """Return the first line of a telegram."""
    return text[: text.find("\n")]


@lru_cache(maxsize=_MOST_IDENTS)
def forms_of(_ident: str, _how: tuple[bool, bool], _country: str | None) -> Forms:
    """Return the forms of meters that are alike in what is no line: these tell them apart.

    Args:
        _ident: The line of identification.
        _how: Whether the telegrams have a checksum, and whether they come as IEC 62056-21 blocks.
        _country: What decides where a telegram fits several countries.
    """
    return Forms()


class _Line(NamedTuple):
    """An object as it was sent.

    Attributes:
        item: What its code stands for.
        groups: What stands between the brackets.
        head: Its code.
        inner: All between the first and the last bracket, as it was sent.
        blank: The blank lines after it.
    """

    item: Code
    groups: tuple[str, ...]
    head: str
    inner: str
    blank: str


def _learn(text: str, known: Known) -> Form | None:
    """Return the form of a telegram; None where its lines do not say by themselves what they give."""
    content = regular(text)
    if content is None or not PARTS_OF_TIME.isdisjoint(content.structure.names) or 0 in content.structure.channels:
        return None
    structure = content.structure
    ident, lines = _lines(text, content)
    teller = _Teller(structure, lines, known)
    patterns = [re.escape(ident)]
    fields: list[Field] = []
    indexes: dict[int, int] = {}
    for place, line in lines.items():
        field = teller.field(line)
        if field is not None:
            indexes[place] = len(fields)
            fields.append(field)
        patterns.append(rf"{re.escape(line.head)}\({teller.pattern(line, field)}\){re.escape(line.blank)}")
    end = line_end(text)
    match = re.compile(f"{re.escape(end).join(patterns)}{re.escape(end)}!{_CHECKSUM}").fullmatch
    decided = all(place in indexes and fields[indexes[place]].kind == NUMBER for place in structure.energies)
    if not decided or not match(text):
        return None
    return Form(
        match,
        fields,
        [(index, field.key, field.unit, field.obis) for index, field in enumerate(fields) if field.kind == NUMBER],
        [(index, field.key, field.obis) for index, field in enumerate(fields) if field.kind == COUNT],
        [(index, field) for index, field in enumerate(fields) if field.kind not in {NUMBER, COUNT, UNKNOWN, TOGETHER}],
        content.ident,
        known.profile,
        teller.blank(),
        known.sent,
        teller.ways,
        [
            (index, field.item)
            for index, field in enumerate(fields)
            if field.kind == TOGETHER and field.key and field.item.channel is None
        ],
        [(indexes[place], item) for place, item in structure.special if place in indexes],
        teller.meters,
        {
            channel: [(indexes[place], item) for place, item in objects]
            for channel, objects in structure.channels.items()
            if not teller.meters
        },
        [(index, field.item) for index, field in enumerate(fields) if field.kind == UNKNOWN],
    )


def _lines(text: str, content: Content) -> tuple[str, dict[int, _Line]]:
    """Return the identification and each object, by its place; a line without a code belongs to what is before it."""
    structure, end = content.structure, line_end(text)
    ident, *lines = text[: text.index(f"{end}!")].split(end)
    first = -1
    owners = dict(structure.loose)
    sent = {first: [ident]}
    for place, line in enumerate(lines):
        sent.setdefault(owners.get(place, place), []).append(line)
    objects = {}
    for (place, _), (item, groups) in zip(structure.objects, content.objects(structure.objects), strict=True):
        head, _, rest = end.join(sent[place]).partition("(")
        inner = rest.rstrip("\r\n")[:-1]
        objects[place] = _Line(item, groups, head, inner, rest[len(inner) + 1 :])
    return end.join(sent[first]), objects


def _stretch(text: str, *, stays: bool) -> str:
    """Return what fits what stands between two values that move.

    Where something else may be stated, it is a group of that length: so it is the same pattern again if it is.
    """
    return re.escape(text) if stays else f"(.{{{len(text)}}})"


def _number(like: str) -> str:
    """Return what fits a number that has a point or none, as this one."""
    return _BROKEN if "." in like else _WHOLE


class _Teller:
    """Tells what the objects of a telegram give.

    Attributes:
        ways: How readings are computed from others, of those that it sends.
        meters: The M-Bus meters, if all of them are read by their lines.
    """

    def __init__(self, structure: Structure, lines: Mapping[int, _Line], known: Known) -> None:
        self.ways = {key: way for key, way in known.ways.items() if (NET.get(key) or TOTALS[key])[0] in known.readings}
        self._known = known
        self._structure = structure
        self._givers = Counter(self._key(item) for _, item in structure.fields)
        meters = [
            self._meter(channel, [lines[place] for place, _ in objects])
            for channel, objects in structure.channels.items()
        ]
        self.meters = [] if None in meters else [meter for meter in meters if meter is not None]

    def field(self, line: _Line) -> Field | None:
        """Return what an object gives; None if that is nothing, or must stay as it is."""
        item = line.item
        if self._decides(item):
            return None
        if item.channel is not None:
            return self._of_meter(line) if self.meters else Field(TOGETHER, "", None, item, item.obis)
        key = self._key(item)
        if not key:
            is_unknown = item.obis in self._structure.strangers or item.name in self._known.moved
            kind = UNKNOWN if is_unknown else TOGETHER if item.name in SPECIAL else None
            return None if kind is None else Field(kind, "", None, item, item.obis)
        reading = self._known.readings[key]
        feeds = _FED.get(key)
        kind = self._kind(line, key, reading.value)
        if kind == READING and (reads := reader_of_text(item, key, self._known.profile)) is not None:
            return Field(TEXT, key, None, item, item.obis, reads=reads)
        return Field(kind, key, reading.unit, item, item.obis, feeds if feeds in self.ways else None)

    def pattern(self, line: _Line, field: Field | None) -> str:
        """Return what fits what stands between the first and the last bracket of an object."""
        if field is None:
            return re.escape(line.inner) if self._decides(line.item) else _GROUPS
        if field.kind == NUMBER:
            digits, star, unit = line.inner.partition("*")
            return f"({_number(digits)}){re.escape(star + unit)}"
        if field.kind == COUNT:
            return f"({_COUNT})"
        if field.kind == MEASURED:
            return (
                f"({_TEXT}{re.escape(field.between)}{_number(line.inner.rpartition('(')[2])}{re.escape(field.after)})"
            )
        return f"({_GROUPS})"

    def blank(self) -> dict[str, Reading]:
        """Return the keys of the readings, in order, and a reading only of what decides about the others."""
        deciding = {item.obis for _, item in self._structure.objects if self._decides(item)}
        readings = self._known.readings.items()
        return cast("dict[str, Reading]", {key: one if one.obis in deciding else None for key, one in readings})

    def _decides(self, item: Code) -> bool:
        """Return whether a value decides about others, so that it is part of the form."""
        return item.name in _DECIDING or (item.part == _DEVICE_TYPE and item.channel is not None and bool(self.meters))

    def _key(self, item: Code) -> str:
        return self._known.moved.get(item.name, item.key or "")

    def _kind(self, line: _Line, key: str, value: Value) -> str:
        """Return what the object of a register gives."""
        name = line.item.name
        if self._givers[key] > 1 or key in self.ways or key == _MONTH_PEAK or name in SPECIAL:
            return TOGETHER
        if len(line.groups) == 1 and key not in CHECKED:
            if isinstance(value, Decimal) and _IS_NUMBER(line.inner.partition("*")[0]):
                return NUMBER
            if isinstance(value, int) and _IS_COUNT(line.inner):
                return COUNT
        return TIME if key == TELEGRAM_TIME else READING

    def _meter(self, channel: int, lines: Sequence[_Line]) -> Meter | None:
        """Return the meter on a channel; None if its lines do not say by themselves what it is and what it measured."""
        device = self._known.mbus.get(channel)
        parts = [line.item.part for line in lines]
        serials = _SERIALS.intersection(parts)
        measured = [field.key for line in lines if (field := self._measured(line))]
        others = set(parts) - _ABOUT.keys()
        if (
            device is None
            or device.device_type is None
            or len(measured) != 1
            or len(others) != 2
            or _DEVICE_TYPE not in others
            or len(serials) > 1
            or len(set(parts)) != len(parts)
        ):
            return None
        return Meter(
            channel, device.role, device.device_type, measured[0], f"{channel}:equipment_id" if serials else None
        )

    def _measured(self, line: _Line) -> Field | None:
        """Return what is measured by an M-Bus meter; None if it is no stamp and a number."""
        _, bracket, last = line.inner.rpartition("(")
        digits, star, unit = last.partition("*")
        if not bracket or (len(line.groups) == 2) != bool(star) or not _IS_NUMBER(digits):
            return None
        item = line.item
        for key, reading in self._known.readings.items():
            if reading.obis == item.obis and reading.at is not None and isinstance(reading.value, Decimal):
                after = f"{star}{unit}"
                between = line.inner[len(line.groups[0]) : -len(digits + after)]
                return Field(MEASURED, key, reading.unit, item, item.obis, None, reading.key, between, after)
        return None

    def _of_meter(self, line: _Line) -> Field | None:
        """Return what a line of an M-Bus meter gives."""
        item = line.item
        if item.part not in _ABOUT:
            return self._measured(line)
        name, about = _ABOUT[item.part]
        return Field(ABOUT, f"{item.channel}:{name}", None, item, item.obis, None, name, reads=about)
