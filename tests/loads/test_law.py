"""The controller: what each authority does, what becomes of a command, and what a person is told."""

from dataclasses import replace
from datetime import datetime, time, timedelta
import json
from math import inf
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from p1meter.loads import (
    FOREVER,
    Activity,
    Alarm,
    Command,
    Controller,
    LoadInput,
    LoadSettings,
    LoadView,
    Mode,
    Phase,
    Reason,
    Sample,
    Site,
)

ZONE = ZoneInfo("Europe/Brussels")
NOON = datetime(2026, 6, 15, 12, 0, 5, tzinfo=ZONE)


def load(name: str = "boiler", power_w: float = 2000.0, rank: int = 1, **more: Any) -> LoadSettings:
    """A load that is switched as soon as it is worth anything."""
    quick: dict[str, Any] = {"start_cost_wh": 0.0, "stop_cost_wh": 0.0, "min_on_s": 0.0, "phases": (1,)}
    return LoadSettings(name, power_w, rank, **quick | more)


class House:
    """Outputs that obey at once, and loads that draw at once, on a meter that shows it at the next telegram."""

    def __init__(
        self, *loads: LoadSettings, house_w: float = 300.0, site: Site | None = None, start: datetime = NOON
    ) -> None:
        self.loads = loads
        self.site = site or Site()
        self.house_w = house_w
        self.now = 10_000.0
        self.at = start.timestamp()
        self.on: dict[str, bool | None] = {one.id: False for one in loads}
        self.deaf: set[str] = set()
        self.cold: dict[str, float] = {}
        self.allowed: dict[str, bool] = {}
        self.more: dict[str, Any] = {}
        self.controller = Controller(loads, self.site)
        self.commands: list[tuple[int, Command]] = []
        self.seconds = 0

    def wall(self) -> datetime:
        return datetime.fromtimestamp(self.at, ZONE)

    def net_w(self) -> float:
        return self.house_w + sum(self.cold.get(one.id, one.power_w) for one in self.loads if self.on[one.id])

    def sample(self) -> Sample:
        net = self.net_w()
        phase = Phase(abs(net) / 230, max(0.0, net), max(0.0, -net), 230.0)
        inputs = {name: LoadInput(on, allowed=self.allowed.get(name, True)) for name, on in self.on.items()}
        power = {"import_w": max(0.0, net), "export_w": max(0.0, -net)}
        return Sample(self.now, self.wall(), phases=(phase, None, None), loads=inputs, **power | self.more)

    def step(self) -> list[tuple[str, bool, Reason]]:
        """A telegram; what was commanded."""
        commands = self.controller.step(self.sample())
        return self._obey(commands)

    def tick(self) -> list[tuple[str, bool, Reason]]:
        """A second without one."""
        return self._obey(self.controller.tick(self.now, self.wall()))

    def run(self, seconds: int) -> list[tuple[str, bool, Reason]]:
        return [command for _ in range(seconds) for command in self.step()]

    def silence(self, seconds: int) -> list[tuple[str, bool, Reason]]:
        return [command for _ in range(seconds) for command in self.tick()]

    def until_switched(self, limit: int = 4000) -> tuple[int, list[tuple[str, bool, Reason]]]:
        """Go on to the next command; after how many telegrams it came."""
        for n in range(1, limit):
            if commands := self.step():
                return n, commands
        raise AssertionError("nothing was commanded")

    def hand(self, name: str, on: bool | None, *, hours: float | None = 2.0) -> None:  # noqa: FBT001 - as the law has it
        until = FOREVER if hours is None else self.wall() + timedelta(hours=hours)
        self.controller.override(name, on, until)

    def view(self, name: str = "boiler") -> LoadView:
        return self.controller.view(name)

    def _obey(self, commands: list[Command]) -> list[tuple[str, bool, Reason]]:
        for command in commands:
            self.commands.append((self.seconds, command))
            if command.load not in self.deaf and self.on[command.load] is not None:
                self.on[command.load] = command.on
        self.now += 1
        self.at += 1
        self.seconds += 1
        return [(command.load, command.on, command.reason) for command in commands]


ON, OFF = True, False


# Starts


def test_nothing_is_commanded_at_the_first_three_telegrams() -> None:
    house = House(load(), house_w=-3000.0)
    assert house.controller.reasons == {"boiler": Reason.STARTING_UP}
    assert house.controller.site_view().mode is Mode.WAITING
    assert house.view().on is None
    for _ in range(3):
        assert house.step() == []
        assert house.controller.reasons == {"boiler": Reason.STARTING_UP}
    assert house.step() == [("boiler", ON, Reason.SUN)]
    assert house.view().reason is Reason.SUN
    assert house.controller.site_view().mode is Mode.CONTROLLING
    house.step()
    assert house.view().activity is Activity.STARTING


def test_the_reason_of_a_change_stands_while_its_power_is_awaited() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(4)
    said = [house.view().reason]
    for _ in range(20):
        house.step()
        said.append(house.view().reason)
    house.house_w = 300.0
    house.until_switched()
    for _ in range(20):
        said.append(house.view().reason)
        house.step()
    assert said == [Reason.SUN] * 21 + [Reason.SHORT] * 20


def test_a_set_of_two_is_started_one_after_the_other() -> None:
    house = House(load(), load("pump", 1000.0, 2), house_w=-3200.0)
    house.run(3)
    # 2 s of latency and two telegrams lie between.
    assert house.step() == [("boiler", ON, Reason.SUN)]
    assert house.run(3) == []
    assert house.step() == [("pump", ON, Reason.SUN)]
    assert house.run(60) == []


def test_what_comes_between_ends_the_plan() -> None:
    house = House(load(), load("pump", 1000.0, 2), house_w=-3200.0)
    house.run(4)
    house.allowed["pump"] = False
    assert house.run(30) == []
    house.allowed["pump"] = True
    assert house.until_switched()[1] == [("pump", ON, Reason.SUN)]


