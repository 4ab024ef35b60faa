"""Journals for the tests: how one is made, written and looked at."""

from contextlib import contextmanager
import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from p1meter.archive import Entry, Journal, Selection
from p1meter.archive.formats import sml3_line
from tests import needs

if TYPE_CHECKING:
    from collections.abc import Generator
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
