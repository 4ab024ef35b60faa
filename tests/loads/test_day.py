"""A load's day begins where its owner says, has 23 to 25 hours, and outlives a restart."""

from datetime import date, datetime, time, timedelta
import json
from zoneinfo import ZoneInfo

import pytest

from p1meter.loads import LoadSettings
from p1meter.loads.day import Account, day_of, deadline_after
from tests.loads.house import ON, House, load

ZONE = ZoneInfo("Europe/Brussels")
BOILER = LoadSettings("boiler", 2000.0, 1)


def at(text: str, *, fold: int = 0) -> datetime:
    """Return a local time: `06-15 12:00` of 2026."""
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZONE, fold=fold)


def run(account: Account, since: datetime, seconds: int, *, active: bool = True) -> None:
    """Let the load draw 2000 W, 1500 of them from the sun, for so long; a telegram each ten seconds."""
    for second in range(10, seconds + 1, 10):
        wall = datetime.fromtimestamp(since.timestamp() + second, ZONE)
        account.step(wall, 10.0, active=active, sun_w=1500.0, grid_w=500.0)


def test_it_counts_what_the_load_does() -> None:
    account = Account(BOILER)
    run(account, at("06-15 12:00"), 1800)
    # Half an hour of 1500 W and 500 W.
    assert account.run_s == 1800
    assert account.sun_wh == pytest.approx(750)
    assert account.grid_wh == pytest.approx(250)
    assert account.day == date(2026, 6, 15)


def test_what_is_idle_or_off_does_not_run() -> None:
    account = Account(BOILER)
    run(account, at("06-15 12:00"), 1800, active=False)
    assert (account.run_s, account.sun_wh, account.grid_wh) == (0, 0, 0)


@pytest.mark.parametrize(
    ("wall", "day"),
    [
        ("06-15 03:59", date(2026, 6, 14)),
        ("06-15 04:00", date(2026, 6, 15)),
        ("06-16 00:30", date(2026, 6, 15)),
    ],
)
def test_its_day_is_named_by_its_beginning(wall: str, day: date) -> None:
    assert day_of(BOILER, at(wall)) == day


def test_the_next_day_begins_at_nothing() -> None:
    account = Account(BOILER)
    run(account, at("06-16 03:50"), 590)
    account.started(1.0)
    assert (account.day, account.run_s, account.starts) == (date(2026, 6, 15), 590, 1)
    run(account, at("06-16 03:59:50"), 20)
    # The telegram of 04:00:00 is the first of the new day.
    assert (account.day, account.run_s, account.starts) == (date(2026, 6, 16), 20, 0)
    assert account.sun_wh == pytest.approx(1500 * 20 / 3600)


@pytest.mark.parametrize(
    ("since", "hours"),
    [("03-28 04:00", 23), ("10-24 04:00", 25), ("06-15 04:00", 24)],
    ids=["to summer time", "to winter time", "all others"],
)
def test_a_day_has_as_many_hours_as_the_calendar_gives_it(since: str, hours: int) -> None:
    account = Account(BOILER)
    account.step(at(since), 0.0, active=False, sun_w=0.0, grid_w=0.0)
    begun = account.day
    run(account, at(since), hours * 3600 - 10)
    assert (account.day, account.run_s) == (begun, hours * 3600 - 10)
    run(account, at(since) + timedelta(days=1, seconds=-10), 10)
    assert (account.day, account.run_s) == (begun + timedelta(days=1), 10)


def test_the_hour_that_comes_twice_begins_one_day() -> None:
    account = Account(LoadSettings("boiler", 2000.0, 1, day_start=time(2, 30)))
    # 25 October: 02:30 summer time, 02:00 to 02:29 winter time, 02:30 winter time.
    run(account, at("10-25 02:00"), 3 * 3600)
    assert account.day == date(2026, 10, 25)
    # From 02:30 summer time on, that telegram with it.
    assert account.run_s == 2.5 * 3600 + 10


def test_a_day_that_begins_in_the_hour_that_is_left_out_begins_after_it() -> None:
    account = Account(LoadSettings("boiler", 2000.0, 1, day_start=time(2, 30)))
    # 29 March: 01:59:59, then 03:00:00.
    run(account, at("03-29 01:00"), 3600 - 10)
    assert account.day == date(2026, 3, 28)
    run(account, at("03-29 01:59:50"), 10)
    assert (account.day, account.run_s) == (date(2026, 3, 29), 10)


def test_a_restart_goes_on_with_the_same_day() -> None:
    account = Account(BOILER)
    run(account, at("06-15 12:00"), 600)
    account.started(601.0)
    again = Account(BOILER, json.loads(json.dumps(account.state)))
    run(again, at("06-15 13:00"), 600)
    assert (again.day, again.run_s, again.starts) == (date(2026, 6, 15), 1200, 1)
    assert again.sun_wh == pytest.approx(1500 * 1200 / 3600)


