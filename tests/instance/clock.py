"""The clocks of a Home Assistant that runs, put ahead from outside: hours go by in seconds, or its time of day jumps.

What runs under such a clock is as it is shipped: only what the system's own calls answer is another (`clock.c`).
libfaketime, as Debian has it, makes the two clocks one and does not know how Python's threads wait since 3.11
(sem_clockwait; its issues 390 and 430): they hang.
"""

from datetime import UTC, datetime
import mmap
from pathlib import Path
import struct
import subprocess
import time
from typing import Final

_SOURCE: Final = Path(__file__).with_name("clock.c")
_AHEAD: Final = struct.Struct("=qq")
_NANOSECONDS: Final = 1_000_000_000


class Clock:
    """The clocks of the processes that are started with its `environment`; they begin as those of this machine."""

    def __init__(self, folder: Path) -> None:
        """Compile into a folder what they are started with.

        Raises:
            OSError: there is no compiler.
            subprocess.CalledProcessError: it does not take the source.
        """
        library, state = folder / "clock.so", folder / "clock"
        command = ["cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True, capture_output=True)
        state.write_bytes(bytes(_AHEAD.size))
        with state.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _AHEAD.size)
        self._day = self._running = 0
        self.environment = {"LD_PRELOAD": str(library), "P1METER_CLOCK": str(state)}

    @property
    def now(self) -> datetime:
        """Their time of day, aware."""
        return datetime.fromtimestamp((time.time_ns() + self._day) / _NANOSECONDS, UTC)

    def advance(self, seconds: float) -> None:
        """Let so many seconds go by at once; nobody gets them back.

        Raises:
            ValueError: less than none.
        """
        if seconds < 0:
            raise ValueError("what runs cannot run backwards")
        by = round(seconds * _NANOSECONDS)
        self._put(self._day + by, self._running + by)

    def advance_to(self, moment: datetime) -> None:
        """Let the time go by until a moment, if it is not over."""
        self.advance(max(0.0, (moment - self.now).total_seconds()))

    def set_time_of_day(self, seconds: float) -> None:
        """Put the time of day ahead, or back, as somebody who sets a wrong clock right; no time goes by."""
        self._put(self._day + round(seconds * _NANOSECONDS), self._running)

    def _put(self, day: int, running: int) -> None:
        self._day, self._running = day, running
        _AHEAD.pack_into(self._shared, 0, day, running)
