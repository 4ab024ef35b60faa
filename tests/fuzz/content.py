"""Telegrams that are whole, and say what no meter says: the content is spoilt first, the checksum is made afterwards.

What is damaged on its way is refused, and tells nothing of what stands behind the checksum. The checksums here are
those of the library, not of the code under test; `telegrams.is_right` works them out once more.
"""

from functools import lru_cache, partial, reduce
from operator import xor
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from fastcrc import crc16

from tests.meter.twins import TWINS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .choices import Choices

P1_LIMIT: Final = 8 * 1024
BLOCK_LIMIT: Final = 64 * 1024
"""The most bytes of a frame (protocol reference, §0.11)."""
_STORM: Final = 3000  # so many times is a line repeated at most
_LONGEST_LINE: Final = 6000


class Said(NamedTuple):
    """What a telegram says: its identification without the slash, and its lines, the blank one behind it too."""

    ident: str
    lines: tuple[str, ...]


@lru_cache(maxsize=256)
def said(raw: bytes) -> Said:
    """Take a telegram of any kind apart: P1 or block, with or without a checksum."""
    text = bytes(byte & 0x7F for byte in raw) if raw[:1] == b"\xaf" else raw
    ident, _, rest = text.decode("latin-1").replace("\r", "").partition("\n")
    data = rest.partition("\x03")[0].lstrip("\x02")
    return Said(ident[1:], tuple(data[: data.rindex("!")].removesuffix("\n").split("\n")))


KINDS: Final = tuple(said(twin.raw) for twin in TWINS)
"""Each form that a real telegram has."""

# --- frames with a right checksum -------------------------------------------------------------------------------------

_ENDS: Final = (b"%04X\r\n", b"%04x\r\n", b"%X\r\n", b"%04X\n", b" %04X\r\n", b"%04X \r\n", b"%04X\t\r\n")


def as_telegram(what: Said, choices: Choices) -> bytes:
    """Return it as a P1 telegram with its checksum, which some write otherwise than others."""
    body = "\r\n".join((f"/{what.ident}", *what.lines, "!")).encode("latin-1")
    return body + (choices.one_of(_ENDS) if choices.one_in(8) else _ENDS[0]) % crc16.arc(body)


def as_bare(what: Said) -> bytes:
    """Return it as a P1 telegram of a meter that sends no checksum."""
    return "\r\n".join((f"/{what.ident}", *what.lines, "!", "")).encode("latin-1")


def as_block(what: Said, choices: Choices) -> bytes:
    """Return it as an IEC 62056-21 block, seven bits to a character, with its block check."""
    end = choices.one_of(("!\r\n", "!", "")) if choices.one_in(8) else "\r\n!\r\n"
    text = "\r\n".join(line for line in what.lines if line).translate(_FRAMING) + end
    data = bytes(byte & 0x7F for byte in text.encode("latin-1")).translate(None, b"\x02\x03") + b"\x03"
    return f"/{what.ident}\r\n".encode("latin-1") + b"\x02" + data + bytes([reduce(xor, data)])


_FRAMING: Final = dict.fromkeys(map(ord, "\x02\x03\x82\x83"))
# What is more than text within a telegram: its end, the start of another one, of a block, of an encrypted frame.
_AMBIGUOUS: Final = re.compile(
    rb"\n[!/\xaf]|[\x02\x03\x82\x83]|\xdb|!\r?\n.|\r\n[\x00\x08]|\n\r*[\x06\x15\x95]", re.DOTALL
)
# A telegram begins with an ident line and a code; a line with a slash and no brackets could be an ident, too.
_BEGINNING: Final = re.compile(rb"""/[ "-'*-~]{3,100}\r\n(?:\r\n)?(?:\d{1,3}-\d{1,3}:)?\d{1,3}\.\d{1,3}\.\d{1,3}\(""")
_LIKE_IDENT: Final = re.compile(rb"/[^()!\n]*\n")


def is_certain(sent: bytes) -> bool:
    """Return whether a P1 telegram with its checksum has to be found whole: nothing in it is anything else."""
    content = sent[: sent.rindex(b"\r\n!")] + b"\r\n"
    return (
        len(sent) <= P1_LIMIT
        and _BEGINNING.match(sent) is not None
        and not _AMBIGUOUS.search(content, 1)
        and not _LIKE_IDENT.search(content, content.index(b"\n"))
    )


