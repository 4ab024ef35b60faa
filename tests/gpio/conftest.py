"""The chip under test is the kernel's own simulator; ``scripts/test gpio`` brings a kernel that has it."""

from typing import TYPE_CHECKING

import pytest

from tests import bare, needs

from .simulator import CONFIGFS, SimulatedChip

if TYPE_CHECKING:
    from collections.abc import Generator

bare.load()


@pytest.fixture
def chip() -> Generator[SimulatedChip]:
    if not CONFIGFS.is_dir():
        pytest.skip(f"{needs.PREFIX}a kernel with gpio-sim: scripts/test gpio starts one")
    simulated = SimulatedChip("relays", 8, names={3: "PUMP"}, hogs={7: "boot-led"})
    yield simulated
    simulated.unplug()
