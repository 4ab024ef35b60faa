"""What goes wrong around a meter for hours, and with Home Assistant itself: what the person sees, and what is kept.

A real Home Assistant whose clocks are put ahead, so that hours are seconds. docs/reliability.md has the whole table.
"""

import asyncio
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
import re
import resource
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests import needs
from tests.background import running
from tests.disks import mounted, remount
from tests.instance.clock import Clock
from tests.instance.dialogs import add_load, add_meter, choose, import_file
from tests.instance.entities import Entity, entities
from tests.instance.lapse import Lapse
from tests.instance.process import HOST, HomeAssistant, free_port
from tests.link.servers import ser2net
from tests.simulation.checksum import crc16
from tests.simulation.meter import Cable
from tests.simulation.past import past

from .conftest import complaints

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from tests.instance.client import Client, Json

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

MINUTE, HOUR = 60, 3_600
# A meter that talks every ten seconds is silent after 35 s, and read again within a telegram or two.
BACK = MINUTE
FLOOD = 4_096  # bytes, as much as the kernel keeps of a serial port
RUSH = 3_000  # telegrams
RELOADS = 50
# A leak is one for each reload; connections and threads of Home Assistant's own come and go.
SLACK = 5
MIB = 1 << 20
CONTACTOR = "Boiler contactor"
BOILER_W = 2_000
SUN_W = 6_000
# What Home Assistant says of every custom integration; what serialx leaves behind of a port whose opening was given up
# after ten seconds, which here are over at once; and what is said of a full disk, once.
_EXPECTED = ("has not been tested by Home Assistant", "exception in shielded future", "No space left on device")
_TELEGRAM = re.compile(rb"/.*?\r\n![0-9A-F]{4}\r\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class House:
    """A meter on a cable, its Home Assistant, and the clock of both."""

    hass: HomeAssistant
    clock: Clock
    lapse: Lapse
    cable: Cable
    entry_id: str

    @property
    def client(self) -> Client:
        return self.hass.client

    def journal(self, folder: str = "house") -> bytes:
        files = sorted((self.hass.folder / "p1meter" / folder).glob("RAW*"))
        return b"".join(file.read_bytes() for file in files)

    async def written(self, folder: str = "house") -> bytes:
        """Return the journal when the newest telegram is in it: it is written in a thread of its own, on a disk."""
        async with asyncio.timeout(30):
            while self.lapse.sent[-1] not in (journal := await asyncio.to_thread(self.journal, folder)):
                pass
        return journal

    async def keep_journal(self, folder: str) -> None:
        """Write all that the meter says into this folder from now on."""
        journal = {"format": "raw", "folder": folder, "interval": 0}
        await choose(self.client, self.entry_id, {"next_step_id": "data"}, {"next_step_id": "journal"}, journal)

    @contextmanager
    def saying(self, write: Callable[[bytes], None]) -> Generator[None]:
        """Hand what the meter says to this in place of the cable, as long as it lasts."""
        self.lapse.lines[:] = [write]
        try:
            yield
        finally:
            self.lapse.lines[:] = [self.cable.write]

    async def start(self) -> None:
        await self.hass.start()
        await self.client.stay_signed_in(365)

    async def back(self) -> None:
        """Live until it is read again, and it is known how often it speaks."""
        await self.lapse.live_until("alive", self.alive, BACK)
        await self.lapse.settle()

    async def entities(self) -> list[Entity]:
        return await entities(self.client, self.entry_id)

    async def measured(self) -> list[Entity]:
        """Return those that show what the meter says: not the loads, nor the journal, which is there without it."""
        shown = await self.entities()
        return [one for one in shown if one.what.startswith(("electricity", "gas")) and "journal" not in one.what]

    async def alive(self) -> bool:
        shown = await self.measured()
        return bool(shown) and all(entity.has_value for entity in shown)

    async def gone(self) -> bool:
        return all(entity.state == "unavailable" for entity in await self.measured())

    async def issues(self) -> list[Json]:
        """Return the repairs of this meter."""
        issues: list[Json] = (await self.client.command("repairs/list_issues"))["issues"]
        return [issue for issue in issues if issue["issue_id"].endswith(self.entry_id)]

    async def repairs(self) -> set[str]:
        """Return the kinds of those of this meter."""
        return {issue["translation_key"] for issue in await self.issues()}

    async def until_repairs(self, *expected: str) -> None:
        """Live until these are its repairs. Why nothing comes is looked at each half minute."""

        async def are_said() -> bool:
            return await self.repairs() == set(expected)

        await self.lapse.live_until(f"repairs {expected}", are_said, 3 * MINUTE)

    async def counted(self) -> dict[str, int]:
        """Return the numbers of telegrams that were accepted, and refused by reason."""
        found = await self.client.get(f"/api/diagnostics/config_entry/{self.entry_id}")
        return {key: count for key, count in found["data"]["line"].items() if key.startswith("telegrams_")}

    async def totals(self) -> dict[str, float]:
        shown = await self.entities()
        return {one.entity_id: float(one.state) for one in shown if one.state_class == "total_increasing"}

    def lines(self) -> list[str]:
        """Return what p1meter has written into the log."""
        return [line for line in self.hass.log.splitlines() if "[custom_components.p1meter" in line]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[House]:
    """A Dutch meter of the ten-second kind, added by the dialogs, with a journal of all that it says."""
    needs.program("cc", "gcc")
    folder = tmp_path_factory.mktemp("faults")
    clock = Clock(folder)
    hass = HomeAssistant(folder / "home", switches=(CONTACTOR,), tools=("gauge",), clock=clock)
    lapse = Lapse(hass, clock)
    cable = Cable(folder / "meter", lapse.system)
    cable.plug()
    try:
        await hass.start()
        await hass.client.stay_signed_in(365)
        lapse.lines.append(cable.write)
        async with lapse.talking():
            added = await add_meter(hass.client, str(cable.link))
            made = House(hass, clock, lapse, cable, added.entry_id)
            await made.keep_journal("house")
        lapse.entry_id = added.entry_id
        await made.back()
        yield made
    finally:
        code = await hass.stop()
        cable.unplug()
    assert [record for record in complaints(hass.log) if not any(known in record for known in _EXPECTED)] == []
    assert code == 0


@pytest.mark.parametrize("seconds", [20, 10 * MINUTE, 3 * HOUR], ids=("seconds", "minutes", "hours"))
async def test_the_cable_is_out(house: House, seconds: int) -> None:
    """Unavailable when it lasts, with the reason; nothing of what was used is lost, and the log has two lines of it."""
    before, lines = await house.totals(), len(house.lines())
    house.cable.unplug()
    try:
        await house.lapse.live(seconds, heard=False)
        assert await house.gone() is (seconds > MINUTE)
        if seconds > MINUTE:
            await house.until_repairs("silent_port_missing")
        else:
            assert await house.repairs() == set()
    finally:
        house.cable.plug()
    await house.lapse.live_until("alive", house.alive, BACK)
    assert await house.repairs() == set()
    assert len(house.lines()) - lines == (2 if seconds > MINUTE else 0)
    after = await house.totals()
    assert after.keys() == before.keys()
    # In three hours every register that counts has counted.
    assert all(after[name] >= total for name, total in before.items())
    assert seconds < HOUR or sum(after.values()) > sum(before.values()) + 0.5


async def test_what_was_used_meanwhile_is_in_the_statistics(house: House) -> None:
    """The recorder's sums have grown by what the totals have, also over the hours without a telegram."""
    await house.lapse.live(HOUR + 10 * MINUTE)
    found: dict[str, list[dict[str, Any]]] = await house.client.command(
        "recorder/statistics_during_period",
        start_time=(house.clock.now - timedelta(days=1)).isoformat(),
        statistic_ids=list(await house.totals()),
        period="hour",
        types=["state", "sum"],
    )
    assert len(found) >= 3
    for hours in found.values():
        first, last = hours[0], hours[-1]
        assert last["sum"] - first["sum"] == pytest.approx(last["state"] - first["state"], abs=1e-6)
        assert [hour["sum"] for hour in hours] == sorted(hour["sum"] for hour in hours)


@pytest.mark.parametrize("hours", [1, -1], ids=("ahead", "back"))
async def test_the_time_of_day_jumps_by_an_hour(house: House, hours: int) -> None:
    """Nothing becomes unavailable; that the clocks differ is said after a while, until they do not."""
    jump = timedelta(hours=hours)
    for by, expected in ((jump, {"clock_drift"}), (-jump, set())):
        house.clock.set_time_of_day(by.total_seconds())
        house.lapse.wrong_by += by
        for _ in range(6):
            await house.lapse.live(2 * MINUTE)
            shown = await house.measured()
            assert [one for one in shown if not one.has_value] == []
        assert await house.repairs() == expected


@contextmanager
def another_program(name: str) -> Generator[Callable[[Path], None]]:
    """A program of this name that takes the port it is told, and keeps it as long as this lasts."""
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("holder.py"), name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    said, heard = process.stdout, process.stdin
    assert said is not None
    assert heard is not None
    assert said.readline() == "ready\n"

    def take(port: Path) -> None:
        heard.write(f"{port}\n")
        heard.flush()
        assert said.readline() == "has it\n"

    with process:
        try:
            yield take
        finally:
            process.kill()


async def test_another_program_takes_the_port(house: House) -> None:
    """The repair says which one, and goes when it does; the port is read again by itself."""
    with another_program("other_reader") as take:
        house.cable.unplug()
        await house.lapse.live(MINUTE, heard=False)
        house.cable.plug()
        take(house.cable.link)
        await house.until_repairs("silent_port_busy_by")
        (issue,) = await house.issues()
        assert issue["translation_placeholders"]["program"] == "other_reader"
        assert await house.gone()
    await house.lapse.live_until("alive", house.alive, BACK)
    assert await house.repairs() == set()


async def test_endless_garbage(house: House) -> None:
    """More of it than a serial line can carry: it is said what it looks like, and nothing grows."""
    lines, noise = len(house.lines()), Random("noise")

    async def flood() -> None:
        while True:
            house.cable.write(noise.randbytes(FLOOD))
            await asyncio.sleep(0.001)

    with house.saying(lambda _: None):
        async with running(flood()):
            await house.until_repairs("foreign_garbage")
            held = memory(house.hass.pid)
            await house.lapse.live(20 * MINUTE, heard=False)
            assert await house.gone()
            # Opening the port takes longer than ten seconds that are over at once; they are not while it is asked.
            await house.until_repairs("foreign_garbage")
            assert memory(house.hass.pid) - held < 10 * MIB
    await house.lapse.live_until("alive", house.alive, BACK)
    assert await house.repairs() == set()
    assert len(house.lines()) - lines == 2
    await house.back()


async def test_another_meter_answers_for_a_while(house: House) -> None:
    """Its totals are not shown, and a person is asked; with the right one again, all is as it was."""
    before = await house.totals()
    ours, theirs = b"E0026000024711216".hex().upper().encode(), b"E0026000099999999".hex().upper().encode()

    def answer(telegram: bytes) -> None:
        body = telegram.rpartition(b"!")[0].replace(ours, theirs) + b"!"
        house.cable.write(b"%b%04X\r\n" % (body, crc16(body)))

    with house.saying(answer):
        await house.until_repairs("meter_replaced")
        shown = {one.what: one.state for one in await house.entities()}
        assert {state for what, state in shown.items() if re.search("(im|ex)port_tariff_[12]$", what)} == {
            "unavailable"
        }
    await house.until_repairs()
    await house.lapse.live(MINUTE)
    after = await house.totals()
    assert after.keys() == before.keys()
    assert all(after[name] >= total for name, total in before.items())


def memory(pid: int) -> int:
    """Return the bytes that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


async def test_the_disk_is_full(house: House) -> None:
    """It is said, and nothing else stops; what came meanwhile is written when there is room, each telegram once."""
    with mounted(house.hass.folder / "p1meter" / "small", "size=64k") as disk:
        await house.keep_journal("small")
        await house.back()
        began = len(house.lapse.sent)
        await house.lapse.live(30 * MINUTE)
        assert await house.repairs() == {"sink_journal_disk_full"}
        assert await house.alive()
        written = len(_TELEGRAM.findall(house.journal("small")))
        assert written < len(house.lapse.sent) - began
        remount(disk, "size=4m")
        await house.until_repairs()
        await house.lapse.live(MINUTE)
        kept = _TELEGRAM.findall(await house.written("small"))
        ours = house.lapse.sent[began:]
        assert kept[kept.index(ours[0]) :] == ours
        await house.keep_journal("house")
    await house.back()


async def test_fifty_reloads(house: House) -> None:
    """As many tasks, threads, files and sockets as before."""

    async def reload() -> None:
        await house.client.post(f"/api/config/config_entries/entry/{house.entry_id}/reload", {})

    await reload()
    await house.back()
    before = await house.client.act("gauge", "hold", answers=True)
    for _ in range(RELOADS):
        await reload()
    await house.back()
    after = await house.client.act("gauge", "hold", answers=True)
    assert {name: count for name, count in after.items() if count > before[name] + SLACK} == {}
    assert await house.alive()


# --- behind an address ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def paused_proxy(to: int) -> AsyncGenerator[tuple[int, Callable[[signal.Signals], None]]]:
    """A program between two TCP ports that can be stopped (SIGSTOP): connections stay, and nobody answers."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, Path(__file__).with_name("proxy.py"), str(port), str(to), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    try:
        yield port, process.send_signal
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def gateway(lapse: Lapse) -> AsyncGenerator[int]:
    """What gives everything that the meter says to all who have connected."""
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        with suppress(ConnectionError):
            await reader.read()
        writers.discard(writer)
        writer.close()

    def write(data: bytes) -> None:
        for writer in writers:
            writer.write(data)

    server = await asyncio.start_server(serve, HOST, 0)
    lapse.lines.append(write)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        lapse.lines.remove(write)
        server.close()
        server.close_clients()


def sockets(pid: int) -> int:
    """Return how many a process has open."""
    count = 0
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            count += str(file.readlink()).startswith("socket")
    return count


async def test_a_connection_on_which_nobody_answers(house: House) -> None:
    """A gateway that hangs: silent in time, tried again without a pile of connections, and alive when it goes on."""
    other = Lapse(house.hass, house.clock, "lu")
    async with gateway(other) as meter, paused_proxy(meter) as (port, send):
        async with other.talking():
            added = await add_meter(house.client, f"socket://{HOST}:{port}")
        other.entry_id = added.entry_id
        second = House(house.hass, house.clock, other, house.cable, added.entry_id)
        await other.live_until("alive", second.alive, 2 * MINUTE)
        held = sockets(house.hass.pid)
        send(signal.SIGSTOP)
        await other.live(2 * MINUTE, heard=False)
        assert await second.gone()
        assert await second.repairs() == {"no_telegrams"}
        await other.live(HOUR, heard=False)
        assert sockets(house.hass.pid) <= held + 1
        send(signal.SIGCONT)
        await other.live_until("alive", second.alive, 3 * MINUTE)
        assert await second.repairs() == set()
        await switch_off(house, added.entry_id)


async def test_telegrams_faster_than_real_time(house: House) -> None:
    """An hour of them at once: each is taken in, none refused, and what is there to be shown is the newest."""
    other = Lapse(house.hass, house.clock, "h1")
    async with gateway(other) as meter:
        async with other.talking():
            added = await add_meter(house.client, f"socket://{HOST}:{meter}")
        other.entry_id = added.entry_id
        second = House(house.hass, house.clock, other, house.cable, added.entry_id)
        await other.live_until("alive", second.alive, 2 * MINUTE)
        before = await second.counted()
        for _ in range(RUSH):
            other.household.step(1)
            other.speak()
        after = before
        async with asyncio.timeout(MINUTE):
            while after["telegrams_accepted"] < before["telegrams_accepted"] + RUSH:
                after = await second.counted()
        assert after == {**before, "telegrams_accepted": before["telegrams_accepted"] + RUSH}
        (total,) = re.findall(rb"1-0:1\.8\.0\(([0-9.]+)\*kWh\)", other.sent[-1])
        found = await house.client.get(f"/api/diagnostics/config_entry/{added.entry_id}")
        assert float(found["data"]["shown"]["electricity_import_total"]["value"]) == float(total)
        await switch_off(house, added.entry_id)


async def test_ser2net_is_restarted(house: House, tmp_path: Path) -> None:
    """A real one: refused while it is away, which is said, and read again when it is back."""
    other = Lapse(house.hass, house.clock, "h1")
    cable = Cable(tmp_path / "meter", other.system)
    cable.plug()
    other.lines.append(cable.write)
    async with ser2net(str(cable.link.resolve()), tmp_path, rfc2217=True) as server:
        async with other.talking():
            added = await add_meter(house.client, f"rfc2217://{HOST}:{server.port}")
        other.entry_id = added.entry_id
        second = House(house.hass, house.clock, other, cable, added.entry_id)
        await other.live_until("alive", second.alive, 2 * MINUTE)
        await server.stop()
        await other.live(2 * MINUTE, heard=False)
        assert await second.gone()
        assert await second.repairs() == {"silent_port_unreachable"}
        await server.start()
        await other.live_until("alive", second.alive, 3 * MINUTE)
        assert await second.repairs() == set()
        await switch_off(house, added.entry_id)
    cable.unplug()


async def switch_off(house: House, entry_id: str) -> None:
    """Let the other tests have their meter alone again."""
    await house.client.command("config_entries/disable", entry_id=entry_id, disabled_by="user")
    await house.back()


# --- Home Assistant is killed -----------------------------------------------------------------------------------------


async def test_killed_within_a_telegram_and_a_journal_entry(house: House) -> None:
    """The same entities with the same ids, no total less; the journal holds whole telegrams, each once, in order."""
    before, totals = [(one.entity_id, one.what) for one in await house.entities()], await house.totals()
    for cut in (300, 700):
        house.lapse.pass_time()
        telegram = house.lapse.system.compose(house.lapse.household)
        # All of the one before is on its way to the disk, half of the next on the line.
        house.lapse.speak()
        house.cable.write(telegram[:cut])
        await house.hass.kill()
        await house.start()
        house.cable.write(telegram[cut:])
        await house.back()
    assert [(one.entity_id, one.what) for one in await house.entities()] == before
    after = await house.totals()
    assert all(after[name] >= total for name, total in totals.items())
    await house.lapse.live(MINUTE)
    journal = await house.written()
    kept = _TELEGRAM.findall(journal)
    assert b"".join(one + b"\r\n" for one in kept) == journal
    assert len(set(kept)) == len(kept)
    assert [one for one in house.lapse.sent if one in set(kept)] == kept


async def test_killed_while_it_switches_a_load(house: House) -> None:
    """While its own integration does not know how the load is, it says so and touches nothing; then it goes on."""
    entity_id = f"switch.{CONTACTOR.lower().replace(' ', '_')}"
    first = {"entity_id": entity_id, "name": "Boiler", "kind": "relay", "power": BOILER_W, "rank": 1}
    # Around noon the household has sun of its own: not before somebody listens.
    house.lapse.household.extra = SUN_W
    await house.client.act("switch", "turn_off", entity_id=entity_id)
    await add_load(house.client, house.entry_id, first, {})
    await house.back()
    house.lapse.household.extra = -SUN_W
    async with house.client.subscribed("subscribe_events", event_type="call_service") as calls:

        async def is_called() -> bool:
            return not calls.empty()

        await house.lapse.live_until("switched on", is_called, HOUR)
        await house.hass.kill()
    await house.start()
    await house.back()

    async def is_on() -> bool:
        return str((await house.client.states())[entity_id]["state"]) == "on"

    async def is_off() -> bool:
        return not await is_on()

    async def reason() -> str:
        shown = [one for one in await house.entities() if one.device == "Boiler" and one.what.endswith("_reason")]
        return shown[0].state

    if (await house.client.states())[entity_id]["state"] == "unknown":
        # Home Assistant writes down every quarter of an hour what such a switch was told last.
        assert await reason() == "not available: on or off is unknown"
        await house.client.act("switch", "turn_off", entity_id=entity_id)
    await house.lapse.live_until("on", is_on, HOUR)
    shown = [one for one in await house.entities() if one.device == "Boiler"]
    assert shown
    assert [one for one in shown if one.state == "unavailable"] == []
    house.lapse.household.extra = SUN_W
    await house.lapse.live_until("off", is_off, HOUR)
    house.lapse.household.extra = 0


async def test_the_output_of_a_load_is_lost(house: House) -> None:
    """What switched it is gone from Home Assistant: it is said what is missing, until it is there again."""
    entity_id = f"switch.{CONTACTOR.lower().replace(' ', '_')}"

    async def enable(disabled_by: str | None) -> None:
        await house.client.command("config/entity_registry/update", entity_id=entity_id, disabled_by=disabled_by)
        await house.client.act("template", "reload")

    await enable("user")
    await house.until_repairs("load_entity_missing")
    (issue,) = await house.issues()
    assert issue["translation_placeholders"]["load"] == "Boiler"
    assert issue["translation_placeholders"]["entity"] == entity_id
    assert await house.alive()
    await enable(None)
    await house.until_repairs()


async def test_killed_while_files_are_brought_along(house: House) -> None:
    """Nothing of what the recorder had is harmed, and bringing the file along again completes it."""
    end = house.lapse.household.now.replace(minute=0, second=0) - timedelta(days=30)
    folder = house.hass.folder / "p1meter" / "import"
    folder.mkdir(parents=True, exist_ok=True)
    start = end - timedelta(days=20)
    (folder / "SML3old").write_bytes(b"".join(line for line, _ in past(start, end, interval=900, system="nl4")))
    had = await hours(house)

    bringing = asyncio.create_task(import_file(house.client, house.entry_id, "file/SML3old"))
    while await hours(house) == had:
        assert not bringing.done()
    await house.hass.kill()
    await asyncio.wait([bringing])
    assert bringing.exception() is not None
    await house.start()
    await house.back()
    await house.lapse.live(11 * MINUTE)
    check(await hours(house), had)
    await import_file(house.client, house.entry_id, "file/SML3old")
    await house.lapse.live(11 * MINUTE)
    whole = await hours(house)
    check(whole, had)
    assert all(len(rows) >= len(had.get(name, {})) + 20 * 24 for name, rows in whole.items())


type Hours = dict[str, dict[datetime, tuple[float, float]]]


async def hours(house: House) -> Hours:
    """Return state and growth of each hour of the four energy totals."""
    ids = [one.entity_id for one in await house.entities() if re.search("(im|ex)port_tariff_[12]$", one.what)]
    found = await house.client.command(
        "recorder/statistics_during_period",
        start_time="2023-01-01T00:00:00+00:00",
        statistic_ids=ids,
        period="hour",
        types=["state", "change"],
    )
    return {
        name: {datetime.fromtimestamp(row["start"] / 1_000, UTC): (row["state"], row["change"]) for row in rows}
        for name, rows in found.items()
    }


def check(now: Hours, before: Hours) -> None:
    """What was there is there, and every hour has what the register grew by since the one before."""
    for name, rows in now.items():
        had = list(before[name].items())
        # The first hour of all begins with nothing until there is one before it.
        assert [(hour, row) for hour, row in rows.items() if hour in before[name]][1:][: len(had) - 1] == had[1:]
        states = [state for state, _ in rows.values()]
        for previous, (state, grown) in zip(states, list(rows.values())[1:], strict=False):
            assert grown == pytest.approx(state - previous, abs=1e-6)
