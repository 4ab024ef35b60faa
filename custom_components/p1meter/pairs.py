"""Which entities of other integrations show the same as ours.

What an entity of a known integration shows is in its unique id; of others its name says it, and what is measured. A
total is believed only if what was last recorded of it leads up to our reading: so two tariffs, two meters, or a meter
that was replaced are never mixed up. What has no total to prove it goes along with the totals of its group.
A reading from long ago leads up to almost anything: such a pair is possible, and not sure.
Pure: no clock of its own, nothing of Home Assistant.
"""

from dataclasses import dataclass
import re
from typing import TYPE_CHECKING, Final

from .meter import REGISTERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .joint import Row

# Two readings of one register that were taken seconds apart.
_NEARLY: Final = 0.1
# More than a house can use or give in an hour: three phases of 80 A (kWh); a gas or water meter of a house (m³).
_MOST_PER_HOUR: Final = {"energy": 60.0, "gas": 15.0, "water": 15.0}
_HOUR: Final = 3600.0
# Where more time or use lies between two readings, a person has to look at them: seconds; kWh, m³.
_SURE_WITHIN: Final = 48 * _HOUR
_SURE_GROWTH: Final = {"energy": 100.0, "gas": 50.0, "water": 50.0}
# Ours may be read a moment before the other one, and show that much less of the whole; a new meter shows far less.
_BEHIND: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """An entity of another integration, or what is left of it.

    Attributes:
        entity_id: its id, which is also that of its statistics.
        group: what it is part of: all of a group measure the same meter, or none does.
        platform: name of its integration; "": it is gone, and nothing but statistics is left.
        unique_id: within the integration; "" if it is not known.
        name: what it was called by its integration.
        quantity: what it measures, as Home Assistant says (`energy`, `gas`, `power` …); None: not said.
        amount: what was last recorded of it, in kWh, m³, or its own unit; None: nothing, or it is no number.
        at: when that was, seconds since 1970.
        options: its states, where it has words for them.
    """

    entity_id: str
    group: str
    platform: str = ""
    unique_id: str = ""
    name: str = ""
    quantity: str | None = None
    amount: float | None = None
    at: float | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """A sensor of ours.

    Attributes:
        slot: its id.
        key: the register's key.
        amount: what it shows, in kWh, m³, or its own unit; None: nothing, or it is no number.
        options: its states, where it has words for them.
    """

    slot: str
    key: str
    amount: float | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two that show the same.

    Attributes:
        old: the other integration's.
        slot: of ours.
        same_words: whether ours has all the words that the old one has; always true of a number.
        is_sure: whether a total proves it between whose readings lie so little time and use that nobody has to look
            at them first; of a total it is the total itself, of the rest any of its group.
    """

    old: Old
    slot: str
    same_words: bool
    is_sure: bool


def _phases(old: str, ours: str) -> dict[str, str]:
    return {old.format(phase): ours.format(phase) for phase in (1, 2, 3)}


def _tariffs(old: str, ours: str) -> dict[str, str]:
    return {old.format(number): ours.format(number) for number in (1, 2, 3, 4)}


# By what ends the unique id.
_DSMR: Final = {
    "electricity_imported_total": "import_total",
    "electricity_exported_total": "export_total",
    **_tariffs("electricity_used_tariff_{}", "import_tariff_{}"),
    **_tariffs("electricity_delivered_tariff_{}", "export_tariff_{}"),
    "current_electricity_usage": "power_import",
    "current_electricity_delivery": "power_export",
    **_phases("instantaneous_active_power_l{}_positive", "power_import_l{}"),
    **_phases("instantaneous_active_power_l{}_negative", "power_export_l{}"),
    **_phases("instantaneous_voltage_l{}", "voltage_l{}"),
    **_phases("instantaneous_current_l{}", "current_l{}"),
    "electricity_active_tariff": "tariff",
    "belgium_current_average_demand": "demand_current",
    "belgium_maximum_demand_current_month": "demand_month_peak",
    "short_power_failure_count": "power_failures",
    "long_power_failure_count": "power_failures_long",
    **_phases("voltage_sag_l{}_count", "voltage_sags_l{}"),
    **_phases("voltage_swell_l{}_count", "voltage_swells_l{}"),
    "eon_hu_frequency": "frequency",
    "eon_hu_electricity_combined": "energy_combined",
    "eon_hu_instantaneous_power_factor_total": "power_factor",
    **_phases("eon_hu_instantaneous_power_factor_l{}", "power_factor_l{}"),
    "gas_meter_reading": "gas",
}
_HOMEWIZARD: Final = {
    "total_power_import_kwh": "import_total",
    "total_power_export_kwh": "export_total",
    **_tariffs("total_power_import_t{}_kwh", "import_tariff_{}"),
    **_tariffs("total_power_export_t{}_kwh", "export_tariff_{}"),
    "active_power_w": "power",
    **_phases("active_power_l{}_w", "power_l{}"),
    **_phases("active_voltage_l{}_v", "voltage_l{}"),
    **_phases("active_current_l{}_a", "current_l{}"),
    "active_frequency_hz": "frequency",
    "active_tariff": "tariff",
    "active_power_average_w": "demand_current",
    "monthly_power_peak_w": "demand_month_peak",
    "any_power_fail_count": "power_failures",
    "long_power_fail_count": "power_failures_long",
    **_phases("voltage_sag_l{}_count", "voltage_sags_l{}"),
    **_phases("voltage_swell_l{}_count", "voltage_swells_l{}"),
}
_DSMR_READER: Final = {
    **_tariffs("reading_electricity_delivered_{}", "import_tariff_{}"),
    **_tariffs("reading_electricity_returned_{}", "export_tariff_{}"),
    "reading_electricity_currently_delivered": "power_import",
    "reading_electricity_currently_returned": "power_export",
    **_phases("reading_phase_currently_delivered_l{}", "power_import_l{}"),
    **_phases("reading_phase_currently_returned_l{}", "power_export_l{}"),
    **_phases("reading_phase_voltage_l{}", "voltage_l{}"),
    **_phases("reading_phase_power_current_l{}", "current_l{}"),
    "consumption_gas_delivered": "gas",
    "reading_extra_device_delivered": "gas",
    "meter_stats_electricity_tariff": "tariff",
    "meter_stats_power_failure_count": "power_failures",
    "meter_stats_long_power_failure_count": "power_failures_long",
    **_phases("meter_stats_voltage_sag_count_l{}", "voltage_sags_l{}"),
    **_phases("meter_stats_voltage_swell_count_l{}", "voltage_swells_l{}"),
}
TABLES: Final[Mapping[str, Mapping[str, str]]] = {
    "dsmr": _DSMR,
    "homewizard": _HOMEWIZARD,
    "dsmr_reader": _DSMR_READER,
}
"""By integration, what the end of a unique id stands for."""

# The meters on the M-Bus, for whom an integration has no more than a serial number.
_ON_MBUS: Final = {
    "gas": ("gas",),
    "water": ("water", "warm_water", "hot_water", "cold_water"),
    "energy": ("heat", "cooling"),
}
# HomeWizard makes plugs, sub-meters and water meters too; whose it is is in front of the unique id. The meters on the
# M-Bus of its P1 meter have the integration's name there.
_OF_P1_METER: Final = ("HWE-P1_", "homewizard_")
# What people, and the examples of ESPHome's own documentation, call things; in the languages of the countries.
_EXPORT: Final = re.compile(r"produc|return|export|terug|injec|einspeis")
_IMPORT: Final = re.compile(r"consum|usage|used|deliver|import|verbruik|afname|bezug|soutir")
_NET: Final = re.compile(r"\bnet\b|netto")
_TARIFF: Final = re.compile(r"\bt(?:ar\w*)? ?(\d)\b")
# Also laagtarief, Nachttarif.
_ANY_TARIFF: Final = re.compile(r"tari[ef]")
_HEAT: Final = re.compile(r"heat|warm|chal|chauf|therm|cool|koel|koud|kalt|kuhl|froid")
_PHASE: Final = re.compile(r"\b(?:l|phase|fase) ?([123])\b")
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")
_NUMBERED: Final = ("1", "2", "3", "4")


def pair(olds: Iterable[Old], ours: Sequence[Ours], now: float) -> list[Pair]:
    """Return what shows the same, in the order of ours; each old one and each of ours is in one pair at most.

    Args:
        olds: what other integrations have.
        ours: what this meter has.
        now: the time, seconds since 1970.
    """
    found = [(old, one) for old in olds if (one := _partner(old, ours, now)) is not None]
    # A zero proves nothing: every meter that does not export shows it.
    totals = [(old, one) for old, one in found if _is_total(one) and old.amount]
    proven = {old.group for old, _ in totals}
    sure = {old.group for old, one in totals if _is_sure(old, one, now)}
    fitting = [
        (old, one, old.group in sure and (not _is_total(one) or _is_sure(old, one, now)))
        for old, one in found
        if old.group in proven or (_is_total(one) and old.amount is not None)
    ]
    # Of two that show the same, the one that is sure, and that was recorded last.
    fitting.sort(key=lambda fit: (fit[2], fit[0].at or 0.0))
    by_slot = {
        one.slot: Pair(old, one.slot, set(old.options) <= set(one.options), is_sure) for old, one, is_sure in fitting
    }
    return [by_slot[one.slot] for one in ours if one.slot in by_slot]


def keys_of(old: Old) -> tuple[str, ...]:
    """Return the keys of the registers that an entity may show, going by what it is called."""
    if (table := TABLES.get(old.platform)) is None:
        return _keys_by_words(old)
    if old.platform == "homewizard" and not old.unique_id.startswith(_OF_P1_METER):
        return ()
    matching = [end for end in table if old.unique_id.endswith(f"_{end}")]
    if matching:
        return (table[max(matching, key=len)],)
    return _ON_MBUS.get(_quantity(old) or "", ()) if old.platform != "dsmr_reader" else ()


def continued(last: Row, rows: Sequence[Row]) -> list[Row]:
    """Return the rows of one statistic of a total that come after the last one of another, as they go on from it.

    Args:
        last: the last row of the statistic that is to go on.
        rows: of the other one, in their order; those of the same total.
    """
    if not (later := [row for row in rows if row.start > last.start]):
        return []
    known = [row for row in rows if row.start <= last.start]
    begin = known[-1] if known else later[0]
    # Where both were read side by side, what the other one has counted already is not counted once more.
    used = begin.state - last.state
    if later[0].state < last.state * (1 - _BEHIND):
        # The meter has been replaced: what the two show says nothing of what was used.
        used = max(used, 0.0)
    shift = last.sum + used - begin.sum
    return [row._replace(sum=row.sum + shift) for row in later]


def last_over(last: Row, hours: Iterable[Row], periods: Sequence[Row]) -> Row:
    """Return the hour from which five minutes go on, where those of the other statistic are not kept any more.

    Another meter may have come between its end and the first five minutes that there are; the hours know of it.

    Args:
        last: the last hour of the statistic that is to go on.
        hours: those that follow it, in their order.
        periods: the five minutes that are to go on from it, in their order.
    """
    begin = periods[0].start if periods else last.start
    return max((row for row in hours if row.start + _HOUR <= begin), key=lambda row: row.start, default=last)


def _partner(old: Old, ours: Sequence[Ours], now: float) -> Ours | None:
    """Return which of ours shows the same."""
    keys = keys_of(old)
    candidates = [one for one in ours if one.key in keys]
    totals = [one for one in candidates if _is_total(one)]
    if not totals:
        return next(iter(candidates), None)
    grown = [(one, growth) for one in totals if (growth := _growth(old, one, now)) is not None]
    return min(grown, key=lambda both: abs(both[1]))[0] if grown else None


def _growth(old: Old, ours: Ours, now: float) -> float | None:
    """Return how much a total has grown since the old one was recorded; None: it is not the same register."""
    if ours.amount is None:
        return None
    if old.amount is None or old.at is None:
        # There are integrations that do not show a zero.
        return 0.0 if ours.amount == 0 else None
    growth = ours.amount - old.amount
    most = _MOST_PER_HOUR[REGISTERS[ours.key].quantity or "energy"] * max(now - old.at, 0.0) / _HOUR
    return growth if -_NEARLY <= growth <= most + _NEARLY else None


def _is_sure(old: Old, ours: Ours, now: float) -> bool:
    """Return whether two readings of a total, that may be of one register, can hardly be of two."""
    if old.amount is None or old.at is None or ours.amount is None:
        # No zero was shown: that is as sure as the rest of its group.
        return True
    growth = ours.amount - old.amount
    return now - old.at <= _SURE_WITHIN and growth <= _SURE_GROWTH[REGISTERS[ours.key].quantity or "energy"]


def _is_total(ours: Ours) -> bool:
    register = REGISTERS[ours.key]
    return register.role == "total" and register.quantity in _MOST_PER_HOUR


def _quantity(old: Old) -> str | None:
    """Return what an entity measures; what is left of it may tell no more than its id."""
    if old.quantity is not None or not (words := _words(old)):
        return old.quantity
    known = {"gas": "gas", "water": "water", "heat": "energy", "energy": "energy", "power": "power"}
    known |= {"voltage": "voltage", "current": "current"}
    return next((quantity for word, quantity in known.items() if word in words), None)


def _words(old: Old) -> str:
    return _SEPARATORS.sub(" ", f"{old.name} {old.entity_id.partition('.')[2]}".lower()).strip()


def _keys_by_words(old: Old) -> tuple[str, ...]:
    words = _words(old)
    quantity = _quantity(old)
    ways = ["import", "export"]
    if _EXPORT.search(words):
        ways = ["export"]
    elif _IMPORT.search(words):
        ways = ["import"]
    phase = _PHASE.search(words)
    match quantity:
        case "energy":
            heat = _ON_MBUS["energy"] if _HEAT.search(words) else ()
            tariff = _TARIFF.search(words)
            if len(ways) > 1 and tariff is None and not _ANY_TARIFF.search(words):
                # A washing machine's, as likely as not.
                return heat
            kinds = [f"tariff_{tariff[1]}"] if tariff else ["total", *(f"tariff_{n}" for n in _NUMBERED)]
            return (*(f"{way}_{kind}" for way in ways for kind in kinds), *heat)
        case "gas" | "water":
            return _ON_MBUS[quantity]
        case "power":
            end = f"_l{phase[1]}" if phase else ""
            if len(ways) == 1:
                return (f"power_{ways[0]}{end}",)
            return (f"power{end}",) if _NET.search(words) else ()
        case "voltage" | "current":
            return (f"{quantity}_l{phase[1] if phase else 1}",)
        case _:
            return ()
