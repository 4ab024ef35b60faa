"""The SQL export of P1 Monitor (ztatz): one `replace into` a row, in files of a zip archive.

Its readings are in `e_history_min`, `_uur`, `_dag`, `_maand` and `_jaar`, and in `watermeter`, where a number says
which of these a row is. Each row has the local time at which its period begins and the readings at its end.
(Source: `P1SqlExport.py`, `P1Db.py`, `P1WatermeterV2.py` and `sqldb.py` of github.com/intelwolf/p1monitor.)
"""

from datetime import UTC, datetime, timedelta
import re
from typing import TYPE_CHECKING, Final

from ...meter.values import captured, count, number
from .dated import Dated
from .entries import LONGEST, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo
    from typing import BinaryIO

    from .dated import Problems
    from .entries import Entry

BEGINNING: Final = b"replace into "

_TABLE = re.compile(r"replace into (\w+) ")
_ROW = re.compile(r"replace into (\w+) ?\(([\w, ]+)\) values ?\((.*)\);\s*")
_PERIODS: Final = {
    "e_history_min": 11,
    "e_history_uur": 12,
    "e_history_dag": 13,
    "e_history_maand": 14,
    "e_history_jaar": 15,
}
_TABLES: Final = {*_PERIODS, "watermeter"}
_MINUTE, _HOUR, _DAY, _MONTH, _YEAR = range(11, 16)
_LENGTHS: Final = {_MINUTE: timedelta(minutes=1), _HOUR: timedelta(hours=1)}
_COLUMNS: Final[Mapping[str, tuple[str, str]]] = {
    "VERBR_KWH_181": ("import_tariff_1", "kWh"),
    "VERBR_KWH_182": ("import_tariff_2", "kWh"),
    "GELVR_KWH_281": ("export_tariff_1", "kWh"),
    "GELVR_KWH_282": ("export_tariff_2", "kWh"),
    "VERBR_GAS_2421": ("gas", "m3"),
    "VERBR_IN_M3_TOTAAL": ("water", "m3"),
}
# The column is there in every house; nothing at all was ever measured where it says 0.
_MAYBE_NONE = {"gas", "water"}


class Rows:
    """Reads the rows of the files of one archive."""

    def __init__(self, problems: Problems, *, zone: tzinfo) -> None:
        """Begin at the start of the first file.

        Args:
            problems: where is noted what cannot be used.
            zone: where it stood: its times are local.
        """
        self._problems = problems
        self._zone = zone
        self._newest: dict[str, datetime] = {}

    def values(self, file: BinaryIO) -> Iterator[Dated]:
        """Give the readings of all rows of one file."""
        for entry in lines_of(file, self._problems):
            yield from self._read(entry)

    def _read(self, entry: Entry) -> Iterator[Dated]:
        text = entry.data.decode("latin-1").strip("\0\r")
        begun = _TABLE.match(text)
        if not text or (begun is not None and begun[1] not in _TABLES):
            return
        found = _ROW.fullmatch(text) if len(text) <= LONGEST else None
        if found is None:
            self._problems.add(entry.line, "damaged", text)
            return
        table = found[1]
        names = [name.strip() for name in found[2].split(",")]
        cells = [cell.strip(" '") for cell in found[3].split(",")]
        if len(names) != len(cells):
            self._problems.add(entry.line, "damaged", text)
            return
        row = dict(zip(names, cells, strict=True))
        period = _PERIODS.get(table) or count(row.get("TIMEPERIOD_ID", ""))
        at = self._end(row.get("TIMESTAMP", ""), period)
        if at is None:
            self._problems.add(entry.line, "no_time", row.get("TIMESTAMP", ""))
            return
        # The newest hour, day and so on are not over yet: what they hold is as old as the newest of the shorter ones.
        kind = "water" if table == "watermeter" else "electricity"
        newest = self._newest.get(kind, at)
        if period == _MINUTE:
            self._newest[kind] = max(newest, at)
        else:
            at = min(newest, at)
        for name, (key, unit) in _COLUMNS.items():
            cell = row.get(name, "None")
            value = number(cell)
            if value is not None and (value or key not in _MAYBE_NONE):
                yield Dated(at, key, value, unit, entry.line)
            elif value is None and cell != "None":
                self._problems.add(entry.line, "not_a_number", cell)

    def _end(self, begin: str, period: int | None) -> datetime | None:
        """Return when a period is over that begins then."""
        try:
            local = datetime.fromisoformat(begin)
        except ValueError:
            return None
        if local.tzinfo is not None or period is None or period not in _PERIODS.values():
            return None
        try:
            if period == _DAY:
                local += timedelta(days=1)
            elif period == _MONTH:
                local = (local.replace(day=1) + timedelta(days=32)).replace(day=1)
            elif period == _YEAR:
                local = local.replace(year=local.year + 1)
            # A time is there once: in autumn the second pass through an hour takes the place of the first.
            at = local.replace(tzinfo=self._zone, fold=1).astimezone(UTC)
            return captured(at + _LENGTHS.get(period, timedelta()))
        except OverflowError, ValueError:
            return None
