"""Which readings are worth a state change now: every row in the recorder costs, a telegram a second is too many.

Pure: no clock of its own, nothing of Home Assistant.

A value that wavers is written at once when it has changed by a step. A smaller difference between what is shown and
what is true adds up, as long as it is larger than what counts as noise (the cumulative sum test of E. S. Page, 1954):
the larger it is, the sooner it is written. docs/reporting.md says how large, docs/performance.md what it costs.
"""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, Final

from .meter import REGISTERS, Reading
from .meter.readings import moved_since
from .meter.values import UNITS, factor
from .own import OWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .meter.readings import Step

# Home Assistant makes its short-term statistics of five minutes each: what is written before a mark counts there (s).
_PERIOD: Final = 300.0
# So long before the mark the last write happens if no telegram comes in time to cause it (s).
_MARGIN: Final = 0.2
# The usual gap is learned from so many; a call without a telegram splits one in two, which the median does not mind.
_GAPS_KEPT: Final = 7

# A change of sign of the net power of less than this is noise around zero (W).
_SIGN_CHANGE: Final = 50.0
# Where the net power has not once come back to what is shown, or crossed it, for so long, it is written (s).
_PERSISTS: Final = 30.0
# A telegram may come that much too early (s).
_JITTER: Final = 0.5
# A clock that is slewed is put back by less; by more, what has added up by it means nothing any more (s).
_SLEWED: Final = 1.0
# A difference of twice what counts as noise adds up to a row in so many seconds.
_PATIENCE: Final = 13.2
_PATIENCE_OF_PHASES: Final = 120.0
# Where rows come thick, one more is worth less: each of the last minute makes the next as much rarer (s, share).
_CROWD: Final = 60.0
_CROWDED: Final = 0.2
# A telegram whose value is typical of those before it is waited for until so many times as much has added up: noise is
# not shown for minutes, and what is far off does not wait.
_CHOOSES: Final = 2.0
# A difference of floats that are decimals on paper.
_EXACTLY: Final = 1 - 1e-6

# Written together, so that nobody sees an import that does not belong to the net power beside it.
_TOGETHER: Final = frozenset({"power", "power_import", "power_export"})


class Policy(StrEnum):
    """How often states are written."""

    LIVE = "live"
    """Every change in every telegram."""
    BALANCED = "balanced"
    """The power as it changes, the rest now and then."""
    ECONOMY = "economy"
    """Few rows."""
    OWN = "own"
    """By the numbers that a person gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What is worth a row, all more than 0. Those of `balanced` are the default.

    Attributes:
        power_step: the net power is written at once when it changes by so much and by 10 %, W.
        power_noise: smaller differences of it are noise, W; larger ones are written the sooner the larger they are.
        phase_noise: the same for the power of a phase, W; currents, reactive and apparent power in proportion.
        voltage_noise: the same for voltages, V.
        energy_step: a total is written at once when it has grown by so much, kWh.
        energy_minutes: every total that has changed is written before each full multiple of so many minutes.
        other_minutes: the same for all that wavers but the net power. A multiple of 5, as that of the totals.
    """

    power_step: float = 100.0
    power_noise: float = 7.0
    phase_noise: float = 500.0
    voltage_noise: float = 1.5
    energy_step: float = 0.5
    energy_minutes: int = 5
    other_minutes: int = 120


BALANCED: Final = Numbers()
ECONOMY: Final = Numbers(
    power_step=300.0,
    power_noise=20.0,
    phase_noise=800.0,
    voltage_noise=3.0,
    energy_step=2.0,
    energy_minutes=15,
)


def numbers_of(policy: Policy, own: Numbers) -> Numbers | None:
    """Return what is worth a row; `own` is what a person gives. None: every change in every telegram is."""
    return {Policy.LIVE: None, Policy.BALANCED: BALANCED, Policy.ECONOMY: ECONOMY, Policy.OWN: own}[policy]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """When a change from what is shown is worth a row.

    Attributes:
        unit: of all numbers.
        step, share: a change by so much and by this share of what is shown is written at once.
        noise, noise_share: smaller differences never add up.
        patience: twice the noise adds up to a row in so many seconds.
        is_net: whether a change of sign is written at once, and any difference that persists within 30 s.
        minutes: what has changed is written before each full multiple of so many minutes; None: it need not be.
    """

    unit: str = ""
    step: float = inf
    share: float = 0.0
    noise: float = inf
    noise_share: float = 0.0
    patience: float = 0.0
    is_net: bool = False
    minutes: int | None = 5


