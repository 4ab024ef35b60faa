"""Encrypted telegrams: DLMS general-glo-ciphering with AES-128-GCM (DLMS UA 1000-2, security suite 0).

Luxembourg and Austrian (Steiermark) meters wrap the whole telegram in one frame: tag DB, system title, length, security
control, frame counter, cipher text, authentication tag (Luxmetering, "E-Meter P1 Specification" 1.1.3).
"""

from dataclasses import dataclass, field
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

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
