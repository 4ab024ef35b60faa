"""Between telegrams, the law and what it switches. The law is one that says what the test wants.

Its own decisions are tested in tests/loads; all of it together in test_loads_day.py.
"""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import EVENT_STATE_CHANGED
from homeassistant.core import Context, CoreState, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest

from custom_components.p1meter import coordinator as coordinator_module, load_manager
from custom_components.p1meter.const import CONF_INTERVAL, DOMAIN, issue_id
from custom_components.p1meter.gpio import GpioError, GpioErrorKind
from custom_components.p1meter.load_manager import LEFT_ALONE, ProtectionEvent
from custom_components.p1meter.loads import FOREVER, Activity, Alarm, Command, Mode, Reason
from tests.compose import nl5

from .appliances import add
from .conftest import read, until
from .fake_loads import NOTHING_KNOWN, SITE_WAITS, add_load
from .pins import Chip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from homeassistant.auth.models import User
    from homeassistant.core import Event, EventStateChangedData, HomeAssistant, ServiceCall
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.p1meter.coordinator import MeterCoordinator
    from custom_components.p1meter.load_manager import LoadManager
    from custom_components.p1meter.loads import LoadInput, LoadSettings, LoadView, Sample, Site, SiteView

    from .appliances import Device
    from .conftest import Say, SetUp, WallClock

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


# --- From telegram to edge -------------------------------------------------------------------------------------------


async def test_the_relay_moves_before_anything_is_written(
    hass: HomeAssistant, meter: MeterCoordinator, chip: Chip
) -> None:
    note_what_is_written(hass, chip)
    Law.newest.says = [on(BOILER)]
    meter._on_items([read(nl5({"1-0:1.7.0": "(03.000*kW)"}))])
    assert chip.done[0] == "set 17 on"
    assert "wrote sensor.iskra_am550_power" in chip.done


async def test_lines_come_before_entities_and_entities_before_what_is_written(
    hass: HomeAssistant, meter: MeterCoordinator, chip: Chip, pump: Device
) -> None:
    note_what_is_written(hass, chip)
    Law.newest.says = [on(PUMP), on(BOILER)]
    meter._on_items([read(nl5({"1-0:1.7.0": "(03.000*kW)"}))])
    assert pump.told == [True]
    assert chip.done[:2] == ["set 17 on", "wrote switch.plug"]
    assert "wrote sensor.iskra_am550_power" in chip.done[2:]


async def test_a_sample_is_the_telegram_and_what_is_known_besides(say: Say, meter: MeterCoordinator) -> None:
    await say(nl5({"1-0:1.7.0": "(00.000*kW)", "1-0:2.7.0": "(02.345*kW)"}))
    newest = Law.newest.samples[-1]
    assert (newest.import_w, newest.export_w) == (0.0, 2345.0)
    assert newest.now == meter.data.received_at.monotonic  # type: ignore[union-attr]  # it came from a port
    # The minute that it said twice, and so much later as it said it again.
    assert timedelta(0) < newest.wall - datetime(2026, 11, 21, 11, 59, tzinfo=UTC) < timedelta(minutes=1)
    assert newest.loads[BOILER].on is False
    # Nobody has such a plug.
    assert newest.loads[PUMP].on is None


@pytest.mark.usefixtures("meter")
async def test_a_command_is_seen_in_the_next_sample(say: Say, pump: Device) -> None:
    Law.newest.says = [on(BOILER), on(PUMP)]
    await say(nl5())
    await until(lambda: pump.on)
    await say(nl5())
    assert {load: known.on for load, known in Law.newest.samples[-1].loads.items()} == {BOILER: True, PUMP: True}


async def test_of_a_backlog_the_law_sees_the_newest(meter: MeterCoordinator) -> None:
    before = len(Law.newest.samples)
    meter._on_items([read(nl5({"1-0:1.7.0": f"(0{kilowatts}.000*kW)"})) for kilowatts in (2, 3, 4)])
    assert [sample.import_w for sample in Law.newest.samples[before:]] == [4000.0]


