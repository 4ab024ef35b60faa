"""The monthly files of a journal, appended to by one writer.

Every append is one write of whole entries, and is on the disk when `append` returns: a power loss costs at most what
was being written, and what it leaves of that is taken away when the file is next opened.
"""

from contextlib import contextmanager, suppress
from dataclasses import dataclass
import errno
import fcntl
from itertools import takewhile
import os
import shutil
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from .errors import FileError
from .formats import (
    CODES,
    KINDS,
    TAIL,
    FileName,
    Mend,
    boundary,
    csv_cells,
    csv_columns,
    csv_header,
    csv_line,
    gap,
    mend,
    raw_entry,
    sml3_line,
)
from .replacing import PART, replacing, sync_folder

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ..meter import Reading, Telegram
    from .formats import JournalFormat, Kind
    from .selection import Selection


class Entry(NamedTuple):
    """What becomes one entry of the journal.

    Attributes:
        telegram: what came.
        readings: what of it is believed, by name.
        at: when it came, in local time: it decides which month's file it goes to.
    """

    telegram: Telegram
    readings: Mapping[str, Reading]
    at: datetime


@dataclass(slots=True)
class _File:
    """The file that is open.

    Attributes:
        is_ours: whether this journal has begun it.
        size: of what is whole, bytes.
        columns: of a CSV file, beside the time; None before it has a first line.
    """

    name: FileName
    path: Path
    descriptor: int
    is_ours: bool
    size: int
    columns: tuple[str, ...] | None


BEGUN: Final = ".begun"
"""The name of the file in which a journal notes which files it has begun."""

_BEGUN_TEXT: Final = "# The files that p1meter has begun here. It never removes or shortens any other.\n"
# Beyond this many files of one month new columns are left out.
_MOST_PARTS: Final = 99
_MEGABYTE: Final = 1_000_000
# Of a file system that does not know it better (FAT), in seconds.
_COARSEST_TIME: Final = 2
_CHUNK: Final = 1024 * 1024


