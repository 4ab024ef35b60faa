"""The dialogs: on which port the meter is, which key opens what it sends, and where it moved to."""

import asyncio
from contextlib import suppress
from dataclasses import replace
import logging
from typing import TYPE_CHECKING, Any, cast, override

from homeassistant.components import usb
from homeassistant.config_entries import (
    SOURCE_IGNORE,
    SOURCE_RECONFIGURE,
    SOURCE_USB,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryDisabler,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryFlow,
    FlowType,
    OperationNotAllowed,
)
from homeassistant.const import CONF_PORT
from homeassistant.core import CALLBACK_TYPE, HassJob, callback
from homeassistant.data_entry_flow import AbortFlow, FlowResultType, UnknownFlow
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.selector import SerialPortSelector, TextSelector, TextSelectorConfig, TextSelectorType
from homeassistant.util import dt as dt_util
from homeassistant.util.hass_dict import HassKey
import probatio as vol

from .const import (
    CONF_ADDRESS,
    CONF_ASKED,
    CONF_AUTHENTICATION_KEY,
    CONF_IDENT,
    CONF_INTERVAL,
    CONF_KEY,
    CONF_LINE,
    CONF_PROFILE,
    CONF_WAKE_UP,
    DOMAIN,
    FREED,
    OPENED,
    PROBED,
    SUBENTRY_LOAD,
)
from .dialogue_fields import (
    CONF_DIALOGUE,
    DIALOGUE_KEYS,
    dialogue_error,
    dialogue_form,
    dialogue_options,
    dialogue_section,
)
from .found import (
    async_comparison,
    async_description,
    async_title,
    is_asked_about,
    is_of,
    meter_id,
    tells_an_id,
)
from .keys import parse_key, try_keys
from .known import async_memory, reader_of
from .link import ProbePlan, ProbeResult, ProbeVerdict, TransportError, TransportErrorKind, has_line_settings, probe
from .load_flow import LoadFlow
from .meter import DecryptionKeys, Reason
from .meter.cipher import USUAL_AUTHENTICATION_KEY
from .options_flow import P1MeterOptionsFlow
from .ports import (
    async_is_gone,
    async_prepare,
    async_program_on,
    async_same_port,
    async_stable_path,
    async_user_of,
)
from .redacting import redacted_lines
from .settings import keys_of, optical_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from homeassistant.config_entries import ConfigFlowContext
    from homeassistant.helpers.service_info.usb import UsbServiceInfo

    from .coordinator import P1MeterConfigEntry
    from .link import LineSettings
    from .meter import Telegram
    from .ports import PortUser

_LOGGER = logging.getLogger(__name__)

PROBE_PLAN = ProbePlan()
"""How long to listen for what."""

_PORT_SCHEMA = vol.Schema({vol.Required(CONF_PORT): SerialPortSelector()})
_SECRET = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))
_KEY_SCHEMA = vol.Schema({vol.Required(CONF_KEY): _SECRET, vol.Optional(CONF_AUTHENTICATION_KEY): _SECRET})
_USUAL_KEY = USUAL_AUTHENTICATION_KEY.hex().upper()
# Which field of the form a verdict is about.
_WRONG_KEYS = {
    ProbeVerdict.WRONG_KEY: {CONF_KEY: "wrong_key"},
    ProbeVerdict.WRONG_AUTHENTICATION_KEY: {CONF_AUTHENTICATION_KEY: "wrong_authentication_key"},
}
# What is to be done about these is something else where the speed is not set from here.
_OTHER_WORDS_FOR_ADDRESSES = frozenset({ProbeVerdict.NOTHING, ProbeVerdict.NO_SIGNAL, ProbeVerdict.GARBAGE})
_NOT_WHOLE = frozenset({Reason.CRC, Reason.TRUNCATED, Reason.OVERRUN, Reason.TIMEOUT})
# Perhaps an optical head is there, and it has to be asked in another way.
_PERHAPS_OPTICAL = frozenset({ProbeVerdict.NOTHING, ProbeVerdict.NO_SIGNAL})
# Seconds between two read-outs of a meter that is woken each time, which costs its battery.
_WOKEN_INTERVAL = 3600
_SAMPLE_LENGTH = 60
# Seconds that another integration stays unloaded for a dialog with which nobody goes on.
_PATIENCE = 600

