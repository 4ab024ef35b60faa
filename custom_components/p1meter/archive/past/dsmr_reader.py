"""What DSMR-reader writes: the CSV files of its page "Export", and its backups of a PostgreSQL database.

Sources: github.com/dsmrreader/dsmr-reader (`dsmr_frontend/views/export.py`, `dsmr_backup/services/backup.py`,
`dsmr_consumption/services.py`, the models of `dsmr_datalogger`, `dsmr_consumption` and `dsmr_stats`, the Dutch
translation); PostgreSQL, "COPY", text format.
"""

from datetime import timedelta
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from ...meter.values import number
from .dated import Dated
from .entries import lines_of
from .tables import cells_of, time_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from .dated import Problems
    from .entries import Entry

DUMP: Final = b"-- PostgreSQL database dump"

_ELECTRICITY = ("import_tariff_1", "import_tariff_2", "export_tariff_1", "export_tariff_2")
_UNITS = dict.fromkeys(_ELECTRICITY, "kWh") | {"gas": "m3"}
_AN_HOUR = timedelta(hours=1)
# The first reading of a day came so soon after midnight: it is what the day before ended with.
_SOON = timedelta(minutes=5)


class _Columns(NamedTuple):
    """Where in a row are a time, and the readings of that time."""

    time: int
    keys: tuple[tuple[int, str], ...]