def test_a_load_makes_room_for_a_better_one_in_one_step_the_off_first() -> None:
    house = House(load(), load("pump", 1000.0, 2), house_w=-1000.0)
    assert house.until_switched()[1] == [("pump", ON, Reason.SUN)]
    house.run(20)
    # The sun comes out slowly: not the pump's doing.
    commands: list[tuple[str, bool, Reason]] = []
    while not commands:
        house.house_w -= 20.0
        commands = house.step()
    assert commands == [("pump", OFF, Reason.MADE_ROOM), ("boiler", ON, Reason.SUN)]
    house.run(20)
    assert house.view("pump").reason is Reason.MADE_ROOM


def test_a_start_counts_and_too_many_are_not_made() -> None:
    house = House(load(max_starts_per_day=1), house_w=-3000.0)
    house.run(10)
    assert house.view().starts == 1
    house.house_w = 300.0
    assert house.until_switched()[1] == [("boiler", OFF, Reason.SHORT)]
    house.house_w = -3000.0
    assert house.run(60) == []
    assert house.view().reason is Reason.MAX_STARTS


def test_a_full_day_of_starts_does_not_end_a_run() -> None:
    house = House(load(max_starts_per_day=1, max_run_s=9000.0), house_w=-3000.0)
    assert house.run(120) == [("boiler", ON, Reason.SUN)]


def test_the_minimum_times_are_kept() -> None:
    house = House(load(min_on_s=120.0, min_off_s=180.0), house_w=-3000.0)
    # Nobody knows since when it has been off.
    assert house.until_switched() == (181, [("boiler", ON, Reason.SUN)])
    house.house_w = 300.0
    assert house.run(60) == []
    assert house.view().reason is Reason.MIN_ON
    assert house.until_switched() == (60, [("boiler", OFF, Reason.SHORT)])
    house.house_w = -3000.0
    assert house.run(60) == []
    assert house.view().reason is Reason.MIN_OFF
    assert house.until_switched() == (120, [("boiler", ON, Reason.SUN)])


def test_the_reasons_say_how_much_and_how_long() -> None:
    house = House(load(start_cost_wh=5.0, stop_cost_wh=20.0), house_w=-1000.0)
    house.run(61)
    # theta is 0.65: 1300 W; 300 W are missing, for a minute.
    assert (house.view().reason, house.view().detail) == (Reason.SHORT, {"short_w": 300.0, "since_s": 60.0})
    house.house_w = -1600.0
    house.run(12)
    # 300 W of gain: 5 Wh take 60 s, 12 of which are over.
    assert house.view().reason is Reason.GATHERING
    assert house.view().detail == {"remaining_s": pytest.approx(48.0)}
    house.run(60)
    assert house.view().reason is Reason.SUN
    assert house.view().detail == {"share": pytest.approx(0.8)}
    house.house_w = -1000.0
    house.run(40)
    # 300 W of loss: 20 Wh take 240 s.
    assert house.view().reason is Reason.LEAVING
    assert house.view().detail == {"short_w": pytest.approx(300.0), "remaining_s": pytest.approx(200.0)}


def test_how_long_is_said_while_another_load_settles_too() -> None:
    house = House(load(stop_cost_wh=20.0), load("pump", 1000.0, 2), house_w=-2000.0)
    house.run(20)
    house.house_w = -1000.0
    house.run(10)
    house.hand("pump", ON)
    house.run(2)
    assert house.view().reason is Reason.LEAVING
    # It costs 300 W, and 1000 W that the pump would have: 20 Wh take 55.4 s, once the pump's 6 s are over.
    assert house.view().detail == {"short_w": pytest.approx(300.0), "remaining_s": pytest.approx(61.4, abs=0.1)}


def test_nothing_is_never_short_while_others_are_started() -> None:
    house = House(
        load(), load("pump", 1000.0, 2), load("heater", 500.0, 3, start_cost_wh=5.0, phases=(2,)), house_w=-3700.0
    )
    house.run(3)
    assert house.step() == [("boiler", ON, Reason.SUN)]
    # The pump is next, after 2 s of latency and two telegrams.
    assert (house.view("pump").reason, house.view("pump").detail) == (Reason.GATHERING, {"remaining_s": 4.0})
    assert house.view("heater").reason is Reason.GATHERING
    house.step()
    assert house.view("pump").detail == {"remaining_s": 3.0}
    house.run(2)
    assert house.step() == [("pump", ON, Reason.SUN)]
    # 175 W of gain: 5 Wh take 102.9 s, once the pump's 7 s are over.
    assert house.view("heater").reason is Reason.GATHERING
    assert house.view("heater").detail == {"remaining_s": pytest.approx(109.9, abs=0.1)}
    while not house.view("heater").on:
        assert house.view("heater").reason is Reason.GATHERING
        house.step()
    assert house.view("heater").reason is Reason.SUN


def test_what_breaks_just_even_is_not_told_that_nothing_is_short() -> None:
    house = House(load(), house_w=-1300.0)
    house.run(20)
    assert (house.view().reason, house.view().detail) == (Reason.SHORT, {"short_w": 10.0, "since_s": 0.0})
    house = House(load(stop_cost_wh=100.0), house_w=-2500.0)
    house.run(20)
    house.house_w = -1297.0
    house.run(20)
    assert house.view().reason is Reason.LEAVING
    assert house.view().detail["short_w"] == 10.0


def test_where_a_start_costs_more_the_time_left_says_so() -> None:
    house = House(load(start_cost_wh=5.0, min_on_s=60.0), house_w=-1600.0, site=Site(fuse_a=5.0))
    house.run(100)
    # 8.7 A on a phase that exports 7 A: 1.7 A of 4 A.
    assert house.view().on
    house = House(load(), house_w=-1600.0, site=Site(fuse_a=2.0))
    house.run(100)
    # Nor would they fit into 1 A: 1.7 A.
    assert house.view().reason is Reason.FUSE_HEADROOM
    assert house.view().detail == {"phase": 1, "current_a": pytest.approx(-1600 / 230), "fuse_a": 2.0}


