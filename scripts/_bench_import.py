"""How long a year of the past takes into the statistics, and whether every row is the truth of the simulated household.

    .venv/bin/python scripts/_bench_import.py FOLDER [SML3|RAW]…
    .venv-ha/bin/python scripts/_bench_import.py FOLDER [SML3|RAW]…

A whole recorder of Home Assistant, with SQLite on the disk, in a folder of its own for each file; the sensors have just
been made, and the recorder has its first five minutes of them. FOLDER holds the files: what is missing is made there
(half an hour, 600 MB).
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
import sqlite3
import sys
import tempfile
from time import perf_counter, process_time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from homeassistant import bootstrap, core_config, loader  # noqa: E402 (the project has to be found first)
from homeassistant.components.recorder.tasks import StatisticsTask  # noqa: E402
from homeassistant.config_entries import ConfigEntries  # noqa: E402
from homeassistant.const import __version__  # noqa: E402
from homeassistant.core import HomeAssistant  # noqa: E402
from homeassistant.helpers import entity_registry, recorder  # noqa: E402
from homeassistant.setup import async_setup_component  # noqa: E402
from homeassistant.util import dt as dt_util  # noqa: E402

from custom_components.p1meter import history_import, history_reading  # noqa: E402
from custom_components.p1meter.memory import Slot  # noqa: E402
from custom_components.p1meter.store import MeterStore  # noqa: E402
from tests.simulation.household import ZONE, Household  # noqa: E402
from tests.simulation.past import past  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Awaitable

BEGIN = datetime(2025, 11, 1, tzinfo=ZONE)
END = datetime(2026, 11, 1, tzinfo=ZONE)
NAMES = {
    "electricity_import_tariff_1": "import_tariff_1",
    "electricity_import_tariff_2": "import_tariff_2",
    "electricity_export_tariff_1": "export_tariff_1",
    "electricity_export_tariff_2": "export_tariff_2",
    "gas_gas": "gas",
}
UNITS = {"gas_gas": "m³"}
# Beside these five the sums of the tariffs, as every house with a Dutch meter has them.
TOTALS = ("electricity_import_total", "electricity_export_total")
ENTRY = "bench"


class Beat:
    """Looks how late the event loop is."""

    def __init__(self) -> None:
        """Begin."""
        self.latest = 0.0
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            before = perf_counter()
            await asyncio.sleep(0.01)
            self.latest = max(self.latest, perf_counter() - before - 0.01)

    def take(self) -> float:
        """Return the latest in milliseconds, and begin anew."""
        latest, self.latest = self.latest, 0.0
        return 1000 * latest


async def start(folder: Path, last: dict[str, Any]) -> tuple[HomeAssistant, Any]:
    """Start Home Assistant as far as it is needed, with sensors that have shown their first value."""
    hass = HomeAssistant(str(folder))
    loader.async_setup(hass)
    hass.config_entries = ConfigEntries(hass, {})
    await bootstrap.async_load_base_functionality(hass)
    await core_config.async_process_ha_core_config(
        hass, {"time_zone": "Europe/Amsterdam", "latitude": 52, "longitude": 5, "elevation": 0, "country": "NL"}
    )
    recorder.async_initialize_recorder(hass)
    await async_setup_component(hass, "recorder", {"recorder": {"db_url": f"sqlite:///{folder}/history.db"}})
    await hass.async_start()
    registry_of_entities = entity_registry.async_get(hass)
    store = MeterStore(hass, ENTRY)
    now = dt_util.utcnow()
    for slot in (*NAMES, *TOTALS):
        role, _, key = slot.partition("_")
        store.memory.slots[slot] = Slot(role, key, None, number=True)
        entity = registry_of_entities.async_get_or_create("sensor", "p1meter", f"{ENTRY}_{slot}")
        unit = UNITS.get(slot, "kWh")
        hass.states.async_set(
            entity.entity_id,
            str(last[slot]),
            {
                "device_class": "gas" if slot == "gas_gas" else "energy",
                "state_class": "total_increasing",
                "unit_of_measurement": unit,
            },
        )
    store.memory.ids = {"electricity": None, "gas": None}
    instance = recorder.get_instance(hass)
    await instance.async_block_till_done()
    begin = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
    instance.queue_task(StatisticsTask(begin, fire_events=False))
    await instance.async_block_till_done()
    meter = SimpleNamespace(memory=store.memory, data=None, readings={}, store=store)
    entry = SimpleNamespace(entry_id=ENTRY, runtime_data=meter)
    meter.config_entry = entry
    return hass, entry


def dump(folder: Path) -> list[tuple[Any, ...]]:
    """Return the tables of the statistics."""
    with sqlite3.connect(folder / "history.db") as database:
        return [
            row
            for table in ("statistics", "statistics_short_term")
            for row in database.execute(f"SELECT * FROM {table}")  # noqa: S608 (two names)
        ]


async def measure(folder: Path, file: Path, truth: dict[datetime, dict[str, Any]]) -> None:
    """Import one file, compare every row, and import it again."""
    last = {slot: truth[END.astimezone(UTC)][name] for slot, name in NAMES.items()}
    for side in ("import", "export"):
        last[f"electricity_{side}_total"] = sum(last[f"electricity_{side}_tariff_{tariff}"] for tariff in (1, 2))
    hass, entry = await start(folder, last)
    beat = Beat()
    times: dict[str, str] = {}

    async def timed[T](name: str, work: Awaitable[T]) -> T:
        beat.take()
        began, busy = perf_counter(), process_time()
        result = await work
        took, busy = perf_counter() - began, process_time() - busy
        times[name] = f"{took:.1f} s ({busy:.1f} s of a core, loop at most {beat.take():.0f} ms late)"
        return result

    found = await timed("read", history_reading.async_read(hass, entry, [file]))
    previews = await timed("preview", history_import.async_preview(hass, entry, found))
    results = await timed("write", history_import.async_write(hass, entry, found, overwrite=False))
    before = dump(folder)
    again = await timed("again", history_import.async_write(hass, entry, found, overwrite=False))
    over = await timed("again, overwriting", history_import.async_write(hass, entry, found, overwrite=True))
    is_same = dump(folder) == before
    print(f"{__version__} {file.name}:", times)
    print("   ", sum(one.added for one in results), "rows;", previews[0].summary)
    is_same &= not any(one.added or one.changed for one in (*again, *over))
    wrong = rows = 0
    with sqlite3.connect(folder / "history.db") as database:
        for slot, name in NAMES.items():
            entity_id = entity_registry.async_get(hass).async_get_entity_id("sensor", "p1meter", f"{ENTRY}_{slot}")
            found_rows = database.execute(
                "SELECT start_ts, state, sum FROM statistics JOIN statistics_meta ON metadata_id = statistics_meta.id "
                "WHERE statistic_id = ? ORDER BY start_ts",
                (entity_id,),
            ).fetchall()
            first = None
            for start_ts, state, total in found_rows:
                at = datetime.fromtimestamp(start_ts, UTC) + timedelta(hours=1)
                value = float(truth[at][name])
                first = value if first is None else first
                rows += 1
                wrong += abs(state - value) > 1e-9 or abs(total - (value - first)) > 1e-6
    print("   ", rows, "rows compared with the truth,", wrong, "are wrong")
    beat._task.cancel()  # noqa: SLF001 (nobody else has it)
    with suppress(asyncio.CancelledError):
        await beat._task  # noqa: SLF001
    await hass.async_stop(force=True)
    if wrong or found.left_out or not is_same:
        sys.exit("Something is wrong, or importing again has changed something.")


def make(folder: Path) -> None:
    """Make the files that are missing."""
    if not (folder / "SML3").exists() or not (folder / "RAW").exists():
        folder.mkdir(exist_ok=True)
        with (folder / "SML3").open("wb") as lines, (folder / "RAW").open("wb") as raw:
            for line, entry in past(BEGIN, END, interval=60):
                lines.write(line)
                raw.write(entry)


def main() -> None:
    """Measure each file that is asked for."""
    folder = Path(sys.argv[1])
    make(folder)
    history = Household(start=END).history(366)
    truth = {hour.astimezone(UTC): readings for hour, readings in history}
    for name in sys.argv[2:] or ("SML3", "RAW"):
        with tempfile.TemporaryDirectory() as where:
            asyncio.run(measure(Path(where), folder / name, truth))


if __name__ == "__main__":
    main()
