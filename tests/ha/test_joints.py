"""A meter that is replaced leaves no step in the statistics: with a real recorder, over a real cable."""

from datetime import UTC, datetime, timedelta
import logging
from typing import TYPE_CHECKING, Any

from homeassistant.components.energy.data import async_get_manager
from homeassistant.components.recorder.db_schema import StatisticsShortTerm
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.p1meter.const import CONF_REGISTERS
from custom_components.p1meter.joints import async_choose
from custom_components.p1meter.memory import Joint

from .conftest import get
from .houses import (
    A_LITTLE_DOWN,
    DOWN,
    GAS,
    IMPORT,
    LOW,
    NEW_GAS_ID,
    NEW_ID,
    UP,
    House,
    gas,
    replace_gas_meter,
)

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from custom_components.p1meter.store import MeterStore


pytestmark = pytest.mark.recorder

EXPORT_LOW = "sensor.iskra_am550_export_low_tariff"


@pytest.mark.parametrize("minute", [0, 35], ids=["in the hour", "in its last five minutes"])
@pytest.mark.parametrize("new", [UP, DOWN, A_LITTLE_DOWN], ids=["up", "down", "a little down"])
async def test_a_used_gas_meter_leaves_no_step(house: House, new: float, minute: int) -> None:
    await house.pass_time(minute * 60)
    await replace_gas_meter(house, new)
    # From when the new meter came until it was believed nothing is known of the gas: there are no rows.
    assert await house.sums(GAS) == [0, 0.2, 0.2, 0.5, 0.6]
    assert house.pending == []
    await house.pass_time(3600)
    assert set(await house.sums(GAS, "hour")) == {0.6} if not minute else {0.5, 0.6}


async def test_a_step_is_taken_out_once_only(house: House) -> None:
    await replace_gas_meter(house, UP)
    assert house.pending == []
    # A power cut: the store still has the joint, the recorder has it out.
    house.entry.runtime_data.memory.joints.append(Joint("gas_gas", house.clock.now - timedelta(seconds=600)))
    await house.off()
    await house.on()
    assert house.pending == []
    assert await house.sums(GAS) == [0, 0.2, 0.2, 0.5, 0.6]


async def test_a_joint_outlives_a_restart(house: House) -> None:
    """Home Assistant is off when the recorder would sum up; it does so later, without us."""
    await house.pass_time(60)
    await house.says(gas(house.clock, 51))
    for _ in range(3):
        await house.pass_time(300)
        await house.says(gas(house.clock, UP, NEW_GAS_ID))
    assert [joint.slot for joint in house.pending] == ["gas_gas"]
    await house.off()
    await house.pass_time(3600)
    assert await house.sums(GAS) == [0, 0, UP - 51]
    await house.on()
    assert await house.sums(GAS) == [0, 0, 0]
    await house.says(gas(house.clock, UP + 1, NEW_GAS_ID))
    await house.pass_time(300)
    assert await house.sums(GAS) == [0, 0, 0, 1]
    assert house.pending == []


async def test_a_meter_that_was_replaced_while_home_assistant_was_off(house: House) -> None:
    await house.pass_time(60)
    await house.says(gas(house.clock, 5001))
    await house.pass_time(300)
    await house.off()
    await house.pass_time(2 * 3600)
    await house.on()
    for reading in (480.0, 480.1, 480.2, 480.5):
        await house.says(gas(house.clock, reading, NEW_GAS_ID))
        await house.pass_time(300)
    # With the third capture it is believed.
    assert await house.sums(GAS) == [0, 0, 0, 0.3]


async def test_a_renamed_entity_keeps_its_statistics(hass: HomeAssistant, house: House) -> None:
    await house.pass_time(60)
    await house.says(gas(house.clock, 51))
    for _ in range(3):
        await house.pass_time(300)
        await house.says(gas(house.clock, UP, NEW_GAS_ID))
    er.async_get(hass).async_update_entity(GAS, new_entity_id="sensor.our_gas")
    await hass.async_block_till_done()
    await house.pass_time(600)
    assert set(await house.sums("sensor.our_gas")) == {0}
    assert await house.sums(GAS) == []


