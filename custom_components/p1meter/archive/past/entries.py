"""Of many entries those that an hour needs: its last, and the last of what a meter on the M-Bus captured in it.

A year of telegrams is hundreds of megabytes, and all that statistics want of it is one reading an hour. So an entry is
looked at only as far as its stamps; those around the change of an hour are read.
"""

from collections import deque
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    import re

    from .dated import Dated, Problems

LONGEST: Final = 64 * 1024
"""What is longer is no line and no telegram."""

_CHUNK = 256 * 1024
# So many damaged entries at the end of an hour cost nothing but time.
_KEPT = 64


class Entry(NamedTuple):
    """A line, or a telegram; `line` is the number of its first line, from 1."""

    line: int
    data: bytes


class Stamps(NamedTuple):
    """Where the times stand in an entry of a format.

    Attributes:
        time: matches its time; group 1 up to the hour, with all that is always before it, group 2 the rest of the time.
        capture: matches the time of an M-Bus meter; group 1 up to the hour, group 2 minutes and seconds.
    """

    time: re.Pattern[bytes]
    capture: re.Pattern[bytes]


def lines_of(file: BinaryIO, problems: Problems) -> Iterator[Entry]:
    """Give the lines of a file without their ends; what is too long for one is left out and noted."""
    number = 0
    rest = b""
    is_skipping = False
    while chunk := file.read(_CHUNK):
        pieces = (rest + chunk).split(b"\n")
        rest = pieces.pop()
        for piece in pieces:
            number += 1
            if is_skipping:
                is_skipping = False
            else:
                yield Entry(number, piece)
        if len(rest) > LONGEST:
            if not is_skipping:
                problems.add(number + 1, "too_long")
            is_skipping = True
            rest = b""
    if rest and not is_skipping:
        yield Entry(number + 1, rest)


# Minutes and seconds of the full hour, as they begin in lines and in tables.
_FULL: Final = (b"0000", b":00:00")
# In place of captures that are to be looked for.
_UNREAD: Final = (b"\0\0",)


class _Hour:
    """Where in time the entries are."""

    def __init__(self) -> None:
        self.prefix = b"\0\0"
        self.start = self.end = self.tail_end = 0
        self.tail = b""
        self.captures: tuple[bytes, ...] = _UNREAD
        self.marks: set[tuple[bytes, bool]] = set()

    def place(self, found: re.Match[bytes]) -> None:
        self.prefix = found[1]
        self.start, self.end = found.span(1)
        self.tail_end = found.end(2)

    def look(self, data: bytes, capture: re.Pattern[bytes]) -> tuple[bool, bool]:
        """Look for captures.

        Return whether one is at the full hour that was not before: the entry has what an hour ended with; and whether
        one is in another hour without: the entry before it has.
        """
        found = list(capture.finditer(data, self.tail_end))
        self.captures = tuple(one[0] for one in found)
        marks = {(one[1], not one[2].strip(b":0")) for one in found}
        new = marks - self.marks
        hours = {hour for hour, _ in self.marks}
        self.marks = marks
        return any(is_full for _, is_full in new), any(not is_full and hour not in hours for hour, is_full in new)


def thin(entries: Iterable[Entry], stamps: Stamps, read: Callable[[Entry], list[Dated] | None]) -> Iterator[Dated]:
    """Give the values of those entries that tell what every hour ended with, and those of the first entry.

    Args:
        entries: in the order of the file.
        stamps: where their times stand; an entry that has none there is read in any case.
        read: gives the values of an entry; None if it is damaged: then the one before it is read.
    """
    hour = _Hour()
    recent: deque[Entry] = deque(maxlen=_KEPT)
    for entry in entries:
        data = entry.data
        is_new = False
        if not data.startswith(hour.prefix, hour.start):
            found = stamps.time.search(data)
            if found is None:
                yield from read(entry) or ()
                continue
            is_new = found[1] != hour.prefix
            hour.place(found)
        tail = data[hour.end : hour.tail_end]
        # One that goes back within an hour: the hour comes a second time, in autumn. That it does is known of what is
        # read in this order.
        is_again = not is_new and tail < hour.tail
        is_new |= is_again
        is_wanted = is_again or not hour.tail or (is_new and tail.startswith(_FULL))
        is_after = is_new
        hour.tail = tail
        if is_new or not all(capture in data for capture in hour.captures):
            has_full, has_other = hour.look(data, stamps.capture)
            is_wanted |= has_full
            is_after |= has_other
        if is_after:
            yield from _last(recent, read)
        values = read(entry) if is_wanted else None
        if values is not None:
            yield from values
        elif is_wanted:
            # The next one is looked at as if it were the first.
            hour.captures = _UNREAD
            hour.marks = set()
        else:
            recent.append(entry)
    yield from _last(recent, read)


def _last(recent: deque[Entry], read: Callable[[Entry], list[Dated] | None]) -> list[Dated]:
    """Read the newest entry that is whole."""
    values: list[Dated] | None = None
    while recent and values is None:
        values = read(recent.pop())
    recent.clear()
    return values or []
