"""Hours of the past beside those that the recorder has: which are written, and by how much its own are shifted.

The recorder's hours keep what was used in them, and the sum over all of them goes on from the hours before. What is in
a gap of the recorder is taken out of the first row after it, which has all of it. Pure: nothing of Home Assistant.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from .archive.series import Hour, Series, Stretch
from .joint import HOUR

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

# What is less comes from sums of floating point numbers.
_TINY: Final = 1e-6
_DIGITS: Final = 9
# Readings of the same hour are taken seconds apart: what is less (of a kWh, m³ or GJ) says nothing.
_DIFFERS: Final = 0.01
# A meter that goes on is not so many times as fast as ever before, nor as a house at its fuses (kWh, m³ or GJ an hour).
_LEAP: Final = 10
_FAST: Final = 5
_ZERO: Final = Decimal(0)


class Past(NamedTuple):
    """An hour by the file, in the unit of the statistics.

    Attributes:
        start: when it begins, seconds since 1970.
        state: what the meter showed at its end; None where only growth is known.
        grown: since the hour before it in the file.
        is_first: whether it is the first of a meter: what grew before it is not known.
    """

    start: float
    state: float | None
    grown: float
    is_first: bool


class Booked(NamedTuple):
    """A row of the statistics.

    Attributes:
        start: when it begins, seconds since 1970.
        state: the last one in it; None: it was written without.
        sum: what was used up to its end.
    """

    start: float
    state: float | None
    sum: float


class Seam(NamedTuple):
    """Where rows that were written meet those of the recorder, which are to be shifted from there on.

    Attributes:
        slot: id of the total's slot.
        first: the row after those that were written, as it was before it is shifted; None: the recorder has made none
            yet.
        after: the sum that this row is to have.
        is_short: whether it is a row of five minutes, not of an hour.
        written: the newest row that was written; None: none had to be.
        limit: what can be used in an hour at most; only where `first` is not known.
    """

    slot: str
    first: Booked | None = None
    after: float = 0.0
    is_short: bool = False
    written: Booked | None = None
    limit: float = 0.0


class Piece(NamedTuple):
    """What is written at once.

    Attributes:
        rows: in the order of time.
        first: the first row of the recorder that is shifted, as it is before; None: none is.
        after: the sum that this row is to have.
        is_short: whether it is a row of five minutes, not of an hour.
    """

    rows: list[Booked]
    first: Booked | None = None
    after: float = 0.0
    is_short: bool = False


class Difference(NamedTuple):
    """An hour of which the file and the recorder say something else.

    Attributes:
        start: of the hour, seconds since 1970.
        file: what has grown in it by the file.
        recorder: what has grown in it by the recorder.
    """

    start: float
    file: float
    recorder: float


class Summary(NamedTuple):
    """What importing would do, without overwriting; in the unit of the statistics.

    Attributes:
        new: hours that the recorder does not have and gets.
        both: hours that both have.
        differing: how many of them differ: what has grown since the hour before is another by more than 0.01 of the
            register's unit (10 Wh, 10 l). Readings are taken seconds apart, so that less says nothing.
        largest: the one that differs most; None: none does.
        misfits: hours in gaps of the recorder that do not fit between the rows around them: not written.
        later: hours after those of the recorder, which goes on from its own: not written.
        joins_another_meter: the last hour before those of the recorder is of another meter than its first: the value
            falls, or leaps further than could have been used. What was used between the two is not known.
    """

    new: int
    both: int
    differing: int
    largest: Difference | None
    misfits: int
    later: int
    joins_another_meter: bool


@dataclass(frozen=True, slots=True)
class Ours:
    """What the recorder has of a sensor.

    Attributes:
        rows: of the hours, in their order.
        short: its first row of five minutes after them; None: there is none.
        until: if it has made no row yet, and all rows are from files: hours that end later are left to it, seconds
            since 1970. None: it has made some.
    """

    rows: Sequence[Booked]
    short: Booked | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """What is to be done about one register.

    Attributes:
        pieces: in the order in which they are written; later ones shift what earlier ones have written.
        new: how many rows the recorder does not have.
        changed: how many of its hours get another state or growth.
        misfits, later, joins_another_meter: see `Summary`.
        waits: whether the recorder goes on from these rows with its first one, which is not there yet.
        limit: what can be used in an hour at most.
    """

    pieces: list[Piece]
    new: int
    changed: int
    misfits: int
    later: int
    joins_another_meter: bool
    waits: bool
    limit: float


def hours_of(series: Series, factor: float) -> list[Past]:
    """Return the rows of a register in the unit of the statistics; `factor` is what its own is of that."""
    firsts = {stretch.first for stretch in series.stretches}
    return [
        Past(
            row.start.timestamp(),
            None if row.state is None else round(float(row.state) * factor, _DIGITS),
            round(float(row.grown) * factor, _DIGITS),
            row.start in firsts,
        )
        for row in series.rows
    ]


def merge(hours: Sequence[Past], ours: Ours, *, overwrite: bool, factor: float = 1.0) -> Merge:
    """Return what becomes of the hours of a file.

    Args:
        hours: of the file, in their order.
        ours: what the recorder has.
        overwrite: whether hours that both have get what the file says. The row from which the recorder goes on stays.
        factor: one kWh, m³ or GJ in the unit of the statistics.
    """
    usable = _usable(hours, ours)
    begin = min((row.start for row in (*ours.rows[:1], ours.short) if row is not None), default=inf)
    before = [hour for hour in usable if hour.start + HOUR <= begin]
    limit = _LEAP * max(*_speeds(hours), _FAST * factor)
    within = _Within(usable[len(before) :], ours, overwrite=overwrite, limit=limit)
    pieces = within.pieces()
    joins_another_meter = False
    if before:
        rows = _summed(before)
        if not within.lines:
            pieces.append(Piece(rows))
        else:
            last, first = rows[-1], within.lines[0].row
            change = within.first_growth
            if change is None:
                change = step(last, first, limit)
                joins_another_meter = change is None and last.state is not None and first.state is not None
            if change is None:
                # Its very first row says what was used in it.
                change = first.sum
            pieces.append(Piece(rows, first, _round(last.sum + change), is_short=not ours.rows))
    return Merge(
        pieces,
        new=len(before) + within.new,
        changed=within.changed,
        misfits=within.misfits,
        later=len(hours) - len(usable),
        joins_another_meter=joins_another_meter,
        waits=ours.until is not None,
        limit=limit,
    )


def preview(hours: Sequence[Past], ours: Ours, factor: float = 1.0) -> Summary:
    """Return what `merge` would do without overwriting, and how much both differ."""
    added = merge(hours, ours, overwrite=False, factor=factor)
    sums = {row.start: row.sum for row in ours.rows}
    both = [hour for hour in hours if hour.start in sums]
    found: list[Difference] = []
    for before, hour in pairwise(hours):
        # Of what only the growth is known it is that of one hour.
        since = before.start if hour.state is not None else hour.start - HOUR
        if hour.start in sums and since in sums and not hour.is_first:
            found.append(Difference(hour.start, hour.grown, _round(sums[hour.start] - sums[since])))
    differing = [one for one in found if abs(one.file - one.recorder) > _DIFFERS * factor + _TINY]
    return Summary(
        new=added.new,
        both=len(both),
        differing=len(differing),
        largest=max(differing, key=lambda one: abs(one.file - one.recorder), default=None),
        misfits=added.misfits,
        later=added.later,
        joins_another_meter=added.joins_another_meter,
    )


def step(last: Booked, first: Booked, limit: float) -> float | None:
    """Return what was used from one row to the next; None: they are of two meters, or nobody knows.

    Args:
        last: the earlier row.
        first: the later one.
        limit: what can be used in an hour at most.
    """
    if last.state is None or first.state is None:
        return None
    change = first.state - last.state
    hours = (first.start - last.start) / HOUR
    return max(change, 0.0) if -_TINY <= change <= limit * hours else None


def settle(seam: Seam, written: Booked | None, first: Booked | None) -> float | None:
    """Return by how much the rows after a seam are still to be shifted; 0: not any more; None: nothing came of it.

    Args:
        seam: as it was kept before anything was written; its `first` is known.
        written: the row where its newest one should be, as it is now.
        first: that where its first one was.
    """
    if seam.first is None or first is None:
        return None
    if seam.written is not None and (written is None or not is_same(written, seam.written)):
        return None
    # Nearer to what it was than to what it is to be; it may have grown since, where it is found as part of its hour.
    is_as_before = abs(first.sum - seam.first.sum) < abs(first.sum - seam.after)
    return _round(seam.after - seam.first.sum) if is_as_before else 0.0


def met(seam: Seam, newest: Booked, first: Booked) -> Seam:
    """Return a seam with the recorder's first row, now that there is one.

    Args:
        seam: as it was kept: without.
        newest: the newest row of an hour before it.
        first: the recorder's first row, of five minutes.
    """
    change = step(newest, first, seam.limit)
    after = _round(newest.sum + (first.sum if change is None else change))
    return seam._replace(first=first, after=after, is_short=True, written=newest)


def sum_of(key: str, tariffs: Sequence[Series]) -> Series:
    """Return the sum of the tariffs of a meter that sends no total, where all of them have a row.

    Args:
        key: of the total.
        tariffs: of one unit; at least one.
    """
    by_hour = [{row.start: row for row in series.rows} for series in tariffs]
    firsts = sorted(stretch.first for series in tariffs for stretch in series.stretches)
    rows: list[Hour] = []
    runs: list[list[Hour]] = []
    for start in sorted(set(by_hour[0]).intersection(*by_hour[1:])):
        at = [known[start] for known in by_hour]
        states = [row.state for row in at if row.state is not None]
        grown = sum((row.grown for row in at), _ZERO)
        before = rows[-1] if rows else None
        if len(states) < len(at):
            rows.append(Hour(start, None, grown))
            continue
        state = sum(states, _ZERO)
        begun = bisect_right(firsts, start)
        if before is None or before.state is None or begun > bisect_right(firsts, before.start):
            runs.append([])
            if begun - bisect_left(firsts, start) < len(tariffs):
                # Some of them had begun before, in an hour that not all of them have.
                grown = _ZERO
        else:
            grown = state - before.state
        rows.append(Hour(start, state, grown))
        runs[-1].append(rows[-1])
    stretches = [Stretch(run[0].start, run[0].state or _ZERO, run[-1].state or _ZERO) for run in runs]
    return Series(key, tariffs[0].unit, rows, stretches)


def one_after_the_other(earlier: Series, later: Series) -> Series | None:
    """Return the history of two meters of which one has replaced the other; None: both were there at the same time."""
    rows = list(earlier.rows)
    if rows[-1].start == later.rows[0].start:
        # It was replaced within that hour.
        rows.pop()
    if rows and rows[-1].start > later.rows[0].start:
        return None
    rows += later.rows
    return Series(earlier.key, earlier.unit, rows, [*earlier.stretches, *later.stretches])


def of_one_meter(earlier: Series, later: Series) -> Series | None:
    """Return the history of a meter of which two sources tell at the same time; None: they are of two meters.

    The earlier one counts up to the first hour of the later one, whose first reading has to be between those that the
    earlier one has before and after it.

    Args:
        earlier: the one that begins first; it goes on for more than the first hour of the other.
        later: the other one.
    """
    first = later.rows[0]
    begun = bisect_left(earlier.rows, first.start, key=_start_of)
    before, following = earlier.rows[:begun], earlier.rows[begun:]
    after = earlier.rows[bisect_right(earlier.rows, first.start, key=_start_of)]
    states = [row.state for row in (*before[-1:], first, after) if row.state is not None]
    if states != sorted(states):
        return None
    if earlier.rows[-1].start >= later.rows[-1].start:
        # It knows all that the other one does.
        return earlier
    if before:
        last = before[-1]
        if first.state is not None and last.state is not None:
            first = first._replace(grown=first.state - last.state)
        elif following[0].start == first.start:
            first = first._replace(grown=following[0].grown)
    runs = [stretch for stretch in earlier.stretches if stretch.first < first.start]
    goes_on = list(later.stretches)
    if runs and goes_on:
        goes_on[0] = runs.pop()._replace(last_value=goes_on[0].last_value)
    return Series(earlier.key, earlier.unit, [*before, first, *later.rows[1:]], [*runs, *goes_on])


def _start_of(row: Hour) -> datetime:
    return row.start


class _Line(NamedTuple):
    """A row as it is to be, and as it is; None: it is not there."""

    row: Booked
    old: Booked | None


class _Within:
    """Goes through the hours from the recorder's first row on.

    Attributes:
        lines: all of them; the first has the sum that it has.
        limit: what can be used in an hour at most.
        first_growth: what has grown in the first hour by the file, if that is to be overwritten.
        new, changed, misfits: see `Merge`.
    """

    def __init__(self, hours: Sequence[Past], ours: Ours, *, overwrite: bool, limit: float) -> None:
        """Work out what becomes of each."""
        self.lines: list[_Line] = []
        self.limit = limit
        self.first_growth: float | None = None
        self.new = self.changed = self.misfits = 0
        self._is_short = ours.short is not None
        # The newest row of the recorder as it is to be, and as it is.
        self._anchor: tuple[Booked, Booked] | None = None
        self._is_ours = False
        # What has grown by the file up to the newest hour of it that is in the lines, and the sum there.
        self._mark: tuple[float, float] | None = None
        self._reached = 0.0
        old = {row.start: row for row in ours.rows}
        past = {hour.start: hour for hour in hours}
        goes_on_from = ours.rows[-1].start if ours.rows and ours.short is None and ours.until is None else None
        overwritten = (old.keys() & past.keys()) - {goes_on_from} if overwrite else set[float]()
        ahead = iter(ours.rows)
        # The recorder's next row.
        following = next(ahead, ours.short)
        for start in sorted(old.keys() | past.keys()):
            if start in old:
                following = next(ahead, ours.short)
            hour = past.get(start)
            self._reached += 0.0 if hour is None else hour.grown
            if start in overwritten:
                self._overwrite(past[start], old[start])
            elif start in old:
                self._keep(old[start])
            else:
                is_last_word = following is not None and (following is ours.short or following.start not in overwritten)
                if not self._fill(past[start], following if is_last_word else None):
                    continue
            if hour is not None:
                self._mark = (self._reached, self.lines[-1].row.sum)
        if ours.short is not None:
            self._keep(ours.short)

    def pieces(self) -> list[Piece]:
        """Return what is to be written: all rows up to the last one that is not just shifted with all after it."""
        final = 0.0
        if self.lines and (last := self.lines[-1]).old is not None:
            final = last.row.sum - last.old.sum
        number = 0
        for count, line in enumerate(self.lines, 1):
            if (
                line.old is None
                or not _is_same_state(line.row.state, line.old.state)
                or not _is_tiny(line.row.sum - line.old.sum - final)
            ):
                number = count
        rows = [line.row for line in self.lines[:number] if line.old is None or not is_same(line.row, line.old)]
        first = self.lines[number] if number < len(self.lines) and not _is_tiny(final) else None
        if first is not None:
            is_short = self._is_short and number == len(self.lines) - 1
            return [Piece(rows, first.old, first.row.sum, is_short)]
        return [Piece(rows)] if rows else []

    def _add(self, row: Booked, old: Booked | None, *, is_ours: bool) -> None:
        self.lines.append(_Line(row, old))
        if old is not None:
            self._anchor = row, old
            self._is_ours = is_ours

    def _keep(self, old: Booked) -> None:
        """Leave a row as it is: what was used in it stays."""
        self._add(old._replace(sum=self._goal(old)), old, is_ours=False)

    def _goal(self, old: Booked) -> float:
        """Return the sum that a row which stays has after what becomes of those before it."""
        if self._anchor is None:
            return old.sum
        now, before = self._anchor
        if self._is_ours and now.state is not None and before.state is not None and old.state is not None:
            is_plain = _is_tiny(old.sum - before.sum - (old.state - before.state))
            if is_plain and old.state >= now.state - _TINY:
                # The recorder took the difference to the state before. That is another one now.
                return _round(now.sum + max(old.state - now.state, 0.0))
        shift = now.sum - before.sum
        return old.sum if _is_tiny(shift) else _round(old.sum + shift)

    def _overwrite(self, hour: Past, old: Booked) -> None:
        """Take what the file says in place of a row."""
        if hour.state is None and self.lines and self.lines[-1].row.start < hour.start - HOUR:
            # It has what grew in hours of which the file says nothing, too.
            self._keep(old)
            return
        state = old.state if hour.state is None else hour.state
        if not self.lines:
            self.first_growth = hour.grown
            row = Booked(hour.start, state, old.sum)
        else:
            growth = self._growth(hour)
            row = Booked(hour.start, state, _round(self.lines[-1].row.sum + (hour.grown if growth is None else growth)))
        shift = 0.0 if self._anchor is None else self._anchor[0].sum - self._anchor[1].sum
        if not (_is_same_state(state, old.state) and _is_tiny(row.sum - old.sum - shift)):
            self.changed += 1
        self._add(old if is_same(row, old) else row, old, is_ours=True)

    def _fill(self, hour: Past, after: Booked | None) -> bool:
        """Put an hour where the recorder has none; return whether it fits before the row `after` it, if that stays."""
        before = self.lines[-1].row
        growth = self._growth(hour)
        state = hour.state
        if growth is not None and state is None and before.state is not None:
            state = _round(before.state + growth)
        if growth is None or (after is not None and not self._is_between(before, state, growth, after)):
            self.misfits += 1
            return False
        self.new += 1
        self._add(Booked(hour.start, state, _round(before.sum + growth)), None, is_ours=True)
        return True

    def _is_between(self, before: Booked, state: float | None, growth: float, after: Booked) -> bool:
        if before.sum + growth > self._goal(after) + _TINY:
            return False
        if state is None:
            return True
        return (before.state is None or before.state <= state + _TINY) and (
            after.state is None or state <= after.state + _TINY
        )

    def _growth(self, hour: Past) -> float | None:
        """Return what has grown from the newest line to the end of an hour; None: nobody knows."""
        before = self.lines[-1].row
        if hour.state is None:
            return hour.grown
        growth = step(before, Booked(hour.start, hour.state, 0.0), self.limit)
        if self._mark is not None and (growth is None or hour.is_first):
            reached, total = self._mark
            return max(self._reached - reached - (before.sum - total), 0.0)
        return hour.grown if growth is None and hour.is_first else growth


def _usable(hours: Sequence[Past], ours: Ours) -> list[Past]:
    """Return the hours that the recorder has got to."""
    if ours.until is not None:
        return [hour for hour in hours if hour.start + HOUR <= ours.until]
    known = {row.start for row in ours.rows}
    newest = ours.short or ours.rows[-1]
    return [hour for hour in hours if hour.start in known or hour.start + HOUR <= newest.start]


def _summed(hours: Iterable[Past]) -> list[Booked]:
    """Return rows of a statistic that begins with them: the first says what has grown in it."""
    total = 0.0
    rows: list[Booked] = []
    for hour in hours:
        total = _round(total + hour.grown)
        rows.append(Booked(hour.start, hour.state, total))
    return rows


def _speeds(hours: Iterable[Past]) -> Iterator[float]:
    """Give what was used in an hour, in the mean where several are known together."""
    yield 0.0
    for before, hour in pairwise(hours):
        since = before.start if hour.state is not None else hour.start - HOUR
        yield hour.grown * HOUR / (hour.start - since)


def is_same(row: Booked, other: Booked) -> bool:
    """Return whether two rows have the same state and the same sum, as far as sums of numbers can."""
    return _is_same_state(row.state, other.state) and _is_tiny(row.sum - other.sum)


def _is_same_state(state: float | None, other: float | None) -> bool:
    return state == other if state is None or other is None else _is_tiny(state - other)


def _is_tiny(value: float) -> bool:
    return abs(value) <= _TINY


def _round(value: float) -> float:
    return round(value, _DIGITS)
