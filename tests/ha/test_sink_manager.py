"""Every telegram of our own meter goes to every sink, in order, and whatever a sink does, the meter goes on."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
import re
import threading
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.config_entries import ConfigEntryState
from homeassistant.helpers import issue_registry as ir
import pytest

from custom_components.p1meter import coordinator, sink_manager, sinks
from custom_components.p1meter.const import CONF_INTERVAL, CONF_REGISTERS, CONF_REPORTING, DOMAIN
from custom_components.p1meter.issues import ISSUES
from custom_components.p1meter.link import LinkState
from custom_components.p1meter.memory import Slot
from custom_components.p1meter.sink_manager import SinkManager
from custom_components.p1meter.sinks import Delivery, SinkStatus, influxdb, server
from tests.compose import nl5
from tests.link.line import free_port

from .broker import mosquitto, mqtt
from .conftest import get, read, until
from .dialogs import ENGLISH

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.p1meter.sinks import Sink
    from tests.simulation.meter import Cable

    from .conftest import Say, SetUp

pytestmark = pytest.mark.usefixtures("everything_unloaded")


class Collector:
    """A sink that remembers, and fails where it is told to."""

    def __init__(self, *, fails_in: str = "", hangs: bool = False) -> None:
        self.status = SinkStatus()
        self.taken: list[Delivery] = []
        self.started = self.stopped = 0
        self.writes: asyncio.Task[object] | None = None
        self.could_write = False
        self._fails_in = fails_in
        self._hangs = hangs

    def take(self, delivery: Delivery) -> None:
        if self._fails_in == "take":
            raise ValueError("of no use")
        self.taken.append(delivery)

    async def async_start(self) -> None:
        self.started += 1
        if self._fails_in == "start":
            raise ValueError("of no use")

    async def async_stop(self) -> None:
        self.stopped += 1
        self.could_write = self.writes is not None and not self.writes.cancelling()
        if self._fails_in == "stop":
            raise ValueError("of no use")
        if self._hangs:
            await asyncio.Event().wait()

    @property
    def imports(self) -> list[str]:
        """What the first register of each telegram said."""
        return [str(one.readings["import_tariff_1"].value) for one in self.taken]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Collector:
    """The one sink that there is."""
    collector = Collector()
    use(monkeypatch, collector)
    return collector


def use(monkeypatch: pytest.MonkeyPatch, *collectors: Collector) -> None:
    """Have these in place of what a person switches on."""

    def make(_hass: HomeAssistant, _settings: object) -> Iterator[tuple[str, Sink]]:
        yield from ((f"collector_{number}", one) for number, one in enumerate(collectors))

    monkeypatch.setattr(sink_manager, "_make", make)


def counted(number: float, **changes: str) -> bytes:
    """A telegram that is told from others by what was imported, kWh."""
    return nl5({"1-0:1.8.1": f"({number:010.3f}*kWh)", **changes})


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "key", "name"),
    [
        ("electricity", "power", "power"),
        ("electricity", "import_tariff_1", "import_tariff_1"),
        ("electricity", "1-0:96.50.1", "1-0:96.50.1"),
        ("gas", "gas", "gas"),
        ("gas_2", "gas", "gas_2"),
        ("gas_2", "last_measured", "gas_2_last_measured"),
        ("warm_water", "warm_water", "warm_water"),
        ("warm_water_3", "warm_water", "warm_water_3"),
        ("warm_water", "valve_state", "warm_water_valve_state"),
        ("heat", "heat", "heat"),
        ("heat", "heat_volume", "heat_heat_volume"),
        ("heat_2", "operating_hours", "heat_2_operating_hours"),
        ("mbus", "0-4:24.3.0", "mbus_0-4:24.3.0"),
    ],
)
async def test_readings_have_the_names_that_the_world_knows(
    hass: HomeAssistant, role: str, key: str, name: str
) -> None:
    slot = Slot(role, key, None, number=True)
    manager = SinkManager(hass, {}, {slot.id: slot})
    reading = read(nl5()).readings["power"]
    # Also when it is asked for again.
    assert [manager.named({slot.id: reading}), manager.named({slot.id: reading})] == [{name: reading}] * 2


async def test_everything_that_is_believed_has_a_name(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, collector: Collector
) -> None:
    own = {"id": "heat_pump", "code": "1-0:99.1.0", "name": "Heat pump", "kind": "number"}
    hass.config_entries.async_update_entry(entry, options={CONF_REGISTERS: [own]})
    lines = {
        "1-0:99.1.0": "(00.250*kW)",
        "0-2:24.1.0": "(003)",
        "0-2:96.1.0": "(4730303739)",
        "0-2:24.2.1": "(261121125500W)(00012.345*m3)",
        "0-3:24.1.0": "(006)",
        "0-3:96.1.0": "(5730303739)",
        "0-3:24.2.1": "(261121125500W)(00345.678*m3)",
    }
    await set_up(nl5(lines))
    (delivery,) = collector.taken
    named = {name: str(reading.value) for name, reading in delivery.readings.items()}
    wanted = {
        "power_import": "1.193",
        "import_tariff_1": "4512.345",
        "gas": "2569.646",
        "gas_2": "12.345",
        "warm_water": "345.678",
        "1-0:99.1.0": "0.250",
        "own_heat_pump": "0.250",
    }
    assert {name: named.get(name) for name in wanted} == wanted
    assert delivery.telegram.raw == nl5(lines)
    # The meter's own time, and that of this computer.
    assert delivery.time == datetime(2026, 11, 21, 11, 59, tzinfo=UTC)
    assert delivery.received.utcoffset() is not None
    # The computer's own where it was told none.
    assert get(hass, "sensor.iskra_am550_heat_pump").state == "0.250"


# --- every telegram, once, in order -----------------------------------------------------------------------------------


async def test_every_telegram_however_few_states_are_written(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, written: list[str], collector: Collector
) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_REPORTING: "economy"})
    await set_up(counted(1))
    written.clear()
    await say(counted(1.001), counted(1.002))
    assert "sensor.iskra_am550_import_low_tariff" not in written
    assert collector.imports == ["1.000", "1.001", "1.002"]


async def test_every_telegram_in_order_also_of_a_backlog(
    set_up: SetUp, say: Say, cable: Cable, collector: Collector
) -> None:
    await set_up(counted(1))
    await say(counted(2))
    # The computer was busy for three seconds.
    cable.write(counted(3) + counted(4) + counted(5))
    await until(lambda: len(collector.taken) == 5)
    assert collector.imports == ["1.000", "2.000", "3.000", "4.000", "5.000"]


async def test_the_interval_of_the_sensors_is_none_of_the_sinks(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, cable: Cable, collector: Collector
) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_INTERVAL: 3600})
    meter = await set_up(counted(1))
    await say(counted(2))
    cable.write(counted(3) + counted(4))
    await until(lambda: len(collector.taken) == 4)
    assert collector.imports == ["1.000", "2.000", "3.000", "4.000"]
    # The sensors do not move.
    assert str(meter.readings["electricity_import_tariff_1"].value) == "1.000"


async def test_a_telegram_that_is_refused_goes_nowhere(set_up: SetUp, say: Say, collector: Collector) -> None:
    await set_up(counted(1))
    await say(counted(2).replace(b"2.000*kWh", b"9.000*kWh", 1))
    await say(counted(3))
    assert collector.imports == ["1.000", "3.000"]


async def test_nothing_of_another_meter(set_up: SetUp, say: Say, cable: Cable, collector: Collector) -> None:
    await set_up(counted(1))
    stranger = counted(77, **{"0-0:96.1.1": "(4530303437303030303731323338393234)"})
    for _ in range(4):
        await say(stranger)
    assert collector.imports == ["1.000"]
    # Both speak in one go, and ours is what counts.
    cable.write(stranger + counted(2) + stranger + counted(3))
    await until(lambda: len(collector.taken) == 3)
    assert collector.imports == ["1.000", "2.000", "3.000"]


# --- a sink that fails ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "says"),
    [("start", "Starting collector_0 failed"), ("take", "Handing a telegram to collector_0 failed")],
)
async def test_one_that_fails_is_told_of_once_and_the_others_go_on(
    hass: HomeAssistant,
    set_up: SetUp,
    say: Say,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    where: str,
    says: str,
) -> None:
    good = Collector()
    use(monkeypatch, Collector(fails_in=where), good)
    await set_up(counted(1))
    await say(counted(2), counted(3, **{"1-0:1.7.0": "(00.400*kW)"}))
    assert good.imports == ["1.000", "2.000", "3.000"]
    assert get(hass, "sensor.iskra_am550_power").state == "400"
    assert caplog.text.count(says) == 1


async def test_one_that_does_not_end_is_left_behind(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    set_up: SetUp,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert sink_manager._STOP_TIMEOUT == 5
    monkeypatch.setattr(sink_manager, "_STOP_TIMEOUT", 0.05)
    collectors = Collector(hangs=True), Collector(hangs=True), Collector(fails_in="stop"), Collector()
    use(monkeypatch, *collectors)
    await set_up()
    async with asyncio.timeout(2):
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert [one.stopped for one in collectors] == [1, 1, 1, 1]
    said = [record.getMessage() for record in caplog.records if record.name == sink_manager.__name__]
    assert said == ["Ending collector_0 failed", "Ending collector_1 failed", "Ending collector_2 failed"]


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_they_end_when_home_assistant_stops(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, collector: Collector
) -> None:
    await set_up()
    assert (collector.started, collector.stopped) == (1, 0)
    # Home Assistant ends what a sink writes in before it tells everybody that it stops.
    collector.writes = hass.async_create_background_task(asyncio.Event().wait(), "writes")
    await hass.async_stop()
    assert collector.stopped == 1
    assert collector.could_write
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_they_end_with_the_entry_and_only_once(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, collector: Collector
) -> None:
    await set_up()
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert collector.stopped == 1
    await hass.async_stop()
    assert collector.stopped == 1


async def test_they_end_when_the_set_up_fails(
    hass: HomeAssistant, entry: MockConfigEntry, collector: Collector
) -> None:
    with patch.object(coordinator, "_FIRST_TELEGRAM_TIMEOUT", 0.05):
        assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    await hass.async_block_till_done()
    assert (collector.started, collector.stopped) == (1, 1)


# --- repairs ----------------------------------------------------------------------------------------------------------


async def test_what_is_wrong_is_shown_until_it_is_over(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, collector: Collector
) -> None:
    def shown() -> list[tuple[str | None, dict[str, str] | None]]:
        issues = ir.async_get(hass).issues.values()
        return [(one.translation_key, one.translation_placeholders) for one in issues if one.domain == DOMAIN]

    await set_up(counted(1))
    assert shown() == []
    collector.status.error = "journal_disk_full"
    collector.status.facts = {"path": "/config/p1meter/house", "error": "No space left on device"}
    await say(counted(2), counted(3))
    facts = {"name": "Iskra AM550", **collector.status.facts}
    assert shown() == [("sink_journal_disk_full", facts)]
    # Something else is wrong now: one repair at a time.
    collector.status.error = "journal_denied"
    await say(counted(4))
    assert shown() == [("sink_journal_denied", facts)]
    collector.status.error = None
    await say(counted(5))
    assert shown() == []
    collector.status.error = "journal_denied"
    await say(counted(6))
    assert shown() == [("sink_journal_denied", facts)]
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert shown() == []


async def test_what_is_wrong_is_shown_of_a_meter_that_is_silent_too(
    hass: HomeAssistant, set_up: SetUp, collector: Collector
) -> None:
    def shown() -> list[str | None]:
        return [one.translation_key for one in ir.async_get(hass).issues.values() if one.domain == DOMAIN]

    with patch.object(coordinator, "silence_limit", lambda _: 0.05):
        await set_up(counted(1))
        collector.status.error = "mqtt_away"
        await until(lambda: "sink_mqtt_away" in shown())
        collector.status.error = None
        await until(lambda: "sink_mqtt_away" not in shown())


def test_every_error_of_every_sink_is_a_repair() -> None:
    folder = Path(sinks.__file__).parent
    files = "\n".join(path.read_text() for path in folder.glob("*.py"))
    errors = {
        *influxdb.ERRORS,
        *server.ERRORS,
        *("mqtt_away", "mqtt_missing", "mqtt_prefix"),
        *(f"journal_{kind}" for kind in ("disk_full", "denied", "in_use", "failed")),
        *(f"latest_file_{kind}" for kind in ("disk_full", "denied", "missing", "failed")),
    }
    # None is invented here.
    for error in errors:
        name = error.removeprefix("journal_").removeprefix("latest_file_")
        assert re.search(rf"""(["'])({error}|{name})\1""", files), error
    assert {f"sink_{error}" for error in errors} == {issue for issue in ISSUES if issue.startswith("sink_")}
    assert ENGLISH["issues"].keys() >= {f"sink_{error}" for error in errors}


# --- nothing is left behind -------------------------------------------------------------------------------------------


@pytest.fixture
async def influx(socket_enabled: None) -> AsyncGenerator[str]:  # noqa: ARG001 (it has to be there before)
    """The address of something that takes what is written, as an InfluxDB does."""

    async def take(_request: web.Request) -> web.Response:
        answer = web.Response(status=204)
        # Or Home Assistant would keep the connection for a while.
        answer.force_close()
        return answer

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", take)
    async with TestServer(app) as running:
        yield str(running.make_url("")).rstrip("/")


def held() -> Counter[str]:
    """What this process holds: tasks, descriptors by their kind, and threads but those that wait for any work."""
    kinds: Counter[str] = Counter()
    for descriptor in Path("/proc/self/fd").iterdir():
        # That of the listing itself is gone already.
        with suppress(OSError):
            kinds[str(descriptor.readlink()).partition(":")[0]] += 1
    threads = (thread.name for thread in threading.enumerate())
    kinds["threads"] = sum(not name.startswith(("SyncWorker", "ImportExecutor")) for name in threads)
    kinds["tasks"] = len(asyncio.all_tasks())
    return kinds


@pytest.mark.timeout(600)
async def test_fifty_reloads_leave_nothing_behind(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, influx: str, tmp_path: Path
) -> None:
    hass.config.config_dir = str(tmp_path)
    port = free_port()
    options: dict[str, Any] = {
        "journal": {"folder": "house", "interval": 0},
        "latest_file": {"path": str(tmp_path / "p1meter" / "telegram"), "interval": 0},
        "mqtt": {"layouts": ["topics"], "prefix": "p1meter/house"},
        "influxdb": {"url": influx, "database": "house", "interval": 0},
        "server": {"port": port},
    }
    hass.config_entries.async_update_entry(entry, options=options)
    async with mosquitto(tmp_path) as broker, mqtt(hass, broker.port):
        await set_up(counted(1))
        before: Counter[str] = Counter()
        for number in range(50):
            if number % 10 == 0:
                # Each has something to do, and somebody reads along.
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                await say(counted(number + 2))
                async with asyncio.timeout(10):
                    assert (await reader.readline()).startswith(b"/ISK5")
                assert await hass.config_entries.async_reload(entry.entry_id)
                writer.close()
            else:
                assert await hass.config_entries.async_reload(entry.entry_id)
            await hass.async_block_till_done()
            if number == 4:
                # Everything has been loaded once, and the port is open: no reload waits for that.
                await until(lambda: entry.runtime_data.link_state is LinkState.CONNECTED)
                before = held()
        assert entry.runtime_data.sinks.sinks.keys() == options.keys()
        await until(lambda: entry.runtime_data.link_state is LinkState.CONNECTED)
        # The kernel and the other side take a moment to see that a connection is over.
        with suppress(TimeoutError):
            await until(lambda: held() <= before)
        assert held() - before == Counter()


@pytest.mark.usefixtures("socket_enabled")
async def test_what_is_chosen_while_the_entry_is_set_up_counts(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    """A second dialog may be sent off before what the first has changed is at work."""
    await set_up()
    real = SinkManager.async_start
    chosen = {"server": {"port": free_port()}}

    async def slow_start(self: SinkManager) -> None:
        await real(self)
        hass.config_entries.async_update_entry(entry, options=chosen)

    with patch.object(SinkManager, "async_start", slow_start):
        await hass.config_entries.async_reload(entry.entry_id)
        await hass.async_block_till_done()

    assert entry.state is ConfigEntryState.LOADED
    assert list(entry.runtime_data.sinks.sinks) == ["server"]
