"""What was used in hours without a row is spread over them, if the person wants it: with a real recorder.

The meter is not read from 14:22 to 19:08; 5.7 kWh and 0.95 m³ are used meanwhile. The five-minute rows end
at 14:25 and begin at 19:05, so that what is first seen at 19:10 was used in 285 minutes: 0.02 kWh in each.
"""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
import json
import logging
from typing import TYPE_CHECKING
from unittest.mock import patch

from homeassistant.components.recorder.statistics import async_import_statistics, statistics_during_period
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.p1meter import gap_filling, history_import
from custom_components.p1meter.const import CONF_SPREAD_GAPS
from custom_components.p1meter.gap_filling import async_choose, async_find, async_give_way, spread_hours, totals
from custom_components.p1meter.history_import import async_preview, async_write
from custom_components.p1meter.history_reading import async_read
from custom_components.p1meter.memory import Joint, Memory
from custom_components.p1meter.recorded import async_until_written, metadata_of

from .houses import COST, GAS, IMPORT, LOW, NEW_GAS_ID, House, pay, stamp

if TYPE_CHECKING:
    from pathlib import Path

    from homeassistant.components.recorder.models import StatisticData
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.p1meter.memory import Filled

    from .conftest import FallSilent

pytestmark = pytest.mark.recorder

LOW_SLOT = "electricity_import_tariff_1"

# kWh at the end of each hour, counted from the first reading: as it comes, and spread.
AS_IT_CAME = {12: 0.5, 13: 0.8, 14: 1.3, 19: 8.0}
SPREAD = {12: 0.5, 13: 0.8, 14: 2.0, 15: 3.2, 16: 4.4, 17: 5.6, 18: 6.8, 19: 8.0}
GATHERED = {12: 0.5, 13: 0.8, 14: 1.3, 15: 1.3, 16: 1.3, 17: 1.3, 18: 1.3, 19: 8.0}


