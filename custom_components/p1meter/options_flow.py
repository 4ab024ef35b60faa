"""The dialog behind the entry's cogwheel."""

from typing import TYPE_CHECKING, Any, Final

from homeassistant.const import CONF_PORT
from homeassistant.core import callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.selector import (
    BooleanSelector,
    NumberSelector,
    SelectOptionDict,
)
import probatio as vol

from .const import (
    CONF_ASKED,
    CONF_HISTORY,
    CONF_INTERVAL,
    CONF_OFFSET,
    CONF_PEAK_FLOOR,
    CONF_REQUEST,
    CONF_REQUEST_ACTIVE_LOW,
    CONF_REQUEST_AWAITED,
    CONF_REQUEST_CHIP,
    CONF_REQUEST_CHIP_LABEL,
    CONF_REQUEST_LINE,
)
from .data_flow import DataFlow
from .demand import AVERAGE_PEAK
from .dialogue_fields import (
    CONF_DIALOGUE,
    DIALOGUE_KEYS,
    dialogue_error,
    dialogue_form,
    dialogue_options,
    dialogue_section,
)
from .energy_dashboard import EnergyDashboardError, async_apply, async_proposal, async_sources
from .fields import dropdown, number_box, tick_list
from .history_flow import HistoryFlow
from .known import async_memory
from .limits_flow import LimitsFlow
from .link import has_line_settings
from .pins import CONF_PIN, async_pins, chip_and_line, pin_of
from .registers_flow import RegistersFlow
from .reporting_flow import ReportingFlow
from .source import POLL_INTERVAL
from .words import async_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from homeassistant.config_entries import ConfigFlowResult

    from .energy_dashboard import Source

CONF_SOURCES: Final = "sources"

_AFTER_SETUP: Final = "after_setup"
_NONE: Final = "none"
_GPIO: Final = "gpio"
_DEFAULT_INTERVAL: Final = int(POLL_INTERVAL)
# A DSMR 4 meter needs ten seconds to notice that it is asked; a read-out takes as long at the least.
_LEAST_INTERVAL: Final = 10
_MOST_INTERVAL: Final = 3600
# A battery meter is woken for each read-out.
_MOST_READ_OUT_INTERVAL: Final = 86400

_CONNECTION_KEYS: Final = frozenset(
    {
        CONF_INTERVAL,
        CONF_PEAK_FLOOR,
        CONF_REQUEST,
        CONF_REQUEST_AWAITED,
        CONF_REQUEST_CHIP,
        CONF_REQUEST_CHIP_LABEL,
        CONF_REQUEST_LINE,
        CONF_REQUEST_ACTIVE_LOW,
    }
)
_OPTICAL_KEYS: Final = frozenset({CONF_INTERVAL, CONF_OFFSET, CONF_HISTORY, *DIALOGUE_KEYS})


