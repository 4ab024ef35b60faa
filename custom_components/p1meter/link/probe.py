"""What is on this port? Tries the line settings that meters use and says what was heard."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
import re
import time
from typing import TYPE_CHECKING

from ..meter import Reader, Reason, ReceivedAt, Rejected, Telegram
from ..meter.cipher import frame_size
from .transport import (
    LineSettings,
    Transport,
    TransportError,
    TransportErrorKind,
    has_line_settings,
    is_url,
    open_transport,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_SAMPLE_SIZE = 512
_KEPT = 4096
# How often progress is told (seconds).
_TICK = 0.25
# One read, then a pause (seconds): a flood of garbage from the network must not take the machine.
_READ_SIZE = 16 * 1024
_PAUSE = 0.05
# The click of a cable that is switched on is a few bytes.
_CLICK = 8
# So many bytes from the start of a burst are enough to tell text from noise by a run of printable characters: noise
# read with seven data bits is printable to three quarters, but hardly 32 times in a row.
_BURST_ENOUGH = 256
_TEXT_RUN = re.compile(rb"[\t\r\n -~]{32}")
_TEXT_SHARE = 0.9
_NOT_PRINTABLE = bytes(byte for byte in range(256) if not (0x20 <= byte < 0x7F or byte in b"\t\r\n"))
_ODD = bytes(byte for byte in range(256) if byte.bit_count() % 2)
_WITHOUT_BIT_7 = bytes(byte & 0x7F for byte in range(256))
_DATA_LINE = re.compile(rb"\d\.\d+(?:\.\d+)?(?:[*&]\d+)?\(")
_ENCRYPTED_TAG = b"\xdb\x08"


class ProbeVerdict(StrEnum):
    """What a port turned out to carry; the later one here says more than the one before."""

    NOTHING = "nothing"
    """Silence, or a click of a few bytes."""
    GARBAGE = "garbage"
    """Bytes, but no text under any settings: inverted signal, or not a meter."""
    TEXT = "text"
    """Printable, but no telegram that can be accepted."""
    ENCRYPTED = "encrypted"
    """Encrypted telegrams, of the kind that a key opens."""
    FOUND = "found"
    """A telegram."""


_RANK = {verdict: rank for rank, verdict in enumerate(ProbeVerdict)}


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What was found.

    Attributes:
        verdict: what the port carries.
        settings: the line settings under which it was heard; None if nothing was.
        telegram: the first one accepted, with the verdict ``FOUND`` only.
        seen: up to 512 bytes of it, for a person to look at.
        rejected: what was nearly a telegram, and why it was refused.
    """

    verdict: ProbeVerdict
    settings: LineSettings | None
    telegram: Telegram | None
    seen: bytes
    rejected: Rejected | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    """What is tried and for how long (seconds).

    A meter that sends every 10 s is heard whole within 12 s, wherever one joins: the rest of the telegram that was
    under way, the pause, and the next one (at 9600 bit/s up to 1.6 s).

    Attributes:
        settings: line settings, in this order: DSMR 4 and 5; DSMR 2.2 and 3; what some readers use for DSMR 4; Q3D
            through some heads; IEC 62056-21 mode D.
        listen: time for one of them.
        listen_to_silence: the same for the first one, as long as nothing at all is heard, and for an address without
            line settings.
        extension: added once where parts of a telegram were heard, but no whole one.
        gap: a pause that separates what a meter sends in one go from the next.
    """

    settings: tuple[LineSettings, ...] = (
        LineSettings(115200),
        LineSettings(9600, 7, "E"),
        LineSettings(115200, 7, "E"),
        LineSettings(9600),
        LineSettings(2400, 7, "E"),
    )
    listen: float = 12.0
    listen_to_silence: float = 22.0
    extension: float = 12.0
    gap: float = 0.3


async def probe(
    port: str,
    *,
    zone: tzinfo,
    country: str | None,
    on_progress: Callable[[float, LineSettings], None] | None = None,
    plan: ProbePlan | None = None,
) -> ProbeResult:
    """Listen to a port until a telegram comes, under one line setting after the other.

    Args:
        port: device path or URL.
        zone: of meters that send local time without a letter for it.
        country: ISO code that breaks the tie between meters that look the same.
        on_progress: gets the share of the longest possible time (0 to 1, never falling) and what is tried now.
        plan: other settings and times than usual.

    Raises:
        TransportError: the port cannot be opened, or went away meanwhile.
    """
    plan = plan or ProbePlan()
    choices = plan.settings if has_line_settings(port) else (LineSettings(),)
    longest = [plan.listen_to_silence] + [plan.listen] * (len(choices) - 1)
    best = ProbeResult(ProbeVerdict.NOTHING, None, None, b"")
    transport = await open_transport(port, choices[0])
    try:
        for index, settings in enumerate(choices):
            if index > 0:
                try:
                    await transport.configure(settings)
                except TransportError as err:
                    if err.kind is not TransportErrorKind.NOT_A_PORT:
                        raise
                    # An adapter that cannot do this one may do the next.
                    continue
            listening = _Listening(
                transport,
                Reader(zone=zone, country=country),
                plan,
                listen=plan.listen if len(choices) > 1 else plan.listen_to_silence,
                longest=longest[index],
                # A network may pause in the middle of a frame, so there the start of a burst proves nothing.
                leave_early=not is_url(port),
            )
            async for elapsed in listening.run():
                if on_progress is not None:
                    share = min(elapsed, longest[index])
                    on_progress((sum(longest[:index]) + share) / sum(longest), settings)
            result = listening.result(settings)
            if _RANK[result.verdict] > _RANK[best.verdict]:
                best = result
            if best.verdict in {ProbeVerdict.FOUND, ProbeVerdict.ENCRYPTED}:
                break
    finally:
        await transport.close()
    return best


