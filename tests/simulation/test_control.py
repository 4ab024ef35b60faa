"""The benchmark of the control law can be trusted, and the law is better than the rules of others."""

from dataclasses import replace

import numpy as np
import pytest

from p1meter.loads import Reason
from tests.simulation.control import suite_a
from tests.simulation.control.appliances import APPLIANCES, NOMINAL, Appliance
from tests.simulation.control.audit import hands_overruled, starts_within, too_early
from tests.simulation.control.baselines import BASELINES, OlderProgram
from tests.simulation.control.clairvoyant import COSTS_WH, frontier
from tests.simulation.control.closed_loop import Loop, Switched, Tank, Telegrams
from tests.simulation.control.house import DAY, Trace, trace
from tests.simulation.control.many_days import play
from tests.simulation.control.score import Score, at_equal_starts, energies

SEED = 1
_HOUR = 3_600


@pytest.fixture(scope="module")
def noon() -> Trace:
    """Two hours around noon of a day with broken clouds, and the dark before and after."""
    days = trace(SEED, 8)
    day = slice(days.skies.index("broken") * DAY, (days.skies.index("broken") + 1) * DAY)
    hours = np.arange(DAY) / _HOUR
    sun = np.where((hours >= 11) & (hours < 13), days.sun[day], 0)
    return Trace(sun, days.phases[:, day], ("broken",))


@pytest.fixture(scope="module")
def best(noon: Trace) -> list[Score]:
    return frontier(noon)


@pytest.fixture(scope="module")
def rivals(noon: Trace, best: list[Score]) -> dict[str, float]:
    """J of the rules of others, in % of the best at equal starts."""
    return {name: at_equal_starts(play(rule(), noon, SEED), best).value for name, rule in BASELINES.items()}


def of_law(day: Trace, setup: suite_a.Setup) -> tuple[Score, list[Switched]]:
    """Let the law live from 10:30 to 13:30: nothing can run before and after."""
    hours = slice(int(10.5 * _HOUR), int(13.5 * _HOUR))
    part = replace(day, sun=day.sun[hours], phases=day.phases[:, hours])
    loop = Loop(part, setup.loads, setup.site, seed=SEED)
    loop.run()
    return suite_a.scored(loop, part), loop.switched


# The figures are the prototype's (loads-sim: gen.py, sim.clair) for the 14 days of seed 1, kWh a day.
def test_the_house_is_frozen() -> None:
    days = trace(SEED)
    assert days.skies[:4] == ("mixed", "broken", "broken", "broken")
    assert days.sun.sum() / 3.6e6 / 14 == pytest.approx(20.376609491633285, rel=1e-9)
    assert days.phases.sum() / 3.6e6 / 14 == pytest.approx(11.293889048359711, rel=1e-9)


def test_the_house_behaves_like_one() -> None:
    days = trace(SEED, 4)
    assert (days.phases >= 0).all()
    assert (days.sun >= 0).all()
    assert days.sun.max() <= 5_000  # the inverter
    assert not days.sun.reshape(4, DAY)[:, :_HOUR].any()  # midnight
    assert 5 < days.phases.sum() / 3.6e6 / 4 < 20
    assert trace(SEED, 4, winter=True).sun.sum() < days.sun.sum() / 2


def test_a_seed_is_a_house() -> None:
    one, same, other = trace(1, 1), trace(1, 1), trace(2, 1)
    assert (one.sun == same.sun).all()
    assert (one.phases == same.phases).all()
    assert (one.phases != other.phases).any()


def test_fewer_starts_cost_energy(best: list[Score]) -> None:
    starts = [score.starts_a_day for score in best]
    values = [score.value for score in best]
    assert starts == sorted(starts, reverse=True)
    assert values == sorted(values, reverse=True)
    assert len(best) == len(COSTS_WH)


# 2,000 W for one hour, of which the house takes nothing. What pays most at a share of 0.65: the boiler, 1,950 W, all
# covered, 1,950 x 0.35 = 682 W; with the pump 2,000 - 0.65 x 2,990 = 56 W. So the boiler for an hour: 1.95 kWh.
def test_the_clairvoyant_takes_what_pays_most() -> None:
    sun = np.zeros(DAY)
    sun[12 * _HOUR : 13 * _HOUR] = 2_000
    for score in frontier(Trace(sun, np.zeros((3, DAY)), ("clear",))):
        assert score.captured == pytest.approx(1.95)
        assert score.imported == pytest.approx(0)
        assert score.starts == (1, 0, 0)


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_nobody_beats_the_clairvoyant_at_equal_starts(name: str, rivals: dict[str, float]) -> None:
    assert 0 < rivals[name] < 100


def test_the_law_is_near_the_clairvoyant_and_better_than_the_rules_of_others(
    noon: Trace, best: list[Score], rivals: dict[str, float]
) -> None:
    score, switched = of_law(noon, suite_a.SETUPS[suite_a.EAGER])
    share = at_equal_starts(score, best).value
    assert 75 < share < 100
    assert share > max(rivals.values())
    assert too_early(switched, suite_a.SETUPS[suite_a.EAGER].loads) == 0


