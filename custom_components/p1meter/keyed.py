"""Who is called when: only the listeners of what is due, instead of all of them with every telegram."""

from typing import TYPE_CHECKING, Any, override

from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    import logging

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import HomeAssistant

    from .memory import Memory, Slot
    from .news import News


class KeyedCoordinator[T](DataUpdateCoordinator[T]):
    """A coordinator to which data come by themselves.

    Listeners give the ids of their slots (`electricity_power`, `gas_gas`) as context.
    """

    def __init__(self, hass: HomeAssistant, logger: logging.Logger, entry: ConfigEntry, memory: Memory) -> None:
        """Start without listeners and without data."""
        super().__init__(hass, logger, config_entry=entry, name=entry.domain, update_interval=None)
        # Not before the first telegram.
        self.last_update_success = False
        self.memory = memory
        self._keyed: dict[str, dict[CALLBACK_TYPE, None]] = {}
        self._slot_listeners: list[Callable[[list[Slot]], None]] = []
        self._news_listener: Callable[[News], None] | None = None

    @callback
    @override
    def async_add_listener(self, update_callback: CALLBACK_TYPE, context: Any = None) -> Callable[[], None]:
        """Call back when one of the slots of `context` is due, and whenever availability changes."""
        remove_from_all = super().async_add_listener(update_callback, context)
        slots: tuple[str, ...] = tuple(context or ())
        for slot in slots:
            self._keyed.setdefault(slot, {})[update_callback] = None

        def remove() -> None:
            remove_from_all()
            for slot in slots:
                self._keyed[slot].pop(update_callback, None)
                if not self._keyed[slot]:
                    del self._keyed[slot]

        return remove

    @callback
    def async_listen_for_slots(self, listener: Callable[[Iterable[Slot]], None]) -> CALLBACK_TYPE:
        """Call `listener` with all slots that are known, now, and with new ones when they come."""
        self._slot_listeners.append(listener)
        listener(list(self.memory.slots.values()))
        return lambda: self._slot_listeners.remove(listener)

    @callback
    def async_listen_for_news(self, listener: Callable[[News], None]) -> CALLBACK_TYPE:
        """Call `listener`, the only one, with what is new since the last telegram that was looked at."""
        self._news_listener = listener

        def remove() -> None:
            self._news_listener = None

        return remove

    @override
    async def async_request_refresh(self) -> None:
        """Do nothing: nothing can be asked of a meter that talks by itself.

        The base class would fail and take the entities for unavailable (`homeassistant.update_entity`).
        """

    @callback
    def call(self, due: Iterable[str]) -> None:
        """Call the listeners of these slots, each once."""
        wanted: dict[CALLBACK_TYPE, None] = {}
        for slot in due:
            wanted.update(self._keyed.get(slot, {}))
        for update_callback in wanted:
            try:
                update_callback()
            except Exception:
                # One that fails must not starve the others.
                self.logger.exception("Unexpected error updating a listener of %s", self.name)
