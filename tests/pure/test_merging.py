"""Hours of the past beside those that the recorder has."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random

import pytest

from p1meter.archive import Series, collect
from p1meter.archive.past import Dated
from p1meter.joint import HOUR
from p1meter.merging import (
    Booked,
    Difference,
    Ours,
    Past,
    Piece,
    Seam,
    Summary,
    hours_of,
    merge,
    met,
    of_one_meter,
    one_after_the_other,
    preview,
    settle,
    sum_of,
)

BEGIN = datetime(2026, 3, 1, tzinfo=UTC).timestamp()


@dataclass
class Table:
    """The recorder's statistics of a sensor: what it is told to write and to shift, it does."""

    rows: dict[float, Booked] = field(default_factory=dict)

    def ours(self) -> Ours:
        return Ours([self.rows[start] for start in sorted(self.rows)])

    def take(self, hours: list[Past], *, overwrite: bool = False) -> None:
        ours = self.ours()
        result = merge(hours, ours, overwrite=overwrite)
        for piece in result.pieces:
            for row in piece.rows:
                self.rows[row.start] = row
            if piece.first is not None:
                shift = piece.after - self.rows[piece.first.start].sum
                for start, row in self.rows.items():
                    if start >= piece.first.start:
                        self.rows[start] = row._replace(sum=row.sum + shift)

    def growth(self) -> dict[float, float]:
        rows = self.ours().rows
        return {row.start: round(row.sum - before.sum, 6) for before, row in pairwise(rows)}


def past(states: dict[float, float]) -> list[Past]:
    """Return the rows that a file has which knows these states at the ends of hours."""
    rows: list[Past] = []
    before = None
    for start, state in sorted(states.items()):
        rows.append(Past(start, state, 0.0 if before is None else round(state - before, 3), before is None))
        before = state
    return rows


def recorder(states: dict[float, float]) -> dict[float, Booked]:
    """Return what the recorder has that has seen these states at the ends of hours."""
    begin = min(states.values())
    return {start: Booked(start, state, round(state - begin, 3)) for start, state in states.items()}


@pytest.mark.parametrize("seed", range(300))
def test_whatever_comes_from_where_every_hour_gets_what_was_used_in_it(seed: int) -> None:
    random = Random(seed)
    truth: dict[float, float] = {}
    state = random.choice([0.0, 51.2, 7000.0])
    for hour in range(random.randint(2, 60)):
        state = round(state + random.choice([0.0, 0.001, 0.25, 3.4]), 3)
        truth[BEGIN + hour * HOUR] = state
    begin = random.randrange(len(truth))
    starts = list(truth)
    table = Table()
    has_recorder = {start for start in starts[begin:-1] if random.random() < 0.7} | {starts[-1]}
    table.rows = recorder({start: truth[start] for start in has_recorder})
    # One file has gaps everywhere, another none.
    shares = [random.choice([0.3, 0.9, 1.0]) for _ in range(random.randint(1, 4))]
    files = [{start: truth[start] for start in starts if random.random() < share} for share in shares]
    for _ in range(2):
        random.shuffle(files)
        for states in files:
            overwrite = random.random() < 0.5
            table.take(past(states), overwrite=overwrite)
            before = dict(table.rows)
            table.take(past(states), overwrite=overwrite)
            assert table.rows == before
    known = sorted({start for states in files for start in states} | has_recorder)
    assert sorted(table.rows) == known
    assert table.growth() == {after: round(truth[after] - truth[before], 6) for before, after in pairwise(known)}
    assert {row.start: row.state for row in table.rows.values()} == {start: truth[start] for start in known}


# --- by hand ----------------------------------------------------------------------------------------------------------

# Three hours of the recorder, from 10:00 on, that began at 100 kWh.
TEN, ELEVEN, TWELVE, ONE = (BEGIN + hour * HOUR for hour in (10, 11, 12, 13))
NINE, EIGHT = BEGIN + 9 * HOUR, BEGIN + 8 * HOUR
THREE = [Booked(TEN, 100.5, 0.5), Booked(ELEVEN, 101.5, 1.5), Booked(TWELVE, 102.0, 2.0)]


def hour(start: float, state: float | None, grown: float = 0.0, *, is_first: bool = False) -> Past:
    return Past(start, state, grown, is_first)


