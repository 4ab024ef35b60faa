"""The demand window: what the running quarter-hour, or hour, has taken and may still take."""

from math import expm1, inf, isinf
from typing import TYPE_CHECKING, Any, Final

from .surge import Surge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Sample, Site

_HOUR_S: Final = 3600.0
# The mean that every forecast begins with follows the meter with this time constant.
_MEAN_S: Final = 20.0
# What still flows after a command at the last moment: the meter's delay, the command's, and the load's.
_LAST_MOMENT_S: Final = 12.0
# An import above this (W) is a register that was replaced or read wrongly.
_MOST_W: Final = 100_000.0
# A window of which more than this part was missed at its start is not one that was seen.
_MOST_MISSED: Final = 0.1
# A window that took less (Wh) does not tell how the meter divides.
_TELLING_WH: Final = 10.0
_PEAKS_KEPT: Final = 10
# A forecast above the target for so long, with nothing to shed, is worth a person's attention.
_HELPLESS_S: Final = 60.0


class DemandWindow:
    """Follows the fixed windows of the meter's own time.

    Attributes:
        number: of the window, counted from the epoch; None: no telegram yet.
        began: whether the newest telegram is the first of its window.
        energy_wh: import since the window's start.
        remaining_s: what is left of it.
        mean_w: the connection's power, import less export, as it goes on if nothing changes.
        target_w: what the window may take on the mean; None: there is no limit.
        helpless: whether the window takes too much and nothing may be shed.
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        """Begin with what `.state` said, which a window before a restart gave."""
        state = state or {}
        self.number: int | None = None
        self.began = False
        self.energy_wh = 0.0
        self.remaining_s = 0.0
        self.mean_w: float | None = None
        self.target_w: float | None = None
        self.helpless = False
        self._kept: Mapping[str, Any] | None = state.get("window")
        self._peaks: list[float] = list(state.get("peaks", ()))
        self._month: str | None = state.get("month")
        # Whether 1.4.0 is the energy divided by the whole window (True) or by the time that has passed (False).
        self._whole: bool | None = state.get("whole")
        self._fit = 0.0
        self._complete = False
        self._now = -inf
        self._at = -inf
        self._length = 0.0
        self._budget_wh = 0.0
        self._site: Site | None = None
        self._month_peak: float | None = None
        # The register at the window's start, and what it showed last.
        self._base: float | None = None
        self._register: float | None = None
        self._over_since: float | None = None
        self._surge = Surge(state.get("surge"))

    @property
    def state(self) -> dict[str, Any]:
        """What a restart needs; JSON can hold it."""
        return {
            "peaks": list(self._peaks),
            "month": self._month,
            "whole": self._whole,
            "window": self._running(),
            "surge": self._surge.state,
        }

    def step(
        self, sample: Sample, site: Site, at: float, dt: float, *, settled: bool, draw_w: float, shed_w: float
    ) -> None:
        """Take the next telegram.

        Args:
            sample: it.
            site: the connection.
            at: the telegram's time, s since the epoch.
            dt: time since the telegram before, s, as far as it may be counted.
            settled: whether no load is on its way to another power: the mean follows the meter only then.
            draw_w: what all loads draw that are on.
            shed_w: what of that may be shed at any time.
        """
        length = site.window_s
        number = int(at // length)
        elapsed = at - number * length
        self.remaining_s = length - elapsed
        gap = sample.now - self._now
        self._now = sample.now
        net = sample.import_w - sample.export_w
        if self.mean_w is None or gap > 3 * _MEAN_S:
            self.mean_w = net
        elif settled:
            self.mean_w += (net - self.mean_w) * -expm1(-dt / _MEAN_S)
        total = self._integrate(sample, gap, dt)
        if number == self.number and length == self._length:
            self.began = False
            self.energy_wh = total
            if self._whole is None and self._complete and sample.demand_w is not None:
                per_w = sample.demand_w / _HOUR_S
                self._fit += abs(per_w * length - total) - abs(per_w * elapsed - total)
        else:
            self._turn(sample, site, number, gap, total)
        if self.began or site is not self._site or sample.month_peak_w != self._month_peak:
            self._set_target(sample, site)
        if self.target_w is not None:
            surge = self._surge
            if self.began:
                surge.begin(site, self.target_w)
            surge.take(sample.import_w, dt, shed_w)
            surge.learn(at, sample.wall.hour, dt, net - draw_w if settled else None)
            surge.follow(self.mean_w, self.target_w * length / _HOUR_S - self.energy_wh, self.remaining_s)

    def switched(self, change_w: float) -> None:
        """Take into the mean what a load will draw more (W), or less, because it was switched now."""
        if self.mean_w is not None:
            self.mean_w += change_w
        self._surge.switched(change_w)

    def allows(self, more_w: float, least_s: float) -> bool:
        """Return whether so much power may be added until the window's end.

        Not where the next window's start would end it before its time.

        Args:
            more_w: the power.
            least_s: how long what draws it has to stay on.
        """
        if self.target_w is None or self._site is None or self.mean_w is None:
            return True
        power_w = max(0.0, self.mean_w + more_w + self._site.reserve_w)
        if self.energy_wh + power_w * self.remaining_s / _HOUR_S > self._budget_wh or not self._surge.bears(more_w):
            return False
        return self.remaining_s >= least_s or power_w * self._length / _HOUR_S <= self._budget_wh

    def allows_hand(self, more_w: float) -> bool:
        """Return whether so much power may be added by a person: whether it would not have to be shed at once."""
        if self.mean_w is None:
            return True
        return not self._is_last_moment(self.mean_w + more_w, more_w)

    def is_last_moment(self, draw_w: float) -> bool:
        """Return whether a load that draws so much has to be shed now, so that the target is just met without it."""
        return self.mean_w is not None and self._is_last_moment(self.mean_w, draw_w)

    def is_exposed(self) -> bool:
        """Return whether loads have to be shed now, so that they do not count for too much should the house surge."""
        return self.target_w is not None and self._surge.is_reached()

    def is_too_much(self, less_w: float = 0.0) -> bool:
        """Return whether the whole of a window, at its start, would take too much with so much power less."""
        if self.target_w is None or self._site is None or self.mean_w is None:
            return False
        return (self.mean_w - less_w + self._site.reserve_w) * self._length / _HOUR_S > self._budget_wh

    def watch(self, now: float, *, can_shed: bool) -> None:
        """Notice whether the window takes too much and nothing may be shed."""
        forecast = self.forecast_w()
        if forecast is None or self.target_w is None or forecast <= self.target_w or can_shed:
            self._over_since = None
        elif self._over_since is None:
            self._over_since = now
        self.helpless = self._over_since is not None and now - self._over_since >= _HELPLESS_S

    def relieve(self) -> None:
        """Give up the alarm: nobody watches."""
        self.helpless = False
        self._over_since = None

    def forecast_w(self) -> float | None:
        """Return the mean import of the window at its end, if nothing changes; None: there is no limit."""
        if self.target_w is None or self.mean_w is None:
            return None
        rest = max(0.0, self.mean_w) * self.remaining_s / _HOUR_S
        return (self.energy_wh + rest) * _HOUR_S / self._length

    def headroom_w(self) -> float | None:
        """Return the power that a load may have that starts now; None: there is no limit."""
        if self.target_w is None or self._site is None or self.mean_w is None:
            return None
        left = (self._budget_wh - self.energy_wh) * _HOUR_S / max(1.0, self.remaining_s)
        draw_w = self.mean_w + self._site.reserve_w
        # Nobody can take off more than what flows, however little time is left for it.
        return max(min(left - draw_w, self._surge.room_w()), min(0.0, -draw_w))

    def wait_s(self, more_w: float, less_w: float = 0.0) -> float:
        """Return after which time (s) so much power may be added, if all else stays; at most the rest of the window.

        Args:
            more_w: the power.
            less_w: what is just being switched off, itself perhaps among it.
        """
        if self._site is None or self.mean_w is None:
            return self.remaining_s
        added = more_w + self._site.reserve_w
        over = self.energy_wh + (self.mean_w - less_w + added) * self.remaining_s / _HOUR_S - self._budget_wh
        wait_s = max(0.0, over * _HOUR_S / added, self._surge.wait_s(more_w - less_w))
        return min(self.remaining_s, wait_s)

    def _running(self) -> dict[str, Any] | None:
        """Return what is kept of the window: before its first telegram, what was kept before."""
        if self.number is None:
            return None if self._kept is None else dict(self._kept)
        return {
            "number": self.number,
            "length": self._length,
            "energy_wh": self.energy_wh,
            "register": self._register,
            "complete": self._complete,
        }

    def _is_last_moment(self, mean_w: float, draw_w: float) -> bool:
        if self.target_w is None or self._site is None or mean_w <= 0:
            return False
        without = max(0.0, mean_w - draw_w + self._site.reserve_w) * self.remaining_s
        return self.energy_wh + (without + mean_w * _LAST_MOMENT_S) / _HOUR_S > self._budget_wh

    def _integrate(self, sample: Sample, gap: float, dt: float) -> float:
        """Return the energy since the start of the window so far, before it is looked whether that has ended."""
        total = self.energy_wh + sample.import_w * dt / _HOUR_S
        register, last = sample.import_wh, self._register
        if register is None or register == last:
            return total
        self._register = register
        base = self._base
        if last is None or base is None or not 0 < register - last <= 1 + _MOST_W * gap / _HOUR_S:
            self._base = None if last is None else register - total
            return total
        return max(self.energy_wh, register - base)

    def _turn(self, sample: Sample, site: Site, number: int, gap: float, total: float) -> None:
        """Begin another window."""
        length = site.window_s
        elapsed = length - self.remaining_s
        month = f"{sample.wall:%Y-%m}"
        if self.number is not None and number == self.number + 1 and length == self._length and 0 < gap < length:
            share = min(1.0, elapsed / gap)
            taken = self.energy_wh + (total - self.energy_wh) * (1 - share)
            self._close(taken)
            self.energy_wh = total - taken
            if self._base is not None:
                self._base += taken
            self._complete = gap <= _MOST_MISSED * length
        else:
            self.energy_wh = self._unseen(sample, number, elapsed, length)
            self._base = None
        if month != self._month:
            self._peaks.clear()
            self._month = month
        self._fit = 0.0
        self._kept = None
        self.began = True
        self.number, self._length = number, length

    def _close(self, taken: float) -> None:
        if not self._complete:
            return
        if self._whole is None and self._fit and taken >= _TELLING_WH:
            self._whole = self._fit < 0
        count = _PEAKS_KEPT if self._site is None else max(_PEAKS_KEPT, self._site.peak_count)
        self._peaks = sorted([*self._peaks, taken * _HOUR_S / self._length], reverse=True)[:count]

    def _unseen(self, sample: Sample, number: int, elapsed: float, length: float) -> float:
        """Return what a window has taken whose start was not seen."""
        kept, register = self._kept, sample.import_wh
        self._complete = False
        if kept and kept["number"] == number and kept["length"] == length and register is not None:
            since = register - (kept["register"] if kept["register"] is not None else register)
            if since >= 0 and kept["register"] is not None:
                self._complete = bool(kept["complete"])
                return float(kept["energy_wh"] + since)
        if sample.demand_w is not None:
            return sample.demand_w * (elapsed if self._whole is False else length) / _HOUR_S
        return sample.import_w * elapsed / _HOUR_S

    def _set_target(self, sample: Sample, site: Site) -> None:
        self._site = site
        if sample.month_peak_w is not None:
            self._month_peak = sample.month_peak_w
        target: float | None = None
        if site.target_w is not None:
            target = None if isinf(site.target_w) else site.target_w
        elif site.peak_count > 1:
            peaks = self._peaks
            peak = peaks[site.peak_count - 1] if len(peaks) >= site.peak_count else 0.0
            target = max(site.target_floor_w, peak)
        elif self._month_peak is not None:
            target = max(site.target_floor_w, self._month_peak)
        self.target_w = target
        if target is None:
            self.relieve()
        else:
            self._budget_wh = target * site.window_s / _HOUR_S * (1 - site.cap_margin)
