"""The cable comes back under another name: the repair that says so, and the way out that it names, by clicks."""

from typing import TYPE_CHECKING

from playwright.async_api import expect
import pytest

from tests.compose import nl5
from tests.instance.dialogs import add_meter
from tests.simulation.meter import Cable
from tests.simulation.telegrams import SYSTEMS

from .browser import Words, choose_port, open_reconfigure, sign_in, speaking

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

    from tests.instance.client import Client, Json
    from tests.instance.process import HomeAssistant

pytestmark = pytest.mark.asyncio(loop_scope="module")

LANGUAGE = "nl"
POWER = "sensor.iskra_am550_vermogen"
SECONDS_TO_SHOW = 20
MS_TO_MISS_IT = 60_000


async def test_a_port_of_another_name_is_told_by_hand(
    home_assistant: HomeAssistant, page: Page, tmp_path: Path
) -> None:
    client, words = home_assistant.client, Words(LANGUAGE)
    old, new = (Cable(tmp_path / name, SYSTEMS["nl5"]) for name in ("ttyUSB0", "ttyUSB1"))
    old.plug()
    async with speaking(old.write, nl5()):
        added = await add_meter(client, str(old.link))
        await client.until("a value", is_read, SECONDS_TO_SHOW)
    old.unplug()
    new.plug()
    async with speaking(new.write, nl5({"1-0:1.7.0": "(00.700*kW)"})):
        await sign_in(page)
        await page.goto("/config/repairs")
        issue = "issues/silent_port_missing/"
        await page.get_by_text(words[f"{issue}title"].format(name=added.title)).click(timeout=MS_TO_MISS_IT)
        said = words[f"{issue}description"].format(name=added.title, port=old.link).partition("\n")[0]
        await page.locator("dialog-repairs-issue").get_by_text(said).wait_for()
        assert not is_read(await client.states())

        await open_reconfigure(page, added.title)
        # What is gone is not in the list either, and would be called unknown there.
        await expect(page.locator("ha-selector-serial_port")).not_to_contain_text(str(old.link))
        await choose_port(page, str(new.link), words)
        await client.until("what is said there", is_read, SECONDS_TO_SHOW)
        assert await repairs(client) == set()
    new.unplug()


def is_read(states: dict[str, Json]) -> bool:
    """Whether the meter shows its power."""
    return POWER in states and states[POWER]["state"] not in {"unknown", "unavailable"}


async def repairs(client: Client) -> set[str]:
    """Return the kinds of those that p1meter has."""
    issues = (await client.command("repairs/list_issues"))["issues"]
    return {issue["translation_key"] for issue in issues if issue["domain"] == "p1meter"}
