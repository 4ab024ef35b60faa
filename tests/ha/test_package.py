"""What hassfest asks of the package, before it is asked in CI."""

import json
from pathlib import Path
import tomllib
from typing import Any

from custom_components import p1meter

FOLDER = Path(p1meter.__file__).parent
MANIFEST: dict[str, Any] = json.loads((FOLDER / "manifest.json").read_text())


def test_the_manifest_is_in_order() -> None:
    first, second, *others = MANIFEST
    assert (first, second) == ("domain", "name")
    assert others == sorted(others)
    assert MANIFEST["documentation"].startswith("https://")
    assert MANIFEST["issue_tracker"].startswith("https://")


def test_the_version_is_one() -> None:
    project = tomllib.loads((FOLDER.parent.parent / "pyproject.toml").read_text())
    assert MANIFEST["version"] == project["project"]["version"]
