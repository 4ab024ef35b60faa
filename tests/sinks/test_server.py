"""Others read along over TCP: what they get, and that nobody is disturbed by any of them."""

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from itertools import pairwise
import logging
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

# Not typed by its makers.
from dsmr_parser.clients.socket_ import SocketReader  # type: ignore[import-untyped]
from dsmr_parser.telegram_specifications import V2_2, V4, V5  # type: ignore[import-untyped]
import pytest

from p1meter.link import LineSettings, LinkState, Stream
from p1meter.meter import DecryptionKeys, Reader, Telegram
from p1meter.sink_settings import ServerSettings
from p1meter.sinks import Delivery, server as module
from p1meter.sinks.server import CANNOT_LISTEN, NO_SUCH_ADDRESS, PORT_TAKEN, ServerSink, plain
from tests import needs
from tests.background import running
from tests.link.line import TIMEOUT, Cable, even_parity, free_port, open_files, telegram, until, without_checksum
from tests.meter.composing import KEY, block, seal
from tests.simulation.checksum import crc16
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from pathlib import Path

HOME = "127.0.0.1"
HEAD = "/KAM5\r\n\r\n0-0:1.0.0(261121120000W)\r\n1-0:1.8.0(00009416.{:03}*kWh)\r\n!"


def read(data: bytes, keys: DecryptionKeys | None = None) -> Telegram:
    reader = Reader(keys)
    (item,) = reader.feed(data) + reader.close()
    assert isinstance(item, Telegram)
    return item


def deliver(data: bytes, keys: DecryptionKeys | None = None) -> Delivery:
    return Delivery(read(data, keys), {}, datetime.now(UTC))


def household(system: str) -> bytes:
    return SYSTEMS[system].compose(Household(start=datetime(2026, 11, 21, 12, tzinfo=ZONE), system=system))


def keys_of(system: str) -> DecryptionKeys | None:
    cipher = SYSTEMS[system].cipher
    return None if cipher is None else DecryptionKeys(cipher.key, cipher.authentication_key)


@asynccontextmanager
async def serving(**settings: Any) -> AsyncGenerator[tuple[ServerSink, int]]:
    """A server that listens, and its port."""
    port = settings.pop("port", None) or free_port()
    sink = ServerSink(ServerSettings(**{"host": HOME, "port": port, **settings}))
    await sink.async_start()
    try:
        yield sink, port
    finally:
        await sink.async_stop()


