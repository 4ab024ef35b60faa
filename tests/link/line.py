"""What the tests put on a line: a cable that can be pulled, servers, and telegrams composed here."""

import asyncio
import contextlib
from contextlib import asynccontextmanager
import fcntl
import importlib
import os
from pathlib import Path
from random import SystemRandom
import socket
import termios
import tty
from typing import TYPE_CHECKING, Any

from tests.simulation.checksum import crc16

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

TIMEOUT = 5.0
"""Seconds after which a test that waits has failed."""

BODY = (
    "/TST5TEST-METER\r\n"
    "\r\n"
    "1-3:0.2.8(50)\r\n"
    "0-0:1.0.0(260115120000W)\r\n"
    "0-0:96.1.1(54455354303030303030303030303031)\r\n"
    "1-0:1.8.1(000123.456*kWh)\r\n"
    "1-0:1.8.2(000004.426*kWh)\r\n"
    "1-0:2.8.1(000000.000*kWh)\r\n"
    "1-0:2.8.2(000000.000*kWh)\r\n"
    "0-0:96.14.0(0002)\r\n"
    "1-0:1.7.0(00.512*kW)\r\n"
    "1-0:2.7.0(00.000*kW)\r\n"
    "0-0:96.13.0()\r\n"
)


def telegram(number: int = 0, body: str = BODY) -> bytes:
    """A telegram as a DSMR 5 meter would send it; the number is its import power in watts."""
    data = body.replace("00.512", f"{number / 1000:06.3f}").encode("latin-1") + b"!"
    return data + b"%04X\r\n" % crc16(data)


def without_checksum(body: str) -> bytes:
    """A telegram as a meter without a checksum sends it."""
    return body.encode("ascii") + b"!\r\n"


def damaged(number: int = 0) -> bytes:
    """A telegram with one wrong digit."""
    return telegram(number).replace(b"000123.456", b"000123.466")


def even_parity(data: bytes) -> bytes:
    """What 7E1 looks like to somebody who reads 8N1."""
    return bytes(byte | (byte.bit_count() % 2) << 7 for byte in data)


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes as a wrong speed makes them: no text in them, the same ones for the same seed."""
    state, result = seed, bytearray()
    while len(result) < size:
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        result.append(0x80 | state >> 16 & 0xFF)
    return bytes(result)


class Cable:
    """A pseudo-terminal behind a link, which stands for the name of the port; pulling it takes both away."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.port = str(path)
        self._master = self._slave = -1
        self.plug()

    def plug(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path.symlink_to(os.ttyname(self._slave))

    def pull(self) -> None:
        self.path.unlink()
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    @property
    def slave(self) -> int:
        """A descriptor of the port itself, to see what was set on it."""
        return self._slave

    async def send(self, data: bytes, chunk: int = 0) -> None:
        """Write everything, in pieces of ``chunk`` bytes with a breath between them (0: as fast as it goes)."""
        async with asyncio.timeout(TIMEOUT):
            while data:
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self._master, data[: chunk or len(data)]) :]
                await asyncio.sleep(0 if chunk else 0.001)

    async def taken(self) -> None:
        """Wait until somebody has read what was sent."""
        async with asyncio.timeout(TIMEOUT):
            while fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)) != bytes(4):  # noqa: ASYNC110 (nobody tells of it)
                await asyncio.sleep(0.001)

    async def received(self, size: int) -> bytes:
        """What was written to the port, once it is ``size`` bytes."""
        data = b""
        async with asyncio.timeout(TIMEOUT):
            while len(data) < size:
                with contextlib.suppress(BlockingIOError):
                    data += os.read(self._master, size - len(data))
                await asyncio.sleep(0.001)
        return data

    def close(self) -> None:
        if self._master >= 0:
            self.pull()


type Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


@asynccontextmanager
async def server(handler: Handler) -> AsyncIterator[int]:
    """A TCP server on this machine; the number of its port."""
    listening = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        listening.close_clients()


# Below what the system itself hands out (from 32768 on) to who connects meanwhile, or asks for any port.
_PORTS = range(20_000, 26_000)


def free_port() -> int:
    """The number of a port that nobody listens on."""
    while True:
        port = SystemRandom().choice(_PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


class SerialServer:
    """An RFC 2217 server: pyserial's side of the talk, in front of a port that remembers what was asked."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.baudrate, self.bytesize, self.parity, self.stopbits = 300, 8, "N", 1
        self.xonxoff = self.rtscts = self.rts = self.dtr = False
        self.cts = self.dsr = self.ri = self.cd = False
        self._writer = writer
        # pyserial has no type information.
        self._manager: Any = importlib.import_module("serial.rfc2217").PortManager(self, writer)

    def hear(self, data: bytes) -> bytes:
        """Take what the client sent; return what of it is for the port."""
        return b"".join(self._manager.filter(data))

    def say(self, data: bytes) -> None:
        self._writer.write(b"".join(self._manager.escape(data)))


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is true; fail after a while."""
    async with asyncio.timeout(TIMEOUT):
        while not condition():  # noqa: ASYNC110 (what is waited for is seen from outside: it has no event to give)
            await asyncio.sleep(0.001)


def open_files() -> int:
    """How many descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))
