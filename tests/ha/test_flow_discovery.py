"""A cable that says it is a P1 cable is found when it is plugged in, and listened to before anybody is asked."""

import asyncio
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.components import usb
from homeassistant.components.usb import USBDevice
from homeassistant.config_entries import SOURCE_IGNORE, SOURCE_USB, ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import CONF_PORT
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.link import open_transport
from tests.compose import ELECTRICITY_ID, nl5
from tests.foreign import OWNER

from .dialogs import (
    SETTINGS,
    add,
    add_in_the_end,
    choose,
    heard,
    is_loaded,
    read_anew,
    said,
    speaking,
    start,
    suggested,
    until,
)

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant

    from tests.simulation.meter import Cable

pytestmark = pytest.mark.usefixtures("patience", "everything_unloaded")


@pytest.fixture(autouse=True)
async def usb_is_set_up(hass: HomeAssistant) -> None:
    """The integration that sees cables."""
    await async_setup_component(hass, "usb", {})


P1_CABLE = "P1 Converter Cable - P1 Converter Cable"


def device(cable: Cable, description: str = P1_CABLE, **changes: Any) -> USBDevice:
    """Return what Home Assistant sees of a cable."""
    about = {"vid": "0403", "pid": "6001", "serial_number": "P1XZ6U1M", "manufacturer": "FTDI", **changes}
    return USBDevice(device=str(cable.link), description=description, **about)


async def plug_in(hass: HomeAssistant, *devices: USBDevice) -> list[ConfigFlowResult]:
    """Let Home Assistant see these cables and no others; return what it offers, once that was listened to."""
    with patch("homeassistant.components.usb.scan_serial_ports", return_value=list(devices)):
        await hass.data[usb._USB_DATA]._async_scan_serial()
        tasks = [task for task in hass._background_tasks if isinstance(task, asyncio.Task)]
        if begun := [task for task in tasks if task.get_name().startswith("discovery flow")]:
            await asyncio.wait(begun)
        await hass.async_block_till_done()
    return offers(hass)


def offers(hass: HomeAssistant) -> list[ConfigFlowResult]:
    """Return the cables that are offered."""
    return [flow for flow in hass.config_entries.flow.async_progress() if flow["context"]["source"] == SOURCE_USB]


async def opened(hass: HomeAssistant, flow: ConfigFlowResult) -> ConfigFlowResult:
    """Return what a person sees who opens an offer."""
    return await hass.config_entries.flow.async_configure(flow["flow_id"])


async def test_what_was_heard_is_shown_and_one_click_adds_it(hass: HomeAssistant, cable: Cable) -> None:
    async with speaking(cable.write, nl5()):
        (flow,) = await plug_in(hass, device(cable))
        assert flow["context"]["title_placeholders"] == {"name": "Iskra AM550"}
        form = await opened(hass, flow)
        assert form["step_id"] == "found"
        assert said(form).splitlines()[0] == "Found: Iskra AM550, Netherlands DSMR 5, gas meter, 38 values."
        added = await hass.config_entries.flow.async_configure(form["flow_id"], {})
        assert added["type"] is FlowResultType.CREATE_ENTRY
        assert added["result"].unique_id == ELECTRICITY_ID
        await hass.async_block_till_done()
        # It is not offered again.
        assert await plug_in(hass) == []
        assert await plug_in(hass, device(cable)) == []
    assert is_loaded(added["result"])


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "FT232R USB UART - FT232R USB UART"},
        {"vid": "1A86", "pid": "7523", "manufacturer": "1a86", "description": "USB Serial"},
        {"vid": "10C4", "pid": "EA60", "manufacturer": "Silicon Labs", "description": "CP2102 USB to UART Bridge"},
    ],
    ids=["FT232R", "CH340", "CP2102"],
)
async def test_an_adapter_that_may_be_anything_is_left_alone(
    hass: HomeAssistant, cable: Cable, changes: dict[str, str]
) -> None:
    async with speaking(cable.write, nl5()):
        assert await plug_in(hass, device(cable, **changes)) == []


async def test_where_no_meter_was_heard_one_goes_on_to_the_port(hass: HomeAssistant, cable: Cable) -> None:
    (flow,) = await plug_in(hass, device(cable, "P1 CABLE", serial_number=None))
    assert flow["context"]["title_placeholders"] == {"name": "P1 CABLE"}
    form = await opened(hass, flow)
    assert form["step_id"] == "discovery_confirm"
    assert form["errors"] == {"base": "heard_nothing"}
    assert said(form).startswith(f"Nothing was heard on {cable.link}.")
    assert said({**form, "errors": {}}).startswith(f"A P1 cable is plugged in at {cable.link}, but no meter")
    form = await hass.config_entries.flow.async_configure(form["flow_id"], {})
    assert form["step_id"] == "user"
    assert form["errors"] == {}
    assert suggested(form) == str(cable.link)
    form = await choose(hass, form, cable.link)
    # From here on as by hand.
    assert form["step_id"] == "user"
    assert form["errors"] == {"base": "heard_nothing"}
    await add_in_the_end(hass, form, cable)
    assert offers(hass) == []


