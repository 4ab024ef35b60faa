"""What telegrams mean whose checksum is right, and whose content is not: each value is one, and was sent.

A telegram whose form is known is read by it, and of one that is like the one before only what is another: that has to
give the same as reading each from the beginning.
"""

from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
import re
from time import process_time
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from p1meter.meter import Obis, Reader, Reading, Rejected, Telegram, history, lines, telegram as decoding
from p1meter.meter.form import Form, Forms, Known, forms_of

from .choices import Choices
from .content import KINDS, as_bare, as_block, as_telegram, moved_on, said, spoilt
from .telegrams import LONG

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .content import Said

_MOST_TELEGRAMS: Final = 5
_MOST_SECONDS: Final = 5.0
"""Processor time for a frame: so long would everything else stand still, on a machine that is watched meanwhile."""
_ALL_KINDS: Final = (*KINDS, *map(said, LONG))

# --- each value -------------------------------------------------------------------------------------------------------

_NUMBER: Final = re.compile(r"[0-9.]+")
_LONGEST_NUMBER: Final = 24
# Sums and differences are of numbers with so many digits; a factor from unit to unit adds some zeros.
_MOST_DIGITS: Final = 28
_LARGEST: Final = Decimal("1E+36")
_LARGEST_COUNT: Final = 10**18
_YEARS: Final = range(2000, 2070)  # YY below 70
_OLDEST: Final = 2005
_TEN_YEARS: Final = timedelta(days=3660)


def look(telegram: Telegram) -> None:
    """See whether every value of a telegram is one, and stands in it."""
    assert len(telegram.objects) <= len(telegram.raw)
    if telegram.time is not None:
        assert telegram.time.utcoffset() is not None
        assert telegram.time.year in _YEARS
    for one in (*telegram.readings.values(), *telegram.unknown.values()):
        _look_at_reading(one)
    numbers = _numbers(telegram)
    for one in (*telegram.readings.values(), *telegram.unknown.values()):
        if isinstance(one.value, Decimal) and one.obis is not None:
            assert abs(one.value) in numbers[one.obis], f"a number that nobody sent: {one}"
    for device in telegram.mbus.values():
        if device.at is not None:
            _look_at_time(device.at, _OLDEST)
    for row in history.rows(telegram):
        _look_at_row(row)


def _look_at_row(row: history.HistoryRow) -> None:
    if row.value is not None:
        _look_at_number(row.value)
    if row.at is not None:
        _look_at_time(row.at, _OLDEST)
    if row.occurred is not None:
        _look_at_time(row.occurred, _OLDEST - 11)
    assert row.duration_s is None or 0 <= row.duration_s <= _TEN_YEARS.total_seconds()


def _look_at_reading(one: Reading) -> None:
    match one.value:
        case Decimal():
            _look_at_number(one.value)
        case datetime():
            _look_at_time(one.value, _YEARS[0] if one.key == "telegram_time" else _OLDEST)
        case int():
            assert 0 <= one.value < _LARGEST_COUNT
        case str():
            assert one.value
    if one.at is not None:
        _look_at_time(one.at, _OLDEST)


def _look_at_number(value: Decimal) -> None:
    assert value.is_finite(), f"no number: {value}"
    assert abs(value) < _LARGEST
    assert len(value.as_tuple().digits) <= _MOST_DIGITS, f"not exact any more: {value}"
    assert value or not value.is_signed(), "less than nothing"


def _look_at_time(at: datetime, oldest: int) -> None:
    assert at.utcoffset() is not None, "nobody knows when"
    assert oldest <= at.year < _YEARS.stop, f"no meter was there then: {at}"


def _numbers(telegram: Telegram) -> dict[Obis, set[Decimal]]:
    """Return the numbers that stand under each code."""
    found: dict[Obis, set[Decimal]] = {}
    for obis, groups in telegram.objects:
        under = found.setdefault(obis, set())
        for group in groups:
            for digits in _NUMBER.findall(group):
                if len(digits) <= _LONGEST_NUMBER and digits.count(".") < 2 and digits != ".":
                    under.add(Decimal(digits))
    return found


# --- the quick way and the long one -----------------------------------------------------------------------------------


class _NoForms(Forms):
    """Knows no form, and learns none."""

    def learn(self, text: str, known: Known) -> tuple[Form | None, tuple[str, ...]]:  # noqa: ARG002 (as it is called)
        return None, ()


@contextmanager
def long_way() -> Iterator[None]:
    """Let every telegram be read from the beginning, line by line."""
    nothing = _NoForms()
    with (
        patch.object(decoding, "forms_of", lambda *_: nothing),
        patch.object(lines, "regular", lambda _: None),
    ):
        yield


def alike(data: bytes) -> None:
    """Let a meter say strange things one after the other, and read them in both ways."""
    choices = Choices(data)
    sent = list(sequence(choices, choices.one_of(_ALL_KINDS), _MOST_TELEGRAMS))
    forms_of.cache_clear()
    country = choices.one_of((None, "NL", "SE"))
    quick, long = Reader(country=country), Reader(country=country)
    for raw in sent:
        started = process_time()
        found = _read(quick, raw)
        took = process_time() - started
        assert took < _MOST_SECONDS, f"{len(raw)} bytes take {took} s"
        with long_way():
            expected = _read(long, raw)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            _compare(one, other)
        for one in found:
            if isinstance(one, Telegram):
                look(one)


def sequence(choices: Choices, first: Said, most: int) -> Iterator[bytes]:
    """Yield what a meter sends one after the other, in frames that are right; some of it is what no meter says."""
    how = choices.below(8)
    now = first if choices.one_in(2) else spoilt(choices, first)
    for _ in range(most):
        yield as_block(now, choices) if how == 0 else as_bare(now) if how == 1 else as_telegram(now, choices)
        if not choices.are_left:
            return
        match choices.below(8):
            case 0:
                now = first
            case 1 | 2 | 3:
                now = spoilt(choices, now, 2)
            case _:
                now = moved_on(choices, now)


def _read(reader: Reader, raw: bytes) -> list[Telegram | Rejected]:
    return reader.feed(raw) + reader.close()


def _compare(quick: Telegram | Rejected, long: Telegram | Rejected) -> None:
    if isinstance(quick, Telegram) and isinstance(long, Telegram):
        for what, one, other in (
            ("readings", quick.readings, long.readings),
            ("unknown", quick.unknown, long.unknown),
            ("meters", quick.mbus, long.mbus),
        ):
            assert dict(one) == dict(other), f"{what} by the form are others: {_difference(one, other)}"
            assert list(one) == list(other), f"{what} by the form are in another order"
    assert quick == long


def _difference(one: Mapping[Any, object], other: Mapping[Any, object]) -> list[tuple[object, object, object]]:
    return [(key, one.get(key), other.get(key)) for key in {*one, *other} if one.get(key) != other.get(key)]
