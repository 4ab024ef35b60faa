"""Owns the link to one meter: reads it in the background and hands what comes to the entities it concerns."""

import asyncio
from collections import Counter, deque
import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_PORT
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryNotReady
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util import dt as dt_util

from . import devices
from .const import CONF_LINE, DOMAIN, ISSUE_METER_REPLACED, ISSUE_NO_TELEGRAMS, issue_id
from .judge import Judge, Verdict
from .link import LineSettings, LinkState, Stream, TransportError, silence_limit
from .memory import Slot, slot_id
from .meter import Reader, Reading, Reason, Rejected, Telegram
from .reporting import Reporter
from .roles import ELECTRICITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from .store import MeterStore

_LOGGER = logging.getLogger(__name__)

# A meter that was never read gets so long to say something (s): three telegrams of the slowest.
_FIRST_TELEGRAM_TIMEOUT: Final = 30
# After the reader failed for a reason nobody thought of (s).
_RESTART_PAUSE: Final = 60
_REFUSALS_KEPT: Final = 10

LINE_KEYS: Final = (
    "telegrams_accepted",
    *(f"telegrams_refused_{reason}" for reason in Reason),
    "telegram_age",
    "telegram_interval",
    "telegram_delay",
)
"""What p1meter counts and measures of the line itself."""
_LINE_SLOTS: Final = frozenset(slot_id(ELECTRICITY, key) for key in LINE_KEYS)

type P1MeterConfigEntry = ConfigEntry[MeterCoordinator]


class Refusal(NamedTuple):
    """Bytes that were no telegram, and when."""

    at: datetime
    rejected: Rejected


