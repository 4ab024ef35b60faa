"""Every worked example of the control law's document, with its numbers.

The boiler has 2000 W, the break-even share 0.65 and 5 Wh for a start and a stop, unless said otherwise. A decision
falls on a telegram, so that every time holds to one telegram.
"""

from datetime import datetime, time

import pytest

from p1meter.loads import FOREVER, Command, LoadSettings, Reason, Site
from tests.loads.plant import ZONE, Appliance, Plant

SETTLED = 120
"""A minute of minimum on time, and more than latency, ramp and learning."""


def boiler(*, cost_wh: float = 5.0, rank: int = 1, phases: tuple[int, ...] | None = None) -> LoadSettings:
    return LoadSettings("boiler", 2000.0, rank, start_cost_wh=cost_wh, stop_cost_wh=cost_wh, phases=phases)


def started(appliance: Appliance, surplus_w: float) -> Plant:
    """A plant whose only load has been on long enough to be judged by what it draws."""
    plant = Plant([appliance], house=-surplus_w)
    switch = plant.run_until_switched(600)
    assert switch is not None
    assert switch.on
    plant.run(SETTLED)
    return plant


# a


@pytest.mark.parametrize(
    ("surplus_w", "expected_s"),
    [
        # 2000 W cover all of it: 2000 x (1 - 0.65) = 700 W; 5 Wh x 3600 / 700 W = 25.7 s.
        (2000.0, 25.7),
        # 80 %: 2000 x (0.80 - 0.65) = 300 W; 5 x 3600 / 300 = 60 s.
        (1600.0, 60.0),
    ],
)
def test_a_start_comes_the_sooner_the_more_sun_there_is(surplus_w: float, expected_s: float) -> None:
    plant = Plant([Appliance(boiler())])
    plant.run(30)
    plant.house = -surplus_w
    switch = plant.run_until_switched(600)
    assert switch is not None
    assert switch[1:4] == ("boiler", True, Reason.SUN)
    assert switch.at - 30 == pytest.approx(expected_s, abs=1.0)


def test_a_share_of_break_even_starts_nothing() -> None:
    # 1300 W are 0.65 of 2000 W: 0 W to gain, for ever.
    plant = Plant([Appliance(boiler())], house=-1300.0)
    assert plant.run(3600) == []


# b


@pytest.mark.parametrize(
    ("cost_wh", "left_w", "expected_s"),
    [
        # Nothing left: 2000 x (0 - 0.65) = -1300 W; 5 x 3600 / 1300 = 13.8 s; 20 Wh: four times that.
        (5.0, 0.0, 13.8),
        (20.0, 0.0, 55.4),
        # Half of it: 2000 x (0.50 - 0.65) = -300 W; 5 x 3600 / 300 = 60 s; 20 Wh: 240 s.
        (5.0, 1000.0, 60.0),
        (20.0, 1000.0, 240.0),
    ],
)
def test_a_stop_comes_the_sooner_the_less_sun_is_left(cost_wh: float, left_w: float, expected_s: float) -> None:
    plant = started(Appliance(boiler(cost_wh=cost_wh)), 2000.0)
    clouded = plant.at
    plant.house = -left_w
    switch = plant.run_until_switched(600)
    assert switch is not None
    assert not switch.on
    assert switch.at - clouded == pytest.approx(expected_s, abs=1.0)


# c


def test_what_the_load_itself_draws_is_added_back() -> None:
    # 2100 W to the grid before; 150 W after, for the boiler draws 1950 W: 150 + 1950 = 2100 W of surplus as before.
    plant = started(Appliance(boiler(), draws_w=1950.0), 2100.0)
    assert plant.net_w == -150.0
    assert plant.controller.site_view().surplus_w == pytest.approx(2100.0)
    # A rule that looks at the 150 W alone would switch it off after 10 s.
    assert plant.run(3600) == []


# d


