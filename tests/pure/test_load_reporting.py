"""What of the loads is told, and when: what matters at once, what counts seconds now and then, sums at the marks."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest

from p1meter.load_reporting import LoadReporter, SiteReporter
from p1meter.loads import Activity, Alarm, LoadView, Mode, Reason, SiteView

RUNS = LoadView(
    on=True,
    activity=Activity.ACTIVE,
    reason=Reason.SUN,
    detail={"share": 0.80},
    power_w=2000.0,
    learned_w=2000.0,
    phases=(1,),
    run_s=600.0,
    starts=1,
    sun_wh=300.0,
    grid_wh=30.0,
    override=None,
    override_until=None,
    day=date(2026, 11, 21),
    day_began=time(4),
)
SITE = SiteView(Mode.CONTROLLING, 1500.0, 2500.0, 700.0, 1800.0, (10.0, None, 20.0), frozenset())


def later(**changes: object) -> LoadView:
    """It runs for a second more."""
    counted = replace(RUNS, run_s=RUNS.run_s + 1, sun_wh=RUNS.sun_wh + 0.5)
    return replace(counted, **changes)  # type: ignore[arg-type]  # each has its own type


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": Reason.LEAVING, "detail": {"short_w": 340.0, "remaining_s": 60.0}},
        {"override": True, "override_until": datetime(2026, 11, 21, 15, tzinfo=UTC)},
    ],
)
def test_why_it_is_so_is_told_at_once_without_the_sums(changes: dict[str, object]) -> None:
    reporter = LoadReporter(RUNS, 0.0)
    live = later(**changes)
    assert reporter.look(live, 1.0, mark=False)
    assert reporter.shown == replace(live, run_s=600.0, sun_wh=300.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"on": False, "activity": Activity.OFF, "power_w": 0.0},
        {"activity": Activity.IDLE, "power_w": 0.0},
        {"starts": 2},
        {"run_s": 0.0, "sun_wh": 0.0, "starts": 0, "day": date(2026, 11, 22)},
    ],
)
def test_when_it_switches_everything_is_told(changes: dict[str, object]) -> None:
    reporter = LoadReporter(RUNS, 0.0)
    live = later(**changes)
    assert reporter.look(live, 1.0, mark=False)
    assert reporter.shown == live


NEW_DAY = {"run_s": 0.0, "sun_wh": 0.0, "grid_wh": 0.0, "starts": 0, "day": date(2026, 11, 22)}


@pytest.mark.parametrize("mark", [False, True])
def test_what_a_load_used_to_the_end_of_its_day_is_told_before_the_new_day(*, mark: bool) -> None:
    reporter = LoadReporter(RUNS, 0.0)
    # Four minutes more since the last mark, of 2000 W: 133 Wh; then its day is over.
    last = replace(RUNS, run_s=840.0, sun_wh=400.0, grid_wh=63.0)
    assert not reporter.look(last, 240.0, mark=False)
    first = replace(RUNS, **NEW_DAY)  # type: ignore[arg-type]  # each has its own type
    assert reporter.look(first, 241.0, mark=mark)
    assert reporter.shown == last
    second = replace(first, run_s=1.0, sun_wh=0.5)
    assert reporter.look(second, 242.0, mark=False)
    assert reporter.shown == second
    assert not reporter.look(replace(second, run_s=2.0, sun_wh=1.0), 243.0, mark=False)


def test_a_new_day_is_told_at_once_where_all_of_the_old_one_was_told() -> None:
    reporter = LoadReporter(RUNS, 0.0)
    last = later()
    assert reporter.look(last, 1.0, mark=True)
    first = replace(RUNS, **NEW_DAY)  # type: ignore[arg-type]  # each has its own type
    assert reporter.look(first, 2.0, mark=False)
    assert reporter.shown == first


def test_what_is_switched_with_the_new_day_is_told_with_it() -> None:
    reporter = LoadReporter(RUNS, 0.0)
    last = later()
    reporter.look(last, 1.0, mark=False)
    off = replace(RUNS, on=False, activity=Activity.OFF, power_w=0.0, **NEW_DAY)  # type: ignore[arg-type]  # as above
    assert reporter.look(off, 2.0, mark=False)
    assert reporter.shown == last
    assert reporter.look(off, 3.0, mark=False)
    assert reporter.shown == off


def test_sums_are_told_before_a_mark() -> None:
    reporter = LoadReporter(RUNS, 0.0)
    live = later()
    assert not reporter.look(live, 100.0, mark=False)
    assert reporter.shown == RUNS
    assert reporter.look(live, 101.0, mark=True)
    assert reporter.shown == live
    assert not reporter.look(live, 102.0, mark=True)


def test_a_price_that_becomes_known_is_told_at_once() -> None:
    """Until then the sentence would say that nobody knows it."""
    waiting = replace(RUNS, on=False, activity=Activity.OFF, reason=Reason.PRICE)
    reporter = LoadReporter(replace(waiting, detail={"max_price": 0.2}), 0.0)
    dear = replace(waiting, detail={"price": 0.3, "max_price": 0.2})
    assert reporter.look(dear, 1.0, mark=False)
    assert reporter.shown == dear
    assert not reporter.look(replace(waiting, detail={"price": 0.31, "max_price": 0.2}), 2.0, mark=False)


def test_what_a_sentence_counts_is_told_every_half_minute() -> None:
    """A load waits for ten minutes, and every second one second less."""
    waiting = replace(RUNS, on=False, activity=Activity.OFF, reason=Reason.GATHERING, detail={"remaining_s": 600.0})
    reporter = LoadReporter(waiting, 0.0)
    told = [
        second
        for second in range(1, 100)
        if reporter.look(replace(waiting, detail={"remaining_s": 600.0 - second}), float(second), mark=False)
    ]
    assert told == [30, 60, 90]


def test_a_power_is_told_when_it_is_another_one() -> None:
    reporter = LoadReporter(RUNS, 0.0)
    # Within 10 % of 2000 W, with other words that wait for their half minute.
    assert not reporter.look(later(power_w=2190.0, detail={"share": 0.7}), 1.0, mark=False)
    assert reporter.look(later(power_w=2200.0, detail={"share": 0.7}), 2.0, mark=False)
    assert (reporter.shown.power_w, reporter.shown.detail, reporter.shown.run_s) == (2200.0, {"share": 0.80}, 600.0)


def test_a_steady_load_is_not_told() -> None:
    reporter = LoadReporter(RUNS, 0.0)
    assert not any(reporter.look(replace(RUNS, run_s=600.0 + n), float(n), mark=False) for n in range(1, 290))


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": Mode.PROTECTING},
        {"alarms": frozenset({Alarm.FUSE_HELPLESS})},
        # More than 10 % of 1500 W, and of 1800 W; more than 100 W of 700 W.
        {"surplus_w": 1349.0},
        {"headroom_w": 1990.0},
        {"forecast_w": 801.0},
        {"surplus_w": None},
        {"phase_headroom_a": (8.9, None, 20.0)},
        {"phase_headroom_a": (10.0, 20.0, 20.0)},
    ],
)
def test_of_the_connection_what_matters_is_told_at_once(changes: dict[str, object]) -> None:
    reporter = SiteReporter(SITE, 0.0)
    live = replace(SITE, **changes)  # type: ignore[arg-type]  # each has its own type
    assert reporter.look(live, 1.0)
    assert reporter.shown == live


@pytest.mark.parametrize(
    "changes", [{"surplus_w": 1440.0}, {"forecast_w": 740.0}, {"phase_headroom_a": (9.5, None, 20.0)}]
)
def test_of_the_connection_the_rest_is_told_after_half_a_minute(changes: dict[str, object]) -> None:
    reporter = SiteReporter(SITE, 0.0)
    live = replace(SITE, **changes)  # type: ignore[arg-type]  # each has its own type
    assert not reporter.look(live, 29.0)
    assert reporter.look(live, 30.0)
    assert reporter.shown == live


def test_only_what_is_due_is_told_anew() -> None:
    reporter = SiteReporter(SITE, 0.0)
    assert reporter.look(replace(SITE, surplus_w=900.0, forecast_w=650.0), 1.0)
    assert (reporter.shown.surplus_w, reporter.shown.forecast_w) == (900.0, 700.0)


def test_noise_is_never_told() -> None:
    reporter = SiteReporter(SITE, 0.0)
    assert not any(reporter.look(replace(SITE, surplus_w=1500.0 + n % 20), float(n)) for n in range(300))
