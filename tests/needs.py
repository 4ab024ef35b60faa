"""The only reasons for which a test may be skipped; ``tests/conftest.py`` turns any other skip into a failure."""

import os
from pathlib import Path
import shutil

import pytest

ROOT = Path(__file__).resolve().parent.parent
TELEGRAMS = ROOT.parent / "shared" / "telegrams"
PREFIX = "needs "


def shared_telegrams() -> Path:
    """The folder with the real telegrams, which are not ours to ship."""
    if not TELEGRAMS.is_dir():
        pytest.skip(f"{PREFIX}the real telegrams in ../shared/telegrams", allow_module_level=True)
    return TELEGRAMS


def program(name: str, package: str) -> str:
    """The path of a program of the system; a test may install it itself only where root and apt are there."""
    if found := shutil.which(name):
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        pytest.fail(f"{name} is missing though it can be had here: scripts/test installs {package}", pytrace=False)
    pytest.skip(f"{PREFIX}{name} (package {package}), and there is no root or apt to install it")
