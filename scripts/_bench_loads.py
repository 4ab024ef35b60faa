"""The control law beside the rules of others and the best that could have been done, in the simulated house.

docs/performance.md says what the figures mean; `--write` puts them there.
"""

from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from datetime import UTC, datetime
import os
from statistics import median
import sys
from typing import TYPE_CHECKING, Any, TypedDict

from _bench_page import PAGE, machine, renew

from tests.simulation.control import report
from tests.simulation.control.goals import Findings
from tests.simulation.control.jobs import DAYS, jobs, work
from tests.simulation.control.picture import draw
from tests.simulation.control.suite_a import EAGER
from tests.simulation.control.timing import step_us

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.control.jobs import Job, Played

PICTURE = PAGE.parent / "images" / "loads-day.png"


class Result(TypedDict):
    """What it gives; `page` is all of it as tables, the ratio J of the eager law by the best's at equal starts."""

    name: str
    machine: str
    days: int
    runs: list[dict[str, Any]]
    step_us: dict[str, float]
    goals: list[dict[str, Any]]
    ratio: dict[str, float]
    page: str


def measure(seeds: Sequence[int], *, write: bool) -> Result:
    """Play everything in the houses of these seeds, on all cores; `write`: renew the page and its picture."""
    results: dict[Job, Played] = {}
    pieces = jobs(seeds)
    with ProcessPoolExecutor(os.process_cpu_count()) as pool:
        for count, done in enumerate(as_completed([pool.submit(work, piece) for piece in pieces]), 1):
            job, result = done.result()
            results[job] = result
            print(f"[{count}/{len(pieces)}] seed {job.seed}: {job.part} {job.name}", file=sys.stderr, flush=True)
    findings = Findings(seeds, results, (step_us(3), step_us(5)))
    values = [share.value / 100 for share in findings.shares[EAGER]]
    page = tables(findings)
    if write:
        renew("bench loads", page)
        draw(PICTURE)
    return {
        "name": "loads",
        "machine": machine(),
        "days": DAYS,
        "runs": [run(findings, i) for i in range(len(findings.seeds))],
        "step_us": {"3 loads": findings.step_us[0], "5 loads": findings.step_us[1]},
        "goals": [asdict(goal) for goal in findings.goals()],
        "ratio": {"median": median(values), "min": min(values), "max": max(values)},
        "page": page,
    }


def run(findings: Findings, i: int) -> dict[str, Any]:
    """Give what was found in one house."""
    return {
        "seed": findings.seeds[i],
        "surplus": {
            name: {**asdict(score[i]), "at_equal_starts": asdict(findings.shares[name][i])}
            for name, score in findings.scores.items()
        },
        "protection": {name: asdict(each[i]) for name, each in findings.protection.items()},
        "faults": {name: asdict(each[i]) for name, each in findings.faults.items()},
    }


def tables(findings: Findings) -> str:
    """Write what was found as Markdown."""
    seeds = f"{findings.seeds[0]} to {findings.seeds[-1]}" if len(findings.seeds) > 1 else str(findings.seeds[0])
    parts = (
        f"{len(findings.seeds)} house(s) of {DAYS} days, seed {seeds}; {machine()}; {datetime.now(UTC):%Y-%m-%d}.",
        "### Goals",
        report.goals(findings),
        "### Suite A: the surplus",
        report.surplus(findings),
        "### Suite B: deadlines, thermostat, quarter-hour 2.5 kW, fuse 25 A, all loads on L1",
        report.protection(findings),
        "### Suite C: faults, two days each",
        report.faults(findings),
    )
    return "\n\n".join(parts)
