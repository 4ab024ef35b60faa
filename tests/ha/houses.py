"""A house whose meter is read and recorded while its clock is moved on: with a real recorder, over a real cable.

The clock stands still between two telegrams. What the recorder does every five minutes by the clock on the wall is
asked of it here when such a mark was passed; it is the same task, and it tells of it with the same event.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from homeassistant.components.energy.data import async_get_manager
from homeassistant.components.recorder.statistics import statistics_during_period
from homeassistant.components.recorder.tasks import PurgeTask, StatisticsTask
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.p1meter.const import DOMAIN, ISSUE_METER_REPLACED, issue_id
from tests.compose import nl5

from .dialogs import until

if TYPE_CHECKING:
    from homeassistant.components.recorder.statistics import StatisticsRow
    from homeassistant.components.repairs.issue_handler import RepairsFlowManager
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.p1meter.memory import Joint

    from .conftest import Say, SetUp, WallClock

FIVE_MINUTES = timedelta(minutes=5)
HOUR = timedelta(hours=1)
NEW_GAS_ID = f"({b'G0079140099999999'.hex()})"
NEW_ID = f"({b'E0047000099999999'.hex()})"

GAS = "sensor.gas_meter_gas"
COST = f"{GAS}_cost"
LOW = "sensor.iskra_am550_import_low_tariff"
IMPORT = "sensor.iskra_am550_import"

# What the new meter begins with; 51.2 was the last of the old one. The recorder takes 7 for a meter that began again.
UP, DOWN, A_LITTLE_DOWN = 30_000.0, 7.0, 48.0


class House:
    """A meter, the recorder, and a clock that is moved on from telegram to telegram."""

    def __init__(self, hass: HomeAssistant, clock: WallClock, entry: MockConfigEntry, say: Say, set_up: SetUp) -> None:
        self.hass, self.clock, self.entry = hass, clock, entry
        self._say, self._set_up = say, set_up
        self._summed_up = clock.now
        self._ready = False

    async def pass_time(self, seconds: float) -> None:
        """Move the clock on; the recorder sums up what is over."""
        self.clock.tick(seconds)
        while self.clock.now >= self._summed_up + FIVE_MINUTES:
            await async_wait_recording_done(self.hass)
            get_instance(self.hass).queue_task(StatisticsTask(self._summed_up, fire_events=True))
            self._summed_up += FIVE_MINUTES
            await self.settle()

    async def lies_idle(self, days: int, *, purged: bool = True) -> None:
        """Let days go by in which nothing is heard; each night the recorder takes away what is older than ten days."""
        await async_wait_recording_done(self.hass)
        self.clock.tick(days * 86_400)
        self._summed_up += timedelta(days=days)
        if purged:
            await self.purge()

    async def purge(self) -> None:
        """Let the recorder do what it does at night."""
        before = self.clock.now - timedelta(days=10)
        get_instance(self.hass).queue_task(PurgeTask(before, repack=False, apply_filter=False))
        await async_wait_recording_done(self.hass)

    async def settle(self) -> None:
        """Wait until the recorder, and who looks after its statistics, have nothing left to do."""
        await async_wait_recording_done(self.hass)
        names = ("seams", "joints", "gaps", "late hours")
        await until(lambda: not any(task.get_name().endswith(names) for task in self.entry._background_tasks))
        await async_wait_recording_done(self.hass)

    async def says(self, changes: dict[str, str | None]) -> None:
        """Let the meter say this; the first time, it is set up with it."""
        telegram = nl5({"0-0:1.0.0": f"({stamp(self.clock.now)})", **changes})
        if self._ready:
            await self._say(telegram)
        else:
            self._ready = True
            await self._set_up(telegram)

    async def off(self) -> None:
        """Switch off: what is said now is lost."""
        self.clock.tick(1)
        assert await self.hass.config_entries.async_unload(self.entry.entry_id)

    async def on(self) -> None:
        """Switch on again."""
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.settle()

    @property
    def pending(self) -> list[Joint]:
        """The joints that are not taken out yet."""
        joints: list[Joint] = self.entry.runtime_data.memory.joints
        return joints

    async def sums(self, entity_id: str, period: Literal["5minute", "hour"] = "5minute") -> list[float]:
        """Return what was used since the beginning, at the end of each period that has a row."""
        return [round(row["sum"] or 0.0, 6) for row in await self._rows(entity_id, period)]

    async def replace(self) -> None:
        """Answer the repair: the electricity meter was replaced."""
        manager: RepairsFlowManager = self.hass.data["repairs"]["flow_manager"]
        menu = await manager.async_init(
            DOMAIN, context={"issue_id": issue_id(ISSUE_METER_REPLACED, self.entry.entry_id)}
        )
        await manager.async_configure(menu["flow_id"], {"next_step_id": "adopt"})
        await self.hass.async_block_till_done()

    async def until(self, moment: datetime) -> None:
        """Move the clock on to a moment; the recorder sums up what is over by then."""
        while (mark := self._summed_up + FIVE_MINUTES + timedelta(seconds=10)) <= moment:
            self.clock.now = mark
            # `pass_time` takes what is summed up as of the mark itself.
            await self.pass_time(0)
        self.clock.now = moment

    async def growth(self, entity_id: str) -> dict[datetime, float]:
        """Return what the hourly statistics say was used in each hour but the first, by the hour's end."""
        rows = await self._rows(entity_id, "hour")
        sums = {datetime.fromtimestamp(row["start"], UTC) + HOUR: row["sum"] or 0.0 for row in rows}
        return {end: round(total - sums[end - HOUR], 6) for end, total in sums.items() if end - HOUR in sums}

    async def _rows(self, entity_id: str, period: Literal["5minute", "hour"]) -> list[StatisticsRow]:
        rows = await get_instance(self.hass).async_add_executor_job(
            statistics_during_period,
            self.hass,
            datetime(2026, 1, 1, tzinfo=UTC),
            None,
            {entity_id},
            period,
            None,
            {"sum"},
        )
        return rows.get(entity_id, [])

    async def gas(self, arrives: str, captured: str, reading: float, equipment_id: str | None = None) -> None:
        """Let a gas reading arrive; both times are UTC on the day on which the house begins."""
        await self.until(self.at(arrives))
        lines: dict[str, str | None] = {"0-1:24.2.1": f"({stamp(self.at(captured))})({reading:09.3f}*m3)"}
        if equipment_id is not None:
            lines["0-1:96.1.0"] = equipment_id
        await self.says(lines)

    @staticmethod
    def at(clock: str) -> datetime:
        """Return a time of the day on which the house begins."""
        return datetime.fromisoformat(f"2026-02-07T{clock}+00:00")

    @property
    def late(self) -> list[datetime]:
        """The hours that are not settled yet."""
        return [late.end for late in self.entry.runtime_data.memory.late]


