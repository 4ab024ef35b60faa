"""Writes to InfluxDB with the meter's own stamps.

Points are kept until the server has them, in order and bounded in time. A point that is written twice is the same
point (same measurement, same time), so whatever is in doubt is sent again. What the server refuses for what is in it
is looked for and left out, and does not keep the rest waiting.

Sources: the API references of InfluxData: InfluxDB OSS v1 `/write` and `/ping`, OSS v2 `/api/v2/write`, 3 Core
`/api/v3/write_lp` with its guide "Use the v3 write_lp API"; what a 1.6 really answers was tried.
"""

import asyncio
from base64 import b64encode
from collections import deque
from contextlib import suppress
from http import HTTPStatus
from itertools import chain
import json
import logging
import re
from time import monotonic
from typing import TYPE_CHECKING, Final, NamedTuple

import aiohttp
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.requirements import RequirementsNotFound, async_process_requirements
from yarl import URL

from ..const import DOMAIN
from . import SinkStatus
from .points import DataPoint, PointMaker, encode, packed, unpacked

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from ..sink_settings import InfluxSettings
    from . import Delivery

_LOGGER = logging.getLogger(__name__)

CLIENT: Final = "influxdb-client==1.50.0"
"""What writes the line protocol; the version of Home Assistant's own `influxdb`. Not in the manifest: few need it."""

# Points in one request: half a megabyte, which proxies let through that stand before a server.
_BATCH: Final = 500
# Seconds after a request in which telegrams gather for the next.
_GATHER: Final = 5.0
# Seconds between two attempts.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0
# A server that asks for more patience than this is asked again all the same (s).
_MOST_PATIENCE: Final = 300.0
# Seconds for one request.
_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
# A server that is away for less is only being updated (s).
_LONG_AWAY: Final = 300.0
# What a database has of a field, version 1 knows for a week at a time: one that was refused is tried again (s).
_FIELD_LEFT_OUT: Final = 86_400.0
# Seconds for what can still be sent at the end; there are five for everything.
_LAST_WORDS: Final = 4.0
# Of what a server answers, so much is looked at (octets), and so much is shown (characters).
_READ: Final = 65_536
_SHOWN: Final = 200

# Between two dots of a name (RFC 1035 §2.3.4).
_LONGEST_LABEL: Final = 63

_PATHS: Final = {"1": "write", "2": "api/v2/write", "3": "api/v3/write_lp"}
_MAJOR = re.compile(r"v?(\d+)\.")
# `input field "power" on measurement …` (1 and 2), `column 'power'` and `field 'power'` (3).
_REFUSED_FIELD = re.compile(r"(?:field|column) [\"'](.+?)[\"']")

UNREACHABLE: Final = "influxdb_unreachable"
CERTIFICATE: Final = "influxdb_certificate"
AUTH: Final = "influxdb_auth"
NO_DATABASE: Final = "influxdb_no_database"
VERSION: Final = "influxdb_version"
BAD_URL: Final = "influxdb_url"
NOT_INSTALLED: Final = "influxdb_not_installed"
REFUSED: Final = "influxdb_refused"
FIELDS: Final = "influxdb_fields"

ERRORS: Final = (UNREACHABLE, CERTIFICATE, AUTH, NO_DATABASE, VERSION, BAD_URL, NOT_INSTALLED, REFUSED, FIELDS)
"""Everything that `SinkStatus.error` of this sink can be."""


class NotWrittenError(Exception):
    """Nothing can be written now, whatever is in it.

    Attributes:
        key: one of `ERRORS`.
        reason: what the server or the network says, for a person; never a password.
        patience: seconds after which the server wants to be asked again; None: it does not say.
    """

    def __init__(self, key: str, reason: str, patience: float | None = None) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason
        self.patience = patience


class _Waiting(NamedTuple):
    """The points of one telegram.

    Attributes:
        since: when they came, by a clock that nobody sets.
        size: how many they are.
        packed: they, in one piece (`mqtt._Interval` says why).
    """

    since: float
    size: int
    packed: bytes


