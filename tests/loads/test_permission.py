"""What forbids a start, from what share of sun running is worth it, what a start costs."""

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from p1meter.loads import Detail, LoadInput, LoadSettings, Reason, Sample
from p1meter.loads.day import Account
from p1meter.loads.permission import ended, forbidden, start_cost, theta

NIGHT_AND_NOON = ((time(22), time(6)), (time(12), time(14)))
ZONE = ZoneInfo("Europe/Brussels")
NOON = datetime(2026, 6, 15, 12, 0, tzinfo=ZONE)


def sample(
    wall: datetime = NOON,
    *,
    tariff: int | None = None,
    buy: float | None = None,
    sell: float | None = None,
    own: LoadInput | None = None,
) -> Sample:
    return Sample(
        100.0,
        wall,
        0.0,
        3000.0,
        (None, None, None),
        tariff=tariff,
        price_buy=buy,
        price_sell=sell,
        loads={} if own is None else {"boiler": own},
    )


def account(load: LoadSettings, *, run_s: float = 0.0, starts: int = 0) -> Account:
    account = Account(load)
    account.step(NOON, run_s, active=True, sun_w=0.0, grid_w=0.0)
    for start in range(starts):
        account.started(float(start))
    return account


def boiler(
    *,
    tariffs: frozenset[int] | None = None,
    max_price: float | None = None,
    windows: tuple[tuple[time, time], ...] = (),
) -> LoadSettings:
    return LoadSettings("boiler", 2000.0, 1, tariffs=tariffs, max_price=max_price, windows=windows)


def why(load: LoadSettings, now: Sample) -> tuple[Reason, Detail] | None:
    return forbidden(load, now, account(load), 100.0)


def test_a_load_without_conditions_may_start() -> None:
    assert why(boiler(), sample()) is None
    assert why(boiler(), sample(own=LoadInput(on=False))) is None


@pytest.mark.parametrize(
    ("tariff", "refusal"),
    [(2, None), (1, (Reason.TARIFF, {"tariff": 1})), (None, (Reason.TARIFF, {}))],
    ids=["its own", "another", "unknown"],
)
def test_it_starts_in_its_tariffs_only(tariff: int | None, refusal: tuple[Reason, Detail] | None) -> None:
    assert why(boiler(tariffs=frozenset({2, 3})), sample(tariff=tariff)) == refusal


@pytest.mark.parametrize(
    ("price", "refusal"),
    [
        (0.20, None),
        (-0.05, None),
        (0.21, (Reason.PRICE, {"max_price": 0.20, "price": 0.21})),
        (None, (Reason.PRICE, {"max_price": 0.20})),
    ],
    ids=["just", "negative", "too dear", "unknown"],
)
def test_it_starts_up_to_its_highest_price(price: float | None, refusal: tuple[Reason, Detail] | None) -> None:
    assert why(boiler(max_price=0.20), sample(buy=price)) == refusal


@pytest.mark.parametrize(
    ("now", "end"),
    [
        (sample(tariff=2, buy=0.2), None),
        # Nobody knows: what runs goes on.
        (sample(), None),
        (sample(tariff=1), (Reason.TARIFF, {"tariff": 1})),
        (sample(buy=0.21), (Reason.PRICE, {"max_price": 0.20, "price": 0.21})),
        # One is unknown, and another says no.
        (sample(own=LoadInput(on=True, allowed=False)), (Reason.NOT_ALLOWED, {})),
        (sample(NOON.replace(hour=14)), (Reason.WINDOW, {"starts_at": "22:00"})),
    ],
    ids=["given", "unknown", "tariff", "price", "not allowed", "time of day"],
)
def test_a_run_is_ended_only_by_what_is_known(now: Sample, end: tuple[Reason, Detail] | None) -> None:
    load = boiler(tariffs=frozenset({2}), max_price=0.20, windows=NIGHT_AND_NOON)
    assert ended(load, now, account(load)) == end


def test_a_run_that_was_long_enough_is_ended_and_a_number_of_starts_ends_nothing() -> None:
    long = replace(boiler(max_price=0.20), max_run_s=3600.0)
    assert ended(long, sample(), account(long, run_s=3600.0)) == (Reason.MAX_RUN, {"run_s": 3600.0})
    often = replace(boiler(), max_starts_per_day=2)
    assert ended(often, sample(), account(often, starts=2)) is None


@pytest.mark.parametrize(
    ("wall", "starts_at"),
    [
        ("11:59", "12:00"),
        ("12:00", None),
        ("13:59", None),
        ("14:00", "22:00"),
        ("22:00", None),
        ("00:00", None),
        ("05:59", None),
        ("06:00", "12:00"),
    ],
)
def test_it_starts_in_its_windows_which_may_pass_midnight(wall: str, starts_at: str | None) -> None:
    now = datetime.fromisoformat(f"2026-06-15 {wall}").replace(tzinfo=ZONE)
    refusal = None if starts_at is None else (Reason.WINDOW, {"starts_at": starts_at})
    assert why(boiler(windows=NIGHT_AND_NOON), sample(now)) == refusal


