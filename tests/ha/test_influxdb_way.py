"""The way to an InfluxDB: certificates, proxies, and what else may be at an address."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
import ssl
from threading import Thread
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
import pytest

from custom_components.p1meter.sink_settings import InfluxSettings
from custom_components.p1meter.sinks import influxdb as module
from custom_components.p1meter.sinks.influxdb import async_check

from .influx import all_sent, answering, at, sink_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from homeassistant.core import HomeAssistant


pytestmark = [pytest.mark.usefixtures("socket_enabled", "hasty_influxdb"), pytest.mark.xdist_group("servers")]


class Always204(BaseHTTPRequestHandler):
    """It takes everything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def self_signed(tmp_path: Path) -> Generator[str]:
    """The URL of a server whose certificate nobody trusts; in a thread, where it may fail to shake hands."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2050, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = tmp_path / "own.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(serialization.Encoding.PEM, *form)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with HTTPServer(("127.0.0.1", 0), Always204) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_a_certificate_that_is_not_trusted(hass: HomeAssistant, self_signed: str) -> None:
    settings = InfluxSettings(url=self_signed, database="p1meter")
    assert await async_check(hass, settings) == "influxdb_certificate"
    assert await async_check(hass, replace(settings, verify_ssl=False)) is None


async def test_behind_a_path(hass: HomeAssistant) -> None:
    paths = []

    def answer(request: web.Request) -> web.Response:
        paths.append(request.path_qs)
        return web.Response(status=204)

    async with answering(answer) as url:
        settings = InfluxSettings(url=f"{url}/db/", database="my db&x")
        assert await async_check(hass, settings) is None
    assert paths == ["/db/write?db=my+db%26x&precision=ms"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda: web.Response(status=200, text="<html>Grafana</html>", content_type="text/html"), "influxdb_version"),
        (lambda: web.Response(status=301, headers={"Location": "http://127.0.0.1:9/"}), "influxdb_version"),
        (lambda: web.Response(status=405), "influxdb_version"),
        (lambda: web.Response(status=404, text="not found"), "influxdb_version"),
        (lambda: web.json_response([1], status=404), "influxdb_version"),
        (lambda: web.Response(status=400, text="plain HTTP", content_type="text/html"), "influxdb_version"),
        (lambda: web.Response(status=500, body=b"\xff" * 100_000), "influxdb_unreachable"),
        (lambda: web.Response(status=503, headers={"Retry-After": "Fri, 31 Dec 2027"}), "influxdb_unreachable"),
    ],
)
async def test_something_else_at_this_address(
    hass: HomeAssistant, answer: Callable[[], web.Response], error: str
) -> None:
    """What is no InfluxDB is not taken for one that has what was written."""
    async with answering(lambda _: answer()) as url:
        settings = InfluxSettings(url=url, database="p1meter")
        assert await async_check(hass, settings) == error
        async with sink_of(hass, settings) as sink:
            sink.take(at(0))
            await asyncio.sleep(0.1)
            assert (sink.status.sent, sink.status.dropped, sink.status.waiting) == (0, 0, 1)


async def test_a_server_that_never_answers(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TIMEOUT", aiohttp.ClientTimeout(total=0.1))
    release = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response(status=204)

    async with answering(silent) as url:
        assert await async_check(hass, InfluxSettings(url=url, database="p1meter")) == "influxdb_unreachable"
        release.set()


async def test_a_server_that_does_not_tell_its_version(hass: HomeAssistant) -> None:
    def answer(request: web.Request) -> web.Response:
        if request.path == "/ping" and request.transport is not None:
            request.transport.close()
        return web.json_response({"error": "authorization failed"}, status=401)

    async with answering(answer) as url:
        assert await async_check(hass, InfluxSettings(url=url, database="p1meter")) == "influxdb_auth"


async def test_what_is_refused_for_no_reason_that_could_be_mended(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, however long it lasts, and what comes next has its turn."""

    async def answer(request: web.Request) -> web.Response:
        if b"power=3," in await request.read():
            return web.Response(status=204)
        error = 'partial write: invalid field name: input field "nobody" on measurement "electricity" is invalid'
        return web.json_response({"error": error}, status=400)

    async with answering(answer) as url, sink_of(hass, InfluxSettings(url=url, database="p1meter", interval=0)) as sink:
        for second in range(3):
            sink.take(at(second))
            await all_sent(sink)
            assert (sink.status.dropped, sink.status.error) == (second + 1, "influxdb_refused")
        sink.take(at(3))
        await all_sent(sink)
        assert (sink.status.sent, sink.status.error, sink.status.waiting) == (1, None, 0)
    assert caplog.text.count("InfluxDB refuses") == 1


async def test_a_server_that_wants_patience_gets_it(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_PATIENCE", 0.2)
    asked: list[float] = []

    def answer(_: web.Request) -> web.Response:
        asked.append(asyncio.get_running_loop().time())
        return web.Response(status=204 if len(asked) > 1 else 429, headers={"Retry-After": "3600"})

    async with answering(answer) as url, sink_of(hass, InfluxSettings(url=url, database="p1meter")) as sink:
        sink.take(at(0))
        await all_sent(sink)
        assert sink.status.sent == 1
    assert 0.2 <= asked[1] - asked[0] < 2


async def test_a_proxy_that_takes_only_small_requests(hass: HomeAssistant) -> None:
    lines: list[bytes] = []

    async def answer(request: web.Request) -> web.Response:
        body = await request.read()
        if len(body) > 5_000:
            return web.Response(status=413, text="<html>", content_type="text/html")
        lines.extend(body.splitlines())
        return web.Response(status=204)

    async with answering(answer) as url, sink_of(hass, InfluxSettings(url=url, database="p1meter", interval=0)) as sink:
        for second in range(100):
            sink.take(at(second))
        await all_sent(sink)
        assert (sink.status.sent, sink.status.dropped) == (100, 0)
    assert len(lines) == 101  # with one of gas


async def test_telegrams_gather_for_the_next_request(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GATHER", 0.2)
    requests: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append((await request.read()).count(b"electricity "))
        return web.Response(status=204)

    async with answering(answer) as url, sink_of(hass, InfluxSettings(url=url, database="p1meter", interval=0)) as sink:
        sink.take(at(0))
        await all_sent(sink)
        for second in range(1, 1_201):
            sink.take(at(second))
        await all_sent(sink)
    assert requests == [1, 500, 500, 200]
