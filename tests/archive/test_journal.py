"""The monthly files: one writer, whole entries, nothing lost at a power loss, and what people do with them."""

from datetime import datetime, timedelta
import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from p1meter.archive import Entry, FileError, Journal, Selection, parse_selection, replacing
from p1meter.archive.journal import _MOST_PARTS
from tests.compose import compose

from .journals import NOVEMBER, journal, line, names, write
from .killing import KilledWriter
from .telegrams import AMSTERDAM, DOCUMENTED, NOON, entries, entry, numbered, read

if TYPE_CHECKING:
    from pathlib import Path

    from p1meter.archive import JournalFormat


# --- what is written --------------------------------------------------------------------------------------------------


def test_the_documented_line_is_in_the_file_of_its_month(tmp_path: Path) -> None:
    selection = Selection(parse_selection("1-0:1.8.1\n1-0:1.8.2\n0-0:96.14.0\n1-0:1.7.0\n0-1:24.2.1").codes)
    one = Journal(tmp_path / "p1meter/house", "sml3", selection)

    assert one.append([entry(read(compose(DOCUMENTED)), datetime(2015, 9, 17, 11, 23, 15, tzinfo=AMSTERDAM))]) == 1

    assert (tmp_path / "p1meter/house/SML3Sep2015").read_bytes() == (
        b"00100;(150917112314S);10181;(002078.645*kWh);10182;(002759.295*kWh);0096140;(0002);10170;(02.073*kW);"
        b"012421;(150917110000S)(01134.437*m3)\n"
    )
    one.close()


