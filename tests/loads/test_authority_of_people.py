"""Who decides over the sun: permissions, a person's hand, a deadline, and whoever switches all control off."""

from datetime import time, timedelta

import pytest

from p1meter.loads import FOREVER, LoadSettings, Mode, Reason, Site
from tests.loads.plant import NOON, Appliance, Plant
from tests.loads.sunny import BOILER, HOUR, MUST, WINTER, brief, by_hand, l1, sunny

# 3: permissions

ONLY_AT_NIGHT = {"windows": ((time(22), time(6)),)}


@pytest.mark.parametrize(
    ("settings", "given", "reason"),
    [
        ({"tariffs": frozenset({2})}, {"tariff": 1}, Reason.TARIFF),
        ({"max_price": 0.20}, {"price_buy": 0.25}, Reason.PRICE),
        (ONLY_AT_NIGHT, {}, Reason.WINDOW),
        ({"max_run_s": 0.0}, {}, Reason.MAX_RUN),
        ({"max_starts_per_day": 0}, {}, Reason.MAX_STARTS),
    ],
)
def test_what_may_not_start_does_not_and_says_why(
    settings: dict[str, object], given: dict[str, object], reason: Reason
) -> None:
    load = LoadSettings("boiler", 2000.0, 1, **settings)  # type: ignore[arg-type] # a table of settings
    plant = Plant([Appliance(load)], house=-2500.0, **given)  # type: ignore[arg-type] # likewise
    assert plant.run(HOUR) == []
    assert plant.reason("boiler") is reason
    # A person's hand passes all of them, and nothing but the hand ends it.
    by_hand(plant, on=True, seconds=600)
    assert brief(plant.run(1)) == [("boiler", True, Reason.OVERRIDE_ON)]
    assert plant.run(595) == []
    plant.run(60)
    # Enough starts are no reason to end a run that is there.
    assert plant.on("boiler") is (reason is Reason.MAX_STARTS)


def test_a_permission_that_is_taken_away_ends_a_run_after_its_minimum_time() -> None:
    load = LoadSettings("boiler", 2000.0, 1, min_on_s=300.0)
    plant = Plant([Appliance(load)], house=-2500.0)
    started = plant.run_until_switched(300)
    assert started is not None
    plant.loads["boiler"].allowed = lambda _: False
    stopped = plant.run_until_switched(HOUR)
    assert stopped is not None
    assert stopped[1:4] == ("boiler", False, Reason.NOT_ALLOWED)
    assert stopped.at - started.at == pytest.approx(300, abs=1)


def test_a_window_may_pass_midnight() -> None:
    night = LoadSettings("boiler", 2000.0, 1, windows=((time(22), time(0, 30)),))
    plant = Plant([Appliance(night)], house=-2500.0, start=NOON.replace(hour=21, minute=30))
    plant.run(1800)
    assert plant.switches == []
    plant.run(300)
    assert plant.on("boiler")
    plant.until(0, 29)
    assert plant.on("boiler")
    plant.run(120)
    assert not plant.on("boiler")
    assert plant.reason("boiler") is Reason.WINDOW