def test_with_prices_it_is_the_price_that_decides() -> None:
    house = House(load(value_per_kwh=0.14), house_w=-1400.0)
    house.more = {"price_buy": 0.30, "price_sell": 0.20}
    # theta is 1: what is sold brings more than the load is worth.
    assert house.run(100) == []
    # 0.64: 1280 W are enough.
    house.more = {"price_buy": 0.30, "price_sell": 0.05}
    assert house.until_switched()[1] == [("boiler", ON, Reason.SUN)]


# What becomes of a command


def test_a_load_that_does_not_obey_is_told_twice_more_and_is_then_at_fault() -> None:
    house = House(load(), house_w=-3000.0)
    house.deaf.add("boiler")
    house.run(340)
    # After 5 s and after 30 s; then every five minutes.
    assert [at for at, _ in house.commands] == [3, 8, 33, 339]
    assert house.view().activity is Activity.FAULT
    assert house.view().reason is Reason.FAULT
    assert not house.view().on
    # Its power is not reckoned with: it would not fit beside it.
    assert house.controller.site_view().surplus_w == 3000.0
    # Late is late: it is on, and nobody's hand.
    house.on["boiler"] = True
    house.run(10)
    assert house.view().activity is Activity.ACTIVE
    assert house.view().override is None


def test_what_has_not_obeyed_does_not_run() -> None:
    house = House(load())
    house.run(4)
    house.deaf.add("boiler")
    house.hand("boiler", ON)
    house.run(6)
    # 2 s of latency and three telegrams: it may still be on its way.
    assert (house.view().on, house.view().activity) == (True, Activity.STARTING)
    house.run(1)
    for _ in range(25):
        view = house.view()
        assert (view.on, view.activity, view.power_w) == (False, Activity.STARTING, 0.0)
        assert (view.starts, view.run_s, view.sun_wh + view.grid_wh) == (0, 0.0, 0.0)
        assert view.reason is Reason.OVERRIDE_ON
        house.step()
    house.run(20)
    assert house.view().activity is Activity.FAULT
    # At the next attempt it obeys: one start.
    house.deaf.clear()
    house.run(340)
    view = house.view()
    assert (view.on, view.activity, view.starts) == (True, Activity.ACTIVE, 1)
    assert view.run_s > 0


def test_what_obeys_when_it_is_told_again_has_started_once() -> None:
    house = House(load(), house_w=-3000.0)
    house.deaf.add("boiler")
    house.run(7)
    house.deaf.clear()
    house.run(20)
    assert [(at, command.on) for at, command in house.commands] == [(3, ON), (8, ON)]
    assert (house.view().starts, house.view().activity) == (1, Activity.ACTIVE)


def test_what_stays_on_is_shown_so_before_it_is_a_fault() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.deaf.add("boiler")
    house.hand("boiler", OFF)
    house.run(6)
    assert (house.view().on, house.view().activity, house.view().power_w) == (False, Activity.OFF, 0.0)
    house.run(1)
    assert (house.view().on, house.view().activity, house.view().power_w) == (True, Activity.ACTIVE, 2000.0)


def test_in_a_silence_nothing_is_seen_so_what_was_told_holds() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    assert ("boiler", OFF, Reason.STALE) in house.silence(30)
    assert (house.view().on, house.view().activity) == (False, Activity.OFF)


def test_what_the_sun_no_longer_carries_is_not_told_again() -> None:
    house = House(load(), house_w=-3000.0)
    house.deaf.add("boiler")
    house.run(4)
    house.house_w = 300.0
    assert house.run(40) == []
    assert house.view().activity is Activity.FAULT


def test_a_load_that_stays_on_is_told_to_be_off_whatever_happens() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.deaf.add("boiler")
    house.hand("boiler", OFF)
    house.run(40)
    assert [(at, command.on) for at, command in house.commands[1:]] == [(20, OFF), (25, OFF), (50, OFF)]
    assert house.view().activity is Activity.FAULT
    assert house.view().on


def test_a_load_that_was_away_is_told_again_only_what_still_holds() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.on["boiler"] = None
    house.run(5)
    assert house.view().on is None
    assert (house.view().activity, house.view().reason) == (Activity.UNKNOWN, Reason.UNAVAILABLE)
    ran = house.view().run_s
    # It is back, and off: the sun is still there.
    house.on["boiler"] = False
    assert house.step() == [("boiler", ON, Reason.SUN)]
    assert house.view().override is None
    assert house.view().run_s == ran
    # The sun is gone: it is simply off.
    house.run(20)
    house.on["boiler"] = None
    house.house_w = 300.0
    house.run(20)
    house.on["boiler"] = False
    assert house.run(60) == []
    assert house.view().reason is Reason.SHORT
    # Nor is it started where it may not run.
    house.house_w = -3000.0
    assert house.until_switched()[1] == [("boiler", ON, Reason.SUN)]
    house.run(20)
    house.on["boiler"] = None
    house.run(5)
    house.on["boiler"] = False
    house.allowed["boiler"] = False
    assert house.run(60) == []
    # It was off, and is on: it is told to be off.
    house.on["boiler"] = None
    house.run(5)
    house.on["boiler"] = True
    assert house.step() == [("boiler", OFF, Reason.NOT_ALLOWED)]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        (load(), None),
        (load(min_run_s=36_000.0), Reason.DEADLINE),
        (load(min_run_s=36_000.0, max_run_s=1.0), None),
    ],
)
def test_a_load_that_is_back_goes_on_with_its_run(settings: LoadSettings, wanted: Reason | None) -> None:
    house = House(settings, start=NOON.replace(hour=22))
    house.run(600)
    house.on["boiler"] = None
    house.run(5)
    house.on["boiler"] = False
    assert house.step() == ([] if wanted is None else [("boiler", ON, wanted)])


