"""A port behind an RFC 2217 server: what servers of all kinds say is understood, and what the meter says arrives."""

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from p1meter.link import (
    LineSettings,
    TransportError,
    TransportErrorKind,
    open_transport,
    transport as transport_module,
)

from .line import SerialServer, server, until
from .opening import opened, pour, read_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SEVEN_BITS = LineSettings(9600, 7, "E", 1)
EVERY_BYTE = bytes(range(256))

# RFC 854 and RFC 2217 §2.
IAC, SB, SE = b"\xff", b"\xfa", b"\xf0"
WILL, WONT, DO, DONT = b"\xfb", b"\xfc", b"\xfd", b"\xfe"
BINARY, ECHO, COM_PORT = b"\x00", b"\x01", b"\x2c"
AGREES = IAC + DO + COM_PORT
SET_BAUDRATE, SET_DATASIZE, SET_PARITY, SET_STOPSIZE, SET_CONTROL = range(1, 6)


def answer(command: int, value: bytes) -> bytes:
    """What a server says once it has done what it was asked for (RFC 2217 §3)."""
    return IAC + SB + COM_PORT + bytes([100 + command]) + value.replace(IAC, IAC + IAC) + IAC + SE


# The last of the four that set a line.
STOP_SIZE = IAC + SB + COM_PORT + bytes([SET_STOPSIZE])
# To 115200 8N1 (RFC 2217 §3: four bytes, the highest first; 8 bits; 1 is no parity; 1 is one stop bit).
DONE = (
    answer(SET_BAUDRATE, b"\x00\x01\xc2\x00")
    + answer(SET_DATASIZE, b"\x08")
    + answer(SET_PARITY, b"\x01")
    + answer(SET_STOPSIZE, b"\x01")
)


class Other:
    """The server's end of a connection, as a test wants it to be."""

    def __init__(self) -> None:
        self.heard = b""
        self.writer: asyncio.StreamWriter | None = None

    def say(self, data: bytes) -> None:
        assert self.writer is not None
        self.writer.write(data)

    def hang_up(self) -> None:
        assert self.writer is not None
        self.writer.close()


@asynccontextmanager
async def other(hello: bytes = AGREES, done: bytes = DONE) -> AsyncIterator[tuple[Other, str]]:
    """A server that says hello to whoever comes, and says once that the line is set; and its address."""
    end = Other()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end.writer = writer
        writer.write(hello)
        unanswered = done
        while data := await reader.read(1024):
            end.heard += data
            if STOP_SIZE in end.heard:
                writer.write(unanswered)
                unanswered = b""
        writer.close()

    async with server(serve) as port:
        yield end, f"rfc2217://127.0.0.1:{port}"


async def refused(address: str) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await open_transport(address, LineSettings())
    return caught.value


async def test_the_server_of_pyserial_is_set_and_read() -> None:
    """It never answers to line and modem state masks."""
    servers: list[SerialServer] = []
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        servers.append(SerialServer(writer))
        while data := await reader.read(1024):
            heard.append(servers[-1].hear(data))
        writer.close()

    async with server(serve) as port, opened(f"rfc2217://127.0.0.1:{port}", SEVEN_BITS) as transport:
        (asked,) = servers
        assert (asked.baudrate, asked.bytesize, asked.parity, asked.stopbits) == (9600, 7, "E", 1)
        assert (asked.rts, asked.dtr) == (True, True)
        asked.say(EVERY_BYTE)
        assert await read_all(transport, 256) == EVERY_BYTE
        await transport.configure(LineSettings(115200, 8, "O", 2))
        assert (asked.baudrate, asked.bytesize, asked.parity, asked.stopbits) == (115200, 8, "O", 2)
        await transport.set_lines(rts=True, dtr=False)
        assert (asked.rts, asked.dtr) == (True, False)
        await transport.set_lines(rts=False)
        assert (asked.rts, asked.dtr) == (False, False)
        transport.write(EVERY_BYTE)
        await until(lambda: b"".join(heard) == EVERY_BYTE)