@pytest.mark.parametrize(
    ("journal_format", "name", "text"),
    [
        (
            "sml3_full",
            "SML3Nov2026",
            b"0-0:1.0.0;(261121120001W);1-3:0.2.8;(50);1-0:1.8.1;(000000.001*kWh);1-0:1.7.0;(00.500*kW)\n",
        ),
        ("sml3_values", "SML3Nov2026", b"(261121120001W);(50);(000000.001*kWh);(00.500*kW)\n"),
        ("raw", "RAWNov2026", numbered(1) + b"\r\n"),
    ],
)
def test_every_format_has_its_file(tmp_path: Path, journal_format: JournalFormat, name: str, text: bytes) -> None:
    one = journal(tmp_path, journal_format)

    write(one, entries(1, 1))
    one.close()

    assert names(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == text


def test_whole_telegrams_are_kept_whatever_is_selected(tmp_path: Path) -> None:
    one = Journal(tmp_path, "raw", Selection(()))

    write(one, entries(1, 2))

    assert (tmp_path / "RAWNov2026").read_bytes() == numbered(1) + b"\r\n" + numbered(2) + b"\r\n"
    one.close()


def test_a_telegram_in_another_format_goes_beside_the_lines(tmp_path: Path) -> None:
    one = journal(tmp_path)
    write(one, entries(1, 1))

    beside = one.beside("raw")
    write(beside, entries(2, 1))
    other = one.beside("sml3")
    one.close()
    write(other, entries(3, 1))
    beside.close()
    other.close()

    assert (tmp_path / NOVEMBER).read_text() == "".join(map(line, [*entries(1, 1), *entries(3, 1)]))
    assert (tmp_path / "RAWNov2026").read_bytes() == numbered(2) + b"\r\n"


def test_the_month_turns_at_local_midnight(tmp_path: Path) -> None:
    one = journal(tmp_path)
    midnight = datetime(2026, 12, 1, tzinfo=AMSTERDAM)
    before, after = (
        [entry(read(numbered(number)), midnight + timedelta(seconds=number)) for number in numbers]
        for numbers in ((-2, -1), (0, 1))
    )

    # What goes to one file is written at once.
    assert one.append([*before, *after]) == 2
    assert one.append(after) == 2

    assert (tmp_path / "SML3Nov2026").read_text() == "".join(map(line, before))
    assert (tmp_path / "SML3Dec2026").read_text() == "".join(map(line, after))
    one.close()


def test_a_clock_that_goes_back_over_the_end_of_a_month_loses_nothing(tmp_path: Path) -> None:
    one = journal(tmp_path)
    midnight = datetime(2026, 12, 1, tzinfo=AMSTERDAM)
    first, second, third = (
        entry(read(numbered(number)), midnight + timedelta(seconds=at)) for number, at in [(1, 0), (2, -1), (3, 0)]
    )

    write(one, [first, second, third])

    assert (tmp_path / "SML3Nov2026").read_text() == line(second)
    assert (tmp_path / "SML3Dec2026").read_text() == line(first) + line(third)
    one.close()


def test_the_size_is_what_the_files_take(tmp_path: Path) -> None:
    one = journal(tmp_path)
    write(one, entries(0, 3))
    write(one, entries(3, 1, NOON + timedelta(days=30)))

    expected = sum((tmp_path / name).stat().st_size for name in ("SML3Nov2026", "SML3Dec2026"))
    assert one.size == expected
    one.close()

    again = journal(tmp_path)
    again.open()
    assert again.size == expected


# --- CSV --------------------------------------------------------------------------------------------------------------


def test_rows_stand_under_a_header(tmp_path: Path) -> None:
    one = Journal(tmp_path, "csv", Selection(parse_selection("1-0:1.8.1\n1-0:1.7.0").codes))
    write(one, entries(1, 2))
    one.close()
    again = Journal(tmp_path, "csv", Selection(parse_selection("1-0:1.8.1\n1-0:1.7.0").codes))
    write(again, entries(3, 1))
    again.close()

    assert (tmp_path / "CSVNov2026.csv").read_text() == (
        "time,import_tariff_1 (kWh),power_import (kW)\n"
        "2026-11-21T12:00:01+01:00,0.001,0.500\n"
        "2026-11-21T12:00:02+01:00,0.002,0.500\n"
        "2026-11-21T12:00:03+01:00,0.003,0.500\n"
    )


def csv_entry(**cells: str) -> Entry:
    """A telegram of which these registers are believed."""
    codes = {"import": "1-0:1.8.1", "export": "1-0:2.8.1", "power": "1-0:1.7.0"}
    telegram = read(
        compose({"0-0:1.0.0": "(261121120001W)", **{codes[key]: f"({value})" for key, value in cells.items()}})
    )
    wanted = {"import_tariff_1": "import", "export_tariff_1": "export", "power_import": "power"}
    return Entry(telegram, {wanted[key]: one for key, one in telegram.readings.items() if key in wanted}, NOON)


def test_other_columns_begin_another_file(tmp_path: Path) -> None:
    one = journal(tmp_path, "csv")

    write(one, [csv_entry(power="1*kW"), csv_entry(power="2*kW"), csv_entry(power="3*kW", export="4*kWh")])
    one.close()
    # The newest file of the month holds the columns of those before; what is not sent stays empty.
    write(one, [csv_entry(power="5*kW"), csv_entry(power="6*W")])
    one.close()

    assert names(tmp_path) == ["CSVNov2026-2.csv", "CSVNov2026-3.csv", "CSVNov2026.csv"]
    at = "2026-11-21T12:00:01+01:00"
    assert (tmp_path / "CSVNov2026.csv").read_text() == f"time,power (kW)\n{at},1\n{at},2\n"
    assert (tmp_path / "CSVNov2026-2.csv").read_text() == f"time,power (kW),export (kWh)\n{at},3,4\n{at},5,\n"
    # Another unit is another column: no number ever stands under a wrong one.
    assert (tmp_path / "CSVNov2026-3.csv").read_text() == f"time,power (kW),export (kWh),power (W)\n{at},,,6\n"


def test_a_unit_that_is_damaged_begins_no_file_each_time(tmp_path: Path) -> None:
    # A meter on the M-Bus may call its unit as it likes: a line end would cut the header in two.
    lines = {"0-0:1.0.0": "(261121120001W)", "0-1:24.1.0": "(099)", "0-1:24.2.1": "(261121115500W)(1.5*a\rb)"}
    one = journal(tmp_path, "csv")
    for _ in range(2):
        write(one, [entry(read(compose(lines)))])
        one.close()

    assert names(tmp_path) == ["CSVNov2026.csv"]
    header, *rows = (tmp_path / "CSVNov2026.csv").read_text().splitlines()
    assert header == "time,telegram_time,1:mbus (ab),1:last_measured,1:device_type"
    assert len(rows) == 2


def test_so_many_files_a_month_are_enough(tmp_path: Path) -> None:
    one = journal(tmp_path, "csv")
    last = f"CSVNov2026-{_MOST_PARTS}.csv"
    (tmp_path / last).write_text("time,power (kW)\n")

    write(one, [csv_entry(power="1*kW", export="2*kWh"), csv_entry(export="3*kWh")])
    one.close()

    assert names(tmp_path) == [last]
    at = "2026-11-21T12:00:01+01:00"
    assert (tmp_path / last).read_text() == f"time,power (kW)\n{at},1\n{at},\n"


def test_a_table_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "CSVNov2026.csv").write_text("Zeit;Leistung\n1;2")
    one = journal(tmp_path, "csv")

    write(one, [csv_entry(power="1*kW")])
    one.close()

    assert (tmp_path / "CSVNov2026.csv").read_text() == "Zeit;Leistung\n1;2\n"
    assert (tmp_path / "CSVNov2026-2.csv").read_text() == "time,power (kW)\n2026-11-21T12:00:01+01:00,1\n"