def test_hours_before_the_recorder_s_shift_all_of_its_rows() -> None:
    merged = merge([hour(EIGHT, 99.0, is_first=True), hour(NINE, 99.75, 0.75)], Ours(THREE), overwrite=False)
    # From 99.75 to 100.5 there were 0.75 used: also what the recorder did not see of its first hour.
    assert merged.pieces == [Piece([Booked(EIGHT, 99.0, 0.0), Booked(NINE, 99.75, 0.75)], THREE[0], 1.5)]
    assert (merged.new, merged.changed, merged.misfits, merged.later) == (2, 0, 0, 0)
    assert not merged.joins_another_meter


def test_what_grew_within_the_first_hour_counts() -> None:
    merged = merge([hour(NINE, 99.75, 0.25, is_first=True)], Ours(THREE), overwrite=False)
    assert merged.pieces == [Piece([Booked(NINE, 99.75, 0.25)], THREE[0], 1.0)]


@pytest.mark.parametrize(
    ("last", "first"),
    [(5001.0, 100.5), (51.0, 30_000.0)],
    ids=["falls", "leaps"],
)
def test_between_two_meters_nothing_is_booked(last: float, first: float) -> None:
    rows = [Booked(TEN, first, 0.5), Booked(ELEVEN, first + 1, 1.5)]
    merged = merge([hour(NINE, last, 0.25, is_first=True)], Ours(rows), overwrite=False)
    # The hour keeps its 0.5.
    assert merged.pieces == [Piece([Booked(NINE, last, 0.25)], rows[0], 0.75)]
    assert merged.joins_another_meter


def test_a_month_later_much_may_have_been_used() -> None:
    past_month = hour(TEN - 720 * HOUR, 51.0, is_first=True)
    merged = merge([past_month], Ours([Booked(TEN, 5_000.0, 0.0)]), overwrite=False)
    assert merged.pieces[0].after == 4_949.0


def test_of_growth_alone_no_state_is_known() -> None:
    rows = [hour(EIGHT, None, 0.25), hour(NINE, None, 0.5)]
    merged = merge(rows, Ours(THREE), overwrite=False)
    assert merged.pieces == [Piece([Booked(EIGHT, None, 0.25), Booked(NINE, None, 0.75)], THREE[0], 1.25)]
    assert not merged.joins_another_meter


def test_what_the_recorder_has_not_got_to_is_left_to_it() -> None:
    merged = merge([hour(TWELVE, 102.0, is_first=True), hour(ONE, 102.5, 0.5)], Ours(THREE), overwrite=False)
    assert (merged.pieces, merged.later) == ([], 1)
    # With a row of five minutes after 14:00 it has got past it.
    ours = Ours(THREE, Booked(ONE + HOUR, 102.75, 2.75))
    merged = merge([hour(TWELVE, 102.0, is_first=True), hour(ONE, 102.5, 0.5)], ours, overwrite=False)
    assert merged.pieces == [Piece([Booked(ONE, 102.5, 2.5)])]


def test_a_recorder_with_five_minutes() -> None:
    first = Booked(TEN + 300, 100.25, 0.125)
    merged = merge([hour(NINE, 100.0, is_first=True), hour(TEN, 100.5, 0.5)], Ours([], first), overwrite=True)
    assert merged.pieces == [Piece([Booked(NINE, 100.0, 0.0)], first, 0.25, is_short=True)]
    assert (merged.later, merged.waits) == (1, False)


def test_a_recorder_with_nothing() -> None:
    hours = [hour(NINE, 100.0, is_first=True), hour(TEN, 100.5, 0.5), hour(ELEVEN, 101.0, 0.5)]
    merged = merge(hours, Ours([], until=ELEVEN), overwrite=False)
    rows = [Booked(NINE, 100.0, 0.0), Booked(TEN, 100.5, 0.5)]
    assert (merged.pieces, merged.later, merged.waits) == ([Piece(rows)], 1, True)
    # Another file goes on after it, as long as the recorder has not begun; also with another meter.
    later = [hour(ELEVEN, 101.0, 0.25, is_first=True), hour(TWELVE, 7.5, 0.5, is_first=True), hour(ONE, 8.5, 1.0)]
    merged = merge(later, Ours(rows, until=ONE + HOUR), overwrite=False)
    assert merged.pieces == [Piece([Booked(ELEVEN, 101.0, 1.0), Booked(TWELVE, 7.5, 1.5), Booked(ONE, 8.5, 2.5)])]


