"""Brings files of the past, and what a meter remembers, into the recorder's long-term statistics.

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

from homeassistant.components.recorder.entity_options import is_entity_recorded
from homeassistant.components.recorder.models import StatisticData, StatisticMetaData
from homeassistant.components.recorder.statistics import async_import_statistics
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .archive import collect, open_history, readings_of
from .gap_filling import async_give_way, spread_hours
from .memory import slot_id
from .merging import (
    HOUR,
    Booked,
    Ours,
    Seam,
    hours_of,
    is_same,
    merge,
    met,
    one_after_the_other,
    preview,
    settle,
    sum_of,
)
from .meter import REGISTERS
from .meter.electricity import TOTALS
from .meter.history import rows as history_rows
from .recorded import (
    async_after_each_run,
    async_until_written,
    in_unit_of,
    metadata_of,
    read_metadata,
    read_rows,
    sensor_of,
)
from .roles import ELECTRICITY, is_of
from .sensor import unit_and_factor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.helpers import entity_registry as er

    from .archive import History, HistoryFile, Problems, Series
    from .archive.past import Dated, HistoryKind
    from .coordinator import MeterCoordinator, P1MeterConfigEntry
    from .merging import Merge, Past, Piece, Summary
    from .store import MeterStore

_LOGGER = logging.getLogger(__name__)

# Rows that are written at once: a little more than a year. All of them are there, or none.
_AT_ONCE: Final = 10_000
# The recorder has summed up by then what is over.
_SUMMED_UP_AFTER: Final = timedelta(minutes=10)
# Progress is told in steps of so much.
_STEP: Final = 0.01

type WhyNot = Literal["no_sensor", "disabled", "not_recorded", "unit"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A register of a file that is not imported.

    Attributes:
        key: the register as the file has it: `1:gas`, `export_tariff_1`.
        why: `no_sensor` (this meter has none for it), `disabled` (it has, but it is disabled), `not_recorded` (the
            recorder was told to leave it out) or `unit` (the recorder counts it in something else).
        slot: the sensor's slot; None where there is none.
        series: what the file says of it.
    """

    key: str
    why: WhyNot
    slot: str | None
    series: Series


@dataclass(frozen=True, slots=True)
class Found:
    """What files, or the memory of a meter, say of our sensors.

    Attributes:
        kind: of the first file; None: the memory of the meter.
        series: by slot id (`electricity_import_tariff_1`), in the order of the file.
        left_out: the registers that are not imported.
        problems: what could not be used of the files.
    """

    kind: HistoryKind | None
    series: Mapping[str, Series]
    left_out: Sequence[LeftOut]
    problems: Problems


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
    async_after_each_run(hass, entry, "seams", lambda: bool(store.memory.seams), keeper.async_apply)


async def async_read(
    hass: HomeAssistant,
    entry: P1MeterConfigEntry,
    paths: Sequence[Path],
    *,
    columns: Sequence[str] = (),
    on_progress: Callable[[float], None] | None = None,
) -> Found:
    """Read files of the past, in the executor; nothing is written. To cancel it ends the reading too.

    Args:
        hass: where the recorder runs.
        entry: the meter, loaded.
        paths: the files; together they are one history.
        columns: see `open_history`.
        on_progress: is told, in the event loop, how much was read, from 0 to 1.

    Raises:
        FileError: a file cannot be read; `path` says which.
        HistoryError: a file is no history, or not whole; `file` says which of several. `columns_needed`: call again.
    """
    meter = entry.runtime_data
    channels = {} if meter.data is None else {one.channel: one.role for one in meter.data.mbus.values()}
    zone, country, now = dt_util.get_default_time_zone(), hass.config.country, dt_util.utcnow()

    def tell(progress: float) -> None:
        if on_progress is not None:
            hass.loop.call_soon_threadsafe(on_progress, progress)

    def read(file: HistoryFile) -> tuple[History, _Meters]:
        meters = _Meters()

        def values() -> Iterator[Dated]:
            told = 0.0
            for one in file.values():
                if file.progress >= told + _STEP:
                    told = file.progress
                    tell(told)
                meters.note(one)
                yield one

        history = collect(values(), problems=file.problems, until=now)
        tell(1.0)
        return history, meters

    opened = partial(open_history, *paths, zone=zone, country=country, columns=columns, channels=channels)
    file = await hass.async_add_executor_job(opened)
    try:
        history, meters = await hass.async_add_executor_job(read, file)
    finally:
        file.stop()
    return await _found(hass, meter, file.kind, history, meters)


async def async_read_meter(hass: HomeAssistant, entry: P1MeterConfigEntry) -> Found:
    """Take what the meter itself remembers of past months out of its newest telegram; without any, nothing is found.

    A month is one reading: what has grown in it is in its last hour.
    """
    meter = entry.runtime_data
    values = [] if meter.data is None else list(readings_of(history_rows(meter.data)))
    history = collect(values, until=dt_util.utcnow())
    return await _found(hass, meter, None, history, _Meters())


