"""Lets the statistics of one entity go on with those of another, or where they ended."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, override

from homeassistant.components.recorder.db_schema import StatisticsShortTerm
from homeassistant.components.recorder.models import StatisticData, StatisticMetaData
from homeassistant.components.recorder.statistics import (
    async_import_statistics,
    get_last_short_term_statistics,
    get_last_statistics,
    get_latest_short_term_statistics_with_session,
    get_metadata,
    statistics_during_period,
)
from homeassistant.components.recorder.tasks import ImportStatisticsTask, RecorderTask
from homeassistant.core import callback
from homeassistant.helpers.recorder import get_instance, session_scope
from homeassistant.util import dt as dt_util

from .joint import HOUR, PERIOD, Row
from .pairs import continued, last_over
from .recorded import async_until_written, data_of, read_metadata, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeassistant.components.recorder.core import Recorder
    from homeassistant.components.recorder.statistics import StatisticsRow
    from homeassistant.core import HomeAssistant

# How much of the other statistics is looked at to find what both have.
_OVERLAP: Final = timedelta(days=1)
_OF_TOTALS: Final[set[Literal["last_reset", "max", "mean", "min", "state", "sum"]]] = {"last_reset", "state", "sum"}


async def async_continue(hass: HomeAssistant, pairs: Iterable[tuple[str, str]]) -> None:
    """Let the statistics of the first of each pair of entities go on with what only the second has counted since.

    Call it with the lock of the statistics.
    """
    await _async_write(hass, await get_instance(hass).async_add_executor_job(_read_continuations, hass, pairs))


@callback
def async_resume(hass: HomeAssistant, entity_ids: Iterable[str]) -> None:
    """Let sums to which nothing was added for a time go on where they ended; those that the recorder knows, stay.

    The recorder goes on from the newest row of five minutes, and keeps these for ten days, or as long as the person
    wants. Without any it begins at zero: for the Energy dashboard all that was ever used is taken back.

    It is done by the recorder between two of its tasks, in the order in which they come. So nothing is waited for, and
    no lock is needed: a purge or an import that came before is over by then.
    """
    get_instance(hass).queue_task(_ResumeTask(frozenset(entity_ids)))


@dataclass(slots=True)
class _ResumeTask(RecorderTask):
    entity_ids: frozenset[str]

    @override
    def run(self, instance: Recorder) -> None:
        hass = instance.hass
        found = get_metadata(hass, statistic_ids=set(self.entity_ids))
        if not (counting := {name: one for name, one in found.items() if one[1]["has_sum"]}):
            return
        with session_scope(session=instance.get_session(), read_only=True) as session:
            # What the recorder itself asks for before it sums up.
            known = get_latest_short_term_statistics_with_session(hass, session, set(counting), {"sum"}, counting)
        for entity_id in counting.keys() - known.keys():
            last_hour = _last_hour(hass, entity_id)
            if last_hour is not None:
                row = data_of(_last_period_of(last_hour))
                ImportStatisticsTask(counting[entity_id][1], [row], StatisticsShortTerm).run(instance)


type _Continuation = tuple[StatisticMetaData, list[StatisticData], list[StatisticData]]


async def _async_write(hass: HomeAssistant, continuations: Iterable[_Continuation]) -> None:
    for metadata, hours, periods in continuations:
        if hours:
            async_import_statistics(hass, metadata, hours)
        if periods:
            get_instance(hass).async_import_statistics(metadata, periods, StatisticsShortTerm)
    if hass.is_running:
        await async_until_written(hass)


def _read_continuations(hass: HomeAssistant, pairs: Iterable[tuple[str, str]]) -> list[_Continuation]:
    """Return what the statistics of each first one are to go on with. Reads the database."""
    return [found for old, ours in pairs if (found := _read_continuation(hass, old, ours)) is not None]


def _read_continuation(hass: HomeAssistant, old: str, ours: str) -> _Continuation | None:
    metadata, our_metadata = read_metadata(hass, old), read_metadata(hass, ours)
    if metadata is None:
        return None
    if not metadata["has_sum"]:
        return None if our_metadata is None else (metadata, _means(hass, metadata, our_metadata), [])
    last_hour, last_period = _last_hour_and_period(hass, old)
    if last_hour is None:
        return None
    hours: list[Row] = []
    periods: list[Row] = []
    if our_metadata is not None:
        in_their_unit = StatisticMetaData(
            **{
                **our_metadata,
                "unit_class": metadata["unit_class"],
                "unit_of_measurement": metadata["unit_of_measurement"],
            }
        )
        since = dt_util.utc_from_timestamp(last_hour.start) - _OVERLAP
        hours = continued(last_hour, read_rows(hass, in_their_unit, since, "hour"))
        ours_short = read_rows(hass, in_their_unit, since, "5minute")
        periods = continued(last_period or last_over(last_hour, hours, ours_short), ours_short)
    if last_period is None and not periods:
        periods = [_last_period_of(hours[-1] if hours else last_hour)]
    return metadata, _data(hours), _data(periods)


def _last_hour_and_period(hass: HomeAssistant, statistic_id: str) -> tuple[Row | None, Row | None]:
    periods = get_last_short_term_statistics(hass, 1, statistic_id, False, _OF_TOTALS)  # noqa: FBT003 (its own signature)
    return _last_hour(hass, statistic_id), _last_row(periods.get(statistic_id))


def _last_hour(hass: HomeAssistant, statistic_id: str) -> Row | None:
    hours = get_last_statistics(hass, 1, statistic_id, False, _OF_TOTALS)  # noqa: FBT003 (its own signature)
    return _last_row(hours.get(statistic_id))


def _last_period_of(hour: Row) -> Row:
    """Return the last five minutes of an hour.

    The recorder goes on from the newest row of these; without any it would begin at zero again.
    """
    return hour._replace(start=hour.start + HOUR - PERIOD)


def _last_row(rows: list[StatisticsRow] | None) -> Row | None:
    if not rows or (state := rows[0].get("state")) is None or (total := rows[0].get("sum")) is None:
        return None
    return Row(rows[0]["start"], state, total, rows[0].get("last_reset"))


def _data(rows: Iterable[Row]) -> list[StatisticData]:
    return list(map(data_of, rows))


def _means(hass: HomeAssistant, metadata: StatisticMetaData, ours: StatisticMetaData) -> list[StatisticData]:
    """Return the hours that only ours has, of what is no total."""
    last = get_last_statistics(hass, 1, metadata["statistic_id"], False, {"mean"}).get(metadata["statistic_id"])  # noqa: FBT003 (its own signature)
    if not last:
        return []
    unit_class, unit = metadata["unit_class"], metadata["unit_of_measurement"]
    rows = statistics_during_period(
        hass,
        dt_util.utc_from_timestamp(last[0]["end"]),
        None,
        {ours["statistic_id"]},
        "hour",
        {unit_class: unit} if unit_class and unit else None,
        {"mean", "min", "max"},
    )
    return [
        StatisticData(start=dt_util.utc_from_timestamp(row["start"]), mean=mean, min=least, max=most)
        for row in rows.get(ours["statistic_id"], ())
        if (mean := row.get("mean")) is not None
        and (least := row.get("min")) is not None
        and (most := row.get("max")) is not None
    ]
