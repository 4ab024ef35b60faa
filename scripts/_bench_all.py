"""Every benchmark of the machine and the database, each as a program of its own, and all goals in one table.

What measures time runs by itself; what does not runs side by side. The control law is played in one house here: its
block of docs/performance.md, which has eight, is left as it is. `scripts/bench edge`, which needs a guest, is not among
them.
"""

import asyncio
import json
from pathlib import Path
import signal
import sys
import time
from typing import Any, Final, TypedDict

from _bench_page import Goal, goal, machine, renew, sheet

BENCH: Final = Path(__file__).with_name("bench")
ALONE: Final = ("parse", "ha", "latency", "start")
TOGETHER: Final = (("memory",), ("rows", "loads"))
# The result for one house says less than what is there.
NOT_WRITTEN: Final = "loads"


class Result(TypedDict):
    """What it gives: the results by benchmark, None where one failed, and their goals."""

    name: str
    machine: str
    seconds: dict[str, float]
    results: dict[str, dict[str, Any] | None]
    goals: list[Goal]
    page: str


def measure(*, write: bool) -> Result:
    """Measure; some 25 minutes. `write`: renew the blocks of all of them but the control law, and that of the goals."""
    result = asyncio.run(_measure())
    if write:
        for name, found in {**result["results"], "all": result}.items():
            if found is not None and name != NOT_WRITTEN:
                renew(f"bench {name}", found["page"])
    return result


async def _measure() -> Result:
    began = time.monotonic()
    results: dict[str, dict[str, Any] | None] = {}
    seconds: dict[str, float] = {}

    async def each(names: tuple[str, ...]) -> None:
        for name in names:
            begun = time.monotonic()
            results[name] = await run(name)
            seconds[name] = round(time.monotonic() - begun, 1)

    await each(ALONE)
    await asyncio.gather(*map(each, TOGETHER))
    seconds["all"] = round(time.monotonic() - began, 1)
    goals = [one for name, found in results.items() for one in goals_of(name, found)]
    return {
        "name": "all",
        "machine": machine(),
        "seconds": seconds,
        "results": results,
        "goals": goals,
        "page": tables(goals, seconds),
    }


async def run(name: str) -> dict[str, Any] | None:
    """Run one of them; None if it failed: it has said why."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, BENCH, name, "--json"), stdout=asyncio.subprocess.PIPE
    )
    try:
        printed, _ = await process.communicate()
    except asyncio.CancelledError:
        # It has programs of its own to end.
        process.send_signal(signal.SIGINT)
        await process.wait()
        raise
    if process.returncode:
        return None
    found: dict[str, Any] = json.loads(printed)
    return found


def goals_of(name: str, result: dict[str, Any] | None) -> list[Goal]:
    """Return the goals of one of them, each with its name before it."""
    if result is None:
        return [goal(f"{name}: runs to its end", "it failed", met=False)]
    return [
        # Those of the control law have names.
        goal(
            f"{name}: {one['goal'] if 'goal' in one else f'{one["name"]}, {one["wanted"]}'}",
            one["found"],
            met=one["met"],
        )
        for one in result["goals"]
    ]


def table(result: Result) -> str:
    """Write the result for people: all tables, the goals last."""
    pages = [f"## {name}\n\n{found['page']}" for name, found in result["results"].items() if found is not None]
    return "\n\n".join([*pages, "## all", result["page"]])


def tables(goals: list[Goal], seconds: dict[str, float]) -> str:
    """Write all goals as Markdown."""
    times = ", ".join(f"{name} {each / 60:.1f}" for name, each in seconds.items() if name != "all")
    return sheet(f"{seconds['all'] / 60:.0f} minutes in all ({times})", goals)
