"""Home Assistant with p1meter in it, and a cable with a meter's voice on it."""

import asyncio
from datetime import UTC, datetime, timedelta
import logging
from typing import TYPE_CHECKING, Any, Protocol
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_PORT, EVENT_STATE_CHANGED
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

# Imported here, before the harness mounts custom components of its own.
from custom_components.p1meter import coordinator
from custom_components.p1meter.const import CONF_LINE, CONF_PROFILE, DOMAIN, PROBED
from custom_components.p1meter.link import LineSettings, LinkState, ProbePlan
from custom_components.p1meter.meter import OpticalTiming, Reader, Telegram
from custom_components.p1meter.sinks import influxdb
from tests.compose import ELECTRICITY_ID, GAS_ID, nl5
from tests.simulation.meter import Cable
from tests.simulation.telegrams import SYSTEMS

from .fake_loads import FakeManager, add_loads
from .homes import Home, until_dsmr_reads
from .houses import House
from .pins import CHIPS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from pathlib import Path

    from homeassistant.core import State

    from custom_components.p1meter.coordinator import MeterCoordinator


@pytest.fixture(autouse=True)
def our_integration_is_found(request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture) -> None:
    """Let Home Assistant look into custom_components; a recorder has to be there before Home Assistant is."""
    if request.node.get_closest_marker("recorder") is not None:
        # Nobody wants to read its thousands of statements.
        for logger in ("sqlalchemy.engine", "homeassistant.components.recorder"):
            caplog.set_level(logging.WARNING, logger)
        request.getfixturevalue("recorder_mock")
    request.getfixturevalue("enable_custom_integrations")


@pytest.fixture(autouse=True)
def no_ports_of_this_machine() -> Generator[None]:
    """Whatever is plugged into the machine that tests is none of our business."""
    with patch("homeassistant.components.usb.scan_serial_ports", return_value=[]):
        yield


class _Reports(logging.Handler):
    """Keeps what Home Assistant reports about our code; not with `caplog`, which a test may clear."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if f"custom integration '{DOMAIN}'" in text:
            self.texts.append(text)


@pytest.fixture(autouse=True)
def nothing_is_reported_about_us() -> Generator[None]:
    """Home Assistant warns of what is deprecated, or not allowed: "Detected that custom integration 'p1meter' …"."""
    reports = _Reports()
    root = logging.getLogger()
    root.addHandler(reports)
    yield
    root.removeHandler(reports)
    assert reports.texts == []


@pytest.fixture
def board() -> Generator[None]:
    """A computer with GPIO chips."""
    with patch("custom_components.p1meter.pins.list_chips", return_value=CHIPS):
        yield


@pytest.fixture
def everything_enabled() -> Generator[None]:
    """Enable every entity, also those that are disabled by default."""
    with patch("homeassistant.helpers.entity.Entity.entity_registry_enabled_default", new=True):
        yield


@pytest.fixture
def cable(tmp_path: Path) -> Generator[Cable]:
    """A cable that is plugged in; what is said while nobody has the port open is lost."""
    cable = Cable(tmp_path / "p1", SYSTEMS["nl5"])
    cable.plug()
    yield cable
    cable.unplug()


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listen as a person would not have the patience to wait for in a test."""
    plan = ProbePlan(
        settings=(LineSettings(115200), LineSettings(9600, 7, "E")),
        listen=0.3,
        listen_to_silence=0.4,
        extension=0.2,
        timing=OpticalTiming(pace=0.05),
    )
    monkeypatch.setattr("custom_components.p1meter.config_flow.PROBE_PLAN", plan)


