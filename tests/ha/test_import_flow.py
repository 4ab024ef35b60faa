"""Bringing files of the past along, behind the cogwheel: with a real recorder, over a real cable."""

import asyncio
from datetime import UTC, datetime, timedelta
import gzip
from io import BytesIO
from pathlib import Path
import tempfile
from typing import TYPE_CHECKING, Any, get_args
from unittest.mock import patch
from zipfile import ZIP_DEFLATED, ZipFile

from aiohttp import FormData
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.config_entries import ConfigEntryState
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
import pytest

from custom_components.p1meter.archive.past import files
from custom_components.p1meter.archive.past.dated import HistoryErrorKind, ProblemKind
from custom_components.p1meter.history_import import NotWrittenError
from custom_components.p1meter.history_reading import WhyNot
from tests.compose import nl5
from tests.simulation.household import Household
from tests.simulation.telegrams import SYSTEMS

from .dialogs import said, until
from .forms import choices, cogwheel, complaint, fill_in, suggested
from .test_data_flow import TEXTS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from .conftest import Say, SetUp

# Home Assistant keeps uploads in one place, whoever runs: one process at a time.
pytestmark = [pytest.mark.recorder, pytest.mark.xdist_group("upload")]

LOW = "sensor.iskra_am550_import_low_tariff"
GAS = "sensor.gas_meter_gas"
CUT_OFF = "Compressed file ended before the end-of-stream marker was reached"
UPLOADS = Path(tempfile.gettempdir()) / "home-assistant-file_upload"


def line(hour: int, low: float, gas: float | None = None) -> str:
    """A line of smartmeter 3.0, so many hours after the midnight with which November 2026 begins."""
    stamp = f"{datetime(2026, 11, 1) + timedelta(hours=hour):%y%m%d%H%M%S}W"  # noqa: DTZ001 (W stands for the zone)
    gas_too = "" if gas is None else f";012421;({stamp})({gas:09.3f}*m3)"
    return f"00100;({stamp});10181;({low:010.3f}*kWh){gas_too}\n"


# From midnight to five: a kilowatt-hour in each hour, and a hundred litres.
FIVE_HOURS = "".join(line(hour, 4000 + hour, 2500 + hour / 10) for hour in range(6))
# What these are on each register. The first reading closes an hour of which nothing else is known.
HOURS = {-1: 0.0, 0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0, 4: 1.0}
WITHOUT_CODES = "(261101000000W);(004000.000*kWh)\n(261101010000W);(004001.000*kWh)\n"


@pytest.fixture
async def folder(hass: HomeAssistant, tmp_path: Path, set_up: SetUp) -> Path:
    """A meter in Amsterdam that is being read, and the folder into which files are put."""
    hass.config.config_dir = str(tmp_path)
    await hass.config.async_set_time_zone("Europe/Amsterdam")
    await set_up()
    folder = tmp_path / "p1meter" / "import"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def upload(hass_client: ClientSessionGenerator) -> Callable[[str, bytes], Awaitable[str]]:
    """Uploads a file as the browser does, and returns what stands for it."""

    async def upload(name: str, data: bytes) -> str:
        client = await hass_client()
        form = FormData()
        form.add_field("file", data, filename=name)
        answer = await client.post("/api/file_upload", data=form)
        upload_id: str = (await answer.json())["file_id"]
        assert uploads() == [name]
        return upload_id

    return upload


def uploads() -> list[str]:
    """Return what is kept of uploads."""
    return [path.name for path in UPLOADS.rglob("*") if path.is_file()]


async def open_import(hass: HomeAssistant, entry: MockConfigEntry) -> ConfigFlowResult:
    return await cogwheel(hass, entry, "history", "import")


async def done(hass: HomeAssistant, result: ConfigFlowResult) -> ConfigFlowResult:
    """Wait for what comes after reading or writing, as the frontend does."""
    while result["type"] in {FlowResultType.SHOW_PROGRESS, FlowResultType.SHOW_PROGRESS_DONE}:
        if result["type"] is FlowResultType.SHOW_PROGRESS:
            assert said(result, "options")
        await hass.async_block_till_done()
        result = await hass.config_entries.options.async_configure(result["flow_id"])
    return result


