"""Whatever real meters send is kept, and read again from where it is kept."""

from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from p1meter.archive import Selection
from p1meter.archive.formats import csv_cells, csv_columns, csv_header, mend, raw_entry, sml3_line, sml3_pairs
from p1meter.meter import Reader, Telegram
from tests.meter.test_real_telegrams import REFUSED
from tests.needs import shared_telegrams

from .telegrams import AMSTERDAM, NOON

if TYPE_CHECKING:
    from pathlib import Path

# Those that are whole, and not encrypted; the others must be refused, which the tests of meter/ see to.
FILES = sorted(
    path
    for path in shared_telegrams().iterdir()
    if path.suffix in {".txt", ".bin"} and path.name not in {*REFUSED, "reserve.bin"}
)


def telegrams(data: bytes) -> list[Telegram]:
    reader = Reader(zone=AMSTERDAM)
    found = [one for one in [*reader.feed(data), *reader.close()] if isinstance(one, Telegram)]
    assert found
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_telegram_is_read_again(path: Path) -> None:
    found = telegrams(path.read_bytes())
    raw = b"".join(map(raw_entry, found))

    assert mend("RAW", raw) == (len(raw), b"")
    assert [one.raw for one in telegrams(raw)] == [one.raw for one in found]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_line_holds_every_object_of_a_real_telegram(path: Path) -> None:
    for telegram in telegrams(path.read_bytes()):
        line = sml3_line(telegram, NOON, Selection(None).allows, codes="full")
        sent = {(str(obis), groups) for obis, groups in telegram.objects if str(obis) != "0-0:1.0.0"}

        pairs = sml3_pairs(line)
        assert pairs[0].code == "0-0:1.0.0"
        # It is a date, or this fails.
        datetime.strptime(pairs[0].groups[0][:12], "%y%m%d%H%M%S")  # noqa: DTZ007 (nobody asks where)
        assert sent <= set(pairs)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_columns_of_a_real_telegram_are_read_again(path: Path) -> None:
    for telegram in telegrams(path.read_bytes()):
        cells = csv_cells(telegram.readings)

        assert csv_columns(csv_header(cells)) == tuple(cells)
        assert len(cells) == sum(reading.value is not None for reading in telegram.readings.values())
        assert all(cell.isprintable() for cell in cells.values())