def test_a_load_that_comes_late_is_taken_as_it_is() -> None:
    house = House(load(), house_w=-3000.0)
    house.on["boiler"] = None
    house.run(10)
    house.on["boiler"] = True
    assert house.run(10) == []
    assert house.view().override is None
    assert house.view().reason is Reason.SUN


def test_a_load_that_is_back_in_a_silence_is_not_started() -> None:
    house = House(load(run_when_blind=True))
    house.run(4)
    house.hand("boiler", ON)
    house.run(20)
    house.silence(20)
    house.on["boiler"] = None
    house.run(1)
    house.on["boiler"] = False
    assert house.run(2) == []
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]


def test_a_persons_on_goes_on_when_the_load_is_back() -> None:
    house = House(load())
    house.run(4)
    house.hand("boiler", ON)
    house.run(10)
    house.on["boiler"] = None
    house.run(5)
    house.on["boiler"] = False
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]


# A person's hand


def test_a_person_at_the_device_is_respected_for_two_hours() -> None:
    house = House(load())
    house.run(10)
    house.on["boiler"] = True
    # latency 2 s and three telegrams must pass: it is told at the first one after 5 s.
    assert house.run(6) == []
    assert house.view().override is None
    house.run(1)
    view = house.view()
    assert (view.on, view.override, view.reason) == (True, True, Reason.OVERRIDE_ON)
    assert view.override_until == house.wall() - timedelta(seconds=1) + timedelta(hours=2)
    assert view.starts == 1
    assert house.run(7199) == []
    assert house.until_switched(60)[1] == [("boiler", OFF, Reason.SHORT)]


def test_a_hand_that_undoes_itself_lets_go() -> None:
    house = House(load())
    house.run(10)
    house.on["boiler"] = True
    house.run(20)
    house.on["boiler"] = False
    house.run(20)
    assert house.view().override is None
    assert house.view().override_until is None


@pytest.mark.parametrize("min_off_s", [0.0, 600.0])
def test_a_hand_that_is_seen_at_once_is_respected_until_it_is_flipped_back(min_off_s: float) -> None:
    house = House(load(min_off_s=min_off_s), house_w=-3000.0)
    house.until_switched()
    house.run(20)
    house.on["boiler"] = False
    house.controller.hand("boiler", on=False)
    view = house.view()
    assert (view.on, view.activity, view.power_w) == (False, Activity.OFF, 0.0)
    assert (view.reason, view.override) == (Reason.OVERRIDE_OFF, False)
    assert house.run(30) == []
    house.on["boiler"] = True
    house.controller.hand("boiler", on=True)
    view = house.view()
    assert (view.on, view.activity, view.reason) == (True, Activity.STARTING, Reason.SETTLING)
    assert (view.override, view.starts) == (None, 2)
    for _ in range(60):
        assert house.step() == []
        assert (house.view().on, house.view().override) == (True, None)
    assert (house.view().reason, house.view().activity) == (Reason.SUN, Activity.ACTIVE)


def test_a_hand_that_the_law_has_begun_to_notice_is_counted_once() -> None:
    house = House(load(), site=Site(target_w=5000.0))
    house.run(10)
    house.on["boiler"] = True
    house.run(2)
    forecast_w = house.controller.site_view().forecast_w
    house.controller.hand("boiler", on=True)
    assert (house.view().on, house.view().override, house.view().starts) == (True, True, 1)
    assert house.controller.site_view().forecast_w == forecast_w
    # Back before the meter has shown anything.
    house.on["boiler"] = False
    house.controller.hand("boiler", on=False)
    assert (house.view().on, house.view().override) == (False, None)
    assert house.run(60) == []


def test_a_person_does_what_a_load_was_told_and_did_not_do() -> None:
    house = House(load())
    house.run(4)
    house.deaf.add("boiler")
    house.hand("boiler", ON)
    house.run(15)
    house.on["boiler"] = True
    house.controller.hand("boiler", on=True)
    view = house.view()
    assert (view.on, view.override, view.starts) == (True, True, 1)
    assert view.activity is Activity.STARTING
    assert house.run(60) == []
    assert (house.view().activity, house.view().starts) == (Activity.ACTIVE, 1)


def test_without_control_and_before_the_first_telegrams_nobody_has_a_hand() -> None:
    house = House(load())
    house.controller.hand("boiler", on=True)
    house.run(2)
    house.controller.hand("boiler", on=True)
    assert house.view().override is None
    house.run(20)
    house.controller.enabled = False
    house.controller.hand("boiler", on=True)
    assert (house.view().override, house.view().on) == (None, False)


def test_another_hand_is_not_an_undoing() -> None:
    house = House(load())
    house.run(10)
    # Off for good; it was off before, so switching it on at the device is something new.
    house.hand("boiler", OFF, hours=None)
    house.run(5)
    assert house.view().override_until == FOREVER
    assert house.view().reason is Reason.OVERRIDE_OFF
    assert house.view().detail == {}
    house.on["boiler"] = True
    house.run(20)
    assert house.view().override
    # A person says the contrary before the first hand has ended.
    house.hand("boiler", OFF)
    assert house.step() == [("boiler", OFF, Reason.OVERRIDE_OFF)]


def test_a_bounce_is_nobodys_hand() -> None:
    house = House(load())
    house.run(10)
    house.on["boiler"] = True
    house.run(4)
    house.on["boiler"] = False
    house.run(20)
    assert house.view().override is None
    assert house.commands == []


def test_a_persons_on_needs_neither_sun_nor_permission_nor_a_rest() -> None:
    house = House(load(windows=((time(3), time(4)),), min_off_s=600.0))
    house.run(4)
    house.hand("boiler", ON)
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]
    house.run(30)
    assert house.view().detail == {"remaining_s": pytest.approx(7170.0)}
    house.hand("boiler", None)
    assert house.step() == [("boiler", OFF, Reason.WINDOW)]
    assert house.view().reason is Reason.WINDOW


