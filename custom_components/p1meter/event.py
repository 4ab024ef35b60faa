"""Events: what the grid company says, and power failures."""

from collections import deque
from datetime import datetime
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from .entity import MeterEntity
from .load_entity import SiteEntity
from .loads import Alarm
from .news import FAILURE_KEYS, MESSAGE_KEYS, News, NewsKind
from .roles import ELECTRICITY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import MeterCoordinator, P1MeterConfigEntry
    from .load_manager import ProtectionEvent, ProtectionKind
    from .memory import Slot

PARALLEL_UPDATES = 0

EVENT_TYPES: Final = {NewsKind.MESSAGE: "message_received", NewsKind.POWER_FAILURE: "power_failed"}
"""What is fired for each kind of news."""

_ALARM_OVER: Final = "alarm_over"
_SHEDDINGS: Final[dict[ProtectionKind, str]] = {"fuse": "shed_fuse", "demand": "shed_demand", "stale": "safe_state"}
_PROTECTION: Final = EventEntityDescription(
    key="protection", translation_key="protection", event_types=[*_SHEDDINGS.values(), *Alarm, _ALARM_OVER]
)

_KINDS: Final = {
    **dict.fromkeys(MESSAGE_KEYS, NewsKind.MESSAGE),
    **dict.fromkeys(FAILURE_KEYS, NewsKind.POWER_FAILURE),
}
# News that comes before the entity is there.
_WAITING_KEPT: Final = 10


async def async_setup_entry(
    _hass: HomeAssistant, entry: P1MeterConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add an entity for each kind of news that the meter can tell, now or when it begins to."""
    coordinator = entry.runtime_data
    entities: dict[NewsKind, NewsEvent] = {}

    @callback
    def add(slots: Iterable[Slot]) -> None:
        for kind in dict.fromkeys(_KINDS[slot.key] for slot in slots if slot.key in _KINDS):
            if kind not in entities:
                entities[kind] = NewsEvent(coordinator, kind)
                async_add_entities([entities[kind]])

    @callback
    def tell(news: News) -> None:
        if (entity := entities.get(news.kind)) is not None:
            entity.tell(news)

    entry.async_on_unload(coordinator.async_listen_for_slots(add))
    entry.async_on_unload(coordinator.async_listen_for_news(tell))
    if (loads := coordinator.loads) is not None:
        async_add_entities([ProtectionEntity(entry, loads, _PROTECTION)])


class NewsEvent(MeterEntity, EventEntity):
    """One kind of news."""

    def __init__(self, coordinator: MeterCoordinator, kind: NewsKind) -> None:
        """Fire when there is news of this kind."""
        super().__init__(coordinator, ELECTRICITY, kind)
        self._attr_translation_key = kind
        self._attr_event_types = [EVENT_TYPES[kind]]
        self._waiting: deque[News] = deque(maxlen=_WAITING_KEPT)
        self._added = False

    @override
    async def async_added_to_hass(self) -> None:
        """Fire what came in the meantime."""
        await super().async_added_to_hass()
        self._added = True
        while self._waiting:
            self.tell(self._waiting.popleft())

    @callback
    def tell(self, news: News) -> None:
        """Fire the event. An entity that is disabled is never added, and what it keeps is never fired."""
        if not self._added:
            self._waiting.append(news)
            return
        facts = {
            name: dt_util.as_local(fact).isoformat() if isinstance(fact, datetime) else fact
            for name, fact in news.facts.items()
        }
        self._trigger_event(EVENT_TYPES[news.kind], facts)
        self.async_write_ha_state()


class ProtectionEntity(SiteEntity, EventEntity):
    """What was done to protect the connection, and what has to be known of it."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen from now on."""
        await super().async_added_to_hass()
        self.async_on_remove(self.loads.async_listen_for_events(self._tell))

    @callback
    def _tell(self, event: ProtectionEvent) -> None:
        """Fire what happened, with the load or the alarm that it was about, and the numbers behind it."""
        facts = {name: round(fact, 1) if isinstance(fact, float) else fact for name, fact in event.facts.items()}
        if event.alarm is None:
            self._trigger_event(_SHEDDINGS[event.kind], {"load": event.title, **facts})
        elif event.kind == "alarm_ended":
            self._trigger_event(_ALARM_OVER, {"alarm": event.alarm})
        else:
            self._trigger_event(event.alarm, facts)
        self.async_write_ha_state()
