"""The dialogs in which p1meter takes over from core's `dsmr`, which really runs."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from unittest.mock import patch

from homeassistant.components.recorder.models import StatisticData, StatisticMeanType, StatisticMetaData
from homeassistant.components.recorder.statistics import async_import_statistics, statistics_during_period
from homeassistant.config_entries import SOURCE_USER, ConfigEntryDisabler, ConfigEntryState, OperationNotAllowed
from homeassistant.const import CONF_PORT
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.history_import import NotWrittenError
from tests.compose import ELECTRICITY_ID, nl5

from .dialogs import choose, heard, said, speaking, start, start_reconfigure, until
from .forms import choices, cogwheel, fill_in
from .homes import LOW, TARIFF, until_dsmr_reads

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant

    from tests.simulation.meter import Cable

pytestmark = [pytest.mark.recorder, pytest.mark.usefixtures("patience", "everything_unloaded")]


async def agree(hass: HomeAssistant, offer: ConfigFlowResult) -> ConfigFlowResult:
    """Let p1meter listen in place of the other one."""
    assert offer["step_id"] == "free_port", said(offer)
    return await heard(hass, await hass.config_entries.flow.async_configure(offer["flow_id"], {}))


async def add(hass: HomeAssistant, cable: Cable) -> ConfigFlowResult:
    """Add the meter on the port that `dsmr` has; return what the dialog ends with."""
    found = await agree(hass, await choose(hass, await start(hass), cable.link))
    assert found["step_id"] == "found", said(found)
    return await hass.config_entries.flow.async_configure(found["flow_id"], {})


async def following(hass: HomeAssistant, added: ConfigFlowResult) -> ConfigFlowResult:
    """Go on as the frontend does: with an options dialog of its own."""
    return await hass.config_entries.options.async_init(added["result"].entry_id, context={"source": SOURCE_USER})


# --- a port that `dsmr` has -------------------------------------------------------------------------------------------


async def test_dsmr_is_paused_and_then_replaced(hass: HomeAssistant, cable: Cable, dsmr: MockConfigEntry) -> None:
    offer = await choose(hass, await start(hass), cable.link)
    assert said(offer).startswith(f"{cable.link} is read by DSMR (DSMR Smart Meter)")
    # Nothing has happened yet.
    assert dsmr.state is ConfigEntryState.LOADED
    async with speaking(cable.write, nl5()):
        found = await agree(hass, offer)
        assert (dsmr.state, dsmr.disabled_by) == (ConfigEntryState.NOT_LOADED, None)
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
        assert added["type"] is FlowResultType.CREATE_ENTRY
        assert dsmr.disabled_by is ConfigEntryDisabler.USER
        await until(lambda: added["result"].state is ConfigEntryState.LOADED)
    assert added["result"].runtime_data.memory.switched_off == [dsmr.entry_id]


async def test_dsmr_goes_on_where_no_meter_is_found(hass: HomeAssistant, cable: Cable, dsmr: MockConfigEntry) -> None:
    silent = await agree(hass, await choose(hass, await start(hass), cable.link))
    assert (silent["step_id"], silent["errors"]) == ("user", {"base": "heard_nothing"})
    assert dsmr.state is ConfigEntryState.LOADED
    await until_dsmr_reads(hass, cable)
    # The same dialog may try again.
    async with speaking(cable.write, nl5()):
        found = await agree(hass, await choose(hass, silent, cable.link))
    assert found["step_id"] == "found"


async def test_dsmr_goes_on_when_the_dialog_is_closed(hass: HomeAssistant, cable: Cable, dsmr: MockConfigEntry) -> None:
    async with speaking(cable.write, nl5()):
        found = await agree(hass, await choose(hass, await start(hass), cable.link))
    assert dsmr.state is ConfigEntryState.NOT_LOADED
    hass.config_entries.flow.async_abort(found["flow_id"])
    await until(lambda: dsmr.state is ConfigEntryState.LOADED)
    await until_dsmr_reads(hass, cable)


async def test_dsmr_goes_on_when_the_dialog_is_closed_while_listening(
    hass: HomeAssistant, cable: Cable, dsmr: MockConfigEntry
) -> None:
    offer = await choose(hass, await start(hass), cable.link)
    listening = await hass.config_entries.flow.async_configure(offer["flow_id"], {})
    assert listening["type"] is FlowResultType.SHOW_PROGRESS
    hass.config_entries.flow.async_abort(listening["flow_id"])
    await until(lambda: dsmr.state is ConfigEntryState.LOADED)
    await until_dsmr_reads(hass, cable)


async def test_dsmr_goes_on_when_the_tab_is_closed(hass: HomeAssistant, cable: Cable, dsmr: MockConfigEntry) -> None:
    async with speaking(cable.write, nl5()):
        await agree(hass, await choose(hass, await start(hass), cable.link))
    # Nobody says so: the dialog stays open.
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=9))
    await hass.async_block_till_done()
    assert dsmr.state is ConfigEntryState.NOT_LOADED
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=11))
    await until(lambda: dsmr.state is ConfigEntryState.LOADED)
    assert hass.config_entries.flow.async_progress() == []


async def test_whoever_does_not_go_on_without_having_paused_anything_may_take_his_time(
    hass: HomeAssistant, cable: Cable
) -> None:
    async with speaking(cable.write, nl5()):
        found = await choose(hass, await start(hass), cable.link)
    assert found["step_id"] == "found"
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=1))
    await hass.async_block_till_done()
    assert len(hass.config_entries.flow.async_progress()) == 1


async def test_dsmr_goes_on_where_the_meter_is_known_already(
    hass: HomeAssistant, cable: Cable, second_cable: Cable, dsmr: MockConfigEntry
) -> None:
    data = {CONF_PORT: str(second_cable.link), "line": "115200 8N1", "profile": "nl5"}
    MockConfigEntry(domain=DOMAIN, title="Mine", unique_id=ELECTRICITY_ID, data=data).add_to_hass(hass)
    async with speaking(cable.write, nl5()):
        known = await agree(hass, await choose(hass, await start(hass), cable.link))
    assert known["reason"] == "already_configured"
    await until(lambda: dsmr.state is ConfigEntryState.LOADED)


async def test_what_cannot_be_paused_keeps_its_port(hass: HomeAssistant, cable: Cable, dsmr: MockConfigEntry) -> None:
    offer = await choose(hass, await start(hass), cable.link)
    with patch.object(hass.config_entries, "async_unload", side_effect=OperationNotAllowed):
        form = await hass.config_entries.flow.async_configure(offer["flow_id"], {})
    assert form["errors"] == {"base": "port_used"}
    assert said(form).startswith(f"{cable.link} is already used by DSMR (DSMR Smart Meter)")
    assert dsmr.state is ConfigEntryState.LOADED


async def test_an_address_in_two_parts_is_the_same_port(hass: HomeAssistant) -> None:
    other = MockConfigEntry(domain="dsmr", title="DSMR", data={"host": "p1.lan", CONF_PORT: 2001})
    other.add_to_hass(hass)
    other.mock_state(hass, ConfigEntryState.LOADED)
    assert (await choose(hass, await start(hass), "socket://P1.lan:2001"))["step_id"] == "free_port"
    other.mock_state(hass, ConfigEntryState.NOT_LOADED)


async def test_a_meter_that_moves_to_the_port_of_dsmr_replaces_it(
    hass: HomeAssistant, cable: Cable, entry: MockConfigEntry, dsmr: MockConfigEntry, second_cable: Cable
) -> None:
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_PORT: str(second_cable.link)})
    async with speaking(cable.write, nl5()):
        moved = await agree(hass, await choose(hass, await start_reconfigure(hass, entry), cable.link))
        assert moved["reason"] == "reconfigure_successful"
        await until(lambda: entry.state is ConfigEntryState.LOADED)
    assert dsmr.disabled_by is ConfigEntryDisabler.USER
    assert entry.runtime_data.memory.switched_off == [dsmr.entry_id]


# --- after that -------------------------------------------------------------------------------------------------------


async def test_taking_over_is_offered_right_after_set_up_and_undone(
    hass: HomeAssistant, cable: Cable, dsmr: MockConfigEntry
) -> None:
    assert await async_setup_component(hass, "energy", {})
    await async_wait_recording_done(hass)
    registry = er.async_get(hass)
    registry.async_get_or_create("sensor", "dsmr", "lonely", suggested_object_id="lonely", config_entry=dsmr)
    async with speaking(cable.write, nl5()):
        added = await add(hass, cable)
        form = await following(hass, added)
        assert form["step_id"] == "take_over_choose"
        text = said(form, "options")
        assert "disabled as a whole:**\n- DSMR" in text
        assert "not in the list below and will show nothing any more:**\n- sensor.lonely" in text
        offered = choices(form, "pairs")
        label = offered["electricity_import_tariff_1"]
        assert label.startswith(f"{LOW}: 4512.345 kWh (")
        assert label.endswith("→ Import low tariff: 4512.345 kWh")
        hass.config.language = "nl"
        again = await cogwheel(hass, added["result"], "history", "take_over")
        dutch = choices(again, "pairs")["electricity_import_tariff_1"]
        assert dutch.startswith(f"{LOW}: 4512,345 kWh (")
        assert dutch.endswith("→ Import low tariff: 4512,345 kWh")
        hass.config.language = "en"
        assert "electricity_tariff" in offered
        done = await fill_in(hass, form, pairs=list(offered))
        assert done["step_id"] == "taken_over"
        assert f"- {LOW}" in said(done, "options")
        assert registry.entities[LOW].platform == DOMAIN
        energy = await fill_in(hass, done)
        # The dashboard gets what has the old id now.
        assert energy["step_id"] == "energy"
        assert LOW in choices(energy, "sources")

        entry = added["result"]
        undo = await cogwheel(hass, entry, "history", "take_over", "take_over_undo")
        text = said(undo, "options")
        assert f"- {LOW}" in text
        assert "Only one can read the port" in text
        assert (await fill_in(hass, undo))["reason"] == "given_back"
    assert entry.disabled_by is ConfigEntryDisabler.USER
    assert registry.entities[LOW].platform == "dsmr"
    await until_dsmr_reads(hass, cable)


@pytest.mark.usefixtures("dsmr")
async def test_whoever_takes_over_nothing_goes_on_to_the_dashboard(hass: HomeAssistant, cable: Cable) -> None:
    assert await async_setup_component(hass, "energy", {})
    await async_wait_recording_done(hass)
    async with speaking(cable.write, nl5()):
        added = await add(hass, cable)
        form = await following(hass, added)
        energy = await fill_in(hass, form, pairs=[])
        assert energy["step_id"].startswith("energy")
        # Behind the cogwheel it can be done later, and ends there.
        form = await cogwheel(hass, added["result"], "history", "take_over")
        assert form["step_id"] == "take_over_choose"
        done = await fill_in(hass, form, pairs=["electricity_import_tariff_1"])
        assert (await fill_in(hass, done))["type"] is FlowResultType.CREATE_ENTRY
        # And more of it after that.
        menu = await cogwheel(hass, added["result"], "history", "take_over")
        assert menu["menu_options"] == ["take_over_choose", "take_over_undo"]
        assert said(menu, "options").startswith("Entities of this meter")


@pytest.mark.usefixtures("dsmr")
async def test_what_could_not_be_taken_over_is_said(hass: HomeAssistant, cable: Cable) -> None:
    await async_wait_recording_done(hass)
    async with speaking(cable.write, nl5()):
        added = await add(hass, cable)
        form = await following(hass, added)
        er.async_get(hass).async_remove(TARIFF)
        done = await fill_in(hass, form, pairs=["electricity_tariff", "electricity_import_tariff_1"])
    assert done["step_id"] == "taken_over_partly"
    assert f"stay as they were:\n\n- {TARIFF}" in said(done, "options")


async def test_what_cannot_be_given_back_is_said(hass: HomeAssistant, cable: Cable, dsmr: MockConfigEntry) -> None:
    await async_wait_recording_done(hass)
    async with speaking(cable.write, nl5()):
        added = await add(hass, cable)
        form = await following(hass, added)
        await fill_in(hass, form, pairs=["electricity_import_tariff_1"])
        await hass.config_entries.async_remove(dsmr.entry_id)
        undo = await cogwheel(hass, added["result"], "history", "take_over", "take_over_undo")
        given_back = await fill_in(hass, undo)
    assert given_back["reason"] == "given_back_partly"
    assert LOW in said(given_back, "options")


@pytest.mark.usefixtures("dsmr")
async def test_the_statistics_may_be_copied_instead(hass: HomeAssistant, cable: Cable) -> None:
    start_of_hour = dt_util.utcnow().replace(minute=0, second=0, microsecond=0)
    rows = [
        StatisticData(start=start_of_hour - timedelta(hours=hours), state=4512.345 - hours, sum=100 - hours)
        for hours in (72, 71, 70)
    ]
    metadata = StatisticMetaData(
        mean_type=StatisticMeanType.NONE,
        has_sum=True,
        name=None,
        source="recorder",
        statistic_id=LOW,
        unit_class="energy",
        unit_of_measurement="kWh",
    )
    async_import_statistics(hass, metadata, rows)
    await async_wait_recording_done(hass)
    async with speaking(cable.write, nl5()):
        added = await add(hass, cable)
        form = await following(hass, added)
        chosen = ["electricity_import_tariff_1", "electricity_tariff"]
        # The recorder goes on from there with the first row that it makes of ours.
        copied = await fill_in(hass, form, pairs=chosen, way="copy")
        assert copied["step_id"] == "copied"
        assert said(copied, "options").endswith("- sensor.iskra_am550_import_low_tariff: 3")
        assert er.async_get(hass).entities[LOW].platform == "dsmr"
        assert await read(hass, "sensor.iskra_am550_import_low_tariff") == [
            (4440.345, 28),
            (4441.345, 29),
            (4442.345, 30),
        ]
        with patch("custom_components.p1meter.copying.async_write", side_effect=NotWrittenError("sensor.x")):
            form = await cogwheel(hass, added["result"], "history", "take_over")
            # The total waits until its rows are joined.
            assert chosen[0] not in choices(form, "pairs")
            assert (await fill_in(hass, form, pairs=chosen[1:], way="copy"))["reason"] == "not_copied"


async def read(hass: HomeAssistant, entity_id: str) -> list[tuple[float, float]]:
    """Return states and sums of the hours."""
    await async_wait_recording_done(hass)
    since = datetime(2020, 1, 1, tzinfo=UTC)
    found = await get_instance(hass).async_add_executor_job(
        statistics_during_period, hass, since, None, {entity_id}, "hour", None, {"state", "sum"}
    )
    return [(row.get("state") or 0, row.get("sum") or 0) for row in found.get(entity_id, ())]


async def test_without_another_integration_there_is_nothing_to_take_over(
    hass: HomeAssistant, cable: Cable, entry: MockConfigEntry
) -> None:
    assert (await cogwheel(hass, entry, "history", "take_over"))["reason"] == "take_over_not_read"
    async with speaking(cable.write, nl5()):
        assert await hass.config_entries.async_setup(entry.entry_id)
        assert (await cogwheel(hass, entry, "history", "take_over"))["reason"] == "take_over_nothing"
        hass.config.components.remove("recorder")
        assert (await cogwheel(hass, entry, "history", "take_over"))["reason"] == "past_not_at_hand"
        hass.config.components.add("recorder")
