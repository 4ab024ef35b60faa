"""The meter's own values: what one object says, and what follows from several."""

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from .codes import CHECKED, Code
from .history import LAST_MONTH, Stamp, average_peak, closing_values, last_power_failure, month_peaks
from .lines import BELGIAN_VERSION, BOTH_FUSES, LOGICAL_NAME, MONTHS
from .mbus import split_stamped
from .profiles import Profile, is_belgian_version
from .readings import Reading, Value
from .registers import REGISTERS, TARIFFS, Register
from .values import UNITS, count, factors, hexadecimal_serial, message, number_with_unit, plain_text, serial

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from .lines import Object
    from .readings import Way
    from .slots import Closings

TELEGRAM_TIME = "telegram_time"
"""The register of the meter's own time."""

NET = {
    "power": ("power_import", "power_export"),
    **{f"power_l{phase}": (f"power_import_l{phase}", f"power_export_l{phase}") for phase in (1, 2, 3)},
}
"""The net powers, and the two that each is the difference of."""

TOTALS = {f"{side}_total": tuple(f"{side}_tariff_{number}" for number in TARIFFS) for side in ("import", "export")}
"""The totals, and the tariffs that each is the sum of."""

TOTALS_AND_TARIFFS = {name for key, parts in TOTALS.items() for name in (key, *parts)}

_ZERO = Decimal(0)
_WATTS = factors("power", "W", unsent="kW")
_FEWEST_NINES = 3
_SERIALS_IN_HEXADECIMAL = {"0-0:96.1.1", "0-0:96.1.2", LOGICAL_NAME}
# Some meters print characters here and some a plain number, which has fewer digits.
_SERIALS_IN_BOTH = {"0-0:96.1.0", "0-0:0.0.0"}
_MOST_PLAIN_DIGITS = 11
_TARIFF_IN_WORDS = "TARIFF "  # and its number (Wasion in Hungary)


def _form(register: Register) -> str:
    if register.key in {"equipment_id", "ean"}:
        return "serial"
    if register.key == "last_power_failure":
        return "failures"
    if register.role in {"enum", "counter"}:
        return register.role
    if register.role == "text":
        return "message" if register.hexadecimal else "text"
    return "number"


_FORMS = {key: _form(register) for key, register in REGISTERS.items()}
_ALLOWED_UNITS = {key: UNITS.get(register.quantity or "", frozenset()) for key, register in REGISTERS.items()}
# The power limit is in kW, A or kVA, as the system has it.
_ALLOWED_UNITS["limiter_threshold"] = UNITS["power"] | UNITS["current"] | UNITS["apparent_power"]


def read(item: Code, key: str, groups: Sequence[str], profile: Profile, stamp: Stamp) -> Reading | None:
    """Return the reading that one object gives for a register; None if it is not for that register after all.

    Its value is None where the object is empty or not valid.
    """
    sent = groups[0]
    value: Value
    if (reads := reader_of_text(item, key, profile)) is not None:
        value = reads(sent)
    elif _FORMS[key] == "number":
        return _number(item, key, groups, profile, stamp)
    elif _FORMS[key] == "failures":
        value = last_power_failure(groups, stamp)
    elif is_belgian_version(sent):
        value = plain_text(sent)
    else:
        return None
    return Reading(key, value, None, None, item.obis, None)


def reader_of_text(item: Code, key: str, profile: Profile) -> Callable[[str], Value] | None:
    """Return what reads a state, a count or a text from the first group of an object; None if it gives something else.

    That is a number, a point in time, or what may not be for that register after all.
    """
    match _FORMS[key]:
        case "counter":
            return count
        case "enum":
            return partial(_state, REGISTERS[key], profile)
        case "serial":
            return partial(_serial, item.name)
        case "message":
            return message
        case "text" if item.name != BELGIAN_VERSION:
            return plain_text
    return None


def _number(item: Code, key: str, groups: Sequence[str], profile: Profile, stamp: Stamp) -> Reading:
    split = (groups[0], None) if item.name == BOTH_FUSES else split_stamped(groups, stamp)
    if split is None:
        return Reading(key, None, None, None, item.obis, None)
    sent, taken = split
    value, unit = number_with_unit(sent)
    if value is not None and not _is_valid(key, value, unit, sent, profile):
        value = None
    return Reading(key, value, unit, None if taken is None else stamp(taken), item.obis, None)


def _is_valid(key: str, value: Decimal, unit: str | None, sent: str, profile: Profile) -> bool:
    if unit is not None and unit not in _ALLOWED_UNITS[key]:
        return False  # a power in kWh is none
    if key not in CHECKED:
        return True
    if key.startswith("power_factor"):
        return -1 <= value <= 1
    if key == "limiter_threshold" and (unit or profile.limiter_unit) is None:
        return False  # it may be in W, kW, A or kVA
    return _is_limit(sent)


def _is_limit(sent: str) -> bool:
    """Return whether there is a limit: all nines stand for none."""
    digits = [letter for letter in sent.partition("*")[0] if letter.isdecimal()]
    return len(digits) < _FEWEST_NINES or set(digits) != {"9"}


