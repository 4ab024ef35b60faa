"""Sensors that a person makes of codes that p1meter does not know."""

from typing import TYPE_CHECKING, Any

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.helpers import device_registry as dr, entity_registry as er

from custom_components.p1meter.const import CONF_REGISTERS, DOMAIN
from tests.compose import nl5

from .conftest import Say, SetUp, WallClock, get, shown

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

POWER: dict[str, Any] = {
    "id": "heat_pump",
    "code": "1-0:99.1.0",
    "name": "Heat pump",
    "kind": "number",
    "device_class": "power",
    "state_class": "measurement",
}
TEXT: dict[str, Any] = {"id": "status", "code": "96.99.1~1", "name": "Status", "kind": "text"}
BARE: dict[str, Any] = {
    "id": "reading",
    "code": "1-0:99.2.0",
    "name": "Reading",
    "kind": "number",
    "unit": "kWh",
    "device_class": "energy",
    "state_class": "total_increasing",
}
LINES = {"1-0:99.1.0": "(00.250*kW)", "0-0:96.99.1": "(0002)(___-----)", "1-0:99.2.0": "(000123.4)"}


def choose(hass: HomeAssistant, entry: MockConfigEntry, *registers: dict[str, Any]) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_REGISTERS: list(registers)})


async def test_they_are_sensors_of_the_electricity_meter(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    choose(hass, entry, POWER, TEXT, BARE)
    await set_up(nl5(LINES))
    assert shown(get(hass, "sensor.iskra_am550_heat_pump")) == ("0.250", "kW", "power", "measurement")
    assert shown(get(hass, "sensor.iskra_am550_status")) == ("___-----", None, None, None)
    assert shown(get(hass, "sensor.iskra_am550_reading")) == ("123.4", "kWh", "energy", "total_increasing")
    item = er.async_get(hass).async_get("sensor.iskra_am550_heat_pump")
    assert item is not None
    assert item.unique_id == f"{entry.entry_id}_own_heat_pump"
    device = dr.async_get(hass).async_get(item.device_id or "")
    assert device is not None
    assert device.identifiers == {(DOMAIN, f"{entry.entry_id}_electricity")}
    assert get(hass, "sensor.iskra_am550_heat_pump").name == "Iskra AM550 Heat pump"


async def test_they_follow_the_meter(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    choose(hass, entry, POWER, TEXT)
    await set_up(nl5(LINES))
    wall_clock.tick(1)
    # 20 W more can wait for the end of the five minutes, another text cannot.
    await say(nl5({**LINES, "1-0:99.1.0": "(00.270*kW)", "0-0:96.99.1": "(0002)(_a_-----)"}))
    assert get(hass, "sensor.iskra_am550_heat_pump").state == "0.250"
    assert get(hass, "sensor.iskra_am550_status").state == "_a_-----"
    wall_clock.tick(1)
    await say(nl5({**LINES, "1-0:99.1.0": "(01.270*kW)"}))
    assert get(hass, "sensor.iskra_am550_heat_pump").state == "1.270"
    wall_clock.tick(1)
    # Neither is there any more.
    await say(nl5())
    assert get(hass, "sensor.iskra_am550_heat_pump").state == STATE_UNKNOWN
    assert get(hass, "sensor.iskra_am550_status").state == STATE_UNKNOWN


async def test_a_unit_is_spelled_as_home_assistant_does(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    choose(hass, entry, {**POWER, "device_class": "current"})
    await set_up(nl5({"1-0:99.1.0": "(0.5*kA)"}))
    assert shown(get(hass, "sensor.iskra_am550_heat_pump")) == ("500.0", "A", "current", "measurement")


async def test_a_long_text_is_whole_beside_the_state(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    choose(hass, entry, TEXT)
    text = "A note. " * 40
    await set_up(nl5({"0-0:96.99.1": f"(1)({text})"}))
    state = get(hass, "sensor.iskra_am550_status")
    assert state.state == text[:255]
    assert state.attributes["text"] == text.strip()


async def test_the_sensor_goes_with_the_register(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    choose(hass, entry, POWER, TEXT)
    await set_up(nl5(LINES))
    choose(hass, entry, TEXT)
    await hass.async_block_till_done()
    await say(nl5(LINES))
    assert er.async_get(hass).async_get("sensor.iskra_am550_heat_pump") is None
    assert hass.states.get("sensor.iskra_am550_heat_pump") is None
    assert get(hass, "sensor.iskra_am550_status").state == "___-----"


async def test_before_the_first_telegram_it_has_its_unit(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    choose(hass, entry, BARE)
    await set_up(nl5(LINES))
    await hass.config_entries.async_reload(entry.entry_id)
    assert shown(get(hass, "sensor.iskra_am550_reading")) == (
        STATE_UNAVAILABLE,
        "kWh",
        "energy",
        "total_increasing",
    )


async def test_another_meter_does_not_speak_for_ours(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    choose(hass, entry, BARE)
    await set_up(nl5(LINES))
    other = {**LINES, "0-0:96.1.1": f"({b'E0099999999999999'.hex()})", "1-0:99.2.0": "(000007.0)"}
    await say(nl5(other))
    assert get(hass, "sensor.iskra_am550_reading").state == STATE_UNKNOWN
    await say(nl5(other), nl5(other), nl5(LINES))
    assert get(hass, "sensor.iskra_am550_reading").state == "123.4"
