"""Keeps the recorder's statistics free of the step from one meter's readings to those of the next.

A meter that was replaced goes on under the same entities. The recorder takes the difference for use, and so does the
cost that the Energy dashboard works out of it; here it is taken out of both again. A joint waits in the store until the
recorder has summed up its five minutes, however often Home Assistant is restarted in between. What was taken out stays
in the store: a person may have it counted again.
"""

from datetime import UTC, datetime, timedelta
import logging
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from homeassistant.components.sensor import ATTR_STATE_CLASS, SensorStateClass
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .joint import HOUR, PERIOD, Correction, Recorded, Row, corrections, growth, span_from
from .memory import Replacement, Taken
from .recorded import (
    async_after_each_run,
    async_until_written,
    costs_of,
    in_unit_of,
    read_metadata,
    read_rows,
    read_states,
    sensor_of,
    total_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homeassistant.components.recorder.models import StatisticMetaData
    from homeassistant.config_entries import ConfigEntry

    from .joint import Span
    from .memory import Joint
    from .store import MeterStore

_LOGGER = logging.getLogger(__name__)

# The recorder keeps states and short-term statistics for so long, unless it is told otherwise.
_GIVEN_UP_AFTER: Final = timedelta(days=10)
# An entity that has no statistics by then is not recorded.
_SUMMED_UP_AFTER: Final = timedelta(minutes=10)
# The last row before a joint is as old as the pause before it: Home Assistant may have been switched off. It is looked
# for here first.
_USUAL_PAUSE: Final = timedelta(days=30)
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)


@callback
def async_keep(hass: HomeAssistant, entry: ConfigEntry, store: MeterStore) -> None:
    """Take the joints in the store out of the statistics, now and whenever there are new ones, until unloading."""
    keeper = _Keeper(hass, entry.entry_id, store)
    async_after_each_run(hass, entry, store, "joints", is_waiting=keeper.is_waiting, apply=keeper.async_apply)


async def async_choose(hass: HomeAssistant, store: MeterStore, chosen: Mapping[Replacement, bool]) -> None:
    """Have the difference between two meters counted as use, as Home Assistant would have, or take it out again.

    Args:
        hass: where the recorder runs.
        store: of the meter.
        chosen: some of the replacements in its memory, with whether they are to be undone.
    """
    memory = store.memory
    async with store.statistics:
        # One after the other: two may lie in the same row.
        for kept, undone in chosen.items():
            if kept.undone is undone:
                continue
            await async_until_written(hass)
            begun = [await _async_begun(hass, taken) for taken in kept.taken]
            changed = kept._replace(undone=undone, taken=tuple(begun))
            memory.replacements = [changed if one == kept else one for one in memory.replacements]
            # From here on it is gone through with, whatever happens to Home Assistant.
            await store.async_save()
            await _async_go_through(hass, store)


class _History(NamedTuple):
    """What the recorder knows of an entity.

    Attributes:
        entity_id: whose it is.
        unit: that of its statistics, and of all values here.
        rows: its short-term statistics.
        states: its numbers since the joint; the first one may be from before.
    """

    entity_id: str
    unit: str | None
    rows: list[Row]
    states: list[Recorded]


class _Found(NamedTuple):
    """What is to be done about the statistics of one entity."""

    history: _History
    corrections: list[Correction]