def test_two_loads_do_not_spend_the_same_sun() -> None:
    # S = 2189. {A}: 2000 x 0.35 = 700 W. {B}: 1250 x 0.35 = 437 W. {A, B}: 189 W are left for B, a share of 0.151:
    # 700 + 1250 x (0.151 - 0.65) = 76 W. So A starts, and B never.
    first = LoadSettings("a", 2000.0, 1, start_cost_wh=5.0, stop_cost_wh=5.0)
    second = LoadSettings("b", 1250.0, 2, start_cost_wh=5.0, stop_cost_wh=5.0)
    plant = Plant([Appliance(first), Appliance(second)])
    plant.run(30)
    plant.house = -2189.0
    switches = plant.run(3600)
    assert [switch[1:3] for switch in switches] == [("a", True)]
    assert switches[0].at - 30 == pytest.approx(25.7, abs=1.0)


# e


@pytest.mark.parametrize("boiler_rank", [1, 2])
def test_a_load_that_uses_the_sun_better_takes_the_place_of_another(boiler_rank: int) -> None:
    pump = LoadSettings("pump", 1000.0, 3 - boiler_rank, start_cost_wh=5.0, stop_cost_wh=5.0)
    plant = Plant([Appliance(pump), Appliance(boiler(rank=boiler_rank))], house=-1000.0)
    plant.run(SETTLED)
    # 1500 W: the boiler alone would gain 2000 x (0.75 - 0.65) = 200 W, the pump gains 350 W: nothing changes. (In two
    # steps, so that the change is not taken for the pump's thermostat.)
    plant.house = -1500.0
    assert [switch[1:3] for switch in plant.switches] == [("pump", True)]
    assert plant.run(SETTLED) == []
    # 2000 W: {pump} 350 W, {boiler} 700 W, both 50 W; 350 W more, at 5 Wh for the stop and 5 Wh for the start:
    # 10 x 3600 / 350 = 103 s. Both in one step, off first.
    brightened = plant.at
    plant.house = -2000.0
    switch = plant.run_until_switched(600)
    assert switch is not None
    assert switch.at - brightened == pytest.approx(102.9, abs=1.0)
    assert [switch[1:4] for switch in plant.switches[1:]] == [
        ("pump", False, Reason.MADE_ROOM),
        ("boiler", True, Reason.SUN),
    ]
    assert plant.run(3600) == []


# f

EIGHT = datetime(2026, 1, 12, 8, 0, tzinfo=ZONE)


def quarter(passed_w: float, target_w: float = 2500.0) -> Plant:
    """08:10:00 in winter: passed_w until 08:08, 400 W since; the boiler must run, and may from 08:10:00 on."""
    must = LoadSettings("boiler", 2000.0, 1, min_run_s=3600.0, deadline=time(9), phases=(1,))
    plant = Plant(
        [Appliance(must, allowed=lambda at: at >= 600)],
        house=lambda at: passed_w if at < 480 else 400.0,
        site=Site(target_w=target_w),
        start=EIGHT,
    )
    plant.run(600)
    assert plant.switches == []
    return plant


def test_a_run_that_the_quarter_has_room_for_starts_at_once() -> None:
    # 1775 W for 480 s and 400 W for 120 s are 250 Wh. 250 + (400 + 2000 + 200) x 300/3600 = 467 <= 2500/4 x 0.97 = 606.
    plant = quarter(1775.0)
    assert plant.window_wh == pytest.approx(250.0)
    [switch] = plant.run(5)
    assert switch == (600, "boiler", True, Reason.DEADLINE, switch.detail)


def test_a_run_that_the_quarter_has_no_room_for_waits_for_the_moment_it_has() -> None:
    # 400 Wh at 08:10: 400 + 2600 x 300/3600 = 617 > 606.25. Each second takes 2600/3600 Wh off what the run would need
    # and adds 400/3600 Wh: (616.7 - 606.25) / (2200/3600) = 17.1 s.
    plant = quarter((400 - 400 * 120 / 3600) * 3600 / 480)
    assert plant.window_wh == pytest.approx(400.0)
    plant.run(1)
    assert plant.reason("boiler") is Reason.DEMAND_HEADROOM
    switch = plant.run_until_switched(60)
    assert switch is not None
    assert switch.on
    assert switch.at - 600 == pytest.approx(17.1, abs=3.0)


