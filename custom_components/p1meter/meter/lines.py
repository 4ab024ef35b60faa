"""The lines of a telegram, taken apart into objects."""

from typing import TYPE_CHECKING, NamedTuple

from .codes import Code, code, current, heat_code
from .obis import split_line
from .slots import is_now
from .values import UNITS, number_with_unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

type Object = tuple[Code, tuple[str, ...]]
"""What a code stands for, and the groups that were sent under it."""

# What a heat meter that leaves the medium out cannot share with an electricity meter: its energy and its volume.
_HEAT_UNITS = {"1-0:6.8.0": UNITS["energy"], "1-0:6.26.0": UNITS["volume"]}
# Heat meters by their identification: Kamstrup Multical, Siemens 2WR5, Landis+Gyr Ultraheat.
_HEAT_IDENTS = ("KAM MC", "SIEC2WR", "LUGCUH")
_LONGEST_CODE = 23  # 255-255:255.255.255*255: what is longer is none, and not worth remembering


class Lines(NamedTuple):
    """What the lines of a telegram hold.

    Attributes:
        objects: Every object, in order.
        places: For each line the place of its object, if it has just one that is all on this line.
        end: Which line begins with `!`.
    """

    objects: list[Object]
    places: list[int | None]
    end: int


def take_apart(lines: Sequence[str]) -> Lines:
    """Return the objects of a telegram's lines, its identification first; what is no object is left out."""
    objects: list[Object] = []
    places: list[int | None] = [None] * len(lines)
    end = len(lines)
    last = 0
    for index, line in enumerate(lines):
        head, _, rest = line.partition("(")
        found = code(head) if len(head) <= _LONGEST_CODE else None
        if found is not None and rest[-1:] == ")":
            body = rest[:-1]
            groups = (body,) if "(" not in body and ")" not in body else _groups(body)
            if groups:
                places[index] = len(objects)
                objects.append((found, groups))
                last = index
                continue
        if line[:1] == "!":
            end = index
            break
        for one, more in _several(line):
            if one is not None:
                objects.append((one, more))
                last = index
            elif objects:
                # A value on a line of its own belongs to the object before it (DSMR 3.0 P1 §5.12).
                places[last] = None
                objects[-1] = (objects[-1][0], objects[-1][1] + more)
    return Lines(of_this_meter(objects, lines[0][1:]), places, end)


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
            found = split_line(part.encode("latin-1"))
        except ValueError:
            continue
        for text, groups in found:
            one = code(text) if text else None
            if one is not None or not text:
                yield one, groups


def _is_heat(found: Code, groups: Sequence[str]) -> bool:
    return number_with_unit(groups[0])[1] in _HEAT_UNITS.get(found.name, ())
