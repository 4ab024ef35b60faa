"""The main fuse: what flows, what is shed, and what is said where that does not help."""

from datetime import UTC, datetime
from typing import Any

import pytest

from p1meter.loads import LoadSettings, Phase, Sample, Site
from p1meter.loads.fuse import Fuse
from p1meter.loads.unit import Unit

SITE = Site(fuse_a=25.0)


def phase(current_a: float | None, power_w: float | None = None, voltage_v: float | None = 230.0) -> Phase:
    """A phase that imports, or exports where the power is negative."""
    if power_w is None:
        return Phase(current_a, None, None, voltage_v)
    return Phase(current_a, max(0.0, power_w), max(0.0, -power_w), voltage_v)


def telegram(*phases: Phase | None, net_w: float = 1000.0) -> Sample:
    three = (*phases, None, None, None)[:3]
    return Sample(
        0.0, datetime(2026, 1, 12, tzinfo=UTC), max(0.0, net_w), max(0.0, -net_w), (three[0], three[1], three[2])
    )


def unit(name: str, rank: int, *, power_w: float = 2000.0, phases: tuple[int, ...] | None = (1,), **more: Any) -> Unit:
    made = Unit(LoadSettings(name, power_w, rank, phases=phases, **more))
    made.adopt(True, 0.0)  # noqa: FBT003 - it is on
    return made


def shed(fuse: Fuse, now: float, sample: Sample, units: list[Unit], site: Site = SITE) -> list[str]:
    """The loads that are shed at a telegram; the plant obeys at once."""
    fuse.step(sample, site)
    names = []
    for one in fuse.shed(units, now, site):
        one.unit.on = False
        names.append(one.unit.id)
    return names


@pytest.mark.parametrize(
    ("of_phase", "signed_a"),
    [
        (phase(9.1, 2093.0), 9.1),
        (phase(9.1, -2093.0), -9.1),
        (phase(0.0, 0.0), 0.0),
        (phase(None, 2300.0), 10.0),
        (phase(None, -2300.0), -10.0),
        (phase(None, 2400.0, None), 2400 / 230),
        (phase(9.0, 2185.0), 9.5),  # whole amperes: 2185 W of 230 V
        (phase(9.0), 9.0),  # and no powers to judge by
        (phase(9.1), 9.1),
        (phase(None), None),
        (None, None),
    ],
)
def test_the_current_of_a_phase_has_the_sign_of_its_power(of_phase: Phase | None, signed_a: float | None) -> None:
    fuse = Fuse()
    assert not fuse.step(telegram(of_phase), SITE)
    assert fuse.currents_a == [pytest.approx(signed_a) if signed_a is not None else None, None, None]
    headroom = fuse.headroom_a(SITE)
    assert headroom[0] == (None if signed_a is None else pytest.approx(25 - signed_a))
    assert fuse.headroom_a(Site()) == (None, None, None)


def test_a_phase_without_powers_has_the_sign_of_the_connection() -> None:
    fuse = Fuse()
    fuse.step(telegram(phase(9.1), net_w=-2000.0), SITE)
    assert fuse.currents_a[0] == -9.1


def test_a_meter_that_once_sent_parts_of_an_ampere_is_believed_on_whole_ones() -> None:
    fuse = Fuse()
    fuse.step(telegram(phase(9.1, 2093.0)), SITE)
    fuse.step(telegram(phase(10.0, 2093.0)), SITE)
    assert fuse.currents_a[0] == 10.0


def test_one_load_is_shed_on_the_first_telegram_the_least_important_first() -> None:
    # Kettle 9.1 A, boiler 8.7 A, oven 10 A: 27.8 A. The pump is less important, but on another phase.
    fuse, boiler, heater = Fuse(), unit("boiler", 2), unit("heater", 1)
    pump = unit("pump", 3, phases=(2,))
    over = telegram(phase(27.8, 6394.0), phase(4.1, 943.0))
    assert shed(fuse, 0.0, over, [pump, boiler, heater]) == ["boiler"]
    assert not fuse.helpless


