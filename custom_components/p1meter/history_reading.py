"""Reads files of the past, and what a meter remembers, and finds the sensors that they are of. Nothing is written."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from homeassistant.components.recorder.entity_options import is_entity_recorded
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .archive import collect, open_history, readings_of
from .memory import slot_id
from .merging import of_one_meter, one_after_the_other, sum_of
from .meter import REGISTERS
from .meter.electricity import TOTALS
from .meter.history import rows as history_rows
from .recorded import in_unit_of, metadata_of, read_metadata, sensor_of, unit_shown
from .roles import ELECTRICITY, is_of
from .sensor import unit_and_factor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from homeassistant.components.recorder.models import StatisticMetaData
    from homeassistant.core import HomeAssistant

    from .archive import History, HistoryFile, Problems, Series
    from .archive.past import Dated
    from .coordinator import MeterCoordinator, P1MeterConfigEntry

# Progress is told in steps of so much.
_STEP: Final = 0.01

type WhyNot = Literal["no_sensor", "another_meter", "disabled", "not_recorded", "unit"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A register of a file that is not imported.

    Attributes:
        key: the register as the file has it: `1:gas`, `export_tariff_1`.
        why: `no_sensor` (this meter has none for it), `another_meter` (it is of another meter than what is imported,
            at the same time), `disabled` (it has a sensor, but it is disabled), `not_recorded` (the recorder was told
            to leave it out) or `unit` (the recorder counts it in something else).
    """

    key: str
    why: WhyNot


@dataclass(frozen=True, slots=True)
class Found:
    """What files, or the memory of a meter, say of our sensors.

    Attributes:
        series: by slot id (`electricity_import_tariff_1`), in the order of the file.
        left_out: the registers that are not imported.
        problems: what could not be used of the files.
    """

    series: Mapping[str, Series]
    left_out: Sequence[LeftOut]
    problems: Problems


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
    return await _found(hass, meter, history, meters)


async def async_read_meter(hass: HomeAssistant, entry: P1MeterConfigEntry) -> Found:
    """Take what the meter itself remembers of past months out of its newest telegram; without any, nothing is found.

    A month is one reading: what has grown in it is in its last hour.
    """
    meter = entry.runtime_data
    values = [] if meter.data is None else list(readings_of(history_rows(meter.data)))
    history = collect(values, until=dt_util.utcnow())
    return await _found(hass, meter, history, _Meters())


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


class _Source(NamedTuple):
    """What files say of a sensor under one key.

    Attributes:
        series: all of it.
        is_proven: whether the equipment id says that it is of our meter.
    """

    series: Series
    is_proven: bool

    @property
    def has_channel(self) -> bool:
        """Whether the file tells where on the M-Bus the meter was."""
        return ":" in self.series.key


async def _found(hass: HomeAssistant, meter: MeterCoordinator, history: History, meters: _Meters) -> Found:
    """Find the sensors of what was read."""
    entry_id = meter.config_entry.entry_id
    found: dict[str, Series] = {}
    left_out: list[LeftOut] = []
    by_slot: dict[str, list[_Source]] = {}
    for key, series in history.series.items():
        by_id = _roles_by_id(meter, key, meters)
        slot = _slot_of(meter, key, by_id)
        if slot is None:
            left_out.append(LeftOut(key, "no_sensor"))
        else:
            by_slot.setdefault(slot, []).append(_Source(series, bool(by_id)))
    for total, parts in TOTALS.items():
        slots = [slot for part in parts if (slot := slot_id(ELECTRICITY, part)) in by_slot]
        total_slot = slot_id(ELECTRICITY, total)
        if total_slot not in by_slot and len(slots) > 1 and sensor_of(hass, entry_id, total_slot) is not None:
            tariffs = [by_slot[slot][0].series for slot in slots]
            by_slot[total_slot] = [_Source(sum_of(total, tariffs), is_proven=False)]
    for slot, sources in by_slot.items():
        series, others = _together(sources)
        left_out += [LeftOut(other.key, "another_meter") for other in others]
        why = await async_why_not(hass, entry_id, slot, series)
        if why is None:
            found[slot] = series
        else:
            left_out.append(LeftOut(series.key, why))
    return Found(found, left_out, history.problems)


def _together(sources: Sequence[_Source]) -> tuple[Series, list[Series]]:
    """Return the history of one sensor, and what is of other meters."""
    proven = [one for one in sources if one.is_proven]
    kept: list[_Source] = []
    left_out: list[Series] = []
    for one in sources:
        if one.has_channel and not one.is_proven and any(_joined(one, ours) is None for ours in proven):
            left_out.append(one.series)
        else:
            kept.append(one)
    # Programs that do not tell the channel know of one meter only: if a file tells of one as well, it may be the same.
    may_be_one = sum(one.has_channel for one in kept) == 1
    kept.sort(key=lambda one: (not one.has_channel, one.series.rows[0].start))
    whole, *others = kept
    for other in others:
        joined = _joined(whole, other, may_be_one=may_be_one)
        if joined is None:
            # The one that goes on is ours, if none says who it is.
            ended, whole = sorted((whole, other), key=lambda one: (one.is_proven, one.series.rows[-1].start))
            left_out.append(ended.series)
        else:
            whole = _Source(joined, whole.is_proven or other.is_proven)
    return whole.series, left_out


def _joined(one: _Source, other: _Source, *, may_be_one: bool = False) -> Series | None:
    """Return the history of two meters one after the other, or of one if that may be; None: they were there at once."""
    earlier, later = sorted((one.series, other.series), key=lambda series: series.rows[0].start)
    joined = one_after_the_other(earlier, later)
    return of_one_meter(earlier, later) if joined is None and may_be_one else joined


def _roles_by_id(meter: MeterCoordinator, key: str, meters: _Meters) -> list[str]:
    """Return the roles of our meters whose equipment id a file says a register is of."""
    kind = REGISTERS[key.rpartition(":")[2]].device
    ids = meters.ids(key)
    return [role for role, known in meter.memory.ids.items() if is_of(kind, role) and known in ids]


def _slot_of(meter: MeterCoordinator, key: str, by_id: Sequence[str]) -> str | None:
    """Return the slot of a register of a file; None: this meter has no such device, or several."""
    channel, _, register = key.rpartition(":")
    kind = REGISTERS[register].device
    if kind == ELECTRICITY:
        return slot_id(ELECTRICITY, register)
    roles = [role for role in meter.memory.ids if is_of(kind, role)]
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
    known = await get_instance(hass).async_add_executor_job(read_metadata, hass, entity.entity_id)
    metadata = known or metadata_of(entity.entity_id, unit_shown(hass, entity))
    return "unit" if factor_of(metadata, series) is None else None


def factor_of(metadata: StatisticMetaData, series: Series) -> float | None:
    """Return what one of a file is in the unit of the statistics; None: it is of another kind."""
    unit, factor = unit_and_factor(series.unit)
    try:
        return in_unit_of(metadata, float(factor), unit)
    except HomeAssistantError:
        return None
