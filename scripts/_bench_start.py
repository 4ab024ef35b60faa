"""From set-up to the first state in a real Home Assistant: p1meter beside Home Assistant's own `dsmr`.

Every entity enabled, recorder on disk. Measured inside Home Assistant, which does nothing else then: the entry is
unloaded and set up again. The meter was read before, as at every start but the first. Its telegrams are sent often, so
that hardly anything of the time to the first state is waiting for one. What the import of an integration takes beyond
that of what Home Assistant has imported anyway is measured apart, each time in a new process.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, TypedDict

from _bench_ha import prepare, telegrams
from _bench_home import SETTLES_S, Home, Meter, say
from _bench_page import Goal, Spread, goal, grid, machine, sheet, spread

from tests.instance.process import PYTHON, ROOT

if TYPE_CHECKING:
    from tests.instance.client import Json

RATE: Final = 100
REPEATS: Final = 7
GOAL_MS: Final = 100
# With what is answered in the options: core's integration shows nothing for the first 30 s by default.
WAYS: Final[dict[str, tuple[Json, ...]]] = {"p1meter": (), "dsmr": ({"time_between_update": 0},)}
WORDS: Final = {
    "set_up": "set-up",
    "processor": "its processor time",
    "first_state": "from its begin to the first state",
}


# Home Assistant imports this by itself, or the other integrations of any house do.
THERE_ANYWAY: Final = (
    "bootstrap",
    *(
        f"components.{name}"
        for name in ("binary_sensor", "button", "energy", "event", "number", "select", "sensor", "switch", "recorder")
    ),
    "components.recorder.statistics",
    "components.usb",
)
IMPORTED: Final = {
    "p1meter": [
        f"custom_components.p1meter{platform}"
        for platform in ("", ".binary_sensor", ".button", ".event", ".number", ".select", ".sensor", ".switch")
    ],
    "dsmr": ["homeassistant.components.dsmr", "homeassistant.components.dsmr.sensor"],
}


# Each time in a child that has everything else already.
IMPORTS: Final = f"""
import importlib, os, sys, time
wanted = sys.argv.index("--")
for name in sys.argv[1:wanted]:
    importlib.import_module(f"homeassistant.{{name}}")
for _ in range({REPEATS}):
    if not (child := os.fork()):
        began = time.process_time()
        for name in sys.argv[wanted + 1:]:
            importlib.import_module(name)
        print(time.process_time() - began, flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


class Found(TypedDict):
    """What was found of one way, ms."""

    entities: int
    ms: dict[str, Spread]
    imports: Spread


class Result(TypedDict):
    """What it gives, by integration."""

    name: str
    machine: str
    homeassistant: str
    ways: dict[str, Found]
    goals: list[Goal]
    page: str


def measure() -> Result:
    """Measure; two minutes."""
    with TemporaryDirectory(prefix="bench-start-") as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> Result:
    ways: dict[str, Found] = {}
    version = ""
    for domain, answers in WAYS.items():
        meter = Meter(telegrams(), RATE)
        async with AsyncExitStack() as stack:
            home = prepare(folder / domain, domain, meter, tools=["gauge"])
            await stack.enter_async_context(meter.talking())
            stack.push_async_callback(home.hass.stop)
            await home.hass.start()
            await home.add()
            if answers:
                await home.choose(*answers)
            entities = await home.enable_all()
            version = (await home.client.get("/api/config"))["version"]
            say(f"{domain} is ready")
            await asyncio.sleep(SETTLES_S)
            times = [await set_up(home) for _ in range(REPEATS)]
            ways[domain] = {
                "entities": entities,
                "ms": {what: milliseconds([each[what] for each in times]) for what in WORDS},
                "imports": milliseconds(await imports(domain)),
            }
            say(f"{domain} is measured")
    ours = ways["p1meter"]["ms"]["set_up"]
    result: Result = {
        "name": "start",
        "machine": machine(),
        "homeassistant": version,
        "ways": ways,
        "goals": [
            goal(
                f"our set-up at most {GOAL_MS} ms",
                f"{ours['median']:.0f} ms ({ours['min']:.0f} to {ours['max']:.0f})",
                met=ours["median"] <= GOAL_MS,
            )
        ],
        "page": "",
    }
    return {**result, "page": tables(result)}


def milliseconds(seconds: list[float]) -> Spread:
    """Sum up several times."""
    return spread([each * 1_000 for each in seconds], 1)


async def set_up(home: Home) -> dict[str, float]:
    """Set the entry up anew, and return the times, s."""
    answer = await home.client.post("/api/services/gauge/set_up?return_response", {"entry_id": home.entry_id})
    times: dict[str, float] = answer["service_response"]
    await asyncio.sleep(1)
    return times


async def imports(domain: str) -> list[float]:
    """Return the processor time that the import of an integration takes in a new process, s, `REPEATS` times."""
    process = await asyncio.create_subprocess_exec(
        *(str(PYTHON), "-c", IMPORTS, *THERE_ANYWAY, "--", *IMPORTED[domain]), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    return [float(line) for line in printed.split()]


def tables(result: Result) -> str:
    """Write what was found as Markdown."""
    rows = [
        [
            domain,
            str(way["entities"]),
            *(
                f"{each['median']:.0f} ({each['min']:.0f} to {each['max']:.0f})"
                for each in (*way["ms"].values(), way["imports"])
            ),
        ]
        for domain, way in result["ways"].items()
    ]
    of_what = f"Home Assistant {result['homeassistant']}, {REPEATS} times each, a telegram every {1_000 // RATE} ms"
    head = ["ms: median (least to greatest)", "entities", *WORDS.values(), "import, processor time"]
    return sheet(of_what, result["goals"], grid(head, rows))
