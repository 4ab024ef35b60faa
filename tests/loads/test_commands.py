"""What becomes of a command: outputs that do not obey, obey late, or are away for a while."""

from datetime import time

import pytest

from p1meter.loads import Activity, LoadSettings, Reason, Site
from tests.loads.house import NOON, OFF, ON, House, load


def test_a_load_that_does_not_obey_is_told_twice_more_and_is_then_at_fault() -> None:
    house = House(load(), house_w=-3000.0)
    house.deaf.add("boiler")
    house.run(340)
    # After 5 s and after 30 s; then every five minutes.
    assert [at for at, _ in house.commands] == [3, 8, 33, 339]
    assert house.view().activity is Activity.FAULT
    assert house.view().reason is Reason.FAULT
    assert not house.view().on
    # Its power is not reckoned with: it would not fit beside it.
    assert house.controller.site_view().surplus_w == 3000.0
    # Late is late: it is on, and nobody's hand.
    house.on["boiler"] = True
    house.run(10)
    assert house.view().activity is Activity.ACTIVE
    assert house.view().override is None


def test_the_sun_is_not_given_away_twice_while_a_load_does_not_obey() -> None:
    # Enough for one of the two, and the boiler makes more of it.
    house = House(load(), load("pump", 1500.0, 2), house_w=-2100.0)
    house.deaf.add("boiler")
    # Told at 3 s, and twice more; what is given away meanwhile is the boiler's.
    assert {name for name, _, _ in house.run(38)} == {"boiler"}
    assert house.controller.site_view().surplus_w == 2100.0
    # At fault: it is the pump's.
    assert house.until_switched()[1] == [("pump", ON, Reason.SUN)]


def test_what_has_not_obeyed_does_not_run() -> None:
    house = House(load())
    house.run(4)
    house.deaf.add("boiler")
    house.hand("boiler", ON)
    house.run(6)
    # 2 s of latency and three telegrams: it may still be on its way.
    assert (house.view().on, house.view().activity) == (True, Activity.STARTING)
    house.run(1)
    for _ in range(25):
        view = house.view()
        assert (view.on, view.activity, view.power_w) == (False, Activity.STARTING, 0.0)
        assert (view.starts, view.run_s, view.sun_wh + view.grid_wh) == (0, 0.0, 0.0)
        assert view.reason is Reason.OVERRIDE_ON
        house.step()
    house.run(20)
    assert house.view().activity is Activity.FAULT
    # At the next attempt it obeys: one start.
    house.deaf.clear()
    house.run(340)
    view = house.view()
    assert (view.on, view.activity, view.starts) == (True, Activity.ACTIVE, 1)
    assert view.run_s > 0


def test_on_a_meter_that_sends_every_ten_seconds_a_load_has_three_telegrams_to_obey() -> None:
    house = House(load(), site=Site(period_s=10.0))
    house.run(4)
    house.deaf.add("boiler")
    house.hand("boiler", ON)
    # 2 s of latency and 30 s; only then it is told again.
    assert house.run(32) == [("boiler", ON, Reason.OVERRIDE_ON)]
    assert house.view().on
    assert house.run(2) == [("boiler", ON, Reason.OVERRIDE_ON)]
    assert not house.view().on


def test_what_obeys_when_it_is_told_again_has_started_once() -> None:
    house = House(load(), house_w=-3000.0)
    house.deaf.add("boiler")
    house.run(7)
    house.deaf.clear()
    house.run(20)
    assert [(at, command.on) for at, command in house.commands] == [(3, ON), (8, ON)]
    assert (house.view().starts, house.view().activity) == (1, Activity.ACTIVE)


def test_what_stays_on_is_shown_so_before_it_is_a_fault() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.deaf.add("boiler")
    house.hand("boiler", OFF)
    house.run(6)
    assert (house.view().on, house.view().activity, house.view().power_w) == (False, Activity.OFF, 0.0)
    house.run(1)
    assert (house.view().on, house.view().activity, house.view().power_w) == (True, Activity.ACTIVE, 2000.0)


def test_in_a_silence_nothing_is_seen_so_what_was_told_holds() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    assert ("boiler", OFF, Reason.STALE) in house.silence(30)
    assert (house.view().on, house.view().activity) == (False, Activity.OFF)


@pytest.mark.parametrize("house_w", [300.0, -900.0])
@pytest.mark.parametrize("has_sensor", [False, True])
def test_what_the_sun_no_longer_carries_is_not_told_again(*, has_sensor: bool, house_w: float) -> None:
    house = House(load(), house_w=-3000.0)
    house.deaf.add("boiler")
    if has_sensor:
        house.sensed["boiler"] = 0.2
    house.run(4)
    # 900 W are less than half of its 2000 W, whatever a sensor says that is never quite at nothing.
    house.house_w = house_w
    if has_sensor:
        house.sensed["boiler"] = 0.3
    assert house.run(40) == []
    assert house.view().activity is Activity.FAULT


