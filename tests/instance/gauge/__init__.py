"""Measures inside Home Assistant what cannot be seen from outside (`scripts/bench memory` and `start`)."""

import asyncio
from collections import Counter
from contextlib import suppress
import ctypes
from dataclasses import dataclass
import gc
from pathlib import Path
import resource
import struct
import sys
import threading
import time
from typing import TYPE_CHECKING

from homeassistant.components.recorder.const import DB_WORKER_PREFIX
from homeassistant.components.recorder.tasks import RecorderTask
from homeassistant.const import EVENT_STATE_CHANGED, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import SupportsResponse, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.recorder import get_instance
from sqlalchemy import text

if TYPE_CHECKING:
    from homeassistant.components.recorder.core import Recorder
    from homeassistant.core import Event, EventStateChangedData, HomeAssistant, ServiceCall, ServiceResponse
    from homeassistant.helpers.typing import ConfigType

DOMAIN = "gauge"
_PATIENCE_S = 60
# glibc's malloc keeps what a thread allocates in an arena of its own, which begins at a multiple of this (arena.c,
# HEAP_MAX_SIZE on 64 bits); more than is kept for the same thread, and less than comes from the kernel directly.
_ARENA = 64 * 2**20
_FROM_ARENA = 64 * 2**10


@dataclass(slots=True)
class _ShrinkTask(RecorderTask):
    """Lets the recorder's own connection shrink."""

    def run(self, instance: Recorder) -> None:
        _shrink(instance)


@dataclass(slots=True)
class _ArenaTask(RecorderTask):
    """Finds where the memory begins that SQLite takes for the recorder."""

    found: asyncio.Future[int]

    def run(self, instance: Recorder) -> None:
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        libc.free.argtypes = [ctypes.c_void_p]
        pointer = libc.malloc(ctypes.c_size_t(_FROM_ARENA))
        libc.free(pointer)
        instance.hass.loop.call_soon_threadsafe(self.found.set_result, pointer // _ARENA * _ARENA)


async def async_setup(hass: HomeAssistant, _config: ConfigType) -> bool:
    """Offer the actions `gauge.weigh`, `gauge.hold` and `gauge.set_up`, which answer."""

    async def weigh(_call: ServiceCall) -> ServiceResponse:
        """Return what the process holds, in bytes and in blocks of Python, when what nobody needs is given back.

        Of the bytes, `recorder` is what the recorder's thread has of the C library: that is SQLite.
        """
        recorder = get_instance(hass)
        await _shrink_all(recorder)
        arena: asyncio.Future[int] = hass.loop.create_future()
        recorder.queue_task(_ArenaTask(arena))
        return await hass.async_add_executor_job(_weigh, await arena)

    async def hold(_call: ServiceCall) -> ServiceResponse:
        """Return how many tasks, threads and open files of each kind the process has."""
        files = await hass.async_add_executor_job(_open_files)
        return {"tasks": len(asyncio.all_tasks()), "threads": threading.active_count(), **files}

    async def set_up(call: ServiceCall) -> ServiceResponse:
        """Unload an entry and set it up again; return how long that took, and until one of its sensors had a value (s).

        The processor time is that of the thread of the event loop.
        """
        entry_id = call.data["entry_id"]
        registry = er.async_get(hass)
        shown: asyncio.Future[float] = hass.loop.create_future()

        @callback
        def changed(event: Event[EventStateChangedData]) -> None:
            new, entity = event.data["new_state"], registry.async_get(event.data["entity_id"])
            if new is None or entity is None or entity.config_entry_id != entry_id or shown.done():
                return
            if entity.domain == "sensor" and new.state not in {STATE_UNAVAILABLE, STATE_UNKNOWN}:
                shown.set_result(time.monotonic())

        await hass.config_entries.async_unload(entry_id)
        await hass.async_block_till_done()
        remove = hass.bus.async_listen(EVENT_STATE_CHANGED, changed)
        try:
            began, processor = time.monotonic(), time.thread_time()
            await hass.config_entries.async_setup(entry_id)
            ready, processor = time.monotonic(), time.thread_time() - processor
            async with asyncio.timeout(_PATIENCE_S):
                first = await shown
        finally:
            remove()
        return {"set_up": ready - began, "processor": processor, "first_state": first - began}

    hass.services.async_register(DOMAIN, "weigh", weigh, supports_response=SupportsResponse.ONLY)
    hass.services.async_register(DOMAIN, "hold", hold, supports_response=SupportsResponse.ONLY)
    hass.services.async_register(DOMAIN, "set_up", set_up, supports_response=SupportsResponse.ONLY)
    return True


async def _shrink_all(recorder: Recorder) -> None:
    """Let SQLite give back what it keeps of the database, which grows with that and not with us."""
    recorder.queue_task(_ShrinkTask())
    await recorder.async_block_till_done()
    workers = sum(thread.name.startswith(DB_WORKER_PREFIX) for thread in threading.enumerate())
    # Each has a connection of its own: none may do the work of another.
    together = threading.Barrier(max(1, workers))
    jobs = [recorder.async_add_executor_job(_shrink, recorder, together) for _ in range(workers)]
    await asyncio.gather(*jobs)


def _shrink(recorder: Recorder, together: threading.Barrier | None = None) -> None:
    if together is not None:
        together.wait(_PATIENCE_S)
    with recorder.get_session() as session:
        session.execute(text("PRAGMA shrink_memory"))


def _open_files() -> dict[str, int]:
    kinds: Counter[str] = Counter()
    for file in Path("/proc/self/fd").iterdir():
        # That of the listing itself is gone already.
        with suppress(OSError):
            kinds[str(file.readlink()).partition(":")[0]] += 1
    sockets = kinds.pop("socket", 0)
    return {"sockets": sockets, "files": kinds.total()}


def _weigh(arena: int) -> ServiceResponse:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    page = resource.getpagesize()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    # A number of 64 bits for each page; the highest says whether it is there (proc_pid_pagemap(5)).
    with Path("/proc/self/pagemap").open("rb") as file:
        file.seek(arena // page * 8)
        there = sum(number >> 63 for (number,) in struct.iter_unpack("<Q", file.read(_ARENA // page * 8)))
    return {"bytes": pages * page, "blocks": sys.getallocatedblocks(), "recorder": there * page}
