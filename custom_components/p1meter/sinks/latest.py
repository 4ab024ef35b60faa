"""A file that holds the newest telegram, for programs that read one file."""

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..archive import JOURNALS, FileError, replacing
from . import SinkStatus

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from ..archive.errors import FileErrorKind
    from ..sink_settings import LatestFileSettings
    from . import Delivery

_LOGGER = logging.getLogger(__name__)

# Meters are not punctual: what comes a little early for the interval is not left out.
_EARLY: Final = 0.9
# At the end there is so much time to write the rest (s).
_END_TIMEOUT: Final = 4
_TOLD: Final[frozenset[FileErrorKind]] = frozenset({"disk_full", "denied", "missing"})


class LatestFileSink:
    """Writes the newest telegram as it came, in a task of its own. A reader finds all of it or nothing."""

    def __init__(self, hass: HomeAssistant, settings: LatestFileSettings) -> None:
        """Prepare to write; nothing is touched yet."""
        self.status = SinkStatus()
        self._hass = hass
        self._settings = settings
        self._path = Path(settings.path)
        # A folder that is somebody else's is not made: it may be a share that is away.
        self._makes_folder = self._path.is_relative_to(hass.config.path(JOURNALS))
        self._newest = b""
        self._due = 0.0
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    async def async_write(self, telegram: bytes) -> bool:
        """Write a telegram at once, whatever the interval.

        Returns:
            Whether it was written: not where whoever reads the file has not taken the one before.

        Raises:
            FileError: it cannot be written.
        """
        try:
            async with self._writing:
                return await self._hass.async_add_executor_job(self._write_file, telegram)
        except OSError as err:
            raise FileError(err, self._path) from err

    def take(self, delivery: Delivery) -> None:
        """Take the next telegram; one that was not written yet is not the newest any more."""
        now = self._hass.loop.time()
        if now < self._due:
            return
        self._due = now + self._settings.interval * _EARLY
        self._newest = delivery.telegram.raw
        self.status.taken += 1
        self.status.waiting = 1
        self._wake.set()

    async def async_start(self) -> None:
        """Begin to write."""
        self._task = self._hass.async_create_background_task(self._write(), "p1meter latest telegram")

    async def async_stop(self) -> None:
        """Write what waits, if the disk takes it in time."""
        task, self._task = self._task, None
        if task is not None:
            self._is_stopping = True
            self._wake.set()
            await asyncio.wait([task], timeout=_END_TIMEOUT)
            task.cancel()

    async def _write(self) -> None:
        while self.status.waiting or not self._is_stopping:
            await self._wake.wait()
            self._wake.clear()
            if self.status.waiting:
                await self._write_newest()

    async def _write_newest(self) -> None:
        self.status.waiting = 0
        try:
            if await self.async_write(self._newest):
                self.status.sent += 1
        except FileError as err:
            if self.status.cannot_write("latest_file", err, _TOLD):
                _LOGGER.warning("The file with the newest telegram cannot be written: %s", err)
        else:
            self.status.error = None

    def _write_file(self, telegram: bytes) -> bool:
        """Write the file, unless whoever reads it has not taken the one before; return whether it was written."""
        if self._settings.mode == "if_absent" and self._path.exists():
            return False
        if self._makes_folder:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self._path) as file:
            file.write(telegram)
        return True
