"""The dialog in which a load is added or changed: what switches it, when it may run, and how it is looked after."""

from dataclasses import dataclass
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.climate.const import ClimateEntityFeature
from homeassistant.components.fan.const import FanEntityFeature
from homeassistant.components.sensor import SensorDeviceClass
from homeassistant.components.valve.const import ValveEntityFeature
from homeassistant.components.water_heater.const import WaterHeaterEntityFeature
from homeassistant.config_entries import SOURCE_RECONFIGURE, ConfigSubentryFlow
from homeassistant.const import ATTR_ENTITY_ID, ATTR_SUPPORTED_FEATURES, CONF_NAME
from homeassistant.core import split_entity_id
from homeassistant.data_entry_flow import section
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.selector import (
    BooleanSelector,
    DurationSelector,
    EntitySelector,
    EntitySelectorConfig,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    TextSelector,
    TimeSelector,
)
from homeassistant.helpers.translation import async_get_translations
import probatio as vol

from .const import DOMAIN, SUBENTRY_LOAD
from .fields import dropdown, number_box
from .gpio import GpioBias, GpioDrive
from .known import async_memory
from .load_settings import (
    CONF_ACTIVE_LOW,
    CONF_ALLOWED_ENTITY,
    CONF_BIAS,
    CONF_CHIP,
    CONF_CHIP_LABEL,
    CONF_DRIVE,
    CONF_ENTITY,
    CONF_KEEP_AT_STOP,
    CONF_KIND,
    CONF_LINE,
    CONF_POWER_ENTITY,
    DEFAULTS_BY_KIND,
    change_settings,
    parse_windows,
    settings_of,
    site_config,
    windows_length_s,
    windows_text,
)
from .memory import slot_id
from .meter.registers import TARIFFS
from .pins import CONF_PIN, async_pins, chip_and_line, pin_of
from .roles import ELECTRICITY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from homeassistant.config_entries import ConfigSubentry, SubentryFlowResult
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.selector import EntityWithDeviceFilterSelectorConfig, Selector

    from .coordinator import P1MeterConfigEntry

CONF_POWER: Final = "power"
CONF_RANK: Final = "rank"
CONF_WIRING: Final = "wiring"

_OUTPUT_KEYS: Final = frozenset(
    {CONF_ENTITY, CONF_CHIP, CONF_CHIP_LABEL, CONF_LINE, CONF_ACTIVE_LOW, CONF_BIAS, CONF_DRIVE, CONF_KEEP_AT_STOP}
)
# What can be turned on and off, and the features that it must have for that.
_SWITCHABLE: Final[Mapping[str, int]] = {
    "switch": 0,
    "input_boolean": 0,
    "light": 0,
    "climate": ClimateEntityFeature.TURN_ON | ClimateEntityFeature.TURN_OFF,
    "water_heater": WaterHeaterEntityFeature.ON_OFF,
    "humidifier": 0,
    "fan": FanEntityFeature.TURN_ON | FanEntityFeature.TURN_OFF,
    "valve": ValveEntityFeature.OPEN | ValveEntityFeature.CLOSE,
}
_PERMITTING: Final = ["binary_sensor", "input_boolean", "schedule", "switch"]
_DAY_S: Final = 86400.0
# A load draws so much (W) at least.
_LEAST_W: Final = 10
_LEARNED: Final = "learned"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """A field of the second page.

    Attributes:
        name: what it sets: a name of `LoadSettings`, or a key of the load's data.
        selector: how it is asked for.
        show: from the setting to what stands in the field.
        read: the reverse.
        may_be_empty: whether a person may leave it empty.
        empty: what the setting is then.
    """

    name: str
    selector: Selector[Any]
    show: Callable[[Any], Any] = lambda value: value
    read: Callable[[Any], Any] = lambda value: value
    may_be_empty: bool = False
    empty: Any = None

    @property
    def key(self) -> str:
        """What it is called in the form, where it need not be in the unit of the setting."""
        return self.name.removesuffix("_s").removesuffix("_wh")

    @property
    def marker(self) -> vol.Marker:
        """How it is asked for in a schema."""
        return vol.Optional(self.key) if self.may_be_empty else vol.Required(self.key)


