"""A person's hand, from within or at the device: how soon it is respected, and until when."""

from datetime import time, timedelta

import pytest

from p1meter.loads import FOREVER, Activity, Reason, Site
from tests.loads.house import OFF, ON, House, load


def test_a_person_at_the_device_is_respected_for_two_hours() -> None:
    house = House(load())
    house.run(10)
    house.on["boiler"] = True
    # latency 2 s and three telegrams must pass: it is told at the first one after 5 s.
    assert house.run(6) == []
    assert house.view().override is None
    house.run(1)
    view = house.view()
    assert (view.on, view.override, view.reason) == (True, True, Reason.OVERRIDE_ON)
    assert view.override_until == house.wall() - timedelta(seconds=1) + timedelta(hours=2)
    assert view.starts == 1
    assert house.run(7199) == []
    assert house.until_switched(60)[1] == [("boiler", OFF, Reason.SHORT)]


def test_a_hand_that_undoes_itself_lets_go() -> None:
    house = House(load())
    house.run(10)
    house.on["boiler"] = True
    house.run(20)
    house.on["boiler"] = False
    house.run(20)
    assert house.view().override is None
    assert house.view().override_until is None


@pytest.mark.parametrize("min_off_s", [0.0, 600.0])
def test_a_hand_that_is_seen_at_once_is_respected_until_it_is_flipped_back(min_off_s: float) -> None:
    house = House(load(min_off_s=min_off_s), house_w=-3000.0)
    house.until_switched()
    house.run(20)
    house.on["boiler"] = False
    house.controller.hand("boiler", on=False)
    view = house.view()
    assert (view.on, view.activity, view.power_w) == (False, Activity.OFF, 0.0)
    assert (view.reason, view.override) == (Reason.OVERRIDE_OFF, False)
    assert house.run(30) == []
    house.on["boiler"] = True
    house.controller.hand("boiler", on=True)
    view = house.view()
    assert (view.on, view.activity, view.reason) == (True, Activity.STARTING, Reason.SETTLING)
    assert (view.override, view.starts) == (None, 2)
    for _ in range(60):
        assert house.step() == []
        assert (house.view().on, house.view().override) == (True, None)
    assert (house.view().reason, house.view().activity) == (Reason.SUN, Activity.ACTIVE)


def test_a_hand_that_the_law_has_begun_to_notice_is_counted_once() -> None:
    house = House(load(), site=Site(target_w=5000.0))
    house.run(10)
    house.on["boiler"] = True
    house.run(2)
    forecast_w = house.controller.site_view().forecast_w
    house.controller.hand("boiler", on=True)
    assert (house.view().on, house.view().override, house.view().starts) == (True, True, 1)
    assert house.controller.site_view().forecast_w == forecast_w
    # Back before the meter has shown anything.
    house.on["boiler"] = False
    house.controller.hand("boiler", on=False)
    assert (house.view().on, house.view().override) == (False, None)
    assert house.run(60) == []


def test_who_switches_on_what_runs_starts_nothing() -> None:
    house = House(load(), house_w=-3000.0)
    house.until_switched()
    house.run(60)

    house.controller.hand("boiler", on=True)

    assert (house.view().override, house.view().starts) == (True, 1)


def test_a_person_does_what_a_load_was_told_and_did_not_do() -> None:
    house = House(load())
    house.run(4)
    house.deaf.add("boiler")
    house.hand("boiler", ON)
    house.run(15)
    house.on["boiler"] = True
    house.controller.hand("boiler", on=True)
    view = house.view()
    assert (view.on, view.override, view.starts) == (True, True, 1)
    assert view.activity is Activity.STARTING
    assert house.run(60) == []
    assert (house.view().activity, house.view().starts) == (Activity.ACTIVE, 1)


def test_without_control_and_before_the_first_telegrams_nobody_has_a_hand() -> None:
    house = House(load())
    house.controller.hand("boiler", on=True)
    house.run(2)
    house.controller.hand("boiler", on=True)
    assert house.view().override is None
    house.run(20)
    house.controller.enabled = False
    house.controller.hand("boiler", on=True)
    assert (house.view().override, house.view().on) == (None, False)


def test_another_hand_is_not_an_undoing() -> None:
    house = House(load())
    house.run(10)
    # Off for good; it was off before, so switching it on at the device is something new.
    house.hand("boiler", OFF, hours=None)
    house.run(5)
    assert house.view().override_until == FOREVER
    assert house.view().reason is Reason.OVERRIDE_OFF
    assert house.view().detail == {}
    house.on["boiler"] = True
    house.run(20)
    assert house.view().override
    # A person says the contrary before the first hand has ended.
    house.hand("boiler", OFF)
    assert house.step() == [("boiler", OFF, Reason.OVERRIDE_OFF)]


def test_a_bounce_is_nobodys_hand() -> None:
    house = House(load())
    house.run(10)
    house.on["boiler"] = True
    house.run(4)
    house.on["boiler"] = False
    house.run(20)
    assert house.view().override is None
    assert house.commands == []


def test_a_persons_on_needs_neither_sun_nor_permission_nor_a_rest() -> None:
    house = House(load(windows=((time(3), time(4)),), min_off_s=600.0))
    house.run(4)
    house.hand("boiler", ON)
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]
    house.run(30)
    assert house.view().detail == {"remaining_s": pytest.approx(7170.0)}
    house.hand("boiler", None)
    assert house.step() == [("boiler", OFF, Reason.WINDOW)]
    assert house.view().reason is Reason.WINDOW


