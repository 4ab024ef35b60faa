"""Reload, stop, removal: what becomes of what is on."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.util import dt as dt_util
import pytest

from custom_components.p1meter import coordinator as coordinator_module
from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.load_manager import LEFT_ALONE
from custom_components.p1meter.loads import Reason
from tests.compose import nl5

from ..appliances import add
from ..conftest import read, until
from .conftest import BOILER, PUMP, RELAY, Law, change, off, on

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.p1meter.coordinator import MeterCoordinator
    from custom_components.p1meter.load_manager import LoadManager
    from custom_components.p1meter.loads import Command

    from ..appliances import Device
    from ..conftest import Say, SetUp
    from ..pins import Chip


@pytest.mark.usefixtures("both_on")
async def test_a_reload_touches_nothing(hass: HomeAssistant, entry: MockConfigEntry, chip: Chip, pump: Device) -> None:
    before = Law.newest
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert Law.newest is not before
    assert Law.newest.given == {"learned": 1}
    # Before the first telegram nobody else knows.
    loads: LoadManager = entry.runtime_data.loads
    assert (loads.view(BOILER).on, loads.view(PUMP).on) == (True, True)
    await asyncio.sleep(0.02)
    assert chip.done == []
    assert pump.told == []
    Law.newest.says = [off(BOILER), off(PUMP)]
    entry.runtime_data.loads.feed(read(nl5()), datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert chip.done == ["set 17 off"]
    await until(lambda: not pump.on)


@pytest.mark.usefixtures("both_on")
async def test_an_entry_that_does_not_come_back_leaves_nothing_on(
    hass: HomeAssistant, entry: MockConfigEntry, chip: Chip, pump: Device
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert chip.done == []
    # After as long as a meter may be silent; see the next test.
    left = hass.data[LEFT_ALONE][entry.entry_id]
    assert left._timer is not None
    left._timer.cancel()
    left._make_safe()
    assert chip.done == ["set 17 off"]
    await until(lambda: not pump.on)
    # The line is ours still, for when it comes back.
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert chip.done == ["set 17 off"]


@pytest.mark.parametrize(
    ("setting", "command"),
    [
        ("run_when_blind", on(BOILER, Reason.OVERRIDE_ON)),
        # As it does while the meter is silent: also where on is safe.
        ("safe_on", off(BOILER, Reason.OVERRIDE_OFF)),
    ],
)
async def test_what_a_person_has_switched_stays_so_when_nobody_decides(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, chip: Chip, setting: str, command: Command
) -> None:
    change(hass, entry, BOILER, **{setting: True})
    meter = await set_up()
    assert meter.loads is not None
    await until(lambda: 17 in chip.levels)
    Law.newest.says = [command]
    meter.loads.async_override(BOILER, on=command.on)
    with patch.object(coordinator_module, "silence_limit", lambda _: 0.01):
        assert await hass.config_entries.async_unload(entry.entry_id)
    await until(lambda: meter.loads is not None and meter.loads._timer is None)
    assert chip.levels == {17: command.on}


@pytest.mark.usefixtures("both_on")
async def test_a_stop_puts_lines_into_their_safe_state(hass: HomeAssistant, chip: Chip, pump: Device) -> None:
    await hass.async_stop(force=True)
    # At once, then freed. The pump's plug is not ours.
    assert chip.done[0] == "set 17 off"
    assert chip.levels == {}
    assert pump.told == []


@pytest.fixture
async def may_stay(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, chip: Chip, say: Say) -> None:
    """The boiler is on, and its line may stay as it is at a stop."""
    change(hass, entry, BOILER, keep_at_stop=True)
    await set_up()
    await until(lambda: 17 in chip.levels)
    Law.newest.says = [on(BOILER)]
    await say(nl5())
    chip.done.clear()


@pytest.mark.usefixtures("may_stay")
async def test_a_line_may_stay_as_it_is_at_a_stop(hass: HomeAssistant, chip: Chip) -> None:
    await hass.async_stop(force=True)
    assert chip.done == ["release 17"]


@pytest.mark.usefixtures("may_stay")
async def test_one_that_may_stay_at_a_stop_is_safe_when_it_is_removed(
    hass: HomeAssistant, entry: MockConfigEntry, chip: Chip
) -> None:
    hass.config_entries.async_remove_subentry(entry, BOILER)
    await hass.async_block_till_done()
    assert chip.done == ["set 17 off", "release 17"]


@pytest.mark.usefixtures("both_on")
async def test_a_load_that_is_switched_by_something_else_from_now_on_leaves_nothing_on(
    hass: HomeAssistant, entry: MockConfigEntry, chip: Chip, pump: Device
) -> None:
    other = await add(hass, "switch.other")
    wired = {key: value for key, value in RELAY.items() if key not in {"chip", "line"}}
    boiler, plug = entry.subentries[BOILER], entry.subentries[PUMP]
    hass.config_entries.async_update_subentry(entry, boiler, data={**wired, "entity_id": "switch.other"})
    await hass.async_block_till_done()
    assert chip.done == ["set 17 off", "release 17"]
    hass.config_entries.async_update_subentry(entry, plug, data={**plug.data, "entity_id": "switch.third"})
    await hass.async_block_till_done()
    assert pump.told == [False]
    # What it is switched by now is for the law to decide.
    assert other.told == []


@pytest.mark.usefixtures("both_on")
async def test_what_is_unloaded_is_safe_after_a_stop_too(
    hass: HomeAssistant, entry: MockConfigEntry, chip: Chip
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_stop(force=True)
    assert chip.done[0] == "set 17 off"
    assert chip.levels == {}


@pytest.mark.usefixtures("both_on")
async def test_disabled_for_good(hass: HomeAssistant, entry: MockConfigEntry, chip: Chip, pump: Device) -> None:
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert chip.done[0] == "set 17 off"
    assert chip.levels == {}
    assert pump.told == [False]


@pytest.mark.usefixtures("both_on")
async def test_removed_for_good(hass: HomeAssistant, entry: MockConfigEntry, chip: Chip, pump: Device) -> None:
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert chip.levels == {}
    assert pump.told == [False]


@pytest.mark.usefixtures("both_on")
async def test_a_load_is_removed_and_the_other_is_not_touched(
    hass: HomeAssistant, entry: MockConfigEntry, chip: Chip, pump: Device
) -> None:
    hass.config_entries.async_remove_subentry(entry, BOILER)
    await hass.async_block_till_done()
    assert chip.levels == {}
    assert pump.told == []
    hass.config_entries.async_remove_subentry(entry, PUMP)
    await hass.async_block_till_done()
    assert pump.told == [False]
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.loads is None


@pytest.mark.usefixtures("both_on")
async def test_what_a_person_has_switched_is_theirs(
    hass: HomeAssistant, entry: MockConfigEntry, loads: LoadManager, pump: Device
) -> None:
    loads.async_override(PUMP, on=True)
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert pump.told == []


async def test_what_was_learned_is_kept(
    entry: MockConfigEntry, meter: MeterCoordinator, hass_storage: dict[str, Any]
) -> None:
    Law.newest.state = {"learned": 2}
    await meter.store.async_save()
    assert hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["loads"] == {
        "enabled": True,
        "law": {"learned": 2},
        # What the telegram says to be the time.
        "ahead_s": round((Law.newest.samples[-1].wall - dt_util.utcnow()).total_seconds()),
    }
