"""What goes out of telegrams that say strange things: MQTT's layouts, InfluxDB's lines, the TCP port."""

from datetime import UTC, datetime
import json
from typing import TYPE_CHECKING, Final, Never

from p1meter.archive.selection import Selection
from p1meter.judge import Judge
from p1meter.memory import Memory
from p1meter.meter import Obis, Reader, Telegram
from p1meter.sinks import Delivery
from p1meter.sinks.layouts import ARRAYS, LONGEST_PREFIX, is_prefix, messages
from p1meter.sinks.points import PointMaker, encode
from p1meter.sinks.server import plain

from .choices import Choices
from .telegrams import BLOCKS, LONG, strange

if TYPE_CHECKING:
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
_PREFIXES: Final = ("p1meter/house", "p1meter", "a/b/c", "\u00e9t\u00e9", "x" * LONGEST_PREFIX)


def said(data: bytes) -> None:
    """Send telegrams through everything that tells others about them."""
    choices = Choices(data)
    reader, judge, maker = Reader(), Judge(Memory()), PointMaker(choices.one_of(("p1meter", "smartmeter")))
    deliveries: list[Delivery] = []
    while choices.are_left and len(deliveries) < 3:
        sent = strange(choices) if not choices.one_in(8) else choices.one_of((*LONG, *BLOCKS))
        for telegram in reader.feed(sent):
            assert isinstance(telegram, Telegram), f"a telegram with a right checksum is refused: {sent!r}"
            shown = judge.judge(telegram, _RECEIVED).shown
            deliveries.append(Delivery(telegram, shown, _RECEIVED))
            _look_at_points(maker, deliveries[-1])
            _look_at_port(telegram)
    if not deliveries:
        return
    prefix = choices.one_of(_PREFIXES)
    if choices.one_in(4) and is_prefix(text := choices.some(40).decode("latin-1")):
        prefix = text
    selection = choices.one_of(_SELECTIONS)
    for layout in _LAYOUTS:
        _look_at_messages(layout, deliveries, prefix, selection)


def _look_at_messages(layout: MqttLayout, deliveries: list[Delivery], prefix: str, selection: Selection) -> None:
    told = list(messages([layout], deliveries, prefix, selection))
    topics = [message.topic for message in told]
    assert len(set(topics)) == len(topics), "one topic twice"
    for topic, payload in told:
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


def _look_at_port(telegram: Telegram) -> None:
    again = Reader()
    found = again.feed(plain(telegram)) + again.close()
    assert [one.objects for one in found if isinstance(one, Telegram)] == [telegram.objects], (
        "who reads along reads something else"
    )
