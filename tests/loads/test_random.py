"""Houses, settings, faults and people at random: what must hold whatever happens."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import pairwise
import json
import math
from random import Random
from typing import TYPE_CHECKING

import pytest

from p1meter.loads import FOREVER, PROTECTING, Controller, LoadSettings, Reason, Site
from tests.loads.plant import ZONE, Appliance, Plant

if TYPE_CHECKING:
    from p1meter.loads import Command, Sample
    from tests.loads.plant import Switch

SEEDS = (*range(1, 25), 136, 143)
HAND = {Reason.OVERRIDE_ON, Reason.OVERRIDE_OFF}
SECONDS = 2400

# What a reason's sentence says, so that it has to be there.
NUMBERS = {
    Reason.STALE: {"silent_s"},
    Reason.FUSE: {"phase", "current_a", "fuse_a", "remaining_s"},
    Reason.FUSE_HEADROOM: {"phase", "current_a", "fuse_a"},
    Reason.DEMAND: {"target_w", "remaining_s"},
    Reason.DEMAND_HEADROOM: {"target_w", "remaining_s"},
    Reason.PRICE: {"max_price"},
    Reason.WINDOW: {"starts_at"},
    Reason.MAX_RUN: {"run_s"},
    Reason.MAX_STARTS: {"starts"},
    Reason.DEADLINE: {"missing_s", "deadline"},
    Reason.SUN: {"share"},
    Reason.SHORT: {"short_w", "since_s"},
    Reason.GATHERING: {"remaining_s"},
    Reason.LEAVING: {"short_w"},
    Reason.MIN_ON: {"remaining_s"},
    Reason.MIN_OFF: {"remaining_s"},
    Reason.IDLE: {"since_s"},
    Reason.IDLE_WAIT: {"remaining_s"},
}


def settings(random: Random, count: int) -> list[LoadSettings]:
    ranks = random.sample(range(1, count + 1), count)
    return [
        LoadSettings(
            f"load_{rank}",
            random.choice((300.0, 1000.0, 2000.0, 3600.0)),
            rank,
            start_cost_wh=random.choice((0.0, 3.0, 10.0)),
            stop_cost_wh=random.choice((0.0, 3.0, 10.0)),
            min_on_s=random.choice((0.0, 60.0, 300.0)),
            min_off_s=random.choice((0.0, 60.0, 300.0)),
            latency_s=random.choice((0.0, 2.0, 15.0)),
            ramp_s=random.choice((0.0, 2.0, 10.0)),
            phases=random.choice((None, (1,), (2,), (3,), (1, 2, 3))),
            min_run_s=random.choice((0.0, 0.0, 1800.0)),
            max_run_s=random.choice((None, 1200.0)),
            deadline=random.choice((None, time(13), time(14))),
            max_starts_per_day=random.choice((None, 4)),
            max_starts_per_hour=random.choice((None, 3, 12)),
            start_budget=random.choice((None, 5)),
            tariffs=random.choice((None, frozenset({1}))),
            windows=random.choice(((), ((time(11), time(12, 20)),))),
            value_per_kwh=random.choice((None, 0.14)),
            override_s=random.choice((120.0, 7200.0)),
            override_protected=random.random() < 0.3,
            never_shed=random.random() < 0.2,
            safe_on=random.random() < 0.2,
            run_when_blind=random.random() < 0.3,
            idle_off_s=random.choice((60.0, 600.0)),
            idle_retry_s=random.choice((120.0, 1800.0)),
            hold_idle=random.random() < 0.3,
        )
        for rank in ranks
    ]


def steps(random: Random, least: float, most: float, low: float, high: float) -> list[float]:
    """A course of powers that holds each for a while."""
    course: list[float] = []
    while len(course) < SECONDS:
        course += [random.uniform(low, high)] * max(1, round(random.uniform(least, most)))
    return course


def gaps(random: Random, count: int, longest: int) -> set[int]:
    spans = [(random.randrange(SECONDS), random.randrange(1, longest)) for _ in range(count)]
    return {at for begin, length in spans for at in range(begin, begin + length)}


class House:
    """A plant with everything that can go wrong, and a look at each step of it."""

    def __init__(self, seed: int) -> None:
        self.random = random = Random(seed)
        period = random.choice((1, 1, 10))
        loads = settings(random, random.randrange(1, 7))
        site = Site(
            period_s=float(period),
            stale_s=max(10.0, 3.5 * period),
            fuse_a=random.choice((None, 16.0, 25.0)),
            target_w=random.choice((None, 2500.0, 5000.0)),
            window_s=random.choice((900.0, 3600.0)),
            peak_count=random.choice((1, 3)),
            priority=random.choice(("fair", "strict")),
        )
        sun = steps(random, 5, 200, 0, 8000)
        base = [steps(random, 5, 300, 50, 2500) for _ in range(3)]
        silence = gaps(random, 3, 90) | gaps(random, 20, 2)
        self.plant = plant = Plant(
            [self.appliance(load) for load in loads],
            house=lambda at: (
                base[0][at] - sun[at] / 3,
                base[1][at] - sun[at] / 3,
                base[2][at] - sun[at] / 3,
            ),
            site=site,
            start=datetime(2026, 3, 31, 11, 30, tzinfo=ZONE) + timedelta(seconds=random.randrange(3600)),
            period=period,
            delay=random.choice((0, 1, 2)),
            lost=silence.__contains__,
            frozen=gaps(random, 1, 120).__contains__,
            whole_amperes=random.random() < 0.3,
            reports_phases=random.random() < 0.8,
            demand=random.choice((None, "window", "elapsed")),
            month_peak_w=random.choice((None, 3000.0)),
            tariff=random.choice((None, 1, 2)),
            price_buy=random.choice((None, 0.30, -0.05)),
            price_sell=random.choice((None, 0.05)),
        )
        plant.watch = self.look
        plant.is_seen = seed % 2 == 0
        self.good = 0
        self.heard_at = -math.inf
        self.hands: dict[str, int] = {}
        self.told: dict[str, bool] = {}
        self.were = {name: (load.on, load.switched_at) for name, load in plant.loads.items()}
        self.started_at = -math.inf
        self.started_latency = 0.0

    def appliance(self, load: LoadSettings) -> Appliance:
        random = self.random
        closed = steps(random, 60, 900, 0, 1)
        away = gaps(random, 1, 200) if random.random() < 0.3 else set()
        deaf = gaps(random, 2, 100) if random.random() < 0.3 else set()
        barred = gaps(random, 2, 400) if random.random() < 0.3 else set()
        return Appliance(
            load,
            draws_w=load.power_w * random.uniform(0.75, 1.25),
            on=random.random() < 0.2,
            wants=lambda at: closed[at] > 0.25,
            obeys=lambda at: at not in deaf,
            available=lambda at: at not in away,
            allowed=lambda at: at not in barred,
            confirms_s=random.choice((0, 1)),
            metered=random.random() < 0.2,
        )

    def look(self, sample: Sample | None, switches: list[Switch]) -> None:
        """What holds at each step."""
        plant, controller = self.plant, self.plant.controller
        at, site = plant.at, plant.site
        if sample is not None:
            self.good = self.good + 1 if at - self.heard_at <= site.stale_s else 1
            self.heard_at = at
        silent = at - self.heard_at
        assert set(controller.reasons) == set(plant.loads)
        assert all(isinstance(reason, Reason) for reason in controller.reasons.values())
        if at % 50 == 0 or switches:
            controller.site_view()
            for load in plant.loads:
                view = controller.view(load)
                assert view.reason is controller.reasons[load]
                assert set(view.detail) >= NUMBERS.get(view.reason, set()), (view.reason, view.detail)
                times = [float(value) for name, value in view.detail.items() if name.endswith("_s")]
                assert all(seconds >= 0.0 for seconds in times), view.detail
                assert view.power_w >= 0.0
                assert view.learned_w > 0.0
                assert all(isinstance(value, float | int | str) for value in view.detail.values())
                json.dumps(dict(view.detail), allow_nan=False)
        for switch in switches:
            assert set(switch.detail) >= NUMBERS.get(switch.reason, set()), switch
            self.judge(switch, silent)
        # Of two words to one load at once, only the last would be obeyed, and the first be counted.
        assert len({switch.load for switch in switches}) == len(switches), switches
        starts = [switch for switch in switches if switch.on and switch.reason not in HAND | {Reason.STALE}]
        assert len(starts) <= 1
        for switch in starts:
            least = 2 * site.period_s + self.started_latency
            if not self.told.get(switch.load):
                assert at - self.started_at >= least, switch
                self.started_at = at
                self.started_latency = plant.loads[switch.load].settings.latency_s
        self.told |= {switch.load: switch.on for switch in switches}
        self.were = {name: (load.on, load.switched_at) for name, load in plant.loads.items()}

    def judge(self, switch: Switch, silent: float) -> None:
        plant = self.plant
        load = plant.loads[switch.load].settings
        # The fuse does not wait until everything else is known.
        if switch.reason not in {Reason.STALE, Reason.FUSE}:
            assert self.good > 3, switch
        was_on, since = self.were[switch.load]
        if was_on is switch.on:
            return
        if switch.on and switch.reason is not Reason.STALE:
            assert silent <= 2 * plant.site.period_s, switch
        if switch.reason not in PROTECTING | HAND and switch.load not in self.hands:
            assert switch.at - since >= (load.min_on_s if was_on else load.min_off_s), switch

    def person(self) -> None:
        """Somebody does something, or nothing."""
        random, plant = self.random, self.plant
        load = random.choice(sorted(plant.loads))
        what = random.random()
        if what < 0.15:
            until = random.choice((FOREVER, plant.wall() + timedelta(seconds=random.randrange(30, 600))))
            plant.controller.override(load, random.choice((True, False, None)), until)
            self.hands[load] = plant.at
        elif what < 0.25:
            plant.by_hand(load, on=not plant.on(load))
            self.hands[load] = plant.at
        elif what < 0.28:
            plant.restart(lost_s=random.randrange(60))
            self.good, self.heard_at = 0, -math.inf
        elif what < 0.31:
            plant.controller.enabled = not plant.controller.enabled
        elif what < 0.33:
            plant.controller.site = replace(plant.site, fuse_margin_a=random.choice((0.5, 1.0)))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_must_hold_holds(seed: int) -> None:
    house = House(seed)
    while house.plant.at < SECONDS - 200:
        house.plant.run(60)
        house.person()


@pytest.mark.parametrize("seed", SEEDS[:8])
def test_a_state_kept_at_any_moment_goes_on_in_the_same_way(seed: int) -> None:
    house = House(1000 + seed)
    moments = sorted(house.random.sample(range(60, SECONDS - 700), 4))
    for moment in moments:
        while house.plant.at < moment:
            house.plant.run(1)
        state = house.plant.controller.state
        text = json.dumps(state, allow_nan=False)
        controllers = [Controller(house.plant.settings, house.plant.site, kept) for kept in (state, json.loads(text))]
        assert [json.dumps(controller.state) for controller in controllers] == [text, text]
        told: list[tuple[list[Command], list[Command]]] = []

        def both(
            sample: Sample | None, _: list[Switch], told: list[tuple[list[Command], list[Command]]] = told
        ) -> None:
            plant = house.plant
            first, second = (
                one.step(sample) if sample else one.tick(plant.now(), plant.wall())
                for one in controllers  # noqa: B023 (they live as long as this round)
            )
            told.append((first, second))

        house.plant.watch = both
        house.plant.run(120)
        house.plant.watch = None
        assert len(told) == 120
        assert all(first == second for first, second in told)
        # What was handed in is not written to.
        assert json.dumps(state) == text


def test_the_same_telegrams_give_the_same_commands() -> None:
    first, second = House(7), House(7)
    for house in (first, second):
        house.plant.run(1500)
    assert first.plant.switches == second.plant.switches != []
    assert all(earlier.at <= later.at for earlier, later in pairwise(first.plant.switches))
