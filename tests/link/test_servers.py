"""Ports behind real servers: ser2net as a plain socket and by RFC 2217 (new and old), and a serial proxy of ESPHome."""

import asyncio
from contextlib import asynccontextmanager
import termios
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from p1meter.link import (
    LineSettings,
    LinkState,
    ProbePlan,
    ProbeVerdict,
    Stream,
    TransportError,
    TransportErrorKind,
    open_transport,
    probe,
    stream as stream_module,
)
from p1meter.meter import Reader, Rejected, Telegram
from tests.background import running

from .line import BODY, Cable, even_parity, free_port, noise, open_files, telegram, until, without_checksum
from .servers import Server, esphome, ser2net

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from p1meter.link import ProbeResult

ZONE = ZoneInfo("Europe/Amsterdam")
PLAN = ProbePlan(listen=1.0, listen_to_silence=2.0, extension=1.0)
SENDS_EVERY = 0.1
RATES = {getattr(termios, f"B{rate}"): rate for rate in (300, 2400, 9600, 38400, 115200)}

# ESPHome's port is compiled into it, so one worker takes all of these.
pytestmark = pytest.mark.xdist_group("servers")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "_RETRY_DELAYS", (0.05,))
    monkeypatch.setattr(stream_module, "_ESPHOME_RETRY_DELAYS", (0.05,))


@asynccontextmanager
async def behind(kind: str, cable: Cable, folder: Path) -> AsyncIterator[tuple[Server, str]]:
    """A server of this kind in front of the cable, and the address that a person types."""
    if kind == "esphome":
        async with esphome(cable.port) as server:
            yield server, f"esphome://127.0.0.1:{server.port}/?port_name=P1"
    elif kind == "socket":
        async with ser2net(cable.port, folder, rfc2217=False) as server:
            yield server, f"socket://127.0.0.1:{server.port}"
    else:
        # Debian 12's does not answer all that RFC 2217 says it must.
        which = "ser2net-4.3" if kind == "rfc2217 of Debian 12" else "ser2net"
        async with ser2net(cable.port, folder, rfc2217=True, which=which) as server:
            yield server, f"rfc2217://127.0.0.1:{server.port}"


@asynccontextmanager
async def meter(cable: Cable, says: Callable[[], bytes]) -> AsyncIterator[None]:
    """A meter that sends all the time."""

    async def send() -> None:
        while True:
            await cable.send(says())
            await asyncio.sleep(SENDS_EVERY)

    async with running(send()):
        yield


def baud(cable: Cable) -> int:
    """The speed that the port really has."""
    return RATES[termios.tcgetattr(cable.slave)[4]]


async def probed(address: str) -> ProbeResult:
    return await probe(address, zone=ZONE, country="NL", plan=PLAN)