def test_the_same_seed_gives_the_same_result(noon: Trace) -> None:
    setup = suite_a.SETUPS[suite_a.SLOW]
    assert of_law(noon, setup) == of_law(noon, setup)


# 75 % of 2,000 W is 1,500 W: 1,600 W of injection starts the boiler (and the pump, 750 W), after which 1,390 W are
# imported: below 10 %, so it stops as soon as its hold time is over, and begins again.
def test_the_older_program_oscillates() -> None:
    rule = OlderProgram(0.75, 0.10, 10, repaired=False)
    on, since = np.zeros((3, 1), bool), np.full((3, 1), -100)
    started = rule.decide(0, np.ones(1, bool), np.array([-1_600.0]), on, since)
    assert started is not None
    assert started[:, 0].tolist() == [True, True, False]
    assert rule.decide(5, np.ones(1, bool), np.array([1_390.0]), started, np.zeros((3, 1), np.int64)) is None
    stopped = rule.decide(10, np.ones(1, bool), np.array([1_390.0]), started, np.zeros((3, 1), np.int64))
    assert stopped is not None
    assert not stopped.any()


def test_energy_is_taken_from_the_sun_first() -> None:
    captured, imported = energies(np.array([1_000.0, -500.0]), np.array([3_600.0, 3_600.0]))
    assert captured == pytest.approx(1_000 / 3.6e6)
    assert imported == pytest.approx(6_200 / 3.6e6)


def test_shares_are_drawn_straight_between_two_points_of_the_frontier() -> None:
    few, many = Score(1, 10.0, 0.0, (10,), 1), Score(1, 12.0, 0.0, (20,), 1)
    assert at_equal_starts(Score(1, 5.5, 0.0, (15,), 1), [many, few]).captured == pytest.approx(50)  # of 11
    assert at_equal_starts(Score(1, 6.0, 0.0, (99,), 1), [many, few]).captured == pytest.approx(50)  # of 12


@pytest.mark.parametrize("load", APPLIANCES, ids=lambda load: load.name)
def test_a_load_draws_after_its_latency(load: Appliance) -> None:
    assert load.draw(load.latency_s - 1) == 0
    assert load.draw(load.latency_s + load.ramp_s - 1) == load.power_w
    assert abs(load.power_w / NOMINAL[APPLIANCES.index(load)] - 1) < 0.05


# 4 kWh at the beginning, hot at 8: 2 h at 2 kW, less what is lost.
def test_the_thermostat_opens_when_the_water_is_hot() -> None:
    tank = Tank()
    drawn = [tank.step(0, 2_000.0) for _ in range(2 * _HOUR + 600)]
    assert 2 * _HOUR < sum(power > 0 for power in drawn) < 2 * _HOUR + 600
    assert tank.open
    assert drawn[-1] == 0
    tank.step(25_200, 0.0)  # a bath
    assert not tank.open


def test_the_law_gets_nothing_while_the_meter_is_silent(noon: Trace) -> None:
    setup = suite_a.SETUPS[suite_a.EAGER]
    loop = Loop(replace(noon, sun=np.full(DAY, 4_000.0)), setup.loads, setup.site, seed=SEED)
    loop.run(600)
    assert any(loop.on)
    steps = loop.steps
    loop.run(60, Telegrams.SILENT)
    assert loop.steps == steps
    assert not any(loop.on)  # the safe state
    loop.restart(60)
    loop.run(600)
    assert any(loop.on)


def test_a_switch_within_the_minimum_times_is_found() -> None:
    loads = suite_a.SETUPS[suite_a.EAGER].loads  # min_on 60 s
    on = Switched(100, 0, on=True, reason=Reason.SUN)
    assert too_early([on, Switched(160, 0, on=False, reason=Reason.SHORT)], loads) == 0
    assert too_early([on, Switched(159, 0, on=False, reason=Reason.SHORT)], loads) == 1
    assert too_early([on, Switched(159, 0, on=False, reason=Reason.FUSE)], loads) == 0
    assert too_early([on, Switched(159, 0, on=False, reason=None)], loads) == 0
    assert starts_within([on], [(90, 100)]) == 1
    assert starts_within([on], [(101, 110)]) == 0


def test_a_command_against_a_hand_is_found() -> None:
    loads = suite_a.SETUPS[suite_a.EAGER].loads  # override_s 7200
    hand = Switched(100, 0, on=True, reason=None)
    assert hands_overruled([hand, Switched(7_299, 0, on=False, reason=Reason.SHORT)], loads) == 1
    assert hands_overruled([hand, Switched(7_300, 0, on=False, reason=Reason.SHORT)], loads) == 0
    assert hands_overruled([hand, Switched(7_299, 1, on=False, reason=Reason.SHORT)], loads) == 0
    assert hands_overruled([hand, Switched(7_299, 0, on=False, reason=Reason.STALE)], loads) == 0
