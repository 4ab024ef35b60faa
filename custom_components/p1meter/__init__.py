"""The smart meter's P1 port in Home Assistant: read, checked, kept and acted on."""

from typing import TYPE_CHECKING

from homeassistant.const import CONF_PORT, Platform
from homeassistant.helpers import config_validation as cv

from . import actions, devices, gap_filling, history_import, joints, late_hours, resuming, taking_over
from .const import DOMAIN, FREED, OPENED, PROBED
from .coordinator import MeterCoordinator, P1MeterConfigEntry
from .known import reader_of
from .load_manager import async_remove_loads, async_start_loads
from .load_renames import async_follow_renames
from .store import async_store_of

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers import device_registry as dr
    from homeassistant.helpers.typing import ConfigType

_PLATFORMS = (
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SELECT,
    Platform.SENSOR,
    Platform.SWITCH,
)

CONFIG_SCHEMA = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Register what is there also while no meter is: the actions, and who follows renamed entities."""
    actions.async_register(hass)
    async_follow_renames(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: P1MeterConfigEntry) -> bool:
    """Set up a meter: at once if it was ever read, else when its first telegram is there.

    Raises:
        ConfigEntryNotReady: the meter was never read, and its port cannot be opened or says nothing.
        ConfigEntryAuthFailed: the meter was never read, and its key does not fit.
    """
    store = async_store_of(hass, entry.entry_id)
    await store.async_load()
    coordinator = entry.runtime_data = MeterCoordinator(hass, entry, store)
    if (probed := hass.data.get(PROBED, {}).pop(entry.data[CONF_PORT], None)) is not None:
        coordinator.learn(probed)
    if entry.data[CONF_PORT] in (opened := hass.data.get(OPENED, set())):
        opened.remove(entry.data[CONF_PORT])
        coordinator.watch.opened()
    if (freed := hass.data.get(FREED, {}).pop(entry.data[CONF_PORT], None)) is not None:
        store.memory.switched_off.append(freed)
    await coordinator.sinks.async_start()
    if store.memory.ident is None:
        await coordinator.async_first_telegram()
    else:
        coordinator.start()
    devices.async_register(hass, entry, store.memory)
    coordinator.named_after = store.memory.profile
    if failed := await taking_over.async_complete(hass, entry, store):
        coordinator.issues.show("take_over_failed", entities=taking_over.names(hass, entry, failed))
    await async_start_loads(hass, coordinator, store)
    await hass.config_entries.async_forward_entry_setups(entry, _PLATFORMS)
    resuming.async_keep(hass, entry)
    # First of those that change sums: they are not what the others take them for before it has shifted them.
    history_import.async_keep(hass, entry, store)
    joints.async_keep(hass, entry, store)
    # Before the late hours: they need the rows of the hours that it fills.
    gap_filling.async_keep(hass, entry, store)
    late_hours.async_keep(hass, entry, store)
    entry.async_on_unload(entry.add_update_listener(_async_reload))
    # What was changed since the beginning nobody has heard of.
    await _async_reload(hass, entry)
    return True


async def async_unload_entry(hass: HomeAssistant, entry: P1MeterConfigEntry) -> bool:
    """Take the entities away; the coordinator frees the port."""
    return await hass.config_entries.async_unload_platforms(entry, _PLATFORMS)


async def async_remove_config_entry_device(
    _hass: HomeAssistant, entry: P1MeterConfigEntry, device: dr.DeviceEntry
) -> bool:
    """Let a person delete the device of a meter on the M-Bus that is not there any more, and forget it."""
    role, reader = devices.role_of(entry.entry_id, device), reader_of(entry)
    # While it is not read nobody knows what is there.
    return role is not None and reader is not None and reader.forget(role)


async def async_remove_entry(hass: HomeAssistant, entry: P1MeterConfigEntry) -> None:
    """Let the loads go, give other integrations their places back, and forget what was learned of the meter."""
    await async_remove_loads(hass, entry.entry_id)
    store = async_store_of(hass, entry.entry_id)
    await store.async_load()
    await taking_over.async_leave(hass, entry, store)
    await store.async_remove()


async def _async_reload(hass: HomeAssistant, entry: P1MeterConfigEntry) -> None:
    """Take in what the person has changed, unless a number of a load was, which is at work already."""
    if not entry.runtime_data.is_outdated:
        return
    hass.config_entries.async_schedule_reload(entry.entry_id)
