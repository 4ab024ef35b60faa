"""From bytes to values: p1meter's Reader beside dsmr-parser, on the same telegrams in the same run.

Both get the same bytes, one telegram at a time, check its checksum, and every value, unit and time of it is read.
"""

from datetime import datetime
from decimal import Decimal
import gc
from importlib.metadata import version
from itertools import pairwise
import os
from pathlib import Path
import platform
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Any, TypedDict

# Not typed by its makers.
from dsmr_parser.clients.telegram_buffer import TelegramBuffer  # type: ignore[import-untyped]
from dsmr_parser.objects import MBusObject, ProfileGenericObject  # type: ignore[import-untyped]
from dsmr_parser.parsers import TelegramParser  # type: ignore[import-untyped]
from dsmr_parser.telegram_specifications import V5  # type: ignore[import-untyped]
from fastcrc.crc16 import arc

from p1meter.meter import Reader, Rejected, Telegram
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

TELEGRAMS = 10_000
REPEATS = 5
START = datetime(2026, 11, 24, 9, tzinfo=ZONE)  # a morning with sun and clouds: all phases move every second
COMPARED = 100  # of so many telegrams one is compared before anything is measured

type Value = tuple[object, object, object]


class Result(TypedDict):
    """What it gives: processor time in µs a telegram, ratios as dsmr-parser's time by p1meter's."""

    name: str
    machine: str
    rival: str
    telegrams: int
    lines: int
    lines_changed: float
    values: int
    runs: list[dict[str, float]]
    ratio: dict[str, float]
    ratio_cold: dict[str, float]


def measure() -> Result:
    """Measure. Raises ValueError if the two do not read the same numbers."""
    telegrams = consecutive_telegrams()
    for telegram in telegrams[::COMPARED]:
        compare(telegram)
    ways: Mapping[str, Callable[[list[bytes]], int]] = {
        "dsmr_parser": dsmr_parser,
        "steady": steady,
        "cold": cold,
        "floor": floor,
    }
    runs = [{name: microseconds(way, telegrams) for name, way in ways.items()} for _ in range(REPEATS)]
    return {
        "name": "parse",
        "machine": machine(),
        "rival": f"dsmr-parser {version('dsmr-parser')}",
        "telegrams": len(telegrams),
        "lines": len(telegrams[0].splitlines()),
        "lines_changed": round(lines_changed(telegrams), 1),
        "values": len(values(next(telegrams_in(Reader().feed(telegrams[0]))))),
        "runs": runs,
        "ratio": spread([run["dsmr_parser"] / run["steady"] for run in runs]),
        "ratio_cold": spread([run["dsmr_parser"] / run["cold"] for run in runs]),
    }


def consecutive_telegrams() -> list[bytes]:
    """Live through as many seconds in the household as telegrams are wanted."""
    household = Household(start=START, system="nl5")
    telegrams = []
    for _ in range(TELEGRAMS):
        household.step()
        telegrams.append(SYSTEMS["nl5"].compose(household))
    return telegrams


def telegrams_in(items: Iterable[Telegram | Rejected]) -> Iterator[Telegram]:
    """Yield what p1meter accepted."""
    return (item for item in items if isinstance(item, Telegram))


def values(telegram: Telegram) -> list[Value]:
    """Read everything that p1meter's telegram says."""
    return [(reading.value, reading.unit, reading.at) for reading in telegram.readings.values()]


def values_of_rival(things: Iterable[tuple[str, Any]]) -> list[Value]:
    """Read everything that dsmr-parser's telegram says."""
    found: list[Value] = []
    for _, thing in things:
        if isinstance(thing, list):
            for device in thing:
                found += values_of_rival(device)
        elif isinstance(thing, ProfileGenericObject):
            found += [(entry.value, entry.unit, entry.datetime) for entry in thing.buffer]
        elif isinstance(thing, MBusObject):
            found.append((thing.value, thing.unit, thing.datetime))
        else:
            found.append((thing.value, thing.unit, None))
    return found


