"""docs/entities.md is what scripts/entities writes, and says what people will see."""

import importlib
from typing import Any

import pytest

from p1meter.meter import REGISTERS

ENTITIES: Any = importlib.import_module("_entities")
PAGE: str = ENTITIES.PAGE.read_text("utf-8")


def section(title: str) -> str:
    """Return what stands under the one title that begins so."""
    _, found, rest = PAGE.partition(f"\n## {title}")
    assert found, title
    return rest.partition("\n## ")[0]


def row(title: str, first: str) -> list[list[str]]:
    """Return a row of a meter's table: for each of its devices the names in it."""
    line = next(line for line in section(title).splitlines() if line.startswith(f"| **{first}** |"))
    return [[name.strip() for name in cell.split("·") if name.strip()] for cell in line.split("|")[2:-1]]


def test_the_page_is_what_the_script_writes() -> None:
    assert ENTITIES.page() == PAGE, "run scripts/entities"


def test_every_register_with_an_entity_is_on_the_page() -> None:
    everything = section("Everything there is")
    for register in REGISTERS.values():
        number = next(iter(register.placeholders.values()), "")
        family = register.key.removesuffix(number)
        assert (f"`{register.key}`" in everything or f"`{family}" in everything) is register.entity, register.key


@pytest.mark.parametrize(
    ("title", "names"),
    [
        ("Netherlands, DSMR 5", ["Import low tariff", "Import normal tariff", "Power †", "Voltage phase 1…3"]),
        ("Belgium, eMUCS", ["Import day", "Import night", "Demand, running period", "Month peak"]),
        ("Hungary", ["Import", "Import tariff 1, 2", "Frequency"]),
    ],
)
def test_what_is_there_at_once(title: str, names: list[str]) -> None:
    assert set(names) <= set(row(title, "At once")[0])


def test_what_a_meter_does_not_send_is_not_said_of_it() -> None:
    assert not any("Voltage" in name for name in row("Netherlands, DSMR 4", "At once")[0])
    assert "Power failure" not in row("Belgium, eMUCS", "Events")[0]
    # Worked out, so disabled; a Belgian meter sends it.
    assert "Demand, running period †" in row("Netherlands, DSMR 5", "Disabled")[0]


def test_meters_on_the_m_bus_have_columns_of_their_own() -> None:
    assert row("Belgium, eMUCS", "At once")[1:] == [["Gas"], ["Water"]]
    assert row("Belgium, eMUCS", "Disabled")[1] == ["Valve", "Last measured"]
