"""What a person chose for the loads of one meter, as types, and how the entry keeps it. Pure.

A load is a subentry. Its data holds what it is (`kind`), what switches it, its power and its rank; of everything else
only what is otherwise than that kind has it by default. Times are `HH:MM`.
"""

from dataclasses import MISSING, dataclass, fields, replace
from datetime import time
import math
import re
from typing import TYPE_CHECKING, Any, Final, Literal

from .gpio import GpioBias, GpioDrive
from .loads import LoadSettings, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from homeassistant.config_entries import ConfigSubentry

    from .loads.model import Priority
    from .meter import Profile

# In a load's data, besides the names of `LoadSettings`.
CONF_KIND: Final = "kind"
"""What kind of device it is: a key of `DEFAULTS_BY_KIND`."""
CONF_ENTITY: Final = "entity_id"
"""The entity that switches it; absent: a GPIO line does."""
CONF_CHIP: Final = "chip"
"""Path of the GPIO chip, `/dev/gpiochip0`."""
CONF_CHIP_LABEL: Final = "chip_label"
"""What the chip calls itself, `pinctrl-bcm2711`."""
CONF_LINE: Final = "line"
"""Number of the line on the chip."""
CONF_ACTIVE_LOW: Final = "active_low"
"""True: the pin is low when the load is on."""
CONF_BIAS: Final = "bias"
"""The resistor inside the chip, as in `GpioBias`."""
CONF_DRIVE: Final = "drive"
"""How the pin is driven, as in `GpioDrive`."""
CONF_KEEP_AT_STOP: Final = "keep_at_stop"
"""True: the pin stays as it is when Home Assistant stops."""
CONF_POWER_ENTITY: Final = "power_entity"
"""The load's own power sensor."""
CONF_ALLOWED_ENTITY: Final = "allowed_entity"
"""What must be on for the load to start."""
LOAD_ENTITIES: Final = (CONF_ENTITY, CONF_POWER_ENTITY, CONF_ALLOWED_ENTITY)
"""What in a load's data is the id of an entity."""
SITE_ENTITIES: Final = ("price_buy_entity", "price_sell_entity")
"""The same of the limits that all loads share: names of `SiteConfig`."""

type Kind = Literal["relay", "solid_state", "motor", "compressor", "charger"]
type Demand = Literal["off", "month_peak", "own"]

DEFAULTS_BY_KIND: Final[Mapping[Kind, Mapping[str, float]]] = {
    "relay": {},
    "solid_state": {"start_cost_wh": 5.0, "stop_cost_wh": 5.0},
    "motor": {"min_on_s": 300.0, "min_off_s": 180.0},
    "compressor": {"min_on_s": 600.0, "min_off_s": 600.0},
    "charger": {"latency_s": 15.0, "ramp_s": 10.0},
}
"""By kind of device, what of `LoadSettings` is otherwise than the law has it by default."""

_ALWAYS: Final = ("power_w", "rank")
# A deadline before it is for a night: its day begins with the deadline, so that the evening before belongs to it.
_NOON: Final = time(12)
_PLAIN: Final = {field.name: field.default for field in fields(LoadSettings) if field.default is not MISSING}

# Meters (eMUCS) send this for a limit that is not set.
_NOT_SET_A: Final = 999.0

# As people write times in the four countries: 22:00, 22.00, 22h, 22h00, 22u00, 22.
_TIME: Final = r"(\d{1,2})(?:[:.]|\s?[hu])?((?<!\d)\d\d)?"
_WINDOW: Final = re.compile(rf"{_TIME}\s*[-\u2013\u2014]\s*{_TIME}", re.IGNORECASE)
_DAY_MIN: Final = 24 * 60

type Windows = tuple[tuple[time, time], ...]


@dataclass(frozen=True, slots=True)
class GpioSettings:
    """A load that a GPIO line switches.

    Attributes:
        chip: path of the chip.
        line: number of the line on it.
        active_low: whether the pin is low when the load is on.
        bias: the resistor inside the chip.
        drive: how the pin is driven.
        keep_at_stop: whether the pin stays as it is when Home Assistant stops; else the load is put in its safe state.
        label: what the chip has to call itself; "": whatever it likes.
    """

    chip: str
    line: int
    active_low: bool = False
    bias: GpioBias = GpioBias.AS_IS
    drive: GpioDrive = GpioDrive.PUSH_PULL
    keep_at_stop: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class EntitySettings:
    """A load that an entity of Home Assistant switches."""

    entity_id: str

    @property
    def device_name(self) -> str | None:
        """What the entities of its device begin with in their ids; None: it is a helper, which has no device."""
        domain, _, name = self.entity_id.partition(".")
        return None if domain == "input_boolean" else name