def _state(register: Register, profile: Profile, sent: str) -> str | None:
    sent = sent.strip()
    if register.key == "grid_configuration":
        return sent if sent in register.options else None
    if register.key == "breaker_state" and sent in {"ON", "OFF"}:  # 0-0:96.50.68 in Hungary
        return "connected" if sent == "ON" else "disconnected"
    state = count(sent.removeprefix(_TARIFF_IN_WORDS) if register.key == "tariff" else sent)
    if state is None:
        return None
    if register.key == "tariff":
        return "none" if state == 0 else profile.tariff_name(state) if state in TARIFFS else None
    return register.options[state] if state < len(register.options) else None


def _serial(name: str, sent: str) -> str | None:
    plain = sent.strip()
    if name in _SERIALS_IN_HEXADECIMAL:
        return hexadecimal_serial(sent)
    if name in _SERIALS_IN_BOTH and not (plain.isdecimal() and len(plain) <= _MOST_PLAIN_DIGITS):
        return hexadecimal_serial(sent)
    return serial(sent)


def derive(sent: Mapping[str, Object], readings: Mapping[str, Reading], stamp: Stamp) -> Iterator[Reading]:
    """Yield the readings of objects that give more than one.

    Args:
        sent: The current objects of the telegram, by name.
        readings: What the objects by themselves gave.
        stamp: Reads a stamp.
    """
    peak = readings.get("demand_month_peak")
    if peak is not None and peak.at is not None:
        yield Reading("demand_month_peak_time", peak.at, None, None, peak.obis, None)
    if BOTH_FUSES in sent:
        item, groups = sent[BOTH_FUSES]
        if len(groups) > 1:
            value, unit = number_with_unit(groups[1])
            if value is not None:
                is_valid = unit in {None, *UNITS["current"]} and _is_limit(groups[1])
                value = abs(value) if is_valid else None
            yield Reading("fuse_threshold_export", value, unit, None, item.obis, None)
    if LOGICAL_NAME in sent:
        item, groups = sent[LOGICAL_NAME]
        if readings["equipment_id"].obis != item.obis:
            yield Reading("logical_device_name", hexadecimal_serial(groups[0]), None, None, item.obis, None)
    if MONTHS in sent:
        item, groups = sent[MONTHS]
        yield from _months(item, groups, stamp)


def _months(item: Code, groups: Sequence[str], stamp: Stamp) -> Iterator[Reading]:
    peaks = month_peaks(groups, stamp)
    if peaks is not None:
        last = peaks[-1] if peaks else None
        if last is None:
            yield Reading("demand_last_month_peak", None, None, None, item.obis, None)
        else:
            yield Reading("demand_last_month_peak", last.value, last.unit, last.at, item.obis, None)
        average, unit = average_peak(peaks) or (None, None)
        yield Reading("demand_average_12m", average, unit, None, None, None)
    closing = closing_values(groups, stamp)
    if closing is not None:
        at, values = closing
        for key, (value, unit) in values.items():
            yield Reading(key, value, unit, at, item.obis, None)


def closed(closings: Closings) -> Iterator[Reading]:
    """Yield the closing values of the newest period that the slots of a telegram hold, and when it was closed."""
    if closings.last_reset is not None:
        yield Reading("last_reset", closings.last_reset, None, None, None, None)
    for one in closings.newest:
        if one.key in LAST_MONTH:
            yield Reading(LAST_MONTH[one.key], one.value, one.unit, one.at, one.obis, None)


def net(key: str, profile: Profile) -> Way:
    """Return how a net power in W, + from the grid, is computed of import and export; None where it is unknown.

    A two-way meter has one register for both (EasyMeter Q3D). What is below zero is the net power on any meter.
    """
    import_key, export_key = NET[key]
    two_way = profile.two_way

    def way(readings: Mapping[str, Reading]) -> Reading | None:
        imported, exported = readings.get(import_key), readings.get(export_key)
        if imported is None:
            return None
        drawn, unit = imported.value, imported.unit
        if not isinstance(drawn, Decimal):
            return None
        if drawn.is_signed() or (exported is None and two_way):
            watts = drawn * _WATTS[unit]
        elif exported is None or not isinstance(exported.value, Decimal):
            return None
        elif exported.unit == unit:
            watts = (drawn - exported.value) * _WATTS[unit]
        else:
            watts = drawn * _WATTS[unit] - exported.value * _WATTS[exported.unit]
        # Adding 0 writes 4000, not 4.00E+3.
        return Reading(key, watts + _ZERO, "W", None, None, None)

    return way


def addends(key: str, ever_sent: Collection[str]) -> Sequence[str]:
    """Return the tariffs that a total is the sum of; none where the meter sends the total, or not two tariffs."""
    parts = [part for part in TOTALS[key] if part in ever_sent]
    return [] if key in ever_sent or parts[:2] != list(TOTALS[key][:2]) else parts


def total(key: str, parts: Sequence[str]) -> Way:
    """Return how the sum of the tariffs is computed; None unless all of them are in this telegram."""

    def way(readings: Mapping[str, Reading]) -> Reading | None:
        value = None
        unit = None
        for part in parts:
            reading = readings.get(part)
            if reading is None or not isinstance(reading.value, Decimal):
                return None
            if value is None:
                value, unit = reading.value, reading.unit
            elif unit == reading.unit:
                value += reading.value
            else:
                return None
        return None if value is None else Reading(key, value, unit, None, None, None)

    return way