async def async_preview(hass: HomeAssistant, entry: P1MeterConfigEntry, found: Found) -> list[RegisterPreview]:
    """Say what `async_write` would do; nothing is written."""
    previews: list[RegisterPreview] = []
    store = entry.runtime_data.store
    keeper = _Keeper(hass, entry.entry_id, store)
    async with store.statistics:
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
        await keeper.async_settle()
        for slot, series in found.series.items():
            register = keeper.register(slot)
            metadata = None if register is None else await keeper.async_in_recorder(register.metadata)
            if register is None or metadata is None or (factor := _factor(metadata, series)) is None:
                continue
            total = RegisterResult(slot, register.entity_id, 0, 0, 0, 0)
            async with async_give_way(hass, entry.entry_id, store, slot):
                # The newest first: older ones are put before it, and whatever is written by then is whole.
                for hours in reversed(await keeper.async_in_recorder(_batches, series, factor)):
                    merged = await keeper.async_in_recorder(register.merge, hours, factor, overwrite)
                    await keeper.async_write(slot, register, metadata, merged)
                    register.made_up -= {hour.start for hour in hours}
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


class _Meters:
    """Which meters the values of a file are of."""

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}

    def note(self, one: Dated) -> None:
        """Take note of a value."""
        if one.meter:
            self._ids.setdefault(one.key, set()).add(one.meter)

    def ids(self, key: str) -> set[str]:
        """Return the equipment ids of the meters that have sent a register."""
        return self._ids.get(key, set())


async def _found(
    hass: HomeAssistant, meter: MeterCoordinator, kind: HistoryKind | None, history: History, meters: _Meters
) -> Found:
    """Find the sensors of what was read."""
    entry_id = meter.config_entry.entry_id
    found: dict[str, Series] = {}
    left_out: list[LeftOut] = []
    by_slot: dict[str, list[Series]] = {}
    for key, series in history.series.items():
        slot = _slot_of(meter, key, meters)
        if slot is None:
            left_out.append(LeftOut(key, "no_sensor", None, series))
        else:
            by_slot.setdefault(slot, []).append(series)
    for total, parts in TOTALS.items():
        slots = [slot for part in parts if (slot := slot_id(ELECTRICITY, part)) in by_slot]
        total_slot = slot_id(ELECTRICITY, total)
        if total_slot not in by_slot and len(slots) > 1 and sensor_of(hass, entry_id, total_slot) is not None:
            by_slot[total_slot] = [sum_of(total, [by_slot[slot][0] for slot in slots])]
    for slot, all_series in by_slot.items():
        series, *others = sorted(all_series, key=lambda one: one.rows[0].start)
        for other in others:
            joined = one_after_the_other(series, other)
            if joined is None:
                # The one that goes on is ours.
                ended, series = sorted((series, other), key=lambda one: one.rows[-1].start)
                left_out.append(LeftOut(ended.key, "no_sensor", None, ended))
            else:
                series = joined
        why = await async_why_not(hass, entry_id, slot, series)
        if why is None:
            found[slot] = series
        else:
            left_out.append(LeftOut(series.key, why, slot, series))
    return Found(kind, found, left_out, history.problems)


def _slot_of(meter: MeterCoordinator, key: str, meters: _Meters) -> str | None:
    """Return the slot of a register of a file; None: this meter has no such device, or several."""
    channel, _, register = key.rpartition(":")
    kind = REGISTERS[register].device
    if kind == ELECTRICITY:
        return slot_id(ELECTRICITY, register)
    roles = [role for role in meter.memory.ids if is_of(kind, role)]
    by_id = [role for role in roles if meter.memory.ids[role] in meters.ids(key)]
    by_channel = [
        slot.role
        for slot_name, reading in meter.readings.items()
        if (slot := meter.memory.slots.get(slot_name)) is not None
        and slot.role in roles
        and str(reading.channel) == channel
    ]
    role = next(iter(by_id or (roles if len(roles) == 1 else by_channel)), None)
    return None if role is None else slot_id(role, register)


async def async_why_not(hass: HomeAssistant, entry_id: str, slot: str, series: Series) -> WhyNot | None:
    """Return why a register cannot be imported; None: it can."""
    entity = sensor_of(hass, entry_id, slot)
    if entity is None:
        return "no_sensor"
    if entity.disabled:
        return "disabled"
    if not is_entity_recorded(hass, entity.entity_id):
        return "not_recorded"
    register = _Register(hass, entity, is_waiting=False, made_up=frozenset())
    metadata = await get_instance(hass).async_add_executor_job(register.metadata)
    return "unit" if _factor(metadata, series) is None else None


def _factor(metadata: StatisticMetaData, series: Series) -> float | None:
    """Return what one of a file is in the unit of the statistics; None: it is of another kind."""
    unit, factor = unit_and_factor(series.unit)
    try:
        return in_unit_of(metadata, float(factor), unit)
    except HomeAssistantError:
        return None


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
        state = hass.states.get(entity.entity_id)
        shown = None if state is None else state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
        self._unit = shown or entity.unit_of_measurement

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
        factor = _factor(metadata, series)
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

    async def async_apply(self) -> None:
        """Complete what can be completed by now."""
        async with self._store.statistics:
            await self.async_settle()

    async def async_settle(self) -> None:
        """The same, for who holds the statistics. What the recorder has yet to make a row for stays in the store."""
        # The recorder tells of new rows while it is still writing them.
        await async_until_written(self._hass)
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
