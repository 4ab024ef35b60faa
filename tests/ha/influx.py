"""InfluxDB for the tests: a real one, what is written to it, and what stands in for one."""

from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
import influxdb_client  # noqa: F401 (loaded here, because the first sink would take seconds for it on a busy machine)

from custom_components.p1meter.meter import REGISTERS, Reader, Telegram
from custom_components.p1meter.sink_settings import InfluxSettings
from custom_components.p1meter.sinks import Delivery
from custom_components.p1meter.sinks.influxdb import InfluxSink
from tests.compose import nl5
from tests.link.servers import Server, program
from tests.simulation.household import ZONE

from .conftest import until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from homeassistant.core import HomeAssistant


PASSWORD = "hedgehog-44"  # noqa: S105 (of servers that live as long as a test)
ROOT = {"Authorization": f"Basic {b64encode(f'root:{PASSWORD}'.encode()).decode()}"}
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp()) * 1_000


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
