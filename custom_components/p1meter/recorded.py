"""What the recorder has of an entity, as numbers in the unit of its statistics.

Everything that begins with `read` reads the database: only in the recorder's executor.
"""

from math import nan
from typing import TYPE_CHECKING, Literal

from homeassistant.components.recorder.const import DOMAIN as RECORDER
from homeassistant.components.recorder.history import get_significant_states
from homeassistant.components.recorder.models import StatisticData, StatisticMeanType
from homeassistant.components.recorder.statistics import (
    STATISTIC_UNIT_TO_UNIT_CONVERTER,
    UNIT_CLASS_TO_UNIT_CONVERTER,
    get_metadata,
    statistics_during_period,
)
from homeassistant.components.recorder.tasks import SynchronizeTask
from homeassistant.components.sensor import ATTR_LAST_RESET
from homeassistant.const import ATTR_UNIT_OF_MEASUREMENT, EVENT_RECORDER_5MIN_STATISTICS_GENERATED, Platform
from homeassistant.core import Event, HomeAssistant, State, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .joint import Recorded, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    from homeassistant.components.recorder.models import StatisticMetaData
    from homeassistant.config_entries import ConfigEntry

    from .store import MeterStore


@callback
def async_after_each_run(
    hass: HomeAssistant,
    entry: ConfigEntry,
    store: MeterStore,
    name: str,
    *,
    is_waiting: Callable[[], bool],
    apply: Callable[[], Coroutine[None, None, None]],
) -> None:
    """Do what waits for the recorder now, and whenever it has summed up five minutes, until the entry is unloaded.

    Args:
        hass: where the recorder runs, or does not.
        entry: whose statistics these are.
        store: of the meter; the statistics are held while it is done.
        name: what the task is called.
        is_waiting: says whether there is anything to be done.
        apply: does it.
    """
    if RECORDER not in hass.config.components:
        return

    async def run() -> None:
        # Two at the same time would both find what is to be changed, and change it twice.
        async with store.statistics:
            # It tells of new rows while it is still writing them.
            await async_until_written(hass)
            await apply()

    @callback
    def look(_event: Event | None = None) -> None:
        if is_waiting():
            entry.async_create_background_task(hass, run(), f"{DOMAIN} {name}")

    entry.async_on_unload(hass.bus.async_listen(EVENT_RECORDER_5MIN_STATISTICS_GENERATED, look))
    look()


async def async_until_written(hass: HomeAssistant) -> None:
    """Wait until the recorder has done what it was told so far, and has written it.

    Its own `async_block_till_done` does not wait for the task that it is at, if that is the last one.
    """
    written = hass.loop.create_future()
    get_instance(hass).queue_task(SynchronizeTask(written))
    await written


def read_metadata(hass: HomeAssistant, entity_id: str) -> StatisticMetaData | None:
    """Return what the statistics of an entity say of themselves; None: it has none."""
    found = get_metadata(hass, statistic_ids={entity_id}).get(entity_id)
    return None if found is None else found[1]


def metadata_of(entity_id: str, unit: str | None) -> StatisticMetaData:
    """Return what the statistics of a total will say of themselves that has none yet, as the recorder would."""
    converter = STATISTIC_UNIT_TO_UNIT_CONVERTER.get(unit)
    return {
        "mean_type": StatisticMeanType.NONE,
        "has_sum": True,
        "name": None,
        "source": RECORDER,
        "statistic_id": entity_id,
        "unit_class": None if converter is None else converter.UNIT_CLASS,
        "unit_of_measurement": unit,
    }


