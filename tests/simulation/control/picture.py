"""A picture of one day with broken clouds: sun, house, loads, and why each load was as it was."""

from typing import TYPE_CHECKING, Final

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
import numpy as np

from .appliances import APPLIANCES
from .closed_loop import Loop
from .house import DAY, Trace, trace
from .suite_a import DEFAULT, SETUPS

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SEED: Final = 3
_EVERY_S: Final = 10
_FROM_H, _TO_H = 7, 20
_COLOURS: Final = {"boiler": "#c0504d", "pump": "#4f81bd", "charger": "#7a5195"}
_REASONS: Final = {
    "sun": ("runs on the sun", "#f2b134"),
    "leaving": ("on, the sun has gone", "#d98f6c"),
    "min_on": ("on for its minimum time", "#b07d3b"),
    "settling": ("just switched", "#8c8c8c"),
    "gathering": ("sun suffices, starts if that lasts", "#a8d08d"),
    "short": ("waits for more sun", "#d9e2ec"),
    "made_room": ("made room for another", "#9db4d3"),
}
_OTHER: Final = ("other", "#ffffff")


def draw(path: Path) -> None:
    """Play the sunniest day with broken clouds of a house, and draw it."""
    days = trace(SEED)
    suns = days.sun.reshape(-1, DAY).sum(1)
    sunniest = max((day for day, sky in enumerate(days.skies) if sky == "broken"), key=lambda day: float(suns[day]))
    seconds = slice(sunniest * DAY, (sunniest + 1) * DAY)
    day = Trace(days.sun[seconds], days.phases[:, seconds], ("broken",))
    setup = SETUPS[DEFAULT]
    loop = Loop(day, setup.loads, setup.site, seed=SEED)
    reasons: dict[int, tuple[str, ...]] = {}

    def watch(live: Loop) -> None:
        reasons[live.second] = tuple(live.controller.reasons[load.name] for load in APPLIANCES)

    loop.watch = watch
    loop.run()
    _paint(path, day.sun, day.phases.sum(0), loop.drawn, reasons)


def _paint(
    path: Path,
    sun: NDArray[np.float64],
    house: NDArray[np.float64],
    drawn: NDArray[np.float64],
    reasons: dict[int, tuple[str, ...]],
) -> None:
    figure = Figure(figsize=(13, 7.5), layout="constrained")
    power, why = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    shown = slice(_FROM_H * 3_600, _TO_H * 3_600, _EVERY_S)
    hours = np.arange(DAY)[shown] / 3_600
    layers = [house[shown], *(line[shown] for line in drawn)]
    names = ["house", *(load.name for load in APPLIANCES)]
    colours = ["#b8b8b8", *(_COLOURS[load.name] for load in APPLIANCES)]
    power.stackplot(hours, np.vstack(layers) / 1_000, labels=names, colors=colours, linewidth=0, step="post")
    power.plot(hours, sun[shown] / 1_000, color="#e0a100", linewidth=1.0, label="sun")
    power.set_ylabel("kW")
    power.legend(loc="upper left", ncols=5, frameon=False)
    power.set_title("A day with broken clouds: what is above the yellow line comes from the grid")
    seconds = sorted(second for second in reasons if second % _EVERY_S == 0)
    for row in range(len(APPLIANCES)):
        codes = [str(reasons[second][row]) for second in seconds]
        picture = np.array([to_rgb(_REASONS.get(code, _OTHER)[1]) for code in codes])[None]
        why.imshow(picture, extent=(seconds[0] / 3_600, seconds[-1] / 3_600, row - 0.4, row + 0.4), aspect="auto")
    why.set_yticks(range(len(APPLIANCES)), [load.name for load in APPLIANCES])
    why.set_ylim(len(APPLIANCES) - 0.5, -0.5)
    why.set_xlim(_FROM_H, _TO_H)
    why.set_xlabel("hour of the day")
    for text, colour in _REASONS.values():
        why.plot([], [], "s", color=colour, label=text)
    why.legend(loc="upper center", bbox_to_anchor=(0.5, -0.35), ncols=7, frameon=False, fontsize=8)
    figure.savefig(path, dpi=100)
