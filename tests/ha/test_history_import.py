"""Files of the past in the recorder's statistics: with a real recorder, over a real cable.

Hours are told by their end, UTC, and by the date
where it is not the day of the test. A file is lines of smartmeter 3.0 that say what the meter showed at an hour's end.
"""

import asyncio
from datetime import UTC, datetime, timedelta
import gzip
from typing import TYPE_CHECKING
from unittest.mock import patch

from homeassistant.components.recorder.statistics import async_import_statistics, statistics_during_period
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.p1meter.archive import FileError, HistoryError
from custom_components.p1meter.history_import import (
    NotWrittenError,
    RegisterPreview,
    RegisterResult,
    async_preview,
    async_write,
)
from custom_components.p1meter.history_reading import Found, async_read, async_read_meter
from custom_components.p1meter.merging import Booked, Seam
from custom_components.p1meter.recorded import metadata_of
from tests.compose import GAS_ID, nl5

from .conftest import until
from .houses import GAS, HOUR, LOW, House, stamp

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import FallSilent, Say, SetUp, WallClock

pytestmark = pytest.mark.recorder

TARIFF = "electricity_import_tariff_1"


class HouseWithFiles(House):
    """A house with files of the past."""

    folder: Path

    async def uses(self, readings: Mapping[str, float]) -> None:
        """Let the meter say what it shows at these times of the day."""
        for at, reading in readings.items():
            await self.until(self.at(at))
            await self.says({"1-0:1.8.1": f"({reading:010.3f}*kWh)"})

    def file(self, readings: Mapping[str, float], name: str = "SML3Feb2026") -> Path:
        """Write a file of the past that has what the meter showed at these times."""
        path = self.folder / name
        lines = (f"00100;({stamp(moment(at))});10181;({value:010.3f}*kWh)\n" for at, value in readings.items())
        path.write_text("".join(lines), "ascii")
        return path

    async def read(self, *paths: Path) -> Found:
        return await async_read(self.hass, self.entry, paths)

    async def preview(self, *paths: Path) -> RegisterPreview:
        previews = await async_preview(self.hass, self.entry, await self.read(*paths))
        return next(one for one in previews if one.slot == TARIFF)

    async def bring(self, *paths: Path, overwrite: bool = False) -> RegisterResult:
        """Import files; again, that must change nothing."""
        found = await self.read(*paths)
        results = await async_write(self.hass, self.entry, found, overwrite=overwrite)
        before = await self.table()
        again = await async_write(self.hass, self.entry, found, overwrite=overwrite)
        assert await self.table() == before
        assert {(one.added, one.changed) for one in again} == {(0, 0)}
        return next(one for one in results if one.slot == TARIFF)

    async def table(self, entity_id: str = LOW) -> list[tuple[str, float | None, float]]:
        """Return the hourly rows: end of the hour, state, sum."""
        rows = await get_instance(self.hass).async_add_executor_job(
            statistics_during_period,
            self.hass,
            datetime(2000, 1, 1, tzinfo=UTC),
            None,
            {entity_id},
            "hour",
            None,
            {"state", "sum"},
        )
        return [
            (told(row["start"]), row.get("state"), round(row.get("sum") or 0.0, 6)) for row in rows.get(entity_id, ())
        ]


@pytest.fixture
async def house(
    hass: HomeAssistant,
    recorders_clock: WallClock,
    entry: MockConfigEntry,
    say: Say,
    set_up: SetUp,
    tmp_path: Path,
) -> AsyncGenerator[HouseWithFiles]:
    """A house at noon; nothing was said yet."""
    house = HouseWithFiles(hass, recorders_clock, entry, say, set_up)
    house.folder = tmp_path
    yield house
    await house.off()


