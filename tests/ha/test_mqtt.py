"""What arrives at a real broker, also when it was away: docs/mqtt.md."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
import json
import logging
import signal
from typing import TYPE_CHECKING, Any

from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter.sink_settings import CONF_MQTT, MqttSettings
from custom_components.p1meter.sinks import Delivery, mqtt as sink_module
from custom_components.p1meter.sinks.mqtt import MqttSink
from tests.compose import nl5

from .broker import Broker, Listener, forgetful_broker, listening, mosquitto, mqtt, mqtt_entry
from .conftest import get, read

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from homeassistant.core import HomeAssistant

    from custom_components.p1meter.meter import Obis

    from .conftest import Say, SetUp

pytestmark = pytest.mark.usefixtures("socket_enabled", "quiet")

PREFIX = "p1meter/home"
STATUS = f"{PREFIX}/status"
NUMBER = f"{PREFIX}/import_tariff_1"
# Of the telegrams here the number is all that changes.
TELEGRAM = read(nl5())


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody wants to read each of thousands of messages."""
    caplog.set_level(logging.WARNING, "homeassistant.components.mqtt")


@pytest.fixture
async def broker(
    tmp_path: Path,
    socket_enabled: None,  # noqa: ARG001 (it has to be there before)
) -> AsyncGenerator[Broker]:
    async with mosquitto(tmp_path) as broker:
        yield broker


@pytest.fixture
async def listener(broker: Broker) -> AsyncGenerator[Listener]:
    async with listening(broker.port) as listener:
        yield listener


@pytest.fixture
async def connected(hass: HomeAssistant, broker: Broker) -> AsyncGenerator[MockConfigEntry]:
    """Home Assistant's MQTT entry, connected to the broker."""
    async with mqtt(hass, broker.port) as entry:
        yield entry


def telegram(number: int, seconds: float = 0) -> Delivery:
    """A telegram that says its own number, in the topic `NUMBER`, so many seconds after noon."""
    reading = replace(TELEGRAM.readings["import_tariff_1"], value=number)
    received = dt_util.parse_datetime("2026-11-21T12:00:00Z", raise_on_error=True) + timedelta(seconds=seconds)
    return Delivery(TELEGRAM, {"import_tariff_1": reading}, received)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds: what goes through several processes is slow on a busy machine."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 (what is waited for is anything, seen from outside)
            await asyncio.sleep(0.005)


async def started(hass: HomeAssistant, selected: frozenset[Obis] | None = None, **changes: Any) -> MqttSink:
    chosen: dict[str, Any] = {"layouts": ("topics",), "prefix": PREFIX, "qos": 1, **changes}
    sink = MqttSink(hass, MqttSettings(**chosen), selected)
    await sink.async_start()
    return sink


def error(sink: MqttSink) -> str | None:
    return sink.status.error


def numbers(listener: Listener) -> list[int]:
    return [int(payload) for payload in listener.payloads(NUMBER)]


def assert_complete_and_in_order(heard: list[int], last: int) -> None:
    """Every number from 1 on; what came twice came next to itself, at the moment at which the broker went."""
    assert list(dict.fromkeys(heard)) == list(range(1, last + 1))
    assert all(before <= after for before, after in pairwise(heard))


# --- when all is well ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_telegrams_arrive_between_online_and_offline(hass: HomeAssistant, listener: Listener, qos: int) -> None:
    sink = await started(hass, qos=qos)
    await until(lambda: listener.payloads(STATUS) == ["online"])
    for number in (1, 2, 3):
        sink.take(telegram(number))
    await until(lambda: numbers(listener) == [1, 2, 3] and sink.status.sent == 3)
    assert (sink.status.taken, sink.status.sent, sink.status.dropped, sink.status.waiting) == (3, 3, 0, 0)
    assert error(sink) is None
    sink.take(telegram(4))
    await sink.async_stop()
    # The last one is not forgotten.
    await until(lambda: listener.payloads(STATUS) == ["online", "offline"])
    assert [(message.topic, message.payload) for message in listener.heard[-2:]] == [(NUMBER, "4"), (STATUS, "offline")]