def test_a_load_that_stays_on_is_told_to_be_off_whatever_happens() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.deaf.add("boiler")
    house.hand("boiler", OFF)
    house.run(40)
    assert [(at, command.on) for at, command in house.commands[1:]] == [(20, OFF), (25, OFF), (50, OFF)]
    assert house.view().activity is Activity.FAULT
    assert house.view().on


def test_what_a_person_wants_now_takes_the_place_of_what_would_be_told_again() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.deaf.add("boiler")
    house.house_w = 300.0
    assert house.until_switched()[1] == [("boiler", OFF, Reason.SHORT)]
    # It has not gone off, and would be told so again after 5 s.
    assert house.run(4) == []
    house.hand("boiler", ON)
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]
    assert house.run(60) == []
    assert (house.view().activity, house.view().starts) == (Activity.ACTIVE, 1)


def test_a_load_that_was_away_is_told_again_only_what_still_holds() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.on["boiler"] = None
    house.run(5)
    assert house.view().on is None
    assert (house.view().activity, house.view().reason) == (Activity.UNKNOWN, Reason.UNAVAILABLE)
    ran = house.view().run_s
    # It is back, and off: the sun is still there.
    house.on["boiler"] = False
    assert house.step() == [("boiler", ON, Reason.SUN)]
    assert house.view().override is None
    assert house.view().run_s == ran
    # The sun is gone: it is simply off.
    house.run(20)
    house.on["boiler"] = None
    house.house_w = 300.0
    house.run(20)
    house.on["boiler"] = False
    assert house.run(60) == []
    assert house.view().reason is Reason.SHORT
    # Nor is it started where it may not run.
    house.house_w = -3000.0
    assert house.until_switched()[1] == [("boiler", ON, Reason.SUN)]
    house.run(20)
    house.on["boiler"] = None
    house.run(5)
    house.on["boiler"] = False
    house.allowed["boiler"] = False
    assert house.run(60) == []
    # It was off, and is on: it is told to be off.
    house.on["boiler"] = None
    house.run(5)
    house.on["boiler"] = True
    assert house.step() == [("boiler", OFF, Reason.NOT_ALLOWED)]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (load(), None),
        (load(min_run_s=36_000.0), Reason.DEADLINE),
        (load(min_run_s=36_000.0, max_run_s=1.0), None),
    ],
)
def test_a_load_that_is_back_goes_on_with_its_run(settings: LoadSettings, wanted: Reason | None) -> None:
    house = House(settings, start=NOON.replace(hour=22))
    house.run(600)
    house.on["boiler"] = None
    house.run(5)
    house.on["boiler"] = False
    assert house.step() == ([] if wanted is None else [("boiler", ON, wanted)])


def test_a_load_that_is_back_needs_room_under_the_fuse_as_any_start_does() -> None:
    house = House(load(), site=Site(fuse_a=25.0))
    house.run(4)
    house.hand("boiler", ON)
    house.run(20)
    house.on["boiler"] = None
    house.run(5)
    # An oven: 15.4 A, and 8.7 A of the boiler, are more than 24 A. The telegram that it is back with says so first.
    house.house_w = 3542.0
    house.on["boiler"] = False
    assert house.run(60) == []
    assert house.view().reason is Reason.FUSE_HEADROOM
    house.house_w = 3500.0
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]
    assert house.view().starts == 1
    house.run(1)
    assert house.view().starts == 2


def test_a_load_that_is_back_needs_room_in_the_quarter_as_any_start_does() -> None:
    must = load(min_run_s=36_000.0, deadline=time(22))
    # 606 Wh may be taken of a quarter that begins at 18:30.
    house = House(must, site=Site(target_w=2500.0), start=NOON.replace(month=12, hour=18, minute=30))
    house.until_switched()
    house.run(20)
    house.on["boiler"] = None
    house.house_w = 2300.0
    house.run(120)
    house.on["boiler"] = False
    # With 2300 W of the house, 2000 W and 200 W for more than 10 minutes are more than 750 Wh.
    assert house.run(60) == []
    assert house.view().reason is Reason.DEMAND_HEADROOM