class _Listening:
    """One line setting: what is heard under it, and when that is enough."""

    def __init__(
        self,
        transport: Transport,
        reader: Reader,
        plan: ProbePlan,
        *,
        listen: float,
        longest: float,
        leave_early: bool,
    ) -> None:
        """Prepare.

        Args:
            transport: open, with these line settings.
            reader: new.
            plan: for its extension and gap.
            listen: seconds.
            longest: seconds, if nothing was heard within ``listen``.
            leave_early: whether to leave as soon as what a meter sends in one go begins without any text.
        """
        self._transport = transport
        self._reader = reader
        self._plan = plan
        self._listen = listen
        self._longest = longest
        self._leave_early = leave_early
        self._clock = asyncio.get_running_loop().time
        self._start = self._last = self._clock()
        self._first: float | None = None
        self._kept = bytearray()
        self._burst: bytearray | None = None
        self._telegram: Telegram | None = None
        self._parts = False
        self._rejected: Rejected | None = None
        self._encrypted: int | None = None

    async def run(self) -> AsyncIterator[float]:
        """Listen; say again and again how many seconds it has been."""
        while (now := self._clock()) < (end := self._end()) and not self._settled():
            yield now - self._start
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(end, now + _TICK)):
                    self._hear(await self._transport.read(_READ_SIZE))
                    await asyncio.sleep(_PAUSE)
        if self._telegram is None:
            self._judge(self._reader.close())

    def _end(self) -> float:
        """Return when listening ends if nothing new is heard."""
        in_time = self._first is not None and self._first - self._start < self._listen
        limit = self._listen if in_time else self._longest
        return self._start + limit + (self._plan.extension if self._parts else 0.0)

    def _hear(self, data: bytes) -> None:
        now = self._clock()
        if now - self._last >= self._plan.gap:
            self._burst = bytearray()
        if self._burst is not None:
            self._burst = (self._burst + data)[:_KEPT]
        self._last = now
        self._kept = (self._kept + data)[-_KEPT:]
        if self._first is None and len(self._kept) > _CLICK:
            self._first = now
        self._encrypted = _encrypted_frame(self._kept)
        if _DATA_LINE.search(_text(self._kept)) is not None:
            self._parts = True
        self._judge(self._reader.feed(data, ReceivedAt(time.monotonic(), datetime.now(UTC))))

    def _judge(self, items: list[Telegram | Rejected]) -> None:
        for item in items:
            if isinstance(item, Telegram):
                self._telegram = self._telegram or item
            elif item.reason is not Reason.GARBAGE:
                self._parts = True
                # That the time was over in the middle of a telegram says less than what was wrong with the others.
                if self._rejected is None or item.reason is not Reason.TIMEOUT:
                    self._rejected = item

    def _settled(self) -> bool:
        """Whether listening longer would tell nothing new."""
        if self._telegram is not None or self._encrypted is not None:
            return True
        return (
            self._leave_early
            and self._burst is not None
            and len(self._burst) >= _BURST_ENOUGH
            and _TEXT_RUN.search(_text(self._burst)) is None
        )

    def result(self, settings: LineSettings) -> ProbeResult:
        """Return the verdict, after ``run`` has ended."""
        if self._telegram is not None:
            return ProbeResult(ProbeVerdict.FOUND, settings, self._telegram, self._telegram.raw[:_SAMPLE_SIZE])
        if self._encrypted is not None:
            seen = bytes(self._kept[self._encrypted :][:_SAMPLE_SIZE])
            return ProbeResult(ProbeVerdict.ENCRYPTED, settings, None, seen)
        seen = bytes(self._kept[-_SAMPLE_SIZE:])
        if self._first is None:
            return ProbeResult(ProbeVerdict.NOTHING, None, None, seen)
        text = _text(self._kept)
        printable = len(text.translate(None, _NOT_PRINTABLE))
        if printable >= _TEXT_SHARE * len(text) or _DATA_LINE.search(text) is not None:
            return ProbeResult(ProbeVerdict.TEXT, settings, None, seen, self._rejected)
        return ProbeResult(ProbeVerdict.GARBAGE, settings, None, seen, self._rejected)


def _encrypted_frame(data: bytearray) -> int | None:
    """Return where the header of an encrypted telegram stands, or None."""
    start = data.find(_ENCRYPTED_TAG)
    while start >= 0 and frame_size(data, start) is None:
        start = data.find(_ENCRYPTED_TAG, start + 1)
    return start if start >= 0 else None


def _text(data: bytearray) -> bytes:
    """Take the parity bit off if it is one: every byte has an even number of ones (7E1 read as 8N1)."""
    return bytes(data if data.translate(None, _ODD) != data else data.translate(_WITHOUT_BIT_7))
