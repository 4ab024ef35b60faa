"""The environment of a tool is made once, and anew where what it needs, or the Python, is another."""

import importlib
from pathlib import Path
from typing import Any

import pytest

SETUP: Any = importlib.import_module("_setup")
ASKED = 'mutants = ["cosmic-ray==8.7.0"]'


class Machine:
    """Where nothing is really installed: what was run, the version of every Python, and what there is to be had."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.version: tuple[int, ...] = (3, 14, 2)
        self.has_packages = True

    def run(self, *command: str | Path) -> str:
        words = [str(word) for word in command]
        if "pip" in words and not self.has_packages:
            raise RuntimeError("no such package")
        if "venv" in words:
            Path(words[-1]).mkdir(parents=True)
        self.ran.append(" ".join(words[1:3]))
        return ""


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """What asks for the tools."""
    project = tmp_path / "pyproject.toml"
    project.write_text(f"[dependency-groups]\n{ASKED}\n")
    monkeypatch.setattr(SETUP, "_PROJECT", project)
    monkeypatch.setattr(SETUP.setup, "CACHE", tmp_path / "cache")
    return project


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, project: Path) -> Machine:  # noqa: ARG001 (asked for before)
    """The machine that it is made on."""
    machine = Machine()
    monkeypatch.setattr(SETUP.setup, "run", machine.run)
    monkeypatch.setattr(SETUP.setup, "find_uv", lambda: Path("uv"))
    monkeypatch.setattr(SETUP.setup, "index_environment", dict)
    monkeypatch.setattr(SETUP.setup, "version_of", lambda _: machine.version)
    return machine


MADE = ["venv --python", "pip install"]


def test_it_is_made_once(machine: Machine, tmp_path: Path) -> None:
    for _ in range(2):
        assert SETUP.environment("mutants") == tmp_path / "cache/mutants/bin/python"
    assert machine.ran == MADE


def test_it_is_made_where_it_is_wanted(machine: Machine, tmp_path: Path) -> None:
    assert SETUP.environment("mutants", tmp_path / "here") == tmp_path / "here/bin/python"
    assert machine.ran == MADE


def test_another_version_of_a_tool_is_installed(machine: Machine, project: Path) -> None:
    SETUP.environment("mutants")
    project.write_text(project.read_text().replace("8.7.0", "8.8.0"))
    SETUP.environment("mutants")

    assert machine.ran == MADE * 2


def test_a_python_that_has_gone_is_replaced(machine: Machine) -> None:
    SETUP.environment("mutants")
    machine.version = ()
    SETUP.environment("mutants")

    assert machine.ran == MADE * 2


def test_what_could_not_be_had_is_tried_again(machine: Machine) -> None:
    machine.has_packages = False
    with pytest.raises(RuntimeError, match="no such package"):
        SETUP.environment("mutants")
    machine.has_packages = True
    SETUP.environment("mutants")

    assert machine.ran == [MADE[0], *MADE]


def test_each_tool_finds_what_it_asks_for() -> None:
    assert {tool: SETUP.requirements(tool)[0].partition("==")[0] for tool in ("mutants", "fuzz", "esphome")} == {
        "mutants": "cosmic-ray",
        "fuzz": "atheris",
        "esphome": "esphome",
    }
