"""Numbers: the settings of a load that are tried out rather than chosen once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, override

from homeassistant.components.number import NumberDeviceClass, NumberEntity, NumberEntityDescription, NumberMode
from homeassistant.const import EntityCategory, UnitOfPower, UnitOfTime

from .load_entity import LoadEntity, async_add_loads

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

    from .coordinator import P1MeterConfigEntry

PARALLEL_UPDATES = 0


@dataclass(frozen=True, kw_only=True)
class SettingDescription(NumberEntityDescription):
    """A setting of a load; its key is the name in `LoadSettings`.

    Attributes:
        factor: what a number that is shown is multiplied by.
        whole: whether the setting counts something.
    """

    factor: float = 1.0
    whole: bool = False


_NUMBERS = (
    SettingDescription(
        key="power_w",
        translation_key="load_power_w",
        device_class=NumberDeviceClass.POWER,
        native_unit_of_measurement=UnitOfPower.WATT,
        native_min_value=10,
        native_max_value=30000,
        native_step=1,
    ),
    *(
        SettingDescription(
            key=key,
            translation_key=f"load_{key}",
            device_class=NumberDeviceClass.DURATION,
            native_unit_of_measurement=UnitOfTime.MINUTES,
            native_min_value=0,
            native_max_value=120,
            native_step=0.5,
            factor=60.0,
        )
        for key in ("min_on_s", "min_off_s")
    ),
    SettingDescription(
        key="rank",
        translation_key="load_rank",
        native_min_value=1,
        native_max_value=99,
        native_step=1,
        whole=True,
    ),
)


async def async_setup_entry(
    _hass: HomeAssistant, entry: P1MeterConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add them for each load."""
    async_add_loads(
        entry,
        async_add_entities,
        lambda loads, load: [SettingNumber(entry, loads, load, description) for description in _NUMBERS],
    )


class SettingNumber(LoadEntity, NumberEntity):
    """A setting of the load, changed while it runs."""

    entity_description: SettingDescription
    _attr_entity_category = EntityCategory.CONFIG
    _attr_mode = NumberMode.BOX

    @property
    @override
    def native_value(self) -> float:
        """The setting as it is."""
        about = self.entity_description
        setting: float = getattr(self.loads.configs[self._load].settings, about.key)
        return int(setting) if about.whole else setting / about.factor

    @override
    async def async_set_native_value(self, value: float) -> None:
        """Change the setting."""
        about = self.entity_description
        setting = int(value) if about.whole else value * about.factor
        self.loads.async_change(self._load, **{about.key: setting})
        self.async_write_ha_state()
