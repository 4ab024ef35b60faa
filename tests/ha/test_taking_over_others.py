"""Taking over what HomeWizard, ESPHome, DSMR-reader and those that are gone have left; with a real recorder."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.components.energy.data import async_get_manager
from homeassistant.config_entries import HANDLERS, ConfigEntryDisabler, ConfigEntryState, ConfigFlow
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import (
    MockModule,
    mock_integration,
    mock_platform,
)

from custom_components.p1meter.takeable import async_offer
from custom_components.p1meter.taking_over import async_give_back, async_take_over
from tests.compose import GAS_ID, nl5

from .conftest import get
from .homes import FIRST, FIRST_GAS, LAST_HOUR, OUR_POWER, OURS, Home, left_by, number, record, record_mean

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant


pytestmark = pytest.mark.recorder


async def test_homewizard_is_switched_off_as_a_whole(hass: HomeAssistant, home: Home) -> None:
    await home.add()
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
    offer = await async_offer(hass, home.entry)
    assert {one.pair.old.entity_id: one.pair.slot for one in offer.candidates} == {
        "sensor.p1_low": "electricity_import_tariff_1",
        "sensor.p1_power": "electricity_power",
        "sensor.p1_gas": "gas_gas",
    }
    # This has to be said.
    assert [one.entity_id for one in offer.without] == ["sensor.p1_wifi"]
    assert offer.entries == [entry]
    await home.take_over()
    assert entry.disabled_by is ConfigEntryDisabler.USER
    await home.tell_us()
    assert number(hass, "sensor.p1_power") == 1193
    assert number(hass, "sensor.p1_low") == FIRST
    home.clock.tick(60)
    # So much is worth a state at once.
    home.used += 5
    await home.tell_us()
    await home.sum_up()
    # A year ago it had come to 1000.5.
    assert (await home.rows("sensor.p1_low", "5minute"))[-1].sum == pytest.approx(1005.5)


async def test_an_esphome_device_goes_on_with_what_else_it_does(
    hass: HomeAssistant, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    await home.add()
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
        await home.take_over()
    assert entry.disabled_by is None
    await home.tell_us()
    # Automations know it in W; the meter says kW. And the total in Wh.
    assert get(hass, "sensor.reader_power_consumed").attributes["unit_of_measurement"] == "W"
    assert number(hass, "sensor.reader_power_consumed") == 1193
    assert number(hass, "sensor.reader_energy_consumed_tariff_1") == FIRST * 1000
    assert registry.entities["sensor.reader_temperature"].disabled_by is None
    theirs = registry.entities[OUR_POWER]
    assert (theirs.platform, theirs.disabled_by) == ("esphome", er.RegistryEntryDisabler.USER)
    set_up_before = len(set_ups)
    await async_give_back(hass, home.entry)
    await hass.async_block_till_done()
    # It has to be set up anew to have its entities back.
    assert len(set_ups) == set_up_before + 1
    # It does not need our port.
    assert home.entry.state is ConfigEntryState.LOADED
    theirs = registry.entities["sensor.reader_power_consumed"]
    assert (theirs.platform, theirs.disabled_by) == ("esphome", None)
    assert "unit_of_measurement" not in theirs.options["sensor"]
    assert registry.entities[OUR_POWER].disabled_by is None
    await home.tell_us()
    assert number(hass, OUR_POWER) == 1.193


async def test_an_entity_that_does_not_go_is_left_as_it_was(
    hass: HomeAssistant, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.p1meter.taking_over._PATIENCE", 0)
    await home.add()
    entity_id = "sensor.reader_energy_consumed_tariff_1"
    await left_by(hass, "esphome", {entity_id: ("A0-sensor-ect1", "kWh", "energy", FIRST)})
    hass.states.async_set(entity_id, str(FIRST), {"unit_of_measurement": "kWh"})
    offered = await home.offered()
    with patch("custom_components.p1meter.taking_over.entity_sources", return_value={entity_id: {}}):
        failed = await async_take_over(hass, home.entry, offered.values())
    assert [one.pair.slot for one in failed] == ["electricity_import_tariff_1"]
    entity = er.async_get(hass).entities[entity_id]
    assert (entity.platform, entity.disabled_by) == ("esphome", None)
    # The registry refuses.
    offered = await home.offered()
    with patch.object(er.EntityRegistry, "async_update_entity_platform", side_effect=ValueError):
        assert len(await async_take_over(hass, home.entry, offered.values())) == 1
    await home.tell_us()
    assert number(hass, OURS) == FIRST


def _as_a_device_does(hass: HomeAssistant, update: Any) -> Any:
    """An entity that is disabled goes by itself."""

    def update_and_go(entity_id: str, **changes: Any) -> Any:
        if changes.get("disabled_by") is er.RegistryEntryDisabler.USER:
            hass.loop.call_soon(hass.states.async_remove, entity_id)
        return update(entity_id, **changes)

    return update_and_go


async def test_words_of_dsmr_reader_are_not_those_of_ours(hass: HomeAssistant, home: Home) -> None:
    await home.add()
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
    offered = await home.offered()
    assert {slot: one.pair.same_words for slot, one in offered.items()} == {
        "electricity_import_tariff_1": True,
        "electricity_tariff": False,
        "gas_gas": True,
    }


async def test_only_statistics_are_left(hass: HomeAssistant, home: Home) -> None:
    """The integration was deleted a month ago; nothing is in the registry any more."""
    await home.add()
    record(hass, "sensor.energy_consumption_tarif_1", "kWh", FIRST - 200, LAST_HOUR - timedelta(days=30))
    record(hass, "sensor.other_house_energy_consumption", "kWh", 90_000.0, LAST_HOUR - timedelta(days=30))
    offered = await home.offered()
    assert [one.pair.old.entity_id for one in offered.values()] == ["sensor.energy_consumption_tarif_1"]
    shown = offered["electricity_import_tariff_1"].old_shown
    assert (shown.text, shown.at) == ("4312.345 kWh", datetime(2026, 1, 8, 12, 0, tzinfo=UTC))
    # 200 kWh in a month: a person has to say so.
    assert not offered["electricity_import_tariff_1"].pair.is_sure
    await home.take_over()
    await home.tell_us()
    assert number(hass, "sensor.energy_consumption_tarif_1") == FIRST
    assert hass.states.get(OURS) is None
    home.clock.tick(60)
    home.used += 5
    await home.tell_us()
    await home.sum_up()
    # 200 kWh were used while nobody counted.
    rows = await home.rows("sensor.energy_consumption_tarif_1", "5minute")
    assert rows[-1].sum == pytest.approx(1205.5)
    await async_give_back(hass, home.entry)
    await home.tell_us()
    assert number(hass, OURS) == pytest.approx(FIRST + 5)
    assert hass.states.get("sensor.energy_consumption_tarif_1") is None
    # And once more.
    await home.take_over()
    await home.tell_us()
    assert number(hass, "sensor.energy_consumption_tarif_1") == pytest.approx(FIRST + 5)


async def test_what_is_left_of_a_plug_is_not_the_meters(hass: HomeAssistant, home: Home) -> None:
    await home.add()
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
    assert await home.offered() == {}
    # As the registry does when the integration is deleted; here it cannot be loaded.
    er.async_get(hass).async_clear_config_entry(plug.entry_id)
    assert await home.offered() == {}


async def test_what_is_gone_is_proven_by_what_is_left_of_the_same_device(hass: HomeAssistant, home: Home) -> None:
    await home.add()
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
    offered = await home.offered()
    # 87.65 kWh of the other tariff cannot be used in an hour; the dishwasher is another device.
    assert {slot: one.pair.old.entity_id for slot, one in offered.items()} == {
        "electricity_import_tariff_1": "sensor.reader_energy_consumed_tariff_1",
        "electricity_power_import": "sensor.reader_power_consumed",
    }
    assert all(one.pair.is_sure for one in offered.values())


async def test_a_total_of_zero_is_a_reading(hass: HomeAssistant, home: Home) -> None:
    with patch.object(home, "telegram", return_value=nl5({"1-0:2.8.1": "(000000.000*kWh)"})):
        await home.add()
    await left_by(
        hass,
        "homewizard",
        {
            "sensor.p1_low": ("HWE-P1_5c2f_total_power_import_t1_kwh", "kWh", "energy", FIRST),
            "sensor.p1_export": ("HWE-P1_5c2f_total_power_export_t1_kwh", "kWh", "energy", 0.0),
        },
    )
    offered = await home.offered()
    export = offered["electricity_export_tariff_1"]
    assert (export.pair.old.amount, export.old_shown.text, export.pair.is_sure) == (0, "0 kWh", True)


async def test_statistics_that_somebody_uses_meanwhile_are_not_taken(hass: HomeAssistant, home: Home) -> None:
    await home.add()
    record(hass, "sensor.energy_consumption_tarif_1", "kWh", FIRST - 200, LAST_HOUR - timedelta(days=30))
    offered = await home.offered()
    er.async_get(hass).async_get_or_create("sensor", "template", "1", suggested_object_id="energy_consumption_tarif_1")
    failed = await async_take_over(hass, home.entry, offered.values())
    assert [one.pair.slot for one in failed] == ["electricity_import_tariff_1"]
    await home.tell_us()
    assert number(hass, OURS) == FIRST


async def test_ours_that_was_disabled_is_enabled_in_the_other_ones_place(hass: HomeAssistant, home: Home) -> None:
    """The sum of the tariffs is one of those that few want, and HomeWizard's default."""
    await home.add()
    total = FIRST + 3987.650
    await left_by(
        hass, "homewizard", {"sensor.p1_total": ("HWE-P1_5c2f_total_power_import_kwh", "kWh", "energy", total)}
    )
    await home.take_over()
    await home.tell_us()
    assert number(hass, "sensor.p1_total") == pytest.approx(total)


