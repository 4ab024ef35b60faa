"""A meter that is not heard for longer than the recorder keeps rows of five minutes: its sums go on.

The recorder goes on from the newest of these rows, and begins at zero when the purge of the night has taken the last
one. Real recorder, real cable; sums are those of the hours, counted from the first reading.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from homeassistant.components.energy.data import async_get_manager
from homeassistant.components.recorder.tasks import StatisticsTask
from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.recorder import get_instance
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.p1meter import async_remove_config_entry_device
from custom_components.p1meter.const import CONF_REGISTERS

from .conftest import get
from .houses import COST, GAS, HOUR, LOW, NEW_GAS_ID, NEW_ID, House, gas, pay

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import FallSilent

pytestmark = pytest.mark.recorder

OWN = "sensor.iskra_am550_pump"


async def uses(house: House, reading: float, **others: str | None) -> None:
    """Let the meter say, at three past, what it shows; the recorder sums up all of that hour."""
    begin = house.clock.now.replace(minute=0, second=0, microsecond=0)
    await house.until(begin + timedelta(minutes=3))
    await house.says({"1-0:1.8.1": f"({reading:010.3f}*kWh)", **others})
    await house.until(begin + HOUR + timedelta(seconds=15))


async def begin(house: House) -> None:
    """Use 2 kWh within three hours."""
    for reading in (100.0, 101.0, 102.0):
        await uses(house, reading)


async def go_on(house: House) -> None:
    """Hear that 100 kWh were used meanwhile, and another one an hour later."""
    await uses(house, 202.0)
    await uses(house, 203.0)


GOES_ON = [0.0, 1.0, 2.0, 102.0, 103.0]


async def test_a_meter_that_is_silent_for_weeks(house: House, fall_silent: FallSilent) -> None:
    await begin(house)
    await fall_silent()
    await house.lies_idle(11)
    assert await house.sums(LOW) == []
    await go_on(house)
    assert await house.sums(LOW, "hour") == GOES_ON
    # 1.8.2 stays as it was.
    assert (await house.sums("sensor.iskra_am550_import", "hour")) == GOES_ON


@pytest.mark.parametrize("purged_before", [True, False])
async def test_home_assistant_is_off_for_weeks(house: House, *, purged_before: bool) -> None:
    """The purge comes before it is on again (an entry that was disabled), or after the start and before the meter."""
    await begin(house)
    await house.off()
    await house.lies_idle(11, purged=purged_before)
    await house.on()
    if not purged_before:
        await house.purge()
    await go_on(house)
    assert await house.sums(LOW, "hour") == GOES_ON


async def test_a_sensor_that_is_disabled_for_weeks(hass: HomeAssistant, house: House) -> None:
    await begin(house)
    registry = er.async_get(hass)
    registry.async_update_entity(LOW, disabled_by=er.RegistryEntryDisabler.USER)
    await house.off()
    await house.on()
    await house.lies_idle(11)
    await uses(house, 201.0)
    registry.async_update_entity(LOW, disabled_by=None)
    # As Home Assistant does half a minute later.
    await house.off()
    await house.on()
    await go_on(house)
    assert await house.sums(LOW, "hour") == GOES_ON


async def test_a_gas_meter_that_is_away_for_weeks(house: House) -> None:
    """The electricity meter speaks all the time."""
    for reading in (50.0, 51.0, 52.0):
        await uses(house, 100.0, **gas(house.clock, reading))
    away: dict[str, str | None] = {"0-1:24.2.1": None}
    await uses(house, 100.0, **away)
    await house.lies_idle(11)
    await uses(house, 100.0, **away)
    assert await house.sums(GAS) == []
    for reading in (62.0, 63.0):
        await uses(house, 100.0, **gas(house.clock, reading))
    # It is away from three past on.
    assert await house.sums(GAS, "hour") == [0.0, 1.0, 2.0, 2.0, 12.0, 13.0]


async def test_a_gas_meter_whose_device_was_deleted_meanwhile(hass: HomeAssistant, house: House) -> None:
    """It is forgotten, and its values are new ones when it is back; then the entry is unloaded as ever."""
    for reading in (50.0, 51.0, 52.0):
        await uses(house, 100.0, **gas(house.clock, reading))
    away: dict[str, str | None] = {"0-1:24.1.0": None, "0-1:96.1.0": None, "0-1:24.2.1": None}
    await uses(house, 100.0, **away)
    entity = er.async_get(hass).async_get(GAS)
    assert entity is not None
    device = dr.async_get(hass).async_get(entity.device_id or "")
    assert isinstance(device, dr.DeviceEntry)
    assert await async_remove_config_entry_device(hass, house.entry, device)
    dr.async_get(hass).async_remove_device(device.id)
    await hass.async_block_till_done()
    assert er.async_get(hass).async_get(GAS) is None
    await house.lies_idle(11)
    await uses(house, 100.0, **away)
    for reading in (62.0, 63.0):
        await uses(house, 100.0, **gas(house.clock, reading))
    assert (await house.sums(GAS, "hour"))[-2:] == [12.0, 13.0]
    await house.off()
    assert house.entry.state is ConfigEntryState.NOT_LOADED
    await house.on()


async def test_a_register_of_a_persons_own(
    hass: HomeAssistant, entry: MockConfigEntry, house: House, fall_silent: FallSilent
) -> None:
    register = {"id": "pump", "code": "1-0:1.8.1", "name": "Pump", "kind": "number", "unit": "kWh"}
    register |= {"device_class": "energy", "state_class": "total"}
    hass.config_entries.async_update_entry(entry, options={CONF_REGISTERS: [register]})
    await begin(house)
    await fall_silent()
    await house.lies_idle(11)
    await go_on(house)
    assert await house.sums(OWN, "hour") == GOES_ON


async def test_another_meter_answers_for_weeks(house: House) -> None:
    """Its totals are not ours; then ours is back."""
    await begin(house)
    others = {"0-0:96.1.1": NEW_ID}
    for _ in range(2):
        await uses(house, 7.0, **others)
    await uses(house, 7.0, **others)
    assert get(house.hass, LOW).state == "unavailable"
    await house.lies_idle(11)
    await house.says({"1-0:1.8.1": "(000007.000*kWh)", **others})
    assert await house.sums(LOW) == []
    await go_on(house)
    assert (await house.sums(LOW, "hour"))[-2:] == [102.0, 103.0]


async def test_what_it_costs_goes_on(hass: HomeAssistant, house: House, fall_silent: FallSilent) -> None:
    """The sensor of the Energy dashboard begins anew when Home Assistant was off; its sum must not."""
    await house.says(gas(house.clock, 50.0))
    await pay(hass, number_energy_price=2.0)
    for reading in (51.0, 53.0):
        await uses(house, 100.0, **gas(house.clock, reading))
    assert await house.sums(COST, "hour") == [2.0, 6.0]
    await fall_silent()
    manager = await async_get_manager(hass)
    await manager.async_update({"energy_sources": []})  # type: ignore[typeddict-item]  # the rest stays as it is
    await hass.async_block_till_done()
    await house.lies_idle(11)
    await pay(hass, number_energy_price=2.0)
    assert await house.sums(COST) == []
    for reading in (63.0, 64.0):
        await uses(house, 100.0, **gas(house.clock, reading))
    # What 10 m³ have cost meanwhile, nobody has counted; 1 m³ since then.
    assert (await house.sums(COST, "hour"))[-2:] == [6.0, 8.0]
    assert (await house.sums(GAS, "hour"))[-2:] == [13.0, 14.0]


async def test_a_purge_between_the_telegram_and_the_next_row(
    hass: HomeAssistant, house: House, fall_silent: FallSilent
) -> None:
    await begin(house)
    await fall_silent()
    await house.lies_idle(11)
    await house.until(house.clock.now.replace(minute=3))
    await house.says({"1-0:1.8.1": "(000202.000*kWh)"})
    await house.purge()
    # The mark; two minutes are left until then.
    async_fire_time_changed(hass, house.clock.now + timedelta(minutes=2))
    await house.until(house.clock.now.replace(minute=0, second=15) + HOUR)
    await uses(house, 203.0)
    assert await house.sums(LOW, "hour") == GOES_ON


async def test_who_changes_statistics_is_not_waited_for(house: House, fall_silent: FallSilent) -> None:
    """An import of years holds them for minutes; the recorder sums up sooner."""
    await begin(house)
    await fall_silent()
    await house.lies_idle(11)
    period = house.clock.now.replace(second=0)
    async with house.entry.runtime_data.store.statistics:
        await house.says({"1-0:1.8.1": "(000202.000*kWh)"})
        get_instance(house.hass).queue_task(StatisticsTask(period, fire_events=False))
        await async_wait_recording_done(house.hass)
    assert (await house.sums(LOW))[-1] == 102.0


async def test_a_short_silence_changes_nothing(house: House, fall_silent: FallSilent) -> None:
    await begin(house)
    rows = await house.sums(LOW)
    await fall_silent()
    await house.says({"1-0:1.8.1": "(000102.500*kWh)"})
    await async_wait_recording_done(house.hass)
    assert await house.sums(LOW) == rows
    await house.pass_time(300)
    assert await house.sums(LOW) == [*rows, 2.5]


@pytest.mark.parametrize("days", [11, 45])
@pytest.mark.parametrize("new", [7.0, 30_000.0], ids=["down", "up"])
async def test_a_gas_meter_that_is_replaced_in_the_silence(
    house: House, fall_silent: FallSilent, days: int, new: float
) -> None:
    await house.pass_time(60)
    for reading in (51.0, 51.2):
        await house.says(gas(house.clock, reading))
        await house.pass_time(3600)
    await fall_silent()
    await house.lies_idle(days)
    for _ in range(3):
        await house.says(gas(house.clock, new, NEW_GAS_ID))
        await house.pass_time(300)
    await house.says(gas(house.clock, new + 0.5, NEW_GAS_ID))
    await house.pass_time(3600)
    assert house.pending == []
    assert (await house.sums(GAS, "hour"))[-1] == 0.7
