"""What the house may still draw in a demand window: learned, so that loads do not take what is needed then."""

from math import inf
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Site

_HOUR_S: Final = 3600.0
_DAY_S: Final = 86_400.0
_HOURS: Final = 24
# What a house draws in which somebody cooks: believed, less with each day, of every hour in which it draws more at
# times than one in which all sleep.
_COOKS_W: Final = 3500.0
_ASLEEP_W: Final = 750.0
_LESS_SURE: Final = 0.95
# From then on something is expected of a house: for the rest of its first day, that it may cook at any hour.
_FIRST_HOURS: Final = 0.25
# Where a house draws more of its target than this, the target is lost with the loads and without them.
_LOST: Final = 2.0
# What was seen counts less with each day.
_A_DAY_LATER: Final = 0.97
# Parts of a window over which the house's power is averaged; so much of a part has to be seen.
_PARTS: Final = 3
_LEAST_SEEN: Final = 0.3
# By so much (W, on the mean of a window) loads may exceed the target together with a surge.
_BEARABLE_W: Final = 250.0
# What still flows after a command: the meter's delay, the command's, and the load's.
_LATE_S: Final = 12.0


class Surge:
    """Knows what the house may draw at this time of the day, and what loads may take in a window lest that comes.

    A house that begins to cook may use up the target by itself, and then all counts that loads took before. So around
    each hour of the day in which somebody is up, for as long as the most that the house ever did could still exceed the
    target, they take no more from the grid than what is bearable. Of its first hours nothing is held against a house.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        """Begin with what `state` says, which an earlier one gave; with nothing seen without one."""
        state = state or {}
        # By the hour of the local day.
        self._most_w: list[float] = list(state.get("most_w", [0.0] * _HOURS))
        self._days: float = state.get("days", 0.0)
        # For how long a surge could still exceed the target.
        self._exposed_s = 0.0
        self._expected_w = 0.0
        self._part_s = inf
        self._reserve_w = 0.0
        self._lost_w = inf
        self._part = -inf
        self._hour = 0
        self._house_ws = 0.0
        self._seen_s = 0.0
        # Of this window: what the loads may take from the grid while it is exposed, and what they have taken.
        self._bearable_wh = inf
        self._taken_wh = 0.0
        self._loads_w = 0.0
        self._mean_w = 0.0

    @property
    def state(self) -> dict[str, Any]:
        """What a restart needs; JSON can hold it."""
        return {"most_w": list(self._most_w), "days": self._days}

    def begin(self, site: Site, target_w: float) -> None:
        """Begin another window of this connection, with this target."""
        self._part_s = site.window_s / _PARTS
        self._reserve_w = site.reserve_w
        self._lost_w = _LOST * target_w
        self._bearable_wh = _BEARABLE_W * site.window_s / _HOUR_S
        self._taken_wh = 0.0

    def take(self, import_w: float, dt: float, loads_w: float) -> None:
        """Count what the loads take from the grid.

        Args:
            import_w: what all of the house takes.
            dt: time since the telegram before, s.
            loads_w: what those loads draw that may be shed.
        """
        self._loads_w = loads_w
        self._taken_wh += min(import_w, loads_w) * dt / _HOUR_S

    def learn(self, at: float, hour: int, dt: float, house_w: float | None) -> None:
        """Learn what the house draws at this hour of the local day.

        Args:
            at: the time, s since the epoch.
            hour: of the local day.
            dt: time since the telegram before, s.
            house_w: what the house itself takes from the grid; None: that cannot be told now.
        """
        part_s = self._part_s
        part = at // part_s
        if part != self._part:
            if self._seen_s >= _LEAST_SEEN * part_s:
                faded_w = self._most_w[self._hour] * _A_DAY_LATER ** (part_s / _HOUR_S)
                self._most_w[self._hour] = max(self._house_ws / self._seen_s, faded_w)
                self._days += part_s / _DAY_S
            self._part, self._hour = part, hour
            self._house_ws = self._seen_s = 0.0
            self._expected_w = min(self._most_around(hour) + self._reserve_w, self._lost_w)
        if house_w is not None:
            self._house_ws += max(0.0, house_w) * dt
            self._seen_s += dt

    def follow(self, mean_w: float, left_wh: float, remaining_s: float) -> None:
        """Find for how long a surge could still exceed the target.

        Args:
            mean_w: what the connection draws, import less export.
            left_wh: what the window may still take.
            remaining_s: what is left of it.
        """
        self._mean_w = mean_w
        rise_w = self._expected_w - max(0.0, mean_w - self._loads_w)
        # What the loads have taken is borne; all else that the window has taken is the house's own.
        over_wh = self._expected_w * remaining_s / _HOUR_S - left_wh - self._taken_wh
        self._exposed_s = min(remaining_s, over_wh * _HOUR_S / rise_w) if over_wh > 0 < rise_w else 0.0

    def switched(self, change_w: float) -> None:
        """Take into account what a load will draw more (W), or less, because it was switched now."""
        self._loads_w += change_w
        self._mean_w += change_w

    def bears(self, more_w: float) -> bool:
        """Return whether loads may draw so much more (W) without being ended by what is bearable."""
        return not self._exposed_s or self._from_grid(more_w) * (self._exposed_s + _LATE_S) <= self._left_wh() * _HOUR_S

    def is_reached(self) -> bool:
        """Return whether loads have to be shed now, so that they take no more than what is bearable."""
        taken_w = self._from_grid(0.0)
        return self._exposed_s > 0 and taken_w > 0 and taken_w * _LATE_S >= self._left_wh() * _HOUR_S

    def wait_s(self, more_w: float) -> float:
        """Return after which time (s) loads may draw so much more, if all else stays."""
        if self.bears(more_w):
            return 0.0
        return self._exposed_s + _LATE_S - self._left_wh() * _HOUR_S / self._from_grid(more_w)

    def room_w(self) -> float:
        """Return what loads may draw more (W) from the grid."""
        if not self._exposed_s:
            return inf
        return self._left_wh() * _HOUR_S / (self._exposed_s + _LATE_S) - self._from_grid(0.0)

    def _left_wh(self) -> float:
        """Return what loads may still take while the window is exposed."""
        return max(0.0, self._bearable_wh - self._taken_wh)

    def _from_grid(self, more_w: float) -> float:
        """Return what of the loads' power comes from the grid if they draw so much more."""
        return max(0.0, min(self._mean_w, self._loads_w) + more_w)

    def _most_around(self, hour: int) -> float:
        """Return the most that the house may draw at this hour: as ever, but when all sleep, beside it as well."""
        if self._days < _FIRST_HOURS:
            return 0.0
        if self._days < 1:
            return max(*self._most_w, _COOKS_W)
        most_w = max(self._most_w[(hour + step) % _HOURS] for step in (-1, 0, 1))
        return most_w if most_w <= _ASLEEP_W else max(*self._most_w, _COOKS_W * _LESS_SURE**self._days)
