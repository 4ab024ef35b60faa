"""Files of the past that were cut, mixed up and spoilt: all the way to the rows that would be written.

`test_import_files` does what disks do to bytes. Here it is whole lines, numbers and dates, of every kind of file, by
seeds.
"""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from random import Random
import re
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from p1meter.archive import FileError, HistoryError, collect, open_history
from p1meter.joint import HOUR
from p1meter.merging import Booked, Ours, hours_of, merge

from .telegrams import AMSTERDAM
from .test_import_files import FILES
from .test_import_lines import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

    from p1meter.archive import History, Series

ROUNDS = 60
# All files are older.
NOW = datetime(2027, 1, 1, tzinfo=UTC)
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
# A reading, and a date in one of the spellings.
VALUE = re.compile(rb"\d+\.\d+")
DATE = re.compile(rb"\d{12}[SW]?|\d{4}-\d\d-\d\d")
VALUES = (b"0", b"-5.5", b"99999999999.999", b"0.000", b"1e9", b"12,5", b"nan", b"", b"9" * 40)
DATES = (b"000000000000", b"991399256199S", b"990101000000W", b"0000-00-00", b"9999-12-31", b"2099-01-01", b"xx", b"")
# What comes of the sum of two readings is in no file.
SUMS = {"import_total", "export_total"}


def mix_up(data: bytes, random: Random) -> bytes:
    """Do to lines what people and programs do."""
    lines = data.splitlines(keepends=True)
    for _ in range(random.randint(1, 4)):
        place, other = random.randrange(len(lines)), random.randrange(len(lines))
        match random.randrange(7):
            case 0:
                lines[place], lines[other] = lines[other], lines[place]
            case 1:
                lines[place:place] = lines[other : other + random.randint(1, 40)]
            case 2:
                lines[place] = lines[place][: random.randrange(len(lines[place]) + 1)]
            case 3:
                lines = lines[: place + 1]
            case 4:
                lines[place] = VALUE.sub(random.choice(VALUES), lines[place], count=random.randint(0, 2))
            case 5:
                lines[place] = DATE.sub(random.choice(DATES), lines[place], count=random.randint(0, 2))
            case _:
                lines[place:place] = [random.randbytes(random.randint(1, 200)), b"\n"]
    return b"".join(lines)


def read(path: Path) -> History | None:
    """Return what a file says; None: it is refused as a whole, in the documented way."""
    try:
        file = open_history(path, zone=AMSTERDAM, columns=COLUMNS)
        return collect(file.values(), problems=file.problems, until=NOW)
    except HistoryError, FileError:
        return None


def written(series: Series) -> list[Booked]:
    """Return the rows of recorders that had begun before the file, in the middle of it and after it, with the file."""
    hours = hours_of(series, 1.0)
    rows: list[Booked] = []
    for begin in (hours[-1].start + 2 * HOUR, hours[len(hours) // 2].start, hours[0].start - HOUR):
        for overwrite in (False, True):
            ours = [Booked(begin, 1.0, 0.5), Booked(begin + HOUR, 2.0, 1.5), Booked(begin + 90 * HOUR, 9.0, 8.5)]
            table = {row.start: row for row in ours}
            for piece in merge(hours, Ours(ours), overwrite=overwrite).pieces:
                table |= {row.start: row for row in piece.rows}
                if piece.first is not None:
                    shift = piece.after - table[piece.first.start].sum
                    table |= {
                        start: row._replace(sum=row.sum + shift)
                        for start, row in table.items()
                        if start >= piece.first.start
                    }
            sums = [table[start].sum for start in sorted(table)]
            assert all(total >= before - 1e-6 for before, total in pairwise(sums))
            rows += table.values()
    return rows


def look(history: History, spoilt: bytes, *, is_dated_by_day: bool) -> None:
    """See that nothing comes of a file that is not in it."""
    # A port that is read with the wrong parity sets the eighth bit.
    plain = bytes(byte & 0x7F for byte in spoilt)
    said = {Decimal(number.decode()) for text in (spoilt, plain) for number in NUMBER.findall(text)}
    lines = spoilt.count(b"\n") + 1
    assert all(0 < problem.line <= lines for problem in history.problems.kept)
    for key, series in history.series.items():
        assert all(row.start < NOW for row in series.rows)
        assert all(row.grown >= 0 for row in series.rows)
        if key not in SUMS and series.stretches:
            ends = {value for one in series.stretches for value in (one.first_value, one.last_value)}
            assert ends <= said, key
            if not is_dated_by_day:
                assert {row.state for row in series.rows} <= said, key
        written(series)


@pytest.mark.parametrize("name", [name for name in FILES if name != "archive"])
def test_nothing_comes_of_a_file_that_is_not_in_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / "past"
    _, data = FILES[name]
    read_at_all = 0
    for seed in range(ROUNDS):
        spoilt = mix_up(data, Random(f"{name}/{seed}"))
        path.write_bytes(spoilt)
        history = read(path)
        if history is None:
            continue
        read_at_all += 1
        look(history, spoilt, is_dated_by_day=name == "days")
    # It is the files that are tried, not how they are refused.
    assert read_at_all > ROUNDS // 3


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("filling", [b"1", b";(1)"])
def test_what_never_ends_takes_no_memory(tmp_path: Path, name: str, filling: bytes) -> None:
    path = tmp_path / "past"
    path.write_bytes(FILES[name][1] + filling * (8_000_000 // len(filling)))
    tracemalloc.start()
    read(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Some times what is read at once.
    assert most < 4_000_000
