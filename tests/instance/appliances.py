"""The loads of the demo: what stands in the house, how Home Assistant switches it, and what p1meter is told of it."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.background import running
from tests.simulation.appliance import Appliance

from .dialogs import add_load

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping

    from tests.simulation.household import Household

    from .client import Client, Json
    from .entities import Entity


@dataclass(frozen=True, slots=True)
class DemoLoad:
    """One of them.

    Attributes:
        title: what p1meter calls it.
        switch: name of the switch that Home Assistant has for it; its entity id follows from it.
        kind: what kind of device p1meter is told that it is.
        watts: what it draws.
        phase: on which.
        latency: seconds from the switch until it begins to draw.
        ramp: seconds from then to its full power.
        rules: of the second page of the dialog, by section, what is otherwise than proposed.
    """

    title: str
    switch: str
    kind: str
    watts: int
    phase: int
    latency: int = 0
    ramp: int = 0
    rules: Mapping[str, Json] = field(default_factory=dict)

    @property
    def entity_id(self) -> str:
        """Of the switch."""
        return f"switch.{self.switch.lower().replace(' ', '_')}"


# The most important one first.
LOADS = (
    DemoLoad(
        "Boiler",
        "Boiler contactor",
        "relay",
        2_000,
        1,
        rules={"permissions": {"min_run": {"hours": 2, "minutes": 0, "seconds": 0}, "deadline": "21:00:00"}},
    ),
    DemoLoad(
        "Pool pump",
        "Pool pump relay",
        "motor",
        1_000,
        2,
        rules={"permissions": {"max_run": {"hours": 6, "minutes": 0, "seconds": 0}, "windows": "08:00-22:00"}},
    ),
    DemoLoad("Car charger", "Charging point", "charger", 3_600, 3, latency=12, ramp=6),
)


def install(household: Household) -> None:
    """Put them into the house."""
    for load in LOADS:
        household.appliances[load.entity_id] = Appliance(
            load.watts, phase=load.phase, latency=load.latency, ramp=load.ramp
        )


@asynccontextmanager
async def wired(client: Client, household: Household) -> AsyncGenerator[None]:
    """As long as this lasts, what stands in the house is switched as Home Assistant's switches are."""

    async def follow() -> None:
        async with client.subscribed("subscribe_entities", entity_ids=list(household.appliances)) as changes:
            while True:
                change = await changes.get()
                states = {name: state.get("s") for name, state in change.get("a", {}).items()}
                states |= {name: new.get("+", {}).get("s") for name, new in change.get("c", {}).items()}
                for name, state in states.items():
                    if state == "unknown":  # nobody has told it anything yet
                        await client.command(
                            "call_service", domain="switch", service="turn_off", target={"entity_id": name}
                        )
                    elif state is not None:
                        household.appliances[name].switch(on=state == "on")

    async with running(follow()):
        await asyncio.sleep(0)
        yield


async def add_loads(client: Client, entry_id: str) -> None:
    """Add them to a meter that has no loads, by the dialogs that a person would see."""
    if await client.command("config_entries/subentries/list", entry_id=entry_id):
        return
    for rank, load in enumerate(LOADS, 1):
        first = {"entity_id": load.entity_id, "name": load.title, "kind": load.kind, "power": load.watts}
        await add_load(client, entry_id, {**first, "rank": rank}, load.rules)


async def show_in_energy_dashboard(client: Client, shown: Iterable[Entity]) -> None:
    """Put the loads into the Energy dashboard as individual devices."""
    devices = (await client.command("energy/get_prefs"))["device_consumption"]
    known = {device["stat_consumption"] for device in devices}
    titles = {load.title for load in LOADS}
    for entity in shown:
        if entity.device in titles and entity.what.endswith("_energy") and entity.entity_id not in known:
            devices.append({"stat_consumption": entity.entity_id, "name": entity.device})
    await client.command("energy/save_prefs", device_consumption=devices)
