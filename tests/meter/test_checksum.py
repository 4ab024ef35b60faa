import pytest

from p1meter.meter.checksum import bcc, crc16_arc
from tests.simulation.checksum import crc16


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"123456789", 0xBB3D),
        (b"", 0x0000),
        (b"!", 0x18C0),
        (b"/!", 0x28DC),
        (b"/ISk5\\2MT382-1000\r\n\r\n!", 0xD1C6),
        (b"/ISk5\\2MT382-1000\r\n\r\n1-0:1.7.0(00.244*kW)\r\n!", 0x0728),
        (
            b"/Lux5\\253769484_A\r\n\r\n1-3:0.2.8(42)\r\n0-0:1.0.0(200706104157S)\r\n1-0:1.8.0(000025.653*kWh)\r\n!",
            0xE6EA,
        ),
    ],
)
def test_crc_of_published_inputs(data: bytes, expected: int) -> None:
    assert crc16_arc(data) == expected
    # The other tests compose their telegrams with this one.
    assert crc16(data) == expected


def test_block_check_is_the_exclusive_or_of_seven_bits() -> None:
    assert bcc(b"A\x03") == 0x42
    assert bcc(b"\xc1\x03") == 0x42
    assert bcc(b"") == 0
