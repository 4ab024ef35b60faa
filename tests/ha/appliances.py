"""Entities of Home Assistant that can be turned on and off, one of each kind, as other integrations have them."""

from typing import TYPE_CHECKING, Any, override

from homeassistant.components.climate import ClimateEntity
from homeassistant.components.climate.const import ClimateEntityFeature, HVACMode
from homeassistant.components.fan import FanEntity
from homeassistant.components.fan.const import FanEntityFeature
from homeassistant.components.humidifier import HumidifierEntity
from homeassistant.components.light import LightEntity
from homeassistant.components.light.const import ColorMode
from homeassistant.components.switch import SwitchEntity
from homeassistant.components.valve.const import ValveEntityFeature
from homeassistant.components.valve.entity import ValveEntity
from homeassistant.components.water_heater import WaterHeaterEntity
from homeassistant.components.water_heater.const import WaterHeaterEntityFeature
from homeassistant.const import UnitOfTemperature
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity import Entity
    from homeassistant.helpers.entity_component import EntityComponent


class Device:
    """What is behind an entity: it may be slow, deaf, or broken."""

    def __init__(self, *, on: bool = False) -> None:
        self.on = on
        self.told: list[bool] = []
        self.deaf = False
        self.broken = False

    def tell(self, entity: Entity, *, on: bool) -> None:
        """Tell it to be on or off."""
        self.told.append(on)
        if self.broken:
            raise HomeAssistantError("it does not answer")
        if not self.deaf:
            self.on = on
        entity.async_write_ha_state()


class _Appliance:
    """Is turned on and off."""

    device: Device
    _attr_should_poll = False

    async def async_turn_on(self, *_: Any, **__: Any) -> None:
        self.device.tell(self, on=True)  # type: ignore[arg-type]  # mixed into an entity

    async def async_turn_off(self, **_: Any) -> None:
        self.device.tell(self, on=False)  # type: ignore[arg-type]  # the same

    @property
    def is_on(self) -> bool:
        return self.device.on


class Plug(_Appliance, SwitchEntity):
    """A plug."""


class Lamp(_Appliance, LightEntity):
    """A lamp."""

    _attr_color_mode = ColorMode.ONOFF

    @property
    @override
    def supported_color_modes(self) -> set[ColorMode]:
        return {ColorMode.ONOFF}


class Fan(_Appliance, FanEntity):
    """A fan."""

    _attr_supported_features = FanEntityFeature.TURN_ON | FanEntityFeature.TURN_OFF


class Humidifier(_Appliance, HumidifierEntity):
    """A humidifier."""


class HeatPump(_Appliance, ClimateEntity):
    """A heat pump, which has no state `on`."""

    _attr_supported_features = ClimateEntityFeature.TURN_ON | ClimateEntityFeature.TURN_OFF
    _attr_temperature_unit = UnitOfTemperature.CELSIUS

    @property
    @override
    def hvac_modes(self) -> list[HVACMode]:
        return [HVACMode.OFF, HVACMode.HEAT]

    @property
    @override
    def hvac_mode(self) -> HVACMode:
        return HVACMode.HEAT if self.device.on else HVACMode.OFF


class Boiler(_Appliance, WaterHeaterEntity):
    """A boiler, which has no state `on` either."""

    _attr_supported_features = WaterHeaterEntityFeature.ON_OFF
    _attr_temperature_unit = UnitOfTemperature.CELSIUS
    _attr_min_temp = 30.0
    _attr_max_temp = 65.0

    @property
    @override
    def current_operation(self) -> str:
        return "eco" if self.device.on else "off"


class Sprinkler(ValveEntity):
    """A valve, which is opened and closed."""

    device: Device
    _attr_should_poll = False
    _attr_reports_position = False
    _attr_supported_features = ValveEntityFeature.OPEN | ValveEntityFeature.CLOSE

    @property
    @override
    def is_closed(self) -> bool:
        return not self.device.on

    @override
    async def async_open_valve(self) -> None:
        self.device.tell(self, on=True)

    @override
    async def async_close_valve(self) -> None:
        self.device.tell(self, on=False)


APPLIANCES: dict[str, Callable[[], Entity]] = {
    "switch": Plug,
    "light": Lamp,
    "fan": Fan,
    "humidifier": Humidifier,
    "climate": HeatPump,
    "water_heater": Boiler,
    "valve": Sprinkler,
}


async def add(hass: HomeAssistant, entity_id: str, *, on: bool = False) -> Device:
    """Add an entity with this id, and return what is behind it."""
    domain = entity_id.partition(".")[0]
    device = Device(on=on)
    if domain not in hass.data:
        assert await async_setup_component(hass, domain, {})
    component: EntityComponent[Entity] = hass.data[domain]
    entity = APPLIANCES[domain]()
    entity.device = device  # type: ignore[attr-defined]  # every one of them has one
    entity.entity_id = entity_id
    await component.async_add_entities([entity])
    await hass.async_block_till_done()
    return device
