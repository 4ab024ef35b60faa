"""A real InfluxDB 1.6 gets a day of telegrams, and all that may go wrong with it."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import aiohttp
from aiohttp import web
from homeassistant.requirements import RequirementsNotFound
import pytest

from custom_components.p1meter.meter import REGISTERS, Reader, Telegram
from custom_components.p1meter.sink_settings import InfluxSettings
from custom_components.p1meter.sinks import Delivery, influxdb as module
from custom_components.p1meter.sinks.influxdb import ERRORS, async_check
from tests.compose import nl5
from tests.link.line import free_port
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

from .conftest import until
from .influx import NOON, NOON_MS, PASSWORD, ROOT, Influx, all_sent, answering, at, deliver, read, settings_for, sink_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import Say, SetUp

pytestmark = [pytest.mark.usefixtures("socket_enabled", "hasty_influxdb"), pytest.mark.xdist_group("servers")]


DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
async def influx(tmp_path: Path) -> AsyncGenerator[Influx]:
    port = free_port()
    config = tmp_path / "influxdb.conf"
    config.write_text(
        'reporting-disabled = true\nbind-address = "127.0.0.1:0"\n'
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
        where = url if away == "silent" else f"http://127.0.0.1:{free_port()}"
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