async def test_a_disabled_entity_without_statistics_needs_no_joint(hass: HomeAssistant, house: House) -> None:
    await house.pass_time(60)
    await house.says(gas(house.clock, 51))
    er.async_get(hass).async_update_entity(GAS, disabled_by=er.RegistryEntryDisabler.USER)
    house.pending.append(Joint("gas_gas", house.clock.now))
    await house.pass_time(300)
    assert house.pending == []


async def test_a_disabled_entity_may_come_back_and_its_joint_waits_for_that(hass: HomeAssistant, house: House) -> None:
    await replace_gas_meter(house, DOWN)
    er.async_get(hass).async_update_entity(GAS, disabled_by=er.RegistryEntryDisabler.USER)
    joint = Joint("gas_gas", house.clock.now)
    house.pending.append(joint)
    await house.pass_time(300)
    assert house.pending == [joint]
    house.clock.tick(11 * 86_400)
    house._summed_up = house.clock.now
    await house.pass_time(300)
    assert house.pending == []


async def test_a_joint_that_never_comes_about_is_given_up(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "custom_components.p1meter.joints")
    await house.pass_time(60)
    await house.says({})
    await house.pass_time(300)
    # The new meter has no such register: no state of it was ever written.
    house.pending.append(Joint("electricity_import_tariff_1", house.clock.now + timedelta(seconds=1)))
    # What is not even in the statistics is not waited for.
    house.pending.append(Joint("electricity_tariff", house.clock.now))
    await house.says({"1-0:1.8.1": None})
    await house.pass_time(900)
    assert [joint.slot for joint in house.pending] == ["electricity_import_tariff_1"]
    house.clock.tick(11 * 86_400)
    house._summed_up = house.clock.now
    await house.pass_time(300)
    assert house.pending == []
    assert caplog.text.count(f"No statistics of the new meter came for {LOW}") == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(005001.000*kWh)", "(000007.000*kWh)"),
        ("(000501.000*kWh)", "(000480.000*kWh)"),
        ("(000051.000*kWh)", "(030000.000*kWh)"),
    ],
    ids=["down", "a little down", "up"],
)
async def test_an_electricity_meter_that_a_person_adopts_leaves_no_step(house: House, old: str, new: str) -> None:
    others: dict[str, str | None] = {"1-0:1.8.2": "(000000.000*kWh)", "1-0:2.8.2": "(000000.000*kWh)"}
    new_meter = {**others, "0-0:96.1.1": NEW_ID, "1-0:2.8.1": "(000003.000*kWh)"}
    await house.pass_time(60)
    await house.says({**others, "1-0:1.8.1": old})
    await house.pass_time(300)
    for _ in range(3):
        await house.says({**new_meter, "1-0:1.8.1": new})
    assert get(house.hass, LOW).state == STATE_UNAVAILABLE
    # The person takes an hour to answer; nothing is booked for that.
    await house.pass_time(3600)
    await house.says({**new_meter, "1-0:1.8.1": new})
    await house.replace()
    assert {joint.slot for joint in house.pending} >= {
        "electricity_import_tariff_1",
        "electricity_import_total",
        "electricity_export_tariff_1",
        "electricity_export_total",
    }
    await house.pass_time(60)
    used = new.replace(".000*", ".700*")
    await house.says({**new_meter, "1-0:1.8.1": used})
    await house.pass_time(600)
    assert house.pending == []
    for entity_id in (LOW, IMPORT):
        assert set(await house.sums(entity_id)) == {0, 0.7}
        assert (await house.sums(entity_id, "hour"))[0] == 0
    assert set(await house.sums(EXPORT_LOW)) == {0}


async def test_a_new_meter_may_count_in_another_unit(house: House) -> None:
    await house.pass_time(60)
    await house.says({"1-0:1.8.1": "(000501.000*kWh)", "1-0:1.8.2": "(000000.000*kWh)"})
    await house.pass_time(300)
    new_meter: dict[str, str | None] = {"0-0:96.1.1": NEW_ID, "1-0:1.8.2": "(000000000*Wh)"}
    for _ in range(3):
        await house.says({**new_meter, "1-0:1.8.1": "(000480000*Wh)"})
    await house.replace()
    await house.pass_time(1)
    await house.says({**new_meter, "1-0:1.8.1": "(000480000*Wh)"})
    assert float(get(house.hass, LOW).state) in {480, 480_000}
    await house.pass_time(60)
    await house.says({**new_meter, "1-0:1.8.1": "(000480600*Wh)"})
    await house.pass_time(600)
    assert house.pending == []
    shown_in = get(house.hass, LOW).attributes["unit_of_measurement"]
    scale = 1000 if shown_in == "Wh" else 1
    for entity_id in (LOW, IMPORT):
        assert {round(used / scale, 3) for used in await house.sums(entity_id)} == {0, 0.6}


