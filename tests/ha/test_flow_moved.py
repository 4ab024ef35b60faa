"""A meter whose cable has moved, or that was replaced: the dialog behind Reconfigure."""

import asyncio
from typing import TYPE_CHECKING

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import CONF_PORT
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er, issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter.const import CONF_LINE, CONF_PROFILE, DOMAIN, ISSUE_METER_REPLACED, issue_id
from custom_components.p1meter.found import is_of
from custom_components.p1meter.memory import Memory
from tests.compose import ELECTRICITY_ID, GAS_ID, IDENT, compose, nl5

from .conftest import read
from .dialogs import (
    add,
    anew,
    answer,
    choose,
    is_loaded,
    read_anew,
    said,
    speaking,
    start,
    start_reconfigure,
    suggested,
    until,
    until_free,
)
from .meters import H1, H1_LINES, H1_OTHER, HEAT, HEAT_ID, HEAT_LINES, OTHER_ID, OTHER_METER

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from tests.simulation.meter import Cable

pytestmark = pytest.mark.usefixtures("patience", "everything_unloaded")

NEW_FIRMWARE = compose(H1_LINES, "KAM5-V2")
NEW_HEAT_ID = "D0009999999999999"


def new_heat(minute: int) -> bytes:
    """Return what is sent on a port for district heating since its heat meter was replaced, captured at 13:`minute`."""
    sent = {"0-1:96.1.0": f"({NEW_HEAT_ID.encode().hex()})", "0-1:24.2.1": f"(26112113{minute:02d}00W)(0.{minute}*GJ)"}
    return compose({**HEAT_LINES, **sent}, "NWA-WARMTELINK")


def two_more(entry: ConfigEntry[Any]) -> Callable[[], bool]:
    """Return what tells whether two telegrams were accepted from now on."""
    enough = entry.runtime_data.accepted + 2
    return lambda: entry.runtime_data.accepted >= enough


def is_asked(hass: HomeAssistant, entry: ConfigEntry[Any]) -> bool:
    """Whether the repair asks if the meter was replaced."""
    return ir.async_get(hass).async_get_issue(DOMAIN, issue_id(ISSUE_METER_REPLACED, entry.entry_id)) is not None


@pytest.fixture
async def loaded(hass: HomeAssistant, cable: Cable, entry: MockConfigEntry) -> MockConfigEntry:
    """A meter that is read."""
    async with speaking(cable.write, nl5()):
        assert await hass.config_entries.async_setup(entry.entry_id)
    return entry


async def test_the_meter_is_read_on_its_new_port(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable, second_cable: Cable
) -> None:
    before = er.async_entries_for_config_entry(er.async_get(hass), loaded.entry_id)
    form = await loaded.start_reconfigure_flow(hass)
    assert said(form).startswith("Choose the port that Iskra AM550 has moved to.")
    assert suggested(form) == str(cable.link)
    cable.unplug()
    is_read = read_anew(loaded)
    async with speaking(second_cable.write, nl5()):
        result = await choose(hass, form, second_cable.link)
        assert result["type"] is FlowResultType.ABORT
        assert result["reason"] == "reconfigure_successful"
        await until(is_read)
    assert loaded.data == {CONF_PORT: str(second_cable.link), CONF_LINE: "115200 8N1", CONF_PROFILE: "nl5"}
    assert er.async_entries_for_config_entry(er.async_get(hass), loaded.entry_id) == before


async def test_a_port_that_is_gone_is_not_proposed(hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable) -> None:
    cable.unplug()
    form = await loaded.start_reconfigure_flow(hass)
    assert suggested(form) == ""
    form = await choose(hass, form, cable.link)
    assert form["errors"] == {"base": "port_missing"}
    # What somebody has typed stays.
    assert suggested(form) == str(cable.link)


