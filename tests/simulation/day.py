"""One day in the house, second by second: what its appliances, its roof and its taps do.

A day is worked out as a whole from a seed, so that any second of it is known without living through those before.
Power is in whole watts, gas and water flow in millilitres a second: the registers then add up without rounding.
"""

from array import array
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import cos, log, pi, radians, sin
from random import Random

SECONDS = 86_400
_HOUR = 3_600
_NOISE = 4_093  # length of the noise that is laid end to end: a prime, so that it never falls in step with the clock

type Line = list[int]


@dataclass(frozen=True, slots=True)
class Weather:
    """What the sky does, and how long the heating burns.

    Durations are the medians of log-normal ones, in seconds; a transmission is the share of the clear sky's light.
    `ragged` is how much the light wavers from second to second where the clouds are not of one piece, as a share.
    """

    day_of_year: int
    clear: float
    cloud: float
    transmission: tuple[float, float]
    heating: int  # burning seconds in each hour of the day
    ragged: float = 0.0
    heat_pump: bool = False  # on L3, in place of the gas


WEATHERS = {
    "clear": Weather(day_of_year=110, clear=5_400, cloud=80, transmission=(0.6, 0.9), heating=360),
    "broken": Weather(day_of_year=110, clear=200, cloud=140, transmission=(0.18, 0.6), heating=540),
    "overcast": Weather(day_of_year=110, clear=10, cloud=600, transmission=(0.1, 0.5), heating=840),
    "winter": Weather(day_of_year=350, clear=900, cloud=900, transmission=(0.1, 0.5), heating=2_100),
    "ragged": Weather(110, clear=90, cloud=70, transmission=(0.18, 0.7), heating=540, ragged=0.04),
    "frost": Weather(20, clear=900, cloud=900, transmission=(0.1, 0.5), heating=0, ragged=0.02, heat_pump=True),
}


@dataclass(frozen=True, slots=True)
class Day:
    """The day; each array has one value for each second.

    `phases` is the net power of L1, L2 and L3, positive from the grid; `sun` is what the roof gives of it.
    """

    phases: tuple[array[int], array[int], array[int]]
    sun: array[int]
    gas: array[int]
    water: array[int]