class _Keeper:
    """Applies the joints of one config entry."""

    def __init__(self, hass: HomeAssistant, entry_id: str, store: MeterStore) -> None:
        self._hass = hass
        self._entry_id = entry_id
        self._store = store

    @callback
    def is_waiting(self) -> bool:
        """Whether there is a joint to be taken out, or something that was chosen was not gone through with."""
        memory = self._store.memory
        return bool(memory.joints) or any(_is_under_way(kept) for kept in memory.replacements)

    async def async_apply(self) -> None:
        """Take out what is summed up by now. A joint is settled when it is seen to be out, five minutes later."""
        memory = self._store.memory
        await _async_go_through(self._hass, self._store)
        by_slot: dict[str, list[Joint]] = {}
        for joint in memory.joints:
            by_slot.setdefault(joint.slot, []).append(joint)
        settled: dict[Joint, Replacement | None] = {}
        for slot, joints in by_slot.items():
            settled |= await self._apply(slot, joints)
        await async_until_written(self._hass)
        if settled:
            memory.joints = [joint for joint in memory.joints if joint not in settled]
            memory.keep_replacements(kept for kept in settled.values() if kept is not None)
            self._store.async_save_soon()

    async def _apply(self, slot: str, joints: Sequence[Joint]) -> dict[Joint, Replacement | None]:
        """Take the joints of one total out; return those that are settled, and what was taken out for them."""
        entity = total_of(self._hass, self._entry_id, slot)
        now = dt_util.utcnow()
        if entity is None:
            # It may be enabled again: then the recorder goes on from the old meter's reading, if it has one.
            is_recorded = await self._async_is_recorded(slot)
            return dict.fromkeys(one for one in joints if not is_recorded or now - one.at > _GIVEN_UP_AFTER)
        since = min(joint.at for joint in joints)
        history = await self._read(entity.entity_id, since)
        if history is None:
            return dict.fromkeys(joint for joint in joints if now - joint.at > _SUMMED_UP_AFTER)
        spans = {joint: span_from(joint.at.timestamp(), history.states) for joint in joints}
        # A person may have made a total of their own that may fall.
        increasing = (entity.capabilities or {}).get(ATTR_STATE_CLASS) != SensorStateClass.TOTAL
        found = [_Found(history, corrections(history.rows, history.states, spans.values(), increasing=increasing))]
        found += [
            _Found(costs, corrections(costs.rows, costs.states, spans.values(), increasing=False))
            for cost_id in costs_of(self._hass, entity)
            if (costs := await self._read(cost_id, since)) is not None
        ]
        for one in found:
            self._adjust(one)
        everything = [correction for one in found for correction in one.corrections]
        summed_up = {step.span for correction in everything for step in correction.steps}
        still_in = {step.span for correction in everything if correction.change for step in correction.steps}
        settled: dict[Joint, Replacement | None] = {}
        for joint, span in spans.items():
            if span in summed_up and span not in still_in:
                settled[joint] = _replacement(self._hass, joint, span, found)
            elif now - joint.at > _GIVEN_UP_AFTER:
                _LOGGER.info("No statistics of the new meter came for %s", entity.entity_id)
                settled[joint] = None
        return settled

    async def _async_is_recorded(self, slot: str) -> bool:
        """Return whether there are statistics of a total, also while its sensor is disabled."""
        entity = sensor_of(self._hass, self._entry_id, slot)
        recorder = get_instance(self._hass)
        return (
            entity is not None
            and await recorder.async_add_executor_job(read_metadata, self._hass, entity.entity_id) is not None
        )

    async def _read(self, entity_id: str, since: datetime) -> _History | None:
        return await get_instance(self._hass).async_add_executor_job(_history, self._hass, entity_id, since)

    @callback
    def _adjust(self, found: _Found) -> None:
        for correction in found.corrections:
            if correction.change:
                _adjust(self._hass, found.history.entity_id, correction.start, correction.change, found.history.unit)


def _replacement(hass: HomeAssistant, joint: Joint, span: Span, found: Sequence[_Found]) -> Replacement | None:
    """Return what was taken out at a joint, of the total (which comes first) and of what it costs.

    Nothing is where the new meter begins at zero. None: the readings go on as they were, or nobody knows them.
    """
    registry = er.async_get(hass)
    steps = [
        (one.history, correction, step)
        for one in found
        for correction in one.corrections
        for step in correction.steps
        if step.span == span
    ]
    taken = tuple(
        Taken(entity.id, correction.start, step.booked, history.unit)
        for history, correction, step in steps
        if correction.is_out and step.booked and (entity := registry.async_get(history.entity_id)) is not None
    )
    total = found[0].history
    shown = next((step for history, _, step in steps if history is total), None)
    if shown is None or shown.old is None or shown.new is None or shown.old == shown.new:
        return None
    return Replacement(joint.slot, joint.at, shown.old, shown.new, total.unit, taken)


