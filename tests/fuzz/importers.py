"""Files of the past of every kind, mixed up and spoilt: nothing comes of them that is not in them."""

import gzip
from io import BytesIO
from pathlib import Path
import tempfile
from typing import Final
from zipfile import ZIP_DEFLATED, ZipFile

from tests.archive.test_import_files import FILES
from tests.archive.test_import_fuzz import DATE, DATES, VALUE, VALUES, look, read

from .choices import Choices
from .journal import _PLACE

# Of each some lines from its beginning are enough to know it by.
_LINES: Final = {name: data.splitlines(keepends=True)[:60] for name, (_, data) in FILES.items() if name != "archive"}
_ARCHIVE: Final = FILES["archive"][1]


def files(data: bytes) -> None:
    """Read a file that something happened to."""
    choices = Choices(data)
    if choices.one_in(8):
        _read_packed(choices)
        return
    name = choices.one_of(tuple(_LINES))
    spoilt = _mixed_up(choices, list(_LINES[name]))
    with tempfile.TemporaryDirectory(dir=_PLACE) as folder:
        path = Path(folder) / "past"
        path.write_bytes(spoilt)
        history = read(path)
        if history is not None:
            look(history, spoilt, is_dated_by_day=name == "days")


def _mixed_up(choices: Choices, lines: list[bytes]) -> bytes:  # noqa: C901 (a list of what may happen)
    """Do to lines what people and programs do."""
    for _ in range(6):
        if not choices.are_left or not lines:
            break
        place, other = choices.below(len(lines)), choices.below(len(lines))
        match choices.below(9):
            case 0:
                lines[place], lines[other] = lines[other], lines[place]
            case 1:
                lines[place:place] = lines[other : other + 1 + choices.below(20)]
            case 2:
                lines[place] = lines[place][: choices.below(len(lines[place]) + 1)]
            case 3:
                lines = lines[: place + 1]
            case 4:
                lines[place] = VALUE.sub(choices.one_of(VALUES), lines[place], count=choices.below(3))
            case 5:
                lines[place] = DATE.sub(choices.one_of(DATES), lines[place], count=choices.below(3))
            case 6:
                at = choices.below(len(lines[place]) + 1)
                lines[place] = lines[place][:at] + choices.some(20) + lines[place][at:]
            case 7:
                lines[place:place] = list(_LINES[choices.one_of(tuple(_LINES))][: 1 + choices.below(4)])
            case _:
                del lines[place]
    return b"".join(lines)


def _read_packed(choices: Choices) -> None:
    """Read a compressed file that is damaged."""
    packed = _ARCHIVE
    match choices.below(3):
        case 0:
            packed = gzip.compress(b"".join(_LINES["lines"][:5]), mtime=0)
        case 1:
            memory = BytesIO()
            with ZipFile(memory, "w", ZIP_DEFLATED) as archive:
                for name in ("lines", "days"):
                    archive.writestr(name, b"".join(_LINES[name][:5]))
            packed = memory.getvalue()
    for _ in range(1 + choices.below(4)):
        at = choices.below(len(packed))
        packed = packed[:at] + choices.one_of((choices.some(4), bytes([choices.below(256)]))) + packed[at + 1 :]
    with tempfile.TemporaryDirectory(dir=_PLACE) as folder:
        path = Path(folder) / "past"
        path.write_bytes(packed)
        read(path)
