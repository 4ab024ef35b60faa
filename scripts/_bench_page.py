"""Where results stand for people: docs/performance.md, one block for each benchmark of scripts/bench, and the like."""

from datetime import UTC, datetime
import os
from pathlib import Path
import platform
from statistics import median
from typing import TYPE_CHECKING, Any, Final, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


class Goal(TypedDict):
    """What was wanted, what was found, and whether that is enough."""

    goal: str
    found: str
    met: bool


class Spread(TypedDict):
    """Several repeats of one measurement."""

    median: float
    min: float
    max: float


def renew(command: str, text: str, *, page: Path = PAGE) -> None:
    """Put a result into the block of a command (`bench parse`). Raises ValueError where the page has no such block."""
    begin, end = (f"<!-- scripts/{command} --write: {edge} -->" for edge in ("begin", "end"))
    before, found, rest = page.read_text("utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise ValueError(f"{page} has no block between {begin} and {end}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", "utf-8")


def machine() -> str:
    """Name the processor and the Python."""
    models = (line for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines() if line.startswith("model name"))
    processor = next(models, platform.machine()).rpartition(":")[2].strip()
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


def spread(values: Sequence[float], digits: int) -> Spread:
    """Return the median, the least and the greatest, rounded."""
    return {
        "median": round(median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }


def goal(wanted: str, found: str, *, met: bool) -> Goal:
    """Say how it stands with a goal."""
    return {"goal": wanted, "found": found, "met": met}


def sheet(of_what: str, goals: Iterable[Mapping[str, Any]], *parts: str) -> str:
    """Lay a result out as Markdown: of what it is, on which machine and when, the goals, the rest."""
    return "\n\n".join([f"{of_what}; {machine()}; {datetime.now(UTC):%Y-%m-%d}.", goals_table(goals), *parts])


def goals_table(goals: Iterable[Mapping[str, Any]]) -> str:
    """Lay the goals out as Markdown."""
    rows = [[one["goal"], one["found"], "yes" if one["met"] else "**no**"] for one in goals]
    return grid(["goal", "found", "met"], rows, numbers=False)


def grid(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True) -> str:
    """Lay a table out as Markdown; all columns but the first are numbers."""
    rule = "|---|" + ("--:|" if numbers else "---|") * (len(head) - 1)
    return "\n".join([f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)])
