"""A port is opened, read and closed; whatever goes wrong comes out as one type of error that says what to do."""

import asyncio
import contextlib
from functools import partial
import os
import termios
from typing import TYPE_CHECKING

import pytest
from serialx.descriptor_transport import DescriptorTransport

from p1meter.link import (
    LineSettings,
    Transport,
    TransportError,
    TransportErrorKind,
    has_line_settings,
    is_url,
    open_transport,
    transport as transport_module,
)
from tests.background import running

from .line import TIMEOUT, Cable, free_port, open_files, server, until
from .opening import opened, pour, read_all

if TYPE_CHECKING:
    from pathlib import Path

EIGHT_BITS = LineSettings()
SEVEN_BITS = LineSettings(9600, 7, "E", 1)


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        ("115200 8N1", LineSettings(115200, 8, "N", 1)),
        ("9600 7E1", LineSettings(9600, 7, "E", 1)),
        ("2400 8O2", LineSettings(2400, 8, "O", 2)),
    ],
)
def test_line_settings_are_written_as_people_write_them(text: str, settings: LineSettings) -> None:
    assert LineSettings.parse(text) == settings
    assert str(settings) == text


@pytest.mark.parametrize("text", ["", "115200", "115200 8X1", "115200 9N1", "0 8N1", "115200 8N1 ", "fast 8N1"])
def test_other_text_is_no_line_setting(text: str) -> None:
    with pytest.raises(ValueError, match="no line settings"):
        LineSettings.parse(text)


def test_only_a_device_or_an_address_that_stands_for_one_has_line_settings() -> None:
    by_path = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0"
    assert [is_url(port) for port in (by_path, "socket://meter:23")] == [False, True]
    settings = {port: has_line_settings(port) for port in (by_path, "socket://m:1", "tcp://m:1", "rfc2217://m:1")}
    assert settings == {by_path: True, "socket://m:1": False, "tcp://m:1": False, "rfc2217://m:1": True}


@pytest.mark.parametrize("chunk", [1, 7, 64, 0])
async def test_every_byte_arrives_once_and_in_order(cable: Cable, chunk: int) -> None:
    data = bytes(range(256)) * 5
    async with opened(cable.port) as transport:
        sending = asyncio.create_task(cable.send(data, chunk))
        assert await read_all(transport, len(data)) == data
        await sending


async def test_a_read_takes_no_more_than_asked_and_leaves_the_rest(cable: Cable) -> None:
    async with opened(cable.port) as transport:
        await cable.send(b"0123456789")
        data = b""
        while len(data) < 10:
            piece = await transport.read(4)
            assert 0 < len(piece) <= 4
            data += piece
    assert data == b"0123456789"


async def test_who_listens_gets_it_in_pieces_until_it_wants_no_more(cable: Cable) -> None:
    async with opened(cable.port) as transport:
        await cable.send(b"0123456789")
        await until_arrived(transport)
        heard: list[bytes] = []

        def take(data: bytes) -> bool:
            heard.append(data)
            return len(b"".join(heard)) < 8

        async with asyncio.timeout(TIMEOUT):
            await transport.listen(take, 4)
        assert heard == [b"0123", b"4567"]
        # What it did not want is for the next one, and what comes while nobody listens too.
        assert await transport.read() == b"89"
        await cable.send(b"abc")
        assert await transport.read() == b"abc"


async def test_who_listens_is_told_the_moment_it_arrives(cable: Cable) -> None:
    async with opened(cable.port) as transport:
        heard: list[bytes] = []

        def take(data: bytes) -> bool:
            # In the loop itself: no task had to be woken for it.
            assert asyncio.current_task() is None
            heard.append(data)
            return data != b"end"

        async with asyncio.timeout(TIMEOUT):
            listening = asyncio.create_task(transport.listen(take, 4096))
            for said in (b"one", b"two", b"end"):
                await cable.send(said)
                await until(partial(heard.__contains__, said))
            await listening
        assert heard == [b"one", b"two", b"end"]


