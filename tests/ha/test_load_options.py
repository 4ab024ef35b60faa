"""The part of the dialog behind the cogwheel about what all loads keep to."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from homeassistant.data_entry_flow import FlowResultType, InvalidData
import pytest

from custom_components.p1meter.load_settings import SiteConfig, site_config
from custom_components.p1meter.meter.profiles import profile
from tests.compose import nl5
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

from .dialogs import said
from .forms import cogwheel, complaint, fill_in, suggested

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import SetUp

# The fuse that a meter is set to; 999 stands for none.
FUSE = {"1-0:31.4.0": "(025*A)"}
NO_FUSE = {"1-0:31.4.0": "(999*A)"}


def limits(entry: MockConfigEntry) -> SiteConfig:
    """Return what was chosen for a meter in the Netherlands."""
    return site_config(entry.options, profile("nl5", "NL"))


async def test_nothing_needs_to_be_chosen(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await cogwheel(hass, entry, "loads")
    # A limit by the month's peak is there by default, but this meter sends none.
    assert suggested(form) == {"fuse_margin": 1, "demand": "off", "priority": "fair"}
    assert said(form, "options").endswith("Your meter does not say what the main fuse is.")
    await fill_in(hass, form)
    assert dict(entry.options) == {"demand": "off"}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (FUSE, "Your meter says that the main fuse is 25 A."),
        (NO_FUSE, "Your meter does not say what the main fuse is."),
    ],
)
async def test_the_fuse_that_the_meter_names_is_shown(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, line: dict[str, str], sentence: str
) -> None:
    assert entry.options == {}
    await set_up(nl5({**line}))
    assert said(await cogwheel(hass, entry, "loads"), "options").endswith(sentence)


async def test_a_fuse_and_who_goes_first(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(entry, options={"interval": 20})
    form = await cogwheel(hass, entry, "loads")
    prices = {"price_buy_entity": "sensor.buy", "price_sell_entity": "input_number.sell"}
    await fill_in(hass, form, fuse=25, fuse_margin=2.5, priority="strict", **prices)
    assert dict(entry.options) == {
        "interval": 20,
        "fuse_a": 25,
        "fuse_margin_a": 2.5,
        "priority": "strict",
        "demand": "off",
        **prices,
    }
    # All of it comes back, and all of it can be taken back.
    form = await cogwheel(hass, entry, "loads")
    assert suggested(form) == {"fuse": 25, "fuse_margin": 2.5, "priority": "strict", "demand": "off", **prices}
    await fill_in(hass, form, fuse=None, fuse_margin=1, priority="fair", price_buy_entity=None, price_sell_entity=None)
    assert dict(entry.options) == {"interval": 20, "demand": "off"}


async def test_a_fuse_that_nobody_could_watch_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    # DSMR 2 tells nothing of the phases.
    await set_up(SYSTEMS["nl2"].compose(Household(start=datetime(2026, 11, 20, 19, tzinfo=ZONE), system="nl2")))
    form = await fill_in(hass, await cogwheel(hass, entry, "loads"), fuse=25)
    assert complaint(form).startswith("Your meter does not say what flows in each phase")
    assert suggested(form)["fuse"] == 25
    await fill_in(hass, form, fuse=None)
    assert dict(entry.options) == {"demand": "off"}


async def test_a_number_of_ones_own(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await fill_in(hass, await cogwheel(hass, entry, "loads"), demand="own")
    assert form["step_id"] == "demand_own"
    # Something, or the frontend would fill in the smallest there is.
    assert suggested(form) == {"target": 2.5, "window": "900"}
    await fill_in(hass, form, target=4.2, window="3600")
    assert dict(entry.options) == {"demand": "own", "target_w": 4200, "window_s": 3600}
    site = limits(entry).site(period_s=1, stale_s=10, meter_fuse_a=None)
    assert (site.target_w, site.window_s) == (4200, 3600)
    form = await fill_in(hass, await cogwheel(hass, entry, "loads"))
    assert suggested(form) == {"target": 4.2, "window": "3600"}
    # Without a limit nothing of it is left.
    await fill_in(hass, await cogwheel(hass, entry, "loads"), demand="off")
    assert dict(entry.options) == {"demand": "off"}


async def test_the_month_peak_of_flanders_is_there_by_default(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    await set_up(SYSTEMS["be"].compose(Household(start=datetime(2026, 11, 20, 19, tzinfo=ZONE), system="be")))
    form = await cogwheel(hass, entry, "loads")
    assert suggested(form)["demand"] == "month_peak"
    form = await fill_in(hass, form)
    assert form["step_id"] == "demand_month_peak"
    assert suggested(form) == {"target_floor": 2.5, "window": "900", "peak_count": 1}
    await fill_in(hass, form)
    assert limits(entry) == SiteConfig(demand="month_peak")
    await hass.async_block_till_done()
    form = await fill_in(hass, await cogwheel(hass, entry, "loads"))
    await fill_in(hass, form, target_floor=3, peak_count=2)
    assert limits(entry) == SiteConfig(demand="month_peak", target_floor_w=3000, peak_count=2)


async def test_in_sweden_the_dialog_shows_the_hour_that_is_at_work(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    hass.config.country = "SE"
    await set_up(SYSTEMS["h1"].compose(Household(start=datetime(2026, 11, 20, 19, tzinfo=ZONE), system="h1")))
    form = await fill_in(hass, await cogwheel(hass, entry, "loads"), demand="own")
    assert suggested(form) == {"target": 2.5, "window": "3600"}
    await fill_in(hass, form, window="900")
    assert dict(entry.options) == {"demand": "own", "target_w": 2500, "window_s": 900}


async def test_a_meter_without_month_peak_finds_several_by_itself(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await fill_in(hass, await cogwheel(hass, entry, "loads"), demand="month_peak")
    form = await fill_in(hass, form, target_floor=1, window="3600")
    assert complaint(form).startswith("Your meter does not send the peak of the month.")
    assert suggested(form) == {"target_floor": 1, "window": "3600", "peak_count": 1}
    # Sweden: the mean of the three highest hours.
    await fill_in(hass, form, peak_count=3)
    assert limits(entry) == SiteConfig(demand="month_peak", target_floor_w=1000, window_s=3600, peak_count=3)
    assert suggested(await cogwheel(hass, entry, "loads"))["demand"] == "month_peak"


@pytest.mark.parametrize("wrong", [{"fuse": 0}, {"fuse_margin": -1}, {"demand": "everything"}])
async def test_what_makes_no_sense_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, wrong: dict[str, Any]
) -> None:
    form = await cogwheel(hass, entry, "loads")
    with pytest.raises(InvalidData):
        await fill_in(hass, form, **wrong)
    assert (await fill_in(hass, form))["type"] is FlowResultType.CREATE_ENTRY


async def test_the_meter_takes_up_new_limits_by_itself(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    await set_up()
    before = entry.runtime_data
    await fill_in(hass, await cogwheel(hass, entry, "loads"), fuse=16)
    await hass.async_block_till_done()
    assert entry.runtime_data is not before
