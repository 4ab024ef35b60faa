"""What DSMR-reader and P1 Monitor write becomes readings (formats: see the modules that read them)."""

from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from p1meter.archive import collect, open_history

from .pasts import read_past
from .telegrams import AMSTERDAM

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo
    from pathlib import Path

# --- DSMR-reader: export ----------------------------------------------------------------------------------------------

# As `csv.writer` writes the titles of the columns; import and export have the same words there.
DAYS = (
    "Date,Electricity Tariff 1 Diff,Electricity Tariff 2 Diff,Electricity Tariff 1 Returned Diff,"
    "Electricity Tariff 2 Returned Diff,Gas Diff,Electricity Tariff 1 Cost,Electricity Tariff 2 Cost,Gas Cost,"
    "Fixed Cost,Total Cost,Electricity Reading Timestamp,Electricity Tariff 1 Reading,Electricity Tariff 2 Reading,"
    "Electricity Tariff 1 Reading,Electricity Tariff 2 Reading,Gas Reading Timestamp,Gas Reading\r\n"
)
DAGEN = (
    "Datum,Elektriciteit Tarief 1 Verbruikt,Elektriciteit Tarief 2 Verbruikt,Elektriciteit Tarief 1 Teruggeleverd,"
    "Elektriciteit Tarief 2 Teruggeleverd,Gas Verbruikt,Elektriciteit Tarief 1 Kosten,Elektriciteit Tarief 2 Kosten,"
    "Gaskosten,Vaste Kosten,Totale Kosten,Tijdstip Elektriciteitsmeterstand,Elektriciteit Tarief 1 Gemeten,"
    "Elektriciteit Tarief 2 Gemeten,Elektriciteit Tarief 1 Gemeten,Elektriciteit Tarief 2 Gemeten,"
    "Tijdstip Gasmeterstand,Gasmeting\r\n"
)
DAY = (
    "{},1.5,2.5,0.1,0.2,0.75,0.3,0.6,0.7,1.1,2.7,{}T00:00:08+01:00,{},200.25,300.5,400.75,{}T00:00:00+01:00,50.125\r\n"
)
HOURS = (
    "Hour Start,Electricity 1 (Dutch Users: Low Tariff),Electricity 2 (Dutch Users: Normal Tariff),"
    "Electricity 1 Returned (Dutch Users: Low Tariff),Electricity 2 Returned (Dutch Users: Normal Tariff),Gas\r\n"
)


@pytest.mark.parametrize("header", [DAYS, DAGEN], ids=["English", "Dutch"])
def test_the_readings_of_every_midnight(tmp_path: Path, header: str) -> None:
    row = DAY.format("2024-01-02", "2024-01-02", "100.5", "2024-01-02")

    # The first reading of the day, eight seconds after midnight, is what the day before ended with.
    assert read_past(tmp_path, header + row) == (
        "dsmr_reader_export",
        [
            "2024-01-01 23:00:00 import_tariff_1 100.5 kWh",
            "2024-01-01 23:00:00 import_tariff_2 200.25 kWh",
            "2024-01-01 23:00:00 export_tariff_1 300.5 kWh",
            "2024-01-01 23:00:00 export_tariff_2 400.75 kWh",
            "2024-01-01 23:00:00 gas 50.125 m3",
        ],
        [],
    )


def test_days_of_before_it_kept_readings_and_of_a_house_without_gas(tmp_path: Path) -> None:
    without = "2024-01-02,1.5,2.5,0.1,0.2,,0.3,0.6,,1.1,2.7,,,,,,,\r\n"
    late = DAY.format("2024-01-03", "2024-01-03", "100.5", "2024-01-03").replace("T00:00:08", "T00:07:00")

    found = read_past(tmp_path, DAYS + without + late)

    assert found.says[0] == "2024-01-02 23:07:00 import_tariff_1 100.5 kWh"
    assert not found.problems


