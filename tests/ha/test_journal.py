"""The journal beside Home Assistant: it never slows the meter, and says what is wrong with the disk."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
import os
from pathlib import Path
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from custom_components.p1meter.archive import FileError
from custom_components.p1meter.meter import Obis
from custom_components.p1meter.sink_settings import JournalSettings
from custom_components.p1meter.sinks import Delivery
from custom_components.p1meter.sinks.journal import JournalSink
from tests.compose import nl5
from tests.disks import mounted

from .conftest import read, until

if TYPE_CHECKING:
    from collections.abc import Generator

    from homeassistant.core import HomeAssistant
    from homeassistant.helpers import issue_registry as ir
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import Say, SetUp

NOON = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def in_amsterdam(hass: HomeAssistant, tmp_path: Path) -> None:
    """A configuration folder of our own, and a meter whose time is that of Home Assistant."""
    hass.config.config_dir = str(tmp_path)
    await hass.config.async_set_time_zone("Europe/Amsterdam")


@pytest.fixture
def disk(tmp_path: Path) -> Generator[Path]:
    """A disk of 64 kB at the folder of the journals."""
    with mounted(tmp_path / "p1meter", "size=64k") as folder:
        yield folder


def settings(**chosen: Any) -> JournalSettings:
    return JournalSettings(**{"folder": "house", "format": "sml3_values", "interval": 0, **chosen})


def fill(disk: Path) -> None:
    """Leave no room for anything."""
    with suppress(OSError), (disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(b"x" * 4096)


IMPORT = frozenset({Obis.parse("1-0:1.8.1")})


def delivery(second: int, received: datetime = NOON) -> Delivery:
    """The telegram of a second after noon, whose import is as many Wh."""
    at = NOON + timedelta(hours=1, seconds=second)
    lines = {"0-0:1.0.0": f"({at:%y%m%d%H%M%S}W)", "1-0:1.8.1": f"({second / 1000:010.3f}*kWh)"}
    telegram = read(nl5(lines))
    return Delivery(telegram, telegram.readings, received + timedelta(seconds=second))


def line(second: int) -> str:
    at = NOON + timedelta(hours=1, seconds=second)
    return f"({at:%y%m%d%H%M%S}W);({second / 1000:010.3f}*kWh)\n"


async def written(sink: JournalSink, count: int) -> None:
    await until(lambda: sink.status.sent == count)


# --- what is written --------------------------------------------------------------------------------------------------


async def test_every_telegram_is_in_the_file_of_its_month(hass: HomeAssistant, tmp_path: Path) -> None:
    sink = JournalSink(hass, settings(), IMPORT)
    await sink.async_start()

    for second in range(3):
        sink.take(delivery(second))
    await written(sink, 3)

    path = tmp_path / "p1meter/house/SML3Nov2026"
    assert path.read_text() == line(0) + line(1) + line(2)
    assert sink.size == path.stat().st_size
    assert (sink.status.taken, sink.status.waiting, sink.status.dropped, sink.status.error) == (3, 0, 0, None)
    await sink.async_stop()


async def test_the_month_is_that_of_home_assistant(hass: HomeAssistant, tmp_path: Path) -> None:
    sink = JournalSink(hass, settings(), IMPORT)
    await sink.async_start()

    # 22:59:59 UTC is a second before midnight in Amsterdam.
    for second in (0, 1):
        sink.take(delivery(second, datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC)))
    await written(sink, 2)
    await sink.async_stop()

    assert (tmp_path / "p1meter/house/SML3Nov2026").read_text() == line(0)
    assert (tmp_path / "p1meter/house/SML3Dec2026").read_text() == line(1)


async def test_with_an_interval_the_nearest_to_each_minute_is_written(hass: HomeAssistant, tmp_path: Path) -> None:
    sink = JournalSink(hass, settings(interval=60), IMPORT)
    await sink.async_start()

    for second in (5, 15, 58, 64, 121, 131):
        sink.take(delivery(second))
    await written(sink, 2)
    await sink.async_stop()

    assert sink.status.taken == 2
    assert (tmp_path / "p1meter/house/SML3Nov2026").read_text() == line(58) + line(121)


async def test_a_telegram_that_comes_twice_is_written_once(hass: HomeAssistant, tmp_path: Path) -> None:
    sink = JournalSink(hass, settings(), IMPORT)
    await sink.async_start()

    for second in (0, 0, 1):
        sink.take(delivery(second))
    await written(sink, 2)
    await sink.async_stop()

    assert (tmp_path / "p1meter/house/SML3Nov2026").read_text() == line(0) + line(1)


async def test_telegrams_without_a_clock_may_be_the_same(hass: HomeAssistant, tmp_path: Path) -> None:
    sink = JournalSink(hass, settings(), IMPORT)
    await sink.async_start()
    telegram = read(nl5({"0-0:1.0.0": None, "1-0:1.8.1": "(1*kWh)"}))

    for second in (0, 1):
        sink.take(Delivery(telegram, telegram.readings, NOON + timedelta(seconds=second)))
    await written(sink, 2)
    await sink.async_stop()

    # 11:00 UTC is noon in winter.
    assert (tmp_path / "p1meter/house/SML3Nov2026").read_text() == "(261121120000W);(1*kWh)\n(261121120001W);(1*kWh)\n"


async def test_nothing_selected_writes_nothing_and_says_so_once(
    hass: HomeAssistant, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = JournalSink(hass, settings(), frozenset())
    await sink.async_start()

    sink.take(delivery(0))
    await sink.async_stop()

    assert sink.status.taken == 0
    assert not (tmp_path / "p1meter").exists()
    assert caplog.text.count("no object is selected") == 1


async def test_whole_telegrams_need_no_selection(hass: HomeAssistant, tmp_path: Path) -> None:
    sink = JournalSink(hass, settings(format="raw"), frozenset())
    await sink.async_start()

    sink.take(delivery(0))
    await written(sink, 1)
    await sink.async_stop()

    assert (tmp_path / "p1meter/house/RAWNov2026").read_bytes() == delivery(0).telegram.raw + b"\r\n"


async def test_what_is_older_than_wanted_goes_unless_the_clock_may_be_wrong(
    hass: HomeAssistant, tmp_path: Path
) -> None:
    sink = JournalSink(hass, settings(keep_months=0), IMPORT)
    await sink.async_start()
    folder = tmp_path / "p1meter/house"
    sink.take(delivery(0))
    await written(sink, 1)

    # The clock of the computer is two years ahead of the meter's.
    sink.take(delivery(1, NOON.replace(year=2028)))
    await written(sink, 2)
    assert {path.name for path in folder.glob("SML3*")} == {"SML3Nov2026", "SML3Nov2028"}

    december = timedelta(days=20)
    telegram = read(nl5({"0-0:1.0.0": "(261211120000W)"}))
    sink.take(Delivery(telegram, telegram.readings, NOON + december))
    await until(lambda: not (folder / "SML3Nov2026").exists())
    await sink.async_stop()

    assert {path.name for path in folder.glob("SML3*")} == {"SML3Dec2026", "SML3Nov2028"}


async def test_it_is_copied_while_it_is_written(hass: HomeAssistant, tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    sink = JournalSink(hass, settings(), IMPORT)
    await sink.async_start()
    sink.take(delivery(0))
    await written(sink, 1)

    assert await sink.async_copy(share) == ["SML3Nov2026"]
    assert await sink.async_copy(share) == []
    assert (share / "SML3Nov2026").read_text() == line(0)
    with pytest.raises(FileError):
        await sink.async_copy(tmp_path / "away")
    await sink.async_stop()


# --- the disk ---------------------------------------------------------------------------------------------------------


async def test_a_full_disk_is_said_once_and_nothing_that_waits_is_lost(
    hass: HomeAssistant, disk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("custom_components.p1meter.sinks.journal._RETRY_PAUSE", 0.01)
    sink = JournalSink(hass, settings(), IMPORT)
    await sink.async_start()
    sink.take(delivery(0))
    await written(sink, 1)
    fill(disk)

    # The block that the file has on the disk has room for some lines.
    for second in range(1, 400):
        sink.take(delivery(second))
        await asyncio.sleep(0)
    await until(lambda: sink.status.error is not None)
    assert sink.status.error == "journal_disk_full"
    assert sink.status.facts == {
        "path": str(disk / "house/SML3Nov2026"),
        "error": "No space left on device",
    }
    waiting = sink.status.waiting
    assert sink.status.sent + waiting == 400
    assert waiting > 0
    # It is tried again and again, and said once.
    await asyncio.sleep(0.1)
    assert caplog.text.count("cannot be written") == 1

    (disk / "ballast").unlink()
    await written(sink, 400)
    await until(lambda: sink.status.error is None)
    await sink.async_stop()

    assert (disk / "house/SML3Nov2026").read_text() == "".join(map(line, range(400)))
    assert "written again" in caplog.text


async def test_with_a_full_disk_it_still_ends(hass: HomeAssistant, disk: Path) -> None:
    fill(disk)
    sink = JournalSink(hass, settings(), IMPORT)
    await sink.async_start()
    sink.take(delivery(0))
    await until(lambda: sink.status.error == "journal_disk_full")

    started = time.monotonic()
    await sink.async_stop()

    assert time.monotonic() - started < 1
    assert sink.status.waiting == 1


async def test_a_slow_disk_never_slows_the_meter_and_what_waits_is_bounded(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.p1meter.sinks.journal._MOST_WAITING", 50)
    sink = JournalSink(hass, settings(), IMPORT)
    await sink.async_start()
    sink.take(delivery(0))
    await written(sink, 1)
    goes_on = threading.Event()
    fsync = os.fsync

    def slow(descriptor: int) -> None:
        goes_on.wait(10)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    sink.take(delivery(1))
    deliveries = [delivery(second) for second in range(2, 102)]
    await asyncio.sleep(0.05)  # the disk is busy with the first
    started = time.monotonic()
    for one in deliveries:
        sink.take(one)
    assert time.monotonic() - started < 0.1
    # 101 were given: the one that is being written and the newest 49 are kept.
    assert (sink.status.waiting, sink.status.dropped) == (50, 51)

    goes_on.set()
    await written(sink, 51)
    await sink.async_stop()

    kept = [0, 1, *range(53, 102)]
    assert (tmp_path / "p1meter/house/SML3Nov2026").read_text() == "".join(map(line, kept))
    assert sink.status.taken == sink.status.sent + sink.status.dropped == 102


async def test_at_the_end_what_waits_is_written(hass: HomeAssistant, tmp_path: Path) -> None:
    sink = JournalSink(hass, settings(), IMPORT)
    await sink.async_start()
    for second in range(300):
        sink.take(delivery(second))

    await sink.async_stop()

    assert (tmp_path / "p1meter/house/SML3Nov2026").read_text() == "".join(map(line, range(300)))
    await sink.async_stop()  # twice: at the stop of Home Assistant and at unloading


async def test_a_disk_that_hangs_does_not_keep_it_from_ending(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.p1meter.sinks.journal._END_TIMEOUT", 0.05)
    sink = JournalSink(hass, settings(), IMPORT)
    await sink.async_start()
    sink.take(delivery(0))
    await written(sink, 1)
    hangs, goes_on = threading.Event(), threading.Event()

    def hang(_: int) -> None:
        hangs.set()
        goes_on.wait(10)

    monkeypatch.setattr(os, "fsync", hang)
    sink.take(delivery(1))
    await until(hangs.is_set)

    await sink.async_stop()

    goes_on.set()
    await hass.async_block_till_done()
    assert (tmp_path / "p1meter/house/SML3Nov2026").read_text() == line(0) + line(1)


async def test_fifty_reloads_leave_nothing_open(hass: HomeAssistant, tmp_path: Path) -> None:
    def state() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())

    before = None
    for second in range(50):
        sink = JournalSink(hass, settings(), IMPORT)
        await sink.async_start()
        sink.take(delivery(second))
        await sink.async_stop()
        assert sink.status.error is None
        before = before or state()

    assert state() == before
    assert (tmp_path / "p1meter/house/SML3Nov2026").read_text() == "".join(map(line, range(50)))


# --- in the integration -----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("everything_unloaded")
async def test_what_the_meter_says_is_in_the_journal_and_a_full_disk_stops_nothing(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    set_up: SetUp,
    say: Say,
    disk: Path,
    issue_registry: ir.IssueRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("custom_components.p1meter.sinks.journal._RETRY_PAUSE", 0.01)
    journal = {"folder": "house", "format": "raw", "interval": 0}
    hass.config_entries.async_update_entry(entry, options={"journal": journal})
    meter = await set_up(delivery(0).telegram.raw)
    sink = meter.sinks.sinks["journal"]
    issue = f"sink_journal_disk_full_{entry.entry_id}"

    def whole(seconds: range) -> bytes:
        return b"".join(delivery(second).telegram.raw + b"\r\n" for second in seconds)

    await say(delivery(1).telegram.raw)
    await until(lambda: sink.status.sent == 2)
    path = disk / "house/RAWNov2026"
    assert path.read_bytes() == whole(range(2))

    fill(disk)
    accepted = meter.accepted
    for second in range(2, 10):
        await say(delivery(second).telegram.raw)
    assert meter.accepted == accepted + 8
    # A telegram is more than a kilobyte, and what is left of a block less than four.
    assert issue_registry.async_get_issue("p1meter", issue) is not None
    assert sum(issue_id.startswith("sink_") for _, issue_id in issue_registry.issues) == 1

    (disk / "ballast").unlink()
    await until(lambda: sink.status.sent == 10)
    await until(lambda: sink.status.error is None)
    await say(delivery(10).telegram.raw)
    await until(lambda: sink.status.sent == 11)
    assert issue_registry.async_get_issue("p1meter", issue) is None
    assert path.read_bytes() == whole(range(11))
