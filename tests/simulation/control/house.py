"""Sun and household of the benchmark, second by second.

A roof of 6 kWp behind a 5 kW inverter at 51° north, and a household on three phases that takes about 11 kWh a day.
Unlike the household of the demonstration (../household.py), no two of its days are alike.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

type Line = NDArray[np.float64]
"""One value for each second."""

DAY: Final = 86_400
_HOUR: Final = 3_600
_INVERTER_W: Final = 5_000.0


@dataclass(frozen=True, slots=True)
class Trace:
    """Consecutive days, W.

    Attributes:
        sun: what the roof gives.
        phases: what the household draws from L1, L2 and L3, without the loads that are controlled.
        skies: of each day: the name of its weather, see `_SKIES`.
    """

    sun: Line
    phases: NDArray[np.float64]
    skies: tuple[str, ...]

    @property
    def spare(self) -> Line:
        """What the panels leave for the loads; negative where the household itself imports."""
        spare: Line = self.sun - self.phases.sum(0)
        return spare

    @property
    def days(self) -> int:
        """How many there are."""
        return len(self.skies)


def trace(seed: int, days: int = 14, *, winter: bool = False) -> Trace:
    """Live through days from March to October, or in December."""
    rng = np.random.default_rng(seed)
    suns, households, skies = [], [], []
    for _ in range(days):
        day_of_year = int(rng.integers(330, 365) if winter else rng.integers(60, 300))
        sky = str(rng.choice(list(_SKIES), p=[share for share, _ in _SKIES.values()]))
        suns.append(np.minimum(_clear(day_of_year) * _SKIES[sky][1](rng), _INVERTER_W))
        households.append(_household(rng))
        skies.append(sky)
    return Trace(np.concatenate(suns), np.concatenate(households, axis=1), tuple(skies))


def _clear(day_of_year: int) -> Line:
    """What the roof gives under a clear sky, before the inverter's limit."""
    hours = np.arange(DAY) / _HOUR
    declination = np.radians(23.45 * np.sin(2 * np.pi * (284 + day_of_year) / 365))
    latitude, hour_angle = np.radians(51.0), np.radians(15 * (hours - 12.7))
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    light = 1.05 * np.clip(height, 0, None) ** 1.18
    tilt = 1 - 0.15 * np.cos(np.radians((day_of_year - 172) / 365 * 360))  # the roof looks at the low sun of winter
    power: Line = light * tilt * 0.86 * 6_000
    return power


def _telegraph(
    rng: np.random.Generator,
    *,
    clear_s: float,
    cloud_s: float,
    spread: float,
    through: tuple[float, float],
) -> Line:
    """Clouds that come and go: the share of the clear sky's light. Durations are medians of log-normal ones.

    The light at a cloud's edge is a little above the clear sky's, and passes over the roof in 6 to 20 s.
    """
    share = np.empty(DAY)
    second, cloudy = 0, bool(rng.random() < 0.5)
    while second < DAY:
        length = max(5, int(rng.lognormal(np.log(cloud_s if cloudy else clear_s), spread)))
        share[second : second + length] = rng.uniform(*through) if cloudy else rng.uniform(0.97, 1.06)
        second, cloudy = second + length, not cloudy
    return _moving_mean(share, int(rng.integers(6, 20)))


def _moving_mean(line: Line, seconds: int) -> Line:
    total = np.cumsum(np.concatenate([np.full(seconds, line[0]), line]))
    mean: Line = (total[seconds:] - total[:-seconds]) / seconds
    return mean


def _fair(rng: np.random.Generator) -> Line:
    return _telegraph(rng, clear_s=5_400, cloud_s=90, spread=0.8, through=(0.5, 0.9))


def _broken(rng: np.random.Generator) -> Line:
    clear_s, cloud_s = rng.uniform(90, 400), rng.uniform(60, 260)
    return _telegraph(rng, clear_s=clear_s, cloud_s=cloud_s, spread=1.0, through=(0.18, 0.6))


