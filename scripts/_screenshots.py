"""The pictures of the documents, and of every dialog, from a real Home Assistant with a simulated household."""

import asyncio
from dataclasses import replace
import importlib
from io import BytesIO
from pathlib import Path
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from tests.e2e.browser import Words, choose_port, open_port_step, opened, sign_in
from tests.e2e.walk import INTEGRATION, Seen, Walk
from tests.instance import demo
from tests.instance.process import ROOT, HomeAssistant
from tests.simulation.meter import SimulatedMeter
from tests.simulation.objects import hexadecimal

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page, ViewportSize

PICTURES: Final = ROOT / "docs" / "images"
READY: Final = ROOT / "docs" / "dashboard.yaml"
METER: Final = "Iskra AM550"
SWITCH: Final = "Boiler contactor"
# Of the dialogs, those that help in the documents: by their texts, and what their picture is called.
_DIALOGS: Final = {
    "config/step/user": "add-port",
    "config/step/found": "add-found",
    "options/step/init": "options",
    "options/step/data": "share",
    "options/step/loads": "limits",
}
_NUMBER: Final = "E0047000071238923"
_DASHBOARD: Final = "p1-meter"
# Enough for all loads, at any hour.
_SUN_W: Final = 6_000
_PATIENCE_S: Final = 300
# Until the curves show something.
_LIVING_S: Final = 60
_USUAL: Final[ViewportSize] = {"width": 1280, "height": 900}
_WIDE: Final[ViewportSize] = {"width": 1640, "height": 1240}
# It comes without type information.
_YAML: Final[Any] = importlib.import_module("yaml")
# So that a dialog is on its picture as a whole.
_TALL: Final = (900, 2600)
_SETTLING_S: Final = 1.5  # dialogs, lists and curves move into place
# Screens have few colours; a picture with so many is a third of the size.
_COLOURS: Final = 128


async def _take(of: Page | Locator, path: Path) -> None:
    """Take a picture of what is there when nothing moves any more, small enough for a document."""
    await asyncio.sleep(_SETTLING_S)
    picture = Image.open(BytesIO(await of.screenshot())).convert("RGB")
    picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def _on_top(page: Page) -> Locator:
    """Return the dialog that is open."""
    return page.locator("dialog[open]").last


async def _open_device(page: Page, name: str) -> None:
    """Go to the page of one of p1meter's devices."""
    await page.goto(INTEGRATION)
    await page.locator("ha-config-entry-device-row").filter(has_text=name).last.click()
    await page.wait_for_url("**/config/devices/device/**")
    await page.locator("hui-generic-entity-row").first.wait_for()
    await page.mouse.move(0, 0)


# --- the documents ----------------------------------------------------------------------------------------------------


def documents() -> None:
    """Take the pictures of the documents anew."""
    with tempfile.TemporaryDirectory(prefix="p1meter-") as home:
        asyncio.run(_documents(Path(home)))


async def _documents(home: Path) -> None:
    async with (
        demo.running(home, "nl5", tcp=False) as shown,
        opened(shown.home_assistant, _chromium(), size=_TALL) as page,
    ):
        client = shown.home_assistant.client
        shown.meter.add_load(-_SUN_W)
        await sign_in(page)
        await _dialogs_of_documents(page, home)
        await client.command("lovelace/dashboards/create", url_path=_DASHBOARD, title="P1", mode="storage")
        ready = READY.read_text("utf-8")
        # The house lives for some minutes only.
        ready = ready.replace("hours_to_show: 6", "hours_to_show: 0.1")
        await client.command("lovelace/config/save", url_path=_DASHBOARD, config=_YAML.safe_load(ready))
        await client.until("the boiler runs", lambda states: states["switch.boiler"]["state"] == "on", _PATIENCE_S)
        await asyncio.sleep(_LIVING_S)
        await _pages_of_documents(page)


