"""Buttons: take the hand off a load."""

from typing import TYPE_CHECKING, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription

from .load_entity import LoadEntity, async_add_loads

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import P1MeterConfigEntry

PARALLEL_UPDATES = 0

_CANCEL = ButtonEntityDescription(key="cancel_override", translation_key="load_cancel_override")


async def async_setup_entry(
    _hass: HomeAssistant, entry: P1MeterConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add one for each load."""
    async_add_loads(entry, async_add_entities, lambda loads, load: [CancelButton(entry, loads, load, _CANCEL)])


class CancelButton(LoadEntity, ButtonEntity):
    """Ends what a person's hand began."""

    @property
    @override
    def available(self) -> bool:
        """Whether there is a hand to take off."""
        return self.view.override is not None

    @override
    async def async_press(self) -> None:
        """Let the law decide again."""
        self.loads.async_override(self._load, on=None)
