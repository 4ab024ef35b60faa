"""What a meter keeps of past periods, in numbered slots: `1.8.0*14(00049555)`, `1.6.1&02(28.74)(1701121445)`.

What the number means differs (IEC 62056-61 leaves it to the maker). Most meters write the value that their reset
counter 0.1.0 had when the period was closed: the newest slot has the counter's number, and after 99 comes 00. Others
count back: `*01` is the newest, always. Where nothing tells which it is, nothing is taken: a closing value under the
wrong month is worse than none. `&` marks a period that was closed by hand.
"""

from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from .codes import PARTS_OF_TIME, closed_register
from .mbus import split_stamped
from .registers import REGISTERS
from .values import UNITS, captured, count, number_with_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from .codes import Code
    from .history import Stamp
    from .lines import Object
    from .obis import Obis
    from .readings import Reading
    from .registers import Register
    from .values import Clock

RESET_COUNTER = "0.1.0"
RESET_TIME = "0.1.2"
RESET_DATE = "0.1.3"

_SLOTS = 100  # the counter goes on at 00; 101 and more are days, not billing periods
_PEAK = 6  # D of a maximum (IEC 62056-61 §5.4)


class Closing(NamedTuple):
    """The value of one register at the end of one period.

    Attributes:
        key: The register.
        obis: The code, with the number of its slot.
        value: In `unit`, which is that of the present value where none was sent.
        unit: In our spelling; None where neither was.
        occurred: When a peak was reached; None for what has no such time.
        at: The end of the period; None if the meter does not say.
        is_peak: Whether it is the highest of the period, and not a reading at its end.
    """

    key: str
    obis: Obis
    value: Decimal
    unit: str | None
    occurred: datetime | None
    at: datetime | None
    is_peak: bool


class Closings(NamedTuple):
    """The closing values, oldest period first; of these, the ones of the newest; and when that was closed."""

    all: list[Closing]
    newest: list[Closing]
    last_reset: datetime | None


class _Slot:
    """What stands under one number."""

    def __init__(self) -> None:
        self.values: dict[str, Closing] = {}
        self.reset: dict[str, Sequence[str]] = {}
        self.closed: datetime | None = None
        self.manual = False

    @property
    def is_set(self) -> bool:
        """Whether a period was ever closed here: unset slots are full of zeros."""
        return self.closed is not None or any(one.value or one.occurred for one in self.values.values())


def is_now(objects: Sequence[Object]) -> bool:
    """Return whether `*00` marks the values of now: where it does, no register comes in another way (Pafal)."""
    found = False
    for item, groups in objects:
        if item.part == RESET_COUNTER and (count(groups[0]) or 0) % _SLOTS == 0:
            return False
        if closed_register(item.name) is not None or (item.past and item.name in PARTS_OF_TIME):
            if not item.past or item.obis.f or item.obis.manual:
                return False
            found = True
    return found


def reset_at(time: Sequence[str], date: Sequence[str], clock: Clock, winter_offset: int) -> datetime | None:
    """Return when a period was closed: 0.1.2 is a time to the date in 0.1.3, or holds both itself."""
    at = clock.stamp(time[0], winter_offset)
    if at is None:
        days = time[1:] or date
        at = clock.date_and_time(days[0], time[0]) if days else None
    return captured(at)


def closings(objects: Sequence[Object], readings: Mapping[str, Reading], clock: Clock, winter_offset: int) -> Closings:
    """Return what the slots of a telegram hold.

    Args:
        objects: All objects of the telegram.
        readings: What it says of the reset counter and of the last reset.
        clock: Reads the stamps.
        winter_offset: Hours from UTC of a stamp that ends in W.
    """
    slots = _collect(objects, partial(clock.capture, winter_offset=winter_offset))
    for slot in slots.values():
        if RESET_TIME in slot.reset:
            slot.closed = reset_at(slot.reset[RESET_TIME], slot.reset.get(RESET_DATE, ()), clock, winter_offset)
        else:
            slot.closed = next((one.at for one in slot.values.values() if one.at is not None), None)
    counter = readings["reset_counter"].value if "reset_counter" in readings else None
    order = _order(slots, counter if isinstance(counter, int) else None)
    ordered = [slots[number] for number in order if slots[number].is_set]
    if not ordered:
        return Closings([], [], None)
    last_reset = readings["last_reset"].value if "last_reset" in readings else None
    if ordered[0].closed is None and isinstance(last_reset, datetime):
        ordered[0].closed = last_reset
    _date(ordered, clock)
    units = _units(objects)
    periods = [
        [one._replace(at=slot.closed, unit=one.unit or units.get(one.key)) for one in slot.values.values()]
        for slot in ordered
    ]
    return Closings([one for period in reversed(periods) for one in period], periods[0], ordered[0].closed)


