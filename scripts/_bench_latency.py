"""From the last byte of a telegram on a pty to what comes of it in a real Home Assistant.

The net power as a state, the service that switches a load, and the message that somebody gets from a real Mosquitto.
All stamps are of this machine's clock: taken before the telegram is written, and by Home Assistant itself when it makes
the state and the call, by the listener when it has the message.
"""

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
import json
import math
from pathlib import Path
import signal
import socket
from statistics import median
import sys
from tempfile import TemporaryDirectory
import time
from typing import TYPE_CHECKING, Final, NamedTuple, TypedDict

from _bench_home import SETTLES_S, SYSTEM, Home, Meter, say
from _bench_page import Goal, goal, grid, machine, sheet
from _servers import make as make_servers
from _setup import setup
from paho.mqtt.client import Client as MqttClient, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.background import running
from tests.instance.dialogs import add_load
from tests.instance.process import HOST, HomeAssistant, free_port
from tests.simulation.household import ZONE, Household

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping

    from tests.instance.client import Client, Json

RATE: Final = 20
RUNS: Final = 5
RUN_S: Final = 30
# Nobody is up: what moves the meter is what is said here.
START: Final = datetime(2026, 11, 24, 3, tzinfo=ZONE)
SUN_W: Final = 4_000
BOILER_W: Final = 2_000
# Each telegram is a step that is written at once: more than 10 % of all that the meter says here.
STEP_W: Final = 600
# So many telegrams after the last boiler was switched the sun goes, or comes.
LINGERS: Final = 6
BOILERS: Final = {"switch.boiler_1": "Boiler 1"}
# A start is worth it at once here, and may be followed by another: so that there are many.
RULES: Final[Mapping[str, Json]] = {
    "device": {"min_on": 0, "min_off": 0, "max_starts_per_hour": None},
    "tuning": {"start_cost": 0, "stop_cost": 0, "latency": 0, "ramp": 0},
}
GOALS_MS: Final = {"load": 10, "state": 20}
WORDS: Final = {"state": "state of the net power", "mqtt": "message from Mosquitto", "load": "service of a load called"}
# Where `_servers` makes it.
MOSQUITTO: Final[Path] = setup.CACHE / "mosquitto/mosquitto"


class Figures(TypedDict):
    """Of one run, ms."""

    count: int
    p50: float
    p99: float
    most: float


class Result(TypedDict):
    """What it gives, by way; the best of the runs is that with the least p99."""

    name: str
    machine: str
    runs: dict[str, list[Figures]]
    best: dict[str, Figures]
    goals: list[Goal]
    page: str


class Sent(NamedTuple):
    """One telegram: when it was written, the meter's own time in it, and its net power, W."""

    at: float
    time: datetime
    watts: int


class House:
    """Boilers that p1meter switches, and a sun that goes when all are on and comes when all are off."""

    def __init__(self) -> None:
        self.on: set[str] = set()
        self.sent: list[Sent] = []
        self._household = Household(start=START, system=SYSTEM.name, weather="winter")
        self._waited = 0
        self._sun = True

    def telegrams(self) -> Iterator[bytes]:
        """Live for ever."""
        while True:
            done = len(self.on) == (len(BOILERS) if self._sun else 0)
            self._waited = self._waited + 1 if done else 0
            if self._waited > LINGERS:
                self._sun, self._waited = not self._sun, 0
            step = STEP_W * (len(self.sent) % 2)
            self._household.extra = step - SUN_W * self._sun + BOILER_W * len(self.on)
            self._household.step()
            yield SYSTEM.compose(self._household)

    def note(self, _telegram: bytes, at: float) -> None:
        """Remember a telegram that was sent."""
        self.sent.append(Sent(at, self._household.now, self._household.power))

    def before(self, at: float, *, watts: int | None = None) -> float | None:
        """Return when the newest telegram that was there at a moment was sent, with this power or any."""
        for sent in reversed(self.sent):
            if sent.at <= at and watts in {None, sent.watts}:
                return sent.at
        return None


def measure() -> Result:
    """Measure; four minutes. Exits with the reason where Mosquitto cannot be had."""
    make_servers("mosquitto")
    if not MOSQUITTO.exists():
        sys.exit("scripts/bench latency needs Mosquitto")
    with TemporaryDirectory(prefix="bench-latency-") as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> Result:
    house = House()
    meter = Meter(house.telegrams(), RATE)
    meter.on_sent = house.note
    home = Home(HomeAssistant(folder, switches=BOILERS.values()), "p1meter", folder / "meter")
    meter.cable(home.link)
    delays: list[dict[str, list[float]]] = []
    async with meter.talking(), mosquitto(folder) as broker:
        try:
            await home.hass.start()
            await home.add()
            power = await share(home, broker)
            with listening(broker) as messages:
                async with running(follow(home.client, power, house, delays)):
                    await add_boilers(home)
                    await asyncio.sleep(SETTLES_S)
                    for run in range(RUNS):
                        begin = len(house.sent)
                        heard = len(messages)
                        delays.append({way: [] for way in WORDS})
                        await asyncio.sleep(RUN_S)
                        sent = {sent.time: sent.at for sent in house.sent[begin:]}
                        delays[-1]["mqtt"] = [at - sent[time] for time, at in messages[heard:] if time in sent]
                        say(f"run {run + 1}: {', '.join(f'{way} {len(each)}' for way, each in delays[-1].items())}")
        finally:
            await home.hass.stop()
    runs = {way: [figures(each[way]) for each in delays] for way in WORDS}
    best = {way: min(each, key=lambda run: (run["p99"], run["p50"])) for way, each in runs.items()}
    goals = [
        goal(
            f"p99 to the {WORDS[way]} at most {most} ms (best of {RUNS} runs)",
            f"{best[way]['p99']:.1f} ms (median of the runs {median(run['p99'] for run in runs[way]):.1f})",
            met=best[way]["p99"] <= most,
        )
        for way, most in GOALS_MS.items()
    ]
    result: Result = {"name": "latency", "machine": machine(), "runs": runs, "best": best, "goals": goals, "page": ""}
    return {**result, "page": tables(result)}


