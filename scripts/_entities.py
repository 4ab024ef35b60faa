"""docs/entities.md: every entity by the kind of meter, from THE table, the names in English and simulated telegrams."""

from datetime import datetime
from functools import reduce
from itertools import groupby
import json
from operator import xor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from p1meter.demand import ComputedDemand
from p1meter.judge import Judge
from p1meter.memory import Memory
from p1meter.meter import REGISTERS, Profile, Reader, Register, Telegram
from p1meter.meter.profiles import profile
from p1meter.meter.registers import name_for, unit_for
from p1meter.news import FAILURE_KEYS, MESSAGE_KEYS
from p1meter.roles import ELECTRICITY, kind_and_number
from tests.simulation.household import ZONE, Household
from tests.simulation.optical import LINES, Habits
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "entities.md"
_TEXTS: Final = json.loads((ROOT / "custom_components/p1meter/translations/en.json").read_text("utf-8"))
_NAMES: Final[Mapping[str, Any]] = {key: text for texts in _TEXTS["entity"].values() for key, text in texts.items()}
_DEVICES: Final[Mapping[str, str]] = {key: text["name"] for key, text in _TEXTS["device"].items()}
# Any: what is sent, not how much, is asked.
_MOMENT: Final = datetime(2026, 11, 21, 12, 0, 0, tzinfo=ZONE)


class _Kind(NamedTuple):
    """One kind of meter: its title, and what it has sent."""

    name: str
    title: str
    telegram: Telegram


class _Seen(NamedTuple):
    """One sensor of one kind of meter."""

    register: Register
    role: str
    enabled: bool
    computed: bool


# As in the simulation, with the country that Home Assistant is in where the telegram leaves it open.
_TITLES: Final = (
    ("nl5", None, "Netherlands, DSMR 5 (ESMR 5)"),
    ("nl4", None, "Netherlands, DSMR 4"),
    ("nl2", None, "Netherlands, DSMR 2.2 and 3"),
    ("be", None, "Belgium, eMUCS (Fluvius, ORES, RESA, Sibelga …)"),
    ("be-ie", None, "Belgium, Iskra IE.5"),
    ("lu", None, "Luxembourg, Smarty"),
    ("h1", "SE", "Sweden, Denmark, Finland"),
    ("hu", None, "Hungary"),
    ("lt", None, "Lithuania"),
    ("ch", None, "Switzerland, XT211"),
    ("at", None, "Austria, Energienetze Steiermark"),
    ("si", None, "Slovenia, AM550"),
    ("d0", "DE", "Germany, EasyMeter Q3D (an optical head listens)"),
)
_INTRODUCTION: Final = """\
# Entities

<!-- Written by scripts/entities from THE table (meter/registers.py): change it there. -->

What your meter sends becomes an entity; what it does not send is not there. When it begins to send something else, that
is added. This page shows what is usual, by the kind of meter, and then everything that there is.

- **At once**: the entity is there and enabled. **Disabled**: look for it at *Settings → Devices & services → Entities*,
  with the filter on disabled ones; click it, then the cogwheel, and enable it.
- **Diagnostic** entities tell about the meter or the line, not about the house.
- **†** is worked out: the net power and the totals of tariffs from other values of the same telegram, the running
  demand from what was counted since the quarter-hour began.
- Entity ids begin with the name of the meter: `sensor.iskra_am550_power`, `sensor.gas_meter_gas`. Home Assistant forms
  them in its own language when the meter is added.
- **Key** is what the value is called in [MQTT](mqtt.md), [InfluxDB](influxdb.md), [CSV files](journal.md) and
  [actions](actions.md). At a meter on the M-Bus all but InfluxDB put what it measures in front where the key does not
  say it: `gas_last_measured`.
"""
_REST: Final = """\
## At every meter

On the device of the meter, diagnostic. They stay available when the meter is silent, and are disabled until wanted,
except the duration of read-outs. Read-outs are of optical heads only.

{line}

What is switched on under [*Keep and share data*](options.md#keep-and-share-data) adds these:

{sinks}

A register of your own ([options](options.md#registers-of-your-own)) is a sensor with the name you gave it. A code that
the meter sends and that is not on this page is the disabled sensor *{unknown}*. Loads and their limits have entities of
their own: [what you see of a load](loads.md#what-you-see-of-a-load).
"""
_EVERYTHING: Final = """\
## Everything there is

- **Unit**: what is assumed where the meter sends none. A unit that is sent wins (Austrian meters send Wh and W).
- **Statistics**: what Home Assistant keeps for good, each hour: how much it grew (sum); its mean, lowest and highest
  (mean).
- **Codes**: where it comes from. They are of `1-0:` unless written; `0-n` is any channel of the M-Bus. The first that
  is sent counts.
- **Usual at**: the kinds of meters above that send it. Any other that sends it shows it too.
- The running demand is there at once where the meter sends it, and disabled where p1meter works it out.
"""
# Where tariffs have no names but their numbers.
_NOWHERE: Final[Profile] = profile("generic", None)


