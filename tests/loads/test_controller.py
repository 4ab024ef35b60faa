"""The controller as a whole: without control, with other settings, and what it shows of the connection."""

from dataclasses import replace
from datetime import time
from math import inf

import pytest

from p1meter.loads import Activity, LoadSettings, Mode, Reason, Site
from tests.loads.house import NOON, OFF, ON, House, load
from tests.loads.plant import Appliance, Plant


def test_with_control_off_nothing_is_commanded_and_everything_is_learned() -> None:
    house = House(load(), house_w=-3000.0)
    house.controller.enabled = False
    assert not house.controller.enabled
    assert house.run(60) == []
    assert house.view().reason is Reason.CONTROL_OFF
    assert house.controller.site_view().mode is Mode.OFF
    house.on["boiler"] = True
    assert house.run(60) == []
    assert house.silence(60) == []
    assert house.view().on
    assert house.view().override is None
    assert house.view().run_s > 50
    house.on["boiler"] = None
    house.run(1)
    assert house.view().on is None
    house.on["boiler"] = True
    house.controller.enabled = True
    house.run(20)
    assert house.view().reason is Reason.SUN


def test_settings_may_change_while_it_runs() -> None:
    house = House(load(), load("pump", 1000.0, 2), house_w=-1000.0)
    house.run(20)
    assert house.view("pump").on
    ran = house.view("pump").run_s
    house.controller.loads = (load("pump", 1100.0, 1), load(power_w=2500.0, rank=2))
    assert [one.power_w for one in house.controller.loads] == [2500.0, 1100.0]
    house.run(1)
    assert house.view("pump").run_s > ran
    assert house.view().learned_w == 2500.0
    with pytest.raises(ValueError, match="another controller"):
        house.controller.loads = (load(),)


def test_other_limits_of_the_connection_do_not_change_what_a_load_waits_for() -> None:
    house = House(load(), load("pump", 1000.0, 2), house_w=300.0)
    house.run(20)
    # 0.65 of 2000 W, and the house takes 300 W.
    assert house.view().detail["short_w"] == pytest.approx(1600.0)
    house.controller.site = Site(fuse_a=25.0)
    house.hand("pump", ON)
    assert house.tick() == [("pump", ON, Reason.OVERRIDE_ON)]
    # Before the next telegram, too.
    assert house.view().detail["short_w"] == pytest.approx(1600.0)


def test_the_connection_is_shown() -> None:
    site = Site(fuse_a=25.0, target_w=2500.0)
    house = House(load(), house_w=1150.0, site=site, start=NOON.replace(minute=5, second=0))
    house.run(1)
    # 5 minutes of 1150 W, as nothing else is known: 95.8 Wh; at this rate 1150 W on the mean.
    view = house.controller.site_view()
    assert view.forecast_w == pytest.approx(1150.0)
    # (606.25 - 95.83) Wh in 600 s are 3062.5 W, less 1150 W and 200 W.
    assert view.headroom_w == pytest.approx(1712.5)
    assert view.phase_headroom_a == (20.0, None, None)
    assert view.surplus_w == -1150.0
    assert view.target_w == 2500.0
    house.controller.site = replace(site, target_w=inf)
    house.run(1)
    assert house.controller.site_view().target_w is None


def test_with_control_off_the_connection_is_shown_as_it_is() -> None:
    house = House(load(), house_w=2300.0, site=Site(fuse_a=16.0, target_w=2500.0))
    house.run(10)
    house.controller.enabled = False
    house.house_w = 1150.0
    house.run(10)
    view = house.controller.site_view()
    # 1150 W are 5 A.
    assert view.phase_headroom_a == (11.0, None, None)
    assert view.surplus_w == -1150.0
    # Nothing is known any more, and nothing is told any more.
    house.silence(20)
    view = house.controller.site_view()
    assert view.mode is Mode.OFF
    assert (view.surplus_w, view.forecast_w, view.headroom_w) == (None, None, None)
    assert view.phase_headroom_a == (None, None, None)
    house.run(10)
    assert house.controller.site_view().surplus_w == -1150.0


@pytest.mark.parametrize("site", [Site(fuse_a=16.0), Site(target_w=2500.0)], ids=["fuse", "demand"])
def test_an_alarm_ends_where_nobody_watches(site: Site) -> None:
    house = House(load(), house_w=9000.0, site=site)
    house.run(90)
    assert house.controller.site_view().alarms
    assert house.controller.site_view().mode is Mode.HELPLESS
    house.controller.enabled = False
    assert not house.controller.site_view().alarms
    house.run(90)
    assert not house.controller.site_view().alarms
    # It is still so when somebody watches again; a demand needs its minute.
    house.controller.enabled = True
    house.run(90)
    assert house.controller.site_view().alarms
    # And without the limit there is nothing to keep.
    house.controller.site = Site()
    house.run(2)
    assert not house.controller.site_view().alarms
    assert house.controller.site_view().mode is Mode.CONTROLLING