def _midnight(at: datetime) -> datetime:
    """Return the full hour that a reading stands for which was the first after it."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    return hour if at - hour < _SOON else at


# --- CSV --------------------------------------------------------------------------------------------------------------

# By their place: the header is in the language of the program, and has the same words for import and export.
_DAYS = (_Columns(11, tuple(enumerate(_ELECTRICITY, 12))), _Columns(16, ((17, "gas"),)))
_HOURS = (_Columns(0, tuple(enumerate((*_ELECTRICITY, "gas"), 1))),)
_DAYS_WIDTH = 18
_HOURS_WIDTH = 6
_HEADERS: Final = {
    _DAYS_WIDTH: (
        {0: "Date", 11: "Electricity Reading Timestamp"},
        {0: "Datum", 11: "Tijdstip Elektriciteitsmeterstand"},
    ),
    _HOURS_WIDTH: ({0: "Hour Start", 5: "Gas"}, {0: "Begintijd Uur", 5: "Gas"}),
}


def is_export(header: str) -> bool:
    """Return whether this is the first line of an export by day or by hour, in English or in Dutch."""
    cells = cells_of(header)
    return any(all(cells[place] == name for place, name in one.items()) for one in _HEADERS.get(len(cells), ()))


class Export:
    """Reads an export: by day the readings of midnight, by hour what grew; it has no readings by the hour."""

    def __init__(self, problems: Problems) -> None:
        """Begin at the start of a file."""
        self._problems = problems
        self._width = 0

    def values(self, file: BinaryIO) -> Iterator[Dated]:
        """Give what stands in all rows."""
        for entry in lines_of(file, self._problems):
            text = entry.data.decode("utf-8-sig", "replace").strip("\0\r")
            cells = cells_of(text)
            if not self._width:
                self._width = len(cells)
            elif len(cells) == self._width:
                yield from self._read(entry, cells)
            elif text:
                self._problems.add(entry.line, "damaged", text)

    def _read(self, entry: Entry, cells: Sequence[str]) -> Iterator[Dated]:
        is_growth = self._width == _HOURS_WIDTH
        for columns in _HOURS if is_growth else _DAYS:
            sent = {key: cells[place] for place, key in columns.keys if cells[place]}
            at = time_of(cells[columns.time])
            if at is None:
                if sent:
                    self._problems.add(entry.line, "no_time", cells[columns.time])
                continue
            at = at + _AN_HOUR if is_growth else _midnight(at)
            for key, cell in sent.items():
                value = number(cell)
                if value is None:
                    self._problems.add(entry.line, "not_a_number", cell)
                elif is_growth and value < 0:
                    # The hour in which a meter was replaced: what was used in it nobody knows.
                    self._problems.add(entry.line, "wrong_value", cell)
                else:
                    yield Dated(at, key, value, _UNITS[key], entry.line, is_growth)


# --- backups ----------------------------------------------------------------------------------------------------------


def _readings(*columns: str) -> dict[str, str]:
    return dict(zip(columns, _ELECTRICITY, strict=True))


_GAS = "dsmr_consumption_gasconsumption"
_METER = "dsmr_datalogger_meterstatistics"
_DAY = "dsmr_stats_daystatistics"
# By table: the column of a time, and those of the readings of that time.
_TABLES: Final[Mapping[str, Mapping[str, Mapping[str, str]]]] = {
    "dsmr_datalogger_dsmrreading": {
        "timestamp": _readings(
            "electricity_delivered_1", "electricity_delivered_2", "electricity_returned_1", "electricity_returned_2"
        ),
        "extra_device_timestamp": {"extra_device_delivered": "gas"},
    },
    "dsmr_consumption_electricityconsumption": {
        "read_at": _readings("delivered_1", "delivered_2", "returned_1", "returned_2"),
    },
    _GAS: {"read_at": {"delivered": "gas"}},
    _DAY: {
        "electricity_reading_timestamp": _readings(
            "electricity1_reading",
            "electricity2_reading",
            "electricity1_returned_reading",
            "electricity2_returned_reading",
        ),
        "gas_reading_timestamp": {"gas_reading": "gas"},
    },
}
_COPY = re.compile(r"COPY (?:\w+\.)?(\w+) \((.*)\) FROM stdin;")
_NULL = "\\N"
_END = "\\."
_TO_THE_HOUR = len("2026-11-21 12")


def _hour_of(time: str) -> str:
    """Return the hour of a time as it is written, with the offset: `2026-10-25 02+02`; in autumn one comes twice."""
    return time[:_TO_THE_HOUR] + time[_TO_THE_HOUR:].lstrip(":.0123456789")


class _Row(NamedTuple):
    line: int
    cells: Sequence[str]


class Backup:
    """Reads a backup: the first and the last readings of every hour."""

    def __init__(self, problems: Problems) -> None:
        """Begin at the start of a file."""
        self._problems = problems
        self._table = ""
        self._names: list[str] = []
        self._newest: dict[_Columns, _Row] = {}
        self._told: dict[_Columns, _Row] = {}
        self._columns: list[_Columns] = []
        self._gas: list[Dated] = []
        self._version = ""

    def values(self, file: BinaryIO) -> Iterator[Dated]:
        """Give the readings around the change of every hour; those of gas that wait for the meter's version last."""
        for entry in lines_of(file, self._problems):
            text = entry.data.decode("utf-8", "replace").rstrip("\0\r")
            if not self._names:
                self._enter(text)
            elif text == _END:
                yield from self._leave()
            else:
                yield from self._read(_Row(entry.line, text.split("\t")))
        yield from self._leave()
        # A gas reading of a version 4 meter is kept under the hour before it was taken.
        late = _AN_HOUR if self._version.startswith("4") else timedelta()
        yield from (one._replace(at=one.at + late) for one in self._gas)

    def _enter(self, text: str) -> None:
        """Begin with a table, if this line begins one."""
        found = _COPY.fullmatch(text)
        if found is None:
            return
        self._table = found[1]
        self._names = [name.strip(' "') for name in found[2].split(",")]
        places = {name: place for place, name in enumerate(self._names)}
        self._columns = [
            _Columns(places[time], tuple((places[name], key) for name, key in keys.items() if name in places))
            for time, keys in _TABLES.get(self._table, {}).items()
            if time in places
        ]

    def _leave(self) -> Iterator[Dated]:
        """End with a table."""
        for columns, row in self._newest.items():
            yield from self._values(columns, row)
        self._newest = {}
        self._names = []

    def _read(self, row: _Row) -> Iterator[Dated]:
        if len(row.cells) != len(self._names):
            if self._columns:
                self._problems.add(row.line, "damaged", "\t".join(row.cells))
            return
        if self._table == _METER and "dsmr_version" in self._names:
            self._version = row.cells[self._names.index("dsmr_version")]
        for columns in self._columns:
            time = row.cells[columns.time]
            if time == _NULL:
                continue
            before = self._newest.get(columns)
            self._newest[columns] = row
            if before is None:
                yield from self._values(columns, row)
            elif _hour_of(before.cells[columns.time]) != _hour_of(time):
                yield from self._values(columns, before)
                yield from self._values(columns, row)

    def _values(self, columns: _Columns, row: _Row) -> Iterator[Dated]:
        if self._told.get(columns) is row:
            return
        self._told[columns] = row
        at = time_of(row.cells[columns.time])
        if at is None:
            self._problems.add(row.line, "no_time", row.cells[columns.time])
            return
        if self._table == _DAY:
            at = _midnight(at)
        for place, key in columns.keys:
            cell = row.cells[place]
            value = number(cell)
            if value is None:
                if cell != _NULL:
                    self._problems.add(row.line, "not_a_number", cell)
                continue
            one = Dated(at, key, value, _UNITS[key], row.line)
            if self._table == _GAS:
                self._gas.append(one)
            else:
                yield one
