"""The diagnostics download helps a helper, and says nothing about whose meter it is."""

import asyncio
from datetime import datetime
from functools import reduce
import json
import logging
from operator import xor
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry

from custom_components.p1meter.memory import Takeover
from custom_components.p1meter.redacting import redacted_lines, redacted_telegram
from tests.compose import ELECTRICITY_ID, GAS_ID, NL5, compose, nl5

from .conftest import read, until

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from custom_components.p1meter.meter import Telegram
    from tests.simulation.meter import Cable

    from .conftest import Say, SetUp

EAN = "541448820000000001"
PRIVATE = nl5(
    {
        "0-0:96.1.2": f"({EAN.encode().hex()})",
        "0-0:96.13.0": f"({b'Dear Mrs Jones'.hex()})",
        "0-0:96.99.7": "(JONES-4711)",
        "1-0:99.1.0": "(00.250*kW)",
    }
)
SECRETS = (
    ELECTRICITY_ID,
    ELECTRICITY_ID.encode().hex().upper(),
    GAS_ID,
    GAS_ID.encode().hex().upper(),
    EAN,
    EAN.encode().hex(),
    "Jones",
    "JONES",
    b"Dear Mrs Jones".hex(),
    "Iskra AM550",
)


async def test_diagnostics(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, hass_client: ClientSessionGenerator
) -> None:
    await set_up(PRIVATE)
    # Damaged in the middle of the id, and before it.
    await say(PRIVATE.replace(b"(453030343730", b"(4530\x1f0343730"), PRIVATE.replace(b"230.1*V", b"990.1*V"))
    assert await async_setup_component(hass, "diagnostics", {})
    download = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    text = json.dumps(download)
    for secret in (*SECRETS, entry.data["port"]):
        assert secret not in text, secret
    assert download["entry"]["data"]["profile"] == "nl5"
    assert download["entry"]["data"]["line"] == "115200 8N1"
    link = download["link"]
    since = datetime.fromisoformat(link.pop("counting_since"))
    now = datetime.fromisoformat(download["now"])
    changes = link.pop("changes")
    assert link.pop("heard")["size"] == 2 * len(PRIVATE)
    assert [(change["state"], change["error"], change["cause"]) for change in changes] == [
        ("connecting", None, None),
        ("connected", None, None),
    ]
    assert [since, *(datetime.fromisoformat(change["at"]) for change in changes), now] == sorted(
        [since, *(datetime.fromisoformat(change["at"]) for change in changes), now]
    )
    assert link == {
        "scheme": "device",
        "state": "connected",
        "error": None,
        "available": True,
        "silent_after": 35.0,
        "foreign": None,
        "readout_duration": None,
        "readouts_skipped": 0,
    }
    assert download["settings"] == {
        "line": "115200 8N1",
        "optical": None,
        "interval": None,
        "offset": None,
        "request": None,
        "include_history": False,
    }
    assert download["key"] == {"known": False, "worked": True, "wrong": False, "failures": 0}
    assert download["line"]["telegrams_accepted"] == 1
    assert download["line"]["telegrams_refused_crc"] == 2
    assert [refusal["reason"] for refusal in download["refusals"]] == ["crc", "crc"]
    assert "1-0:32.7.0(990.1*V)" in download["refusals"][1]["text"]
    assert download["meter"]["profile"] == {"name": "nl5", "country": "NL", "version": "5.0"}
    assert download["meter"]["ids"] == {"electricity": "**REDACTED**", "gas": "**REDACTED**"}
    assert download["meter"]["another_answers"] is False
    assert download["shown"]["electricity_power"] == {"value": "1193", "unit": "W", "at": None, "code": None}
    assert download["shown"]["electricity_ean"]["value"] == "**REDACTED**"
    assert download["shown"]["gas_gas"]["value"] == "2569.646"
    assert download["loads"] is None
    assert download["sinks"] == {}
    lines = download["telegram"]["text"]
    assert lines[0] == "/ISK5\\2M550T-1013"
    assert "1-0:1.8.1(004512.345*kWh)" in lines
    assert "0-0:96.1.1(**REDACTED**)" in lines
    assert "0-1:96.1.0(**REDACTED**)" in lines
    assert "0-1:24.2.1(261121125500W)(02569.646*m3)" in lines
    assert "0-0:96.99.7(**REDACTED**)" in lines
    assert "1-0:99.1.0(00.250*kW)" in lines


