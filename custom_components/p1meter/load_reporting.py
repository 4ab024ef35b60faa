"""What of the loads is worth a row now: a telegram a second must not become a row a second. Pure."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .loads import LoadView, SiteView

# What a sentence counts may be told anew after so many seconds, and what has hardly changed as well.
_PAUSE: Final = 30.0
# A power is told at once when it is so far from what was told.
_STEP_W: Final = 100.0
_STEP_OF_A_LOAD_W: Final = 10.0
_STEP_SHARE: Final = 0.1
# A current, likewise.
_STEP_A: Final = 1.0
# After the pause, this is not worth a row.
_NOISE_W: Final = 20.0
_NOISE_SHARE: Final = 0.02
_NOISE_A: Final = 0.2

# What others tell of a permission, or do not.
_OF_OTHERS: Final = frozenset({"tariff", "price"})

_SITE_POWERS: Final = ("surplus_w", "target_w", "forecast_w", "headroom_w")


class LoadReporter:
    """Decides when something of one load is to be told, and what it is until then."""

    def __init__(self, view: LoadView, now: float) -> None:
        """Begin with this told.

        Args:
            view: what is known.
            now: the monotonic clock, s.
        """
        self.shown = view
        """What is told."""
        self._told = now
        self._seen = view

    def look(self, live: LoadView, now: float, *, mark: bool) -> bool:
        """Return whether anything is to be told anew; `shown` is then up to date where it matters.

        Args:
            live: what is known.
            now: the monotonic clock, s.
            mark: whether this is the last look before a five-minute mark: then everything is told.
        """
        shown, seen, self._seen = self.shown, self._seen, live
        if live.day != shown.day == seen.day and (rest := _with_sums_of(seen, shown)) != shown:
            # What was used since the last mark of the day that is over belongs to it; the new day is told next.
            told = rest
        elif mark or _what(live) != _what(shown):
            told = live
        elif _why(live) != _why(shown) or (live.detail != shown.detail and now - self._told >= _PAUSE):
            told = _with_sums_of(shown, live)
        elif _differs(live.power_w, shown.power_w, _STEP_OF_A_LOAD_W, _STEP_SHARE):
            self.shown = replace(shown, power_w=live.power_w)
            return True
        else:
            return False
        if told == shown:
            return False
        self.shown = told
        self._told = now
        return True


class SiteReporter:
    """The same for the connection."""

    def __init__(self, view: SiteView, now: float) -> None:
        """Begin with this told."""
        self.shown = view
        """What is told."""
        self._told = now

    def look(self, live: SiteView, now: float) -> bool:
        """Return whether anything is to be told anew; `shown` is then up to date where it matters.

        Args:
            live: what is known.
            now: the monotonic clock, s.
        """
        shown = self.shown
        if live.mode is not shown.mode or live.alarms != shown.alarms:
            self.shown = live
            self._told = now
            return True
        paused = now - self._told >= _PAUSE
        step, share = (_NOISE_W, _NOISE_SHARE) if paused else (_STEP_W, _STEP_SHARE)
        due = {
            name: value
            for name in _SITE_POWERS
            if _differs(value := getattr(live, name), getattr(shown, name), step, share)
        }
        currents = zip(live.phase_headroom_a, shown.phase_headroom_a, strict=True)
        if any(_differs(is_, was, _NOISE_A if paused else _STEP_A, 0.0) for is_, was in currents):
            due["phase_headroom_a"] = live.phase_headroom_a
        if paused:
            self._told = now
        if due:
            self.shown = replace(shown, **due)
        return bool(due)


def _what(view: LoadView) -> tuple[object, ...]:
    """Return what is told at once, and the sums of the day with it."""
    return view.on, view.activity, view.starts, view.day


def _why(view: LoadView) -> tuple[object, ...]:
    # What of the numbers is a text (a time of day) does not change by itself; that one is known at all is news as well.
    texts = [text for text in view.detail.values() if isinstance(text, str)]
    return view.reason, view.override, view.override_until, texts, view.detail.keys() & _OF_OTHERS


def _with_sums_of(counted: LoadView, view: LoadView) -> LoadView:
    """Return a view with the sums of another, those that are told at the marks only."""
    return replace(view, run_s=counted.run_s, sun_wh=counted.sun_wh, grid_wh=counted.grid_wh)


def _differs(live: float | None, shown: float | None, step: float, share: float) -> bool:
    """Return whether a number is so far from what was told that it is worth a row, or is there, or gone."""
    if live is None or shown is None:
        return live is not shown
    return live != shown and abs(live - shown) >= max(step, share * abs(shown))
