"""Does the meter report an error?"""

from typing import TYPE_CHECKING

from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
import pytest

from tests.compose import nl5

from .conftest import Say, SetUp, get, states

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

ERROR = "binary_sensor.iskra_am550_meter_error"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("(00000000)", STATE_OFF),
        ("(00000100)", STATE_ON),
        ("(0000000000000000)", STATE_OFF),
        ("(C0)", STATE_ON),
        ("()", STATE_UNKNOWN),
    ],
)
async def test_an_error_is_any_digit_that_is_not_zero(
    hass: HomeAssistant, set_up: SetUp, sent: str, expected: str
) -> None:
    await set_up(nl5({"0-0:97.97.0": sent}))
    state = get(hass, ERROR)
    assert state.state == expected
    assert state.attributes["device_class"] == "problem"
    # It is not a sensor as well.
    assert "sensor.iskra_am550_meter_error" not in states(hass)


async def test_an_error_that_comes_is_shown_at_once(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    await set_up()
    assert hass.states.get(ERROR) is None
    await say(nl5({"0-0:97.97.0": "(00000000)"}))
    await say(nl5({"0-0:97.97.0": "(00000001)"}))
    state = get(hass, ERROR)
    assert state.state == STATE_ON
    assert await hass.config_entries.async_reload(entry.entry_id)
    state = get(hass, ERROR)
    assert state.state == STATE_UNAVAILABLE