async def test_the_same_port_is_freed_to_listen_to_it(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
) -> None:
    form = await loaded.start_reconfigure_flow(hass)
    is_read = read_anew(loaded)
    async with speaking(cable.write, nl5()):
        result = await choose(hass, form, cable.link.resolve())
        assert result["reason"] == "reconfigure_successful"
        await until(is_read)
    assert loaded.data[CONF_PORT] == str(cable.link.resolve())


async def test_an_entry_that_could_not_be_set_up_is_set_up_on_its_new_port(
    hass: HomeAssistant, cable: Cable, second_cable: Cable, entry: MockConfigEntry
) -> None:
    cable.unplug()
    await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    async with speaking(second_cable.write, nl5()):
        result = await choose(hass, await entry.start_reconfigure_flow(hass), second_cable.link)
        assert result["reason"] == "reconfigure_successful"
        await hass.async_block_till_done()
    assert is_loaded(entry)


async def test_after_a_failure_it_is_read_as_before_and_another_port_can_be_tried(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable, second_cable: Cable
) -> None:
    is_read = read_anew(loaded)
    form = await choose(hass, await loaded.start_reconfigure_flow(hass), cable.link)
    assert form["errors"] == {"base": "heard_nothing"}
    assert form["step_id"] == "reconfigure"
    assert is_loaded(loaded)
    async with speaking(cable.write, nl5()):
        await until(is_read)
    cable.unplug()
    async with speaking(second_cable.write, nl5()):
        result = await choose(hass, form, second_cable.link)
        await hass.async_block_till_done()
    assert result["reason"] == "reconfigure_successful"


