"""What the control law sees and says.

Power is in W, energy in Wh, current in A, time in s. The sign of a power that can have one: + is from the grid.
"""

from dataclasses import KW_ONLY, dataclass, field
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

type Priority = Literal["fair", "strict"]

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
"""The end of an override that does not end by itself."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of the connection.

    Attributes:
        current_a: as the meter sends it: without a sign.
        import_w: drawn from the grid.
        export_w: given to the grid.
        voltage_v: against neutral; None where it is not sent.
    """

    current_a: float | None
    import_w: float | None
    export_w: float | None
    voltage_v: float | None


@dataclass(frozen=True, slots=True)
class LoadInput:
    """What is known of one load at a telegram.

    Attributes:
        on: the actual state of its output; None: unknown, or it is not there.
        power_w: what its own power sensor says; None: it has none.
        allowed: whether what the person named as its permission says yes.
    """

    on: bool | None
    power_w: float | None = None
    allowed: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """One accepted telegram, and what was known at its reception.

    Attributes:
        now: the monotonic clock at reception, s; all durations are measured by it.
        wall: the meter's time, aware, in the home's zone; windows, days and deadlines are measured by it.
        import_w: power from the grid, sum of the phases.
        export_w: power to the grid, sum of the phases.
        phases: L1 to L3; None: the meter does not report the phase.
        import_wh: the import register, summed over the tariffs.
        demand_w: the running demand (1.4.0), where a demand tariff applies.
        month_peak_w: the highest demand of the month (1.6.0), likewise.
        tariff: number of the tariff that applies.
        price_buy: of a kWh from the grid.
        price_sell: of a kWh to the grid.
        loads: by the load's id.
    """

    now: float
    wall: datetime
    import_w: float
    export_w: float
    phases: tuple[Phase | None, Phase | None, Phase | None]
    import_wh: float | None = None
    demand_w: float | None = None
    month_peak_w: float | None = None
    tariff: int | None = None
    price_buy: float | None = None
    price_sell: float | None = None
    loads: Mapping[str, LoadInput] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoadSettings:
    """What a person wants of one load.

    Attributes:
        id: the load's own, unique.
        power_w: nominal power.
        rank: 1 is the most important: served first, shed last.
        on_share: share of the load's power that the sun covers; with `off_share` it gives the break-even share theta.
        off_share: the same; also the least share at a start.
        start_cost_wh: what a start must gain before it is worth it.
        stop_cost_wh: what a stop must gain before it is worth it.
        min_on_s: how long it stays on at least.
        min_off_s: how long it stays off at least.
        latency_s: from a command to the first change of power.
        ramp_s: from the first change to full power.
        phases: those it is connected to; None: unknown, to be learned.
        min_run_s: how long it must run in each of its days.
        max_run_s: how long it may run in each of its days.
        deadline: local time by which `min_run_s` must be reached; None: the end of its day.
        day_start: local time at which its day begins.
        max_starts_per_day: a guard for the relay, hard.
        max_starts_per_hour: the same.
        start_budget: starts a day that are to be had at the plain cost; None: all.
        tariffs: those in which it may start; None: all.
        max_price: the highest `price_buy` at which it may start.
        windows: local times (from, to) in which it may start; none: always. One may pass midnight.
        value_per_kwh: what a kWh in this load is worth; with prices it replaces the shares in theta.
        override_s: how long a person's hand is respected.
        override_protected: True: the demand limit does not end a person's ON.
        never_shed: True: the fuse and the demand limit never switch it off.
        safe_on: its state when nothing is known.
        run_when_blind: True: a run by deadline and a person's ON go on when nothing is known.
        idle_off_s: drawing nothing for so long, it is switched off.
        idle_retry_s: and tried again after this.
        hold_idle: True: it stays on when it draws nothing.
    """

    id: str
    power_w: float
    rank: int
    _: KW_ONLY
    on_share: float = 0.80
    off_share: float = 0.50
    start_cost_wh: float = 20.0
    stop_cost_wh: float = 20.0
    min_on_s: float = 60.0
    min_off_s: float = 0.0
    latency_s: float = 2.0
    ramp_s: float = 2.0
    phases: tuple[int, ...] | None = None
    min_run_s: float = 0.0
    max_run_s: float | None = None
    deadline: time | None = None
    day_start: time = time(4)
    max_starts_per_day: int | None = None
    max_starts_per_hour: int | None = 12
    start_budget: int | None = None
    tariffs: frozenset[int] | None = None
    max_price: float | None = None
    windows: tuple[tuple[time, time], ...] = ()
    value_per_kwh: float | None = None
    override_s: float = 7200.0
    override_protected: bool = False
    never_shed: bool = False
    safe_on: bool = False
    run_when_blind: bool = False
    idle_off_s: float = 600.0
    idle_retry_s: float = 1800.0
    hold_idle: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The connection that all loads share.

    Attributes:
        period_s: time between two telegrams, as measured.
        stale_s: time without one after which nothing is known.
        fuse_a: the main fuse, per phase; None: it is not watched.
        fuse_margin_a: kept free at every start.
        target_w: what a demand window may take on the mean; None: the month's peak so far, where there is one.
        target_floor_w: the least target.
        window_s: length of the demand window.
        peak_count: the tariff takes the mean of so many of the largest windows of the month.
        cap_margin: part of a window's energy that is kept free.
        reserve_w: added to the house's power in every forecast.
        house_w: power of the house itself, assumed where it must be.
        priority: `fair`: all loads count alike; `strict`: a load counts as much as all that come after it.
    """

    period_s: float = 1.0
    stale_s: float = 10.0
    fuse_a: float | None = None
    fuse_margin_a: float = 1.0
    target_w: float | None = None
    target_floor_w: float = 2500.0
    window_s: float = 900.0
    peak_count: int = 1
    cap_margin: float = 0.03
    reserve_w: float = 200.0
    house_w: float = 500.0
    priority: Priority = "fair"


class Reason(StrEnum):
    """Why a load is as it is. In brackets: what `detail` holds, besides what the unit in its name says."""

    # Nothing is decided.
    CONTROL_OFF = "control_off"
    """All load control is switched off."""
    UNAVAILABLE = "unavailable"
    """Its output is not there, or says nothing."""
    FAULT = "fault"
    """Its output does not do what it is told."""
    STARTING_UP = "starting_up"
    """After a start or a silence: the first good telegrams are awaited."""
    # 0
    STALE = "stale"
    """No good telegram: the safe state. (silent_s)"""
    # 1
    FUSE = "fuse"
    """Shed: a phase is over the fuse; locked. (phase, current_a, remaining_s; fuse_a, absent if none is watched now)"""
    FUSE_HEADROOM = "fuse_headroom"
    """May not start: the phase has too little room. (phase, current_a, fuse_a)"""
    # 2
    DEMAND = "demand"
    """Shed, or locked until the window ends: it would take too much. (remaining_s, of the lock, or until there is room;
    target_w, absent if there is none now)"""
    DEMAND_HEADROOM = "demand_headroom"
    """May not start yet: the window would take too much. (target_w, remaining_s)"""
    # 3
    TARIFF = "tariff"
    """Not in this tariff. (tariff, absent if nobody knows it)"""
    PRICE = "price"
    """Too dear now. (price, absent if nobody knows it; max_price)"""
    WINDOW = "window"
    """Not at this time of day. (starts_at, local time HH:MM)"""
    NOT_ALLOWED = "not_allowed"
    """What the person named as its permission says no."""
    MAX_RUN = "max_run"
    """It has run enough today. (run_s)"""
    MAX_STARTS = "max_starts"
    """It has been started often enough today, or in this hour. (starts)"""
    # 4
    OVERRIDE_ON = "override_on"
    """A person's hand. (remaining_s, absent if it does not end by itself)"""
    OVERRIDE_OFF = "override_off"
    """The same."""
    # 5
    DEADLINE = "deadline"
    """Runs, or is to run, so that its minimum is met. (missing_s, deadline, local time HH:MM)"""
    # 6
    SUN = "sun"
    """Runs on the sun. (share, 0 to 1)"""
    SHORT = "short"
    """Waits: the sun does not suffice. (short_w, since_s)"""
    GATHERING = "gathering"
    """The sun suffices: it starts if that lasts. (remaining_s)"""
    LEAVING = "leaving"
    """On, but the sun has gone: it stops if that lasts. (short_w, remaining_s)"""
    MADE_ROOM = "made_room"
    """Switched off for a load that uses the sun better."""
    # What holds it as it is.
    SETTLING = "settling"
    """Just switched: its power is awaited."""
    MIN_ON = "min_on"
    """Stays on for its minimum time. (remaining_s)"""
    MIN_OFF = "min_off"
    """Stays off for its minimum time. (remaining_s)"""
    IDLE = "idle"
    """On, but it draws nothing: full, warm, or switched off at the device. (since_s)"""
    IDLE_WAIT = "idle_wait"
    """Off because it drew nothing; tried again. (remaining_s)"""


