"""The lines of a telegram, taken apart into objects."""

from collections import Counter
from functools import lru_cache
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple

from .codes import PARTS_OF_TIME, Code, code, current, heat_code
from .obis import split_line
from .registers import REGISTERS
from .slots import is_now
from .values import UNITS, number_with_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .obis import Obis

type Object = tuple[Code, tuple[str, ...]]
"""What a code stands for, and the groups that were sent under it."""

VERSION = "1-3:0.2.8"
"""The code of the version of the Dutch standard."""
BELGIAN_VERSION = "0-0:96.1.4"
"""The code of the Belgian one; other countries send anything under it."""
BOTH_FUSES = "1-1:31.4.0"
"""The one object with two values: the limit for import and, below zero, for export (Luxembourg)."""
LOGICAL_NAME = "0-0:42.0.0"
MONTHS = "0-0:98.1.0"
"""The code of the month peaks in Belgium, and of the closing values of last month in Hungary."""
SPECIAL = frozenset({VERSION, BELGIAN_VERSION, BOTH_FUSES, LOGICAL_NAME, MONTHS, *PARTS_OF_TIME})
"""Objects that decide about more than their own reading."""

PHASE_LIMITS = ("1-0:31.4.0", "1-0:51.4.0", "1-0:71.4.0")
"""The codes of the limits of the phases, or of their mean currents."""
MOVABLE = frozenset({*PHASE_LIMITS, "1-0:4.8.1", "1-1:0.2.0", "1-1:0.2.8"})
"""Codes that are under another register, or under none, by what is beside them."""

_ENERGIES = ("1-0:1.8.0", "1-0:1.8.1", "1-0:1.8.2")
# What a heat meter that leaves the medium out cannot share with an electricity meter: its energy and its volume.
_HEAT_UNITS = {"1-0:6.8.0": UNITS["energy"], "1-0:6.26.0": UNITS["volume"]}
# Heat meters by their identification: Kamstrup Multical, Siemens 2WR5, Landis+Gyr Ultraheat.
_HEAT_IDENTS = ("KAM MC", "SIEC2WR", "LUGCUH")
# No meter sends half as many; what has more is read and not remembered, for there is no end to what it may be.
_MOST_LINES = 1000
_LONGEST_CODE = 23  # 255-255:255.255.255*255: what is longer is none, and not worth remembering


class Structure(NamedTuple):
    """What the codes of a telegram say together, whatever stands under them.

    Attributes:
        objects: Every object: its place, and what its code stands for.
        fields: Those of the meter itself that have a register.
        keys: Their registers, in order.
        numbers: Those that give a number, and nothing else gives it: place, key, code, and how it may end (see `Code`).
        counters: Those that give a count, and nothing else gives it: place, key and code.
        others: The rest.
        special: Those that are looked at beside others, the first of each.
        energies: The places of the totals, which may be in Wh.
        channels: The objects of each M-Bus meter.
        names: The codes of the current values.
        strangers: The codes that p1meter has no register for.
        past: Whether there are values of earlier periods.
        optical: Whether the first code is one without medium.
        suffixed: Whether codes end in `*255`.
        loose: The places of lines without a code, and of the object before each: blank ones, and values that belong
            to it.
    """

    objects: tuple[tuple[int, Code], ...]
    fields: tuple[tuple[int, Code], ...]
    keys: tuple[str, ...]
    numbers: tuple[tuple[int, str, Obis, Mapping[str, str]], ...]
    counters: tuple[tuple[int, str, Obis], ...]
    others: tuple[tuple[int, Code], ...]
    special: tuple[tuple[int, Code], ...]
    energies: tuple[int, ...]
    channels: Mapping[int, tuple[tuple[int, Code], ...]]
    names: frozenset[str]
    strangers: frozenset[Obis]
    past: bool
    optical: bool
    suffixed: bool
    loose: tuple[tuple[int, int], ...] = ()


