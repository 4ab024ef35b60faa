"""A meter is added and moved in the dialogs: on real ports, with real telegrams."""

import asyncio
from contextlib import suppress
from pathlib import Path
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.components.usb import SerialDevice
from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    SOURCE_USER,
    ConfigEntry,
    ConfigEntryDisabler,
    ConfigEntryState,
)
from homeassistant.const import CONF_PORT
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter import config_flow
from custom_components.p1meter.const import CONF_LINE, CONF_PROFILE, DOMAIN
from custom_components.p1meter.link import (
    LineSettings,
    ProbePlan,
    TransportError,
    TransportErrorKind,
    open_transport,
)
from tests.compose import ELECTRICITY_ID, NL5, compose, nl5
from tests.simulation.meter import Cable
from tests.simulation.telegrams import SYSTEMS

from .dialogs import TIMEOUT, said, speaking, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant

SETTINGS = LineSettings(115200)
OTHER_ID = "E0047000071239999"
OTHER_METER = nl5({"0-0:96.1.1": f"({OTHER_ID.encode().hex()})"})
# Swedish meters: no id, no M-Bus.
H1_LINES = {
    "0-0:1.0.0": "(261121125900W)",
    "1-0:1.8.0": "(00009416.938*kWh)",
    "1-0:2.8.0": "(00000000.000*kWh)",
    "1-0:1.7.0": "(0001.250*kW)",
    "1-0:2.7.0": "(0000.000*kW)",
}
H1 = compose(H1_LINES, "KAM5")
H1_OTHER = compose(H1_LINES, "LGF5E360")
# A port for district heating: one meter on the M-Bus and nothing else.
HEAT_ID = "D0001234567890123"
HEAT = compose(
    {
        "1-3:0.2.8": "(50)",
        "0-0:1.1.0": "(261121125900W)",
        "0-1:24.1.0": "(012)",
        "0-1:96.1.0": f"({HEAT_ID.encode().hex()})",
        "0-1:24.2.1": "(261121120000W)(12.345*GJ)",
    },
    "NWA-WARMTELINK",
)
# The beginning of an encrypted telegram: tag, title, length, security control, frame counter, cipher text.
ENCRYPTED = bytes.fromhex("db08534147000000000182 0100 30 0000 0001".replace(" ", "")) + bytes(range(128, 256)) * 2
TEXT = b"Boot 1.2.3: everything is fine, waiting for a connection on channel 4\r\n" * 4
NOISE = bytes(0x80 | (number * 73 + 17) % 251 for number in range(600))


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listen as a person would not have the patience to wait for in a test."""
    plan = ProbePlan(settings=(SETTINGS, LineSettings(9600, 7, "E")), listen=0.3, listen_to_silence=0.4, extension=0.2)
    monkeypatch.setattr(config_flow, "PROBE_PLAN", plan)


@pytest.fixture(autouse=True)
async def everything_unloaded(hass: HomeAssistant) -> AsyncGenerator[None]:
    """Free the ports at the end, as a stop of Home Assistant would."""
    yield
    await hass.async_block_till_done()
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        await hass.config_entries.async_unload(entry.entry_id)


@pytest.fixture
def second_cable(tmp_path: Path) -> Generator[Cable]:
    """Another port."""
    cable = Cable(tmp_path / "p1-second", SYSTEMS["nl5"])
    cable.plug()
    yield cable
    cable.unplug()


async def start(hass: HomeAssistant) -> ConfigFlowResult:
    """Open the dialog."""
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})


async def start_reconfigure(hass: HomeAssistant, entry: ConfigEntry[Any]) -> ConfigFlowResult:
    """Open the dialog for a cable that has moved."""
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    )


async def choose(hass: HomeAssistant, form: ConfigFlowResult, port: object) -> ConfigFlowResult:
    """Enter a port and wait until it was listened to."""
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(port)})
    return await heard(hass, result)


async def heard(hass: HomeAssistant, result: ConfigFlowResult) -> ConfigFlowResult:
    """Wait for what comes after listening, as the frontend does."""
    if result["type"] is not FlowResultType.SHOW_PROGRESS:
        return result
    said(result)
    await hass.async_block_till_done()
    return await hass.config_entries.flow.async_configure(result["flow_id"])


async def add(hass: HomeAssistant, port: object) -> ConfigFlowResult:
    """Add the meter on a port, without looking."""
    found = await choose(hass, await start(hass), port)
    assert found["step_id"] == "found", said(found)
    return await hass.config_entries.flow.async_configure(found["flow_id"], {})


async def until_free(port: Path) -> None:
    """Wait until a port can be opened."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            try:
                transport = await open_transport(str(port), SETTINGS)
            except TransportError:
                await asyncio.sleep(0.01)
            else:
                return await transport.close()