PROTECTING: Final = frozenset({Reason.STALE, Reason.FUSE, Reason.DEMAND})
"""Reasons of commands that protect: they do not keep to `min_on_s`."""

type Detail = Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Command:
    """Switch this load now.

    Attributes:
        load: its id.
        on: to what.
        reason: why.
        detail: the numbers behind the reason; see `Reason`.
        again: whether it was told this before, and has not done it, or was away.
    """

    load: str
    on: bool
    reason: Reason
    detail: Detail
    again: bool = False


class Activity(StrEnum):
    """What a load is doing."""

    OFF = "off"
    STARTING = "starting"
    """It is on, and not yet at its power."""
    ACTIVE = "active"
    IDLE = "idle"
    """It is on and draws nothing."""
    FAULT = "fault"
    """Its output does not do what it is told."""
    UNKNOWN = "unknown"
    """Nobody knows whether it is on."""


class Alarm(StrEnum):
    """What a person has to know of the connection; it holds until its cause is gone."""

    FUSE_HELPLESS = "fuse_helpless"
    """A phase is over the fuse, and nothing that may be shed would help, or shedding has not helped."""
    FUSE_EXPORT = "fuse_export"
    """A phase exports more than the fuse: shedding would make it worse."""
    DEMAND_HELPLESS = "demand_helpless"
    """The window takes more than its target, and nothing that may be shed would help."""


