"""Opens a serial port, or an address that stands for one, and moves bytes; one exception type comes out."""

import asyncio
from contextlib import suppress
from enum import StrEnum
import errno
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, Self, cast
from urllib.parse import urlsplit

from serialx import (
    Parity,
    PinState,
    SerialException,
    StopBits,
    UnsupportedSetting,
    create_serial_connection,
)
from serialx.common import UnknownUriScheme
from serialx.descriptor_transport import DescriptorTransport

from .rfc2217 import NoRfc2217Error, Rfc2217Port

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from serialx import BaseSerialTransport

_CONNECT_TIMEOUT = 5.0
# Longer than the connection itself: a serial server is asked several questions after that.
_OPEN_TIMEOUT = 10.0
_CLOSE_TIMEOUT = 2.0
# As much as the kernel keeps of a serial port. By default each read makes room for 256 KiB, which the system gives and
# takes back each time: that costs several times as much as the read itself.
_READ_AT_ONCE = 4096
# What is kept while nobody reads: several of the longest telegrams (8 KiB).
_BUFFER_LIMIT = 64 * 1024
# On these nobody can set a speed.
_PLAIN_SCHEMES = frozenset({"socket", "tcp"})
# What an address needs to make sense at all.
_SCHEMES_WITH_PORT = _PLAIN_SCHEMES | {"rfc2217"}
_SCHEMES_WITH_HOST = _SCHEMES_WITH_PORT | {"esphome"}
# It speaks another protocol, encrypts or does not, knows another key or password.
_REFUSALS_OF_ESPHOME = frozenset({"ProtocolAPIError", "HandshakeAPIError", "InvalidAuthAPIError"})
# The port says no to a setting and stays what it was.
_ERRNOS_OF_A_REFUSAL = frozenset({errno.EINVAL, errno.ENOTTY, errno.EOPNOTSUPP})


