"""A port is read for ever: every good telegram arrives, no bad one does, and nothing that happens to it ends it."""

import asyncio
import contextlib
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
import re
from typing import TYPE_CHECKING, Any, override
from zoneinfo import ZoneInfo

import pytest

from p1meter.link import (
    LineSettings,
    LinkState,
    ModemRequest,
    RequestLine,
    Stream,
    Transport,
    TransportError,
    TransportErrorKind,
    open_transport,
    silence_limit,
    stream as stream_module,
)
from p1meter.meter import Foreign, Reader, Reason, ReceivedAt, Rejected, Telegram
from tests.meter.test_foreign import hdlc

from .line import Cable, SerialServer, damaged, free_port, noise, server, telegram, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ZONE = ZoneInfo("Europe/Amsterdam")
SETTINGS = LineSettings()
PAUSE = 0.002
RETRY_DELAYS = stream_module._RETRY_DELAYS
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


class Recorded:
    """What a stream said."""

    def __init__(self, port: str, reader: Reader, **request: Any) -> None:
        self.reads: list[list[Telegram | Rejected]] = []
        self.states: list[tuple[LinkState, TransportErrorKind | None]] = []
        self.stream = Stream(
            port,
            SETTINGS,
            reader,
            on_items=self.reads.append,
            on_state=self._on_state,
            clock=lambda: NOON,
            **request,
        )

    def _on_state(self, state: LinkState, error: TransportError | None) -> None:
        self.states.append((state, None if error is None else error.kind))

    @property
    def telegrams(self) -> list[Telegram]:
        return [item for read in self.reads for item in read if isinstance(item, Telegram)]

    @property
    def numbers(self) -> list[int]:
        """The numbers the telegrams were composed with."""
        found = [re.search(rb"1-0:1\.7\.0\((\d\d)\.(\d{3})", item.raw) for item in self.telegrams]
        return [int(match[1] + match[2]) for match in found if match]

    @property
    def refused(self) -> list[Rejected]:
        return [item for read in self.reads for item in read if isinstance(item, Rejected)]

    async def until_state(self, state: LinkState, error: TransportErrorKind | None = None) -> None:
        await until(lambda: self.states and self.states[-1] == (state, error))

    async def until_number(self, number: int) -> None:
        await until(lambda: number in self.numbers)


