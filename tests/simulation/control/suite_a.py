"""Suite A, the surplus: nothing limits what is imported, and a load takes all that it is given."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from p1meter.loads import LoadSettings, Site

from .appliances import APPLIANCES
from .audit import too_early
from .closed_loop import Loop
from .score import Score, energies

if TYPE_CHECKING:
    from p1meter.loads.model import Priority

    from .house import Trace


@dataclass(frozen=True, slots=True)
class Setup:
    """How the law is set.

    Attributes:
        cost_wh: of a start and of a stop.
        period_s: of the telegrams.
        priority: of the loads.
        factor: what the person believes of the loads' nominal power.
    """

    cost_wh: float
    period_s: int = 1
    priority: Priority = "fair"
    factor: float = 1.0

    @property
    def loads(self) -> tuple[LoadSettings, ...]:
        """As a person adds them: two on relays, and a charger."""
        return tuple(
            LoadSettings(
                load.name,
                load.nominal_w * self.factor,
                rank,
                start_cost_wh=self.cost_wh,
                stop_cost_wh=self.cost_wh,
                latency_s=15.0 if load.name == "charger" else 2.0,
                ramp_s=10.0 if load.name == "charger" else 2.0,
            )
            for rank, load in enumerate(APPLIANCES, 1)
        )

    @property
    def site(self) -> Site:
        """Without limits."""
        return Site(period_s=self.period_s, stale_s=max(10.0, 3.5 * self.period_s), priority=self.priority)


EAGER: Final = "law, start cost 5 Wh (eager)"
DEFAULT: Final = "law, start cost 20 Wh (default)"
QUIET: Final = "law, start cost 70 Wh (quiet)"
STRICT: Final = "law, start cost 20 Wh, strict"
SLOW: Final = "law, start cost 5 Wh, 10-s meter"
TOO_LOW: Final = "law, start cost 5 Wh, 10-s meter, power given 25 % too low"
TOO_HIGH: Final = "law, start cost 5 Wh, 10-s meter, power given 25 % too high"

SETUPS: Final = {
    EAGER: Setup(5.0),
    DEFAULT: Setup(20.0),
    QUIET: Setup(70.0),
    STRICT: Setup(20.0, priority="strict"),
    SLOW: Setup(5.0, period_s=10),
    TOO_LOW: Setup(5.0, period_s=10, factor=0.75),
    TOO_HIGH: Setup(5.0, period_s=10, factor=1.25),
}


@dataclass(frozen=True, slots=True)
class Played:
    """What the law did: its score, and the commands it gave too early."""

    score: Score
    too_early: int


def play(trace: Trace, setup: Setup, seed: int) -> Played:
    """Let the law live through the days."""
    loop = Loop(trace, setup.loads, setup.site, seed=seed)
    loop.run()
    return Played(scored(loop, trace), too_early(loop.switched, setup.loads))


def scored(loop: Loop, trace: Trace) -> Score:
    """What a loop that has lived through the trace is worth."""
    captured, imported = energies(trace.spare, loop.drawn.sum(0))
    starts = np.array([(switch.load, switch.second // 3_600) for switch in loop.switched if switch.on], int)
    starts = starts.reshape(-1, 2)
    each = tuple(int((starts[:, 0] == load).sum()) for load in range(len(APPLIANCES)))
    _, hourly = np.unique(starts, axis=0, return_counts=True)
    return Score(trace.days, captured, imported, each, int(hourly.max(initial=0)))
