"""What grew in hours without a row is spread over them, to the last digit, and gathered again.

Times are hours of one day, counted from its start; the sums are worked out by hand.
"""

from itertools import pairwise
from math import nan

import pytest

from p1meter.gaps import Gap, carried_on, find, of_cost, rewritten, used
from p1meter.joint import HOUR, Row

MIDNIGHT = 1_763_683_200.0
# A total that counted 1 a hour to 14:00; Home Assistant was off from 14:20 to 19:10, and 5.8 was used in between.


def at(hours: float) -> float:
    """Return a time of the day, seconds since 1970."""
    return MIDNIGHT + round(hours * HOUR)


def row(hours: float, reading: float) -> Row:
    """Return a row whose sum began with the reading 900."""
    return Row(at(hours), reading, reading - 900)


HOURS = [row(12, 999), row(13, 1000), row(14, 1000.3), row(19, 1007.1), row(20, 1008.1)]
PERIODS = [
    *(row(14 + number / 12, 1000 + 0.075 * (number + 1)) for number in range(4)),
    *(row(19 + number / 12, 1006.1 + (number - 2) / 10) for number in range(2, 12)),
]
# From 14:20 to 19:15, when the first five minutes were over: 295 minutes.
GAP = Gap(at(14), at(19), at(14 + 20 / 60), at(19 + 15 / 60), 5.8)
# Without five minutes to tell: from the end of the hour before it to the end of the hour after it.
WHOLE = Gap(at(14), at(19), at(15), at(20), 6.8)


def test_the_five_minutes_tell_when_a_gap_began_and_ended() -> None:
    assert find(HOURS, PERIODS) == [GAP]
    assert list(GAP.hours) == [at(15), at(16), at(17), at(18)]


def test_without_them_it_takes_in_the_hour_after_it() -> None:
    assert find(HOURS, []) == [WHOLE]
    # These are of another day.
    assert find(HOURS, [row(30, 1020), row(30.1, 1020.1)]) == [WHOLE]


def test_hours_one_after_the_other_are_none() -> None:
    assert find(HOURS[:3], PERIODS[:4]) == []
    assert find([], []) == []
    # From 14:50 to 15:10: both hours have a row.
    assert find([row(14, 1000), row(15, 1002)], [row(14.75, 1000), row(15 + 1 / 6, 1001.8)]) == []


@pytest.mark.parametrize(
    "after",
    [
        Row(at(19), 1000.3, 100.3),
        Row(at(19), 7.0, 107.3),
        Row(at(19), 30_000.0, 100.9),
        Row(at(19), nan, 107.1),
    ],
    ids=["nothing was used", "it began again", "the step to another meter was taken out", "nobody knows the reading"],
)
def test_what_is_no_use_is_not_spread(after: Row) -> None:
    assert find([*HOURS[:3], after], []) == []


def test_what_was_used_only_after_it_is_not_spread() -> None:
    """A gas meter in summer: the next use is an hour after the return."""
    periods = [row(14, 1000.3), row(19.5, 1000.3), row(19.75, 1007.1)]
    assert find(HOURS, periods) == []