class _Server:
    """One database on a server."""

    def __init__(self, hass: HomeAssistant, settings: InfluxSettings) -> None:
        """Prepare; a URL that cannot be one of a server raises ValueError."""
        url = URL(settings.url.strip())
        if url.scheme not in {"http", "https"} or not url.host or url.user or url.password or url.query_string:
            raise ValueError
        name = (url.raw_host or "").removesuffix(".")
        # To who looks for a name in `.local` all the rest is one label; if it is longer, that fails in ways of its own.
        labels = [name.removesuffix(".local")] if name.endswith(".local") else name.split(".")
        if max(map(len, labels)) > _LONGEST_LABEL:
            raise ValueError
        self.url = url
        self._settings = settings
        self._session = async_get_clientsession(hass, verify_ssl=settings.verify_ssl)
        self._headers = {"Accept": "application/json"} | _credentials(settings)
        if settings.version == "1":
            self._query = {"db": settings.database, "precision": "ms"}
        elif settings.version == "2":
            self._query = {"org": settings.organisation, "bucket": settings.database, "precision": "ms"}
        else:
            self._query = {"db": settings.database, "precision": "millisecond"}

    async def write(self, lines: bytes) -> str | None:
        """Write lines of the line protocol.

        Returns:
            Why the server refuses these lines, or at least one of them; None: it has them.

        Raises:
            NotWrittenError: it takes nothing now.
        """
        url = self.url.joinpath(*_PATHS[self._settings.version].split("/")).with_query(self._query)
        headers = {**self._headers, "Content-Type": "text/plain; charset=utf-8"}
        try:
            async with self._session.post(
                url, data=lines, headers=headers, timeout=_TIMEOUT, allow_redirects=False
            ) as answer:
                if answer.status == HTTPStatus.NO_CONTENT:
                    return None
                return _refusal(answer, await _beginning(answer.content))
        except aiohttp.ClientConnectorCertificateError as err:
            raise NotWrittenError(CERTIFICATE, str(err.certificate_error)[:_SHOWN]) from None
        except TimeoutError:
            raise NotWrittenError(UNREACHABLE, "timeout") from None
        except (aiohttp.ClientError, OSError) as err:
            raise NotWrittenError(UNREACHABLE, str(err)[:_SHOWN] or type(err).__name__) from None

    async def is_of_another_version(self) -> bool:
        """Whether the server says that it is of another version than it was taken for."""
        with suppress(aiohttp.ClientError, OSError):
            async with self._session.get(self.url.joinpath("ping"), headers=self._headers, timeout=_TIMEOUT) as answer:
                major = _MAJOR.match(answer.headers.get("X-Influxdb-Version", ""))
                return major is not None and major[1] != self._settings.version
        return False