def test_a_hand_waits_for_no_other_load() -> None:
    house = House(load(), load("pump", 1000.0, 2), load("heater", 500.0, 3))
    house.run(4)
    house.hand("boiler", ON)
    house.hand("pump", ON)
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON), ("pump", ON, Reason.OVERRIDE_ON)]
    house.hand("heater", ON)
    assert house.tick() == [("heater", ON, Reason.OVERRIDE_ON)]


@pytest.mark.parametrize(
    ("site", "reason"),
    [
        # (300 W and 2000 W) / 230 V = 10 A; the other 2000 W would make it 18.7 A, of 15 A less 1 A.
        (Site(fuse_a=15.0), Reason.FUSE_HEADROOM),
        # 2500 W for a quarter are 625 Wh, of 250 Wh.
        (Site(target_w=1000.0), Reason.DEMAND_HEADROOM),
    ],
)
def test_a_hand_has_room_beside_what_the_meter_does_not_show_yet(site: Site, reason: Reason) -> None:
    house = House(load(), load("pump", 2000.0, 2), site=site)
    house.run(4)
    house.hand("boiler", ON)
    house.hand("pump", ON)
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]
    assert house.view("pump").reason is reason
    assert house.run(10) == []
    assert house.view("pump").reason is reason


def test_what_a_person_wants_is_told_again_whatever_else_is_started() -> None:
    house = House(load(), load("pump", 1000.0, 2))
    house.deaf.add("boiler")
    house.run(4)
    house.hand("boiler", ON)
    house.run(4)
    house.hand("pump", ON)
    assert house.step() == [("pump", ON, Reason.OVERRIDE_ON)]
    # 5 s after the first time.
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]


def test_between_two_telegrams_a_hand_acts_at_once() -> None:
    house = House(load(), load("pump", 1000.0, 2), site=Site(period_s=10.0, stale_s=35.0))
    for _ in range(6):
        house.step()
        house.silence(9)
    house.step()
    house.hand("boiler", ON)
    assert house.tick() == [("boiler", ON, Reason.OVERRIDE_ON)]
    house.hand("boiler", OFF)
    assert house.tick() == [("boiler", OFF, Reason.OVERRIDE_OFF)]
    # No start once two telegrams are missing; off is always possible.
    assert house.silence(20) == []
    house.hand("pump", ON)
    assert house.tick() == []
    house.step()
    assert house.view("pump").on


# Silence


def test_the_safe_state_when_nothing_is_known() -> None:
    house = House(load("fan", 100.0, 1, safe_on=True), load("vent", 100.0, 2, safe_on=True), load(rank=3))
    house.run(4)
    house.hand("boiler", ON)
    house.hand("fan", OFF, hours=None)
    house.run(20)
    commands = house.silence(40)
    assert commands == [("vent", ON, Reason.STALE), ("boiler", OFF, Reason.STALE)]
    # The fan is off by a person's hand, which holds; the vent goes to its safe state.
    assert ("boiler", OFF, Reason.STALE) in commands
    assert house.on == {"fan": False, "vent": True, "boiler": False}
    assert house.controller.site_view().mode is Mode.STALE
    assert house.view("boiler").reason is Reason.STALE
    assert house.view("boiler").detail == {"silent_s": 40.0}
    # Three good telegrams are awaited.
    assert house.run(3) == []
    assert house.controller.site_view().mode is Mode.WAITING
    assert house.view("vent").reason is Reason.STARTING_UP
    # There is no sun for the vent; and the boiler's hand is over.
    assert house.until_switched()[1] == [("vent", OFF, Reason.SHORT)]
    assert house.view("boiler").override is None


def test_safe_states_that_are_on_are_not_started_together() -> None:
    house = House(load("fan", 100.0, 1, safe_on=True), load("vent", 100.0, 2, safe_on=True))
    house.run(10)
    assert house.silence(10) == [("fan", ON, Reason.STALE)]
    assert house.silence(10) == [("vent", ON, Reason.STALE)]


def test_a_run_by_a_deadline_goes_on_blind_to_its_end() -> None:
    due = load(min_run_s=1200.0, deadline=time(23), run_when_blind=True)
    house = House(due, start=NOON.replace(hour=22, minute=30))
    house.run(600)
    assert house.view().reason is Reason.DEADLINE
    missing = 1200 - house.view().run_s
    assert house.silence(int(missing) - 5) == []
    assert house.view().reason is Reason.DEADLINE
    assert house.silence(10) == [("boiler", OFF, Reason.STALE)]


def test_a_blind_run_ends_at_its_deadline() -> None:
    due = load(min_run_s=1700.0, deadline=time(23), run_when_blind=True)
    house = House(due, start=NOON.replace(hour=22, minute=45))
    house.run(600)
    assert house.view().on
    seconds = (house.wall().replace(hour=23, minute=0, second=0) - house.wall()).seconds
    assert house.silence(seconds) == []
    assert house.silence(3) == [("boiler", OFF, Reason.STALE)]


def test_a_persons_on_goes_on_blind_where_that_is_wanted() -> None:
    house = House(load(run_when_blind=True), load("pump", 1000.0, 2))
    house.run(4)
    house.hand("boiler", ON)
    house.hand("pump", ON)
    house.run(20)
    assert house.silence(60) == [("pump", OFF, Reason.STALE)]
    assert house.view().override
    assert house.view().reason is Reason.OVERRIDE_ON
    # The other one is over: it had an end.
    assert house.view("pump").override is None


def test_a_silence_that_nobody_told_of_is_one_too() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    house.now += 11
    house.at += 11
    assert house.step() == [("boiler", OFF, Reason.STALE)]


def test_a_clock_that_stands_still_is_a_silence() -> None:
    house = House(load(), house_w=-3000.0)
    house.run(20)
    commands = []
    for _ in range(12):
        house.at -= 1
        commands += house.step()
    assert commands == [("boiler", OFF, Reason.STALE)]
    assert house.until_switched()[1] == [("boiler", ON, Reason.SUN)]


