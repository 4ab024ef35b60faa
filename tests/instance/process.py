"""The Home Assistant process: its configuration folder, its start, its stop and its log."""

import asyncio
import contextlib
from dataclasses import dataclass
import json
import os
from pathlib import Path
import signal
import socket
from typing import TYPE_CHECKING, Any

import aiohttp

from .client import Client, InstanceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .clock import Clock

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-ha"
PYTHON = ENVIRONMENT / "bin" / "python"
HOST = "127.0.0.1"
# The form in which a socket, or a contactor with an integration of its own, is there: it is what it was told to be.
SWITCH = """
      - name: {name}
        unique_id: {name}
        turn_on: []
        turn_off: []"""
# Not `default_config`: it ends in "Setup failed" on a machine where one of its programs is missing.
INTEGRATIONS = ("config", "energy", "frontend", "history", "logbook", "recorder", "usb")
LOGGER = """
logger:
  default: warning
  logs:
    custom_components.p1meter: info
    # Programs of other integrations that a bare machine lacks.
    haffmpeg: critical
    homeassistant.components.camera: critical
    aiohttp_fast_zlib: critical
"""
START_SECONDS = 180
STOP_SECONDS = 30
RESTART = 100  # homeassistant.const.RESTART_EXIT_CODE


@dataclass(frozen=True, slots=True)
class Place:
    """Where the house stands."""

    country: str
    time_zone: str
    latitude: float
    longitude: float


NETHERLANDS = Place("NL", "Europe/Amsterdam", 52.09, 5.12)
BELGIUM = Place("BE", "Europe/Brussels", 51.05, 3.72)


