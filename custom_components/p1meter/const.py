"""Names that more than one file of the integration uses."""

from typing import TYPE_CHECKING, Final

from homeassistant.util.hass_dict import HassKey

if TYPE_CHECKING:
    from .meter import Telegram

DOMAIN: Final = "p1meter"
SUBENTRY_LOAD: Final = "load"
"""Type of the subentries that are loads; `load_settings` says what is in them, and which options are about loads."""

# In the entry's data, besides homeassistant.const.CONF_PORT.
CONF_LINE: Final = "line"
"""Line settings as text, `115200 8N1`; of a meter that wants to be asked, those of the sign-on, `300 7E1`."""
CONF_PROFILE: Final = "profile"
"""Name of the profile that was found when the meter was added, `nl5`."""
CONF_IDENT: Final = "ident"
"""Where the meter has no id: its identification line, which stands in for it."""
CONF_ASKED: Final = "asked"
"""True for an optical head, which has to be asked (IEC 62056-21 A to C); absent for a meter that talks by itself."""
CONF_KEY: Final = "encryption_key"
"""The key that opens encrypted telegrams, 32 hexadecimal digits; absent where nothing is encrypted."""
CONF_AUTHENTICATION_KEY: Final = "authentication_key"
"""The second key, 32 hexadecimal digits; absent: the one that every meter in Luxembourg has."""

# In the entry's options; all may be absent.
CONF_INTERVAL: Final = "interval"
"""Seconds between two telegrams that are used; absent: the meter's own, or 60 of one that is asked."""
CONF_REQUEST: Final = "request"
"""What drives the data-request line: `rts`, `dtr` or `gpio`; absent: nothing, the cable holds it high."""
CONF_REQUEST_AWAITED: Final = "request_awaited"
"""True: the line is raised only while a telegram is awaited; absent or False: always."""
CONF_REQUEST_CHIP: Final = "request_chip"
"""Path of the GPIO chip, `/dev/gpiochip0`."""
CONF_REQUEST_CHIP_LABEL: Final = "request_chip_label"
"""What it calls itself, `pinctrl-bcm2711`."""
CONF_REQUEST_LINE: Final = "request_line"
"""Number of the line on the chip."""
CONF_REQUEST_ACTIVE_LOW: Final = "request_active_low"
"""True: a low level on the GPIO line asks for telegrams."""
CONF_OFFSET: Final = "offset"
"""Seconds after the full multiple of the interval at which an optical head is read; absent: when it comes."""
CONF_ADDRESS: Final = "address"
"""Which meter on the optical line is asked; absent: the one that is there."""
CONF_QUERY: Final = "query"
"""Query character of the sign-on; absent: `?`."""
CONF_START_BAUD: Final = "start_baud"
"""Speed of the sign-on, bit/s; absent: 300."""
CONF_MAX_BAUD: Final = "max_baud"
"""The highest speed to agree on, bit/s; absent: 19200. The start speed: it is never changed."""
CONF_NEEDS_BCC: Final = "needs_bcc"
"""True: a block without its check character is refused."""
CONF_WAKE_UP: Final = "wake_up"
"""True: a battery meter is woken before it is asked."""
CONF_HISTORY: Final = "include_history"
"""True: the closing values of past months become sensors too."""
CONF_PEAK_FLOOR: Final = "peak_floor"
"""True: the mean of the month peaks takes each for 2.5 kW at the least."""
CONF_REGISTERS: Final = "registers"
"""Registers that the person has made: a list of what `own.OwnRegister.to_json` gives."""
CONF_SPREAD_GAPS: Final = "spread_gaps"
"""Since when, ISO 8601, what grew in a gap is spread over its hours; absent: it is left as it came."""
CONF_REPORTING: Final = "reporting"
"""How often states are written, a `reporting.Policy`; absent: balanced."""
CONF_NUMBERS: Final = "reporting_numbers"
"""The numbers of the policy `own`, as `reporting.Numbers` has them; absent: those of balanced."""

ISSUE_METER_REPLACED: Final = "meter_replaced"
ISSUE_NO_TELEGRAMS: Final = "no_telegrams"

PROBED: HassKey[dict[str, Telegram]] = HassKey("p1meter_probed")
"""By port, the telegram that the config flow has just seen there: set-up takes it out and knows the meter at once."""

OPENED: HassKey[set[str]] = HassKey("p1meter_opened")
"""Ports where a dialog has just opened a telegram with the key of their entry: set-up takes it out, and trusts it."""

FREED: HassKey[dict[str, str]] = HassKey("p1meter_freed")
"""By port, the id of the config entry that was switched off to free it: set-up takes it out and remembers it."""


def issue_id(kind: str, entry_id: str) -> str:
    """Return the id of a repair issue of one entry."""
    return f"{kind}_{entry_id}"
