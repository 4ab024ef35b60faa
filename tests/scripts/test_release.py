"""A tag becomes a release only if everything says the same version, and what is new is told."""

import importlib
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

RELEASE: Any = importlib.import_module("_release")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project at version 1.2.0, whose changelog tells of it."""
    folder = tmp_path / "custom_components/p1meter"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"version": "1.2.0"}))
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.0 (2026-12-01)\n\n- New.\n\n## 1.1.0\n\n- Old.\n")
    return tmp_path


def test_what_is_new_is_told(project: Path) -> None:
    assert RELEASE.notes("v1.2.0", project) == "- New."


@pytest.mark.parametrize("tag", ["v1.2.1", "1.2.0", "v1.1.0"])
def test_a_tag_that_is_not_the_version_is_refused(project: Path, tag: str) -> None:
    with pytest.raises(ValueError, match="the manifest says"):
        RELEASE.notes(tag, project)


def test_a_version_of_which_nothing_is_told_is_refused(project: Path) -> None:
    (project / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.0\n\n## 1.1.0\n\n- Old.\n")

    with pytest.raises(ValueError, match="says nothing"):
        RELEASE.notes("v1.2.0", project)


def test_what_a_beta_brought_is_not_told_of_the_release(project: Path) -> None:
    (project / "CHANGELOG.md").write_text("# Changes\n\n## 1.2.0b1\n\n- Half of it.\n")

    with pytest.raises(ValueError, match="says nothing"):
        RELEASE.notes("v1.2.0", project)


def test_the_version_that_we_are_at_can_be_released() -> None:
    version = json.loads((RELEASE.ROOT / "custom_components/p1meter/manifest.json").read_text("utf-8"))["version"]

    assert RELEASE.notes(f"v{version}")