class InfluxSink:
    """See `sinks.Sink`; the errors are those of `ERRORS`."""

    def __init__(self, hass: HomeAssistant, settings: InfluxSettings) -> None:
        """Prepare."""
        self.status = SinkStatus()
        self._hass = hass
        self._settings = settings
        self._maker = PointMaker(settings.names, settings.interval)
        self._queue: deque[_Waiting] = deque()
        self._without: set[tuple[str, str]] = set()
        self._without_since = 0.0
        self._came = asyncio.Event()
        self._ending = asyncio.Event()
        self._failing_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    def take(self, delivery: Delivery) -> None:
        """Take the next telegram."""
        points = self._maker.points(delivery)
        if not points or self._task is None:
            return
        self.status.taken += 1
        self._queue.append(_Waiting(monotonic(), len(points), packed(points)))
        self._forget()
        self._came.set()

    async def async_start(self) -> None:
        """Begin to write what comes."""
        try:
            server = _Server(self._hass, self._settings)
        except ValueError:
            self._tell(BAD_URL)
            return
        self.status.facts = {"url": str(server.url), "database": self._settings.database}
        self._task = self._hass.async_create_background_task(self._run(server), f"{DOMAIN} InfluxDB")

    async def async_stop(self) -> None:
        """Write what can be written within a few seconds, and end."""
        self._ending.set()
        self._came.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=_LAST_WORDS)
            self._task.cancel()
            await asyncio.wait([self._task])
        if self.status.waiting:
            _LOGGER.warning("InfluxDB is away: %s telegrams that waited for it are not written", self.status.waiting)

    # --- the queue ----------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        """Drop what has waited for longer than was asked for; of what comes faster than that, the oldest too."""
        keep = self._settings.keep_s
        oldest = monotonic() - keep
        while self._queue and (self._queue[0].since < oldest or len(self._queue) > keep):
            self._queue.popleft()
            self.status.dropped += 1
        self._count_waiting()

    def _count_waiting(self) -> None:
        """Count what waits, also in the request that is under way."""
        self.status.waiting = self.status.taken - self.status.sent - self.status.dropped

    def _next(self) -> list[_Waiting]:
        """Take the oldest telegrams out of the queue, as many as go into one request."""
        batch: list[_Waiting] = []
        size = 0
        while self._queue and size < _BATCH:
            batch.append(self._queue.popleft())
            size += batch[-1].size
        return batch

    # --- the task -----------------------------------------------------------------------------------------------------

    async def _run(self, server: _Server) -> None:
        await self._install()
        pause = _FIRST_PAUSE
        while await self._something_waits():
            if monotonic() - self._without_since > _FIELD_LEFT_OUT:
                self._without.clear()
            batch = self._next()
            telegrams = [unpacked(waiting.packed) for waiting in batch]
            try:
                refused = await self._write(server, list(chain.from_iterable(telegrams)))
            except NotWrittenError as err:
                self._queue.extendleft(reversed(batch))
                self._failed(err)
                if self._ending.is_set():
                    return
                await self._sleep(min(err.patience or pause, _MOST_PATIENCE))
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._written(telegrams, refused)
                pause = _FIRST_PAUSE
                if len(self._queue) < _BATCH:
                    await self._sleep(_GATHER)

    async def _install(self) -> None:
        """Get the client library, where it is not there yet: the image of a container loses it at every update."""
        while not self._ending.is_set():
            try:
                await async_process_requirements(self._hass, DOMAIN, [CLIENT], is_built_in=False)
            except RequirementsNotFound:
                self._tell(NOT_INSTALLED, reason=CLIENT)
                await self._sleep(_MOST_PATIENCE)
            else:
                return

    async def _something_waits(self) -> bool:
        """Wait until there is something to write; False: there is nothing, and nothing will come."""
        while not self._queue:
            if self._ending.is_set():
                return False
            self._came.clear()
            await self._came.wait()
        return True

    async def _sleep(self, seconds: float) -> None:
        """Wait so long, or until this is to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()

    async def _write(self, server: _Server, points: list[DataPoint]) -> dict[int, str]:
        """Write points.

        Returns:
            Those that the server refuses for what is in them, by their `id`, with what it says.

        Raises:
            NotWrittenError: it takes nothing now. Some of these may have been written, which does not matter.
        """
        try:
            lines = await self._hass.async_add_executor_job(encode, points, frozenset(self._without))
        except ImportError as err:
            # It is there, and does not work: one of those that it needs is missing.
            raise NotWrittenError(NOT_INSTALLED, str(err)) from None
        reason = await server.write(lines) if lines else None
        if reason is None:
            return {}
        if len(points) > 1:
            # Which one it is, not every version says; what is written twice is there once.
            middle = len(points) // 2
            return await self._write(server, points[:middle]) | await self._write(server, points[middle:])
        found = _REFUSED_FIELD.search(reason)
        refused = points[0].measurement, found[1] if found else ""
        if refused[1] in points[0].fields and refused not in self._without:
            self._without.add(refused)
            self._without_since = monotonic()
            _LOGGER.warning("InfluxDB refuses a field, which is left out from now on: %s", reason)
            return await self._write(server, points)
        return {id(points[0]): reason}

    # --- what became of it --------------------------------------------------------------------------------------------

    def _failed(self, err: NotWrittenError) -> None:
        now = monotonic()
        if self._failing_since is None:
            self._failing_since = now
            _LOGGER.info("Nothing can be written to InfluxDB at %s: %s", self._settings.url, err)
        dropped = self.status.dropped
        self._forget()
        if err.key != UNREACHABLE or now - self._failing_since >= _LONG_AWAY or self.status.dropped > dropped:
            self._tell(err.key, reason=err.reason)

    def _written(self, telegrams: list[list[DataPoint]], refused: dict[int, str]) -> None:
        if self._failing_since is not None:
            self._failing_since = None
            _LOGGER.info("InfluxDB at %s takes what is written again", self._settings.url)
        lost = sum(any(id(point) in refused for point in points) for points in telegrams)
        self.status.sent += len(telegrams) - lost
        self.status.dropped += lost
        self._count_waiting()
        if refused:
            reason = next(iter(refused.values()))
            if self.status.error != REFUSED:
                _LOGGER.warning("InfluxDB refuses %s points: %s", len(refused), reason)
            self._tell(REFUSED, reason=reason)
        elif self._without:
            self._tell(FIELDS, fields=", ".join(sorted(f"{measurement}.{name}" for measurement, name in self._without)))
        else:
            self.status.error = None

    def _tell(self, error: str, **facts: str) -> None:
        self.status.error = error
        self.status.facts |= facts


async def async_check(hass: HomeAssistant, settings: InfluxSettings) -> str | None:
    """Try whether a server would take our points; nothing is left behind there.

    A comment is written, which every server looks at only after address, rights and database are found to be right.

    Returns:
        What is wrong: `influxdb_url`, `influxdb_unreachable`, `influxdb_certificate`, `influxdb_auth`,
        `influxdb_no_database` or `influxdb_version`; None: nothing.
    """
    try:
        server = _Server(hass, settings)
    except ValueError:
        return BAD_URL
    if not settings.database or (settings.version == "2" and not settings.organisation):
        # Servers answer that as they answer a comment that they do not want.
        return NO_DATABASE
    try:
        await server.write(b"# p1meter")
    except NotWrittenError as err:
        # A version 2 knows no passwords of version 1, so that it is another one is more to the point.
        return VERSION if err.key in {AUTH, NO_DATABASE} and await server.is_of_another_version() else err.key
    return None


def _credentials(settings: InfluxSettings) -> dict[str, str]:
    """Return the header that says who writes: a password in the URL would be in the logs of others."""
    if settings.version == "1":
        if not settings.user:
            return {}
        pair = b64encode(f"{settings.user}:{settings.password}".encode()).decode("ascii")
        return {"Authorization": f"Basic {pair}"}
    token = "".join(settings.token.split())
    return {"Authorization": f"{'Token' if settings.version == '2' else 'Bearer'} {token}"} if token else {}


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    """Read what may be an error message, or something that never ends."""
    try:
        return await content.readexactly(_READ)
    except asyncio.IncompleteReadError as err:
        return err.partial


def _refusal(answer: aiohttp.ClientResponse, body: bytes) -> str:
    """Return why the lines are refused.

    Raises:
        NotWrittenError: it is not for the lines.
    """
    status = answer.status
    reason = _reason(body)
    shown = reason or f"HTTP {status} {answer.reason}"
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise NotWrittenError(AUTH, shown)
    # `database not found: "x"` (1), `bucket "x" not found`, `organization name "x" not found` (2); that an address is
    # not known, 1 says as bare text, 2 as `path not found`.
    missing = "not found" in reason and "path not found" not in reason
    if missing and (status == HTTPStatus.NOT_FOUND or "organization" in reason):
        raise NotWrittenError(NO_DATABASE, shown)
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return shown
    if status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY} and answer.content_type != "text/html":
        return shown
    if status in {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS} or status > HTTPStatus.NOT_IMPLEMENTED:
        raise NotWrittenError(UNREACHABLE, shown, _patience(answer))
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        raise NotWrittenError(UNREACHABLE, shown)
    raise NotWrittenError(VERSION, shown)


def _patience(answer: aiohttp.ClientResponse) -> float | None:
    """Return what `Retry-After` says, in seconds; one that is a date is not looked at."""
    wanted = answer.headers.get("Retry-After", "")
    return float(wanted) if wanted.isdecimal() and wanted.isascii() else None


def _reason(body: bytes) -> str:
    """Return what an InfluxDB says of an error, in one line; "" where nothing of that kind is said.

    1: `{"error": …}`; 2: `{"code": …, "message": …}`; 3: `{"error": …, "data": [{"error_message": …}]}`, where `data`
    is the object itself if nothing was written.
    """
    try:
        said = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(said, dict):
        return ""
    details = said.get("data")
    if isinstance(details, list):
        details = next(iter(details), None)
    if isinstance(details, dict) and isinstance(details.get("error_message"), str):
        text = details["error_message"]
    else:
        text = str(said.get("message") or said.get("error") or "")
    return " ".join(text.split())[:_SHOWN]
