"""The world changes around a meter: it is said what a person can do, and what needs nobody goes on by itself."""

from datetime import UTC, datetime, timedelta
import logging
from typing import TYPE_CHECKING
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_PORT, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter import coordinator, ports
from custom_components.p1meter.const import CONF_INTERVAL, CONF_LINE, CONF_PROFILE, DOMAIN, issue_id
from custom_components.p1meter.issues import ISSUE_CAPTURE_STOPPED, ISSUE_CLOCK, ISSUE_CLOCK_UNSET, ISSUE_RECONNECT
from custom_components.p1meter.link import LineSettings, open_transport
from tests.compose import compose, nl5
from tests.meter.uart import Format, received, signal
from tests.simulation.objects import stamp

from .conftest import Say, SetUp, WallClock, get, probe, states, until

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.issue_registry import IssueEntry
    from pytest_homeassistant_custom_component.typing import WebSocketGenerator

    from tests.simulation.meter import Cable

POWER = "sensor.iskra_am550_power"
EXPORT = "sensor.iskra_am550_export_low_tariff"
GAS = "sensor.gas_meter_gas"
# Of a meter that is right, when the clock of this test is.
TIME = datetime(2026, 11, 21, 11, 2, 30, tzinfo=UTC)
MARK = 300.0


@pytest.fixture
def impatient() -> Generator[None]:
    """A meter counts as silent after some tenths of a second."""
    with patch.object(coordinator, "silence_limit", lambda _: 0.4):
        yield


def issue(hass: HomeAssistant, kind: str, entry: MockConfigEntry) -> IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, issue_id(kind, entry.entry_id))


def issues(hass: HomeAssistant, entry: MockConfigEntry) -> set[str]:
    """Return the kinds of all repairs of an entry."""
    ours = (issue.translation_key for (domain, _), issue in ir.async_get(hass).issues.items() if domain == DOMAIN)
    return {key for key in ours if key is not None and issue(hass, key, entry) is not None}


def at(time: datetime, gas: datetime | None = None) -> bytes:
    """Return what the meter says at a time, and when it read the gas meter."""
    return nl5({"0-0:1.0.0": f"({stamp(time)})", "0-1:24.2.1": f"({stamp(gas or time)})(02569.646*m3)"})


# --- Why a meter is silent -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
async def test_a_port_that_is_gone_is_said_and_so_is_another_program_on_it(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, cable: Cable
) -> None:
    meter = await set_up()
    cable.unplug()
    await until(lambda: issues(hass, entry) == {"silent_port_missing"})
    # Somebody is quicker when it is back.
    cable.plug()
    other = await open_transport(str(cable.link), LineSettings())
    await until(lambda: issues(hass, entry) == {"silent_port_busy"})
    await other.close()
    await until(lambda: meter.link_error is None)
    await say(nl5())
    assert issues(hass, entry) == set()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("heard", "expected"),
    [
        (bytes(400), "foreign_no_signal"),
        (bytes(0x80 | index * 37 & 0xFF for index in range(400)), "foreign_garbage"),
        (received(signal(nl5(), Format(), inverted=True), Format(), Format()), "foreign_inverted"),
        (b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01\x76\x05\x01\x02\x03\x04" + bytes(90), "foreign_sml"),
        (b"\x68\x0f\x0f\x68\x53\xff\x00\x01\x67\xdb" + bytes(9) + b"\x95\x16" + bytes(100), "foreign_mbus"),
    ],
    ids=("no_signal", "garbage", "inverted", "sml", "mbus"),
)
async def test_what_comes_instead_of_telegrams_has_its_own_sentence(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, cable: Cable, heard: bytes, expected: str
) -> None:
    await set_up()
    # Silence first: why is not known yet.
    await until(lambda: issues(hass, entry) == {"no_telegrams"})

    def told() -> bool:
        cable.write(heard)
        return issues(hass, entry) == {expected}

    def over() -> bool:
        cable.write(b"\r\n" + nl5())
        return issues(hass, entry) == set()

    await until(told)
    # Some of it may still lie in the port, and no room be left for all of a telegram.
    await until(over)


# --- Clocks ----------------------------------------------------------------------------------------------------------


