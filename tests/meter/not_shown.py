"""The objects of real telegrams that no register shows, each with the reason.

A line that no telegram needs any more is an error, as is an object that needs a line.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from p1meter.meter import Obis, Telegram

type Condition = Callable[[Telegram, Obis, Sequence[str]], bool]


@dataclass(frozen=True, slots=True)
class NotShown:
    """Objects that are not shown.

    `code` is a pattern with `*` and `?` for the code as it is sent; a `*` in the code itself is written `[*]`. `when`
    says in which telegrams the reason holds.
    """

    code: str
    because: str
    when: Condition = lambda *_: True

    def holds(self, telegram: Telegram, obis: Obis, groups: Sequence[str]) -> bool:
        """Whether it is about this object."""
        return fnmatchcase(str(obis), self.code) and self.when(telegram, obis, groups)


def _channel_is_dead(telegram: Telegram, obis: Obis, _: Sequence[str]) -> bool:
    return obis.b not in telegram.mbus


def _has_another_id(telegram: Telegram, obis: Obis, _: Sequence[str]) -> bool:
    reading = telegram.readings.get("equipment_id")
    return reading is not None and bool(reading.value) and reading.obis != obis


def _has_its_time(telegram: Telegram, *_: object) -> bool:
    return telegram.time is not None


def _is_empty(_: Telegram, __: Obis, groups: Sequence[str]) -> bool:
    return not any(groups)


_DEAD = "no meter is on this channel, or one that was never read"
_OTHER_ID = "another id of this meter is preferred"
_MAKERS_OWN = "a code of the maker's own that is documented nowhere: shown under its code, disabled by default"

NOT_SHOWN = (
    # What is known and says nothing here
    NotShown("0-?:24.1.0", _DEAD, _channel_is_dead),
    NotShown("0-?:24.2.?", _DEAD, _channel_is_dead),
    NotShown("0-?:24.4.0", _DEAD, _channel_is_dead),
    NotShown("0-?:96.1.0", _DEAD, _channel_is_dead),
    NotShown("0-?:96.1.1", _DEAD, _channel_is_dead),
    NotShown("0-3:96.1.0[*]255", "the readings of this meter come without a channel", _channel_is_dead),
    NotShown("0-0:96.1.4", "what is sent there is no version of eMUCS", lambda _, __, groups: groups[0] == "12345"),
    NotShown("0.0", _OTHER_ID, _has_another_id),
    NotShown("0.0.0", _OTHER_ID, _has_another_id),
    NotShown("1-0:0.0.[01]*", _OTHER_ID, _has_another_id),
    NotShown("*0.9.2*", "the date of telegram_time, whose time is in 0.9.1", _has_its_time),
    NotShown("1-0:0.1.2[*]??", "when the period ended whose values have the same number behind the star"),
    NotShown("1-0:?.6.?[*]??", "nothing was measured under this tariff in that period", _is_empty),
    NotShown("0-0:98.1.0", "a count of months without a month (Switzerland)", lambda _, __, groups: len(groups) == 1),
    # What nobody tells us about
    NotShown("0-0:C.1.6*", _MAKERS_OWN),
    NotShown("0-0:C.51.?*", _MAKERS_OWN),
    NotShown("1-0:96.50.0[*]0?", _MAKERS_OWN),
    NotShown("82.8.?", _MAKERS_OWN),
    NotShown("C.1.1", _MAKERS_OWN),
    NotShown("C.13.??", _MAKERS_OWN),
    NotShown("C.8.?", _MAKERS_OWN),
    NotShown("C.90", _MAKERS_OWN),
)