@pytest.mark.usefixtures("meter")
async def test_a_telegram_without_power_is_none(say: Say) -> None:
    before = len(Law.newest.samples)
    await say(nl5({"1-0:1.7.0": None, "1-0:2.7.0": None}))
    assert len(Law.newest.samples) == before


async def test_the_law_sees_every_telegram_however_few_are_shown(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_INTERVAL: 60})
    await set_up()
    before = len(Law.newest.samples)
    await say(nl5(), nl5())
    assert len(Law.newest.samples) == before + 2


@pytest.mark.usefixtures("meter")
async def test_what_another_meter_says_is_none_of_its_business(say: Say) -> None:
    """The first telegram already: the loads become safe, as if nothing came."""
    before = len(Law.newest.samples)
    await say(nl5({"0-0:96.1.1": "(4530303437303030303939393939393939)"}))
    assert len(Law.newest.samples) == before
    # One that does not say who it is, is taken for ours.
    await say(nl5({"0-0:96.1.1": None}))
    assert len(Law.newest.samples) == before + 1


@pytest.mark.usefixtures("meter")
async def test_while_no_telegram_comes_the_law_looks_at_the_clock(monkeypatch: pytest.MonkeyPatch, chip: Chip) -> None:
    monkeypatch.setattr(load_manager, "_TICK", 0.05)
    law = Law.newest
    await until(lambda: len(law.ticks) >= 2)
    law.says = [on(BOILER, Reason.STALE)]
    await until(lambda: chip.levels[17])
    # The meter's clock goes on, in the zone of the home.
    now, wall = law.ticks[-1]
    newest = law.samples[-1]
    assert wall - newest.wall == timedelta(seconds=round(now - newest.now, 6))
    assert wall.tzinfo is newest.wall.tzinfo


