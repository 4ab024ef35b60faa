"""The goals, and whether they are met."""

from dataclasses import dataclass
from statistics import mean, stdev
from typing import TYPE_CHECKING, Final

import numpy as np

from . import suite_a, suite_b, suite_c
from .baselines import BASELINES
from .score import AtEqualStarts, Score, at_equal_starts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .jobs import Job, Played

CURVE: Final = (suite_a.QUIET, suite_a.DEFAULT, suite_a.EAGER)
"""Settings of the law from few starts to many, all else equal."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule in all houses: means over the seeds; the shares are of the frontier at equal starts, %."""

    name: str
    score: Score
    value: float
    value_spread: float
    value_worst: float
    captured: float
    starts_worst: float


@dataclass(frozen=True, slots=True)
class Goal:
    """What was wanted, and what was found."""

    name: str
    wanted: str
    found: str
    met: bool


class Findings:
    """All results of a run of the benchmark.

    Attributes:
        seeds: of the houses, in order.
        scores: of suite A: by rule, one for each house.
        shares: likewise, beside the frontier.
        rules: of suite A, by name.
        protection: suite B, for each season and site the results of each house.
        faults: suite C, likewise for each scenario.
        step_us: processor time of a step of the law for 3 and for 5 loads.
    """

    def __init__(self, seeds: Sequence[int], results: Mapping[Job, Played], step_us: tuple[float, float]) -> None:
        self.seeds = tuple(sorted(seeds))
        self.step_us = step_us
        self.played: dict[str, list[suite_a.Played]] = {}
        self.protection: dict[str, list[suite_b.Protection]] = {}
        self.faults: dict[str, list[suite_c.Outcome]] = {}
        self.scores: dict[str, list[Score]] = {}
        frontiers: list[list[Score]] = []
        for job in sorted(results):
            match results[job]:
                case suite_a.Played() as played:
                    self.played.setdefault(job.name, []).append(played)
                    self.scores.setdefault(job.name, []).append(played.score)
                case suite_b.Protection() as protection:
                    self.protection.setdefault(job.name, []).append(protection)
                case suite_c.Outcome() as outcome:
                    self.faults.setdefault(job.name, []).append(outcome)
                case Score() as score:
                    self.scores.setdefault(job.name, []).append(score)
                case frontier:
                    frontiers.append(frontier)
        self.frontier = [sum(points[1:], points[0]) for points in zip(*frontiers, strict=True)]
        self.shares = {
            name: [at_equal_starts(*pair) for pair in zip(each, frontiers, strict=True)]
            for name, each in self.scores.items()
        }
        self.rules = {
            name: _rule(name, self.scores[name], self.shares[name])
            for name in (*suite_a.SETUPS, *BASELINES)
            if name in self.scores
        }

    def goals(self) -> list[Goal]:
        """Judge."""
        return [
            self._sun("G1 eager", suite_a.EAGER, 48, 86, 93, 1.1),
            self._sun("G2 default", suite_a.DEFAULT, 21, 77, 89, 1.6),
            self._rivals(),
            self._difference("G4 10-s meter", suite_a.EAGER, [suite_a.SLOW]),
            self._difference("G5 power given 25 % wrong", suite_a.SLOW, [suite_a.TOO_LOW, suite_a.TOO_HIGH]),
            self._quarters(),
            self._fuse(),
            self._promises(),
            Goal(
                "G9 a step",
                "≤ 1 ms on a Pi for 5 loads",
                f"{self.step_us[1]:.0f} µs for 5 loads, {self.step_us[0]:.0f} µs for 3, on this machine (no Pi here)",
                self.step_us[1] <= 1_000,
            ),
        ]

    def margins(self) -> dict[str, float]:
        """By how many points of J the law beats each baseline at equal starts, drawn straight between its settings."""
        starts, values = zip(
            *((self.rules[name].score.starts_a_day, self.rules[name].value) for name in CURVE), strict=True
        )
        return {
            name: float(np.interp(self.rules[name].score.starts_a_day, starts, values)) - self.rules[name].value
            for name in BASELINES
        }

    def _sun(self, goal: str, name: str, starts: float, value: float, captured: float, imported: float) -> Goal:
        rule = self.rules[name]
        met = (
            rule.score.starts_a_day <= starts
            and rule.value >= value
            and rule.captured >= captured
            and rule.score.imported <= imported
        )
        found = (
            f"J {rule.value:.1f} %, captured {rule.captured:.1f} %, {rule.score.starts_a_day:.1f} starts/d, "
            f"import {rule.score.imported:.2f} kWh/d"
        )
        wanted = f"J ≥ {value} %, captured ≥ {captured} %, ≤ {starts} starts/d, import ≤ {imported} kWh/d"
        return Goal(goal, wanted, found, met)

    def _rivals(self) -> Goal:
        margins = self.margins()
        closest = min(margins, key=lambda name: margins[name])
        found = f"least: {margins[closest]:.1f} points ({closest})"
        return Goal("G3 rivals", "J ≥ 6 points above every baseline at equal starts", found, margins[closest] >= 6)

    def _difference(self, goal: str, name: str, others: list[str]) -> Goal:
        differences = [self.rules[other].value - self.rules[name].value for other in others]
        found = ", ".join(f"{difference:+.1f}" for difference in differences)
        return Goal(goal, "J within 1 point", found, min(differences) >= -1)

    def _quarters(self) -> Goal:
        each = self.protection[suite_b.WINTER]
        days = sum(one.days for one in each)
        quarters = sum(one.quarters for one in each) / days
        excess = max(one.excess_w for one in each)
        short = sum(one.short_s for one in each) / 60 / days
        found = f"{quarters:.2f}/d, {excess:.0f} W, {short:.1f} min/d"
        met = quarters <= 0.2 and excess <= 300 and short <= 5
        return Goal("G6 quarter-hour, 2.5 kW, winter", "avoidable ≤ 0.2/d, excess ≤ 300 W, short ≤ 5 min/d", found, met)

    def _fuse(self) -> Goal:
        each = [one for name, ones in self.protection.items() if suite_b.CASES[name].site.fuse_a for one in ones]
        events = sum(one.over_events for one in each)
        missed = sum(one.over_missed for one in each)
        repeated = sum(one.repeated for one in each)
        longest = max(one.over_longest_s for one in each)
        found = f"{events} events: {missed} not shed on the first telegram, longest {longest} s, {repeated} repeated"
        wanted = "shed on the first telegram; over within the meter's delay; none repeated within 300 s"
        return Goal("G7 fuse", wanted, found, missed == 0 and repeated == 0)

    def _promises(self) -> Goal:
        early = sum(played.too_early for each in self.played.values() for played in each)
        early += sum(one.too_early for each in self.protection.values() for one in each)
        broken = {name: sum(one.violations for one in each) for name, each in self.faults.items()}
        hasty, tries = broken.pop(suite_c.DEAD), sum(one.happened for one in self.faults[suite_c.DEAD])
        found = f"{early} early commands in suites A and B; suite C: {sum(broken.values())} violations"
        if any(broken.values()):
            found += " (" + ", ".join(f"{name}: {count}" for name, count in broken.items() if count) + ")"
        found += f"; beside them, {hasty} of {tries} starts of a boiler that draws nothing were within half an hour"
        return Goal("G8 promises", "no violation", found, early + sum(broken.values()) == 0)


def _rule(name: str, scores: list[Score], shares: list[AtEqualStarts]) -> Rule:
    values = [share.value for share in shares]
    return Rule(
        name=name,
        score=sum(scores[1:], scores[0]),
        value=mean(values),
        value_spread=stdev(values) if len(values) > 1 else 0.0,
        value_worst=min(values),
        captured=mean(share.captured for share in shares),
        starts_worst=max(score.starts_a_day for score in scores),
    )
