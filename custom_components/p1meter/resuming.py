"""Lets the sums of all totals go on after a time in which the recorder had nothing of them.

A total of which nothing was heard for as long as the recorder keeps rows of five minutes would begin at zero again
(`continuing.async_resume`): the meter was silent, another one answered, a meter on the M-Bus was away, a sensor or the
whole entry was disabled, or Home Assistant was off.
"""

from typing import TYPE_CHECKING, Final

from homeassistant.components.recorder.const import DOMAIN as RECORDER
from homeassistant.const import Platform
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_call_later
from homeassistant.util import dt as dt_util

from .continuing import async_resume
from .joint import PERIOD
from .meter import REGISTERS
from .recorded import costs_of, sensor_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from .coordinator import P1MeterConfigEntry
    from .memory import Slot

# The recorder begins to sum up five minutes so long after they are over (s).
_SUMS_UP_AFTER: Final = 10


@callback
def async_keep(hass: HomeAssistant, entry: P1MeterConfigEntry) -> None:
    """Let the sums go on now, and whenever a total is heard that was not heard before, until unloading."""
    if RECORDER in hass.config.components:
        _Keeper(hass, entry).start()


class _Keeper:
    """Looks after the totals of one config entry."""

    def __init__(self, hass: HomeAssistant, entry: P1MeterConfigEntry) -> None:
        self._hass = hass
        self._entry = entry
        self._meter = entry.runtime_data
        # By id; a register of a person's own has none.
        self._watched: dict[str, Slot | None] = {}
        self._heard: set[str] = set()
        self._cancel: CALLBACK_TYPE | None = None

    @callback
    def start(self) -> None:
        """Begin to listen."""
        self._watch({register.slot_id: None for register in self._meter.settings.registers})
        self._entry.async_on_unload(self._meter.async_listen_for_slots(self._watch_totals))
        self._entry.async_on_unload(self._end)
        self._heard = self._heard_now()
        self._resume_twice()

    @callback
    def _watch_totals(self, slots: Iterable[Slot]) -> None:
        self._watch(
            {
                slot.id: slot
                for slot in slots
                if (register := REGISTERS.get(slot.key)) is not None and register.role == "total"
            }
        )

    @callback
    def _watch(self, slots: dict[str, Slot | None]) -> None:
        """Look whenever one of these is to be written, and when all of them come or go."""
        # What was forgotten with its device comes as new once more; nobody may listen twice for the same.
        new = slots.keys() - self._watched.keys()
        self._watched |= slots
        if new:
            self._entry.async_on_unload(self._meter.async_add_listener(self._look, tuple(new)))

    @callback
    def _look(self) -> None:
        before, self._heard = self._heard, self._heard_now()
        if self._heard - before:
            self._resume_twice()

    def _heard_now(self) -> set[str]:
        """Return the totals of which the recorder gets a number."""
        meter = self._meter
        if not meter.last_update_success:
            return set()
        return {
            name
            for name, slot in self._watched.items()
            if (reading := meter.readings.get(name)) is not None
            and reading.value is not None
            and (slot is None or not meter.is_doubtful(slot))
        }

    def _resume_twice(self) -> None:
        """Let the sums go on, and once more before they are summed up: a purge may come in between."""
        self._resume()
        self._end()
        now = dt_util.utcnow().timestamp()
        self._cancel = async_call_later(self._hass, PERIOD - (now - _SUMS_UP_AFTER / 2) % PERIOD, self._resume_again)

    @callback
    def _resume_again(self, _now: datetime) -> None:
        self._cancel = None
        self._resume()

    def _resume(self) -> None:
        """Let the sums of all our sensors go on, and of what the Energy dashboard counts for them."""
        hass, entry_id = self._hass, self._entry.entry_id
        registry = er.async_get(hass)
        ours = [
            entity
            for entity in er.async_entries_for_config_entry(registry, entry_id)
            if entity.domain == Platform.SENSOR and not entity.disabled
        ]
        # Their hours are from files, and the recorder's first row is waited for: its sum is put right then.
        waiting = {
            entity.entity_id
            for seam in self._meter.memory.seams
            if seam.first is None and (entity := sensor_of(hass, entry_id, seam.slot)) is not None
        }
        async_resume(hass, {entity.entity_id for entity in ours}.union(costs_of(hass, *ours)) - waiting)

    @callback
    def _end(self) -> None:
        """Let go of what is to be done later."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None