async def test_with_a_request_line_both_lines_are_down_at_first() -> None:
    async with other() as (end, address):
        transport = await open_transport(address, LineSettings(), raise_lines=False)
        await transport.close()
    # RFC 2217 §3: 9 is DTR off, 12 is RTS off.
    for control in (b"\x09", b"\x0c"):
        assert IAC + SB + COM_PORT + bytes([SET_CONTROL]) + control + IAC + SE in end.heard


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 7, 64])
async def test_what_the_server_says_itself_is_not_taken_for_the_meter(chunk: int) -> None:
    said = (
        b"one"
        + IAC + b"\xf1"  # NOP
        + b" two"
        + answer(7, b"\xff")  # the modem lines have changed
        + b" three "
        + EVERY_BYTE.replace(IAC, IAC + IAC)
        + IAC + WILL + ECHO
        + IAC + SB + b"\x18" + b"vt100" + IAC + SE  # of another option
        + IAC + SB + IAC + SE  # of none
        + b"end"
    )  # fmt: skip
    async with other() as (end, address), opened(address) as transport:
        for place in range(0, len(said), chunk):
            end.say(said[place : place + chunk])
            await asyncio.sleep(0)
        expected = b"one two three " + EVERY_BYTE + b"end"
        assert await read_all(transport, len(expected)) == expected


async def test_a_command_that_never_ends_does_not_swallow_the_port() -> None:
    async with other() as (end, address), opened(address) as transport:
        end.say(IAC + SB + COM_PORT + bytes(300) + b"telegram")
        assert (await read_all(transport, 300)).endswith(b"telegram")


async def test_an_option_is_refused_once_and_no_answer_is_answered() -> None:
    """A server that takes each answer for a question would never stop."""
    async with other() as (end, address), opened(address) as transport:
        end.heard = b""
        for verb in (DO, WILL):
            end.say(IAC + verb + ECHO)
        for verb in (WONT, DONT):
            end.say(IAC + verb + ECHO)
        # Again and again: a server that never reads would fill our memory with answers.
        end.say((IAC + DO + ECHO + IAC + WILL + ECHO) * 1000)
        # What was agreed and is said again, and what the server takes back.
        end.say(IAC + DO + BINARY + IAC + WILL + BINARY + IAC + DO + COM_PORT)
        end.say(IAC + DONT + BINARY + IAC + DONT + BINARY + IAC + WONT + BINARY + IAC + WONT + BINARY)
        end.say(IAC + WILL + COM_PORT + IAC + WILL + COM_PORT + b"over")
        assert await read_all(transport, 4) == b"over"
        transport.write(b"!")
        await until(lambda: end.heard.endswith(b"!"))
    assert end.heard == (
        IAC + WONT + ECHO + IAC + DONT + ECHO + IAC + WONT + BINARY + IAC + DONT + BINARY + IAC + DO + COM_PORT + b"!"
    )


@pytest.mark.parametrize("agrees", [IAC + DO + COM_PORT, IAC + WILL + COM_PORT])
async def test_a_server_agrees_in_one_way_or_the_other(agrees: bytes) -> None:
    async with other(agrees) as (end, address), opened(address) as transport:
        end.say(b"telegram")
        assert await read_all(transport, 8) == b"telegram"


async def test_reading_starts_with_what_arrives_once_the_port_is_open() -> None:
    hello, done = b"of yesterday" + AGREES, b"at the wrong speed" + DONE
    async with other(hello, done) as (end, address), opened(address) as transport:
        end.say(b"today")
        assert await read_all(transport, 5) == b"today"


@pytest.mark.parametrize("says", [b"", b"/ISK5 1-0:1.8.1(000123.456*kWh)\r\n", IAC + WILL + ECHO])
async def test_a_server_that_never_speaks_of_it(monkeypatch: pytest.MonkeyPatch, says: bytes) -> None:
    monkeypatch.setattr(transport_module, "_CONNECT_TIMEOUT", 0.05)
    async with other(says) as (_, address):
        error = await refused(address)
    assert (error.kind, error.detail) == (
        TransportErrorKind.NO_RFC2217,
        "no answer to COM-PORT-OPTION: bare data is for socket://",
    )


