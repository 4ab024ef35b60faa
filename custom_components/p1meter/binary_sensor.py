"""Binary sensors: what the meter says about itself that is good or bad."""

from typing import TYPE_CHECKING, override

from homeassistant.components.binary_sensor import BinarySensorEntity
from homeassistant.components.binary_sensor.const import BinarySensorDeviceClass
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback

from .entity import SlotEntity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import P1MeterConfigEntry
    from .memory import Slot

PARALLEL_UPDATES = 0

PROBLEM_KEYS = frozenset({"meter_error"})
"""The registers that are a binary sensor, not a sensor: on if any digit of the error code is not zero."""


async def async_setup_entry(
    _hass: HomeAssistant, entry: P1MeterConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add what the meter sends, now and whenever something new comes."""
    coordinator = entry.runtime_data

    @callback
    def add(slots: Iterable[Slot]) -> None:
        async_add_entities(ProblemSensor(coordinator, slot) for slot in slots if slot.key in PROBLEM_KEYS)

    entry.async_on_unload(coordinator.async_listen_for_slots(add))


class ProblemSensor(SlotEntity, BinarySensorEntity):
    """The meter's error register."""

    _attr_device_class = BinarySensorDeviceClass.PROBLEM
    _attr_entity_category = EntityCategory.DIAGNOSTIC

    @property
    @override
    def is_on(self) -> bool | None:
        """Whether the meter reports an error."""
        reading = self.reading
        if reading is None or reading.value is None:
            return None
        return str(reading.value).strip("0") != ""
