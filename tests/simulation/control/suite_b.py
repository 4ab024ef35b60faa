"""Suite B, everything at once: deadlines, a thermostat, the quarter of an hour and the fuse, all loads on L1."""

from dataclasses import dataclass
from datetime import time
from typing import TYPE_CHECKING, Final

import numpy as np

from p1meter.loads import FOREVER, LoadSettings, Reason, Site

from . import house
from .audit import too_early
from .closed_loop import Loop, Tank
from .house import DAY
from .metering import DELAY_S, VOLTAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .closed_loop import Switched
    from .house import Trace

FUSE_A: Final = 25.0
TARGET_W: Final = 2_500.0
_QUARTER: Final = 900
_PHASES: Final = (0, 0, 0)
_LOCKED_S: Final = 300
_SAME_S: Final = 30

LOADS: Final = (
    LoadSettings("boiler", 2_000, 1, phases=(1,), start_cost_wh=5, stop_cost_wh=5, min_run_s=7_200, deadline=time(22)),
    LoadSettings("pump", 1_000, 2, phases=(1,), start_cost_wh=5, stop_cost_wh=5, min_run_s=14_400, deadline=time(20)),
    LoadSettings(
        "charger",
        3_600,
        3,
        phases=(1,),
        start_cost_wh=5,
        stop_cost_wh=5,
        latency_s=15,
        ramp_s=10,
        min_run_s=9_000,
        deadline=time(7),
        day_start=time(7),
    ),
)


@dataclass(frozen=True, slots=True)
class Case:
    """What is played.

    Attributes:
        site: the connection.
        winter: whether it is.
        by_hand: a person has switched all loads on for ever; more than the fuse can bear.
    """

    site: Site
    winter: bool
    by_hand: bool = False


_PROTECTED: Final = Site(fuse_a=FUSE_A, target_w=TARGET_W, priority="strict")
_UNPROTECTED: Final = Site(period_s=10, stale_s=35, priority="strict")
"""To compare with; what does not protect needs no telegram each second."""
WINTER: Final = "winter, protected"
CASES: Final = {
    WINTER: Case(_PROTECTED, winter=True),
    "winter, unprotected": Case(_UNPROTECTED, winter=True),
    "summer, protected": Case(_PROTECTED, winter=False),
    "summer, unprotected": Case(_UNPROTECTED, winter=False),
    "winter, fuse alone, all switched on by hand": Case(Site(fuse_a=FUSE_A), winter=True, by_hand=True),
}


@dataclass(frozen=True, slots=True)
class Protection:
    """How well the connection was protected, and what that cost.

    Attributes:
        days: how many.
        quarters: that took more than the target, and would not have without the loads.
        excess_w: the most that such a quarter, or one that was over anyway, took more than it had to.
        over_s: seconds in which a phase imported more than the fuse, and would not have without the loads.
        over_longest_s: the longest of these times, from its first second to its last.
        over_events: how often that was; what is less than `_SAME_S` apart is one.
        over_missed: how often the law did not shed on the first telegram that said so.
        repeated: starts of a load within 300 s after it was shed for the fuse.
        short_s: what was missing of the minimum run times at their deadlines.
        too_early: commands within min_on_s or min_off_s that protect nothing.
        starts: of all loads.
    """

    days: int
    quarters: int
    excess_w: float
    over_s: int
    over_longest_s: int
    over_events: int
    over_missed: int
    repeated: int
    short_s: float
    too_early: int
    starts: int


def play(case: Case, days: int, seed: int) -> Protection:
    """Let the law live through the days."""
    trace = house.trace(seed, days, winter=case.winter)
    tank = Tank()
    loop = Loop(trace, LOADS, case.site, seed=seed, phases=_PHASES, tank=tank)
    if case.by_hand:
        for load in LOADS:
            loop.controller.override(load.id, True, FOREVER)  # noqa: FBT003 - the interface of the law
    loop.run()
    drawn = loop.drawn
    quarters, excess = _quarters(trace, loop.net)
    over = _over(trace, drawn)
    events = _events(over)
    return Protection(
        days=trace.days,
        quarters=quarters,
        excess_w=excess,
        over_s=int(over.sum()),
        over_longest_s=max((end - begin for begin, end in events), default=0),
        over_events=len(events),
        over_missed=_missed(over, events, loop),
        repeated=_repeated(loop.switched),
        short_s=sum(_short(i, load, drawn[i], tank) for i, load in enumerate(LOADS)),
        too_early=too_early(loop.switched, LOADS),
        starts=sum(switch.on for switch in loop.switched),
    )


def _quarters(trace: Trace, net: NDArray[np.float64]) -> tuple[int, float]:
    with_loads, alone = (
        np.clip(power, 0, None).reshape(-1, _QUARTER).mean(1) for power in (net, -trace.spare[: len(net)])
    )
    over = (with_loads > TARGET_W) & (alone <= TARGET_W)
    return int(over.sum()), float(max(0.0, (with_loads - np.maximum(alone, TARGET_W)).max()))


def _over(trace: Trace, drawn: NDArray[np.float64]) -> NDArray[np.bool_]:
    """The seconds in which the meter says that L1 imports more than the fuse, because of the loads."""
    alone = trace.phases[0] - trace.sun / 3
    with_loads = np.round(np.rint(alone + drawn.sum(0)) / VOLTAGE, 2)
    over: NDArray[np.bool_] = (with_loads > FUSE_A) & (alone / VOLTAGE <= FUSE_A)
    return over


def _events(over: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """From where to where (not included) it is over the fuse."""
    events: list[tuple[int, int]] = []
    for second in np.flatnonzero(over).tolist():
        if events and second - events[-1][1] < _SAME_S:
            events[-1] = (events[-1][0], second + 1)
        else:
            events.append((second, second + 1))
    return events


def _missed(over: NDArray[np.bool_], events: list[tuple[int, int]], loop: Loop) -> int:
    """How often nothing was shed on the first telegram that said so. A load may have gone off just before."""
    stops = {switch.second for switch in loop.switched if not switch.on}
    missed = 0
    for begin, end in events:
        heard = (second + DELAY_S for second in range(begin, end) if over[second])
        first = next((second for second in heard if second < len(over) and not loop.lost[second]), None)
        missed += first is not None and not any(second in stops for second in range(begin, first + 1))
    return missed


def _repeated(switched: Sequence[Switched]) -> int:
    count = 0
    shed: dict[int, int] = {}
    for switch in switched:
        if switch.on:
            count += switch.second - shed.get(switch.load, -_LOCKED_S) < _LOCKED_S
        elif switch.reason is Reason.FUSE:
            shed[switch.load] = switch.second
    return count


def _short(index: int, load: LoadSettings, drawn: NDArray[np.float64], tank: Tank) -> float:
    """What is missing of the minimum run at the deadlines, s. A boiler that is hot then has had enough."""
    if load.deadline is None:
        return 0.0
    begin, end = _second(load.day_start), _second(load.deadline)
    missing = 0.0
    for day in range(0, len(drawn), DAY):
        deadline = day + end
        since = max(0, day + begin - (DAY if end <= begin else 0))
        ran = int((drawn[since:deadline] > 50).sum())
        if ran < load.min_run_s - 60 and not (index == 0 and tank.opened[deadline]):
            missing += load.min_run_s - ran
    return missing


def _second(clock: time) -> int:
    return clock.hour * 3_600 + clock.minute * 60
