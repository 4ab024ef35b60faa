"""Journals for the tests: how one is made, written and looked at."""

from typing import TYPE_CHECKING, Any

from p1meter.archive import Entry, Journal, Selection
from p1meter.archive.formats import sml3_line

if TYPE_CHECKING:
    from pathlib import Path

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
