"""Feeds telegrams to the control law, does what it says, and tells what is worth showing of it."""

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
import logging
import math
from typing import TYPE_CHECKING, Any, Final, Literal

from homeassistant.const import EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CALLBACK_TYPE, CoreState, Event, HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import async_track_time_interval
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey

from .const import SUBENTRY_LOAD
from .load_inputs import LoadInputs
from .load_reporting import LoadReporter, SiteReporter
from .load_settings import EntitySettings, LoadConfig, change_settings, load_config, site_config
from .loads import PROTECTING, Activity, Alarm, Controller, Detail, LoadView, Site, SiteView
from .outputs import EntityOutput, GpioOutput, Output
from .sampling import MeterClock, fuse, later, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from .coordinator import MeterCoordinator
    from .load_settings import GpioSettings
    from .loads import Command
    from .meter import Telegram
    from .store import MeterStore

_LOGGER = logging.getLogger(f"{__package__}.loads")

# Seconds between two looks at the clock while no telegram comes.
_TICK: Final = 1.0
# Telegrams are taken to come so often (s) until that was measured: the slowest P1 ports do.
_ASSUMED_PERIOD: Final = 10.0
_MARK: Final = 300
# Between two looks whether the entities are there still.
_ENTITIES_PAUSE: Final = timedelta(minutes=1)
# A law that fails is put into the log so often (s).
_COMPLAINT_PAUSE: Final = 3600.0

type ProtectionKind = Literal["fuse", "demand", "stale", "alarm_started", "alarm_ended"]
"""What a protection event may be: a load was switched for one of three reasons, or an alarm began or ended."""


@dataclass(frozen=True, slots=True)
class ProtectionEvent:
    """Something was done, or has to be known, to protect the connection.

    Attributes:
        kind: what happened.
        title: name of the load that was switched; "" for an alarm.
        alarm: which alarm; None for a load.
        facts: the numbers behind the reason; see `loads.Reason`.
    """

    kind: ProtectionKind
    title: str = ""
    alarm: Alarm | None = None
    facts: Detail = field(default_factory=dict)


