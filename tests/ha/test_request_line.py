"""The data-request line: raised while the meter is read, and let go whatever happens.

There is no GPIO chip on the machine that tests: the pin is one that writes down what is done to it.
"""

from typing import TYPE_CHECKING

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import callback
from homeassistant.helpers import issue_registry as ir
from homeassistant.requirements import RequirementsNotFound
import pytest

from custom_components.p1meter import request_line
from custom_components.p1meter.const import (
    CONF_REQUEST,
    CONF_REQUEST_ACTIVE_LOW,
    CONF_REQUEST_CHIP,
    CONF_REQUEST_CHIP_LABEL,
    CONF_REQUEST_LINE,
    DOMAIN,
    issue_id,
)
from custom_components.p1meter.gpio import GpioError, GpioErrorKind
from custom_components.p1meter.link import Stream
from tests.compose import nl5

from .conftest import Say, SetUp, get, until

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

PIN = {
    CONF_REQUEST: "gpio",
    CONF_REQUEST_CHIP: "/dev/gpiochip0",
    CONF_REQUEST_CHIP_LABEL: "pinctrl-bcm2711",
    CONF_REQUEST_LINE: 17,
    CONF_REQUEST_ACTIVE_LOW: True,
}


class Pin:
    """Stands for a line of a chip."""

    done: list[str]
    tries: int
    error: GpioError | None

    def __init__(self, chip: str, line: int, *, consumer: str, label: str, active_low: bool) -> None:
        assert (chip, line, label, active_low) == ("/dev/gpiochip0", 17, "pinctrl-bcm2711", True)
        assert len(consumer) < 32
        self._held = False

    @property
    def is_open(self) -> bool:
        return self._held

    def open(self, on: bool) -> None:  # noqa: FBT001 (the interface of a line)
        Pin.tries += 1
        if Pin.error is not None:
            raise Pin.error
        self._held = True
        Pin.done.append(f"open {on}")

    def set(self, on: bool) -> None:  # noqa: FBT001 (the interface of a line)
        assert self._held
        Pin.done.append(f"set {on}")

    def release(self) -> None:
        if self._held:
            self._held = False
            Pin.done.append("release")


@pytest.fixture(autouse=True)
def pin(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done to the pin, in order; nothing has to be installed for it."""

    async def install(_hass: HomeAssistant) -> None:
        pass

    Pin.done, Pin.tries, Pin.error = [], 0, None
    monkeypatch.setattr(request_line, "GpioLine", Pin)
    monkeypatch.setattr(request_line, "async_install_gpiod", install)
    return Pin.done


@pytest.fixture(autouse=True)
def with_a_pin(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The person has chosen a pin."""
    hass.config_entries.async_update_entry(entry, options=PIN)


async def test_it_is_raised_while_the_meter_is_read_and_let_go_when_it_is_not(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, pin: list[str]
) -> None:
    await set_up()
    assert pin == ["open True"]
    assert await hass.config_entries.async_unload(entry.entry_id)
    # Lowered before the port is closed, then given back.
    assert pin == ["open True", "set False", "release"]


async def test_it_is_let_go_when_home_assistant_stops(hass: HomeAssistant, set_up: SetUp, pin: list[str]) -> None:
    """A stop unloads nothing, but ends what runs in the background; nobody waits for that but the end of the loop."""
    await set_up()
    await hass.async_stop(force=True)
    assert pin[-1] in {"set False", "release"}
    await until(lambda: pin == ["open True", "set False", "release"])


async def test_it_is_let_go_when_reading_fails(set_up: SetUp, pin: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    hand_out = Stream._hand_out

    def fail(stream: Stream, items: list[object]) -> bool:
        hand_out(stream, items)  # type: ignore[arg-type]  # it is what the stream found
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(Stream, "_hand_out", fail)
    await set_up()
    await until(lambda: pin[-1] == "release")


@pytest.mark.parametrize(
    ("kind", "holder", "expected"),
    [
        (GpioErrorKind.MISSING, None, "request_line_missing"),
        (GpioErrorKind.BUSY, "relay", "request_line_busy"),
        (GpioErrorKind.DENIED, None, "request_line_denied"),
        (GpioErrorKind.UNSUPPORTED, None, "request_line_unsupported"),
        (GpioErrorKind.LOST, None, "request_line_missing"),
    ],
)
async def test_one_that_cannot_be_driven_is_said_and_tried_again(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    say: Say,
    set_up: SetUp,
    pin: list[str],
    kind: GpioErrorKind,
    holder: str | None,
    expected: str,
) -> None:
    await set_up()
    assert await hass.config_entries.async_unload(entry.entry_id)
    pin.clear()
    Pin.error = GpioError(kind, "in the words of the system", holder)
    assert await hass.config_entries.async_setup(entry.entry_id)
    issue = issue_id(expected, entry.entry_id)
    await until(lambda: ir.async_get(hass).async_get_issue(DOMAIN, issue) is not None)
    told = ir.async_get(hass).async_get_issue(DOMAIN, issue)
    assert told is not None
    assert told.translation_placeholders is not None
    assert told.translation_placeholders["line"] == "17"
    assert told.translation_placeholders["holder"] == (holder or "?")
    assert pin == []
    Pin.error = None
    # Until then the port is opened and closed in turns.
    await until(lambda: pin == ["open True"])
    await say(nl5({"1-0:1.7.0": "(00.600*kW)"}))
    assert get(hass, "sensor.iskra_am550_power").state == "600"
    assert ir.async_get(hass).async_get_issue(DOMAIN, issue) is None


async def test_it_is_said_once_however_often_it_is_tried(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    await set_up()
    assert await hass.config_entries.async_unload(entry.entry_id)
    changes = []
    hass.bus.async_listen(ir.EVENT_REPAIRS_ISSUE_REGISTRY_UPDATED, callback(lambda event: changes.append(event.data)))
    Pin.error = GpioError(GpioErrorKind.BUSY, "in the words of the system", "relay")
    Pin.tries = 0
    assert await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: Pin.tries >= 3)
    assert [change["action"] for change in changes] == ["create"]


async def test_what_drives_pins_may_not_be_installable(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_hass: HomeAssistant) -> None:
        raise RequirementsNotFound(DOMAIN, [request_line.GPIOD])

    monkeypatch.setattr(request_line, "async_install_gpiod", fail)
    # It was never read, so this is said as well where the entry stands.
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "request_line_failed"
