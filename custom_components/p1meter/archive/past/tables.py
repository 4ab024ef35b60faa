"""The CSV files of our own journal (`formats.csv_line`)."""

import csv
from datetime import UTC, datetime
import re
from typing import TYPE_CHECKING, NamedTuple

from ...meter import REGISTERS
from ...meter.values import captured, number
from ..formats import csv_columns
from .dated import TOTALS, Dated, register_of
from .entries import LONGEST, Entry, Stamps, lines_of, thin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from .dated import Problems

_STAMPS = Stamps(
    re.compile(rb"\A(\d{4}-\d\d-\d\dT\d\d)(:\d\d:\d\d)"),
    re.compile(rb"(\d{4}-\d\d-\d\dT\d\d)(:\d\d:\d\d)"),
)
_COLUMN = re.compile(r"(?P<key>(?:(?P<channel>\d+):)?\w+)(?: \((?P<unit>[^()]+)\))?")


class _Column(NamedTuple):
    """A column with a total; `capture` is the place of the one with the times of its meter."""

    place: int
    key: str
    unit: str
    capture: int | None


class Table:
    """Reads the rows of one file."""

    def __init__(self, problems: Problems) -> None:
        """Begin at the start of a file."""
        self._problems = problems
        self._columns: list[_Column] = []
        self._width = 0

    def values(self, file: BinaryIO) -> Iterator[Dated]:
        """Give the readings around the change of every hour."""
        lines = lines_of(file, self._problems)
        header = next(lines, Entry(1, b""))
        self._take_header(header.data.decode("utf-8-sig", "replace").rstrip("\r"))
        return thin(lines, _STAMPS, self._read)

    def _take_header(self, header: str) -> None:
        names = csv_columns(header) or ()
        self._width = len(names) + 1
        captures = {name: place for place, name in enumerate(names, 1) if name.endswith(":last_measured")}
        for place, name in enumerate(names, 1):
            found = _COLUMN.fullmatch(name)
            if found is None or register_of(found["key"]) not in TOTALS:
                continue
            unit = found["unit"] or REGISTERS[register_of(found["key"])].unit
            if unit is not None:
                capture = captures.get(f"{found['channel']}:last_measured")
                self._columns.append(_Column(place, found["key"], unit, capture))

    def _read(self, entry: Entry) -> list[Dated] | None:
        text = entry.data.decode("utf-8", "replace").strip("\0\r")
        if not text:
            return []
        cells = cells_of(text)
        if len(cells) != self._width:
            self._problems.add(entry.line, "damaged", text)
            return None
        at = time_of(cells[0])
        if at is None:
            self._problems.add(entry.line, "no_time", cells[0])
            return None
        found: list[Dated] = []
        for column in self._columns:
            cell = cells[column.place]
            value = number(cell)
            taken = at
            if column.capture is not None:
                taken = time_of(cells[column.capture]) or at
            if value is not None:
                found.append(Dated(taken, column.key, value, column.unit, entry.line))
            elif cell:
                self._problems.add(entry.line, "not_a_number", cell)
        return found


def cells_of(line: str) -> list[str]:
    """Return the cells of a line of CSV; none of one that is damaged."""
    try:
        return next(csv.reader([line]), []) if len(line) <= LONGEST else []
    except csv.Error:
        return []


def time_of(cell: str) -> datetime | None:
    """Return a time with its offset, in UTC; None for anything else, and for one before there were such meters."""
    try:
        time = datetime.fromisoformat(cell)
        return None if time.tzinfo is None else captured(time.astimezone(UTC))
    except ValueError, OverflowError:
        return None