def moment(at: str) -> datetime:
    """Return a time of the day of the test, or of another day."""
    return datetime.strptime(at if " " in at else f"2026-02-07 {at}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def told(start: float) -> str:
    """Return how the end of an hour is told."""
    end = datetime.fromtimestamp(start, UTC) + HOUR
    return f"{end:%H:%M}" if end.date() == datetime(2026, 2, 7, tzinfo=UTC).date() else f"{end:%Y-%m-%d %H:%M}"


async def test_hours_before_those_of_the_recorder(house: HouseWithFiles) -> None:
    await house.uses({"12:03": 100.3, "12:30": 100.5, "12:58": 100.9, "13:30": 101.0})
    await house.until(house.at("14:10"))
    assert await house.table() == [("13:00", 100.9, 0.6), ("14:00", 101.0, 0.7)]
    path = house.file({"09:00": 97.0, "10:00": 98.0, "11:00": 98.0, "12:00": 100.2})
    preview = await house.preview(path)
    assert preview.entity_id == LOW
    assert preview.summary == (4, 0, 0, None, 0, 0, False)
    result = await house.bring(path)
    assert (result.added, result.changed, result.misfits, result.later) == (4, 0, 0, 0)
    # 0.7 kWh from 12 to 13 h: also the 0.1 before the recorder began.
    assert await house.table() == [
        ("09:00", 97.0, 0.0),
        ("10:00", 98.0, 1.0),
        ("11:00", 98.0, 1.0),
        ("12:00", 100.2, 3.2),
        ("13:00", 100.9, 3.9),
        ("14:00", 101.0, 4.0),
    ]
    assert (await house.sums(LOW))[-1] == 4.0
    assert house.entry.runtime_data.memory.seams == []
    # The recorder goes on.
    await house.uses({"14:20": 101.25, "14:50": 101.5})
    await house.until(house.at("15:05"))
    assert (await house.table())[-1] == ("15:00", 101.5, 4.5)
    assert (await house.sums(LOW))[-1] == 4.5


async def test_hours_in_a_gap_of_the_recorder(house: HouseWithFiles) -> None:
    await house.uses({"12:03": 100.0, "12:30": 100.5})
    await house.until(house.at("12:57"))
    await house.off()
    await house.until(house.at("17:02"))
    await house.on()
    await house.uses({"17:03": 104.0, "17:50": 104.5})
    await house.until(house.at("18:05"))
    before = [("13:00", 100.5, 0.5), ("18:00", 104.5, 4.5)]
    assert await house.table() == before
    # Of 13 to 18 h; what was at 16:00 is below what was before.
    path = house.file({"12:00": 99.5, "14:00": 101.0, "15:00": 102.25, "16:00": 102.25, "17:00": 103.75})
    preview = await house.preview(path)
    assert preview.summary[:2] == (5, 0)
    result = await house.bring(path)
    assert (result.added, result.misfits, result.later) == (5, 0, 0)
    assert await house.table() == [
        ("12:00", 99.5, 0.0),
        ("13:00", 100.5, 1.0),
        ("14:00", 101.0, 1.5),
        ("15:00", 102.25, 2.75),
        ("16:00", 102.25, 2.75),
        ("17:00", 103.75, 4.25),
        ("18:00", 104.5, 5.0),
    ]


async def test_hours_of_a_silence_of_weeks(house: HouseWithFiles, fall_silent: FallSilent) -> None:
    """The recorder has no row of five minutes from before it any more."""
    await house.uses({"12:03": 100.0, "13:03": 101.0, "14:03": 102.0})
    await house.until(house.at("15:02"))
    await fall_silent()
    await house.lies_idle(11)
    await house.until(house.clock.now + timedelta(hours=3))
    await house.says({"1-0:1.8.1": "(000106.000*kWh)"})
    await house.until(house.clock.now + timedelta(hours=1))
    assert [total for _, _, total in await house.table()] == [0.0, 1.0, 2.0, 6.0]
    # 1 and 1.5 kWh in two of its first hours, 1 kWh in the last one.
    path = house.file({"16:00": 103.0, "17:00": 104.5, "2026-02-18 18:00": 105.5})
    preview = await house.preview(path)
    assert (preview.summary.new, preview.summary.misfits) == (3, 0)
    assert (await house.bring(path)).added == 3
    assert [total for _, _, total in await house.table()] == [0.0, 1.0, 2.0, 3.0, 4.5, 5.5, 6.0]
    assert (await house.sums(LOW))[-1] == 6.0


async def test_what_does_not_fit_into_a_gap_is_left_out(house: HouseWithFiles) -> None:
    await house.uses({"12:03": 100.0, "12:30": 100.5})
    await house.until(house.at("12:57"))
    await house.off()
    await house.until(house.at("17:02"))
    await house.on()
    await house.uses({"17:03": 104.0})
    await house.until(house.at("18:05"))
    before = await house.table()
    path = house.file({"14:00": 100.4, "15:00": 104.25, "16:00": 110.0, "17:00": 111.0})
    assert (await house.preview(path)).summary[:5] == (0, 0, 0, None, 4)
    result = await house.bring(path)
    assert (result.added, result.misfits) == (0, 4)
    assert await house.table() == before


async def test_hours_that_both_have(house: HouseWithFiles) -> None:
    await house.uses({"12:03": 100.0, "12:50": 100.5, "13:50": 101.5, "14:50": 101.75})
    await house.until(house.at("16:05"))
    before = [("13:00", 100.5, 0.5), ("14:00", 101.5, 1.5), ("15:00", 101.75, 1.75), ("16:00", 101.75, 1.75)]
    assert await house.table() == before
    # From 13 to 14 h 0.5 instead of 1.0, and from 14 to 15 h 0.75 instead of 0.25. What is after now is not believed.
    path = house.file({"12:00": 99.75, "13:00": 100.5, "14:00": 101.0, "15:00": 101.75, "20:00": 105.0})
    found = await house.read(path)
    assert found.problems.counts == {"future": 1}
    preview = await house.preview(path)
    summary = preview.summary
    assert (summary.new, summary.both, summary.differing) == (1, 3, 2)
    assert summary.largest == (house.at("13:00").timestamp(), 0.5, 1.0)
    result = await house.bring(path)
    assert (result.added, result.changed) == (1, 0)
    assert await house.table() == [
        ("12:00", 99.75, 0.0),
        ("13:00", 100.5, 0.75),
        ("14:00", 101.5, 1.75),
        ("15:00", 101.75, 2.0),
        ("16:00", 101.75, 2.0),
    ]
    result = await house.bring(path, overwrite=True)
    assert (result.added, result.changed) == (0, 2)
    assert await house.table() == [
        ("12:00", 99.75, 0.0),
        ("13:00", 100.5, 0.75),
        ("14:00", 101.0, 1.25),
        ("15:00", 101.75, 2.0),
        ("16:00", 101.75, 2.0),
    ]
    await house.uses({"16:20": 102.0})
    await house.until(house.at("17:05"))
    assert (await house.table())[-1] == ("17:00", 102.0, 2.25)


async def test_the_sums_after_what_was_overwritten_are_shifted_by_what_it_changed(house: HouseWithFiles) -> None:
    """The recorder has missed the old meter: what it began with is another one."""
    await house.uses({"12:03": 7.0, "12:50": 7.5, "13:50": 8.5})
    await house.until(house.at("15:05"))
    path = house.file({"12:00": 100.0, "13:00": 102.0, "14:00": 105.0})
    assert (await house.preview(path)).summary.joins_another_meter
    await house.bring(path)
    # Another meter: its hours keep what was used in them, and the step between the two is nothing.
    assert await house.table() == [
        ("12:00", 100.0, 0.0),
        ("13:00", 7.5, 0.5),
        ("14:00", 8.5, 1.5),
        ("15:00", 8.5, 1.5),
    ]
    await house.bring(path, overwrite=True)
    assert await house.table() == [
        ("12:00", 100.0, 0.0),
        ("13:00", 102.0, 2.0),
        ("14:00", 105.0, 5.0),
        ("15:00", 8.5, 5.0),
    ]
    assert (await house.sums(LOW))[-1] == 5.0


async def test_a_meter_that_was_just_added(house: HouseWithFiles) -> None:
    """The recorder has five minutes of it, and no hour."""
    await house.uses({"12:03": 100.25, "12:04": 100.5})
    await house.until(house.at("12:06"))
    path = house.file({"10:00": 97.0, "11:00": 98.0, "12:00": 100.0})
    result = await house.bring(path)
    assert (result.added, result.later) == (3, 0)
    await house.uses({"12:30": 101.0})
    await house.until(house.at("13:05"))
    assert await house.table() == [
        ("10:00", 97.0, 0.0),
        ("11:00", 98.0, 1.0),
        ("12:00", 100.0, 3.0),
        ("13:00", 101.0, 4.0),
    ]


async def test_a_meter_of_which_the_recorder_has_nothing_yet(house: HouseWithFiles) -> None:
    await house.uses({"12:03": 100.25})
    early = house.file({"09:00": 96.5, "10:00": 97.0})
    late = house.file({"09:00": 96.5, "11:00": 98.0, "12:00": 99.75}, "SML3Mar2026")
    assert (await house.bring(early)).added == 2
    # The hour before noon is the recorder's own, as far as it can be known: it may still sum up its last minutes.
    result = await house.bring(late)
    assert (result.added, result.later) == (1, 1)
    assert [seam.first for seam in house.entry.runtime_data.memory.seams] == [None]
    # A restart; the store has what is pending.
    await house.off()
    await house.on()
    await house.uses({"12:04": 100.5})
    await house.until(house.at("12:06"))
    assert (await house.sums(LOW)) == [4.0]
    assert house.entry.runtime_data.memory.seams == []
    assert (await house.bring(late)).added == 1
    await house.uses({"12:30": 101.0})
    await house.until(house.at("13:05"))
    assert await house.table() == [
        ("09:00", 96.5, 0.0),
        ("10:00", 97.0, 0.5),
        ("11:00", 98.0, 1.5),
        ("12:00", 99.75, 3.25),
        ("13:00", 101.0, 4.5),
    ]


async def test_home_assistant_stops_between_the_rows_and_the_shift(house: HouseWithFiles) -> None:
    await house.uses({"12:03": 100.25, "12:50": 100.5})
    await house.until(house.at("14:05"))
    path = house.file({"11:00": 98.0, "12:00": 100.0})
    found = await house.read(path)
    with (
        patch("homeassistant.components.recorder.Recorder.async_adjust_statistics"),
        pytest.raises(NotWrittenError),
    ):
        await async_write(house.hass, house.entry, found, overwrite=False)
    # As it is on the disk when the power fails now.
    assert [row[2] for row in await house.table()] == [0.0, 2.0, 0.25, 0.25]
    assert [seam.slot for seam in house.entry.runtime_data.memory.seams] == [TARIFF]
    await house.off()
    await house.on()
    healed = [("11:00", 98.0, 0.0), ("12:00", 100.0, 2.0), ("13:00", 100.5, 2.5), ("14:00", 100.5, 2.5)]
    assert await house.table() == healed
    assert house.entry.runtime_data.memory.seams == []
    assert (await house.bring(path)).added == 0
    # It was completed, but the store does not know.
    first = Booked(house.at("12:00").timestamp(), 100.5, 0.25)
    written = Booked(house.at("11:00").timestamp(), 100.0, 2.0)
    house.entry.runtime_data.memory.seams.append(Seam(TARIFF, first, 2.5, is_short=False, written=written))
    await house.off()
    await house.on()
    assert await house.table() == healed
    assert house.entry.runtime_data.memory.seams == []


async def test_home_assistant_stops_before_anything_is_written(house: HouseWithFiles) -> None:
    await house.uses({"12:03": 100.25, "12:50": 100.5})
    await house.until(house.at("14:05"))
    before = await house.table()
    found = await house.read(house.file({"11:00": 98.0, "12:00": 100.0}))
    stopped = "custom_components.p1meter.history_import.async_import_statistics"
    with (
        patch(stopped),
        patch("homeassistant.components.recorder.Recorder.async_adjust_statistics"),
        pytest.raises(NotWrittenError),
    ):
        await async_write(house.hass, house.entry, found, overwrite=False)
    assert await house.table() == before
    assert house.entry.runtime_data.memory.seams == []
    # The same when nothing but the store has survived; of a sensor that is gone, too.
    first = Booked(house.at("12:00").timestamp(), 100.5, 0.25)
    written = Booked(house.at("11:00").timestamp(), 100.0, 2.0)
    house.entry.runtime_data.memory.seams += [
        Seam(TARIFF, first, 2.5, is_short=False, written=written),
        Seam("water_water", first, 2.5, is_short=False, written=written),
        Seam("electricity_voltage_l1", first, 2.5, is_short=False, written=written),
    ]
    await house.until(house.at("14:10:15"))
    assert await house.table() == before
    assert house.entry.runtime_data.memory.seams == []


async def test_a_sensor_that_was_renamed_and_is_shown_in_another_unit(
    hass: HomeAssistant, house: HouseWithFiles
) -> None:
    registry = er.async_get(hass)
    await house.uses({"12:03": 100.25})
    registry.async_update_entity_options(LOW, "sensor", {"unit_of_measurement": "Wh"})
    registry.async_update_entity(LOW, new_entity_id="sensor.ours")
    await hass.async_block_till_done()
    path = house.file({"10:00": 98.0, "11:00": 99.5})
    # The recorder has nothing of it yet: it will count what it shows.
    found = await house.read(path)
    await async_write(hass, house.entry, found, overwrite=False)
    assert await house.table("sensor.ours") == [("10:00", 98_000.0, 0.0), ("11:00", 99_500.0, 1_500.0)]
    await house.uses({"12:30": 100.5})
    await house.until(house.at("13:05"))
    assert (await house.table("sensor.ours"))[-1] == ("13:00", 100_500.0, 2_500.0)
    # Now it shows kWh again, and is counted in Wh as before.
    registry.async_update_entity_options("sensor.ours", "sensor", {"unit_of_measurement": "kWh"})
    await hass.async_block_till_done()
    await async_write(hass, house.entry, await house.read(house.file({"09:00": 97.0})), overwrite=False)
    # Home Assistant shows them in the unit of the sensor.
    assert (await house.table("sensor.ours"))[0] == ("09:00", 97.0, 0.0)
    assert (await house.table("sensor.ours"))[-1] == ("13:00", 100.5, 3.5)
    assert await house.table(LOW) == []


async def test_registers_without_a_sensor_that_is_recorded(hass: HomeAssistant, house: HouseWithFiles) -> None:
    await house.uses({"12:03": 100.25})
    er.async_get(hass).async_update_entity(
        "sensor.iskra_am550_import_normal_tariff", disabled_by=er.RegistryEntryDisabler.USER
    )
    path = house.folder / "SML3Feb2026"
    now = stamp(moment("11:00"))
    path.write_text(
        f"00100;({now});10181;(000098.000*kWh);10182;(000050.000*kWh);10281;(000010.000*kWh);10381;(000001.000*kvarh);"
        f"012410;(003);012421;({now})(00050.000*m3);022410;(007);022421;({now})(00007.000*m3)\n",
        "ascii",
    )
    unrecorded = "custom_components.p1meter.history_reading.is_entity_recorded"
    with patch(unrecorded, lambda _hass, entity_id: "export" not in entity_id):
        found = await house.read(path)
    assert list(found.series) == [TARIFF, "electricity_import_total", "gas_gas"]
    assert {(one.key, one.why) for one in found.left_out} == {
        ("import_tariff_2", "disabled"),
        ("export_tariff_1", "not_recorded"),
        ("reactive_import_tariff_1", "no_sensor"),
        ("2:water", "no_sensor"),
    }
    # What was disabled since is left alone.
    er.async_get(hass).async_remove(LOW)
    previews = await async_preview(hass, house.entry, found)
    assert [one.slot for one in previews] == ["electricity_import_total", "gas_gas"]
    results = await async_write(hass, house.entry, found, overwrite=False)
    assert [one.slot for one in results] == ["electricity_import_total", "gas_gas"]


async def test_a_file_that_is_not_whole_brings_nothing(house: HouseWithFiles) -> None:
    await house.uses({"12:03": 100.25})
    good = house.file({"10:00": 98.0, "11:00": 99.5})
    bad = house.folder / "SML3Mar2026.gz"
    packed = gzip.compress(house.file({f"{hour:02}:00": 99.0 for hour in range(12)}, "plain").read_bytes())
    bad.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(HistoryError) as caught:
        await house.read(good, bad)
    assert (caught.value.kind, caught.value.file) == ("not_whole", "SML3Mar2026.gz")
    with pytest.raises(FileError) as missing:
        await house.read(good, house.folder / "gone")
    assert missing.value.path == str(house.folder / "gone")
    assert await house.table() == []


async def test_who_stops_waiting_stops_the_reading(house: HouseWithFiles) -> None:
    await house.uses({"12:03": 100.25})
    path = house.file({f"2025-{month:02}-{day:02} 12:00": 50.0 for month in range(1, 13) for day in range(1, 29)})
    told: list[float] = []
    reading = house.hass.async_create_task(async_read(house.hass, house.entry, [path], on_progress=told.append))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    found = await async_read(house.hass, house.entry, [path], on_progress=told.append)
    assert len(found.series[TARIFF].rows) == 336
    await until(lambda: told[-1:] == [1.0])
    assert told == sorted(told)
    done: list[float] = []
    await async_write(house.hass, house.entry, found, overwrite=False, on_progress=done.append)
    assert done == [1.0]


async def test_the_gas_meter_that_was_replaced_is_the_same_role(house: HouseWithFiles) -> None:
    await house.gas("12:03:00", "12:00:00", 7.5)
    path = house.folder / "RAWFeb2026"
    telegrams = [
        nl5({"0-0:1.0.0": f"({stamp(moment(at))})", "0-1:96.1.0": f"({serial.encode().hex()})"} | lines)
        for at, serial, lines in (
            ("08:00", "G0000000000000001", {"0-1:24.2.1": f"({stamp(moment('08:00'))})(00050.000*m3)"}),
            ("09:00", "G0000000000000001", {"0-1:24.2.1": f"({stamp(moment('09:00'))})(00051.000*m3)"}),
        )
    ]
    telegrams += [
        nl5(
            {
                "0-0:1.0.0": f"({stamp(moment(at))})",
                "0-1:24.1.0": None,
                "0-1:96.1.0": None,
                "0-1:24.2.1": None,
                "0-2:24.1.0": "(003)",
                "0-2:96.1.0": f"({GAS_ID.encode().hex()})",
                "0-2:24.2.1": f"({stamp(moment(at))})({value})",
            }
        )
        for at, value in (("10:00", "00005.000*m3"), ("11:00", "00006.500*m3"))
    ]
    path.write_bytes(b"\r\n".join(telegrams))
    found = await house.read(path)
    assert [one.key for one in found.left_out] == []
    await async_write(house.hass, house.entry, found, overwrite=False)
    assert await house.table(GAS) == [
        ("08:00", 50.0, 0.0),
        ("09:00", 51.0, 1.0),
        ("10:00", 5.0, 1.0),
        ("11:00", 6.5, 2.5),
    ]


async def test_two_gas_meters_at_the_same_time_are_not_one(house: HouseWithFiles) -> None:
    await house.gas("12:03:00", "12:00:00", 7.5)
    path = house.folder / "SML3Feb2026"
    path.write_text(
        "".join(
            f"00100;({stamp(moment(at))});012410;(003);012421;({stamp(moment(at))})({one}*m3);"
            f"022410;(003);022421;({stamp(moment(at))})({other}*m3)\n"
            for at, one, other in (("09:00", "00005.000", "00100.000"), ("11:00", "00006.500", "00101.000"))
        ),
        "ascii",
    )
    found = await house.read(path)
    assert list(found.series) == ["gas_gas"]
    assert [one.why for one in found.left_out] == ["another_meter"]


async def test_of_two_gas_meters_at_the_same_time_the_one_with_our_number_counts(house: HouseWithFiles) -> None:
    """The other one goes on for an hour longer, and came before ours, too."""
    await house.gas("12:03:00", "12:00:00", 7.5)
    path = house.folder / "RAWFeb2026"
    other = {"0-2:24.1.0": "(003)", "0-2:96.1.0": f"({b'G0000000000000001'.hex()})"}
    path.write_bytes(
        b"\r\n".join(
            nl5(
                {"0-0:1.0.0": f"({now})", "0-1:24.2.1": f"({now})({ours})" if ours else None}
                | ({} if ours else {"0-1:24.1.0": None, "0-1:96.1.0": None})
                | other
                | {"0-2:24.2.1": f"({now})({foreign})"}
            )
            for now, ours, foreign in (
                (stamp(moment("07:00")), None, "00100.000*m3"),
                (stamp(moment("09:00")), "00005.000*m3", "00101.000*m3"),
                (stamp(moment("10:00")), "00006.500*m3", "00102.000*m3"),
                (stamp(moment("11:00")), None, "00103.000*m3"),
            )
        )
    )
    found = await house.read(path)
    assert [(one.key, one.why) for one in found.left_out] == [("2:gas", "another_meter")]
    await async_write(house.hass, house.entry, found, overwrite=False)
    assert await house.table(GAS) == [("09:00", 5.0, 0.0), ("10:00", 6.5, 1.5)]


def backup_of_gas(house: HouseWithFiles, readings: Mapping[str, float]) -> Path:
    """Write a backup of DSMR-reader, which does not tell the channel of its gas meter."""
    path = house.folder / "dump.sql"
    rows = "".join(f"1\t{moment(at):%Y-%m-%d %H:%M:%S}+00\t{value:.3f}\n" for at, value in readings.items())
    table = "COPY public.dsmr_consumption_gasconsumption (id, read_at, delivered) FROM stdin;"
    path.write_text(f"-- PostgreSQL database dump\n{table}\n{rows}\\.\n", "ascii")
    return path


def journal_of_gas(house: HouseWithFiles, readings: Mapping[str, float]) -> Path:
    """Write lines of the journal, with the gas meter on channel 1."""
    path = house.folder / "SML3Feb2026"
    path.write_text(
        "".join(
            f"00100;({stamp(moment(at))});012410;(003);012421;({stamp(moment(at))})({value:09.3f}*m3)\n"
            for at, value in readings.items()
        ),
        "ascii",
    )
    return path


async def test_a_backup_and_a_journal_of_the_same_gas_meter(house: HouseWithFiles) -> None:
    """DSMR-reader was read until 11 h, the journal begins at 9 h."""
    await house.gas("12:03:00", "12:00:00", 7.5)
    backup = backup_of_gas(house, {f"{hour:02}:00": 5 + hour / 10 for hour in range(6, 12)})
    journal = journal_of_gas(house, {f"{hour:02}:00": 5 + hour / 10 for hour in range(9, 13)})
    found = await house.read(backup, journal)
    assert found.left_out == []
    assert len(found.series["gas_gas"].stretches) == 1
    await async_write(house.hass, house.entry, found, overwrite=False)
    assert await house.table(GAS) == [
        ("06:00", 5.6, 0.0),
        ("07:00", 5.7, 0.1),
        ("08:00", 5.8, 0.2),
        ("09:00", 5.9, 0.3),
        ("10:00", 6.0, 0.4),
        ("11:00", 6.1, 0.5),
    ]


@pytest.mark.parametrize("start", [2.0, 900.0], ids=["below", "above"])
async def test_a_backup_and_a_journal_of_two_gas_meters(house: HouseWithFiles, start: float) -> None:
    await house.gas("12:03:00", "12:00:00", 7.5)
    backup = backup_of_gas(house, {f"{hour:02}:00": start + hour / 10 for hour in range(6, 12)})
    journal = journal_of_gas(house, {"09:00": 5.9, "10:00": 6.0, "12:00": 6.2})
    found = await house.read(backup, journal)
    assert [(one.key, one.why) for one in found.left_out] == [("gas", "another_meter")]
    assert [str(row.state) for row in found.series["gas_gas"].rows] == ["5.900", "6.000", "6.200"]


async def test_tariffs_alone_give_the_total_its_history(house: HouseWithFiles) -> None:
    await house.uses({"12:03": 100.25})
    path = house.folder / "p1meter.csv"
    path.write_text(
        "time,import_tariff_1 (kWh),import_tariff_2 (kWh)\n"
        "2026-02-07T10:00:00+01:00,98.000,3987.000\n2026-02-07T11:00:00+01:00,98.500,3987.650\n",
        "ascii",
    )
    found = await house.read(path)
    await async_write(house.hass, house.entry, found, overwrite=False)
    assert await house.table("sensor.iskra_am550_import") == [("09:00", 4085.0, 0.0), ("10:00", 4086.15, 1.15)]


async def test_what_the_meter_itself_remembers(house: HouseWithFiles) -> None:
    """A meter in Hungary says what it showed at the end of the month before."""
    await house.uses({"12:03": 100.25})
    found = await async_read_meter(house.hass, house.entry)
    assert (found.series, found.left_out) == ({}, [])
    energy = "".join(f"({value}*kWh)" for value in ("004000.000", "000060.000", "003940.000", *["000000.000"] * 3))
    reactive = "(000000.000*kvarh)" * 6 + "(000000.000*kWh)"
    await house.says(
        {"1-0:1.8.1": "(000100.250*kWh)", "0-0:98.1.0": f"(260201000000W){energy}{reactive}" + "(00.000*kW)" * 6}
    )
    found = await async_read_meter(house.hass, house.entry)
    await house.until(house.at("12:06"))
    await async_write(house.hass, house.entry, found, overwrite=False)
    # Midnight there is 23:00 UTC. All that was used since is in the hour in which the recorder began.
    assert await house.table() == [("2026-01-31 23:00", 60.0, 0.0)]
    await house.until(house.at("13:05"))
    assert (await house.table())[-1] == ("13:00", 100.25, 40.25)
    total = "sensor.iskra_am550_import"
    assert (await house.table(total))[0] == ("2026-01-31 23:00", 4000.0, 0.0)


async def test_more_than_is_written_at_once(house: HouseWithFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custom_components.p1meter.history_import._AT_ONCE", 2)
    await house.uses({"12:03": 100.25, "12:50": 100.5})
    await house.until(house.at("14:05"))
    path = house.file({"08:00": 97.0, "09:00": 98.0, "10:00": 98.25, "11:00": 99.0, "12:00": 100.0, "13:00": 100.25})
    result = await house.bring(path, overwrite=True)
    assert (result.added, result.changed) == (5, 1)
    assert await house.table() == [
        ("08:00", 97.0, 0.0),
        ("09:00", 98.0, 1.0),
        ("10:00", 98.25, 1.25),
        ("11:00", 99.0, 2.0),
        ("12:00", 100.0, 3.0),
        ("13:00", 100.25, 3.25),
        ("14:00", 100.5, 3.5),
    ]
    assert (await house.sums(LOW))[-1] == 3.5


async def test_hours_of_which_only_the_growth_is_known(house: HouseWithFiles) -> None:
    """The table of hours that DSMR-reader exports; its times are those of the start, UTC+1."""
    await house.uses({"12:03": 100.25, "12:50": 100.5})
    await house.until(house.at("14:05"))
    path = house.folder / "hours.csv"
    path.write_text(
        "Hour Start,Electricity 1 (Dutch Users: Low Tariff),Electricity 2 (Dutch Users: Normal Tariff),"
        "Electricity 1 Returned (Dutch Users: Low Tariff),Electricity 2 Returned (Dutch Users: Normal Tariff),Gas\r\n"
        "2026-02-07T11:00:00+01:00,0.5,0.125,0,0,0.25\r\n2026-02-07T12:00:00+01:00,0.75,0.125,0,0,0\r\n",
        "ascii",
    )
    await house.bring(path)
    assert await house.table() == [
        ("11:00", None, 0.5),
        ("12:00", None, 1.25),
        ("13:00", 100.5, 1.5),
        ("14:00", 100.5, 1.5),
    ]
    # The total is the sum of both tariffs; what it grew itself was 0.25, in the first hour of the recorder.
    total = await house.table("sensor.iskra_am550_import")
    assert [row[2] for row in total] == [0.625, 1.5, 1.75, 1.75]
    # Readings for the same hours are not written over growth without being asked, and fit before it.
    await house.bring(house.file({"10:00": 98.0, "11:00": 98.5, "12:00": 99.25}))
    assert [row[1:] for row in await house.table()] == [
        (98.0, 0.0),
        (None, 0.5),
        (None, 1.25),
        (100.5, 1.5),
        (100.5, 1.5),
    ]


async def test_statistics_of_another_kind_are_left_alone(hass: HomeAssistant, house: HouseWithFiles) -> None:
    await house.uses({"12:03": 100.25})
    path = house.folder / "SML3Feb2026"
    now = stamp(moment("11:00"))
    path.write_text(f"00100;({now});012410;(003);012421;({now})(00050.000*m3)\n", "ascii")
    found = await house.read(path)
    # Somebody has put statistics in kWh under this name meanwhile.
    async_import_statistics(hass, metadata_of(GAS, "kWh"), [{"start": moment("08:00"), "state": 1.0, "sum": 1.0}])
    await async_wait_recording_done(hass)
    assert await async_preview(hass, house.entry, found) == []
    assert await async_write(hass, house.entry, found, overwrite=True) == []
    assert [(one.key, one.why) for one in (await house.read(path)).left_out] == [("1:gas", "unit")]
