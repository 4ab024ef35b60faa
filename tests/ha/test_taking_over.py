"""Taking over from core's `dsmr`, which really runs, and from what others leave; with a real recorder.

The clock stands still between two telegrams; what the recorder does by the clock on the wall is asked of it here. What
HomeWizard, ESPHome and DSMR-reader leave is composed as they make it: they want a device on the network, or a broker.
"""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from unittest.mock import patch

from homeassistant.components.energy.data import async_get_manager
from homeassistant.components.recorder.models import StatisticData, StatisticMeanType
from homeassistant.components.recorder.statistics import async_import_statistics, statistics_during_period
from homeassistant.components.recorder.tasks import PurgeTask, StatisticsTask
from homeassistant.config_entries import HANDLERS, ConfigEntryDisabler, ConfigEntryState, ConfigFlow
from homeassistant.const import CONF_PORT
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    MockModule,
    async_mock_service,
    mock_integration,
    mock_platform,
)
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.p1meter.const import DOMAIN, FREED
from custom_components.p1meter.gaps import Gap
from custom_components.p1meter.memory import Filled
from custom_components.p1meter.merging import Seam
from custom_components.p1meter.takeable import Candidate, async_offer
from custom_components.p1meter.taking_over import _return, _swap, async_give_back, async_take_over
from tests.compose import ELECTRICITY_ID, GAS_ID, nl5

from .conftest import WallClock, get, probe, until
from .dialogs import speaking

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from tests.simulation.meter import Cable

    from .conftest import Say

pytestmark = pytest.mark.recorder

FIVE_MINUTES = timedelta(minutes=5)
HOUR = timedelta(hours=1)
# As core's `dsmr` calls them.
LOW = "sensor.electricity_meter_energy_consumption_tarif_1"
NORMAL = "sensor.electricity_meter_energy_consumption_tarif_2"
POWER = "sensor.electricity_meter_power_consumption"
TARIFF = "sensor.electricity_meter_active_tariff"
GAS = "sensor.gas_meter_gas_consumption"
OF_DSMR = {
    "electricity_import_tariff_1": LOW,
    "electricity_import_tariff_2": NORMAL,
    "electricity_export_tariff_1": "sensor.electricity_meter_energy_production_tarif_1",
    "electricity_export_tariff_2": "sensor.electricity_meter_energy_production_tarif_2",
    "electricity_tariff": TARIFF,
    "electricity_power_import": POWER,
    "electricity_power_export": "sensor.electricity_meter_power_production",
    "gas_gas": GAS,
}
OURS = "sensor.iskra_am550_import_low_tariff"
OUR_POWER = "sensor.iskra_am550_import_power"
# What the meter shows at the beginning.
FIRST, FIRST_GAS = 4512.345, 2569.646


class Row(NamedTuple):
    """A row of the statistics: when its period begins, the state and what was used up to its end."""

    start: datetime
    state: float
    sum: float


