"""The step between two meters is taken out of what the recorder summed up: once, and nothing else with it.

The sums in the rows are worked out by the recorder's rule by hand: a total that fell by a tenth or more began again at
zero, every other change is use.
"""

from math import inf

import pytest

from p1meter.joint import Recorded, Row, Span, Step, corrections, growth, span_from

# A period of five minutes begins here; the meter is replaced 100 s later.
P = 1_763_726_400.0
AT = P + 100
ONE = [Span(AT, inf)]


def rows(first_sum: float, second_state: float, second_sum: float, first_state: float = 51.0) -> list[Row]:
    return [Row(P - 300, first_state, first_sum), Row(P, second_state, second_sum)]


# What the old meter showed last, the new one first and last; what the recorder booked for all that.
SWAPS = {
    "up": (51.5, 30_000.0, 30_000.2, 0.5 + 29_948.5 + 0.2),
    "down": (51.5, 7.0, 7.2, 0.5 + 7.0 + 0.2),
    "a little down": (51.5, 50.0, 50.2, 0.5 - 1.5 + 0.2),
    "a little up": (51.5, 51.6, 51.8, 0.5 + 0.1 + 0.2),
}


@pytest.mark.parametrize("swap", SWAPS)
def test_only_the_step_is_taken_out(swap: str) -> None:
    old, new, last, booked = SWAPS[swap]
    states = [Recorded(P - 50, 51.0), Recorded(P + 50, old), Recorded(AT + 0.01, new), Recorded(AT + 60, last)]
    span = span_from(AT, states)
    assert span == Span(AT, AT + 60)
    (found,) = corrections(rows(1000, last, 1000 + booked), states, [span], increasing=True)
    assert found.start == P
    # 0.5 was used with the old meter and 0.2 with the new one.
    assert 1000 + booked + found.change == pytest.approx(1000.7)
    assert not found.is_out
    # What is out stays out.
    (found,) = corrections(rows(1000, last, 1000.7), states, [span], increasing=True)
    assert found.change == 0
    assert found.is_out
    assert found.steps == [Step(span, old, new, round(booked - 0.7, 6))]


def test_a_row_that_is_not_there_yet_is_waited_for() -> None:
    states = [Recorded(P + 50, 51.5), Recorded(AT, 30_000.0)]
    assert corrections([Row(P - 300, 51.0, 1000)], states, ONE, increasing=True) == []
    # The new meter has shown nothing yet.
    assert corrections(rows(1000, 51.5, 1000.5), states[:1], ONE, increasing=True) == []


def test_a_state_from_long_before_the_pause_is_the_old_one() -> None:
    # Home Assistant was off: the last row is days old, and nothing held when the period began.
    states = [Recorded(AT, 7.0)]
    (found,) = corrections([Row(P - 864_000, 5001.0, 300), Row(P, 7.0, 307)], states, ONE, increasing=True)
    assert found.change == -7


def test_a_period_that_was_left_out_counts_in_the_next_one() -> None:
    states = [Recorded(P - 400, 51.0), Recorded(P + 50, 51.5), Recorded(AT, 30_000.0), Recorded(P + 700, 30_001.0)]
    later = [Row(P - 300, 51.0, 1000), Row(P + 600, 30_001.0, 1000 + 29_950)]
    (found,) = corrections(later, states, [span_from(AT, states)], increasing=True)
    # 51.0 to 30,000.0 is all that is seen of the step there; 1.0 was used after it.
    assert (found.start, found.change) == (P + 600, -29_949)


def test_the_first_row_of_all_begins_at_its_first_state() -> None:
    states = [Recorded(P + 50, 51.5), Recorded(AT, 7.0), Recorded(P + 200, 7.5)]
    (found,) = corrections([Row(P, 7.5, 7.5)], states, [span_from(AT, states)], increasing=True)
    assert found.change == -7


def test_a_sum_that_nobody_can_explain_is_left_alone() -> None:
    states = [Recorded(P - 50, 51.0), Recorded(AT, 30_000.0)]
    # A person has put it right by hand, to something near the truth.
    (found,) = corrections(rows(1000, 30_000.0, 1003), states, ONE, increasing=True)
    assert found.change == 0
    # The rows before it are gone.
    (found,) = corrections([Row(P, 7.0, 5000)], [Recorded(P - 50, 5001.0), Recorded(AT, 7.0)], ONE, increasing=True)
    assert found.change == 0
    assert not found.is_out


def test_a_meter_that_goes_on_at_the_same_reading_has_no_step() -> None:
    states = [Recorded(P - 50, 51.0), Recorded(AT, 51.0), Recorded(AT + 9, 51.4)]
    (found,) = corrections(rows(1000, 51.4, 1000.4), states, [span_from(AT, states)], increasing=True)
    assert found.change == 0


def test_two_in_one_period_are_taken_out_together() -> None:
    # The person took the wrong meter on, and then the right one again.
    states = [Recorded(P - 50, 5001.0), Recorded(AT, 7.0), Recorded(AT + 60, 5001.2), Recorded(AT + 90, 5001.3)]
    spans = [span_from(AT, states), span_from(AT + 59, states)]
    booked = 7 + 4994.2 + 0.1
    (found,) = corrections(rows(1000, 5001.3, 1000 + booked, 5001.0), states, spans, increasing=True)
    assert 1000 + booked + found.change == pytest.approx(1000.1)
    assert [(step.old, step.new, step.booked) for step in found.steps] == [(5001.0, 7.0, 7.0), (7.0, 5001.2, 4994.2)]


def test_costs_say_themselves_when_they_began_again() -> None:
    # 5001 to 7 at 0.50: the cost sensor starts at zero and books 3.50 at once; 0.10 is used after it.
    states = [Recorded(P - 50, 12.0, 5), Recorded(AT, 0.0, AT), Recorded(AT, 3.5, AT), Recorded(AT + 60, 3.55, AT)]
    before = [Row(P - 300, 12.0, 80, 5)]
    span = Span(AT, AT + 60)
    (found,) = corrections([*before, Row(P, 3.55, 83.55, AT)], states, [span], increasing=False)
    assert found.change == -3.5
    assert [step.booked for step in found.steps] == [3.5]
    # 501 to 480: it goes down without a word.
    states = [Recorded(P - 50, 12.0, 5), Recorded(AT, 1.5, 5), Recorded(AT + 60, 1.55, 5)]
    (found,) = corrections([*before, Row(P, 1.55, 69.55, 5)], states, [span], increasing=False)
    assert found.change == pytest.approx(10.5)


def test_what_a_row_has_grown_by_is_seen_in_the_five_minutes_or_the_hour() -> None:
    periods = [Row(P - 300, 51.0, 1000), Row(P, 51.5, 1000.5), Row(P + 300, 51.6, 1000.6)]
    # P is on the hour.
    hours = [Row(P - 3600, 51.0, 1000), Row(P, 51.9, 1000.9)]
    assert growth(periods, hours, P + 300) == pytest.approx(0.1)
    # The five minutes are kept for ten days.
    assert growth([], hours, P + 300) == pytest.approx(0.9)
    assert growth([], hours, P - 3300) == 1000
    assert growth(periods, hours, P + 3600) is None
    # The first row of five minutes that is left does not tell.
    assert growth(periods[1:], hours, P) == pytest.approx(0.9)
