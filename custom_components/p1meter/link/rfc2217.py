"""The client's side of RFC 2217: a serial port at the other end of a telnet connection.

serialx has one too. It waits for answers to questions that a reader of meters need not ask (line and modem state
masks), and servers that are in use everywhere never give them: ser2net of Debian 12, and the one that comes with
pyserial.
"""

import asyncio
import re
from typing import TYPE_CHECKING, Final, cast

from serialx import Parity, StopBits

if TYPE_CHECKING:
    from collections.abc import Mapping

# Telnet (RFC 854, RFC 856, RFC 858).
_SE: Final = 240
_SB: Final = 250
_WILL: Final = 251
_WONT: Final = 252
_DO: Final = 253
_DONT: Final = 254
_IAC: Final = 255
_BINARY: Final = 0
_SUPPRESS_GO_AHEAD: Final = 3
# RFC 2217 §2 and §3. The answer to a command has its number and a hundred more.
_COM_PORT: Final = 44
_SET_BAUDRATE: Final = 1
_SET_DATASIZE: Final = 2
_SET_PARITY: Final = 3
_SET_STOPSIZE: Final = 4
_SET_CONTROL: Final = 5
_ANSWER: Final = 100
_NO_FLOW_CONTROL: Final = 1
_DTR: Final = {True: 8, False: 9}
_RTS: Final = {True: 11, False: 12}
_PARITIES: Final = {Parity.NONE: 1, Parity.ODD: 2, Parity.EVEN: 3}
_STOP_SIZES: Final = {StopBits.ONE: 1, StopBits.TWO: 2}

# What begins with IAC: a subnegotiation, up to the next IAC that is not doubled; an option; or a single byte.
_COMMAND = re.compile(rb"\xff(?:\xfa((?:[^\xff]|\xff\xff)*+)\xff[^\xff]|([\xfb-\xfe])(.)|([^\xfa-\xfe]))", re.DOTALL)
# No answer that we ask for is longer than a few bytes.
_LONGEST_COMMAND: Final = 256
# What a server says in words before it hangs up: "Port already in use".
_LONGEST_WORDS: Final = 80


class NoRfc2217Error(Exception):
    """There is a server, but it does not speak RFC 2217."""