async def test_why_a_port_was_lost_is_told_and_since_when(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, cable: Cable, hass_client: ClientSessionGenerator
) -> None:
    meter = await set_up()
    cable.unplug()
    await until(lambda: meter.link_error is not None and meter.link_error.kind == "missing")
    assert await async_setup_component(hass, "diagnostics", {})
    download = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert (download["link"]["state"], download["link"]["error"]) == ("lost", "missing")
    last = download["link"]["changes"][-1]
    assert (last["state"], last["error"], last["cause"]) == ("lost", "missing", "FileNotFoundError ENOENT")
    assert entry.data["port"] not in json.dumps(download)


def optical(lines: str, end: str = "!\r\n\x03") -> bytes:
    """Return what an optical head gives: a block with its check character (IEC 62056-21 §6)."""
    block = f"{lines}{end}".encode()
    return b"/ISK5MT174-0001\r\n\x02" + block + bytes([reduce(xor, block)])


@pytest.mark.parametrize(
    "raw",
    [
        PRIVATE,
        # Blanks beside the checksum say nothing: the telegram is taken.
        PRIVATE[:-6] + b" " + PRIVATE[-6:],
        PRIVATE[:-2] + b" \r\n",
        compose(
            {code: NL5[code] for code in NL5 if code not in {"1-3:0.2.8", "0-0:1.0.0"}},
            "KMP5 KA6U001660297912",
            checksum=False,
        ),
        # Bit 7 makes the number of ones even, as a port at 8N1 reads 7E1.
        bytes(byte | (byte.bit_count() % 2) << 7 for byte in PRIVATE),
        optical("F.F(00)\r\nC.1.0(A12345678)\r\n0.0.0(JONES)\r\n1.8.0(001234.5*kWh)\r\n2.8.0(000001.5*kWh)\r\n"),
        optical("0.0(JONES)\r\n1.8.0(001234.5*kWh)\r\n"),
        optical("1.8.0(001234.5*kWh)", end="!\x03"),
        optical("F.F(00)\r\n1.8.0(001234.5*kWh)\r\n").replace(b"\x02", b""),
    ],
    ids=(
        *("checksum", "blank-before", "blank-behind", "none", "parity", "optical", "optical-id-first"),
        *("optical-without-line-end", "optical-without-stx"),
    ),
)
def test_what_is_left_of_a_telegram_is_one_again(raw: bytes) -> None:
    """A helper reads it as the person's own p1meter did, but for what is private."""
    telegram = read(raw)
    lines = redacted_telegram(telegram)
    again = read("".join(f"{line}\r\n" for line in lines).encode())
    assert again.checksum is telegram.checksum
    assert again.profile == telegram.profile

    def public(one: Telegram) -> dict[str, object]:
        return {
            str(obis): values for obis, values in one.objects if (obis.c, obis.d) not in {(96, 1), (96, 13), (96, 99)}
        }

    private = {"0.0.0", "0.0", "C.1.0"}
    assert {code: values for code, values in public(again).items() if code not in private} == {
        code: values for code, values in public(telegram).items() if code not in private
    }
    for secret in (*SECRETS, "A12345678", "1660297912"):
        assert not [line for line in lines if secret in line], secret


@pytest.mark.parametrize(
    "refused",
    [
        # Bytes were lost between two lines; the end of the second is private.
        b"1-0:1.8.1(0045Mrs Jones)\r\n",
        b"1-0:1.8.1(004Jones)\r\n",
        b"1-0:1.8.1(00455304a6f6e6573)\r\n",
        b"0-0:1.0.0(26112454a6f6e6573)\r\n",
        b"1-0:1.8.1(0045(Mrs Jones)\r\n",
        b"1-0:1.8.1(0045)Mrs Jones)\r\n",
        b"/ISK5\\2M550T-1013Mrs Jones)\r\n",
        b"!12Mrs Jones)\r\n",
        # The beginning or the end of a line is missing.
        b"Mrs Jones)\r\n",
        b"0-0:96.13.0(Mrs Jo",
        b"0-0:9\x1f.13.0(Mrs Jones)\r\n",
        b"\x020-0:96.13.0(Mrs Jones",
        b"\x03Mrs Jones)\r\n",
        b"0:96.13.0(Mrs Jones)\r\n",
    ],
)
def test_where_bytes_were_lost_nothing_private_is_left(refused: bytes) -> None:
    (line,) = redacted_lines(refused)
    for secret in ("Mrs", "Jo", "nes", b"Jones".hex(), b"ones".hex()):
        assert secret not in line


