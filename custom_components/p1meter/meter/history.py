"""What a meter tells of the past: power failures, month peaks, closing values."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from .codes import code_of
from .lines import MONTHS, of_this_meter
from .registers import REGISTERS
from .slots import closings
from .values import Clock, number_with_unit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .obis import Obis
    from .slots import Closing
    from .telegram import Telegram

type Stamp = Callable[[str], datetime | None]
"""Reads a stamp; None for what is no date, or one before there were such meters."""

FAILURES = "1-0:99.97.0"
"""The code of the power failure log."""


def _last_month_of(key: str) -> str:
    """Return what the closing value of a register at the end of last month is called; peaks have a shorter name."""
    short = key.replace("demand_month_peak", "demand_import").replace("demand_export_peak", "demand_export")
    return f"last_month_{short}"


LAST_MONTH = {key: name for key in REGISTERS if (name := _last_month_of(key)) in REGISTERS}
"""The registers that have another one for their closing value at the end of last month, and its key."""

_REGISTER_OF = {name: key for key, name in LAST_MONTH.items()}
_LONGEST_FAILURE = 10 * 366 * 86400  # some firmware writes about 2**31 seconds
_MONTHS = 12
_CAPTURE_DIGITS = 6
_WATT = Decimal("0.001")


class HistoryKind(StrEnum):
    """What a row of the past is."""

    MONTH = "month"
    """The reading of a register at the end of a period."""
    DEMAND_MONTH = "demand_month"
    """The highest mean power within a period."""
    POWER_FAILURE = "power_failure"
    """A long power failure."""


class HistoryRow(NamedTuple):
    """One thing of the past.

    Attributes:
        kind: What it is.
        key: The register whose value it is; `power_failure_log` for a power failure.
        obis: The code it was sent under.
        at: The end of the period or of the power failure, aware; None if the meter does not say.
        occurred: When the peak was reached, or the power failure began; None where there is none.
        value: What it was; None for a power failure, and for a month without a peak.
        unit: Of the value.
        duration_s: How long the power failure took, in seconds.
        manual: Whether the period was closed by hand, and not by the clock.
    """

    kind: HistoryKind
    key: str
    obis: Obis
    at: datetime | None
    occurred: datetime | None
    value: Decimal | None
    unit: str | None
    duration_s: int | None = None
    manual: bool = False


def rows(telegram: Telegram) -> list[HistoryRow]:
    """Return everything that a telegram tells of the past, each kind of line from the oldest to the newest.

    What cannot be brought into the order of time is left out.
    """
    clock, offset = Clock(telegram.zone), telegram.profile.winter_offset
    objects = of_this_meter([(code_of(obis), groups) for obis, groups in telegram.objects], telegram.ident)
    found = [_closing_row(one) for one in closings(objects, telegram.readings, clock, offset).all]
    for item, groups in objects:
        if item.name == MONTHS:
            found += _months(item.obis, groups, clock, offset)
        elif item.name == FAILURES:
            found += _failures(item.obis, groups, partial(clock.capture, winter_offset=offset))
    return found


def _closing_row(one: Closing) -> HistoryRow:
    kind = HistoryKind.DEMAND_MONTH if one.is_peak else HistoryKind.MONTH
    unit = one.unit or REGISTERS[one.key].unit
    return HistoryRow(kind, one.key, one.obis, one.at, one.occurred, one.value, unit, manual=one.obis.manual)


def _months(obis: Obis, groups: Sequence[str], clock: Clock, offset: int) -> Iterator[HistoryRow]:
    stamp = partial(clock.capture, winter_offset=offset)
    for peak in month_peaks(groups, stamp) or ():
        # Of the stamp only the day counts: it is over at midnight.
        at = clock.date_and_time(peak.closed, "0000")
        unit = peak.unit or REGISTERS["demand_month_peak"].unit
        yield HistoryRow(HistoryKind.DEMAND_MONTH, "demand_month_peak", obis, at, peak.at, peak.value, unit)
    at, values = closing_values(groups, stamp) or (None, {})
    for key, (value, unit) in values.items():
        register = _REGISTER_OF[key]
        kind = HistoryKind.DEMAND_MONTH if REGISTERS[register].role == "peak" else HistoryKind.MONTH
        yield HistoryRow(kind, register, obis, at, None, value, unit)


def _failures(obis: Obis, groups: Sequence[str], stamp: Stamp) -> Iterator[HistoryRow]:
    for end, duration in power_failures(groups, stamp):
        seconds = int(duration)
        began = end - timedelta(seconds=seconds)
        yield HistoryRow(HistoryKind.POWER_FAILURE, "power_failure_log", obis, end, began, None, None, seconds)


class PowerFailure(NamedTuple):
    """One long power failure: when it ended, and how many seconds it took."""

    end: datetime
    duration: Decimal


class MonthPeak(NamedTuple):
    """The highest quarter of an hour of a month.

    `closed` is the date on which the month was over, as digits YYMMDD: the season letter beside it may be wrong.
    """

    closed: str
    value: Decimal | None
    unit: str | None
    at: datetime | None


def power_failures(groups: Sequence[str], stamp: Stamp) -> list[PowerFailure]:
    """Return the valid entries of 1-0:99.97.0 (DSMR 5.0.2 P1 §6.12), oldest first.

    After the count and the code of the column come pairs: the end of the failure and its duration.
    """
    return sorted(_power_failures(groups, stamp))


def last_power_failure(groups: Sequence[str], stamp: Stamp) -> datetime | None:
    """Return when the newest of them ended; None if there is none."""
    return max((end for end, _ in _power_failures(groups, stamp)), default=None)


def _power_failures(groups: Sequence[str], stamp: Stamp) -> Iterator[PowerFailure]:
    for end, duration in zip(groups[2::2], groups[3::2], strict=False):
        seconds, unit = number_with_unit(duration)
        at = stamp(end)
        if at is not None and seconds is not None and unit in {"s", None} and 0 <= seconds <= _LONGEST_FAILURE:
            yield PowerFailure(at, seconds)


def month_peaks(groups: Sequence[str], stamp: Stamp) -> list[MonthPeak] | None:
    """Return the months of the Belgian 0-0:98.1.0 (eMUCS-P1 1.7 §5.2.8), oldest first; None if it is another list.

    After the count and the codes of two columns come triples: the first instant of the following month, when the peak
    was, and the peak. A month without a peak has value None.
    """
    if len(groups) < 3 or not groups[0].isdecimal():
        return None
    entries = list(groups[3:])
    if entries in ([], [""]):
        return None if groups[0].strip("0") else []
    if len(entries) % 3:
        return None
    months = []
    for captured, occurred, peak in zip(entries[::3], entries[1::3], entries[2::3], strict=True):
        if stamp(captured) is None:
            continue
        value, unit = number_with_unit(peak)
        at = stamp(occurred)
        months.append(MonthPeak(captured[:_CAPTURE_DIGITS], None if at is None else value, unit, at))
    return sorted(months, key=lambda month: month.closed)


def average_peak(months: Sequence[MonthPeak]) -> tuple[Decimal, str | None] | None:
    """Return the mean of the peaks of the last twelve months, to the watt, with its unit; None if there is none."""
    peaks = [month for month in months[-_MONTHS:] if month.value is not None]
    if not peaks or len({peak.unit for peak in peaks}) > 1:
        return None
    total = sum((peak.value for peak in peaks if peak.value is not None), Decimal(0))
    return (total / len(peaks)).quantize(_WATT, ROUND_HALF_UP), peaks[0].unit


# The columns of the Hungarian 0-0:98.1.0, in their order. The maxima are not named anywhere: in every sample the first
# of three is the highest of the other two, as the totals and tariffs are.
_HUNGARIAN_COLUMNS = (
    ("last_month_import_total", "kWh"),
    ("last_month_import_tariff_1", "kWh"),
    ("last_month_import_tariff_2", "kWh"),
    ("last_month_export_total", "kWh"),
    ("last_month_export_tariff_1", "kWh"),
    ("last_month_export_tariff_2", "kWh"),
    ("last_month_reactive_import_total", "kvarh"),
    ("last_month_reactive_export_total", "kvarh"),
    ("last_month_reactive_q1", "kvarh"),
    ("last_month_reactive_q2", "kvarh"),
    ("last_month_reactive_q3", "kvarh"),
    ("last_month_reactive_q4", "kvarh"),
    ("last_month_energy_combined", "kWh"),
    ("last_month_demand_import", "kW"),
    ("last_month_demand_import_tariff_1", "kW"),
    ("last_month_demand_import_tariff_2", "kW"),
    ("last_month_demand_export", "kW"),
    ("last_month_demand_export_tariff_1", "kW"),
    ("last_month_demand_export_tariff_2", "kW"),
)


def closing_values(groups: Sequence[str], stamp: Stamp) -> tuple[datetime, dict[str, tuple[Decimal, str]]] | None:
    """Return when the last month closed and its values by key, of the Hungarian 0-0:98.1.0; None if it is not that.

    A stamp and nineteen values; every unit must be where it belongs, otherwise nothing of the line is taken.
    """
    if len(groups) != len(_HUNGARIAN_COLUMNS) + 1:
        return None
    at = stamp(groups[0])
    values: dict[str, tuple[Decimal, str]] = {}
    for (key, expected), sent in zip(_HUNGARIAN_COLUMNS, groups[1:], strict=True):
        value, unit = number_with_unit(sent)
        if value is None or unit != expected:
            return None
        values[key] = (value, unit)
    return None if at is None else (at, values)
