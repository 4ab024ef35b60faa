"""Loads the rooms that know nothing of Home Assistant, without importing the integration itself."""

from pathlib import Path
import sys
import types

ROOT = Path(__file__).resolve().parent.parent


def load() -> None:
    """Make ``from p1meter.meter import Reader`` work: a package without the integration's ``__init__``."""
    if "p1meter" not in sys.modules:
        package = types.ModuleType("p1meter")
        package.__path__ = [str(ROOT / "custom_components" / "p1meter")]
        sys.modules["p1meter"] = package
