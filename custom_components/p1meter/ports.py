"""Which port is meant, and who has it: one device has many names, and only one program at a time may read it."""

from dataclasses import dataclass
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from homeassistant.components import usb
from homeassistant.const import CONF_PORT
from homeassistant.loader import async_get_integration

from .const import DOMAIN
from .link import is_url

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

# Addresses that are a host and a port and nothing else: the device behind is the same whatever is spoken to it.
_HOST_AND_PORT_SCHEMES = frozenset({"socket", "tcp", "rfc2217"})


@dataclass(frozen=True, slots=True)
class PortUser:
    """Who uses a port.

    Attributes:
        title: Name of the config entry or app.
        integration: Name of the integration; None: it is an app of the Supervisor.
    """

    title: str
    integration: str | None


async def async_stable_path(hass: HomeAssistant, port: str) -> str:
    """Return the name under which a port is found again after it was plugged in elsewhere, if it has one."""
    return await hass.async_add_executor_job(_stable_path, port)


async def async_same_port(hass: HomeAssistant, one: str, other: str) -> bool:
    """Return whether two names stand for one port."""
    return await hass.async_add_executor_job(lambda: _canonical(one) == _canonical(other))


async def async_user_of(hass: HomeAssistant, port: str, *, besides: str | None) -> PortUser | None:
    """Return which config entry (other than the one with the id `besides`) or app has a port, or None.

    An entry that is switched off, or an app that is not running, has no port.
    """
    consumers = await usb.async_get_serial_port_consumers(hass, await usb.async_scan_serial_ports(hass))
    claims: list[tuple[str, str, str | None]] = [
        # Home Assistant only knows ports below /dev.
        (entry.data[CONF_PORT], entry.title, DOMAIN)
        for entry in hass.config_entries.async_entries(DOMAIN, include_ignore=False, include_disabled=False)
        if entry.entry_id != besides
    ]
    claims += [
        (device, consumer.title, consumer.domain)
        for device, users in consumers.items()
        for consumer in users
        if consumer.active and consumer.domain != DOMAIN
    ]
    for device, title, domain in claims:
        if await async_same_port(hass, device, port):
            return PortUser(title, (await async_get_integration(hass, domain)).name if domain else None)
    return None


async def async_program_on(hass: HomeAssistant, port: str) -> str | None:
    """Return the name of another program that has a device open, as far as the system lets us see it."""
    return await hass.async_add_executor_job(_program_on, port)


def _stable_path(port: str) -> str:
    if is_url(port) or os.path.realpath(port) != port:
        # Somebody who has made a link of his own knows what he wants.
        return port
    return usb.get_serial_by_id(port)


def _canonical(port: str) -> str:
    if not is_url(port):
        return os.path.realpath(port)
    parts = urlsplit(port)
    if parts.scheme not in _HOST_AND_PORT_SCHEMES:
        return port
    return parts.netloc.lower()


def _program_on(port: str) -> str | None:
    device = Path(port).resolve()
    for process in Path("/proc").glob("[0-9]*"):
        if process.name == str(os.getpid()):
            continue
        try:
            if any(link.readlink() == device for link in process.glob("fd/*")):
                return (process / "comm").read_text().strip()
        except OSError:
            # It has ended meanwhile, or belongs to somebody else.
            continue
    return None
