"""Totals never lie: a bad value must look neither like a meter that started again at zero nor like use.

Pure: no clock of its own, nothing of Home Assistant.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from .meter.values import SCALES

if TYPE_CHECKING:
    from collections.abc import Mapping

# What it takes to believe that a total jumped.
_TELEGRAMS_NEEDED = 3
_SPAN_NEEDED = timedelta(seconds=60)


class _Pace(NamedTuple):
    """How fast a total can grow: so much at once, and so much more in each second, in the unit as sent."""

    at_once: Decimal
    per_second: Decimal


def _paces(scale: Mapping[str, Decimal], at_once: str, per_hour: str) -> dict[str | None, _Pace]:
    return {unit: _Pace(Decimal(at_once) / worth, Decimal(per_hour) / worth / 3600) for unit, worth in scale.items()}


# No meter with a customer port is behind more than 1 MW or 250 m³ an hour; 10 kWh or 10 m³ are never looked at.
_PACES: Final[Mapping[str | None, _Pace]] = {
    **_paces(SCALES["energy"], "36E+6", "36E+8"),
    **_paces(SCALES["reactive_energy"], "1E+4", "1E+6"),
    **_paces(SCALES["volume"], "1E+4", "25E+4"),
}
_AT_ONCE: Final = {unit: pace.at_once for unit, pace in _PACES.items()}
_ZERO: Final = Decimal(0)
_UNKNOWN: Final = (Decimal("Infinity"), None)


@dataclass(slots=True)
class _Jump:
    """Values beyond a jump that agree: a counter counts up from wherever it is."""

    value: Decimal
    since: datetime
    stamps: set[datetime] = field(default_factory=set)
    telegrams: int = 0


class Totals:
    """Holds the last good value of every total while what is sent is below it, or further above it than can be."""

    def __init__(self, last: dict[str, tuple[Decimal, str | None]]) -> None:
        """Begin with the last good value and unit of each total, by any key that stays the same; kept up to date."""
        self.last = last
        self._jumps: dict[str, _Jump] = {}

    def grows(self, key: str, value: Decimal, unit: str | None) -> bool:
        """Return whether a value needs no thought, and take it: it is a little more than the last good one."""
        last, known = self.last.get(key, _UNKNOWN)
        if known != unit or key in self._jumps or not _ZERO <= value - last <= _AT_ONCE.get(unit, _ZERO):
            return False
        self.last[key] = (value, unit)
        return True

    def good(
        self,
        key: str,
        value: Decimal,
        unit: str | None,
        wall: datetime,
        captured: datetime | None = None,
        *,
        elapsed: float | None = None,
    ) -> Decimal:
        """Return the value to show: the one that was sent, or the last good one while a jump is not believed.

        A jump is believed after three telegrams that agree, at least 60 s from the first to the last; where values
        have capture stamps, after three different stamps.

        Args:
            key: which total.
            value: as sent.
            unit: as sent; a value in another unit is not compared.
            wall: the time, aware.
            captured: the capture stamp of a meter on the M-Bus.
            elapsed: as for `jumps`.
        """
        if self.jumps(key, value, unit, elapsed):
            jump = self._jumps.get(key)
            if jump is not None and _is_jump(jump.value, value, unit, elapsed):
                # Values that contradict each other do not agree.
                jump = None
            if not self._believed(jump, key, value, wall, captured):
                return self.last[key][0]
        self._jumps.pop(key, None)
        self.last[key] = (value, unit)
        return value

    def jumps(self, key: str, value: Decimal, unit: str | None, elapsed: float | None = None) -> bool:
        """Return whether the meter that sent the last good value cannot have come to this one by counting.

        Args:
            key: which total.
            value: as sent.
            unit: as sent; a value in another unit is not compared.
            elapsed: seconds since the last value that was sent; None: nobody knows, and it may be any time.
        """
        last, known = self.last.get(key, (value, unit))
        return known == unit and _is_jump(last, value, unit, elapsed)

    def forget(self, key: str) -> None:
        """Believe the next value whatever it is: another meter counts from now on."""
        self.last.pop(key, None)
        self._jumps.pop(key, None)

    def _believed(
        self, jump: _Jump | None, key: str, value: Decimal, wall: datetime, captured: datetime | None
    ) -> bool:
        # A clock that was set back would hold the total until it is that late again.
        if jump is None or wall < jump.since:
            jump = self._jumps[key] = _Jump(value, wall)
        jump.value = value
        jump.telegrams += 1
        if captured is not None:
            jump.stamps.add(captured)
            return len(jump.stamps) >= _TELEGRAMS_NEEDED
        return jump.telegrams >= _TELEGRAMS_NEEDED and wall - jump.since >= _SPAN_NEEDED


def _is_jump(before: Decimal, value: Decimal, unit: str | None, elapsed: float | None) -> bool:
    grown = value - before
    if grown < 0:
        return True
    pace = _PACES.get(unit)
    if pace is None or elapsed is None or grown <= pace.at_once:
        return False
    last_digit = Decimal(1).scaleb(int(value.as_tuple().exponent))
    return grown > max(pace.at_once + pace.per_second * Decimal(elapsed), last_digit)
