"""The dialogs: on which port the meter is, where it moved to, and what the Energy dashboard gets of it."""

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, override

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryState,
    ConfigFlow,
    ConfigFlowResult,
    FlowType,
    OperationNotAllowed,
    OptionsFlow,
)
from homeassistant.const import CONF_PORT
from homeassistant.core import HomeAssistant, callback
from homeassistant.data_entry_flow import AbortFlow, FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.helpers.selector import (
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
    SerialPortSelector,
)
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
import probatio as vol

from .const import CONF_LINE, CONF_PROFILE, DOMAIN, PROBED
from .energy_dashboard import EnergyDashboardError, async_apply, async_proposal, async_sources
from .idents import describe
from .link import ProbePlan, ProbeResult, ProbeVerdict, TransportError, TransportErrorKind, probe
from .meter import REGISTERS, Telegram
from .ports import async_program_on, async_same_port, async_stable_path, async_user_of
from .roles import Roles, kind_and_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .energy_dashboard import Source
    from .link import LineSettings

_LOGGER = logging.getLogger(__name__)

CONF_IDENT: Final = "ident"
"""In the entry's data where the meter has no id: what stands in for it."""
CONF_SOURCES: Final = "sources"

PROBE_PLAN = ProbePlan()
"""How long to listen for what."""

_PORT_SCHEMA = vol.Schema({vol.Required(CONF_PORT): SerialPortSelector()})