def test_what_grew_in_every_hour(tmp_path: Path) -> None:
    # Rows of a published sample.
    rows = "2024-01-01T00:00:00+01:00,0.196,0,0,0,0.032\r\n2024-01-01T01:00:00+01:00,0.224,0,0,0,0.056\r\n"
    (tmp_path / "hours.csv").write_text(HOURS + rows)

    history = collect(open_history(tmp_path / "hours.csv", zone=AMSTERDAM).values())

    rows_of_import = history.series["import_tariff_1"].rows
    assert [(f"{row.start:%d %H:%M}", row.state, str(row.grown)) for row in rows_of_import] == [
        ("31 23:00", None, "0.196"),
        ("01 00:00", None, "0.224"),
    ]
    assert [str(row.grown) for row in history.series["gas"].rows] == ["0.032", "0.056"]


def test_an_hour_in_which_less_than_nothing_was_used_is_reported(tmp_path: Path) -> None:
    # DSMR-reader subtracts: where the meter was replaced it has the difference of two meters.
    rows = "2024-01-02T12:00:00+01:00,-512.25,0.5,0,0,\r\n"

    read = read_past(tmp_path, HOURS + rows)

    assert "2024-01-02 12:00:00 import_tariff_2 0.5 kWh" in read.says
    assert not any("import_tariff_1" in one for one in read.says)
    assert read.problems == [(2, "wrong_value", "-512.25")]


def test_hours_fill_the_days(tmp_path: Path) -> None:
    (tmp_path / "days.csv").write_text(
        DAYS
        + DAY.format("2024-01-02", "2024-01-02", "100.5", "2024-01-02")
        + DAY.format("2024-01-03", "2024-01-03", "104.0", "2024-01-03")
    )
    (tmp_path / "hours.csv").write_text(
        HOURS + "2024-01-02T12:00:00+01:00,2.5,0,0,0,0\r\n2024-01-02T22:00:00+01:00,0.5,0,0,0,0\r\n"
    )

    files = [open_history(tmp_path / name, zone=AMSTERDAM) for name in ("hours.csv", "days.csv")]
    history = collect(one for file in files for one in file.values())

    # In all 3.5; what is in no hour that it kept is with midnight.
    assert [
        (f"{row.start:%d %H:%M}", str(row.state), str(row.grown)) for row in history.series["import_tariff_1"].rows
    ] == [
        ("01 22:00", "100.5", "0"),
        ("02 11:00", "103.0", "2.5"),
        ("02 21:00", "103.5", "0.5"),
        ("02 22:00", "104.0", "0.5"),
    ]


@pytest.mark.parametrize(
    ("row", "problems"),
    [
        ("2024-01-02,1.5\r\n", [(2, "damaged", "2024-01-02,1.5")]),
        (DAY.format("2024-01-02", "x", "1", "2024-01-02"), [(2, "no_time", "xT00:00:08+01:00")]),
        (DAY.format("2024-01-02", "2024-01-02", "x", "2024-01-02"), [(2, "not_a_number", "x")]),
    ],
)
def test_rows_of_an_export_that_are_no_use(tmp_path: Path, row: str, problems: list[tuple[int, str, str]]) -> None:
    assert read_past(tmp_path, f"{DAYS}{row}\r\n").problems == problems


# --- DSMR-reader: backup ----------------------------------------------------------------------------------------------


def backup(version: str = "50", readings: str = "") -> str:
    return f"""--
-- PostgreSQL database dump
--

SET statement_timeout = 0;

CREATE TABLE public.dsmr_consumption_gasconsumption (
    id integer NOT NULL
);

COPY public.dsmr_consumption_electricityconsumption (id, read_at, delivered_1, returned_1, delivered_2, returned_2, \
currently_delivered) FROM stdin;
1\t2024-03-24 12:00:00+00\t100.001\t300.003\t200.002\t400.004\t0.5
2\t2024-03-24 12:30:00+00\t100.500\t300.003\t200.002\t400.004\t0.5
3\t2024-03-24 12:59:00+00\t101.000\t300.003\t200.002\t400.004\t0.5
4\t2024-03-24 13:00:00+00\t102.000\t300.003\t200.002\t400.004\t0.5
\\.


COPY public.dsmr_consumption_gasconsumption (id, read_at, delivered, currently_delivered) FROM stdin;
1\t2024-03-24 12:00:00+00\t50.500\t0.100
\\.

COPY public.dsmr_datalogger_dsmrreading (id, "timestamp", electricity_delivered_1, electricity_returned_1, \
electricity_delivered_2, electricity_returned_2, extra_device_timestamp, extra_device_delivered) FROM stdin;
{readings}\\.

COPY public.dsmr_datalogger_meterstatistics (id, "timestamp", dsmr_version) FROM stdin;
1\t2024-03-24 12:00:00+00\t{version}
\\.

COPY public.dsmr_stats_daystatistics (id, day, total_cost, electricity_reading_timestamp, electricity1_reading, \
electricity2_reading, electricity1_returned_reading, electricity2_returned_reading, gas_reading_timestamp, \
gas_reading) FROM stdin;
1\t2023-03-24\t1.00\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N\t\\N
2\t2024-03-24\t1.00\t2024-03-23 23:00:05+00\t90.000\t190.000\t290.000\t390.000\t2024-03-23 23:00:00+00\t40.000
\\.
"""


