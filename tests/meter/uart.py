"""What a serial port makes of a signal, bit by bit: at the right speed, at a wrong one, and on an inverted line."""

from dataclasses import dataclass
from enum import StrEnum


class Resync(StrEnum):
    """What a receiver does after a stop bit that was none; there are both kinds."""

    WAIT = "wait"  # for the line to be idle, and then for a start bit
    AT_ONCE = "at once"  # it takes the missing stop bit for a start bit (16550)


@dataclass(frozen=True)
class Format:
    """Speed and character format of one side."""

    baud: int = 115200
    bits: int = 8
    even: bool = False


def signal(data: bytes, sent: Format, *, inverted: bool = False) -> list[int]:
    """The levels of the line, one for each bit time of the sender, with forty idle bit times before and after."""
    idle = [1] * 40
    levels = list(idle)
    for byte in data:
        bits = [byte >> place & 1 for place in range(sent.bits)]
        levels += [0, *bits, *([sum(bits) & 1] if sent.even else []), 1]
    levels += idle
    return [1 - level for level in levels] if inverted else levels


def received(levels: list[int], sent: Format, heard: Format, resync: Resync = Resync.WAIT) -> bytes:
    """The bytes that a port gives: also those with a framing or parity error, as Linux does."""
    step = sent.baud / heard.baud
    size = len(levels)
    # What comes after the end of the list goes on as it ended.
    falls = [at for at in range(1, size) if levels[at] < levels[at - 1]]
    rises = [at for at in range(1, size) if levels[at] > levels[at - 1]]
    data = bytearray()
    cells = heard.bits + heard.even

    def level(time: float) -> int:
        return levels[min(int(time), size - 1)]

    def following(edges: list[int], time: float) -> float | None:
        low, high = 0, len(edges)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if edges[middle] >= time else (middle + 1, high)
        return edges[low] if low < len(edges) else None

    start = following(falls, 0.0)
    while start is not None and start < size:
        if level(start + step / 2):
            start = following(falls, start + step / 2)
            continue
        byte = sum(level(start + step * (place + 1.5)) << place for place in range(heard.bits))
        stop = start + step * (cells + 1.5)
        data.append(byte)
        if level(stop):
            start = following(falls, stop)
        elif resync is Resync.AT_ONCE and byte:
            start = stop - step / 2
        else:
            idle = following(rises, stop)
            start = None if idle is None else following(falls, idle)
    return bytes(data)
