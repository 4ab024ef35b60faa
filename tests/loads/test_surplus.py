"""The regret over sets: what a set is worth, what a change costs, and which set is chosen when."""

import pytest

from p1meter.loads.surplus import Regret, Share, members


def share(power_w: float, *, theta: float = 0.65, weight: float = 1.0, cost: float = 5.0) -> Share:
    return Share(power_w, theta, weight, 0.5, cost, cost)


BOILER = share(2000.0)
PUMP = share(1000.0)


def regret(*shares: Share, current: int = 0, fixed: int = 0) -> Regret:
    weighed = Regret()
    weighed.arrange(shares, current, fixed)
    return weighed


def seconds_until(weighed: Regret, surplus_w: float, mask: int, limit: int = 3600) -> int | None:
    """The second, of telegrams a second apart, in which the set is chosen."""
    costs = [one.start_cost_wh for one in weighed.shares]
    for second in range(limit):
        if weighed.step(surplus_w, 1.0 if second else 0.0):
            assert weighed.choose(surplus_w, costs, lambda _: True) == mask
            return second
    return None


# U = P (s - theta); the change is worth it when U t / 3600 s > B.
@pytest.mark.parametrize(
    ("surplus_w", "current", "cost", "second"),
    [
        (2000.0, 0, 5.0, 26),  # 2000 (1 - 0.65) = 700 W: 5 Wh after 25.7 s
        (1600.0, 0, 5.0, 61),  # 2000 (0.8 - 0.65) = 300 W: more than 5 Wh after 60.0 s
        (1300.0, 0, 5.0, None),  # just nothing
        (9000.0, 0, 20.0, 103),  # no more than 700 W, however much sun: 20 Wh after 102.9 s
        (0.0, 1, 5.0, 14),  # on: -1300 W: 5 Wh after 13.8 s
        (-4000.0, 1, 5.0, 14),  # a load cannot lose more than its power
        (1000.0, 1, 5.0, 61),  # 2000 (0.5 - 0.65) = -300 W
        (0.0, 1, 20.0, 56),  # 20 Wh after 55.4 s
        (1000.0, 1, 20.0, 241),  # 240.0 s
    ],
)
def test_the_delay_shortens_as_the_error_grows(surplus_w: float, current: int, cost: float, second: int | None) -> None:
    weighed = regret(share(2000.0, cost=cost), current=current)
    assert seconds_until(weighed, surplus_w, 1 - current) == second


def test_what_was_lost_is_made_good_by_what_is_won() -> None:
    weighed = regret(BOILER)
    # 20 s of 700 W are 3.9 Wh, and 20 s of -700 W (theta 650 W short) take them away again.
    for surplus_w in (2000.0, 600.0):
        for _ in range(20):
            assert not weighed.step(surplus_w, 1.0)
    # So it begins anew: 25.7 s.
    assert seconds_until(weighed, 2000.0, 1) == 26


def test_only_the_load_starts_for_which_there_is_sun() -> None:
    # 2189 W for 2000 W and 1250 W: {A} 700 W, {B} 437 W, {A, B} 700 + 1250 (0.151 - 0.65) = 76 W.
    weighed = regret(BOILER, share(1250.0))
    assert seconds_until(weighed, 2189.0, 0b01) == 26
    assert weighed.share(1, 2189.0, 0b11) == pytest.approx(189 / 1250)


def test_one_load_makes_room_for_one_that_uses_the_sun_better() -> None:
    # The pump is on, 350 W; the boiler would be worth 700 W: 350 W more, for two changes of 5 Wh: 102.9 s.
    weighed = regret(BOILER, PUMP, current=0b10)
    assert seconds_until(weighed, 2000.0, 0b01) == 103


def test_a_strict_order_counts_a_load_as_much_as_all_after_it() -> None:
    # 1000 W: {boiler} 2 x (1000 - 1300) = -600 W, {pump} 350 W: even so the pump runs, as the boiler would not.
    weighed = regret(share(2000.0, weight=2.0), PUMP)
    assert seconds_until(weighed, 1000.0, 0b10) == 52  # 5 Wh of 350 W: 51.4 s
    # 1500 W: {boiler} 2 x (1500 - 1300) = 400 W is more than the pump's 350 W, which a fair order would choose.
    weighed = regret(share(2000.0, weight=2.0), PUMP)
    assert seconds_until(weighed, 1500.0, 0b01) == 46  # 5 Wh of 400 W: 45.0 s
    assert seconds_until(regret(BOILER, PUMP), 1500.0, 0b10) == 52


