"""Goes along when a person renames an entity that a load, or the limits of the loads, were given."""

from typing import TYPE_CHECKING, Any

from homeassistant.core import Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN, SUBENTRY_LOAD
from .load_settings import LOAD_ENTITIES, SITE_ENTITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@callback
def async_follow_renames(hass: HomeAssistant) -> None:
    """Follow from now on, also for meters that are not read: what they missed nobody would tell them later."""

    @callback
    def is_renamed(data: er.EventEntityRegistryUpdatedData) -> bool:
        return data["action"] == "update" and "old_entity_id" in data

    @callback
    def follow(event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        if event.data["action"] == "update":
            async_rename(hass, event.data["old_entity_id"], event.data["entity_id"])

    hass.bus.async_listen(er.EVENT_ENTITY_REGISTRY_UPDATED, follow, event_filter=is_renamed)


@callback
def async_rename(hass: HomeAssistant, old: str, new: str) -> None:
    """Write the new id wherever the old one is; that sets the entry up anew, in which nothing clicks."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        for load in entry.get_subentries_of_type(SUBENTRY_LOAD):
            if (data := _renamed(load.data, LOAD_ENTITIES, old, new)) is not None:
                hass.config_entries.async_update_subentry(entry, load, data=data)
        if (options := _renamed(entry.options, SITE_ENTITIES, old, new)) is not None:
            hass.config_entries.async_update_entry(entry, options=options)


def _renamed(data: Mapping[str, Any], keys: Iterable[str], old: str, new: str) -> dict[str, Any] | None:
    """Return the data with the new id; None: the old one is not in it."""
    found = {key: new for key in keys if data.get(key) == old}
    return {**data, **found} if found else None
