"""Switches: a load by a person's hand, and the control of all loads."""

from typing import TYPE_CHECKING, Any, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription

from .load_entity import LoadEntity, SiteEntity, async_add_loads

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import P1MeterConfigEntry

PARALLEL_UPDATES = 0

_LOAD = SwitchEntityDescription(key="switch", translation_key="load", name=None)
_CONTROL = SwitchEntityDescription(key="control", translation_key="loads_control")


async def async_setup_entry(
    _hass: HomeAssistant, entry: P1MeterConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add a switch for each load, and one for the control of all of them."""
    async_add_loads(entry, async_add_entities, lambda loads, load: [LoadSwitch(entry, loads, load, _LOAD)])
    if (loads := entry.runtime_data.loads) is not None:
        async_add_entities([ControlSwitch(entry, loads, _CONTROL)])


class LoadSwitch(LoadEntity, SwitchEntity):
    """What is on; turning it is a person's hand, which is respected for a while."""

    @property
    @override
    def available(self) -> bool:
        """Whether anybody knows what is on."""
        return self.is_on is not None

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether the load is on."""
        return self.view.on

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Turn the load on."""
        self.take_hand(on=True)

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Turn the load off."""
        self.take_hand(on=False)


class ControlSwitch(SiteEntity, SwitchEntity):
    """The control of all loads: off means hands off."""

    @property
    @override
    def is_on(self) -> bool:
        """Whether the loads are controlled."""
        return self.loads.enabled

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Control the loads."""
        self.loads.async_enable(on=True)
        self.async_write_ha_state()

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """Leave the loads alone."""
        self.loads.async_enable(on=False)
        self.async_write_ha_state()
