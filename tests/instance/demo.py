"""The demo: a simulated household meter on a real port, and a Home Assistant that reads it."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
import fcntl
import json
from pathlib import Path
import shutil
import signal
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from tests.simulation.household import Registers
from tests.simulation.meter import SimulatedMeter

from . import appliances
from .client import PASSWORD, USER, Client, InstanceError
from .dialogs import add_meter, move_meter
from .entities import DOMAIN, Entity, entities, first_entry
from .history import write_history
from .process import BELGIUM, HOST, NETHERLANDS, RESTART, ROOT, HomeAssistant, Place, free_port

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

FOLDER = ROOT / ".demo"
# What the dialog asks of who has a meter that encrypts.
_KEY, _SECOND_KEY = "encryption_key", "authentication_key"
PORT = 8123
READY_SECONDS = 300
# Clouds that come and go: what the loads are for.
_WEATHER = "broken"
# What the loads have moved the meter's registers by, kept beside the configuration.
_MOVED = "moved.json"
_TOTALS = {"energy", "gas", "water"}
# Where the house with each system stands, if not in the Netherlands.
_PLACES = {
    "be": BELGIUM,
    "be-ie": Place("BE", "Europe/Brussels", 50.47, 4.87),
    **dict.fromkeys(("lu", "lu-encrypted"), Place("LU", "Europe/Luxembourg", 49.61, 6.13)),
    "h1": Place("SE", "Europe/Stockholm", 59.33, 18.07),
    "h1-fi": Place("FI", "Europe/Helsinki", 60.17, 24.94),
    "hu": Place("HU", "Europe/Budapest", 47.50, 19.04),
    "lt": Place("LT", "Europe/Vilnius", 54.69, 25.28),
    "ch": Place("CH", "Europe/Zurich", 46.80, 7.15),
    **dict.fromkeys(("at", "at-encrypted"), Place("AT", "Europe/Vienna", 47.07, 15.44)),
    "si": Place("SI", "Europe/Ljubljana", 46.06, 14.51),
    "d0": Place("DE", "Europe/Berlin", 52.52, 13.40),
}


class Progress:
    """Tells the person what is happening; what was told last is the reason if it never ends."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self.last = ""

    def __call__(self, text: str) -> None:
        """Tell it once, with the seconds since the start."""
        if text != self.last:
            self.last = text
            seconds = time.monotonic() - self._started
            print(f"[demo {seconds:3.0f} s] {text}", file=sys.stderr, flush=True)  # noqa: T201 this is for a person


say = Progress()


@dataclass(frozen=True, slots=True)
class Demo:
    """What runs while the demo lasts."""

    home_assistant: HomeAssistant
    meter: SimulatedMeter
    shown: list[Entity]


@asynccontextmanager
async def running(
    folder: Path, system: str, *, tcp: bool, port: int = 0, awaited: Callable[[Entity], bool] = lambda _: True
) -> AsyncGenerator[Demo]:
    """Run the meter and Home Assistant, the meter added, its history written, until the context ends.

    The context begins when each `awaited` entity has a value. Raises InstanceError with the reason if that takes longer
    than `READY_SECONDS`.
    """
    moved = folder / _MOVED
    before = Registers(*json.loads(moved.read_text())) if moved.is_file() else None
    meter = SimulatedMeter(system, weather=_WEATHER, moved=before)
    appliances.install(meter.household)
    switches = [load.switch for load in appliances.LOADS]
    home_assistant = HomeAssistant(folder, place=_PLACES.get(system, NETHERLANDS), port=port, switches=switches)
    async with _plugged(meter, folder, tcp=tcp) as meter_port:
        say(f"the simulated meter ({system}) talks on {meter_port}")
        try:
            async with AsyncExitStack() as stack:
                async with asyncio.timeout(READY_SECONDS):
                    shown = await _set_up(stack, home_assistant, meter, meter_port, awaited)
                yield Demo(home_assistant, meter, shown)
        except TimeoutError:
            raise InstanceError(_with_log(home_assistant, f"not ready after {READY_SECONDS} s: {say.last}")) from None
        except InstanceError as error:
            raise InstanceError(_with_log(home_assistant, str(error))) from error
        finally:
            await home_assistant.stop()
            moved.write_text(json.dumps(meter.household.moved))


async def _set_up(
    stack: AsyncExitStack,
    home_assistant: HomeAssistant,
    meter: SimulatedMeter,
    port: str,
    awaited: Callable[[Entity], bool],
) -> list[Entity]:
    """Bring Home Assistant to where a person has it after the first days; return the awaited entities."""
    say("Home Assistant starts")
    client = await home_assistant.start()
    await stack.enter_async_context(appliances.wired(client, meter.household))
    say(f"Home Assistant {(await client.get('/api/config'))['version']} runs")
    entry_id = await _configured(client, home_assistant.folder, port, meter)
    say("adding a boiler, a pool pump and a car charger")
    await appliances.add_loads(client, entry_id)
    shown = await _valued(client, entry_id, awaited)
    await appliances.show_in_energy_dashboard(client, shown)
    say("writing the history of the last days")
    await write_history(client, shown, meter.household)
    return await _valued(client, entry_id, awaited)


