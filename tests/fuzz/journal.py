"""Files of the journal that were spoilt: they become whole again, and what is written next can be read."""

from datetime import timedelta
from pathlib import Path
import tempfile
from typing import TYPE_CHECKING, Final

from p1meter.archive import FileError, HistoryError, Journal, Selection, open_history
from p1meter.archive.formats import CODES, TAIL, FileName, Kind, gap, mend, sml3_line
from p1meter.meter import Reader, Telegram
from tests.archive.telegrams import AMSTERDAM, NOON, entries, entry

from .choices import Choices
from .telegrams import LONG, TOKENS, hostile, strange

if TYPE_CHECKING:
    from p1meter.archive import Entry, JournalFormat

_ALL: Final = Selection(None)
_FORMATS: Final[tuple[JournalFormat, ...]] = ("sml3", "sml3_full", "raw", "csv")
_KINDS: Final[tuple[Kind, ...]] = ("SML3", "RAW", "CSV")
_COUNT: Final = 4
_ENTRIES: Final = entries(0, _COUNT)
_NEXT: Final = entry(_ENTRIES[0].telegram, NOON + timedelta(hours=2))
# In memory where there is such a place: a journal waits until what it writes is on the disk.
_SHM: Final = Path("/dev/shm")  # noqa: S108 (only the folder that tempfile makes in it is written)
_PLACE: Final = _SHM if _SHM.is_dir() else None


def _written(journal_format: JournalFormat, written: list[Entry]) -> tuple[str, bytes]:
    with tempfile.TemporaryDirectory(dir=_PLACE) as folder:
        journal = Journal(Path(folder), journal_format, _ALL)
        while written:
            written = written[journal.append(written) :]
        journal.close()
        (file,) = (path for path in Path(folder).iterdir() if FileName.parse(path.name))
        return file.name, file.read_bytes()


_FILES: Final = {one: _written(one, list(_ENTRIES)) for one in _FORMATS}


def spoilt(data: bytes) -> None:
    """Spoil a file and go on writing to it."""
    choices = Choices(data)
    if choices.one_in(3):
        _mend(choices)
    else:
        _go_on(choices)


def _mend(choices: Choices) -> None:
    """Look at the end of a file that holds anything."""
    parts: list[bytes] = []
    while choices.are_left and len(parts) < 30:
        _, good = _FILES[choices.one_of(_FORMATS)]
        at = choices.below(len(good))
        parts.append(
            choices.one_of((choices.some(30), good[at : at + choices.below(400)], bytes(choices.below(60)), b"\n"))
        )
    tail = b"".join(parts)[-TAIL:]
    for kind in _KINDS:
        keep, add = mend(kind, tail)
        assert 0 <= keep <= len(tail)
        whole = tail[:keep] + add
        # Of telegrams one is taken away at a time: a power loss leaves no more than one that is cut.
        assert kind == "RAW" or mend(kind, whole) == (len(whole), b""), "it is whole, and is mended again"
        assert len(gap(kind, tail)) <= 4


def _go_on(choices: Choices) -> None:
    journal_format = choices.one_of(_FORMATS)
    name, good = _FILES[journal_format]
    at = choices.below(len(good) + 1)
    how = choices.below(4)
    match how:
        case 0:
            left = good[:at]
        case 1:
            left = good[:at] + bytes(choices.below(5000))
        case 2:
            left = good[:at] + choices.one_of((choices.some(40), *TOKENS)) + good[at:]
        case _:
            left = good[:at] + good[at + 1 + choices.below(200) :]
    new = _strange(choices) or _NEXT
    with tempfile.TemporaryDirectory(dir=_PLACE) as folder:
        path = Path(folder) / name
        journal = Journal(Path(folder), journal_format, _ALL)
        journal.append([_ENTRIES[0]])
        journal.close()
        path.write_bytes(left)
        journal.open()
        whole = path.read_bytes()
        assert journal.append([new]) == 1
        journal.close()
        # With other columns another file begins.
        files = sorted((one for one in Path(folder).iterdir() if FileName.parse(one.name)), key=lambda one: one.stem)
        text = b"".join(one.read_bytes() for one in files)
    if how < 2:
        # A power loss costs at most what was being written.
        kept = good[: at - 1].rfind(b"\n", 0, max(at - 1, 0)) + 1 if journal_format != "raw" else 0
        assert whole.startswith(good[:kept]), "entries are lost that were whole"
        assert good.startswith(whole.rstrip(b"\r\n")), "something else than what was written"
    assert text.startswith(whole), "what was there is changed by what is added"
    added = text[len(whole) :]
    if journal_format == "raw":
        assert added.strip(b"\r\n") == new.telegram.raw.strip(b"\r\n")
    elif journal_format != "csv":
        line = sml3_line(new.telegram, new.at, _ALL.allows, codes=CODES[journal_format])
        assert line.splitlines() == [line], "a value that ends its line"
        assert added.decode("latin-1") == f"{line}\n"
    _read_back(text)


def _strange(choices: Choices) -> Entry | None:
    """An entry of a telegram that says strange or hostile things, now and then."""
    if not choices.one_in(2):
        return None
    sent = None if choices.one_in(2) else hostile(choices, LONG).whole
    (telegram,) = Reader(zone=AMSTERDAM).feed(sent or strange(choices))
    assert isinstance(telegram, Telegram)
    return entry(telegram)


def _read_back(text: bytes) -> None:
    """Read a file as a file of the past: it is read, or refused in the documented way."""
    with tempfile.TemporaryDirectory(dir=_PLACE) as folder:
        path = Path(folder) / "past"
        path.write_bytes(text)
        try:
            file = open_history(path, zone=AMSTERDAM, columns=("0-0:1.0.0", "1-0:1.8.1"))
            lines = text.count(b"\n") + 1
            for one in file.values():
                assert 0 <= one.line <= lines
            assert all(0 <= problem.line <= lines for problem in file.problems.kept)
        except FileError, HistoryError:
            return
