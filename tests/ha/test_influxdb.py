"""A real InfluxDB 1.6 gets a day of telegrams; versions 2 and 3 are stood in for by what InfluxData says of them.

No real InfluxDB 2 or 3 can be had on the machines that test: neither is in Debian, nor on PyPI or npm (there are only
clients). So their requests are checked against the API references: OSS v2 `/api/v2/write` and `/ping`, 3 Core
`/api/v3/write_lp` and `/ping`, and the guides "Troubleshoot issues writing data" (2) and "Use the v3 write_lp API" (3).
"""

import asyncio
from base64 import b64encode
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
import json
import logging
from pathlib import Path
import re
import ssl
from threading import Thread
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from homeassistant.requirements import RequirementsNotFound
import influxdb_client  # noqa: F401 (loaded here, because the first sink would take seconds for it on a busy machine)
import pytest

from custom_components.p1meter.meter import REGISTERS, Reader, Telegram
from custom_components.p1meter.sink_settings import InfluxSettings
from custom_components.p1meter.sinks import Delivery, influxdb as module
from custom_components.p1meter.sinks.influxdb import ERRORS, InfluxSink, async_check
from tests.compose import nl5
from tests.link.line import free_port
from tests.link.servers import Server, program
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

from .conftest import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterable

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import Say, SetUp

pytestmark = [pytest.mark.usefixtures("socket_enabled"), pytest.mark.xdist_group("servers")]

DOCS = Path(__file__).resolve().parents[2] / "docs"
PASSWORD = "hedgehog-44"  # noqa: S105 (of servers that live as long as a test)
ROOT = {"Authorization": f"Basic {b64encode(f'root:{PASSWORD}'.encode()).decode()}"}
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp()) * 1_000


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GATHER", 0.01)
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(module, "_LONGEST_PAUSE", 0.05)


# --- the real one ----------------------------------------------------------------------------------------------------


class Influx(Server):
    """A real InfluxDB 1.6 with the databases `p1meter` and `dsmr` and some users."""

    def __init__(self, port: int, config: Path) -> None:
        super().__init__(port, program("influxdb", "influxd"), "run", "-config", str(config))
        self.url = f"http://127.0.0.1:{port}"

    async def ask(self, query: str, database: str = "p1meter") -> list[list[Any]]:
        """Return the rows of the first series that a query gives; times are in milliseconds."""
        data = {"q": query, "db": database, "epoch": "ms"}
        async with (
            aiohttp.ClientSession(self.url, headers=ROOT) as session,
            session.post("/query", data=data) as answer,
        ):
            (result,) = (await answer.json())["results"]
        assert "error" not in result, result
        rows: list[list[Any]] = result["series"][0]["values"] if "series" in result else []
        return rows

    async def types(self, measurement: str) -> dict[str, str]:
        """Return what type each field of a measurement has."""
        return dict(await self.ask(f'SHOW FIELD KEYS FROM "{measurement}"'))


@pytest.fixture
async def influx(tmp_path: Path) -> AsyncGenerator[Influx]:
    port, other = await free_port(), await free_port()
    config = tmp_path / "influxdb.conf"
    config.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{other}"\n'
        f'[meta]\ndir = "{tmp_path}/meta"\n[data]\ndir = "{tmp_path}/data"\nwal-dir = "{tmp_path}/wal"\n'
        f'[http]\nbind-address = "127.0.0.1:{port}"\nauth-enabled = true\nlog-enabled = false\n'
    )
    server = Influx(port, config)
    await server.start()
    try:
        for query in (
            f"CREATE USER root WITH PASSWORD '{PASSWORD}' WITH ALL PRIVILEGES",
            "CREATE DATABASE p1meter",
            "CREATE DATABASE dsmr",
            f"CREATE USER writer WITH PASSWORD '{PASSWORD}'",
            f"CREATE USER reader WITH PASSWORD '{PASSWORD}'",
            "CREATE USER dsmr WITH PASSWORD 'dsmr'",
            "GRANT WRITE ON p1meter TO writer",
            "GRANT READ ON p1meter TO reader",
            "GRANT WRITE ON dsmr TO dsmr",
        ):
            await server.ask(query)
        yield server
    finally:
        await server.stop()


