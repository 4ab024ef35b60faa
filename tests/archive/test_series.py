"""Readings of any order become hourly rows: what stood there at the end of each hour, and what grew in it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from p1meter.archive import collect, open_history, readings_of
from p1meter.archive.past import Dated, Problems
from p1meter.meter.history import rows
from tests.compose import compose, nl5
from tests.meter.twins import block
from tests.needs import shared_telegrams
from tests.simulation.household import Household
from tests.simulation.past import past

from .telegrams import AMSTERDAM, read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from p1meter.archive import Series

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def dated(minutes: float, value: str, key: str = "import_total", unit: str = "kWh", line: int = 0) -> Dated:
    """A reading so many minutes after noon."""
    return Dated(NOON + timedelta(minutes=minutes), key, Decimal(value), unit, line)


def only(values: Sequence[Dated], problems: Problems | None = None) -> Series:
    (series,) = collect(values, problems=problems).series.values()
    return series


def table(series: Series) -> list[tuple[str, str, str]]:
    return [(f"{row.start:%H:%M}", str(row.state), str(row.grown)) for row in series.rows]


def test_what_stood_there_at_the_end_of_each_hour_and_what_grew() -> None:
    series = only([dated(5, "10.0"), dated(30, "10.5"), dated(59, "11.0"), dated(61, "11.1"), dated(119, "12.5")])

    # The first hour has grown from 12:05 on.
    assert table(series) == [("12:00", "11.0", "1.0"), ("13:00", "12.5", "1.5")]
    assert (series.key, series.unit, series.grown) == ("import_total", "kWh", Decimal("2.5"))
    assert not series.gaps
    assert series.longest_gap is None


def test_what_is_read_at_the_full_hour_is_what_the_hour_before_it_ended_with() -> None:
    assert table(only([dated(0, "10"), dated(60, "11"), dated(60.5, "11.5"), dated(120, "12")])) == [
        ("11:00", "10", "0"),
        ("12:00", "11", "1"),
        ("13:00", "12", "1"),
    ]


def test_files_may_overlap_and_come_in_any_order() -> None:
    first = [dated(10, "10"), dated(50, "11"), dated(70, "12")]
    second = [dated(55, "11.5"), dated(70, "12"), dated(115, "13"), dated(125, "14")]

    expected = [("12:00", "11.5", "1.5"), ("13:00", "13", "1.5"), ("14:00", "14", "1")]
    assert table(only([*first, *second])) == expected
    assert table(only([*second, *first])) == expected
    assert table(only([*second, *first, *second])) == expected


def test_gaps_are_named_and_not_filled() -> None:
    series = only([dated(30, "10"), dated(90, "11"), dated(330, "15"), dated(450, "17")])

    # In the hours 14:00 to 16:00, and at 18:00, nothing was read: what grew is in the first hour after them.
    assert table(series) == [("12:00", "10", "0"), ("13:00", "11", "1"), ("17:00", "15", "4"), ("19:00", "17", "2")]
    assert [(f"{gap.start:%H:%M}", f"{gap.end:%H:%M}", gap.hours) for gap in series.gaps] == [
        ("14:00", "17:00", 3),
        ("18:00", "19:00", 1),
    ]
    assert series.longest_gap == series.gaps[0]


def test_a_replaced_meter_begins_another_stretch() -> None:
    series = only([dated(30, "5000"), dated(90, "5001.2"), dated(150, "0.1"), dated(210, "0.6"), dated(270, "1.6")])

    # What the old one counted after 13:30, and the new one before 14:30, nobody knows.
    assert table(series) == [
        ("12:00", "5000", "0"),
        ("13:00", "5001.2", "1.2"),
        ("14:00", "0.1", "0"),
        ("15:00", "0.6", "0.5"),
        ("16:00", "1.6", "1.0"),
    ]
    assert [(f"{one.first:%H}", str(one.first_value), str(one.last_value)) for one in series.stretches] == [
        ("12", "5000", "5001.2"),
        ("14", "0.1", "1.6"),
    ]


def test_a_meter_that_was_replaced_within_the_first_hour() -> None:
    series = only([dated(5, "5000"), dated(55, "0.5"), dated(90, "1")])

    assert table(series) == [("12:00", "0.5", "0"), ("13:00", "1", "0.5")]
    assert [(str(one.first_value), str(one.last_value)) for one in series.stretches] == [("5000", "5000"), ("0.5", "1")]


def test_a_meter_with_another_id_begins_another_stretch_also_where_its_reading_is_higher(tmp_path: Path) -> None:
    def raw(hour: int, value: str, meter: str, gas: str, gas_meter: str) -> bytes:
        changes = {"0-0:1.0.0": f"(261121{hour}3000W)", "1-0:1.8.1": f"({value}*kWh)", "0-0:96.1.1": f"({meter})"}
        changes |= {"0-1:96.1.0": f"({gas_meter})", "0-1:24.2.1": f"(261121{hour}0000W)({gas}*m3)"}
        return nl5(changes)

    (tmp_path / "past").write_bytes(
        raw(12, "50", "4530", "7", "4731")
        + raw(13, "51", "4530", "8", "4731")
        + raw(14, "30000", "4531", "9", "4731")
        + raw(15, "30001", "4531", "10", "4731")
        # One that is damaged is no other meter.
        + raw(16, "30003", "4531", "11", "4732")
        + raw(17, "30004", "4531", "12", "4731")
    )

    history = collect(open_history(tmp_path / "past", zone=AMSTERDAM).values())

    electricity = history.series["import_tariff_1"]
    assert [str(row.grown) for row in electricity.rows] == ["0", "1", "0", "1", "2", "1"]
    assert [(str(one.first_value), str(one.last_value)) for one in electricity.stretches] == [
        ("50", "51"),
        ("30000", "30004"),
    ]
    gas = history.series["1:gas"]
    assert (len(gas.stretches), len(gas.rows)) == (1, 6)


@pytest.mark.parametrize(
    ("values", "wrong", "states"),
    [
        # One below all around it, and several.
        (["10", "11", "0", "12", "13"], [3], ["10", "11", "12", "13"]),
        (["10", "11", "0", "1", "0.5", "12"], [3, 4, 5], ["10", "11", "12"]),
        # One above all around it.
        (["10", "11", "9000", "12", "13"], [3], ["10", "11", "12", "13"]),
        (["10", "11", "9000", "12"], [3], ["10", "11", "12"]),
        # At the end nothing undoes it.
        (["10", "11", "0"], [], ["10", "11", "0"]),
        # The first cannot be judged.
        (["9000", "11", "12"], [], ["9000", "11", "12"]),
        # More than that is another meter.
        (["10", "11", "0", "1", "2", "3", "12"], [], ["10", "11", "0", "1", "2", "3", "12"]),
    ],
)
def test_a_wrong_line_is_dropped_and_reported(values: list[str], wrong: list[int], states: list[str]) -> None:
    problems = Problems()

    series = only([dated(60 * number + 30, value, line=number + 1) for number, value in enumerate(values)], problems)

    assert [str(row.state) for row in series.rows] == states
    assert [problem.line for problem in problems.kept] == wrong
    assert problems.counts == ({"wrong_value": len(wrong)} if wrong else {})
    # It grows by what is between the good ones, never by a step to a wrong one and back.
    assert series.grown < 15


def test_units_become_those_of_the_register() -> None:
    problems = Problems()
    history = collect(
        [
            dated(30, "1500", unit="Wh"),
            dated(90, "2.5"),
            dated(150, "0.0035", unit="MWh"),
            dated(210, "5", unit="m3", line=7),
            dated(30, "1500", key="1:gas", unit="dm3"),
            dated(30, "2", key="2:heat", unit="MWh"),
            dated(30, "3", key="3:mbus", unit="m3"),
            dated(90, "4000", key="3:mbus", unit="l"),
            dated(30, "1", key="4:mbus", unit="kWh"),
        ],
        problems=problems,
    )

    assert {key: (series.unit, [str(row.state) for row in series.rows]) for key, series in history.series.items()} == {
        "import_total": ("kWh", ["1.500", "2.5", "3.5"]),
        "1:gas": ("m³", ["1.500"]),
        # 2 MWh are 7.2 GJ.
        "2:heat": ("GJ", ["7.2"]),
        "3:mbus": ("m³", ["3", "4.000"]),
        "4:mbus": ("kWh", ["1"]),
    }
    assert [one[:3] for one in problems.kept] == [(7, "unit", "import_total m3")]


def test_series_can_be_called_as_the_caller_calls_them() -> None:
    values = [dated(30, "1", "1:mbus", "m3"), dated(90, "2", "2:gas", "m3"), dated(150, "3", "gas_2", "m3")]

    history = collect(values[:2], names={"1:mbus": "gas", "2:gas": "gas"})
    assert {key: (one.unit, table(one)) for key, one in history.series.items()} == {
        "gas": ("m³", [("12:00", "1", "0"), ("13:00", "2", "1")])
    }
    assert collect(values[:1], names={"1:mbus": "gas_2"}).series["gas_2"].unit == "m³"


def test_what_is_later_than_now_is_not_believed() -> None:
    history = collect([dated(30, "1"), dated(90, "2", line=5)], until=NOON + timedelta(hours=1))

    assert table(history.series["import_total"]) == [("12:00", "1", "0")]
    assert [(one.line, one.kind) for one in history.problems.kept] == [(5, "future")]


def test_nothing_gives_nothing() -> None:
    assert not collect([]).series
    assert not collect([dated(30, "1", unit="m3")]).series


def test_growth_that_does_not_fit_between_readings_is_left_out() -> None:
    growth = [
        Dated(NOON + timedelta(hours=hour), "import_total", Decimal(value), "kWh", 0, is_growth=True)
        for hour, value in ((2, "3"), (3, "4"), (9, "5"))
    ]

    # Together 7 in what has grown by 6 only; and after the last reading there is nothing to go by.
    assert table(only([dated(0, "10"), *growth, dated(240, "16")])) == [("11:00", "10", "0"), ("15:00", "16", "6")]


# --- months -----------------------------------------------------------------------------------------------------------


def test_the_readings_of_past_months() -> None:
    telegram = read(
        block(
            "LGZ4ZMD120AC.T01",
            "0.1.0(02)",
            "1.8.0(00000130.0*kWh)",
            "1.8.0*02(00000120.0)(2611010000)",
            "1.8.0*01(00000100.0)(2610010000)",
            "1.6.0*02(3.2*kW)(2610051200)",
        )
    )

    series = only(list(readings_of(rows(telegram))))

    # Midnight of 1 October in summer time is 22:00 UTC.
    assert [(f"{row.start:%d.%m. %H:%M}", str(row.state), str(row.grown)) for row in series.rows] == [
        ("30.09. 21:00", "100.0", "0"),
        ("31.10. 22:00", "120.0", "20.0"),
    ]
    # 31 days and the hour that came twice, less the hour of the reading.
    assert [gap.hours for gap in series.gaps] == [31 * 24]


def test_months_of_belgium_are_peaks_and_those_of_hungary_readings() -> None:
    values = "".join(
        f"({number:06}.000*{unit})" for number, unit in enumerate(["kWh"] * 6 + ["kvarh"] * 6 + ["kWh"], 1)
    )
    hungarian = f"(261101000000W){values}" + "(01.000*kW)" * 6
    telegram = read(compose({"0-0:1.0.0": "(261121120000W)", "1-0:15.8.0": "(1*kWh)", "0-0:98.1.0": hungarian}))

    history = collect(readings_of(rows(telegram)))

    # In the order of the columns (E.ON Hungary).
    assert {key: str(one.rows[0].state) for key, one in history.series.items() if key.startswith("import")} == {
        "import_total": "1.000",
        "import_tariff_1": "2.000",
        "import_tariff_2": "3.000",
    }
    belgian = "(1)(1-0:1.6.0)(1-0:1.6.0)(261101000000W)(261017114500S)(02.571*kW)"
    assert not list(readings_of(rows(read(nl5({"0-0:98.1.0": belgian})))))


def test_months_of_a_real_optical_meter() -> None:
    path = shared_telegrams() / "iec-iskra-mt174.txt"
    raw = path.read_bytes()

    series = collect(readings_of(rows(read(raw)))).series["import_total"]

    # Its slots *15 to *01: the months from January 2016 to March 2017.
    assert (str(series.rows[0].state), str(series.rows[-1].state)) == ("4224.392", "7904.135")
    assert len(series.rows) == 15


# --- the household ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [datetime(2026, 3, 28, 22, 0, tzinfo=AMSTERDAM), datetime(2026, 10, 24, 22, 0, tzinfo=AMSTERDAM)],
    ids=["spring", "autumn"],
)
@pytest.mark.parametrize("kind", [0, 1], ids=["lines", "telegrams"])
def test_every_hour_of_the_nights_in_which_the_clock_changes(tmp_path: Path, start: datetime, kind: int) -> None:
    end = start.astimezone(UTC) + timedelta(hours=8)
    path = tmp_path / "past"
    path.write_bytes(b"".join(made[kind] for made in past(start, end, interval=300)))

    file = open_history(path, zone=AMSTERDAM)
    history = collect(file.values(), problems=file.problems)

    assert not file.problems.counts
    truth = dict(Household(start=end.astimezone(AMSTERDAM)).history(1))
    for key, name in (("import_tariff_1", "import_tariff_1"), ("1:gas", "gas")):
        series = history.series[key]
        # From the hour that ends at 22:00 to the one that ends eight hours later, each once.
        assert [row.start for row in series.rows] == [
            start.astimezone(UTC) + timedelta(hours=hour) for hour in range(-1, 8)
        ]
        for row in series.rows:
            assert row.state == truth[row.start + timedelta(hours=1)][name]