def test_starts_in_an_hour_are_limited() -> None:
    load = LoadSettings("boiler", 2000.0, 1, start_cost_wh=1.0, stop_cost_wh=1.0, max_starts_per_hour=3)
    plant = Plant([Appliance(load)], house=lambda at: -3000.0 if at // 150 % 2 else 0.0)
    plant.run(HOUR)
    assert sum(on for _, on in plant.of("boiler")) == 3
    plant.run(HOUR)
    starts = [at for at, on in plant.of("boiler") if on]
    assert all(later - earlier >= HOUR for earlier, later in zip(starts, starts[3:], strict=False))
    assert len(starts) == 6


def test_a_limit_of_starts_does_not_end_the_run_that_reached_it() -> None:
    load = LoadSettings("boiler", 2000.0, 1, max_starts_per_day=1, max_starts_per_hour=1)
    plant = Plant([Appliance(load)], house=-2500.0)
    plant.run(HOUR)
    assert brief(plant.switches) == [("boiler", True, Reason.SUN)]


# 4: a person's hand


def test_a_hand_at_the_output_is_respected_for_its_time() -> None:
    plant = sunny(LoadSettings("boiler", 2000.0, 1, override_s=1800.0))
    plant.by_hand("boiler", on=False)
    flipped = plant.at
    assert plant.run(1795) == []
    assert plant.reason("boiler") is Reason.OVERRIDE_OFF
    view = plant.controller.view("boiler")
    assert view.override is False
    assert view.override_until is not None
    # It is seen after latency + 3 telegrams.
    begun = (view.override_until - plant.start).total_seconds() - 1800
    assert 4 <= begun - flipped <= 7
    plant.run(120)
    assert plant.on("boiler")


def test_a_hand_that_flips_back_is_over() -> None:
    plant = sunny()
    plant.by_hand("boiler", on=False)
    plant.run(600)
    plant.by_hand("boiler", on=True)
    plant.run(60)
    assert plant.controller.view("boiler").override is None
    assert plant.on("boiler")


def test_a_hand_is_over_when_it_is_cancelled() -> None:
    plant = sunny()
    by_hand(plant, on=False)
    assert brief(plant.run(1)) == [("boiler", False, Reason.OVERRIDE_OFF)]
    plant.run(600)
    by_hand(plant, on=None)
    plant.run(120)
    assert plant.on("boiler")
    assert plant.controller.view("boiler").override is None
    assert plant.reason("boiler") in {Reason.SUN, Reason.SETTLING}


def test_a_hand_passes_minimum_times() -> None:
    plant = Plant([Appliance(LoadSettings("boiler", 2000.0, 1, min_on_s=HOUR, min_off_s=HOUR))], house=300.0)
    plant.run(5)
    for on in (True, False, True):
        by_hand(plant, on=on)
        assert [switch.on for switch in plant.run(20)] == [on]


def test_a_hand_acts_between_two_telegrams() -> None:
    plant = Plant([Appliance(BOILER)], house=300.0, period=10, site=Site(period_s=10.0, stale_s=35.0))
    plant.run(53)
    by_hand(plant, on=True)
    assert brief(plant.run(1)) == [("boiler", True, Reason.OVERRIDE_ON)]


def test_a_run_by_hand_counts() -> None:
    plant = Plant([Appliance(BOILER)], house=300.0)
    plant.run(5)
    by_hand(plant, on=True, seconds=1800)
    plant.run(HOUR)
    view = plant.controller.view("boiler")
    # And the 55 s after it, in which the sun that is not there loses 20 Wh.
    assert view.run_s == pytest.approx(1855, abs=15)
    assert view.starts == 1
    # Nothing of it was sun.
    assert view.grid_wh == pytest.approx(1855 / 3600 * 2000, rel=0.02)
    assert view.sun_wh == 0.0


def test_off_by_hand_holds_against_a_deadline() -> None:
    plant = Plant([Appliance(MUST)], house=300.0, start=WINTER)
    plant.run(5)
    plant.controller.override("boiler", on=False, until=FOREVER)
    plant.run(4 * HOUR)
    assert plant.loads["boiler"].ran_s <= 5


def test_silence_ends_a_hand_that_had_an_end() -> None:
    plant = Plant([Appliance(BOILER)], house=300.0)
    plant.run(5)
    by_hand(plant, on=True)
    plant.run(60)
    back = plant.at + 60
    plant.lost = lambda at: at < back
    assert brief(plant.run(60)) == [("boiler", False, Reason.STALE)]
    assert plant.run(600) == []
    assert plant.controller.view("boiler").override is None


def test_a_hand_without_an_end_comes_back_after_silence() -> None:
    plant = Plant([Appliance(BOILER)], house=300.0)
    plant.run(5)
    plant.controller.override("boiler", on=True, until=FOREVER)
    plant.run(60)
    back = plant.at + 60
    plant.lost = lambda at: at < back
    plant.run(60)
    assert not plant.on("boiler")
    plant.run(30)
    assert plant.on("boiler")
    assert plant.controller.view("boiler").override_until == FOREVER


@pytest.mark.parametrize("ends", [True, False])
def test_the_fuse_ends_a_hand_or_pauses_it(ends: bool) -> None:  # noqa: FBT001 (a column)
    protected = LoadSettings("boiler", 2000.0, 1, phases=(1,), override_protected=True)
    plant = Plant([Appliance(protected)], house=300.0, site=Site(fuse_a=25.0))
    plant.run(5)
    plant.controller.override("boiler", on=True, until=plant.wall() + timedelta(hours=2) if ends else FOREVER)
    plant.run(60)
    plant.house = l1(20.0)
    assert brief(plant.run(1)) == [("boiler", False, Reason.FUSE)]
    plant.house = (300.0, 0.0, 0.0)
    assert plant.run(295) == []
    plant.run(60)
    assert plant.on("boiler") is not ends
    assert plant.controller.view("boiler").override is (None if ends else True)


@pytest.mark.parametrize("protected", [True, False])
def test_the_demand_limit_ends_a_hand_that_is_not_protected(protected: bool) -> None:  # noqa: FBT001 (a column)
    load = LoadSettings("boiler", 2000.0, 1, phases=(1,), override_protected=protected)
    plant = Plant([Appliance(load)], house=300.0, site=Site(target_w=2500.0), start=WINTER)
    plant.run(5)
    by_hand(plant, on=True, seconds=2 * HOUR)
    plant.run(60)
    plant.house = 4000.0
    plant.run(835)
    assert plant.on("boiler") is protected
    assert plant.controller.view("boiler").override is (True if protected else None)


# 5: a minimum run by a deadline


def test_a_minimum_is_met_by_its_deadline_and_not_exceeded() -> None:
    plant = Plant([Appliance(MUST)], house=300.0, start=WINTER.replace(hour=16))
    plant.until(21, 0)
    switches = plant.switches
    assert brief(switches) == [("boiler", True, Reason.DEADLINE), ("boiler", False, switches[1].reason)]
    # And the 55 s after it, in which the sun that is not there loses 20 Wh.
    assert plant.loads["boiler"].ran_s == pytest.approx(3 * HOUR + 55, abs=15)
    # Nothing limits the demand: 3 h x 1.15 + 15 min before 21:00 is 17:18, to a minute.
    assert switches[0].at == pytest.approx(HOUR + 18 * 60, abs=61)
    plant.run(HOUR)
    assert len(plant.switches) == 2


def test_a_minimum_is_run_where_it_is_permitted() -> None:
    night = LoadSettings(
        "boiler",
        2000.0,
        1,
        phases=(1,),
        min_run_s=HOUR,
        deadline=time(6),
        day_start=time(12),
        windows=((time(22), time(23, 30)),),
    )
    plant = Plant([Appliance(night)], house=300.0, start=WINTER)
    plant.run(7 * HOUR)
    assert plant.loads["boiler"].ran_s == pytest.approx(HOUR + 55, abs=15)


# 6: sun; and what is not decided at all


def test_all_load_control_can_be_switched_off() -> None:
    plant = sunny()
    plant.controller.enabled = False
    plant.house = 300.0
    assert plant.run(HOUR) == []
    assert plant.on("boiler")
    assert plant.reason("boiler") is Reason.CONTROL_OFF
    assert plant.controller.site_view().mode is Mode.OFF
    plant.lost = lambda at: at < 2 * HOUR + 300
    assert plant.run(HOUR) == []
    plant.run(60)
    plant.controller.enabled = True
    plant.run(120)
    # What is found is taken as it is: no hand, and the sun decides.
    assert plant.controller.view("boiler").override is None
    assert not plant.on("boiler")
