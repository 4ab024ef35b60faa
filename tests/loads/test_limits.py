"""The fuse and the demand window: what is shed, locked, told, and kept over a restart."""

from datetime import time

import pytest

from p1meter.loads import Alarm, LoadSettings, Mode, Reason, Site
from tests.loads.house import NOON, OFF, ON, House, load


def test_the_fuse_sheds_locks_and_lets_start_again() -> None:
    house = House(load(), house_w=-2000.0, site=Site(fuse_a=16.0))
    house.run(20)
    house.house_w = 2300.0
    assert house.step() == [("boiler", OFF, Reason.FUSE)]
    house.house_w = -2000.0
    house.run(100)
    view = house.view()
    assert view.reason is Reason.FUSE
    assert view.detail["phase"] == 1
    assert view.detail["current_a"] == pytest.approx(4300 / 230)
    assert view.detail["remaining_s"] == 200.0
    assert house.controller.site_view().mode is Mode.PROTECTING
    assert house.until_switched() == (200, [("boiler", ON, Reason.SUN)])


@pytest.mark.parametrize("period_s", [1.0, 10.0])
def test_what_a_person_has_just_switched_on_at_the_wall_is_the_first_to_go_if_it_matters_least(
    period_s: float,
) -> None:
    site = Site(period_s=period_s, stale_s=max(10.0, 3.5 * period_s), fuse_a=25.0)
    house = House(load(power_w=3000.0, rank=2), load("pump", 1000.0), house_w=2400.0, site=site)
    house.run(5)
    house.hand("pump", ON)
    house.run(60)
    assert house.on == {"boiler": False, "pump": True}
    # 3400 W and 3000 W: 27.8 A, with the first telegram that says so.
    house.on["boiler"] = True
    assert house.step() == [("boiler", OFF, Reason.FUSE)]
    # With its two hours it would come back where there is room; a hand that has an end is ended by the fuse.
    assert (house.view().override, house.view().starts) == (None, 1)
    assert house.run(120) == []
    assert house.on == {"boiler": False, "pump": True}


def test_what_a_person_has_just_switched_on_at_the_wall_is_no_reason_for_an_alarm() -> None:
    house = House(load(power_w=3000.0), house_w=3600.0, site=Site(fuse_a=25.0))
    house.run(60)
    # 6600 W: 28.7 A.
    house.on["boiler"] = True
    assert house.step() == [("boiler", OFF, Reason.FUSE)]
    assert house.controller.site_view().alarms == frozenset()


def test_what_a_person_has_just_switched_off_at_the_wall_is_not_shed_in_anothers_place() -> None:
    house = House(load(rank=2), load("pump", 1000.0), house_w=300.0, site=Site(fuse_a=25.0))
    house.run(5)
    for name in house.on:
        house.hand(name, ON)
    house.run(60)
    assert house.on == {"boiler": True, "pump": True}
    house.on["boiler"] = False
    house.house_w = 4900.0
    # 5900 W without the boiler: 25.7 A.
    assert house.step() == [("pump", OFF, Reason.FUSE)]
    assert house.run(60) == []
    assert house.controller.site_view().alarms == frozenset()
    assert house.view().override is None


@pytest.mark.parametrize("at_the_wall", [False, True])
def test_where_the_load_that_was_shed_did_not_draw_yet_the_next_one_goes_and_nobody_gives_up(
    *, at_the_wall: bool
) -> None:
    charger = load("charger", 2300.0, 2, latency_s=15.0, ramp_s=10.0)
    house = House(load(), charger, site=Site(fuse_a=25.0))
    house.run(5)
    house.hand("boiler", ON)
    house.run(60)
    house.cold["charger"] = 0.0
    if at_the_wall:
        house.on["charger"] = True
    else:
        house.hand("charger", ON)
        house.run(3)
    # An oven and a kettle: with the boiler's 2000 W 27.8 A. The charger begins to draw 15 s after it was switched on.
    house.house_w = 4400.0
    assert house.step() == [("charger", OFF, Reason.FUSE)]
    # Its latency, and two telegrams.
    assert house.until_switched() == (17, [("boiler", OFF, Reason.FUSE)])
    house.run(60)
    assert house.controller.site_view().alarms == frozenset()


