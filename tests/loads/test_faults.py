"""What goes wrong in houses: outputs that are not there or do not obey, meters that stutter, clocks that jump."""

from datetime import datetime, time
from random import Random

import pytest

from p1meter.loads import FOREVER, Activity, LoadSettings, Reason, Site
from tests.loads.plant import ZONE, Appliance, Plant

HOUR = 3600
BOILER = LoadSettings("boiler", 2000.0, 1, phases=(1,))


def sunny(appliance: Appliance) -> Plant:
    plant = Plant([appliance], house=-2500.0)
    plant.run(300)
    assert plant.on("boiler")
    return plant


# Outputs that are not there


def test_an_output_that_is_gone_and_comes_back_as_it_was_is_no_hand() -> None:
    boiler = Appliance(BOILER)
    plant = sunny(boiler)
    boiler.available = lambda at: not 300 <= at < 360
    assert plant.run(60) == []
    view = plant.controller.view("boiler")
    assert (view.on, view.activity, view.reason) == (None, Activity.UNKNOWN, Reason.UNAVAILABLE)
    assert plant.run(600) == []
    assert plant.controller.view("boiler").override is None


def test_an_output_that_comes_back_otherwise_is_commanded_again() -> None:
    boiler = Appliance(BOILER)
    plant = sunny(boiler)
    boiler.available = lambda at: not 300 <= at < 400
    plant.run(50)
    # A plug that lost its power and comes back off.
    plant.by_hand("boiler", on=False)
    plant.run(50)
    plant.run(30)
    assert plant.on("boiler")
    assert plant.controller.view("boiler").override is None
    assert plant.controller.view("boiler").activity is not Activity.FAULT


def test_an_output_that_is_not_there_is_not_started() -> None:
    plant = Plant([Appliance(BOILER, available=lambda at: at > 600)], house=-2500.0)
    assert plant.run(600) == []
    plant.run(300)
    assert plant.on("boiler")


def test_an_output_that_is_not_there_does_not_hold_up_the_others() -> None:
    gone = Appliance(BOILER, available=lambda _: False)
    plant = Plant([gone, Appliance(LoadSettings("pump", 1000.0, 2))], house=-2500.0)
    plant.run(600)
    assert [switch[1:3] for switch in plant.switches] == [("pump", True)]


# Commands that are not carried out


def test_a_command_that_does_nothing_is_tried_twice_more_and_then_said() -> None:
    plant = Plant([Appliance(BOILER, obeys=lambda _: False)], house=-2500.0)
    first = plant.run_until_switched(300)
    assert first is not None
    plant.run(60)
    assert [switch.on for switch in plant.switches] == [True, True, True]
    # Not confirmed after latency + 3 telegrams, 5 s; then after 30 s.
    second, third = (switch.at - first.at for switch in plant.switches[1:])
    assert 5 <= second <= 10
    assert 25 <= third - second <= 36
    view = plant.controller.view("boiler")
    assert (view.activity, view.reason) == (Activity.FAULT, Reason.FAULT)
    assert view.override is None
    plant.run(600)
    assert plant.reason("boiler") is Reason.FAULT


def test_a_load_that_answers_at_once_is_told_again_after_five_seconds_and_after_thirty() -> None:
    quick = LoadSettings("boiler", 2000.0, 1, latency_s=0.0)
    plant = Plant([Appliance(quick, obeys=lambda _: False)], house=-2500.0)
    first = plant.run_until_switched(300)
    assert first is not None
    plant.run(60)
    assert [switch.at - first.at for switch in plant.switches] == [0, 5, 30]


def test_a_load_at_fault_does_not_stand_for_power_it_does_not_draw() -> None:
    dead = Appliance(BOILER, obeys=lambda _: False)
    plant = Plant([dead, Appliance(LoadSettings("pump", 1000.0, 2))], house=-2500.0)
    plant.run(900)
    assert plant.controller.site_view().surplus_w == pytest.approx(2500.0)
    # The sun is there for the other one.
    assert plant.on("pump")