class Heard:
    """A stream that runs, and what it said."""

    def __init__(self, address: str) -> None:
        self.telegrams: list[Telegram] = []
        self.states: list[LinkState] = []
        self._stream = Stream(
            address,
            LineSettings(),
            Reader(zone=ZONE),
            on_items=self._on_items,
            on_state=lambda state, _error: self.states.append(state),
        )

    def _on_items(self, items: list[Telegram | Rejected]) -> None:
        self.telegrams += [item for item in items if isinstance(item, Telegram)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with running(self._stream.run()):
            yield

    async def hears_more(self) -> None:
        so_far = len(self.telegrams)
        await until(lambda: len(self.telegrams) >= so_far + 2)


@pytest.mark.parametrize("kind", ["socket", "rfc2217", "rfc2217 of Debian 12", "esphome"])
async def test_a_meter_behind_a_server_is_found(kind: str, cable: Cable, tmp_path: Path) -> None:
    async with behind(kind, cable, tmp_path) as (_, address), meter(cable, telegram):
        result = await probed(address)
    assert result.verdict is ProbeVerdict.FOUND
    assert result.telegram is not None
    assert result.telegram.ident == "TST5TEST-METER"


@pytest.mark.parametrize("kind", ["rfc2217", "rfc2217 of Debian 12"])
async def test_the_speed_of_a_port_behind_rfc_2217_is_found(kind: str, cable: Cable, tmp_path: Path) -> None:
    # A meter of before DSMR 4 has no version, no clock and no checksum.
    lines = [line for line in BODY.splitlines(keepends=True) if not line.startswith(("1-3:0.2.8", "0-0:1.0.0"))]
    old = even_parity(without_checksum("".join(lines)))
    async with (
        behind(kind, cable, tmp_path) as (_, address),
        meter(cable, lambda: old if baud(cable) == 9600 else noise(400)),
    ):
        result = await probed(address)
    assert result.verdict is ProbeVerdict.FOUND
    assert result.settings is not None
    assert result.settings.baudrate == 9600


@pytest.mark.parametrize("kind", ["rfc2217", "rfc2217 of Debian 12"])
async def test_the_speed_is_switched_on_an_open_port_behind_rfc_2217(kind: str, cable: Cable, tmp_path: Path) -> None:
    async with behind(kind, cable, tmp_path) as (_, address):
        port = await open_transport(address, LineSettings(300, 7, "E"))
        assert baud(cable) == 300
        await port.configure(LineSettings(9600, 7, "E"))
        assert baud(cable) == 9600
        port.write(b"/?!\r\n")
        assert await cable.received(5) == b"/?!\r\n"
        await port.close()


async def test_what_is_sent_through_esphome_arrives(cable: Cable, tmp_path: Path) -> None:
    async with behind("esphome", cable, tmp_path) as (_, address):
        # ESPHome as a program cannot switch the speed of its port, so only the answer to the wish is seen here.
        port = await open_transport(address, LineSettings(300, 7, "E"))
        await port.configure(LineSettings(9600, 7, "E"))
        port.write(b"/?!\r\n")
        assert await cable.received(5) == b"/?!\r\n"
        await port.close()


@pytest.mark.parametrize("kind", ["socket", "rfc2217", "rfc2217 of Debian 12", "esphome"])
async def test_a_server_that_is_started_again_is_read_again(kind: str, cable: Cable, tmp_path: Path) -> None:
    before = open_files()
    async with behind(kind, cable, tmp_path) as (server, address), meter(cable, telegram):
        heard = Heard(address)
        async with heard.running():
            for _ in range(2):
                await heard.hears_more()
                assert heard.states[-1] is LinkState.CONNECTED
                await server.stop()
                await until(lambda: heard.states[-1] is LinkState.LOST)
                await server.start()
            await heard.hears_more()
            assert heard.states[-1] is LinkState.CONNECTED
    assert open_files() <= before


async def test_a_second_reader_of_ser2net_is_told_and_does_not_disturb(cable: Cable, tmp_path: Path) -> None:
    async with behind("socket", cable, tmp_path) as (_, address), meter(cable, telegram):
        heard = Heard(address)
        async with heard.running():
            await heard.hears_more()
            second = await open_transport(address, LineSettings())
            assert await second.read() == b"Port already in use\r\n"
            with pytest.raises(TransportError) as lost:
                await second.read()
            assert lost.value.kind is TransportErrorKind.LOST
            await second.close()
            await heard.hears_more()
        # As soon as the first one has gone, the port is free.
        assert (await probed(address)).verdict is ProbeVerdict.FOUND


@pytest.mark.parametrize("kind", ["rfc2217", "rfc2217 of Debian 12", "esphome"])
async def test_a_second_reader_is_refused_and_does_not_disturb(kind: str, cable: Cable, tmp_path: Path) -> None:
    async with behind(kind, cable, tmp_path) as (_, address), meter(cable, telegram):
        heard = Heard(address)
        async with heard.running():
            await heard.hears_more()
            for _ in range(3):
                with pytest.raises(TransportError):
                    await open_transport(address, LineSettings())
            await heard.hears_more()
            assert LinkState.LOST not in heard.states
        assert (await probed(address)).verdict is ProbeVerdict.FOUND


async def test_a_proxy_without_the_lines_is_read_all_the_same(cable: Cable, tmp_path: Path) -> None:
    async with behind("esphome", cable, tmp_path) as (_, address):
        port = await open_transport(address, LineSettings())
        with pytest.raises(TransportError) as refused:
            await port.set_lines(rts=True)
        assert refused.value.kind is TransportErrorKind.NOT_A_PORT
        await cable.send(telegram())
        assert await port.read()
        await port.close()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("esphome://127.0.0.1:{port}/?port_name=other", "other"),
        ("esphome://127.0.0.1:{port}", "port name"),
        # It does not encrypt.
        (
            "esphome://127.0.0.1:{port}/?port_name=P1&key=QRTIErOb%2FfcE9Ukd%2F5qA3RGYMn0Y%2Bp06U58SCtOXvPc%3D",
            "plaintext",
        ),
    ],
)
async def test_a_proxy_that_is_not_meant_so_is_said(address: str, said: str, cable: Cable, tmp_path: Path) -> None:
    async with behind("esphome", cable, tmp_path) as (server, _):
        with pytest.raises(TransportError) as refused:
            await open_transport(address.format(port=server.port), LineSettings())
    assert refused.value.kind is TransportErrorKind.NO_PROXY
    assert said in refused.value.detail


async def test_a_proxy_that_is_looked_for_in_the_wrong_place(cable: Cable, tmp_path: Path) -> None:
    async with behind("socket", cable, tmp_path) as (server, _), meter(cable, telegram):
        with pytest.raises(TransportError) as refused:
            await open_transport(f"esphome://127.0.0.1:{server.port}/?port_name=P1", LineSettings())
    assert refused.value.kind is TransportErrorKind.NO_PROXY
    with pytest.raises(TransportError) as refused:
        await open_transport(f"esphome://127.0.0.1:{free_port()}/?port_name=P1", LineSettings())
    assert refused.value.kind is TransportErrorKind.UNREACHABLE
