"""A meter with an optical head on a pseudo-terminal (IEC 62056-21), good or bad.

What is sent while the port has another speed than the meter arrives as garbage, in both directions: the speed is what
termios says of the port.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
import os
import re
import termios
import tty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAK = b"\x15"
BITS = 10
PUSHES_EVERY = 2.0  # seconds between two telegrams in mode D
SPEEDS = {
    termios.B300: 300,
    termios.B600: 600,
    termios.B1200: 1200,
    termios.B2400: 2400,
    termios.B4800: 4800,
    termios.B9600: 9600,
    termios.B19200: 19200,
}
MODE_B = dict(zip("ABCDEF", (600, 1200, 2400, 4800, 9600, 19200), strict=True))
MODE_C = dict(zip("0123456", (300, 600, 1200, 2400, 4800, 9600, 19200), strict=True))
SIGN_ON = re.compile(rb"/(.)([0-9A-Za-z ]*)!\r\n")
ACKNOWLEDGEMENT = re.compile(rb"\x060([0-6])0\r\n")

LINES = (
    "F.F(00000000)\r\n"
    "0.0.0(12345678)\r\n"
    "0.9.1(120000)\r\n"
    "0.9.2(260115)\r\n"
    "1.8.1(000123.456*kWh)\r\n"
    "1.8.2(000004.426*kWh)\r\n"
    "2.8.0(000000.000*kWh)\r\n"
    "1.7.0(00.512*kW)\r\n"
    "!\r\n"
)


class Bcc(StrEnum):
    """What a meter sends after ETX."""

    GOOD = "good"
    NONE = "none"


class Mode(StrEnum):
    """IEC 62056-21 §6.3: who changes the speed, and who talks first."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"


@dataclass(kw_only=True)
class Habits:
    """What kind of meter it is.

    The counts of what goes wrong (`deaf_to`, `refuses`, `cut`, `damaged`) go down each time it did.
    """

    mode: Mode = Mode.C
    ident: str = "TST5OPTICAL"
    lines: str = LINES
    bcc: Bcc = Bcc.GOOD
    address: str = ""
    query: str = "?"
    sleeps: bool = False  # it wants NULs first
    echo: bool = False  # the head echoes
    parity: bool = False  # the parity bit is in the bytes: a port that knows no 7E1
    reaction: float = 0.2  # seconds from hearing to answering: 0.2 to 1.5, but 0.02 where the third letter is small
    waiting: float = 1.5  # seconds for an acknowledgement or a NAK
    padding: bytes = b""  # before "/" and STX
    ignores_rate: bool = False
    hdlc: bool = False  # it answers an acknowledgement in HDLC
    deaf_to: int = 0  # sign-ons that it does not hear
    refuses: int = 0  # sign-ons that it answers with NAK
    cut: int = 0  # blocks without what follows the "!" line
    damaged: int = 0  # blocks with a wrong digit


@dataclass
class Heard:
    """What the meter saw of who asks: messages with the speed of the port, and the speeds it sent data at."""

    messages: list[tuple[int, bytes]] = field(default_factory=list)
    data_at: list[int] = field(default_factory=list)
    overlapping: int = 0


