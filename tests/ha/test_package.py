"""What Home Assistant's own checks would ask of the package; they do not run on custom integrations."""

import json
from pathlib import Path
import tomllib
from typing import Any

from homeassistant import components
from homeassistant.util.yaml import load_yaml_dict
import pytest

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


def test_the_ledger_has_every_rule_of_the_quality_scale() -> None:
    ours = load_yaml_dict(str(FOLDER / "quality_scale.yaml"))["rules"]
    theirs = load_yaml_dict(str(Path(components.__path__[0]) / "homewizard" / "quality_scale.yaml"))["rules"]
    assert set(ours) == set(theirs)
    for rule, state in ours.items():
        status = state if isinstance(state, str) else state["status"]
        assert status in {"done", "todo", "exempt"}, rule
        assert status != "exempt" or state["comment"], rule


@pytest.mark.parametrize("platform", ["binary_sensor", "sensor"])
def test_a_platform_says_how_many_updates_run_at_once(platform: str) -> None:
    assert "\nPARALLEL_UPDATES = 0\n" in (FOLDER / f"{platform}.py").read_text()
