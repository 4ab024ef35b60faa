"""Telegrams of every system, whole and damaged, and a judgement of their checksums that shares nothing with ours."""

from datetime import datetime
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.compose import NL5, compose
from tests.meter.composing import BLOCK, HEAT_BLOCK, HOLLEY, NL2, checked, unchecked, with_parity
from tests.simulation.checksum import crc16
from tests.simulation.cipher import Cipher
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

from .content import as_bare, as_block, as_telegram, is_certain, said, spoilt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.telegrams import System

    from .choices import Choices

OWNER: Final = Cipher(
    b"SAGfuzz1", bytes.fromhex("5AFE00112233445566778899AABBCCDD"), bytes.fromhex("00112233445566778899AABBCCDDEEFF")
)
STRANGER: Final = Cipher(b"SAGfuzz1", bytes(16), OWNER.authentication_key)


def _made(system: System) -> bytes:
    household = Household(seed=7, start=datetime(2026, 11, 21, 13, tzinfo=ZONE), system=system.name)
    household.step(system.interval)
    return system.compose(household)


NL5_SHORT: Final = checked(
    "/ISK5\\2M550T-1013\n\n1-3:0.2.8(50)\n0-0:1.0.0(261121125900W)\n1-0:1.8.1(004512.345*kWh)\n"
    "1-0:1.7.0(01.193*kW)\n0-1:24.1.0(003)\n0-1:24.2.1(261121125500W)(02569.646*m3)\n!"
)
_NL3: Final = unchecked("/KAM5\n\n1-3:0.2.8(30)\n1-0:1.8.1(00368.000*kWh)\n1-0:1.7.0(0000.10*kW)\n!")
_D0: Final = unchecked("/ESY5Q3DA1004 V3.04\n\n1-0:1.8.0*255(00012345.6789999*kWh)\n!")
UNCHECKED: Final = (NL2, _NL3, _D0, with_parity(_D0))
LONG: Final = tuple(_made(system) for system in SYSTEMS.values() if system.cipher is None)
"""A telegram of each system that is not encrypted."""
BLOCKS: Final = (BLOCK, HEAT_BLOCK)
_P1: Final = (NL5_SHORT, HOLLEY, *UNCHECKED)
LINES: Final = (*((NL5_SHORT, HOLLEY), UNCHECKED, _P1, BLOCKS) * 4, LONG)
"""What may come down one line: no meter sends telegrams on one day and blocks on the other."""
SEALED: Final = {OWNER.seal(text, number): text for number, text in enumerate((NL5_SHORT, HOLLEY, NL5_SHORT))}
"""What stands in some encrypted frames of `OWNER`."""

# --- telegrams that say strange things --------------------------------------------------------------------------------

CODES: Final = (
    *NL5,
    *("0-2:24.1.0", "0-2:96.1.0", "0-2:24.2.1", "0-3:24.2.3", "0-4:24.2.2", "0-1:24.3.0", "0-1:24.4.0", "0-0:98.1.0"),
    *("0-0:96.1.4", "0-0:96.13.1", "0-0:17.0.0", "1-0:1.6.0", "1-0:1.4.0", "1-1:31.4.0", "1-0:31.4.0", "1-0:51.4.0"),
    *("1.8.0", "1-0:1.8.0", "1-0:1.8.0*255", "1-0:1.8.0*01", "1.8.1&02", "1.6.1*03", "C.1.0", "F.F", "0.9.1", "0.9.2"),
    *("0.1.0", "0.1.2*01", "1-0:0.9.1", "1-0:0.9.2", "6.8", "6.26", "6.31", "9.21", "0.0", "F", "L.1*02", "0-0:42.0.0"),
    *("1-0:13.7.0", "1-0:14.7.0", "1-0:3.8.0", "1-0:4.8.1", "1-0:15.8.0", "0-0:96.3.10", "0-1:96.3.10", "7-0:3.1.0"),
    *("8-1:1.0.0", "6-0:1.0.0", "1-0:99.99.9", "255-255:255.255.255*255", "256-0:1.8.0", "1-0:1.8", ""),
)
VALUES: Final = (
    *("", "0", "1", "000004.345*kWh", "-1*kW", "+00.5*kW", "99999999999999999999999999*kWh", "9" * 200, "1.2.3*V"),
    *("1e5*A", "NaN", "inf*kW", "\u00b2\u00b3", "00012345.6789999*kWh", "4*GJ", "5*m3", "5*dm3", "12*Wh", "3*kVArh"),
    *("261121125900W", "261025023000", "261025023000S", "000101000000W", "991399256199S", "1261121125900", "26-11-21"),
    *("12:59:00", "125900", "0261121", "32363131", "4530303437", "FF", "!", "/ISK5", "a;b,c\"d'e=f g\\h", "{{ 1 }}"),
    *(
        "(1-0:1.6.0",
        "3",
        "003",
        "007",
        "255",
        "0-1:24.2.1",
        "m3",
        "kWh",
        "(",
        "*",
        "**",
        "*kWh",
        "1*",
        "\t",
        "\x00\x7f",
    ),
)
# What no line can hold is what ends it.
_LETTERS: Final = "".join(map(chr, range(0x20, 0x7F))) + "\u00e9\u00ff\t"


def strange(choices: Choices) -> bytes:
    """A telegram with a right checksum whose lines say what no meter would."""
    # The first line is one that a meter could send: a telegram begins with an ident line and a code.
    lines: dict[str, str] = {choices.one_of(tuple(NL5)): f"({choices.one_of(VALUES)})"}
    while choices.are_left and len(lines) < 12:
        groups: list[str] = []
        while len(groups) < 8:
            groups.append(choices.text(_LETTERS, 20) if choices.one_in(4) else choices.one_of(VALUES))
            if not choices.one_in(3):
                break
        code = choices.one_of(CODES)
        # The same code twice: the second differs by a blank, which stands for nothing.
        lines[code + " " * (code in lines)] = f"({')('.join(groups)})"
    ident = choices.one_of(
        ("ISK5\\2M550T-1013", "FLU5\\253769484_A", "SAG5SAG-METER", "ESO5\\x", "KAM MC", "x", "LUGCUH50")
    )
    return compose(lines, f"{ident:3}"[:100])


