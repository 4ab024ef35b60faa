"""What people see of meters of other countries: each value with its class, worked out by hand from the telegram."""

from typing import TYPE_CHECKING, Any

from homeassistant.helpers import entity_registry as er
import pytest

from tests.compose import compose, nl5
from tests.simulation.checksum import crc16

from .conftest import Say, SetUp, WallClock, by_key, get, shown
from .forms import cogwheel, fill_in

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

ENERGY = ("kWh", "energy", "total_increasing")
KILOWATTS = ("kW", "power", "measurement")
AMPERES = ("A", "current", "measurement")
VOLTS = ("V", "voltage", "measurement")
SECONDS = ("s", "duration", "measurement")
REACTIVE_ENERGY = ("kvarh", "reactive_energy", "total_increasing")
REACTIVE_POWER = ("kvar", "reactive_power", "measurement")
APPARENT_POWER = ("kVA", "apparent_power", "measurement")
FACTOR = (None, "power_factor", "measurement")
COUNTER = (None, None, "total_increasing")
STATE = (None, "enum", None)
TIME = (None, "timestamp", None)
TEXT = (None, None, None)


def in_hexadecimal(text: str) -> str:
    return f"({text.encode().hex().upper()})"


# eMUCS-P1 2.1: two months in the list, a virtual relay, and a new EAN code.
BELGIUM = compose(
    {
        "0-0:96.1.4": "(50221)",
        "0-0:96.1.1": in_hexadecimal("1SAG1100000042"),
        "0-0:96.1.2": in_hexadecimal("541448800000000042"),
        "0-0:1.0.0": "(261121125900W)",
        "1-0:1.8.1": "(000100.000*kWh)",
        "1-0:1.8.2": "(000200.000*kWh)",
        "1-0:2.8.1": "(000010.000*kWh)",
        "1-0:2.8.2": "(000020.000*kWh)",
        "1-0:1.4.0": "(02.351*kW)",
        "1-0:1.6.0": "(261109134500W)(02.589*kW)",
        "0-0:98.1.0": "(2)(1-0:1.6.0)(1-0:1.6.0)"
        "(261001000000S)(260930181500S)(04.318*kW)(261101000000W)(261003000000S)(05.980*kW)",
        "0-0:96.14.0": "(0001)",
        "1-0:1.7.0": "(01.500*kW)",
        "1-0:2.7.0": "(00.000*kW)",
        "1-0:94.32.1": "(400)",
        "0-0:96.3.10": "(2)",
        "0-1:96.3.10": "(1)",
        "0-0:17.0.0": "(09.200*kW)",
        "1-0:31.4.0": "(040.00*A)",
        "0-0:96.13.0": "()",
        "0-1:24.1.0": "(003)",
        "0-1:96.1.1": in_hexadecimal("7FLO2100000042"),
        "0-1:24.4.0": "(1)",
        "0-1:24.2.3": "(261121125500W)(00112.384*m3)",
    },
    "FLU5\\253769484_A",
)
BELGIAN = {
    "electricity_import_tariff_1": ("100.000", *ENERGY),
    "electricity_export_tariff_2": ("20.000", *ENERGY),
    "electricity_demand_current": ("2.351", *KILOWATTS),
    "electricity_demand_month_peak": ("2.589", *KILOWATTS),
    "electricity_demand_month_peak_time": ("2026-11-09T12:45:00+00:00", *TIME),
    "electricity_demand_last_month_peak": ("5.980", *KILOWATTS),
    # (4.318 + 5.980) / 2
    "electricity_demand_average_12m": ("5.149", *KILOWATTS),
    "electricity_tariff": ("day", *STATE),
    "electricity_grid_configuration": ("400", *STATE),
    "electricity_breaker_state": ("ready_for_reconnection", *STATE),
    "electricity_relay_1": ("on", *STATE),
    "electricity_limiter_threshold": ("9.200", *KILOWATTS),
    "electricity_fuse_threshold": ("40.00", *AMPERES),
    "electricity_ean": ("541448800000000042", *TEXT),
    "gas_valve_state": ("open", *STATE),
    "gas_gas": ("112.384", "m³", "gas", "total_increasing"),
    "gas_last_measured": ("2026-11-21T11:55:00+00:00", *TIME),
}

