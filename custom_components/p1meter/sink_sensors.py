"""Sensors that tell how what is kept and shared is doing: one device, the meter's, and only what is switched on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.const import EntityCategory, Platform, UnitOfInformation
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN
from .entity import MeterEntity
from .memory import slot_id
from .roles import ELECTRICITY
from .sinks.journal import JournalSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import MeterCoordinator, P1MeterConfigEntry
    from .sinks import Sink


@dataclass(frozen=True, kw_only=True)
class SinkSensorDescription(SensorEntityDescription):
    """What a sensor tells of a sink.

    Attributes:
        sink: the name of its option.
        value: reads it.
    """

    sink: str
    value: Callable[[Sink], int | None]


def _size(sink: Sink) -> int | None:
    """Return the bytes on the disk; a journal that has none yet was perhaps not looked at yet."""
    return (sink.size or None) if isinstance(sink, JournalSink) else None


def _waiting(name: str) -> SinkSensorDescription:
    return SinkSensorDescription(
        key=f"{name}_waiting",
        sink=name,
        state_class=SensorStateClass.MEASUREMENT,
        value=lambda sink: sink.status.waiting,
    )


def _dropped(name: str) -> SinkSensorDescription:
    return SinkSensorDescription(
        key=f"{name}_dropped",
        sink=name,
        state_class=SensorStateClass.TOTAL_INCREASING,
        value=lambda sink: sink.status.dropped,
    )


DESCRIPTIONS: Final = (
    SinkSensorDescription(
        key="journal_size",
        sink="journal",
        device_class=SensorDeviceClass.DATA_SIZE,
        native_unit_of_measurement=UnitOfInformation.BYTES,
        suggested_unit_of_measurement=UnitOfInformation.MEGABYTES,
        suggested_display_precision=2,
        state_class=SensorStateClass.MEASUREMENT,
        value=_size,
    ),
    _waiting("mqtt"),
    _dropped("mqtt"),
    _waiting("influxdb"),
    _dropped("influxdb"),
)


@callback
def async_add(
    hass: HomeAssistant, entry: P1MeterConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the sensors of what is switched on, and remove those of what is not any more."""
    coordinator = entry.runtime_data
    sinks = coordinator.sinks.sinks
    registry = er.async_get(hass)
    for description in DESCRIPTIONS:
        if description.sink not in sinks:
            unique_id = f"{entry.entry_id}_{slot_id(ELECTRICITY, description.key)}"
            if (entity_id := registry.async_get_entity_id(Platform.SENSOR, DOMAIN, unique_id)) is not None:
                registry.async_remove(entity_id)
    async_add_entities(
        SinkSensor(coordinator, description, sinks[description.sink])
        for description in DESCRIPTIONS
        if description.sink in sinks
    )


class SinkSensor(MeterEntity, SensorEntity):
    """How a sink is doing: written at most once in five minutes, also while the meter is silent."""

    entity_description: SinkSensorDescription
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, coordinator: MeterCoordinator, description: SinkSensorDescription, sink: Sink) -> None:
        """Tell about this sink, which is that of the coordinator."""
        super().__init__(coordinator, ELECTRICITY, description.key)
        self.entity_description = description
        self._attr_translation_key = description.key
        self._sink = sink

    @property
    @override
    def available(self) -> bool:
        """Always: it has nothing to do with the meter."""
        return True

    @property
    @override
    def native_value(self) -> int | None:
        """What it is at this moment, since the start."""
        return self.entity_description.value(self._sink)