def test_a_load_at_fault_is_tried_again_only_where_there_is_room() -> None:
    house = House(load(), site=Site(fuse_a=25.0))
    house.run(4)
    house.deaf.add("boiler")
    house.hand("boiler", ON, hours=None)
    house.run(60)
    assert house.view().activity is Activity.FAULT
    house.deaf.clear()
    # 15.4 A, and 8.7 A of the boiler, are more than 24 A.
    house.house_w = 3542.0
    assert house.run(600) == []
    house.house_w = 300.0
    # Tried every five minutes.
    seconds, commands = house.until_switched()
    assert commands == [("boiler", ON, Reason.OVERRIDE_ON)]
    assert seconds <= 300
    house.run(5)
    assert house.view().activity is Activity.ACTIVE


def test_what_does_not_obey_at_first_is_told_again_whatever_its_own_power_leaves() -> None:
    # 2300 W of 10.4 A: not twice of them, and it is reckoned with already.
    house = House(load(power_w=2300.0), house_w=0.0, site=Site(fuse_a=16.0))
    house.run(4)
    house.deaf.add("boiler")
    house.hand("boiler", ON)
    house.run(40)
    assert [(at, command.on) for at, command in house.commands] == [(4, ON), (9, ON), (34, ON)]


def test_a_load_that_is_safe_on_is_told_again_in_a_silence_whatever_room_there_was() -> None:
    house = House(load(safe_on=True), house_w=4000.0, site=Site(fuse_a=25.0))
    house.is_seen = True
    house.run(5)
    house.deaf.add("boiler")
    told = [on for _, on, _ in house.silence(60)]
    assert told == [ON, ON, ON]


def test_a_load_that_comes_late_is_taken_as_it_is() -> None:
    house = House(load(), house_w=-3000.0)
    house.on["boiler"] = None
    house.run(10)
    house.on["boiler"] = True
    assert house.run(10) == []
    assert house.view().override is None
    assert house.view().reason is Reason.SUN


def test_a_load_that_is_back_in_a_silence_is_not_started() -> None:
    house = House(load(run_when_blind=True))
    house.run(4)
    house.hand("boiler", ON)
    house.run(20)
    house.silence(20)
    house.on["boiler"] = None
    house.run(1)
    house.on["boiler"] = False
    assert house.run(2) == []
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]


def test_a_persons_on_goes_on_when_the_load_is_back() -> None:
    house = House(load())
    house.run(4)
    house.hand("boiler", ON)
    house.run(10)
    house.on["boiler"] = None
    house.run(5)
    house.on["boiler"] = False
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]


def test_an_output_that_comes_and_goes_by_itself_leaves_the_forecast_as_it_was() -> None:
    house = House(load(start_cost_wh=500.0), house_w=500.0, site=Site(target_w=5000.0))
    house.run(60)
    house.on["boiler"] = True
    house.run(2)
    house.on["boiler"] = False
    house.run(4)
    # 500 W all the time, and not 2500.
    assert house.controller.site_view().forecast_w == pytest.approx(500, abs=60)


@pytest.mark.parametrize("away", [False, True], ids=["late", "back"])
def test_a_load_that_obeys_late_is_not_taken_for_another(*, away: bool) -> None:
    # Two boilers of one size: the second stops 20 s after it was told.
    second = load("second", 2000.0, 2)
    house = House(load(), second, house_w=-5000.0)
    house.run(120)
    assert house.on == {"boiler": True, "second": True}
    house.deaf.add("second")
    house.hand("second", on=False)
    house.run(20)
    if away:
        house.on["second"] = None
        house.house_w += 2000.0
        house.run(20)
        house.house_w -= 2000.0
    house.on["second"] = False
    house.run(60)
    assert house.view().activity is Activity.ACTIVE
    assert house.view("second").activity is Activity.OFF


def test_what_is_told_again_is_given_time_to_show_before_another_load_starts() -> None:
    house = House(
        load(min_run_s=36_000.0, deadline=time(23)), load("pump", 1000.0, 2, min_run_s=36_000.0, deadline=time(23))
    )
    house.deaf.add("boiler")
    house.allowed["pump"] = False
    # After three good telegrams, and again after 5 s.
    house.run(9)
    house.allowed["pump"] = True
    house.run(10)
    told = [(at, command.load) for at, command in house.commands]
    # Its 2 s, and two telegrams.
    assert told[:3] == [(3, "boiler"), (8, "boiler"), (12, "pump")]


def test_a_command_says_whether_it_was_given_before() -> None:
    house = House(load(), house_w=-2000.0, site=Site(fuse_a=16.0))
    house.run(20)
    house.deaf.add("boiler")
    house.house_w = 2300.0
    house.run(40)
    shed = [command for _, command in house.commands if command.reason is Reason.FUSE]
    assert [command.again for command in shed] == [False, True, True]
    # It comes back on after it was away: the same command, once more.
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.on["boiler"] = None
    house.run(5)
    house.on["boiler"] = False
    house.run(1)
    assert [command.again for _, command in house.commands] == [False, True]