LUXEMBOURG = compose(
    {
        "1-3:0.2.8": "(42)",
        "0-0:1.0.0": "(261121125900W)",
        "0-0:42.0.0": in_hexadecimal("SAG1030700000042"),
        "1-0:1.8.0": "(000100.000*kWh)",
        "1-0:2.8.0": "(000010.000*kWh)",
        "1-0:3.8.0": "(000003.000*kvarh)",
        "1-0:4.8.0": "(000004.000*kvarh)",
        "1-0:1.7.0": "(01.500*kW)",
        "1-0:2.7.0": "(00.000*kW)",
        "1-0:3.7.0": "(00.200*kvar)",
        "1-0:4.7.0": "(00.000*kvar)",
        "1-0:9.7.0": "(01.513*kVA)",
        "1-0:10.7.0": "(00.000*kVA)",
        "0-0:17.0.0": "(27.600)",
        "1-1:31.4.0": "(040*A)(-032*A)",
        "0-0:96.3.10": "(1)",
        "0-1:96.3.10": "(0)",
        "0-2:96.3.10": "(1)",
        "0-0:96.7.21": "(00004)",
        "1-0:32.32.0": "(00002)",
        "1-0:32.36.0": "(00003)",
        "0-0:96.13.0": "()",
        "0-0:96.13.2": in_hexadecimal("Gas"),
        "1-0:31.7.0": "(006*A)",
        "1-0:21.7.0": "(01.500*kW)",
        "1-0:22.7.0": "(00.000*kW)",
        "1-0:23.7.0": "(00.200*kvar)",
        "1-0:24.7.0": "(00.000*kvar)",
    },
    "Lux5\\253769484_A",
)
LUXEMBOURGISH = {
    "electricity_import_total": ("100.000", *ENERGY),
    "electricity_reactive_import_total": ("3.000", *REACTIVE_ENERGY),
    "electricity_reactive_export_total": ("4.000", *REACTIVE_ENERGY),
    "electricity_power": ("1500", "W", "power", "measurement"),
    "electricity_power_l1": ("1500", "W", "power", "measurement"),
    "electricity_reactive_power_import": ("0.200", *REACTIVE_POWER),
    "electricity_reactive_power_export_l1": ("0.000", *REACTIVE_POWER),
    "electricity_apparent_power_import": ("1.513", *APPARENT_POWER),
    "electricity_limiter_threshold": ("27.600", *APPARENT_POWER),
    "electricity_fuse_threshold": ("40", *AMPERES),
    # 32 A, written below zero because it is for export.
    "electricity_fuse_threshold_export": ("32", *AMPERES),
    "electricity_breaker_state": ("connected", *STATE),
    "electricity_relay_1": ("off", *STATE),
    "electricity_relay_2": ("on", *STATE),
    "electricity_power_failures": ("4", *COUNTER),
    "electricity_voltage_sags_l1": ("2", *COUNTER),
    "electricity_voltage_swells_l1": ("3", *COUNTER),
    "electricity_message_2": ("Gas", *TEXT),
}

HUNGARY = compose(
    {
        "0-0:1.0.0": "(261121125900W)",
        "0-0:42.0.0": "(AUX1030300000042)",
        "0-0:96.1.0": "(9900000042)",
        "0-0:96.14.0": "(0001)",
        "0-0:96.50.68": "(OFF)",
        "0-0:17.0.0": "(90.000*kW)",
        "1-0:1.8.0": "(000300.000*kWh)",
        "1-0:1.8.3": "(000003.000*kWh)",
        "1-0:5.8.0": "(000005.000*kvarh)",
        "1-0:15.8.0": "(000310.000*kWh)",
        "1-0:13.7.0": "(-0.995)",
        "1-0:33.7.0": "(0.990)",
        "1-0:14.7.0": "(49.99*Hz)",
        "1-0:5.7.0": "(00.100*kvar)",
        "1-0:31.4.0": "(200.00*A)",
        "1-0:51.4.0": "(200.00*A)",
        "1-0:71.4.0": "(160.00*A)",
    },
    "AUX59900000042",
)
HUNGARIAN = {
    "electricity_tariff": ("tariff_1", *STATE),
    "electricity_breaker_state": ("disconnected", *STATE),
    "electricity_limiter_threshold": ("90.000", *KILOWATTS),
    "electricity_import_tariff_3": ("3.000", *ENERGY),
    "electricity_reactive_q1": ("5.000", *REACTIVE_ENERGY),
    "electricity_energy_combined": ("310.000", *ENERGY),
    "electricity_power_factor": ("-0.995", *FACTOR),
    "electricity_power_factor_l1": ("0.990", *FACTOR),
    "electricity_frequency": ("49.99", "Hz", "frequency", "measurement"),
    "electricity_reactive_power_q1": ("0.100", *REACTIVE_POWER),
    "electricity_fuse_threshold_l1": ("200.00", *AMPERES),
    "electricity_fuse_threshold_l3": ("160.00", *AMPERES),
}

