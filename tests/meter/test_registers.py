"""The register table: complete, without contradictions, and in the words of each country."""

from pathlib import Path
import re

import pytest

from p1meter.meter import REGISTERS, Register
from p1meter.meter.profiles import profile
from p1meter.meter.registers import name_for, options_for, unit_for

REFERENCE = Path(__file__).with_name("keys.md")
ORIGINAL = Path(__file__).resolve().parents[3] / "shared" / "protocols.md"

NOTHING = "\N{EN DASH}"


class Row:
    """One line of the reference: keys, quantity, role, unit, on."""

    def __init__(self, cells: list[str]) -> None:
        self.keys = list(expanded(cells[0]))
        self.quantity = None if cells[1] in {NOTHING, "as the key", "by the unit sent"} else cells[1].split(",")[0]
        self.role, _, diagnostic = cells[2].split(",")[0].partition(" ")
        self.diagnostic = diagnostic == "d"
        self.unit = None if cells[3] in {NOTHING, "as sent", "as the key"} else cells[3].split(" ")[0]
        self.on = cells[4]

    def enabled(self, key: str) -> bool:
        if "," in self.on:  # "1, 2 y; 3, 4 n"
            return key[-1] in "12"
        return self.on == "y"


def expanded(cell: str) -> list[str]:
    """`voltage_l1…3` is three keys, `relay_n` those there are."""
    keys = []
    for name in re.findall(r"`([^`]+)`", cell):
        family = re.fullmatch(r"(.*?)(\d)…(\d)", name)
        if family:
            keys += [f"{family[1]}{number}" for number in range(int(family[2]), int(family[3]) + 1)]
        elif name.endswith("_n"):
            keys += [key for key in REGISTERS if re.fullmatch(rf"{name[:-1]}\d", key)]
        else:
            keys.append(name)
    return keys


