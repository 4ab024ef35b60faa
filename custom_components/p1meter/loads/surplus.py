"""Which loads the sun is to run: the regret of not having run another set of them, in Wh."""

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_HOUR_S: Final = 3600.0
# Up to so many loads all their sets are weighed; above, those that differ by one load, or by one for another.
_ALL_SETS: Final = 5


class Share(NamedTuple):
    """What the choice knows of one load.

    Attributes:
        power_w: what it draws; 0 while it is on and idle.
        theta: the share of it that the sun must cover for running to be worth just nothing.
        weight: how much a watt in it counts.
        gate: the least share that the sun must cover at its start.
        start_cost_wh: what a start must gain.
        stop_cost_wh: what a stop must gain.
    """

    power_w: float
    theta: float
    weight: float
    gate: float
    start_cost_wh: float
    stop_cost_wh: float


class _Set(NamedTuple):
    """A set of loads that could be on instead.

    Attributes:
        mask: bit n is the load that is n-th in rank.
        terms: of each load in it: the power of those before it, its own, and its weight.
        base_w: what the set is worth without any sun.
        cost_wh: of the change, without what a budget of starts adds.
    """

    mask: int
    terms: tuple[tuple[float, float, float], ...]
    base_w: float
    cost_wh: float


def members(mask: int) -> Iterator[int]:
    """Yield the places in rank of the loads in the mask, the most important first."""
    n = 0
    while mask:
        if mask & 1:
            yield n
        mask >>= 1
        n += 1