async def add_in_the_end(hass: HomeAssistant, form: ConfigFlowResult, cable: Cable) -> None:
    """Go on after an error: the same dialog still leads to the meter."""
    async with speaking(cable.write, nl5()):
        found = await choose(hass, form, cable.link)
        assert found["step_id"] == "found", said(found)
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
        assert added["type"] is FlowResultType.CREATE_ENTRY
        await hass.async_block_till_done()
    assert is_loaded(added["result"])


def is_loaded(entry: ConfigEntry[Any]) -> bool:
    """Whether an entry is set up."""
    return entry.state is ConfigEntryState.LOADED


def name_of(pid: int) -> str:
    """Return what the system calls a program."""
    return Path(f"/proc/{pid}/comm").read_text().strip()


def suggested(form: ConfigFlowResult) -> object:
    """Return what is in the field already."""
    assert form["data_schema"] is not None
    (field,) = form["data_schema"].schema
    return (field.description or {}).get("suggested_value", "")


async def test_the_port_is_all_that_is_asked(hass: HomeAssistant, cable: Cable) -> None:
    form = await start(hass)
    assert form["type"] is FlowResultType.FORM
    assert form["step_id"] == "user"
    assert form["data_schema"] is not None
    assert list(form["data_schema"].schema) == [CONF_PORT]
    async with speaking(cable.write, nl5()):
        found = await choose(hass, form, cable.link)
        # 31 lines with a value become sensors; net power of meter and phases, two totals and the gas meter's last
        # capture are worked out. The message is empty, ids and the device type belong to the devices.
        assert said(found) == "Found: Iskra AM550, Netherlands DSMR 5, gas meter, 38 values"
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
        assert added["type"] is FlowResultType.CREATE_ENTRY
        assert added["title"] == "Iskra AM550"
        entry: ConfigEntry[Any] = added["result"]
        assert entry.unique_id == ELECTRICITY_ID
        assert dict(entry.data) == {CONF_PORT: str(cable.link), CONF_LINE: "115200 8N1", CONF_PROFILE: "nl5"}
        assert dict(entry.options) == {}
        # Not one more telegram has to come before the sensors are there.
        assert is_loaded(entry)
        registered = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
        assert {"sensor.iskra_am550_power", "sensor.gas_meter_gas"} <= {entity.entity_id for entity in registered}
        await until(lambda: (state := hass.states.get("sensor.iskra_am550_power")) and state.state == "1193")


async def test_progress_is_shown_while_it_listens(hass: HomeAssistant, cable: Cable) -> None:
    shown: list[float] = []
    hass.bus.async_listen("data_entry_flow_progress_update", lambda event: shown.append(event.data["progress"]))
    form = await start(hass)
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(cable.link)})
    assert result["type"] is FlowResultType.SHOW_PROGRESS
    assert str(cable.link) in said(result)
    # Looking at it again and again, as the frontend may, starts nothing anew.
    again = await hass.config_entries.flow.async_configure(form["flow_id"])
    assert again["type"] is FlowResultType.SHOW_PROGRESS
    await heard(hass, again)
    assert shown
    assert shown == sorted(shown)
    assert all(0 <= share <= 1 for share in shown)


@pytest.mark.usefixtures("socket_enabled")
async def test_a_meter_on_the_network_is_found(hass: HomeAssistant) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            async with speaking(writer.write, nl5()):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    added = await add(hass, url)
    assert added["result"].data == {CONF_PORT: url, CONF_LINE: "115200 8N1", CONF_PROFILE: "nl5"}
    await hass.config_entries.async_unload(added["result"].entry_id)
    server.close()
    server.close_clients()
    await server.wait_closed()


async def test_an_old_meter_is_found_on_its_own_speed(hass: HomeAssistant, tmp_path: Path) -> None:
    cable = Cable(tmp_path / "p1-old", SYSTEMS["nl2"])
    cable.plug()
    telegram = compose(
        {
            "0-0:96.1.1": f"({ELECTRICITY_ID.encode().hex()})",
            "1-0:1.8.1": "(04512.345*kWh)",
            "1-0:1.8.2": "(03987.650*kWh)",
            "1-0:2.8.1": "(00000.000*kWh)",
            "1-0:2.8.2": "(00000.000*kWh)",
            "0-0:96.14.0": "(0001)",
            "1-0:1.7.0": "(0000.54*kW)",
            "1-0:2.7.0": "(0000.00*kW)",
        },
        "ISk5\\2MT382-1003",
        checksum=False,
    )
    async with speaking(cable.write, telegram):
        found = await choose(hass, await start(hass), cable.link)
        # Seven of the lines, net power and two totals.
        assert said(found) == "Found: Iskra MT382, Netherlands DSMR 2.2 or 3, no other meters, 10 values"
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
    assert added["result"].data[CONF_LINE] == "9600 7E1"
    await hass.config_entries.async_unload(added["result"].entry_id)
    cable.unplug()


@pytest.mark.parametrize(
    ("port", "error", "told"),
    [
        ("/dev/ttyNOTHERE", "port_missing", "plugged in"),
        ("", "port_unknown_scheme", "socket://host:port"),
        ("carrier-pigeon://loft", "port_unknown_scheme", "socket://host:port"),
        ("socket://somewhere", "port_unknown_scheme", "socket://host:port"),
        ("/dev/null", "port_not_a_port", "P1 cable"),
    ],
)
async def test_a_port_that_cannot_be_used_is_said(
    hass: HomeAssistant, cable: Cable, port: str, error: str, told: str
) -> None:
    form = await choose(hass, await start(hass), f" {port} ")
    assert form["type"] is FlowResultType.FORM
    assert form["errors"] == {"base": error}
    assert said(form).startswith(("There is no port", port))
    assert told in said(form)
    assert suggested(form) == port
    await add_in_the_end(hass, form, cable)


@pytest.mark.usefixtures("socket_enabled")
async def test_an_address_where_nothing_answers_is_said(hass: HomeAssistant, cable: Cable) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    url = f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()
    form = await choose(hass, await start(hass), url)
    assert form["errors"] == {"base": "port_unreachable"}
    assert said(form).startswith(f"Nothing answers at {url}.")
    await add_in_the_end(hass, form, cable)


async def test_missing_rights_are_said(hass: HomeAssistant, cable: Cable) -> None:
    # Not with a real port: the tests may run as root, who may open everything.
    denied = TransportError(TransportErrorKind.DENIED, "Permission denied")
    with patch.object(config_flow, "probe", side_effect=denied):
        form = await choose(hass, await start(hass), cable.link)
    assert form["errors"] == {"base": "port_denied"}
    assert "dialout" in said(form)
    await add_in_the_end(hass, form, cable)


async def test_a_failure_nobody_thought_of_ends_the_listening(
    hass: HomeAssistant, cable: Cable, caplog: pytest.LogCaptureFixture
) -> None:
    # If it could be had with a real port, somebody would have thought of it.
    with patch.object(config_flow, "probe", side_effect=RuntimeError("impossible")):
        form = await choose(hass, await start(hass), cable.link)
    assert form["errors"] == {"base": "unknown"}
    assert str(cable.link) in said(form)
    assert "RuntimeError: impossible" in caplog.text
    await add_in_the_end(hass, form, cable)


async def test_a_cable_pulled_while_it_listens_is_said(hass: HomeAssistant, cable: Cable) -> None:
    form = await start(hass)
    listening = await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(cable.link)})
    await asyncio.sleep(0.1)
    cable.unplug()
    form = await heard(hass, listening)
    assert form["errors"] == {"base": "port_lost"}
    assert "went away" in said(form)
    cable.plug()
    await add_in_the_end(hass, form, cable)


async def test_the_program_that_has_the_port_is_named(hass: HomeAssistant, cable: Cable) -> None:
    hold = (
        "import fcntl, sys; p = open(sys.argv[1]); fcntl.flock(p, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    )
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", hold, cable.link, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert program.stdout is not None
    await program.stdout.readline()
    form = await choose(hass, await start(hass), cable.link)
    name = name_of(program.pid)
    await program.communicate()
    assert form["errors"] == {"base": "port_busy_by"}
    assert said(form).startswith(f"The program {name} has {cable.link} open")
    await add_in_the_end(hass, form, cable)


async def test_a_port_that_is_held_by_nobody_knows_whom_is_said(hass: HomeAssistant, cable: Cable) -> None:
    holder = await open_transport(str(cable.link), SETTINGS)
    form = await choose(hass, await start(hass), cable.link)
    await holder.close()
    assert form["errors"] == {"base": "port_busy"}
    assert said(form).startswith(f"Another program has {cable.link} open")
    await add_in_the_end(hass, form, cable)


@pytest.mark.parametrize(
    ("data", "error", "told"),
    [
        (b"", "heard_nothing", "grid company"),
        (NOISE, "heard_garbage", "inverts the signal"),
        (TEXT, "heard_text", "no whole telegram"),
        (ENCRYPTED, "heard_encrypted", "a later one will ask for the key"),
    ],
    ids=["nothing", "garbage", "text", "encrypted"],
)
async def test_what_is_heard_instead_of_a_meter_is_said(
    hass: HomeAssistant, cable: Cable, data: bytes, error: str, told: str
) -> None:
    async with speaking(cable.write, data):
        form = await choose(hass, await start(hass), cable.link)
    assert form["type"] is FlowResultType.FORM
    assert form["errors"] == {"base": error}
    assert told in said(form)
    assert str(cable.link) in said(form)
    assert suggested(form) == str(cable.link)
    await add_in_the_end(hass, form, cable)


async def test_a_port_is_kept_by_the_name_that_it_keeps(hass: HomeAssistant, cable: Cable, tmp_path: Path) -> None:
    by_id = tmp_path / "usb-FTDI_P1_cable_AB0123-if00-port0"
    device = cable.link.resolve()
    by_id.symlink_to(device)
    # Not with a real folder: /dev/serial/by-id is the machine's own.
    with patch("homeassistant.components.usb.get_serial_by_id", {str(device): str(by_id)}.get):
        async with speaking(cable.write, nl5()):
            added = await add(hass, device)
    assert added["result"].data[CONF_PORT] == str(by_id)


async def test_a_port_that_another_meter_has_is_not_fought_over(
    hass: HomeAssistant, cable: Cable, second_cable: Cable, entry: MockConfigEntry
) -> None:
    async with speaking(cable.write, nl5()):
        assert await hass.config_entries.async_setup(entry.entry_id)
        meter = entry.runtime_data
        # By another name.
        form = await choose(hass, await start(hass), cable.link.resolve())
        assert form["errors"] == {"base": "port_used"}
        assert said(form).startswith(f"{cable.link.resolve()} is already used by Iskra AM550 (P1 meter)")
        accepted = meter.accepted
        await until(lambda: meter.accepted > accepted)
    async with speaking(second_cable.write, OTHER_METER):
        found = await choose(hass, form, second_cable.link)
    assert said(found).startswith("Found: Iskra AM550")


async def test_a_port_that_another_integration_has_is_not_fought_over(hass: HomeAssistant, cable: Cable) -> None:
    device = str(cable.link.resolve())
    other = MockConfigEntry(domain="dsmr", title="The other reader", data={CONF_PORT: device})
    other.add_to_hass(hass)
    other.mock_state(hass, ConfigEntryState.LOADED)
    form = await choose(hass, await start(hass), cable.link)
    assert form["errors"] == {"base": "port_used"}
    assert said(form).startswith(f"{cable.link} is already used by The other reader (DSMR Smart Meter)")
    other.mock_state(hass, ConfigEntryState.NOT_LOADED)
    await add_in_the_end(hass, form, cable)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("socket://P1.lan:2001", "tcp://p1.lan:2001"),
        ("rfc2217://p1.lan:2001", "socket://p1.lan:2001"),
        ("esphome://p1.lan", "esphome://p1.lan"),
    ],
)
async def test_an_address_that_another_integration_has_is_not_fought_over(
    hass: HomeAssistant, ours: str, theirs: str
) -> None:
    other = MockConfigEntry(domain="dsmr", title="The other reader", data={CONF_PORT: theirs})
    other.add_to_hass(hass)
    other.mock_state(hass, ConfigEntryState.LOADED)
    form = await choose(hass, await start(hass), ours)
    assert form["errors"] == {"base": "port_used"}


async def test_a_port_that_an_app_has_is_not_fought_over(hass: HomeAssistant, cable: Cable) -> None:
    device = str(cable.link.resolve())
    apps = {"p1_app": {"name": "P1 reader", "state": "started", "options": {"port": device}}}
    # There is no Supervisor here.
    with (
        patch("homeassistant.components.usb.consumers.is_hassio", return_value=True),
        patch("homeassistant.components.usb.consumers.get_addons_info", return_value=apps),
        patch(
            "homeassistant.components.usb.async_scan_serial_ports",
            return_value=[SerialDevice(device=device, serial_number=None, manufacturer=None, description=None)],
        ),
    ):
        form = await choose(hass, await start(hass), cable.link)
    assert form["errors"] == {"base": "port_used_by_app"}
    assert said(form).startswith(f"{cable.link} is already used by the app P1 reader")
    await add_in_the_end(hass, form, cable)


async def test_a_port_that_a_disabled_entry_had_is_free(hass: HomeAssistant, cable: Cable) -> None:
    MockConfigEntry(
        domain=DOMAIN, data={CONF_PORT: str(cable.link)}, disabled_by=ConfigEntryDisabler.USER, unique_id=OTHER_ID
    ).add_to_hass(hass)
    await add_in_the_end(hass, await start(hass), cable)


async def test_the_same_meter_is_not_added_twice(hass: HomeAssistant, cable: Cable, second_cable: Cable) -> None:
    async with speaking(cable.write, nl5()), speaking(second_cable.write, nl5()):
        await add(hass, cable.link)
        result = await choose(hass, await start(hass), second_cable.link)
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "already_configured"
    assert said(result).startswith("This meter is set up already, as Iskra AM550.")


async def test_a_dialog_that_was_left_open_is_in_nobodys_way(hass: HomeAssistant, cable: Cable) -> None:
    async with speaking(cable.write, nl5()):
        left = await choose(hass, await start(hass), cable.link)
        assert left["step_id"] == "found"
        assert (await add(hass, cable.link))["type"] is FlowResultType.CREATE_ENTRY
    assert hass.config_entries.flow.async_progress() == []


async def test_a_meter_without_an_id_is_known_by_its_port(
    hass: HomeAssistant, cable: Cable, second_cable: Cable
) -> None:
    async with speaking(cable.write, H1), speaking(second_cable.write, H1):
        added = await add(hass, cable.link)
        entry = added["result"]
        assert entry.unique_id is None
        assert entry.title == "Kamstrup"
        assert entry.data["ident"] == "KAM5"
        # One in another flat.
        assert (await add(hass, second_cable.link))["type"] is FlowResultType.CREATE_ENTRY
        # An entry that is switched off does not use its port, but it is the same meter.
        await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
        result = await choose(hass, await start(hass), cable.link)
    assert result["reason"] == "already_configured"