class House:
    """A meter, the recorder, and a clock that is moved on."""

    def __init__(self, hass: HomeAssistant, clock: WallClock, cable: Cable, entry: MockConfigEntry, say: Say) -> None:
        self.hass, self.clock, self.cable, self.entry = hass, clock, cable, entry
        self.used = 0.0
        self._say = say

    def telegram(self) -> bytes:
        """What the meter says now."""
        stamp = (self.clock.now + HOUR).strftime("%y%m%d%H%M%S") + "W"
        return nl5(
            {
                "0-0:1.0.0": f"({stamp})",
                "1-0:1.8.1": f"({FIRST + self.used:010.3f}*kWh)",
                "0-1:24.2.1": f"({stamp})({FIRST_GAS + self.used / 10:09.3f}*m3)",
            }
        )

    async def tell_dsmr(self) -> None:
        """Say something while core's `dsmr` listens."""
        now = round(FIRST + self.used, 3)
        async with speaking(self.cable.write, self.telegram()):
            await until(lambda: number(self.hass, LOW) == now)
        await self.hass.async_block_till_done()

    async def tell_us(self) -> None:
        """Say something while p1meter listens."""
        await self._say(self.telegram())

    async def add(self) -> None:
        """Add p1meter, as its dialog does."""
        probe(self.hass, self.entry, self.telegram())
        assert await self.hass.config_entries.async_setup(self.entry.entry_id)
        await self.tell_us()

    async def offered(self) -> dict[str, Candidate]:
        """Return what can be taken over, by slot."""
        await async_wait_recording_done(self.hass)
        offer = await async_offer(self.hass, self.entry)
        return {candidate.pair.slot: candidate for candidate in offer.candidates}

    async def take_over(self, *slots: str) -> None:
        """Take over what is offered; all of it if nothing is named."""
        offered = await self.offered()
        chosen = [candidate for slot, candidate in offered.items() if not slots or slot in slots]
        assert await async_take_over(self.hass, self.entry, chosen) == []
        await self.hass.async_block_till_done()

    async def sum_up(self) -> None:
        """Let the five minutes end that run, and the recorder sum them up."""
        start = self.clock.now.replace(minute=self.clock.now.minute // 5 * 5, second=0, microsecond=0)
        self.clock.now = start + FIVE_MINUTES
        await async_wait_recording_done(self.hass)
        get_instance(self.hass).queue_task(StatisticsTask(start, fire_events=True))
        await async_wait_recording_done(self.hass)

    async def rows(self, entity_id: str, period: Literal["5minute", "hour"] = "hour") -> list[Row]:
        """Return the rows of a total."""
        rows = await get_instance(self.hass).async_add_executor_job(
            statistics_during_period,
            self.hass,
            datetime(2020, 1, 1, tzinfo=UTC),
            None,
            {entity_id},
            period,
            None,
            {"state", "sum"},
        )
        return [
            Row(
                datetime.fromtimestamp(row["start"], UTC),
                round(row.get("state") or 0, 6),
                round(row.get("sum") or 0, 6),
            )
            for row in rows.get(entity_id, ())
        ]


def number(hass: HomeAssistant, entity_id: str) -> float | None:
    """Return what an entity shows."""
    state = hass.states.get(entity_id)
    return None if state is None or state.state in {"unknown", "unavailable"} else float(state.state)


@pytest.fixture
async def house(
    hass: HomeAssistant, recorders_clock: WallClock, cable: Cable, entry: MockConfigEntry, say: Say
) -> AsyncGenerator[House]:
    """A house whose meter nobody reads yet."""
    yield House(hass, recorders_clock, cable, entry, say)
    if entry.state is ConfigEntryState.LOADED:
        await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def dsmr(hass: HomeAssistant, house: House, cable: Cable) -> AsyncGenerator[MockConfigEntry]:
    """Core's `dsmr` reads the meter."""
    entry = MockConfigEntry(
        domain="dsmr",
        title="DSMR",
        unique_id=ELECTRICITY_ID,
        data={
            CONF_PORT: str(cable.link),
            "dsmr_version": "5",
            "protocol": "dsmr_protocol",
            "serial_id": ELECTRICITY_ID,
            "serial_id_gas": GAS_ID,
        },
        options={"time_between_update": 0},
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await house.tell_dsmr()
    yield entry
    if entry.state is ConfigEntryState.LOADED:
        await hass.config_entries.async_unload(entry.entry_id)


async def replace_dsmr(hass: HomeAssistant, house: House, dsmr: MockConfigEntry) -> None:
    """Do what the dialog does that finds the port held by `dsmr`."""
    await hass.config_entries.async_set_disabled_by(dsmr.entry_id, ConfigEntryDisabler.USER)
    hass.data.setdefault(FREED, {})[house.entry.data[CONF_PORT]] = dsmr.entry_id
    await house.add()


async def live(house: House, days: int) -> None:
    """Use 1 kWh in four hours while `dsmr` reads; the recorder sums up the last five minutes of every fourth hour."""
    for _ in range(days * 6):
        house.clock.now = house.clock.now.replace(minute=57, second=0) + timedelta(hours=3)
        house.used += 1
        await house.tell_dsmr()
        await house.sum_up()


# --- core's `dsmr` ----------------------------------------------------------------------------------------------------


async def test_a_month_goes_on_without_a_step_and_comes_back(
    hass: HomeAssistant, house: House, dsmr: MockConfigEntry
) -> None:
    registry = er.async_get(hass)
    assert await async_setup_component(hass, "energy", {})
    manager = await async_get_manager(hass)
    source: Any = {"type": "gas", "stat_energy_from": GAS, "stat_cost": None}
    source |= {"entity_energy_price": None, "number_energy_price": 0.5}
    update: Any = {"energy_sources": [source]}
    await manager.async_update(update)
    calls = async_mock_service(hass, "notify", "phone")
    trigger = {"trigger": "numeric_state", "entity_id": POWER, "above": 3}
    automation = {"alias": "Much power", "triggers": trigger, "actions": {"action": "notify.phone"}}
    assert await async_setup_component(hass, "automation", {"automation": automation})
    await live(house, 30)
    month, gas = await house.rows(LOW), await house.rows(GAS)
    # 180 times 1 kWh, and a tenth of it as gas.
    assert (len(month), month[-1].sum, gas[-1].sum) == (180, 180, 18)
    cost = next(entity for entity in registry.entities.values() if entity.platform == "energy")
    spent = await house.rows(cost.entity_id)
    assert spent[-1].sum == 9
    before = {slot: registry.entities[entity_id].id for slot, entity_id in OF_DSMR.items()}

    await replace_dsmr(hass, house, dsmr)
    assert {slot: one.pair.old.entity_id for slot, one in (await house.offered()).items()} == OF_DSMR
    await house.take_over()
    for slot, entity_id in OF_DSMR.items():
        taken = registry.entities[entity_id]
        assert (taken.id, taken.platform) == (before[slot], DOMAIN)
        assert taken.unique_id == f"{house.entry.entry_id}_{slot}"
    # 0.4 kWh and 0.04 m³ in the next five minutes.
    house.clock.tick(60)
    house.used += 0.4
    await house.tell_us()
    assert number(hass, LOW) == pytest.approx(FIRST + 180.4)
    await house.sum_up()
    house.clock.now = house.clock.now.replace(minute=56)
    await house.sum_up()
    assert (await house.rows(LOW))[:180] == month
    for period in ("5minute", "hour"):
        assert (await house.rows(LOW, period))[-1].sum == pytest.approx(180.4, abs=0.001)
        assert (await house.rows(GAS, period))[-1].sum == pytest.approx(18.04, abs=0.001)
    # The dashboard has the same meter, and its cost sensor goes on: 18.04 m³ at 0.50.
    assert manager.data is not None
    assert [dict(one) for one in manager.data["energy_sources"]] == [source]
    assert [one.entity_id for one in registry.entities.values() if one.platform == "energy"] == [cost.entity_id]
    assert (await house.rows(cost.entity_id))[-1].sum == pytest.approx(9.02, abs=0.001)
    # The automation hears of ours, in the unit that it was made for.
    await house._say(nl5({"1-0:1.7.0": "(03.500*kW)"}))
    assert number(hass, POWER) == 3.5
    assert len(calls) == 1

    assert await async_give_back(hass, house.entry) == []
    await hass.async_block_till_done()
    # Only one can read the port.
    assert house.entry.disabled_by is ConfigEntryDisabler.USER
    assert dsmr.state is ConfigEntryState.LOADED
    for slot, entity_id in OF_DSMR.items():
        given_back = registry.entities[entity_id]
        assert (given_back.id, given_back.platform, given_back.disabled_by) == (before[slot], "dsmr", None)
    assert registry.entities[OURS].platform == DOMAIN
    house.clock.now += timedelta(minutes=57)
    house.used += 0.6
    await house.tell_dsmr()
    await house.sum_up()
    assert (await house.rows(LOW))[:180] == month
    assert (await house.rows(LOW))[-1].sum == pytest.approx(181, abs=0.001)


async def test_ours_has_its_own_id_and_statistics_back(
    hass: HomeAssistant, house: House, dsmr: MockConfigEntry
) -> None:
    await live(house, 1)
    await replace_dsmr(hass, house, dsmr)
    await house.sum_up()
    ours = await house.rows(OURS, "5minute")
    await house.take_over()
    assert hass.states.get(OURS) is None
    assert await house.rows(OURS, "5minute") == ours
    await async_give_back(hass, house.entry)
    # The person wants to have p1meter on another port, say.
    await hass.config_entries.async_set_disabled_by(dsmr.entry_id, ConfigEntryDisabler.USER)
    await hass.config_entries.async_set_disabled_by(house.entry.entry_id, None)
    await house.tell_us()
    assert number(hass, OURS) == pytest.approx(FIRST + 6)
    assert get(hass, OURS).attributes["friendly_name"] == "Iskra AM550 Import low tariff"
    assert await house.rows(OURS, "5minute") == ours


async def test_what_is_not_chosen_stays(hass: HomeAssistant, house: House, dsmr: MockConfigEntry) -> None:
    await live(house, 1)
    await replace_dsmr(hass, house, dsmr)
    await house.take_over("electricity_import_tariff_1")
    registry = er.async_get(hass)
    assert registry.entities[LOW].platform == DOMAIN
    assert registry.entities[NORMAL].platform == "dsmr"
    # The rest can be taken over later.
    await house.tell_us()
    assert (await house.offered()).keys() == OF_DSMR.keys() - {"electricity_import_tariff_1"}
    await house.take_over()
    assert registry.entities[NORMAL].platform == DOMAIN


async def test_hours_that_only_ours_has_go_along(hass: HomeAssistant, house: House, dsmr: MockConfigEntry) -> None:
    """The person thinks about it for two days: p1meter has counted meanwhile, and `dsmr` has not."""
    await live(house, 1)
    last = (await house.rows(LOW))[-1]
    await replace_dsmr(hass, house, dsmr)
    for _ in range(3):
        house.clock.now = house.clock.now.replace(minute=57, second=0) + timedelta(hours=15)
        house.used += 2
        await house.tell_us()
        await house.sum_up()
    ours = await house.rows(OURS)
    assert [row.sum for row in ours] == [2, 4, 6]
    await house.take_over()
    await async_wait_recording_done(hass)
    taken = await house.rows(LOW)
    # `dsmr` had come to 6 kWh.
    assert [row.sum for row in taken[-4:]] == [6, 8, 10, 12]
    assert taken[-4] == last
    assert [row.start for row in taken[-3:]] == [row.start for row in ours]
    house.clock.tick(60)
    house.used += 5
    await house.tell_us()
    await house.sum_up()
    assert (await house.rows(LOW, "5minute"))[-1].sum == pytest.approx(17)
    # Nothing is deleted.
    assert await house.rows(OURS) == ours


async def test_statistics_whose_newest_rows_are_purged_do_not_begin_again(
    hass: HomeAssistant, house: House, dsmr: MockConfigEntry
) -> None:
    await live(house, 1)
    await hass.config_entries.async_set_disabled_by(dsmr.entry_id, ConfigEntryDisabler.USER)
    await async_wait_recording_done(hass)
    # After ten days only the hours are left.
    house.clock.now += timedelta(days=20)
    get_instance(hass).queue_task(PurgeTask(house.clock.now - timedelta(days=10), repack=False, apply_filter=False))
    await async_wait_recording_done(hass)
    assert await house.rows(LOW, "5minute") == []
    house.used += 100
    await house.add()
    offered = await house.offered()
    # 106 kWh in 20 days is possible.
    assert offered["electricity_import_tariff_1"].old_shown.text == "4518.345 kWh"
    await house.take_over()
    await house.tell_us()
    await house.sum_up()
    assert (await house.rows(LOW, "5minute"))[-1].sum == pytest.approx(106)


async def test_a_stop_in_between_is_made_good_for(hass: HomeAssistant, house: House, dsmr: MockConfigEntry) -> None:
    await live(house, 1)
    await replace_dsmr(hass, house, dsmr)
    offered = await house.offered()
    with (
        patch("custom_components.p1meter.taking_over.async_complete", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        await async_take_over(hass, house.entry, offered.values())
    registry = er.async_get(hass)
    assert registry.entities[LOW].platform == "dsmr"
    # At the next start.
    assert await hass.config_entries.async_setup(house.entry.entry_id)
    assert registry.entities[LOW].platform == DOMAIN
    await house.tell_us()
    assert number(hass, LOW) == pytest.approx(FIRST + 6)
    # The registry was saved, the store was not: the same again changes nothing.
    memory = house.entry.runtime_data.memory
    memory.takeovers = [taken._replace(stage="wanted") for taken in memory.takeovers]
    await hass.config_entries.async_reload(house.entry.entry_id)
    assert {taken.stage for taken in house.entry.runtime_data.memory.takeovers} == {"taken"}
    assert registry.entities[LOW].unique_id == f"{house.entry.entry_id}_electricity_import_tariff_1"


async def homewizard(hass: HomeAssistant) -> MockConfigEntry:
    """Return what has the total that `dsmr` calls so, too."""
    return await left_by(hass, "homewizard", {LOW: ("HWE-P1_5c2f_total_power_import_t1_kwh", "kWh", "energy", FIRST)})


async def test_what_the_registry_has_lost_is_taken_again(hass: HomeAssistant, house: House) -> None:
    await house.add()
    await homewizard(hass)
    registry = er.async_get(hass)
    await house.take_over()
    assert registry.entities[LOW].platform == DOMAIN
    # The power failed: our store was saved, the registry was not.
    (taken,) = house.entry.runtime_data.memory.takeovers
    await hass.config_entries.async_unload(house.entry.entry_id)
    _return(hass, house.entry, taken)
    assert registry.entities[LOW].platform == "homewizard"
    assert await hass.config_entries.async_setup(house.entry.entry_id)
    assert (registry.entities[LOW].platform, registry.entities[OURS].platform) == (DOMAIN, "homewizard")
    assert {taken.stage for taken in house.entry.runtime_data.memory.takeovers} == {"taken"}
    await house.tell_us()
    assert number(hass, LOW) == FIRST


async def test_what_the_registry_has_lost_is_given_back_again(hass: HomeAssistant, house: House) -> None:
    await house.add()
    await homewizard(hass)
    registry = er.async_get(hass)
    await house.take_over()
    # What the disk would still have.
    (taken,) = house.entry.runtime_data.memory.takeovers
    await async_give_back(hass, house.entry)
    memory = house.entry.runtime_data.memory
    assert memory.held == []
    (returned,) = memory.takeovers
    await hass.config_entries.async_unload(house.entry.entry_id)
    _swap(hass, registry.entities[LOW], registry.entities[OURS], house.entry, taken)
    assert registry.entities[LOW].platform == DOMAIN
    assert await hass.config_entries.async_setup(house.entry.entry_id)
    assert (registry.entities[LOW].platform, registry.entities[OURS].platform) == ("homewizard", DOMAIN)
    # It can be taken over meanwhile.
    await house.tell_us()
    assert (await house.offered()).keys() == {taken.slot}
    # Minutes later the registry has surely been saved.
    house.clock.now += timedelta(minutes=6)
    await hass.config_entries.async_reload(house.entry.entry_id)
    assert house.entry.runtime_data.memory.takeovers == []
    assert returned.stage == "returned"


async def test_whose_places_are_all_refused_is_switched_on_again(hass: HomeAssistant, house: House) -> None:
    await house.add()
    other = await homewizard(hass)
    offered = await house.offered()
    with patch.object(er.EntityRegistry, "async_update_entity_platform", side_effect=ValueError):
        assert len(await async_take_over(hass, house.entry, offered.values())) == 1
    assert other.disabled_by is None
    assert house.entry.runtime_data.memory.switched_off == []
    assert er.async_get(hass).entities[LOW].disabled_by is None


async def test_a_total_whose_statistics_are_still_being_joined_is_not_offered(
    hass: HomeAssistant, house: House
) -> None:
    await house.add()
    await homewizard(hass)
    slot = "electricity_import_tariff_1"
    memory = house.entry.runtime_data.memory
    memory.seams = [Seam(slot)]
    assert await house.offered() == {}
    memory.seams = []
    filled = Filled(slot, Gap(0, 0, 0, 0, 1), "kWh", {})
    memory.filled = [filled]
    assert await house.offered() == {}
    memory.filled = [filled._replace(settled=True)]
    assert (await house.offered()).keys() == {slot}


async def test_after_weeks_ours_goes_on_where_it_ended(hass: HomeAssistant, house: House) -> None:
    await house.add()
    house.clock.now += timedelta(minutes=57)
    for _ in range(2):
        house.used += 2
        await house.tell_us()
        await house.sum_up()
        house.clock.now += timedelta(minutes=55)
    assert (await house.rows(OURS))[-1].sum == 4
    await left_by(
        hass, "homewizard", {LOW: ("HWE-P1_5c2f_total_power_import_t1_kwh", "kWh", "energy", FIRST + house.used)}
    )
    await house.take_over()
    await house.tell_us()
    house.clock.now += timedelta(days=20)
    get_instance(hass).queue_task(PurgeTask(house.clock.now - timedelta(days=10), repack=False, apply_filter=False))
    await async_wait_recording_done(hass)
    assert await house.rows(OURS, "5minute") == []
    house.used += 100
    assert await async_give_back(hass, house.entry) == []
    await house.tell_us()
    await house.sum_up()
    # 4 kWh, and what was used since it was taken over.
    assert (await house.rows(OURS, "5minute"))[-1].sum == pytest.approx(104)


async def test_what_cannot_be_taken_stays_and_is_said(
    hass: HomeAssistant, house: House, dsmr: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    await live(house, 1)
    await replace_dsmr(hass, house, dsmr)
    offered = await house.offered()
    er.async_get(hass).async_remove(NORMAL)
    failed = await async_take_over(hass, house.entry, offered.values())
    assert [one.pair.slot for one in failed] == ["electricity_import_tariff_2"]
    assert "electricity_import_tariff_2 could not be taken" in caplog.text
    registry = er.async_get(hass)
    assert registry.entities[LOW].platform == DOMAIN
    await house.tell_us()
    assert number(hass, "sensor.iskra_am550_import_normal_tariff") is not None


async def test_renamed_meanwhile_it_comes_back_renamed(
    hass: HomeAssistant, house: House, dsmr: MockConfigEntry
) -> None:
    await live(house, 1)
    await replace_dsmr(hass, house, dsmr)
    await house.take_over()
    registry = er.async_get(hass)
    registry.async_update_entity(LOW, new_entity_id="sensor.my_day")
    await hass.async_block_till_done()
    assert await async_give_back(hass, house.entry) == []
    assert registry.entities["sensor.my_day"].platform == "dsmr"


async def test_removed_meanwhile_it_cannot_come_back(hass: HomeAssistant, house: House, dsmr: MockConfigEntry) -> None:
    await live(house, 1)
    await replace_dsmr(hass, house, dsmr)
    await house.take_over()
    await hass.config_entries.async_remove(dsmr.entry_id)
    await hass.async_block_till_done()
    failed = await async_give_back(hass, house.entry)
    assert {taken.slot for taken in failed} == OF_DSMR.keys()
    # Ours stays where it is, and goes on.
    assert er.async_get(hass).entities[LOW].platform == DOMAIN
    await house.tell_us()
    assert number(hass, LOW) == pytest.approx(FIRST + 6)


async def test_what_the_person_has_deleted_cannot_come_back(
    hass: HomeAssistant, house: House, dsmr: MockConfigEntry
) -> None:
    await live(house, 1)
    await replace_dsmr(hass, house, dsmr)
    await house.take_over()
    er.async_get(hass).async_remove(OURS)
    failed = await async_give_back(hass, house.entry)
    assert [taken.slot for taken in failed] == ["electricity_import_tariff_1"]
    assert er.async_get(hass).entities[NORMAL].platform == "dsmr"


async def test_switched_on_meanwhile_it_comes_back(hass: HomeAssistant, house: House, dsmr: MockConfigEntry) -> None:
    await live(house, 1)
    await replace_dsmr(hass, house, dsmr)
    await house.take_over()
    await hass.config_entries.async_set_disabled_by(dsmr.entry_id, None)
    assert await async_give_back(hass, house.entry) == []
    assert dsmr.state is ConfigEntryState.LOADED
    await house.tell_dsmr()
    assert number(hass, LOW) == pytest.approx(FIRST + 6)


async def test_whoever_removes_p1meter_has_the_other_one_back(
    hass: HomeAssistant, house: House, dsmr: MockConfigEntry
) -> None:
    await live(house, 1)
    month = await house.rows(LOW)
    await replace_dsmr(hass, house, dsmr)
    await house.take_over()
    await hass.config_entries.async_remove(house.entry.entry_id)
    await hass.async_block_till_done()
    assert dsmr.state is ConfigEntryState.LOADED
    await house.tell_dsmr()
    assert number(hass, LOW) == pytest.approx(FIRST + 6)
    assert (await house.rows(LOW))[: len(month)] == month
    assert OURS not in er.async_get(hass).entities


# --- what others leave ------------------------------------------------------------------------------------------------


async def left_by(
    hass: HomeAssistant, platform: str, entities: dict[str, tuple[str, str, str | None, float | None]]
) -> MockConfigEntry:
    """Register entities of an integration that has recorded for a year, until a minute ago.

    Args:
        hass: where.
        platform: of the integration.
        entities: unit, device class and last value, by entity id; with the end of the unique id first.
    """
    entry = MockConfigEntry(domain=platform, title=f"My {platform}")
    entry.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(config_entry_id=entry.entry_id, identifiers={(platform, "1")})
    for entity_id, (unique_id, unit, device_class, value) in entities.items():
        er.async_get(hass).async_get_or_create(
            "sensor",
            platform,
            unique_id,
            suggested_object_id=entity_id.partition(".")[2],
            config_entry=entry,
            device_id=device.id,
            original_name=entity_id.partition(".")[2].replace("_", " "),
            original_device_class=device_class,
            unit_of_measurement=unit,
        )
        if value is not None:
            record(hass, entity_id, unit, value)
    await async_wait_recording_done(hass)
    return entry


# Noon UTC is when the house's clock begins.
LAST_HOUR = datetime(2026, 2, 7, 11, 0, tzinfo=UTC)


def record(hass: HomeAssistant, entity_id: str, unit: str, value: float, last: datetime = LAST_HOUR) -> None:
    """Write three hours of a total, with 1000.5 in all of them together."""
    rows = [
        StatisticData(start=last - hours * HOUR, state=value - hours * 0.5, sum=1000.5 - hours * 0.5)
        for hours in (2, 1, 0)
    ]
    async_import_statistics(
        hass,
        {
            "mean_type": StatisticMeanType.NONE,
            "has_sum": True,
            "name": None,
            "source": "recorder",
            "statistic_id": entity_id,
            "unit_class": "volume" if unit == "m³" else "energy",
            "unit_of_measurement": unit,
        },
        rows,
    )


async def test_homewizard_is_switched_off_as_a_whole(hass: HomeAssistant, house: House) -> None:
    await house.add()
    entry = await left_by(
        hass,
        "homewizard",
        {
            "sensor.p1_low": ("HWE-P1_5c2f_total_power_import_t1_kwh", "kWh", "energy", FIRST),
            "sensor.p1_power": ("HWE-P1_5c2f_active_power_w", "W", "power", None),
            "sensor.p1_gas": (f"homewizard_gas_meter_{GAS_ID}", "m³", "gas", FIRST_GAS),
            "sensor.p1_wifi": ("HWE-P1_5c2f_wifi_strength", "%", None, None),
        },
    )
    await left_by(
        hass, "homewizard", {"sensor.plug": ("HWE-SKT_3c39_total_power_import_t1_kwh", "kWh", "energy", 12.0)}
    )
    offer = await async_offer(hass, house.entry)
    assert {one.pair.old.entity_id: one.pair.slot for one in offer.candidates} == {
        "sensor.p1_low": "electricity_import_tariff_1",
        "sensor.p1_power": "electricity_power",
        "sensor.p1_gas": "gas_gas",
    }
    # This has to be said.
    assert [one.entity_id for one in offer.without] == ["sensor.p1_wifi"]
    assert offer.entries == [entry]
    await house.take_over()
    assert entry.disabled_by is ConfigEntryDisabler.USER
    await house.tell_us()
    assert number(hass, "sensor.p1_power") == 1193
    assert number(hass, "sensor.p1_low") == FIRST
    house.clock.tick(60)
    # So much is worth a state at once.
    house.used += 5
    await house.tell_us()
    await house.sum_up()
    # A year ago it had come to 1000.5.
    assert (await house.rows("sensor.p1_low", "5minute"))[-1].sum == pytest.approx(1005.5)


async def test_an_esphome_device_goes_on_with_what_else_it_does(
    hass: HomeAssistant, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.add()
    set_ups: list[str] = []

    async def set_up(_: HomeAssistant, device: ConfigEntry[Any]) -> bool:
        set_ups.append(device.entry_id)
        return True

    async def unload(_: HomeAssistant, _device: ConfigEntry[Any]) -> bool:
        return True

    monkeypatch.setitem(HANDLERS, "esphome", ConfigFlow)
    mock_platform(hass, "esphome.config_flow")
    mock_integration(hass, MockModule("esphome", async_setup_entry=set_up, async_unload_entry=unload))
    entry = await left_by(
        hass,
        "esphome",
        {
            "sensor.reader_energy_consumed_tariff_1": ("A0-sensor-ect1", "Wh", "energy", FIRST * 1000),
            "sensor.reader_power_consumed": ("A0-sensor-power_consumed", "W", "power", None),
            "sensor.reader_temperature": ("A0-sensor-temperature", "°C", "temperature", None),
        },
    )
    # It is at work.
    assert await hass.config_entries.async_setup(entry.entry_id)
    hass.states.async_set("sensor.reader_power_consumed", "1193", {"unit_of_measurement": "W"})
    registry = er.async_get(hass)
    with patch.object(
        registry, "async_update_entity", side_effect=_as_a_device_does(hass, registry.async_update_entity)
    ):
        await house.take_over()
    assert entry.disabled_by is None
    await house.tell_us()
    # Automations know it in W; the meter says kW. And the total in Wh.
    assert get(hass, "sensor.reader_power_consumed").attributes["unit_of_measurement"] == "W"
    assert number(hass, "sensor.reader_power_consumed") == 1193
    assert number(hass, "sensor.reader_energy_consumed_tariff_1") == FIRST * 1000
    assert registry.entities["sensor.reader_temperature"].disabled_by is None
    theirs = registry.entities[OUR_POWER]
    assert (theirs.platform, theirs.disabled_by) == ("esphome", er.RegistryEntryDisabler.USER)
    set_up_before = len(set_ups)
    await async_give_back(hass, house.entry)
    await hass.async_block_till_done()
    # It has to be set up anew to have its entities back.
    assert len(set_ups) == set_up_before + 1
    # It does not need our port.
    assert house.entry.state is ConfigEntryState.LOADED
    theirs = registry.entities["sensor.reader_power_consumed"]
    assert (theirs.platform, theirs.disabled_by) == ("esphome", None)
    assert "unit_of_measurement" not in theirs.options["sensor"]
    assert registry.entities[OUR_POWER].disabled_by is None
    await house.tell_us()
    assert number(hass, OUR_POWER) == 1.193


async def test_an_entity_that_does_not_go_is_left_as_it_was(
    hass: HomeAssistant, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.p1meter.taking_over._PATIENCE", 0)
    await house.add()
    entity_id = "sensor.reader_energy_consumed_tariff_1"
    await left_by(hass, "esphome", {entity_id: ("A0-sensor-ect1", "kWh", "energy", FIRST)})
    hass.states.async_set(entity_id, str(FIRST), {"unit_of_measurement": "kWh"})
    offered = await house.offered()
    with patch("custom_components.p1meter.taking_over.entity_sources", return_value={entity_id: {}}):
        failed = await async_take_over(hass, house.entry, offered.values())
    assert [one.pair.slot for one in failed] == ["electricity_import_tariff_1"]
    entity = er.async_get(hass).entities[entity_id]
    assert (entity.platform, entity.disabled_by) == ("esphome", None)
    # The registry refuses.
    offered = await house.offered()
    with patch.object(er.EntityRegistry, "async_update_entity_platform", side_effect=ValueError):
        assert len(await async_take_over(hass, house.entry, offered.values())) == 1
    await house.tell_us()
    assert number(hass, OURS) == FIRST


def _as_a_device_does(hass: HomeAssistant, update: Any) -> Any:
    """An entity that is disabled goes by itself."""

    def update_and_go(entity_id: str, **changes: Any) -> Any:
        if changes.get("disabled_by") is er.RegistryEntryDisabler.USER:
            hass.loop.call_soon(hass.states.async_remove, entity_id)
        return update(entity_id, **changes)

    return update_and_go


async def test_words_of_dsmr_reader_are_not_those_of_ours(hass: HomeAssistant, house: House) -> None:
    await house.add()
    await left_by(
        hass,
        "dsmr_reader",
        {
            "sensor.dsmr_reading_electricity_delivered_1": (
                "01X-dsmr_reading_electricity_delivered_1",
                "kWh",
                "energy",
                FIRST,
            ),
            "sensor.dsmr_consumption_gas_delivered": ("01X-dsmr_consumption_gas_delivered", "m³", "gas", FIRST_GAS),
        },
    )
    registry = er.async_get(hass)
    registry.async_get_or_create(
        "sensor",
        "dsmr_reader",
        "01X-dsmr_meter_stats_electricity_tariff",
        suggested_object_id="reader_tariff",
        config_entry=hass.config_entries.async_entries("dsmr_reader")[0],
        capabilities={"options": ["low", "high"]},
    )
    offered = await house.offered()
    assert {slot: one.pair.same_words for slot, one in offered.items()} == {
        "electricity_import_tariff_1": True,
        "electricity_tariff": False,
        "gas_gas": True,
    }


async def test_only_statistics_are_left(hass: HomeAssistant, house: House) -> None:
    """The integration was deleted a month ago; nothing is in the registry any more."""
    await house.add()
    record(hass, "sensor.energy_consumption_tarif_1", "kWh", FIRST - 200, LAST_HOUR - timedelta(days=30))
    record(hass, "sensor.other_house_energy_consumption", "kWh", 90_000.0, LAST_HOUR - timedelta(days=30))
    offered = await house.offered()
    assert [one.pair.old.entity_id for one in offered.values()] == ["sensor.energy_consumption_tarif_1"]
    shown = offered["electricity_import_tariff_1"].old_shown
    assert (shown.text, shown.at) == ("4312.345 kWh", datetime(2026, 1, 8, 12, 0, tzinfo=UTC))
    # 200 kWh in a month: a person has to say so.
    assert not offered["electricity_import_tariff_1"].pair.is_sure
    await house.take_over()
    await house.tell_us()
    assert number(hass, "sensor.energy_consumption_tarif_1") == FIRST
    assert hass.states.get(OURS) is None
    house.clock.tick(60)
    house.used += 5
    await house.tell_us()
    await house.sum_up()
    # 200 kWh were used while nobody counted.
    rows = await house.rows("sensor.energy_consumption_tarif_1", "5minute")
    assert rows[-1].sum == pytest.approx(1205.5)
    await async_give_back(hass, house.entry)
    await house.tell_us()
    assert number(hass, OURS) == pytest.approx(FIRST + 5)
    assert hass.states.get("sensor.energy_consumption_tarif_1") is None
    # And once more.
    await house.take_over()
    await house.tell_us()
    assert number(hass, "sensor.energy_consumption_tarif_1") == pytest.approx(FIRST + 5)


async def test_what_is_left_of_a_plug_is_not_the_meters(hass: HomeAssistant, house: House) -> None:
    await house.add()
    # Gone from the registry for long, with less than the meter shows.
    record(hass, "sensor.washing_machine_energy", "kWh", 800.0, LAST_HOUR - timedelta(days=500))
    record_mean(hass, "sensor.dishwasher_power_usage", 1.2)
    # A plug that was removed: its unique ids say what it was.
    plug = await left_by(
        hass,
        "homewizard",
        {
            "sensor.plug_low": ("HWE-SKT_3c39_total_power_import_t1_kwh", "kWh", "energy", FIRST),
            "sensor.plug_power": ("HWE-SKT_3c39_active_power_w", "W", "power", None),
        },
    )
    assert await house.offered() == {}
    # As the registry does when the integration is deleted; here it cannot be loaded.
    er.async_get(hass).async_clear_config_entry(plug.entry_id)
    assert await house.offered() == {}


async def test_what_is_gone_is_proven_by_what_is_left_of_the_same_device(hass: HomeAssistant, house: House) -> None:
    await house.add()
    entry = await left_by(
        hass,
        "esphome",
        {
            "sensor.reader_energy_consumed_tariff_1": ("A0:01-sensor-ect1", "kWh", "energy", FIRST),
            "sensor.reader_energy_consumed_tariff_2": ("B0:02-sensor-ect2", "kWh", "energy", 3900.0),
        },
    )
    record_mean(hass, "sensor.reader_power_consumed", 1193.0)
    record_mean(hass, "sensor.dishwasher_power_produced", 40.0)
    for device, entity_id in (("A0:01", "reader_power_consumed"), ("C0:03", "dishwasher_power_produced")):
        er.async_get(hass).async_get_or_create(
            "sensor", "esphome", f"{device}-sensor-power", suggested_object_id=entity_id, config_entry=entry
        )
    # As the registry does when the integration is deleted; here it cannot be loaded.
    er.async_get(hass).async_clear_config_entry(entry.entry_id)
    offered = await house.offered()
    # 87.65 kWh of the other tariff cannot be used in an hour; the dishwasher is another device.
    assert {slot: one.pair.old.entity_id for slot, one in offered.items()} == {
        "electricity_import_tariff_1": "sensor.reader_energy_consumed_tariff_1",
        "electricity_power_import": "sensor.reader_power_consumed",
    }
    assert all(one.pair.is_sure for one in offered.values())


async def test_a_total_of_zero_is_a_reading(hass: HomeAssistant, house: House) -> None:
    with patch.object(house, "telegram", return_value=nl5({"1-0:2.8.1": "(000000.000*kWh)"})):
        await house.add()
    await left_by(
        hass,
        "homewizard",
        {
            "sensor.p1_low": ("HWE-P1_5c2f_total_power_import_t1_kwh", "kWh", "energy", FIRST),
            "sensor.p1_export": ("HWE-P1_5c2f_total_power_export_t1_kwh", "kWh", "energy", 0.0),
        },
    )
    offered = await house.offered()
    export = offered["electricity_export_tariff_1"]
    assert (export.pair.old.amount, export.old_shown.text, export.pair.is_sure) == (0, "0 kWh", True)


def record_mean(hass: HomeAssistant, entity_id: str, value: float) -> None:
    """Write an hour of a power."""
    async_import_statistics(
        hass,
        {
            "mean_type": StatisticMeanType.ARITHMETIC,
            "has_sum": False,
            "name": None,
            "source": "recorder",
            "statistic_id": entity_id,
            "unit_class": "power",
            "unit_of_measurement": "W",
        },
        [StatisticData(start=LAST_HOUR, mean=value, min=value, max=value)],
    )


async def test_statistics_that_somebody_uses_meanwhile_are_not_taken(hass: HomeAssistant, house: House) -> None:
    await house.add()
    record(hass, "sensor.energy_consumption_tarif_1", "kWh", FIRST - 200, LAST_HOUR - timedelta(days=30))
    offered = await house.offered()
    er.async_get(hass).async_get_or_create("sensor", "template", "1", suggested_object_id="energy_consumption_tarif_1")
    failed = await async_take_over(hass, house.entry, offered.values())
    assert [one.pair.slot for one in failed] == ["electricity_import_tariff_1"]
    await house.tell_us()
    assert number(hass, OURS) == FIRST


async def test_ours_that_was_disabled_is_enabled_in_the_other_ones_place(hass: HomeAssistant, house: House) -> None:
    """The sum of the tariffs is one of those that few want, and HomeWizard's default."""
    await house.add()
    total = FIRST + 3987.650
    await left_by(
        hass, "homewizard", {"sensor.p1_total": ("HWE-P1_5c2f_total_power_import_kwh", "kWh", "energy", total)}
    )
    await house.take_over()
    await house.tell_us()
    assert number(hass, "sensor.p1_total") == pytest.approx(total)


async def test_what_the_dashboard_had_of_ours_follows(hass: HomeAssistant, house: House) -> None:
    assert await async_setup_component(hass, "energy", {})
    await house.add()
    manager = await async_get_manager(hass)
    source: Any = {"type": "gas", "stat_energy_from": "sensor.gas_meter_gas", "stat_cost": None}
    source |= {"entity_energy_price": None, "number_energy_price": None}
    update: Any = {"energy_sources": [source]}
    await manager.async_update(update)
    await left_by(hass, "homewizard", {"sensor.p1_gas": (f"homewizard_gas_meter_{GAS_ID}", "m³", "gas", FIRST_GAS)})
    await house.take_over()
    assert manager.data is not None
    assert manager.data["energy_sources"][0]["stat_energy_from"] == "sensor.p1_gas"


async def test_loads_follow_to_the_new_id(hass: HomeAssistant, house: House) -> None:
    await house.add()
    # Nobody would do so; but what a load was given may be ours as well as anybody's.
    options = {"price_buy_entity": "sensor.iskra_am550_power"}
    hass.config_entries.async_update_entry(house.entry, options=options)
    await hass.async_block_till_done()
    await house.tell_us()
    await left_by(
        hass,
        "homewizard",
        {
            "sensor.p1_low": ("HWE-P1_5c2f_total_power_import_t1_kwh", "kWh", "energy", FIRST),
            "sensor.p1_power": ("HWE-P1_5c2f_active_power_w", "W", "power", None),
        },
    )
    await house.take_over()
    assert house.entry.options == {"price_buy_entity": "sensor.p1_power"}


async def test_without_a_recorder_there_is_nothing_to_take_over(hass: HomeAssistant, house: House) -> None:
    await house.add()
    hass.config.components.remove("recorder")
    offer = await async_offer(hass, house.entry)
    assert (offer.candidates, offer.entries, offer.without) == ([], [], [])
    hass.config.components.add("recorder")