def _collect(objects: Iterable[Object], stamp: Stamp) -> dict[int, _Slot]:
    """Return what stands under each number; the first, where a code comes twice."""
    slots: dict[int, _Slot] = {}
    for item, groups in objects:
        number = item.obis.f
        if not item.past or number is None or number >= _SLOTS:
            continue
        register = closed_register(item.name)
        if register is not None:
            slot = slots.setdefault(number, _Slot())
            slot.manual |= item.obis.manual
            one = _closing(item, register, groups, stamp)
            if one is not None:
                slot.values.setdefault(register.key, one)
        elif item.name in PARTS_OF_TIME:
            slots.setdefault(number, _Slot()).reset.setdefault(item.part, groups)
    return slots


def _closing(item: Code, register: Register, groups: Sequence[str], stamp: Stamp) -> Closing | None:
    """Return the value in a slot, without the period's end; None where there is none."""
    split = split_stamped(groups, stamp)
    if split is None:
        return None
    sent, taken = split
    value, unit = number_with_unit(sent)
    at = None if taken is None else stamp(taken)
    if value is None or (taken is not None and at is None):
        return None
    if unit is not None and unit not in UNITS[register.quantity or ""]:
        return None
    is_peak = item.obis.d == _PEAK
    return Closing(register.key, item.obis, value, unit, at if is_peak else None, None if is_peak else at, is_peak)


def _units(objects: Iterable[Object]) -> dict[str, str]:
    """Return the units of the present values, by key: a slot may leave them out."""
    units: dict[str, str] = {}
    for item, groups in objects:
        register = None if item.past else closed_register(item.name)
        if register is not None:
            for unit in (number_with_unit(group)[1] for group in groups):
                if unit in UNITS[register.quantity or ""]:
                    units.setdefault(register.key, unit)
    return units


def _order(slots: Mapping[int, _Slot], counter: int | None) -> list[int]:
    """Return the numbers, newest first; none if it cannot be told."""
    dated = {number: slot.closed for number, slot in slots.items() if slot.is_set and slot.closed is not None}
    if len(set(dated.values())) == sum(slot.is_set for slot in slots.values()):
        # Whatever the numbers mean: twelve slots for the months of the year, one after the other (Elster), are no
        # counter and do not count back.
        return sorted(dated, key=dated.__getitem__, reverse=True)
    numbered: list[list[int]] = []
    if counter is not None:
        newest = counter % _SLOTS
        run = [(newest - age) % _SLOTS for age in range(len(slots))]
        if set(run) == slots.keys() and slots[newest].is_set:
            numbered.append(run)
    run = list(range(1, len(slots) + 1))
    if run and set(run) == slots.keys() and slots[1].is_set:
        numbered.append(run)
    fitting = sorted(((_agreement(order, slots), order) for order in numbered), reverse=True)
    if not fitting or fitting[0][0] < 0:
        return []
    if len(fitting) > 1 and fitting[0][0] == fitting[1][0]:
        # A young meter of either kind: with one period closed it makes no difference.
        return fitting[0][1] if sum(slot.is_set for slot in slots.values()) == 1 else []
    return fitting[0][1]


def _agreement(order: Sequence[int], slots: Mapping[int, _Slot]) -> int:
    """Return how often dates and totals grow from an older period to the next, less how often they fall."""
    score = 0
    periods = [slots[number] for number in order if slots[number].is_set]
    for newer, older in pairwise(periods):
        steps = [(newer.closed, older.closed)]
        for key in newer.values.keys() & older.values.keys():
            new, old = newer.values[key], older.values[key]
            steps.append((new.occurred or new.at, old.occurred or old.at))
            if REGISTERS[key].role == "total":
                score += (new.value > old.value) - (new.value < old.value)
        score += sum((new > old) - (new < old) for new, old in steps if new is not None and old is not None)
    return score


def _date(ordered: Sequence[_Slot], clock: Clock) -> None:
    """Date what has no date itself, the newest period first: where months are closed, the peaks tell which it was."""
    later: datetime | None = None
    for slot in ordered:
        if slot.closed is None and later is not None and not slot.manual:
            end = _month_before(later, clock)
            start = None if end is None else _month_before(end, clock)
            peaks = [one.occurred for one in slot.values.values() if one.occurred is not None and one.value]
            if start is not None and end is not None and peaks and all(start < peak <= end for peak in peaks):
                slot.closed = end
        later = slot.closed


def _month_before(end: datetime, clock: Clock) -> datetime | None:
    """Return the first instant of the month that is over at `end`; None if that is not the end of a month."""
    if (end.day, end.hour, end.minute) != (1, 0, 0):
        return None
    return clock.date_and_time(f"{end - timedelta(days=1):%y%m}01", "0000")
