"""The process of one target of scripts/fuzz: what is measured is imported here, after whoever measures it is ready."""

import importlib
import os
from pathlib import Path
import resource
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / ".fuzz"
LONGEST: Final = 400
"""So many bytes of choices at most: a handful of telegrams."""

_TIMEOUT: Final = 20  # seconds that one run may take
_MEMORY: Final = 1024  # megabytes that a process may take


def _target(name: str) -> Target:
    importlib.import_module("tests.bare").load()
    target: Target = importlib.import_module("tests.fuzz.targets").TARGETS[name]
    return target


def _with_atheris(name: str, runs: int, seed: int) -> None:
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["p1meter"]):
        run = _target(name).run
    folder = FOLDER / name
    atheris.Setup(
        [
            "fuzz",
            f"-runs={runs}",
            f"-seed={seed}",
            f"-max_len={LONGEST}",
            "-len_control=0",
            f"-timeout={_TIMEOUT}",
            f"-rss_limit_mb={_MEMORY}",
            f"-artifact_prefix={folder}/",
            str(folder / "corpus"),
        ],
        run,
    )
    atheris.Fuzz()


def _with_hypothesis(name: str, runs: int, seed: int) -> None:
    hypothesis: Any = importlib.import_module("hypothesis")
    target = _target(name)
    done = 0

    def run(data: bytes) -> None:
        nonlocal done
        done += 1
        target.run(data)

    settings = hypothesis.settings(
        max_examples=runs, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    made_up = hypothesis.strategies.binary(min_size=10, max_size=LONGEST)
    try:
        hypothesis.seed(seed)(settings(hypothesis.given(made_up)(run)))()
    finally:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"#{done} DONE rss: {memory}Mb", flush=True)


def _cover(name: str) -> None:
    """Print how much of the code that a target is about its corpus reaches, lines and branches, in percent."""
    coverage: Any = importlib.import_module("coverage")
    measured = coverage.Coverage(branch=True, data_file=None, include=[f"{ROOT}/custom_components/p1meter/*"])
    measured.start()
    target = _target(name)
    for file in sorted((FOLDER / name / "corpus").iterdir()):
        target.run(file.read_bytes())
    measured.stop()
    modules = [f"{ROOT}/custom_components/p1meter/{one.replace('.', '/')}.py" for one in target.modules]
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        print(round(measured.report(include=modules, file=nowhere), 1))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [wanted, "cover"]:
            _cover(wanted)
        case [wanted, count, start, "atheris"]:
            _with_atheris(wanted, int(count), int(start))
        case [wanted, count, start, _]:
            _with_hypothesis(wanted, int(count), int(start))
