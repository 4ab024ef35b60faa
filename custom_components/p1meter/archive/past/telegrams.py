"""RAW files: whole telegrams, one after the other, as they were received (docs/journal.md)."""

import re
from typing import TYPE_CHECKING

from ...meter import Reader, Telegram
from .dated import values_of
from .entries import LONGEST, Entry, Stamps, thin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo
    from typing import BinaryIO

    from .dated import Dated, Problems

_CHUNK = 256 * 1024
# A line that begins with a slash; in 7E1 that was read as 8N1 it is AF.
_START = re.compile(rb"\n[/\xaf]")
_STAMPS = Stamps(
    re.compile(rb"(\n0-0:1\.0\.0(?:\*255)?\(\d{8})(\d{4}[SW]?)\)"),
    re.compile(rb"\((\d{8})(\d{4}|\d{2})[SW]?\)"),
)


def telegrams_of(file: BinaryIO) -> Iterator[Entry]:
    """Give what begins with a slash at the start of a line, up to the next; never more than is in memory anyway."""
    line = 1
    rest = b""
    while chunk := file.read(_CHUNK):
        rest += chunk
        begin = 0
        for start in _START.finditer(rest):
            end = start.start() + 1
            yield Entry(line, rest[begin:end])
            line += rest.count(b"\n", begin, end)
            begin = end
        rest = rest[begin:]
        if len(rest) > LONGEST:
            # No telegram is that long.
            yield Entry(line, rest)
            line += rest.count(b"\n")
            rest = b""
    if rest:
        yield Entry(line, rest)


class Telegrams:
    """Reads the telegrams of one file."""

    def __init__(self, problems: Problems, *, zone: tzinfo, country: str | None) -> None:
        """Begin at the start of a file; see `Lines`."""
        self._problems = problems
        self._reader = Reader(zone=zone, country=country)

    def values(self, file: BinaryIO) -> Iterator[Dated]:
        """Give the readings around the change of every hour."""
        return thin(telegrams_of(file), _STAMPS, self._read)

    def _read(self, entry: Entry) -> list[Dated] | None:
        values: list[Dated] = []
        for item in (*self._reader.feed(entry.data), *self._reader.close()):
            if isinstance(item, Telegram):
                values += values_of(item, entry.line, self._problems)
            else:
                self._problems.add(entry.line, "refused", item.reason)
        # What has no value that is dated is as good as damaged.
        return values or None
