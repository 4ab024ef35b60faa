"""Owns the link to one meter: reads it in the background and hands what comes to the entities it concerns."""

import asyncio
from collections import Counter, deque
from contextlib import contextmanager
import errno
import logging
import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple, override

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_PORT
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady, HomeAssistantError
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util

from . import devices
from .const import DOMAIN, ISSUE_METER_REPLACED
from .demand import BilledPeaks, ComputedDemand
from .issues import Issues
from .judge import Judge, Verdict
from .keyed import KeyedCoordinator
from .late import Captures
from .link import Dialogue, LinkState, Stream, TransportError, TransportErrorKind, silence_limit
from .memory import Slot, slot_id
from .meter import Foreign, Reading, Reason, Rejected, Telegram
from .meter.values import captured
from .news import NewsReader
from .ports import async_moved_port, async_prepare, async_program_on
from .redacting import redacted_lines
from .reporting import Reporter
from .request_line import GpioRequest, RequestLineError, request_line
from .roles import ELECTRICITY
from .settings import Settings
from .sink_manager import SINK_KEYS, SinkManager
from .source import POLL_INTERVAL, make_source
from .watch import Watch

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from datetime import datetime

    from .load_manager import LoadManager
    from .meter.readings import Step
    from .store import MeterStore

_LOGGER = logging.getLogger(__name__)

# A meter that was never read gets so long to say something (s): three telegrams of the slowest.
_FIRST_TELEGRAM_TIMEOUT: Final = 30
# A port that was closed is open again after so long (s), or that is not waited for.
_OPEN_TIMEOUT: Final = 10
# After the reader failed for a reason nobody thought of (s).
_RESTART_PAUSE: Final = 60
# Whether the meter is silent is looked at so often, if not sooner (s).
_LOOK_AGAIN: Final = 10.0
# How often a port that is gone is looked for elsewhere (s).
_SEARCH_PAUSE: Final = 30
_REFUSALS_KEPT: Final = 10
_LINK_CHANGES_KEPT: Final = 20

LINE_KEYS: Final = (
    "telegrams_accepted",
    *(f"telegrams_refused_{reason}" for reason in Reason),
    "telegram_age",
    "telegram_interval",
    "telegram_delay",
)
"""What p1meter counts and measures of the line itself."""
READOUT_KEYS: Final = ("readout_duration", "readouts_skipped")
"""The same of a meter that is asked."""
_LINE_SLOTS: Final = frozenset(slot_id(ELECTRICITY, key) for key in (*LINE_KEYS, *READOUT_KEYS, *SINK_KEYS))

type P1MeterConfigEntry = ConfigEntry[MeterCoordinator]


class Refusal(NamedTuple):
    """Bytes that were no telegram, and when."""

    at: datetime
    rejected: Rejected


class LinkChange(NamedTuple):
    """How it stood with the port from a moment on; of an error also what the system calls it, `OSError EIO`."""

    at: datetime
    state: LinkState
    error: TransportErrorKind | None
    cause: str | None


