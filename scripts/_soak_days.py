"""Thirty days of a meter that talks every ten seconds, in a real Home Assistant with everything on, in some minutes.

Home Assistant 2026.11 as people run it, recorder on disk, with the journal, the file with the newest telegram, a real
Mosquitto, a real InfluxDB, the TCP port, and three loads that it switches. Its clocks are put ahead by ten seconds for
each telegram (`tests/instance/clock.py`), so it lives these days as any others: its timers, five-minute marks,
statistics, nights and months come when they are due. The next telegram is sent as soon as the one before has come out
at the TCP port and at the broker, byte by byte as it went in. All days have a bad line; some have worse.
"""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
import json
import os
from pathlib import Path
from random import Random
import re
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from _bench_home import Home, say
from _bench_page import grid, machine, renew
from _servers import make as make_servers
from _soak_truth import Truth
import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from paho.mqtt.client import Client as MqttClient, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.instance import appliances
from tests.instance.client import InstanceError
from tests.instance.clock import Clock
from tests.instance.process import HOST, HomeAssistant, free_port
from tests.simulation.faults import Damage
from tests.simulation.household import Household
from tests.simulation.meter import Cable
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator

    from tests.instance.client import Client, Json

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "reliability.md"
SYSTEM: Final = SYSTEMS["nl4"]
STEPS_A_DAY: Final = 86_400 // SYSTEM.interval
# Of all telegrams, on every day.
DAMAGED: Final = 0.02
# On the worst day every second telegram is so many bytes of garbage.
GARBAGE: Final = 600
# The cable is out for a minute in each ten.
FLAP_STEPS: Final = 60
PULLED_STEPS: Final = 6
MOST_LINES: Final = 20
# What waits is kept so long by what is chosen here (min): a day, which is the most that can be.
KEEP: Final = 1_440
# Nobody is away for longer on the worst day: an hour less than that, for it is not noticed at once that he is back.
AWAY_STEPS: Final = STEPS_A_DAY - 360
PATIENCE_S: Final = 60
# How long each telegram waits while the broker gets what it has missed (s).
CATCHING_UP_S: Final = 0.02
# How many telegrams are sent before any is counted, and how long each has, in real time, to be fetched (s).
WARM_UP_STEPS: Final = 20
WARM_UP_S: Final = 0.3
# An hour for what waits when everybody is back.
DRAIN_STEPS: Final = 360
# Connections come and go: a leak is one for each of hundreds of reloads.
SLACK: Final = 5
MOST_GROWTH_MIB: Final = 5.0
TOTALS: Final = ("import_tariff_1", "import_tariff_2", "export_tariff_1", "export_tariff_2")
PREFIX: Final = "p1"
DATABASE: Final = "p1meter"
CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p1meter"
_RECORD: Final = re.compile(r"^\d{4}-\d\d-\d\d \S+ ([A-Z]+) \([^)]*\) \[([^\]]+)\] (.*)", re.MULTILINE)
_OURS: Final = "p1meter"
_TELEGRAM: Final = re.compile(rb"/.*?\r\n![0-9A-F]{4}\r\n", re.DOTALL)


class Held(NamedTuple):
    """What the process holds; of the memory, `recorder_mib` is SQLite's for Home Assistant's recorder."""

    mib: float
    recorder_mib: float
    blocks: int
    tasks: int
    threads: int
    files: int
    sockets: int


class Logged(NamedTuple):
    """Lines of the log: all of p1meter, those of them that everybody has in the log, warnings of all the others."""

    ours: int
    loud: int
    others: int


class Day(NamedTuple):
    """What was found of a day."""

    number: int
    what: str
    held: Held
    logged: Logged


def run(folder: Path, days: int, reloads: int, *, write: bool) -> Generator[str]:
    """Live through these days, and yield what was found.

    Args:
        folder: where everything is written.
        days: so many; four at least, for there are as many kinds of days.
        reloads: how often the entry is reloaded meanwhile.
        write: whether the result goes into docs/reliability.md.

    Raises:
        AssertionError: something is wrong; its text is a sentence that says what.
    """
    if days < 4:
        raise AssertionError("there are four kinds of days")
    make_servers("mosquitto", "influxdb")
    for name in ("mosquitto/mosquitto", "influxdb/influxd"):
        if not (CACHE / name).exists():
            sys.exit(f"scripts/soak days needs {name}")
    folder.mkdir(parents=True)
    soak = Soak(folder, days, reloads)
    asyncio.run(soak.live())
    text = soak.table()
    if write:
        renew("soak days", text, page=PAGE)
    yield text
    if soak.growth > MOST_GROWTH_MIB:
        raise AssertionError(f"the memory has grown by {soak.growth:.1f} MiB in the second half")