def steady(telegrams: list[bytes]) -> int:
    """As it is used: one reader for all telegrams of a meter."""
    reader = Reader()
    return sum(len(values(telegram)) for data in telegrams for telegram in telegrams_in(reader.feed(data)))


def cold(telegrams: list[bytes]) -> int:
    """As if each telegram were the first: a new reader, which remembers no line."""
    return sum(len(values(telegram)) for data in telegrams for telegram in telegrams_in(Reader().feed(data)))


def dsmr_parser(telegrams: list[bytes]) -> int:
    """As its own clients do it: buffer, checksum, parser."""
    buffer, parser = TelegramBuffer(), TelegramParser(V5)
    read = 0
    for data in telegrams:
        buffer.append(data.decode("ascii"))
        for text in buffer.get_all():
            read += len(values_of_rival(parser.parse(text)))
    return read


def floor(telegrams: list[bytes]) -> int:
    """What nobody can do without: the checksum and one split into lines."""
    read = 0
    for data in telegrams:
        end = data.rindex(b"!") + 1
        if arc(data[:end]) == int(data[end : end + 4], 16):
            read += len(data.split(b"\r\n"))
    return read


def compare(data: bytes) -> None:
    """Raise ValueError if p1meter misses a number that dsmr-parser reads."""
    ours = {value for telegram in telegrams_in(Reader().feed(data)) for value, _, _ in values(telegram)}
    theirs = {value for value, _, _ in values_of_rival(TelegramParser(V5).parse(data.decode("ascii")))}
    if missing := {value for value in theirs if isinstance(value, Decimal)} - ours:
        raise ValueError(f"p1meter does not read {missing} in {data!r}")


def microseconds(way: Callable[[list[bytes]], int], telegrams: list[bytes]) -> float:
    """Return the processor time that a telegram takes: other programs on the machine do not count."""
    gc.collect()
    start = process_time()
    read = way(telegrams)
    seconds = process_time() - start
    if read < len(telegrams):
        raise ValueError(f"{way.__name__} read only {read} values in {len(telegrams)} telegrams")
    return round(seconds / len(telegrams) * 1_000_000, 2)


def lines_changed(telegrams: list[bytes]) -> float:
    """Return how many lines are other ones than in the telegram before, on average."""
    changes = (sum(a != b for a, b in zip(x.splitlines(), y.splitlines(), strict=True)) for x, y in pairwise(telegrams))
    return sum(changes) / (len(telegrams) - 1)


def spread(ratios: list[float]) -> dict[str, float]:
    """Return the median, the least and the greatest."""
    return {"median": round(median(ratios), 1), "min": round(min(ratios), 1), "max": round(max(ratios), 1)}


def machine() -> str:
    """Name the processor and the Python."""
    models = (line for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines() if line.startswith("model name"))
    processor = next(models, platform.machine()).rpartition(":")[2].strip()
    return f"{processor}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


def table(result: Result) -> str:
    """Write the result for people."""
    rows = {"steady": "p1meter, steady", "cold": "p1meter, cold", "dsmr_parser": result["rival"], "floor": "floor"}
    changed = f"{result['lines_changed']} of its {result['lines']} lines are new each time"
    text = [
        result["machine"],
        f"{result['telegrams']} telegrams, {changed}; µs a telegram in {len(result['runs'])} runs",
        f"{'':24}{'median':>9}{'min':>9}{'max':>9}",
    ]
    for way, name in rows.items():
        times = [run[way] for run in result["runs"]]
        text.append(f"{name:24}{median(times):9.1f}{min(times):9.1f}{max(times):9.1f}")
    for title, ratio in (("steady", result["ratio"]), ("cold", result["ratio_cold"])):
        text.append(f"{f'times faster, {title}':24}{ratio['median']:9.1f}{ratio['min']:9.1f}{ratio['max']:9.1f}")
    return "\n".join(text)