@asynccontextmanager
async def streaming(port: str, reader: Reader | None = None, **request: Any) -> AsyncIterator[Recorded]:
    recorded = Recorded(port, reader or Reader(zone=ZONE), **request)
    running = asyncio.create_task(recorded.stream.run())
    try:
        yield recorded
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    assert [] not in recorded.reads


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules are what is tested, not the patience of whoever runs the tests."""
    monkeypatch.setattr(stream_module, "_RETRY_DELAYS", (0.01, 0.02))
    monkeypatch.setattr(stream_module, "_FAILURE_PAUSE", PAUSE)


def test_a_cable_that_is_back_is_found_within_five_seconds() -> None:
    assert max(RETRY_DELAYS) <= 5.0


async def test_an_esphome_proxy_that_is_away_is_not_tried_all_the_time() -> None:
    # Each attempt leaves a warning of its library in the log.
    delays = Recorded("esphome://proxy/0", Reader(zone=ZONE)).stream._retry_delays
    assert list(delays) == sorted(delays)
    assert delays[-1] == 60.0


@pytest.mark.parametrize(("interval", "limit"), [(None, 35.0), (1.0, 10.0), (2.0, 10.0), (10.0, 35.0), (60.0, 210.0)])
def test_silence_is_three_and_a_half_intervals_and_never_less_than_ten_seconds(
    interval: float | None, limit: float
) -> None:
    assert silence_limit(interval) == limit


@pytest.mark.parametrize("chunk", [1, 13, 997, 0])
async def test_every_good_telegram_arrives_and_no_bad_one(cable: Cable, chunk: int) -> None:
    async with streaming(cable.port) as recorded:
        await recorded.until_state(LinkState.CONNECTED)
        for number in range(1, 41):
            await cable.send(damaged(number) if number % 5 == 0 else telegram(number), chunk)
        await recorded.until_number(39)
        await cable.send(telegram(41))
        await recorded.until_number(41)
    assert recorded.numbers == [number for number in range(1, 42) if number % 5]
    assert [item.reason for item in recorded.refused] == [Reason.CRC] * 8
    assert recorded.states == [(LinkState.CONNECTING, None), (LinkState.CONNECTED, None)]


async def test_a_telegram_knows_when_it_came(cable: Cable) -> None:
    async with streaming(cable.port) as recorded:
        await recorded.until_state(LinkState.CONNECTED)
        await cable.send(telegram(1))
        await recorded.until_number(1)
        await cable.send(telegram(2))
        await recorded.until_number(2)
    stamps = [item.received_at for item in recorded.telegrams]
    assert [stamp.wall for stamp in stamps if stamp] == [NOON, NOON]
    first, second = (stamp.monotonic for stamp in stamps if stamp)
    assert first < second


async def test_the_cable_is_pulled_and_put_back(cable: Cable) -> None:
    async with streaming(cable.port) as recorded:
        await recorded.until_state(LinkState.CONNECTED)
        await cable.send(telegram(1) + telegram(2)[:100])
        await recorded.until_number(1)
        cable.pull()
        await recorded.until_state(LinkState.LOST, TransportErrorKind.MISSING)
        # However often it is tried while the cable is out, that is said once.
        await asyncio.sleep(0.1)
        cable.plug()
        await recorded.until_state(LinkState.CONNECTED)
        await cable.send(telegram(3))
        await recorded.until_number(3)
    assert recorded.numbers == [1, 3]
    assert [item.reason for item in recorded.refused] == [Reason.TIMEOUT]
    assert recorded.states == [
        (LinkState.CONNECTING, None),
        (LinkState.CONNECTED, None),
        (LinkState.LOST, TransportErrorKind.LOST),
        (LinkState.LOST, TransportErrorKind.MISSING),
        (LinkState.CONNECTED, None),
    ]


async def test_a_port_that_is_not_there_yet(cable: Cable) -> None:
    cable.pull()
    async with streaming(cable.port) as recorded:
        await recorded.until_state(LinkState.LOST, TransportErrorKind.MISSING)
        cable.plug()
        await recorded.until_state(LinkState.CONNECTED)
        await cable.send(telegram(1))
        await recorded.until_number(1)


async def test_a_port_that_another_program_holds(cable: Cable) -> None:
    other = await open_transport(cable.port, SETTINGS)
    async with streaming(cable.port) as recorded:
        await recorded.until_state(LinkState.LOST, TransportErrorKind.BUSY)
        await other.close()
        await recorded.until_state(LinkState.CONNECTED)


async def test_a_gateway_that_refuses_and_comes_back() -> None:
    number = free_port()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(telegram(7))
        await reader.read()
        writer.close()

    async with streaming(f"socket://127.0.0.1:{number}") as recorded:
        await recorded.until_state(LinkState.LOST, TransportErrorKind.UNREACHABLE)
        listening = await asyncio.start_server(talk, "127.0.0.1", number)
        await recorded.until_number(7)
        listening.close()
        listening.close_clients()
        await recorded.until_state(LinkState.LOST, TransportErrorKind.UNREACHABLE)
    await listening.wait_closed()


async def test_a_gateway_that_hangs_up_after_each_telegram() -> None:
    count = 0

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        writer.write(telegram(count))
        writer.close()

    async with server(talk) as port, streaming(f"socket://127.0.0.1:{port}") as recorded:
        await recorded.until_number(3)
    assert recorded.numbers[:3] == [1, 2, 3]


async def test_endless_garbage_is_read_in_pieces_with_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[int] = []
    pauses: list[float] = []
    sleep = asyncio.sleep

    class Counting(Reader):
        def feed(self, data: bytes, at: ReceivedAt | None = None) -> list[Telegram | Rejected]:
            fed.append(len(data))
            return super().feed(data, at)

    async def counted_sleep(delay: float) -> None:
        pauses.append(delay)
        await sleep(delay)

    garbage = noise(8192)

    async def rave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(garbage)
            await writer.drain()

    async with server(rave) as port, streaming(f"socket://127.0.0.1:{port}", Counting(zone=ZONE)) as recorded:
        await recorded.until_state(LinkState.CONNECTED)
        monkeypatch.setattr(asyncio, "sleep", counted_sleep)
        await until(lambda: len(fed) >= 50)
        # Every read but the first few, which may still be the start of something good, is followed by a pause.
        assert len(fed) - 5 <= pauses.count(PAUSE) <= len(fed)
        monkeypatch.undo()
    assert max(fed) <= 16 * 1024
    assert not recorded.telegrams


async def test_half_a_telegram_that_does_not_go_on_is_refused(cable: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "_SHORTEST_PARTIAL", 0.05)
    async with streaming(cable.port) as recorded:
        await recorded.until_state(LinkState.CONNECTED)
        await cable.send(telegram(1)[:200])
        await until(lambda: recorded.refused)
        await cable.send(telegram(2))
        await recorded.until_number(2)
    assert [(item.reason, item.data) for item in recorded.refused] == [(Reason.TIMEOUT, telegram(1)[:200])]


async def test_a_silent_port_is_opened_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "_SHORTEST_SILENCE", 0.01)
    monkeypatch.setattr(stream_module, "_ASSUMED_INTERVAL", 0.01)
    monkeypatch.setattr(stream_module, "_LONGEST_PATIENCE", 0.04)
    connections = 0
    ready = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections == 4:
            writer.write(telegram(4))
            ready.set()
        await reader.read()
        writer.close()

    async with server(hang) as port, streaming(f"socket://127.0.0.1:{port}") as recorded:
        await until(ready.is_set)
        await recorded.until_number(4)
    # Nothing was lost as far as anybody can tell: silence is not an error of the port.
    assert recorded.states == [(LinkState.CONNECTING, None), (LinkState.CONNECTED, None)]


async def test_what_goes_wrong_with_a_telegram_is_no_silence(cable: Cable) -> None:
    """A GPIO expander on the network that does not answer is a TimeoutError, as silence is."""

    def switch(_items: list[Telegram | Rejected]) -> None:
        raise TimeoutError(110, "no answer")

    recorded = Recorded(cable.port, Reader(zone=ZONE))
    recorded.stream._on_items = switch
    reading = asyncio.create_task(recorded.stream.run())
    await recorded.until_state(LinkState.CONNECTED)
    await cable.send(telegram(1))
    with pytest.raises(TimeoutError, match="no answer"):
        await asyncio.wait_for(reading, 10)


async def test_a_meter_that_has_become_faster_is_not_waited_for_as_before(
    cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "_SHORTEST_SILENCE", 0.05)
    monkeypatch.setattr(stream_module, "_LONGEST_PATIENCE", 0.1)
    recorded = Recorded(cable.port, Reader(zone=ZONE))
    recorded.stream._gaps.extend([900.0] * 4)
    transport = await open_transport(cable.port, SETTINGS)
    try:
        listening = asyncio.create_task(recorded.stream._read(transport))
        for number in range(8):
            await cable.send(telegram(number))
            await recorded.until_number(number)
        # The last gaps are of milliseconds now, and nothing comes any more.
        assert await asyncio.wait_for(listening, 10) is False
    finally:
        await transport.close()


async def test_patience_with_a_silent_port_grows_up_to_a_minute() -> None:
    stream = Recorded("/dev/null", Reader(zone=ZONE)).stream
    stream._gaps.extend([1.0, 1.0, 1.0])
    patience = []
    for stream._silences in range(6):
        patience.append(stream._patience())
    assert patience == [10.0, 20.0, 40.0, 60.0, 60.0, 60.0]
    # After a week.
    stream._silences = 7 * 24 * 60
    assert stream._patience() == 60.0
    stream._gaps.extend([60.0] * 9)
    assert stream._patience() == 210.0


async def test_the_interval_is_the_median_of_the_last_gaps() -> None:
    stream = Recorded("/dev/null", Reader(zone=ZONE)).stream
    good: list[Telegram | Rejected] = [
        item for item in Reader(zone=ZONE).feed(telegram(1)) if isinstance(item, Telegram)
    ]

    def at(moment: float, telegrams: int = 1) -> float | None:
        stream._heard = moment
        stream._hand_out(good * telegrams)
        return stream.interval

    assert [at(1000.0), at(1001.0), at(1002.0)] == [None, None, None]
    # One was lost: a gap of two.
    assert at(1004.0) == 1.0
    # A gateway kept four to itself and sent five at once.
    assert at(1009.0, telegrams=5) == 1.0
    # Another meter, one every 10 s: three gaps of 10 s against the four before do not count, nine do.
    assert [at(1009.0 + 10 * count) for count in (1, 2, 3)][-1] == 2.0
    assert [at(1039.0 + 10 * count) for count in range(1, 10)][-1] == 10.0


async def test_stopping_frees_the_port_and_leaves_no_task(cable: Cable) -> None:
    before = asyncio.all_tasks()
    async with streaming(cable.port) as recorded:
        await recorded.until_state(LinkState.CONNECTED)
        await cable.send(telegram(1)[:50])
    assert asyncio.all_tasks() == before
    await (await open_transport(cable.port, SETTINGS)).close()


async def test_nothing_is_logged_for_a_telegram(cable: Cable, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="p1meter")
    async with streaming(cable.port) as recorded:
        await recorded.until_state(LinkState.CONNECTED)
        logged = len(caplog.records)
        for number in range(1, 4):
            await cable.send(telegram(number) + damaged(number))
            await recorded.until_number(number)
        assert len(caplog.records) == logged


async def test_what_a_port_carries_instead_of_telegrams_is_known_until_one_comes(cable: Cable) -> None:
    async with streaming(cable.port) as recorded:
        assert recorded.stream.foreign is None
        await recorded.until_state(LinkState.CONNECTED)
        await cable.send(hdlc(), chunk=40)
        await until(lambda: recorded.stream.foreign is Foreign.HDLC)
        await cable.send(telegram(1))
        await recorded.until_number(1)
        assert recorded.stream.foreign is None
        await cable.send(damaged(2))
        await until(lambda: recorded.refused)
        assert recorded.stream.foreign is None


# The data-request line. A pseudo-terminal has no modem lines that could be looked at, so RTS and DTR are seen at the
# other end of a serial server; whatever drives another line is stood in for by one that remembers.


class Wire(RequestLine):
    """Remembers what it was told, and when."""

    def __init__(self) -> None:
        self.told: list[bool] = []
        self.raised: list[float] = []
        self.failures = 0

    @override
    async def set(self, transport: Transport, *, on: bool) -> None:
        await asyncio.sleep(0)
        self.told.append(on)
        if on:
            self.raised.append(asyncio.get_running_loop().time())
            if self.failures:
                self.failures -= 1
                raise TransportError(TransportErrorKind.NOT_A_PORT, "the line is in use")

    @property
    def is_on(self) -> bool:
        return bool(self.told) and self.told[-1]


@asynccontextmanager
async def served(servers: list[SerialServer]) -> AsyncIterator[str]:
    """A serial server; its port has both lines up when it is opened, as Linux does it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serial = SerialServer(writer)
        serial.rts = serial.dtr = True
        servers.append(serial)
        while data := await reader.read(1024):
            serial.hear(data)
        writer.close()

    async with server(serve) as port:
        yield f"rfc2217://127.0.0.1:{port}"