def test_without_any_telegram_loads_are_safe_after_half_a_minute() -> None:
    house = House(load())
    assert house.silence(30) == []
    assert house.controller.site_view().surplus_w is None
    assert house.tick() == [("boiler", OFF, Reason.STALE)]
    # What a hand wanted is not done blindly.
    house.hand("boiler", ON)
    assert house.silence(60) == []


def test_a_hand_before_the_first_telegram_waits() -> None:
    house = House(load())
    house.hand("boiler", OFF)
    assert house.silence(5) == []
    assert house.view().override_until is not None


# The fuse and the window


def test_the_fuse_sheds_locks_and_lets_start_again() -> None:
    house = House(load(), house_w=-2000.0, site=Site(fuse_a=16.0))
    house.run(20)
    house.house_w = 2300.0
    assert house.step() == [("boiler", OFF, Reason.FUSE)]
    house.house_w = -2000.0
    house.run(100)
    view = house.view()
    assert view.reason is Reason.FUSE
    assert view.detail["phase"] == 1
    assert view.detail["current_a"] == pytest.approx(4300 / 230)
    assert view.detail["remaining_s"] == 200.0
    assert house.controller.site_view().mode is Mode.PROTECTING
    assert house.until_switched() == (200, [("boiler", ON, Reason.SUN)])


def test_a_lock_outlives_a_restart() -> None:
    house = House(load(), house_w=-2000.0, site=Site(fuse_a=16.0))
    house.run(20)
    house.house_w = 2300.0
    house.run(1)
    house.house_w = -2000.0
    kept = json.loads(json.dumps(house.controller.state))
    house.controller = Controller(house.loads, house.site, kept)
    assert house.controller.state == kept
    house.now = 5.0
    assert house.run(290) == []
    assert house.view().reason is Reason.FUSE
    # Without a fuse there is nothing to compare with any more.
    house.controller.site = Site()
    assert "fuse_a" not in house.view().detail
    assert house.run(20) == [("boiler", ON, Reason.SUN)]


def test_alarms_say_what_no_shedding_helps_against() -> None:
    house = House(load(), house_w=-9000.0, site=Site(fuse_a=16.0))
    house.run(20)
    assert house.controller.site_view().alarms == {Alarm.FUSE_EXPORT}
    assert house.on["boiler"]
    house = House(load(), house_w=9000.0, site=Site(fuse_a=16.0))
    house.run(20)
    assert house.controller.site_view().alarms == {Alarm.FUSE_HELPLESS}
    house = House(load(), house_w=9000.0, site=Site(target_w=2500.0))
    house.run(70)
    assert house.controller.site_view().alarms == {Alarm.DEMAND_HELPLESS}


def test_a_load_that_must_run_uses_what_the_window_has_left() -> None:
    # 600 W of 2000 W that are 1940: at the window's start, 600 + 2000 + 200 are too much.
    due = load(min_run_s=36_000.0, deadline=time(23))
    house = House(due, house_w=600.0, site=Site(target_w=2500.0), start=NOON.replace(hour=18, minute=0, second=0))
    at, commands = house.until_switched()
    assert commands == [("boiler", ON, Reason.DEADLINE)]
    # E + 2800 (900 - t) / 3600 <= 606.25 with E = 600 t / 3600: t = 93.75 / (2200 / 3600) = 153.4 s.
    assert at == pytest.approx(154, abs=2)
    waits = 900 - at
    assert house.run(waits - 1) == []
    # At the boundary: (2600 + 200) x 0.25 = 700 > 606.25.
    assert house.until_switched(4)[1] == [("boiler", OFF, Reason.DEMAND)]
    house.run(30)
    assert house.view().reason is Reason.DEMAND_HEADROOM
    assert house.view().detail["target_w"] == 2500.0
    assert house.view().detail["remaining_s"] == pytest.approx(123, abs=3)


def test_a_load_is_shed_at_the_last_moment_and_locked_until_the_boundary() -> None:
    due = load(min_run_s=36_000.0, deadline=time(23))
    house = House(due, house_w=100.0, site=Site(target_w=2500.0), start=NOON.replace(hour=18, minute=0, second=10))
    assert house.until_switched()[1] == [("boiler", ON, Reason.DEADLINE)]
    house.run(200)
    house.house_w = 2300.0
    at, commands = house.until_switched()
    assert commands == [("boiler", OFF, Reason.DEMAND)]
    house.house_w = 100.0
    house.run(10)
    view = house.view()
    assert view.reason is Reason.DEMAND
    assert view.detail["remaining_s"] == pytest.approx(900 - (house.at - 1) % 900)
    assert house.controller.site_view().mode is Mode.PROTECTING
    assert at > 1


def test_of_an_hour_a_load_is_locked_for_a_quarter() -> None:
    due = load(min_run_s=36_000.0, deadline=time(23))
    site = Site(target_w=2500.0, window_s=3600.0)
    house = House(due, house_w=100.0, site=site, start=NOON.replace(hour=18, minute=0, second=10))
    house.until_switched()
    house.run(200)
    house.house_w = 2800.0
    assert house.until_switched()[1] == [("boiler", OFF, Reason.DEMAND)]
    house.run(1)
    assert house.view().detail["remaining_s"] == 899.0


def test_a_persons_on_goes_on_until_the_last_moment() -> None:
    house = House(load(), house_w=600.0, site=Site(target_w=2500.0), start=NOON.replace(hour=18, minute=0, second=10))
    house.run(4)
    house.hand("boiler", ON)
    assert house.step() == [("boiler", ON, Reason.OVERRIDE_ON)]
    # 2600 W are more than 2425 W. E + (600 + 200) rem / 3600 + 2600 x 12 / 3600 > 606.25; E = 2600 t / 3600 but for the
    # first 15 s of 600 W: (2600 - 800) t / 3600 > 606.25 - 200 - 8.7 + 8.3: t = 812 s.
    at, commands = house.until_switched()
    assert commands == [("boiler", OFF, Reason.DEMAND)]
    assert at + 15 == pytest.approx(812, abs=4)
    assert house.view().override is None


