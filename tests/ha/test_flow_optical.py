"""A meter behind an optical head says nothing by itself: the dialog finds it by asking, or is told how to ask."""

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.const import CONF_PORT
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter import config_flow
from custom_components.p1meter.const import (
    CONF_ADDRESS,
    CONF_ASKED,
    CONF_HISTORY,
    CONF_INTERVAL,
    CONF_LINE,
    CONF_PROFILE,
    CONF_QUERY,
    CONF_WAKE_UP,
    DOMAIN,
)
from custom_components.p1meter.link import ProbePlan
from custom_components.p1meter.meter import OpticalTiming
from tests.background import running
from tests.compose import nl5
from tests.simulation.optical import LINES, SIGN_ON, Habits, Mode, OpticalMeter

from .dialogs import ENGLISH, answer, choose, heard, is_loaded, said, speaking, start, start_reconfigure

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator
    from pathlib import Path

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant

    from tests.simulation.meter import Cable

pytestmark = pytest.mark.usefixtures("patience", "everything_unloaded")

PACE = 0.05
# What the section of the form shows before anybody has changed it.
UNTOUCHED = {"query": "?", "start_baud": "300", "max_baud": "19200", "needs_bcc": False, "wake_up": False}
HEAT = "0.0(66153690)6.8(0328.871*GJ)\r\n6.26(03329.67*m3)9.20(66153691)\r\n!\r\n"


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """Listen for moments only: nothing is said anyway."""
    plan = ProbePlan(listen=0.05, listen_to_silence=0.05, gap=0.02, timing=OpticalTiming(pace=PACE))
    with patch.object(config_flow, "PROBE_PLAN", plan):
        yield


class SharedLine(OpticalMeter):
    """Two meters on one line; without an address both answer at once, and neither is understood."""

    NUMBERS = ("111", "222")

    def _is_asked(self, message: bytes) -> bool:
        asked = SIGN_ON.fullmatch(message)
        if asked is None or asked[2].decode() not in self.NUMBERS:
            return False
        number = self.habits.address = asked[2].decode()
        self.habits.lines = LINES.replace("12345678", f"12345{number}")
        return True


class LineOfTwoAlike(SharedLine):
    """Two of one kind, which tell nothing that is not the same of both."""

    def _is_asked(self, message: bytes) -> bool:
        is_asked = super()._is_asked(message)
        self.habits.lines = LINES.replace("0.0.0(12345678)\r\n", "")
        return is_asked


@asynccontextmanager
async def living(
    tmp_path: Path, habits: Habits, kind: type[OpticalMeter] = OpticalMeter
) -> AsyncGenerator[OpticalMeter]:
    """A meter on a head."""
    meter = kind(tmp_path / "head", replace(habits, waiting=20.0), pace=PACE, lenience=2.0)
    try:
        async with running(meter.run()):
            yield meter
    finally:
        meter.close()


async def ask(hass: HomeAssistant, form: ConfigFlowResult, port: str, **dialogue: Any) -> ConfigFlowResult:
    """Fill in how the meter is asked, and wait until it was."""
    filled_in = {CONF_PORT: port, "dialogue": {**UNTOUCHED, **dialogue}}
    return await heard(hass, await hass.config_entries.flow.async_configure(form["flow_id"], filled_in))


def fields(form: ConfigFlowResult) -> list[str]:
    """Return what the form asks for."""
    assert form["data_schema"] is not None
    return [str(field) for field in form["data_schema"].schema]


async def test_a_meter_that_wants_to_be_asked_is_found(hass: HomeAssistant, tmp_path: Path) -> None:
    async with living(tmp_path, Habits(ident="ISk5MT174-0001")) as meter:
        found = await choose(hass, await start(hass), meter.port)
        assert found["step_id"] == "found_asked", said(found)
        assert said(found).startswith("Found: Iskra MT174, ")
        assert "It answers through an optical head and is read once a minute." in said(found)
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
        assert added["type"] is FlowResultType.CREATE_ENTRY
        entry = added["result"]
        assert entry.data[CONF_PORT] == meter.port
        assert entry.data[CONF_LINE] == "300 7E1"
        assert entry.data[CONF_ASKED] is True
        assert dict(entry.options) == {}
        # A slow read-out does not hold up the set-up.
        assert is_loaded(entry)
        await hass.config_entries.async_unload(entry.entry_id)