def _with_log(home_assistant: HomeAssistant, reason: str) -> str:
    return f"{reason}\n\nThe end of Home Assistant's log:\n{home_assistant.tail()}"


@asynccontextmanager
async def _plugged(meter: SimulatedMeter, folder: Path, *, tcp: bool) -> AsyncGenerator[str]:
    """Let the meter talk; the port is what a person would enter, and the same at the next start if it can be."""
    if not tcp:
        async with meter.on_pty(folder / "meter"):
            yield str(folder / "meter")
        return
    before = _port_before(folder) or ""
    async with meter.on_tcp(free_port(int(before.rpartition(":")[2] or 0))) as number:
        yield f"socket://{HOST}:{number}"


def _port_before(folder: Path) -> str | None:
    """Return the port on which Home Assistant knows the meter from an earlier start, None if there was none."""
    path = folder / ".storage" / "core.config_entries"
    if not path.is_file():
        return None
    entries = json.loads(path.read_text())["data"]["entries"]
    return next((str(entry["data"]["port"]) for entry in entries if entry["domain"] == DOMAIN), None)


async def _configured(client: Client, folder: Path, port: str, meter: SimulatedMeter) -> str:
    """Return the entry of the meter on `port`, which is added or moved there if it is not known."""
    if (entry_id := await first_entry(client)) is None:
        say("adding the meter, by the dialogs that a person would see")
        cipher = meter.system.cipher
        keys = {_KEY: cipher.key.hex(), _SECOND_KEY: cipher.authentication_key.hex()} if cipher else {}
        added = await add_meter(client, port, keys)
        say(f"found and added: {added.title}")
        return added.entry_id
    if _port_before(folder) != port:
        say("the meter has moved: telling Home Assistant")
        await move_meter(client, entry_id, port)
    return entry_id


async def _valued(client: Client, entry_id: str, awaited: Callable[[Entity], bool]) -> list[Entity]:
    """Return the awaited entities as soon as each of them has a value."""
    while True:
        shown = [entity for entity in await entities(client, entry_id) if awaited(entity)]
        ids = [entity.entity_id for entity in shown]
        without = [entity.entity_id for entity in shown if not entity.has_value]
        if shown and not without:
            return shown
        say("waiting for the first telegram" if without == ids else f"waiting for a value of {', '.join(without)}")
        await asyncio.sleep(0.5)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Keep the folder for this demo. Raises InstanceError if another one runs on it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InstanceError(f"another demo runs on {folder}: stop it first") from None
        yield


async def show(system: str, *, tcp: bool) -> None:
    """Run until Ctrl-C; what is set up stays in the clone for the next start."""
    folder = FOLDER / (f"{system}-tcp" if tcp else system)
    with _alone(folder):
        # A person may have switched on what never has a value.
        totals = running(folder, system, tcp=tcp, port=PORT, awaited=lambda entity: entity.device_class in _TOTALS)
        async with totals as demo:
            url = demo.home_assistant.url
            say("ready")
            print(f"\n  The Energy dashboard  {url}/energy")  # noqa: T201 this is its output
            print(f"  The meter             {url}/config/integrations/integration/{DOMAIN}")  # noqa: T201
            print(f"  User {USER}, password {PASSWORD}. Ctrl-C stops everything.\n", flush=True)  # noqa: T201
            try:
                code = await demo.home_assistant.ended()
                while code == RESTART:
                    say("Home Assistant restarts, as it was told to in the browser")
                    async with appliances.wired(await demo.home_assistant.start(), demo.meter.household):
                        code = await demo.home_assistant.ended()
            finally:
                say("stopping")
            raise InstanceError(f"Home Assistant ended by itself with code {code}")


async def once(system: str, *, tcp: bool) -> None:
    """Print one JSON line for each entity once all have a value, and leave nothing behind."""
    FOLDER.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="once-", dir=FOLDER))
    try:
        async with running(folder, system, tcp=tcp) as demo:
            for entity in demo.shown:
                print(json.dumps(entity.line(), ensure_ascii=False), flush=True)  # noqa: T201 this is its output
    finally:
        shutil.rmtree(folder)


def main(system: str, *, tcp: bool, only_once: bool) -> int:
    """Run one or the other; returns the exit code. SIGTERM ends it in order, as Ctrl-C does."""

    async def run() -> None:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await (once if only_once else show)(system, tcp=tcp)

    try:
        asyncio.run(run())
    except InstanceError as error:
        print(f"scripts/demo: {error}", file=sys.stderr)  # noqa: T201 the reason
        return 1
    except KeyboardInterrupt, asyncio.CancelledError:
        return 1 if only_once else 0
    return 0