def test_a_protected_on_and_one_for_good() -> None:
    site = Site(target_w=2500.0)
    start = NOON.replace(hour=18, minute=0, second=10)
    house = House(load(override_protected=True), house_w=3000.0, site=site, start=start)
    house.run(4)
    house.hand("boiler", ON)
    assert house.run(3000) == [("boiler", ON, Reason.OVERRIDE_ON)]
    house = House(load(), house_w=600.0, site=site, start=start)
    house.run(4)
    house.hand("boiler", ON, hours=None)
    house.run(850)
    assert not house.view().on
    assert house.view().override
    # It comes back when the next window begins.
    assert house.run(100) == [("boiler", ON, Reason.OVERRIDE_ON)]
    # Where there is no room at all, it says so.
    house.house_w = 3000.0
    house.run(900)
    house.run(100)
    assert house.view().reason in {Reason.DEMAND_HEADROOM, Reason.DEMAND}


def test_at_the_boundary_no_more_is_shed_than_is_needed() -> None:
    dues = (load(min_run_s=36_000.0, deadline=time(23)), load("pump", 1000.0, 2, min_run_s=36_000.0, deadline=time(23)))
    house = House(*dues, house_w=100.0, site=Site(target_w=2500.0), start=NOON.replace(hour=18, minute=0, second=10))
    house.run(889)
    assert house.on == {"boiler": True, "pump": True}
    # (3100 + 200) x 0.25 = 825 > 606.25; without the pump (2100 + 200) x 0.25 = 575.
    assert house.run(5) == [("pump", OFF, Reason.DEMAND)]
    # The house takes 500 W: without the pump (2500 + 200) x 0.25 = 675, so that the boiler has to go; without the
    # boiler (1500 + 200) x 0.25 = 425, so that the pump may stay.
    house.run(886)
    assert house.on == {"boiler": True, "pump": True}
    house.house_w = 500.0
    assert house.run(11) == [("boiler", OFF, Reason.DEMAND)]


def test_a_window_lock_outlives_a_restart_and_its_target() -> None:
    due = load(min_run_s=36_000.0, deadline=time(23))
    house = House(due, house_w=100.0, site=Site(target_w=2500.0), start=NOON.replace(hour=18, minute=0, second=10))
    house.until_switched()
    house.run(200)
    house.house_w = 2300.0
    house.until_switched()
    kept = json.loads(json.dumps(house.controller.state))
    house.controller = Controller(house.loads, Site(), kept)
    assert house.run(20) == []
    assert house.view().reason is Reason.DEMAND
    assert house.view().detail == {"remaining_s": pytest.approx(900 - (house.at - 1) % 900)}


# Deadlines, idle loads


def test_a_run_by_a_deadline_says_what_is_missing() -> None:
    due = load(min_run_s=3600.0, deadline=time(23))
    house = House(due, start=NOON.replace(hour=21, minute=50))
    assert house.until_switched()[1] == [("boiler", ON, Reason.DEADLINE)]
    house.run(604)
    assert house.view().reason is Reason.DEADLINE
    assert house.view().detail == {"missing_s": pytest.approx(3000.0, abs=2), "deadline": "23:00"}


def test_a_run_that_is_due_waits_for_a_permission_and_for_room() -> None:
    due = load(min_run_s=3600.0, deadline=time(23))
    house = House(due, house_w=5000.0, start=NOON.replace(hour=21, minute=50), site=Site(fuse_a=25.0))
    house.run(600)
    # 21.7 A + 8.7 A
    assert house.view().reason is Reason.FUSE_HEADROOM
    house.allowed["boiler"] = False
    house.house_w = 300.0
    assert house.run(60) == []
    assert house.view().reason is Reason.NOT_ALLOWED
    house.allowed["boiler"] = True
    assert house.step() == [("boiler", ON, Reason.DEADLINE)]


def test_an_idle_load_is_switched_off_and_tried_again() -> None:
    house = House(load(idle_off_s=100.0, idle_retry_s=200.0, start_cost_wh=5.0), house_w=-3000.0)
    house.cold["boiler"] = 0.0
    house.run(60)
    view = house.view()
    assert (view.activity, view.reason, view.power_w) == (Activity.IDLE, Reason.IDLE, 0.0)
    # It adds nothing to the surplus.
    assert house.controller.site_view().surplus_w == 3000.0
    assert house.until_switched()[1] == [("boiler", OFF, Reason.IDLE)]
    house.run(100)
    assert house.view().reason is Reason.IDLE_WAIT
    assert house.view().detail == {"remaining_s": 100.0}
    kept = json.loads(json.dumps(house.controller.state))
    house.controller = Controller(house.loads, house.site, kept)
    assert house.until_switched() == (100, [("boiler", ON, Reason.SUN)])


def test_idle_loads_that_may_draw_after_all_do_not_stay_on_without_sun() -> None:
    house = House(load(idle_off_s=3600.0, start_cost_wh=5.0), house_w=-3000.0)
    house.cold["boiler"] = 0.0
    house.run(60)
    assert house.view().reason is Reason.IDLE
    # 80 % of 2000 W from the grid for half a minute, then less, then more for a minute.
    for import_w, seconds in ((1700.0, 30), (1500.0, 10), (1700.0, 59)):
        house.house_w = import_w
        assert house.run(seconds) == []
    assert house.run(2) == [("boiler", OFF, Reason.IDLE)]


def test_an_idle_load_that_is_to_stay_on_stays_on() -> None:
    house = House(load(idle_off_s=100.0, hold_idle=True, start_cost_wh=5.0), house_w=-3000.0)
    house.cold["boiler"] = 0.0
    assert house.run(600) == [("boiler", ON, Reason.SUN)]


# The whole