def stamp(now: datetime) -> str:
    """Return the stamp that a Dutch meter sends at this moment: UTC+1 in winter, UTC+2 in summer (to 01:00 UTC)."""
    summer = datetime(2026, 3, 29, 1, tzinfo=UTC) <= now < datetime(2026, 10, 25, 1, tzinfo=UTC)
    return (now + timedelta(hours=2 if summer else 1)).strftime("%y%m%d%H%M%S") + ("S" if summer else "W")


def gas(clock: WallClock, reading: float, equipment_id: str | None = None) -> dict[str, str | None]:
    """Return the lines of a gas meter that captures at this moment."""
    lines: dict[str, str | None] = {"0-1:24.2.1": f"({stamp(clock.now)})({reading:09.3f}*m3)"}
    return lines if equipment_id is None else {**lines, "0-1:96.1.0": equipment_id}


async def replace_gas_meter(house: House, new: float) -> None:
    """Use 0.2 m³ with a meter at 51; then another one captures three times, and 0.3 and 0.1 m³ are used with it."""
    await house.pass_time(60)
    await house.says(gas(house.clock, 51))
    await house.pass_time(300)
    await house.says(gas(house.clock, 51.2))
    for _ in range(3):
        await house.pass_time(300)
        await house.says(gas(house.clock, new, NEW_GAS_ID))
    await house.pass_time(60)
    await house.says(gas(house.clock, new + 0.3, NEW_GAS_ID))
    await house.pass_time(240)
    await house.says(gas(house.clock, new + 0.4, NEW_GAS_ID))
    await house.pass_time(300)


async def pay(hass: HomeAssistant, **price: Any) -> None:
    """Let the Energy dashboard count what gas costs."""
    assert await async_setup_component(hass, "energy", {})
    manager = await async_get_manager(hass)
    source: Any = {"type": "gas", "stat_energy_from": GAS, "stat_cost": None}
    source |= {"entity_energy_price": None, "number_energy_price": None, **price}
    await manager.async_update({"energy_sources": [source]})  # type: ignore[typeddict-item]  # the rest stays as it is
    await hass.async_block_till_done()
