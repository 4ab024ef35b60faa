"""Runs the targets of tests/fuzz for long, with atheris, which is guided by what code the bytes reach.

Atheris is for this machine only where there is a wheel of it (x86_64); elsewhere hypothesis makes the bytes up. Each
target is a process of its own.
"""

from datetime import UTC, datetime
import json
import os
from pathlib import Path
from random import Random
import re
import shutil
import subprocess
import sys
from time import perf_counter
from typing import Final, TypedDict

from _bench_page import grid, machine, renew
from _fuzz_process import FOLDER, LONGEST
import _setup

from tests.fuzz import hostile
from tests.fuzz.targets import TARGETS

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "reliability.md"
TIME: Final = "time"
"""The one that is no target: how long hostile bytes take, by their size."""
NAMES: Final = (*TARGETS, TIME)

_PROCESS: Final = Path(__file__).with_name("_fuzz_process.py")
_SEEDS: Final = 40
_DONE: Final = re.compile(r"#(\d+)\s+(?:DONE|pulse)\s.*?rss: (\d+)Mb")


class Result(TypedDict):
    """What became of one target."""

    runs: int
    seconds: float
    engine: str
    memory_mb: int
    covered: float
    found: str
    date: str


def fuzz(names: list[str], runs: int, seed: int) -> bool:
    """Run targets, on as many cores as this process may use; return whether something was found.

    Args:
        names: which.
        runs: of all targets together; of a single one, how many it gets of so many.
        seed: of the made-up bytes.
    """
    engine = _engine()
    waiting = [name for name in names if name != TIME]
    running: dict[str, tuple[subprocess.Popen[bytes], float]] = {}
    found = False
    while waiting or running:
        while waiting and len(running) < len(os.sched_getaffinity(0)):
            name = waiting.pop(0)
            print(f"{name} …", flush=True)
            running[name] = _start(name, max(1, runs * TARGETS[name].share // 1000), seed, engine), perf_counter()
        pid, status = os.wait()
        for name, (process, started) in list(running.items()):
            if process.pid == pid:
                del running[name]
                process.returncode = os.waitstatus_to_exitcode(status)
                found |= _finish(name, process.returncode, perf_counter() - started, engine)
    if TIME in names:
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "time.json").write_text(json.dumps(hostile.measure()), "utf-8")
    return found


def _engine() -> str:
    """Return `atheris`, which is fetched where it is missing, or `hypothesis`."""
    try:
        python = _setup.environment("fuzz", wheels_only=True)
    except (RuntimeError, OSError) as error:
        print(f"atheris cannot be had here, so hypothesis makes the bytes up: {error}")
        return "hypothesis"
    folder = next(python.parents[1].glob("lib/python*/site-packages"))
    sys.path.append(str(folder))
    return "atheris"


def _start(name: str, runs: int, seed: int, engine: str) -> subprocess.Popen[bytes]:
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "corpus").mkdir(parents=True)
    chance = Random(f"{name}/{seed}")  # noqa: S311 (the same bytes again are wanted)
    for number in range(_SEEDS):
        (folder / "corpus" / f"seed-{number}").write_bytes(chance.randbytes(chance.randint(10, LONGEST)))
    path = os.pathsep.join(filter(None, (str(ROOT), str(ROOT / "scripts"), *sys.path[-1:])))
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, _PROCESS, name, str(runs), str(seed), engine],
            env={**os.environ, "PYTHONPATH": path},
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _finish(name: str, status: int, seconds: float, engine: str) -> bool:
    """Keep what became of a target; return whether something was found."""
    folder = FOLDER / name
    log = (folder / "log").read_text("utf-8", "replace")
    told = [[int(number) for number in line] for line in _DONE.findall(log)] or [[0, 0]]
    runs, memory = told[-1]
    finding = ""
    if status:
        finding = next(
            (line for line in log.splitlines() if re.match(r"\w*(Error|Exception|ERROR)\b", line)), "see log"
        )
        print(f"{name}: FOUND: {finding}\n{folder / 'log'}, and the bytes beside it", flush=True)
    covered = subprocess.run(
        [sys.executable, _PROCESS, name, "cover"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "scripts")))},
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    result: Result = {
        "runs": runs,
        "seconds": round(seconds),
        "engine": engine,
        "memory_mb": memory,
        "covered": float(covered or 0),
        "found": finding,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    (folder / "result.json").write_text(json.dumps(result), "utf-8")
    print(f"{name}: {runs:,} runs, {seconds:.0f} s", flush=True)
    return bool(status)


def replay(name: str, file: Path) -> None:
    """Run the bytes of one file through a target; what it finds gets out."""
    TARGETS[name].run(file.read_bytes())


# --- the page ---------------------------------------------------------------------------------------------------------


def page() -> str:
    """Lay out what is known of all targets, as Markdown."""
    results: dict[str, Result] = {
        name: json.loads(file.read_text("utf-8"))
        for name in TARGETS
        if (file := FOLDER / name / "result.json").is_file()
    }
    total = sum(result["runs"] for result in results.values())
    rows = [
        [
            name,
            TARGETS[name].says,
            f"{result['runs']:,}",
            f"{result['seconds']:,.0f} s",
            f"{result['covered']:.0f} %",
            f"{result['memory_mb']} MB",
            result["found"] or "nothing",
        ]
        for name, result in results.items()
    ]
    date = max((result["date"] for result in results.values()), default="")
    engines = " and ".join(sorted({result["engine"] for result in results.values()}))
    parts = [
        f"{total:,} runs with {engines}; {machine()}; {date}.",
        grid(["target", "what is made up", "runs", "took", "code reached", "memory", "found"], rows, numbers=False),
    ]
    timed = FOLDER / "time.json"
    if timed.is_file():
        parts.append(hostile.page(json.loads(timed.read_text("utf-8"))))
    return "\n\n".join(parts)


def write() -> None:
    """Put it into docs/reliability.md. Raises ValueError where the page has no place for it."""
    renew("fuzz", page(), page=PAGE)