async def test_who_listens_to_a_pulled_cable_hears_the_last_byte_first(cable: Cable) -> None:
    async with opened(cable.port) as transport:
        heard: list[bytes] = []

        def take(data: bytes) -> bool:
            heard.append(data)
            return True

        listening = asyncio.create_task(transport.listen(take, 4096))
        await cable.send(b"last words")
        await until(lambda: heard)
        cable.pull()
        with pytest.raises(TransportError) as caught:
            await listening
        assert caught.value.kind is TransportErrorKind.LOST
        assert heard == [b"last words"]


async def test_what_goes_wrong_while_listening_reaches_who_listens(cable: Cable) -> None:
    def take(_data: bytes) -> bool:
        raise ValueError("not understood")

    async with opened(cable.port) as transport:
        listening = asyncio.create_task(transport.listen(take, 4096))
        await cable.send(b"anything")
        with pytest.raises(ValueError, match="not understood"):
            await listening
        # The port is open as before.
        await cable.send(b"more")
        assert await read_all(transport, 4) == b"more"


@pytest.mark.parametrize("goes_wrong", [False, True])
async def test_what_is_done_with_a_telegram_may_end_the_listening(
    cable: Cable, caplog: pytest.LogCaptureFixture, *, goes_wrong: bool
) -> None:
    """An automation asks for the connection to be made anew, called by a state that this telegram has changed."""

    def take(_data: bytes) -> bool:
        listening.cancel()
        if goes_wrong:
            raise ValueError("not understood")
        return False

    async with opened(cable.port) as transport:
        listening = asyncio.create_task(transport.listen(take, 4096))
        await cable.send(b"anything")
        with pytest.raises(asyncio.CancelledError):
            await listening
    errors = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert errors == ([ValueError] if goes_wrong else [])


async def test_a_read_does_not_make_room_for_more_than_a_port_keeps(cable: Cable) -> None:
    async with opened(cable.port) as transport:
        # By serialx's name for it.
        assert isinstance(transport._transport, DescriptorTransport)
        assert transport._transport.max_size == 4096


async def test_what_a_driver_kept_from_before_is_dropped(cable: Cable) -> None:
    await cable.send(b"half a telegram of yesterday")
    async with opened(cable.port) as transport:
        await cable.send(b"today")
        assert await read_all(transport, 5) == b"today"


async def test_the_speed_is_set_and_can_be_changed(cable: Cable) -> None:
    async with opened(cable.port, LineSettings(9600)) as transport:
        assert termios.tcgetattr(cable.slave)[4:6] == [termios.B9600] * 2
        await cable.send(b"at the old speed")
        await until_arrived(transport)
        await transport.configure(EIGHT_BITS)
        assert termios.tcgetattr(cable.slave)[4:6] == [termios.B115200] * 2
        await cable.send(b"new")
        assert await read_all(transport, 3) == b"new"


async def until_arrived(transport: Transport) -> None:
    """Wait until something lies ready to be read, without reading it."""
    await until(lambda: transport._receiver._buffer)


async def test_seven_bits_twice_on_a_pseudo_terminal(cable: Cable) -> None:
    # It answers EINVAL to a change of nothing but the character format, so also to opening it a second time.
    for _ in range(2):
        async with opened(cable.port, SEVEN_BITS) as transport:
            await cable.send(b"hello")
            assert await read_all(transport, 5) == b"hello"
            await transport.configure(EIGHT_BITS)
            await transport.configure(LineSettings(115200, 7, "E"))
            await cable.send(b"again")
            assert await read_all(transport, 5) == b"again"
            await transport.configure(SEVEN_BITS)


async def test_changing_the_speed_of_a_port_that_is_spoken_on_does_not_lose_it(cable: Cable) -> None:
    """The driver's buffer is emptied with each change, in the middle of what arrives."""

    async def speak() -> None:
        while True:
            await cable.send(bytes(30))

    async with opened(cable.port) as transport, running(speak()):
        for _ in range(100):
            await transport.configure(SEVEN_BITS)
            await transport.configure(EIGHT_BITS)
            await read_all(transport, 1)


