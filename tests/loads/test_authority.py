"""Who decides over the sun: stale data, the fuse, the demand limit."""

from datetime import datetime, time
from itertools import pairwise

import pytest

from p1meter.loads import FOREVER, Alarm, LoadSettings, Mode, Reason, Site
from tests.loads.plant import ZONE, Appliance, Plant
from tests.loads.sunny import BOILER, HOUR, MUST, QUICK, WINTER, brief, by_hand, l1, sunny

# 0: stale data


@pytest.mark.parametrize(("period", "stale_s"), [(1, 10.0), (10, 35.0)])
def test_silence_puts_a_load_in_its_safe_state(period: int, stale_s: float) -> None:
    plant = sunny(site=Site(period_s=period, stale_s=stale_s), period=period)
    silent_from = plant.at
    plant.lost = lambda at: at >= silent_from
    switch = plant.run_until_switched(120)
    assert switch is not None
    assert switch[1:4] == ("boiler", False, Reason.STALE)
    last = silent_from - period
    assert stale_s <= switch.at - last <= stale_s + 2
    assert plant.reason("boiler") is Reason.STALE
    assert plant.controller.site_view().mode is Mode.STALE
    assert plant.run(HOUR) == []


def test_silence_ends_a_run_within_its_minimum_time() -> None:
    plant = Plant([Appliance(LoadSettings("boiler", 2000.0, 1, min_on_s=HOUR))], house=-2500.0)
    assert plant.run_until_switched(300)
    plant.lost = lambda _: True
    assert brief(plant.run(15)) == [("boiler", False, Reason.STALE)]


def test_a_load_whose_safe_state_is_on_is_switched_on_by_silence_and_stays_on() -> None:
    plant = Plant([Appliance(LoadSettings("boiler", 2000.0, 1, safe_on=True))], house=300.0)
    plant.run(60)
    assert not plant.on("boiler")
    plant.lost = lambda _: True
    assert brief(plant.run(HOUR)) == [("boiler", True, Reason.STALE)]


def test_nothing_starts_on_data_older_than_two_telegrams() -> None:
    plant = Plant([Appliance(QUICK)], house=300.0)
    plant.run(30)
    silent_from = plant.at
    plant.lost = lambda at: silent_from <= at < silent_from + 8
    plant.house = -3000.0
    plant.run(3)
    by_hand(plant, on=True)
    assert plant.run(5) == []
    # The hand was not forgotten.
    assert brief(plant.run(10)) == [("boiler", True, Reason.OVERRIDE_ON)]


def test_three_good_telegrams_before_anything_starts_again() -> None:
    plant = sunny(QUICK)
    back = plant.at + 60
    plant.lost = lambda at: at < back
    plant.run(60)
    assert not plant.on("boiler")
    assert plant.run(3) == []
    assert plant.reason("boiler") is Reason.STARTING_UP
    assert plant.controller.site_view().mode is Mode.WAITING
    assert brief(plant.run(15)) == [("boiler", True, Reason.SUN)]


def test_good_telegrams_between_silences_do_not_add_up() -> None:
    plant = sunny(QUICK)
    gone = plant.at
    # Two telegrams, then silence again, over and over.
    plant.lost = lambda at: (at - gone) % 20 > 1
    plant.run(15)
    assert not plant.on("boiler")
    assert plant.run(600) == []


def test_a_run_by_hand_goes_on_blindly_if_the_person_said_so() -> None:
    plant = Plant([Appliance(LoadSettings("boiler", 2000.0, 1, run_when_blind=True))], house=300.0)
    plant.run(10)
    by_hand(plant, on=True)
    plant.run(60)
    plant.lost = lambda _: True
    assert plant.run(1800) == []
    assert plant.on("boiler")
    # But not longer than the hand holds.
    plant.run(1800)
    assert not plant.on("boiler")


def test_a_run_by_deadline_goes_on_blindly_if_the_person_said_so() -> None:
    must = LoadSettings("boiler", 2000.0, 1, run_when_blind=True, min_run_s=HOUR, deadline=time(13))
    plant = Plant([Appliance(must)], house=300.0)
    plant.run(60)
    assert plant.reason("boiler") is Reason.DEADLINE
    plant.lost = lambda _: True
    assert plant.run(900) == []
    assert plant.on("boiler")


def test_a_run_on_the_sun_does_not_go_on_blindly() -> None:
    plant = sunny(LoadSettings("boiler", 2000.0, 1, run_when_blind=True))
    plant.lost = lambda _: True
    assert brief(plant.run(30)) == [("boiler", False, Reason.STALE)]


# 1: the fuse


