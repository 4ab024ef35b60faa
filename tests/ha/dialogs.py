"""What a person sees of a dialog, and something that speaks on a line."""

import asyncio
from contextlib import asynccontextmanager
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custom_components import p1meter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

FOLDER = Path(p1meter.__file__).parent
ENGLISH: dict[str, Any] = json.loads((FOLDER / "translations" / "en.json").read_text())
TIMEOUT = 10.0
"""Seconds after which a test that waits has failed."""


def said(result: Mapping[str, Any], flow: str = "config") -> str:
    """Return what a dialog shows: its text, or the error on it, with everything filled in.

    Raises:
        KeyError: there is no such text, or something that belongs into it is missing.
    """
    texts: dict[str, Any] = ENGLISH
    for part in flow.split("."):
        texts = texts[part]
    match result["type"]:
        case "form" if result["errors"]:
            text = texts["error"][result["errors"]["base"]]
        case "form" | "menu":
            text = texts["step"][result["step_id"]]["description"]
        case "progress":
            text = texts["progress"][result["progress_action"]]
        case _:
            text = texts["abort"][result["reason"]]
    return str(text.format_map(result["description_placeholders"] or {}))


@asynccontextmanager
async def speaking(write: Callable[[bytes], object], data: bytes) -> AsyncGenerator[None]:
    """Say the same again and again."""

    async def speak() -> None:
        while True:
            write(data)
            await asyncio.sleep(0.02)

    task = asyncio.create_task(speak())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is true; fail after a while."""
    async with asyncio.timeout(TIMEOUT):
        while not condition():  # noqa: ASYNC110 (what is waited for is seen from outside: it has no event to give)
            await asyncio.sleep(0)