async def test_a_port_in_use_is_not_shared(cable: Cable) -> None:
    async with opened(cable.port):
        with pytest.raises(TransportError) as caught:
            await open_transport(cable.port, EIGHT_BITS)
        assert caught.value.kind is TransportErrorKind.BUSY
        assert "locked" in caught.value.detail
    async with opened(cable.port):
        pass


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ttyNONE", TransportErrorKind.MISSING),
        ("file/below", TransportErrorKind.MISSING),
        ("file", TransportErrorKind.NOT_A_PORT),
        ("", TransportErrorKind.NOT_A_PORT),
    ],
)
async def test_what_is_no_port_is_told_apart(tmp_path: Path, name: str, kind: TransportErrorKind) -> None:
    (tmp_path / "file").write_bytes(b"/TST5TEST")
    before = open_files()
    with pytest.raises(TransportError) as caught:
        await open_transport(str(tmp_path / name), EIGHT_BITS)
    assert caught.value.kind is kind
    assert caught.value.detail
    assert open_files() == before


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (PermissionError(13, "Permission denied"), TransportErrorKind.DENIED),
        (PermissionError(1, "Operation not permitted"), TransportErrorKind.DENIED),
        (OSError(5, "Input/output error"), TransportErrorKind.MISSING),
        (OSError(19, "No such device"), TransportErrorKind.MISSING),
        (OSError(22, "Invalid argument"), TransportErrorKind.NOT_A_PORT),
        (AssertionError("an error in a library"), TransportErrorKind.NOT_A_PORT),
    ],
)
async def test_whatever_happens_one_type_of_error_comes_out(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kind: TransportErrorKind
) -> None:
    async def refuse(*_args: object, **_settings: object) -> None:
        raise error

    monkeypatch.setattr(transport_module, "create_serial_connection", refuse)
    with pytest.raises(TransportError) as caught:
        await open_transport("/dev/ttyUSB0", SEVEN_BITS)
    assert (caught.value.kind, caught.value.detail) == (kind, error.args[-1])


@pytest.mark.parametrize(
    "address",
    [
        "",
        "192.168.1.5:2001",
        "p1.lan",
        "p1.lan:2001",
        "telnet://meter:23",
        "socket://meter",
        "socket://:23",
        "socket://meter:port",
        "socket://192.168.1..5:2001",
        "rfc2217://p1..lan:2001",
        "socket://[meter:23",
        "rfc2217://",
        "esphome://",
    ],
)
async def test_an_address_that_cannot_be_understood_is_said(address: str) -> None:
    with pytest.raises(TransportError) as caught:
        await open_transport(address, EIGHT_BITS)
    assert caught.value.kind is TransportErrorKind.UNKNOWN_SCHEME


@pytest.mark.parametrize("scheme", ["socket", "tcp", "rfc2217"])
async def test_an_address_that_refuses(scheme: str) -> None:
    with pytest.raises(TransportError) as caught:
        await open_transport(f"{scheme}://127.0.0.1:{free_port()}", EIGHT_BITS)
    assert caught.value.kind is TransportErrorKind.UNREACHABLE


async def test_a_pulled_cable_is_lost_after_the_last_byte(cable: Cable) -> None:
    before = open_files()
    transport = await open_transport(cable.port, EIGHT_BITS)
    await cable.send(b"last words")
    await until_arrived(transport)
    cable.pull()
    assert await transport.read() == b"last words"
    for _ in range(2):
        with pytest.raises(TransportError) as caught:
            await transport.read()
        assert caught.value.kind is TransportErrorKind.LOST
    with pytest.raises(TransportError) as caught:
        transport.write(b"anybody there?")
    assert caught.value.kind is TransportErrorKind.LOST
    with pytest.raises(TransportError):
        await transport.configure(LineSettings(9600))
    await transport.close()
    await transport.close()
    assert open_files() == before - 2


async def test_a_cable_pulled_while_nobody_reads_is_closed_quietly(
    cable: Cable, caplog: pytest.LogCaptureFixture
) -> None:
    before = open_files()
    transport = await open_transport(cable.port, EIGHT_BITS)
    cable.pull()
    await transport.close()
    # The cable has two ends, and both are gone.
    assert open_files() == before - 2
    assert not caplog.records


