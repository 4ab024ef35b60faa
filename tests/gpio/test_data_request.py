"""The meter's data-request line on a pin: a meter that sends only while the pin is high is read, and let go again."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, override
from zoneinfo import ZoneInfo

import pytest

from p1meter.gpio import GpioError, GpioLine
from p1meter.link import LineSettings, LinkState, RequestLine, Stream, TransportError, TransportErrorKind
from p1meter.meter import Reader, Rejected, Telegram
from tests.background import running
from tests.link.line import Cable, telegram, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from p1meter.link import Transport

    from .simulator import SimulatedChip

PIN = 5
SENDS_EVERY = 0.05


class PinRequest(RequestLine):
    """The pin that the meter's data request is wired to."""

    def __init__(self, line: GpioLine) -> None:
        self._line = line

    @override
    async def set(self, transport: Transport, *, on: bool) -> None:
        try:
            self._line.set(on)
        except GpioError as err:
            raise TransportError(TransportErrorKind.NOT_A_PORT, err.detail) from err


@asynccontextmanager
async def meter(chip: SimulatedChip, cable: Cable) -> AsyncIterator[None]:
    """A meter that sends while its request pin is high."""

    async def send() -> None:
        number = 0
        while True:
            if chip.level(PIN):
                number += 1
                await cable.send(telegram(number))
            await asyncio.sleep(SENDS_EVERY)

    async with running(send()):
        yield


@pytest.mark.parametrize("active_low", [False, True])
async def test_a_meter_that_waits_for_its_pin_is_read(chip: SimulatedChip, tmp_path: Path, *, active_low: bool) -> None:
    line = GpioLine(chip.path, PIN, consumer="p1meter", active_low=active_low)
    await asyncio.to_thread(line.open, on=False)
    cable = Cable(tmp_path / "ttyMETER")
    telegrams: list[Telegram] = []
    states: list[LinkState] = []

    def on_items(items: list[Telegram | Rejected]) -> None:
        telegrams.extend(item for item in items if isinstance(item, Telegram))

    stream = Stream(
        cable.port,
        LineSettings(),
        Reader(zone=ZoneInfo("Europe/Amsterdam")),
        on_items=on_items,
        on_state=lambda state, _error: states.append(state),
        clock=lambda: datetime(2026, 1, 15, 12, tzinfo=UTC),
        request=PinRequest(line),
    )
    async with meter(chip, cable):
        await asyncio.sleep(3 * SENDS_EVERY)
        async with running(stream.run()):
            await until(lambda: LinkState.CONNECTED in states)
            if active_low:
                await until(lambda: chip.level(PIN) == 0)
                await asyncio.sleep(3 * SENDS_EVERY)
                # A transistor in between turns the level round; this meter has none.
                assert not telegrams
            else:
                await until(lambda: len(telegrams) >= 3)
                assert chip.level(PIN) == 1
        assert chip.level(PIN) == int(active_low)
    line.release()
    cable.close()
