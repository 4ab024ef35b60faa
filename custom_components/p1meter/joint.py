"""Takes the difference between two meters out of what the recorder summed up.

The recorder books every change of a total as use, so also the step from the old meter's last reading to the new one's
first. What it booked is worked out again from the states it recorded: so it is known whether the step is still in it.
Pure: nothing of Home Assistant.
"""

from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PERIOD = 300
"""Seconds that one row of the short-term statistics covers."""
HOUR = 3600
"""Seconds that one row of the long-term statistics covers."""

# Below this share of what it was, the recorder takes a total for one that began again at zero.
_BEGAN_AGAIN = 0.9
# Of a kWh, a m³ or a unit of money: what is less comes from sums of floating point numbers.
_DIGITS = 6


class Recorded(NamedTuple):
    """A state as the recorder has it.

    Attributes:
        at: when it was written, seconds since 1970.
        value: in the unit of the statistics.
        last_reset: what it says of its last reset, seconds since 1970.
    """

    at: float
    value: float
    last_reset: float | None = None


class Row(NamedTuple):
    """A row of the statistics, of five minutes or of an hour.

    Attributes:
        start: when its period begins, seconds since 1970.
        state: the last state in it.
        sum: what was used up to its end.
        last_reset: that of the last state, seconds since 1970.
    """

    start: float
    state: float
    sum: float
    last_reset: float | None = None


class Span(NamedTuple):
    """From when to when what is written is the first of the new meter, seconds since 1970; the end is not in it."""

    begin: float
    end: float


class Step(NamedTuple):
    """What the recorder booked at a joint, in the unit of the statistics.

    Attributes:
        span: of the joint.
        old: the last state of the old meter; None: the recorder knows none, and has booked nothing.
        new: the first state of the new meter; None like that.
        booked: what was booked for use.
    """

    span: Span
    old: float | None
    new: float | None
    booked: float


class Correction(NamedTuple):
    """What is to be added to the sum, from the start of a row on.

    Attributes:
        start: seconds since 1970.
        change: in the unit of the statistics; 0: the sum is as it should be.
        steps: of the joints that lie in this row, in their order.
        is_out: whether they are out of the sum already.
    """

    start: float
    change: float
    steps: list[Step]
    is_out: bool


def corrections(
    rows: Sequence[Row], states: Sequence[Recorded], spans: Iterable[Span], *, increasing: bool
) -> list[Correction]:
    """Return what is wrong with the sum; a joint whose period has no row yet is in none of the corrections.

    Args:
        rows: in their order, from the last one before the joints on.
        states: in their order, from the one that held at the start of the first joint's period on.
        spans: the joints.
        increasing: whether it is a total that only increases, otherwise one that says when it was reset.
    """
    by_row: dict[int, list[Span]] = {}
    for span in spans:
        first = next((state.at for state in states if span.begin <= state.at < span.end), None)
        # A period in which the entity did not exist has no row: its states count in the next one.
        number = next((n for n, row in enumerate(rows) if first is not None and first < row.start + PERIOD), None)
        if number is not None:
            by_row.setdefault(number, []).append(span)
    found: list[Correction] = []
    for number, joined in by_row.items():
        row = rows[number]
        before = rows[number - 1] if number else None
        counted = _counted(states, row)
        if before is not None:
            counted.insert(0, Recorded(0, before.state, before.last_reset))
        steps: dict[Span, Step] = {span: Step(span, None, None, 0.0) for span in joined}
        total = 0.0
        for old, new in pairwise(counted):
            increment = _increment(old, new, increasing=increasing)
            total += increment
            if (joint := next((span for span in joined if _joins(span, old, new)), None)) is not None:
                step = steps[joint]
                known = (old.value, new.value) if step.old is None else (step.old, step.new)
                steps[joint] = Step(joint, *known, step.booked + increment)
        all_steps = [step._replace(booked=round(step.booked, _DIGITS)) for step in steps.values()]
        step_in_all = sum(step.booked for step in all_steps)
        actual = row.sum - (before.sum if before is not None else 0.0)
        # Nearer to the sum with the step than to the one without; anything else was put right by hand.
        is_in = abs(actual - total) < abs(step_in_all) / 2
        is_out = abs(actual - total + step_in_all) < abs(step_in_all) / 2
        found.append(Correction(row.start, -step_in_all if is_in else 0.0, all_steps, is_out))
    return found


def span_from(begin: float, states: Sequence[Recorded]) -> Span:
    """Return the span of a joint in which only the first state of the new meter lies.

    Args:
        begin: when the meter was adopted, seconds since 1970.
        states: those of the total, in their order.
    """
    first = next((state.at for state in states if state.at >= begin), inf)
    return Span(begin, next((state.at for state in states if state.at > first), inf))


def growth(periods: Sequence[Row], hours: Sequence[Row], start: float) -> float | None:
    """Return what the row has grown by that begins at `start`, or the hour that it lies in; None: there is neither.

    Args:
        periods: rows of five minutes, in their order, as far as the recorder still has them.
        hours: rows of the hours, in their order.
        start: of a row of five minutes, seconds since 1970.
    """
    for before, row in pairwise(periods):
        if row.start == start:
            return row.sum - before.sum
    last = 0.0
    for row in hours:
        if row.start == start // HOUR * HOUR:
            return row.sum - last
        last = row.sum
    return None


def _counted(states: Sequence[Recorded], row: Row) -> list[Recorded]:
    """Return the states that the recorder counted for a row: the one that held at its start, and those within."""
    earlier = [state for state in states if state.at < row.start]
    return earlier[-1:] + [state for state in states if row.start <= state.at < row.start + PERIOD]


def _increment(old: Recorded, new: Recorded, *, increasing: bool) -> float:
    """Return what the recorder books for a change (`compile_statistics` of its sensor platform)."""
    if increasing:
        began_again = new.value < _BEGAN_AGAIN * old.value
    else:
        began_again = new.last_reset is not None and new.last_reset != old.last_reset
    return new.value if began_again else new.value - old.value


def _joins(span: Span, old: Recorded, new: Recorded) -> bool:
    """Whether the old meter's state, or a first one of the new meter, is followed by one of the new meter."""
    return new.at >= span.begin and (old.at < span.begin or new.at < span.end)
