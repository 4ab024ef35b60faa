"""What forbids a start, from what share of sun running is worth it, and what a start costs."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from .model import Reason

if TYPE_CHECKING:
    from datetime import time

    from .day import Account
    from .model import Detail, LoadSettings, Sample

_LEAST_SHARE: Final = 0.05
_DEARER: Final = 0.5
_DAY: Final = timedelta(days=1)


def forbidden(load: LoadSettings, sample: Sample, account: Account, now: float) -> tuple[Reason, Detail] | None:
    """Return why the load must not start, with the numbers behind it, or None if it may.

    What a permission asks for and nobody knows (the tariff, the price) does not permit.

    Args:
        load: which.
        sample: the newest telegram.
        account: the load's day.
        now: the monotonic clock, s.
    """
    if (refusal := withheld(load, sample) or _over(load, sample, account)) is not None:
        return refusal
    if load.max_starts_per_day is not None and account.starts >= load.max_starts_per_day:
        return Reason.MAX_STARTS, {"starts": account.starts}
    if load.max_starts_per_hour is not None and account.starts_in_hour(now) >= load.max_starts_per_hour:
        return Reason.MAX_STARTS, {"starts": account.starts_in_hour(now)}
    return None


def ended(load: LoadSettings, sample: Sample, account: Account) -> tuple[Reason, Detail] | None:
    """Return why the load must not go on, with the numbers behind it, or None if it may.

    What nobody knows ends nothing, and a number of starts that is reached does not either.

    Args:
        load: which.
        sample: the newest telegram.
        account: the load's day.
    """
    return _refused(load, sample, is_known=True) or _over(load, sample, account)


def withheld(load: LoadSettings, sample: Sample) -> tuple[Reason, Detail] | None:
    """Return which permission that others decide about is not given now: the tariff, the price, a person's own."""
    return _refused(load, sample, is_known=False)


def in_window(load: LoadSettings, local: time) -> bool:
    """Return whether one of the load's windows holds this local time, or it has none; equal ends mean all day."""
    return not load.windows or any(
        start <= local < end if start < end else local >= start or local < end for start, end in load.windows
    )


def theta(load: LoadSettings, sample: Sample) -> float:
    """Return the share of the load's power that the sun must cover for running to be worth just nothing, 0 to 1.

    With both prices and the worth of a kWh to the load it follows from them, else from the load's two shares. Where a
    kWh from the grid costs no more than one sold brings it is 5 %: without sun a load does not run for its price.
    """
    worth, buy, sell = load.value_per_kwh, sample.price_buy, sample.price_sell
    if worth is None or buy is None or sell is None:
        return (load.on_share + load.off_share) / 2
    if buy <= sell:
        return _LEAST_SHARE
    return min(max((buy - worth) / (buy - sell), _LEAST_SHARE), 1.0)


def start_cost(load: LoadSettings, account: Account, wall: datetime) -> float:
    """Return what a start must gain before it is worth it, Wh.

    With a budget of starts, each one that is ahead of it (the budget is due evenly over the load's day) adds half the
    plain cost.

    Args:
        load: which.
        account: its day.
        wall: now, aware, in the home's zone.
    """
    if load.start_budget is None:
        return load.start_cost_wh
    passed = (wall - datetime.combine(account.day, account.began, wall.tzinfo)) / _DAY
    ahead = account.starts + 1 - load.start_budget * passed
    return load.start_cost_wh * (1 + _DEARER * max(0.0, ahead))


def _refused(load: LoadSettings, sample: Sample, *, is_known: bool) -> tuple[Reason, Detail] | None:
    """Return which permission of others is not given; `is_known`: only if somebody knows that it is not."""
    tariff, price = sample.tariff, sample.price_buy
    if load.tariffs is not None and tariff not in load.tariffs:
        if tariff is not None:
            return Reason.TARIFF, {"tariff": tariff}
        if not is_known:
            return Reason.TARIFF, {}
    if load.max_price is not None:
        if price is None:
            if not is_known:
                return Reason.PRICE, {"max_price": load.max_price}
        elif price > load.max_price:
            return Reason.PRICE, {"max_price": load.max_price, "price": price}
    own = sample.loads.get(load.id)
    return None if own is None or own.allowed else (Reason.NOT_ALLOWED, {})


def _over(load: LoadSettings, sample: Sample, account: Account) -> tuple[Reason, Detail] | None:
    """Return which time that the load may run in is over."""
    if load.windows and not in_window(load, local := sample.wall.time()):
        return Reason.WINDOW, {"starts_at": f"{_next_window(load, local):%H:%M}"}
    if load.max_run_s is not None and account.run_s >= load.max_run_s:
        return Reason.MAX_RUN, {"run_s": account.run_s}
    return None


def _next_window(load: LoadSettings, local: time) -> time:
    starts = sorted(start for start, _ in load.windows)
    return next((start for start in starts if start > local), starts[0])