class P1MeterConfigFlow(ConfigFlow, domain=DOMAIN):
    """Finds the meter on a port: nothing but the port is asked."""

    VERSION = 1

    _found: tuple[Telegram, LineSettings]

    def __init__(self) -> None:
        self._typed = ""
        self._port = ""
        self._task: asyncio.Task[ProbeResult] | None = None
        self._error: str | None = None
        self._placeholders: dict[str, str] = {}
        self._unloaded = False
        self._closed = False

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> P1MeterOptionsFlow:
        """Return the dialog behind the entry's cogwheel."""
        return P1MeterOptionsFlow()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the port of a new meter."""
        return await self._async_ask_port(user_input)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the port that the meter has moved to."""
        return await self._async_ask_port(user_input)

    async def async_step_listen(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show that the port is being listened to, until it is known what is on it."""
        task = self._task
        if task is None or not task.done():
            return self._show_listening()
        self._error, self._placeholders = await self._async_judge(task)
        if self._error is not None:
            await self._async_set_up_again()
            return self.async_show_progress_done(next_step_id=self._first_step)
        return self.async_show_progress_done(next_step_id="moved" if self._first_step == "reconfigure" else "found")

    async def async_step_found(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say what was found, and add it."""
        telegram, data = await self._async_identify()
        self._abort_if_known(telegram)
        if user_input is None:
            return self.async_show_form(
                step_id="found",
                data_schema=vol.Schema({}),
                description_placeholders=await self._async_description(telegram),
                last_step=True,
            )
        words = await async_words(self.hass, "meter")
        # Set-up starts with this telegram instead of waiting for the next one.
        self.hass.data.setdefault(PROBED, {})[self._port] = telegram
        return self.async_create_entry(title=describe(telegram.ident).name or words["unknown"], data=data)

    async def async_step_moved(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the new port if it is the same meter."""
        entry = self._get_reconfigure_entry()
        telegram, data = await self._async_identify()
        self._abort_if_unique_id_mismatch(description_placeholders={"title": entry.title})
        if entry.data.get(CONF_IDENT) != data.get(CONF_IDENT):
            raise AbortFlow("unique_id_mismatch", {"title": entry.title})
        self._unloaded = False
        self.hass.data.setdefault(PROBED, {})[self._port] = telegram
        if entry.update_listeners:
            # They reload it.
            return self.async_update_and_abort(entry, data=data)
        return self.async_update_reload_and_abort(entry, data=data)

    @override
    async def async_on_create_entry(self, result: ConfigFlowResult) -> ConfigFlowResult:
        """Go on with the Energy dashboard, if there is something to offer."""
        following = await self.hass.config_entries.options.async_init(
            result["result"].entry_id, context={"source": SOURCE_USER}
        )
        if following["type"] is FlowResultType.FORM:
            result["next_flow"] = (FlowType.OPTIONS_FLOW, following["flow_id"])
        return result

    @callback
    @override
    def async_remove(self) -> None:
        """Leave nothing behind when the dialog is closed: the port is free, the entry runs."""
        self._closed = True
        if self._unloaded:
            self.hass.async_create_task(self._async_set_up_again())

    @property
    def _first_step(self) -> str:
        return "reconfigure" if self.source == SOURCE_RECONFIGURE else "user"

    async def _async_ask_port(self, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        """Show the form, with what went wrong the last time, or start to listen."""
        entry = self._get_reconfigure_entry() if self.source == SOURCE_RECONFIGURE else None
        if user_input is not None:
            self._typed = user_input[CONF_PORT].strip()
            self._port = await async_stable_path(self.hass, self._typed)
            besides = None if entry is None else entry.entry_id
            if (user := await async_user_of(self.hass, self._port, besides=besides)) is None:
                if entry is not None:
                    await self._async_free_port(entry)
                # Not done before it is shown: a form's input would be given to the step that follows.
                self._task = self.hass.async_create_task(self._async_probe(), eager_start=False)
                return self._show_listening()
            self._error = "port_used_by_app" if user.integration is None else "port_used"
            self._placeholders = {"title": user.title, "integration": user.integration or ""}
        suggested = self._typed or (None if entry is None else entry.data[CONF_PORT])
        return self.async_show_form(
            step_id=self._first_step,
            data_schema=self.add_suggested_values_to_schema(
                _PORT_SCHEMA, {CONF_PORT: suggested} if suggested else None
            ),
            errors={} if self._error is None else {"base": self._error},
            description_placeholders={
                "port": self._typed,
                "title": "" if entry is None else entry.title,
                **self._placeholders,
            },
        )

    @callback
    def _show_listening(self) -> ConfigFlowResult:
        return self.async_show_progress(
            step_id="listen",
            progress_action="listen",
            description_placeholders={"port": self._typed},
            progress_task=self._task,
        )

    async def _async_probe(self) -> ProbeResult:
        return await probe(
            self._port,
            zone=dt_util.get_default_time_zone(),
            country=self.hass.config.country,
            on_progress=lambda share, _: self.async_update_progress(share),
            plan=PROBE_PLAN,
        )

    async def _async_judge(self, task: asyncio.Task[ProbeResult]) -> tuple[str | None, dict[str, str]]:
        """Keep what was found, or return the error to show and what its text needs."""
        try:
            result = await task
        except TransportError as err:
            _LOGGER.debug("Listening on %s ended: %s (%s)", self._port, err.kind, err.detail)
            if err.kind is TransportErrorKind.BUSY and (program := await async_program_on(self.hass, self._port)):
                return "port_busy_by", {"program": program}
            return f"port_{err.kind}", {}
        except Exception:
            # Without an answer the dialog would hang.
            _LOGGER.exception("Listening on %s failed", self._port)
            return "unknown", {}
        _LOGGER.debug("On %s: %s, %s, %r", self._port, result.verdict, result.settings, result.seen)
        if result.verdict is not ProbeVerdict.FOUND or result.telegram is None or result.settings is None:
            return f"heard_{result.verdict}", {}
        self._found = result.telegram, result.settings
        return None, {}

    async def _async_free_port(self, entry: ConfigEntry) -> None:
        """Unload the entry if it reads the port that is to be listened to."""
        if not await async_same_port(self.hass, self._port, entry.data[CONF_PORT]):
            return
        try:
            self._unloaded = await self.hass.config_entries.async_unload(entry.entry_id)
        except OperationNotAllowed:
            # It is just being set up or taken down.
            self._unloaded = False
        if self._closed:
            await self._async_set_up_again()
        if not self._unloaded:
            raise AbortFlow("unload_failed", {"title": entry.title})

    async def _async_set_up_again(self) -> None:
        """Set the entry up that was unloaded to free its port."""
        if not self._unloaded:
            return
        self._unloaded = False
        if self._task is not None:
            await asyncio.wait([self._task])
        entry = self.hass.config_entries.async_get_entry(self._reconfigure_entry_id)
        if entry is not None and entry.state is ConfigEntryState.NOT_LOADED:
            await self.hass.config_entries.async_setup(entry.entry_id)

    async def _async_identify(self) -> tuple[Telegram, dict[str, Any]]:
        """Set the flow's unique id; return the telegram and the data of an entry for its meter."""
        telegram, settings = self._found
        # A dialog that somebody left open must not stand in the way of another one.
        await self.async_set_unique_id(meter_id(telegram), raise_on_progress=False)
        data = {CONF_PORT: self._port, CONF_LINE: str(settings), CONF_PROFILE: telegram.profile.name}
        if self.unique_id is None:
            data[CONF_IDENT] = telegram.ident
        return telegram, data

    def _abort_if_known(self, telegram: Telegram) -> None:
        """Abort if the meter is set up already."""
        for entry in self._async_current_entries(include_ignore=False):
            same = (
                {CONF_PORT: self._port, CONF_IDENT: telegram.ident, CONF_PROFILE: telegram.profile.name}.items()
                <= entry.data.items()
                if self.unique_id is None
                else entry.unique_id == self.unique_id
            )
            if same:
                raise AbortFlow("already_configured", {"title": entry.title})

    async def _async_description(self, telegram: Telegram) -> dict[str, str]:
        """Return the pieces of the sentence that says what was found."""
        meters = await async_words(self.hass, "meter")
        systems = await async_words(self.hass, "system")
        profile = telegram.profile
        roles = Roles({}).assign(telegram.mbus.values(), dt_util.utcnow())
        devices = []
        for kind, number in sorted(map(kind_and_number, roles.values())):
            devices.append(meters[kind] if number == 1 else f"{meters[kind]} {number}")
        return {
            "meter": describe(telegram.ident).name or meters["unknown"],
            "system": systems.get(f"{profile.name}-{(profile.country or '').lower()}") or systems[profile.name],
            "devices": ", ".join(devices) or meters["none"],
            "count": str(_number_of_values(telegram)),
        }


class P1MeterOptionsFlow(OptionsFlow):
    """Offers the meter to the Energy dashboard."""

    async def async_step_init(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Begin with the only step there is."""
        return await self.async_step_energy()

    async def async_step_energy(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Offer what the Energy dashboard does not have yet, and add what is ticked."""
        try:
            if user_input is not None:
                await async_apply(self.hass, self.config_entry, user_input[CONF_SOURCES])
                return self.async_create_entry(data=self.config_entry.options)
            proposal = await async_proposal(self.hass, self.config_entry)
        except EnergyDashboardError:
            return self.async_abort(
                reason="energy_by_hand",
                description_placeholders={
                    "sources": await self._async_list(async_sources(self.hass, self.config_entry))
                },
            )
        if not proposal.sources:
            known = async_sources(self.hass, self.config_entry)
            return self.async_abort(reason="energy_complete" if known else "energy_no_sensors")
        options = [
            SelectOptionDict(value=source.id, label=await self._async_label(source)) for source in proposal.sources
        ]
        return self.async_show_form(
            # Other words where it must be warned of counting twice.
            step_id="energy_beside" if proposal.beside else "energy",
            data_schema=vol.Schema(
                {
                    vol.Required(CONF_SOURCES, default=list(proposal.ticked)): SelectSelector(
                        SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST)
                    )
                }
            ),
            description_placeholders={
                "sources": await self._async_list(proposal.sources),
                "beside": ", ".join(proposal.beside),
            },
            last_step=True,
        )

    async_step_energy_beside = async_step_energy

    async def _async_label(self, source: Source) -> str:
        """Return what a source is called: `Electricity: Import low tariff, Export low tariff`, `Gas: Gas meter`."""
        kinds = await async_words(self.hass, "source")
        names = [self._name(entity, of_device=source.kind != "grid") for entity in source.entities]
        return f"{kinds[source.kind]}: {', '.join(names)}"

    def _name(self, entity: er.RegistryEntry, *, of_device: bool) -> str:
        """Return the name of an entity, or of its device where the entity is all there is to it."""
        device = dr.async_get(self.hass).async_get(entity.device_id or "")
        names = [entity.name]
        if of_device and device:
            names += [device.name_by_user, device.name]
        return next(filter(None, [*names, entity.original_name, entity.entity_id]))

    async def _async_list(self, sources: Iterable[Source]) -> str:
        """Return what would be added, as lines of a text."""
        return "\n".join(
            [f"- {await self._async_label(source)} ({', '.join(source.entity_ids)})" for source in sources]
        )


async def async_words(hass: HomeAssistant, group: str) -> dict[str, str]:
    """Return translated words that go into a sentence, by key: `meter`, `system` or `source`."""
    texts = await async_get_translations(hass, hass.config.language, "selector", [DOMAIN])
    start = f"component.{DOMAIN}.selector.{group}.options."
    return {key.removeprefix(start): text for key, text in texts.items() if key.startswith(start)}


def meter_id(telegram: Telegram) -> str | None:
    """Return what tells this meter from all others: its equipment id, else that of the only meter on its M-Bus."""
    if (own := telegram.readings.get("equipment_id")) is not None and isinstance(own.value, str):
        return own.value
    ids = {device.equipment_id for device in telegram.mbus.values()} - {None}
    return ids.pop() if len(ids) == 1 else None


def _number_of_values(telegram: Telegram) -> int:
    """Return how many values of a telegram become sensors."""
    return sum(
        1
        for reading in telegram.readings.values()
        if reading.value is not None and ((register := REGISTERS.get(reading.key)) is None or register.entity)
    )
