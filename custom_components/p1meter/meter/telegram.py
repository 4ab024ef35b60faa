"""A telegram: typed values with unit and capture time, each under its register's key.

A meter says nearly the same every second. What a line gives depends on little but the line, so the decoder keeps the
form of its telegrams (`form.py`) and the values of the one before: what is the same keeps its reading, and of what is
another one only the value is read. A telegram without a form that is known is read from the beginning. Most come whole,
and of them only numbers and the time are others: those take the shortest way (`Decoder.again`), to the same.
"""

import dataclasses
from datetime import datetime, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from .checksum import crc16_arc
from .codes import PARTS_OF_TIME, code_of
from .electricity import NET, TELEGRAM_TIME, TOTALS, TOTALS_AND_TARIFFS, addends, closed, derive, net, read, total
from .form import (
    COUNT,
    MEASURED,
    NUMBER,
    READING,
    TEXT,
    TIME,
    TOGETHER,
    UNKNOWN,
    Calm,
    Field,
    Form,
    Known,
    forms_of,
    identification,
)
from .frames import Frame, ReceivedAt
from .lines import (
    BELGIAN_VERSION,
    MOVABLE,
    PHASE_LIMITS,
    VERSION,
    Content,
    Object,
    Structure,
    content_of,
    groups_of,
    lines_of,
    take_apart,
)
from .mbus import measured_name, read_channel, read_heat_meter
from .profiles import Evidence, Profile, detect, is_belgian_version, profile
from .readings import MBusDevice, Reading, Step, Way, record
from .slots import RESET_DATE, RESET_TIME, closings, reset_at
from .values import MAX_COUNT_DIGITS, Clock, are_unsigned, number_with_unit, plain_text
from .verdict import TELEGRAM_LIMIT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from .codes import Code
    from .obis import Obis

__all__ = ["Decoder", "MBusDevice", "Reading", "ReceivedAt", "Telegram"]


@record
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
        statements: The very same object as in the telegram before, as long as nothing but the time, the numbers of the
            electricity meter and what is unknown are other ones: no id, state, text or counter, and nothing of an M-Bus
            meter. Who looks at those looks at them once.
        step: Which readings are others than in the telegram before, where nothing but numbers and the time is; else
            None.
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
    statements: object = dataclasses.field(compare=False, repr=False)
    step: Step | None = dataclasses.field(compare=False, repr=False)


@lru_cache(maxsize=4)
def _objects_in(text: str) -> tuple[tuple[Obis, tuple[str, ...]], ...]:
    return tuple((item.obis, groups) for item, groups in take_apart(lines_of(text)))


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
_detect = lru_cache(maxsize=4)(detect)

_NOTHING: Mapping[str, Reading] = MappingProxyType({})
_NO_METERS: Mapping[int, MBusDevice] = MappingProxyType({})

_RESET = "last_reset"
_IDENTITY = "equipment_id"


