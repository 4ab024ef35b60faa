"""A file with the newest telegram, for programs that read one file."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
import threading
from typing import TYPE_CHECKING, Any

from custom_components.p1meter.sink_settings import LatestFileSettings
from custom_components.p1meter.sinks import Delivery
from custom_components.p1meter.sinks.latest import LatestFileSink
from tests.compose import nl5

from .conftest import read, until

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    import pytest

NOON = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)


def delivery(number: int) -> Delivery:
    telegram = read(nl5({"1-0:1.8.1": f"({number:06}.000*kWh)"}))
    return Delivery(telegram, telegram.readings, NOON)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def started(hass: HomeAssistant, path: Path, **chosen: Any) -> LatestFileSink:
    sink = LatestFileSink(hass, LatestFileSettings(**{"path": str(path), "interval": 0, **chosen}))
    await sink.async_start()
    return sink


async def test_it_is_replaced_by_each_telegram(hass: HomeAssistant, tmp_path: Path) -> None:
    path = tmp_path / "telegram.txt"
    sink = await started(hass, path)

    for number in (1, 2):
        sink.take(delivery(number))
        await until(lambda number=number: sink.status.sent == number)  # type: ignore[misc]  # the number of this round
        assert path.read_bytes() == delivery(number).telegram.raw

    await sink.async_stop()
    assert names(tmp_path) == ["telegram.txt"]
    assert (sink.status.taken, sink.status.waiting, sink.status.error) == (2, 0, None)


async def test_it_waits_until_the_reader_has_taken_it_away(hass: HomeAssistant, tmp_path: Path) -> None:
    path = tmp_path / "meterinput"
    sink = await started(hass, path, mode="if_absent")
    sink.take(delivery(1))
    await until(lambda: sink.status.sent == 1)

    sink.take(delivery(2))
    await until(lambda: sink.status.waiting == 0)
    # One write follows on another: when this one is over, so is the one before.
    assert not await sink.async_write(delivery(2).telegram.raw)
    assert path.read_bytes() == delivery(1).telegram.raw

    path.unlink()
    sink.take(delivery(3))
    await until(lambda: sink.status.sent == 2)
    assert path.read_bytes() == delivery(3).telegram.raw
    await sink.async_stop()


async def test_an_interval_leaves_telegrams_out_but_none_that_is_a_little_early(
    hass: HomeAssistant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = await started(hass, tmp_path / "telegram.txt", interval=10)
    now = hass.loop.time()

    for number, second in enumerate((0.0, 5.0, 9.9, 14.0, 19.95, 25.0)):
        monkeypatch.setattr(hass.loop, "time", lambda second=second: now + second)
        sink.take(delivery(number))
    monkeypatch.undo()

    assert sink.status.taken == 3  # at 0, 9.9 and 19.95
    await until(lambda: sink.status.sent == 1)
    # What was not written when a newer one came is nobody's newest telegram.
    assert (tmp_path / "telegram.txt").read_bytes() == delivery(4).telegram.raw
    await sink.async_stop()


async def test_a_reader_always_finds_a_whole_telegram(hass: HomeAssistant, tmp_path: Path) -> None:
    path = tmp_path / "telegram.txt"
    sink = await started(hass, path)
    sink.take(delivery(0))
    await until(path.exists)
    found: set[bytes] = set()
    is_over = threading.Event()

    def reads() -> None:
        while not is_over.is_set():
            found.add(path.read_bytes())

    reader = threading.Thread(target=reads)
    reader.start()
    deliveries = [delivery(number) for number in range(1, 101)]
    for one in deliveries:
        sink.take(one)
        await asyncio.sleep(0.002)
    is_over.set()
    reader.join()
    await sink.async_stop()

    assert len(found) > 5
    assert found <= {one.telegram.raw for one in (delivery(0), *deliveries)}


async def test_a_share_that_is_away_is_said_once_and_no_folder_is_made_in_its_place(
    hass: HomeAssistant, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    share = tmp_path / "share"
    sink = await started(hass, share / "telegram.txt")

    for number in range(3):
        sink.take(delivery(number))
        await until(lambda: sink.status.waiting == 0)
        await hass.async_block_till_done()
    await until(lambda: sink.status.error is not None)
    assert sink.status.error == "latest_file_missing"
    assert sink.status.facts["error"] == "No such file or directory"
    assert caplog.text.count("cannot be written") == 1
    assert not share.exists()

    share.mkdir()
    sink.take(delivery(3))
    await until(lambda: sink.status.sent == 1)
    await until(lambda: sink.status.error is None)
    await sink.async_stop()


async def test_the_folder_beside_the_journals_is_made(hass: HomeAssistant, tmp_path: Path) -> None:
    hass.config.config_dir = str(tmp_path)
    path = tmp_path / "p1meter/house/telegram.txt"
    sink = await started(hass, path)

    sink.take(delivery(1))
    await sink.async_stop()

    assert path.read_bytes() == delivery(1).telegram.raw
    await sink.async_stop()  # twice: at the stop of Home Assistant and at unloading


async def test_what_came_during_the_last_write_is_written_too(hass: HomeAssistant, tmp_path: Path) -> None:
    path = tmp_path / "telegram.txt"
    sink = await started(hass, path)

    sink.take(delivery(1))
    # The disk is busy with that one.
    await until(lambda: sink.status.waiting == 0)
    sink.take(delivery(2))
    await sink.async_stop()

    assert path.read_bytes() == delivery(2).telegram.raw
    assert (sink.status.sent, sink.status.waiting) == (2, 0)


async def test_fifty_reloads_leave_nothing_open(hass: HomeAssistant, tmp_path: Path) -> None:
    def state() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())

    before = None
    for number in range(50):
        sink = await started(hass, tmp_path / "telegram.txt")
        sink.take(delivery(number))
        await sink.async_stop()
        before = before or state()

    assert state() == before
    assert names(tmp_path) == ["telegram.txt"]
