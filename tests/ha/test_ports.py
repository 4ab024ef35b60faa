"""A port whose name is gone is found again, if it can be known which it is."""

from typing import TYPE_CHECKING
from unittest.mock import patch

from homeassistant.components.usb import SerialDevice, USBDevice
from homeassistant.const import CONF_PORT
from homeassistant.requirements import RequirementsNotFound
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter import ports
from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.ports import async_moved_port, async_prepare, async_same_port, async_stable_path

if TYPE_CHECKING:
    from pathlib import Path

    from homeassistant.core import HomeAssistant

FTDI = "usb-FTDI_FT232R_USB_UART_A50285BI"


@pytest.fixture(autouse=True)
async def usb(hass: HomeAssistant) -> None:
    """The integration that knows the ports of the machine."""
    await async_setup_component(hass, "usb", {})


@pytest.fixture
def by_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which ports are named after their adapter: /dev/serial/by-id is the machine's own."""
    folder = tmp_path / "by-id"
    folder.mkdir()
    monkeypatch.setattr(ports, "_BY_ID", folder)
    return folder


def p1_cable(path: Path, description: str = "P1 Converter Cable - P1 Converter Cable") -> USBDevice:
    """Return a cable that says it is one."""
    path.touch()
    return USBDevice(
        device=str(path), vid="0403", pid="6001", serial_number=None, manufacturer="FTDI", description=description
    )


async def test_a_port_that_is_there_has_not_moved(hass: HomeAssistant, by_id: Path) -> None:
    port = by_id / f"{FTDI}-if00-port0"
    port.touch()
    (by_id / f"{FTDI}-if01-port0").touch()
    assert await async_moved_port(hass, str(port)) is None


async def test_an_address_does_not_move(hass: HomeAssistant) -> None:
    assert await async_moved_port(hass, "socket://p1.lan:2001") is None


@pytest.mark.parametrize("typed", ["socket://[fe80::1:2001", "/dev/tty\0USB0"])
async def test_a_slip_of_the_pen_is_nobody_elses_port(hass: HomeAssistant, typed: str) -> None:
    assert await async_stable_path(hass, typed) == typed
    assert not await async_same_port(hass, typed, "socket://p1.lan:2001")
    assert await async_same_port(hass, typed, typed)


async def test_the_same_adapter_is_found_under_the_name_that_another_driver_gives_it(
    hass: HomeAssistant, by_id: Path
) -> None:
    (by_id / "usb-FTDI_FT232R_USB_UART_OTHER-if00-port0").touch()
    assert await async_moved_port(hass, str(by_id / f"{FTDI}-if00-port0")) is None
    (by_id / f"{FTDI}-if00").touch()
    assert await async_moved_port(hass, str(by_id / f"{FTDI}-if00-port0")) == str(by_id / f"{FTDI}-if00")
    # Two ports of one adapter: nobody knows which.
    (by_id / f"{FTDI}-if01").touch()
    assert await async_moved_port(hass, str(by_id / f"{FTDI}-if00-port0")) is None


async def test_without_such_names_nobody_knows(
    hass: HomeAssistant, by_id: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "_BY_ID", by_id / "nowhere")
    assert await async_moved_port(hass, str(by_id / "nowhere" / f"{FTDI}-if00-port0")) is None


async def test_the_only_p1_cable_is_taken_if_nobody_uses_it(hass: HomeAssistant, tmp_path: Path) -> None:
    gone, new, other = str(tmp_path / "ttyUSB0"), tmp_path / "ttyUSB1", tmp_path / "ttyUSB2"
    board = SerialDevice(device="/dev/ttyAMA0", serial_number=None, manufacturer=None, description="ttyAMA0")
    stick = p1_cable(other, "Zigbee stick")

    async def moved_among(*devices: SerialDevice) -> str | None:
        with patch("homeassistant.components.usb.scan_serial_ports", return_value=list(devices)):
            return await async_moved_port(hass, gone)

    assert await moved_among(board, stick) is None
    assert await moved_among(board, stick, p1_cable(new)) == str(new)
    assert await moved_among(p1_cable(new), p1_cable(other)) is None
    MockConfigEntry(domain=DOMAIN, data={CONF_PORT: str(other)}).add_to_hass(hass)
    assert await moved_among(p1_cable(new), p1_cable(other)) == str(new)
    assert await moved_among(p1_cable(other)) is None


async def test_what_home_assistant_knows_is_used(hass: HomeAssistant, by_id: Path) -> None:
    proxy = f"esphome-hass://esphome/1?port_udev_id={FTDI}-if00-port0"
    # Since 2026.11 it has this function; the harness is older.
    with patch("homeassistant.components.usb.async_find_moved_serial_port", create=True, return_value=proxy):
        assert await async_moved_port(hass, str(by_id / f"{FTDI}-if00-port0")) == proxy


@pytest.mark.parametrize(
    ("port", "wanted"), [("esphome://proxy.lan", ["esphome"]), ("socket://p1.lan:2001", []), ("/dev/ttyUSB0", [])]
)
async def test_only_an_esphome_address_needs_the_library_of_that_integration(
    hass: HomeAssistant, port: str, wanted: list[str]
) -> None:
    # Nothing is installed in a test: whether it can be had depends on the network.
    with patch.object(ports, "async_get_integration_with_requirements") as get:
        await async_prepare(hass, port)
    assert [call.args[1] for call in get.call_args_list] == wanted


async def test_a_library_that_cannot_be_had_is_no_reason_to_fail(hass: HomeAssistant) -> None:
    nothing = RequirementsNotFound("esphome", ["aioesphomeapi"])
    with patch.object(ports, "async_get_integration_with_requirements", side_effect=nothing) as get:
        await async_prepare(hass, "esphome://proxy.lan")
    assert get.call_count == 1
