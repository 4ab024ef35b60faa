"""What a load draws, on which phase, and whether it draws anything: learned from what the meter shows of a switch."""

from collections import deque
from statistics import median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .model import LoadSettings, Sample, Site

# The telegrams of a level; fewer of a meter that is this slow: they span half a minute as it is, and clouds move.
_MANY: Final = 5
_FEW: Final = 3
_SLOW_S: Final = 5.0
# The telegrams after a change until all of it shows.
_LATE: Final = 2
# A silence of so many intervals may hide a change.
_SILENCE: Final = 3.5

# An output that has not done what it was told for so long is no longer awaited.
_PATIENCE_S: Final = 60.0

# Shares of the load's power: what a level may spread; what a load as the person describes it may draw; what is nothing,
# and what is more than that by its own sensor; how near a change must come to be this load's; how near another
# appliance must come not to be told from it; and what is looked at more closely.
_SPREAD: Final = 0.1
_LEAST: Final = 0.3
_MOST: Final = 1.4
_NOTHING: Final = 0.15
_SOMETHING: Final = 0.3
_NEAR: Final = 0.2
_TWIN: Final = 0.05
_STEP: Final = 0.5
# Of a slow meter, how near a fall must come to be its thermostat: clouds move as much between two telegrams.
_NEAR_OF_FEW: Final = 0.1
# How much of a change another phase may show at the same time where the load is on one.
_ELSEWHERE: Final = 0.25
# What a level may spread where all that is asked is whether the load has drawn anything.
_ROUGH: Final = 0.25
# Where the house is unsteady: how near a change must be to the load's, or to nothing, to seem to be it, and how many
# times its power others may have changed in the same seconds.
_SEEMING: Final = 0.35
_BESIDE: Final = 3.0

# Its power is the median of so many measures: two appliances that switch in the same seconds do not move it.
_MEASURES: Final = 5
# Shares of a change: on the phase of a load on one; on each of a load on all three.
_ON_ONE: Final = 0.8
_ON_EACH: Final = (0.2, 0.47)
_ALL_PHASES: Final = (1, 2, 3)
# Rises of other appliances that are remembered, and for how long.
_OTHERS: Final = 8
_OTHERS_S: Final = 3600.0
# A sensor that is polled says what was before for so long; what it says for longer is no moment between two others.
_SENSOR_S: Final = 60.0


class _Measure:
    """What the meter shows of one command: the telegrams before it, until the load has settled, and after."""

    def __init__(self, before: list[Sample], since: float, settled: float, *, on: bool, was_idle: bool) -> None:
        self.before = before
        self.since = since
        self.settled = settled
        self.on = on
        self.was_idle = was_idle
        self.between: list[Sample] = []
        self.after: list[Sample] = []
        # What other loads that were switched meanwhile change; None: no other was.
        self.others_w: float | None = None

    def add(self, change_w: float, settled: float) -> None:
        """Take into account that another load was switched as well."""
        self.others_w = (self.others_w or 0.0) + change_w
        self.settled = max(self.settled, settled)
        self.between.extend(self.after)
        self.after.clear()


class _Others:
    """Other loads that were switched, and the telegrams before the first of them."""

    def __init__(self, before: list[Sample]) -> None:
        self.before = before
        self.change_w = 0.0
        self.settled = float("-inf")


