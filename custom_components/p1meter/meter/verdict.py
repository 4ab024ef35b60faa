"""Is this text a whole telegram? Where there is a checksum, it decides; where there is none, every line must fit.

Sources: DSMR 5.0.2 P1 §5.2 and §6.2 (layout and CRC), DSMR 3.0 P1 (no CRC), IEC 62056-21 §6 (blocks, lines).
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
import re
from typing import TYPE_CHECKING, NamedTuple

from .checksum import bcc, crc16_arc
from .obis import are_data_lines, are_data_sets

if TYPE_CHECKING:
    from collections.abc import Callable


class Reason(StrEnum):
    """Why bytes were refused."""

    CRC = "crc"
    TRUNCATED = "truncated"
    OVERRUN = "overrun"
    TIMEOUT = "timeout"
    GARBAGE = "garbage"
    CIPHER = "cipher"
    KEY = "key"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Bytes that are no telegram: why, the bytes (bounded by the largest frame), and a sentence for a person."""

    reason: Reason
    data: bytes
    hint: str


class Frame(NamedTuple):
    """A telegram that is whole.

    `raw` is what was received, from `/` to the end (decrypted where it was encrypted). `text` is what there is to
    decode: ident line, data lines and the `!` line. It is the same object as `raw`, except that bit 7 is stripped where
    7E1 was read as 8N1, and that an IEC 62056-21 block comes without STX, ETX and BCC, with `!` on a line of its own.
    `checksum` says whether a CRC or BCC was there; a frame whose checksum does not match is none. `block` says whether
    it is such a block.
    """

    raw: bytes
    text: bytes
    checksum: bool
    block: bool = False


class Refusal(NamedTuple):
    """Why something is refused: the reason, and a sentence for a person."""

    reason: Reason
    hint: str

    def of(self, data: bytes) -> Rejected:
        """Return `data`, refused."""
        return Rejected(self.reason, data, self.hint)


BAD_CHECKSUM = Refusal(Reason.CRC, "The checksum does not match: the telegram was damaged on its way. Check the cable.")
_BAD_CHARACTERS = Refusal(Reason.CRC, "Characters were damaged on their way. Check the cable and the line settings.")
_BAD_LINES = Refusal(Reason.TRUNCATED, "A line is not whole: a part of the telegram was lost.")
_NO_CHECKSUM = Refusal(Reason.TRUNCATED, "The checksum that this meter sends is missing: the end was lost.")
NO_BLOCK_CHECK = Refusal(Reason.TRUNCATED, "The block check after ETX is missing: the end was lost.")
OVERRUN = Refusal(Reason.OVERRUN, "No end was found within the size that a telegram can have.")

# Seen: 4 kB on a P1 port.
TELEGRAM_LIMIT = 8 * 1024
ETX = b"\x03"
# What an ident is made of. In 7E1 read as 8N1, "/" is AF, ")" A9, CR 8D and STX 82; "!", "(", LF, ETX and ACK look as
# they are.
IDENT_TEXT = rb"[^\x00-\x1f\x7f!()\xa9]"
_LONGEST_IDENT = 128
_SLASHES_IN_IDENT = 2
_SLASH_WITH_PARITY = 0xAF
_STRIP_BIT_7 = bytes(byte & 0x7F for byte in range(256))
_EVEN_PARITY = bytes(byte for byte in range(256) if byte.bit_count() % 2 == 0)

# The ident line and what may stand before STX or the first data line: blank lines, padding, an acknowledgement's echo.
_BEFORE_DATA = rb"(?:[\x00\r\n\x7f\x8d]|[\x06\x15\x95][^\n]{0,16}\n){0,64}+"
HEAD = re.compile(rb"[/\xaf][^\n]*+\n" + _BEFORE_DATA)
BLOCK_START = re.compile(rb"[/\xaf][^/\xaf\n]*+\n%b[\x02\x82]" % _BEFORE_DATA)
# The last slash of a line that could be an ident, and what may stand between two slashes of one ident.
LAST_SLASH = re.compile(rb"[/\xaf][^\x00-\x1f\x7f!()\xa9/\xaf]{1,127}\r?\n")
_BETWEEN_SLASHES = re.compile(rb"[/\xaf]%b*" % IDENT_TEXT)
# A second slash is the start of another telegram, and what says nothing is the rest of one.
_IDENT_LINE = re.compile(rb"/[ -.0-~]{3,}+\r*+")
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{1,4}")
# Objects of systems that always send a checksum: DSMR 4 and later, eMUCS, Luxembourg, Hungary.
_CHECKED_SYSTEM = re.compile(
    rb"^(?:0-0[:.]1\.0\.0|0-0:96\.1\.4|0-0:42\.0\.0|1-3:0\.2\.8(?=(?:\*255)?\(0*(?:[4-9]\d|\d{3,})\)))[*(]",
    re.MULTILINE,
)


