"""Suite C, what goes wrong: each fault in two days of its own, and what the law must not do in it."""

from dataclasses import dataclass
from datetime import datetime
import itertools
from typing import TYPE_CHECKING, Final

import numpy as np

from . import audit
from .closed_loop import Loop, Telegrams
from .house import trace
from .metering import START, ZONE
from .suite_a import EAGER, SETUPS, scored

if TYPE_CHECKING:
    from collections.abc import Callable

    from .suite_a import Setup

DAYS: Final = 2
_SETUP: Final[Setup] = SETUPS[EAGER]
_STALE_S: Final = round(_SETUP.site.stale_s)
_BOILER: Final = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened in a scenario.

    Attributes:
        happened: how often the fault did.
        violations: of what the law promises in it.
        captured: kWh a day from the own sun.
        imported: kWh a day from the grid.
        starts: a day, of all loads.
    """

    happened: int
    violations: int
    captured: float
    imported: float
    starts: float


class Scenario:
    """The house with a fault that comes at random times."""

    def __init__(self, seed: int, start: datetime = START) -> None:
        self.rng = np.random.default_rng([seed, 2])
        self.trace = trace(seed, DAYS)
        self.loop = Loop(self.trace, _SETUP.loads, _SETUP.site, seed=seed, start=start)
        self.spans: list[tuple[int, int]] = []

    def each(self, pause_s: tuple[int, int], fault: Callable[[], None]) -> None:
        """Let the fault come again and again after such pauses, to the end of the trace."""
        while True:
            pause = int(self.rng.integers(*pause_s))
            if self.loop.second + pause + 2 * 3_600 > len(self.trace.sun):
                break
            self.loop.run(pause)
            fault()
        self.loop.run()

    def outcome(self, happened: int, violations: int) -> Outcome:
        """Judge."""
        early = audit.too_early(self.loop.switched, _SETUP.loads)
        score = scored(self.loop, self.trace)
        return Outcome(happened, violations + early, score.captured, score.imported, score.starts_a_day)


def _nothing(scenario: Scenario) -> Outcome:
    scenario.loop.run()
    return scenario.outcome(0, 0)


def _silence(scenario: Scenario) -> Outcome:
    """No telegram for a minute to an hour: nothing starts, and all is off when nothing is known any more."""

    def fault() -> None:
        begin = scenario.loop.second
        scenario.loop.run(int(scenario.rng.integers(60, 3_600)), Telegrams.SILENT)
        scenario.spans.append((begin + 3, scenario.loop.second + 1))  # the third good telegram comes after that

    scenario.each((1_800, 7_200), fault)
    spans = scenario.spans
    still_on = sum(bool(scenario.loop.drawn[:, begin + _STALE_S : end - 1].any()) for begin, end in spans)
    return scenario.outcome(len(spans), audit.starts_within(scenario.loop.switched, spans) + still_on)


def _frozen(scenario: Scenario) -> Outcome:
    """The same telegram for a minute to an hour: no load is switched to and fro on it."""

    def fault() -> None:
        begin = scenario.loop.second
        scenario.loop.run(int(scenario.rng.integers(60, 3_600)), Telegrams.FROZEN)
        scenario.spans.append((begin, scenario.loop.second))

    scenario.each((1_800, 7_200), fault)
    spans = scenario.spans
    restless = sum(max(0, audit.starts_within(scenario.loop.switched, [span]) - 3) for span in spans)
    return scenario.outcome(len(spans), restless)


def _restart(scenario: Scenario) -> Outcome:
    """Restarts of 10 s to 5 min, outputs as they were: no command in the first three telegrams."""

    def fault() -> None:
        scenario.loop.restart(int(scenario.rng.integers(10, 300)))
        scenario.spans.append((scenario.loop.second, scenario.loop.second + 2))

    scenario.each((900, 5_400), fault)
    return scenario.outcome(len(scenario.spans), audit.commands_within(scenario.loop.switched, scenario.spans))


def _hand(scenario: Scenario) -> Outcome:
    """A person switches a load over: it stays so for two hours."""
    hands = 0

    def fault() -> None:
        nonlocal hands
        load = int(scenario.rng.integers(0, 3))
        scenario.loop.switch_by_hand(load, on=not scenario.loop.on[load])
        hands += 1

    scenario.each((7_300, 10_800), fault)
    return scenario.outcome(hands, audit.hands_overruled(scenario.loop.switched, _SETUP.loads))


def _dead(scenario: Scenario) -> Outcome:
    """The boiler draws nothing: it is tried again twice an hour at most, and the others get the sun.

    Nobody can be sure of that from outside: another appliance may fall in the seconds of its stop.
    """
    scenario.loop.dead.add(_BOILER)
    scenario.loop.run()
    tries = [switch.second for switch in scenario.loop.switched if switch.load == _BOILER and switch.on]
    hasty = sum(after - before < _SETUP.loads[_BOILER].idle_retry_s for before, after in itertools.pairwise(tries))
    return scenario.outcome(len(tries), hasty)


DEAD: Final = "a boiler that draws nothing"
SCENARIOS: Final[dict[str, tuple[Callable[[Scenario], Outcome], datetime]]] = {
    "nothing": (_nothing, START),
    "silence": (_silence, START),
    "frozen telegrams": (_frozen, START),
    "restarts": (_restart, START),
    "a person's hand": (_hand, START),
    DEAD: (_dead, START),
    "the day of 23 hours": (_nothing, datetime(2026, 3, 29, tzinfo=ZONE)),
    "the day of 25 hours": (_nothing, datetime(2026, 10, 25, tzinfo=ZONE)),
}


def play(name: str, seed: int) -> Outcome:
    """Live through one of `SCENARIOS`."""
    scenario, start = SCENARIOS[name]
    return scenario(Scenario(seed, start))