@dataclass(frozen=True, slots=True)
class _About:
    """What is known of the meter, as far as it decides what is asked.

    Attributes:
        tariffs: those that it counts in; empty if it is one.
        several_phases: whether it measures more than one.
        price_unit: unit of the prices.
        price_buy: whether the price from the grid is known.
        price_sell: whether the price to the grid is.
    """

    tariffs: list[SelectOptionDict]
    several_phases: bool
    price_unit: str
    price_buy: bool
    price_sell: bool


def _number(
    name: str,
    unit: str | None,
    most: float,
    *,
    least: float = 0.0,
    step: float = 1.0,
    factor: float = 1.0,
    kind: type[float] = float,
    may_be_empty: bool = False,
) -> _Field:
    """Return a field for a number in `unit`; `factor` is what one of them is in the setting's own unit."""
    return _Field(
        name=name,
        selector=number_box(least, most, step=step, unit=unit),
        show=lambda value: None if value is None else round(value / factor, 3),
        read=lambda value: kind(round(value * factor, 6)),
        may_be_empty=may_be_empty,
    )


def _switch(name: str) -> _Field:
    return _Field(name=name, selector=BooleanSelector())


def _hours(name: str, *, may_be_empty: bool = True, empty: float | None = None) -> _Field:
    """Return a field for hours and minutes; a person who types none of both leaves it empty."""
    return _Field(
        name=name,
        selector=DurationSelector({"enable_second": False}),
        show=lambda value: None if may_be_empty and not value else _hours_and_minutes(value),
        read=lambda value: timedelta(**value).total_seconds() or empty,
        may_be_empty=may_be_empty,
        empty=empty,
    )


