"""Kills a writer of a journal again and again, and looks at what is left."""

from multiprocessing import get_context
import os
import random
import time
from typing import TYPE_CHECKING

from p1meter.archive import Journal, Selection
from p1meter.archive.formats import csv_cells, csv_header, csv_line, raw_entry, sml3_line

from .telegrams import entries

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from pathlib import Path

    from p1meter.archive import Entry, JournalFormat

NAMES: dict[JournalFormat, str] = {"sml3": "SML3Nov2026", "raw": "RAWNov2026", "csv": "CSVNov2026.csv"}
_ALL = Selection(None)
_SIP = 7  # bytes


class KilledWriter:
    """A journal whose writer is a process that dies.

    Attributes:
        path: of its file.
        count: so many entries it holds.
        interrupted: how often it was killed while an `append` that left something had not returned.
        halves: how often the next start had to take away half an entry.
    """

    def __init__(self, folder: Path, journal_format: JournalFormat) -> None:
        self.path = folder / NAMES[journal_format]
        self.count = 0
        self.interrupted = 0
        self.halves = 0
        self._folder = folder
        self._format: JournalFormat = journal_format
        self._text = b""

    def die_while_writing(self) -> None:
        """Let a process go on writing, kill it (`kill -9`), and look at what is there after the next start.

        Every entry whose writing had returned has to be there, whole, and nothing after the last whole entry.
        """
        context = get_context("fork")
        told, tells = context.Pipe(duplex=False)
        process = context.Process(target=self._write, args=(tells,), daemon=True)
        process.start()
        tells.close()
        acknowledged = told.recv()
        time.sleep(random.uniform(0, 0.05))
        process.kill()
        process.join()
        while told.poll():
            try:
                acknowledged = told.recv()
            except EOFError:
                break
        told.close()
        self._look(acknowledged)

    def _write(self, tells: Connection) -> None:
        """Write as fast as possible, and tell how many entries there are whenever `append` has returned."""
        if random.random() < 0.5:
            write = os.write
            # A disk may take less than it is given; then it is within an entry that the process dies.
            os.write = lambda descriptor, data: write(descriptor, memoryview(data)[:_SIP])
        journal = Journal(self._folder, self._format, _ALL)
        journal.open()
        count = self.count
        while True:
            batch = entries(count, random.randint(1, 100))
            while batch:
                written = journal.append(batch)
                count += written
                batch = batch[written:]
                tells.send(count)

    def _look(self, acknowledged: int) -> None:
        left = self.path.stat().st_size
        journal = Journal(self._folder, self._format, _ALL)
        journal.open()
        journal.close()
        text = self.path.read_bytes()
        added = text[len(self._text) :]
        count = self.count + self._entries_in(added)
        assert acknowledged > self.count, "nothing was written before it was killed"
        assert count >= acknowledged, f"{acknowledged - count} entries are lost whose writing had returned"
        is_as_written = text == self._text + self._written(entries(self.count, count - self.count))
        assert is_as_written, "the file does not hold what was written, byte for byte"
        self.interrupted += left > len(text) or count > acknowledged
        self.halves += left > len(text)
        self.count, self._text = count, text

    def _entries_in(self, text: bytes) -> int:
        if self._format == "raw":
            return text.count(b"/ISK5")
        return text.count(b"\n") - text.startswith(b"time,")

    def _written(self, written: list[Entry]) -> bytes:
        """What has to be in the file."""
        if self._format == "raw":
            return b"".join(raw_entry(one.telegram) for one in written)
        if self._format == "sml3":
            lines = [sml3_line(one.telegram, one.at, _ALL.allows, codes="stripped") for one in written]
        else:
            rows = [(one.telegram.time, csv_cells(one.readings)) for one in written]
            columns = tuple(rows[0][1])
            lines = [] if self._text else [csv_header(columns)]
            lines += [csv_line(time, columns, row) for time, row in rows if time is not None]
        return "".join(f"{line}\n" for line in lines).encode()
