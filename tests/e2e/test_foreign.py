"""What is no P1 is named in the browser, in the sentence that helps; so is a meter that encrypts."""

import re
from typing import TYPE_CHECKING

import pytest

from tests import foreign
from tests.compose import nl5
from tests.simulation.meter import Cable
from tests.simulation.telegrams import SYSTEMS

from .browser import choose_port, open_port_step, sign_in, speaking

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Those that are certain as soon as they are heard.
SENTENCES = (
    (foreign.HDLC, "The meter on {port} speaks DLMS in HDLC frames and not P1"),
    (foreign.MBUS, "The meter on {port} speaks M-Bus and not P1"),
    (foreign.SML, "The meter on {port} speaks SML and not P1"),
    (foreign.INVERTED, "A meter speaks on {port}, but its signal arrives upside down"),
    (foreign.UNSUPPORTED, "The meter on {port} encrypts what it sends, in a way that p1meter does not open"),
)


async def test_each_foreign_protocol_has_its_sentence(page: Page, tmp_path: Path) -> None:
    cable = Cable(tmp_path / "meter", SYSTEMS["nl5"])
    cable.plug()
    await sign_in(page)
    await open_port_step(page)
    for data, sentence in SENTENCES:
        async with speaking(cable.write, data):
            await choose_port(page, str(cable.link))
            await page.get_by_text(sentence.format(port=cable.link)).wait_for()
    # And the same dialog asks for the key where there is one that helps.
    async with speaking(cable.write, foreign.OWNER.seal(nl5(), 1)):
        await choose_port(page, str(cable.link))
        await page.get_by_text("Enter the key of this meter.").wait_for()
        key = page.locator("ha-selector-text input").first
        assert await key.get_attribute("type") == "password"
        await key.fill("0" * 32)
        await page.get_by_role("button", name="Submit").click()
        await page.get_by_text("This key does not open what the meter sends.").wait_for()
        await key.fill(foreign.OWNER.key.hex(" "))
        await page.get_by_role("button", name="Submit").click()
        await page.get_by_text(re.compile(r"Found: Iskra AM550, Netherlands DSMR 5, gas meter")).wait_for()
    cable.unplug()


async def test_a_wrong_speed_has_its_sentence(page: Page, tmp_path: Path) -> None:
    cable = Cable(tmp_path / "meter", SYSTEMS["nl5"])
    cable.plug()
    await sign_in(page)
    await open_port_step(page)
    # Every second a telegram that no speed makes text of; at the end it may still be another protocol.
    async with speaking(cable.write, foreign.NOISE * 3, pause=1):
        await choose_port(page, str(cable.link))
        told = page.get_by_text(f"Something is sent on {cable.link}, but it cannot be read at any speed")
        await told.wait_for(timeout=90_000)
    cable.unplug()
