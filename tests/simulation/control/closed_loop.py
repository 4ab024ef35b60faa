"""The law as shipped, at work in the house: it is given telegrams, and what it commands changes the next ones."""

from dataclasses import dataclass, replace
from enum import Enum
import json
from typing import TYPE_CHECKING, Final

import numpy as np

from p1meter.loads import Command, Controller, LoadInput, LoadSettings, Reason, Sample, Site

from .appliances import APPLIANCES
from .metering import DELAY_S, START, Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from numpy.typing import NDArray

    from .house import Trace

_LONG_AGO: Final = -100_000
_IDS: Final = tuple(load.name for load in APPLIANCES)


class Telegrams(Enum):
    """What comes from the meter."""

    LIVE = "live"
    SILENT = "silent"
    FROZEN = "frozen"
    """The last one, again and again."""


@dataclass(frozen=True, slots=True)
class Switched:
    """A load was switched. `reason` None: by a person."""

    second: int
    load: int
    on: bool
    reason: Reason | None


class Tank:
    """The boiler's water, kWh: the thermostat opens when it is hot, and closes when enough has been used."""

    HOT: Final = 8.0
    COOL: Final = 7.4
    BATH: Final = 1.7
    BATHS: Final = frozenset((25_200, 30_600, 66_600, 72_000, 77_400))  # seconds of the day
    LOSS: Final = 0.06 / 3_600

    def __init__(self) -> None:
        self.energy = 4.0
        self.open = False
        self.opened = bytearray()
        """For each second: 1 if the thermostat was open."""

    def step(self, second_of_day: int, heating_w: float) -> float:
        """Live through a second; return what is drawn of the `heating_w` that is offered, W."""
        self.energy -= self.LOSS + (self.BATH if second_of_day in self.BATHS else 0.0)
        if self.energy < self.COOL:
            self.open = False
        drawn = 0.0 if self.open else heating_w
        self.energy += drawn / 3.6e6
        if self.energy >= self.HOT:
            self.open = True
        self.opened.append(self.open)
        return drawn


class Loop:
    """House, meter, loads and law, second by second.

    Args:
        trace: sun and household.
        loads: settings of the three, in the order of `APPLIANCES`.
        site: the connection.
        seed: of the telegrams that get lost.
        phases: the phase, 0 to 2, that each load is on.
        start: midnight by the clock on the wall, at which the trace begins.
        tank: what the boiler heats; None: it always draws.

    Attributes:
        second: since the start.
        on: which loads are switched on.
        controller: the law.
        switched: all that was switched so far.
        lost: for each second, whether a telegram then is.
        dead: loads that draw nothing, whatever their switch says.
        steps: telegrams that the law was given.
        watch: called after each telegram that the law was given.
    """

    def __init__(
        self,
        trace: Trace,
        loads: Iterable[LoadSettings],
        site: Site,
        *,
        seed: int,
        phases: tuple[int, ...] = (0, 1, 2),
        start: datetime = START,
        tank: Tank | None = None,
    ) -> None:
        self._loads = tuple(loads)
        self.controller = Controller(self._loads, site)
        self._period = round(site.period_s)
        self._meter = Meter(trace, seed, phases, start, demand=site.target_w is not None)
        self.lost = self._meter.lost
        self._tank = tank
        self._trace = trace
        self.on = [False] * len(APPLIANCES)
        self._since = [_LONG_AGO] * len(APPLIANCES)
        self._inputs = dict.fromkeys(_IDS, LoadInput(on=False))
        self._moving_until = 0
        self._last: int | None = None
        self._sample: Sample | None = None
        self._boot = 1_000.0  # the monotonic clock at second 0
        self._drawn: list[tuple[int, tuple[float, ...]]] = []  # from which second on
        self.second = 0
        self.switched: list[Switched] = []
        self.dead: set[int] = set()
        self.steps = 0
        self.watch: Callable[[Loop], None] | None = None

    def run(self, seconds: int | None = None, telegrams: Telegrams = Telegrams.LIVE) -> None:
        """Live on for so long, or to the end of the trace."""
        end = len(self._trace.sun) if seconds is None else self.second + seconds
        meter, tank, period, lost = self._meter, self._tank, self._period, self._meter.lost
        drawn = self._draws(self.second)
        total = sum(drawn)
        self._drawn.append((self.second, drawn))
        for second in range(self.second, end):
            self.second = second
            if second <= self._moving_until or tank is not None:
                new = self._draws(second)
                if new != drawn:
                    drawn, total = new, sum(new)
                    self._drawn.append((second, drawn))
            meter.measure(second, drawn, total)
            if second % period == 0 and second >= DELAY_S and not lost[second] and telegrams is not Telegrams.SILENT:
                self._receive(second, telegrams)
            elif self._last is not None and second - self._last > 2 * period:
                self._obey(self.controller.tick(self._boot + second, meter.wall(second)))
        self.second = end

    def switch_by_hand(self, load: int, *, on: bool) -> None:
        """What a person does at the device, or in Home Assistant, behind the law's back."""
        self._switch(load, on=on, reason=None)

    def restart(self, seconds: int) -> None:
        """End the law, and begin it anew from what it kept; the loads stay as they are, and the machine boots."""
        kept = json.dumps(self.controller.state)
        site = self.controller.site
        self._last = None
        self.run(seconds, Telegrams.SILENT)
        self._boot -= self.second  # the monotonic clock begins anew
        self.controller = Controller(self._loads, site, json.loads(kept))

    @property
    def drawn(self) -> NDArray[np.float64]:
        """What each load drew until now, W, by load and second."""
        seconds = [second for second, _ in self._drawn]
        lengths = np.diff([*seconds, self.second])
        return np.repeat(np.array([power for _, power in self._drawn]).T, lengths, axis=1)

    @property
    def net(self) -> NDArray[np.float64]:
        """What the connection drew until now, W for each second."""
        return np.asarray(self.drawn.sum(0) - self._trace.spare[: self.second])

    def _draws(self, second: int) -> tuple[float, ...]:
        offered = [
            load.draw(second - since) if on and i not in self.dead else 0.0
            for i, (load, on, since) in enumerate(zip(APPLIANCES, self.on, self._since, strict=True))
        ]
        if self._tank is not None:
            offered[0] = self._tank.step(second % 86_400, offered[0])
        return tuple(offered)

    def _receive(self, second: int, telegrams: Telegrams) -> None:
        now = self._boot + second
        if telegrams is Telegrams.FROZEN and self._sample is not None:
            sample = replace(self._sample, now=now, loads=self._inputs)
        else:
            sample = self._meter.read(second - DELAY_S, now, self._inputs)
        self._sample = sample
        commands = self.controller.step(sample)
        self.steps += 1
        self._last = second
        if commands:
            self._obey(commands)
        if self.watch is not None:
            self.watch(self)

    def _obey(self, commands: Iterable[Command]) -> None:
        for command in commands:
            self._switch(_IDS.index(command.load), on=command.on, reason=command.reason)

    def _switch(self, load: int, *, on: bool, reason: Reason | None) -> None:
        if self.on[load] == on:
            return
        self.on[load] = on
        self._since[load] = self.second
        self._inputs = {**self._inputs, _IDS[load]: LoadInput(on=on)}
        self._moving_until = max(self._moving_until, self.second + 60)
        self.switched.append(Switched(self.second, load, on, reason))
        self.controller.seen(_IDS[load], on=on)
