"""Which meter is this? Its country and version, found in the telegram, and what differs there.

No object says it for all meters, so the evidence is weighed in a fixed order: objects that only one system has, then
the maker's identification, then what is missing. Home Assistant's country decides only what the telegram leaves open.
"""

from dataclasses import dataclass
from functools import lru_cache
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Set as AbstractSet


@dataclass(frozen=True, slots=True)
class Profile:
    """What a telegram means on this kind of meter.

    Attributes:
        name: One of nl2 (DSMR 2.2 and 3), nl4, nl5, be (eMUCS), be-ie (Iskra IE.5 and IE.7), lu, h1 (Sweden, Denmark,
            Finland), hu, lt, ch, at, si (date and time apart: Slovenia, Iceland, some in Sweden), d0 (pushing optical
            meters), iec (optical read-out) and generic.
        country: ISO 3166 code, or None if it cannot be known.
        version: Of the Dutch kind as people write it (`2.2/3`, `4.2`, `5.0`), of the Belgian kind as it is sent
            (`50217`); None where the meter does not tell.
        tariff_words: What tariff 1, 2, … are called there; empty where they only have numbers.
        winter_offset: Hours from UTC of a stamp that ends in W; S is one more.
        limiter_unit: The unit of a power limit that is sent without one; None where that may be any.
        two_way: Whether one register counts import and export power, export below zero.
        demand_window: Seconds over which the mean power is taken that people there pay for.
    """

    name: str
    country: str | None
    version: str | None = None
    tariff_words: tuple[str, ...] = ()
    winter_offset: int = 1
    limiter_unit: str | None = None
    two_way: bool = False
    demand_window: int = 900

    def tariff_name(self, number: int) -> str:
        """Return the state that stands for a tariff's number: `low`, `day`, … or `tariff_3`."""
        if 1 <= number <= len(self.tariff_words):
            return self.tariff_words[number - 1]
        return f"tariff_{number}"


class Evidence(NamedTuple):
    """What is looked at in a telegram to tell what it comes from.

    Attributes:
        ident: The identification line without `/`.
        codes: The codes of the current values, complete (`1-0:1.8.0`), for all objects.
        version: The value of 1-3:0.2.8, or None.
        belgian_version: The value of 0-0:96.1.4 where that is a version, else None.
        watt_hours: Whether an energy register is in Wh.
        checksum: Whether the telegram had one.
        optical: Whether it is an IEC 62056-21 read-out: framed by STX, or written in codes without medium.
        suffixed: Whether codes end in `*255`.
        mbus: Whether there is an object of an M-Bus meter.
    """

    ident: str
    codes: AbstractSet[str]
    version: str | None = None
    belgian_version: str | None = None
    watt_hours: bool = False
    checksum: bool = True
    optical: bool = False
    suffixed: bool = False
    mbus: bool = False


_TARIFFS = frozenset({"1-0:1.8.1", "1-0:1.8.2", "1-0:1.8.3", "1-0:1.8.4"})
_TOTAL = "1-0:1.8.0"
_TIME = "0-0:1.0.0"
_NAME = "0-0:42.0.0"
_HUNGARIAN = _TARIFFS | {"1-0:15.8.0", "0-0:96.50.68"}
_IDS = frozenset({"0-0:96.1.1", "0-0:96.1.0", "0-0:96.1.255", "0-0:0.0.0", "1-0:0.0.0", "1-0:0.0.1", "1-0:96.1.0"})
_DATE_AND_TIME = frozenset({"1-0:0.9.1", "1-0:0.9.2"})
_LITHUANIAN = "ESO"


def _is_dutch(seen: Evidence) -> bool:
    return "1-0:1.8.1" in seen.codes and "1-0:1.8.2" in seen.codes and _TOTAL not in seen.codes


