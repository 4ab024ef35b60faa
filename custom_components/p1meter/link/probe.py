"""What is on this port? Tries the line settings that meters use and says what was heard."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
import re
import time
from typing import TYPE_CHECKING

from ..meter import (
    DecryptionKeys,
    Foreign,
    OpticalSettings,
    OpticalTiming,
    Reader,
    Reason,
    ReceivedAt,
    Recogniser,
    Rejected,
    Telegram,
)
from ..meter.cipher import HEADER, WrongKeyError, decrypt, frame_size
from ..meter.foreign import CLICK, has_part, without_parity
from ..meter.iec62056 import ReadOut
from .dialogue import ATTEMPTS, PAUSE, CannotSwitchError, converse, line_of, switch
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
# So many bytes from the start of a burst are enough to tell text from noise by a run of printable characters: noise
# read with seven data bits is printable to three quarters, but hardly 32 times in a row. It takes as many to recognise
# another protocol, but fewer where the speed is so wrong that nothing but 00 is read.
_BURST_ENOUGH = 1024
_EMPTY_BURST_ENOUGH = 256
_TEXT_RUN = re.compile(rb"[\t\r\n -~]{32}")
_EMPTY = b"\x00\xff"
_ENCRYPTED = re.compile(HEADER, re.DOTALL)
_AUTHENTICATED = 0x30
# One frame that does not open may be damaged.
_REFUSED_ENOUGH = 2
# How often a meter that says nothing is asked, the last time woken first; and how long that may take (seconds).
_SIGN_ONS = 3
_UNANSWERED = 12.0
_LONG_READ_OUT = 90.0


class ProbeVerdict(StrEnum):
    """What a port turned out to carry; the later one here says more than the one before."""

    NOTHING = "nothing"
    """Silence, or a click of a few bytes."""
    NO_SIGNAL = "no_signal"
    """Nothing but 00 and FF: wiring, no pull-up, or the request line is low."""
    GARBAGE = "garbage"
    """Bytes, but no text under any settings: wrong speed, damaged signal, or not a meter."""
    INVERTED = "inverted"
    """A meter, on a line whose ones and zeros are exchanged."""
    TEXT = "text"
    """Printable, but no telegram that can be accepted."""
    SML = "sml"
    """The Smart Message Language (Germany), which is not read."""
    MBUS = "mbus"
    """Wired M-Bus (Austria), which is not read."""
    HDLC = "hdlc"
    """DLMS over HDLC (HAN ports), which is not read."""
    UNSUPPORTED = "unsupported"
    """Encrypted telegrams, of a kind that cannot be opened: without authentication, or Elgama's."""
    ENCRYPTED = "encrypted"
    """Encrypted telegrams, of the kind that a key opens."""
    WRONG_KEY = "wrong_key"
    """Encrypted telegrams that the encryption key does not open."""
    WRONG_AUTHENTICATION_KEY = "wrong_authentication_key"
    """Encrypted telegrams that the encryption key opens, but not with this authentication key."""
    FOUND = "found"
    """A telegram."""


_RANK = {verdict: rank for rank, verdict in enumerate(ProbeVerdict)}
# Nothing more can be found out by listening in another way.
_CERTAIN = frozenset(ProbeVerdict) - {
    ProbeVerdict.NOTHING,
    ProbeVerdict.NO_SIGNAL,
    ProbeVerdict.GARBAGE,
    ProbeVerdict.TEXT,
}
_CERTAIN_FOREIGN = frozenset({Foreign.HDLC, Foreign.MBUS, Foreign.SML, Foreign.INVERTED})


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What was found.

    Attributes:
        verdict: what the port carries.
        settings: the line settings under which it was heard; None if nothing was.
        telegram: the first one accepted, with the verdict ``FOUND`` only.
        seen: up to 512 bytes of it, for a person to look at.
        rejected: what was nearly a telegram, and why it was refused.
        asked: whether the meter had to be asked (optical head); the settings are those of the sign-on then.
        woken: whether it was woken before it answered, as battery meters must be.
    """

    verdict: ProbeVerdict
    settings: LineSettings | None
    telegram: Telegram | None
    seen: bytes
    rejected: Rejected | None = None
    asked: bool = False
    woken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    """What is tried and for how long (seconds).

    A meter that sends every 10 s is heard whole within 12 s, wherever one joins: the rest of the telegram that was
    under way, the pause, and the next one (at 9600 bit/s up to 1.6 s).

    Attributes:
        settings: line settings, in this order: DSMR 4 and 5; DSMR 2.2 and 3; what some readers use for DSMR 4; Q3D
            through some heads; IEC 62056-21 mode D. Empty: the meter is only asked.
        listen: time for one of them.
        listen_to_silence: the same for the first one, as long as nothing at all is heard, and for an address without
            line settings.
        extension: added once where parts of a telegram were heard, but no whole one.
        gap: a pause that separates what a meter sends in one go from the next.
        optical: how a meter is asked after nothing was heard, the last time woken first; None: it is not.
        timing: of that.
        foreign: line settings of other protocols, tried at the end where bytes were heard, to give them their name.
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
    optical: OpticalSettings | None = field(default_factory=OpticalSettings)
    timing: OpticalTiming = field(default_factory=OpticalTiming)
    foreign: tuple[LineSettings, ...] = (LineSettings(2400, 8, "E"), LineSettings(2400))


