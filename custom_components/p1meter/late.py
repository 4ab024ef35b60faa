"""Books what gas, water and heat meters measured in the hour in which they measured it.

These meters hand their readings over later than they are captured: seconds to more than an hour. The recorder books
growth in the hour in which it came. What a total had reached when an hour ended is known as soon as the last reading
captured by then is here; the row of that hour is then to show this state, and its sum is to hold what leads up to it.
Later rows stay as they are: their sums hold it already.
Pure: no clock of its own, nothing of Home Assistant.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from .memory import Capture, LateValue
from .meter import REGISTERS
from .roles import ELECTRICITY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .joint import Recorded, Row
    from .memory import Memory, Slot
    from .meter import Reading

KEPT = timedelta(days=10)
"""Hours that ended longer ago are left as they are: the recorder keeps states and short-term statistics for so long."""

_FORGOTTEN = KEPT + timedelta(days=1)
_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A state is written a moment after its telegram came: in the next hour, if the hour ended in between.
_MOMENT = timedelta(seconds=1)
# A clock that is off by more than a capture takes says nothing of the hour.
_CLOCK_LIMIT = timedelta(minutes=5)
# Half of the last digit that these meters send: what is less comes from rounding.
_LEAST = 0.0005


class Fate(Enum):
    """What becomes of a row that is not to be written now."""

    RIGHT = "it is as it should be"
    WAITS = "it is not there yet, or what leads up to it is not summed up yet"
    STAYS = "it can never be put right"


class Captures:
    """Notes, telegram by telegram, what was captured in an hour and came after it."""

    def __init__(self, memory: Memory) -> None:
        """Go on with what is known; the captures and late values of `memory` are kept up to date."""
        self._memory = memory
        self._seen: dict[str, datetime | None] = {}
        self.watch(memory.slots.values())

    def watch(self, slots: Iterable[Slot]) -> None:
        """Look from now on at those of the slots that are totals of a meter on the M-Bus."""
        for slot in slots:
            register = REGISTERS.get(slot.key)
            if slot.role != ELECTRICITY and register is not None and register.role == "total":
                self._seen.setdefault(slot.id, None)

    def take(self, shown: Mapping[str, Reading], clock: datetime | None, wall: datetime) -> bool:
        """Return whether there is a late value that was not there before.

        Args:
            shown: what the entities show from now on, by slot id.
            clock: the time by the meter's clock, aware; None: it has none.
            wall: the time, aware.
        """
        found = False
        for name, seen in self._seen.items():
            reading = shown.get(name)
            if reading is not None and reading.at is not None and reading.at != seen:
                self._seen[name] = reading.at
                if clock is None or abs(wall - clock) <= _CLOCK_LIMIT:
                    found |= self._note(name, reading.value, reading.unit, reading.at, wall)
        return found

    def _note(self, name: str, value: object, unit: str | None, at: datetime, wall: datetime) -> bool:
        memory = self._memory
        known = memory.captures.get(name)
        if not isinstance(value, Decimal) or at > wall + _CLOCK_LIMIT or (known is not None and at <= known.at):
            return False
        memory.captures[name] = Capture(wall if known is None else known.since, at)
        if known is None:
            # What the recorder has from before is of another meter, or from before p1meter looked.
            return False
        late = [LateValue(name, end, value, unit, wall) for end in hour_ends(at, wall) if end > known.since]
        ends = {one.end for one in late}
        # The newest capture before the end of an hour counts. Without a recorder nobody takes out what is too old.
        memory.late = [
            one for one in memory.late if wall - one.end <= _FORGOTTEN and (one.slot != name or one.end not in ends)
        ]
        memory.late += late
        return bool(late)


def hour_ends(captured: datetime, arrived: datetime) -> list[datetime]:
    """Return, in UTC, the hours' ends that a reading was captured before or at, and came after; of the last ten days.

    Args:
        captured: aware.
        arrived: aware.
    """
    first = -((_EPOCH - max(captured, arrived - KEPT)) // _HOUR)
    last = (arrived + _MOMENT - _EPOCH) // _HOUR
    return [_EPOCH + number * _HOUR for number in range(first, last + 1)]


def put_right(
    rows: Sequence[Row], end: datetime, state: float, summed_up: float, last_reset: float | None = None
) -> Row | Fate:
    """Return the row of an hour as it is to be, or why it is not to be written.

    Args:
        rows: of the hours, in their order.
        end: of the hour.
        state: what the total had reached by then, in the unit of the statistics.
        summed_up: the newest sum that the recorder has.
        last_reset: what that state says of its last reset, seconds since 1970.
    """
    start = (end - _HOUR).timestamp()
    row = next((row for row in rows if row.start == start), None)
    if row is None:
        # They are made one after the other.
        return Fate.STAYS if rows and rows[-1].start > start else Fate.WAITS
    if row.last_reset != last_reset or row.state - state >= _LEAST:
        return Fate.STAYS
    growth = state - row.state
    if growth < _LEAST:
        return Fate.RIGHT
    if growth >= summed_up - row.sum + _LEAST:
        # No hour may hold more than the recorder has counted by now.
        return Fate.WAITS
    return row._replace(state=state, sum=row.sum + growth)


def cost_of(states: Sequence[Recorded], costs: Sequence[Recorded], state: float, arrived: datetime) -> Recorded | None:
    """Return what was spent when a total had reached a state; None: that was not booked.

    Args:
        states: of the total, in their order.
        costs: of the sensor that works out what the use costs; it does so at every state of the total.
        state: what the total had reached, in the unit of the statistics.
        arrived: when that came, aware.
    """
    since = arrived.timestamp()
    shown = next((number for number, one in enumerate(states) if one.at >= since), None)
    if shown is None or abs(states[shown].value - state) >= _LEAST:
        return None
    until = states[shown + 1].at if shown + 1 < len(states) else None
    booked = [cost for cost in costs if cost.at >= states[shown].at and (until is None or cost.at < until)]
    return booked[0] if booked else None
