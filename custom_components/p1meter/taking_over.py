"""Puts our entities in the place of those of another integration, and gives the places back.

What others refer to is an entry of Home Assistant's registry: its entity id, under which the recorder keeps the
statistics, and its own id, from which the Energy dashboard makes that of its cost sensors. Both stay: the two
integrations' sensors change places in the registry. Nothing is renamed and nothing of the recorder is moved.

It is done while the entities of both are not loaded, and saved by the registry as one. What is to be done is in the
store before: a stop of Home Assistant in between is made good for when the meter is set up again.
"""

import asyncio
from contextlib import suppress
import logging
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.recorder.const import DOMAIN as RECORDER
from homeassistant.components.recorder.statistics import STATISTIC_UNIT_TO_UNIT_CONVERTER
from homeassistant.components.sensor import DOMAIN as SENSOR
from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import ATTR_RESTORED, ATTR_UNIT_OF_MEASUREMENT, CONF_PORT
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.entity import entity_sources
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .continuing import async_continue, async_resume
from .energy_dashboard import EnergyDashboardError, async_follow
from .load_renames import async_rename
from .memory import Takeover
from .ports import async_same_port, port_of
from .recorded import sensor_of
from .takeable import ESPHOME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from homeassistant.config_entries import ConfigEntry

    from .coordinator import P1MeterConfigEntry
    from .store import MeterStore
    from .takeable import Candidate

_LOGGER = logging.getLogger(__name__)

# Ends the unique id of one of our entities while it makes room for another, or has no place of its own.
_ASIDE: Final = "_aside"
# So long an entity may take to go after it was disabled.
_PATIENCE: Final = 10
# Seconds. Home Assistant saves its registry within three minutes while it starts, otherwise within seconds.
_UNTIL_SAVED: Final = 300


# --- taking places ----------------------------------------------------------------------------------------------------


async def async_take_over(
    hass: HomeAssistant, entry: P1MeterConfigEntry, chosen: Iterable[Candidate]
) -> list[Candidate]:
    """Put ours in the place of the others, whose integrations are switched off; return those that could not be.

    The entry is loaded; it is set up anew.
    """
    candidates = list(chosen)
    store = entry.runtime_data.store
    memory = store.memory
    wanted = [_takeover(candidate) for candidate in candidates]
    slots = {taken.slot for taken in wanted}
    memory.takeovers = [*(taken for taken in memory.takeovers if taken.slot not in slots), *wanted]
    entry_ids = {
        candidate.entity.config_entry_id
        for candidate in candidates
        if candidate.entity is not None and candidate.entity.platform != ESPHOME
    }
    running = [
        one
        for entry_id in entry_ids
        if (one := hass.config_entries.async_get_entry(entry_id or "")) is not None and one.disabled_by is None
    ]
    memory.switched_off += [one.entry_id for one in running if one.entry_id not in memory.switched_off]
    await store.async_save()
    for one in running:
        await hass.config_entries.async_set_disabled_by(one.entry_id, ConfigEntryDisabler.USER)
    await hass.config_entries.async_unload(entry.entry_id)
    failed = {taken.slot for taken in await async_complete(hass, entry, store)}
    replaced = {taken.config_entry_id for taken in wanted if taken.slot not in failed}
    needless = [one for one in running if one.entry_id not in replaced]
    memory.switched_off = [one for one in memory.switched_off if one not in {other.entry_id for other in needless}]
    await store.async_save()
    for one in needless:
        await hass.config_entries.async_set_disabled_by(one.entry_id, None)
    await hass.config_entries.async_setup(entry.entry_id)
    return [candidate for candidate in candidates if candidate.pair.slot in failed]


def _takeover(candidate: Candidate) -> Takeover:
    entity, ours = candidate.entity, candidate.ours
    left_disabled_by = None if ours.disabled_by is None else str(ours.disabled_by)
    if entity is None:
        return Takeover(
            slot=candidate.pair.slot,
            place=candidate.pair.old.entity_id,
            left=ours.id,
            platform="",
            unique_id="",
            config_entry_id=None,
            device_id=None,
            disabled_by=None,
            left_disabled_by=left_disabled_by,
            unit=None,
            shown_in=None,
        )
    # What follows from its config entry is not remembered: it will follow again.
    by = None if entity.disabled_by is er.RegistryEntryDisabler.CONFIG_ENTRY else entity.disabled_by
    options: Mapping[str, Any] = entity.options.get(SENSOR, {})
    return Takeover(
        slot=candidate.pair.slot,
        place=entity.id,
        left=ours.id,
        platform=entity.platform,
        unique_id=entity.unique_id,
        config_entry_id=entity.config_entry_id,
        device_id=entity.device_id,
        disabled_by=None if by is None else str(by),
        left_disabled_by=left_disabled_by,
        unit=options.get(ATTR_UNIT_OF_MEASUREMENT),
        shown_in=entity.unit_of_measurement,
    )


