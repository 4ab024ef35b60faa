"""Watches one meter for what a person has to know of: its key, its clock, its meters on the M-Bus, its breaker."""

from contextlib import suppress
import logging
import re
from typing import TYPE_CHECKING, Final

from homeassistant.config_entries import SOURCE_REAUTH
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import UnknownFlow
from homeassistant.helpers import device_registry as dr
from homeassistant.util import dt as dt_util

from .clock_watch import CaptureWatch, ClockWatch
from .devices import identifiers
from .issues import (
    ISSUE_CAPTURE_STOPPED,
    ISSUE_CLOCK,
    ISSUE_CLOCK_UNSET,
    ISSUE_ENCRYPTION_UNSUPPORTED,
    ISSUE_RECONNECT,
    Issues,
    silent_because,
)
from .key_watch import KeyWatch
from .memory import slot_id
from .meter import Reading, Reason, Rejected, Telegram
from .meter.values import captured
from .roles import ELECTRICITY, kind_and_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from homeassistant.config_entries import ConfigEntry

    from .link import TransportError
    from .meter import Foreign
    from .request_line import RequestLineError
    from .settings import Settings
    from .store import MeterStore

_LOGGER = logging.getLogger(__name__)

_BREAKER: Final = slot_id(ELECTRICITY, "breaker_state")
# Meters that capture at least once a day by themselves; a submeter or a meter of another kind may be read by hand.
_CAPTURING: Final = frozenset({"gas", "heat", "cooling", "water", "warm_water", "hot_water", "cold_water"})
# What begins a frame that a key opens (DLMS general-glo-ciphering); Elgama's frames have none.
_TAG_OF_ENCRYPTED: Final = b"\xdb"
# DSMR 2.2 to 5.0, eMUCS 1.x and 2.x.
_KNOWN_VERSIONS: Final = re.compile(r"2\.2/3|4\.[0-2]|5\.0|502\d\d")
_UNSUPPORTED_IN_A_ROW: Final = 3
# An optical head sends its clock first, and some send no seconds.
_SLACK_OF_A_READ_OUT: Final = 60.0


