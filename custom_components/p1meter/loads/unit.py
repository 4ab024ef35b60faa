"""One load as the law sees it: what it was told, whether it obeys, and whose hand is on it."""

from enum import Enum, auto
from math import inf
from typing import TYPE_CHECKING, Any, Final

from .day import Account
from .learning import Learner
from .minimum_run import MinimumRun
from .model import FOREVER, Activity, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Detail, LoadSettings

# When an order that is not obeyed is given again, s after it; a load that is slow to obey gets more time.
_REPEATS_S: Final = (5.0, 30.0)
# How often a load that does not obey is tried again.
_FAULT_RETRY_S: Final = 300.0
_FOREVER_AT: Final = FOREVER.timestamp()


class Notice(Enum):
    """What is to be done about what an output says."""

    NOTHING = auto()
    MOVED = auto()
    """It has just been switched, by nobody that we know of."""
    LATE = auto()
    """It has done only now what it was told a while ago."""
    HAND = auto()
    """A person has switched it."""
    REPEAT = auto()
    """It has not done what it was told: tell it again."""
    BACK = auto()
    """It was away, and is not as it was told."""


class Unit:
    """What the law keeps of one load.

    Attributes:
        actual: the state of its output; None: unknown.
        told: what it was told or, where a person switched it, found to be; None: nobody knows yet.
        agreed: whether it has done what it was told.
        on: whether it counts as on: as told, but for a load that does not obey.
        changed_at: since when it has been so (monotonic, s).
        settled_at: when the meter shows the power that it then has.
        fault: whether it does not obey.
        differs_since: since when it has been other than it was told, after it had obeyed; infinite: it is as told.
        lost_since: since when it has been idle while the house imports what it could draw; infinite: it is not so.
        override: a person's hand; None: none.
        until: the end of that, s since the epoch.
        fuse_until: until when it is locked after it was shed for the fuse.
        fuse_phase: the phase that was over the fuse then.
        fuse_current_a: what flowed in it.
        window_until: until when it is locked after it was shed for the demand window.
        idle_until: until when it rests because it drew nothing.
        made_room: whether it was switched off for another load that uses the sun better.
        sun_w: the part of its power that came from the own sun at the newest telegram.
        short_since: since when the sun has not sufficed for it; None: it does.
        cause: why it was switched last, at `changed_at`; None: not by us.
        cause_detail: the numbers behind that.
    """

    def __init__(self, settings: LoadSettings, state: Mapping[str, Any] | None = None) -> None:
        """Begin with what `save()` gave before a restart."""
        self._kept = state = state or {}
        self.id = settings.id
        self.learner = Learner(settings, state.get("learner"))
        self.account = Account(settings, state.get("account"))
        self.minimum = MinimumRun(settings, state.get("minimum"))
        self.settings = settings
        self.actual: bool | None = None
        self.told: bool | None = None
        self.on = False
        self.changed_at = -inf
        self.settled_at = -inf
        self.fault = False
        self.differs_since = inf
        self.lost_since = inf
        self.override: bool | None = state.get("override")
        self.until: float = state.get("until", 0.0)
        self.fuse_until = -inf
        self.fuse_phase = 0
        self.fuse_current_a = 0.0
        self.window_until = -inf
        self.idle_until = -inf
        self.made_room = False
        self.sun_w = 0.0
        self.short_since: float | None = None
        self.cause: Reason | None = None
        self.cause_detail: Detail = {}
        self.agreed = True
        # Whether it was told to start, and has not done so yet.
        self._is_start = False
        self._told_at = -inf
        self._repeats = 0
        self._before_hand: bool | None = state.get("before_hand")

    @property
    def settings(self) -> LoadSettings:
        """What a person wants of it; may be replaced."""
        return self._settings

    @settings.setter
    def settings(self, settings: LoadSettings) -> None:
        self._settings = settings
        self.learner.load = self.account.load = self.minimum.load = settings
        # Whether anything but a binary sensor can end its run.
        self.is_restricted = not (
            settings.tariffs is None
            and settings.max_price is None
            and settings.max_run_s is None
            and not settings.windows
        )
        self.travel_s = settings.latency_s + settings.ramp_s

    def save(self, now: float, at: float) -> dict[str, Any]:
        """Return what a restart needs; JSON can hold it.

        Args:
            now: the monotonic clock, s.
            at: the time, s since the epoch.
        """
        past = at - now
        return {
            "told": self._known,
            "changed_at": None if self.changed_at == -inf else self.changed_at + past,
            "override": self.override,
            "until": self.until,
            "before_hand": self._before_hand,
            "fuse_until": None if self.fuse_until < now else self.fuse_until + past,
            "fuse_phase": self.fuse_phase,
            "fuse_current_a": self.fuse_current_a,
            "window_until": None if self.window_until < now else self.window_until + past,
            "idle_until": None if self.idle_until < now else self.idle_until + past,
            "learner": self.learner.state,
            "account": self.account.state,
            "minimum": self.minimum.state,
        }

    def restore(self, now: float, at: float) -> None:
        """Take up the times that were kept, now that it is known what time it is.

        Args:
            now: the monotonic clock, s.
            at: the time, s since the epoch.
        """
        kept, past = self._kept, at - now
        if (fuse_until := kept.get("fuse_until")) is not None:
            self.fuse_until = fuse_until - past
            self.fuse_phase, self.fuse_current_a = kept["fuse_phase"], kept["fuse_current_a"]
        if (window_until := kept.get("window_until")) is not None:
            self.window_until = window_until - past
        if (idle_until := kept.get("idle_until")) is not None:
            self.idle_until = idle_until - past
        if (changed_at := kept.get("changed_at")) is not None:
            self.changed_at = min(now, changed_at - past)

    def adopt(self, actual: bool | None, now: float) -> None:  # noqa: FBT001 - as a sample has it
        """Take what the output is for what it was told."""
        self.actual = actual
        if actual is None:
            return
        if actual is not self._known:
            self.changed_at = now
            self.cause = None
        self.told = self.on = actual
        self._obeyed(now)

    def tell(self, on: bool, now: float, period_s: float) -> None:  # noqa: FBT001 - on or off is what it is about
        """Note that it is told this, now."""
        self.changed_at = now
        self.fault = False
        self._is_start = on and self.actual is not True
        if on:
            self.minimum.seems_satisfied = False
        self.told = self.on = on
        self.agreed = False
        self._told_at = now
        self._repeats = 0
        self.differs_since = inf
        self.moved(now, period_s)

    def repeat(self, now: float, period_s: float, *, is_back: bool) -> None:
        """Note that it is told again what it was told; `is_back`: because it was away, which is no fault."""
        self.changed_at = now
        if is_back:
            self.agreed = False
            self._told_at = now
            self._repeats = 0
        self.moved(now, period_s)

    def expire(self, at: float) -> None:
        """Let a person's hand go if its end has come (s since the epoch)."""
        if self.override is not None and at >= self.until:
            self.override = None

    def moved(self, now: float, period_s: float) -> None:
        """Note that its power changes from now on."""
        self.settled_at = now + self.travel_s + 2 * period_s + 1

    def look(self, actual: bool | None, now: float, period_s: float) -> Notice:  # noqa: FBT001 - as a sample has it
        """Take the state of its output; return what is to be done about it.

        Args:
            actual: the state.
            now: the monotonic clock, s.
            period_s: time between two telegrams.
        """
        was_away, self.actual = self.actual is None, actual
        if actual is None:
            self.differs_since = inf
            return Notice.NOTHING
        if self.told is None:
            self.adopt(actual, now)
        patience_s = self._patience_s(period_s)
        if actual is self.told:
            returns = self.differs_since != inf
            is_late = not self.agreed and self.is_overdue(now, period_s)
            self.on = actual
            self._obeyed(now)
            if returns:
                return Notice.MOVED
            return Notice.LATE if is_late else Notice.NOTHING
        if was_away:
            return Notice.BACK
        if not self.agreed:
            return self._disobeys(actual, now, patience_s)
        if self.differs_since == inf:
            self.differs_since = now
            return Notice.MOVED
        return Notice.HAND if now - self.differs_since > patience_s else Notice.NOTHING

    def is_overdue(self, now: float, period_s: float) -> bool:
        """Return whether the time is over in which it should have done what it was told last."""
        return now - self._told_at > self._patience_s(period_s)

    def take_hand(self, on: bool, now: float, at: float) -> None:  # noqa: FBT001 - on or off is what it is about
        """A person has switched it at the device: respect that, or, where it undoes their hand, let go."""
        undone = self.override is not None and on is not self.override and on is self._before_hand
        self._before_hand = self.on
        self.override = None if undone else on
        self.until = at + self.settings.override_s
        self.changed_at = self.differs_since
        self.cause = None
        self._is_start = on and not (self.on and self.agreed)
        self.actual = self.told = self.on = on
        self._obeyed(now)

    def take_stop(self, *, drew: bool) -> None:
        """Its stop has shown whether it drew anything: it rests if it did not, and need not if it did."""
        self.minimum.take_stop(drew=drew)
        if drew:
            self.idle_until = -inf
        elif not self._settings.hold_idle and not self.on:
            self.idle_until = max(self.idle_until, self.changed_at + self._settings.idle_retry_s)

    def put_hand(self, on: bool | None, until: float) -> None:  # noqa: FBT001 - the same
        """A person says what it shall be until then (s since the epoch); None: nothing any more."""
        if on is not None and self.fault and self.actual is not None:
            # They have mended it, or want to see: it is taken as it is, and told at once what they want.
            self.fault = self._is_start = False
            self.told = self.on = self.actual
            self.agreed = True
        if self.override is None:
            self._before_hand = self.on
        self.override = on
        self.until = until

    def end_hand(self) -> None:
        """Something of more authority has ended a person's ON: it is over if it had an end, and else only pauses."""
        if self.override and not self.hand_lasts:
            self.override = None

    @property
    def hand_lasts(self) -> bool:
        """Whether the person's hand does not end by itself."""
        return self.until >= _FOREVER_AT

    @property
    def forced(self) -> bool:
        """Whether it has to run for its minimum."""
        return self.minimum.forced and self._settings.min_run_s > 0

    @property
    def is_ours(self) -> bool:
        """Whether it is there and obeys, so that its power is reckoned with."""
        return self.actual is not None and not self.fault

    @property
    def may_be_shed(self) -> bool:
        """Whether it is on and the fuse and the demand limit may switch it off."""
        return self.on and not self._settings.never_shed and self.is_ours

    def shown_on(self, seen_at: float, period_s: float) -> bool | None:
        """Return whether it is on: as told, and where it has had its time to obey, as it is; None: nobody knows.

        Args:
            seen_at: when its output was looked at last (monotonic, s).
            period_s: time between two telegrams.
        """
        if self.agreed or self.actual is None or not self.is_overdue(seen_at, period_s):
            return None if self.actual is None else self.on
        return self.actual

    def activity(self, now: float, seen_at: float, period_s: float) -> Activity:
        """Return what it is doing; `now` is the monotonic clock (s), the rest is that of `shown_on()`."""
        if self.fault:
            return Activity.FAULT
        if self.actual is None:
            return Activity.UNKNOWN
        if self.on and not self.agreed and seen_at >= self._told_at:
            return Activity.STARTING
        if not self.shown_on(seen_at, period_s):
            return Activity.OFF
        if self.learner.idle:
            return Activity.IDLE
        return Activity.STARTING if self.on and now < self.changed_at + self.travel_s else Activity.ACTIVE

    @property
    def _known(self) -> bool | None:
        """What it was told last, before a restart if need be."""
        return self._kept.get("told") if self.told is None else self.told

    def _patience_s(self, period_s: float) -> float:
        """Return how long it may take (s) to obey."""
        return self._settings.latency_s + 3 * period_s

    def _obeyed(self, now: float) -> None:
        """Note that it is as it was told: only now a start is one."""
        if self._is_start and self.on:
            self.account.started(now)
        self._is_start = False
        self.agreed = True
        self.fault = False
        self.differs_since = inf

    def _disobeys(self, actual: bool, now: float, patience_s: float) -> Notice:  # noqa: FBT001 - as a sample has it
        """Return what is to be done about a load that has not done what it was told."""
        age = now - self._told_at
        if self.fault:
            due = self._repeats * _FAULT_RETRY_S
        elif self._repeats < len(_REPEATS_S):
            due = max(_REPEATS_S[self._repeats], (self._repeats + 1) * patience_s)
        else:
            if age > max(_REPEATS_S[-1], len(_REPEATS_S) * patience_s) + patience_s:
                self.fault = True
                self.on = actual
                self._repeats = 1
                self._told_at = now
            return Notice.NOTHING
        if age < due:
            return Notice.NOTHING
        self._repeats += 1
        return Notice.REPEAT