async def _dialogs_of_documents(page: Page, home: Path) -> None:
    """Take the pictures of dialogs: adding a meter, the cogwheel, a load."""

    async def keep(seen: Seen) -> None:
        await _take(_on_top(page), PICTURES / f"{_DIALOGS[seen.texts]}.png")

    walk = Walk(page, Words(), keep)
    async with SimulatedMeter("be").on_pty(home / "other") as cable:
        await open_port_step(page)
        await walk.see("config/step/user")
        await choose_port(page, str(cable.link))
        await walk.see("config/step/found")
        await walk.close()
    await page.goto(INTEGRATION)
    await walk.open_options(METER)
    await walk.see("options/step/init")
    await walk.go("options/step/init", "loads")
    await walk.see("options/step/loads")
    await walk.close()
    await walk.open_options(METER, ("init", "data"))
    await walk.see("options/step/data")
    await walk.close()


async def _pages_of_documents(page: Page) -> None:
    """Take the pictures of whole pages."""
    await page.set_viewport_size(_USUAL)
    for device, name in ((METER, "meter"), ("Boiler", "load")):
        await _open_device(page, device)
        await _take(page, PICTURES / f"{name}.png")
    await page.goto("/energy")
    await page.get_by_role("button", name="Previous").click()
    await page.get_by_role("tab", name="Electricity").click()
    await page.get_by_text("Grid total").wait_for()
    await page.mouse.move(0, 0)
    await _take(page, PICTURES / "energy.png")
    await page.set_viewport_size(_WIDE)
    await page.goto(f"/{_DASHBOARD}")
    await page.get_by_text("Last hours").wait_for()
    await _take(page, PICTURES / "dashboard.png")


# --- every dialog -----------------------------------------------------------------------------------------------------


class _Album:
    """Pictures in a folder, numbered in their order."""

    def __init__(self, page: Page, folder: Path) -> None:
        self._page = page
        self._folder = folder
        self._number = 0

    async def add(self, seen: Seen) -> None:
        """Take a picture of a dialog."""
        await _take(_on_top(self._page), self._next(seen.name))

    async def add_page(self, name: str) -> None:
        """Take a picture of everything that is on the screen."""
        await _take(self._page, self._next(name))

    def _next(self, name: str) -> Path:
        self._number += 1
        return self._folder / f"{self._number:02} {name}.png"


def dialogs(folder: Path, language: str) -> None:
    """Go through every dialog in a language, with a picture of each page in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="p1meter-") as home:
        asyncio.run(_walk(folder, language, Path(home)))


async def _walk(folder: Path, language: str, home: Path) -> None:
    house = HomeAssistant(home / "config", language=language, switches=[SWITCH])
    meter = SimulatedMeter("nl5", weather="broken")
    await house.start()
    try:
        async with (
            meter.on_pty(home / "meter") as cable,
            opened(house, _chromium(), size=_TALL) as page,
        ):
            await sign_in(page)
            album = _Album(page, folder)
            walk = Walk(page, Words(language), album.add)
            try:
                await walk.see_wrong_ports(home)
                await walk.add(str(cable.link))
                await walk.finish()
                await walk.see_options(METER)
                await walk.see_load(SWITCH)
                await walk.see_reconfigure(METER)
                await walk.see_optical(home)
                await walk.see_silent_port(home)
                for device in (METER, "Boiler"):
                    await _open_device(page, device)
                    await album.add_page(device)
                _exchange(meter)
                await walk.see_repair("meter_replaced/fix_flow/step/init", "meter_replaced")
                meter.silence()
                await walk.see_repair("no_telegrams", "no_telegrams")
            except BaseException:
                await album.add_page("failed")
                raise
    finally:
        await house.stop()


def _exchange(meter: SimulatedMeter) -> None:
    """Put another meter in its place, with a number that ends in another digit."""
    lines, old = meter.system.lines, hexadecimal(_NUMBER)
    new = hexadecimal(f"{_NUMBER[:-1]}4")
    meter.system = replace(meter.system, lines=lambda household: (line.replace(old, new) for line in lines(household)))


def _chromium() -> str:
    """Return where the browser is; without one there are no pictures."""
    if found := shutil.which("chromium"):
        return found
    sys.exit("scripts/screenshots needs a browser: apt-get install chromium")
