"""InfluxDB 2 and 3, stood in for by what InfluxData says of them.

No real ones can be had on the machines that test: neither is in Debian, nor on PyPI or npm (there are only clients). So
their requests are checked against the API references: OSS v2 `/api/v2/write` and `/ping`, 3 Core `/api/v3/write_lp` and
`/ping`, and the guides "Troubleshoot issues writing data" (2) and "Use the v3 write_lp API" (3).
"""

from dataclasses import dataclass, field, replace
import logging
import re
from typing import TYPE_CHECKING, Any

from aiohttp import web
import pytest

from custom_components.p1meter.sink_settings import InfluxSettings
from custom_components.p1meter.sinks.influxdb import async_check

from .influx import NOON_MS, PASSWORD, all_sent, answering, at, sink_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeassistant.core import HomeAssistant


pytestmark = [pytest.mark.usefixtures("socket_enabled", "hasty_influxdb"), pytest.mark.xdist_group("servers")]


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