class Mode(StrEnum):
    """What the controller as a whole is doing."""

    OFF = "off"
    """A person has switched all load control off."""
    WAITING = "waiting"
    """The first good telegrams are awaited."""
    CONTROLLING = "controlling"
    PROTECTING = "protecting"
    """A load is shed for the fuse or the window at this moment."""
    HELPLESS = "helpless"
    """An alarm holds: a limit cannot be kept."""
    STALE = "stale"
    """No good telegram: loads are in their safe states."""


@dataclass(frozen=True, slots=True)
class LoadView:
    """What can be shown of one load.

    Attributes:
        on: what was commanded and, once that had its time, or a person switched it, what is; None: unknown.
        activity: what it is doing.
        reason: why it is as it is.
        detail: the numbers behind the reason; see `Reason`.
        power_w: what it draws now: by its own sensor, else as learned; 0 if it is off or idle.
        learned_w: what it draws when it is active.
        phases: those it is connected to, given or learned; None: unknown.
        run_s: run time in its day.
        starts: in its day; those that it has not obeyed do not count.
        sun_wh: energy in its day that came from the own sun.
        grid_wh: energy in its day that came from the grid.
        override: a person's hand; None: none.
        override_until: its end, aware; `FOREVER`: until cancelled; None without one.
        day: its day that `run_s` to `grid_wh` belong to, by the date on which it began; `date.min`: not known.
        day_began: the local time at which that began.
    """

    on: bool | None
    activity: Activity
    reason: Reason
    detail: Detail
    power_w: float
    learned_w: float
    phases: tuple[int, ...] | None
    run_s: float
    starts: int
    sun_wh: float
    grid_wh: float
    override: bool | None
    override_until: datetime | None
    day: date
    day_began: time


@dataclass(frozen=True, slots=True)
class SiteView:
    """What can be shown of the connection.

    What was measured is None while no telegram comes.

    Attributes:
        mode: what the controller is doing.
        surplus_w: what the panels leave for the loads, negative if the house itself imports; None before it is known.
        target_w: what the window may take on the mean; None: no demand limit.
        forecast_w: mean import of the window at its end, if nothing changes; None likewise.
        headroom_w: power that can still be added until the end of the window; None likewise.
        phase_headroom_a: of L1 to L3, what is left under the fuse; None: no fuse, or the phase is not reported.
        alarms: what a person has to know.
    """

    mode: Mode
    surplus_w: float | None
    target_w: float | None
    forecast_w: float | None
    headroom_w: float | None
    phase_headroom_a: tuple[float | None, float | None, float | None]
    alarms: frozenset[Alarm]