@pytest.mark.usefixtures("connected")
async def test_whoever_comes_later_hears_what_is_retained(hass: HomeAssistant, broker: Broker) -> None:
    sink = await started(hass, retain=True)
    sink.take(telegram(1))
    sink.take(telegram(2))
    await until(lambda: sink.status.sent == 2)
    await sink.async_stop()
    async with listening(broker.port) as listener:
        await until(lambda: len(listener.heard) == 2)
    assert {(message.topic, message.payload, message.retain) for message in listener.heard} == {
        (NUMBER, "2", True),
        (STATUS, "offline", True),
    }


@pytest.mark.usefixtures("connected")
async def test_without_retain_only_the_status_stays(hass: HomeAssistant, broker: Broker) -> None:
    sink = await started(hass)
    sink.take(telegram(1))
    await until(lambda: sink.status.sent == 1)
    async with listening(broker.port) as listener:
        await until(lambda: len(listener.heard) == 1)
        assert listener.payloads(STATUS) == ["online"]
        await sink.async_stop()


@pytest.mark.usefixtures("connected")
async def test_an_interval_has_its_newest_and_an_array_has_all(hass: HomeAssistant, listener: Listener) -> None:
    sink = await started(hass, layouts=("topics", "json_array"), interval=10)
    # Every second, never quite on it.
    for number, seconds in enumerate([0, 0.9, 2.1, 3, 4, 5, 6, 7, 8, 9.2, 9.9, 11, 12], start=1):
        sink.take(telegram(number, seconds))
    await until(lambda: sink.status.sent == 11)
    # The first of all, and the one that is nearest to ten seconds later.
    await until(lambda: numbers(listener) == [1, 11])
    await until(lambda: len(listener.payloads(f"{PREFIX}/telegrams")) == 2)
    assert sink.status.waiting == 2
    # What is collected goes out in the end, and a clock that is set back does not stop it.
    sink.take(telegram(14, -3600))
    await until(lambda: sink.status.waiting == 0)
    sink.take(telegram(15, -3599))
    await sink.async_stop()
    await until(lambda: listener.payloads(STATUS)[-1] == "offline")
    arrays = [
        [one["readings"]["import_tariff_1"]["value"] for one in json.loads(payload)]
        for payload in listener.payloads(f"{PREFIX}/telegrams")
    ]
    assert arrays == [[1], list(range(2, 12)), [12, 13, 14], [15]]
    assert numbers(listener) == [1, 11, 14, 15]


@pytest.mark.usefixtures("connected")
async def test_without_an_array_what_is_between_is_not_kept(hass: HomeAssistant) -> None:
    sink = await started(hass, interval=10)
    for number, seconds in enumerate(range(21), start=1):
        sink.take(telegram(number, seconds))
    assert sink.status.taken == 3
    await sink.async_stop()