def test_the_next_one_goes_if_the_current_is_still_too_high_after_the_delays() -> None:
    fuse, boiler, heater = Fuse(), unit("boiler", 2), unit("heater", 1)
    least_first = [boiler, heater]
    assert shed(fuse, 0.0, telegram(phase(29.1, 6693.0)), least_first) == ["boiler"]
    # latency 2 s + two telegrams: not before 4 s. By then the boiler's 8.7 A have fallen by less than half: enough.
    assert shed(fuse, 3.0, telegram(phase(29.1, 6693.0)), least_first) == []
    assert shed(fuse, 4.0, telegram(phase(25.5, 5865.0)), least_first) == ["heater"]
    # Under the fuse it is over.
    assert shed(fuse, 5.0, telegram(phase(16.8, 3864.0)), least_first) == []
    assert not fuse.helpless


def test_where_shedding_does_not_help_it_stops_and_says_so() -> None:
    fuse, boiler, heater = Fuse(), unit("boiler", 2), unit("heater", 1)
    over = telegram(phase(27.8, 6394.0))
    assert shed(fuse, 0.0, over, [boiler, heater]) == ["boiler"]
    # The current has not fallen by the 8.7 A, nor by 30 % of them.
    assert shed(fuse, 4.0, over, [boiler, heater]) == []
    assert fuse.helpless
    assert shed(fuse, 303.0, over, [boiler, heater]) == []
    # It tries again after five minutes.
    assert shed(fuse, 304.0, over, [boiler, heater]) == ["heater"]
    # Nothing left.
    assert shed(fuse, 309.0, over, [boiler, heater]) == []
    assert fuse.helpless
    assert shed(fuse, 310.0, telegram(phase(20.1, 4623.0)), [boiler, heater]) == []
    assert not fuse.helpless


def test_a_fall_by_less_than_a_third_of_what_was_shed_is_not_its_doing() -> None:
    fuse, boiler, heater = Fuse(), unit("boiler", 2), unit("heater", 1)
    assert shed(fuse, 0.0, telegram(phase(28.8, 6624.0)), [boiler, heater]) == ["boiler"]
    # 2.5 A of the boiler's 8.7 A; 30 % are 2.6 A.
    assert shed(fuse, 4.0, telegram(phase(26.3, 6049.0)), [boiler, heater]) == []
    assert fuse.helpless


def test_a_meter_that_sends_every_ten_seconds_is_given_two_telegrams_to_show_it() -> None:
    slow = Site(fuse_a=25.0, period_s=10.0)
    over = telegram(phase(27.8, 6394.0))
    fuse, boiler, heater = Fuse(), unit("boiler", 2, phases=None), unit("heater", 1)
    assert shed(fuse, 0.0, over, [boiler, heater], slow) == ["boiler"]
    # Latency 2 s and two telegrams: 22 s.
    assert shed(fuse, 20.0, over, [boiler, heater], slow) == []
    assert shed(fuse, 30.0, over, [boiler, heater], slow) == ["heater"]
    # Far over, where everything goes: the next look is as late.
    far = telegram(phase(30.1, 6923.0))
    fuse, boiler, heater = Fuse(), unit("boiler", 2, phases=None), unit("heater", 1)
    assert shed(fuse, 0.0, far, [boiler], slow) == ["boiler"]
    boiler.on = True
    assert shed(fuse, 10.0, far, [boiler], slow) == ["boiler"]
    assert shed(fuse, 20.0, over, [heater], slow) == []
    assert shed(fuse, 30.0, over, [heater], slow) == []
    assert shed(fuse, 40.0, over, [heater], slow) == ["heater"]


def test_a_load_on_an_unknown_phase_may_be_on_this_one() -> None:
    fuse, unknown, boiler = Fuse(), unit("unknown", 3, phases=None), unit("boiler", 2)
    over = telegram(phase(27.8, 6394.0))
    assert shed(fuse, 0.0, over, [unknown, boiler]) == ["unknown"]
    # It was not: that says nothing of the next one.
    assert shed(fuse, 4.0, over, [unknown, boiler]) == ["boiler"]


