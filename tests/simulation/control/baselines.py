"""The rules of others, as read in their sources: what they decide, without the plumbing around it.

They know the loads by their nominal power, and decide on many days at once (many_days.py).
"""

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from .appliances import APPLIANCES, NOMINAL, SETS, members

if TYPE_CHECKING:
    from collections.abc import Callable

    from .many_days import Rule, States, Watts

_LOADS: Final = len(APPLIANCES)
_NOMINAL: Final = NOMINAL[:, None]

type Times = NDArray[np.int64]


class OlderProgram:
    """The older program B: each load by itself compares the injection with shares of its own power.

    `repaired`: its own draw is added back before the switch-off is judged.
    """

    def __init__(self, on_share: float, off_share: float, hold_s: int, *, repaired: bool) -> None:
        self.on_share, self.off_share, self.hold_s, self.repaired = on_share, off_share, hold_s, repaired

    def decide(self, second: int, fresh: States, net: Watts, on: States, since: Times) -> States | None:
        may = fresh & (second - since >= self.hold_s)
        injected = -net + _NOMINAL * on if self.repaired else np.broadcast_to(-net, on.shape)
        share = injected / _NOMINAL
        switch = may & np.where(on, share < self.off_share, share >= self.on_share)
        return on ^ switch if switch.any() else None


class PvExcessControl:
    """PV-Excess-Control: starts on the mean of a window, stops on the moment, makes room by priority."""

    CYCLE_S: Final = 30
    ON_MARGIN_W: Final = 200
    OFF_BELOW_W: Final = -50

    def __init__(self, window_cycles: int, switch_interval_s: int) -> None:
        self.window, self.interval_s = window_cycles, switch_interval_s
        self.history: list[Watts] = []

    def decide(self, second: int, _fresh: States, net: Watts, on: States, since: Times) -> States | None:
        if second % self.CYCLE_S:
            return None
        excess = -net + (_NOMINAL * on).sum(0)
        self.history = [*self.history, excess][-self.window :]
        mean = np.mean(self.history, 0)
        wanted = on.copy()
        left, left_now = mean.copy(), excess.copy()

        def switch(load: int, days: States, *, to: bool) -> None:
            wanted[load, days] = to
            change = np.where(days, NOMINAL[load] if to else -NOMINAL[load], 0.0)
            left[:], left_now[:] = left - change, left_now - change

        for load in range(_LOADS):
            switch(load, on[load] | (left >= NOMINAL[load] + self.ON_MARGIN_W), to=True)
        for load in range(_LOADS):
            lesser = range(_LOADS - 1, load, -1)
            freed = sum((NOMINAL[other] * wanted[other] for other in lesser), np.zeros_like(left))
            short = NOMINAL[load] + self.ON_MARGIN_W
            pushes = ~wanted[load] & (freed > 0) & (left + freed >= short)
            for other in lesser:
                switch(other, pushes & wanted[other] & (left < short), to=False)
            switch(load, pushes, to=True)
        for load in reversed(range(_LOADS)):
            switch(load, wanted[load] & (left_now < self.OFF_BELOW_W), to=False)
        return np.where(second - since >= self.interval_s, wanted, on)


class SolarOptimizer:
    """solar_optimizer: every so often the set that costs least now; by trying all sets, where it anneals.

    Both what is imported and what is exported cost, each at its own weight.
    """

    def __init__(self, interval_s: int, least_s: int, import_cost: float, export_cost: float) -> None:
        self.interval_s, self.least_s = interval_s, least_s
        self.import_cost, self.export_cost = import_cost, export_cost

    def decide(self, second: int, _fresh: States, net: Watts, on: States, since: Times) -> States | None:
        if second % self.interval_s:
            return None
        house = net - (_NOMINAL * on).sum(0)
        bound = second - since < self.least_s
        least = np.full(net.shape, np.inf)
        wanted = on.copy()
        for chosen in SETS:
            candidate = np.zeros((_LOADS, 1), bool)
            candidate[list(members(chosen))] = True
            power = house + sum(NOMINAL[i] for i in members(chosen))
            cost = np.where(power > 0, self.import_cost, -self.export_cost) * power
            better = ~(bound & (candidate != on)).any(0) & (cost < least - 1e-9)
            least = np.where(better, cost, least)
            wanted = np.where(better, candidate, wanted)
        return wanted


class Evcc:
    """evcc's pv mode: the surplus, or its lack, must last without a break. All loadpoints each 30 s."""

    INTERVAL_S: Final = 30

    def __init__(self, enable_s: int, disable_s: int, threshold_w: float) -> None:
        self.enable_s, self.disable_s, self.threshold_w = enable_s, disable_s, threshold_w
        self.lasting: Watts | None = None  # since when the condition for a switch holds, s; inf: it does not

    def decide(self, second: int, _fresh: States, net: Watts, on: States, _since: Times) -> States | None:
        if second % self.INTERVAL_S:
            return None
        if self.lasting is None:
            self.lasting = np.full(on.shape, np.inf)
        wanted = on.copy()
        site = net.copy()
        for load in range(_LOADS):
            # A loadpoint may take what those of lesser priority draw.
            mine = site - (_NOMINAL[load + 1 :] * on[load + 1 :]).sum(0)
            holds = np.where(on[load], mine > self.threshold_w, -mine >= NOMINAL[load])
            lasting = np.where(holds, np.minimum(self.lasting[load], second), np.inf)
            switch = second - lasting >= np.where(on[load], self.disable_s, self.enable_s)
            self.lasting[load] = np.where(switch, np.inf, lasting)
            wanted[load] ^= switch
            site += NOMINAL[load] * switch * np.where(on[load], -1, 1)
        return wanted


BASELINES: Final[dict[str, Callable[[], Rule]]] = {
    "older program B as documented, 75/10, hold 10 s": lambda: OlderProgram(0.75, 0.10, 10, repaired=False),
    "older program B absolute, 80/50, hold 60 s": lambda: OlderProgram(0.80, 0.50, 60, repaired=False),
    "older program B repaired, hold 60 s": lambda: OlderProgram(0.80, 0.50, 60, repaired=True),
    "older program B repaired, hold 300 s": lambda: OlderProgram(0.80, 0.50, 300, repaired=True),
    "PV-Excess-Control, 30 min / 300 s": lambda: PvExcessControl(60, 300),
    "PV-Excess-Control, 90 s / 300 s": lambda: PvExcessControl(3, 300),
    "solar_optimizer, 300 s / 60 min": lambda: SolarOptimizer(300, 3_600, 0.857, 0.143),
    "solar_optimizer, 60 s / 10 min, theta 0.65": lambda: SolarOptimizer(60, 600, 0.65, 0.35),
    "evcc, 1 min / 3 min": lambda: Evcc(60, 180, 0.0),
}
"""By name; called for each run, as a rule has a memory."""