class TestAnotherMeter:
    """Another meter answers: whether it is in the place of ours, a person has to say."""

    @pytest.mark.parametrize("same_port", [True, False])
    async def test_it_is_not_taken_for_ours(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable, second_cable: Cable, *, same_port: bool
    ) -> None:
        new = cable if same_port else second_cable
        async with speaking(new.write, OTHER_METER):
            asked = await choose(hass, await loaded.start_reconfigure_flow(hass), new.link)
            result = await answer(hass, asked, "other")
            await hass.async_block_till_done()
        assert result["reason"] == "unique_id_mismatch"
        assert said(result).startswith("Another meter than Iskra AM550 answers there.")
        assert is_loaded(loaded)
        assert loaded.data[CONF_PORT] == str(cable.link)

    async def test_a_meter_without_an_id_is_not_taken_for_ours_either(
        self, hass: HomeAssistant, cable: Cable, second_cable: Cable
    ) -> None:
        async with speaking(cable.write, H1), speaking(second_cable.write, H1_OTHER):
            entry = (await add(hass, cable.link))["result"]
            asked = await choose(hass, await start_reconfigure(hass, entry), second_cable.link)
            result = await answer(hass, asked, "other")
        assert result["reason"] == "unique_id_mismatch"
        assert entry.data[CONF_PORT] == str(cable.link)

    async def test_both_are_named(self, hass: HomeAssistant, loaded: MockConfigEntry, second_cable: Cable) -> None:
        async with speaking(second_cable.write, OTHER_METER):
            asked = await choose(hass, await loaded.start_reconfigure_flow(hass), second_cable.link)
        assert asked["type"] is FlowResultType.MENU
        assert asked["menu_options"] == ["adopt", "other"]
        first, known, found, question = said(asked).replace("\n\n", "\n").split("\n")
        assert first == f"Another meter than Iskra AM550 answers on {second_cable.link}."
        assert known == f"- Before: Iskra AM550 ({ELECTRICITY_ID})"
        assert found == f"- Now: Iskra AM550 ({OTHER_ID}), Netherlands DSMR 5, gas meter"
        assert question.startswith("Was Iskra AM550 replaced by this meter?")
        assert "under Repairs" in question

    async def test_who_closes_the_question_leaves_the_meter_as_it_was(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
    ) -> None:
        before = dict(loaded.data)
        async with speaking(cable.write, OTHER_METER):
            asked = await choose(hass, await loaded.start_reconfigure_flow(hass), cable.link)
            assert loaded.state is ConfigEntryState.NOT_LOADED
            hass.config_entries.flow.async_abort(asked["flow_id"])
            await hass.async_block_till_done()
        assert is_loaded(loaded)
        assert loaded.data == before

    async def test_one_that_replaced_ours_at_another_speed_goes_on_with_its_history(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
    ) -> None:
        hass.config_entries.async_update_entry(loaded, data={**loaded.data, CONF_LINE: "9600 7E1"})
        await hass.async_block_till_done()
        is_heard = anew(loaded, lambda meter: meter.stranger == OTHER_ID)
        async with speaking(cable.write, OTHER_METER):
            asked = await choose(hass, await loaded.start_reconfigure_flow(hass), cable.link)
            result = await answer(hass, asked, "adopt")
            assert result["reason"] == "reconfigure_successful"
            await until(is_heard)
            assert loaded.data == {CONF_PORT: str(cable.link), CONF_LINE: "115200 8N1", CONF_PROFILE: "nl5"}
            # What becomes of the step between the two readings, the repair asks.
            assert loaded.unique_id == ELECTRICITY_ID
            assert is_asked(hass, loaded)
            loaded.runtime_data.adopt_meter()
            await hass.async_block_till_done()
        assert loaded.unique_id == OTHER_ID
        assert loaded.title == "Iskra AM550"
        assert not is_asked(hass, loaded)
        assert {joint.slot for joint in loaded.runtime_data.memory.joints} >= {
            "electricity_import_tariff_1",
            "electricity_export_tariff_2",
        }

    async def test_one_that_was_taken_by_mistake_is_left_again(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable, second_cable: Cable
    ) -> None:
        async with speaking(cable.write, nl5()), speaking(second_cable.write, OTHER_METER):
            is_heard = anew(loaded, lambda meter: meter.stranger == OTHER_ID)
            asked = await choose(hass, await loaded.start_reconfigure_flow(hass), second_cable.link)
            await answer(hass, asked, "adopt")
            await until(is_heard)
            # The repair is answered: it is another meter, and its text says to choose the port of ours.
            is_read = read_anew(loaded)
            back = await choose(hass, await loaded.start_reconfigure_flow(hass), cable.link)
            assert back["reason"] == "reconfigure_successful"
            await until(is_read)
            # And the other one may be added.
            found = await choose(hass, await start(hass), second_cable.link)
            assert found["step_id"] == "found"
        assert not is_asked(hass, loaded)
        assert loaded.unique_id == ELECTRICITY_ID
        assert loaded.runtime_data.memory.joints == []

    async def test_one_that_has_an_entry_of_its_own_replaces_nothing(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable, second_cable: Cable
    ) -> None:
        other = MockConfigEntry(
            domain=DOMAIN,
            title="Barn",
            unique_id=OTHER_ID,
            data={CONF_PORT: "/dev/nowhere"},
            disabled_by=ConfigEntryDisabler.USER,
        )
        other.add_to_hass(hass)
        async with speaking(second_cable.write, OTHER_METER):
            result = await choose(hass, await loaded.start_reconfigure_flow(hass), second_cable.link)
        # To add it as a new one would be no use.
        assert said(result).startswith("This meter is set up already, as Barn.")
        assert loaded.data[CONF_PORT] == str(cable.link)

    async def test_nor_one_that_was_added_while_the_question_stood_there(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable, second_cable: Cable
    ) -> None:
        async with speaking(second_cable.write, OTHER_METER):
            asked = await choose(hass, await loaded.start_reconfigure_flow(hass), second_cable.link)
            added = await add(hass, second_cable.link)
            result = await answer(hass, asked, "adopt")
        assert result["reason"] == "already_configured"
        assert said(result).startswith(f"This meter is set up already, as {added['title']}.")
        assert loaded.data[CONF_PORT] == str(cable.link)

    async def test_one_without_an_id_goes_on_at_once(
        self, hass: HomeAssistant, cable: Cable, second_cable: Cable
    ) -> None:
        async with speaking(cable.write, H1), speaking(second_cable.write, H1_OTHER):
            entry = (await add(hass, cable.link))["result"]
            await hass.async_block_till_done()
            asked = await choose(hass, await start_reconfigure(hass, entry), second_cable.link)
            assert said(asked).split("\n")[2:4] == [
                "- Before: Kamstrup (KAM5)",
                "- Now: Landis+Gyr E360 (LGF5E360), Sweden H1, no other meters",
            ]
            # Nothing of a repair: nothing tells it from the one before.
            assert "Repairs" not in said(asked)
            is_read = read_anew(entry)
            assert (await answer(hass, asked, "adopt"))["reason"] == "reconfigure_successful"
            await until(is_read)
            # From now on it is ours.
            again = await choose(hass, await start_reconfigure(hass, entry), second_cable.link)
            assert again["reason"] == "reconfigure_successful"
            await hass.async_block_till_done()
        assert entry.data[CONF_PORT] == str(second_cable.link)
        assert not is_asked(hass, entry)