def test_with_control_off_nothing_is_commanded_and_everything_is_learned() -> None:
    house = House(load(), house_w=-3000.0)
    house.controller.enabled = False
    assert not house.controller.enabled
    assert house.run(60) == []
    assert house.view().reason is Reason.CONTROL_OFF
    assert house.controller.site_view().mode is Mode.OFF
    house.on["boiler"] = True
    assert house.run(60) == []
    assert house.silence(60) == []
    assert house.view().on
    assert house.view().override is None
    assert house.view().run_s > 50
    house.on["boiler"] = None
    house.run(1)
    assert house.view().on is None
    house.on["boiler"] = True
    house.controller.enabled = True
    house.run(20)
    assert house.view().reason is Reason.SUN


def test_settings_may_change_while_it_runs() -> None:
    house = House(load(), load("pump", 1000.0, 2), house_w=-1000.0)
    house.run(20)
    assert house.view("pump").on
    ran = house.view("pump").run_s
    house.controller.loads = (load("pump", 1100.0, 1), load(power_w=2500.0, rank=2))
    assert [one.power_w for one in house.controller.loads] == [2500.0, 1100.0]
    house.run(1)
    assert house.view("pump").run_s > ran
    assert house.view().learned_w == 2500.0
    with pytest.raises(ValueError, match="another controller"):
        house.controller.loads = (load(),)


def test_a_strict_order_prefers_the_first() -> None:
    # 1500 W: 200 W in the boiler count twice as much as they are, more than 350 W in the pump.
    for priority, first in (("fair", "pump"), ("strict", "boiler")):
        house = House(load(), load("pump", 1000.0, 2), house_w=-1500.0)
        assert house.controller.site == Site()
        house.controller.site = replace(Site(), priority=priority)  # type: ignore[arg-type] # one of both
        assert house.until_switched()[1] == [(first, ON, Reason.SUN)]


def test_the_connection_is_shown() -> None:
    site = Site(fuse_a=25.0, target_w=2500.0)
    house = House(load(), house_w=1150.0, site=site, start=NOON.replace(minute=5, second=0))
    house.run(1)
    # 5 minutes of 1150 W, as nothing else is known: 95.8 Wh; at this rate 1150 W on the mean.
    view = house.controller.site_view()
    assert view.forecast_w == pytest.approx(1150.0)
    # (606.25 - 95.83) Wh in 600 s are 3062.5 W, less 1150 W and 200 W.
    assert view.headroom_w == pytest.approx(1712.5)
    assert view.phase_headroom_a == (20.0, None, None)
    assert view.surplus_w == -1150.0
    assert view.target_w == 2500.0
    house.controller.site = replace(site, target_w=inf)
    house.run(1)
    assert house.controller.site_view().target_w is None


def test_a_load_that_is_swapped_in_and_draws_nothing_is_found_and_rests() -> None:
    pump = load("pump", 1000.0, 2, start_cost_wh=1.0)
    house = House(load(start_cost_wh=1.0), pump, house_w=-1100.0)
    house.cold["boiler"] = 0.0
    assert house.until_switched()[1] == [("pump", ON, Reason.SUN)]
    # Clouds leave.
    for house.house_w in (-1100.0, -1600.0):
        house.run(20)
    house.house_w = -2100.0
    commands = house.until_switched()[1]
    assert commands == [("pump", OFF, Reason.MADE_ROOM), ("boiler", ON, Reason.SUN)]
    house.run(15)
    assert house.view().activity is Activity.IDLE
    # The pump gets the sun back, and the boiler is tried again half an hour after it was switched off.
    house.run(1200)
    assert house.on == {"boiler": False, "pump": True}
    assert house.view().reason is Reason.IDLE_WAIT


def test_a_load_that_its_stop_shows_to_have_drawn_need_not_rest() -> None:
    house = House(load(idle_off_s=100.0, start_cost_wh=5.0), house_w=-3000.0)
    house.until_switched()
    house.run(60)
    # The sun comes out: 2000 W less within a second looks like the boiler's thermostat.
    house.house_w = -5000.0
    house.run(20)
    assert house.view().activity is Activity.IDLE
    assert house.until_switched()[1] == [("boiler", OFF, Reason.IDLE)]
    seconds, commands = house.until_switched()
    assert commands == [("boiler", ON, Reason.SUN)]
    # 2000 x (1 - 0.65) W make 5 Wh in 26 s.
    assert seconds < 60


def test_a_load_whose_stop_shows_that_it_drew_nothing_rests() -> None:
    house = House(load(idle_retry_s=600.0), house_w=-2000.0)
    house.until_switched()
    # A silence hides its start.
    house.silence(8)
    house.run(60)
    house.cold["boiler"] = 0.0
    house.house_w = 0.0
    house.run(30)
    assert house.view().activity is Activity.ACTIVE
    house.hand("boiler", on=False)
    house.run(30)
    house.hand("boiler", on=None)
    house.run(10)
    assert house.view().reason is Reason.IDLE_WAIT


def test_an_output_that_comes_and_goes_by_itself_leaves_the_forecast_as_it_was() -> None:
    house = House(load(start_cost_wh=500.0), house_w=500.0, site=Site(target_w=5000.0))
    house.run(60)
    house.on["boiler"] = True
    house.run(2)
    house.on["boiler"] = False
    house.run(4)
    # 500 W all the time, and not 2500.
    assert house.controller.site_view().forecast_w == pytest.approx(500, abs=60)


@pytest.mark.parametrize("away", [False, True], ids=["late", "back"])
def test_a_load_that_obeys_late_is_not_taken_for_another(*, away: bool) -> None:
    # Two boilers of one size: the second stops 20 s after it was told.
    second = load("second", 2000.0, 2)
    house = House(load(), second, house_w=-5000.0)
    house.run(120)
    assert house.on == {"boiler": True, "second": True}
    house.deaf.add("second")
    house.hand("second", on=False)
    house.run(20)
    if away:
        house.on["second"] = None
        house.house_w += 2000.0
        house.run(20)
        house.house_w -= 2000.0
    house.on["second"] = False
    house.run(60)
    assert house.view().activity is Activity.ACTIVE
    assert house.view("second").activity is Activity.OFF