def is_stx(data: bytes | bytearray, position: int) -> bool:
    """Return whether STX stands at `position` of what begins with a `/`."""
    return data[position : position + 1] == (b"\x82" if data[0] == _SLASH_WITH_PARITY else b"\x02")


def find_inner(raw: bytes) -> tuple[int, Frame] | None:
    """Return the whole telegram that begins within a line of `raw` and ends with it, and where it begins."""
    # Its ident is the last line with a slash and without brackets: what is whole has no other.
    for last_slash in deque(LAST_SLASH.finditer(raw), maxlen=1):
        for start in ident_starts(raw, last_slash.start()):
            frame = check(raw[start:])
            if isinstance(frame, Frame):
                return start, frame
    return None


def ident_starts(raw: bytes, last_slash: int) -> list[int]:
    """Return where an ident can start whose last slash is at `last_slash`, in order: it may hold slashes itself."""
    starts = [last_slash]
    for _ in range(_SLASHES_IN_IDENT):
        before = raw[max(0, starts[0] - _LONGEST_IDENT) : starts[0]]
        slash = max(before.rfind(b"/"), before.rfind(b"\xaf"))
        if slash < 0 or not _BETWEEN_SLASHES.fullmatch(before, slash):
            break
        starts.insert(0, starts[0] - len(before) + slash)
    return starts


def check(raw: bytes) -> Frame | Refusal:
    """Judge what runs from a `/` to an end."""
    text = raw.translate(_STRIP_BIT_7) if raw[:1] == b"\xaf" else raw
    head = HEAD.match(text)
    if head and is_stx(text, head.end()):
        return _check_block(raw, text, head.end() + 1)
    if head and ETX in text[-2:]:
        return _check_block(raw, text, head.end())  # its STX was lost: the block check tells whether more was
    if len(raw) > TELEGRAM_LIMIT:
        return OVERRUN
    body, mark, stated = text.rpartition(b"\n!")
    if not mark:
        return _NO_CHECKSUM
    stated = stated.strip()
    if stated:
        matches = _HEXADECIMAL.fullmatch(stated) and _matches(crc16_arc, body + mark, int(stated, 16))
        return Frame(raw, text, checksum=True) if matches else BAD_CHECKSUM
    if _CHECKED_SYSTEM.search(text):
        return _NO_CHECKSUM
    ident, _, lines = (body + b"\n").partition(b"\n")
    return _check_lines(raw, ident, lines, are_data_lines) or Frame(raw, text, checksum=False)


def _check_block(raw: bytes, text: bytes, start: int) -> Frame | Refusal:
    """Judge an IEC 62056-21 block whose data begin at `start`; a file may end with `!`, without ETX and BCC."""
    block = text[start:]
    checksum = block[-2:-1] == ETX
    if checksum:
        if not _matches(bcc, block[:-1], block[-1]):
            return BAD_CHECKSUM
        block = block[:-2]
    elif block.endswith(ETX):
        return NO_BLOCK_CHECK
    elif _CHECKED_SYSTEM.search(block):
        return _NO_CHECKSUM
    lines = block.rstrip(b"\r\n").removesuffix(b"!")
    if not lines.endswith(b"\n"):
        lines += b"\r\n"
    ident, _, _ = text.partition(b"\n")
    refusal = _check_lines(raw, ident, lines, are_data_sets if checksum else are_data_lines)
    return refusal or Frame(raw, ident + b"\n" + lines + b"!\r\n", checksum=checksum, block=True)


def _check_lines(raw: bytes, ident: bytes, lines: bytes, fit: Callable[[bytes], bool]) -> Refusal | None:
    """Judge text that no CRC vouches for: every character and every line must be what the standard allows."""
    if raw[0] == _SLASH_WITH_PARITY:
        if raw.translate(None, _EVEN_PARITY):
            return _BAD_CHARACTERS
    elif not raw.isascii():
        return _BAD_CHARACTERS
    fits = _IDENT_LINE.fullmatch(ident) and lines.strip() and fit(lines)
    return None if fits else _BAD_LINES


def _matches(checksum: Callable[[bytes], int], data: bytes, stated: int) -> bool:
    """Return whether `data` has the checksum `stated`, also with the CRs that a proxy or an editor took away."""
    return checksum(data) == stated or (b"\r" not in data and checksum(data.replace(b"\n", b"\r\n")) == stated)
