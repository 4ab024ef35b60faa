"""The examples in docs/journal.md are what is written."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from p1meter.archive import Journal, Selection, parse_selection
from tests.compose import compose

from .telegrams import DOCUMENTED, NOON, entries, entry, read

if TYPE_CHECKING:
    from p1meter.archive import JournalFormat

PAGE = (Path(__file__).parents[2] / "docs/journal.md").read_text()


def example(title: str) -> str:
    """Return the lines under one of the page's titles."""
    _, _, rest = PAGE.partition(f"\n{title}:\n\n")
    lines = rest.partition("\n\n")[0].splitlines(keepends=True)
    assert lines, title
    return "".join(line.removeprefix("    ") for line in lines) + "\n"


@pytest.mark.parametrize(
    ("title", "journal_format"),
    [("SML3", "sml3"), ("SML3, full codes", "sml3_full"), ("SML3, values only", "sml3_values")],
)
def test_lines(tmp_path: Path, title: str, journal_format: JournalFormat) -> None:
    selected = parse_selection("1-0:1.8.1\n1-0:1.8.2\n0-0:96.14.0\n1-0:1.7.0\n0-1:24.2.1").codes
    one = Journal(tmp_path, journal_format, Selection(selected))
    one.append([entry(read(compose(DOCUMENTED)))])
    one.close()

    assert (tmp_path / "SML3Nov2026").read_text() == example(title)


def test_a_table(tmp_path: Path) -> None:
    one = Journal(tmp_path, "csv", Selection(parse_selection("1-0:1.8.1\n1-0:1.7.0").codes))
    one.append(entries(1, 1, NOON))
    one.close()

    assert (tmp_path / "CSVNov2026.csv").read_text() == example("CSV")