async def test_a_connection_that_the_other_side_ends(caplog: pytest.LogCaptureFixture) -> None:
    async def say_goodbye(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        writer.close()

    async with server(say_goodbye) as port, opened(f"socket://127.0.0.1:{port}") as transport:
        assert await read_all(transport, 3) == b"bye"
        with pytest.raises(TransportError) as caught:
            await transport.read()
    assert (caught.value.kind, caught.value.detail) == (
        TransportErrorKind.LOST,
        "the other side closed the connection",
    )
    assert not caplog.records


async def test_a_flood_that_nobody_reads_is_held_back_and_not_lost() -> None:
    size = 8 * 1024 * 1024
    held_back = asyncio.Event()
    pattern = bytes(range(256)) * 256

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await pour(writer, pattern, size // len(pattern), held_back)
        writer.close()

    async with server(flood) as port, opened(f"socket://127.0.0.1:{port}") as transport:
        await until(held_back.is_set)
        assert len(transport._receiver._buffer) < 1024 * 1024
        assert await read_all(transport, size) == pattern * (size // len(pattern))


async def test_what_is_written_goes_out(cable: Cable) -> None:
    async with opened(cable.port) as transport:
        transport.write(b"/?!\r\n")
        assert await cable.received(5) == b"/?!\r\n"


async def test_a_cancelled_open_leaves_nothing_behind(cable: Cable) -> None:
    before = open_files()
    for turns in range(1, 12):
        opening = asyncio.create_task(open_transport(cable.port, EIGHT_BITS))
        for _ in range(turns):
            await asyncio.sleep(0.001)
        if opening.done():
            await opening.result().close()
        else:
            opening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await (await opening).close()
    await until(lambda: open_files() == before)
    async with opened(cable.port):
        pass


async def test_who_is_cancelled_twice_while_it_opens_leaves_nothing_behind_either(cable: Cable) -> None:
    """Once by a limit of time, say, and then because Home Assistant stops."""
    before = open_files()
    for turns in range(24):
        opening = asyncio.create_task(open_transport(cable.port, EIGHT_BITS))
        for _ in range(turns // 2):
            await asyncio.sleep(0)
        opening.cancel()
        for _ in range(turns % 6):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait([opening])
        if not opening.cancelled() and opening.exception() is None:
            await opening.result().close()
    # Nobody waits for what was begun: it may hold the port for a moment yet.
    async with asyncio.timeout(TIMEOUT):
        while True:
            with contextlib.suppress(TransportError):
                await (await open_transport(cable.port, EIGHT_BITS)).close()
                break
            await asyncio.sleep(0.001)
    await until(lambda: open_files() == before)


async def test_a_cancelled_open_of_a_port_that_is_not_there_complains_to_nobody(tmp_path: Path) -> None:
    """Home Assistant writes what a loop complains of into its log as an error; it may stop at any moment."""
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    cancelled = 0
    # Two hops between threads and a call of the system: where it is cut off differs from try to try.
    for turns in list(range(12)) * 20:
        opening = asyncio.create_task(open_transport(str(tmp_path / "meter"), EIGHT_BITS))
        for _ in range(turns):
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait([opening])
        cancelled += opening.cancelled()
    assert cancelled
    assert complaints == []


async def test_a_close_that_is_cancelled_still_frees_the_port(cable: Cable) -> None:
    transport = await open_transport(cable.port, EIGHT_BITS)
    closing = asyncio.create_task(transport.close())
    await asyncio.sleep(0)
    closing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await closing
    async with asyncio.timeout(TIMEOUT):
        while True:
            with contextlib.suppress(TransportError):
                await (await open_transport(cable.port, EIGHT_BITS)).close()
                return
            await asyncio.sleep(0.001)


async def test_lines_of_a_port_that_has_none(cable: Cable) -> None:
    async with opened(cable.port) as transport:
        await transport.set_lines(rts=True)
        assert os.isatty(cable.slave)