LITHUANIA = compose(
    {
        "0-0:1.0.0": "(261121135900W)",
        "1-0:1.8.0": "(000100.000*kWh)",
        **{f"1-0:1.8.{tariff}": "(000025.000*kWh)" for tariff in (1, 2, 3, 4)},
        "1-0:2.8.0": "(000010.000*kWh)",
        "1-0:32.7.0": "(234.0*V)",
        "1-0:32.24.0": "(233.5*V)",
        "1-0:12.7.0": "(236.0*V)",
        "1-0:11.7.0": "(007*A)",
        "1-0:91.7.0": "(001*A)",
        "1-0:90.7.0": "(012*A)",
        "1-0:15.7.0": "(01.500*kW)",
        "1-0:29.7.0": "(00.500*kVA)",
        "1-0:13.3.0": "(0.900)",
        "1-0:1.24.0": "(01.400*kW)",
        "1-0:0.8.2": "(00600*s)",
        "1-0:2.4.0": "(00.100*kW)",
        "1-0:1.5.0": "(01.300*kW)",
        "1-0:3.4.0": "(00.200*kvar)",
        "1-0:9.4.0": "(01.450*kVA)",
        "1-0:32.33.0": "(00012*s)",
        "1-0:32.34.0": "(190.0*V)",
        "1-0:32.37.0": "(00003*s)",
        "1-0:32.38.0": "(255.0*V)",
        "1-0:0.2.8": "(A1B2C3D4)",
        "0-0:96.1.1": in_hexadecimal("80047060000042"),
    },
    "ESO5\\VMMmm",
)
LITHUANIAN = {
    "electricity_import_tariff_4": ("25.000", *ENERGY),
    "electricity_voltage_avg_l1": ("233.5", *VOLTS),
    "electricity_voltage_max": ("236.0", *VOLTS),
    "electricity_current_max": ("7", *AMPERES),
    "electricity_current_neutral": ("1", *AMPERES),
    "electricity_current_sum": ("12", *AMPERES),
    "electricity_power_absolute": ("1.500", *KILOWATTS),
    "electricity_apparent_power_import_l1": ("0.500", *APPARENT_POWER),
    "electricity_power_factor_min": ("0.900", *FACTOR),
    "electricity_power_import_avg": ("1.400", *KILOWATTS),
    "electricity_measuring_period": ("600", *SECONDS),
    "electricity_demand_export_current": ("0.100", *KILOWATTS),
    "electricity_demand_last": ("1.300", *KILOWATTS),
    "electricity_demand_reactive_import_current": ("0.200", *REACTIVE_POWER),
    "electricity_demand_apparent_import_current": ("1.450", *APPARENT_POWER),
    "electricity_voltage_sag_duration_l1": ("12", *SECONDS),
    "electricity_voltage_sag_magnitude_l1": ("190.0", *VOLTS),
    "electricity_voltage_swell_duration_l1": ("3", *SECONDS),
    "electricity_voltage_swell_magnitude_l1": ("255.0", *VOLTS),
    "electricity_firmware_signature": ("A1B2C3D4", *TEXT),
}


