"""From telegram to state: only what is due is written, silence is told, and no total lies."""

import asyncio
from datetime import UTC, datetime
import logging
from typing import TYPE_CHECKING
from unittest.mock import patch

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import async_mock_service

from custom_components.p1meter import coordinator
from custom_components.p1meter.const import DOMAIN, ISSUE_METER_REPLACED, ISSUE_NO_TELEGRAMS, issue_id
from custom_components.p1meter.meter import Reason
from tests.compose import ELECTRICITY_ID, compose, nl5
from tests.simulation.household import ZONE

from .conftest import Say, SetUp, WallClock, get, read, states, until

if TYPE_CHECKING:
    from collections.abc import Generator

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.issue_registry import IssueEntry
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from tests.simulation.meter import Cable

POWER = "sensor.iskra_am550_power"
IMPORT_LOW = "sensor.iskra_am550_import_low_tariff"
OTHER_ID = "E0047000099999999"
OTHER_METER = nl5({"0-0:96.1.1": f"({OTHER_ID.encode().hex()})", "1-0:1.8.1": "(000007.000*kWh)"})


@pytest.fixture
def impatient() -> Generator[None]:
    """A meter counts as silent after a second."""
    with patch.object(coordinator, "silence_limit", lambda _: 1.0):
        yield


def state(hass: HomeAssistant, entity_id: str) -> str:
    return get(hass, entity_id).state


async def until_silent(hass: HomeAssistant) -> None:
    await until(lambda: state(hass, POWER) == STATE_UNAVAILABLE)


def issue(hass: HomeAssistant, kind: str, entry: MockConfigEntry) -> IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, issue_id(kind, entry.entry_id))


# --- What is written -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("wall_clock")
async def test_only_what_is_due_is_written(set_up: SetUp, say: Say, written: list[str]) -> None:
    await set_up()
    written.clear()
    # The clock, 0.01 kWh and 20 W went on; a volt and a whole ampere flickered.
    quiet = nl5(
        {
            "0-0:1.0.0": "(261121125901W)",
            "1-0:1.8.1": "(004512.355*kWh)",
            "1-0:1.7.0": "(01.213*kW)",
            "1-0:32.7.0": "(231.1*V)",
            "1-0:31.7.0": "(005*A)",
        }
    )
    await say(quiet)
    assert written == []
    await say(nl5({"1-0:1.7.0": "(01.693*kW)", "0-0:96.14.0": "(0001)"}))
    assert sorted(written) == [
        "sensor.iskra_am550_import_power",
        POWER,
        "sensor.iskra_am550_tariff",
    ]


