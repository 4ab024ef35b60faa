"""What of the journal is kept, and what is copied; only our own files are ever removed."""

from datetime import datetime
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from p1meter.archive import FileError
from tests.disks import mounted, remount

from .journals import NOVEMBER, journal, line, names, write
from .telegrams import AMSTERDAM, NOON, entries

if TYPE_CHECKING:
    from p1meter.archive import JournalFormat


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
        remount(disk, "ro")

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
