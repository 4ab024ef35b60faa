"""What all entities have in common."""

from typing import override

from homeassistant.helpers.device_registry import DeviceInfo
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .coordinator import MeterCoordinator
from .devices import identifiers
from .memory import Slot, slot_id
from .meter import REGISTERS, Reading
from .meter.registers import name_for


class MeterEntity(CoordinatorEntity[MeterCoordinator]):
    """An entity on the device of a role, called when its slot is due."""

    _attr_has_entity_name = True

    def __init__(self, coordinator: MeterCoordinator, role: str, key: str) -> None:
        """Listen for the slot of this key of this role."""
        self._slot_id = slot_id(role, key)
        super().__init__(coordinator, context=(self._slot_id,))
        entry_id = coordinator.config_entry.entry_id
        self._attr_unique_id = f"{entry_id}_{self._slot_id}"
        # The devices are registered before the entities: this only says which one it is.
        self._attr_device_info = DeviceInfo(identifiers=identifiers(entry_id, role))

    @property
    def reading(self) -> Reading | None:
        """What the meter sent last; None where the newest telegram does not have it."""
        return self.coordinator.readings.get(self._slot_id)


class SlotEntity(MeterEntity):
    """An entity that shows what a meter sends."""

    def __init__(self, coordinator: MeterCoordinator, slot: Slot) -> None:
        """Take the name from THE table; a code that is not in it is its own name."""
        super().__init__(coordinator, slot.role, slot.key)
        self._slot = slot
        if (register := REGISTERS.get(slot.key)) is None:
            self._attr_translation_key = "unknown_code"
            self._attr_translation_placeholders = {"code": slot.key}
        else:
            self._attr_translation_key = name_for(register, coordinator.memory.profile)
            self._attr_translation_placeholders = dict(register.placeholders)

    @property
    @override
    def available(self) -> bool:
        """Whether the meter speaks, and whether it is the meter whose totals these are."""
        return super().available and not self.coordinator.is_doubtful(self._slot)
