"""Sensors of the loads, and of the connection that they share."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import UnitOfElectricCurrent, UnitOfEnergy, UnitOfPower, UnitOfTime
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util

from .const import DOMAIN
from .load_entity import LoadEntity, SiteEntity, async_add_loads, async_remove_site
from .load_words import GROUP, TARIFF, sentence
from .loads import FOREVER, Activity, LoadView, Mode, SiteView
from .words import async_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import P1MeterConfigEntry
    from .load_manager import LoadManager


@dataclass(frozen=True, kw_only=True)
class LoadSensorDescription(SensorEntityDescription):
    """A sensor of one load."""

    value_fn: Callable[[LoadView], datetime | str | float | None]


@dataclass(frozen=True, kw_only=True)
class SiteSensorDescription(SensorEntityDescription):
    """A sensor of the connection."""

    value_fn: Callable[[SiteView], str | float | None]


def _watts(value: float | None) -> int | None:
    return None if value is None else round(value)


def _phase_headroom(phase: int) -> SiteSensorDescription:
    def headroom(view: SiteView) -> float | None:
        value = view.phase_headroom_a[phase - 1]
        return None if value is None else round(value, 1)

    return SiteSensorDescription(
        key=f"headroom_l{phase}",
        translation_key="loads_headroom_phase",
        translation_placeholders={"phase": str(phase)},
        device_class=SensorDeviceClass.CURRENT,
        native_unit_of_measurement=UnitOfElectricCurrent.AMPERE,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=1,
        entity_registry_enabled_default=False,
        value_fn=headroom,
    )


_REASON: Final = SensorEntityDescription(key="reason", translation_key="load_reason")

_SENSORS: Final = (
    LoadSensorDescription(
        key="activity",
        translation_key="load_activity",
        device_class=SensorDeviceClass.ENUM,
        options=[activity for activity in Activity if activity is not Activity.UNKNOWN],
        value_fn=lambda view: None if view.activity is Activity.UNKNOWN else view.activity,
    ),
    LoadSensorDescription(
        key="power",
        translation_key="load_power",
        device_class=SensorDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        value_fn=lambda view: None if view.activity is Activity.UNKNOWN else round(view.power_w),
    ),
    LoadSensorDescription(
        key="override_until",
        translation_key="load_override_until",
        device_class=SensorDeviceClass.TIMESTAMP,
        value_fn=lambda view: None if view.override_until == FOREVER else view.override_until,
    ),
)

# What begins anew with each of the load's days. Not "total increasing": after a stop of some days, or of minutes around
# the turn of the day, the first value of the new day may be near or above the last one of the old.
_TODAY: Final = (
    LoadSensorDescription(
        key="run_time",
        translation_key="load_run_time",
        device_class=SensorDeviceClass.DURATION,
        native_unit_of_measurement=UnitOfTime.SECONDS,
        suggested_unit_of_measurement=UnitOfTime.MINUTES,
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=0,
        # Whole tenths of a minute, for that is the unit in which it is kept.
        value_fn=lambda view: round(view.run_s / 6) * 6,
    ),
    LoadSensorDescription(
        key="starts",
        translation_key="load_starts",
        state_class=SensorStateClass.TOTAL,
        suggested_display_precision=0,
        value_fn=lambda view: view.starts,
    ),
    *(
        LoadSensorDescription(
            key=key,
            translation_key=f"load_{key}",
            device_class=SensorDeviceClass.ENERGY,
            native_unit_of_measurement=UnitOfEnergy.WATT_HOUR,
            suggested_unit_of_measurement=UnitOfEnergy.KILO_WATT_HOUR,
            state_class=SensorStateClass.TOTAL,
            suggested_display_precision=2,
            value_fn=value_fn,
        )
        for key, value_fn in (
            # All of it: this is what the Energy dashboard takes as an individual device.
            ("energy", lambda view: round(view.sun_wh + view.grid_wh)),
            ("energy_sun", lambda view: round(view.sun_wh)),
            ("energy_grid", lambda view: round(view.grid_wh)),
        )
    ),
)

_MODE: Final = SiteSensorDescription(
    key="mode",
    translation_key="loads_mode",
    device_class=SensorDeviceClass.ENUM,
    options=list(Mode),
    value_fn=lambda view: view.mode,
)
# Each is there as soon as it has a value: not every connection has a demand limit, a fuse or three phases.
_MEASURED: Final = (
    *(
        SiteSensorDescription(
            key=key,
            translation_key=f"loads_{key}",
            device_class=SensorDeviceClass.POWER,
            native_unit_of_measurement=UnitOfPower.WATT,
            state_class=SensorStateClass.MEASUREMENT,
            suggested_display_precision=0,
            value_fn=value_fn,
        )
        for key, value_fn in (
            ("surplus", lambda view: _watts(view.surplus_w)),
            ("demand_forecast", lambda view: _watts(view.forecast_w)),
            ("demand_headroom", lambda view: _watts(view.headroom_w)),
        )
    ),
    *(_phase_headroom(phase) for phase in (1, 2, 3)),
)


_OF_DEMAND: Final = ("demand_forecast", "demand_headroom")


async def async_add(
    hass: HomeAssistant, entry: P1MeterConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of each load, and what is known of the connection, now or later."""
    if (loads := entry.runtime_data.loads) is None:
        async_remove_site(hass, entry)
        return
    if entry.options.get("demand") == "off":
        # There may have been a limit until now.
        async_remove_site(hass, entry, *_OF_DEMAND)
    words = {**await async_words(hass, GROUP), **await _async_tariffs(hass, entry)}
    async_add_loads(
        entry,
        async_add_entities,
        lambda loads, load: (
            ReasonSensor(entry, loads, load, words),
            *(LoadSensor(entry, loads, load, description) for description in _SENSORS),
            *(DaySensor(entry, loads, load, description) for description in _TODAY),
        ),
    )
    async_add_entities([SiteSensor(entry, loads, _MODE)])
    missing = list(_MEASURED)

    @callback
    def add_known() -> None:
        view = loads.site_view()
        known = [description for description in missing if description.value_fn(view) is not None]
        for description in known:
            missing.remove(description)
        async_add_entities(MeasuredSensor(entry, loads, description) for description in known)

    add_known()
    entry.async_on_unload(loads.async_add_listener(add_known, None))


