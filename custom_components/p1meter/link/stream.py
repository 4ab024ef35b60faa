"""A port that talks by itself (P1, pushing D0): connect, read, watch, back off, reconnect."""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
import logging
import math
from statistics import median
import time
from typing import TYPE_CHECKING

from ..meter import Foreign, Reader, ReceivedAt, Recogniser, Rejected, Telegram
from .transport import LineSettings, Transport, TransportError, open_transport, scheme_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .request import RequestLine

_LOGGER = logging.getLogger(__name__)

# Seconds between attempts to open a port, by the number of attempts that failed: the last one is the cap. A cable that
# is back is found within it, whatever happened before.
_RETRY_DELAYS = (1.0, 2.0, 5.0)
# The library for ESPHome logs a warning each time it cannot connect.
_ESPHOME_RETRY_DELAYS = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
# The slowest P1 ports send every 10 s: taken until the interval of this meter was measured.
_ASSUMED_INTERVAL = 10.0
_GAPS_KEPT = 9
_GAPS_NEEDED = 3
_SHORTEST_SILENCE = 10.0
_SILENT_INTERVALS = 3.5
# A port that stays silent is opened again after one, two, four … times the limit of silence, at most every minute.
_LONGEST_PATIENCE = 60.0
_MOST_DOUBLINGS = 8
# Inside a telegram no meter pauses as long as this.
_SHORTEST_PARTIAL = 3.0
# While nothing good comes, one read of this size, then a pause: seven times what 115200 bit/s can carry, so a serial
# line is never held up, and a flood from the network costs next to nothing.
_READ_SIZE = 16 * 1024
_FAILURE_PAUSE = 0.2
# Meters up to DSMR 4 make a telegram every 10 s.
_SHORTEST_EVERY = 10.0


class LinkState(StrEnum):
    """How it stands with the port."""

    CONNECTING = "connecting"
    """It is being opened for the first time."""
    CONNECTED = "connected"
    """It is open; that says nothing about what comes out of it."""
    LOST = "lost"
    """It could not be opened or went away; opening it is tried again and again."""


def silence_limit(interval: float | None) -> float:
    """Return after how many seconds without a telegram a meter with this interval counts as silent.

    Args:
        interval: seconds between two telegrams; None: not measured yet.
    """
    return max(_SHORTEST_SILENCE, _SILENT_INTERVALS * (_ASSUMED_INTERVAL if interval is None else interval))


def utc_now() -> datetime:
    """Return the time of day (UTC)."""
    return datetime.now(UTC)


class StateReport:
    """Tells every change of the state, or of the kind of error, once: not every attempt."""

    def __init__(self, on_state: Callable[[LinkState, TransportError | None], None]) -> None:
        """Start with nothing told to `on_state`."""
        self._on_state = on_state
        self._told: tuple[LinkState, str | None] | None = None

    def __call__(self, state: LinkState, error: TransportError | None) -> None:
        """Tell how it stands, if that is news."""
        told = (state, None if error is None else error.kind)
        if told != self._told:
            self._told = told
            self._on_state(state, error)