def settings_for(server: Influx, **other: Any) -> InfluxSettings:
    return replace(
        InfluxSettings(url=server.url, database="p1meter", user="writer", password=PASSWORD, interval=0), **other
    )


@asynccontextmanager
async def sink_of(hass: HomeAssistant, settings: InfluxSettings) -> AsyncGenerator[InfluxSink]:
    sink = InfluxSink(hass, settings)
    await sink.async_start()
    try:
        yield sink
    finally:
        await sink.async_stop()


def deliver(telegram: Telegram) -> Delivery:
    """Give the readings the names that the world knows them by; each meter is the first of its kind."""
    readings = {}
    for reading in telegram.readings.values():
        role = None if reading.channel is None else telegram.mbus[reading.channel].role
        if REGISTERS[reading.key].entity:
            readings[reading.key if role in {None, reading.key} else f"{role}_{reading.key}"] = reading
    return Delivery(telegram, readings, telegram.time or NOON)


def read(data: bytes) -> Delivery:
    (telegram,) = Reader().feed(data)
    assert isinstance(telegram, Telegram)
    return deliver(telegram)


def at(second: int, **objects: str) -> Delivery:
    """Make the telegram of so many seconds after 13:00 in winter; import power is that number, in watts."""
    moment = NOON + timedelta(seconds=second)
    power = {"1-0:1.7.0": f"({second // 1_000:02}.{second % 1_000:03}*kW)"}
    stamp = {"0-0:1.0.0": f"({moment.astimezone(ZONE):%y%m%d%H%M%S}W)"}
    return read(nl5(power | stamp | {code.replace("_", ":", 1): values for code, values in objects.items()}))


async def all_sent(sink: InfluxSink) -> None:
    await until(lambda: sink.status.sent + sink.status.dropped == sink.status.taken)


# --- a day -----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(300)
async def test_a_day_with_the_server_killed_in_between(hass: HomeAssistant, influx: Influx) -> None:
    """The day that has 25 hours, a telegram a minute; for nearly nine of them the server is away."""
    household = Household(start=datetime(2026, 10, 25, tzinfo=ZONE), system="nl5")
    reader = Reader()
    power, tariff_1, captures = {}, {}, {}
    settings = settings_for(influx, interval=60)
    last: list[Delivery] = []
    async with sink_of(hass, settings) as sink:
        for number in range(1_500):
            household.step(60)
            (telegram,) = reader.feed(SYSTEMS["nl5"].compose(household))
            assert isinstance(telegram, Telegram)
            sink.take(delivery := deliver(telegram))
            # What was lived, not what was read.
            moment = int(household.now.timestamp()) * 1_000
            power[moment] = household.power
            tariff_1[moment] = household.registers.import_1 // 3_600 / 1_000
            captured = moment - moment % 300_000
            gas = household.registers_at(datetime.fromtimestamp(captured / 1_000, UTC)).gas // 1_000 / 1_000
            captures[captured] = gas
            last = [*last[-99:], delivery]
            if number == 500:
                await influx.stop()
            if number == 1_033:
                assert sink.status.waiting > 500
                await influx.start()
            if number % 50 == 0:
                await asyncio.sleep(0.001)
                if not 500 <= number < 1_033:
                    await until(lambda: sink.status.waiting < 1_000)
        await all_sent(sink)
    assert (sink.status.taken, sink.status.sent, sink.status.dropped) == (1_500, 1_500, 0)
    assert sink.status.error is None

    async def check() -> None:
        rows = await influx.ask('SELECT "power", "import_tariff_1" FROM "electricity"')
        assert {moment: watts for moment, watts, _ in rows} == power
        assert {moment: energy for moment, _, energy in rows} == tariff_1
        assert len(rows) == 1_500
        gas_rows = await influx.ask('SELECT "gas" FROM "gas"')
        assert dict(map(tuple, gas_rows)) == captures
        assert len(gas_rows) == 301  # 25 hours of twelve, and midnight

    await check()
    # A restart: the same gas capture is written again, and telegrams that were already there too.
    async with sink_of(hass, settings) as sink:
        for delivery in last:
            sink.take(delivery)
        await all_sent(sink)
    assert sink.status.sent == 100
    await check()


