"""The dialog about gaps: what is listed, spread, taken back, and done by itself from then on; with a real recorder."""

from typing import TYPE_CHECKING

from homeassistant.data_entry_flow import FlowResultType
import pytest

from custom_components.p1meter.const import CONF_SPREAD_GAPS

from .dialogs import said
from .forms import choices, cogwheel, fill_in, suggested
from .houses import IMPORT, House
from .test_gap_filling import AS_IT_CAME, GATHERED, SPREAD, live_through_a_gap, low, sums

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import SetUp

pytestmark = pytest.mark.usefixtures("in_amsterdam")

WAY = ("history", "gaps")


@pytest.mark.recorder
async def test_a_gap_is_spread_and_taken_back(hass: HomeAssistant, entry: MockConfigEntry, house: House) -> None:
    await live_through_a_gap(house)
    form = await cogwheel(hass, entry, *WAY)
    assert said(form, "options").startswith("Hours without Home Assistant")
    ((gap, label),) = choices(form, "gaps").items()
    assert label == "2026-02-07 15:25 \u2013 20:10 (4:45 h): Import low tariff 5.7 kWh; Import 5.7 kWh"
    assert suggested(form) == {"gaps": [], "spread_new": False}
    done = await fill_in(hass, form, gaps=[gap])
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert await sums(house) == SPREAD
    assert await sums(house, IMPORT) == SPREAD
    hass.config.language = "nl"
    (dutch,) = choices(await cogwheel(hass, entry, *WAY), "gaps").values()
    assert dutch.endswith(": Import low tariff 5,7 kWh; Import 5,7 kWh")
    hass.config.language = "en"
    # It is shown as spread, and nothing is done that is not asked for.
    form = await cogwheel(hass, entry, *WAY)
    assert choices(form, "gaps") == {gap: label}
    assert suggested(form) == {"gaps": [gap], "spread_new": False}
    await fill_in(hass, form)
    assert await sums(house) == SPREAD
    await fill_in(hass, await cogwheel(hass, entry, *WAY), gaps=[])
    assert await sums(house) == GATHERED
    assert dict(entry.options) == {}


@pytest.mark.recorder
async def test_new_gaps_are_spread_from_then_on(hass: HomeAssistant, entry: MockConfigEntry, house: House) -> None:
    await live_through_a_gap(house)
    form = await cogwheel(hass, entry, *WAY)
    await fill_in(hass, form, spread_new=True)
    await hass.async_block_till_done()
    assert dict(entry.options) == {CONF_SPREAD_GAPS: "2026-02-07T20:10:15+00:00"}
    # The old one is not touched.
    assert await sums(house) == AS_IT_CAME
    await low(house, "20:18:00", 108.0)
    await house.until(house.at("20:22:00"))
    await house.off()
    await house.until(house.at("22:08:00"))
    await house.on()
    await low(house, "22:08:05", 109.05)
    await house.until(house.at("23:00:15"))
    # 1.05 kWh in 105 minutes, from 20:25 to 22:10: 0.01 kWh in each.
    used = await sums(house)
    assert {hour: used[hour] for hour in (19, 20, 21, 22)} == {19: 8.0, 20: 8.35, 21: 8.95, 22: 9.05}
    form = await cogwheel(hass, entry, *WAY)
    assert list(choices(form, "gaps").values()) == [
        "2026-02-07 21:25 \u2013 23:10 (1:45 h): Import low tariff 1.05 kWh; Import 1.05 kWh",
        "2026-02-07 15:25 \u2013 20:10 (4:45 h): Import low tariff 5.7 kWh; Import 5.7 kWh",
    ]
    new, old = choices(form, "gaps")
    assert suggested(form) == {"gaps": [new], "spread_new": True}
    # Both by hand, and never again by itself.
    await fill_in(hass, form, gaps=[old], spread_new=False)
    await hass.async_block_till_done()
    await house.settle()
    used = await sums(house)
    assert {hour: used[hour] for hour in (14, 18, 19, 20, 21, 22)} == {
        14: 2.0,
        18: 6.8,
        19: 8.0,
        20: 8.0,
        21: 8.0,
        22: 9.05,
    }
    assert dict(entry.options) == {}


@pytest.mark.recorder
async def test_a_house_without_gaps(hass: HomeAssistant, entry: MockConfigEntry, house: House) -> None:
    await low(house, "12:05:00", 100.0)
    form = await cogwheel(hass, entry, *WAY)
    assert said(form, "options").startswith("There is no gap in the last year")
    assert suggested(form) == {"spread_new": False}
    await fill_in(hass, form)
    assert dict(entry.options) == {}


@pytest.mark.recorder
async def test_gaps_of_more_than_a_day(hass: HomeAssistant, entry: MockConfigEntry, house: House) -> None:
    await low(house, "12:05:00", 100.0)
    await house.until(house.at("13:00:15"))
    await house.off()
    house.clock.tick(4 * 86_400)
    house._summed_up = house.clock.now.replace(second=0)
    await house.on()
    await house.says({"1-0:1.8.1": "(000196.000*kWh)", "1-0:1.8.2": "(000000.000*kWh)"})
    await house.pass_time(3600)
    form = await cogwheel(hass, entry, *WAY)
    (label,) = choices(form, "gaps").values()
    assert label == "2026-02-07 14:00 \u2013 2026-02-11 14:05 (96:05 h): Import low tariff 96 kWh; Import 96 kWh"


async def test_without_a_recorder_there_is_nothing_to_be_done(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    await set_up()
    for step in ("gaps", "joints"):
        assert said(await cogwheel(hass, entry, "history", step), "options").startswith(
            "This needs Home Assistant\u2019s recorder"
        )


@pytest.mark.recorder
async def test_nor_while_the_meter_is_not_set_up(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert said(await cogwheel(hass, entry, *WAY), "options").startswith("This needs Home Assistant\u2019s recorder")