@pytest.fixture
def hasty_influxdb(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is written to InfluxDB go at once, and be tried again at once."""
    monkeypatch.setattr(influxdb, "_GATHER", 0.01)
    monkeypatch.setattr(influxdb, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(influxdb, "_LONGEST_PAUSE", 0.05)


@pytest.fixture
async def everything_unloaded(hass: HomeAssistant) -> AsyncGenerator[None]:
    """Free the ports at the end, as a stop of Home Assistant would."""
    yield
    await hass.async_block_till_done()
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def second_cable(tmp_path: Path) -> Generator[Cable]:
    """Another port."""
    cable = Cable(tmp_path / "p1-second", SYSTEMS["nl5"])
    cable.plug()
    yield cable
    cable.unplug()


@pytest.fixture
async def entry(hass: HomeAssistant, cable: Cable) -> AsyncGenerator[MockConfigEntry]:
    """The entry that the config flow makes of the meter on the cable; not set up. Reloads end before the test does."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Iskra AM550",
        unique_id=ELECTRICITY_ID,
        data={CONF_PORT: str(cable.link), CONF_LINE: "115200 8N1", CONF_PROFILE: "nl5"},
    )
    entry.add_to_hass(hass)
    yield entry
    await hass.async_block_till_done()


class WallClock:
    """The time of day, which stands still until it is moved; the event loop's own clock goes on."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def tick(self, seconds: float) -> None:
        """Move on."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def wall_clock() -> Generator[WallClock]:
    """Noon, local time of the meter, in the middle of a period of five minutes."""
    clock = WallClock(datetime(2026, 11, 21, 11, 2, 30, tzinfo=UTC))
    with patch("homeassistant.util.dt.utcnow", lambda: clock.now):
        yield clock


@pytest.fixture
def recorders_clock(wall_clock: WallClock) -> Generator[WallClock]:
    """The time of day stands still, also for the stamps of states; noon UTC.

    Long ago: the recorder has started already, and what is over by its own clock it takes as summed up.
    """
    wall_clock.now = datetime(2026, 2, 7, 12, 0, tzinfo=UTC)

    def now() -> float:
        return wall_clock.now.timestamp()

    with patch("time.time", now), patch("homeassistant.helpers.entity.timer", now):
        yield wall_clock


class Say(Protocol):
    """Says something on the cable, and returns when Home Assistant has heard it."""

    async def __call__(self, *data: bytes) -> None: ...


@pytest.fixture
def say(hass: HomeAssistant, cable: Cable, entry: MockConfigEntry) -> Say:
    """What the meter says, each time a whole telegram or something that is refused."""

    async def say_once(data: bytes) -> None:
        meter: MeterCoordinator = entry.runtime_data
        heard = meter.accepted + meter.refused.total()
        await until(lambda: meter.link_state is LinkState.CONNECTED)
        cable.write(data)
        await until(lambda: meter.accepted + meter.refused.total() > heard)
        await hass.async_block_till_done()

    async def say(*data: bytes) -> None:
        for said in data:
            await say_once(said)

    return say


class FallSilent(Protocol):
    """Returns when p1meter takes the meter for silent."""

    async def __call__(self) -> None: ...


@pytest.fixture
def fall_silent(hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch) -> FallSilent:
    """The meter says nothing more; until then it is not silent, however long the recorder takes to sum up."""
    limit = 600.0
    monkeypatch.setattr(coordinator, "_LOOK_AGAIN", 0.1)
    monkeypatch.setattr(coordinator, "silence_limit", lambda _: limit)

    async def fall_silent() -> None:
        nonlocal limit
        limit = 0.0
        meter: MeterCoordinator = entry.runtime_data
        await until(lambda: not meter.last_update_success)
        limit = 600.0
        await hass.async_block_till_done()

    return fall_silent


class SetUp(Protocol):
    """Sets the entry up as right after its config flow, and lets the meter say its first telegram."""

    async def __call__(self, first: bytes = ...) -> MeterCoordinator: ...


@pytest.fixture
def set_up(hass: HomeAssistant, entry: MockConfigEntry, say: Say) -> SetUp:
    """The meter is known from what the config flow heard."""

    async def set_up(first: bytes = nl5()) -> MeterCoordinator:
        probe(hass, entry, first)
        assert await hass.config_entries.async_setup(entry.entry_id)
        await say(first)
        meter: MeterCoordinator = entry.runtime_data
        return meter

    return set_up


