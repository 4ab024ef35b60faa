"""A simulated meter that talks: on a pseudo terminal or a TCP port, in real time or faster."""

import asyncio
from collections import deque
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
import os
from random import Random
import select
import termios
import time
import tty
from typing import TYPE_CHECKING

from .faults import Damage, Delivery, Fault, chunks
from .household import Household
from .telegrams import SYSTEMS, System

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable
    from pathlib import Path

    from .household import Registers

_KEPT = 1_000
_TCP_BACKLOG = 65_536  # bytes; who reads slower than that misses telegrams, as on a serial line
_SPEEDS = {9_600: termios.B9600, 115_200: termios.B115200}


@dataclass(frozen=True, slots=True)
class Sent:
    """One telegram as it was meant, at its meter time, and what was done to it on the line."""

    time: datetime
    telegram: bytes
    delivery: Delivery


class Cable:
    """A pseudo terminal behind the symbolic link `link`, which stands for the cable: it can be pulled and put back.

    What is sent while nobody has the port open is lost, as on a real line, and so is what does not fit into the
    kernel's 4 KB. A port that is set to another speed than the meter's reads garbage. (The kernel keeps every pseudo
    terminal at 8N1, so parity cannot be told apart: text in seven bits comes as a port that is set right reads it.)
    """

    def __init__(self, link: Path, system: System) -> None:
        self.link = link
        self._speed = _SPEEDS[system.baudrate]
        self._master: int | None = None
        self._heard = False
        self._hiss = Random("hiss")

    @property
    def plugged(self) -> bool:
        """Whether the cable is in."""
        return self._master is not None

    def plug(self) -> None:
        """Put the cable in: a new terminal behind the same link."""
        if self._master is not None:
            return
        self._master, slave = os.openpty()
        tty.setraw(slave)
        attributes = termios.tcgetattr(slave)
        attributes[4] = attributes[5] = self._speed
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        os.set_blocking(self._master, False)
        name = os.ttyname(slave)
        os.close(slave)  # from now on the kernel says whether somebody has the port open
        new = self.link.with_name(f"{self.link.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(name)
        new.replace(self.link)

    def unplug(self) -> None:
        """Pull the cable: the link is gone, and who had the port open is hung up."""
        if self._master is None:
            return
        self.link.unlink(missing_ok=True)
        os.close(self._master)
        self._master = None

    def write(self, data: bytes) -> None:
        """Put bytes on the line, never waiting."""
        if self._master is None or not self._listened_to(self._master):
            return
        if termios.tcgetattr(self._master)[5] != self._speed:
            data = self._hiss.randbytes(len(data))
        try:
            os.write(self._master, data)
        except BlockingIOError:
            return

    def _listened_to(self, master: int) -> bool:
        poll = select.poll()
        poll.register(master, 0)
        open_now = not any(event & select.POLLHUP for _, event in poll.poll(0))
        if self._heard and not open_now:
            # What the last listener left unread must not be the first thing that the next one reads.
            slave = os.open(os.ptsname(master), os.O_RDWR | os.O_NOCTTY)
            termios.tcflush(slave, termios.TCIFLUSH)
            os.close(slave)
        self._heard = open_now
        return open_now


class SimulatedMeter:
    """The meter of one household.

    `system` is a name of `telegrams.SYSTEMS`. Without `start` the meter's clock is the clock of this machine; with one
    it starts there. `speed` makes the clock run faster: 60 lives a minute in each second. `damage` spoils telegrams.
    The meter talks as long as it is on a port: use `on_pty` or `on_tcp` as a context.
    """

    def __init__(
        self,
        system: str = "nl5",
        *,
        seed: int = 1,
        speed: float = 1.0,
        start: datetime | None = None,
        weather: str | None = None,
        damage: Damage | None = None,
        moved: Registers | None = None,
    ) -> None:
        self.system = SYSTEMS[system]
        self.speed = speed
        self.damage = damage
        self.telegrams_sent = 0
        self.sent: deque[Sent] = deque(maxlen=_KEPT)
        self._silent = False
        self._cutter = Random(f"{seed}/cutter")
        now = time.time()
        self._zero = now  # this machine's clock when the meter's stood at its start
        if start is None:
            self._zero = now - now % self.system.interval
            start = datetime.fromtimestamp(self._zero, UTC)
        self.household = Household(seed=seed, start=start, system=system, weather=weather, moved=moved)
        self._start = self.household.now

    @asynccontextmanager
    async def on_pty(self, link: Path) -> AsyncGenerator[Cable]:
        """Talk on a pseudo terminal behind `link`."""
        cable = Cable(link, self.system)
        cable.plug()
        try:
            async with self._talking([cable.write]):
                yield cable
        finally:
            cable.unplug()

    @asynccontextmanager
    async def on_tcp(self, port: int = 0) -> AsyncGenerator[int]:
        """Talk to everyone who connects to a port of this machine (0: any that is free); the port is given."""
        clients: set[asyncio.StreamWriter] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            clients.add(writer)
            with suppress(ConnectionError):
                while await reader.read(1_024):
                    pass  # a P1 port is deaf
            clients.discard(writer)
            writer.close()

        def write(data: bytes) -> None:
            for writer in clients:
                if writer.transport.get_write_buffer_size() < _TCP_BACKLOG:
                    writer.write(data)

        server = await asyncio.start_server(serve, "127.0.0.1", port)
        try:
            async with self._talking([write]):
                yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            server.close_clients()
            await server.wait_closed()

    def add_load(self, watts: int) -> None:
        """Draw so many watts more (or, negative, give them) from the next second on, on L1."""
        self.household.extra += watts

    def silence(self) -> None:
        """Say nothing; life in the house goes on."""
        self._silent = True

    def speak(self) -> None:
        """Talk again."""
        self._silent = False

    def faults(self, faults: Iterable[Fault] = Fault, *, share: float) -> None:
        """From now on spoil a share of the telegrams, and deliver all in odd pieces."""
        self.damage = Damage(share=share, faults=faults)

    @asynccontextmanager
    async def _talking(self, lines: list[Callable[[bytes], None]]) -> AsyncGenerator[None]:
        talk = asyncio.create_task(self._talk(lines))
        try:
            yield
        finally:
            talk.cancel()
            with suppress(asyncio.CancelledError):
                await talk

    async def _talk(self, lines: list[Callable[[bytes], None]]) -> None:
        interval = self.system.interval
        while True:
            lived = (self.household.now - self._start).total_seconds()
            await asyncio.sleep(max(0.0, self._zero + (lived + interval) / self.speed - time.time()))
            # A machine that slept does not hear what it missed.
            late = (time.time() - self._zero) * self.speed - lived
            self.household.step(max(1, int(late // interval)) * interval)
            if self._silent:
                continue
            telegram = self.system.compose(self.household)
            delivery = self.damage(telegram) if self.damage else Delivery(telegram, good=True)
            self.sent.append(Sent(self.household.now, telegram, delivery))
            self.telegrams_sent += 1
            for piece in self._pieces(delivery.data):
                for write in lines:
                    write(piece)
                await asyncio.sleep(0)

    def _pieces(self, data: bytes) -> Iterable[bytes]:
        return chunks(data, self._cutter.randrange(1 << 30)) if self.damage else (data,)