def test_a_kettle_on_top_is_borne_while_the_end_of_the_quarter_still_saves_it() -> None:
    # At 08:11 290 Wh, and a kettle makes 4500 W of 2400 W. To go on takes 290 + 4500 x 240/3600 = 590 Wh; stopping at
    # the last moment would need 290 + (4500 - 2000 + 200) x 240/3600 + 4500 x 12/3600 = 485 <= 606 Wh: it stays.
    plant = quarter(1775.0)
    plant.run(60)
    assert plant.window_wh == pytest.approx(290.0, abs=2.0)
    plant.house = 400.0 + 2100.0
    assert plant.run(180) == []
    assert plant.on("boiler")


@pytest.mark.parametrize(
    ("energy_wh", "kept"),
    [
        (290.0, True),  # 290 + 180 + 15 = 485 <= 606
        (450.0, False),  # 450 + 180 + 15 = 645 > 606
    ],
)
def test_the_last_moment_is_worked_out_from_what_the_quarter_has_taken(energy_wh: float, kept: bool) -> None:  # noqa: FBT001 (a column)
    # A person has switched the boiler on. Until 08:11 the target is 4000 W, so that 4500 W for 3 minutes (225 Wh) are
    # nothing yet; then it becomes the example's 2500 W, with p = 4500 W.
    early_w = (energy_wh - 225.0) * 3600 / 480
    plant = Plant(
        [Appliance(LoadSettings("boiler", 2000.0, 1, phases=(1,)))],
        house=lambda at: (0.0 if at < 0 else early_w if at < 480 else 4500.0) - 2000.0,
        site=Site(target_w=4000.0),
        start=EIGHT.replace(hour=7, minute=50),
    )
    house = plant.house
    assert callable(house)
    plant.house = lambda at: house(at - 600)
    plant.run(10)
    plant.controller.override("boiler", on=True, until=FOREVER)
    plant.run(600 + 660 - 10)
    assert plant.on("boiler")
    # In the plant's first seconds of being on it draws nothing yet; the quarter begins long after.
    assert plant.window_wh == pytest.approx(energy_wh, abs=1.0)
    plant.controller.site = Site(target_w=2500.0)
    plant.site = plant.controller.site
    switches = plant.run(1)
    if kept:
        assert switches == []
    else:
        assert [switch[1:4] for switch in switches] == [("boiler", False, Reason.DEMAND)]


# g

KETTLE_A, OVEN_A, BOILER_A = 9.1, 10.0, 2000.0 / 230


def fused() -> Plant:
    """The boiler on L1 runs on the sun of L2 and L3."""
    plant = Plant([Appliance(boiler(phases=(1,)))], house=(0.0, -5000.0, -5000.0), site=Site(fuse_a=25.0))
    plant.run(SETTLED)
    assert plant.on("boiler")
    return plant


def on_l1(amperes: float) -> tuple[float, float, float]:
    return (amperes * 230.0, -5000.0, -5000.0)


def test_the_first_telegram_over_the_fuse_sheds() -> None:
    # 9.1 + 8.7 + 10 = 27.8 A of 25 A.
    plant = fused()
    plant.house = on_l1(KETTLE_A)
    assert plant.run(60) == []
    plant.house = on_l1(KETTLE_A + OVEN_A)
    [switch] = plant.run(1)
    assert switch[1:4] == ("boiler", False, Reason.FUSE)
    assert switch.detail["phase"] == 1
    assert switch.detail["current_a"] == pytest.approx(KETTLE_A + OVEN_A + BOILER_A, abs=0.01)
    assert switch.detail["fuse_a"] == 25.0