def test_a_plug_that_says_once_more_that_it_is_on_does_not_end_the_shedding() -> None:
    house = House(load(), load("pump", 1000.0, 2), site=Site(fuse_a=25.0))
    house.run(5)
    for name in house.on:
        house.hand(name, ON)
    house.run(60)
    # 6900 W: 30 A. Without the pump 25.7 A: the boiler has to go as well.
    house.house_w = 3900.0
    assert house.step() == [("pump", OFF, Reason.FUSE)]
    house.run(2)
    # What is polled is late: it says on, and is off. As it could be a hand, it is told again.
    house.on["pump"] = True
    house.cold["pump"] = 0.0
    assert house.run(2) == [("pump", OFF, Reason.FUSE)]
    # Latency 2 s, and two telegrams.
    assert house.until_switched() == (4, [("boiler", OFF, Reason.FUSE)])
    assert house.view("pump").override is None


def test_a_hand_that_the_fuse_could_not_wait_for_is_undone_as_any_other() -> None:
    house = House(load(), load("pump", 1000.0, 2), house_w=300.0, site=Site(fuse_a=25.0))
    house.run(5)
    house.hand("pump", ON)
    house.run(60)
    # 2800 W, 1000 W and 2000 W: 25.2 A. The pump matters less.
    house.house_w = 2800.0
    house.on["boiler"] = True
    assert house.step() == [("pump", OFF, Reason.FUSE)]
    assert house.view().override is True
    house.on["boiler"] = False
    assert house.run(10) == []
    assert house.view().override is None


def test_a_lock_outlives_a_restart() -> None:
    house = House(load(), house_w=-2000.0, site=Site(fuse_a=16.0))
    house.run(20)
    house.house_w = 2300.0
    house.run(1)
    house.house_w = -2000.0
    kept = house.controller.state
    house.restart()
    assert house.controller.state == kept
    house.now = 5.0
    assert house.run(290) == []
    assert house.view().reason is Reason.FUSE
    # Without a fuse there is nothing to compare with any more.
    house.controller.site = Site()
    assert "fuse_a" not in house.view().detail
    assert house.run(20) == [("boiler", ON, Reason.SUN)]


def test_alarms_say_what_no_shedding_helps_against() -> None:
    house = House(load(), house_w=-9000.0, site=Site(fuse_a=16.0))
    house.run(20)
    assert house.controller.site_view().alarms == {Alarm.FUSE_EXPORT}
    assert house.on["boiler"]
    house = House(load(), house_w=9000.0, site=Site(fuse_a=16.0))
    house.run(20)
    assert house.controller.site_view().alarms == {Alarm.FUSE_HELPLESS}
    house = House(load(), house_w=9000.0, site=Site(target_w=2500.0))
    house.run(70)
    assert house.controller.site_view().alarms == {Alarm.DEMAND_HELPLESS}


def test_a_load_that_must_run_uses_what_the_window_has_left() -> None:
    # 600 W of 2000 W that are 1940: at the window's start, 600 + 2000 + 200 are too much.
    due = load(min_run_s=36_000.0, deadline=time(23))
    house = House(due, house_w=600.0, site=Site(target_w=2500.0), start=NOON.replace(hour=18, minute=0, second=0))
    at, commands = house.until_switched()
    assert commands == [("boiler", ON, Reason.DEADLINE)]
    # E + 2800 (900 - t) / 3600 <= 606.25 with E = 600 t / 3600: t = 93.75 / (2200 / 3600) = 153.4 s.
    assert at == pytest.approx(154, abs=2)
    waits = 900 - at
    assert house.run(waits - 1) == []
    # At the boundary: (2600 + 200) x 0.25 = 700 > 606.25.
    assert house.until_switched(4)[1] == [("boiler", OFF, Reason.DEMAND)]
    house.run(30)
    assert house.view().reason is Reason.DEMAND_HEADROOM
    assert house.view().detail["target_w"] == 2500.0
    assert house.view().detail["remaining_s"] == pytest.approx(123, abs=3)


