"""Silence of the meter: the safe states, what goes on blind, and how the controller begins anew."""

from datetime import time

import pytest

from p1meter.loads import Activity, Mode, Reason
from tests.loads.house import NOON, OFF, ON, House, load


def test_the_safe_state_when_nothing_is_known() -> None:
    house = House(load("fan", 100.0, 1, safe_on=True), load("vent", 100.0, 2, safe_on=True), load(rank=3))
    house.run(4)
    house.hand("boiler", ON)
    house.hand("fan", OFF, hours=None)
    house.run(20)
    commands = house.silence(40)
    # The fan is off by a person's hand, which holds; the vent goes to its safe state.
    assert commands == [("vent", ON, Reason.STALE), ("boiler", OFF, Reason.STALE)]
    assert house.on == {"fan": False, "vent": True, "boiler": False}
    assert house.controller.site_view().mode is Mode.STALE
    assert house.view("boiler").reason is Reason.STALE
    assert house.view("boiler").detail == {"silent_s": 40.0}
    # Three good telegrams are awaited.
    assert house.run(3) == []
    assert house.controller.site_view().mode is Mode.WAITING
    assert house.view("vent").reason is Reason.STARTING_UP
    # There is no sun for the vent; and the boiler's hand is over.
    assert house.until_switched()[1] == [("vent", OFF, Reason.SHORT)]
    assert house.view("boiler").override is None


def test_of_an_output_that_is_not_there_the_silence_is_said_first() -> None:
    house = House(load())
    house.on["boiler"] = None
    house.run(10)
    assert house.view().reason is Reason.UNAVAILABLE
    house.silence(40)
    assert house.view().reason is Reason.STALE
    house.run(1)
    assert house.view().reason is Reason.UNAVAILABLE


def test_safe_states_that_are_on_are_not_started_together() -> None:
    house = House(load("fan", 100.0, 1, safe_on=True), load("vent", 100.0, 2, safe_on=True))
    house.run(10)
    house.silence(20)
    # Ten seconds after the last telegram, at 9 s; the next one when two telegrams after its 2 s would show the first.
    assert [(at, command.load, command.on) for at, command in house.commands] == [(19, "fan", ON), (23, "vent", ON)]


@pytest.mark.parametrize("late_s", [0.0, 0.5])
def test_a_run_by_a_deadline_goes_on_blind_to_its_end(late_s: float) -> None:
    due = load(min_run_s=1200.0, deadline=time(23), run_when_blind=True)
    house = House(due, start=NOON.replace(hour=22, minute=30))
    house.run(600)
    # The clock is looked at in between.
    house.now += late_s
    house.at += late_s
    assert house.view().reason is Reason.DEADLINE
    missing = 1200 - house.view().run_s
    assert house.silence(int(missing) - 1) == []
    assert house.view().reason is Reason.DEADLINE
    assert house.silence(1) == [("boiler", OFF, Reason.STALE)]


@pytest.mark.parametrize("microsecond", [0, 500_000])
def test_a_blind_run_ends_at_its_deadline(microsecond: int) -> None:
    due = load(min_run_s=1700.0, deadline=time(23), run_when_blind=True)
    house = House(due, start=NOON.replace(hour=22, minute=45, microsecond=microsecond))
    house.run(600)
    assert house.view().on
    seconds = (house.wall().replace(hour=23, minute=0, second=0) - house.wall()).seconds
    assert house.silence(seconds) == []
    assert house.silence(3) == [("boiler", OFF, Reason.STALE)]


def test_a_persons_on_goes_on_blind_where_that_is_wanted() -> None:
    house = House(load(run_when_blind=True), load("pump", 1000.0, 2))
    house.run(4)
    house.hand("boiler", ON)
    house.hand("pump", ON)
    house.run(20)
    assert house.silence(60) == [("pump", OFF, Reason.STALE)]
    assert house.view().override
    assert house.view().reason is Reason.OVERRIDE_ON
    # The other one is over: it had an end.
    assert house.view("pump").override is None


def test_a_silence_that_nobody_told_of_is_one_too() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.now += 11
    house.at += 11
    assert house.step() == [("boiler", OFF, Reason.STALE)]


@pytest.mark.parametrize(("silent_s", "commands"), [(9, []), (10, [("boiler", OFF, Reason.STALE)])])
def test_a_silence_begins_ten_seconds_after_the_last_telegram(
    silent_s: int, commands: list[tuple[str, bool, Reason]]
) -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.now += silent_s - 1
    house.at += silent_s - 1
    assert house.step() == commands


def test_a_clock_that_stands_still_is_a_silence() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    commands = []
    for _ in range(12):
        house.at -= 1
        commands += house.step()
    assert commands == [("boiler", OFF, Reason.STALE)]
    assert house.until_switched()[1] == [("boiler", ON, Reason.SUN)]


def test_without_any_telegram_loads_are_safe_after_half_a_minute() -> None:
    house = House(load())
    assert house.silence(30) == []
    assert house.controller.site_view().surplus_w is None
    assert house.tick() == [("boiler", OFF, Reason.STALE)]
    # What a hand wanted is not done blindly.
    house.hand("boiler", ON)
    assert house.silence(60) == []


def test_a_hand_before_the_first_telegram_waits() -> None:
    house = House(load())
    house.hand("boiler", OFF)
    assert house.silence(5) == []
    assert house.view().override_until is not None


