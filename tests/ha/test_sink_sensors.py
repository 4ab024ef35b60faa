"""How what is kept and shared is doing, as sensors of the meter: only while it is on."""

from typing import TYPE_CHECKING, Any

from homeassistant.const import STATE_UNKNOWN, EntityCategory
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.p1meter import sink_sensors
from custom_components.p1meter.sink_manager import SINK_KEYS
from custom_components.p1meter.sinks.journal import JournalSink
from tests.compose import nl5

from .conftest import by_key, shown, until

if TYPE_CHECKING:
    from pathlib import Path

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import Say, SetUp, WallClock

JOURNAL = {"folder": "house", "format": "raw", "interval": 0}
# Nobody listens at the port of discard.
INFLUXDB = {"url": "http://127.0.0.1:9", "database": "home", "interval": 0}
MQTT = {"layouts": ["json"], "prefix": "p1meter"}


@pytest.fixture(autouse=True)
async def in_amsterdam(hass: HomeAssistant, tmp_path: Path) -> None:
    """A configuration folder of our own."""
    hass.config.config_dir = str(tmp_path)
    await hass.config.async_set_time_zone("Europe/Amsterdam")


def choose(hass: HomeAssistant, entry: MockConfigEntry, **options: Any) -> None:
    hass.config_entries.async_update_entry(entry, options=options)


def keys(hass: HomeAssistant, entry: MockConfigEntry) -> set[str]:
    """Return which of these sensors are in the registry."""
    start = f"{entry.entry_id}_electricity_"
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    return {entity.unique_id.removeprefix(start) for entity in entities} & set(SINK_KEYS)


def test_every_value_is_written_at_the_marks() -> None:
    assert tuple(one.key for one in sink_sensors.DESCRIPTIONS) == SINK_KEYS


async def test_the_journal_grows(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    choose(hass, entry, journal=JOURNAL)
    meter = await set_up()
    # Nobody knows what is on the disk before it was looked at.
    assert by_key(hass, entry, "electricity_journal_size").state == STATE_UNKNOWN
    journal = meter.sinks.sinks["journal"]
    assert isinstance(journal, JournalSink)
    telegrams = [nl5({"0-0:1.0.0": f"(2611211202{second}W)"}) for second in range(31, 50)]
    await say(*telegrams)
    await until(lambda: journal.status.sent == 20)
    # Not before the mark, which is at 12:05.
    assert by_key(hass, entry, "electricity_journal_size").state == STATE_UNKNOWN
    wall_clock.tick(150)
    await say(nl5({"0-0:1.0.0": "(261121120500W)"}))
    # Twenty telegrams, each with a blank line.
    size = 20 * (len(nl5()) + 2)
    assert shown(by_key(hass, entry, "electricity_journal_size")) == (
        str(size / 1_000_000),
        "MB",
        "data_size",
        "measurement",
    )
    assert by_key(hass, entry, "electricity_journal_size").name == "Iskra AM550 Journal size"
    registry = er.async_get(hass)
    entity = registry.async_get("sensor.iskra_am550_journal_size")
    assert entity is not None
    assert entity.entity_category is EntityCategory.DIAGNOSTIC
    assert entity.disabled_by is None


@pytest.mark.usefixtures("socket_enabled")
async def test_what_waits_and_what_was_lost(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    choose(hass, entry, mqtt=MQTT, influxdb=INFLUXDB)
    meter = await set_up()
    assert keys(hass, entry) == {"mqtt_waiting", "mqtt_dropped", "influxdb_waiting", "influxdb_dropped"}
    for second in (31, 32):
        wall_clock.tick(1)
        await say(nl5({"0-0:1.0.0": f"(2611211202{second}W)"}))
    # Neither a broker nor a server is there: all three of each wait.
    await until(lambda: all(sink.status.waiting == 3 for sink in meter.sinks.sinks.values()))
    meter.sinks.sinks["mqtt"].status.dropped = 2
    wall_clock.tick(148)
    # The mark is over with this one, which waits when it was handed out to the entities.
    await say(nl5({"0-0:1.0.0": "(261121120500W)"}))
    for name in ("mqtt", "influxdb"):
        waiting = by_key(hass, entry, f"electricity_{name}_waiting")
        assert shown(waiting) == ("3", None, None, "measurement")
    assert shown(by_key(hass, entry, "electricity_mqtt_dropped")) == ("2", None, None, "total_increasing")
    assert by_key(hass, entry, "electricity_influxdb_dropped").state == "0"
    assert by_key(hass, entry, "electricity_mqtt_waiting").name == "Iskra AM550 Telegrams waiting for MQTT"


async def test_what_is_switched_off_is_gone(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    choose(hass, entry, journal=JOURNAL, mqtt=MQTT)
    await set_up()
    assert keys(hass, entry) == {"journal_size", "mqtt_waiting", "mqtt_dropped"}
    choose(hass, entry, mqtt=MQTT)
    await hass.async_block_till_done()
    assert keys(hass, entry) == {"mqtt_waiting", "mqtt_dropped"}
    choose(hass, entry)
    await hass.async_block_till_done()
    assert keys(hass, entry) == set()