class Learner:
    """Watches the meter, and learns of one load what it draws.

    Its power is the median of the last five changes that its commands made, where the meter was steady before and
    after and the change fits the load. A change of that size without a command is the load's own thermostat, unless
    it undoes a rise that came while the load could not be its cause: that is a kettle, a hob, an oven.

    A load that was believed to draw nothing, and whose stop shows that it did draw, is not believed to open its
    thermostat for an hour: what fell was a cloud, or another appliance. Nor is it believed then to draw nothing because
    its start does not show: a heat pump may need minutes.

    In an unsteady house a stop is believed if it merely seems to show that nothing was drawn, and where it shows
    nothing at all, the start is; of a slow meter, between whose telegrams clouds move, only both together are.

    Attributes:
        power_w: what it draws when it is active.
        idle: whether it is on and known to draw nothing.
        idle_since: since when (monotonic, s); None: it is not idle.
        is_guess: whether that is guessed, as something of its size fell; else its start, or its sensor, has shown it.
        drew: what its last stop has shown, for whom it concerns to take: whether it had drawn anything; None: nothing.
    """

    def __init__(self, load: LoadSettings, state: Mapping[str, Any] | None = None) -> None:
        """Begin with what `state` says, which an earlier learner of the load gave; with its settings without one."""
        state = state or {}
        self._measures: deque[float] = deque(state.get("measures", ()), _MEASURES)
        self._learned: tuple[int, ...] | None = tuple(state.get("phases") or ()) or None
        self._phases_then: tuple[int, ...] | None = None
        self.power_w = load.power_w
        self.load = load
        self.idle: bool = state.get("idle", False)
        self.idle_since: float | None = None
        self.is_guess = self.idle
        self._site: Site | None = None
        self._count = _MANY
        self._period_s = 0.0
        self._silence_s = 0.0
        self._last = float("-inf")
        self._window: deque[Sample] = deque(maxlen=2 * _MANY)
        self.drew: bool | None = None
        # Whether the run that has begun seemed to draw at its start; None: nobody knows.
        self._began: bool | None = None
        self._measure: _Measure | None = None
        self._switched: _Others | None = None
        self._doubted_until = float("-inf")
        self._is_suspect = False
        self._blind_until = float("-inf")
        self._others: deque[tuple[float, float]] = deque(maxlen=_OTHERS)
        self._sensor_w: float | None = None
        self._sensor_said: float | None = None
        self._sensor_then: float | None = None
        self._sensor_from = float("-inf")
        # Since when it says that an idle load draws more than nothing.
        self._something_since: float | None = None

    @property
    def load(self) -> LoadSettings:
        """Its settings; may be replaced: what was learned stays, as far as it fits them."""
        return self._load

    @load.setter
    def load(self, load: LoadSettings) -> None:
        self._load = load
        fitting = [power for power in self._measures if self._fits(power)]
        self._measures = deque(fitting, _MEASURES)
        self._set_power(median(fitting) if fitting else load.power_w)

    @property
    def phases(self) -> tuple[int, ...] | None:
        """Those it is connected to, given or learned; None: unknown."""
        return self._learned if self._load.phases is None else self._load.phases

    @property
    def state(self) -> dict[str, Any]:
        """What a restart needs; JSON-able."""
        return {"measures": list(self._measures), "phases": list(self._learned or ()), "idle": self.idle}

    @property
    def is_measured(self) -> bool:
        """Whether the load has a power sensor of its own that says what it draws."""
        return self._sensor_w is not None

    def draw_w(self) -> float:
        """Return what the load draws now, given that it is on: by its own sensor, else as learned; 0 if it is idle."""
        if self.idle:
            return 0.0
        return self.power_w if self._sensor_w is None else self._sensor_w

    def commanded(self, on: bool, now: float) -> None:  # noqa: FBT001 - on or off is what it is about
        """Note that this load was switched, by the law or a person.

        Args:
            on: to what.
            now: when (monotonic, s); what was stepped until then shows the power before.
        """
        settled = now + self._load.latency_s + self._load.ramp_s
        others = self._unseen_others()
        before = list(self._window)[-self._count :] if others is None else others.before
        clear = len(before) == self._count and now - self._last <= self._silence_s and self._measure is None
        # What a start from idle shows is nothing; a stop tells whether it was.
        clear = clear and not (on and self.idle)
        was_idle = self.idle
        self._be_active()
        self._sensor_w = None
        self._sensor_then = self._sensor_said
        self._sensor_from = now + _SENSOR_S
        self.drew = None
        if on:
            self._began = None
        if not clear:
            if not on:
                self._doubt(None)
            self._look_away(settled)
            return
        self._measure = measure = _Measure(before, now, settled, on=on, was_idle=was_idle)
        if others is not None:
            self._switched = None
            self._blind_until = now
            measure.add(others.change_w, others.settled)

    def disturb(self, now: float, settle_s: float = 4.0, change_w: float | None = None) -> None:
        """Note that another load was switched: what the meter shows of that is not this load's.

        Args:
            now: when (monotonic, s).
            settle_s: how long the other takes to its new power: its latency and ramp.
            change_w: what it draws more than before, or less; None: unknown, so nothing can be measured beside it.
        """
        settled = now + settle_s
        measure, others = self._measure, self._unseen_others()
        if change_w is None:
            self._look_away(max(settled, now if measure is None else measure.settled))
            return
        # What is late to be seen of the other counts here: it is taken off, and what is left may be nothing.
        shown = settled + _LATE * min(self._period_s, _LATE)
        if measure is not None and now - measure.since <= _PATIENCE_S:
            measure.add(change_w, shown)
            return
        if others is None:
            others = _Others(list(self._window)[-self._count :] if measure is None else [])
        self._look_away(settled)
        others.change_w += change_w
        others.settled = max(others.settled, shown)
        self._switched = others

    def step(self, sample: Sample, site: Site, on: bool | None) -> None:  # noqa: FBT001 - as a sample has it
        """Take the next telegram.

        Args:
            sample: it.
            site: the connection.
            on: whether the load is on; None: unknown.
        """
        now = sample.now
        if site is not self._site:
            self._suit(site)
        if now - self._last > self._silence_s:
            self._look_away(now if self._measure is None else self._measure.settled)
        self._last = now
        if self.idle:
            if on is False:
                self._be_active()
            elif self.idle_since is None:
                self.idle_since = now
        own = sample.loads.get(self._load.id)
        if own is None or own.power_w is None:
            self._sensor_w = self._something_since = None
        else:
            self._sense(own.power_w, now, on)
        if now < self._blind_until:
            return
        window = self._window
        window.append(sample)
        if self._measure is not None:
            self._follow(self._measure, sample, on)
            return
        first = window[0]
        change = sample.import_w - sample.export_w - first.import_w + first.export_w
        if not -self._step_w < change < self._step_w and len(window) == window.maxlen and self._sensor_w is None:
            self._explain(on, now)

    def _unseen_others(self) -> _Others | None:
        """Return the other loads after whose switch the meter has not shown a level yet."""
        return self._switched if len(self._window) < self._count else None

    def _suit(self, site: Site) -> None:
        """Take as many telegrams for a level as the meter's interval asks for."""
        self._site = site
        self._period_s = site.period_s
        self._silence_s = _SILENCE * site.period_s
        self._count = _FEW if site.period_s >= _SLOW_S else _MANY
        # Between two levels, a load that switches itself may take as many telegrams as a fast meter sends in an inrush.
        length = 3 * self._count - _FEW
        if self._window.maxlen != length:
            self._window = deque(self._window, length)

    def _set_power(self, power: float) -> None:
        self.power_w = power
        self._step_w = _STEP * power

    def _fits(self, power: float) -> bool:
        return _LEAST * self._load.power_w <= power <= _MOST * self._load.power_w

    def _be_active(self) -> None:
        self.idle = False
        self.idle_since = self._something_since = None

    def _be_idle(self, since: float, *, is_guess: bool = False) -> None:
        self.idle = True
        self.idle_since = since
        self.is_guess = is_guess

    def _seem_idle(self, since: float) -> None:
        """Take it for idle because its start does not show, unless such a start has deceived a while ago."""
        if since >= self._doubted_until:
            self._be_idle(since)

    def _look_away(self, until: float) -> None:
        """Drop what was seen, and look again when all that is known to change has changed, and the meter shows it."""
        self._measure = self._switched = None
        self._window.clear()
        self._blind_until = max(self._blind_until, until + _LATE * self._period_s)

    def _sense(self, power: float, now: float, on: bool | None) -> None:  # noqa: FBT001 - as a sample has it
        """Take what the load's own sensor says, once that is of the time after the last command."""
        self._sensor_said = power
        if now < self._sensor_from and power == self._sensor_then:
            return
        self._sensor_from = now
        self._sensor_w = power
        if self.idle:
            if power < _NOTHING * self.power_w:
                self._something_since = None
                return
            if self._something_since is None:
                self._something_since = now
            # Between nothing and something it is as it was, but not for ever: at part load it draws as well.
            if power > _SOMETHING * self.power_w or now - self._something_since >= _SENSOR_S:
                self._be_active()
        elif on and self._measure is None and now >= self._blind_until and power < _NOTHING * self.power_w:
            self._be_idle(now)

    def _follow(self, measure: _Measure, sample: Sample, on: bool | None) -> None:  # noqa: FBT001 - as a sample has it
        """Gather what shows the change that a command made, and learn from it when all of that is there."""
        if on is not measure.on:
            # The output has not done it yet: its power comes later by as much.
            if sample.now - measure.since > _PATIENCE_S:
                self._look_away(sample.now)
                return
            measure.settled = max(measure.settled, sample.now + self._load.latency_s + self._load.ramp_s)
            measure.between.extend(measure.after)
            measure.after.clear()
        if sample.now < measure.settled:
            measure.between.append(sample)
            return
        measure.after.append(sample)
        if len(measure.after) < self._count:
            return
        self._measure = None
        self._window.clear()
        self._window.extend(measure.after)
        self._learn(measure)

    def _learn(self, measure: _Measure) -> None:
        """Take over what a command has shown: the power, the phases, or that nothing is drawn."""
        samples = [*measure.before, *measure.between, *measure.after]
        if not measure.on or measure.others_w is not None:
            self._judge(measure, _net(samples))
        if measure.on:
            self._began = self._seems_to_draw(measure)
        elif self.drew is None:
            self._doubt(self._seems_to_draw(measure))
        if measure.others_w is not None:
            return
        sign = 1 if measure.on else -1
        whole = self._change(_net(samples))
        fits = whole is not None and self._fits(sign * whole)
        if whole is not None and fits:
            self._find_phases(samples, whole)
        powers = self._powers(samples)
        change = self._change(powers)
        if measure.on and self._sensor_w is not None:
            change = self._sensor_w
        if change is None:
            return
        if self._fits(sign * change):
            self._measures.append(sign * change)
            self._set_power(median(self._measures))
        # Where the whole house shows the load and its phase does not, a person has named the wrong phase. And where a
        # stop has just shown that it drew, it takes minutes to begin to.
        elif measure.on and abs(change) < _NOTHING * self.power_w and not fits and self._was_still(powers):
            self._seem_idle(measure.since)

    def _judge(self, measure: _Measure, powers: list[float]) -> None:
        """Say whether a load drew anything that was stopped, or that was started together with another's switch."""
        others_w = measure.others_w or 0.0
        rough = self._change(powers, _ROUGH)
        if rough is None or (measure.others_w is None and not self._lies_between(powers)):
            return
        steady = self._change(powers)
        # What the others draw is known as well as what appliances of one kind differ.
        limit = _NOTHING * self.power_w + _TWIN * abs(others_w)
        is_nothing = steady is not None and abs(steady - others_w) < limit
        is_load = abs(abs(rough - others_w) - self.power_w) <= _SOMETHING * self.power_w
        if is_load:
            self._is_suspect = False
        elif is_nothing and measure.others_w is not None and self._count == _FEW:
            # Between two telegrams of a slow meter a cloud may make up for the load: it has to be seen twice.
            is_nothing, self._is_suspect = self._is_suspect, True
        if measure.on:
            if is_nothing and self._sensor_w is None:
                self._be_idle(measure.since)
        elif is_nothing or is_load:
            self.drew = is_load
            if is_load and measure.was_idle:
                self._doubted_until = measure.since + _OTHERS_S

    def _seems_to_draw(self, measure: _Measure) -> bool | None:
        """Return whether the load draws, as far as a switch in an unsteady house shows; None: that is unclear."""
        others_w = measure.others_w or 0.0
        if abs(others_w) > _BESIDE * self.power_w:
            return None
        # Those that are the nearest in time: what else happens is of no interest.
        before, after = _net(measure.before[-_FEW:]), _net(measure.after[:_FEW])
        change_w = median(after) - median(before) - others_w
        limit = _SEEMING * self.power_w
        if abs(change_w) <= limit:
            return False
        return True if abs(change_w - (self.power_w if measure.on else -self.power_w)) <= limit else None

    def _doubt(self, stop: bool | None) -> None:  # noqa: FBT001 - as what the start has shown
        """Say that a run has drawn nothing if that is what its stop, or its start, seems to have shown."""
        # A load with a sensor of its own needs no guess.
        if self._sensor_said is not None:
            return
        start = self._began
        is_nothing = stop is start is False if self._count == _FEW else (start if stop is None else stop) is False
        if is_nothing:
            self.drew = False

    def _find_phases(self, samples: Sequence[Sample], whole: float) -> None:
        """Learn which phases a change came on, once it came there twice in a row."""
        shares = {}
        for phase in _ALL_PHASES:
            if (powers := _on_phase(samples, phase)) is not None:
                shares[phase] = (median(powers[-self._count :]) - median(powers[: self._count])) / whole
        low, high = _ON_EACH
        found: tuple[int, ...] | None = next(((phase,) for phase, share in shares.items() if share >= _ON_ONE), None)
        if len(shares) == len(_ALL_PHASES) and all(low <= share <= high for share in shares.values()):
            found = _ALL_PHASES
        if found is not None and found == self._phases_then:
            self._learned = found
        self._phases_then = found

    def _was_still(self, powers: list[float]) -> bool:
        """Return whether nothing happened around a command: no other appliance made up for what the load drew."""
        level, limit = median(powers[: self._count]), _SOMETHING * self.power_w
        return all(abs(power - level) <= limit for power in powers)

    def _lies_between(self, powers: list[float]) -> bool:
        """Return whether nothing but one change happened around a command."""
        first, last = median(powers[: self._count]), median(powers[-self._count :])
        limit = _SOMETHING * self.power_w
        return min(first, last) - limit <= min(powers) and max(powers) <= max(first, last) + limit

    def _explain(self, on: bool | None, now: float) -> None:  # noqa: FBT001 - as a sample has it
        """Say whose a change is that no command has made."""
        samples = list(self._window)
        change = self._change(self._powers(samples))
        if change is None or abs(change) < self._step_w:
            return
        self._window.clear()
        self._window.extend(samples[-self._count :])
        size = abs(change)
        mine = abs(size - self.power_w) <= _NEAR * self.power_w
        others = self._others
        while others and others[0][1] < now - _OTHERS_S:
            others.popleft()
        if change > 0:
            if mine and self.idle:
                self._be_active()
            else:
                others.append((size, now))
            return
        mine = mine and on is True and not self.idle and self._is_thermostat(samples, size, now)
        # What rose without the load, and is about as large, more likely falls than the load.
        near = max(_TWIN * self.power_w, abs(size - self.power_w)) if mine else _NEAR * size
        other = min(others, key=lambda rise: abs(rise[0] - size), default=None)
        if other is not None and abs(other[0] - size) <= near:
            others.remove(other)
        elif mine:
            self._be_idle(now, is_guess=True)

    def _is_thermostat(self, samples: Sequence[Sample], size: float, now: float) -> bool:
        """Return whether a fall of about this load's power may be its thermostat, and not the sun or the house.

        To take a load for idle that is not costs a person the run that they wanted.
        """
        if now < self._doubted_until:
            return False
        if self._count == _FEW and self._measures and abs(size - self.power_w) > _NEAR_OF_FEW * self.power_w:
            return False
        count = self._count
        falls = {}
        for phase in _ALL_PHASES:
            if (powers := _on_phase(samples, phase)) is not None:
                falls[phase] = (median(powers[:count]) - median(powers[-count:])) / size
        phases = self.phases
        low, high = _ON_EACH
        if len(falls) == len(_ALL_PHASES) and all(low <= fall <= high for fall in falls.values()):
            # The sun of an inverter on three phases.
            return phases is None or len(phases) > 1
        if phases is None or len(phases) > 1:
            return True
        return all(fall <= _ELSEWHERE for phase, fall in falls.items() if phase not in phases)

    def _powers(self, samples: Sequence[Sample]) -> list[float]:
        """Return the power of the phase that the load is on, where less happens than in the house, or of the house."""
        phases = self.phases
        powers = _on_phase(samples, phases[0]) if phases is not None and len(phases) == 1 else None
        return _net(samples) if powers is None else powers

    def _change(self, powers: list[float], spread: float = _SPREAD) -> float | None:
        """Return how far the last powers lie above the first; None if it was not steady then and there."""
        first, last = powers[: self._count], powers[-self._count :]
        if max(_spread(first), _spread(last)) > spread * self.power_w:
            return None
        return median(last) - median(first)


def _net(samples: Sequence[Sample]) -> list[float]:
    return [sample.import_w - sample.export_w for sample in samples]


def _on_phase(samples: Sequence[Sample], number: int) -> list[float] | None:
    """Return the net power of a phase; None where the meter does not tell it."""
    powers = []
    for sample in samples:
        phase = sample.phases[number - 1]
        if phase is None or phase.import_w is None:
            return None
        powers.append(phase.import_w - (phase.export_w or 0.0))
    return powers


def _spread(powers: list[float]) -> float:
    """Return how far the powers lie apart, without the highest and the lowest where there are more than a few."""
    powers = sorted(powers)
    return powers[-2] - powers[1] if len(powers) > _FEW else powers[-1] - powers[0]