def page() -> str:
    """Return the whole page."""
    kinds = list(_kinds())
    seen = {kind.name: _seen(kind.telegram) for kind in kinds}
    parts = [_INTRODUCTION]
    parts += [f"## {kind.title} `{kind.name}`\n\n{_section(kind, seen[kind.name])}" for kind in kinds]
    parts.append(_rest())
    parts.append(_everything(seen))
    return "\n".join(parts)


def _kinds() -> Iterator[_Kind]:
    """Yield a telegram of each kind of meter."""
    for name, country, title in _TITLES:
        household = Household(start=_MOMENT, system=name)
        system = SYSTEMS[name]
        yield _Kind(name, title, _read(system.compose(household), country))
    lines = f"{LINES}\x03".encode("ascii")
    block = b"\x02" + lines + bytes([reduce(xor, lines)])
    yield _Kind("iec", "An optical head that asks (anywhere)", _read(f"/{Habits.ident}\r\n".encode() + block, None))


def _read(data: bytes, country: str | None) -> Telegram:
    reader = Reader(zone=ZONE, country=country)
    items = [*reader.feed(data), *reader.close()]
    return next(item for item in items if isinstance(item, Telegram))


def _seen(telegram: Telegram) -> list[_Seen]:
    """Return the sensors that this telegram makes, as the integration does."""
    memory = Memory(profile=telegram.profile)
    verdict = Judge(memory).judge(telegram, _MOMENT)
    verdict = ComputedDemand(memory).add_to(verdict, telegram, _MOMENT)
    found = []
    for slot in verdict.new:
        if (register := REGISTERS.get(slot.key)) is None:
            continue
        computed = slot.computed or (verdict.shown[slot.id].obis is None and not register.derived)
        found.append(_Seen(register, slot.role, register.enabled and not slot.computed, computed))
    order = list(REGISTERS)
    return sorted(found, key=lambda one: order.index(one.register.key))


def _section(kind: _Kind, seen: Sequence[_Seen]) -> str:
    """Say what a kind of meter has: a column for each device."""
    roles = list(dict.fromkeys(one.role for one in seen))
    here = {role: [one for one in seen if one.role == role] for role in roles}
    rows = {
        "At once": [_listed(ones, kind, enabled=True, diagnostic=False) for ones in here.values()],
        "Diagnostic": [_listed(ones, kind, enabled=True, diagnostic=True) for ones in here.values()],
        "Disabled": [_listed(ones, kind, enabled=False) for ones in here.values()],
        "Events": [_events(ones) if role == ELECTRICITY else "" for role, ones in here.items()],
    }
    head = ["", *(_device(role) for role in roles)]
    return _table(head, [[f"**{title}**", *cells] for title, cells in rows.items() if any(cells)]) + "\n"


def _listed(seen: Iterable[_Seen], kind: _Kind, *, enabled: bool, diagnostic: bool | None = None) -> str:
    """Name those sensors that are enabled or not, diagnostic or not (None: either); those of a family in one."""
    words = kind.telegram.profile
    wanted = [one for one in seen if one.enabled is enabled and diagnostic in {None, one.register.diagnostic}]
    names = []
    for (name, computed), family in groupby(wanted, lambda one: (name_for(one.register, words), one.computed)):
        names.append(_family_name(name, [one.register for one in family]) + (" †" if computed else ""))
    return " · ".join(names)


def _events(seen: Iterable[_Seen]) -> str:
    keys = {one.register.key for one in seen}
    names = (("message", MESSAGE_KEYS), ("power_failure", FAILURE_KEYS))
    return " · ".join(_TEXTS["entity"]["event"][name]["name"] for name, of in names if keys.intersection(of))


def _device(role: str) -> str:
    """Name the device of a role."""
    return "Electricity meter" if role == ELECTRICITY else _DEVICES[kind_and_number(role)[0]]


def _rest() -> str:
    """Say what p1meter tells about the line, and what sinks add."""
    sensors = _TEXTS["entity"]["sensor"]
    line = [key for key in sensors if key.startswith(("telegrams_", "telegram_", "readout")) and key not in REGISTERS]
    sinks = [key for key in sensors if key.startswith(("journal_", "mqtt_", "influxdb_"))]
    return _REST.format(
        line=" · ".join(sensors[key]["name"] for key in line),
        sinks=" · ".join(sensors[key]["name"] for key in sinks),
        unknown=sensors["unknown_code"]["name"].format(code="…"),
    )