def test_a_start_that_was_planned_does_not_outlive_control() -> None:
    house = House(load(), load("pump", 1000.0, 2), house_w=-3200.0)
    while not house.on["boiler"]:
        house.step()
    assert not house.on["pump"]
    house.controller.enabled = False
    house.run(5)
    house.house_w = 300.0
    house.on["boiler"] = False
    house.run(30)
    house.controller.enabled = True
    assert house.run(120) == []


def test_what_was_gathered_does_not_outlive_control() -> None:
    # 20 Wh of 700 W are 102.9 s after the first three telegrams.
    house = House(load(start_cost_wh=20.0), house_w=-2000.0)
    assert house.run(90) == []
    house.controller.enabled = False
    house.run(30)
    house.controller.enabled = True
    assert house.run(90) == []
    assert house.until_switched() == (13, [("boiler", ON, Reason.SUN)])


def test_another_rank_takes_nothing_from_what_another_load_has_gathered() -> None:
    # Only the boiler gathers: 1500 W are 75 % of it; the pump of 5000 W has no chance.
    boiler, pump = load(start_cost_wh=20.0), load("pump", 5000.0, 2, start_cost_wh=20.0)
    house = House(boiler, pump, house_w=-1500.0)
    house.run(100)
    before = house.view("pump")
    assert before.reason is Reason.SHORT
    house.controller.loads = (replace(boiler, rank=2), replace(pump, rank=1))
    # The reasons of this moment are of the loads as they are ranked now.
    assert house.view("pump").reason is Reason.SHORT
    assert house.view("pump").detail["short_w"] == before.detail["short_w"]
    assert house.view("boiler").reason is Reason.GATHERING
    # It begins anew: 20 Wh of 200 W are 360 s.
    assert house.view("boiler").detail["remaining_s"] == pytest.approx(360.0)
    # The same ranks again: what was gathered stays.
    house.run(100)
    house.controller.loads = house.controller.loads
    assert house.view("boiler").detail["remaining_s"] == pytest.approx(260.0)


@pytest.mark.parametrize(("ticks", "late_s"), [(0, 0.0), (9, 0.0), (9, 0.5)])
@pytest.mark.parametrize("surplus_w", [3000.0, 1500.0])
def test_the_energy_is_the_same_with_a_look_at_the_clock_each_second(
    ticks: int, late_s: float, surplus_w: float
) -> None:
    house = House(load(), house_w=-surplus_w, site=Site(period_s=10.0, stale_s=35.0))

    def interval() -> None:
        house.step()
        house.now += late_s
        house.at += late_s
        house.silence(ticks)
        house.now += 9 - ticks - late_s
        house.at += 9 - ticks - late_s

    while house.view().activity is not Activity.ACTIVE:
        interval()
    interval()
    before = house.view()
    for _ in range(360):
        interval()
    view = house.view()
    # An hour of 2000 W: as much of the sun as there is, the rest from the grid.
    assert view.run_s - before.run_s == pytest.approx(3600.0)
    assert view.sun_wh - before.sun_wh == pytest.approx(min(surplus_w, 2000.0))
    assert view.grid_wh - before.grid_wh == pytest.approx(2000.0 - min(surplus_w, 2000.0), abs=1e-6)


def test_in_a_silence_the_energy_comes_from_the_grid_as_far_as_is_known() -> None:
    house = House(load(run_when_blind=True), house_w=-3000.0)
    house.run(4)
    house.hand("boiler", ON)
    house.run(20)
    before = house.view()
    house.silence(3600)
    view = house.view()
    assert view.on
    # For three intervals after the last telegram the sun is where it was.
    assert view.sun_wh - before.sun_wh == pytest.approx(2000.0 * 3 / 3600)
    assert view.grid_wh - before.grid_wh == pytest.approx(2000.0 * 3597 / 3600)


def test_what_was_kept_outlives_a_second_restart_before_any_telegram() -> None:
    due = load(min_run_s=36_000.0, deadline=time(23))
    site = Site(target_w=2500.0, window_s=3600.0)
    house = House(due, house_w=300.0, site=site, start=NOON.replace(hour=18, minute=0, second=10))
    house.more["import_wh"] = 5_000.0
    house.run(1200)
    kept = house.controller.state
    assert kept["window"]["window"]["energy_wh"] > 0
    house.restart()
    house.silence(2)
    again = house.controller.state
    assert again["window"] == kept["window"]
    assert again["loads"]["boiler"]["told"] is kept["loads"]["boiler"]["told"]
    assert again["loads"]["boiler"]["account"] == kept["loads"]["boiler"]["account"]
    # Without anything that was kept there is nothing to keep.
    house = House(due)
    house.silence(2)
    assert house.controller.state["window"]["window"] is None


