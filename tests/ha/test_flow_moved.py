"""A meter whose cable has moved: the dialog behind Reconfigure."""

import asyncio
from typing import TYPE_CHECKING

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_PORT
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.p1meter.const import CONF_LINE, CONF_PROFILE, DOMAIN
from tests.compose import nl5

from .dialogs import add, choose, is_loaded, read_anew, said, speaking, start_reconfigure, suggested, until, until_free
from .meters import H1, H1_OTHER, OTHER_METER

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from tests.simulation.meter import Cable

pytestmark = pytest.mark.usefixtures("patience", "everything_unloaded")


@pytest.fixture
async def loaded(hass: HomeAssistant, cable: Cable, entry: MockConfigEntry) -> MockConfigEntry:
    """A meter that is read."""
    async with speaking(cable.write, nl5()):
        assert await hass.config_entries.async_setup(entry.entry_id)
    return entry


async def test_the_meter_is_read_on_its_new_port(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable, second_cable: Cable
) -> None:
    before = er.async_entries_for_config_entry(er.async_get(hass), loaded.entry_id)
    form = await loaded.start_reconfigure_flow(hass)
    assert said(form).startswith("Choose the port that Iskra AM550 has moved to.")
    assert suggested(form) == str(cable.link)
    cable.unplug()
    is_read = read_anew(loaded)
    async with speaking(second_cable.write, nl5()):
        result = await choose(hass, form, second_cable.link)
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "reconfigure_successful"
        await until(is_read)
    assert loaded.data == {CONF_PORT: str(second_cable.link), CONF_LINE: "115200 8N1", CONF_PROFILE: "nl5"}
    assert er.async_entries_for_config_entry(er.async_get(hass), loaded.entry_id) == before


async def test_a_port_that_is_gone_is_not_proposed(hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable) -> None:
    cable.unplug()
    form = await loaded.start_reconfigure_flow(hass)
    assert suggested(form) == ""
    form = await choose(hass, form, cable.link)
    assert form["errors"] == {"base": "port_missing"}
    # What somebody has typed stays.
    assert suggested(form) == str(cable.link)


async def test_the_same_port_is_freed_to_listen_to_it(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
) -> None:
    form = await loaded.start_reconfigure_flow(hass)
    is_read = read_anew(loaded)
    async with speaking(cable.write, nl5()):
        result = await choose(hass, form, cable.link.resolve())
        assert result["reason"] == "reconfigure_successful"
        await until(is_read)
    assert loaded.data[CONF_PORT] == str(cable.link.resolve())


async def test_an_entry_that_could_not_be_set_up_is_set_up_on_its_new_port(
    hass: HomeAssistant, cable: Cable, second_cable: Cable, entry: MockConfigEntry
) -> None:
    cable.unplug()
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    async with speaking(second_cable.write, nl5()):
        result = await choose(hass, await entry.start_reconfigure_flow(hass), second_cable.link)
        assert result["reason"] == "reconfigure_successful"
        await hass.async_block_till_done()
    assert is_loaded(entry)


async def test_after_a_failure_it_is_read_as_before_and_another_port_can_be_tried(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable, second_cable: Cable
) -> None:
    is_read = read_anew(loaded)
    form = await choose(hass, await loaded.start_reconfigure_flow(hass), cable.link)
    assert form["errors"] == {"base": "heard_nothing"}
    assert form["step_id"] == "reconfigure"
    assert is_loaded(loaded)
    async with speaking(cable.write, nl5()):
        await until(is_read)
    cable.unplug()
    async with speaking(second_cable.write, nl5()):
        result = await choose(hass, form, second_cable.link)
        await hass.async_block_till_done()
    assert result["reason"] == "reconfigure_successful"


@pytest.mark.parametrize("same_port", [True, False])
async def test_another_meter_is_not_taken_for_it(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable, second_cable: Cable, *, same_port: bool
) -> None:
    new = cable if same_port else second_cable
    async with speaking(new.write, OTHER_METER):
        result = await choose(hass, await loaded.start_reconfigure_flow(hass), new.link)
        await hass.async_block_till_done()
    assert result["reason"] == "unique_id_mismatch"
    assert said(result).startswith("Another meter than Iskra AM550 answers there.")
    assert is_loaded(loaded)
    assert loaded.data[CONF_PORT] == str(cable.link)


async def test_another_meter_without_an_id_is_not_taken_for_it_either(
    hass: HomeAssistant, cable: Cable, second_cable: Cable
) -> None:
    async with speaking(cable.write, H1), speaking(second_cable.write, H1_OTHER):
        entry = (await add(hass, cable.link))["result"]
        result = await choose(hass, await start_reconfigure(hass, entry), second_cable.link)
    assert result["reason"] == "unique_id_mismatch"


async def test_a_dialog_that_is_closed_leaves_the_meter_as_it_was(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
) -> None:
    form = await loaded.start_reconfigure_flow(hass)
    await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(cable.link)})
    await asyncio.sleep(0.05)
    assert loaded.state is ConfigEntryState.NOT_LOADED
    hass.config_entries.flow.async_abort(form["flow_id"])
    await hass.async_block_till_done()
    assert is_loaded(loaded)


async def test_a_dialog_that_is_closed_at_once_leaves_it_too(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
) -> None:
    form = await loaded.start_reconfigure_flow(hass)
    choosing = asyncio.create_task(choose(hass, form, cable.link))
    await until(lambda: not is_loaded(loaded))
    hass.config_entries.flow.async_abort(form["flow_id"])
    await choosing
    await hass.async_block_till_done()
    assert is_loaded(loaded)


async def test_a_meter_that_is_removed_meanwhile_stays_removed(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
) -> None:
    form = await loaded.start_reconfigure_flow(hass)
    await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(cable.link)})
    await hass.config_entries.async_remove(loaded.entry_id)
    await hass.async_block_till_done()
    assert hass.config_entries.async_entries(DOMAIN) == []
    hass.config_entries.flow.async_abort(form["flow_id"])
    await until_free(cable.link)


async def test_a_port_that_is_not_let_go_is_said(hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable) -> None:
    form = await loaded.start_reconfigure_flow(hass)
    # As while it is being set up.
    loaded.mock_state(hass, ConfigEntryState.SETUP_IN_PROGRESS)
    result = await choose(hass, form, cable.link)
    assert result["reason"] == "unload_failed"
    assert said(result).startswith("Iskra AM550 does not let go of its port")
    loaded.mock_state(hass, ConfigEntryState.LOADED)
