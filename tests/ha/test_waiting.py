"""What is kept for another side that is away for hours takes no more memory than what it says."""

import gc
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from custom_components.p1meter.sink_settings import InfluxSettings, MqttSettings
from custom_components.p1meter.sinks.influxdb import InfluxSink
from custom_components.p1meter.sinks.mqtt import MqttSink
from tests.link.line import free_port

from .influx import at

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

    from custom_components.p1meter.sinks import Sink

pytestmark = pytest.mark.usefixtures("socket_enabled")

TELEGRAMS = 300


def mqtt_sink(hass: HomeAssistant, _: int) -> Sink:
    """One without any broker."""
    return MqttSink(hass, MqttSettings(layouts=("topics", "json"), prefix="p1meter/home", interval=0), None)


def influxdb_sink(hass: HomeAssistant, port: int) -> Sink:
    """One whose server does not answer."""
    return InfluxSink(hass, InfluxSettings(url=f"http://127.0.0.1:{port}", database="p1meter", interval=0))


@pytest.mark.parametrize(("make", "most"), [(mqtt_sink, 2000), (influxdb_sink, 1200)])
async def test_a_telegram_that_waits_takes_no_more_than_its_words(
    hass: HomeAssistant, make: Callable[[HomeAssistant, int], Sink], most: int
) -> None:
    """In octets; as the objects that were read of it, it took 10,600 and 1,900."""
    sink = make(hass, free_port())
    await sink.async_start()
    # What is made once: plans, forms, words.
    for second in range(5):
        sink.take(at(second))
    gc.collect()
    tracemalloc.start()
    try:
        for second in range(5, 5 + TELEGRAMS):
            sink.take(at(second))
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sink.status.waiting == 5 + TELEGRAMS
    assert held / TELEGRAMS < most
    await sink.async_stop()
