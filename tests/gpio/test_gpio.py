"""An output line of a real kernel's chip: ours alone, never at the wrong level, and lost in words when it is lost."""

import os
from pathlib import Path
import threading
from typing import TYPE_CHECKING

import gpiod
import pytest

from p1meter.gpio import GpioBias, GpioDrive, GpioError, GpioErrorKind, GpioLine, LineInfo, list_chips

from .simulator import driven_levels, nobody

if TYPE_CHECKING:
    from collections.abc import Callable

    from .simulator import SimulatedChip


def info(chip: SimulatedChip, line: int) -> gpiod.LineInfo:
    with gpiod.Chip(chip.path) as opened:
        return opened.get_line_info(line)


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("active_low", [True, False])
def test_a_line_is_driven_from_the_moment_it_is_open(chip: SimulatedChip, *, on: bool, active_low: bool) -> None:
    high = int(on is not active_low)
    chip.pull(0, up=not high)
    line = GpioLine(chip.path, 0, consumer="boiler", active_low=active_low)
    with driven_levels() as levels:
        line.open(on)
    assert chip.level(0) == high
    assert set(levels) <= {high}
    line.set(not on)
    assert chip.level(0) == 1 - high
    line.set(on)
    assert chip.level(0) == high
    line.release()


def test_opening_twice_only_switches(chip: SimulatedChip) -> None:
    line = GpioLine(chip.path, 0, consumer="boiler")
    line.open(on=False)
    line.open(on=True)
    assert chip.level(0) == 1
    line.release()
    assert not info(chip, 0).used


@pytest.mark.parametrize(("last", "driven"), [(False, [1, 0]), (True, [1, 1]), (None, [1])])
def test_a_line_is_released_in_the_state_asked_for(
    chip: SimulatedChip, *, last: bool | None, driven: list[int]
) -> None:
    line = GpioLine(chip.path, 0, consumer="boiler")
    line.open(on=False)
    with driven_levels() as levels:
        line.set(on=True)
        line.release(last)
    assert levels == driven
    assert not info(chip, 0).used


def test_unless_asked_for_it_is_released_off_also_where_off_is_high(chip: SimulatedChip) -> None:
    line = GpioLine(chip.path, 0, consumer="boiler", active_low=True)
    line.open(on=True)
    with driven_levels() as levels:
        line.release()
    assert levels == [1]


def test_after_the_release_others_may_have_the_line(chip: SimulatedChip) -> None:
    line = GpioLine(chip.path, 0, consumer="boiler")
    line.open(on=True)
    line.release()
    line.release()
    with chip.held(0, "other"):
        assert chip.level(0) == 1
    line.open(on=False)
    assert chip.level(0) == 0
    line.release()


def test_who_holds_the_line_can_be_seen(chip: SimulatedChip) -> None:
    line = GpioLine(chip.path, 1, consumer="p1meter data request of the meter")
    line.open(on=False)
    # The kernel keeps 31 bytes.
    assert info(chip, 1).consumer == "p1meter data request of the met"
    line.release()


def test_the_resistor_is_the_one_asked_for(chip: SimulatedChip) -> None:
    for bias, pulls, afterwards in (
        (GpioBias.PULL_UP, "pull-up", 1),
        (GpioBias.PULL_DOWN, "pull-down", 0),
    ):
        line = GpioLine(chip.path, 2, consumer="boiler", bias=bias)
        line.open(on=not afterwards)
        assert chip.resistor(2) == pulls
        assert chip.level(2) == 1 - afterwards
        line.release()
        # A free pin is at its resistor's level.
        assert chip.level(2) == afterwards


def test_no_resistor_is_touched_unless_asked_for(chip: SimulatedChip) -> None:
    chip.pull(2, up=True)
    line = GpioLine(chip.path, 2, consumer="boiler")
    line.open(on=False)
    line.release()
    assert chip.resistor(2) == "pull-up"
    line = GpioLine(chip.path, 2, consumer="boiler", bias=GpioBias.DISABLED)
    line.open(on=False)
    assert info(chip, 2).bias is gpiod.line.Bias.DISABLED
    line.release()


@pytest.mark.parametrize("drive", GpioDrive)
def test_the_pin_is_driven_as_asked_for(chip: SimulatedChip, drive: GpioDrive) -> None:
    line = GpioLine(chip.path, 2, consumer="boiler", drive=drive)
    line.open(on=False)
    assert info(chip, 2).drive.name == drive.name
    line.release()


def test_a_line_of_another_program_is_left_alone_and_the_program_named(chip: SimulatedChip) -> None:
    line = GpioLine(chip.path, 4, consumer="boiler")
    with chip.held(4, "heating-pump"):
        with driven_levels() as levels, pytest.raises(GpioError) as refused:
            line.open(on=False)
        assert (refused.value.kind, refused.value.holder) == (GpioErrorKind.BUSY, "heating-pump")
        assert refused.value.detail == os.strerror(16)
        assert chip.level(4) == 1
        assert levels == []
    line.open(on=True)
    line.release()


def test_a_line_of_the_kernel_is_busy_too(chip: SimulatedChip) -> None:
    with pytest.raises(GpioError) as refused:
        GpioLine(chip.path, 7, consumer="boiler").open(on=False)
    assert (refused.value.kind, refused.value.holder) == (GpioErrorKind.BUSY, "boot-led")


