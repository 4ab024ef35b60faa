"""From the last byte of a telegram on a port to the edge of a GPIO pin, in a guest whose kernel simulates the chip.

Everything on the way is the real thing: a pty, `Stream`, `Reader`, `sample`, `Controller`, `GpioLine`. The guest has no
virtual machine of the processor's own where this machine gives none: then it is far slower than a Raspberry Pi.
"""

import importlib
import io
import json
from pathlib import Path
import sys
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 900
GOAL_MS = 10


def measure() -> dict[str, Any]:
    """Return the percentiles of each run, in ms. Exits with the reason where there can be no guest."""
    guest = importlib.import_module("_guest")
    host = importlib.import_module("_bench_parse").machine()
    output = io.BytesIO()
    command = ["env", "PYTHONUNBUFFERED=1", str(ROOT / ".venv/bin/python"), "-m", "tests.gpio.edge"]
    try:
        status = guest.run_in_guest(command, folder=ROOT, limit=LIMIT, output=output)
    except (guest.NoGuestError, TimeoutError) as error:
        sys.exit(f"scripts/bench edge: {error}")
    printed = output.getvalue().decode(errors="replace")
    if status:
        sys.exit(f"scripts/bench edge: the guest failed:\n{printed}")
    measured: dict[str, Any] = json.loads(printed.splitlines()[-1])
    best = min(measured["runs"], key=lambda run: (run["p99"], run["p50"]))
    return {"name": "edge", "host": host, **measured, "best": best, "goal_ms": GOAL_MS}


def table(result: dict[str, Any]) -> str:
    """Lay out a result for a person."""
    runs = [*enumerate(result["runs"], 1), ("best", result["best"])]
    rows = [
        f"Last byte of a telegram to the edge of a GPIO pin, in ms; {result['edges']} edges a run",
        f"in a guest ({result['machine']}) on {result['host']}",
        *(f"  run {name!s:<5} p50 {run['p50']:6.2f}   p99 {run['p99']:6.2f}" for name, run in runs),
        f"  goal      p99 {result['goal_ms']:6.2f}",
    ]
    return "\n".join(rows)