def fields(form: ConfigFlowResult) -> list[str]:
    """Return what is asked."""
    assert form["data_schema"] is not None
    return [str(name) for name in form["data_schema"].schema]


async def choose(hass: HomeAssistant, form: ConfigFlowResult, *names: str, **values: Any) -> ConfigFlowResult:
    """Tick files of the folder, and go on."""
    if names:
        values["files"] = [f"file/{name}" for name in names]
    return await done(hass, await fill_in(hass, form, **values))


async def hours(hass: HomeAssistant, entity_id: str) -> dict[int, float]:
    """Return what has grown, by the hour after the midnight with which November 2026 begins in Amsterdam."""
    rows = await get_instance(hass).async_add_executor_job(
        statistics_during_period, hass, datetime(2020, 1, 1, tzinfo=UTC), None, {entity_id}, "hour", None, {"change"}
    )
    midnight = datetime(2026, 10, 31, 23, tzinfo=UTC).timestamp()
    return {round((row["start"] - midnight) / 3600): round(row["change"] or 0, 6) for row in rows.get(entity_id, ())}


def archive(**members: str | bytes) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return made.getvalue()


# --- a file that was put into the folder ------------------------------------------------------------------------------


async def test_a_file_is_chosen_looked_at_and_imported(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path
) -> None:
    options = dict(entry.options)
    (folder / "SML3Nov2026").write_text(FIVE_HOURS)
    form = await open_import(hass, entry)
    assert str(folder) in said(form, "options")
    assert choices(form, "files") == {"file/SML3Nov2026": "SML3Nov2026 (1 kB)"}

    preview = await choose(hass, form, "SML3Nov2026")

    # Six readings, the first at midnight, which closes the hour before it.
    assert said(preview, "options").splitlines() == [
        "**Iskra AM550 Import low tariff**",
        "- 2026-10-31 23:00 to 2026-11-01 05:00, hours: 6",
        "- From 4000 to 4005 kWh",
        "- Hours that Home Assistant does not have yet: 6",
        "",
        "**Gas meter Gas**",
        "- 2026-10-31 23:00 to 2026-11-01 05:00, hours: 6",
        "- From 2500 to 2500.5 m³",
        "- Hours that Home Assistant does not have yet: 6",
        "",
        "Nothing was written yet.",
    ]
    assert list(choices(preview, "registers").values()) == ["Iskra AM550 Import low tariff", "Gas meter Gas"]
    # There is nothing to be replaced.
    assert "overwrite" not in fields(preview)
    assert await hours(hass, LOW) == {}

    result = await done(hass, await fill_in(hass, preview))

    assert said(result, "options").startswith(
        "- Iskra AM550 Import low tariff: hours added: 6\n- Gas meter Gas: hours added: 6\n\nThe Energy dashboard"
    )
    assert await hours(hass, LOW) == HOURS
    assert await hours(hass, GAS) == {hour: grown / 10 for hour, grown in HOURS.items()}
    finished = await fill_in(hass, result)
    assert finished["type"] is FlowResultType.CREATE_ENTRY
    assert dict(entry.options) == options

    again = await choose(hass, await open_import(hass, entry), "SML3Nov2026")

    assert (again["type"], again["reason"]) == (FlowResultType.ABORT, "import_nothing_new")
    assert "Hours that it has already: 6" in said(again, "options")
    assert await hours(hass, LOW) == HOURS


async def test_only_what_is_ticked_is_written(hass: HomeAssistant, entry: MockConfigEntry, folder: Path) -> None:
    (folder / "SML3Nov2026").write_text(FIVE_HOURS)
    preview = await choose(hass, await open_import(hass, entry), "SML3Nov2026")

    none = await fill_in(hass, preview, registers=[])
    assert complaint(none) == "Tick at least one."
    assert "4005 kWh" in said({**none, "errors": {}}, "options")
    result = await done(hass, await fill_in(hass, none, registers=["gas_gas"]))

    assert "Import low tariff" not in said(result, "options")
    assert await hours(hass, LOW) == {}
    assert len(await hours(hass, GAS)) == 6


