"""Files of the past to read, and what is in them in a form that can be compared."""

from typing import TYPE_CHECKING, NamedTuple

from p1meter.archive import HistoryFile, open_history

from .telegrams import AMSTERDAM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import tzinfo
    from pathlib import Path

    from p1meter.archive.past import Dated


class Past(NamedTuple):
    """What a file says: `2026-11-21 11:00 import_tariff_1 1.5 kWh`, and what was wrong with which line."""

    kind: str
    says: list[str]
    problems: list[tuple[int, str, str]]


def told(values: Iterable[Dated]) -> list[str]:
    """Dated readings in UTC, each once, in order."""
    lines = (f"{one.at:%Y-%m-%d %H:%M:%S} {one.key} {one.value} {one.unit}" for one in values)
    return list(dict.fromkeys(lines))


def read_past(
    folder: Path,
    data: bytes | str,
    *,
    zone: tzinfo = AMSTERDAM,
    country: str | None = None,
    columns: Sequence[str] = (),
    channels: Mapping[int, str] | None = None,
) -> Past:
    """Write a file and read it back."""
    path = folder / "past"
    path.write_bytes(data if isinstance(data, bytes) else data.encode("latin-1"))
    file: HistoryFile = open_history(path, zone=zone, country=country, columns=columns, channels=channels)
    says = told(file.values())
    return Past(file.kind, says, [(one.line, one.kind, one.detail) for one in file.problems.kept])