# --- power loss -------------------------------------------------------------------------------------------------------


def test_a_writer_that_is_killed_leaves_no_half_entry_and_loses_none_that_was_written(tmp_path: Path) -> None:
    formats: tuple[JournalFormat, ...] = ("sml3", "raw", "csv")
    writers = [KilledWriter(tmp_path / journal_format, journal_format) for journal_format in formats]

    for number in range(20):
        writers[number % len(writers)].die_while_writing()


@pytest.mark.parametrize("journal_format", ["sml3", "raw", "csv"])
def test_after_a_power_loss_it_goes_on_as_if_nothing_had_been(tmp_path: Path, journal_format: JournalFormat) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    one = journal(whole, journal_format)
    write(one, entries(0, 3))
    one.close()
    (name,) = names(whole)
    one = journal(cut, journal_format)
    write(one, entries(0, 3))
    one.close()
    with (cut / name).open("r+b") as file:
        file.truncate((cut / name).stat().st_size - 7)

    again = journal(cut, journal_format)
    again.open()
    write(again, entries(2, 1))
    again.close()

    assert (cut / name).read_bytes() == (whole / name).read_bytes()


def test_half_of_the_first_line_leaves_an_empty_file(tmp_path: Path) -> None:
    one = journal(tmp_path, "csv")
    write(one, entries(0, 1))
    one.close()
    os.truncate(tmp_path / "CSVNov2026.csv", 5)

    write(one, [csv_entry(power="1*kW")])
    one.close()

    assert (tmp_path / "CSVNov2026.csv").read_text() == "time,power (kW)\n2026-11-21T12:00:01+01:00,1\n"


def test_files_of_past_months_are_mended_too_and_parts_are_cleared_away(tmp_path: Path) -> None:
    one = journal(tmp_path)
    october = entries(0, 2, datetime(2026, 10, 31, tzinfo=AMSTERDAM))
    write(one, [*october, *entries(2, 1)])
    one.close()
    with (tmp_path / "SML3Oct2026").open("ab") as file:
        file.write(b"00100;(2611")
    (tmp_path / ".SML3Oct2026.part").write_bytes(b"half")

    one.open()

    assert (tmp_path / "SML3Oct2026").read_text() == "".join(map(line, october))
    assert not (tmp_path / ".SML3Oct2026.part").exists()


