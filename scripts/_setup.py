"""What other scripts take of scripts/setup, and the environments of their tools."""

from __future__ import annotations  # this script must start on Python 3.11

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
import os
from pathlib import Path
import shutil
import tomllib
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_PROJECT = ROOT / "pyproject.toml"


def _load() -> Any:  # noqa: ANN401 (a script without .py has no module that mypy could find)
    loader = SourceFileLoader("script_setup", str(Path(__file__).with_name("setup")))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None  # noqa: S101 (it is None only without a loader)
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


setup = _load()


def requirements(group: str) -> list[str]:
    """Return what a dependency group of pyproject.toml asks for."""
    groups: dict[str, list[str]] = tomllib.loads(_PROJECT.read_text("utf-8"))["dependency-groups"]
    return groups[group]


def environment(group: str, folder: Path | None = None, *, wheels_only: bool = False) -> Path:
    """Make an environment of the project's Python for what one of the tools needs; one that is as it should be stays.

    Args:
        group: what is installed, a dependency group of pyproject.toml.
        folder: where; without it, in the cache.
        wheels_only: whether nothing may be built.

    Returns:
        Its Python.

    Raises:
        RuntimeError: it cannot be had on this machine.
    """
    folder = folder or setup.CACHE / group
    python = folder / "bin/python"
    ready = folder / ".ready"
    state = repr(requirements(group))
    if ready.is_file() and ready.read_text("utf-8") == state and setup.version_of(python) >= setup.WANTED:
        return python
    setup.say(f"making an environment for {group}")
    shutil.rmtree(folder, ignore_errors=True)
    os.environ.update(setup.index_environment())
    uv = setup.find_uv()
    setup.run(uv, "venv", "--python", ROOT / ".venv/bin/python", folder)
    wheels = ("--only-binary", ":all:") if wheels_only else ()
    setup.run(uv, "pip", "install", "--python", python, *wheels, "--group", f"{_PROJECT}:{group}")
    ready.write_text(state, "utf-8")
    return python