type _Fit = tuple[str, tuple[bool, bool], Form | None, tuple[str, ...]]
"""A telegram that was looked at: its text, how it came, and, if its form is known, that and its values."""


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
        # What was asked about last, and what was found.
        self._asked: tuple[bytes, _Fit] | None = None
        # The telegram before, and what was read.
        self._form: Form | None = None
        self._how = (False, False)
        self._values: tuple[str, ...] = ()
        self._text = ""
        # Whether nothing but numbers and the time was another, and what is known as long as that is so.
        self._is_calm = False
        self._calm: Calm | None = None
        self._ident = ""
        self._profile = profile("generic", country)
        self._readings: dict[str, Reading] = {}
        self._handed_out: Mapping[str, Reading] = {}
        self._unknown = _NOTHING
        self._mbus = _NO_METERS
        self._statements = object()
        self._ever_sent: frozenset[str] = frozenset()

    def knows(self, raw: bytes) -> bool:
        """Return whether a telegram without a checksum is whole, for it has the form of one that was found whole."""
        fit = self._look_at(raw, (False, False))
        self._asked = raw, fit
        return fit[2] is not None

    def decode(self, frame: Frame, at: ReceivedAt | None) -> Telegram:
        """Return what a frame says. Never fails: what cannot be read is left out."""
        raw, sent, checksum, block = frame
        asked, self._asked = self._asked, None
        fit = asked[1] if asked is not None and asked[0] is raw else self._look_at(sent, (checksum, block))
        if self._calm is not None:
            self._leave_calm()
        self._is_calm = False
        self._text, self._how, form, values = fit
        reads = self._update if form is self._form else self._read_all
        if form is None or not reads(form, values):
            self._read(self._text)
        return self._telegram(raw, at, None, checksum=checksum)

    def again(self, raw: bytes, at: ReceivedAt | None) -> Telegram | None:
        """Return what a telegram says in which nothing but numbers and the time is another than in the one before.

        None if it is no such telegram, or none at all: then nothing is noted of it.
        """
        calm = self._calm or self._calm_down()
        if calm is None or len(raw) > TELEGRAM_LIMIT:
            return None
        text = raw.decode("latin-1")
        found = calm.match(text)
        # What fits ends in four digits and a line end.
        if not found or (calm.checksum and int(raw[-6:-2], 16) != crc16_arc(raw[:-6])):
            return None
        values = found.groups()
        fields, before = calm.fields, self._values
        readings = self._readings.copy()
        moved: list[str] = []
        for index, sent in enumerate(values):
            if sent == before[index]:
                continue
            field = fields[index]
            kind, key = field.kind, field.key
            moved.append(key)
            if kind is NUMBER:
                readings[key] = Reading(key, Decimal(sent), field.unit, None, field.obis, None)
                # Of two that moved, the second computes it once more, and from both.
                if field.feeds is not None and (computed := calm.ways[field.feeds](readings)) is not None:
                    readings[field.feeds] = computed
                    moved.append(field.feeds)
            elif kind is TIME:
                self._read_field(field, sent, readings)
            else:
                return None
        self._text, self._values, self._readings = text, values, readings
        # As the class itself makes one, in half the time.
        return self._telegram(raw, at, tuple.__new__(Step, (self._handed_out, moved)), checksum=calm.checksum)

    def _calm_down(self) -> Calm | None:
        """Expect that what stayed in the telegram before stays; None if something did not, or it came otherwise."""
        form, text = self._form, self._text
        if self._is_calm and form is not None and text.endswith("\r\n") and (found := form.match(text)):
            self._calm = form.calm(found, checksum=self._how[0])
            if self._calm is not None:
                self._values = self._calm.values
        return self._calm

    def _leave_calm(self) -> None:
        """Go on with the whole form, and with all values of the telegram before."""
        self._calm = None
        found = self._form and self._form.match(self._text)
        self._form, self._values = (self._form, found.groups()) if found else (None, ())

    def _telegram(self, raw: bytes, at: ReceivedAt | None, step: Step | None, *, checksum: bool) -> Telegram:
        """Return the telegram that was read."""
        text: Any = self._text  # see `_on_demand`
        clock = self._readings.get(TELEGRAM_TIME)
        time = None if clock is None else clock.value
        self._handed_out = MappingProxyType(self._readings)
        return Telegram(
            self._ident,
            self._profile,
            time if isinstance(time, datetime) else None,
            at,
            text,
            self._handed_out,
            self._unknown,
            self._mbus,
            raw,
            checksum,
            self._zone,
            self._statements,
            step,
        )

    def _look_at(self, sent: bytes, how: tuple[bool, bool]) -> _Fit:
        """Look whether a telegram has the form of the one before, or one that is known."""
        text = sent.decode("latin-1")
        form = self._form
        if form is not None and how == self._how and (found := form.match(text)):
            return text, how, form, found.groups()
        return text, how, *forms_of(identification(text), how, self._country).fit(text)

    # --- a telegram whose form is known -------------------------------------------------------------------------------

    def _update(self, form: Form, values: tuple[str, ...]) -> bool:  # noqa: C901 (it runs every second: not cut into calls)
        """Read the values that are others than before; False if there is more to it than these."""
        fields, before = form.fields, self._values
        readings = self._readings.copy()
        fed: set[str] = set()
        stated = unknown_changed = False
        is_calm = True
        for index, sent in enumerate(values):
            if sent == before[index]:
                continue
            field = fields[index]
            kind, key = field.kind, field.key
            if kind is NUMBER:
                readings[key] = Reading(key, Decimal(sent), field.unit, None, field.obis, None)
            elif kind is UNKNOWN:
                unknown_changed = True
            elif kind is TOGETHER:
                return self._read_all(form, values)
            elif not self._read_field(field, sent, readings):
                return False
            elif kind is not TIME:
                is_calm = False
                stated = stated or field.item.channel is not None or not isinstance(readings[key].value, Decimal)
            if field.feeds is not None:
                fed.add(field.feeds)
        for key in fed:
            computed = form.ways[key](readings)
            if computed is not None:
                readings[key] = computed
            elif key in readings:
                return self._read_all(form, values)
        # What comes and goes by its value leaves more readings or fewer.
        if len(readings) != len(form.blank):
            return False
        self._keep(form, values, readings, stated=stated, unknown_changed=unknown_changed)
        self._is_calm = is_calm and not unknown_changed
        return True

    def _read_all(self, form: Form, values: tuple[str, ...]) -> bool:
        """Read all values of a form; False if there is more to it than these."""
        if not self._take_up(form):
            return False
        readings = form.blank.copy()
        for index, key, unit, obis in form.numbers:
            readings[key] = Reading(key, Decimal(values[index]), unit, None, obis, None)
        for index, key, obis in form.counts:
            readings[key] = Reading(key, int(values[index]), None, None, obis, None)
        for index, field in form.others:
            if not self._read_field(field, values[index], readings):
                return False
        self._read_together(form, values, readings)
        for key, way in form.ways.items():
            computed = way(readings)
            if computed is not None:
                readings[key] = computed
        if len(readings) != len(form.blank) or not all(readings.values()):
            return False
        self._keep(form, values, readings, stated=True, unknown_changed=True)
        return True

    def _read_field(self, field: Field, sent: str, readings: dict[str, Reading]) -> bool:
        """Read what is no plain number, and what its line gives by itself; False if it is not what it was."""
        kind, key = field.kind, field.key
        if kind is COUNT:
            readings[key] = Reading(key, int(sent), None, None, field.obis, None)
        elif kind is TIME:
            at = self._clock.stamp(sent.partition(")(")[0], self._profile.winter_offset, key)
            readings[key] = Reading(key, at, None, None, field.obis, None)
        elif kind is TEXT:
            readings[key] = Reading(key, field.reads(sent.partition(")(")[0]), None, None, field.obis, None)
        elif kind is READING:
            # Only a version gives no reading, and what it is does not change.
            readings[key] = self._single(field.item, key, tuple(sent.split(")("))) or readings[key]
        elif kind is MEASURED:
            return self._read_measured(field, sent, readings)
        else:
            value = field.reads(sent.partition(")(")[0])
            readings[key] = Reading(field.name, value, None, None, field.obis, field.item.channel)
        return True

    def _keep(
        self,
        form: Form,
        values: tuple[str, ...],
        readings: dict[str, Reading],
        *,
        stated: bool,
        unknown_changed: bool,
    ) -> None:
        """Note what was read, and renew what follows from it."""
        self._form, self._values, self._readings = form, values, readings
        if stated:
            self._statements = object()
            if form.meters:
                self._mbus = MappingProxyType(form.devices(readings))
        if unknown_changed:
            self._unknown = _read_unknown(form.objects(form.unknown, values))

    def _take_up(self, form: Form) -> bool:
        """Go on with another form; False if more is known of this meter: what it once sent is not computed."""
        if form.ident == self._ident and not self._ever_sent <= form.sent:
            return False
        self._ident, self._profile, self._ever_sent = form.ident, form.profile, form.sent
        return True

    def _read_measured(self, field: Field, sent: str, readings: dict[str, Reading]) -> bool:
        """Read stamp and number of an M-Bus meter; False if the stamp is none."""
        stamp, _, number = sent.partition(field.between)
        channel = field.item.channel
        value = Decimal(number.removesuffix(field.after))
        at = self._date(stamp, measured_name(channel), value)
        if at is None:
            return False
        readings[field.key] = Reading(field.name, value, field.unit, at, field.obis, channel)
        readings[f"{channel}:last_measured"] = Reading("last_measured", at, None, None, field.obis, channel)
        return True

    def _read_together(self, form: Form, values: tuple[str, ...], readings: dict[str, Reading]) -> None:
        """Read what takes several lines."""
        if form.together or form.special:
            keys = (form.fields[index].key for index, _ in form.together)
            self._settle(zip(keys, form.objects(form.together, values), strict=True), readings)
            special = {item.name: (item, groups) for item, groups in form.objects(form.special, values)}
            for reading in derive(special, readings.copy(), self._date):
                readings[reading.key] = reading
        if not form.meters:
            self._mbus = self._read_channels(
                ((channel, form.objects(places, values)) for channel, places in form.channels.items()), readings
            )

    # --- everything ---------------------------------------------------------------------------------------------------

    def _read(self, text: str) -> None:
        """Read a telegram from the beginning."""
        content = content_of(text)
        ident, structure, _ = content
        if ident != self._ident:
            self._ever_sent = frozenset()
        self._ident = ident
        special = {item.name: (item, groups) for item, groups in content.objects(structure.special)}
        self._profile = _detect(self._evidence(text, content, special), self._country)
        moved = _moved(structure.names, self._profile)
        self._read_meter(content, moved)
        if not PARTS_OF_TIME.isdisjoint(special):
            self._read_times(special)
        for reading in derive(special, self._readings.copy(), self._date):
            self._readings[reading.key] = reading
        if structure.past:
            self._read_closings(content.objects(structure.objects))
        sent = TOTALS_AND_TARIFFS & self._readings.keys()
        self._ever_sent |= sent
        ways = _ways(self._profile, self._ever_sent)
        for key, way in ways.items():
            computed = way(self._readings)
            if computed is not None:
                self._readings[key] = computed
        self._mbus = self._read_channels(
            ((channel, content.objects(places)) for channel, places in structure.channels.items()), self._readings
        )
        strangers = structure.strangers | {item.obis for _, item in structure.fields if moved.get(item.name) == ""}
        # Without a medium, the codes of a heat meter are known only as a whole.
        strangers = strangers and strangers - {one.obis for one in self._readings.values()}
        self._unknown = _read_unknown(content.objects(one for one in structure.objects if one[1].obis in strangers))
        self._statements = object()
        self._form, self._values = None, ()
        if self._ever_sent == sent:
            known = Known(self._readings, moved, self._profile, self._ever_sent, ways, self._mbus)
            forms = forms_of(identification(text), self._how, self._country)
            self._form, self._values = forms.learn(text, known)

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

    def _read_meter(self, content: Content, moved: Mapping[str, str]) -> None:
        """Read the objects that give one reading each, and take the best where several give the same."""
        _, structure, sent = content
        readings = cast("dict[str, Reading]", dict.fromkeys(structure.keys))  # until they are read
        others = structure.others if _read_plain(structure, sent, readings) else structure.fields
        keys = (moved.get(item.name, item.key or "") if item.name in MOVABLE else item.key or "" for _, item in others)
        self._settle(zip(keys, content.objects(others), strict=True), readings)
        self._readings = {key: reading for key, reading in readings.items() if reading is not None}

    def _settle(self, objects: Iterable[tuple[str, Object]], readings: dict[str, Reading]) -> None:
        """Read objects of which each gives a reading for a register, and take the best where several give the same."""
        for key, (item, groups) in objects:
            if not key:
                continue
            reading = self._single(item, key, groups)
            before = readings.get(key)
            if reading is not None and (before is None or _is_better(reading, item.rank, before)):
                readings[key] = reading

    def _single(self, item: Code, key: str, groups: tuple[str, ...]) -> Reading | None:
        """Return the reading that one object gives."""
        if key == TELEGRAM_TIME:
            at = self._clock.stamp(groups[0], self._profile.winter_offset, key)
            return Reading(key, at, None, None, item.obis, None)
        return read(item, key, groups, self._profile, self._date)

    def _date(self, sent: str, name: str = "", value: Decimal | None = None) -> datetime | None:
        """Return when something was captured or happened; None if the clock was not set then."""
        return self._clock.capture(sent, self._profile.winter_offset, name, value)

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

    def _read_channels(
        self, channels: Iterable[tuple[int, list[Object]]], readings: dict[str, Reading]
    ) -> Mapping[int, MBusDevice]:
        """Read the meters behind the meter."""
        devices: dict[int, MBusDevice] = {}
        for channel, objects in channels:
            found: tuple[MBusDevice, list[Reading]] | None
            if objects[0][0].name.startswith("6-0:"):
                found = read_heat_meter(objects, readings.pop(_IDENTITY, None))
            else:
                found = read_channel(channel, objects, self._date)
            if found is None:
                continue
            devices[channel], measured = found
            for reading in measured:
                readings[f"{channel}:{reading.key}"] = reading
        return MappingProxyType(devices) if devices else _NO_METERS


