"""What is kept and shared, by clicks: a journal, a file with the newest telegram, and a port for other programs."""

import asyncio
import re
from typing import TYPE_CHECKING

from playwright.async_api import expect
import pytest

from tests.instance.dialogs import add_meter
from tests.instance.process import HOST, free_port
from tests.simulation.checksum import crc16
from tests.simulation.meter import SimulatedMeter

from .browser import sign_in

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Locator, Page

    from tests.instance.process import HomeAssistant

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = 20  # seconds for what takes a telegram or two
CLOCK = "0-0:1.0.0"
SIZE = "sensor.iskra_am550_journal_size"


async def test_what_was_clicked_together_is_kept_and_shared(
    home_assistant: HomeAssistant, page: Page, tmp_path: Path
) -> None:
    port = free_port()
    folder = home_assistant.folder / "p1meter" / "iskra_am550"
    meter = SimulatedMeter("nl5")
    async with meter.on_pty(tmp_path / "meter") as cable:
        await add_meter(home_assistant.client, str(cable.link))
        await sign_in(page)
        await page.goto("/config/integrations/integration/p1meter")

        await open_dialog(page, "Journal: monthly files")
        await page.get_by_text("Whole telegrams hold the serial numbers of your meters").wait_for()
        await choose(page, "Values with short codes (SML3)")
        await first_number(page).fill("0")
        await save(page)

        await open_dialog(page, "File with the newest telegram")
        await choose(page, "Always: it is replaced")
        await first_number(page).fill("0")
        await save(page)

        await open_dialog(page, "A port for other programs")
        await page.locator("ha-selector-boolean ha-switch").click()
        await first_number(page).fill(str(port))
        await save(page)

        # What another program reads is what the meter says, from the first byte on.
        heard = await listen(port, telegrams=2)
        sent = [one.telegram for one in meter.sent]
        assert heard[0] in sent
        assert heard == sent[sent.index(heard[0]) :][: len(heard)]

        # The same telegrams are in the journal, after those that came while the dialogs were open.
        (journal,) = folder.glob("SML3*")
        lines = await until_written(journal, last=sml3(heard[-1]))
        of_the_meter = [sml3(one.telegram) for one in meter.sent]
        assert lines == [line for line in of_the_meter if line in lines]
        assert len(lines) > len(heard)

        # And the newest is a file of its own: whole, by its checksum.
        latest = (folder / "telegram.txt").read_bytes()
        body, mark, stated = latest.partition(b"!")
        assert int(stated, 16) == crc16(body + mark)
        assert latest in [one.telegram for one in meter.sent]

        await page.locator("ha-config-entry-device-row").filter(has_text="Iskra AM550").last.click()
        await page.wait_for_url("**/config/devices/device/**")
        size = page.locator("hui-generic-entity-row", has=page.get_by_text("Journal size", exact=True))
        await expect(size).to_contain_text(re.compile(r"\d\sMB"))
        state = (await home_assistant.client.states())[SIZE]["state"]
        assert 0 < float(state) * 1e6 <= journal.stat().st_size


async def open_dialog(page: Page, name: str) -> None:
    """The cogwheel of the meter, Keep and share data, and one of what is offered there."""
    await page.get_by_role("button", name="Configure").first.click()
    await page.get_by_text("Keep and share data").click()
    await page.get_by_text(name).click()


async def choose(page: Page, option: str) -> None:
    """Choose from the list that a dialog begins with."""
    await page.locator("ha-selector-select").first.click()
    await page.get_by_text(option).last.click()


def first_number(page: Page) -> Locator:
    """The first number that a dialog asks."""
    return page.locator("ha-selector-number input").first


async def save(page: Page) -> None:
    """Send the form, and close what says that it was saved."""
    await page.get_by_role("button", name="Submit").click()
    await page.get_by_role("button", name="Finish").click()


async def listen(port: int, telegrams: int) -> list[bytes]:
    """Connect as soon as somebody is there, and read so many telegrams."""
    async with asyncio.timeout(PATIENCE):
        reader, writer = await connect(port)
        try:
            return [await reader.readuntil(b"!") + await reader.readuntil(b"\r\n") for _ in range(telegrams)]
        finally:
            writer.close()


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """The entry is being loaded anew, with what was chosen."""
    while True:
        try:
            return await asyncio.open_connection(HOST, port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.1)


async def until_written(journal: Path, last: str) -> list[str]:
    """Return the lines of a file up to this one, once it is there."""
    async with asyncio.timeout(PATIENCE):
        while True:
            lines = (await asyncio.to_thread(journal.read_text, "latin-1")).splitlines()
            if last in lines:
                return lines[: lines.index(last) + 1]
            await asyncio.sleep(0.1)


def sml3(telegram: bytes) -> str:
    """Return the line of a telegram: its time first, codes without anything but digits (docs/journal.md)."""
    objects = [line.partition("(") for line in telegram.decode().split("\r\n") if "(" in line]
    objects.sort(key=lambda one: one[0] != CLOCK)
    return ";".join(f"{re.sub(r'\D', '', code)};({values}" for code, _, values in objects)
