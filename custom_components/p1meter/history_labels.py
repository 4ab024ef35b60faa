"""What moments, numbers and totals are called in the dialogs about the past."""

import re
from typing import TYPE_CHECKING, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .load_words import DECIMAL
from .recorded import sensor_of
from .words import async_words

if TYPE_CHECKING:
    from datetime import datetime

# Of a number with a unit: versions and names have points too.
_DECIMALS: Final = re.compile(r"(?<=\d)\.(?=\d+ \S+$)")


def moment(at: datetime) -> str:
    """Return a moment as the clock on the wall shows it: `2026-11-21 14:03`."""
    return f"{dt_util.as_local(at):%Y-%m-%d %H:%M}"


def span(begin: datetime, end: datetime) -> str:
    """Return what lies between two moments, and how long that is: `14:20`, `19:10` and `4:50 h`, with the day."""
    until = moment(end)
    if until.startswith(moment(begin)[:10]):
        until = until[11:]
    hours, minutes = divmod(round((end - begin).total_seconds() / 60), 60)
    return f"{moment(begin)} – {until} ({hours}:{minutes:02} h)"  # noqa: RUF001 (a span of time is written with a dash)


async def async_decimal_mark(hass: HomeAssistant) -> str:
    """Return what stands before the decimals of `number` in the language of this home."""
    return (await async_words(hass, "load_reason"))[DECIMAL]


def number(value: float, decimal_mark: str) -> str:
    """Return a reading, or what was used, without digits that say nothing: `5001.2`, or `5001,2`."""
    return f"{value:.3f}".rstrip("0").rstrip(".").replace(".", decimal_mark)


def spelled(text: str, decimal_mark: str) -> str:
    """Return the text of a state with its decimals as in the language of this home: `4667,263 kWh`."""
    return _DECIMALS.sub(decimal_mark, text)


@callback
def name_of(hass: HomeAssistant, entry_id: str, slot: str) -> str:
    """Return what a person calls the sensor of a slot."""
    entity = sensor_of(hass, entry_id, slot)
    return slot if entity is None else entity.name or entity.original_name or entity.entity_id