@lru_cache(maxsize=64)
def _ways(of: Profile, ever_sent: frozenset[str]) -> Mapping[str, Way]:
    """Return how what follows from several readings of one telegram is computed."""
    ways: dict[str, Way] = {key: net(key, of) for key in NET}
    for key in TOTALS:
        parts = addends(key, ever_sent)
        if parts:
            ways[key] = total(key, parts)
    return ways


def _read_unknown(objects: Iterable[Object]) -> Mapping[str, Reading]:
    """Return what is sent under codes that nobody told us about."""
    found: dict[str, Reading] = {}
    for item, groups in objects:
        key = str(item.obis)
        value, unit = number_with_unit(groups[0])
        if value is not None and (unit is not None or "." in groups[0]):
            found.setdefault(key, Reading(key, value, unit, None, item.obis, None))
        else:
            found.setdefault(key, Reading(key, plain_text(" ".join(groups)), None, None, item.obis, None))
    return MappingProxyType(found) if found else _NOTHING


def _read_plain(structure: Structure, sent: Sequence[str], readings: dict[str, Reading]) -> bool:
    """Read what is nothing but a number with its unit, or a count; False, and nothing, where one is not what it was."""
    digits = []
    found: dict[str, Reading] = {}
    try:
        for place, key, obis, ends in structure.numbers:
            number, _, end = sent[place].partition("*")
            found[key] = Reading(key, Decimal(number), ends[end], None, obis, None)
            digits.append(number)
        for place, key, obis in structure.counters:
            number = sent[place][:-1]
            if len(number) > MAX_COUNT_DIGITS:
                return False
            found[key] = Reading(key, int(number), None, None, obis, None)
            digits.append(number)
    except KeyError, ValueError, InvalidOperation:
        return False
    if digits and not are_unsigned(digits):
        return False
    readings.update(found)
    return True


