"""Loads that are on and draw nothing: how they are found, rest, and are tried again."""

from datetime import datetime, time

import pytest

from p1meter.loads import Activity, LoadSettings, Reason
from tests.loads.house import OFF, ON, House, load
from tests.loads.plant import ZONE, Appliance, Plant
from tests.loads.sunny import HOUR, brief


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


@pytest.mark.parametrize("metered", [False, True])
def test_a_run_by_deadline_that_is_warm_is_left_on_until_it_is_content_whatever_the_house_draws(
    *, metered: bool
) -> None:
    must = LoadSettings("boiler", 2000.0, 1, min_run_s=2 * HOUR, deadline=time(22), phases=(1,))
    # It begins 2 h x 1.15 + 15 min before 22:00, at 19:27, and is warm at 20:40. The house cooks with 1800 W, more than
    # 80 % of the boiler, from ten minutes before that on.
    warm_at = 2 * HOUR + 2400
    boiler = Appliance(must, wants=lambda at: at < warm_at, metered=metered)
    plant = Plant(
        [boiler],
        house=lambda at: 400.0 if at < warm_at - 600 else 1800.0,
        start=datetime(2026, 12, 15, 18, 0, tzinfo=ZONE),
    )
    plant.run(5 * HOUR)
    # Ten minutes idle: content, and off.
    assert brief(plant.switches) == [("boiler", ON, Reason.DEADLINE), ("boiler", OFF, Reason.IDLE)]
    assert plant.switches[1].at == pytest.approx(warm_at + 600, abs=15)
    view = plant.controller.view("boiler")
    assert view.starts == 1
    # What was drawn until it is seen that nothing is, about ten seconds, is not much: 2000 W make 6 Wh.
    assert view.run_s == pytest.approx(boiler.ran_s, abs=15)
    assert view.sun_wh + view.grid_wh == pytest.approx(boiler.energy_wh, abs=8)


@pytest.mark.parametrize("unsteady", [False, True])
def test_a_run_by_deadline_that_was_wrongly_taken_for_warm_goes_on(*, unsteady: bool) -> None:
    """Somebody must not find the water cold because an oven of the boiler's size was switched off meanwhile."""
    # Nobody has said which phase it is on.
    must = LoadSettings("boiler", 2000.0, 1, min_run_s=2 * HOUR, deadline=time(22))
    # It begins at 19:27. The oven is on since before all this, and off at 19:57; ten minutes later the boiler goes off.
    off_at = 2 * HOUR - 3 * 60
    stopped_at = off_at + 600

    def house(at: float) -> float:
        # While the stop would show it, somebody else's power goes up and down by more than can be told apart.
        trouble = 900.0 * (at % 3) if unsteady and abs(at - stopped_at) < 120 else 0.0
        return 400.0 + (2000.0 if at < off_at else 0.0) + trouble

    boiler = Appliance(must)
    plant = Plant([boiler], house=house, start=datetime(2026, 12, 15, 18, 0, tzinfo=ZONE))
    plant.run(4 * HOUR)
    first, stop, again = plant.switches[:3]
    assert brief([first, stop, again]) == [
        ("boiler", ON, Reason.DEADLINE),
        ("boiler", OFF, Reason.IDLE),
        ("boiler", ON, Reason.DEADLINE),
    ]
    assert stop.at == pytest.approx(stopped_at, abs=20)
    # Its stop shows that it drew; where it does not, it is tried again after half an hour.
    assert again.at - stop.at == pytest.approx(1800 if unsteady else 10, abs=10)
    assert boiler.ran_s >= 2 * HOUR


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


@pytest.mark.parametrize("metered", [False, True])
def test_a_load_that_switches_itself_every_half_minute_does_not_go_on_without_sun(*, metered: bool) -> None:
    # An infrared heater. Half a minute without sun loses 1300 W x 30 s = 11 Wh; a stop costs 20 Wh.
    begin = 900
    heater = Appliance(
        LoadSettings("heater", 2000.0, 1, phases=(1,)), wants=lambda at: at < begin or at % 60 < 30, metered=metered
    )
    plant = Plant([heater], house=lambda at: -2500.0 if at < begin else 300.0)
    plant.run(begin + HOUR)
    assert brief(plant.switches) == [("heater", ON, Reason.SUN), ("heater", OFF, Reason.SHORT)]
    # 55 s of it in which it draws: in the second half minute, and where it takes time to be seen, in the fourth.
    assert plant.switches[1].at - begin < 240


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


class SlowPump(Appliance):
    """A heat pump that begins to draw 20 s after its start, and needs three minutes more to its power."""

    def advance(self, at: int) -> float:
        since = at - self.switched_at - 20
        self.power_w = min(1.0, max(0.0, since / 180)) * self.full_w if self.on else 0.0
        self.energy_wh += self.power_w / 3600
        return self.power_w


def test_a_heat_pump_whose_start_does_not_show_is_taken_for_idle_once_and_not_at_each_start() -> None:
    pump = SlowPump(LoadSettings("pump", 2000.0, 1, min_on_s=600.0, min_off_s=600.0, phases=(1,)))
    plant = Plant([pump], house=lambda at: -2500.0 if at < 4 * HOUR else 300.0)
    plant.run(5 * HOUR)
    # Ten minutes without anything seen; its stop shows that it drew.
    assert brief(plant.switches) == [
        ("pump", ON, Reason.SUN),
        ("pump", OFF, Reason.IDLE),
        ("pump", ON, Reason.SUN),
        ("pump", OFF, Reason.SHORT),
    ]
    assert plant.switches[-1].at - 4 * HOUR == pytest.approx(55, abs=2)


def test_a_heat_pump_whose_start_does_not_show_has_its_minimum_run() -> None:
    must = LoadSettings(
        "pump", 2000.0, 1, min_on_s=600.0, min_off_s=600.0, min_run_s=2 * HOUR, deadline=time(22), phases=(1,)
    )
    pump = SlowPump(must)
    plant = Plant([pump], house=400.0, start=datetime(2026, 12, 15, 17, 0, tzinfo=ZONE))
    plant.run(5 * HOUR)
    assert brief(plant.switches)[:3] == [
        ("pump", ON, Reason.DEADLINE),
        ("pump", OFF, Reason.IDLE),
        ("pump", ON, Reason.DEADLINE),
    ]
    # It is to begin 2 h x 1.15 + 15 min before 22:00; with ten minutes off it has its two hours all the same.
    assert plant.controller.view("pump").run_s == pytest.approx(2 * HOUR, abs=60)