async def test_one_that_answers_only_to_its_address_and_another_character(hass: HomeAssistant, tmp_path: Path) -> None:
    async with living(tmp_path, Habits(address="71579625", query="2")) as meter:
        silent = await choose(hass, await start(hass), meter.port)
        assert said(silent).startswith("Nothing was heard")
        assert fields(silent) == [CONF_PORT, "dialogue"]
        wrong = await ask(hass, silent, meter.port, address="71579625")
        # Nothing of P1 cables: it is known now that it is none.
        assert said(wrong).startswith("Nothing answered")
        found = await ask(hass, wrong, meter.port, address=" 71579625 ", query="2")
        assert found["step_id"] == "found_asked", said(found)
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
        entry = added["result"]
        assert dict(entry.options) == {CONF_ADDRESS: "71579625", CONF_QUERY: "2"}
        await hass.config_entries.async_unload(entry.entry_id)
    # Who knows how it is asked need not listen at all five line settings before.
    assert meter.heard.messages[-2:] == [(300, b"/271579625!\r\n"), (300, b"\x06050\r\n")]


async def test_what_cannot_be_is_said_and_nothing_is_asked(hass: HomeAssistant, tmp_path: Path) -> None:
    async with living(tmp_path, Habits(query="2")) as meter:
        silent = await choose(hass, await start(hass), meter.port)
        asked = len(meter.heard.messages)
        for wrong, error in (
            ({"address": "1!"}, "not_an_address"),
            ({"query": "??"}, "not_a_query"),
            ({"start_baud": "2400", "max_baud": "600"}, "max_below_start"),
        ):
            again = await ask(hass, silent, meter.port, **wrong)
            assert again["errors"] == {"base": error}
            assert error in ENGLISH["config"]["error"]
        assert len(meter.heard.messages) == asked


async def test_a_battery_meter_is_woken_and_then_left_in_peace(hass: HomeAssistant, tmp_path: Path) -> None:
    """Nobody has to know that it sleeps; but each read-out costs half an hour of its battery."""
    async with living(tmp_path, Habits(mode=Mode.B, ident="LUGCUH50", lines=HEAT, sleeps=True)) as meter:
        found = await choose(hass, await start(hass), meter.port)
        assert found["step_id"] == "found_woken", said(found)
        assert said(found).startswith("Found: Landis+Gyr Ultraheat UH50, ")
        assert "once an hour" in said(found)
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
        entry = added["result"]
        assert dict(entry.options) == {CONF_WAKE_UP: True, CONF_INTERVAL: 3600}
        # The number of the device, and not the one that its owner has given it.
        assert entry.unique_id == "66153691"
        await hass.config_entries.async_unload(entry.entry_id)


async def test_one_that_answers_in_pieces_can_be_asked_more_slowly(hass: HomeAssistant, tmp_path: Path) -> None:
    async with living(tmp_path, Habits(cut=9)) as meter:
        damaged = await choose(hass, await start(hass), meter.port)
        assert said(damaged).startswith("A meter answers")
        meter.habits.cut = 0
        found = await ask(hass, damaged, meter.port, max_baud="never")
        assert found["step_id"] == "found_asked", said(found)
        assert meter.heard.data_at[-1] == 300


async def test_a_head_that_has_moved_is_asked_as_before(hass: HomeAssistant, tmp_path: Path) -> None:
    options = {CONF_ADDRESS: "71579625", CONF_INTERVAL: 300, CONF_HISTORY: True}
    data = {CONF_PORT: "/dev/nowhere", CONF_LINE: "300 7E1", CONF_PROFILE: "iec", CONF_ASKED: True}
    entry = MockConfigEntry(domain=DOMAIN, title="Meter", data=data, options=options, unique_id="12345678")
    entry.add_to_hass(hass)
    async with living(tmp_path, Habits(address="71579625")) as meter:
        moved = await choose(hass, await start_reconfigure(hass, entry), meter.port)
        assert moved["type"] is FlowResultType.ABORT
        assert moved["reason"] == "reconfigure_successful"
        await hass.async_block_till_done()
        assert entry.data[CONF_PORT] == meter.port
        assert dict(entry.options) == options
        # Its new place may have another address and speed.
        meter.habits.address = "5"
        silent = await choose(hass, await start_reconfigure(hass, entry), meter.port)
        assert said(silent).startswith("Nothing answered")
        moved = await ask(hass, silent, meter.port, address="5", max_baud="4800")
        assert moved["reason"] == "reconfigure_successful", said(moved)
        await hass.async_block_till_done()
        assert entry.options == {CONF_ADDRESS: "5", "max_baud": 4800, CONF_INTERVAL: 300, CONF_HISTORY: True}
        await hass.config_entries.async_unload(entry.entry_id)