@pytest.mark.parametrize("silent", [False, True], ids=["telegrams", "looks at the clock"])
def test_of_a_time_in_which_nobody_looked_no_more_than_three_intervals_are_counted(*, silent: bool) -> None:
    house = House(load(run_when_blind=True))
    house.run(4)
    house.hand("boiler", ON)
    house.run(20)
    for later_s, counted_s in ((3, 3.0), (4, 3.0), (2, 2.0)):
        before = house.view().run_s
        house.now += later_s - 1
        house.at += later_s - 1
        if silent:
            house.tick()
        else:
            house.step()
        assert house.view().run_s - before == pytest.approx(counted_s)


def test_a_telegram_that_came_before_the_last_look_at_the_clock_takes_nothing_back() -> None:
    house = House(load(), house_w=-3000.0)
    house.until_switched()
    house.run(20)
    house.tick()
    before = house.view().run_s
    house.now -= 1.5
    house.step()
    assert house.view().run_s == before


def test_what_a_person_holds_off_brings_no_start_forward_when_another_load_is_switched() -> None:
    heater = load("heater", 1000.0, 3, start_cost_wh=5.0)
    house = House(load(), load("pump", 1000.0, 2), heater, house_w=-6000.0)
    house.hand("boiler", OFF)
    assert house.until_switched()[1] == [("pump", ON, Reason.SUN)]
    # 5 Wh of 350 W, after the pump's 4 s, two telegrams and one second; the boiler would bring 1050 W with it.
    assert house.view("heater").detail == {"remaining_s": pytest.approx(18_000 / 350 + 7)}


def test_what_was_told_just_now_is_starting_however_quick_it_is() -> None:
    house = House(load(latency_s=0.0, ramp_s=0.0), house_w=-3000.0)
    house.until_switched()
    assert house.view().activity is Activity.STARTING
    house.run(1)
    assert house.view().activity is Activity.ACTIVE


def test_a_load_that_may_not_run_goes_off_whatever_another_does() -> None:
    pump = load("pump", 1000.0, 2)
    for first in (load(), load(min_on_s=600.0)):
        house = House(first, pump, house_w=-1000.0 - 2000.0 * (first.min_on_s > 0))
        house.run(20)
        assert house.on == {"boiler": first.min_on_s > 0, "pump": True}
        house.allowed["pump"] = False
        assert house.step() == [("pump", OFF, Reason.NOT_ALLOWED)]


def modulating() -> Plant:
    """A heat pump of 2000 W that draws 900 W by now, as a sensor of its own says, with all of the sun that it needs."""
    pump = Appliance(LoadSettings("heat_pump", 2000.0, 1, phases=(1,)), metered=True)
    plant = Plant([pump, Appliance(LoadSettings("pump", 1000.0, 2, phases=(1,)))], house=-2500.0)
    plant.run(300)
    assert plant.controller.view("heat_pump").power_w == 2000.0
    pump.full_w = 900.0
    return plant


def test_a_load_with_a_sensor_of_its_own_is_judged_by_what_it_draws_now() -> None:
    plant = modulating()
    plant.house = -1000.0
    assert plant.run(1800) == []
    view = plant.controller.view("heat_pump")
    assert (view.on, view.reason, view.detail) == (True, Reason.SUN, {"share": 1.0})
    # 300 W are a third of it: 900 x 0.65 - 300 = 285 W are lost; 20 Wh x 3600 / 285 W = 253 s.
    plant.house = -300.0
    begin = plant.at
    stop = plant.run_until_switched(600)
    assert stop is not None
    assert stop[1:3] == ("heat_pump", False)
    assert stop.at - begin == pytest.approx(253, abs=2)


def test_what_a_load_with_a_sensor_of_its_own_leaves_of_the_sun_is_there_for_the_next_one() -> None:
    plant = modulating()
    # 900 W of 2000 W: all of the 1000 W of the other one is sun.
    plant.house = -2000.0
    begin = plant.at
    start = plant.run_until_switched(600)
    assert start is not None
    assert start[1:3] == ("pump", True)
    # 1000 x (1 - 0.65) = 350 W; 20 Wh x 3600 / 350 W = 206 s.
    assert start.at - begin == pytest.approx(206, abs=2)


def test_a_load_is_short_of_sun_since_the_sun_has_gone() -> None:
    house = House(load(), house_w=-3000.0)
    house.allowed["boiler"] = False
    house.run(100)
    house.allowed["boiler"] = True
    house.house_w = 300.0
    house.run(11)
    assert (house.view().reason, house.view().detail["since_s"]) == (Reason.SHORT, 10.0)
