"""A clock that is wrong, and meters whose readings are a day old."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from p1meter.clock_watch import CaptureWatch, ClockWatch

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIVE_MINUTES = timedelta(minutes=5)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("delays", "expected"),
    [
        # A minute is allowed.
        ([1.2, 60.0, 60.0, -60.0, -60.0], False),
        # Once is not enough: a telegram may have been held up.
        ([1.2, 90.0, 1.2, 90.0], False),
        ([1.2, 61.0, 61.0], True),
        # The meter is ahead.
        ([-61.0, -61.0], True),
        # On the edge it stays as it is.
        ([61.0, 61.0, 59.0], True),
        ([61.0, 61.0, 44.0], False),
        ([61.0, 61.0, 44.0, 61.0], False),
        # It has no clock, or none any more.
        ([None, None], False),
        ([61.0, 61.0, None], False),
    ],
)
def test_a_clock_is_wrong_when_it_is_a_minute_off_for_some_time(delays: list[float | None], *, expected: bool) -> None:
    watch = ClockWatch()
    for delay in delays:
        watch.look(delay)
    assert watch.is_wrong is expected


def test_a_read_out_takes_its_time() -> None:
    watch = ClockWatch()
    for _ in range(3):
        # Its clock came first, 67 s before the end.
        assert not watch.look(67.0, 67.0)
    watch.look(130.0, 67.0)
    assert watch.look(130.0, 67.0)
    # Ahead is ahead, however long it takes.
    ahead = ClockWatch()
    ahead.look(-61.0, 67.0)
    assert ahead.look(-61.0, 67.0)


def look_every_hour(watch: CaptureWatch, hours: int, at: datetime, now: datetime) -> list[int]:
    """Return after how many hours a gas meter counts as stopped whose stamp does not move."""
    return [hour for hour in range(hours) if watch.look({"gas": at}, now + hour * HOUR)]


def test_a_meter_that_stops_counts_as_stopped_after_a_day() -> None:
    watch = CaptureWatch()
    assert watch.look({"gas": NOON - 0.1 * HOUR}, NOON) == set()
    assert watch.look({"gas": NOON + 0.9 * HOUR}, NOON + HOUR) == set()
    # The last stamp is from 12:54; the first look that is more than a day later is at 13:00.
    assert look_every_hour(watch, 30, NOON + 0.9 * HOUR, NOON + HOUR) == [24, 25, 26, 27, 28, 29]
    assert watch.look({"gas": NOON + 30 * HOUR}, NOON + 31 * HOUR) == set()


def test_one_that_never_moved_here_is_given_a_day() -> None:
    watch = CaptureWatch()
    stamp = datetime(2017, 3, 1, tzinfo=UTC)
    assert look_every_hour(watch, 27, stamp, NOON) == [25, 26]


def test_one_that_captures_every_hour_is_well_though_nobody_uses_gas() -> None:
    watch = CaptureWatch()
    for hour in range(100):
        assert watch.look({"gas": NOON + hour * HOUR}, NOON + hour * HOUR + 0.9 * HOUR) == set()


def test_each_meter_stands_for_itself() -> None:
    watch = CaptureWatch()
    for hour in range(50):
        now = NOON + hour * HOUR
        watch.look({"gas": now, "water": min(now, NOON + HOUR)}, now)
    later = NOON + 50 * HOUR
    assert watch.look({"gas": later, "water": NOON + HOUR}, later) == {"water"}
    # It was taken away.
    assert watch.look({"gas": later}, later) == set()


def said(captured: Callable[[datetime], datetime], start: datetime, end: datetime) -> list[datetime]:
    """Return when a water meter counts as stopped, looked at every five minutes from the start of p1meter on."""
    watch = CaptureWatch()
    looks = [start + number * FIVE_MINUTES for number in range((end - start) // FIVE_MINUTES + 1)]
    return [now for now in looks if watch.look({"water": captured(now)}, now)]


def at_midnight(now: datetime) -> datetime:
    """Return the newest stamp of a meter that captures at 00:00 local time and hands it over 40 minutes later."""
    local = (now - timedelta(minutes=40)).astimezone(AMSTERDAM)
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(UTC)


# 25 October has 25 hours; started then, p1meter knows nothing of the meter's rhythm.
@pytest.mark.parametrize(("day", "hour"), [(23, 0), (23, 12), (25, 0)])
def test_one_that_captures_once_a_day_and_hands_it_over_late_is_well(day: int, hour: int) -> None:
    start = datetime(2026, 10, day, hour, 41, tzinfo=AMSTERDAM).astimezone(UTC)
    assert said(at_midnight, start, start + timedelta(days=5)) == []


def test_one_that_captures_once_a_day_may_miss_one() -> None:
    start = datetime(2026, 10, 22, 12, tzinfo=UTC)
    missed = datetime(2026, 10, 24, 22, tzinfo=UTC)
    before = datetime(2026, 10, 23, 22, tzinfo=UTC)

    def captured(now: datetime) -> datetime:
        at = at_midnight(now)
        return before if at == missed else at

    assert said(captured, start, start + timedelta(days=6)) == []


def test_one_that_captured_once_a_day_and_stops_is_said_within_three_days() -> None:
    start = datetime(2026, 10, 22, 12, tzinfo=UTC)
    last = datetime(2026, 10, 25, 23, tzinfo=UTC)
    found = said(lambda now: min(at_midnight(now), last), start, last + timedelta(days=5))
    assert timedelta(days=2) < found[0] - last <= timedelta(days=3)
    # From then on it stays said.
    assert found == [found[0] + number * FIVE_MINUTES for number in range(len(found))]
    assert found[-1] == last + timedelta(days=5)


def test_one_that_was_away_for_weeks_and_came_back_is_not_waited_for_as_long() -> None:
    watch = CaptureWatch()
    watch.look({"water": NOON - timedelta(days=30)}, NOON - timedelta(days=30))
    watch.look({"water": NOON}, NOON)
    assert watch.look({"water": NOON}, NOON + timedelta(days=3)) == {"water"}


def test_after_a_start_one_that_captures_is_waited_for_until_its_rhythm_is_known() -> None:
    watch = CaptureWatch()
    watch.look({"water": NOON}, NOON)
    # It may be one that captures once a day.
    assert watch.look({"water": NOON}, NOON + 25.7 * HOUR) == set()
    assert watch.look({"water": NOON}, NOON + 72 * HOUR) == {"water"}
