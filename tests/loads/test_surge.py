"""Loads leave in a demand window what the house has needed at this time of the day before."""

from datetime import datetime, time, timedelta
from typing import Any

import pytest

from p1meter.loads import Reason, Site
from tests.loads.house import OFF, ON, House, load
from tests.loads.plant import ZONE

# The house uses the telegram's own time, so a day can be lived through in a few hundred telegrams.
MIDNIGHT = datetime(2026, 12, 1, 0, 0, tzinfo=ZONE)
SITE = Site(target_w=2500.0, period_s=10.0, stale_s=35.0)
HOUR = 3600


def new(*, due: bool = True, site: Site = SITE, **more: Any) -> House:
    """A house with a boiler; `due`: that has to run all day."""
    boiler = load(min_run_s=24.0 * HOUR if due else 0.0, day_start=time(0), **more)
    return House(boiler, site=site, house_w=300.0, start=MIDNIGHT)


def lived(*days: dict[int, float], hours: int = 24, **more: Any) -> House:
    """A house after days of so many hours: by the hour, what it drew then; 300 W else. The load ran in none of them."""
    house = new(site=Site(target_w=2500.0, period_s=60.0, stale_s=210.0), **more)
    house.allowed["boiler"] = False
    # And an hour more, so that the last one counts.
    for power_w in [*(day.get(hour, 300.0) for day in days for hour in range(hours)), 300.0]:
        house.house_w = power_w
        for _ in range(60):
            house.step()
            later(house, 59)
    house.allowed["boiler"] = True
    house.restart(SITE)
    return house


def later(house: House, seconds: int = 9) -> None:
    """Let time pass without a telegram, as far as the second before the next one."""
    house.now += seconds
    house.at += seconds


def at(house: House, hour: int, minute: int = 0) -> None:
    """Go on to that time of the day, with nothing that has to run until then."""
    house.allowed["boiler"] = False
    until = (MIDNIGHT + timedelta(days=30, hours=hour, minutes=minute)).timestamp()
    later(house, round(until - house.at) % (24 * HOUR) - 60)
    for _ in range(6):
        house.step()
        later(house)
    house.allowed["boiler"] = True


def seconds_into_window(house: House) -> float:
    return house.at % 900


def starts_after(house: House) -> float:
    """Live on to the start of the boiler; how far into its window that is."""
    for _ in range(90):
        if ("boiler", ON, Reason.DEADLINE) in house.step():
            return seconds_into_window(house) - 1
        later(house)
    raise AssertionError("it was not started")


@pytest.mark.parametrize("hours", [0, 4])
def test_nothing_is_held_against_a_house_of_which_less_than_six_hours_are_known(hours: int) -> None:
    house = lived({}, hours=hours)
    # (300 + 2000 + 200) x 900 / 3600 = 625 Wh, more than 606; after some 30 s of 300 W there is room.
    assert starts_after(house) <= 60


def test_for_the_rest_of_its_first_day_a_house_is_taken_for_one_that_may_cook_at_any_hour() -> None:
    house = lived({}, hours=6)
    # The house may take 300 W until t and 3500 + 200 W after it: less than 2500 x 900 Ws from t = 318 s on. Until then
    # the load may take 62.5 Wh, at 2000 W what flows in 112 s, less the 12 s that are kept free.
    assert starts_after(house) == pytest.approx(317 - 100, abs=20)


def test_at_night_a_load_need_not_wait_for_what_is_cooked_in_the_evening() -> None:
    house = lived({18: 2750.0})
    assert starts_after(house) <= 60


@pytest.mark.parametrize("hour", [17, 18, 19])
def test_around_the_hour_in_which_somebody_cooks_a_load_waits_until_that_can_do_no_harm(hour: int) -> None:
    house = lived({18: 2750.0})
    at(house, hour)
    # One day is known: 3500 W x 0.95 = 3325 W are more than the 2750 W that were seen, and 200 W are kept free. The
    # house may take 300 W until t and 3525 W after it: less than 2500 x 900 Ws from t = 286 s on. Until then the load
    # may take 62.5 Wh, at 2000 W what flows in 112 s, less the 12 s that are kept free.
    assert starts_after(house) == pytest.approx(285 - 100, abs=20)