def test_two_telegrams_far_over_are_enough_after_one_that_was_just_over() -> None:
    fuse, boiler, heater, pump = Fuse(), unit("boiler", 3), unit("heater", 2), unit("pump", 1)
    least_first = [boiler, heater, pump]
    assert shed(fuse, 0.0, telegram(phase(27.0, 6210.0)), least_first) == ["boiler"]
    far_over = telegram(phase(31.0, 7130.0))
    assert shed(fuse, 1.0, far_over, least_first) == []
    assert shed(fuse, 2.0, far_over, least_first) == ["heater", "pump"]


def test_far_over_the_fuse_twice_in_a_row_everything_on_the_phase_goes() -> None:
    fuse, boiler, heater = Fuse(), unit("boiler", 3), unit("heater", 2)
    floor, pump = unit("floor", 4, never_shed=True), unit("pump", 1, phases=(2,))
    charger = unit("charger", 5, phases=(1, 2, 3), power_w=6900.0)
    least_first = [charger, floor, boiler, heater, pump]
    far = telegram(phase(30.1, 6923.0), phase(20.1, 4623.0))
    assert shed(fuse, 0.0, far, least_first) == ["charger"]
    assert shed(fuse, 1.0, far, least_first) == ["boiler", "heater"]
    assert shed(fuse, 2.0, far, least_first) == []
    assert floor.on
    assert pump.on


def test_a_fifth_over_the_fuse_is_not_far_over_it() -> None:
    fuse, boiler, heater = Fuse(), unit("boiler", 2), unit("heater", 1)
    a_fifth = telegram(phase(30.0, 6900.0))
    assert shed(fuse, 0.0, a_fifth, [boiler, heater]) == ["boiler"]
    assert shed(fuse, 1.0, a_fifth, [boiler, heater]) == []


def test_once_far_over_the_fuse_is_an_inrush() -> None:
    fuse, boiler, heater = Fuse(), unit("boiler", 2), unit("heater", 1)
    assert shed(fuse, 0.0, telegram(phase(40.1, 9223.0)), [boiler, heater]) == ["boiler"]
    assert shed(fuse, 1.0, telegram(phase(26.1, 6003.0)), [boiler, heater]) == []
    assert shed(fuse, 2.0, telegram(phase(40.1, 9223.0)), [boiler, heater]) == []


def test_two_phases_over_the_fuse_do_not_shed_a_load_twice() -> None:
    fuse, charger, boiler = Fuse(), unit("charger", 2, phases=(1, 2, 3)), unit("boiler", 1, phases=(2,))
    over = telegram(phase(27.8, 6394.0), phase(27.8, 6394.0))
    assert shed(fuse, 0.0, over, [charger, boiler]) == ["charger", "boiler"]


def test_what_is_measured_to_draw_nothing_is_not_shed() -> None:
    fuse, warm = Fuse(), unit("warm", 1)
    warm.learner.idle, warm.learner._sensor_w = True, 0.0
    assert shed(fuse, 0.0, telegram(phase(27.8, 6394.0)), [warm]) == []
    assert fuse.helpless


def test_what_is_only_believed_to_draw_nothing_is_shed_when_nothing_else_is_left() -> None:
    fuse, warm, pump = Fuse(), unit("warm", 2), unit("pump", 1)
    warm.learner.idle = True
    over = telegram(phase(27.8, 6394.0))
    assert shed(fuse, 0.0, over, [warm, pump]) == ["pump"]
    # The pump's 2 kW have gone, and as much has come: 300 s are left to it, then the other one is tried.
    pump.on = False
    assert shed(fuse, 60.0, over, [warm, pump]) == []
    assert fuse.helpless
    assert shed(fuse, 361.0, over, [warm, pump]) == ["warm"]


def test_too_much_export_is_only_said() -> None:
    fuse, boiler = Fuse(), unit("boiler", 1)
    assert shed(fuse, 0.0, telegram(phase(31.1, -7153.0)), [boiler]) == []
    assert fuse.exporting
    assert not fuse.helpless
    assert shed(fuse, 1.0, telegram(phase(31.1, -7153.0)), [boiler]) == []


