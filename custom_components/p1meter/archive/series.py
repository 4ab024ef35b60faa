"""Dated readings to hourly rows: what stood on a register at the end of each hour, and what grew in it.

Nothing is filled in: an hour without a reading is no row, and what grew in a gap is in the first hour after it.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from ..meter import REGISTERS
from ..meter.values import factor, unit_of
from .past import Problems
from .past.dated import register_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .past import Dated

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AN_HOUR: Final = timedelta(hours=1)
_SPELLINGS: Final = {"m3": "m³", "m3/h": "m³/h"}
_ZERO: Final = Decimal(0)
# So many readings in a row that are below the one before them, and undone by the next, are none of another meter.
_MOST_WRONG: Final = 3


class Hour(NamedTuple):
    """One row.

    Attributes:
        start: when the hour begins, UTC, as statistics call it.
        state: the last reading that was taken at or before its end; None where only growth is known.
        grown: since the reading before it; 0 with the first of a stretch.
    """

    start: datetime
    state: Decimal | None
    grown: Decimal


class Gap(NamedTuple):
    """Hours without a reading: when the first begins, and when the last is over."""

    start: datetime
    end: datetime

    @property
    def hours(self) -> int:
        """How many."""
        return (self.end - self.start) // _AN_HOUR


class Stretch(NamedTuple):
    """A run of readings of one meter: they never fall.

    Attributes:
        first: when its first hour begins.
        first_value: its first reading, which may be before the end of the first hour.
        last_value: its last reading.
    """

    first: datetime
    first_value: Decimal
    last_value: Decimal


@dataclass(frozen=True, slots=True)
class Series:
    """The history of one register.

    Attributes:
        key: as in `Dated`, or as the caller called it.
        unit: of everything in it, as people write it; that of the register.
        rows: by time, an hour at most once.
        stretches: by time; where another begins the reading has fallen, or the equipment id is another one: what grew
            there is not known.
    """

    key: str
    unit: str
    rows: Sequence[Hour]
    stretches: Sequence[Stretch]

    @property
    def grown(self) -> Decimal:
        """What has grown in all rows together."""
        return sum((row.grown for row in self.rows), _ZERO)

    @property
    def gaps(self) -> list[Gap]:
        """Those between the rows, by time."""
        return [
            Gap(before.start + _AN_HOUR, after.start)
            for before, after in pairwise(self.rows)
            if after.start - before.start > _AN_HOUR
        ]

    @property
    def longest_gap(self) -> Gap | None:
        """The longest, the first of several."""
        return max(self.gaps, key=lambda gap: gap.hours, default=None)


@dataclass(frozen=True, slots=True)
class History:
    """What files of the past say together.

    Attributes:
        series: by key, in the order in which they were met.
        problems: of all files and of their values.
    """

    series: Mapping[str, Series]
    problems: Problems


class _Reading(NamedTuple):
    """The number of an hour, counted from 1970, and a reading of it."""

    hour: int
    at: datetime
    value: Decimal
    line: int
    meter: str
    file: str


@dataclass(slots=True)
class _Collected:
    """What is known of a register: the first reading of all, the newest of each hour, and what grew by hours."""

    unit: str
    factors: dict[str, Decimal | None] = field(default_factory=dict)
    first: _Reading | None = None
    hours: dict[int, _Reading] = field(default_factory=dict)
    growth: dict[int, Decimal] = field(default_factory=dict)

    def take(self, one: Dated, value: Decimal) -> None:
        hours, rest = divmod(one.at - _EPOCH, _AN_HOUR)
        # What was read at the full hour is what the hour before it ended with.
        hour = hours if rest else hours - 1
        if one.is_growth:
            self.growth[hour] = value
            return
        reading = _Reading(hour, one.at, value, one.line, one.meter, one.file)
        if self.first is None or one.at < self.first.at:
            self.first = reading
        known = self.hours.get(hour)
        if known is None or one.at > known.at:
            self.hours[hour] = reading


def collect(
    values: Iterable[Dated],
    *,
    problems: Problems | None = None,
    names: Mapping[str, str] | None = None,
    until: datetime | None = None,
) -> History:
    """Bring dated readings of any order into hourly rows.

    Of two readings in an hour the later counts, of two at the same time the first: files may overlap.

    Args:
        values: the readings, of one file or of several.
        problems: where is noted what cannot be used: that of the file, if there is one.
        names: what series are to be called, by key: `{"1:mbus": "gas", "2:gas": "gas"}` makes one of two.
        until: what is later is not believed; None: everything is.
    """
    problems = problems or Problems()
    names = names or {}
    found: dict[str, _Collected] = {}
    for one in values:
        if until is not None and one.at > until:
            problems.add(one.line, "future", one.at.isoformat(), file=one.file)
            continue
        name = names.get(one.key, one.key)
        collected = found.get(name)
        if collected is None:
            collected = found[name] = _Collected(_unit(name, one))
        if one.unit not in collected.factors:
            collected.factors[one.unit] = factor(unit_of(one.unit), unit_of(collected.unit))
        times = collected.factors[one.unit]
        if times is None:
            problems.add(one.line, "unit", f"{one.key} {one.unit}", file=one.file)
        else:
            collected.take(one, one.value * times)
    series = {name: _series(name, one, problems) for name, one in found.items() if one.hours or one.growth}
    return History(series, problems)


def _unit(name: str, one: Dated) -> str:
    """Return the unit of the register; where it has none of its own, the one that was sent first."""
    register = REGISTERS.get(register_of(name)) or REGISTERS[register_of(one.key)]
    return register.unit or _SPELLINGS.get(one.unit, one.unit)


def _series(name: str, collected: _Collected, problems: Problems) -> Series:
    readings = sorted(collected.hours.values())
    if collected.first is not None and collected.first.at < readings[0].at:
        readings.insert(0, collected.first)
    runs = _runs(readings, problems)
    growth = sorted(collected.growth.items())
    rows = [Hour(_start(hour), None, grown) for hour, grown in growth if not runs]
    stretches: list[Stretch] = []
    for run in runs:
        made = list(_rows(run, growth))
        if rows and rows[-1].start == made[0].start:
            # It was replaced within the first hour.
            rows.pop()
        rows += made
        stretches.append(Stretch(made[0].start, run[0].value, run[-1].value))
    return Series(name, collected.unit, rows, stretches)


def _runs(readings: Sequence[_Reading], problems: Problems) -> list[list[_Reading]]:
    """Return the readings in runs that never fall, without those that are below or above all around them."""
    runs: list[list[_Reading]] = []
    run: list[_Reading] = []
    meter = ""
    for place, reading in enumerate(readings):
        ahead = readings[place + 1 : place + 1 + _MOST_WRONG]
        # An id may be damaged once, too.
        if run and meter and reading.meter not in {"", meter} and not any(one.meter == meter for one in ahead):
            run = []
        elif run and reading.value < run[-1].value:
            last = run[-1]
            if any(one.value >= last.value for one in ahead):
                problems.add(reading.line, "wrong_value", str(reading.value), file=reading.file)
                continue
            if len(run) > 1 and reading.value >= run[-2].value:
                problems.add(last.line, "wrong_value", str(last.value), file=last.file)
                run.pop()
            else:
                run = []
        if not run:
            runs.append(run)
            meter = reading.meter
        meter = meter or reading.meter
        run.append(reading)
    return runs


def _rows(run: Sequence[_Reading], growth: Sequence[tuple[int, Decimal]]) -> Iterator[Hour]:
    """Give the rows of a run; in its gaps those of which the growth is known, as far as it fits."""
    before = run[0]
    if len(run) == 1 or run[1].hour != before.hour:
        yield Hour(_start(before.hour), before.value, _ZERO)
    for reading in run[1:]:
        state = before.value
        between = growth[bisect_left(growth, (before.hour + 1,)) : bisect_left(growth, (reading.hour,))]
        if state + sum((grown for _, grown in between), _ZERO) <= reading.value:
            for hour, grown in between:
                state += grown
                yield Hour(_start(hour), state, grown)
        yield Hour(_start(reading.hour), reading.value, reading.value - state)
        before = reading


def _start(hour: int) -> datetime:
    return _EPOCH + hour * _AN_HOUR