async def test_hours_that_are_there_are_replaced_only_if_that_is_wished(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path
) -> None:
    (folder / "a").write_text(FIVE_HOURS)
    preview = await choose(hass, await open_import(hass, entry), "a")
    await done(hass, await fill_in(hass, preview))
    # The reading at two is half a kilowatt-hour higher; and there is one more hour.
    (folder / "b").write_text("".join(line(hour, 4000 + hour + (hour == 2) / 2) for hour in range(7)))

    preview = await choose(hass, await open_import(hass, entry), "b")

    text = said(preview, "options")
    assert "Hours that Home Assistant does not have yet: 1\n- Hours that it has already: 6" in text
    # Half a kilowatt-hour more until two, half of one less until three.
    assert "Of these, others than in the file: 2; the most at 2026-11-01 01:00: 1.5 in the file, 1 kWh" in text
    assert suggested(preview)["overwrite"] is False
    await done(hass, await fill_in(hass, preview))
    assert await hours(hass, LOW) == {**HOURS, 5: 1.0}

    preview = await choose(hass, await open_import(hass, entry), "b")
    assert "Hours that Home Assistant does not have yet: 0" in said(preview, "options")
    result = await done(hass, await fill_in(hass, preview, overwrite=True))

    assert "hours added: 0; replaced: " in said(result, "options")
    assert await hours(hass, LOW) == {**HOURS, 1: 1.5, 2: 0.5, 5: 1.0}


async def test_what_cannot_be_used_is_told_in_words(hass: HomeAssistant, entry: MockConfigEntry, folder: Path) -> None:
    er.async_get(hass).async_update_entity(GAS, disabled_by=er.RegistryEntryDisabler.USER)
    await hass.async_block_till_done()
    broken = "".join(
        [line(0, 4000, 2500), "x\n", "99999;(1*kWh)\n", line(1, 4001, 2500), "y\n", "z\n", "*\n", line(30, 4002, 2501)]
    )
    (folder / "a[1](x)").write_text(broken.replace("10181;", "13890;(1*kWh);10181;", 1))
    (folder / "b").write_text(line(31, 4003).replace("10181", "1-0:1.8.1") + line(32, 10))

    preview = await choose(hass, await open_import(hass, entry), "a[1](x)", "b")

    text = said(preview, "options")
    # From the end of the hour that ends at one to the beginning of the one that ends at six on the next day.
    assert "Longest gap: 2026-11-01 01:00 to 2026-11-02 05:00, hours: 28" in text
    assert "Another meter, or readings that begin again: 2026-11-02 07:00" in text
    assert "**Not imported**\n- Gas \\(1\\): its sensor is disabled; enable it and import again" in text
    unused = text.partition("**What could not be used**\n")[2].partition("\n\n")[0].splitlines()
    assert unused == [
        "- Codes that p1meter does not know: 1 (13890)",
        r"- Lines that are not whole: 4 (a\[1\]\(x\) line 2, a\[1\]\(x\) line 5, a\[1\]\(x\) line 6, …)",
        r"- Values without a time: 1 (a\[1\]\(x\) line 3)",
    ]


async def test_a_file_of_something_else_is_shown_and_left_alone(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path
) -> None:
    water = line(0, 1).replace("10181", "022421").replace("*kWh", "*m3")
    (folder / "a").write_text(f"{water.replace('022421', '022410;(007);022421')}")

    result = await choose(hass, await open_import(hass, entry), "a")

    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "import_nothing_found")
    assert said(result, "options").startswith("Nothing in it is for the sensors of this meter")


# --- where files may be -----------------------------------------------------------------------------------------------


async def test_the_files_of_a_journal_are_one_choice(hass: HomeAssistant, entry: MockConfigEntry, folder: Path) -> None:
    journal = folder.parent / "iskra_am550"
    journal.mkdir()
    (journal / "SML3Nov2026").write_text(line(0, 4001) + line(1, 4002))
    (journal / "SML3Oct2026").write_text(line(-2, 3999) + line(-1, 4000))
    (journal / "telegram.txt").write_bytes(nl5())
    (journal / ".begun").write_text("SML3Oct2026\n")
    (folder.parent / "empty").mkdir()
    (folder.parent / "SML3Nov2026").write_text("not in a folder")

    form = await open_import(hass, entry)
    assert choices(form, "files") == {
        "journal/iskra_am550": "Journal iskra_am550, 2026-10 to 2026-11 (1 kB)",
    }
    preview = await done(hass, await fill_in(hass, form, files=["journal/iskra_am550"]))

    assert "- 2026-10-31 21:00 to 2026-11-01 01:00, hours: 4\n- From 3999 to 4002 kWh" in said(preview, "options")
    assert "could not be used" not in said(preview, "options")


