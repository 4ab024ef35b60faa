"""Many days side by side, with a rule at work in each: for the rules of others, which forget everything overnight."""

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from .appliances import APPLIANCES, POWER
from .house import DAY, Trace
from .metering import DELAY_S, LOST
from .score import Score

type States = NDArray[np.bool_]
"""By load and day: whether it is on."""
type Watts = NDArray[np.float64]

_LATENCY: Final = np.array([load.latency_s for load in APPLIANCES])[:, None]
_RAMP: Final = np.array([load.ramp_s for load in APPLIANCES])[:, None]
_POWER: Final = POWER[:, None]
_LONG_AGO: Final = -100_000
_BEFORE_SUNRISE: Final = 3_600  # the longest memory of a rule is half an hour


class Rule(Protocol):
    """A rule that decides on many days at once."""

    def decide(self, second: int, fresh: States, net: Watts, on: States, since: NDArray[np.int64]) -> States | None:
        """Return what is to be on; None: no change anywhere.

        `fresh`: the days for which a telegram came in this second; `net`: the last one's, W, + from the grid;
        `since`: when each load was last switched, s of the day.
        """


def play(rule: Rule, trace: Trace, seed: int) -> Score:
    """Let a rule live through the days. The meter is one that sends every second."""
    spare = np.ascontiguousarray(trace.spare.reshape(trace.days, DAY).T)
    sunny = np.flatnonzero((spare > 0).any(1))
    begin, end = max(0, int(sunny[0]) - _BEFORE_SUNRISE), int(sunny[-1])
    days, loads = trace.days, len(APPLIANCES)
    lost = np.random.default_rng([seed, 1]).random(spare.shape, np.float32) < LOST
    on = np.zeros((loads, days), bool)
    since = np.full((loads, days), _LONG_AGO, np.int64)
    nets, net = np.zeros((DELAY_S + 1, days)), np.zeros(days)
    captured, drawn = np.zeros(days), np.zeros(days)
    starts = np.zeros((24, loads, days), np.int64)
    for second in range(begin, DAY):
        if second > end and not on.any():
            break
        rising = (second - since - _LATENCY + 1) / _RAMP
        total = (on * _POWER * np.clip(rising, 0, 1)).sum(0)
        drawn += total
        captured += np.minimum(np.clip(spare[second], 0, None), total)
        nets[second % len(nets)] = np.rint(total - spare[second])
        if second < begin + DELAY_S:
            continue
        fresh = ~lost[second]
        net = np.where(fresh, nets[(second - DELAY_S) % len(nets)], net)
        wanted = rule.decide(second, fresh, net, on, since)
        if wanted is None:
            continue
        switched = wanted != on
        starts[second // 3_600] += switched & wanted
        since[switched] = second
        on = wanted
    energy, covered = float(drawn.sum()) / 3.6e6, float(captured.sum()) / 3.6e6
    each = tuple(int(count) for count in starts.sum((0, 2)))
    return Score(days, covered, energy - covered, each, int(starts.max()))
