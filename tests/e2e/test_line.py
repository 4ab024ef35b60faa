"""What a meter on a real port does to Home Assistant: bad telegrams, a pulled cable, a restart, a step in power."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.instance.dialogs import add_meter
from tests.instance.entities import Entity, entities
from tests.simulation.household import ZONE
from tests.simulation.meter import Cable, SimulatedMeter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from tests.instance.client import Json
    from tests.instance.process import HomeAssistant

pytestmark = pytest.mark.asyncio(loop_scope="module")

STALE = 10  # seconds without a telegram of a meter that sends one each second
BACK = 10  # seconds from the cable to values
PATIENCE = 60  # seconds for what has no promise of its own
QUIET_NIGHT = datetime(2026, 11, 18, 3, 20, tzinfo=ZONE)


@dataclass(frozen=True, slots=True)
class House:
    """A meter, and what Home Assistant has of it."""

    home_assistant: HomeAssistant
    meter: SimulatedMeter
    entry_id: str

    async def entities(self) -> list[Entity]:
        return await entities(self.home_assistant.client, self.entry_id)

    async def state(self) -> str:
        """Return what Home Assistant says of the entry."""
        entries = await self.home_assistant.client.command("config_entries/get", domain="p1meter")
        return next(str(entry["state"]) for entry in entries if entry["entry_id"] == self.entry_id)

    async def all_show(self, what: str, shows: Callable[[Entity], bool], seconds: float) -> list[Entity]:
        """Wait until it is true of each entity."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            shown = await self.entities()
            wrong = [entity for entity in shown if not shows(entity)]
            if shown and not wrong:
                return shown
            assert loop.time() < end, f"not {what} after {seconds} s: {wrong or 'no entity at all'}"
            await asyncio.sleep(0.2)

    async def measured(self) -> None:
        """Wait until enough telegrams have come that their interval is known."""
        await asyncio.sleep(5 * self.meter.system.interval / self.meter.speed)

    async def alive(self, seconds: float = PATIENCE) -> list[Entity]:
        return await self.all_show("alive", lambda entity: entity.has_value, seconds)

    async def gone(self, seconds: float = STALE + 5) -> list[Entity]:
        return await self.all_show("unavailable", lambda entity: entity.state == "unavailable", seconds)


