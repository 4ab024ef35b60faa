"""The objects that many meters send alike, written from the public documents."""

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from .household import ZONE, Household

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

_FAILURE_END = datetime(2023, 6, 14, 14, 23, 17, tzinfo=ZONE)
_FAILURE_SECONDS = 187
_FLICKER = [round(Random(second).gauss(0, 1.5)) for second in range(1_009)]  # tenths of volts


def stamp(moment: datetime, zone: ZoneInfo = ZONE) -> str:
    """Write a point in time as YYMMDDhhmmssX, with S for summer time and W for winter time (DSMR 5.0.2 P1 §6.4)."""
    local = moment.astimezone(zone)
    return f"{local:%y%m%d%H%M%S}{'S' if local.dst() else 'W'}"


def fixed(thousandths: int, digits: int) -> str:
    """Write thousandths as a number with three decimals, its integer part filled up with zeros to so many digits."""
    return f"{thousandths // 1_000:0{digits}d}.{thousandths % 1_000:03d}"


def hexadecimal(text: str) -> str:
    """Write a text as the digits of its bytes."""
    return text.encode("ascii").hex().upper()


def two_tariffs(household: Household, digits: int) -> Iterator[str]:
    """Both tariffs of import and export."""
    counted = household.registers
    for code, watt_seconds in zip(("1.8.1", "1.8.2", "2.8.1", "2.8.2"), counted[:4], strict=True):
        yield f"1-0:{code}({fixed(watt_seconds // 3_600, digits)}*kWh)"


def both_ways(code_import: str, code_export: str, watts: int) -> Iterator[str]:
    """Import and export of one power."""
    yield f"1-0:{code_import}({fixed(max(watts, 0), 2)}*kW)"
    yield f"1-0:{code_export}({fixed(max(-watts, 0), 2)}*kW)"


def tenths_of_volts(household: Household) -> list[int]:
    """The voltage of each phase: it sinks with what is drawn and rises with what is given back, 0.25 ohm of cable.

    The grid itself flickers from second to second, and moves a volt up and down within an hour.
    """
    second = int(household.now.timestamp())
    grid = 2_306 + abs(second // 20 % 180 - 90) // 9
    flicker = (_FLICKER[(second + 337 * phase) % len(_FLICKER)] for phase in range(3))
    return [grid + moved - watts * 11 // 1_000 for moved, watts in zip(flicker, household.phases, strict=True)]


def hundredths_of_amperes(household: Household) -> list[int]:
    """The current of each phase, without its direction."""
    volts = tenths_of_volts(household)
    return [abs(watts) * 1_000 // tenths for watts, tenths in zip(household.phases, volts, strict=True)]


def power_of_phases(household: Household) -> Iterator[str]:
    """The import of each phase, then the export of each."""
    for phase, watts in zip((21, 41, 61), household.phases, strict=True):
        yield f"1-0:{phase}.7.0({fixed(max(watts, 0), 2)}*kW)"
    for phase, watts in zip((22, 42, 62), household.phases, strict=True):
        yield f"1-0:{phase}.7.0({fixed(max(-watts, 0), 2)}*kW)"


def voltages(household: Household) -> Iterator[str]:
    """The voltage of each phase."""
    for phase, tenths in zip((32, 52, 72), tenths_of_volts(household), strict=True):
        yield f"1-0:{phase}.7.0({tenths // 10:03d}.{tenths % 10}*V)"


def whole_amperes(household: Household) -> Iterator[str]:
    """The current of each phase as most meters send it."""
    for phase, hundredths in zip((31, 51, 71), hundredths_of_amperes(household), strict=True):
        yield f"1-0:{phase}.7.0({hundredths // 100:03d}*A)"


def _mark(household: Household, every: int) -> datetime:
    """The last moment at which an M-Bus meter was read that is read every so many seconds."""
    return household.now - timedelta(seconds=int(household.now.timestamp()) % every)


def gas_reading(household: Household, every: int) -> tuple[str, str]:
    """When the gas meter was last read, and its cubic metres then."""
    mark = _mark(household, every)
    return stamp(mark), fixed(household.registers_at(mark).gas // 1_000, 5)


def water_reading(household: Household, every: int) -> tuple[str, str]:
    """When the water meter was last read, and its cubic metres then."""
    mark = _mark(household, every)
    return stamp(mark), fixed(household.registers_at(mark).water // 1_000, 5)


def failures() -> Iterator[str]:
    """What the meter counts of failures, sags and swells."""
    yield "0-0:96.7.21(00004)"
    yield "0-0:96.7.9(00001)"
    yield f"1-0:99.97.0(1)(0-0:96.7.19)({stamp(_FAILURE_END)})({_FAILURE_SECONDS:010d}*s)"
    yield from sags_and_swells()


def sags_and_swells() -> Iterator[str]:
    """How often the voltage of each phase sank and rose."""
    for phase, sags in zip((32, 52, 72), (2, 1, 0), strict=True):
        yield f"1-0:{phase}.32.0({sags:05d})"
    for phase, swells in zip((32, 52, 72), (0, 3, 0), strict=True):
        yield f"1-0:{phase}.36.0({swells:05d})"
