"""What a file of the past gives: readings of totals, each with its time; and what was wrong with the file."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from ...meter import REGISTERS, HistoryKind
from ...meter.values import captured

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...meter import HistoryRow, Telegram

type ProblemKind = Literal[
    "damaged",
    "no_time",
    "columns",
    "refused",
    "unknown_code",
    "too_long",
    "not_a_number",
    "unit",
    "wrong_value",
    "future",
    "unknown_file",
]
type HistoryErrorKind = Literal["empty", "unknown_format", "not_whole", "too_large", "stopped", "columns_needed"]


class Dated(NamedTuple):
    """One reading of a total.

    Attributes:
        at: when it was taken, aware, UTC; of an M-Bus meter its own capture.
        key: the register, as in `Telegram.readings`: `import_tariff_1`, `1:gas`; without a channel (`gas`) where the
            file does not tell it.
        value: as sent, in `unit`; where `is_growth`, what has grown in the hour that ends at `at`.
        unit: in our spelling (`kWh`, `m3`).
        line: where in the file it stands.
        is_growth: whether the program kept no readings, only what grew.
        meter: the equipment id of the meter; "" where the file does not tell it.
        file: which of several files it is from; "" where there is only one.
    """

    at: datetime
    key: str
    value: Decimal
    unit: str
    line: int = 0
    is_growth: bool = False
    meter: str = ""
    file: str = ""


class Problem(NamedTuple):
    """Something in a file that could not be used.

    Attributes:
        line: its number, from 1; of the first line of a telegram; 0 where it belongs to no line.
        kind: `damaged` (a line that is not whole), `no_time`, `columns` (another number of values than of columns),
            `refused` (a telegram, see `Reason`), `unknown_code`, `too_long`, `not_a_number`, `unit` (none of this
            register), `wrong_value` (one value below or above all around it), `future`, `unknown_file` (one of several
            that is nothing that can be read).
        detail: the code, the reason, the value or the name.
        file: which of several files it is about; "" where there is only one.
    """

    line: int
    kind: ProblemKind
    detail: str = ""
    file: str = ""


class Problems:
    """What was wrong, the first of it kept, all of it counted."""

    KEPT: Final = 100

    def __init__(self) -> None:
        """Begin with nothing wrong."""
        self.kept: list[Problem] = []
        self.counts: Counter[ProblemKind] = Counter()
        self.file = ""
        """Which of several files is being read."""

    def add(self, line: int, kind: ProblemKind, detail: str = "", *, file: str | None = None) -> None:
        """Note one, of the file that is being read or of another."""
        self.counts[kind] += 1
        if len(self.kept) < self.KEPT:
            self.kept.append(Problem(line, kind, detail[:_LONGEST_DETAIL], self.file if file is None else file))


class HistoryError(Exception):
    """A file cannot be read as history at all.

    Attributes:
        kind: `empty`, `unknown_format`, `not_whole` (a compressed file was cut off or damaged), `too_large` (so much
            comes out of a compressed file that no meter can have said it), `stopped` (`HistoryFile.stop` was called)
            or `columns_needed` (lines without codes: somebody has to say what the values are).
        detail: the first line, where columns are needed.
        file: which of several files it is about; "" where there is only one.
    """

    def __init__(self, kind: HistoryErrorKind, detail: str = "", *, file: str = "") -> None:
        """Say what is wrong."""
        self.kind = kind
        self.detail = detail
        self.file = file
        super().__init__(f"{kind} {detail}".rstrip())


_LONGEST_DETAIL = 80
# What can be added up over the years; hours of operation are no consumption.
_CONSUMED = {"energy", "reactive_energy", "gas", "water", "volume", None}
TOTALS: Final = frozenset(
    key
    for key, register in REGISTERS.items()
    if register.role == "total" and register.entity and not register.derived and register.quantity in _CONSUMED
)
"""The registers whose growth is worth a row of statistics."""


def register_of(key: str) -> str:
    """Return the key of the register: `gas` for `1:gas`."""
    return key.rpartition(":")[2]


def values_of(telegram: Telegram, line: int, problems: Problems) -> list[Dated]:
    """Return the totals of a telegram; one without a time of its own gives those that have one."""
    found: list[Dated] = []
    is_dated = True
    now = captured(telegram.time)
    for key, reading in telegram.readings.items():
        if reading.key not in TOTALS or not isinstance(reading.value, Decimal):
            continue
        unit = reading.unit or REGISTERS[reading.key].unit
        at = (None if reading.channel is None else reading.at) or now
        if at is None:
            is_dated = False
        elif unit is not None:
            meter = _meter_of(telegram, reading.channel)
            found.append(Dated(at.astimezone(UTC), key, reading.value, unit, line, meter=meter))
    if not is_dated:
        problems.add(line, "no_time")
    return found


def _meter_of(telegram: Telegram, channel: int | None) -> str:
    if channel is not None:
        return telegram.mbus[channel].equipment_id or ""
    reading = telegram.readings.get("equipment_id")
    return "" if reading is None or reading.value is None else str(reading.value)


def readings_of(rows: Iterable[HistoryRow]) -> Iterator[Dated]:
    """Give the readings at the ends of the months that a meter remembers (`meter.history.rows`), as far as dated.

    Belgium's month values are peaks of power, and no total: they give nothing.
    """
    for row in rows:
        is_reading = row.kind is HistoryKind.MONTH and row.key in TOTALS
        if is_reading and row.at is not None and row.value is not None and row.unit is not None:
            yield Dated(row.at.astimezone(UTC), row.key, row.value, row.unit)
