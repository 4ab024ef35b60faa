"""How things stand at a telegram: what the law decides from, and what a person is told."""

from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Final

from .fuse import Fuse
from .model import Reason, Sample
from .permission import forbidden, start_cost
from .surplus import Regret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .model import Detail, Site
    from .unit import Unit
    from .window import DemandWindow

# So many good telegrams must have come before anything is commanded after a start or a silence.
GOOD_TELEGRAMS: Final = 3
NOTHING: Final = Sample(-inf, datetime.fromtimestamp(0, UTC), 0.0, 0.0, (None, None, None))


class Situation:
    """What is known now.

    Attributes:
        site: the connection.
        units: the loads in the order of their rank.
        fuse: what flows in the phases.
        window: the demand window.
        regret: the sets of loads and what they would have gained.
        sample: the newest telegram; `NOTHING`: none has come yet.
        now: the monotonic clock, s.
        wall: the time, aware, in the home's zone.
        at: the same, s since the epoch.
        silent_s: time since the newest good telegram.
        seen_at: when the outputs were looked at last (monotonic, s).
        starting_up: whether nothing was decided yet since the start.
        good: telegrams since the start or the last silence.
        blind: whether nothing has been heard for so long that loads are in their safe state.
        enabled: whether anything is commanded at all.
        surplus_w: what the panels leave for the loads, as last known; None: not known yet.
        next_start: the earliest time (monotonic, s) of the next start by the law.
        planned: loads of a set that was chosen which are still to be started, one after the other.
    """

    def __init__(self, units: list[Unit], site: Site, window: DemandWindow) -> None:
        """Begin with nothing known."""
        self.site = site
        self.units = units
        self.fuse = Fuse()
        self.window = window
        self.regret = Regret()
        self.sample = NOTHING
        self.now = -inf
        self.wall = NOTHING.wall
        self.at = 0.0
        self.silent_s = 0.0
        self.seen_at = -inf
        self.starting_up = True
        self.good = 0
        self.blind = False
        self.enabled = True
        self.surplus_w: float | None = None
        self.next_start = -inf
        self.planned: list[Unit] = []

    @property
    def waiting(self) -> bool:
        """Whether the first good telegrams are awaited."""
        return self.good <= GOOD_TELEGRAMS

    def permission(self, unit: Unit) -> tuple[Reason, Detail] | None:
        """Return what forbids the load to start, with the numbers behind it."""
        return forbidden(unit.settings, self.sample, unit.account, self.now)

    def start_costs(self) -> Sequence[float]:
        """Return what a start of each load must gain now, Wh."""
        return [start_cost(unit.settings, unit.account, self.wall) for unit in self.units]

    def lock(self, unit: Unit) -> tuple[Reason, Detail] | None:
        """Return what locks the load after it was shed, with the numbers behind it."""
        if self.now < unit.fuse_until:
            detail: dict[str, float | int | str] = {
                "phase": unit.fuse_phase,
                "current_a": unit.fuse_current_a,
                "remaining_s": unit.fuse_until - self.now,
            }
            if self.site.fuse_a is not None:
                detail["fuse_a"] = self.site.fuse_a
            return Reason.FUSE, detail
        if self.now < unit.window_until:
            return Reason.DEMAND, self.demand_detail(unit.window_until - self.now)
        return None

    def no_room(self, unit: Unit) -> tuple[Reason, Detail] | None:
        """Return which limit has no room for the load, with the numbers behind it."""
        power_w = unit.learner.power_w
        phase = self.fuse.blocks([*self.coming(), (unit, power_w)], self.site)
        if phase is not None:
            return Reason.FUSE_HEADROOM, {
                "phase": phase,
                "current_a": self.fuse.currents_a[phase - 1] or 0.0,
                "fuse_a": self.site.fuse_a or 0.0,
            }
        window = self.window
        if unit.override:
            fits = unit.settings.override_protected or window.allows_hand(power_w)
        else:
            fits = window.allows(power_w, unit.settings.min_on_s)
        if fits:
            return None
        return Reason.DEMAND_HEADROOM, self.demand_detail(window.wait_s(power_w))

    def demand_detail(self, remaining_s: float) -> Detail:
        """Return the numbers of the demand window.

        Not its forecast: what is kept free decides as well, so that a forecast below the target would contradict it.
        """
        target_w = self.window.target_w
        return {"remaining_s": remaining_s} | ({} if target_w is None else {"target_w": target_w})

    def rest(self, unit: Unit) -> tuple[Reason, Detail] | None:
        """Return what makes a load that is off rest, with the numbers behind it."""
        now = self.now
        if now < unit.idle_until:
            return Reason.IDLE_WAIT, {"remaining_s": unit.idle_until - now}
        off_until = unit.changed_at + unit.settings.min_off_s
        return (Reason.MIN_OFF, {"remaining_s": off_until - now}) if now < off_until else None

    def barrier(self, unit: Unit) -> tuple[Reason, Detail] | None:
        """Return what keeps a load that is off from being started by the law, but for the room that it needs."""
        return self.lock(unit) or self.permission(unit) or self.rest(unit)

    def settling_s(self) -> float:
        """Return how long it takes (s) until the meter shows all that was switched."""
        return max(0.0, max(unit.settled_at for unit in self.units) - self.now)

    def coming(self) -> list[tuple[Unit, float]]:
        """Return the loads that were started and that the meter does not show yet, with their power."""
        now = self.now
        return [
            (unit, unit.learner.power_w) for unit in self.units if unit.on and unit.is_ours and now < unit.settled_at
        ]
