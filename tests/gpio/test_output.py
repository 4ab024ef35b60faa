"""What Home Assistant switches a load with, on a real kernel's pin: no click at a reload, and lost only for a while."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import gpiod
from homeassistant.core import HomeAssistant
import pytest
import pytest_asyncio

from p1meter import outputs
from p1meter.load_settings import GpioSettings
from p1meter.outputs import GpioOutput

from .simulator import driven_levels

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from .simulator import SimulatedChip

PIN = 0
PATIENCE = 60.0


@pytest_asyncio.fixture
async def hass(tmp_path: Path) -> AsyncGenerator[HomeAssistant]:
    """The core alone: it has a loop, an executor, and a place for what outlives a reload."""
    core = HomeAssistant(str(tmp_path))
    yield core
    await core.async_stop(force=True)


def make(hass: HomeAssistant, chip: SimulatedChip, *, active_low: bool = False) -> GpioOutput:
    """What each set-up of the entry makes, and starts."""

    def background(core: HomeAssistant, job: Any, name: str) -> asyncio.Task[None]:
        return core.async_create_background_task(job, name)

    output = GpioOutput(
        hass,
        cast("Any", SimpleNamespace(async_create_background_task=background)),
        "id-of-the-boiler",
        "Boiler",
        GpioSettings(chip.path, PIN, active_low=active_low),
        safe=False,
        on_change=lambda: None,
    )
    output.async_start()
    return output


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 (it has no event to give)
            await asyncio.sleep(0.01)


def files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def info(chip: SimulatedChip) -> gpiod.LineInfo:
    with gpiod.Chip(chip.path) as opened:
        return opened.get_line_info(PIN)


@pytest.mark.parametrize("active_low", [False, True])
async def test_a_relay_does_not_click_when_its_entry_is_reloaded(
    hass: HomeAssistant, chip: SimulatedChip, *, active_low: bool
) -> None:
    on, off = int(not active_low), int(active_low)
    chip.pull(PIN, up=active_low)
    before = make(hass, chip, active_low=active_low)
    await until(lambda: before.on is False)
    assert info(chip).consumer == "p1meter Boiler"
    before.set(True)
    assert chip.level(PIN) == on
    with driven_levels() as levels:
        before.async_stop()
        after = make(hass, chip, active_low=active_low)
        assert after.on is True
        assert chip.level(PIN) == on
        after.set(True)
    assert set(levels) <= {on}
    # And when Home Assistant stops: off first, and then let go.
    with driven_levels() as levels:
        await after.async_release(last=False)
    assert levels == [off]
    assert not info(chip).used


async def test_fifty_reloads_open_no_second_line(hass: HomeAssistant, chip: SimulatedChip) -> None:
    output = make(hass, chip)
    await until(lambda: output.on is False)
    output.set(True)
    opened = files()
    with driven_levels() as levels:
        for _ in range(50):
            output.async_stop()
            output = make(hass, chip)
            assert output.on is True
        assert files() == opened
    assert set(levels) <= {1}
    await output.async_release(last=False)
    assert not info(chip).used
    assert files() < opened


async def test_a_load_that_is_kept_at_a_stop_goes_on_after_a_restart(hass: HomeAssistant, chip: SimulatedChip) -> None:
    before = make(hass, chip)
    await until(lambda: before.on is False)
    before.set(True)
    # A board that keeps the level of a pin that is let go.
    chip.pull(PIN, up=True)
    with driven_levels() as levels:
        await before.async_release(last=None)
        assert not info(chip).used
        after = make(hass, chip)
        await until(lambda: after.on is not None)
    assert after.on is True
    assert chip.level(PIN) == 1
    assert set(levels) <= {1}
    await after.async_release(last=False)


async def test_a_line_that_somebody_has_is_named_and_taken_when_it_is_free(
    hass: HomeAssistant, chip: SimulatedChip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_FIRST_PAUSE", 0.05)
    with chip.held(PIN, "heating-pump"):
        output = make(hass, chip)
        await until(lambda: output.fault is not None)
        assert (output.fault, output.facts["holder"]) == ("busy", "heating-pump")
        assert output.on is None
        assert chip.level(PIN) == 1
    await until(lambda: output.on is False)
    assert output.fault is None
    await output.async_release(last=False)


async def test_a_chip_that_vanishes_is_a_fault_until_it_is_back(
    hass: HomeAssistant, chip: SimulatedChip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_FIRST_PAUSE", 0.05)
    output = make(hass, chip)
    await until(lambda: output.on is False)
    chip.pull_out()
    output.set(True)
    assert (output.on, output.fault) == (None, "missing")
    chip.plug()
    await until(lambda: output.fault is None)
    assert chip.level(PIN) == 0
    output.set(True)
    assert chip.level(PIN) == 1
    await output.async_release(last=False)


async def test_a_chip_that_vanishes_is_a_fault_though_nothing_is_switched(
    hass: HomeAssistant, chip: SimulatedChip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(outputs, "_LOOK", 0.05)
    output = make(hass, chip)
    await until(lambda: output.on is False)
    chip.pull_out()
    await until(lambda: output.fault == "missing")
    chip.plug()
    await until(lambda: output.fault is None)
    assert chip.level(PIN) == 0
    await output.async_release(last=False)
