"""A telegram: typed values with unit and capture time, each under its register's key.

A meter says nearly the same every second. What a line gives depends on little but the line, so the decoder keeps the
telegram before: lines that are the same give the same readings, and a line in which only the number is another one is
read by what was learned about it. Everything else is read from the beginning.
"""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from functools import partial
from itertools import compress, count as counting
from operator import ne
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from .codes import CHECKED, PARTS_OF_TIME, Code, code_of
from .electricity import BOTH_FUSES, LOGICAL_NAME, NET, TOTALS, addends, closed, derive, net, read, total
from .frames import Frame, ReceivedAt
from .history import MONTHS
from .lines import Object, take_apart
from .mbus import MEASURED, read_channel, read_heat_meter
from .obis import Obis
from .profiles import Evidence, Profile, detect, is_belgian_version, profile
from .readings import MBusDevice, Reading
from .slots import RESET_DATE, RESET_TIME, closings, reset_at
from .values import Clock, is_unsigned, number_with_unit, plain_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

__all__ = ["Decoder", "MBusDevice", "Reading", "ReceivedAt", "Telegram"]


@dataclass(frozen=True, slots=True)
class Telegram:
    """One telegram of a meter.

    Attributes:
        ident: The identification line without `/`.
        profile: What kind of meter sent it.
        time: The meter's own time, aware; None if it sends none, or no date.
        received_at: When it came in, if that was told.
        objects: Everything that was sent, in order: code and groups, as sent.
        readings: What it means: by register key, those of M-Bus meters by `<channel>:<key>`.
        unknown: The objects that p1meter has no register for, by code: a number with its unit, or the text as sent.
        mbus: The M-Bus meters that send valid readings, by channel.
        raw: The bytes, from `/` to the end.
        checksum: Whether it had one (that was right).
        zone: Where its stamps are local that do not say it themselves.
    """

    ident: str
    profile: Profile
    time: datetime | None
    received_at: ReceivedAt | None
    objects: tuple[tuple[Obis, tuple[str, ...]], ...]
    readings: Mapping[str, Reading]
    unknown: Mapping[str, Reading]
    mbus: Mapping[int, MBusDevice]
    raw: bytes
    checksum: bool
    zone: tzinfo


class _Step(NamedTuple):
    """How to read a line of which only the value has changed.

    Attributes:
        kind: What it gives: see below.
        prefix: What stays before the value: code and bracket.
        start: Its length.
        suffix: What stays after it: unit and bracket.
        stop: Where it begins, from the end.
        place: Of the object in the telegram.
        obis: Its code.
        key: Where its reading is; "" if it has none.
        unit: The reading's unit.
        feeds: The key of what is computed from it.
    """

    kind: str
    prefix: str
    start: int
    suffix: str
    stop: int
    place: int
    obis: Obis
    key: str
    unit: str | None
    feeds: str | None


_OBJECT = "object"  # no reading
_NUMBER = "number"  # a number without a sign, and its unit
_READING = "reading"  # any other reading of the meter itself
_MEASURED = "measured"  # the reading of an M-Bus meter

_NOTHING: Mapping[str, Reading] = MappingProxyType({})

type _Object = tuple[Obis, tuple[str, ...]]

_STX = b"\x02"
_TIME = "telegram_time"
_RESET = "last_reset"
# Objects that decide about more than their own reading.
_DECISIVE = {"1-3:0.2.8", "0-0:96.1.4", BOTH_FUSES, LOGICAL_NAME, MONTHS, *PARTS_OF_TIME}
_FED = {part: key for sums in (NET, TOTALS) for key, parts in sums.items() for part in parts}
_TOTALS = {name for key, parts in TOTALS.items() for name in (key, *parts)}
_ENERGY_CODES = ("1-0:1.8.0", "1-0:1.8.1", "1-0:1.8.2")
_LINES_KEPT = 512