# --- damage -----------------------------------------------------------------------------------------------------------

TOKENS: Final = (
    *(b"/", b"!", b"\r\n", b"\n", b"\x02", b"\x03", b"!\r\n", b"\n!\r\n", b"!1A2B\r\n", b"/ISK5\\2M550T-1013\r\n\r\n"),
    *(b"/?!\r\n", b"\x06050\r\n", b"\x15", b"\xaf", b"\x8d\n", b"/abc\r\n\x02", b"(", b")", b"1-0:1.8.0(", b"\xdb\x08"),
    b"\xdb\x08SAGfuzz1\x82\x01\x2c\x30",
    b"\xdb\x08SAGfuzz1\x82\x1f\xf0\x20",
    b"\xdb\x08SAGfuzz1\x7f\x30",
    b"\xe6\xe7\x00",
    b"/ABC5x\r\n\r\n\x00\x82\x01\x2c\x30",
    bytes(40),
    b"\xff" * 40,
    b"\x7e\xa0\x20",
)


def damaged(choices: Choices, telegram: bytes) -> bytes:
    """What is left of a telegram after something happened to it on its way."""
    at = choices.below(len(telegram))
    before, after = telegram[:at], telegram[at:]
    match choices.below(9):
        case 0:
            return before + bytes([after[0] ^ 1 << choices.below(8)]) + after[1:]
        case 1:
            return before + after[1 + choices.below(40) :]
        case 2:
            return before
        case 3:
            return after
        case 4:
            return before + choices.some(30) + after
        case 5:
            return before + after[:1] + after
        case 6:
            return before + choices.one_of(TOKENS) + after
        case 7:
            return telegram.replace(b"\r", b"", choices.below(8))
        case _:
            return before + bytes([choices.below(256)]) + after[1:]


# --- judgement --------------------------------------------------------------------------------------------------------

_BEFORE_BLOCK: Final = re.compile(rb"[^\n]*\n(?:[\x00\r\n\x7f]|[\x06\x15][^\n]{0,16}\n)*")
_HEXADECIMAL: Final = re.compile(rb"[0-9A-Fa-f]{1,4}")
_PRINTABLE: Final = re.compile(rb"/[ -~]+(?:[\t\r\n\f\v\x00\x7f]|[\x06\x15][^\n]{0,16}\n|\x02|[ -~])*")


def is_right(raw: bytes) -> bool:
    """Whether the checksum of a telegram is right, worked out here; it has to have one."""
    text = bytes(byte & 0x7F for byte in raw) if raw[:1] == b"\xaf" else raw
    if text[-2:-1] == b"\x03":
        head = _BEFORE_BLOCK.match(text)
        assert head is not None
        return any(
            _block_check(one) == text[-1] for one in _with_line_ends(text[head.end() + (text[head.end()] == 2) : -1])
        )
    body, mark, stated = text.rpartition(b"!")
    number = stated.strip()
    if not _HEXADECIMAL.fullmatch(number):
        return False
    return any(int(number, 16) == crc16(one) for one in _with_line_ends(body + mark))


def _with_line_ends(data: bytes) -> tuple[bytes, ...]:
    """What the checksum may be of: a proxy or an editor may have taken away the CRs."""
    return (data,) if b"\r" in data else (data, data.replace(b"\n", b"\r\n"))


def _block_check(data: bytes) -> int:
    check = 0
    for byte in data:
        check ^= byte
    return check & 0x7F


def is_text(raw: bytes) -> bool:
    """Whether a telegram that has no checksum holds nothing but what can be read, and ends with its `!` line."""
    text = bytes(byte & 0x7F for byte in raw) if raw[:1] == b"\xaf" else raw
    return _PRINTABLE.fullmatch(text) is not None and text.rstrip().endswith(b"!")


class Piece(NamedTuple):
    """A part of a stream.

    Attributes:
        sent: the bytes on the line.
        whole: the telegram that has to be found there; None: it is noise, or damaged.
    """

    sent: bytes
    whole: bytes | None


def hostile(choices: Choices, kinds: Sequence[bytes]) -> Piece:
    """A telegram of one of these kinds with a right checksum, if they have one, and a content that no meter sends."""
    kind = choices.one_of(kinds)
    what = spoilt(choices, said(kind))
    if kinds is BLOCKS:
        # Whether it is taken depends on its lines: so few bits of a check vouch for them.
        return Piece(as_block(what, choices), None)
    if kind in UNCHECKED:
        return Piece(as_bare(what), None)
    sent = as_telegram(what, choices)
    return Piece(sent, sent if is_certain(sent) else None)


def piece(choices: Choices, kinds: Sequence[bytes]) -> Piece:
    """A telegram whose content is hostile, as often as not; or a whole one, a damaged one, or noise."""
    if choices.one_in(2):
        return hostile(choices, kinds)
    match choices.below(8):
        case 0 | 1:
            telegram = choices.one_of(kinds)
            return Piece(telegram, telegram)
        case 2:
            telegram = choices.one_of(kinds) if kinds is BLOCKS else strange(choices)
            return Piece(telegram, telegram)
        case 3 | 4:
            return Piece(damaged(choices, choices.one_of(kinds)), None)
        case 5:
            return Piece(choices.some(60), None)
        case _:
            return Piece(choices.one_of(TOKENS), None)
