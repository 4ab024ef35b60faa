"""Why a load is as it is, in a sentence."""

import math
from typing import TYPE_CHECKING, Final

from .loads import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .loads.model import Detail

GROUP: Final = "load_reason"
"""The translated words that `sentence` needs; see `words.async_words`."""

DECIMAL: Final = "decimal"
"""Key of the word that is the decimal sign."""

TARIFF: Final = "tariff_"
"""Start of the key of the word for a tariff, before its number, where people there have one."""

SPARSE: Final = {
    reason: f"{reason}_sparse"
    for reason in (
        *(Reason.OVERRIDE_ON, Reason.OVERRIDE_OFF, Reason.LEAVING),
        *(Reason.SHORT, Reason.TARIFF, Reason.PRICE, Reason.IDLE, Reason.FUSE, Reason.DEMAND),
    )
}
"""Keys of the sentences for where a number is not known: what has no end, what has just begun, what nobody tells, a
limit that is none any more."""

# What is so for less than this (s) is so since just now: "for 0 s" tells nobody anything.
_JUST_NOW_S: Final = 5.0

# What is still to come is rounded up, what has been is rounded down: nobody is promised too much.
_TO_COME: Final = frozenset({"remaining_s", "missing_s"})


def sentence(words: Mapping[str, str], reason: Reason, detail: Detail) -> str:
    """Return the reason in words.

    Args:
        words: those of `GROUP`, in the language of the reader, and those for tariffs.
        reason: why the load is as it is.
        detail: the numbers behind the reason; see `Reason`.
    """
    facts = {
        name: words.get(f"{TARIFF}{value}", str(value)) if name == "tariff" else _spoken(name, value, words[DECIMAL])
        for name, value in detail.items()
        if not (name == "since_s" and reason in SPARSE and isinstance(value, int | float) and value < _JUST_NOW_S)
    }
    try:
        return words[reason].format_map(facts)
    except KeyError:
        return words[SPARSE[reason]].format_map(facts)


def _spoken(name: str, value: float | str, decimal: str) -> str:
    """Return a fact as it is said; where its unit is not said here, it is part of the sentence."""
    if isinstance(value, str):
        return value
    if name == "share":
        return str(round(100 * value))
    if name.endswith("_s"):
        return _duration(value, up=name in _TO_COME)
    if name.endswith("_w"):
        return str(round(value / 10) * 10)
    if name.endswith("_a"):
        return f"{value:.1f}".removesuffix(".0").replace(".", decimal)
    if "price" in name:
        return f"{value:.3f}".removesuffix("0").replace(".", decimal)
    return str(value)


def _duration(seconds: float, *, up: bool) -> str:
    """Return a time as long as a person wants to know it. The symbols are the same in every language."""
    whole = math.ceil if up else math.floor
    if (short := whole(seconds / 5) * 5) < 60:
        return f"{short} s"
    hours, minutes = divmod(whole(seconds / 60), 60)
    if not hours:
        return f"{minutes} min"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
