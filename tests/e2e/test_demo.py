"""`scripts/demo --once`: exactly the entities that the lines of the simulated telegram demand, each with its value."""

import asyncio
import json
import sys
from typing import Any

import pytest

from tests.instance.process import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")

KWH, KW, WATT = ("kWh", "energy"), ("kW", "power"), ("W", "power")
TOTAL, NOW = "total_increasing", "measurement"


def phases(prefix: str) -> list[str]:
    return [f"{prefix}_phase_{phase}" for phase in (1, 2, 3)]


type Kind = tuple[str | None, str | None, str | None]  # unit, device class, state class

# By the lines of tests/simulation/telegrams.py, DSMR 5: what p1meter must make of each.
NL5: list[tuple[list[str], Kind]] = [
    (["p1_version"], (None, None, None)),  # 1-3:0.2.8
    (["import_low_tariff", "import_normal_tariff", "import"], (*KWH, TOTAL)),  # 1-0:1.8.1, 1.8.2, and their sum
    (["export_low_tariff", "export_normal_tariff", "export"], (*KWH, TOTAL)),  # 1-0:2.8.1, 2.8.2, and their sum
    (["tariff"], (None, "enum", None)),  # 0-0:96.14.0
    (["import_power", "export_power"], (*KW, NOW)),  # 1-0:1.7.0, 2.7.0
    (["power"], (*WATT, NOW)),  # their difference
    (["power_failures", "long_power_failures"], (None, None, TOTAL)),  # 0-0:96.7.21, 96.7.9
    (["last_power_failure"], (None, "timestamp", None)),  # 1-0:99.97.0
    (phases("voltage_sags") + phases("voltage_swells"), (None, None, TOTAL)),  # 1-0:32.32.0, 32.36.0, …
    (phases("voltage"), ("V", "voltage", NOW)),  # 1-0:32.7.0, …
    (phases("current"), ("A", "current", NOW)),  # 1-0:31.7.0, …
    (phases("import_power") + phases("export_power"), (*KW, NOW)),  # 1-0:21.7.0, 22.7.0, …
    (phases("power"), (*WATT, NOW)),  # their differences
]
# By the same file, eMUCS-P1.
BE: list[tuple[list[str], Kind]] = [
    (["p1_version"], (None, None, None)),  # 0-0:96.1.4
    (["import_day", "import_night", "import"], (*KWH, TOTAL)),  # 1-0:1.8.1, 1.8.2, and their sum
    (["export_day", "export_night", "export"], (*KWH, TOTAL)),  # 1-0:2.8.1, 2.8.2, and their sum
    (["demand_running_period", "month_peak"], (*KW, NOW)),  # 1-0:1.4.0, 1.6.0
    (["tariff"], (None, "enum", None)),  # 0-0:96.14.0
    (["import_power", "export_power"], (*KW, NOW)),  # 1-0:1.7.0, 2.7.0
    (["power"], (*WATT, NOW)),  # their difference
    (phases("import_power") + phases("export_power"), (*KW, NOW)),  # 1-0:21.7.0, 22.7.0, …
    (phases("power"), (*WATT, NOW)),  # their differences
    (phases("voltage"), ("V", "voltage", NOW)),  # 1-0:32.7.0, …
    (phases("current"), ("A", "current", NOW)),  # 1-0:31.7.0, …
    (["breaker"], (None, "enum", None)),  # 0-0:96.3.10
    (["power_limit"], (*KW, NOW)),  # 0-0:17.0.0
    (["fuse_limit"], ("A", "current", NOW)),  # 1-0:31.4.0
]
# What p1meter makes of the three loads of tests/instance/appliances.py, and of the connection that they share.
LOAD: list[tuple[list[str], Kind]] = [
    (["switch.{}", "select.{}_mode", "number.{}_rank", "sensor.{}_reason"], (None, None, None)),
    (["number.{}_nominal_power"], (*WATT, None)),
    (["number.{}_minimum_on", "number.{}_minimum_off"], ("min", "duration", None)),
    (["sensor.{}_activity"], (None, "enum", None)),
    (["sensor.{}_power"], (*WATT, NOW)),
    (["sensor.{}_run_time_today"], ("min", "duration", "total")),
    (["sensor.{}_starts_today"], (None, None, "total")),
    (
        ["sensor.{}_energy_today", "sensor.{}_energy_from_own_sun_today", "sensor.{}_energy_from_the_grid_today"],
        (*KWH, "total"),
    ),
]
LOADS = {"boiler": "Boiler", "pool_pump": "Pool pump", "car_charger": "Car charger"}
SITE: list[tuple[list[str], Kind]] = [
    (["switch.{}_load_control"], (None, None, None)),
    (["sensor.{}_load_control_state"], (None, "enum", None)),
    (["sensor.{}_surplus_for_loads"], (*WATT, NOW)),
]
# Where a demand tariff applies, and so 1-0:1.4.0 and 1.6.0 are sent.
DEMAND: list[tuple[list[str], Kind]] = [
    (["sensor.{}_demand_forecast", "sensor.{}_demand_headroom"], (*WATT, NOW)),
]
GAS = ("sensor.gas_meter_gas", ("m³", "gas", TOTAL), "Gas meter")  # 0-1:24.2.1, 0-1:24.2.3
WATER = ("sensor.water_meter_water", ("m³", "water", TOTAL), "Water meter")  # 0-2:24.2.1


