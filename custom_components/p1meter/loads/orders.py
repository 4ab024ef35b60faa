"""What is commanded, and whether it is done: by the outputs, or by a person."""

from math import inf
from typing import TYPE_CHECKING

from .explain import explain
from .model import PROTECTING, Command
from .situation import GOOD_TELEGRAMS
from .unit import Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Detail, LoadInput, Reason, Sample
    from .situation import Situation
    from .unit import Unit


class Orders:
    """Gives the commands of a step, and follows what becomes of them.

    Attributes:
        commands: those of this step, in their order.
        settled_at: from when (monotonic, s) the meter shows all that was switched.
    """

    def __init__(self, here: Situation) -> None:
        """Begin with nothing commanded."""
        self.commands: list[Command] = []
        self.settled_at = -inf
        self._here = here
        # What has obeyed while no telegram came.
        self._unseen: list[Unit] = []

    def look(self, sample: Sample) -> bool:
        """Take the state of each output; return whether all are as they were told."""
        here = self._here
        here.seen_at = here.now
        now, period_s, inputs = here.now, here.site.period_s, sample.loads
        if here.starting_up and here.good > GOOD_TELEGRAMS:
            here.starting_up = False
        as_told = True
        if self._unseen:
            self._show_unseen()
        for unit in here.units:
            one = inputs.get(unit.id)
            actual = None if one is None else one.on
            if unit.override is not None:
                unit.expire(here.at)
            if not (actual is unit.actual is unit.told and unit.agreed):
                if here.starting_up or not here.enabled:
                    self._adopt(unit, actual)
                else:
                    self._heed(unit, actual, unit.look(actual, now, period_s))
                    as_told = as_told and (unit.told is unit.actual or not unit.is_ours)
            learner = unit.learner
            learner.step(sample, here.site, unit.actual)
            if learner.drew is not None:
                unit.take_stop(drew=learner.drew)
                learner.drew = None
        return as_told

    def look_blind(self, inputs: Mapping[str, LoadInput]) -> None:
        """Take the state of each output while no telegram comes: only what is safe is told again."""
        here = self._here
        here.seen_at = here.now
        for unit in here.units:
            one = inputs.get(unit.id)
            actual = None if one is None else one.on
            if actual is unit.actual is unit.told and unit.agreed:
                continue
            has_agreed = unit.agreed
            notice = unit.look(actual, here.now, here.site.period_s)
            if unit.agreed and not has_agreed:
                self._unseen.append(unit)
            if notice is not Notice.LATE:
                self._heed(unit, actual, notice)

    def see(self, unit: Unit, on: bool) -> None:  # noqa: FBT001 - as a sample has it
        """Take it that an output has done what it was told; all else is looked at with the next telegram."""
        if on is unit.told and not unit.agreed:
            self._heed(unit, on, unit.look(on, self._here.now, self._here.site.period_s))

    def take_hand(self, unit: Unit, on: bool) -> None:  # noqa: FBT001 - as a sample has it
        """Take what a person has switched an output to, which nobody has told us of in a sample yet."""
        here = self._here
        counted = unit.on if unit.differs_since == inf else unit.actual
        unit.differs_since = here.now
        if on is not counted:
            self._moved(unit, on)
        elif not unit.agreed:
            self._late(unit)
        unit.take_hand(on, here.now, here.at)
        here.planned.clear()

    def _adopt(self, unit: Unit, actual: bool | None) -> None:  # noqa: FBT001 - as a sample has it
        """Take what the output is for what it was told: nothing was decided yet."""
        was_known, was_on = unit.actual is not None, unit.on
        unit.adopt(actual, self._here.now)
        if was_known and unit.on is not was_on:
            self._moved(unit, unit.on)

    def _heed(self, unit: Unit, actual: bool | None, notice: Notice) -> None:  # noqa: FBT001 - as a sample has it
        """Do what there is to do about what an output says."""
        here = self._here
        if notice is Notice.MOVED:
            self._moved(unit, bool(actual))
        elif notice is Notice.LATE:
            self._late(unit)
        elif notice is Notice.HAND:
            unit.take_hand(bool(actual), here.now, here.at)
            here.planned.clear()
        elif notice is not Notice.NOTHING:
            if self._holds(unit, notice):
                self._repeat(unit, is_back=notice is Notice.BACK)
            elif notice is Notice.BACK:
                unit.adopt(actual, here.now)
                unit.learner.disturb(here.now, unit.travel_s)
                self._disturb(unit, None)

    def _show_unseen(self) -> None:
        """Take account of what was switched in a silence: the meter shows it from now on."""
        here = self._here
        for unit in self._unseen:
            if unit.is_overdue(here.now, here.site.period_s):
                self._late(unit)
        self._unseen.clear()

    def _late(self, unit: Unit) -> None:
        """Take account of a power that was reckoned with, and changes only from now on."""
        unit.moved(self._here.now, self._here.site.period_s)
        self.settled_at = max(self.settled_at, unit.settled_at)
        self._disturb(unit, None)

    def _moved(self, unit: Unit, on: bool) -> None:  # noqa: FBT001 - on or off is what it is about
        """Take account of a power that changes from now on."""
        here = self._here
        unit.moved(here.now, here.site.period_s)
        self.settled_at = max(self.settled_at, unit.settled_at)
        change_w = unit.learner.power_w if on else -unit.learner.draw_w()
        here.window.switched(change_w)
        unit.learner.commanded(on, here.now)
        self._disturb(unit, change_w)

    def _disturb(self, unit: Unit, change_w: float | None) -> None:
        """Let the learners of the other loads know of a change (W) that is not theirs; None: unknown."""
        here = self._here
        for other in here.units:
            if other is not unit:
                other.learner.disturb(here.now, unit.travel_s, change_w)

    def _holds(self, unit: Unit, notice: Notice) -> bool:
        """Return whether what a load was told, and is not, is to be told again."""
        here = self._here
        if here.blind:
            # A run that may go on blindly does not begin so.
            return unit.settings.safe_on or not unit.told
        if unit.told:
            # What was told a moment ago had room, and is reckoned with; what was away or at fault takes it anew.
            is_anew = notice is Notice.BACK or unit.fault
            return self._is_wanted(unit) and not (is_anew and here.no_room(unit))
        # After a silence what should be off waits for good telegrams, unless that is for protection.
        return not here.waiting or unit.cause in PROTECTING

    def _is_wanted(self, unit: Unit) -> bool:
        """Return whether a load that was told to be on, and is not, is still to be on."""
        here = self._here
        if here.waiting or here.lock(unit) is not None:
            return False
        if unit.override is not None:
            return unit.override
        if here.now < here.next_start or here.permission(unit) is not None:
            return False
        if unit.forced:
            return True
        # What is held of the surplus is of the time before it was told.
        sample = here.sample
        surplus_w = sample.export_w - sample.import_w
        surplus_w += sum(
            other.learner.draw_w() for other in here.units if other.on and other.actual and other is not unit
        )
        load, regret = here.units.index(unit), here.regret
        return regret.share(load, surplus_w, regret.current) >= regret.shares[load].gate

    def _repeat(self, unit: Unit, *, is_back: bool) -> None:
        """Tell a load again what it was told."""
        here = self._here
        reason, detail = explain(unit, here) if unit.cause is None else (unit.cause, unit.cause_detail)
        unit.repeat(here.now, here.site.period_s, is_back=is_back)
        if is_back:
            self._moved(unit, bool(unit.told))
        else:
            self._disturb(unit, None)
        self.settled_at = max(self.settled_at, unit.settled_at)
        if unit.told:
            here.next_start = here.now + 2 * here.site.period_s + unit.settings.latency_s
        self.commands.append(Command(unit.id, bool(unit.told), reason, detail, again=True))

    def switch(self, unit: Unit, reason: Reason, detail: Detail, *, on: bool) -> None:
        """Command it."""
        here = self._here
        now, changes = here.now, on is not unit.on
        unit.tell(on, now, here.site.period_s)
        if changes:
            self._moved(unit, on)
        if on:
            unit.made_room = False
            here.next_start = now + 2 * here.site.period_s + unit.settings.latency_s
        elif changes and reason in PROTECTING:
            unit.end_hand()
        unit.cause, unit.cause_detail = reason, detail
        # What it would have been told again at this telegram no longer holds.
        self.commands = [command for command in self.commands if command.load != unit.id]
        self.commands.append(Command(unit.id, on, reason, detail))