class LoadManager:
    """The loads of one meter.

    Attributes:
        configs: what the person chose, by subentry id.
        controller: the law.
    """

    def __init__(self, hass: HomeAssistant, coordinator: MeterCoordinator, store: MeterStore) -> None:
        """Prepare; nothing is switched before `async_start`."""
        self._hass = hass
        self._coordinator = coordinator
        self._entry = coordinator.config_entry
        self._store = store
        self._issues = coordinator.issues
        self.configs: Mapping[str, LoadConfig] = {
            subentry.subentry_id: load_config(subentry)
            for subentry in self._entry.get_subentries_of_type(SUBENTRY_LOAD)
        }
        self._site = site_config(self._entry.options, coordinator.memory.profile)
        self._fuse: float | None = None
        self._pace = self._measured_pace()
        kept = store.memory.loads
        self.controller = Controller(
            [config.settings for config in self.configs.values()], self._new_site(), kept.get("law")
        )
        self.controller.enabled = kept.get("enabled", True)
        self._outputs = {load: self._make_output(load, config) for load, config in self.configs.items()}
        self._inputs = LoadInputs(hass, self.configs, self._site, self._outputs)
        now = self._now()
        self._reporters = {load: LoadReporter(self.controller.view(load), now) for load in self.configs}
        self._site_reporter = SiteReporter(self.controller.site_view(), now)
        self._listeners: dict[str | None, dict[CALLBACK_TYPE, None]] = {}
        self._event_listeners: list[Callable[[ProtectionEvent], None]] = []
        self._alarms: frozenset[Alarm] = frozenset()
        self._told_faults: dict[str, str] = {}
        # By load, the entities that were not there at the last look.
        self._gone: dict[str, tuple[str, ...]] = {}
        self._clock = MeterClock()
        # The newest telegram: the monotonic clock at its reception, and the meter's time.
        self._heard = -math.inf
        self._wall: datetime | None = None
        # How far the meter's clock is ahead of ours: its time is known before its first telegram.
        self._ahead = timedelta(seconds=kept.get("ahead_s", 0.0))
        self._mark = 0.0
        self._complained = -math.inf
        self._running = False
        self._timer: asyncio.TimerHandle | None = None
        self._removers: list[CALLBACK_TYPE] = []

    # --- life ---------------------------------------------------------------------------------------------------------

    async def async_start(self) -> None:
        """Take the outputs up as they are; the law decides after the first good telegrams."""
        await _async_relieve(self._hass, self._entry.entry_id, self.configs)
        self._running = True
        self._store.read_loads = self._state
        for output in self._outputs.values():
            output.async_start()
        self._removers.append(self._inputs.async_start())
        self._removers.append(self._hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, self._at_stop))
        self._removers.append(
            async_track_time_interval(self._hass, self._look_for_entities, _ENTITIES_PAUSE, cancel_on_shutdown=True)
        )
        self._timer = self._hass.loop.call_later(_TICK, self._tick)

    async def async_stop(self) -> None:
        """Let go: before a reload the outputs stay as they are, for good they go to their safe states.

        Should nobody take them up again before data would be stale, they go to their safe states all the same.
        """
        if not self._running:
            return
        self._end()
        for output in self._outputs.values():
            output.async_stop()
        if self._entry.disabled_by is not None:
            await self._async_release(self.configs)
        elif not self._hass.is_stopping:
            self._hass.data.setdefault(LEFT_ALONE, {})[self._entry.entry_id] = self
            self._removers.append(self._hass.bus.async_listen(EVENT_HOMEASSISTANT_STOP, self._at_stop))
            if self.controller.enabled:
                self._timer = self._hass.loop.call_later(self._coordinator.silent_after, self._make_safe)

    async def async_relieve(self, taken_up: Mapping[str, LoadConfig]) -> None:
        """Be relieved by another manager, which takes up these loads; free the outputs that are none of theirs."""
        self._remove()
        await self._async_release(
            load
            for load, config in self.configs.items()
            if load not in taken_up or not _goes_on(config.output, taken_up[load].output)
        )

    @callback
    def _end(self) -> None:
        """Decide nothing any more."""
        self._running = False
        self._store.memory.loads = self._state()
        self._store.read_loads = None
        self._remove()

    @callback
    def _remove(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._removers:
            self._removers.pop()()

    @callback
    def _at_stop(self, _event: Event) -> None:
        """Put the lines into their safe states: Home Assistant stops, and unloads nothing. Entities are not ours."""
        if self._timer is not None:
            self._timer.cancel()
        if self._running:
            self._running = False
            self._store.async_save_soon()
        lines = [load for load, output in self._outputs.items() if isinstance(output, GpioOutput)]
        for load in lines:
            self._outputs[load].async_stop()
            if (last := self._last_state(load, at_stop=True)) is not None:
                self._outputs[load].set(last)
        self._hass.async_create_task(self._async_release(lines, at_stop=True), "p1meter releases its lines")

    @callback
    def _make_safe(self) -> None:
        """Nobody decides any more: as if the meter were silent."""
        self._timer = None
        for load, config in self.configs.items():
            hand = self.controller.view(load).override
            if not (config.settings.run_when_blind and hand):
                # What a person has switched off stays off.
                self._outputs[load].set(config.settings.safe_on and hand is not False)

    async def _async_release(self, loads: Iterable[str], *, at_stop: bool = False) -> None:
        await asyncio.gather(
            *(self._outputs[load].async_release(last=self._last_state(load, at_stop=at_stop)) for load in loads)
        )

    def _last_state(self, load: str, *, at_stop: bool) -> bool | None:
        """Return the state in which a load is left, because Home Assistant stops or for good; None: as it is."""
        config = self.configs[load]
        if isinstance(config.output, EntitySettings):
            # What a person has switched is theirs.
            view = self.controller.view(load)
            return None if view.override is not None or not self.controller.enabled else config.settings.safe_on
        return None if at_stop and config.output.keep_at_stop else config.settings.safe_on

    def _make_output(self, load: str, config: LoadConfig) -> Output:
        changed = partial(self._output_changed, load)
        if isinstance(config.output, EntitySettings):
            return EntityOutput(self._hass, config.output, on_change=changed, on_hand=partial(self._hand, load))
        return GpioOutput(
            self._hass,
            self._entry,
            load,
            config.title,
            config.output,
            safe=config.settings.safe_on,
            on_change=changed,
        )

    # --- telegrams, and their absence ---------------------------------------------------------------------------------

    @callback
    def feed(self, telegram: Telegram, wall: datetime) -> None:
        """Decide on a telegram of our own meter, and switch, before anything else is done with it.

        Args:
            telegram: the newest one.
            wall: the time at its reception, aware.
        """
        if self._running:
            with self._watched():
                self._use(telegram, wall)

    def _use(self, telegram: Telegram, wall: datetime) -> None:
        at = telegram.received_at
        now = self._now() if at is None else at.monotonic
        inputs = self._inputs
        taken = sample(
            telegram,
            now,
            self._clock.read(telegram.time, now, dt_util.as_local(wall)),
            inputs.by_load,
            price_buy=inputs.price_buy,
            price_sell=inputs.price_sell,
        )
        if taken is None:
            return
        self._heard, self._wall, self._ahead = now, taken.wall, taken.wall - wall
        self._switch(self.controller.step(taken))
        self._look_at_site(fuse(telegram))
        mark = self._is_mark(wall)
        self._report(now, mark=mark)
        if mark:
            self._store.async_save_later()

    @callback
    def _tick(self) -> None:
        self._timer = self._hass.loop.call_later(_TICK, self._tick)
        now = self._now()
        if now - self._heard >= _TICK:
            self._look(now)

    @callback
    def _look(self, now: float) -> None:
        """Let the law look at the clock, and at what a person wants."""
        if self._running:
            with self._watched():
                self._switch(self.controller.tick(now, self._time(now), self._inputs.by_load))
                self._report(now, mark=False)

    def _now(self) -> float:
        """Return the clock that telegrams are stamped with at their reception, s."""
        return self._hass.loop.time()

    def _time(self, now: float) -> datetime:
        """Return the time by the meter's clock, in the home's zone."""
        if self._wall is None:
            return dt_util.as_local(dt_util.utcnow() + self._ahead)
        return dt_util.as_local(later(self._wall, now - self._heard))

    @contextmanager
    def _watched(self) -> Generator[None]:
        """While this lasts, what goes wrong is treated as a meter that is silent; the meter is read all the same."""
        try:
            yield
        except Exception as err:  # noqa: BLE001 (whatever the reason, nothing may go on unwatched)
            self._failed(err)

    @callback
    def _switch(self, commands: list[Command]) -> None:
        """Do what the law says."""
        if not commands:
            return
        # Lines first: what an entity's integration does at once may take as long as it likes.
        for command in sorted(commands, key=lambda command: isinstance(self._outputs[command.load], EntityOutput)):
            try:
                self._outputs[command.load].set(command.on)
            except Exception as err:  # noqa: BLE001 (one that fails must not keep the others from being shed)
                self._complain(f"{self.configs[command.load].title} could not be switched", err)
        self._inputs.changed()
        self._store.async_save_soon()
        for command in commands:
            title = self.configs[command.load].title
            _LOGGER.debug("%s: %s (%s %s)", title, command.on, command.reason, command.detail)
            if command.reason in PROTECTING and not command.again:
                kind: Any = command.reason.value
                self._tell(ProtectionEvent(kind, title, facts=command.detail))

    @callback
    def _failed(self, error: Exception) -> None:
        """Treat a law that fails as a meter that is silent."""
        self._complain("The control of the loads failed: they are put into their safe states", error)
        if self.controller.enabled:
            for load, output in self._outputs.items():
                if output.on is not None and output.on is not self.configs[load].settings.safe_on:
                    output.set(self.configs[load].settings.safe_on)
            self._inputs.changed()

    def _complain(self, what: str, error: Exception) -> None:
        """Write what nobody thought of into the log, now and then: a telegram comes every second."""
        now = self._now()
        if now - self._complained >= _COMPLAINT_PAUSE:
            self._complained = now
            _LOGGER.error("%s", what, exc_info=error)

    @callback
    def _look_at_site(self, fuse_a: float | None) -> None:
        """Tell the law when the meter is another one than it thinks: its pace, or its fuse."""
        pace = self._measured_pace()
        if pace != self._pace or fuse_a != self._fuse:
            self._pace, self._fuse = pace, fuse_a
            self.controller.site = self._new_site()

    def _measured_pace(self) -> tuple[float, float]:
        """Return the time between two telegrams and the time after which nothing is known (s), to a tenth."""
        interval = self._coordinator.interval
        period = _ASSUMED_PERIOD if interval is None else max(round(interval, 1), 0.1)
        return period, round(self._coordinator.silent_after, 1)

    def _new_site(self) -> Site:
        period, stale = self._pace
        return self._site.site(period_s=period, stale_s=stale, meter_fuse_a=self._fuse)

    def _is_mark(self, wall: datetime) -> bool:
        """Return whether this is the last telegram that is expected before a five-minute mark."""
        at = wall.timestamp() + self._pace[0]
        mark = at // _MARK
        if mark == self._mark:
            return False
        self._mark = mark
        return True

    # --- a person -----------------------------------------------------------------------------------------------------

    @property
    def enabled(self) -> bool:
        """Whether p1meter switches anything; kept over restarts."""
        return self.controller.enabled

    @callback
    def async_enable(self, on: bool) -> None:  # noqa: FBT001 (the interface of a switch)
        """Begin or cease to switch; what is on stays on."""
        self.controller.enabled = on
        self._store.async_save_soon()
        self._look(self._now())

    @callback
    def async_override(
        self,
        load: str,
        on: bool | None,  # noqa: FBT001 (on and off are what an override is about)
        until: datetime | None = None,
    ) -> None:
        """Take a person's hand; it acts at once.

        Args:
            load: its id.
            on: what they want; None: as before.
            until: the end, aware; None: after the time that the load has for it; `FOREVER`: it has none.
        """
        now = self._now()
        if until is None:
            until = later(self._time(now), self.configs[load].settings.override_s)
        self.controller.override(load, on, until)
        self._store.async_save_soon()
        self._look(now)

    @callback
    def _hand(self, load: str, on: bool) -> None:  # noqa: FBT001 (what `on_hand` is called with)
        """Somebody has switched an entity past us."""
        if not self._running:
            return
        self.controller.hand(load, on=on)
        self._store.async_save_soon()
        self._look(self._now())

    @callback
    def async_change(self, load: str, **settings: object) -> None:
        """Change some of a load's `LoadSettings`: kept in its subentry, and without a reload.

        Args:
            load: its id.
            settings: by name, in the types of `LoadSettings`.
        """
        config = self.configs[load]
        changed: Any = settings
        self.configs = {**self.configs, load: replace(config, settings=replace(config.settings, **changed))}
        self.controller.loads = tuple(one.settings for one in self.configs.values())
        self._inputs.configs = self.configs
        self._inputs.changed()
        subentry = self._entry.subentries[load]
        with self._coordinator.taking_in():
            self._hass.config_entries.async_update_subentry(
                self._entry, subentry, data=change_settings(subentry.data, **settings)
            )
        self._look(self._now())

    # --- what is told -------------------------------------------------------------------------------------------------

    @callback
    def async_add_listener(self, update: CALLBACK_TYPE, load: str | None) -> CALLBACK_TYPE:
        """Call `update` when something of this load, or of the connection (None), is worth a row."""
        self._listeners.setdefault(load, {})[update] = None
        return lambda: self._listeners[load].pop(update, None)

    @callback
    def async_listen_for_events(self, listener: Callable[[ProtectionEvent], None]) -> CALLBACK_TYPE:
        """Call `listener` with every protection event."""
        self._event_listeners.append(listener)
        return lambda: self._event_listeners.remove(listener)

    def view(self, load: str) -> LoadView:
        """Return what is to be shown of a load: its numbers change only when they are worth a row."""
        shown = self._reporters[load].shown
        if shown.on is None and self._wall is None:
            # The law has not looked at it yet; that is no reason to say that nobody knows.
            return replace(shown, on=self._outputs[load].on)
        return shown

    def site_view(self) -> SiteView:
        """Return what is to be shown of the connection, likewise."""
        return self._site_reporter.shown

    def fault(self, load: str) -> str | None:
        """Return why a load's output does not do what it is told; None: it does.

        `entity`, or for a GPIO line `missing`, `busy`, `denied`, `unsupported` or `not_installed`.
        """
        fault = self._outputs[load].fault
        return "entity" if fault is None and self._reporters[load].shown.activity is Activity.FAULT else fault

    @callback
    def _report(self, now: float, *, mark: bool) -> None:
        """Tell those whom it concerns what is worth it."""
        for load, reporter in self._reporters.items():
            if reporter.look(self.controller.view(load), now, mark=mark):
                self._look_for_fault(load)
                self._call(load)
        site = self.controller.site_view()
        if site.alarms != self._alarms:
            before, self._alarms = self._alarms, site.alarms
            for alarm in sorted(site.alarms - before):
                self._tell(ProtectionEvent("alarm_started", alarm=alarm))
            for alarm in sorted(before - site.alarms):
                self._tell(ProtectionEvent("alarm_ended", alarm=alarm))
        if self._site_reporter.look(site, now):
            self._call(None)

    @callback
    def _output_changed(self, load: str) -> None:
        self._inputs.changed()
        if self._running:
            if (on := self._outputs[load].on) is not None:
                self.controller.seen(load, on=on)
            self._look_for_fault(load)
            self._call(load)

    @callback
    def _look_for_fault(self, load: str) -> None:
        """Say it, once, where a load does not do what it is told; take it back when it does."""
        fault = self.fault(load)
        told = self._told_faults.get(load)
        issue = None if fault is None else f"load_fault_{fault}" if fault == "entity" else f"load_line_{fault}"
        if issue == told:
            return
        if told is not None:
            del self._told_faults[load]
            self._issues.hide(told, about=load)
        if issue is not None:
            self._told_faults[load] = issue
            self._issues.show(issue, about=load, load=self.configs[load].title, **self._outputs[load].facts)

    @callback
    def _look_for_entities(self, _now: datetime) -> None:
        """Say it where a load was given entities that are gone, once they were so at two looks in a row."""
        if self._hass.state is not CoreState.running:
            # Integrations are still being started.
            return
        registry = er.async_get(self._hass)
        for load, config in self.configs.items():
            gone = tuple(
                entity_id
                for entity_id in config.entities
                if self._hass.states.get(entity_id) is None
                and ((entity := registry.async_get(entity_id)) is None or entity.disabled)
            )
            before, self._gone[load] = self._gone.get(load), gone
            if gone != before:
                self._issues.hide("load_entity_missing", about=load)
            elif gone:
                self._issues.show("load_entity_missing", about=load, load=config.title, entity=", ".join(gone))

    @callback
    def _call(self, load: str | None) -> None:
        for update in list(self._listeners.get(load, ())):
            try:
                update()
            except Exception:
                # One that fails must not starve the others.
                _LOGGER.exception("Unexpected error telling of %s", load)

    @callback
    def _tell(self, event: ProtectionEvent) -> None:
        for listener in list(self._event_listeners):
            try:
                listener(event)
            except Exception:
                _LOGGER.exception("Unexpected error telling of %s", event)

    def _state(self) -> dict[str, Any]:
        """Return what a restart must not lose."""
        ahead_s = round(self._ahead.total_seconds())
        return {"enabled": self.controller.enabled, "law": self.controller.state, "ahead_s": ahead_s}


LEFT_ALONE: HassKey[dict[str, LoadManager]] = HassKey("p1meter_loads_left_alone")
"""By entry id, those whose entry was unloaded, until somebody takes up their outputs."""


async def async_start_loads(hass: HomeAssistant, coordinator: MeterCoordinator, store: MeterStore) -> None:
    """Give the coordinator its loads, if it has any, and free the outputs of those that are gone."""
    if any(coordinator.config_entry.get_subentries_of_type(SUBENTRY_LOAD)):
        coordinator.loads = LoadManager(hass, coordinator, store)
        await coordinator.loads.async_start()
        coordinator.config_entry.async_on_unload(coordinator.loads.async_stop)
    else:
        await _async_relieve(hass, coordinator.config_entry.entry_id, {})


async def async_remove_loads(hass: HomeAssistant, entry_id: str) -> None:
    """Free the outputs of all loads of an entry that is removed, in their safe states."""
    await _async_relieve(hass, entry_id, {})


async def _async_relieve(hass: HomeAssistant, entry_id: str, taken_up: Mapping[str, LoadConfig]) -> None:
    if (former := hass.data.get(LEFT_ALONE, {}).pop(entry_id, None)) is not None:
        await former.async_relieve(taken_up)


def _goes_on(before: GpioSettings | EntitySettings, now: GpioSettings | EntitySettings) -> bool:
    """Return whether who takes up the one takes up the other: the same entity, or another line, which it replaces."""
    if isinstance(before, EntitySettings):
        return before == now
    return not isinstance(now, EntitySettings)