def test_a_load_is_shed_at_the_last_moment_and_locked_until_the_boundary() -> None:
    due = load(min_run_s=36_000.0, deadline=time(23))
    house = House(due, house_w=100.0, site=Site(target_w=2500.0), start=NOON.replace(hour=18, minute=0, second=10))
    assert house.until_switched()[1] == [("boiler", ON, Reason.DEADLINE)]
    house.run(200)
    house.house_w = 2300.0
    at, commands = house.until_switched()
    assert commands == [("boiler", OFF, Reason.DEMAND)]
    house.house_w = 100.0
    house.run(10)
    view = house.view()
    assert view.reason is Reason.DEMAND
    assert view.detail["remaining_s"] == pytest.approx(900 - (house.at - 1) % 900)
    assert house.controller.site_view().mode is Mode.PROTECTING
    assert at > 1


def test_of_an_hour_a_load_is_locked_for_a_quarter() -> None:
    due = load(min_run_s=36_000.0, deadline=time(23))
    site = Site(target_w=2500.0, window_s=3600.0)
    house = House(due, house_w=100.0, site=site, start=NOON.replace(hour=18, minute=0, second=10))
    house.until_switched()
    house.run(200)
    house.house_w = 2800.0
    assert house.until_switched()[1] == [("boiler", OFF, Reason.DEMAND)]
    house.run(1)
    assert house.view().detail["remaining_s"] == 899.0
    # What was said at that moment is the lock as well, not the rest of the hour.
    assert house.commands[-1][1].detail == {"target_w": 2500.0, "remaining_s": 900.0}


def test_a_persons_on_goes_on_until_the_last_moment() -> None:
    house = House(load(), house_w=600.0, site=Site(target_w=2500.0), start=NOON.replace(hour=18, minute=0, second=10))
    house.run(4)
    house.hand("boiler", ON)
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]
    # 2600 W are more than 2425 W. E + (600 + 200) rem / 3600 + 2600 x 12 / 3600 > 606.25; E = 2600 t / 3600 but for the
    # first 15 s of 600 W: (2600 - 800) t / 3600 > 606.25 - 200 - 8.7 + 8.3: t = 812 s.
    at, commands = house.until_switched()
    assert commands == [("boiler", OFF, Reason.DEMAND)]
    assert at + 15 == pytest.approx(812, abs=4)
    assert house.view().override is None


def test_a_protected_on_and_one_for_good() -> None:
    site = Site(target_w=2500.0)
    start = NOON.replace(hour=18, minute=0, second=10)
    house = House(load(override_protected=True), house_w=3000.0, site=site, start=start)
    house.run(4)
    house.hand("boiler", ON)
    assert house.run(3000) == [("boiler", ON, Reason.OVERRIDE_ON)]
    house = House(load(), house_w=600.0, site=site, start=start)
    house.run(4)
    house.hand("boiler", ON, hours=None)
    house.run(850)
    assert not house.view().on
    assert house.view().override
    # It comes back when the next window begins.
    assert house.run(100) == [("boiler", ON, Reason.OVERRIDE_ON)]
    # Where there is no room at all, it says so.
    house.house_w = 3000.0
    house.run(900)
    house.run(100)
    assert house.view().reason in {Reason.DEMAND_HEADROOM, Reason.DEMAND}


def test_at_the_boundary_no_more_is_shed_than_is_needed() -> None:
    dues = (load(min_run_s=36_000.0, deadline=time(23)), load("pump", 1000.0, 2, min_run_s=36_000.0, deadline=time(23)))
    house = House(*dues, house_w=100.0, site=Site(target_w=2500.0), start=NOON.replace(hour=18, minute=0, second=10))
    house.run(889)
    assert house.on == {"boiler": True, "pump": True}
    # (3100 + 200) x 0.25 = 825 > 606.25; without the pump (2100 + 200) x 0.25 = 575.
    assert house.run(5) == [("pump", OFF, Reason.DEMAND)]
    # The house takes 500 W: without the pump (2500 + 200) x 0.25 = 675, so that the boiler has to go; without the
    # boiler (1500 + 200) x 0.25 = 425, so that the pump may stay.
    house.run(886)
    assert house.on == {"boiler": True, "pump": True}
    house.house_w = 500.0
    assert house.run(11) == [("boiler", OFF, Reason.DEMAND)]


