"""The part of the options dialog about meters that were replaced."""

from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import callback
from homeassistant.helpers.selector import SelectOptionDict
import probatio as vol

from .fields import tick_list
from .history_labels import async_decimal_mark, moment, name_of, number
from .joints import async_choose
from .options_part import OptionsPart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homeassistant.config_entries import ConfigFlowResult

    from .memory import Joint, Replacement

CONF_REPLACED: Final = "replaced"


class JointsFlow(OptionsPart):
    """Shows where the readings of one meter end and those of the next begin, and has that counted, or not."""

    def __init__(self) -> None:
        super().__init__()
        self._replaced: dict[str, list[Replacement]] = {}

    async def async_step_joints(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the meters that were replaced; what is not ticked is counted as use."""
        store = self._store_of_past
        if store is None:
            return self.async_abort(reason="past_not_at_hand")
        memory = store.memory
        if user_input is not None:
            ticked = user_input.get(CONF_REPLACED, ())
            chosen = {kept: at not in ticked for at, of_totals in self._replaced.items() for kept in of_totals}
            await async_choose(self.hass, store, chosen)
            return self.async_create_entry(data=self.config_entry.options)
        if not memory.replacements and not memory.joints:
            return self.async_abort(reason="none_replaced")
        self._replaced = {}
        for kept in sorted(memory.replacements, key=lambda kept: kept.at, reverse=True):
            self._replaced.setdefault(kept.at.isoformat(), []).append(kept)
        mark = await async_decimal_mark(self.hass)
        options = [
            SelectOptionDict(value=at, label=self._label_of_meter(of, mark)) for at, of in self._replaced.items()
        ]
        schema = vol.Schema({vol.Required(CONF_REPLACED, default=[]): tick_list(options)} if options else {})
        shown = {CONF_REPLACED: [at for at, of in self._replaced.items() if not any(kept.undone for kept in of)]}
        return self.async_show_form(
            # Other words where something is not taken out yet.
            step_id="joints_waiting" if memory.joints else "joints",
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            description_placeholders={"waiting": self._list(memory.joints)},
            last_step=True,
        )

    async_step_joints_waiting = async_step_joints

    @callback
    def _label_of_meter(self, of_totals: Sequence[Replacement], decimal_mark: str) -> str:
        """Return what is said of a meter: `2026-11-21 14:03: Import low tariff 5001.2 → 0 kWh`."""
        readings = [
            f"{name_of(self.hass, self.config_entry.entry_id, kept.slot)} "
            f"{number(kept.old, decimal_mark)} → {number(kept.new, decimal_mark)} {kept.unit}"
            for kept in of_totals
        ]
        return f"{moment(of_totals[0].at)}: {'; '.join(readings)}"

    @callback
    def _list(self, joints: Sequence[Joint]) -> str:
        """Return the totals of which something is not taken out yet, as lines of a text."""
        entry_id = self.config_entry.entry_id
        return "\n".join(f"- {moment(joint.at)}: {name_of(self.hass, entry_id, joint.slot)}" for joint in joints)