@pytest.mark.usefixtures("meter", "chip")
async def test_before_the_first_telegram_it_is_as_late_as_the_meter_says(
    hass: HomeAssistant, entry: MockConfigEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock is off by hours, and hands and days go by it: they must not end because the entry is reloaded."""
    monkeypatch.setattr(load_manager, "_TICK", 0.05)
    newest = Law.newest.samples[-1].wall
    assert abs(newest - dt_util.utcnow()) > timedelta(minutes=10)
    assert await hass.config_entries.async_reload(entry.entry_id)
    law = Law.newest
    await until(lambda: bool(law.ticks))
    assert law.samples == []
    assert timedelta(seconds=-1) <= law.ticks[0][1] - newest < timedelta(minutes=1)


async def test_a_law_that_fails_leaves_nothing_on(
    say: Say, meter: MeterCoordinator, chip: Chip, pump: Device, caplog: pytest.LogCaptureFixture
) -> None:
    Law.newest.says = [on(BOILER), on(PUMP)]
    await say(nl5())
    await until(lambda: pump.on)
    Law.newest.fails = RuntimeError("nobody thought of this")
    await say(nl5(), nl5({"1-0:1.7.0": "(02.000*kW)"}))
    assert not chip.levels[17]
    await until(lambda: not pump.on)
    assert caplog.text.count("The control of the loads failed") == 1
    # The meter goes on.
    assert meter.readings["electricity_power"].value == 2000


async def test_an_output_that_fails_does_not_keep_the_others_from_being_shed(
    say: Say, loads: LoadManager, meter: MeterCoordinator, pump: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    Law.newest.says = [on(BOILER), on(PUMP)]
    await say(nl5())
    await until(lambda: pump.on)

    def fail(_on: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(loads._outputs[BOILER], "set", fail)
    Law.newest.says = [off(BOILER), off(PUMP)]
    await say(nl5({"1-0:1.7.0": "(02.000*kW)"}))
    await until(lambda: not pump.on)
    assert meter.readings["electricity_power"].value == 2000


async def test_a_view_that_fails_does_not_keep_the_meter_from_being_read(
    say: Say, loads: LoadManager, meter: MeterCoordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_now: float, *, mark: bool) -> None:
        raise RuntimeError(f"nobody thought of this ({mark})")

    monkeypatch.setattr(loads, "_report", fail)
    await say(nl5({"1-0:1.7.0": "(02.000*kW)"}))
    assert meter.readings["electricity_power"].value == 2000


# --- What is known besides -------------------------------------------------------------------------------------------


def known(load: str) -> tuple[float | None, bool]:
    newest = Law.newest.samples[-1].loads[load]
    return newest.power_w, newest.allowed


async def test_the_loads_own_sensors(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say) -> None:
    change(hass, entry, BOILER, power_entity="sensor.boiler", allowed_entity="binary_sensor.may")
    await set_up()
    # Nobody knows: what is off is not started.
    assert known(BOILER) == (None, False)
    assert known(PUMP) == (None, True)
    hass.states.async_set("sensor.boiler", "1.95", {"unit_of_measurement": "kW"})
    hass.states.async_set("binary_sensor.may", "on")
    await say(nl5())
    assert known(BOILER) == (1950.0, True)
    hass.states.async_set("sensor.boiler", "unavailable")
    hass.states.async_set("binary_sensor.may", "off")
    await say(nl5())
    assert known(BOILER) == (None, False)
    # Nobody knows: what is on is not ended.
    Law.newest.says = [on(BOILER)]
    hass.states.async_set("binary_sensor.may", "unavailable")
    await say(nl5(), nl5())
    assert known(BOILER) == (None, True)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("20", 20000.0),
        ("-0.01", -10.0),
        # It says kW and counts in W; its clamp is on the wrong way round.
        ("1950", None),
        ("-1.95", None),
    ],
)
async def test_a_power_that_the_load_cannot_draw_is_not_believed(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, state: str, expected: float | None
) -> None:
    """The boiler has 2000 W: ten times as much may be, for a label may be wrong, and a little less than nothing."""
    change(hass, entry, BOILER, power_entity="sensor.boiler")
    await set_up()
    hass.states.async_set("sensor.boiler", state, {"unit_of_measurement": "kW"})
    await say(nl5())
    assert known(BOILER)[0] == expected


@pytest.mark.parametrize(
    ("state", "unit", "expected"),
    [
        ("0.31", "EUR/kWh", 0.31),
        ("-45.5", "EUR/MWh", -0.0455),
        ("0.0003", "EUR/Wh", 0.3),
        ("28.5", "ct/kWh", 0.285),
        ("28.5", "Cent / kWh", 0.285),
        ("0.31", None, 0.31),
        ("unknown", "EUR/kWh", None),
        ("cheap", None, None),
        ("nan", "EUR/kWh", None),
    ],
)
async def test_prices(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    set_up: SetUp,
    say: Say,
    state: str,
    unit: str | None,
    expected: float | None,
) -> None:
    prices = {"price_buy_entity": "sensor.buy", "price_sell_entity": "sensor.sell"}
    hass.config_entries.async_update_entry(entry, options=prices)
    hass.states.async_set("sensor.sell", "0.05")
    await set_up()
    assert (Law.newest.samples[-1].price_buy, Law.newest.samples[-1].price_sell) == (None, 0.05)
    hass.states.async_set("sensor.buy", state, {} if unit is None else {"unit_of_measurement": unit})
    await say(nl5())
    assert Law.newest.samples[-1].price_buy == pytest.approx(expected)


async def test_the_site_is_what_the_meter_is(meter: MeterCoordinator, say: Say) -> None:
    site = Law.newest.site
    # Not measured yet: as the slowest port. 3.5 x 10 s.
    assert (site.period_s, site.stale_s, site.fuse_a) == (10.0, 35.0, None)
    with patch.object(type(meter), "interval", 1.0):
        await say(nl5({"1-0:31.4.0": "(025*A)"}))
        site = Law.newest.site
        assert (site.period_s, site.stale_s, site.fuse_a) == (1.0, 10.0, 25.0)
        # Not made anew with each telegram.
        await say(nl5({"1-0:31.4.0": "(025*A)"}))
        assert Law.newest.site is site


async def test_what_a_person_says_of_the_fuse_counts(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    hass.config_entries.async_update_entry(entry, options={"fuse_a": 20.0})
    await set_up()
    await say(nl5({"1-0:31.4.0": "(025*A)"}))
    assert Law.newest.site.fuse_a == 20.0


# --- A person --------------------------------------------------------------------------------------------------------


async def test_a_persons_hand_acts_at_once(loads: LoadManager, chip: Chip) -> None:
    law = Law.newest
    law.says = [on(BOILER, Reason.OVERRIDE_ON)]
    loads.async_override(BOILER, on=True)
    assert chip.levels[17]
    ((load, wanted, until_when),) = law.overrides
    assert (load, wanted) == (BOILER, True)
    # Two hours by the meter's clock, which the telegram has set to 11:59 UTC.
    passed = until_when - datetime(2026, 11, 21, 13, 59, tzinfo=UTC)
    assert timedelta(0) <= passed < timedelta(seconds=30)
    loads.async_override(BOILER, on=False, until=FOREVER)
    loads.async_override(BOILER, on=None)
    assert law.overrides[1][1:] == (False, FOREVER)
    assert law.overrides[2][1] is None


@pytest.mark.usefixtures("meter")
async def test_an_entity_that_somebody_flips_is_a_persons_hand(
    hass: HomeAssistant, say: Say, pump: Device, hass_admin_user: User
) -> None:
    law = Law.newest
    law.says = [on(PUMP)]
    await say(nl5())
    await until(lambda: pump.on)
    assert law.hands == []
    # Told at once: a hand at the device may come before the next telegram.
    await until(lambda: (PUMP, True) in law.outputs)
    looks = len(law.ticks)
    person = Context(user_id=hass_admin_user.id)
    for action in ("turn_off", "turn_on"):
        await hass.services.async_call("switch", action, {"entity_id": "switch.plug"}, blocking=True, context=person)
    # What comes of it is for the law to say; it is asked at once.
    assert law.hands == [(PUMP, False), (PUMP, True)]
    assert len(law.ticks) >= looks + 2
    assert law.overrides == []


async def test_hands_off(
    hass: HomeAssistant, entry: MockConfigEntry, loads: LoadManager, pump: Device, hass_admin_user: User
) -> None:
    loads.async_enable(on=False)
    assert not loads.enabled
    assert not Law.newest.enabled
    person = Context(user_id=hass_admin_user.id)
    await hass.services.async_call("switch", "turn_on", {"entity_id": "switch.plug"}, blocking=True, context=person)
    assert Law.newest.overrides == []
    # A law that fails has nothing to protect, and it is kept over a reload.
    Law.newest.fails = RuntimeError("nobody thought of this")
    loads.async_override(PUMP, on=True)
    await asyncio.sleep(0.02)
    assert pump.on
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert not Law.newest.enabled
    assert pump.on


async def test_a_number_is_changed_while_it_runs(
    hass: HomeAssistant, entry: MockConfigEntry, meter: MeterCoordinator, loads: LoadManager
) -> None:
    law = Law.newest
    loads.async_change(BOILER, min_on_s=300.0)
    await hass.async_block_till_done()
    assert law.loads[0].min_on_s == 300.0
    assert loads.configs[BOILER].settings.min_on_s == 300.0
    assert entry.subentries[BOILER].data["min_on_s"] == 300.0
    # No reload; but for anything else there is one.
    assert Law.newest is law
    change(hass, entry, BOILER, rank=3)
    await hass.async_block_till_done()
    assert Law.newest is not law
    assert entry.runtime_data is not meter
    assert Law.newest.loads[0].min_on_s == 300.0


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


@pytest.mark.usefixtures("both_on")
async def test_a_reload_touches_nothing(hass: HomeAssistant, entry: MockConfigEntry, chip: Chip, pump: Device) -> None:
    before = Law.newest
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert Law.newest is not before
    assert Law.newest.given == {"learned": 1}
    # Before the first telegram nobody else knows.
    loads: LoadManager = entry.runtime_data.loads
    assert (loads.view(BOILER).on, loads.view(PUMP).on) == (True, True)
    await asyncio.sleep(0.02)
    assert chip.done == []
    assert pump.told == []
    Law.newest.says = [off(BOILER), off(PUMP)]
    entry.runtime_data.loads.feed(read(nl5()), datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert chip.done == ["set 17 off"]
    await until(lambda: not pump.on)


@pytest.mark.usefixtures("both_on")
async def test_an_entry_that_does_not_come_back_leaves_nothing_on(
    hass: HomeAssistant, entry: MockConfigEntry, chip: Chip, pump: Device
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert chip.done == []
    # After as long as a meter may be silent; see the next test.
    left = hass.data[LEFT_ALONE][entry.entry_id]
    assert left._timer is not None
    left._timer.cancel()
    left._make_safe()
    assert chip.done == ["set 17 off"]
    await until(lambda: not pump.on)
    # The line is ours still, for when it comes back.
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert chip.done == ["set 17 off"]


async def test_what_may_run_blind_goes_on_for_a_person(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, chip: Chip
) -> None:
    change(hass, entry, BOILER, run_when_blind=True)
    meter = await set_up()
    assert meter.loads is not None
    await until(lambda: 17 in chip.levels)
    Law.newest.says = [on(BOILER, Reason.OVERRIDE_ON)]
    meter.loads.async_override(BOILER, on=True)
    with patch.object(coordinator_module, "silence_limit", lambda _: 0.01):
        assert await hass.config_entries.async_unload(entry.entry_id)
    await until(lambda: meter.loads is not None and meter.loads._timer is None)
    assert chip.levels == {17: True}


@pytest.mark.usefixtures("both_on")
async def test_a_stop_puts_lines_into_their_safe_state(hass: HomeAssistant, chip: Chip, pump: Device) -> None:
    await hass.async_stop(force=True)
    # At once, then freed. The pump's plug is not ours.
    assert chip.done[0] == "set 17 off"
    assert chip.levels == {}
    assert pump.told == []


@pytest.fixture
async def may_stay(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, chip: Chip, say: Say) -> None:
    """The boiler is on, and its line may stay as it is at a stop."""
    change(hass, entry, BOILER, keep_at_stop=True)
    await set_up()
    await until(lambda: 17 in chip.levels)
    Law.newest.says = [on(BOILER)]
    await say(nl5())
    chip.done.clear()


@pytest.mark.usefixtures("may_stay")
async def test_a_line_may_stay_as_it_is_at_a_stop(hass: HomeAssistant, chip: Chip) -> None:
    await hass.async_stop(force=True)
    assert chip.done == ["release 17"]


@pytest.mark.usefixtures("may_stay")
async def test_one_that_may_stay_at_a_stop_is_safe_when_it_is_removed(
    hass: HomeAssistant, entry: MockConfigEntry, chip: Chip
) -> None:
    hass.config_entries.async_remove_subentry(entry, BOILER)
    await hass.async_block_till_done()
    assert chip.done == ["set 17 off", "release 17"]


@pytest.mark.usefixtures("both_on")
async def test_a_load_that_is_switched_by_something_else_from_now_on_leaves_nothing_on(
    hass: HomeAssistant, entry: MockConfigEntry, chip: Chip, pump: Device
) -> None:
    other = await add(hass, "switch.other")
    wired = {key: value for key, value in RELAY.items() if key not in {"chip", "line"}}
    boiler, plug = entry.subentries[BOILER], entry.subentries[PUMP]
    hass.config_entries.async_update_subentry(entry, boiler, data={**wired, "entity_id": "switch.other"})
    await hass.async_block_till_done()
    assert chip.done == ["set 17 off", "release 17"]
    hass.config_entries.async_update_subentry(entry, plug, data={**plug.data, "entity_id": "switch.third"})
    await hass.async_block_till_done()
    assert pump.told == [False]
    # What it is switched by now is for the law to decide.
    assert other.told == []


@pytest.mark.usefixtures("both_on")
async def test_what_is_unloaded_is_safe_after_a_stop_too(
    hass: HomeAssistant, entry: MockConfigEntry, chip: Chip
) -> None:
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_stop(force=True)
    assert chip.done[0] == "set 17 off"
    assert chip.levels == {}


@pytest.mark.usefixtures("both_on")
async def test_disabled_for_good(hass: HomeAssistant, entry: MockConfigEntry, chip: Chip, pump: Device) -> None:
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert chip.done[0] == "set 17 off"
    assert chip.levels == {}
    assert pump.told == [False]


@pytest.mark.usefixtures("both_on")
async def test_removed_for_good(hass: HomeAssistant, entry: MockConfigEntry, chip: Chip, pump: Device) -> None:
    assert await hass.config_entries.async_remove(entry.entry_id)
    assert chip.levels == {}
    assert pump.told == [False]


@pytest.mark.usefixtures("both_on")
async def test_a_load_is_removed_and_the_other_is_not_touched(
    hass: HomeAssistant, entry: MockConfigEntry, chip: Chip, pump: Device
) -> None:
    hass.config_entries.async_remove_subentry(entry, BOILER)
    await hass.async_block_till_done()
    assert chip.levels == {}
    assert pump.told == []
    hass.config_entries.async_remove_subentry(entry, PUMP)
    await hass.async_block_till_done()
    assert pump.told == [False]
    assert entry.state is ConfigEntryState.LOADED
    assert entry.runtime_data.loads is None


@pytest.mark.usefixtures("both_on")
async def test_what_a_person_has_switched_is_theirs(
    hass: HomeAssistant, entry: MockConfigEntry, loads: LoadManager, pump: Device
) -> None:
    loads.async_override(PUMP, on=True)
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    assert pump.told == []


async def test_what_was_learned_is_kept(
    entry: MockConfigEntry, meter: MeterCoordinator, hass_storage: dict[str, Any]
) -> None:
    Law.newest.state = {"learned": 2}
    await meter.store.async_save()
    assert hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["loads"] == {
        "enabled": True,
        "law": {"learned": 2},
        # What the telegram says to be the time.
        "ahead_s": round((Law.newest.samples[-1].wall - dt_util.utcnow()).total_seconds()),
    }


# --- What a person has to know ---------------------------------------------------------------------------------------


def issues(hass: HomeAssistant) -> dict[str, dict[str, str] | None]:
    return {
        issue.translation_key or "": issue.translation_placeholders
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN
    }


async def test_an_entity_that_does_not_obey_is_a_repair(hass: HomeAssistant, loads: LoadManager, say: Say) -> None:
    law = Law.newest
    law.views[PUMP] = replace(NOTHING_KNOWN, activity=Activity.FAULT, reason=Reason.FAULT)
    await say(nl5())
    assert issues(hass)["load_fault_entity"] == {"name": "Iskra AM550", "load": "Pump", "entity": "switch.plug"}
    assert loads.fault(PUMP) == "entity"
    assert loads.fault(BOILER) is None
    law.views[PUMP] = replace(NOTHING_KNOWN, activity=Activity.OFF)
    await say(nl5())
    assert issues(hass) == {}


async def test_a_line_that_is_lost_is_a_repair_until_it_is_back(
    hass: HomeAssistant, loads: LoadManager, say: Say, chip: Chip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.p1meter.outputs._FIRST_PAUSE", 0.01)
    chip.error = GpioError(GpioErrorKind.LOST, "No such device")
    Law.newest.says = [on(BOILER)]
    await say(nl5())
    assert issues(hass)["load_line_missing"] == {
        "name": "Iskra AM550",
        "load": "Boiler",
        "chip": "/dev/gpiochip0",
        "line": "17",
        "holder": "?",
    }
    await say(nl5())
    assert Law.newest.samples[-1].loads[BOILER].on is None
    chip.error = GpioError(GpioErrorKind.BUSY, "Device or resource busy", "somebody")
    await until(lambda: "load_line_busy" in issues(hass))
    assert "load_line_missing" not in issues(hass)
    assert loads.fault(BOILER) == "busy"
    chip.error = None
    await until(lambda: issues(hass) == {})


# --- entities that are renamed, or gone ------------------------------------------------------------------------------


@pytest.fixture
def registered(hass: HomeAssistant) -> er.EntityRegistry:
    """The pump's plug, its power and its permission, as a person may rename them."""
    registry = er.async_get(hass)
    for entity_id in ("switch.plug", "sensor.watts", "binary_sensor.home", "sensor.price"):
        domain, _, object_id = entity_id.partition(".")
        registry.async_get_or_create(domain, "plugs", object_id, suggested_object_id=object_id)
    return registry


async def test_what_is_renamed_is_followed(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, chip: Chip, registered: er.EntityRegistry
) -> None:
    change(hass, entry, PUMP, power_entity="sensor.watts", allowed_entity="binary_sensor.home")
    hass.config_entries.async_update_entry(entry, options={"price_buy_entity": "sensor.price"})
    await set_up()
    await until(lambda: 17 in chip.levels)
    chip.done.clear()
    for old, new in (
        ("switch.plug", "switch.pump_plug"),
        ("sensor.watts", "sensor.pump_watts"),
        ("binary_sensor.home", "binary_sensor.at_home"),
        ("sensor.price", "sensor.day_ahead"),
    ):
        registered.async_update_entity(old, new_entity_id=new)
    await hass.async_block_till_done()
    assert entry.options == {"price_buy_entity": "sensor.day_ahead"}
    # What else was chosen is as it was.
    assert entry.subentries[PUMP].data == {
        **PLUG,
        "entity_id": "switch.pump_plug",
        "power_entity": "sensor.pump_watts",
        "allowed_entity": "binary_sensor.at_home",
    }
    assert entry.subentries[BOILER].data == RELAY
    # It is at work: the pump goes on where it was, and the boiler's relay has not clicked.
    told: list[Any] = []

    async def turn_on(call: ServiceCall) -> None:
        told.append(call.data["entity_id"])

    hass.services.async_register("switch", "turn_on", turn_on)
    Law.newest.says = [on(PUMP)]
    entry.runtime_data.loads.feed(read(nl5()), datetime(2026, 11, 21, 12, tzinfo=UTC))
    await until(lambda: told == ["switch.pump_plug"])
    assert chip.done == []


async def test_a_rename_is_followed_while_the_meter_is_not_read(
    hass: HomeAssistant, entry: MockConfigEntry, meter: MeterCoordinator, registered: er.EntityRegistry
) -> None:
    assert meter.loads is not None
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    registered.async_update_entity("switch.plug", new_entity_id="switch.pump_plug")
    # Nothing of what else may happen to an entity concerns us.
    registered.async_update_entity("switch.pump_plug", name="Plug of the pump")
    registered.async_remove("sensor.watts")
    await hass.async_block_till_done()
    assert entry.subentries[PUMP].data == {**PLUG, "entity_id": "switch.pump_plug"}


async def test_what_is_gone_is_one_repair(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    set_up: SetUp,
    registered: er.EntityRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change(hass, entry, PUMP, power_entity="sensor.watts")
    loads = (await set_up()).loads
    assert loads is not None

    def look(times: int) -> dict[str, Any]:
        for _ in range(times):
            loads._look_for_entities(dt_util.utcnow())
        return issues(hass)

    # Without a state, but somebody knows them: their integration may be starting.
    assert look(3) == {}
    # Disabled, it will not come by itself.
    registered.async_update_entity("sensor.watts", disabled_by=er.RegistryEntryDisabler.USER)
    assert look(2).keys() == {"load_entity_missing"}
    registered.async_update_entity("sensor.watts", disabled_by=None)
    assert look(1) == {}
    registered.async_remove("sensor.watts")
    # A helper that is just being read anew is gone for a moment only.
    assert look(1) == {}
    facts = {"name": "Iskra AM550", "load": "Pump", "entity": "sensor.watts"}
    assert look(1) == {"load_entity_missing": facts}
    registered.async_remove("switch.plug")
    assert look(3) == {"load_entity_missing": {**facts, "entity": "switch.plug, sensor.watts"}}
    # It is back, with or without the registry.
    hass.states.async_set("switch.plug", "off")
    hass.states.async_set("sensor.watts", "0")
    assert look(1) == {}
    # While Home Assistant starts, most is not there yet.
    hass.states.async_remove("switch.plug")
    monkeypatch.setattr(hass, "state", CoreState.starting)
    assert look(3) == {}


async def test_protection_is_told(loads: LoadManager, say: Say) -> None:
    told: list[ProtectionEvent] = []

    def fail(_event: ProtectionEvent) -> None:
        raise RuntimeError("a listener of somebody else")

    loads.async_listen_for_events(fail)
    remove = loads.async_listen_for_events(told.append)
    law = Law.newest
    law.says = [off(BOILER, Reason.FUSE, current_a=27.8), off(PUMP)]
    law.site_is = replace(SITE_WAITS, mode=Mode.PROTECTING, alarms=frozenset({Alarm.FUSE_HELPLESS}))
    await say(nl5())
    assert told == [
        ProtectionEvent("fuse", BOILER, "Boiler", on=False, facts={"current_a": 27.8}),
        ProtectionEvent("alarm_started", alarm=Alarm.FUSE_HELPLESS),
    ]
    await say(nl5())
    assert len(told) == 2
    # The relay did not obey: it is told once more, the person is not.
    law.says = [replace(off(BOILER, Reason.FUSE, current_a=27.8), again=True)]
    await say(nl5())
    assert len(told) == 2
    law.site_is = SITE_WAITS
    law.says = [off(PUMP, Reason.DEMAND), off(BOILER, Reason.STALE)]
    await say(nl5())
    assert [(event.kind, event.load, event.alarm) for event in told[2:]] == [
        ("demand", PUMP, None),
        ("stale", BOILER, None),
        ("alarm_ended", None, Alarm.FUSE_HELPLESS),
    ]
    remove()
    law.says = [off(PUMP, Reason.DEMAND)]
    await say(nl5())
    assert len(told) == 5


async def test_who_listens_is_called_when_it_is_worth_it(
    loads: LoadManager, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []

    def fail() -> None:
        raise RuntimeError("a listener of somebody else")

    removers: list[Callable[[], None]] = [
        loads.async_add_listener(fail, BOILER),
        loads.async_add_listener(lambda: called.append("boiler"), BOILER),
        loads.async_add_listener(lambda: called.append("pump"), PUMP),
        loads.async_add_listener(lambda: called.append("site"), None),
    ]
    law = Law.newest
    law.views[BOILER] = replace(NOTHING_KNOWN, reason=Reason.SHORT, detail={"short_w": 340.0, "since_s": 10.0})
    await say(nl5())
    assert called == ["boiler"]
    assert loads.view(BOILER).reason is Reason.SHORT
    assert "a listener of somebody else" in caplog.text
    law.site_is = replace(SITE_WAITS, mode=Mode.CONTROLLING)
    await say(nl5(), nl5())
    assert called == ["boiler", "site"]
    assert loads.site_view().mode is Mode.CONTROLLING
    for remove in removers:
        remove()
    law.views[BOILER] = NOTHING_KNOWN
    await say(nl5())
    assert called == ["boiler", "site"]


async def test_sums_are_told_with_the_last_telegram_before_a_mark(
    set_up: SetUp, say: Say, wall_clock: WallClock, chip: Chip
) -> None:
    """The meter sends every 10 s: from 12:04:50 on, no other one comes before the mark."""
    meter = await set_up()
    assert meter.loads is not None
    await until(lambda: 17 in chip.levels)
    runs = replace(NOTHING_KNOWN, on=True, activity=Activity.ACTIVE, reason=Reason.SUN, detail={"share": 0.8})
    Law.newest.views[BOILER] = runs
    await say(nl5())
    shown = []
    for second in (40, 49, 51, 59):
        wall_clock.now = datetime(2026, 11, 21, 11, 4, second, tzinfo=UTC)
        Law.newest.views[BOILER] = replace(runs, run_s=float(second))
        with patch.object(type(meter), "interval", 10.0):
            await say(nl5())
        shown.append(meter.loads.view(BOILER).run_s)
    assert shown == [0.0, 0.0, 51.0, 51.0]


@pytest.mark.usefixtures("both_on")
async def test_issue_ids_are_of_one_load(hass: HomeAssistant, entry: MockConfigEntry, say: Say) -> None:
    """Two loads may fail at the same time."""
    law = Law.newest
    for load in (BOILER, PUMP):
        law.views[load] = replace(NOTHING_KNOWN, activity=Activity.FAULT, reason=Reason.FAULT)
    await say(nl5())
    for load in (BOILER, PUMP):
        found = ir.async_get(hass).async_get_issue(DOMAIN, issue_id(f"load_fault_entity_{load}", entry.entry_id))
        assert found is not None
