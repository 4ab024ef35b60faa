"""The pictures of the documents, and of every dialog, from a real Home Assistant with a simulated household."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import importlib
from io import BytesIO
import itertools
from pathlib import Path
import re
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING, Any, Final

from PIL import Image

from tests import foreign
from tests.e2e.browser import Words, choose_port, open_port_step, opened, sign_in, speaking
from tests.e2e.walk import INTEGRATION, Seen, Walk
from tests.instance import demo
from tests.instance.clock import Clock
from tests.instance.dialogs import add_dsmr, add_meter, add_to_dashboard
from tests.instance.entities import DOMAIN, NO_VALUE, entities
from tests.instance.history import write_rows
from tests.instance.process import ROOT, HomeAssistant
from tests.simulation.meter import Cable, SimulatedMeter
from tests.simulation.objects import hexadecimal
from tests.simulation.past import write_past
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page, ViewportSize

    from tests.instance.client import Client
    from tests.simulation.telegrams import System

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
# The whole kWh in a line of a total.
_WHOLE: Final = re.compile(r"(?<=^1-0:[12]\.8\.[12]\()\d{6}")
# What p1meter has no name for.
_UNKNOWN: Final = "0-0:96.50.1(00012.3*kWh)"
# Of gas, m³ at the end of each hour (UTC): none was seen from 12:00 to 15:00.
_WITH_GAP: Final = {10: 0.1, 11: 0.3, 15: 2.3}
# The meter that core's `dsmr` reads at first; how the unique ids end of the total of which it has a past, and of what
# is taken away while a person looks at it.
_SHARED: Final = "Kaifa"
_SHARED_IDENT: Final = "KFM5KAIFA-METER"
_DSMR_TOTAL: Final = "_electricity_used_tariff_1"
_DSMR_LOST: Final = "_electricity_delivered_tariff_2"
_DASHBOARD: Final = "p1-meter"
# Enough for all loads, at any hour.
_SUN_W: Final = 6_000
_PATIENCE_S: Final = 300
# The recorder writes every five seconds.
_WRITING_S: Final = 12
# Until ten telegrams were refused.
_REFUSING_S: Final = 15
# Until the curves show something.
_LIVING_S: Final = 60
_USUAL: Final[ViewportSize] = {"width": 1280, "height": 900}
_WIDE: Final[ViewportSize] = {"width": 1640, "height": 1240}
# It comes without type information.
_YAML: Final[Any] = importlib.import_module("yaml")
# So that a dialog is on its picture as a whole.
_TALL: Final = (900, 4000)
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
    home.joinpath("clock").mkdir()
    clock = Clock(home / "clock")
    house = HomeAssistant(
        home / "config", language=language, switches=[SWITCH], tools=["plug_in", "sum_up"], clock=clock
    )
    meter = SimulatedMeter("nl5")
    _say_besides(meter, _UNKNOWN)
    await house.start()
    try:
        # The walk takes longer than a token lasts.
        await house.client.stay_signed_in(1)
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
                # Nobody has told it anything yet.
                switch = f"switch.{SWITCH.lower().replace(' ', '_')}"
                await house.client.act("switch", "turn_off", entity_id=switch)
                await walk.see_load(SWITCH)
                await walk.see_reconfigure(METER)
                await walk.see_replaced(METER, home)
                for device in (METER, "Boiler"):
                    await _open_device(page, device)
                    await album.add_page(device)
                await _seldom(walk, house, meter)
                await walk.see_optical(home)
                await walk.see_silent_port(home)
                await _shared(walk, house, home)
                # While it is offered, whoever adds a meter is asked whether it is that one.
                await _discovered(walk, house, home)
                await _exchanged(walk, page, meter, clock)
                meter.silence()
                await walk.see_repair("no_telegrams", "no_telegrams")
                await _key_changed(walk, page, house, clock, home)
            except BaseException:
                await album.add_page("failed")
                raise
    finally:
        await house.stop()


async def _seldom(walk: Walk, house: HomeAssistant, meter: SimulatedMeter) -> None:
    """See what the dialogs of a meter show where there is something to show."""
    await walk.see_no_pins(METER)
    await walk.see_unknown_codes(METER)
    (entry,) = await house.client.command("config_entries/get", domain=DOMAIN)
    (gas,) = [one.entity_id for one in await entities(house.client, entry["entry_id"]) if one.what == "gas_gas"]
    now = meter.household.now.replace(minute=0, second=0)
    day = now.replace(hour=0) - timedelta(days=3)
    rows = [(day + timedelta(hours=hour), 100 + total, total) for hour, total in _WITH_GAP.items()]
    await write_rows(house.client, gas, "m³", rows)
    await walk.see_gaps(METER)
    imports = house.folder / "p1meter" / "import"
    imports.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(write_past, imports / "SML3Nov2026", now - timedelta(days=5), now)
    await asyncio.to_thread(write_past, imports / "values.txt", now - timedelta(hours=1), now, codes=False)
    await walk.see_import(METER, "SML3Nov2026", "values.txt")


async def _discovered(walk: Walk, house: HomeAssistant, home: Path) -> None:
    """See what is said of a cable that Home Assistant has found, on something that is no P1 port."""
    wrong = Cable(home / "discovered", SYSTEMS["nl5"])
    wrong.plug()
    async with speaking(wrong.write, foreign.SML):
        await house.client.act("plug_in", "cable", port=str(wrong.link))
        await walk.see_discovered()
    wrong.unplug()


async def _shared(walk: Walk, house: HomeAssistant, home: Path) -> None:
    """See what is offered where core's `dsmr` reads the meter, and has recorded some hours of it."""
    client = house.client
    meter = SimulatedMeter("nl5")
    meter.system = replace(_numbered(meter.system, "5"), ident=_SHARED_IDENT)
    async with meter.on_pty(home / "shared") as cable:
        await add_dsmr(client, str(cable.link))
        total = await _until_read(client)
        await add_to_dashboard(client, total)
        state = float((await client.states())[total]["state"])
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=1)
        rows = [(hour + timedelta(hours=after), state - 10 + after, float(after)) for after in range(6)]
        await write_rows(client, total, "kWh", rows)

        async def lose() -> None:
            (lost,) = await _of_dsmr(client, _DSMR_LOST)
            await client.command("config/entity_registry/remove", entity_id=lost)

        await walk.see_taking_over(str(cable.link), _SHARED, lose)


