"""A port, opened as p1meter does it."""

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from p1meter.link import LineSettings, Transport, open_transport

from .line import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def opened(port: str, settings: LineSettings | None = None) -> AsyncIterator[Transport]:
    """A port that is open as long as this lasts."""
    transport = await open_transport(port, settings or LineSettings())
    try:
        yield transport
    finally:
        await transport.close()


async def pour(writer: asyncio.StreamWriter, pattern: bytes, times: int, held_back: asyncio.Event) -> None:
    """Send this as many times, as fast as it is taken, and tell when nobody takes it."""
    for _ in range(times):
        writer.write(pattern)
        try:
            async with asyncio.timeout(0.05):
                await writer.drain()
        except TimeoutError:
            held_back.set()
            await writer.drain()


async def read_all(transport: Transport, size: int) -> bytes:
    """Return the next bytes, as soon as there are so many."""
    data = b""
    async with asyncio.timeout(TIMEOUT):
        while len(data) < size:
            data += await transport.read()
    return data