class Soak:
    """A house, its meter, its Home Assistant, and all that listens."""

    def __init__(self, folder: Path, days: int, reloads: int) -> None:
        """Prepare; nothing runs yet."""
        self.days: list[Day] = []
        self.sent = self.pulled = self.garbage = self.reloaded = 0
        self.damaged: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()
        # By their hash: they would be a quarter of a gigabyte.
        self.good: list[int] = []
        self.times: list[int] = []
        self.said: Counter[str] = Counter()
        self.journal = ""
        self.hours = 0
        self.seconds = 0.0
        self._newest = b""
        self._truth = Truth(SYSTEM.interval)
        # What is said while everything is set up, by its hash: some of it is in the journal, none is counted.
        self._unsaid: set[int] = set()
        self._is_read = False
        self._before: Counter[str] = Counter()
        self._folder = folder
        self._count = days
        self._reloads = reloads
        self._clock = Clock(folder)
        self._household = Household(start=_full_minute(), system=SYSTEM.name)
        self._damage = Damage(1, share=DAMAGED)
        self._noise = Random("garbage")  # noqa: S311 (no secret)
        self._log = 0
        appliances.install(self._household)
        switches = [load.switch for load in appliances.LOADS]
        home = HomeAssistant(folder / "home", switches=switches, tools=["gauge"], clock=self._clock)
        self._home = Home(home, "p1meter", folder / "meter")
        self._cable = Cable(self._home.link, SYSTEM)
        self._broker = Broker(folder)
        self._influx = Influx(folder)
        self._reader = Reader(free_port())

    @property
    def _client(self) -> Client:
        return self._home.client

    async def live(self) -> None:
        """Live through all of it. Raises AssertionError at the first thing that is wrong."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._broker.running())
            await stack.enter_async_context(self._influx.running())
            self._cable.plug()
            stack.callback(self._cable.unplug)
            await self._home.hass.start()
            stack.push_async_callback(self._home.hass.stop)
            await self._client.stay_signed_in(365)
            await self._set_up()
            await stack.enter_async_context(appliances.wired(self._client, self._household))
            await appliances.add_loads(self._client, self._home.entry_id)
            await self._until(lambda found: len((found["loads"] or {"by_id": ()})["by_id"]) == len(appliances.LOADS))
            await self._warm_up()
            await self._begin_anew()
            self._broker.times.clear()
            say("everything is set up")
            began = time.monotonic()
            self._log = len(self._home.hass.log)
            for number in range(self._count):
                await self._live_a_day(number)
            await self._drain()
            await self._count_telegrams()
            self.seconds = time.monotonic() - began
            await self._compare_statistics()
            self._reader.close()
            await self._home.hass.stop()
            await self._compare()

    # --- the beginning ------------------------------------------------------------------------------------------------

    async def _set_up(self) -> None:
        """Add the meter and switch everything on, by the dialogs."""
        talking = asyncio.create_task(self._talk())
        await self._home.add()
        tls = {"set_client_cert": False, "set_ca_cert": "off"}
        mqtt = {"broker": HOST, "port": self._broker.port, "protocol": "5", "other_settings": tls}
        await self._home.add_other("mqtt", mqtt)
        home, data = self._home, {"next_step_id": "data"}
        always = {"interval": 0, "keep": KEEP}
        await home.choose(data, {"next_step_id": "journal"}, {"format": "raw", "folder": "house", "interval": 0})
        latest = {"mode": "replace", "path": str(self._latest), "interval": 0}
        await home.choose(data, {"next_step_id": "latest_file"}, latest)
        layout = {"layouts": ["json"], "prefix": PREFIX, "qos": "1", "retain": False, **always}
        await home.choose(data, {"next_step_id": "mqtt"}, layout)
        server = {"version": "1", "url": self._influx.url, "verify_ssl": False, "names": "p1meter", **always}
        await home.choose(data, {"next_step_id": "influxdb"}, server, {"database": DATABASE})
        port = {"enabled": True, "host": HOST, "port": self._reader.port, "max_clients": 5}
        await home.choose(data, {"next_step_id": "server"}, port)
        talking.cancel()

    async def _talk(self) -> None:
        """Speak in real time, while the meter is looked for; none of this is counted."""
        while True:
            self._say_uncounted()
            await asyncio.sleep(0.5)

    def _say_uncounted(self) -> None:
        telegram = SYSTEM.compose(self._household)
        self._unsaid.add(hash(telegram))
        self._cable.write(telegram)

    async def _warm_up(self) -> None:
        """Speak until it is known how often this meter does: until then a pause of ten seconds may pass for silence."""
        for _ in range(WARM_UP_STEPS):
            self._household.step(SYSTEM.interval)
            self._clock.advance_to(self._household.now)
            await self._client.ping()
            self._say_uncounted()
            await asyncio.sleep(WARM_UP_S)

    @property
    def _latest(self) -> Path:
        return self._home.hass.folder / "p1meter" / "house" / "telegram"

    # --- the days -----------------------------------------------------------------------------------------------------

    async def _live_a_day(self, number: int) -> None:
        count = self._count
        kinds: dict[int, tuple[str, Callable[[], Iterator[None]]]] = {
            count // 3: ("broker and database dead for twelve hours", self._outage),
            count // 2: ("every second telegram garbage, broker and database dead for 23 hours", self._worst),
            3 * count // 4: ("the cable pulled for a minute in each ten", self._flapping),
        }
        what, kind = kinds.get(number, ("2 % of the telegrams damaged", self._usual))
        # Not while somebody is away, nor on the day after: what waits for him is lost at a reload, as it is at a stop.
        away = {count // 3, count // 2}
        quiet = [day for day in range(count) if not away & {day, day - 1}]
        reloads = 0
        if number in quiet:
            reloads = self._reloads // len(quiet) + (quiet.index(number) < self._reloads % len(quiet))
        due = Counter(STEPS_A_DAY * (nth + 1) // (reloads + 1) for nth in range(reloads))
        happens = kind()
        for step in range(STEPS_A_DAY):
            for _ in range(due[step]):
                await self._reload()
            next(happens)
            await self._settle()
            await self._step(is_garbage=kind == self._worst and step % 2 == 1)
        for _ in happens:
            pass
        await self._settle()
        self.days.append(Day(number + 1, what, await self._weigh(), self._read_log()))
        say(f"day {number + 1}, {what}: {self.days[-1].held}, {self.days[-1].logged}")

    def _usual(self) -> Iterator[None]:
        for _ in range(STEPS_A_DAY):
            yield

    def _outage(self) -> Iterator[None]:
        for step in range(STEPS_A_DAY):
            self._broker.wanted = self._influx.wanted = step >= STEPS_A_DAY // 2
            yield

    def _worst(self) -> Iterator[None]:
        for step in range(STEPS_A_DAY):
            self._broker.wanted = self._influx.wanted = step >= AWAY_STEPS
            yield

    def _flapping(self) -> Iterator[None]:
        for step in range(STEPS_A_DAY):
            if step % FLAP_STEPS == 0:
                self._cable.unplug()
            elif step % FLAP_STEPS == PULLED_STEPS:
                self._cable.plug()
            yield

    async def _settle(self) -> None:
        """Stop and start servers as is wanted."""
        if self._broker.wanted is not self._broker.runs:
            await (self._broker.start() if self._broker.wanted else self._broker.stop())
        if self._influx.wanted is not self._influx.runs:
            await (self._influx.start() if self._influx.wanted else self._influx.stop())

    async def _step(self, *, is_garbage: bool) -> None:
        """Let ten seconds go by, send what the meter says, and wait until it has come out wherever it should."""
        self._household.step(SYSTEM.interval)
        self._clock.advance_to(self._household.now)
        await self._client.ping()
        if not self._cable.plugged:
            self.pulled += 1
            self._is_read = False
        else:
            if not self._is_read:
                await self._until_read()
            if is_garbage:
                self.garbage += 1
                self._cable.write(self._noise.randbytes(GARBAGE))
            else:
                await self._say()
        await self._client.ping()
        await self._influx.idle.wait()

    async def _say(self) -> None:
        telegram = SYSTEM.compose(self._household)
        delivery = self._damage(telegram)
        begin = self._clock.now.timestamp()
        self.sent += 1
        self._cable.write(delivery.data)
        if delivery.fault is not None:
            self.damaged[delivery.fault] += 1
        if not delivery.good:
            return
        self.good.append(hash(telegram))
        self.times.append(int(self._household.now.timestamp()))
        self._newest = telegram
        if await self._reader.read() != telegram:
            raise AssertionError(f"another telegram than that of {self._household.now} comes out at the TCP port")
        self._truth.note(begin, self._clock.now.timestamp(), self._household.registers.readings())
        await self._broker.follow(len(self.times))

    async def _until_read(self) -> None:
        """Wait until the port is open, after a reload or when the cable is back. Raises AssertionError."""
        await self._until(lambda found: found["link"]["state"] == "connected")
        self._is_read = True

    async def _until(self, is_so: Callable[[Json], bool]) -> None:
        """Wait until it says yes to what a person can download. Raises AssertionError."""
        found: Json = {}
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (found and is_so(found)):
                    # While the entry is being reloaded there is nothing to download.
                    with suppress(InstanceError):
                        found = await self._diagnostics()
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"nobody reads the port at {self._household.now}: {found.get('link')}") from None

    async def _reload(self) -> None:
        """Reload the entry while the meter says nothing: it would not be heard."""
        await self._count_telegrams()
        self._reader.close()
        await self._client.post(f"/api/config/config_entries/entry/{self._home.entry_id}/reload", {})
        self.reloaded += 1
        await self._begin_anew()

    async def _begin_anew(self) -> None:
        """Read along, and count from here on."""
        if self._cable.plugged:
            await self._until_read()
        await self._reader.connect()
        self._before = await self._counters()

    async def _diagnostics(self) -> Json:
        """Return what a person can download."""
        found: Json = (await self._client.get(f"/api/diagnostics/config_entry/{self._home.entry_id}"))["data"]
        return found

    async def _counters(self) -> Counter[str]:
        """Return how many telegrams it has accepted and refused."""
        line: dict[str, int] = (await self._diagnostics())["line"]
        return Counter({key: value for key, value in line.items() if key.startswith(("telegrams_a", "telegrams_r"))})

    async def _count_telegrams(self) -> None:
        self.counted += await self._counters() - self._before

    async def _weigh(self) -> Held:
        weighed = await self._client.act("gauge", "weigh", answers=True)
        held = await self._client.act("gauge", "hold", answers=True)
        mib, recorder_mib = (round(weighed[name] / 2**20, 1) for name in ("bytes", "recorder"))
        return Held(mib, recorder_mib, weighed["blocks"], **held)

    def _read_log(self) -> Logged:
        """Count what was logged since the last time."""
        log = self._home.hass.log
        new, self._log = log[self._log :], len(log)
        records = _RECORD.findall(new)
        ours = [level for level, logger, text in records if _OURS in logger or _OURS in text]
        loud = [level for level in ours if level != "INFO"]
        said = (text for _, logger, text in records if _OURS in logger or _OURS in text)
        self.said.update(text.replace(f"{self._folder}/", "") for text in said)
        return Logged(len(ours), len(loud), len(records) - len(ours))

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Go on until what waits for the broker and for the database has arrived. Raises AssertionError."""
        for _ in range(DRAIN_STEPS):
            await self._step(is_garbage=False)
            # What is newest waits for others, to go with them in one request: it is written at the end.
            if self._broker.count == len(self.times) <= await self._influx.count(self.times[0]) + 1:
                return
        raise AssertionError("an hour after everybody was back something still waits for the broker or the database")

    async def _compare_statistics(self) -> None:
        """Look whether the recorder's hours hold what the household has really used. Raises AssertionError."""
        rows = await self._client.command("config/entity_registry/list")
        of_unique_id = {row["unique_id"]: str(row["entity_id"]) for row in rows}
        ids = {key: of_unique_id[f"{self._home.entry_id}_electricity_{key}"] for key in TOTALS}
        found = await self._client.command(
            "recorder/statistics_during_period",
            start_time=datetime.fromtimestamp(self.times[0], UTC).isoformat(),
            statistic_ids=list(ids.values()),
            period="hour",
            types=["state", "sum"],
        )
        self.hours = min(self._truth.compare(key, found.get(entity_id, ())) for key, entity_id in ids.items())
        if not self.hours:
            raise AssertionError("there is no whole hour to compare")

    async def _compare(self) -> None:
        """Compare what was sent with what is there. Raises AssertionError."""
        count = len(self.good)
        accepted = self.counted.pop("telegrams_accepted")
        if accepted != count:
            raise AssertionError(f"{count} good telegrams were sent, and {accepted} accepted")
        if self._broker.times != self.times:
            raise AssertionError(_difference("the broker", self.times, self._broker.times))
        journal = await asyncio.to_thread(self._journal)
        if journal != self.good:
            raise AssertionError(_difference("the journal", self.good, journal))
        if self._latest.read_bytes() != self._newest:
            raise AssertionError("the file with the newest telegram holds another one")
        points = await self._influx.since(self.times[0])
        if points != self.times:
            raise AssertionError(_difference("InfluxDB", self.times, points))
        self._compare_held()

    def _compare_held(self) -> None:
        """Look at what grew, from the end of the second day on. Raises AssertionError."""
        first, last = self.days[1].held, self.days[-1].held
        for name in ("tasks", "threads", "files", "sockets"):
            if getattr(last, name) > getattr(first, name) + SLACK:
                raise AssertionError(
                    f"{name} were {getattr(first, name)} on the second day and are {getattr(last, name)}"
                )
        loudest = max(self.days, key=lambda day: day.logged.loud)
        if loudest.logged.loud >= MOST_LINES:
            raise AssertionError(
                f"{loudest.logged.loud} lines in the log on day {loudest.number}: {self.said.most_common(5)}"
            )

    def _journal(self) -> list[int]:
        files = sorted(
            (self._home.hass.folder / "p1meter" / "house").glob("RAW*"), key=lambda file: file.stat().st_mtime
        )
        self.journal = f"{len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.0f} MB"
        said = (hash(one[0]) for file in files for one in _TELEGRAM.finditer(file.read_bytes()))
        return [one for one in said if one not in self._unsaid]

    # --- the result ---------------------------------------------------------------------------------------------------

    @property
    def growth(self) -> float:
        """How much the memory has grown in the second half, MiB: from the day after the worst.

        Without that of Home Assistant's recorder, which deletes what is older than ten days from then on.
        """
        return self._grown("mib") - self._grown("recorder_mib")

    def _grown(self, name: Literal["mib", "recorder_mib"]) -> float:
        quiet = self.days[min(self._count // 2 + 1, self._count - 1)]
        grown: float = getattr(self.days[-1].held, name) - getattr(quiet.held, name)
        return grown

    def table(self) -> str:
        """Lay out for people what was found."""
        refused = ", ".join(
            f"{count} {name.removeprefix('telegrams_refused_')}" for name, count in self.counted.items() if count
        )
        damaged = ", ".join(f"{count} {fault}" for fault, count in sorted(self.damaged.items()))
        count = len(self.good)
        account = [
            ("telegrams the meter sent", f"{self.sent + self.pulled:,}"),
            ("of these with the cable pulled", f"{self.pulled:,}"),
            ("damaged on the line", f"{sum(self.damaged.values()):,}: {damaged}"),
            ("bursts of garbage instead of a telegram", f"{self.garbage:,}"),
            ("good at the end of the line", f"{count:,}"),
            ("accepted", f"{count:,}, the same ones"),
            ("pieces that were refused, by reason", refused),
            ("at the TCP port, byte by byte, in order", f"{count:,}"),
            ("at Mosquitto (QoS 1), in order, none twice", f"{count:,}"),
            ("in the journal, byte by byte, in order", f"{count:,} ({self.journal})"),
            ("points in InfluxDB, each at the meter's time", f"{count:,}"),
            ("hours in the recorder's statistics that hold what the household used", f"{self.hours:,}"),
            ("reloads of the entry", f"{self.reloaded:,}"),
            (
                f"memory at the end, more than after day {min(self._count // 2 + 2, self._count)}, without SQLite's",
                f"{self.growth:.1f} MiB (wanted: {MOST_GROWTH_MIB:.0f} at most)",
            ),
            ("of SQLite, for the recorder", f"{self._grown('recorder_mib'):.1f} MiB"),
        ]
        rows = [
            [
                str(day.number),
                day.what,
                f"{day.held.mib:.1f}",
                f"{day.held.recorder_mib:.1f}",
                *(str(number) for number in day.held[3:]),
                str(day.logged.ours),
                str(day.logged.loud),
            ]
            for day in self.days
        ]
        head = [
            "day",
            "what",
            "MiB",
            "of it SQLite",
            "tasks",
            "threads",
            "files",
            "sockets",
            "lines of p1meter",
            "of these warnings",
        ]
        words = "\n".join(f"- {count} times: {text}" for text, count in self.said.most_common(10))
        lived = f"{self._count} days, lived in {self.seconds / 60:.0f} minutes"
        return "\n\n".join(
            [
                f"{lived}; {machine()}; {datetime.now(UTC):%Y-%m-%d}.",
                grid(["what", "how many"], account, numbers=False),
                grid(head, rows),
                f"What p1meter wrote into the log (level info) most often:\n\n{words}",
            ]
        )


class Broker:
    """Mosquitto, and somebody who listens there to all that p1meter says.

    Attributes:
        wanted: whether it should run.
        times: the meter's time in each telegram, as it came.
    """

    def __init__(self, folder: Path) -> None:
        """Prepare; nothing runs yet."""
        self.port = free_port()
        self.wanted = True
        self.times: list[int] = []
        self._came = asyncio.Event()
        self._is_behind = False
        self._process: asyncio.subprocess.Process | None = None
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} {HOST}\nallow_anonymous true\nlog_dest none\nuser root\n"
            f"persistence true\npersistence_location {folder}/\nmax_queued_messages 0\nqueue_qos0_messages true\n"
        )

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self._process is not None

    @property
    def count(self) -> int:
        """How many telegrams have come."""
        return len(self.times)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run it, with the listener."""
        await self.start()
        loop = asyncio.get_running_loop()
        there = asyncio.Event()

        def heard(_client: MqttClient, _data: object, message: MQTTMessage) -> None:
            self.times.append(int(datetime.fromisoformat(json.loads(message.payload)["time"]).timestamp()))
            loop.call_soon_threadsafe(self._came.set)

        def subscribe(client: MqttClient, *_: object) -> None:
            client.subscribe(f"{PREFIX}/telegram", 0)

        def subscribed(*_: object) -> None:
            loop.call_soon_threadsafe(there.set)

        client = MqttClient(CallbackAPIVersion.VERSION2, client_id="soak", clean_session=False)
        client.on_connect = subscribe
        client.on_subscribe = subscribed
        client.on_message = heard
        client.reconnect_delay_set(1, 1)
        client.connect(HOST, self.port)
        client.loop_start()
        try:
            await there.wait()
            yield
        finally:
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)
            await self.stop()

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = await _started(CACHE / "mosquitto/mosquitto", "-c", self._config, port=self.port)

    async def stop(self) -> None:
        """End it in order."""
        process, self._process = self._process, None
        self._is_behind = True
        if process is not None:
            process.send_signal(signal.SIGTERM)
            await process.wait()

    async def follow(self, count: int) -> None:
        """Wait until so many telegrams have come; not while it is away, and not long while much has to be caught up."""
        if not self.runs:
            return
        if self._is_behind:
            await asyncio.sleep(CATCHING_UP_S)
            self._is_behind = self.count < count
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self.count < count:
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise AssertionError(f"telegram {count} does not come to the broker") from None


class Influx:
    """InfluxDB, behind a door that knows whether a request is under way.

    Attributes:
        wanted: whether it should run.
        idle: set while no request is under way.
    """

    def __init__(self, folder: Path) -> None:
        """Prepare; nothing runs yet."""
        self.wanted = True
        self.idle = asyncio.Event()
        self.idle.set()
        self.url = ""
        self._port = free_port()
        self._process: asyncio.subprocess.Process | None = None
        self._requests = 0
        self._config = folder / "influxdb.conf"
        self._config.write_text(
            f'reporting-disabled = true\nbind-address = "{HOST}:{free_port()}"\n'
            f'[meta]\ndir = "{folder}/meta"\n[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\n'
            f'[http]\nbind-address = "{HOST}:{self._port}"\nlog-enabled = false\n'
        )

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self._process is not None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run it, and its door."""
        await self.start()
        await self._ask(f"CREATE DATABASE {DATABASE}")
        door = web.Application(client_max_size=2**26)
        door.router.add_route("*", "/{path:.*}", self._pass_on)
        try:
            async with TestServer(door) as server:
                self.url = str(server.make_url("")).rstrip("/")
                yield
        finally:
            await self.stop()

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = await _started(CACHE / "influxdb/influxd", "run", "-config", self._config, port=self._port)

    async def stop(self) -> None:
        """End it in order."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            await process.wait()

    async def count(self, since: int) -> int:
        """Return how many points there are from a moment on."""
        rows = await self._ask(f"SELECT COUNT(power) FROM electricity WHERE time >= {since}s")  # noqa: S608 (a number)
        return int(rows[0][1]) if rows else 0

    async def since(self, since: int) -> list[int]:
        """Return the time of each point from a moment on."""
        return [int(row[0]) for row in await self._ask(f"SELECT power FROM electricity WHERE time >= {since}s")]  # noqa: S608 (a number)

    async def _ask(self, query: str) -> list[list[Any]]:
        data = {"q": query, "db": DATABASE, "epoch": "s"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://{HOST}:{self._port}/query", data=data) as it,
        ):
            (result,) = (await it.json())["results"]
        rows: list[list[Any]] = result["series"][0]["values"] if "series" in result else []
        return rows

    async def _pass_on(self, request: web.Request) -> web.Response:
        self._requests += 1
        self.idle.clear()
        try:
            body = await request.read()
            if not self.runs and request.transport is not None:
                # As a server that is gone: it does not answer.
                request.transport.close()
                return web.Response()
            async with (
                aiohttp.ClientSession() as session,
                session.request(
                    request.method, f"http://{HOST}:{self._port}{request.path_qs}", data=body, headers={}
                ) as answer,
            ):
                kept = {name: answer.headers[name] for name in ("Content-Type",) if name in answer.headers}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        finally:
            self._requests -= 1
            if not self._requests:
                self.idle.set()


class Reader:
    """Somebody who reads along at the TCP port."""

    def __init__(self, port: int) -> None:
        """Prepare; nothing is connected yet."""
        self.port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def connect(self) -> None:
        """Connect as soon as somebody listens."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                with suppress(ConnectionRefusedError):
                    self._reader, self._writer = await asyncio.open_connection(HOST, self.port)
                    return
                await asyncio.sleep(0.01)

    def close(self) -> None:
        """Go."""
        if self._writer is not None:
            self._writer.close()

    async def read(self) -> bytes:
        """Return the next telegram. Raises AssertionError if none comes."""
        assert self._reader is not None  # noqa: S101 (it is connected before anything is said)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._reader.readuntil(b"!") + await self._reader.readuntil(b"\r\n")
        except TimeoutError:
            raise AssertionError("a good telegram does not come out at the TCP port") from None


async def _started(program: Path, *arguments: str | Path, port: int) -> asyncio.subprocess.Process:
    """Start a server, again and again while somebody else has its port, and wait until it listens."""
    nowhere = asyncio.subprocess.DEVNULL
    async with asyncio.timeout(PATIENCE_S):
        while True:
            process = await asyncio.create_subprocess_exec(program, *arguments, stdout=nowhere, stderr=nowhere)
            while process.returncode is None:
                with suppress(OSError), socket.create_connection((HOST, port), 1):
                    return process
                await asyncio.sleep(0.02)
            await asyncio.sleep(1)


def _difference(where: str, expected: list[int], found: list[int]) -> str:
    lost, more = Counter(expected) - Counter(found), Counter(found) - Counter(expected)
    return f"{where}: {lost.total()} lost, {more.total()} too many or twice" + (
        "" if lost or more else ", or out of order"
    )


def _full_minute() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)