async def _async_disable_entities(hass: HomeAssistant, wanted: Iterable[Takeover]) -> None:
    """Disable single entities, and wait until they are gone: of a device that does other things too."""
    registry = er.async_get(hass)
    places = [registry.async_get(taken.place) for taken in wanted]
    ids = [place.entity_id for place in places if place is not None and place.platform == ESPHOME]
    # What is shown of an entity that was not loaded yet stays.
    there = {
        entity_id
        for entity_id in ids
        if (state := hass.states.get(entity_id)) is not None and not state.attributes.get(ATTR_RESTORED)
    }
    gone = asyncio.Event()

    @callback
    def look(event: Event[EventStateChangedData]) -> None:
        if event.data["new_state"] is None:
            there.discard(event.data["entity_id"])
            if not there:
                gone.set()

    stop = async_track_state_change_event(hass, list(there), look)
    try:
        for entity_id in ids:
            registry.async_update_entity(entity_id, disabled_by=er.RegistryEntryDisabler.USER)
        if there:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await gone.wait()
    finally:
        stop()


async def async_give_back(hass: HomeAssistant, entry: P1MeterConfigEntry) -> list[Takeover]:
    """Give all places back and switch the others on again; return what could not be given back.

    Where another integration needs the port of this meter, the meter is switched off: only one can read it. Otherwise
    it is set up anew.
    """
    store = entry.runtime_data.store
    others = list(store.memory.switched_off)
    await hass.config_entries.async_unload(entry.entry_id)
    failed = await async_leave(hass, entry, store)
    if await async_needs_port(hass, entry, others):
        await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    else:
        await hass.config_entries.async_setup(entry.entry_id)
    return failed


async def async_leave(hass: HomeAssistant, entry: ConfigEntry, store: MeterStore) -> list[Takeover]:
    """Give all places back and switch the others on again; return what could not be given back.

    None of our entities is loaded, and will not be before their places are their own again.
    """
    memory = store.memory
    known = [taken for one in memory.takeovers if (taken := _as_registered(hass, entry, one)) is not None]
    memory.takeovers = [taken if taken.stage == "returned" else taken._replace(stage="returning") for taken in known]
    await store.async_save()
    running = [
        one
        for entry_id in {taken.config_entry_id for taken in memory.held if taken.platform != ESPHOME}
        if (one := hass.config_entries.async_get_entry(entry_id or "")) is not None
        and one.state is ConfigEntryState.LOADED
    ]
    # Somebody has switched it on meanwhile.
    for one in running:
        await hass.config_entries.async_unload(one.entry_id)
    failed = await async_complete(hass, entry, store)
    # Also where no places were taken.
    await _async_switch_on(hass, store)
    for one in running:
        await hass.config_entries.async_setup(one.entry_id)
    return failed


def names(hass: HomeAssistant, entry: ConfigEntry, takeovers: Iterable[Takeover]) -> str:
    """Return the entity ids of ours, for a person."""
    sensors = (sensor_of(hass, entry.entry_id, taken.slot) for taken in takeovers)
    return ", ".join(sensor.entity_id for sensor in sensors if sensor is not None)


async def _async_switch_on(hass: HomeAssistant, store: MeterStore) -> None:
    others, store.memory.switched_off = store.memory.switched_off, []
    await store.async_save()
    for other in others:
        if hass.config_entries.async_get_entry(other) is not None:
            await hass.config_entries.async_set_disabled_by(other, None)


async def async_needs_port(hass: HomeAssistant, entry: ConfigEntry, others: Iterable[str]) -> bool:
    """Return whether one of these config entries reads the port of the meter."""
    return any(
        [
            await async_same_port(hass, port, entry.data[CONF_PORT])
            for other in others
            if (one := hass.config_entries.async_get_entry(other)) is not None and (port := port_of(one)) is not None
        ]
    )