def test_a_backup(tmp_path: Path) -> None:
    found = read_past(tmp_path, backup())

    assert (found.kind, found.problems) == ("dsmr_reader_backup", [])
    assert [line for line in found.says if " import_tariff_1 " in line] == [
        "2024-03-24 12:00:00 import_tariff_1 100.001 kWh",
        "2024-03-24 12:59:00 import_tariff_1 101.000 kWh",
        "2024-03-24 13:00:00 import_tariff_1 102.000 kWh",
        "2024-03-23 23:00:00 import_tariff_1 90.000 kWh",
    ]
    assert [line for line in found.says if " export_tariff_2 " in line][-1].endswith("390.000 kWh")
    assert [line for line in found.says if " gas " in line] == [
        "2024-03-23 23:00:00 gas 40.000 m3",
        "2024-03-24 12:00:00 gas 50.500 m3",
    ]


def test_gas_of_a_version_4_meter_was_taken_an_hour_later_than_it_is_kept(tmp_path: Path) -> None:
    gas = [line for line in read_past(tmp_path, backup("42")).says if " gas " in line]

    assert gas == ["2024-03-23 23:00:00 gas 40.000 m3", "2024-03-24 13:00:00 gas 50.500 m3"]


def test_readings_in_a_backup_have_the_capture_time_of_the_gas_meter(tmp_path: Path) -> None:
    reading = "1\t2024-03-25 12:04:00+00\t110.000\t300.003\t200.002\t400.004\t2024-03-25 12:00:00+00\t51.000\n"
    without = "2\t2024-03-25 12:05:00+00\t111.000\t300.003\t200.002\t400.004\t\\N\t\\N\n"

    empty = "3\t2024-03-25 12:04:30+00\t\\N\t300.003\t200.002\t400.004\t2024-03-25 13:00:00+00\t\\N\n"

    says = read_past(tmp_path, backup(readings=reading + empty + without)).says

    assert "2024-03-25 12:00:00 gas 51.000 m3" in says
    assert "2024-03-25 12:05:00 import_tariff_1 111.000 kWh" in says


@pytest.mark.parametrize("zone", [UTC, AMSTERDAM], ids=["UTC", "local"])
def test_the_hour_that_comes_twice_in_a_backup(tmp_path: Path, zone: tzinfo) -> None:
    """From 22 h to 4 h UTC a Wh a minute; 02:00 to 03:00 of 26 October 2025 comes with +02 and then with +01."""
    begin = datetime(2025, 10, 25, 22, 0, 5, tzinfo=UTC)
    times = [(begin + timedelta(minutes=minute)).astimezone(zone) for minute in range(6 * 60)]
    rows = "".join(
        # A server whose offset is in whole hours writes no minutes of it.
        f"{minute}\t{at:%Y-%m-%d %H:%M:%S}{at.strftime('%z')[:3]}\t{minute / 1000:.3f}\n"
        for minute, at in enumerate(times)
    )
    columns = "COPY public.dsmr_consumption_electricityconsumption (id, read_at, delivered_1) FROM stdin;"
    path = tmp_path / "past"
    path.write_text(f"-- PostgreSQL database dump\n{columns}\n{rows}\\.\n")

    hours = collect(open_history(path, zone=AMSTERDAM).values()).series["import_tariff_1"].rows

    assert [(f"{one.start:%H}", str(one.state), str(one.grown)) for one in hours] == [
        ("22", "0.059", "0.059"),
        ("23", "0.119", "0.060"),
        ("00", "0.179", "0.060"),
        ("01", "0.239", "0.060"),
        ("02", "0.299", "0.060"),
        ("03", "0.359", "0.060"),
    ]


