"""Opens a file of the past, whatever it is of what can be read."""

from contextlib import contextmanager
import gzip
import re
from typing import TYPE_CHECKING, Literal, NamedTuple, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile
import zlib

from ..errors import FileError
from ..formats import csv_columns, sml3_pairs
from . import dsmr_reader, p1_monitor
from .dated import HistoryError, Problems
from .lines import Lines
from .tables import Table
from .telegrams import Telegrams

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import tzinfo
    from pathlib import Path
    from typing import BinaryIO

    from .dated import Dated

type HistoryKind = Literal["sml3", "raw", "csv", "dsmr_reader_export", "dsmr_reader_backup", "p1_monitor"]

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_COMPRESSIONS = {ZIP_STORED, ZIP_DEFLATED}
_IS_ENCRYPTED = 1
_BEGINNING = 64 * 1024
_TELEGRAM = re.compile(rb"(?:\A|\n)[/\xaf][^\x00-\x1f]{3,127}\r?\n")
_BOM = b"\xef\xbb\xbf"
# Half of an entry may stand first, where an older half of the file was taken away.
_LINES_TRIED = 20


class _Beginning(NamedTuple):
    """What a file is, and what its lines without codes begin with."""

    kind: HistoryKind
    needs_columns: str = ""


class HistoryFile:
    """A file of the past that can be read.

    Attributes:
        kind: what it is.
        problems: what could not be used, while and after it is read.
        size: of the file, bytes.
    """

    def __init__(
        self,
        path: Path,
        *,
        zone: tzinfo,
        country: str | None,
        columns: Sequence[str],
        channels: Mapping[int, str],
    ) -> None:
        """See `open_history`."""
        self.problems = Problems()
        self._path = path
        self._zone = zone
        self._country = country
        self._columns = columns
        self._channels = channels
        self._position = 0
        with self._opened() as file:
            self.size = path.stat().st_size
            beginning = next((found for part in _parts(file) if (found := _recognise(part.read(_BEGINNING)))), None)
        if beginning is None:
            raise HistoryError("unknown_format" if self.size else "empty")
        if beginning.needs_columns and not columns:
            raise HistoryError("columns_needed", 1, beginning.needs_columns)
        self.kind: HistoryKind = beginning.kind

    @property
    def progress(self) -> float:
        """How much of it was read, from 0 to 1."""
        return self._position / self.size

    def values(self) -> Iterator[Dated]:
        """Give its readings, about two of each register an hour; once.

        Raises:
            FileError: it cannot be read.
            HistoryError: it is compressed, and not whole.
        """
        with self._opened() as file:
            reader = self._reader()
            for part in _parts(file):
                for one in reader.values(part):
                    self._position = file.tell()
                    yield one
            self._position = self.size

    def _reader(self) -> Lines | Telegrams | Table | p1_monitor.Rows | dsmr_reader.Export | dsmr_reader.Backup:
        problems, zone, country = self.problems, self._zone, self._country
        match self.kind:
            case "sml3":
                return Lines(problems, zone=zone, country=country, columns=self._columns, channels=self._channels)
            case "raw":
                return Telegrams(problems, zone=zone, country=country)
            case "csv":
                return Table(problems)
            case "p1_monitor":
                return p1_monitor.Rows(problems, zone=zone)
            case "dsmr_reader_export":
                return dsmr_reader.Export(problems)
        return dsmr_reader.Backup(problems)

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        """Open the file; what goes wrong with it is a `FileError`, or a `HistoryError` within its compression."""
        try:
            with self._path.open("rb") as file:
                yield file
        except (BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as err:
            raise HistoryError("not_whole", detail=str(err)) from err
        except OSError as err:
            raise FileError(err, self._path) from err


def open_history(
    path: Path,
    *,
    zone: tzinfo,
    country: str | None = None,
    columns: Sequence[str] = (),
    channels: Mapping[int, str] | None = None,
) -> HistoryFile:
    """Recognise a file of the past by what it begins with.

    It is one of: lines of smartmeter 3.0 and of our journal (SML, SML3; with codes or without), whole telegrams (RAW),
    our CSV, DSMR-reader's export by day or by hour and its PostgreSQL backup, P1 Monitor's SQL export; each also
    compressed with gzip.

    Args:
        path: the file.
        zone: where times are local that come without an offset.
        country: Home Assistant's (ISO 3166), for what the file leaves open.
        columns: the codes of the values in lines without codes, in order, the time first (`columns_of` has those that
            our journal writes).
        channels: what M-Bus meters measure, by channel, where lines do not say it: `{1: "gas"}`; without it they are
            `1:mbus`.

    Raises:
        FileError: it cannot be read.
        HistoryError: it is none of these, or `columns` is needed.
    """
    return HistoryFile(path, zone=zone, country=country, columns=columns, channels=channels or {})


def _parts(file: BinaryIO) -> Iterator[BinaryIO]:
    """Give what is in a file: itself, or what is compressed in it."""
    beginning = file.read(len(_ZIP))
    file.seek(0)
    if beginning.startswith(_GZIP):
        with gzip.open(file) as part:
            yield cast("BinaryIO", part)
    elif beginning == _ZIP:
        with ZipFile(file) as archive:
            for info in archive.infolist():
                if info.compress_type not in _COMPRESSIONS or info.flag_bits & _IS_ENCRYPTED:
                    continue
                with archive.open(info) as member:
                    first = member.read(len(p1_monitor.BEGINNING))
                if first == p1_monitor.BEGINNING:
                    with archive.open(info) as member:
                        yield cast("BinaryIO", member)
    else:
        yield file


def _recognise(beginning: bytes) -> _Beginning | None:
    """Return what a file is that begins like this."""
    text = beginning.removeprefix(_BOM)
    lines = text.decode("latin-1").splitlines()[:_LINES_TRIED]
    first = lines[0] if lines else ""
    if csv_columns(first) is not None:
        return _Beginning("csv")
    if text.startswith(p1_monitor.BEGINNING):
        return _Beginning("p1_monitor")
    if dsmr_reader.DUMP in text:
        return _Beginning("dsmr_reader_backup")
    if dsmr_reader.is_export(first):
        return _Beginning("dsmr_reader_export")
    for line in lines:
        pairs = sml3_pairs(line.strip("\0 ").removesuffix(";"))
        if len(pairs) > 1:
            needs_columns = "" if any(pair.code for pair in pairs) else line
            return _Beginning("sml3", needs_columns)
    return _Beginning("raw") if _TELEGRAM.search(text) else None