def test_the_end_is_seen_at_the_telegram_after() -> None:
    fuse, boiler = Fuse(), unit("boiler", 1)
    below = telegram(phase(20.1, -4623.0))
    shed(fuse, 0.0, telegram(phase(31.1, -7153.0)), [boiler])
    assert fuse.step(below, SITE)
    assert fuse.shed([boiler], 2.0, SITE) == []
    assert not fuse.exporting
    assert not fuse.step(below, SITE)


def test_without_a_fuse_nothing_is_watched() -> None:
    fuse, boiler = Fuse(), unit("boiler", 1)
    assert shed(fuse, 0.0, telegram(phase(99.1, 22793.0)), [boiler], Site()) == []
    assert fuse.blocks([(boiler, 9000.0)], Site()) is None


@pytest.mark.parametrize(
    ("current_a", "added", "blocked"),
    [
        # 24 A may flow. The boiler is 2000 W of 230 V: 8.7 A: 15.3 A must flow at most.
        (15.25, [("boiler", (1,), 2000.0)], None),
        (15.35, [("boiler", (1,), 2000.0)], 1),
        # Export makes room.
        (-12.1, [("charger", (1,), 8000.0)], None),
        # On another phase, on all of them (2.9 A each), and nobody knows on which.
        (23.95, [("boiler", (2,), 2000.0)], None),
        (21.05, [("boiler", (1, 2, 3), 2000.0)], None),
        (21.15, [("boiler", (1, 2, 3), 2000.0)], 1),
        (15.35, [("boiler", None, 2000.0)], 1),
        # What is switched off for it makes room, if it is known to be there.
        (21.05, [("boiler", (1,), 2000.0), ("pump", (1,), -1400.0)], None),
        (21.05, [("boiler", (1,), 2000.0), ("pump", None, -1400.0)], 1),
        # Two at once: 4.35 A each.
        (15.35, [("one", (1,), 1000.0), ("two", (1,), 1000.0)], 1),
    ],
)
def test_a_start_needs_room_on_its_phase(
    current_a: float, added: list[tuple[str, tuple[int, ...] | None, float]], blocked: int | None
) -> None:
    fuse = Fuse()
    fuse.step(telegram(phase(abs(current_a), current_a * 230), phase(10.05, 2311.0), phase(10.05, 2311.0)), SITE)
    loads = [(unit(name, 1, phases=phases), power_w) for name, phases, power_w in added]
    assert fuse.blocks(loads, SITE) == blocked


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_load_on_an_unknown_phase_needs_room_on_each(number: int) -> None:
    # 15.35 A and 8.7 A are more than 24 A; 15.25 A and 8.7 A are not.
    fuse = Fuse()
    fuse.step(telegram(*(phase(15.35 if each == number else 15.25) for each in (1, 2, 3))), SITE)
    assert fuse.blocks([(unit("boiler", 1, phases=None), 2000.0)], SITE) == number
    fuse.step(telegram(*[phase(15.25)] * 3), SITE)
    assert fuse.blocks([(unit("boiler", 1, phases=None), 2000.0)], SITE) is None


@pytest.mark.parametrize("number", [1, 2, 3])
def test_what_is_shed_far_over_the_fuse_is_told_the_phase_and_its_current(number: int) -> None:
    fuse, boiler = Fuse(), unit("boiler", 1, phases=(number,))
    for _ in range(2):
        fuse.step(telegram(*(phase(31.0 if each == number else 5.0) for each in (1, 2, 3))), SITE)
        sheds = fuse.shed([boiler], 0.0, SITE)
        assert [(one.phase, one.current_a) for one in sheds] == [(number, 31.0)]


@pytest.mark.parametrize("of_load", [1, 2, 3])
def test_a_start_needs_no_room_on_the_phases_of_others(of_load: int) -> None:
    full, free = phase(24.55, 5646.0), phase(10.05, 2311.0)
    fuse = Fuse()
    fuse.step(telegram(*(free if number == of_load else full for number in (1, 2, 3))), SITE)
    assert fuse.blocks([(unit("boiler", 1, phases=(of_load,)), 2000.0)], SITE) is None
