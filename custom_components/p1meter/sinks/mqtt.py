"""Publishes telegrams at the broker of Home Assistant's MQTT integration, also after it was away.

How Home Assistant and paho take a message decides how nothing is doubled and nothing lost (their client.py):
- without a connection Home Assistant refuses it, but paho keeps it where QoS is not 0: so nothing is given then;
- with QoS 0, paho forgets what it has not written yet when the connection is lost; with QoS 1 and 2 it keeps what is
  not acknowledged and sends it again, first, after the next connection. All that is over when the MQTT entry is
  reloaded: its client is another one then;
- after ten seconds without acknowledgement Home Assistant returns as if there had been one.

So the messages of one interval are given at a time. What is not acknowledged in time has arrived once a later message,
our `online`, is acknowledged, because client and broker keep to the order; unless whoever kept it was lost meanwhile:
then it is given again.
"""

import asyncio
from collections import deque
from enum import Enum, auto
import json
import logging
from typing import TYPE_CHECKING, Final, NamedTuple
import zlib

from homeassistant.config_entries import SIGNAL_CONFIG_ENTRY_CHANGED
from homeassistant.core import callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.util.async_ import create_eager_task

from ..archive.selection import Selection
from . import SinkStatus
from .layouts import ARRAYS, CLOCK, Message, is_prefix, messages, status_topic

if TYPE_CHECKING:
    from datetime import datetime

    from homeassistant.components.mqtt import MQTT
    from homeassistant.config_entries import ConfigEntry, ConfigEntryChange
    from homeassistant.core import CALLBACK_TYPE, HomeAssistant

    from ..meter import Obis
    from ..sink_settings import MqttSettings
    from . import Delivery

_LOGGER = logging.getLogger(__name__)

_MQTT: Final = "mqtt"
_ONLINE: Final = "online"
_OFFLINE: Final = "offline"

# In seconds. Less than Home Assistant waits for an acknowledgement, so that we know there was none.
_PATIENCE: Final = 9.0
# Before a message is tried again that was not taken while the broker is there.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 300.0
# After so long a person should know that nothing arrives.
_LONG: Final = 300.0
# For what is waiting when we are to end, and for the last word.
_TO_FINISH: Final = 3.0
_TO_SAY_GOODBYE: Final = 1.0
# Times as long as publishing a telegram takes others are let in before the next, where several wait.
_SHARE_OF_OTHERS: Final = 4
# No meter is so punctual that an interval of ten seconds is never 9.9.
_JITTER: Final = 0.5


class _Fate(Enum):
    """What has become of a message."""

    DONE = auto()
    GIVEN = auto()  # out of our hands, and not acknowledged
    REFUSED = auto()


class _Interval(NamedTuple):
    """What is to be published of an interval that is over.

    Attributes:
        packed: its messages, in one piece. When thousands of telegrams have waited as objects, memory that their
            small parts lay in stays taken for long.
        telegrams: how many it is of.
        since: when it was over, by the clock of the event loop.
    """

    packed: bytes
    telegrams: int
    since: float

    def messages(self) -> list[Message]:
        """Return its messages, in order."""
        return [Message(topic, payload) for topic, payload in json.loads(zlib.decompress(self.packed))]


class _Link(NamedTuple):
    """To which broker, by which connection, a message is given."""

    client: MQTT | None
    connection: int


