"""Whether a real Home Assistant grows while p1meter reads a million telegrams.

Home Assistant as people run it, default policy, every entity enabled. The next telegram is sent as soon as the one
before was fetched. The memory that the process holds is read after everything that nobody needs was given back: garbage
collected, free memory returned to the system.

The recorder leaves the sensors out: what it holds follows the rows of its five minutes, and this household lives a
week in each of them.
"""

import asyncio
from datetime import datetime
import fcntl
import os
from pathlib import Path
import struct
from tempfile import TemporaryDirectory
import termios
import time
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict

from _bench_home import SYSTEM, Home, Meter, say
from _bench_page import Goal, goal, grid, machine, sheet

from tests.background import running
from tests.instance.process import HomeAssistant
from tests.simulation.household import ZONE, Household

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.meter import Cable

TELEGRAMS: Final = 1_000_000
PARTS: Final = 20
GOAL_MIB: Final = 1.0
MIB: Final = 2**20
# So often the enabled Home Assistant gets telegrams until everything is there (a second).
RATE: Final = 20
# A reader that fetches nothing for so long has gone (s).
PATIENCE_S: Final = 60
_LOOKS_EVERY_S: Final = 50e-6
_QUEUED = struct.Struct("i")


class Held(NamedTuple):
    """What the process holds: MiB, and blocks of memory that Python has handed out."""

    mib: float
    blocks: int


class Result(TypedDict):
    """What it gives: what the process held after each twentieth of the telegrams, and its growth by halves, MiB."""

    name: str
    machine: str
    telegrams: int
    seconds: float
    held: list[Held]
    growth_mib: dict[str, float]
    goals: list[Goal]
    page: str


def measure() -> Result:
    """Measure; some ten minutes."""
    with TemporaryDirectory(prefix="bench-memory-") as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> Result:
    household = Household(start=datetime(2026, 11, 1, tzinfo=ZONE), system=SYSTEM.name)
    life = telegrams(household)
    home = Home(
        HomeAssistant(folder, tools=["gauge"], unrecorded=["sensor", "binary_sensor"]), "p1meter", folder / "meter"
    )
    meter = Meter(life, RATE)
    cable = meter.cable(home.link)
    held: list[Held] = []
    try:
        async with running(meter.talk()):
            await home.hass.start()
            await home.add()
            say(f"{await home.enable_all()} entities")
        began = time.monotonic()
        for part in range(PARTS + 1):
            if part:
                await asyncio.to_thread(send, cable, life, TELEGRAMS // PARTS)
            held.append(await weigh(home))
            say(f"after {part * TELEGRAMS // PARTS:,} telegrams {held[-1].mib:.2f} MiB, {held[-1].blocks:,} blocks")
        seconds = time.monotonic() - began
    finally:
        await home.hass.stop()
        cable.unplug()
    growth = {
        "first half": round(held[PARTS // 2].mib - held[0].mib, 2),
        "second half": round(held[-1].mib - held[PARTS // 2].mib, 2),
    }
    result: Result = {
        "name": "memory",
        "machine": machine(),
        "telegrams": TELEGRAMS,
        "seconds": round(seconds, 1),
        "held": held,
        "growth_mib": growth,
        "goals": [
            goal(
                f"growth in the second half of {TELEGRAMS:,} telegrams less than {GOAL_MIB:.0f} MiB",
                f"{growth['second half']:+.2f} MiB",
                met=growth["second half"] < GOAL_MIB,
            )
        ],
        "page": "",
    }
    return {**result, "page": tables(result)}


def telegrams(household: Household) -> Iterator[bytes]:
    """Live for ever."""
    while True:
        household.step()
        yield SYSTEM.compose(household)


def send(cable: Cable, life: Iterator[bytes], count: int) -> None:
    """Send so many telegrams, each as soon as the one before was fetched. Raises TimeoutError if nobody fetches."""
    line = os.open(cable.link, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        for _ in range(count):
            telegram = next(life)
            wait_for(line)
            cable.write(telegram)
        wait_for(line)
    finally:
        os.close(line)


def wait_for(line: int) -> None:
    """Wait until there is nothing on the line that was not fetched."""
    late = time.monotonic() + PATIENCE_S
    while _QUEUED.unpack(fcntl.ioctl(line, termios.FIONREAD, bytes(_QUEUED.size)))[0]:
        if time.monotonic() > late:
            raise TimeoutError("nobody reads the telegrams")
        time.sleep(_LOOKS_EVERY_S)


async def weigh(home: Home) -> Held:
    """Return what the process holds."""
    answer = await home.client.post("/api/services/gauge/weigh?return_response", {})
    weighed = answer["service_response"]
    return Held(round(weighed["bytes"] / MIB, 2), weighed["blocks"])


def tables(result: Result) -> str:
    """Write what was found as Markdown."""
    rows = [
        [f"{part * result['telegrams'] // PARTS:,}", f"{held.mib:.2f}", f"{held.blocks:,}"]
        for part, held in enumerate(result["held"])
    ]
    minutes = result["seconds"] / 60
    of_what = f"{result['telegrams']:,} telegrams in {minutes:.1f} minutes, every entity enabled, default policy"
    return sheet(of_what, result["goals"], grid(["telegrams", "held, MiB", "blocks of Python"], rows))
