"""Which port is meant, and who has it: one device has many names, and only one program at a time may read it."""

from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
import os
from pathlib import Path
import re
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from homeassistant.components import usb
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.loader import IntegrationNotFound, async_get_integration
from homeassistant.requirements import RequirementsNotFound, async_get_integration_with_requirements

from .const import DOMAIN
from .link import is_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

# Where udev names ports after their adapter.
_BY_ID = Path("/dev/serial/by-id")
# What such a name ends with: the interface of the adapter, and its port. Another driver may name the same otherwise.
_INTERFACE = re.compile(r"-if\d+(?:-port\d+)?$")
# Addresses that are a host and a port and nothing else: the device behind is the same whatever is spoken to it.
_HOST_AND_PORT_SCHEMES = frozenset({"socket", "tcp", "rfc2217"})

# The integration that reads the same meters on the same ports; its entries are at work, or will be.
_REPLACEABLE = "dsmr"
_AT_WORK = frozenset({ConfigEntryState.LOADED, ConfigEntryState.SETUP_RETRY, ConfigEntryState.SETUP_IN_PROGRESS})


@dataclass(frozen=True, slots=True)
class PortUser:
    """Who uses a port.

    Attributes:
        title: Name of the config entry or app.
        integration: Name of the integration; None: it is an app of the Supervisor.
        replaceable: The id of the config entry, where it is that of an integration whose work we can do; else None.
    """

    title: str
    integration: str | None
    replaceable: str | None = None


async def async_prepare(hass: HomeAssistant, port: str) -> None:
    """Get what is needed to open a port: an ESPHome address needs the library of Home Assistant's ESPHome integration.

    Where that cannot be had, opening the port says that its address is not understood.
    """
    if not port.lower().startswith("esphome:"):
        return
    with suppress(IntegrationNotFound, RequirementsNotFound, ImportError):
        await async_get_integration_with_requirements(hass, "esphome")
        # serialx knows the scheme once this is imported, and has tried before the library was there.
        await hass.async_add_import_executor_job(import_module, "serialx.platforms.serial_esphome")


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
    # Home Assistant only knows ports below /dev, and not all of those that are kept in two parts.
    known = [
        entry
        for domain in (DOMAIN, _REPLACEABLE)
        for entry in hass.config_entries.async_entries(domain, include_ignore=False, include_disabled=False)
        if entry.entry_id != besides and (domain == DOMAIN or entry.state in _AT_WORK)
    ]
    claims: list[tuple[str, str, str | None, str | None]] = [
        (device, entry.title, entry.domain, entry.entry_id if entry.domain == _REPLACEABLE else None)
        for entry in known
        if (device := port_of(entry)) is not None
    ]
    claims += [
        (device, consumer.title, consumer.domain, None)
        for device, users in consumers.items()
        for consumer in users
        if consumer.active and consumer.domain not in {DOMAIN, _REPLACEABLE}
    ]
    for device, title, domain, replaceable in claims:
        if await async_same_port(hass, device, port):
            return PortUser(title, (await async_get_integration(hass, domain)).name if domain else None, replaceable)
    return None


def port_of(entry: ConfigEntry) -> str | None:
    """Return the port that a config entry of ours, or of core's `dsmr`, reads; None: another kind of entry."""
    if entry.domain not in {DOMAIN, _REPLACEABLE}:
        return None
    port = entry.data.get(CONF_PORT)
    # Entries of core's `dsmr` from before it knew addresses.
    if port is not None and (host := entry.data.get(CONF_HOST)) is not None:
        return f"socket://{host}:{port}"
    return None if port is None else str(port)


async def async_is_gone(hass: HomeAssistant, port: str) -> bool:
    """Return whether a port of this machine is not there; of an address nobody can say so."""
    return not is_url(port) and not await hass.async_add_executor_job(os.path.exists, port)


async def async_moved_port(hass: HomeAssistant, port: str) -> str | None:
    """Return where the adapter behind a port is now that its name is gone, None if nobody knows.

    It is the same adapter by another name, or else the only cable in this machine that calls itself a P1 cable and
    that nobody uses. Which meter is on it has to be seen.
    """
    # Only since Home Assistant 2026.11. It knows ports behind an ESPHome device too.
    find = cast("Callable[[HomeAssistant, str], str | None] | None", getattr(usb, "async_find_moved_serial_port", None))
    if find is not None and (moved := find(hass, port)) is not None:
        return moved
    if not await async_is_gone(hass, port):
        return None
    if (moved := await hass.async_add_executor_job(_same_adapter, port)) is not None:
        return moved
    cables = [
        device.device
        for device in await usb.async_scan_serial_ports(hass)
        if isinstance(device, usb.USBDevice)
        and any(matcher["domain"] == DOMAIN for matcher in usb.async_get_usb_matchers_for_device(hass, device))
        and await async_user_of(hass, device.device, besides=None) is None
    ]
    return await async_stable_path(hass, cables[0]) if len(cables) == 1 else None


async def async_program_on(hass: HomeAssistant, port: str) -> str | None:
    """Return the name of another program that has a device open, as far as the system lets us see it."""
    return await hass.async_add_executor_job(_program_on, port)


def _stable_path(port: str) -> str:
    if is_url(port) or _canonical(port) != port:
        # Somebody who has made a link of his own knows what he wants.
        return port
    return usb.get_serial_by_id(port)


def _same_adapter(port: str) -> str | None:
    """Return the only port whose name says that it is the adapter that was `port`."""
    adapter, is_named = _INTERFACE.subn("", Path(port).name)
    if Path(port).parent != _BY_ID or not is_named or not _BY_ID.is_dir():
        return None
    names = [path for path in _BY_ID.iterdir() if _INTERFACE.sub("", path.name) == adapter]
    return str(names[0]) if len(names) == 1 else None


def _canonical(port: str) -> str:
    try:
        if not is_url(port):
            return os.path.realpath(port)
        parts = urlsplit(port)
    except ValueError:
        # A slip of the pen, `socket://[::1:2001`, is nobody else's port; who opens it says what is wrong with it.
        return port
    return parts.netloc.lower() if parts.scheme in _HOST_AND_PORT_SCHEMES else port


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