_EVERY_CHANGE: Final = _Rule(step=0.0)
_ONLY_AT_MARKS: Final = _Rule()


class _Rules:
    """Which rule holds for which value."""

    def __init__(self, numbers: Numbers) -> None:
        phases, minutes = numbers.phase_noise, numbers.other_minutes

        def wavering(unit: str, noise: float, noise_share: float = 0.0, step: float = inf, share: float = 0.0) -> _Rule:
            return _Rule(
                unit=unit,
                step=step,
                share=share,
                noise=noise,
                noise_share=noise_share,
                patience=_PATIENCE_OF_PHASES,
                minutes=minutes,
            )

        self._net = _Rule(
            unit="W",
            step=numbers.power_step,
            share=0.1,
            noise=numbers.power_noise,
            patience=_PATIENCE,
            is_net=True,
            # What lasts is written anyhow, and what happens to be true at a mark is as good as what is shown.
            minutes=None,
        )
        # A part of the net power says nothing that is not in it, but for what flows both ways at the same time.
        self._part = _Rule(unit="W", step=numbers.power_step, share=0.1, minutes=None)
        self._energy = {
            unit: _Rule(unit=unit, step=1000 * numbers.energy_step, minutes=numbers.energy_minutes)
            for unit in ("Wh", "varh")
        }
        self._wavering = {
            # A demand that grows within its quarter of an hour, a limit.
            "power": _Rule(unit="W", step=numbers.power_step, share=0.1),
            "reactive_power": wavering("var", phases, 0.1),
            "apparent_power": wavering("VA", phases, 0.1),
            # At 230 V. What loads a phase much more is seen at once.
            "current": wavering("A", phases / 230, 0.1, 5.0, 0.2),
            "voltage": wavering("V", numbers.voltage_noise, step=1.0, share=0.02),
            "frequency": wavering("Hz", 0.05, step=0.1),
            "power_factor": wavering("", 0.1, step=0.1, share=0.2),
        }
        self._phase = wavering("W", phases, 0.1)
        # What a person has picked is written as a register of ours in the same unit is; in other units always.
        self._picked = {unit: rule for quantity, rule in self._wavering.items() for unit in UNITS[quantity]}
        self._picked |= dict.fromkeys(UNITS["power"], self._net)
        self._picked |= dict.fromkeys(UNITS["energy"], self._energy["Wh"])
        self._picked |= dict.fromkeys(UNITS["reactive_energy"], self._energy["varh"])

    def rule(self, reading: Reading, *, is_part: bool) -> _Rule:
        """Return the rule for a value; `is_part`: the net power is sent too."""
        key = reading.key
        if key.startswith(f"{OWN}_"):
            return self._picked.get(reading.unit or "", _EVERY_CHANGE)
        register = REGISTERS.get(key)
        if register is None or key == "telegram_time":
            return _ONLY_AT_MARKS
        if register.role == "instant" and register.quantity is not None:
            if key in _TOGETHER:
                return self._part if is_part and key != "power" else self._net
            if register.quantity == "power" and "phase" in register.placeholders:
                return self._phase
            return self._wavering.get(register.quantity, _EVERY_CHANGE)
        # A meter on the M-Bus sends a new total every five minutes to every hour: that is no flood.
        if register.role == "total" and register.device == "electricity":
            if register.quantity == "energy":
                return self._energy["Wh"]
            if register.quantity == "reactive_energy":
                return self._energy["varh"]
        return _EVERY_CHANGE


