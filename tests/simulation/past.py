"""A past of the household in files: lines of smartmeter 3.0 and whole telegrams, not written by the code under test."""

import gzip
import re
from typing import TYPE_CHECKING

from .household import Household
from .telegrams import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

_SEPARATORS = str.maketrans("", "", "-:.")
_OBJECT = re.compile(r"([^(]+)(\(.*\))")
_VALUES = re.compile(rb"\([^;]*\)")
_CHOSEN = ("0-0:1.0.0", "1-0:1.8.", "1-0:2.8.", "0-0:96.14.0", "1-0:1.7.0", "1-0:2.7.0", "0-1:24.1.0", "0-1:24.2.1")


def past(start: datetime, end: datetime, *, interval: int, system: str = "nl5") -> Iterator[tuple[bytes, bytes]]:
    """Make an SML3 line and a RAW entry (docs/journal.md) of every telegram that is `interval` seconds apart.

    The first is at `start`, the last not later than `end`.
    """
    household = Household(start=start, system=system)
    sent = SYSTEMS[system]
    while household.now <= end:
        chosen = [
            found for line in sent.lines(household) if (found := _OBJECT.fullmatch(line)) and _is_chosen(found[1])
        ]
        # The time stands first, whatever it is in the telegram.
        chosen.sort(key=lambda found: found[1] != _CHOSEN[0])
        line = ";".join(f"{found[1].translate(_SEPARATORS)};{found[2]}" for found in chosen)
        yield f"{line}\n".encode("ascii"), sent.compose(household) + b"\r\n"
        household.step(interval)


def write_past(path: Path, start: datetime, end: datetime, *, codes: bool = True) -> None:
    """Write a file of lines that are five minutes apart; packed if its name ends in `.gz`.

    Args:
        path: of the file.
        start: the first line says what was then.
        end: no line is later.
        codes: whether the lines say what their values are.
    """
    lines = (line for line, _ in past(start, end, interval=300))
    data = b"".join(line if codes else b";".join(_VALUES.findall(line)) + b"\n" for line in lines)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def _is_chosen(code: str) -> bool:
    return code.startswith(_CHOSEN)
