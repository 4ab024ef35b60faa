"""Starts: on the sun or by a deadline, one after the other, and the numbers that a person is told of them."""

from dataclasses import replace
from datetime import time

import pytest

from p1meter.loads import Activity, Mode, Reason, Site
from tests.loads.house import NOON, OFF, ON, House, load


def test_nothing_is_commanded_at_the_first_three_telegrams() -> None:
    house = House(load(), house_w=-3000.0)
    assert house.controller.reasons == {"boiler": Reason.STARTING_UP}
    assert house.controller.site_view().mode is Mode.WAITING
    assert house.view().on is None
    for _ in range(3):
        assert house.step() == []
        assert house.controller.reasons == {"boiler": Reason.STARTING_UP}
    assert house.step() == [("boiler", ON, Reason.SUN)]
    assert house.view().reason is Reason.SUN
    assert house.controller.site_view().mode is Mode.CONTROLLING
    house.step()
    assert house.view().activity is Activity.STARTING


@pytest.mark.parametrize(("telegrams", "is_hand"), [(0, False), (2, False), (3, True)])
def test_what_is_switched_on_by_the_third_telegram_is_nobodys_hand(telegrams: int, *, is_hand: bool) -> None:
    house = House(load())
    house.run(telegrams)
    house.on["boiler"] = True
    house.run(30)
    assert (house.view().override is not None) is is_hand


def test_the_reason_of_a_change_stands_while_its_power_is_awaited() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(4)
    said = [house.view().reason]
    for _ in range(20):
        house.step()
        said.append(house.view().reason)
    house.house_w = 300.0
    house.until_switched()
    for _ in range(20):
        said.append(house.view().reason)
        house.step()
    assert said == [Reason.SUN] * 21 + [Reason.SHORT] * 20


@pytest.mark.parametrize("period_s", [1.0, 10.0])
def test_its_power_is_awaited_for_two_telegrams(period_s: float) -> None:
    house = House(load(latency_s=3.0, ramp_s=4.0, min_on_s=600.0), house_w=-3000.0, site=Site(period_s=period_s))
    house.until_switched()
    house.house_w = 3000.0

    seconds = 0
    while house.view().reason is Reason.SUN:
        house.run(1)
        seconds += 1

    # After its latency and its ramp, and a second: the meter and Home Assistant do not count the same ones.
    assert (seconds, house.view().reason) == (3 + 4 + 2 * period_s + 1, Reason.MIN_ON)


@pytest.mark.parametrize(("latency_s", "telegrams"), [(0.0, 1), (2.0, 3), (2.5, 4)])
def test_a_load_is_starting_until_its_power_can_be_seen(latency_s: float, telegrams: int) -> None:
    house = House(load(latency_s=latency_s), house_w=-3000.0)
    house.run(4)
    # The next telegram shows that its output is on, the one after that its power at the earliest, and so much later.
    seen = []
    for _ in range(6):
        house.step()
        seen.append(house.view().activity)
    assert seen == [Activity.STARTING] * telegrams + [Activity.ACTIVE] * (6 - telegrams)


def test_a_set_of_two_is_started_one_after_the_other() -> None:
    house = House(load(), load("pump", 1000.0, 2), house_w=-3200.0)
    house.run(3)
    # 2 s of latency and two telegrams lie between.
    assert house.step() == [("boiler", ON, Reason.SUN)]
    assert house.run(3) == []
    assert house.step() == [("pump", ON, Reason.SUN)]
    assert house.run(60) == []


def test_what_comes_between_ends_the_plan() -> None:
    house = House(load(), load("pump", 1000.0, 2), house_w=-3200.0)
    house.run(4)
    house.allowed["pump"] = False
    assert house.run(30) == []
    house.allowed["pump"] = True
    assert house.until_switched()[1] == [("pump", ON, Reason.SUN)]


def test_a_load_makes_room_for_a_better_one_in_one_step_the_off_first() -> None:
    house = House(load(), load("pump", 1000.0, 2), house_w=-1000.0)
    assert house.until_switched()[1] == [("pump", ON, Reason.SUN)]
    house.run(20)
    # The sun comes out slowly: not the pump's doing.
    commands: list[tuple[str, bool, Reason]] = []
    while not commands:
        house.house_w -= 20.0
        commands = house.step()
    assert commands == [("pump", OFF, Reason.MADE_ROOM), ("boiler", ON, Reason.SUN)]
    house.run(20)
    assert house.view("pump").reason is Reason.MADE_ROOM


