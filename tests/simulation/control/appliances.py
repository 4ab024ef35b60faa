"""The three loads of the benchmark: what they are, and what a person would say of them."""

from dataclasses import dataclass
from typing import Final

import numpy as np


@dataclass(frozen=True, slots=True)
class Appliance:
    """One load.

    Attributes:
        name: its id.
        power_w: what it really draws.
        nominal_w: what stands on it.
        latency_s: from the switch to the first draw.
        ramp_s: from the first draw to full power.
    """

    name: str
    power_w: float
    nominal_w: float
    latency_s: int
    ramp_s: int

    def draw(self, elapsed: int) -> float:
        """What it draws so many seconds after it was switched on, W."""
        drawing = elapsed - self.latency_s
        return 0.0 if drawing < 0 else self.power_w * min(1.0, (drawing + 1) / self.ramp_s)


APPLIANCES: Final = (
    Appliance("boiler", 1_950, 2_000, 1, 1),
    Appliance("pump", 1_040, 1_000, 2, 2),
    Appliance("charger", 3_550, 3_600, 12, 6),
)
"""By rank."""

POWER: Final = np.array([load.power_w for load in APPLIANCES])
NOMINAL: Final = np.array([load.nominal_w for load in APPLIANCES])
SETS: Final = tuple(range(2 ** len(APPLIANCES)))
"""Every set of loads that are on, as a number: bit i is load i."""


def members(chosen: int) -> tuple[int, ...]:
    """The loads of a set."""
    return tuple(i for i in range(len(APPLIANCES)) if chosen >> i & 1)
