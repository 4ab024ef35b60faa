"""The simulated meter on a pseudo terminal, on TCP and as a program."""

import asyncio
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
import json
import os
from pathlib import Path
import re
import runpy
import signal
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

import pytest

from tests.simulation.checksum import crc16
from tests.simulation.faults import Damage, Fault
from tests.simulation.household import ZONE
from tests.simulation.meter import SimulatedMeter
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 11, 24, 12, tzinfo=ZONE)
WHOLE = re.compile(rb"(/[^/!]+!)([0-9A-F]{4})\r\n")


class Port:
    """A port opened as a serial program does, read until something was seen."""

    def __init__(self, path: Path) -> None:
        self.file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.heard = b""

    def set_speed(self, speed: int) -> None:
        attributes = termios.tcgetattr(self.file)
        attributes[4] = attributes[5] = speed
        termios.tcsetattr(self.file, termios.TCSANOW, attributes)

    async def hear(self, length: int) -> bytes:
        """Read so many bytes more, for at most half a minute."""
        async with asyncio.timeout(30):
            wanted = len(self.heard) + length
            while len(self.heard) < wanted:
                try:
                    piece = os.read(self.file, 4_096)
                except BlockingIOError:
                    await asyncio.sleep(0.005)
                    continue
                if not piece:
                    raise ConnectionResetError("hung up")
                self.heard += piece
        return self.heard


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Port]:
    port = Port(path)
    try:
        yield port
    finally:
        os.close(port.file)


def gone(link: Path) -> bool:
    return not link.is_symlink()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the meter has no event for it
            await asyncio.sleep(0.005)


async def more(meter: SimulatedMeter, telegrams: int) -> None:
    said = meter.telegrams_sent + telegrams
    await until(lambda: meter.telegrams_sent >= said)


def whole(stream: bytes) -> Iterator[bytes]:
    for match in WHOLE.finditer(stream):
        if crc16(match[1]) == int(match[2], 16):
            yield match[0]


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "meter"


async def test_a_pty_gives_whole_telegrams(link: Path) -> None:
    meter = SimulatedMeter("nl5", speed=100, start=START)
    async with meter.on_pty(link), opened(link) as port:
        heard = list(whole(await port.hear(5_000)))
        assert len(heard) >= 4
        assert heard == [sent.telegram for sent in meter.sent if sent.telegram in heard]
        assert meter.telegrams_sent >= len(heard)
    assert gone(link)


async def test_what_nobody_listened_to_is_gone(link: Path) -> None:
    meter = SimulatedMeter("nl5", speed=100, start=START)
    async with meter.on_pty(link):
        async with opened(link) as port:
            await port.hear(1_000)
            await more(meter, 3)  # these are left unread
        await more(meter, 3)
        missed = meter.telegrams_sent
        async with opened(link) as port:
            first = next(whole(await port.hear(2_000)))
        assert first in [sent.telegram for sent in list(meter.sent)[missed:]]


async def test_a_port_that_is_not_read_fills_and_the_meter_goes_on(link: Path) -> None:
    meter = SimulatedMeter("nl5", speed=200, start=START)
    async with meter.on_pty(link), opened(link) as port:
        await more(meter, 20)
        stale = list(whole(await port.hear(1)))
        assert 1 <= len(stale) < 10
        assert list(whole((await port.hear(5_000))[4_096:]))


async def test_the_cable_is_pulled_and_put_back(link: Path) -> None:
    meter = SimulatedMeter("nl5", speed=100, start=START)
    async with meter.on_pty(link) as cable:
        async with opened(link) as port:
            await port.hear(1_000)
            cable.unplug()
            assert not cable.plugged
            assert gone(link)
            with pytest.raises(ConnectionResetError):
                await port.hear(100_000)
        cable.plug()
        async with opened(link) as port:
            assert list(whole(await port.hear(2_000)))


async def test_another_speed_hears_garbage(link: Path) -> None:
    meter = SimulatedMeter("nl2", speed=500, start=START)
    async with meter.on_pty(link), opened(link) as port:
        port.set_speed(termios.B115200)
        garbage = await port.hear(2_000)
        assert not garbage.isascii()
        assert b"1-0:1.8.1(" not in garbage
        port.set_speed(termios.B9600)
        assert b"1-0:1.8.1(" in (await port.hear(6_000))[-2_000:]


