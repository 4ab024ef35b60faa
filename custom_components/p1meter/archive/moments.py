"""Which of many telegrams are kept, where one every so often is enough."""

import math
from typing import NamedTuple


class _Seen[T](NamedTuple):
    time: float
    item: T
    is_chosen: bool


class Moments[T]:
    """Chooses what is nearest to each wanted moment: the full minute, the full hour and so on.

    What is nearest is known only when the next one has come, so one is kept in mind. Nothing is chosen twice.
    """

    def __init__(self, interval: int) -> None:
        """Want one every `interval` seconds, counted from midnight UTC; 0: all."""
        self._interval = interval
        self._wanted = math.inf
        self._before: _Seen[T] | None = None

    def choose(self, time: float, item: T) -> list[T]:
        """Return what is chosen now that `item` has come.

        Args:
            time: when it was measured, in seconds since 1970; it may jump, and go back.
            item: what came.
        """
        interval = self._interval
        if not interval:
            return [item]
        if self._wanted - time > interval:
            # The first of all, or a clock that was set back.
            self._wanted = math.ceil(time / interval) * interval
        chosen: list[T] = []
        is_chosen = False
        if time >= self._wanted:
            last = math.floor(time / interval) * interval
            before = self._before
            if before is not None and not before.is_chosen and abs(self._wanted - before.time) < time - self._wanted:
                chosen.append(before.item)
                # After a silence this one may be the nearest to a moment of its own.
                is_chosen = last > self._wanted
            else:
                is_chosen = True
            if is_chosen:
                chosen.append(item)
            self._wanted = last + interval
        self._before = _Seen(time, item, is_chosen)
        return chosen
