"""Spreads what a total grew in hours without a row evenly over them, if the person wants it; and takes that back.

Whatever made the gap, a stop of Home Assistant or a silent meter: the recorder books all that grew in it at its end.
What is to be done is in the store first (`memory.Filled`), so that it is gone through with after a restart, and so that
it is known for good which hours are made up. To do it twice changes nothing (`gaps.py`).
"""

from contextlib import asynccontextmanager
from datetime import datetime, timedelta
import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .const import CONF_SPREAD_GAPS
from .gaps import carried_on, find, of_cost, rewritten, used
from .joint import HOUR
from .memory import Filled
from .meter import REGISTERS
from .recorded import (
    async_after_each_run,
    async_until_written,
    costs_of,
    data_of,
    in_unit_of,
    read_metadata,
    read_rows,
    total_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Iterable, Mapping

    from homeassistant.components.recorder.models import StatisticMetaData
    from homeassistant.config_entries import ConfigEntry

    from .gaps import Gap
    from .joint import Row
    from .memory import Memory
    from .store import MeterStore

_LOGGER = logging.getLogger(__name__)

LISTED: Final = timedelta(days=365)
"""Gaps that ended longer ago are not offered."""

# A gap that ended longer ago is not spread by itself: the recorder may not have what tells when it began and ended.
_LOOKED_BACK: Final = timedelta(days=10)
# One that is longer is not seen by itself after a restart.
_LONGEST: Final = timedelta(days=30)
_HOUR: Final = timedelta(hours=1)


@callback
def async_keep(hass: HomeAssistant, entry: ConfigEntry, store: MeterStore) -> None:
    """Go through with what was chosen, and spread new gaps if the person wants it, until unloading."""
    keeper = _Keeper(hass, entry, store)
    async_after_each_run(hass, entry, store, "gaps", is_waiting=keeper.is_waiting, apply=keeper.async_apply)


class FoundGaps(NamedTuple):
    """What was found in the statistics.

    Attributes:
        gaps: those that are as they came.
        newest: when the newest hour begins that has a row, by slot id.
    """

    gaps: list[Filled]
    newest: dict[str, datetime]


async def async_find(hass: HomeAssistant, entry_id: str, memory: Memory, since: Mapping[str, datetime]) -> FoundGaps:
    """Return the gaps in which something grew, and that are as they came.

    Args:
        hass: where the recorder runs.
        entry_id: of the meter.
        memory: of the meter.
        since: the totals that are looked at, by slot id, and from when on.
    """
    found = FoundGaps([], {})
    known = {(filled.slot, filled.gap.before) for filled in memory.filled}
    for slot, begin in since.items():
        if (entity := total_of(hass, entry_id, slot)) is None:
            continue
        total = await get_instance(hass).async_add_executor_job(
            _read, hass, entity.entity_id, _cost_ids(hass, entity), begin
        )
        if total is None:
            continue
        found.newest[slot] = dt_util.utc_from_timestamp(total.newest)
        found.gaps.extend(
            Filled(slot, gap, total.unit, costs, spread=False, settled=True)
            for gap, costs in total.gaps
            if (slot, gap.before) not in known and not _is_of_two_meters(memory, slot, gap)
        )
    return found


@callback
def totals(memory: Memory) -> list[str]:
    """Return the slots of the totals of a meter; what it closed a month with stands still for a month by itself."""
    return [
        slot.id
        for slot in memory.slots.values()
        if (register := REGISTERS.get(slot.key)) is not None and register.role == "total" and not register.derived
    ]


async def async_choose(hass: HomeAssistant, entry_id: str, store: MeterStore, chosen: Iterable[Filled]) -> None:
    """Spread gaps, or take that back.

    Args:
        hass: where the recorder runs.
        entry_id: of the meter.
        store: of the meter.
        chosen: gaps of `async_find` or of its memory, as they are to be.
    """
    async with store.statistics:
        await async_until_written(hass)
        # It may have been looked at while it gave way: what is chosen now counts.
        await _async_change(hass, entry_id, store, [filled._replace(giving_way=False) for filled in chosen])


@callback
def spread_hours(memory: Memory, slot: str) -> frozenset[float]:
    """Return when the hours of a total begin whose rows we have made up, seconds since 1970.

    They are spread evenly, also into the hour in which a gap began; or flat, where the person has taken that back.
    """
    return frozenset(
        hour
        for filled in memory.filled
        if filled.slot == slot
        for hour in (filled.gap.before, *filled.gap.hours)
        if hour != filled.gap.before or (filled.spread and filled.gap.begin < hour + HOUR)
    )


@asynccontextmanager
async def async_give_way(
    hass: HomeAssistant, entry_id: str, store: MeterStore, slot: str
) -> AsyncGenerator[set[float]]:
    """Let somebody write hours of a total who knows what was used in them: ours are flat meanwhile.

    Use it with the lock of the statistics, and read the rows within it. The set that it gives is to be filled with the
    hours that are written: when they begin, seconds since 1970. A gap with one of them is forgotten after it; any other
    is as it was before, also if Home Assistant is stopped meanwhile.

    Args:
        hass: where the recorder runs.
        entry_id: of the meter.
        store: of the meter.
        slot: of the total.
    """
    memory = store.memory
    written: set[float] = set()
    ours = [filled for filled in memory.filled if filled.slot == slot]
    if not ours:
        yield written
        return
    flat_meanwhile = [filled._replace(spread=False, giving_way=filled.spread) for filled in ours]
    await _async_change(hass, entry_id, store, flat_meanwhile)
    # As long as the store does not know that they are flat, nothing was written.
    await store.async_save()
    try:
        yield written
    finally:
        await async_until_written(hass)
        flat = [filled.gap for filled in memory.filled if filled.slot == slot]
        for gap in flat:
            await _async_carry_on(hass, entry_id, slot, gap, written)
        kept = {gap for gap in flat if written.isdisjoint((gap.before, *gap.hours))}
        memory.filled = [filled for filled in memory.filled if filled.slot != slot or filled.gap in kept]
        await _async_change(hass, entry_id, store, [filled for filled in ours if filled.gap in kept])
        store.async_save_soon()


class _Keeper:
    """Looks after the gaps of one config entry."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry, store: MeterStore) -> None:
        self._hass = hass
        self._entry_id = entry.entry_id
        self._store = store
        chosen = entry.options.get(CONF_SPREAD_GAPS)
        self._begin = None if chosen is None else datetime.fromisoformat(chosen)
        self._looked: datetime | None = None
        self._newest: dict[str, datetime] = {}

    @callback
    def is_waiting(self) -> bool:
        """Whether there is something to go through with, or an hour is over."""
        filled = self._store.memory.filled
        return self._is_next_hour() or any(not one.settled or one.giving_way for one in filled)

    async def async_apply(self) -> None:
        """Spread the gaps that are over, and go through with what was chosen before."""
        store = self._store
        chosen = await _async_resumed(self._hass, self._entry_id, store)
        if self._begin is not None and self._is_next_hour():
            now = self._looked = dt_util.utcnow()
            since = dict.fromkeys(totals(store.memory), now - _LOOKED_BACK - _LONGEST)
            found = await async_find(self._hass, self._entry_id, store.memory, since | self._newest)
            self._newest |= found.newest
            earliest = max(self._begin, now - _LOOKED_BACK).timestamp()
            chosen += [filled._replace(spread=True) for filled in found.gaps if filled.gap.end > earliest]
        await _async_change(self._hass, self._entry_id, store, chosen)

    def _is_next_hour(self) -> bool:
        """Whether the recorder may have made rows of hours since the last look."""
        now = dt_util.utcnow()
        return self._begin is not None and (
            self._looked is None or self._looked.replace(minute=0, second=0, microsecond=0) + _HOUR <= now
        )


class _Total(NamedTuple):
    """What the statistics say of a total: its gaps with what they cost, and its newest hour."""

    gaps: list[tuple[Gap, dict[str, float]]]
    unit: str | None
    newest: float


def _read(hass: HomeAssistant, entity_id: str, cost_ids: Mapping[str, str], since: datetime) -> _Total | None:
    """Return what the statistics say; None: nothing. Reads the database.

    Args:
        hass: where the recorder runs.
        entity_id: of the total.
        cost_ids: what counts its cost: ids of the registry's entries by entity id.
        since: from when on.
    """
    metadata = read_metadata(hass, entity_id)
    if metadata is None or not (hours := read_rows(hass, metadata, since, "hour", stateless=True)):
        return None
    # There are twelve times as many: only where they are needed.
    gaps = find(hours, [])
    if gaps:
        gaps = find(hours, read_rows(hass, metadata, dt_util.utc_from_timestamp(gaps[0].before), "5minute"))
    costs: list[dict[str, float]] = [{} for _ in gaps]
    for cost_id, registry_id in cost_ids.items() if gaps else ():
        if (of_cost_sensor := read_metadata(hass, cost_id)) is not None:
            begin = dt_util.utc_from_timestamp(gaps[0].before)
            cost_hours = read_rows(hass, of_cost_sensor, begin, "hour")
            cost_periods = read_rows(hass, of_cost_sensor, begin, "5minute")
            for gap, cost in zip(gaps, costs, strict=True):
                if booked := of_cost(cost_hours, cost_periods, gap):
                    cost[registry_id] = booked
    return _Total(list(zip(gaps, costs, strict=True)), metadata["unit_of_measurement"], hours[-1].start)


@callback
def _cost_ids(hass: HomeAssistant, entity: er.RegistryEntry) -> dict[str, str]:
    registry = er.async_get(hass)
    return {cost_id: registry.entities[cost_id].id for cost_id in costs_of(hass, entity)}


@callback
def _is_of_two_meters(memory: Memory, slot: str, gap: Gap) -> bool:
    """Whether the meter was replaced in a gap: nobody knows what was used with either of them."""
    waiting = [joint.at for joint in memory.joints if joint.slot == slot]
    taken_out = [kept.at for kept in memory.replacements if kept.slot == slot]
    return any(gap.before <= at.timestamp() < gap.after + HOUR for at in (*waiting, *taken_out))


async def _async_resumed(hass: HomeAssistant, entry_id: str, store: MeterStore) -> list[Filled]:
    """Return the gaps that still give way to somebody who was stopped, as they were before. Call it with the lock.

    Those whose real hours he has written are forgotten.
    """
    memory = store.memory
    resumed: list[Filled] = []
    for filled in [one for one in memory.filled if one.giving_way]:
        if (entity := total_of(hass, entry_id, filled.slot)) is None:
            # It is disabled, and may come back.
            continue
        job = get_instance(hass).async_add_executor_job
        plan = await job(_plan_written, hass, entity.entity_id, filled.gap) if filled.settled else None
        if plan is None:
            resumed.append(filled._replace(spread=True, giving_way=False))
            continue
        if plan.rows:
            async_import_statistics(hass, plan.metadata, [data_of(row) for row in plan.rows])
            await async_until_written(hass)
        memory.filled.remove(filled)
        store.async_save_soon()
    return resumed


async def _async_change(hass: HomeAssistant, entry_id: str, store: MeterStore, chosen: Iterable[Filled]) -> None:
    """Have gaps as they are chosen, and go through with what was chosen before. Call it with the lock."""
    memory = store.memory
    new = {(filled.slot, filled.gap.before): filled._replace(settled=False) for filled in chosen}
    if new:
        memory.filled = [one for one in memory.filled if (one.slot, one.gap.before) not in new]
        memory.keep_filled(new.values())
        # From here on it is gone through with, whatever happens to Home Assistant.
        await store.async_save()
    under_way = [filled for filled in memory.filled if not filled.settled]
    if not under_way:
        return
    done: dict[int, Filled | None] = {id(filled): await _async_write(hass, entry_id, filled) for filled in under_way}
    await async_until_written(hass)
    memory.filled = [changed for filled in memory.filled if (changed := done.get(id(filled), filled)) is not None]
    store.async_save_soon()


async def _async_write(hass: HomeAssistant, entry_id: str, filled: Filled) -> Filled | None:
    """Write the rows of a gap, and those of what it costs; return what it is then, None: it is no gap any more."""
    if (entity := total_of(hass, entry_id, filled.slot)) is None:
        # It is disabled, and may come back.
        return filled
    gap = filled.gap
    if not await _async_write_rows(hass, entity.entity_id, gap, filled.unit, spread=filled.spread):
        return None
    registry = er.async_get(hass)
    for registry_id, booked in filled.costs.items():
        if (cost := registry.async_get(registry_id)) is not None:
            of_cost_sensor = gap._replace(grown=booked)
            await _async_write_rows(hass, cost.entity_id, of_cost_sensor, None, spread=filled.spread)
    _LOGGER.info(
        "What %s counted from %s to %s (%s %s) is booked %s",
        entity.entity_id,
        dt_util.utc_from_timestamp(gap.begin),
        dt_util.utc_from_timestamp(gap.end),
        gap.grown,
        filled.unit,
        "evenly in these hours" if filled.spread else "at their end again",
    )
    return filled._replace(settled=True)


async def _async_write_rows(hass: HomeAssistant, entity_id: str, gap: Gap, unit: str | None, *, spread: bool) -> bool:
    """Write the rows of one statistic; return whether the gap is still there.

    Args:
        hass: where the recorder runs.
        entity_id: whose statistic it is.
        gap: which.
        unit: of what grew in it; None: that of the statistic.
        spread: whether it is to be spread.
    """
    plan = await get_instance(hass).async_add_executor_job(_plan, hass, entity_id, gap, unit, spread)
    if plan is None:
        return False
    if plan.rows:
        async_import_statistics(hass, plan.metadata, [data_of(row) for row in plan.rows])
    return True


async def _async_carry_on(hass: HomeAssistant, entry_id: str, slot: str, gap: Gap, written: Collection[float]) -> None:
    """Have the hours of a flat gap go on from those that were written."""
    if (entity := total_of(hass, entry_id, slot)) is None:
        return
    plan = await get_instance(hass).async_add_executor_job(_plan_rest, hass, entity.entity_id, gap, written)
    if plan is not None and plan.rows:
        async_import_statistics(hass, plan.metadata, [data_of(row) for row in plan.rows])
        await async_until_written(hass)


class _Plan(NamedTuple):
    metadata: StatisticMetaData
    rows: list[Row]


def _plan(hass: HomeAssistant, entity_id: str, gap: Gap, unit: str | None, spread: bool) -> _Plan | None:  # noqa: FBT001 (the executor passes no names)
    """Return what is to be written; None: the gap is not there any more. Reads the database."""
    if (metadata := read_metadata(hass, entity_id)) is None:
        return None
    if unit is not None:
        gap = gap._replace(grown=in_unit_of(metadata, gap.grown, unit))
    hours = read_rows(hass, metadata, dt_util.utc_from_timestamp(gap.before), "hour")
    rows = rewritten(hours, gap, spread=spread)
    return None if rows is None else _Plan(metadata, rows)


def _plan_rest(hass: HomeAssistant, entity_id: str, gap: Gap, written: Collection[float]) -> _Plan | None:
    """Return what is to be written after hours were; None: there are no statistics. Reads the database."""
    if (metadata := read_metadata(hass, entity_id)) is None:
        return None
    hours = read_rows(hass, metadata, dt_util.utc_from_timestamp(gap.before), "hour")
    return _Plan(metadata, carried_on(hours, gap, written))


def _plan_written(hass: HomeAssistant, entity_id: str, gap: Gap) -> _Plan | None:
    """Return what is to be written after hours of a flat gap were; None: none was. Reads the database."""
    if (metadata := read_metadata(hass, entity_id)) is None:
        return None
    hours = read_rows(hass, metadata, dt_util.utc_from_timestamp(gap.before), "hour")
    written = used(hours, gap)
    return None if written is None else _Plan(metadata, carried_on(hours, gap, written))
