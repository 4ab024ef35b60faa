"""The meters behind the meter: what the objects of one channel say together.

Their order differs from meter to meter, a channel may be empty or never have been read, and the unit tells more about
the medium than the device type does: nothing is decided before the telegram is complete.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from .readings import MBusDevice, Reading, Value
from .registers import REGISTERS
from .values import UNITS, count, hexadecimal_serial, number_with_unit, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from decimal import Decimal

    from .codes import Code
    from .history import Stamp
    from .lines import Object

MEASURED = ("24.2.", "24.3.", "23.1.")
"""How the codes of readings begin, without medium and channel."""

_KEY_OF_TYPE: dict[int | None, str] = {
    number: key for key, register in REGISTERS.items() for number in register.mbus_types
}
_VALVE_STATES = REGISTERS["valve_state"].options
# What is gas even where no device type is sent.
_GAS_OBJECTS = {"24.2.3", "24.3.0", "23.1.0"}
_COLD_OBJECT = "24.3.1"
# Heat meters send what flows and how hot it is under codes of the same row (Iskra in Iceland).
_UNITS_OF_NO_TOTAL = UNITS["flow"] | UNITS["temperature"]
# DSMR 3.0 P1 §5.12: stamp, status, period, number of values, code, unit; the value is on the next line.
_PROFILE_GROUPS = 6
# Of the AMR profile status (IDIS), what makes a value doubtful: a critical error, a clock that is not set, data that is
# not valid. Kamstrup tells summer time in it, too (08).
_NOT_VALID = 0x07


class _Measured(NamedTuple):
    """One valid reading of a channel."""

    code: Code
    key: str
    value: Decimal | None
    unit: str | None
    at: datetime | None


class Capture(Protocol):
    """Reads the stamps of one meter: `Clock.capture`, for a meter whose winter time is known."""

    def __call__(self, sent: str, name: str = "", value: Decimal | None = None) -> datetime | None:
        """Return when something was captured, aware; None if that is no date, or the clock was not set then."""


def split_stamped(groups: Sequence[str], stamp: Stamp) -> tuple[str, str | None] | None:
    """Return the value and the stamp of `(stamp)(value)` or `(value)(stamp)`; None if it is not clear which is which.

    A value alone has no stamp.
    """
    if len(groups) == 1:
        return groups[0], None
    if len(groups) != 2:
        return None
    first, second = groups
    if "*" in second:
        return second, first
    if "*" in first or (stamp(first) is None and stamp(second) is not None):
        return first, second
    return (second, first) if first[-1:] in {"S", "W"} or stamp(second) is None else None


def read_channel(channel: int, objects: Sequence[Object], stamp: Capture) -> tuple[MBusDevice, list[Reading]] | None:
    """Return the meter on a channel and its readings; None where there is none, or one that was never read."""
    fields = {code.part: (code, groups[0]) for code, groups in reversed(objects)}
    device_type = count(fields["24.1.0"][1]) if "24.1.0" in fields else None
    ids = [(code, hexadecimal_serial(sent)) for code, sent in (fields[n] for n in ("96.1.0", "96.1.1") if n in fields)]
    id_code, equipment_id = next((found for found in ids if found[1]), ids[0] if ids else (None, None))
    if "24.1.0" in fields and device_type is None and id_code is not None and equipment_id is None:
        return None
    best = _newest(_measured(channel, objects, device_type, stamp))
    if not best:
        return None
    main = next((found for found in best.values() if found.key != "heat_volume"), None) or best["heat_volume"]

    readings = [Reading(one.key, one.value, one.unit, one.at, one.code.obis, channel) for one in best.values()]
    about: list[tuple[str, Code, Value]] = []
    if main.at is not None:
        about.append(("last_measured", main.code, main.at))
    if "24.1.0" in fields:
        about.append(("device_type", fields["24.1.0"][0], plain_text(fields["24.1.0"][1])))
    if id_code is not None:
        about.append(("equipment_id", id_code, equipment_id))
    if "96.1.2" in fields:
        about.append(("ean", fields["96.1.2"][0], hexadecimal_serial(fields["96.1.2"][1])))
    if "24.4.0" in fields:
        about.append(("valve_state", fields["24.4.0"][0], valve_state(fields["24.4.0"][1])))
    readings += [Reading(key, value, None, None, code.obis, channel) for key, code, value in about]
    role = REGISTERS[main.key].device
    return MBusDevice(channel, role, equipment_id, device_type, main.at), readings


def read_heat_meter(objects: Iterable[Object], identity: Reading | None) -> tuple[MBusDevice, list[Reading]]:
    """Return a heat meter that is read by itself, under codes of medium 6 (IEC 62056-61 §5.3), and its readings.

    `identity` is the id that was found in the telegram: it is the heat meter's.
    """
    readings: dict[str, Reading] = {}
    equipment_id = None
    if identity is not None:
        readings[identity.key] = replace(identity, channel=0)
        equipment_id = identity.value if isinstance(identity.value, str) else None
    for code, groups in objects:
        if code.key is None or REGISTERS[code.key].role == "enum" or REGISTERS[code.key].quantity == "time":
            continue
        keys = [code.key]
        if keys == ["heat_supply_temperature_max"]:
            keys.append("heat_return_temperature_max")
        for key, sent in zip(keys, groups[0].split("&"), strict=False):
            value, unit = number_with_unit(sent)
            if unit is None or unit in UNITS.get(REGISTERS[key].quantity or "", ()):
                readings.setdefault(key, Reading(key, value, unit, None, code.obis, 0))
    return MBusDevice(0, "heat", equipment_id, None, None), list(readings.values())


def measured_name(channel: int | None, place: int = 0) -> str:
    """Return by which name the stamps of a channel's first reading (the second and so on) follow each other."""
    return f"{channel}:{place}" if channel else ""


