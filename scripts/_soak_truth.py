"""What a simulated household has really used, hour by hour, against what Home Assistant's statistics say of it."""

from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Home Assistant makes its statistics of so many seconds each, and hours of twelve of them.
PERIOD_S: Final = 300
HOUR_S: Final = 3_600
# An hour is summed up some seconds after its end; so long after it, it is (s).
SUMMED_UP_S: Final = 600
# Sums are binary fractions of kWh (kWh).
_ROUNDING: Final = Decimal("0.0005")


class Heard(NamedTuple):
    """The last telegram of five minutes: what the meter had counted (kWh), and whether no other was due in them."""

    counted: Mapping[str, Decimal]
    is_last: bool


class Truth:
    """What the meter had counted at each moment at which it was heard.

    What is used while nobody hears the meter belongs to the hour in which it is heard again. A total is written with
    the last telegram before each five minutes end; if just that one is lost, what is written is what one before it
    said, or what was written five minutes ago.
    """

    def __init__(self, interval: int) -> None:
        """Nothing was heard yet of a meter that speaks every so many seconds."""
        self._interval = interval
        self._periods: dict[int, Heard] = {}

    def note(self, begin: float, end: float, counted: Mapping[str, Decimal]) -> None:
        """Note the kWh of a telegram that was accepted between two moments of Home Assistant's clock (s since 1970)."""
        first, last = (int(moment // PERIOD_S) for moment in (begin, end))
        self._periods[first] = self._periods[last] = Heard(
            counted, first == last and begin >= (first + 1) * PERIOD_S - self._interval
        )

    def compare(self, key: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Return how many hours of a total's statistics agree with the truth, from the first whole one on.

        Args:
            key: of the total, as in what was noted.
            rows: with `start` (ms since 1970), `state` and `sum` (kWh), in order.

        Raises:
            AssertionError: an hour is missing, or another amount than what was really used stands in it.
        """
        by_start = {round(row["start"] / 1000): row for row in rows}
        begin = -(-min(self._periods) * PERIOD_S // HOUR_S) * HOUR_S
        end = max(self._periods) * PERIOD_S - SUMMED_UP_S
        compared = []
        for start in range(begin, end - HOUR_S + 1, HOUR_S):
            bounds = self._bounds(key, start)
            row = by_start.get(start)
            if row is None:
                if bounds is None:
                    continue
                raise AssertionError(f"{key} has no hour {start}, in which the meter was heard")
            if bounds is not None:
                low, high = bounds
                if not low - _ROUNDING <= Decimal(row["state"]) <= high + _ROUNDING:
                    raise AssertionError(f"{key} was {row['state']} at the end of hour {start}, not {low} to {high}")
                compared.append(row)
        for before, after in pairwise(compared):
            used = Decimal(after["state"]) - Decimal(before["state"])
            if abs(Decimal(after["sum"]) - Decimal(before["sum"]) - used) > 2 * _ROUNDING:
                raise AssertionError(f"{key}: the sum of hour {after['start'] // 1000} does not grow by {used:.3f} kWh")
        return len(compared)

    def _bounds(self, key: str, start: int) -> tuple[Decimal, Decimal] | None:
        """Return what must have been written of a total at least until the end of an hour, and at most."""
        last = (start + HOUR_S) // PERIOD_S
        periods = [self._periods[one] for one in range(last - HOUR_S // PERIOD_S, last) if one in self._periods]
        surely = [heard for heard in periods if heard.is_last]
        if not surely:
            return None
        return surely[-1].counted[key], periods[-1].counted[key]