async def test_dutch_meter_on_a_serial_port() -> None:
    shown = await once()
    expected = {f"sensor.iskra_am550_{name}": (kind, "Iskra AM550") for names, kind in NL5 for name in names}
    expected |= {entity_id: (kind, device) for entity_id, kind, device in [GAS]}
    assert len(expected) == 36
    expected |= of_loads() | named(SITE, "iskra_am550", "Iskra AM550")
    check(shown, expected)
    states = {line["entity_id"]: line["state"] for line in shown}
    # What the household's telegram always says the same.
    assert states["sensor.iskra_am550_p1_version"] == "5.0"
    assert states["sensor.iskra_am550_power_failures"] == "4"
    assert states["sensor.iskra_am550_voltage_swells_phase_2"] == "3"
    assert states["sensor.iskra_am550_last_power_failure"] == "2023-06-14T12:23:17+00:00"
    assert states["sensor.iskra_am550_tariff"] in {"low", "normal"}


async def test_belgian_meter_on_the_network() -> None:
    shown = await once("--system", "be", "--tcp")
    expected = {f"sensor.p1_meter_{name}": (kind, "P1 meter") for names, kind in BE for name in names}
    expected |= {entity_id: (kind, device) for entity_id, kind, device in [GAS, WATER]}
    assert len(expected) == 33
    expected |= of_loads() | named([*SITE, *DEMAND], "p1_meter", "P1 meter")
    check(shown, expected)
    states = {line["entity_id"]: line["state"] for line in shown}
    assert states["sensor.p1_meter_p1_version"] == "50217"
    assert states["sensor.p1_meter_breaker"] == "connected"
    assert states["sensor.p1_meter_power_limit"] == "17.3"
    assert states["sensor.p1_meter_fuse_limit"] == "25"
    assert states["sensor.p1_meter_tariff"] in {"day", "night"}


def named(kinds: list[tuple[list[str], Kind]], name: str, device: str) -> dict[str, tuple[Kind, str]]:
    """Fill in how the device is called."""
    return {entity_id.format(name): (kind, device) for ids, kind in kinds for entity_id in ids}


def of_loads() -> dict[str, tuple[Kind, str]]:
    return {entity_id: found for name, title in LOADS.items() for entity_id, found in named(LOAD, name, title).items()}


def check(shown: list[dict[str, Any]], expected: dict[str, tuple[Kind, str]]) -> None:
    assert [set(line) for line in shown] == [
        {"entity_id", "state", "unit", "device_class", "state_class", "device"}
    ] * len(shown)
    kinds = {line["entity_id"]: (line["unit"], line["device_class"], line["state_class"]) for line in shown}
    assert kinds == {entity_id: kind for entity_id, (kind, _) in expected.items()}
    assert {line["entity_id"]: line["device"] for line in shown} == {
        entity_id: device for entity_id, (_, device) in expected.items()
    }
    assert len(shown) == len(expected)  # none twice
    assert [line for line in shown if line["state"] in {"unknown", "unavailable", ""}] == []


async def once(*words: str) -> list[dict[str, Any]]:
    """Run the script to its end; what it prints, line by line. It leaves no folder of its own behind."""
    before = folders()
    script = await asyncio.create_subprocess_exec(
        *(sys.executable, str(ROOT / "scripts/demo"), "--once", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, progress = await script.communicate()
    assert script.returncode == 0, progress.decode()
    assert list(folders() - before) == []
    return [json.loads(line) for line in printed.splitlines()]


def folders() -> set[str]:
    demos = ROOT / ".demo"
    return {folder.name for folder in demos.iterdir()} if demos.is_dir() else set()
