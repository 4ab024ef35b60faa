"""What becomes of telegrams that say strange things: what is shown, and all that goes out.

MQTT's layouts, InfluxDB's lines, the journal's, the TCP port, what a helper may see, what is kept over a restart.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json
from math import isfinite
from typing import TYPE_CHECKING, Final, Never

from p1meter.archive.formats import CODES, csv_cells, csv_columns, csv_header, csv_line, raw_entry, sml3_line
from p1meter.archive.selection import Selection
from p1meter.demand import BilledPeaks, ComputedDemand
from p1meter.judge import Judge, Verdict
from p1meter.late import Captures
from p1meter.memory import Memory
from p1meter.meter import Obis, Reader, Telegram
from p1meter.news import NewsReader
from p1meter.own import OwnRegister
from p1meter.redacting import redacted_lines, redacted_telegram
from p1meter.reporting import Reporter
from p1meter.sampling import MeterClock, fuse, sample
from p1meter.sinks import Delivery
from p1meter.sinks.layouts import ARRAYS, LONGEST_PREFIX, is_prefix, messages
from p1meter.sinks.points import PointMaker, encode, packed, unpacked
from p1meter.sinks.server import plain

from .choices import Choices
from .content import KINDS, said
from .meaning import look, sequence
from .telegrams import BLOCKS, LONG, is_right, strange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from p1meter.news import News
    from p1meter.sink_settings import MqttLayout

_RECEIVED: Final = datetime(2026, 11, 21, 11, 59, 1, tzinfo=UTC)
_LAYOUTS: Final[tuple[MqttLayout, ...]] = ("topics", "json", "json_array", "smartmeter_reader", "dsmr_reader")
_SELECTIONS: Final = (
    Selection(None),
    Selection(()),
    Selection([Obis.parse(code) for code in ("1-0:1.8.1", "0-1:24.2.1", "1.8.0*01")]),
)
# MQTT 3.1.1 §1.5.3 and §4.7.3; Mosquitto takes 200 levels.
_LONGEST_TOPIC: Final = 65_535
_MOST_LEVELS: Final = 200
_ALL_KINDS: Final = (*KINDS, *map(said, LONG))
_MOST_TELEGRAMS: Final = 6
_OWN: Final = (
    OwnRegister(id="text", code=Obis.parse("0-0:96.13.0"), name="text", kind="text"),
    OwnRegister(
        id="sum", code=Obis.parse("1.8.1"), name="sum", kind="number", unit="kWh", state_class="total_increasing"
    ),
    OwnRegister(id="far", code=Obis.parse("0-1:24.2.1"), index=99, name="far", kind="number"),
)
_PREFIXES: Final = ("p1meter/house", "p1meter", "a/b/c", "\u00e9t\u00e9", "x" * LONGEST_PREFIX)


def told(data: bytes) -> None:
    """Send telegrams through everything that takes one."""
    choices = Choices(data)
    reader, maker = Reader(), PointMaker(choices.one_of(("p1meter", "smartmeter")), choices.one_of((0, 60)))
    own = _OWN if choices.one_in(2) else ()
    house, twin = _House(own), _House(own)
    deliveries: list[Delivery] = []
    wall = _RECEIVED
    for telegram in _telegrams(choices, reader):
        wall += timedelta(seconds=choices.one_of((1, 10, 40, 900)))
        shown = house.take(telegram, wall)
        # Who sees that a reading is the very same one as before does not look at it: whoever looks decides alike.
        assert twin.take(_copy(telegram), wall)[:3] == shown[:3], "what is left out as unchanged matters"
        delivery = Delivery(telegram, shown.shown, wall)
        deliveries.append(delivery)
        look(telegram)
        _look_at_points(maker, delivery)
        _look_at_port(telegram)
        _look_at_entries(telegram, wall)
        _look_at_redacted(telegram)
    house.look()
    if not deliveries:
        return
    prefix = choices.one_of(_PREFIXES)
    if choices.one_in(4) and is_prefix(text := choices.some(40).decode("latin-1")):
        prefix = text
    selection = choices.one_of(_SELECTIONS)
    for layout in _LAYOUTS:
        _look_at_messages(layout, deliveries, prefix, selection)


def _telegrams(choices: Choices, reader: Reader) -> Iterator[Telegram]:
    """Yield what is accepted: of a meter whose telegrams are hostile, or strange ones of anybody."""
    if choices.one_in(2):
        for sent in sequence(choices, choices.one_of(_ALL_KINDS), _MOST_TELEGRAMS):
            yield from (one for one in reader.feed(sent) + reader.close() if isinstance(one, Telegram))
        return
    for _ in range(3):
        if not choices.are_left:
            return
        sent = strange(choices) if not choices.one_in(8) else choices.one_of((*LONG, *BLOCKS))
        for telegram in reader.feed(sent):
            assert isinstance(telegram, Telegram), f"a telegram with a right checksum is refused: {sent!r}"
            yield telegram


def _copy(telegram: Telegram) -> Telegram:
    """Return the same telegram, of which no reading is one that was there before, and that tells nothing of that."""
    return replace(telegram, step=None, readings={key: replace(one) for key, one in telegram.readings.items()})


class _House:
    """What p1meter makes of the telegrams of one meter, in the order in which the coordinator does."""

    def __init__(self, own: Sequence[OwnRegister]) -> None:
        self.memory = Memory()
        self._judge = Judge(self.memory, own)
        self._demand = ComputedDemand(self.memory)
        self._billed = BilledPeaks()
        self._captures = Captures(self.memory)
        self._news = NewsReader(self.memory)
        self._clock = MeterClock()
        # Of each policy, one who is told what moved, and one who has to compare.
        self._reporters = [(Reporter(), Reporter()), (Reporter(None), Reporter(None))]

    def take(self, telegram: Telegram, wall: datetime) -> Verdict:
        """Return what is shown of the next telegram."""
        self._judge.knows(telegram)
        now = wall.timestamp()
        seen = sample(telegram, now, self._clock.read(telegram.time, now, wall), {})
        if seen is not None:
            assert isfinite(seen.import_w)
            assert isfinite(seen.export_w)
        fuse(telegram)
        verdict = self._demand.add_to(self._judge.judge(telegram, wall), telegram, wall)
        self._billed.apply_to(verdict.shown, telegram)
        self._captures.watch(verdict.new)
        self._captures.take(verdict.shown, telegram.time, wall)
        for one in self._news.read(telegram) or ():
            _look_at_news(one)
        for told, comparing in self._reporters:
            due = told.due(verdict.shown, wall, verdict.step)
            assert due == comparing.due(verdict.shown, wall), "what moved and is not told matters"
        for reading in verdict.shown.values():
            if isinstance(reading.value, Decimal):
                assert isfinite(float(reading.value)), f"no state: {reading}"
        return verdict

    def look(self) -> None:
        """See whether what was learned outlives a restart."""
        kept = json.dumps(self.memory.to_json())
        assert json.dumps(Memory.from_json(json.loads(kept)).to_json()) == kept, (
            "something else is known after a restart"
        )


def _look_at_news(one: News) -> None:
    facts = one.facts
    if isinstance(start := facts.get("start"), datetime) and isinstance(end := facts.get("end"), datetime):
        assert start <= end, "it ended before it began"


def _look_at_entries(telegram: Telegram, wall: datetime) -> None:
    """Look at the entries of the journal."""
    for codes in CODES.values():
        line = sml3_line(telegram, wall, Selection(None).allows, codes=codes)
        assert line.splitlines() == [line], "a value ends its line"
    cells = csv_cells(telegram.readings)
    header = csv_header(cells)
    assert "\n" not in header + csv_line(wall, cells, cells), "a value ends its line"
    assert csv_columns(header) == tuple(cells), "columns that are not found again"
    assert raw_entry(telegram).startswith(telegram.raw)


def _look_at_redacted(telegram: Telegram) -> None:
    """Look at what a helper may see of an accepted telegram: its checksum is that of what is left."""
    lines = redacted_telegram(telegram)
    redacted_lines(telegram.raw)
    json.dumps(lines)
    if telegram.checksum:
        assert is_right("\r\n".join(lines).encode() + b"\r\n" * (not lines[-1].startswith("\x03")))


def _look_at_messages(layout: MqttLayout, deliveries: list[Delivery], prefix: str, selection: Selection) -> None:
    published = list(messages([layout], deliveries, prefix, selection))
    topics = [message.topic for message in published]
    assert len(set(topics)) == len(topics), "one topic twice"
    for topic, payload in published:
        assert topic.startswith("dsmr/" if layout == "dsmr_reader" else prefix)
        assert not set(topic) & set("+#\0"), f"no topic: {topic!r}"
        assert all(topic.split("/")), f"a topic with an empty level: {topic!r}"
        assert len(topic.encode()) <= _LONGEST_TOPIC
        assert topic.count("/") < _MOST_LEVELS
        payload.encode()
        if layout not in {"topics", "dsmr_reader"}:
            said_in_json = json.loads(payload, parse_constant=_refuse)
            assert isinstance(said_in_json, list if layout in ARRAYS else dict)


def _refuse(constant: str) -> Never:
    raise AssertionError(f"no JSON: {constant}")


def _look_at_points(maker: PointMaker, delivery: Delivery) -> None:
    points = maker.points(delivery)
    lines = encode(points).decode().split("\n")
    assert len(lines) <= max(1, len(points)), "a value that ends its line"
    assert [one.fields for one in unpacked(packed(points))] == [one.fields for one in points]


def _look_at_port(telegram: Telegram) -> None:
    again = Reader()
    found = again.feed(plain(telegram)) + again.close()
    assert [one.objects for one in found if isinstance(one, Telegram)] == [telegram.objects], (
        "who reads along reads something else"
    )
