"""The household behind the meter: what it draws now, and what its registers have counted.

A week of days (day.py) comes back for ever, by the clock on the wall. So what a register shows is known for any moment
without living through the years before it: a simulator that is started again goes on where a meter would be by
then, and the past that a demonstration shows joins the present exactly.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from .day import Day, day

if TYPE_CHECKING:
    from .appliance import Appliance

ZONE = ZoneInfo("Europe/Amsterdam")
EPOCH = datetime(2023, 1, 2, tzinfo=ZONE)  # the meter was mounted in this night, a Monday
_HOUR = 3_600
_WEEK_HOURS = 168
_QUARTER = 900
_MONTHS_KEPT = 13  # eMUCS-P1: the list of monthly peaks

type Tariff = Callable[[datetime], int]


def _dutch(local: datetime) -> int:
    """1 is low: nights and weekends (DSMR 5.0.2 P1 §6.12)."""
    return 1 if local.weekday() >= 5 or not 7 <= local.hour < 23 else 2


def _belgian(local: datetime) -> int:
    """1 is day: 7 to 22 h on working days (eMUCS-P1)."""
    return 1 if local.weekday() < 5 and 7 <= local.hour < 22 else 2


def _single(_: datetime) -> int:
    """There is one tariff only."""
    return 1


# Where nothing stands here, tariff 1 is day.
_TARIFFS: Mapping[str, Tariff] = {
    **dict.fromkeys(("nl2", "nl4", "nl5"), _dutch),
    **dict.fromkeys(("lu", "lu-encrypted", "h1", "h1-fi", "d0"), _single),
}


class Registers(NamedTuple):
    """What the meters have counted: energy in watt-seconds, gas and water in millilitres."""

    import_1: int
    import_2: int
    export_1: int
    export_2: int
    gas: int
    water: int

    def plus(self, other: Registers, times: int = 1) -> Registers:
        """Add `other` as often as `times` says; it may be negative."""
        return Registers(*(mine + times * theirs for mine, theirs in zip(self, other, strict=True)))

    def readings(self) -> dict[str, Decimal]:
        """What the displays show of it: kWh and m³ with three decimals, cut off as a meter does."""
        names = ("import_tariff_1", "import_tariff_2", "export_tariff_1", "export_tariff_2", "gas", "water")
        units = (_HOUR,) * 4 + (1_000,) * 2
        return {name: Decimal(raw // unit) / 1_000 for name, raw, unit in zip(names, self, units, strict=True)}


class Peak(NamedTuple):
    """The highest quarter of an hour of a month: its end, and its mean import in watts."""

    at: datetime
    watts: int


_NOTHING = Registers(0, 0, 0, 0, 0, 0)


class _Week:
    """The week that comes back: its days, hours and quarters, all by local time."""

    def __init__(self, seed: int, tariff: Tariff, weather: str | None) -> None:
        self.tariff = tariff
        self.counted = lru_cache(maxsize=16)(self.count)  # the meters on the M-Bus are read every five minutes
        self.days = tuple(day(seed, number, weather) for number in range(7))
        self.before = [_NOTHING]  # at the beginning of each hour since Monday
        self.quarters: list[int] = []  # imported in each, in watt-seconds
        for hour in range(_WEEK_HOURS):
            start = hour % 24 * _HOUR
            local = EPOCH + timedelta(hours=hour)
            counted, quarters = _NOTHING, []
            for quarter in range(start, start + _HOUR, _QUARTER):
                part = self.count(local, quarter, quarter + _QUARTER)
                quarters.append(part.import_1 + part.import_2)
                counted = counted.plus(part)
            self.before.append(self.before[-1].plus(counted))
            self.quarters += quarters

    def count(self, local: datetime, start: int, end: int) -> Registers:
        """Count what the registers do between two seconds of one hour of a day."""
        today = self.days[local.weekday()]
        imported = exported = 0
        for l1, l2, l3 in zip(*(line[start:end] for line in today.phases), strict=True):
            net = l1 + l2 + l3
            if net > 0:
                imported += net
            else:
                exported -= net
        first = self.tariff(local) == 1
        return Registers(
            imported if first else 0,
            0 if first else imported,
            exported if first else 0,
            0 if first else exported,
            sum(today.gas[start:end]),
            sum(today.water[start:end]),
        )


@lru_cache(maxsize=8)
def _week(seed: int, tariff: Tariff, weather: str | None) -> _Week:
    return _Week(seed, tariff, weather)


class Household:
    """One household from a seed, at a moment that `step` moves on.

    `system` names the meter, whose country decides the tariffs; `weather` is a name of `day.WEATHERS`, by default the
    week has some of each of the spring's. `moved` is what appliances have moved the registers by in former lives.
    Raises ValueError for a `start` before the meter was mounted (`EPOCH`).
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        start: datetime,
        system: str = "nl5",
        weather: str | None = None,
        moved: Registers | None = None,
    ) -> None:
        if start < EPOCH:
            raise ValueError(f"The meter was mounted on {EPOCH:%Y-%m-%d}")
        self.seed = seed
        self.now = start.astimezone(UTC).replace(microsecond=0)
        self.extra = 0  # W drawn from L1 on top of the plan: a load that a test switches; negative gives
        self.appliances: dict[str, Appliance] = {}  # on top of the plan, too: what is switched from outside, by name
        self._week = _week(seed, _TARIFFS.get(system, _belgian), weather)
        self._moved = moved or _NOTHING
        self._mounted_with = Registers(*Random(f"{seed}/registers").sample(range(2_000_000_000), 6)).plus(self._moved)
        counted = self.registers_at(self.now)
        self._import, self._export = [0, counted.import_1, counted.import_2], [0, counted.export_1, counted.export_2]
        self._gas, self._water = counted.gas, counted.water
        self._index = 0  # the next second of the day
        self._enter_hour()
        self._show(self._index - 1)
        self._quarter = self._imported_since_quarter()
        self.month_peak = self._peak_since_month()
        self.month_peaks = [self._former_peak(months) for months in range(_MONTHS_KEPT, 0, -1)]

    @property
    def local(self) -> datetime:
        """The moment by the clock on the wall."""
        return self.now.astimezone(ZONE)

    @property
    def registers(self) -> Registers:
        """What the registers have counted until now."""
        _, import_1, import_2 = self._import
        _, export_1, export_2 = self._export
        return Registers(import_1, import_2, export_1, export_2, self._gas, self._water)

    @property
    def moved(self) -> Registers:
        """What appliances, and tests, have moved the registers by until now, in this life and in former ones."""
        return self.registers.plus(self.registers_at(self.now), -1).plus(self._moved)

    @property
    def power(self) -> int:
        """The net power of the last second, W, positive from the grid."""
        return sum(self.phases)

    @property
    def demand(self) -> int:
        """The import of the running quarter of an hour, W, as its mean over a whole quarter: it rises within it."""
        return self._quarter // _QUARTER

    def step(self, seconds: int = 1) -> None:
        """Live on for some seconds."""
        for _ in range(seconds):
            index = self._index
            l1, l2, l3 = self._lines
            phases = [l1[index] + self.extra, l2[index], l3[index]]
            for appliance in self.appliances.values():
                phases[appliance.phase - 1] += appliance.step()
            self.phases = (phases[0], phases[1], phases[2])
            net = sum(phases)
            if net > 0:
                self._import[self.tariff] += net
                self._quarter += net
            else:
                self._export[self.tariff] -= net
            self._gas += self._today.gas[index]
            self._water += self._today.water[index]
            self._index = index + 1
            if self._index % _QUARTER == 0:
                self._close_quarter()
        # Whole hours move the clock on by themselves, so that it is not computed each second.
        self.now = self._hour + timedelta(seconds=self._index % _HOUR)

    def registers_at(self, moment: datetime) -> Registers:
        """What the registers show at any moment since `EPOCH`, as if nothing extra had been switched in this life."""
        local = moment.astimezone(ZONE)
        weeks, hours = divmod(_wall_hours(local), _WEEK_HOURS)
        within = local.minute * 60 + local.second
        counted = self._mounted_with.plus(self._week.before[_WEEK_HOURS], weeks).plus(self._week.before[hours])
        if local.dst():  # the clock on the wall has skipped an hour of a Sunday, which nobody lived
            skipped = EPOCH + timedelta(days=6, hours=2)
            counted = counted.plus(self._week.count(skipped, 2 * _HOUR, 3 * _HOUR), -1)
        return counted.plus(self._week.counted(local, local.hour * _HOUR, local.hour * _HOUR + within))

    def history(self, days: int) -> Iterator[tuple[datetime, dict[str, Decimal]]]:
        """The readings at each full hour of the last `days` days until now, oldest first.

        They end at or before what the next telegram says. Raises ValueError if the meter is not that old.
        """
        hour = self.now.replace(minute=0, second=0) - timedelta(days=days)
        if hour < EPOCH:
            raise ValueError(f"The meter was mounted on {EPOCH:%Y-%m-%d}")
        while hour <= self.now:
            yield hour, self.registers_at(hour).readings()
            hour += timedelta(hours=1)

    def _enter_hour(self) -> None:
        local = self.local
        self._hour = self.now.replace(minute=0, second=0)
        self._today: Day = self._week.days[local.weekday()]
        self._lines = self._today.phases
        self.tariff = self._week.tariff(local)
        self._index = local.hour * _HOUR + local.minute * 60 + local.second

    def _show(self, index: int) -> None:
        """Show what a second of this day (-1: of yesterday) drew."""
        lines = self._lines if index >= 0 else self._week.days[(self.local.weekday() - 1) % 7].phases
        self.phases = (lines[0][index], lines[1][index], lines[2][index])

    def _close_quarter(self) -> None:
        if self._index % _HOUR == 0:
            month = self.local.month
            self.now = self._hour + timedelta(hours=1)
            self._enter_hour()
            end = self.now
            new_month = self.local.month != month
        else:
            end = self._hour + timedelta(seconds=self._index % _HOUR)
            new_month = False
        if self.demand > self.month_peak.watts:
            self.month_peak = Peak(end, self.demand)
        if new_month:
            self.month_peaks = [*self.month_peaks[1:], self.month_peak]
            self.month_peak = Peak(end, 0)
        self._quarter = 0

    def _imported_since_quarter(self) -> int:
        start = self._index - self._index % _QUARTER
        part = self._week.count(self.local, start, self._index)
        return part.import_1 + part.import_2

    def _peak_since_month(self) -> Peak:
        month = self.local.replace(day=1, hour=0, minute=0, second=0)
        peak = Peak(month, 0)
        end = month.astimezone(UTC) + timedelta(seconds=_QUARTER)
        while end <= min(self.now, month + timedelta(days=7)):  # after a week nothing new comes
            start = (end - timedelta(seconds=_QUARTER)).astimezone(ZONE)
            quarter = _wall_hours(start) % _WEEK_HOURS * 4 + start.minute // 15
            watts = self._week.quarters[quarter] // _QUARTER
            if watts > peak.watts:
                peak = Peak(end, watts)
            end += timedelta(seconds=_QUARTER)
        return peak

    def _former_peak(self, months: int) -> Peak:
        """The peak of some months ago: drawn, for the week that comes back would give the same every time."""
        index = self.local.year * 12 + self.local.month - 1 - months
        rng = Random(f"{self.seed}/peak/{index}")
        first = datetime(index // 12, index % 12 + 1, 1, tzinfo=ZONE)
        at = first + timedelta(days=rng.randint(1, 26), hours=rng.randint(17, 20), minutes=15 * rng.randint(0, 3))
        return Peak(at.astimezone(UTC), rng.randint(2_200, 5_800))


def _wall_hours(local: datetime) -> int:
    """The whole hours that the clock on the wall has gone since `EPOCH`."""
    wall = local.replace(tzinfo=None) - EPOCH.replace(tzinfo=None)
    return int(wall.total_seconds()) // _HOUR
