"""How the meter, and the meters on its M-Bus, appear as devices."""

from typing import TYPE_CHECKING

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.device_registry import DeviceInfo

from .const import DOMAIN
from .idents import describe
from .roles import ELECTRICITY, kind_and_number

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry

    from .memory import Memory


def identifiers(entry_id: str, role: str) -> set[tuple[str, str]]:
    """Return what identifies the device of a role: never a serial number, for meters get replaced."""
    return {(DOMAIN, f"{entry_id}_{role}")}


def role_of(entry_id: str, device: dr.DeviceEntry) -> str | None:
    """Return the role that a device of this entry stands for; None: it is none of ours."""
    prefix = f"{entry_id}_"
    names = (name for domain, name in device.identifiers if domain == DOMAIN and name.startswith(prefix))
    return next((name.removeprefix(prefix) for name in names), None)


@callback
def async_register(hass: HomeAssistant, entry: ConfigEntry, memory: Memory) -> None:
    """Create the devices of everything that is known of the meter, or bring them up to date."""
    registry = dr.async_get(hass)
    ident = describe(memory.ident or "")
    main = registry.async_get_or_create(
        config_entry_id=entry.entry_id,
        **DeviceInfo(
            identifiers=identifiers(entry.entry_id, ELECTRICITY),
            name=entry.title,
            manufacturer=ident.manufacturer,
            model=ident.model,
            serial_number=memory.ids.get(ELECTRICITY),
            sw_version=memory.profile.version,
        ),
    )
    for role, equipment_id in memory.ids.items():
        if role == ELECTRICITY:
            continue
        kind, number = kind_and_number(role)
        registry.async_get_or_create(
            config_entry_id=entry.entry_id,
            **DeviceInfo(
                identifiers=identifiers(entry.entry_id, role),
                translation_key=kind if number == 1 else f"{kind}_numbered",
                translation_placeholders={} if number == 1 else {"number": str(number)},
                serial_number=equipment_id,
                via_device_id=main.id,
            ),
        )