def _moved(sent: Collection[str], profile: Profile) -> dict[str, str]:
    """Return the codes that are under another register than usual, or under none (""), by what is beside them."""
    moved = {}
    if profile.name == "lt":
        moved.update(dict.fromkeys(PHASE_LIMITS, ""))  # mean currents
    elif "1-0:51.4.0" in sent or "1-0:71.4.0" in sent:
        moved["1-0:31.4.0"] = "fuse_threshold_l1"
    if profile.name == "hu" and "1-0:4.8.0" not in sent:
        moved["1-0:4.8.1"] = "reactive_export_total"  # so it is printed by Holley
    for part, key in (("0.2.0", "firmware_version"), ("0.2.8", "firmware_signature")):
        if f"1-0:{part}" not in sent:
            moved[f"1-1:{part}"] = key  # the only one: Landis+Gyr numbers the channel 1 in every code
    return moved


def _is_better(reading: Reading, rank: int, other: Reading) -> bool:
    """Return whether a second reading of a register counts: not the empty one, the preferred code, the newest."""
    if reading.value is None or other.value is None:
        return other.value is None
    other_rank = rank if other.obis is None else code_of(other.obis).rank
    if rank != other_rank:
        return rank < other_rank
    return reading.at is not None and other.at is not None and reading.at > other.at