@pytest.fixture
def wanted(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The person wants new gaps to be spread, since the day before."""
    hass.config_entries.async_update_entry(entry, options={CONF_SPREAD_GAPS: "2026-02-06T12:00:00+00:00"})


async def low(house: House, clock: str, reading: float, **others: str) -> None:
    """Let the meter say what it has counted at the low tariff."""
    await house.until(house.at(clock))
    lines = {"1-0:1.8.2": "(000000.000*kWh)", **others}
    await house.says({"1-0:1.8.1": f"({reading:010.3f}*kWh)", **lines})


async def until_the_gap(house: House) -> None:
    await low(house, "12:05:00", 100.0)
    await low(house, "12:35:00", 100.5)
    await low(house, "13:10:00", 100.8)
    await low(house, "14:18:00", 101.3)
    await house.until(house.at("14:22:00"))
    await house.off()


async def live_through_a_gap(house: House) -> None:
    """Be there until 14:22 and from 19:08 on, to ten past eight."""
    await until_the_gap(house)
    await house.until(house.at("19:08:00"))
    await house.on()
    await low(house, "19:08:05", 107.0)
    await low(house, "19:40:00", 108.0)
    await low(house, "20:05:00", 108.0)
    await house.until(house.at("20:10:15"))


async def sums(house: House, entity_id: str = LOW, first: float = 100.0) -> dict[int, float]:
    """Return the sum at the end of each hour that has a row, by the hour; `first` is the reading it began with."""
    rows = await get_instance(house.hass).async_add_executor_job(
        statistics_during_period,
        house.hass,
        datetime(2026, 2, 7, tzinfo=UTC),
        None,
        {entity_id},
        "hour",
        None,
        {"state", "sum"},
    )
    for row in rows.get(entity_id, ()):
        if entity_id == LOW:
            # The reading goes with the sum.
            assert (row["state"] or 0) - (row["sum"] or 0) == pytest.approx(first)
    return {
        datetime.fromtimestamp(row["start"], UTC).hour: round(row["sum"] or 0.0, 4) for row in rows.get(entity_id, ())
    }


async def find(house: House, slot: str = LOW_SLOT) -> Filled:
    """Return the one gap of a total that is as it came."""
    found = await async_find(house.hass, house.entry.entry_id, memory(house), {slot: house.at("00:00")})
    (filled,) = found.gaps
    return filled


async def choose(house: House, *filled: Filled, spread: bool) -> None:
    await async_choose(
        house.hass,
        house.entry.entry_id,
        house.entry.runtime_data.store,
        [one._replace(spread=spread) for one in filled],
    )


def memory(house: House) -> Memory:
    known: Memory = house.entry.runtime_data.memory
    return known


def file(house: House, folder: Path, readings: dict[str, float]) -> Path:
    """Write a file of the past that has what stood on the register at these times."""
    path = folder / "SML3Feb2026"
    lines = (f"00100;({stamp(house.at(at))});10181;({value:010.3f}*kWh)\n" for at, value in readings.items())
    path.write_text("".join(lines), "ascii")
    return path


async def test_a_gap_is_left_as_it_came(house: House) -> None:
    await live_through_a_gap(house)
    assert await sums(house) == AS_IT_CAME
    assert memory(house).filled == []


@pytest.mark.usefixtures("wanted")
async def test_a_new_gap_is_spread_by_itself(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "custom_components.p1meter.gap_filling")
    await live_through_a_gap(house)
    assert await sums(house) == SPREAD
    assert await sums(house, IMPORT) == SPREAD
    # What the recorder counts itself is not touched.
    assert (await house.sums(LOW))[-1] == 8.0
    marked = [(filled.slot, filled.spread, filled.settled) for filled in memory(house).filled]
    assert sorted(marked) == [(LOW_SLOT, True, True), ("electricity_import_total", True, True)]
    assert (
        f"What {LOW} counted from 2026-02-07 14:25:00+00:00 to 2026-02-07 19:10:00+00:00 (5.7 kWh) is booked evenly"
        in caplog.text
    )
    # Nothing more is done about it, also not after a restart.
    caplog.clear()
    await house.off()
    await house.on()
    await house.until(house.at("22:10:15"))
    assert "is booked" not in caplog.text
    assert {hour: total for hour, total in (await sums(house)).items() if hour < 20} == SPREAD


async def test_it_is_spread_and_gathered_by_hand(house: House) -> None:
    await live_through_a_gap(house)
    gap = await find(house)
    for _ in range(2):
        await choose(house, gap, spread=True)
        assert await sums(house) == SPREAD
        await choose(house, gap, spread=False)
        assert await sums(house) == GATHERED
    # The hours have rows now: that it was a gap is only known here.
    assert [filled.spread for filled in memory(house).filled] == [False]
    await house.until(house.at("21:00:15"))
    assert (await house.sums(LOW, "hour"))[-2:] == [8.0, 8.0]


async def test_a_gap_from_before_it_was_wanted_is_not_spread_by_itself(
    hass: HomeAssistant, entry: MockConfigEntry, house: House
) -> None:
    options = {CONF_SPREAD_GAPS: house.at("19:30:00").isoformat()}
    hass.config_entries.async_update_entry(entry, options=options)
    await live_through_a_gap(house)
    assert await sums(house) == AS_IT_CAME


@pytest.mark.usefixtures("wanted")
@pytest.mark.parametrize("written", [False, True], ids=["before", "after"])
async def test_home_assistant_stops_while_it_is_written(house: House, *, written: bool) -> None:
    """Before the rows are in the database, or after it: what is in the store is gone through with."""
    await live_through_a_gap(house)
    filled = memory(house).filled
    if not written:
        await choose(house, *filled, spread=False)
    memory(house).filled = [one._replace(spread=True, settled=False) for one in filled]
    await house.off()
    await house.on()
    assert await sums(house) == SPREAD
    assert {one.settled for one in memory(house).filled} == {True}


async def test_a_silence_of_weeks(house: House, fall_silent: FallSilent) -> None:
    """The last row is that of the hour to three, eleven days and five hours before: 269 hours without one."""
    await low(house, "13:10:00", 100.0)
    await low(house, "14:18:00", 101.3)
    await house.until(house.at("15:00:15"))
    await fall_silent()
    await house.lies_idle(11)
    await house.until(house.clock.now + timedelta(hours=5, minutes=2))
    # 269 kWh in the silence, and a little in the hour after it; 20:05 is the end of the first five minutes.
    await house.says({"1-0:1.8.1": "(000370.300*kWh)", "1-0:1.8.2": "(000000.000*kWh)"})
    await house.until(house.clock.now + timedelta(hours=1))
    gap = await find(house)
    end = house.at("20:05:00") + timedelta(days=11)
    assert (gap.gap.begin, gap.gap.end) == (house.at("15:00:00").timestamp(), end.timestamp())
    assert gap.gap.grown == 269.0
    await choose(house, gap, spread=True)
    sums = await house.sums(LOW, "hour")
    assert len(sums) == 2 + 269 + 1
    # 269 h and 5 min.
    assert sums[2] == pytest.approx(1.3 + 269 / (269 + 1 / 12))
    assert sums[-1] == 270.3


async def test_a_renamed_entity_in_another_unit(hass: HomeAssistant, house: House) -> None:
    await live_through_a_gap(house)
    await choose(house, await find(house), spread=True)
    registry = er.async_get(hass)
    registry.async_update_entity(LOW, new_entity_id="sensor.night")
    get_instance(hass).async_change_statistics_unit(
        "sensor.night", new_unit_of_measurement="Wh", old_unit_of_measurement="kWh"
    )
    await async_wait_recording_done(hass)
    (filled,) = memory(house).filled
    await choose(house, filled, spread=False)
    # They are in Wh now; what is asked for comes in the unit that the sensor shows.
    assert await sums(house, "sensor.night") == GATHERED


async def test_a_disabled_entity_is_waited_for(hass: HomeAssistant, house: House) -> None:
    await live_through_a_gap(house)
    gap = await find(house)
    registry = er.async_get(hass)
    registry.async_update_entity(LOW, disabled_by=er.RegistryEntryDisabler.USER)
    await choose(house, gap, spread=True)
    assert await sums(house) == AS_IT_CAME
    since = {LOW_SLOT: house.at("00:00")}
    assert (await async_find(hass, house.entry.entry_id, memory(house), since)).gaps == []
    registry.async_update_entity(LOW, disabled_by=None)
    await house.pass_time(300)
    assert await sums(house) == SPREAD


async def test_what_was_cleared_is_forgotten(hass: HomeAssistant, house: House) -> None:
    await live_through_a_gap(house)
    gap = await find(house)
    get_instance(hass).async_clear_statistics([LOW])
    await choose(house, gap, spread=True)
    assert memory(house).filled == []
    assert await sums(house) == {}
    # A total that is in no statistics has no gaps.
    since = {LOW_SLOT: house.at("00:00")}
    assert (await async_find(hass, house.entry.entry_id, memory(house), since)).gaps == []


@pytest.mark.parametrize("spread", [True, False], ids=["spread", "gathered"])
async def test_a_file_with_the_real_hours_wins(hass: HomeAssistant, house: House, *, spread: bool) -> None:
    await live_through_a_gap(house)
    gap = await find(house)
    await choose(house, gap, spread=True)
    await choose(house, gap, spread=spread)
    # The hour in which the gap began is real again when its share is taken out.
    hours = {house.at(f"{hour}:00").timestamp() for hour in range(14 if spread else 15, 19)}
    assert spread_hours(memory(house), LOW_SLOT) == hours
    assert spread_hours(memory(house), "electricity_import_tariff_2") == frozenset()
    store = house.entry.runtime_data.store

    async def give_way(slot: str, rows: dict[int, float]) -> None:
        async with store.statistics, async_give_way(hass, house.entry.entry_id, store, slot) as known:
            flat = {hour: total for hour, total in (await sums(house)).items() if hour > 11}
            assert flat == (GATHERED if slot == LOW_SLOT or not spread else SPREAD)
            data: list[StatisticData] = [
                {"start": house.at(f"{hour}:00"), "state": 100 + total, "sum": total} for hour, total in rows.items()
            ]
            async_import_statistics(hass, metadata_of(LOW, "kWh"), data)
            known.update(house.at(f"{hour}:00").timestamp() for hour in rows)

    # A file about something else, and about another time.
    await give_way("electricity_import_tariff_2", {})
    await give_way(LOW_SLOT, {11: 0.0})
    assert {hour: total for hour, total in (await sums(house)).items() if hour > 11} == (SPREAD if spread else GATHERED)
    # The one that knows of two of the hours.
    await give_way(LOW_SLOT, {15: 1.5, 16: 4.0})
    real = {14: 1.3, 15: 1.5, 16: 4.0, 17: 4.0, 18: 4.0, 19: 8.0}
    used = await sums(house)
    assert {hour: used[hour] for hour in real} == real
    assert spread_hours(memory(house), LOW_SLOT) == frozenset()


async def test_a_file_is_imported_over_hours_that_were_spread(
    hass: HomeAssistant, house: House, tmp_path: Path
) -> None:
    """As the dialog does it, which would ask about hours that the recorder has: it does not see any here."""
    await live_through_a_gap(house)
    await choose(house, await find(house), spread=True)
    # What stood on the register at the end of these hours.
    readings = {"15:00": 101.5, "16:00": 104.0, "17:00": 104.0, "18:00": 105.5, "19:00": 106.9}
    found = await async_read(hass, house.entry, [file(house, tmp_path, readings)])
    (preview, *_) = [one for one in await async_preview(hass, house.entry, found) if one.slot == LOW_SLOT]
    assert (preview.summary.new, preview.summary.both) == (5, 0)
    results = await async_write(hass, house.entry, found, overwrite=False)
    assert [one.added for one in results if one.slot == LOW_SLOT] == [5]
    assert await sums(house) == {12: 0.5, 13: 0.8, 14: 1.5, 15: 4.0, 16: 4.0, 17: 5.5, 18: 6.9, 19: 8.0}
    assert spread_hours(memory(house), LOW_SLOT) == frozenset()
    before = await sums(house)
    await async_write(hass, house.entry, found, overwrite=False)
    assert await sums(house) == before


async def test_hours_before_a_gap_in_the_very_first_hour(hass: HomeAssistant, house: House, tmp_path: Path) -> None:
    """p1meter was added at noon and the computer moved at 12:42; later the file of the program before is imported."""
    await low(house, "12:05:00", 100.0)
    await low(house, "12:35:00", 100.5)
    await house.until(house.at("12:42:00"))
    await house.off()
    await house.until(house.at("19:08:00"))
    await house.on()
    await low(house, "19:08:05", 107.0)
    await low(house, "20:05:00", 108.0)
    await house.until(house.at("20:10:15"))
    await choose(house, await find(house), spread=True)
    before = await sums(house)
    found = await async_read(hass, house.entry, [file(house, tmp_path, {"10:00": 97.0, "11:00": 98.0, "12:00": 99.75})])
    await async_write(hass, house.entry, found, overwrite=False)
    after = await sums(house, first=97.0)
    assert {hour: after.pop(hour) for hour in (9, 10, 11)} == {9: 0.0, 10: 1.0, 11: 2.75}
    # Nothing of what the recorder has has become less or more, and the gap is spread as it was.
    assert after == {hour: pytest.approx(total + 3.0) for hour, total in before.items()}
    assert [filled.spread for filled in memory(house).filled] == [True]


async def test_a_file_in_whose_hours_nothing_was_used(hass: HomeAssistant, house: House, tmp_path: Path) -> None:
    """It knows that all of it was used in the hour after the gap: that is not spread once more."""
    await live_through_a_gap(house)
    await choose(house, await find(house), spread=True)
    readings = {f"{hour}:00": 101.3 for hour in range(15, 20)}
    found = await async_read(hass, house.entry, [file(house, tmp_path, readings)])
    await async_write(hass, house.entry, found, overwrite=False)
    assert await sums(house) == GATHERED
    assert spread_hours(memory(house), LOW_SLOT) == frozenset()


class KilledError(Exception):
    """From here on nothing is done any more."""


async def import_until_killed(house: House, path: Path, *, is_flat: bool) -> None:
    """Kill Home Assistant during an import and start it again: the store has what was saved by then.

    Args:
        house: in which a gap is spread.
        path: of the file.
        is_flat: whether the hours of the file are written, otherwise not even those of the gap are flat.
    """
    store = house.entry.runtime_data.store
    found = await async_read(house.hass, house.entry, [path])
    on_disk: list[str] = []
    save, write = store.async_save, history_import._Keeper.async_write
    killed = False

    async def saved() -> None:
        await save()
        on_disk.append(json.dumps(store.memory.to_json()["filled"]))

    async def written(*args: object) -> None:
        nonlocal killed
        await write(*args)  # type: ignore[arg-type]  # they are passed on
        killed = True
        raise KilledError

    async def alive(hass: HomeAssistant) -> None:
        if killed:
            raise KilledError
        await async_until_written(hass)

    async def not_even_flat(*_: object) -> None:
        raise KilledError

    with (
        patch.object(store, "async_save", saved),
        patch.object(history_import._Keeper, "async_write", written),
        patch.object(gap_filling, "async_until_written", alive),
        nullcontext() if is_flat else patch.object(gap_filling, "_async_write", not_even_flat),
        pytest.raises(KilledError),
    ):
        await async_write(house.hass, house.entry, found, overwrite=False)
    known = memory(house)
    known.filled = Memory.from_json(known.to_json() | {"filled": json.loads(on_disk[-1])}).filled
    await house.off()
    await house.on()


async def test_killed_while_hours_of_another_time_are_imported(house: House, tmp_path: Path) -> None:
    await live_through_a_gap(house)
    await choose(house, await find(house), spread=True)
    await import_until_killed(
        house, file(house, tmp_path, {"10:00": 97.0, "11:00": 98.0, "12:00": 99.75}), is_flat=True
    )
    # 2.75 kWh before noon, and 0.25 kWh more in the first hour of the recorder.
    expected = {9: 0.0, 10: 1.0, 11: 2.75} | {hour: round(total + 3.0, 4) for hour, total in SPREAD.items()}
    assert await sums(house, first=97.0) == expected
    assert [(one.spread, one.settled, one.giving_way) for one in memory(house).filled] == [(True, True, False)]


async def test_killed_while_the_real_hours_are_imported(house: House, tmp_path: Path) -> None:
    """The file tells of two hours of the gap: nothing is used in those of which nobody knows."""
    await live_through_a_gap(house)
    await choose(house, await find(house), spread=True)
    await import_until_killed(house, file(house, tmp_path, {"15:00": 101.5, "16:00": 104.0}), is_flat=True)
    assert await sums(house) == {12: 0.5, 13: 0.8, 14: 1.5, 15: 4.0, 16: 4.0, 17: 4.0, 18: 4.0, 19: 8.0}
    assert memory(house).filled == []


async def test_killed_before_anything_is_imported(house: House, tmp_path: Path) -> None:
    await live_through_a_gap(house)
    await choose(house, await find(house), spread=True)
    await import_until_killed(house, file(house, tmp_path, {"15:00": 101.5, "16:00": 104.0}), is_flat=False)
    assert await sums(house) == SPREAD
    assert [(one.spread, one.settled, one.giving_way) for one in memory(house).filled] == [(True, True, False)]


async def test_what_is_chosen_while_hours_are_imported_stays(house: House) -> None:
    """The dialog was opened when the gap gave way; what was chosen in it is done after the import."""
    await live_through_a_gap(house)
    await choose(house, await find(house), spread=True)
    (filled,) = memory(house).filled
    await choose(house, filled._replace(giving_way=True), spread=False)
    await house.off()
    await house.on()
    assert await sums(house) == GATHERED


async def test_hours_around_a_gap_that_are_overwritten(hass: HomeAssistant, house: House, tmp_path: Path) -> None:
    """The file tells what was used in hours on both sides, and nothing of those of the gap: they stay without use."""
    await live_through_a_gap(house)
    await low(house, "20:40:00", 108.5)
    await house.until(house.at("21:10:15"))
    await choose(house, await find(house), spread=True)
    path = tmp_path / "hours.csv"
    path.write_text(
        "Hour Start,Electricity 1 (Dutch Users: Low Tariff),Electricity 2 (Dutch Users: Normal Tariff),"
        "Electricity 1 Returned (Dutch Users: Low Tariff),Electricity 2 Returned (Dutch Users: Normal Tariff),Gas\r\n"
        "2026-02-07T14:00:00+01:00,0.1,0,0,0,0\r\n2026-02-07T21:00:00+01:00,0.25,0,0,0,0\r\n",
        "ascii",
    )
    found = await async_read(hass, house.entry, [path])
    await async_write(hass, house.entry, found, overwrite=True)
    # 0.2 less was used from 13 to 14 h, and 0.25 less from 20 to 21 h; what was used in the others is as it was.
    expected = SPREAD | {13: 0.6, 14: 1.8, 15: 3.0, 16: 4.2, 17: 5.4, 18: 6.6, 19: 7.8, 20: 8.05}
    used = await house.sums(LOW, "hour")
    assert dict(zip(expected, used, strict=True)) == expected
    assert [filled.spread for filled in memory(house).filled] == [True]


async def test_rows_of_others_without_a_reading_are_no_gap(hass: HomeAssistant, house: House) -> None:
    await live_through_a_gap(house)
    data: list[StatisticData] = [{"start": house.at(f"{hour}:00"), "sum": 1.3} for hour in range(15, 19)]
    async_import_statistics(hass, metadata_of(LOW, "kWh"), data)
    await async_wait_recording_done(hass)
    since = dict.fromkeys(totals(memory(house)), house.at("00:00"))
    found = (await async_find(hass, house.entry.entry_id, memory(house), since)).gaps
    assert [filled.slot for filled in found] == ["electricity_import_total"]


# --- Gas, and what it costs -------------------------------------------------------------------------------------------

# m³ at the end of each hour. From 14:25 to 19:10 it is 0.95: 0.2 in each hour.
GAS_AS_IT_CAME = {12: 0.2, 13: 0.5, 14: 0.6, 19: 1.75}
GAS_SPREAD = {12: 0.2, 13: 0.5, 14: 0.7167, 15: 0.9167, 16: 1.1167, 17: 1.3167, 18: 1.5167, 19: 1.75}


async def use_gas_before_the_gap(house: House) -> None:
    await house.gas("12:35:05", "12:35:00", 50.2)
    await house.gas("13:30:05", "13:30:00", 50.5)
    await house.gas("14:18:05", "14:15:00", 50.6)
    await house.until(house.at("14:22:00"))
    await house.off()
    await house.until(house.at("19:08:00"))
    await house.on()


@pytest.mark.usefixtures("wanted")
async def test_what_gas_costs_is_spread_with_it(hass: HomeAssistant, house: House) -> None:
    await house.gas("12:05:05", "12:05:00", 50.0)
    # 0.50 a m³. It counts on while the meter is silent, so that the hours of the gap have rows.
    await pay(hass, number_energy_price=0.5)
    await use_gas_before_the_gap(house)
    await house.gas("19:08:05", "19:05:00", 51.55)
    await house.gas("19:40:05", "19:40:00", 51.75)
    await house.until(house.at("20:00:05"))
    costs = await sums(house, COST)
    await house.until(house.at("20:15:15"))
    assert await sums(house, GAS) == GAS_SPREAD
    assert await sums(house, COST) == {hour: round(total / 2, 4) for hour, total in GAS_SPREAD.items()} | {
        14: 0.3583,
        15: 0.4583,
        16: 0.5583,
        17: 0.6583,
        18: 0.7583,
    }
    (filled,) = memory(house).filled
    await choose(house, filled, spread=False)
    assert await sums(house, GAS) == GAS_AS_IT_CAME | dict.fromkeys(range(15, 19), 0.6)
    assert await sums(house, COST) == costs | {19: 0.875}
    assert costs == {12: 0.1, 13: 0.25, **dict.fromkeys(range(14, 19), 0.3)}


@pytest.mark.usefixtures("wanted")
async def test_a_reading_from_within_the_gap_counts_in_its_hour(house: House) -> None:
    """An older gas meter measures on the hour: what stood on it at 19:00 is known at 19:08."""
    await house.gas("12:05:05", "12:05:00", 50.0)
    await use_gas_before_the_gap(house)
    await house.gas("19:08:05", "19:00:00", 51.55)
    await house.gas("20:08:05", "20:00:00", 51.75)
    await house.until(house.at("21:10:15"))
    used = await sums(house, GAS)
    assert {hour: used[hour] for hour in range(14, 20)} == {
        14: 0.7167,
        15: 0.9167,
        16: 1.1167,
        17: 1.3167,
        18: 1.55,
        19: 1.75,
    }
    assert house.late == []


@pytest.mark.usefixtures("wanted")
@pytest.mark.parametrize("new", [30_000.0, 7.0, 48.0], ids=["up", "down", "a little down"])
async def test_a_gap_in_which_the_meter_was_replaced_stays(house: House, new: float) -> None:
    await house.gas("12:05:05", "12:05:00", 50.0)
    await use_gas_before_the_gap(house)
    for minute in ("08", "13", "18"):
        await house.gas(f"19:{minute}:05", f"19:{minute}:00", new, NEW_GAS_ID)
    await house.gas("19:40:05", "19:40:00", new + 0.2, NEW_GAS_ID)
    await house.until(house.at("21:10:15"))
    used = await sums(house, GAS)
    # What the old meter still counted nobody knows.
    assert {hour: used[hour] for hour in used if hour < 20} == {12: 0.2, 13: 0.5, 14: 0.6, 19: 0.8}
    assert memory(house).filled == []
    assert len(memory(house).replacements) == 1


async def test_a_step_that_is_still_in_the_sums_is_no_gap(house: House) -> None:
    await live_through_a_gap(house)
    memory(house).joints.append(Joint(LOW_SLOT, house.at("19:08:00")))
    since = {LOW_SLOT: house.at("00:00")}
    assert (await async_find(house.hass, house.entry.entry_id, memory(house), since)).gaps == []
    memory(house).joints.clear()
