"""Names that more than one file of the integration uses."""

from typing import TYPE_CHECKING, Final

from homeassistant.util.hass_dict import HassKey

if TYPE_CHECKING:
    from .meter import Telegram

DOMAIN: Final = "p1meter"

# In the entry's data, besides homeassistant.const.CONF_PORT.
CONF_LINE: Final = "line"
"""Line settings as text, `115200 8N1`."""
CONF_PROFILE: Final = "profile"
"""Name of the profile that was found when the meter was added, `nl5`."""

ISSUE_METER_REPLACED: Final = "meter_replaced"
ISSUE_NO_TELEGRAMS: Final = "no_telegrams"

PROBED: HassKey[dict[str, Telegram]] = HassKey("p1meter_probed")
"""By port, the telegram that the config flow has just seen there: set-up takes it out and knows the meter at once."""


def issue_id(kind: str, entry_id: str) -> str:
    """Return the id of a repair issue of one entry."""
    return f"{kind}_{entry_id}"