@pytest.fixture
async def loads(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, monkeypatch: pytest.MonkeyPatch
) -> FakeManager:
    """A meter with a boiler and a pump is set up, and nothing is known of them."""
    add_loads(hass, entry)
    manager = FakeManager(entry)
    monkeypatch.setattr("custom_components.p1meter.async_start_loads", manager.async_stand_in)
    await set_up()
    return manager


@pytest.fixture
async def house(
    hass: HomeAssistant, recorders_clock: WallClock, entry: MockConfigEntry, say: Say, set_up: SetUp
) -> AsyncGenerator[House]:
    """A house at noon, UTC, whose meter is recorded; nothing was said yet."""
    assert await async_setup_component(hass, "repairs", {})
    house = House(hass, recorders_clock, entry, say, set_up)
    yield house
    await house.off()


@pytest.fixture
async def home(
    hass: HomeAssistant, recorders_clock: WallClock, cable: Cable, entry: MockConfigEntry, say: Say, set_up: SetUp
) -> AsyncGenerator[Home]:
    """A home whose meter p1meter does not read yet."""
    yield Home(hass, recorders_clock, cable, entry, say, set_up)
    if entry.state is ConfigEntryState.LOADED:
        await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def dsmr(hass: HomeAssistant, cable: Cable) -> AsyncGenerator[MockConfigEntry]:
    """Core's `dsmr` has the port, and has read the meter."""
    entry = MockConfigEntry(
        domain="dsmr",
        title="DSMR",
        unique_id=ELECTRICITY_ID,
        data={
            CONF_PORT: str(cable.link),
            "dsmr_version": "5",
            "protocol": "dsmr_protocol",
            "serial_id": ELECTRICITY_ID,
            "serial_id_gas": GAS_ID,
        },
        options={"time_between_update": 0},
    )
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await until_dsmr_reads(hass, cable)
    yield entry
    if entry.state is ConfigEntryState.LOADED:
        await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
async def in_amsterdam(hass: HomeAssistant) -> None:
    """There it is an hour later."""
    await hass.config.async_set_time_zone("Europe/Amsterdam")


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (what is waited for is anything, seen from outside)
            await asyncio.sleep(0.002)


def read(data: bytes) -> Telegram:
    """Return the telegram that the bytes are."""
    (item,) = Reader(zone=dt_util.get_default_time_zone()).feed(data)
    assert isinstance(item, Telegram)
    return item


def probe(hass: HomeAssistant, entry: MockConfigEntry, data: bytes) -> None:
    """Leave behind what the config flow leaves behind when it has heard this telegram."""
    hass.data.setdefault(PROBED, {})[entry.data[CONF_PORT]] = read(data)


def get(hass: HomeAssistant, entity_id: str) -> State:
    """Return the state of an entity that is there."""
    state = hass.states.get(entity_id)
    assert state is not None, entity_id
    return state


async def act(hass: HomeAssistant, domain: str, action: str, entity_id: str, **data: Any) -> None:
    """Do what a click does."""
    await hass.services.async_call(domain, action, {"entity_id": entity_id, **data}, blocking=True)
    await hass.async_block_till_done()


def by_key(hass: HomeAssistant, entry: MockConfigEntry, slot: str) -> State:
    """Find a sensor by the tail of its unique id."""
    entity_id = er.async_get(hass).async_get_entity_id("sensor", "p1meter", f"{entry.entry_id}_{slot}")
    assert entity_id is not None, slot
    return get(hass, entity_id)


def shown(state: State) -> tuple[Any, ...]:
    """Return what a person sees of a sensor: its state, unit, device class and state class."""
    attributes = state.attributes
    return (
        state.state,
        attributes.get("unit_of_measurement"),
        attributes.get("device_class"),
        attributes.get("state_class"),
    )


def states(hass: HomeAssistant) -> dict[str, str]:
    """Return what the entities show."""
    return {state.entity_id: state.state for state in hass.states.async_all(("sensor", "binary_sensor"))}


@pytest.fixture
def written(hass: HomeAssistant) -> list[str]:
    """The entities whose state was written, in order."""
    entities: list[str] = []

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        entities.append(event.data["entity_id"])

    hass.bus.async_listen(EVENT_STATE_CHANGED, note)
    return entities