class Decoder:
    """Reads the telegrams of one meter, one after the other."""

    def __init__(self, *, zone: tzinfo, country: str | None) -> None:
        """Start with nothing known.

        Args:
            zone: Where stamps without a letter are local.
            country: Home Assistant's (ISO 3166), for what the telegram leaves open, or None.
        """
        self._clock = Clock(zone)
        self._zone = zone
        self._country = country
        # The telegram before: its lines, the place of the one object of each, and what was read.
        self._lines: list[str] = []
        self._how = (False, False)
        self._end = 0
        self._places: list[int | None] = []
        self._items: list[Code] = []
        self._objects: list[_Object] = []
        self._ident = ""
        self._profile = profile("generic", country)
        self._readings: dict[str, Reading] = {}
        self._mbus: Mapping[int, MBusDevice] = MappingProxyType({})
        self._strangers: list[int] = []
        # What was learned from it.
        self._moved: Mapping[str, str] = {}
        self._contested: set[str] = set()
        self._computed: dict[str, Sequence[str]] = {}
        self._ever_sent: set[str] = set()
        self._steps: list[_Step | None] = []
        self._known_lines: dict[str, tuple[Reading | None, _Object]] = {}

    def decode(self, frame: Frame, at: ReceivedAt | None) -> Telegram:
        """Return what a frame says. Never fails: what cannot be read is left out."""
        text = frame.text.decode("latin-1")
        lines = text.split("\r\n" if "\r\n" in text else "\n")
        how = (frame.checksum, _STX in frame.raw)
        if len(lines) != len(self._lines) or how != self._how or not self._update(lines):
            self._how = how
            self._read(text, lines)
        self._lines = lines
        clock = self._readings.get(_TIME)
        return Telegram(
            self._ident,
            self._profile,
            clock.value if clock is not None and isinstance(clock.value, datetime) else None,
            at,
            tuple(self._objects),
            MappingProxyType(self._readings.copy()),
            self._unknown() if self._strangers else _NOTHING,
            self._mbus,
            frame.raw,
            frame.checksum,
            self._zone,
        )

    # --- what changed since the telegram before -----------------------------------------------------------------------

    def _update(self, lines: list[str]) -> bool:  # noqa: C901, PLR0912 (it runs every second: not cut into calls)
        """Read the lines that changed; False if there is more to it than their values."""
        fed: set[str] = set()
        readings, known_lines = self._readings, self._known_lines
        for index in compress(counting(), map(ne, lines, self._lines, strict=True)):
            if index >= self._end:
                break
            step = self._steps[index] or self._learn(index)
            if step is None:
                return False
            kind, prefix, start, suffix, stop, place, obis, key, unit, feeds = step
            line = lines[index]
            if line[:start] != prefix:
                return False
            known = known_lines.get(line)
            if known is None:
                if line[stop:] != suffix:
                    return False
                digits = line[start:stop]
                if kind is not _NUMBER:
                    known = self._take(step, digits)
                    if known is None:
                        return False
                elif is_unsigned(digits):
                    known = Reading(key, Decimal(digits), unit, None, obis, None), (obis, (line[start:-1],))
                    if len(known_lines) >= _LINES_KEPT:
                        known_lines.clear()
                    known_lines[line] = known
                else:
                    return False
            reading, self._objects[place] = known
            if reading is not None:
                readings[key] = reading
                if feeds is not None:
                    fed.add(feeds)
        for key in fed:
            if key in self._computed:
                self._compute(key)
        return self._end < len(lines) and lines[self._end][:1] == "!"

    def _learn(self, index: int) -> _Step | None:
        """Return how to read a line by its value alone, None if it takes more than that."""
        place = self._places[index]
        if place is None:
            return None
        item = self._items[place]
        groups = self._objects[place][1]
        prefix = self._lines[index].partition("(")[0] + "("
        found: tuple[str, str, str, str | None] | None
        if item.channel is not None:
            found = self._learn_measured(item, groups)
        elif len(groups) > 1 or item.name in _DECISIVE or item.past or item.key == "reset_counter":
            found = None
        elif item.key is None:
            found = _OBJECT, ")", "", None
        else:
            found = self._learn_reading(self._moved.get(item.name, item.key), groups[0])
        if found is None:
            return None
        kind, suffix, key, unit = found
        step = _Step(kind, prefix, len(prefix), suffix, -len(suffix), place, item.obis, key, unit, _FED.get(key))
        self._steps[index] = step
        return step

    def _learn_reading(self, key: str, group: str) -> tuple[str, str, str, str | None] | None:
        if key in self._contested or key in self._computed or key == "equipment_id":
            return None
        reading = self._readings[key]
        digits, star, unit = group.partition("*")
        if isinstance(reading.value, Decimal) and key not in CHECKED and is_unsigned(digits):
            return _NUMBER, f"{star}{unit})", key, reading.unit
        return None if key in _TOTALS or key in _FED else (_READING, ")", key, None)

    def _learn_measured(self, item: Code, groups: tuple[str, ...]) -> tuple[str, str, str, str | None] | None:
        """Learn the reading of an M-Bus meter: `(stamp)(value*unit)`, the only one on its channel."""
        beside = [other for other in self._items if other.channel == item.channel and other.part.startswith(MEASURED)]
        if beside != [item] or len(groups) != 2:
            return None
        digits, star, unit = groups[1].partition("*")
        for key, reading in self._readings.items():
            known = reading.obis == item.obis and reading.at is not None and isinstance(reading.value, Decimal)
            if known and star and is_unsigned(digits):
                return _MEASURED, f"*{unit})", key, reading.unit
        return None

    def _take(self, step: _Step, sent: str) -> tuple[Reading | None, _Object] | None:
        """Return the reading and the object of a line that is no plain number, None if more has changed."""
        if step.kind is _MEASURED:
            return self._take_measured(step, sent)
        if "(" in sent or ")" in sent:
            return None
        place, key = step.place, step.key
        return (self._single(self._items[place], key, (sent,)) if key else None), (step.obis, (sent,))

    def _take_measured(self, step: _Step, sent: str) -> tuple[Reading, _Object] | None:
        stamp, _, digits = sent.partition(")(")
        channel = self._readings[step.key].channel or 0
        at = self._date(stamp, str(channel) if channel else "")
        if at is None or not is_unsigned(digits):
            return None
        last_measured = f"{channel}:last_measured"
        self._readings[last_measured] = self._readings[last_measured]._replace(value=at)
        self._mbus = MappingProxyType({**self._mbus, channel: self._mbus[channel]._replace(at=at)})
        reading = self._readings[step.key]._replace(value=Decimal(digits), at=at)
        return reading, (step.obis, (stamp, f"{digits}{step.suffix[:-1]}"))

    # --- everything ---------------------------------------------------------------------------------------------------

    def _read(self, text: str, lines: list[str]) -> None:
        """Read a telegram from the beginning."""
        objects, self._places, self._end = take_apart(lines)
        self._items = [item for item, _ in objects]
        self._objects = [(item.obis, groups) for item, groups in objects]
        sent: dict[str, Object] = {}
        channels: dict[int, list[Object]] = {}
        for one in objects:
            item = one[0]
            if not item.past:
                sent.setdefault(item.name, one)
                if item.channel is not None:
                    channels.setdefault(item.channel, []).append(one)
        ident = lines[0][1:]
        if ident != self._ident:
            self._ever_sent = set()
        self._ident = ident
        self._profile = detect(self._evidence(text, sent, channels), self._country)
        self._moved = _moved(sent, self._profile)
        self._steps = [None] * len(lines)
        self._known_lines = {}
        self._read_meter(objects)
        self._read_times(sent)
        for reading in derive(sent, self._readings.copy(), self._date):
            self._readings[reading.key] = reading
        self._read_closings(objects)
        self._read_sums()
        self._read_channels(channels)
        self._strangers = [place for place, item in enumerate(self._items) if not item.known]
        if self._strangers:
            # Without a medium, the codes of a heat meter are known only as a whole.
            used = {reading.obis for reading in self._readings.values()}
            self._strangers = [place for place in self._strangers if self._items[place].obis not in used]

    def _unknown(self) -> Mapping[str, Reading]:
        """Return what is sent under codes that nobody told us about."""
        found: dict[str, Reading] = {}
        for place in self._strangers:
            obis, groups = self._objects[place]
            key = str(obis)
            value, unit = number_with_unit(groups[0])
            if value is not None and (unit is not None or "." in groups[0]):
                found.setdefault(key, Reading(key, value, unit, None, obis, None))
            else:
                found.setdefault(key, Reading(key, plain_text(" ".join(groups)), None, None, obis, None))
        return MappingProxyType(found)

    def _evidence(self, text: str, sent: Mapping[str, Object], channels: Collection[int]) -> Evidence:
        """Return what tells which meter this is."""
        belgian = sent["0-0:96.1.4"][1][0] if "0-0:96.1.4" in sent else ""
        return Evidence(
            self._ident,
            sent.keys(),
            version=sent["1-3:0.2.8"][1][0] if "1-3:0.2.8" in sent else None,
            belgian_version=belgian if is_belgian_version(belgian) else None,
            watt_hours="*Wh)" in text
            and any(sent[name][1][0].endswith("*Wh") for name in _ENERGY_CODES if name in sent),
            checksum=self._how[0],
            optical=self._how[1] or (bool(self._items) and self._items[0].obis.a is None),
            suffixed="*255(" in text,
            mbus=any(channels),
        )

    def _read_meter(self, objects: Iterable[Object]) -> None:
        """Read the objects that give one reading each, and take the best where several give the same."""
        readings: dict[str, Reading] = {}
        contested: set[str] = set()
        moved = self._moved
        for item, groups in objects:
            obis, name, _, key, rank, channel, _, units, _ = item
            if key is None or channel is not None:
                continue
            if moved:
                key = moved.get(name, key)
            digits, _, unit = groups[0].partition("*")
            if units is not None and unit in units and len(groups) == 1 and is_unsigned(digits):
                reading = Reading(key, Decimal(digits), unit, None, obis, None)
            elif (found := self._single(item, key, groups)) is not None:
                reading = found
            else:
                continue
            if key in readings:
                contested.add(key)
                if not _is_better(reading, rank, readings[key]):
                    continue
            readings[key] = reading
        self._readings = readings
        self._contested = contested

    def _single(self, item: Code, key: str, groups: tuple[str, ...]) -> Reading | None:
        """Return the reading that one object gives."""
        if key == _TIME:
            at = self._clock.stamp(groups[0], self._profile.winter_offset, key)
            return Reading(key, at, None, None, item.obis, None)
        return read(item, key, groups, self._profile, self._date)

    def _date(self, sent: str, name: str = "") -> datetime | None:
        """Return when something was captured or happened; None if the clock was not set then."""
        return self._clock.capture(sent, self._profile.winter_offset, name)

    def _read_times(self, sent: Mapping[str, Object]) -> None:
        """Read the points in time that come as two objects, a date and a time."""
        for medium in ("1-0", "1-1"):
            time, date = sent.get(f"{medium}:0.9.1"), sent.get(f"{medium}:0.9.2")
            if _TIME not in self._readings and time is not None and date is not None:
                at = self._clock.date_and_time(date[1][0], time[1][0], _TIME)
                self._readings[_TIME] = Reading(_TIME, at, None, None, time[0].obis, None)
            time, date = sent.get(f"{medium}:{RESET_TIME}"), sent.get(f"{medium}:{RESET_DATE}")
            if _RESET not in self._readings and time is not None:
                at = reset_at(time[1], () if date is None else date[1], self._clock, self._profile.winter_offset)
                self._readings[_RESET] = Reading(_RESET, at, None, None, time[0].obis, None)

    def _read_closings(self, objects: Sequence[Object]) -> None:
        """Read what was kept at the end of the last period."""
        if not any(item.past for item in self._items):
            return
        found = closings(objects, self._readings, self._clock, self._profile.winter_offset)
        for reading in closed(found):
            sent = self._readings.get(reading.key)
            if sent is None or sent.value is None:
                self._readings[reading.key] = reading

    def _read_sums(self) -> None:
        """Compute what follows from several readings of this telegram."""
        self._ever_sent.update(key for key in _TOTALS if key in self._readings)
        self._computed = dict.fromkeys(NET, ()) | {key: addends(key, self._ever_sent) for key in TOTALS}
        for key in list(self._computed):
            if not self._compute(key):
                del self._computed[key]

    def _compute(self, key: str) -> bool:
        computed = (
            net(key, self._readings, two_way=self._profile.two_way)
            if key in NET
            else total(key, self._computed[key], self._readings)
        )
        if computed is None:
            return False
        self._readings[key] = computed
        return True

    def _read_channels(self, channels: Mapping[int, Sequence[Object]]) -> None:
        """Read the meters behind the meter."""
        devices: dict[int, MBusDevice] = {}
        for channel, objects in channels.items():
            found: tuple[MBusDevice, list[Reading]] | None
            if objects[0][0].name.startswith("6-0:"):
                found = read_heat_meter(objects, self._readings.pop("equipment_id", None))
            else:
                found = read_channel(channel, objects, partial(self._date, name=str(channel) if channel else ""))
            if found is None:
                continue
            device, readings = found
            devices[channel] = device
            for reading in readings:
                self._readings[f"{channel}:{reading.key}"] = reading
        self._mbus = MappingProxyType(devices)


def _moved(sent: Mapping[str, Object], profile: Profile) -> dict[str, str]:
    """Return the codes that are under another register than usual, by what is beside them."""
    moved = {}
    if "1-0:51.4.0" in sent or "1-0:71.4.0" in sent:
        moved["1-0:31.4.0"] = "fuse_threshold_l1"
    if profile.name == "hu" and "1-0:4.8.0" not in sent:
        moved["1-0:4.8.1"] = "reactive_export_total"  # so it is printed by Holley
    return moved


def _is_better(reading: Reading, rank: int, other: Reading) -> bool:
    """Return whether a second reading of a register counts: not the empty one, the preferred code, the newest."""
    if reading.value is None or other.value is None:
        return other.value is None
    other_rank = rank if other.obis is None else code_of(other.obis).rank
    if rank != other_rank:
        return rank < other_rank
    return reading.at is not None and other.at is not None and reading.at > other.at
