"""The smart meter's P1 port in Home Assistant: read, checked, kept and acted on."""

from typing import TYPE_CHECKING

from homeassistant.const import CONF_PORT, Platform

from . import devices
from .const import PROBED
from .coordinator import MeterCoordinator, P1MeterConfigEntry
from .store import MeterStore

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

_PLATFORMS = (Platform.BINARY_SENSOR, Platform.SENSOR)


async def async_setup_entry(hass: HomeAssistant, entry: P1MeterConfigEntry) -> bool:
    """Set up a meter: at once if it was ever read, else when its first telegram is there.

    Raises:
        ConfigEntryNotReady: the meter was never read, and its port cannot be opened or says nothing.
    """
    store = MeterStore(hass, entry.entry_id)
    await store.async_load()
    coordinator = entry.runtime_data = MeterCoordinator(hass, entry, store)
    if (probed := hass.data.get(PROBED, {}).pop(entry.data[CONF_PORT], None)) is not None:
        coordinator.learn(probed)
    if store.memory.ident is None:
        await coordinator.async_first_telegram()
    else:
        coordinator.start()
    devices.async_register(hass, entry, store.memory)
    await hass.config_entries.async_forward_entry_setups(entry, _PLATFORMS)
    entry.async_on_unload(entry.add_update_listener(_async_reload))
    return True


async def async_unload_entry(hass: HomeAssistant, entry: P1MeterConfigEntry) -> bool:
    """Take the entities away; the coordinator frees the port."""
    return await hass.config_entries.async_unload_platforms(entry, _PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: P1MeterConfigEntry) -> None:
    """Forget what was learned of the meter."""
    await MeterStore(hass, entry.entry_id).async_remove()


async def _async_reload(hass: HomeAssistant, entry: P1MeterConfigEntry) -> None:
    hass.config_entries.async_schedule_reload(entry.entry_id)
