"""What entities of other integrations say to the loads: their own power, whether they may, and what power costs."""

from typing import TYPE_CHECKING, Final

from homeassistant.const import (
    ATTR_UNIT_OF_MEASUREMENT,
    STATE_OFF,
    STATE_ON,
    STATE_UNAVAILABLE,
    STATE_UNKNOWN,
    UnitOfPower,
)
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.util.unit_conversion import PowerConverter

from .loads import LoadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import CALLBACK_TYPE

    from .load_settings import LoadConfig, SiteConfig
    from .outputs import Output

# What a power sensor says is not what the load draws beyond these parts of its nominal power: the sensor counts in
# another unit than it says, or its clamp is on the wrong way round.
_LEAST: Final = -0.1
_MOST: Final = 10.0
# Hundredths of the money that people count in, as units of prices name them.
_HUNDREDTHS: Final = frozenset({"ct", "c", "cent", "cents", "eurocent", "¢", "p", "öre", "øre"})
# What a price is per, where it is not per kWh.
_PER_KILOWATT_HOUR: Final = {"/MWh": 0.001, "/Wh": 1000.0}


class LoadInputs:
    """Holds what is known of each load beside the meter, ready for the next telegram."""

    def __init__(
        self,
        hass: HomeAssistant,
        configs: Mapping[str, LoadConfig],
        site: SiteConfig,
        outputs: Mapping[str, Output],
    ) -> None:
        """Prepare.

        Args:
            hass: whose entities are looked at.
            configs: the loads, by id.
            site: names the prices.
            outputs: say whether the loads are on, by id.
        """
        self._hass = hass
        self.configs = configs
        self._site = site
        self._outputs = outputs
        self._by_load: dict[str, LoadInput] | None = None
        self.price_buy: float | None = None
        """Of a kWh from the grid."""
        self.price_sell: float | None = None
        """Of a kWh to the grid."""

    @property
    def by_load(self) -> Mapping[str, LoadInput]:
        """What is known of each load, by its id. What was once returned does not change."""
        if self._by_load is None:
            self._by_load = {load: self._input(load, config) for load, config in self.configs.items()}
        return self._by_load

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Look at the entities from now on, until what is returned is called."""
        self._read_prices()
        prices = (self._site.price_buy_entity, self._site.price_sell_entity)
        own = (entity for config in self.configs.values() for entity in (config.power_entity, config.allowed_entity))
        entities = dict.fromkeys(entity for entity in (*prices, *own) if entity is not None)
        return async_track_state_change_event(self._hass, list(entities), self._changed)

    @callback
    def changed(self) -> None:
        """Look anew before the next telegram: an output has changed."""
        self._by_load = None

    @callback
    def _changed(self, _event: Event[EventStateChangedData]) -> None:
        self._by_load = None
        self._read_prices()

    def _read_prices(self) -> None:
        self.price_buy = _price(self._state(self._site.price_buy_entity))
        self.price_sell = _price(self._state(self._site.price_sell_entity))

    def _input(self, load: str, config: LoadConfig) -> LoadInput:
        on = self._outputs[load].on
        power_w = _watts(self._state(config.power_entity))
        if power_w is not None and not _LEAST <= power_w / config.settings.power_w <= _MOST:
            power_w = None
        return LoadInput(on, power_w, self._is_allowed(config.allowed_entity, on=on))

    def _is_allowed(self, entity_id: str | None, *, on: bool | None) -> bool:
        if entity_id is None:
            return True
        state = self._state(entity_id)
        if state is None or state.state not in {STATE_ON, STATE_OFF}:
            # Nobody knows: nothing is started on that, and nothing that runs is ended.
            return on is True
        return state.state == STATE_ON

    def _state(self, entity_id: str | None) -> State | None:
        return None if entity_id is None else self._hass.states.get(entity_id)


def _number(state: State | None) -> float | None:
    if state is None or state.state in {STATE_UNAVAILABLE, STATE_UNKNOWN}:
        return None
    try:
        number = float(state.state)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _watts(state: State | None) -> float | None:
    number = _number(state)
    if number is None or state is None:
        return None
    unit = state.attributes.get(ATTR_UNIT_OF_MEASUREMENT)
    return PowerConverter.convert(number, unit, UnitOfPower.WATT) if unit in PowerConverter.VALID_UNITS else number


def _price(state: State | None) -> float | None:
    """Return a price per kWh, in the money of the sensor: euros where it counts in cents."""
    number = _number(state)
    if number is None or state is None:
        return None
    unit = str(state.attributes.get(ATTR_UNIT_OF_MEASUREMENT, ""))
    money = 0.01 if unit.partition("/")[0].strip().lower() in _HUNDREDTHS else 1.0
    return number * money * next((factor for per, factor in _PER_KILOWATT_HOUR.items() if unit.endswith(per)), 1.0)
