"""Repairs of one meter: each is shown once, and taken away when its cause is gone."""

from typing import TYPE_CHECKING, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .const import DOMAIN, ISSUE_METER_REPLACED, ISSUE_NO_TELEGRAMS, issue_id
from .link import TransportErrorKind
from .meter import Foreign
from .sinks import influxdb, server

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry

    from .link import TransportError

# Each repair has its place there.
_HELP: Final = "https://github.com/p1meter/p1meter/blob/main/docs/troubleshooting.md"

ISSUE_CAPTURE_STOPPED: Final = "capture_stopped"
ISSUE_CLOCK: Final = "clock_drift"
ISSUE_CLOCK_UNSET: Final = "clock_unset"
ISSUE_ENCRYPTION_UNSUPPORTED: Final = "encryption_unsupported"
ISSUE_NO_ANSWER: Final = "no_answer"
ISSUE_PORT_BUSY_BY: Final = "silent_port_busy_by"
ISSUE_RECONNECT: Final = "ready_for_reconnection"

# Why a port cannot be read, where a person can do something about it that the general text does not say.
_SILENT_BY_ERROR: Final = {
    TransportErrorKind.MISSING: "silent_port_missing",
    TransportErrorKind.LOST: "silent_port_missing",
    TransportErrorKind.BUSY: "silent_port_busy",
    TransportErrorKind.DENIED: "silent_port_denied",
    TransportErrorKind.UNREACHABLE: "silent_port_unreachable",
    TransportErrorKind.NO_RFC2217: "silent_port_unreachable",
    TransportErrorKind.NO_PROXY: "silent_port_unreachable",
}
# Why a GPIO line cannot be driven: one that asks the meter, or one that switches a load.
_LINE: Final = ("missing", "busy", "denied", "unsupported", "not_installed")
# What may be wrong with a sink: the keys that its status gives.
_SINK: Final = (
    *("journal_denied", "journal_disk_full", "journal_failed", "journal_in_use"),
    *("latest_file_denied", "latest_file_disk_full", "latest_file_failed", "latest_file_missing"),
    *("mqtt_away", "mqtt_missing", "mqtt_prefix"),
    *influxdb.ERRORS,
    *server.ERRORS,
)

ISSUES: Final = frozenset(
    {
        ISSUE_CAPTURE_STOPPED,
        ISSUE_CLOCK,
        ISSUE_CLOCK_UNSET,
        ISSUE_ENCRYPTION_UNSUPPORTED,
        ISSUE_METER_REPLACED,
        ISSUE_NO_ANSWER,
        ISSUE_NO_TELEGRAMS,
        ISSUE_PORT_BUSY_BY,
        ISSUE_RECONNECT,
        *_SILENT_BY_ERROR.values(),
        *(f"foreign_{kind}" for kind in Foreign),
        "load_entity_missing",
        "load_fault_entity",
        "take_over_failed",
        *(f"load_line_{reason}" for reason in _LINE),
        *(f"request_line_{reason}" for reason in _LINE),
        *(f"sink_{error}" for error in _SINK),
    }
)
"""All kinds there are."""


class Issues:
    """Shows and hides the repairs of one entry."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        """Start with none shown."""
        self._hass = hass
        self._entry = entry
        self._shown: dict[str, None] = {}

    @callback
    def show(
        self,
        kind: str,
        *,
        about: str = "",
        severity: ir.IssueSeverity = ir.IssueSeverity.WARNING,
        fixable: bool = False,
        **placeholders: str,
    ) -> None:
        """Show a repair, unless it is shown already.

        Args:
            kind: key of its text.
            about: role of the meter, or id of the load, that it is about, where there may be one for each.
            severity: how bad it is.
            fixable: whether a dialog of `repairs.py` belongs to it.
            placeholders: what goes into the text, besides `name`.
        """
        issue = self._id(kind, about)
        if issue in self._shown:
            return
        self._shown[issue] = None
        ir.async_create_issue(
            self._hass,
            DOMAIN,
            issue,
            data={"entry_id": self._entry.entry_id} if fixable else None,
            is_fixable=fixable,
            learn_more_url=f"{_HELP}#{kind}",
            severity=severity,
            translation_key=kind,
            translation_placeholders={"name": self._entry.title, **placeholders},
        )

    @callback
    def hide(self, kind: str, *, about: str = "") -> None:
        """Take a repair away, if it is shown."""
        # Called with every telegram, and mostly there is nothing to take away.
        if self._shown and (issue := self._id(kind, about)) in self._shown:
            del self._shown[issue]
            ir.async_delete_issue(self._hass, DOMAIN, issue)

    @callback
    def clear(self) -> None:
        """Take all away: the entry is being unloaded."""
        for issue in self._shown:
            ir.async_delete_issue(self._hass, DOMAIN, issue)
        self._shown.clear()

    def _id(self, kind: str, about: str) -> str:
        return issue_id(f"{kind}_{about}" if about else kind, self._entry.entry_id)


def silent_because(error: TransportError | None, foreign: Foreign | None, port_user: str | None, *, asked: bool) -> str:
    """Return the repair that says why no telegram comes.

    Args:
        error: what is wrong with the port; None: it is open.
        foreign: what it carries instead of telegrams, if that was recognised.
        port_user: the program that has the port, if it is known.
        asked: whether the meter has to be asked.
    """
    general = ISSUE_NO_ANSWER if asked else ISSUE_NO_TELEGRAMS
    if error is not None:
        if error.kind is TransportErrorKind.BUSY and port_user is not None:
            return ISSUE_PORT_BUSY_BY
        return _SILENT_BY_ERROR.get(error.kind, general)
    return general if foreign is None else f"foreign_{foreign}"
