"""The dialog about meters that were replaced: what is listed, and what is counted as use after all."""

from typing import TYPE_CHECKING

from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.p1meter.memory import Joint

from .dialogs import said
from .forms import choices, cogwheel, fill_in, suggested
from .houses import GAS, NEW_ID, House, replace_gas_meter

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry


pytestmark = [pytest.mark.recorder, pytest.mark.usefixtures("in_amsterdam")]

WAY = ("history", "joints")


async def test_a_replaced_meter_is_listed_and_counted_again(
    hass: HomeAssistant, entry: MockConfigEntry, house: House
) -> None:
    await replace_gas_meter(house, 7.0)
    form = await cogwheel(hass, entry, *WAY)
    assert said(form, "options").startswith("The difference between the last reading")
    ((meter, label),) = choices(form, "replaced").items()
    # It is believed with the third reading: after 60 s and four times five minutes.
    assert label == "2026-02-07 13:21: Gas 51.2 → 7 m³"
    hass.config.language = "nl"
    (dutch,) = choices(await cogwheel(hass, entry, *WAY), "replaced").values()
    assert dutch == "2026-02-07 13:21: Gas 51,2 → 7 m³"
    hass.config.language = "en"
    assert suggested(form) == {"replaced": [meter]}
    done = await fill_in(hass, form, replaced=[])
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert dict(entry.options) == {}
    assert await house.sums(GAS) == [0, 0.2, 0.2, 7.5, 7.6]
    form = await cogwheel(hass, entry, *WAY)
    assert choices(form, "replaced") == {meter: label}
    assert suggested(form) == {"replaced": []}
    # That was a mistake.
    await fill_in(hass, form, replaced=[meter])
    assert await house.sums(GAS) == [0, 0.2, 0.2, 0.5, 0.6]
    await fill_in(hass, await cogwheel(hass, entry, *WAY))
    assert await house.sums(GAS) == [0, 0.2, 0.2, 0.5, 0.6]


async def test_all_totals_of_a_meter_are_one_line(hass: HomeAssistant, entry: MockConfigEntry, house: House) -> None:
    others: dict[str, str | None] = {"1-0:1.8.2": "(000000.000*kWh)", "1-0:2.8.2": "(000000.000*kWh)"}
    new_meter = {**others, "0-0:96.1.1": NEW_ID, "1-0:1.8.1": "(000000.000*kWh)", "1-0:2.8.1": "(000003.500*kWh)"}
    await house.pass_time(60)
    await house.says({**others, "1-0:1.8.1": "(005001.200*kWh)", "1-0:2.8.1": "(000900.000*kWh)"})
    await house.pass_time(300)
    for _ in range(3):
        await house.says(new_meter)
    await house.replace()
    await house.pass_time(60)
    await house.says(new_meter)
    # The recorder has not summed it up yet.
    form = await cogwheel(hass, entry, *WAY)
    assert form["step_id"] == "joints_waiting"
    assert "- 2026-02-07 13:06: Import low tariff\n" in said(form, "options")
    assert "What is taken out is then listed here. If one of these" in said(form, "options")
    assert suggested(form) == {}
    assert (await fill_in(hass, form))["type"] is FlowResultType.CREATE_ENTRY
    await house.pass_time(600)
    er.async_get(hass).async_update_entity("sensor.iskra_am550_import_low_tariff", name="Night")
    form = await cogwheel(hass, entry, *WAY)
    assert form["step_id"] == "joints"
    (label,) = choices(form, "replaced").values()
    assert label.startswith("2026-02-07 13:06: ")
    assert set(label.removeprefix("2026-02-07 13:06: ").split("; ")) == {
        "Night 5001.2 → 0 kWh",
        "Import 5001.2 → 0 kWh",
        "Export low tariff 900 → 3.5 kWh",
        "Export 900 → 3.5 kWh",
    }


async def test_one_that_waits_stands_beside_one_that_is_out(
    hass: HomeAssistant, entry: MockConfigEntry, house: House
) -> None:
    await replace_gas_meter(house, 7.0)
    house.pending.append(Joint("water_water", house.clock.now))
    form = await cogwheel(hass, entry, *WAY)
    assert form["step_id"] == "joints_waiting"
    # A sensor that is gone has no name any more.
    assert "- 2026-02-07 13:31: water_water\n" in said(form, "options")
    await fill_in(hass, form, replaced=[])
    assert (await house.sums(GAS))[-1] == 7.6
    house.pending.clear()


async def test_no_meter_was_replaced(hass: HomeAssistant, entry: MockConfigEntry, house: House) -> None:
    await house.says({})
    assert said(await cogwheel(hass, entry, *WAY), "options").startswith("No meter has been replaced")
