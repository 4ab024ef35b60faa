"""What stands between the brackets: numbers with units, points in time, texts.

Every function returns None for what it cannot read: a field that is not valid is not shown.
"""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
import re
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_VOLUMES = {"l": Decimal(1), "dm3": Decimal(1), "m3": Decimal("1E+3")}

SCALES: Mapping[str, Mapping[str, Decimal]] = MappingProxyType(
    {
        "energy": {
            "Wh": Decimal("36E+2"),
            "kWh": Decimal("36E+5"),
            "MWh": Decimal("36E+8"),
            "GWh": Decimal("36E+11"),
            "MJ": Decimal("1E+6"),
            "GJ": Decimal("1E+9"),
        },
        "power": {"W": Decimal(1), "kW": Decimal("1E+3"), "MW": Decimal("1E+6")},
        "voltage": {"mV": Decimal("1E-3"), "V": Decimal(1), "kV": Decimal("1E+3")},
        "current": {"mA": Decimal("1E-3"), "A": Decimal(1), "kA": Decimal("1E+3")},
        "frequency": {"Hz": Decimal(1), "kHz": Decimal("1E+3")},
        "power_factor": {},
        "reactive_energy": {"varh": Decimal(1), "kvarh": Decimal("1E+3"), "Mvarh": Decimal("1E+6")},
        "reactive_power": {"var": Decimal(1), "kvar": Decimal("1E+3"), "Mvar": Decimal("1E+6")},
        "apparent_power": {"VA": Decimal(1), "kVA": Decimal("1E+3"), "MVA": Decimal("1E+6")},
        "gas": _VOLUMES,
        "water": _VOLUMES,
        "volume": _VOLUMES,
        "flow": {"l/h": Decimal(1), "m3/h": Decimal("1E+3")},
        "temperature": {"°C": Decimal(1)},
        "duration": {"s": Decimal(1), "min": Decimal(60), "h": Decimal(3600)},
    }
)
"""What one of each unit, in our spelling, is worth beside the others that a quantity can be in."""

UNITS = MappingProxyType({quantity: frozenset(scale) for quantity, scale in SCALES.items()})
"""The units, in our spelling, that a quantity can be in."""

_KNOWN_UNITS = frozenset(unit for units in UNITS.values() for unit in units)
# Case is ignored (kVArh, KWH), except where it tells milli from mega.
_ANY_CASE = {unit.casefold(): unit for unit in _KNOWN_UNITS - {"MW", "mV", "mA"}} | {
    "m³": "m3",
    "dm³": "dm3",
    "m3ph": "m3/h",
    "c": "°C",
    "degc": "°C",
    "m": "min",
    "secs": "s",
}

# No meter prints more digits; the bound keeps arithmetic exact whatever comes in.
_MOST_DIGITS = 24
_LONGEST_UNIT = 8
# `261121120000W` is a point in time and no power.
_NUMBER_AND_UNIT = re.compile(r"(?!\d{12}[SW]\Z)([+-]?[\d.]+)([A-Za-z][A-Za-z0-9]{0,4})", re.ASCII)
MAX_COUNT_DIGITS = 18
"""A counter with more digits is none."""


@lru_cache(maxsize=128)
def factor(unit: str, wanted: str) -> Decimal | None:
    """Return what a number in one unit is multiplied by to be in another; None where one cannot be made of the other.

    Where it is a power of ten it has a single digit, so that the product has as many as were sent.
    """
    for scale in SCALES.values():
        if unit in scale and wanted in scale:
            return scale[unit] / scale[wanted]
    return None


def factors(quantity: str, wanted: str, unsent: str) -> dict[str | None, Decimal]:
    """Return what a number is multiplied by to be in the unit `wanted`, by its own unit; for None that is `unsent`."""
    scale = SCALES[quantity]
    return {unit: worth / scale[wanted] for unit, worth in scale.items()} | {None: scale[unsent] / scale[wanted]}


def unit_of(sent: str) -> str:
    """Return a unit in our spelling (`kVArh` is kvarh, `m3ph` is m3/h); one we do not know stays as it is."""
    sent = sent.strip()
    return sent if sent in _KNOWN_UNITS else _ANY_CASE.get(sent.casefold(), sent)


def is_unsigned(sent: str) -> bool:
    """Return whether this is a number without a sign, for `Decimal`."""
    return sent.replace(".", "", 1).isdecimal() and len(sent) <= _MOST_DIGITS


def are_unsigned(sent: Sequence[str]) -> bool:
    """Return whether all of these are `is_unsigned`, if they are numbers at all."""
    return "".join(sent).replace(".", "").isdecimal() and max(map(len, sent)) <= _MOST_DIGITS