def test_the_newest_row_can_be_overwritten_while_the_recorder_has_not_begun() -> None:
    rows = [Booked(NINE, 100.0, 0.0), Booked(TEN, 100.5, 0.5)]
    hours = [hour(NINE, 100.0, is_first=True), hour(TEN, 100.75, 0.75)]
    merged = merge(hours, Ours(rows, until=ONE), overwrite=True)
    assert merged.pieces == [Piece([Booked(TEN, 100.75, 0.75)])]


GAP = [Booked(EIGHT, 100.0, 0.0), Booked(TWELVE, 102.0, 2.0), Booked(ONE, 102.0, 2.0)]


@pytest.mark.parametrize(
    ("past_hour", "row"),
    [
        (hour(TEN, 100.75, is_first=True), Booked(TEN, 100.75, 0.75)),
        (hour(TEN, 100.0, is_first=True), Booked(TEN, 100.0, 0.0)),
        (hour(TEN, 102.0, is_first=True), Booked(TEN, 102.0, 2.0)),
        (hour(TEN, 102.25, is_first=True), None),
        (hour(TEN, 99.75, is_first=True), None),
        (hour(TEN, 500.0, 1.0), None),
        # Growth alone: the state follows from it as far as that is one.
        (hour(TEN, None, 0.25), Booked(TEN, 100.25, 0.25)),
        (hour(TEN, None, 2.25), None),
    ],
    ids=["between", "as before", "as after", "more", "less", "a leap", "growth", "too much growth"],
)
def test_an_hour_in_a_gap(past_hour: Past, row: Booked | None) -> None:
    merged = merge([past_hour], Ours(GAP), overwrite=False)
    assert merged.pieces == ([] if row is None else [Piece([row])])
    assert (merged.new, merged.misfits) == ((0, 1) if row is None else (1, 0))


def test_a_gap_in_which_the_meter_was_replaced() -> None:
    """The recorder has the step taken out; the file has both meters, and starts before the gap."""
    ours = [Booked(EIGHT, 100.0, 5.0), Booked(TWELVE, 30_001.0, 6.5), Booked(ONE, 30_001.0, 6.5)]
    hours = [
        hour(EIGHT, 100.0, is_first=True),
        hour(NINE, 100.5, 0.5),
        hour(TEN, 30_000.0, 0.0, is_first=True),
        hour(ELEVEN, 30_000.25, 0.25),
    ]
    merged = merge(hours, Ours(ours), overwrite=False)
    assert merged.pieces == [
        Piece([Booked(NINE, 100.5, 5.5), Booked(TEN, 30_000.0, 5.5), Booked(ELEVEN, 30_000.25, 5.75)])
    ]


def test_a_gap_after_a_row_without_a_state() -> None:
    ours = [Booked(EIGHT, None, 1.0), Booked(TWELVE, 102.0, 3.0), Booked(ONE, 102.0, 3.0)]
    hours = [hour(EIGHT, 100.0, is_first=True), hour(NINE, 100.5, 0.5), hour(TEN, None, 0.25)]
    merged = merge(hours, Ours(ours), overwrite=False)
    assert merged.pieces == [Piece([Booked(NINE, 100.5, 1.5), Booked(TEN, 100.75, 1.75)])]
    # Nobody knows what had been used by then, if the file does not have the hour before.
    merged = merge([hour(NINE, 100.5, 0.5)], Ours(ours), overwrite=False)
    assert (merged.pieces, merged.misfits) == ([], 1)
    growth = merge([hour(NINE, None, 0.5)], Ours(ours), overwrite=False)
    assert growth.pieces == [Piece([Booked(NINE, None, 1.5)])]
    stateless = [ours[0], ours[1]._replace(state=None), ours[2]]
    merged = merge(hours[:2], Ours(stateless), overwrite=False)
    assert merged.pieces == [Piece([Booked(NINE, 100.5, 1.5)])]


def test_to_overwrite_changes_what_differs_and_shifts_what_follows() -> None:
    rows = [*THREE, Booked(ONE, 103.0, 3.0)]
    # By the file 0.5 were used from 10:00 to 11:00, not 1.0, and by an hour later all of it.
    hours = [hour(TEN, 100.5, is_first=True), hour(ELEVEN, 101.0, 0.5), hour(TWELVE, 102.0, 1.0)]
    merged = merge(hours, Ours(rows), overwrite=True)
    assert merged.pieces == [Piece([Booked(ELEVEN, 101.0, 1.0)])]
    assert merged.changed == 2
    # A row that stays has what was used since the one before it, if the meter goes on.
    merged = merge(hours[:2], Ours(rows), overwrite=True)
    assert merged.pieces == [Piece([Booked(ELEVEN, 101.0, 1.0)])]
    # Of growth alone: it is that of the hour, and the sums after it change.
    merged = merge([hour(ELEVEN, None, 0.25)], Ours(rows), overwrite=True)
    assert merged.pieces == [Piece([], rows[1], 0.75)]
    # The newest row is what the recorder goes on from.
    merged = merge([hour(ONE, 104.0, 1.0, is_first=True)], Ours(rows), overwrite=True)
    assert (merged.pieces, merged.changed) == ([], 0)
    # Unless there is one of five minutes after it.
    short = Booked(ONE + HOUR, 104.25, 4.25)
    merged = merge([hour(ONE, 104.0, 1.0, is_first=True)], Ours(rows, short), overwrite=True)
    assert merged.pieces == [Piece([Booked(ONE, 104.0, 4.0)])]