def free_port(wished: int = 0) -> int:
    """Return the wished TCP port of this machine if nobody listens on it, else any free one."""
    for port in (wished, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    raise InstanceError("this machine has no free TCP port")


class HomeAssistant:
    """One Home Assistant on one configuration folder, reachable from this machine only."""

    def __init__(
        self,
        folder: Path,
        *,
        place: Place = NETHERLANDS,
        port: int = 0,
        switches: Iterable[str] = (),
        tools: Iterable[str] = (),
        unrecorded: Iterable[str] = (),
        clock: Clock | None = None,
        language: str = "en",
    ) -> None:
        """Say what it will be; nothing is written or started yet.

        Args:
            folder: of the configuration.
            place: where the house stands.
            port: the wished TCP port, 0 any free one.
            switches: names of switches that are there besides.
            tools: integrations of `tests/instance` that are there besides: `sum_up`, `gauge`, `plug_in`.
            unrecorded: domains of entities that the recorder leaves out.
            clock: by which it lives, if not by this machine's.
            language: of the house.
        """
        self.folder = folder
        self.place = place
        self.language = language
        self._tools = tuple(tools)
        self._clock = {} if clock is None else clock.environment
        self._switches = tuple(switches)
        self._unrecorded = tuple(unrecorded)
        self.port = free_port(port)
        self._output = folder / "output.log"
        self._output.unlink(missing_ok=True)
        self._process: asyncio.subprocess.Process | None = None
        self._client: Client | None = None

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    @property
    def client(self) -> Client:
        """The signed-in connection of this start."""
        if self._client is None:
            raise InstanceError("Home Assistant is not running")
        return self._client

    @property
    def pid(self) -> int:
        """Its process."""
        if self._process is None:
            raise InstanceError("Home Assistant is not running")
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything that was logged and printed since the first start of this object."""
        return self._output.read_text(errors="replace") if self._output.is_file() else ""

    async def start(self) -> Client:
        """Start, sign in and wait until it says that it runs. Raises InstanceError with the end of the log."""
        self._write_configuration()
        with self._output.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                # scripts/setup has installed what it needs; it would try the rest again at every start.
                *(PYTHON, "-m", "homeassistant", "--config", self.folder, "--skip-pip"),
                cwd=ROOT,
                env={**os.environ, **self._clock, "PATH": f"{ENVIRONMENT / 'bin'}:{os.environ['PATH']}"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the script, which then stops its children in order
            )
        self._client = Client(self.url)
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._ready(self._process, self._client)
        except TimeoutError:
            await self.stop()
            raise InstanceError(f"Home Assistant did not start in {START_SECONDS} s\n{self.tail()}") from None
        except BaseException:
            await self.stop()
            raise
        return self._client

    async def stop(self) -> int | None:
        """Stop it as Ctrl-C does; returns its exit code, or None if it did not run."""
        if self._client is not None:
            await self._client.close()
            self._client = None
        process, self._process = self._process, None
        if process is None:
            return None
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
            except TimeoutError:
                process.kill()
        return await process.wait()

    async def kill(self) -> None:
        """End it at once (`kill -9`), as a power cut does: nothing is stopped in order, nothing written."""
        if self._process is None:
            raise InstanceError("Home Assistant is not running")
        self._process.kill()
        await self._process.wait()
        await self.stop()

    async def ended(self) -> int:
        """Wait until it ends by itself and return its exit code; `RESTART` if somebody told it to start again."""
        if self._process is None:
            raise InstanceError("Home Assistant is not running")
        code = await self._process.wait()
        await self.stop()
        return code

    def tail(self, lines: int = 40) -> str:
        """Return the end of the log."""
        return "\n".join(self.log.splitlines()[-lines:])

    async def _ready(self, process: asyncio.subprocess.Process, client: Client) -> None:
        signed_in = False
        while True:
            if process.returncode is not None:
                raise InstanceError(f"Home Assistant ended with code {process.returncode}\n{self.tail()}")
            with contextlib.suppress(aiohttp.ClientConnectionError):
                if not signed_in:
                    await client.sign_in()
                    signed_in = True
                if (await client.get("/api/config"))["state"] == "RUNNING":
                    await client.connect()
                    return
            await asyncio.sleep(0.2)

    def _write_configuration(self) -> None:
        storage = self.folder / ".storage"
        storage.mkdir(parents=True, exist_ok=True)
        integrations = self.folder / "custom_components"
        if self._tools:
            integrations.mkdir(exist_ok=True)
            # Without it those beside the working directory are found.
            (integrations / "__init__.py").touch()
            _link(integrations / "p1meter", ROOT / "custom_components" / "p1meter")
            for tool in self._tools:
                _link(integrations / tool, ROOT / "tests" / "instance" / tool)
        else:
            _link(integrations, ROOT / "custom_components")
        home = {
            "name": "Demo",
            "country": self.place.country,
            "language": self.language,
            "currency": "EUR",
            "time_zone": self.place.time_zone,
            "unit_system": "metric",
            "latitude": self.place.latitude,
            "longitude": self.place.longitude,
            "elevation": 5,
        }
        lines = ["homeassistant:", *(f"  {key}: {value}" for key, value in home.items())]
        for name in INTEGRATIONS:
            lines.append(f"{name}:")
            if name == "recorder" and self._unrecorded:
                lines += ["  exclude:", f"    domains: [{', '.join(self._unrecorded)}]"]
        lines += [f"{tool}:" for tool in self._tools]
        if self._switches:
            lines += ["template:", "  - switch:" + "".join(SWITCH.format(name=name) for name in self._switches)]
        lines += ["automation: !include automations.yaml", LOGGER]
        (self.folder / "configuration.yaml").write_text("\n".join(lines))
        if not (self.folder / "automations.yaml").is_file():
            (self.folder / "automations.yaml").write_text("[]\n")  # what the editor in the browser writes to
        if not (storage / "onboarding").is_file():
            # The other steps are done: over the API they would start weather and radio integrations.
            _store(storage, "onboarding", 4, {"done": ["core_config", "analytics", "integration"]})
        # Home Assistant takes this file as a whole or starts in recovery mode.
        http = {
            "server_host": [HOST],
            "server_port": self.port,
            "cors_allowed_origins": [],
            "login_attempts_threshold": -1,
            "ip_ban_enabled": False,
            "ssl_profile": "intermediate_v6",
            "use_x_frame_options": True,
            "created_at": "2026-11-01T00:00:00+00:00",
            "error": None,
            "error_message": None,
        }
        _store(storage, "http", 3, {"yaml_migration_done": True, "pending": None, "stable": http})


def _link(link: Path, to: Path) -> None:
    if not link.is_symlink():
        link.symlink_to(to)


def _store(storage: Path, key: str, version: int, data: Mapping[str, Any]) -> None:
    content = {"version": version, "minor_version": 1, "key": key, "data": data}
    (storage / key).write_text(json.dumps(content))