def test_a_start_counts_and_too_many_are_not_made() -> None:
    house = House(load(max_starts_per_day=1), house_w=-3000.0)
    house.run(10)
    assert house.view().starts == 1
    house.house_w = 300.0
    assert house.until_switched()[1] == [("boiler", OFF, Reason.SHORT)]
    house.house_w = -3000.0
    assert house.run(60) == []
    assert house.view().reason is Reason.MAX_STARTS


def test_a_full_day_of_starts_does_not_end_a_run() -> None:
    house = House(load(max_starts_per_day=1, max_run_s=9000.0), house_w=-3000.0)
    assert house.run(120) == [("boiler", ON, Reason.SUN)]


def test_the_minimum_times_are_kept() -> None:
    house = House(load(min_on_s=120.0, min_off_s=180.0), house_w=-3000.0)
    # Nobody knows since when it has been off.
    assert house.until_switched() == (181, [("boiler", ON, Reason.SUN)])
    house.house_w = 300.0
    assert house.run(60) == []
    assert house.view().reason is Reason.MIN_ON
    assert house.until_switched() == (60, [("boiler", OFF, Reason.SHORT)])
    house.house_w = -3000.0
    assert house.run(60) == []
    assert house.view().reason is Reason.MIN_OFF
    assert house.until_switched() == (120, [("boiler", ON, Reason.SUN)])


def test_the_reasons_say_how_much_and_how_long() -> None:
    house = House(load(start_cost_wh=5.0, stop_cost_wh=20.0), house_w=-1000.0)
    house.run(61)
    # theta is 0.65: 1300 W; 300 W are missing, for a minute.
    assert (house.view().reason, house.view().detail) == (Reason.SHORT, {"short_w": 300.0, "since_s": 60.0})
    house.house_w = -1600.0
    house.run(12)
    # 300 W of gain: 5 Wh take 60 s, 12 of which are over.
    assert house.view().reason is Reason.GATHERING
    assert house.view().detail == {"remaining_s": pytest.approx(48.0)}
    house.run(60)
    assert house.view().reason is Reason.SUN
    assert house.view().detail == {"share": pytest.approx(0.8)}
    house.house_w = -1000.0
    house.run(40)
    # 300 W of loss: 20 Wh take 240 s.
    assert house.view().reason is Reason.LEAVING
    assert house.view().detail == {"short_w": pytest.approx(300.0), "remaining_s": pytest.approx(200.0)}


def test_how_long_is_said_while_another_load_settles_too() -> None:
    house = House(load(stop_cost_wh=20.0), load("pump", 1000.0, 2), house_w=-2000.0)
    house.run(20)
    house.house_w = -1000.0
    house.run(10)
    house.hand("pump", ON)
    house.run(2)
    assert house.view().reason is Reason.LEAVING
    # It costs 300 W, and 1000 W that the pump would have: 20 Wh take 55.4 s, once the pump's 6 s are over.
    assert house.view().detail == {"short_w": pytest.approx(300.0), "remaining_s": pytest.approx(61.4, abs=0.1)}


def test_what_is_missing_at_a_stop_is_missing_for_running_and_not_for_a_start() -> None:
    house = House(load(value_per_kwh=0.25), house_w=-3000.0)
    house.more = {"price_buy": 0.3, "price_sell": 0.05}
    house.until_switched()
    house.house_w = -100.0
    # From the grid for 30 cents, or sold for 5, and worth 25: a fifth of it must be sun, 400 W.
    assert house.until_switched()[1] == [("boiler", OFF, Reason.SHORT)]
    assert house.commands[-1][1].detail["short_w"] == pytest.approx(300.0)


def test_nothing_is_never_short_while_others_are_started() -> None:
    house = House(
        load(), load("pump", 1000.0, 2), load("heater", 500.0, 3, start_cost_wh=5.0, phases=(2,)), house_w=-3700.0
    )
    house.run(3)
    assert house.step() == [("boiler", ON, Reason.SUN)]
    # The pump is next, after 2 s of latency and two telegrams.
    assert (house.view("pump").reason, house.view("pump").detail) == (Reason.GATHERING, {"remaining_s": 4.0})
    assert house.view("heater").reason is Reason.GATHERING
    house.step()
    assert house.view("pump").detail == {"remaining_s": 3.0}
    house.run(2)
    assert house.step() == [("pump", ON, Reason.SUN)]
    # 175 W of gain: 5 Wh take 102.9 s, once the pump's 7 s are over.
    assert house.view("heater").reason is Reason.GATHERING
    assert house.view("heater").detail == {"remaining_s": pytest.approx(109.9, abs=0.1)}
    while not house.view("heater").on:
        assert house.view("heater").reason is Reason.GATHERING
        house.step()
    assert house.view("heater").reason is Reason.SUN