class _Value:
    """One value: what is shown of it, what is true, and what the difference has added up to since it was written."""

    __slots__ = (
        "_above",
        "_above_since",
        "_at",
        "_below",
        "_below_since",
        "_crowd",
        "_difference",
        "_enough",
        "_factor",
        "_noise",
        "_shown",
        "_side_since",
        "_step",
        "_written_at",
        "deadline",
        "is_quiet",
        "quiet_from",
        "quiet_to",
        "rule",
        "true",
        "written",
    )

    def __init__(self, reading: Reading, rule: _Rule) -> None:
        """Begin; it is due."""
        self.rule = rule
        self.true = self.written = reading
        self.deadline = inf
        """When, if it stays as it is, it is to be written; by the clock of whoever calls, s."""
        self.is_quiet = False
        """Whether a number between `quiet_from` and `quiet_to`, in the same unit, need not be looked at: noise."""
        self._crowd = 0.0
        self._written_at = -inf

    @property
    def is_pending(self) -> bool:
        """Whether something else is true than what is shown."""
        return self.true is not self.written and not _is_same(self.true, self.written)

    def write(self, now: float) -> None:
        """Show what is true."""
        self.written = reading = self.true
        self.deadline = inf
        self.is_quiet = False
        self._shown: float | None = None
        if isinstance(reading.value, Decimal) and self.rule.step:
            rule = self.rule
            unit = reading.unit or REGISTERS[reading.key].unit if reading.key in REGISTERS else reading.unit
            self._factor = 1.0 if unit is None else float(factor(unit, rule.unit) or 1)
            self._shown = float(reading.value) * self._factor
            self._step = max(rule.step, rule.share * abs(self._shown)) * _EXACTLY
            self._noise = max(rule.noise, rule.noise_share * abs(self._shown))
            self._crowd *= max(1 - (now - self._written_at) / _CROWD, 0.0)
            self._enough = self._noise * rule.patience * (1 + self._crowd * _CROWDED)
            self._crowd += 1
            self._written_at = now
            self._difference = self._above = self._below = 0.0
            self._at = self._above_since = self._below_since = self._side_since = now
            if not rule.is_net:
                # In the unit that is sent: making a float of each value would cost most of the time.
                quiet = Decimal(min(self._step, self._noise) / self._factor)
                self.quiet_from, self.quiet_to = reading.value - quiet, reading.value + quiet
                self.is_quiet = True

    def look(self, reading: Reading, before: float, now: float, gap: float) -> bool:
        """Take in what is true now, and return whether it is to be written.

        Args:
            reading: of the newest telegram.
            before: when the telegram before it came: it may have changed at any time since.
            now: when the newest came.
            gap: seconds until the next one.
        """
        self.true = reading
        written = self.written
        if self._shown is None or not isinstance(reading.value, Decimal) or reading.unit != written.unit:
            return self.rule is not _ONLY_AT_MARKS and not _is_same(reading, written)
        true = float(reading.value) * self._factor
        difference = true - self._shown
        size = abs(difference)
        if size >= self._step:
            return True
        if self.rule.is_net:
            if size > _SIGN_CHANGE and (true < 0.0) is not (self._shown < 0.0):
                return True
        elif size <= self._noise and self.is_quiet:
            return False
        self._add_up(before)
        if (difference > 0.0) is not (self._difference > 0.0) or not difference:
            self._side_since = now
        self._difference = difference
        self._add_up(now)
        return self._lasts(now, gap)

    def wake(self, now: float, gap: float) -> bool:
        """Return whether it is to be written although it has not changed."""
        self._add_up(now)
        return self._lasts(now, gap)

    def _add_up(self, until: float) -> None:
        """Let the difference have lasted until then."""
        seconds = until - self._at
        if seconds <= 0.0:
            return
        self._at = until
        self._above += (self._difference - self._noise) * seconds
        if self._above <= 0.0:
            self._above, self._above_since = 0.0, until
        self._below -= (self._difference + self._noise) * seconds
        if self._below <= 0.0:
            self._below, self._below_since = 0.0, until

    def _lasts(self, now: float, gap: float) -> bool:
        """Whether the difference has been there for long enough; sets the deadline."""
        difference = self._difference
        persists = inf
        if not self.rule.is_net:
            self.is_quiet = self._above <= 0.0 and self._below <= 0.0 and abs(difference) <= self._noise
        elif difference:
            persists = self._side_since + _PERSISTS - _JITTER
            if now + max(gap - 2 * _JITTER, 0.0) >= persists:
                return True
        if difference > 0.0:
            added, since, speed = self._above, self._above_since, difference - self._noise
        else:
            added, since, speed = self._below, self._below_since, -difference - self._noise
        waits = added >= self._enough
        missing = self._enough * (_CHOOSES if waits else 1.0) - added
        self.deadline = min(persists, now + missing / speed if speed > 0.0 else inf)
        if not waits:
            return False
        # What it is typically beyond what is shown, since it began to be.
        typical = self._noise + added / (now - since)
        return abs(abs(difference) - typical) <= self._noise / 2 or now + gap > self.deadline


