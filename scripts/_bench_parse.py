"""From bytes to values: p1meter's Reader beside dsmr-parser, on the same telegrams in the same run.

Both get the same bytes, one telegram at a time, check its checksum, and every value, unit and time of it is read. Each
kind of meter sends 10,000 telegrams, one after the other; they are taken in five runs of 2,000.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
import gc
from importlib.metadata import version
from itertools import batched, pairwise
from statistics import fmean, median
from time import process_time
from typing import TYPE_CHECKING, Any, Final, TypedDict

from _bench_page import goal, grid, machine, sheet, spread
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

# Not typed by its makers.
from dsmr_parser import telegram_specifications as specifications  # type: ignore[import-untyped]
from dsmr_parser.clients.telegram_buffer import (  # type: ignore[import-untyped]
    EncryptedTelegramBuffer,
    TelegramBuffer,
)
from dsmr_parser.objects import (  # type: ignore[import-untyped]
    MbusDevice,
    MBusObject,
    MBusObjectPeak,
    ProfileGenericObject,
)
from dsmr_parser.parsers import TelegramParser  # type: ignore[import-untyped]
from fastcrc.crc16 import arc

from p1meter.meter import DecryptionKeys, Reader, Rejected, Telegram
from p1meter.meter.history import rows
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from _bench_page import Goal, Spread

TELEGRAMS: Final = 10_000
RUNS: Final = 5
START: Final = datetime(2026, 11, 24, 9, tzinfo=ZONE)  # a morning with sun and clouds: all phases move every second

_HEADER: Final = 14  # tag, system title, length, and the security control byte
_COUNTER: Final = 4
_TAG: Final = 12


@dataclass(frozen=True, slots=True)
class Meter:
    """A kind of meter: how people call it, the simulated system, and dsmr-parser's specification for it."""

    name: str
    system: str
    specification: dict[str, Any]

    @property
    def keys(self) -> DecryptionKeys | None:
        """What opens its telegrams."""
        cipher = SYSTEMS[self.system].cipher
        return None if cipher is None else DecryptionKeys(cipher.key, cipher.authentication_key)


METERS: Final = (
    Meter("DSMR 5", "nl5", specifications.V5),
    Meter("DSMR 4", "nl4", specifications.V4),
    Meter("DSMR 2.2", "nl2", specifications.V2_2),
    Meter("Belgium", "be", specifications.BELGIUM_FLUVIUS),
    Meter("Hungary", "hu", specifications.EON_HUNGARY),
    Meter("Luxembourg, encrypted", "lu-encrypted", specifications.MSN),
)
WANTED: Final = METERS[0]

type Value = tuple[object, object, object]
type Way = Callable[[Meter, Sequence[bytes]], int]


class Found(TypedDict):
    """What was measured of one kind of meter: processor time in µs a telegram, and ratios of such times.

    `steady` and `cold` are dsmr-parser's time by p1meter's, `to_floor` p1meter's steady time by the floor's.
    """

    telegrams: int
    lines: int
    lines_changed: float
    values: int
    runs: list[dict[str, float]]
    steady: Spread
    cold: Spread
    to_floor: Spread


class Result(TypedDict):
    """What it gives; `runs` and `ratio` are those of DSMR 5, which is what most people have."""

    name: str
    machine: str
    rival: str
    meters: dict[str, Found]
    goals: list[Goal]
    runs: list[dict[str, float]]
    ratio: Spread
    page: str


def measure() -> Result:
    """Measure. Raises ValueError if the two do not read the same."""
    meters = {meter.name: measure_meter(meter) for meter in METERS}
    found = meters[WANTED.name]
    rival = f"dsmr-parser {version('dsmr-parser')}"
    wanted = goals(meters)
    return {
        "name": "parse",
        "machine": machine(),
        "rival": rival,
        "meters": meters,
        "goals": wanted,
        "runs": found["runs"],
        "ratio": found["steady"],
        "page": page(meters, wanted, rival),
    }