def read_rows(
    hass: HomeAssistant,
    metadata: StatisticMetaData,
    since: datetime,
    period: Literal["5minute", "hour"],
    *,
    until: datetime | None = None,
    stateless: bool = False,
) -> list[Row]:
    """Return the rows of a total.

    Args:
        hass: where the recorder runs.
        metadata: of the total.
        since: the row that begins then is the first.
        period: which rows.
        until: the row that begins then is not in it; None: all.
        stateless: whether to return those without a state too, which others have written; it is not a number then.
    """
    unit_class, unit = metadata["unit_class"], metadata["unit_of_measurement"]
    entity_id = metadata["statistic_id"]
    rows = statistics_during_period(
        hass,
        since,
        until,
        {entity_id},
        period,
        {unit_class: unit} if unit_class and unit else None,
        {"last_reset", "state", "sum"},
    )
    return [
        Row(row["start"], nan if state is None else state, total, row.get("last_reset"))
        for row in rows.get(entity_id, ())
        if ((state := row.get("state")) is not None or stateless) and (total := row.get("sum")) is not None
    ]


def data_of(row: Row) -> StatisticData:
    """Return a row as the recorder takes it."""
    data = StatisticData(start=dt_util.utc_from_timestamp(row.start), state=row.state, sum=row.sum)
    if row.last_reset is not None:
        data["last_reset"] = dt_util.utc_from_timestamp(row.last_reset)
    return data


def read_states(hass: HomeAssistant, metadata: StatisticMetaData, since: datetime) -> list[Recorded]:
    """Return the numbers that an entity has shown, from the one that held at `since` on."""
    entity_id = metadata["statistic_id"]
    states = get_significant_states(hass, since, None, [entity_id], significant_changes_only=False)
    return [
        recorded
        for state in states.get(entity_id, ())
        if isinstance(state, State) and (recorded := _recorded(state, metadata)) is not None
    ]


def in_unit_of(metadata: StatisticMetaData, value: float, unit: str | None) -> float:
    """Return a value in the unit of the statistics.

    Raises:
        HomeAssistantError: its own unit is of another kind.
    """
    converter = UNIT_CLASS_TO_UNIT_CONVERTER.get(metadata["unit_class"])
    wanted = metadata["unit_of_measurement"]
    return value if unit == wanted or converter is None else converter.convert(value, unit, wanted)


@callback
def sensor_of(hass: HomeAssistant, entry_id: str, slot: str) -> er.RegistryEntry | None:
    """Return the sensor of a slot, which a person may have renamed or disabled; None: there is none."""
    registry = er.async_get(hass)
    entity_id = registry.async_get_entity_id(Platform.SENSOR, DOMAIN, f"{entry_id}_{slot}")
    return None if entity_id is None else registry.async_get(entity_id)


@callback
def unit_shown(hass: HomeAssistant, entity: er.RegistryEntry) -> str | None:
    """Return the unit in which a sensor shows its values, or did."""
    state = hass.states.get(entity.entity_id)
    shown: str | None = None if state is None else state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    return shown or entity.unit_of_measurement


@callback
def total_of(hass: HomeAssistant, entry_id: str, slot: str) -> er.RegistryEntry | None:
    """Return the sensor of a slot; None: there is none, or it is disabled."""
    entity = sensor_of(hass, entry_id, slot)
    return None if entity is None or entity.disabled else entity


@callback
def costs_of(hass: HomeAssistant, *entities: er.RegistryEntry) -> list[str]:
    """Return the sensors with which the Energy dashboard counts what the use of entities costs, or brings in.

    Their unique ids begin with the id of the registry's entry (`EnergyCostSensor.unique_id`).
    """
    ids = {entity.id for entity in entities}
    return [
        cost.entity_id
        for cost in er.async_get(hass).entities.values()
        if cost.platform == "energy" and cost.unique_id.partition("_")[0] in ids
    ]


def _recorded(state: State, metadata: StatisticMetaData) -> Recorded | None:
    """Return a state in the unit of the statistics; None: the recorder does not count it."""
    try:
        value = in_unit_of(metadata, float(state.state), state.attributes.get(ATTR_UNIT_OF_MEASUREMENT))
    except ValueError, HomeAssistantError:
        return None
    last_reset = dt_util.parse_datetime(str(state.attributes.get(ATTR_LAST_RESET)))
    return Recorded(state.last_updated_timestamp, value, None if last_reset is None else last_reset.timestamp())
