"""A gap of three days ago, spread by clicks and gathered again, in the statistics of Home Assistant's own recorder."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.instance.dialogs import add_meter
from tests.instance.history import write_rows
from tests.simulation.meter import SimulatedMeter

from .browser import sign_in

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page

    from tests.instance.client import Client
    from tests.instance.process import HomeAssistant

pytestmark = pytest.mark.asyncio(loop_scope="module")

GAS = "sensor.gas_meter_gas"
PATIENCE = 20  # seconds for what takes a telegram or two
# m³ at the end of each hour from 10:00 on (UTC): none was seen from 12:00 to 15:00, and 2 m³ were counted at once.
AS_IT_CAME = {10: 0.1, 11: 0.3, 15: 2.3}
SPREAD = {10: 0.1, 11: 0.3, 12: 0.8, 13: 1.3, 14: 1.8, 15: 2.3}
GATHERED = {10: 0.1, 11: 0.3, 12: 0.3, 13: 0.3, 14: 0.3, 15: 2.3}


async def test_a_gap_is_spread_and_gathered(home_assistant: HomeAssistant, page: Page, tmp_path: Path) -> None:
    client = home_assistant.client
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
    async with SimulatedMeter("nl5").on_pty(tmp_path / "meter") as cable:
        await add_meter(client, str(cable.link))
        await client.until("gas", lambda states: GAS in states and states[GAS]["state"] != "unavailable", PATIENCE)
        rows = [(day + timedelta(hours=hour), 100 + total, total) for hour, total in AS_IT_CAME.items()]
        await write_rows(client, GAS, "m³", rows)
        assert await until(client, day, AS_IT_CAME) == AS_IT_CAME
        await sign_in(page)
        await tick(page)
        assert await until(client, day, SPREAD) == SPREAD
        await tick(page)
        assert await until(client, day, GATHERED) == GATHERED


async def tick(page: Page) -> None:
    """The cogwheel of the meter, History, Gaps; click on the one that is listed, and send the form."""
    await page.goto("/config/integrations/integration/p1meter")
    await page.get_by_role("button", name="Configure").first.click()
    dialog = page.locator("dialog-data-entry-flow")
    for choice in ("History", "Gaps"):
        await dialog.get_by_text(choice, exact=True).click()
    await dialog.get_by_text("(4:00 h): Gas 2 m³").click()
    for button in ("Submit", "Finish"):
        await dialog.get_by_role("button", name=button).click()


async def until(client: Client, day: datetime, wanted: dict[int, float]) -> dict[int, float]:
    """Return the sums at the end of each hour of a day; as soon as they are what is wanted, or at last."""
    found: dict[int, float] = {}
    for _ in range(50):
        answer = await client.command(
            "recorder/statistics_during_period",
            start_time=day.isoformat(),
            end_time=(day + timedelta(days=1)).isoformat(),
            statistic_ids=[GAS],
            period="hour",
            types=["sum"],
        )
        rows = answer.get(GAS, [])
        found = {datetime.fromtimestamp(row["start"] / 1000, UTC).hour: round(row["sum"], 6) for row in rows}
        if found == wanted:
            break
        # The recorder's queue is not ours to look into.
        await asyncio.sleep(0.1)
    return found