class LineSettings(NamedTuple):
    """Speed (bit/s) and character format of a serial line, written as ``115200 8N1``."""

    baudrate: int = 115200
    bytesize: int = 8
    parity: Literal["N", "E", "O"] = "N"
    stopbits: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``115200 8N1`` back.

        Raises:
            ValueError: the text has another form.
        """
        if (match := re.fullmatch(r"([1-9]\d*) ([78])([NEO])([12])", text)) is None:
            raise ValueError(f"no line settings: {text!r}")
        baudrate, bytesize, parity, stopbits = match.groups()
        return cls(int(baudrate), int(bytesize), cast("Literal['N', 'E', 'O']", parity), int(stopbits))

    def __str__(self) -> str:
        return f"{self.baudrate} {self.bytesize}{self.parity}{self.stopbits}"


class TransportErrorKind(StrEnum):
    """What went wrong with a port, as far as it changes what a person should do."""

    MISSING = "missing"
    """There is no such device: cable not plugged in, another name."""
    BUSY = "busy"
    """Another program holds the port."""
    DENIED = "denied"
    """The system does not let us open it."""
    UNREACHABLE = "unreachable"
    """The network address does not answer or refuses."""
    NO_RFC2217 = "no_rfc2217"
    """There is a server at the address, but it does not answer as RFC 2217 asks for: it may give the bare data."""
    NO_PROXY = "no_proxy"
    """There is something at the address, but no serial proxy of ESPHome that could be opened as it is written."""
    NOT_A_PORT = "not_a_port"
    """It is there, but it is no serial port or cannot do what was asked."""
    UNKNOWN_SCHEME = "unknown_scheme"
    """The address is neither a path nor a URL that is understood."""
    LOST = "lost"
    """The port was open and went away."""


class TransportError(Exception):
    """A port could not be opened or was lost: ``kind`` says how, ``detail`` in the words of the system."""

    def __init__(self, kind: TransportErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


_KINDS_OF_ERRNO = {
    errno.ENOENT: TransportErrorKind.MISSING,
    errno.ENODEV: TransportErrorKind.MISSING,
    errno.ENXIO: TransportErrorKind.MISSING,
    errno.ENOTDIR: TransportErrorKind.MISSING,
    # A device on its way out: its name is still there, its driver is not.
    errno.EIO: TransportErrorKind.MISSING,
    errno.EBUSY: TransportErrorKind.BUSY,
    errno.EACCES: TransportErrorKind.DENIED,
    errno.EPERM: TransportErrorKind.DENIED,
    errno.EROFS: TransportErrorKind.DENIED,
}


def scheme_of(port: str) -> str:
    """Return the scheme of an address, in lower case; "" for a device of this machine."""
    match = re.match(r"([A-Za-z][-+.A-Za-z0-9]*):", port)
    return match[1].lower() if match else ""


def is_url(port: str) -> bool:
    """Whether the port is an address (``socket://…``) and no device of this machine."""
    return scheme_of(port) != ""


def has_line_settings(port: str) -> bool:
    """Whether speed and character format mean anything on this port."""
    return scheme_of(port) not in _PLAIN_SCHEMES


class _Port(Protocol):
    """What is asked of an open port, whoever opened it."""

    def write(self, data: bytes) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def is_closing(self) -> bool: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    async def set_modem_pins(self, *, rts: bool | None, dtr: bool | None) -> None: ...
    async def reconfigure_port(self, *, baudrate: int, byte_size: int, parity: Parity, stopbits: StopBits) -> None: ...


class _Listener(NamedTuple):
    """Who is told of what arrives: up to ``limit`` bytes at a time, until ``take`` wants no more.

    ``ended`` is set then (True), or when the port is gone and everything was taken (False).
    """

    take: Callable[[bytes], bool]
    limit: int
    ended: asyncio.Future[bool]


class _Receiver(asyncio.Protocol):
    """Keeps what arrives until it is read, or hands it to who listens; holds the sender back when nobody does."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: _Port | None = None
        self._paused = False
        self._arrived = asyncio.Event()
        self._listener: _Listener | None = None
        self.closed = asyncio.Event()
        self.error: Exception | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("_Port", transport)

    def data_received(self, data: bytes) -> None:
        listener = self._listener
        if listener is not None and not self._buffer and len(data) <= listener.limit and not listener.ended.done():
            # So it is nearly always: a whole telegram.
            self._give(listener, bytes(data))
            return
        self._buffer += data
        self._tell()
        if len(self._buffer) > _BUFFER_LIMIT and not self._paused and self._transport is not None:
            try:
                self._transport.pause_reading()
            except NotImplementedError:
                # An ESPHome proxy cannot be held back: the oldest bytes go.
                del self._buffer[:-_BUFFER_LIMIT]
            else:
                self._paused = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.closed.set()
        self._tell()

    def _tell(self) -> None:
        if self._listener is None:
            self._arrived.set()
        else:
            self._hand_on(self._listener)

    def _hand_on(self, listener: _Listener) -> None:
        """Hand on what is there, here and now: to wake a task costs more than most pieces are worth."""
        while self._buffer and not listener.ended.done():
            self._give(listener, self._take_out(listener.limit))
        if self.closed.is_set() and not listener.ended.done():
            listener.ended.set_result(False)

    def _give(self, listener: _Listener, data: bytes) -> None:
        take, _, ended = listener
        try:
            wants_more = take(data)
        except Exception as err:
            # It belongs to who listens; but what is done with a telegram may end the listening itself.
            if ended.done():
                raise
            ended.set_exception(err)
        else:
            if not wants_more and not ended.done():
                ended.set_result(True)

    def _take_out(self, limit: int) -> bytes:
        data = bytes(self._buffer[:limit])
        del self._buffer[:limit]
        return data

    async def listen(self, take: Callable[[bytes], bool], limit: int) -> bool:
        """Hand what arrives to ``take`` until it returns False; return False if the port was gone before."""
        self._listener = _Listener(take, limit, asyncio.get_running_loop().create_future())
        try:
            self._hand_on(self._listener)
            self.resume()
            return await self._listener.ended
        finally:
            self._listener = None

    async def read(self, limit: int) -> bytes:
        """Return 1 to ``limit`` bytes; b"" only when the port is gone and everything was read."""
        while not self._buffer and not self.closed.is_set():
            self._arrived.clear()
            await self._arrived.wait()
        data = self._take_out(limit)
        self.resume()
        return data

    def discard(self) -> None:
        """Forget what arrived and was not read."""
        self._buffer.clear()
        self.resume()

    def pause(self) -> None:
        """Leave what arrives with the driver, until ``resume``."""
        if not self._paused and self._transport is not None:
            self._transport.pause_reading()
            self._paused = True

    def resume(self) -> None:
        """Go on taking what arrives, unless there is too much that was not read."""
        if (
            self._paused
            and len(self._buffer) <= _BUFFER_LIMIT // 2
            and self._transport is not None
            and not self._transport.is_closing()
        ):
            self._paused = False
            self._transport.resume_reading()


class Transport:
    """An open port. Made by ``open_transport``."""

    def __init__(self, port: str, transport: _Port, receiver: _Receiver) -> None:
        self._port = port
        self._transport = transport
        self._receiver = receiver

    async def read(self, limit: int = _BUFFER_LIMIT) -> bytes:
        """Wait for bytes and return all that are there, at least one, at most ``limit``.

        Raises:
            TransportError: kind ``lost``, after the last byte was read.
        """
        if data := await self._receiver.read(limit):
            return data
        raise self._lost(self._receiver.error)

    async def listen(self, take: Callable[[bytes], bool], limit: int) -> None:
        """Hand what arrives to ``take`` the moment it arrives, 1 to ``limit`` bytes at a time, until it returns False.

        Raises:
            TransportError: kind ``lost``, after the last byte was taken.
            Exception: what ``take`` raises.
        """
        if not await self._receiver.listen(take, limit):
            raise self._lost(self._receiver.error)

    def write(self, data: bytes) -> None:
        """Hand bytes to the port, without waiting for them to leave.

        Raises:
            TransportError: kind ``lost``.
        """
        if self._receiver.closed.is_set():
            raise self._lost(self._receiver.error)
        try:
            self._transport.write(data)
        except (OSError, SerialException) as err:
            raise self._lost(err) from err

    async def set_lines(self, *, rts: bool | None = None, dtr: bool | None = None) -> None:
        """Raise (True) or lower (False) RTS and DTR; None leaves a line as it is.

        Raises:
            TransportError: the port is lost, or its driver has no such lines.
        """
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await self._transport.set_modem_pins(rts=rts, dtr=dtr)
        except (OSError, SerialException) as err:
            raise self._changed(err) from err

    async def configure(self, settings: LineSettings) -> None:
        """Change speed and character format of the open port, and forget what was not read yet.

        Raises:
            TransportError: kind ``lost``, or ``not_a_port`` if the port cannot do it and stays open.
        """
        if not is_url(self._port):
            # The driver's buffer is emptied in another thread. Who reads just then finds nothing where something was
            # promised, and serialx takes that for a port that is gone.
            self._receiver.pause()
        try:
            try:
                await _set_line(self._transport, settings)
            except OSError as err:
                if err.errno != errno.EINVAL:
                    raise
                await _set_line(self._transport, LineSettings(settings.baudrate))
            self._receiver.discard()
        except (OSError, SerialException) as err:
            raise self._changed(err) from err
        finally:
            self._receiver.resume()

    async def close(self) -> None:
        """Free the port. Never raises; what was not written after two seconds is dropped."""
        for end in (self._transport.close, self._transport.abort):
            # The port is given up either way: what the driver still has to say about it helps nobody.
            with suppress(OSError, SerialException):
                end()
                async with asyncio.timeout(_CLOSE_TIMEOUT):
                    await self._receiver.closed.wait()
                return

    def _changed(self, err: OSError | SerialException) -> TransportError:
        """Translate what a change of an open port ended in."""
        if isinstance(err, OSError):
            refused = err.errno in _ERRNOS_OF_A_REFUSAL
        else:
            # An ESPHome proxy without these lines says no in serialx's own exception, and goes on.
            refused = isinstance(err, UnsupportedSetting) or not self._receiver.closed.is_set()
        if refused:
            return TransportError(TransportErrorKind.NOT_A_PORT, _words(err))
        return self._lost(err)

    def _lost(self, err: Exception | None) -> TransportError:
        ended = "the other side closed the connection" if is_url(self._port) else "the port was closed"
        return TransportError(TransportErrorKind.LOST, ended if err is None else _words(err))


async def open_transport(port: str, settings: LineSettings, *, raise_lines: bool = True) -> Transport:
    """Open a device (``/dev/…``, a link to one) or an address (``socket://``, ``rfc2217://``, ``esphome://``).

    Nobody else gets the port meanwhile (as far as others ask for the lock), and what a driver had in its buffer from
    before is dropped: reading starts with what arrives from now on. A cancelled call leaves nothing open.

    Args:
        port: device path or URL.
        settings: of the line.
        raise_lines: whether RTS and DTR are raised, which supplies many cables and heads, or lowered. Linux itself
            raises both for the moment of opening. They are down after the port was closed.

    Raises:
        TransportError: any kind but ``lost``.
    """
    receiver = _Receiver()
    try:
        _check_address(port)
        try:
            transport = await _connect(port, settings, receiver, raise_lines=raise_lines)
        except OSError as err:
            if err.errno != errno.EINVAL or is_url(port):
                raise
            # A pseudo-terminal knows no parity and answers EINVAL if nothing but that would change. The reader takes
            # the parity bit off itself.
            transport = await _connect(port, LineSettings(settings.baudrate), receiver, raise_lines=raise_lines)
    except Exception as err:
        # Whatever it is: behind a scheme may be a backend that somebody else registered with serialx.
        raise TransportError(_kind(port, err), _words(err)) from err
    return Transport(port, transport, receiver)


async def _connect(port: str, settings: LineSettings, receiver: _Receiver, *, raise_lines: bool) -> _Port:
    async with asyncio.timeout(_OPEN_TIMEOUT):
        if scheme_of(port) == "rfc2217":
            return await _connect_rfc2217(port, settings, receiver, raise_lines=raise_lines)
        connecting = _connect_serialx(port, settings, receiver, raise_lines=raise_lines)
        return await (connecting if is_url(port) else _finish(connecting, port, receiver))


async def _finish(connecting: Coroutine[Any, Any, _Port], port: str, receiver: _Receiver) -> _Port:
    """Open a device of this machine to the end, also when cancelled; what nobody wants any more is closed then.

    The call of the system cannot be cut off, so serialx waits for it either way; but where it was cancelled, asyncio
    complains to the loop of what that call failed with.
    """
    task = asyncio.ensure_future(connecting)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        # However long it takes, and whoever waits for it no longer.
        task.add_done_callback(_give_up)
        await asyncio.wait([task], timeout=_CLOSE_TIMEOUT)
        if _has_opened(task):
            await Transport(port, task.result(), receiver).close()
        raise
    return task.result()


def _give_up(task: asyncio.Future[_Port]) -> None:
    if _has_opened(task):
        task.result().abort()


def _has_opened(task: asyncio.Future[_Port]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


async def _connect_serialx(
    port: str, settings: LineSettings, receiver: _Receiver, *, raise_lines: bool
) -> BaseSerialTransport:
    lines = PinState.HIGH if raise_lines else PinState.LOW
    transport, _ = await create_serial_connection(
        asyncio.get_running_loop(),
        lambda: receiver,
        port,
        settings.baudrate,
        Parity(settings.parity),
        StopBits(settings.stopbits),
        byte_size=settings.bytesize,
        exclusive=True,
        rts_on_open=lines,
        dtr_on_open=lines,
        # It costs an interrupt per byte and lost bytes on slow machines; a telegram can wait some milliseconds.
        low_latency=False,
        connect_timeout=_CONNECT_TIMEOUT,
    )
    if isinstance(transport, DescriptorTransport):
        transport.max_size = _READ_AT_ONCE
    return transport


async def _connect_rfc2217(port: str, settings: LineSettings, receiver: _Receiver, *, raise_lines: bool) -> Rfc2217Port:
    address = urlsplit(port)
    async with asyncio.timeout(_CONNECT_TIMEOUT):
        _, opened = await asyncio.get_running_loop().create_connection(
            lambda: Rfc2217Port(receiver), address.hostname or "", address.port or 0
        )
    try:
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT):
                await opened.agree()
            opened.prepare(lines=raise_lines)
            await _set_line(opened, settings)
        except TimeoutError:
            raise NoRfc2217Error("no answer to COM-PORT-OPTION: bare data is for socket://") from None
    except BaseException:
        opened.abort()
        raise
    opened.begin()
    return opened


async def _set_line(port: _Port, settings: LineSettings) -> None:
    async with asyncio.timeout(_CONNECT_TIMEOUT):
        await port.reconfigure_port(
            baudrate=settings.baudrate,
            byte_size=settings.bytesize,
            parity=Parity(settings.parity),
            stopbits=StopBits(settings.stopbits),
        )


class _BadAddressError(ValueError):
    """The address lacks what its scheme needs."""


def _check_address(port: str) -> None:
    """Find a slip of the pen before anything is opened."""
    if not port:
        raise _BadAddressError("no port")
    if not is_url(port) and not port.startswith("/"):
        raise _BadAddressError("expected /dev/… or scheme://host:port")
    try:
        parts = urlsplit(port)
        if parts.scheme in _SCHEMES_WITH_HOST and not parts.hostname:
            raise _BadAddressError(f"expected {parts.scheme}://host:port")
        if parts.scheme in _SCHEMES_WITH_PORT and parts.port is None:
            raise _BadAddressError(f"expected {parts.scheme}://host:port")
    except ValueError as err:
        raise _BadAddressError(str(err)) from err


def _kind(port: str, err: Exception) -> TransportErrorKind:
    """Translate what opening a port ended in."""
    match err:
        # A name that is none, such as p1..lan, is only found out when it is looked up.
        case UnknownUriScheme() | _BadAddressError() | UnicodeError():
            return TransportErrorKind.UNKNOWN_SCHEME
        case NoRfc2217Error():
            return TransportErrorKind.NO_RFC2217
        case OSError(errno=errno.EBUSY):
            return TransportErrorKind.BUSY
        case OSError() if is_url(port):
            return TransportErrorKind.UNREACHABLE
        case OSError():
            return _KINDS_OF_ERRNO.get(err.errno or 0, TransportErrorKind.NOT_A_PORT)
        case _ if scheme_of(port) == "esphome" and _was_answered(err):
            return TransportErrorKind.NO_PROXY
        # serialx 1.11 wraps every failure of an ESPHome connection, also "no route", in its own exception.
        case _ if scheme_of(port).startswith("esphome"):
            return TransportErrorKind.UNREACHABLE
        case _:
            return TransportErrorKind.NOT_A_PORT


def _was_answered(err: Exception) -> bool:
    """Return whether it was the device that an ESPHome address came to grief on, and not the way to it.

    The classes are those of a library that need not be there.
    """
    kinds = {kind.__name__ for kind in type(err.__cause__).__mro__}
    return "APIConnectionError" not in kinds or not kinds.isdisjoint(_REFUSALS_OF_ESPHOME)


def _words(err: Exception) -> str:
    """Return what an exception says, without the error number in front."""
    said = (isinstance(err, OSError) and err.strerror) or str(err)
    return said or ("no answer" if isinstance(err, TimeoutError) else type(err).__name__)