def test_an_output_that_obeys_at_the_second_try_is_not_at_fault() -> None:
    boiler = Appliance(BOILER)
    plant = Plant([boiler])
    plant.run(30)
    plant.house = -2500.0
    tries = iter((False, True, True))
    boiler.obeys = lambda _: next(tries)
    plant.run(300)
    assert len(plant.switches) == 2
    assert plant.on("boiler")
    assert plant.controller.view("boiler").activity is Activity.ACTIVE
    assert plant.controller.view("boiler").override is None


def test_a_fault_is_over_when_the_output_obeys_again() -> None:
    boiler = Appliance(BOILER, obeys=lambda at: at > 900)
    plant = Plant([boiler], house=-2500.0)
    plant.run(900)
    assert plant.controller.view("boiler").activity is Activity.FAULT
    # A person looks after it and switches it by hand at the device: it does something again.
    plant.by_hand("boiler", on=True)
    plant.run(60)
    assert plant.controller.view("boiler").activity is not Activity.FAULT
    plant.by_hand("boiler", on=False)
    plant.run(60)
    plant.controller.override("boiler", on=True, until=FOREVER)
    plant.run(30)
    assert plant.on("boiler")


def test_a_load_that_will_not_go_off_is_tried_three_times() -> None:
    boiler = Appliance(BOILER)
    plant = sunny(boiler)
    boiler.obeys = lambda _: False
    plant.house = 300.0
    plant.run(300)
    assert [switch.on for switch in plant.switches] == [True, False, False, False]
    assert plant.reason("boiler") is Reason.FAULT


# The output flipped by hand


@pytest.mark.parametrize("period", [1, 10])
def test_a_hand_is_seen_after_the_latency_and_three_telegrams(period: int) -> None:
    site = Site(period_s=period, stale_s=max(10.0, 3.5 * period))
    plant = Plant([Appliance(BOILER)], house=300.0, site=site, period=period)
    plant.run(100)
    plant.by_hand("boiler", on=True)
    plant.run(2 + 3 * period - 2)
    assert plant.controller.view("boiler").override is None
    plant.run(3 + period)
    assert plant.controller.view("boiler").override is True
    assert plant.run(HOUR) == []


def test_a_hand_that_plays_with_the_switch_for_a_moment_is_no_wish() -> None:
    plant = sunny(Appliance(BOILER))
    plant.by_hand("boiler", on=False)
    plant.run(3)
    plant.by_hand("boiler", on=True)
    assert plant.run(300) == []
    assert plant.controller.view("boiler").override is None


# The meter


@pytest.mark.parametrize("share", [0.003, 0.1, 0.3])
def test_lost_telegrams_switch_nothing(share: float) -> None:
    random = Random(round(share * 1000))
    missing = {at for at in range(400, 8000) if random.random() < share}
    # Never so many in a row that it is silence.
    missing = {at for at in missing if not all(at - before in missing for before in range(1, 6))}
    plant = sunny(Appliance(BOILER))
    plant.lost = lambda at: at in missing
    assert plant.run(7000) == []
    plant.house = 300.0
    stop = plant.run_until_switched(600)
    assert stop is not None
    # 1300 W: 20 Wh are 55 s, telegrams lost or not.
    assert stop.at - 7300 == pytest.approx(55, abs=6)


def test_telegrams_that_repeat_themselves_do_not_make_a_load_flap() -> None:
    plant = sunny(Appliance(BOILER))
    frozen_from = plant.at
    plant.house = lambda at: -2500.0 if at // 300 % 2 else 300.0
    plant.frozen = lambda at: frozen_from <= at < frozen_from + 1800
    assert plant.run(1800) == []
    plant.run(HOUR)
    assert plant.controller.view("boiler").override is None


def test_a_start_on_values_that_stand_still_is_taken_for_a_load_that_draws_nothing() -> None:
    plant = Plant([Appliance(BOILER)], house=-2500.0)
    plant.run(10)
    plant.frozen = lambda at: at < 2 * HOUR
    plant.run(2 * HOUR)
    # On at 60 s, idle, off after 10 minutes, again after half an hour: no more than that.
    assert 1 <= sum(on for _, on in plant.of("boiler")) <= 4
    plant.run(2 * HOUR)
    assert plant.on("boiler")


