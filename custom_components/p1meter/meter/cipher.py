"""Encrypted telegrams: DLMS general-glo-ciphering with AES-128-GCM (DLMS UA 1000-2, security suite 0).

Luxembourg and Austrian (Steiermark) meters wrap the whole telegram in one frame: tag DB, system title, length, security
control, frame counter, cipher text, authentication tag (Luxmetering, "E-Meter P1 Specification" 1.1.3).
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush
import re
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

if TYPE_CHECKING:
    from collections.abc import Callable

# What stands before the same header inside a frame of HDLC (LLC; or that, and the head of a block transfer with its
# length in one byte or two) or of wired M-Bus (transport layer): there it begins no P1 telegram.
_WITHIN_OTHERS = (rb"\xe6\xe7\x00", rb"\xe6\xe7\x00\xe0.{6}", rb"\xe6\xe7\x00\xe0.{7}", rb"\x00\x01\x67")
LOOKS_BACK = 11
"""So many bytes before a header decide whether it is one."""
# Tag, system title (always 8 bytes), length in one of its four forms, and the security control byte, which tells a
# frame from chance: authenticated and encrypted (30), or only encrypted (20).
HEADER = b"".join(
    (
        rb"\xdb\x08",
        *(rb"(?<!%b\xdb\x08)" % before for before in _WITHIN_OTHERS),
        rb".{8}(?:[\x28-\x7f]|\x81.|\x82..|\x83...)[\x20\x30]",
    )
)
_HEADER = re.compile(HEADER, re.DOTALL)
_LONGEST_HEADER = 15
_HEADER_PARTS = re.compile(rb"\xdb\x08(.{8})(?:([\x28-\x7f])|\x81(.)|\x82(..)|\x83(...))([\x20\x30])", re.DOTALL)
_ENCRYPTED_ONLY = b"\x20"
# What can follow the length field of a frame with a telegram in it.
_SIZES = range(40, 8192 + 1)
_COUNTER_SIZE = 4
_TAG_SIZE = 12
_KEY_SIZE = 16
# The same for every meter in Luxembourg.
USUAL_AUTHENTICATION_KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")


@dataclass(frozen=True, slots=True)
class DecryptionKeys:
    """The keys of a meter that encrypts, 16 bytes each; without an authentication key, the usual one.

    Raises:
        ValueError: a key has another length. Neither the message nor `repr()` holds a key.
    """

    encryption: bytes = field(repr=False)
    authentication: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, key in (("encryption", self.encryption), ("authentication", self.authentication)):
            if key is not None and len(key) != _KEY_SIZE:
                raise ValueError(f"the {name} key must be {_KEY_SIZE} bytes, not {len(key)}")


class NoKeyError(Exception):
    """The frame is encrypted and there is no key."""


class WrongKeyError(Exception):
    """The frame does not open with these keys; the text says which is wrong: `encryption` or `authentication`."""


class UnauthenticatedError(Exception):
    """Nothing in the frame proves that it is the meter's."""


def frame_size(data: bytes | bytearray, start: int = 0) -> int | None:
    """Return the size of the encrypted frame that starts at `start`; None where no whole, sane header stands."""
    header = _HEADER_PARTS.match(data, start)
    if header is None:
        return None
    size = int.from_bytes(header[2] or header[3] or header[4] or header[5])
    # The length counts from the security control byte on.
    return header.end() - 1 - start + size if size in _SIZES else None


class FramesWithin:
    """The encrypted frames within something else whose end is awaited."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._dropped = 0
        self._searched = 0
        # Where each ends that is not whole yet, and where it starts, in the stream; the first to end in front.
        self._begun: list[tuple[int, int]] = []

    def drop(self, size: int) -> None:
        """Take note that so many bytes are gone from the front of what is awaited."""
        self._dropped += size
        self._searched = max(0, self._searched - size)

    def one_opens(self, data: bytearray, opens: Callable[[bytes], bool]) -> bool:
        """Return whether one that begins behind the first byte is whole and opens; of each that does not, ask once.

        `data` is what is awaited, as far as it came.
        """
        for header in _HEADER.finditer(data, max(1, self._searched - _LONGEST_HEADER)):
            size = frame_size(data, header.start())
            if size is not None and header.end() > self._searched:
                start = self._dropped + header.start()
                heappush(self._begun, (start + size, start))
        self._searched = len(data)
        while self._begun and self._begun[0][0] <= self._dropped + len(data):
            end, start = self._begun[0]
            if start > self._dropped and opens(bytes(data[start - self._dropped : end - self._dropped])):
                return True
            heappop(self._begun)
        return False


def decrypt(frame: bytes, keys: DecryptionKeys | None) -> bytes:
    """Return the telegram in a whole encrypted frame.

    Raises:
        UnauthenticatedError: the frame has no authentication tag.
        NoKeyError: `keys` is None.
        WrongKeyError: the tag does not match: a wrong key, or damage.
        ValueError: there is no header.
    """
    header = _HEADER_PARTS.match(frame)
    if header is None:
        raise ValueError("not an encrypted frame")
    title, control, counter_at = header[1], header[6], header.end()
    if control == _ENCRYPTED_ONLY:
        raise UnauthenticatedError
    if keys is None:
        raise NoKeyError
    counter, tag = frame[counter_at : counter_at + _COUNTER_SIZE], frame[-_TAG_SIZE:]
    opener = Cipher(AES(keys.encryption), GCM(title + counter, tag, min_tag_length=_TAG_SIZE)).decryptor()
    opener.authenticate_additional_data(control + (keys.authentication or USUAL_AUTHENTICATION_KEY))
    text = opener.update(frame[counter_at + _COUNTER_SIZE : -_TAG_SIZE])
    try:
        return text + opener.finalize()
    except InvalidTag:
        # GCM deciphers before it authenticates: a readable text shows which of the two keys is wrong.
        raise WrongKeyError("authentication" if text.startswith(b"/") else "encryption") from None
