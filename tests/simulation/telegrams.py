"""What the household's meter sends, by system: composed from the public documents, sharing nothing with the reader.

Adding a system is one function that lists its lines, and one row in `SYSTEMS`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from .checksum import crc16
from .household import ZONE, Household

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_FAILURE_END = datetime(2023, 6, 14, 14, 23, 17, tzinfo=ZONE)
_FAILURE_SECONDS = 187
_FLICKER = [round(Random(second).gauss(0, 1.5)) for second in range(1_009)]  # tenths of volts


@dataclass(frozen=True, slots=True)
class System:
    """A kind of meter: how its line is set, how often it talks, and what it says."""

    name: str
    ident: str
    baudrate: int
    framing: str  # as people write it: 8N1
    interval: int  # seconds from telegram to telegram
    checksum: bool
    lines: Callable[[Household], Iterator[str]]

    def compose(self, household: Household) -> bytes:
        """Make the telegram of this moment, from ``/`` to the line end after the ``!``."""
        lines = "".join(f"{line}\r\n" for line in self.lines(household))
        body = f"/{self.ident}\r\n\r\n{lines}!".encode("ascii")
        return body + (b"%04X\r\n" % crc16(body) if self.checksum else b"\r\n")


def stamp(moment: datetime) -> str:
    """Write a point in time as YYMMDDhhmmssX, with S for summer time and W for winter time (DSMR 5.0.2 P1 §6.4)."""
    local = moment.astimezone(ZONE)
    return f"{local:%y%m%d%H%M%S}{'S' if local.dst() else 'W'}"


def _fixed(thousandths: int, digits: int) -> str:
    """Write thousandths as a number with three decimals, its integer part filled up with zeros to so many digits."""
    return f"{thousandths // 1_000:0{digits}d}.{thousandths % 1_000:03d}"


def _text(text: str) -> str:
    return text.encode("ascii").hex().upper()


def _energy(household: Household, digits: int) -> Iterator[str]:
    counted = household.registers
    for code, watt_seconds in zip(("1.8.1", "1.8.2", "2.8.1", "2.8.2"), counted[:4], strict=True):
        yield f"1-0:{code}({_fixed(watt_seconds // 3_600, digits)}*kWh)"


def _both_ways(code_import: str, code_export: str, watts: int) -> Iterator[str]:
    yield f"1-0:{code_import}({_fixed(max(watts, 0), 2)}*kW)"
    yield f"1-0:{code_export}({_fixed(max(-watts, 0), 2)}*kW)"


def _tenths_of_volts(household: Household) -> list[int]:
    """The voltage of each phase: it sinks with what is drawn and rises with what is given back, 0.25 ohm of cable.

    The grid itself flickers from second to second, and moves a volt up and down within an hour.
    """
    second = int(household.now.timestamp())
    grid = 2_306 + abs(second // 20 % 180 - 90) // 9
    flicker = (_FLICKER[(second + 337 * phase) % len(_FLICKER)] for phase in range(3))
    return [grid + moved - watts * 11 // 1_000 for moved, watts in zip(flicker, household.phases, strict=True)]


def _hundredths_of_amperes(household: Household) -> list[int]:
    volts = _tenths_of_volts(household)
    return [abs(watts) * 1_000 // tenths for watts, tenths in zip(household.phases, volts, strict=True)]


def _power_of_phases(household: Household) -> Iterator[str]:
    for phase, watts in zip((21, 41, 61), household.phases, strict=True):
        yield f"1-0:{phase}.7.0({_fixed(max(watts, 0), 2)}*kW)"
    for phase, watts in zip((22, 42, 62), household.phases, strict=True):
        yield f"1-0:{phase}.7.0({_fixed(max(-watts, 0), 2)}*kW)"


def _voltages(household: Household) -> Iterator[str]:
    for phase, tenths in zip((32, 52, 72), _tenths_of_volts(household), strict=True):
        yield f"1-0:{phase}.7.0({tenths // 10:03d}.{tenths % 10}*V)"


def _whole_amperes(household: Household) -> Iterator[str]:
    for phase, hundredths in zip((31, 51, 71), _hundredths_of_amperes(household), strict=True):
        yield f"1-0:{phase}.7.0({hundredths // 100:03d}*A)"


def _mark(household: Household, every: int) -> datetime:
    """The last moment at which an M-Bus meter was read that is read every so many seconds."""
    return household.now - timedelta(seconds=int(household.now.timestamp()) % every)


def _gas(household: Household, every: int) -> tuple[str, str]:
    """When the gas meter was last read, and its cubic metres then."""
    mark = _mark(household, every)
    return stamp(mark), _fixed(household.registers_at(mark).gas // 1_000, 5)


def _water(household: Household, every: int) -> tuple[str, str]:
    """When the water meter was last read, and its cubic metres then."""
    mark = _mark(household, every)
    return stamp(mark), _fixed(household.registers_at(mark).water // 1_000, 5)


def _dutch_failures() -> Iterator[str]:
    yield "0-0:96.7.21(00004)"
    yield "0-0:96.7.9(00001)"
    yield f"1-0:99.97.0(1)(0-0:96.7.19)({stamp(_FAILURE_END)})({_FAILURE_SECONDS:010d}*s)"
    for phase, sags in zip((32, 52, 72), (2, 1, 0), strict=True):
        yield f"1-0:{phase}.32.0({sags:05d})"
    for phase, swells in zip((32, 52, 72), (0, 3, 0), strict=True):
        yield f"1-0:{phase}.36.0({swells:05d})"


def _nl2(household: Household) -> Iterator[str]:
    """DSMR 2.2: no clock, no phases, 10 W steps, and the gas of the last full hour on two lines."""
    yield f"0-0:96.1.1({_text('ZBBD004512398112')})"
    yield from _energy(household, 5)
    yield f"0-0:96.14.0({household.tariff:04d})"
    for code, watts in (("1.7.0", household.power), ("2.7.0", -household.power)):
        tens = max(watts, 0) // 10
        yield f"1-0:{code}({tens // 100:04d}.{tens % 100:02d}*kW)"
    yield "0-0:17.0.0(0017.25*kW)"
    yield "0-0:96.3.10(1)"
    yield "0-0:96.13.1()"
    yield "0-0:96.13.0()"
    yield "0-1:24.1.0(3)"
    yield f"0-1:96.1.0({_text('2810151300412912')})"
    at, gas = _gas(household, 3_600)
    yield f"0-1:24.3.0({at[:-1]})(00)(60)(1)(0-1:24.2.1)(m3)"
    yield f"({gas})"
    yield "0-1:24.4.0(1)"


def _nl4(household: Household) -> Iterator[str]:
    """DSMR 4.2: currents in whole amperes, no voltages, gas by the hour."""
    yield "1-3:0.2.8(42)"
    yield f"0-0:1.0.0({stamp(household.now)})"
    yield f"0-0:96.1.1({_text('E0026000024711216')})"
    yield from _energy(household, 6)
    yield f"0-0:96.14.0({household.tariff:04d})"
    yield from _both_ways("1.7.0", "2.7.0", household.power)
    yield from _dutch_failures()
    yield "0-0:96.13.1()"
    yield "0-0:96.13.0()"
    yield from _whole_amperes(household)
    for phase, watts in zip((20, 40, 60), household.phases, strict=True):
        yield from _both_ways(f"{phase + 1}.7.0", f"{phase + 2}.7.0", watts)
    at, gas = _gas(household, 3_600)
    yield "0-1:24.1.0(003)"
    yield f"0-1:96.1.0({_text('G0016561021441216')})"
    yield f"0-1:24.2.1({at})({gas}*m3)"


def _nl5(household: Household) -> Iterator[str]:
    """DSMR 5.0.2 P1 §6.12: every second, voltages, gas every five minutes."""
    yield "1-3:0.2.8(50)"
    yield f"0-0:1.0.0({stamp(household.now)})"
    yield f"0-0:96.1.1({_text('E0047000071238923')})"
    yield from _energy(household, 6)
    yield f"0-0:96.14.0({household.tariff:04d})"
    yield from _both_ways("1.7.0", "2.7.0", household.power)
    yield from _dutch_failures()
    yield "0-0:96.13.0()"
    yield from _voltages(household)
    yield from _whole_amperes(household)
    yield from _power_of_phases(household)
    at, gas = _gas(household, 300)
    yield "0-1:24.1.0(003)"
    yield f"0-1:96.1.0({_text('G0079140021448823')})"
    yield f"0-1:24.2.1({at})({gas}*m3)"


def _be(household: Household) -> Iterator[str]:
    """eMUCS-P1 1.7: tariff 1 is day, quarter-hour demand, monthly peaks, gas and water."""
    yield "0-0:96.1.4(50217)"
    yield f"0-0:96.1.1({_text('1SAG1100412398')})"
    yield f"0-0:1.0.0({stamp(household.now)})"
    yield from _energy(household, 6)
    yield f"1-0:1.4.0({_fixed(household.demand, 2)}*kW)"
    yield f"1-0:1.6.0({stamp(household.month_peak.at)})({_fixed(household.month_peak.watts, 2)}*kW)"
    peaks = "".join(_peak(peak.at, peak.watts) for peak in household.month_peaks)
    yield f"0-0:98.1.0({len(household.month_peaks)})(1-0:1.6.0)(1-0:1.6.0){peaks}"
    yield f"0-0:96.14.0({household.tariff:04d})"
    yield from _both_ways("1.7.0", "2.7.0", household.power)
    yield from _power_of_phases(household)
    yield from _voltages(household)
    for phase, hundredths in zip((31, 51, 71), _hundredths_of_amperes(household), strict=True):
        yield f"1-0:{phase}.7.0({hundredths // 100:03d}.{hundredths % 100:02d}*A)"
    yield "0-0:96.3.10(1)"
    yield "0-0:17.0.0(017.3*kW)"
    yield "1-0:31.4.0(025*A)"
    yield "0-0:96.13.0()"
    gas_at, gas = _gas(household, 300)
    water_at, water = _water(household, 900)
    yield "0-1:24.1.0(003)"
    yield f"0-1:96.1.1({_text('7FLO2123004512')})"
    yield "0-1:24.4.0(1)"
    yield f"0-1:24.2.3({gas_at})({gas}*m3)"
    yield "0-2:24.1.0(007)"
    yield f"0-2:96.1.1({_text('8SEN0123004512')})"
    yield f"0-2:24.2.1({water_at})({water}*m3)"


def _peak(at: datetime, watts: int) -> str:
    """Write the peak of a month: the first moment of the month after it, when it was, how much."""
    after = (at.astimezone(ZONE).replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0)
    return f"({stamp(after)})({stamp(at)})({_fixed(watts, 2)}*kW)"


SYSTEMS: Mapping[str, System] = {
    system.name: system
    for system in (
        System("nl2", "ISk5\\2MT382-1003", 9_600, "7E1", 10, checksum=False, lines=_nl2),
        System("nl4", "KFM5KAIFA-METER", 115_200, "8N1", 10, checksum=True, lines=_nl4),
        System("nl5", "ISK5\\2M550T-1013", 115_200, "8N1", 1, checksum=True, lines=_nl5),
        System("be", "FLU5\\253769484_A", 115_200, "8N1", 1, checksum=True, lines=_be),
    )
}
