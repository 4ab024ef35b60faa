"""Days of history for the meter's totals, written through Home Assistant's own `recorder/import_statistics`."""

import asyncio
from datetime import UTC, datetime, timedelta
import math
from typing import TYPE_CHECKING

from .client import Client, InstanceError
from .entities import NO_VALUE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from decimal import Decimal

    from tests.simulation.household import Household

    from .entities import Entity

DAYS = 7
# Home Assistant takes the whole sum of a statistic's first row for what was used in that hour: it stands where nobody
# looks.
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_COMMIT_SECONDS = 30  # the recorder writes new states every 5 s
_UNIT_CLASSES = {"kWh": "energy", "Wh": "energy", "m³": "volume"}
_PER_KILOWATT_HOUR = {"Wh": 1000}


async def write_history(client: Client, shown: Collection[Entity], household: Household) -> None:
    """Fill each full hour of the last days with what the household's meters counted in it; may be done again.

    Hours that the recorder has are left alone: what was lived through, loads and all, is what the meter counted.
    The recorder counts a sum from the first state that it ever saw of a total. What is written here has the same zero:
    it is negative before that moment, and whenever the recorder compiles its first row, that row follows on it. What
    the days begin with stands at the beginning of time.
    """
    now = household.now
    past = [(hour, _totals(readings)) for hour, readings in household.history(DAYS)]
    totals = {entity.entity_id: entity for entity in shown if entity.what in past[-1][1]}
    zeros, had = await _zeros(client, totals, now - timedelta(days=DAYS))
    oldest = (past[0][0] - timedelta(hours=1)).timestamp()
    for entity_id, entity in totals.items():
        rows = []
        for hour, readings in past:
            # A row is named by the beginning of its hour and holds what was shown at its end.
            start = hour - timedelta(hours=1)
            if start.timestamp() in had.get(entity_id, ()):
                continue
            state = float(readings[entity.what] * _PER_KILOWATT_HOUR.get(str(entity.unit), 1))
            rows.append((start, state, round(state - zeros[entity_id], 3)))
        if oldest < min(had.get(entity_id, ()), default=math.inf):
            rows[0] = (_BEGINNING, *rows[0][1:])
        await write_rows(client, entity_id, str(entity.unit), rows)


async def write_rows(client: Client, entity_id: str, unit: str, rows: Iterable[tuple[datetime, float, float]]) -> None:
    """Write hours of a total: when each begins, and the state and the sum at its end."""
    metadata = {
        "statistic_id": entity_id,
        "source": "recorder",
        "name": None,
        "unit_of_measurement": unit,
        "unit_class": _UNIT_CLASSES[unit],
        "has_sum": True,
        "mean_type": 0,
    }
    stats = [{"start": start.isoformat(), "state": state, "sum": total} for start, state, total in rows]
    await client.command("recorder/import_statistics", metadata=metadata, stats=stats)


def _totals(readings: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Name readings as the entities are: by role and key, with the totals that p1meter adds up from the tariffs."""
    roles = {"gas": "gas", "water": "water"}
    named = {f"{roles.get(key, 'electricity')}_{key}": value for key, value in readings.items()}
    for way in ("import", "export"):
        named[f"electricity_{way}_total"] = readings[f"{way}_tariff_1"] + readings[f"{way}_tariff_2"]
    return named


async def _zeros(
    client: Client, totals: Collection[str], since: datetime
) -> tuple[dict[str, float], dict[str, set[float]]]:
    """Return the state at which the recorder's sum of each total is zero, and when the hours begin that it has.

    A sum without a row is zero at the first state since `since`. Raises InstanceError if a zero stays unknown.
    """
    rows = await client.command(
        "recorder/statistics_during_period",
        start_time=_BEGINNING.isoformat(),
        statistic_ids=list(totals),
        period="hour",
        types=["state", "sum"],
    )
    zeros = {entity_id: own[-1]["state"] - own[-1]["sum"] for entity_id, own in rows.items() if own}
    had = {entity_id: {row["start"] / 1_000 for row in own} for entity_id, own in rows.items()}
    end = asyncio.get_running_loop().time() + _COMMIT_SECONDS
    while missing := [entity_id for entity_id in totals if entity_id not in zeros]:
        if asyncio.get_running_loop().time() > end:
            raise InstanceError(f"the recorder has no state of {', '.join(missing)}")
        await asyncio.sleep(0.5)
        states = await client.command(
            "history/history_during_period",
            start_time=since.isoformat(),
            entity_ids=missing,
            include_start_time_state=False,
            significant_changes_only=False,
            minimal_response=True,
            no_attributes=True,
        )
        for entity_id, changes in states.items():
            known = [change["s"] for change in changes if change["s"] not in NO_VALUE]
            if known:
                zeros[entity_id] = float(known[0])
    return zeros, had
