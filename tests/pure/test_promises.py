"""SECURITY.md: what comes from the wire cannot run anything, because nothing in the integration could."""

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = Path(__file__).parents[2] / "custom_components" / "p1meter"
# Run text as code, start programs, or build objects from bytes.
CALLS: Final = {"eval", "exec", "compile", "__import__", "breakpoint"}
MODULES: Final = {"subprocess", "pickle", "marshal", "shelve", "ctypes", "pty", "code", "runpy"}
NAMES: Final = {
    *("system", "popen", "execv", "execve", "spawnv", "posix_spawn", "startfile"),
    *("create_subprocess_exec", "create_subprocess_shell", "subprocess_exec", "subprocess_shell"),
    *("Template", "async_render", "async_render_with_possible_json_value", "TemplateEnvironment"),
}


def found_in(source: str) -> Iterator[str]:
    """Yield what of the above a file uses."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in CALLS:
                yield name
            case ast.Import(names=names):
                yield from (one.name for one in names if one.name.partition(".")[0] in MODULES)
            case ast.ImportFrom(module=str(module), names=names):
                yield from (one.name for one in names if module.partition(".")[0] in MODULES or one.name in NAMES)
            case ast.Attribute(attr=name) if name in NAMES:
                yield name


def test_nothing_runs_what_it_is_given() -> None:
    files = sorted(FOLDER.rglob("*.py"))
    assert len(files) > 100
    assert {str(file.relative_to(FOLDER)): used for file in files if (used := list(found_in(file.read_text())))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "eval(text)",
        "import subprocess",
        "from os import system",
        "os.popen(text)",
        "from homeassistant.helpers.template import Template",
        "loop.subprocess_exec(text)",
    ],
)
def test_it_would_be_seen(line: str) -> None:
    assert list(found_in(line))
