"""A telegram: typed values with unit and capture time, each under its register's key.

A meter says nearly the same every second. What a line gives depends on little but the line, so the decoder keeps the
telegram before and where its values stand (`form.py`): what is the same keeps its reading, and of what is another one
only the value is read. If more than values has changed, everything is read from the beginning.
"""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from itertools import compress, count as counting
from operator import ne
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from .codes import PARTS_OF_TIME, code_of
from .electricity import NET, TOTALS, TOTALS_AND_TARIFFS, addends, closed, derive, net, read, total
from .form import MEASURED, NUMBER, SILENT, TELEGRAM_TIME, TIME, Form, Known, learn
from .frames import Frame, ReceivedAt
from .lines import (
    BELGIAN_VERSION,
    MOVABLE,
    VERSION,
    Content,
    Object,
    Structure,
    content_of,
    groups_of,
    lines_of,
    take_apart,
)
from .mbus import read_channel, read_heat_meter
from .profiles import Evidence, Profile, detect, is_belgian_version, profile
from .readings import MBusDevice, Reading
from .slots import RESET_DATE, RESET_TIME, closings, reset_at
from .values import MAX_COUNT_DIGITS, Clock, are_unsigned, is_unsigned, number_with_unit, plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from .codes import Code
    from .obis import Obis

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


@lru_cache(maxsize=4)
def _objects_in(text: str) -> tuple[tuple[Obis, tuple[str, ...]], ...]:
    return tuple((item.obis, groups) for item, groups in take_apart(lines_of(text)).objects)


def _on_demand(slot: Any) -> Any:  # noqa: ANN401 (nothing names the type of a slot)
    """Return the attribute in which `objects` are kept as the text that they are in, until somebody asks for them.

    Most telegrams are never asked: the readings say the same. Who asks is often not the only one.
    """

    def objects(telegram: Telegram) -> tuple[tuple[Obis, tuple[str, ...]], ...]:
        kept = slot.__get__(telegram)
        return _objects_in(kept) if isinstance(kept, str) else kept

    return property(objects, slot.__set__)


setattr(Telegram, "objects", _on_demand(vars(Telegram)["objects"]))  # noqa: B010 (to a type checker it is of instances)


# A meter gives the same evidence in every telegram.
_detect = lru_cache(maxsize=64)(detect)

type _Sum = Callable[[Mapping[str, Reading]], Reading | None]

_NOTHING: Mapping[str, Reading] = MappingProxyType({})
_NO_METERS: Mapping[int, MBusDevice] = MappingProxyType({})