@pytest.mark.usefixtures("connected")
async def test_with_nothing_selected_nothing_is_published(
    hass: HomeAssistant, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    sink = await started(hass, frozenset())
    sink.take(telegram(1))
    sink.take(telegram(2))
    assert caplog.text.count("no objects are selected") == 1
    await sink.async_stop()
    await until(lambda: listener.payloads(STATUS) == ["online", "offline"])
    assert numbers(listener) == []


@pytest.mark.usefixtures("connected", "everything_enabled")
async def test_home_assistants_own_dsmr_reader_takes_it_for_dsmr_reader(hass: HomeAssistant) -> None:
    reader = MockConfigEntry(domain="dsmr_reader")
    reader.add_to_hass(hass)
    assert await hass.config_entries.async_setup(reader.entry_id)
    await hass.async_block_till_done()
    await asyncio.sleep(0.7)  # it gathers its subscriptions for half a second
    sink = await started(hass, layouts=("dsmr_reader",))
    power = TELEGRAM.readings["power_import"]
    gas = next(reading for reading in TELEGRAM.readings.values() if reading.key == "gas")
    sink.take(Delivery(TELEGRAM, {"power_import": power, "gas": gas}, dt_util.utcnow()))
    await until(lambda: get(hass, "sensor.dsmr_meter_stats_electricity_tariff").state == "high")
    # 1-0:1.7.0(01.193*kW), 0-1:24.2.1(…)(02569.646*m3), 0-0:1.0.0(261121125900W), 1-3:0.2.8(50)
    assert get(hass, "sensor.dsmr_reading_electricity_currently_delivered").state == "1.193"
    assert get(hass, "sensor.dsmr_reading_extra_device_delivered").state == "2569.646"
    assert get(hass, "sensor.dsmr_meter_stats_dsmr_version").state == "5.0"
    await sink.async_stop()
    await hass.config_entries.async_unload(reader.entry_id)


# --- the broker goes and comes ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("qos", [1, 2])
async def test_everything_arrives_in_order_though_the_broker_stops_twice(
    hass: HomeAssistant, broker: Broker, listener: Listener, qos: int
) -> None:
    # By hand: ten thousand, docs/mqtt.md.
    sink = await started(hass, qos=qos)
    slowest = 0.0
    for number in range(1, 301):
        if number in {50, 150}:
            # There it was, and what had waited was on its way.
            heard = len(numbers(listener))
            await until(lambda heard=heard: len(numbers(listener)) > heard)  # type: ignore[misc] # (it is called at once)
            await broker.stop()
        if number in {100, 250}:
            assert sink.status.waiting
            await broker.start()
        began = hass.loop.time()
        sink.take(telegram(number))
        slowest = max(slowest, hass.loop.time() - began)
        await asyncio.sleep(0.001)
    await until(lambda: sink.status.sent == 300)
    await until(lambda: numbers(listener)[-1:] == [300])
    assert_complete_and_in_order(numbers(listener), 300)
    assert sink.status.dropped == 0
    assert len(numbers(listener)) <= 300 + 2
    # The broker itself repeats what is retained to whoever comes back.
    assert [heard.payload for heard in listener.heard if heard.topic == STATUS and not heard.retain] == ["online"] * 3
    # Whether the broker is there or not: the meter does not notice. (It takes microseconds; the machine may be busy.)
    assert slowest < 0.05
    await sink.async_stop()


@pytest.mark.usefixtures("connected")
async def test_with_qos_0_at_most_what_was_on_its_way_is_lost(
    hass: HomeAssistant, broker: Broker, listener: Listener
) -> None:
    sink = await started(hass, qos=0)
    for number in range(1, 201):
        if number == 50:
            await broker.stop(signal.SIGKILL)
        if number == 100:
            await broker.start()
            await until(lambda: listener.is_there)
        sink.take(telegram(number))
        await asyncio.sleep(0.001)
    await until(lambda: sink.status.sent == 200)
    await until(lambda: numbers(listener)[-1:] == [200])
    heard = numbers(listener)
    assert heard == sorted(set(heard))
    missing = set(range(1, 201)) - set(heard)
    # Those of the moment at which it was killed.
    assert len(missing) < 20
    assert all(number < 70 for number in missing)
    await sink.async_stop()


@pytest.mark.usefixtures("connected")
async def test_of_what_waits_too_long_the_oldest_is_dropped_and_counted(
    hass: HomeAssistant, broker: Broker, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = await started(hass, keep_s=60)
    await until(lambda: listener.payloads(STATUS) == ["online"])
    await broker.stop()
    await until(lambda: not sink._connected.is_set())
    now = hass.loop.time()
    for number in range(1, 101):
        monkeypatch.setattr(hass.loop, "time", lambda number=number: now + number)
        sink.take(telegram(number))
    monkeypatch.undo()
    # The newest is of second 100: those of the 60 seconds before, and itself.
    assert (sink.status.taken, sink.status.dropped, sink.status.waiting) == (100, 39, 61)
    await broker.start()
    await until(lambda: sink.status.sent == 61)
    await until(lambda: numbers(listener)[-1:] == [100])
    assert list(dict.fromkeys(numbers(listener))) == list(range(40, 101))
    await sink.async_stop()


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_a_broker_that_hangs_is_not_flooded_and_gets_everything_once(
    hass: HomeAssistant, broker: Broker, listener: Listener, monkeypatch: pytest.MonkeyPatch, qos: int
) -> None:
    monkeypatch.setattr(sink_module, "_PATIENCE", 0.2)
    monkeypatch.setattr(sink_module, "_FIRST_PAUSE", 0.1)
    sink = await started(hass, qos=qos)
    await until(lambda: listener.payloads(STATUS) == ["online"])
    await broker.stop(signal.SIGSTOP)
    for number in range(1, 51):
        sink.take(telegram(number))
        await asyncio.sleep(0.01)
    if qos:
        # Given is the first only.
        assert sink.status.waiting == 50
    broker.go_on()
    await until(lambda: sink.status.sent == 50)
    await until(lambda: numbers(listener)[-1:] == [50])
    assert numbers(listener) == list(range(1, 51))
    await sink.async_stop()


async def test_what_is_never_acknowledged_is_given_once(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink_module, "_PATIENCE", 0.1)
    monkeypatch.setattr(sink_module, "_FIRST_PAUSE", 0.05)
    monkeypatch.setattr(sink_module, "_LONG", 0.2)
    monkeypatch.setattr(sink_module, "_TO_FINISH", 0.1)
    async with forgetful_broker() as (broker, port), mqtt(hass, port):
        broker.acknowledges = True
        sink = await started(hass)
        await until(lambda: broker.payloads == ["online"])
        broker.acknowledges = False
        for number in range(1, 41):
            sink.take(telegram(number))
            await asyncio.sleep(0.02)
        # It asks whether it arrived, less and less often: 0.05, 0.1, 0.2 … s after each 0.1 s of patience.
        assert broker.payloads[:3] == ["online", "1", "online"]
        assert set(broker.payloads[3:]) == {"online"}
        assert len(broker.payloads) <= 7
        assert sink.status.waiting == 40
        assert (sink.status.error, sink.status.facts) == ("mqtt_away", {"minutes": "60"})
        broker.acknowledges = True
        await until(lambda: sink.status.sent == 40)
        assert [payload for payload in broker.payloads if payload != "online"] == [str(n) for n in range(1, 41)]
        sink.take(telegram(41))
        assert error(sink) is None
        broker.acknowledges = False
        began = hass.loop.time()
        await sink.async_stop()
        assert hass.loop.time() - began < 5


async def test_what_was_not_acknowledged_before_mqtt_is_reloaded_is_given_again(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_module, "_PATIENCE", 0.1)
    monkeypatch.setattr(sink_module, "_FIRST_PAUSE", 0.05)
    async with forgetful_broker() as (broker, port), mqtt(hass, port) as entry:
        broker.acknowledges = True
        sink = await started(hass)
        await until(lambda: broker.payloads == ["online"])
        broker.acknowledges = False
        sink.take(telegram(1))
        sink.take(telegram(2))
        await until(lambda: "1" in broker.payloads)
        broker.payloads.clear()
        broker.acknowledges = True
        # A reload makes a new client, which knows nothing of what the old one kept.
        assert await hass.config_entries.async_reload(entry.entry_id)
        await until(lambda: sink.status.sent == 2)
        assert [payload for payload in broker.payloads if payload != "online"] == ["1", "2"]
        await sink.async_stop()


async def test_mqtt_may_be_reloaded(hass: HomeAssistant, listener: Listener, connected: MockConfigEntry) -> None:
    sink = await started(hass)
    for number in range(1, 201):
        sink.take(telegram(number))
        if number in {50, 100}:
            assert await hass.config_entries.async_reload(connected.entry_id)
        await asyncio.sleep(0.001)
    await until(lambda: sink.status.sent == 200)
    await until(lambda: numbers(listener)[-1:] == [200])
    assert_complete_and_in_order(numbers(listener), 200)
    await sink.async_stop()


async def test_mqtt_may_be_removed_and_set_up_later(
    hass: HomeAssistant, broker: Broker, listener: Listener, connected: MockConfigEntry
) -> None:
    sink = await started(hass)
    sink.take(telegram(1))
    await until(lambda: sink.status.sent == 1)
    await hass.config_entries.async_remove(connected.entry_id)
    sink.take(telegram(2))
    assert error(sink) == "mqtt_missing"
    assert sink.status.waiting == 1
    async with mqtt(hass, broker.port):
        await until(lambda: numbers(listener) == [1, 2])
        sink.take(telegram(3))
        assert error(sink) is None
        await sink.async_stop()


async def test_without_mqtt_it_says_so_and_waits(
    hass: HomeAssistant, broker: Broker, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    sink = await started(hass)
    assert error(sink) == "mqtt_missing"
    sink.take(telegram(1))
    assert sink.status.waiting == 1
    async with mqtt(hass, broker.port):
        await until(lambda: numbers(listener) == [1])
        await sink.async_stop()
    # Without a broker there is nobody to say offline to.
    sink = await started(hass)
    sink.take(telegram(2))
    await sink.async_stop()
    assert (sink.status.dropped, sink.status.waiting) == (1, 0)
    assert "1 telegrams that waited for it are not published" in caplog.text


async def test_a_disabled_mqtt_is_none(hass: HomeAssistant, broker: Broker) -> None:
    entry = mqtt_entry(hass, broker.port)
    sink = await started(hass)
    assert error(sink) is None
    await hass.config_entries.async_remove(entry.entry_id)
    sink.take(telegram(1))
    assert error(sink) == "mqtt_missing"
    await sink.async_stop()


# --- what nobody can publish -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("prefix", ["x" * 70000, "a/#", ""], ids=["huge", "wildcard", "empty"])
async def test_a_prefix_that_is_no_topic_is_said(hass: HomeAssistant, listener: Listener, prefix: str) -> None:
    sink = await started(hass, prefix=prefix)
    sink.take(telegram(1))
    assert (sink.status.error, sink.status.facts) == ("mqtt_prefix", {"prefix": prefix[:100]})
    await sink.async_stop()
    assert listener.heard == []


@pytest.mark.usefixtures("connected")
async def test_a_value_that_no_message_can_hold_stops_nothing(
    hass: HomeAssistant, listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    sink = await started(hass)
    reading = TELEGRAM.readings["import_tariff_1"]
    sink.take(
        Delivery(TELEGRAM, {"x" * 70000: reading, "import_tariff_1": replace(reading, value=7)}, dt_util.utcnow())
    )
    sink.take(Delivery(TELEGRAM, {"x" * 70000: reading}, dt_util.utcnow()))
    sink.take(telegram(8))
    await until(lambda: numbers(listener) == [7, 8])
    assert caplog.text.count("Messages cannot be published over MQTT") == 1
    await sink.async_stop()


# --- with a meter ----------------------------------------------------------------------------------------------------


def with_mqtt(hass: HomeAssistant, entry: MockConfigEntry, **changes: Any) -> None:
    hass.config_entries.async_update_entry(
        entry, options={CONF_MQTT: {"layouts": ["topics"], "prefix": PREFIX, "qos": 1, **changes}}
    )


@pytest.mark.usefixtures("connected", "everything_unloaded")
async def test_a_meter_is_published_from_its_first_telegram_to_its_unloading(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, listener: Listener
) -> None:
    with_mqtt(hass, entry)
    await set_up()
    await say(nl5({"1-0:1.8.1": "(004512.346*kWh)"}))
    await until(lambda: listener.payloads(NUMBER) == ["4512.345", "4512.346"])
    assert await hass.config_entries.async_unload(entry.entry_id)
    await until(lambda: listener.payloads(STATUS) == ["online", "offline"])


@pytest.mark.usefixtures("connected", "everything_unloaded")
async def test_it_is_offline_when_home_assistant_stops(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, listener: Listener
) -> None:
    with_mqtt(hass, entry)
    await set_up()
    await hass.async_stop()
    await until(lambda: listener.payloads(STATUS) == ["online", "offline"])


@pytest.mark.usefixtures("connected", "everything_unloaded")
async def test_nothing_is_left_of_many_reloads(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, listener: Listener
) -> None:
    with_mqtt(hass, entry)
    await set_up()
    before = len(asyncio.all_tasks())
    listeners = {name: len(found) for name, found in hass.data["dispatcher"].items()}
    for _ in range(10):
        assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    await until(lambda: listener.payloads(STATUS) == ["online", "offline"] * 10 + ["online"])
    assert len(asyncio.all_tasks()) <= before
    assert {name: len(found) for name, found in hass.data["dispatcher"].items()} == listeners


@pytest.mark.usefixtures("connected", "everything_unloaded")
async def test_the_meter_is_read_while_the_broker_is_away(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, broker: Broker, listener: Listener
) -> None:
    with_mqtt(hass, entry)
    meter = await set_up()
    await broker.stop()
    for number in range(10):
        await say(nl5({"1-0:1.8.1": f"(004512.40{number}*kWh)"}))
    assert meter.accepted == 11
    await broker.start()
    await until(lambda: len(dict.fromkeys(listener.payloads(NUMBER))) == 11)
    wanted = ["4512.345", *(f"4512.40{number}" for number in range(10))]
    assert list(dict.fromkeys(listener.payloads(NUMBER))) == wanted
