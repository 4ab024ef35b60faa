"""Telegrams composed by hand for the tests of frames; the checksums are worked out bit by bit, not by our code."""

import random
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

from tests.simulation.checksum import crc16

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = bytes(range(16))
USUAL = bytes.fromhex("00112233445566778899AABBCCDDEEFF")


def block_check(data: bytes) -> bytes:
    check = 0
    for byte in data:
        check ^= byte
    return bytes([check])


def checked(text: str) -> bytes:
    """The text of a telegram up to and including its `!`, with checksum and line end."""
    body = text.replace("\n", "\r\n").encode("latin-1")
    return body + b"%04X\r\n" % crc16(body)


def unchecked(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("latin-1") + b"\r\n"


def block(ident: str, data: str) -> bytes:
    """An IEC 62056-21 block: ident line, STX, data, ETX, BCC."""
    checked_part = data.replace("\n", "\r\n").encode() + b"\x03"
    return ident.encode() + b"\r\n\x02" + checked_part + block_check(checked_part)


def with_parity(data: bytes) -> bytes:
    """What 7E1 looks like when it is read as 8N1."""
    return bytes(byte | (byte.bit_count() % 2 << 7) for byte in data)


def seal(text: bytes, counter: int = 1, control: int = 0x30) -> bytes:
    """The encrypted frame of a telegram, under the usual authentication key."""
    title = b"SAGtest1"
    number = counter.to_bytes(4)
    sealer = Cipher(AES(KEY), GCM(title + number)).encryptor()
    sealer.authenticate_additional_data(bytes([control]) + USUAL)
    content = bytes([control]) + number + sealer.update(text) + sealer.finalize() + sealer.tag[:12]
    return b"\xdb\x08" + title + b"\x82" + len(content).to_bytes(2) + content


def one_bit_errors(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Pairs of encrypted frames, each with a counter of its own: a good one, and one with one wrong bit anywhere."""
    chance = random.Random(1)
    for number in range(count):
        text = checked(f"/TST5\n\n1-0:1.8.0({number:06}.000*kWh)\n!")
        frame = bytearray(seal(text, 2 * number + 1))
        frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)
        yield seal(text, 2 * number), bytes(frame)


def nl5(second: int = 0, gas: str = "00107.123") -> bytes:
    return checked(f"""/XMX5LGF0012345678

1-3:0.2.8(50)
0-0:1.0.0(261121021{second % 1000:03}W)
0-0:96.1.1(4530303437303030303037363330383137)
1-0:1.8.1(004179.186*kWh)
1-0:1.8.2(003701.011*kWh)
0-0:96.14.0(0002)
1-0:1.7.0(00.{second % 1000:03}*kW)
1-0:99.97.0(1)(0-0:96.7.19)(190326095015W)(0000002014*s)
0-0:96.13.0()
0-1:24.1.0(003)
0-1:24.2.1(261121020000W)({gas}*m3)
!""")


NL2 = unchecked("""/KMP5 KA6U001660297912

0-0:96.1.1(204B413655303031363630323937393132)
1-0:1.8.1(00368.000*kWh)
1-0:1.8.2(00024.000*kWh)
0-0:96.14.0(0002)
1-0:1.7.0(0001.12*kW)
0-1:24.3.0(261106150000)(00)(60)(1)(0-1:24.2.1)(m3)
(00054.386)
0-1:24.4.0(1)
!""")
HOLLEY = checked("""/HLY5/D545-METER

0-0:1.0.0(230817171430S)
0-0:42.0.0(HLY1030303106618)
1-0:1.8.0(000812.421*kWh)
0-0:96.13.0(see http://example.org/a/b)
!""")
BLOCK = block(
    "/ISk5MT174-0001",
    """1-0:0.0.0*255(63355730)
1-0:1.6.0*255(02.468*kW)(1703100930)
1-0:1.8.0*255(0008048.375*kWh)1-0:1.8.1*255(0008048.375*kWh)
1-0:1.8.0*01(0007900.001*kWh)
!
""",
)
HEAT_BLOCK = block(
    "/KAM MC",
    """0.0(00005077354)
6.8(00433.65*GJ)
6.31(0109868*h)!
""",
)
