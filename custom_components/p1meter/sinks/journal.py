"""The journal: what the meter sent, in monthly files under Home Assistant's configuration folder."""

import asyncio
from collections import deque
from contextlib import suppress
from datetime import timedelta
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from homeassistant.util import dt as dt_util

from ..archive import JOURNALS, Entry, FileError, Journal, Moments, Selection
from . import Delivery, SinkStatus

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from ..archive.errors import FileErrorKind
    from ..meter import Obis
    from ..sink_settings import JournalSettings

_LOGGER = logging.getLogger(__name__)

# What waits while the disk is slow or full: an hour of a meter that talks every second, at 6 to 9 kB each (measured).
_MOST_WAITING: Final = 3600
_MOST_AT_ONCE: Final = 100
# After which time a disk that was full is tried again (s).
_RETRY_PAUSE: Final = 60
# At the end there is so much time to write the rest (s).
_END_TIMEOUT: Final = 4
# The clock of this computer and the meter's say the same month.
_SAME_TIME: Final = timedelta(days=1)
_TOLD: Final[frozenset[FileErrorKind]] = frozenset({"disk_full", "denied", "in_use"})


class JournalSink:
    """Writes what is chosen of the telegrams, in a task of its own."""

    def __init__(self, hass: HomeAssistant, settings: JournalSettings, selected: frozenset[Obis] | None) -> None:
        """Prepare to write; nothing is touched yet.

        Args:
            hass: Home Assistant.
            settings: what the person chose.
            selected: the objects that are kept; None: all.
        """
        self.status = SinkStatus()
        selection = Selection(selected)
        self.journal = Journal(
            Path(hass.config.path(JOURNALS, settings.folder)),
            settings.format,
            selection,
            keep_months=settings.keep_months,
            max_mb=settings.max_mb,
        )
        self._hass = hass
        self._keeps_nothing = selection.is_empty and settings.format != "raw"
        self._moments = Moments[Delivery](settings.interval)
        self._last: bytes | None = None
        self._waiting: deque[Entry] = deque()
        self._being_written = 0
        self._wake = asyncio.Event()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def size(self) -> int:
        """Bytes that the journal takes on the disk."""
        return self.journal.size

    async def async_copy(self, to: Path) -> list[str]:
        """Copy the files that changed since the last copy to a folder, and return their names, the oldest first.

        Raises:
            FileError: it cannot be done.
        """
        return await self._hass.async_add_executor_job(self.journal.copy_changed, to)

    async def async_append(self, entry: Entry) -> None:
        """Write an entry at once, whatever the interval.

        Raises:
            FileError: it cannot be written.
        """
        try:
            await self._hass.async_add_executor_job(self.journal.append, [entry])
        finally:
            if self._task is None:
                # It was stopped meanwhile, or never begun: nobody else lets the file go.
                await self._hass.async_add_executor_job(self.journal.close)

    def take(self, delivery: Delivery) -> None:
        """Take the next telegram."""
        if self._keeps_nothing:
            return
        telegram = delivery.telegram
        # The same moment once; without a clock two telegrams may well be the same.
        if telegram.time is not None and telegram.raw == self._last:
            return
        self._last = telegram.raw
        for chosen in self._moments.choose(delivery.time.timestamp(), delivery):
            self._waiting.append(Entry(chosen.telegram, chosen.readings, dt_util.as_local(chosen.received)))
            self.status.taken += 1
        self._count()
        if self._waiting:
            self._wake.set()

    async def async_start(self) -> None:
        """Begin to write."""
        if self._keeps_nothing:
            _LOGGER.warning("Nothing is written to %s: no object is selected", self.journal.folder)
            return
        self._task = self._hass.async_create_background_task(self._write(), "p1meter journal")

    async def async_stop(self) -> None:
        """Write what waits, if the disk takes it in time, and let the file go."""
        task, self._task = self._task, None
        if task is None:
            return
        self._stopping.set()
        self._wake.set()
        _, stuck = await asyncio.wait([task], timeout=_END_TIMEOUT)
        closed = self._hass.async_add_executor_job(self.journal.close)
        if stuck:
            # It is closed when the disk has done what it is busy with; nobody waits for that.
            task.cancel()
        else:
            await closed

    async def _write(self) -> None:
        is_open = False
        while True:
            try:
                if not is_open:
                    await self._hass.async_add_executor_job(self.journal.open)
                    is_open = True
                while self._waiting:
                    await self._write_some()
            except FileError as err:
                self._failed(err)
                if self._stopping.is_set():
                    return
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), _RETRY_PAUSE)
                continue
            self._succeeded()
            if self._stopping.is_set():
                return
            self._wake.clear()
            await self._wake.wait()

    async def _write_some(self) -> None:
        entries = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_AT_ONCE))]
        self._being_written = len(entries)
        written = 0
        try:
            written = await self._hass.async_add_executor_job(self.journal.append, entries)
        finally:
            self._being_written = 0
            self._waiting.extendleft(reversed(entries[written:]))
            self.status.sent += written
            self._count()
        newest = entries[written - 1]
        time = newest.telegram.time
        is_sure = time is None or abs(time - newest.at) < _SAME_TIME
        await self._hass.async_add_executor_job(self.journal.prune, newest.at if is_sure else None)

    def _count(self) -> None:
        """Forget the oldest of what is too much."""
        while len(self._waiting) + self._being_written > _MOST_WAITING:
            self._waiting.popleft()
            self.status.dropped += 1
        self.status.waiting = len(self._waiting) + self._being_written

    def _failed(self, err: FileError) -> None:
        if self.status.cannot_write("journal", err, _TOLD):
            _LOGGER.warning("The journal cannot be written: %s", err)

    def _succeeded(self) -> None:
        if self.status.error is not None:
            _LOGGER.info("The journal is written again")
        self.status.error = None
