"""Bytes of a meter on a real port become edges of a real kernel's pin, each on the telegram that decides it."""

from typing import TYPE_CHECKING

from .edge import delays, figures, machine

if TYPE_CHECKING:
    import pytest

    from .simulator import SimulatedChip


async def test_the_pin_moves_on_the_telegram_that_decides(
    chip: SimulatedChip, capsys: pytest.CaptureFixture[str]
) -> None:
    """A house asks for a telegram only when the one before was dealt with: an edge that came later would be seen."""
    edges = 20
    measured, commands = await delays(chip, 0, edges)
    assert len(measured) == commands == edges
    with capsys.disabled():
        print(f"\nlast byte to edge, ms, {edges} edges: {figures(measured)} ({machine()})")  # noqa: T201 (figures, no promise)
    # The house has gone; the pin was let go, off.
    assert chip.level(0) == 0
