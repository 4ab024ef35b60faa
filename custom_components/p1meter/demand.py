"""What is made of demand: the running one where the meter does not send it, and the mean of the month peaks.

Pure: no clock of its own, nothing of Home Assistant.
"""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from .memory import Memory, Slot, slot_id
from .meter import Reading
from .meter.history import MonthPeak, average_peak, rows
from .meter.values import SCALES, captured, factor
from .roles import ELECTRICITY

if TYPE_CHECKING:
    from datetime import datetime

    from .judge import Verdict
    from .meter import Telegram
    from .meter.history import HistoryRow

_KEY: Final = "demand_current"
_DEMAND: Final = slot_id(ELECTRICITY, _KEY)
_IMPORT: Final = slot_id(ELECTRICITY, "import_total")
AVERAGE_PEAK: Final = slot_id(ELECTRICITY, "demand_average_12m")
"""The slot of the mean of the month peaks."""
# In Flanders a month's peak is billed as 2.5 kW at the least (kW; VREG, since 2023).
_LEAST_PEAK: Final = Decimal("2.5")

_ENERGY: Final = SCALES["energy"]
# Powers of ten: so multiplied, a register keeps the worth of its last digit.
_KILOWATT_HOURS: Final = {unit: _ENERGY[unit] / _ENERGY["kWh"] for unit in ("Wh", "kWh", "MWh", "GWh")} | {
    None: Decimal(1)
}
_WATT: Final = Decimal("0.001")
# A register whose last digit is worth more than this (kW) in the mean of a window tells nothing about it.
_COARSEST: Final = Decimal("0.1")
# The register at a window's start lies between the readings before and after it, which may be so far apart.
_LONGEST_GAP: Final = 0.1


class DemandMeter:
    """Works out the running demand of fixed windows of time from an energy register.

    As Belgian meters define it (eMUCS-P1, 1-0:1.4.0): the energy that was imported since the window's start, divided by
    the whole window. It rises within the window, ends as the mean power of all of it, and starts again at zero.
    """

    def __init__(self, window: int) -> None:
        """Begin with nothing known; `window` is in seconds, and windows start at full multiples of it."""
        self._window = window
        self._per_hour = Decimal(3600) / window
        self._number: int | None = None
        self._start: Decimal | None = None
        self._last_at = 0.0
        self._last = Decimal(0)
        # A line that is as it was gives the very same number: then nothing is to be worked out.
        self._sent: Decimal | None = None
        self._unit: str | None = None
        self._demand: Decimal | None = None

    def feed(self, import_total: Decimal, unit: str | None, at: datetime) -> Decimal | None:
        """Return the running demand in kW; None until a window's start was seen.

        It is unknown again, until the next window starts, where readings are missing at a window's start, where the
        clock goes back, and where the register falls or is in another unit. A register too coarse to say it never does.

        Args:
            import_total: what was imported so far, as sent.
            unit: of it: Wh, kWh, MWh, GWh, or None for kWh.
            at: when, aware: by the meter's clock, which decides when a window starts, or the best that is known.
        """
        now = at.timestamp()
        number = int(now // self._window)
        is_same = unit == self._unit
        if import_total is self._sent and is_same and number == self._number and now >= self._last_at:
            self._last_at = now
            return self._demand
        total = import_total * _KILOWATT_HOURS[unit]
        if self._number is None or not is_same or now < self._last_at or total < self._last:
            self._start = None
        elif number != self._number:
            self._start = self._at_start(number, now, total)
        self._number, self._last_at, self._last = number, now, total
        self._sent, self._unit = import_total, unit
        start = self._start
        demand = None if start is None else ((total - start) * self._per_hour).quantize(_WATT, ROUND_HALF_UP)
        self._demand = demand
        return demand

    def _at_start(self, number: int, now: float, total: Decimal) -> Decimal | None:
        """Return what the register was when this window started, as if the power was steady over it."""
        gap = now - self._last_at
        resolution = Decimal(1).scaleb(int(total.as_tuple().exponent)) * self._per_hour
        if number - 1 != self._number or gap > _LONGEST_GAP * self._window or resolution > _COARSEST:
            return None
        before = Decimal((number * self._window - self._last_at) / gap)
        return self._last + (total - self._last) * before


class ComputedDemand:
    """Adds the running demand to what is shown of a meter that does not send it."""

    def __init__(self, memory: Memory) -> None:
        """Begin with nothing known of the running window."""
        self._memory = memory
        self._meter = DemandMeter(memory.profile.demand_window)
        self._window = memory.profile.demand_window
        self._reading = _reading(None)

    def add_to(self, verdict: Verdict, telegram: Telegram, wall: datetime) -> Verdict:
        """Return what is shown with the demand in it, where the meter sends what it takes and does not send the demand.

        Args:
            verdict: what was made of the telegram.
            telegram: the newest one.
            wall: the time, aware, for a meter that does not tell it.
        """
        shown = verdict.shown
        imported = shown.get(_IMPORT)
        if imported is None or _DEMAND in shown:
            return verdict
        # A total that is not believed, or another meter's, is shown as what it was before.
        believed = imported is telegram.readings.get("import_total")
        if not believed or telegram.profile.demand_window != self._window:
            # What was known does not fit what comes.
            self._window = telegram.profile.demand_window
            self._meter = DemandMeter(self._window)
        demand = None
        if believed and isinstance(imported.value, Decimal) and imported.unit in _KILOWATT_HOURS:
            demand = self._meter.feed(imported.value, imported.unit, captured(telegram.time) or wall)
        if demand is not self._reading.value and demand != self._reading.value:
            self._reading = _reading(demand)
            if verdict.step is not None:
                verdict.step.moved.append(_DEMAND)
        # The very same one while it does not change: then nobody has to look at it.
        shown[_DEMAND] = self._reading
        if _DEMAND in self._memory.slots:
            return verdict
        slot = self._memory.slots[_DEMAND] = Slot(ELECTRICITY, _KEY, "kW", number=True, computed=True)
        return verdict._replace(new=[*verdict.new, slot], learned=True)


class BilledPeaks:
    """Makes the mean of the month peaks what is billed in Flanders: with no peak below 2.5 kW."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._sent: Reading | None = None
        self._reading: Reading | None = None

    def apply_to(self, shown: dict[str, Reading], telegram: Telegram) -> None:
        """Put the billed mean in the place of the plain one, where there is one.

        Args:
            shown: what is shown of the telegram, by slot id.
            telegram: the newest one.
        """
        sent = shown.get(AVERAGE_PEAK)
        if sent is None:
            return
        # The very same as long as the list is.
        if sent is not self._sent or self._reading is None:
            mean, unit = average_peak([_billed(row) for row in rows(telegram) if row.key == "demand_month_peak"]) or (
                None,
                None,
            )
            self._sent, self._reading = sent, replace(sent, value=mean, unit=unit)
        shown[AVERAGE_PEAK] = self._reading


def _billed(month: HistoryRow) -> MonthPeak:
    value, scale = month.value, factor("kW", month.unit or "kW")
    if value is not None and scale is not None:
        value = max(value, _LEAST_PEAK * scale)
    return MonthPeak("", value, month.unit, month.occurred)


def _reading(demand: Decimal | None) -> Reading:
    return Reading(_KEY, demand, "kW", None, None, None)
