"""The newcomer's way, by clicks: add the meter, see it live, take the step for the Energy dashboard, and look at it."""

import asyncio
from datetime import timedelta
import re
from typing import TYPE_CHECKING

from playwright.async_api import expect
import pytest

from tests.instance.entities import entities, first_entry
from tests.instance.history import DAYS, write_history
from tests.simulation.meter import SimulatedMeter

from .browser import choose_port, open_port_step, sign_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.async_api import Locator, Page

    from tests.instance.client import Client, Json
    from tests.instance.process import HomeAssistant
    from tests.simulation.household import Household

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS_TO_SHOW = 20
IMPORT = "sensor.iskra_am550_import"


async def test_from_the_cable_to_the_energy_dashboard(
    home_assistant: HomeAssistant, page: Page, tmp_path: Path
) -> None:
    client = home_assistant.client
    meter = SimulatedMeter("nl5")
    async with meter.on_pty(tmp_path / "meter") as cable:
        await sign_in(page)
        await add_meter(page, str(cable.link), meter)
        await take_energy_step(page)
        await see_power_change(page, client, meter)
        entry_id = await first_entry(client)
        assert entry_id is not None
        await write_history(client, await entities(client, entry_id), meter.household)
        await see_days_of_use(client, meter.household)
        await see_yesterday(page, meter.household)


async def add_meter(page: Page, port: str, meter: SimulatedMeter) -> None:
    """Choose the port; until a meter is found, and agreed to."""
    await open_port_step(page)
    meter.silence()
    await choose_port(page, port)
    await page.get_by_text(f"Listening to {port}").wait_for()
    meter.speak()
    await page.get_by_text(re.compile(r"Found: Iskra AM550, Netherlands DSMR 5, gas meter, \d+ values")).wait_for()
    await page.get_by_role("button", name="Submit").click()


async def take_energy_step(page: Page) -> None:
    """The dialog that follows by itself offers both tariffs each way, the power and gas, all ticked."""
    await page.get_by_text("What is ticked is added").wait_for()
    offers = ("Import low tariff, Export low tariff, Power", "Import normal tariff, Export normal tariff", "Gas")
    ticks = page.locator("ha-selector-select ha-checkbox")
    await expect(ticks).to_have_count(len(offers))
    for offer, tick in zip(offers, await ticks.all(), strict=True):
        await page.get_by_text(f": {offer}", exact=False).last.wait_for()
        await expect(tick).to_have_js_property("checked", value=True)
    await page.get_by_role("button", name="Submit").click()
    await page.get_by_role("button", name="Finish").click()


async def see_power_change(page: Page, client: Client, meter: SimulatedMeter) -> None:
    """The page of the meter's device shows the net power, and follows when something is switched on."""
    await page.goto("/config/integrations/integration/p1meter")
    await page.locator("ha-config-entry-device-row").filter(has_text="Iskra AM550").last.click()
    await page.wait_for_url("**/config/devices/device/**")
    power = page.locator("hui-sensor-entity-row", has=page.get_by_text("Power", exact=True))
    before = await see_number(power.locator("hui-generic-entity-row"), lambda number: number != 0)
    meter.add_load(1_000)
    after = await see_number(power.locator("hui-generic-entity-row"), lambda number: number > before + 700)
    state = (await client.states())["sensor.iskra_am550_power"]["state"]
    meter.add_load(-1_000)
    assert after == pytest.approx(float(state), abs=200)  # the house goes on while both are read


async def see_number(place: Locator, expected: Callable[[float], bool]) -> float:
    """Return the number that a place shows once it is as expected."""
    text = ""
    for _ in range(SECONDS_TO_SHOW * 5):
        text = (await place.text_content() or "").strip()
        if (number := re.match(r"-?[\d,.]+", text)) and expected(float(number[0].replace(",", ""))):
            return float(number[0].replace(",", ""))
        await asyncio.sleep(0.2)
    pytest.fail(f"the page shows {text!r}")


async def see_days_of_use(client: Client, household: Household) -> None:
    """No hour of the days that were written gives back what was used, the first one neither."""
    rows: list[Json] = []
    for _ in range(SECONDS_TO_SHOW * 5):
        answer = await client.command(
            "recorder/statistics_during_period",
            start_time=(household.now - timedelta(days=DAYS + 1)).isoformat(),
            statistic_ids=[IMPORT],
            period="hour",
            types=["change"],
        )
        if rows := answer.get(IMPORT, []):
            break
        # The recorder's queue is not ours to look into.
        await asyncio.sleep(0.2)
    assert len(rows) >= DAYS * 24
    assert all(0 <= row["change"] < 10 for row in rows)


async def see_yesterday(page: Page, household: Household) -> None:
    """The Energy dashboard shows what the meters counted yesterday: gas, and each tariff both ways."""
    midnight = household.local.replace(hour=0, minute=0, second=0)
    before = household.registers_at((midnight - timedelta(hours=12)).replace(hour=0)).readings()
    used = {key: float(value - before[key]) for key, value in household.registers_at(midnight).readings().items()}
    await page.goto("/energy")
    # In the first hour of a day there is next to nothing of it: the dashboard begins with yesterday then.
    if household.local.hour:
        await page.get_by_role("button", name="Previous").click()
    assert used["gas"] > 0
    await see_total(page, "Gas total", used["gas"], decimals=3)
    await page.get_by_role("tab", name="Electricity").click()
    await see_total(page, "Iskra AM550 Import low tariff", used["import_tariff_1"], decimals=2)
    await see_total(page, "Iskra AM550 Import normal tariff", used["import_tariff_2"], decimals=2)
    await see_total(page, "Iskra AM550 Export low tariff", -used["export_tariff_1"], decimals=2)
    await see_total(page, "Iskra AM550 Export normal tariff", -used["export_tariff_2"], decimals=2)


async def see_total(page: Page, name: str, expected: float, decimals: int) -> None:
    """Wait until the table of totals shows the number, as it is rounded there."""
    row = page.locator("hui-energy-sources-table-card tr", has=page.get_by_text(name, exact=True))
    # A number in the middle of two may go either way.
    await see_number(row.locator("td").last, lambda number: number == pytest.approx(expected, abs=0.51 * 10**-decimals))