async def test_net_power_is_negative_when_the_sun_gives_more(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    await set_up()
    await say(nl5({"1-0:1.7.0": "(00.000*kW)", "1-0:2.7.0": "(02.345*kW)"}))
    assert state(hass, POWER) == "-2345"
    assert state(hass, "sensor.iskra_am550_import_power") == "0.000"
    assert state(hass, "sensor.iskra_am550_export_power") == "2.345"


async def test_an_automation_on_power_fires_within_one_telegram(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    await set_up(nl5({"1-0:1.7.0": "(01.193*kW)"}))
    calls = async_mock_service(hass, "test", "boil")
    automation = {
        "trigger": {"platform": "numeric_state", "entity_id": POWER, "above": 1600},
        "action": {"service": "test.boil"},
    }
    assert await async_setup_component(hass, "automation", {"automation": automation})
    await say(nl5({"1-0:1.7.0": "(01.293*kW)"}))
    assert len(calls) == 0
    await say(nl5({"1-0:1.7.0": "(01.793*kW)"}))
    assert len(calls) == 1


async def test_before_a_mark_everything_is_written_without_a_telegram(
    hass: HomeAssistant, set_up: SetUp, say: Say, wall_clock: WallClock, written: list[str]
) -> None:
    # An even hour: what wavers is written then as well.
    wall_clock.now = datetime(2026, 11, 21, 13, 59, 59, 300_000, tzinfo=UTC)
    await set_up()
    await say(nl5({"1-0:1.8.1": "(004512.400*kWh)", "1-0:32.7.0": "(230.9*V)"}))
    written.clear()
    assert state(hass, IMPORT_LOW) == "4512.345"
    # The next telegram does not come in time.
    wall_clock.tick(0.55)
    await until(lambda: state(hass, IMPORT_LOW) == "4512.400")
    assert sorted(written) == [
        "sensor.iskra_am550_import",
        IMPORT_LOW,
        "sensor.iskra_am550_voltage_phase_1",
    ]


async def test_after_a_backlog_the_newest_counts(hass: HomeAssistant, set_up: SetUp, written: list[str]) -> None:
    meter = await set_up()
    written.clear()
    # One read that brings them all: on a pty it could be two.
    meter._on_items([read(nl5({"1-0:1.7.0": f"(0{kilowatts}.000*kW)"})) for kilowatts in (2, 3, 4)])
    await hass.async_block_till_done()
    assert meter.accepted == 4
    assert written.count(POWER) == 1
    assert state(hass, POWER) == "4000"


async def test_a_listener_that_fails_does_not_starve_the_others(
    hass: HomeAssistant, set_up: SetUp, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    meter = await set_up()
    called = []

    def fail() -> None:
        called.append(True)
        raise RuntimeError("a listener of somebody else")

    remove = meter.async_add_listener(fail, ("electricity_power", "electricity_tariff"))
    # Before the entities, as it were.
    meter._keyed["electricity_power"] = {fail: None, **meter._keyed["electricity_power"]}
    await say(nl5({"1-0:1.7.0": "(02.000*kW)", "0-0:96.14.0": "(0001)"}))
    assert len(called) == 1
    assert state(hass, POWER) == "2000"
    assert "a listener of somebody else" in caplog.text
    remove()
    await say(nl5({"1-0:1.7.0": "(03.000*kW)"}))
    assert len(called) == 1


async def test_nothing_listens_after_unloading(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    meter = await set_up()
    assert meter._keyed
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert not meter._keyed
    assert not meter._listeners
    assert not meter._slot_listeners


@pytest.mark.parametrize("entity_id", [POWER, "sensor.gas_meter_gas"])
async def test_asking_for_an_update_does_no_harm(
    hass: HomeAssistant, set_up: SetUp, entity_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    meter = await set_up()
    assert await async_setup_component(hass, "homeassistant", {})
    await hass.services.async_call("homeassistant", "update_entity", {"entity_id": entity_id}, blocking=True)
    assert meter.last_update_success
    assert "Traceback" not in caplog.text


# --- Silence ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("impatient")
async def test_silence_is_told_once_and_so_is_the_return(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "custom_components.p1meter")
    await set_up()
    assert issue(hass, ISSUE_NO_TELEGRAMS, entry) is None
    for _ in range(2):
        caplog.clear()
        await until_silent(hass)
        assert set(states(hass).values()) == {STATE_UNAVAILABLE}
        (line,) = [record for record in caplog.records if record.name.startswith("custom_components.p1meter")]
        assert (line.levelno, "No telegram" in line.message) == (logging.INFO, True)
        told = issue(hass, ISSUE_NO_TELEGRAMS, entry)
        assert told is not None
        assert told.translation_placeholders == {"name": "Iskra AM550", "port": entry.data["port"]}
        await asyncio.sleep(0.2)
        caplog.clear()
        await say(nl5({"1-0:1.7.0": "(00.777*kW)"}))
        (line,) = [record for record in caplog.records if record.name.startswith("custom_components.p1meter")]
        assert (line.levelno, "again" in line.message) == (logging.INFO, True)
        assert state(hass, POWER) == "777"
        assert STATE_UNAVAILABLE not in states(hass).values()
        assert issue(hass, ISSUE_NO_TELEGRAMS, entry) is None


@pytest.mark.usefixtures("impatient")
async def test_a_meter_that_is_silent_from_the_start_is_told_once(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, cable: Cable, caplog: pytest.LogCaptureFixture
) -> None:
    await set_up()
    assert await hass.config_entries.async_unload(entry.entry_id)
    cable.unplug()
    caplog.set_level(logging.INFO, "custom_components.p1meter")
    caplog.clear()
    assert await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: issue(hass, "silent_port_missing", entry) is not None)
    await asyncio.sleep(0.2)
    (line,) = [record for record in caplog.records if record.name.startswith("custom_components.p1meter")]
    assert line.levelno == logging.INFO
    assert "No such file" in line.message
    # Unloading takes the repair along.
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert issue(hass, "silent_port_missing", entry) is None


@pytest.mark.usefixtures("impatient")
async def test_a_meter_that_goes_on_is_not_silent(set_up: SetUp, say: Say, written: list[str]) -> None:
    await set_up()
    written.clear()
    for _ in range(8):
        await asyncio.sleep(0.2)
        await say(nl5())
    assert written == []


@pytest.mark.usefixtures("impatient")
async def test_noise_is_no_telegram(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    meter = await set_up()
    async with asyncio.timeout(10):
        while state(hass, POWER) != STATE_UNAVAILABLE:
            await say(nl5().replace(b"230.1*V", b"990.1*V"))
    assert meter.refused[Reason.CRC] >= 2


@pytest.mark.usefixtures("impatient")
async def test_a_cable_that_is_pulled_and_put_back(
    hass: HomeAssistant, set_up: SetUp, say: Say, cable: Cable, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "custom_components.p1meter")
    await set_up()
    cable.unplug()
    await asyncio.sleep(0.1)
    # What was read a moment ago is still true.
    assert state(hass, POWER) == "1193"
    await until_silent(hass)
    cable.plug()
    await say(nl5())
    assert state(hass, POWER) == "1193"
    assert len([record for record in caplog.records if "No telegram" in record.message]) == 1


async def test_the_limit_follows_the_interval(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    """With the interval measured, the limit is shorter than the one taken before: it holds at once."""
    limit = 60.0
    with patch.object(coordinator, "silence_limit", lambda _: limit):
        await set_up()
        limit = 0.2
        await say(nl5())
        await until_silent(hass)


async def test_what_the_meter_leaves_out_is_unknown(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    await set_up()
    await say(nl5({"1-0:1.8.2": "()", "1-0:52.7.0": None}))
    assert state(hass, "sensor.iskra_am550_import_normal_tariff") == STATE_UNKNOWN
    assert state(hass, "sensor.iskra_am550_voltage_phase_2") == STATE_UNKNOWN
    assert state(hass, IMPORT_LOW) == "4512.345"
    await say(nl5())
    assert state(hass, "sensor.iskra_am550_import_normal_tariff") == "3987.650"


# --- Totals never lie ------------------------------------------------------------------------------------------------


async def test_a_total_that_falls_is_held(hass: HomeAssistant, set_up: SetUp, say: Say, wall_clock: WallClock) -> None:
    await set_up()
    fallen = nl5({"1-0:1.8.1": "(000000.000*kWh)"})
    for _ in range(6):
        await say(fallen)
        assert state(hass, IMPORT_LOW) == "4512.345"
        assert state(hass, "sensor.iskra_am550_import") == "8499.995"
        wall_clock.tick(10)
    # A minute has passed: it is true.
    await say(fallen)
    assert state(hass, IMPORT_LOW) == "0.000"
    assert state(hass, "sensor.iskra_am550_import") == "3987.650"


async def test_a_total_of_the_meter_before_the_restart_still_counts(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    await set_up()
    await hass.config_entries.async_reload(entry.entry_id)
    await say(nl5({"1-0:1.8.1": "(000000.000*kWh)"}))
    assert state(hass, IMPORT_LOW) == "4512.345"


async def test_zero_is_zero(hass: HomeAssistant, set_up: SetUp) -> None:
    await set_up(nl5({"1-0:2.8.1": "(000000.000*kWh)"}))
    assert state(hass, "sensor.iskra_am550_export_low_tariff") == "0.000"


async def test_the_totals_of_another_meter_are_not_shown(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    await set_up()
    await say(OTHER_METER, OTHER_METER)
    assert state(hass, IMPORT_LOW) == "4512.345"
    assert issue(hass, ISSUE_METER_REPLACED, entry) is None
    await say(OTHER_METER)
    for key in (
        "import_low_tariff",
        "import_normal_tariff",
        "export_low_tariff",
        "export_normal_tariff",
        "import",
        "export",
    ):
        assert state(hass, f"sensor.iskra_am550_{key}") == STATE_UNAVAILABLE
    # What flows now flows now, and the gas meter is the same.
    assert state(hass, POWER) == "1193"
    assert state(hass, "sensor.gas_meter_gas") == "2569.646"
    told = issue(hass, ISSUE_METER_REPLACED, entry)
    assert told is not None
    assert told.is_fixable
    assert told.data == {"entry_id": entry.entry_id}
    # The cable is back in the right meter.
    await say(nl5())
    assert state(hass, IMPORT_LOW) == "4512.345"
    assert issue(hass, ISSUE_METER_REPLACED, entry) is None


async def test_the_new_meter_is_taken_over_when_the_person_says_so(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    meter = await set_up()
    await say(OTHER_METER, OTHER_METER, OTHER_METER)
    entities = len(er.async_get(hass).entities)
    meter.adopt_meter()
    assert issue(hass, ISSUE_METER_REPLACED, entry) is None
    assert entry.unique_id == OTHER_ID
    await hass.async_block_till_done()
    # The entry was reloaded; the entities are the same.
    await say(OTHER_METER)
    assert state(hass, IMPORT_LOW) == "7.000"
    assert len(er.async_get(hass).entities) == entities
    (device,) = [
        device
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        if device.name == "Iskra AM550"
    ]
    assert device.serial_number == OTHER_ID


async def test_an_entry_that_does_not_go_by_the_id_is_not_reloaded(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    hass.config_entries.async_update_entry(entry, unique_id=None)
    meter = await set_up()
    await say(OTHER_METER, OTHER_METER, OTHER_METER)
    meter.adopt_meter()
    assert state(hass, IMPORT_LOW) == "7.000"
    assert entry.runtime_data is meter
    assert entry.unique_id is None


async def test_what_the_new_meter_sends_besides_gets_its_entity_with_it(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    hass.config_entries.async_update_entry(entry, unique_id=None)
    meter = await set_up()
    new = nl5({"0-0:96.1.1": f"({OTHER_ID.encode().hex()})", "1-0:14.7.0": "(50.01*Hz)"})
    await say(new, new, new)
    assert hass.states.get("sensor.iskra_am550_frequency") is None
    meter.adopt_meter()
    await hass.async_block_till_done()
    assert state(hass, "sensor.iskra_am550_frequency") == "50.01"


async def test_what_a_gas_meter_that_comes_with_it_has_captured_is_looked_at(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    """Its telegrams have said the same all the time; but until then they were another meter's."""
    hass.config_entries.async_update_entry(entry, unique_id=None)
    meter = await set_up(nl5({"0-1:24.1.0": None, "0-1:96.1.0": None, "0-1:24.2.1": None}))
    new = {"0-0:96.1.1": f"({OTHER_ID.encode().hex()})", "0-1:24.2.1": "(261121120000W)(02569.646*m3)"}

    async def say_it_again() -> None:
        wall_clock.tick(1)
        await say(nl5({**new, "0-0:1.0.0": f"({wall_clock.now.astimezone(ZONE):%y%m%d%H%M%S}W)"}))

    for _ in range(5):
        await say_it_again()
    assert meter.memory.captures == {}
    meter.adopt_meter()
    await say_it_again()
    assert meter.memory.captures["gas_gas"].at == datetime(2026, 11, 21, 11, 0, tzinfo=UTC)


async def test_without_another_meter_there_is_nothing_to_take_over(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    meter = await set_up()
    meter.adopt_meter()
    assert entry.unique_id == ELECTRICITY_ID
    assert state(hass, IMPORT_LOW) == "4512.345"


async def test_a_new_gas_meter_goes_on_with_the_same_entity(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    await set_up()
    new = {"0-1:24.1.0": None, "0-1:96.1.0": None, "0-1:24.2.1": None, "0-3:24.1.0": "(003)"}
    for minute in (0, 5, 10):
        said = {
            **new,
            "0-3:96.1.0": f"({b'G0079140099999999'.hex()})",
            "0-3:24.2.1": f"(26112113{minute:02d}00W)(00000.1{minute:02d}*m3)",
        }
        await say(nl5(said))
    assert state(hass, "sensor.gas_meter_gas") == "0.110"
    (device,) = [
        device
        for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        if device.name == "Gas meter"
    ]
    assert device.serial_number == "G0079140099999999"


# --- What appears later ----------------------------------------------------------------------------------------------


async def test_what_a_meter_begins_to_send_gets_its_entity(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    await set_up()
    before = set(states(hass))
    more = {
        "1-0:14.7.0": "(49.98*Hz)",
        "0-2:24.1.0": "(007)",
        "0-2:96.1.0": f"({b'W0001'.hex()})",
        "0-2:24.2.1": "(261121125500W)(00123.456*m3)",
    }
    await say(nl5(more))
    assert set(states(hass)) - before == {"sensor.iskra_am550_frequency", "sensor.water_meter_water"}
    assert state(hass, "sensor.iskra_am550_frequency") == "49.98"
    assert state(hass, "sensor.water_meter_water") == "123.456"
    # And keeps it over a restart in which it is silent.
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert state(hass, "sensor.water_meter_water") == STATE_UNAVAILABLE


async def test_a_meter_without_a_checksum_or_an_id(hass: HomeAssistant, set_up: SetUp) -> None:
    await set_up(
        compose(
            {
                "0-0:1.0.0": "(261121125900W)",
                "1-0:1.8.0": "(00012345.678*kWh)",
                "1-0:2.8.0": "(00000000.000*kWh)",
                "1-0:3.8.0": "(00000003.000*kVArh)",
                "1-0:1.7.0": "(0001.500*kW)",
                "1-0:2.7.0": "(0000.000*kW)",
            },
            "ELL5\\253833635_A",
        )
    )
    assert state(hass, "sensor.iskra_am550_import") == "12345.678"
    assert state(hass, POWER) == "1500"
