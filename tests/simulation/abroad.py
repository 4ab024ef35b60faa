"""What the household's meter would send in the other countries whose meters speak plain text."""

from datetime import UTC, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from .household import ZONE, Household
from .objects import (
    both_ways,
    failures,
    fixed,
    gas_reading,
    hexadecimal,
    hundredths_of_amperes,
    power_of_phases,
    sags_and_swells,
    stamp,
    tenths_of_volts,
    two_tariffs,
    voltages,
    whole_amperes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

_HELSINKI = ZoneInfo("Europe/Helsinki")
_VILNIUS = ZoneInfo("Europe/Vilnius")
# The house draws an eighth of its power beside it as reactive power: a power factor of 0.992.
_REACTIVE = 8
_POWER_FACTOR = "0.992"


def iskra_ie(household: Household) -> Iterator[str]:
    """Wallonia, Iskra IE.5: a serial number in plain digits, a clock without S or W, an empty M-Bus channel."""
    yield "1-0:0.0.0(00000000)"
    yield "0-0:96.1.0(09612345)"
    yield f"0-0:1.0.0({stamp(household.now)[:-1]})"
    yield from two_tariffs(household, 6)
    yield f"0-0:96.14.0({household.tariff:04d})"
    yield from both_ways("1.7.0", "2.7.0", household.power)
    yield from power_of_phases(household)
    yield from voltages(household)
    yield from whole_amperes(household)
    yield "0-0:96.3.10(1)"
    yield "0-0:96.13.0()"
    yield "0-1:96.1.1()"


def luxembourg(household: Household) -> Iterator[str]:
    """Luxmetering P1 1.1.3, table 3.1: totals only, reactive and apparent values, two relays, limits both ways."""
    yield "1-3:0.2.8(42)"
    yield f"0-0:1.0.0({stamp(household.now)})"
    yield f"0-0:42.0.0({hexadecimal('SAG1030700123456')})"
    yield from _totals(household, 6)
    yield from both_ways("1.7.0", "2.7.0", household.power)
    yield from _reactive_both_ways("3.7.0", "4.7.0", household.power)
    for code, volt_amperes in (("9.7.0", household.power), ("10.7.0", -household.power)):
        yield f"1-0:{code}({fixed(max(volt_amperes, 0) * 1_008 // 1_000, 2)}*kVA)"
    yield "0-0:17.0.0(27.600*kVA)"
    yield "1-1:31.4.0(040*A)(-040*A)"
    yield "0-0:96.3.10(1)"
    yield "0-1:96.3.10(0)"
    yield "0-2:96.3.10(0)"
    yield "0-0:96.7.21(00004)"
    yield from sags_and_swells()
    for message in (0, 2, 3, 4, 5):
        yield f"0-0:96.13.{message}()"
    yield from whole_amperes(household)
    yield from power_of_phases(household)
    yield from _reactive_power_of_phases(household)
    at, gas = gas_reading(household, 300)
    yield "0-1:24.1.0(003)"
    yield f"0-1:96.1.0({hexadecimal('7LUX0123456789')})"
    yield f"0-1:24.2.1({at})({gas}*m3)"
    yield "0-1:24.4.0(1)"


def sweden(household: Household) -> Iterator[str]:
    """Energiföretagen 2.0, appendix 3: totals and phases, no id; normal time all the year."""
    normal = household.now.astimezone(UTC) + timedelta(hours=1)
    yield f"0-0:1.0.0({normal:%y%m%d%H%M%S}W)"
    yield from _nordic(household)


def finland(household: Household) -> Iterator[str]:
    """The same in Finland, by the clock on the wall there."""
    yield f"0-0:1.0.0({stamp(household.now, _HELSINKI)})"
    yield from _nordic(household)


def _nordic(household: Household) -> Iterator[str]:
    lines = [
        *_totals(household, 8),
        *both_ways("1.7.0", "2.7.0", household.power),
        *_reactive_both_ways("3.7.0", "4.7.0", household.power),
        *power_of_phases(household),
        *_reactive_power_of_phases(household),
    ]
    for line in lines:
        # Powers have two digits more than elsewhere, and the units have capitals.
        yield line.replace("var", "VAr") if ".8.0(" in line else line.replace("(", "(00").replace("var", "VAr")
    yield from voltages(household)
    for phase, hundredths in zip((31, 51, 71), hundredths_of_amperes(household), strict=True):
        yield f"1-0:{phase}.7.0({hundredths // 100:03d}.{hundredths % 100 // 10}*A)"


def hungary(household: Household) -> Iterator[str]:
    """E.ON P1 user interface note (2023-02-10): four tariffs, quadrants, and what last month closed with."""
    yield f"0-0:1.0.0({stamp(household.now)})"
    yield f"0-0:42.0.0({hexadecimal('SAG3820000123456')})"
    yield f"0-0:96.1.0({hexadecimal('89003820000123456')})"
    yield f"0-0:96.14.0({household.tariff:04d})"
    yield "0-0:96.3.10(1)"
    yield "0-0:17.0.0(90.000*kW)"
    yield from _total_and_four_tariffs(household, export_tariffs=True)
    for code, var_seconds in zip(("3", "4", "5", "6", "7", "8"), _reactive(household), strict=True):
        yield f"1-0:{code}.8.0({fixed(var_seconds // 3_600, 6)}*kvarh)"
    yield f"1-0:15.8.0({fixed(sum(household.registers[:4]) // 3_600, 6)}*kWh)"
    yield from voltages(household)
    yield from whole_amperes(household)
    for factor in (13, 33, 53, 73):
        yield f"1-0:{factor}.7.0({_POWER_FACTOR})"
    yield "1-0:14.7.0(50.01*Hz)"
    yield from both_ways("1.7.0", "2.7.0", household.power)
    drawn = household.power // _REACTIVE
    for quadrant, var in ((5, drawn), (6, 0), (7, -drawn), (8, 0)):
        yield f"1-0:{quadrant}.7.0({fixed(max(var, 0), 2)}*kvar)"
    for phase in (31, 51, 71):
        yield f"1-0:{phase}.4.0(200.00*A)"
    yield _closing(household)
    yield "0-0:96.13.0()"


def _closing(household: Household) -> str:
    """The registers when this month began, and the maxima of the month before."""
    month = household.local.replace(day=1, hour=0, minute=0, second=0)
    then = household.registers_at(month)
    import_1, import_2, export_1, export_2 = then[:4]
    active = (import_1 + import_2, import_1, import_2, export_1 + export_2, export_1, export_2)
    peak = household.month_peaks[-1].watts
    maxima = (peak, peak, peak // 2, peak // 3, peak // 3, peak // 4)
    values = [f"({fixed(watt_seconds // 3_600, 6)}*kWh)" for watt_seconds in active]
    values += [f"({fixed(var_seconds // 3_600, 6)}*kvarh)" for var_seconds in _reactive(household, month)]
    values.append(f"({fixed(sum(then[:4]) // 3_600, 6)}*kWh)")
    values += [f"({fixed(watts, 2)}*kW)" for watts in maxima]
    return f"0-0:98.1.0({stamp(month)}){''.join(values)}"


def lithuania(household: Household) -> Iterator[str]:
    """ESO P1 data model (2025-07), three-phase: four tariffs, averages, neutral current; two hours ahead of UTC."""
    yield f"0-0:1.0.0({stamp(household.now, _VILNIUS)})"
    yield from _total_and_four_tariffs(household, export_tariffs=False)
    for code, var_seconds in zip(("3", "4"), _reactive(household), strict=False):
        yield f"1-0:{code}.8.0({fixed(var_seconds // 3_600, 6)}*kvarh)"
    yield from both_ways("1.7.0", "2.7.0", household.power)
    yield from _reactive_both_ways("3.7.0", "4.7.0", household.power)
    yield from power_of_phases(household)
    yield from _reactive_power_of_phases(household)
    volts = tenths_of_volts(household)
    for phase, tenths in zip((32, 52, 72), volts, strict=True):
        yield f"1-0:{phase}.7.0({tenths // 10:03d}.{tenths % 10}*V)"
        yield f"1-0:{phase}.24.0({tenths // 10:03d}.0*V)"
    yield f"1-0:12.7.0({max(volts) // 10:03d}.{max(volts) % 10}*V)"
    yield from whole_amperes(household)
    amperes = [hundredths // 100 for hundredths in hundredths_of_amperes(household)]
    yield f"1-0:11.7.0({max(amperes):03d}*A)"
    yield f"1-0:91.7.0({abs(amperes[0] - amperes[1]):03d}*A)"
    yield f"1-0:90.7.0({sum(amperes):03d}*A)"
    yield "1-0:14.7.0(50.0*Hz)"
    yield f"1-0:15.7.0({fixed(abs(household.power), 2)}*kW)"
    for factor in (13, 33, 53, 73):
        yield f"1-0:{factor}.7.0({_POWER_FACTOR})"
    yield f"1-0:13.3.0({_POWER_FACTOR})"
    yield "1-0:0.8.2(00600*s)"
    yield f"1-0:1.24.0({fixed(household.demand, 2)}*kW)"
    yield f"1-0:1.4.0({fixed(household.demand, 2)}*kW)"
    yield "0-0:96.7.21(00004)"
    yield "0-0:96.13.0()"
    yield from sags_and_swells()
    yield "1-0:0.2.0(V1.02)"
    yield "1-0:0.2.8(A1B2C3D4)"
    yield f"0-0:96.1.1({hexadecimal('80047060123456')})"


def switzerland(household: Household) -> Iterator[str]:
    """Groupe E, Sagemcom XT211: electricity on channel 1, a list of months without entries."""
    yield f"0-0:0.0.0({hexadecimal('SAG1531001234567')})"
    yield "0-0:96.1.4(12345)"
    yield f"0-0:96.1.2({'20' * 18})"
    yield f"0-0:1.0.0({stamp(household.now)})"
    lines = [*two_tariffs(household, 6), *both_ways("1.7.0", "2.7.0", household.power)]
    yield from (line.replace("1-0:", "1-1:") for line in lines)
    peak = household.month_peak
    yield f"1-1:1.6.0({stamp(peak.at)})({fixed(peak.watts, 2)}*kW)"
    yield f"0-0:96.14.0({household.tariff:04d})"
    yield from (line.replace("1-0:", "1-1:") for line in (*voltages(household), *whole_amperes(household)))
    yield "0-0:98.1.0(12)"
    yield from failures()


def austria(household: Household) -> Iterator[str]:
    """Energienetze Steiermark, Sagemcom T210-D-r: Wh and W, without decimals."""
    yield "1-3:0.2.8(50)"
    yield f"0-0:1.0.0({stamp(household.now)})"
    import_1, import_2, export_1, export_2 = household.registers[:4]
    quantities = (
        ("1", import_1, import_2, "W", household.power),
        ("2", export_1, export_2, "W", -household.power),
        ("3", import_1 // _REACTIVE, import_2 // _REACTIVE, "var", household.power // _REACTIVE),
        ("4", export_1 // _REACTIVE, export_2 // _REACTIVE, "var", -household.power // _REACTIVE),
    )
    for code, first, second, unit, power in quantities:
        for tariff, seconds in enumerate((first + second, first, second)):
            yield f"1-0:{code}.8.{tariff}({seconds // 3_600:09d}*{unit}h)"
        yield f"1-0:{code}.7.0({max(power, 0):09d}*{unit})"


def slovenia(household: Household) -> Iterator[str]:
    """Iskra AM550: no checksum, time and date as two objects, an error register."""
    yield "0-0:96.1.0(96812345)"
    yield "0-0:97.97.0(00000000)"
    yield f"1-0:0.9.1({household.local:%H%M%S})"
    yield f"1-0:0.9.2({household.local:%y%m%d})"
    import_1, import_2, export_1, export_2 = household.registers[:4]
    for code, first, second in (("1", import_1, import_2), ("2", export_1, export_2)):
        for tariff, watt_seconds in enumerate((first + second, first, second)):
            yield f"1-0:{code}.8.{tariff}({fixed(watt_seconds // 3_600, 6)}*kWh)"
    yield from both_ways("1.7.0", "2.7.0", household.power)
    yield from power_of_phases(household)
    yield from voltages(household)
    yield from whole_amperes(household)


def easymeter(household: Household) -> Iterator[str]:
    """Germany, EasyMeter Q3D: pushes by itself, seven decimals, W both ways in one register, no checksum."""
    yield "1-0:0.0.0*255(0272031312565)"
    for code, watt_seconds in (("1", sum(household.registers[:2])), ("2", sum(household.registers[2:4]))):
        digits = watt_seconds * 25 // 9  # of 0.1 mWh
        yield f"1-0:{code}.8.0*255({digits // 10**7:08d}.{digits % 10**7:07d}*kWh)"
    for quantity, watts in zip((21, 41, 61, 1), (*household.phases, household.power), strict=True):
        yield f"1-0:{quantity}.7.0*255({'-' if watts < 0 else ''}{abs(watts):06d}.00*W)"
    yield "1-0:96.5.5*255(80)"
    yield "0-0:96.1.255*255(1ESY1313002565)"


def _totals(household: Household, digits: int) -> Iterator[str]:
    import_1, import_2, export_1, export_2 = household.registers[:4]
    for code, watt_seconds in (("1", import_1 + import_2), ("2", export_1 + export_2)):
        yield f"1-0:{code}.8.0({fixed(watt_seconds // 3_600, digits)}*kWh)"
    for code, var_seconds in zip(("3", "4"), _reactive(household), strict=False):
        yield f"1-0:{code}.8.0({fixed(var_seconds // 3_600, digits)}*kvarh)"


def _total_and_four_tariffs(household: Household, *, export_tariffs: bool) -> Iterator[str]:
    import_1, import_2, export_1, export_2 = household.registers[:4]
    for code, first, second in (("1", import_1, import_2), ("2", export_1, export_2)):
        yield f"1-0:{code}.8.0({fixed((first + second) // 3_600, 6)}*kWh)"
        if code == "1" or export_tariffs:
            for tariff, watt_seconds in enumerate((first, second, 0, 0), start=1):
                yield f"1-0:{code}.8.{tariff}({fixed(watt_seconds // 3_600, 6)}*kWh)"


def _reactive(household: Household, moment: datetime | None = None) -> tuple[int, int, int, int, int, int]:
    """Reactive energy in var-seconds: of import, of export, and of the four quadrants."""
    counted = household.registers if moment is None else household.registers_at(moment.astimezone(ZONE))
    import_1, import_2, export_1, export_2 = counted[:4]
    imported, exported = (import_1 + import_2) // _REACTIVE, (export_1 + export_2) // _REACTIVE
    return imported, exported, imported, 0, exported, 0


def _reactive_both_ways(code_import: str, code_export: str, watts: int) -> Iterator[str]:
    yield f"1-0:{code_import}({fixed(max(watts, 0) // _REACTIVE, 2)}*kvar)"
    yield f"1-0:{code_export}({fixed(max(-watts, 0) // _REACTIVE, 2)}*kvar)"


def _reactive_power_of_phases(household: Household) -> Iterator[str]:
    for phase, watts in zip((20, 40, 60), household.phases, strict=True):
        yield from _reactive_both_ways(f"{phase + 3}.7.0", f"{phase + 4}.7.0", watts)
