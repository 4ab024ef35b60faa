"""The OBIS code as a type, and the grammar of a data line."""

from functools import lru_cache
import re
from typing import NamedTuple

_NUMBER = "[0-9]{1,3}"
_PART = rf"(?:{_NUMBER}|[CFLP])"
# One firmware prints a full stop instead of the colon after B, in whole codes: in a short one the colon was lost.
_AFTER_B = rf"(?::|\.(?={_PART}\.{_PART}\.{_NUMBER}))"
# Some write a full stop before F too: 1-1:0.5.1.2 (Landis+Gyr), 1-0:1.8.0.255.
_CODE = rf"(?:(?:{_NUMBER}-{_NUMBER}{_AFTER_B})?{_PART}\.{_PART}(?:\.{_NUMBER})?|F)(?:[*&.]{_NUMBER})?"
_CODE_PARTS = re.compile(
    rf"(?:(?:({_NUMBER})-({_NUMBER}){_AFTER_B})?({_PART})\.({_PART})(?:\.({_NUMBER}))?|(F))(?:([*&.])({_NUMBER}))?"
)
# An error message has brackets of its own, also where it stands for a value: 1-0:0.2.0((ER11)) (Iskra AM550).
_ERROR = r"\(ER[0-9]{2}\)"
_VALUE = rf"(?:[^()\n]*|{_ERROR})"
_VALUES = rf"\(({_VALUE}(?:\)\({_VALUE})*)\)"
_OBJECT = re.compile(rf"({_CODE}){_VALUES}")
_CONTINUATION = re.compile(_VALUES)
# Here the values exclude "!" and everything that is not printable (IEC 62056-21 §6). Nothing is tried twice: every
# repetition keeps what it took, so that the time is linear whatever the text is.
_GROUPS = rf"""(?:\((?:[ "-'*-~]*+|{_ERROR})\))++"""
_DATA_LINES = re.compile(
    rf"(?: *+\r*+\n|(?:{_CODE}{_GROUPS})++(?:(?: *+\r*+\n)++{_GROUPS})*+ *+\r*+\n)*+".encode(),
)
# The standard lets a maker name a value as he likes, in any characters but these four.
_DATA_SETS = re.compile(rf"""(?: *+\r*+\n|(?:[ "-'*-.0-~]*+{_GROUPS})++ *+\r*+\n)*+""".encode())


class Obis(NamedTuple):
    """An OBIS code `A-B:C.D.E*F`; a group that was not sent is None (IEC 62056-61, IEC 62056-21 §6).

    `c` and `d` are letters in the abbreviated codes `C.1.0`, `F.F`, `L.n` and `P.n`. `manual` tells `&F` (a reset by
    hand) from `*F`.
    """

    a: int | None
    b: int | None
    c: int | str
    d: int | str | None
    e: int | None = None
    f: int | None = None
    manual: bool = False

    @classmethod
    def parse(cls, text: str) -> Obis:
        """Return the code that `text` spells, in any spelling meters use.

        Raises:
            ValueError: `text` is no OBIS code.
        """
        return _parse(text)

    def __str__(self) -> str:
        """Return the canonical spelling, with every group that was sent and F in at least two digits."""
        text = ".".join(str(group) for group in (self.c, self.d, self.e) if group is not None)
        if self.a is not None:
            text = f"{self.a}-{self.b}:{text}"
        return text if self.f is None else f"{text}{'&' if self.manual else '*'}{self.f:02}"


# A meter sends some hundred codes; the bound is for a line of noise.
@lru_cache(maxsize=1024)
def _parse(text: str) -> Obis:
    parts = _CODE_PARTS.fullmatch(text)
    if parts is None:
        raise ValueError(f"not an OBIS code: {text!r}")
    a, b, c, d, e, lone, mark, f = parts.groups()
    code = Obis(
        _number(a), _number(b), _part(lone or c), None if d is None else _part(d), _number(e), _number(f), mark == "&"
    )
    if any(isinstance(group, int) and group > 255 for group in code):
        raise ValueError(f"an OBIS group is one byte: {text!r}")
    return code


def _number(digits: str | None) -> int | None:
    return None if digits is None else int(digits)


def _part(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def split_line(line: str) -> list[tuple[str, tuple[str, ...]]]:
    r"""Return the objects of one data line as (code, values): `1.8.0(1)1.8.1(2)` gives two.

    `line` comes without its line end. The code is the text as sent, for `Obis.parse`; an empty code stands for a line
    that begins with `(` and continues the object before it. The values are what stands between the brackets.
    (IEC 62056-21 §6; two-line gas value: DSMR 3.0 P1 §5.12.)

    Raises:
        ValueError: the line is no data line.
    """
    objects = []
    position = 0
    if continuation := _CONTINUATION.match(line):
        objects.append(("", tuple(continuation[1].split(")("))))
        position = continuation.end()
    while found := _OBJECT.match(line, position):
        objects.append((found[1], tuple(found[2].split(")("))))
        position = found.end()
    if not objects or line[position:].strip(" "):
        raise ValueError(f"not a data line: {line!r}")
    return objects


def are_data_lines(text: bytes) -> bool:
    """Return whether `text` is nothing but data lines and blank lines, each with its line end.

    Stricter than `split_line`: no value may hold `!` or a character that is not printable. This is what stands in
    for a checksum where a meter sends none.
    """
    return _DATA_LINES.fullmatch(text) is not None


def are_data_sets(text: bytes) -> bool:
    """Return whether `text` is nothing but data sets (IEC 62056-21 §6), whatever their values are called.

    This is what is asked of lines that a checksum vouches for.
    """
    return _DATA_SETS.fullmatch(text) is not None
