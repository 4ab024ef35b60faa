"""What a load used today adds up in the statistics, and so in the Energy dashboard, also over the turn of its day.

The clock stands still between two states. The recorder is asked to sum up what is over when five minutes have passed.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from homeassistant.components.energy.data import async_get_manager
from homeassistant.components.energy.validate import async_validate
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.components.recorder.tasks import StatisticsTask
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from .fake_loads import BOILER, RUNS

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .conftest import WallClock
    from .fake_loads import FakeManager

pytestmark = pytest.mark.recorder

ENERGY = "sensor.boiler_energy_today"


@pytest.fixture
def clock(recorders_clock: WallClock) -> WallClock:
    """In Los Angeles it is just before four in the morning, when the day of a load ends."""
    recorders_clock.now = datetime(2026, 2, 7, 11, 57, tzinfo=UTC)
    return recorders_clock


async def sum_up(hass: HomeAssistant, clock: WallClock) -> None:
    """Move the clock on by five minutes; the recorder sums up what is over."""
    start = clock.now.replace(minute=clock.now.minute // 5 * 5, second=0)
    clock.tick(300)
    await async_wait_recording_done(hass)
    get_instance(hass).queue_task(StatisticsTask(start, fire_events=False))
    await async_wait_recording_done(hass)


async def test_the_turn_of_the_day(hass: HomeAssistant, clock: WallClock, loads: FakeManager) -> None:
    today = replace(RUNS, day=date(2026, 2, 6), sun_wh=0.0)
    # By the five-minute marks, with a boiler of 1.2 kW that runs on and an evening in which the meter was silent: the
    # first value of the new day is above the last one of the old.
    used = [(date(2026, 2, 6), 100.0), (date(2026, 2, 6), 120.0), (date(2026, 2, 7), 130.0), (date(2026, 2, 7), 230.0)]
    for day, grid_wh in used:
        loads.show(BOILER, replace(today, day=day, grid_wh=grid_wh))
        await sum_up(hass, clock)
    rows = await get_instance(hass).async_add_executor_job(
        lambda: statistics_during_period(
            hass, datetime(2026, 2, 7, tzinfo=UTC), None, {ENERGY}, "5minute", {"energy": "Wh"}, {"sum"}
        )
    )
    # From the first value on: 20 Wh of the old day, 130 Wh of the new one, 100 Wh more.
    assert [round(row["sum"] or 0.0, 3) for row in rows[ENERGY]] == [0.0, 20.0, 150.0, 250.0]


async def test_a_day_that_ends_between_two_marks(hass: HomeAssistant, clock: WallClock, loads: FakeManager) -> None:
    """A car that is to be full at 7:04: what it took since 7:00 is shown under the old day, then the new one begins."""
    yesterday, today = (replace(RUNS, day=date(2026, 2, day), sun_wh=0.0) for day in (6, 7))
    loads.show(BOILER, replace(yesterday, grid_wh=100.0))
    await sum_up(hass, clock)
    loads.show(BOILER, replace(yesterday, grid_wh=180.0))
    loads.show(BOILER, replace(today, grid_wh=1.0))
    loads.show(BOILER, replace(today, grid_wh=20.0))
    await sum_up(hass, clock)
    rows = await get_instance(hass).async_add_executor_job(
        lambda: statistics_during_period(
            hass, datetime(2026, 2, 7, tzinfo=UTC), None, {ENERGY}, "5minute", {"energy": "Wh"}, {"sum"}
        )
    )
    # 80 Wh more of the old day, and 20 Wh of the new one.
    assert [round(row["sum"] or 0.0, 3) for row in rows[ENERGY]] == [0.0, 100.0]


async def test_the_energy_dashboard_takes_it_as_an_individual_device(
    hass: HomeAssistant, clock: WallClock, loads: FakeManager
) -> None:
    loads.show(BOILER, RUNS)
    assert await async_setup_component(hass, "energy", {})
    manager = await async_get_manager(hass)
    await manager.async_update({"energy_sources": [], "device_consumption": [{"stat_consumption": ENERGY}]})
    await sum_up(hass, clock)
    found = (await async_validate(hass)).as_dict()
    assert found["device_consumption"] == [[]]


async def test_a_day_that_is_to_begin_at_another_time_counts_nothing_twice(
    hass: HomeAssistant, clock: WallClock, loads: FakeManager
) -> None:
    loads.show(BOILER, replace(RUNS, day=date(2026, 2, 6), sun_wh=0.0, grid_wh=100.0))
    await sum_up(hass, clock)
    # The person has changed it, and the day that is counted goes on.
    config = loads.configs[BOILER]
    loads.configs[BOILER] = replace(config, settings=replace(config.settings, day_start=time(7)))
    loads.show(BOILER, replace(RUNS, day=date(2026, 2, 6), sun_wh=0.0, grid_wh=120.0))
    await sum_up(hass, clock)
    rows = await get_instance(hass).async_add_executor_job(
        lambda: statistics_during_period(
            hass, datetime(2026, 2, 7, tzinfo=UTC), None, {ENERGY}, "5minute", {"energy": "Wh"}, {"sum"}
        )
    )
    assert [round(row["sum"] or 0.0, 3) for row in rows[ENERGY]] == [0.0, 20.0]
