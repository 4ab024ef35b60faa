"""A program called `holder.py NAME` that takes the port it is told on its standard input, and keeps it."""

import fcntl
from pathlib import Path
import sys

Path("/proc/self/comm").write_text(sys.argv[1])
print("ready", flush=True)  # noqa: T201 (who has started it waits for that)
with Path(sys.stdin.readline().strip()).open("rb", buffering=0) as port:
    fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("has it", flush=True)  # noqa: T201 (so is that)
    sys.stdin.read()