async def async_complete(hass: HomeAssistant, entry: ConfigEntry, store: MeterStore) -> list[Takeover]:
    """Take and give back the places that are to be; return those of which that failed: they stay as they were.

    None of our entities is loaded. Whose places are given back are switched on again.
    """
    memory = store.memory
    known = [taken for one in memory.takeovers if (taken := _as_registered(hass, entry, one)) is not None]
    if known != memory.takeovers:
        memory.takeovers = known
        await store.async_save()
    stages = {taken.stage for taken in known}
    if stages <= {"taken", "returned"}:
        return []
    failed, replaced, given_back = await _async_change_places(hass, entry, store)
    # What was noted of their statistics says nothing of those that are shown now.
    changed = {taken.slot for taken in known if taken.stage in {"wanted", "returning"} and taken not in failed}
    memory.filled = [filled for filled in memory.filled if filled.slot not in changed]
    memory.seams = [seam for seam in memory.seams if seam.slot not in changed]
    now = dt_util.utcnow().timestamp()
    held = [
        taken if taken.stage == "returned" else taken._replace(stage="taken")
        for taken in known
        if taken.slot not in given_back and (taken not in failed or taken.stage != "wanted")
    ]
    returned = [
        taken._replace(stage="returned", left=given_back[taken.slot].id, returned=now)
        for taken in known
        if taken.slot in given_back
    ]
    memory.takeovers = [*held, *returned]
    await store.async_save()
    _reload(hass, {taken.config_entry_id for taken in known if taken.slot in given_back})
    if replaced:
        with suppress(EnergyDashboardError):
            await async_follow(hass, replaced)
    if "returning" in stages:
        await _async_switch_on(hass, store)
    return failed


async def _async_change_places(
    hass: HomeAssistant, entry: ConfigEntry, store: MeterStore
) -> tuple[list[Takeover], dict[str, str], dict[str, er.RegistryEntry]]:
    """Take and give back places.

    Returns:
        what failed; the ids that ours have now, by those they had; what is ours again in place of what was given back,
        by slot.
    """
    known = list(store.memory.takeovers)
    wanted = [taken for taken in known if taken.stage == "wanted"]
    await _async_disable_entities(hass, wanted)
    failed: list[Takeover] = []
    replaced: dict[str, str] = {}
    given_back: dict[str, er.RegistryEntry] = {}
    async with store.statistics:
        if wanted and RECORDER in hass.config.components:
            await async_continue(hass, _pairs(hass, entry, wanted))
        for taken in known:
            try:
                if taken.stage == "wanted":
                    if (ids := _take(hass, entry, taken)) is not None:
                        replaced[ids[0]] = ids[1]
                elif taken.stage == "returning":
                    given_back[taken.slot] = _return(hass, entry, taken)
            except (KeyError, ValueError) as err:
                _LOGGER.warning("The place of %s could not be taken or given back: %r", taken.slot, err)
                failed.append(taken)
                _let_be(hass, taken)
        if given_back and RECORDER in hass.config.components:
            registered = er.async_get(hass).entities
            async_resume(hass, [ours.entity_id for ours in given_back.values() if ours.entity_id in registered])
    return failed, replaced, given_back


@callback
def _pairs(hass: HomeAssistant, entry: ConfigEntry, wanted: Iterable[Takeover]) -> list[tuple[str, str]]:
    """Return the ids of the other entity and of ours, where ours is not in its place already."""
    registry = er.async_get(hass)
    pairs = []
    for taken in wanted:
        place = registry.async_get(taken.place)
        ours = sensor_of(hass, entry.entry_id, taken.slot)
        if ours is not None and (place is None or place.entity_id != ours.entity_id):
            pairs.append((taken.place if place is None else place.entity_id, ours.entity_id))
    return pairs


@callback
def _as_registered(hass: HomeAssistant, entry: ConfigEntry, taken: Takeover) -> Takeover | None:
    """Return what is to become of a takeover; None: nothing any more.

    Home Assistant saves its registry later than we our store: after a power cut it may be that of before.
    """
    ours = sensor_of(hass, entry.entry_id, taken.slot)
    has_left = ours is None or ours.id != taken.left
    if taken.stage == "taken" and not has_left:
        return taken._replace(stage="wanted")
    if taken.stage != "returned":
        return taken
    if ours is not None and has_left:
        return taken._replace(stage="returning")
    return taken if dt_util.utcnow().timestamp() - taken.returned < _UNTIL_SAVED else None