def test_what_does_not_reach_its_safe_state_is_told_again_and_is_a_fault_at_last() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.is_seen = True
    house.deaf.add("boiler")
    house.silence(400)
    # The last telegram came at 19 s; 10 s later it is told, and again after 5 s, 30 s, and then each five minutes.
    assert [(at, command.on, command.again) for at, command in house.commands[1:]] == [
        (29, OFF, False),
        (34, OFF, True),
        (59, OFF, True),
        (365, OFF, True),
    ]
    assert {command.reason for _, command in house.commands[1:]} == {Reason.STALE}
    view = house.view()
    assert (view.on, view.activity, view.reason) == (True, Activity.FAULT, Reason.FAULT)
    # It obeys at last.
    house.deaf.clear()
    house.on["boiler"] = False
    house.silence(1)
    assert (house.view().on, house.view().activity, house.view().reason) == (False, Activity.OFF, Reason.STALE)


@pytest.mark.parametrize(("silent_s", "at_once"), [(1, True), (2, True), (3, False)])
def test_a_hand_starts_a_load_while_the_newest_telegram_is_no_older_than_two(silent_s: int, *, at_once: bool) -> None:
    house = House(load())
    house.run(10)
    house.silence(silent_s - 1)
    house.hand("boiler", ON)
    command = ("boiler", ON, Reason.OVERRIDE_ON)
    assert house.silence(1) == ([command] if at_once else [])
    assert house.run(4) == ([] if at_once else [command])


def test_of_two_loads_the_one_that_comes_back_on_in_a_silence_is_switched_off() -> None:
    house = House(load(), load("pump", 1000.0, 2))
    house.run(20)
    house.is_seen = True
    house.on["pump"] = None
    house.silence(30)
    house.on["pump"] = True
    assert house.silence(2) == [("pump", OFF, Reason.STALE)]


def test_a_plug_that_comes_back_on_in_a_silence_is_switched_off() -> None:
    # Router and plug were gone; the reader is not back yet.
    house = House(load(), load("pump", 1000.0, 2), house_w=-2500.0)
    house.run(20)
    house.is_seen = True
    assert house.on == {"boiler": True, "pump": False}
    house.on = {"boiler": None, "pump": None}
    house.silence(30)
    house.commands.clear()
    # One was on and was told to be off; the other was off before.
    house.on = {"boiler": True, "pump": True}
    assert set(house.silence(2)) == {("boiler", OFF, Reason.STALE), ("pump", OFF, Reason.STALE)}
    assert [house.view(name).on for name in ("boiler", "pump")] == [False, False]
    assert house.silence(60) == []
    # Nothing but the sun starts them again, and nobody's hand was seen in that.
    house.run(4)
    assert house.view().override is None


def test_a_load_that_is_on_when_safe_is_followed_in_a_silence() -> None:
    house = House(load("fan", 100.0, safe_on=True))
    house.run(10)
    house.is_seen = True
    house.deaf.add("fan")
    assert house.silence(10) == [("fan", ON, Reason.STALE)]
    # 2 s and three intervals later it should have been.
    house.silence(7)
    assert (house.view("fan").on, house.view("fan").activity) == (False, Activity.STARTING)
    house.deaf.clear()
    # Told again 30 s after the first time.
    house.silence(29)
    assert (house.view("fan").on, house.view("fan").activity) == (True, Activity.ACTIVE)
    assert house.commands[-1][1].again
    # The meter is back: that it is on is shown by the meter from now on only, and is nobody's hand.
    assert house.run(3) == []
    assert house.view("fan").override is None


def test_what_a_hand_wants_in_a_silence_is_said_to_be_a_hand() -> None:
    house = House(load("fan", 100.0, safe_on=True))
    house.run(10)
    assert house.silence(20) == [("fan", ON, Reason.STALE)]
    house.hand("fan", OFF)
    assert house.tick() == [("fan", OFF, Reason.OVERRIDE_OFF)]
    house.silence(5)
    assert house.view("fan").reason is Reason.OVERRIDE_OFF


def test_what_somebody_switched_on_long_ago_in_a_silence_is_reckoned_with_at_once() -> None:
    house = House(load(run_when_blind=True))
    house.run(10)
    house.is_seen = True
    house.silence(15)
    house.on["boiler"] = True
    assert house.silence(30) == []
    # 1000 W are given away beside the boiler's 2000 W; the meter has shown those for half a minute.
    house.house_w = -3000.0
    house.step()
    assert house.controller.site_view().surplus_w == 3000.0


def test_a_run_that_may_go_on_blindly_does_not_begin_so() -> None:
    house = House(load(run_when_blind=True))
    house.run(4)
    house.is_seen = True
    house.hand("boiler", ON)
    house.run(10)
    house.on["boiler"] = None
    house.silence(20)
    house.on["boiler"] = False
    assert house.silence(60) == []
    assert (house.view().on, house.view().override) == (False, True)


def test_a_lasting_hand_goes_on_over_a_restart_in_a_silence() -> None:
    house = House(load(run_when_blind=True), load("pump", 1000.0, 2))
    house.run(4)
    house.hand("boiler", ON, hours=None)
    house.hand("pump", ON, hours=None)
    house.run(20)
    house.restart()
    house.is_seen = True
    # Thirty seconds for the first telegram; then what may run blind goes on.
    assert house.silence(90) == [("pump", OFF, Reason.STALE)]
    assert (house.view().on, house.view().reason) == (True, Reason.OVERRIDE_ON)
    house.run(10)
    assert house.on == {"boiler": True, "pump": True}


def test_before_the_first_telegram_outputs_that_are_safe_are_left_alone() -> None:
    house = House(load())
    house.is_seen = True
    assert house.silence(60) == []
    assert house.view().on is False


def test_the_clock_that_stands_still_hides_no_load_that_does_not_obey() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.deaf.add("boiler")
    for _ in range(20):
        house.at -= 1
        house.step()
    assert [(command.on, command.again) for _, command in house.commands[1:]] == [(OFF, False), (OFF, True)]
