"""The part of the options dialog about how often states are written."""

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final

import probatio as vol

from .const import CONF_NUMBERS, CONF_REPORTING
from .fields import number_box, open_list
from .options_part import OptionsPart
from .reporting import BALANCED, Numbers, Policy

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowResult

_KEYS: Final = frozenset({CONF_REPORTING, CONF_NUMBERS})
_MINUTES: Final = frozenset({"energy_minutes", "other_minutes"})
_BOXES: Final = {
    "power_step": number_box(1, 10_000, unit="W"),
    "power_noise": number_box(1, 1_000, unit="W"),
    "phase_noise": number_box(1, 10_000, unit="W"),
    "voltage_noise": number_box(0.1, 20, step=0.1, unit="V"),
    "energy_step": number_box(0.01, 100, step=0.01, unit="kWh"),
    "energy_minutes": number_box(5, 60, step=5, unit="min"),
    "other_minutes": number_box(5, 240, step=5, unit="min"),
}


class ReportingFlow(OptionsPart):
    """Asks which changes are worth a row of the database."""

    async def async_step_reporting(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the policy."""
        if user_input is not None:
            policy = Policy(user_input[CONF_REPORTING])
            if policy is Policy.OWN:
                return await self.async_step_reporting_own()
            return self._save(_KEYS, {CONF_REPORTING: None if policy is Policy.BALANCED else policy.value})
        schema = vol.Schema({vol.Required(CONF_REPORTING): open_list(list(Policy), CONF_REPORTING)})
        now = {CONF_REPORTING: self.config_entry.options.get(CONF_REPORTING, Policy.BALANCED.value)}
        return self.async_show_form(
            step_id="reporting", data_schema=self.add_suggested_values_to_schema(schema, now), last_step=False
        )

    async def async_step_reporting_own(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the numbers; those that balanced has too are not kept."""
        if user_input is not None:
            chosen = {name: int(value) if name in _MINUTES else value for name, value in user_input.items()}
            usual = asdict(BALANCED)
            numbers = {name: value for name, value in chosen.items() if value != usual[name]}
            return self._save(_KEYS, {CONF_REPORTING: Policy.OWN.value, CONF_NUMBERS: numbers or None})
        now = asdict(Numbers(**self.config_entry.options.get(CONF_NUMBERS, {})))
        schema = vol.Schema({vol.Required(field.name): _BOXES[field.name] for field in fields(Numbers)})
        return self.async_show_form(
            step_id="reporting_own", data_schema=self.add_suggested_values_to_schema(schema, now), last_step=True
        )