def _everything(seen: Mapping[str, Sequence[_Seen]]) -> str:
    """List every register that has an entity."""
    shown = [register for register in REGISTERS.values() if register.entity]
    sent_by = {
        register.key: [name for name, ones in seen.items() if any(one.register is register for one in ones)]
        for register in shown
    }
    parts = [_EVERYTHING]
    for title in dict.fromkeys(map(_group, shown)):
        rows = [
            _row(list(family), sent_by)
            for _, family in groupby((r for r in shown if _group(r) == title), key=lambda register: register.name)
        ]
        parts.append(
            f"### {title}\n\n{_table(['Sensor', 'Key', 'Unit', 'Statistics', 'There', 'Codes', 'Usual at'], rows)}\n"
        )
    return "\n".join(parts)


def _group(register: Register) -> str:
    """Say under which title a register stands."""
    if register.device != ELECTRICITY:
        return "Gas, water, heat and other meters"
    if register.key.startswith("demand_"):
        return "Demand and peaks"
    if register.key.startswith("last_month_"):
        return "What the last month closed with"
    if register.diagnostic:
        return "Limits, quality and the meter itself"
    return "Energy" if register.role == "total" or register.key == "tariff" else "Power, voltage, current"


def _row(family: Sequence[Register], sent_by: Mapping[str, Sequence[str]]) -> list[str]:
    """Say everything about one register, or about one of each phase or tariff."""
    first = family[0]
    name = _family_name(name_for(first, _NOWHERE), family)
    in_countries = {
        kind.country: _family_name(name_for(first, kind), family[:1])
        for kind in (profile("nl5", None), profile("be", None))
        if name_for(first, kind) != name_for(first, _NOWHERE)
    }
    plain = _family_name(name_for(first, _NOWHERE), family[:1])
    words = "; ".join(f"{country}: {text}" for country, text in in_countries.items() if text != plain)
    places = list(dict.fromkeys(place for register in family for place in sent_by[register.key]))
    return [
        name + (f"<br>({words} …)" if words else ""),
        f"`{_family_key(family)}`",
        _unit(first),
        _statistics(first),
        _enabled(family),
        ", ".join([*dict.fromkeys(code for register in family for code in register.codes), *_types(first)]),
        " ".join(places),
    ]


def _unit(register: Register) -> str:
    """Return what values are given in, or what kind of thing they are."""
    if register.role == "enum":
        states = _NAMES[name_for(register, _NOWHERE)]["state"]
        return " / ".join(states[option] for option in register.options)
    if register.role == "text":
        return "problem or not" if register.key == "meter_error" else "text"
    if register.role == "counter":
        return "number"
    if register.quantity == "time":
        return "time"
    return unit_for(register, _NOWHERE) or ("as sent" if register.quantity is None else "")


def _statistics(register: Register) -> str:
    """Return what Home Assistant keeps for good."""
    if register.role in {"enum", "text"} or register.quantity == "time":
        return ""
    return "sum" if register.role in {"total", "counter"} else "mean"


def _enabled(family: Sequence[Register]) -> str:
    """Say whether the entities are there at once."""
    at_once = [register for register in family if register.enabled]
    if len(at_once) in {0, len(family)}:
        return "at once" if at_once else "disabled"
    return f"{_numbers(at_once)} at once"


def _types(register: Register) -> list[str]:
    """Say by which device types a meter on the M-Bus is recognised."""
    return [f"M-Bus type {', '.join(map(str, register.mbus_types))}"] if register.mbus_types else []


def _family_name(name: str, family: Sequence[Register]) -> str:
    """Name registers that differ by a number only: `Voltage phase 1…3`."""
    text: str = _NAMES["meter_error" if family[0].key == "meter_error" else name]["name"]
    return text.format_map(dict.fromkeys(family[0].placeholders, _numbers(family)))


def _family_key(family: Sequence[Register]) -> str:
    first, last = family[0], family[-1]
    return first.key if first is last else f"{first.key}…{next(iter(last.placeholders.values()))}"


def _numbers(family: Sequence[Register]) -> str:
    """Return the numbers of a family: `1…3`, `1, 2`."""
    numbers = [number for register in family for number in register.placeholders.values()]
    return f"{numbers[0]}…{numbers[-1]}" if len(numbers) > 2 else ", ".join(numbers)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay a table out as Markdown."""
    return "\n".join([f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)])