class Journal:
    """The files of one folder. Everything here blocks, and may be called from any thread."""

    def __init__(
        self,
        folder: Path,
        journal_format: JournalFormat,
        selection: Selection,
        *,
        keep_months: int | None = None,
        max_mb: int | None = None,
    ) -> None:
        """Prepare to write; nothing is touched yet.

        Args:
            folder: where the files are; it is made when it is needed, also when it has vanished in between.
            journal_format: of the entries.
            selection: which objects go to it; a whole telegram (`raw`) holds all of them.
            keep_months: so many whole months are kept beside the running one; None: for ever.
            max_mb: when the files take more megabytes the oldest goes; None: no limit.
        """
        self.folder = folder
        self.size = 0
        """Bytes that the files take which this journal has begun."""
        self._format: JournalFormat = journal_format
        self._kind: Kind = KINDS[journal_format]
        self._selection = selection
        self._keep_months = keep_months
        self._max_bytes = None if max_mb is None else max_mb * _MEGABYTE
        self._file: _File | None = None
        self._pruned: int | None = None
        # One writes, removes or looks at a time; copying goes on beside it.
        self._lock = Lock()
        self._copying = Lock()

    def beside(self, journal_format: JournalFormat) -> Journal:
        """Return a journal of the same objects in another format in the same folder; the two take turns."""
        journal = Journal(self.folder, journal_format, self._selection)
        journal._lock = self._lock
        return journal

    def open(self) -> None:
        """Make the folder, and mend what a power loss has left of files that this journal has begun.

        Raises:
            FileError: the folder or a file cannot be written.
        """
        with self._alone():
            self.folder.mkdir(parents=True, exist_ok=True)
            for part in self.folder.glob(f".*{PART}"):
                # Others write into this folder too, perhaps at this moment.
                whole = part.name.removeprefix(".").removesuffix(PART)
                if whole == BEGUN or FileName.parse(whole) is not None:
                    part.unlink()
            for name in self._begun():
                self._open(name)
            self._close()

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._close()

    def append(self, entries: Sequence[Entry]) -> int:
        """Write entries, and return when they are on the disk.

        Args:
            entries: in order, at least one.

        Returns:
            How many of them were written: as many as go to the same file.

        Raises:
            FileError: none was written, and the file is as it was.
        """
        with self._alone():
            month = _name(self._kind, entries[0].at)
            run = list(takewhile(lambda entry: _name(self._kind, entry.at) == month, entries))
            if self._kind == "CSV":
                return self._append_rows(month, run)
            if self._kind == "RAW":
                data = b"".join(raw_entry(entry.telegram) for entry in run)
            else:
                codes = CODES[self._format]
                lines = (sml3_line(one.telegram, one.at, self._selection.allows, codes=codes) for one in run)
                data = "".join(f"{line}\n" for line in lines).encode("latin-1")
            self._write(self._open(month), data)
            return len(run)

    def prune(self, now: datetime | None) -> None:
        """Remove what is older or more than was chosen, of the files that this journal has begun.

        Args:
            now: local time; None where the clock may be wrong: then nothing goes because of its age.

        Raises:
            FileError: something cannot be removed.
        """
        with self._alone():
            if now is not None and self._keep_months is not None:
                running = _name(self._kind, now).months
                if running != self._pruned:
                    for name in self._begun():
                        if running - name.months > self._keep_months:
                            self._remove(name)
                    self._measure()
                self._pruned = running
            if self._max_bytes is not None and self.size > self._max_bytes:
                self._make_small(self._max_bytes)

    def copy_changed(self, to: Path) -> list[str]:
        """Copy the files that changed since they were last copied; each is replaced in one go.

        A file is taken as copied when there is one of its size and time. The journal goes on meanwhile.

        Args:
            to: a folder that exists.

        Returns:
            The names of the files that were copied, the oldest first.

        Raises:
            FileError: something cannot be read or written; what was copied before stays.
        """
        with self._copying:
            try:
                if not to.is_dir():
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(to))
                # While nothing is being written all files end with a whole entry, and are only added to.
                with self._lock:
                    found = [(name, (self.folder / str(name)).stat()) for name in self._files()]
                return [str(name) for name, state in found if _copy(self.folder / str(name), to / str(name), state)]
            except OSError as err:
                raise FileError(err, to) from err

    # --- one file -----------------------------------------------------------------------------------------------------

    def _append_rows(self, month: FileName, run: list[Entry]) -> int:
        """Write lines of a CSV file; with other columns another file begins."""
        rows = [csv_cells(self._selection.readings(entry.readings)) for entry in run]
        parts = [name.part for name in self._files() if name._replace(part=1) == month]
        file = self._open(month._replace(part=max(parts, default=1)))
        columns = file.columns
        wanted = tuple(rows[0])
        if columns is not None and not set(columns).issuperset(wanted) and file.name.part < _MOST_PARTS:
            wanted = tuple(dict.fromkeys([*columns, *wanted]))
            file = self._open(month._replace(part=file.name.part + 1))
            columns = file.columns
        lines = []
        if columns is None:
            columns = wanted
            lines.append(csv_header(columns))
        known = set(columns)
        fitting = 0
        for entry, row in zip(run, rows, strict=True):
            if fitting and not row.keys() <= known and file.name.part < _MOST_PARTS:
                break
            lines.append(csv_line(entry.telegram.time or entry.at, columns, row))
            fitting += 1
        self._write(file, "".join(f"{line}\n" for line in lines).encode())
        file.columns = columns
        return fitting

    def _open(self, name: FileName) -> _File:
        """Return the file of this name, open and whole."""
        path = self.folder / str(name)
        if self._file is not None:
            if self._file.name == name and _is_untouched(self._file):
                return self._file
            self._close()
        self.folder.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        if is_new:
            self._begin(name)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        # From here on it is closed whatever happens.
        file = self._file = _File(name, path, descriptor, is_ours=name in self._begun(), size=0, columns=None)
        _lock(descriptor, path)
        if is_new:
            sync_folder(self.folder)
        file.size = _mend(file)
        if name.kind == "CSV" and file.size:
            with path.open(encoding="utf-8", errors="replace", newline="") as lines:
                # A first line that is none of ours has no column of ours.
                file.columns = csv_columns(lines.readline().rstrip("\r\n")) or ()
        self._measure()
        return file

    def _write(self, file: _File, data: bytes) -> None:
        """Add whole entries to the end of a file, all or none."""
        try:
            _write_all(file.descriptor, data)
        except OSError as err:
            # If this fails too, the file is mended when it is next opened.
            with suppress(OSError):
                os.ftruncate(file.descriptor, file.size)
            err.filename = file.path
            raise
        file.size += len(data)
        if file.is_ours:
            self.size += len(data)

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file.descriptor)
            self._file = None

    # --- all files ----------------------------------------------------------------------------------------------------

    def _files(self) -> list[FileName]:
        """Return the monthly files of the folder, the oldest first."""
        if not self.folder.is_dir():
            return []
        found = (FileName.parse(path.name) for path in self.folder.iterdir() if path.is_file())
        return sorted((name for name in found if name is not None), key=lambda name: (name.months, name))

    def _begun(self) -> list[FileName]:
        """Return those that this journal has begun. What a person has put here beside them is none of its business."""
        try:
            begun = set((self.folder / BEGUN).read_text(encoding="utf-8", errors="replace").split("\n"))
        except FileNotFoundError:
            return []
        return [name for name in self._files() if str(name) in begun]

    def _begin(self, name: FileName) -> None:
        """Note that the file which is made next is ours."""
        begun = "".join(f"{one}\n" for one in [*self._begun(), name])
        with replacing(self.folder / BEGUN) as file:
            file.write((_BEGUN_TEXT + begun).encode())

    def _measure(self) -> None:
        self.size = sum((self.folder / str(name)).stat().st_size for name in self._begun())

    def _remove(self, name: FileName) -> None:
        if self._file is not None and self._file.name == name:
            self._close()
        (self.folder / str(name)).unlink()

    def _make_small(self, limit: int) -> None:
        """Remove the oldest files until the rest is small enough; the newest loses its older half instead."""
        # What is being written is the newest, also beside others of its month.
        names = sorted(self._begun(), key=lambda name: (name.months, name.kind == self._kind))
        for name in names[:-1]:
            self._remove(name)
            self._measure()
            if self.size <= limit:
                return
        for name in names[-1:]:
            self._close()
            _shorten(self.folder / str(name), name.kind, limit // 2)
        self._measure()

    @contextmanager
    def _alone(self) -> Generator[None]:
        """While this lasts nobody else touches the files; what goes wrong is a `FileError`."""
        with self._lock:
            try:
                yield
            except OSError as err:
                self._close()
                raise FileError(err, self.folder) from err


def _name(kind: Kind, at: datetime) -> FileName:
    return FileName(kind, at.year, at.month)


def _lock(descriptor: int, path: Path) -> None:
    """Be the one writer of a file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        err.filename = path
        raise
    except OSError:
        # A network file system without locks.
        return


def _is_untouched(file: _File) -> bool:
    """Return whether nobody has removed, replaced or changed the file since it was last written."""
    try:
        there = file.path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(file.descriptor)) and there.st_size == file.size


def _mend(file: _File) -> int:
    """Make the end of a file whole, and return its size."""
    start = max(0, os.fstat(file.descriptor).st_size - TAIL)
    tail = os.pread(file.descriptor, TAIL, start)
    kind = file.name.kind
    keep, add = mend(kind, tail) if file.is_ours else Mend(len(tail), gap(kind, tail))
    if keep < len(tail):
        os.ftruncate(file.descriptor, start + keep)
    if add:
        _write_all(file.descriptor, add)
    return start + keep + len(add)


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
    os.fsync(descriptor)


def _shorten(path: Path, kind: Kind, limit: int) -> None:
    """Remove the oldest entries of a file, so that less than `limit` bytes are left."""
    with path.open("rb") as old:
        header = old.readline() if kind == "CSV" else b""
        start = max(old.tell(), path.stat().st_size - limit)
        old.seek(start)
        first = boundary(kind, old.read(TAIL))
        if first is None:
            return
        old.seek(start + first)
        with replacing(path) as new:
            new.write(header)
            shutil.copyfileobj(old, new, _CHUNK)


def _copy(source: Path, to: Path, state: os.stat_result) -> bool:
    """Copy a file as it was at `state`; return False if there is a copy already, or nothing to copy any more."""
    try:
        there = to.stat()
    except FileNotFoundError:
        pass
    else:
        if there.st_size == state.st_size and abs(there.st_mtime - state.st_mtime) <= _COARSEST_TIME:
            return False
    try:
        old = source.open("rb")
    except FileNotFoundError:  # it became too old meanwhile
        return False
    with old, replacing(to) as new:
        left = state.st_size
        while chunk := old.read(min(left, _CHUNK)):
            new.write(chunk)
            left -= len(chunk)
        new.flush()
        # Where times cannot be set it is copied every time.
        with suppress(OSError):
            os.utime(new.fileno(), ns=(state.st_atime_ns, state.st_mtime_ns))
    return True