async def _until_read(client: Client) -> str:
    """Return the total that `dsmr` shows, as soon as it has one: it makes its entities of the first telegram."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            states = await client.states()
            for entity_id in await _of_dsmr(client, _DSMR_TOTAL):
                if states.get(entity_id, {}).get("state", "unknown") not in NO_VALUE:
                    return entity_id
            await asyncio.sleep(1)


async def _of_dsmr(client: Client, what: str) -> list[str]:
    """Return the entities of core's `dsmr` whose unique ids end like this."""
    registry = await client.command("config/entity_registry/list")
    return [one["entity_id"] for one in registry if one["platform"] == "dsmr" and one["unique_id"].endswith(what)]


async def _exchanged(walk: Walk, page: Page, meter: SimulatedMeter, clock: Clock) -> None:
    """See what is asked and said when another meter is in the place of ours."""

    async def sum_up() -> None:
        # The recorder writes what it was told, and then sums five minutes up.
        for _ in range(2):
            await asyncio.sleep(_WRITING_S)
            clock.advance(300)
        await asyncio.sleep(_WRITING_S)
        await _sign_in_again(page)

    _exchange(meter)
    await walk.see_joints(METER, sum_up)


async def _key_changed(walk: Walk, page: Page, house: HomeAssistant, clock: Clock, home: Path) -> None:
    """See what is asked when a meter that encrypts has another key."""
    meter, cipher = SimulatedMeter("lu-encrypted"), foreign.OWNER
    # Ten seconds from one telegram to the next would be long.
    meter.system = replace(meter.system, interval=1, cipher=cipher)
    async with meter.on_pty(home / "encrypted") as cable:
        await add_meter(house.client, str(cable.link), {"encryption_key": cipher.key.hex()})
        meter.system = replace(meter.system, cipher=replace(cipher, key=cipher.key[::-1]))
        await asyncio.sleep(_REFUSING_S)
        clock.advance(301)
        await _sign_in_again(page)
        await walk.see_refused_key()


async def _sign_in_again(page: Page) -> None:
    """Sign in when the clock was put ahead: the browser, which does not know that, would use its token for too long."""
    await page.evaluate("localStorage.clear()")
    await sign_in(page)


def _say_besides(meter: SimulatedMeter, line: str) -> None:
    """Have the meter say one more line."""
    lines = meter.system.lines
    meter.system = replace(meter.system, lines=lambda household: itertools.chain(lines(household), [line]))


def _exchange(meter: SimulatedMeter) -> None:
    """Put another meter in its place, which has counted next to nothing."""
    system = _numbered(meter.system, "4")
    meter.system = replace(
        system, lines=lambda household: (_WHOLE.sub("000000", line) for line in system.lines(household))
    )


def _numbered(system: System, digit: str) -> System:
    """Return what another meter of this kind says, whose number ends in another digit."""
    old, new = hexadecimal(_NUMBER), hexadecimal(f"{_NUMBER[:-1]}{digit}")
    return replace(system, lines=lambda household: (line.replace(old, new) for line in system.lines(household)))


def _chromium() -> str:
    """Return where the browser is; without one there are no pictures."""
    if found := shutil.which("chromium"):
        return found
    sys.exit("scripts/screenshots needs a browser: apt-get install chromium")
