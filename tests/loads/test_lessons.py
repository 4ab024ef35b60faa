"""What users of other programs complained of, as what they wanted; the numbers are those of the complaints."""

from datetime import datetime, time, timedelta
from itertools import pairwise
from random import Random

import pytest

from p1meter.loads import FOREVER, LoadSettings, Reason, Site
from tests.loads.plant import NOON, ZONE, Appliance, Plant

MORNING = datetime(2026, 6, 15, 8, 0, tzinfo=ZONE)
WINTER = datetime(2026, 1, 12, 17, 0, tzinfo=ZONE)
HOUR = 3600


def running(plant: Plant, *loads: str, seconds: int = 600) -> Plant:
    """Until these are on, and have been for a while."""
    plant.run(seconds)
    assert [load for load in plant.loads if plant.on(load)] == sorted(loads)
    return plant


def starts(plant: Plant, load: str) -> int:
    return sum(on for _, on in plant.of(load))


@pytest.mark.parametrize("import_w", [1100.0, 4000.0])
def test_a_load_does_not_draw_from_the_grid_for_hours(import_w: float) -> None:  # 1
    plant = running(Plant([Appliance(LoadSettings("heater", 2000.0, 1))], house=-2200.0), "heater")
    plant.house = import_w - 2000.0
    switch = plant.run_until_switched(HOUR)
    assert switch is not None
    assert switch[1:4] == ("heater", False, Reason.SHORT)
    # A share of (2000 - 1100)/2000 = 0.45 loses 400 W: 20 Wh in 180 s. At 4000 W it loses 1300 W: 55 s.
    assert switch.at - 600 == pytest.approx(20 * 3600 / min(1300.0, import_w - 700.0), abs=3)


def test_four_heaters_go_off_again_when_the_sun_has_gone() -> None:  # 2
    heaters = [Appliance(LoadSettings(f"heater_{n}", 1000.0, n)) for n in range(1, 5)]
    plant = running(Plant(heaters, house=-4200.0), "heater_1", "heater_2", "heater_3", "heater_4", seconds=1200)
    # Down by 20 W a second, so that no step looks like one of their thermostats.
    plant.house = lambda at: min(300.0, -4200.0 + 20.0 * (at - 1200))
    plant.run(600)
    assert not any(plant.on(load) for load in plant.loads)
    # The least important one goes first.
    off_at = [plant.of(f"heater_{n}")[-1][0] for n in range(1, 5)]
    assert off_at == sorted(off_at, reverse=True)


def test_going_on_and_going_off_have_their_own_patience() -> None:  # 3
    # On after 15 minutes of full sun: 700 W x 900 s = 175 Wh. Off after 5 minutes without: 1300 W x 300 s = 108 Wh.
    pump = LoadSettings("pump", 2000.0, 1, start_cost_wh=175.0, stop_cost_wh=108.0)
    plant = Plant([Appliance(pump)])
    plant.run(10)
    plant.house = -2100.0
    switch = plant.run_until_switched(2 * HOUR)
    assert switch is not None
    assert switch.at - 10 == pytest.approx(900, abs=5)
    plant.run(600)
    # A cloud of 4 minutes; the sun comes back over half a minute.
    bright = plant.at + 240
    plant.house = lambda at: max(-2100.0, min(0.0, -70.0 * (at - bright)))
    assert plant.run(1200) == []


def test_a_pump_that_was_switched_by_hand_stops_at_its_daily_limit_again() -> None:  # 4
    pump = LoadSettings("pump", 1000.0, 1, max_run_s=1800.0)
    plant = Plant([Appliance(pump)], house=-1500.0, start=MORNING)
    plant.run(60)
    plant.controller.override("pump", on=True, until=plant.wall() + timedelta(hours=1))
    plant.run(HOUR + 60)
    # The hand was respected for its hour, then its limit holds again, though the sun shines.
    assert not plant.on("pump")
    assert plant.of("pump")[-1][0] == pytest.approx(60 + HOUR, abs=5)
    plant.run(2 * HOUR)
    assert not plant.on("pump")
    assert plant.reason("pump") is Reason.MAX_RUN