_STX = b"\x02"
_RESET = "last_reset"
_BRACKETS_AND_ENDS = frozenset("()\r\n")
# What is made by the thousand is made past the constructor of a NamedTuple, which takes twice the time.
_new = tuple.__new__


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
        # The telegram before, whole and in pieces, and what was read.
        self._text = ""
        self._pieces: tuple[str, ...] = ()
        self._how = (False, False)
        self._ident = ""
        self._profile = profile("generic", country)
        self._readings: dict[str, Reading] = {}
        self._unknown = _NOTHING
        self._mbus = _NO_METERS
        # What was learned from it.
        self._form: Form | None = None
        self._moved: Mapping[str, str] = {}
        self._contested: set[str] = set()
        self._sums: dict[str, _Sum] = {}
        self._strangers: frozenset[Obis] = frozenset()
        self._ever_sent: set[str] = set()

    def decode(self, frame: Frame, at: ReceivedAt | None) -> Telegram:
        """Return what a frame says. Never fails: what cannot be read is left out."""
        raw, sent, checksum = frame
        text = sent.decode("latin-1")
        how = (checksum, _STX in raw)
        if len(text) != len(self._text) or how != self._how or not self._update(text):
            self._how = how
            self._read(text)
        self._text = text
        clock = self._readings.get(TELEGRAM_TIME)
        time = None if clock is None else clock.value
        return Telegram(
            self._ident,
            self._profile,
            time if isinstance(time, datetime) else None,
            at,
            cast("Any", text),  # see `_on_demand`
            MappingProxyType(self._readings),
            self._unknown,
            self._mbus,
            raw,
            checksum,
            self._zone,
        )

    # --- what changed since the telegram before -----------------------------------------------------------------------

    def _update(self, text: str) -> bool:  # noqa: C901, PLR0912 (it runs every second: not cut into calls)
        """Read the values that changed; False if there is more to it than these."""
        if self._form is None:
            settled = {*self._contested, *self._sums, "equipment_id"}
            self._form = learn(self._text, Known(self._readings, self._moved, settled))
            if self._form is None:
                return False
            self._pieces = self._form.cut(self._text)
        cut, fields = self._form
        pieces = cut(text)
        readings = self._readings.copy()
        numbers: list[str] = []
        fed: set[str] = set()
        unknown_changed = False
        for index in compress(counting(), map(ne, pieces, self._pieces, strict=True)):
            field = fields[index]
            if field is None:
                return False
            kind, key, unit, item, feeds = field
            sent = pieces[index]
            if kind is NUMBER:
                try:
                    value = Decimal(sent)
                except InvalidOperation:
                    return False
                readings[key] = _new(Reading, (key, value, unit, None, item.obis, None))
                numbers.append(sent)
                if feeds is not None:
                    fed.add(feeds)
            elif kind is TIME:
                at = self._clock.stamp(sent, self._profile.winter_offset, key)
                if at is None:
                    return False
                readings[key] = _new(Reading, (key, at, None, None, item.obis, None))
            elif kind is MEASURED:
                if not self._update_measured(key, sent, readings):
                    return False
            elif not _BRACKETS_AND_ENDS.isdisjoint(sent):
                return False
            elif kind is SILENT:
                unknown_changed = True
            else:
                # Only a version gives no reading, and what it is does not change.
                readings[key] = self._single(item, key, (sent,)) or readings[key]
        if numbers and not are_unsigned(numbers):
            return False
        for key in fed:
            if key in self._sums and (computed := self._sums[key](readings)) is not None:
                readings[key] = computed
        self._readings, self._pieces = readings, pieces
        if unknown_changed and self._strangers:
            self._unknown = self._read_unknown(text)
        return True

    def _update_measured(self, key: str, sent: str, readings: dict[str, Reading]) -> bool:
        """Read `stamp)(number` of an M-Bus meter; False if it is something else."""
        stamp, _, digits = sent.partition(")(")
        known = readings[key]
        channel = known.channel or 0
        at = self._date(stamp, str(channel) if channel else "")
        if at is None or not is_unsigned(digits):
            return False
        readings[key] = known._replace(value=Decimal(digits), at=at)
        last_measured = f"{channel}:last_measured"
        readings[last_measured] = readings[last_measured]._replace(value=at)
        self._mbus = MappingProxyType({**self._mbus, channel: self._mbus[channel]._replace(at=at)})
        return True

    # --- everything ---------------------------------------------------------------------------------------------------

    def _read(self, text: str) -> None:
        """Read a telegram from the beginning."""
        content = content_of(text)
        ident, structure, _ = content
        if ident != self._ident:
            self._ever_sent = set()
        self._ident = ident
        special = {item.name: (item, groups) for item, groups in content.objects(structure.special)}
        self._profile = _detect(self._evidence(text, content, special), self._country)
        self._moved = _moved(structure.names, self._profile)
        self._form = None
        self._read_meter(content)
        if not PARTS_OF_TIME.isdisjoint(special):
            self._read_times(special)
        for reading in derive(special, self._readings.copy(), self._date):
            self._readings[reading.key] = reading
        if structure.past:
            self._read_closings(content.objects(structure.objects))
        self._read_sums()
        self._mbus = _NO_METERS
        if structure.channels:
            self._read_channels(content)
        self._strangers, self._unknown = structure.strangers, _NOTHING
        if self._strangers:
            # Without a medium, the codes of a heat meter are known only as a whole.
            self._strangers -= {reading.obis for reading in self._readings.values()}
            self._unknown = self._read_unknown(text)

    def _read_unknown(self, text: str) -> Mapping[str, Reading]:
        """Return what is sent under codes that nobody told us about."""
        found: dict[str, Reading] = {}
        for obis, groups in _objects_in(text):
            if obis not in self._strangers:
                continue
            key = str(obis)
            value, unit = number_with_unit(groups[0])
            if value is not None and (unit is not None or "." in groups[0]):
                found.setdefault(key, Reading(key, value, unit, None, obis, None))
            else:
                found.setdefault(key, Reading(key, plain_text(" ".join(groups)), None, None, obis, None))
        return MappingProxyType(found)

    def _evidence(self, text: str, content: Content, special: Mapping[str, Object]) -> Evidence:
        """Return what tells which meter this is."""
        ident, structure, sent = content
        belgian = special[BELGIAN_VERSION][1][0] if BELGIAN_VERSION in special else ""
        checksum, block = self._how
        return Evidence(
            ident,
            structure.names,
            special[VERSION][1][0] if VERSION in special else None,
            belgian if is_belgian_version(belgian) else None,
            watt_hours="*Wh)" in text
            and any(groups_of(sent[place])[0].endswith("*Wh") for place in structure.energies),
            checksum=checksum,
            optical=block or structure.optical,
            suffixed=structure.suffixed,
            mbus=any(structure.channels),
        )

    def _read_meter(self, content: Content) -> None:
        """Read the objects that give one reading each, and take the best where several give the same."""
        _, structure, sent = content
        readings: dict[str, Reading | None] = dict.fromkeys(structure.keys)
        contested: set[str] = set()
        others = structure.others if _read_plain(structure, sent, readings) else structure.fields
        for place, item in others:
            name = item.name
            key = self._moved.get(name, item.key or "") if name in MOVABLE else item.key or ""
            reading = self._single(item, key, groups_of(sent[place]))
            before = readings.get(key)
            if reading is not None and before is not None:
                contested.add(key)
                if not _is_better(reading, item.rank, before):
                    continue
            readings[key] = reading or before
        self._readings = {key: reading for key, reading in readings.items() if reading is not None}
        self._contested = contested

    def _single(self, item: Code, key: str, groups: tuple[str, ...]) -> Reading | None:
        """Return the reading that one object gives."""
        if key == TELEGRAM_TIME:
            at = self._clock.stamp(groups[0], self._profile.winter_offset, key)
            return _new(Reading, (key, at, None, None, item.obis, None))
        return read(item, key, groups, self._profile, self._date)

    def _date(self, sent: str, name: str = "") -> datetime | None:
        """Return when something was captured or happened; None if the clock was not set then."""
        return self._clock.capture(sent, self._profile.winter_offset, name)

    def _read_times(self, sent: Mapping[str, Object]) -> None:
        """Read the points in time that come as two objects, a date and a time."""
        for medium in ("1-0", "1-1"):
            time, date = sent.get(f"{medium}:0.9.1"), sent.get(f"{medium}:0.9.2")
            if TELEGRAM_TIME not in self._readings and time is not None and date is not None:
                at = self._clock.date_and_time(date[1][0], time[1][0], TELEGRAM_TIME)
                self._readings[TELEGRAM_TIME] = Reading(TELEGRAM_TIME, at, None, None, time[0].obis, None)
            time, date = sent.get(f"{medium}:{RESET_TIME}"), sent.get(f"{medium}:{RESET_DATE}")
            if _RESET not in self._readings and time is not None:
                at = reset_at(time[1], () if date is None else date[1], self._clock, self._profile.winter_offset)
                self._readings[_RESET] = Reading(_RESET, at, None, None, time[0].obis, None)

    def _read_closings(self, objects: Sequence[Object]) -> None:
        """Read what was kept at the end of the last period."""
        found = closings(objects, self._readings, self._clock, self._profile.winter_offset)
        for reading in closed(found):
            sent = self._readings.get(reading.key)
            if sent is None or sent.value is None:
                self._readings[reading.key] = reading

    def _read_sums(self) -> None:
        """Compute what follows from several readings of this telegram."""
        self._ever_sent |= TOTALS_AND_TARIFFS & self._readings.keys()
        ways: dict[str, _Sum] = {key: partial(net, key, self._profile) for key in NET}
        for key in TOTALS:
            parts = addends(key, self._ever_sent)
            if parts:
                ways[key] = partial(total, key, parts)
        self._sums = {}
        for key, compute in ways.items():
            computed = compute(self._readings)
            if computed is not None:
                self._readings[key] = computed
                self._sums[key] = compute

    def _read_channels(self, content: Content) -> None:
        """Read the meters behind the meter."""
        devices: dict[int, MBusDevice] = {}
        for channel, places in content.structure.channels.items():
            objects = content.objects(places)
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


def _read_plain(structure: Structure, sent: Sequence[str], readings: dict[str, Reading | None]) -> bool:
    """Read what is nothing but a number with its unit, or a count; False, and nothing, where one is not what it was."""
    digits = []
    found: dict[str, Reading] = {}
    try:
        for place, key, obis, ends in structure.numbers:
            number, _, end = sent[place].partition("*")
            found[key] = _new(Reading, (key, Decimal(number), ends[end], None, obis, None))
            digits.append(number)
        for place, key, obis in structure.counters:
            number = sent[place][:-1]
            if len(number) > MAX_COUNT_DIGITS:
                return False
            found[key] = _new(Reading, (key, int(number), None, None, obis, None))
            digits.append(number)
    except KeyError, ValueError, InvalidOperation:
        return False
    if digits and not are_unsigned(digits):
        return False
    readings.update(found)
    return True


def _moved(sent: Collection[str], profile: Profile) -> dict[str, str]:
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
