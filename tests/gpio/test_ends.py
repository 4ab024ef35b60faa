"""What is left of a line when whoever held it goes: in order, killed, or handing it over to the next."""

from contextlib import contextmanager
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import gpiod
import pytest

from p1meter.gpio import GpioLine
from tests.needs import ROOT

from .simulator import driven_levels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .simulator import SimulatedChip

PIN = 0


@contextmanager
def holder(chip: SimulatedChip, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has the pin, on."""
    command = [sys.executable, "-m", "tests.gpio.holder", chip.path, str(PIN), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


def is_free(chip: SimulatedChip) -> bool:
    with gpiod.Chip(chip.path) as opened:
        return not opened.get_line_info(PIN).used


@pytest.mark.parametrize(
    ("signal_sent", "active_low", "pulled_up"),
    [
        (signal.SIGTERM, False, False),
        (signal.SIGKILL, False, True),
        (signal.SIGTERM, True, False),
        (signal.SIGKILL, True, True),
    ],
)
def test_after_a_kill_the_resistor_decides(
    chip: SimulatedChip, signal_sent: signal.Signals, *, active_low: bool, pulled_up: bool
) -> None:
    """Nobody can put the line into its safe state then: off is what the resistor on the board says.

    A load whose resistor pulls to its active level is on from then on; docs/wiring.md warns of it.
    """
    chip.pull(PIN, up=pulled_up)
    with holder(chip, *(["--active-low"] if active_low else [])) as process:
        assert chip.level(PIN) == int(not active_low)
        process.send_signal(signal_sent)
        process.wait(10)
        assert chip.level(PIN) == int(pulled_up)
        assert is_free(chip)
    # Who is started next has it at once, and off.
    line = GpioLine(chip.path, PIN, consumer="p1meter boiler", active_low=active_low)
    line.open(on=False)
    assert chip.level(PIN) == int(active_low)
    line.release()


@pytest.mark.parametrize("active_low", [False, True])
def test_a_program_that_ends_in_order_switches_off_first(chip: SimulatedChip, *, active_low: bool) -> None:
    off = int(active_low)
    chip.pull(PIN, up=active_low)
    with holder(chip, "--orderly", *(["--active-low"] if active_low else [])) as process, driven_levels() as levels:
        process.terminate()
        process.wait(10)
    assert levels == [off]
    assert chip.level(PIN) == off
    assert is_free(chip)


@pytest.mark.parametrize("active_low", [False, True])
def test_a_line_that_is_handed_over_does_not_move(chip: SimulatedChip, *, active_low: bool) -> None:
    """What a reload does: the line stays open, and the new set-up opens it as it finds it."""
    on = int(not active_low)
    chip.pull(PIN, up=active_low)
    line = GpioLine(chip.path, PIN, consumer="p1meter boiler", active_low=active_low)
    line.open(on=True)
    with driven_levels() as levels:
        line.open(on=True)
        assert chip.level(PIN) == on
    assert set(levels) <= {on}
    # A line that is let go and asked for again falls to its resistor meanwhile: a click.
    unkept = GpioLine(chip.path, PIN, consumer="p1meter boiler", active_low=active_low)
    line.release()
    assert chip.level(PIN) == 1 - on
    unkept.open(on=True)
    assert chip.level(PIN) == on
    unkept.release(last=None)
    assert chip.level(PIN) == 1 - on
