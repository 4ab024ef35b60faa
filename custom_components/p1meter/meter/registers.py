"""THE table: every register that p1meter knows, one line each.

A line says what a register is called, what it measures and under which codes meters send it; everything else (the
decoder, the sensors, the names) follows from it. To add a register, add a line and its translated name.

Sources: P1 Companion Standard 3.0, 4.2.2 and 5.0.2; eMUCS-P1 1.4 to 2.1.1; Luxmetering "E-Meter P1 Specification"
1.1.3; Energiföretagen "Branschrekommendation lokalt kundgränssnitt" 2.0; E.ON Hungary P1 user interface note
(2023-02-10); ESO P1 data model (2025-07); IEC 62056-61 for the codes; EN 13757-3 for the M-Bus device types.
"""

from dataclasses import dataclass
from functools import partial
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .profiles import Profile

type Quantity = Literal[
    "energy",
    "power",
    "voltage",
    "current",
    "frequency",
    "power_factor",
    "reactive_energy",
    "reactive_power",
    "apparent_power",
    "gas",
    "water",
    "volume",
    "flow",
    "temperature",
    "time",
    "duration",
]
type Role = Literal["total", "instant", "peak", "counter", "text", "enum"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One register of a meter.

    Attributes:
        key: What it is called everywhere: entity, MQTT sub-topic, database field (`voltage_l1`).
        name: Translation key of its name (`voltage_phase`); `name_for` knows the words of a country.
        placeholders: What goes into the translated name (`{"phase": "1"}`, `{"n": "2"}`).
        quantity: What is measured; None for counters, texts, states and what is named by the unit that was sent.
        role: How its values behave.
        unit: The unit assumed where the meter sends none, as people write it (m³, °C). A unit that is sent wins.
        enabled: Whether its entity is there by default.
        diagnostic: Whether it tells about the meter rather than about the house.
        entity: False for what belongs on the device page or in a list.
        options: The states of an enum.
        device: Whose device it is on: `electricity`, the M-Bus role (`gas`, `heat`, …), or `mbus` for what every
            M-Bus meter has: then the reading's channel says which.
        codes: The codes it is sent under, the preferred one first; `0-n` is any M-Bus channel.
        mbus_types: The M-Bus device types whose reading it is.
        hexadecimal: Whether its text may be sent as the hexadecimal digits of its bytes.
        derived: It comes from the line or lines of other registers, not from one of its own.
    """

    key: str
    name: str
    placeholders: Mapping[str, str]
    quantity: Quantity | None
    role: Role
    unit: str | None
    enabled: bool
    diagnostic: bool
    entity: bool
    options: tuple[str, ...]
    device: str
    codes: tuple[str, ...]
    mbus_types: tuple[int, ...]
    hexadecimal: bool
    derived: bool


_ALTERNATIVES = re.compile(r"\w+(?:/\w+)+")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_HOUR = 3600
# Names that speak of import or export; those of last month have one wording everywhere.
_IMPORT_OR_EXPORT = re.compile(r"(?!last_month_).*(?:import|export|combined|absolute)")


def _row(
    key: str,
    quantity: Quantity | None,
    role: Role,
    unit: str | None,
    *codes: str,
    numbers: str = "",
    enabled: str | bool = True,
    name: str | None = None,
    diagnostic: bool = False,
    entity: bool = True,
    options: tuple[str, ...] = (),
    device: str = "electricity",
    mbus_types: tuple[int, ...] = (),
    hexadecimal: bool = False,
    derived: bool = False,
) -> Iterator[Register]:
    """Yield the registers of one line.

    A family is written as one line: `{phase}` or `{n}` in the key stands for a number, and alternatives with
    strokes in a code (`21/41/61.7.0`) are taken in the same order. `enabled` may then be the numbers that are.
    """
    placeholder = _PLACEHOLDER.search(key)
    if placeholder is None:
        members = [""]
    elif placeholder[1] == "phase":
        members = ["1", "2", "3"]
    else:
        members = list(numbers or "1234")
    for index, member in enumerate(members):
        yield Register(
            key=_PLACEHOLDER.sub(member, key),
            name=name or key.replace("_l{phase}", "_phase").replace("_q{n}", "_quadrant").replace("_{n}", ""),
            placeholders=MappingProxyType({} if placeholder is None else {placeholder[1]: member}),
            quantity=quantity,
            role=role,
            unit=unit,
            enabled=member in enabled if isinstance(enabled, str) else enabled,
            diagnostic=diagnostic,
            entity=entity,
            options=options,
            device=device,
            codes=tuple(_ALTERNATIVES.sub(lambda found: found[0].split("/")[index], code) for code in codes),  # noqa: B023 (used at once, inside the round)
            mbus_types=mbus_types,
            hexadecimal=hexadecimal,
            derived=derived,
        )


_BREAKER = ("disconnected", "connected", "ready_for_reconnection")
_VALVE = ("closed", "open", "released")
TARIFFS: Final = range(1, 9)
"""The numbers that a tariff can have. There are five in Belgium (Iskra IE.5), eight in Germany (Iskra MT382)."""

_TARIFFS = ("none", "low", "normal", "day", "night", *(f"tariff_{number}" for number in TARIFFS))

# A row is enabled unless it is rare; `about` is what tells about the meter rather than about the house.
_rare = partial(_row, enabled=False)
_about = partial(_row, diagnostic=True)
_rare_about = partial(_row, enabled=False, diagnostic=True)


def _closing(key: str, quantity: Quantity, role: Role, unit: str, numbers: str = "") -> Iterator[Register]:
    """Yield what a meter closed last month with: on one line in Hungary, in numbered slots elsewhere."""
    return _rare(key, quantity, role, unit, "0-0:98.1.0", numbers=numbers, derived=True)


# Codes are of 1-0: unless written. Columns: key, quantity, role, assumed unit, codes (preferred first).
# fmt: off
_TABLE = (
    # Energy
    _row("import_total", "energy", "total", "kWh", "1.8.0"),  # or the sum of the tariffs, where it is not sent
    _row("import_tariff_{n}", "energy", "total", "kWh", "1.8.1/2/3/4/5/6/7/8", "1-1:1.8.1/2/3/4/5/6/7/8",
         "1.8.11/12/13/14/15/16/17/18", numbers="12345678", enabled="12"),  # from 11 in Israel
    _row("export_total", "energy", "total", "kWh", "2.8.0"),
    _row("export_tariff_{n}", "energy", "total", "kWh", "2.8.1/2/3/4/5/6/7/8", "1-1:2.8.1/2/3/4/5/6/7/8",
         "2.8.11/12/13/14/15/16/17/18", numbers="12345678", enabled="12"),
    _rare("energy_combined", "energy", "total", "kWh", "15.8.0"),
    _rare("reactive_import_total", "reactive_energy", "total", "kvarh", "3.8.0"),
    _rare("reactive_import_tariff_{n}", "reactive_energy", "total", "kvarh", "3.8.1/2/3/4"),
    _rare("reactive_export_total", "reactive_energy", "total", "kvarh", "4.8.0"),
    _rare("reactive_export_tariff_{n}", "reactive_energy", "total", "kvarh", "4.8.1/2/3/4"),
    _rare("reactive_q{n}", "reactive_energy", "total", "kvarh", "5/6/7/8.8.0"),
    _row("tariff", None, "enum", None, "0-0:96.14.0", "0-0:96.14.1", options=_TARIFFS),

    # Power and line
    _row("power", "power", "instant", "W", "16.7.0"),  # or 1.7.0 - 2.7.0: + is from the grid
    _row("power_l{phase}", "power", "instant", "W", "36/56/76.7.0"),  # or 21.7.0 - 22.7.0
    _row("power_import", "power", "instant", "kW", "1.7.0", "1-1:1.7.0"),
    _row("power_export", "power", "instant", "kW", "2.7.0", "1-1:2.7.0"),
    _row("power_import_l{phase}", "power", "instant", "kW", "21/41/61.7.0"),
    _row("power_export_l{phase}", "power", "instant", "kW", "22/42/62.7.0"),
    _rare("power_absolute", "power", "instant", "kW", "15.7.0"),
    _rare("power_import_avg", "power", "instant", "kW", "1.24.0"),
    _rare("power_avg", "power", "instant", "kW", "16.24.0"),
    _rare("power_absolute_avg", "power", "instant", "kW", "15.24.0"),
    _row("voltage_l{phase}", "voltage", "instant", "V", "32/52/72.7.0"),
    _rare("voltage_avg_l{phase}", "voltage", "instant", "V", "32/52/72.24.0"),
    _rare_about("voltage_max", "voltage", "instant", "V", "12.7.0"),
    _row("current_l{phase}", "current", "instant", "A", "31/51/71.7.0"),
    _rare_about("current_max", "current", "instant", "A", "11.7.0"),
    _rare("current_neutral", "current", "instant", "A", "91.7.0"),
    _rare("current_sum", "current", "instant", "A", "90.7.0"),
    _rare("reactive_power_import", "reactive_power", "instant", "kvar", "3.7.0"),
    _rare("reactive_power_export", "reactive_power", "instant", "kvar", "4.7.0"),
    _rare("reactive_power_import_l{phase}", "reactive_power", "instant", "kvar", "23/43/63.7.0"),
    _rare("reactive_power_export_l{phase}", "reactive_power", "instant", "kvar", "24/44/64.7.0"),
    _rare("reactive_power_q{n}", "reactive_power", "instant", "kvar", "5/6/7/8.7.0"),
    _rare("apparent_power_import", "apparent_power", "instant", "kVA", "9.7.0"),
    _rare("apparent_power_export", "apparent_power", "instant", "kVA", "10.7.0"),
    _rare("apparent_power_import_l{phase}", "apparent_power", "instant", "kVA", "29/49/69.7.0"),
    _rare("apparent_power_export_l{phase}", "apparent_power", "instant", "kVA", "30/50/70.7.0"),
    _row("power_factor", "power_factor", "instant", None, "13.7.0"),
    _row("power_factor_l{phase}", "power_factor", "instant", None, "33/53/73.7.0"),
    _rare_about("power_factor_min", "power_factor", "instant", None, "13.3.0"),
    _row("frequency", "frequency", "instant", "Hz", "14.7.0"),
    _rare_about("measuring_period", "duration", "instant", "s", "0.8.2"),

    # Demand
    _row("demand_current", "power", "instant", "kW", "1.4.0"),
    _rare("demand_current_tariff_{n}", "power", "instant", "kW", "1.4.1/2/3/4"),
    _rare("demand_last", "power", "instant", "kW", "1.5.0"),
    _row("demand_month_peak", "power", "peak", "kW", "1.6.0", "1-1:1.6.0"),
    _rare_about("demand_month_peak_time", "time", "peak", None, "1.6.0", derived=True),
    _rare("demand_month_peak_tariff_{n}", "power", "peak", "kW", "1.6.1/2/3/4"),
    _rare("demand_last_month_peak", "power", "peak", "kW", "0-0:98.1.0", derived=True),
    _rare("demand_average_12m", "power", "peak", "kW", "0-0:98.1.0", derived=True),
    _rare("demand_history", "power", "peak", "kW", "0-0:98.1.0", entity=False, derived=True),
    _rare_about("demand_cumulative", "power", "peak", "kW", "1.2.0"),
    _rare_about("demand_cumulative_tariff_{n}", "power", "peak", "kW", "1.2.1/2/3/4"),
    _rare("demand_export_current", "power", "instant", "kW", "2.4.0"),
    _rare("demand_export_last", "power", "instant", "kW", "2.5.0"),
    _rare("demand_export_peak", "power", "peak", "kW", "2.6.0"),
    _rare("demand_export_peak_tariff_{n}", "power", "peak", "kW", "2.6.1/2/3/4"),
    _rare_about("demand_export_cumulative", "power", "peak", "kW", "2.2.0"),
    _rare_about("demand_export_cumulative_tariff_{n}", "power", "peak", "kW", "2.2.1/2/3/4"),
    _rare("demand_reactive_import_current", "reactive_power", "instant", "kvar", "3.4.0"),
    _rare("demand_reactive_import_last", "reactive_power", "instant", "kvar", "3.5.0"),
    _rare("demand_reactive_export_current", "reactive_power", "instant", "kvar", "4.4.0"),
    _rare("demand_reactive_export_last", "reactive_power", "instant", "kvar", "4.5.0"),
    _rare("demand_apparent_import_current", "apparent_power", "instant", "kVA", "9.4.0"),
    _rare("demand_apparent_import_last", "apparent_power", "instant", "kVA", "9.5.0"),
    _rare("demand_apparent_export_current", "apparent_power", "instant", "kVA", "10.4.0"),
    _rare("demand_apparent_export_last", "apparent_power", "instant", "kVA", "10.5.0"),

    # The closing values of last month: on one line in Hungary, `code*NN` of the same registers elsewhere
    _closing("last_month_import_total", "energy", "total", "kWh"),
    _closing("last_month_import_tariff_{n}", "energy", "total", "kWh", numbers="12"),
    _closing("last_month_export_total", "energy", "total", "kWh"),
    _closing("last_month_export_tariff_{n}", "energy", "total", "kWh", numbers="12"),
    _closing("last_month_reactive_import_total", "reactive_energy", "total", "kvarh"),
    _closing("last_month_reactive_export_total", "reactive_energy", "total", "kvarh"),
    _closing("last_month_reactive_q{n}", "reactive_energy", "total", "kvarh"),
    _closing("last_month_energy_combined", "energy", "total", "kWh"),
    _closing("last_month_demand_import", "power", "peak", "kW"),
    _closing("last_month_demand_import_tariff_{n}", "power", "peak", "kW", numbers="12"),
    _closing("last_month_demand_export", "power", "peak", "kW"),
    _closing("last_month_demand_export_tariff_{n}", "power", "peak", "kW", numbers="12"),
    _rare("month_history", None, "total", None, "0-0:98.1.0", entity=False, derived=True),

    # Limits, switches, quality, messages
    _about("limiter_threshold", "power", "instant", "kW", "0-0:17.0.0"),  # also sent in A or kVA
    _about("fuse_threshold", "current", "instant", "A", "31.4.0", "1-1:31.4.0"),
    _about("fuse_threshold_export", "current", "instant", "A", "1-1:31.4.0", derived=True),
    _about("fuse_threshold_l{phase}", "current", "instant", "A", "31/51/71.4.0"),  # l1: if all are sent
    _about("breaker_state", None, "enum", None, "0-0:96.3.10", "0-0:96.50.68", options=_BREAKER),
    _about("relay_{n}", None, "enum", None, "0-1/2/3/4:96.3.10", options=("off", "on")),
    _rare_about("grid_configuration", None, "enum", None, "94.32.1", options=("230", "400")),
    _about("power_failures", None, "counter", None, "0-0:96.7.21", "C.7.0"),
    _about("power_failures_long", None, "counter", None, "0-0:96.7.9"),
    _about("last_power_failure", "time", "instant", None, "99.97.0"),
    _rare("power_failure_log", "duration", "instant", "s", "99.97.0", entity=False, derived=True),
    _about("voltage_sags_l{phase}", None, "counter", None, "32/52/72.32.0"),
    _rare_about("voltage_sag_duration_l{phase}", "duration", "instant", "s", "32/52/72.33.0"),
    _rare_about("voltage_sag_magnitude_l{phase}", "voltage", "instant", "V", "32/52/72.34.0"),
    _about("voltage_swells_l{phase}", None, "counter", None, "32/52/72.36.0"),
    _rare_about("voltage_swell_duration_l{phase}", "duration", "instant", "s", "32/52/72.37.0"),
    _rare_about("voltage_swell_magnitude_l{phase}", "voltage", "instant", "V", "32/52/72.38.0"),
    _rare_about("message", None, "text", None, "0-0:96.13.0", hexadecimal=True),
    _rare_about("message_code", None, "text", None, "0-0:96.13.1", hexadecimal=True),
    _rare_about("message_{n}", None, "text", None, "0-0:96.13.2/3/4/5", name="message_channel", numbers="2345",
                hexadecimal=True),

    # The meter itself
    _about("equipment_id", None, "text", None, "0-0:96.1.1", "0-0:96.1.0", "0-0:96.1.255", "0-0:0.0.0", "C.1.0",
           "6-0:9.20.0", "0.0.0", "0.0.1", "96.1.0", "0-0:42.0.0", "0-n:96.1.0", "0-n:96.1.1", entity=False,
           hexadecimal=True),
    _about("logical_device_name", None, "text", None, "0-0:42.0.0", entity=False, hexadecimal=True, derived=True),
    _rare_about("ean", None, "text", None, "0-0:96.1.2", "0-n:96.1.2", hexadecimal=True),
    _about("dsmr_version", None, "text", None, "1-3:0.2.8", "0-0:96.1.4"),
    _rare_about("telegram_time", "time", "instant", None, "0-0:1.0.0", "0-0:1.1.0", "0.9.1", "0.9.2", "6-0:9.36.0"),
    _rare_about("firmware_version", None, "text", None, "0.2.0"),
    _rare_about("firmware_signature", None, "text", None, "0.2.8"),
    _rare_about("firmware_version_2", None, "text", None, "1-1:0.2.0"),
    _rare_about("firmware_signature_2", None, "text", None, "1-1:0.2.8"),
    _rare_about("parameter_version", None, "text", None, "0.2.1"),
    _rare_about("tariff_program", None, "text", None, "0.2.2"),
    _rare_about("reset_counter", None, "counter", None, "0.1.0"),
    _rare_about("last_reset", "time", "instant", None, "0.1.2", "0.1.3"),
    _about("meter_error", None, "text", None, "F.F.0", "F", "0-0:97.97.0", "97.97.0"),
    _rare_about("meter_status", None, "text", None, "96.5.5", "C.5.0"),
    _rare_about("internal_status", None, "text", None, "C.4.0"),
    _rare_about("io_state_{n}", None, "text", None, "C.3.0/1/2/3/4/5/6/7/8/9", numbers="0123456789"),
    _rare_about("battery_hours", "duration", "instant", "h", "C.6.0", "C.6.1"),
    _rare_about("battery_voltage", "voltage", "instant", "V", "C.6.3"),

    # M-Bus and heat meters
    _row("gas", "gas", "total", "m³", "0-n:24.2.1", "0-n:24.2.3", "0-n:24.3.0", "7-0:23.1.0", device="gas",
         mbus_types=(3,)),
    _row("water", "water", "total", "m³", device="water", mbus_types=(7, 23)),
    _row("warm_water", "water", "total", "m³", device="warm_water", mbus_types=(6,)),
    _row("hot_water", "water", "total", "m³", device="hot_water", mbus_types=(21,)),
    _row("cold_water", "water", "total", "m³", device="cold_water", mbus_types=(22,)),
    _row("waste_water", "water", "total", "m³", device="waste_water", mbus_types=(40,)),
    _row("heat", "energy", "total", "GJ", "6-0:6.8.0", device="heat", mbus_types=(4, 12, 13)),
    _row("cooling", "energy", "total", "GJ", "0-n:24.3.1", device="cooling", mbus_types=(10, 11)),
    _row("submeter", "energy", "total", "kWh", device="submeter", mbus_types=(2,)),
    _row("oil", "volume", "total", "m³", device="oil", mbus_types=(1,)),
    _rare("mbus", None, "total", None, device="mbus"),  # every other device type
    _about("device_type", None, "text", None, "0-n:24.1.0", device="mbus", entity=False),
    _rare_about("valve_state", None, "enum", None, "0-n:24.4.0", "7-0:24.4.0", device="mbus", options=_VALVE),
    _rare_about("last_measured", "time", "instant", None, device="mbus", derived=True),
    _rare("heat_volume", "volume", "total", "m³", "6-0:6.26.0", device="heat"),
    _rare("heat_tariff_{n}", "energy", "total", "GJ", "6-0:6.8.1/2/3/4/5", device="heat", numbers="12345"),
    _rare("heat_power_max", "power", "peak", "kW", "6-0:6.6.0", device="heat"),
    _rare("heat_flow_max", "flow", "peak", "m³/h", "6-0:6.33.0", device="heat"),
    _rare_about("heat_flow_nominal", "flow", "instant", "m³/h", "6-0:9.24.0", device="heat"),
    _rare("heat_supply_temperature_max", "temperature", "peak", "°C", "6-0:9.4.0", device="heat"),
    _rare("heat_return_temperature_max", "temperature", "peak", "°C", "6-0:9.4.0", device="heat", derived=True),
    _rare_about("operating_hours", "duration", "total", "h", "6-0:6.31.0", device="heat"),
    _rare_about("fault_hours", "duration", "total", "h", "6-0:6.32.0", device="heat"),
)
# fmt: on

REGISTERS: Mapping[str, Register] = MappingProxyType({row.key: row for rows in _TABLE for row in rows})
"""Every register by its key, in the order of the table."""


def name_for(register: Register, profile: Profile) -> str:
    """Return the translation key of a register's name in the words of the meter's country.

    The tariffs are `import_tariff_low` in the Netherlands, `import_tariff_day` in Belgium, and elsewhere
    `import_tariff` with its number as placeholder; export alike. Where the running demand is that of an hour, its name
    says so: `demand_current_hour`. What else speaks of import or export ends in `_be` in
    Belgium, where grid companies have other words for both than in the Netherlands.
    """
    if register.name in {"import_tariff", "export_tariff"}:
        word = profile.tariff_name(int(register.placeholders["n"]))
        if not word.startswith("tariff_"):
            return f"{register.name}_{word}"
    if register.name == "demand_current" and profile.demand_window == _HOUR:
        return "demand_current_hour"
    speaks_of_them = _IMPORT_OR_EXPORT.match(register.name) is not None
    return f"{register.name}_be" if profile.country == "BE" and speaks_of_them else register.name


def unit_for(register: Register, profile: Profile) -> str | None:
    """Return the unit that is assumed on this meter where none is sent: the power limit of Luxembourg is in kVA."""
    if register.key == "limiter_threshold" and profile.limiter_unit is not None:
        return profile.limiter_unit
    return register.unit


def options_for(register: Register, profile: Profile) -> tuple[str, ...]:
    """Return the states that an enum can have on this meter: the tariffs only in the words of its country."""
    if register.key == "tariff":
        return ("none", *(profile.tariff_name(number) for number in TARIFFS))
    return register.options