async def probe(
    port: str,
    *,
    zone: tzinfo,
    country: str | None,
    keys: DecryptionKeys | None = None,
    on_progress: Callable[[float, LineSettings], None] | None = None,
    plan: ProbePlan | None = None,
) -> ProbeResult:
    """Listen to a port until a telegram comes, under one line setting after the other; then ask for one.

    Args:
        port: device path or URL.
        zone: of meters that send local time without a letter for it.
        country: ISO code that breaks the tie between meters that look the same.
        keys: what may open its telegrams; None: the answer to encrypted ones is ``ENCRYPTED``.
        on_progress: gets the share of the longest possible time (0 to 1, never falling) and what is tried now.
        plan: other settings and times than usual.

    Raises:
        TransportError: the port cannot be opened, or went away meanwhile.
    """
    plan = plan or ProbePlan()
    choices = plan.settings
    if choices and not has_line_settings(port):
        choices = (LineSettings(),)
    start = None if plan.optical is None else line_of(plan.optical.start_baud)
    transport = await open_transport(port, next(iter(choices), start or LineSettings()))
    try:
        probing = _Probing(
            port,
            transport,
            plan,
            make_reader=lambda: Reader(keys, zone=zone, country=country),
            keys=keys,
            on_progress=on_progress,
        )
        return await probing.run(choices)
    finally:
        await transport.close()