def test_after_the_last_window_the_first_comes_next() -> None:
    late = NOON.replace(hour=23)
    assert why(boiler(windows=((time(12), time(14)),)), sample(late)) == (Reason.WINDOW, {"starts_at": "12:00"})


def test_a_window_from_and_to_the_same_time_is_the_whole_day() -> None:
    assert why(boiler(windows=((time(8), time(8)),)), sample()) is None


def test_what_the_person_named_can_forbid_it() -> None:
    assert why(boiler(), sample(own=LoadInput(on=False, allowed=False))) == (Reason.NOT_ALLOWED, {})


def test_enough_is_enough() -> None:
    load = LoadSettings("boiler", 2000.0, 1, max_run_s=3600.0)
    assert forbidden(load, sample(), account(load, run_s=3599.0), 100.0) is None
    assert forbidden(load, sample(), account(load, run_s=3600.0), 100.0) == (Reason.MAX_RUN, {"run_s": 3600.0})


def test_a_relay_is_spared() -> None:
    load = LoadSettings("boiler", 2000.0, 1, max_starts_per_day=3, max_starts_per_hour=2)
    assert forbidden(load, sample(), account(load, starts=1), 100.0) is None
    # Two in this hour; an hour later, one is left today.
    assert forbidden(load, sample(), account(load, starts=2), 100.0) == (Reason.MAX_STARTS, {"starts": 2})
    assert forbidden(load, sample(), account(load, starts=2), 3700.0) is None
    assert forbidden(load, sample(), account(load, starts=3), 3700.0) == (Reason.MAX_STARTS, {"starts": 3})
    free = LoadSettings("boiler", 2000.0, 1, max_starts_per_hour=None)
    assert forbidden(free, sample(), account(free, starts=50), 100.0) is None


def worth(value: float | None, buy: float | None, sell: float | None) -> float:
    return theta(LoadSettings("boiler", 2000.0, 1, value_per_kwh=value), sample(buy=buy, sell=sell))


def test_without_prices_it_is_the_middle_of_the_shares() -> None:
    # (0.80 + 0.50) / 2
    assert worth(None, 0.30, 0.05) == pytest.approx(0.65)
    assert worth(0.14, None, 0.05) == pytest.approx(0.65)
    assert worth(0.14, 0.30, None) == pytest.approx(0.65)


@pytest.mark.parametrize(
    ("value", "buy", "sell", "share"),
    [
        # loads.md, example h: (0.30 - 0.14) / 0.25
        (0.14, 0.30, 0.05, 0.64),
        # Better to sell: (0.30 - 0.14) / 0.10 is 1.6.
        (0.14, 0.30, 0.20, 1.0),
        # Worth more than it costs: always.
        (0.35, 0.30, 0.05, 0.05),
        # It costs nothing, or brings money, to draw.
        (0.14, -0.10, -0.20, 0.05),
        # Nothing is lost by drawing what could be sold as dear.
        (0.14, 0.20, 0.20, 0.05),
        (0.14, 0.05, 0.20, 0.05),
    ],
)
def test_with_prices_it_follows_from_them(value: float, buy: float, sell: float, share: float) -> None:
    assert worth(value, buy, sell) == pytest.approx(share)


def cost(starts: int, hour: int, budget: int | None) -> float:
    load = LoadSettings("boiler", 2000.0, 1, start_cost_wh=20.0, start_budget=budget, day_start=time(4))
    return start_cost(load, account(load, starts=starts), NOON.replace(hour=hour))


def test_a_start_costs_more_when_it_comes_before_its_budget() -> None:
    assert cost(30, 12, None) == 20
    # Of 6 a day, 2 are due by noon, a third of a day after 04:00; the first start is in time, as is the second.
    assert cost(0, 12, 6) == 20
    assert cost(1, 12, 6) == pytest.approx(20)
    # The third is one ahead: half as much again; the fifth three.
    assert cost(2, 12, 6) == pytest.approx(30)
    assert cost(4, 12, 6) == pytest.approx(50)
    # By 20:00, 4 are due.
    assert cost(4, 20, 6) == pytest.approx(30)
    # At the day's beginning none is due yet.
    assert cost(0, 4, 6) == pytest.approx(30)
    # It goes by when the day began that is counted, whenever the next ones are to begin.
    kept = LoadSettings("boiler", 2000.0, 1, start_cost_wh=20.0, start_budget=6, day_start=time(4))
    counted = account(kept, starts=2)
    counted.load = replace(kept, day_start=time(18))
    assert start_cost(counted.load, counted, NOON.replace(hour=12)) == pytest.approx(30)