def loaded(*ranks: LoadSettings) -> Plant:
    """All of these are on by hand; nothing else but sun on L2 and L3."""
    plant = Plant([Appliance(load) for load in ranks], house=(0.0, -3000.0, -3000.0), site=Site(fuse_a=25.0))
    plant.run(10)
    for load in plant.loads:
        plant.controller.override(load, on=True, until=FOREVER)
    plant.run(120)
    assert all(plant.on(load) for load in plant.loads)
    return plant


def on_phase(load: str, rank: int, *phases: int, power_w: float = 1150.0, never_shed: bool = False) -> LoadSettings:
    return LoadSettings(load, power_w, rank, phases=phases or None, never_shed=never_shed)


def test_the_least_important_load_of_that_phase_goes_first() -> None:
    plant = loaded(on_phase("a", 1, 1), on_phase("b", 2, 1), on_phase("c", 3, 2))
    # 10 A of a and b, and 16 A: 26 A.
    plant.house = l1(16.0)
    assert brief(plant.run(120)) == [("b", False, Reason.FUSE)]


def test_a_load_on_all_phases_or_on_an_unknown_one_may_be_the_one() -> None:
    plant = loaded(on_phase("a", 1, 1), on_phase("b", 2, 1, 2, 3, power_w=3450.0))
    plant.house = l1(16.0)
    assert brief(plant.run(120)) == [("b", False, Reason.FUSE)]
    plant = Plant([Appliance(BOILER), Appliance(on_phase("b", 2))], house=(0.0, -3000.0, -3000.0), site=Site(fuse_a=25))
    plant.run(10)
    plant.controller.override("b", on=True, until=FOREVER)
    plant.run(10)
    plant.house = l1(22.0)
    assert ("b", False, Reason.FUSE) in brief(plant.run(5))


def test_one_at_a_time_and_a_look_in_between() -> None:
    plant = loaded(on_phase("a", 1, 1), on_phase("b", 2, 1), on_phase("c", 3, 1))
    # 15 A of the loads and 14 A: 29 A; without c 24 A.
    plant.house = l1(14.0)
    assert brief(plant.run(60)) == [("c", False, Reason.FUSE)]
    plant = loaded(on_phase("a", 1, 1), on_phase("b", 2, 1), on_phase("c", 3, 1, power_w=460.0))
    # 12 A and 17 A: 29 A; without c 27 A, without b 22 A. The look is after latency + 2 telegrams.
    plant.house = l1(17.0)
    switches = plant.run(60)
    assert brief(switches) == [("c", False, Reason.FUSE), ("b", False, Reason.FUSE)]
    assert 4 <= switches[1].at - switches[0].at <= 5


def test_two_telegrams_far_above_the_fuse_shed_the_whole_phase() -> None:
    plant = loaded(on_phase("a", 1, 1), on_phase("b", 2, 1), on_phase("c", 3, 1), on_phase("d", 4, 2))
    # 15 A and 16 A: 31 A are more than 30 A.
    plant.house = l1(16.0)
    assert brief(plant.run(1)) == [("c", False, Reason.FUSE)]
    assert sorted(brief(plant.run(1))) == [("a", False, Reason.FUSE), ("b", False, Reason.FUSE)]
    assert plant.run(60) == []
    assert plant.on("d")


def test_the_fuse_does_not_wait_for_the_minimum_time() -> None:
    plant = Plant([Appliance(LoadSettings("a", 2000.0, 1, min_on_s=HOUR, phases=(1,)))], site=Site(fuse_a=25.0))
    plant.house = (0.0, -3000.0, -3000.0)
    assert plant.run_until_switched(600)
    plant.run(30)
    plant.house = l1(20.0)
    assert brief(plant.run(1)) == [("a", False, Reason.FUSE)]


def test_too_much_towards_the_grid_is_said_and_sheds_nothing() -> None:
    plant = Plant([Appliance(BOILER)], house=(-7000.0, 0.0, 0.0), site=Site(fuse_a=25.0))
    plant.run(300)
    assert plant.on("boiler")
    # 2000 W - 9000 W: 30.4 A out.
    plant.house = (-9000.0, 0.0, 0.0)
    assert plant.run(60) == []
    assert plant.controller.site_view().alarms == {Alarm.FUSE_EXPORT}
    plant.house = (-7000.0, 0.0, 0.0)
    plant.run(10)
    assert plant.controller.site_view().alarms == frozenset()