def measure_meter(meter: Meter) -> Found:
    """Measure one kind of meter; every telegram is compared before."""
    telegrams = consecutive_telegrams(meter)
    values = compare(meter, telegrams)
    ways: dict[str, Way] = {"dsmr_parser": dsmr_parser, "steady": steady, "cold": cold, "floor": floor}
    runs = [
        {name: microseconds(way, meter, part) for name, way in ways.items()}
        for part in batched(telegrams, TELEGRAMS // RUNS, strict=True)
    ]
    texts = telegrams if meter.keys is None else [telegram.raw for telegram in read(meter, telegrams[:1000])]
    return {
        "telegrams": len(telegrams),
        "lines": len(texts[0].splitlines()),
        "lines_changed": round(lines_changed(texts), 1),
        "values": values,
        "runs": runs,
        "steady": spread([run["dsmr_parser"] / run["steady"] for run in runs], 1),
        "cold": spread([run["dsmr_parser"] / run["cold"] for run in runs], 1),
        "to_floor": spread([run["steady"] / run["floor"] for run in runs], 1),
    }


def consecutive_telegrams(meter: Meter) -> list[bytes]:
    """Live through as many telegrams in the household as are wanted."""
    system = SYSTEMS[meter.system]
    household = Household(start=START, system=meter.system)
    telegrams = []
    for _ in range(TELEGRAMS):
        household.step(system.interval)
        telegrams.append(system.compose(household))
    return telegrams


def telegrams_in(items: Iterable[Telegram | Rejected]) -> Iterator[Telegram]:
    """Yield what p1meter accepted."""
    return (item for item in items if isinstance(item, Telegram))


def read(meter: Meter, telegrams: Iterable[bytes]) -> Iterator[Telegram]:
    """Read as it is used: one reader for all telegrams of a meter."""
    reader = Reader(meter.keys)
    return (telegram for data in telegrams for telegram in telegrams_in(reader.feed(data)))


def values(telegram: Telegram) -> list[Value]:
    """Read everything that p1meter's telegram says."""
    return [(reading.value, reading.unit, reading.at) for reading in telegram.readings.values()]


def read_by_rival(meter: Meter, telegrams: Iterable[bytes]) -> Iterator[list[Value]]:
    """Read as dsmr-parser's own clients do: buffer, checksum, parser."""
    parser = TelegramParser(meter.specification)
    keys = meter.keys
    buffer = TelegramBuffer() if keys is None else EncryptedTelegramBuffer()
    # The authentication key is the one of all meters in Luxembourg, which its specification holds.
    opened = () if keys is None else (keys.encryption.hex(),)
    for data in telegrams:
        buffer.append(data.decode("ascii") if keys is None else data)
        for text in buffer.get_all():
            yield [value for _, thing in parser.parse(text, *opened) for value in values_of_rival(thing)]


def values_of_rival(thing: Any) -> Iterable[Value]:  # noqa: ANN401 (its makers give no types)
    """Read everything that one object of dsmr-parser says."""
    if isinstance(thing, (list, MbusDevice)):
        parts = thing if isinstance(thing, list) else [part for _, part in thing]
        return [value for part in parts for value in values_of_rival(part)]
    if isinstance(thing, ProfileGenericObject):
        return [(entry.value, entry.unit, entry.datetime) for entry in thing.buffer]
    if isinstance(thing, (MBusObject, MBusObjectPeak)):
        return [(thing.value, thing.unit, thing.datetime)]
    return [(thing.value, thing.unit, None)]


def steady(meter: Meter, telegrams: Sequence[bytes]) -> int:
    """As it is used."""
    return sum(len(values(telegram)) for telegram in read(meter, telegrams))


def cold(meter: Meter, telegrams: Sequence[bytes]) -> int:
    """As if each telegram were the first: a new reader, which remembers none; the form is known."""
    keys = meter.keys
    return sum(len(values(telegram)) for data in telegrams for telegram in telegrams_in(Reader(keys).feed(data)))


def dsmr_parser(meter: Meter, telegrams: Sequence[bytes]) -> int:
    """The other."""
    return sum(map(len, read_by_rival(meter, telegrams)))


def floor(meter: Meter, telegrams: Sequence[bytes]) -> int:
    """What nobody can do without: to decrypt, the checksum where there is one, and one split into lines."""
    keys = meter.keys
    lines = 0
    for data in telegrams:
        text = data if keys is None else opened(data, keys)
        end = text.rindex(b"!") + 1
        if not SYSTEMS[meter.system].checksum or arc(text[:end]) == int(text[end : end + 4], 16):
            lines += len(text.split(b"\r\n"))
    return lines


def opened(frame: bytes, keys: DecryptionKeys) -> bytes:
    """Decrypt a frame of the simulated meter, whose header is always as long."""
    control = frame[_HEADER - 1 : _HEADER]
    counter = frame[_HEADER : _HEADER + _COUNTER]
    opener = Cipher(AES(keys.encryption), GCM(frame[2:10] + counter, frame[-_TAG:], min_tag_length=_TAG)).decryptor()
    opener.authenticate_additional_data(control + (keys.authentication or b""))
    return opener.update(frame[_HEADER + _COUNTER : -_TAG]) + opener.finalize()


def compare(meter: Meter, telegrams: Sequence[bytes]) -> int:
    """Return how many values p1meter reads in a telegram; raise ValueError if it misses what dsmr-parser reads.

    That is every number and every point in time; texts and states p1meter does not leave as they are sent.
    """
    pairs = zip(telegrams, read(meter, telegrams), read_by_rival(meter, telegrams), strict=True)
    for data, telegram, theirs in pairs:
        ours = {part for value in values(telegram) for part in value}
        ours |= {part for row in rows(telegram) for part in (row.value, row.at, row.occurred, row.duration_s)}
        wanted = {part for value in theirs for part in value if isinstance(part, (Decimal, datetime))}
        if missing := wanted - ours:
            raise ValueError(f"p1meter does not read {missing} in {data!r}")
    return len(values(telegram))


def microseconds(way: Way, meter: Meter, telegrams: Sequence[bytes]) -> float:
    """Return the processor time that a telegram takes: other programs on the machine do not count."""
    gc.collect()
    start = process_time()
    read = way(meter, telegrams)
    seconds = process_time() - start
    if read < len(telegrams):
        raise ValueError(f"{way.__name__} read only {read} values in {len(telegrams)} telegrams")
    return round(seconds / len(telegrams) * 1_000_000, 2)


def lines_changed(telegrams: Sequence[bytes]) -> float:
    """Return how many lines are other ones than in the telegram before, on average; the last is the checksum's."""
    return fmean(
        sum(a != b for a, b in zip(x.splitlines()[:-1], y.splitlines()[:-1], strict=True))
        for x, y in pairwise(telegrams)
    )


def goals(meters: dict[str, Found]) -> list[Goal]:
    """Return what was wanted, and what was found: medians."""
    plain = [meter.name for meter in METERS if meter.keys is None]
    slowest = min(plain, key=lambda name: meters[name]["steady"]["median"])
    steady_of, cold_of = meters[WANTED.name]["steady"]["median"], meters[WANTED.name]["cold"]["median"]
    least = meters[slowest]["steady"]["median"]
    return [
        goal(f"{WANTED.name} steady at least 30 times faster", f"{steady_of}", met=steady_of >= 30),
        goal("every plain version steady 20 times", f"{least} ({slowest})", met=least >= 20),
        goal(f"{WANTED.name} cold 15 times", f"{cold_of}", met=cold_of >= 15),
    ]


def page(meters: dict[str, Found], wanted: list[Goal], rival: str) -> str:
    """Write what was found as Markdown."""
    rows_of_meters = []
    for name, found in meters.items():
        times = [median(run[way] for run in found["runs"]) for way in ("dsmr_parser", "steady", "cold", "floor")]
        ratios = (found["steady"], found["cold"], found["to_floor"])
        rows_of_meters.append(
            [
                name,
                f"{found['lines']} ({found['lines_changed']})",
                str(found["values"]),
                *(f"{time:.1f}" for time in times),
                *(f"{ratio['median']} ({ratio['min']} to {ratio['max']})" for ratio in ratios),
            ]
        )
    head = ["meter", "lines (changed)", "values", rival, "steady", "cold", "floor"]
    of_what = f"{TELEGRAMS:,} consecutive telegrams of each kind in {RUNS} runs"
    legend = (
        f"Processor time of a telegram in µs: of {rival}, of p1meter as it is used and with a new reader for each"
        " telegram (what follows what in such telegrams is known, and so are minutes, points in time of captures and"
        " serial numbers in hexadecimal that were read before; no other value is),"
        " and of what nobody can do without (decrypting, checksum, one split into lines);"
        " median of the runs."
        f" How many times p1meter is faster than {rival}, and how many times as long as the floor it takes: median"
        " (least to greatest)."
    )
    columns = [*head, "steady, times faster", "cold, times faster", "steady by floor"]
    return sheet(of_what, wanted, legend, grid(columns, rows_of_meters))