def test_a_meter_whose_time_stands_still_says_nothing() -> None:
    plant = sunny(Appliance(BOILER))
    stuck_from = plant.at
    plant.stuck = plant.frozen = lambda at: stuck_from <= at < stuck_from + 600
    switches = plant.run(600)
    assert [switch[1:4] for switch in switches] == [("boiler", False, Reason.STALE)]
    assert 9 <= switches[0].at - stuck_from <= 11
    plant.run(120)
    assert plant.on("boiler")


def test_values_that_are_late_do_not_make_it_swing() -> None:
    plant = Plant([Appliance(BOILER)], house=-2100.0, delay=3)
    plant.run(HOUR)
    assert [switch[1:3] for switch in plant.switches] == [("boiler", True)]
    assert plant.controller.view("boiler").activity is Activity.ACTIVE


def test_a_ten_second_meter_sees_the_same_house() -> None:
    site = Site(period_s=10.0, stale_s=35.0)
    plant = Plant([Appliance(BOILER, draws_w=1800.0)], house=(-2500.0, 0.0, 0.0), site=site, period=10)
    plant.run(HOUR)
    assert [switch[1:3] for switch in plant.switches] == [("boiler", True)]
    assert plant.controller.view("boiler").learned_w == pytest.approx(1800.0, abs=5)


# Clocks


@pytest.mark.parametrize("jump_s", [-7200, -60, 60, 7200])
def test_a_meter_clock_that_jumps_changes_no_duration(jump_s: int) -> None:
    load = LoadSettings("boiler", 2000.0, 1, min_on_s=900.0, stop_cost_wh=0.0)
    plant = Plant([Appliance(load)], house=-2500.0, site=Site(target_w=5000.0))
    started = plant.run_until_switched(300)
    assert started is not None
    plant.clock_error = lambda at: jump_s if at > 300 else 0
    plant.run(300)
    plant.house = 300.0
    stopped = plant.run_until_switched(HOUR)
    assert stopped is not None
    assert stopped.at - started.at == pytest.approx(900, abs=2)


def test_a_hand_ends_by_the_clock_on_the_wall() -> None:
    plant = Plant([Appliance(BOILER)], house=300.0, start=datetime(2026, 10, 25, 1, 30, tzinfo=ZONE))
    plant.run(5)
    # The hour from 2 to 3 comes twice: until 03:00 are 2 1/2 hours.
    plant.controller.override("boiler", on=True, until=datetime(2026, 10, 25, 3, 0, tzinfo=ZONE))
    plant.run(2 * HOUR + 1700)
    assert plant.on("boiler")
    plant.run(300)
    assert not plant.on("boiler")


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (datetime(2026, 3, 28, 22, 0, tzinfo=ZONE), 23),  # the night to 29 March has no hour from 2 to 3
        (datetime(2026, 10, 24, 22, 0, tzinfo=ZONE), 25),  # the night to 25 October has it twice
    ],
)
def test_a_deadline_is_met_in_the_nights_when_the_clock_changes(day: datetime, hours: int) -> None:
    car = LoadSettings("car", 2000.0, 1, min_run_s=2 * HOUR, deadline=time(7), day_start=time(8), phases=(1,))
    plant = Plant([Appliance(car)], house=300.0, start=day)
    plant.until(7, 0)
    # From 10 in the evening to 7 in the morning are 9 hours on other days.
    assert plant.at - 1 == pytest.approx((hours - 24 + 9) * HOUR, abs=2)
    assert plant.loads["car"].ran_s == pytest.approx(2 * HOUR, abs=60)
    # It began at 2 h x 1.15 + 15 min before 7, by seconds that pass.
    assert (plant.at - 1) - plant.switches[0].at == pytest.approx(2 * HOUR * 1.15 + 900, abs=61)
    plant.until(8, 1)
    assert plant.controller.view("car").run_s == 0.0


# A load that draws nothing