async def test_only_files_in_the_folder_are_offered(hass: HomeAssistant, entry: MockConfigEntry, folder: Path) -> None:
    (folder / "deeper").mkdir()
    (folder / "deeper" / "a").write_text(FIVE_HOURS)
    outside = folder.parent.parent / "secrets.yaml"
    outside.write_text("password: 1234")
    (folder / "link").symlink_to(outside)
    (folder / "line\nbreak").write_text(FIVE_HOURS)
    (folder / "large").write_bytes(bytes(1_234_567))

    form = await open_import(hass, entry)

    assert choices(form, "files") == {"file/large": "large (1.2 MB)"}


async def test_without_any_file_there_is_the_upload(hass: HomeAssistant, entry: MockConfigEntry, folder: Path) -> None:
    folder.rmdir()  # noqa: ASYNC240 (nothing else runs that could wait)
    folder.parent.rmdir()
    folder.parent.write_text("in the way")
    form = await open_import(hass, entry)
    assert fields(form) == ["upload"]
    form = await fill_in(hass, form)
    assert complaint(form) == "Tick a file, or choose one from your computer."
    # It is put there meanwhile; the folder is there when there can be one.
    folder.parent.unlink()
    form = await fill_in(hass, form)
    (folder / "a").write_text(FIVE_HOURS)
    form = await fill_in(hass, form)
    assert "Hours that" in said(await choose(hass, form, "a"), "options")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("name", ["import", "Import"])
async def test_a_journal_does_not_go_there(hass: HomeAssistant, entry: MockConfigEntry, name: str) -> None:
    hass.config_entries.async_update_entry(entry, title="Import")
    form = await cogwheel(hass, entry, "data", "journal")
    assert suggested(form)["folder"] == "p1meter"
    form = await fill_in(hass, form, format="raw", folder=name)
    assert complaint(form) == "That folder is for files that you bring along. Choose another name."


# --- files that cannot be read ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "complains"),
    [
        (b"", "There is nothing in bad."),
        (b"hello", "p1meter cannot read bad: it is none of the kinds that are named above."),
        (
            gzip.compress(FIVE_HOURS.encode())[:-9],
            f"bad is packed, and damaged or cut off: {CUT_OFF}. Nothing was imported. Copy it again.",
        ),
        (
            gzip.compress(FIVE_HOURS.encode() + bytes(10_000_000)),
            "So much comes out of bad that no meter can have said it. Nothing was imported.",
        ),
        (
            archive(a=FIVE_HOURS, b=FIVE_HOURS.encode() + bytes(10_000_000)),
            "So much comes out of b that no meter can have said it. Nothing was imported.",
        ),
        (None, "bad cannot be read: No such file or directory."),
    ],
    ids=["empty", "unknown", "cut off", "bomb", "bomb in an archive", "gone"],
)
async def test_a_file_that_cannot_be_read_and_then_one_that_can(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    data: bytes | None,
    complains: str,
) -> None:
    monkeypatch.setattr(files, "_FREE", 0)
    (folder / "bad").write_bytes(data or b"")
    (folder / "good").write_text(FIVE_HOURS)
    form = await open_import(hass, entry)
    if data is None:
        (folder / "bad").unlink()

    form = await choose(hass, form, "bad")

    assert complaint(form) == complains
    # What was ticked still is, if it is still there.
    assert suggested(form).get("files") == ([] if data is None else ["file/bad"])
    assert await hours(hass, LOW) == {}
    preview = await choose(hass, form, "good")
    assert preview["step_id"] == "import_preview"


async def test_something_nobody_thought_of(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "a").write_text(FIVE_HOURS)
    form = await open_import(hass, entry)
    with patch("custom_components.p1meter.import_flow.async_preview", side_effect=RuntimeError("oh")):
        form = await choose(hass, form, "a")
    assert complaint(form).startswith("Something unexpected went wrong.")
    assert "Reading a failed" in caplog.text
    preview = await choose(hass, form, "a")
    with patch("custom_components.p1meter.import_flow.async_write", side_effect=NotWrittenError(LOW)):
        failed = await done(hass, await fill_in(hass, preview))
    assert (failed["type"], failed["reason"]) == (FlowResultType.ABORT, "import_failed")
    assert "The import failed" in caplog.text


