"""What is known of a meter at the moment, for the dialogs: they are opened also while it is not read."""

from typing import TYPE_CHECKING

from homeassistant.config_entries import ConfigEntryState

from .store import async_store_of

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .coordinator import MeterCoordinator, P1MeterConfigEntry
    from .memory import Memory


def reader_of(entry: P1MeterConfigEntry) -> MeterCoordinator | None:
    """Return who reads the meter, while it is read."""
    return entry.runtime_data if entry.state is ConfigEntryState.LOADED else None


async def async_memory(hass: HomeAssistant, entry: P1MeterConfigEntry) -> Memory:
    """Return what was learned of the meter, now or in the past."""
    if (reader := reader_of(entry)) is not None:
        return reader.memory
    store = async_store_of(hass, entry.entry_id)
    await store.async_load()
    return store.memory