@pytest.mark.parametrize(
    ("reading", "kind"),
    [
        ("1\t2024-03-25 12:04:00+00\t110.000\n", "damaged"),
        ("1\t2024-03-25\t110.000\t300.003\t200.002\t400.004\t\\N\t\\N\n", "no_time"),
        ("1\t2024-03-25 12:04:00+00\tx\t300.003\t200.002\t400.004\t\\N\t\\N\n", "not_a_number"),
    ],
)
def test_rows_of_a_backup_that_are_no_use(tmp_path: Path, reading: str, kind: str) -> None:
    # The table begins on line 23.
    assert [one[:2] for one in read_past(tmp_path, backup(readings=reading)).problems] == [(24, kind)]


def test_rows_of_other_tables_say_nothing(tmp_path: Path) -> None:
    other = "COPY public.django_session (a, b) FROM stdin;\n1\n\\.\n"
    other += "COPY public.dsmr_datalogger_dsmrreading (id) FROM stdin;\n"
    other += "1\n\\.\nCOPY public.dsmr_datalogger_meterstatistics (id) FROM stdin;\n"

    found = read_past(tmp_path, f"{backup()}{other}1\n")

    assert found.says == read_past(tmp_path, backup()).says
    assert not found.problems


# --- P1 Monitor -------------------------------------------------------------------------------------------------------


READINGS = (
    "TIMESTAMP",
    "VERBR_KWH_181",
    "VERBR_KWH_182",
    "GELVR_KWH_281",
    "GELVR_KWH_282",
    "VERBR_KWH_X",
    "GELVR_KWH_X",
)


def row(table: str, names: Sequence[str], values: str) -> str:
    return " ".join(("replace into", table, f"({','.join(names)})", "values", f"({values});\n"))


def minute(time: str, low: str, gas: str = "50.5") -> str:
    names = (*READINGS, "TARIEFCODE", "ACT_VERBR_KW_170", "ACT_GELVR_KW_270", "VERBR_GAS_2421")
    values = f"'{time}','{low}','200.25','300.5','400.75','0.01','0.0','D','0.5','0.0','{gas}'"
    return row("e_history_min", names, values)


def hour(time: str, low: str) -> str:
    names = (*READINGS, "TARIEFCODE", "VERBR_GAS_2421", "VERBR_GAS_X")
    return row("e_history_uur", names, f"'{time}','{low}','200.25','300.5','400.75','0.5','0.0','D','0.0','0.0'")


def longer(table: str, time: str, low: str) -> str:
    names = (*READINGS, "VERBR_GAS_2421", "VERBR_GAS_X")
    return row(table, names, f"'{time}','{low}','200.25','300.5','400.75','0.5','0.0','0.0','0.0'")


def water(time: str, period: int, total: str) -> str:
    names = ("TIMESTAMP", "TIMEPERIOD_ID", "PULS_PER_TIMEUNIT", "VERBR_PER_TIMEUNIT", "VERBR_IN_M3_TOTAAL")
    return row("watermeter", names, f"'{time}',{period},1.0,1.0,{total}")


def archive(**files: str) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(f"p1mon/export/{name}", text)
    return made.getvalue()