async def test_what_waits_too_long_goes_first(
    hass: HomeAssistant, influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    async with sink_of(hass, settings_for(influx, keep_s=60)) as sink:
        sink.take(at(0))
        await all_sent(sink)
        await influx.stop()
        for second in range(1, 41):
            sink.take(at(second))
        now += 50
        sink.take(at(41))
        await asyncio.sleep(0.1)
        assert (sink.status.dropped, sink.status.error) == (0, None)
        now += 11  # the first forty have waited for 61 s, the last for 11
        await until(lambda: sink.status.dropped == 40)
        assert (sink.status.waiting, sink.status.error) == (1, "influxdb_unreachable")
        # And of what comes faster than once a second, as many as seconds.
        for second in range(42, 142):
            sink.take(at(second))
        await until(lambda: sink.status.dropped == 81)
        await influx.start()
        await all_sent(sink)
        assert sink.status.error is None
    assert await seconds_in(influx) == [0, *range(82, 142)]


async def test_what_is_lost_at_the_end_is_said(
    hass: HomeAssistant, influx: Influx, caplog: pytest.LogCaptureFixture
) -> None:
    await influx.stop()
    async with sink_of(hass, settings_for(influx)) as sink:
        sink.take(at(0))
        sink.take(at(1))
    assert "2 telegrams that waited for it are not written" in caplog.text


async def test_a_library_that_cannot_be_loaded_is_said(hass: HomeAssistant, influx: Influx) -> None:
    """It is installed, and one of those that it needs is not; what came meanwhile is written when it can be."""
    async with sink_of(hass, settings_for(influx)) as sink:
        with patch.object(module, "encode", side_effect=ModuleNotFoundError("No module named 'reactivex'")):
            sink.take(at(0))
            await until(lambda: sink.status.error == "influxdb_not_installed")
        assert sink.status.facts["reason"] == "No module named 'reactivex'"
        await all_sent(sink)
        assert sink.status.error is None
    assert await seconds_in(influx) == [0]


async def seconds_in(influx: Influx) -> list[int]:
    rows = await influx.ask('SELECT "power" FROM "electricity"')
    return [(row[0] - NOON_MS) // 1_000 for row in rows]


async def test_a_server_that_is_away_for_long_is_said(
    hass: HomeAssistant, influx: Influx, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not one that is only being updated; and in the log once, and once that it is over."""
    caplog.set_level(logging.INFO, module.__name__)
    now = 1_000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    await influx.stop()
    async with sink_of(hass, settings_for(influx)) as sink:
        sink.take(at(0))
        await asyncio.sleep(0.1)
        now += 299
        await asyncio.sleep(0.1)
        assert sink.status.error is None
        now += 1
        await until(lambda: sink.status.error == "influxdb_unreachable")
        assert sink.status.facts.keys() == {"url", "database", "reason"}
        assert sink.status.facts["url"].rstrip("/") == influx.url
        assert "refused" in sink.status.facts["reason"] or "Cannot connect" in sink.status.facts["reason"]
        await influx.start()
        await all_sent(sink)
        assert sink.status.error is None
    assert len([record for record in caplog.records if record.name == module.__name__]) == 2


# --- what is wrong ---------------------------------------------------------------------------------------------------


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"password": "wrong"}, "influxdb_auth"),
    ({"user": ""}, "influxdb_auth"),
    ({"user": "reader"}, "influxdb_auth"),
    ({"user": "nobody: at all", "password": "p\u00e4ss:w\u20acrd\n"}, "influxdb_auth"),
    ({"database": "nowhere"}, "influxdb_no_database"),
    ({"version": "2", "organisation": "home", "token": "t"}, "influxdb_version"),
    ({"version": "3", "token": "t"}, "influxdb_version"),
    ({"url": "http://127.0.0.1:9"}, "influxdb_unreachable"),
    ({"url": "https://127.0.0.1:{port}"}, "influxdb_unreachable"),
    ({"url": "http://127.0.0.1:{port}/behind/a/proxy"}, "influxdb_version"),
    ({"url": "influxdb.local:8086"}, "influxdb_url"),
    ({"url": "influxdb.local"}, "influxdb_url"),
    ({"url": "http://"}, "influxdb_url"),
    ({"url": "http://host:99999999"}, "influxdb_url"),
    ({"url": "http://user:secret@127.0.0.1:{port}"}, "influxdb_url"),
    ({"url": "http://127.0.0.1:{port}/write?db=p1meter"}, "influxdb_url"),
    ({"url": ""}, "influxdb_url"),
]


async def test_what_is_wrong_is_told_apart(
    hass: HomeAssistant, influx: Influx, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the form is submitted, and later when it runs; no password is in any log."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(module, "_LONG_AWAY", 0.0)
    for wrong, error in WRONG:
        url = {"url": wrong["url"].format(port=influx.port)} if "url" in wrong else {}
        settings = settings_for(influx, **wrong | url)
        assert await async_check(hass, settings) == error, wrong
        assert error in ERRORS
        async with sink_of(hass, settings) as sink:
            sink.take(at(0))
            await until(lambda: sink.status.error is not None)
            assert (sink.status.error, sink.status.sent) == (error, 0), wrong
        for secret in (PASSWORD, "secret", settings.password):
            assert secret not in caplog.text + str(sink.status), wrong


async def test_what_is_right(hass: HomeAssistant, influx: Influx) -> None:
    for other in ({}, {"user": "dsmr", "password": "dsmr", "database": "dsmr"}):
        settings = settings_for(influx, **other)
        assert await async_check(hass, settings) is None
        assert await async_check(hass, replace(settings, url=f" {settings.url}/ ")) is None
        # It leaves nothing behind.
        assert await influx.ask("SHOW MEASUREMENTS", settings.database) == []


async def test_what_waited_for_its_database_is_written(hass: HomeAssistant, influx: Influx) -> None:
    async with sink_of(hass, settings_for(influx, user="root", database="later")) as sink:
        for second in range(10):
            sink.take(at(second))
        await until(lambda: sink.status.error == "influxdb_no_database")
        await influx.ask("CREATE DATABASE later")
        await all_sent(sink)
        assert (sink.status.error, sink.status.sent, sink.status.waiting) == (None, 10, 0)
    assert await influx.ask('SELECT count("power") FROM "electricity"', "later") == [[0, 10]]


# --- what is in the points -------------------------------------------------------------------------------------------


async def test_a_field_that_has_another_type_there_is_left_out(
    hass: HomeAssistant, influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older program wrote two fields of ours as integers; all else, and every other telegram, gets in."""
    now = 1_000.0
    monkeypatch.setattr(module, "monotonic", lambda: now)
    lines = f"electricity power=1i,tariff=2i {int(NOON.timestamp()) - 60}"
    async with aiohttp.ClientSession(influx.url, headers=ROOT) as session:
        assert (await session.post("/write?db=p1meter&precision=s", data=lines)).status == 204
    async with sink_of(hass, settings_for(influx)) as sink:
        for second in range(20):
            sink.take(at(second))
        await all_sent(sink)
        sink.take(at(20))
        await all_sent(sink)
        assert (sink.status.sent, sink.status.dropped) == (21, 0)
        assert (sink.status.error, sink.status.facts["fields"]) == (
            "influxdb_fields",
            "electricity.power, electricity.tariff",
        )
        rows = await influx.ask('SELECT "power_import" FROM "electricity"')
        assert [kilowatts for _, kilowatts in rows] == [second / 1_000 for second in range(21)]
        assert (await influx.types("electricity"))["power"] == "integer"
        # A day later it is tried again, and of another week the database has no integers.
        now += 86_401
        week = 8 * 86_400
        sink.take(at(week))
        await until(lambda: sink.status.sent == 22)
        assert (sink.status.error, sink.status.dropped) == (None, 0)
    later = await influx.ask(f'SELECT "power" FROM "electricity" WHERE time > {NOON_MS + 86_400_000}ms')  # noqa: S608 (our own number)
    assert later == [[NOON_MS + week * 1_000, week]]


async def test_points_that_the_server_never_takes_do_not_keep_the_others_waiting(
    hass: HomeAssistant, influx: Influx, caplog: pytest.LogCaptureFixture
) -> None:
    """A database that keeps an hour refuses what is older; the telegrams of now are written."""
    await influx.ask('CREATE RETENTION POLICY "short" ON "p1meter" DURATION 1h REPLICATION 1 SHARD DURATION 1h DEFAULT')
    now = datetime.now(UTC).replace(microsecond=0)

    def taken(moment: datetime) -> Delivery:
        stamp = f"({moment.astimezone(ZONE):%y%m%d%H%M%S}{'S' if moment.astimezone(ZONE).dst() else 'W'})"
        return read(nl5({"0-0:1.0.0": stamp, "0-1:24.2.1": f"{stamp}(1.0*m3)"}))

    async with sink_of(hass, settings_for(influx)) as sink:
        for hours in (9, 0, 8, 0, 0, 7):
            now += timedelta(seconds=1)
            sink.take(taken(now - timedelta(hours=hours)))
        await all_sent(sink)
        assert (sink.status.sent, sink.status.dropped, sink.status.error) == (3, 3, "influxdb_refused")
        assert "retention policy" in sink.status.facts["reason"]
        assert caplog.text.count("InfluxDB refuses") == 1
        sink.take(taken(now + timedelta(seconds=1)))
        await all_sent(sink)
        assert (sink.status.sent, sink.status.error) == (4, None)
    assert await influx.ask('SELECT count("power") FROM "electricity"') == [[0, 4]]


async def test_the_types_in_the_database(hass: HomeAssistant, influx: Influx) -> None:
    household = Household(start=datetime(2026, 11, 20, 12, tzinfo=ZONE), system="be")
    async with sink_of(hass, settings_for(influx)) as sink:
        sink.take(read(SYSTEMS["be"].compose(household)))
        await all_sent(sink)
    types = await influx.types("electricity")
    assert Counter(types.values()).keys() == {"float", "integer", "string"}
    for name, kind in types.items():
        register = REGISTERS[name]
        if register.role == "counter" or register.quantity == "time":
            assert kind == "integer", name
        elif register.role in {"text", "enum"}:
            assert kind == "string", name
        else:
            assert kind == "float", name
    assert await influx.types("water") == {"water": "float"}
    assert await influx.types("gas") == {"gas": "float", "valve_state": "string"}


async def test_texts_of_the_grid_company(hass: HomeAssistant, influx: Influx) -> None:
    text = 'Storing "A", \\ b=c\r\nmorgen, \u00e9\u00e9n uur'
    sent = {"0-0_96.13.0": f"({text.encode().hex().upper()})"}
    async with sink_of(hass, settings_for(influx)) as sink:
        sink.take(at(0, **sent))
        await all_sent(sink)
    assert (await influx.ask('SELECT "message" FROM "electricity"'))[0][1] == text.replace("\r\n", "  ")


async def test_the_queries_of_the_dashboard(hass: HomeAssistant, influx: Influx) -> None:
    """Each gives rows, from a Belgian house with gas and water and a Dutch one that counts failures."""
    async with sink_of(hass, settings_for(influx)) as sink:
        for system, day in (("be", 20), ("nl5", 22)):
            household = Household(start=datetime(2026, 11, day, 12, tzinfo=ZONE), system=system)
            for _ in range(30):
                sink.take(read(SYSTEMS[system].compose(household)))
                household.step(3_600)
        await all_sent(sink)
    dashboard = json.loads((DOCS / "grafana-p1meter.json").read_text())
    variables = {variable["name"]: variable["query"] for variable in dashboard["templating"]["list"]}
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            query = target["query"].replace("$timeFilter", "time > '2026-11-20' AND time < '2026-11-25'")
            query = query.replace("$__interval", "1h").replace("$zone", variables["zone"])
            assert "$" not in query
            rows = await influx.ask(query)
            assert [row for row in rows if row[1] is not None], query


# --- the way there and the end ---------------------------------------------------------------------------------------


@asynccontextmanager
async def answering(handler: Callable[[web.Request], Any]) -> AsyncGenerator[str]:
    """A server of ours; its URL."""

    async def answer(request: web.Request) -> web.StreamResponse:
        found = handler(request)
        return found if isinstance(found, web.StreamResponse) else await found

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("/")).rstrip("/")


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


async def test_the_end_writes_what_waits(hass: HomeAssistant, influx: Influx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GATHER", 60.0)
    async with sink_of(hass, settings_for(influx)) as sink:
        sink.take(at(0))
        await all_sent(sink)
        sink.take(at(1))
    assert sink.status.sent == 2
    assert await seconds_in(influx) == [0, 1]


@pytest.mark.parametrize("away", ["gone", "silent"])
async def test_the_end_does_not_wait_for_a_server_that_is_away(
    hass: HomeAssistant, away: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_PAUSE", 60.0)
    monkeypatch.setattr(module, "_FIRST_PAUSE", 60.0)
    monkeypatch.setattr(module, "_LAST_WORDS", 0.2)
    asked, release = asyncio.Event(), asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        asked.set()
        await release.wait()
        return web.Response(status=204)

    async with answering(silent) as url:
        tasks = asyncio.all_tasks()
        where = url if away == "silent" else f"http://127.0.0.1:{await free_port()}"
        started = hass.loop.time()
        async with sink_of(hass, InfluxSettings(url=where, database="p1meter")) as sink:
            sink.take(at(0))
            if away == "silent":
                await asked.wait()
            await asyncio.sleep(0.05)
        assert hass.loop.time() - started < 2
        assert not [task for task in asyncio.all_tasks() - tasks if "InfluxDB" in task.get_name()]
        release.set()


async def test_the_library_cannot_be_installed(
    hass: HomeAssistant, influx: Influx, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes until then waits like before a server that is away."""
    monkeypatch.setattr(module, "_MOST_PATIENCE", 0.05)
    with patch.object(module, "async_process_requirements", side_effect=RequirementsNotFound("p1meter", ["x"])):
        async with sink_of(hass, settings_for(influx)) as sink:
            sink.take(at(0))
            await until(lambda: sink.status.error == "influxdb_not_installed")
            assert (sink.status.waiting, sink.status.facts["reason"]) == (1, module.CLIENT)
            with patch.object(module, "async_process_requirements"):
                await all_sent(sink)
            assert (sink.status.error, sink.status.sent) == (None, 1)
        # And it ends while it waits for that.
        async with sink_of(hass, settings_for(influx)) as sink:
            await until(lambda: sink.status.error == "influxdb_not_installed")


@pytest.mark.parametrize("end", ["unload", "stop"])
async def test_from_the_port_to_the_database(
    hass: HomeAssistant,
    influx: Influx,
    entry: MockConfigEntry,
    set_up: SetUp,
    say: Say,
    monkeypatch: pytest.MonkeyPatch,
    end: str,
) -> None:
    # What came last waits for others until the end.
    monkeypatch.setattr(module, "_GATHER", 60)
    options = {"url": influx.url, "database": "dsmr", "user": "dsmr", "password": "dsmr", "interval": 0}
    hass.config_entries.async_update_entry(entry, options={"influxdb": options})
    await set_up(nl5())
    await say(nl5({"0-0:1.0.0": "(261121125901W)"}), nl5({"0-0:1.0.0": "(261121125902W)"}))
    await (hass.async_stop() if end == "stop" else hass.config_entries.async_unload(entry.entry_id))
    rows = await influx.ask('SELECT "power", "voltage_l1" FROM "electricity"', "dsmr")
    # 12:59 in winter is a minute before noon.
    first = (int(NOON.timestamp()) - 60) * 1_000
    assert rows == [[first + second * 1_000, 1193, 230.1] for second in range(3)]
    assert await influx.ask('SELECT "gas" FROM "gas"', "dsmr") == [[first - 240_000, 2569.646]]


# --- versions 2 and 3, by their documents -----------------------------------------------------------------------------

_STRING = r'"(?:[^"\\]|\\.)*"'
_FIELD = rf"[^,= ]+=(?:-?\d+(?:\.\d+)?(?:e[+-]?\d+)?i?|{_STRING})"
_LINE = re.compile(rf"([^,= ]+) ({_FIELD}(?:,{_FIELD})*) (-?\d+)")


@dataclass
class Documented:
    """A server that takes what the API reference of its version says, and answers as that says.

    Attributes:
        version: 2 or 3.
        token: the only one that may write.
        points: what was written: fields by measurement and time.
        integers: fields that were there before, as integers.
        answers: what is answered instead, one after the other.
    """

    version: str
    token: str = PASSWORD
    points: dict[tuple[str, int], dict[str, str]] = field(default_factory=dict)
    integers: set[str] = field(default_factory=set)
    answers: list[web.Response] = field(default_factory=list)

    async def __call__(self, request: web.Request) -> web.Response:
        return await (self._v2(request) if self.version == "2" else self._v3(request))

    async def _v2(self, request: web.Request) -> web.Response:
        if request.path == "/ping":
            return web.Response(status=204, headers={"X-Influxdb-Build": "OSS", "X-Influxdb-Version": "v2.7.11"})
        if request.path != "/api/v2/write":
            # Also `/write` is there, for those who were given a password of version 1.
            if request.path == "/write":
                return web.json_response({"code": "unauthorized", "message": "Unauthorized"}, status=401)
            return web.json_response({"code": "not found", "message": "path not found"}, status=404)
        if request.headers.get("Authorization") != f"Token {self.token}":
            return web.json_response({"code": "unauthorized", "message": "unauthorized access"}, status=401)
        query = request.query
        assert query.keys() <= {"org", "orgID", "bucket", "precision"}
        assert query["precision"] in {"ms", "s", "us", "ns"}
        if query["org"] != "home":
            message = "failed to decode request body: organization not found"
            return web.json_response({"code": "invalid", "message": message}, status=400)
        if query["bucket"] != "p1meter":
            message = f'bucket "{query["bucket"]}" not found'
            return web.json_response({"code": "not found", "message": message}, status=404)
        lines = await self._lines(request)
        if self.answers:
            return self.answers.pop(0)
        refused = self._take(lines)
        if refused:
            message = (
                f'failure writing points to database: partial write: field type conflict: input field "{refused[0][1]}"'
                f' on measurement "electricity" is type float, already exists as type integer dropped={len(refused)}'
            )
            return web.json_response({"code": "unprocessable entity", "message": message}, status=422)
        return web.Response(status=204)

    async def _v3(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({"error": "the request was not authenticated"}, status=401)
        if request.path == "/ping":
            return web.json_response(
                {"version": "3.8.0", "revision": "83b589b883"}, headers={"x-influxdb-version": "3.8.0"}
            )
        if request.path != "/api/v3/write_lp":
            return web.Response(status=404)
        query = request.query
        assert query.keys() <= {"db", "precision", "accept_partial", "no_sync"}
        assert query["db"]
        assert query["precision"] in {"auto", "nanosecond", "microsecond", "millisecond", "second"}
        lines = await self._lines(request)
        if self.answers:
            return self.answers.pop(0)
        refused = self._take(lines)
        if refused:
            number, name = refused[0]
            message = (
                f"invalid column type for column '{name}', expected iox::column_type::field::integer, "
                "got iox::column_type::field::float"
            )
            detail = {"original_line": lines[number], "line_number": number + 1, "error_message": message}
            body = {"error": "partial write of line protocol occurred", "data": [detail]}
            return web.json_response(body, status=400)
        return web.Response(status=204, headers={"cluster-uuid": "01234567-89ab-cdef-0123-456789abcdef"})

    async def _lines(self, request: web.Request) -> list[str]:
        assert request.method == "POST"
        assert request.headers["Content-Type"] in {"text/plain", "text/plain; charset=utf-8"}
        assert request.headers["Accept"] == "application/json"
        return (await request.text()).split("\n")

    def _take(self, lines: Iterable[str]) -> list[tuple[int, str]]:
        """Write what can be; return the numbers of the other lines, each with its field."""
        refused = []
        for number, line in enumerate(lines):
            if line.startswith("#"):
                continue
            found = _LINE.fullmatch(line)
            assert found, line
            fields = dict(one.split("=", 1) for one in re.findall(_FIELD, found[2]))
            if wrong := self.integers & fields.keys():
                refused.append((number, min(wrong)))
            else:
                self.points.setdefault((found[1], int(found[3])), {}).update(fields)
        return refused


def settings_by_document(of: str, url: str, **other: Any) -> InfluxSettings:
    settings = InfluxSettings(url=url, version="3", database="p1meter", token=PASSWORD, interval=0)
    if of == "2":
        settings = replace(settings, version="2", organisation="home")
    return replace(settings, **other)


@pytest.mark.parametrize("version", ["2", "3"])
async def test_version_2_and_3_take_it(hass: HomeAssistant, version: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = Documented(version)
    async with answering(server) as url:
        settings = settings_by_document(version, url)
        assert await async_check(hass, settings) is None
        assert await async_check(hass, replace(settings, token=f" {PASSWORD}\n")) is None
        async with sink_of(hass, settings) as sink:
            for second in range(3):
                sink.take(at(second))
            await all_sent(sink)
            assert (sink.status.sent, sink.status.error) == (3, None)
    noon = NOON_MS
    assert [key for key in server.points if key[0] == "electricity"] == [
        ("electricity", noon + second * 1_000) for second in range(3)
    ]
    assert server.points["gas", noon - 300_000] == {"gas": "2569.646"}
    assert server.points["electricity", noon]["power_failures"] == "4i"
    assert server.points["electricity", noon]["tariff"] == '"normal"'
    assert PASSWORD not in caplog.text


@pytest.mark.parametrize(
    ("version", "wrong", "error"),
    [
        ("2", {"token": "another"}, "influxdb_auth"),
        ("2", {"token": ""}, "influxdb_auth"),
        ("2", {"organisation": "office"}, "influxdb_no_database"),
        ("2", {"database": "elsewhere"}, "influxdb_no_database"),
        ("2", {"version": "1", "user": "root", "password": "root"}, "influxdb_version"),
        ("2", {"version": "3"}, "influxdb_version"),
        ("3", {"token": "another"}, "influxdb_auth"),
        ("3", {"token": ""}, "influxdb_auth"),
    ],
)
async def test_version_2_and_3_say_what_is_wrong(
    hass: HomeAssistant, version: str, wrong: dict[str, Any], error: str
) -> None:
    async with answering(Documented(version)) as url:
        assert await async_check(hass, settings_by_document(version, url, **wrong)) == error


@pytest.mark.parametrize("version", ["2", "3"])
async def test_version_2_and_3_refuse_a_field(hass: HomeAssistant, version: str) -> None:
    server = Documented(version, integers={"power"})
    async with answering(server) as url, sink_of(hass, settings_by_document(version, url)) as sink:
        for second in range(5):
            sink.take(at(second))
        await all_sent(sink)
        assert (sink.status.sent, sink.status.dropped, sink.status.error) == (5, 0, "influxdb_fields")
        assert sink.status.facts["fields"] == "electricity.power"
    assert len(server.points) == 6
    assert not any("power" in fields for fields in server.points.values())


@pytest.mark.parametrize("version", ["2", "3"])
async def test_version_2_and_3_are_asked_again(hass: HomeAssistant, version: str) -> None:
    server = Documented(version)
    server.answers = [
        web.Response(status=503, headers={"Retry-After": "0"}),
        web.json_response({"code": "internal error", "message": "no space left"}, status=500),
        web.Response(status=408),
    ]
    async with answering(server) as url, sink_of(hass, settings_by_document(version, url)) as sink:
        for second in range(5):
            sink.take(at(second))
        await all_sent(sink)
        assert (sink.status.sent, sink.status.error) == (5, None)
    assert server.answers == []