def test_a_restart_on_another_day_begins_anew() -> None:
    account = Account(BOILER)
    run(account, at("06-15 12:00"), 600)
    account.started(601.0)
    again = Account(BOILER, account.state)
    run(again, at("06-16 12:00"), 60)
    assert (again.day, again.run_s, again.starts) == (date(2026, 6, 16), 60, 0)


def test_a_clock_that_was_far_ahead_does_not_hold_the_day() -> None:
    account = Account(BOILER)
    run(account, at("12-15 12:00"), 600)
    run(account, at("06-15 12:00"), 60)
    assert (account.day, account.run_s) == (date(2026, 6, 15), 60)


def test_starts_are_counted_over_the_last_hour() -> None:
    account = Account(BOILER)
    account.step(at("06-15 12:00"), 1.0, active=False, sun_w=0.0, grid_w=0.0)
    account.started(100.0)
    account.started(2000.0)
    assert account.starts_in_hour(3699.0) == 2
    assert account.starts_in_hour(3700.0) == 1
    assert account.starts_in_hour(5600.0) == 0
    assert account.starts == 2


def test_starts_of_the_last_hour_outlive_a_restart() -> None:
    account = Account(BOILER)
    for wall, now in (("06-15 12:00", 100.0), ("06-15 12:30", 1900.0)):
        account.step(at(wall), 1.0, active=False, sun_w=0.0, grid_w=0.0)
        account.started(now)
    again = Account(BOILER, json.loads(json.dumps(account.state)))
    # Nobody knows yet what time it is.
    assert again.starts_in_hour(5.0) == 0
    again.started(5.0)
    again = Account(BOILER, json.loads(json.dumps(again.state)))
    again.step(at("06-15 12:50"), 1.0, active=False, sun_w=0.0, grid_w=0.0)
    # At 12:50, the monotonic clock says 7.
    assert again.starts_in_hour(7.0) == 2
    assert again.starts_in_hour(7.0 + 600) == 1
    assert again.starts_in_hour(7.0 + 2400) == 0


def test_a_day_that_begins_at_another_time_is_found_at_once() -> None:
    account = Account(BOILER)
    run(account, at("06-15 12:00"), 600)
    later = LoadSettings("boiler", 2000.0, 1, day_start=time(14))
    account.load = later
    assert account.load is later
    run(account, at("06-15 13:00"), 10)
    # An hour before that begins, it is the day before: what has run today is not lost.
    assert account.run_s == 610
    run(account, at("06-15 14:00"), 10)
    assert (account.day, account.run_s) == (date(2026, 6, 15), 620)
    # When it began is when it began, also after a restart: what was counted since then must not count once more.
    account = Account(later, json.loads(json.dumps(account.state)))
    run(account, at("06-15 15:00"), 10)
    assert (account.began, account.run_s) == (time(4), 630)
    run(account, at("06-16 14:00"), 10)
    assert (account.day, account.began, account.run_s) == (date(2026, 6, 16), time(14), 10)


@pytest.mark.parametrize(
    ("deadline", "wall", "end"),
    [
        (None, "06-15 12:00", "06-16 04:00"),
        (None, "06-16 03:00", "06-16 04:00"),
        (time(22), "06-15 12:00", "06-15 22:00"),
        (time(22), "06-16 03:00", "06-15 22:00"),
        (time(3), "06-15 12:00", "06-16 03:00"),
        (time(3), "06-16 02:00", "06-16 03:00"),
        (time(4), "06-15 12:00", "06-16 04:00"),
    ],
)
def test_the_time_for_the_minimum_ends_at_the_deadline_or_with_the_day(
    deadline: time | None, wall: str, end: str
) -> None:
    assert deadline_after(LoadSettings("boiler", 2000.0, 1, deadline=deadline), at(wall)) == at(end)


def test_the_night_to_winter_time_leaves_an_hour_more() -> None:
    wall = at("10-24 22:00")
    left = deadline_after(BOILER, wall).timestamp() - wall.timestamp()
    assert left == 7 * 3600


def test_of_the_starts_no_more_than_the_last_hour_is_kept_whether_anybody_asks_or_not() -> None:
    account = Account(BOILER)
    noon = at("06-15 12:00").timestamp()
    for minute in range(600):
        account.step(datetime.fromtimestamp(noon + 60 * minute, ZONE), 60.0, active=False, sun_w=0.0, grid_w=0.0)
        account.started(60.0 * minute)
    assert account.starts == 600
    assert len(account.state["hour"]) == 60
    # Nor do they gather from one restart to the next.
    later = Account(BOILER, account.state)
    later.step(at("06-15 23:00"), 0.0, active=False, sun_w=0.0, grid_w=0.0)
    later.started(5.0)
    assert len(later.state["hour"]) == 1


def test_without_a_surplus_nothing_comes_from_the_sun() -> None:
    house = House(load(), house_w=0.0)
    house.run(5)
    house.hand("boiler", ON)
    house.run(3600)
    view = house.view()
    assert view.sun_wh == 0.0
    assert view.grid_wh == pytest.approx(2000.0, abs=5.0)