class P1MeterOptionsFlow(RegistersFlow, LimitsFlow, DataFlow, HistoryFlow, ReportingFlow):
    """Offers what can be chosen for a meter; what stays as it is by default is not kept."""

    def __init__(self) -> None:
        super().__init__()
        self._connection: dict[str, Any] = {}

    async def async_step_init(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show the menu; right after the meter was added only the Energy dashboard is of interest."""
        if self.context.get(_AFTER_SETUP) or self._takes_over():
            return await self.async_take_over_before(self.async_step_energy)
        kind = "optical" if self.config_entry.data.get(CONF_ASKED) else "connection"
        return self.async_show_menu(
            step_id="init", menu_options=["energy", kind, "reporting", "registers", "loads", "data", "history"]
        )

    @callback
    def _takes_over(self) -> bool:
        """Return whether this dialog stands for the one that was begun right after the meter was added, and end that.

        Home Assistant's frontend (2026.11) does not go on with the dialog that it was given: it begins one of its own.
        """
        flows = self.hass.config_entries.options
        begun = [flow for flow in flows.async_progress_by_handler(self.handler) if flow["context"].get(_AFTER_SETUP)]
        for flow in begun:
            flows.async_abort(flow["flow_id"])
        return bool(begun)

    # --- the Energy dashboard -----------------------------------------------------------------------------------------

    async def async_step_energy(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Offer what the Energy dashboard does not have yet, and add what is ticked."""
        try:
            if user_input is not None:
                await async_apply(self.hass, self.config_entry, user_input[CONF_SOURCES])
                return self.async_create_entry(data=self.config_entry.options)
            proposal = await async_proposal(self.hass, self.config_entry)
        except EnergyDashboardError:
            return self.async_abort(
                reason="energy_by_hand",
                description_placeholders={
                    "sources": await self._async_list(async_sources(self.hass, self.config_entry))
                },
            )
        if not proposal.sources:
            known = async_sources(self.hass, self.config_entry)
            return self.async_abort(reason="energy_complete" if known else "energy_no_sensors")
        options = [
            SelectOptionDict(value=source.id, label=await self._async_label(source)) for source in proposal.sources
        ]
        return self.async_show_form(
            # Other words where it must be warned of counting twice.
            step_id="energy_beside" if proposal.beside else "energy",
            data_schema=vol.Schema({vol.Required(CONF_SOURCES, default=list(proposal.ticked)): tick_list(options)}),
            description_placeholders={
                "sources": await self._async_list(proposal.sources),
                "beside": ", ".join(proposal.beside),
            },
            last_step=True,
        )

    async_step_energy_beside = async_step_energy

    async def _async_label(self, source: Source) -> str:
        """Return what a source is called: `Electricity: Import low tariff, Export low tariff`, `Gas: Gas meter`."""
        kinds = await async_words(self.hass, "source")
        names = dict.fromkeys(self._name(entity, of_device=source.kind != "grid") for entity in source.entities)
        return f"{kinds[source.kind]}: {', '.join(names)}"

    def _name(self, entity: er.RegistryEntry, *, of_device: bool) -> str:
        """Return the name of an entity, or of its device where the entity is all there is to it."""
        device = dr.async_get(self.hass).async_get(entity.device_id or "")
        names = [entity.name]
        if of_device and device:
            names += [device.name_by_user, device.name]
        return next(filter(None, [*names, entity.original_name, entity.entity_id]))

    async def _async_list(self, sources: Iterable[Source]) -> str:
        """Return what would be added, as lines of a text."""
        return "\n".join(
            [f"- {await self._async_label(source)} ({', '.join(source.entity_ids)})" for source in sources]
        )

    # --- a meter that talks -------------------------------------------------------------------------------------------

    async def async_step_connection(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how often telegrams are used, and what drives the data-request line."""
        errors: dict[str, str] = {}
        if user_input is not None:
            request = user_input[CONF_REQUEST]
            interval = user_input.get(CONF_INTERVAL)
            awaited = user_input[CONF_REQUEST_AWAITED] and request != _NONE
            if request not in {_NONE, _GPIO} and not has_line_settings(self.config_entry.data[CONF_PORT]):
                errors[CONF_REQUEST] = "request_no_lines"
            if awaited and interval is not None and interval < _LEAST_INTERVAL:
                errors[CONF_INTERVAL] = "interval_awaited"
            if not errors:
                self._connection = {
                    CONF_INTERVAL: None if interval is None else int(interval),
                    CONF_REQUEST: None if request == _NONE else request,
                    CONF_REQUEST_AWAITED: awaited or None,
                    CONF_PEAK_FLOOR: user_input.get(CONF_PEAK_FLOOR) or None,
                }
                if request == _GPIO:
                    return await self.async_step_gpio()
                return self._save(_CONNECTION_KEYS, self._connection)
        options = self.config_entry.options
        fields = {
            vol.Optional(CONF_INTERVAL): _seconds(1),
            vol.Required(CONF_REQUEST): dropdown([_NONE, "rts", "dtr", _GPIO], CONF_REQUEST),
            vol.Required(CONF_REQUEST_AWAITED): BooleanSelector(),
        }
        memory = await async_memory(self.hass, self.config_entry)
        if AVERAGE_PEAK in memory.slots:
            fields[vol.Required(CONF_PEAK_FLOOR, default=options.get(CONF_PEAK_FLOOR, False))] = BooleanSelector()
        schema = vol.Schema(fields)
        now = {
            CONF_INTERVAL: options.get(CONF_INTERVAL),
            CONF_REQUEST: options.get(CONF_REQUEST, _NONE),
            CONF_REQUEST_AWAITED: options.get(CONF_REQUEST_AWAITED, False),
        }
        return self.async_show_form(
            step_id="connection",
            data_schema=self.add_suggested_values_to_schema(schema, now if user_input is None else user_input),
            errors=errors,
            description_placeholders={"port": self.config_entry.data[CONF_PORT]},
        )

    async def async_step_gpio(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which pin of this computer asks the meter for telegrams."""
        options = self.config_entry.options
        now: dict[str, Any] = {CONF_REQUEST_ACTIVE_LOW: options.get(CONF_REQUEST_ACTIVE_LOW, False)}
        if CONF_REQUEST_CHIP in options:
            now[CONF_PIN] = pin_of(options[CONF_REQUEST_CHIP], options[CONF_REQUEST_LINE])
        pins = await async_pins(self.hass, now.get(CONF_PIN))
        errors: dict[str, str] = {}
        placeholders = {"holder": ""}
        if user_input is not None:
            pin = user_input.get(CONF_PIN, "")
            if mistake := pins.mistake(pin):
                errors[CONF_PIN] = mistake
                placeholders["holder"] = pins.holders.get(pin, "")
            else:
                chip, line = chip_and_line(pin)
                chosen = {
                    **self._connection,
                    CONF_REQUEST_CHIP: chip,
                    CONF_REQUEST_CHIP_LABEL: pins.labels[chip],
                    CONF_REQUEST_LINE: line,
                    CONF_REQUEST_ACTIVE_LOW: user_input[CONF_REQUEST_ACTIVE_LOW] or None,
                }
                return self._save(_CONNECTION_KEYS, chosen)
        schema = vol.Schema(
            {
                vol.Optional(CONF_PIN): pins.selector,
                vol.Required(CONF_REQUEST_ACTIVE_LOW): BooleanSelector(),
            }
        )
        return self.async_show_form(
            step_id="gpio",
            data_schema=self.add_suggested_values_to_schema(schema, now if user_input is None else user_input),
            errors=errors,
            description_placeholders=placeholders,
            last_step=True,
        )

    # --- a meter that is asked ----------------------------------------------------------------------------------------

    async def async_step_optical(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how an optical head is read."""
        errors: dict[str, str] = {}
        if user_input is not None:
            chosen = _optical_options(user_input)
            errors = _optical_errors(chosen)
            if not errors:
                return self._save(_OPTICAL_KEYS, chosen)
        schema = vol.Schema(
            {
                vol.Required(CONF_INTERVAL): _seconds(_LEAST_INTERVAL, _MOST_READ_OUT_INTERVAL),
                vol.Optional(CONF_OFFSET): _seconds(0, _MOST_READ_OUT_INTERVAL),
                vol.Required(CONF_HISTORY): BooleanSelector(),
                vol.Required(CONF_DIALOGUE): dialogue_section(
                    collapsed=not errors and self.config_entry.options.keys().isdisjoint(DIALOGUE_KEYS)
                ),
            }
        )
        return self.async_show_form(
            step_id="optical",
            data_schema=self.add_suggested_values_to_schema(
                schema, _optical_form(self.config_entry.options) if user_input is None else user_input
            ),
            errors=errors,
            last_step=True,
        )


def _seconds(least: int, most: int = _MOST_INTERVAL) -> NumberSelector:
    return number_box(least, most, unit="s")


def _optical_form(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form shows for these options."""
    return {
        CONF_INTERVAL: options.get(CONF_INTERVAL, _DEFAULT_INTERVAL),
        CONF_OFFSET: options.get(CONF_OFFSET),
        CONF_HISTORY: options.get(CONF_HISTORY, False),
        CONF_DIALOGUE: dialogue_form(options),
    }


def _optical_options(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options for what the form shows; None for what is as it is by default."""
    offset = form.get(CONF_OFFSET)
    interval = int(form[CONF_INTERVAL])
    return {
        CONF_INTERVAL: None if interval == _DEFAULT_INTERVAL else interval,
        CONF_OFFSET: None if offset is None else int(offset),
        CONF_HISTORY: form[CONF_HISTORY] or None,
        **dialogue_options(form[CONF_DIALOGUE]),
    }


def _optical_errors(options: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with these options."""
    if (options[CONF_OFFSET] or 0) >= (options[CONF_INTERVAL] or _DEFAULT_INTERVAL):
        return {CONF_OFFSET: "offset_too_long"}
    error = dialogue_error(options)
    # Not at its field: a section that is folded would hide it.
    return {} if error is None else {"base": error}