async def test_a_meter_with_a_port_in_its_place_is_not_asked(hass: HomeAssistant, cable: Cable) -> None:
    options = {CONF_ADDRESS: "71579625", CONF_HISTORY: True}
    data = {CONF_PORT: "/dev/nowhere", CONF_LINE: "300 7E1", CONF_PROFILE: "iec", CONF_ASKED: True}
    entry = MockConfigEntry(domain=DOMAIN, title="Meter", data=data, options=options, unique_id="12345678")
    entry.add_to_hass(hass)
    plan = replace(config_flow.PROBE_PLAN, listen=0.3, listen_to_silence=0.4, extension=0.2)
    with patch.object(config_flow, "PROBE_PLAN", plan):
        silent = await choose(hass, await start_reconfigure(hass, entry), cable.link)
        assert said(silent).startswith("Nothing answered")
        async with speaking(cable.write, nl5()):
            asked = await ask(hass, silent, str(cable.link))
            result = await answer(hass, asked, "adopt")
            await hass.async_block_till_done()
    assert result["reason"] == "reconfigure_successful"
    assert entry.data == {CONF_PORT: str(cable.link), CONF_LINE: "115200 8N1", CONF_PROFILE: "nl5"}
    # Else the next dialog would ask it again, and not listen.
    assert entry.options == {CONF_HISTORY: True}


@pytest.mark.parametrize(("chosen", "left"), [(3600, None), (900, 900)])
async def test_a_meter_in_the_place_of_one_with_a_battery_is_not_spared(
    hass: HomeAssistant, cable: Cable, chosen: int, left: int | None
) -> None:
    """Once an hour was for the battery, unless the person has chosen something else."""
    options = {CONF_WAKE_UP: True, CONF_INTERVAL: chosen}
    data = {CONF_PORT: "/dev/nowhere", CONF_LINE: "300 7E1", CONF_PROFILE: "iec", CONF_ASKED: True}
    entry = MockConfigEntry(domain=DOMAIN, title="Meter", data=data, options=options, unique_id="66153691")
    entry.add_to_hass(hass)
    plan = replace(config_flow.PROBE_PLAN, listen=0.3, listen_to_silence=0.4, extension=0.2)
    with patch.object(config_flow, "PROBE_PLAN", plan):
        silent = await choose(hass, await start_reconfigure(hass, entry), cable.link)
        async with speaking(cable.write, nl5()):
            asked = await ask(hass, silent, str(cable.link))
            result = await answer(hass, asked, "adopt")
            await hass.async_block_till_done()
    assert result["reason"] == "reconfigure_successful"
    assert entry.options.get(CONF_INTERVAL) == left
    assert CONF_WAKE_UP not in entry.options


async def test_two_meters_share_a_line(hass: HomeAssistant, tmp_path: Path) -> None:
    """Each answers to its own address; while the second is looked for, the first lets go of the port."""
    async with living(tmp_path, Habits(), SharedLine) as meter:
        silent = await choose(hass, await start(hass), meter.port)
        found = await ask(hass, silent, meter.port, address="111")
        first = (await hass.config_entries.flow.async_configure(found["flow_id"], {}))["result"]
        shared = await choose(hass, await start(hass), meter.port)
        assert said(shared).startswith(f"{first.title} is read on")
        again = await ask(hass, shared, meter.port, address="111")
        assert again["errors"] == {"base": "port_shared"}
        assert is_loaded(first)
        # A wrong address: the first one goes on.
        nobody = await ask(hass, again, meter.port, address="333")
        assert said(nobody).startswith("Nothing answered")
        await hass.async_block_till_done()
        assert is_loaded(first)
        found = await ask(hass, nobody, meter.port, address="222")
        assert not is_loaded(first)
        second = (await hass.config_entries.flow.async_configure(found["flow_id"], {}))["result"]
        await hass.async_block_till_done()
        assert [(one.unique_id, one.options[CONF_ADDRESS]) for one in (first, second)] == [
            ("12345111", "111"),
            ("12345222", "222"),
        ]
        for one in (first, second):
            assert is_loaded(one)
            await hass.config_entries.async_unload(one.entry_id)


async def test_two_of_a_kind_without_a_number_share_a_line(hass: HomeAssistant, tmp_path: Path) -> None:
    """Only the address says which of them it is."""
    async with living(tmp_path, Habits(), LineOfTwoAlike) as meter:
        silent = await choose(hass, await start(hass), meter.port)
        found = await ask(hass, silent, meter.port, address="111")
        first = (await hass.config_entries.flow.async_configure(found["flow_id"], {}))["result"]
        shared = await choose(hass, await start(hass), meter.port)
        found = await ask(hass, shared, meter.port, address="222")
        assert found["step_id"] == "found_asked", said(found)
        second = (await hass.config_entries.flow.async_configure(found["flow_id"], {}))["result"]
        await hass.async_block_till_done()
        # The one that is there already is not added twice, also while it is switched off.
        await hass.config_entries.async_set_disabled_by(first.entry_id, ConfigEntryDisabler.USER)
        shared = await choose(hass, await start(hass), meter.port)
        known = await ask(hass, shared, meter.port, address="111")
        assert said(known).startswith(f"This meter is set up already, as {first.title}.")
        await hass.async_block_till_done()
        assert is_loaded(second)
        await hass.config_entries.async_unload(second.entry_id)
