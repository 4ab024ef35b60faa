"""Encrypted frames as meters in Luxembourg and Austria send them, made without the code that opens them.

Luxmetering "E-Meter P1 Specification" 1.1.3 §3.2.5: general-glo-ciphering, AES-128-GCM with a tag of 96 bits.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_TAG_LENGTH = 12
_AUTHENTICATED_AND_ENCRYPTED = b"\x30"


@dataclass(frozen=True, slots=True)
class Cipher:
    """What one meter encrypts with: its system title, and the two keys of its owner."""

    title: bytes
    key: bytes
    authentication_key: bytes

    def seal(self, telegram: bytes, counter: int) -> bytes:
        """Encrypt a telegram; `counter` must be another one for each."""
        count = counter.to_bytes(4)
        aad = _AUTHENTICATED_AND_ENCRYPTED + self.authentication_key
        sealed = AESGCM(self.key).encrypt(self.title + count, telegram, aad)
        # The library gives a tag of 16 bytes; a shorter one is its beginning.
        content = _AUTHENTICATED_AND_ENCRYPTED + count + sealed[: len(telegram) + _TAG_LENGTH]
        return b"\xdb\x08" + self.title + b"\x82" + len(content).to_bytes(2) + content
