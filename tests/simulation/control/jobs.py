"""The benchmark cut into pieces that processes can do side by side."""

from typing import TYPE_CHECKING, Final, NamedTuple

from . import suite_a, suite_b, suite_c
from .baselines import BASELINES
from .clairvoyant import frontier
from .house import trace
from .many_days import play

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .score import Score

DAYS: Final = 14
type Played = suite_a.Played | suite_b.Protection | suite_c.Outcome | list[Score] | Score


class Job(NamedTuple):
    """A piece: which part, of what name, in which house."""

    part: str
    name: str
    seed: int


def jobs(seeds: Sequence[int]) -> list[Job]:
    """All pieces, the longest first."""
    parts: dict[str, Iterable[str]] = {
        "protection": suite_b.CASES,
        "law": suite_a.SETUPS,
        "fault": suite_c.SCENARIOS,
        "frontier": ("",),
        "baseline": BASELINES,
    }
    return [Job(part, name, seed) for part, names in parts.items() for seed in seeds for name in names]


def work(job: Job) -> tuple[Job, Played]:
    """Do one piece."""
    match job.part:
        case "protection":
            return job, suite_b.play(suite_b.CASES[job.name], DAYS, job.seed)
        case "law":
            return job, suite_a.play(trace(job.seed, DAYS), suite_a.SETUPS[job.name], job.seed)
        case "fault":
            return job, suite_c.play(job.name, job.seed)
        case "frontier":
            return job, frontier(trace(job.seed, DAYS))
        case _:
            return job, play(BASELINES[job.name](), trace(job.seed, DAYS), job.seed)