class _Probing:
    """One port: what is tried, one thing after the other, and the best that came of it."""

    def __init__(
        self,
        port: str,
        transport: Transport,
        plan: ProbePlan,
        *,
        make_reader: Callable[[], Reader],
        keys: DecryptionKeys | None,
        on_progress: Callable[[float, LineSettings], None] | None,
    ) -> None:
        self._port = port
        self._transport = transport
        self._make_reader = make_reader
        self._keys = keys
        self._on_progress = on_progress
        self._plan = plan
        self._best = ProbeResult(ProbeVerdict.NOTHING, None, None, b"")
        self._told = 0.0
        self._done = 0.0
        self._total = 0.0

    async def run(self, choices: tuple[LineSettings, ...]) -> ProbeResult:
        """Try everything until it is clear what the port carries; the first settings are those of the open port."""
        plan = self._plan
        foreign = plan.foreign if has_line_settings(self._port) else ()
        times = [plan.listen if index else plan.listen_to_silence for index in range(len(choices))]
        asking = 0.0 if plan.optical is None else _UNANSWERED * plan.timing.pace
        self._total = sum(times) + asking + plan.listen * len(foreign)
        for index, (settings, longest) in enumerate(zip(choices, times, strict=True)):
            listen = plan.listen if len(choices) > 1 else longest
            await self._try(settings, listen, longest, is_set=index == 0, leave_early=not is_url(self._port))
            if self._best.verdict in _CERTAIN:
                return self._best
        if plan.optical is not None and self._best.verdict in {ProbeVerdict.NOTHING, ProbeVerdict.NO_SIGNAL}:
            await self._ask(plan.optical)
        self._done += asking
        for settings in foreign:
            if self._best.verdict in {ProbeVerdict.NO_SIGNAL, ProbeVerdict.GARBAGE}:
                await self._try(settings, plan.listen, plan.listen, is_set=False, leave_early=False)
        return self._best

    def _tell(self, share: float, settings: LineSettings) -> None:
        self._told = max(self._told, min(share, 1.0))
        if self._on_progress is not None:
            self._on_progress(self._told, settings)

    def _keep(self, result: ProbeResult) -> None:
        if _RANK[result.verdict] > _RANK[self._best.verdict]:
            self._best = result

    async def _try(
        self, settings: LineSettings, listen: float, longest: float, *, is_set: bool, leave_early: bool
    ) -> None:
        """Listen under these settings, where the port can do them."""
        try:
            if not is_set:
                await self._transport.configure(settings)
        except TransportError as err:
            if err.kind is not TransportErrorKind.NOT_A_PORT:
                raise
            # An adapter that cannot do this one may do the next.
        else:
            listening = _Listening(
                self._transport,
                self._make_reader(),
                self._keys,
                self._plan,
                listen=listen,
                longest=longest,
                # A network may pause in the middle of a frame, so there the start of a burst proves nothing.
                leave_early=leave_early,
            )
            async for elapsed in listening.run():
                self._tell((self._done + min(elapsed, longest)) / self._total, settings)
            self._keep(listening.result(settings))
        self._done += longest

    async def _ask(self, optical: OpticalSettings) -> None:
        """Try the sign-on of IEC 62056-21: an optical head is silent until it is asked.

        An address without line settings may hang up on that, and is then what it was: silent.
        """
        try:
            await self._sign_on(optical)
        except TransportError:
            if has_line_settings(self._port):
                raise
        except CannotSwitchError:
            # Not even the start speed.
            return

    async def _sign_on(self, optical: OpticalSettings) -> None:
        timing = self._plan.timing
        settings = line_of(optical.start_baud)
        keeps_speed = not has_line_settings(self._port)
        unanswered = 0
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(PAUSE * timing.pace)
            await switch(self._transport, self._port, optical.start_baud)
            max_baud = optical.start_baud if keeps_speed else optical.max_baud
            # To wake a meter costs its battery: only one that does not answer otherwise.
            wakes = optical.wake_up or unanswered == _SIGN_ONS - 1
            read_out = ReadOut(replace(optical, max_baud=max_baud, wake_up=wakes), timing)
            try:
                outcome = await self._read_out(read_out, settings)
            except CannotSwitchError:
                keeps_speed = True
                continue
            if not read_out.identified:
                unanswered += 1
                if unanswered == _SIGN_ONS:
                    return
                continue
            result = replace(self._read(outcome, settings), woken=wakes)
            self._keep(result)
            if result.verdict in _CERTAIN:
                return

    async def _read_out(self, read_out: ReadOut, settings: LineSettings) -> bytes | Rejected:
        """Ask once, and tell progress meanwhile: an answer at 300 bit/s may take longer than everything before it."""
        clock = asyncio.get_running_loop().time
        pace = self._plan.timing.pace
        start, answered = clock(), self._told
        talk = asyncio.create_task(converse(self._transport, self._port, read_out, settings.baudrate))
        try:
            while not talk.done():
                elapsed = clock() - start
                if read_out.identified:
                    share = answered + (1.0 - answered) * min(1.0, elapsed / (_LONG_READ_OUT * pace))
                else:
                    share = (self._done + min(elapsed, _UNANSWERED * pace / _SIGN_ONS)) / self._total
                self._tell(share, settings)
                await asyncio.wait({talk}, timeout=_TICK)
        finally:
            talk.cancel()
            await asyncio.wait({talk})
        return talk.result()

    def _read(self, outcome: bytes | Rejected, settings: LineSettings) -> ProbeResult:
        """Return the verdict on what a meter answered that has said who it is."""
        items: list[Telegram | Rejected] = [outcome] if isinstance(outcome, Rejected) else []
        if isinstance(outcome, bytes):
            reader = self._make_reader()
            items = reader.feed(outcome, ReceivedAt(time.monotonic(), datetime.now(UTC))) + reader.close()
        for item in items:
            if isinstance(item, Telegram):
                return ProbeResult(ProbeVerdict.FOUND, settings, item, item.raw[:_SAMPLE_SIZE], asked=True)
        refused = next(item for item in items if isinstance(item, Rejected))
        # In mode E the data are HDLC.
        verdict = ProbeVerdict.HDLC if refused.reason is Reason.UNSUPPORTED else ProbeVerdict.TEXT
        return ProbeResult(verdict, settings, None, refused.data[:_SAMPLE_SIZE], refused, asked=True)