def test_of_what_was_refused_the_damage_can_be_seen() -> None:
    noise, head = b"\xff\xfe\r\n\x80\x81\x82\r\n", b"/ISK5\\2M550T-1013\r\n\r\n"
    lines = b"1-0:32.7.0(2 0.1*V)\r\n1-0:1.8.1(004512.3\r\n1-0:1.7.0(01.193*kW)"
    assert redacted_lines(noise + head + lines) == [
        "**REDACTED** (9 bytes)",
        "/ISK5\\2M550T-1013",
        "",
        "1-0:32.7.0(2 0.1*V)",
        "1-0:1.8.1(**REDACTED**.3",
        "1-0:1.7.0(01.193*kW)",
    ]


async def test_what_is_heard_since_the_last_telegram_is_told(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, cable: Cable, hass_client: ClientSessionGenerator
) -> None:
    """So somebody else can tell a meter that says nothing from one that cannot be read."""
    meter = await set_up()
    assert await async_setup_component(hass, "diagnostics", {})
    download = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert download["link"]["heard"] == {"size": 0, "text": []}
    cable.write(b"meter says hello\r\n1-0:1.7.0(01.193*kW)\r\n")
    await until(lambda: len(meter.heard) == 40)
    download = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert download["link"]["heard"] == {"size": 40, "text": ["**REDACTED** (18 bytes)", "1-0:1.7.0(01.193*kW)"]}


async def test_scripts_read_takes_a_download(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, hass_client: ClientSessionGenerator, tmp_path: Path
) -> None:
    await set_up(PRIVATE)
    assert await async_setup_component(hass, "diagnostics", {})
    file = tmp_path / "config_entry-p1meter.json"
    script = Path(__file__).parents[2] / "scripts" / "read"

    async def reads(download: object) -> tuple[int | None, str]:
        file.write_text(json.dumps({"home_assistant": {}, "data": download}, indent=2))
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, file, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        return process.returncode, output.decode()

    download = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    status, output = await reads(download)
    assert status == 0
    assert "/ISK5\\2M550T-1013\nnl5 5.0, 2026-11-21 12:59:00+01:00, CRC ok\n" in output
    assert ["1-0:1.8.1", "4512.345", "kWh"] in [line.split()[-3:] for line in output.splitlines()]
    # A meter that was not heard since the last start.
    assert (await reads({**download, "telegram": None}))[0] == 1


