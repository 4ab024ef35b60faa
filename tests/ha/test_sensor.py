"""What a person sees: values, units, classes, worked out by hand from the telegrams' text."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.const import CONF_PORT, STATE_UNKNOWN, EntityCategory
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter import source
from custom_components.p1meter.const import CONF_ASKED, CONF_HISTORY, CONF_INTERVAL, CONF_LINE, CONF_PROFILE, DOMAIN
from custom_components.p1meter.link import Dialogue
from custom_components.p1meter.meter import OpticalSettings, OpticalTiming, Reader
from tests.compose import compose, nl5
from tests.simulation.optical import LINES, Habits, OpticalMeter

from .conftest import Say, SetUp, WallClock, by_key, get, probe, shown, states, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from homeassistant.core import HomeAssistant

ENERGY = ("kWh", "energy", "total_increasing")
KILOWATTS = ("kW", "power", "measurement")
WATTS = ("W", "power", "measurement")
VOLTS = ("V", "voltage", "measurement")
AMPERES = ("A", "current", "measurement")
COUNTER = (None, None, "total_increasing")

# What the telegram of tests/compose.py says, with nothing left out but what is disabled: the meter's clock (0-0:1.0.0),
# the empty message (0-0:96.13.0), and when the gas was measured.
NL5_SENSORS = {
    "iskra_am550_p1_version": ("5.0", None, None, None),
    "iskra_am550_import_low_tariff": ("4512.345", *ENERGY),
    "iskra_am550_import_normal_tariff": ("3987.650", *ENERGY),
    "iskra_am550_export_low_tariff": ("812.001", *ENERGY),
    "iskra_am550_export_normal_tariff": ("1733.999", *ENERGY),
    "iskra_am550_import": ("8499.995", *ENERGY),
    "iskra_am550_export": ("2546.000", *ENERGY),
    "iskra_am550_tariff": ("normal", None, "enum", None),
    "iskra_am550_power": ("1193", *WATTS),
    "iskra_am550_power_phase_1": ("1000", *WATTS),
    "iskra_am550_power_phase_2": ("493", *WATTS),
    "iskra_am550_power_phase_3": ("-300", *WATTS),
    "iskra_am550_import_power": ("1.193", *KILOWATTS),
    "iskra_am550_export_power": ("0.000", *KILOWATTS),
    "iskra_am550_import_power_phase_1": ("1.000", *KILOWATTS),
    "iskra_am550_import_power_phase_2": ("0.493", *KILOWATTS),
    "iskra_am550_import_power_phase_3": ("0.000", *KILOWATTS),
    "iskra_am550_export_power_phase_1": ("0.000", *KILOWATTS),
    "iskra_am550_export_power_phase_2": ("0.000", *KILOWATTS),
    "iskra_am550_export_power_phase_3": ("0.300", *KILOWATTS),
    "iskra_am550_voltage_phase_1": ("230.1", *VOLTS),
    "iskra_am550_voltage_phase_2": ("229.4", *VOLTS),
    "iskra_am550_voltage_phase_3": ("231.0", *VOLTS),
    "iskra_am550_current_phase_1": ("4", *AMPERES),
    "iskra_am550_current_phase_2": ("2", *AMPERES),
    "iskra_am550_current_phase_3": ("1", *AMPERES),
    "iskra_am550_power_failures": ("4", *COUNTER),
    "iskra_am550_long_power_failures": ("1", *COUNTER),
    # 14:23:17 in summer.
    "iskra_am550_last_power_failure": ("2023-06-14T12:23:17+00:00", None, "timestamp", None),
    "iskra_am550_voltage_sags_phase_1": ("2", *COUNTER),
    "iskra_am550_voltage_sags_phase_2": ("1", *COUNTER),
    "iskra_am550_voltage_sags_phase_3": ("0", *COUNTER),
    "iskra_am550_voltage_swells_phase_1": ("0", *COUNTER),
    "iskra_am550_voltage_swells_phase_2": ("3", *COUNTER),
    "iskra_am550_voltage_swells_phase_3": ("0", *COUNTER),
    "gas_meter_gas": ("2569.646", "m³", "gas", "total_increasing"),
}


async def test_a_dutch_meter(hass: HomeAssistant, set_up: SetUp) -> None:
    await set_up()
    assert {name.removeprefix("sensor."): shown(get(hass, name)) for name in states(hass)} == NL5_SENSORS


async def test_what_is_disabled_is_there_to_be_enabled(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    await set_up()
    disabled = {
        item.unique_id.removeprefix(f"{entry.entry_id}_")
        for item in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if item.disabled_by is er.RegistryEntryDisabler.INTEGRATION
    }
    reasons = ("crc", "truncated", "overrun", "timeout", "garbage", "cipher", "key", "unsupported")
    assert disabled == {
        "electricity_telegram_time",
        "electricity_message",
        # The meter does not send it.
        "electricity_demand_current",
        "gas_last_measured",
        "electricity_telegrams_accepted",
        *(f"electricity_telegrams_refused_{reason}" for reason in reasons),
        "electricity_telegram_age",
        "electricity_telegram_interval",
        "electricity_telegram_delay",
    }


async def test_what_is_about_the_meter_is_diagnostic(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    await set_up()
    registry = er.async_get(hass)
    categories = {
        item.unique_id.removeprefix(f"{entry.entry_id}_"): item.entity_category
        for item in er.async_entries_for_config_entry(registry, entry.entry_id)
    }
    assert categories["electricity_power_failures"] is EntityCategory.DIAGNOSTIC
    assert categories["electricity_telegram_age"] is EntityCategory.DIAGNOSTIC
    assert categories["electricity_power"] is None
    assert categories["electricity_tariff"] is None
    assert categories["gas_gas"] is None


@pytest.mark.parametrize(
    ("name", "decimals"),
    [
        ("import", 3),
        ("power", 0),
        ("import_power", 3),
        ("voltage_phase_1", 1),
        ("current_phase_1", 2),
        ("power_failures", 0),
    ],
)
async def test_decimals(hass: HomeAssistant, set_up: SetUp, name: str, decimals: int) -> None:
    await set_up()
    item = er.async_get(hass).async_get(f"sensor.iskra_am550_{name}")
    assert item is not None
    assert item.options["sensor"]["suggested_display_precision"] == decimals


BELGIAN = {
    "0-0:96.1.4": "(50217)",
    "0-0:96.1.1": f"({b'1SAG1100000000'.hex()})",
    "0-0:1.0.0": "(261121125900W)",
    "1-0:1.8.1": "(000300.000*kWh)",
    "1-0:1.8.2": "(000200.500*kWh)",
    "1-0:2.8.1": "(000000.000*kWh)",
    "1-0:2.8.2": "(000000.000*kWh)",
    "1-0:1.4.0": "(01.200*kW)",
    "1-0:1.6.0": "(261105181500W)(04.321*kW)",
    "0-0:96.14.0": "(0001)",
    "1-0:1.7.0": "(00.500*kW)",
    "1-0:2.7.0": "(00.000*kW)",
    "0-0:96.3.10": "(1)",
    "0-0:17.0.0": "(010*A)",
    "1-0:31.4.0": "(032*A)",
    "0-0:96.13.0": "()",
    "0-1:24.1.0": "(003)",
    "0-1:96.1.1": f"({b'7FLO2119000000'.hex()})",
    "0-1:24.4.0": "(1)",
    "0-1:24.2.3": "(261121125500W)(00086.629*m3)",
    "0-2:24.1.0": "(007)",
    "0-2:96.1.1": f"({b'8SEN0000000000'.hex()})",
    "0-2:24.2.1": "(261121124500W)(00086500.000*dm3)",
}


@pytest.mark.usefixtures("everything_enabled")
async def test_a_belgian_meter(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up(compose(BELGIAN, "FLU5\\253769484_A"))
    assert get(hass, "sensor.iskra_am550_import_day").state == "300.000"
    assert get(hass, "sensor.iskra_am550_import_night").state == "200.500"
    tariff = get(hass, "sensor.iskra_am550_tariff")
    assert tariff.state == "day"
    assert tariff.attributes["options"][:3] == ["none", "day", "night"]
    expected = {
        "electricity_import_total": ("500.500", *ENERGY),
        "electricity_demand_current": ("1.200", *KILOWATTS),
        "electricity_demand_month_peak": ("4.321", *KILOWATTS),
        "electricity_demand_month_peak_time": ("2026-11-05T17:15:00+00:00", None, "timestamp", None),
        "electricity_breaker_state": ("connected", None, "enum", None),
        # The limit is a power as a rule; here it is sent as a current.
        "electricity_limiter_threshold": ("10", *AMPERES),
        "electricity_fuse_threshold": ("32", *AMPERES),
        "electricity_message": (STATE_UNKNOWN, None, None, None),
        "gas_gas": ("86.629", "m³", "gas", "total_increasing"),
        "gas_valve_state": ("open", None, "enum", None),
        "gas_last_measured": ("2026-11-21T11:55:00+00:00", None, "timestamp", None),
        # Home Assistant has litres, no cubic decimetres.
        "water_water": ("86500.000", "L", "water", "total_increasing"),
    }
    assert {slot: shown(by_key(hass, entry, slot)) for slot in expected} == expected


@pytest.mark.usefixtures("everything_enabled")
@pytest.mark.parametrize(
    ("code", "sent", "slot", "expected"),
    [
        (
            "1-0:3.8.0",
            "(00000001.500*kVArh)",
            "reactive_import_total",
            ("1.500", "kvarh", "reactive_energy", "total_increasing"),
        ),
        ("1-0:3.7.0", "(0000.120*kvar)", "reactive_power_import", ("0.120", "kvar", "reactive_power", "measurement")),
        (
            "1-0:3.7.0",
            "(0001.200*Mvar)",
            "reactive_power_import",
            ("1200.000", "kvar", "reactive_power", "measurement"),
        ),
        ("1-0:9.7.0", "(00.750*kVA)", "apparent_power_import", ("0.750", "kVA", "apparent_power", "measurement")),
        ("1-0:13.7.0", "(0.997)", "power_factor", ("0.997", None, "power_factor", "measurement")),
        ("1-0:14.7.0", "(50.02*Hz)", "frequency", ("50.02", "Hz", "frequency", "measurement")),
        ("0-0:17.0.0", "(011.0*kVA)", "limiter_threshold", ("11.0", "kVA", "apparent_power", "measurement")),
        ("0-0:17.0.0", "(0017.25*kW)", "limiter_threshold", ("17.25", *KILOWATTS)),
        ("1-0:32.7.0", "(230100*mV)", "voltage_l1", ("230100", "mV", "voltage", "measurement")),
        ("1-0:32.33.0", "(00002*s)", "voltage_sag_duration_l1", ("2", "s", "duration", "measurement")),
        ("1-0:15.8.0", "(000001.000*MWh)", "energy_combined", ("1.000", "MWh", "energy", "total_increasing")),
        ("0-1:24.2.1", "(261121125500W)(00001.500*GJ)", "heat_heat", ("1.500", "GJ", "energy", "total_increasing")),
    ],
)
async def test_units(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    set_up: SetUp,
    code: str,
    sent: str,
    slot: str,
    expected: tuple[Any, ...],
) -> None:
    await set_up(nl5({code: sent}))
    assert shown(by_key(hass, entry, slot if "heat" in slot else f"electricity_{slot}")) == expected


@pytest.mark.usefixtures("everything_enabled")
async def test_a_total_of_a_kind_we_do_not_know(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    """An M-Bus meter of a type without a name is shown by the unit it sends."""
    await set_up(nl5({"0-2:24.1.0": "(009)", "0-2:96.1.0": "(41)", "0-2:24.2.1": "(261121125500W)(00007.000*m3)"}))
    assert shown(by_key(hass, entry, "mbus_mbus")) == ("7.000", "m³", "volume", "total_increasing")


@pytest.mark.usefixtures("everything_enabled")
async def test_a_total_has_no_class_that_home_assistant_has_for_other_things_only(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    await set_up(nl5({"0-2:24.1.0": "(009)", "0-2:96.1.0": "(41)", "0-2:24.2.1": "(261121125500W)(00007.000*kW)"}))
    assert shown(by_key(hass, entry, "mbus_mbus")) == ("7.000", "kW", None, "total_increasing")


async def test_a_code_nobody_knows_is_disabled(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up(nl5({"1-0:99.1.0": "(00.250*kW)", "0-0:96.99.1": "(DEADBEEF)"}))
    registry = er.async_get(hass)
    for code in ("1-0:99.1.0", "0-0:96.99.1"):
        entity_id = registry.async_get_entity_id("sensor", "p1meter", f"{entry.entry_id}_electricity_{code}")
        assert entity_id is not None
        item = registry.async_get(entity_id)
        assert item is not None
        assert item.disabled_by is er.RegistryEntryDisabler.INTEGRATION
        assert item.entity_category is EntityCategory.DIAGNOSTIC
        assert code in (item.original_name or "")


@pytest.mark.usefixtures("everything_enabled")
async def test_a_code_nobody_knows_is_shown_as_sent(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    unknown = {"1-0:99.1.0": "(00.250*kW)", "0-0:96.99.1": "(DEADBEEF)", "1-0:99.2.0": "(00007.500*m3)"}
    await set_up(nl5(unknown))
    assert shown(by_key(hass, entry, "electricity_1-0:99.1.0")) == ("0.250", "kW", None, None)
    assert shown(by_key(hass, entry, "electricity_1-0:99.2.0")) == ("7.500", "m³", None, None)
    assert shown(by_key(hass, entry, "electricity_0-0:96.99.1")) == ("DEADBEEF", None, None, None)
    # It turns out to be a text, and the other one to be not always there.
    await say(nl5({**unknown, "1-0:99.1.0": "(ERROR)", "1-0:99.2.0": "()"}))
    await hass.config_entries.async_reload(entry.entry_id)
    await say(nl5({**unknown, "1-0:99.1.0": "(ERROR)", "1-0:99.2.0": "()"}))
    assert shown(by_key(hass, entry, "electricity_1-0:99.1.0")) == ("ERROR", None, None, None)
    assert shown(by_key(hass, entry, "electricity_1-0:99.2.0")) == (STATE_UNKNOWN, "m³", None, None)


@pytest.mark.usefixtures("everything_enabled")
async def test_a_number_nobody_knows_goes_with_its_unit(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    # Home Assistant has no kiloampere.
    await set_up(nl5({"1-0:99.3.0": "(0.5*kA)"}))
    assert shown(by_key(hass, entry, "electricity_1-0:99.3.0")) == ("500.0", "A", None, None)


@pytest.mark.usefixtures("everything_enabled")
async def test_a_long_text_is_cut_in_the_state_and_whole_beside_it(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    message = "Maintenance of the grid. " * 20
    await set_up(nl5({"0-0:96.13.0": f"({message.encode().hex()})"}))
    state = by_key(hass, entry, "electricity_message")
    assert state.state == message[:255]
    assert state.attributes["text"] == message.strip()
    await say(nl5({"0-0:96.13.0": f"({b'Short'.hex()})"}))
    state = by_key(hass, entry, "electricity_message")
    assert state.state == "Short"
    assert "text" not in state.attributes


async def test_a_unit_that_changes_is_followed(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    await set_up(nl5({"0-0:17.0.0": "(0017.25*kW)"}))
    await say(nl5({"0-0:17.0.0": "(025*A)"}))
    assert shown(by_key(hass, entry, "electricity_limiter_threshold")) == ("25", *AMPERES)


async def test_a_state_that_is_not_in_the_list_is_unknown(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    await set_up(nl5({"0-0:96.3.10": "(1)"}))
    assert by_key(hass, entry, "electricity_breaker_state").state == "connected"
    await say(nl5({"0-0:96.3.10": "(7)"}))
    assert by_key(hass, entry, "electricity_breaker_state").state == STATE_UNKNOWN


@pytest.mark.usefixtures("everything_enabled")
async def test_the_line_is_measured(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    damaged = nl5().replace(b"230.1*V", b"990.1*V")
    telegram = nl5({"0-0:1.0.0": "(261121120453W)"})
    # Five seconds before a mark.
    wall_clock.now = wall_clock.now.replace(hour=11, minute=4, second=55)
    await set_up(telegram)
    for _ in range(3):
        await say(telegram)
    await say(damaged)
    # Nothing is written between the marks.
    assert by_key(hass, entry, "electricity_telegrams_accepted").state == "1"
    assert by_key(hass, entry, "electricity_telegrams_refused_crc").state == "0"
    wall_clock.tick(5)
    await say(telegram)
    assert shown(by_key(hass, entry, "electricity_telegrams_accepted")) == ("5", None, None, "total_increasing")
    assert by_key(hass, entry, "electricity_telegrams_refused_crc").state == "1"
    assert by_key(hass, entry, "electricity_telegrams_refused_garbage").state == "0"
    # 11:05:00 here, 11:04:53 (12:04:53 in winter) by the meter's clock.
    assert shown(by_key(hass, entry, "electricity_telegram_delay")) == ("7.0", "s", "duration", "measurement")
    assert by_key(hass, entry, "electricity_telegram_age").state == "0.0"
    assert float(by_key(hass, entry, "electricity_telegram_interval").state) < 5


async def test_a_clock_that_was_never_set_says_nothing_of_a_delay(set_up: SetUp) -> None:
    meter = await set_up(nl5({"0-0:1.0.0": "(000101010000W)"}))

    assert meter.line_value("telegram_delay") is None


@pytest.mark.usefixtures("everything_enabled")
async def test_the_line_tells_about_itself_before_the_first_telegram(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, cable: Any, wall_clock: WallClock
) -> None:
    await set_up()
    cable.unplug()
    wall_clock.now = wall_clock.now.replace(minute=4, second=59, microsecond=500_000)
    await hass.config_entries.async_reload(entry.entry_id)
    assert by_key(hass, entry, "electricity_telegrams_accepted").state == "0"
    assert by_key(hass, entry, "electricity_telegram_age").state == STATE_UNKNOWN
    assert by_key(hass, entry, "electricity_telegram_delay").state == STATE_UNKNOWN
    entry.runtime_data.refused["garbage"] += 3
    wall_clock.tick(0.4)
    await until(lambda: by_key(hass, entry, "electricity_telegrams_refused_garbage").state == "3")


# An optical head's minute takes one and a half seconds here.
PACE = 0.025
# The reset counter says which closing value is the newest: that of slot 14.
PAST = "0.1.0(14)\r\n1.8.1*13(000080.000)\r\n1.8.1*14(000100.000)\r\n"


def read_out(lines: str) -> bytes:
    block = lines.encode() + b"\x03"
    check = 0
    for byte in block:
        check ^= byte
    return b"/TST5OPTICAL\r\n\x02" + block + bytes([check])


@pytest.fixture
async def optical_entry(hass: HomeAssistant, tmp_path: Path) -> AsyncGenerator[MockConfigEntry]:
    """A meter that is asked, as right after its config flow; not set up."""
    lines = LINES.replace("!", f"{PAST}!")
    meter = OpticalMeter(tmp_path / "head", Habits(lines=lines), pace=PACE, lenience=1.0)
    life = asyncio.create_task(meter.run())

    def dialogue(port: str, settings: OpticalSettings, reader: Reader, **others: Any) -> Dialogue:
        return Dialogue(port, replace(settings, timeout=20.0), reader, timing=OpticalTiming(pace=PACE), **others)

    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Head",
        data={CONF_PORT: meter.port, CONF_LINE: "300 7E1", CONF_PROFILE: "iec", CONF_ASKED: True},
    )
    entry.add_to_hass(hass)
    probe(hass, entry, read_out(lines))
    with patch.object(source, "Dialogue", dialogue):
        yield entry
        await hass.config_entries.async_unload(entry.entry_id)
    life.cancel()
    await asyncio.wait([life])
    meter.close()


async def test_how_long_a_read_out_takes(hass: HomeAssistant, optical_entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_setup(optical_entry.entry_id)
    duration = "sensor.head_read_out_duration"
    assert shown(get(hass, duration)) == (STATE_UNKNOWN, "s", "duration", "measurement")
    await until(lambda: optical_entry.runtime_data.accepted > 0)
    await hass.async_block_till_done()
    # A hundred characters at 300 bit/s would take three seconds; they go faster, and the whole talk takes longer.
    assert 0 < float(get(hass, duration).state) < 20
    item = er.async_get(hass).async_get(duration)
    assert item is not None
    assert item.entity_category is EntityCategory.DIAGNOSTIC
    skipped = er.async_get(hass).async_get("sensor.head_read_outs_skipped")
    assert skipped is not None
    assert skipped.disabled_by is er.RegistryEntryDisabler.INTEGRATION


@pytest.mark.usefixtures("everything_enabled")
async def test_read_outs_that_were_skipped_are_counted(
    hass: HomeAssistant, optical_entry: MockConfigEntry, wall_clock: WallClock
) -> None:
    hass.config_entries.async_update_entry(optical_entry, options={CONF_INTERVAL: 0.05})
    assert await hass.config_entries.async_setup(optical_entry.entry_id)
    assert shown(get(hass, "sensor.head_read_outs_skipped")) == ("0", None, None, "total_increasing")
    await until(lambda: optical_entry.runtime_data.skipped > 0)
    # With the first telegram after a five-minute mark.
    wall_clock.tick(300)
    await until(lambda: get(hass, "sensor.head_read_outs_skipped").state != "0")
    assert 0 < int(get(hass, "sensor.head_read_outs_skipped").state) <= optical_entry.runtime_data.skipped


async def test_a_meter_that_talks_has_no_read_outs(hass: HomeAssistant, set_up: SetUp) -> None:
    await set_up()
    assert not [name for name in er.async_get(hass).entities if "read_out" in name]


async def test_an_optical_head_shows_past_months_to_who_wants_them(
    hass: HomeAssistant, optical_entry: MockConfigEntry
) -> None:
    """They are enabled, too: there is no second switch."""

    def past() -> list[str]:
        registered = er.async_entries_for_config_entry(er.async_get(hass), optical_entry.entry_id)
        return [item.unique_id.partition("_")[2] for item in registered if "last_month" in item.unique_id]

    assert await hass.config_entries.async_setup(optical_entry.entry_id)
    assert past() == []
    hass.config_entries.async_update_entry(optical_entry, options={CONF_HISTORY: True})
    await hass.async_block_till_done()
    await until(lambda: optical_entry.runtime_data.accepted > 0)
    await hass.async_block_till_done()
    assert past() == ["electricity_last_month_import_tariff_1"]
    assert by_key(hass, optical_entry, "electricity_last_month_import_tariff_1").state == "100.000"
    hass.config_entries.async_update_entry(optical_entry, options={})
    await hass.async_block_till_done()
    assert past() == []
