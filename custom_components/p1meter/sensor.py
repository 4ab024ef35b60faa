"""Sensors: every value the meter sends, and how the line is."""

from decimal import Decimal
from typing import TYPE_CHECKING, Final, override

from homeassistant.components.sensor import SensorDeviceClass, SensorEntity, SensorStateClass
from homeassistant.components.sensor.const import DEVICE_CLASS_STATE_CLASSES, DEVICE_CLASS_UNITS
from homeassistant.const import EntityCategory, Platform, UnitOfTime
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.device_registry import DeviceInfo

from . import load_sensors, sink_sensors
from .binary_sensor import PROBLEM_KEYS
from .coordinator import LINE_KEYS, READOUT_KEYS, MeterCoordinator, P1MeterConfigEntry
from .devices import identifiers
from .entity import MeterEntity, SlotEntity
from .meter import REGISTERS, Register
from .meter.profiles import dsmr_version
from .meter.registers import options_for, unit_for
from .own import OWN, OwnRegister
from .roles import ELECTRICITY

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .memory import Slot
    from .settings import Settings

PARALLEL_UPDATES = 0

_VERSION: Final = "dsmr_version"
# Home Assistant takes no longer state.
_LONGEST_TEXT: Final = 255

_DEVICE_CLASSES: Final = {
    "energy": SensorDeviceClass.ENERGY,
    "power": SensorDeviceClass.POWER,
    "voltage": SensorDeviceClass.VOLTAGE,
    "current": SensorDeviceClass.CURRENT,
    "frequency": SensorDeviceClass.FREQUENCY,
    "power_factor": SensorDeviceClass.POWER_FACTOR,
    "reactive_energy": SensorDeviceClass.REACTIVE_ENERGY,
    "reactive_power": SensorDeviceClass.REACTIVE_POWER,
    "apparent_power": SensorDeviceClass.APPARENT_POWER,
    "gas": SensorDeviceClass.GAS,
    "water": SensorDeviceClass.WATER,
    "volume": SensorDeviceClass.VOLUME,
    "flow": SensorDeviceClass.VOLUME_FLOW_RATE,
    "temperature": SensorDeviceClass.TEMPERATURE,
    "time": SensorDeviceClass.TIMESTAMP,
    "duration": SensorDeviceClass.DURATION,
}
# What the unit says where THE table does not: a limit in A or kVA, an M-Bus meter of an unusual kind.
_CLASSES_BY_UNIT: Final = (
    SensorDeviceClass.ENERGY,
    SensorDeviceClass.POWER,
    SensorDeviceClass.CURRENT,
    SensorDeviceClass.APPARENT_POWER,
    SensorDeviceClass.REACTIVE_ENERGY,
    SensorDeviceClass.VOLUME,
    SensorDeviceClass.TEMPERATURE,
)
_STATE_CLASSES: Final = {
    "total": SensorStateClass.TOTAL_INCREASING,
    "counter": SensorStateClass.TOTAL_INCREASING,
    "instant": SensorStateClass.MEASUREMENT,
    "peak": SensorStateClass.MEASUREMENT,
}
# Units as meters send them that Home Assistant spells otherwise, or does not have: then with the factor to one it has.
_SPELLINGS: Final = {
    "m3": ("m³", 1),
    "dm3": ("L", 1),
    "dm³": ("L", 1),
    "l": ("L", 1),
    "m3/h": ("m³/h", 1),
    "l/h": ("L/h", 1),
    "kA": ("A", 1000),
    "Mvar": ("kvar", 1000),
    "Mvarh": ("kvarh", 1000),
    "MVA": ("kVA", 1000),
}
# Decimals that are worth showing. What is not here shows what was sent.
_PRECISIONS: Final = {
    "kWh": 3,
    "Wh": 0,
    "MWh": 3,
    "GJ": 3,
    "kW": 3,
    "W": 0,
    "V": 1,
    "mV": 0,
    "A": 2,
    "mA": 0,
    "Hz": 2,
    "kvarh": 3,
    "varh": 0,
    "kvar": 3,
    "var": 0,
    "kVA": 3,
    "VA": 0,
    "m³": 3,
    "L": 0,
    "s": 0,
    "h": 0,
    "°C": 1,
}


# Begins the keys of closing values.
_PAST: Final = "last_month_"


