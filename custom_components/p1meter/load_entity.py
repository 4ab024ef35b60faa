"""What the entities of the loads have in common, and those of the connection that they share."""

from typing import TYPE_CHECKING, override

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.entity import Entity
from homeassistant.util import slugify

from .const import DOMAIN, SUBENTRY_LOAD
from .devices import identifiers
from .load_settings import EntitySettings
from .roles import ELECTRICITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from homeassistant.helpers.entity import EntityDescription
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import P1MeterConfigEntry
    from .load_manager import LoadManager
    from .loads import LoadView, SiteView

# Between the entry's id and the key, in the unique ids of what all loads share.
_SITE = "loads"


class _ManagedEntity(Entity):
    """Shows what the manager of the loads says, when it says so."""

    _attr_has_entity_name = True
    _attr_should_poll = False
    # Whom the listeners are for: a load by its id, or None.
    _load: str | None = None

    def __init__(self, loads: LoadManager, description: EntityDescription) -> None:
        """Show what is described."""
        self.entity_description = description
        self.loads = loads

    @override
    async def async_added_to_hass(self) -> None:
        """Listen from now on."""
        await super().async_added_to_hass()
        self.async_on_remove(self.loads.async_add_listener(self._handle_update, self._load))

    @callback
    def _handle_update(self) -> None:
        """Something worth a state has changed."""
        self.async_write_ha_state()


class LoadEntity(_ManagedEntity):
    """An entity of one load, on a device of its own."""

    def __init__(
        self, entry: P1MeterConfigEntry, loads: LoadManager, load: str, description: EntityDescription
    ) -> None:
        """Show what is described of the load with this id."""
        super().__init__(loads, description)
        (meter,) = identifiers(entry.entry_id, ELECTRICITY)
        self._load: str = load
        self._attr_unique_id = f"{load}_{description.key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, load)},
            name=loads.configs[load].title,
            via_device_id=dr.async_get_device_id_by_identifier(
                entry.runtime_data.hass, meter, config_entry_id=entry.entry_id
            ),
        )

    @property
    @override
    def suggested_object_id(self) -> str | None:
        """Return what comes after the load's name in the entity's id.

        A load is often named like what switches it. Nobody could tell `switch.boiler` from `switch.boiler_2` then, nor
        the plug's power from the load's: ours say that they are of the load.
        """
        usual = super().suggested_object_id
        config = self.loads.configs[self._load]
        if isinstance(config.output, EntitySettings) and config.output.device_name == slugify(config.title):
            return " ".join(filter(None, (SUBENTRY_LOAD, usual)))
        return usual

    @property
    def view(self) -> LoadView:
        """What can be shown of the load now."""
        return self.loads.view(self._load)

    @callback
    def take_hand(self, *, on: bool, until: datetime | None = None) -> None:
        """Take a person's hand.

        Args:
            on: what they want.
            until: the end, aware; None: after the time that the load has for it; `FOREVER`: it has none.

        Raises:
            ServiceValidationError: nothing is switched as long as all load control is off.
        """
        if not self.loads.enabled:
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="load_control_off")
        self.loads.async_override(self._load, on=on, until=until)


class SiteEntity(_ManagedEntity):
    """An entity of what all loads share, on the device of the electricity meter."""

    def __init__(self, entry: P1MeterConfigEntry, loads: LoadManager, description: EntityDescription) -> None:
        """Show what is described."""
        super().__init__(loads, description)
        self._attr_unique_id = f"{entry.entry_id}_{_SITE}_{description.key}"
        self._attr_device_info = DeviceInfo(identifiers=identifiers(entry.entry_id, ELECTRICITY))

    @property
    def view(self) -> SiteView:
        """What can be shown of the connection now."""
        return self.loads.site_view()


@callback
def async_add_loads(
    entry: P1MeterConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[LoadManager, str], Iterable[Entity]],
) -> None:
    """Add what `make` makes for each load."""
    if (loads := entry.runtime_data.loads) is not None:
        for load in loads.configs:
            async_add_entities(make(loads, load), config_subentry_id=load)


@callback
def async_remove_site(hass: HomeAssistant, entry: P1MeterConfigEntry, *keys: str) -> None:
    """Take away what the loads share: that with these keys, or all of it. A load's own entities go with it."""
    registry = er.async_get(hass)
    start = f"{entry.entry_id}_{_SITE}_"
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        if entity.unique_id.startswith(start) and (not keys or entity.unique_id.removeprefix(start) in keys):
            registry.async_remove(entity.entity_id)
