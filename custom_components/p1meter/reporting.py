"""Which readings are worth a state change now: every row in the recorder costs, a telegram a second is too many.

Pure: no clock of its own, nothing of Home Assistant.
"""

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from statistics import median
from typing import TYPE_CHECKING

from .meter import REGISTERS, Reading
from .meter.values import UNITS
from .own import OWN

if TYPE_CHECKING:
    from collections.abc import Mapping

# Home Assistant makes its short-term statistics of five minutes each: what is written before a mark counts there.
_PERIOD = timedelta(minutes=5)
# So long before the mark the last write happens if no telegram comes in time to cause it.
_MARGIN = timedelta(seconds=0.2)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The usual gap is learned from so many; a call without a telegram splits one in two, which the median does not mind.
_GAPS_KEPT = 7

# A change of sign of the net power of less than this is noise around zero (W).
_SIGN_CHANGE = Decimal(50)
# Written together, so that nobody sees an import that does not belong to the net power beside it.
_TOGETHER = frozenset({"power", "power_import", "power_export"})


class Policy(StrEnum):
    """How often states are written."""

    LIVE = "live"
    """Every change in every telegram."""
    BALANCED = "balanced"
    """Steps at once, the rest every five minutes."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A change that is written at once: at least `share` of the value and at least `least`, in the reading's unit."""

    share: Decimal
    least: Decimal


_ONLY_AT_MARKS = _Step(Decimal(0), Decimal("Infinity"))
# The least is in W, A, V, Hz, var, VA. Meters that send whole amperes flicker by one.
_STEPS = {
    "power": _Step(Decimal("0.1"), Decimal(100)),
    "voltage": _Step(Decimal("0.02"), Decimal(0)),
    "current": _Step(Decimal("0.2"), Decimal("1.5")),
    "frequency": _Step(Decimal("0.002"), Decimal(0)),
    "power_factor": _Step(Decimal("0.2"), Decimal("0.1")),
    "reactive_power": _Step(Decimal("0.2"), Decimal(100)),
    "apparent_power": _Step(Decimal("0.2"), Decimal(100)),
}
_STEP_OF_A_PHASE = _Step(Decimal("0.2"), Decimal(100))
# 0.1 kWh or kvarh.
_STEP_OF_A_TOTAL = _Step(Decimal(0), Decimal(100))
_PREFIXES = {"k": Decimal(1000), "M": Decimal(1000000), "m": Decimal("0.001")}
_BASE_UNITS = frozenset({"W", "A", "V", "Hz", "var", "VA", "Wh", "varh"})
# What a person has picked is written as a register of ours in the same unit is; in other units on every change.
_STEPS_BY_UNIT = {unit: step for quantity, step in _STEPS.items() for unit in UNITS[quantity]} | dict.fromkeys(
    UNITS["energy"] | UNITS["reactive_energy"], _STEP_OF_A_TOTAL
)


@cache
def _rule(key: str, unit: str | None) -> _Step | None:
    """Return when a change of this register is written before the mark; None: every change is."""
    if key.startswith(f"{OWN}_"):
        return _scaled(_STEPS_BY_UNIT.get(unit or ""), unit)
    register = REGISTERS.get(key)
    if register is None or key == "telegram_time":
        return _ONLY_AT_MARKS
    step: _Step | None = None
    if register.role == "instant" and register.quantity is not None:
        step = _STEPS.get(register.quantity)
        if register.quantity == "power" and "phase" in register.placeholders:
            step = _STEP_OF_A_PHASE
    elif register.role == "total" and register.quantity in {"energy", "reactive_energy"}:
        # A meter on the M-Bus sends a new total every five minutes to every hour: that is no flood.
        step = _STEP_OF_A_TOTAL if register.device == "electricity" else None
    return _scaled(step, unit or register.unit)


def _scaled(step: _Step | None, unit: str | None) -> _Step | None:
    """Return a step whose least is in this unit instead of in the unit without a prefix."""
    if step is None or unit is None or unit[0] not in _PREFIXES or unit[1:] not in _BASE_UNITS:
        return step
    return _Step(step.share, step.least / _PREFIXES[unit[0]])


class Reporter:
    """Decides for one meter, telegram by telegram, and remembers what was written."""

    def __init__(self, policy: Policy | str = Policy.BALANCED) -> None:
        """Start with nothing written.

        Args:
            policy: `live` or `balanced`.

        Raises:
            ValueError: there is no such policy.
        """
        self._policy = Policy(policy)
        self._written: dict[str, Reading] = {}
        self._heard: datetime | None = None
        self._gaps: deque[float] = deque(maxlen=_GAPS_KEPT)
        self._mark: datetime | None = None

    def due(self, readings: Mapping[str, Reading], wall: datetime) -> set[str]:
        """Return the keys whose state is to be written now, and take them as written.

        Args:
            readings: all readings of the newest telegram, under any keys as long as they stay the same; when the
                moment of `next_due` comes without a telegram, those of the one before.
            wall: the time, aware.
        """
        if self._heard is not None and wall > self._heard:
            self._gaps.append((wall - self._heard).total_seconds())
        self._heard = wall
        everything = self._is_last_before_mark(wall) or self._policy is Policy.LIVE
        due: set[str] = set()
        together: set[str] = set()
        for key, reading in readings.items():
            written = self._written.get(key)
            if reading is written or (written is not None and _is_same(written, reading)):
                continue
            if reading.key in _TOGETHER:
                together.add(key)
            if everything or written is None or _is_step(written, reading):
                due.add(key)
        if not due.isdisjoint(together):
            due |= together
        for key in due:
            self._written[key] = readings[key]
        if len(self._written) > len(readings):
            gone = self._written.keys() - readings.keys()
            for key in gone:
                del self._written[key]
            due |= gone
        return due

    def next_due(self) -> datetime | None:
        """Return when `due` is to be called although no telegram came; None before the first telegram."""
        return None if self._mark is None else self._mark - _MARGIN

    def forget(self) -> None:
        """Take nothing as written any more: there was a silence, and all entities show their values again."""
        self._written.clear()
        self._gaps.clear()
        self._heard = None

    def _is_last_before_mark(self, wall: datetime) -> bool:
        """Whether the next telegram is expected too late for this mark; the next mark is then waited for."""
        # Two periods: right after a mark was served, the next one is more than one period away.
        if self._mark is None or wall < self._mark - 2 * _PERIOD:
            self._mark = _next_mark(wall)
        interval = timedelta(seconds=median(self._gaps) if self._gaps else 0.0)
        if wall + interval <= self._mark - _MARGIN:
            return False
        self._mark = max(self._mark + _PERIOD, _next_mark(wall))
        return True


def _next_mark(wall: datetime) -> datetime:
    return _EPOCH + ((wall - _EPOCH) // _PERIOD + 1) * _PERIOD


def _is_same(written: Reading, reading: Reading) -> bool:
    return written.value == reading.value and written.unit == reading.unit


def _is_step(written: Reading, reading: Reading) -> bool:
    """Whether the change from what is shown is worth a row before the mark."""
    step = _rule(reading.key, reading.unit)
    old, new = written.value, reading.value
    if step is None or not isinstance(old, Decimal) or not isinstance(new, Decimal) or written.unit != reading.unit:
        return step is not _ONLY_AT_MARKS
    change = abs(new - old)
    if change >= max(step.least, step.share * abs(old)):
        return True
    if reading.key != "power" or (old < 0) is (new < 0):
        return False
    return change > (_SIGN_CHANGE / _PREFIXES["k"] if reading.unit == "kW" else _SIGN_CHANGE)
