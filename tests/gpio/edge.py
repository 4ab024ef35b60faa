"""From the last byte of a telegram to the edge of a pin: our whole way, driven and timed from outside (house.py).

As a program (``python -m tests.gpio.edge``) it measures, in the guest: ``scripts/bench edge`` starts it there.
"""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
import json
import math
import os
from pathlib import Path
import sys

from tests import bare
from tests.needs import ROOT

from .simulator import SimulatedChip

bare.load()

from p1meter.gpio import GpioLine  # noqa: E402 (there is no such package before)
from p1meter.link import LineSettings, LinkState, Stream  # noqa: E402 (the same)
from p1meter.loads import Controller, LoadInput, LoadSettings, Site  # noqa: E402 (the same)
from p1meter.meter import Reader, Rejected, Telegram  # noqa: E402 (the same)
from p1meter.sampling import sample  # noqa: E402 (the same)
from tests.simulation.household import ZONE  # noqa: E402 (the same)

RUNS = 5
EDGES = 100
BOILER = "boiler"
# A start or a stop is soon worth it here, so that there are many of them.
SETTINGS = LoadSettings(
    BOILER,
    2_000,
    1,
    start_cost_wh=1,
    stop_cost_wh=1,
    min_on_s=0,
    latency_s=0,
    ramp_s=0,
    max_starts_per_hour=None,
)


class Owner:
    """What the load manager is to the real thing: hands each telegram to the law, and its commands to the line."""

    def __init__(self, line: GpioLine) -> None:
        self.on = False
        self.commands = 0
        self._line = line
        self._controller = Controller([SETTINGS], Site())
        self._second = 0

    def take(self, telegram: Telegram) -> None:
        # A second of the house goes by from telegram to telegram, however short it is here.
        self._second += 1
        wall = datetime.now(ZONE) if telegram.time is None else telegram.time.astimezone(ZONE)
        taken = sample(telegram, float(self._second), wall, {BOILER: LoadInput(on=self.on)})
        assert taken is not None
        for command in self._controller.step(taken):
            self._line.set(command.on)
            self.on = command.on
            self.commands += 1


async def delays(chip: SimulatedChip, pin: int, edges: int) -> tuple[list[float], int]:
    """Live through so many edges of the pin; how long each took from the last byte, s, and how often we commanded."""
    line = GpioLine(chip.path, pin, consumer="p1meter boiler")
    await asyncio.to_thread(line.open, on=False)
    house = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.gpio.house", str(chip.pin(pin)), str(edges)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert house.stdin is not None
    assert house.stdout is not None
    ask = house.stdin.write
    owner = Owner(line)

    def on_items(items: list[Telegram | Rejected]) -> None:
        for item in items:
            assert isinstance(item, Telegram)
            owner.take(item)
            ask(b"next\n")

    def on_state(state: LinkState, _error: object) -> None:
        if state is LinkState.CONNECTED:
            ask(b"first\n")

    port = (await house.stdout.readline()).decode().strip()
    stream = Stream(
        port,
        LineSettings(),
        Reader(zone=ZONE),
        on_items=on_items,
        on_state=on_state,
        clock=lambda: datetime.now(UTC),
    )
    reading = asyncio.create_task(stream.run())
    measured = asyncio.create_task(house.stdout.readline())
    await asyncio.wait({reading, measured}, return_when=asyncio.FIRST_COMPLETED)
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading
    await house.wait()
    line.release()
    return json.loads(await measured), owner.commands


def percentile(values: list[float], share: float) -> float:
    """The smallest of the values that this share of them does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def figures(values: list[float]) -> dict[str, float]:
    """The median and the 99th percentile, in milliseconds."""
    return {name: round(percentile(values, share) * 1_000, 2) for name, share in (("p50", 0.5), ("p99", 0.99))}


def machine() -> str:
    """What this runs on, as far as a guest can know."""
    cpu = "unknown processor"
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), cpu)
    return f"{os.cpu_count()} × {cpu}, Linux {os.uname().release}"  # noqa: RUF001 (a sign, no letter)


def main() -> None:
    """Measure `RUNS` times; one JSON object goes to the output."""
    chip = SimulatedChip("edges", 2)
    runs = [figures(asyncio.run(delays(chip, 0, EDGES))[0]) for _ in range(RUNS)]
    chip.unplug()
    print(json.dumps({"machine": machine(), "edges": EDGES, "runs": runs}))  # noqa: T201 this is a program


if __name__ == "__main__":
    main()
