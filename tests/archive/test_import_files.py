"""A file is recognised by what it begins with; whatever is in it, nothing but the documented errors gets out."""

from datetime import datetime, timedelta
import gzip
from random import Random
from typing import TYPE_CHECKING

import pytest

from p1meter.archive import FileError, HistoryError, collect, open_history
from p1meter.archive.past import Problems
from tests.compose import nl5
from tests.simulation.past import past

from .pasts import read_past
from .telegrams import AMSTERDAM
from .test_formats import WITH_CODES, WITHOUT_CODES
from .test_import_foreign import DAY, DAYS, HOURS, archive, backup, hour, minute, water
from .test_import_lines import COLUMNS
from .test_import_tables import HEADER, ROW

if TYPE_CHECKING:
    from pathlib import Path

    from p1meter.archive.past import HistoryKind

MADE = list(
    past(datetime(2026, 10, 25, 1, 0, tzinfo=AMSTERDAM), datetime(2026, 10, 25, 4, 0, tzinfo=AMSTERDAM), interval=300)
)
FILES: dict[str, tuple[HistoryKind, bytes]] = {
    "lines": ("sml3", b"".join(line for line, _ in MADE)),
    "one line": ("sml3", WITH_CODES.encode()),
    "values": ("sml3", f"{WITHOUT_CODES}\n{WITHOUT_CODES.replace('112314', '122314')}\n".encode()),
    "telegrams": ("raw", b"".join(raw for _, raw in MADE)),
    "table": ("csv", (HEADER + ROW + ROW.replace("T12:", "T14:").replace("12.345", "12.9")).encode()),
    "days": ("dsmr_reader_export", (DAYS + DAY.format("2024-01-02", "2024-01-02", "100.5", "2024-01-02")).encode()),
    "hours": ("dsmr_reader_export", f"{HOURS}2024-01-01T00:00:00+01:00,0.196,0,0,0,0.032\r\n".encode()),
    "backup": ("dsmr_reader_backup", backup().encode()),
    "archive": (
        "p1_monitor",
        archive(
            historie=minute("2026-11-21 12:34:00", "101.5") + hour("2026-11-21 11:00:00", "100.5"),
            watermeter=water("2026-11-21 12:34:00", 11, "1.5"),
        ),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_is(tmp_path: Path, name: str) -> None:
    kind, data = FILES[name]

    found = read_past(tmp_path, data, columns=COLUMNS)

    assert found.kind == kind
    assert found.says
    assert not found.problems
    # Compressed, it is the same.
    assert kind == "p1_monitor" or read_past(tmp_path, gzip.compress(data), columns=COLUMNS) == found


def test_half_an_entry_at_the_beginning_is_reported(tmp_path: Path) -> None:
    # The older half of a file may have been taken away.
    assert read_past(tmp_path, f"(00.5*kW);012\n{WITH_CODES}").problems == [(1, "damaged", "(00.5*kW);012")]
    assert [one[:2] for one in read_past(tmp_path, nl5()[300:] + nl5()).problems] == [(1, "refused")]


@pytest.mark.parametrize(
    "data",
    [
        b"SQLite format 3\0" + bytes(1000),
        b"Zeit;Leistung\n1;2\n",
        b"time;power\n",
        b"Date,Gas\n",
        archive(config="update config set x"),
        gzip.compress(b"hello"),
        b"\n" * 100,
        bytes(100),
    ],
    # A zip tells when it was made: the processes that share the tests would not call it by the same name.
    ids=["database", "German table", "table", "gas table", "archive", "gzip", "blank lines", "zeros"],
)
def test_what_is_none_of_them(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(HistoryError, match="unknown_format") as raised:
        read_past(tmp_path, data)
    assert raised.value.kind == "unknown_format"


def test_what_is_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(HistoryError) as empty:
        read_past(tmp_path, b"")
    assert empty.value.kind == "empty"
    with pytest.raises(FileError) as missing:
        open_history(tmp_path / "none", zone=AMSTERDAM)
    assert missing.value.kind == "missing"
    with pytest.raises(FileError):
        open_history(tmp_path, zone=AMSTERDAM)


def test_a_file_that_is_gone_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "past").write_text(WITH_CODES)
    file = open_history(tmp_path / "past", zone=AMSTERDAM)
    (tmp_path / "past").unlink()

    with pytest.raises(FileError):
        list(file.values())


@pytest.mark.parametrize("made", [gzip.compress(FILES["telegrams"][1]), FILES["archive"][1]], ids=["gzip", "zip"])
def test_a_compressed_file_that_is_not_whole(tmp_path: Path, made: bytes) -> None:
    with pytest.raises(HistoryError, match="not_whole"):
        read_past(tmp_path, made[: len(made) - 40])
    damaged = bytearray(made)
    damaged[len(made) // 4] ^= 0xFF
    with pytest.raises(HistoryError):
        read_past(tmp_path, bytes(damaged))


def test_members_that_are_encrypted_are_not_read(tmp_path: Path) -> None:
    made = bytearray(FILES["archive"][1])
    # The flag in the list at the end of the archive, of each member.
    place = 0
    while (place := made.find(b"PK\x01\x02", place)) >= 0:
        made[place + 8] |= 1
        place += 4

    with pytest.raises(HistoryError, match="unknown_format"):
        read_past(tmp_path, bytes(made))


def test_progress_goes_from_nothing_to_all(tmp_path: Path) -> None:
    path = tmp_path / "past"
    start = datetime(2026, 11, 1, tzinfo=AMSTERDAM)
    path.write_bytes(b"".join(raw for _, raw in past(start, start + timedelta(days=4), interval=300)))
    file = open_history(path, zone=AMSTERDAM)
    assert file.progress == 0

    seen = [file.progress for _ in file.values()]

    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    assert file.progress == 1


def test_of_many_problems_the_first_are_kept_and_all_counted(tmp_path: Path) -> None:
    (tmp_path / "past").write_text(WITH_CODES + "\n" + "x\n" * 1000)
    file = open_history(tmp_path / "past", zone=AMSTERDAM)
    list(file.values())

    assert file.problems.counts == {"damaged": 1000}
    assert [problem.line for problem in file.problems.kept] == list(range(2, 2 + Problems.KEPT))


# --- fuzz -------------------------------------------------------------------------------------------------------------

ROUNDS = 150
TOKENS = (
    b"\n",
    b"\r",
    b"\0",
    b";",
    b"(",
    b")",
    b",",
    b'"',
    b"\t",
    b"'",
    b"\\",
    b"*",
    b"/",
    b"!",
    b"\xaf",
    b"\xff",
    b"9" * 30,
)


def spoil(data: bytes, random: Random) -> bytes:
    """Do to a file what disks, editors and people do."""
    spoilt = bytearray(data)
    for _ in range(random.randint(1, 8)):
        place = random.randrange(len(spoilt) + 1)
        match random.randrange(6):
            case 0:
                spoilt[place : place + 1] = bytes([random.randrange(256)])
            case 1:
                del spoilt[place : place + random.choice((1, 3, 50, 2000))]
            case 2:
                spoilt[place:place] = random.choice(TOKENS)
            case 3:
                other = random.randrange(len(spoilt) + 1)
                spoilt[place:place] = spoilt[other : other + random.choice((5, 100, 1000))]
            case 4:
                spoilt[place:place] = random.randbytes(random.choice((1, 20, 300)))
            case _:
                spoilt[place:place] = bytes(random.choice((1, 600)))
    return bytes(spoilt)


@pytest.mark.parametrize("name", FILES)
def test_spoilt_files_give_documented_errors_and_line_numbers(tmp_path: Path, name: str) -> None:
    path = tmp_path / "past"
    _, data = FILES[name]
    looked = 0
    for seed in range(ROUNDS):
        spoilt = spoil(data, Random(f"{name}/{seed}"))
        path.write_bytes(spoilt)
        try:
            file = open_history(path, zone=AMSTERDAM, columns=COLUMNS)
            history = collect(file.values(), problems=file.problems)
        except HistoryError, FileError:
            continue
        lines = len(spoilt.split(b"\n")) if file.kind != "p1_monitor" else 100
        assert all(0 < problem.line <= lines for problem in file.problems.kept), seed
        looked += len(history.series)
        for series in history.series.values():
            starts = [row.start for row in series.rows]
            assert starts == sorted(set(starts)), seed
            assert all(row.grown >= 0 for row in series.rows), seed
    # What packs a file knows that it was spoilt.
    assert (looked > 0) is (name != "archive")


def test_lines_of_spoilt_numbers_do_not_become_others(tmp_path: Path) -> None:
    # No checksum guards a line: what is no number is refused, and what is not whole.
    for wrong in ("002078,645", "00 2078.645", "0x2078", "1e9", "", "2078.645.1", "NaN", "-"):
        found = read_past(tmp_path, WITH_CODES.replace("002078.645", wrong))
        assert not any("import_tariff_1" in line for line in found.says), wrong