async def test_a_meter_without_a_number_that_falls_leaves_no_step(house: House) -> None:
    """A Swedish meter says not who it is: that it was replaced shows only in its total."""
    nobody: dict[str, str | None] = {"0-0:96.1.1": None, "1-0:1.8.2": "(000000.000*kWh)"}
    await house.pass_time(60)
    await house.says({**nobody, "1-0:1.8.1": "(000501.000*kWh)"})
    await house.pass_time(300)
    for _ in range(3):
        await house.says({**nobody, "1-0:1.8.1": "(000480.000*kWh)"})
        await house.pass_time(30)
    await house.says({**nobody, "1-0:1.8.1": "(000480.500*kWh)"})
    await house.pass_time(900)
    assert house.pending == []
    assert set(await house.sums(LOW)) == {0, 0.5}


async def test_totals_that_are_wrongly_zero_for_a_while_come_back_without_a_step(house: House) -> None:
    """A meter that restarts: its registers, and its gas, are zero for a while, and are found again."""
    await house.pass_time(60)
    captured: dict[str, str | None] = {}
    for minute in range(60):
        lost = 10 <= minute < 40
        total = 0.0 if lost else 5000 + minute / 100
        if minute % 5 == 0:
            captured = gas(house.clock, 0 if lost else 2500 + minute / 1000)
        lines = {"1-0:1.8.1": f"({total:010.3f}*kWh)", "1-0:1.8.2": "(000000.000*kWh)"}
        await house.says({**lines, **captured})
        await house.pass_time(60)
    await house.pass_time(600)
    assert house.pending == []
    for entity_id in (LOW, IMPORT):
        sums = await house.sums(entity_id)
        assert sums == sorted(sums)
        # 0.09 kWh before it, then 0.16 from 43 minutes on: what was used meanwhile is not known.
        assert sums[-1] == pytest.approx(0.25, abs=0.02)
    sums = await house.sums(GAS)
    assert sums == sorted(sums)
    # 0.005 m³ before it, and what came after the third capture that said the same: at 50 minutes 2500.050.
    assert sums[-1] == 0.01
    kept = {one.slot: (one.old, one.new) for one in house.entry.runtime_data.memory.replacements}
    assert set(kept) == {"electricity_import_tariff_1", "electricity_import_total", "gas_gas"}


async def test_a_used_meter_without_a_number_that_has_counted_more_leaves_no_step(house: House) -> None:
    nobody: dict[str, str | None] = {"0-0:96.1.1": None, "1-0:1.8.2": "(000000.000*kWh)"}
    await house.pass_time(60)
    await house.says({**nobody, "1-0:1.8.1": "(000501.000*kWh)"})
    await house.pass_time(300)
    for _ in range(3):
        await house.says({**nobody, "1-0:1.8.1": "(030000.000*kWh)"})
        await house.pass_time(30)
    await house.says({**nobody, "1-0:1.8.1": "(030000.500*kWh)"})
    await house.pass_time(900)
    assert house.pending == []
    assert set(await house.sums(LOW)) == {0, 0.5}


MINE = "sensor.iskra_am550_sold"