def test_what_is_never_to_be_shed_is_not_and_that_it_would_be_needed_is_said() -> None:
    plant = loaded(on_phase("a", 1, 1), on_phase("b", 2, 1, never_shed=True))
    plant.house = l1(21.0)
    # 31 A; a goes, and 26 A are left.
    assert brief(plant.run(60)) == [("a", False, Reason.FUSE)]
    assert plant.on("b")
    assert Alarm.FUSE_HELPLESS in plant.controller.site_view().alarms
    plant.house = l1(5.0)
    plant.run(10)
    assert plant.controller.site_view().alarms == frozenset()


def test_shedding_stops_where_it_does_not_help() -> None:
    # The person said L1; the loads hang on L2.
    loads = [on_phase("a", 1, 1), on_phase("b", 2, 1), on_phase("c", 3, 1)]
    appliances = [Appliance(load) for load in loads]
    for appliance in appliances:
        appliance.phases = (2,)
    plant = Plant(appliances, house=(0.0, -3000.0, -3000.0), site=Site(fuse_a=25.0))
    plant.run(10)
    for load in plant.loads:
        plant.controller.override(load, on=True, until=FOREVER)
    plant.run(60)
    plant.house = l1(26.0)
    assert brief(plant.run(120)) == [("c", False, Reason.FUSE)]
    assert Alarm.FUSE_HELPLESS in plant.controller.site_view().alarms


def test_a_meter_of_whole_amperes_is_read_by_its_powers() -> None:
    plant = loaded(on_phase("a", 1, 1))
    plant.whole_amperes = True
    # 5 A and 20.4 A: 25.4 A are shown as 25 A; their 5842 W are 25.4 A.
    plant.house = l1(20.0)
    assert plant.run(60) == []
    plant = Plant([Appliance(BOILER)], house=(0.0, -3000.0, -3000.0), site=Site(fuse_a=25.0), whole_amperes=True)
    plant.run(300)
    plant.house = l1(25.4 - 2000 / 230)
    assert brief(plant.run(1)) == [("boiler", False, Reason.FUSE)]


def test_room_under_the_fuse_is_shown_and_nothing_where_no_phase_is_reported() -> None:
    plant = Plant([Appliance(BOILER)], house=(2300.0, -2300.0, 0.0), site=Site(fuse_a=25.0))
    plant.run(10)
    first, second, third = plant.controller.site_view().phase_headroom_a
    assert first == pytest.approx(15.0, abs=0.01)
    assert third == pytest.approx(25.0, abs=0.01)
    # What is given to the grid is room as well, or at least takes none.
    assert second is not None
    assert second >= 25.0 - 0.01
    plant = Plant([Appliance(BOILER)], house=-2500.0, site=Site(fuse_a=25.0), reports_phases=False)
    plant.run(300)
    assert plant.on("boiler")
    assert plant.controller.site_view().phase_headroom_a == (None, None, None)
    assert plant.controller.site_view().alarms == frozenset()


# 2: the demand limit


@pytest.mark.parametrize(("window_s", "target_w"), [(900.0, 2500.0), (900.0, 4000.0), (3600.0, 2500.0)])
def test_a_window_never_takes_more_than_its_target(window_s: float, target_w: float) -> None:
    # A house that does 300 W, and 3 kW for 4 minutes of every 25.
    plant = Plant(
        [Appliance(MUST)],
        house=lambda at: 3000.0 if at % 1500 < 240 else 300.0,
        site=Site(target_w=target_w, window_s=window_s),
        start=WINTER,
    )
    plant.run(4 * HOUR)
    assert len(plant.windows) == 4 * HOUR // window_s - 1
    assert max(mean for _, mean in plant.windows) <= target_w
    # What an hour has shed is locked for a quarter of it only.
    assert plant.loads["boiler"].ran_s > 2 * HOUR


def test_a_load_that_the_window_shed_is_locked_until_it_ends() -> None:
    plant = Plant([Appliance(BOILER)], house=300.0, site=Site(target_w=2500.0), start=WINTER)
    plant.run(5)
    plant.controller.override("boiler", on=True, until=FOREVER)
    plant.run(55)
    # 5 kW from 17:01 on: 606 Wh are gone after some minutes.
    plant.house = 3000.0
    switch = plant.run_until_switched(900)
    assert switch is not None
    assert switch[1:4] == ("boiler", False, Reason.DEMAND)
    plant.house = 0.0
    plant.run(1)
    assert plant.reason("boiler") is Reason.DEMAND
    assert plant.controller.site_view().mode is Mode.PROTECTING
    assert all(switch.at >= 900 for switch in plant.run(900))
    plant.run(900)
    # A hand without an end has only been paused.
    assert plant.on("boiler")


