"""A meter that was found, in the words of the dialogs."""

from typing import TYPE_CHECKING

from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .idents import describe, plain
from .meter import REGISTERS
from .roles import ELECTRICITY, Roles, kind_and_number
from .words import async_words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from homeassistant.core import HomeAssistant

    from .memory import Memory
    from .meter import Profile, Telegram

# So many of the last digits of a meter's number tell two of a kind apart.
_DIGITS_SHOWN = 4
# No equipment id is longer (DSMR 5.0.2 P1 §6.12: 96 digits, two for a letter).
_LONGEST = 48


def meter_id(telegram: Telegram) -> str | None:
    """Return what tells this meter from all others: its equipment id, else that of the only meter on its M-Bus."""
    return own if (own := _own_id(telegram)) is not None else _only(_ids_on_mbus(telegram))


def tells_an_id(telegram: Telegram) -> bool:
    """Return whether anything tells this meter from others of its kind."""
    return _own_id(telegram) is not None or bool(_ids_on_mbus(telegram))


def is_of(memory: Memory, telegram: Telegram) -> bool:
    """Return whether a telegram is of the meter that a memory is of, as far as it tells.

    What a meter says of itself may be another thing than when it was added: new firmware, a heat meter that was
    replaced.
    """
    if (own := _own_id(telegram)) is not None:
        return own == memory.ids.get(ELECTRICITY)
    if ids := _ids_on_mbus(telegram):
        return not ids.isdisjoint(memory.ids.values())
    return telegram.ident == memory.ident


def is_asked_about(memory: Memory, telegram: Telegram) -> bool:
    """Return whether a repair will ask about this other meter, once it is read in the place of ours."""
    return _own_id(telegram) is not None and memory.ids.get(ELECTRICITY) is not None


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


async def async_comparison(hass: HomeAssistant, memory: Memory, telegram: Telegram) -> dict[str, str]:
    """Return the pieces of the sentences about another meter that answers in the place of ours."""
    unknown = (await async_words(hass, "meter"))["unknown"]
    on_mbus = {number for role, number in memory.ids.items() if role != ELECTRICITY and number is not None}
    known = memory.ids.get(ELECTRICITY) or _only(on_mbus) or memory.ident
    return await async_description(hass, telegram) | {
        "known": _named(describe(memory.ident or "").name or unknown, known),
        "found": _named(describe(telegram.ident).name or unknown, meter_id(telegram) or telegram.ident),
    }


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


def _own_id(telegram: Telegram) -> str | None:
    own = telegram.readings.get("equipment_id")
    return own.value if own is not None and isinstance(own.value, str) else None


def _ids_on_mbus(telegram: Telegram) -> set[str]:
    return {device.equipment_id for device in telegram.mbus.values() if device.equipment_id is not None}


def _only(ids: Collection[str]) -> str | None:
    return next(iter(ids)) if len(ids) == 1 else None


def _named(name: str, number: str | None) -> str:
    """Return a meter with what tells it from others of its name: `Iskra AM550 (E0047000071238923)`."""
    return f"{name} ({told})" if (told := plain(number or "")[:_LONGEST]) else name


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
