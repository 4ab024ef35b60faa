"""What is learned outlives a restart, and writing it does not wear out the memory card."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import CoreState
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.memory import Memory, Slot
from custom_components.p1meter.store import MeterStore
from tests.compose import ELECTRICITY_ID, GAS_ID, nl5

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import Say, SetUp


async def test_nothing_is_known_at_first(hass: HomeAssistant, hass_storage: dict[str, Any]) -> None:
    store = MeterStore(hass, "an entry")
    await store.async_load()
    assert store.memory == Memory()
    assert hass_storage == {}


async def test_what_is_learned_is_written_soon(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, hass_storage: dict[str, Any]
) -> None:
    await set_up()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(seconds=15))
    await hass.async_block_till_done()
    kept = hass_storage[f"{DOMAIN}.{entry.entry_id}"]
    assert kept["version"] == 1
    data = kept["data"]
    assert data["ident"] == "ISK5\\2M550T-1013"
    assert data["profile"] == {"name": "nl5", "country": "NL", "version": "5.0"}
    assert data["ids"] == {"electricity": ELECTRICITY_ID, "gas": GAS_ID}
    assert {"role": "gas", "key": "gas", "unit": "m3", "number": True, "computed": False} in data["slots"]
    assert data["totals"]["electricity_import_tariff_1"] == ["4512.345", "kWh"]


@pytest.mark.usefixtures("hass_storage")
async def test_what_was_written_is_known_again(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    meter = await set_up()
    await hass.config_entries.async_unload(entry.entry_id)
    store = MeterStore(hass, entry.entry_id)
    await store.async_load()
    assert store.memory == meter.memory
    assert store.memory.slots["electricity_voltage_l2"] == Slot("electricity", "voltage_l2", "V", number=True)


async def test_totals_are_written_at_most_every_hour(
    hass: HomeAssistant, entry: MockConfigEntry, hass_storage: dict[str, Any]
) -> None:
    store = MeterStore(hass, entry.entry_id)
    key = f"{DOMAIN}.{entry.entry_id}"
    start = dt_util.utcnow()
    for minute in range(0, 60, 5):
        store.memory.ident = f"minute {minute}"
        store.async_save_later()
        async_fire_time_changed(hass, start + timedelta(minutes=minute))
        await hass.async_block_till_done()
        assert key not in hass_storage
    async_fire_time_changed(hass, start + timedelta(minutes=61))
    await hass.async_block_till_done()
    assert hass_storage[key]["data"]["ident"] == "minute 55"
    # And again after that.
    store.memory.ident = "later"
    store.async_save_later()
    async_fire_time_changed(hass, start + timedelta(minutes=122))
    await hass.async_block_till_done()
    assert hass_storage[key]["data"]["ident"] == "later"


async def test_news_without_end_does_not_put_the_writing_off(
    hass: HomeAssistant, entry: MockConfigEntry, hass_storage: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # In real time: the harness' own clock cannot tell a delay from one that was put off.
    monkeypatch.setattr("custom_components.p1meter.store._SOON", 0.2)
    store = MeterStore(hass, entry.entry_id)
    for _ in range(100):
        store.async_save_soon()
        await asyncio.sleep(0.02)
        if f"{DOMAIN}.{entry.entry_id}" in hass_storage:
            return
    pytest.fail("nothing was written while there was news")


async def test_totals_are_written_when_home_assistant_stops(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    set_up: SetUp,
    say: Say,
    hass_storage: dict[str, Any],
) -> None:
    await set_up()
    await say(nl5({"1-0:1.8.1": "(004513.000*kWh)"}))
    hass.set_state(CoreState.final_write)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()
    data = hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]
    assert data["totals"]["electricity_import_tariff_1"] == ["4513.000", "kWh"]