class _Listening:
    """One line setting: what is heard under it, and when that is enough."""

    def __init__(
        self,
        transport: Transport,
        reader: Reader,
        keys: DecryptionKeys | None,
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
            keys: those of the reader.
            plan: for its extension and gap.
            listen: seconds.
            longest: seconds, if nothing was heard within ``listen``.
            leave_early: whether to leave as soon as what a meter sends in one go begins without any text.
        """
        self._transport = transport
        self._reader = reader
        self._keys = keys
        self._plan = plan
        self._listen = listen
        self._longest = longest
        self._leave_early = leave_early
        self._clock = asyncio.get_running_loop().time
        self._start = self._last = self._clock()
        self._first: float | None = None
        self._kept = bytearray()
        self._recogniser = Recogniser()
        self._foreign: Foreign | None = None
        self._burst: bytearray | None = None
        self._telegram: Telegram | None = None
        self._parts = False
        self._rejected: Rejected | None = None
        self._header: re.Match[bytes] | None = None
        self._sealed: ProbeVerdict | None = None
        self._keys_refused = 0

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
        if self._first is None and len(self._kept) > CLICK:
            self._first = now
        self._header = _encrypted_header(bytes(self._kept))
        if self._header is not None or has_part(bytes(self._kept)):
            self._parts = True
        self._recogniser.feed(data)
        self._foreign = self._recogniser.verdict()
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
                if (sealed := self._judge_sealed(item)) is not None:
                    self._sealed = sealed

    def _judge_sealed(self, item: Rejected) -> ProbeVerdict | None:
        """Return what a whole encrypted frame means that was refused; None: it is none."""
        match item.reason:
            case Reason.UNSUPPORTED:
                return ProbeVerdict.UNSUPPORTED
            case Reason.CIPHER:
                # After an ident line nothing of the standard is there to open it with.
                return ProbeVerdict.UNSUPPORTED if item.data.startswith(b"/") else ProbeVerdict.ENCRYPTED
            case Reason.KEY:
                self._keys_refused += 1
                try:
                    decrypt(item.data, self._keys)
                except WrongKeyError as err:
                    if str(err) == "authentication":
                        return ProbeVerdict.WRONG_AUTHENTICATION_KEY
                return ProbeVerdict.WRONG_KEY
            case _:
                return None

    def _settled(self) -> bool:
        """Whether listening longer would tell nothing new."""
        if self._telegram is not None or self._foreign in _CERTAIN_FOREIGN:
            return True
        if self._sealed is not None and (self._keys is None or self._keys_refused >= _REFUSED_ENOUGH):
            return True
        if not self._leave_early or self._burst is None or self._header is not None:
            return False
        enough = _BURST_ENOUGH if self._burst.translate(None, _EMPTY) else _EMPTY_BURST_ENOUGH
        return len(self._burst) >= enough and _TEXT_RUN.search(without_parity(bytes(self._burst))) is None

    def result(self, settings: LineSettings) -> ProbeResult:
        """Return the verdict, after ``run`` has ended."""
        seen = bytes(self._kept[-_SAMPLE_SIZE:])
        if self._telegram is not None:
            return ProbeResult(ProbeVerdict.FOUND, settings, self._telegram, self._telegram.raw[:_SAMPLE_SIZE])
        if self._foreign in _CERTAIN_FOREIGN:
            return ProbeResult(ProbeVerdict(self._foreign), settings, None, seen)
        if self._sealed is not None and self._rejected is not None:
            seen = self._rejected.data[:_SAMPLE_SIZE]
            return ProbeResult(self._sealed, settings, None, seen, self._rejected)
        if self._header is not None:
            is_authenticated = self._header[0][-1] == _AUTHENTICATED
            verdict = ProbeVerdict.ENCRYPTED if is_authenticated else ProbeVerdict.UNSUPPORTED
            seen = bytes(self._kept[self._header.start() :][:_SAMPLE_SIZE])
            return ProbeResult(verdict, settings, None, seen, self._rejected)
        if self._first is None:
            return ProbeResult(ProbeVerdict.NOTHING, None, None, seen)
        verdict = ProbeVerdict.TEXT if self._foreign is None else ProbeVerdict(self._foreign)
        return ProbeResult(verdict, settings, None, seen, self._rejected)


def _encrypted_header(data: bytes) -> re.Match[bytes] | None:
    """Return the first header of an encrypted telegram, or None."""
    headers = (header for header in _ENCRYPTED.finditer(data) if frame_size(data, header.start()) is not None)
    return next(headers, None)