def test_a_load_that_is_on_is_shed_before_it_takes_more_than_is_bearable() -> None:
    house = lived({18: 2750.0}, power_w=1000.0, min_on_s=0.0)
    # 1000 W and 300 W go on from one window to the next: (1300 + 200) x 0.25 = 375 Wh are less than 606.
    at(house, 16, 45)
    switched = []
    for n in range(180):
        switched += [(round(seconds_into_window(house)), *one) for one in house.step() if n >= 90]
        later(house)
        assert house.on["boiler"] or n > 90 or n < 10
    off = [second for second, _, on, reason in switched if on is OFF and reason is Reason.DEMAND]
    on = [second for second, _, on, _ in switched if on is ON]
    # From 17:00, as in the test above, until 285 s after the beginning: 62.5 Wh are there after 225 s, less 12 s.
    assert off[0] == pytest.approx(213, abs=12)
    assert on[0] == pytest.approx(285, abs=20)


def test_what_a_person_switches_on_is_not_held_back() -> None:
    house = lived({18: 2750.0}, due=False)
    at(house, 18)
    house.hand("boiler", on=True)
    assert [reason for _, _, reason in house.step()] == [Reason.OVERRIDE_ON]
    for _ in range(60):
        assert house.step() == []


def test_a_load_that_the_sun_runs_takes_nothing() -> None:
    house = lived({18: 2750.0}, due=False)
    at(house, 17, 59)
    house.house_w = -2400.0
    house.run(30)
    assert house.on["boiler"]
    for _ in range(90):
        assert house.step() == []
        later(house)


def test_what_is_said_to_have_room_has_it_and_what_waits_is_told_how_long() -> None:
    house = lived({18: 2750.0})
    at(house, 18)
    house.step()
    view, room_w = house.view(), house.controller.site_view().headroom_w
    assert view.reason is Reason.DEMAND_HEADROOM
    assert room_w is not None
    # 62.5 Wh in 285 + 12 s.
    assert room_w == pytest.approx(62.5 * 3600 / 297, rel=0.05)
    # 285 + 12 s, less the 112.5 s in which it takes 62.5 Wh.
    assert view.detail["remaining_s"] == pytest.approx(184.5, abs=12)


def test_what_was_learned_outlives_a_restart() -> None:
    house = lived({18: 2750.0})
    at(house, 17, 59)
    house.restart()
    at(house, 18)
    assert starts_after(house) == pytest.approx(185, abs=30)


def test_a_surge_costs_no_more_than_is_bearable() -> None:
    house = lived({18: 2750.0})
    at(house, 18)
    starts_after(house)
    taken_wh = 0.0
    # It comes as soon as the load is on.
    house.house_w = 3300.0
    for _ in range(90):
        taken_wh += 2000.0 * bool(house.on["boiler"]) * 10 / HOUR
        house.step()
        later(house)
        if seconds_into_window(house) < 10:
            break
    # 250 W on the mean of a quarter.
    assert 0 < taken_wh <= 62.5


def test_a_kitchen_that_is_not_used_any_more_is_forgotten() -> None:
    evening = {18: 2750.0}
    house = lived(evening, *[{18: 800.0}] * 25)
    at(house, 18)
    # 2750 x 0.97^25 = 1284 W and 3500 x 0.95^26 = 922 W, with 200 W: (1484 x 900) / 3600 = 371 Wh are no harm.
    assert starts_after(house) <= 60


def test_a_house_that_charges_a_car_leaves_time_for_loads_all_the_same() -> None:
    house = lived({18: 9000.0})
    at(house, 18)
    # Not 9000 W but twice the target: 300 t + 5000 (900 - t) are less than 2500 x 900 Ws from t = 479 s on, and 100 s
    # of 2000 W are what may be taken before. With 9000 W it would wait for 639 s.
    assert starts_after(house) == pytest.approx(479 - 100, abs=20)
