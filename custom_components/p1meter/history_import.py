"""Brings files of the past, and what a meter remembers, into the recorder's long-term statistics, once they are read.

What becomes of each hour is worked out in `merging.py`. All of one register is written at once, or nothing of it. Where
rows that the recorder has are to be shifted too, the store knows of it first (`memory.Seam`): it is completed when Home
Assistant was stopped in between. What hours have cost is not made up: the dashboard's cost begins when it did.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import batched
import logging
from math import isnan
from typing import TYPE_CHECKING, Final, Literal

from homeassistant.components.recorder.models import StatisticData, StatisticMetaData
from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .gap_filling import async_give_way, spread_hours
from .history_reading import factor_of
from .joint import HOUR
from .merging import Booked, Ours, Seam, hours_of, is_same, merge, met, preview, settle
from .recorded import (
    async_after_each_run,
    async_until_written,
    metadata_of,
    read_metadata,
    read_rows,
    sensor_of,
    unit_shown,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.helpers import entity_registry as er

    from .archive import Series
    from .coordinator import P1MeterConfigEntry
    from .history_reading import Found
    from .merging import Merge, Past, Piece, Summary
    from .store import MeterStore

_LOGGER = logging.getLogger(__name__)

# Rows that are written at once: a little more than a year. All of them are there, or none.
_AT_ONCE: Final = 10_000
# The recorder has summed up by then what is over.
_SUMMED_UP_AFTER: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class RegisterPreview:
    """What would become of one register.

    Attributes:
        slot: its slot's id.
        entity_id: its sensor.
        series: what the file says: period (`rows[0].start`), values (`stretches`), `gaps`, `unit`.
        unit: of the statistics, in which the numbers of `summary` are.
        summary: the counts (see `merging.Summary`).
    """

    slot: str
    entity_id: str
    series: Series
    unit: str | None
    summary: Summary


@dataclass(frozen=True, slots=True)
class RegisterResult:
    """What has become of one register.

    Attributes:
        slot: its slot's id.
        entity_id: its sensor.
        added: hours that the recorder did not have.
        changed: hours that were overwritten.
        misfits: hours that were left out because they do not fit between those that the recorder has.
        later: hours that were left out because the recorder is not that far, or counts them itself.
    """

    slot: str
    entity_id: str
    added: int
    changed: int
    misfits: int
    later: int


class NotWrittenError(HomeAssistantError):
    """The recorder has not written what it was asked to; its log says why. To import again goes on with it."""


@callback
def async_keep(hass: HomeAssistant, entry: ConfigEntry, store: MeterStore) -> None:
    """Complete the seams in the store, now and whenever the recorder has summed up, until unloading."""
    keeper = _Keeper(hass, entry.entry_id, store)
    async_after_each_run(
        hass, entry, store, "seams", is_waiting=lambda: bool(store.memory.seams), apply=keeper.async_settle
    )


async def async_preview(hass: HomeAssistant, entry: P1MeterConfigEntry, found: Found) -> list[RegisterPreview]:
    """Say what `async_write` would do; nothing is written."""
    previews: list[RegisterPreview] = []
    store = entry.runtime_data.store
    keeper = _Keeper(hass, entry.entry_id, store)
    async with store.statistics:
        await async_until_written(hass)
        await keeper.async_settle()
        for slot, series in found.series.items():
            if (register := keeper.register(slot)) is None:
                continue
            result = await get_instance(hass).async_add_executor_job(register.preview, series)
            if result is not None:
                unit, summary = result
                previews.append(RegisterPreview(slot, register.entity_id, series, unit, summary))
    return previews


async def async_write(
    hass: HomeAssistant,
    entry: P1MeterConfigEntry,
    found: Found,
    *,
    overwrite: bool,
    on_progress: Callable[[float], None] | None = None,
) -> list[RegisterResult]:
    """Write into the statistics; to do so again changes nothing.

    Args:
        hass: where the recorder runs.
        entry: the meter, loaded.
        found: what was read.
        overwrite: whether hours that the recorder has get what the file says.
        on_progress: is told how much was written, from 0 to 1.

    Raises:
        NotWrittenError: the recorder did not do it; registers before this one are written.
    """
    results: list[RegisterResult] = []
    store = entry.runtime_data.store
    keeper = _Keeper(hass, entry.entry_id, store)
    whole = sum(len(series.rows) for series in found.series.values())
    done = 0
    async with store.statistics:
        await async_until_written(hass)
        await keeper.async_settle()
        for slot, series in found.series.items():
            register = keeper.register(slot)
            metadata = None if register is None else await keeper.async_in_recorder(register.metadata)
            if register is None or metadata is None or (factor := factor_of(metadata, series)) is None:
                continue
            total = RegisterResult(slot, register.entity_id, 0, 0, 0, 0)
            async with async_give_way(hass, entry.entry_id, store, slot) as known:
                flat = spread_hours(store.memory, slot)
                # Something was counted in the hour in which a gap began, before it: a file may know all of it.
                begun = register.made_up - flat
                # The newest first: older ones are put before it, and whatever is written by then is whole.
                for hours in reversed(await keeper.async_in_recorder(_batches, series, factor)):
                    starts = {hour.start for hour in hours}
                    register.made_up = flat | (begun & starts)
                    merged = await keeper.async_in_recorder(register.merge, hours, factor, overwrite)
                    known.update(starts.intersection(row.start for piece in merged.pieces for row in piece.rows))
                    await keeper.async_write(slot, register, metadata, merged)
                    flat -= starts
                    total = replace(
                        total,
                        added=total.added + merged.new,
                        changed=total.changed + merged.changed,
                        misfits=total.misfits + merged.misfits,
                        later=total.later + merged.later,
                    )
                    done += len(hours)
                    if on_progress is not None:
                        on_progress(done / whole)
            results.append(total)
    return results


def _batches(series: Series, factor: float) -> list[tuple[Past, ...]]:
    """Return the hours of a register, as many together as are written at once."""
    return list(batched(hours_of(series, factor), _AT_ONCE, strict=False))


def _data(rows: Sequence[Booked]) -> list[StatisticData]:
    """Return rows as the recorder takes them."""
    made: list[StatisticData] = []
    for row in rows:
        data = StatisticData(start=dt_util.utc_from_timestamp(row.start), sum=row.sum)
        if row.state is not None:
            data["state"] = row.state
        made.append(data)
    return made


class _Register:
    """The statistics of one sensor. What reads the database is for the recorder's executor."""

    def __init__(
        self, hass: HomeAssistant, entity: er.RegistryEntry, *, is_waiting: bool, made_up: frozenset[float]
    ) -> None:
        """Look at a sensor.

        Args:
            hass: where the recorder runs.
            entity: the sensor.
            is_waiting: whether the recorder has made no row of it, and all rows are from files.
            made_up: when the hours begin of which nothing is known: their rows do not count.
        """
        self.entity_id = entity.entity_id
        self.made_up = made_up
        self._hass = hass
        self._is_waiting = is_waiting
        self._unit = unit_shown(hass, entity)

    def metadata(self) -> StatisticMetaData:
        """Return what the statistics say of themselves, or will. Reads the database."""
        return read_metadata(self._hass, self.entity_id) or metadata_of(self.entity_id, self._unit)

    def ours(self) -> Ours:
        """Return the rows that the recorder has. Reads the database."""
        metadata = read_metadata(self._hass, self.entity_id)
        everything = [] if metadata is None else self._rows(metadata, 0.0, "hour")
        rows = [row for row in everything if row.start not in self.made_up]
        since = rows[-1].start + HOUR if rows else 0.0
        short = [] if metadata is None else self._rows(metadata, since, "5minute")
        if short or (rows and not self._is_waiting):
            return Ours(rows, short[0] if short else None)
        until = (dt_util.utcnow() - _SUMMED_UP_AFTER).timestamp() // HOUR * HOUR
        return Ours(rows, None, until)

    def preview(self, series: Series) -> tuple[str | None, Summary] | None:
        """Return the unit of the statistics, and what importing would do. Reads the database."""
        metadata = self.metadata()
        factor = factor_of(metadata, series)
        if factor is None:
            return None
        return metadata["unit_of_measurement"], preview(hours_of(series, factor), self.ours(), factor)

    def merge(self, hours: Sequence[Past], factor: float, overwrite: bool) -> Merge:  # noqa: FBT001 (the executor passes no names)
        """Return what becomes of hours of a file. Reads the database."""
        return merge(hours, self.ours(), overwrite=overwrite, factor=factor)

    def meet(self, seam: Seam) -> Seam | None:
        """Return a seam with the recorder's first row if it has made one; None: nothing was written. Reads, too."""
        metadata = self.metadata()
        short = self._rows(metadata, 0.0, "5minute")
        if not short:
            return seam
        first = short[0]
        before = [row for row in self._rows(metadata, 0.0, "hour") if row.start + HOUR <= first.start]
        return met(seam, before[-1], first) if before else None

    def shift(self, seam: Seam) -> float | None:
        """Return what `settle` does. Reads the database."""
        metadata = read_metadata(self._hass, self.entity_id)
        if metadata is None or seam.first is None:
            return None
        written = None if seam.written is None else self._row(metadata, seam.written.start, "hour")
        start = seam.first.start
        first = self._row(metadata, start, "5minute") if seam.is_short else None
        # The rows of five minutes are kept for some days only.
        return settle(seam, written, first or self._row(metadata, start // HOUR * HOUR, "hour"))

    def has(self, row: Booked) -> bool:
        """Return whether the row of an hour is as it should be. Reads the database."""
        metadata = read_metadata(self._hass, self.entity_id)
        found = None if metadata is None else self._row(metadata, row.start, "hour")
        return found is not None and is_same(found, row)

    def _row(self, metadata: StatisticMetaData, start: float, period: Literal["5minute", "hour"]) -> Booked | None:
        return next(iter(self._rows(metadata, start, period, start + 1)), None)

    def _rows(
        self,
        metadata: StatisticMetaData,
        since: float,
        period: Literal["5minute", "hour"],
        until: float | None = None,
    ) -> list[Booked]:
        begin = dt_util.utc_from_timestamp(since)
        end = None if until is None else dt_util.utc_from_timestamp(until)
        rows = read_rows(self._hass, metadata, begin, period, until=end, stateless=True)
        return [Booked(row.start, None if isnan(row.state) else row.state, row.sum) for row in rows]


class _Keeper:
    """Writes into the statistics of one config entry, and shifts what is there."""

    def __init__(self, hass: HomeAssistant, entry_id: str, store: MeterStore) -> None:
        self._hass = hass
        self._entry_id = entry_id
        self._store = store

    async def async_settle(self) -> None:
        """Complete what can be completed by now. What the recorder has yet to make a row for stays in the store.

        Call it with the lock of the statistics, when the recorder has written what it was told.
        """
        memory = self._store.memory
        for seam in list(memory.seams):
            register = self.register(seam.slot)
            known: Seam | None = seam
            if register is not None and seam.first is None:
                known = await self.async_in_recorder(register.meet, seam)
                if known == seam:
                    continue
                if known is not None:
                    # What the row was before it is shifted can be seen only now.
                    memory.seams[memory.seams.index(seam)] = known
                    await self._store.async_save()
            if register is not None and known is not None and await self._async_is_open(register, known):
                continue
            memory.seams.remove(known or seam)
            self._store.async_save_soon()

    async def _async_is_open(self, register: _Register, seam: Seam) -> bool:
        """Shift what is after a seam; return whether it is still to be shifted."""
        shift = await self.async_in_recorder(register.shift, seam)
        if shift:
            metadata = await self.async_in_recorder(register.metadata)
            self._shift(register, metadata, seam, shift)
            await async_until_written(self._hass)
            shift = await self.async_in_recorder(register.shift, seam)
        return bool(shift)

    @callback
    def register(self, slot: str) -> _Register | None:
        """Return the statistics of a slot; None: it has no sensor."""
        entity = sensor_of(self._hass, self._entry_id, slot)
        is_waiting = any(seam.slot == slot and seam.first is None for seam in self._store.memory.seams)
        made_up = spread_hours(self._store.memory, slot)
        return None if entity is None else _Register(self._hass, entity, is_waiting=is_waiting, made_up=made_up)

    async def async_in_recorder[**P, T](self, job: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Let the recorder's executor do something."""
        return await get_instance(self._hass).async_add_executor_job(partial(job, *args, **kwargs))

    async def async_write(self, slot: str, register: _Register, metadata: StatisticMetaData, merged: Merge) -> None:
        """Write what is to be written of one register.

        Raises:
            NotWrittenError: see `async_write` above.
        """
        seams = self._store.memory.seams
        if merged.waits and merged.pieces and not any(seam.slot == slot and seam.first is None for seam in seams):
            seams.append(Seam(slot, limit=merged.limit))
            await self._store.async_save()
        for piece in merged.pieces:
            await self._async_write_piece(slot, register, metadata, piece)

    async def _async_write_piece(
        self, slot: str, register: _Register, metadata: StatisticMetaData, piece: Piece
    ) -> None:
        memory = self._store.memory
        seam = None
        if piece.first is not None:
            written = piece.rows[-1] if piece.rows else None
            seam = Seam(slot, piece.first, piece.after, piece.is_short, written)
            memory.seams.append(seam)
            await self._store.async_save()
        if piece.rows:
            async_import_statistics(self._hass, metadata, await self.async_in_recorder(_data, piece.rows))
        if seam is not None and piece.first is not None:
            self._shift(register, metadata, seam, piece.after - piece.first.sum)
        await async_until_written(self._hass)
        if seam is None:
            is_written = await self.async_in_recorder(register.has, piece.rows[-1])
        else:
            shift = await self.async_in_recorder(register.shift, seam)
            is_written = shift == 0
            if not shift:
                memory.seams.remove(seam)
                self._store.async_save_soon()
        _LOGGER.debug("Wrote %d rows of %s", len(piece.rows), register.entity_id)
        if not is_written:
            raise NotWrittenError(register.entity_id)

    @callback
    def _shift(self, register: _Register, metadata: StatisticMetaData, seam: Seam, shift: float) -> None:
        if seam.first is None:
            return
        start = dt_util.utc_from_timestamp(seam.first.start)
        unit = metadata["unit_of_measurement"] or ""
        _LOGGER.debug("Adding %s %s to %s from %s on", shift, unit, register.entity_id, start)
        get_instance(self._hass).async_adjust_statistics(register.entity_id, start, shift, unit)