def _is_old_dutch(seen: Evidence) -> bool:
    # Before version 4 there was neither a checksum nor a telegram time.
    return _is_dutch(seen) and (
        (seen.version is None and not seen.checksum and _TIME not in seen.codes) or "20" <= (seen.version or "") < "40"
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of meter: how it is told from those below it in the table, and what differs there.

    `country` None: it is used in several, and Home Assistant's country says which.
    `two_way`: what is below zero in its register for import power is export.
    `elsewhere`: other countries in which it is used, if Home Assistant is there; None: in any.
    """

    name: str
    country: str | None
    is_it: Callable[[Evidence], bool]
    limiter_unit: str | None = None
    two_way: bool = False
    elsewhere: Collection[str] | None = ()


# The order matters: the first that fits counts.
_KINDS = (
    _Kind("iec", None, lambda seen: seen.optical, two_way=True),
    _Kind("hu", "HU", lambda seen: _NAME in seen.codes and not seen.codes.isdisjoint(_HUNGARIAN)),
    _Kind("lu", "LU", lambda seen: _NAME in seen.codes and _TOTAL in seen.codes, limiter_unit="kVA"),
    _Kind("be", "BE", lambda seen: seen.ident.startswith("FLU") or seen.belgian_version is not None),
    _Kind("at", "AT", lambda seen: seen.ident.startswith(("EST", "ELS"))),
    _Kind("lt", "LT", lambda seen: seen.ident.startswith(_LITHUANIAN)),
    _Kind("ch", "CH", lambda seen: seen.ident.startswith("GRE") or "1-1:1.8.1" in seen.codes),
    _Kind("at", "AT", lambda seen: seen.watt_hours),
    _Kind("lt", "LT", lambda seen: seen.codes >= _TARIFFS and _TOTAL in seen.codes),
    # The same meter tells date and time apart in Iceland.
    _Kind("be-ie", "BE", lambda seen: seen.ident.upper().startswith("ISK5\\2MIE") and _TIME in seen.codes),
    _Kind(
        "si",
        "SI",
        lambda seen: seen.codes >= _DATE_AND_TIME and _TIME not in seen.codes and not seen.suffixed,
        elsewhere=None,
    ),
    # Of the meters that write *255, those that push tell their serial number in another way.
    _Kind(
        "d0",
        None,
        lambda seen: seen.suffixed and seen.codes.isdisjoint({"0-0:96.1.0", "0-0:96.1.1"}),
        two_way=True,
    ),
    # Totals, and nothing that tells one house from another: Sweden, Denmark and Finland.
    _Kind(
        "h1",
        "SE",
        lambda seen: _TOTAL in seen.codes and seen.codes.isdisjoint(_TARIFFS | _IDS) and not seen.mbus,
        elsewhere={"DK", "FI"},
    ),
    _Kind("nl2", "NL", _is_old_dutch),
    _Kind("nl4", "NL", lambda seen: _is_dutch(seen) and "40" <= (seen.version or "") < "50"),
    _Kind("nl5", "NL", lambda seen: _is_dutch(seen) and "50" <= (seen.version or "") <= "99"),
    _Kind("generic", None, lambda _: True),
)
_KIND = {kind.name: kind for kind in _KINDS}

# DSMR 5.0.2 P1 §6.10: 1 is low, 2 is normal (the table of 3.0 has it the other way round, its note has not).
# eMUCS-P1: 1 is day or full, 2 is night or reduced.
_TARIFF_WORDS = {"NL": ("low", "normal"), "BE": ("day", "night")}
# Where winter time is UTC+2.
_EASTERN = {"BG", "CY", "EE", "FI", "GR", "IL", "LT", "LV", "MD", "RO", "UA"}
# Meters of other countries may send what a Dutch one does, and mean other tariffs by the same numbers (Croatia), or
# another time (Israel).
_OTHER_PORTS = {"AT", "CH", "DE", "DK", "HR", "HU", "LU", "PL", "SE", "SI"} | _EASTERN
# In Sweden the grid companies' power tariffs go by the hour, elsewhere by the quarter of an hour.
_DEMAND_WINDOWS = {"SE": 3600}
_BELGIAN_VERSION = re.compile(r"50\d{3}", re.ASCII)
_VERSION = re.compile(r"\d\d", re.ASCII)


def detect(seen: Evidence, country: str | None) -> Profile:
    """Return the profile of a telegram; `country` (Home Assistant's, or None) is the tie-break."""
    name = next(kind.name for kind in _KINDS if kind.is_it(seen))
    if name in {"nl4", "nl5"} and country in _OTHER_PORTS:
        name = "generic"
    elif name == "lt" and country not in {None, "LT"} and not seen.ident.startswith(_LITHUANIAN):
        name = "hu" if country == "HU" else "generic"
    if name == "be":
        return profile(name, country, seen.belgian_version)
    return profile(name, country, "2.2/3" if name == "nl2" else dsmr_version(seen.version))


@lru_cache(maxsize=64)
def profile(name: str, country: str | None, version: str | None = None) -> Profile:
    """Return a profile by its name; `country` counts only where the name leaves it open.

    Raises:
        KeyError: there is no such profile.
    """
    kind = _KIND[name]
    is_elsewhere = kind.elsewhere is None or country in kind.elsewhere
    land = (country if is_elsewhere else None) or kind.country or country
    winter_offset = 2 if land in _EASTERN else 1
    return Profile(
        name,
        land,
        version,
        _TARIFF_WORDS.get(land or "", ()),
        winter_offset,
        kind.limiter_unit,
        kind.two_way,
        _DEMAND_WINDOWS.get(land or "", 900),
    )


def dsmr_version(sent: str | None) -> str | None:
    """Return the version that 1-3:0.2.8 stands for: `42` is 4.2 (DSMR 4.2.2 P1 §6.12); None if it is none."""
    return f"{sent[0]}.{sent[1]}" if sent is not None and _VERSION.fullmatch(sent) else None


def is_belgian_version(sent: str) -> bool:
    """Return whether a value of 0-0:96.1.4 is a version: other countries send anything there."""
    return _BELGIAN_VERSION.fullmatch(sent) is not None
