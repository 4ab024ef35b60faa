"""Our own CSV files become readings again."""

from typing import TYPE_CHECKING

import pytest

from .pasts import read_past

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "time,import_total (kWh),power (W),1:gas (m3),1:last_measured,tariff\n"
ROW = "2026-11-21T12:00:00+01:00,12.345,100,4.567,2026-11-21T11:55:00+01:00,low\n"
SAYS = ["2026-11-21 11:00:00 import_total 12.345 kWh", "2026-11-21 10:55:00 1:gas 4.567 m3"]


def test_totals_with_their_times(tmp_path: Path) -> None:
    assert read_past(tmp_path, HEADER + ROW) == ("csv", SAYS, [])
    # As other programs save it.
    assert read_past(tmp_path, b"\xef\xbb\xbf" + (HEADER + ROW).replace("\n", "\r\n").encode()) == ("csv", SAYS, [])


def test_what_was_not_sent_is_not_there(tmp_path: Path) -> None:
    assert read_past(tmp_path, f"{HEADER}2026-11-21T12:00:00+01:00,,,4.567,,\n").says == [
        "2026-11-21 11:00:00 1:gas 4.567 m3"
    ]


def test_columns_without_a_unit_have_that_of_the_register(tmp_path: Path) -> None:
    rows = "time,import_total,mbus,power,2:gas (m3)\n2026-11-21T12:00:00+01:00,1,2,3,4\n"

    assert read_past(tmp_path, rows).says == [
        "2026-11-21 11:00:00 import_total 1 kWh",
        "2026-11-21 11:00:00 2:gas 4 m3",
    ]


def test_the_last_of_an_hour_and_what_is_read_at_the_full_hour(tmp_path: Path) -> None:
    rows = "".join(
        f"2026-11-21T{11 + minute // 60}:{minute % 60:02}:00+01:00,{minute},0,{minute // 5 * 5},"
        f"2026-11-21T{11 + minute // 60}:{minute % 60 // 5 * 5:02}:00+01:00,low\n"
        for minute in range(30, 90)
    )

    says = read_past(tmp_path, HEADER + rows).says

    assert [line[11:16] for line in says if "import" in line] == ["10:30", "10:59", "11:00", "11:29"]
    assert [line[11:16] for line in says if "gas" in line] == ["10:30", "10:55", "11:00", "11:25"]


def test_the_hour_that_comes_twice(tmp_path: Path) -> None:
    times = ["02:00:00+02:00", "02:30:00+02:00", "02:59:00+02:00", "02:00:00+01:00", "02:59:00+01:00", "03:00:00+01:00"]
    rows = "".join(f"2026-10-25T{time},{number}\n" for number, time in enumerate(times))

    assert [line[11:16] for line in read_past(tmp_path, f"time,import_total (kWh)\n{rows}").says] == [
        "00:00",
        "00:59",
        "01:00",
        "01:59",
        "02:00",
    ]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("2026-11-21T13:00:00+01:00,1,2\n", "damaged"),
        ('2026-11-21T13:00:00+01:00,1\r2,0,0,0,"\n', "damaged"),
        ("2026-11-21T13:00:00,1,0,1,,\n", "no_time"),
        ("0001-01-01T00:00:00+01:00,1,0,1,,\n", "no_time"),
        ("yesterday,1,0,1,,\n", "no_time"),
        ("2026-11-21T13:00:00+01:00,one,0,,,\n", "not_a_number"),
    ],
)
def test_rows_that_are_no_use(tmp_path: Path, row: str, kind: str) -> None:
    found = read_past(tmp_path, HEADER + ROW + row)

    assert found.says == SAYS
    assert [(line, kind) for line, kind, _ in found.problems] == [(3, kind)]


def test_nothing_but_a_header(tmp_path: Path) -> None:
    assert read_past(tmp_path, HEADER) == ("csv", [], [])
    assert read_past(tmp_path, HEADER + "\n") == ("csv", [], [])