async def async_setup_entry(
    hass: HomeAssistant, entry: P1MeterConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add what the meter sends, now and whenever something new comes."""
    coordinator = entry.runtime_data
    settings = coordinator.settings
    _remove_unwanted(hass, entry, settings)

    @callback
    def add(slots: Iterable[Slot]) -> None:
        async_add_entities(
            (RegisterSensor(coordinator, slot, register) if register else UnknownSensor(coordinator, slot))
            for slot in slots
            if slot.key not in PROBLEM_KEYS and _is_wanted(slot.key, settings)
            for register in (REGISTERS.get(slot.key),)
        )

    entry.async_on_unload(coordinator.async_listen_for_slots(add))
    keys = LINE_KEYS if settings.optical is None else (*LINE_KEYS, *READOUT_KEYS)
    async_add_entities(LineSensor(coordinator, key) for key in keys)
    async_add_entities(OwnSensor(coordinator, register) for register in settings.registers)
    sink_sensors.async_add(hass, entry, async_add_entities)
    await load_sensors.async_add(hass, entry, async_add_entities)


def _is_wanted(key: str, settings: Settings) -> bool:
    """Whether a value becomes a sensor: an optical head gives closing values of past months only who wants them."""
    return settings.optical is None or settings.include_history or not key.startswith(_PAST)


@callback
def _remove_unwanted(hass: HomeAssistant, entry: P1MeterConfigEntry, settings: Settings) -> None:
    """Take sensors away that the person does not want any more."""
    registry = er.async_get(hass)
    start = f"{entry.entry_id}_"
    own = {register.slot_id for register in settings.registers}
    for entity in er.async_entries_for_config_entry(registry, entry.entry_id):
        slot = entity.unique_id.removeprefix(start)
        is_gone = slot.startswith(f"{OWN}_") and slot not in own
        if entity.domain == Platform.SENSOR and (
            is_gone or not _is_wanted(slot.removeprefix(f"{ELECTRICITY}_"), settings)
        ):
            registry.async_remove(entity.entity_id)


def unit_and_factor(unit: str | None) -> tuple[str | None, int]:
    """Return the unit as Home Assistant has it, and what a value in the unit as sent is multiplied by."""
    return (None, 1) if unit is None else _SPELLINGS.get(unit, (unit, 1))


def device_class_for(register: Register, unit: str | None) -> SensorDeviceClass | None:
    """Return the device class of a register whose values come in this unit, spelled as Home Assistant does."""
    if register.role == "enum":
        return SensorDeviceClass.ENUM
    if register.role in {"text", "counter"}:
        return None
    if register.quantity is not None:
        usual = _DEVICE_CLASSES[register.quantity]
        if usual is SensorDeviceClass.TIMESTAMP or unit in DEVICE_CLASS_UNITS[usual]:
            return usual
    # A total in W is no power: better no class than one that Home Assistant does not take with the state class.
    return next(
        (
            kind
            for kind in _CLASSES_BY_UNIT
            if unit in DEVICE_CLASS_UNITS[kind] and _STATE_CLASSES[register.role] in DEVICE_CLASS_STATE_CLASSES[kind]
        ),
        None,
    )


class ReadingSensor(MeterEntity, SensorEntity):
    """A value that the meter sends."""

    @property
    @override
    def native_value(self) -> Decimal | datetime | str | int | None:
        """The text as sent, or the number in a unit that Home Assistant has."""
        reading = self.reading
        if reading is None or reading.value is None:
            return None
        if isinstance(reading.value, Decimal):
            return reading.value * unit_and_factor(reading.unit)[1]
        return str(reading.value)[:_LONGEST_TEXT]

    @property
    @override
    def extra_state_attributes(self) -> dict[str, str] | None:
        """The whole of a text that is too long for a state."""
        reading = self.reading
        if reading is not None and isinstance(reading.value, str) and len(reading.value) > _LONGEST_TEXT:
            return {"text": reading.value}
        return None


class RegisterSensor(SlotEntity, ReadingSensor):
    """A register of THE table."""

    def __init__(self, coordinator: MeterCoordinator, slot: Slot, register: Register) -> None:
        """Show the register of this slot."""
        super().__init__(coordinator, slot)
        self._register = register
        # Whoever has chosen sensors for past months wants to see them.
        is_chosen = coordinator.settings.include_history and slot.key.startswith(_PAST)
        self._attr_entity_registry_enabled_default = is_chosen or (register.enabled and not slot.computed)
        if register.diagnostic:
            self._attr_entity_category = EntityCategory.DIAGNOSTIC
        if register.role == "enum":
            self._attr_options = list(options_for(register, coordinator.memory.profile))
        self._factor = 1
        self._describe(slot.unit)

    @override
    async def async_added_to_hass(self) -> None:
        """Begin with what is known by now."""
        await super().async_added_to_hass()
        self._follow_unit()

    @property
    @override
    def native_value(self) -> Decimal | datetime | str | int | None:
        """The value as sent; in a unit that Home Assistant has."""
        reading = self.reading
        if reading is None:
            return None
        if isinstance(reading.value, Decimal):
            return reading.value * self._factor
        if isinstance(reading.value, str):
            if self._register.role == "enum":
                return reading.value if reading.value in (self.options or ()) else None
            if self._register.key == _VERSION:
                return dsmr_version(reading.value) or reading.value
            return reading.value[:_LONGEST_TEXT]
        return reading.value

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self._follow_unit()
        super()._handle_coordinator_update()

    def _follow_unit(self) -> None:
        """Take on another unit: of another meter, or of the same one after it was reprogrammed."""
        reading = self.reading
        if reading is not None and reading.value is not None and reading.unit != self._slot.unit:
            self._slot = self._slot._replace(unit=reading.unit)
            self._describe(reading.unit)

    def _describe(self, sent: str | None) -> None:
        """Take on what follows from the unit."""
        register = self._register
        unit, self._factor = unit_and_factor(sent or unit_for(register, self.coordinator.memory.profile))
        device_class = device_class_for(register, unit)
        self._attr_device_class = device_class
        self._attr_native_unit_of_measurement = unit
        if device_class not in {SensorDeviceClass.ENUM, SensorDeviceClass.TIMESTAMP} and register.role != "text":
            self._attr_state_class = _STATE_CLASSES[register.role]
            self._attr_suggested_display_precision = _precision(register, unit)


class UnknownSensor(SlotEntity, ReadingSensor):
    """A code that is in no table: shown as it is sent, and nothing is assumed about it."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC
    _attr_entity_registry_enabled_default = False

    @property
    @override
    def native_unit_of_measurement(self) -> str | None:
        """The unit, as long as what is sent is a number."""
        reading = self.reading
        unit = self._slot.unit if reading is None or reading.value is None else reading.unit
        return unit_and_factor(unit)[0]


class LineSensor(MeterEntity, SensorEntity):
    """How the line is: counted and measured by p1meter, also while the meter is silent."""

    _attr_entity_category = EntityCategory.DIAGNOSTIC

    def __init__(self, coordinator: MeterCoordinator, key: str) -> None:
        """Show one of the coordinator's `LINE_KEYS` or `READOUT_KEYS`."""
        super().__init__(coordinator, ELECTRICITY, key)
        self._key = key
        self._attr_translation_key = key
        # The interval cannot be shorter: whoever sets it wants to know.
        self._attr_entity_registry_enabled_default = key == "readout_duration"
        if key.startswith("telegrams_") or key == "readouts_skipped":
            self._attr_state_class = SensorStateClass.TOTAL_INCREASING
        else:
            self._attr_device_class = SensorDeviceClass.DURATION
            self._attr_native_unit_of_measurement = UnitOfTime.SECONDS
            self._attr_state_class = SensorStateClass.MEASUREMENT
            self._attr_suggested_display_precision = 1

    @property
    @override
    def available(self) -> bool:
        """Always: a silent meter is just what they tell about."""
        return True

    @property
    @override
    def native_value(self) -> int | float | None:
        """The number of telegrams since the start, or seconds."""
        return self.coordinator.line_value(self._key)


class OwnSensor(ReadingSensor):
    """A register that the person made."""

    def __init__(self, coordinator: MeterCoordinator, register: OwnRegister) -> None:
        """Show it on the device of the electricity meter, under the name that it was given."""
        super().__init__(coordinator, OWN, register.id)
        self._attr_device_info = DeviceInfo(identifiers=identifiers(coordinator.config_entry.entry_id, ELECTRICITY))
        self._register = register
        self._attr_name = register.name
        if register.device_class is None:
            # For an icon: its name is the person's.
            self._attr_translation_key = "own_register"
        else:
            self._attr_device_class = SensorDeviceClass(register.device_class)
        if register.state_class is not None:
            self._attr_state_class = SensorStateClass(register.state_class)

    @property
    @override
    def native_unit_of_measurement(self) -> str | None:
        """The unit as sent; else the one that the person gave."""
        reading = self.reading
        return unit_and_factor(self._register.unit if reading is None else reading.unit)[0]


def _precision(register: Register, unit: str | None) -> int | None:
    if register.role == "counter":
        return 0
    return 3 if register.quantity == "power_factor" else _PRECISIONS.get(unit or "")
