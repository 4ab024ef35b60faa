"""One entry every so often: the telegram that is nearest to the full minute."""

import pytest

from p1meter.archive import Moments


def chosen(interval: int, *times: float) -> list[float]:
    moments = Moments[float](interval)
    return [one for time in times for one in moments.choose(time, time)]


def test_without_an_interval_everything_is_chosen() -> None:
    assert chosen(0, 1, 1, 2, 1) == [1, 1, 2, 1]


def test_the_one_at_the_moment_is_chosen() -> None:
    assert chosen(60, *range(55, 250)) == [60, 120, 180, 240]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((52, 61), [61]),  # 8 s before, 1 s after
        ((59, 69), [59]),  # 1 s before, 9 s after
        ((55, 65), [65]),  # as near: the newer one
    ],
)
def test_the_nearest_to_the_moment_is_chosen(times: tuple[float, ...], expected: list[float]) -> None:
    assert chosen(60, *times) == expected


def test_a_meter_that_is_not_punctual_loses_none() -> None:
    times = [10.01, 19.99, 30.01, 39.99, 50.01]

    # The moments 20, 30, 40 and 50; at 10 nothing was before.
    assert chosen(10, *times, 60.0) == [19.99, 30.01, 39.99, 50.01, 60.0]


def test_a_meter_slower_than_the_interval_gives_what_it_has_once() -> None:
    # 2 is nearer to the moment 5 than 12 is.
    assert chosen(5, 2, 12, 22, 32) == [2, 12, 22, 32]


def test_after_a_silence_the_last_before_and_the_first_after_are_chosen() -> None:
    assert chosen(60, 30, 59, 1000, 1010, 1021) == [59, 1000, 1021]


def test_after_a_silence_what_is_nearer_to_the_first_moment_is_the_new_one() -> None:
    assert chosen(60, 5, 61, 70, 130) == [61, 130]


def test_a_clock_that_is_set_back_does_not_silence_the_journal() -> None:
    # Back by an hour and a half: the next full minute counts.
    assert chosen(60, 6000, 6010, 610, 650, 660, 720) == [6000, 660, 720]


def test_a_clock_that_jumps_ahead_goes_on_from_there() -> None:
    # 100,000,020 is a full minute; 70 was the nearest to 120 after all.
    assert chosen(60, 60, 70, 100_000_000, 100_000_020) == [60, 70, 100_000_000, 100_000_020]
