"""The monthly files: one writer, whole entries, and only our own files are ever removed."""

from contextlib import contextmanager
from datetime import datetime, timedelta
import fcntl
import os
from pathlib import Path
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from p1meter.archive import Entry, FileError, Journal, Selection, parse_selection, replacing
from p1meter.archive.formats import sml3_line
from p1meter.archive.journal import _MOST_PARTS
from tests import needs
from tests.compose import compose

from .killing import KilledWriter
from .telegrams import AMSTERDAM, DOCUMENTED, NOON, entries, entry, numbered, read

if TYPE_CHECKING:
    from collections.abc import Generator

    from p1meter.archive import JournalFormat

ALL = Selection(None)
NOVEMBER = "SML3Nov2026"


def journal(folder: Path, journal_format: JournalFormat = "sml3", **settings: Any) -> Journal:
    return Journal(folder, journal_format, ALL, **settings)


def write(one: Journal, written: list[Entry]) -> None:
    while written:
        written = written[one.append(written) :]


def line(one: Entry) -> str:
    return sml3_line(one.telegram, one.at, ALL.allows, codes="stripped") + "\n"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@contextmanager
def mounted(folder: Path, *options: str) -> Generator[Path]:
    """A disk of its own, as small as wanted."""
    if os.geteuid() != 0:
        pytest.skip(f"{needs.PREFIX}root, to mount a small disk")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


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


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("journal_format", ["sml3", "raw", "csv"])
def test_a_full_disk_takes_nothing_that_was_written_and_goes_on_when_there_is_room(
    tmp_path: Path, journal_format: JournalFormat
) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        one = journal(disk / "house", journal_format)
        one.open()
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * 20_000)
        written = 0
        error: FileError | None = None
        while error is None:
            try:
                written += one.append(entries(written, 7))
            except FileError as err:
                error = err
        assert error.kind == "disk_full"
        assert written > 50
        (name,) = names(disk / "house")
        text = (disk / "house" / name).read_bytes()
        assert text.endswith(b"\n")
        # Still full: the same again, and nothing changes.
        with pytest.raises(FileError):
            one.append(entries(written, 7))
        assert (disk / "house" / name).read_bytes() == text

        ballast.unlink()
        write(one, entries(written, 7))
        one.close()

        whole = journal(tmp_path / "whole", journal_format)
        write(whole, entries(0, written + 7))
        whole.close()
        assert (disk / "house" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_disk_that_is_full_from_the_start_is_said(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=8k") as disk:
        with pytest.raises(OSError):
            (disk / "ballast").write_bytes(b"x" * 20_000)
        one = journal(disk / "house")

        with pytest.raises(FileError) as caught:
            write(one, entries(0, 1))
        assert caught.value.kind == "disk_full"

        (disk / "ballast").unlink()
        write(one, entries(0, 1))
        one.close()
        assert names(disk / "house") == [NOVEMBER]


def test_a_disk_that_is_read_only_is_said(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        one = journal(disk / "house")

        for attempt in (one.open, lambda: one.append(entries(0, 1))):
            with pytest.raises(FileError) as caught:
                attempt()
            assert caught.value.kind == "denied"
            assert str(caught.value) == f"{disk}/house: Read-only file system"


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "house").write_text("")

    with pytest.raises(FileError) as caught:
        journal(tmp_path / "house").open()

    assert caught.value.kind == "failed"
    assert caught.value.detail == "File exists"


def test_a_file_that_cannot_even_be_cut_is_mended_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = journal(tmp_path)
    first, second = entries(0, 2)
    write(one, [first])
    real_write = os.write

    def half(descriptor: int, data: memoryview) -> int:
        real_write(descriptor, data[:10])
        raise OSError(5, "Input/output error")

    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", half)
        broken.setattr(os, "ftruncate", fails)
        with pytest.raises(FileError) as caught:
            one.append([second])
    assert caught.value.kind == "failed"

    write(one, [second])
    one.close()
    assert (tmp_path / NOVEMBER).read_text() == line(first) + line(second)


# --- keeping ----------------------------------------------------------------------------------------------------------


def written_months(folder: Path, *, until: tuple[int, int] = (2026, 11), count: int = 5) -> None:
    """A journal of so many months."""
    one = journal(folder)
    year, month = until
    for months in range(year * 12 + month - count, year * 12 + month):
        write(one, entries(0, 2, datetime(months // 12, months % 12 + 1, 5, tzinfo=AMSTERDAM)))
    one.close()


def test_so_many_whole_months_are_kept_beside_the_running_one(tmp_path: Path) -> None:
    written_months(tmp_path, until=(2027, 1))
    one = journal(tmp_path, keep_months=2)
    one.open()

    for _ in range(2):
        one.prune(datetime(2027, 1, 5, tzinfo=AMSTERDAM))

    assert names(tmp_path) == ["SML3Dec2026", "SML3Jan2027", "SML3Nov2026"]
    assert one.size == sum((tmp_path / name).stat().st_size for name in names(tmp_path))

    one.prune(datetime(2027, 2, 1, tzinfo=AMSTERDAM))
    assert names(tmp_path) == ["SML3Dec2026", "SML3Jan2027"]


def test_a_clock_that_may_be_wrong_removes_nothing(tmp_path: Path) -> None:
    written_months(tmp_path)
    one = journal(tmp_path, keep_months=0)
    one.open()

    one.prune(None)
    # Set back to the year in which many a computer without a battery starts.
    one.prune(datetime(1970, 1, 1, tzinfo=AMSTERDAM))

    assert len(names(tmp_path)) == 5


def test_only_files_that_the_journal_has_begun_are_ever_removed(tmp_path: Path) -> None:
    others = ["SML3Oct2019", "RAWSep2015", "SML3Jul2026.bak", "notes.txt", "SMLSep2015"]
    for name in others:
        (tmp_path / name).write_text("(1)\n" * 1000)
    (tmp_path / "SML3Jan2020").mkdir()
    written_months(tmp_path)

    one = journal(tmp_path, keep_months=1, max_mb=0)
    one.open()
    one.prune(NOON)

    assert set(names(tmp_path)) >= {*others, "SML3Jan2020"}
    assert not (tmp_path / "SML3Jul2026").exists()


def test_without_a_limit_everything_is_kept(tmp_path: Path) -> None:
    written_months(tmp_path)
    one = journal(tmp_path)
    one.open()

    one.prune(datetime(2050, 1, 1, tzinfo=AMSTERDAM))

    assert len(names(tmp_path)) == 5


def test_when_the_files_are_too_large_the_oldest_goes(tmp_path: Path) -> None:
    written_months(tmp_path, count=3)
    for name in names(tmp_path):
        with (tmp_path / name).open("ab") as file:
            file.write(b"(1)\n" * 100_000)  # 400 kB
    one = journal(tmp_path, max_mb=1)
    one.open()

    one.prune(NOON)

    assert names(tmp_path) == ["SML3Nov2026", "SML3Oct2026"]
    assert 800_000 < one.size < 1_000_000
    one.prune(NOON)
    assert len(names(tmp_path)) == 2


@pytest.mark.parametrize("journal_format", ["sml3", "raw", "csv"])
def test_when_one_file_is_too_large_its_older_half_goes(tmp_path: Path, journal_format: JournalFormat) -> None:
    one = journal(tmp_path, journal_format, max_mb=1)
    written = entries(0, 500)
    size = 0
    rounds = 0
    # 500 entries are some 20 to 60 kB.
    while size <= 1_000_000:
        write(one, written)
        size = one.size
        rounds += 1

    one.prune(NOON)
    assert 490_000 < one.size <= 500_100
    write(one, entries(500, 1))
    one.close()

    (name,) = names(tmp_path)
    text = (tmp_path / name).read_bytes()
    assert len(text) == one.size
    whole = journal(tmp_path / "whole", journal_format)
    for _ in range(rounds):
        write(whole, written)
    write(whole, entries(500, 1))
    whole.close()
    everything = (tmp_path / "whole" / name).read_bytes()
    if journal_format == "csv":
        header, _, text = text.partition(b"\n")
        assert everything.startswith(header + b"\n")
    # What is left is the newest, and begins with a whole entry.
    assert everything.endswith(text)
    before = everything[: -len(text)]
    assert before.endswith(b"\r\n\r\n" if journal_format == "raw" else b"\n")


def test_what_is_being_written_is_not_taken_for_the_oldest(tmp_path: Path) -> None:
    one = journal(tmp_path, "csv", max_mb=1)
    telegrams = entries(0, 500)
    beside = one.beside("raw")
    write(beside, telegrams)
    beside.close()
    while one.size <= 1_000_000:
        write(one, telegrams)

    one.prune(NOON)

    # The table loses its older half at most, though its name comes first: entry 499 is of 12:08:19.
    first, *_, last = (tmp_path / "CSVNov2026.csv").read_text().splitlines()
    assert first.startswith("time,")
    assert last.startswith("2026-11-21T12:08:19+01:00,")
    one.close()


def test_a_file_in_which_no_entry_begins_is_left_as_it_is(tmp_path: Path) -> None:
    one = journal(tmp_path, max_mb=1)
    write(one, entries(0, 1))
    one.close()
    with (tmp_path / NOVEMBER).open("ab") as file:
        file.write(b"x" * 1_500_000 + b"\n")
    one.open()

    one.prune(NOON)

    assert one.size > 1_500_000


def test_removing_the_file_that_is_open_lets_it_go(tmp_path: Path) -> None:
    one = journal(tmp_path, keep_months=0)
    write(one, entries(0, 1, datetime(2026, 10, 5, tzinfo=AMSTERDAM)))

    one.prune(NOON)
    assert names(tmp_path) == []
    assert one.size == 0

    write(one, entries(0, 1))
    one.close()
    assert names(tmp_path) == [NOVEMBER]


def test_what_cannot_be_removed_is_said(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        written_months(disk)
        one = journal(disk, keep_months=0)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)

        with pytest.raises(FileError) as caught:
            one.prune(NOON)

        assert caught.value.kind == "denied"


# --- copying ----------------------------------------------------------------------------------------------------------


def test_only_what_changed_since_the_last_copy_is_copied(tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    one = journal(tmp_path / "house")
    write(one, [*entries(0, 2, datetime(2026, 10, 5, tzinfo=AMSTERDAM)), *entries(2, 2)])
    (tmp_path / "house/SML3Oct2019").write_text("(191001000000S)\n")
    (tmp_path / "house/notes.txt").write_text("mine")

    assert one.copy_changed(share) == ["SML3Oct2019", "SML3Oct2026", "SML3Nov2026"]
    assert one.copy_changed(share) == []
    write(one, entries(4, 1))
    assert one.copy_changed(share) == ["SML3Nov2026"]
    (share / "SML3Oct2026").unlink()
    assert one.copy_changed(share) == ["SML3Oct2026"]

    assert names(share) == ["SML3Nov2026", "SML3Oct2019", "SML3Oct2026"]
    for name in names(share):
        assert (share / name).read_bytes() == (tmp_path / "house" / name).read_bytes()
    assert [path for path in share.iterdir() if path.name.startswith(".")] == []
    one.close()


def test_a_line_that_was_changed_is_copied_though_the_size_is_the_same(tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    one = journal(tmp_path / "house")
    write(one, entries(0, 2))
    one.copy_changed(share)
    path = tmp_path / "house" / NOVEMBER
    later = path.stat().st_mtime + 3
    path.write_bytes(path.read_bytes().replace(b"500", b"600"))
    os.utime(path, (later, later))

    assert one.copy_changed(share) == [NOVEMBER]
    one.close()


def test_a_share_that_knows_no_times_is_copied_to_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = tmp_path / "share"
    share.mkdir()
    one = journal(tmp_path / "house")
    write(one, entries(0, 1))
    one.close()
    past = (0, 0)
    os.utime(tmp_path / "house" / NOVEMBER, past)

    def not_permitted(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", not_permitted)
    assert one.copy_changed(share) == [NOVEMBER]
    assert one.copy_changed(share) == [NOVEMBER]


def test_a_copy_goes_on_beside_the_writing_and_ends_with_a_whole_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = tmp_path / "share"
    share.mkdir()
    one = journal(tmp_path / "house")
    first, second = entries(0, 2)
    write(one, [first])
    real_open = Path.open

    def open_after_a_line(path: Path, mode: str = "r", **settings: Any) -> Any:
        if mode == "xb":
            write(one, [second])
        return real_open(path, mode, **settings)

    monkeypatch.setattr(Path, "open", open_after_a_line)
    assert one.copy_changed(share) == [NOVEMBER]

    assert (share / NOVEMBER).read_text() == line(first)
    monkeypatch.undo()
    assert one.copy_changed(share) == [NOVEMBER]
    assert (share / NOVEMBER).read_text() == line(first) + line(second)
    one.close()


def test_a_file_that_becomes_too_old_while_others_are_copied_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = tmp_path / "share"
    share.mkdir()
    written_months(tmp_path / "house", count=2)
    one = journal(tmp_path / "house", keep_months=0)
    real_open = Path.open

    def open_after_the_month(path: Path, mode: str = "r", **settings: Any) -> Any:
        if mode == "xb":
            one.prune(datetime(2026, 12, 1, tzinfo=AMSTERDAM))
        return real_open(path, mode, **settings)

    monkeypatch.setattr(Path, "open", open_after_the_month)

    # The first is open already when it is removed.
    assert one.copy_changed(share) == ["SML3Oct2026"]
    assert names(share) == ["SML3Oct2026"]


def test_a_journal_that_has_not_begun_has_nothing_to_copy(tmp_path: Path) -> None:
    assert journal(tmp_path / "house").copy_changed(tmp_path) == []


def test_a_share_that_is_away_is_said(tmp_path: Path) -> None:
    one = journal(tmp_path / "house")

    with pytest.raises(FileError) as caught:
        one.copy_changed(tmp_path / "share")

    assert caught.value.kind == "missing"
    assert caught.value.path == str(tmp_path / "share")


def test_a_share_that_is_full_keeps_the_copy_it_has(tmp_path: Path) -> None:
    one = journal(tmp_path / "house")
    write(one, entries(0, 10))
    with mounted(tmp_path / "share", "size=16k") as share:
        one.copy_changed(share)
        before = (share / NOVEMBER).read_bytes()
        write(one, entries(10, 300))

        with pytest.raises(FileError) as caught:
            one.copy_changed(share)

        assert caught.value.kind == "disk_full"
        assert {path.name for path in share.iterdir()} == {NOVEMBER}
        assert (share / NOVEMBER).read_bytes() == before
    one.close()


# --- files that appear whole ------------------------------------------------------------------------------------------


def test_a_file_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "latest"
    path.write_bytes(b"old")

    def breaks_off() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        breaks_off()

    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["latest"]


@pytest.mark.parametrize(
    ("path", "kind"), [("away/latest", "missing"), ("a file/latest", "failed"), ("folder", "failed")]
)
def test_who_cannot_have_a_file_reads_its_name(tmp_path: Path, path: str, kind: str) -> None:
    """And not that of the part of it that is written first."""
    (tmp_path / "a file").write_text("")
    (tmp_path / "folder" / "something").mkdir(parents=True)

    with pytest.raises(OSError) as caught, replacing(tmp_path / path) as file:
        file.write(b"new")

    err = FileError(caught.value, tmp_path)
    assert (err.kind, err.path) == (kind, str(tmp_path / path))
    assert names(tmp_path) == ["a file", "folder"]


def test_nothing_is_written_through_a_link_of_somebody_else(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / ".latest.part").symlink_to(tmp_path / "precious")

    with replacing(tmp_path / "latest") as file:
        file.write(b"new")

    assert (tmp_path / "latest").read_bytes() == b"new"
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_a_disk_that_cannot_sync_names_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = os.open

    def no_folders(path: Any, flags: int, *mode: Any) -> int:
        if flags & os.O_DIRECTORY:
            raise OSError(22, "Invalid argument")
        return real_open(path, flags, *mode)

    monkeypatch.setattr(os, "open", no_folders)
    with replacing(tmp_path / "latest") as file:
        file.write(b"new")

    assert (tmp_path / "latest").read_bytes() == b"new"
