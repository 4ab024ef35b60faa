"""The actions: what automations and scripts can ask of p1meter."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import config_validation as cv, selector, service
import probatio as vol

from .const import DOMAIN
from .meter import HistoryKind, history
from .meter.foreign import without_parity
from .saving import async_copy_journal, async_save

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse

    from .coordinator import MeterCoordinator, P1MeterConfigEntry
    from .meter import HistoryRow, Reading, Telegram

ATTR_AS: Final = "as"
ATTR_CONFIG_ENTRY_ID: Final = "config_entry_id"
ATTR_FILES: Final = "files"
ATTR_FOLDER: Final = "folder"
ATTR_KIND: Final = "kind"
ATTR_PATH: Final = "path"
ATTR_ROWS: Final = "rows"

SERVICE_COPY_JOURNAL: Final = "copy_journal"
SERVICE_GET_HISTORY: Final = "get_history"
SERVICE_GET_TELEGRAM: Final = "get_telegram"
SERVICE_READ_NOW: Final = "read_now"
SERVICE_RESET_CONNECTION: Final = "reset_connection"
SERVICE_SAVE_TELEGRAM: Final = "save_telegram"

_METER: Final = {vol.Optional(ATTR_CONFIG_ENTRY_ID): selector.ConfigEntrySelector({"integration": DOMAIN})}
_METER_SCHEMA: Final = vol.Schema(_METER)
_GET_HISTORY_SCHEMA: Final = vol.Schema(
    {**_METER, vol.Optional(ATTR_KIND): vol.In([kind.value for kind in HistoryKind])}
)
_SAVE_TELEGRAM_SCHEMA: Final = vol.Schema({**_METER, vol.Required(ATTR_AS): vol.In(["sml3", "raw", "latest"])})
_COPY_JOURNAL_SCHEMA: Final = vol.Schema({**_METER, vol.Required(ATTR_FOLDER): cv.string})


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the actions; they find their meter when they are called. Only administrators may change anything."""
    answers = (
        (SERVICE_GET_HISTORY, _async_get_history, _GET_HISTORY_SCHEMA, SupportsResponse.ONLY),
        (SERVICE_GET_TELEGRAM, _async_get_telegram, _METER_SCHEMA, SupportsResponse.ONLY),
        (SERVICE_READ_NOW, _async_read_now, _METER_SCHEMA, SupportsResponse.OPTIONAL),
    )
    for name, answer, schema, supports_response in answers:
        hass.services.async_register(DOMAIN, name, answer, schema, supports_response)
    changes = (
        (SERVICE_COPY_JOURNAL, _async_copy_journal, _COPY_JOURNAL_SCHEMA, SupportsResponse.OPTIONAL),
        (SERVICE_RESET_CONNECTION, _async_reset_connection, _METER_SCHEMA, SupportsResponse.NONE),
        (SERVICE_SAVE_TELEGRAM, _async_save_telegram, _SAVE_TELEGRAM_SCHEMA, SupportsResponse.OPTIONAL),
    )
    for name, change, schema, supports_response in changes:
        service.async_register_admin_service(hass, DOMAIN, name, change, schema, supports_response)


def _entry(call: ServiceCall) -> P1MeterConfigEntry:
    """Return the meter that an action is about.

    Raises:
        ServiceValidationError: there is no such meter, it is not loaded, or there are several and none was named.
    """
    entry: P1MeterConfigEntry = service.async_get_config_entry(call.hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID))
    return entry


def _newest(entry: P1MeterConfigEntry) -> Telegram:
    """Return the newest telegram of a meter that is shown.

    Raises:
        HomeAssistantError: nothing was read yet, or another meter answers.
    """
    name = {"name": entry.title}
    telegram: Telegram | None = entry.runtime_data.data
    if telegram is None:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="nothing_read", translation_placeholders=name
        )
    if entry.runtime_data.stranger is not None:
        raise HomeAssistantError(
            translation_domain=DOMAIN, translation_key="another_meter", translation_placeholders=name
        )
    return telegram


# --- what the meter says ----------------------------------------------------------------------------------------------


async def _async_get_history(call: ServiceCall) -> ServiceResponse:
    """Return what the newest telegram of a meter tells of the past, each kind from the oldest to the newest.

    After a start there may be none yet, and a read-out takes a minute: it is waited for.

    Raises:
        HomeAssistantError: none came, or another meter answers.
    """
    entry, kind = _entry(call), call.data.get(ATTR_KIND)
    heard: Telegram | None = entry.runtime_data.data
    if heard is None:
        await entry.runtime_data.async_read_now()
    return {ATTR_ROWS: [_row(row) for row in history.rows(_newest(entry)) if kind in {None, row.kind}]}


def _row(row: HistoryRow) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "key": row.key,
        "obis": str(row.obis),
        "at": None if row.at is None else row.at.isoformat(),
        "occurred": None if row.occurred is None else row.occurred.isoformat(),
        "value": None if row.value is None else float(row.value),
        "unit": row.unit,
        "duration": row.duration_s,
        "manual": row.manual,
    }


@callback
def _async_get_telegram(call: ServiceCall) -> ServiceResponse:
    """Return the newest telegram that is shown."""
    entry = _entry(call)
    return _told(_newest(entry), entry.runtime_data)


async def _async_read_now(call: ServiceCall) -> ServiceResponse:
    """Return the next telegram.

    Raises:
        HomeAssistantError: none came, or it is of another meter.
    """
    entry = _entry(call)
    await entry.runtime_data.async_read_now()
    return _told(_newest(entry), entry.runtime_data)


def _told(telegram: Telegram, coordinator: MeterCoordinator) -> dict[str, Any]:
    """Return the newest telegram as JSON has it, with what is shown of it."""
    received = telegram.received_at
    return {
        "ident": telegram.ident,
        "time": None if telegram.time is None else telegram.time.isoformat(),
        "received": None if received is None else received.wall.isoformat(),
        "text": without_parity(telegram.raw).decode("latin-1"),
        "readings": {name: _plain(one) for name, one in coordinator.sinks.named(coordinator.readings).items()},
        "objects": [{"obis": str(obis), "sent": list(groups)} for obis, groups in telegram.objects],
    }


def _plain(reading: Reading) -> dict[str, Any]:
    value: object = reading.value
    if isinstance(value, Decimal):
        value = float(value)
    elif isinstance(value, datetime):
        value = value.isoformat()
    return {"value": value, "unit": reading.unit, "at": None if reading.at is None else reading.at.isoformat()}


# --- what changes something -------------------------------------------------------------------------------------------


async def _async_save_telegram(call: ServiceCall) -> ServiceResponse:
    """Write the newest telegram that is shown, and return the file; None where its reader has not taken the last."""
    entry = _entry(call)
    path = await async_save(call.hass, entry, _newest(entry), call.data[ATTR_AS])
    return {ATTR_PATH: None if path is None else str(path)}


async def _async_copy_journal(call: ServiceCall) -> ServiceResponse:
    """Copy what changed of the journal, and return the names of the files."""
    return {ATTR_FILES: list(await async_copy_journal(call.hass, _entry(call), call.data[ATTR_FOLDER]))}


async def _async_reset_connection(call: ServiceCall) -> None:
    """Close the port, forget what was received in part, and open it again."""
    await _entry(call).runtime_data.async_reset_connection()