def test_a_load_that_ramps_slowly_does_not_let_another_one_start_meanwhile() -> None:  # 5
    car = LoadSettings("bike", 800.0, 1, latency_s=15.0, ramp_s=60.0, start_cost_wh=5.0)
    other = LoadSettings("heater", 600.0, 2, start_cost_wh=5.0)
    plant = Plant([Appliance(car), Appliance(other)], house=-900.0)
    switches = plant.run(HOUR)
    assert [switch[1:3] for switch in switches] == [("bike", True)]


@pytest.mark.parametrize("period", [1, 10])
def test_times_are_times_and_not_cycles(period: int) -> None:  # 6
    site = Site(period_s=period, stale_s=max(10.0, 3.5 * period))
    heater = LoadSettings("heater", 2000.0, 1, min_on_s=300.0, start_cost_wh=5.0, stop_cost_wh=5.0)
    plant = Plant([Appliance(heater)], site=site, period=period)
    plant.run(40)
    plant.house = -2000.0
    switch = plant.run_until_switched(600)
    assert switch is not None
    # 25.7 s at either meter, to a telegram.
    assert switch.at - 40 == pytest.approx(25.7, abs=period)
    plant.house = 0.0
    stop = plant.run_until_switched(HOUR)
    assert stop is not None
    assert stop.at - switch.at == pytest.approx(300, abs=period)


@pytest.mark.parametrize("apart_s", [0, 15])
def test_thermostats_that_close_together_are_answered_within_seconds(apart_s: int) -> None:  # 7
    # Three boilers are warm while the sun goes; their thermostats close again together: 6 kW from the grid.
    cold_at = 1400
    boilers = [
        Appliance(
            LoadSettings(f"boiler_{n}", 2000.0, n, start_cost_wh=5.0, stop_cost_wh=5.0, idle_off_s=3600.0),
            wants=lambda at, n=n: at < 600 + 60 * n or at >= cold_at + apart_s * n,  # type: ignore[misc] # a default binds n
        )
        for n in range(1, 4)
    ]
    plant = Plant(boilers, house=lambda at: -6500.0 if at < 900 else min(300.0, -6500.0 + 20.0 * (at - 900)))
    plant.run(cold_at)
    assert plant.net_w == 300.0
    plant.run(90 + 3 * apart_s)
    assert not any(plant.on(load) for load in plant.loads)


def test_a_timer_of_the_users_own_is_not_fought() -> None:  # 8
    plant = Plant([Appliance(LoadSettings("boiler", 2000.0, 1))], house=300.0, start=NOON.replace(hour=23))
    plant.run(600)
    plant.by_hand("boiler", on=True)
    # override_s is two hours.
    assert plant.run(2 * HOUR - 60) == []
    assert plant.reason("boiler") is Reason.OVERRIDE_ON
    plant.by_hand("boiler", on=False)
    assert plant.run(2 * HOUR) == []


@pytest.mark.parametrize("peak_w", [-4000.0, 5000.0])
def test_one_odd_telegram_switches_nothing(peak_w: float) -> None:  # 9, 20
    plant = Plant([Appliance(LoadSettings("boiler", 2000.0, 1))], house=lambda at: peak_w if at % 97 == 0 else 200.0)
    assert plant.run(HOUR) == []
    plant = running(Plant([Appliance(LoadSettings("boiler", 2000.0, 1))], house=-2300.0), "boiler")
    plant.house = lambda at: peak_w if at % 97 == 0 else -2300.0
    assert plant.run(HOUR) == []


