"""What goes wrong on a line, in known ways: so that a test knows which telegrams must arrive and which must not."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random
import re
from typing import TYPE_CHECKING

from .checksum import crc16

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CHECKSUM = re.compile(rb"!([0-9A-F]{4})\r\n\Z")


class Fault(StrEnum):
    """A way in which a telegram does not come as it was sent."""

    NOISE = "noise"  # bytes of no meaning in front of it: it is good nevertheless
    HEAD = "head"  # its beginning is missing
    TAIL = "tail"  # its end is missing; the next one follows in the middle of a line
    SILENCE = "silence"  # nothing of it comes
    CRC = "crc"  # another checksum
    FLIP = "flip"  # one bit is wrong
    LOST = "lost"  # one byte is missing


_UNSEEN_WITHOUT_CHECKSUM = {Fault.CRC, Fault.LOST}
_ENCRYPTED = b"\xdb\x08"
_ENCRYPTED_HEAD = 13  # up to its length
_LONGEST_PIECE = 300


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of one telegram: the bytes on the line, and whether the telegram must be accepted."""

    data: bytes
    good: bool
    fault: Fault | None = None


class Damage:
    """Damages a `share` of the telegrams with the `faults` given (all of them by default), the same for the same seed.

    Every damage can be seen by who reads: without a checksum no digit is changed, and what could make a valid telegram
    together with the remains of the one before does not follow it.
    """

    def __init__(self, seed: int = 1, *, share: float = 0.2, faults: Iterable[Fault] = Fault) -> None:
        self._rng = Random(f"{seed}/faults")
        self._share = share
        self._faults = tuple(faults)
        self._spare_next = False

    def __call__(self, telegram: bytes) -> Delivery:
        """Send one telegram down the line."""
        checked = _CHECKSUM.search(telegram) is not None
        faults = [fault for fault in self._faults if checked or fault not in _UNSEEN_WITHOUT_CHECKSUM]
        if telegram.startswith(_ENCRYPTED):
            # Every bit of it is vouched for, and its end is no text.
            checked, faults = True, [fault for fault in self._faults if fault is not Fault.CRC]
        spared, self._spare_next = self._spare_next, False
        if self._rng.random() >= self._share or spared or not faults:
            return Delivery(telegram, good=True)
        fault = self._rng.choice(faults)
        self._spare_next = fault is Fault.TAIL or not checked
        return Delivery(self._damaged(telegram, fault, checked=checked), good=fault is Fault.NOISE, fault=fault)

    def _damaged(self, telegram: bytes, fault: Fault, *, checked: bool) -> bytes:
        rng = self._rng
        end = len(telegram) if telegram.startswith(_ENCRYPTED) else telegram.rindex(b"!")
        match fault:
            case Fault.NOISE:
                # It ends with a line end, for a telegram begins at the start of a line; a "!" could end a telegram of
                # its own without a checksum, and 0xDB announces a cipher.
                noise = (byte for byte in rng.randbytes(rng.randint(1, 120)) if byte not in b"!\xdb")
                return bytes(noise) + b"\r\n" + telegram
            case Fault.HEAD:
                return telegram[rng.randint(1, end - 1) :]
            case Fault.TAIL:
                return self._without_end(telegram[:end])
            case Fault.SILENCE:
                return b""
            case Fault.CRC:
                wrong = crc16(telegram[: end + 1]) ^ rng.randint(1, 0xFFFF)
                return telegram[: end + 1] + b"%04X\r\n" % wrong
            case Fault.FLIP:
                at = rng.randrange(end)
                # Without a checksum only the eighth bit shows: no telegram has it.
                flipped = telegram[at] ^ (1 << rng.randrange(8) if checked else 0x80)
                return telegram[:at] + bytes((flipped,)) + telegram[at + 1 :]
            case Fault.LOST:
                return self._without_a_byte(telegram, end)

    def _without_end(self, body: bytes) -> bytes:
        first_line = _ENCRYPTED_HEAD if body.startswith(_ENCRYPTED) else body.index(b"\r\n") + 2
        while True:
            rest = body[: self._rng.randint(first_line, len(body))]
            # A rest with the checksum 0 would leave that of the next telegram right when both are taken for one.
            if crc16(rest):
                return rest

    def _without_a_byte(self, telegram: bytes, end: int) -> bytes:
        while True:
            at = self._rng.randrange(end)
            rest = telegram[:at] + telegram[at + 1 :]
            if crc16(rest[:end]) != crc16(telegram[: end + 1]):
                return rest


def damaged(telegrams: Iterable[bytes], seed: int = 1, *, share: float = 0.2) -> Iterator[tuple[bytes, bool]]:
    """Send telegrams down a bad line: for each what comes of it, and whether it must be accepted."""
    damage = Damage(seed, share=share)
    for telegram in telegrams:
        delivery = damage(telegram)
        yield delivery.data, delivery.good


def chunks(data: bytes, seed: int = 1) -> Iterator[bytes]:
    """Cut a stream at odd places, so that telegrams come in pieces and glued together."""
    rng = Random(f"{seed}/chunks")
    start = 0
    while start < len(data):
        end = start + rng.randint(1, _LONGEST_PIECE)
        yield data[start:end]
        start = end
