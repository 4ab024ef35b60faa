"""Keeps the recorder's statistics free of the step from one meter's readings to those of the next.

A meter that was replaced goes on under the same entities. The recorder takes the difference for use, and so does the
cost that the Energy dashboard works out of it; here it is taken out of both again. A joint waits in the store until the
recorder has summed up its five minutes, however often Home Assistant is restarted in between.
"""

from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .joint import PERIOD, Correction, Recorded, Row, corrections, span_from
from .recorded import async_after_each_run, costs_of, read_metadata, read_rows, read_states, total_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from homeassistant.config_entries import ConfigEntry

    from .memory import Joint
    from .store import MeterStore

_LOGGER = logging.getLogger(__name__)

# The recorder keeps states and short-term statistics for so long, unless it is told otherwise.
_GIVEN_UP_AFTER: Final = timedelta(days=10)
# An entity that has no statistics by then is not recorded.
_SUMMED_UP_AFTER: Final = timedelta(minutes=10)
# The last row before a joint is as old as the pause before it: Home Assistant may have been switched off.
_LONGEST_PAUSE: Final = timedelta(days=30)


@callback
def async_keep(hass: HomeAssistant, entry: ConfigEntry, store: MeterStore) -> None:
    """Take the joints in the store out of the statistics, now and whenever there are new ones, until unloading."""
    keeper = _Keeper(hass, entry.entry_id, store)
    async_after_each_run(hass, entry, "joints", lambda: bool(store.memory.joints), keeper.async_apply)


class _History(NamedTuple):
    """What the recorder knows of an entity.

    Attributes:
        unit: that of its statistics, and of all values here.
        rows: its short-term statistics.
        states: its numbers since the joint; the first one may be from before.
    """

    unit: str | None
    rows: list[Row]
    states: list[Recorded]


class _Keeper:
    """Applies the joints of one config entry."""

    def __init__(self, hass: HomeAssistant, entry_id: str, store: MeterStore) -> None:
        self._hass = hass
        self._entry_id = entry_id
        self._store = store

    async def async_apply(self) -> None:
        """Take out what is summed up by now. A joint is forgotten when it is seen to be out, five minutes later."""
        recorder = get_instance(self._hass)
        # Two at the same time would both find the step, and take it out twice.
        async with self._store.statistics:
            # It tells of new rows while it is still writing them.
            await recorder.async_block_till_done()
            by_slot: dict[str, list[Joint]] = {}
            for joint in self._store.memory.joints:
                by_slot.setdefault(joint.slot, []).append(joint)
            settled = [joint for slot, joints in by_slot.items() for joint in await self._apply(slot, joints)]
            await recorder.async_block_till_done()
            if settled:
                memory = self._store.memory
                memory.joints = [joint for joint in memory.joints if joint not in settled]
                self._store.async_save_soon()

    async def _apply(self, slot: str, joints: Sequence[Joint]) -> list[Joint]:
        """Take the joints of one total out; return those that are settled."""
        entity = total_of(self._hass, self._entry_id, slot)
        if entity is None:
            return list(joints)
        now = dt_util.utcnow()
        since = min(joint.at for joint in joints)
        history = await self._read(entity.entity_id, since)
        if history is None:
            return [joint for joint in joints if now - joint.at > _SUMMED_UP_AFTER]
        spans = {joint: span_from(joint.at.timestamp(), history.states) for joint in joints}
        found = corrections(history.rows, history.states, spans.values(), increasing=True)
        self._adjust(entity.entity_id, history, found)
        summed_up = {span for correction in found for span in correction.spans}
        for cost_id in costs_of(self._hass, entity):
            if (costs := await self._read(cost_id, since)) is not None:
                found_costs = corrections(costs.rows, costs.states, spans.values(), increasing=False)
                self._adjust(cost_id, costs, found_costs)
                found += found_costs
        still_in = {span for correction in found if correction.change for span in correction.spans}
        settled: list[Joint] = []
        for joint, span in spans.items():
            if span in summed_up and span not in still_in:
                settled.append(joint)
            elif now - joint.at > _GIVEN_UP_AFTER:
                _LOGGER.info("No statistics of the new meter came for %s", entity.entity_id)
                settled.append(joint)
        return settled

    async def _read(self, entity_id: str, since: datetime) -> _History | None:
        return await get_instance(self._hass).async_add_executor_job(_history, self._hass, entity_id, since)

    @callback
    def _adjust(self, entity_id: str, history: _History, found: Iterable[Correction]) -> None:
        for correction in found:
            if correction.change:
                start = dt_util.utc_from_timestamp(correction.start)
                _LOGGER.debug("Adding %s %s to %s from %s on", correction.change, history.unit, entity_id, start)
                get_instance(self._hass).async_adjust_statistics(
                    entity_id, start, correction.change, history.unit or ""
                )


def _history(hass: HomeAssistant, entity_id: str, since: datetime) -> _History | None:
    """Return what the recorder knows of an entity; None: it has no statistics. Reads the database."""
    metadata = read_metadata(hass, entity_id)
    if metadata is None:
        return None
    # From before the joint's period: what held at its start.
    begin = dt_util.utc_from_timestamp(since.timestamp() // PERIOD * PERIOD - PERIOD)
    return _History(
        metadata["unit_of_measurement"],
        read_rows(hass, metadata, since - _LONGEST_PAUSE, "5minute"),
        read_states(hass, metadata, begin),
    )