class Stream:
    """Reads a port for ever and hands out what it says."""

    def __init__(
        self,
        port: str,
        settings: LineSettings,
        reader: Reader,
        *,
        on_items: Callable[[list[Telegram | Rejected]], None],
        on_state: Callable[[LinkState, TransportError | None], None],
        clock: Callable[[], datetime] = utc_now,
        request: RequestLine | None = None,
        awaited: bool = False,
        every: float = 10.0,
    ) -> None:
        """Prepare; nothing is opened before ``run``.

        Args:
            port: device path or URL.
            settings: of the line; without meaning for ``socket://``.
            reader: finds the telegrams; it is fed by this stream only.
            on_items: gets what one read yielded, in the order of arrival, never an empty list.
            on_state: gets every change of the state, or of the kind of error, once: not every attempt.
            clock: the time of day that telegrams are stamped with.
            request: what asks the meter for telegrams; None: the cable does, or both modem lines.
            awaited: ask only while a telegram is awaited; else as long as the port is open.
            every: seconds from one such telegram to the next, at least 10.
        """
        self._port = port
        self._settings = settings
        self._reader = reader
        self._on_items = on_items
        self._report = StateReport(on_state)
        self._clock = clock
        self._request = request
        self._awaited = awaited and request is not None
        self._every = max(_SHORTEST_EVERY, every)
        self._recogniser = Recogniser()
        self._raised_at = -math.inf
        self._hurries = False
        self._resting: asyncio.Timeout | None = None
        self._retry_delays = _ESPHOME_RETRY_DELAYS if scheme_of(port).startswith("esphome") else _RETRY_DELAYS
        self._gaps: deque[float] = deque(maxlen=_GAPS_KEPT)
        self._last_telegram: float | None = None
        self._good = self._heard = 0.0
        self._unproductive = 0
        self._failures = 0
        self._silences = 0
        self._pending = False

    @property
    def interval(self) -> float | None:
        """Seconds between two telegrams: the median of the last gaps; None before three of them were measured.

        Where each telegram is asked for, it is known from the start, and no shorter than that.
        """
        measured = median(self._gaps) if len(self._gaps) >= _GAPS_NEEDED else None
        return max(self._every, measured or 0.0) if self._awaited else measured

    @property
    def foreign(self) -> Foreign | None:
        """What the port carries since the last telegram, where that is no telegram; None: not known."""
        return self._recogniser.verdict()

    @property
    def heard(self) -> bytes:
        """The last bytes since the last telegram, 16 KiB at most."""
        return self._recogniser.heard

    def ask_now(self) -> None:
        """Where each telegram is asked for: ask for the next one as soon as a meter can make it."""
        self._hurries = True
        if self._resting is not None and not self._resting.expired():
            self._resting.reschedule(self._rests_until())

    def _rests_until(self) -> float:
        return self._raised_at + (_SHORTEST_EVERY if self._hurries else self._every)

    async def run(self) -> None:
        """Connect, read, reconnect, for ever; ends by being cancelled, with the port closed."""
        self._report(LinkState.CONNECTING, None)
        while True:
            try:
                await self._connection()
            except TransportError as err:
                _LOGGER.debug("Port lost (%s): %s", err.kind, err.detail)
                self._finish()
                self._last_telegram = None
                self._report(LinkState.LOST, err)
                delay = self._retry_delays[min(self._failures, len(self._retry_delays) - 1)]
                self._failures += 1
                await asyncio.sleep(delay)
            else:
                _LOGGER.debug("Nothing good for %.0f s: opening the port again", self._patience())
                self._finish()
                self._silences += 1

    async def _connection(self) -> None:
        """Read one connection until it has been silent for too long.

        Raises:
            TransportError: it could not be made, or was lost.
        """
        transport = await open_transport(self._port, self._settings, raise_lines=self._request is None)
        try:
            _LOGGER.debug("Port open, %s", self._settings)
            self._report(LinkState.CONNECTED, None)
            if self._request is None:
                await self._read(transport)
            else:
                await self._read_on_request(transport, self._request)
        finally:
            await transport.close()

    async def _read_on_request(self, transport: Transport, request: RequestLine) -> None:
        """Do the same with the request line raised, which is let go whatever happens."""
        try:
            while True:
                if self._awaited:
                    await self._rest(transport)
                self._raised_at = asyncio.get_running_loop().time()
                await request.set(transport, on=True)
                if not await self._read(transport):
                    return
                await request.set(transport, on=False)
        finally:
            # Where the port is gone, its lines are down.
            with suppress(TransportError):
                await request.set(transport, on=False)

    async def _rest(self, transport: Transport) -> None:
        """Wait until a telegram may be asked for again. What a meter sends unasked, or in part, is not looked at."""
        try:
            async with asyncio.timeout_at(self._rests_until()) as self._resting:
                while True:
                    await transport.read()
        except TimeoutError:
            pass
        finally:
            self._resting = None
        self._reader.close()
        self._pending = False

    async def _read(self, transport: Transport) -> bool:
        """Feed the reader until no telegram came for too long (False), or the one came that was asked for (True)."""
        loop = asyncio.get_running_loop()
        began = self._good = self._heard = loop.time()
        self._unproductive = 0
        while True:
            now = loop.time()
            if self._awaited and self._good > began:
                return True
            silent_at = self._good + self._patience()
            if now >= silent_at:
                return False
            pause = _SHORTEST_PARTIAL if self._awaited else max(_SHORTEST_PARTIAL, self.interval or 0.0)
            if self._pending and now >= self._heard + pause:
                # What began and was not continued will not be: say so now, not when the next one begins.
                self._finish()
            # No timer is moved with each piece: what arrives puts both off. Only a meter that turns out to be faster
            # than measured brings them nearer; therefore they are looked at now and then.
            partial_at = (self._heard if self._pending else now) + pause
            due = asyncio.timeout_at(min(silent_at, partial_at, now + _LONGEST_PATIENCE))
            try:
                async with due:
                    await transport.listen(self._take, _READ_SIZE)
            except TimeoutError:
                if not due.expired():
                    # It is of whoever was handed the telegram.
                    raise
                continue
            if self._unproductive:
                await asyncio.sleep(_FAILURE_PAUSE)

    def _take(self, data: bytes) -> bool:
        """Feed the reader; return whether to go on at once."""
        # The clock of the event loop too.
        self._heard = time.monotonic()
        self._pending = True
        self._unproductive += len(data)
        # As the class itself makes one, in half the time.
        at = tuple.__new__(ReceivedAt, (self._heard, self._clock()))
        items = self._reader.feed(data, at)
        if self._hand_out(items):
            self._recogniser.clear()
            self._good, self._unproductive = self._heard, 0
            return not self._awaited
        self._recogniser.feed(data)
        return not items and self._unproductive <= _READ_SIZE

    def _hand_out(self, items: list[Telegram | Rejected]) -> bool:
        """Pass on what one read yielded; return whether a telegram was in it."""
        if telegrams := sum([isinstance(item, Telegram) for item in items]):
            if self._last_telegram is not None:
                # Several at once were held up somewhere and share the gap.
                self._gaps.append((self._heard - self._last_telegram) / telegrams)
            self._last_telegram = self._heard
            self._hurries = False
            self._failures = self._silences = 0
        if items:
            self._on_items(items)
        return telegrams > 0

    def _patience(self) -> float:
        """Return how long to wait for a telegram before the port is opened again."""
        limit = silence_limit(self.interval)
        return min(limit * 2.0 ** min(self._silences, _MOST_DOUBLINGS), max(limit, _LONGEST_PATIENCE))

    def _finish(self) -> None:
        """Hand out what is left of a telegram that does not go on."""
        if self._pending:
            self._pending = False
            self._hand_out(self._reader.close())
