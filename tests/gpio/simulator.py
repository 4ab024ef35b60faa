"""A GPIO chip made by the kernel's gpio-sim, seen from the hardware's side.

https://docs.kernel.org/admin-guide/gpio/gpio-sim.html
"""

import contextlib
from contextlib import contextmanager
import os
from pathlib import Path
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONFIGFS = Path("/sys/kernel/config/gpio-sim")
TRACING = Path("/sys/kernel/tracing")

_HOLDER = """
import gpiod, sys
from gpiod.line import Direction, Value
settings = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.ACTIVE)
with gpiod.request_lines(sys.argv[1], consumer=sys.argv[3], config={int(sys.argv[2]): settings}):
    print("held", flush=True)
    sys.stdin.read()
"""


class SimulatedChip:
    """A chip with some lines, plugged in from the start; ``hogs`` are lines that the kernel itself holds high."""

    def __init__(
        self, name: str, lines: int, *, names: Mapping[int, str] | None = None, hogs: Mapping[int, str] | None = None
    ) -> None:
        self._folder = CONFIGFS / name
        self._bank = self._folder / "bank0"
        self._bank.mkdir(parents=True)
        self._write(self._bank / "num_lines", str(lines))
        self._write(self._bank / "label", name)
        for number, line in (names or {}).items():
            (self._bank / f"line{number}").mkdir()
            self._write(self._bank / f"line{number}/name", line)
        for number, hog in (hogs or {}).items():
            (self._bank / f"line{number}/hog").mkdir(parents=True)
            self._write(self._bank / f"line{number}/hog/name", hog)
            self._write(self._bank / f"line{number}/hog/direction", "output-high")
        self.plug()

    def plug(self) -> None:
        self._write(self._folder / "live", "1")
        chip = (self._bank / "chip_name").read_text().strip()
        device = (self._folder / "dev_name").read_text().strip()
        self.path = f"/dev/{chip}"
        self._sysfs = Path("/sys/devices/platform", device, chip)
        ends = time.monotonic() + 5
        while not Path(self.path).exists() and time.monotonic() < ends:
            time.sleep(0.001)

    def pull_out(self) -> None:
        """The chip goes away, as one on USB does."""
        self._write(self._folder / "live", "0")

    def unplug(self) -> None:
        """Take the chip away for good."""
        self.pull_out()
        for path in sorted(self._folder.rglob("*"), reverse=True):
            if path.is_dir():
                with contextlib.suppress(OSError):
                    path.rmdir()
        self._folder.rmdir()

    def pin(self, line: int) -> Path:
        """The file that holds the level at the pin."""
        return self._sysfs / f"sim_gpio{line}/value"

    def level(self, line: int) -> int:
        """The level at the pin: 0 or 1."""
        return int(self.pin(line).read_text())

    def resistor(self, line: int) -> str:
        """Where the resistor at the pin pulls."""
        return (self._sysfs / f"sim_gpio{line}/pull").read_text().strip()

    def pull(self, line: int, *, up: bool) -> None:
        """Put a resistor on the pin."""
        self._write(self._sysfs / f"sim_gpio{line}/pull", "pull-up" if up else "pull-down")

    @contextmanager
    def held(self, line: int, consumer: str) -> Iterator[None]:
        """Another program that holds a line, high."""
        command = [sys.executable, "-c", _HOLDER, self.path, str(line), consumer]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            yield
            other.communicate()

    @staticmethod
    def _write(path: Path, text: str) -> None:
        with path.open("w") as file:
            file.write(text)


@contextmanager
def driven_levels() -> Iterator[list[int]]:
    """The levels that the kernel drove any pin to, in their order; there when the block ends."""
    if not (TRACING / "trace").exists():
        subprocess.run(["mount", "-t", "tracefs", "tracefs", TRACING], check=True)
    switch = TRACING / "events/gpio/gpio_value/enable"
    (TRACING / "trace").write_text("")
    switch.write_text("1")
    levels: list[int] = []
    try:
        yield levels
    finally:
        switch.write_text("0")
        # … gpio_value: 512 set 1
        lines = (TRACING / "trace").read_text().splitlines()
        levels += [int(line.split()[-1]) for line in lines if " set " in line]


@contextmanager
def nobody() -> Iterator[None]:
    """Go on as a user who may do nothing."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