async def share(home: Home, broker: int) -> str:
    """Connect it to Mosquitto, and share each telegram there; returns the entity of the net power."""
    tls = {"set_client_cert": False, "set_ca_cert": "off"}
    await home.add_other("mqtt", {"broker": HOST, "port": broker, "protocol": "5", "other_settings": tls})
    await home.choose(
        {"next_step_id": "data"},
        {"next_step_id": "mqtt"},
        {"layouts": ["json"], "prefix": "p1", "interval": 0, "qos": "0", "retain": False, "keep": 1},
    )
    rows = await home.entities()
    return next(str(row["entity_id"]) for row in rows if row["unique_id"] == f"{home.entry_id}_electricity_power")


async def add_boilers(home: Home) -> None:
    """Add the loads, which are off."""
    await home.client.command("call_service", domain="switch", service="turn_off", target={"entity_id": list(BOILERS)})
    for rank, (switch, name) in enumerate(BOILERS.items(), 1):
        first = {"entity_id": switch, "name": f"{name} load", "kind": "relay", "power": BOILER_W, "rank": rank}
        await add_load(home.client, home.entry_id, first, RULES)


async def follow(client: Client, power: str, house: House, delays: list[dict[str, list[float]]]) -> None:
    """Take down what Home Assistant does: into the last of the `delays`, if there is one."""

    async def states() -> None:
        async with client.subscribed("subscribe_entities", entity_ids=[power]) as changes:
            while True:
                change = (await changes.get()).get("c", {}).get(power, {}).get("+", {})
                at, state = change.get("lc"), change.get("s", "")
                if delays and at is not None and state.lstrip("-").isdigit():
                    sent = house.before(at, watts=int(state))
                    if sent is not None:
                        delays[-1]["state"].append(at - sent)

    async def calls() -> None:
        async with client.subscribed("subscribe_events", event_type="call_service") as events:
            while True:
                event = await events.get()
                asked = event["data"].get("service_data", {}).get("entity_id")
                if event["data"]["domain"] != "switch" or asked not in BOILERS:
                    continue
                (house.on.add if event["data"]["service"] == "turn_on" else house.on.discard)(asked)
                at = datetime.fromisoformat(event["time_fired"]).timestamp()
                sent = house.before(at)
                if delays and sent is not None:
                    delays[-1]["load"].append(at - sent)

    await asyncio.gather(states(), calls())


@contextmanager
def listening(port: int) -> Iterator[list[tuple[datetime, float]]]:
    """Listen to Mosquitto as long as this lasts; gives the meter's time in each telegram, and when it was there."""
    heard: list[tuple[datetime, float]] = []

    def on_message(_client: MqttClient, _data: object, message: MQTTMessage) -> None:
        at = time.time()
        heard.append((datetime.fromisoformat(json.loads(message.payload)["time"]), at))

    client = MqttClient(CallbackAPIVersion.VERSION2)
    client.on_message = on_message
    client.connect(HOST, port)
    client.subscribe("p1/telegram")
    client.loop_start()
    try:
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


@asynccontextmanager
async def mosquitto(folder: Path) -> AsyncGenerator[int]:
    """Run a broker as long as this lasts; gives its port."""
    port = free_port()
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} {HOST}\nallow_anonymous true\nlog_dest none\nuser root\n")
    broker = await asyncio.create_subprocess_exec(MOSQUITTO, "-c", config, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with asyncio.timeout(10):
            while True:
                with suppress(OSError), socket.create_connection((HOST, port), 1):
                    break
                await asyncio.sleep(0.05)
        yield port
    finally:
        broker.send_signal(signal.SIGTERM)
        await broker.wait()


def figures(delays_s: list[float]) -> Figures:
    """Sum one run up. Raises ValueError if nothing came of its telegrams."""
    if not delays_s:
        raise ValueError("nothing came of the telegrams of a run")
    ordered = sorted(delays_s)
    at = {share: ordered[math.ceil(share / 100 * len(ordered)) - 1] * 1_000 for share in (50, 99, 100)}
    return {"count": len(ordered), "p50": round(at[50], 2), "p99": round(at[99], 2), "most": round(at[100], 2)}


def tables(result: Result) -> str:
    """Write what was found as Markdown."""
    rows = [
        [
            WORDS[way],
            f"{best['count']:,}",
            *(f"{ms:.1f}" for ms in (best["p50"], best["p99"], best["most"])),
            ", ".join(f"{run['p99']:.1f}" for run in result["runs"][way]),
        ]
        for way, best in result["best"].items()
    ]
    return sheet(
        f"{RATE} telegrams a second, {RUNS} runs of {RUN_S} s, default policy",
        result["goals"],
        grid(["to, ms", "in the best run", "p50", "p99", "longest", "p99 of each run"], rows),
    )