@callback
def _reload(hass: HomeAssistant, entry_ids: Iterable[str | None]) -> None:
    """Let those integrations that are at work set up the entities that they have back."""
    for entry_id in entry_ids:
        one = hass.config_entries.async_get_entry(entry_id or "")
        if one is not None and one.state in {ConfigEntryState.LOADED, ConfigEntryState.SETUP_IN_PROGRESS}:
            hass.config_entries.async_schedule_reload(one.entry_id)


@callback
def _let_be(hass: HomeAssistant, taken: Takeover) -> None:
    """Enable a single entity again that was disabled to take its place."""
    registry = er.async_get(hass)
    place = registry.async_get(taken.place)
    if place is not None and taken.platform == place.platform == ESPHOME:
        by = None if taken.disabled_by is None else er.RegistryEntryDisabler(taken.disabled_by)
        registry.async_update_entity(place.entity_id, disabled_by=by)


@callback
def _take(hass: HomeAssistant, entry: ConfigEntry, taken: Takeover) -> tuple[str, str] | None:
    """Put ours in the place of the other one; return the id that ours had and the one it has; None: it had it already.

    Raises:
        KeyError: one of the two is not there any more.
        ValueError: the other one is still at work, or the registry refuses.
    """
    registry = er.async_get(hass)
    unique_id = f"{entry.entry_id}_{taken.slot}"
    ours = _sensor_of(hass, entry, taken)
    if taken.place in {ours.id, ours.entity_id}:
        return None
    if taken.platform:
        place = _entity(registry, taken.place)
        _swap(hass, place, ours, entry, taken)
        is_single = taken.platform == ESPHOME
        by = er.RegistryEntryDisabler.USER if is_single else er.RegistryEntryDisabler.CONFIG_ENTRY
        registry.async_update_entity(ours.entity_id, disabled_by=by)
        place = registry.entities[place.entity_id]
        if place.disabled:
            registry.async_update_entity(place.entity_id, disabled_by=None)
        if taken.unit is None and _is_convertible(ours.unit_of_measurement, taken.shown_in):
            _show_in(registry, place.entity_id, taken.shown_in)
    else:
        place = _make_place(hass, entry, taken.place, unique_id, ours)
        _exchange_unique_ids(registry, place.entity_id, ours.entity_id, unique_id)
        registry.async_remove(ours.entity_id)
    # What is shown of an entity that is not loaded.
    hass.states.async_remove(ours.entity_id)
    async_rename(hass, ours.entity_id, place.entity_id)
    return ours.entity_id, place.entity_id


@callback
def _return(hass: HomeAssistant, entry: ConfigEntry, taken: Takeover) -> er.RegistryEntry:
    """Put the other one in its place again, and ours in the one it had; return what was left of ours there.

    Raises:
        KeyError: the place is not there any more.
        ValueError: ours is not in it, the other one is at work, or its integration is gone.
    """
    registry = er.async_get(hass)
    unique_id = f"{entry.entry_id}_{taken.slot}"
    ours = _sensor_of(hass, entry, taken)
    if ours.id == taken.left:
        return ours
    left_disabled_by = None if taken.left_disabled_by is None else er.RegistryEntryDisabler(taken.left_disabled_by)
    is_being_removed = hass.config_entries.async_get_entry(entry.entry_id) is None
    if taken.platform:
        left = _entity(registry, registry.async_get_entity_id(SENSOR, taken.platform, taken.unique_id))
        if is_being_removed:
            registry.async_remove(left.entity_id)
            _hand_over(hass, ours, taken)
        else:
            _swap(hass, left, ours, entry, taken)
            registry.async_update_entity(left.entity_id, disabled_by=left_disabled_by)
        if taken.disabled_by is not None:
            by = er.RegistryEntryDisabler(taken.disabled_by)
            registry.async_update_entity(ours.entity_id, disabled_by=by)
        if taken.unit is None:
            _show_in(registry, ours.entity_id, None)
        return left
    if is_being_removed:
        return ours
    left = registry.async_get_or_create(
        SENSOR, DOMAIN, f"{unique_id}{_ASIDE}", config_entry=entry, device_id=ours.device_id
    )
    _exchange_unique_ids(registry, left.entity_id, ours.entity_id, unique_id)
    registry.async_remove(ours.entity_id)
    registry.async_update_entity(left.entity_id, disabled_by=left_disabled_by)
    return left


