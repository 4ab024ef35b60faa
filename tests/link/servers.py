"""Real servers that have a serial port at their end: ser2net, and ESPHome as a program of this machine."""

import asyncio
from contextlib import asynccontextmanager
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import needs

from .line import TIMEOUT, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p1meter"
# Compiled into it: tests/servers/esphome.yaml.
ESPHOME_PORT = 26053


def program(name: str, path: str) -> str:
    """A server that scripts/_servers.py has made."""
    made = _CACHE / name
    if not (made / ".ready").exists():
        pytest.skip(f"{needs.PREFIX}{name}, which scripts/test unit gets where it can")
    return str(made / path)


class Server:
    """A server that can be stopped and started again at the same address."""

    def __init__(self, port: int, *command: str, terminal: str | None = None) -> None:
        self.port = port
        self._command = command
        self._terminal = terminal
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        terminal = os.open(self._terminal or os.devnull, os.O_RDWR | os.O_NOCTTY)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=terminal,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        finally:
            os.close(terminal)
        async with asyncio.timeout(TIMEOUT):
            while not self._listens():
                assert self._process.returncode is None
                await asyncio.sleep(0.01)

    def _listens(self) -> bool:
        # A connection to find out would be one more user of the port: there may be one only.
        wanted = f":{self.port:04X}"
        lines = Path("/proc/net/tcp").read_text().splitlines() + Path("/proc/net/tcp6").read_text().splitlines()
        return any(line.split()[1].endswith(wanted) and line.split()[3] == "0A" for line in lines[1:] if ":" in line)

    async def stop(self) -> None:
        if self._process is not None:
            # As a person's system stops it. One that is killed leaves a pty, unlike a port, locked for all but root.
            self._process.terminate()
            await self._process.wait()
            self._process = None


@asynccontextmanager
async def ser2net(device: str, folder: Path, *, rfc2217: bool, which: str = "ser2net") -> AsyncIterator[Server]:
    """ser2net in front of a device, at 300 8N1 until a client says otherwise: to a plain socket, or by RFC 2217."""
    port = free_port()
    config = folder / f"ser2net-{port}.yaml"
    config.write_text(
        "connection: &meter\n"
        f"  accepter: {'telnet(rfc2217),' if rfc2217 else ''}tcp,127.0.0.1,{port}\n"
        f"  connector: serialdev,{device},{'300' if rfc2217 else '115200'}n81,local\n"
    )
    server = Server(port, program(which, "ser2net"), "-n", "-u", "-c", str(config))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def esphome(device: str) -> AsyncIterator[Server]:
    """ESPHome's firmware in front of a device; the proxy is called "P1"."""
    server = Server(ESPHOME_PORT, program("esphome", "program"), terminal=device)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
