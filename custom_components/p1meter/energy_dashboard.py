"""Puts the meter into the Energy dashboard: what would be added, and adding it.

Home Assistant has no public interface for that. What is used here are the functions behind its own dialog; whatever
they raise comes out as one exception, so that a later version can cost a person two minutes, but never a dialog.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
import logging
import re
from typing import TYPE_CHECKING, Any, Self, cast

from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util.unit_conversion import EnergyConverter

from .const import CONF_PROFILE, DOMAIN, SUBENTRY_LOAD
from .known import reader_of
from .load_settings import load_config
from .meter.registers import TARIFFS
from .roles import ELECTRICITY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from homeassistant.components.energy.data import EnergyManager, EnergyPreferencesUpdate

    from .coordinator import P1MeterConfigEntry

_LOGGER = logging.getLogger(__name__)

type Config = dict[str, Any]

# Where a contract has two tariffs, each has its own price; elsewhere the total counts.
_PROFILES_WITH_TWO_TARIFFS = frozenset({"nl2", "nl4", "nl5", "be", "be-ie", "hu"})
_TARIFFS = (("import_tariff_1", "export_tariff_1"), ("import_tariff_2", "export_tariff_2"))
_TOTALS = (("import_total", "export_total"),)
# The dashboard has no place for heat. What comes nearest are its gas sources, which may count energy or volume.
_TYPES = {"gas": "gas", "water": "water", "heat": "gas"}
_WITHOUT_PRICE = {"stat_cost": None, "entity_energy_price": None, "number_energy_price": None}
_WITHOUT_COMPENSATION = {
    "stat_compensation": None,
    "entity_energy_price_export": None,
    "number_energy_price_export": None,
}


class EnergyDashboardError(Exception):
    """There is no Energy dashboard, or it does not take what it is given."""


@dataclass(frozen=True, slots=True)
class Source:
    """Something that can be added to the dashboard.

    Attributes:
        kind: `grid`, `gas`, `water`, `heat`, or `load`: an individual device.
        entities: Its sensors; the first one stands for it.
        config: As the dashboard stores it.
        completes: The statistic that a source in the dashboard begins with to which this belongs; None: it is new.
    """

    kind: str
    entities: tuple[er.RegistryEntry, ...]
    config: Config
    completes: str | None = None

    @property
    def id(self) -> str:
        """What stands for it in a dialog."""
        return self.entity_ids[0]

    @property
    def entity_ids(self) -> tuple[str, ...]:
        """The ids of its sensors."""
        return tuple(entity.entity_id for entity in self.entities)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a meter can give to the dashboard.

    Attributes:
        sources: What is not there yet.
        beside: Sensors of other meters that the dashboard has for the same purpose. If they measure the same house,
            it would be counted twice.
        ticked: The ids of the sources that have no such rival.
    """

    sources: tuple[Source, ...]
    beside: tuple[str, ...]
    ticked: tuple[str, ...]


@callback
def async_sources(hass: HomeAssistant, entry: P1MeterConfigEntry) -> list[Source]:
    """Return everything that the meter and its loads have for an Energy dashboard, whether it is there or not."""
    return _sources(hass, entry, _Dashboard())


async def async_proposal(hass: HomeAssistant, entry: P1MeterConfigEntry) -> Proposal:
    """Return what could be added to the Energy dashboard.

    Raises:
        EnergyDashboardError: there is no dashboard, or it cannot be read.
    """
    with _not_a_public_interface():
        dashboard = _Dashboard.of(await _async_manager(hass))
        sources = _sources(hass, entry, dashboard)
        rivals = {
            source.id: _rivals_of_load(hass, entry, source, dashboard)
            if source.kind == "load"
            else _rivals(hass, source, dashboard.sources)
            for source in sources
        }
    return Proposal(
        sources=tuple(sources),
        beside=tuple(dict.fromkeys(rival for found in rivals.values() for rival in found)),
        ticked=tuple(source.id for source in sources if not rivals[source.id]),
    )


async def async_apply(hass: HomeAssistant, entry: P1MeterConfigEntry, chosen: Collection[str]) -> None:
    """Add the sources with these ids to the Energy dashboard; what is in it stays as it is.

    Raises:
        EnergyDashboardError: there is no dashboard, or it refuses; then nothing was changed.
    """
    with _not_a_public_interface():
        manager = await _async_manager(hass)
        dashboard = _Dashboard.of(manager)
        new = [source for source in _sources(hass, entry, dashboard) if source.id in chosen]
        if not new:
            return
        await manager.async_update(cast("EnergyPreferencesUpdate", _updated(dashboard, new)))


