"""The main fuse: what flows in each phase, what has to be shed, and whether that helps."""

from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .model import Phase, Sample, Site
    from .unit import Unit

LOCK_S: Final = 300.0
# Two telegrams in a row above this part of the fuse: everything on the phase is shed.
_FAR_OVER: Final = 1.2
_FAR_OVER_TELEGRAMS: Final = 2
# Less than this part of what was shed gone from the phase: shedding does not help.
_FALLEN: Final = 0.3
_VOLT: Final = 230.0


class Shed(NamedTuple):
    """A load to shed.

    Attributes:
        unit: which.
        phase: 1 to 3, the one that is over the fuse.
        current_a: what flowed in it.
    """

    unit: Unit
    phase: int
    current_a: float


class _PhaseWatch:
    """What was done about one phase that is over the fuse."""

    __slots__ = ("expected_a", "far_over", "recheck_at", "shed_at_a", "stopped_until")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget it: the phase is under the fuse again."""
        self.far_over = 0
        self.recheck_at = -inf
        self.shed_at_a = 0.0
        # By how much the current must have fallen at the next look; 0: nothing was shed, or nobody knows.
        self.expected_a = 0.0
        self.stopped_until = -inf


class Fuse:
    """Watches the phases.

    Attributes:
        currents_a: of L1 to L3, negative while the phase exports; None: not known.
        helpless: whether a phase is over the fuse, and nothing may be shed or shedding has not helped.
        exporting: whether a phase exports more than the fuse.
    """

    def __init__(self) -> None:
        """Begin with nothing known."""
        self.currents_a: list[float | None] = [None, None, None]
        self.helpless = False
        self.exporting = False
        self._volts = [_VOLT, _VOLT, _VOLT]
        # Whether the meter ever sent parts of an ampere: one that does not is judged by its powers.
        self._is_fine = [False, False, False]
        self._phases = (_PhaseWatch(), _PhaseWatch(), _PhaseWatch())
        self._over = False

    def step(self, sample: Sample, site: Site) -> bool:
        """Take the next telegram; return whether a phase is over the fuse, or was until now."""
        fuse_a = inf if site.fuse_a is None else site.fuse_a
        over = False
        k = 0
        for phase in sample.phases:
            current = None if phase is None else self._signed(k, phase, sample)
            self.currents_a[k] = current
            if current is not None and not -fuse_a <= current <= fuse_a:
                over = True
            k += 1  # noqa: SIM113 - enumerate() makes a tuple a turn
        was_over, self._over = self._over, over
        return over or was_over

    def relieve(self) -> None:
        """Give up the alarms, and forget what was done: nobody watches."""
        self.helpless = self.exporting = False
        for watch in self._phases:
            watch.clear()

    def shed(self, units: Sequence[Unit], now: float, site: Site) -> list[Shed]:
        """Return what is to be shed now.

        Args:
            units: all loads, the least important first.
            now: the monotonic clock, s.
            site: the connection.
        """
        self.helpless = self.exporting = False
        sheds: list[Shed] = []
        if site.fuse_a is None:
            return sheds
        for k, watch in enumerate(self._phases):
            current = self.currents_a[k]
            if current is None or abs(current) <= site.fuse_a:
                watch.clear()
            elif current < 0:
                watch.clear()
                self.exporting = True
            else:
                gone = {shed.unit.id for shed in sheds}
                there = [unit for unit in units if unit.may_be_shed and unit.id not in gone and _on(unit, k)]
                sheds += self._shed_phase(k, current, there, now, site)
        return sheds

    def blocks(self, added: Iterable[tuple[Unit, float]], site: Site) -> int | None:
        """Return the phase (1 to 3) that has no room for the loads, with the sign of what they add; None: all have.

        Args:
            added: loads with what they add, W; negative: what they free.
            site: the connection.
        """
        if site.fuse_a is None:
            return None
        more_a = [0.0, 0.0, 0.0]
        adding = [False, False, False]
        for unit, power_w in added:
            # On an unknown phase it may add to each, and frees none for sure.
            for phase in (1, 2, 3) if unit.learner.phases is None else unit.learner.phases:
                if power_w > 0:
                    adding[phase - 1] = True
                elif unit.learner.phases is None:
                    continue
                more_a[phase - 1] += self._part_a(unit, power_w, phase - 1)
        for k, current in enumerate(self.currents_a):
            if adding[k] and current is not None and current + more_a[k] > site.fuse_a - site.fuse_margin_a:
                return k + 1
        return None

    def headroom_a(self, site: Site) -> tuple[float | None, float | None, float | None]:
        """Return what is left under the fuse, per phase."""
        fuse_a = site.fuse_a
        if fuse_a is None:
            return None, None, None
        one, two, three = (None if current is None else fuse_a - current for current in self.currents_a)
        return one, two, three

    def _signed(self, k: int, phase: Phase, sample: Sample) -> float | None:
        """Return the current of a phase, negative while it exports."""
        import_w, export_w = phase.import_w, phase.export_w
        if phase.voltage_v:
            self._volts[k] = phase.voltage_v
        current = phase.current_a
        if current is not None and not self._is_fine[k]:
            self._is_fine[k] = current % 1 != 0
        if import_w is None and export_w is None:
            import_w, export_w = sample.import_w, sample.export_w
        elif current is None or not self._is_fine[k]:
            return ((import_w or 0.0) - (export_w or 0.0)) / self._volts[k]
        if current is None:
            return None
        return -current if (export_w or 0.0) > (import_w or 0.0) else current

    def _part_a(self, unit: Unit, power_w: float, k: int) -> float:
        """Return the current that a load's power makes in one of its phases."""
        return power_w / (1 if unit.learner.phases is None else len(unit.learner.phases)) / self._volts[k]

    def _shed_phase(self, k: int, current: float, there: list[Unit], now: float, site: Site) -> list[Shed]:
        watch, fuse_a = self._phases[k], site.fuse_a or inf
        watch.far_over = watch.far_over + 1 if current > _FAR_OVER * fuse_a else 0
        if watch.far_over >= _FAR_OVER_TELEGRAMS and there:
            latency_s = max(unit.settings.latency_s for unit in there)
            watch.recheck_at = now + latency_s + 2 * site.period_s
            watch.expected_a = 0.0
            return [Shed(unit, k + 1, current) for unit in there]
        if now < watch.recheck_at:
            return []
        if watch.expected_a > 0 and current > watch.shed_at_a - _FALLEN * watch.expected_a:
            watch.stopped_until = now + LOCK_S
        watch.expected_a = 0.0
        # What draws nothing would not help. But as long as no sensor of its own says so, that is only believed: where
        # nothing else is left, better shed in vain than to leave on what draws all the same.
        drawing = [unit for unit in there if not unit.learner.idle] or [
            unit for unit in there if not unit.learner.is_measured
        ]
        if now < watch.stopped_until or not drawing:
            self.helpless = True
            return []
        unit = drawing[0]
        watch.recheck_at = now + unit.settings.latency_s + 2 * site.period_s
        watch.shed_at_a = current
        # What was switched a moment ago need not be in this current yet.
        is_known = unit.learner.phases is not None and now >= unit.settled_at
        watch.expected_a = self._part_a(unit, unit.learner.draw_w(), k) if is_known else 0.0
        return [Shed(unit, k + 1, current)]


def _on(unit: Unit, k: int) -> bool:
    """Return whether the load may be on the phase with this index."""
    phases = unit.learner.phases
    return phases is None or k + 1 in phases
