"""Files of the past, brought along by clicks: the Energy dashboard shows old days and new ones, without a step."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
import re
import tempfile
from typing import TYPE_CHECKING, Any

from playwright.async_api import expect
import pytest

from tests.instance.dialogs import add_meter
from tests.instance.entities import entities
from tests.simulation.household import Household
from tests.simulation.meter import SimulatedMeter
from tests.simulation.past import write_past

from .browser import sign_in
from .test_browser import see_yesterday

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

    from tests.instance.client import Client
    from tests.instance.process import HomeAssistant

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOOLS = ("sum_up",)
HOUR = timedelta(hours=1)
DAYS = 5
PATIENCE = 20  # seconds for what takes a telegram or two
TOTALS = {
    "import_tariff_1": "sensor.iskra_am550_import_low_tariff",
    "import_tariff_2": "sensor.iskra_am550_import_normal_tariff",
    "export_tariff_1": "sensor.iskra_am550_export_low_tariff",
    "export_tariff_2": "sensor.iskra_am550_export_normal_tariff",
    "gas": "sensor.gas_meter_gas",
}
# When an hour begins (UTC), and what stood on the register at its end, and what had grown in it.
type Hours = dict[datetime, tuple[float, float]]


@pytest.mark.timeout(240)
async def test_the_past_is_brought_along(home_assistant: HomeAssistant, page: Page, tmp_path: Path) -> None:
    client = home_assistant.client
    meter = SimulatedMeter("nl5")
    now = meter.household.now
    # What is over for less than ten minutes is left to the recorder, which may have begun after it.
    settled = now.minute >= 15
    first = now.replace(minute=0, second=0) - timedelta(days=DAYS)
    folder = home_assistant.folder / "p1meter" / "import"
    folder.mkdir(parents=True)
    write_past(folder / "SML3Nov2026", first, now)
    async with meter.on_pty(tmp_path / "meter") as cable:
        added = await add_meter(client, str(cable.link))
        await until_valued(client, added.entry_id)
        await sign_in(page)

        # What was put into the folder.
        dialog = await open_import(page)
        await dialog.get_by_text("SML3Nov2026").click()
        await press(dialog, "Next")
        await dialog.get_by_text("Hours that Home Assistant does not have yet: 12").first.wait_for()
        await press(dialog, "Submit")
        await dialog.get_by_text("The Energy dashboard shows these hours now").wait_for()
        await press(dialog, "Submit")
        await press(dialog, "Finish")
        await closed(dialog)
        old = {key: await hours(client, entity_id) for key, entity_id in TOTALS.items()}
        for key, rows in old.items():
            assert len(rows) >= DAYS * 24
            check(rows, key)

        # The meter goes on, and the recorder counts from where the file ends.
        # The last five minutes make the hour: asked for its end too, the next one would be made as well.
        services = ("five_minutes",) if datetime.now(UTC).minute >= 55 else ("five_minutes", "hour")
        for service in services:
            await client.command("call_service", domain="sum_up", service=service)
        lived = {key: await until_lived(client, key, old[key]) for key in TOTALS}

        # Once more: nothing changes.
        dialog = await open_import(page)
        await dialog.get_by_text("SML3Nov2026").click()
        await press(dialog, "Next")
        await dialog.get_by_text(re.compile("Home Assistant has all of it already|Nothing was written yet")).wait_for()
        if await dialog.get_by_text("Nothing was written yet").count():
            # The file says of the hour in which it ends what was used by then. It is not asked to replace anything.
            await press(dialog, "Submit")
            await dialog.get_by_text("The Energy dashboard shows these hours now").wait_for()
            await press(dialog, "Submit")
            await press(dialog, "Finish")
        else:
            await press(dialog, "Close")
        await closed(dialog)
        again = {key: await hours(client, entity_id) for key, entity_id in TOTALS.items()}
        assert not settled or again == lived

        # Two days before that, from the person's own computer.
        older = tmp_path / "older.gz"
        write_past(older, first - timedelta(days=2), first)
        dialog = await open_import(page)
        await dialog.locator("input[type=file]").set_input_files(older)
        await dialog.get_by_text("older.gz").wait_for()
        await press(dialog, "Next")
        await dialog.get_by_text("Hours that Home Assistant does not have yet: 48").first.wait_for()
        assert not await asyncio.to_thread(uploaded, "older.gz")
        await press(dialog, "Submit")
        await dialog.get_by_text("The Energy dashboard shows these hours now").wait_for()
        await press(dialog, "Submit")
        await press(dialog, "Finish")
        await closed(dialog)
        for key, entity_id in TOTALS.items():
            rows = await hours(client, entity_id)
            assert len(rows) == len(again[key]) + 48
            check(rows, key)

        if settled or meter.household.local.hour:
            await see_yesterday(page, meter.household)


def check(rows: Hours, key: str) -> None:
    """Each hour has what the household used in it; what is not over yet is what was used by then."""
    household = Household(start=max(rows) + HOUR)
    before: dict[str, Any] = {}
    for start, (state, grown) in rows.items():
        reading = float(household.registers_at(start + HOUR).readings()[key])
        if before:
            assert start == before["start"] + HOUR or start == max(rows)
            assert grown == pytest.approx(state - before["state"], abs=1e-6), start
        if start + HOUR <= datetime.now(UTC):
            assert state == reading, start
        else:
            assert before["state"] <= state <= reading
        before = {"start": start, "state": state}


async def until_lived(client: Client, key: str, old: Hours) -> Hours:
    """Return the hours when the recorder has made one of its own, and it follows on those of the file."""
    async with asyncio.timeout(PATIENCE):
        while True:
            rows = await hours(client, TOTALS[key])
            (_, (before, _)), (last, (state, grown)) = list(rows.items())[-2:]
            if len(rows) > len(old) and grown == pytest.approx(state - before, abs=1e-6):
                assert {start: row for start, row in rows.items() if start != last} == old
                return rows
            await asyncio.sleep(0.2)


async def hours(client: Client, entity_id: str) -> Hours:
    """Return the hours that Home Assistant has."""
    rows = await client.command(
        "recorder/statistics_during_period",
        start_time="2023-01-01T00:00:00+00:00",
        statistic_ids=[entity_id],
        period="hour",
        types=["state", "change"],
    )
    return {datetime.fromtimestamp(row["start"] / 1000, UTC): (row["state"], row["change"]) for row in rows[entity_id]}


async def until_valued(client: Client, entry_id: str) -> None:
    """Wait for the first telegram."""
    async with asyncio.timeout(PATIENCE):
        while True:
            shown = await entities(client, entry_id)
            if shown and all(entity.has_value for entity in shown):
                return
            await asyncio.sleep(0.2)


async def open_import(page: Page) -> Locator:
    """The cogwheel of the meter, History, Import files of the past."""
    await page.goto("/config/integrations/integration/p1meter")
    await page.get_by_role("button", name="Configure").first.click()
    dialog = page.locator("dialog-data-entry-flow")
    await dialog.get_by_text("History", exact=True).click()
    await dialog.get_by_text("Import files of the past").click()
    await dialog.get_by_text("A file from your own computer").wait_for()
    return dialog


async def press(dialog: Locator, button: str) -> None:
    """Press a button when it can be pressed."""
    found = dialog.get_by_role("button", name=button).last
    await expect(found).to_be_enabled()
    await found.click()


async def closed(dialog: Locator) -> None:
    """Wait until a dialog is gone: it takes the browser back to where it was."""
    await dialog.get_by_role("button").first.wait_for(state="hidden")


def uploaded(name: str) -> list[Path]:
    """Return the files of this name that Home Assistant keeps of uploads."""
    return list(Path(tempfile.gettempdir(), "home-assistant-file_upload").rglob(name))