def rows_of(text: str) -> list[list[str]]:
    """The cells of every line of the tables of registers."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:3] == "| `"]
    return [cells for cells in found if len(cells) == 7]


def reference() -> list[Row]:
    return [Row(cells) for cells in rows_of(REFERENCE.read_text()) if not cells[0].startswith("`last_month_")]


@pytest.mark.skipif(not ORIGINAL.is_file(), reason="needs ../shared/protocols.md")
def test_our_copy_is_the_reference() -> None:
    _, _, original = ORIGINAL.read_text().partition("### 5.7 All keys")
    assert rows_of(REFERENCE.read_text()) == rows_of(original.partition("\n## 6")[0])


def test_the_table_is_the_reference() -> None:
    rows = reference()
    assert len(rows) > 90

    for row in rows:
        assert row.keys
        for key in row.keys:
            register = REGISTERS[key]
            assert register.quantity == row.quantity, key
            assert register.role == row.role, key
            assert register.diagnostic == row.diagnostic, key
            assert register.unit == row.unit, key
            assert register.entity == (row.on != NOTHING), key
            if register.entity:
                assert register.enabled == row.enabled(key), key
    last_month = {key for key in REGISTERS if key.startswith("last_month_")}
    # Belgian meters have sent a fifth tariff since the end of 2025, and a German one sends eight.
    further = {f"{side}_tariff_{number}" for side in ("import", "export") for number in (5, 6, 7, 8)}
    assert set(REGISTERS) - last_month - further == {key for row in rows for key in row.keys}


def codes_of(cell: str) -> set[str]:
    """`1.8.1…4` is four codes, `21/41/61.7.0` three. What is computed has none; brackets say something about them."""
    codes = set()
    cell = re.sub(r"\([^)]*\)", "", re.sub(r"\(computed\)[^;]*", "", cell))
    for code in re.findall(r"(?:\d-[\dn]:)?[\dCF][\d/]*(?:\.[\dFn]+)+(?:…\d)?|\bF\b", cell):
        base, _, last = code.partition("…")
        ends = range(int(base[-1]), int(last) + 1) if last else [base[-1]]
        for one in (f"{base[:-1]}{end}" for end in ends):
            alternatives = re.search(r"\d+(?:/\d+)+", one)
            for number in alternatives[0].split("/") if alternatives else [""]:
                codes.add(one.replace(alternatives[0], number) if alternatives else one)
    return codes


def spelled(code: str) -> str:
    """Codes of heat meters are written without a medium, and their totals without the last group."""
    return re.sub(r"^6-0:|\.0$", "", code)


def test_every_code_of_the_reference_is_in_the_table() -> None:
    seen = 0
    for cells in rows_of(REFERENCE.read_text()):
        if cells[0].startswith(("`last_month_", "`relay_n", "`io_state_n")):
            continue
        ours = {spelled(code) for key in expanded(cells[0]) for code in REGISTERS[key].codes}
        theirs = {spelled(code) for code in codes_of(cells[6]) if code != "0.0"}  # in the table it is 0.0.0
        assert theirs <= ours, (cells[0], theirs - ours)
        seen += len(theirs)
    assert seen > 150


def test_last_month_repeats_what_hungarian_meters_close_a_month_with() -> None:
    # Nineteen values on one line: seven of energy, six reactive, six maxima.
    last_month = [register for key, register in REGISTERS.items() if key.startswith("last_month_")]

    assert len(last_month) == 19
    assert sum(register.quantity == "energy" for register in last_month) == 7
    assert sum(register.quantity == "reactive_energy" for register in last_month) == 6
    assert sum(register.quantity == "power" for register in last_month) == 6


@pytest.mark.parametrize("register", REGISTERS.values(), ids=lambda register: register.key)
def test_a_register_makes_sense(register: Register) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", register.key)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", register.name)
    assert "{" not in register.name
    assert (register.role == "enum") == bool(register.options)
    assert all(re.fullmatch(r"[a-z0-9_]+", option) for option in register.options)
    if register.role in {"counter", "enum", "text"}:
        assert register.quantity is None
        assert register.unit is None
    if register.quantity == "time":
        assert register.unit is None


def test_one_member_of_a_family_has_its_own_code_name_and_placeholder() -> None:
    register = REGISTERS["power_import_l2"]

    assert register.codes == ("41.7.0",)
    assert register.name == "power_import_phase"
    assert register.placeholders == {"phase": "2"}
    assert REGISTERS["reactive_q3"].codes == ("7.8.0",)
    assert REGISTERS["reactive_q3"].name == "reactive_quadrant"
    assert REGISTERS["import_tariff_4"].placeholders == {"n": "4"}
    assert REGISTERS["relay_3"].codes == ("0-3:96.3.10",)
    assert REGISTERS["message_5"].codes == ("0-0:96.13.5",)
    assert REGISTERS["message_5"].name != REGISTERS["message"].name
    assert REGISTERS["voltage_max"].placeholders == {}


def test_only_two_registers_share_a_code_of_their_own() -> None:
    owners: dict[str, list[str]] = {}
    for register in REGISTERS.values():
        for code in () if register.derived else register.codes:
            owners.setdefault(code, []).append(register.key)

    # 31.4.0 is the limit of the connection, or of one phase where the other two are sent too.
    assert {code: keys for code, keys in owners.items() if len(keys) > 1} == {
        "31.4.0": ["fuse_threshold", "fuse_threshold_l1"]
    }


def test_an_mbus_type_has_one_register() -> None:
    types = [number for register in REGISTERS.values() for number in register.mbus_types]

    assert len(types) == len(set(types))
    assert {number: register.key for register in REGISTERS.values() for number in register.mbus_types}[3] == "gas"


@pytest.mark.parametrize(
    ("country", "expected"),
    [
        ("nl5", ("import_tariff_low", "export_tariff_normal")),
        ("be", ("import_tariff_day", "export_tariff_night")),
        ("be-ie", ("import_tariff_day", "export_tariff_night")),
        ("hu", ("import_tariff", "export_tariff")),
        ("generic", ("import_tariff", "export_tariff")),
    ],
)
def test_a_tariff_is_named_as_people_there_name_it(country: str, expected: tuple[str, str]) -> None:
    there = profile(country, None)

    names = name_for(REGISTERS["import_tariff_1"], there), name_for(REGISTERS["export_tariff_2"], there)
    assert names == expected


def test_where_the_demand_of_an_hour_is_paid_for_it_is_called_so() -> None:
    demand = REGISTERS["demand_current"]
    assert name_for(demand, profile("h1", "SE")) == "demand_current_hour"
    assert name_for(demand, profile("h1", "DK")) == name_for(demand, profile("nl5", None)) == "demand_current"


def test_a_third_tariff_has_a_number_everywhere() -> None:
    assert name_for(REGISTERS["import_tariff_3"], profile("nl5", None)) == "import_tariff"
    assert name_for(REGISTERS["import_tariff_3"], profile("be", None)) == "import_tariff_be"


@pytest.mark.parametrize(
    "key",
    ["import_total", "export_total", "power_import", "power_export_l2", "energy_combined", "reactive_export_total"],
)
def test_import_and_export_have_belgian_words_on_belgian_meters(key: str) -> None:
    usual = name_for(REGISTERS[key], profile("nl5", None))

    assert name_for(REGISTERS[key], profile("be", None)) == f"{usual}_be"
    assert name_for(REGISTERS[key], profile("be-ie", None)) == f"{usual}_be"
    assert name_for(REGISTERS[key], profile("generic", "BE")) == f"{usual}_be"
    assert name_for(REGISTERS[key], profile("nl5", "BE")) == usual
    assert name_for(REGISTERS[key], profile("lu", None)) == usual


def test_other_names_are_the_same_everywhere() -> None:
    assert name_for(REGISTERS["voltage_l1"], profile("be", None)) == "voltage_phase"
    assert name_for(REGISTERS["demand_month_peak"], profile("be", None)) == "demand_month_peak"
    assert name_for(REGISTERS["reactive_import_tariff_1"], profile("nl5", None)) == "reactive_import_tariff"


def test_the_tariffs_of_a_country_are_the_states_of_the_tariff() -> None:
    tariff = REGISTERS["tariff"]

    further = tuple(f"tariff_{number}" for number in (3, 4, 5, 6, 7, 8))
    assert options_for(tariff, profile("nl4", None)) == ("none", "low", "normal", *further)
    assert options_for(tariff, profile("be", None)) == ("none", "day", "night", *further)
    assert options_for(tariff, profile("hu", None)) == ("none", "tariff_1", "tariff_2", *further)
    assert set(options_for(tariff, profile("nl4", None))) <= set(tariff.options)
    assert options_for(REGISTERS["breaker_state"], profile("nl4", None)) == REGISTERS["breaker_state"].options


def test_the_unit_that_is_assumed_depends_on_the_country_only_for_the_limit() -> None:
    assert unit_for(REGISTERS["limiter_threshold"], profile("lu", None)) == "kVA"
    assert unit_for(REGISTERS["limiter_threshold"], profile("nl2", None)) == "kW"
    assert unit_for(REGISTERS["gas"], profile("lu", None)) == "m³"
