"""Set-up, unload, reload, removal: a meter that is known is there at once, and a port is given back."""

import asyncio
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.helpers import device_registry as dr, entity_registry as er, issue_registry as ir

from custom_components.p1meter import coordinator
from custom_components.p1meter.const import CONF_LINE, DOMAIN, PROBED
from custom_components.p1meter.link import LineSettings, Stream, open_transport
from tests.compose import ELECTRICITY_ID, GAS_ID, nl5

from .conftest import Say, SetUp, get, probe, read, states

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    import pytest
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from tests.simulation.meter import Cable


async def test_a_meter_that_was_never_read_is_waited_for(
    hass: HomeAssistant, entry: MockConfigEntry, cable: Cable
) -> None:
    setting_up = hass.async_create_task(hass.config_entries.async_setup(entry.entry_id))
    while not setting_up.done():
        cable.write(nl5())
        await asyncio.sleep(0.02)
    assert entry.state is ConfigEntryState.LOADED
    await hass.async_block_till_done()
    # Its first values are shown: they are not a second old.
    assert get(hass, "sensor.iskra_am550_power").state == "1193"


async def test_a_port_that_cannot_be_opened_is_tried_again(
    hass: HomeAssistant, entry: MockConfigEntry, cable: Cable
) -> None:
    cable.unplug()
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "port_missing"
    assert entry.error_reason_translation_placeholders == {"port": str(cable.link)}
    assert states(hass) == {}


async def test_a_silent_port_is_tried_again_and_meanwhile_free(
    hass: HomeAssistant, entry: MockConfigEntry, cable: Cable
) -> None:
    with patch.object(coordinator, "_FIRST_TELEGRAM_TIMEOUT", 0.1):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "no_telegram"
    await _assert_free(cable)


async def test_what_the_config_flow_heard_is_known_at_once(
    hass: HomeAssistant, entry: MockConfigEntry, say: Say
) -> None:
    probe(hass, entry, nl5())
    # Nothing is said meanwhile.
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    shown = states(hass)
    assert len(shown) >= 30
    # What was heard then is not what is now.
    assert set(shown.values()) == {STATE_UNAVAILABLE}
    assert hass.data[PROBED] == {}
    await say(nl5({"1-0:1.7.0": "(00.400*kW)"}))
    assert get(hass, "sensor.iskra_am550_power").state == "400"


async def test_devices_are_what_they_are(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up()
    registry = dr.async_get(hass)
    main, gas = sorted(
        dr.async_entries_for_config_entry(registry, entry.entry_id), key=lambda device: device.name or "", reverse=True
    )
    assert main.identifiers == {(DOMAIN, f"{entry.entry_id}_electricity")}
    assert (main.name, main.manufacturer, main.model) == ("Iskra AM550", "Iskra", "AM550")
    assert (main.serial_number, main.sw_version) == (ELECTRICITY_ID, "5.0")
    assert gas.identifiers == {(DOMAIN, f"{entry.entry_id}_gas")}
    assert (gas.name, gas.serial_number, gas.via_device_id) == ("Gas meter", GAS_ID, main.id)


async def test_a_known_meter_that_is_silent_at_start_is_set_up(
    hass: HomeAssistant, entry: MockConfigEntry, cable: Cable, set_up: SetUp, say: Say
) -> None:
    await set_up()
    registry = er.async_get(hass)
    before = {item.unique_id: item.entity_id for item in er.async_entries_for_config_entry(registry, entry.entry_id)}
    assert await hass.config_entries.async_unload(entry.entry_id)
    # Not even the cable is in.
    cable.unplug()
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    after = {item.unique_id: item.entity_id for item in er.async_entries_for_config_entry(registry, entry.entry_id)}
    assert after == before
    shown = states(hass)
    assert len(shown) >= 30
    assert set(shown.values()) == {STATE_UNAVAILABLE}
    assert get(hass, "sensor.iskra_am550_import_low_tariff").attributes["unit_of_measurement"] == "kWh"
    cable.plug()
    await say(nl5())
    assert STATE_UNAVAILABLE not in states(hass).values()


async def test_unloading_frees_the_port(
    hass: HomeAssistant, entry: MockConfigEntry, cable: Cable, set_up: SetUp
) -> None:
    await set_up()
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert set(states(hass).values()) == {STATE_UNAVAILABLE}
    await _assert_free(cable)


async def test_reloading_makes_nothing_twice(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    await set_up()
    before = states(hass)
    entities = len(er.async_get(hass).entities)
    devices = len(dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id))
    for _ in range(2):
        assert await hass.config_entries.async_reload(entry.entry_id)
        await say(nl5())
    assert states(hass) == before
    assert len(er.async_get(hass).entities) == entities
    assert len(dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)) == devices == 2


async def test_an_entry_that_is_changed_is_reloaded(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    old = await set_up()
    hass.config_entries.async_update_entry(entry, title="Meter cupboard", data={**entry.data, CONF_LINE: "115200 8N1"})
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data is not old
    await say(nl5())
    names = {device.name for device in dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)}
    assert names == {"Meter cupboard", "Gas meter"}


async def test_removing_leaves_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, hass_storage: dict[str, Any]
) -> None:
    await set_up()
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert f"{DOMAIN}.{entry.entry_id}" in hass_storage
    await hass.config_entries.async_remove(entry.entry_id)
    assert f"{DOMAIN}.{entry.entry_id}" not in hass_storage
    assert not [issue for issue in ir.async_get(hass).issues if issue[0] == DOMAIN]


async def test_a_reader_that_fails_begins_again(
    hass: HomeAssistant, set_up: SetUp, caplog: pytest.LogCaptureFixture
) -> None:
    run = Stream.run
    times = 0

    async def fail_once(stream: Stream) -> None:
        nonlocal times
        times += 1
        if times == 1:
            raise RuntimeError("nobody thought of this")
        await run(stream)

    with patch.object(Stream, "run", fail_once), patch.object(coordinator, "_RESTART_PAUSE", 0.01):
        await set_up()
    assert get(hass, "sensor.iskra_am550_power").state == "1193"
    assert "nobody thought of this" in caplog.text


async def test_a_port_that_is_slow_to_close_is_not_opened_meanwhile(
    hass: HomeAssistant, set_up: SetUp, say: Say
) -> None:
    run = Stream.run
    may_close = asyncio.Event()
    opened, most = 0, 0

    async def slow_to_close(stream: Stream) -> None:
        nonlocal opened, most
        opened += 1
        most = max(most, opened)
        try:
            await run(stream)
        finally:
            await may_close.wait()
            opened -= 1

    with patch.object(Stream, "run", slow_to_close):
        meter = await set_up()
        # However often a person presses the button meanwhile.
        resets = [hass.async_create_task(meter.async_reset_connection()) for _ in range(3)]
        for _ in range(20):
            await asyncio.sleep(0)
        may_close.set()
        await asyncio.gather(*resets)
        await say(nl5())
    assert most == 1


async def test_a_telegram_that_comes_while_the_port_is_being_closed_leaves_nothing_behind(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    run = Stream.run

    async def has_last_words(stream: Stream) -> None:
        try:
            await run(stream)
        finally:
            meter._on_items([read(nl5())])

    with patch.object(Stream, "run", has_last_words):
        meter = await set_up()
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert meter.accepted == 2
    # Nobody looks whether it is silent: that would be said of a meter that is not read.
    assert (meter._silence_timer, meter._mark_timer) == (None, None)


async def _assert_free(cable: Cable) -> None:
    """It can be had for oneself."""
    transport = await open_transport(str(cable.link), LineSettings())
    await transport.close()