async def _async_tariffs(hass: HomeAssistant, entry: P1MeterConfigEntry) -> dict[str, str]:
    """Return what people call the tariffs of their meter, by the keys that a reason knows them by."""
    texts = await async_get_translations(hass, hass.config.language, "entity", [DOMAIN])
    start = f"component.{DOMAIN}.entity.sensor.tariff.state."
    words = entry.runtime_data.memory.profile.tariff_words
    return {f"{TARIFF}{number}": texts[f"{start}{word}"] for number, word in enumerate(words, 1)}


class ReasonSensor(LoadEntity, SensorEntity):
    """Why the load is as it is, in the language of this home."""

    def __init__(self, entry: P1MeterConfigEntry, loads: LoadManager, load: str, words: Mapping[str, str]) -> None:
        """Say it in these words."""
        super().__init__(entry, loads, load, _REASON)
        self._words = words

    @property
    @override
    def native_value(self) -> str:
        """A sentence."""
        view = self.view
        return sentence(self._words, view.reason, view.detail)

    @property
    @override
    def extra_state_attributes(self) -> dict[str, str]:
        """The reason itself, for automations: it is the same in every language."""
        return {"code": self.view.reason}


class LoadSensor(LoadEntity, SensorEntity):
    """What a load does now."""

    entity_description: LoadSensorDescription

    @property
    @override
    def native_value(self) -> datetime | str | float | None:
        """The value of now."""
        return self.entity_description.value_fn(self.view)


class DaySensor(LoadSensor):
    """What a load did in its day."""

    @property
    @override
    def native_value(self) -> datetime | str | float | None:
        """The value since the day began; None before it is known which day it is."""
        return None if self.view.day == date.min else super().native_value

    @property
    @override
    def last_reset(self) -> datetime | None:
        """When the load's day began."""
        view = self.view
        if view.day == date.min:
            return None
        return datetime.combine(view.day, view.day_began, dt_util.get_default_time_zone())


class SiteSensor(SiteEntity, SensorEntity):
    """What the controller does."""

    entity_description: SiteSensorDescription

    @property
    @override
    def native_value(self) -> str | float | None:
        """The value of now."""
        return self.entity_description.value_fn(self.view)


class MeasuredSensor(SiteSensor):
    """What follows from the telegrams."""

    @property
    @override
    def available(self) -> bool:
        """Whether there are any."""
        return self.view.mode is not Mode.STALE
