"""What a port may carry that is no P1, composed by the documents; every checksum is worked out here, bit by bit."""

from typing import TYPE_CHECKING

from tests.compose import nl5
from tests.simulation.cipher import Cipher

if TYPE_CHECKING:
    from collections.abc import Iterable

USUAL_AUTHENTICATION_KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
OWNER = Cipher(b"SAGtest1", bytes.fromhex("5A17C0DE5A17C0DE00000000FEEDBEEF"), USUAL_AUTHENTICATION_KEY)
"""An encrypting meter in Luxembourg."""


def x25(data: Iterable[int]) -> bytes:
    """CRC-16/X-25, as HDLC and SML send it (ISO/IEC 13239 annex A)."""
    check = 0xFFFF
    for byte in data:
        check ^= byte
        for _ in range(8):
            check = check >> 1 ^ 0x8408 if check & 1 else check >> 1
    return (check ^ 0xFFFF).to_bytes(2, "little")


def hdlc(information: bytes) -> bytes:
    """A frame of type A from a server to a client, as HAN ports push it: unnumbered, from address 16 to 1."""
    addresses = b"\x03\x21\x13"
    length = 2 + len(addresses) + 2 + len(information) + 2
    head = (0xA000 | length).to_bytes(2) + addresses
    inside = head + x25(head) + information
    return b"\x7e" + inside + x25(inside) + b"\x7e"


def mbus(data: bytes) -> bytes:
    """A long frame with a user-data telegram to everybody (EN 13757-2)."""
    inside = b"\x53\xff" + data
    return bytes([0x68, len(inside), len(inside), 0x68]) + inside + bytes([sum(inside) & 0xFF, 0x16])


def sml(message: bytes) -> bytes:
    """A transmission of version 1 (BSI TR-03109-1)."""
    filling = -len(message) % 4
    sent = b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01" + message + bytes(filling) + b"\x1b\x1b\x1b\x1b\x1a" + bytes([filling])
    return sent + x25(sent)


def inverted(text: bytes) -> bytes:
    """What a receiver of 8N1 makes of text on an inverted line.

    The stop bit looks like a start bit, the start bit of the next character is the first bit, and its highest bit, 0,
    is the stop bit.
    """
    return bytes((~character & 0x7F) << 1 | 1 for character in text)


def encrypted_only(frame: bytes) -> bytes:
    """The same frame without anything that proves where it is from: security control 20, no tag."""
    content = b"\x20" + frame[14:-12]
    return frame[:11] + len(content).to_bytes(2) + content


# A number with its code, as DLMS writes them: 1.0.1.7.0.255, double-long-unsigned.
_DLMS = bytes.fromhex(
    "e6e700 0f 40000000 0c07ea0b15060c3b0aff800000 0202 0906 0100010700ff 06 000004a9".replace(" ", "")
)
HDLC = hdlc(_DLMS)
MBUS = mbus(bytes.fromhex("000167db08 5341476d6275733182 20".replace(" ", "")) + bytes(range(60, 160)))
SML = sml(
    bytes.fromhex(
        "7605 01d30d2c 6200 6200 72 630101 76 01 01 05 0046598f 0b 0901454d48000012345678 01 01".replace(" ", "")
    )
)
INVERTED = inverted(nl5())
NO_SIGNAL = bytes(200)
TEXT = b"Boot 1.2.3: everything is fine, waiting for a connection on channel 4\r\n" * 4
NOISE = bytes(0x80 | (number * 73 + 17) % 251 for number in range(600))
DAMAGED = nl5().replace(b"01.193", b"01.194")
ENCRYPTED = OWNER.seal(nl5(), 1)
UNSUPPORTED = encrypted_only(ENCRYPTED)
