"""The meter of the benchmark: what happens, as a telegram says it two seconds later."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import numpy as np

from p1meter.loads import LoadInput, Phase, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .house import Trace

DELAY_S: Final = 2
"""From what happens to the telegram that says it."""
LOST: Final = 0.003
"""Share of the telegrams that do not arrive."""
ZONE: Final = ZoneInfo("Europe/Brussels")
START: Final = datetime(2026, 6, 1, tzinfo=ZONE)
"""When a trace begins, where nothing else is said. Its sun does not follow the calendar."""
VOLTAGE: Final = 230.0
_QUARTER_S: Final = 900


class Meter:
    """Measures every second; `read` says what a telegram of a second says.

    Args:
        trace: sun and household.
        seed: of what gets lost.
        phases: the phase, 0 to 2, that each load is on.
        start: midnight by the clock on the wall, at which the trace begins.
        demand: whether it also sends the running demand of the quarter of an hour (1.4.0).
    """

    def __init__(self, trace: Trace, seed: int, phases: tuple[int, ...], start: datetime, *, demand: bool) -> None:
        sun = trace.sun / 3
        self._lines: list[list[float]] = [(phase - sun).tolist() for phase in trace.phases]
        self._house: list[float] = (-trace.spare).tolist()
        self.lost: list[bool] = (np.random.default_rng([seed, 1]).random(len(sun)) < LOST).tolist()
        self._phases = phases
        self._start = start.astimezone(UTC)
        self._zone = start.tzinfo
        self._demand = demand
        self._imported = 0.0  # Ws
        self._quarter = 0.0  # Ws since it began
        self._seen: list[tuple[tuple[float, ...], float, float, float]] = [((0.0,) * len(phases), 0.0, 0.0, 0.0)] * 3

    def measure(self, second: int, drawn: tuple[float, ...], total: float) -> None:
        """Count a second in which the loads drew so much, W."""
        net = self._house[second] + total
        if second % _QUARTER_S == 0:
            self._quarter = 0.0
        if net > 0:
            self._imported += net
            self._quarter += net
        self._seen[second % 3] = (drawn, net, self._imported, self._quarter)

    def wall(self, second: int) -> datetime:
        """The clock on the wall."""
        return (self._start + timedelta(seconds=second)).astimezone(self._zone)

    def read(self, second: int, now: float, loads: Mapping[str, LoadInput]) -> Sample:
        """What the telegram of one of the last three seconds says.

        `now` is the time of its reception by the monotonic clock; `loads` what is known of them then.
        """
        drawn, net, imported, quarter = self._seen[second % 3]
        lines = [line[second] for line in self._lines]
        for phase, power in zip(self._phases, drawn, strict=True):
            lines[phase] += power
        power = round(net)
        return Sample(
            now,
            self.wall(second),
            max(power, 0),
            max(-power, 0),
            (_phase(round(lines[0])), _phase(round(lines[1])), _phase(round(lines[2]))),
            import_wh=imported // 3_600,
            demand_w=quarter // _QUARTER_S if self._demand else None,
            loads=loads,
        )


@cache
def _phase(power: int) -> Phase:
    """What is sent of a phase that draws so much, W; the same few thousand come again and again."""
    return Phase(round(abs(power) / VOLTAGE, 2), max(power, 0), max(-power, 0), VOLTAGE)
