"""Hands every telegram to the sinks that the person has switched on, and says what is wrong with them."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from homeassistant.core import HassJob, callback
from homeassistant.helpers import issue_registry as ir

from .roles import ELECTRICITY, kind_and_number
from .sink_settings import SinkSettings
from .sinks import Delivery
from .sinks.influxdb import InfluxSink
from .sinks.journal import JournalSink
from .sinks.latest import LatestFileSink
from .sinks.mqtt import MqttSink
from .sinks.server import ServerSink

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from homeassistant.core import CALLBACK_TYPE, HomeAssistant

    from .issues import Issues
    from .memory import Slot
    from .meter import Reading, Telegram
    from .sinks import Sink

_LOGGER = logging.getLogger(__name__)

SINK_KEYS: Final = ("journal_size", "mqtt_waiting", "mqtt_dropped", "influxdb_waiting", "influxdb_dropped")
"""What p1meter counts and measures of the sinks; they begin with the name of the sink's option."""
# A sink that does not end by itself is left behind after so long (s).
_STOP_TIMEOUT: Final = 5


class SinkManager:
    """The sinks of one meter.

    Attributes:
        sinks: those that are switched on, by the name of their option.
    """

    def __init__(self, hass: HomeAssistant, options: Mapping[str, object], slots: Mapping[str, Slot]) -> None:
        """Prepare; nothing is opened before `async_start`.

        Args:
            hass: Home Assistant.
            options: of the config entry.
            slots: what the meter sends, by slot id; may grow.
        """
        self.sinks: dict[str, Sink] = dict(_make(hass, SinkSettings.of(options)))
        self._hass = hass
        self._slots = slots
        self._names: dict[str, str] = {}
        self._failing: set[str] = set()
        self._told: dict[str, str] = {}
        self._forget_stop: CALLBACK_TYPE | None = None

    async def async_start(self) -> None:
        """Begin."""
        for name, sink in self.sinks.items():
            try:
                await sink.async_start()
            except Exception:
                # One that fails must not keep the meter from being read.
                _LOGGER.exception("Starting %s failed", name)
        if self.sinks:
            # Home Assistant unloads nothing when it stops; and before it tells everybody, it has ended such tasks as
            # these write in, and what waits would be lost.
            self._forget_stop = self._hass.async_add_shutdown_job(HassJob(self._async_stop_sinks))

    async def async_stop(self) -> None:
        """Let each send what it still can, and end."""
        if self._forget_stop is not None:
            self._forget_stop()
            self._forget_stop = None
        await self._async_stop_sinks()

    @callback
    def feed(self, telegram: Telegram, shown: Mapping[str, Reading], wall: datetime) -> None:
        """Hand out a telegram of our own meter.

        Args:
            telegram: the next one, in order.
            shown: what of it is believed, by slot id.
            wall: when it came in, aware.
        """
        delivery = Delivery(
            telegram, self.named(shown), wall if telegram.received_at is None else telegram.received_at.wall
        )
        for name, sink in self.sinks.items():
            try:
                sink.take(delivery)
            except Exception:
                # Said once: a telegram comes every second.
                if name not in self._failing:
                    self._failing.add(name)
                    _LOGGER.exception("Handing a telegram to %s failed", name)

    @callback
    def tell(self, issues: Issues) -> None:
        """Show what is wrong with a sink as a repair, until it is over."""
        for name, sink in self.sinks.items():
            error, told = sink.status.error, self._told.get(name)
            if error == told:
                continue
            if told is not None:
                issues.hide(f"sink_{told}")
                del self._told[name]
            if error is not None:
                issues.show(f"sink_{error}", severity=ir.IssueSeverity.WARNING, fixable=False, **sink.status.facts)
                self._told[name] = error

    def named(self, shown: Mapping[str, Reading]) -> dict[str, Reading]:
        """Return what is shown, by slot id, under the names that the world knows it by; see `Delivery.readings`."""
        return {self._name(slot): reading for slot, reading in shown.items()}

    def _name(self, slot_id: str) -> str:
        if (name := self._names.get(slot_id)) is None:
            slot = self._slots.get(slot_id)
            if slot is None:
                # A register that the person has made.
                name = slot_id
            elif slot.role == ELECTRICITY:
                name = slot.key
            else:
                name = slot.role if slot.key == kind_and_number(slot.role)[0] else f"{slot.role}_{slot.key}"
            self._names[slot_id] = name
        return name

    async def _async_stop_sinks(self) -> None:
        results = await asyncio.gather(*map(self._async_stop_sink, self.sinks.values()), return_exceptions=True)
        for name, result in zip(self.sinks, results, strict=True):
            if isinstance(result, BaseException):
                _LOGGER.error("Ending %s failed", name, exc_info=result)

    async def _async_stop_sink(self, sink: Sink) -> None:
        async with asyncio.timeout(_STOP_TIMEOUT):
            await sink.async_stop()


def _make(hass: HomeAssistant, settings: SinkSettings) -> Iterator[tuple[str, Sink]]:
    if settings.journal is not None:
        yield "journal", JournalSink(hass, settings.journal, settings.selected)
    if settings.latest_file is not None:
        yield "latest_file", LatestFileSink(hass, settings.latest_file)
    if settings.mqtt is not None:
        yield "mqtt", MqttSink(hass, settings.mqtt, settings.selected)
    if settings.influxdb is not None:
        yield "influxdb", InfluxSink(hass, settings.influxdb)
    if settings.server is not None:
        yield "server", ServerSink(settings.server)