class MeterCoordinator(DataUpdateCoordinator[Telegram]):
    """One meter. It talks by itself: nothing is polled, and only entities that are due are called.

    Listeners give the ids of their slots (`electricity_power`, `gas_gas`) as context.
    """

    config_entry: P1MeterConfigEntry

    def __init__(self, hass: HomeAssistant, entry: P1MeterConfigEntry, store: MeterStore) -> None:
        """Prepare to read the port of the entry; `store` is loaded."""
        super().__init__(hass, _LOGGER, config_entry=entry, name=DOMAIN, update_interval=None)
        # Not before the first telegram.
        self.last_update_success = False
        self.memory = store.memory
        self.readings: Mapping[str, Reading] = {}
        """What the entities show, by slot id."""
        self.accepted = 0
        self.refused: Counter[Reason] = Counter()
        self.refusals: deque[Refusal] = deque(maxlen=_REFUSALS_KEPT)
        self.link_state = LinkState.CONNECTING
        self.link_error: TransportError | None = None
        self._port: str = entry.data[CONF_PORT]
        self._store = store
        self._judge = Judge(self.memory)
        self._reporter = Reporter()
        self._stream = Stream(
            self._port,
            LineSettings.parse(entry.data[CONF_LINE]),
            Reader(zone=dt_util.get_default_time_zone(), country=hass.config.country),
            on_items=self._on_items,
            on_state=self._on_state,
            clock=dt_util.utcnow,
        )
        self._keyed: dict[str, dict[CALLBACK_TYPE, None]] = {}
        self._slot_listeners: list[Callable[[list[Slot]], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Future[None] | None = None
        self._heard = 0.0
        self._told_silent = False
        self._told_stranger: str | None = None
        self._silence_timer: asyncio.TimerHandle | None = None
        self._mark_timer: asyncio.TimerHandle | None = None
        self._mark: datetime | None = None

    @property
    def interval(self) -> float | None:
        """Seconds between two telegrams; None before they were measured."""
        return self._stream.interval

    @callback
    def learn(self, telegram: Telegram) -> None:
        """Remember what this meter sends, without showing it: the telegram is from a moment ago."""
        self._take_in(self._judge.judge(telegram, dt_util.utcnow()))

    @callback
    def start(self) -> None:
        """Read the port in the background until the entry is unloaded."""
        self._heard = self.hass.loop.time()
        self._task = self.config_entry.async_create_background_task(self.hass, self._read(), f"{DOMAIN} reader")
        self._watch_silence()
        self._due(dt_util.utcnow())

    async def async_first_telegram(self) -> None:
        """Start, and wait for the first telegram of a meter that was never read.

        Raises:
            ConfigEntryNotReady: the port cannot be opened, or nothing came from it.
        """
        self._first = self.hass.loop.create_future()
        self.start()
        try:
            async with asyncio.timeout(_FIRST_TELEGRAM_TIMEOUT):
                await self._first
        except (TransportError, TimeoutError) as err:
            raise ConfigEntryNotReady(
                translation_domain=DOMAIN,
                translation_key=f"port_{err.kind}" if isinstance(err, TransportError) else "no_telegram",
                translation_placeholders={"port": self._port},
            ) from err

    @override
    async def async_shutdown(self) -> None:
        """Stop reading: the port is free and nothing is left running. Called when the entry is unloaded."""
        await super().async_shutdown()
        for timer in (self._silence_timer, self._mark_timer):
            if timer is not None:
                timer.cancel()
        self._silence_timer = self._mark_timer = None
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for kind in (ISSUE_NO_TELEGRAMS, ISSUE_METER_REPLACED):
            ir.async_delete_issue(self.hass, DOMAIN, issue_id(kind, self.config_entry.entry_id))
        if self.memory.ident is not None:
            await self._store.async_save()

    @callback
    def adopt_meter(self) -> None:
        """Take the meter that answers now for the one that was replaced: its totals are shown from here on."""
        if self._judge.stranger is None:
            return
        old_id = self.memory.ids.get(ELECTRICITY)
        self._judge.adopt()
        verdict = self._judge.judge(self.data, dt_util.utcnow())
        self.readings = verdict.shown
        self._take_in(verdict._replace(learned=True))
        self._tell_stranger()
        if self.config_entry.unique_id == old_id:
            self.hass.config_entries.async_update_entry(self.config_entry, unique_id=self.memory.ids[ELECTRICITY])

    @callback
    @override
    def async_add_listener(self, update_callback: CALLBACK_TYPE, context: Any = None) -> Callable[[], None]:
        """Call back when one of the slots of `context` is due, and whenever availability changes."""
        remove_from_all = super().async_add_listener(update_callback, context)
        slots: tuple[str, ...] = tuple(context or ())
        for slot in slots:
            self._keyed.setdefault(slot, {})[update_callback] = None

        def remove() -> None:
            remove_from_all()
            for slot in slots:
                self._keyed[slot].pop(update_callback, None)
                if not self._keyed[slot]:
                    del self._keyed[slot]

        return remove

    @callback
    def async_listen_for_slots(self, listener: Callable[[Iterable[Slot]], None]) -> CALLBACK_TYPE:
        """Call `listener` with all slots that are known, now, and with new ones when they come."""
        self._slot_listeners.append(listener)
        listener(list(self.memory.slots.values()))
        return lambda: self._slot_listeners.remove(listener)

    @override
    async def async_request_refresh(self) -> None:
        """Do nothing: nothing can be asked of a meter that talks by itself.

        The base class would fail and take the entities for unavailable (`homeassistant.update_entity`).
        """

    def is_doubtful(self, slot: Slot) -> bool:
        """Whether nobody can say what this value means: a total, while another meter answers."""
        return self._judge.is_doubtful(slot)

    def line_value(self, key: str) -> int | float | None:
        """Return one of `LINE_KEYS` as it is now: a number of telegrams, or seconds."""
        if key == "telegrams_accepted":
            return self.accepted
        if key == "telegram_interval":
            return None if self.interval is None else round(self.interval, 1)
        if key in {"telegram_age", "telegram_delay"}:
            telegram: Telegram | None = self.data
            if telegram is None or telegram.received_at is None:
                return None
            received = telegram.received_at.wall
            if key == "telegram_age":
                return round((dt_util.utcnow() - received).total_seconds(), 1)
            return None if telegram.time is None else round((received - telegram.time).total_seconds(), 1)
        return self.refused[Reason(key.removeprefix("telegrams_refused_"))]

    async def _read(self) -> None:
        while True:
            try:
                await self._stream.run()
            except Exception:
                # Whatever went wrong once, the meter must come back.
                _LOGGER.exception("Reading %s failed; trying again in %d s", self._port, _RESTART_PAUSE)
            await asyncio.sleep(_RESTART_PAUSE)

    @callback
    def _on_state(self, state: LinkState, error: TransportError | None) -> None:
        self.link_state, self.link_error = state, error
        if error is not None and self._first is not None and not self._first.done():
            self._first.set_exception(error)

    @callback
    def _on_items(self, items: list[Telegram | Rejected]) -> None:
        wall = dt_util.utcnow()
        newest: Telegram | None = None
        for item in items:
            if isinstance(item, Rejected):
                self.refused[item.reason] += 1
                self.refusals.append(Refusal(wall, item))
                _LOGGER.debug("Refused (%s): %s %r", item.reason, item.hint, item.data)
            else:
                self.accepted += 1
                newest = item
        if newest is None:
            return
        self._heard = self.hass.loop.time()
        verdict = self._judge.judge(newest, wall)
        self.data, self.readings = newest, verdict.shown
        self._take_in(verdict)
        self._hand_out(wall)
        self._tell_stranger()
        self._watch_silence()
        if self._first is not None and not self._first.done():
            self._first.set_result(None)

    @callback
    def _take_in(self, verdict: Verdict) -> None:
        """Keep what was learned; devices come before the entities on them."""
        if verdict.learned:
            self._store.async_save_soon()
            devices.async_register(self.hass, self.config_entry, self.memory)
        if verdict.new:
            for listener in self._slot_listeners:
                listener(verdict.new)

    @callback
    def _hand_out(self, wall: datetime) -> None:
        """Write what is due; everything after a silence."""
        if self.last_update_success:
            self._call(self._due(wall))
            return
        self.last_update_success, self.last_exception = True, None
        self._reporter.forget()
        self._due(wall)
        if self._told_silent:
            self._told_silent = False
            _LOGGER.info("Telegrams from %s again", self._port)
            ir.async_delete_issue(self.hass, DOMAIN, issue_id(ISSUE_NO_TELEGRAMS, self.config_entry.entry_id))
        self.async_update_listeners()

    @callback
    def _call(self, due: Iterable[str]) -> None:
        wanted: dict[CALLBACK_TYPE, None] = {}
        for slot in due:
            wanted.update(self._keyed.get(slot, {}))
        for update_callback in wanted:
            try:
                update_callback()
            except Exception:
                # One that fails must not starve the others.
                _LOGGER.exception("Unexpected error updating a listener of %s", self.name)

    @callback
    def _due(self, wall: datetime) -> set[str]:
        """Return the slots that are due; at a mark, also what is only written then."""
        due = self._reporter.due(self.readings, wall)
        mark = self._reporter.next_due()
        if mark is not None and mark != self._mark:
            self._mark = mark
            if self._mark_timer is not None:
                self._mark_timer.cancel()
            self._mark_timer = self.hass.loop.call_later((mark - wall).total_seconds(), self._at_mark)
            self._store.async_save_later()
            due |= _LINE_SLOTS
        return due

    @callback
    def _at_mark(self) -> None:
        """Write what no telegram wrote before the mark."""
        self._mark = None
        due = self._due(dt_util.utcnow())
        self._call(due if self.last_update_success else _LINE_SLOTS)

    @callback
    def _watch_silence(self) -> None:
        deadline = self._heard + silence_limit(self.interval)
        # Moving it with every telegram would cost more than a look now and then.
        if self._silence_timer is None or self._silence_timer.when() > deadline:
            if self._silence_timer is not None:
                self._silence_timer.cancel()
            self._silence_timer = self.hass.loop.call_at(deadline, self._look_for_silence)

    @callback
    def _look_for_silence(self) -> None:
        self._silence_timer = None
        limit = silence_limit(self.interval)
        if self.hass.loop.time() < self._heard + limit:
            self._watch_silence()
            return
        self._told_silent = True
        _LOGGER.info("No telegram from %s for %.0f s: %s", self._port, limit, self.link_error or "nothing good came")
        ir.async_create_issue(
            self.hass,
            DOMAIN,
            issue_id(ISSUE_NO_TELEGRAMS, self.config_entry.entry_id),
            is_fixable=False,
            severity=ir.IssueSeverity.WARNING,
            translation_key=ISSUE_NO_TELEGRAMS,
            translation_placeholders={"name": self.config_entry.title, "port": self._port},
        )
        if self.last_update_success:
            self.last_update_success = False
            self.async_update_listeners()

    @callback
    def _tell_stranger(self) -> None:
        """Ask the person once when another meter answers; the totals go, or come back."""
        if (stranger := self._judge.stranger) == self._told_stranger:
            return
        self._told_stranger = stranger
        issue = issue_id(ISSUE_METER_REPLACED, self.config_entry.entry_id)
        if stranger is None:
            ir.async_delete_issue(self.hass, DOMAIN, issue)
        else:
            _LOGGER.info("Another meter answers on %s: its totals are not shown", self._port)
            ir.async_create_issue(
                self.hass,
                DOMAIN,
                issue,
                data={"entry_id": self.config_entry.entry_id},
                is_fixable=True,
                severity=ir.IssueSeverity.ERROR,
                translation_key=ISSUE_METER_REPLACED,
                translation_placeholders={"name": self.config_entry.title},
            )
        self.async_update_listeners()