@pytest.mark.parametrize("gap", [GAP, WHOLE], ids=["exactly", "whole hours"])
def test_it_is_spread_evenly_by_time_and_gathered_again(gap: Gap) -> None:
    rows = rewritten(HOURS, gap, spread=True)
    assert rows is not None
    spread = _put(HOURS, rows)
    used = {new.start: new.sum - old.sum for old, new in pairwise(spread)}
    if gap is GAP:
        # 40 of the 295 minutes are in the hour that began before the gap, 60 in each of the next, 15 in the last.
        assert used[at(14)] == pytest.approx(0.3 + 5.8 * 40 / 295)
        within, last = 5.8 * 60 / 295, 5.8 * 15 / 295 + 1.0
    else:
        assert used[at(14)] == pytest.approx(0.3)
        within, last = 6.8 / 5, 6.8 / 5
    assert [used[hour] for hour in gap.hours] == pytest.approx([within] * 4, abs=2e-6)
    assert used[at(19)] == pytest.approx(last, abs=2e-6)
    # No sum after it changes, and the reading goes with the sum.
    assert spread[-2:] == HOURS[-2:]
    assert all(one.state - one.sum == pytest.approx(900) for one in spread)
    # To do it again changes nothing.
    assert rewritten(spread, gap, spread=True) == []
    rows = rewritten(spread, gap, spread=False)
    assert rows is not None
    gathered = _put(spread, rows)
    _assert_same([one for one in gathered if one.start not in gap.hours], HOURS)
    assert [one.sum for one in gathered if one.start in gap.hours] == pytest.approx([100.3] * 4)
    assert rewritten(gathered, gap, spread=False) == []
    again = rewritten(gathered, gap, spread=True)
    assert again is not None
    _assert_same(_put(gathered, again), spread)


def test_it_is_as_it_came_before_anything_was_done() -> None:
    assert rewritten(HOURS, GAP, spread=False) == []


def test_rows_that_are_others_now_are_left_alone() -> None:
    """The statistics were cleared, or brought along from a file."""
    for hours in ([], HOURS[:3], HOURS[3:], [*HOURS[:3], row(19, 1003), row(20, 1004)]):
        assert rewritten(hours, GAP, spread=True) is None
        assert rewritten(hours, GAP, spread=False) is None


def test_it_does_not_touch_the_hour_before_it_without_need() -> None:
    gap = Gap(at(14), at(19), at(15), at(19.25), 5.8)
    rows = rewritten(HOURS, gap, spread=True)
    assert rows is not None
    assert [one.start for one in rows] == list(gap.hours)


def test_hours_that_a_file_does_not_have_go_on_from_those_that_it_has() -> None:
    flat = _put(HOURS, [row(hour, 1000.3) for hour in range(15, 19)])
    assert carried_on(flat, GAP, ()) == []
    # The file knows of 16:00 to 17:00: 2.5 kWh.
    assert carried_on(_put(flat, [row(16, 1002.8)]), GAP, {at(16)}) == [row(17, 1002.8), row(18, 1002.8)]
    known = {at(16), at(18)}
    assert carried_on(_put(flat, [row(16, 1002.8), row(18, 1004.0)]), GAP, known) == [row(17, 1002.8)]
    # A sum that falls elsewhere is none of ours.
    assert carried_on([*flat, row(21, 1000)], GAP, ()) == []


@pytest.mark.parametrize("change", [2.0, -2.0])
def test_flat_hours_go_along_with_what_was_before_them(change: float) -> None:
    flat = _put(HOURS, [row(hour, 1000.3) for hour in range(15, 19)])
    shifted = [one._replace(sum=one.sum + change) if one.start not in GAP.hours else one for one in flat]
    _assert_same(carried_on(shifted, GAP, ()), [Row(hour, 1000.3, 100.3 + change) for hour in GAP.hours])


# --- What it costs ----------------------------------------------------------------------------------------------------


def cost(hours: float, spent: float) -> Row:
    return Row(at(hours), spent, spent + 50, 1.0)


COSTS = [cost(14, 0.15), *(cost(hour, 0.15) for hour in range(15, 19)), cost(19, 3.55)]
COST_PERIODS = [cost(19 + 1 / 12, 0.15), cost(19 + 2 / 12, 3.05), cost(19 + 3 / 12, 3.1)]


def test_what_a_gap_costs_is_booked_at_its_end() -> None:
    # 5.8 at 0.50; the rest of the hour brings another 0.50.
    assert of_cost(COSTS, COST_PERIODS, GAP) == 2.9
    assert of_cost(COSTS, [], WHOLE) == 3.4
    # The five minutes are gone.
    assert of_cost(COSTS, [], GAP) == 0