class MeterCoordinator(KeyedCoordinator[Telegram]):
    """One meter. It talks by itself: nothing is polled, and only entities that are due are called."""

    config_entry: P1MeterConfigEntry

    def __init__(self, hass: HomeAssistant, entry: P1MeterConfigEntry, store: MeterStore) -> None:
        """Prepare to read the port of the entry; `store` is loaded."""
        super().__init__(hass, _LOGGER, entry, store.memory)
        self.readings: Mapping[str, Reading] = {}
        """What the entities show, by slot id."""
        self._step: Step | None = None
        # What was looked at last: what was stated, and what was shown of it.
        self._looked_at: tuple[object, Mapping[str, Reading]] = (None, {})
        self.counting_since = dt_util.utcnow()
        self.accepted = 0
        self.refused: Counter[Reason] = Counter()
        self.refusals: deque[Refusal] = deque(maxlen=_REFUSALS_KEPT)
        self.link_state = LinkState.CONNECTING
        self.link_error: TransportError | None = None
        self.link_changes: deque[LinkChange] = deque(maxlen=_LINK_CHANGES_KEPT)
        self.settings = Settings.of(entry.data, entry.options)
        self.named_after = self.memory.profile
        """What the meter was when the entities were named."""
        self.loads: LoadManager | None = None
        """What is switched by this meter; None: nothing, or not yet."""
        self.sinks = SinkManager(hass, entry.options, self.memory.slots)
        """Where its telegrams are kept and shared."""
        self._takes_in = False
        self._taken_in = _chosen(entry)
        self.issues = Issues(hass, entry)
        self.watch = Watch(hass, entry, store, self.settings, self.issues)
        self._port = self.settings.port
        self.store = store
        """What was learned of it; who changes statistics holds its lock."""
        self._judge = Judge(self.memory, self.settings.registers)
        self._demand = ComputedDemand(self.memory)
        self._billed_peaks = BilledPeaks() if self.settings.peak_floor else None
        self._captures = Captures(self.memory)
        self._news_reader = NewsReader(self.memory)
        self._reporter = Reporter(self.settings.reporting)
        self._request = request_line(hass, self.settings.request, self.watch.request_line)
        self._source = self._make_source()
        # The newest one reads; the others have been told to end.
        self._readers: list[asyncio.Task[None]] = []
        self._search: asyncio.Task[None] | None = None
        self._port_user: str | None = None
        self._first: asyncio.Future[None] | None = None
        self._opened: asyncio.Future[TransportError | None] | None = None
        self._next: asyncio.Future[bool] | None = None
        self._heard = 0.0
        self._used = -math.inf
        self._told_stranger: str | None = None
        self._silence_timer: asyncio.TimerHandle | None = None
        self._mark_timer: asyncio.TimerHandle | None = None
        self._mark: datetime | None = None

    @property
    def interval(self) -> float | None:
        """Seconds between two telegrams; None before they were measured."""
        return self._source.interval

    @property
    def foreign(self) -> Foreign | None:
        """What the port carries while it gives no telegram; None: telegrams, nothing, or nobody knows."""
        return self._source.foreign

    @property
    def heard(self) -> bytes:
        """The last bytes since the last telegram, 16 KiB at most; of a meter that is asked, what it says is refused."""
        return self._source.heard if isinstance(self._source, Stream) else b""

    @property
    def readout_duration(self) -> float | None:
        """Seconds that the last good read-out took; None before the first, and of a meter that talks by itself."""
        return self._source.duration if isinstance(self._source, Dialogue) else None

    @property
    def skipped(self) -> int:
        """How many read-outs were left out because the one before took longer than the interval."""
        return self._source.skipped if isinstance(self._source, Dialogue) else 0

    @property
    def silent_after(self) -> float:
        """Seconds without a telegram after which the meter is silent, and nothing is known."""
        limit = silence_limit(self.interval)
        if self.settings.optical is not None and self.readout_duration is None:
            # However short the interval: nobody knows yet how long a read-out takes, and at 300 bit/s it is minutes.
            return max(limit, silence_limit(POLL_INTERVAL))
        return limit

    @property
    def is_outdated(self) -> bool:
        """Whether the person has changed anything that is not taken in yet: the entry has to be reloaded."""
        return not self._takes_in and self._taken_in != _chosen(self.config_entry)

    @contextmanager
    def taking_in(self) -> Generator[None]:
        """While this lasts, what is changed of the entry is at work already."""
        self._takes_in = True
        try:
            yield
        finally:
            self._takes_in = False
            self._taken_in = _chosen(self.config_entry)

    @callback
    def learn(self, telegram: Telegram) -> None:
        """Remember what this meter sends, without showing it: the telegram is from a moment ago."""
        self._take_in(self._judged(telegram, dt_util.utcnow()))

    @callback
    def start(self) -> None:
        """Read the port in the background until the entry is unloaded; the sinks are ready by then."""
        self._heard = self.hass.loop.time()
        self._start_reading()
        self.watch.start()
        self._watch_silence()
        self._due(dt_util.utcnow())

    async def async_first_telegram(self) -> None:
        """Start, and wait for the first telegram of a meter that was never read; for the port of one that is asked.

        Raises:
            ConfigEntryNotReady: the port cannot be opened, or nothing came from it.
            ConfigEntryAuthFailed: what came does not open with this key.
        """
        self._first = self.hass.loop.create_future()
        self.start()
        try:
            async with asyncio.timeout(_FIRST_TELEGRAM_TIMEOUT):
                await self._first
        except (TransportError, TimeoutError) as err:
            raise ConfigEntryNotReady(
                translation_domain=DOMAIN,
                translation_key=_failure(err),
                translation_placeholders={"port": self._port},
            ) from err

    async def async_read_now(self) -> None:
        """Wait for the next telegram, which is shown whatever interval was chosen; who has to be asked is asked now.

        Raises:
            HomeAssistantError: none came.
        """
        self._used = -math.inf
        self._source.ask_now()
        if self._next is None:
            self._next = self.hass.loop.create_future()
        if self.settings.optical is None:
            patience = silence_limit(None)
        else:
            # A read-out that went wrong is tried again.
            patience = max(silence_limit(POLL_INTERVAL), 2 * (self.readout_duration or 0.0))
        error: TransportError | TimeoutError = TimeoutError()
        try:
            async with asyncio.timeout(patience):
                # Others may wait for it too.
                if await asyncio.shield(self._next):
                    return
        except TimeoutError:
            error = self.link_error or error
        raise self._action_failed(error)

    async def async_reset_connection(self) -> None:
        """Close the port and open it again, with nothing left of what was received; who has to be asked is asked now.

        Raises:
            HomeAssistantError: it cannot be opened.
        """
        if self._opened is None or self._opened.done():
            self._opened = self.hass.loop.create_future()
        opened = self._opened
        self._source = self._make_source()
        self._source.ask_now()
        self._start_reading()
        await asyncio.wait([opened], timeout=_OPEN_TIMEOUT)
        if opened.done() and (error := opened.result()) is not None:
            raise self._action_failed(error)

    def _action_failed(self, error: TransportError | TimeoutError) -> HomeAssistantError:
        return HomeAssistantError(
            translation_domain=DOMAIN, translation_key=_failure(error), translation_placeholders={"port": self._port}
        )

    @override
    async def async_shutdown(self) -> None:
        """Stop reading: the port is free and nothing is left running. Called when the entry is unloaded."""
        await super().async_shutdown()
        self._end_timers()
        self._tell_waiting(came=False)
        if self._readers:
            self._end_readers()
            await asyncio.wait(self._readers)
        # A telegram that came while the port was being closed has begun them again.
        self._end_timers()
        await self.sinks.async_stop()
        self.issues.clear()
        if self.memory.ident is not None:
            await self.store.async_save()

    @callback
    def adopt_meter(self) -> None:
        """Take the meter that answers now for the one that was replaced: its totals are shown from here on."""
        if self._judge.stranger is None:
            return
        old_id = self.memory.ids.get(ELECTRICITY)
        wall = dt_util.utcnow()
        self._judge.adopt(wall)
        verdict = self._judged(self.data, wall)
        self.readings = verdict.shown
        self._take_in(verdict._replace(learned=True))
        self._tell_stranger()
        if self.config_entry.unique_id == old_id:
            self.hass.config_entries.async_update_entry(self.config_entry, unique_id=self.memory.ids[ELECTRICITY])

    @property
    def stranger(self) -> str | None:
        """The equipment id of another electricity meter that answers; None: it is ours."""
        return self._judge.stranger

    @callback
    def forget(self, role: str) -> bool:
        """Forget a meter on the M-Bus that is gone; return whether that was possible: it must not be there."""
        if role == ELECTRICITY or self.data is None or self.stranger is not None:
            return False
        ours = [slot for slot in self.memory.slots.values() if slot.role == role]
        if any(slot.id in self.readings for slot in ours):
            return False
        self.memory.ids.pop(role, None)
        for slot in ours:
            del self.memory.slots[slot.id]
            self.memory.forget_total(slot.id)
        self._judge = Judge(self.memory, self.settings.registers)
        self.store.async_save_soon()
        return True

    def is_doubtful(self, slot: Slot) -> bool:
        """Whether nobody can say what this value means: a total, while another meter answers."""
        return self._judge.is_doubtful(slot)

    def line_value(self, key: str) -> int | float | None:
        """Return one of `LINE_KEYS` or `READOUT_KEYS` as it is now: a number of telegrams or read-outs, or seconds."""
        if key == "readout_duration":
            return None if self.readout_duration is None else round(self.readout_duration, 1)
        if key == "readouts_skipped":
            return self.skipped
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
            sent = captured(telegram.time)
            return None if sent is None else round((received - sent).total_seconds(), 1)
        return self.refused[Reason(key.removeprefix("telegrams_refused_"))]

    def _make_source(self) -> Stream | Dialogue:
        return make_source(self.hass, self.settings, self._request, on_items=self._on_items, on_state=self._on_state)

    def _end_timers(self) -> None:
        for timer in (self._silence_timer, self._mark_timer):
            if timer is not None:
                timer.cancel()
        self._silence_timer = self._mark_timer = None

    def _start_reading(self) -> None:
        """Read in the background; who reads already ends first."""
        self._end_readers()
        before = [reader for reader in self._readers if not reader.done()]
        reader = self.config_entry.async_create_background_task(self.hass, self._read(before), f"{DOMAIN} reader")
        self._readers = [*before, reader]

    def _end_readers(self) -> None:
        """Tell who reads, or waits for the port, to end."""
        for reader in self._readers:
            reader.cancel()

    async def _read(self, before: list[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        await async_prepare(self.hass, self._port)
        while True:
            try:
                await self._source.run()
            except Exception:
                # Whatever went wrong once, the meter must come back.
                _LOGGER.exception("Reading %s failed; trying again in %d s", self._port, _RESTART_PAUSE)
            finally:
                # Also when Home Assistant stops: that unloads nothing, but cancels this.
                if isinstance(self._request, GpioRequest):
                    await self._request.async_release()
            await asyncio.sleep(_RESTART_PAUSE)

    @callback
    def _on_state(self, state: LinkState, error: TransportError | None) -> None:
        self.link_state, self.link_error = state, error
        kind = None if error is None else error.kind
        self.link_changes.append(LinkChange(dt_util.utcnow(), state, kind, _cause(error)))
        if self._opened is not None and not self._opened.done() and state is not LinkState.CONNECTING:
            self._opened.set_result(error)
        if self._first is not None and not self._first.done():
            if error is not None:
                self._first.set_exception(error)
            elif state is LinkState.CONNECTED and self.settings.optical is not None:
                # A read-out may take minutes: Home Assistant does not wait for it.
                self._first.set_result(None)
        if self._search is not None:
            self._search.cancel()
        self._search = self._port_user = None
        if error is not None and error.kind is TransportErrorKind.MISSING:
            self._search = self.config_entry.async_create_background_task(
                self.hass, self._search_port(), f"{DOMAIN} port search"
            )
        elif error is not None and error.kind is TransportErrorKind.BUSY:
            self._search = self.config_entry.async_create_background_task(
                self.hass, self._search_port_user(), f"{DOMAIN} port user search"
            )

    async def _search_port(self) -> None:
        """Look where the adapter is plugged in now, until it is found or its port is back."""
        while (moved := await async_moved_port(self.hass, self._port)) is None:  # noqa: ASYNC110 (nobody tells of it)
            await asyncio.sleep(_SEARCH_PAUSE)
        _LOGGER.info("The port %s is now %s", self._port, moved)
        entry = self.config_entry
        self.hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_PORT: moved})

    async def _search_port_user(self) -> None:
        self._port_user = await async_program_on(self.hass, self._port)

    @callback
    def _on_items(self, items: list[Telegram | Rejected]) -> None:
        wall = dt_util.utcnow()
        if accepted := self._accept(items, wall):
            self._use(accepted, wall)
            if self._first is not None and not self._first.done():
                self._first.set_result(None)
        elif self.watch.key.record.wrong and self._first is not None and not self._first.done():
            self._first.set_exception(ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key="wrong_key"))

    def _accept(self, items: list[Telegram | Rejected], wall: datetime) -> list[Telegram]:
        """Count what came; return the telegrams in order."""
        accepted: list[Telegram] = []
        for item in items:
            if isinstance(item, Rejected):
                self.refused[item.reason] += 1
                self.refusals.append(Refusal(wall, item))
                self.watch.refused(item)
                if _LOGGER.isEnabledFor(logging.DEBUG):
                    _LOGGER.debug("Refused (%s): %s %s", item.reason, item.hint, redacted_lines(item.data))
            else:
                accepted.append(item)
                if self.watch.is_alert:
                    self.watch.opened()
        self.accepted += len(accepted)
        return accepted

    @callback
    def _use(self, accepted: list[Telegram], wall: datetime) -> None:
        """Hand out: to the loads and the entities the newest, to the sinks all of them."""
        newest = accepted[-1]
        # Before anything else is done with it, and whatever interval the person wants to see.
        if self.loads is not None and self._judge.knows(newest):
            self.loads.feed(newest, wall)
        self._heard = self.hass.loop.time()
        is_shown = self.settings.interval is None or not self._is_too_soon(self.settings.interval)
        judged = accepted if self.sinks.sinks else accepted[-1:] if is_shown else []
        verdicts = [self._judged(telegram, wall) for telegram in judged]
        if is_shown:
            self._used = self._heard
            self.data, self.readings, self._step = newest, verdicts[-1].shown, verdicts[-1].step
        for verdict in verdicts:
            if verdict.learned or verdict.new:
                self._take_in(verdict)
        if is_shown:
            self._hand_out(wall)
            self._look_at(newest, wall)
        if self._silence_timer is None:
            self._watch_silence()
        if self.sinks.sinks:
            self._feed_sinks(judged, verdicts, wall)

    def _feed_sinks(self, telegrams: list[Telegram], verdicts: list[Verdict], wall: datetime) -> None:
        for telegram, verdict in zip(telegrams, verdicts, strict=True):
            if self._judge.knows(telegram):
                self.sinks.feed(telegram, verdict.shown, wall)
        self.sinks.tell(self.issues)

    @callback
    def _look_at(self, telegram: Telegram, wall: datetime) -> None:
        """Look at what every telegram that is shown may tell."""
        # Those called ask the same themselves; but this runs every second, and a call costs more than the question.
        if telegram.statements is not self._news_reader.looked_at:
            self._tell_news(telegram)
        if self._judge.stranger != self._told_stranger:
            self._tell_stranger()
        # Nearly always the same is stated as before, and shown of it.
        stated, shown = self._looked_at
        self._looked_at = telegram.statements, self.readings
        if telegram.statements is not stated or self._step is None or self._step.before is not shown:
            self._look_at_statements(telegram, wall)
        if self._next is not None:
            self._tell_waiting(came=True)

    def _look_at_statements(self, telegram: Telegram, wall: datetime) -> None:
        """Look at a state, and at what meters on the M-Bus have captured."""
        self.watch.shown(self.readings)
        if self._captures.take(self.readings, telegram.time, wall):
            self.store.async_save_soon()

    def _tell_waiting(self, *, came: bool) -> None:
        """Tell who waits for the next telegram whether it came."""
        if self._next is not None:
            self._next.set_result(came)
            self._next = None

    def _judged(self, telegram: Telegram, wall: datetime) -> Verdict:
        """Return what is to be shown of a telegram, with what is computed."""
        verdict = self._demand.add_to(self._judge.judge(telegram, wall), telegram, wall)
        if self._billed_peaks is not None:
            self._billed_peaks.apply_to(verdict.shown, telegram)
        return verdict

    @callback
    def _tell_news(self, telegram: Telegram) -> None:
        """Hand out what is new, once there is somebody to hear it."""
        if self._news_listener is None or (news := self._news_reader.read(telegram)) is None:
            return
        self.store.async_save_soon()
        for one in news:
            self._news_listener(one)

    def _is_too_soon(self, wanted: float) -> bool:
        """Whether a person wants fewer telegrams than this meter sends, and this one is too many."""
        if self.settings.optical is not None or not self.last_update_success:
            return False
        # Telegrams are not on the second: the one that is nearest to the wanted moment counts.
        return self._heard - self._used < wanted - (self.interval or 0.0) / 2

    @callback
    def _take_in(self, verdict: Verdict) -> None:
        """Keep what was learned; devices come before the entities on them."""
        if verdict.learned:
            self.store.async_save_soon()
            devices.async_register(self.hass, self.config_entry, self.memory)
            self.watch.learned()
        if verdict.new:
            self._captures.watch(verdict.new)
            for listener in self._slot_listeners:
                listener(verdict.new)

    @callback
    def _hand_out(self, wall: datetime) -> None:
        """Write what is due; everything after a silence."""
        if self.last_update_success:
            if due := self._due(wall):
                self.call(due)
            return
        self.last_update_success, self.last_exception = True, None
        self._reporter.forget()
        self._due(wall)
        self.watch.speaks_again()
        self.async_update_listeners()

    @callback
    def _due(self, wall: datetime) -> set[str]:
        """Return the slots that are due; at a mark, also what is only written then."""
        due = self._reporter.due(self.readings, wall, self._step)
        mark = self._reporter.next_due()
        if mark is not None and mark != self._mark:
            self._mark = mark
            if self._mark_timer is not None:
                self._mark_timer.cancel()
            self._mark_timer = self.hass.loop.call_later((mark - wall).total_seconds(), self._at_mark)
            self.store.async_save_later()
            self._look_around(wall)
            due |= _LINE_SLOTS
        return due

    @callback
    def _at_mark(self) -> None:
        """Write what no telegram wrote before the mark."""
        self._mark = None
        due = self._due(dt_util.utcnow())
        self.call(due if self.last_update_success else _LINE_SLOTS)

    @callback
    def _look_around(self, wall: datetime) -> None:
        """Look, once in five minutes, at what changes slowly."""
        if not self.last_update_success or self.data is None:
            return
        self.watch.look_around(self.data, self.readings, wall, self.readout_duration)
        if self.memory.profile.tariff_words != self.named_after.tariff_words:
            # New firmware, and now it is known whose words the names of its registers are. Not in the middle of this.
            self.hass.loop.call_soon(self.hass.config_entries.async_schedule_reload, self.config_entry.entry_id)

    @callback
    def _watch_silence(self) -> None:
        # Moving it with every telegram would cost more than a look now and then; the limit falls when a meter turns out
        # to be faster than was thought.
        if self._silence_timer is not None:
            return
        loop = self.hass.loop
        deadline = min(self._heard + self.silent_after, loop.time() + _LOOK_AGAIN)
        self._silence_timer = loop.call_at(deadline, self._look_for_silence)

    @callback
    def _look_for_silence(self) -> None:
        self._silence_timer = None
        limit = self.silent_after
        if self.hass.loop.time() < self._heard + limit:
            self._watch_silence()
            return
        self.watch.silent(self.link_error, self.foreign, self._port_user, limit)
        # What waits at a sink waits all the same.
        self.sinks.tell(self.issues)
        # Why it is silent may turn out later, or change.
        self._silence_timer = self.hass.loop.call_later(limit, self._look_for_silence)
        if self.last_update_success:
            self.last_update_success = False
            self.async_update_listeners()

    @callback
    def _tell_stranger(self) -> None:
        """Ask the person once when another meter answers; the totals go, or come back."""
        if (stranger := self._judge.stranger) == self._told_stranger:
            return
        self._told_stranger = stranger
        if stranger is None:
            self.issues.hide(ISSUE_METER_REPLACED)
        else:
            _LOGGER.info("Another meter answers on %s: its totals are not shown", self._port)
            self.issues.show(ISSUE_METER_REPLACED, severity=ir.IssueSeverity.ERROR, fixable=True)
        self.async_update_listeners()


def _chosen(entry: P1MeterConfigEntry) -> tuple[Any, ...]:
    """Return everything that a person can change of an entry."""
    loads = {load: (subentry.title, subentry.data) for load, subentry in entry.subentries.items()}
    return entry.title, entry.unique_id, entry.data, entry.options, loads


def _cause(error: TransportError | None) -> str | None:
    """Return what the system calls the cause of an error, without its sentence: an address may be in that."""
    if error is None or (cause := error.__cause__) is None:
        return None
    number = errno.errorcode.get(getattr(cause, "errno", None) or 0)
    return " ".join(filter(None, (type(cause).__name__, number)))


def _failure(error: TransportError | TimeoutError) -> str:
    """Return the key of the sentence that says why nothing could be read."""
    if isinstance(error, TimeoutError):
        return "no_telegram"
    return "request_line_failed" if isinstance(error, RequestLineError) else f"port_{error.kind}"
