"""What a rule is judged by."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

THETA: Final = 0.65
"""The share of sun at which running a load is worth nothing: J counts what is above, and against what is below."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a rule did in a number of days.

    Attributes:
        days: how many.
        captured_kwh: what the loads took from the own sun.
        import_kwh: what they took from the grid.
        starts: of each load.
        most_starts: of one load within an hour by the clock.
    """

    days: int
    captured_kwh: float
    import_kwh: float
    starts: tuple[int, ...]
    most_starts: int

    @property
    def captured(self) -> float:
        """KWh a day."""
        return self.captured_kwh / self.days

    @property
    def imported(self) -> float:
        """KWh a day."""
        return self.import_kwh / self.days

    @property
    def value(self) -> float:
        """J, kWh a day: what was captured, less what was imported, each at what it is worth."""
        return self.captured * (1 - THETA) - self.imported * THETA

    @property
    def starts_a_day(self) -> float:
        """Of all loads."""
        return sum(self.starts) / self.days

    def __add__(self, other: Self) -> Score:
        return Score(
            self.days + other.days,
            self.captured_kwh + other.captured_kwh,
            self.import_kwh + other.import_kwh,
            tuple(mine + theirs for mine, theirs in zip(self.starts, other.starts, strict=True)),
            max(self.most_starts, other.most_starts),
        )


@dataclass(frozen=True, slots=True)
class AtEqualStarts:
    """A rule beside the best that could have been done with as many starts, %."""

    value: float
    captured: float


def at_equal_starts(score: Score, frontier: list[Score]) -> AtEqualStarts:
    """Compare with the frontier, drawn straight from point to point. Beyond its ends, the end counts."""
    points = sorted(frontier, key=lambda point: point.starts_a_day)
    starts = [point.starts_a_day for point in points]
    value = np.interp(score.starts_a_day, starts, [point.value for point in points])
    captured = np.interp(score.starts_a_day, starts, [point.captured for point in points])
    return AtEqualStarts(100 * score.value / float(value), 100 * score.captured / float(captured))


def energies(spare: NDArray[np.float64], drawn: NDArray[np.float64]) -> tuple[float, float]:
    """What the loads took from the sun and from the grid, kWh; both arrays in W for each second."""
    covered = np.minimum(np.clip(spare, 0, None), drawn).sum()
    return float(covered) / 3.6e6, float(drawn.sum() - covered) / 3.6e6
