"""What a port carries that gives no telegram: another protocol, no signal, or one that is inverted or misread."""

from enum import StrEnum
import re

from fastcrc import crc16

from .cipher import HEADER

# Twice the longest telegram: of whatever is sent again and again, one is whole.
_KEPT = 16 * 1024
CLICK = 8
"""So many bytes say nothing: the click of a cable that is switched on."""
_IDLE = b"\x00\xff"
# Noise that was read with seven data bits is printable to three quarters.
_TEXT_SHARE = 0.9
_NOT_PRINTABLE = bytes(byte for byte in range(256) if not (0x20 <= byte < 0x7F or byte in b"\t\r\n"))
_ODD = bytes(byte for byte in range(256) if byte.bit_count() % 2)
_WITHOUT_BIT_7 = bytes(byte & 0x7F for byte in range(256))
# A part of a telegram: an object with its first value, or the ident line and the blank one.
_PART = re.compile(rb"\d\.\d+(?:\.\d+)?(?:[*&]\d+)?\([ -'*-~]*\)|/[A-Z][A-Za-z]{2}[ -~]{0,40}\r\n\r\n")
_ENCRYPTED = re.compile(HEADER, re.DOTALL)

# A flag, and the format field: type A and eleven bits of length (IEC 62056-46 §6.4.2).
_HDLC_START = re.compile(rb"\x7e(?=([\xa0-\xaf].))", re.DOTALL)
_HDLC_LENGTH = 0x7FF
_HDLC_FLAG = b"\x7e"
# A long frame: start, the length twice, start (EN 13757-2 §5.2).
_MBUS_START = re.compile(rb"\x68(?=(.)\1\x68)", re.DOTALL)
_MBUS_STOP = b"\x16"
# With it a meter answers that it has understood (§5.1). One may be a click.
_MBUS_ACKNOWLEDGED = b"\xe5"
_ACKNOWLEDGED_ENOUGH = 2
# The escape sequence and the start of a transmission, version 1 (BSI TR-03109-1 IV §8.1).
_SML_START = b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01"

# On an inverted line, stop bit and start bit look like the start bit of the next character. With eight data bits the
# receiver holds on to that place, and a character arrives exchanged and moved up by one.
_UPRIGHT = bytes(~byte >> 1 & 0x7F if byte & 1 else 0 for byte in range(256))
# With a parity bit it cannot hold on, nor can a receiver that takes a missing stop bit for a start bit (16550). It gets
# out of step again and again, but always in the same few ways in `*kWh)` CR LF `1-0:`. This is what that becomes, bit 7
# aside: two forms of 7E1, and one of such a receiver in any format. Worked out bit by bit (tests/meter/uart.py).
_OUT_OF_STEP = re.compile(rb"\x0b\r\x13#\x1d|V\x1di6|=['g]i6")
_OUT_OF_STEP_ENOUGH = 2


class Foreign(StrEnum):
    """What the bytes of a port are, where they are no telegram."""

    NO_SIGNAL = "no_signal"
    """Nothing but 00 and FF: the line hangs in the air, or nobody drives it."""
    GARBAGE = "garbage"
    """No text: wrong speed or character format, or a damaged signal."""
    INVERTED = "inverted"
    """A meter's text, on a line whose ones and zeros are exchanged."""
    HDLC = "hdlc"
    """Frames of DLMS over HDLC (HAN ports in Norway, Denmark, Sweden, Switzerland, Austria)."""
    MBUS = "mbus"
    """Frames of wired M-Bus (Austria)."""
    SML = "sml"
    """Messages of the Smart Message Language (Germany)."""


class Recogniser:
    """Says what a stream of bytes is that gives no telegram, however it is cut. It judges only when it is asked."""

    def __init__(self) -> None:
        """Start with nothing heard."""
        self._heard = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        self._heard += data
        del self._heard[:-_KEPT]

    @property
    def heard(self) -> bytes:
        """The last bytes since it forgot what was heard, 16 KiB at most."""
        return bytes(self._heard)

    def clear(self) -> None:
        """Forget what was heard."""
        self._heard.clear()

    def verdict(self) -> Foreign | None:
        """Return what the last bytes are; None: nothing or a click, text, or what a meter has encrypted."""
        heard = self.heard
        if _has_hdlc(heard):
            return Foreign.HDLC
        if _has_mbus(heard):
            return Foreign.MBUS
        if _SML_START in heard:
            return Foreign.SML
        if len(heard) <= CLICK or _ENCRYPTED.search(heard) or has_part(heard):
            return None
        if _is_inverted(heard):
            return Foreign.INVERTED
        if not heard.translate(None, _IDLE):
            return Foreign.NO_SIGNAL
        return None if is_text(heard) else Foreign.GARBAGE


def without_parity(data: bytes) -> bytes:
    """Take the parity bit off if it is one: every byte has an even number of ones (7E1 read as 8N1)."""
    return data if data.translate(None, _ODD) != data else data.translate(_WITHOUT_BIT_7)


def has_part(data: bytes) -> bool:
    """Return whether a part of a telegram is in it."""
    return _PART.search(without_parity(data)) is not None


def is_text(data: bytes) -> bool:
    """Return whether hardly anything in it is not printable; it may be with parity."""
    text = without_parity(data)
    return len(text.translate(None, _NOT_PRINTABLE)) >= _TEXT_SHARE * len(text)


def _has_hdlc(heard: bytes) -> bool:
    """Return whether a whole frame is in it, with the right checksum (CRC-16/X-25) and a flag at both ends."""
    for start in _HDLC_START.finditer(heard):
        end = start.end() + (int.from_bytes(start[1]) & _HDLC_LENGTH)
        content, checksum = heard[start.end() : end - 2], heard[end - 2 : end]
        if heard[end : end + 1] == _HDLC_FLAG and crc16.ibm_sdlc(content) == int.from_bytes(checksum, "little"):
            return True
    return False


def _has_mbus(heard: bytes) -> bool:
    """Return whether a whole long frame is in it, with the right checksum (the sum of its bytes); or only answers."""
    for start in _MBUS_START.finditer(heard):
        data_at = start.start() + 4
        data_end = data_at + start[1][0]
        if heard[data_end + 1 : data_end + 2] == _MBUS_STOP and heard[data_end] == sum(heard[data_at:data_end]) & 0xFF:
            return True
    answers = heard.count(_MBUS_ACKNOWLEDGED)
    return answers >= _ACKNOWLEDGED_ENOUGH and not heard.translate(None, _IDLE + _MBUS_ACKNOWLEDGED)


def _is_inverted(heard: bytes) -> bool:
    """Return whether it is what a receiver makes of a meter's text on an inverted line."""
    if _PART.search(heard.translate(_UPRIGHT)):
        return True
    return len(_OUT_OF_STEP.findall(heard.translate(_WITHOUT_BIT_7))) >= _OUT_OF_STEP_ENOUGH
