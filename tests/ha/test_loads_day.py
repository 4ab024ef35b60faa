"""A day of broken clouds in a house with three loads: what must hold whatever the sun does.

The real law, real entities, telegrams of the simulated household every ten seconds (every thirty at night), and a clock
that is as fast as the machine. On the way the meter falls silent, a person flips a switch, the entry is reloaded and
Home Assistant restarted.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
import logging
from typing import TYPE_CHECKING, Any, NamedTuple, override

from homeassistant.const import EVENT_HOMEASSISTANT_STOP, EVENT_LOGGING_CHANGED
from homeassistant.core import Context, Event
import pytest

from custom_components.p1meter import load_manager
from custom_components.p1meter.load_manager import LEFT_ALONE, LoadManager
from custom_components.p1meter.loads import PROTECTING, Controller, Reason
from custom_components.p1meter.meter import Reader, ReceivedAt, Telegram
from tests.simulation.appliance import Appliance
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

from .appliances import add
from .conftest import get, probe, until
from .fake_loads import add_load
from .pins import Chip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.p1meter.coordinator import MeterCoordinator
    from custom_components.p1meter.loads import Command, LoadInput, Sample

    from .appliances import Device
    from .conftest import WallClock

PERIOD = 10
NIGHT_PERIOD = 30
START = datetime(2026, 6, 10, tzinfo=ZONE)
BOILER, PUMP, CAR = "01BOILER", "01PUMP", "01CAR"
LOADS: dict[str, tuple[str, dict[str, Any]]] = {
    BOILER: (
        "Boiler",
        {"kind": "relay", "power_w": 2000.0, "rank": 1, "chip": "/dev/gpiochip0", "line": 17, "start_cost_wh": 5.0},
    ),
    # Three hours a day, whatever the sun does.
    PUMP: (
        "Pump",
        {
            "kind": "motor",
            "power_w": 1000.0,
            "rank": 2,
            "entity_id": "switch.plug",
            "min_run_s": 10800.0,
            "deadline": "20:00",
        },
    ),
    CAR: ("Car", {"kind": "charger", "power_w": 3600.0, "rank": 3, "entity_id": "switch.charger"}),
}
MIN_ON = {BOILER: 60, PUMP: 300, CAR: 60}
MIN_OFF = {BOILER: 0, PUMP: 180, CAR: 0}
HAND = 7200


class Done(NamedTuple):
    """A command of the law, and when (s of the day)."""

    at: float
    command: Command


class House:
    """The household, its meter, and the clock of both."""

    meter: MeterCoordinator

    def __init__(self, clock: WallClock, chip: Chip) -> None:
        self.devices: dict[str, Device] = {}
        self.household = Household(seed=3, start=START, system="nl4", weather="broken")
        self.household.appliances = {
            BOILER: Appliance(1950, phase=1),
            PUMP: Appliance(1040, phase=2),
            CAR: Appliance(3550, phase=3, latency=12, ramp=6),
        }
        self.second = 0
        self._clock = clock
        self._chip = chip
        self._reader = Reader(zone=ZONE, country="NL")

    @property
    def loads(self) -> LoadManager:
        assert self.meter.loads is not None
        return self.meter.loads

    def telegram(self) -> Telegram:
        (item,) = self._reader.feed(SYSTEMS["nl4"].compose(self.household), ReceivedAt(self.second, self._clock.now))
        assert isinstance(item, Telegram)
        return item

    @property
    def period(self) -> int:
        """Seconds to the next telegram: at night more, for little happens then, but not so many that data are stale."""
        return PERIOD if hours(6) <= self.second < hours(20) else NIGHT_PERIOD

    async def live(self, until_second: int, *, silent: bool = False) -> None:
        """Live on, with telegrams or without."""
        while self.second < until_second:
            period = min(self.period, until_second - self.second)
            self.household.step(period)
            self.second += period
            self._clock.now = START.astimezone(UTC) + timedelta(seconds=self.second)
            if silent:
                self.loads._look(self.loads._now())
            else:
                self.meter._on_items([self.telegram()])
            await self.settle()

    async def live_until(self, *loads: str) -> None:
        """Live on until these loads are on."""
        while not all(self.on[load] for load in loads):
            assert self.second < hours(18), "the sun has gone"
            await self.live(self.second + self.period)

    async def settle(self) -> None:
        """Let the commands arrive, and the appliances with them."""
        for _ in range(6):
            await asyncio.sleep(0)
        for load, on in self.on.items():
            self.household.appliances[load].switch(on)

    @property
    def on(self) -> dict[str, bool]:
        """What is on in truth."""
        devices = {load: device.on for load, device in self.devices.items()}
        return {BOILER: self._chip.levels.get(17, False), **devices}


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[Done]:
    """Every command of the law."""
    done: list[Done] = []

    class Recorded(Controller):
        @override
        def step(self, sample: Sample) -> list[Command]:
            return self._noted(sample.now, super().step(sample))

        @override
        def tick(self, now: float, wall: datetime, loads: Mapping[str, LoadInput] | None = None) -> list[Command]:
            return self._noted(now, super().tick(now, wall, loads))

        def _noted(self, now: float, commands: list[Command]) -> list[Command]:
            done.extend(Done(now, command) for command in commands)
            return commands

    monkeypatch.setattr(load_manager, "Controller", Recorded)
    return done


@pytest.fixture
async def house(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    wall_clock: WallClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    log: list[Done],
) -> House:
    """Midnight; the meter has been there for years, and the loads since today."""
    assert log == []
    # Nobody wants to read a day of events, or where each callback of it came from.
    for name in ("homeassistant", "homeassistant.core", None):
        caplog.set_level(logging.WARNING, name)
    hass.bus.async_fire_internal(EVENT_LOGGING_CHANGED)
    hass.loop.set_debug(False)
    await hass.config.async_set_time_zone("Europe/Brussels")
    chip = Chip()
    chip.put(monkeypatch)
    wall_clock.now = START.astimezone(UTC)
    # A grid that asks for quarters of an hour under 5 kW.
    limits = {"demand": "own", "target_w": 5000.0}
    hass.config_entries.async_update_entry(entry, options=limits, unique_id=None)
    for load, (title, data) in LOADS.items():
        add_load(hass, entry, load, title, data)
    house = House(wall_clock, chip)
    house.devices = {PUMP: await add(hass, "switch.plug"), CAR: await add(hass, "switch.charger")}
    monkeypatch.setattr(LoadManager, "_now", lambda _: float(house.second))
    probe(hass, entry, SYSTEMS["nl4"].compose(house.household))
    await set_up(hass, entry, house)
    return house


async def set_up(hass: HomeAssistant, entry: MockConfigEntry, house: House) -> None:
    assert await hass.config_entries.async_setup(entry.entry_id)
    house.meter = entry.runtime_data
    await until(lambda: house.loads._outputs[BOILER].on is not None)


def hours(count: float) -> int:
    return int(count * 3600)


def between(log: list[Done], start: float, end: float) -> list[Done]:
    return [done for done in log if start < done.at <= end]


def is_a_hand(command: Command) -> bool:
    return command.reason in {Reason.OVERRIDE_ON, Reason.OVERRIDE_OFF}


@pytest.mark.timeout(900)  # 6100 telegrams: 20 seconds of one core, more where others want it too
@pytest.mark.usefixtures("everything_unloaded")
async def test_a_day(
    hass: HomeAssistant, entry: MockConfigEntry, house: House, log: list[Done], hass_admin_user: User
) -> None:
    person = Context(user_id=hass_admin_user.id)

    # --- Twenty minutes of silence while the boiler runs: nothing starts, and all is off after 35 s.
    await house.live_until(BOILER)
    last = house.second
    await house.live(last + 3 * PERIOD, silent=True)
    assert house.on[BOILER]
    await house.live(last + 4 * PERIOD, silent=True)
    assert house.on == {BOILER: False, PUMP: False, CAR: False}
    await house.live(last + 1200, silent=True)
    assert house.on == {BOILER: False, PUMP: False, CAR: False}
    assert {(done.command.on, done.command.reason) for done in between(log, last, house.second)} == {
        (False, Reason.STALE)
    }
    # Back again: nothing before the third good telegram.
    back = house.second
    await house.live(back + 2 * PERIOD)
    assert between(log, back, house.second) == []

    # --- A person wants the car to charge, sun or no sun.
    await house.live(hours(11))
    assert not house.on[CAR]
    begun = house.second
    await hass.services.async_call("switch", "turn_on", {"entity_id": "switch.charger"}, blocking=True, context=person)
    await house.live(begun + HAND - 60)
    assert house.on[CAR]
    assert [done for done in between(log, begun, house.second) if done.command.load == CAR] == []
    assert get(hass, "select.car_mode").state == "automatic"

    # --- A reload while the boiler runs.
    await house.live_until(BOILER)
    before = house.on
    told = {load: len(device.told) for load, device in house.devices.items()}
    quiet = house.second
    assert await hass.config_entries.async_reload(entry.entry_id)
    house.meter = entry.runtime_data
    await house.live(quiet + 2 * PERIOD)
    assert between(log, quiet, house.second) == []
    assert house.on == before
    assert {load: len(device.told) for load, device in house.devices.items()} == told

    # --- A restart while boiler and pump run: the line goes to its safe state, and nothing else is touched.
    await house.live_until(BOILER, PUMP)
    before = house.on
    told = {load: len(device.told) for load, device in house.devices.items()}
    quiet = house.second
    house.loads._at_stop(Event(EVENT_HOMEASSISTANT_STOP))
    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.data.get(LEFT_ALONE, {}).pop(entry.entry_id, None)
    await hass.async_block_till_done()
    await set_up(hass, entry, house)
    await house.live(quiet + 2 * PERIOD)
    assert between(log, quiet, house.second) == []
    assert house.on == {**before, BOILER: False}
    assert {load: len(device.told) for load, device in house.devices.items()} == told

    await house.live(hours(24))

    # --- The whole day.
    for load in LOADS:
        switched = [done for done in log if done.command.load == load]
        for first, second in pairwise(switched):
            least = MIN_ON[load] if first.command.on else MIN_OFF[load]
            protects = second.command.reason in PROTECTING or is_a_hand(second.command)
            assert second.at - first.at >= least or protects or first.command.on is second.command.on, (first, second)
    # Not those that were commanded: the car's was the person's.
    starts = {load: house.loads.controller.view(load).starts for load in LOADS}
    # The sun of a day with clouds was worth some starts of each, and not one a minute.
    assert all(1 <= count <= 40 for count in starts.values()), starts
    # By the pump's own day, from four to four, and by its deadline.
    assert house.loads.controller.view(PUMP).run_s >= 10800
    assert house.loads.controller.view(BOILER).sun_wh > 2000