def test_a_start_needs_its_share_of_sun_even_where_running_is_worth_it() -> None:
    # theta 0.05: 200 W of 2000 W are worth 100 W; but less than half of it is from the sun.
    cheap = share(2000.0, theta=0.05)
    weighed = regret(cheap)
    assert any(weighed.step(200.0, 1.0) for _ in range(400))
    assert weighed.choose(200.0, [5.0], lambda _: True) is None
    assert weighed.soonest(0, 200.0, [5.0]) is None
    assert weighed.step(1000.0, 1.0)
    assert weighed.choose(1000.0, [5.0], lambda _: True) == 1
    assert weighed.soonest(0, 1000.0, [5.0]) == 0.0


def test_the_best_set_that_is_allowed_is_chosen() -> None:
    weighed = regret(BOILER, PUMP)
    for _ in range(200):
        weighed.step(3000.0, 1.0)
    # {boiler, pump} gains 1050 W for 10 Wh: 48.3 Wh over; {boiler} 700 W for 5 Wh: 33.9 over; {pump} 14.4 over.
    costs = [5.0, 5.0]
    assert weighed.choose(3000.0, costs, lambda _: True) == 0b11
    assert weighed.choose(3000.0, costs, lambda mask: mask != 0b11) == 0b01
    assert weighed.choose(3000.0, costs, lambda mask: mask == 0b10) == 0b10
    assert weighed.choose(3000.0, costs, lambda _: False) is None
    # A start that costs more, because a budget of starts is used up, is not worth it yet.
    assert weighed.choose(3000.0, [60.0, 5.0], lambda _: True) == 0b10
    assert weighed.choose(3000.0, [60.0, 5.0], lambda mask: mask == 0b01) is None


def test_the_sets_that_cannot_be_had_are_not_weighed() -> None:
    # The boiler is held on: the pump is weighed with what it leaves, 500 W: 1000 (0.5 - 0.65) < 0.
    weighed = regret(BOILER, PUMP, current=0b01, fixed=0b01)
    assert seconds_until(weighed, 2500.0, 0b11, limit=600) is None
    assert weighed.left_w(1, 2500.0, 0b11) == 500.0
    # 850 W left: 200 W: 5 Wh after 90.0 s.
    assert seconds_until(weighed, 2850.0, 0b11) == 91


def test_what_is_held_on_at_night_does_not_hold_another_on() -> None:
    # The house itself takes 500 W; the boiler, the less important one, is held on. Without the pump 650 W are won.
    weighed = regret(PUMP, BOILER, current=0b11, fixed=0b10)
    assert seconds_until(weighed, -500.0, 0b10) == 28  # 5 Wh of 650 W: 27.7 s


def test_an_idle_load_takes_no_sun() -> None:
    weighed = regret(share(0.0), PUMP, current=0b01, fixed=0b01)
    assert weighed.share(0, 1000.0, 0b01) == 0.0
    assert seconds_until(weighed, 1000.0, 0b11) == 52


def test_regrets_go_on_when_a_power_is_learned_and_begin_anew_when_a_load_was_switched() -> None:
    weighed = regret(BOILER)
    for _ in range(20):
        weighed.step(2000.0, 1.0)
    # 20 x 700 Ws; from now on 1900 (1 - 0.65) = 665 W: (18000 - 14000) / 665 = 6.02 s.
    weighed.arrange([share(1900.0)], 0, 0)
    assert weighed.soonest(0, 2000.0, [5.0]) == pytest.approx(4000 / 665)
    weighed.arrange([share(1900.0)], 1, 0)
    weighed.arrange([share(1900.0)], 0, 0)
    assert seconds_until(weighed, 2000.0, 1) == 28  # 18000 / 665 = 27.07
    weighed.reset()
    assert seconds_until(weighed, 2000.0, 1) == 28
    # Of the 3.9 Wh that the boiler would have gained in 20 s nothing is left once the pump is on.
    weighed = regret(BOILER, PUMP)
    for _ in range(20):
        weighed.step(2000.0, 1.0)
    weighed.arrange([BOILER, PUMP], 0b10, 0)
    assert seconds_until(weighed, 2000.0, 0b01) == 103  # 10 Wh of 350 W: 102.9 s