_DISCOVERED: HassKey[dict[str, P1MeterConfigFlow]] = HassKey("p1meter_discovered")
"""By port, the flow that offers the cable there."""


class P1MeterConfigFlow(ConfigFlow, domain=DOMAIN):
    """Finds the meter on a port: nothing but the port is asked, and the key of a meter that encrypts."""

    VERSION = 1

    _found: tuple[Telegram, LineSettings, bool]
    _line: LineSettings
    _options: dict[str, Any]

    def __init__(self) -> None:
        self._first_step = "user"
        self._typed = ""
        self._port = ""
        self._keys: DecryptionKeys | None = None
        self._dialogue: dict[str, Any] = {}
        self._offers_dialogue = False
        self._task: asyncio.Task[ProbeResult] | None = None
        self._errors: dict[str, str] = {}
        self._placeholders: dict[str, str] = {}
        self._unloaded: str | None = None
        self._rival: PortUser | None = None
        self._freed: str | None = None
        self._neighbour: str | None = None
        self._closed = False
        self._stop_waiting: CALLBACK_TYPE | None = None

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> P1MeterOptionsFlow:
        """Return the dialog behind the entry's cogwheel."""
        return P1MeterOptionsFlow()

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(cls, config_entry: ConfigEntry) -> dict[str, type[ConfigSubentryFlow]]:
        """Return the dialogs for what can be added to a meter."""
        return {SUBENTRY_LOAD: LoadFlow}

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the port of a new meter."""
        self._first_step = "user"
        return await self._async_ask_port(user_input)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the port that the meter has moved to."""
        self._first_step = "reconfigure"
        port = self._get_reconfigure_entry().data[CONF_PORT]
        # The frontend says in red of what is not in its list that it does not know it.
        if not self._typed and not await async_is_gone(self.hass, port):
            self._typed = port
        return await self._async_ask_port(user_input)

    @override
    async def async_step_usb(self, discovery_info: UsbServiceInfo) -> ConfigFlowResult:
        """Listen to a cable that says it is a P1 cable, unless it is known."""
        self._first_step = "discovery_confirm"
        self._typed = discovery_info.device
        self._port = await async_stable_path(self.hass, self._typed)
        # Until its meter is added, a discovery goes by its cable: that is what a person ignores.
        if ignored := await self.async_set_unique_id(usb.usb_unique_id_from_service_info(discovery_info)):
            raise AbortFlow("already_configured", {"title": ignored.title})
        for entry in self._async_current_entries(include_ignore=False):
            # Disabled ones too.
            if await async_same_port(self.hass, self._port, entry.data[CONF_PORT]):
                raise AbortFlow("already_configured", {"title": entry.title})
        if user := await async_user_of(self.hass, self._port, besides=None):
            raise AbortFlow("already_configured", {"title": user.title})
        self.context["title_placeholders"] = {"name": discovery_info.description or self._typed}
        self.hass.data.setdefault(_DISCOVERED, {})[self._port] = self
        return self._listen(PROBE_PLAN)

    async def async_step_discovery_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say that no meter was found on the cable, and go on to the choice of the port."""
        if user_input is not None:
            self._errors = {}
            return await self.async_step_user()
        return self.async_show_form(
            step_id="discovery_confirm",
            data_schema=vol.Schema({}),
            errors=self._errors,
            description_placeholders={"port": self._typed, **self._placeholders},
        )

    async def async_step_reauth(self, _entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Ask for the key of a meter that the known one does not open any more."""
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Try the key on what was refused; without such, the next telegrams will tell.

        The port cannot be listened to: the entry has it, and to unload that would end this dialog.
        """
        entry = self._get_reauth_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            keys, errors = _read_keys(user_input)
            if keys is not None:
                verdict = try_keys(keys, _refused_frames(entry))
                if verdict is ProbeVerdict.FOUND:
                    self.hass.data.setdefault(OPENED, set()).add(entry.data[CONF_PORT])
                elif verdict is not None:
                    keys, errors = None, _WRONG_KEYS[verdict]
            if keys is not None:
                others = {key: value for key, value in entry.data.items() if key not in _KEY_SCHEMA.schema}
                return self._update_and_abort(entry, others | _key_data(keys))
        return self.async_show_form(
            step_id="reauth_confirm",
            data_schema=_KEY_SCHEMA,
            errors=errors,
            description_placeholders={"title": entry.title, "usual_key": _USUAL_KEY},
        )

    async def async_step_free_port(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Offer to switch the integration off that has the port; for good only once a meter was found there."""
        rival = self._rival
        if rival is None or rival.replaceable is None:
            return await self._async_ask_port(None)
        placeholders = {"port": self._typed, "title": rival.title, "integration": rival.integration or ""}
        if user_input is None:
            return self.async_show_form(
                step_id="free_port", data_schema=vol.Schema({}), description_placeholders=placeholders
            )
        self._freed = await self._async_unload(rival.replaceable)
        if self._freed is None:
            self._errors, self._placeholders = {"base": "port_used"}, placeholders
            return await self._async_ask_port(None)
        return await self._async_begin()

    async def async_step_listen(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show that the port is being listened to, until it is known what is on it."""
        task = self._task
        if task is None or not task.done():
            return self._show_listening()
        next_step, self._errors, self._placeholders = await self._async_judge(task)
        if next_step == self._first_step:
            await self._async_set_up_again()
        self._wait_for_person()
        if self._first_step == "discovery_confirm":
            # Perhaps nobody looks, who would go on.
            self.hass.async_create_task(self._async_go_on(), eager_start=False)
        return self.async_show_progress_done(next_step_id=next_step)

    async def async_step_key(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the key of a meter that encrypts, and listen again with it."""
        self._wait_for_person()
        if user_input is not None:
            keys, self._errors = _read_keys(user_input)
            if keys is not None:
                self._keys = keys
                return self._listen(replace(PROBE_PLAN, settings=(self._line,)))
        return self.async_show_form(
            step_id="key",
            # A key that was refused is not shown again.
            data_schema=_KEY_SCHEMA,
            errors=self._errors,
            description_placeholders={"port": self._typed, "usual_key": _USUAL_KEY},
        )

    async def async_step_found(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say what was found, and add it."""
        telegram, _, asked = self._found
        data = self._entry_data()
        await self._async_abort_if_known()
        title = await async_title(self.hass, telegram)
        if self.source != SOURCE_USB or user_input is not None:
            # A dialog that somebody left open must not stand in the way of another one.
            await self.async_set_unique_id(meter_id(telegram), raise_on_progress=False)
        if user_input is None:
            self.context["title_placeholders"] = {"name": title}
            how = "found_woken" if CONF_WAKE_UP in self._options else "found_asked" if asked else "found"
            return self.async_show_form(
                step_id=how,
                data_schema=vol.Schema({}),
                description_placeholders=await async_description(self.hass, telegram),
                last_step=True,
            )
        await self._async_end_discovery()
        await self._async_switch_rival_off()
        self._leave_for_set_up(telegram)
        return self.async_create_entry(title=title, data=data, options=self._options)

    async_step_found_asked = async_step_found_woken = async_step_found

    async def async_step_moved(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the new port if it is the same meter; of another one ask whether it is in its place."""
        entry = self._get_reconfigure_entry()
        if await self._async_is_of(entry):
            return await self._async_take_port()
        await self._async_abort_if_known(besides=entry)
        telegram, _, _ = self._found
        memory = await async_memory(self.hass, entry)
        return self.async_show_menu(
            step_id="replaced" if is_asked_about(memory, telegram) else "replaced_unasked",
            menu_options=["adopt", "other"],
            description_placeholders={
                "title": entry.title,
                "port": self._typed,
                **await async_comparison(self.hass, memory, telegram),
            },
        )

    async_step_replaced = async_step_replaced_unasked = async_step_moved

    async def async_step_adopt(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Read the meter that is in the place of the one before; the entry's unique id stays until it is ours."""
        # Another dialog may have added it meanwhile.
        await self._async_abort_if_known(besides=self._get_reconfigure_entry())
        return await self._async_take_port()

    async def async_step_other(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Leave everything as it was: the port is that of a meter which has nothing to do with ours."""
        title = self._get_reconfigure_entry().title
        return self.async_abort(reason="unique_id_mismatch", description_placeholders={"title": title})

    async def _async_take_port(self) -> ConfigFlowResult:
        """Read the entry's meter where it was found."""
        entry = self._get_reconfigure_entry()
        telegram, _, asked = self._found
        self._unloaded = None
        await self._async_switch_rival_off()
        self._leave_for_set_up(telegram)
        others = {key: value for key, value in entry.options.items() if key not in DIALOGUE_KEYS}
        if not asked and entry.options.get(CONF_WAKE_UP) and others.get(CONF_INTERVAL) == _WOKEN_INTERVAL:
            # There is no battery to be spared any more.
            del others[CONF_INTERVAL]
        return self._update_and_abort(entry, self._entry_data(), self._options | others)

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Go on with the Energy dashboard, if there is something to offer."""
        if self.source == SOURCE_IGNORE:
            return result
        # Other than from the cogwheel: the options flow offers this one step and no menu.
        context = cast("ConfigFlowContext", {"source": SOURCE_USER, "after_setup": True})
        following = await self.hass.config_entries.options.async_init(result["result"].entry_id, context=context)
        if following["type"] is FlowResultType.FORM:
            result["next_flow"] = (FlowType.OPTIONS_FLOW, following["flow_id"])
        return result

    @callback
    @override
    def async_remove(self) -> None:
        """Leave nothing behind when the dialog is closed: the port is free, the entry runs."""
        self._closed = True
        if self._stop_waiting is not None:
            self._stop_waiting()
        discovered = self.hass.data.get(_DISCOVERED, {})
        for port in [port for port, flow in discovered.items() if flow is self]:
            del discovered[port]
        if self._unloaded or self._freed or self._neighbour:
            self.hass.async_create_task(self._async_set_up_again())

    async def _async_ask_port(self, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        """Show the form, with what went wrong the last time, or start to listen."""
        entry = self._get_reconfigure_entry() if self.source == SOURCE_RECONFIGURE else None
        if user_input is not None:
            self._typed = user_input[CONF_PORT].strip()
            self._port = await async_stable_path(self.hass, self._typed)
            if (error := self._take_dialogue(user_input.get(CONF_DIALOGUE), entry)) is not None:
                self._errors = {"base": error}
                return self._show_port_form(entry)
            if (neighbour := await self._async_on_the_same_line(entry)) is not None:
                return await self._async_ask_beside(neighbour, entry)
            besides = None if entry is None else entry.entry_id
            if (user := await async_user_of(self.hass, self._port, besides=besides)) is None:
                return await self._async_begin()
            if user.replaceable is not None:
                self._rival = user
                return await self.async_step_free_port()
            self._errors = {"base": "port_used_by_app" if user.integration is None else "port_used"}
            self._placeholders = {"title": user.title, "integration": user.integration or ""}
        return self._show_port_form(entry)

    def _take_dialogue(self, form: Mapping[str, Any] | None, entry: ConfigEntry | None) -> str | None:
        """Keep how the meter is asked: as the form says, or as before; return what is wrong with it."""
        if form is not None:
            chosen = dialogue_options(form)
        elif entry is not None:
            chosen = {key: entry.options.get(key) for key in DIALOGUE_KEYS}
        else:
            chosen = dict.fromkeys(DIALOGUE_KEYS)
        self._dialogue = {key: value for key, value in chosen.items() if value is not None}
        return dialogue_error(chosen)

    async def _async_on_the_same_line(self, entry: ConfigEntry | None) -> ConfigEntry | None:
        """Return another meter that is asked on this port; an optical line may have several."""
        for other in self._async_current_entries(include_ignore=False):
            if (
                other is not entry
                and other.disabled_by is None
                and other.data.get(CONF_ASKED)
                and await async_same_port(self.hass, self._port, other.data[CONF_PORT])
            ):
                return other
        return None

    async def _async_ask_beside(self, neighbour: ConfigEntry, entry: ConfigEntry | None) -> ConfigFlowResult:
        """Ask a meter that shares its line with another one, which lets go of the port meanwhile.

        Each answers to its own address only.
        """
        if self._dialogue.get(CONF_ADDRESS) in {None, neighbour.options.get(CONF_ADDRESS)}:
            self._offers_dialogue = True
            self._errors, self._placeholders = {"base": "port_shared"}, {"title": neighbour.title}
            return self._show_port_form(entry)
        self._neighbour = await self._async_unload(neighbour.entry_id)
        if self._neighbour is None:
            raise AbortFlow("unload_failed", {"title": neighbour.title})
        return await self._async_begin()

    @callback
    def _show_port_form(self, entry: ConfigEntry | None) -> ConfigFlowResult:
        """Show the form, with what went wrong the last time; where nothing was heard, also how a meter is asked."""
        schema = _PORT_SCHEMA
        suggested: dict[str, Any] = {}
        if self._typed:
            suggested[CONF_PORT] = self._typed
        if self._offers_dialogue:
            schema = schema.extend({vol.Optional(CONF_DIALOGUE): dialogue_section(collapsed=not self._dialogue)})
            suggested[CONF_DIALOGUE] = dialogue_form(self._dialogue)
        return self.async_show_form(
            step_id=self._first_step,
            data_schema=self.add_suggested_values_to_schema(schema, suggested),
            errors=self._errors,
            description_placeholders={
                "port": self._typed,
                "title": "" if entry is None else entry.title,
                **self._placeholders,
            },
        )

    async def _async_begin(self) -> ConfigFlowResult:
        """Listen to the port, which nobody else has."""
        entry = self._get_reconfigure_entry() if self.source == SOURCE_RECONFIGURE else None
        if entry is not None:
            await self._async_free_port(entry)
        await self._async_end_discovery()
        self._keys = None if entry is None else keys_of(entry.data)
        if not self._dialogue:
            return self._listen(PROBE_PLAN)
        # Who says how the meter is asked knows that it is silent until then.
        return self._listen(replace(PROBE_PLAN, settings=(), foreign=(), optical=optical_of(self._dialogue)))

    @callback
    def _listen(self, plan: ProbePlan) -> ConfigFlowResult:
        """Begin to listen to the port."""
        # Not done before it is shown: a form's input would be given to the step that follows.
        self._task = self.hass.async_create_task(self._async_probe(plan), eager_start=False)
        self._wait_for_person()
        return self._show_listening()

    @callback
    def _show_listening(self) -> ConfigFlowResult:
        return self.async_show_progress(
            step_id="listen",
            progress_action="ask" if self._dialogue else "listen",
            description_placeholders={"port": self._typed},
            progress_task=self._task,
        )

    async def _async_probe(self, plan: ProbePlan) -> ProbeResult:
        await async_prepare(self.hass, self._port)
        return await probe(
            self._port,
            zone=dt_util.get_default_time_zone(),
            country=self.hass.config.country,
            keys=self._keys,
            on_progress=lambda share, _: self.async_update_progress(share),
            plan=plan,
        )

    async def _async_judge(self, task: asyncio.Task[ProbeResult]) -> tuple[str, dict[str, str], dict[str, str]]:
        """Keep what was found; return the step that follows, the errors to show there and what their texts need."""
        try:
            result = await task
        except TransportError as err:
            _LOGGER.debug("Listening on %s ended: %s (%s)", self._port, err.kind, err.detail)
            if err.kind is TransportErrorKind.BUSY and (program := await async_program_on(self.hass, self._port)):
                return self._first_step, {"base": "port_busy_by"}, {"program": program}
            return self._first_step, {"base": f"port_{err.kind}"}, {}
        except Exception:
            # Without an answer the dialog would hang.
            _LOGGER.exception("Listening on %s failed", self._port)
            return self._first_step, {"base": "unknown"}, {}
        if _LOGGER.isEnabledFor(logging.DEBUG):
            seen = redacted_lines(result.seen)
            _LOGGER.debug("On %s: %s, %s, %s", self._port, result.verdict, result.settings, seen)
        self._offers_dialogue = result.asked or result.verdict in _PERHAPS_OPTICAL
        if result.telegram is not None and result.settings is not None:
            self._found = result.telegram, result.settings, result.asked
            self._options = dict(self._dialogue)
            if result.woken:
                self._options |= {CONF_WAKE_UP: True, CONF_INTERVAL: _WOKEN_INTERVAL}
            return "moved" if self.source == SOURCE_RECONFIGURE else "found", {}, {}
        if result.settings is not None and result.verdict in {ProbeVerdict.ENCRYPTED, *_WRONG_KEYS}:
            self._line = result.settings
            return "key", _WRONG_KEYS.get(result.verdict, {}), {}
        return self._first_step, {"base": self._sentence(result)}, {"seen": _sample(result.seen)}

    def _sentence(self, result: ProbeResult) -> str:
        """Return the error that says what was heard instead of a meter that can be read."""
        if result.verdict is ProbeVerdict.NOTHING and self._dialogue:
            return "heard_no_answer"
        if result.verdict is ProbeVerdict.TEXT and result.asked:
            return "heard_damaged_answer"
        if result.rejected is not None and result.rejected.reason in _NOT_WHOLE and result.verdict is ProbeVerdict.TEXT:
            return "heard_damaged"
        if result.verdict in _OTHER_WORDS_FOR_ADDRESSES and not has_line_settings(self._port):
            return f"heard_{result.verdict}_network"
        return f"heard_{result.verdict}"

    async def _async_free_port(self, entry: ConfigEntry) -> None:
        """Unload the entry if it reads the port that is to be listened to."""
        if not await async_same_port(self.hass, self._port, entry.data[CONF_PORT]):
            return
        self._unloaded = await self._async_unload(entry.entry_id)
        if self._unloaded is None:
            raise AbortFlow("unload_failed", {"title": entry.title})

    async def _async_unload(self, entry_id: str) -> str | None:
        """Unload a config entry to listen to its port; return its id, or None if that was not possible."""
        try:
            is_unloaded = await self.hass.config_entries.async_unload(entry_id)
        except OperationNotAllowed:
            # It is just being set up or taken down.
            is_unloaded = False
        if is_unloaded and self._closed:
            await self.hass.config_entries.async_setup(entry_id)
        return entry_id if is_unloaded and not self._closed else None

    @callback
    def _wait_for_person(self) -> None:
        """End the dialog if nobody goes on with it: it may be open in a tab that is not there any more."""
        if self._stop_waiting is not None:
            self._stop_waiting()
            self._stop_waiting = None
        if self._unloaded or self._freed or self._neighbour:
            job = HassJob(self._give_up, "Nobody goes on with the dialog", cancel_on_shutdown=True)
            self._stop_waiting = async_call_later(self.hass, _PATIENCE, job)

    @callback
    def _give_up(self, _now: datetime) -> None:
        self._stop_waiting = None
        self.hass.config_entries.flow.async_abort(self.flow_id)

    async def _async_set_up_again(self) -> None:
        """Set the entries up that were unloaded to free the port."""
        unloaded = [entry_id for entry_id in (self._unloaded, self._freed, self._neighbour) if entry_id is not None]
        self._unloaded = self._freed = self._neighbour = None
        if unloaded and self._task is not None:
            await asyncio.wait([self._task])
        for entry_id in unloaded:
            entry = self.hass.config_entries.async_get_entry(entry_id)
            if entry is not None and entry.state is ConfigEntryState.NOT_LOADED and entry.disabled_by is None:
                await self.hass.config_entries.async_setup(entry_id)

    async def _async_switch_rival_off(self) -> None:
        """Switch off for good what was unloaded to free the port, now that its meter is ours; set-up remembers it."""
        freed, self._freed = self._freed, None
        if freed is not None:
            await self.hass.config_entries.async_set_disabled_by(freed, ConfigEntryDisabler.USER)
            self.hass.data.setdefault(FREED, {})[self._port] = freed

    async def _async_go_on(self) -> None:
        """Go on to the step that follows, as the frontend does."""
        with suppress(UnknownFlow):
            await self.hass.config_entries.flow.async_configure(self.flow_id)

    async def _async_end_discovery(self) -> None:
        """End the flow that offers the cable which is now chosen by hand, and wait until it has freed the port."""
        flow = self.hass.data.get(_DISCOVERED, {}).get(self._port)
        if flow is None or flow is self:
            return
        self.hass.config_entries.flow.async_abort(flow.flow_id)
        if (task := flow._task) is not None:  # noqa: SLF001 (another flow of this class)
            await asyncio.wait([task])

    @callback
    def _leave_for_set_up(self, telegram: Telegram) -> None:
        """Leave behind what set-up starts with, instead of waiting for the next telegram."""
        self.hass.data.setdefault(PROBED, {})[self._port] = telegram
        if self._keys is not None:
            self.hass.data.setdefault(OPENED, set()).add(self._port)

    def _entry_data(self) -> dict[str, Any]:
        """Return the data of an entry for the meter that was found."""
        telegram, settings, asked = self._found
        data: dict[str, Any] = {
            CONF_PORT: self._port,
            CONF_LINE: str(settings),
            CONF_PROFILE: telegram.profile.name,
        }
        if asked:
            data[CONF_ASKED] = True
        if meter_id(telegram) is None:
            data[CONF_IDENT] = telegram.ident
        return data | _key_data(self._keys)

    async def _async_is_of(self, entry: ConfigEntry) -> bool:
        """Return whether the meter that was found is that of an entry, by what was learned of it."""
        telegram, _, _ = self._found
        memory = await async_memory(self.hass, entry)
        if memory.ident is not None:
            return is_of(memory, telegram)
        # It was never read: all that is known is what was found when it was added.
        ident = self._entry_data().get(CONF_IDENT)
        return entry.unique_id == meter_id(telegram) and entry.data.get(CONF_IDENT) == ident

    async def _async_abort_if_known(self, besides: ConfigEntry | None = None) -> None:
        """Abort if another entry has the meter that was found; if its cable has moved and was discovered, tell it."""
        telegram, _, _ = self._found
        unique_id = meter_id(telegram)
        for entry in self._async_current_entries(include_ignore=False):
            if entry is besides:
                continue
            if (unique_id is None or entry.unique_id != unique_id) and not await self._async_is_of(entry):
                continue
            # Of a kind that tells no id there are more: only its port says which of them it is, or its address there.
            if not tells_an_id(telegram) and (entry.data[CONF_PORT] != self._port or self._is_asked_beside(entry)):
                continue
            if self.source == SOURCE_USB and await async_is_gone(self.hass, entry.data[CONF_PORT]):
                self._update_and_abort(entry, {**entry.data, **self._entry_data()})
            raise AbortFlow("already_configured", {"title": entry.title})

    def _is_asked_beside(self, entry: ConfigEntry) -> bool:
        """Return whether the meter that was found has another address than that of an entry."""
        addresses = {self._options.get(CONF_ADDRESS), entry.options.get(CONF_ADDRESS)}
        return len(addresses) > 1 and None not in addresses

    @callback
    def _update_and_abort(
        self, entry: ConfigEntry, data: Mapping[str, Any], options: Mapping[str, Any] | None = None
    ) -> ConfigFlowResult:
        """Give the entry its new data, and other options if there are any; it is set up anew."""
        options = entry.options if options is None else options
        if entry.update_listeners:
            # They reload it.
            return self.async_update_and_abort(entry, data=data, options=options)
        return self.async_update_reload_and_abort(entry, data=data, options=options)


def _read_keys(user_input: Mapping[str, str]) -> tuple[DecryptionKeys | None, dict[str, str]]:
    """Return the keys that were typed; or none, and the fields that hold something else."""
    keys: dict[str, bytes] = {}
    errors: dict[str, str] = {}
    for field in (CONF_KEY, CONF_AUTHENTICATION_KEY):
        text = user_input.get(field, "")
        if field == CONF_AUTHENTICATION_KEY and not text.strip():
            continue
        try:
            keys[field] = parse_key(text)
        except ValueError:
            errors[field] = "key_format"
    if errors:
        return None, errors
    second = keys.get(CONF_AUTHENTICATION_KEY)
    return DecryptionKeys(keys[CONF_KEY], None if second == USUAL_AUTHENTICATION_KEY else second), {}


def _key_data(keys: DecryptionKeys | None) -> dict[str, str]:
    """Return the keys as an entry keeps them."""
    if keys is None:
        return {}
    data = {CONF_KEY: keys.encryption.hex()}
    if keys.authentication is not None:
        data[CONF_AUTHENTICATION_KEY] = keys.authentication.hex()
    return data


def _refused_frames(entry: P1MeterConfigEntry) -> Iterable[bytes]:
    """Return the newest encrypted frames that the keys of an entry did not open."""
    if (reader := reader_of(entry)) is None:
        return []
    refusals = reader.refusals
    return [refusal.rejected.data for refusal in refusals if refusal.rejected.reason in {Reason.CIPHER, Reason.KEY}]


def _sample(seen: bytes) -> str:
    """Return some of what was heard as one line of text, from the start of a line on if there is one."""
    lines = seen.partition(b"\n")[2] or seen
    return " ".join(lines.decode("ascii", "replace").split())[:_SAMPLE_LENGTH]
