"""The part of the options dialog about what all loads keep to: fuse, demand, who goes first, prices."""

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from homeassistant.helpers.selector import (
    EntitySelector,
    EntitySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import probatio as vol

from .known import async_memory
from .load_settings import SiteConfig, meter_fuse, site_config
from .memory import slot_id
from .registers_flow import RegistersFlow
from .roles import ELECTRICITY
from .sampling import fuse
from .words import async_words

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.helpers.selector import Selector

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

_DEFAULTS: Final = {field.name: field.default for field in fields(SiteConfig)}
_PRICE: Final = EntitySelector(EntitySelectorConfig(filter={"domain": ["sensor", "input_number", "number"]}))


class LimitsFlow(RegistersFlow):
    """Asks for what `SiteConfig` holds."""

    def __init__(self) -> None:
        super().__init__()
        self._limits: dict[str, Any] = {}

    async def async_step_loads(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what the loads may take together, who goes first, and where prices come from."""
        if user_input is not None:
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
            return self._save_limits()
        limits = site_config(self.config_entry.options)
        schema = vol.Schema(
            {
                vol.Optional(CONF_FUSE): _number("A", least=1, most=500, step=0.5),
                vol.Required(CONF_FUSE_MARGIN): _number("A", least=0, most=50, step=0.5),
                vol.Required(CONF_DEMAND): _choice("off", "month_peak", "own", translation_key="demand"),
                vol.Required(CONF_PRIORITY): _choice("fair", "strict", translation_key="priority"),
                vol.Optional(CONF_PRICE_BUY): _PRICE,
                vol.Optional(CONF_PRICE_SELL): _PRICE,
            }
        )
        # What is there by default does nothing at a meter without a month peak.
        unlimited = "demand" not in self.config_entry.options and not await self._async_sends_month_peak()
        now = {
            CONF_FUSE: limits.fuse_a,
            CONF_FUSE_MARGIN: limits.fuse_margin_a,
            CONF_DEMAND: "off" if unlimited else limits.demand,
            CONF_PRIORITY: limits.priority,
            CONF_PRICE_BUY: limits.price_buy_entity,
            CONF_PRICE_SELL: limits.price_sell_entity,
        }
        return self.async_show_form(
            step_id="loads",
            data_schema=self.add_suggested_values_to_schema(schema, now),
            description_placeholders={"fuse": await self._async_fuse()},
            last_step=False,
        )

    async def async_step_demand_own(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the mean power that the person does not want to exceed."""
        if user_input is not None:
            return self._save_limits(
                target_w=round(user_input[CONF_TARGET] * 1000), window_s=float(user_input[CONF_WINDOW])
            )
        limits = site_config(self.config_entry.options)
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
                return self._save_limits(
                    target_floor_w=round(user_input[CONF_TARGET_FLOOR] * 1000),
                    window_s=float(user_input[CONF_WINDOW]),
                    peak_count=count,
                )
            errors[CONF_PEAK_COUNT] = "no_month_peak"
        limits = site_config(self.config_entry.options)
        schema = vol.Schema(
            {
                vol.Required(CONF_TARGET_FLOOR): _POWER,
                vol.Required(CONF_WINDOW): _WINDOW,
                vol.Required(CONF_PEAK_COUNT): _number(None, least=1, most=10, step=1),
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

    def _save_limits(self, **demand: float) -> ConfigFlowResult:
        """Keep the limits; what is as it is by default is not kept, but for what the demand may be."""
        chosen = {**self._limits, **demand}
        kept = {name: value for name, value in chosen.items() if name == "demand" or value != _DEFAULTS[name]}
        return self._save(_DEFAULTS, kept)

    async def _async_sends_month_peak(self) -> bool:
        memory = await async_memory(self.hass, self.config_entry)
        return slot_id(ELECTRICITY, "demand_month_peak") in memory.slots

    async def _async_fuse(self) -> str:
        """Return a sentence about the fuse that the meter names."""
        words = await async_words(self.hass, "meter_fuse")
        telegram = None if (meter := self._meter) is None else meter.data
        amps = None if telegram is None else meter_fuse(fuse(telegram))
        return words["unknown"] if amps is None else words["known"].format(current=f"{amps:g}")


def _number(unit: str | None, *, least: float, most: float, step: float) -> NumberSelector:
    config = NumberSelectorConfig(min=least, max=most, step=step, mode=NumberSelectorMode.BOX)
    if unit is not None:
        config["unit_of_measurement"] = unit
    return NumberSelector(config)


def _choice(*options: str, translation_key: str) -> SelectSelector:
    return SelectSelector(
        SelectSelectorConfig(options=list(options), translation_key=translation_key, mode=SelectSelectorMode.LIST)
    )


_POWER: Final[Selector[Any]] = _number("kW", least=0.1, most=100, step=0.1)
_WINDOW: Final[Selector[Any]] = _choice("900", "3600", translation_key="demand_window")