class Content(NamedTuple):
    """What a telegram holds.

    Attributes:
        ident: The identification.
        structure: What its codes say.
        sent: What stands under each, by its place: `1)(2)`, without the first bracket. `groups_of` takes it apart.
    """

    ident: str
    structure: Structure
    sent: Sequence[str]

    def objects(self, places: Iterable[tuple[int, Code]]) -> list[Object]:
        """Return some of the objects."""
        return [(item, groups_of(self.sent[place])) for place, item in places]


def groups_of(sent: str) -> tuple[str, ...]:
    """Return the groups of `1)(2)`."""
    return tuple(sent[:-1].split(")("))


def line_end(text: str) -> str:
    """Return how the lines of a telegram end."""
    return "\r\n" if "\r\n" in text else "\n"


def content_of(text: str) -> Content:
    """Return what a telegram holds."""
    return regular(text) or _irregular(text)


def regular(text: str) -> Content | None:
    """Return what a telegram of the usual kind holds: one object on each line; None if it is not of that kind.

    The place of an object is then that of its line after the identification. One of more lines than any meter sends is
    of no usual kind.
    """
    line_ends = line_end(text)
    data, end, _ = text.partition(f"{line_ends}!")
    ident, _, data = data.partition(line_ends)
    lines = data.split(line_ends)
    if len(lines) > _MOST_LINES:
        return None
    heads, brackets, sent = zip(*[line.partition("(") for line in lines], strict=True)
    structure = structure_of(heads)
    opened, values = text.count("("), brackets.count("(")
    # Every bracket that closes is followed by one that opens, or by the line's end: then each line has whole groups.
    # A code alone is no object.
    if (
        structure is None
        or not end
        or "" in compress(brackets, heads)
        or text.count(")") != opened
        or data.count(")(") != opened - values
        or text.count(f"){line_ends}") != values
    ):
        return None
    whole = _whole(sent, structure.loose)
    return None if whole is None else Content(ident[1:], structure, whole)


def _whole(sent: Sequence[str], loose: Iterable[tuple[int, int]]) -> Sequence[str] | None:
    """Return what stands under each object, the values on lines of their own too; None if that takes more to tell."""
    under: dict[int, list[str]] = {}
    for place, before in loose:
        if sent[place]:
            if "\n" in sent[place] or "\r" in sent[place]:
                return None
            # A value on a line of its own belongs to the object before it (DSMR 3.0 P1 §5.12), the first one to none.
            under.setdefault(before, [sent[before]]).append(sent[place])
    return [("(".join(under[place]) if place in under else one) for place, one in enumerate(sent)] if under else sent


def _irregular(text: str) -> Content:
    """Return what any telegram holds."""
    lines = lines_of(text)
    objects = take_apart(lines)
    structure = _structure(list(enumerate(item for item, _ in objects)), suffixed="*255(" in text)
    return Content(lines[0][1:], structure, [f"{')('.join(groups)})" for _, groups in objects])


@lru_cache(maxsize=64)
def structure_of(heads: tuple[str, ...]) -> Structure | None:
    """Return what the codes of all lines say, "" for a line without one; None where it takes their values to tell.

    A meter sends the same codes in every telegram.
    """
    objects: list[tuple[int, Code]] = []
    loose: list[tuple[int, int]] = []
    for place, head in enumerate(heads):
        if not head:
            loose.append((place, objects[-1][0] if objects else -1))
            continue
        found = code(head) if len(head) <= _LONGEST_CODE else None
        if found is None or found.past or found.obis.a is None:
            return None
        objects.append((place, found))
    return _structure(objects, suffixed=any(head.endswith("*255") for head in heads))._replace(loose=tuple(loose))


