"""A run that must be had by a deadline, whatever the sun does."""

from datetime import UTC, date, datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any, Final

from .day import deadline_after
from .permission import in_window, withheld

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .day import Account
    from .learning import Learner
    from .model import LoadSettings, Sample, Site

_QUARTER_S: Final = 900.0
_QUARTERS: Final = 96
# What may come between, as a share of the run and beside it.
_SLACK: Final = 1.15
_SLACK_S: Final = 900.0
# The same under a demand limit: while the house cooks there is no room, and nobody knows for how long.
_LIMITED_SLACK: Final = 1.7
_LIMITED_SLACK_S: Final = 3600.0
_LEAST_DUTY: Final = 0.3
# How much earlier than it must the run may begin because power is cheap: the sun had its chance until then.
_EARLY: Final = 2.0
_LOOK_S: Final = 60.0


class MinimumRun:
    """Decides when a load has to run so that it has run `min_run_s` by the deadline of its day, and holds to that.

    It waits for the sun as long as it can: until the time that is left is what the run needs. Only time in which the
    load may run counts: its windows are known, the tariff, the price and what the person named as its permission are
    taken to be at each quarter of an hour as they were seen there last. When the time left is twice the need, a run
    begins earlier if power gets dearer: in the first quarter of an hour that belongs to the cheapest which are left.
    What has begun goes on until the minimum is met, so that it is one run.

    Attributes:
        load: its settings; may be replaced.
        forced: whether it has to run now, as soon as nothing forbids it.
        seems_satisfied: whether it is taken, by a guess, to have what it needs: when it is stopped it is seen.
    """

    def __init__(self, load: LoadSettings, state: Mapping[str, Any] | None = None) -> None:
        """Begin with what `state` says, which an earlier one of the load gave; with nothing seen without one."""
        state = state or {}
        self.load = load
        self.forced: bool = state.get("forced", False)
        self._day = date.fromisoformat(state.get("day", "0001-01-01"))
        self._satisfied: bool = state.get("satisfied", False)
        self.seems_satisfied = False
        # By the quarter of an hour of the local day; None: not seen yet.
        self._permits: list[bool | None] = list(state.get("permits", [None] * _QUARTERS))
        self._prices: list[float | None] = list(state.get("prices", [None] * _QUARTERS))
        self._look_at = -inf
        self._ends = inf

    @property
    def state(self) -> dict[str, Any]:
        """What a restart needs; JSON-able."""
        return {
            "forced": self.forced,
            "day": self._day.isoformat(),
            "satisfied": self._satisfied,
            "permits": list(self._permits),
            "prices": list(self._prices),
        }

    def step(self, sample: Sample, site: Site, account: Account, learner: Learner, *, target_w: float | None) -> None:
        """Decide again, after the account and the learner took the same telegram.

        Args:
            sample: the newest telegram.
            site: the connection.
            account: the load's day.
            learner: what is known of its power.
            target_w: what a demand window may take on the mean; None: no limit.
        """
        if self.load.min_run_s <= 0:
            self.forced = False
            return
        now = sample.now
        if account.day != self._day:
            self._day = account.day
            self.forced = self._satisfied = False
            self._look_at = now
        if now >= self._look_at:
            self._look_at = now + _LOOK_S
            self._look(sample, site, account, learner, target_w)
        if self.forced:
            # Its thermostat has opened: it has what it needs. Not at once, as that may be another appliance's doing.
            since = learner.idle_since
            if since is not None and now - since >= self.load.idle_off_s:
                # One that is never stopped for being idle never shows more.
                self.seems_satisfied = learner.is_guess and not self.load.hold_idle
                self._satisfied = not self.seems_satisfied
            self.forced = not self._satisfied and account.run_s < self.load.min_run_s and now < self._ends

    def take_stop(self, *, drew: bool) -> None:
        """Its stop has shown whether it drew: if so it still lacks what it lacked; if not, a guess was right."""
        if drew:
            self._satisfied = False
        elif self.seems_satisfied:
            self._satisfied = True
            self.forced = False
        self.seems_satisfied = False

    def _look(self, sample: Sample, site: Site, account: Account, learner: Learner, target_w: float | None) -> None:
        """See what is permitted and what it costs now, and whether the run can wait."""
        load, wall = self.load, sample.wall
        here = _quarter(wall)
        self._permits[here] = permitted = withheld(load, sample) is None
        self._prices[here] = price = sample.price_buy
        deadline = deadline_after(load, wall)
        left_s = deadline.timestamp() - wall.timestamp()
        self._ends = sample.now + left_s
        missing_s = load.min_run_s - account.run_s
        if self.forced or self._satisfied or missing_s <= 0 or left_s <= 0:
            return
        duty, slack, slack_s = 1.0, _SLACK, _SLACK_S
        if target_w is not None:
            slack, slack_s = _LIMITED_SLACK, _LIMITED_SLACK_S
            room_w = target_w * (1 - site.cap_margin) - site.house_w
            duty = min(max(room_w / learner.power_w, _LEAST_DUTY), 1.0)
        need_s = missing_s / duty * slack + slack_s
        if not permitted or not in_window(load, wall.time()):
            price = None
        usable_s = cheap_s = 0.0
        for seconds, then in self._usable(wall, left_s):
            usable_s += seconds
            if price is None or then is None or then <= price:
                cheap_s += seconds
        self.forced = usable_s <= _EARLY * need_s and cheap_s <= need_s

    def _usable(self, wall: datetime, left_s: float) -> Iterator[tuple[float, float | None]]:
        """Give the time in which the load may run, as far as is known: pieces of it (s), with the price if known."""
        load = self.load
        # Nobody knows how prices and tariffs go that were never seen: do not count on them.
        unseen = load.tariffs is None and load.max_price is None
        start = wall.astimezone(UTC)
        passed_s = 0.0
        into_s = (wall.minute * 60 + wall.second + wall.microsecond / 1e6) % _QUARTER_S
        while passed_s < left_s:
            local = (start + timedelta(seconds=passed_s)).astimezone(wall.tzinfo)
            seconds = min(_QUARTER_S - into_s, left_s - passed_s)
            into_s = 0.0
            passed_s += seconds
            number = _quarter(local)
            permits = self._permits[number]
            if in_window(load, local.time()) and (unseen if permits is None else permits):
                yield seconds, self._prices[number]


def _quarter(wall: datetime) -> int:
    return wall.hour * 4 + wall.minute // 15
