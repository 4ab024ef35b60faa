"""Keeps what was learned of a meter over restarts: so a meter that is silent at start has its entities at once."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .const import DOMAIN
from .memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

_VERSION: Final = 1
# Seconds. New things are worth a write soon; totals are only kept to notice a fall, and flash memory wears.
_SOON: Final = 10
_LATER: Final = 3600


class MeterStore:
    """Loads and saves the memory of one config entry."""

    def __init__(self, hass: HomeAssistant, entry_id: str) -> None:
        """Start with an empty memory."""
        self.memory = Memory()
        self.read_loads: Callable[[], dict[str, Any]] | None = None
        """Says what is to be kept of the loads: asked at each write, for it changes with every telegram."""
        self.statistics = asyncio.Lock()
        """Held by who changes the recorder's statistics: what one has read must not change before it writes."""
        self._store: Store[dict[str, Any]] = Store(hass, _VERSION, f"{DOMAIN}.{entry_id}")
        self._soon = False
        self._waiting = False

    async def async_load(self) -> None:
        """Fill the memory with what was saved, if anything was."""
        if (data := await self._store.async_load()) is not None:
            self.memory = Memory.from_json(data)

    async def async_save(self) -> None:
        """Write the memory now."""
        await self._store.async_save(self._data())

    @callback
    def async_save_soon(self) -> None:
        """Write the memory within seconds: something new was learned."""
        # To ask again would put off the write that is waiting.
        if self._soon:
            return
        self._soon = self._waiting = True
        self._store.async_delay_save(self._data, _SOON)

    @callback
    def async_save_later(self) -> None:
        """Write the memory within the hour, and in any case when Home Assistant stops."""
        if not self._waiting:
            self._waiting = True
            self._store.async_delay_save(self._data, _LATER)

    async def async_remove(self) -> None:
        """Forget the meter."""
        await self._store.async_remove()

    def _data(self) -> dict[str, Any]:
        self._soon = self._waiting = False
        if self.read_loads is not None:
            self.memory.loads = self.read_loads()
        return self.memory.to_json()