class MqttSink:
    """The telegrams of one meter, at the broker."""

    def __init__(self, hass: HomeAssistant, settings: MqttSettings, selected: frozenset[Obis] | None) -> None:
        """Prepare.

        Args:
            hass: whose MQTT integration is used.
            settings: what is published, and how.
            selected: the objects that are; None: all.
        """
        self.status = SinkStatus()
        self._hass = hass
        self._settings = settings
        self._selects_nothing = selected is not None and not selected
        self._selection = Selection(None if selected is None else selected | {CLOCK})
        self._keeps_all = not ARRAYS.isdisjoint(settings.layouts)
        # What is collected for an interval is not too old before it is over.
        self._keep_s = max(settings.keep_s, 2 * settings.interval)
        # The telegrams of the interval that is not over, and the intervals that are, without the one under way.
        self._open: list[Delivery] = []
        self._waiting: deque[_Interval] = deque()
        self._last: datetime | None = None
        self._link = _Link(None, 0)
        self._connected = asyncio.Event()
        self._wake = asyncio.Event()
        # The connection by which `online` has arrived.
        self._greeted: _Link | None = None
        self._reached_at = hass.loop.time()
        self._said_invalid = False
        self._stopping = False
        self._listeners: list[CALLBACK_TYPE] = []
        self._hears_mqtt = False
        self._task: asyncio.Task[None] | None = None

    @callback
    def take(self, delivery: Delivery) -> None:
        """Keep a telegram until its interval is over and the broker is there."""
        now = self._hass.loop.time()
        self._look(now)
        if self._task is None or self._selects_nothing:
            return
        is_due = self._ends_interval(delivery.received)
        if not is_due and not self._keeps_all:
            return
        self.status.taken += 1
        while self._waiting and now - self._waiting[0].since > self._keep_s:
            self.status.dropped += self._waiting.popleft().telegrams
        self._open.append(delivery)
        if is_due:
            self._close(now)
        self._count()

    async def async_start(self) -> None:
        """Begin; MQTT may be set up later."""
        if not is_prefix(self._settings.prefix):
            self.status.error, self.status.facts = "mqtt_prefix", {"prefix": self._settings.prefix[:100]}
            return
        if self._selects_nothing:
            _LOGGER.warning("Nothing is published over MQTT: no objects are selected")
        self._listeners.append(async_dispatcher_connect(self._hass, SIGNAL_CONFIG_ENTRY_CHANGED, self._entry_changed))
        self._hear_mqtt()
        self._task = self._hass.async_create_background_task(self._run(), "p1meter publishes over MQTT")
        self._look(self._hass.loop.time())

    async def async_stop(self) -> None:
        """Publish what can be in three seconds, say `offline`, and end."""
        task, self._task = self._task, None
        if task is None:
            return
        if self._open:
            self._close(self._hass.loop.time())
        self._stopping = True
        self._wake.set()
        if self._connected.is_set():
            await asyncio.wait([task], timeout=_TO_FINISH)
        task.cancel()
        await asyncio.wait([task])
        if self._connected.is_set():
            await self._publish(self._status_message(_OFFLINE), retain=True, patience=_TO_SAY_GOODBYE)
        for remove in self._listeners:
            remove()
        self._listeners.clear()
        if lost := self.status.waiting:
            _LOGGER.warning("The broker is away: %s telegrams that waited for it are not published", lost)
            self.status.dropped += lost
            self._waiting.clear()
            self._count()

    # --- the broker --------------------------------------------------------------------------------------------------

    @callback
    def _hear_mqtt(self) -> None:
        """Learn how it is with the broker, and hear when that changes; MQTT may have been set up or reloaded."""
        # Where MQTT is not set up, its library may not be installed.
        if _MQTT not in self._hass.config.components:
            return
        from homeassistant.components import mqtt  # noqa: PLC0415 (see above)

        if not self._hears_mqtt:
            self._hears_mqtt = True
            self._listeners.append(mqtt.async_subscribe_connection_status(self._hass, self._connection_changed))
        if mqtt.DATA_MQTT in self._hass.data:
            self._connection_changed(mqtt.is_connected(self._hass))

    @callback
    def _entry_changed(self, _: ConfigEntryChange, entry: ConfigEntry) -> None:
        if entry.domain == _MQTT:
            self._hear_mqtt()

    @callback
    def _connection_changed(self, connected: bool) -> None:  # noqa: FBT001 (its caller is Home Assistant)
        from homeassistant.components import mqtt  # noqa: PLC0415 (whoever calls us has imported it)

        client = self._hass.data[mqtt.DATA_MQTT].client
        if client is not self._link.client or connected is not self._connected.is_set():
            self._link = _Link(client, self._link.connection + 1)
        if connected:
            self._connected.set()
            self._wake.set()
        else:
            self._connected.clear()

    @callback
    def _look(self, now: float) -> None:
        """Say what is wrong."""
        if self.status.error == "mqtt_prefix":
            return
        if not self._hass.config_entries.async_has_entries(_MQTT, include_ignore=False, include_disabled=False):
            self.status.error, self.status.facts = "mqtt_missing", {}
        elif self._greeted == self._link and self._connected.is_set():
            self.status.error = None
        elif now - self._reached_at > _LONG:
            self.status.error = "mqtt_away"
            self.status.facts = {"minutes": str(round(self._keep_s / 60))}
        else:
            self.status.error = None

    # --- sending -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        """Publish what is waiting, in order."""
        while True:
            self._wake.clear()
            if self._connected.is_set():
                await self._reach()
                while self._connected.is_set() and self._waiting:
                    await self._send(self._waiting.popleft())
                    # Each new connection begins with `online`, also while much is waiting.
                    await self._reach()
            if self._stopping:
                return
            await self._wake.wait()

    async def _send(self, interval: _Interval) -> None:
        """Publish what is to be of an interval, however long that takes."""
        settings, time = self._settings, self._hass.loop.time
        began = time()
        left = interval.messages()
        busy = time() - began
        while left:
            link, began = self._link, time()
            tasks = [create_eager_task(self._publish(message, retain=settings.retain)) for message in left]
            busy += time() - began
            fates = list(zip(left, await asyncio.gather(*tasks), strict=True))
            given = [message for message, fate in fates if fate is _Fate.GIVEN]
            left = [message for message, fate in fates if fate is _Fate.REFUSED]
            if given or left:
                self._greeted = None
                await self._reach()
            if given and not self._still_has(link):
                left = given + left
        self.status.sent += interval.telegrams
        self._count()
        if self._waiting:
            # When an hour is published at once, most of the time is for others: the meter goes on.
            await asyncio.sleep(_SHARE_OF_OTHERS * busy)

    def _still_has(self, link: _Link) -> bool:
        """Return whether what was given is still where it was given to."""
        return link == self._link if self._settings.qos == 0 else link.client is self._link.client

    async def _reach(self) -> None:
        """Return when the broker is there and `online` has arrived, and with it all that was given before."""
        pause = _FIRST_PAUSE
        while True:
            await self._connected.wait()
            link = self._link
            if self._greeted == link:
                return
            if await self._publish(self._status_message(_ONLINE), retain=True) is _Fate.DONE and link == self._link:
                self._greeted = link
                self._reached_at = self._hass.loop.time()
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _status_message(self, payload: str) -> Message:
        return Message(status_topic(self._settings.prefix), payload)

    async def _publish(self, message: Message, *, retain: bool, patience: float | None = None) -> _Fate:
        """Give a message to Home Assistant, and return what has become of it."""
        from homeassistant.components import mqtt  # noqa: PLC0415 (there is a connection: it is imported)

        if not self._connected.is_set() or not mqtt.is_connected(self._hass):
            return _Fate.REFUSED
        try:
            # From here to the client nothing is awaited: there is a connection still.
            async with asyncio.timeout(_PATIENCE if patience is None else patience):
                await mqtt.async_publish(self._hass, message.topic, message.payload, self._settings.qos, retain)
        except TimeoutError:
            return _Fate.GIVEN
        except HomeAssistantError:
            return _Fate.REFUSED
        except ValueError as err:
            # It will never be taken: what comes after it must not wait for that.
            if not self._said_invalid:
                self._said_invalid = True
                _LOGGER.warning("Messages cannot be published over MQTT, the first on %s: %s", message.topic[:100], err)
        return _Fate.DONE

    # --- bookkeeping -------------------------------------------------------------------------------------------------

    def _ends_interval(self, received: datetime) -> bool:
        if self._last is not None:
            passed = (received - self._last).total_seconds()
            # A clock that was set back must not stop us.
            if 0 <= passed < self._settings.interval - _JITTER:
                return False
        self._last = received
        return True

    def _close(self, now: float) -> None:
        """End the interval: what is to be published of it waits for the broker."""
        deliveries, self._open = self._open, []
        settings = self._settings
        found = list(messages(settings.layouts, deliveries, settings.prefix, self._selection))
        # The quickest level: most of it is the same words again.
        packed = zlib.compress(json.dumps(found).encode(), level=1)
        self._waiting.append(_Interval(packed, len(deliveries), now))
        self._wake.set()

    def _count(self) -> None:
        """Count what waits, also what is under way."""
        self.status.waiting = self.status.taken - self.status.sent - self.status.dropped
