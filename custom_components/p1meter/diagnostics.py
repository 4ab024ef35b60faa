"""The diagnostics download: what a helper needs to see, without what says whose meter it is."""

from dataclasses import asdict
from datetime import date, time
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.const import CONF_NAME
from homeassistant.util import dt as dt_util

from .const import CONF_ADDRESS, CONF_AUTHENTICATION_KEY, CONF_KEY
from .coordinator import LINE_KEYS, P1MeterConfigEntry
from .link.transport import scheme_of
from .load_settings import LOAD_ENTITIES, SITE_ENTITIES
from .meter import REGISTERS, Reading, Telegram
from .redacting import redacted, redacted_lines, redacted_telegram
from .sink_settings import SinkSettings

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .coordinator import MeterCoordinator
    from .load_manager import LoadManager
    from .memory import Memory
    from .settings import Settings

# Of the entry: the port may be an address in the house, keys are keys, the rest names the meter; and what a person
# calls things in the house.
_ENTRY_TO_REDACT: Final = {
    *("port", "ident", "title", "unique_id", CONF_NAME, CONF_KEY, CONF_AUTHENTICATION_KEY, CONF_ADDRESS),
    *LOAD_ENTITIES,
    *SITE_ENTITIES,
}
# Of what is kept and shared: where, and as whom.
_SINKS_TO_REDACT: Final = {
    *("database", "folder", "host", "organisation", "password", "path", "prefix", "token", "url", "user")
}
# Of what was heard since the last telegram (bytes): two or three of those.
_HEARD_SHOWN: Final = 2048
_PRIVATE_KEYS: Final = ("equipment_id", "ean", "message", "logical_device_name")


async def async_get_config_entry_diagnostics(_hass: HomeAssistant, entry: P1MeterConfigEntry) -> dict[str, Any]:
    """Return everything about one entry that is not private."""
    coordinator = entry.runtime_data
    telegram: Telegram | None = coordinator.data
    return {
        "entry": async_redact_data(entry.as_dict(), _ENTRY_TO_REDACT | _SINKS_TO_REDACT),
        "now": dt_util.utcnow().isoformat(),
        "link": _link(coordinator),
        "settings": _settings(coordinator.settings),
        "key": {
            "known": coordinator.settings.keys is not None,
            "worked": coordinator.watch.key.record.worked,
            "wrong": coordinator.watch.key.record.wrong,
            "failures": coordinator.watch.key.failures,
        },
        "line": {key: coordinator.line_value(key) for key in LINE_KEYS},
        "refusals": [
            {
                "at": refusal.at.isoformat(),
                "reason": refusal.rejected.reason,
                "hint": refusal.rejected.hint,
                "size": len(refusal.rejected.data),
                "text": redacted_lines(refusal.rejected.data),
            }
            for refusal in coordinator.refusals
        ],
        "meter": {**_meter(coordinator.memory), "another_answers": coordinator.stranger is not None},
        "loads": None if coordinator.loads is None else _loads(coordinator.loads),
        "sinks": _sinks(entry),
        "shown": {slot: _value(reading) for slot, reading in coordinator.readings.items()},
        "telegram": None
        if telegram is None
        else {
            "received_at": None if telegram.received_at is None else telegram.received_at.wall.isoformat(),
            "time": None if telegram.time is None else telegram.time.isoformat(),
            "checksum": telegram.checksum,
            "size": len(telegram.raw),
            # With a checksum of its own: scripts/read takes this download and reads it.
            "text": redacted_telegram(telegram),
        },
    }


def _link(coordinator: MeterCoordinator) -> dict[str, Any]:
    """Return how it stands and stood with the port; its name stays out."""
    return {
        "scheme": scheme_of(coordinator.settings.port) or "device",
        "state": coordinator.link_state,
        "error": None if coordinator.link_error is None else coordinator.link_error.kind,
        "available": coordinator.last_update_success,
        "silent_after": round(coordinator.silent_after, 1),
        "foreign": coordinator.foreign,
        "heard": {
            "size": len(coordinator.heard),
            "text": redacted_lines(coordinator.heard[-_HEARD_SHOWN:]),
        },
        "counting_since": coordinator.counting_since.isoformat(),
        "changes": [
            {
                "at": change.at.isoformat(),
                "state": change.state,
                "error": change.error,
                "cause": change.cause,
            }
            for change in coordinator.link_changes
        ],
        "readout_duration": coordinator.readout_duration,
        "readouts_skipped": coordinator.skipped,
    }


def _settings(settings: Settings) -> dict[str, Any]:
    """Return what was chosen, and what was taken where nothing was; the port and the keys stay out."""
    return {
        "line": str(settings.line),
        "optical": settings.optical and async_redact_data(asdict(settings.optical), {CONF_ADDRESS}),
        "interval": settings.interval,
        "offset": settings.offset,
        "request": settings.request and asdict(settings.request),
        "include_history": settings.include_history,
    }


def _loads(loads: LoadManager) -> dict[str, Any]:
    """Return what was chosen for each load, what it does and why, and how the connection is."""
    site = loads.site_view()
    return {
        "enabled": loads.enabled,
        "site": _plain(asdict(site)),
        "by_id": {
            load: {
                "config": _plain(async_redact_data(asdict(config), _ENTRY_TO_REDACT)),
                "view": _plain(asdict(loads.view(load))),
                "fault": loads.fault(load),
            }
            for load, config in loads.configs.items()
        },
    }


def _sinks(entry: P1MeterConfigEntry) -> dict[str, Any]:
    """Return what was chosen for each sink, with what was taken where nothing was, and how it is doing."""
    settings = SinkSettings.of(entry.options)
    return {
        name: {
            "settings": _plain(async_redact_data(asdict(getattr(settings, name)), _SINKS_TO_REDACT)),
            "status": {
                "taken": sink.status.taken,
                "sent": sink.status.sent,
                "dropped": sink.status.dropped,
                "waiting": sink.status.waiting,
                # Not the facts: they say where, and with the system's words.
                "error": sink.status.error,
            },
        }
        for name, sink in entry.runtime_data.sinks.sinks.items()
    }


def _plain(value: object) -> object:
    """Return a value as a person reads it in JSON: times as text, sets in order, numbers without their noise."""
    match value:
        case dict():
            return {key: _plain(one) for key, one in value.items()}
        case tuple() | list():
            return [_plain(one) for one in value]
        case set() | frozenset():
            return sorted(value)
        case date() | time():
            return value.isoformat()
        case float():
            return round(value, 3)
    return value


def _meter(memory: Memory) -> dict[str, Any]:
    known = memory.to_json()
    # What it says of the key is told elsewhere; events are what a person was told, in the words of the meter.
    del known["key"]
    known["events"] = sorted(memory.events)
    known["ident"] = redacted(memory.ident or "")
    # That of a place that was core's dsmr's begins with the meter's number; where the other one is gone, its entity id.
    known["takeovers"] = async_redact_data(known["takeovers"], {"unique_id", "place"})
    for ids in ("ids", "owners"):
        known[ids] = {of: None if equipment_id is None else REDACTED for of, equipment_id in known[ids].items()}
    return known


def _value(reading: Reading) -> dict[str, str | None]:
    private = reading.key.startswith(_PRIVATE_KEYS) or reading.key not in REGISTERS
    value = None if reading.value is None else REDACTED if private else str(reading.value)
    return {
        "value": value,
        "unit": reading.unit,
        "at": None if reading.at is None else reading.at.isoformat(),
        "code": None if reading.obis is None else str(reading.obis),
    }
