"""A house on its connection: what the meter would say, second by second, and what the control law makes of it.

It knows nothing of the law: powers and faults go in, commands come out and switch what is simulated. No randomness.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
import json
from typing import TYPE_CHECKING, Literal, NamedTuple
from zoneinfo import ZoneInfo

from p1meter.loads import Controller, Detail, LoadInput, LoadSettings, Phase, Reason, Sample, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ZONE = ZoneInfo("Europe/Brussels")
NOON = datetime(2026, 6, 15, 12, 0, tzinfo=ZONE)
VOLTS = 230.0

type Watts = float | tuple[float, float, float]
"""Of the house without its managed loads, sun taken off; one number is spread over the phases."""
type Course = Watts | Callable[[int], Watts]
type When = Callable[[int], bool]


def always(_: int) -> bool:
    return True


def never(_: int) -> bool:
    return False


class Switch(NamedTuple):
    """A command, and the second it came in."""

    at: int
    load: str
    on: bool
    reason: Reason
    detail: Detail


@dataclass
class Appliance:
    """What hangs on an output.

    Attributes:
        settings: what the law is told of it.
        draws_w: what it really draws; None: its nominal power.
        on: what its output really is.
        wants: whether it draws when it is on (its thermostat).
        obeys: whether a command reaches the output.
        available: whether the state of the output can be seen, and commands reach it.
        allowed: what the person named as its permission says.
        confirms_s: how long the output goes on showing its old state.
        metered: it has a power sensor of its own.
        latency_s: from the output to the first change of power; None: as the law is told.
        ramp_s: from there to full power; likewise.
    """

    settings: LoadSettings
    draws_w: float | None = None
    on: bool = False
    wants: When = always
    obeys: When = always
    available: When = always
    allowed: When = always
    confirms_s: int = 0
    metered: bool = False
    latency_s: float | None = None
    ramp_s: float | None = None

    def __post_init__(self) -> None:
        self.full_w = self.settings.power_w if self.draws_w is None else self.draws_w
        self.latency = self.settings.latency_s if self.latency_s is None else self.latency_s
        self.ramp = self.settings.ramp_s if self.ramp_s is None else self.ramp_s
        self.phases = self.settings.phases or (1,)
        self.switched_at = -100_000
        self.before_w = 0.0
        self.shown_before = self.on
        self.power_w = 0.0
        self.ran_s = 0
        self.energy_wh = 0.0

    def switch(self, on: bool, at: int) -> None:  # noqa: FBT001 (as the output's own call)
        if on != self.on:
            self.shown_before, self.on = self.on, on
            self.before_w, self.switched_at = self.power_w, at

    def shown(self, at: int) -> bool | None:
        if not self.available(at):
            return None
        return self.on if at - self.switched_at >= self.confirms_s else self.shown_before

    def advance(self, at: int) -> float:
        """One second of physics; the power at its end."""
        since = at - self.switched_at - self.latency
        if since < 0:
            power = self.before_w
        elif not self.on:
            power = 0.0
        else:
            power = self.full_w if since >= self.ramp else self.full_w * since / self.ramp
        if power and not self.wants(at):
            power = 0.0
        self.power_w = power
        if power > 0.5 * self.full_w:
            self.ran_s += 1
        self.energy_wh += power / 3600
        return power


@dataclass
class Plant:
    """The connection, its meter, and the controller that watches it.

    Attributes:
        appliances: the managed loads.
        house: power of all else.
        site: what the law is told of the connection.
        start: wall clock at second 0.
        period: seconds from one telegram to the next.
        delay: how old a telegram's values are.
        lost: telegrams that do not come.
        frozen: telegrams that come with the values of the last one before, but for the time.
        stuck: telegrams whose time is that of the last one before.
        whole_amperes: the meter has no decimals of current.
        reports_phases: it sends values by phase.
        demand: whether it sends the running demand: as energy over the whole window, or over what has passed of it.
        month_peak_w: the month's peak at the start; None: it sends none.
        tariff, price_buy, price_sell: what applies.
        clock_error: added to the meter's clock, s.
    """

    appliances: Iterable[Appliance]
    house: Course = 0.0
    site: Site = field(default_factory=Site)
    start: datetime = NOON
    period: int = 1
    delay: int = 0
    lost: When = never
    frozen: When = never
    stuck: When = never
    whole_amperes: bool = False
    reports_phases: bool = True
    demand: Literal["window", "elapsed"] | None = None
    month_peak_w: float | None = None
    tariff: int | None = None
    price_buy: float | None = None
    price_sell: float | None = None
    clock_error: Callable[[int], float] = lambda _: 0.0

    def __post_init__(self) -> None:
        self.loads = {appliance.settings.id: appliance for appliance in self.appliances}
        self.at = 0
        self.origin = 1000.0
        self.switches: list[Switch] = []
        self.import_wh = 1_234_567.0
        self.window_wh = 0.0
        self.windows: list[tuple[datetime, float]] = []
        self.overload_s = [0, 0, 0]
        self.net_w = 0.0
        self.watch: Callable[[Sample | None, list[Switch]], None] | None = None
        # Whether a tick is told what the outputs are.
        self.is_seen = False
        self._begin = self.start.timestamp()
        self._past: deque[tuple[float, float, float]] = deque(maxlen=self.delay + 1)
        self._last: tuple[float, float, float] = (0.0, 0.0, 0.0)
        self._told = self.start
        self._phases: tuple[Phase | None, Phase | None, Phase | None] = (None, None, None)
        self._phases_of: object = None
        self.controller = Controller(self.settings, self.site)

    @property
    def settings(self) -> list[LoadSettings]:
        return [appliance.settings for appliance in self.loads.values()]

    def now(self) -> float:
        return self.origin + self.at

    def wall(self) -> datetime:
        return datetime.fromtimestamp(self._begin + self.at + self.clock_error(self.at), ZONE)

    def run(self, seconds: int) -> list[Switch]:
        """Go on for so long; what was commanded in that time."""
        first = len(self.switches)
        for _ in range(seconds):
            self._second()
        return self.switches[first:]

    def until(self, hour: int, minute: int, second: int = 0) -> list[Switch]:
        """Go on until the next telegram would be the one of this local time; what was commanded meanwhile."""
        first = len(self.switches)
        self._second()
        while True:
            wall = self.wall()
            if (wall.hour, wall.minute, wall.second) == (hour, minute, second):
                return self.switches[first:]
            self._second()

    def run_until_switched(self, limit: int) -> Switch | None:
        """Go on until the next command, the second it came in included, at most so long."""
        first = len(self.switches)
        for _ in range(limit):
            self._second()
            if len(self.switches) > first:
                return self.switches[first]
        return None

    def by_hand(self, load: str, on: bool) -> None:  # noqa: FBT001 (as the output's own call)
        """Somebody turns the output itself: a wall switch, another automation."""
        self.loads[load].switch(on, self.at)

    def restart(self, *, lost_s: int = 0, state: Mapping[str, object] | None = None) -> None:
        """A new process with what was kept, on a monotonic clock that began anew, after so long without anybody."""
        kept = json.loads(json.dumps(self.controller.state if state is None else state))
        for _ in range(lost_s):
            self._physics()
            self.at += 1
        self.origin = 50.0 - self.at
        self.controller = Controller(self.settings, self.controller.site, kept)

    def on(self, load: str) -> bool:
        return self.loads[load].on

    def reason(self, load: str) -> Reason:
        return self.controller.reasons[load]

    def of(self, load: str) -> list[tuple[int, bool]]:
        return [(switch.at, switch.on) for switch in self.switches if switch.load == load]

    def _physics(self) -> None:
        house = self.house(self.at) if callable(self.house) else self.house
        powers = list(house) if isinstance(house, tuple) else [house / 3] * 3
        for appliance in self.loads.values():
            power = appliance.advance(self.at)
            if power:
                for phase in appliance.phases:
                    powers[phase - 1] += power / len(appliance.phases)
        self.net_w = sum(powers)
        if self.site.fuse_a is not None:
            for phase, power in enumerate(powers):
                self.overload_s[phase] += power / VOLTS > self.site.fuse_a
        wall_s = self._begin + self.at
        if wall_s % self.site.window_s == 0:
            if self.at:
                mean = self.window_wh * 3600 / self.site.window_s
                opened = datetime.fromtimestamp(wall_s - self.site.window_s, ZONE)
                self.windows.append((opened, mean))
                self._keep_peak(opened, mean)
            self.window_wh = 0.0
        drawn = max(0.0, self.net_w) / 3600
        self.import_wh += drawn
        self.window_wh += drawn
        self._past.append((powers[0], powers[1], powers[2]))

    def _keep_peak(self, opened: datetime, mean: float) -> None:
        if self.month_peak_w is not None:
            new_month = datetime.fromtimestamp(self._begin + self.at, ZONE).month != opened.month
            self.month_peak_w = 0.0 if new_month else max(self.month_peak_w, mean)

    def _second(self) -> None:
        self._physics()
        sample = None
        if self.at % self.period == 0 and not self.lost(self.at):
            sample = self._telegram()
            commands = self.controller.step(sample)
        else:
            commands = self.controller.tick(self.now(), self.wall(), self._inputs() if self.is_seen else None)
        switches = [Switch(self.at, c.load, c.on, c.reason, c.detail) for c in commands]
        for switch in switches:
            appliance = self.loads[switch.load]
            if appliance.available(self.at) and appliance.obeys(self.at):
                appliance.switch(switch.on, self.at)
        self.switches += switches
        if self.watch is not None:
            self.watch(sample, switches)
        self.at += 1

    def _telegram(self) -> Sample:
        if not self.frozen(self.at):
            self._last = self._past[0]
        if not self.stuck(self.at):
            self._told = self.wall()
        # Most houses are steady: what was worked out for the same powers is taken again.
        told_by = (self._last, self.whole_amperes, self.reports_phases)
        if told_by != self._phases_of:
            self._phases, self._phases_of = (self._phase(0), self._phase(1), self._phase(2)), told_by
        net = round(sum(self._last))
        passed = (self._begin + self.at) % self.site.window_s + 1
        demand = None
        if self.demand is not None:
            over = self.site.window_s if self.demand == "window" else passed
            demand = round(self.window_wh * 3600 / over)
        return Sample(
            now=self.now(),
            wall=self._told,
            import_w=max(0.0, net),
            export_w=max(0.0, -net),
            phases=self._phases,
            import_wh=float(int(self.import_wh)),
            demand_w=demand,
            month_peak_w=self.month_peak_w,
            tariff=self.tariff,
            price_buy=self.price_buy,
            price_sell=self.price_sell,
            loads=self._inputs(),
        )

    def _inputs(self) -> dict[str, LoadInput]:
        return {
            name: LoadInput(
                appliance.shown(self.at),
                appliance.power_w if appliance.metered else None,
                appliance.allowed(self.at),
            )
            for name, appliance in self.loads.items()
        }

    def _phase(self, phase: int) -> Phase | None:
        if not self.reports_phases:
            return None
        power = self._last[phase]
        current = abs(power) / VOLTS
        return Phase(
            round(current) if self.whole_amperes else round(current, 2),
            max(0.0, round(power)),
            max(0.0, round(-power)),
            VOLTS,
        )