def test_what_breaks_just_even_is_not_told_that_nothing_is_short() -> None:
    house = House(load(), house_w=-1300.0)
    house.run(20)
    assert (house.view().reason, house.view().detail) == (Reason.SHORT, {"short_w": 10.0, "since_s": 0.0})
    house = House(load(stop_cost_wh=100.0), house_w=-2500.0)
    house.run(20)
    house.house_w = -1297.0
    house.run(20)
    assert house.view().reason is Reason.LEAVING
    assert house.view().detail["short_w"] == 10.0


def test_what_a_phase_gives_away_makes_room_for_a_start_and_what_the_load_adds_to_it_counts() -> None:
    house = House(load(start_cost_wh=5.0, min_on_s=60.0), house_w=-1600.0, site=Site(fuse_a=5.0))
    house.run(100)
    # 8.7 A on a phase that exports 7 A: 1.7 A of 4 A.
    assert house.view().on
    house = House(load(), house_w=-1600.0, site=Site(fuse_a=2.0))
    house.run(100)
    # Nor would they fit into 1 A: 1.7 A.
    assert house.view().reason is Reason.FUSE_HEADROOM
    assert house.view().detail == {"phase": 1, "current_a": pytest.approx(-1600 / 230), "fuse_a": 2.0}


def test_with_prices_it_is_the_price_that_decides() -> None:
    house = House(load(value_per_kwh=0.14), house_w=-1400.0)
    house.more = {"price_buy": 0.30, "price_sell": 0.20}
    # theta is 1: what is sold brings more than the load is worth.
    assert house.run(100) == []
    # 0.64: 1280 W are enough.
    house.more = {"price_buy": 0.30, "price_sell": 0.05}
    assert house.until_switched()[1] == [("boiler", ON, Reason.SUN)]


def test_a_run_by_a_deadline_says_what_is_missing() -> None:
    due = load(min_run_s=3600.0, deadline=time(23))
    house = House(due, start=NOON.replace(hour=21, minute=50))
    assert house.until_switched()[1] == [("boiler", ON, Reason.DEADLINE)]
    house.run(604)
    assert house.view().reason is Reason.DEADLINE
    assert house.view().detail == {"missing_s": pytest.approx(3000.0, abs=2), "deadline": "23:00"}


def test_a_run_that_is_due_waits_for_a_permission_and_for_room() -> None:
    due = load(min_run_s=3600.0, deadline=time(23))
    house = House(due, house_w=5000.0, start=NOON.replace(hour=21, minute=50), site=Site(fuse_a=25.0))
    house.run(600)
    # 21.7 A + 8.7 A
    assert house.view().reason is Reason.FUSE_HEADROOM
    house.allowed["boiler"] = False
    house.house_w = 300.0
    assert house.run(60) == []
    assert house.view().reason is Reason.NOT_ALLOWED
    house.allowed["boiler"] = True
    assert house.step() == [("boiler", ON, Reason.DEADLINE)]


def test_a_strict_order_prefers_the_first() -> None:
    # 1500 W: 200 W in the boiler count twice as much as they are, more than 350 W in the pump.
    for priority, first in (("fair", "pump"), ("strict", "boiler")):
        house = House(load(), load("pump", 1000.0, 2), house_w=-1500.0)
        assert house.controller.site == Site()
        house.controller.site = replace(Site(), priority=priority)  # type: ignore[arg-type] # one of both
        assert house.until_switched()[1] == [(first, ON, Reason.SUN)]


def test_a_strict_order_of_one_load_waits_for_no_more_sun_than_a_fair_one() -> None:
    house = House(load(start_cost_wh=5.0), house_w=-2000.0, site=Site(priority="strict"))
    house.run(3)
    # 700 W: 5 Wh after 25.7 s, of which the first is that before the fourth telegram.
    assert house.until_switched() == (26, [("boiler", ON, Reason.SUN)])
