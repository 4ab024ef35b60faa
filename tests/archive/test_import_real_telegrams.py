"""Whatever real meters send is read from lines as it is read from telegrams."""

from typing import TYPE_CHECKING

import pytest

from p1meter.archive import Selection
from p1meter.archive.formats import raw_entry, sml3_line

from .pasts import read_past
from .telegrams import NOON
from .test_real_telegrams import FILES, telegrams

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_lines_of_real_telegrams_say_what_the_telegrams_say(tmp_path: Path, path: Path) -> None:
    # A line has the time of reception where the meter sends none, which a RAW file has not.
    found = [one for one in telegrams(path.read_bytes()) if one.time is not None]
    if not found:
        return
    country = "LT" if path.stem.startswith("lt-") else None
    raw = read_past(tmp_path, b"".join(map(raw_entry, found)), country=country).says

    for codes in ("stripped", "full"):
        lines = [sml3_line(one, one.time or NOON, Selection(None).allows, codes=codes) for one in found]
        assert read_past(tmp_path, "\n".join(lines), country=country).says == raw
