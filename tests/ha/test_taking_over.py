"""Taking over from core's `dsmr`, which really runs; with a real recorder."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.components.energy.data import async_get_manager
from homeassistant.components.recorder.tasks import PurgeTask
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import CONF_PORT
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_mock_service,
)
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.p1meter.const import DOMAIN, FREED
from custom_components.p1meter.gaps import Gap
from custom_components.p1meter.memory import Filled
from custom_components.p1meter.merging import Seam
from custom_components.p1meter.taking_over import _return, _swap, async_give_back, async_take_over
from tests.compose import nl5

from .conftest import get
from .homes import FIRST, GAS, LOW, NORMAL, OF_DSMR, OURS, POWER, Home, homewizard, left_by, number

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant


pytestmark = pytest.mark.recorder


async def replace_dsmr(hass: HomeAssistant, home: Home, dsmr: MockConfigEntry) -> None:
    """Do what the dialog does that finds the port held by `dsmr`."""
    await hass.config_entries.async_set_disabled_by(dsmr.entry_id, ConfigEntryDisabler.USER)
    hass.data.setdefault(FREED, {})[home.entry.data[CONF_PORT]] = dsmr.entry_id
    await home.add()


async def live(home: Home, days: int) -> None:
    """Use 1 kWh in four hours while `dsmr` reads; the recorder sums up the last five minutes of every fourth hour."""
    for _ in range(days * 6):
        home.clock.now = home.clock.now.replace(minute=57, second=0) + timedelta(hours=3)
        home.used += 1
        await home.tell_dsmr()
        await home.sum_up()


async def test_a_month_goes_on_without_a_step_and_comes_back(
    hass: HomeAssistant, home: Home, dsmr: MockConfigEntry
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
    await live(home, 30)
    month, gas = await home.rows(LOW), await home.rows(GAS)
    # 180 times 1 kWh, and a tenth of it as gas.
    assert (len(month), month[-1].sum, gas[-1].sum) == (180, 180, 18)
    cost = next(entity for entity in registry.entities.values() if entity.platform == "energy")
    spent = await home.rows(cost.entity_id)
    assert spent[-1].sum == 9
    before = {slot: registry.entities[entity_id].id for slot, entity_id in OF_DSMR.items()}

    await replace_dsmr(hass, home, dsmr)
    assert {slot: one.pair.old.entity_id for slot, one in (await home.offered()).items()} == OF_DSMR
    await home.take_over()
    for slot, entity_id in OF_DSMR.items():
        taken = registry.entities[entity_id]
        assert (taken.id, taken.platform) == (before[slot], DOMAIN)
        assert taken.unique_id == f"{home.entry.entry_id}_{slot}"
    # 0.4 kWh and 0.04 m³ in the next five minutes.
    home.clock.tick(60)
    home.used += 0.4
    await home.tell_us()
    assert number(hass, LOW) == pytest.approx(FIRST + 180.4)
    await home.sum_up()
    home.clock.now = home.clock.now.replace(minute=56)
    await home.sum_up()
    assert (await home.rows(LOW))[:180] == month
    for period in ("5minute", "hour"):
        assert (await home.rows(LOW, period))[-1].sum == pytest.approx(180.4, abs=0.001)
        assert (await home.rows(GAS, period))[-1].sum == pytest.approx(18.04, abs=0.001)
    # The dashboard has the same meter, and its cost sensor goes on: 18.04 m³ at 0.50.
    assert manager.data is not None
    assert [dict(one) for one in manager.data["energy_sources"]] == [source]
    assert [one.entity_id for one in registry.entities.values() if one.platform == "energy"] == [cost.entity_id]
    assert (await home.rows(cost.entity_id))[-1].sum == pytest.approx(9.02, abs=0.001)
    # The automation hears of ours, in the unit that it was made for.
    await home._say(nl5({"1-0:1.7.0": "(03.500*kW)"}))
    assert number(hass, POWER) == 3.5
    assert len(calls) == 1

    assert await async_give_back(hass, home.entry) == []
    await hass.async_block_till_done()
    # Only one can read the port.
    assert home.entry.disabled_by is ConfigEntryDisabler.USER
    assert dsmr.state is ConfigEntryState.LOADED
    for slot, entity_id in OF_DSMR.items():
        given_back = registry.entities[entity_id]
        assert (given_back.id, given_back.platform, given_back.disabled_by) == (before[slot], "dsmr", None)
    assert registry.entities[OURS].platform == DOMAIN
    home.clock.now += timedelta(minutes=57)
    home.used += 0.6
    await home.tell_dsmr()
    await home.sum_up()
    assert (await home.rows(LOW))[:180] == month
    assert (await home.rows(LOW))[-1].sum == pytest.approx(181, abs=0.001)


async def test_ours_has_its_own_id_and_statistics_back(hass: HomeAssistant, home: Home, dsmr: MockConfigEntry) -> None:
    await live(home, 1)
    await replace_dsmr(hass, home, dsmr)
    await home.sum_up()
    ours = await home.rows(OURS, "5minute")
    await home.take_over()
    assert hass.states.get(OURS) is None
    assert await home.rows(OURS, "5minute") == ours
    await async_give_back(hass, home.entry)
    # The person wants to have p1meter on another port, say.
    await hass.config_entries.async_set_disabled_by(dsmr.entry_id, ConfigEntryDisabler.USER)
    await hass.config_entries.async_set_disabled_by(home.entry.entry_id, None)
    await home.tell_us()
    assert number(hass, OURS) == pytest.approx(FIRST + 6)
    assert get(hass, OURS).attributes["friendly_name"] == "Iskra AM550 Import low tariff"
    assert await home.rows(OURS, "5minute") == ours


async def test_what_is_not_chosen_stays(hass: HomeAssistant, home: Home, dsmr: MockConfigEntry) -> None:
    await live(home, 1)
    await replace_dsmr(hass, home, dsmr)
    await home.take_over("electricity_import_tariff_1")
    registry = er.async_get(hass)
    assert registry.entities[LOW].platform == DOMAIN
    assert registry.entities[NORMAL].platform == "dsmr"
    # The rest can be taken over later.
    await home.tell_us()
    assert (await home.offered()).keys() == OF_DSMR.keys() - {"electricity_import_tariff_1"}
    await home.take_over()
    assert registry.entities[NORMAL].platform == DOMAIN


async def test_hours_that_only_ours_has_go_along(hass: HomeAssistant, home: Home, dsmr: MockConfigEntry) -> None:
    """The person thinks about it for two days: p1meter has counted meanwhile, and `dsmr` has not."""
    await live(home, 1)
    last = (await home.rows(LOW))[-1]
    await replace_dsmr(hass, home, dsmr)
    for _ in range(3):
        home.clock.now = home.clock.now.replace(minute=57, second=0) + timedelta(hours=15)
        home.used += 2
        await home.tell_us()
        await home.sum_up()
    ours = await home.rows(OURS)
    assert [row.sum for row in ours] == [2, 4, 6]
    await home.take_over()
    await async_wait_recording_done(hass)
    taken = await home.rows(LOW)
    # `dsmr` had come to 6 kWh.
    assert [row.sum for row in taken[-4:]] == [6, 8, 10, 12]
    assert taken[-4] == last
    assert [row.start for row in taken[-3:]] == [row.start for row in ours]
    home.clock.tick(60)
    home.used += 5
    await home.tell_us()
    await home.sum_up()
    assert (await home.rows(LOW, "5minute"))[-1].sum == pytest.approx(17)
    # Nothing is deleted.
    assert await home.rows(OURS) == ours


async def test_statistics_whose_newest_rows_are_purged_do_not_begin_again(
    hass: HomeAssistant, home: Home, dsmr: MockConfigEntry
) -> None:
    await live(home, 1)
    await hass.config_entries.async_set_disabled_by(dsmr.entry_id, ConfigEntryDisabler.USER)
    await async_wait_recording_done(hass)
    # After ten days only the hours are left.
    home.clock.now += timedelta(days=20)
    get_instance(hass).queue_task(PurgeTask(home.clock.now - timedelta(days=10), repack=False, apply_filter=False))
    await async_wait_recording_done(hass)
    assert await home.rows(LOW, "5minute") == []
    home.used += 100
    await home.add()
    offered = await home.offered()
    # 106 kWh in 20 days is possible.
    assert offered["electricity_import_tariff_1"].old_shown.text == "4518.345 kWh"
    await home.take_over()
    await home.tell_us()
    await home.sum_up()
    assert (await home.rows(LOW, "5minute"))[-1].sum == pytest.approx(106)


async def test_a_stop_in_between_is_made_good_for(hass: HomeAssistant, home: Home, dsmr: MockConfigEntry) -> None:
    await live(home, 1)
    await replace_dsmr(hass, home, dsmr)
    offered = await home.offered()
    with (
        patch("custom_components.p1meter.taking_over.async_complete", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        await async_take_over(hass, home.entry, offered.values())
    registry = er.async_get(hass)
    assert registry.entities[LOW].platform == "dsmr"
    # At the next start.
    assert await hass.config_entries.async_setup(home.entry.entry_id)
    assert registry.entities[LOW].platform == DOMAIN
    await home.tell_us()
    assert number(hass, LOW) == pytest.approx(FIRST + 6)
    # The registry was saved, the store was not: the same again changes nothing.
    memory = home.entry.runtime_data.memory
    memory.takeovers = [taken._replace(stage="wanted") for taken in memory.takeovers]
    await hass.config_entries.async_reload(home.entry.entry_id)
    assert {taken.stage for taken in home.entry.runtime_data.memory.takeovers} == {"taken"}
    assert registry.entities[LOW].unique_id == f"{home.entry.entry_id}_electricity_import_tariff_1"


async def test_what_the_registry_has_lost_is_taken_again(hass: HomeAssistant, home: Home) -> None:
    await home.add()
    await homewizard(hass)
    registry = er.async_get(hass)
    await home.take_over()
    assert registry.entities[LOW].platform == DOMAIN
    # The power failed: our store was saved, the registry was not.
    (taken,) = home.entry.runtime_data.memory.takeovers
    await hass.config_entries.async_unload(home.entry.entry_id)
    _return(hass, home.entry, taken)
    assert registry.entities[LOW].platform == "homewizard"
    assert await hass.config_entries.async_setup(home.entry.entry_id)
    assert (registry.entities[LOW].platform, registry.entities[OURS].platform) == (DOMAIN, "homewizard")
    assert {taken.stage for taken in home.entry.runtime_data.memory.takeovers} == {"taken"}
    await home.tell_us()
    assert number(hass, LOW) == FIRST


async def test_what_the_registry_has_lost_is_given_back_again(hass: HomeAssistant, home: Home) -> None:
    await home.add()
    await homewizard(hass)
    registry = er.async_get(hass)
    await home.take_over()
    # What the disk would still have.
    (taken,) = home.entry.runtime_data.memory.takeovers
    await async_give_back(hass, home.entry)
    memory = home.entry.runtime_data.memory
    assert memory.held == []
    (returned,) = memory.takeovers
    await hass.config_entries.async_unload(home.entry.entry_id)
    _swap(hass, registry.entities[LOW], registry.entities[OURS], home.entry, taken)
    assert registry.entities[LOW].platform == DOMAIN
    assert await hass.config_entries.async_setup(home.entry.entry_id)
    assert (registry.entities[LOW].platform, registry.entities[OURS].platform) == ("homewizard", DOMAIN)
    # It can be taken over meanwhile.
    await home.tell_us()
    assert (await home.offered()).keys() == {taken.slot}
    # Minutes later the registry has surely been saved.
    home.clock.now += timedelta(minutes=6)
    await hass.config_entries.async_reload(home.entry.entry_id)
    assert home.entry.runtime_data.memory.takeovers == []
    assert returned.stage == "returned"


async def test_whose_places_are_all_refused_is_switched_on_again(hass: HomeAssistant, home: Home) -> None:
    await home.add()
    other = await homewizard(hass)
    offered = await home.offered()
    with patch.object(er.EntityRegistry, "async_update_entity_platform", side_effect=ValueError):
        assert len(await async_take_over(hass, home.entry, offered.values())) == 1
    assert other.disabled_by is None
    assert home.entry.runtime_data.memory.switched_off == []
    assert er.async_get(hass).entities[LOW].disabled_by is None


async def test_a_total_whose_statistics_are_still_being_joined_is_not_offered(hass: HomeAssistant, home: Home) -> None:
    await home.add()
    await homewizard(hass)
    slot = "electricity_import_tariff_1"
    memory = home.entry.runtime_data.memory
    memory.seams = [Seam(slot)]
    assert await home.offered() == {}
    memory.seams = []
    filled = Filled(slot, Gap(0, 0, 0, 0, 1), "kWh", {})
    memory.filled = [filled]
    assert await home.offered() == {}
    memory.filled = [filled._replace(settled=True)]
    assert (await home.offered()).keys() == {slot}


async def test_after_weeks_ours_goes_on_where_it_ended(hass: HomeAssistant, home: Home) -> None:
    await home.add()
    home.clock.now += timedelta(minutes=57)
    for _ in range(2):
        home.used += 2
        await home.tell_us()
        await home.sum_up()
        home.clock.now += timedelta(minutes=55)
    assert (await home.rows(OURS))[-1].sum == 4
    await left_by(
        hass, "homewizard", {LOW: ("HWE-P1_5c2f_total_power_import_t1_kwh", "kWh", "energy", FIRST + home.used)}
    )
    await home.take_over()
    await home.tell_us()
    home.clock.now += timedelta(days=20)
    get_instance(hass).queue_task(PurgeTask(home.clock.now - timedelta(days=10), repack=False, apply_filter=False))
    await async_wait_recording_done(hass)
    assert await home.rows(OURS, "5minute") == []
    home.used += 100
    assert await async_give_back(hass, home.entry) == []
    await home.tell_us()
    await home.sum_up()
    # 4 kWh, and what was used since it was taken over.
    assert (await home.rows(OURS, "5minute"))[-1].sum == pytest.approx(104)


async def test_what_cannot_be_taken_stays_and_is_said(
    hass: HomeAssistant, home: Home, dsmr: MockConfigEntry, caplog: pytest.LogCaptureFixture
) -> None:
    await live(home, 1)
    await replace_dsmr(hass, home, dsmr)
    offered = await home.offered()
    er.async_get(hass).async_remove(NORMAL)
    failed = await async_take_over(hass, home.entry, offered.values())
    assert [one.pair.slot for one in failed] == ["electricity_import_tariff_2"]
    assert "electricity_import_tariff_2 could not be taken" in caplog.text
    registry = er.async_get(hass)
    assert registry.entities[LOW].platform == DOMAIN
    await home.tell_us()
    assert number(hass, "sensor.iskra_am550_import_normal_tariff") is not None


async def test_renamed_meanwhile_it_comes_back_renamed(hass: HomeAssistant, home: Home, dsmr: MockConfigEntry) -> None:
    await live(home, 1)
    await replace_dsmr(hass, home, dsmr)
    await home.take_over()
    registry = er.async_get(hass)
    registry.async_update_entity(LOW, new_entity_id="sensor.my_day")
    await hass.async_block_till_done()
    assert await async_give_back(hass, home.entry) == []
    assert registry.entities["sensor.my_day"].platform == "dsmr"


async def test_removed_meanwhile_it_cannot_come_back(hass: HomeAssistant, home: Home, dsmr: MockConfigEntry) -> None:
    await live(home, 1)
    await replace_dsmr(hass, home, dsmr)
    await home.take_over()
    await hass.config_entries.async_remove(dsmr.entry_id)
    await hass.async_block_till_done()
    failed = await async_give_back(hass, home.entry)
    assert {taken.slot for taken in failed} == OF_DSMR.keys()
    # Ours stays where it is, and goes on.
    assert er.async_get(hass).entities[LOW].platform == DOMAIN
    await home.tell_us()
    assert number(hass, LOW) == pytest.approx(FIRST + 6)


async def test_what_the_person_has_deleted_cannot_come_back(
    hass: HomeAssistant, home: Home, dsmr: MockConfigEntry
) -> None:
    await live(home, 1)
    await replace_dsmr(hass, home, dsmr)
    await home.take_over()
    er.async_get(hass).async_remove(OURS)
    failed = await async_give_back(hass, home.entry)
    assert [taken.slot for taken in failed] == ["electricity_import_tariff_1"]
    assert er.async_get(hass).entities[NORMAL].platform == "dsmr"


async def test_switched_on_meanwhile_it_comes_back(hass: HomeAssistant, home: Home, dsmr: MockConfigEntry) -> None:
    await live(home, 1)
    await replace_dsmr(hass, home, dsmr)
    await home.take_over()
    await hass.config_entries.async_set_disabled_by(dsmr.entry_id, None)
    assert await async_give_back(hass, home.entry) == []
    assert dsmr.state is ConfigEntryState.LOADED
    await home.tell_dsmr()
    assert number(hass, LOW) == pytest.approx(FIRST + 6)


async def test_whoever_removes_p1meter_has_the_other_one_back(
    hass: HomeAssistant, home: Home, dsmr: MockConfigEntry
) -> None:
    await live(home, 1)
    month = await home.rows(LOW)
    await replace_dsmr(hass, home, dsmr)
    await home.take_over()
    await hass.config_entries.async_remove(home.entry.entry_id)
    await hass.async_block_till_done()
    assert dsmr.state is ConfigEntryState.LOADED
    await home.tell_dsmr()
    assert number(hass, LOW) == pytest.approx(FIRST + 6)
    assert (await home.rows(LOW))[: len(month)] == month
    assert OURS not in er.async_get(hass).entities
