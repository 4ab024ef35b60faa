"""The part of the options dialog about what is kept and shared: journal, file, MQTT, InfluxDB, a port for others."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from homeassistant.helpers.selector import (
    BooleanSelector,
    SelectOptionDict,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.translation import async_get_translations
import probatio as vol

from .archive import IMPORTS, JOURNALS, Selection, parse_selection
from .archive.formats import FileName
from .archive.journal import BEGUN
from .const import DOMAIN
from .fields import dropdown, number_box, open_list, shortened, tick_list
from .meter import REGISTERS, Obis
from .meter.registers import name_for
from .options_part import OptionsPart
from .saving import LATEST_FILE_NAME, name_in_paths
from .sink_settings import (
    CONF_INFLUXDB,
    CONF_JOURNAL,
    CONF_LATEST_FILE,
    CONF_MQTT,
    CONF_SELECTED,
    CONF_SERVER,
    InfluxSettings,
    JournalSettings,
    LatestFileSettings,
    MqttSettings,
    ServerSettings,
    SinkSettings,
    to_options,
)
from .sinks import influxdb, server
from .sinks.layouts import is_prefix

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core_config import Config
    from homeassistant.helpers.selector import Selector

    from .sink_settings import AnySinkSettings

CONF_ENABLED: Final = "enabled"
CONF_KEEP: Final = "keep"
CONF_WHICH: Final = "which"
CONF_OBJECTS: Final = "objects"
CONF_PASTED: Final = "pasted"

_OFF: Final = "off"
_MQTT: Final = "mqtt"
_MOST_INTERVAL: Final = 3600
_INTERVAL: Final = number_box(0, _MOST_INTERVAL, unit="s")
# How long what cannot be sent is kept: the form shows minutes, the option has seconds.
_KEEP: Final = number_box(1, 1440, unit="min")
_MINUTE: Final = 60
# What some computer or other, on which a backup may end up, does not take in a name; the longest one in bytes.
_NOT_IN_NAMES: Final = frozenset('/\\:*?"<>|')
_LONGEST_NAME: Final = 255
# The one layout whose topics are the same whatever they are wished to begin with.
_FIXED_TOPICS: Final = "dsmr_reader"
_LOGIN: Final = {
    "1": ("database", "user", "password"),
    "2": ("organisation", "database", "token"),
    "3": ("database", "token"),
}
_SECRETS: Final = ("password", "token")
_PASSWORD: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD))
# What is wrong with what was typed in the first of the two forms, and in which field.
_WRONG_SERVER: Final = {
    influxdb.BAD_URL: "url",
    influxdb.UNREACHABLE: "url",
    influxdb.CERTIFICATE: "url",
    influxdb.VERSION: "version",
}
# Why others cannot be served at an address: the field, and what is said there.
_WRONG_ADDRESS: Final = {
    server.PORT_TAKEN: ("port", "port_taken"),
    server.NO_SUCH_ADDRESS: ("host", "not_our_address"),
    server.CANNOT_LISTEN: ("port", "port_not_allowed"),
}


class DataFlow(OptionsPart):
    """Asks for what `SinkSettings` holds."""

    def __init__(self) -> None:
        super().__init__()
        self._influx: dict[str, Any] = {}
        self._login: dict[str, Any] = {}
        self._offered: list[str] = []

    async def async_step_data(self, _user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Show what telegrams can be kept in and shared with."""
        return self.async_show_menu(
            step_id="data", menu_options=["journal", "latest_file", "mqtt", "influxdb", "server", "selected"]
        )

    # --- files --------------------------------------------------------------------------------------------------------

    async def async_step_journal(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what is written into monthly files."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input["format"] == _OFF:
                return self._keep(CONF_JOURNAL, None)
            folder = user_input["folder"].strip()
            if not _is_name(folder):
                errors["folder"] = "not_a_folder"
            elif folder.casefold() == IMPORTS:
                errors["folder"] = "folder_of_imports"
            elif folder in {options["folder"] for options in self._others(CONF_JOURNAL)}:
                errors["folder"] = "folder_taken"
            else:
                months, megabytes = user_input.get("keep_months"), user_input.get("max_mb")
                settings = JournalSettings(
                    folder=folder,
                    format=user_input["format"],
                    interval=int(user_input["interval"]),
                    keep_months=None if months is None else int(months),
                    max_mb=None if megabytes is None else int(megabytes),
                )
                return self._keep(CONF_JOURNAL, settings)
        chosen = self._sinks.journal
        now = chosen or JournalSettings(folder=self._slug)
        return self._form(
            step_id="journal",
            fields={
                vol.Required("format"): dropdown(
                    [_OFF, "sml3", "sml3_full", "sml3_values", "csv", "raw"], "journal_format"
                ),
                vol.Required("folder"): TextSelector(),
                vol.Required("interval"): _INTERVAL,
                vol.Optional("keep_months"): number_box(1, 600),
                vol.Optional("max_mb"): number_box(1, 1_000_000, unit="MB"),
            },
            shown=user_input
            or {
                "format": _OFF if chosen is None else now.format,
                "folder": now.folder,
                "interval": now.interval,
                "keep_months": now.keep_months,
                "max_mb": now.max_mb,
            },
            errors=errors,
            folder=self.hass.config.path(JOURNALS),
        )

    async def async_step_latest_file(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a file that holds the newest telegram."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if user_input["mode"] == _OFF:
                return self._keep(CONF_LATEST_FILE, None)
            path = user_input["path"].strip()
            taken = {options["path"] for options in self._others(CONF_LATEST_FILE)}
            ours = [self._sinks.journal.folder] if self._sinks.journal is not None else []
            folders = [*ours, *(options["folder"] for options in self._others(CONF_JOURNAL))]
            taken |= {self.hass.config.path(JOURNALS, folder) for folder in folders}
            mistake = await self.hass.async_add_executor_job(_mistake_in_path, self.hass.config, path, taken)
            if mistake is None:
                settings = LatestFileSettings(path=path, mode=user_input["mode"], interval=int(user_input["interval"]))
                return self._keep(CONF_LATEST_FILE, settings)
            errors["path"] = mistake
        chosen = self._sinks.latest_file
        now = chosen or LatestFileSettings(path=self.hass.config.path(JOURNALS, self._slug, LATEST_FILE_NAME))
        return self._form(
            step_id="latest_file",
            fields={
                vol.Required("mode"): dropdown([_OFF, "replace", "if_absent"], "latest_mode"),
                vol.Required("path"): TextSelector(),
                vol.Required("interval"): _INTERVAL,
            },
            shown=user_input
            or {"mode": _OFF if chosen is None else now.mode, "path": now.path, "interval": now.interval},
            errors=errors,
            folder=self.hass.config.path(JOURNALS),
        )

    # --- MQTT ---------------------------------------------------------------------------------------------------------

    async def async_step_mqtt(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask what is published at the broker."""
        errors: dict[str, str] = {}
        if user_input is not None:
            if not user_input["layouts"]:
                return self._keep(CONF_MQTT, None)
            settings = MqttSettings(
                layouts=tuple(user_input["layouts"]),
                prefix=user_input["prefix"].strip().strip("/"),
                interval=int(user_input["interval"]),
                qos=int(user_input["qos"]),
                retain=user_input["retain"],
                keep_s=int(user_input[CONF_KEEP] * _MINUTE),
            )
            errors = self._mistakes_in_mqtt(settings)
            if not errors:
                return self._keep(CONF_MQTT, settings)
        now = self._sinks.mqtt or MqttSettings(layouts=(), prefix=f"{DOMAIN}/{self._slug}")
        return self._form(
            step_id="mqtt",
            fields={
                # Without a default the frontend ticks the first one.
                vol.Required("layouts", default=[]): tick_list(
                    ["topics", "json", "json_array", "smartmeter_reader", _FIXED_TOPICS], "mqtt_layout"
                ),
                vol.Required("prefix"): TextSelector(),
                vol.Required("interval"): _INTERVAL,
                vol.Required("qos"): dropdown(["0", "1", "2"], "mqtt_qos"),
                vol.Required("retain"): BooleanSelector(),
                vol.Required(CONF_KEEP): _KEEP,
            },
            shown=user_input
            or {
                "layouts": list(now.layouts),
                "prefix": now.prefix,
                "interval": now.interval,
                "qos": str(now.qos),
                "retain": now.retain,
                CONF_KEEP: now.keep_s // _MINUTE,
            },
            errors=errors,
        )

    def _mistakes_in_mqtt(self, settings: MqttSettings) -> dict[str, str]:
        if not self.hass.config_entries.async_entries(_MQTT, include_disabled=False):
            return {"base": "mqtt_not_set_up"}
        if not is_prefix(settings.prefix):
            return {"prefix": "not_a_topic"}
        others = self._others(CONF_MQTT)
        if settings.prefix in {options["prefix"] for options in others}:
            return {"prefix": "prefix_taken"}
        if _FIXED_TOPICS in settings.layouts and any(_FIXED_TOPICS in options["layouts"] for options in others):
            return {"layouts": "layout_taken"}
        return {}

    # --- InfluxDB -----------------------------------------------------------------------------------------------------

    async def async_step_influxdb(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the database server, and what is written to it."""
        if user_input is None:
            return self._server_form({})
        if user_input["version"] == _OFF:
            return self._keep(CONF_INFLUXDB, None)
        self._influx = {**user_input, "url": user_input["url"].strip().rstrip("/")}
        return await self._async_step_login()

    def _server_form(self, errors: dict[str, str]) -> ConfigFlowResult:
        chosen = self._sinks.influxdb
        now = chosen or InfluxSettings(url="http://localhost:8086", database="")
        return self._form(
            step_id="influxdb",
            fields={
                vol.Required("version"): dropdown([_OFF, *_LOGIN], "influxdb_version"),
                vol.Required("url"): TextSelector(TextSelectorConfig(type=TextSelectorType.URL)),
                vol.Required("verify_ssl"): BooleanSelector(),
                vol.Required("names"): dropdown(["p1meter", "smartmeter"], "influxdb_names"),
                vol.Required("interval"): _INTERVAL,
                vol.Required(CONF_KEEP): _KEEP,
            },
            shown=self._influx
            or {
                "version": _OFF if chosen is None else now.version,
                "url": now.url,
                "verify_ssl": now.verify_ssl,
                "names": now.names,
                "interval": now.interval,
                CONF_KEEP: now.keep_s // _MINUTE,
            },
            errors=errors,
            last_step=False,
        )

    async def _async_step_login(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask where in the server, and as whom; try it."""
        errors: dict[str, str] = {}
        before = self._sinks.influxdb
        version = self._influx["version"]
        if user_input is not None:
            self._login = user_input
            settings = self._influx_settings(before)
            if any(
                (settings.url, settings.organisation, settings.database)
                == (options["url"], options.get("organisation", ""), options["database"])
                for options in self._others(CONF_INFLUXDB)
            ):
                errors["database"] = "database_taken"
            elif (mistake := await influxdb.async_check(self.hass, settings)) is None:
                return self._keep(CONF_INFLUXDB, settings)
            elif mistake in _WRONG_SERVER:
                return self._server_form({_WRONG_SERVER[mistake]: mistake})
            else:
                errors["base"] = mistake
        # Version 3 may be run without tokens, version 2 may not.
        optional = {"user", "password"} if version == "1" else {"token"} if version == "3" else set()
        if before is not None and before.token:
            optional.add("token")
        shown = [] if before is None else [name for name in _LOGIN[version] if name not in _SECRETS]
        return self._form(
            step_id=f"influxdb_{version}",
            fields={
                vol.Optional(name) if name in optional else vol.Required(name): (
                    _PASSWORD if name in _SECRETS else TextSelector()
                )
                for name in _LOGIN[version]
            },
            shown=self._login or {name: getattr(before, name) for name in shown},
            errors=errors,
            url=self._influx["url"],
        )

    async_step_influxdb_1 = async_step_influxdb_2 = async_step_influxdb_3 = _async_step_login

    def _influx_settings(self, before: InfluxSettings | None) -> InfluxSettings:
        """Return what both forms say; nobody has to type again what is not shown."""
        login = {name: self._login.get(name, "").strip() for name in _LOGIN[self._influx["version"]]}
        if before is not None:
            login |= {name: getattr(before, name) for name in _SECRETS if login.get(name) == ""}
        if "user" in login and not login["user"]:
            login["password"] = ""
        further = {name: value for name, value in self._influx.items() if name != CONF_KEEP}
        return InfluxSettings(
            **{**further, **login, "interval": int(further["interval"])}, keep_s=int(self._influx[CONF_KEEP] * _MINUTE)
        )

    # --- a port for others --------------------------------------------------------------------------------------------

    async def async_step_server(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask at which address others may read along."""
        errors: dict[str, str] = {}
        chosen = self._sinks.server
        if user_input is not None:
            if not user_input[CONF_ENABLED]:
                return self._keep(CONF_SERVER, None)
            settings = ServerSettings(
                host=user_input["host"].strip(),
                port=int(user_input["port"]),
                max_clients=int(user_input["max_clients"]),
            )
            if (mistake := await _async_mistake_in_address(settings, chosen)) is None:
                return self._keep(CONF_SERVER, settings)
            field, errors[field] = mistake
        now = chosen or ServerSettings()
        return self._form(
            step_id="server",
            fields={
                vol.Required(CONF_ENABLED): BooleanSelector(),
                vol.Required("host"): TextSelector(),
                vol.Required("port"): number_box(1, 65535),
                vol.Required("max_clients"): number_box(1, 50),
            },
            shown=user_input
            or {
                CONF_ENABLED: chosen is not None,
                "host": now.host,
                "port": now.port,
                "max_clients": now.max_clients,
            },
            errors=errors,
        )

    # --- which objects ------------------------------------------------------------------------------------------------

    async def async_step_selected(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask which objects go to journal and MQTT."""
        errors: dict[str, str] = {}
        unread: tuple[str, ...] = ()
        labels = await self._async_labels()
        before: list[str] | None = self.config_entry.options.get(CONF_SELECTED)
        kept = list(labels) if before is None else _as_sent(before, labels)
        if user_input is None:
            self._offered = kept
        else:
            which = user_input[CONF_WHICH]
            codes, unread = parse_selection(user_input.get(CONF_PASTED, ""))
            if which == "all":
                is_unticked = not set(self._offered) <= set(user_input.get(CONF_OBJECTS, self._offered))
                if before is not None or not (is_unticked or codes or unread):
                    return self._save({CONF_SELECTED}, {})
                # It stood there by itself: who has changed the rest has overlooked it.
                errors[CONF_WHICH] = "all_overlooked"
            elif unread:
                errors[CONF_PASTED] = "lines_unread"
            elif which == "pasted" and not codes:
                errors[CONF_PASTED] = "no_codes"
            else:
                ticked = [] if which == "pasted" else user_input.get(CONF_OBJECTS, [])
                chosen = _as_sent([*ticked, *map(str, codes)], labels)
                return self._save({CONF_SELECTED}, {CONF_SELECTED: chosen})
        shown = user_input or {CONF_WHICH: "all" if before is None else "ticked", CONF_OBJECTS: kept}
        # Also what the meter does not send at the moment.
        codes_shown = dict.fromkeys([*labels, *kept, *shown.get(CONF_OBJECTS, ())])
        options = [SelectOptionDict(value=code, label=labels.get(code, code)) for code in codes_shown]
        fields: dict[Any, Selector[Any]] = {
            vol.Required(CONF_WHICH): open_list(["all", "ticked", "pasted"], "selected")
        }
        if options:
            fields[vol.Required(CONF_OBJECTS, default=[])] = tick_list(options)
        fields[vol.Optional(CONF_PASTED)] = TextSelector(TextSelectorConfig(multiline=True))
        return self._form(
            step_id="selected", fields=fields, shown=shown, errors=errors, lines=", ".join(map(shortened, unread))
        )

    async def _async_labels(self) -> dict[str, str]:
        """Return the objects of the newest telegram by code, in order, as a person knows them."""
        if (telegram := self._telegram) is None:
            return {}
        texts = await async_get_translations(self.hass, self.hass.config.language, "entity", [DOMAIN])
        names: dict[Obis, str] = {}
        for reading in telegram.readings.values():
            register = REGISTERS.get(reading.key)
            if register is None or reading.obis is None:
                continue
            of_platform = f"component.{DOMAIN}.entity.{{}}.{name_for(register, telegram.profile)}.name"
            text = texts.get(of_platform.format("sensor")) or texts.get(of_platform.format("binary_sensor"))
            if text is not None:
                names.setdefault(reading.obis, text.format_map(register.placeholders))
        return {
            str(obis): shortened(f"{names[obis]} ({obis})" if obis in names else f"{obis} = {', '.join(values)}")
            for obis, values in telegram.objects
        }

    # --- what all of them do ------------------------------------------------------------------------------------------

    @property
    def _sinks(self) -> SinkSettings:
        return SinkSettings.of(self.config_entry.options)

    @property
    def _slug(self) -> str:
        """What the meter is called in paths and topics, unless the person calls it otherwise; no other is called so."""
        return name_in_paths(self.hass, self.config_entry)

    def _others(self, sink: str) -> list[Mapping[str, Any]]:
        """Return the options that other meters have for a sink: what two of them write must not get mixed up."""
        return [
            entry.options[sink]
            for entry in self.hass.config_entries.async_entries(DOMAIN)
            if entry.entry_id != self.config_entry.entry_id and sink in entry.options
        ]

    def _keep(self, sink: str, settings: AnySinkSettings | None) -> ConfigFlowResult:
        """Keep what was chosen for a sink; None: it is off."""
        return self._save({sink}, {sink: None if settings is None else to_options(settings)})


def _is_name(text: str) -> bool:
    """Whether a folder may be called so, here and on the computer that a backup of it is unpacked on."""
    return (
        text not in {"", ".", ".."}
        and text.isprintable()
        and not _NOT_IN_NAMES & set(text)
        and len(text.encode()) <= _LONGEST_NAME
    )


def _mistake_in_path(config: Config, text: str, taken: Iterable[str]) -> str | None:
    """Return the key of what is wrong with the path of a file; None: it may be written. Looks at the disk.

    Args:
        config: of Home Assistant: where it may write.
        text: the path, as it was typed.
        taken: paths at which something else is kept.
    """
    path, ours = Path(text), Path(config.path(JOURNALS)).resolve()
    # The system's own functions do not take every character.
    if not text.isprintable() or not path.is_absolute() or path.is_dir() or (real := path.resolve()) == ours:
        return "not_a_file"
    if FileName.parse(path.name) is not None or real in {Path(other).resolve() for other in taken}:
        return "file_taken"
    if real.is_relative_to(ours):
        is_a_journals = any(name == BEGUN or FileName.parse(name) for name in real.relative_to(ours).parts)
        return "file_taken" if is_a_journals else None
    if not config.is_allowed_path(text):
        return "path_not_allowed"
    return None if path.parent.is_dir() else "no_such_folder"


async def _async_mistake_in_address(settings: ServerSettings, held: ServerSettings | None) -> tuple[str, str] | None:
    """Return the field that is wrong and the key of what is wrong with it; None: others can be served there.

    Args:
        settings: what is wished.
        held: what is there now: that port is not tried, because we have it ourselves.
    """
    if not settings.host:
        # That would be every address there is.
        return _WRONG_ADDRESS[server.NO_SUCH_ADDRESS]
    port = settings.port
    if held is not None and port == held.port:
        if settings.host == held.host:
            return None
        port = 0
    sink = server.ServerSink(replace(settings, port=port))
    await sink.async_start()
    await sink.async_stop()
    return None if sink.status.error is None else _WRONG_ADDRESS[sink.status.error]


def _as_sent(codes: Iterable[str], sent: Iterable[str]) -> list[str]:
    """Return the objects, each once, as the meter spells them; what it does not send, as it was typed."""
    spelled: dict[str, None] = {}
    for code in codes:
        selection = Selection({Obis.parse(code)})
        spelled |= dict.fromkeys([one for one in sent if selection.allows(Obis.parse(one))] or [code])
    return list(spelled)