async def test_a_meter_without_electricity_is_known_by_what_hangs_on_it(hass: HomeAssistant, cable: Cable) -> None:
    async with speaking(cable.write, HEAT):
        found = await choose(hass, await start(hass), cable.link)
        # The version, the meter's time, the heat and its capture.
        assert said(found) == "Found: P1 meter, a standard p1meter does not know, heat meter, 4 values"
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
    assert added["title"] == "P1 meter"
    assert added["result"].unique_id == HEAT_ID


async def test_two_gas_meters_are_counted(hass: HomeAssistant, cable: Cable) -> None:
    second = {
        "0-2:24.1.0": "(003)",
        "0-2:96.1.0": f"({b'G0079140021440000'.hex()})",
        "0-2:24.2.1": "(261121125500W)(00000.646*m3)",
    }
    async with speaking(cable.write, compose({**NL5, **second})):
        found = await choose(hass, await start(hass), cable.link)
    assert said(found) == "Found: Iskra AM550, Netherlands DSMR 5, gas meter, gas meter 2, 40 values"


async def test_words_are_in_the_language_of_the_house(hass: HomeAssistant, cable: Cable) -> None:
    hass.config.language = "de"
    async with speaking(cable.write, nl5()):
        found = await choose(hass, await start(hass), cable.link)
    assert found["description_placeholders"] is not None
    assert found["description_placeholders"]["system"] == "Niederlande DSMR 5"
    assert found["description_placeholders"]["devices"] == "Gaszähler"


async def test_a_dialog_that_is_closed_frees_the_port(hass: HomeAssistant, cable: Cable) -> None:
    form = await start(hass)
    await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(cable.link)})
    await asyncio.sleep(0.05)
    hass.config_entries.flow.async_abort(form["flow_id"])
    await until_free(cable.link)


