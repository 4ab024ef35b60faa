"""The part of the options dialog about what all loads keep to: fuse, demand, who goes first, prices."""

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, Final

from homeassistant.helpers.selector import EntitySelector, EntitySelectorConfig
import probatio as vol

from .fields import number_box, open_list
from .known import async_memory
from .load_settings import SiteConfig, meter_fuse, site_config, usual_limits
from .memory import slot_id
from .options_part import OptionsPart
from .roles import ELECTRICITY
from .sampling import fuse
from .words import async_words

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowResult

# The fields; those of a power are in kW, others are in the unit of the option.
CONF_FUSE: Final = "fuse"
CONF_FUSE_MARGIN: Final = "fuse_margin"
CONF_DEMAND: Final = "demand"
CONF_TARGET: Final = "target"
CONF_TARGET_FLOOR: Final = "target_floor"
CONF_WINDOW: Final = "window"
CONF_PEAK_COUNT: Final = "peak_count"
CONF_PRIORITY: Final = "priority"
CONF_PRICE_BUY: Final = "price_buy_entity"
CONF_PRICE_SELL: Final = "price_sell_entity"

_NAMES: Final = frozenset(field.name for field in fields(SiteConfig))
# One of these is sent by whoever tells what flows in the phases.
_OF_PHASES: Final = ("current_l1", "power_import_l1", "power_l1")
_POWER: Final = number_box(0.1, 100, step=0.1, unit="kW")
_WINDOW: Final = open_list(["900", "3600"], "demand_window")
_PRICE: Final = EntitySelector(EntitySelectorConfig(filter={"domain": ["sensor", "input_number", "number"]}))


class LimitsFlow(OptionsPart):
    """Asks for what `SiteConfig` holds."""

    def __init__(self) -> None:
        super().__init__()
        self._limits: dict[str, Any] = {}

    async def async_step_loads(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what the loads may take together, who goes first, and where prices come from."""
        errors = {}
        if user_input is not None and CONF_FUSE in user_input and not await self._async_sends_phases():
            errors[CONF_FUSE] = "no_phases"
        elif user_input is not None:
            self._limits = {
                "fuse_a": user_input.get(CONF_FUSE),
                "fuse_margin_a": user_input[CONF_FUSE_MARGIN],
                "demand": user_input[CONF_DEMAND],
                "priority": user_input[CONF_PRIORITY],
                "price_buy_entity": user_input.get(CONF_PRICE_BUY),
                "price_sell_entity": user_input.get(CONF_PRICE_SELL),
            }
            if user_input[CONF_DEMAND] == "own":
                return await self.async_step_demand_own()
            if user_input[CONF_DEMAND] == "month_peak":
                return await self.async_step_demand_month_peak()
            return await self._async_save_limits()
        limits = await self._async_limits()
        schema = vol.Schema(
            {
                vol.Optional(CONF_FUSE): number_box(1, 500, step=0.5, unit="A"),
                vol.Required(CONF_FUSE_MARGIN): number_box(0, 50, step=0.5, unit="A"),
                vol.Required(CONF_DEMAND): open_list(["off", "month_peak", "own"], "demand"),
                vol.Required(CONF_PRIORITY): open_list(["fair", "strict"], "priority"),
                vol.Optional(CONF_PRICE_BUY): _PRICE,
                vol.Optional(CONF_PRICE_SELL): _PRICE,
            }
        )
        now = {
            CONF_FUSE: limits.fuse_a,
            CONF_FUSE_MARGIN: limits.fuse_margin_a,
            CONF_DEMAND: limits.demand,
            CONF_PRIORITY: limits.priority,
            CONF_PRICE_BUY: limits.price_buy_entity,
            CONF_PRICE_SELL: limits.price_sell_entity,
        }
        return self.async_show_form(
            step_id="loads",
            data_schema=self.add_suggested_values_to_schema(schema, now if user_input is None else user_input),
            errors=errors,
            description_placeholders={"fuse": await self._async_fuse()},
            last_step=False,
        )

    async def async_step_demand_own(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the mean power that the person does not want to exceed."""
        if user_input is not None:
            return await self._async_save_limits(
                target_w=round(user_input[CONF_TARGET] * 1000), window_s=float(user_input[CONF_WINDOW])
            )
        limits = await self._async_limits()
        schema = vol.Schema({vol.Required(CONF_TARGET): _POWER, vol.Required(CONF_WINDOW): _WINDOW})
        now = {
            CONF_TARGET: (limits.target_w or limits.target_floor_w) / 1000,
            CONF_WINDOW: f"{limits.window_s:.0f}",
        }
        return self.async_show_form(
            step_id="demand_own", data_schema=self.add_suggested_values_to_schema(schema, now), last_step=True
        )

    async def async_step_demand_month_peak(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how the demand tariff counts."""
        errors = {}
        if user_input is not None:
            count = int(user_input[CONF_PEAK_COUNT])
            if count > 1 or await self._async_sends_month_peak():
                return await self._async_save_limits(
                    target_floor_w=round(user_input[CONF_TARGET_FLOOR] * 1000),
                    window_s=float(user_input[CONF_WINDOW]),
                    peak_count=count,
                )
            errors[CONF_PEAK_COUNT] = "no_month_peak"
        limits = await self._async_limits()
        schema = vol.Schema(
            {
                vol.Required(CONF_TARGET_FLOOR): _POWER,
                vol.Required(CONF_WINDOW): _WINDOW,
                vol.Required(CONF_PEAK_COUNT): number_box(1, 10),
            }
        )
        now = {
            CONF_TARGET_FLOOR: limits.target_floor_w / 1000,
            CONF_WINDOW: f"{limits.window_s:.0f}",
            CONF_PEAK_COUNT: limits.peak_count,
        }
        return self.async_show_form(
            step_id="demand_month_peak",
            data_schema=self.add_suggested_values_to_schema(schema, now if user_input is None else user_input),
            errors=errors,
            last_step=True,
        )

    async def _async_limits(self) -> SiteConfig:
        """Return what holds now."""
        memory = await async_memory(self.hass, self.config_entry)
        return site_config(self.config_entry.options, memory.profile)

    async def _async_save_limits(self, **demand: float) -> ConfigFlowResult:
        """Keep the limits; what is usual for such a meter is not kept, but for what the demand may be."""
        memory = await async_memory(self.hass, self.config_entry)
        usual = asdict(usual_limits(memory.profile))
        chosen = {**self._limits, **demand}
        return self._save(
            _NAMES, {name: value for name, value in chosen.items() if name == "demand" or value != usual[name]}
        )

    async def _async_sends_month_peak(self) -> bool:
        memory = await async_memory(self.hass, self.config_entry)
        return slot_id(ELECTRICITY, "demand_month_peak") in memory.slots

    async def _async_sends_phases(self) -> bool:
        """Return whether the meter says what flows in a phase, or was never read: then nobody knows."""
        slots = (await async_memory(self.hass, self.config_entry)).slots
        return not slots or any(slot_id(ELECTRICITY, key) in slots for key in _OF_PHASES)

    async def _async_fuse(self) -> str:
        """Return a sentence about the fuse that the meter names."""
        words = await async_words(self.hass, "meter_fuse")
        amps = None if (telegram := self._telegram) is None else meter_fuse(fuse(telegram))
        return words["unknown"] if amps is None else words["known"].format(current=f"{amps:g}")
