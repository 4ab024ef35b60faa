"""The dialog behind the cogwheel, and what stands in a form."""

from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import SOURCE_USER

from .dialogs import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry


async def cogwheel(hass: HomeAssistant, entry: MockConfigEntry, *way: str) -> ConfigFlowResult:
    """Open the dialog, and choose in its menus."""
    result = await hass.config_entries.options.async_init(entry.entry_id, context={"source": SOURCE_USER})
    for step in way:
        result = await hass.config_entries.options.async_configure(result["flow_id"], {"next_step_id": step})
    return result


async def fill_in(hass: HomeAssistant, form: ConfigFlowResult, **values: Any) -> ConfigFlowResult:
    """Press the button with what is suggested, but for these values; None empties a field."""
    given = {key: value for key, value in {**suggested(form), **values}.items() if value is not None}
    return await hass.config_entries.options.async_configure(form["flow_id"], given)


def suggested(form: ConfigFlowResult) -> dict[str, Any]:
    """Return what stands in the form."""
    assert form["data_schema"] is not None
    return _suggested(form["data_schema"].schema)


def _suggested(schema: Mapping[Any, Any]) -> dict[str, Any]:
    values = {}
    for field, selector in schema.items():
        if hasattr(selector, "schema"):
            values[str(field)] = _suggested(selector.schema.schema)
        elif (field.description or {}).get("suggested_value") is not None:
            values[str(field)] = field.description["suggested_value"]
    return values


def choices(form: ConfigFlowResult, name: str) -> dict[str, str]:
    """Return what can be chosen in a field, with what is shown for it."""
    assert form["data_schema"] is not None
    selector = next(selector for field, selector in form["data_schema"].schema.items() if field == name)
    return {option["value"]: option["label"] for option in selector.config["options"]}


def complaint(form: ConfigFlowResult) -> str:
    """Return the one error in the form, as it is read."""
    ((_, error),) = (form["errors"] or {}).items()
    return str(ENGLISH["options"]["error"][error].format_map(form["description_placeholders"] or {}))
