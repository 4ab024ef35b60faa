"""Loads that follow the sun in Home Assistant: telegrams over a cable, the law, helpers that are switched, a person."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest

from tests.compose import nl5

from .conftest import act, get
from .fake_loads import BOILER, PUMP, add_loads

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import Say, SetUp

SWITCH, OUTPUT = "switch.boiler", "input_boolean.boiler"
REASON = "sensor.boiler_reason"
CANCEL = "button.boiler_end_manual_control"
MODE = "select.boiler_mode"
CONTROL = "switch.iskra_am550_load_control"
STATE = "sensor.iskra_am550_load_control_state"

# What the panels give, W: enough for the house (500 W), the boiler (2 kW) and the pump (1 kW), or nothing.
SUN, DARK = 4500, 0


class House:
    """What the meter says: of the house, its panels, and the loads that are on. Its clock goes on by a second each."""

    def __init__(self, hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
        self.hass = hass
        self._set_up, self._say = set_up, say
        self.clock = datetime(2026, 11, 21, 11, 30, tzinfo=UTC)

    async def starts(self, sun_w: int) -> None:
        """Set the meter up, and speak until the loads are controlled."""
        await self._set_up(self._telegram(sun_w))
        await self.says_until(sun_w, STATE, "controlling")

    async def says(self, sun_w: int, times: int = 1) -> None:
        """Say what is."""
        for _ in range(times):
            await self._say(self._telegram(sun_w))

    async def says_until(self, sun_w: int, entity_id: str, state: str) -> None:
        """Go on until something is as expected: after it was switched, the law watches a load for a second."""
        async with asyncio.timeout(10):
            while get(self.hass, entity_id).state != state:
                await self.says(sun_w)
                await asyncio.sleep(0.02)

    def _telegram(self, sun_w: int) -> bytes:
        self.clock += timedelta(seconds=1)
        boiler, pump = (get(self.hass, f"input_boolean.{name}").state == STATE_ON for name in ("boiler", "pump"))
        net_kw = (500 + 2000 * boiler + 1000 * pump - sun_w) / 1000
        return nl5(
            {
                "0-0:1.0.0": f"({self.clock + timedelta(hours=1):%y%m%d%H%M%S}W)",
                "1-0:1.7.0": f"({max(net_kw, 0.0):06.3f}*kW)",
                "1-0:2.7.0": f"({max(-net_kw, 0.0):06.3f}*kW)",
            }
        )


@pytest.fixture
async def entry(hass: HomeAssistant, entry: MockConfigEntry) -> MockConfigEntry:
    """A meter with two loads on helpers, which need no patience: a start costs nothing, and they draw at once."""
    assert await async_setup_component(hass, "input_boolean", {"input_boolean": {"boiler": {}, "pump": {}}})
    add_loads(hass, entry, start_cost_wh=0.0, stop_cost_wh=0.0, min_on_s=0.0, latency_s=0.0, ramp_s=0.0)
    return entry


@pytest.fixture
def house(hass: HomeAssistant, set_up: SetUp, say: Say) -> House:
    """A house in the dark or in the sun."""
    return House(hass, set_up, say)


async def test_a_load_follows_the_sun(hass: HomeAssistant, house: House) -> None:
    await house.starts(DARK)
    assert get(hass, SWITCH).state == STATE_OFF
    # The house draws 500 W from the grid, and the boiler wants 65 % of its 2000 W from the sun: 1800 W are missing.
    assert get(hass, REASON).state == "waits: 1800 W short"
    await house.says_until(SUN, OUTPUT, STATE_ON)
    assert get(hass, SWITCH).state == STATE_ON
    # A start counts once it was obeyed, which is seen at the next telegram.
    await house.says(SUN)
    assert get(hass, "sensor.boiler_starts_today").state == "1"
    await house.says_until(DARK, OUTPUT, STATE_OFF)
    assert get(hass, SWITCH).state == STATE_OFF


async def test_a_persons_hand(hass: HomeAssistant, house: House) -> None:
    await house.starts(DARK)
    assert get(hass, CANCEL).state == STATE_UNAVAILABLE
    await act(hass, "switch", "turn_on", SWITCH)
    assert (get(hass, OUTPUT).state, get(hass, SWITCH).state) == (STATE_ON, STATE_ON)
    await house.says(DARK, 3)
    assert get(hass, OUTPUT).state == STATE_ON
    assert get(hass, REASON).state == "on: by hand, 2 h to go"
    # By the meter's clock.
    until = datetime.fromisoformat(get(hass, "sensor.boiler_by_hand_until").state)
    assert abs(until - house.clock - timedelta(hours=2)) < timedelta(seconds=10)
    await act(hass, "button", "press", CANCEL)
    assert get(hass, CANCEL).state == STATE_UNAVAILABLE
    await house.says_until(DARK, OUTPUT, STATE_OFF)


async def test_the_mode(hass: HomeAssistant, house: House) -> None:
    await house.starts(DARK)
    await act(hass, "select", "select_option", MODE, option="on")
    assert (get(hass, MODE).state, get(hass, OUTPUT).state) == ("on", STATE_ON)
    await house.says(DARK, 2)
    assert get(hass, REASON).state == "on: by hand, until further notice"
    await act(hass, "select", "select_option", MODE, option="off")
    assert (get(hass, MODE).state, get(hass, OUTPUT).state) == ("off", STATE_OFF)
    await act(hass, "select", "select_option", MODE, option="automatic")
    assert get(hass, MODE).state == "automatic"
    await house.says_until(SUN, OUTPUT, STATE_ON)


async def test_hands_off(hass: HomeAssistant, house: House) -> None:
    await house.starts(DARK)
    await act(hass, "switch", "turn_off", CONTROL)
    assert get(hass, REASON).state == "load control is switched off"
    assert get(hass, STATE).state == "off"
    with pytest.raises(ServiceValidationError):
        await act(hass, "switch", "turn_on", SWITCH)
    await house.says(SUN, 10)
    assert get(hass, OUTPUT).state == STATE_OFF
    await act(hass, "switch", "turn_on", CONTROL)
    await house.says_until(SUN, OUTPUT, STATE_ON)


async def test_a_number_is_at_work_at_once_and_stays(hass: HomeAssistant, entry: MockConfigEntry, house: House) -> None:
    await house.starts(DARK)
    meter = entry.runtime_data
    await act(hass, "number", "set_value", "number.boiler_nominal_power", value=1000)
    await act(hass, "number", "set_value", "number.boiler_rank", value=7)
    # There was no reload.
    assert entry.runtime_data is meter
    assert entry.subentries[BOILER].data["power_w"] == 1000.0
    assert entry.subentries[BOILER].data["rank"] == 7
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert get(hass, "number.boiler_nominal_power").state == "1000.0"
    assert get(hass, "number.boiler_rank").state == "7"


async def test_what_is_removed_vanishes(hass: HomeAssistant, entry: MockConfigEntry, house: House) -> None:
    await house.starts(DARK)
    registry = er.async_get(hass)
    hass.config_entries.async_remove_subentry(entry, BOILER)
    await hass.async_block_till_done()
    assert registry.async_get(SWITCH) is None
    assert registry.async_get("switch.pump") is not None
    assert registry.async_get(CONTROL) is not None
    hass.config_entries.async_remove_subentry(entry, PUMP)
    await hass.async_block_till_done()
    left = {entity.entity_id for entity in er.async_entries_for_config_entry(registry, entry.entry_id)}
    assert not left & {"switch.pump", CONTROL, "event.iskra_am550_protection"}
    assert not any("_loads_" in entity.unique_id for entity in registry.entities.values())


async def test_an_output_that_is_gone_is_unknown(hass: HomeAssistant, house: House) -> None:
    await house.starts(DARK)
    hass.states.async_set(OUTPUT, STATE_UNAVAILABLE)
    await hass.async_block_till_done()
    await house.says(DARK)
    assert get(hass, SWITCH).state == STATE_UNAVAILABLE
    assert get(hass, REASON).state == "not available: on or off is unknown"
