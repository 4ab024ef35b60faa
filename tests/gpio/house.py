"""The world outside: a house whose meter talks on a pty, and whose boiler hangs on a pin of the simulated chip.

A program of its own (``python -m tests.gpio.house PIN EDGES``), so that nothing of ours waits for it or it for us. It
prints the port first. Each line on its input asks for one telegram: a second later in the life of the house. Whoever
reads them says "next" when he has done with the one before. In the end it prints, as a JSON list, how long each edge
of the pin came after the last byte of a telegram was written, in seconds.
"""

from datetime import datetime, timedelta
import json
import os
import select
import sys
import time
import tty

from tests.compose import nl5
from tests.simulation.household import ZONE
from tests.simulation.objects import fixed, stamp

HOUSE_W = 500
BOILER_W = 2_000
SUN_W = 4_000
START = datetime(2026, 11, 21, 12, tzinfo=ZONE)
# So many seconds after the boiler was switched the sun goes, or comes: its power can be learned meanwhile.
LINGERS = 8
# A meter is silent between two telegrams; who reads it sleeps.
PAUSE = 0.005


def telegram(second: int, net: int) -> bytes:
    """What the meter says at this second, all of it on L1; the power is from the grid, or negative."""
    imported, exported = (f"({fixed(max(watts, 0), 2)}*kW)" for watts in (net, -net))
    return nl5(
        {
            "0-0:1.0.0": f"({stamp(START + timedelta(seconds=second))})",
            **dict.fromkeys(("1-0:1.7.0", "1-0:21.7.0"), imported),
            **dict.fromkeys(("1-0:2.7.0", "1-0:22.7.0"), exported),
            **dict.fromkeys(("1-0:41.7.0", "1-0:62.7.0"), "(00.000*kW)"),
            "1-0:31.7.0": f"({round(abs(net) / 230):03d}*A)",
        }
    )


def live(pin: int, edges: int) -> list[float]:
    """Live until the pin has moved so often."""
    master, slave = os.openpty()
    tty.setraw(slave)
    print(os.ttyname(slave), flush=True)  # noqa: T201 this is a program
    delays: list[float] = []
    level = before = os.pread(pin, 2, 0)
    second = switched = 0
    while len(delays) < edges and sys.stdin.readline():
        time.sleep(PAUSE)
        # The boiler is on while the pin is high; the sun shines until it has been on for a while, and then not.
        shines = (level == b"0\n") is (second - switched > LINGERS)
        data = telegram(second, HOUSE_W - SUN_W * shines + BOILER_W * (level == b"1\n"))
        written = time.perf_counter()
        os.write(master, data)
        while level == before and not select.select([sys.stdin], [], [], 0)[0]:
            level = os.pread(pin, 2, 0)
        if level == before:
            level = os.pread(pin, 2, 0)
        if level != before:
            delays.append(time.perf_counter() - written)
            before, switched = level, second
        second += 1
    return delays


if __name__ == "__main__":
    opened = os.open(sys.argv[1], os.O_RDONLY)
    print(json.dumps(live(opened, int(sys.argv[2]))))  # noqa: T201 as above
