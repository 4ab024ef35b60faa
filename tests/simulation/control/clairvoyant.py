"""The best that could have been done by somebody who knew the day beforehand.

Viterbi over the eight sets of loads, second by second, on what the panels really left: the value J of what was drawn,
less a cost for each start. Loads draw at once and stops are free, so no rule can reach it.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from .appliances import APPLIANCES, POWER, SETS, members
from .house import DAY, Trace
from .score import THETA, Score

if TYPE_CHECKING:
    from numpy.typing import NDArray

COSTS_WH: Final = (0.0, 1.0, 3.0, 6.0, 10.0, 15.0, 20.0, 30.0, 45.0, 70.0)
"""Of a start: many starts for little at one end of the frontier, few for much at the other."""

_SET_POWER: Final = np.array([sum(POWER[i] for i in members(chosen)) for chosen in SETS])
_LOADS: Final = len(APPLIANCES)


def frontier(trace: Trace) -> list[Score]:
    """One score for each of `COSTS_WH`.

    Days are worked out side by side: whoever knows them has nothing on at midnight. At night nothing is worth running.
    """
    spare = np.clip(trace.spare.reshape(trace.days, DAY).T, 0, None)
    sunny = np.flatnonzero(spare.any(1))
    spare = spare[sunny[0] : sunny[-1] + 1]
    chosen = _best_sets(spare)
    return [_score(spare, chosen[:, i], int(sunny[0])) for i in range(len(COSTS_WH))]


def _best_sets(spare: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The set that is on, by second, cost and day. `spare`: by second and day."""
    seconds, days = spare.shape
    costs = np.array(COSTS_WH)[:, None] * 3_600
    shape = (2,) * _LOADS
    # The axes are those of the sets' bits, the highest first, then cost and day.
    power = _SET_POWER.reshape(*shape, 1, 1)
    fixed = THETA * power
    best = np.full((*shape, len(COSTS_WH), days), -1e18)
    best[0, 0, 0] = 0
    came = np.zeros((seconds, *best.shape), np.uint8)  # bit i: load i was switched in this second
    for second in range(seconds):
        for load in range(_LOADS):
            axis = _LOADS - 1 - load
            off, on = (best.take(state, axis) for state in (0, 1))
            started = off - costs
            here = np.moveaxis(came[second], axis, 0)
            here[0] |= (on > off).view(np.uint8) << load
            here[1] |= (started > on).view(np.uint8) << load
            there = np.moveaxis(best, axis, 0)
            np.maximum(off, on, out=there[0])
            np.maximum(on, started, out=there[1])
        best += np.minimum(power, spare[second])
        best -= fixed
    return _backwards(came.reshape(seconds, len(SETS), -1), best.reshape(len(SETS), -1)).reshape(seconds, -1, days)


def _backwards(came: NDArray[np.uint8], best: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Follow what was best back to the start; the loads' switches of a second in the reverse order."""
    seconds, _, ways = came.shape
    each = np.arange(ways)
    chosen = np.empty((seconds, ways), np.uint8)
    now = best.argmax(0).astype(np.uint8)
    for second in range(seconds - 1, -1, -1):
        chosen[second] = now
        switched = came[second]
        for load in range(_LOADS - 1, -1, -1):
            now = now ^ (switched[now, each] & (1 << load))
    return chosen


def _score(spare: NDArray[np.float64], chosen: NDArray[np.uint8], begin: int) -> Score:
    drawn = _SET_POWER[chosen]
    covered = float(np.minimum(drawn, spare).sum())
    before = np.vstack([np.zeros_like(chosen[:1]), chosen[:-1]])
    started = chosen & ~before
    hours = (np.arange(len(chosen)) + begin) // 3_600
    starts, most = [], 0
    for load in range(_LOADS):
        when, day = np.nonzero(started >> load & 1)
        starts.append(len(when))
        if len(when):
            most = max(most, int(np.bincount(hours[when] * spare.shape[1] + day).max()))
    return Score(spare.shape[1], covered / 3.6e6, (float(drawn.sum()) - covered) / 3.6e6, tuple(starts), most)
