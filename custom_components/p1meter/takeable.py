"""What other integrations have of the same meter, also those that are gone, beside what ours shows."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from homeassistant.components.recorder.const import DOMAIN as RECORDER
from homeassistant.components.recorder.history import get_last_state_changes
from homeassistant.components.recorder.statistics import get_last_statistics, get_metadata
from homeassistant.components.sensor import DOMAIN as SENSOR
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util
from homeassistant.util.unit_conversion import EnergyConverter, VolumeConverter

from .const import CONF_ASKED
from .meter import REGISTERS
from .pairs import TABLES, Old, Ours, Pair, pair
from .recorded import read_metadata, sensor_of
from .sensor import unit_and_factor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from homeassistant.config_entries import ConfigEntry

    from .coordinator import MeterCoordinator, P1MeterConfigEntry
    from .memory import Memory

ESPHOME: Final = "esphome"
"""The integration whose devices do other things too: there entities are switched off one by one."""

_PLATFORMS: Final = frozenset({*TABLES, ESPHOME})
# Seconds.
_PATIENCE: Final = 3
# States that say nothing may follow the last one that does.
_STATES_LOOKED_AT: Final = 10
_BASE_UNITS: Final = ((EnergyConverter, "kWh"), (VolumeConverter, "m³"))


@dataclass(frozen=True, slots=True)
class Shown:
    """A value as a person knows it.

    Attributes:
        text: with its unit; "": there is none.
        at: when it was recorded; None: it is what is shown now, or there is none.
    """

    text: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair, with what a person wants to see before he agrees.

    Attributes:
        pair: the pair.
        entity: the registry's entry of the old entity; None: its integration is gone.
        ours: the registry's entry of ours.
        old_shown: what was last recorded of the old one.
        our_shown: what ours shows.
    """

    pair: Pair
    entity: er.RegistryEntry | None
    ours: er.RegistryEntry
    old_shown: Shown
    our_shown: Shown


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be taken over.

    Attributes:
        candidates: in the order of our registers.
        entries: the config entries that are switched off for it.
        without: entities of those entries that are in no candidate, and will show nothing any more.
    """

    candidates: list[Candidate]
    entries: list[ConfigEntry]
    without: list[er.RegistryEntry]


@dataclass(frozen=True, slots=True)
class _Last:
    """What was last recorded of an entity: the state, its unit, and when."""

    state: str
    unit: str | None
    at: datetime


async def async_offer(hass: HomeAssistant, entry: P1MeterConfigEntry) -> Offer:
    """Return what other integrations have of the same meter; the entry is loaded."""
    if RECORDER not in hass.config.components:
        return Offer([], [], [])
    registry = er.async_get(hass)
    if not entry.runtime_data.readings and not entry.data.get(CONF_ASKED):
        # Right after set-up; what most meters say every second is worth waiting for.
        with suppress(TimeoutError, HomeAssistantError):
            async with asyncio.timeout(_PATIENCE):
                await entry.runtime_data.async_read_now()
    ours = _ours(hass, entry)
    known = [entity for entity in registry.entities.values() if _may_be_taken(entity, entry.runtime_data.memory)]
    left = await get_instance(hass).async_add_executor_job(_left_statistics, hass, set(registry.entities))
    recorded = await get_instance(hass).async_add_executor_job(
        _last_recorded, hass, [*(entity.entity_id for entity in known), *left]
    )
    olds = [
        _old_of_entity(entity, recorded.get(entity.entity_id))
        for entity in known
        if not entity.disabled or entity.entity_id in recorded
    ]
    deleted = {entity.entity_id: entity for entity in registry.deleted_entities.values()}
    olds += [_old_of_statistics(one, deleted.get(one), recorded.get(one)) for one in left]
    found = pair(olds, [one for one, *_ in ours.values()], dt_util.utcnow().timestamp())
    candidates = [
        Candidate(
            one,
            registry.async_get(one.old.entity_id),
            ours[one.slot][1],
            _shown(hass, one.old.entity_id, recorded.get(one.old.entity_id)),
            ours[one.slot][2],
        )
        for one in found
    ]
    entries = {
        candidate.entity.config_entry_id: config_entry
        for candidate in candidates
        if candidate.entity is not None
        and candidate.entity.platform != ESPHOME
        and (config_entry := hass.config_entries.async_get_entry(candidate.entity.config_entry_id or "")) is not None
    }
    paired = {candidate.pair.old.entity_id for candidate in candidates}
    without = [
        entity
        for entry_id in entries
        for entity in er.async_entries_for_config_entry(registry, entry_id or "")
        # Where the port was freed, the integration is disabled already, and all that it has along with it.
        if entity.entity_id not in paired and entity.disabled_by in {None, er.RegistryEntryDisabler.CONFIG_ENTRY}
    ]
    return Offer(candidates, list(entries.values()), without)


def _may_be_taken(entity: er.RegistryEntry, memory: Memory) -> bool:
    return (
        entity.domain == SENSOR
        and entity.platform in _PLATFORMS
        and entity.config_entry_id is not None
        and entity.config_subentry_id is None
        and entity.id not in {taken.left for taken in memory.held}
    )


@callback
def _ours(hass: HomeAssistant, entry: P1MeterConfigEntry) -> dict[str, tuple[Ours, er.RegistryEntry, Shown]]:
    """Return our sensors that have not taken a place yet, by slot."""
    coordinator = entry.runtime_data
    memory = coordinator.memory
    # While something is to be shifted in the statistics, they are not given to another one.
    busy = {taken.slot for taken in memory.held} | {joint.slot for joint in memory.joints}
    busy |= {seam.slot for seam in memory.seams} | {filled.slot for filled in memory.filled if not filled.settled}
    found: dict[str, tuple[Ours, er.RegistryEntry, Shown]] = {}
    for key in REGISTERS:
        for slot in memory.slots.values():
            if slot.key != key or slot.id in busy or (entity := sensor_of(hass, entry.entry_id, slot.id)) is None:
                continue
            options = tuple((entity.capabilities or {}).get("options", ()))
            amount, shown = _reading(coordinator, slot.id)
            found[slot.id] = Ours(slot=slot.id, key=key, amount=amount, options=options), entity, shown
    return found


def _reading(coordinator: MeterCoordinator, slot: str) -> tuple[float | None, Shown]:
    if (reading := coordinator.readings.get(slot)) is not None and reading.value is not None:
        value, sent = reading.value, reading.unit
    elif slot in coordinator.memory.totals:
        # Nothing was shown since set-up.
        value, sent = coordinator.memory.totals[slot]
    else:
        return None, Shown("")
    unit, factor = unit_and_factor(sent)
    try:
        amount = float(str(value)) * factor
    except ValueError:
        return None, Shown(str(value))
    return _in_base_unit(amount, unit), Shown(_with_unit(f"{amount:.10g}", unit))


def _old_of_entity(entity: er.RegistryEntry, last: _Last | None) -> Old:
    return Old(
        entity_id=entity.entity_id,
        group=(entity.device_id if entity.platform == ESPHOME else entity.config_entry_id) or "",
        platform=entity.platform,
        unique_id=entity.unique_id,
        name=entity.original_name or "",
        quantity=entity.device_class or entity.original_device_class,
        amount=_amount(last),
        at=None if last is None else last.at.timestamp(),
        options=tuple((entity.capabilities or {}).get("options", ())),
    )


def _old_of_statistics(entity_id: str, deleted: er.DeletedRegistryEntry | None, last: _Last | None) -> Old:
    """Return what is known of an entity of which only statistics are left."""
    return Old(
        entity_id=entity_id,
        group=_group_of_statistics(entity_id, deleted),
        platform="" if deleted is None else deleted.platform,
        unique_id="" if deleted is None else deleted.unique_id,
        amount=_amount(last),
        at=None if last is None else last.at.timestamp(),
    )


def _group_of_statistics(entity_id: str, deleted: er.DeletedRegistryEntry | None) -> str:
    """Return what an entity that is gone was part of; its own id if nobody knows: then only its reading proves it."""
    if deleted is not None and deleted.platform in TABLES:
        return f"{deleted.platform} {deleted.config_entry_id}"
    if deleted is not None and deleted.platform == ESPHOME:
        # The device is not remembered; its address is in front of its unique ids.
        return f"{ESPHOME} {deleted.unique_id.partition('-')[0]}"
    return entity_id


def _left_statistics(hass: HomeAssistant, registered: Collection[str]) -> list[str]:
    """Return the statistics of sensors that are gone. Reads the database."""
    return [
        statistic_id
        for statistic_id, (_, metadata) in get_metadata(hass, statistic_source=RECORDER).items()
        if statistic_id.startswith(f"{SENSOR}.")
        and metadata["unit_of_measurement"] is not None
        and statistic_id not in registered
        and hass.states.get(statistic_id) is None
    ]


def _last_recorded(hass: HomeAssistant, entity_ids: Iterable[str]) -> dict[str, _Last]:
    """Return what was last recorded of each entity that anything was recorded of. Reads the database."""
    found = {}
    for entity_id in entity_ids:
        last = _last_state(hass, entity_id) or _last_of_statistics(hass, entity_id)
        if last is not None:
            found[entity_id] = last
    return found


def _last_state(hass: HomeAssistant, entity_id: str) -> _Last | None:
    if (shown := hass.states.get(entity_id)) is not None and _says_something(shown):
        return _Last(shown.state, shown.attributes.get(ATTR_UNIT_OF_MEASUREMENT), dt_util.utcnow())
    states = get_last_state_changes(hass, _STATES_LOOKED_AT, entity_id).get(entity_id, [])
    telling = [state for state in states if _says_something(state)]
    if not telling:
        return None
    # It held until the next one came.
    last = telling[-1]
    following = states.index(last) + 1
    until = states[following].last_updated if following < len(states) else last.last_updated
    return _Last(last.state, last.attributes.get(ATTR_UNIT_OF_MEASUREMENT), until)


def _says_something(state: State) -> bool:
    # That of an entity that was removed is empty.
    return state.state not in {STATE_UNAVAILABLE, STATE_UNKNOWN, ""}


def _last_of_statistics(hass: HomeAssistant, entity_id: str) -> _Last | None:
    metadata = read_metadata(hass, entity_id)
    if metadata is None:
        return None
    rows = get_last_statistics(hass, 1, entity_id, False, {"state", "mean"}).get(entity_id)  # noqa: FBT003 (its own signature)
    if not rows:
        return None
    value = rows[0].get("mean") if (state := rows[0].get("state")) is None else state
    if value is None:
        return None
    at = dt_util.utc_from_timestamp(rows[0]["end"])
    return _Last(f"{value:.10g}", metadata["unit_of_measurement"], at)


def _amount(last: _Last | None) -> float | None:
    if last is None:
        return None
    try:
        return _in_base_unit(float(last.state), last.unit)
    except ValueError:
        return None


def _in_base_unit(value: float, unit: str | None) -> float:
    for converter, base in _BASE_UNITS:
        if unit in converter.VALID_UNITS:
            return converter.convert(value, unit, base)
    return value


def _shown(hass: HomeAssistant, entity_id: str, last: _Last | None) -> Shown:
    if last is None:
        return Shown("")
    state = hass.states.get(entity_id)
    is_now = state is not None and _says_something(state)
    return Shown(_with_unit(last.state, last.unit), None if is_now else last.at)


def _with_unit(text: str, unit: str | None) -> str:
    return text if unit is None else f"{text} {unit}"