class Watch:
    """Looks at what comes in, and tells the person by repairs and by asking for a new key."""

    def __init__(
        self, hass: HomeAssistant, entry: ConfigEntry, store: MeterStore, settings: Settings, issues: Issues
    ) -> None:
        """Begin with what is remembered."""
        self.key = KeyWatch(store.memory.key, settings.keys)
        self._asked = settings.optical is not None
        self._hass = hass
        self._entry = entry
        self._store = store
        self._issues = issues
        self._clock = ClockWatch()
        self._captures = CaptureWatch()
        self._stopped: set[str] = set()
        self._port = settings.port
        self._told_silent: str | None = None
        self._told_request: str | None = None
        self._unsupported = 0
        self.is_alert = True
        """Whether anything was refused since a telegram came: then `opened` is to be told of the next one."""
        self._profile = store.memory.profile

    @callback
    def start(self) -> None:
        """Ask again for a key that is known to be wrong: a reload has closed the dialog."""
        self._ask_for_key()

    @callback
    def opened(self) -> None:
        """A telegram came."""
        self.is_alert = False
        if self._unsupported:
            self._unsupported = 0
            self._issues.hide(ISSUE_ENCRYPTION_UNSUPPORTED)
        was_wrong = self.key.record.wrong
        if not self.key.opened():
            return
        self._remember_key()
        if was_wrong:
            for flow in list(self._entry.async_get_active_flows(self._hass, {SOURCE_REAUTH})):
                with suppress(UnknownFlow):
                    self._hass.config_entries.flow.async_abort(flow["flow_id"])

    @property
    def is_unsupported(self) -> bool:
        """Whether what comes is encrypted in a way that no key opens."""
        return self._unsupported >= _UNSUPPORTED_IN_A_ROW

    @callback
    def silent(
        self, error: TransportError | None, foreign: Foreign | None, port_user: str | None, limit: float
    ) -> None:
        """Say once that no telegram comes, and why, each time that the reason changes.

        Args:
            error: what is wrong with the port; None: it is open.
            foreign: what it carries instead of telegrams, if that was recognised.
            port_user: the program that has the port, if it is known.
            limit: how long it is silent, in seconds.
        """
        if self.key.record.wrong or self.key.is_doubtful(self._hass.loop.time()):
            # Home Assistant asks for another one, or will: that says it all.
            why = ""
        elif self.is_unsupported:
            why = ISSUE_ENCRYPTION_UNSUPPORTED
        else:
            why = self._told_request or silent_because(error, foreign, port_user, asked=self._asked)
        if why == self._told_silent:
            return
        if self._told_silent is None:
            _LOGGER.info(
                "No telegram from %s for %.0f s: %s", self._port, limit, error or foreign or "nothing good came"
            )
        else:
            self._issues.hide(self._told_silent)
        self._told_silent = why
        if not why:
            return
        if port_user is None:
            self._issues.show(why, port=self._port)
        else:
            self._issues.show(why, port=self._port, program=port_user)

    @callback
    def speaks_again(self) -> None:
        """Telegrams come, perhaps after a silence."""
        if self._told_silent is not None:
            _LOGGER.info("Telegrams from %s again", self._port)
            self._issues.hide(self._told_silent)
            self._told_silent = None

    @callback
    def request_line(self, error: RequestLineError | None) -> None:
        """Say it where the pin that asks the meter cannot be driven; None: it can."""
        if self._told_request is not None:
            self._issues.hide(self._told_request)
            self._told_request = None
        if error is not None:
            self._told_request = f"request_line_{error.reason}"
            self._issues.show(self._told_request, chip=error.chip, line=str(error.line), holder=error.holder or "?")

    @callback
    def refused(self, item: Rejected) -> None:
        """Something was no telegram."""
        self.is_alert = True
        if item.reason is Reason.KEY or (item.reason is Reason.CIPHER and item.data.startswith(_TAG_OF_ENCRYPTED)):
            self.key.failed(self._hass.loop.time())
            self._remember_key()
            self._ask_for_key()
        elif item.reason in {Reason.CIPHER, Reason.UNSUPPORTED} and not self._asked:
            self._unsupported += 1
            if self.is_unsupported:
                self._issues.show(ISSUE_ENCRYPTION_UNSUPPORTED)

    @callback
    def learned(self) -> None:
        """Say once which kind of meter this is, and whether its version is a new one; it is read all the same."""
        profile = self._store.memory.profile
        if profile == self._profile:
            return
        self._profile = profile
        if profile.name == "generic":
            _LOGGER.info("This kind of meter is not known: its values are shown under neutral names")
        elif profile.version is None or _KNOWN_VERSIONS.fullmatch(profile.version):
            _LOGGER.info("The meter is read as %s, version %s", profile.name, profile.version or "not told")
        else:
            _LOGGER.info("Version %s of the meter is not known: it is read as %s", profile.version, profile.name)

    @callback
    def shown(self, readings: Mapping[str, Reading]) -> None:
        """Look at what a telegram states."""
        breaker = readings.get(_BREAKER)
        if breaker is not None and breaker.value == "ready_for_reconnection":
            self._issues.show(ISSUE_RECONNECT)
        else:
            self._issues.hide(ISSUE_RECONNECT)

    @callback
    def look_around(
        self, telegram: Telegram, readings: Mapping[str, Reading], wall: datetime, read_out: float | None
    ) -> None:
        """Look, every five minutes, at what changes slowly.

        Args:
            telegram: the newest one.
            readings: what is shown of it, by slot id.
            wall: the time, aware.
            read_out: seconds that the last read-out took; None before the first, and of a meter that talks by itself.
        """
        time, delay = captured(telegram.time), None
        if time is not None and telegram.received_at is not None:
            delay = (telegram.received_at.wall - time).total_seconds()
        if self._clock.look(delay, (read_out or 0.0) + _SLACK_OF_A_READ_OUT if self._asked else 0.0):
            self._issues.show(ISSUE_CLOCK, minutes=str(round(abs(delay or 0.0) / 60)))
        else:
            self._issues.hide(ISSUE_CLOCK)
        if telegram.time is not None and time is None:
            self._issues.show(ISSUE_CLOCK_UNSET)
        else:
            self._issues.hide(ISSUE_CLOCK_UNSET)
        captures = {
            role: reading.at
            for slot, reading in readings.items()
            if reading.channel is not None and reading.at is not None
            if (known := self._store.memory.slots.get(slot)) is not None
            for role in (known.role,)
            if kind_and_number(role)[0] in _CAPTURING
        }
        stopped = self._captures.look(captures, time or wall)
        for role in stopped - self._stopped:
            self._issues.show(
                ISSUE_CAPTURE_STOPPED,
                about=role,
                device=self._name_of_device(role),
                since=dt_util.as_local(captures[role]).strftime("%Y-%m-%d %H:%M"),
            )
        for role in self._stopped - stopped:
            self._issues.hide(ISSUE_CAPTURE_STOPPED, about=role)
        self._stopped = stopped

    def _name_of_device(self, role: str) -> str:
        entry_id = self._entry.entry_id
        (identifier,) = identifiers(entry_id, role)
        device = dr.async_get(self._hass).async_get_device_by_identifier(identifier, entry_id)
        return "" if device is None else device.name_by_user or device.name or ""

    def _remember_key(self) -> None:
        memory = self._store.memory
        if memory.key != self.key.record:
            memory.key = self.key.record
            if memory.ident is not None:
                self._store.async_save_soon()

    def _ask_for_key(self) -> None:
        if self.key.is_to_be_asked(self._hass.loop.time()):
            self._entry.async_start_reauth(self._hass)