class OpticalMeter:
    """The meter, its head and the port; `path` becomes a link to that."""

    def __init__(self, path: Path, habits: Habits, *, pace: float = 1.0, lenience: float = 0.0) -> None:
        """Make the port.

        Args:
            path: the link.
            habits: of the meter.
            pace: every time is multiplied by it.
            lenience: seconds of real time that it waits for the port to have its speed before it sends data, so that a
                fast life on a slow machine is no fault of who asks.
        """
        self.port = str(path)
        self._link = path
        self.habits = habits
        self.heard = Heard()
        self._pace = pace
        self._lenience = lenience
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        path.symlink_to(os.ttyname(self._slave))
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._pending = b""
        self._baud = 300

    @property
    def speed(self) -> int:
        """The speed of the port, bit/s."""
        return SPEEDS.get(termios.tcgetattr(self._slave)[4], 0)

    def close(self) -> None:
        """Pull it out: the port is gone, and its number may be that of another one."""
        for descriptor in (self._master, self._slave):
            os.close(descriptor)
        self._slave = -1
        self._link.unlink()

    async def run(self) -> None:
        """Live, until cancelled."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._master, self._receive)
        try:
            if self.habits.mode is Mode.D:
                await self._push()
            message = b""
            while True:
                message = await self._answer(message or await self._message(None))
        finally:
            loop.remove_reader(self._master)

    # The wire.

    def _receive(self) -> None:
        with suppress(BlockingIOError, OSError):
            data = os.read(self._master, 4096)
            if self.habits.echo:
                os.write(self._master, self._dressed(data))
            speed = self.speed
            sending = BITS * len(data) / max(speed, 300) * self._pace
            asyncio.get_running_loop().call_later(sending, self._sent, data, speed)

    def _sent(self, data: bytes, speed: int) -> None:
        """The last bit has left: who switched before that has spoilt it. A sign-on is heard at any time.

        Not with lenience: this timer and that of who asks are milliseconds apart, and a busy machine turns them round.
        """
        if self._slave < 0:
            return
        if (
            (self.speed != speed and not self._lenience)
            or speed not in {self._baud, 300}
            or (data == NAK and speed != self._baud)
        ):
            data = b"\x7f"
        self.heard.messages.append((speed, data))
        self._inbox.put_nowait(data)

    async def _message(self, patience: float | None) -> bytes:
        """The next message, once its last bit has come; b"" if none comes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(None if patience is None else patience * self._pace):
                return await self._inbox.get()
        return b""

    async def _send(self, data: bytes) -> None:
        """Send at the meter's speed, some characters at a time: a quarter of a second of them, or less."""
        size = max(1, min(len(data) // 12, self._baud // BITS // 4))
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            await asyncio.sleep(BITS * len(piece) / self._baud * self._pace)
            if self.speed != self._baud:
                piece = bytes(byte & 0x07 | 0xF0 for byte in piece)
            while self._inbox.qsize():
                # It hears nothing while it talks.
                self._inbox.get_nowait()
                self.heard.overlapping += 1
            with suppress(BlockingIOError, OSError):
                os.write(self._master, self._dressed(piece))

    def _dressed(self, data: bytes) -> bytes:
        if not self.habits.parity:
            return data
        return bytes(byte | (byte.bit_count() % 2) << 7 for byte in data)

    async def _reaction(self) -> None:
        quick = self.habits.ident[2].islower()
        await asyncio.sleep((0.02 if quick else self.habits.reaction) * self._pace)

    # The talk.

    async def _push(self) -> None:
        self._baud = 2400
        while True:
            await self._send(f"/{self.habits.ident}\r\n\r\n{self.habits.lines}".encode("ascii"))
            await asyncio.sleep(PUSHES_EVERY * self._pace)

    def _is_asked(self, message: bytes) -> bool:
        habits = self.habits
        if habits.sleeps:
            habits.sleeps = bool(message.strip(b"\0")) or len(message) < 60
            return False
        asked = SIGN_ON.fullmatch(message)
        if not asked or asked[1].decode() != habits.query or asked[2].decode().lstrip("0") not in {"", habits.address}:
            return False
        habits.deaf_to -= 1
        return habits.deaf_to < 0

    async def _answer(self, message: bytes) -> bytes:
        """Answer a sign-on; return what came next, if it was no part of this talk."""
        habits = self.habits
        self._baud = 300
        if not self._is_asked(message):
            return b""
        await self._reaction()
        habits.refuses -= 1
        if habits.refuses >= 0:
            await self._send(NAK)
            return b""
        await self._send(habits.padding + f"/{habits.ident}\r\n".encode("ascii"))
        await self._agree()
        await self._reaction()
        await self._until_port_follows()
        if habits.hdlc:
            await self._send(bytes.fromhex("7ea0210002002303"))
            return b""
        await self._send(self._block())
        while (message := await self._message(habits.waiting)) == NAK:
            await self._reaction()
            await self._send(self._block())
        return message

    async def _agree(self) -> None:
        """Change the speed, as this mode does it."""
        if self.habits.mode is Mode.B:
            self._baud = MODE_B[self.habits.ident[3]]
        elif self.habits.mode is Mode.C:
            acknowledged = ACKNOWLEDGEMENT.fullmatch(await self._message(self.habits.waiting))
            if acknowledged and not self.habits.ignores_rate:
                self._baud = MODE_C[acknowledged[1].decode()]

    async def _until_port_follows(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._lenience):
                while self.speed != self._baud:  # noqa: ASYNC110 (termios tells nobody of a change)
                    await asyncio.sleep(0.001)

    def _block(self) -> bytes:
        habits = self.habits
        self.heard.data_at.append(self._baud)
        lines = habits.lines.encode("ascii")
        start = habits.padding + b"\x02"
        if habits.cut:
            habits.cut -= 1
            return start + lines
        check = 0
        for byte in lines + b"\x03":
            check ^= byte
        if habits.damaged:
            habits.damaged -= 1
            lines = lines.replace(b"123.456", b"123.457")
        return start + lines + b"\x03" + (bytes([check]) if habits.bcc is Bcc.GOOD else b"")
