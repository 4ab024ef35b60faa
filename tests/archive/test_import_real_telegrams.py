"""Whatever real meters send is read from lines as it is read from telegrams."""

from typing import TYPE_CHECKING

import pytest

from p1meter.archive import Selection
from p1meter.archive.formats import raw_entry, sml3_line
from tests.meter.test_real_telegrams import expectations

from .pasts import read_past
from .telegrams import NOON
from .test_real_telegrams import FILES, telegrams

if TYPE_CHECKING:
    from pathlib import Path


# A line has the time of reception where the meter sends none, which a RAW file has not.
DATED = {expected.file for expected in expectations() if expected.time is not None}
NEVER_SET = {"nl-v4-xmx-231216240.txt", "nl-v4.2-xmx-1009089532.txt"}


@pytest.mark.parametrize("path", [path for path in FILES if path.name in DATED], ids=lambda path: path.stem)
def test_lines_of_real_telegrams_say_what_the_telegrams_say(tmp_path: Path, path: Path) -> None:
    found = telegrams(path.read_bytes())
    country = "LT" if path.stem.startswith("lt-") else None
    raw = read_past(tmp_path, b"".join(map(raw_entry, found)), country=country).says
    # Two meters have a clock that was never set: what they say belongs to no hour.
    assert bool(raw) is (path.name not in NEVER_SET)

    for codes in ("stripped", "full"):
        lines = [sml3_line(one, one.time or NOON, Selection(None).allows, codes=codes) for one in found]
        assert read_past(tmp_path, "\n".join(lines), country=country).says == raw
