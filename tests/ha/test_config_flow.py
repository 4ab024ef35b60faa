"""A meter is added in the dialogs: on real ports, with real telegrams."""

import asyncio
from contextlib import suppress
from pathlib import Path
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.components.usb import SerialDevice
from homeassistant.config_entries import (
    ConfigEntry,
    ConfigEntryDisabler,
    ConfigEntryState,
)
from homeassistant.const import CONF_PORT
from homeassistant.core import callback
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter import config_flow
from custom_components.p1meter.const import CONF_LINE, CONF_PROFILE, DOMAIN
from custom_components.p1meter.link import (
    TransportError,
    TransportErrorKind,
    open_transport,
)
from tests.compose import ELECTRICITY_ID, NL5, compose, nl5
from tests.simulation.meter import Cable
from tests.simulation.telegrams import SYSTEMS

from .dialogs import (
    SETTINGS,
    add,
    add_in_the_end,
    choose,
    heard,
    is_loaded,
    said,
    speaking,
    start,
    suggested,
    until,
    until_free,
)
from .meters import H1, HEAT, HEAT_ID, OTHER_ID, OTHER_METER

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

pytestmark = pytest.mark.usefixtures("patience", "everything_unloaded")


def name_of(pid: int) -> str:
    """Return what the system calls a program."""
    return Path(f"/proc/{pid}/comm").read_text().strip()


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
        assert said(found) == (
            "Found: Iskra AM550, Netherlands DSMR 5, gas meter, 38 values.\n\nThe button adds it to Home Assistant."
        )
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
    # Anything but a callback is called in threads, in no certain order.
    note = callback(lambda event: shown.append(event.data["progress"]))
    hass.bus.async_listen("data_entry_flow_progress_update", note)
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
        assert (
            said(found).splitlines()[0] == "Found: Iskra MT382, Netherlands DSMR 2.2 or 3, no other meters, 10 values."
        )
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
    assert added["result"].data[CONF_LINE] == "9600 7E1"
    await hass.config_entries.async_unload(added["result"].entry_id)
    cable.unplug()


@pytest.mark.parametrize(
    ("port", "error", "told"),
    [
        ("/dev/ttyNOTHERE", "port_missing", "plugged in"),
        ("", "port_unknown_scheme", "socket://host:port"),
        ("192.168.1.5:2001", "port_unknown_scheme", "socket://host:port"),
        ("carrier-pigeon://loft", "port_unknown_scheme", "socket://host:port"),
        ("socket://somewhere", "port_unknown_scheme", "socket://host:port"),
        ("socket://[fe80::1:2001", "port_unknown_scheme", "socket://host:port"),
        ("/dev/tty\0USB0", "port_not_a_port", "P1 cable"),
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
    other = MockConfigEntry(domain="landisgyr_heat_meter", title="The other reader", data={"device": device})
    other.add_to_hass(hass)
    other.mock_state(hass, ConfigEntryState.LOADED)
    form = await choose(hass, await start(hass), cable.link)
    assert form["errors"] == {"base": "port_used"}
    assert said(form).startswith(f"{cable.link} is already used by The other reader (Landis+Gyr Heat Meter)")
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
    other = MockConfigEntry(domain="landisgyr_heat_meter", title="The other reader", data={"device": theirs})
    other.add_to_hass(hass)
    other.mock_state(hass, ConfigEntryState.LOADED)
    form = await choose(hass, await start(hass), ours)
    assert form["errors"] == {"base": "port_used"}
    other.mock_state(hass, ConfigEntryState.NOT_LOADED)


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


async def test_two_meters_in_one_house_are_told_apart(hass: HomeAssistant, cable: Cable, second_cable: Cable) -> None:
    async with speaking(cable.write, nl5()), speaking(second_cable.write, OTHER_METER):
        first, second = await add(hass, cable.link), await add(hass, second_cable.link)
        await hass.async_block_till_done()
    assert first["title"] == "Iskra AM550"
    # The last digits of its number, which is printed on its front.
    assert second["title"] == "Iskra AM550 9999"
    devices = dr.async_get(hass)
    for added in (first, second):
        names = {device.name for device in dr.async_entries_for_config_entry(devices, added["result"].entry_id)}
        assert added["title"] in names
    entities = er.async_get(hass).entities
    assert {"sensor.iskra_am550_power", "sensor.iskra_am550_9999_power"} <= entities.keys()
    for entry in (first["result"], second["result"]):
        assert is_loaded(entry)
    # Each is read on its own.
    assert first["result"].runtime_data.memory.ids["electricity"] == ELECTRICITY_ID
    assert second["result"].runtime_data.memory.ids["electricity"] == OTHER_ID


async def test_meters_without_a_number_are_counted(hass: HomeAssistant, cable: Cable, second_cable: Cable) -> None:
    async with speaking(cable.write, H1), speaking(second_cable.write, H1):
        titles = [(await add(hass, port))["title"] for port in (cable.link, second_cable.link)]
    assert titles == ["Kamstrup", "Kamstrup 2"]


async def test_a_meter_that_was_deleted_can_be_added_again(hass: HomeAssistant, cable: Cable) -> None:
    async with speaking(cable.write, nl5()):
        entry = (await add(hass, cable.link))["result"]
        await hass.async_block_till_done()
        before = {entity.entity_id for entity in er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)}
        await hass.config_entries.async_remove(entry.entry_id)
        await hass.async_block_till_done()
        again = await add(hass, cable.link)
        await hass.async_block_till_done()
    assert again["title"] == "Iskra AM550"
    registered = er.async_entries_for_config_entry(er.async_get(hass), again["result"].entry_id)
    assert {entity.entity_id for entity in registered} == before


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
        assert said(found).splitlines()[0] == "Found: P1 meter, a standard p1meter does not know, heat meter, 4 values."
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
    assert said(found).splitlines()[0] == "Found: Iskra AM550, Netherlands DSMR 5, gas meter, gas meter 2, 40 values."


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
