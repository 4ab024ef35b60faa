"""A load by clicks: added, switched by the sun with its reason, taken over by hand, and given back."""

from datetime import datetime
from typing import TYPE_CHECKING

from playwright.async_api import expect
import pytest

from tests.instance.appliances import wired
from tests.instance.dialogs import add_meter
from tests.simulation.appliance import Appliance
from tests.simulation.household import ZONE
from tests.simulation.meter import SimulatedMeter

from .browser import sign_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.async_api import Locator, Page

    from tests.instance.client import Client, Json
    from tests.instance.process import HomeAssistant

pytestmark = pytest.mark.asyncio(loop_scope="module")

SWITCHES = ("Boiler contactor",)
CONTACTOR = "switch.boiler_contactor"
BOILER_W = 2_000
SUN_W = 4_000
# Nobody is up: what moves the meter is the boiler.
NIGHT = datetime.now(ZONE).replace(hour=3, minute=20, second=0, microsecond=0)
# 2000 W that are covered whole are worth 700 W to the boiler (break-even 65 %): 5 Wh, the cost of a start with a solid
# state relay, are gathered in 26 s, after three telegrams to begin with.
MS_TO_START = 60_000
MS_TO_SHOW = 10_000


# Three times the law takes its time, and a busy machine its own.
@pytest.mark.timeout(300)
async def test_a_load_from_the_first_click_to_the_last_word(
    home_assistant: HomeAssistant, page: Page, tmp_path: Path
) -> None:
    client = home_assistant.client
    meter = SimulatedMeter("nl5", start=NIGHT)
    meter.household.appliances[CONTACTOR] = Appliance(BOILER_W)
    async with meter.on_pty(tmp_path / "meter") as cable, wired(client, meter.household):
        await add_meter(client, str(cable.link))
        await sign_in(page)
        await add_boiler(page)
        meter.add_load(-SUN_W)
        await see_power(client, lambda power: power < 1_000 - SUN_W)
        await open_boiler(page)

        # By itself, when the sun has lasted; the meter sees what the contactor does.
        await expect(reason(page)).to_contain_text("on: the sun covers 100%", timeout=MS_TO_START)
        await expect(hand(page)).to_have_js_property("checked", value=True)
        assert (await client.states())[CONTACTOR]["state"] == "on"
        await see_power(client, lambda power: power > BOILER_W - SUN_W)

        # By hand: at once, and for two hours.
        await hand(page).click()
        await expect(reason(page)).to_contain_text("off: by hand, 2 h to go", timeout=MS_TO_SHOW)
        await client.until("the contactor is off", lambda states: states[CONTACTOR]["state"] == "off", 10)
        await see_power(client, lambda power: power < 1_000 - SUN_W)

        # Given back: the same sun begins to gather again, and does it.
        give_back = row(page, "End manual control").get_by_text("Press")
        await give_back.click()
        await expect(reason(page)).to_contain_text("waits: enough sun, starts in", timeout=MS_TO_SHOW)
        await expect(reason(page)).to_contain_text("on: the sun covers 100%", timeout=MS_TO_START)
        # It counts once the contactor has done it.
        await client.until(
            "two starts", lambda states: states["sensor.boiler_starts_today"]["state"] == "2", MS_TO_SHOW / 1_000
        )


async def see_power(client: Client, expected: Callable[[float], bool]) -> None:
    """Wait until the meter says so; right after a load was added it is being read anew, and says nothing."""

    def sees(states: dict[str, Json]) -> bool:
        power = states["sensor.iskra_am550_power"]["state"]
        return power not in {"unavailable", "unknown"} and expected(float(power))

    await client.until("the meter sees it", sees, 10)


async def add_boiler(page: Page) -> None:
    """The integration's page, Add load, two pages of questions of which one may stay as it is."""
    await page.goto("/config/integrations/integration/p1meter")
    await page.get_by_role("button", name="Add load").click()
    await page.get_by_text("A switch or device in Home Assistant").click()
    await page.get_by_text("Never what Home Assistant itself runs on").wait_for()
    await page.locator("ha-selector-entity").click()
    await page.locator("ha-combo-box-item").filter(has_text=SWITCHES[0]).first.click()
    await page.locator("ha-selector-select").first.click()
    await page.get_by_text("on a solid-state relay").last.click()
    await page.locator("ha-selector-number input").first.fill(str(BOILER_W))
    await page.locator("ha-selector-text input").first.fill("Boiler")
    await page.get_by_role("button", name="Next").click()
    await page.get_by_text("When may Boiler run?").wait_for()
    await page.get_by_role("button", name="Submit").click()
    await page.get_by_role("button", name="Finish").click()


async def open_boiler(page: Page) -> None:
    """The page of the load's device."""
    await page.locator("ha-config-entry-device-row").filter(has_text="Boiler").last.click()
    await page.wait_for_url("**/config/devices/device/**")


def row(page: Page, name: str) -> Locator:
    """The row of one of its entities."""
    return page.locator("hui-generic-entity-row", has=page.get_by_text(name, exact=True))


def reason(page: Page) -> Locator:
    """Where it says why it is as it is."""
    return row(page, "Reason")


def hand(page: Page) -> Locator:
    """The switch that a person turns."""
    return row(page, "Boiler").locator("ha-switch, ha-control-switch").first
