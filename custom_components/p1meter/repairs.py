"""What a person can repair by answering a question."""

from typing import TYPE_CHECKING, Any, cast

from homeassistant.components.repairs import RepairsFlow, RepairsFlowResult
from homeassistant.config_entries import ConfigEntryState

from .const import DOMAIN

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .coordinator import P1MeterConfigEntry


class MeterReplacedFlow(RepairsFlow):
    """Asks why another electricity meter answers."""

    def __init__(self, entry_id: str) -> None:
        """Prepare to ask about the meter of an entry."""
        self._entry_id = entry_id

    async def async_step_init(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Ask whether the meter was replaced."""
        return self.async_show_menu(
            step_id="init", menu_options=["adopt", "other"], description_placeholders={"name": self._entry.title}
        )

    async def async_step_adopt(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Go on with the meter that answers now."""
        entry = self._entry
        if entry.state is not ConfigEntryState.LOADED:
            return self.async_abort(reason="not_loaded", description_placeholders={"name": entry.title})
        stranger = entry.runtime_data.stranger
        other = stranger and self.hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, stranger)
        if other:
            return self.async_abort(
                reason="belongs_to_another", description_placeholders={"name": entry.title, "other": other.title}
            )
        entry.runtime_data.adopt_meter()
        return self.async_create_entry(data={})

    async def async_step_other(self, _user_input: dict[str, Any] | None = None) -> RepairsFlowResult:
        """Say what to do about a cable on the wrong meter; the repair stays until the right one answers."""
        return self.async_abort(reason="other_meter", description_placeholders={"name": self._entry.title})

    @property
    def _entry(self) -> P1MeterConfigEntry:
        return self.hass.config_entries.async_get_known_entry(self._entry_id)


async def async_create_fix_flow(
    _hass: HomeAssistant, _issue_id: str, data: dict[str, str | int | float | None] | None
) -> RepairsFlow:
    """Return the dialog for the only repair that asks something: `meter_replaced`."""
    return MeterReplacedFlow(cast("dict[str, str]", data)["entry_id"])