class Listener:
    """Somebody who reads along and keeps what comes."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.ended = False

    async def run(self, reader: asyncio.StreamReader) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                self.heard += data
        self.ended = True


@asynccontextmanager
async def listening(sink: ServerSink, port: int, host: str = HOME) -> AsyncGenerator[Listener]:
    """Somebody who is let in and reads."""
    before = len(sink._clients)
    reader, writer = await asyncio.open_connection(host, port)
    listener = Listener()
    try:
        async with running(listener.run(reader)):
            await has(sink, before + 1)
            yield listener
    finally:
        writer.close()


async def has(sink: ServerSink, clients: int) -> None:
    await until(lambda: len(sink._clients) == clients)


async def hears(listener: Listener, data: bytes) -> None:
    await until(lambda: len(listener.heard) >= len(data))
    assert listener.heard == data


async def ends(listener: Listener) -> None:
    await until(lambda: listener.ended)


def connected(port: int, host: str = HOME) -> socket.socket:
    """Somebody who connects and does nothing more."""
    return socket.create_connection((host, port))


# --- what is sent -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 512, 9999])
def test_a_telegram_goes_out_as_it_came(number: int) -> None:
    assert plain(read(telegram(number))) == telegram(number)


def test_the_checksum_is_written_as_the_document_has_it() -> None:
    # One of a thousand telegrams has a CRC below 0100; this one some meters and proxies write in other ways.
    body = next(text for number in range(1000) if crc16(text := HEAD.format(number).encode()) < 0x100)
    right = body + b"%04X\r\n" % crc16(body)
    for stated in (b"%X\r\n", b"%x\r\n", b"%04x\r\n", b"%04X\n", b"%04X\r\n\0"):
        other = body + stated % crc16(body)
        assert plain(read(other.rstrip(b"\0"))) == right, stated


def test_line_ends_that_a_proxy_took_away_are_put_back() -> None:
    assert plain(read(telegram().replace(b"\r", b""))) == telegram()
    assert plain(read(household("nl2").replace(b"\r", b""))) == household("nl2")


def test_seven_bits_that_were_read_as_eight() -> None:
    assert plain(read(even_parity(household("nl2")))) == household("nl2")


def test_no_checksum_is_made_up() -> None:
    data = without_checksum("/TST3METER\r\n\r\n1-0:1.8.1(00123.456*kWh)\r\n")
    assert plain(read(data)) == data == b"/TST3METER\r\n\r\n1-0:1.8.1(00123.456*kWh)\r\n!\r\n"


def test_an_encrypted_telegram_goes_out_decrypted() -> None:
    assert plain(read(seal(telegram(7)), DecryptionKeys(KEY))) == telegram(7)


def test_a_blank_line_that_only_the_checksum_knows_of_is_put_back() -> None:
    # Some encrypting meters leave out the line after the ident, which their CRC counts.
    sent = telegram(7).replace(b"\r\n\r\n", b"\r\n", 1)
    assert plain(read(seal(sent), DecryptionKeys(KEY))) == telegram(7)


def test_an_optical_head_s_block_keeps_its_block_check() -> None:
    # BCC: the exclusive or of what follows STX, up to and including ETX.
    sent = block("/LGZ5ZMF100AC.M27", "F.F(00)\n1.8.0(000123.4*kWh)\n!\n")
    assert sent[-2:-1] == b"\x03"
    assert plain(read(sent)) == sent + b"\r\n"
    assert plain(read(sent.replace(b"\r", b""))) == sent + b"\r\n"


def same(first: Telegram, second: Telegram) -> bool:
    return (first.ident, first.profile, first.objects, first.checksum) == (
        second.ident,
        second.profile,
        second.objects,
        second.checksum,
    ) and dict(first.readings) == dict(second.readings)


@pytest.mark.parametrize("system", SYSTEMS)
def test_whoever_reads_it_reads_the_same(system: str) -> None:
    sent = read(household(system), keys_of(system))
    data = plain(sent)
    assert data.isascii()
    first, second = Reader().feed(data * 2)
    assert isinstance(first, Telegram)
    assert isinstance(second, Telegram)
    assert same(first, sent)
    assert same(second, sent)
    if sent.checksum:
        body, _, stated = data.rpartition(b"!")
        assert stated == b"%04X\r\n" % crc16(body + b"!")


def test_also_of_real_meters() -> None:
    count = 0
    for path in sorted(needs.shared_telegrams().iterdir()):
        reader = Reader()
        for item in reader.feed(path.read_bytes()) + reader.close():
            if isinstance(item, Telegram):
                again = Reader()
                items = again.feed(plain(item) * 2) + again.close()
                assert all(isinstance(one, Telegram) and same(one, item) for one in items), path.name
                assert len(items) == 2, path.name
                count += 1
    assert count > 60


def test_the_documented_example_is_what_is_sent() -> None:
    text = (needs.ROOT / "docs/sharing.md").read_text(encoding="utf-8")
    example = text.partition("```\n/")[2].partition("```")[0]
    data = b"/" + example.replace("\n", "\r\n").encode()
    assert plain(read(data)) == data


# --- who gets it ------------------------------------------------------------------------------------------------------


async def test_everybody_who_is_there_gets_every_telegram_from_then_on() -> None:
    async with serving() as (sink, port):
        sink.take(deliver(telegram(1)))
        async with listening(sink, port) as first:
            sink.take(deliver(telegram(2)))
            async with listening(sink, port) as second:
                sink.take(deliver(telegram(3)))
                await hears(second, telegram(3))
                await hears(first, telegram(2) + telegram(3))
        await has(sink, 0)
        sink.take(deliver(telegram(4)))
        # All four were taken; two of them somebody got.
        assert (sink.status.taken, sink.status.sent, sink.status.dropped) == (4, 2, 0)
        assert sink.status.error is None


async def test_one_that_never_reads_is_cut_off_and_nobody_else_notices() -> None:
    deliveries = [deliver(telegram(number)) for number in range(1000)]
    sent = b"".join(map(telegram, range(1000)))
    slowest = 0.0
    async with serving() as (sink, port), listening(sink, port) as first, listening(sink, port) as second:
        deaf = connected(port)
        await has(sink, 3)
        for turn in range(1, 11):
            for delivery in deliveries:
                begin = time.perf_counter()
                sink.take(delivery)
                slowest = max(slowest, time.perf_counter() - begin)
                # The loop has its turn between two telegrams; in a house it has a second.
                await asyncio.sleep(0)
            await hears(first, sent * turn)
            await hears(second, sent * turn)
        assert len(sink._clients) == 2
        assert (sink.status.taken, sink.status.sent, sink.status.dropped) == (10_000, 10_000, 1)
        # What the kernel kept for it on both sides it can still read; then it sees that it was cut off.
        heard = 0
        while data := deaf.recv(65536):
            heard += len(data)
        assert heard < len(sent)
        deaf.close()
    # A meter that sends every second would not miss a quarter of one; what it takes is some microseconds.
    assert slowest < 0.25


async def test_one_that_reads_slowly_costs_no_memory() -> None:
    async with serving() as (sink, port):
        deaf = connected(port)
        await has(sink, 1)
        (client,) = sink._clients
        delivery = deliver(telegram())
        waiting = []
        while sink._clients:
            waiting.append(client._transport.get_write_buffer_size())
            sink.take(delivery)
        # 64 KiB, and the telegram that went beyond it.
        assert max(waiting) <= 64 * 1024 + len(telegram())
        deaf.close()


async def test_one_that_stopped_reading_a_slow_meter_is_found_out_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # At a telegram every ten seconds 64 KiB are ten minutes.
    monkeypatch.setattr(module, "_PATIENCE", 300)
    async with serving() as (sink, port):
        deaf = socket.socket()
        # Its window is closed after a few telegrams.
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.connect((HOME, port))
        await has(sink, 1)
        for _ in range(10):
            sink.take(deliver(telegram()))
        assert len(sink._clients) == 1
        await has(sink, 0)
        assert sink.status.dropped == 0
        deaf.close()


async def test_one_more_than_wanted_is_turned_away_until_somebody_leaves() -> None:
    async with serving(max_clients=2) as (sink, port), listening(sink, port):
        async with listening(sink, port):
            reader, writer = await asyncio.open_connection(HOME, port)
            async with asyncio.timeout(TIMEOUT):
                with suppress(ConnectionError):
                    assert await reader.read() == b""
            writer.close()
            assert len(sink._clients) == 2
        await has(sink, 1)
        async with listening(sink, port) as third:
            sink.take(deliver(telegram(3)))
            await hears(third, telegram(3))


async def test_what_they_say_is_thrown_away() -> None:
    async with serving() as (sink, port):
        reader, writer = await asyncio.open_connection(HOME, port)
        await has(sink, 1)
        writer.write(b"GET / HTTP/1.1\r\n\r\n" + telegram(666))
        await writer.drain()
        sink.take(deliver(telegram(1)))
        writer.write(b"\xff\xfb\x2c")
        sink.take(deliver(telegram(2)))
        async with asyncio.timeout(TIMEOUT):
            assert await reader.readexactly(2 * len(telegram())) == telegram(1) + telegram(2)
        writer.close()
        await has(sink, 0)


async def test_one_that_never_stops_talking_takes_no_time() -> None:
    said = 0
    ends = threading.Event()

    def talk(connection: socket.socket) -> None:
        nonlocal said
        connection.settimeout(0.05)
        while not ends.is_set():
            with suppress(TimeoutError):
                said += connection.send(b"x" * 65536)

    async with serving() as (sink, port), listening(sink, port) as listener:
        talker = connected(port)
        await has(sink, 2)
        thread = threading.Thread(target=talk, args=(talker,))
        thread.start()
        for number in range(20):
            sink.take(deliver(telegram(number)))
            await asyncio.sleep(0.02)
        await until(lambda: len(listener.heard) == 20 * len(telegram()))
        assert len(sink._clients) == 2
        ends.set()
        thread.join()
        talker.close()
        # Ten reads a second of 256 KiB at most; a loop that swallowed all it could would have had gigabytes.
        assert said < 30e6


async def test_one_who_says_goodbye_is_gone_at_once() -> None:
    async with serving(max_clients=1) as (sink, port):
        for _ in range(20):
            connection = connected(port)
            await has(sink, 1)
            connection.shutdown(socket.SHUT_WR)
            await has(sink, 0)
            connection.close()


async def test_one_who_vanishes_while_a_telegram_is_sent() -> None:
    async with serving() as (sink, port), listening(sink, port) as other:
        gone = connected(port)
        await has(sink, 2)
        # A reset instead of a goodbye.
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        gone.close()
        sink.take(deliver(telegram(1)))
        sink.take(deliver(telegram(2)))
        await has(sink, 1)
        await hears(other, telegram(1) + telegram(2))


async def test_a_thousand_connections_in_a_second(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving() as (sink, port), listening(sink, port) as listener:
        files = open_files()

        def storm() -> None:
            for _ in range(1000):
                # It does not wait until it is connected.
                with socket.socket() as connection:
                    connection.settimeout(0)
                    connection.connect_ex((HOME, port))

        number = 0
        task = asyncio.create_task(asyncio.to_thread(storm))
        while not task.done():
            sink.take(deliver(telegram(number)))
            number += 1
            await asyncio.sleep(0.005)
            assert len(sink._clients) <= 5
        await task
        await has(sink, 1)
        await until(lambda: len(listener.heard) == number * len(telegram()))
        await until(lambda: open_files() <= files)
        assert not caplog.records


# --- the port ---------------------------------------------------------------------------------------------------------


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as trial, suppress(OSError):
        trial.bind(("::1", 0))
        return True
    return False


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason=f"{needs.PREFIX}IPv6")


@needs_ipv6
async def test_ipv6() -> None:
    async with serving(host="::1") as (sink, port):
        async with listening(sink, port, "::1") as listener:
            sink.take(deliver(telegram(1)))
            await hears(listener, telegram(1))
        with pytest.raises(ConnectionRefusedError):
            connected(port)


@needs_ipv6
async def test_everywhere_means_by_both_protocols() -> None:
    async with (
        serving(host="::") as (sink, port),
        listening(sink, port, "::1") as six,
        listening(sink, port, HOME) as four,
    ):
        sink.take(deliver(telegram(1)))
        await hears(six, telegram(1))
        await hears(four, telegram(1))


async def test_only_the_chosen_address_answers() -> None:
    # All of 127/8 is this computer.
    async with serving(host="127.0.0.2") as (_, port):
        connected(port, "127.0.0.2").close()
        with pytest.raises(ConnectionRefusedError):
            connected(port)


async def test_a_port_that_is_taken_is_said_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RETRY", 0.01)
    with socket.create_server((HOME, 0)) as other:
        port = other.getsockname()[1]
        sink = ServerSink(ServerSettings(host=HOME, port=port))
        await sink.async_start()
        assert (sink.status.error, sink.status.facts) == (PORT_TAKEN, {"host": HOME, "port": str(port)})
        sink.take(deliver(telegram(1)))
        assert (sink.status.taken, sink.status.sent) == (1, 0)
    await until(lambda: sink.status.error is None)
    assert sink.status.facts == {}
    async with listening(sink, port) as listener:
        sink.take(deliver(telegram(2)))
        await hears(listener, telegram(2))
    await sink.async_stop()


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "a" * 64, "999.1.1.1"])
async def test_an_address_that_is_not_ours(host: str) -> None:
    async with serving(host=host, port=8088) as (sink, _):
        assert (sink.status.error, sink.status.facts) == (NO_SUCH_ADDRESS, {"host": host, "port": "8088"})
    assert len(asyncio.all_tasks()) == 1


async def test_any_other_reason_is_in_the_system_s_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", denied)
    async with serving(port=8088) as (sink, _):
        assert sink.status.error == CANNOT_LISTEN
        assert "permission denied" in sink.status.facts["reason"]


async def test_two_that_bound_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # Both may bind; the second is told when it wants to listen.
    def taken(*_: object) -> None:
        raise OSError(98, "Address already in use")

    files = open_files()
    with monkeypatch.context() as patched:
        patched.setattr(socket.socket, "listen", taken)
        async with serving(port=8088) as (sink, _):
            assert sink.status.error == PORT_TAKEN
            assert open_files() == files


async def test_the_port_is_free_at_once_over_fifty_reloads() -> None:
    port = free_port()
    async with serving(port=port) as (sink, _), listening(sink, port):
        sink.take(deliver(telegram()))
    files = open_files()
    for number in range(50):
        begin = time.perf_counter()
        async with serving(port=port) as (sink, _):
            assert sink.status.error is None
            deaf = connected(port)
            await has(sink, 1)
            async with listening(sink, port) as listener:
                sink.take(deliver(telegram(number)))
                await hears(listener, telegram(number))
                # It is here still when the server stops.
                await sink.async_stop()
                await ends(listener)
        assert time.perf_counter() - begin < 1
        assert len(sink._clients) == 0
        deaf.close()
    await until(lambda: open_files() <= files)
    assert len(asyncio.all_tasks()) == 1


async def test_what_was_sent_arrives_also_when_the_server_stops() -> None:
    async with serving() as (sink, port), listening(sink, port) as listener:
        for number in range(20):
            sink.take(deliver(telegram(number)))
        await sink.async_stop()
        sink.take(deliver(telegram(20)))
        await ends(listener)
        assert listener.heard == b"".join(map(telegram, range(20)))


async def test_it_stops_at_once_also_with_somebody_who_does_not_read() -> None:
    async with serving() as (sink, port):
        deaf = connected(port)
        await has(sink, 1)
        delivery = deliver(telegram())
        (client,) = sink._clients
        while not client._transport.get_write_buffer_size():
            sink.take(delivery)
        begin = time.perf_counter()
        await sink.async_stop()
        assert time.perf_counter() - begin < 0.5
        assert len(sink._clients) == 0
        deaf.close()


async def test_it_stops_in_the_middle_of_a_storm(caplog: pytest.LogCaptureFixture) -> None:
    files = open_files()
    for _ in range(20):
        async with serving() as (sink, port):
            storm = [connected(port) for _ in range(30)]
            await asyncio.sleep(0)
            await sink.async_stop()
        for connection in storm:
            connection.close()
    await until(lambda: open_files() <= files)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# --- who reads --------------------------------------------------------------------------------------------------------


@pytest.fixture
def reads_along() -> Generator[Callable[..., Any]]:
    """dsmr-parser's own client, in a thread: it blocks."""
    threads: list[threading.Thread] = []

    def start(port: int, specification: Any, count: int) -> list[Any]:
        found: list[Any] = []

        def run() -> None:
            reader = SocketReader(HOME, port, specification)
            for one in reader.read():
                found.append(one)
                if len(found) == count:
                    return

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return found

    yield start
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    ("system", "specification"), [("nl2", V2_2), ("nl4", V4), ("nl5", V5), ("lu-encrypted", V5), ("at-encrypted", V5)]
)
async def test_dsmr_parser_reads_along(system: str, specification: Any, reads_along: Callable[..., Any]) -> None:
    house = Household(start=datetime(2026, 11, 21, 12, tzinfo=ZONE), system=system)
    async with serving() as (sink, port):
        found = reads_along(port, specification, 3)
        await has(sink, 1)
        ours = []
        for _ in range(3):
            house.step(SYSTEMS[system].interval)
            delivery = deliver(SYSTEMS[system].compose(house), keys_of(system))
            ours.append(delivery.telegram)
            sink.take(delivery)
        await until(lambda: len(found) == 3)
        await has(sink, 0)
    for theirs, mine in zip(found, ours, strict=True):
        reading = mine.readings["power_import"]
        assert theirs.CURRENT_ELECTRICITY_USAGE.value == reading.value
        assert theirs.CURRENT_ELECTRICITY_USAGE.unit == reading.unit


