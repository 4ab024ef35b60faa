"""A line that a start finds driven: it goes on as it is, and whoever looks at the pin sees nothing happen."""

from typing import TYPE_CHECKING

import gpiod
from gpiod.line import Direction
import pytest

from p1meter.gpio import GpioError, GpioErrorKind, GpioLine

from .simulator import driven_levels

if TYPE_CHECKING:
    from .simulator import SimulatedChip

PIN = 0


def line(chip: SimulatedChip, *, active_low: bool = False) -> GpioLine:
    return GpioLine(chip.path, PIN, consumer="boiler", active_low=active_low)


def leave(chip: SimulatedChip, *, on: bool, active_low: bool) -> int:
    """Let a line go as boards do that keep its level (a free pin of the simulator follows its resistor): that level."""
    level = int(on is not active_low)
    before = line(chip, active_low=active_low)
    before.open(on)
    chip.pull(PIN, up=bool(level))
    before.release(last=None)
    assert chip.level(PIN) == level
    return level


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("active_low", [True, False])
def test_a_line_that_kept_its_level_is_adopted(chip: SimulatedChip, *, on: bool, active_low: bool) -> None:
    level = leave(chip, on=on, active_low=active_low)
    after = line(chip, active_low=active_low)
    with driven_levels() as levels:
        # What it would be otherwise does not matter.
        assert after.adopt(not on) is on
    assert set(levels) <= {level}
    # Driven it is, whatever the resistor does.
    chip.pull(PIN, up=not level)
    assert chip.level(PIN) == level
    after.set(not on)
    assert chip.level(PIN) == 1 - level
    after.release(last=None)


@pytest.mark.parametrize("otherwise", [True, False])
@pytest.mark.parametrize("active_low", [True, False])
def test_what_nobody_drives_is_as_it_is_told(chip: SimulatedChip, *, otherwise: bool, active_low: bool) -> None:
    """After a boot a pin is an input: a resistor's level says nothing of what the load was."""
    level = int(otherwise is not active_low)
    chip.pull(PIN, up=not level)
    with gpiod.Chip(chip.path) as opened:
        assert opened.get_line_info(PIN).direction is Direction.INPUT
    taken = line(chip, active_low=active_low)
    with driven_levels() as levels:
        assert taken.adopt(otherwise) is otherwise
    assert set(levels) <= {level}
    assert chip.level(PIN) == level
    taken.release(last=None)


def test_a_line_that_is_held_is_not_touched(chip: SimulatedChip) -> None:
    held = line(chip)
    held.open(on=True)
    with driven_levels() as levels:
        assert held.adopt(False) is True  # noqa: FBT003 (on and off are what a line is about)
    assert levels == []
    held.release(last=None)


def test_what_somebody_has_is_not_adopted(chip: SimulatedChip) -> None:
    with chip.held(PIN, "heating-pump"):
        with driven_levels() as levels, pytest.raises(GpioError) as refused:
            line(chip).adopt(False)  # noqa: FBT003 (the same)
        assert (refused.value.kind, refused.value.holder) == (GpioErrorKind.BUSY, "heating-pump")
        assert chip.level(PIN) == 1
        assert levels == []
    chip.pull_out()
    with pytest.raises(GpioError) as missing:
        line(chip).adopt(False)  # noqa: FBT003 (the same)
    assert missing.value.kind is GpioErrorKind.MISSING
    chip.plug()
