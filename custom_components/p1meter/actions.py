"""The actions: what automations and scripts can ask of p1meter."""

from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import selector, service
import probatio as vol

from .const import DOMAIN
from .meter import HistoryKind, history

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse

    from .coordinator import P1MeterConfigEntry
    from .meter import HistoryRow, Telegram

ATTR_CONFIG_ENTRY_ID: Final = "config_entry_id"
ATTR_KIND: Final = "kind"
ATTR_ROWS: Final = "rows"

SERVICE_GET_HISTORY: Final = "get_history"

_GET_HISTORY_SCHEMA: Final = vol.Schema(
    {
        vol.Optional(ATTR_CONFIG_ENTRY_ID): selector.ConfigEntrySelector({"integration": DOMAIN}),
        vol.Optional(ATTR_KIND): vol.In([kind.value for kind in HistoryKind]),
    }
)


@callback
def async_register(hass: HomeAssistant) -> None:
    """Register the actions; they find their meter when they are called."""
    hass.services.async_register(
        DOMAIN,
        SERVICE_GET_HISTORY,
        _async_get_history,
        schema=_GET_HISTORY_SCHEMA,
        supports_response=SupportsResponse.ONLY,
    )


@callback
def _async_get_history(call: ServiceCall) -> ServiceResponse:
    """Return what the newest telegram of a meter tells of the past, each kind from the oldest to the newest.

    Raises:
        ServiceValidationError: there is no such meter, it is not loaded, or there are several and none was named.
        HomeAssistantError: nothing was read yet, or another meter answers.
    """
    entry: P1MeterConfigEntry = service.async_get_config_entry(call.hass, DOMAIN, call.data.get(ATTR_CONFIG_ENTRY_ID))
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
    kind = call.data.get(ATTR_KIND)
    return {ATTR_ROWS: [_row(row) for row in history.rows(telegram) if kind in {None, row.kind}]}


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
