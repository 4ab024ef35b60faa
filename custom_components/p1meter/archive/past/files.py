"""Opens files of the past, whatever they are of what can be read."""

from contextlib import contextmanager
import gzip
from os import SEEK_END
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
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import tzinfo
    from pathlib import Path
    from typing import IO, BinaryIO

    from .dated import Dated

type HistoryKind = Literal["sml3", "raw", "csv", "dsmr_reader_export", "dsmr_reader_backup", "p1_monitor"]
type _Reader = Lines | Telegrams | Table | p1_monitor.Rows | dsmr_reader.Export | dsmr_reader.Backup

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_COMPRESSIONS = {ZIP_STORED, ZIP_DEFLATED}
_IS_ENCRYPTED = 1
# The list of what is in an archive is read as a whole. The last bytes say how long it is, in one of two ways; the other
# one is for more than four gigabytes.
_LARGEST_LIST = 1024 * 1024
_END_OF_ARCHIVE = 64 * 1024 + 64
_LIST = re.compile(rb"(PK\x06\x07.{16})?PK\x05\x06.{8}(.{4})", re.DOTALL)
# Nothing that a meter says packs so well; zeros do, a thousand times.
_MOST_UNPACKED = 200
_FREE = 64 * 1024 * 1024
_LONGEST_NAME = 60
_BEGINNING = 64 * 1024
_TELEGRAM = re.compile(rb"(?:\A|\n)[/\xaf][^\x00-\x1f]{3,127}\r?\n")
_BOM = b"\xef\xbb\xbf"
# Half of an entry may stand first, where an older half of the file was taken away.
_LINES_TRIED = 20


class _Beginning(NamedTuple):
    """What a file is, and what its lines without codes begin with."""

    kind: HistoryKind
    needs_columns: str = ""


class _Part(NamedTuple):
    """A file, or what is packed in it; `name` says which, where there are several."""

    file: BinaryIO
    name: str


