"""The part of the options dialog about the past: files of it, what another integration has recorded, gaps, joints."""

from typing import TYPE_CHECKING, Any

from .gaps_flow import GapsFlow
from .import_flow import ImportFlow
from .joints_flow import JointsFlow
from .take_over_flow import TakeOverFlow

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowResult


class HistoryFlow(ImportFlow, TakeOverFlow, GapsFlow, JointsFlow):
    """Offers what can be done about the history of a meter."""

    async def async_step_history(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show what can be done."""
        return self.async_show_menu(step_id="history", menu_options=["import", "take_over", "gaps", "joints"])