@lru_cache(maxsize=32)
def day(seed: int, number: int, weather: str | None = None) -> Day:
    """Work out day `number` of the house `seed`.

    `weather` is a name of `WEATHERS`; without one the seed draws this day's own from the three of the spring.
    """
    rng = Random(f"{seed}/{number}")
    drawn = rng.choices(("clear", "broken", "overcast"), (0.35, 0.45, 0.2))[0]
    sky = WEATHERS[weather or drawn]
    l1, l2, l3 = (_base(rng) for _ in range(3))
    gas, water = [0] * SECONDS, [0] * SECONDS
    _cooling(rng, l1, 90)
    _cooling(rng, l2, 110)
    _kitchen(rng, l1, l2, l3)
    _washing(rng, l2, l3, water)
    _living(rng, l1, l2)
    _taps(rng, gas, water)
    _heating(rng, gas, sky.heating)
    if sky.heat_pump:
        _heat_pump(rng, l3)
    sun = _roof(rng, sky)
    phases = tuple(
        array("i", (load - light // 3 for load, light in zip(line, sun, strict=True))) for line in (l1, l2, l3)
    )
    return Day((phases[0], phases[1], phases[2]), array("i", sun), array("i", gas), array("i", water))


def _run(line: Line, start: float, seconds: float, amount: int) -> None:
    for second in range(int(start), min(int(start + seconds), SECONDS)):
        line[second] += amount


def _cycle(rng: Random, line: Line, start: float, seconds: float, amount: int, *, period: float, share: float) -> None:
    """What a thermostat does: on for about `share` of each `period`."""
    end = start + seconds
    while start < end:
        _run(line, start, period * share * rng.uniform(0.7, 1.3), amount)
        start += period * rng.uniform(0.8, 1.2)


def _base(rng: Random) -> Line:
    base = rng.randint(50, 100)
    noise = [base + round(rng.gauss(0, 6)) for _ in range(_NOISE)]
    shift = rng.randrange(_NOISE)
    return (noise * (SECONDS // _NOISE + 2))[shift : shift + SECONDS]


def _cooling(rng: Random, line: Line, watts: int) -> None:
    start = rng.uniform(0, 2_000)
    while start < SECONDS:
        on = rng.uniform(700, 1_200)
        _run(line, start, 2, 600)  # the compressor's inrush
        _run(line, start, on, watts)
        start += on + rng.uniform(1_500, 2_500)


def _kitchen(rng: Random, l1: Line, l2: Line, l3: Line) -> None:
    for hour in rng.sample((7, 8, 10, 12, 15, 16, 19, 20), rng.randint(3, 6)):
        _run(l1, hour * _HOUR + rng.uniform(0, _HOUR), rng.uniform(90, 200), 2_100)  # kettle
    for hour in rng.sample((7, 9, 13, 18, 21), 3):
        _run(l1, (hour + rng.random()) * _HOUR, rng.uniform(180, 300), 2_000)  # the boiler under the sink
    supper = (17.75 + rng.random() * 0.75) * _HOUR
    _cycle(rng, l2, supper, rng.uniform(1_200, 2_400), 1_800, period=20, share=0.6)  # hob
    if rng.random() < 0.5:
        _cycle(rng, l3, supper, rng.uniform(1_800, 3_600), 2_300, period=90, share=0.55)  # oven


def _washing(rng: Random, l2: Line, l3: Line, water: Line) -> None:
    if rng.random() < 0.6:
        start = rng.uniform(8, 16) * _HOUR
        _run(l3, start + 300, rng.uniform(700, 1_100), 2_050)  # the washing machine heats,
        _cycle(rng, l3, start + 1_500, 3_600, 350, period=25, share=0.55)  # turns
        _run(l3, start + 5_400, 500, 500)  # and spins
        for fill in (0, 2_400, 4_200):
            _run(water, start + fill, 120, 160)
    if rng.random() < 0.8:
        start = (rng.choice((9, 13, 20)) + rng.random()) * _HOUR
        _run(l2, start + 600, 900, 2_000)  # dishwasher
        _run(l2, start + 3_600, 700, 2_000)
        for fill in (0, 2_700):
            _run(water, start + fill, 60, 100)


def _living(rng: Random, l1: Line, l2: Line) -> None:
    _run(l1, 17.5 * _HOUR, 5.5 * _HOUR, rng.randint(120, 260))  # light and television
    _run(l2, 8 * _HOUR, 9 * _HOUR, rng.randint(20, 150))  # somebody works at home
    if rng.random() < 0.3:
        _run(l1, rng.uniform(9, 17) * _HOUR, rng.uniform(400, 1_500), 800)  # vacuum cleaner


def _taps(rng: Random, gas: Line, water: Line) -> None:
    for hour in rng.sample((6.5, 7, 7.5, 8, 21, 22), rng.randint(2, 3)):
        start, seconds = (hour + rng.random() / 3) * _HOUR, rng.uniform(300, 600)
        _run(water, start, seconds, 130)  # shower
        _run(gas, start, seconds, 500)
    for _ in range(rng.randint(10, 20)):
        start = rng.uniform(6.5, 23.5) * _HOUR
        _run(water, start, 60, 100)  # toilet
        if rng.random() < 0.4:
            _run(water, start + 60, 20, 80)  # warm hands
            _run(gas, start + 60, 20, 300)


def _heating(rng: Random, gas: Line, burning: int) -> None:
    for hour in range(6, 23):
        _run(gas, hour * _HOUR + rng.uniform(0, 900), burning * rng.uniform(0.8, 1.2), 220)


def _heat_pump(rng: Random, line: Line) -> None:
    """A compressor that is told another speed every few minutes, wavers by half a percent, and thaws now and then."""
    second = 0
    watts = wanted = rng.uniform(1_000, 2_000)
    while second < SECONDS:
        _run(line, second, 240, 180)  # it thaws
        start = second + 240
        second = start + rng.randint(2_700, 6_000)
        changes = start
        for now in range(start, min(second, SECONDS)):
            if now >= changes:
                wanted = min(max(wanted + rng.gauss(0, 120), 800), 2_200)
                changes = now + rng.randint(60, 480)
            watts += (wanted - watts) / 20
            line[now] += round(watts * min((now - start + 1) / 90, 1) * rng.gauss(1, 0.005))


@lru_cache(maxsize=4)
def _clear_sky(day_of_year: int) -> tuple[float, ...]:
    """What 6 kWp on a 35 degrees roof at 52 degrees north give under a clear sky, W, for each second of local time."""
    latitude, declination = radians(52), radians(23.45 * sin(2 * pi * (284 + day_of_year) / 365))
    noon = 13.7 if 85 < day_of_year < 300 else 12.7
    minutes = []
    for minute in range(1_441):
        hour_angle = radians(15 * (minute / 60 - noon))
        height = sin(latitude) * sin(declination) + cos(latitude) * cos(declination) * cos(hour_angle)
        minutes.append(5_600 * max(height, 0) ** 1.15)
    steps = range(60)
    return tuple(a + (b - a) * step / 60 for a, b in pairwise(minutes) for step in steps)


def _roof(rng: Random, sky: Weather) -> Line:
    clear_sky = _clear_sky(sky.day_of_year)
    light: list[float] = []
    cloudy = rng.random() < 0.5
    before = 1.0
    while len(light) < SECONDS:
        after = rng.uniform(*sky.transmission) if cloudy else rng.uniform(0.97, 1.06)
        edge = rng.randint(6, 20)
        light += [before + (after - before) * step / edge for step in range(edge)]
        light += [after] * int(rng.lognormvariate(log(sky.cloud if cloudy else sky.clear), 0.9))
        before, cloudy = after, not cloudy
    if sky.ragged:
        light = _torn(rng, light[:SECONDS], sky.ragged)
    return [min(int(power * share), 5_000) for power, share in zip(clear_sky, light, strict=False)]


def _torn(rng: Random, light: list[float], share: float) -> list[float]:
    """Let the light waver with a memory of half a minute, as softly as a whole roof lets it."""
    cloud, roof, torn = 0.0, 0.0, []
    for one in light:
        cloud = 0.97 * cloud + rng.gauss(0, 0.25 * share)
        roof += (cloud - roof) / 5
        torn.append(one * (1 + roof))
    return torn