class Reporter:
    """Decides for one meter, telegram by telegram, and remembers what was written."""

    def __init__(self, numbers: Numbers | None = BALANCED) -> None:
        """Start with nothing written.

        Args:
            numbers: what is worth a row; None: every change in every telegram is.
        """
        self._rules = None if numbers is None else _Rules(numbers)
        self._values: dict[str, _Value] = {}
        self._last: Mapping[str, Reading] = {}
        self._together: list[str] = []
        self._heard: float | None = None
        self._gaps: deque[float] = deque(maxlen=_GAPS_KEPT)
        self._gap = 0.0
        self._mark: float | None = None
        self._next_due: datetime | None = None
        self._wake = inf

    def due(self, readings: Mapping[str, Reading], wall: datetime, step: Step | None = None) -> set[str]:
        """Return the keys whose state is to be written now, and take them as written.

        Args:
            readings: all readings of the newest telegram, under any keys as long as they stay the same; when the
                moment of `next_due` comes without a telegram, those of the one before. They do not change afterwards.
            wall: the time, aware.
            step: which of them may be others than those of a telegram before, where that is known.
        """
        now = wall.timestamp()
        if self._heard is not None and self._heard - now > _SLEWED:
            self.forget()
        before = now if self._heard is None else min(self._heard, now)
        if now > before:
            self._gaps.append(now - before)
            self._gap = sorted(self._gaps)[len(self._gaps) // 2]
        gap = self._gap
        self._heard = now
        last, self._last = self._last, readings
        moved = step.moved if step is not None and step.before is last else moved_since(last, readings)
        if self._rules is None:
            self._pass_mark(now, gap)
            due = {key for key in moved if (known := last.get(key)) is None or not _is_same(known, readings[key])}
            due.update(last.keys() - readings.keys())
            return due
        due = self._changed(self._rules, moved, before, now, gap)
        if now >= self._wake:
            due |= self._woken(now, gap)
        due |= self._pass_mark(now, gap)
        if not due.isdisjoint(self._together):
            due.update(key for key in self._together if self._values[key].is_pending)
        for key in due:
            self._values[key].write(now)
        if len(self._values) > len(readings):
            gone = self._values.keys() - readings.keys()
            for key in gone:
                del self._values[key]
            self._together = [key for key in self._together if key not in gone]
            due |= gone
        return due

    def next_due(self) -> datetime | None:
        """Return when `due` is to be called although no telegram came; None before the first telegram."""
        return self._next_due

    def forget(self) -> None:
        """Take nothing as written any more: after a silence, or by another clock, all values are shown again."""
        self._values.clear()
        self._together.clear()
        self._gaps.clear()
        self._gap = 0.0
        self._last = {}
        self._heard = None
        self._wake = inf

    def _changed(self, rules: _Rules, moved: list[str], before: float, now: float, gap: float) -> set[str]:
        """Return what the newest telegram makes due, of the readings that are others than in the one before."""
        due: set[str] = set()
        values = self._values
        readings = self._last
        # Most are the very same as in the telegram before, and nothing is to be decided about them.
        for key in moved:
            reading = readings[key]
            value = values.get(key)
            # Most of what changes is noise, or a total that has hardly grown: that must cost next to nothing.
            if (
                value is not None
                and value.is_quiet
                and type(number := reading.value) is Decimal
                and value.quiet_from < number < value.quiet_to
                and reading.unit == value.written.unit
            ):
                value.true = reading
            elif value is None:
                is_part = any(other.key == "power" for other in readings.values())
                values[key] = _Value(reading, rules.rule(reading, is_part=is_part))
                if reading.key in _TOGETHER:
                    self._together.append(key)
                due.add(key)
            elif value.look(reading, before, now, gap):
                due.add(key)
            elif value.deadline < self._wake:
                self._wake = value.deadline
        return due

    def _woken(self, now: float, gap: float) -> set[str]:
        """Return what is due because it has stayed as it is."""
        due = {key for key, value in self._values.items() if value.deadline <= now and value.wake(now, gap)}
        self._wake = min((value.deadline for key, value in self._values.items() if key not in due), default=inf)
        return due

    def _pass_mark(self, now: float, gap: float) -> set[str]:
        """Return what is due if the next telegram is expected too late for this mark; then the next is waited for."""
        mark = self._mark
        if mark is None or now < mark - 2 * _PERIOD:
            mark = self._wait_for(_next_mark(now))
        if now + gap <= mark - _MARGIN:
            return set()
        self._wait_for(max(mark + _PERIOD, _next_mark(now)))
        passed = max(mark, now)
        return {
            key
            for key, value in self._values.items()
            # Of the marks that are passed, one may have been slept through.
            if (minutes := value.rule.minutes) is not None
            and passed // (60 * minutes) * 60 * minutes >= mark
            and value.is_pending
        }

    def _wait_for(self, mark: float) -> float:
        self._mark = mark
        self._next_due = datetime.fromtimestamp(mark - _MARGIN, UTC)
        return mark


def _next_mark(now: float) -> float:
    return (now // _PERIOD + 1) * _PERIOD


def _is_same(one: Reading, other: Reading) -> bool:
    return one.value == other.value and one.unit == other.unit
