"""Selects: who decides about a load, until somebody selects something else."""

from typing import TYPE_CHECKING, Final, override

from homeassistant.components.select import SelectEntity, SelectEntityDescription

from .load_entity import LoadEntity, async_add_loads
from .loads import FOREVER

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import P1MeterConfigEntry

PARALLEL_UPDATES = 0

_AUTOMATIC: Final = "automatic"
_HANDS: Final = {"on": True, "off": False}

_MODE = SelectEntityDescription(key="mode", translation_key="load_mode", options=[_AUTOMATIC, *_HANDS])


async def async_setup_entry(
    _hass: HomeAssistant, entry: P1MeterConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add one for each load."""
    async_add_loads(entry, async_add_entities, lambda loads, load: [ModeSelect(entry, loads, load, _MODE)])


class ModeSelect(LoadEntity, SelectEntity):
    """Who decides. A hand that ends by itself is none: then it is automatic again."""

    @property
    @override
    def current_option(self) -> str:
        """Automatic, or what a person wants for good."""
        view = self.view
        if view.override is None or view.override_until != FOREVER:
            return _AUTOMATIC
        return "on" if view.override else "off"

    @override
    async def async_select_option(self, option: str) -> None:
        """Let the law decide, or keep the load on or off until something else is selected."""
        if option == _AUTOMATIC:
            self.loads.async_override(self._load, on=None)
        else:
            self.take_hand(on=_HANDS[option], until=FOREVER)