def test_to_overwrite_what_is_of_another_meter() -> None:
    rows = [Booked(NINE, 7.0, 0.0), Booked(TEN, 7.5, 0.5), Booked(ELEVEN, 8.5, 1.5), Booked(TWELVE, 9.0, 2.0)]
    hours = [hour(TEN, 102.0, 0.25, is_first=True), hour(ELEVEN, 105.0, 3.0)]
    merged = merge(hours, Ours(rows, Booked(ONE, 9.0, 2.0)), overwrite=True)
    # In its first hour 0.25 is known of; the row that stays keeps its 0.5.
    assert merged.pieces == [Piece([Booked(TEN, 102.0, 0.25), Booked(ELEVEN, 105.0, 3.25)], rows[3], 3.75)]
    # The first row ever may be one of five minutes.
    merged = merge(hours, Ours(rows[:3], Booked(TWELVE, 9.0, 2.0)), overwrite=True)
    assert merged.pieces[0][1:] == (Booked(TWELVE, 9.0, 2.0), 3.75, True)


def test_a_row_that_stays_within_what_is_overwritten_goes_along() -> None:
    rows = [
        Booked(EIGHT, 100.0, 0.0),
        Booked(NINE, 100.25, 0.25),
        Booked(TEN, 7.5, 0.5),
        Booked(ELEVEN, 8.0, 1.0),
        Booked(TWELVE, 8.0, 1.0),
    ]
    # The file does not have the hour up to 11:00. The recorder had another meter then, and 0.25 of it; the file has 1.0
    # since 10:00, of which 0.75 are left for the hour up to 12:00.
    hours = [hour(EIGHT, 100.0, is_first=True), hour(NINE, 101.0, 1.0), hour(ELEVEN, 102.0, 1.0)]
    merged = merge(hours, Ours(rows), overwrite=True)
    assert merged.pieces == [
        Piece([Booked(NINE, 101.0, 1.0), Booked(TEN, 7.5, 1.25), Booked(ELEVEN, 102.0, 2.0)], rows[4], 2.0)
    ]


def test_growth_is_not_put_in_place_of_more_hours_than_it_is_of() -> None:
    merged = merge([hour(TWELVE, None, 0.25)], Ours(GAP), overwrite=True)
    assert (merged.pieces, merged.changed) == ([], 0)


def test_hours_before_and_in_gaps_of_what_is_overwritten() -> None:
    rows = [Booked(NINE, 99.5, 0.25), Booked(ELEVEN, 101.5, 2.25), Booked(TWELVE, 102.0, 2.75)]
    hours = [
        hour(EIGHT, 99.0, is_first=True),
        hour(NINE, 99.75, 0.75),
        hour(TEN, 100.0, 0.25),
        hour(ELEVEN, 101.5, 1.5),
    ]
    merged = merge(hours, Ours(rows), overwrite=True)
    assert merged.pieces == [
        Piece([Booked(NINE, 99.75, 0.25), Booked(TEN, 100.0, 0.5)], rows[1], 2.0),
        Piece([Booked(EIGHT, 99.0, 0.0)], Booked(NINE, 99.75, 0.25), 0.75),
    ]