def number(sent: str) -> Decimal | None:
    """Return a number as meters write it: digits, perhaps a decimal point, perhaps a sign."""
    if is_unsigned(sent):
        return Decimal(sent)
    if sent[:1] in {"+", "-"} and is_unsigned(sent[1:]):
        value = Decimal(sent)
        return value or abs(value)  # no -0
    return None


def number_with_unit(sent: str) -> tuple[Decimal | None, str | None]:
    """Return value and unit of `00.244*kW`, of `00.244kW` (two Belgian meters leave the star out) and of `00.244`.

    The value is None if it is no number, the unit if none is sent.
    """
    digits, star, unit = sent.partition("*")
    if unit in _KNOWN_UNITS and is_unsigned(digits):
        return Decimal(digits), unit  # so it is nearly always
    sent = sent.strip()
    digits, star, unit = sent.partition("*")
    if star:
        if "*" in unit or len(unit) > _LONGEST_UNIT:
            return None, None
        return number(digits.strip()), unit_of(unit) or None
    joined = _NUMBER_AND_UNIT.fullmatch(sent)
    if joined is not None and (known := unit_of(joined[2])) in _KNOWN_UNITS:
        return number(joined[1]), known
    return number(sent), None


def count(sent: str) -> int | None:
    """Return a counter's value, or the number of a state."""
    sent = sent.strip()
    return int(sent) if sent.isdecimal() and sent.isascii() and len(sent) <= MAX_COUNT_DIGITS else None


def plain_text(sent: str) -> str | None:
    """Return a text as it is sent, without the blanks around it; None if empty, an error, or not printable ASCII."""
    stripped = sent.strip()
    is_text = stripped and stripped[0] != "(" and stripped.isascii() and stripped.isprintable()
    return stripped if is_text else None


def serial(sent: str) -> str | None:
    """Return an id as it is sent; None if it is empty or nothing but zeros."""
    text = plain_text(sent)
    return text if text and text.strip("0") else None


@lru_cache(maxsize=64)
def hexadecimal_serial(sent: str) -> str | None:
    """Return an id that may be sent as the hexadecimal digits of its ASCII characters (DSMR 5.0.2 P1 §6.12)."""
    text = serial(sent)
    octets = None if text is None else _octets(text)
    if octets is None:
        return text
    octets = octets.strip(b"\x00 ")
    if not octets:
        return None
    return serial(octets.decode("ascii")) if all(0x20 <= octet <= 0x7E for octet in octets) else text


def message(sent: str) -> str | None:
    """Return a message to the customer, sent as the hexadecimal digits of its characters (UTF-8 or Latin-1)."""
    text = plain_text(sent)
    octets = None if text is None else _octets(text)
    if octets is None:
        return text
    octets = octets.strip(b"\x00\xff \t\r\n")
    try:
        decoded = octets.decode("utf-8")
    except UnicodeDecodeError:
        decoded = octets.decode("latin-1")
    if all(letter.isprintable() or letter in "\t\r\n" for letter in decoded):
        return decoded or None
    return text


def _octets(digits: str) -> bytes | None:
    try:
        return None if " " in digits else bytes.fromhex(digits)
    except ValueError:
        return None


_SECONDS = {f"{second:02}": timedelta(seconds=second) for second in range(60)}
_FIXED = {hours: timezone(timedelta(hours=hours)) for hours in (1, 2, 3)}
_STAMP = re.compile(
    r"(?P<compact>\d{10}(?:\d{2})?)"  # YYMMDDhhmm[ss], YYYYMMDDhhmm
    r"|(?P<season>[01])(?P<seasonal>\d{12})"  # a leading 1 is summer time
    r"|(?:20)?(?P<date>\d\d-?\d\d-?\d\d)[ &,](?P<time>\d\d:\d\d(?::\d\d)?)",
    re.ASCII,
)
_DATE = re.compile(r"(?:(?P<season>[01])|20)?(?P<date>\d\d-?\d\d-?\d\d)", re.ASCII)
_TIME = re.compile(r"[01]?(?P<time>\d\d:?\d\d(?::?\d\d)?)", re.ASCII)
_SEPARATORS = str.maketrans("", "", "-:")
# 70 to 99 are the last century: a clock that was never set.
_CENTURY_ENDS = 70
_OLDEST_CAPTURE = 2005
# A clock that is set right steps back by less, a clock that leaves summer time by an hour.
_STEP_BACK = timedelta(minutes=1)


