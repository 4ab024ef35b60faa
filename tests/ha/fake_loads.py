"""Loads of a meter, and a manager of them that shows what a test wants shown and remembers what it was asked for."""

from dataclasses import replace
from datetime import date, time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from homeassistant.config_entries import ConfigSubentry

from custom_components.p1meter.const import SUBENTRY_LOAD
from custom_components.p1meter.load_settings import load_config
from custom_components.p1meter.loads import Activity, LoadView, Mode, Reason, SiteView

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from homeassistant.core import CALLBACK_TYPE, HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.p1meter.coordinator import MeterCoordinator
    from custom_components.p1meter.load_manager import LoadManager, ProtectionEvent

BOILER = "01BOILER"
PUMP = "01PUMP"
# Before the first telegram.
NOTHING_KNOWN = LoadView(
    on=None,
    activity=Activity.UNKNOWN,
    reason=Reason.STARTING_UP,
    detail={},
    power_w=0.0,
    learned_w=2000.0,
    phases=None,
    run_s=0.0,
    starts=0,
    sun_wh=0.0,
    grid_wh=0.0,
    override=None,
    override_until=None,
    day=date.min,
    day_began=time(4),
)
# A boiler at half past three: two starts, one and a half hour, 2.5 kWh from the sun and 0.434 kWh from the grid.
RUNS = replace(
    NOTHING_KNOWN,
    on=True,
    activity=Activity.ACTIVE,
    reason=Reason.SUN,
    detail={"share": 0.804},
    power_w=1953.7,
    run_s=5400.4,
    starts=2,
    sun_wh=2500.2,
    grid_wh=434.1,
    day=date(2026, 11, 21),
)
SITE_WAITS = SiteView(
    mode=Mode.WAITING,
    surplus_w=None,
    target_w=None,
    forecast_w=None,
    headroom_w=None,
    phase_headroom_a=(None, None, None),
    alarms=frozenset(),
)
SITE_CONTROLS = SiteView(
    mode=Mode.CONTROLLING,
    surplus_w=1612.6,
    target_w=2500.0,
    forecast_w=812.4,
    headroom_w=1687.6,
    phase_headroom_a=(15.31, 20.0, None),
    alarms=frozenset(),
)


def add_load(hass: HomeAssistant, entry: MockConfigEntry, load: str, title: str, data: dict[str, Any]) -> None:
    """Add a load, as its dialog does."""
    subentry = ConfigSubentry(
        data=MappingProxyType(data), subentry_type=SUBENTRY_LOAD, title=title, unique_id=None, subentry_id=load
    )
    hass.config_entries.async_add_subentry(entry, subentry)


def add_loads(hass: HomeAssistant, entry: MockConfigEntry, **more: float) -> None:
    """Add a boiler and a pump on helpers of Home Assistant."""
    for rank, (load, name, power) in enumerate([(BOILER, "boiler", 2000.0), (PUMP, "pump", 1000.0)], 1):
        relay = {"kind": "relay", "entity_id": f"input_boolean.{name}", "power_w": power, "rank": rank}
        add_load(hass, entry, load, name.capitalize(), {**relay, **more})


class FakeManager:
    """In the place of `LoadManager`."""

    def __init__(self, entry: MockConfigEntry) -> None:
        self.configs = {load: load_config(subentry) for load, subentry in entry.subentries.items()}
        self.views = dict.fromkeys(self.configs, NOTHING_KNOWN)
        self.site = SITE_WAITS
        self.enabled = True
        self.overrides: list[tuple[str, bool | None, datetime | None]] = []
        self.changes: list[tuple[str, dict[str, Any]]] = []
        self._listeners: list[tuple[CALLBACK_TYPE, str | None]] = []
        self._event_listeners: list[Callable[[ProtectionEvent], None]] = []

    async def async_stand_in(self, _hass: HomeAssistant, coordinator: MeterCoordinator, _store: object) -> None:
        """Be the manager of a meter; in the place of `async_start_loads`."""
        coordinator.loads = cast("LoadManager", self)

    def feed(self, *_: object) -> None: ...

    def view(self, load: str) -> LoadView:
        return self.views[load]

    def site_view(self) -> SiteView:
        return self.site

    def fault(self, load: str) -> str | None:
        return "entity" if self.views[load].activity is Activity.FAULT else None

    def async_add_listener(self, update: CALLBACK_TYPE, load: str | None) -> CALLBACK_TYPE:
        self._listeners.append((update, load))
        return lambda: self._listeners.remove((update, load))

    def async_listen_for_events(self, listener: Callable[[ProtectionEvent], None]) -> CALLBACK_TYPE:
        self._event_listeners.append(listener)
        return lambda: self._event_listeners.remove(listener)

    def async_override(self, load: str, on: bool | None, until: datetime | None = None) -> None:  # noqa: FBT001 (as it is)
        self.overrides.append((load, on, until))

    def async_enable(self, on: bool) -> None:  # noqa: FBT001 (as it is)
        self.enabled = on
        self.show_site(self.site)

    def async_change(self, load: str, **settings: Any) -> None:
        self.changes.append((load, settings))
        config = self.configs[load]
        self.configs[load] = replace(config, settings=replace(config.settings, **settings))

    @property
    def is_alone(self) -> bool:
        """Whether nobody listens any more."""
        return not self._listeners and not self._event_listeners

    def show(self, load: str, view: LoadView) -> None:
        """Show this of a load."""
        self.views[load] = view
        self._call(load)

    def show_site(self, view: SiteView) -> None:
        """Show this of the connection."""
        self.site = view
        self._call(None)

    def tell(self, event: ProtectionEvent) -> None:
        """Tell what happened."""
        for listener in self._event_listeners:
            listener(event)

    def _call(self, load: str | None) -> None:
        for update, concerned in list(self._listeners):
            if concerned == load:
                update()