async def test_another_p1meter_reads_along(tmp_path: Path) -> None:
    """From a cable through one p1meter to the next, with one client beside it that never reads."""
    cable = Cable(tmp_path / "ttyMETER")
    read_here: list[Decimal] = []
    read_there: list[Decimal] = []

    def power(item: object) -> Decimal:
        assert isinstance(item, Telegram)
        value = item.readings["power_import"].value
        assert isinstance(value, Decimal)
        return value

    def here(sink: ServerSink, items: list[Any]) -> None:
        for item in items:
            read_here.append(power(item))
            sink.take(Delivery(item, {}, item.received_at.wall))

    def there(items: list[Any]) -> None:
        read_there.extend(map(power, items))

    async def follows(number: int) -> None:
        await until(lambda: bool(read_there) and read_there[-1] == Decimal(number) / 1000)

    def ignore(_state: LinkState, _error: object) -> None: ...

    async with serving() as (sink, port):
        deaf = connected(port)
        first = Stream(cable.port, LineSettings(), Reader(), on_items=partial(here, sink), on_state=ignore)
        second = Stream(f"socket://{HOME}:{port}", LineSettings(), Reader(), on_items=there, on_state=ignore)
        async with running(first.run()), running(second.run()):
            await has(sink, 2)
            # The port drops what was said before it was open.
            while not read_here:
                await cable.send(telegram(0))
                await asyncio.sleep(0.02)
            begun = len(read_here)
            for number in range(1, 201):
                await cable.send(telegram(number))
                await follows(number)
            deaf.close()
        assert read_here[begun:] == [Decimal(number) / 1000 for number in range(1, 201)]
        assert all(after >= before for before, after in pairwise(read_there))
    cable.close()
