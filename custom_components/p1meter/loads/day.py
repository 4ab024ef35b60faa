"""The load's own day: how long it ran, how often it was started, what that took, from the sun and from the grid."""

from collections import deque
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import LoadSettings

_DAY: Final = timedelta(days=1)
_HOUR_S: Final = 3600.0


def day_of(load: LoadSettings, wall: datetime) -> date:
    """Return the day of the load that `wall` is in, named by the date on which it begins."""
    today = wall.date()
    return today if wall.time() >= load.day_start else today - _DAY


def deadline_after(load: LoadSettings, wall: datetime) -> datetime:
    """Return the end of the time that is left for `min_run_s` in the load's day: its deadline, else the day's end.

    By the calendar, so that a day may have 23 or 25 hours. It may be over: what follows it belongs to the same day.

    Args:
        load: whose.
        wall: aware, in the home's zone.
    """
    end = load.day_start if load.deadline is None else load.deadline
    day = day_of(load, wall)
    return datetime.combine(day if end > load.day_start else day + _DAY, end, wall.tzinfo)


class Account:
    """Counts what a load did in its day, and begins anew where the next day begins.

    Attributes:
        load: its settings; may be replaced.
        day: the date on which the day began that is counted.
        began: the local time at which it began; the load's days may begin at another time by now.
        run_s: how long it was active.
        starts: how often it was started.
        sun_wh: energy that came from the own sun.
        grid_wh: energy that came from the grid.
    """

    def __init__(self, load: LoadSettings, state: Mapping[str, Any] | None = None) -> None:
        """Begin with what `state` says, which an earlier account of the load gave; with nothing counted without one."""
        self._load = load
        state = state or {}
        self.day = date.fromisoformat(state.get("day", "0001-01-01"))
        self.began = time.fromisoformat(state["began"]) if "began" in state else load.day_start
        self.run_s: float = state.get("run_s", 0.0)
        self.starts: int = state.get("starts", 0)
        self.sun_wh: float = state.get("sun_wh", 0.0)
        self.grid_wh: float = state.get("grid_wh", 0.0)
        # The starts of the last hour: by the monotonic clock, and by the wall, which is what a restart leaves.
        self._started: deque[tuple[float, datetime]] = deque()
        self._kept = [datetime.fromisoformat(at) for at in state.get("hour", ())]
        self._wall: datetime | None = None
        self._begins: datetime | None = None
        self._ends: datetime | None = None

    @property
    def load(self) -> LoadSettings:
        """Its settings."""
        return self._load

    @load.setter
    def load(self, load: LoadSettings) -> None:
        self._load = load
        self._begins = None

    @property
    def state(self) -> dict[str, Any]:
        """What a restart needs; JSON-able."""
        return {
            "day": self.day.isoformat(),
            "began": self.began.isoformat(),
            "run_s": self.run_s,
            "starts": self.starts,
            "sun_wh": self.sun_wh,
            "grid_wh": self.grid_wh,
            "hour": [wall.isoformat() for wall in (*self._kept, *(wall for _, wall in self._started))],
        }

    def step(self, wall: datetime, dt: float, *, active: bool, sun_w: float, grid_w: float) -> None:
        """Count the time since the telegram before.

        Args:
            wall: now, aware, in the home's zone.
            dt: that time, s.
            active: whether the load was on and drew power in it.
            sun_w: the part of its power that came from the own sun.
            grid_w: the part that came from the grid.
        """
        self._wall = wall
        begins, ends = self._begins, self._ends
        if begins is None or ends is None or not begins <= wall < ends:
            self._turn(wall)
        if active:
            self.run_s += dt
            hours = dt / _HOUR_S
            self.sun_wh += sun_w * hours
            self.grid_wh += grid_w * hours

    def started(self, now: float) -> None:
        """Count a start at `now` (monotonic, s)."""
        self.starts += 1
        if self._wall is not None:
            self._started.append((now, self._wall))
            # Whether anybody asks or not, no more than an hour of them is kept.
            self.starts_in_hour(now)

    def starts_in_hour(self, now: float) -> int:
        """Return how many starts there were in the hour before `now` (monotonic, s)."""
        if self._kept and self._wall is not None:
            for wall in reversed(self._kept):
                self._started.appendleft((now - (self._wall.timestamp() - wall.timestamp()), wall))
            self._kept.clear()
        started = self._started
        while started and started[0][0] <= now - _HOUR_S:
            started.popleft()
        return len(started)

    def _turn(self, wall: datetime) -> None:
        """Find the day that `wall` is in, and begin anew if it is not the one that was counted."""
        day, start = day_of(self._load, wall), self._load.day_start
        # An hour that the clock repeats does not bring yesterday back.
        if day != self.day and day + _DAY != self.day:
            self.day, self.began = day, start
            self.run_s = self.sun_wh = self.grid_wh = 0.0
            self.starts = 0
        self._begins = datetime.combine(day, start, wall.tzinfo)
        self._ends = datetime.combine(day + _DAY, start, wall.tzinfo)
