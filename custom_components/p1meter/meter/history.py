"""The lines that hold a list: power failures, month peaks, closing values of a month."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from .values import number_with_unit

type Stamp = Callable[[str], datetime | None]
"""Reads a stamp; None for what is no date, or one before there were such meters."""

_LONGEST_FAILURE = 10 * 366 * 86400  # some firmware writes about 2**31 seconds
_MONTHS = 12
_CAPTURE_DIGITS = 6
_WATT = Decimal("0.001")


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
    entries = []
    for end, duration in zip(groups[2::2], groups[3::2], strict=False):
        seconds, unit = number_with_unit(duration)
        at = stamp(end)
        if at is not None and seconds is not None and unit in {"s", None} and 0 <= seconds <= _LONGEST_FAILURE:
            entries.append(PowerFailure(at, seconds))
    return sorted(entries)


def month_peaks(groups: Sequence[str], stamp: Stamp) -> list[MonthPeak] | None:
    """Return the months of the Belgian 0-0:98.1.0 (eMUCS-P1 1.7 §5.2.8), oldest first; None if it is another list.

    After the count and the codes of two columns come triples: the first instant of the following month, when the peak
    was, and the peak. A month without a peak has value None.
    """
    if len(groups) < 3 or not groups[0].isdecimal():
        return None
    entries = list(groups[3:])
    if entries in ([], [""]):
        return [] if not int(groups[0]) else None
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