def test_two_loads_do_not_take_turns_for_next_to_nothing() -> None:  # 10
    # The sun moves between 900 and 1300 W every minute; to change places would gain 70 W at most for a minute.
    small = LoadSettings("small", 1000.0, 2)
    large = LoadSettings("large", 1200.0, 1)
    plant = Plant([Appliance(small), Appliance(large)], house=lambda at: -900.0 if at // 60 % 2 else -1300.0)
    plant.run(3 * HOUR)
    assert len(plant.switches) == 1


def test_the_end_of_the_minimum_time_is_no_reason_to_switch() -> None:  # 11
    pump = LoadSettings("pump", 1000.0, 1, min_on_s=300.0, min_off_s=300.0)
    plant = Plant([Appliance(pump)], house=-1500.0)
    switch = plant.run_until_switched(600)
    assert switch is not None
    # A cloud in the first minutes; the sun is back when the minimum time ends.
    begun = plant.at
    plant.house = lambda at: 0.0 if at < begun + 200 else -1500.0
    assert plant.run(HOUR) == []


def test_loads_do_not_start_and_stop_each_other() -> None:  # 12
    loads = [Appliance(LoadSettings("a", 2000.0, 1)), Appliance(LoadSettings("b", 1250.0, 2))]
    plant = Plant(loads, house=-2189.0)
    plant.run(2 * HOUR)
    assert [switch[1:3] for switch in plant.switches] == [("a", True)]


def test_two_loads_do_not_start_at_once() -> None:  # 12
    loads = [Appliance(LoadSettings(f"load_{n}", 1000.0, n, latency_s=5.0)) for n in range(1, 4)]
    plant = Plant(loads, house=-4000.0)
    plant.run(600)
    times = [switch.at for switch in plant.switches]
    assert len(times) == 3
    # 2 telegrams and the latency.
    assert all(later - earlier >= 2 + 5 for earlier, later in pairwise(times))


def test_the_minimum_time_off_is_kept() -> None:  # 13
    compressor = LoadSettings("compressor", 1000.0, 1, min_on_s=600.0, min_off_s=600.0)
    random = Random(13)
    course = [random.choice((-2500.0, 0.0)) for _ in range(4 * 60)]
    plant = Plant([Appliance(compressor)], house=lambda at: course[at // 60])
    plant.run(4 * HOUR)
    times = [at for at, _ in plant.of("compressor")]
    assert len(times) > 4
    assert all(later - earlier >= 600 for earlier, later in pairwise(times))


def test_a_minimum_that_the_sun_has_met_is_not_run_again_from_the_grid() -> None:  # 14
    pump = LoadSettings("pump", 1000.0, 1, min_run_s=HOUR, max_run_s=4 * HOUR, deadline=time(17))
    plant = Plant([Appliance(pump)], house=lambda at: -1200.0 if at < 2 * HOUR else 300.0)
    plant.run(5 * HOUR)
    assert starts(plant, "pump") == 1
    assert plant.loads["pump"].ran_s == pytest.approx(2 * HOUR, abs=200)


def test_a_kettle_after_a_heater_does_not_stay_on_top_of_it() -> None:  # 15
    heater = LoadSettings("heater", 3000.0, 1, phases=(1,))
    plant = Plant([Appliance(heater)], house=(300.0, -3500.0, -500.0), site=Site(fuse_a=16.0))
    running(plant, "heater")
    plant.house = (2300.0, -3500.0, -500.0)
    [switch] = plant.run(1)
    assert switch[1:4] == ("heater", False, Reason.FUSE)


def test_a_device_that_is_not_there_does_not_run() -> None:  # 16
    away = range(900, 900 + HOUR)
    pump = Appliance(LoadSettings("pump", 1000.0, 1), available=lambda at: at not in away)
    plant = Plant([pump], house=-1500.0)
    plant.run(900)
    before = plant.controller.view("pump").run_s
    assert before > 600
    plant.run(HOUR)
    assert plant.controller.view("pump").run_s == pytest.approx(before, abs=15)
    assert plant.controller.view("pump").on is None
    assert plant.reason("pump") is Reason.UNAVAILABLE


def test_a_pump_has_a_most_for_the_day() -> None:  # 17
    pump = LoadSettings("pump", 1000.0, 1, max_run_s=2 * HOUR)
    plant = Plant([Appliance(pump)], house=-1500.0, start=MORNING)
    plant.run(6 * HOUR)
    # The time it takes to reach its power may count either way.
    assert plant.loads["pump"].ran_s == pytest.approx(2 * HOUR, abs=15)
    assert plant.reason("pump") is Reason.MAX_RUN


def test_when_all_is_off_the_surplus_is_what_the_meter_shows() -> None:  # 18
    loads = [Appliance(LoadSettings("a", 2000.0, 1)), Appliance(LoadSettings("b", 1000.0, 2))]
    plant = running(Plant(loads, house=-3300.0), "a", "b")
    plant.house = lambda at: min(400.0, -3300.0 + 20.0 * (at - 600))
    plant.run(900)
    assert not plant.on("a")
    assert not plant.on("b")
    assert plant.controller.site_view().surplus_w == pytest.approx(-400.0)
    assert plant.controller.view("a").power_w == 0.0


@pytest.mark.parametrize("price", [-0.20, 0.0, 0.10])
def test_prices_of_nothing_and_less_break_nothing(price: float) -> None:  # 19
    valued = LoadSettings("boiler", 2000.0, 1, value_per_kwh=0.10)
    plant = Plant([Appliance(valued)], house=-2100.0, price_buy=price, price_sell=0.0)
    plant.run(HOUR)
    # At a price from the grid below or at the one to it any sun is well used; at 0.10 the break-even share is 0.
    assert plant.on("boiler")


def test_a_start_with_a_share_of_the_sun_can_be_chosen() -> None:  # 20, 22, 23
    # "At 70 %": 1400 W from a roof that leaves 1000 W.
    car = LoadSettings("car", 1400.0, 1, on_share=0.70, off_share=0.40)
    plant = Plant([Appliance(car)], house=-1000.0)
    plant.run(HOUR)
    assert [switch[1:3] for switch in plant.switches] == [("car", True)]
    # And with the shares left alone 0.65 are a loss.
    plant = Plant([Appliance(LoadSettings("car", 1400.0, 1))], house=-880.0)
    assert plant.run(HOUR) == []


def test_the_worse_it_is_the_sooner_it_ends() -> None:  # 21
    waited = []
    for left_w in (1200.0, 800.0, 0.0):
        plant = running(Plant([Appliance(LoadSettings("heater", 2000.0, 1))], house=-2200.0), "heater")
        plant.house = -left_w
        switch = plant.run_until_switched(2 * HOUR)
        assert switch is not None
        waited.append(switch.at - 600)
    # Losses of 100, 500 and 1300 W: 20 Wh are 720, 144 and 55 s.
    assert waited == pytest.approx([720, 144, 55], abs=3)


def test_sun_that_hovers_is_judged_by_what_it_sums_up_to() -> None:  # 24
    # Never half a minute on one side: 2600 W (+700 W) and 1200 W (-100 W) in turn. A timer starts anew for ever.
    plant = Plant([Appliance(LoadSettings("boiler", 2000.0, 1))])
    plant.run(10)
    plant.house = lambda at: -2600.0 if at // 20 % 2 else -1200.0
    switch = plant.run_until_switched(HOUR)
    assert switch is not None
    # 300 W on the mean: 20 Wh are 240 s.
    assert switch.at - 10 == pytest.approx(240, abs=40)


def test_a_sun_that_swings_about_the_loads_power_does_not_chop_it() -> None:  # 25
    plant = Plant([Appliance(LoadSettings("car", 2200.0, 1))], house=lambda at: -2600.0 if at // 30 % 2 else -1800.0)
    plant.run(4 * HOUR)
    assert [switch[1:3] for switch in plant.switches] == [("car", True)]


def test_a_late_answer_to_a_stop_is_not_a_hand_and_no_reason_to_resume() -> None:  # 26
    slow = LoadSettings("car", 2000.0, 1, latency_s=20.0, stop_cost_wh=5.0)
    plant = running(Plant([Appliance(slow, confirms_s=15)], house=-2200.0), "car")
    plant.house = 300.0
    plant.run(HOUR)
    assert [switch[1:3] for switch in plant.switches] == [("car", True), ("car", False)]
    assert plant.controller.view("car").override is None


def test_a_start_looks_at_the_room_under_the_fuse() -> None:  # 28
    # 10 A, 3.2 A used, a charger of 13.8 A.
    charger = LoadSettings("charger", 13.8 * 230, 1, phases=(1,))
    plant = Plant([Appliance(charger)], house=(3.2 * 230, -4000.0, -4000.0), site=Site(fuse_a=10.0))
    assert plant.run(HOUR) == []
    assert plant.reason("charger") is Reason.FUSE_HEADROOM


def test_an_overload_on_another_phase_is_not_this_loads_business() -> None:  # 29
    car = LoadSettings("car", 2000.0, 1, phases=(1,))
    plant = running(Plant([Appliance(car)], house=(-3000.0, -500.0, -500.0), site=Site(fuse_a=20.0)), "car")
    plant.house = (-3000.0, -500.0, 21.0 * 230)
    switches = plant.run(10)
    assert switches == []
    assert plant.on("car")


def test_room_that_is_there_because_of_a_shed_does_not_bring_it_back() -> None:  # 30
    chargers = [
        Appliance(LoadSettings(f"charger_{n}", 2300.0, n, phases=(1,), stop_cost_wh=10_000.0)) for n in range(1, 4)
    ]
    plant = Plant(chargers, house=(0.0, -5000.0, -5000.0), site=Site(fuse_a=32.0))
    running(plant, "charger_1", "charger_2", "charger_3")
    # 30 A of chargers and 5 A of the house: one has to go, and does not fit again with it.
    plant.house = (5 * 230.0, -5000.0, -5000.0)
    plant.run(2 * HOUR)
    assert [(switch.load, switch.on) for switch in plant.switches[3:]] == [("charger_3", False)]
    assert plant.overload_s[0] <= 4


def test_a_load_that_the_quarter_has_no_room_for_runs_for_a_part_of_it() -> None:  # 31
    # 4 kW under a target of 2.5 kW with a house of 500 W.
    heater = LoadSettings("heater", 4000.0, 1, min_run_s=2 * HOUR, deadline=time(23))
    plant = Plant([Appliance(heater)], house=500.0, site=Site(target_w=2500.0), start=WINTER)
    plant.run(6 * HOUR)
    # One start a quarter at most, and no quarter above the target.
    assert plant.loads["heater"].ran_s >= 1.5 * HOUR
    assert starts(plant, "heater") <= 24
    assert max(mean for _, mean in plant.windows) <= 2500.0


def test_the_month_peak_that_is_paid_already_is_room_and_a_new_month_takes_it_away() -> None:  # 32
    heater = LoadSettings("heater", 2500.0, 1, min_run_s=10 * HOUR, deadline=time(4))
    plant = Plant(
        [Appliance(heater)],
        house=500.0,
        start=datetime(2026, 1, 31, 21, 0, tzinfo=ZONE),
        demand="window",
        month_peak_w=4000.0,
    )
    plant.run(3 * HOUR)
    # 3000 W on the mean are less than the 4000 W of this month: it runs through.
    assert plant.controller.site_view().target_w == 4000.0
    assert starts(plant, "heater") == 1
    plant.run(2 * HOUR)
    # In February nothing has been paid: 2500 W.
    assert plant.controller.site_view().target_w == 2500.0
    february = [mean for opened, mean in plant.windows if opened.month == 2]
    assert len(february) == 7
    assert max(february) <= 2500.0


def test_the_demand_is_the_sum_of_the_phases() -> None:  # 33
    # L1 draws 5 kW, L2 and L3 give 5 kW: nothing is imported.
    heater = LoadSettings("heater", 3000.0, 1, phases=(1,))
    plant = Plant([Appliance(heater)], house=(2000.0, -2500.0, -2500.0), site=Site(target_w=1000.0))
    plant.run(HOUR)
    assert [switch[1:3] for switch in plant.switches] == [("heater", True)]


def test_the_window_is_the_meters_and_does_not_roll() -> None:  # 34
    # 600 Wh in the last minutes of one quarter leave the next one all of its room.
    heater = LoadSettings("heater", 1000.0, 1, min_run_s=10 * HOUR, deadline=time(4), phases=(1,))
    plant = Plant(
        [Appliance(heater)],
        house=lambda at: 4500.0 if 500 <= at < 900 else 300.0,
        site=Site(target_w=2500.0),
        start=WINTER.replace(hour=20),
    )
    plant.run(900)
    assert not plant.on("heater")
    plant.run(120)
    assert plant.on("heater")


def test_a_run_at_night_is_one_run() -> None:  # 35
    pump = LoadSettings("pump", 1000.0, 1, min_run_s=2 * HOUR, deadline=time(4), max_starts_per_day=2)
    plant = Plant([Appliance(pump)], house=300.0, start=WINTER.replace(hour=22))
    plant.run(7 * HOUR)
    assert starts(plant, "pump") == 1
    # And the 111 s after it, in which the sun that is not there loses 20 Wh of 650 W.
    assert plant.loads["pump"].ran_s == pytest.approx(2 * HOUR + 111, abs=20)


def test_starts_can_be_limited() -> None:  # 35
    pump = LoadSettings("pump", 1000.0, 1, max_starts_per_day=2, start_cost_wh=5.0, stop_cost_wh=5.0)
    plant = Plant([Appliance(pump)], house=lambda at: -1500.0 if at // 600 % 2 else 200.0)
    plant.run(3 * HOUR)
    assert starts(plant, "pump") == 2
    assert plant.reason("pump") is Reason.MAX_STARTS


def broken_day(start_cost_wh: float, least_s: float = 60.0) -> Plant:  # 36, 37
    random = Random(36)
    course: list[float] = []
    while len(course) < 4 * HOUR:
        course += [-3000.0] * round(random.lognormvariate(5.2, 0.6)) + [0.0] * round(random.lognormvariate(4.6, 0.6))
    heater = LoadSettings(
        "heater",
        2000.0,
        1,
        start_cost_wh=start_cost_wh,
        stop_cost_wh=start_cost_wh,
        max_starts_per_hour=None,
        min_on_s=least_s,
        min_off_s=least_s,
    )
    plant = Plant([Appliance(heater)], house=lambda at: course[at])
    plant.run(4 * HOUR)
    return plant


def test_a_dearer_start_means_fewer_of_them() -> None:  # 37
    counts = [starts(broken_day(cost), "heater") for cost in (3.0, 20.0, 80.0)]
    assert counts[0] > counts[1] > counts[2] > 0


@pytest.mark.parametrize("least_s", [300.0, 900.0])
def test_minimum_times_hold_whatever_the_clouds_do(least_s: float) -> None:  # 36, 39
    times = [at for at, _ in broken_day(3.0, least_s).of("heater")]
    assert len(times) > 3
    assert all(later - earlier >= least_s for earlier, later in pairwise(times))


def test_a_run_without_sun_is_only_for_those_who_ask_for_it() -> None:  # 38
    plant = Plant([Appliance(LoadSettings("pump", 1000.0, 1))], house=300.0)
    assert plant.run(3 * HOUR) == []
    assert plant.reason("pump") is Reason.SHORT


def test_a_car_that_takes_half_a_minute_to_draw_is_waited_for() -> None:  # 39
    car = LoadSettings("car", 3500.0, 1, latency_s=30.0, ramp_s=10.0, min_on_s=900.0)
    plant = Plant([Appliance(car)], house=-3600.0)
    assert len(plant.run(HOUR)) == 1
    view = plant.controller.view("car")
    assert view.activity == "active"
    assert view.power_w == pytest.approx(3500.0, rel=0.02)


def test_nothing_that_forbids_a_start_keeps_a_load_on_after_sunset() -> None:  # 40
    heater = LoadSettings(
        "heater",
        2000.0,
        1,
        windows=((time(8), time(20)),),
        tariffs=frozenset({1}),
        max_price=0.20,
    )
    plant = Plant(
        [Appliance(heater, allowed=lambda at: at < 1500)],
        house=-2200.0,
        tariff=1,
        price_buy=0.10,
        start=NOON.replace(hour=19, minute=30),
    )
    running(plant, "heater")
    plant.run(900)
    plant.tariff, plant.price_buy, plant.house = 2, 0.50, 300.0
    plant.run(HOUR)
    assert not plant.on("heater")


def test_a_hand_that_holds_for_ever_is_not_forgotten() -> None:  # 8
    plant = Plant([Appliance(LoadSettings("boiler", 2000.0, 1))], house=-2500.0)
    plant.run(10)
    plant.controller.override("boiler", on=False, until=FOREVER)
    assert plant.run(3 * HOUR) == []
    assert plant.reason("boiler") is Reason.OVERRIDE_OFF
