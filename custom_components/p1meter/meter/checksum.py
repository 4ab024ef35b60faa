"""The two checksums of a meter's text: CRC-16/ARC on P1 ports, BCC on the optical head."""

from functools import reduce
from operator import xor

from fastcrc import crc16

crc16_arc = crc16.arc
"""Returns the CRC-16/ARC of bytes: x16+x15+x2+1, least significant bit first, start 0 (DSMR 5.0.2 P1 §5.2)."""


def bcc(data: bytes) -> int:
    """Return the block check character of `data`: the exclusive or of its 7-bit characters (IEC 62056-21 §6).

    `data` is what stands after STX, up to and including ETX.
    """
    return reduce(xor, data, 0) & 0x7F


def ends_in_crc(raw: bytes) -> bool:
    """Return whether a telegram ends in a line of `!` and its right CRC (DSMR 5.0.2 P1 §5.2)."""
    stated, computed = raw[-9:], b"\r\n!%04X\r\n" % crc16_arc(raw[:-6])
    return stated == computed or stated.upper() == computed