async def test_a_port_that_another_program_has_is_said(hass: HomeAssistant, cable: Cable) -> None:
    holder = await open_transport(str(cable.link), SETTINGS)
    (flow,) = await plug_in(hass, device(cable))
    await holder.close()
    assert (await opened(hass, flow))["errors"] == {"base": "port_busy"}


async def test_the_key_of_a_meter_that_encrypts_is_asked_for(hass: HomeAssistant, cable: Cable) -> None:
    async with speaking(cable.write, OWNER.seal(nl5(), 1)):
        (flow,) = await plug_in(hass, device(cable))
        form = await opened(hass, flow)
        assert form["step_id"] == "key"
        result = await hass.config_entries.flow.async_configure(form["flow_id"], {"encryption_key": OWNER.key.hex()})
        assert (await heard(hass, result))["step_id"] == "found"


async def test_a_port_that_is_in_use_is_not_touched(hass: HomeAssistant, cable: Cable, entry: MockConfigEntry) -> None:
    other = MockConfigEntry(domain="dsmr", data={CONF_PORT: str(cable.link.resolve())})
    other.add_to_hass(hass)
    other.mock_state(hass, ConfigEntryState.SETUP_RETRY)
    await hass.config_entries.async_remove(entry.entry_id)
    async with speaking(cable.write, nl5()):
        assert await plug_in(hass, device(cable)) == []


async def test_a_meter_that_is_switched_off_is_not_offered(
    hass: HomeAssistant, cable: Cable, entry: MockConfigEntry
) -> None:
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    async with speaking(cable.write, nl5()):
        assert await plug_in(hass, device(cable)) == []


async def test_a_cable_that_is_ignored_is_not_listened_to(hass: HomeAssistant, cable: Cable) -> None:
    async with speaking(cable.write, nl5()):
        (flow,) = await plug_in(hass, device(cable))
        ignored = {"unique_id": flow["context"]["unique_id"], "title": "P1 cable"}
        await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_IGNORE}, data=ignored)
        await hass.async_block_till_done()
        assert offers(hass) == []
        await plug_in(hass)
        with patch("custom_components.p1meter.config_flow.probe") as listening:
            assert await plug_in(hass, device(cable)) == []
        listening.assert_not_called()
        # By hand it can still be added.
        added = await add(hass, cable.link)
        await hass.async_block_till_done()
    assert is_loaded(added["result"])


async def test_who_chooses_the_port_by_hand_does_not_wait_for_the_discovery(hass: HomeAssistant, cable: Cable) -> None:
    form = await start(hass)
    discovery = asyncio.create_task(plug_in(hass, device(cable)))
    await until(lambda: offers(hass))
    async with speaking(cable.write, nl5()):
        found = await choose(hass, form, cable.link)
        assert found["step_id"] == "found", said(found)
        assert await discovery == []
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
        await hass.async_block_till_done()
    assert is_loaded(added["result"])


async def test_an_offer_ends_when_its_cable_is_chosen_by_hand(hass: HomeAssistant, cable: Cable) -> None:
    async with speaking(cable.write, nl5()):
        assert await plug_in(hass, device(cable))
        assert (await add(hass, cable.link))["type"] is FlowResultType.CREATE_ENTRY
        assert offers(hass) == []
        await hass.async_block_till_done()


class TestMovedCable:
    """A meter that is known shows up on a cable that was plugged in."""

    async def test_its_entry_is_told_when_its_port_is_gone(
        self, hass: HomeAssistant, cable: Cable, second_cable: Cable, entry: MockConfigEntry
    ) -> None:
        async with speaking(cable.write, nl5()):
            await hass.config_entries.async_setup(entry.entry_id)
        cable.unplug()
        is_read = read_anew(entry)
        async with speaking(second_cable.write, nl5()):
            assert await plug_in(hass, device(second_cable)) == []
            await until(is_read)
        assert entry.data[CONF_PORT] == str(second_cable.link)

    async def test_its_entry_is_told_that_could_not_be_set_up(
        self, hass: HomeAssistant, cable: Cable, second_cable: Cable, entry: MockConfigEntry
    ) -> None:
        cable.unplug()
        await hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_RETRY
        async with speaking(second_cable.write, nl5()):
            assert await plug_in(hass, device(second_cable)) == []
            await until(lambda: is_loaded(entry))
        assert entry.data[CONF_PORT] == str(second_cable.link)

    async def test_nothing_changes_while_its_port_is_there(
        self, hass: HomeAssistant, cable: Cable, second_cable: Cable, entry: MockConfigEntry
    ) -> None:
        # A splitter: both cables are on one meter.
        async with speaking(cable.write, nl5()), speaking(second_cable.write, nl5()):
            await hass.config_entries.async_setup(entry.entry_id)
            assert await plug_in(hass, device(second_cable)) == []
        assert is_loaded(entry)
        assert entry.data[CONF_PORT] == str(cable.link)