# --- lines without codes ----------------------------------------------------------------------------------------------


async def test_what_values_without_codes_are_is_asked(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path
) -> None:
    (folder / "a").write_text(WITHOUT_CODES)
    form = await choose(hass, await open_import(hass, entry), "a")
    assert r"\(261101000000W\);\(004000\.000\*kWh\)" in said(form, "options")
    # What the meter sends, which is more than that.
    assert suggested(form)["columns"].splitlines()[:3] == ["0-0:1.0.0", "1-3:0.2.8", "0-0:96.1.1"]

    form = await fill_in(hass, form)
    assert complaint(form).startswith("A line has 2 values, but these are 3")
    form = await fill_in(hass, form, columns="0-0:1.0.0\nlow tariff\n77777")
    assert complaint(form) == "These are no codes that p1meter knows: low tariff, 77777"
    assert suggested(form)["columns"] == "0-0:1.0.0\nlow tariff\n77777"
    # As in a selection file of smartmeter 3.0, which does not name the time.
    form = await done(hass, await fill_in(hass, form, columns="# mine\n\n1-0:1.8.1[ Electricity tariff 1\n"))

    assert "- From 4000 to 4001 kWh" in said(form, "options")


async def test_the_columns_of_our_own_journal_stand_there(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path, say: Say
) -> None:
    hass.config_entries.async_update_entry(entry, options={"selected_objects": ["1-0:1.8.1"]})
    await hass.async_block_till_done()
    await say(nl5())
    (folder / "a").write_text(WITHOUT_CODES)
    form = await choose(hass, await open_import(hass, entry), "a")
    assert suggested(form)["columns"].splitlines() == ["0-0:1.0.0", "1-0:1.8.1"]
    hass.config_entries.options.async_abort(form["flow_id"])


async def test_before_a_telegram_came_only_the_time_is_sure(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path
) -> None:
    assert await hass.config_entries.async_reload(entry.entry_id)
    (folder / "a").write_text(WITHOUT_CODES)
    form = await choose(hass, await open_import(hass, entry), "a")
    assert suggested(form)["columns"] == "0-0:1.0.0"
    hass.config_entries.options.async_abort(form["flow_id"])


# --- uploads ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
async def test_a_file_of_ones_own_computer(
    hass: HomeAssistant, entry: MockConfigEntry, upload: Callable[[str, bytes], Awaitable[str]]
) -> None:
    form = await open_import(hass, entry)
    months = archive(SML3Oct2026=line(-2, 3999) + line(-1, 4000), SML3Nov2026=FIVE_HOURS, readme="hello")

    preview = await choose(hass, form, upload=await upload("logs.zip", months))

    assert "- From 3999 to 4005 kWh" in said(preview, "options")
    assert "- Files that p1meter cannot read: 1 (readme)" in said(preview, "options")
    assert uploads() == []
    await done(hass, await fill_in(hass, preview))
    assert await hours(hass, LOW) == {-3: 0.0, -2: 1.0, **HOURS, -1: 0.0}


@pytest.mark.usefixtures("folder")
async def test_an_upload_that_cannot_be_read_is_deleted_at_once(
    hass: HomeAssistant, entry: MockConfigEntry, upload: Callable[[str, bytes], Awaitable[str]]
) -> None:
    form = await open_import(hass, entry)
    upload_id = await upload("bad", b"hello")
    form = await choose(hass, form, upload=upload_id)
    assert complaint(form) == "p1meter cannot read bad: it is none of the kinds that are named above."
    assert uploads() == []
    form = await fill_in(hass, form, upload=upload_id)
    assert complaint(form) == "That file did not arrive. Choose it again."
    preview = await choose(hass, form, upload=await upload("good", FIVE_HOURS.encode()))
    assert preview["step_id"] == "import_preview"
    assert uploads() == []