def _measured(channel: int, objects: Iterable[Object], device_type: int | None, stamp: Capture) -> Iterator[_Measured]:
    measured = (one for one in objects if one[0].part.startswith(MEASURED))
    for place, (code, groups) in enumerate(measured):
        if code.part.startswith("24.3.") and len(groups) >= _PROFILE_GROUPS:
            # Without a unit nothing was ever read.
            if len(groups) != _PROFILE_GROUPS + 1 or not groups[5] or not _is_valid(groups[1]):
                continue
            sent: str = f"{groups[6]}*{groups[5]}"
            taken: str | None = groups[0]
        else:
            split = split_stamped(groups, stamp)
            if split is None:
                continue
            sent, taken = split
        value, unit = number_with_unit(sent)
        at = None if taken is None else stamp(taken, measured_name(channel, place), value)
        # A stamp that is no date: the meter has never been read. Digits alone may be a stamp or a state.
        if at is None and (taken is not None or value is None or (unit is None and "." not in sent)):
            continue
        if unit in _UNITS_OF_NO_TOTAL:
            continue
        yield _Measured(code, _key(code.part, device_type, unit), value, unit, at)


def _is_valid(status: str) -> bool:
    """Return whether a status, in hexadecimal or left out, says nothing against the value."""
    try:
        return not int(status or "0", 16) & _NOT_VALID
    except ValueError:
        return False


def _key(part: str, device_type: int | None, unit: str | None) -> str:
    """Return what is measured: the device type says, but the unit knows better."""
    if part == _COLD_OBJECT and unit in UNITS["energy"]:
        return "cooling"
    key = "gas" if part in _GAS_OBJECTS and device_type is None else _KEY_OF_TYPE.get(device_type, "mbus")
    quantity = REGISTERS[key].quantity
    if unit is None or quantity is None or unit in UNITS[quantity]:
        return key
    if key == "gas" and unit in UNITS["energy"]:
        return "heat"  # district heating under the type of gas
    if key == "heat" and unit in UNITS["volume"]:
        return "heat_volume"
    return "mbus"


def _newest(found: Iterable[_Measured]) -> dict[str, _Measured]:
    """Return one reading a key: the newest by its stamp, else the first."""
    best: dict[str, _Measured] = {}
    for one in found:
        other = best.get(one.key)
        if (
            other is None
            or (other.value is None and one.value is not None)
            or (one.value is not None and one.at is not None and other.at is not None and one.at > other.at)
        ):
            best[one.key] = one
    return best


def valve_state(sent: str) -> str | None:
    """Return the state that the number of a valve's state stands for; None if it is none."""
    state = count(sent)
    return None if state is None or state >= len(_VALVE_STATES) else _VALVE_STATES[state]
