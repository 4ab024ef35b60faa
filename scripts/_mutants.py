"""The mutants of scripts/mutants: drawn by seed, each in a copy of the project, each against the tests of its room."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
import difflib
import os
from pathlib import Path
from queue import SimpleQueue
import random
import re
import shutil
import subprocess
import sys
from tempfile import TemporaryDirectory
from typing import Final

from cosmic_ray.ast import ast_nodes, get_ast  # type: ignore[import-not-found]  # it has an environment of its own
from cosmic_ray.mutating import mutate_code  # type: ignore[import-not-found]  # the same
from cosmic_ray.plugins import get_operator, operator_names  # type: ignore[import-not-found]  # the same

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = Path("custom_components/p1meter")
# What is broken, and whose tests have to notice.
ROOMS: Final = {
    "frames and checksum": (("meter/frames.py", "meter/checksum.py"), "tests/meter"),
    "telegram": (("meter/telegram.py", "meter/form.py", "meter/lines.py", "meter/values.py"), "tests/meter"),
    "law": (
        tuple(f"loads/{name}.py" for name in ("fuse", "law", "orders", "surplus", "unit", "window")),
        "tests/loads",
    ),
}
# Mistakes that people make. Others of cosmic-ray's change annotations, which nothing reads, or do not even run.
OPERATORS: Final = re.compile(
    r"core/(AddNot|NumberReplacer|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceBreakWithContinue|ReplaceContinueWithBreak"
    r"|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceComparisonOperator_(Lt|LtE|Gt|GtE|Eq|NotEq)_(Lt|LtE|Gt|GtE|Eq|NotEq)"
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul)|ReplaceUnaryOperator_\w+)"
)
# Changes that cannot be seen from outside: the line as it becomes, and why.
SAME: Final[dict[str, str]] = {}
TOO_LONG_S: Final = 900
WORKERS: Final = 2


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: where, what cosmic-ray calls it, and the line that it makes."""

    room: str
    path: Path
    operator: str
    occurrence: int

    def code(self) -> str:
        """Return the file with the change."""
        return str(mutate_code((ROOT / self.path).read_bytes(), get_operator(self.operator)(), self.occurrence))

    def lines(self) -> tuple[str, str]:
        """Return what was there and what is there instead."""
        before = (ROOT / self.path).read_text().splitlines()
        after = self.code().splitlines()
        changed = [line for line in difflib.ndiff(before, after) if line[:2] in {"- ", "+ "}]
        gone = " ".join(line[2:].strip() for line in changed if line[0] == "-")
        new = " ".join(line[2:].strip() for line in changed if line[0] == "+")
        return gone, new


def all_of(room: str) -> list[Mutant]:
    """Return every mutant of a room, in a fixed order."""
    found = []
    operators = sorted(name for name in operator_names() if OPERATORS.fullmatch(name))
    for name in ROOMS[room][0]:
        nodes = list(ast_nodes(get_ast((ROOT / PACKAGE / name).read_text())))
        for operator in operators:
            places = sum(len(list(get_operator(operator)().mutation_positions(node))) for node in nodes)
            found += [Mutant(room, PACKAGE / name, operator, place) for place in range(places)]
    return found


def drawn(count: int, seed: int) -> list[Mutant]:
    """Draw so many mutants, as many of each room."""
    chance = random.Random(seed)  # noqa: S311 (nothing secret: which mutants)
    rooms = [chance.sample(all_of(room), -(-count // len(ROOMS))) for room in ROOMS]
    return [mutant for together in zip(*rooms, strict=True) for mutant in together][:count]


def lives(mutant: Mutant, project: Path) -> bool:
    """Return whether the tests of its room pass all the same, in this copy of the project."""
    changed = project / mutant.path
    whole = changed.read_text()
    changed.write_text(mutant.code())
    try:
        done = subprocess.run(
            [
                *(ROOT / ".venv/bin/python", "-m", "pytest", "-x", "-q", "-p", "no:homeassistant"),
                *("-p", "no:cacheprovider", "--basetemp", project / "basetemp", ROOMS[mutant.room][1]),
            ],
            cwd=project,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TOO_LONG_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    finally:
        changed.write_text(whole)
    return done.returncode == 0


def main() -> None:
    """Try them, and say of each how it ended."""
    count, seed = map(int, sys.argv[1:])
    survivors = []
    with TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(WORKERS) as workers:
        projects: SimpleQueue[Path] = SimpleQueue()
        for number in range(WORKERS):
            copy = Path(folder) / str(number)
            for name in ("custom_components", "tests", "scripts"):
                shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            shutil.copy(ROOT / "pyproject.toml", copy)
            projects.put(copy)

        def tried(mutant: Mutant) -> tuple[Mutant, bool]:
            project = projects.get()
            try:
                return mutant, lives(mutant, project)
            finally:
                projects.put(project)

        for mutant, alive in workers.map(tried, drawn(count, seed)):
            gone, new = mutant.lines()
            known = SAME.get(new)
            end = "dies" if not alive else f"lives, and changes nothing: {known}" if known else "LIVES"
            print(f"{end:5} {mutant.path.relative_to(PACKAGE)}: {gone}  ->  {new}", flush=True)
            if alive and not known:
                survivors.append(mutant)
    print(f"{count} mutants with seed {seed}: {len(survivors)} not noticed")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
