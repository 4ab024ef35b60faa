"""A minimum run is had by its deadline: as late as it can be, where it is permitted, cheap and in one piece."""

from datetime import datetime, time
import json
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from p1meter.loads import LoadInput, LoadSettings, Sample, Site
from p1meter.loads.day import Account
from p1meter.loads.learning import Learner
from p1meter.loads.minimum_run import MinimumRun

if TYPE_CHECKING:
    from collections.abc import Callable

ZONE = ZoneInfo("Europe/Brussels")
SITE = Site()
STEP_S = 30


def at(text: str) -> datetime:
    """Return a local time: `06-15 12:00` of 2026."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZONE)


class Days:
    """A load over its days: it runs when it is forced and nothing forbids it, or the sun runs it."""

    def __init__(self, load: LoadSettings, since: str, *, target_w: float | None = None) -> None:
        self.load = load
        self.now = at(since).timestamp()
        self.account = Account(load)
        self.learner = Learner(load)
        self.minimum = MinimumRun(load)
        self.target_w = target_w
        self.tariff: Callable[[datetime], int | None] = lambda _: None
        self.price: Callable[[datetime], float | None] = lambda _: None
        self.allowed: Callable[[datetime], bool] = lambda _: True
        # The local times, as `15 19:27`, at which it was forced, and at which no longer.
        self.turns: list[str] = []
        self.runs = True

    @property
    def wall(self) -> datetime:
        return datetime.fromtimestamp(self.now, ZONE)

    def until(self, text: str, *, sun: bool = False) -> list[str]:
        """Let time pass; return when it was forced, and when no longer."""
        self.turns = []
        while self.now < at(text).timestamp():
            self.now += STEP_S
            self.step(sun=sun)
        return self.turns

    def step(self, *, sun: bool = False) -> None:
        wall, was = self.wall, self.minimum.forced
        sample = Sample(
            self.now,
            wall,
            0.0,
            0.0,
            (None, None, None),
            tariff=self.tariff(wall),
            price_buy=self.price(wall),
            loads={self.load.id: LoadInput(on=self.runs, allowed=self.allowed(wall))},
        )
        may = self.minimum.forced and self.allowed(wall)
        active = self.runs and (sun or may) and not self.learner.idle
        self.account.step(wall, float(STEP_S), active=active, sun_w=0.0, grid_w=2000.0)
        self.minimum.step(sample, SITE, self.account, self.learner, target_w=self.target_w)
        if self.minimum.forced is not was:
            self.turns.append(f"{wall:%d %H:%M}")

    def restart(self) -> None:
        state = json.loads(json.dumps({"account": self.account.state, "minimum": self.minimum.state}))
        self.account = Account(self.load, state["account"])
        self.minimum = MinimumRun(self.load, state["minimum"])


def boiler(
    hours: float = 2.0,
    deadline: time | None = time(22),
    *,
    day_start: time = time(4),
    tariffs: frozenset[int] | None = None,
    max_price: float | None = None,
    windows: tuple[tuple[time, time], ...] = (),
) -> LoadSettings:
    return LoadSettings(
        "boiler",
        2000.0,
        1,
        min_run_s=hours * 3600,
        deadline=deadline,
        day_start=day_start,
        tariffs=tariffs,
        max_price=max_price,
        windows=windows,
    )


def between(turns: list[str], *expected: tuple[str, str]) -> bool:
    """Whether there are just these turns, each not before the one time and not after the other."""
    return len(turns) == len(expected) and all(
        first <= turn <= last for turn, (first, last) in zip(turns, expected, strict=True)
    )


def test_it_waits_for_the_sun_as_long_as_it_can_and_then_runs_once() -> None:
    days = Days(boiler(), "06-15 04:00")
    # Needed: 2 h x 1.15 + 15 min = 2 h 33 min before 22:00; then for the two hours.
    assert between(days.until("06-16 03:59"), ("15 19:27", "15 19:29"), ("15 21:27", "15 21:29"))
    assert days.account.run_s == 7200


def test_what_the_sun_has_done_is_not_done_again() -> None:
    days = Days(boiler(), "06-15 04:00")
    days.until("06-15 12:00")
    days.until("06-15 13:30", sun=True)
    # Half an hour is missing: 34.5 min + 15 min before 22:00.
    assert between(days.until("06-16 03:59"), ("15 21:10", "15 21:12"), ("15 21:40", "15 21:42"))
    assert days.account.run_s == 7200
    days.until("06-16 09:00", sun=True)
    assert days.until("06-17 03:59") == []


def test_without_a_minimum_nothing_is_forced() -> None:
    days = Days(boiler(0.0), "06-15 04:00")
    assert days.until("06-16 04:00") == []


def test_a_minimum_that_is_taken_back_ends_at_once() -> None:
    days = Days(boiler(), "06-15 19:00")
    assert len(days.until("06-15 20:00")) == 1
    days.minimum.load = boiler(0.0)
    days.step()
    assert not days.minimum.forced


def test_without_a_deadline_the_day_is_the_time() -> None:
    days = Days(boiler(deadline=None), "06-15 04:00")
    assert between(days.until("06-16 04:00"), ("16 01:27", "16 01:29"), ("16 03:27", "16 03:29"))


def test_the_night_to_winter_time_is_an_hour_longer() -> None:
    days = Days(boiler(deadline=None), "10-24 12:00")
    # 2 h 33 min before 04:00 winter time is 01:27 winter time, when summer time has 02:27; two hours later it is 03:27.
    assert between(days.until("10-25 03:59"), ("25 02:27", "25 02:29"), ("25 03:27", "25 03:29"))
    assert days.account.run_s == 7200


def test_what_is_not_there_in_time_is_not_forced_after_the_deadline() -> None:
    days = Days(boiler(), "06-15 19:00")
    days.runs = False
    assert between(days.until("06-16 04:00"), ("15 19:27", "15 19:29"), ("15 22:00", "15 22:00"))


def test_a_day_that_is_too_short_is_used_from_its_beginning() -> None:
    # 2.5 h by 07:00, and the day begins at 04:00.
    days = Days(boiler(2.5, time(7)), "06-15 03:00")
    assert between(days.until("06-15 12:00"), ("15 04:00", "15 04:01"), ("15 06:30", "15 06:31"))


def test_a_restart_does_not_let_go() -> None:
    days = Days(boiler(), "06-15 19:00")
    days.until("06-15 20:30")
    days.restart()
    assert days.minimum.forced
    assert between(days.until("06-16 04:00"), ("15 21:27", "15 21:29"))
    days.restart()
    assert days.until("06-16 10:00") == []


def test_a_restart_on_another_day_lets_go() -> None:
    days = Days(boiler(), "06-15 19:00")
    days.until("06-15 20:30")
    days.now = at("06-16 10:00").timestamp()
    days.restart()
    assert len(days.until("06-16 12:00")) == 1
    assert not days.minimum.forced


def test_a_large_load_under_a_demand_limit_begins_earlier() -> None:
    # 2.5 kW: (2500 x 0.97 - 500) / 2000 is 0.9625 of the time; with 70 % for what is cooked 3 h 32 min, + 1 h.
    days = Days(boiler(), "06-15 04:00", target_w=2500.0)
    assert between(days.until("06-15 18:30"), ("15 17:27", "15 17:29"))
    # No less than 0.3 of the time: 11 h 20 min + 1 h.
    days = Days(boiler(), "06-15 04:00", target_w=500.0)
    assert between(days.until("06-15 11:00"), ("15 09:39", "15 09:41"))
    # No more than all of it.
    days = Days(boiler(), "06-15 04:00", target_w=10000.0)
    assert between(days.until("06-15 18:30"), ("15 17:35", "15 17:37"))


def idle(days: Days, *, since: float | None) -> None:
    days.learner.idle = since is not None
    days.learner.idle_since = since


def test_an_open_thermostat_is_content() -> None:
    days = Days(boiler(), "06-15 19:00")
    days.until("06-15 19:40")
    idle(days, since=days.now)
    # After ten minutes, and for the rest of the day: no tries.
    assert between(days.until("06-16 03:00"), ("15 19:49", "15 19:51"))
    idle(days, since=None)
    days.restart()
    assert days.until("06-16 03:59") == []
    # The next day asks again.
    assert len(days.until("06-16 21:00")) == 1


def test_a_thermostat_that_closes_again_is_not_content() -> None:
    days = Days(boiler(), "06-15 19:00")
    days.until("06-15 19:40")
    idle(days, since=days.now)
    days.until("06-15 19:45")
    idle(days, since=None)
    # Five minutes later than two hours after it began.
    assert between(days.until("06-16 03:00"), ("15 21:32", "15 21:34"))
    assert days.account.run_s == 7200


def test_idle_by_day_does_not_count_for_the_evening() -> None:
    days = Days(boiler(), "06-15 12:00")
    idle(days, since=days.now)
    days.until("06-15 14:00")
    idle(days, since=None)
    assert len(days.until("06-15 20:00")) == 1


def test_only_its_windows_count() -> None:
    # By 22:00, but only from 12:00 to 14:00 and from 20:00 to 21:00: needed are 2 h 33 min of those three hours.
    days = Days(boiler(windows=((time(12), time(14)), (time(20), time(21)))), "06-15 04:00")
    assert between(days.until("06-15 13:00"), ("15 12:27", "15 12:29"))


def night(wall: datetime) -> int:
    return 1 if wall.hour >= 22 or wall.hour < 7 else 2


def test_the_night_tariff_is_used_where_the_deadline_would_be_too_late() -> None:
    # By 20:00, in tariff 1, which is from 22:00 to 07:00; the day begins at 21:00.
    days = Days(boiler(2.0, time(20), day_start=time(21), tariffs=frozenset({1})), "06-15 21:00")
    days.tariff = night
    days.allowed = lambda wall: night(wall) == 1
    # The first night, nobody knows when that tariff will be again: it is used as it comes.
    assert between(days.until("06-16 20:30"), ("15 21:00", "15 21:01"), ("15 23:59", "16 00:00"))
    # The second, it is known to end at 07:00: 2 h 33 min before that.
    assert between(days.until("06-17 20:30"), ("17 04:27", "17 04:29"), ("17 06:27", "17 06:29"))


def test_what_the_person_named_is_remembered_likewise() -> None:
    days = Days(boiler(), "06-15 04:00")
    days.allowed = lambda wall: wall.hour < 18
    # The first day, it is taken for granted that it says yes, but for the quarter of an hour in which it says no.
    assert between(days.until("06-16 03:59"), ("15 19:15", "15 19:16"), ("15 22:00", "15 22:00"))
    assert days.account.run_s == 0
    # 2 h 33 min before 18:00.
    assert between(days.until("06-17 03:59"), ("16 15:27", "16 15:29"), ("16 17:27", "16 17:29"))
    assert days.account.run_s == 7200


def tide(wall: datetime) -> float:
    """Return a price that is lowest from 02:00 to 05:00, and next before that."""
    return 0.10 if 2 <= wall.hour < 5 else 0.20 if wall.hour < 2 else 0.30


def test_the_cheapest_hours_near_the_deadline_are_chosen() -> None:
    # A charger: 2 h by 07:00, the day begins at 12:00.
    days = Days(boiler(2.0, time(7), day_start=time(12)), "06-14 12:00")
    days.price = tide
    # The first night, the prices to come are not known: as late as it can be.
    assert between(days.until("06-15 12:00"), ("15 04:27", "15 04:29"), ("15 06:27", "15 06:29"))
    # From 2 x 2 h 33 min before the deadline on, the cheapest 2 h 33 min of that: from 02:27 to 05:00.
    assert between(days.until("06-16 12:00"), ("16 02:27", "16 02:29"), ("16 04:27", "16 04:29"))


def test_power_that_is_as_dear_all_day_waits_for_the_sun() -> None:
    days = Days(boiler(), "06-14 04:00")
    days.price = lambda _: 0.30
    days.until("06-15 04:00")
    assert between(days.until("06-16 04:00"), ("15 19:27", "15 19:29"), ("15 21:27", "15 21:29"))


def test_a_cheap_night_does_not_take_the_suns_place() -> None:
    days = Days(boiler(), "06-14 04:00")
    days.price = tide
    days.until("06-15 04:00")
    # 04:00 is cheap and all hours after 05:00 are dear; but the sun has not had its chance.
    assert between(days.until("06-16 04:00"), ("15 19:27", "15 19:29"), ("15 21:27", "15 21:29"))


def test_a_ceiling_on_the_price_counts_as_a_permission() -> None:
    days = Days(boiler(2.0, time(12), day_start=time(16), max_price=0.20), "06-14 16:00")
    days.price = tide
    days.allowed = lambda wall: tide(wall) <= 0.20
    days.until("06-15 16:00")
    # Permitted from midnight to 05:00, and dearer until two: 2 h 33 min before 05:00.
    assert between(days.until("06-16 16:00"), ("16 02:27", "16 02:29"), ("16 04:27", "16 04:29"))