class Clock:
    """Reads the stamps of one meter.

    Most stamps say themselves whether they are summer time. For those that do not the zone knows, and for the hour
    that comes twice in autumn the order: the stamps that follow each other are remembered by a name. Who captures on
    the hour sends the same stamp twice then; that it is another capture is seen by its value.
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._last: dict[str, tuple[datetime, Decimal | None]] = {}

    def stamp(self, sent: str, winter_offset: int, name: str = "", value: Decimal | None = None) -> datetime | None:
        """Return the point in time of a stamp in any form that meters use, aware; None if it is no date.

        Args:
            sent: `YYMMDDhhmmssX` with S or W (DSMR 5.0.2 P1 §6.4), the same without a letter, without seconds
                (IEC 62056-21 meters), with a leading season digit, or date and time with separators.
            winter_offset: Hours from UTC that W stands for; S is one more.
            name: Stamps of one name follow each other in time; "" for one that stands alone.
            value: What was captured then, if anything was.
        """
        sent = sent.strip()
        if len(sent) == 13 and sent[12] in "SW":
            minute = _minute(sent[:10], winter_offset + (sent[12] == "S"))
            seconds = _SECONDS.get(sent[10:12])
            return None if minute is None or seconds is None else minute + seconds
        found = _STAMP.fullmatch(sent)
        if found is None:
            return None
        if found["season"]:
            return self._seasonal(_naive(found["seasonal"]), summer=found["season"] == "1")
        digits = found["compact"] or (found["date"] + found["time"]).translate(_SEPARATORS)
        return self._local(_naive(digits), name, value)

    def capture(self, sent: str, winter_offset: int, name: str = "", value: Decimal | None = None) -> datetime | None:
        """Return when something was taken or happened, as `stamp` does; None also if the clock was not set then."""
        if len(sent) == 13 and sent[12] in "SW":
            return _lettered_capture(sent, winter_offset)
        return captured(self.stamp(sent, winter_offset, name, value))

    def date_and_time(self, date: str, time: str, name: str = "") -> datetime | None:
        """Return the point in time that a date (`0170318`, `20-05-31`) and a time (`0000`) give together, or None."""
        day = _DATE.fullmatch(date.strip())
        clock = _TIME.fullmatch(time.strip())
        if day is None or clock is None:
            return None
        naive = _naive((day["date"] + clock["time"]).translate(_SEPARATORS))
        if day["season"]:
            return self._seasonal(naive, summer=day["season"] == "1")
        return self._local(naive, name)

    def _local(self, naive: datetime | None, name: str, value: Decimal | None = None) -> datetime | None:
        if naive is None:
            return None
        stamp = naive.replace(tzinfo=self._zone)
        if name:
            again = stamp.replace(fold=1)
            at, later = stamp.astimezone(UTC), again.astimezone(UTC)
            last, known = self._last.get(name, (at, value))
            is_another = at == last and value != known and None not in {value, known}
            if later > at and (at < last - _STEP_BACK or is_another):
                # In the zone it would be equal to the same stamp of the hour before: Python compares what clocks show.
                at, stamp = later, again.replace(tzinfo=timezone(again.utcoffset() or timedelta()))
            self._last[name] = at, value
        return stamp

    def _seasonal(self, naive: datetime | None, *, summer: bool) -> datetime | None:
        if naive is None:
            return None
        local = naive.replace(tzinfo=self._zone)
        offset = (local.utcoffset() or timedelta()) - (local.dst() or timedelta())
        return naive.replace(tzinfo=timezone(offset + timedelta(hours=1) if summer else offset))


def captured(at: datetime | None) -> datetime | None:
    """Return a point in time, None before there were such meters: the clock was not set."""
    return None if at is None or at.year < _OLDEST_CAPTURE else at


@lru_cache(maxsize=256)
def _lettered_capture(sent: str, winter_offset: int) -> datetime | None:
    """Return what a stamp with a letter says, which is the same whoever reads it, and comes again and again."""
    return captured(Clock(UTC).stamp(sent, winter_offset))


@lru_cache(maxsize=1024)
def _minute(digits: str, offset: int) -> datetime | None:
    naive = _naive(digits)
    return None if naive is None else naive.replace(tzinfo=_FIXED[offset])


def _naive(digits: str) -> datetime | None:
    """Return the point in time of YYMMDDhhmm[ss], or of YYYYMMDDhhmm where it cannot be the other (from 2013 on)."""
    if not (digits.isdecimal() and digits.isascii()):
        return None
    if len(digits) == 12 and digits[:2] == "20" and digits[2:4] > "12":
        digits = digits[2:]
    year, month, day, hour, minute, second = (int(digits[index : index + 2] or 0) for index in range(0, 12, 2))
    if year >= _CENTURY_ENDS:
        return None
    try:
        return datetime(2000 + year, month, day, hour, minute, second)  # noqa: DTZ001 (the caller knows the zone)
    except ValueError:
        return None