async def test_a_clock_that_is_wrong_is_said_and_its_values_stay(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    await set_up(at(TIME))
    for behind in (0.0, 90.0, 90.0):
        assert issue(hass, ISSUE_CLOCK, entry) is None
        wall_clock.tick(MARK)
        await say(at(wall_clock.now - timedelta(seconds=behind)))
    told = issue(hass, ISSUE_CLOCK, entry)
    assert told is not None
    assert told.translation_placeholders == {"name": "Iskra AM550", "minutes": "2"}
    assert STATE_UNAVAILABLE not in states(hass).values()
    wall_clock.tick(MARK)
    await say(at(wall_clock.now))
    assert issue(hass, ISSUE_CLOCK, entry) is None


async def test_a_clock_that_was_never_set_has_its_own_sentence(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    unset = nl5({"0-0:1.0.0": "(000101010000W)"})
    await set_up(unset)
    for _ in range(2):
        wall_clock.tick(MARK)
        await say(unset)
    assert issues(hass, entry) == {ISSUE_CLOCK_UNSET}
    wall_clock.tick(MARK)
    await say(at(wall_clock.now))
    assert issues(hass, entry) == set()


async def test_a_meter_without_a_clock_is_not_blamed(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    telegram = nl5({"0-0:1.0.0": None})
    await set_up(telegram)
    for _ in range(3):
        wall_clock.tick(MARK)
        await say(telegram)
    assert issues(hass, entry) == set()


@pytest.mark.parametrize("jump", [-3600.0, 3600.0, -86400.0, 30 * 86400.0])
async def test_a_jump_of_home_assistants_clock_makes_nothing_unavailable(
    hass: HomeAssistant, set_up: SetUp, say: Say, wall_clock: WallClock, jump: float
) -> None:
    await set_up(at(TIME))
    wall_clock.tick(jump)
    time = TIME
    for watts in (400, 1400):
        time += timedelta(seconds=1)
        wall_clock.tick(1)
        await say(nl5({"0-0:1.0.0": f"({stamp(time)})", "1-0:1.7.0": f"({watts / 1000:06.3f}*kW)"}))
        assert get(hass, POWER).state == str(watts)
        assert STATE_UNAVAILABLE not in states(hass).values()


@pytest.mark.usefixtures("everything_enabled")
async def test_the_night_in_which_an_hour_comes_twice(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    """25 October 2026: 02:59:59 summer time (S) is followed by 02:00:00 winter time (W)."""
    start = datetime(2026, 10, 25, 0, 59, 57, tzinfo=UTC)
    wall_clock.now = start
    sent = ["261025025957S", "261025025958S", "261025025959S", "261025020000W", "261025020001W"]
    await set_up(nl5({"0-0:1.0.0": f"({sent[0]})", "0-1:24.2.1": "(261025025500S)(02569.646*m3)"}))
    for second, text in enumerate(sent):
        gas = "261025020000W" if second > 2 else "261025025500S"
        wall_clock.now = start + timedelta(seconds=second)
        kwh = f"(004512.{345 + second}*kWh)"
        await say(nl5({"0-0:1.0.0": f"({text})", "1-0:1.8.1": kwh, "0-1:24.2.1": f"({gas})(02569.{646 + second}*m3)"}))
        assert entry.runtime_data.data.time == start + timedelta(seconds=second), text
        assert not {STATE_UNAVAILABLE, STATE_UNKNOWN} & {get(hass, name).state for name in (POWER, GAS)}
    wall_clock.tick(MARK)
    await say(at(wall_clock.now))
    # Of 02:05 winter time, which was summer time an hour before.
    assert get(hass, "sensor.gas_meter_last_measured").state == "2026-10-25T01:05:01+00:00"
    assert issues(hass, entry) == set()


# --- Meters on the M-Bus ---------------------------------------------------------------------------------------------


async def test_a_gas_meter_that_does_not_capture_any_more_is_said(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    kind = f"{ISSUE_CAPTURE_STOPPED}_gas"
    await set_up(at(TIME))
    wall_clock.tick(MARK)
    last = wall_clock.now
    await say(at(last))
    wall_clock.tick(86400 - MARK)
    await say(at(wall_clock.now, last))
    assert issue(hass, kind, entry) is None
    wall_clock.tick(2 * MARK)
    await say(at(wall_clock.now, last))
    told = issue(hass, kind, entry)
    assert told is not None
    assert told.translation_placeholders == {"name": "Iskra AM550", "device": "Gas meter", "since": "2026-11-21 03:07"}
    # The value is what the meter still says.
    assert get(hass, GAS).state == "2569.646"
    wall_clock.tick(MARK)
    await say(at(wall_clock.now))
    assert issue(hass, kind, entry) is None


async def test_the_device_of_a_meter_that_is_gone_can_be_deleted(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "config", {})
    await set_up()
    registry = dr.async_get(hass)
    devices = {device.name: device for device in dr.async_entries_for_config_entry(registry, entry.entry_id)}
    client = await hass_ws_client(hass)
    # Both are there.
    assert set(devices) == {"Iskra AM550", "Gas meter"}
    for device in devices.values():
        assert not (await client.remove_device(device.id))["success"]
    gone: dict[str, str | None] = {"0-1:24.1.0": None, "0-1:96.1.0": None, "0-1:24.2.1": None}
    await say(nl5(gone))
    assert get(hass, GAS).state == STATE_UNKNOWN
    assert not (await client.remove_device(devices["Iskra AM550"].id))["success"]
    assert (await client.remove_device(devices["Gas meter"].id))["success"]
    await hass.async_block_till_done()
    assert hass.states.get(GAS) is None
    # It stays away over a restart, and comes back with its meter.
    assert await hass.config_entries.async_reload(entry.entry_id)
    await say(nl5(gone))
    assert hass.states.get(GAS) is None
    await say(nl5())
    await hass.async_block_till_done()
    assert get(hass, GAS).state == "2569.646"


async def test_nothing_is_deleted_of_a_meter_that_has_not_spoken_yet(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "config", {})
    await set_up()
    assert await hass.config_entries.async_reload(entry.entry_id)
    client = await hass_ws_client(hass)
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert len(devices) == 2
    for device in devices:
        assert not (await client.remove_device(device.id))["success"]


async def test_nothing_is_deleted_of_a_meter_that_is_not_read(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "config", {})
    await set_up()
    assert await hass.config_entries.async_unload(entry.entry_id)
    client = await hass_ws_client(hass)
    devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    assert len(devices) == 2
    for device in devices:
        answer = await client.remove_device(device.id)
        # Not an error that nobody understands.
        assert answer["error"]["message"] == "Failed to remove device entry, rejected by integration"


# --- The meter itself ------------------------------------------------------------------------------------------------


BELGIAN = {
    "0-0:96.1.4": "(50217)",
    "0-0:96.1.1": f"({b'1SAG1100412398'.hex()})",
    "0-0:1.0.0": "(261121125900W)",
    "1-0:1.8.1": "(000123.456*kWh)",
    "1-0:1.8.2": "(000654.321*kWh)",
    "1-0:1.7.0": "(00.000*kW)",
    "1-0:2.7.0": "(00.000*kW)",
}


async def test_a_breaker_that_waits_for_a_hand_is_said(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    await set_up(compose({**BELGIAN, "0-0:96.3.10": "(1)"}, "FLU5\\253769484_A"))
    await say(compose({**BELGIAN, "0-0:96.3.10": "(0)"}, "FLU5\\253769484_A"))
    assert issue(hass, ISSUE_RECONNECT, entry) is None
    await say(compose({**BELGIAN, "0-0:96.3.10": "(2)"}, "FLU5\\253769484_A"))
    assert issue(hass, ISSUE_RECONNECT, entry) is not None
    await say(compose({**BELGIAN, "0-0:96.3.10": "(1)"}, "FLU5\\253769484_A"))
    assert issue(hass, ISSUE_RECONNECT, entry) is None


async def test_new_firmware_changes_the_version_and_no_entity(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "custom_components.p1meter")
    # DSMR 4.2 has no voltages, and gas by the hour.
    old: dict[str, str | None] = {"1-3:0.2.8": "(42)", "1-0:32.7.0": None, "1-0:52.7.0": None, "1-0:72.7.0": None}
    await set_up(nl5(old))
    before = {item.entity_id: item.unique_id for item in er.async_get(hass).entities.values()}
    await say(nl5())
    after = {item.entity_id: item.unique_id for item in er.async_get(hass).entities.values()}
    assert before.items() < after.items()
    assert {name.removeprefix("sensor.iskra_am550_") for name in after.keys() - before.keys()} == {
        "voltage_phase_1",
        "voltage_phase_2",
        "voltage_phase_3",
    }
    (main,) = [
        device
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        if device.name == "Iskra AM550"
    ]
    assert main.sw_version == "5.0"
    assert get(hass, "sensor.iskra_am550_voltage_phase_1").state == "230.1"
    # A version of tomorrow is read as well, and said once.
    caplog.clear()
    new = nl5({"1-3:0.2.8": "(61)", "1-0:1.7.0": "(02.500*kW)"})
    await say(new, new)
    assert get(hass, POWER).state == "2500"
    assert [record.message for record in caplog.records if "Version 6.1" in record.message] == [
        "Version 6.1 of the meter is not known: it is read as nl5"
    ]


async def test_names_follow_when_it_turns_out_which_country_it_is(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    """Firmware that makes a generic meter a Dutch one: tariff 1 is low from then on."""
    generic = nl5({"1-3:0.2.8": None})
    meter = await set_up(generic)
    assert meter.memory.profile.tariff_words == ()
    names = {state.name for state in hass.states.async_all() if state.state == "4512.345"}
    assert names == {"Iskra AM550 Import tariff 1"}
    await say(nl5())
    wall_clock.tick(MARK)
    await say(nl5())
    await hass.async_block_till_done()
    assert entry.runtime_data is not meter
    await say(nl5())
    names = {state.name for state in hass.states.async_all() if state.state == "4512.345"}
    assert names == {"Iskra AM550 Import low tariff"}


async def test_panels_come_and_go(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    without: dict[str, str | None] = dict.fromkeys(("1-0:2.8.1", "1-0:2.8.2", "1-0:2.7.0"))
    await set_up(nl5(without))
    assert hass.states.get(EXPORT) is None
    await say(nl5())
    assert get(hass, EXPORT).state == "812.001"
    await say(nl5(without))
    # It is there and says nothing: that is not zero.
    assert get(hass, EXPORT).state == STATE_UNKNOWN
    await say(nl5({"1-0:2.8.1": "(000812.500*kWh)"}))
    assert get(hass, EXPORT).state == "812.500"


# --- Ports -----------------------------------------------------------------------------------------------------------


async def test_two_meters_in_one_house(hass: HomeAssistant, set_up: SetUp, say: Say, second_cable: Cable) -> None:
    await set_up()
    second = MockConfigEntry(
        domain=DOMAIN,
        title="Barn",
        unique_id="E0047000071239999",
        data={CONF_PORT: str(second_cable.link), CONF_LINE: "115200 8N1", CONF_PROFILE: "nl5"},
    )
    second.add_to_hass(hass)
    theirs = {"0-0:96.1.1": f"({b'E0047000071239999'.hex()})", "0-1:96.1.0": f"({b'G0079140021440000'.hex()})"}
    probe(hass, second, nl5(theirs))
    assert await hass.config_entries.async_setup(second.entry_id)
    await until(lambda: str(second.runtime_data.link_state) == "connected")

    def heard() -> bool:
        second_cable.write(nl5({**theirs, "1-0:1.7.0": "(00.050*kW)"}))
        return bool(second.runtime_data.accepted)

    await until(heard)
    await hass.async_block_till_done()
    assert get(hass, "sensor.barn_power").state == "50"
    assert get(hass, POWER).state == "1193"
    # Each has its own gas meter, and one that is unloaded leaves the other alone.
    assert len([state for state in hass.states.async_all() if state.state == "2569.646"]) == 2
    assert await hass.config_entries.async_unload(second.entry_id)
    await say(nl5({"1-0:1.7.0": "(02.000*kW)"}))
    assert get(hass, POWER).state == "2000"
    assert get(hass, "sensor.barn_power").state == STATE_UNAVAILABLE


async def test_an_adapter_that_is_plugged_in_elsewhere_is_found_again(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    cable: Cable,
    say: Say,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "custom_components.p1meter")
    by_id = tmp_path / "by-id"
    by_id.mkdir()
    monkeypatch.setattr(ports, "_BY_ID", by_id)
    old, new = (by_id / f"usb-FTDI_P1_cable_A1-if0{number}-port0" for number in (0, 1))
    old.symlink_to(cable.link)
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_PORT: str(old)})
    probe(hass, entry, nl5())
    assert await hass.config_entries.async_setup(entry.entry_id)
    await say(nl5())
    old.rename(new)
    cable.unplug()
    cable.plug()
    await until(lambda: entry.data[CONF_PORT] == str(new))
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    await say(nl5({"1-0:1.7.0": "(00.700*kW)"}))
    assert get(hass, POWER).state == "700"
    assert len([record for record in caplog.records if "is now" in record.message]) == 1


async def test_fewer_telegrams_are_used_if_a_person_wants_it_so(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_INTERVAL: 60})
    meter = await set_up()
    await say(nl5({"1-0:1.7.0": "(05.000*kW)"}), nl5({"1-0:1.7.0": "(06.000*kW)"}))
    assert meter.accepted == 3
    assert get(hass, POWER).state == "1193"
    # A minute later.
    meter._used -= 60
    await say(nl5({"1-0:1.7.0": "(07.000*kW)"}), nl5({"1-0:1.7.0": "(08.000*kW)"}))
    assert get(hass, POWER).state == "7000"


@pytest.mark.usefixtures("impatient")
async def test_after_a_silence_the_first_telegram_is_used_whatever_the_interval(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_INTERVAL: 3600})
    await set_up()
    await until(lambda: get(hass, POWER).state == STATE_UNAVAILABLE)
    await say(nl5({"1-0:1.7.0": "(00.300*kW)"}))
    assert get(hass, POWER).state == "300"
