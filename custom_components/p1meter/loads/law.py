"""The control law: what is to be switched at a telegram, by order of authority."""

from copy import deepcopy
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING, Any, Final

from . import explain
from .day import deadline_after
from .fuse import LOCK_S, Fuse
from .model import FOREVER, Activity, Alarm, LoadView, Reason, SiteView
from .orders import Orders
from .permission import ended, theta
from .situation import NOTHING, Situation
from .surplus import Share, members
from .unit import Unit
from .window import DemandWindow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .model import Command, Detail, LoadInput, LoadSettings, Sample, Site

# Without a telegram since the start, loads go to their safe state after so long.
_FIRST_WAIT_S: Final = 30.0
# An idle load may have begun to draw without anybody having seen it: it does not stay on while the house imports this
# part of its power, and there is no sun, for so long.
_LOST: Final = 0.8
_LOST_S: Final = 60.0
# A load that a demand window has shed is locked until it ends, but of an hour no longer than of a quarter.
_LONGEST_LOCK_S: Final = 900.0


class Controller:
    """Decides at every telegram which loads are switched.

    Attributes:
        site: the connection; may be replaced at any time.
        enabled: False: nothing is commanded; what can be seen is still learned.
    """

    def __init__(self, loads: Iterable[LoadSettings], site: Site, state: Mapping[str, Any] | None = None) -> None:
        """Begin with these loads; `state` is what `.state` was before a restart."""
        self._kept = kept = dict(state or {})
        units = kept.get("loads", {})
        self._units: dict[str, Unit] = {load.id: Unit(load, units.get(load.id)) for load in loads}
        self._here = Situation([], site, DemandWindow(kept.get("window")))
        self._orders = Orders(self._here)
        self._started_at: float | None = None
        # When the meter's time moved on last, and to what.
        self._fresh_at = -inf
        self._told_at: float | None = None
        self._accounted_at = -inf
        self._blind_ends: dict[str, float] = {}
        self._take_settings()

    @property
    def site(self) -> Site:
        """The connection; may be replaced at any time."""
        return self._here.site

    @site.setter
    def site(self, site: Site) -> None:
        self._here.site = site
        if site.fuse_a is None:
            self._here.fuse = Fuse()
        self._take_settings()

    @property
    def enabled(self) -> bool:
        """Whether anything is commanded at all."""
        return self._here.enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        here = self._here
        here.enabled = enabled
        if not enabled:
            # What was decided, and what was to be said of the limits, was for that time.
            here.planned.clear()
            here.regret.reset()
            here.fuse.relieve()
            here.window.relieve()

    @property
    def loads(self) -> tuple[LoadSettings, ...]:
        """What is wanted of each load; may be replaced, with the same ids."""
        return tuple(unit.settings for unit in self._units.values())

    @loads.setter
    def loads(self, loads: tuple[LoadSettings, ...]) -> None:
        if {load.id for load in loads} != set(self._units):
            raise ValueError("other loads need another controller")
        before = self._here.units
        for load in loads:
            self._units[load.id].settings = load
        self._take_settings()
        if self._here.units != before:
            # The choice goes by the places in rank, and what it has added up is another load's now.
            self._here.regret.reset()

    def step(self, sample: Sample) -> list[Command]:
        """Return what is to be switched now that this telegram has come."""
        here, orders = self._here, self._orders
        site, now = here.site, sample.now
        at = sample.wall.timestamp()
        if self._started_at is None:
            self._start(now, at)
        if at != self._told_at:
            # A meter whose clock stands still says what was, not what is.
            self._told_at = at
            self._fresh_at = now
        elif now - self._fresh_at >= site.stale_s:
            return self.tick(now, sample.wall, sample.loads)
        orders.commands = []
        here.silent_s = gap = 0.0 if here.sample is NOTHING else max(0.0, now - here.sample.now)
        dt = min(gap, 3 * site.period_s)
        here.sample, here.now, here.wall, here.at = sample, now, sample.wall, at
        if gap >= site.stale_s and here.enabled and not here.blind:
            self._begin_blind()
            self._go_blind()
        if here.blind:
            here.blind = False
            here.good = 0
        here.silent_s = 0.0
        here.good += 1
        # What is told again needs room in the phases as they are now.
        over = site.fuse_a is not None and here.fuse.step(sample, site)
        settled = orders.look(sample) and now >= orders.settled_at
        self._learn(sample, dt, settled=settled)
        if here.enabled:
            self._decide(sample, dt, settled=settled, over=over)
        if orders.commands:
            self._arrange()
        return orders.commands

    def tick(self, now: float, wall: datetime, loads: Mapping[str, LoadInput] | None = None) -> list[Command]:
        """Return what is to be switched while no telegram comes.

        Args:
            now: the monotonic clock, s.
            wall: the best time that is known, aware, in the home's zone.
            loads: the states of the outputs, so that it is seen whether they reach their safe states; None: unknown.
        """
        here, orders = self._here, self._orders
        period_s, at = here.site.period_s, wall.timestamp()
        orders.commands = []
        started_at = self._start(now, at) if self._started_at is None else self._started_at
        here.now, here.wall, here.at = now, wall, at
        here.silent_s = now - self._fresh_at
        dt = max(0.0, min(now - self._accounted_at, 3 * period_s))
        self._accounted_at = now
        # For as long as a level is believed, the sun is where the newest telegram saw it.
        is_known = here.silent_s <= 3 * period_s
        for unit in here.units:
            active = unit.activity(now, here.seen_at, period_s) is Activity.ACTIVE
            draw_w = unit.learner.draw_w()
            sun_w = min(unit.sun_w, draw_w) if is_known else 0.0
            unit.account.step(wall, dt, active=active, sun_w=sun_w, grid_w=draw_w - sun_w)
            unit.expire(at)
        if not here.enabled:
            return orders.commands
        if here.silent_s >= here.site.stale_s:
            if not here.starting_up or now - started_at >= _FIRST_WAIT_S:
                self._begin_blind()
                if loads is not None:
                    self._orders.look_blind(loads)
                self._go_blind()
        elif not here.starting_up:
            self._follow_hands()
            if here.silent_s <= 2 * period_s and not here.waiting:
                self._start_wanted()
        if orders.commands:
            self._arrange()
        return orders.commands

    def override(self, load: str, on: bool | None, until: datetime) -> None:  # noqa: FBT001 - on or off is what it is about
        """Take a person's hand; it acts at the next step or tick.

        Args:
            load: its id.
            on: True or False; None: the hand is taken away.
            until: its end, aware; `FOREVER`: it does not end by itself.
        """
        self._units[load].put_hand(on, until.timestamp())

    def seen(self, load: str, *, on: bool) -> None:
        """Take what an output has just said it is, before the next telegram.

        A person who switches a load over as soon as the law has switched it is only so told from a load that does not
        obey.

        Args:
            load: its id.
            on: what its output is now.
        """
        here = self._here
        if here.enabled and not here.starting_up and not here.blind:
            self._orders.see(self._units[load], on)

    def hand(self, load: str, *, on: bool) -> None:
        """Take it that a person has switched the load past us just now: a hand, or where it undoes one, its end.

        Without it this is found out all the same, but only once the time is over that an output has to obey.

        Args:
            load: its id.
            on: what its output is now.
        """
        if self._here.enabled and not self._here.starting_up:
            self._orders.take_hand(self._units[load], on)

    @property
    def reasons(self) -> Mapping[str, Reason]:
        """Why each load is as it is, by its id."""
        return {name: explain.explain(unit, self._here)[0] for name, unit in self._units.items()}

    def view(self, load: str) -> LoadView:
        """Return what can be shown of the load with this id."""
        unit, here = self._units[load], self._here
        reason, detail = explain.explain(unit, here)
        on = unit.shown_on(here.seen_at, here.site.period_s)
        until: datetime | None = None
        if unit.override is not None:
            until = FOREVER if unit.hand_lasts else datetime.fromtimestamp(unit.until, here.wall.tzinfo)
        return LoadView(
            on=on,
            activity=unit.activity(here.now, here.seen_at, here.site.period_s),
            reason=reason,
            detail=detail,
            power_w=unit.learner.draw_w() if on else 0.0,
            learned_w=unit.learner.power_w,
            phases=unit.learner.phases,
            run_s=unit.account.run_s,
            starts=unit.account.starts,
            sun_wh=unit.account.sun_wh,
            grid_wh=unit.account.grid_wh,
            override=unit.override,
            override_until=until,
            day=unit.account.day,
            day_began=unit.account.began,
        )

    def site_view(self) -> SiteView:
        """Return what can be shown of the connection."""
        here = self._here
        window, fuse = here.window, here.fuse
        alarms = (
            (Alarm.FUSE_HELPLESS, fuse.helpless),
            (Alarm.FUSE_EXPORT, fuse.exporting),
            (Alarm.DEMAND_HELPLESS, window.helpless),
        )
        is_known = here.silent_s < here.site.stale_s
        return SiteView(
            mode=explain.mode(here),
            surplus_w=here.surplus_w if is_known else None,
            target_w=window.target_w,
            forecast_w=window.forecast_w() if is_known else None,
            headroom_w=window.headroom_w() if is_known else None,
            phase_headroom_a=fuse.headroom_a(here.site) if is_known else (None, None, None),
            alarms=frozenset(alarm for alarm, holds in alarms if holds),
        )

    @property
    def state(self) -> dict[str, Any]:
        """What a restart must not lose; JSON can hold it."""
        here = self._here
        if self._started_at is None:
            return deepcopy(self._kept)
        loads = {name: unit.save(here.now, here.at) for name, unit in self._units.items()}
        return {"loads": loads, "window": here.window.state}

    def _take_settings(self) -> None:
        """Sort the loads by their rank, and give them their weights."""
        here = self._here
        here.units = sorted(self._units.values(), key=lambda unit: unit.settings.rank)
        self._least_first = here.units[::-1]
        self._powers = [0.0] * len(here.units)
        self._weigh()

    def _start(self, now: float, at: float) -> float:
        """Begin to count the time."""
        self._started_at = self._fresh_at = now
        for unit in self._here.units:
            unit.restore(now, at)
        return now

    def _learn(self, sample: Sample, dt: float, *, settled: bool) -> None:
        """Take everything that the telegram says of the connection, and count what the loads do."""
        here, window = self._here, self._here.window
        draw_w = shed_w = 0.0
        for unit in here.units:
            if unit.on and unit.is_ours:
                own_w = unit.learner.draw_w()
                draw_w += own_w
                if not (unit.settings.never_shed or unit.override):
                    shed_w += own_w
        window.step(sample, here.site, here.at, dt, settled=settled, draw_w=draw_w, shed_w=shed_w)
        if settled:
            here.surplus_w = sample.export_w - sample.import_w + draw_w
        self._count(sample, dt)
        if (sample.price_buy, sample.price_sell) != self._prices:
            self._weigh()
        else:
            self._compare()

    def _weigh(self) -> None:
        """Arrange the choice between sets with what the sun is worth now."""
        sample = self._here.sample
        self._prices = sample.price_buy, sample.price_sell
        self._thetas = [theta(unit.settings, sample) for unit in self._here.units]
        # What it was arranged with; None: it has to be arranged anew.
        self._arranged: tuple[list[float], int, int] | None = None
        self._compare()

    def _compare(self) -> None:
        """Tell the choice between sets if anything has changed that it goes by."""
        n = current = fixed = 0
        powers = self._powers
        for unit in self._here.units:
            powers[n] = unit.learner.power_w
            if not unit.is_ours:
                fixed |= 1 << n
            elif unit.on:
                current |= 1 << n
                if unit.actual and unit.learner.is_measured:
                    powers[n] = max(0.0, unit.learner.draw_w())
                if unit.learner.idle:
                    powers[n] = 0.0
                    fixed |= 1 << n
                elif unit.override is not None or unit.forced:
                    fixed |= 1 << n
            elif unit.override is not None:
                fixed |= 1 << n
            n += 1  # noqa: SIM113 - enumerate() makes a tuple a turn
        if (powers, current, fixed) != self._arranged:
            self._arrange_sets(current, fixed)

    def _count(self, sample: Sample, dt: float) -> None:
        """Count what each load does in its day: the sun goes to the loads in the order of their rank."""
        here, now, wall = self._here, sample.now, sample.wall
        left_w = here.surplus_w or 0.0
        dt = min(dt, max(0.0, now - self._accounted_at))
        self._accounted_at = now
        n = 0
        for unit in here.units:
            if left_w >= self._enough[n]:
                unit.short_since = None
            elif unit.short_since is None:
                unit.short_since = now
            if unit.on and unit.is_ours:
                draw_w = unit.learner.draw_w()
                unit.sun_w = sun_w = min(max(0.0, left_w), draw_w)
                left_w -= draw_w
                if not unit.actual:
                    # What has not obeyed yet has its share, and uses nothing of it.
                    sun_w = draw_w = 0.0
                active = unit.actual is True and not unit.learner.idle and now >= unit.changed_at + unit.travel_s
                unit.account.step(wall, dt, active=active, sun_w=sun_w, grid_w=draw_w - sun_w)
            else:
                unit.sun_w = 0.0
                unit.account.step(wall, dt, active=False, sun_w=0.0, grid_w=0.0)
            unit.minimum.step(sample, here.site, unit.account, unit.learner, target_w=here.window.target_w)
            n += 1  # noqa: SIM113 - enumerate() makes a tuple a turn

    def _arrange(self) -> None:
        """Show the choice between sets what was switched."""
        current = sum(1 << n for n, unit in enumerate(self._here.units) if unit.on and unit.is_ours)
        self._arrange_sets(current, 0 if self._arranged is None else self._arranged[2])

    def _arrange_sets(self, current: int, fixed: int) -> None:
        here = self._here
        count = len(here.units)
        shares = []
        for n, unit in enumerate(here.units):
            load = unit.settings
            weight = 1.0 if here.site.priority == "fair" else 2.0 ** (count - 1 - n)
            share = Share(
                self._powers[n], self._thetas[n], weight, load.off_share, load.start_cost_wh, load.stop_cost_wh
            )
            shares.append(share)
        # What the sun must leave for each load so that it does not wait for more.
        self._enough = [share.power_w * max(share.theta, share.gate) for share in shares]
        here.regret.arrange(shares, current, fixed)
        self._arranged = list(self._powers), current, fixed

    def _decide(self, sample: Sample, dt: float, *, settled: bool, over: bool) -> None:
        """Let every authority speak, the highest first; `over`: a phase is over the fuse, or was until now."""
        here = self._here
        if over and not here.starting_up:
            self._shed_for_fuse()
        if here.waiting:
            return
        if here.window.target_w is not None:
            self._shed_for_demand()
        self._follow_hands()
        self._end_runs(sample)
        self._start_wanted()
        if here.planned:
            self._start_planned()
        if (
            settled
            and here.surplus_w is not None
            and not self._orders.commands
            and here.regret.step(here.surplus_w, dt)
        ):
            self._change_set()

    def _begin_blind(self) -> None:
        """Note that nothing is known any more."""
        here = self._here
        if not here.blind:
            here.blind = True
            here.good = 0
            here.regret.reset()
            here.planned.clear()
            self._blind_ends = {unit.id: deadline_after(unit.settings, here.wall).timestamp() for unit in here.units}

    def _go_blind(self) -> None:
        """Put every load in its safe state."""
        here = self._here
        now, at = here.now, here.at
        for unit in here.units:
            load = unit.settings
            is_run = unit.forced and unit.account.run_s < load.min_run_s and at < self._blind_ends[unit.id]
            if load.run_when_blind and unit.on and (unit.override or (unit.override is None and is_run)):
                continue
            safe = load.safe_on and unit.override is not False
            if unit.told is safe or (safe and now < here.next_start):
                continue
            is_by_hand = load.safe_on and unit.override is False
            why = explain.hand(unit, here) if is_by_hand else (Reason.STALE, {"silent_s": here.silent_s})
            self._orders.switch(unit, *why, on=safe)

    def _shed_for_fuse(self) -> None:
        here = self._here
        for unit in here.units:
            # There is no time to see whether a person means it: what is on counts, and what is off does not help.
            if unit.differs_since != inf:
                self._orders.take_hand(unit, unit.actual is True)
        for shed in here.fuse.shed(self._least_first, here.now, here.site):
            unit = shed.unit
            unit.fuse_until = here.now + LOCK_S
            unit.fuse_phase, unit.fuse_current_a = shed.phase, shed.current_a
            self._orders.switch(unit, *(here.lock(unit) or (Reason.FUSE, {})), on=False)

    def _shed_for_demand(self) -> None:
        """Keep the demand window under its target."""
        here = self._here
        window = here.window
        on = [unit for unit in self._least_first if unit.may_be_shed and not unit.learner.idle]
        on = [unit for unit in on if not (unit.override and unit.settings.override_protected)]
        if window.began:
            self._shed_at_boundary(on)
        on = [unit for unit in on if unit.on]
        while on and window.is_last_moment(on[0].learner.draw_w()):
            unit = on.pop(0)
            lock_s = min(window.remaining_s, _LONGEST_LOCK_S)
            unit.window_until = here.now + lock_s
            self._orders.switch(unit, Reason.DEMAND, here.demand_detail(lock_s), on=False)
        # A person's ON goes on until the last moment.
        willing = [unit for unit in on if not unit.override]
        while willing and window.is_exposed():
            unit = willing.pop(0)
            on.remove(unit)
            # It is not locked: it comes back as soon as no surge can do harm any more.
            wait_s = window.wait_s(unit.learner.power_w, unit.learner.draw_w())
            self._orders.switch(unit, Reason.DEMAND, here.demand_detail(wait_s), on=False)
        window.watch(here.now, can_shed=bool(on))

    def _shed_at_boundary(self, on: list[Unit]) -> None:
        """Shed what a new window has no room for, the least important first."""
        window = self._here.window
        shed: list[Unit] = []
        less_w = 0.0
        for unit in on:
            # A person's ON does not wait for the end of the window, so it goes on until the last moment.
            if not unit.override and window.is_too_much(less_w):
                shed.append(unit)
                less_w += unit.learner.draw_w()
        gone: list[Unit] = []
        for unit in reversed(shed):
            # A small load stays where a larger one had to go as well.
            draw_w = unit.learner.draw_w()
            if window.is_too_much(less_w - draw_w):
                gone.append(unit)
            else:
                less_w -= draw_w
        # They are not locked: each comes back as soon as it fits.
        waits = [window.wait_s(unit.learner.power_w, less_w) for unit in gone]
        for unit, wait_s in zip(gone, waits, strict=True):
            self._orders.switch(unit, Reason.DEMAND, self._here.demand_detail(wait_s), on=False)

    def _follow_hands(self) -> None:
        """Switch off what a person wants off."""
        for unit in self._here.units:
            if unit.override is False and unit.told and unit.actual is not None:
                self._orders.switch(unit, *explain.hand(unit, self._here), on=False)

    def _end_runs(self, sample: Sample) -> None:
        """Switch off what may not run now, and what draws nothing."""
        now = self._here.now
        for unit in self._here.units:
            if not unit.on or unit.override is not None or not unit.is_ours:
                continue
            if now - unit.changed_at < unit.settings.min_on_s:
                continue
            if unit.is_restricted or unit.learner.idle or not sample.loads[unit.id].allowed:
                end = self._end_of_run(unit)
                if end is not None:
                    self._orders.switch(unit, *end, on=False)

    def _end_of_run(self, unit: Unit) -> tuple[Reason, Detail] | None:
        """Return why a load that has been on for its minimum time has to be switched off."""
        here = self._here
        load, learner = unit.settings, unit.learner
        if (refusal := ended(load, here.sample, unit.account)) is not None:
            return refusal
        since = learner.idle_since
        if since is None or load.hold_idle:
            return None
        if (here.surplus_w or 0.0) > -_LOST * learner.power_w:
            unit.lost_since = inf
        elif unit.lost_since == inf:
            unit.lost_since = here.now
        idle_s = here.now - since
        if idle_s >= load.idle_off_s:
            unit.idle_until = here.now + load.idle_retry_s
        elif unit.forced or here.now - max(since, unit.lost_since) < _LOST_S:
            # Without sun is how a run by deadline is: it would be started again at once.
            return None
        return Reason.IDLE, {"since_s": idle_s}

    def _start_wanted(self) -> None:
        """Start what a person wants on, at once, and else one load that its deadline does, where there is room."""
        here = self._here
        for unit in here.units:
            if unit.on or not unit.is_ours:
                continue
            if unit.override:
                if here.lock(unit) is None and here.no_room(unit) is None:
                    self._orders.switch(unit, *explain.hand(unit, here), on=True)
            elif (
                unit.override is None
                and unit.forced
                and here.now >= here.next_start
                and here.barrier(unit) is None
                and here.no_room(unit) is None
            ):
                self._orders.switch(unit, *explain.deadline(unit, here), on=True)

    def _start_planned(self) -> None:
        """Start the next load of the set that was chosen, unless something has come between."""
        here = self._here
        unit = here.planned[0]
        free = not unit.on and unit.is_ours and unit.override is None
        if self._orders.commands or not free or here.barrier(unit) is not None or here.no_room(unit) is not None:
            here.planned.clear()
        elif here.now >= here.next_start:
            del here.planned[0]
            load = here.units.index(unit)
            self._orders.switch(unit, *explain.sun(unit, here, here.regret.current | 1 << load), on=True)

    def _change_set(self) -> None:
        """Change to the set of loads that uses the sun best, if that is worth what it costs."""
        here = self._here
        regret, surplus_w = here.regret, here.surplus_w or 0.0
        mask = regret.choose(surplus_w, here.start_costs(), self._is_feasible)
        if mask is None:
            return
        started = [here.units[n] for n in members(mask & ~regret.current)]
        stopped = [here.units[n] for n in members(regret.current & ~mask)]
        for unit in stopped:
            unit.made_room = bool(started)
            reason = (Reason.MADE_ROOM, {}) if started else explain.short(unit, here, starting=False)
            self._orders.switch(unit, *reason, on=False)
        if started:
            self._orders.switch(started[0], *explain.sun(started[0], here, mask), on=True)
            here.planned = started[1:]

    def _is_feasible(self, mask: int) -> bool:
        """Return whether the change to this set is allowed now."""
        here = self._here
        now, units, current = here.now, here.units, here.regret.current
        started = [units[n] for n in members(mask & ~current)]
        stopped = [units[n] for n in members(current & ~mask)]
        if any(now - unit.changed_at < unit.settings.min_on_s for unit in stopped):
            return False
        if not started:
            return True
        if now < here.next_start or any(here.barrier(unit) is not None for unit in started):
            return False
        changes = [(unit, unit.learner.power_w) for unit in started]
        changes += [(unit, -unit.learner.draw_w()) for unit in stopped]
        if here.fuse.blocks(changes, here.site) is not None:
            return False
        least_s = max(unit.settings.min_on_s for unit in started)
        return here.window.allows(sum(power_w for _, power_w in changes), least_s)