@dataclass(frozen=True, slots=True)
class LoadConfig:
    """One load.

    Attributes:
        settings: what the control law knows of it; its id is that of the subentry.
        title: its name.
        kind: what kind of device it is.
        output: what switches it.
        power_entity: its own power sensor, or None.
        allowed_entity: what must be on for it to start, or None.
    """

    settings: LoadSettings
    title: str
    kind: Kind
    output: GpioSettings | EntitySettings
    power_entity: str | None
    allowed_entity: str | None

    @property
    def entities(self) -> tuple[str, ...]:
        """All entities that were chosen for it, each once."""
        output = self.output.entity_id if isinstance(self.output, EntitySettings) else None
        chosen = (output, self.power_entity, self.allowed_entity)
        return tuple(dict.fromkeys(entity_id for entity_id in chosen if entity_id is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteConfig:
    """What a person chose for all loads of a meter; the names are those in the entry's options.

    Attributes:
        fuse_a: main fuse per phase; None: what the meter says.
        fuse_margin_a: kept free at every start.
        demand: what a demand window may take: anything, the month's peak so far, or a number of the person's own.
        target_w: that number.
        target_floor_w: the least that the month's peak is taken for.
        window_s: length of the demand window.
        peak_count: the tariff takes the mean of so many of the largest windows of the month.
        priority: whether all loads count alike, or each as much as all that come after it.
        price_buy_entity: price of a kWh from the grid, or None.
        price_sell_entity: price of a kWh to the grid, or None.
    """

    fuse_a: float | None = None
    fuse_margin_a: float = 1.0
    demand: Demand = "off"
    target_w: float | None = None
    target_floor_w: float = 2500.0
    window_s: float = 900.0
    peak_count: int = 1
    priority: Priority = "fair"
    price_buy_entity: str | None = None
    price_sell_entity: str | None = None

    def site(self, *, period_s: float, stale_s: float, meter_fuse_a: float | None) -> Site:
        """Return what the control law knows of the connection.

        Args:
            period_s: time between two telegrams, as measured.
            stale_s: time without one after which nothing is known.
            meter_fuse_a: the fuse that the meter names, as it sends it; None: it names none.
        """
        return Site(
            period_s=period_s,
            stale_s=stale_s,
            fuse_a=meter_fuse(meter_fuse_a) if self.fuse_a is None else self.fuse_a,
            fuse_margin_a=self.fuse_margin_a,
            target_w={"off": math.inf, "month_peak": None, "own": self.target_w}[self.demand],
            target_floor_w=self.target_floor_w,
            window_s=self.window_s,
            peak_count=self.peak_count,
            priority=self.priority,
        )


def meter_fuse(sent_a: float | None) -> float | None:
    """Return the fuse that a meter names; None where it sends none, or the number that stands for none."""
    return None if sent_a is None or not 0 < sent_a < _NOT_SET_A else sent_a


def usual_limits(profile: Profile) -> SiteConfig:
    """Return what holds for the loads of such a meter where the person chose nothing."""
    return SiteConfig(demand="month_peak" if profile.country == "BE" else "off", window_s=profile.demand_window)


def site_config(options: Mapping[str, Any], profile: Profile) -> SiteConfig:
    """Return the limits of the loads of a meter: what the options of its entry say, and else what is usual."""
    chosen = {field.name: options[field.name] for field in fields(SiteConfig) if field.name in options}
    return replace(usual_limits(profile), **chosen)


def load_config(subentry: ConfigSubentry) -> LoadConfig:
    """Read a load."""
    data = subentry.data
    output: GpioSettings | EntitySettings
    if CONF_ENTITY in data:
        output = EntitySettings(data[CONF_ENTITY])
    else:
        output = GpioSettings(
            data[CONF_CHIP],
            data[CONF_LINE],
            active_low=data.get(CONF_ACTIVE_LOW, False),
            bias=GpioBias(data.get(CONF_BIAS, GpioBias.AS_IS)),
            drive=GpioDrive(data.get(CONF_DRIVE, GpioDrive.PUSH_PULL)),
            keep_at_stop=data.get(CONF_KEEP_AT_STOP, False),
            label=data.get(CONF_CHIP_LABEL, ""),
        )
    return LoadConfig(
        settings=LoadSettings(id=subentry.subentry_id, **settings_of(data)),
        title=subentry.title,
        kind=data[CONF_KIND],
        output=output,
        power_entity=data.get(CONF_POWER_ENTITY),
        allowed_entity=data.get(CONF_ALLOWED_ENTITY),
    )


def defaults_of(kind: Kind) -> dict[str, Any]:
    """Return all of `LoadSettings` that a device of this kind has by default, by name."""
    return {**_PLAIN, **DEFAULTS_BY_KIND[kind]}


def settings_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of `LoadSettings` but the id, by name, from a load's data."""
    kept = {name: _read(name, data[name]) for name in (*_ALWAYS, *_PLAIN) if name in data}
    return {**defaults_of(data[CONF_KIND]), "day_start": _usual_day_start(kept.get("deadline")), **kept}


def change_settings(data: Mapping[str, Any], **settings: Any) -> dict[str, Any]:  # noqa: ANN401 (each has its own type)
    """Return a load's data with these of `LoadSettings` changed; what its kind has by default is not kept.

    None for the begin of the day stands for the usual one, which goes by the deadline.
    """
    changed = {**settings_of(data), **settings}
    usual = _usual_day_start(changed["deadline"])
    defaults = {**defaults_of(data[CONF_KIND]), "day_start": usual}
    if settings.get("day_start", data.get("day_start")) is None:
        changed["day_start"] = usual
    others = {name: value for name, value in data.items() if name not in changed}
    kept = {name: _write(name, value) for name, value in changed.items() if name in _ALWAYS or value != defaults[name]}
    return others | kept


def _usual_day_start(deadline: time | None) -> time:
    """Return when a load's day begins where nobody says: else little time would be left before a morning's deadline."""
    return deadline if deadline is not None and deadline < _NOON else _PLAIN["day_start"]


def parse_windows(text: str) -> Windows:
    """Return the time windows that a person wrote: `22:00-06:00, 13:00-15:00`; none for an empty text.

    Raises:
        ValueError: a part is no time window; the message is that part.
    """
    return tuple(_window(part.strip()) for part in re.split(r"[,;\n]", text) if part.strip())


def windows_text(windows: Windows) -> str:
    """Return time windows as `parse_windows` reads them."""
    return ", ".join(f"{_clock(start)}-{_clock(end)}" for start, end in windows)


def windows_length_s(windows: Windows) -> float:
    """Return how much of a day is in at least one of these windows."""
    covered: set[int] = set()
    for start, end in windows:
        first = start.hour * 60 + start.minute
        length = (end.hour * 60 + end.minute - first) % _DAY_MIN
        covered.update(minute % _DAY_MIN for minute in range(first, first + length))
    return len(covered) * 60.0


def _window(text: str) -> tuple[time, time]:
    if (match := _WINDOW.fullmatch(text)) is None:
        raise ValueError(text)
    numbers = [int(digits or 0) for digits in match.groups()]
    if numbers[2:] == [24, 0]:
        numbers[2] = 0
    try:
        start, end = time(numbers[0], numbers[1]), time(numbers[2], numbers[3])
    except ValueError:
        raise ValueError(text) from None
    if start == end:
        raise ValueError(text)
    return start, end


def _time_of(text: str) -> time:
    return time.fromisoformat(text)


def _clock(at: time) -> str:
    return at.isoformat("minutes")


# What JSON has no type for: how it is read, and how it is written.
_CODECS: Final[Mapping[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]]] = {
    "phases": (tuple, list),
    "deadline": (_time_of, _clock),
    "day_start": (_time_of, _clock),
    "tariffs": (frozenset, sorted),
    "windows": (
        lambda kept: tuple((_time_of(start), _time_of(end)) for start, end in kept),
        lambda windows: [[_clock(start), _clock(end)] for start, end in windows],
    ),
}


def _read(name: str, kept: Any) -> Any:  # noqa: ANN401 (each setting has its own type)
    return kept if kept is None or name not in _CODECS else _CODECS[name][0](kept)


def _write(name: str, value: Any) -> Any:  # noqa: ANN401 (the same)
    return value if value is None or name not in _CODECS else _CODECS[name][1](value)