def test_what_somebody_else_is_writing_beside_the_journal_is_left_alone(tmp_path: Path) -> None:
    # The file with the newest telegram is in the same folder unless the person wants it elsewhere.
    for name in (".telegram.txt.part", ".notes.part", ".SML3Oct2026.bak.part"):
        (tmp_path / name).write_bytes(b"half")
    (tmp_path / "..begun.part").write_bytes(b"half")

    journal(tmp_path).open()

    assert {path.name for path in tmp_path.iterdir()} == {".telegram.txt.part", ".notes.part", ".SML3Oct2026.bak.part"}


def test_a_note_that_was_spoilt_does_not_stop_it(tmp_path: Path) -> None:
    one = journal(tmp_path)
    write(one, entries(0, 1))
    one.close()
    with (tmp_path / ".begun").open("ab") as file:
        file.write("\u00e9\n".encode("latin-1"))

    one.open()
    write(one, entries(1, 1))
    one.close()

    assert (tmp_path / NOVEMBER).read_text() == "".join(map(line, entries(0, 2)))


def test_a_table_whose_first_line_is_endless_is_continued_without_columns(tmp_path: Path) -> None:
    # Longer than Python's csv takes.
    (tmp_path / "CSVNov2026.csv").write_text("time," + "x" * 200_000 + "\n")
    one = journal(tmp_path, "csv")

    write(one, entries(0, 1))
    one.close()

    assert names(tmp_path) == ["CSVNov2026-2.csv", "CSVNov2026.csv"]


# --- what people do ---------------------------------------------------------------------------------------------------


def test_a_file_that_somebody_edits_meanwhile_goes_on_at_its_new_end(tmp_path: Path) -> None:
    one = journal(tmp_path)
    first, second, third = entries(0, 3)
    write(one, [first, second])
    # As an editor does it: another file takes its place, without a line, and without the last line end.
    with replacing(tmp_path / NOVEMBER) as file:
        file.write(line(second).encode() + line(first).encode()[:-1])

    write(one, [third])
    one.close()

    assert (tmp_path / NOVEMBER).read_text() == line(second) + line(first) + line(third)


def test_a_folder_that_vanishes_is_made_again(tmp_path: Path) -> None:
    one = journal(tmp_path / "house")
    first, second = entries(0, 2)
    write(one, [first])
    (tmp_path / "house").rename(tmp_path / "away")

    write(one, [second])
    one.close()

    assert (tmp_path / "house" / NOVEMBER).read_text() == line(second)
    assert one.size == len(line(second))


def test_a_file_of_the_old_program_is_continued(tmp_path: Path) -> None:
    old = "0-0:1.0.0;(261101000000W);1-0:1.8.1;(0*kWh)"  # its last line end is lost: nothing is taken from it
    (tmp_path / NOVEMBER).write_text(old)
    (tmp_path / "SML3Oct2026").write_text(old)
    one = journal(tmp_path)
    one.open()

    (new,) = entries(1, 1)
    write(one, [new])
    one.close()

    assert (tmp_path / NOVEMBER).read_text() == f"{old}\n{line(new)}"
    assert (tmp_path / "SML3Oct2026").read_text() == old


def test_only_one_writes(tmp_path: Path) -> None:
    one, other = journal(tmp_path), journal(tmp_path)
    write(one, entries(0, 1))

    with pytest.raises(FileError) as caught:
        other.append(entries(1, 1))
    assert caught.value.kind == "in_use"
    assert caught.value.path == str(tmp_path / NOVEMBER)

    one.close()
    write(other, entries(1, 1))
    other.close()
    assert (tmp_path / NOVEMBER).read_text() == "".join(map(line, entries(0, 2)))


def test_a_disk_without_locks_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    one = journal(tmp_path)
    write(one, entries(0, 1))
    one.close()

    assert (tmp_path / NOVEMBER).read_text() == line(entries(0, 1)[0])
