"""Copies the statistics of other integrations' totals into those of ours, hour by hour; theirs stay as they are."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance

from .archive import Problems
from .archive.series import Hour, Series, Stretch
from .history_import import async_write
from .history_reading import Found, async_why_not
from .meter import REGISTERS
from .recorded import read_metadata, read_rows, sensor_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homeassistant.core import HomeAssistant

    from .coordinator import P1MeterConfigEntry
    from .history_import import RegisterResult
    from .joint import Row
    from .takeable import Candidate

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What is less comes from sums of floating point numbers.
_DIGITS: Final = 6


async def async_copy(
    hass: HomeAssistant, entry: P1MeterConfigEntry, chosen: Iterable[Candidate]
) -> list[RegisterResult]:
    """Copy the hours that ours does not have; return what has become of each total. To do so again changes nothing.

    A sensor of ours that is disabled is enabled, so that it goes on from there. One that is not recorded is left out.

    Raises:
        NotWrittenError: the recorder did not do it.
    """
    memory = entry.runtime_data.memory
    wanted = {
        one.pair.slot: one.pair.old.entity_id
        for one in chosen
        if REGISTERS[memory.slots[one.pair.slot].key].role == "total"
    }
    registry = er.async_get(hass)
    for slot in wanted:
        if (ours := sensor_of(hass, entry.entry_id, slot)) is not None and ours.disabled:
            registry.async_update_entity(ours.entity_id, disabled_by=None)
    found = await get_instance(hass).async_add_executor_job(_read, hass, wanted)
    series = {slot: one for slot, one in found.items() if await async_why_not(hass, entry.entry_id, slot, one) is None}
    return await async_write(hass, entry, Found(series, [], Problems()), overwrite=False)


def _read(hass: HomeAssistant, wanted: dict[str, str]) -> dict[str, Series]:
    """Return the statistics of entities, by the slots that they are for. Reads the database."""
    found = {}
    for slot, entity_id in wanted.items():
        metadata = read_metadata(hass, entity_id)
        unit = None if metadata is None else metadata["unit_of_measurement"]
        if metadata is not None and unit is not None and (rows := read_rows(hass, metadata, _BEGINNING, "hour")):
            found[slot] = series_of(slot, unit, rows)
    return found


def series_of(key: str, unit: str, rows: Sequence[Row]) -> Series:
    """Return rows of the recorder as the history of a register.

    Args:
        key: what it is called.
        unit: of the rows.
        rows: of hours, in their order; at least one. Where the state falls, another meter begins.
    """
    grown = [rows[0].sum, *(after.sum - before.sum for before, after in pairwise(rows))]
    hours = [
        Hour(datetime.fromtimestamp(row.start, UTC), _decimal(row.state), _decimal(growth))
        for row, growth in zip(rows, grown, strict=True)
    ]
    begins = [0, *(n for n, (before, after) in enumerate(pairwise(rows), 1) if after.state < before.state), len(rows)]
    stretches = [
        Stretch(hours[begin].start, _decimal(rows[begin].state), _decimal(rows[end - 1].state))
        for begin, end in pairwise(begins)
    ]
    return Series(key, unit, hours, stretches)


def _decimal(value: float) -> Decimal:
    return Decimal(str(round(value, _DIGITS)))
