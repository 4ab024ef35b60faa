"""Is the meter's clock right, and do the meters on its M-Bus still capture? Looked at every five minutes.

Pure: no clock of its own, nothing of Home Assistant.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from .roles import longest_gap

if TYPE_CHECKING:
    from collections.abc import Mapping

# Seconds that a clock may be wrong, and within which it is right again.
_LIMIT: Final = 60.0
_RIGHT_AGAIN: Final = 45.0
# So many looks in a row: a telegram may have been held up, and Home Assistant's clock may just have been set.
_LOOKS_NEEDED: Final = 2
_DAY: Final = timedelta(days=1)
# Who captures once a day may miss one, and the next comes an hour late, or in the night of 25 hours.
_GAPS_ALLOWED: Final = 2.5


class ClockWatch:
    """Compares the clock of a meter with ours."""

    def __init__(self) -> None:
        """Take the clock for right."""
        self.is_wrong = False
        self._looks = 0

    def look(self, delay: float | None, slack: float = 0.0) -> bool:
        """Return whether the clock is wrong.

        Args:
            delay: seconds from the meter's stamp to the telegram's arrival, below zero where the meter is ahead; None:
                the meter has no clock.
            slack: seconds that a telegram may rightly take.
        """
        off = 0.0 if delay is None else max(-delay, delay - slack)
        self._looks = self._looks + 1 if off > _LIMIT else 0
        if self.is_wrong:
            self.is_wrong = off > _RIGHT_AGAIN
        else:
            self.is_wrong = self._looks >= _LOOKS_NEEDED
        return self.is_wrong


class _Seen(NamedTuple):
    """The last capture of a meter, since when p1meter has seen it (meter's clock), and how long after the one before.

    The gap is None until there were two.
    """

    at: datetime
    since: datetime
    gap: timedelta | None


class CaptureWatch:
    """Notices meters on the M-Bus whose readings are older than a day and than their own rhythm allows."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        self._seen: dict[str, _Seen] = {}

    def look(self, captures: Mapping[str, datetime], now: datetime) -> set[str]:
        """Return the roles whose meter does not capture any more.

        Its stamp counts, not its value: who does not heat uses no gas. One that is old from the start has to be seen
        for a day: it may just be on its way. Until its rhythm is known, it may be as slow as any of its kind.

        Args:
            captures: when the meter in each role was read last, aware.
            now: the time, aware, of the meter's clock if it has one.
        """
        stopped = set()
        for role, at in captures.items():
            seen = self._seen.get(role)
            if seen is None or seen.at != at:
                seen = self._seen[role] = _Seen(at, now, None if seen is None else at - seen.at)
            gap = longest_gap(role) if seen.gap is None else min(seen.gap, _DAY)
            if now - at > max(_DAY, gap * _GAPS_ALLOWED) and (seen.gap is not None or now - seen.since > _DAY):
                stopped.add(role)
        return stopped