async def async_follow(hass: HomeAssistant, replaced: Mapping[str, str]) -> None:
    """Put other statistics in the place of some, by their ids; not those that the dashboard has already.

    Raises:
        EnergyDashboardError: there is no dashboard, or it refuses; then nothing was changed.
    """
    with _not_a_public_interface():
        manager = await _async_manager(hass)
        existing = _Dashboard.of(manager).sources
        known = {statistic for source in existing for statistic in _statistics(source)}
        wanted = {old: new for old, new in replaced.items() if old in known and new not in known}
        if wanted:
            changed = [
                {key: wanted.get(value, value) if isinstance(value, str) else value for key, value in source.items()}
                for source in existing
            ]
            await manager.async_update(cast("EnergyPreferencesUpdate", {"energy_sources": changed}))


@contextmanager
def _not_a_public_interface() -> Iterator[None]:
    try:
        yield
    except EnergyDashboardError:
        raise
    except Exception as err:
        _LOGGER.warning("The Energy dashboard of this Home Assistant is not as expected: %r", err)
        raise EnergyDashboardError(str(err)) from err


async def _async_manager(hass: HomeAssistant) -> EnergyManager:
    if "energy" not in hass.config.components:
        raise EnergyDashboardError("the energy integration is not set up")
    from homeassistant.components.energy.data import async_get_manager  # noqa: PLC0415 (may be gone one day)

    return await async_get_manager(hass)


@dataclass(frozen=True, slots=True)
class _Dashboard:
    """What is in the Energy dashboard.

    Attributes:
        sources: What comes into the house, and leaves it.
        devices: What uses electricity in it.
    """

    sources: tuple[Config, ...] = ()
    devices: tuple[Config, ...] = ()

    @classmethod
    def of(cls, manager: EnergyManager) -> Self:
        """Return what a person has put into it."""
        if manager.data is None:
            return cls()
        data = cast("Mapping[str, list[Config]]", manager.data)
        return cls(tuple(data["energy_sources"]), tuple(data["device_consumption"]))


def _updated(dashboard: _Dashboard, new: Iterable[Source]) -> dict[str, list[Config]]:
    """Return what becomes of the dashboard; only the lists that change are in it.

    Raises:
        Exception: the schemas of the dashboard refuse it.
    """
    from homeassistant.components.energy.data import (  # noqa: PLC0415 (may be gone one day)
        DEVICE_CONSUMPTION_SCHEMA,
        ENERGY_SOURCE_SCHEMA,
    )

    added = [source.config for source in new if source.kind != "load" and source.completes is None]
    missing: dict[str | None, Config] = {
        source.completes: source.config for source in new if source.completes is not None
    }
    devices = [DEVICE_CONSUMPTION_SCHEMA(source.config) for source in new if source.kind == "load"]
    update: dict[str, list[Config]] = {}
    if added or missing:
        existing = [{**source, **missing.get(source.get("stat_energy_from"), {})} for source in dashboard.sources]
        # It looks at all of them together, but those that were there are not to be touched.
        checked = cast("list[Config]", ENERGY_SOURCE_SCHEMA([*existing, *added]))
        update["energy_sources"] = [*existing, *checked[len(existing) :]]
    if devices:
        update["device_consumption"] = [*dashboard.devices, *devices]
    return update


def _sources(hass: HomeAssistant, entry: P1MeterConfigEntry, dashboard: _Dashboard) -> list[Source]:
    """Return what the meter and its loads have for a dashboard, and it has not yet."""
    entities = _entities(hass, entry)
    existing = dashboard.sources
    used = {statistic for source in existing for statistic in _statistics(source)}
    sources = _grid_sources(entities, existing, used, two_tariffs=_has_two_tariffs(entry))
    gas_units = {_counts_energy(hass, source["stat_energy_from"]) for source in existing if source["type"] == "gas"}
    for key, kind in _TYPES.items():
        for slot, entity in entities.items():
            if entity.entity_id in used or not re.fullmatch(rf"{key}(_\d+)?_{key}", slot):
                continue
            if kind == "gas":
                # The dashboard shows all gas in the unit of the first source: energy and volume do not mix.
                gas_units.add(key == "heat")
                if len(gas_units) > 1:
                    gas_units.discard(key == "heat")
                    continue
            config = {"type": kind, "stat_energy_from": entity.entity_id, **_WITHOUT_PRICE}
            sources.append(Source(key, (entity,), config))
    return sources + _load_sources(entry, entities, {device["stat_consumption"] for device in dashboard.devices})


def _load_sources(
    entry: P1MeterConfigEntry, entities: Mapping[str, er.RegistryEntry], used: Collection[str]
) -> list[Source]:
    """Return one device for each load: what it used in its day, which the dashboard adds up."""
    sources = []
    for load in entry.get_subentries_of_type(SUBENTRY_LOAD):
        energy, power = (entities.get(f"{load.subentry_id}_{key}") for key in ("energy", "power"))
        if energy is not None and energy.entity_id not in used:
            config = {"stat_consumption": energy.entity_id, "name": load.title}
            if power is not None:
                config["stat_rate"] = power.entity_id
            sources.append(Source("load", (energy,) if power is None else (energy, power), config))
    return sources