def test_a_hand_waits_for_no_other_load() -> None:
    house = House(load(), load("pump", 1000.0, 2), load("heater", 500.0, 3))
    house.run(4)
    house.hand("boiler", ON)
    house.hand("pump", ON)
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON), ("pump", ON, Reason.OVERRIDE_ON)]
    house.hand("heater", ON)
    assert house.tick() == [("heater", ON, Reason.OVERRIDE_ON)]


@pytest.mark.parametrize(
    ("site", "reason"),
    [
        # (300 W and 2000 W) / 230 V = 10 A; the other 2000 W would make it 18.7 A, of 15 A less 1 A.
        (Site(fuse_a=15.0), Reason.FUSE_HEADROOM),
        # 2500 W for a quarter are 625 Wh, of 250 Wh.
        (Site(target_w=1000.0), Reason.DEMAND_HEADROOM),
    ],
)
def test_a_hand_has_room_beside_what_the_meter_does_not_show_yet(site: Site, reason: Reason) -> None:
    house = House(load(), load("pump", 2000.0, 2), site=site)
    house.run(4)
    house.hand("boiler", ON)
    house.hand("pump", ON)
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]
    assert house.view("pump").reason is reason
    assert house.run(10) == []
    assert house.view("pump").reason is reason


def test_what_a_person_wants_is_told_again_whatever_else_is_started() -> None:
    house = House(load(), load("pump", 1000.0, 2))
    house.deaf.add("boiler")
    house.run(4)
    house.hand("boiler", ON)
    house.run(4)
    house.hand("pump", ON)
    assert house.step() == [("pump", ON, Reason.OVERRIDE_ON)]
    # 5 s after the first time.
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]


def test_between_two_telegrams_a_hand_acts_at_once() -> None:
    house = House(load(), load("pump", 1000.0, 2), site=Site(period_s=10.0, stale_s=35.0))
    for _ in range(6):
        house.step()
        house.silence(9)
    house.step()
    house.hand("boiler", ON)
    assert house.tick() == [("boiler", ON, Reason.OVERRIDE_ON)]
    house.hand("boiler", OFF)
    assert house.tick() == [("boiler", OFF, Reason.OVERRIDE_OFF)]
    # No start once two telegrams are missing; off is always possible.
    assert house.silence(20) == []
    house.hand("pump", ON)
    assert house.tick() == []
    house.step()
    assert house.view("pump").on


def test_a_hand_on_a_load_at_fault_is_tried_at_once() -> None:
    house = House(load())
    house.deaf.add("boiler")
    house.run(4)
    house.hand("boiler", ON)
    house.run(60)
    assert house.view().activity is Activity.FAULT
    # The plug is mended, and its owner presses the switch.
    house.deaf.clear()
    house.hand("boiler", ON)
    assert house.tick() == [("boiler", ON, Reason.OVERRIDE_ON)]
    house.run(10)
    view = house.view()
    assert (view.on, view.activity, view.starts) == (True, Activity.ACTIVE, 1)


def test_a_hand_on_a_load_that_did_not_go_off_is_what_counts() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.deaf.add("boiler")
    house.hand("boiler", OFF)
    house.run(60)
    assert house.view().activity is Activity.FAULT
    # On is what it is: there is nothing to do, and nothing is repeated any more.
    house.hand("boiler", ON)
    assert house.run(400) == []
    assert (house.view().on, house.view().activity) == (True, Activity.ACTIVE)
    # And off is tried at once.
    house.hand("boiler", OFF)
    house.run(60)
    assert house.view().activity is Activity.FAULT
    house.deaf.clear()
    house.hand("boiler", OFF)
    assert house.step() == [("boiler", OFF, Reason.OVERRIDE_OFF)]


def test_a_hand_on_a_load_that_is_away_waits_for_it() -> None:
    house = House(load())
    house.deaf.add("boiler")
    house.run(4)
    house.hand("boiler", ON)
    house.run(60)
    house.on["boiler"] = None
    house.run(5)
    house.hand("boiler", ON)
    assert house.run(5) == []
    house.deaf.clear()
    house.on["boiler"] = False
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]


def test_a_person_who_is_quicker_than_the_next_telegram_is_not_taken_for_a_load_that_does_not_obey() -> None:
    house = House(load(), house_w=-3000.0)
    house.until_switched()
    house.controller.seen("boiler", on=True)
    house.on["boiler"] = False
    house.controller.seen("boiler", on=False)
    # latency 2 s and three telegrams, and it is not told again.
    assert house.run(7) == []
    assert house.view().override is False
    assert house.run(7000) == []


def test_an_output_that_says_again_and_again_that_it_is_off_is_told_as_often_as_any_other() -> None:
    house = House(load(), house_w=-3000.0)
    house.deaf.add("boiler")
    house.until_switched()
    told = []
    for second in range(1, 61):
        told += [second for command in house.step() if command == ("boiler", ON, Reason.SUN)]
        house.controller.seen("boiler", on=False)
    # Not confirmed after latency + 3 telegrams; then 30 s after the first time.
    assert told == [5, 30]
    assert house.view().reason is Reason.FAULT


def test_what_an_output_says_before_anything_was_decided_or_while_nothing_is_known_is_left_to_the_telegrams() -> None:
    house = House(load(), house_w=-3000.0)
    house.controller.seen("boiler", on=True)
    assert house.until_switched()[1] == [("boiler", ON, Reason.SUN)]
    house.run(10)
    house.deaf.add("boiler")
    house.silence(30)
    assert house.view().reason is Reason.STALE
    house.controller.seen("boiler", on=False)
    house.on["boiler"] = False
    house.run(4)
    assert not house.view().on