def test_a_load_that_draws_nothing_is_switched_off_and_tried_again() -> None:
    plant = Plant([Appliance(BOILER, wants=lambda _: False)], house=-2500.0)
    plant.run(2 * HOUR)
    times = plant.of("boiler")
    assert [on for _, on in times[:3]] == [True, False, True]
    # 10 minutes idle, from when it is known; half an hour until it is tried again.
    assert 600 <= times[1][0] - times[0][0] <= 640
    assert 1800 <= times[2][0] - times[1][0] <= 1870
    view = plant.controller.view("boiler")
    assert view.run_s <= 60
    assert view.sun_wh + view.grid_wh <= 40
    assert plant.controller.site_view().surplus_w == pytest.approx(2500.0)


def test_a_load_that_draws_nothing_leaves_the_sun_to_others() -> None:
    plant = Plant(
        [Appliance(BOILER, wants=lambda _: False), Appliance(LoadSettings("pump", 1500.0, 2, phases=(2,)))],
        house=-2100.0,
    )
    plant.run(600)
    assert plant.on("pump")


def test_a_load_that_may_stay_on_idle_does() -> None:
    hold = LoadSettings("boiler", 2000.0, 1, hold_idle=True, phases=(1,))
    plant = Plant([Appliance(hold, wants=lambda _: False)], house=-2500.0)
    plant.run(HOUR)
    assert [switch.on for switch in plant.switches] == [True]
    assert plant.reason("boiler") is Reason.IDLE
    assert plant.controller.view("boiler").activity is Activity.IDLE
    assert plant.controller.view("boiler").power_w == 0.0


def test_a_thermostat_that_opens_and_closes_is_followed() -> None:
    hold = LoadSettings("boiler", 2000.0, 1, hold_idle=True, phases=(1,))
    plant = Plant([Appliance(hold, wants=lambda at: at // 900 % 2 == 0)], house=(-2500.0, 0.0, 0.0))
    plant.run(840)
    assert plant.controller.view("boiler").activity is Activity.ACTIVE
    plant.run(900)
    assert plant.controller.view("boiler").activity is Activity.IDLE
    assert plant.controller.site_view().surplus_w == pytest.approx(2500.0)
    plant.run(900)
    assert plant.controller.view("boiler").activity is Activity.ACTIVE
    assert plant.controller.site_view().surplus_w == pytest.approx(2500.0)
    # Run time is what it drew in: 840 s - the start, and 840 s.
    assert plant.controller.view("boiler").run_s == pytest.approx(plant.loads["boiler"].ran_s, abs=60)


def test_an_open_thermostat_satisfies_a_deadline() -> None:
    must = LoadSettings("boiler", 2000.0, 1, min_run_s=2 * HOUR, deadline=time(16), phases=(1,))
    plant = Plant([Appliance(must, wants=lambda at: at < 2 * HOUR)], house=300.0)
    plant.run(4 * HOUR)
    # Forced at about 13:27, warm at 14:00: off after ten minutes, and not chopped until the deadline.
    assert [on for _, on in plant.of("boiler")][:2] == [True, False]
    assert len(plant.switches) <= 4


def test_a_power_sensor_of_its_own_is_believed() -> None:
    own = Appliance(LoadSettings("boiler", 2000.0, 1), draws_w=700.0, metered=True)
    plant = Plant([own], house=-2500.0)
    plant.run(300)
    assert plant.controller.view("boiler").power_w == pytest.approx(700.0)
    assert plant.controller.site_view().surplus_w == pytest.approx(2500.0)


@pytest.mark.parametrize("draws_w", [1500.0, 2500.0])
def test_a_power_that_was_given_wrong_is_learned_in_three_switches(draws_w: float) -> None:
    load = LoadSettings("boiler", 2000.0, 1, start_cost_wh=5.0, stop_cost_wh=5.0)
    plant = Plant(
        [Appliance(load, draws_w=draws_w)],
        house=lambda at: (-3600.0, 0.0, 0.0) if at // 300 % 2 == 0 else (300.0, 0.0, 0.0),
    )
    plant.run(900)
    assert len(plant.switches) == 3
    view = plant.controller.view("boiler")
    assert view.learned_w == pytest.approx(draws_w, rel=0.01)
    assert view.phases == (1,)