@pytest.mark.usefixtures("folder")
async def test_an_upload_is_deleted_when_the_dialog_is_closed(
    hass: HomeAssistant, entry: MockConfigEntry, upload: Callable[[str, bytes], Awaitable[str]]
) -> None:
    form = await open_import(hass, entry)
    form = await choose(hass, form, upload=await upload("values", WITHOUT_CODES.encode()))
    assert form["step_id"] == "import_columns"
    assert uploads() == ["values"]

    hass.config_entries.options.async_abort(form["flow_id"])

    await until(lambda: not uploads())


@pytest.mark.usefixtures("folder")
async def test_closing_the_dialog_stops_the_reading(
    hass: HomeAssistant, entry: MockConfigEntry, upload: Callable[[str, bytes], Awaitable[str]]
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def read(*_: object, **__: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    form = await open_import(hass, entry)
    upload_id = await upload("a", FIVE_HOURS.encode())
    with patch("custom_components.p1meter.import_flow.async_read", read):
        progress = await fill_in(hass, form, upload=upload_id)
        await begun.wait()
        still = await hass.config_entries.options.async_configure(progress["flow_id"])
        assert still["type"] is FlowResultType.SHOW_PROGRESS

        hass.config_entries.options.async_abort(progress["flow_id"])
        await asyncio.wait_for(ended.wait(), 10)

    await until(lambda: not uploads())


async def test_closing_the_dialog_stops_the_writing(hass: HomeAssistant, entry: MockConfigEntry, folder: Path) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def write(*_: object, **__: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    (folder / "a").write_text(FIVE_HOURS)
    # Without a state it has no name.
    hass.states.async_remove(LOW)
    preview = await choose(hass, await open_import(hass, entry), "a")
    assert list(choices(preview, "registers").values()) == [LOW, "Gas meter Gas"]
    with patch("custom_components.p1meter.import_flow.async_write", write):
        progress = await fill_in(hass, preview)
        await begun.wait()
        still = await hass.config_entries.options.async_configure(progress["flow_id"])
        assert still["type"] is FlowResultType.SHOW_PROGRESS
        assert said(still, "options").startswith("Writing")

        hass.config_entries.options.async_abort(progress["flow_id"])
        await asyncio.wait_for(ended.wait(), 10)


# --- what the meter remembers -----------------------------------------------------------------------------------------


async def test_what_the_meter_remembers_is_offered_where_it_does(
    hass: HomeAssistant, entry: MockConfigEntry, tmp_path: Path, set_up: SetUp
) -> None:
    hass.config.config_dir = str(tmp_path)
    hass.config.country = "HU"
    await hass.config.async_set_time_zone("Europe/Budapest")
    household = Household(start=datetime(2026, 11, 21, 11, 0, tzinfo=UTC), system="hu")
    await set_up(SYSTEMS["hu"].compose(household))

    menu = await open_import(hass, entry)
    assert menu["type"] is FlowResultType.MENU
    assert said(menu, "options")
    preview = await done(
        hass, await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "import_meter"})
    )

    # The closing values of October: midnight in Budapest.
    assert "- 2026-10-31 23:00 to 2026-11-01 00:00, hours: 1" in said(preview, "options")
    files_too = await open_import(hass, entry)
    form = await hass.config_entries.options.async_configure(files_too["flow_id"], {"next_step_id": "import_files"})
    assert form["step_id"] == "import_files"


# --- when it cannot be ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("folder")
async def test_a_meter_that_is_not_read_has_to_wait(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    result = await open_import(hass, entry)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "past_not_at_hand")


@pytest.mark.usefixtures("folder")
async def test_without_a_recorder_there_is_no_history(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.config.components.remove("recorder")
    result = await open_import(hass, entry)
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "past_not_at_hand")


@pytest.mark.parametrize("language", TEXTS)
def test_everything_has_words(language: str) -> None:
    texts = TEXTS[language]
    selectors = texts["selector"]
    assert selectors["import_problem"]["options"].keys() == set(get_args(ProblemKind.__value__))
    assert selectors["import_left_out"]["options"].keys() == set(get_args(WhyNot.__value__))
    kinds = set(get_args(HistoryErrorKind.__value__)) - {"columns_needed", "stopped"}
    assert texts["options"]["error"].keys() >= {f"import_{kind}" for kind in kinds}
