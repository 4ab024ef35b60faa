"""Kills the writer of a journal again and again, and reads what is left as other programs would.

After each kill every byte is compared with what should be there; in the end each entry is read in the file's own way.
"""

import csv
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from p1meter.archive import FileError
from p1meter.meter import Reader, Telegram
from tests.archive.killing import NAMES, KilledWriter
from tests.archive.telegrams import AMSTERDAM

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from p1meter.archive import JournalFormat

# The value that tells the entries apart counts them, in Wh.
_IN_SML3: Final = "10181"
_IN_CSV: Final = "import_tariff_1 (kWh)"
_IN_RAW: Final = "import_tariff_1"


def run(folder: Path, kills: int) -> Generator[str]:
    """Yield what was found in each format.

    Args:
        folder: where the journals are written.
        kills: how often each writer is killed.

    Raises:
        AssertionError: something is wrong; its text is a sentence that says what.
    """
    for journal_format, name in NAMES.items():
        writer = KilledWriter(folder / journal_format, journal_format)
        for number in range(1, kills + 1):
            try:
                writer.die_while_writing()
            except EOFError:
                raise AssertionError(f"{name}: the writer ended by itself before kill {number}") from None
            except (AssertionError, FileError) as error:
                raise AssertionError(f"{name}, after kill {number}: {error}") from error
        path = writer.path
        try:
            found = _numbers(path, journal_format)
        except (KeyError, ValueError, ArithmeticError, csv.Error) as error:
            raise AssertionError(f"{name} cannot be read: {error!r}") from error
        lost = set(range(writer.count)).difference(found)
        if lost:
            raise AssertionError(f"{name}: of {writer.count} entries {len(lost)} are lost, the first is {min(lost)}")
        if found != sorted(set(found)):
            raise AssertionError(f"{name}: entries are doubled or out of order")
        files = sum(1 for one in path.parent.iterdir() if not one.name.startswith("."))
        yield (
            f"{journal_format:<5} killed {kills} times, {writer.interrupted} of them before a write had returned; "
            f"{writer.count} entries written, {len(lost)} lost, {writer.halves} halves taken away; "
            f"{files} file of {path.stat().st_size / 1e6:.1f} MB, readable to the end"
        )


def _numbers(path: Path, journal_format: JournalFormat) -> list[int]:
    """Return the number of each entry of a file."""
    if journal_format == "raw":
        return _in_telegrams(path)
    with path.open(encoding="utf-8", newline="") as lines:
        if journal_format == "csv":
            return [_number(row[_IN_CSV]) for row in csv.DictReader(lines, strict=True)]
        return [_number(_pairs(line)[_IN_SML3].strip("()").removesuffix("*kWh")) for line in lines]


def _in_telegrams(path: Path) -> list[int]:
    """Read whole telegrams, each with a right checksum."""
    reader = Reader(zone=AMSTERDAM)
    items = [*reader.feed(path.read_bytes()), *reader.close()]
    telegrams = [item for item in items if isinstance(item, Telegram)]
    if len(telegrams) < len(items):
        raise ValueError(next(item for item in items if not isinstance(item, Telegram)))
    return [_number(str(telegram.readings[_IN_RAW].value)) for telegram in telegrams]


def _pairs(line: str) -> dict[str, str]:
    """Read a line of `code;value` pairs."""
    if not line.endswith(")\n"):
        raise ValueError(line)
    parts = line.removesuffix("\n").split(";")
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _number(kwh: str) -> int:
    return int(Decimal(kwh) * 1000)
