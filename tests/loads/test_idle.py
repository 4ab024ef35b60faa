"""Loads that are on and draw nothing: how they are found, rest, and are tried again."""

import pytest

from p1meter.loads import Activity, Reason
from tests.loads.house import OFF, ON, House, load


def test_an_idle_load_is_switched_off_and_tried_again() -> None:
    house = House(load(idle_off_s=100.0, idle_retry_s=200.0, start_cost_wh=5.0), house_w=-3000.0)
    house.cold["boiler"] = 0.0
    house.run(60)
    view = house.view()
    assert (view.activity, view.reason, view.power_w) == (Activity.IDLE, Reason.IDLE, 0.0)
    # It adds nothing to the surplus.
    assert house.controller.site_view().surplus_w == 3000.0
    assert house.until_switched()[1] == [("boiler", OFF, Reason.IDLE)]
    # It need not be seen first what its stop shows.
    house.run(1)
    assert house.view().reason is Reason.IDLE_WAIT
    assert house.view().detail == {"remaining_s": 199.0}
    house.run(99)
    assert house.view().reason is Reason.IDLE_WAIT
    assert house.view().detail == {"remaining_s": 100.0}
    house.restart()
    assert house.until_switched() == (100, [("boiler", ON, Reason.SUN)])


def test_idle_loads_that_may_draw_after_all_do_not_stay_on_without_sun() -> None:
    house = House(load(idle_off_s=3600.0, start_cost_wh=5.0), house_w=-3000.0)
    house.cold["boiler"] = 0.0
    house.run(60)
    assert house.view().reason is Reason.IDLE
    # 80 % of 2000 W from the grid for half a minute, then less, then more for a minute.
    for import_w, seconds in ((1700.0, 30), (1500.0, 10), (1700.0, 59)):
        house.house_w = import_w
        assert house.run(seconds) == []
    assert house.run(2) == [("boiler", OFF, Reason.IDLE)]


def test_an_idle_load_that_is_to_stay_on_stays_on() -> None:
    house = House(load(idle_off_s=100.0, hold_idle=True, start_cost_wh=5.0), house_w=-3000.0)
    house.cold["boiler"] = 0.0
    assert house.run(600) == [("boiler", ON, Reason.SUN)]


def test_a_load_that_is_swapped_in_and_draws_nothing_is_found_and_rests() -> None:
    pump = load("pump", 1000.0, 2, start_cost_wh=1.0)
    house = House(load(start_cost_wh=1.0), pump, house_w=-1100.0)
    house.cold["boiler"] = 0.0
    assert house.until_switched()[1] == [("pump", ON, Reason.SUN)]
    # Clouds leave.
    for house.house_w in (-1100.0, -1600.0):
        house.run(20)
    house.house_w = -2100.0
    commands = house.until_switched()[1]
    assert commands == [("pump", OFF, Reason.MADE_ROOM), ("boiler", ON, Reason.SUN)]
    house.run(15)
    assert house.view().activity is Activity.IDLE
    # The pump gets the sun back, and the boiler is tried again half an hour after it was switched off.
    house.run(1200)
    assert house.on == {"boiler": False, "pump": True}
    assert house.view().reason is Reason.IDLE_WAIT


def test_a_load_that_its_stop_shows_to_have_drawn_need_not_rest() -> None:
    house = House(load(idle_off_s=100.0, start_cost_wh=5.0), house_w=-3000.0)
    house.until_switched()
    house.run(60)
    # The sun comes out: 2000 W less within a second looks like the boiler's thermostat.
    house.house_w = -5000.0
    house.run(20)
    assert house.view().activity is Activity.IDLE
    assert house.until_switched()[1] == [("boiler", OFF, Reason.IDLE)]
    seconds, commands = house.until_switched()
    assert commands == [("boiler", ON, Reason.SUN)]
    # 2000 x (1 - 0.65) W make 5 Wh in 26 s.
    assert seconds < 60


@pytest.mark.parametrize(("hold_idle", "reason"), [(False, Reason.IDLE_WAIT), (True, Reason.SHORT)])
def test_a_load_whose_stop_shows_that_it_drew_nothing_rests_unless_it_is_to_stay_on(
    *, hold_idle: bool, reason: Reason
) -> None:
    house = House(load(idle_retry_s=600.0, hold_idle=hold_idle), house_w=-2000.0)
    house.until_switched()
    # A silence hides its start.
    house.silence(8)
    house.run(60)
    house.cold["boiler"] = 0.0
    house.house_w = 0.0
    house.run(30)
    assert house.view().activity is Activity.ACTIVE
    house.hand("boiler", on=False)
    house.run(30)
    house.hand("boiler", on=None)
    house.run(10)
    assert house.view().reason is reason
