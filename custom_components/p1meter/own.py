"""Registers that a person makes of any code the meter sends; also from the tables of two older programs. Pure.

What a person types or pastes is only ever read, never run: there is no `eval`, and a regular expression in a table is
looked at for the value and the unit it means.
"""

from dataclasses import dataclass
from enum import StrEnum
import re
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

from .memory import slot_id
from .meter import Obis, Reading
from .meter.codes import code_of
from .meter.values import number_with_unit, plain_text, unit_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from .meter import Telegram

type Kind = Literal["number", "text"]
type Objects = Sequence[tuple[Obis, tuple[str, ...]]]

OWN: Final = "own"
"""Stands where the role of a meter stands in the slots of other values."""

_CURRENT = 255  # F = 255 is the value of now (IEC 62056-61 §5)
_MOST_VALUES = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRegister:
    """A value that a person wants as a sensor.

    Attributes:
        id: what it is called in unique ids: small letters, digits and `_`; it never changes.
        code: of the line. Without A and B it stands for the first line with the rest of it, whoever's it is.
        index: which of the values between brackets, from 0.
        name: as the person calls it.
        kind: whether it is a number or a text.
        unit: what a number without a unit is in; a unit that is sent wins. None: in none.
        device_class: Home Assistant's, or None.
        state_class: Home Assistant's, or None.
    """

    id: str
    code: Obis
    index: int = 0
    name: str
    kind: Kind
    unit: str | None = None
    device_class: str | None = None
    state_class: str | None = None

    @property
    def slot_id(self) -> str:
        """What its slot is called, as `memory.Slot.id`."""
        return slot_id(OWN, self.id)

    @property
    def notation(self) -> str:
        """Its code and which value, as a person may type it: `1.6.2*01~1`; the first value goes without saying."""
        return f"{self.code}~{self.index}" if self.index else str(self.code)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Take up what `to_json` gave."""
        code, index = parse_notation(data["code"])
        return cls(
            id=data["id"],
            code=code,
            index=index,
            name=data["name"],
            kind=data["kind"],
            unit=data.get("unit"),
            device_class=data.get("device_class"),
            state_class=data.get("state_class"),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as a dict of texts; what is not set is left out."""
        further = {"unit": self.unit, "device_class": self.device_class, "state_class": self.state_class}
        return {
            "id": self.id,
            "code": self.notation,
            "name": self.name,
            "kind": self.kind,
            **{key: value for key, value in further.items() if value is not None},
        }

    def read(self, telegram: Telegram) -> Reading | None:
        """Return its value in a telegram, as a reading under its slot's id; None where its line is not there.

        The value is a Decimal or a text; None where the line has no such value, or not one of this kind.
        """
        sent = find(self.code, telegram.objects)
        if sent is None:
            return None
        value = sent[self.index] if self.index < len(sent) else ""
        if self.kind == "text":
            return Reading(self.slot_id, plain_text(value), None, None, self.code, None)
        number, unit = number_with_unit(value)
        return Reading(self.slot_id, number, unit or self.unit, None, self.code, None)


def read_all(registers: Iterable[OwnRegister], telegram: Telegram) -> dict[str, Reading]:
    """Return what a telegram has of these registers, by slot id."""
    found = ((register.slot_id, register.read(telegram)) for register in registers)
    return {slot: reading for slot, reading in found if reading is not None}


def parse_notation(text: str) -> tuple[Obis, int]:
    """Return the code and which of its values is meant: `1.6.2*01~1` is the second value of `1.6.2*01`.

    Raises:
        ValueError: `text` is no code, or what follows `~` is no number.
    """
    code, mark, index = text.strip().partition("~")
    if mark and not (index.isascii() and index.isdecimal() and int(index) <= _MOST_VALUES):
        raise ValueError(f"no number of a value: {text!r}")
    return Obis.parse(code.strip()), int(index or 0)


def find(code: Obis, objects: Objects) -> tuple[str, ...] | None:
    """Return the values of the first object that a code stands for, None where there is none.

    E = 0 and F = 255 may be left out, `&` is taken for `*`, and a code without A and B, on either side, is as
    protocols have it: one that is sent is of `1-0`, one that is asked for is of whatever comes first.
    """
    return next((values for sent, values in objects if _stands_for(code, sent)), None)


def _stands_for(code: Obis, sent: Obis) -> bool:
    # Most are told apart by the first look: this runs for each line of each telegram.
    if code.c != sent.c or code.d != sent.d or _period(code) != _period(sent):
        return False
    if code.a is not None and (code.a, code.b) != ((1, 0) if sent.a is None else (sent.a, sent.b)):
        return False
    return code_of(code).part == code_of(sent).part