# --- what may be said -------------------------------------------------------------------------------------------------

_RUNS: Final = (17, 18, 19, 23, 24, 25, 28, 29, 100, 1000, 4300, 4301, 5000, 5000)
_NUMBERS: Final = (
    *("1E999999", "1e-999999", "1E5", "nan", "NaN", "sNaN", "inf", "Infinity", "-inf", "-0", "-0.000", "+0", "+"),
    *("-", "--1", "+-1", "1_000", "0x10", "1.2.3", "1..2", ".", "..", ".5", "5.", " 5", "5 ", "5\t", "1,5", "1 000"),
    *("\xb2\xb3", "\xb9", "\xbc", "", "0", "00000000", "1", "-1", "99999999", "0.0000001"),
    *("9999999999999999.9999999", "999999999999999999999999", "99999999999999999999999.9"),
    *("0.0000000000000000000001", "2147483648", "4294967295"),
)
_UNITS: Final = (
    *("", "*", "**", "*Wh", "*kWh", "*MWh", "*GWh", "*kwh", "*KWH", "*GJ", "*MJ", "*W", "*kW", "*MW", "*mW", "*V"),
    *("*mV"),
    *("*kV", "*A", "*mA", "*kA", "*Hz", "*m3", "*dm3", "*l", "*L", "*m3/h", "*m3ph", "*s", "*h", "*min", "*secs"),
    *("*var"),
    *("*kvar", "*kVArh", "*kvarh", "*VA", "*kVA", "*C", "*\xb0C", "*m\xb3", "*kWh*kWh", "kWh", "kW", "m3", "* kWh"),
    *("*kWh "),
    *(f"*{'k' * 9}", f"*{'k' * 4300}", "*\x00", "*)", "*(", "*%", "*1"),
)
_STAMPS: Final = (
    *("261121125900W", "261121125900S", "260721125900S", "260721125900W", "261121125900", "2611211259"),
    *("261121125900X"),
    *("000000000000W", "261301000000W", "261131240000W", "261199000000S", "260230120000W", "240229120000W"),
    *("261121246060W"),
    *("261121240000W", "261121126000W", "261121125960W", "26112112590\xb2W", "632525252525W", "700101010000W"),
    *("691231235959S"),
    *("000101000000W", "050101000000W", "041231235959W", "991231235959S", "261025023000", "261025023000S"),
    *("261025023000W"),
    *("260329023000", "260329023000S", "1261121125900", "0261121125900", "2261121125900", "20261121 12:59:00"),
    *("202611211259"),
    *("26-11-21 12:59", "26-11-21 12:59:00", "26-13-41 25:61:61", "\x00" * 13, "-" * 13, "            W"),
    *("2611211259001W"),
    *("+61121125900W", "26112112590 W", "26 121125900W", "9" * 13, "9" * 12, "9" * 10, "0" * 12, "0", "", "S", "W"),
)
_TOKENS: Final = (
    *("(", ")", "()", ")(", "((", "))", "(()", "())", ")()(", "*", "!", "/", "\\", "\r", "\n", "\r\n", "\n\n", "\t"),
    *("\x00"),
    *("\x01", "\x1b[2J", "\x7f", "\x80", "\xa0", "\xe9", "\xff", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"),
    *("\x85", "\xad"),
    *('"', "'", ";", ",", "=1+1", "@", "{{ 1 }}", "%s", "#", "&", "<b>", "$SYS", " ", "  ", "1-0:1.8.0(5*kWh)"),
    *("(1*kWh)"),
    *("\xff" * 40, "(" * 200, ")" * 200, "()" * 200, ")(" * 500, " " * 500, "1" * 500, "\x00" * 100),
)
_LINES: Final = (
    *("", " ", "(", ")", "()", "(5*kWh)", "(5)(6)", "()()", "!", "x", "\x00", "1-0:1.8.0", "1-0:1.8.0()"),
    *("1-0:1.8.0(5"),
    *("1-0:1.8.0(000005.000*kWh)", "1-0:1.8.1(000005.000*MWh)", "1-0:1.8.2(5*GWh)", "1-0:1.7.0(5*W)"),
    *("1-0:1.7.0(-5*kW)"),
    *("1-0:2.8.0(5*kWh)", "1-0:2.7.0(00.5*kW)", "1-0:16.7.0(-00.5*kW)", "1-0:1.4.0(02.351*kW)", "1-0:31.4.0(025*A)"),
    *("1-0:1.6.0(261121124500W)(05.5*kW)", "1-0:51.4.0(025*A)", "1-1:31.4.0(200.00*A)(-200.00*A)"),
    *("0-0:17.0.0(999.9*kW)"),
    *("0-0:96.1.4(50217)", "0-0:96.1.4(50)", "1-3:0.2.8(50)", "1-3:0.2.8(\xb5)", "0-0:42.0.0(31323334)"),
    *("0-0:96.14.0(0002)"),
    *("0-0:1.0.0(261121125900W)", "0-0:1.0.0()", "1-0:0.9.1(125900)", "1-0:0.9.2(261121)", "1-0:0.1.2(0000)(261101)"),
    *("1-0:0.1.0(7)", "0.1.2*07(2611010000)", "1.8.0*07(5*kWh)", "1.8.0*06(4)", "1.6.1*07(28.74)(2611121445)"),
    *("1.6.1&02(1)"),
    *("1-0:1.8.0*255(5*kWh)", "1-0:1.8.0*00(5*kWh)", "6.8(5*GJ)", "6.26(5*m3)", "6-0:1.0.0(5*GJ)", "F.F(00)"),
    *("C.1.0(123)"),
    *("0-1:24.1.0(003)", "0-1:24.1.0(007)", "0-2:24.1.0()", "0-2:96.1.0()", "0-1:96.1.1(3031)", "0-1:24.4.0(2)"),
    *("0-1:24.2.1(261121125500W)(5*m3)", "0-1:24.2.1(5*m3)(261121125500W)", "0-2:24.2.1(261121125500W)(5)"),
    *("0-1:24.2.3(5)"),
    *("0-1:24.3.0(261121120000)(00)(60)(1)(0-1:24.2.1)(m3)"),
    *("0-1:24.3.0(261121120000)(08)(60)(1)(0-1:24.2.1)(m3)(5)"),
    *("1-0:99.97.0()", "1-0:99.97.0(0)()", "1-0:99.97.0(2)(0-0:96.7.19)(261121125900W)(5*s)"),
    *("1-0:99.97.0(1)(0-0:96.7.19)"),
    *("0-0:98.1.0(0)()", "0-0:98.1.0(12)"),
    *("0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(261101000000W)(261012124500S)(05.5*kW)"),
    *("0-0:98.1.0(0)(1-0:1.6.0)(1-0:1.6.0)()", "0-0:98.1.0(3)(1-0:1.6.0)(1-0:1.6.0)(261101000000W)(261012124500S)"),
    *("0-0:96.13.0(48656C6C6F)", "0-0:96.13.1(FFFFFF)", "0-0:96.13.0(C3A9)", "0-0:96.13.0(0D0A09)"),
    *("1-0:99.99.9(5*xyz)"),
)
_HEADS: Final[tuple[str, ...]] = (
    *dict.fromkeys(line.partition("(")[0] for line in _LINES if re.match(r"\d", line)),
    *("256-0:1.8.0", "1-0:1.8", "1-0:1.8.0.255", "1-0.1.8.0", "01-00:001.008.000", "1-0:1.8.0*", "1-0:1.8.0*300"),
    *("1:8"),
    *("0-10:24.2.1", "0-0:24.2.1", "0-255:96.1.0", "1-0:F.F", "1-0:1.8.\xb2", "1-0:1.8.0 ", " 1-0:1.8.0"),
    *("1-1:1.8.0"),
)
_GROUP: Final = re.compile(r"\(([^()]*)\)")
_DIGITS: Final = re.compile(r"\d+(?:\.\d+)?")
_STAMP: Final = re.compile(r"\d{10,13}[SW]?")
_UNIT: Final = re.compile(r"\*[^()*]*")


def spoilt(choices: Choices, what: Said, most: int = 4) -> Said:
    """Return what a telegram says after things happened to its content that no checksum was made for."""
    ident, lines = what.ident, list(what.lines)
    for _ in range(1 + choices.below(most)):
        lines = lines or [""]
        if choices.one_in(24):
            ident = choices.one_of(_IDENTS)
        elif choices.one_in(3):
            choices.one_of(_OF_ALL)(choices, lines)
        else:
            # Blank lines say nothing.
            place = choices.below(len(lines))
            place = next((later for later in range(place, len(lines)) if lines[later]), place)
            lines[place] = choices.one_of(_OF_LINE)(choices, lines[place])[:_LONGEST_LINE]
    return Said(ident, tuple(lines) or ("",))


def moved_on(choices: Choices, what: Said) -> Said:
    """Return what the same meter says next: some numbers are others, with as many digits."""
    lines = list(what.lines)
    for _ in range(1 + choices.below(4)):
        place = choices.below(len(lines))
        digits = choices.one_of(("0", "1", "5", "9", "10", "29", "31"))
        lines[place] = _at(choices, _DIGITS, lines[place], partial(_ending, digits))
    return Said(what.ident, tuple(lines))


def _ending(digits: str, number: str) -> str:
    """Return a number that ends in these digits, where it has more of them."""
    return number[: -len(digits)] + digits if len(digits) < len(number) else number


_IDENTS: Final = (
    *("ISK5\\2M550T-1013", "FLU5\\253769484_A", "SAG5SAG-METER", "ESO5\\x", "EST5\\253710000_A", "ELS5\\1"),
    *("GRE5\\x", "ESY5Q3D"),
    *("KAM MC", "LUGCUH50", "HLY5/D545-METER", "ISk5\\2MIE5T-200", "x!y", "xyz", "xy", "", "x" * 100, "x" * 127),
    *("x\x00y"),
    *("caf\xe9", "\xff\xff\xff", "a;b,c\"d'e=f g", "{{ 1 }}", "=1+1", "123456789012"),
)


def _at(choices: Choices, pattern: re.Pattern[str], line: str, change: Callable[[str], str]) -> str:
    """Change one of the places in a line that a pattern fits."""
    places = [found.span() for found in pattern.finditer(line, line.find("(") + 1)]
    if not places:
        return line
    start, end = choices.one_of(places)
    return line[:start] + change(line[start:end]) + line[end:]


def _run(choices: Choices) -> str:
    """Return a number of many digits."""
    digits = choices.one_of("9071") * choices.one_of(_RUNS)
    return f"{digits}.{digits[:3]}" if choices.one_in(4) else digits


def _value(choices: Choices, line: str) -> str:
    """Another value in the place of one."""
    value = choices.one_of(_NUMBERS) + (choices.one_of(_UNITS) if choices.one_in(3) else "")
    return _at(choices, _GROUP, line, lambda _: f"({value})")


def _number(choices: Choices, line: str) -> str:
    """Another number where one stands, with the unit that it had."""
    number = choices.one_of(_NUMBERS)
    return _at(choices, _DIGITS, line, lambda _: number)


def _long(choices: Choices, line: str) -> str:
    number = _run(choices)
    return _at(choices, _DIGITS, line, lambda _: number)


def _sign(choices: Choices, line: str) -> str:
    sign = choices.one_of("-+ .0")
    return _at(choices, _DIGITS, line, lambda found: sign + found)


def _other_unit(choices: Choices, line: str) -> str:
    unit = choices.one_of(_UNITS)
    return _at(choices, _UNIT, line, lambda _: unit)


def _stamp(choices: Choices, line: str) -> str:
    stamp = choices.one_of(_STAMPS)
    return _at(
        choices,
        _STAMP if _STAMP.search(line) else _GROUP,
        line,
        lambda found: stamp if found[0] != "(" else f"({stamp})",
    )


def _groups(choices: Choices, line: str) -> str:
    """Groups that are doubled, missing, empty, or many."""
    times = choices.one_of((0, 2, 2, 3, 19, 40, 400))
    return _at(choices, _GROUP, line, lambda found: found * times)


def _more_groups(choices: Choices, line: str) -> str:
    return f"{line}({choices.one_of((*_STAMPS, *_NUMBERS))})"


def _count(choices: Choices, line: str) -> str:
    """The first value, which counts those that follow in some lines."""
    number = choices.one_of(("0", "1", "2", "12", "13", "99", "-1", "1.0", "\xb2", "x", "", _run(choices)))
    return re.sub(r"\([^()]*\)", f"({number})", line, count=1)


def _inserted(choices: Choices, line: str) -> str:
    at = choices.below(len(line) + 1)
    return (
        line[:at]
        + (choices.one_of(_TOKENS) if not choices.one_in(4) else choices.some(12).decode("latin-1"))
        + line[at:]
    )


def _cut(choices: Choices, line: str) -> str:
    at = choices.below(len(line) + 1)
    return line[:at] + line[at + 1 + choices.below(20) :]


def _head(choices: Choices, line: str) -> str:
    return choices.one_of(_HEADS) + line[line.find("(") :]


_OF_LINE: Final[Sequence[Callable[[Choices, str], str]]] = (
    *(_value, _number, _long, _sign, _other_unit, _stamp, _groups, _more_groups, _count, _inserted, _cut, _head),
)


def _swapped(choices: Choices, lines: list[str]) -> None:
    one, other = choices.below(len(lines)), choices.below(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _doubled(choices: Choices, lines: list[str]) -> None:
    lines.insert(choices.below(len(lines) + 1), choices.one_of(lines))


def _removed(choices: Choices, lines: list[str]) -> None:
    at = choices.below(len(lines))
    del lines[at : at + 1 + choices.below(4)]


def _repeated(choices: Choices, lines: list[str]) -> None:
    """A line many times, now and then for as long as a frame may be."""
    at = choices.below(len(lines))
    limit = (P1_LIMIT if choices.one_in(2) else BLOCK_LIMIT) - sum(map(len, lines)) - 3 * len(lines) - 200
    most = max(0, limit // (len(lines[at]) + 2))
    times = min(most, _STORM if choices.one_in(32) else choices.one_of((2, 10, 100)))
    lines[at:at] = [lines[at]] * times


def _taken(choices: Choices, lines: list[str]) -> None:
    """What stands under another code."""
    one, other = choices.below(len(lines)), choices.below(len(lines))
    head, _, _ = lines[one].partition("(")
    _, bracket, rest = lines[other].partition("(")
    lines[one] = head + bracket + rest


def _added(choices: Choices, lines: list[str]) -> None:
    lines.insert(choices.below(len(lines) + 1), choices.one_of(_LINES))


def _listed(choices: Choices, lines: list[str]) -> None:
    """A list whose count need not be that of its entries: month peaks, or power failures."""
    count = _run(choices) if choices.one_in(2) else choices.one_of(("0", "1", "2", "13", "", "-1", "\xb2"))
    code, columns, entry = choices.one_of(_LISTS)
    entries = "".join(entry.format(choices.one_of(_STAMPS), choices.one_of(_NUMBERS)) for _ in range(choices.below(5)))
    end = "()" if choices.one_in(4) else ""
    lines.insert(choices.below(len(lines) + 1), f"{code}({count}){columns}{entries}{end}")


_LISTS: Final = (
    ("0-0:98.1.0", "(1-0:1.6.0)(1-0:1.6.0)", "({0})(261012124500S)({1}*kW)"),
    ("0-0:98.1.0", "(1-0:1.6.0)(1-0:1.6.0)", "(261101000000W)({0})({1}*kW)"),
    ("1-0:99.97.0", "(0-0:96.7.19)", "({0})({1}*s)"),
)


def _of_another(choices: Choices, lines: list[str]) -> None:
    """Lines of another kind of meter."""
    other = choices.one_of(KINDS).lines
    at = choices.below(len(other))
    lines[(place := choices.below(len(lines) + 1)) : place] = other[at : at + 1 + choices.below(6)]


def _unbroken(choices: Choices, lines: list[str]) -> None:
    """Two lines in one."""
    at = choices.below(len(lines))
    lines[at : at + 2] = ["".join(lines[at : at + 2])]


_OF_ALL: Final[Sequence[Callable[[Choices, list[str]], None]]] = (
    *(_swapped, _doubled, _removed, _repeated, _taken, _added, _added, _listed, _listed, _of_another, _unbroken),
)