async def test_a_server_that_does_not_speak_it() -> None:
    async with other(IAC + DO + BINARY + IAC + WILL + BINARY + IAC + DONT + COM_PORT) as (_, address):
        error = await refused(address)
    assert (error.kind, error.detail) == (
        TransportErrorKind.NO_RFC2217,
        "the server refuses COM-PORT-OPTION: bare data is for socket://",
    )


async def test_a_server_that_does_not_say_that_the_speed_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older esp-link agrees, and never answers: its bare data can be had."""
    monkeypatch.setattr(transport_module, "_CONNECT_TIMEOUT", 0.05)
    async with other(done=answer(SET_BAUDRATE, b"\x00\x01\xc2\x00")) as (_, address):
        error = await refused(address)
    assert (error.kind, error.detail) == (
        TransportErrorKind.NO_RFC2217,
        "no answer to COM-PORT-OPTION: bare data is for socket://",
    )


@pytest.mark.parametrize(
    ("words", "detail"),
    [(b"Port already in use\r\n", "Port already in use"), (b"", "the other side closed the connection")],
)
@pytest.mark.parametrize("says", [b"", AGREES])
async def test_what_a_server_says_before_it_hangs_up_is_said(says: bytes, words: bytes, detail: str) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(says + words)
        writer.close()

    async with server(hang_up) as port:
        error = await refused(f"rfc2217://127.0.0.1:{port}")
    assert (error.kind, error.detail) == (TransportErrorKind.UNREACHABLE, detail)


async def test_a_connection_that_ends_is_lost_after_the_last_byte() -> None:
    async with other() as (end, address), opened(address) as transport:
        end.say(b"last words")
        end.hang_up()
        assert await read_all(transport, 10) == b"last words"
        for _ in range(2):
            with pytest.raises(TransportError) as caught:
                await transport.read()
            assert caught.value.kind is TransportErrorKind.LOST
        with pytest.raises(TransportError) as caught:
            await transport.configure(SEVEN_BITS)
        assert (caught.value.kind, caught.value.detail) == (
            TransportErrorKind.LOST,
            "the other side closed the connection",
        )


async def test_a_connection_that_ends_in_the_middle_of_a_change() -> None:
    async with other() as (end, address), opened(address) as transport:
        changing = asyncio.create_task(transport.configure(SEVEN_BITS))
        await asyncio.sleep(0)
        end.hang_up()
        with pytest.raises(TransportError) as caught:
            await changing
    assert caught.value.kind is TransportErrorKind.LOST


async def test_a_flood_that_nobody_reads_is_held_back_and_not_lost() -> None:
    size = 8 * 1024 * 1024
    pattern = EVERY_BYTE[:255] * 256
    held_back = asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(AGREES)
        await reader.readuntil(STOP_SIZE)
        writer.write(DONE)
        await pour(writer, pattern, size // len(pattern), held_back)
        writer.close()

    async with server(flood) as port, opened(f"rfc2217://127.0.0.1:{port}") as transport:
        await until(held_back.is_set)
        assert len(await read_all(transport, size // 2)) >= size // 2


async def test_a_server_that_does_not_take_the_end_is_left() -> None:
    """Whoever is at the other end: the port is given up."""
    stays = asyncio.Event()

    async def stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(AGREES)
        await reader.readuntil(STOP_SIZE)
        writer.write(DONE)
        await stays.wait()
        writer.close()

    async with server(stay) as port:
        transport = await open_transport(f"rfc2217://127.0.0.1:{port}", LineSettings())
        transport.write(bytes(8 * 1024 * 1024))
        await transport.close()
        with pytest.raises(TransportError):
            transport.write(b"anybody there?")
        stays.set()
