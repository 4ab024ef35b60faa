"""A real Home Assistant with one integration that reads a simulated meter, for what has to be measured from outside."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
import sqlite3
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from tests.background import running
from tests.instance.client import InstanceError
from tests.instance.dialogs import add_meter, choose
from tests.simulation.meter import Cable
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator
    from pathlib import Path

    from tests.instance.client import Client, Json
    from tests.instance.process import HomeAssistant


def say(text: str) -> None:
    """Tell the person how far it is."""
    print(f"[{time.monotonic() - _BEGAN:4.0f} s] {text}", file=sys.stderr, flush=True)


SYSTEM: Final = SYSTEMS["nl5"]
# A Home Assistant that has just started has other things to do (s).
SETTLES_S: Final = 10
# The recorder writes every 5 s what has come.
COMMITS_S: Final = 6
PATIENCE_S: Final = 60
_FLOWS = "/api/config/config_entries/flow"
_BEGAN = time.monotonic()


class Meter:
    """Sends the same telegrams down several cables, `rate` a second, each cable in its own part of that time."""

    def __init__(self, telegrams: Iterator[bytes], rate: float) -> None:
        """Say nothing yet."""
        self.sent = 0
        self.speaks = True
        self.cables: list[Cable] = []
        self.on_sent: Callable[[bytes, float], None] | None = None
        self._telegrams = telegrams
        self._rate = rate

    def cable(self, link: Path) -> Cable:
        """Plug one more cable in."""
        cable = Cable(link, SYSTEM)
        cable.plug()
        self.cables.append(cable)
        return cable

    @asynccontextmanager
    async def talking(self) -> AsyncGenerator[None]:
        """Send as long as this lasts, and while it is to speak."""
        async with running(self.talk()):
            yield
        for cable in self.cables:
            cable.unplug()

    async def talk(self) -> None:
        """Send for ever."""
        due = time.monotonic()
        for telegram in self._telegrams:
            for cable in tuple(self.cables):
                due += 1 / self._rate / len(self.cables)
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if self.speaks:
                    at = time.time()
                    cable.write(telegram)
                    if self.on_sent is not None:
                        self.on_sent(telegram, at)
            if not self.cables:
                due += 1 / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.sent += self.speaks


@dataclass(slots=True)
class Home:
    """One Home Assistant, its integration and its cable."""

    hass: HomeAssistant
    domain: str
    link: Path
    entry_id: str = ""

    @property
    def client(self) -> Client:
        """Who is signed in."""
        return self.hass.client

    def processor_s(self) -> float:
        """Return the processor time that its process has used so far, all threads, s."""
        # What clock_getcpuclockid(3) makes of a process; to the nanosecond, where /proc has hundredths of a second.
        return time.clock_gettime((~self.hass.pid) << 3 | 2)

    def rows(self) -> int:
        """Return how many rows its recorder has written into `states`."""
        with sqlite3.connect(f"file:{self.hass.folder / 'home-assistant_v2.db'}?mode=ro", uri=True) as database:
            return int(database.execute("SELECT COUNT(*) FROM states").fetchone()[0])

    async def add(self) -> None:
        """Add the integration by its dialog."""
        if self.domain == "p1meter":
            self.entry_id = (await add_meter(self.client, str(self.link))).entry_id
        else:
            self.entry_id = await self.add_other(self.domain, {"port": str(self.link), "dsmr_version": "5"})

    async def add_other(self, domain: str, answers: Json) -> str:
        """Add an integration that asks one page of questions; returns the id of its entry."""
        form = await self.client.post(_FLOWS, {"handler": domain})
        made = await self.client.post(f"{_FLOWS}/{form['flow_id']}", answers)
        if made["type"] != "create_entry":
            raise InstanceError(f"{domain} could not be added: {made}")
        return str(made["result"]["entry_id"])

    async def choose(self, *answers: Json) -> None:
        """Give these answers in the dialog behind the cogwheel, one page after the other."""
        await choose(self.client, self.entry_id, *answers)

    async def entities(self) -> list[Json]:
        """Return what the registry has of the integration."""
        known = await self.client.command("config/entity_registry/list")
        return [row for row in known if row["config_entry_id"] == self.entry_id]

    async def enable_all(self) -> int:
        """Enable every entity, start anew with them, and return how many there are."""
        await self._until("its entities are there", lambda rows, _: len(rows) > 1)
        for row in await self.entities():
            if row["disabled_by"] is not None:
                await self.client.command("config/entity_registry/update", entity_id=row["entity_id"], disabled_by=None)
        # It would reload the integration after half a minute.
        await self.hass.stop()
        await self.hass.start()
        rows = await self._until("all are there", lambda rows, states: all(row["entity_id"] in states for row in rows))
        return len(rows)

    async def _until(self, what: str, found: Callable[[list[Json], dict[str, Any]], bool]) -> list[Json]:
        """Return the entities when `found` says yes to them and the states. Raises InstanceError after a minute."""
        end = time.monotonic() + PATIENCE_S
        while not found(rows := await self.entities(), await self.client.states()):
            if time.monotonic() > end:
                raise InstanceError(f"{self.domain}: not within {PATIENCE_S} s: {what}")
            await asyncio.sleep(0.2)
        return rows