@pytest.mark.parametrize("state_class", ["total_increasing", "total"])
@pytest.mark.parametrize("new", [UP, DOWN, A_LITTLE_DOWN], ids=["up", "down", "a little down"])
async def test_a_total_of_a_persons_own_goes_on_with_a_new_meter(
    hass: HomeAssistant, house: House, new: float, state_class: str
) -> None:
    register = {"id": "sold", "code": "1-0:99.2.0", "name": "Sold", "kind": "number", "unit": "kWh"}
    register |= {"device_class": "energy", "state_class": state_class}
    hass.config_entries.async_update_entry(house.entry, options={CONF_REGISTERS: [register]})
    await house.pass_time(60)
    await house.says({"1-0:99.2.0": "(000051.0)"})
    await house.pass_time(300)
    await house.says({"1-0:99.2.0": "(000051.2)"})
    await house.pass_time(300)
    for _ in range(3):
        await house.says({"0-0:96.1.1": NEW_ID, "1-0:99.2.0": f"({new:08.1f})"})
    await house.replace()
    await house.pass_time(60)
    await house.says({"0-0:96.1.1": NEW_ID, "1-0:99.2.0": f"({new + 0.5:08.1f})"})
    await house.pass_time(900)
    assert house.pending == []
    sums = await house.sums(MINE)
    assert (sums[0], sums[-1]) == (0, 0.7)
    assert sums == sorted(sums)
    assert ("own_sold", 51.2, new) in [
        (kept.slot, kept.old, kept.new) for kept in house.entry.runtime_data.memory.replacements
    ]


SOLD: dict[str, Any] = {
    "id": "1_0_99_2_0",
    "code": "1-0:99.2.0",
    "name": "Sold",
    "kind": "number",
    "unit": "Wh",
    "device_class": "energy",
    "state_class": "total_increasing",
}


async def own_registers(hass: HomeAssistant, house: House, *registers: dict[str, Any]) -> None:
    """Choose these in the options: the entry is set up anew with them."""
    hass.config_entries.async_update_entry(house.entry, options={CONF_REGISTERS: list(registers)})
    await hass.async_block_till_done()


@pytest.mark.parametrize(
    # 0.2 Wh before it, 0.1 of what it counts in after it. A sensor that was removed comes back in its new unit.
    ("state_class", "change", "used", "removed"),
    [
        ("total_increasing", {"unit": "kWh"}, 100.2, False),
        ("total_increasing", {"unit": "kWh"}, 0.1002, True),
        ("total", {"code": "1-0:99.2.0~1"}, 0.3, False),
    ],
    ids=["unit", "removed and added again with another unit", "value"],
)
async def test_a_total_of_a_persons_own_that_is_corrected_leaves_no_step(
    hass: HomeAssistant, house: House, state_class: str, change: dict[str, str], used: float, *, removed: bool
) -> None:
    register = SOLD | {"state_class": state_class}
    await own_registers(hass, house, register)
    await house.pass_time(60)
    await house.says({"1-0:99.2.0": "(012345.0)(067890.0)"})
    await house.pass_time(300)
    await house.says({"1-0:99.2.0": "(012345.2)(067890.2)"})
    await house.pass_time(300)
    if removed:
        await own_registers(hass, house)
        await house.says({"1-0:99.2.0": "(012345.2)(067890.2)"})
        await house.pass_time(60)
    await own_registers(hass, house, register | change)
    await house.says({"1-0:99.2.0": "(012345.2)(067890.2)"})
    await house.pass_time(300)
    await house.says({"1-0:99.2.0": "(012345.3)(067890.3)"})
    await house.pass_time(900)
    assert house.pending == []
    sums = await house.sums(MINE)
    assert (sums[0], sums[-1]) == (0, used)
    assert sums == sorted(sums)


# --- The list, and what a person takes back ---------------------------------------------------------------------------


async def undo(hass: HomeAssistant, house: House, *slots: str, undone: bool = True) -> None:
    store: MeterStore = house.entry.runtime_data.store
    chosen = {kept: undone for kept in store.memory.replacements if not slots or kept.slot in slots}
    await async_choose(hass, store, chosen)


@pytest.mark.parametrize("new", [UP, DOWN, A_LITTLE_DOWN], ids=["up", "down", "a little down"])
async def test_the_step_is_counted_again_if_a_person_wants_it(hass: HomeAssistant, house: House, new: float) -> None:
    await house.pass_time(45 * 60)
    await replace_gas_meter(house, new)
    await house.pass_time(2 * 3600)
    (kept,) = house.entry.runtime_data.memory.replacements
    assert (kept.slot, kept.old, kept.new, kept.unit, kept.undone) == ("gas_gas", 51.2, new, "m³", False)
    clean = await house.sums(GAS)
    hours = await house.sums(GAS, "hour")
    # What Home Assistant counts for a change from 51.2 to 30,000, to 7 (it began again), and to 48.
    step = {UP: 29_948.8, DOWN: 7.0, A_LITTLE_DOWN: -3.2}[new]
    with_step = [0, 0.2, 0.2, round(0.5 + step, 6), round(0.6 + step, 6)]
    await undo(hass, house)
    assert (await house.sums(GAS))[:5] == with_step
    assert (await house.sums(GAS))[-1] == round(clean[-1] + step, 6)
    assert (await house.sums(GAS, "hour"))[-1] == round(hours[-1] + step, 6)
    # To want it twice changes nothing, nor does a restart.
    await undo(hass, house)
    await house.off()
    await house.on()
    assert (await house.sums(GAS))[:5] == with_step
    await undo(hass, house, undone=False)
    assert await house.sums(GAS) == clean
    assert await house.sums(GAS, "hour") == hours


