"""Core's `dsmr` reads the meter in a real Home Assistant 2026.11; p1meter takes over, and gives it back.

The recorder is told to sum up. With `P1METER_REAL_PERIODS=1` its own two periods of five minutes are waited for, which
takes up to a quarter of an hour: `P1METER_REAL_PERIODS=1 .venv/bin/python -m pytest -p no:homeassistant --no-cov
tests/e2e/test_taking_over.py`.
"""

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from tests.instance.dialogs import add_dsmr
from tests.simulation.meter import SimulatedMeter

if TYPE_CHECKING:
    from pathlib import Path

    from tests.instance.client import Client, Json
    from tests.instance.process import HomeAssistant

WAITS = "P1METER_REAL_PERIODS" in os.environ

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1500 if WAITS else 240)]

TOOLS = ("sum_up",)
FLOWS = "/api/config/config_entries/flow"
OPTIONS = "/api/config/config_entries/options/flow"
LOW = "sensor.electricity_meter_energy_consumption_tarif_1"
NORMAL = "sensor.electricity_meter_energy_consumption_tarif_2"
POWER = "sensor.electricity_meter_power_consumption"
GAS = "sensor.gas_meter_gas_consumption"
NO_PRICE = {"stat_cost": None, "entity_energy_price": None}
NO_COMPENSATION = {"stat_compensation": None, "entity_energy_price_export": None, "number_energy_price_export": None}
# The tariff that counts at this hour is not known: a price for both.
SOURCES = [
    {
        "type": "grid",
        "stat_energy_from": total,
        "stat_energy_to": None,
        "cost_adjustment_day": 0,
        "number_energy_price": 0.25,
        **NO_PRICE,
        **NO_COMPENSATION,
    }
    for total in (LOW, NORMAL)
]


async def test_what_dsmr_began_goes_on(home_assistant: HomeAssistant, tmp_path: Path) -> None:
    client = home_assistant.client
    meter = SimulatedMeter("nl5")
    async with meter.on_pty(tmp_path / "meter") as cable:
        port = str(cable.link)
        rival = await add_dsmr(client, port)
        await client.command("energy/save_prefs", energy_sources=SOURCES)
        await client.until("dsmr shows the meter", lambda states: shows(states, LOW, NORMAL, POWER), 60)
        registered = await registry(client)
        first = await summed_up(client, "five_minutes", 1)

        ours = await add_p1meter(client, port)
        # The same entries of the registry, now ours; so is what the Energy dashboard made of them.
        taken = await registry(client)
        for entity_id in (LOW, NORMAL, POWER, GAS):
            assert taken[entity_id]["id"] == registered[entity_id]["id"]
            assert taken[entity_id]["platform"] == "p1meter"
        assert {one for one in taken if taken[one]["platform"] == "energy"} == {
            one for one in registered if registered[one]["platform"] == "energy"
        }
        assert (await client.command("energy/get_prefs"))["energy_sources"] == SOURCES
        states = await client.until("p1meter shows the meter", lambda states: shows(states, LOW, NORMAL, POWER), 60)
        assert states[POWER]["attributes"]["unit_of_measurement"] == "kW"
        meter.add_load(600_000)  # so much is worth a state at once
        await asyncio.sleep(15)
        second = await summed_up(client, "hour", 2)
        for total in (LOW, NORMAL):
            before, after = second[total][-2:]
            assert second[total][:-1] == first[total]
            # No step: what was used is what the readings have grown by.
            assert after["sum"] - before["sum"] == pytest.approx(after["state"] - before["state"], abs=0.001)
        assert sum(second[total][-1]["sum"] for total in (LOW, NORMAL)) > 0.02

        await undo(client, ours)
        back = await registry(client)
        for entity_id in (LOW, NORMAL, POWER, GAS):
            assert back[entity_id]["id"] == registered[entity_id]["id"]
            assert back[entity_id]["platform"] == "dsmr"
        entries = {entry["entry_id"]: entry for entry in await client.get("/api/config/config_entries/entry")}
        assert entries[rival]["state"] == "loaded"
        assert entries[ours]["disabled_by"] == "user"
        await client.until("dsmr shows the meter again", lambda states: shows(states, LOW, NORMAL, POWER), 90)
        assert (await rows(client))[LOW] == second[LOW]


def shows(states: dict[str, Json], *entity_ids: str) -> bool:
    """Whether all of these show a number."""
    return all(states.get(one, {}).get("state", "unknown") not in {"unknown", "unavailable"} for one in entity_ids)


async def add_p1meter(client: Client, port: str) -> str:
    """Add p1meter on the port of the other one, and take over all that is offered; return the id of its entry."""
    form = await client.post(FLOWS, {"handler": "p1meter"})
    path = f"{FLOWS}/{form['flow_id']}"
    offer = await client.post(path, {"port": port})
    assert offer["step_id"] == "free_port", offer
    result = await client.post(path, {})
    while result["type"] in {"progress", "progress_done"}:
        await asyncio.sleep(0.2)
        result = await client.get(path)
    assert result["step_id"] == "found", result
    added = await client.post(path, {})
    assert added["type"] == "create_entry", added
    following = f"{OPTIONS}/{added['next_flow'][1]}"
    form = await client.get(following)
    assert form["step_id"] == "take_over_choose", form
    result = await client.post(following, {field["name"]: field["default"] for field in form["data_schema"]})
    assert result["step_id"] == "taken_over", result
    # The dashboard has nothing to be told but what the other one did not have.
    following_form = await client.post(following, {})
    assert following_form["step_id"] in {"energy", "energy_beside"}, following_form
    assert (await client.post(following, {"sources": []}))["type"] == "create_entry"
    return str(added["result"]["entry_id"])


async def undo(client: Client, entry_id: str) -> None:
    """Give everything back, in the dialog behind the cogwheel."""
    menu = await client.post(OPTIONS, {"handler": entry_id})
    path = f"{OPTIONS}/{menu['flow_id']}"
    for step in ("history", "take_over", "take_over_undo"):
        menu = await client.post(path, {"next_step_id": step})
    assert "disabled" in menu["description_placeholders"]["port"]
    done = await client.post(path, {})
    assert done["reason"] == "given_back", done


async def registry(client: Client) -> dict[str, Json]:
    """Return the entities that are registered, by id."""
    return {entity["entity_id"]: entity for entity in await client.command("config/entity_registry/list")}


async def summed_up(client: Client, which: str, count: int) -> dict[str, list[Json]]:
    """Return the rows of five minutes as soon as there are so many of each total."""
    if not WAITS:
        await client.post(f"/api/services/sum_up/{which}", {})
    async with asyncio.timeout(650 if WAITS else 30):
        while True:
            found = await rows(client)
            if all(len(found.get(total, ())) >= count for total in (LOW, NORMAL)):
                return found
            await asyncio.sleep(1)


async def rows(client: Client) -> dict[str, list[Json]]:
    """Return what the recorder has summed up."""
    found: dict[str, list[Json]] = await client.command(
        "recorder/statistics_during_period",
        start_time="2026-01-01T00:00:00+00:00",
        statistic_ids=[LOW, NORMAL],
        period="5minute",
        types=["state", "sum"],
    )
    return found