def test_a_preview_counts_and_says_what_differs_most() -> None:
    hours = [
        hour(NINE, 99.5, is_first=True),
        hour(TEN, 100.5, 1.0),
        hour(ELEVEN, 101.0, 0.5),
        hour(TWELVE, 102.25, 1.25),
        hour(ONE, 103.0, 0.75),
    ]
    found = preview(hours, Ours(THREE))
    # Up to 12:00 the recorder has 1.0 and the file 0.5; up to 13:00 0.5 and 1.25. Up to 11:00 nobody can compare.
    assert found == Summary(
        new=1,
        both=3,
        differing=2,
        largest=Difference(TWELVE, 1.25, 0.5),
        misfits=0,
        later=1,
        joins_another_meter=False,
    )
    # 10 Wh are nothing; in watt-hours they are ten.
    near = [hour(TEN, 100.5, is_first=True), hour(ELEVEN, 101.51, 1.01)]
    assert preview(near, Ours(THREE)).differing == 0
    assert preview(near, Ours(THREE), 0.5).differing == 1
    growth = [hour(EIGHT, None, 1.0), hour(ELEVEN, None, 0.25)]
    assert preview(growth, Ours(THREE)).largest == Difference(ELEVEN, 0.25, 1.0)


# --- seams ------------------------------------------------------------------------------------------------------------

SEAM = Seam("gas_gas", Booked(TEN, 100.5, 0.5), 3.5, is_short=False, written=Booked(NINE, 99.5, 2.5))


@pytest.mark.parametrize(
    ("written", "first", "shift"),
    [
        (SEAM.written, SEAM.first, 3.0),
        (SEAM.written, Booked(TEN, 100.5, 3.5), 0.0),
        # What was found is the hour in which that row is.
        (SEAM.written, Booked(TEN, 101.0, 1.0), 3.0),
        (SEAM.written, Booked(TEN, 101.0, 4.0), 0.0),
        (None, SEAM.first, None),
        (Booked(NINE, 99.5, 2.0), SEAM.first, None),
        (Booked(NINE, None, 2.5), SEAM.first, None),
        (SEAM.written, None, None),
    ],
)
def test_a_seam_is_completed_once(written: Booked | None, first: Booked | None, shift: float | None) -> None:
    assert settle(SEAM, written, first) == shift


def test_a_seam_without_rows_before_it() -> None:
    seam = SEAM._replace(written=None)
    assert settle(seam, None, seam.first) == 3.0
    assert settle(Seam("gas_gas"), None, seam.first) is None


def test_a_seam_meets_the_recorder_s_first_row() -> None:
    newest, first = Booked(NINE, 99.5, 2.5), Booked(TEN + 300, 99.75, 0.125)
    seam = Seam("gas_gas", limit=50.0)
    assert met(seam, newest, first) == Seam("gas_gas", first, 2.75, is_short=True, written=newest, limit=50.0)
    # Another meter.
    assert met(seam, newest, first._replace(state=7.0)).after == 2.625


# --- series -----------------------------------------------------------------------------------------------------------


def dated(*values: tuple[int, str], key: str = "import_tariff_1", growth: bool = False, meter: str = "") -> list[Dated]:
    """Return readings at full hours of a day."""
    begin = datetime.fromtimestamp(BEGIN, UTC)
    return [
        Dated(begin + timedelta(hours=hour), key, Decimal(value), "kWh", is_growth=growth, meter=meter)
        for hour, value in values
    ]


def series(values: list[Dated]) -> Series:
    return next(iter(collect(values).series.values()))


def test_the_hours_of_a_register_in_the_unit_of_the_statistics() -> None:
    one = series(dated((10, "1.5"), (11, "1.75")))
    assert hours_of(one, 1000.0) == [hour(NINE, 1500.0, is_first=True), hour(TEN, 1750.0, 250.0)]
    growth = series(dated((10, "0.5"), growth=True))
    assert hours_of(growth, 1.0) == [hour(NINE, None, 0.5)]


def test_the_total_of_tariffs_where_all_are_known() -> None:
    low = series(dated((10, "1.5"), (11, "1.75"), (12, "2"), (14, "3")))
    high = series(dated((11, "10"), (12, "10.5"), (13, "11"), (14, "12"), key="import_tariff_2"))
    total = sum_of("import_total", [low, high])
    assert total.key == "import_total"
    assert total.unit == "kWh"
    # Of the first hour that both have nobody knows all that has grown in it.
    assert hours_of(total, 1.0) == [hour(TEN, 11.75, is_first=True), hour(ELEVEN, 12.5, 0.75), hour(ONE, 15.0, 2.5)]
    assert [(gap.start.hour, gap.hours) for gap in total.gaps] == [(12, 1)]
    assert [(one.first.hour, str(one.first_value), str(one.last_value)) for one in total.stretches] == [
        (10, "11.75", "15")
    ]


