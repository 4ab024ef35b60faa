"""What a telegram costs a real Home Assistant: p1meter by its policies beside Home Assistant's own `dsmr`.

Five instances (Home Assistant as people run it, recorder on disk) read the same telegrams at the same time, 20 a
second, with every entity enabled. Counted is the processor time of the whole process, all threads, less what the same
instance uses in as many seconds without telegrams.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, TypedDict

from _bench_home import COMMITS_S, SETTLES_S, SYSTEM, Home, Meter, say
from _bench_page import Goal, Spread, goal, grid, machine, sheet, spread

from tests.instance.process import HomeAssistant
from tests.simulation.household import ZONE, Household

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.instance.client import Json

RATE: Final = 20
REPEATS: Final = 5
# Whole periods of the recorder, which writes every 5 s.
WINDOW_S: Final = 20
IDLE_S: Final = 10
# After so long without a telegram p1meter has told that the meter is silent, and core's integration nothing.
SILENCE_S: Final = 13
START: Final = datetime(2026, 11, 24, 11, tzinfo=ZONE)
GOAL: Final = 8


@dataclass(frozen=True, slots=True)
class Way:
    """An integration, and what is answered in its options."""

    domain: str
    answers: tuple[Json, ...]


WAYS: Final[Mapping[str, Way]] = {
    **{
        f"p1meter {policy}": Way("p1meter", ({"next_step_id": "reporting"}, {"reporting": policy}))
        for policy in ("live", "balanced", "economy")
    },
    **{f"dsmr {pause} s": Way("dsmr", ({"time_between_update": pause},)) for pause in (0, 30)},
}
OURS: Final = "p1meter balanced"
RIVAL: Final = "dsmr 0 s"


class Found(TypedDict):
    """What was found of one way: µs of processor time and rows for a telegram, and what is used while there is none."""

    entities: int
    us: Spread
    runs_us: list[float]
    rows: float
    idle_us_per_s: float


class Result(TypedDict):
    """What it gives; `ratio` is core's time by p1meter's default, of each window."""

    name: str
    machine: str
    homeassistant: str
    ways: dict[str, Found]
    ratio: Spread
    goals: list[Goal]
    page: str


def measure() -> Result:
    """Measure; some four minutes."""
    with TemporaryDirectory(prefix="bench-ha-") as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> Result:
    meter = Meter(telegrams(), RATE)
    async with AsyncExitStack() as stack:
        homes = {name: prepare(folder / name.replace(" ", "-"), way.domain, meter) for name, way in WAYS.items()}
        await stack.enter_async_context(meter.talking())
        for home in homes.values():
            stack.push_async_callback(home.hass.stop)
        begun = await asyncio.gather(*(begin(home, WAYS[name]) for name, home in homes.items()))
        entities = dict(zip(homes, begun, strict=True))
        version = (await homes[OURS].client.get("/api/config"))["version"]
        await asyncio.sleep(SETTLES_S)
        rows, sent = {name: home.rows() for name, home in homes.items()}, meter.sent
        busy, telegrams_each = await windows(homes, WINDOW_S, meter)
        await asyncio.sleep(COMMITS_S)
        written = {name: (home.rows() - rows[name]) / (meter.sent - sent) for name, home in homes.items()}
        say("measured with telegrams")
        meter.speaks = False
        await asyncio.sleep(SILENCE_S)
        idle, _ = await windows(homes, IDLE_S, meter)
    runs = {
        name: [
            (used - median(idle[name]) / IDLE_S * WINDOW_S) / count * 1e6
            for used, count in zip(used_each, telegrams_each, strict=True)
        ]
        for name, used_each in busy.items()
    }
    ways: dict[str, Found] = {
        name: {
            "entities": entities[name],
            "us": spread(us, 0),
            "runs_us": [round(each, 1) for each in us],
            "rows": round(written[name], 2),
            "idle_us_per_s": round(median(idle[name]) / IDLE_S * 1e6),
        }
        for name, us in runs.items()
    }
    ratio = spread([theirs / ours for ours, theirs in zip(runs[OURS], runs[RIVAL], strict=True)], 2)
    found = goal(
        f"processor time for a telegram at most 1/{GOAL} of {RIVAL} ({OURS}, all entities)",
        f"1/{ratio['median']:.1f} (1/{ratio['min']:.1f} to 1/{ratio['max']:.1f})",
        met=ratio["median"] >= GOAL,
    )
    result: Result = {
        "name": "ha",
        "machine": machine(),
        "homeassistant": version,
        "ways": ways,
        "ratio": ratio,
        "goals": [found],
        "page": "",
    }
    return {**result, "page": tables(result)}


def telegrams() -> Iterator[bytes]:
    """Live in the household for ever."""
    household = Household(start=START, system=SYSTEM.name, weather="broken")
    while True:
        household.step()
        yield SYSTEM.compose(household)


def prepare(folder: Path, domain: str, meter: Meter, *, tools: Iterable[str] = ()) -> Home:
    """Lay the cable of one more home; nothing is started."""
    folder.mkdir()
    link = folder / "meter"
    meter.cable(link)
    return Home(HomeAssistant(folder, tools=tools), domain, link)


async def begin(home: Home, way: Way) -> int:
    """Start it, with the integration set up as it is to be; returns the number of its entities."""
    await home.hass.start()
    await home.add()
    await home.choose(*way.answers)
    entities = await home.enable_all()
    say(f"{home.link.parent.name} is ready")
    return entities


async def windows(homes: Mapping[str, Home], seconds: float, meter: Meter) -> tuple[dict[str, list[float]], list[int]]:
    """Return the processor time that each used in `REPEATS` windows of so many seconds, and the telegrams in them."""
    marks = [({name: home.processor_s() for name, home in homes.items()}, meter.sent)]
    for _ in range(REPEATS):
        await asyncio.sleep(seconds)
        marks.append(({name: home.processor_s() for name, home in homes.items()}, meter.sent))
    used = {name: [after[0][name] - before[0][name] for before, after in pairwise(marks)] for name in homes}
    return used, [after[1] - before[1] for before, after in pairwise(marks)]


def tables(result: Result) -> str:
    """Write what was found as Markdown."""
    head = [
        "",
        "entities",
        "µs for a telegram: median",
        "least",
        "greatest",
        "rows for a telegram",
        "idle, µs a second",
    ]
    rows = [
        [
            name,
            str(way["entities"]),
            *(f"{way['us'][of]:,.0f}" for of in ("median", "min", "max")),
            f"{way['rows']:.2f}",
            f"{way['idle_us_per_s']:,}",
        ]
        for name, way in result["ways"].items()
    ]
    of_what = f"Home Assistant {result['homeassistant']}, {RATE} telegrams a second, {REPEATS} windows of {WINDOW_S} s"
    return sheet(of_what, result["goals"], grid(head, rows))
