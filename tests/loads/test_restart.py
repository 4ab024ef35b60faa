"""What a restart keeps and takes as it finds it; and that a reason is always given."""

import json

import pytest

from p1meter.loads import Activity, Controller, LoadSettings, Mode, Reason, Site
from tests.loads.house import House, load
from tests.loads.plant import NOON, Appliance, Plant
from tests.loads.sunny import BOILER, HOUR, QUICK, brief, by_hand, sunny


def test_a_reason_is_always_given() -> None:
    controller = Controller([BOILER], Site())
    assert set(controller.reasons) == {"boiler"}
    assert controller.reasons["boiler"] is Reason.STARTING_UP
    assert controller.view("boiler").on is None
    assert controller.site_view().mode is Mode.WAITING
    assert controller.tick(5.0, NOON) == []


# A restart


def test_a_restart_changes_nothing_and_waits_for_three_telegrams() -> None:
    plant = sunny(QUICK)
    plant.restart(lost_s=20)
    assert plant.run(3) == []
    assert plant.reason("boiler") is Reason.STARTING_UP
    assert plant.run(600) == []
    assert plant.on("boiler")


def test_a_restart_without_a_meter_ends_in_the_safe_state() -> None:
    plant = sunny()
    plant.lost = lambda _: True
    plant.restart(lost_s=5)
    switches = plant.run(120)
    assert brief(switches) == [("boiler", False, Reason.STALE)]
    # It is given 30 s to come.
    assert 29 <= switches[0].at - 305 <= 32


def test_a_restart_takes_what_it_finds() -> None:
    # Somebody switched it on while nobody looked: no hand, the sun decides.
    plant = Plant([Appliance(BOILER)], house=300.0)
    plant.run(60)
    plant.by_hand("boiler", on=True)
    plant.restart(lost_s=20)
    plant.run(10)
    assert plant.controller.view("boiler").override is None
    assert plant.controller.view("boiler").on is True
    plant.run(300)
    assert not plant.on("boiler")


def test_what_a_restart_finds_on_has_not_been_switched_just_now() -> None:
    house = House(load())
    house.on["boiler"] = True
    house.step()
    # The house's 300 W and the boiler's 2000 W come from the grid: without the boiler 300 W are missing.
    assert house.controller.site_view().surplus_w == -300.0


def test_what_is_kept_of_a_load_that_nobody_has_seen_yet_is_json_for_everybody() -> None:
    # RFC 8259 §6: "Numeric values that cannot be represented in the grammar (such as Infinity and NaN) are not
    # permitted."
    house = House(load())
    house.on["boiler"] = None
    house.run(5)
    json.dumps(house.controller.state, allow_nan=False)


def test_a_restart_keeps_the_day_the_hand_and_what_was_learned() -> None:
    load = LoadSettings("boiler", 2000.0, 1, max_starts_per_day=9)
    plant = Plant([Appliance(load, draws_w=1800.0)], house=(-5000.0, 0.0, 0.0))
    plant.run(600)
    by_hand(plant, on=False, seconds=600)
    plant.run(60)
    by_hand(plant, on=True, seconds=900)
    plant.run(60)
    before = plant.controller.view("boiler")
    assert before.starts == 2
    assert before.learned_w == pytest.approx(1800, abs=10)
    plant.restart(lost_s=30)
    plant.run(10)
    after = plant.controller.view("boiler")
    assert (after.starts, after.learned_w, after.phases) == (before.starts, before.learned_w, before.phases)
    assert (after.override, after.override_until) == (before.override, before.override_until)
    assert 0 <= after.run_s - before.run_s <= 11
    assert after.activity is Activity.ACTIVE


def test_a_minimum_time_goes_on_through_a_restart() -> None:
    load = LoadSettings("boiler", 2000.0, 1, min_on_s=900.0, stop_cost_wh=0.0)
    plant = Plant([Appliance(load)], house=-2500.0)
    started = plant.run_until_switched(300)
    assert started is not None
    plant.run(100)
    plant.house = 300.0
    plant.restart(lost_s=30)
    stopped = plant.run_until_switched(HOUR)
    assert stopped is not None
    assert stopped.at - started.at == pytest.approx(900, abs=3)


def test_a_state_that_is_played_again_commands_nothing() -> None:
    plant = sunny()
    plant.run(300)
    kept = json.loads(json.dumps(plant.controller.state))
    assert Controller([BOILER], Site(), kept).state == kept
    for _ in range(3):
        plant.restart(state=kept)
        assert plant.run(120) == []


def test_a_kept_state_of_loads_that_are_gone_and_without_those_that_are_new_is_no_trouble() -> None:
    plant = sunny()
    kept = json.loads(json.dumps(plant.controller.state))
    other = LoadSettings("pump", 500.0, 2)
    controller = Controller([other], Site(), kept)
    assert set(controller.reasons) == {"pump"}
    assert set(json.loads(json.dumps(controller.state)).keys()) == set(kept)


# Settings that change while it runs


def test_new_settings_forget_nothing() -> None:
    plant = sunny()
    plant.run(300)
    before = plant.controller.view("boiler")
    plant.controller.loads = (LoadSettings("boiler", 2100.0, 2, min_on_s=900.0, phases=(1,)),)
    plant.run(1)
    after = plant.controller.view("boiler")
    assert plant.on("boiler")
    assert (after.starts, after.learned_w) == (before.starts, before.learned_w)
    assert plant.run(600) == []