def _grid_sources(
    entities: Mapping[str, er.RegistryEntry], existing: Iterable[Config], used: Collection[str], *, two_tariffs: bool
) -> list[Source]:
    """Return one source for each tariff, or one for the total; never both, for they are the same energy.

    Where what is bought is in the dashboard without what is sold, the latter may have come since.
    """
    without_export = {
        source.get("stat_energy_from")
        for source in existing
        if source["type"] == "grid" and source.get("stat_energy_to") is None
    }
    of_meter = {key: entities.get(f"{ELECTRICITY}_{key}") for key in ("power", *chain(*_TARIFFS, *_TOTALS))}
    free = {key: entity for key, entity in of_meter.items() if entity is not None and entity.entity_id not in used}
    ways = (_TARIFFS, _TOTALS) if two_tariffs else (_TOTALS, _TARIFFS)
    # The way that is in use goes on, else the first that is complete.
    way = next(
        (way for way in ways if any(of_meter[bought] and bought not in free for bought, _ in way)), None
    ) or next((way for way in ways if all(of_meter[bought] for bought, _ in way)), ())
    sources = []
    for index, (bought, sold) in enumerate(way):
        if bought not in free:
            known = of_meter[bought]
            if sold in free and known is not None and known.entity_id in without_export:
                export = {"stat_energy_to": free[sold].entity_id, **_WITHOUT_COMPENSATION}
                sources.append(Source("grid", (free[sold],), export, completes=known.entity_id))
            continue
        members = [free[bought]]
        config = {"type": "grid", "stat_energy_from": free[bought].entity_id, "cost_adjustment_day": 0.0}
        config |= _WITHOUT_PRICE
        if sold in free:
            members.append(free[sold])
            config |= {"stat_energy_to": free[sold].entity_id, **_WITHOUT_COMPENSATION}
        # It is the same power under both tariffs: it may be counted once.
        if index == 0 and "power" in free:
            members.append(free["power"])
            config["stat_rate"] = free["power"].entity_id
        sources.append(Source("grid", tuple(members), config))
    return sources


def _entities(hass: HomeAssistant, entry: P1MeterConfigEntry) -> dict[str, er.RegistryEntry]:
    """Return the meter's sensors that are there and enabled, by slot id."""
    start = f"{entry.entry_id}_"
    return {
        entity.unique_id.removeprefix(start): entity
        for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        if entity.domain == Platform.SENSOR and entity.disabled_by is None
    }


def _has_two_tariffs(entry: P1MeterConfigEntry) -> bool:
    """Return whether two tariffs are all there is, and worth two sources."""
    if entry.data[CONF_PROFILE] not in _PROFILES_WITH_TWO_TARIFFS:
        return False
    if (reader := reader_of(entry)) is None:
        return True
    further = (reader.readings.get(f"{ELECTRICITY}_import_tariff_{number}") for number in TARIFFS[2:])
    return not any(reading is not None and reading.value for reading in further)


def _statistics(source: Config) -> Iterable[str]:
    """Return the statistics of meters in a source of the dashboard."""
    return (source[key] for key in ("stat_energy_from", "stat_energy_to", "stat_rate") if source.get(key) is not None)


def _rivals(hass: HomeAssistant, source: Source, existing: Iterable[Config]) -> list[str]:
    """Return the meters in the dashboard, other than ours, that serve the same purpose."""
    registry = er.async_get(hass)
    return [
        statistic
        for other in existing
        if other["type"] == _TYPES.get(source.kind, source.kind)
        and (statistic := next(iter(_statistics(other)), None)) is not None
        and ((registered := registry.async_get(statistic)) is None or registered.platform != DOMAIN)
    ]


def _rivals_of_load(hass: HomeAssistant, entry: P1MeterConfigEntry, source: Source, dashboard: _Dashboard) -> list[str]:
    """Return the devices in the dashboard that may be this load: its plug counts what it uses, too."""
    registry = er.async_get(hass)

    def device_of(entity_id: str) -> str | None:
        entity = registry.async_get(entity_id)
        return None if entity is None else entity.device_id

    config = load_config(entry.subentries[str(source.entities[0].config_subentry_id)])
    own = {device_of(entity_id) for entity_id in config.entities} - {None}
    return [device["stat_consumption"] for device in dashboard.devices if device_of(device["stat_consumption"]) in own]


def _counts_energy(hass: HomeAssistant, statistic: str) -> bool:
    """Return whether a gas source is in energy; volume is what is usual."""
    state = hass.states.get(statistic)
    return state is not None and state.attributes.get(ATTR_UNIT_OF_MEASUREMENT) in EnergyConverter.VALID_UNITS
