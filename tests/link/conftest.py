"""The rooms under test are loaded without Home Assistant."""

from typing import TYPE_CHECKING

import pytest

from tests import bare

from .line import Cable

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

bare.load()


@pytest.fixture
def cable(tmp_path: Path) -> Generator[Cable]:
    cable = Cable(tmp_path / "ttyMETER")
    yield cable
    cable.close()