class Rfc2217Port(asyncio.Transport, asyncio.Protocol):
    """A port behind an RFC 2217 server: the transport of a receiver, and the protocol of the connection."""

    def __init__(self, receiver: asyncio.Protocol) -> None:
        """Prepare; ``receiver`` is told of the port, and gets what comes from it, from ``begin`` on."""
        super().__init__()
        self._receiver = receiver
        self._connection: asyncio.Transport | None = None
        self._agreed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._awaited: dict[int, asyncio.Future[None]] = {}
        self._began = False
        self._incomplete = b""
        self._before = b""
        self._ours = {_BINARY, _SUPPRESS_GO_AHEAD, _COM_PORT}
        self._theirs = {_BINARY, _SUPPRESS_GO_AHEAD}
        self._refused: set[tuple[int, int]] = set()

    # --- the protocol of the connection -------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Offer what we can do, and ask the same of the server."""
        self._connection = cast("asyncio.Transport", transport)
        for verb, options in ((_WILL, self._ours), (_DO, self._theirs)):
            for option in sorted(options):
                self._send(bytes((_IAC, verb, option)))

    def data_received(self, data: bytes) -> None:
        """Tell what comes from the port from what the server says itself."""
        if self._incomplete or b"\xff" in data:
            data = self._follow_commands(self._incomplete + data)
        if not self._began:
            self._before = (self._before + data)[:_LONGEST_WORDS]
        elif data:
            self._receiver.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody who waits."""
        self._connection = None
        error = self._lost() if exc is None or isinstance(exc, ConnectionError) else exc
        for waiting in (self._agreed, *self._awaited.values()):
            if not waiting.done():
                waiting.set_exception(error)
        if self._began:
            self._receiver.connection_lost(exc)

    # --- opening ------------------------------------------------------------------------------------------------------

    async def agree(self) -> None:
        """Wait until the server says whether it speaks RFC 2217.

        Raises:
            NoRfc2217Error: it does not.
            OSError: the connection was lost.
        """
        await self._agreed

    def prepare(self, *, lines: bool) -> None:
        """Raise or lower both modem lines, and let no byte stop the flow; nobody waits for servers that cannot."""
        for control in (_NO_FLOW_CONTROL, _DTR[lines], _RTS[lines]):
            self._command(_SET_CONTROL, bytes((control,)))

    def begin(self) -> None:
        """Give the receiver what comes from now on."""
        self._began, self._before = True, b""
        self._receiver.connection_made(self)

    # --- the transport of the receiver --------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes to the port; once the connection is gone they go nowhere."""
        self._send(bytes(data).replace(b"\xff", b"\xff\xff"))

    async def reconfigure_port(self, *, baudrate: int, byte_size: int, parity: Parity, stopbits: StopBits) -> None:
        """Set speed and character format, and wait until the server has said that it did.

        Raises:
            OSError: the connection was lost.
        """
        await self._ask(
            {
                _SET_BAUDRATE: baudrate.to_bytes(4, "big"),
                _SET_DATASIZE: bytes((byte_size,)),
                _SET_PARITY: bytes((_PARITIES[parity],)),
                _SET_STOPSIZE: bytes((_STOP_SIZES[stopbits],)),
            }
        )

    async def set_modem_pins(self, *, rts: bool | None, dtr: bool | None) -> None:
        """Raise or lower RTS and DTR (None: as it is), and wait until the server has said that it did.

        Raises:
            OSError: the connection was lost.
        """
        for wish, controls in ((rts, _RTS), (dtr, _DTR)):
            if wish is not None:
                await self._ask({_SET_CONTROL: bytes((controls[wish],))})

    def pause_reading(self) -> None:
        """Hold the server back."""
        if self._connection is not None:
            self._connection.pause_reading()

    def resume_reading(self) -> None:
        """Go on taking what comes."""
        if self._connection is not None:
            self._connection.resume_reading()

    def is_closing(self) -> bool:
        """Return whether the connection is ended, or about to."""
        return self._connection is None or self._connection.is_closing()

    def close(self) -> None:
        """End the connection once everything is sent."""
        if self._connection is not None:
            self._connection.close()

    def abort(self) -> None:
        """End the connection at once."""
        if self._connection is not None:
            self._connection.abort()

    # --- what the server says itself ----------------------------------------------------------------------------------

    def _follow_commands(self, data: bytes) -> bytes:
        """Do what the server asks for; return what comes from the port. The beginning of a command is kept."""
        pieces = []
        place = 0
        self._incomplete = b""
        while (found := data.find(b"\xff", place)) >= 0:
            pieces.append(data[place:found])
            command = _COMMAND.match(data, found)
            if command is None:
                if len(data) - found <= _LONGEST_COMMAND:
                    self._incomplete = data[found:]
                    return b"".join(pieces)
                # It never ends: whatever it is, what follows is of the port.
                place = found + 2
                continue
            place = command.end()
            subnegotiation, verb, option, single = command.groups()
            if subnegotiation is not None:
                self._take_answer(subnegotiation.replace(b"\xff\xff", b"\xff"))
            elif verb is not None:
                self._negotiate(verb[0], option[0])
            elif single == b"\xff":
                pieces.append(single)
        pieces.append(data[place:])
        return b"".join(pieces)

    def _negotiate(self, verb: int, option: int) -> None:
        """Answer only what changes something: some servers take every answer for a new question."""
        if option == _COM_PORT and not self._agreed.done():
            # Some say only that they do it, some only that we may.
            if verb in {_DO, _WILL}:
                self._agreed.set_result(None)
            elif verb == _DONT:
                self._agreed.set_exception(
                    NoRfc2217Error("the server refuses COM-PORT-OPTION: bare data is for socket://")
                )
        if verb == _WILL and option == _COM_PORT and option not in self._theirs:
            self._theirs.add(option)
            self._send(bytes((_IAC, _DO, option)))
        elif verb in {_DO, _DONT}:
            self._agree_on(option, self._ours, asked=verb == _DO, no=_WONT)
        else:
            self._agree_on(option, self._theirs, asked=verb == _WILL, no=_DONT)

    def _agree_on(self, option: int, agreed: set[int], *, asked: bool, no: int) -> None:
        """Say no, once, to an option that is not ours to do, or that the other side takes back."""
        if (option in agreed) != asked and (no, option) not in self._refused:
            agreed.discard(option)
            self._refused.add((no, option))
            self._send(bytes((_IAC, no, option)))

    def _take_answer(self, subnegotiation: bytes) -> None:
        if len(subnegotiation) > 1 and subnegotiation[0] == _COM_PORT:
            waiting = self._awaited.get(subnegotiation[1] - _ANSWER)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    # --- what is said to the server -----------------------------------------------------------------------------------

    async def _ask(self, commands: Mapping[int, bytes]) -> None:
        loop = asyncio.get_running_loop()
        self._awaited = {command: loop.create_future() for command in commands}
        for command, value in commands.items():
            self._command(command, value)
        try:
            if self._connection is None:
                raise self._lost()
            await asyncio.gather(*self._awaited.values())
        finally:
            self._awaited = {}

    def _command(self, command: int, value: bytes) -> None:
        escaped = value.replace(b"\xff", b"\xff\xff")
        self._send(bytes((_IAC, _SB, _COM_PORT, command)) + escaped + bytes((_IAC, _SE)))

    def _send(self, data: bytes) -> None:
        if self._connection is not None:
            self._connection.write(data)

    def _lost(self) -> ConnectionError:
        said = " ".join(self._before.decode("ascii", "replace").split())
        return ConnectionResetError(said or "the other side closed the connection")
