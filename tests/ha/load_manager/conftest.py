"""Between telegrams, the law and what it switches. The law is one that says what the test wants.

Its own decisions are tested in tests/loads; all of it together in test_loads_day.py.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import callback
import pytest

from custom_components.p1meter import load_manager
from custom_components.p1meter.loads import Command, Reason
from tests.compose import nl5

from ..appliances import add
from ..conftest import until
from ..fake_loads import NOTHING_KNOWN, SITE_WAITS, add_load
from ..pins import Chip

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from homeassistant.core import Event, EventStateChangedData, HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.p1meter.coordinator import MeterCoordinator
    from custom_components.p1meter.load_manager import LoadManager
    from custom_components.p1meter.loads import LoadInput, LoadSettings, LoadView, Sample, Site, SiteView

    from ..appliances import Device
    from ..conftest import Say, SetUp


BOILER = "01BOILER"
PUMP = "01PUMP"
RELAY = {"kind": "relay", "power_w": 2000.0, "rank": 1, "chip": "/dev/gpiochip0", "line": 17}
PLUG = {"kind": "motor", "power_w": 1000.0, "rank": 2, "entity_id": "switch.plug"}


class Law:
    """In the place of `Controller`."""

    newest: Law

    def __init__(self, loads: Iterable[LoadSettings], site: Site, state: Mapping[str, Any] | None = None) -> None:
        self.loads = tuple(loads)
        self.site = site
        self.given = state
        self.state: dict[str, Any] = {"learned": 1}
        self.enabled = True
        self.samples: list[Sample] = []
        self.ticks: list[tuple[float, datetime]] = []
        self.inputs: Mapping[str, LoadInput] | None = None
        self.outputs: list[tuple[str, bool]] = []
        self.overrides: list[tuple[str, bool | None, datetime]] = []
        self.hands: list[tuple[str, bool]] = []
        self.views: dict[str, LoadView] = {load.id: NOTHING_KNOWN for load in self.loads}
        self.site_is: SiteView = SITE_WAITS
        self.says: list[Command] = []
        self.fails: Exception | None = None
        Law.newest = self

    def step(self, sample: Sample) -> list[Command]:
        self.samples.append(sample)
        return self._says()

    def tick(self, now: float, wall: datetime, loads: Mapping[str, LoadInput] | None = None) -> list[Command]:
        self.ticks.append((now, wall))
        self.inputs = loads
        return self._says()

    def override(self, load: str, on: bool | None, until: datetime) -> None:  # noqa: FBT001 (as it is)
        self.overrides.append((load, on, until))
        self.views[load] = replace(self.views[load], override=on, override_until=until)

    def seen(self, load: str, *, on: bool) -> None:
        self.outputs.append((load, on))

    def hand(self, load: str, *, on: bool) -> None:
        self.hands.append((load, on))

    def view(self, load: str) -> LoadView:
        return self.views[load]

    def site_view(self) -> SiteView:
        return self.site_is

    def _says(self) -> list[Command]:
        if self.fails is not None:
            raise self.fails
        said, self.says = self.says, []
        return said


@pytest.fixture(autouse=True)
def law(monkeypatch: pytest.MonkeyPatch) -> None:
    """The law says what the test wants."""
    monkeypatch.setattr(load_manager, "Controller", Law)


@pytest.fixture(autouse=True)
def chip(monkeypatch: pytest.MonkeyPatch) -> Chip:
    """A chip."""
    chip = Chip()
    chip.put(monkeypatch)
    return chip


@pytest.fixture
async def pump(hass: HomeAssistant) -> Device:
    """The pump's plug."""
    return await add(hass, "switch.plug")


@pytest.fixture(autouse=True)
def with_loads(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """The person has added a boiler on a relay, and a pump."""
    for load, title, data in ((BOILER, "Boiler", RELAY), (PUMP, "Pump", PLUG)):
        add_load(hass, entry, load, title, data)


def change(hass: HomeAssistant, entry: MockConfigEntry, load: str, **data: Any) -> None:
    subentry = entry.subentries[load]
    hass.config_entries.async_update_subentry(entry, subentry, data={**subentry.data, **data})


@pytest.fixture
async def meter(set_up: SetUp, chip: Chip) -> MeterCoordinator:
    """The meter has spoken, and the relay is ours."""
    meter = await set_up()
    await until(lambda: 17 in chip.levels)
    return meter


@pytest.fixture
def loads(meter: MeterCoordinator) -> LoadManager:
    assert meter.loads is not None
    return meter.loads


def on(load: str, reason: Reason = Reason.SUN) -> Command:
    return Command(load, True, reason, {})  # noqa: FBT003 (as it is)


def off(load: str, reason: Reason = Reason.LEAVING, **detail: float) -> Command:
    return Command(load, False, reason, detail)  # noqa: FBT003 (as it is)


def note_what_is_written(hass: HomeAssistant, chip: Chip) -> None:
    """Write states that change beside what is done to the lines, from now on."""

    @callback
    def note(event: Event[EventStateChangedData]) -> None:
        chip.done.append(f"wrote {event.data['entity_id']}")

    hass.bus.async_listen(EVENT_STATE_CHANGED, note)
    chip.done.clear()


# --- Reload, stop, removal -------------------------------------------------------------------------------------------


@pytest.fixture
async def both_on(meter: MeterCoordinator, say: Say, chip: Chip, pump: Device) -> None:
    """Both loads are on, and what was done until now is forgotten."""
    assert meter.loads is not None
    Law.newest.says = [on(BOILER), on(PUMP)]
    await say(nl5())
    await until(lambda: pump.on)
    chip.done.clear()
    pump.told.clear()