def _structure(objects: Sequence[tuple[int, Code]], *, suffixed: bool) -> Structure:
    current: dict[str, tuple[int, Code]] = {}
    channels: dict[int, tuple[tuple[int, Code], ...]] = {}
    for place, item in objects:
        if not item.past:
            current.setdefault(item.name, (place, item))
            if item.channel is not None:
                channels[item.channel] = (*channels.get(item.channel, ()), (place, item))
    fields = [(place, item) for place, item in objects if item.key is not None and item.channel is None]
    givers = Counter(item.key for _, item in fields)
    alone = [(place, item) for place, item in fields if givers[item.key] == 1 and item.name not in MOVABLE]
    numbers = [(place, item.key or "", item.obis, item.ends) for place, item in alone if item.ends is not None]
    counters = [
        (place, item.key or "", item.obis) for place, item in alone if REGISTERS[item.key or ""].role == "counter"
    ]
    plain = {one[0] for one in (*numbers, *counters)}
    return Structure(
        tuple(objects),
        tuple(fields),
        tuple(item.key for _, item in fields if item.key is not None and item.name not in MOVABLE),
        tuple(numbers),
        tuple(counters),
        tuple(field for field in fields if field[0] not in plain),
        tuple(current[name] for name in current if name in SPECIAL),
        tuple(current[name][0] for name in _ENERGIES if name in current),
        channels,
        frozenset(current),
        frozenset(item.obis for _, item in objects if not item.known),
        any(item.past for _, item in objects),
        bool(objects) and objects[0][1].obis.a is None,
        suffixed,
    )


def lines_of(text: str) -> list[str]:
    """Return the lines of a telegram, without their ends."""
    return text.split(line_end(text))


def take_apart(lines: Sequence[str]) -> list[Object]:
    """Return the objects of a telegram's lines, its identification first; what is no object is left out."""
    objects: list[tuple[Code, list[str]]] = []
    for line in lines:
        head, _, rest = line.partition("(")
        found = code(head) if len(head) <= _LONGEST_CODE else None
        if found is not None and rest[-1:] == ")":
            body = rest[:-1]
            groups = (body,) if "(" not in body and ")" not in body else _groups(body)
            if groups:
                objects.append((found, [*groups]))
                continue
        for one, more in _several(line):
            if one is not None:
                objects.append((one, [*more]))
            elif objects:
                # A value on a line of its own belongs to the object before it (DSMR 3.0 P1 §5.12).
                objects[-1][1].extend(more)
    return of_this_meter([(one, tuple(groups)) for one, groups in objects], lines[0][1:])


def of_this_meter(objects: list[Object], ident: str) -> list[Object]:
    """Return the objects with what their codes stand for on this meter.

    A heat meter leaves the medium out of its codes: 6.8 is reactive energy, unless it is in GJ or the like, or the
    identification is a heat meter's. And where `*00` is no past period, it is now.
    """
    if not objects:
        return objects
    if objects[0][0].obis.a is None and (
        ident.startswith(_HEAT_IDENTS) or any(_is_heat(found, groups) for found, groups in objects)
    ):
        return [(heat_code(found.obis) or found, groups) for found, groups in objects]
    if is_now(objects):
        return [(current(found) if found.obis.f == 0 else found, groups) for found, groups in objects]
    return objects


def _groups(body: str) -> tuple[str, ...]:
    """Return the groups of `1)(2)(3`; none if there is another object among them."""
    groups = tuple(body.split(")("))
    return groups if body.count("(") == body.count(")") == len(groups) - 1 else ()


def _several(line: str) -> Iterator[tuple[Code | None, tuple[str, ...]]]:
    """Yield the objects of a line with any number of them; None for the code of what continues the line before."""
    for part in line.replace("\r", "").split("\n"):
        try:
            found = split_line(part)
        except ValueError:
            continue
        for text, groups in found:
            one = code(text) if text else None
            if one is not None or not text:
                yield one, groups


def _is_heat(found: Code, groups: Sequence[str]) -> bool:
    return number_with_unit(groups[0])[1] in _HEAT_UNITS.get(found.name, ())