class Regret:
    """Weighs the sets of loads against the one that is on.

    The sun goes to the loads in the order of their rank. What another set would have gained over the one that is on is
    added up from one change to the next; a set that would have gained more than the change costs is better.

    Attributes:
        current: mask of the loads that are on.
        shares: the loads in the order of their rank.
    """

    def __init__(self) -> None:
        """Begin with no loads."""
        self.current = 0
        self.shares: tuple[Share, ...] = ()
        self._own: _Set = _Set(0, (), 0.0, 0.0)
        self._sets: list[_Set] = []
        self._regrets: list[float] = []
        self._gains: list[float] = []
        # By the mask, the regrets of the sets that lack nothing but idle loads: those are not weighed.
        self._rested: dict[int, float] = {}
        # Below this surplus no set is worth anything, while none is on that could be switched off.
        self._least = 0.0
        self._at_rest = False

    def arrange(self, shares: Sequence[Share], current: int, fixed: int) -> None:
        """Take how things are now. Regrets go on, but for another set that is on: then they begin at zero.

        Args:
            shares: the loads in the order of their rank.
            current: mask of those that are on.
            fixed: mask of those that are not to be switched.
        """
        before: dict[int, float] = {}
        if current == self.current and len(shares) == len(self.shares):
            before = self._rested | {one.mask: regret for one, regret in zip(self._sets, self._regrets, strict=True)}
        # What an idle load has lost counts on when it draws again: one whose thermostat switches every minute would
        # else never have lost enough.
        idle = sum(1 << n for n, share in enumerate(shares) if share.power_w == 0)
        self._rested = {mask: regret for mask, regret in before.items() if not (mask ^ current) & ~idle}
        self.shares, self.current = tuple(shares), current
        self._own = self._set(current)
        self._sets = [self._set(mask) for mask in self._masks(fixed)]
        self._regrets = [before.get(one.mask, 0.0) for one in self._sets]
        self._gains = [0.0] * len(self._sets)
        free = [share for n, share in enumerate(shares) if not fixed >> n & 1]
        self._least = min((share.theta * share.power_w for share in free), default=0.0)
        self._at_rest = not current and not any(self._regrets)

    def reset(self) -> None:
        """Forget what was added up."""
        self._rested.clear()
        self._regrets = [0.0] * len(self._sets)
        self._gains = [0.0] * len(self._sets)
        self._at_rest = not self.current

    def step(self, surplus_w: float, dt: float) -> bool:
        """Add up what the other sets would have gained.

        Args:
            surplus_w: what the panels leave for the loads.
            dt: for how long, s.

        Returns:
            Whether one of them may be worth the change.
        """
        if self._at_rest and surplus_w <= self._least:
            return False
        value_w = self._own.base_w
        for used_w, power_w, weight in self._own.terms:
            left_w = surplus_w - used_w
            if left_w <= 0:
                break
            value_w += weight * (left_w if left_w < power_w else power_w)  # noqa: FURB136 - min() takes three times as long
        hours = dt / _HOUR_S
        regrets, gains = self._regrets, self._gains
        worth = moved = False
        n = 0
        for _, terms, gain_w, cost_wh in self._sets:
            for used_w, power_w, weight in terms:
                left_w = surplus_w - used_w
                if left_w <= 0:
                    break
                gain_w += weight * (left_w if left_w < power_w else power_w)  # noqa: FURB136, PLW2901 - as above
            gain_w -= value_w  # noqa: PLW2901 - the same
            gains[n] = gain_w
            regret = regrets[n] + gain_w * hours
            if regret > 0:
                regrets[n] = regret
                moved = True
                if regret > cost_wh and gain_w > 0:
                    worth = True
            else:
                regrets[n] = 0.0
            n += 1  # noqa: SIM113 - enumerate() makes a tuple a turn
        self._at_rest = not moved and not self.current
        return worth

    def choose(self, surplus_w: float, start_costs: Sequence[float], is_feasible: Callable[[int], bool]) -> int | None:
        """Return the mask of the set that is to be on instead; None: none is worth it.

        Args:
            surplus_w: what the panels leave for the loads.
            start_costs: what a start of each load must gain now, Wh.
            is_feasible: whether a change to this mask is allowed.
        """
        worth = []
        for n, one in enumerate(self._sets):
            if self._gains[n] > 0:
                margin = self._regrets[n] - self._cost(one.mask, start_costs)
                if margin > 0:
                    worth.append((margin, one.mask))
        worth.sort(key=lambda pair: (-pair[0], pair[1]))
        return next((mask for _, mask in worth if self._passes(mask, surplus_w) and is_feasible(mask)), None)

    def left_w(self, load: int, surplus_w: float, mask: int) -> float:
        """Return what the loads in the mask that are before this one, n-th in rank, leave for it of the surplus, W."""
        return surplus_w - sum(self.shares[n].power_w for n in members(mask & ((1 << load) - 1)))

    def share(self, load: int, surplus_w: float, mask: int) -> float:
        """Return the share of this load, n-th in rank, that the sun covers with the loads in the mask on, 0 to 1."""
        power_w = self.shares[load].power_w
        return min(1.0, max(0.0, self.left_w(load, surplus_w, mask) / power_w)) if power_w > 0 else 0.0

    def lack_w(self, load: int, surplus_w: float) -> float:
        """Return what is missing (W) for the best set in which this load is switched to be worth just nothing."""
        bit, own_w = 1 << load, _value_w(self._own, surplus_w)
        gains = (_value_w(one, surplus_w) - own_w for one in self._sets if (one.mask ^ self.current) & bit)
        return max(0.0, -max(gains, default=0.0))

    def soonest(self, load: int, surplus_w: float, start_costs: Sequence[float]) -> float | None:
        """Return after which time (s) this load is switched if the sun stays as it is; None: never."""
        bit, own_w = 1 << load, _value_w(self._own, surplus_w)
        times = [
            max(0.0, self._cost(one.mask, start_costs) - self._regrets[n]) * _HOUR_S / gain_w
            for n, one in enumerate(self._sets)
            if (one.mask ^ self.current) & bit
            and (gain_w := _value_w(one, surplus_w) - own_w) > 0
            and self._passes(one.mask, surplus_w)
        ]
        return min(times, default=None)

    def _passes(self, mask: int, surplus_w: float) -> bool:
        """Return whether the sun covers enough of each load that would start."""
        started = mask & ~self.current
        return all(self.share(n, surplus_w, mask) >= self.shares[n].gate for n in members(started))

    def _cost(self, mask: int, start_costs: Sequence[float]) -> float:
        starts = sum(start_costs[n] for n in members(mask & ~self.current))
        return starts + sum(self.shares[n].stop_cost_wh for n in members(self.current & ~mask))

    def _set(self, mask: int) -> _Set:
        terms = []
        used_w = base_w = 0.0
        for n in members(mask):
            share = self.shares[n]
            if share.power_w > 0:
                terms.append((used_w, share.power_w, share.weight))
                used_w += share.power_w
                base_w -= share.weight * share.theta * share.power_w
        return _Set(mask, tuple(terms), base_w, self._cost(mask, [share.start_cost_wh for share in self.shares]))

    def _masks(self, fixed: int) -> Iterator[int]:
        """Yield the sets that the one that is on is compared with. None of the fixed loads (bits) is changed in any."""
        count = len(self.shares)
        if count <= _ALL_SETS:
            for mask in range(1 << count):
                if mask != self.current and not (mask ^ self.current) & fixed:
                    yield mask
            return
        free = [1 << n for n in range(count) if not fixed >> n & 1]
        for bit in free:
            yield self.current ^ bit
        running = [bit for bit in free if self.current & bit]
        resting = [bit for bit in free if not self.current & bit]
        for off in running:
            for on in resting:
                yield self.current ^ off ^ on


def _value_w(one: _Set, surplus_w: float) -> float:
    """Return what a set is worth with this sun; `Regret.step` has the same in place, for its speed."""
    return one.base_w + sum(
        weight * min(max(0.0, surplus_w - used_w), power_w) for used_w, power_w, weight in one.terms
    )
