"""Why a load is as it is: said only when somebody asks."""

from typing import TYPE_CHECKING, Final

from .day import deadline_after
from .model import Mode, Reason

if TYPE_CHECKING:
    from .model import Detail
    from .situation import Situation
    from .unit import Unit


# What is short (W) is never said to be less: it is shown in steps of ten, and nobody understands that nothing is short.
_LEAST_SHORT_W: Final = 10.0
# Why the law has switched a load: that stands until the meter shows it.
_STANDING: Final = frozenset({Reason.DEADLINE, Reason.SUN, Reason.SHORT, Reason.MADE_ROOM})


def mode(here: Situation) -> Mode:
    """Return what the controller as a whole is doing."""
    if not here.enabled:
        return Mode.OFF
    if here.blind:
        return Mode.STALE
    if here.waiting:
        return Mode.WAITING
    if here.fuse.helpless or here.fuse.exporting or here.window.helpless:
        return Mode.HELPLESS
    return Mode.PROTECTING if any(here.lock(unit) for unit in here.units) else Mode.CONTROLLING


def explain(unit: Unit, here: Situation) -> tuple[Reason, Detail]:
    """Return why the load is as it is, with the numbers behind it: the first authority that has a say in it."""
    if not here.enabled:
        return Reason.CONTROL_OFF, {}
    if unit.actual is None and here.good:
        return Reason.UNAVAILABLE, {}
    if unit.fault:
        return Reason.FAULT, {}
    is_off_by_hand = unit.override is False and unit.settings.safe_on
    if here.blind and not is_off_by_hand and not (unit.on and unit.settings.run_when_blind):
        return Reason.STALE, {"silent_s": here.silent_s}
    if here.waiting and not here.blind:
        return Reason.STARTING_UP, {}
    if unit.cause is not None and unit.changed_at == here.now:
        return unit.cause, unit.cause_detail
    return _why_on(unit, here) if unit.on else _why_off(unit, here)


def hand(unit: Unit, here: Situation) -> tuple[Reason, Detail]:
    """Return the reason that is a person's hand."""
    reason = Reason.OVERRIDE_ON if unit.override else Reason.OVERRIDE_OFF
    return reason, {} if unit.hand_lasts else {"remaining_s": max(0.0, unit.until - here.at)}


def deadline(unit: Unit, here: Situation) -> tuple[Reason, Detail]:
    """Return the reason that is a minimum run."""
    missing_s = max(0.0, unit.settings.min_run_s - unit.account.run_s)
    end = deadline_after(unit.settings, here.wall)
    return Reason.DEADLINE, {"missing_s": missing_s, "deadline": f"{end:%H:%M}"}


def sun(unit: Unit, here: Situation, mask: int) -> tuple[Reason, Detail]:
    """Return the reason that is the sun, with the loads of the mask on."""
    return Reason.SUN, {"share": here.regret.share(here.units.index(unit), here.surplus_w or 0.0, mask)}


def short_w(unit: Unit, here: Situation, *, starting: bool) -> float:
    """Return how much sun is missing for the load to be worth its while, W."""
    regret = here.regret
    load = here.units.index(unit)
    share = regret.shares[load]
    least = max(share.theta, share.gate) if starting else share.theta
    left_w = regret.left_w(load, here.surplus_w or 0.0, regret.current)
    return max(0.0, least * share.power_w - left_w)


def short(unit: Unit, here: Situation, *, starting: bool) -> tuple[Reason, Detail]:
    """Return the reason that is too little sun."""
    # It may have enough, and take it from a load that uses it better.
    missing_w = short_w(unit, here, starting=starting)
    missing_w = missing_w or here.regret.lack_w(here.units.index(unit), here.surplus_w or 0.0)
    since_s = 0.0 if unit.short_since is None else here.now - unit.short_since
    return Reason.SHORT, {"short_w": max(_LEAST_SHORT_W, missing_w), "since_s": since_s}


def _why_on(unit: Unit, here: Situation) -> tuple[Reason, Detail]:
    now = here.now
    if unit.override:
        return hand(unit, here)
    if unit.learner.idle:
        since = unit.learner.idle_since
        return Reason.IDLE, {"since_s": 0.0 if since is None else now - since}
    if now < unit.settled_at:
        return _just_switched(unit)
    if unit.forced:
        return deadline(unit, here)
    regret = here.regret
    missing_w = short_w(unit, here, starting=False)
    on_until = unit.changed_at + unit.settings.min_on_s
    if missing_w <= 0:
        return sun(unit, here, regret.current)
    if now < on_until:
        return Reason.MIN_ON, {"remaining_s": on_until - now}
    detail: dict[str, float | int | str] = {"short_w": max(_LEAST_SHORT_W, missing_w)}
    if (soonest := _soonest(unit, here)) is not None:
        detail["remaining_s"] = soonest + here.settling_s()
    return Reason.LEAVING, detail


def _why_off(unit: Unit, here: Situation) -> tuple[Reason, Detail]:
    if (locked := here.lock(unit)) is not None:
        return locked
    if unit.override is False:
        return hand(unit, here)
    if unit.override:
        return here.no_room(unit) or hand(unit, here)
    if (kept := here.permission(unit) or here.rest(unit)) is not None:
        return kept
    if unit.forced:
        return here.no_room(unit) or deadline(unit, here)
    if here.now < unit.settled_at:
        return _just_switched(unit)
    return _why_not_yet(unit, here)


def _why_not_yet(unit: Unit, here: Situation) -> tuple[Reason, Detail]:
    """Return why the sun has not started it."""
    if unit in here.planned:
        return Reason.GATHERING, {"remaining_s": max(0.0, here.next_start - here.now)}
    soonest = _soonest(unit, here)
    if soonest is None:
        if unit.made_room and here.regret.current:
            return Reason.MADE_ROOM, {}
        return short(unit, here, starting=True)
    if soonest <= 0 and (full := here.no_room(unit)) is not None:
        return full
    return Reason.GATHERING, {"remaining_s": soonest + here.settling_s()}


def _just_switched(unit: Unit) -> tuple[Reason, Detail]:
    """Return the reason while the meter does not show yet what was switched."""
    return (unit.cause, unit.cause_detail) if unit.cause in _STANDING else (Reason.SETTLING, {})


def _soonest(unit: Unit, here: Situation) -> float | None:
    """Return after which time (s) it is switched if the sun stays as it is, and all is settled; None: never."""
    return here.regret.soonest(here.units.index(unit), here.surplus_w or 0.0, here.start_costs())