def _hours_and_minutes(seconds: float) -> dict[str, int]:
    minutes, rest = divmod(int(seconds), 60)
    return {"hours": minutes // 60, "minutes": minutes % 60, "seconds": rest}


def _time(name: str) -> _Field:
    return _Field(
        name=name,
        selector=TimeSelector(),
        show=lambda value: None if value is None else value.isoformat(),
        read=_minute,
        may_be_empty=True,
    )


def _minute(text: str) -> time:
    return cv.time(text).replace(second=0)


def _entity(name: str, which: EntityWithDeviceFilterSelectorConfig) -> _Field:
    return _Field(name=name, selector=EntitySelector(EntitySelectorConfig(filter=which)), may_be_empty=True)


_PHASES: Final[Mapping[str, tuple[int, ...] | None]] = {
    _LEARNED: None,
    "l1": (1,),
    "l2": (2,),
    "l3": (3,),
    "all": (1, 2, 3),
}


def _sections(about: _About) -> dict[str, list[_Field]]:
    """Return the fields of the second page, by section; only those that mean something at this meter."""
    permissions = [
        _Field(
            name="windows", selector=TextSelector(), show=windows_text, read=parse_windows, may_be_empty=True, empty=()
        ),
        _entity(CONF_ALLOWED_ENTITY, {"domain": _PERMITTING}),
        _hours("min_run_s", empty=0.0),
        _time("deadline"),
        _hours("max_run_s"),
    ]
    if about.tariffs:
        permissions.append(
            _Field(
                name="tariffs",
                selector=SelectSelector(
                    SelectSelectorConfig(options=about.tariffs, multiple=True, mode=SelectSelectorMode.LIST)
                ),
                show=lambda tariffs: [str(tariff) for tariff in sorted(tariffs or ())],
                read=lambda ticked: frozenset(map(int, ticked)) or None,
                may_be_empty=True,
            )
        )
    if about.price_buy:
        permissions.append(_number("max_price", about.price_unit, 100.0, least=-100.0, step=0.001, may_be_empty=True))
    device = [
        _entity(CONF_POWER_ENTITY, {"domain": "sensor", "device_class": SensorDeviceClass.POWER}),
        _number("min_on_s", "min", 120.0, step=0.5, factor=60.0),
        _number("min_off_s", "min", 120.0, step=0.5, factor=60.0),
        _number("max_starts_per_hour", None, 60.0, least=1.0, kind=int, may_be_empty=True),
        _number("max_starts_per_day", None, 1000.0, least=1.0, kind=int, may_be_empty=True),
        _number("idle_off_s", "min", 1440.0, factor=60.0),
        _number("idle_retry_s", "min", 1440.0, factor=60.0),
        _switch("hold_idle"),
    ]
    if about.several_phases:
        device.append(
            _Field(
                name="phases",
                selector=dropdown(_PHASES, "load_phases"),
                show=lambda phases: next(key for key, value in _PHASES.items() if value == phases),
                read=_PHASES.__getitem__,
            )
        )
    protection = [
        _hours("override_s", may_be_empty=False, empty=0.0),
        _switch("override_protected"),
        _switch("never_shed"),
        _switch("safe_on"),
        _switch("run_when_blind"),
    ]
    tuning = [
        _number("on_share", "%", 100.0, factor=0.01),
        _number("off_share", "%", 100.0, factor=0.01),
        _number("start_cost_wh", "Wh", 1000.0),
        _number("stop_cost_wh", "Wh", 1000.0),
        _number("start_budget", None, 1000.0, least=1.0, kind=int, may_be_empty=True),
        _number("latency_s", "s", 120.0),
        _number("ramp_s", "s", 120.0),
        _time("day_start"),
    ]
    if about.price_buy and about.price_sell:
        tuning.append(_number("value_per_kwh", about.price_unit, 100.0, step=0.001, may_be_empty=True))
    return {"permissions": permissions, "device": device, "protection": protection, "tuning": tuning}


class LoadFlow(ConfigSubentryFlow):
    """Adds or changes a load: first what switches it, then everything that has a default."""

    def __init__(self) -> None:
        self._draft: dict[str, Any] = {}
        self._title = ""
        self._changed: ConfigSubentry | None = None

    async def async_step_user(self, _user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what switches a new load."""
        return self.async_show_menu(step_id="user", menu_options=["entity", "gpio"])

    async def async_step_reconfigure(self, _user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask what is to be changed."""
        self._changed = self._get_reconfigure_subentry()
        self._draft = dict(self._changed.data)
        self._title = self._changed.title
        return self.async_show_menu(
            step_id="reconfigure",
            menu_options=["rules", "entity", "gpio"],
            description_placeholders={"name": self._title},
        )

    # --- what switches it ---------------------------------------------------------------------------------------------

    async def async_step_entity(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the entity that switches the load, and what the load is."""
        errors: dict[str, str] = {}
        placeholders = {"loads": self._list_of_loads(), "owner": ""}
        if user_input is not None:
            entity_id = user_input[CONF_ENTITY]
            if (owner := self._owner(entity_id)) is not None:
                errors[CONF_ENTITY] = "entity_used"
                placeholders["owner"] = owner
            elif self._is_ours(entity_id):
                errors[CONF_ENTITY] = "entity_ours"
            elif not _can_be_switched(self.hass, entity_id):
                errors[CONF_ENTITY] = "entity_cannot_switch"
            elif user_input.get(CONF_POWER, 0) < _LEAST_W:
                errors[CONF_POWER] = "no_power"
            else:
                state = self.hass.states.get(entity_id)
                return await self._async_go_on(
                    {CONF_ENTITY: entity_id}, user_input, entity_id if state is None else state.name
                )
        schema = vol.Schema(
            {
                vol.Required(CONF_ENTITY): EntitySelector(EntitySelectorConfig(filter={"domain": list(_SWITCHABLE)})),
                vol.Optional(CONF_NAME): TextSelector(),
                **self._fields_of_every_load(),
            }
        )
        now = {**self._shown_of_every_load(), CONF_ENTITY: self._draft.get(CONF_ENTITY)}
        return self.async_show_form(
            step_id="entity",
            data_schema=self.add_suggested_values_to_schema(schema, now if user_input is None else user_input),
            errors=errors,
            description_placeholders=placeholders,
            last_step=False,
        )

    async def async_step_gpio(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for the pin that switches the load, and what the load is."""
        draft = self._draft
        ours = pin_of(draft[CONF_CHIP], draft[CONF_LINE]) if CONF_CHIP in draft else None
        pins = await async_pins(self.hass, ours)
        errors: dict[str, str] = {}
        placeholders = {"loads": self._list_of_loads(), "holder": ""}
        if user_input is not None:
            pin = user_input.get(CONF_PIN, "")
            if mistake := pins.mistake(pin):
                errors[CONF_PIN] = mistake
                placeholders["holder"] = pins.holders.get(pin, "")
            elif not user_input[CONF_NAME].strip():
                errors[CONF_NAME] = "no_name"
            elif user_input.get(CONF_POWER, 0) < _LEAST_W:
                errors[CONF_POWER] = "no_power"
            else:
                chip, line = chip_and_line(pin)
                wiring = user_input[CONF_WIRING]
                chosen = {
                    CONF_ACTIVE_LOW: wiring[CONF_ACTIVE_LOW],
                    CONF_BIAS: wiring[CONF_BIAS] != GpioBias.AS_IS and wiring[CONF_BIAS],
                    CONF_DRIVE: wiring[CONF_DRIVE] != GpioDrive.PUSH_PULL and wiring[CONF_DRIVE],
                    CONF_KEEP_AT_STOP: wiring[CONF_KEEP_AT_STOP],
                }
                kept = {key: value for key, value in chosen.items() if value}
                place = {CONF_CHIP: chip, CONF_CHIP_LABEL: pins.labels[chip], CONF_LINE: line}
                return await self._async_go_on({**place, **kept}, user_input, "")
        schema = vol.Schema(
            {
                vol.Optional(CONF_PIN): pins.selector,
                vol.Required(CONF_NAME): TextSelector(),
                **self._fields_of_every_load(),
                vol.Required(CONF_WIRING): section(
                    vol.Schema(
                        {
                            vol.Required(CONF_ACTIVE_LOW): BooleanSelector(),
                            vol.Required(CONF_BIAS): dropdown(GpioBias, "gpio_bias"),
                            vol.Required(CONF_DRIVE): dropdown(GpioDrive, "gpio_drive"),
                            vol.Required(CONF_KEEP_AT_STOP): BooleanSelector(),
                        }
                    ),
                    # What switches the relay decides whether it is on or off when nobody looks: to be seen at once.
                    {"collapsed": False},
                ),
            }
        )
        now = {
            **self._shown_of_every_load(),
            CONF_PIN: ours,
            CONF_WIRING: {
                CONF_ACTIVE_LOW: draft.get(CONF_ACTIVE_LOW, False),
                CONF_BIAS: draft.get(CONF_BIAS, GpioBias.AS_IS),
                CONF_DRIVE: draft.get(CONF_DRIVE, GpioDrive.PUSH_PULL),
                CONF_KEEP_AT_STOP: draft.get(CONF_KEEP_AT_STOP, False),
            },
        }
        return self.async_show_form(
            step_id="gpio",
            data_schema=self.add_suggested_values_to_schema(schema, now if user_input is None else user_input),
            errors=errors,
            description_placeholders=placeholders,
            last_step=False,
        )

    def _fields_of_every_load(self) -> dict[vol.Marker, Selector[Any]]:
        return {
            vol.Required(CONF_KIND): dropdown(DEFAULTS_BY_KIND, "load_kind"),
            # Not required: the frontend would fill in the smallest by itself, and nobody may overlook that. Too little
            # is refused by us: what the field says of it is English everywhere.
            vol.Optional(CONF_POWER): number_box(0, 30000, unit="W"),
            vol.Required(CONF_RANK): number_box(1, 99),
        }

    def _shown_of_every_load(self) -> dict[str, Any]:
        last = max((rank for rank, _ in self._ranks()), default=0)
        return {
            CONF_NAME: self._title or None,
            CONF_KIND: self._draft.get(CONF_KIND, "relay"),
            CONF_POWER: self._draft.get("power_w"),
            CONF_RANK: self._draft.get("rank", last + 1),
        }

    async def _async_go_on(self, output: dict[str, Any], form: Mapping[str, Any], name: str) -> SubentryFlowResult:
        """Keep what switches the load and what the load is, and ask for the rest; `name` if the person gave none."""
        self._title = " ".join(form.get(CONF_NAME, "").split()) or name
        others = {key: value for key, value in self._draft.items() if key not in _OUTPUT_KEYS}
        self._draft = change_settings(
            {**others, **output, CONF_KIND: form[CONF_KIND]},
            power_w=float(form[CONF_POWER]),
            rank=int(form[CONF_RANK]),
        )
        return await self.async_step_rules()

    # --- when it may run, and how it is looked after ------------------------------------------------------------------

    async def async_step_rules(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Ask for everything that has a default, and keep the load."""
        sections = _sections(await self._async_about())
        errors: dict[str, str] = {}
        placeholders = {"name": self._title, "window": ""}
        if user_input is not None:
            try:
                chosen = _chosen(sections, user_input)
            except ValueError as err:
                # Not at its field: a section that is folded would hide it. So it is with the others.
                errors["base"] = "not_a_window"
                placeholders["window"] = str(err)
            else:
                if mistake := self._mistake(chosen):
                    errors["base"] = mistake
                else:
                    return self._save(chosen)
        schema = vol.Schema(
            {
                vol.Required(name): section(
                    vol.Schema({field.marker: field.selector for field in fields}),
                    {"collapsed": not errors and name != "permissions"},
                )
                for name, fields in sections.items()
            }
        )
        settings = {**self._draft, **settings_of(self._draft)}
        if "day_start" not in self._draft:
            # It goes by the deadline, also by one that is changed in this form.
            del settings["day_start"]
        now = {
            name: {field.key: field.show(settings.get(field.name)) for field in fields}
            for name, fields in sections.items()
        }
        return self.async_show_form(
            step_id="rules",
            data_schema=self.add_suggested_values_to_schema(schema, now if user_input is None else user_input),
            errors=errors,
            description_placeholders=placeholders,
            last_step=True,
        )

    def _mistake(self, chosen: Mapping[str, Any]) -> str | None:
        """Return the error that says what of the choices cannot be, or not together."""
        run, most = chosen["min_run_s"], chosen["max_run_s"]
        if max(run, most or 0.0) > _DAY_S:
            return "run_too_long"
        if most is not None and most < run:
            return "max_run_below_min_run"
        if chosen["deadline"] is not None and not run:
            return "deadline_without_run"
        if chosen["windows"] and windows_length_s(chosen["windows"]) < run:
            return "windows_too_short"
        if chosen["off_share"] > chosen["on_share"]:
            return "off_above_on"
        if chosen[CONF_ALLOWED_ENTITY] is not None and chosen[CONF_ALLOWED_ENTITY] == self._draft.get(CONF_ENTITY):
            return "allowed_by_itself"
        if self._is_ours(chosen[CONF_ALLOWED_ENTITY]):
            return "allowed_by_ours"
        if self._is_ours(chosen[CONF_POWER_ENTITY]):
            return "power_of_meter"
        return None

    def _save(self, chosen: dict[str, Any]) -> SubentryFlowResult:
        """Keep the load, new or changed; the entry's listener sets the meter up anew."""
        entities = {key: chosen.pop(key) for key in (CONF_POWER_ENTITY, CONF_ALLOWED_ENTITY)}
        data = change_settings({**self._draft, **entities}, **chosen)
        data = {key: value for key, value in data.items() if value is not None or key not in entities}
        if self._changed is None:
            return self.async_create_entry(title=self._title, data=data)
        return self.async_update_and_abort(self._get_entry(), self._changed, title=self._title, data=data)

    # --- what is there ------------------------------------------------------------------------------------------------

    def _other_loads(self) -> Iterator[ConfigSubentry]:
        """Yield the loads of all meters, but for the one that is changed."""
        besides = self._reconfigure_subentry_id if self.source == SOURCE_RECONFIGURE else None
        for entry in self.hass.config_entries.async_entries(DOMAIN):
            for load in entry.get_subentries_of_type(SUBENTRY_LOAD):
                if load.subentry_id != besides:
                    yield load

    def _owner(self, entity_id: str) -> str | None:
        """Return the name of the other load that switches this entity, a member of it, or a group that it is in."""
        wanted = _with_members(self.hass, entity_id)
        taken = ((load.data.get(CONF_ENTITY), load.title) for load in self._other_loads())
        owners = (title for other, title in taken if other and wanted & _with_members(self.hass, other))
        return next(owners, None)

    def _ranks(self) -> list[tuple[int, str]]:
        """Return rank and name of the other loads of this meter, the most important first."""
        of_this_meter = self._get_entry().subentries
        return sorted(
            (load.data["rank"], load.title) for load in self._other_loads() if load.subentry_id in of_this_meter
        )

    def _list_of_loads(self) -> str:
        """Return the other loads of this meter, as lines of a text."""
        return "\n".join(f"- {rank}: {title}" for rank, title in self._ranks())

    def _is_ours(self, entity_id: str | None) -> bool:
        """Return whether an entity is one that p1meter makes."""
        entity = er.async_get(self.hass).async_get(entity_id or "")
        return entity is not None and entity.platform == DOMAIN

    async def _async_about(self) -> _About:
        """Return what is known of the meter, and of what the load has already been told of it."""
        entry: P1MeterConfigEntry = self._get_entry()
        memory = await async_memory(self.hass, entry)
        site = site_config(entry.options, memory.profile)
        numbers = {n for n in TARIFFS if slot_id(ELECTRICITY, f"import_tariff_{n}") in memory.slots}
        tariffs: list[SelectOptionDict] = []
        if len(numbers) > 1 or "tariffs" in self._draft:
            words = await async_get_translations(self.hass, self.hass.config.language, "entity", [DOMAIN])
            tariffs = [
                SelectOptionDict(
                    value=str(number),
                    label=words[f"component.{DOMAIN}.entity.sensor.tariff.state.{memory.profile.tariff_name(number)}"],
                )
                for number in sorted(numbers.union(self._draft.get("tariffs") or ()))
            ]
        return _About(
            tariffs=tariffs,
            several_phases="phases" in self._draft or any(slot.key.endswith("_l2") for slot in memory.slots.values()),
            price_unit=f"{self.hass.config.currency}/kWh",
            price_buy="max_price" in self._draft or site.price_buy_entity is not None,
            price_sell="value_per_kwh" in self._draft or site.price_sell_entity is not None,
        )


def _with_members(hass: HomeAssistant, entity_id: str) -> set[str]:
    """Return an entity and, where it is a group, those that it switches."""
    state = hass.states.get(entity_id)
    return {entity_id, *(() if state is None else state.attributes.get(ATTR_ENTITY_ID, ()))}


def _can_be_switched(hass: HomeAssistant, entity_id: str) -> bool:
    """Return whether an entity can be turned on and off; one that is not there at the moment is believed."""
    needed = _SWITCHABLE.get(split_entity_id(entity_id)[0])
    state = hass.states.get(entity_id)
    if needed is None or state is None:
        return needed is not None
    features: int = state.attributes.get(ATTR_SUPPORTED_FEATURES, needed)
    return features & needed == needed


def _chosen(sections: Mapping[str, list[_Field]], form: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings for what stands in the form, by name.

    Raises:
        ValueError: part of the text in the field for time windows is none; the message is that part.
    """
    return {
        field.name: field.read(form[name][field.key]) if field.key in form[name] else field.empty
        for name, fields in sections.items()
        for field in fields
    }
