"""CRC-16/ARC, worked out bit by bit here: the simulator must not share an error with the code it tests."""

_POLYNOMIAL = 0xA001  # x^16 + x^15 + x^2 + 1, bits reversed: DSMR 5.0.2 P1 §5.2


def _of_byte(byte: int) -> int:
    crc = byte
    for _ in range(8):
        crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc


_TABLE = tuple(_of_byte(byte) for byte in range(256))


def crc16(data: bytes) -> int:
    """The checksum of a telegram: `data` runs from its ``/`` up to and including its ``!``."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc
