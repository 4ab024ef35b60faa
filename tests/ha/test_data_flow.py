"""Keep and share data, behind the cogwheel: journal, file, MQTT, InfluxDB, a port for others, and which values."""

import asyncio
from base64 import b64encode
from dataclasses import dataclass, field
import json
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from aiohttp import web
from aiohttp.test_utils import TestServer
from homeassistant.config_entries import ConfigEntryState
from homeassistant.data_entry_flow import FlowResultType, InvalidData
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.meter import Obis
from custom_components.p1meter.sink_settings import SinkSettings
from custom_components.p1meter.sinks import influxdb, server
from tests.compose import nl5
from tests.link.line import free_port

from .dialogs import FOLDER, said
from .forms import choices, cogwheel, complaint, fill_in, suggested

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant

    from .conftest import SetUp

TEXTS: dict[str, Any] = {
    language: json.loads((FOLDER / "translations" / f"{language}.json").read_text())
    for language in ("en", "nl", "fr", "de")
}
# Of a server that lives as long as a test.
PASSWORD, OTHER_PASSWORD, TOKEN = "hedgehog-44", "badger-45", "dG9rZW4="
# What comes up only when there is something to write.
LATER = {influxdb.NOT_INSTALLED, influxdb.REFUSED, influxdb.FIELDS}
STEPS = ("journal", "latest_file", "mqtt", "influxdb", "server", "selected")


@pytest.fixture(autouse=True)
def folder(hass: HomeAssistant, tmp_path: Path) -> Path:
    """A configuration folder of our own."""
    hass.config.config_dir = str(tmp_path)
    hass.config.allowlist_external_dirs = {str(tmp_path / "www")}
    return tmp_path


@pytest.fixture
def broker(hass: HomeAssistant) -> MockConfigEntry:
    """Home Assistant's MQTT integration, as far as the dialog looks at it."""
    entry = MockConfigEntry(domain="mqtt", title="Broker")
    entry.add_to_hass(hass)
    return entry


def add_meter(hass: HomeAssistant, title: str = "Iskra AM550", **options: Any) -> MockConfigEntry:
    """Another meter of the house."""
    entry = MockConfigEntry(domain=DOMAIN, title=title, data={"port": "/dev/ttyUSB9"}, options=options)
    entry.add_to_hass(hass)
    return entry


async def open_step(hass: HomeAssistant, entry: MockConfigEntry, step: str) -> ConfigFlowResult:
    return await cogwheel(hass, entry, "data", step)


def kept(entry: MockConfigEntry) -> dict[str, Any]:
    """What the entry has of it, as it is after a restart."""
    options: dict[str, Any] = json.loads(json.dumps(dict(entry.options)))
    return options


# --- the menu and the texts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", TEXTS)
async def test_everything_in_it_can_be_read_in_every_language(
    hass: HomeAssistant, entry: MockConfigEntry, language: str
) -> None:
    steps = TEXTS[language]["options"]["step"]
    menu = await cogwheel(hass, entry, "data")
    assert menu["type"] is FlowResultType.MENU
    assert menu["menu_options"] == list(STEPS)
    assert steps["data"]["menu_options"].keys() == set(STEPS)
    forms = [await open_step(hass, entry, step) for step in STEPS]
    influx = await open_step(hass, entry, "influxdb")
    forms += [await fill_in(hass, influx, version=version) for version in ("1",)]
    for version in ("2", "3"):
        forms.append(await fill_in(hass, await open_step(hass, entry, "influxdb"), version=version))
    for form in forms:
        text = steps[form["step_id"]]
        assert form["data_schema"] is not None
        assert {str(name) for name in form["data_schema"].schema} <= text["data"].keys()
        assert text["description"].format_map(form["description_placeholders"])
        for described in text["data_description"].values():
            assert described.format_map(form["description_placeholders"])
        for selector in form["data_schema"].schema.values():
            if (group := selector.config.get("translation_key")) is not None:
                assert TEXTS[language]["selector"][group]["options"].keys() == set(selector.config["options"])


@pytest.mark.parametrize("step", ["journal", "latest_file", "mqtt", "influxdb", "server", "selected"])
async def test_what_is_off_and_is_left_so_leaves_nothing_behind(
    hass: HomeAssistant, entry: MockConfigEntry, step: str
) -> None:
    form = await open_step(hass, entry, step)
    done = await fill_in(hass, form, **({"layouts": []} if step == "mqtt" else {}))
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert kept(entry) == {}


# --- the journal ------------------------------------------------------------------------------------------------------


async def test_a_journal_is_switched_on_changed_and_off(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path
) -> None:
    hass.config_entries.async_update_entry(entry, options={"interval": 30})
    form = await open_step(hass, entry, "journal")
    assert str(folder / "p1meter") in said(form, "options")
    assert "serial numbers" in said(form, "options")
    assert suggested(form) == {"format": "off", "folder": "iskra_am550", "interval": 60}
    await fill_in(hass, form, format="sml3")
    # Only what is not so by default.
    assert kept(entry) == {"interval": 30, "journal": {"folder": "iskra_am550"}}
    form = await open_step(hass, entry, "journal")
    assert suggested(form) == {"format": "sml3", "folder": "iskra_am550", "interval": 60}
    await fill_in(hass, form, format="csv", folder=" Home ", interval=0, keep_months=24.0, max_mb=500.0)
    assert kept(entry)["journal"] == {
        "folder": "Home",
        "format": "csv",
        "interval": 0,
        "keep_months": 24,
        "max_mb": 500,
    }
    form = await open_step(hass, entry, "journal")
    assert suggested(form) == {"format": "csv", "folder": "Home", "interval": 0, "keep_months": 24, "max_mb": 500}
    await fill_in(hass, form, keep_months=None, max_mb=None)
    assert kept(entry)["journal"] == {"folder": "Home", "format": "csv", "interval": 0}
    await fill_in(hass, await open_step(hass, entry, "journal"), format="off")
    assert kept(entry) == {"interval": 30}


@pytest.mark.parametrize(
    "name", ["", " ", ".", "..", "../www", "a/b", "/etc", "a\\b", "C:", "a*", "what?", "<a>", "a|b", "a\0b", "é" * 128]
)
async def test_a_folder_has_a_name_that_every_computer_takes(
    hass: HomeAssistant, entry: MockConfigEntry, name: str
) -> None:
    form = await fill_in(hass, await open_step(hass, entry, "journal"), format="raw", folder=name, keep_months=3)
    assert form["errors"] == {"folder": "not_a_folder"}
    assert "without /" in complaint(form)
    # What was typed is still there.
    assert suggested(form) == {"format": "raw", "folder": name, "interval": 60, "keep_months": 3}
    await fill_in(hass, form, folder="Zähler 1 (Keller)")
    assert kept(entry) == {"journal": {"folder": "Zähler 1 (Keller)", "format": "raw", "keep_months": 3}}


async def test_nobody_is_kept_from_switching_off_by_what_is_wrong(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await fill_in(hass, await open_step(hass, entry, "journal"), format="raw", folder="/")
    assert (await fill_in(hass, form, format="off"))["type"] is FlowResultType.CREATE_ENTRY


async def test_two_meters_do_not_share_a_folder(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await fill_in(hass, await open_step(hass, entry, "journal"), format="sml3")
    # Twice the same model: another folder is proposed.
    second = add_meter(hass)
    form = await open_step(hass, second, "journal")
    assert suggested(form)["folder"] == "iskra_am550_2"
    form = await fill_in(hass, form, format="sml3", folder="iskra_am550")
    assert form["errors"] == {"folder": "folder_taken"}
    assert complaint(form) == "Another meter writes its journal into that folder."
    await fill_in(hass, form, folder="second")
    assert kept(second) == {"journal": {"folder": "second"}}
    # The first one still may have its own.
    done = await fill_in(hass, await open_step(hass, entry, "journal"), interval=10)
    assert done["type"] is FlowResultType.CREATE_ENTRY


@pytest.mark.parametrize(("name", "value"), [("interval", 3601), ("interval", -1), ("keep_months", 0), ("max_mb", 0)])
async def test_numbers_have_bounds(hass: HomeAssistant, entry: MockConfigEntry, name: str, value: int) -> None:
    with pytest.raises(InvalidData):
        await fill_in(hass, await open_step(hass, entry, "journal"), format="sml3", **{name: value})


# --- the file with the newest telegram --------------------------------------------------------------------------------


async def test_a_file_is_switched_on_changed_and_off(hass: HomeAssistant, entry: MockConfigEntry, folder: Path) -> None:
    form = await open_step(hass, entry, "latest_file")
    proposed = str(folder / "p1meter" / "iskra_am550" / "telegram.txt")
    assert suggested(form) == {"mode": "off", "path": proposed, "interval": 10}
    await fill_in(hass, form, mode="replace")
    assert kept(entry) == {"latest_file": {"path": proposed}}
    (folder / "www").mkdir()
    allowed = str(folder / "www" / "telegram")
    form = await open_step(hass, entry, "latest_file")
    assert suggested(form) == {"mode": "replace", "path": proposed, "interval": 10}
    await fill_in(hass, form, mode="if_absent", path=f" {allowed} ", interval=0)
    assert kept(entry) == {"latest_file": {"path": allowed, "mode": "if_absent", "interval": 0}}
    form = await open_step(hass, entry, "latest_file")
    assert suggested(form) == {"mode": "if_absent", "path": allowed, "interval": 0}
    await fill_in(hass, form, mode="off")
    assert kept(entry) == {}


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("telegram.txt", "not_a_file"),
        ("p1meter/telegram.txt", "not_a_file"),
        ("", "not_a_file"),
        ("/{folder}/p1meter/a\0b", "not_a_file"),
        ("{folder}", "not_a_file"),
        ("{folder}/p1meter", "not_a_file"),
        ("{folder}/www", "not_a_file"),
        ("{folder}/secrets.yaml", "path_not_allowed"),
        ("{folder}/p1meter/../configuration.yaml", "path_not_allowed"),
        ("{folder}/www/../configuration.yaml", "path_not_allowed"),
        ("{folder}/p1meter-of-mine/telegram", "path_not_allowed"),
        ("/run/meterinput", "path_not_allowed"),
        ("{folder}/p1meter/out/telegram", "path_not_allowed"),
        ("{folder}/p1meter/dangling", "path_not_allowed"),
        ("{folder}/www/away/telegram", "no_such_folder"),
        # The journal of this month, and its folder that is not there yet.
        ("{folder}/p1meter/iskra_am550/SML3Nov2026", "file_taken"),
        ("{folder}/p1meter/home", "file_taken"),
        ("{folder}/p1meter/other", "file_taken"),
        ("{folder}/p1meter/other/telegram", "file_taken"),
        ("{folder}/p1meter/home/../other/telegram", "file_taken"),
        # Where a journal notes what is its own, and where it would want to write a file.
        ("{folder}/p1meter/home/.begun", "file_taken"),
        ("{folder}/p1meter/home/RAWNov2026/telegram", "file_taken"),
    ],
)
async def test_a_file_is_only_written_where_it_may_be(
    hass: HomeAssistant, entry: MockConfigEntry, folder: Path, path: str, error: str
) -> None:
    (folder / "www").mkdir()
    (folder / "elsewhere").mkdir()
    ours = folder / "p1meter"
    if path != "{folder}/p1meter":
        ours.mkdir()
        (ours / "out").symlink_to(folder / "elsewhere")
        (ours / "dangling").symlink_to(folder / "elsewhere" / "nothing")
    hass.config_entries.async_update_entry(entry, options={"journal": {"folder": "home"}})
    add_meter(hass, journal={"folder": "other"}, latest_file={"path": str(ours / "other" / "telegram")})
    before = kept(entry)
    typed = path.format(folder=folder)
    form = await fill_in(hass, await open_step(hass, entry, "latest_file"), mode="replace", path=typed)
    assert form["errors"] == {"path": error}
    assert complaint(form)
    assert suggested(form)["path"] == typed
    assert kept(entry) == before
    # Beside the journal there is room.
    await fill_in(hass, form, path=str(ours / "home" / "telegram"))
    assert kept(entry)["latest_file"] == {"path": str(ours / "home" / "telegram")}


# --- MQTT -------------------------------------------------------------------------------------------------------------


async def test_without_a_broker_nothing_is_published(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await fill_in(hass, await open_step(hass, entry, "mqtt"), layouts=["json"])
    assert form["errors"] == {"base": "mqtt_not_set_up"}
    assert suggested(form)["layouts"] == ["json"]
    # It is set up meanwhile, in another window.
    MockConfigEntry(domain="mqtt", title="Broker").add_to_hass(hass)
    await fill_in(hass, form)
    assert kept(entry) == {"mqtt": {"layouts": ["json"], "prefix": "p1meter/iskra_am550"}}


@pytest.mark.usefixtures("broker")
async def test_publishing_is_switched_on_changed_and_off(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await open_step(hass, entry, "mqtt")
    first = {"prefix": "p1meter/iskra_am550", "interval": 0, "qos": "0", "retain": False, "keep": 60}
    assert suggested(form) == {"layouts": [], **first}
    await fill_in(hass, form, layouts=["topics", "json"])
    assert kept(entry) == {"mqtt": {"layouts": ["topics", "json"], "prefix": "p1meter/iskra_am550"}}
    form = await open_step(hass, entry, "mqtt")
    assert suggested(form) == {"layouts": ["topics", "json"], **first}
    typed = {"layouts": ["dsmr_reader"], "interval": 10, "qos": "2", "retain": True, "keep": 5}
    await fill_in(hass, form, prefix=" /home/meter/ ", **typed)
    assert kept(entry)["mqtt"] == {
        "layouts": ["dsmr_reader"],
        "prefix": "home/meter",
        "interval": 10,
        "qos": 2,
        "retain": True,
        "keep_s": 300,
    }
    form = await open_step(hass, entry, "mqtt")
    assert suggested(form) == {**typed, "prefix": "home/meter"}
    await fill_in(hass, form, layouts=[])
    assert kept(entry) == {}


@pytest.mark.usefixtures("broker")
@pytest.mark.parametrize("prefix", ["", " / ", "a/+/b", "#", "$SYS/meter", "a//b", "a\nb", "x" * 101])
async def test_topics_are_ones_that_brokers_take(hass: HomeAssistant, entry: MockConfigEntry, prefix: str) -> None:
    form = await fill_in(hass, await open_step(hass, entry, "mqtt"), layouts=["topics"], prefix=prefix, qos="1")
    assert form["errors"] == {"prefix": "not_a_topic"}
    assert suggested(form)["prefix"] == prefix
    await fill_in(hass, form, prefix="x" * 100)
    assert kept(entry) == {"mqtt": {"layouts": ["topics"], "prefix": "x" * 100, "qos": 1}}


@pytest.mark.usefixtures("broker")
async def test_two_meters_do_not_share_topics(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await open_step(hass, entry, "mqtt")
    await fill_in(hass, form, layouts=["topics", "dsmr_reader"])
    second = add_meter(hass)
    form = await open_step(hass, second, "mqtt")
    assert suggested(form)["prefix"] == "p1meter/iskra_am550_2"
    form = await fill_in(hass, form, layouts=["json"], prefix="p1meter/iskra_am550")
    assert form["errors"] == {"prefix": "prefix_taken"}
    # DSMR-reader's are the same for all, whatever the others begin with.
    form = await fill_in(hass, form, layouts=["json", "dsmr_reader"], prefix="p1meter/second")
    assert form["errors"] == {"layouts": "layout_taken"}
    await fill_in(hass, form, layouts=["json"])
    assert kept(second) == {"mqtt": {"layouts": ["json"], "prefix": "p1meter/second"}}


# --- InfluxDB ---------------------------------------------------------------------------------------------------------


@dataclass
class Influx:
    """Something that answers as an InfluxDB does, and remembers who asked."""

    status: int = 204
    body: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.path_qs, request.headers.get("Authorization", "")))
        if self.status == 204:
            return web.Response(status=204)
        return web.json_response(self.body, status=self.status)


@pytest.fixture
async def influx(socket_enabled: None) -> AsyncGenerator[Influx]:  # noqa: ARG001 (it has to be there before)
    stand_in = Influx()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stand_in.answer)
    async with TestServer(app) as running:
        stand_in.url = str(running.make_url("")).rstrip("/")
        yield stand_in


def basic(user: str, password: str) -> str:
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


async def test_a_database_is_switched_on_changed_and_off(
    hass: HomeAssistant, entry: MockConfigEntry, influx: Influx
) -> None:
    form = await open_step(hass, entry, "influxdb")
    first = {"verify_ssl": True, "names": "p1meter", "interval": 10, "keep": 60}
    assert suggested(form) == {"version": "off", "url": "http://localhost:8086", **first}
    form = await fill_in(hass, form, version="1", url=f" {influx.url}/ ")
    assert form["step_id"] == "influxdb_1"
    assert influx.url in said(form, "options")
    assert suggested(form) == {}
    await fill_in(hass, form, database=" energy ", user="meter", password=PASSWORD)
    assert kept(entry) == {"influxdb": {"url": influx.url, "database": "energy", "user": "meter", "password": PASSWORD}}
    assert influx.asked == [("/write?db=energy&precision=ms", basic("meter", PASSWORD))]
    # Nobody sees the password, and nobody has to type it again.
    form = await open_step(hass, entry, "influxdb")
    assert suggested(form) == {"version": "1", "url": influx.url, **first}
    form = await fill_in(hass, form, verify_ssl=False, names="smartmeter", interval=0, keep=1440)
    assert suggested(form) == {"database": "energy", "user": "meter"}
    await fill_in(hass, form, database="house")
    assert kept(entry)["influxdb"] == {
        "url": influx.url,
        "database": "house",
        "user": "meter",
        "password": PASSWORD,
        "verify_ssl": False,
        "names": "smartmeter",
        "interval": 0,
        "keep_s": 86_400,
    }
    assert influx.asked[-1] == ("/write?db=house&precision=ms", basic("meter", PASSWORD))
    form = await open_step(hass, entry, "influxdb")
    assert suggested(form) == {
        "version": "1",
        "url": influx.url,
        "verify_ssl": False,
        "names": "smartmeter",
        "interval": 0,
        "keep": 1440,
    }
    # A new password takes the place of the old one.
    await fill_in(hass, await fill_in(hass, form), password=OTHER_PASSWORD)
    assert kept(entry)["influxdb"]["password"] == OTHER_PASSWORD
    # Without a user nothing is left of it.
    await fill_in(hass, await fill_in(hass, await open_step(hass, entry, "influxdb")), user=None)
    assert {"user", "password"}.isdisjoint(kept(entry)["influxdb"])
    assert influx.asked[-1] == ("/write?db=house&precision=ms", "")
    await fill_in(hass, await open_step(hass, entry, "influxdb"), version="off")
    assert kept(entry) == {}


async def test_a_database_of_version_2_needs_a_token(
    hass: HomeAssistant, entry: MockConfigEntry, influx: Influx
) -> None:
    form = await fill_in(hass, await open_step(hass, entry, "influxdb"), version="2", url=influx.url)
    assert form["step_id"] == "influxdb_2"
    with pytest.raises(InvalidData):
        await fill_in(hass, form, organisation="home", database="energy")
    await fill_in(hass, form, organisation="home", database="energy", token=TOKEN)
    influxed = {"url": influx.url, "version": "2", "organisation": "home", "database": "energy", "token": TOKEN}
    assert kept(entry) == {"influxdb": influxed}
    assert influx.asked[0][1] == f"Token {TOKEN}"
    form = await fill_in(hass, await open_step(hass, entry, "influxdb"))
    assert suggested(form) == {"organisation": "home", "database": "energy"}
    await fill_in(hass, form)
    assert kept(entry) == {"influxdb": influxed}


async def test_a_database_of_version_3_may_need_none(
    hass: HomeAssistant, entry: MockConfigEntry, influx: Influx
) -> None:
    form = await fill_in(hass, await open_step(hass, entry, "influxdb"), version="3", url=influx.url)
    await fill_in(hass, form, database="energy")
    assert kept(entry) == {"influxdb": {"url": influx.url, "version": "3", "database": "energy"}}
    form = await fill_in(hass, await open_step(hass, entry, "influxdb"))
    await fill_in(hass, form, token=TOKEN)
    assert influx.asked[-1][1] == f"Bearer {TOKEN}"
    # The server is brought to another version: what belongs to the old one is not taken along.
    form = await fill_in(hass, await open_step(hass, entry, "influxdb"), version="1")
    await fill_in(hass, form)
    assert kept(entry) == {"influxdb": {"url": influx.url, "database": "energy"}}


async def test_what_the_server_does_not_like_is_said_and_put_right(
    hass: HomeAssistant, entry: MockConfigEntry, influx: Influx
) -> None:
    form = await fill_in(hass, await open_step(hass, entry, "influxdb"), version="1", url=influx.url)
    influx.status, influx.body = 401, {"error": "authorization failed"}
    form = await fill_in(hass, form, database="energy", user="meter", password=OTHER_PASSWORD)
    assert form["errors"] == {"base": "influxdb_auth"}
    assert complaint(form)
    influx.status, influx.body = 404, {"error": 'database not found: "energy"'}
    form = await fill_in(hass, form, password=PASSWORD)
    assert form["errors"] == {"base": "influxdb_no_database"}
    assert suggested(form)["database"] == "energy"
    influx.status = 204
    await fill_in(hass, form, database="house")
    assert kept(entry)["influxdb"]["password"] == PASSWORD


async def test_an_address_that_is_wrong_is_asked_again(
    hass: HomeAssistant, entry: MockConfigEntry, influx: Influx
) -> None:
    form = await open_step(hass, entry, "influxdb")
    form = await fill_in(hass, form, version="1", url=f"http://127.0.0.1:{free_port()}", interval=30)
    form = await fill_in(hass, form, database="energy", user="meter", password=PASSWORD)
    assert form["step_id"] == "influxdb"
    assert form["errors"] == {"url": "influxdb_unreachable"}
    assert complaint(form)
    assert suggested(form)["interval"] == 30
    form = await fill_in(hass, form, url=influx.url)
    # What was typed a moment ago does not have to be typed again.
    assert suggested(form) == {"database": "energy", "user": "meter", "password": PASSWORD}
    await fill_in(hass, form)
    assert kept(entry)["influxdb"]["interval"] == 30
    assert influx.asked[-1][1] == basic("meter", PASSWORD)


@pytest.mark.parametrize(
    # 63 letters are the most between two dots (RFC 1035 §2.3.4); before `.local`, dots count as letters.
    "url",
    [
        *("influxdb", "ftp://influxdb.local", "http://", "http://a:b@influxdb.local"),
        *(f"http://{'a' * 64}.example:8086", f"http://{'a' * 64}.local:8086"),
        *(f"http://{'a' * 32}.{'b' * 31}.local:8086", f"http://{'a' * 32}.{'b' * 31}.local.:8086"),
    ],
)
async def test_an_address_that_is_none(hass: HomeAssistant, entry: MockConfigEntry, url: str) -> None:
    form = await fill_in(hass, await open_step(hass, entry, "influxdb"), version="1", url=url)
    form = await fill_in(hass, form, database="energy")
    assert (form["step_id"], form["errors"]) == ("influxdb", {"url": "influxdb_url"})


@pytest.mark.parametrize(
    ("version", "login"),
    [
        ("1", {"database": " "}),
        ("2", {"database": "", "organisation": "home", "token": TOKEN}),
        ("2", {"database": "energy", "organisation": "", "token": TOKEN}),
        ("3", {"database": ""}),
    ],
)
async def test_a_database_without_a_name(
    hass: HomeAssistant, entry: MockConfigEntry, influx: Influx, version: str, login: dict[str, str]
) -> None:
    form = await fill_in(hass, await open_step(hass, entry, "influxdb"), version=version, url=influx.url)
    # So does 1.6; what is refused may be the comment, and that would be right.
    influx.status, influx.body = 400, {"error": "database is required"}
    form = await fill_in(hass, form, **login)
    assert form["errors"] == {"base": "influxdb_no_database"}


@pytest.mark.parametrize("error", [error for error in influxdb.ERRORS if error not in LATER])
@pytest.mark.parametrize("language", TEXTS)
async def test_every_error_is_said_in_every_language(
    hass: HomeAssistant, entry: MockConfigEntry, error: str, language: str
) -> None:
    form = await fill_in(hass, await open_step(hass, entry, "influxdb"), version="1")
    with patch("custom_components.p1meter.sinks.influxdb.async_check", return_value=error):
        form = await fill_in(hass, form, database="energy")
    (said_error,) = (form["errors"] or {}).values()
    assert said_error == error
    assert TEXTS[language]["options"]["error"][error].format_map(form["description_placeholders"])


async def test_two_meters_do_not_share_a_database(hass: HomeAssistant, entry: MockConfigEntry, influx: Influx) -> None:
    add_meter(hass, influxdb={"url": influx.url, "database": "energy"})
    form = await fill_in(hass, await open_step(hass, entry, "influxdb"), version="1", url=influx.url)
    form = await fill_in(hass, form, database="energy")
    assert form["errors"] == {"database": "database_taken"}
    await fill_in(hass, form, database="second")
    assert kept(entry) == {"influxdb": {"url": influx.url, "database": "second"}}


# --- a port for others ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("socket_enabled")
async def test_a_port_is_opened_changed_and_closed(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await open_step(hass, entry, "server")
    assert "without a password" in said(form, "options")
    assert suggested(form) == {"enabled": False, "host": "127.0.0.1", "port": 8088, "max_clients": 5}
    port = free_port()
    await fill_in(hass, form, enabled=True, port=float(port))
    assert kept(entry) == {"server": {"port": port}}
    form = await open_step(hass, entry, "server")
    assert suggested(form) == {"enabled": True, "host": "127.0.0.1", "port": port, "max_clients": 5}
    await fill_in(hass, form, host=" 0.0.0.0 ", max_clients=2)
    assert kept(entry) == {"server": {"host": "0.0.0.0", "port": port, "max_clients": 2}}
    await fill_in(hass, await open_step(hass, entry, "server"), enabled=False)
    assert kept(entry) == {}


@pytest.mark.usefixtures("socket_enabled")
async def test_a_port_that_another_program_has(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    other = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    taken = other.sockets[0].getsockname()[1]
    form = await fill_in(hass, await open_step(hass, entry, "server"), enabled=True, port=taken)
    assert form["errors"] == {"port": "port_taken"}
    assert suggested(form)["port"] == taken
    other.close()
    await other.wait_closed()
    await fill_in(hass, form)
    assert kept(entry) == {"server": {"port": taken}}


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "", " "])
async def test_an_address_that_is_not_ours(hass: HomeAssistant, entry: MockConfigEntry, host: str) -> None:
    form = await open_step(hass, entry, "server")
    form = await fill_in(hass, form, enabled=True, port=free_port(), host=host)
    assert form["errors"] == {"host": "not_our_address"}
    # It can be closed in spite of it.
    assert (await fill_in(hass, form, enabled=False))["type"] is FlowResultType.CREATE_ENTRY


async def test_a_port_that_the_system_does_not_give(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    with patch.object(server.ServerSink, "_listen", _denied):
        form = await fill_in(hass, await open_step(hass, entry, "server"), enabled=True, port=80)
    assert form["errors"] == {"port": "port_not_allowed"}


async def _denied(sink: server.ServerSink) -> bool:
    sink.status.error = server.CANNOT_LISTEN
    return False


@pytest.mark.usefixtures("socket_enabled", "everything_unloaded")
async def test_our_own_port_is_not_in_our_way(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    port = free_port()
    hass.config_entries.async_update_entry(entry, options={"server": {"port": port}})
    await set_up()
    # It listens there meanwhile.
    form = await open_step(hass, entry, "server")
    await fill_in(hass, form, max_clients=2)
    await hass.async_block_till_done()
    form = await open_step(hass, entry, "server")
    done = await fill_in(hass, form, host="0.0.0.0")
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    assert kept(entry) == {"server": {"host": "0.0.0.0", "port": port, "max_clients": 2}}
    sink = entry.runtime_data.sinks.sinks["server"]
    assert sink.status.error is None
    assert [one.getsockname() for one in sink._server.sockets] == [("0.0.0.0", port)]
    # An address that is not ours is none on our own port either; one that was ours is not asked about again.
    form = await fill_in(hass, await open_step(hass, entry, "server"), host="192.0.2.1")
    assert form["errors"] == {"host": "not_our_address"}


# --- which values -----------------------------------------------------------------------------------------------------

UNKNOWN = {"1-0:96.50.1": "(00012.3*kWh)", "0-0:96.13.0": f"({'41' * 100})"}


def selected(entry: MockConfigEntry) -> frozenset[Obis] | None:
    return SinkSettings.of(kept(entry)).selected


@pytest.mark.usefixtures("everything_unloaded")
async def test_values_are_shown_as_a_person_knows_them(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    await set_up(nl5(UNKNOWN))
    form = await open_step(hass, entry, "selected")
    shown = choices(form, "objects")
    # Everything that was sent, in its order.
    assert list(shown)[:4] == ["1-3:0.2.8", "0-0:1.0.0", "0-0:96.1.1", "1-0:1.8.1"]
    assert shown["1-0:1.8.1"] == "Import low tariff (1-0:1.8.1)"
    assert shown["1-0:52.7.0"] == "Voltage phase 2 (1-0:52.7.0)"
    assert shown["0-1:24.2.1"] == "Gas (0-1:24.2.1)"
    assert shown["0-1:24.1.0"] == "0-1:24.1.0 = 003"
    assert shown["1-0:96.50.1"] == "1-0:96.50.1 = 00012.3*kWh"
    assert max(map(len, shown.values())) <= 80
    assert suggested(form) == {"which": "all", "objects": list(shown)}


@pytest.mark.usefixtures("everything_unloaded")
async def test_some_are_selected_and_all_again(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up()
    form = await open_step(hass, entry, "selected")
    await fill_in(hass, form, which="ticked", objects=["1-0:1.8.1", "0-1:24.2.1"])
    await hass.async_block_till_done()
    assert kept(entry) == {"selected_objects": ["1-0:1.8.1", "0-1:24.2.1"]}
    # Reloaded, and silent since: what is selected is there, what the meter sends is not known.
    form = await open_step(hass, entry, "selected")
    assert suggested(form) == {"which": "ticked", "objects": ["1-0:1.8.1", "0-1:24.2.1"]}
    assert choices(form, "objects") == {"1-0:1.8.1": "1-0:1.8.1", "0-1:24.2.1": "0-1:24.2.1"}
    await fill_in(hass, form, which="all")
    assert kept(entry) == {}


async def test_of_a_meter_that_is_not_read_codes_can_be_typed(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await open_step(hass, entry, "selected")
    assert suggested(form) == {"which": "all"}
    assert form["data_schema"] is not None
    assert [str(name) for name in form["data_schema"].schema] == ["which", "pasted"]
    await fill_in(hass, form, which="ticked", pasted="1-0:1.8.1\n1-0:1.8.1\n1.8.2")
    assert kept(entry) == {"selected_objects": ["1-0:1.8.1", "1.8.2"]}


PASTED = """
# Objects to save
1-0:1.8.1[ Electricity tariff 1
1-0:1.8.2[ Electricity tariff 2

0-9:24.2.1[ Gas
"""


@pytest.mark.usefixtures("everything_unloaded")
async def test_an_old_selection_is_pasted(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    meter = await set_up()
    form = await open_step(hass, entry, "selected")
    # Everything is ticked still, and does not count.
    await fill_in(hass, form, which="pasted", pasted=PASTED)
    assert kept(entry) == {"selected_objects": ["1-0:1.8.1", "1-0:1.8.2", "0-9:24.2.1"]}
    await hass.async_block_till_done()
    entry.runtime_data.data = meter.data
    form = await open_step(hass, entry, "selected")
    # What the meter does not send now is kept, and shown at the end.
    assert suggested(form)["objects"] == ["1-0:1.8.1", "1-0:1.8.2", "0-9:24.2.1"]
    assert list(choices(form, "objects").items())[-1] == ("0-9:24.2.1", "0-9:24.2.1")
    await fill_in(hass, form, objects=["1-0:1.8.1", "0-9:24.2.1"], pasted="1-0:1.7.0")
    assert selected(entry) == frozenset(map(Obis.parse, ("1-0:1.8.1", "0-9:24.2.1", "1-0:1.7.0")))


@pytest.mark.usefixtures("everything_unloaded")
async def test_another_spelling_is_the_same_object(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up()
    form = await open_step(hass, entry, "selected")
    await fill_in(hass, form, which="pasted", pasted="1.8.1\n1-0:1.8.2*255\n1-0:1.8.1")
    assert kept(entry) == {"selected_objects": ["1-0:1.8.1", "1-0:1.8.2"]}


async def test_lines_that_cannot_be_read_are_named(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await open_step(hass, entry, "selected")
    pasted = f"1-0:1.8.1\nGas\n1-0:1.8\u00e9\n{'x' * 500}"
    form = await fill_in(hass, form, which="pasted", pasted=pasted)
    assert form["errors"] == {"pasted": "lines_unread"}
    assert complaint(form).startswith("These lines are no codes of a meter: Gas, 1-0:1.8\u00e9, xxx")
    assert len(complaint(form)) < 200
    assert suggested(form)["pasted"] == pasted
    await fill_in(hass, form, pasted="1-0:1.8.1")
    assert kept(entry) == {"selected_objects": ["1-0:1.8.1"]}


@pytest.mark.parametrize("pasted", [None, "", "# nothing\n\n"])
async def test_pasting_nothing_is_a_mistake(hass: HomeAssistant, entry: MockConfigEntry, pasted: str | None) -> None:
    form = await fill_in(hass, await open_step(hass, entry, "selected"), which="pasted", pasted=pasted)
    assert form["errors"] == {"pasted": "no_codes"}
    assert complaint(form)


@pytest.mark.parametrize("changed", [{"objects": ["1-0:1.8.1"]}, {"pasted": PASTED}, {"pasted": "Gas"}])
@pytest.mark.usefixtures("everything_unloaded")
async def test_who_overlooks_that_everything_is_chosen_is_told(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, changed: dict[str, Any]
) -> None:
    await set_up()
    form = await fill_in(hass, await open_step(hass, entry, "selected"), **changed)
    assert form["errors"] == {"which": "all_overlooked"}
    assert complaint(form)
    for language in TEXTS.values():
        assert language["options"]["error"]["all_overlooked"]
    assert kept(entry) == {}
    await fill_in(hass, form, which="pasted", pasted="1-0:1.7.0")
    assert kept(entry) == {"selected_objects": ["1-0:1.7.0"]}


@pytest.mark.usefixtures("everything_unloaded")
async def test_nothing_at_all_may_be_selected(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up()
    await fill_in(hass, await open_step(hass, entry, "selected"), which="ticked", objects=[])
    assert kept(entry) == {"selected_objects": []}
    assert selected(entry) == frozenset()
    await hass.async_block_till_done()
    # Reloaded, and silent since: there is nothing to tick.
    assert suggested(await open_step(hass, entry, "selected")) == {"which": "ticked"}
