"""What a person clicks: to sign in, on the way to the port of the meter, in the dialogs; in any language."""

import asyncio
from contextlib import asynccontextmanager
import json
import re
from typing import TYPE_CHECKING, Any

from playwright.async_api import Page, async_playwright

from tests.background import running
from tests.instance.client import PASSWORD, USER
from tests.instance.process import ENVIRONMENT, ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping

    from tests.instance.process import HomeAssistant

_OURS = ROOT / "custom_components" / "p1meter" / "translations"
_FRONTEND = "lib/python3*/site-packages/hass_frontend/static/translations"
_LOCALES = {"en": "en-GB", "nl": "nl-NL", "fr": "fr-FR", "de": "de-DE"}
_DIALOGS = "ui.panel.config.integrations."


class Words:
    """What is on the screen in one language: `words["options/step/init/title"]` of ours, `words.button("submit")`."""

    def __init__(self, language: str = "en") -> None:
        """Read both files; `language` is one of p1meter's, as `nl`."""
        self.language = language
        self._ours = dict(_flat(json.loads((_OURS / f"{language}.json").read_text("utf-8"))))
        self._theirs: dict[str, str] = {}
        for part in ("", "config/"):
            (path,) = ENVIRONMENT.glob(f"{_FRONTEND}/{part}{language}-[0-9a-f]*.json")
            self._theirs |= json.loads(path.read_text("utf-8"))

    def __getitem__(self, path: str) -> str:
        """Return a text of p1meter's."""
        return self._ours[path]

    def below(self, path: str) -> dict[str, str]:
        """Return all texts of p1meter's below a path, by what follows on it."""
        return {key.removeprefix(path): text for key, text in self._ours.items() if key.startswith(path)}

    def button(self, name: str) -> str:
        """Return a text of the frontend's about integrations and their dialogs: `config_flow.submit`."""
        return self._theirs[_DIALOGS + name]

    def theirs(self, key: str) -> str:
        """Return any text of the frontend's."""
        return self._theirs[key]


def _flat(texts: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, text in texts.items():
        if isinstance(text, str):
            yield above + key, text
        else:
            yield from _flat(text, f"{above}{key}/")


def pattern(text: str) -> re.Pattern[str]:
    """Return what fits a text whatever stands in its placeholders."""
    return re.compile(".*".join(map(re.escape, re.split(r"\{\w+\}", text))), re.DOTALL)


@asynccontextmanager
async def opened(
    home_assistant: HomeAssistant, chromium: str, *, size: tuple[int, int] = (1280, 1000)
) -> AsyncGenerator[Page]:
    """Open a page of a real browser that speaks the language of the house, not yet signed in.

    Args:
        home_assistant: what is looked at.
        chromium: path of the program.
        size: of its window, in pixels.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = await browser.new_context(
            base_url=home_assistant.url,
            viewport={"width": size[0], "height": size[1]},
            locale=_LOCALES[home_assistant.language],
            timezone_id=home_assistant.place.time_zone,
        )
        context.set_default_timeout(30_000)
        try:
            yield await context.new_page()
        finally:
            await browser.close()


async def sign_in(page: Page) -> None:
    """Sign in as the user of the demo."""
    await page.goto("/")
    await page.locator("input[name=username]").fill(USER)
    await page.locator("input[name=password]").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await page.locator("home-assistant-main").wait_for()


async def open_port_step(page: Page, words: Words | None = None) -> None:
    """Devices & services, Add integration, P1 meter; until the port is asked."""
    await page.goto("/config/integrations/dashboard")
    await page.get_by_role("button", name=(words or Words()).button("add_integration")).click()
    await page.keyboard.type("p1 meter", delay=20)
    await page.locator("ha-integration-list-item").filter(has_text=re.compile(r"^\s*P1 meter")).click()
    await page.locator("ha-selector-serial_port").wait_for()


async def open_reconfigure(page: Page, title: str) -> None:
    """⋮ → Reconfigure at a meter of this title; until its port is asked."""
    await page.goto("/config/integrations/integration/p1meter")
    row = page.locator("ha-config-entry-row").filter(has_text=title)
    await row.locator("ha-dropdown ha-icon-button").first.click()
    await row.locator("ha-dropdown-item[value=reconfigure]").first.click()
    await page.locator("ha-selector-serial_port").wait_for()


async def choose_port(page: Page, port: str, words: Words | None = None) -> None:
    """Enter a port by hand, unless it stands there already, and have it listened to."""
    words = words or Words()
    # The box to search in looks the same, but does not have to be filled in.
    field = page.locator("ha-selector-serial_port input[required]")
    if not await field.count():
        await page.locator("ha-selector-serial_port").click()
        by_hand = words.theirs("ui.components.selectors.serial_port.enter_manually")
        await page.locator("ha-combo-box-item").filter(has_text=by_hand).click()
    await field.fill(port)
    await page.get_by_role("button", name=words.button("config_flow.submit")).click()


@asynccontextmanager
async def speaking(write: Callable[[bytes], object], data: bytes, pause: float = 0.1) -> AsyncGenerator[None]:
    """Say the same again and again; `pause` in seconds."""

    async def speak() -> None:
        while True:
            write(data)
            await asyncio.sleep(pause)

    async with running(speak()):
        yield
