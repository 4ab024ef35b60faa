"""A port that wants to be asked (IEC 62056-21 modes A to C): open, ask, hand out, close; again at the next tick."""

import asyncio
from contextlib import suppress
from dataclasses import replace
import logging
import time
from typing import TYPE_CHECKING

from ..meter import Reader, Reason, ReceivedAt, Rejected, Telegram
from ..meter.iec62056 import OpticalSettings, OpticalTiming, ReadOut, Step
from .stream import LinkState, StateReport, utc_now
from .transport import (
    LineSettings,
    Transport,
    TransportError,
    TransportErrorKind,
    has_line_settings,
    open_transport,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_LOGGER = logging.getLogger(__name__)

# Seconds between attempts to open a port, by the number of attempts that failed; the last one is the cap.
_RETRY_DELAYS = (1.0, 2.0, 5.0)
# So many times in a row must a meter go on at the start speed before no other one is agreed with it.
_IGNORED_ENOUGH = 2

ATTEMPTS = 4
"""How often a meter is asked before it is left alone until the next tick."""
PAUSE = 2.0
"""Seconds from a read-out that failed to its next sign-on."""


def line_of(baud: int) -> LineSettings:
    """Every speed has the character format of IEC 62056-21 §5."""
    return LineSettings(baud, 7, "E")


class CannotSwitchError(Exception):
    """The port stays open, but does not take another speed."""


class Dialogue:
    """Asks a meter for ever and hands out what it says. The port is open during a read-out only.

    Attributes:
        skipped: how many ticks fell into a read-out that took longer, and were left out.
        duration: seconds that the last good read-out took, without failed ones before it; None before the first.
    """

    def __init__(
        self,
        port: str,
        settings: OpticalSettings,
        reader: Reader,
        *,
        on_items: Callable[[list[Telegram | Rejected]], None],
        on_state: Callable[[LinkState, TransportError | None], None],
        clock: Callable[[], datetime] = utc_now,
        interval: float = 60.0,
        offset: float | None = None,
        timing: OpticalTiming | None = None,
    ) -> None:
        """Prepare; nothing is opened before ``run``.

        Args:
            port: device path or URL. A URL without line settings (``socket://``) keeps its speed.
            settings: how the meter wants to be asked.
            reader: decodes what was read; it is fed by this dialogue only.
            on_items: gets the telegram of each read-out, or why there was none, never an empty list.
            on_state: gets every change of the state, or of the kind of error, once: not every attempt.
            clock: the time of day that telegrams are stamped with.
            interval: seconds from one tick to the next.
            offset: seconds of the ticks after the full multiples of the interval (60 s: after the full minute), so
                that two meters can share one head; None: at once, and then every ``interval``.
            timing: other times than usual, for a simulated meter.
        """
        self._port = port
        self._settings = settings
        self._reader = reader
        self._on_items = on_items
        self._report = StateReport(on_state)
        self._clock = clock
        self._interval = interval
        self._offset = offset
        self._timing = timing or OpticalTiming()
        self._keeps_speed = not has_line_settings(port)
        self._sends_bcc = False
        self._ignored = 0
        self._missed = 0
        self._asked = asyncio.Event()
        self.skipped = 0
        self.duration: float | None = None

    @property
    def foreign(self) -> None:
        """What the port carries besides telegrams: unknown, because a meter that is asked says who it is."""
        return

    @property
    def interval(self) -> float:
        """Seconds between two telegrams: from tick to tick, with those that the last read-out left out."""
        return self._interval * (1 + self._missed)

    def ask_now(self) -> None:
        """Ask now instead of at the next tick; during a read-out that one is the answer.

        Where no offset decides, ticks are counted from now on.
        """
        self._asked.set()

    async def run(self) -> None:
        """Ask at every tick, for ever; ends by being cancelled, with the port closed."""
        self._report(LinkState.CONNECTING, None)
        loop = asyncio.get_running_loop()
        due = loop.time() + self._until_tick()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._asked.wait()
            self._asked.clear()
            due = min(due, loop.time())
            if await self._read_out():
                # A port that was away left out no tick: from now on is counted.
                due = loop.time()
            else:
                self._count_missed(int((loop.time() - due) / self._interval))
            due = self._next(due)

    def _until_tick(self) -> float:
        """Return the seconds until the first tick, or until the next one where the time of day decides."""
        if self._offset is None:
            return 0.0
        return self._interval - (self._clock().timestamp() - self._offset) % self._interval

    def _next(self, due: float) -> float:
        now = asyncio.get_running_loop().time()
        if self._offset is not None:
            return now + self._until_tick()
        return due + (int((now - due) / self._interval) + 1) * self._interval

    def _count_missed(self, missed: int) -> None:
        self.skipped += missed
        if missed and not self._missed:
            _LOGGER.info("A read-out takes longer than %.0f s: ticks that fall into it are left out", self._interval)
        self._missed = missed

    async def _read_out(self) -> bool:
        """Open the port, however often that must be tried, and ask; return whether the port was away."""
        failures = 0
        while True:
            try:
                transport = await open_transport(self._port, line_of(self._settings.start_baud))
                try:
                    self._report(LinkState.CONNECTED, None)
                    await self._ask(transport)
                finally:
                    await transport.close()
            except TransportError as err:
                _LOGGER.debug("Port lost (%s): %s", err.kind, err.detail)
                self._report(LinkState.LOST, err)
                await asyncio.sleep(_RETRY_DELAYS[min(failures, len(_RETRY_DELAYS) - 1)])
                failures += 1
            else:
                return failures > 0

    async def _ask(self, transport: Transport) -> None:
        """Ask until there is a telegram, or it was tried often enough.

        Raises:
            TransportError: the port was lost.
        """
        for attempt in range(ATTEMPTS):
            try:
                if attempt:
                    await asyncio.sleep(PAUSE * self._timing.pace)
                    await switch(transport, self._port, self._settings.start_baud)
                items = await self._dialogue(transport)
            except CannotSwitchError:
                _LOGGER.info("This port cannot change its speed: it stays at %d bit/s", self._settings.start_baud)
                self._keeps_speed = True
                continue
            # Who asks from now on wants another one.
            self._asked.clear()
            self._on_items(items)
            if any(isinstance(item, Telegram) or item.reason is Reason.UNSUPPORTED for item in items):
                return
        # Perhaps it was wrong to keep the speed low.
        self._ignored = 0

    async def _dialogue(self, transport: Transport) -> list[Telegram | Rejected]:
        """Ask once; return the telegram, or why there is none.

        Raises:
            TransportError: the port was lost.
            CannotSwitchError: it does not take the speed that was agreed with the meter.
        """
        loop = asyncio.get_running_loop()
        slow = self._keeps_speed or self._ignored >= _IGNORED_ENOUGH
        read_out = ReadOut(
            replace(
                self._settings,
                max_baud=self._settings.start_baud if slow else self._settings.max_baud,
                # A meter that has sent a block check always does.
                needs_bcc=self._settings.needs_bcc or self._sends_bcc,
            ),
            self._timing,
        )
        started = loop.time()
        outcome = await converse(transport, self._port, read_out, self._settings.start_baud)
        ended = loop.time()
        if isinstance(outcome, Rejected):
            items: list[Telegram | Rejected] = [outcome]
        else:
            items = self._reader.feed(outcome, ReceivedAt(time.monotonic(), self._clock())) + self._reader.close()
        is_good = any(isinstance(item, Telegram) for item in items)
        if is_good:
            self.duration = ended - started
            self._sends_bcc |= read_out.checked
        if read_out.ignored_rate:
            self._ignored += 1
        elif is_good and not slow:
            self._ignored = 0
        return items


async def converse(transport: Transport, port: str, read_out: ReadOut, baud: int) -> bytes | Rejected:
    """Do what a read-out says until it is over; return its outcome.

    Args:
        transport: open, at the start speed.
        port: what it is the transport of.
        read_out: new.
        baud: the start speed, bit/s.

    Raises:
        TransportError: the port was lost.
        CannotSwitchError: it does not take the speed that was agreed with the meter.
    """
    loop = asyncio.get_running_loop()
    step: Step | None = read_out.start()
    deadline = loop.time()
    while read_out.outcome is None:
        if step is not None:
            if step.send:
                transport.write(step.send)
            deadline = loop.time() + step.leaving + step.wait
            if step.baud != baud:
                await asyncio.sleep(step.leaving)
                await switch(transport, port, step.baud)
                baud = step.baud
                deadline = loop.time() + step.wait
        data = await _read(transport, deadline)
        step = read_out.receive(data) if data else read_out.silence()
        if step is None and loop.time() >= deadline:
            # What comes says nothing and does not stop: padding, or a port that talks by itself.
            step = read_out.silence()
    return read_out.outcome


async def switch(transport: Transport, port: str, baud: int) -> None:
    """Change the speed, and forget what was received at the other one.

    Raises:
        TransportError: the port was lost.
        CannotSwitchError: it does not take this speed.
    """
    if not has_line_settings(port):
        return
    try:
        await transport.configure(line_of(baud))
    except TransportError as err:
        if err.kind is not TransportErrorKind.NOT_A_PORT:
            raise
        raise CannotSwitchError from err


async def _read(transport: Transport, deadline: float) -> bytes:
    """Return what came before the deadline, or b""."""
    with suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            return await transport.read()
    # Where this machine was busy, the bytes may be here and the time over.
    with suppress(TimeoutError):
        async with asyncio.timeout(0):
            return await transport.read()
    return b""