def _sensor_of(hass: HomeAssistant, entry: ConfigEntry, taken: Takeover) -> er.RegistryEntry:
    """Return our sensor. Raises KeyError if it is not there."""
    ours = sensor_of(hass, entry.entry_id, taken.slot)
    if ours is None:
        raise KeyError(taken.slot)
    return ours


def _entity(registry: er.EntityRegistry, entity_id_or_id: str | None) -> er.RegistryEntry:
    """Return an entry of the registry. Raises KeyError if it is not there."""
    entity = registry.async_get(entity_id_or_id or "")
    if entity is None:
        raise KeyError(entity_id_or_id)
    return entity


@callback
def _swap(
    hass: HomeAssistant, new: er.RegistryEntry, ours: er.RegistryEntry, entry: ConfigEntry, taken: Takeover
) -> None:
    """Let `new` become what `ours` is, and `ours` what the other integration's was.

    Raises:
        ValueError: one of them is loaded, or the registry refuses; then nothing has changed.
    """
    registry = er.async_get(hass)
    unique_id = f"{entry.entry_id}_{taken.slot}"
    if hass.config_entries.async_get_entry(taken.config_entry_id or "") is None:
        raise ValueError("the other integration is gone")
    loaded = entity_sources(hass).keys() & {new.entity_id, ours.entity_id}
    if loaded:
        raise ValueError(f"still at work: {', '.join(loaded)}")
    # Two may not have the same.
    registry.async_update_entity(ours.entity_id, new_unique_id=f"{unique_id}{_ASIDE}")
    try:
        registry.async_update_entity_platform(
            new.entity_id,
            DOMAIN,
            new_config_entry_id=entry.entry_id,
            new_unique_id=unique_id,
            new_device_id=ours.device_id,
        )
    except ValueError:
        registry.async_update_entity(ours.entity_id, new_unique_id=unique_id)
        raise
    _hand_over(hass, ours, taken)


@callback
def _hand_over(hass: HomeAssistant, ours: er.RegistryEntry, taken: Takeover) -> None:
    """Let what is ours become the other integration's. Raises ValueError if the registry refuses."""
    device = dr.async_get(hass).async_get(taken.device_id or "")
    er.async_get(hass).async_update_entity_platform(
        ours.entity_id,
        taken.platform,
        new_config_entry_id=taken.config_entry_id or "",
        new_unique_id=taken.unique_id,
        new_device_id=None if device is None else device.id,
    )


@callback
def _make_place(
    hass: HomeAssistant, entry: ConfigEntry, entity_id: str, unique_id: str, ours: er.RegistryEntry
) -> er.RegistryEntry:
    """Return a new entry of the registry with just this entity id. Raises ValueError if it is taken."""
    registry = er.async_get(hass)
    place = registry.async_get_or_create(
        SENSOR,
        DOMAIN,
        f"{unique_id}{_ASIDE}",
        suggested_object_id=entity_id.partition(".")[2],
        config_entry=entry,
        device_id=ours.device_id,
    )
    if place.entity_id != entity_id:
        registry.async_remove(place.entity_id)
        raise ValueError(f"{entity_id} is taken")
    return place


@callback
def _exchange_unique_ids(registry: er.EntityRegistry, new: str, ours: str, unique_id: str) -> None:
    """Give the unique id of ours to `new`, and the one that `new` has to ours."""
    registry.async_update_entity(ours, new_unique_id=f"{unique_id}{_ASIDE}{_ASIDE}")
    registry.async_update_entity(new, new_unique_id=unique_id)
    registry.async_update_entity(ours, new_unique_id=f"{unique_id}{_ASIDE}")


def _is_convertible(unit: str | None, wanted: str | None) -> bool:
    """Whether Home Assistant can show in another unit what is measured in this one."""
    converter = None if unit is None else STATISTIC_UNIT_TO_UNIT_CONVERTER.get(unit)
    return unit != wanted and converter is not None and wanted in converter.VALID_UNITS


@callback
def _show_in(registry: er.EntityRegistry, entity_id: str, unit: str | None) -> None:
    """Show an entity in a unit; None: in its own."""
    options: dict[str, Any] = {**registry.entities[entity_id].options.get(SENSOR, {})}
    options.pop(ATTR_UNIT_OF_MEASUREMENT, None)
    if unit is not None:
        options[ATTR_UNIT_OF_MEASUREMENT] = unit
    registry.async_update_entity_options(entity_id, SENSOR, options or None)