class TestMovedCable:
    """Reconfigure: the meter is on another port now."""

    @pytest.fixture
    async def loaded(self, hass: HomeAssistant, cable: Cable, entry: MockConfigEntry) -> MockConfigEntry:
        """A meter that is read."""
        async with speaking(cable.write, nl5()):
            assert await hass.config_entries.async_setup(entry.entry_id)
        return entry

    async def test_the_meter_is_read_on_its_new_port(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable, second_cable: Cable
    ) -> None:
        before = er.async_entries_for_config_entry(er.async_get(hass), loaded.entry_id)
        form = await loaded.start_reconfigure_flow(hass)
        assert said(form).startswith("Choose the port that Iskra AM550 has moved to.")
        assert suggested(form) == str(cable.link)
        cable.unplug()
        async with speaking(second_cable.write, nl5()):
            result = await choose(hass, form, second_cable.link)
            assert result["type"] is FlowResultType.ABORT
            assert result["reason"] == "reconfigure_successful"
            await hass.async_block_till_done()
            await until(lambda: is_loaded(loaded) and loaded.runtime_data.accepted)
        assert loaded.data == {CONF_PORT: str(second_cable.link), CONF_LINE: "115200 8N1", CONF_PROFILE: "nl5"}
        assert er.async_entries_for_config_entry(er.async_get(hass), loaded.entry_id) == before

    async def test_the_same_port_is_freed_to_listen_to_it(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
    ) -> None:
        form = await loaded.start_reconfigure_flow(hass)
        async with speaking(cable.write, nl5()):
            result = await choose(hass, form, cable.link.resolve())
            assert result["reason"] == "reconfigure_successful"
            await hass.async_block_till_done()
            await until(lambda: is_loaded(loaded) and loaded.runtime_data.accepted)
        assert loaded.data[CONF_PORT] == str(cable.link.resolve())

    async def test_an_entry_that_could_not_be_set_up_is_set_up_on_its_new_port(
        self, hass: HomeAssistant, cable: Cable, second_cable: Cable, entry: MockConfigEntry
    ) -> None:
        cable.unplug()
        await hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_RETRY
        async with speaking(second_cable.write, nl5()):
            result = await choose(hass, await entry.start_reconfigure_flow(hass), second_cable.link)
            assert result["reason"] == "reconfigure_successful"
            await hass.async_block_till_done()
        assert is_loaded(entry)

    async def test_after_a_failure_it_is_read_as_before_and_another_port_can_be_tried(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable, second_cable: Cable
    ) -> None:
        form = await choose(hass, await loaded.start_reconfigure_flow(hass), cable.link)
        assert form["errors"] == {"base": "heard_nothing"}
        assert form["step_id"] == "reconfigure"
        assert is_loaded(loaded)
        async with speaking(cable.write, nl5()):
            await until(lambda: loaded.runtime_data.accepted)
        cable.unplug()
        async with speaking(second_cable.write, nl5()):
            result = await choose(hass, form, second_cable.link)
            await hass.async_block_till_done()
        assert result["reason"] == "reconfigure_successful"

    @pytest.mark.parametrize("same_port", [True, False])
    async def test_another_meter_is_not_taken_for_it(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable, second_cable: Cable, *, same_port: bool
    ) -> None:
        new = cable if same_port else second_cable
        async with speaking(new.write, OTHER_METER):
            result = await choose(hass, await loaded.start_reconfigure_flow(hass), new.link)
            await hass.async_block_till_done()
        assert result["reason"] == "unique_id_mismatch"
        assert said(result).startswith("Another meter than Iskra AM550 answers there.")
        assert is_loaded(loaded)
        assert loaded.data[CONF_PORT] == str(cable.link)

    async def test_another_meter_without_an_id_is_not_taken_for_it_either(
        self, hass: HomeAssistant, cable: Cable, second_cable: Cable
    ) -> None:
        async with speaking(cable.write, H1), speaking(second_cable.write, H1_OTHER):
            entry = (await add(hass, cable.link))["result"]
            result = await choose(hass, await start_reconfigure(hass, entry), second_cable.link)
        assert result["reason"] == "unique_id_mismatch"

    async def test_a_dialog_that_is_closed_leaves_the_meter_as_it_was(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
    ) -> None:
        form = await loaded.start_reconfigure_flow(hass)
        await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(cable.link)})
        await asyncio.sleep(0.05)
        assert loaded.state is ConfigEntryState.NOT_LOADED
        hass.config_entries.flow.async_abort(form["flow_id"])
        await hass.async_block_till_done()
        assert is_loaded(loaded)

    async def test_a_dialog_that_is_closed_at_once_leaves_it_too(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
    ) -> None:
        form = await loaded.start_reconfigure_flow(hass)
        choosing = asyncio.create_task(choose(hass, form, cable.link))
        await until(lambda: not is_loaded(loaded))
        hass.config_entries.flow.async_abort(form["flow_id"])
        await choosing
        await hass.async_block_till_done()
        assert is_loaded(loaded)

    async def test_a_meter_that_is_removed_meanwhile_stays_removed(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
    ) -> None:
        form = await loaded.start_reconfigure_flow(hass)
        await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(cable.link)})
        await hass.config_entries.async_remove(loaded.entry_id)
        await hass.async_block_till_done()
        assert hass.config_entries.async_entries(DOMAIN) == []
        hass.config_entries.flow.async_abort(form["flow_id"])
        await until_free(cable.link)

    async def test_a_port_that_is_not_let_go_is_said(
        self, hass: HomeAssistant, loaded: MockConfigEntry, cable: Cable
    ) -> None:
        form = await loaded.start_reconfigure_flow(hass)
        # As while it is being set up.
        loaded.mock_state(hass, ConfigEntryState.SETUP_IN_PROGRESS)
        result = await choose(hass, form, cable.link)
        assert result["reason"] == "unload_failed"
        assert said(result).startswith("Iskra AM550 does not let go of its port")
        loaded.mock_state(hass, ConfigEntryState.LOADED)
