"""Keeps what was learned of a meter over restarts: so a meter that is silent at start has its entities at once."""

import asyncio
from typing import TYPE_CHECKING, Any, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.json import json_dumps
from homeassistant.helpers.storage import Store
from homeassistant.util.hass_dict import HassKey
from homeassistant.util.json import json_loads_object

from .const import DOMAIN
from .memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable

_VERSION: Final = 1
# Seconds. New things are worth a write soon; totals are only kept to notice a fall, and flash memory wears.
_SOON: Final = 10
_LATER: Final = 3600

_STORES: HassKey[dict[str, MeterStore]] = HassKey(f"{DOMAIN}_stores")
"""By the id of the config entry."""


@callback
def async_store_of(hass: HomeAssistant, entry_id: str) -> MeterStore:
    """Return the store of a config entry, the same one however often the entry is set up.

    Who changes statistics may be at it while the entry is set up anew: two stores would each overwrite what the other
    has learned, and each have a lock of its own.
    """
    stores = hass.data.setdefault(_STORES, {})
    if entry_id not in stores:
        stores[entry_id] = MeterStore(hass, entry_id)
    return stores[entry_id]


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
        self._hass = hass
        self._entry_id = entry_id
        self._loading = asyncio.Lock()
        self._is_loaded = False
        self._soon = False
        self._waiting = False

    async def async_load(self) -> None:
        """Fill the memory with what was saved, if anything was; the first time. Later it is what it has become."""
        async with self._loading:
            if self._is_loaded:
                # As it would be read: who takes up the loads gets lists for tuples, and texts for keys.
                self.memory.loads = dict(json_loads_object(json_dumps(self.memory.loads)))
                return
            if (data := await self._store.async_load()) is not None:
                self.memory = Memory.from_json(data)
            self._is_loaded = True

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
        self._hass.data.get(_STORES, {}).pop(self._entry_id, None)
        await self._store.async_remove()

    def _data(self) -> dict[str, Any]:
        self._soon = self._waiting = False
        if self.read_loads is not None:
            self.memory.loads = self.read_loads()
        return self.memory.to_json()
