"""What a person clicks on the way to the port of the meter, and something that speaks on a line meanwhile."""

import asyncio
from contextlib import asynccontextmanager
import re
from typing import TYPE_CHECKING

from tests.background import running
from tests.instance.client import PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from playwright.async_api import Page


async def sign_in(page: Page) -> None:
    """Sign in as the user of the demo."""
    await page.goto("/")
    await page.locator("input[name=username]").fill(USER)
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("home-assistant-main").wait_for()


async def open_port_step(page: Page) -> None:
    """Devices & services, Add integration, P1 meter; until the port is asked."""
    await page.goto("/config/integrations/dashboard")
    await page.get_by_role("button", name="Add integration").click()
    await page.keyboard.type("p1 meter", delay=20)
    await page.locator("ha-integration-list-item").filter(has_text=re.compile(r"^\s*P1 meter")).click()
    await page.locator("ha-selector-serial_port").wait_for()


async def choose_port(page: Page, port: str) -> None:
    """Enter a port by hand, unless it stands there already, and have it listened to."""
    # The box to search in looks the same, but does not have to be filled in.
    field = page.locator("ha-selector-serial_port input[required]")
    if not await field.count():
        await page.locator("ha-selector-serial_port").click()
        await page.get_by_text("Enter manually").click()
    await field.fill(port)
    await page.get_by_role("button", name="Submit").click()


@asynccontextmanager
async def speaking(write: Callable[[bytes], object], data: bytes, pause: float = 0.1) -> AsyncGenerator[None]:
    """Say the same again and again; `pause` in seconds."""

    async def speak() -> None:
        while True:
            write(data)
            await asyncio.sleep(pause)

    async with running(speak()):
        yield