def _period(code: Obis) -> int | None:
    return None if code.f == _CURRENT else code.f


def kind_of(value: str) -> Kind:
    """Return what a value most likely is: a number has a unit or a decimal point, anything else may be an id."""
    number, unit = number_with_unit(value)
    return "number" if number is not None and (unit is not None or "." in value) else "text"


def first_number(sent: Sequence[str]) -> int:
    """Return which value of a line is most likely meant: the first number; a time often stands before it."""
    return next((place for place, value in enumerate(sent) if kind_of(value) == "number"), 0)


def new_id(wish: str, taken: Collection[str]) -> str:
    """Return an id that is not taken, made of a name or a code."""
    plain = re.sub(r"[^a-z0-9]+", "_", wish.lower()).strip("_") or "register"
    return next(name for name in _numbered(plain) if name not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


class Unusable(StrEnum):
    """Why a line of a table could not be used."""

    NOT_A_LINE = "not_a_line"
    """It is not what such a table is made of."""
    NOT_A_CODE = "not_a_code"
    """What stands where a code should is none."""
    NO_VALUE = "no_value"
    """The expression does not take one whole value between brackets."""
    TWICE = "twice"
    """The same code stands further up."""


class PastedLine(NamedTuple):
    """A line of a table: its number, from 1, and its text."""

    number: int
    text: str


class Pasted(NamedTuple):
    """What became of a table.

    Attributes:
        registers: the new ones.
        there: lines with a code that p1meter, or a register of the person, shows already.
        unusable: lines that could not be used, and why.
    """

    registers: list[OwnRegister]
    there: list[PastedLine]
    unusable: list[tuple[PastedLine, Unusable]]


@dataclass(frozen=True, slots=True)
class _Wish:
    """A line of a table, as far as it could be read; `index` None: it does not say; `last`: the last value counts."""

    line: PastedLine
    code: str
    id: str
    name: str
    index: int | None = None
    last: bool = False
    unit: str | None = None


def translate(text: str, existing: Iterable[OwnRegister], telegram: Telegram | None) -> Pasted:
    """Make registers of a `dsmrNN` table or an `ObisSelected` file.

    `dsmrNN.py`, of a script called DSMR, is a dict, `"1-0:1.8.1": ["what it is", "name", "expression"]`.
    `ObisSelected`, of smartmeter 3.0, has a code on each line, `1-0:1.8.1[ what it is`. In both, what begins with `#`
    is a remark.

    Args:
        text: the table, whole or a part of it.
        existing: the registers that are there.
        telegram: the newest one, if there is one: it tells numbers from texts, and which value is the last one.
    """
    # What some editors write in front of a file.
    text = text.removeprefix("\ufeff")
    existing = list(existing)
    there = {(register.code, register.index) for register in existing}
    taken = {register.id for register in existing}
    pasted = Pasted([], [], [])
    seen: set[Obis] = set()
    for item in _table(text) if _is_table(text) else _selection(text):
        if not isinstance(item, _Wish):
            pasted.unusable.append(item)
            continue
        try:
            code = Obis.parse(item.code)
        except ValueError:
            pasted.unusable.append((item.line, Unusable.NOT_A_CODE))
            continue
        if code in seen:
            pasted.unusable.append((item.line, Unusable.TWICE))
            continue
        seen.add(code)
        sent = None if telegram is None else find(code, telegram.objects)
        index = _last(sent, item.unit) if item.last and sent else item.index
        if index is None:
            index = first_number(sent or ())
        meaning = code_of(code)
        if (meaning.known and not meaning.past) or (code, index) in there:
            pasted.there.append(item.line)
            continue
        value = sent[index] if sent and index < len(sent) else ""
        identity = new_id(item.id, taken)
        taken.add(identity)
        pasted.registers.append(
            OwnRegister(
                id=identity,
                code=code,
                index=index,
                name=item.name or str(code),
                kind="number" if item.unit else kind_of(value),
                unit=item.unit,
            )
        )
    return pasted


def _last(sent: Sequence[str], unit: str | None) -> int:
    """Return the number of the last value in this unit, of the last one without."""
    fitting = [place for place, value in enumerate(sent) if unit is None or number_with_unit(value)[1] == unit]
    return min(fitting[-1] if fitting else len(sent) - 1, _MOST_VALUES)


# --- ObisSelected -----------------------------------------------------------------------------------------------------


def _selection(text: str) -> Iterator[_Wish | tuple[PastedLine, Unusable]]:
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            code, _, name = stripped.partition("[")
            # What opens it is no bracket but a mark; people, and the file that comes with the program, close it.
            name = name if "[" in name else name.removesuffix("]")
            yield _Wish(PastedLine(number, stripped), code.strip(), code, " ".join(name.split()))


# --- dsmrNN -----------------------------------------------------------------------------------------------------------

# Every alternative begins with another character and keeps what it took: linear in time, whatever is pasted.
_TOKENS = re.compile(
    r"""(?P<blank>[^\S\n]++|\#[^\n]*+)|(?P<end>\n)|(?P<mark>[\[\]{},:])|"""
    r"""(?P<string>[rR]?(?:"(?:[^"\\\n]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'))|(?P<other>[^\n])"""
)
# `"code": ["description", "name", "expression"]`, with each token as the one character of `_Token.kind`.
_ENTRY = re.compile(r"s:\[s,s,s,?\]")
# Somewhere an entry begins: `": [`. In the other kind of table no quote does.
_BEGINS_ENTRY = re.compile(r"""["']\s*+:\s*+\[""")
# `\*kWh\)` behind the group: the value has this unit.
_UNIT = re.compile(r"\\\*([^\\()*]+)")


class _Token(NamedTuple):
    """A token of a table: `s` is a string, `o` what does not belong there, any other kind is itself."""

    kind: str
    text: str
    line: int


def _is_table(text: str) -> bool:
    """Whether it has an entry of a dict, or the first thing that is no remark begins a dict or a string."""
    first = next((line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")), "")
    return first.startswith(("{", '"', "'", 'r"', "r'")) or _BEGINS_ENTRY.search(text) is not None


def _table(text: str) -> Iterator[_Wish | tuple[PastedLine, Unusable]]:
    lines = text.split("\n")
    tokens = list(_tokens(text))
    kinds = "".join(token.kind for token in tokens)
    place = 0
    while place < len(tokens):
        if kinds[place] in "{},":
            place += 1
            continue
        line = PastedLine(tokens[place].line, lines[tokens[place].line - 1].strip())
        if (entry := _ENTRY.match(kinds, place)) is None:
            yield line, Unusable.NOT_A_LINE
            place = next(
                (later for later in range(place, len(tokens)) if tokens[later].line > line.number), len(tokens)
            )
            continue
        code, name, metric, expression = (_content(tokens[place + offset].text) for offset in (0, 3, 5, 7))
        place = entry.end()
        if (found := _value_of(expression)) is None:
            yield line, Unusable.NO_VALUE
        else:
            index, last, unit = found
            yield _Wish(line, code.strip(), metric or code, " ".join((name or metric).split()), index, last, unit)


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for found in _TOKENS.finditer(text):
        match found.lastgroup:
            case "end":
                line += 1
            case "mark":
                yield _Token(found[0], found[0], line)
            case "string" | "other" as kind:
                yield _Token(kind[0], found[0], line)


def _content(literal: str) -> str:
    """Return what a string literal holds, as far as it matters here."""
    if literal[0] in "rR":
        return literal[2:-1]
    return re.sub(r"""\\([\\"'])""", r"\1", literal[1:-1])


def _value_of(expression: str) -> tuple[int, bool, str | None] | None:
    r"""Return which value a regular expression takes: its number, whether it is the last one, and its unit.

    Of `^.*\((.*)\*kWh\)` it is the last one, in kWh: what stands before the group is greedy. Without such a
    beginning the brackets before the group are counted. None: it takes something else than one value.
    """
    # Escaped characters are kept as pairs, so that a bracket alone is one that groups.
    parts: list[str] = re.findall(r"\\.|[^\\]", expression)
    start = next((place for place, part in enumerate(parts) if part == "("), len(parts))
    if parts[start - 1 : start] != [r"\("] or ")" not in parts[start:] or parts[start + 1 : start + 2] == ["?"]:
        return None
    head = parts[:start]
    tail = "".join(parts[parts.index(")", start) + 1 :])
    unit = _UNIT.match(tail)
    greedy = any(head[place : place + 2] == [".", "*"] and head[place + 2] != "?" for place in range(len(head) - 2))
    index = 0 if greedy else head.count(r"\(") - 1
    return None if index > _MOST_VALUES else (index, greedy, None if unit is None else unit_of(unit[1]))