def test_what_a_load_has_lost_counts_on_when_its_thermostat_closes_again() -> None:
    def pause(weighed: Regret) -> None:
        for _ in range(10):
            weighed.step(0.0, 1.0)
        weighed.arrange([share(0.0), PUMP], 0b01, 0b01)
        for _ in range(30):
            weighed.step(0.0, 1.0)

    # 5 Wh of 1300 W: 13.8 s, of which 10 s were before the pause.
    weighed = regret(BOILER, PUMP, current=0b01)
    pause(weighed)
    weighed.arrange([BOILER, PUMP], 0b01, 0)
    assert seconds_until(weighed, 0.0, 0) == 4
    # Nothing of it counts once another load was switched meanwhile, or all begins anew.
    weighed = regret(BOILER, PUMP, current=0b01)
    pause(weighed)
    weighed.arrange([share(0.0), PUMP], 0b11, 0b01)
    weighed.arrange([BOILER, PUMP], 0b01, 0)
    assert seconds_until(weighed, 0.0, 0) == 14
    weighed = regret(BOILER, PUMP, current=0b01)
    pause(weighed)
    weighed.reset()
    weighed.arrange([BOILER, PUMP], 0b01, 0)
    assert seconds_until(weighed, 0.0, 0) == 14
    # Nor where it was not idle, but held as it was.
    weighed = regret(BOILER, PUMP, current=0b01)
    for _ in range(10):
        weighed.step(0.0, 1.0)
    weighed.arrange([BOILER, PUMP], 0b01, 0b01)
    weighed.arrange([BOILER, PUMP], 0b01, 0)
    assert seconds_until(weighed, 0.0, 0) == 14


def test_what_is_missing_for_a_load_that_would_take_the_sun_from_another() -> None:
    # 1000 W: the pump, second in rank, is on. With the boiler it is worth -300 - 650 W, alone 350 W; the boiler instead
    # of it -300 W: 650 W less than now.
    weighed = regret(BOILER, PUMP, current=0b10)
    assert weighed.lack_w(0, 1000.0) == pytest.approx(650.0)
    assert regret(BOILER, fixed=1).lack_w(0, 1000.0) == 0.0


def test_who_asks_changes_nothing_and_is_told_of_the_sun_that_is_now() -> None:
    # 55 % of the boiler are worth less than nothing, however much there was before.
    asked, alone = regret(BOILER), regret(BOILER)
    for surplus_w in (2000.0, 1100.0, 2000.0, 2000.0):
        assert asked.soonest(0, 1100.0, [5.0]) is None
        assert asked.soonest(0, 2000.0, [5.0]) is not None
        assert asked.lack_w(0, 1100.0) == pytest.approx(200.0)
        assert asked.step(surplus_w, 5.0) is alone.step(surplus_w, 5.0)
    assert asked.soonest(0, 2000.0, [5.0]) == alone.soonest(0, 2000.0, [5.0])
    assert asked.soonest(0, 1100.0, [5.0]) is None


def test_up_to_five_loads_those_that_are_worth_most_together_start_at_once() -> None:
    # 2000 W for 1000 W each: {0, 1} gains 700 W for 10 Wh, 0.11 Wh over after 52 s; {0} alone half of that.
    assert seconds_until(regret(*[PUMP] * 5), 2000.0, 0b00011) == 52


def test_above_five_loads_single_changes_and_swaps_are_weighed() -> None:
    weighed = regret(*[PUMP] * 7, current=0b0000011, fixed=0b1000000)
    # 5000 W for 1000 W each: one more load is worth 350 W; with the swaps 2 x 4 pairs, none is worth anything.
    assert len(weighed._sets) == 6 + 2 * 4
    assert not any((one.mask ^ 0b0000011) & 0b1000000 for one in weighed._sets)
    assert seconds_until(weighed, 5000.0, 0b0000111) == 52
    # Down to 1000 W: {0} is worth 350 W, {0, 1} 350 - 650 W.
    weighed.arrange([PUMP] * 7, 0b0000011, 0b1000000)
    weighed.reset()
    assert seconds_until(weighed, 1000.0, 0b0000001) == 28  # 5 Wh of 650 W: 27.7 s


def test_at_night_there_is_nothing_to_weigh() -> None:
    weighed = regret(BOILER, PUMP)
    assert not weighed.step(-500.0, 1.0)
    # 650 W are just nothing for the pump; a watt more is something: 5 Wh take five hours.
    assert not weighed.step(650.0, 36_000.0)
    assert not weighed.step(651.0, 17_990.0)
    assert weighed.step(651.0, 20.0)
    assert not regret().step(1000.0, 1.0)


def test_the_places_in_a_mask() -> None:
    assert list(members(0b10110)) == [1, 2, 4]