async def test_after_ten_days_only_the_hours_are_changed(hass: HomeAssistant, house: House) -> None:
    await replace_gas_meter(house, UP)
    await house.pass_time(2 * 3600)
    hours = await house.sums(GAS, "hour")
    # The recorder throws its five minutes away, but for the newest.
    with get_instance(hass).get_session() as session:
        session.query(StatisticsShortTerm).filter(
            StatisticsShortTerm.start_ts < house.clock.now.timestamp() - 1800
        ).delete()
        session.commit()
    er.async_get(hass).async_update_entity(GAS, new_entity_id="sensor.our_gas")
    await hass.async_block_till_done()
    await async_wait_recording_done(hass)
    await undo(hass, house)
    assert await house.sums("sensor.our_gas", "hour") == [round(total + 29_948.8, 6) for total in hours]
    await undo(hass, house, undone=False)
    assert await house.sums("sensor.our_gas", "hour") == hours


@pytest.mark.parametrize("written", [False, True], ids=["before", "after"])
async def test_home_assistant_stops_while_it_is_counted_again(house: House, *, written: bool) -> None:
    """Before it is in the database, or after it: what is in the store is gone through with, once."""
    await replace_gas_meter(house, UP)
    memory = house.entry.runtime_data.memory
    (kept,) = memory.replacements
    (taken,) = kept.taken
    if written:
        get_instance(house.hass).async_adjust_statistics(
            GAS, datetime.fromtimestamp(taken.start, UTC), taken.booked, "m³"
        )
    # In the five minutes of the step 0.3 were used.
    memory.replacements = [kept._replace(undone=True, taken=(taken._replace(grown=0.3),))]
    await house.off()
    await house.on()
    assert await house.sums(GAS) == [0, 0.2, 0.2, 29_949.3, 29_949.4]
    await house.off()
    await house.on()
    assert (await house.sums(GAS))[-1] == 29_949.4


async def test_an_electricity_meter_is_one_replacement(hass: HomeAssistant, house: House) -> None:
    others: dict[str, str | None] = {"1-0:1.8.2": "(000000.000*kWh)", "1-0:2.8.2": "(000000.000*kWh)"}
    new_meter = {**others, "0-0:96.1.1": NEW_ID, "1-0:1.8.1": "(000007.000*kWh)", "1-0:2.8.1": "(000003.000*kWh)"}
    await house.pass_time(60)
    await house.says({**others, "1-0:1.8.1": "(005001.000*kWh)", "1-0:2.8.1": "(000900.000*kWh)"})
    await house.pass_time(300)
    for _ in range(3):
        await house.says(new_meter)
    await house.replace()
    await house.pass_time(60)
    await house.says(new_meter)
    await house.pass_time(600)
    kept = {one.slot: (one.old, one.new) for one in house.entry.runtime_data.memory.replacements}
    # Where a tariff goes on at the same reading, there is nothing to be seen.
    assert kept == {
        "electricity_import_tariff_1": (5001, 7),
        "electricity_import_total": (5001, 7),
        "electricity_export_tariff_1": (900, 3),
        "electricity_export_total": (900, 3),
    }
    assert len({one.at for one in house.entry.runtime_data.memory.replacements}) == 1
    await undo(hass, house, "electricity_import_tariff_1")
    assert (await house.sums(LOW))[-1] == 7
    assert (await house.sums(IMPORT))[-1] == 0


