"""The folder custom_components/p1meter is all that is installed: nothing in it needs what is beside it."""

import ast
import json
from pathlib import Path
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = Path(__file__).parents[2] / "custom_components" / "p1meter"
# What every Home Assistant has.
OF_HOME_ASSISTANT: Final = {"homeassistant", "aiohttp", "cryptography", "probatio", "yarl"}
# What is installed when it is first wanted: a pin, InfluxDB.
LATER: Final = {"gpiod", "influxdb_client"}
# Requirements of integrations that the manifest names.
OF_DEPENDENCIES: Final = {"serialx"}


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Yield what a file imports: how many folders up it begins, and the first name."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from ((0, one.name.partition(".")[0]) for one in names)
            case ast.ImportFrom(module=module, level=level):
                yield level, (module or "").partition(".")[0]


def test_what_is_imported_is_in_the_folder_or_installed_with_it() -> None:
    manifest = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
    required = {requirement.partition("==")[0] for requirement in manifest["requirements"]}
    known = {*sys.stdlib_module_names, *OF_HOME_ASSISTANT, *required, *OF_DEPENDENCIES, *LATER}
    for file in FOLDER.rglob("*.py"):
        depth = len(file.relative_to(FOLDER).parts)
        for level, name in imports(file):
            assert level <= depth, f"{file} reaches out of the folder"
            assert level or name in known, f"{file} imports {name}"


def test_no_path_leads_out_of_the_folder() -> None:
    for file in FOLDER.rglob("*.py"):
        assert "__file__" not in file.read_text("utf-8"), file
