"""The demand window: what was taken, what may still be taken, and what the target is."""

from datetime import datetime, timedelta
import json
from math import inf
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from p1meter.loads import Sample, Site
from p1meter.loads.window import DemandWindow

if TYPE_CHECKING:
    from collections.abc import Mapping

ZONE = ZoneInfo("Europe/Brussels")
EIGHT = datetime(2026, 1, 12, 8, 0, tzinfo=ZONE)
# 2500 W for 900 s are 625 Wh; 3 % of it is kept free: 606.25 Wh.
SITE = Site(target_w=2500.0)


class Meter:
    """A meter that sends to one window, a telegram every ten seconds or as told."""

    def __init__(self, start: datetime = EIGHT, site: Site = SITE, state: Mapping[str, Any] | None = None) -> None:
        self.window = DemandWindow(state)
        self.site = site
        self.at = start.timestamp()
        self.now = 500.0
        self.last: float | None = None

    def send(self, import_w: float, *, after: float = 10.0, settled: bool = True, **more: Any) -> DemandWindow:
        if self.last is not None:
            self.now += after
            self.at += after
        dt = 0.0 if self.last is None else min(after, 30.0)
        self.last = self.now
        wall = datetime.fromtimestamp(self.at, ZONE)
        sample = Sample(self.now, wall, max(0.0, import_w), max(0.0, -import_w), (None, None, None), **more)
        self.window.step(sample, self.site, self.at, dt, settled=settled, draw_w=0.0, shed_w=0.0)
        return self.window

    def run(self, seconds: int, import_w: float, **more: Any) -> DemandWindow:
        for _ in range(seconds // 10):
            self.send(import_w, **more)
        return self.window


def at_ten_past(energy_wh: float, mean_w: float) -> DemandWindow:
    """08:10:00: 300 s are left."""
    meter = Meter(EIGHT + timedelta(minutes=10))
    window = meter.send(mean_w, demand_w=energy_wh * 4)
    assert (window.energy_wh, window.remaining_s, window.mean_w) == (energy_wh, 300.0, mean_w)
    return window


def test_a_start_needs_room_until_the_window_ends() -> None:
    # 250 + (400 + 2000 + 200) x 300 / 3600 = 466.7 <= 606.25
    assert at_ten_past(250.0, 400.0).allows(2000.0, 60.0)
    # 389.58 + 216.67 = 606.25: just; one more Wh is too much.
    assert at_ten_past(389.5, 400.0).allows(2000.0, 60.0)
    assert not at_ten_past(390.5, 400.0).allows(2000.0, 60.0)
    # While the sun gives more than the load takes, it takes nothing from the grid.
    assert at_ten_past(606.0, -3000.0).allows(2000.0, 60.0)


def test_a_start_that_the_next_window_would_end_too_soon_waits_for_it() -> None:
    meter = Meter(EIGHT + timedelta(minutes=14, seconds=10))
    window = meter.send(400.0, demand_w=1000.0)  # 250 Wh, and 50 s left
    # (400 + 2000 + 200) W for a whole window are 650 Wh: it would be shed after 50 s.
    assert window.allows(2000.0, 50.0)
    assert not window.allows(2000.0, 60.0)
    # 1800 W: 600 Wh: it would go on.
    assert window.allows(1800.0, 60.0)


def test_a_load_is_shed_at_the_last_moment() -> None:
    meter = Meter(EIGHT + timedelta(minutes=11))
    window = meter.send(4500.0, demand_w=290.0 * 4)
    # 290 + (4500 - 2000 + 200) x 240 / 3600 + 4500 x 12 / 3600 = 290 + 180 + 15 = 485 <= 606.25
    assert not window.is_last_moment(2000.0)
    meter = Meter(EIGHT + timedelta(minutes=11))
    # 450 + 180 + 15 = 645 > 606.25
    assert meter.send(4500.0, demand_w=450.0 * 4).is_last_moment(2000.0)
    # What exports takes nothing.
    assert not at_ten_past(700.0, -100.0).is_last_moment(2000.0)


def test_a_persons_start_is_refused_only_if_it_had_to_be_shed_at_once() -> None:
    # 450 + (400 + 200) x 300 / 3600 + 2400 x 12 / 3600 = 450 + 50 + 8 = 508 <= 606.25
    window = at_ten_past(450.0, 400.0)
    assert window.allows_hand(2000.0)
    assert not window.allows(2000.0, 0.0)
    # 550 + 58 = 608 > 606.25
    assert not at_ten_past(550.0, 400.0).allows_hand(2000.0)


def test_what_was_switched_is_in_the_forecast_at_once() -> None:
    window = at_ten_past(250.0, 400.0)
    window.switched(2000.0)
    # (250 + 2400 x 300 / 3600) x 4 = 1800 W on the mean.
    assert window.forecast_w() == pytest.approx(1800.0)
    # (606.25 - 250) x 12 - 2400 - 200 = 1675 W can be added.
    assert window.headroom_w() == pytest.approx(1675.0)


def test_no_more_than_what_flows_is_too_much() -> None:
    # (606.25 - 1500) x 12 - 400 - 200 = -11325 W, of which only 400 + 200 are there to be taken off.
    assert at_ten_past(1500.0, 400.0).headroom_w() == pytest.approx(-600.0)
    # What exports takes nothing; and there is no room either.
    assert at_ten_past(1500.0, -3000.0).headroom_w() == 0.0


def test_in_the_last_second_what_is_left_is_for_a_second() -> None:
    meter = Meter(EIGHT + timedelta(minutes=14, seconds=59.5))
    # (606.25 - 606) x 3600 - 400 - 200 = 300 W, and not 1200.
    assert meter.send(400.0, demand_w=606.0 * 4).headroom_w() == pytest.approx(300.0)


def test_how_long_a_start_has_to_wait() -> None:
    # 450 + 2600 x 300 / 3600 = 666.67: 60.42 Wh too much, of which (2000 + 200) W are put off: 98.9 s.
    assert at_ten_past(450.0, 400.0).wait_s(2000.0) == pytest.approx(60.4167 * 3600 / 2200, abs=0.01)
    assert at_ten_past(250.0, 400.0).wait_s(2000.0) == 0.0
    # 5 Wh over even without it: not in this window.
    assert at_ten_past(611.0, 400.0).wait_s(2000.0) == 300.0


def test_the_mean_follows_the_meter_within_a_minute_but_not_a_load_on_its_way() -> None:
    meter = Meter()
    meter.send(500.0)
    # 500 + 1000 (1 - e^-0.5) = 893.5 after ten seconds.
    assert meter.send(1500.0).mean_w == pytest.approx(893.47, abs=0.01)
    assert meter.send(9000.0, settled=False).mean_w == pytest.approx(893.47, abs=0.01)
    # No more than three telegrams' time is counted: 893.47 + 1000 (1 - e^-1.5) = 1670.34.
    assert meter.send(1893.47, after=59.0).mean_w == pytest.approx(1670.34, abs=0.01)
    assert meter.send(700.0, after=61.0).mean_w == 700.0


def test_at_the_start_of_a_window_it_is_known_whether_it_is_too_much() -> None:
    # (p + 200) x 0.25 > 606.25: from 2225 W on.
    assert not Meter().send(2225.0).is_too_much()
    assert Meter().send(2226.0).is_too_much()


def test_a_window_begins_at_the_quarter_of_the_meters_clock() -> None:
    meter = Meter(EIGHT + timedelta(minutes=14, seconds=55))
    meter.send(3600.0, demand_w=0.0)
    # Ten seconds, half of them in the new window: 5 Wh.
    window = meter.send(3600.0)
    assert window.began
    assert window.energy_wh == pytest.approx(5.0)
    assert window.remaining_s == 895.0
    assert not meter.send(3600.0).began
    assert window.energy_wh == pytest.approx(15.0)


def test_what_was_taken_while_the_clock_was_put_ahead_is_in_the_new_window() -> None:
    meter = Meter(EIGHT + timedelta(minutes=14))
    meter.send(3600.0, demand_w=0.0)
    meter.at += 90.0
    # Ten seconds, and 08:15:40: 10 Wh.
    assert meter.send(3600.0).energy_wh == pytest.approx(10.0)


def test_the_register_corrects_what_was_added_up() -> None:
    meter = Meter()
    meter.send(0.0, import_wh=1000.0)
    meter.send(3600.0, import_wh=1010.0)  # 10 Wh, as added up: the register begins to count
    # A telegram is lost: 20 s. The register has gone on by 30 Wh, of which 20 would be added up.
    assert meter.send(3600.0, after=20.0, import_wh=1040.0).energy_wh == pytest.approx(40.0)
    # Between two ticks it is added up: 360 W for 10 s.
    assert meter.send(360.0, import_wh=1040.0).energy_wh == pytest.approx(41.0)
    assert meter.send(360.0, import_wh=1041.0).energy_wh == pytest.approx(41.0)
    # Another meter, and a register that was misread: go on from here.
    assert meter.send(360.0, import_wh=7.0).energy_wh == pytest.approx(42.0)
    assert meter.send(360.0, import_wh=90_000.0).energy_wh == pytest.approx(43.0)
    assert meter.send(3600.0, import_wh=90_012.0).energy_wh == pytest.approx(55.0)
    # A meter that stops sending it.
    assert meter.send(3600.0).energy_wh == pytest.approx(65.0)
    # Another meter that has counted less: of a telegram that is lost its register tells, too.
    assert meter.send(3600.0, import_wh=7.0).energy_wh == pytest.approx(75.0)
    assert meter.send(3600.0, after=20.0, import_wh=37.0).energy_wh == pytest.approx(105.0)


def test_the_register_tells_what_was_taken_in_a_silence_over_the_windows_end() -> None:
    meter = Meter()
    meter.send(3600.0, import_wh=0.0)
    meter.run(10, 3600.0, import_wh=10.0)
    for second in range(2, 88):
        meter.send(3600.0, import_wh=second * 10.0)
    # 08:14:30, 870 Wh. Two minutes of silence, in which 120 Wh were taken: 90 s of them in the new window.
    window = meter.send(3600.0, after=120.0, import_wh=990.0)
    assert window.energy_wh == pytest.approx(90.0)
    assert meter.send(3600.0, import_wh=1001.0).energy_wh == pytest.approx(101.0)


def test_after_a_long_silence_the_running_demand_says_what_was_taken() -> None:
    meter = Meter()
    meter.send(1000.0)
    # An hour later, five minutes into the window, 800 W on the mean of all of it so far.
    assert meter.send(1000.0, after=3900.0, demand_w=800.0).energy_wh == 200.0
    # Without it: as if it had always been so, 300 s of 1200 W.
    assert meter.send(1200.0, after=3600.0).energy_wh == pytest.approx(100.0)


@pytest.mark.parametrize("after", [900.0, 1000.0])
def test_what_was_taken_in_a_silence_of_a_whole_window_is_not_divided_among_two(after: float) -> None:
    meter = Meter(EIGHT + timedelta(minutes=5))
    meter.send(1000.0)
    # It is the next window, and 800 W of all of it are 200 Wh.
    assert meter.send(1000.0, after=after, demand_w=800.0).energy_wh == 200.0


def test_two_telegrams_that_come_together_may_be_of_two_windows() -> None:
    meter = Meter(EIGHT + timedelta(minutes=14, seconds=59))
    meter.send(1000.0)
    meter.at += 1.0
    assert meter.send(1000.0, after=0.0, demand_w=0.0).energy_wh == 0.0


def whole_window(demand: str) -> Meter:
    """Two windows of 1200 W, the second from its start to its end."""
    meter = Meter(EIGHT - timedelta(minutes=1))
    meter.send(1200.0, demand_w=0.0)
    meter.run(60, 1200.0)
    for second in range(10, 901, 10):
        meter.send(
            1200.0, demand_w={"window": 1200.0 * second / 900, "elapsed": 1200.0}[demand] if second < 900 else 0.0
        )
    return meter


@pytest.mark.parametrize(("demand", "energy_wh"), [("window", 150.0), ("elapsed", 50.0)])
def test_how_the_meter_divides_its_running_demand_is_found_out(demand: str, energy_wh: float) -> None:
    meter = whole_window(demand)
    # After a restart of a whole window, at 08:35:00, it says 600 W: 150 Wh of the window, or 50 Wh of 300 s.
    again = Meter(EIGHT + timedelta(minutes=35), state=json.loads(json.dumps(meter.window.state)))
    assert again.send(600.0, demand_w=600.0).energy_wh == pytest.approx(energy_wh)


def test_a_window_that_takes_next_to_nothing_does_not_tell_how_the_meter_divides() -> None:
    meter = Meter(EIGHT - timedelta(minutes=1))
    meter.run(60, -500.0, demand_w=0.0)
    meter.run(900, 20.0, demand_w=20.0)
    meter.run(20, 20.0, demand_w=20.0)
    assert meter.window.state["whole"] is None


def test_a_meter_that_does_not_say_the_running_demand_does_not_tell_how_it_divides_either() -> None:
    meter = Meter(EIGHT - timedelta(minutes=1))
    meter.run(60 + 900 + 20, 1200.0)
    assert meter.window.state["whole"] is None


def test_a_restart_goes_on_where_the_window_was() -> None:
    meter = Meter(EIGHT - timedelta(seconds=10))
    meter.send(1800.0, import_wh=5000.0)
    for second in range(0, 301, 10):
        meter.send(1800.0, import_wh=5000.0 + (second + 10) // 2)
    kept = json.loads(json.dumps(meter.window.state))
    assert meter.window.energy_wh == pytest.approx(150.0, abs=1.0)
    # Two minutes later the register has gone on by 60 Wh.
    again = Meter(EIGHT + timedelta(minutes=7), state=kept)
    assert again.send(0.0, import_wh=5215.0).energy_wh == pytest.approx(210.0, abs=1.0)
    # Nothing has told how the meter divides its running demand.
    again.run(600, 1800.0)
    assert again.window.state["whole"] is None
    # In another window, with a register that fell, or without one, that says nothing.
    for start, register in ((20, 5215.0), (7, 3.0), (7, None)):
        again = Meter(EIGHT + timedelta(minutes=start), state=kept)
        assert again.send(0.0, import_wh=register).energy_wh == 0.0
    kept["window"]["register"] = None
    assert Meter(EIGHT + timedelta(minutes=7), state=kept).send(0.0, import_wh=5215.0).energy_wh == 0.0


@pytest.mark.parametrize(
    ("site", "month_peak_w", "target_w"),
    [
        (Site(), None, None),
        (Site(), 1800.0, 2500.0),
        (Site(), 4200.0, 4200.0),
        (Site(target_floor_w=3000.0), 1800.0, 3000.0),
        (Site(target_w=4000.0), 5000.0, 4000.0),
        (Site(target_w=inf), 5000.0, None),
        (Site(peak_count=3), 5000.0, 2500.0),
    ],
)
def test_the_target(site: Site, month_peak_w: float | None, target_w: float | None) -> None:
    meter = Meter(site=site)
    assert meter.send(400.0, month_peak_w=month_peak_w).target_w == target_w
    # It does not go because a telegram lacks the peak.
    assert meter.send(400.0).target_w == target_w


def test_a_peak_that_has_grown_is_room_at_once_and_not_only_in_the_next_window() -> None:
    meter = Meter(site=Site())
    assert meter.send(400.0, month_peak_w=3000.0).target_w == 3000.0
    assert meter.send(400.0, month_peak_w=4200.0).target_w == 4200.0
    # 4200 W for 900 s are 1050 Wh; 3 % of it is kept free: (400 + 3400 + 200) W take 1000 Wh.
    assert meter.window.allows(3400.0, 60.0)


def test_without_a_target_there_is_no_limit() -> None:
    window = DemandWindow()
    assert window.allows(9000.0, 60.0)
    assert window.allows_hand(9000.0)
    assert not window.is_last_moment(9000.0)
    assert window.wait_s(9000.0) == 0.0
    window.switched(9000.0)
    assert window.mean_w is None
    window = Meter(site=Site()).send(9000.0)
    assert window.allows(9000.0, 60.0)
    assert window.allows_hand(9000.0)
    assert not window.is_last_moment(9000.0)
    assert not window.is_too_much()
    assert window.forecast_w() is window.headroom_w() is None
    window.watch(0.0, can_shed=False)
    assert not window.helpless


def test_the_target_is_the_smallest_of_the_months_largest_windows() -> None:
    site = Site(peak_count=2, target_floor_w=1000.0)
    meter = Meter(datetime(2026, 1, 31, 22, 0, tzinfo=ZONE) - timedelta(seconds=10), site)
    meter.run(20, 0.0)
    targets = [meter.run(900, power_w).target_w for power_w in (3000.0, 2000.0, 1500.0, 4000.0)]
    # Of one window alone there is no second largest; then 2000, 2000 (3000, 2000, 1500) and 3000 (4000, 3000).
    assert targets == pytest.approx([1000.0, 2000.0, 2000.0, 3000.0], rel=0.02)
    again = Meter(datetime(2026, 1, 31, 23, 20, tzinfo=ZONE), site, json.loads(json.dumps(meter.window.state)))
    assert again.send(0.0).target_w == pytest.approx(3000.0, rel=0.02)
    # February begins with nothing.
    again.run(2400, 0.0)
    assert again.window.target_w == 1000.0
    assert again.window.state["month"] == "2026-02"
    assert again.window.state["peaks"] == []


def test_an_hour_that_the_clock_repeats_is_two_hours_of_windows() -> None:
    site = Site(target_w=2500.0, window_s=3600.0)
    meter = Meter(datetime(2026, 10, 25, 1, 59, 50, tzinfo=ZONE), site)
    meter.send(1200.0, demand_w=0.0)
    opened = []
    for _ in range(3 * 360):
        if meter.send(1200.0).began:
            opened.append(datetime.fromtimestamp(meter.at, ZONE).hour)
            assert meter.window.energy_wh == pytest.approx(0.0)
    assert opened == [2, 2, 3]


def test_nothing_to_shed_and_too_much_for_a_minute_is_said() -> None:
    meter = Meter()
    # 3000 W for the whole window are more than 2500 W.
    meter.send(3000.0)
    for second in range(0, 61, 10):
        meter.window.watch(meter.now, can_shed=False)
        assert meter.window.helpless == (second == 60)
        meter.send(3000.0)
    meter.window.watch(meter.now, can_shed=True)
    assert not meter.window.helpless
    meter.window.watch(meter.now, can_shed=False)
    assert not meter.window.helpless


def test_another_length_of_window_begins_anew() -> None:
    meter = Meter()
    meter.send(1000.0)
    meter.run(600, 1000.0)
    meter.site = Site(target_w=2500.0, window_s=3600.0)
    window = meter.send(1000.0, demand_w=100.0)
    assert (window.energy_wh, window.remaining_s) == (100.0, 2990.0)


@pytest.mark.parametrize(("after", "is_seen"), [(90.0, True), (91.0, False)])
def test_a_window_of_which_more_than_a_tenth_was_missed_was_not_seen(after: float, *, is_seen: bool) -> None:
    meter = Meter(EIGHT + timedelta(minutes=14))
    meter.send(1000.0)
    meter.send(1000.0, after=after)
    assert meter.window.state["window"]["complete"] is is_seen