async def test_what_the_dashboard_had_of_ours_follows(hass: HomeAssistant, home: Home) -> None:
    assert await async_setup_component(hass, "energy", {})
    await home.add()
    manager = await async_get_manager(hass)
    source: Any = {"type": "gas", "stat_energy_from": "sensor.gas_meter_gas", "stat_cost": None}
    source |= {"entity_energy_price": None, "number_energy_price": None}
    update: Any = {"energy_sources": [source]}
    await manager.async_update(update)
    await left_by(hass, "homewizard", {"sensor.p1_gas": (f"homewizard_gas_meter_{GAS_ID}", "m³", "gas", FIRST_GAS)})
    await home.take_over()
    assert manager.data is not None
    assert manager.data["energy_sources"][0]["stat_energy_from"] == "sensor.p1_gas"


async def test_loads_follow_to_the_new_id(hass: HomeAssistant, home: Home) -> None:
    await home.add()
    # Nobody would do so; but what a load was given may be ours as well as anybody's.
    options = {"price_buy_entity": "sensor.iskra_am550_power"}
    hass.config_entries.async_update_entry(home.entry, options=options)
    await hass.async_block_till_done()
    await home.tell_us()
    await left_by(
        hass,
        "homewizard",
        {
            "sensor.p1_low": ("HWE-P1_5c2f_total_power_import_t1_kwh", "kWh", "energy", FIRST),
            "sensor.p1_power": ("HWE-P1_5c2f_active_power_w", "W", "power", None),
        },
    )
    await home.take_over()
    assert home.entry.options == {"price_buy_entity": "sensor.p1_power"}


async def test_without_a_recorder_there_is_nothing_to_take_over(hass: HomeAssistant, home: Home) -> None:
    await home.add()
    hass.config.components.remove("recorder")
    offer = await async_offer(hass, home.entry)
    assert (offer.candidates, offer.entries, offer.without) == ([], [], [])
    hass.config.components.add("recorder")