def test_the_rows_of_an_archive(tmp_path: Path) -> None:
    history = minute("2026-11-21 12:34:00", "101.5") + hour("2026-11-21 11:00:00", "100.5")
    made = archive(
        manifest="{}",
        historie1=history,
        watermeter1=water("2026-11-21 11:00:00", 12, "7.5"),
        config1="update config set x",
    )

    assert read_past(tmp_path, made) == (
        "p1_monitor",
        [
            # The minute is over at 12:35, the hour at 12:00 local time.
            "2026-11-21 11:35:00 import_tariff_1 101.5 kWh",
            "2026-11-21 11:35:00 import_tariff_2 200.25 kWh",
            "2026-11-21 11:35:00 export_tariff_1 300.5 kWh",
            "2026-11-21 11:35:00 export_tariff_2 400.75 kWh",
            "2026-11-21 11:35:00 gas 50.5 m3",
            "2026-11-21 11:00:00 import_tariff_1 100.5 kWh",
            "2026-11-21 11:00:00 import_tariff_2 200.25 kWh",
            "2026-11-21 11:00:00 export_tariff_1 300.5 kWh",
            "2026-11-21 11:00:00 export_tariff_2 400.75 kWh",
            "2026-11-21 11:00:00 water 7.5 m3",
        ],
        [],
    )
    # The files by themselves, too.
    assert read_past(tmp_path, history).kind == "p1_monitor"


def test_periods_are_over_at_the_start_of_the_next(tmp_path: Path) -> None:
    rows = (
        longer("e_history_dag", "2026-03-28 00:00:00", "1.0")
        + longer("e_history_maand", "2025-12-01 00:00:00", "0.5")
        + longer("e_history_jaar", "2024-01-01 00:00:00", "0.25")
        + water("2026-02-01 00:00:00", 14, "3.5")
    )

    says = read_past(tmp_path, rows).says

    assert [line for line in says if "import_tariff_1" in line or "water" in line] == [
        "2026-03-28 23:00:00 import_tariff_1 1.0 kWh",
        "2025-12-31 23:00:00 import_tariff_1 0.5 kWh",
        "2024-12-31 23:00:00 import_tariff_1 0.25 kWh",
        "2026-02-28 23:00:00 water 3.5 m3",
    ]


def test_a_period_that_is_not_over_is_as_old_as_the_newest_minute(tmp_path: Path) -> None:
    rows = (
        minute("2026-11-21 12:34:00", "101.5")
        + hour("2026-11-21 12:00:00", "101.5")
        + longer("e_history_dag", "2026-11-21 00:00:00", "101.5")
        + longer("e_history_maand", "2026-11-01 00:00:00", "101.5")
    )

    assert {line[:19] for line in read_past(tmp_path, rows).says} == {"2026-11-21 11:35:00"}


def test_in_autumn_the_second_pass_through_an_hour_is_kept(tmp_path: Path) -> None:
    rows = "".join(hour(f"2026-10-25 0{number}:00:00", f"{number}.0") for number in (1, 2, 3))

    says = [line for line in read_past(tmp_path, rows).says if "import_tariff_1" in line]
    assert [line[11:16] for line in says] == ["00:00", "02:00", "03:00"]


def test_a_house_without_gas_has_no_gas(tmp_path: Path) -> None:
    says = read_past(tmp_path, minute("2026-11-21 12:34:00", "101.5", gas="0.0")).says
    assert not any("gas" in line for line in says)
    assert not any("gas" in line for line in read_past(tmp_path, minute("2026-11-21 12:34:00", "1.5", gas="None")).says)


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (minute("2026-11-21 12:34:00", "1.5")[:-20], "damaged"),
        (minute("2026-11-21 12:34:00", "1.5','2"), "damaged"),
        ("xx\n", "damaged"),
        (minute("2026-11-21 12:34:00+01:00", "1.5"), "no_time"),
        (minute("2026-13-21 12:34:00", "1.5"), "no_time"),
        (longer("e_history_jaar", "9999-01-01 00:00:00", "1.5"), "no_time"),
        (water("2026-11-21 12:34:00", 99, "1.5"), "no_time"),
        (minute("2026-11-21 12:34:00", "many").replace("200.25", "None"), "not_a_number"),
    ],
)
def test_rows_of_an_archive_that_are_no_use(tmp_path: Path, wrong: str, kind: str) -> None:
    first = water("2026-11-21 12:34:00", 11, "1.5")
    weather = "replace into weer (TIMESTAMP,CITY) values (12,'it''s');\n\n"

    assert [one[:2] for one in read_past(tmp_path, first + weather + wrong).problems] == [(4, kind)]