async def test_what_is_not_in_the_statistics_any_more_is_left_alone(hass: HomeAssistant, house: House) -> None:
    await replace_gas_meter(house, UP)
    get_instance(hass).async_clear_statistics([GAS])
    await undo(hass, house)
    assert await house.sums(GAS) == []
    er.async_get(hass).async_remove(GAS)
    await undo(hass, house, undone=False)
    memory = house.entry.runtime_data.memory
    assert [taken.grown for kept in memory.replacements for taken in kept.taken] == [None]


# The price of gas is 0.50 a m³; the cost sensor is Home Assistant's own.
@pytest.mark.parametrize("new", [UP, DOWN, A_LITTLE_DOWN], ids=["up", "down", "a little down"])
async def test_what_gas_costs_does_not_step_either(hass: HomeAssistant, house: House, new: float) -> None:
    assert await async_setup_component(hass, "energy", {})
    manager = await async_get_manager(hass)
    source: Any = {"type": "gas", "stat_energy_from": GAS, "stat_cost": None}
    source |= {"entity_energy_price": None, "number_energy_price": 0.5}
    await house.pass_time(60)
    await house.says(gas(house.clock, 51))
    await manager.async_update({"energy_sources": [source]})  # type: ignore[typeddict-item]  # the rest stays as it is
    await hass.async_block_till_done()
    await replace_gas_meter(house, new)
    assert house.pending == []
    assert await house.sums(GAS) == [0, 0.2, 0.2, 0.5, 0.6]
    costs = await house.sums(f"{GAS}_cost")
    assert sorted(set(costs)) == [0, 0.1, 0.25, 0.3]
    assert costs == sorted(costs)
    await house.pass_time(3600)
    assert (await house.sums(f"{GAS}_cost", "hour"))[-1] == 0.3
    # It is counted again, and goes out again, with the gas. 7 m³ of a meter that began again cost 3.50.
    step = {UP: 14_974.4, DOWN: 3.5, A_LITTLE_DOWN: -1.6}[new]
    await undo(hass, house)
    assert (await house.sums(f"{GAS}_cost", "hour"))[-1] == round(0.3 + step, 6)
    await undo(hass, house, undone=False)
    assert sorted(set(await house.sums(f"{GAS}_cost"))) == [0, 0.1, 0.25, 0.3]
    assert (await house.sums(f"{GAS}_cost", "hour"))[-1] == 0.3


async def test_a_register_that_appears_goes_and_comes_back_leaves_no_step(house: House) -> None:
    """Export after panels were installed: its total may have counted before it was sent."""
    without: dict[str, str | None] = {"1-0:2.8.1": None, "1-0:2.8.2": None}
    await house.pass_time(60)
    await house.says(without)
    await house.pass_time(300)
    for reading in ("(000812.000*kWh)", "(000812.400*kWh)"):
        await house.says({"1-0:2.8.1": reading})
        await house.pass_time(300)
    assert await house.sums(EXPORT_LOW) == [0, 0.4]
    await house.says(without)
    await house.pass_time(900)
    assert await house.sums(EXPORT_LOW) == [0, 0.4, 0.4]
    # What it counted meanwhile was given back.
    await house.says({"1-0:2.8.1": "(000812.900*kWh)"})
    await house.pass_time(300)
    assert await house.sums(EXPORT_LOW) == [0, 0.4, 0.4, 0.9]
    assert house.pending == []


@pytest.mark.parametrize("night", [datetime(2026, 3, 29, 0, 1, tzinfo=UTC), datetime(2026, 10, 25, 0, 1, tzinfo=UTC)])
async def test_the_night_the_clock_changes_leaves_no_step(house: House, night: datetime) -> None:
    await house.hass.config.async_set_time_zone("Europe/Amsterdam")
    house.clock.now = night
    house._summed_up = night.replace(minute=0)
    # An hour before the change to an hour after it, 0.1 kWh and 0.05 m³ in ten minutes.
    for count in range(12):
        total = f"({4512.345 + count / 10:010.3f}*kWh)"
        await house.says({"1-0:1.8.1": total, **gas(house.clock, 51 + count / 20)})
        await house.pass_time(600)
    use = [round(number / 10, 3) for number in range(12) for _ in range(2)]
    assert await house.sums(LOW) == use
    assert await house.sums(GAS) == [round(number / 20, 3) for number in range(12) for _ in range(2)]
    assert await house.sums(LOW, "hour") == [0.5, 1.1]
    assert house.pending == []
