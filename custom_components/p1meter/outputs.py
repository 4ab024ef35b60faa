"""What switches a load: a GPIO line, or an entity of Home Assistant that can be turned on and off.

A line outlives a reload of its entry: it is kept in `hass.data`, so that no relay clicks.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, replace
import logging
from typing import TYPE_CHECKING, Final, Protocol, TypedDict

from homeassistant.const import ATTR_ENTITY_ID, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Context, HomeAssistant, callback
from homeassistant.helpers.event import async_track_state_change_event
from homeassistant.requirements import RequirementsNotFound
from homeassistant.util.hass_dict import HassKey

from .gpio import GpioError, GpioErrorKind, GpioLine
from .request_line import async_install_gpiod

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.config_entries import ConfigEntry
    from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, State

    from .load_settings import EntitySettings, GpioSettings

_LOGGER = logging.getLogger(__name__)

# What turns an entity on and off, where it is not turn_on and turn_off.
_SERVICES: Final = {"valve": ("open_valve", "close_valve")}
_NOBODY_KNOWS: Final = (STATE_UNAVAILABLE, STATE_UNKNOWN)
# Everything else is on: `heat_cool` of a climate, `eco` of a water heater, `opening` of a valve.
_OFF: Final = ("off", "closed", "closing")
# As many commands as may be on their way at the same time: one and its repetitions.
_CONTEXTS_KEPT: Final = 8
# Seconds for a last command, when nobody waits for its effect any more.
_LAST_COMMAND: Final = 10.0

# Seconds between two attempts to get a line.
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 300.0
# Seconds between two looks at a line that is ours.
_LOOK: Final = 10.0


class Facts(TypedDict, total=False):
    """What a person has to know to find an output, and to repair it.

    Attributes:
        entity: the id of the entity.
        chip: path of the chip.
        line: number of the line on it.
        holder: who has the line instead.
    """

    entity: str
    chip: str
    line: str
    holder: str


class Output(Protocol):
    """What switches one load. Whoever makes one says whom to call when it changes by itself."""

    @property
    def on(self) -> bool | None:
        """Whether the load is on; None: it is not there, or nobody knows."""

    @property
    def fault(self) -> str | None:
        """Why it cannot be switched; None: it can, as far as is known."""

    @property
    def facts(self) -> Facts:
        """What a person has to know to find it, and to repair it."""

    @callback
    def async_start(self) -> None:
        """Take it up as it is. What takes time is done in the background."""

    @callback
    def async_stop(self) -> None:
        """Cease to look at it; it stays as it is, for the next one to take up."""

    @callback
    def set(self, on: bool) -> None:  # noqa: FBT001 (on and off are what an output is about)
        """Switch it, never waiting."""

    async def async_release(self, *, last: bool | None) -> None:
        """Let it go, in the state `last`; None: as it is."""


# --- entities --------------------------------------------------------------------------------------------------------


class EntityOutput:
    """An entity of Home Assistant."""

    def __init__(
        self,
        hass: HomeAssistant,
        settings: EntitySettings,
        *,
        on_change: Callable[[], None],
        on_hand: Callable[[bool], None],
    ) -> None:
        """Prepare.

        Args:
            hass: whose entity it is.
            settings: which entity.
            on_change: called when its state has changed.
            on_hand: called when a person, or an automation, has switched it past us, with what they want.
        """
        self._hass = hass
        self._entity_id = settings.entity_id
        self._domain = settings.entity_id.partition(".")[0]
        self._on_change = on_change
        self._on_hand = on_hand
        self._on: bool | None = None
        # What it was told, until its state changes.
        self._told: bool | None = None
        self._contexts: deque[str] = deque(maxlen=_CONTEXTS_KEPT)
        self._complained = False
        self._remove: CALLBACK_TYPE | None = None

    @property
    def on(self) -> bool | None:
        """Whether it is on; None: it is not available."""
        return self._on

    @property
    def fault(self) -> str | None:
        """None: whether an entity does what it is told is for the law to judge."""
        return None

    @property
    def facts(self) -> Facts:
        """Which entity it is."""
        return {"entity": self._entity_id}

    @callback
    def async_start(self) -> None:
        """Take it up as it is."""
        self._on = is_on(self._hass.states.get(self._entity_id))
        self._remove = async_track_state_change_event(self._hass, self._entity_id, self._changed)

    @callback
    def async_stop(self) -> None:
        """Cease to look at it."""
        if self._remove is not None:
            self._remove()
            self._remove = None

    @callback
    def set(self, on: bool) -> None:  # noqa: FBT001 (the interface of an output)
        """Call its service in the background, unless it is so already."""
        if self._told in {None, on} and is_on(self._hass.states.get(self._entity_id)) is on:
            return
        self._told = on
        context = Context()
        self._contexts.append(context.id)
        self._hass.async_create_background_task(self._call(on, context), f"p1meter switches {self._entity_id}")

    async def async_release(self, *, last: bool | None) -> None:
        """Switch it for the last time, where it is not so already."""
        self.async_stop()
        # What it was told a moment ago may be on its way.
        now = is_on(self._hass.states.get(self._entity_id)) if self._told is None else self._told
        if last is not None and now is (not last):
            try:
                async with asyncio.timeout(_LAST_COMMAND):
                    await self._call(last, Context())
            except TimeoutError:
                _LOGGER.warning("%s could not be put into its safe state: it does not answer", self._entity_id)

    async def _call(self, on: bool, context: Context) -> None:  # noqa: FBT001 (the same)
        service = _SERVICES.get(self._domain, ("turn_on", "turn_off"))[0 if on else 1]
        try:
            await self._hass.services.async_call(
                self._domain, service, {ATTR_ENTITY_ID: self._entity_id}, blocking=True, context=context
            )
        except Exception as err:  # noqa: BLE001 (an integration may raise anything; the law sees that nothing changes)
            if not self._complained:
                self._complained = True
                _LOGGER.warning("%s cannot be switched: %s", self._entity_id, err)
        else:
            self._complained = False

    @callback
    def _changed(self, event: Event[EventStateChangedData]) -> None:
        before, self._on = self._on, is_on(event.data["new_state"])
        if self._on is before:
            return
        self._told = None
        self._on_change()
        context = event.context
        somebody = context.user_id is not None or context.parent_id is not None
        # An automation that carries our command out has our context above its own.
        ours = context.id in self._contexts or context.parent_id in self._contexts
        if somebody and not ours and self._on is not None and before is not None:
            self._on_hand(self._on)


def is_on(state: State | None) -> bool | None:
    """Return whether the state of an entity means that it is on; None: nobody knows."""
    if state is None or state.state in _NOBODY_KNOWS:
        return None
    return state.state not in _OFF


# --- GPIO lines ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class HeldLine:
    """A line that is ours, or is to be.

    Attributes:
        line: it.
        settings: what it was made of.
        on: what it was set to; None: it is not open.
    """

    line: GpioLine
    settings: GpioSettings
    on: bool | None = None


LINES: HassKey[dict[str, HeldLine]] = HassKey("p1meter_lines")
"""By subentry id, the lines of all loads of all entries; they stay here while an entry is reloaded."""


class GpioOutput:
    """A GPIO line."""

    def __init__(
        self,
        hass: HomeAssistant,
        entry: ConfigEntry,
        load: str,
        title: str,
        settings: GpioSettings,
        *,
        safe: bool,
        on_change: Callable[[], None],
    ) -> None:
        """Prepare.

        Args:
            hass: where lines are kept.
            entry: the entry whose load this is.
            load: id of the load's subentry.
            title: the load's name, for others who look at the line.
            settings: which line, and how it is driven.
            safe: what it is set to when it is taken and nobody drives it, or it was wired otherwise before.
            on_change: called when it was taken, or lost, or cannot be had.
        """
        self._hass = hass
        self._entry = entry
        self._load = load
        self._title = title
        self._settings = settings
        self._safe = safe
        self._on_change = on_change
        self._fault: str | None = None
        self._holder: str | None = None
        self._held: HeldLine | None = None
        self._started = False
        self._task: asyncio.Task[None] | None = None

    @property
    def on(self) -> bool | None:
        """What it was set to; None: it is not ours."""
        return None if self._held is None else self._held.on

    @property
    def fault(self) -> str | None:
        """`missing`, `busy`, `denied`, `unsupported` or `not_installed`; None: it is ours, or about to be."""
        return self._fault

    @property
    def facts(self) -> Facts:
        """Which line it is, and who has it instead."""
        return {"chip": self._settings.chip, "line": str(self._settings.line), "holder": self._holder or "?"}

    @callback
    def async_start(self) -> None:
        """Take up the line that was held before the reload, else take it, again and again until it is ours."""
        self._started = True
        lines = self._hass.data.setdefault(LINES, {})
        held = lines.get(self._load)
        # What becomes of it at a stop, and what its chip is called, makes it no other line: no relay clicks for that.
        settings = replace(self._settings, keep_at_stop=False, label="")
        other = held if held is not None and held.settings != settings else None
        if held is None or other is not None:
            line = GpioLine(
                settings.chip,
                settings.line,
                consumer=f"p1meter {self._title}",
                label=self._settings.label,
                active_low=settings.active_low,
                bias=settings.bias,
                drive=settings.drive,
            )
            held = lines[self._load] = HeldLine(line, settings)
        self._held = held
        self._have(other)

    @callback
    def async_stop(self) -> None:
        """Cease to try; a line that is ours stays so."""
        self._started = False
        if self._task is not None:
            self._task.cancel()
            self._task = None

    @callback
    def set(self, on: bool) -> None:  # noqa: FBT001 (the interface of an output)
        """Set the line, here and now: it takes microseconds."""
        held = self._held
        if held is None or held.on is None:
            return
        try:
            held.line.set(on)
        except GpioError as err:
            held.on = None
            self._failed(err)
            if self._started:
                self._have(None)
        else:
            held.on = on

    async def async_release(self, *, last: bool | None) -> None:
        """Set the line for the last time and free it."""
        self.async_stop()
        held = self._hass.data.get(LINES, {}).pop(self._load, None)
        self._held = None
        if held is not None:
            await self._hass.async_add_executor_job(held.line.release, last)

    @callback
    def _have(self, other: HeldLine | None) -> None:
        if self._task is not None:
            self._task.cancel()
        self._task = self._entry.async_create_background_task(
            self._hass, self._having(other), f"p1meter has the line of {self._title}"
        )

    async def _having(self, other: HeldLine | None) -> None:
        """Try until the line is ours, and again when it is lost; `other` was driven for this load before."""
        if other is not None:
            await self._hass.async_add_executor_job(other.line.release, self._safe)
        held = self._held
        while held is not None:
            if held.on is None:
                await self._taking(held, as_it_is=other is None)
                other = None
            await self._until_lost(held)

    async def _taking(self, held: HeldLine, *, as_it_is: bool) -> None:
        """Try until the line is ours."""
        pause = _FIRST_PAUSE
        while True:
            try:
                await async_install_gpiod(self._hass)
                # Should this be cancelled meanwhile, the line is in `LINES` all the same: whoever comes next has it.
                held.on = await self._hass.async_add_executor_job(_take_up, held.line, self._safe, as_it_is)
            except (RequirementsNotFound, ImportError) as err:
                self._failed(err)
            except GpioError as err:
                self._failed(err)
            else:
                self._fault = self._holder = None
                self._on_change()
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _until_lost(self, held: HeldLine) -> None:
        """Look at the line now and then: nobody tells of a chip that is pulled out, and it may be hours until a switch.

        Not in the event loop: a chip on USB takes its time.
        """
        while True:
            await asyncio.sleep(_LOOK)
            try:
                await self._hass.async_add_executor_job(held.line.check)
            except GpioError as err:
                held.on = None
                self._failed(err)
                return

    @callback
    def _failed(self, error: RequirementsNotFound | ImportError | GpioError) -> None:
        if not isinstance(error, GpioError):
            reason, holder = "not_installed", None
        else:
            kind = GpioErrorKind.MISSING if error.kind is GpioErrorKind.LOST else error.kind
            reason, holder = str(kind), error.holder
        if (reason, holder) != (self._fault, self._holder):
            self._fault, self._holder = reason, holder
            _LOGGER.warning("The line %s of %s (%s): %s", self._settings.line, self._settings.chip, self._title, error)
            self._on_change()


def _take_up(line: GpioLine, safe: bool, as_it_is: bool) -> bool:  # noqa: FBT001 (an executor takes no keywords)
    """Take a line, `as_it_is` where somebody drives it, and return what it is set to. Blocks: not for the event loop.

    A chip that keeps its levels has a load going on while Home Assistant restarts.
    """
    if as_it_is:
        return line.adopt(safe)
    line.open(safe)
    return safe