class TestWhatWasLearned:
    """It is the meter that is read now, whatever it was when it was added."""

    @pytest.fixture
    async def with_new_firmware(self, hass: HomeAssistant, cable: Cable) -> ConfigEntry[Any]:
        """A meter without an id, which says another identification since an update."""
        async with speaking(cable.write, H1):
            entry: ConfigEntry[Any] = (await add(hass, cable.link))["result"]
        async with speaking(cable.write, NEW_FIRMWARE):
            await until(lambda: is_loaded(entry) and entry.runtime_data.memory.ident == "KAM5-V2")
        return entry

    @pytest.fixture
    async def with_new_heat_meter(self, hass: HomeAssistant, cable: Cable) -> ConfigEntry[Any]:
        """A port for district heating whose heat meter was replaced."""
        async with speaking(cable.write, HEAT):
            entry: ConfigEntry[Any] = (await add(hass, cable.link))["result"]
            await until(lambda: is_loaded(entry) and entry.runtime_data.accepted)
        # Three captures, and it is the heat meter.
        for minute in (10, 15, 20):
            are_taken = two_more(entry)
            async with speaking(cable.write, new_heat(minute)):
                await until(are_taken)
        assert entry.unique_id == HEAT_ID
        assert entry.runtime_data.memory.ids["heat"] == NEW_HEAT_ID
        return entry

    @pytest.mark.parametrize(
        ("said_now", "is_ours"),
        [
            (nl5(), True),
            # A new electricity meter gets the old gas meter.
            (OTHER_METER, False),
            # It tells its own id no more: the gas meter says whose port it is.
            (nl5({"0-0:96.1.1": None}), True),
            (nl5({"0-0:96.1.1": None, "0-1:96.1.0": f"({b'G0079140021440000'.hex()})"}), False),
            (compose(H1_LINES, IDENT), True),
            (H1, False),
        ],
    )
    def test_what_tells_a_meter(self, said_now: bytes, *, is_ours: bool) -> None:
        memory = Memory(ident=IDENT, ids={"electricity": ELECTRICITY_ID, "gas": GAS_ID, "water": None})
        assert is_of(memory, read(said_now)) is is_ours

    async def test_new_firmware_makes_no_other_meter(
        self, hass: HomeAssistant, second_cable: Cable, with_new_firmware: ConfigEntry[Any]
    ) -> None:
        entry = with_new_firmware
        async with speaking(second_cable.write, NEW_FIRMWARE):
            result = await choose(hass, await start_reconfigure(hass, entry), second_cable.link)
            await hass.async_block_till_done()
        assert result["reason"] == "reconfigure_successful"
        assert entry.data[CONF_PORT] == str(second_cable.link)

    async def test_nor_is_it_added_as_another_one(
        self, hass: HomeAssistant, cable: Cable, with_new_firmware: ConfigEntry[Any]
    ) -> None:
        # An entry that is switched off does not use its port.
        await hass.config_entries.async_set_disabled_by(with_new_firmware.entry_id, ConfigEntryDisabler.USER)
        async with speaking(cable.write, NEW_FIRMWARE):
            result = await choose(hass, await start(hass), cable.link)
        assert said(result).startswith("This meter is set up already, as Kamstrup.")

    async def test_a_new_heat_meter_makes_no_other_port(
        self, hass: HomeAssistant, second_cable: Cable, with_new_heat_meter: ConfigEntry[Any]
    ) -> None:
        entry = with_new_heat_meter
        async with speaking(second_cable.write, new_heat(25)):
            result = await choose(hass, await start_reconfigure(hass, entry), second_cable.link)
            await hass.async_block_till_done()
        assert result["reason"] == "reconfigure_successful"
        assert entry.data[CONF_PORT] == str(second_cable.link)

    async def test_nor_is_that_port_added_as_another_one(
        self, hass: HomeAssistant, second_cable: Cable, with_new_heat_meter: ConfigEntry[Any]
    ) -> None:
        async with speaking(second_cable.write, new_heat(25)):
            result = await choose(hass, await start(hass), second_cable.link)
        assert said(result).startswith(f"This meter is set up already, as {with_new_heat_meter.title}.")

    async def test_a_heat_meter_that_was_replaced_meanwhile_is_asked_about(
        self, hass: HomeAssistant, cable: Cable, second_cable: Cable
    ) -> None:
        async with speaking(cable.write, HEAT):
            entry = (await add(hass, cable.link))["result"]
            await hass.async_block_till_done()
        async with speaking(second_cable.write, new_heat(10)):
            asked = await choose(hass, await start_reconfigure(hass, entry), second_cable.link)
            assert said(asked).split("\n")[2].endswith(f" ({HEAT_ID})")
            assert f" ({NEW_HEAT_ID}), " in said(asked).split("\n")[3]
            assert "Repairs" not in said(asked)