def test_the_total_of_tariffs_of_two_meters() -> None:
    old, new = ((10, "5"), (11, "6")), ((12, "0"), (13, "1"))
    low = series(dated(*old, meter="A") + dated(*new, meter="B"))
    high = series(
        dated(*old, key="import_tariff_2", meter="A") + dated(*new, key="import_tariff_2", meter="B"),
    )
    assert hours_of(sum_of("import_total", [low, high]), 1.0) == [
        hour(NINE, 10.0, is_first=True),
        hour(TEN, 12.0, 2.0),
        hour(ELEVEN, 0.0, is_first=True),
        hour(TWELVE, 2.0, 2.0),
    ]


def test_the_total_of_what_has_grown() -> None:
    low = series(dated((10, "0.5"), (11, "0.25"), growth=True))
    high = series(dated((10, "1"), (12, "1"), key="import_tariff_2", growth=True))
    total = sum_of("import_total", [low, high])
    assert hours_of(total, 1.0) == [hour(NINE, None, 1.5)]
    readings = series(dated((10, "5"), key="import_tariff_2"))
    assert hours_of(sum_of("import_total", [low, readings]), 1.0) == [hour(NINE, None, 0.5)]


def test_one_meter_after_the_other() -> None:
    old = series(dated((8, "5"), (10, "6")))
    new = series(dated((12, "1"), (13, "2")))
    joined = one_after_the_other(old, new)
    assert joined is not None
    assert hours_of(joined, 1.0) == [
        hour(EIGHT - HOUR, 5.0, is_first=True),
        hour(NINE, 6.0, 1.0),
        hour(ELEVEN, 1.0, is_first=True),
        hour(TWELVE, 2.0, 1.0),
    ]
    assert [gap.hours for gap in joined.gaps] == [1, 1]
    # Replaced within the hour.
    joined = one_after_the_other(old, series(dated((10, "1"), (11, "2"))))
    assert joined is not None
    assert [row.state for row in hours_of(joined, 1.0)] == [5.0, 1.0, 2.0]
    assert one_after_the_other(new, old) is None
    assert one_after_the_other(series(dated((10, "1"))), series(dated((10, "2")))) is not None


def test_two_sources_of_one_meter() -> None:
    earlier = series(dated((8, "5"), (9, "5.5"), (10, "6"), (11, "6.5")))
    # Read some seconds later.
    later = series(dated((10, "6.125"), (11, "6.5"), (12, "7")))
    joined = of_one_meter(earlier, later)
    assert joined is not None
    assert hours_of(joined, 1.0) == [
        hour(EIGHT - HOUR, 5.0, is_first=True),
        hour(EIGHT, 5.5, 0.5),
        hour(NINE, 6.125, 0.625),
        hour(TEN, 6.5, 0.375),
        hour(ELEVEN, 7.0, 0.5),
    ]
    assert [(str(run.first_value), str(run.last_value)) for run in joined.stretches] == [("5", "7")]
    # Both begin in the same hour; the other one has all of it.
    longer = series(dated((8, "5.125"), (10, "6"), (12, "7")))
    assert of_one_meter(earlier, longer) == longer
    assert of_one_meter(longer, later) is longer


@pytest.mark.parametrize("first", ["5.25", "6.75"], ids=["below", "above"])
def test_two_sources_of_two_meters(first: str) -> None:
    """At 10 h it shows something else than what is between 9 h and 11 h by the other source."""
    earlier = series(dated((8, "5"), (9, "5.5"), (10, "6"), (11, "6.5")))
    assert of_one_meter(earlier, series(dated((10, first), (12, "7")))) is None


def test_two_sources_of_one_meter_of_which_one_knows_what_has_grown_only() -> None:
    growth = series(dated((8, "0.5"), (9, "0.5"), (10, "0.25"), (11, "0.25"), growth=True))
    joined = of_one_meter(growth, series(dated((10, "6"), (11, "6.25"), (12, "7"))))
    assert joined is not None
    assert hours_of(joined, 1.0) == [
        hour(EIGHT - HOUR, None, 0.5),
        hour(EIGHT, None, 0.5),
        hour(NINE, 6.0, 0.25, is_first=True),
        hour(TEN, 6.25, 0.25),
        hour(ELEVEN, 7.0, 0.75),
    ]
    # In a gap of the other one.
    joined = of_one_meter(series(dated((6, "5"), (9, "7"))), growth)
    assert joined is not None
    assert [one[1:3] for one in hours_of(joined, 1.0)] == [
        (5.0, 0.0),
        (None, 0.5),
        (None, 0.5),
        (None, 0.25),
        (None, 0.25),
    ]
