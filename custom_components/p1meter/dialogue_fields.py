"""How a meter is asked, as a person fills it in: a section of the dialogs for a new meter and for a known one."""

from typing import TYPE_CHECKING, Any, Final

from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import BooleanSelector, TextSelector
import probatio as vol

from .const import CONF_ADDRESS, CONF_MAX_BAUD, CONF_NEEDS_BCC, CONF_QUERY, CONF_START_BAUD, CONF_WAKE_UP
from .fields import dropdown
from .meter import OpticalSettings
from .settings import optical_of

if TYPE_CHECKING:
    from collections.abc import Mapping

CONF_DIALOGUE: Final = "dialogue"
"""The name of the section."""
DIALOGUE_KEYS: Final = (CONF_ADDRESS, CONF_QUERY, CONF_START_BAUD, CONF_MAX_BAUD, CONF_NEEDS_BCC, CONF_WAKE_UP)
"""The options that are in it."""

_NEVER: Final = "never"
_BAUD: Final = "baud"
_RATES: Final = ("300", "600", "1200", "2400", "4800", "9600", "19200")
_DEFAULTS: Final = OpticalSettings()


def dialogue_section(*, collapsed: bool) -> section:
    """Return the section with its fields, folded or open."""
    return section(
        vol.Schema(
            {
                vol.Optional(CONF_ADDRESS): TextSelector(),
                vol.Required(CONF_QUERY): TextSelector(),
                vol.Required(CONF_START_BAUD): dropdown(_RATES, _BAUD),
                vol.Required(CONF_MAX_BAUD): dropdown([_NEVER, *_RATES[1:]], _BAUD),
                vol.Required(CONF_NEEDS_BCC): BooleanSelector(),
                vol.Required(CONF_WAKE_UP): BooleanSelector(),
            }
        ),
        {"collapsed": collapsed},
    )


def dialogue_form(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the section shows for these options of an entry."""
    start = options.get(CONF_START_BAUD, _DEFAULTS.start_baud)
    fastest = options.get(CONF_MAX_BAUD, _DEFAULTS.max_baud)
    return {
        CONF_ADDRESS: options.get(CONF_ADDRESS),
        CONF_QUERY: options.get(CONF_QUERY, _DEFAULTS.query),
        CONF_START_BAUD: str(start),
        CONF_MAX_BAUD: _NEVER if fastest == start else str(fastest),
        CONF_NEEDS_BCC: options.get(CONF_NEEDS_BCC, False),
        CONF_WAKE_UP: options.get(CONF_WAKE_UP, False),
    }


def dialogue_options(form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options for what the section shows; None for what is as it is by default."""
    start = int(form[CONF_START_BAUD])
    fastest = start if form[CONF_MAX_BAUD] == _NEVER else int(form[CONF_MAX_BAUD])
    query = form[CONF_QUERY].strip()
    return {
        CONF_ADDRESS: form.get(CONF_ADDRESS, "").strip() or None,
        CONF_QUERY: None if query == _DEFAULTS.query else query,
        CONF_START_BAUD: None if start == _DEFAULTS.start_baud else start,
        CONF_MAX_BAUD: None if fastest == _DEFAULTS.max_baud else fastest,
        CONF_NEEDS_BCC: form[CONF_NEEDS_BCC] or None,
        CONF_WAKE_UP: form[CONF_WAKE_UP] or None,
    }


def dialogue_error(options: Mapping[str, Any]) -> str | None:
    """Return what is wrong with these options, as the key of its sentence; None: nothing."""
    for key, error in ((CONF_ADDRESS, "not_an_address"), (CONF_QUERY, "not_a_query")):
        if options[key] is not None:
            try:
                optical_of({key: options[key]})
            except ValueError:
                return error
    if (options[CONF_MAX_BAUD] or _DEFAULTS.max_baud) < (options[CONF_START_BAUD] or _DEFAULTS.start_baud):
        return "max_below_start"
    return None