@pytest.mark.parametrize(("kind", "lines"), [("rts", (True, False)), ("dtr", (False, True))])
async def test_a_modem_line_is_held_up_alone_and_let_go_at_the_end(kind: Any, lines: tuple[bool, bool]) -> None:
    servers: list[SerialServer] = []
    async with served(servers) as port:
        async with streaming(port, request=ModemRequest(kind)) as recorded:
            for number in (1, 2):
                await until(lambda: servers and (servers[0].rts, servers[0].dtr) == lines)
                servers[0].say(telegram(number))
                await recorded.until_number(number)
            assert (servers[0].rts, servers[0].dtr) == lines
        await until(lambda: (servers[0].rts, servers[0].dtr) == (False, False))


@pytest.fixture
def short_interval(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr(stream_module, "_SHORTEST_EVERY", 0.4)
    return 0.4


async def test_a_modem_line_is_up_only_while_a_telegram_is_awaited(short_interval: float) -> None:
    servers: list[SerialServer] = []
    async with served(servers) as port:
        async with streaming(port, request=ModemRequest("rts"), awaited=True, every=short_interval) as recorded:
            for number in (1, 2, 3):
                await until(lambda: servers and (servers[0].rts, servers[0].dtr) == (True, False))
                servers[0].say(telegram(number))
                await recorded.until_number(number)
                await until(lambda: not servers[0].rts)
        await until(lambda: not servers[0].rts)
    assert recorded.numbers == [1, 2, 3]
    assert len(servers) == 1


def test_ten_seconds_is_the_shortest_interval() -> None:
    def interval(**request: Any) -> float | None:
        return Recorded("/dev/null", Reader(zone=ZONE), **request).stream.interval

    assert interval() is None
    assert interval(request=Wire()) is None
    # What is expected is known before it was measured: a quarter of an hour of silence is no silence then.
    assert interval(request=Wire(), awaited=True, every=1.0) == 10.0
    assert interval(request=Wire(), awaited=True, every=900.0) == 900.0
    assert interval(awaited=True, every=900.0) is None


async def test_what_is_measured_counts_where_the_meter_takes_longer(cable: Cable) -> None:
    stream = Recorded(cable.port, Reader(zone=ZONE), request=Wire(), awaited=True, every=10.0).stream
    stream._gaps.extend([14.0, 15.0, 16.0])
    assert stream.interval == 15.0
    stream._gaps.extend([1.0] * 9)
    assert stream.interval == 10.0


async def test_telegrams_are_asked_for_one_at_a_time_and_not_too_often(cable: Cable, short_interval: float) -> None:
    wire = Wire()
    async with streaming(cable.port, request=wire, awaited=True, every=short_interval) as recorded:
        for number in range(1, 5):
            await until(lambda: wire.is_on)
            # The next one begins before the line is down: that one was not asked for.
            await cable.send(telegram(number) + telegram(number)[:90])
            await recorded.until_number(number)
            await until(lambda: not wire.is_on)
    gaps = [later - earlier for earlier, later in pairwise(wire.raised)]
    assert min(gaps) >= short_interval - 0.001
    assert recorded.numbers == [1, 2, 3, 4]
    assert recorded.refused == []
    assert not wire.is_on


async def test_a_person_does_not_wait_for_the_interval(cable: Cable, short_interval: float) -> None:
    wire = Wire()
    async with streaming(cable.port, request=wire, awaited=True, every=3600.0) as recorded:
        for number in (1, 2, 3):
            # While one is awaited, that is the next one.
            await until(lambda: wire.is_on)
            recorded.stream.ask_now()
            await cable.send(telegram(number))
            await recorded.until_number(number)
            if number == 2:
                # Else at the moment when it is there.
                await until(lambda: not wire.is_on)
            recorded.stream.ask_now()
            await until(lambda number=number: len(wire.raised) > number)  # type: ignore[misc]  # that of this round
    assert recorded.numbers == [1, 2, 3]
    # No earlier than the meter can make one.
    assert min(later - earlier for earlier, later in pairwise(wire.raised)) >= short_interval - 0.001


async def test_what_comes_unasked_is_not_used(cable: Cable, short_interval: float) -> None:
    wire = Wire()
    async with streaming(cable.port, request=wire, awaited=True, every=short_interval) as recorded:
        await until(lambda: wire.is_on)
        await cable.send(telegram(1))
        await recorded.until_number(1)
        await until(lambda: not wire.is_on)
        await cable.send(telegram(2))
        await until(lambda: wire.is_on)
        await cable.send(telegram(3))
        await recorded.until_number(3)
    assert recorded.numbers == [1, 3]


@pytest.mark.parametrize("awaited", [True, False])
async def test_the_line_is_let_go_when_the_cable_is_pulled(
    cable: Cable, short_interval: float, *, awaited: bool
) -> None:
    wire = Wire()
    async with streaming(cable.port, request=wire, awaited=awaited, every=short_interval) as recorded:
        await until(lambda: wire.is_on)
        cable.pull()
        await recorded.until_state(LinkState.LOST, TransportErrorKind.MISSING)
        assert not wire.told[-1]
        cable.plug()
        await until(lambda: wire.is_on)
        await cable.send(telegram(1))
        await recorded.until_number(1)
        if awaited:
            assert wire.raised[1] - wire.raised[0] >= short_interval - 0.001
    assert not wire.is_on


async def test_the_line_is_let_go_when_the_meter_stays_silent(cable: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "_SHORTEST_SILENCE", 0.05)
    monkeypatch.setattr(stream_module, "_ASSUMED_INTERVAL", 0.01)
    monkeypatch.setattr(stream_module, "_LONGEST_PATIENCE", 0.05)
    wire = Wire()
    async with streaming(cable.port, request=wire):
        await until(lambda: wire.told.count(True) >= 3)
    assert wire.told[:4] == [True, False, True, False]
    assert not wire.is_on


async def test_a_line_that_cannot_be_driven_is_an_error_of_the_port_and_tried_again(cable: Cable) -> None:
    wire = Wire()
    wire.failures = 1
    async with streaming(cable.port, request=wire) as recorded:
        await recorded.until_state(LinkState.LOST, TransportErrorKind.NOT_A_PORT)
        await recorded.until_state(LinkState.CONNECTED)
    assert not wire.is_on


@pytest.mark.parametrize("turns", range(8))
async def test_the_line_is_let_go_whenever_the_reading_is_stopped(
    cable: Cable, short_interval: float, turns: int
) -> None:
    wire = Wire()
    async with streaming(cable.port, request=wire, awaited=turns % 2 == 0, every=short_interval):
        await asyncio.sleep(0.003 * turns)
    assert not wire.is_on
    await (await open_transport(cable.port, SETTINGS)).close()