@pytest.mark.parametrize(
    ("path", "number", "kind"),
    [
        ("/dev/gpiochip99", 0, GpioErrorKind.MISSING),
        (None, 8, GpioErrorKind.MISSING),
        ("/dev/null", 0, GpioErrorKind.UNSUPPORTED),
        ("/dev", 0, GpioErrorKind.UNSUPPORTED),
    ],
)
def test_what_is_no_line_is_said(chip: SimulatedChip, path: str | None, number: int, kind: GpioErrorKind) -> None:
    line = GpioLine(path or chip.path, number, consumer="boiler")
    with pytest.raises(GpioError) as refused:
        line.open(on=False)
    assert (refused.value.kind, refused.value.holder) == (kind, None)
    assert refused.value.detail
    # It is as if it had never been tried.
    with pytest.raises(GpioError) as lost:
        line.set(on=True)
    assert lost.value.kind is GpioErrorKind.LOST
    line.release()


@pytest.mark.parametrize("take", [GpioLine.open, GpioLine.adopt])
def test_another_chip_of_that_name_is_left_alone(chip: SimulatedChip, take: Callable[[GpioLine, bool], object]) -> None:
    line = GpioLine(chip.path, 0, consumer="boiler", label="pinctrl-bcm2711")
    on = True
    with driven_levels() as levels, pytest.raises(GpioError) as refused:
        take(line, on)
    assert refused.value.kind is GpioErrorKind.MISSING
    assert refused.value.detail == f"{chip.path} is relays, and no longer pinctrl-bcm2711"
    assert levels == []

    line = GpioLine(chip.path, 0, consumer="boiler", label="relays")
    take(line, on)
    assert chip.level(0) == 1
    line.release()


def test_a_chip_that_may_not_be_opened(chip: SimulatedChip) -> None:
    with nobody(), pytest.raises(GpioError) as refused:
        GpioLine(chip.path, 0, consumer="boiler").open(on=False)
    assert refused.value.kind is GpioErrorKind.DENIED
    with nobody(), pytest.raises(GpioError) as refused:
        list_chips()
    assert refused.value.kind is GpioErrorKind.DENIED


def test_a_chip_that_is_pulled_out_is_lost_and_can_be_had_again(chip: SimulatedChip) -> None:
    line = GpioLine(chip.path, 0, consumer="boiler")
    line.open(on=True)
    chip.pull_out()
    with pytest.raises(GpioError) as lost:
        line.set(on=False)
    assert lost.value.kind is GpioErrorKind.LOST
    with pytest.raises(GpioError) as missing:
        line.open(on=False)
    assert missing.value.kind is GpioErrorKind.MISSING
    chip.plug()
    line.open(on=True)
    assert chip.level(0) == 1
    line.release()


@pytest.mark.parametrize("on", [True, False])
@pytest.mark.parametrize("active_low", [True, False])
def test_looking_at_a_line_leaves_it_as_it_is(chip: SimulatedChip, *, on: bool, active_low: bool) -> None:
    line = GpioLine(chip.path, 0, consumer="boiler", active_low=active_low)
    line.open(on=on)
    with driven_levels() as levels:
        line.check()
    assert levels == []
    assert chip.level(0) == int(on is not active_low)
    chip.pull_out()
    for _ in range(2):
        with pytest.raises(GpioError) as lost:
            line.check()
        assert lost.value.kind is GpioErrorKind.LOST
        assert not line.is_open
    chip.plug()


@pytest.mark.parametrize("last", [False, None])
def test_a_chip_that_is_pulled_out_does_not_disturb_the_release(chip: SimulatedChip, *, last: bool | None) -> None:
    line = GpioLine(chip.path, 0, consumer="boiler")
    line.open(on=True)
    chip.pull_out()
    line.release(last)
    chip.plug()
    line.open(on=True)
    assert chip.level(0) == 1
    line.release()


def test_switching_while_another_thread_releases(chip: SimulatedChip) -> None:
    line = GpioLine(chip.path, 0, consumer="boiler")
    done = threading.Event()
    kinds = set()

    def switch() -> None:
        while not done.is_set():
            for on in (True, False):
                try:
                    line.set(on)
                except GpioError as err:
                    kinds.add(err.kind)

    thread = threading.Thread(target=switch)
    thread.start()
    for _ in range(100):
        line.open(on=True)
        line.release()
    done.set()
    thread.join()
    assert kinds <= {GpioErrorKind.LOST}
    assert not info(chip, 0).used


def test_nothing_is_left_open(chip: SimulatedChip) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    line = GpioLine(chip.path, 0, consumer="boiler")
    line.open(on=True)
    line.release()
    with pytest.raises(GpioError):
        GpioLine(chip.path, 7, consumer="boiler").open(on=False)
    list_chips()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_the_chips_of_the_machine_are_listed(chip: SimulatedChip) -> None:
    line = GpioLine(chip.path, 1, consumer="boiler")
    line.open(on=True)
    found = {about.path: about for about in list_chips()}[chip.path]
    line.release()
    assert found.label == "relays"
    assert found.lines == (
        LineInfo(0, None, used=False, consumer=None),
        LineInfo(1, None, used=True, consumer="boiler"),
        LineInfo(2, None, used=False, consumer=None),
        LineInfo(3, "PUMP", used=False, consumer=None),
        *(LineInfo(number, None, used=False, consumer=None) for number in (4, 5, 6)),
        LineInfo(7, None, used=True, consumer="boot-led"),
    )


def test_a_chip_with_two_names_is_listed_once(chip: SimulatedChip) -> None:
    """As on a Raspberry Pi 5, whose gpiochip4 became gpiochip0 and kept its old name besides."""
    link = Path("/dev/gpiochip94")
    link.symlink_to(chip.path)
    try:
        assert [about.path for about in list_chips() if about.label == "relays"] == [chip.path]
    finally:
        link.unlink()


def test_a_machine_without_chips(chip: SimulatedChip) -> None:
    chip.pull_out()
    assert list_chips() == []
    chip.plug()