@pytest.mark.usefixtures("everything_enabled")
@pytest.mark.parametrize(
    ("telegram", "expected"),
    [(BELGIUM, BELGIAN), (LUXEMBOURG, LUXEMBOURGISH), (HUNGARY, HUNGARIAN), (LITHUANIA, LITHUANIAN)],
    ids=["be", "lu", "hu", "lt"],
)
async def test_every_value_has_its_class(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, telegram: bytes, expected: dict[str, tuple[Any, ...]]
) -> None:
    await set_up(telegram)
    assert {slot: shown(by_key(hass, entry, slot)) for slot in expected} == expected


async def test_the_belgian_capacity_set_is_enabled_where_people_need_it(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    await set_up(BELGIUM)
    registry = er.async_get(hass)
    enabled = {
        item.unique_id.removeprefix(f"{entry.entry_id}_electricity_")
        for item in er.async_entries_for_config_entry(registry, entry.entry_id)
        if item.disabled_by is None
    }
    assert {"demand_current", "demand_month_peak", "breaker_state", "limiter_threshold", "fuse_threshold"} <= enabled
    assert enabled.isdisjoint({"demand_month_peak_time", "demand_last_month_peak", "demand_average_12m", "ean"})


@pytest.mark.usefixtures("everything_enabled")
async def test_the_average_peak_is_as_it_is_billed_if_a_person_wants_that(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    low = BELGIUM.replace(b"(04.318*kW)", b"(01.318*kW)")[: BELGIUM.rindex(b"!") + 1]
    telegram = low + b"%04X\r\n" % crc16(low)
    await set_up(telegram)
    # (1.318 + 5.980) / 2
    assert by_key(hass, entry, "electricity_demand_average_12m").state == "3.649"
    form = await cogwheel(hass, entry, "connection")
    await fill_in(hass, form, peak_floor=True)
    assert dict(entry.options) == {"peak_floor": True}
    await hass.async_block_till_done()
    await say(telegram)
    # (2.5 + 5.980) / 2
    assert by_key(hass, entry, "electricity_demand_average_12m").state == "4.240"
    await fill_in(hass, await cogwheel(hass, entry, "connection"), peak_floor=False)
    assert dict(entry.options) == {}


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ("Import", "Export", "Import day", "Export power")),
        ("nl", ("Afname", "Injectie", "Afname dag", "Geïnjecteerd vermogen")),
        ("fr", ("Prélèvement", "Injection", "Prélèvement jour", "Puissance injectée")),
        ("de", ("Bezug", "Einspeisung", "Bezug Tag", "Einspeiseleistung")),
    ],
)
async def test_names_are_those_of_the_grid_company(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, language: str, expected: tuple[str, ...]
) -> None:
    hass.config.language = language
    await set_up(BELGIUM)
    registry = er.async_get(hass)
    keys = ("import_total", "export_total", "import_tariff_1", "power_export")
    ids = [registry.async_get_entity_id("sensor", "p1meter", f"{entry.entry_id}_electricity_{key}") for key in keys]
    names = [str(get(hass, entity_id or "").attributes["friendly_name"]) for entity_id in ids]
    assert names == [f"Iskra AM550 {name}" for name in expected]


async def test_a_demand_that_is_computed_is_there_to_be_enabled(hass: HomeAssistant, set_up: SetUp) -> None:
    await set_up()
    item = er.async_get(hass).async_get("sensor.iskra_am550_demand_running_period")
    assert item is not None
    assert item.disabled_by is er.RegistryEntryDisabler.INTEGRATION


@pytest.mark.usefixtures("everything_enabled")
async def test_a_demand_is_computed_from_the_start_of_a_quarter(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    def dutch(time: str, low: str) -> bytes:
        return nl5({"0-0:1.0.0": f"({time}W)", "1-0:1.8.1": f"({low}*kWh)"})

    await set_up(dutch("261121125959", "004512.345"))
    assert shown(by_key(hass, entry, "electricity_demand_current")) == ("unknown", *KILOWATTS)
    await say(dutch("261121130000", "004512.345"))
    wall_clock.tick(450)
    # 200 Wh by the middle of the quarter.
    await say(dutch("261121130730", "004512.545"))
    assert shown(by_key(hass, entry, "electricity_demand_current")) == ("0.800", *KILOWATTS)