def test_a_window_lock_outlives_a_restart_and_its_target() -> None:
    due = load(min_run_s=36_000.0, deadline=time(23))
    house = House(due, house_w=100.0, site=Site(target_w=2500.0), start=NOON.replace(hour=18, minute=0, second=10))
    house.until_switched()
    house.run(200)
    house.house_w = 2300.0
    house.until_switched()
    house.restart(Site())
    assert house.run(20) == []
    assert house.view().reason is Reason.DEMAND
    assert house.view().detail == {"remaining_s": pytest.approx(900 - (house.at - 1) % 900)}


def test_what_a_new_window_has_no_room_for_says_when_it_comes_back() -> None:
    due = load(min_run_s=36_000.0, deadline=time(23))
    house = House(due, house_w=600.0, site=Site(target_w=2500.0), start=NOON.replace(hour=18, minute=0, second=0))
    house.until_switched()
    while house.on["boiler"]:
        house.step()
    shed_at, command = house.commands[-1]
    assert (command.on, command.reason) == (OFF, Reason.DEMAND)
    # 600 W and 200 W of reserve for the whole quarter, and 2000 W for as long as 606.25 Wh allow: 153.4 s later.
    assert command.detail == {"target_w": 2500.0, "remaining_s": pytest.approx(153.4, abs=5)}
    assert command.detail["remaining_s"] == pytest.approx(house.until_switched()[0], abs=5)
    assert house.commands[-1][0] > shed_at


def test_of_two_that_are_shed_at_once_each_says_when_there_is_room_for_it_alone() -> None:
    dues = (load(min_run_s=36_000.0, deadline=time(23)), load("pump", 1900.0, 2, min_run_s=36_000.0, deadline=time(23)))
    house = House(*dues, house_w=100.0, site=Site(target_w=3200.0), start=NOON.replace(hour=18, minute=0, second=10))
    house.run(870)
    assert house.on == {"boiler": True, "pump": True}
    house.house_w = 1500.0
    assert house.until_switched(25)[1] == [("boiler", OFF, Reason.DEMAND), ("pump", OFF, Reason.DEMAND)]
    # 20 s after the house rose by 1400 W, 65 % of that are in its mean: 1011 W. 3200 W x 0.97 for a quarter are 776 Wh:
    # (1011 + 200 + 2000) x 0.25 = 802.8 Wh are 26.8 Wh too much, which 2200 W take in 44 s; for the pump 777.8 Wh.
    waits = [command.detail["remaining_s"] for _, command in house.commands[-2:]]
    assert waits == [pytest.approx(44, abs=2), pytest.approx(3, abs=2)]
    assert house.until_switched(6)[1] == [("pump", ON, Reason.DEADLINE)]


@pytest.mark.parametrize(
    ("settings", "known", "end"),
    [
        (load(max_price=0.20), {"price_buy": 0.19}, {"price_buy": 0.21}),
        (load(tariffs=frozenset({2})), {"tariff": 2}, {"tariff": 1}),
    ],
    ids=["price", "tariff"],
)
def test_what_nobody_knows_starts_nothing_and_ends_nothing(
    settings: LoadSettings, known: dict[str, float], end: dict[str, float]
) -> None:
    house = House(settings, house_w=-3000.0)
    assert house.run(60) == []
    reason = house.view().reason
    assert reason in {Reason.PRICE, Reason.TARIFF}
    house.more = dict(known)
    assert house.until_switched()[1] == [("boiler", ON, Reason.SUN)]
    house.more = {}
    assert house.run(120) == []
    house.more = dict(end)
    assert house.until_switched()[1] == [("boiler", OFF, reason)]