class _Rows(NamedTuple):
    """What the statistics have of an entity around one row.

    Attributes:
        entity_id: what it is called now.
        booked: what was taken out, in the unit of its statistics.
        unit: that of its statistics.
        grown: what the row has grown by.
    """

    entity_id: str
    booked: float
    unit: str | None
    grown: float


async def _async_rows(hass: HomeAssistant, taken: Taken) -> _Rows | None:
    """Return what the statistics say now about what was taken out of them; None: they have no such row any more."""
    entity = er.async_get(hass).async_get(taken.entity)
    if entity is None:
        return None
    return await get_instance(hass).async_add_executor_job(_rows, hass, entity.entity_id, taken)


def _rows(hass: HomeAssistant, entity_id: str, taken: Taken) -> _Rows | None:
    """Do that, of the entity as it is called now. Reads the database."""
    metadata = read_metadata(hass, entity_id)
    if metadata is None:
        return None
    since = dt_util.utc_from_timestamp(taken.start)
    periods, hours = _rows_around(hass, metadata, since, "5minute"), _rows_around(hass, metadata, since, "hour")
    grown = growth(periods, hours, taken.start)
    if grown is None:
        return None
    booked = in_unit_of(metadata, taken.booked, taken.unit)
    return _Rows(entity_id, booked, metadata["unit_of_measurement"], grown)


def _rows_around(
    hass: HomeAssistant, metadata: StatisticMetaData, since: datetime, period: Literal["5minute", "hour"]
) -> list[Row]:
    """Return the rows from the last one before a moment on, or from an earlier one. Reads the database."""
    rows = read_rows(hass, metadata, since - _USUAL_PAUSE, period)
    if rows and rows[0].start + (PERIOD if period == "5minute" else HOUR) <= since.timestamp():
        return rows
    return read_rows(hass, metadata, _BEGINNING, period)


async def _async_begun(hass: HomeAssistant, taken: Taken) -> Taken:
    """Return it with what is there before it is changed."""
    rows = await _async_rows(hass, taken)
    return taken._replace(grown=None if rows is None else rows.grown)


async def _async_go_through(hass: HomeAssistant, store: MeterStore) -> None:
    """Write what was chosen, as far as it is not written yet. Call it with the lock of the statistics."""
    memory = store.memory
    for kept in [kept for kept in memory.replacements if _is_under_way(kept)]:
        for taken in kept.taken:
            rows = await _async_rows(hass, taken)
            # Nearer to what it was than to what it is to be.
            if rows is not None and taken.grown is not None and abs(rows.grown - taken.grown) < abs(rows.booked) / 2:
                change = rows.booked if kept.undone else -rows.booked
                _adjust(hass, rows.entity_id, taken.start, change, rows.unit)
        await async_until_written(hass)
        done = kept._replace(taken=tuple(taken._replace(grown=None) for taken in kept.taken))
        memory.replacements = [done if one == kept else one for one in memory.replacements]
        store.async_save_soon()


def _is_under_way(kept: Replacement) -> bool:
    return any(taken.grown is not None for taken in kept.taken)


@callback
def _adjust(hass: HomeAssistant, entity_id: str, start: float, change: float, unit: str | None) -> None:
    """Add something to the sums of an entity from a row on."""
    begin = dt_util.utc_from_timestamp(start)
    _LOGGER.debug("Adding %s %s to %s from %s on", change, unit, entity_id, begin)
    get_instance(hass).async_adjust_statistics(entity_id, begin, change, unit or "")


def _history(hass: HomeAssistant, entity_id: str, since: datetime) -> _History | None:
    """Return what the recorder knows of an entity; None: it has no statistics. Reads the database."""
    metadata = read_metadata(hass, entity_id)
    if metadata is None:
        return None
    # From before the joint's period: what held at its start.
    begin = dt_util.utc_from_timestamp(since.timestamp() // PERIOD * PERIOD - PERIOD)
    return _History(
        entity_id,
        metadata["unit_of_measurement"],
        _rows_around(hass, metadata, since, "5minute"),
        read_states(hass, metadata, begin),
    )