def _overcast(rng: np.random.Generator) -> Line:
    knots = np.clip(rng.normal(0.28, 0.12, DAY // 600 + 2), 0.06, 0.6)
    light: Line = np.interp(np.arange(DAY), np.arange(len(knots)) * 600, knots)
    return light


def _mixed(rng: np.random.Generator) -> Line:
    """Clouds over noon, or in the afternoon."""
    clear_s, cloud_s = rng.uniform(120, 500), rng.uniform(60, 200)
    clouds = _telegraph(rng, clear_s=clear_s, cloud_s=cloud_s, spread=1.0, through=(0.2, 0.6))
    fair = _fair(rng)
    if rng.random() < 0.5:
        hours, shares = [0, 9, 11, 15, 17, 24], [0, 0, 1, 1, 0, 0]
    else:
        hours, shares = [0, 11, 13, 24], [0, 0, 1, 1]
    cloudy = np.interp(np.arange(DAY), np.array(hours) * _HOUR, shares)
    light: Line = cloudy * clouds + (1 - cloudy) * fair
    return light


_SKIES: Final[dict[str, tuple[float, Callable[[np.random.Generator], Line]]]] = {
    "clear": (0.22, _fair),
    "broken": (0.38, _broken),
    "overcast": (0.15, _overcast),
    "mixed": (0.25, _mixed),
}
"""How many of the days have it, and the share of the clear sky's light that comes through."""


class _Household:
    """A day's draw on L1, L2, L3, added up appliance by appliance."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.phases = np.zeros((3, DAY))

    def run(self, phase: int, start: float, seconds: float, watts: float) -> None:
        begin = int(start)
        self.phases[phase, begin : begin + int(seconds)] += watts

    def cycle(self, phase: int, start: float, seconds: float, watts: float, *, period: float, share: float) -> None:
        """What a thermostat does: on for about `share` of each `period`."""
        end = start + seconds
        while start < end:
            self.run(phase, start, period * share * self.rng.uniform(0.7, 1.3), watts)
            start += period * self.rng.uniform(0.8, 1.2)

    def cooling(self, phase: int, watts: float, on_s: float, off_s: float) -> None:
        rng, second = self.rng, int(self.rng.integers(0, 2_000))
        while second < DAY:
            length = int(on_s * rng.uniform(0.8, 1.3))
            self.run(phase, second, length, watts * rng.uniform(0.95, 1.05))
            self.run(phase, second, 2, 600)  # the compressor's inrush
            second += length + int(off_s * rng.uniform(0.8, 1.3))

    def kitchen(self) -> None:
        rng = self.rng
        for _ in range(rng.integers(2, 7)):  # kettle
            start = rng.choice([7, 8, 10, 12, 15, 16, 19, 20]) * _HOUR + rng.uniform(0, _HOUR)
            self.run(0, start, rng.uniform(90, 200), 2_100)
        for _ in range(rng.integers(3, 8)):  # coffee
            start = rng.choice([7, 8, 9, 11, 13, 14, 16]) * _HOUR + rng.uniform(0, _HOUR)
            self.run(0, start, rng.uniform(25, 60), 1_350)
        for hour in (12, 18) if rng.random() < 0.5 else (18,):
            start = hour * _HOUR + rng.uniform(0, _HOUR * 0.7)
            seconds, watts = rng.uniform(900, 2_700), rng.uniform(1_400, 2_200)  # hob
            self.cycle(1, start, seconds, watts, period=rng.choice([8, 12, 25]), share=rng.uniform(0.35, 0.8))
            if rng.random() < 0.5:  # oven
                self.cycle(2, start, rng.uniform(1_800, 4_200), 2_300, period=90, share=rng.uniform(0.4, 0.7))
            if rng.random() < 0.5:  # microwave
                self.run(0, start + rng.uniform(0, 900), rng.uniform(120, 420), 1_250)

    def washing(self) -> None:
        rng = self.rng
        if rng.random() < 0.65:
            start = rng.uniform(8, 17) * _HOUR
            self.run(2, start + 300, rng.uniform(700, 1_100), 2_050)  # the washing machine heats,
            self.cycle(2, start + 1_500, 3_600, 350, period=25, share=0.55)  # turns
            self.run(2, start + 5_400, 500, 500)  # and spins
            if rng.random() < 0.5:  # dryer
                self.cycle(2, start + 6_500, 5_400, rng.uniform(700, 900), period=600, share=0.8)
        if rng.random() < 0.8:  # dishwasher
            start = rng.choice([9, 13, 20]) * _HOUR + rng.uniform(0, _HOUR)
            self.run(1, start + 600, 900, 2_000)
            self.run(1, start + 3_600, 700, 2_000)

    def living(self) -> None:
        rng = self.rng
        self.run(0, 17.5 * _HOUR, 5 * _HOUR, rng.uniform(120, 260))  # light and television
        self.run(1, 8 * _HOUR, 9 * _HOUR, rng.uniform(20, 150))  # somebody works at home
        if rng.random() < 0.3:  # vacuum cleaner
            self.run(0, rng.uniform(9, 17) * _HOUR, rng.uniform(400, 1_500), rng.uniform(700, 1_100))


def _household(rng: np.random.Generator) -> NDArray[np.float64]:
    household = _Household(rng)
    for phase, (least, most) in enumerate(((60, 110), (40, 80), (40, 80))):
        household.phases[phase] += rng.uniform(least, most)  # what is always on
    household.cooling(0, 90, 900, 1_900)
    household.cooling(1, 110, 800, 2_400)
    household.kitchen()
    household.washing()
    household.living()
    household.phases += rng.normal(0, 6, (3, DAY))
    return np.clip(household.phases, 0, None)
