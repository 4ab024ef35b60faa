"""Something that goes on beside a test, as long as the test needs it."""

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine


@asynccontextmanager
async def running(coroutine: Coroutine[object, object, None]) -> AsyncGenerator[None]:
    """Run it beside what is inside, and end it with that; if it failed on its own, so does the test."""
    task = asyncio.create_task(coroutine)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
