"""How many rows a day costs and how true what is shown stays: p1meter's policies beside Home Assistant's own `dsmr`.

Ten days of a simulated household with a DSMR 5 meter, telegram by telegram, from its bytes on. Counted is what the
recorder would write of the entities that are there by default: a state that is written again unchanged is no row.
docs/performance.md says what the figures mean.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import chain
from multiprocessing import get_context
import os
from random import Random
from statistics import fmean, median
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol, TypedDict

from _bench_page import goal, goals_table, grid, machine

from p1meter.judge import Judge
from p1meter.memory import Memory
from p1meter.meter import REGISTERS, Reader, Telegram
from p1meter.reporting import BALANCED, ECONOMY, Reporter
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from _bench_page import Goal

    from p1meter.meter import Reading
    from p1meter.reporting import Numbers

# The numbers of `reporting.BALANCED` were chosen on the seeds 1 to 60; those here were written down before any of their
# days was looked at.
DAYS: Final = (
    ("clear", 301),
    ("clear", 302),
    ("broken", 303),
    ("broken", 304),
    ("ragged", 305),
    ("overcast", 306),
    ("winter", 307),
    ("winter", 308),
    ("frost", 309),
    ("frost", 310),
)
LABELS: Final = {
    "clear": "clear",
    "broken": "broken clouds",
    "ragged": "broken clouds, ragged",
    "overcast": "overcast",
    "winter": "winter",
    "frost": "winter, heat pump",
}
START: Final = datetime(2026, 11, 23, tzinfo=ZONE)
SECONDS: Final = 86_400
PERIOD: Final = 300
STEP_W: Final = 500
STEP_LASTS: Final = 60
# A telegram comes so long after its second (s).
DELAY: Final = (0.40, 0.45)

OURS: Final[Mapping[str, Numbers | None]] = {"live": None, "balanced": BALANCED, "economy": ECONOMY}
RIVALS: Final = {f"dsmr {seconds} s": float(seconds) for seconds in (0, 10, 30)}
RIVAL: Final = "dsmr 30 s"


POWER: Final = "electricity_power"


class Way(Protocol):
    """One way of writing states."""

    rows: int
    watts: int

    def feed(self, shown: Mapping[str, Reading], at: datetime) -> None:
        """Take what a telegram holds, by slot id; `watts` is then the net power that is shown."""


class Ours:
    """p1meter: the Reporter decides."""

    def __init__(self, numbers: Numbers | None) -> None:
        self.rows = self.watts = 0
        self._reporter = Reporter(numbers)
        self._states: dict[str, object] = {}

    def feed(self, shown: Mapping[str, Reading], at: datetime) -> None:
        for slot in self._reporter.due(shown, at):
            if is_default(shown[slot].key) and self._states.get(slot) != shown[slot].value:
                self._states[slot] = shown[slot].value
                self.rows += 1
            if slot == POWER:
                self.watts = watts(shown)


class Dsmr:
    """Core's integration, restated from homeassistant/components/dsmr/sensor.py of 2026.10.

    It cannot be run here: it takes the time from the clock of the machine, and ten days of that are ten days.
    `update_entities_telegram` is throttled (`util.Throttle`: longer than the time since the last that was let through),
    then every entity that is in the telegram writes its state. None of these has `force_update` with a DSMR 5 meter, so
    that a row is written only where the state has changed. A total of zero is unknown. Availability changes only with
    the connection, which holds here.
    """

    # What is enabled by default, by our names: usage, delivery, tariff, four totals, gas.
    SLOTS: Final = (
        "electricity_power_import",
        "electricity_power_export",
        "electricity_tariff",
        "electricity_import_tariff_1",
        "electricity_import_tariff_2",
        "electricity_export_tariff_1",
        "electricity_export_tariff_2",
        "gas_gas",
    )

    def __init__(self, time_between_update: float, phase: float = 0.0) -> None:
        """Begin; after the first telegram the next is let through `phase` seconds later than it would be."""
        self.rows = self.watts = 0
        self._pause = timedelta(seconds=time_between_update)
        self._phase = timedelta(seconds=phase)
        self._last: datetime | None = None
        self._states: dict[str, object] = {}

    def feed(self, shown: Mapping[str, Reading], at: datetime) -> None:
        if self._last is None:
            self._last = at + self._phase
        elif at - self._last <= self._pause:
            return
        else:
            self._last = at
        for slot in self.SLOTS:
            # It rounds to three decimals: there are no more.
            if self._states.get(slot) != shown[slot].value:
                self._states[slot] = shown[slot].value
                self.rows += 1
        # Import and export are written together, so that their difference is what the meter said.
        self.watts = watts(shown)


@dataclass(slots=True)
class Track:
    """What a way has made of a day: the net power that was shown in each second, W."""

    way: Way
    watts: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Score:
    """How a way has done on a day.

    Attributes:
        rows: written by the recorder.
        error_w: mean absolute difference between the net power that is shown and the true one.
        energy_wh, energy_worst_wh: mean and greatest difference of the energy of five minutes.
        step_s, step_worst_s: from a step of 500 W that lasts to a state that shows half of it, median and longest.
        steps: how many there were.
    """

    rows: int
    error_w: float
    energy_wh: float
    energy_worst_wh: float
    step_s: float
    step_worst_s: float
    steps: int


class Result(TypedDict):
    """What it gives: scores by day and way, the goals, and all of it as tables."""

    name: str
    machine: str
    days: dict[str, dict[str, dict[str, Any]]]
    goals: list[Goal]
    ratio: dict[str, float]
    page: str


def measure() -> Result:
    """Live through the days, on all cores."""
    scores: dict[str, dict[str, Score]] = {}
    # Forked: the package without Home Assistant, which `scripts/bench` has made, is there in each of them.
    with ProcessPoolExecutor(os.process_cpu_count(), get_context("fork")) as pool:
        for (weather, seed), found in zip(DAYS, pool.map(play, *zip(*DAYS, strict=True)), strict=True):
            scores[f"{LABELS[weather]}, seed {seed}"] = found
            said = ", ".join(f"{way}: {one.rows} rows, {one.error_w:.1f} W" for way, one in found.items())
            print(f"{weather} {seed}: {said}", file=sys.stderr, flush=True)
    found_goals = goals(scores)
    ratios = [day[RIVAL].error_w / day["balanced"].error_w for day in scores.values()]
    return {
        "name": "rows",
        "machine": machine(),
        "days": {day: {way: asdict(score) for way, score in found.items()} for day, found in scores.items()},
        "goals": found_goals,
        "ratio": {"median": median(ratios), "min": min(ratios), "max": max(ratios)},
        "page": tables(scores, found_goals),
    }


def play(weather: str, seed: int) -> dict[str, Score]:
    """Live through one day with every way at the same telegrams."""
    ways: dict[str, Sequence[Way]] = {name: [Ours(numbers)] for name, numbers in OURS.items()}
    # When its clock happens to begin changes its error by a tenth: the mean of three.
    ways |= {
        name: [Dsmr(pause, pause / 3 * third) for third in range(3 if pause else 1)] for name, pause in RIVALS.items()
    }
    return play_with(ways, weather, seed)


def play_with(ways: Mapping[str, Sequence[Way]], weather: str, seed: int) -> dict[str, Score]:
    """Live through one day with these ways; of several in one place the mean counts."""
    household = Household(seed=seed, start=START, system="nl5", weather=weather)
    reader, late = Reader(), Random(f"{seed}/late")  # noqa: S311 (a simulation)
    tracks = {name: [Track(way) for way in all_] for name, all_ in ways.items()}
    every = list(chain.from_iterable(tracks.values()))
    judge: Judge | None = None
    true: list[int] = []
    for _ in range(SECONDS):
        household.step()
        at = household.now + timedelta(seconds=late.uniform(*DELAY))
        (telegram,) = reader.feed(SYSTEMS["nl5"].compose(household))
        if not isinstance(telegram, Telegram):
            raise TypeError(f"refused: {telegram}")
        judge = judge or Judge(Memory(profile=telegram.profile))
        shown = judge.judge(telegram, at).shown
        true.append(watts(shown))
        for track in every:
            track.way.feed(shown, at)
            track.watts.append(track.way.watts)
    steps = lasting_steps(true)
    return {name: mean_of([score(track, true, steps) for track in all_]) for name, all_ in tracks.items()}


def watts(shown: Mapping[str, Reading]) -> int:
    """Return the net power that the meter says, W."""
    value = shown[POWER].value
    if not isinstance(value, Decimal):
        raise TypeError(f"no power: {value}")
    return int(value)


@cache
def is_default(key: str) -> bool:
    """Return whether there is an entity of this register by default."""
    register = REGISTERS.get(key)
    return register is not None and register.entity and register.enabled


def score(track: Track, true: Sequence[int], steps: Iterable[int]) -> Score:
    """Compare what was shown with what was true."""
    errors = [shown - is_ for shown, is_ in zip(track.watts, true, strict=True)]
    energies = [abs(sum(errors[start : start + PERIOD])) / 3600 for start in range(0, SECONDS, PERIOD)]
    delays = [delay(track.watts, true, step) for step in steps]
    return Score(
        rows=track.way.rows,
        error_w=fmean(map(abs, errors)),
        energy_wh=fmean(energies),
        energy_worst_wh=max(energies),
        step_s=median(delays),
        step_worst_s=max(delays),
        steps=len(delays),
    )


def mean_of(scores: Sequence[Score]) -> Score:
    """Return the mean of several; of what is the worst, the worst."""
    return Score(
        rows=round(fmean(one.rows for one in scores)),
        error_w=fmean(one.error_w for one in scores),
        energy_wh=fmean(one.energy_wh for one in scores),
        energy_worst_wh=max(one.energy_worst_wh for one in scores),
        step_s=fmean(one.step_s for one in scores),
        step_worst_s=max(one.step_worst_s for one in scores),
        steps=scores[0].steps,
    )


def lasting_steps(true: Sequence[int]) -> list[int]:
    """Return the seconds at which the power changes by 500 W between a minute on one side and one on the other.

    What comes back within a minute, as a compressor's inrush does, is no step: who has not shown it need not follow.
    """
    steps = []
    for second in range(STEP_LASTS, SECONDS - STEP_LASTS):
        change = true[second] - true[second - 1]
        if abs(change) >= STEP_W:
            middle = true[second - 1] + change / 2
            around = true[second - STEP_LASTS : second + STEP_LASTS]
            sides = [(watts > middle) is (change > 0) for watts in around]
            if not any(sides[:STEP_LASTS]) and all(sides[STEP_LASTS:]):
                steps.append(second)
    return steps


def delay(shown: Sequence[int], true: Sequence[int], step: int) -> int:
    """Return the seconds until what is shown is on the new side of the middle of a step; 300 at most."""
    before, after = true[step - 1], true[step]
    for second in range(step, min(step + PERIOD, SECONDS)):
        if (shown[second] - before) / (after - before) >= 0.5:
            return second - step
    return PERIOD


def goals(scores: Mapping[str, Mapping[str, Score]]) -> list[Goal]:
    """Return what was wanted, and what was found."""
    ours, theirs = (sum(day[way].rows for day in scores.values()) for way in ("balanced", RIVAL))
    shares = {day: found["balanced"].error_w / found[RIVAL].error_w for day, found in scores.items()}
    broken = {day: share for day, share in shares.items() if day.startswith(LABELS["broken"])}
    return [
        goal(f"fewer rows than {RIVAL} in all", f"{ours:,} to {theirs:,}", met=ours < theirs),
        goal(
            "each day at most 1/4 of its power error",
            f"1/{1 / max(shares.values()):.2f} on the worst",
            met=max(shares.values()) <= 1 / 4,
        ),
        goal(
            "with broken clouds 1/7",
            f"1/{1 / max(broken.values()):.2f} on the worst",
            met=max(broken.values()) <= 1 / 7,
        ),
    ]


def tables(scores: Mapping[str, Mapping[str, Score]], found_goals: list[Goal]) -> str:
    """Write what was found as Markdown."""
    ways = [*OURS, *RIVALS]
    grids: dict[str, Callable[[Score], str]] = {
        "Rows a day": lambda one: f"{one.rows:,}",
        "Net power: mean absolute error, W": lambda one: f"{one.error_w:.1f}",
        "Energy of five minutes: mean (greatest) error, Wh": lambda one: (
            f"{one.energy_wh:.2f} ({one.energy_worst_wh:.1f})"
        ),
        "From a step of 500 W to the state: median (longest), s": lambda one: (
            f"{one.step_s:.0f} ({one.step_worst_s:.0f})"
        ),
    }
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    parts = [
        f"{len(scores)} days of 86,400 telegrams, DSMR 5, entities as by default; goals: balanced; {today}.",
        goals_table(found_goals),
    ]
    for title, cell in grids.items():
        rows = [[day, *(cell(found[way]) for way in ways)] for day, found in scores.items()]
        means = [mean_of([found[way] for found in scores.values()]) for way in ways]
        parts.append(f"### {title}\n\n{grid(['day', *ways], [*rows, ['**all**', *map(cell, means)]])}")
    return "\n\n".join(parts)