def test_after_a_stop_of_home_assistant_the_first_five_minutes_tell_what_the_gap_cost() -> None:
    # It began anew at 19:10: there are no rows of the gap, and another last reset.
    hours = [COSTS[0], Row(at(19), 3.4, 53.55, 2.0)]
    periods = [cost(14.25, 0.15), Row(at(19 + 2 / 12), 2.9, 53.05, 2.0), Row(at(19 + 3 / 12), 2.95, 53.1, 2.0)]
    assert of_cost(hours, periods, GAP) == 2.9
    rows = rewritten(hours, GAP._replace(grown=2.9), spread=True)
    assert rows is not None
    assert [one.start for one in rows] == [GAP.before, *GAP.hours]
    assert rows[-1].sum == pytest.approx(50.15 + 2.9 * 280 / 295, abs=2e-6)
    # Nobody can tell what of that hour's cost is of the gap.
    assert of_cost(hours, [], WHOLE) == 0


def test_cost_is_not_made_up() -> None:
    # There was no price yet.
    assert of_cost(COSTS[1:], COST_PERIODS, GAP) == 0
    assert of_cost(COSTS[:-1], COST_PERIODS, GAP) == 0
    # Somebody has booked it in the gap already.
    assert of_cost([*COSTS[:3], cost(17, 0.9), cost(18, 0.9), COSTS[-1]], COST_PERIODS, GAP) == 0


def test_cost_is_spread_by_the_same_shares() -> None:
    rows = rewritten(COSTS, GAP._replace(grown=2.9), spread=True)
    assert rows is not None
    assert [one.last_reset for one in rows] == [1.0] * 5
    shares = [40 / 295, 100 / 295, 160 / 295, 220 / 295, 280 / 295]
    assert [one.sum for one in rows] == pytest.approx([50.15 + 2.9 * share for share in shares], abs=2e-6)
    rows = rewritten(_put(COSTS, rows), GAP._replace(grown=2.9), spread=False)
    assert rows is not None
    assert [one.sum for one in rows] == pytest.approx([50.15] * 5)


def test_what_was_earned_may_be_less_than_nothing() -> None:
    """With a price below zero, use brings money in."""
    costs = [one._replace(sum=100 - one.sum) for one in COSTS]
    rows = rewritten(costs, GAP._replace(grown=-2.9), spread=True)
    assert rows is not None
    assert rows[-1].sum == pytest.approx(49.85 - 2.9 * 280 / 295, abs=2e-6)
    assert rewritten(_put(costs, rows), GAP._replace(grown=-2.9), spread=True) == []


def _put(hours: list[Row], rows: list[Row]) -> list[Row]:
    """Write rows as the recorder does: in place of those of the same hour."""
    by_start = {one.start: one for one in hours} | {one.start: one for one in rows}
    return [by_start[start] for start in sorted(by_start)]


def _assert_same(rows: list[Row], others: list[Row]) -> None:
    """Compare rows but for what comes from sums of floating point numbers."""
    assert [one.start for one in rows] == [one.start for one in others]
    assert [one.sum for one in rows] == pytest.approx([one.sum for one in others])
    assert [one.state for one in rows] == pytest.approx([one.state for one in others])


def test_in_which_hours_of_a_flat_gap_something_was_used_after_all() -> None:
    flat = [row(14, 1000.3), *(row(hour, 1000.3) for hour in (15, 16, 17, 18)), row(19, 1007.1)]
    assert used(flat, GAP) is None
    assert used([], GAP) is None
    # 16 and 17 h: 18 h is below them, for nobody has written it yet.
    assert used([*flat[:2], row(16, 1002), row(17, 1003), *flat[4:]], GAP) == frozenset({at(16), at(17)})
    # What is known of the hour in which it began.
    assert used([row(14, 1000.5), *flat[1:]], GAP) == frozenset()
