"""What *System information* says of the meters: made to be published, so nothing in it tells whose they are."""

from typing import TYPE_CHECKING, Any, Final

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import callback

from .const import DOMAIN
from .found import system_name
from .words import async_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.components.system_health import SystemHealthRegistration
    from homeassistant.core import HomeAssistant

    from .coordinator import MeterCoordinator

_NOTHING: Final = "-"


@callback
def async_register(_hass: HomeAssistant, register: SystemHealthRegistration) -> None:
    """Say who answers."""
    register.async_register_info(async_info, f"/config/integrations/integration/{DOMAIN}")


async def async_info(hass: HomeAssistant) -> dict[str, Any]:
    """Return one line for each fact; where there are several meters, one after the other in the order of their entries.

    The words are those of the language that Home Assistant runs in.
    """
    health, systems, sinks = [await async_words(hass, group) for group in ("health", "system", "sink")]
    entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False, include_disabled=False)
    meters: list[MeterCoordinator | None] = [
        entry.runtime_data if entry.state is ConfigEntryState.LOADED else None for entry in entries
    ]
    facts = [
        {"state": health["stopped"]} if meter is None else _facts(meter, health, systems, sinks) for meter in meters
    ]
    return {
        "meters": len(entries),
        **{
            key: "; ".join(fact.get(key, _NOTHING) for fact in facts)
            for key in ("state", "system", "accepted", "refused", "interval", "outputs", "loads")
            if facts
        },
    }


def _facts(
    meter: MeterCoordinator, health: Mapping[str, str], systems: Mapping[str, str], sinks: Mapping[str, str]
) -> dict[str, str]:
    profile = meter.memory.profile
    outputs = [
        sinks[name] if sink.status.error is None else health["failing"].format(output=sinks[name])
        for name, sink in meter.sinks.sinks.items()
    ]
    return {
        "state": health[_state(meter)],
        "system": " ".join(filter(None, (system_name(profile, systems), profile.version and f"({profile.version})"))),
        "accepted": str(meter.accepted),
        "refused": str(meter.refused.total()),
        "interval": _NOTHING if meter.interval is None else f"{meter.interval:.1f} s",
        "outputs": ", ".join(outputs) or _NOTHING,
        "loads": str(0 if meter.loads is None else len(meter.loads.configs)),
    }


def _state(meter: MeterCoordinator) -> str:
    """Return the key of the words that say how it stands with the line."""
    if meter.last_update_success:
        return "reads"
    if meter.watch.key.record.wrong:
        return "key"
    if meter.link_error is not None:
        return "port"
    if meter.foreign is not None or meter.watch.is_unsupported:
        return "unreadable"
    return "silent"