@dataclass(frozen=True, slots=True)
class PluggedHouse(House):
    """One whose meter is on a serial port."""

    cable: Cable


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plugged(
    home_assistant: HomeAssistant, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[PluggedHouse]:
    """An nl5 meter in a quiet night on a pty, added by the dialogs."""
    meter = SimulatedMeter("nl5", start=QUIET_NIGHT)
    async with meter.on_pty(tmp_path_factory.mktemp("port") / "meter") as cable:
        added = await add_meter(home_assistant.client, str(cable.link))
        house = PluggedHouse(home_assistant, meter, added.entry_id, cable)
        await house.measured()
        await house.alive()
        yield house


async def test_each_good_telegram_arrives_and_no_bad_one(
    home_assistant: HomeAssistant, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """200 telegrams in odd pieces, a fifth of them damaged, as a 10-s meter would send in half an hour."""
    meter = SimulatedMeter("nl4", speed=100)
    async with meter.on_pty(tmp_path_factory.mktemp("port") / "meter") as cable:
        added = await add_meter(home_assistant.client, str(cable.link))
        meter.silence()
        before = await settled(home_assistant, added.entry_id)
        meter.sent.clear()
        meter.faults(share=0.2)
        meter.speak()
        for _ in range(600):
            await asyncio.sleep(0.1)  # the time of one telegram
            if len(meter.sent) >= 200:
                break
        meter.silence()
        after = await settled(home_assistant, added.entry_id)
    good = sum(sent.delivery.good for sent in meter.sent)
    assert len(meter.sent) >= 200
    assert good < len(meter.sent) * 0.95
    assert after["telegrams_accepted"] - before["telegrams_accepted"] == good


async def settled(home_assistant: HomeAssistant, entry_id: str) -> Json:
    """Return the counters of the line once nothing comes any more."""
    before: Json = {}
    while True:
        await asyncio.sleep(2)
        counters = await line(home_assistant, entry_id)
        if counters == before:
            return counters
        before = counters


async def line(home_assistant: HomeAssistant, entry_id: str) -> Json:
    """Return the counters of the line from the diagnostics that a person can download."""
    diagnostics: Any = await home_assistant.client.get(f"/api/diagnostics/config_entry/{entry_id}")
    counted = diagnostics["data"]["line"].items()
    return {key: value for key, value in counted if key.startswith("telegrams_")}


async def test_meter_on_tcp(home_assistant: HomeAssistant) -> None:
    """A Belgian meter behind a network converter; the connection breaks and comes back."""
    meter = SimulatedMeter("be")
    async with meter.on_tcp() as port:
        added = await add_meter(home_assistant.client, f"socket://127.0.0.1:{port}")
        house = House(home_assistant, meter, added.entry_id)
        await house.alive()
        await house.measured()
    await house.gone()
    async with meter.on_tcp(port):
        await house.alive(BACK)


async def test_cable_pulled_and_put_back(plugged: PluggedHouse) -> None:
    """Unavailable when stale and not before, back soon after the cable, and the entry is not loaded anew."""
    await plugged.alive()
    client = plugged.home_assistant.client
    async with client.subscribed("config_entries/subscribe") as changes:
        plugged.cable.unplug()
        assert all(entity.has_value for entity in await plugged.entities())
        await plugged.gone()
        plugged.cable.plug()
        await plugged.alive(BACK)
        seen = [change for batch in drained(changes) for change in batch if change["type"] is not None]
    assert seen == []


def drained(queue: asyncio.Queue[Any]) -> list[Any]:
    return [queue.get_nowait() for _ in range(queue.qsize())]


async def test_automations_fire_within_one_telegram_of_a_step(plugged: House) -> None:
    """A numeric_state automation and Home Assistant's own power trigger, on a step of 500 W in the net power."""
    client = plugged.home_assistant.client
    power = next(entity for entity in await plugged.alive() if entity.what == "electricity_power")
    threshold = float(power.state) + 250
    own = {
        "trigger": "power.crossed_threshold",
        "target": {"entity_id": power.entity_id},
        "options": {
            "behavior": "each",
            "for": "00:00:00",
            "threshold": {"type": "above", "value": {"number": threshold, "unit_of_measurement": "W"}},
        },
    }
    numeric = {"trigger": "numeric_state", "entity_id": power.entity_id, "above": threshold}
    for name, trigger in (("own", own), ("numeric", numeric)):
        actions = [{"event": "step_seen", "event_data": {"by": name}}]
        await client.post(
            f"/api/config/automation/config/{name}", {"alias": name, "triggers": [trigger], "actions": actions}
        )
    await client.until(
        "the automations are on", lambda states: {"automation.own", "automation.numeric"} <= set(states), 10
    )
    async with client.subscribed("subscribe_events", event_type="step_seen") as fired:
        plugged.meter.add_load(500)
        first = plugged.meter.telegrams_sent + 1  # the first telegram that holds the step
        by: set[str] = set()
        while by != {"own", "numeric"}:
            event = await asyncio.wait_for(fired.get(), 10)
            by.add(event["data"]["by"])
            assert plugged.meter.telegrams_sent <= first + 1
    plugged.meter.add_load(-500)


async def test_restart_keeps_each_entity(plugged: PluggedHouse) -> None:
    """The same entities with the same ids, none twice, the totals not less; also if the cable is out at first."""
    before = await plugged.alive()
    await plugged.home_assistant.stop()
    plugged.cable.unplug()
    await plugged.home_assistant.start()
    assert await plugged.state() == "loaded"
    await plugged.gone(0)
    plugged.cable.plug()
    after = await plugged.alive()
    assert [(new.entity_id, new.what) for new in after] == [(old.entity_id, old.what) for old in before]
    totals = [(old, new) for old, new in zip(before, after, strict=True) if new.state_class == "total_increasing"]
    assert len(totals) >= 5
    assert [(old, new) for old, new in totals if float(new.state) < float(old.state)] == []


async def test_meter_silent_at_boot(plugged: House) -> None:
    """A known meter is there at once, unavailable; when it talks again it is alive."""
    before = [entity.entity_id for entity in await plugged.alive()]
    await plugged.home_assistant.stop()
    plugged.meter.silence()
    await plugged.home_assistant.start()
    assert await plugged.state() == "loaded"
    assert [entity.entity_id for entity in await plugged.gone(0)] == before
    plugged.meter.speak()
    await plugged.alive()