class HistoryFile:
    """One or several files of the past that can be read.

    Attributes:
        kind: what it is; of several, the first that can be read.
        problems: what could not be used, while and after it is read.
        size: of all, bytes.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        zone: tzinfo,
        country: str | None,
        columns: Sequence[str],
        channels: Mapping[int, str],
    ) -> None:
        """See `open_history`."""
        self.problems = Problems()
        self.size = 0
        self._paths = paths
        self._zone = zone
        self._country = country
        self._columns = columns
        self._channels = channels
        self._before = self._position = 0
        self._is_stopped = False
        unknown: list[str] = []
        found: list[tuple[_Beginning, str]] = []
        for path in paths:
            with self._opened(path) as file:
                self.size += path.stat().st_size
                for part in self._parts(path, file):
                    beginning = _recognise(part.file.read(_BEGINNING))
                    if beginning is None:
                        unknown.append(part.name)
                    else:
                        found.append((beginning, part.name))
        if not found:
            raise HistoryError("unknown_format" if self.size else "empty")
        for beginning, name in found:
            if beginning.needs_columns and not columns:
                raise HistoryError("columns_needed", beginning.needs_columns, file=name)
        self._position = 0
        self.kind: HistoryKind = found[0][0].kind
        if self.kind != "p1_monitor":
            # In its archive nobody misses the settings of the program.
            for name in unknown:
                self.problems.add(0, "unknown_file", name, file=name)

    @property
    def progress(self) -> float:
        """How much was read, from 0 to 1."""
        return min(1.0, (self._before + self._position) / self.size)

    def stop(self) -> None:
        """Read no further: who reads gets a `HistoryError`. May be called from any thread."""
        self._is_stopped = True

    def values(self) -> Iterator[Dated]:
        """Give the readings, about two of each register an hour; once.

        Raises:
            FileError: a file cannot be read.
            HistoryError: it is compressed, and not whole, or unpacks to more than a meter can have said; or `stop` was
                called.
        """
        self._before = self._position = 0
        for path in self._paths:
            with self._opened(path) as file:
                yield from self._values(path, file)
                self._before += file.seek(0, SEEK_END)
                self._position = 0

    def _values(self, path: Path, file: BinaryIO) -> Iterator[Dated]:
        rows: p1_monitor.Rows | None = None
        for part in self._parts(path, file):
            beginning = _recognise(part.file.read(_BEGINNING))
            if beginning is None:
                continue
            part.file.seek(0)
            reader: _Reader
            if beginning.kind == "p1_monitor":
                # The files of its archive are one.
                reader = rows = rows or p1_monitor.Rows(self.problems, zone=self._zone)
            else:
                reader = self._reader(beginning.kind)
            for one in reader.values(part.file):
                yield one._replace(file=part.name) if part.name else one

    def _reader(self, kind: HistoryKind) -> _Reader:
        """Return what reads a file of this kind, if it is one by itself."""
        problems, zone, country = self.problems, self._zone, self._country
        match kind:
            case "sml3":
                return Lines(problems, zone=zone, country=country, columns=self._columns, channels=self._channels)
            case "raw":
                return Telegrams(problems, zone=zone, country=country)
            case "csv":
                return Table(problems)
            case "dsmr_reader_export":
                return dsmr_reader.Export(problems)
        return dsmr_reader.Backup(problems)

    def _parts(self, path: Path, file: BinaryIO) -> Iterator[_Part]:
        """Give what is in a file: itself, or what is packed in it."""
        name = path.name if len(self._paths) > 1 else ""
        beginning = file.read(len(_ZIP))
        size = file.seek(0, SEEK_END)
        file.seek(0)
        left = size * _MOST_UNPACKED + _FREE

        def take(count: int) -> None:
            nonlocal left
            left -= count
            if left < 0:
                raise HistoryError("too_large")
            if self._is_stopped:
                raise HistoryError("stopped")
            self._position = max(self._position, file.tell())

        if beginning.startswith(_GZIP):
            with gzip.open(file) as unpacked:
                yield _Part(_watched(unpacked, take), name)
        elif beginning == _ZIP:
            with _archive(file, size) as archive:
                for info in archive.infolist():
                    if info.is_dir() or info.compress_type not in _COMPRESSIONS or info.flag_bits & _IS_ENCRYPTED:
                        continue
                    # It is shown, and nothing else is done with it.
                    self.problems.file = "/".join(filter(None, (name, info.filename[-_LONGEST_NAME:])))
                    with archive.open(info) as member:
                        yield _Part(_watched(member, take), self.problems.file)
        else:
            yield _Part(_watched(file, take), name)

    @contextmanager
    def _opened(self, path: Path) -> Iterator[BinaryIO]:
        """Open a file; what goes wrong with it is a `FileError`, or a `HistoryError` within its compression."""
        self.problems.file = path.name if len(self._paths) > 1 else ""
        try:
            with path.open("rb") as file:
                yield file
        except (BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as err:
            raise HistoryError("not_whole", str(err), file=self.problems.file) from err
        except HistoryError as err:
            err.file = err.file or self.problems.file
            raise
        except OSError as err:
            raise FileError(err, path) from err


def open_history(
    *paths: Path,
    zone: tzinfo,
    country: str | None = None,
    columns: Sequence[str] = (),
    channels: Mapping[int, str] | None = None,
) -> HistoryFile:
    """Recognise files of the past by what they begin with.

    Each is one of: lines of smartmeter 3.0 and of our journal (SML, SML3; with codes or without), whole telegrams
    (RAW), our CSV, DSMR-reader's export by day or by hour and its PostgreSQL backup, P1 Monitor's SQL export; also
    compressed with gzip, or several of them in a zip archive. What is none of these, beside some that are, is left out
    and noted.

    Args:
        paths: the files.
        zone: where times are local that come without an offset.
        country: Home Assistant's (ISO 3166), for what the file leaves open.
        columns: the codes of the values in lines without codes, in order, the time first (`columns_of` has those that
            our journal writes).
        channels: what M-Bus meters measure, by channel, where lines do not say it: `{1: "gas"}`; without it they are
            `1:mbus`.

    Raises:
        FileError: one cannot be read.
        HistoryError: none of them is any of these, an archive is damaged or a bomb, or `columns` is needed.
    """
    return HistoryFile(paths, zone=zone, country=country, columns=columns, channels=channels or {})


class _Watched:
    """A file, as much of it as its readers need; who watches is told of what was read."""

    def __init__(self, file: IO[bytes] | gzip.GzipFile, take: Callable[[int], None]) -> None:
        self._file = file
        self._take = take

    def read(self, size: int) -> bytes:
        """Read on."""
        data = self._file.read(size)
        self._take(len(data))
        return data

    def seek(self, position: int) -> None:
        """Go to a place."""
        self._file.seek(position)


def _watched(file: IO[bytes] | gzip.GzipFile, take: Callable[[int], None]) -> BinaryIO:
    return cast("BinaryIO", _Watched(file, take))


@contextmanager
def _archive(file: BinaryIO, size: int) -> Iterator[ZipFile]:
    """Open a zip file.

    Raises:
        BadZipFile: it is damaged, or packed in a way that nobody has used for this.
        HistoryError: it names more files than anybody has.
    """
    file.seek(max(0, size - _END_OF_ARCHIVE))
    for found in _LIST.finditer(file.read()):
        if found[1] is not None or int.from_bytes(found[2], "little") > _LARGEST_LIST:
            raise HistoryError("too_large")
    try:
        with ZipFile(file) as archive:
            yield archive
    except (NotImplementedError, UnicodeDecodeError) as err:
        raise BadZipFile(str(err)) from err


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
    for place, line in enumerate(lines):
        pairs = sml3_pairs(line.strip("\0 ").removesuffix(";"))
        if len(pairs) > 1:
            needs_columns = "" if any(pair.code for pair in pairs) else _unwrapped(lines[place:])
            return _Beginning("sml3", needs_columns)
    return _Beginning("raw") if _TELEGRAM.search(text) else None


def _unwrapped(lines: Sequence[str]) -> str:
    """Return the first line, with those after it that continue it."""
    whole = ""
    for line in lines:
        whole += line.strip("\0 ")
        if not whole.endswith(";"):
            break
    return whole
