"""Lets a P1 cable be put in that no USB port of this machine has, as Home Assistant's `usb` tells of one."""

from typing import TYPE_CHECKING

from homeassistant.config_entries import SOURCE_USB, ConfigFlowContext
from homeassistant.core import callback
from homeassistant.helpers import discovery_flow
from homeassistant.helpers.service_info.usb import UsbServiceInfo

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant, ServiceCall
    from homeassistant.helpers.typing import ConfigType

DOMAIN = "plug_in"


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Offer the action `plug_in.cable`, of a cable on a port."""

    @callback
    def cable(call: ServiceCall) -> None:
        said = UsbServiceInfo(
            device=call.data["port"],
            vid="0403",
            pid="6001",
            serial_number="P1",
            manufacturer="FTDI",
            description="P1 Converter Cable",
        )
        discovery_flow.async_create_flow(hass, "p1meter", ConfigFlowContext(source=SOURCE_USB), said)

    hass.services.async_register(DOMAIN, "cable", cable)
    return True
