"""Books the growth of gas, water and heat in the hour it was measured in, not in the one in which it arrived.

One row of the hourly statistics is written again for each hour, with what is in it by then (`late.py`); to do so twice
changes nothing. What waits for the recorder to make the row is in the store, however often Home Assistant is restarted.
"""

from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from homeassistant.components.recorder.statistics import async_import_statistics, get_last_short_term_statistics
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .joint import Recorded, Row
from .late import KEPT, Fate, cost_of, put_right
from .recorded import (
    async_after_each_run,
    async_until_written,
    costs_of,
    data_of,
    in_unit_of,
    read_metadata,
    read_rows,
    read_states,
    total_of,
)
from .sensor import unit_and_factor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homeassistant.components.recorder.models import StatisticMetaData
    from homeassistant.config_entries import ConfigEntry

    from .memory import LateValue
    from .store import MeterStore

_LOGGER = logging.getLogger(__name__)

_HOUR: Final = timedelta(hours=1)


@callback
def async_keep(hass: HomeAssistant, entry: ConfigEntry, store: MeterStore) -> None:
    """Put hours right that are in the store, now and whenever the recorder has summed up, until unloading."""
    keeper = _Keeper(hass, entry.entry_id, store)
    async_after_each_run(
        hass, entry, store, "late hours", is_waiting=lambda: bool(store.memory.late), apply=keeper.async_apply
    )


class _History(NamedTuple):
    """What the recorder has of an entity, in the unit of its statistics.

    Attributes:
        metadata: what the statistics say of themselves.
        rows: of the hours.
        summed_up: the newest sum.
        states: its numbers since the first late value came; empty where they are not needed.
    """

    metadata: StatisticMetaData
    rows: list[Row]
    summed_up: float
    states: list[Recorded]


class _Keeper:
    """Puts the hours of one config entry right."""

    def __init__(self, hass: HomeAssistant, entry_id: str, store: MeterStore) -> None:
        self._hass = hass
        self._entry_id = entry_id
        self._store = store

    async def async_apply(self) -> None:
        """Write what can be written by now. An hour is forgotten when it is seen to be right, five minutes later."""
        memory = self._store.memory
        by_slot: dict[str, list[LateValue]] = {}
        for late in memory.late:
            by_slot.setdefault(late.slot, []).append(late)
        # The step between two meters is taken out first: the sums will change by it.
        for joint in memory.joints:
            by_slot.pop(joint.slot, None)
        settled = [late for slot, all_late in by_slot.items() for late in await self._apply(slot, all_late)]
        await async_until_written(self._hass)
        if settled:
            memory.late = [late for late in memory.late if late not in settled]
            self._store.async_save_soon()

    async def _apply(self, slot: str, all_late: Sequence[LateValue]) -> list[LateValue]:
        """Write the hours of one total; return those that are settled."""
        entity = total_of(self._hass, self._entry_id, slot)
        if entity is None:
            return list(all_late)
        now = dt_util.utcnow()
        since = min(late.end for late in all_late) - _HOUR
        cost_ids = costs_of(self._hass, entity)
        history = await self._read(entity.entity_id, since, with_states=bool(cost_ids))
        if history is None:
            # An entity that has no statistics by now is not recorded.
            return [late for late in all_late if now - late.arrived > _HOUR]
        costs = [
            cost for cost_id in cost_ids if (cost := await self._read(cost_id, since, with_states=True)) is not None
        ]
        settled: list[LateValue] = []
        for late in all_late:
            if self._is_settled(late, history, costs):
                settled.append(late)
            elif now - late.end > KEPT:
                _LOGGER.info("The hour of %s before %s could not be put right", entity.entity_id, late.end)
                settled.append(late)
        return settled

    async def _read(self, entity_id: str, since: datetime, *, with_states: bool) -> _History | None:
        return await get_instance(self._hass).async_add_executor_job(_read, self._hass, entity_id, since, with_states)

    @callback
    def _is_settled(self, late: LateValue, history: _History, costs: Sequence[_History]) -> bool:
        """Write the row of an hour and that of what it costs; return whether there was nothing left to do."""
        unit, factor = unit_and_factor(late.unit)
        try:
            state = in_unit_of(history.metadata, float(late.value * factor), unit)
        except HomeAssistantError:
            _LOGGER.info("%s is not counted in %s any more", history.metadata["statistic_id"], unit)
            return True
        fate = self._put_right(history, late.end, Recorded(0, state))
        if fate is Fate.WAITS or fate is Fate.STAYS:
            return fate is Fate.STAYS
        fates: list[Fate | None] = [fate]
        for cost in costs:
            spent = cost_of(history.states, cost.states, state, late.arrived)
            if spent is not None:
                fates.append(self._put_right(cost, late.end, spent))
        return all(fate in {Fate.RIGHT, Fate.STAYS} for fate in fates)

    @callback
    def _put_right(self, history: _History, end: datetime, state: Recorded) -> Fate | None:
        """Write the row of an hour if it is to be written; return why not."""
        row = put_right(history.rows, end, state.value, history.summed_up, state.last_reset)
        if isinstance(row, Fate):
            return row
        _LOGGER.debug("%s had reached %s by %s", history.metadata["statistic_id"], row.state, end)
        async_import_statistics(self._hass, history.metadata, [data_of(row)])
        return None


def _read(hass: HomeAssistant, entity_id: str, since: datetime, with_states: bool) -> _History | None:  # noqa: FBT001 (the executor passes no names)
    """Return what the recorder has of an entity; None: it has no statistics. Reads the database."""
    metadata = read_metadata(hass, entity_id)
    newest = get_last_short_term_statistics(hass, 1, entity_id, False, {"sum"}).get(entity_id)  # noqa: FBT003 (its own signature)
    if metadata is None or not newest or (summed_up := newest[0].get("sum")) is None:
        return None
    return _History(
        metadata,
        read_rows(hass, metadata, since, "hour"),
        summed_up,
        read_states(hass, metadata, since) if with_states else [],
    )
