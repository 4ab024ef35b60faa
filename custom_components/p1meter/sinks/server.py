"""A TCP port at which others read along: every accepted telegram goes out again, in plain text. asyncio only."""

import asyncio
import errno
from functools import partial
import logging
import re
import socket
from typing import TYPE_CHECKING, Final, cast, override

from ..meter.checksum import crc16_arc
from . import SinkStatus

if TYPE_CHECKING:
    from ..meter import Telegram
    from ..sink_settings import ServerSettings
    from . import Delivery

_LOGGER = logging.getLogger(__name__)

PORT_TAKEN: Final = "server_port_taken"
"""Another program, or another meter of p1meter, listens there already."""
NO_SUCH_ADDRESS: Final = "server_address"
"""This computer does not have the address."""
CANNOT_LISTEN: Final = "server_failed"
"""The system says no for another reason, which is in the facts."""
ERRORS: Final = (PORT_TAKEN, NO_SUCH_ADDRESS, CANNOT_LISTEN)
"""All that `status.error` can be; each with the facts `host` and `port`, the last one also with `reason`."""

# An address may come with the network, some time after Home Assistant (s).
_RETRY: Final = 30.0
# A client for which more than this waits here is cut off. The kernel keeps its own share besides, which would be
# megabytes if it was left to it: then a client that has stopped reading would be noticed an hour later.
_LIMIT: Final = 64 * 1024
_KERNELS_SHARE: Final = 32 * 1024
# A client that takes nothing (its window is closed) or does not answer (its cable is out) is given up after this (ms),
# one that says nothing while the meter is silent is asked whether it is there (s).
_PATIENCE: Final = 60_000
_KEEPALIVE: Final = {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
# After what a client says, it is not listened to for so long (s): a flood costs ten short reads a second.
_DEAF: Final = 0.1

_STRIP_BIT_7: Final = bytes(byte & 0x7F for byte in range(256))
_STATED: Final = re.compile(rb"\n!([0-9A-Fa-f]{1,4})[\s\0]*\Z")


def plain(telegram: Telegram) -> bytes:
    r"""Return a telegram in plain text: decrypted, seven bits, and with the checksum as DSMR 5.0.2 P1 §5.2 writes it.

    That is what the meter sent, byte for byte, wherever it is such a telegram. What is made right is how it is written:
    lines end with `\r\n`, the CRC has four capital digits, and a blank line that an encrypting meter counted in its CRC
    and left out is there. A telegram without a checksum stays without. What is framed by STX, ETX and a block check
    (IEC 62056-21 §6) stays so, because these are the only proof that it is whole, and ends with a line end.
    """
    raw = telegram.raw
    text = raw.translate(_STRIP_BIT_7) if raw[0] == ord("/") | 0x80 else raw
    if text[-6:] == b"%04X\r\n" % crc16_arc(text[:-6]):
        return text
    if b"\r" not in text:
        text = text.replace(b"\n", b"\r\n")
    stated = _STATED.search(text) if telegram.checksum else None
    if stated is None:
        return text if text.endswith(b"\n") else text + b"\r\n"
    body = text[: stated.start(1)]
    if crc16_arc(body) != int(stated[1], 16):
        body = body.replace(b"\r\n", b"\r\n\r\n", 1)
    return b"%b%04X\r\n" % (body, crc16_arc(body))


class ServerSink:
    """Listens at one port and gives every telegram to all who have connected there, from then on.

    Nobody can say anything to it. A client that does not read fast enough is cut off, and one more than wanted is
    turned away; neither is noticed by the meter or by the others. In `status`, `sent` counts the telegrams that
    somebody was given, `dropped` those with which a client was cut off.
    """

    def __init__(self, settings: ServerSettings) -> None:
        """Prepare to listen as the person chose."""
        self.status = SinkStatus()
        self._settings = settings
        self._server: asyncio.Server | None = None
        self._retrying: asyncio.Task[None] | None = None
        self._clients: set[_Client] = set()

    def take(self, delivery: Delivery) -> None:
        """Give the telegram to everybody who is there."""
        self.status.taken += 1
        if not self._clients:
            return
        data = plain(delivery.telegram)
        sent = [client.send(data) for client in tuple(self._clients)]
        self.status.sent += any(sent)
        self.status.dropped += sent.count(False)

    async def async_start(self) -> None:
        """Listen. Where that is not possible, `status.error` says why until it is; it is tried every half minute."""
        if not await self._listen():
            self._retrying = asyncio.create_task(self._keep_trying(), name="p1meter server")

    async def async_stop(self) -> None:
        """Free the port at once. Who has read so far gets what was sent; who has not is cut off."""
        if self._retrying is not None:
            self._retrying.cancel()
            await asyncio.wait([self._retrying])
            self._retrying = None
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for client in tuple(self._clients):
                client.end()
            await server.wait_closed()

    def admit(self, client: _Client) -> bool:
        """Take in a client; return whether there was room."""
        if self._server is None or len(self._clients) >= self._settings.max_clients:
            return False
        self._clients.add(client)
        return True

    def forget(self, client: _Client) -> None:
        """Give the place of a client to the next."""
        self._clients.discard(client)

    async def _keep_trying(self) -> None:
        while True:
            await asyncio.sleep(_RETRY)
            if await self._listen():
                return

    async def _listen(self) -> bool:
        """Try to listen; return whether it worked, and leave in the status what is wrong."""
        host, port = self._settings.host, self._settings.port
        # To asyncio, "::" is everything but IPv4.
        hosts = ["::", "0.0.0.0"] if host == "::" else [host]  # noqa: S104 (the person has chosen it)
        loop = asyncio.get_running_loop()
        try:
            # Not served yet: whoever cancels this has the server to close.
            self._server = await loop.create_server(partial(_Client, self), hosts, port, start_serving=False)
            await self._server.start_serving()
        except (OSError, UnicodeError) as error:
            if self._server is not None:
                self._server.close()
                self._server = None
            self.status.error, reason = _what_is_wrong(error)
            self.status.facts = {"host": host, "port": str(port), **reason}
            _LOGGER.debug("Cannot listen at %s port %d: %s", host, port, error)
            return False
        self.status.error, self.status.facts = None, {}
        _LOGGER.debug("Sharing telegrams at %s port %d", host, port)
        return True


def _what_is_wrong(error: OSError | UnicodeError) -> tuple[str, dict[str, str]]:
    """Return the key of a sentence and what goes into it besides the address."""
    if isinstance(error, UnicodeError | socket.gaierror):
        return NO_SUCH_ADDRESS, {}
    if error.errno == errno.EADDRINUSE:
        return PORT_TAKEN, {}
    # asyncio takes an address that is not there for a family that is not, and in the end has none and no number.
    if error.errno in {None, errno.EADDRNOTAVAIL}:
        return NO_SUCH_ADDRESS, {}
    return CANNOT_LISTEN, {"reason": str(error)}


class _Client(asyncio.Protocol):
    """Somebody who reads along."""

    _transport: asyncio.Transport
    _timer: asyncio.TimerHandle | None = None

    def __init__(self, sink: ServerSink) -> None:
        self._sink = sink

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if not self._sink.admit(self):
            _LOGGER.debug("Turned away %s: no more clients are wanted", self._name)
            self._transport.abort()
            return
        _LOGGER.debug("%s reads along", self._name)
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNELS_SHARE)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _PATIENCE)
        for option, value in _KEEPALIVE.items():
            connection.setsockopt(socket.IPPROTO_TCP, option, value)

    @override
    def data_received(self, data: bytes) -> None:
        self._transport.pause_reading()
        self._timer = asyncio.get_running_loop().call_later(_DEAF, self._transport.resume_reading)

    @override
    def eof_received(self) -> bool:
        # Most who say goodbye are gone: what waits for one of them would keep the place.
        self.end()
        return True

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._sink.forget(self)

    def send(self, data: bytes) -> bool:
        """Give it the telegram; False if it was cut off instead."""
        if self._transport.get_write_buffer_size() > _LIMIT:
            _LOGGER.info("%s does not read what it is sent, and was cut off", self._name)
            self.end()
            return False
        self._transport.write(data)
        return True

    def end(self) -> None:
        """Close the connection: what has left here still arrives. Its place is free at once."""
        self._transport.abort()
        self._sink.forget(self)

    @property
    def _name(self) -> str:
        peer = self._transport.get_extra_info("peername")
        return f"{peer[0]} port {peer[1]}" if peer else "somebody"