async def test_tcp_serves_several_at_once() -> None:
    meter = SimulatedMeter("be", speed=100, start=START)
    async with meter.on_tcp() as port:
        one, two = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        assert list(whole(await one[0].readexactly(4_000)))
        assert list(whole(await two[0].readexactly(4_000)))
        two[1].close()
        assert list(whole(await one[0].readexactly(4_000)))
    rest = await one[0].read()
    assert await one[0].read() == b""  # the meter is gone
    assert list(whole(rest)) == [sent.telegram for sent in meter.sent if sent.telegram in rest]
    one[1].close()


async def test_silence_and_a_load() -> None:
    meter = SimulatedMeter("nl5", speed=100, start=START)
    async with meter.on_tcp():
        meter.silence()
        said, lived = meter.telegrams_sent, meter.household.now
        await until(lambda: meter.household.now > lived)  # life goes on
        assert meter.telegrams_sent == said
        before = meter.household.extra
        meter.add_load(500)
        assert meter.household.extra - before == 500
        meter.speak()
        await more(meter, 1)


async def test_damage_on_the_line_is_known() -> None:
    meter = SimulatedMeter("nl5", speed=500, start=START, damage=Damage(share=0.5))
    stream = b""
    async with meter.on_tcp() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while meter.telegrams_sent < 60:
            stream += await reader.read(4_096)
        meter.faults([Fault.CRC], share=1)
        said = meter.telegrams_sent
        while meter.telegrams_sent < said + 5:
            stream += await reader.read(4_096)
    stream += await reader.read()
    writer.close()
    good = [sent.telegram for sent in meter.sent if sent.delivery.good]
    arrived = [telegram for telegram in good if telegram in stream]
    assert len(arrived) >= 20
    assert arrived == good[-len(arrived) :]  # none is missing since the port was opened
    bad = [sent.telegram for sent in meter.sent if not sent.delivery.good]
    assert len(bad) >= 5
    assert not [telegram for telegram in bad if telegram in stream]


async def test_the_clock_of_the_meter() -> None:
    meter = SimulatedMeter("nl4", speed=200, start=START)
    async with meter.on_tcp():
        await until(lambda: meter.telegrams_sent > 0)
    assert meter.sent[0].time == START + timedelta(seconds=10)
    real = SimulatedMeter("nl5")
    async with real.on_tcp():
        await until(lambda: real.telegrams_sent > 0)
        shown = real.sent[0].time.timestamp()
        assert shown == int(shown)  # on the whole second
        assert 0 <= time.time() - shown < 60


def test_as_a_program(link: Path) -> None:
    command = [sys.executable, "-m", "tests.simulation", "--system", "nl2", "--start", "2026-11-24T12:00"]
    programs = [
        subprocess.Popen([*command, *where], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for where in (("--pty", str(link)), ("--tcp", "0"))
    ]
    try:
        on_pty, on_tcp = [json.loads(program.stdout.readline()) for program in programs if program.stdout]
        for served in (on_pty, on_tcp):
            assert served["system"] == "nl2"
            assert served["line"] == "9600 7E1"
            assert served["interval"] == 10
            assert served["start"] == "2026-11-24T12:00:00+01:00"
        assert on_pty["port"] == str(link)
        assert link.is_symlink()
        assert re.fullmatch(r"socket://127\.0\.0\.1:\d+", on_tcp["port"])
        programs[0].send_signal(signal.SIGTERM)
        programs[1].send_signal(signal.SIGINT)
        assert [program.wait(10) for program in programs] == [0, 0]
        assert not link.is_symlink()
    finally:
        for program in programs:
            program.kill()
            program.communicate()


def test_the_demo_can_be_had_with_every_system() -> None:
    # It starts on a Python that cannot read the list itself.
    assert runpy.run_path(str(ROOT / "scripts/demo"), run_name="demo")["SYSTEMS"] == tuple(SYSTEMS)
