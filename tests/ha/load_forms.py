"""The dialog of a load: how it is opened, filled in and looked at."""

from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import SOURCE_USER, ConfigSubentryData
from homeassistant.data_entry_flow import FlowResultType

from custom_components.p1meter.load_settings import LoadConfig, load_config

from .dialogs import ENGLISH, said
from .forms import choices, suggested

if TYPE_CHECKING:
    from homeassistant.config_entries import SubentryFlowResult
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry


FLOW = "config_subentries.load"
TEXTS: dict[str, Any] = ENGLISH["config_subentries"]["load"]
SECTIONS = frozenset({"wiring", "permissions", "device", "protection", "tuning"})
BOILER = {"kind": "relay", "entity_id": "switch.boiler", "power_w": 2000.0, "rank": 1}
PUMP = {
    "kind": "motor",
    "chip": "/dev/gpiochip0",
    "chip_label": "pinctrl-bcm2711",
    "line": 26,
    "power_w": 750.0,
    "rank": 2,
}


async def begin(hass: HomeAssistant, entry: MockConfigEntry, *way: str) -> SubentryFlowResult:
    """Press the button for a new load, and choose in the menu."""
    result = await hass.config_entries.subentries.async_init((entry.entry_id, "load"), context={"source": SOURCE_USER})
    return await choose(hass, result, *way)


async def change(hass: HomeAssistant, entry: MockConfigEntry, title: str, *way: str) -> SubentryFlowResult:
    """Press the button at a load, and choose in the menu."""
    result: Any = await entry.start_subentry_reconfigure_flow(hass, find(entry, title))
    return await choose(hass, result, *way)


async def choose(hass: HomeAssistant, result: SubentryFlowResult, *way: str) -> SubentryFlowResult:
    """Choose in a menu."""
    assert result["type"] is FlowResultType.MENU
    said(result, FLOW)
    for step in way:
        result = await hass.config_entries.subentries.async_configure(result["flow_id"], {"next_step_id": step})
    return result


async def fill_in(hass: HomeAssistant, form: SubentryFlowResult, **values: Any) -> SubentryFlowResult:
    """Press the button with what is suggested, but for these values, in their sections; None empties a field."""
    return await hass.config_entries.subentries.async_configure(form["flow_id"], merged(shown(form), values))


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return what is in the form after these fields were filled in."""
    filled = {**old}
    for key, value in new.items():
        filled[key] = merged(old.get(key, {}), value) if key in SECTIONS else value
    return {key: value for key, value in filled.items() if value is not None}


def shown(form: SubentryFlowResult) -> dict[str, Any]:
    """Return what stands in the form."""
    result: Any = form
    return suggested(result)


def options(form: SubentryFlowResult, name: str) -> dict[str, str]:
    """Return what can be chosen in a field, with what is shown for it."""
    result: Any = form
    return choices(result, name)


def complaint(form: SubentryFlowResult) -> str:
    """Return the one error in the form, as it is read."""
    assert form["type"] is FlowResultType.FORM
    ((_, error),) = (form["errors"] or {}).items()
    return str(TEXTS["error"][error].format_map(form["description_placeholders"] or {}))


def find(entry: MockConfigEntry, title: str) -> str:
    """Return the id of a load."""
    found: list[str] = [load_id for load_id, one in entry.subentries.items() if one.title == title]
    (load_id,) = found
    return load_id


def load(entry: MockConfigEntry, title: str) -> LoadConfig:
    """Return a load as the law gets it."""
    return load_config(entry.subentries[find(entry, title)])


def existing(title: str, data: dict[str, Any]) -> ConfigSubentryData:
    """Return a load that is there already."""
    return ConfigSubentryData(data=data, subentry_type="load", title=title, unique_id=None)