async def test_the_log_is_as_silent_about_whose_meter_it_is(
    set_up: SetUp, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.p1meter")
    await set_up(PRIVATE)
    await say(PRIVATE.replace(b"(453030343730", b"(4530\x1f0343730"), PRIVATE.replace(b"230.1*V", b"990.1*V"))
    said = [record.getMessage() for record in caplog.records if record.name.startswith("custom_components.p1meter")]
    assert [line for line in said if line.startswith("Refused (crc)")]
    for secret in SECRETS:
        assert not [line for line in said if secret in line], secret


async def test_the_number_in_what_another_integration_calls_an_entity_is_not_told(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, hass_client: ClientSessionGenerator
) -> None:
    meter = await set_up()
    takeover = Takeover(
        slot="electricity_energy_import",
        place="registry id",
        left="another",
        platform="dsmr",
        unique_id=f"{ELECTRICITY_ID}_electricity_used",
        config_entry_id=None,
        device_id=None,
        disabled_by=None,
        left_disabled_by=None,
        unit=None,
        shown_in=None,
    )
    gone = takeover._replace(place=f"sensor.{ELECTRICITY_ID.lower()}_used", platform="", unique_id="")
    meter.memory.takeovers += [takeover, gone]
    assert await async_setup_component(hass, "diagnostics", {})
    download = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert [taken["platform"] for taken in download["meter"]["takeovers"]] == ["dsmr", ""]
    assert ELECTRICITY_ID not in json.dumps(download).upper()


async def test_whose_a_register_of_ones_own_is_and_what_a_person_calls_it_is_not_told(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, hass_client: ClientSessionGenerator
) -> None:
    register = {"id": "mine", "code": "1-0:99.1.0", "name": "Jones", "kind": "number", "state_class": "total"}
    hass.config_entries.async_update_entry(entry, options={"registers": [register]})
    meter = await set_up(PRIVATE)
    assert meter.memory.owners == {"own_mine": ELECTRICITY_ID}
    assert await async_setup_component(hass, "diagnostics", {})
    download = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    text = json.dumps(download)
    for secret in SECRETS:
        assert secret not in text, secret
    assert download["meter"]["owners"] == {"own_mine": "**REDACTED**"}


async def test_where_telegrams_go_is_not_told_but_how(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, hass_client: ClientSessionGenerator, tmp_path: Path
) -> None:
    hass.config.config_dir = str(tmp_path)
    secrets = {name: f"jones-{name}" for name in ("folder", "prefix", "database", "user", "password", "token")}
    options = {
        "journal": {"folder": secrets["folder"], "interval": 3600},
        # There is no such folder.
        "latest_file": {"path": "/jones/telegram.txt", "interval": 0},
        "mqtt": {"layouts": ["json", "topics"], "prefix": secrets["prefix"], "qos": 1},
        "influxdb": {
            "url": "http://127.0.0.1:9/jones",
            "organisation": "jones-organisation",
            **{name: secrets[name] for name in ("database", "user", "password", "token")},
        },
        "server": {"host": "127.0.0.66", "port": 0},
        "selected_objects": ["1-0:1.8.1"],
    }
    hass.config_entries.async_update_entry(entry, options=options)
    meter = await set_up()
    await until(lambda: meter.sinks.sinks["latest_file"].status.error is not None)
    assert await async_setup_component(hass, "diagnostics", {})
    download = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    text = json.dumps(download)
    for secret in (*secrets.values(), "jones", "127.0.0", str(tmp_path)):
        assert secret not in text, secret
    sinks = download["sinks"]
    assert sinks.keys() == {"journal", "latest_file", "mqtt", "influxdb", "server"}
    # What was not chosen is there as it was taken.
    assert sinks["mqtt"] == {
        "settings": {
            "layouts": ["json", "topics"],
            "prefix": "**REDACTED**",
            "interval": 0,
            "qos": 1,
            "retain": False,
            "keep_s": 3600,
        },
        "status": {"taken": 1, "sent": 0, "dropped": 0, "waiting": 1, "error": "mqtt_missing"},
    }
    assert sinks["journal"]["settings"]["format"] == "sml3"
    assert sinks["influxdb"]["settings"]["version"] == "1"
    assert sinks["latest_file"]["status"]["error"] == "latest_file_missing"
    assert download["entry"]["options"]["selected_objects"] == ["1-0:1.8.1"]


async def test_a_serial_number_in_the_identification_is_taken_out(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, hass_client: ClientSessionGenerator
) -> None:
    gas_on_two_lines = {
        "0-0:96.1.1": f"({b'ZABF001587315111'.hex()})",
        "1-0:1.8.1": "(00001.000*kWh)",
        "1-0:1.8.2": "(00002.000*kWh)",
        "1-0:1.7.0": "(0000.50*kW)",
        "0-1:24.1.0": "(03)",
        "0-1:96.1.0": "(3238303131303038333036343239303133)",
        "0-1:24.3.0": "(261121120000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00086.629)",
    }
    await set_up(compose(gas_on_two_lines, "KMP5 KA6U001660297912", checksum=False))
    assert await async_setup_component(hass, "diagnostics", {})
    download = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert "1660297912" not in json.dumps(download)
    assert download["meter"]["ident"] == "KMP5 KA6U**REDACTED**"
    assert "(00086.629)" in download["telegram"]["text"]


async def test_of_a_meter_that_says_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, hass_client: ClientSessionGenerator
) -> None:
    await set_up()
    await hass.config_entries.async_reload(entry.entry_id)
    assert await async_setup_component(hass, "diagnostics", {})
    download = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert download["telegram"] is None
    assert download["shown"] == {}
    assert download["link"]["available"] is False
    assert download["line"]["telegram_age"] is None