def test_what_was_shed_comes_back_when_it_fits_with_the_margin() -> None:
    # It comes back to 25 - 1 - 8.7 = 15.3 A or less.
    plant = fused()
    plant.house = on_l1(KETTLE_A + OVEN_A)
    plant.run(1)
    plant.house = on_l1(15.4)
    assert plant.run(900) == []
    assert plant.reason("boiler") is Reason.FUSE_HEADROOM
    plant.house = on_l1(15.2)
    switch = plant.run_until_switched(60)
    assert switch is not None
    assert switch[1:4] == ("boiler", True, Reason.SUN)


def test_what_was_shed_does_not_come_back_within_300_s() -> None:
    plant = fused()
    plant.house = on_l1(KETTLE_A + OVEN_A)
    plant.run(1)
    shed = plant.at - 1
    plant.house = on_l1(0.0)
    plant.run(1)
    assert plant.reason("boiler") is Reason.FUSE
    switch = plant.run_until_switched(600)
    assert switch is not None
    assert switch.on
    # What the sun is worth has been gathered meanwhile: it comes when the lock ends.
    assert 300 <= switch.at - shed <= 330


# h

VALUED = LoadSettings("boiler", 2000.0, 1, start_cost_wh=5.0, stop_cost_wh=5.0, value_per_kwh=0.14)


def test_prices_put_the_break_even_share_in_the_place_of_the_two_shares() -> None:
    # (0.30 - 0.14) / (0.30 - 0.05) = 0.64; at 0.70: 2000 x 0.06 = 120 W, 5 x 3600 / 120 = 150 s.
    plant = Plant([Appliance(VALUED)], price_buy=0.30, price_sell=0.05)
    plant.run(30)
    plant.house = -1400.0
    switch = plant.run_until_switched(600)
    assert switch is not None
    assert switch.at - 30 == pytest.approx(150.0, abs=1.0)
    # And at 0.64 nothing.
    assert Plant([Appliance(VALUED)], house=-1280.0, price_buy=0.30, price_sell=0.05).run(3600) == []


def test_sun_that_sells_for_more_than_it_is_worth_is_sold() -> None:
    # (0.30 - 0.14) / (0.30 - 0.20) = 1.6: 1. Nothing below a whole cover ever pays.
    plant = Plant([Appliance(VALUED)], house=-1990.0, price_buy=0.30, price_sell=0.20)
    assert plant.run(3600) == []


@pytest.mark.parametrize(
    ("price_buy", "price_sell"),
    [
        (0.02, 0.02),
        (0.02, 0.10),
        # Whoever takes from the grid is paid.
        (-0.05, -0.05),
        (-0.30, -0.05),
    ],
)
def test_a_price_from_the_grid_that_is_not_above_the_one_to_it_means_run(price_buy: float, price_sell: float) -> None:
    # Break-even share 0.05, and no start below half of it: 998 W of 2000 W.
    plant = Plant([Appliance(VALUED)], house=-998.0, price_buy=price_buy, price_sell=price_sell)
    assert plant.run(3600) == []
    plant = Plant([Appliance(VALUED)], house=300.0, price_buy=price_buy, price_sell=price_sell)
    assert plant.run(3600) == []
    # With half of it covered 2000 x (0.50 - 0.05) = 900 W, 5 x 3600 / 900 = 20 s.
    plant = Plant([Appliance(VALUED)], price_buy=price_buy, price_sell=price_sell)
    plant.run(30)
    plant.house = -1000.0
    switch = plant.run_until_switched(600)
    assert switch is not None
    assert switch.at - 30 == pytest.approx(20.0, abs=1.0)


def test_a_command_says_what_it_is() -> None:
    [command] = Plant([Appliance(boiler())], house=-2000.0).run(60)
    assert Command(*command[1:]) == Command("boiler", on=True, reason=Reason.SUN, detail=command.detail)
    assert command.detail["share"] == 1.0
