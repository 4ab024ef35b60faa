"""Hours of a total without a row, and what grew in them: booked at once when it was heard of, or spread evenly.

Rows of the statistics cannot be taken away. So what was spread is gathered again by making the rows flat: then every
hour has what it had, and the hours of the gap have nothing.
Pure: no clock, nothing of Home Assistant.
"""

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from .joint import HOUR, PERIOD, Row

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

# Half of the last digit that meters send: what is less comes from rounding.
_LEAST = 0.0005
# What was spread is seen when more than this share of it is where it was put.
_SEEN = 0.5
_DIGITS = 6


class Gap(NamedTuple):
    """Hours of a total without a row. All times are seconds since 1970.

    Attributes:
        before: when the last hour begins that has a row.
        after: when the first hour begins that has one again.
        begin: from when on nothing was counted.
        end: when it was counted again.
        grown: what was booked then for all that time, in the unit of the statistics.
    """

    before: float
    after: float
    begin: float
    end: float
    grown: float

    @property
    def hours(self) -> Iterator[float]:
        """When the hours begin that have no row."""
        return map(float, range(int(self.before) + HOUR, int(self.after), HOUR))


def find(hours: Sequence[Row], periods: Sequence[Row]) -> list[Gap]:
    """Return the gaps in which a total grew.

    One in which its reading changed by something else than what was used is none: the meter was replaced, or somebody
    has put the sums right.

    Args:
        hours: rows of the hours, in their order; the state of one that has none is not a number.
        periods: rows of five minutes, in their order, as far as there are any. They tell when the gap began and ended;
            without them it takes in the whole hour after it.
    """
    edges = {(_hour_of(old), _hour_of(new)): (old, new) for old, new in pairwise(periods)}
    found = []
    for old, new in pairwise(hours):
        if new.start - old.start <= HOUR:
            continue
        gap = Gap(old.start, new.start, old.start + HOUR, new.start + HOUR, new.sum - old.sum)
        last, first = edges.get((old.start, new.start), (old, new))
        if last is not old:
            gap = gap._replace(begin=last.start + PERIOD, end=first.start + PERIOD, grown=first.sum - last.sum)
        if gap.grown >= _LEAST and abs(first.state - last.state - gap.grown) < _LEAST:
            found.append(gap._replace(grown=round(gap.grown, _DIGITS)))
    return found


def of_cost(hours: Sequence[Row], periods: Sequence[Row], gap: Gap) -> float:
    """Return what was booked for the use in a gap at its end; 0: nothing, or nobody can tell.

    The sensor that counts the cost goes on while the meter is silent, without a change. After a stop of Home Assistant
    it begins anew, with what was used meanwhile (since 2026.11) or without; the first five minutes tell.

    Args:
        hours: of the cost, in their order.
        periods: of the cost, in their order, as far as there are any.
        gap: of the total.
    """
    by_start = {row.start: row for row in hours}
    before, after = by_start.get(gap.before), by_start.get(gap.after)
    within = [by_start[start] for start in gap.hours if start in by_start]
    if before is None or after is None or any(abs(row.sum - before.sum) >= _LEAST for row in within):
        return 0.0
    if gap.end < gap.after + HOUR:
        booked = (new.sum - old.sum for old, new in pairwise(periods) if new.start + PERIOD == gap.end)
        return round(next(booked, 0.0), _DIGITS)
    return round(after.sum - before.sum, _DIGITS) if len(within) == len(list(gap.hours)) else 0.0


def rewritten(hours: Sequence[Row], gap: Gap, *, spread: bool) -> list[Row] | None:
    """Return the rows that are to be written, if any; None: the rows of that time are others now.

    The row after the gap is none of them: its sum holds what is spread before it, and what is gathered in it.

    Args:
        hours: rows of the hours, in their order.
        gap: with `grown` in the unit of the rows.
        spread: whether what grew is to be spread over the gap, otherwise gathered in the hour after it.
    """
    by_start = {row.start: row for row in hours}
    first, after = by_start.get(gap.before), by_start.get(gap.after)
    if first is None or after is None or (after.sum - first.sum) / gap.grown < 1 - _LEAST - _share(gap, gap.before):
        return None
    within = [by_start[start] for start in gap.hours if start in by_start]
    here, there = _share(gap, gap.before), _share(gap, gap.after - HOUR)
    is_spread = bool(within) and (within[-1].sum - first.sum) / gap.grown > (there - here) * _SEEN
    if is_spread is spread:
        return []
    starts = (gap.before, *gap.hours)
    rows = [_raised(first, start, gap.grown * (_share(gap, start) if spread else -here)) for start in starts]
    return [row for row in rows if row != by_start.get(row.start)]


def carried_on(hours: Sequence[Row], gap: Gap, known: Collection[float]) -> list[Row]:
    """Return the rows that are to be written so that nothing is used in hours of a gap of which nothing is known.

    What is known of others may have changed the sums before them.

    Args:
        hours: rows of the hours, in their order.
        gap: whose rows were flat before.
        known: when the hours begin of which more is known now.
    """
    flat = set(gap.hours).difference(known)
    written: list[Row] = []
    for before, row in pairwise(hours):
        last = written[-1] if written and written[-1].start == before.start else before
        if row.start in flat and row != (following := last._replace(start=row.start)):
            written.append(following)
    return written


def used(hours: Sequence[Row], gap: Gap) -> frozenset[float] | None:
    """Return when the hours of a gap begin in which something was used by its rows; None: they are flat.

    Who has written them may have changed the row before the gap, too: then those that are still flat are below it.

    Args:
        hours: rows of the hours, in their order.
        gap: whose rows were flat.
    """
    rows = [row for row in hours if gap.before <= row.start < gap.after]
    if all(abs(row.sum - rows[0].sum) < _LEAST for row in rows):
        return None
    return frozenset(row.start for before, row in pairwise(rows) if row.sum - before.sum >= _LEAST)


def _hour_of(row: Row) -> float:
    return row.start // HOUR * HOUR


def _share(gap: Gap, hour: float) -> float:
    """Return which share of the gap's time is over when an hour ends."""
    return (hour + HOUR - gap.begin) / (gap.end - gap.begin)


def _raised(row: Row, start: float, change: float) -> Row:
    change = round(change, _DIGITS)
    return row._replace(start=start, state=row.state + change, sum=row.sum + change)
