"""Totals never lie: one bad value must not look like a meter that started again at zero.

Pure: no clock of its own, nothing of Home Assistant.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

# What it takes to believe that a total fell.
_TELEGRAMS_NEEDED = 3
_SPAN_NEEDED = timedelta(seconds=60)


@dataclass(slots=True)
class _Fall:
    """Values below the last good one that agree: a counter that started again counts up from there."""

    value: Decimal
    since: datetime
    stamps: set[datetime] = field(default_factory=set)
    telegrams: int = 0


class Totals:
    """Holds the last good value of every total while what is sent is below it."""

    def __init__(self, last: dict[str, tuple[Decimal, str | None]]) -> None:
        """Begin with the last good value and unit of each total, by any key that stays the same; kept up to date."""
        self.last = last
        self._falls: dict[str, _Fall] = {}

    def good(
        self, key: str, value: Decimal, unit: str | None, wall: datetime, captured: datetime | None = None
    ) -> Decimal:
        """Return the value to show: the one that was sent, or the last good one while a fall is not believed.

        A fall is believed after three telegrams that agree, at least 60 s from the first to the last; where values
        have capture stamps, after three different stamps.

        Args:
            key: which total.
            value: as sent.
            unit: as sent; a value in another unit is not compared.
            wall: the time, aware.
            captured: the capture stamp of a meter on the M-Bus.
        """
        last = self.last.get(key)
        if last is not None and value < last[0] and last[1] == unit and not self._believed(key, value, wall, captured):
            return last[0]
        self._falls.pop(key, None)
        self.last[key] = (value, unit)
        return value

    def forget(self, key: str) -> None:
        """Believe the next value whatever it is: another meter counts from now on."""
        self.last.pop(key, None)
        self._falls.pop(key, None)

    def _believed(self, key: str, value: Decimal, wall: datetime, captured: datetime | None) -> bool:
        fall = self._falls.get(key)
        # A clock that was set back would hold the total until it is that late again.
        if fall is None or value < fall.value or wall < fall.since:
            fall = self._falls[key] = _Fall(value, wall)
        fall.value = value
        fall.telegrams += 1
        if captured is not None:
            fall.stamps.add(captured)
            return len(fall.stamps) >= _TELEGRAMS_NEEDED
        return fall.telegrams >= _TELEGRAMS_NEEDED and wall - fall.since >= _SPAN_NEEDED
