"""A person is asked when another electricity meter answers."""

from typing import TYPE_CHECKING

from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter.const import DOMAIN, ISSUE_METER_REPLACED, issue_id
from tests.compose import nl5

from .dialogs import said

if TYPE_CHECKING:
    from homeassistant.components.repairs import RepairsFlowResult
    from homeassistant.components.repairs.issue_handler import RepairsFlowManager
    from homeassistant.core import HomeAssistant

    from .conftest import Say, SetUp

NEW_ID = "E0047000099999999"
NEW_METER = nl5(
    {
        "0-0:96.1.1": f"({NEW_ID.encode().hex()})",
        "1-0:1.8.1": "(000000.007*kWh)",
        "1-0:1.8.2": "(000000.000*kWh)",
    }
)
TOTAL = "sensor.iskra_am550_import_low_tariff"
TEXTS = f"issues.{ISSUE_METER_REPLACED}.fix_flow"


@pytest.fixture
async def asked(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say) -> RepairsFlowResult:
    """Another meter answers, and the person opens the repair."""
    assert await async_setup_component(hass, "repairs", {})
    await set_up()
    assert total(hass) == "4512.345"
    await say(*[NEW_METER] * 3)
    assert total(hass) == STATE_UNAVAILABLE
    assert issue(hass, entry) is not None
    return await manager(hass).async_init(DOMAIN, context={"issue_id": issue_id(ISSUE_METER_REPLACED, entry.entry_id)})


def manager(hass: HomeAssistant) -> RepairsFlowManager:
    """Return what runs the dialogs of repairs."""
    flows: RepairsFlowManager = hass.data["repairs"]["flow_manager"]
    return flows


def issue(hass: HomeAssistant, entry: MockConfigEntry) -> ir.IssueEntry | None:
    """Return the repair, if there is one."""
    return ir.async_get(hass).async_get_issue(DOMAIN, issue_id(ISSUE_METER_REPLACED, entry.entry_id))


def total(hass: HomeAssistant) -> str | None:
    """Return what the meter's register shows."""
    return state.state if (state := hass.states.get(TOTAL)) else None


async def choose(hass: HomeAssistant, menu: RepairsFlowResult, option: str) -> RepairsFlowResult:
    """Take one of the answers."""
    return await manager(hass).async_configure(menu["flow_id"], {"next_step_id": option})


async def test_a_meter_that_was_replaced_is_taken_on(
    hass: HomeAssistant, entry: MockConfigEntry, asked: RepairsFlowResult, say: Say
) -> None:
    assert said(asked, TEXTS).startswith("The electricity meter of Iskra AM550 sends another number")
    assert asked["menu_options"] == ["adopt", "other"]
    done = await choose(hass, asked, "adopt")
    assert done["type"] == "create_entry"
    await hass.async_block_till_done()
    await say(NEW_METER)
    assert total(hass) == "0.007"
    assert entry.unique_id == NEW_ID
    assert issue(hass, entry) is None


async def test_a_cable_on_the_wrong_meter_is_put_back(
    hass: HomeAssistant, entry: MockConfigEntry, asked: RepairsFlowResult, say: Say
) -> None:
    result = await choose(hass, asked, "other")
    assert said(result, TEXTS).startswith("Then the cable is on the wrong meter.")
    assert issue(hass, entry) is not None
    await say(nl5())
    assert issue(hass, entry) is None
    assert total(hass) == "4512.345"


async def test_a_meter_that_is_set_up_already_is_not_taken_on_as_well(
    hass: HomeAssistant, entry: MockConfigEntry, asked: RepairsFlowResult, caplog: pytest.LogCaptureFixture
) -> None:
    MockConfigEntry(domain=DOMAIN, title="Barn", unique_id=NEW_ID, data=dict(entry.data)).add_to_hass(hass)
    result = await choose(hass, asked, "adopt")
    assert said(result, TEXTS).startswith("The meter that answers is already set up as Barn")
    assert issue(hass, entry) is not None
    assert entry.unique_id != NEW_ID
    assert total(hass) == STATE_UNAVAILABLE
    assert "unique id" not in caplog.text


async def test_a_meter_that_is_not_running_is_not_taken_on(
    hass: HomeAssistant, entry: MockConfigEntry, asked: RepairsFlowResult
) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    result = await choose(hass, asked, "adopt")
    assert said(result, TEXTS).startswith("Iskra AM550 is not running at the moment.")