def test_no_overload_comes_back_with_what_caused_it() -> None:
    # An oven that comes for 5 minutes of every 20: shed each time, but never twice within 300 s.
    plant = Plant(
        [Appliance(BOILER)],
        house=lambda at: l1(18.0 if at % 1200 < 300 else 2.0),
        site=Site(fuse_a=25.0),
    )
    plant.run(2 * HOUR)
    sheds = [switch.at for switch in plant.switches if switch.reason is Reason.FUSE]
    assert sheds
    assert all(later - earlier >= 300 for earlier, later in pairwise(sheds))
    # Each ends with the latency of the load, 2 s.
    assert plant.overload_s[0] <= 3 * len(sheds)


@pytest.mark.parametrize("never_shed", [True, False])
def test_a_window_that_nothing_can_save_is_said(never_shed: bool) -> None:  # noqa: FBT001 (a column)
    load = LoadSettings("boiler", 1000.0, 1, phases=(1,), never_shed=never_shed)
    plant = Plant([Appliance(load)], house=300.0, site=Site(target_w=2500.0), start=WINTER)
    plant.run(5)
    plant.controller.override("boiler", on=True, until=FOREVER)
    plant.run(60)
    plant.house = 6000.0
    plant.run(700)
    assert plant.on("boiler") is never_shed
    assert Alarm.DEMAND_HELPLESS in plant.controller.site_view().alarms
    plant.house = 300.0
    plant.run(900)
    assert Alarm.DEMAND_HELPLESS not in plant.controller.site_view().alarms


def test_without_a_target_and_a_month_peak_there_is_no_limit() -> None:
    plant = Plant([Appliance(MUST)], house=5000.0, start=WINTER)
    plant.run(HOUR + 1800)
    view = plant.controller.site_view()
    assert (view.target_w, view.forecast_w, view.headroom_w) == (None, None, None)
    assert plant.on("boiler")
    plant.controller.site = Site(target_w=float("inf"))
    plant.run(60)
    assert plant.controller.site_view().target_w is None
    assert plant.on("boiler")


def test_the_forecast_is_what_the_window_would_be_if_nothing_changed() -> None:
    plant = Plant([Appliance(BOILER)], house=1000.0, site=Site(target_w=2500.0), start=WINTER)
    plant.run(450)
    view = plant.controller.site_view()
    assert view.target_w == 2500.0
    # 1000 W before and after; the reserve of 200 W may be in it for what is left: half of the window.
    assert view.forecast_w is not None
    assert 999 <= view.forecast_w <= 1101
    # (606.25 - 125) Wh in 450 s are 3850 W; less the 1000 W and the reserve.
    assert view.headroom_w is not None
    assert 2640 <= view.headroom_w <= 2860


@pytest.mark.parametrize("demand", ["window", "elapsed"])
@pytest.mark.parametrize("away_s", [5, 120])
def test_a_restart_in_mid_window_does_not_forget_what_it_took(demand: str, away_s: int) -> None:
    plant = Plant([Appliance(MUST)], house=1200.0, site=Site(target_w=2500.0), start=WINTER)
    plant.demand = "window" if demand == "window" else "elapsed"
    for _ in range(8):
        plant.run(900 + 400)
        plant.restart(lost_s=away_s)
    assert max(mean for _, mean in plant.windows) <= 2500.0
    assert plant.loads["boiler"].ran_s > HOUR


def test_the_target_is_the_smallest_of_the_largest_hours_and_begins_anew_each_month() -> None:
    # Sweden: the mean of the three largest hours. Hours of 4, 6, 5, 1, 7 kW in January, then 1 kW.
    hours = (4000.0, 6000.0, 5000.0, 1000.0, 7000.0, 1000.0, 1000.0, 1000.0)
    plant = Plant(
        [Appliance(BOILER)],
        house=lambda at: hours[max(0, at - 60) // HOUR],
        site=Site(window_s=3600.0, peak_count=3, target_floor_w=3000.0),
        start=datetime(2026, 1, 31, 17, 59, tzinfo=ZONE),
    )

    def target(hour: int) -> float | None:
        plant.run(hour * HOUR + 120 - plant.at)
        return plant.controller.site_view().target_w

    assert target(2) == 3000.0  # two hours so far
    assert target(3) == pytest.approx(4000.0, abs=5)
    assert target(4) == pytest.approx(4000.0, abs=5)  # 1 kW changes nothing
    assert target(5) == pytest.approx(5000.0, abs=5)  # 5, 6, 7
    plant.restart()
    plant.run(10)
    assert plant.controller.site_view().target_w == pytest.approx(5000.0, abs=5)
    assert target(6) == 3000.0  # February
