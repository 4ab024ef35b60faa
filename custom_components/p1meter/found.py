"""A meter that was found, in the words of the dialogs."""

from typing import TYPE_CHECKING

from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .idents import describe
from .meter import REGISTERS
from .roles import Roles, kind_and_number
from .words import async_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import HomeAssistant

    from .meter import Profile, Telegram

# So many of the last digits of a meter's number tell two of a kind apart.
_DIGITS_SHOWN = 4


def meter_id(telegram: Telegram) -> str | None:
    """Return what tells this meter from all others: its equipment id, else that of the only meter on its M-Bus."""
    if (own := telegram.readings.get("equipment_id")) is not None and isinstance(own.value, str):
        return own.value
    ids = {device.equipment_id for device in telegram.mbus.values()} - {None}
    return ids.pop() if len(ids) == 1 else None


async def async_title(hass: HomeAssistant, telegram: Telegram) -> str:
    """Return a name for the meter's entry that no other has: `Iskra AM550`, for a second one `Iskra AM550 8923`."""
    words = await async_words(hass, "meter")
    name = describe(telegram.ident).name or words["unknown"]
    taken = {entry.title for entry in hass.config_entries.async_entries(DOMAIN)}
    names = [name]
    # Nothing else of what a meter calls its number has a place in a name.
    if own := "".join(filter(str.isalnum, meter_id(telegram) or "")):
        names.append(f"{name} {own[-_DIGITS_SHOWN:]}")
    names += [f"{name} {number}" for number in range(2, len(taken) + 3)]
    return next(title for title in names if title not in taken)


async def async_description(hass: HomeAssistant, telegram: Telegram) -> dict[str, str]:
    """Return the pieces of the sentence that says what was found."""
    meters = await async_words(hass, "meter")
    systems = await async_words(hass, "system")
    roles = Roles({}).assign(telegram.mbus.values(), dt_util.utcnow())
    devices = []
    for kind, number in sorted(map(kind_and_number, roles.values())):
        devices.append(meters[kind] if number == 1 else f"{meters[kind]} {number}")
    return {
        "meter": describe(telegram.ident).name or meters["unknown"],
        "system": system_name(telegram.profile, systems),
        "devices": ", ".join(devices) or meters["none"],
        "count": str(_number_of_values(telegram)),
    }


def system_name(profile: Profile, systems: Mapping[str, str]) -> str:
    """Return what a kind of meter is called, `Netherlands DSMR 5`; `systems` are the words for it."""
    return systems.get(f"{profile.name}-{(profile.country or '').lower()}") or systems[profile.name]


def _number_of_values(telegram: Telegram) -> int:
    """Return how many values of a telegram become sensors."""
    return sum(
        1
        for reading in telegram.readings.values()
        if reading.value is not None and ((register := REGISTERS.get(reading.key)) is None or register.entity)
    )