async def test_a_dialog_that_is_closed_leaves_the_meter_as_it_was(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
) -> None:
    form = await loaded.start_reconfigure_flow(hass)
    await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(cable.link)})
    await asyncio.sleep(0.05)
    assert loaded.state is ConfigEntryState.NOT_LOADED
    hass.config_entries.flow.async_abort(form["flow_id"])
    await hass.async_block_till_done()
    assert is_loaded(loaded)


async def test_a_dialog_that_is_closed_at_once_leaves_it_too(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
) -> None:
    form = await loaded.start_reconfigure_flow(hass)
    choosing = asyncio.create_task(choose(hass, form, cable.link))
    await until(lambda: not is_loaded(loaded))
    hass.config_entries.flow.async_abort(form["flow_id"])
    await choosing
    await hass.async_block_till_done()
    assert is_loaded(loaded)


async def test_a_meter_that_is_removed_meanwhile_stays_removed(
    hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
) -> None:
    form = await loaded.start_reconfigure_flow(hass)
    await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(cable.link)})
    await hass.config_entries.async_remove(loaded.entry_id)
    await hass.async_block_till_done()
    assert hass.config_entries.async_entries(DOMAIN) == []
    hass.config_entries.flow.async_abort(form["flow_id"])
    await until_free(cable.link)


async def test_a_port_that_is_not_let_go_is_said(hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable) -> None:
    form = await loaded.start_reconfigure_flow(hass)
    # As while it is being set up.
    loaded.mock_state(hass, ConfigEntryState.SETUP_IN_PROGRESS)
    result = await choose(hass, form, cable.link)
    assert result["reason"] == "unload_failed"
    assert said(result).startswith("Iskra AM550 does not let go of its port")
    loaded.mock_state(hass, ConfigEntryState.LOADED)
