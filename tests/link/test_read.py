"""scripts/read shows a person, or a program, what is on a cable."""

import asyncio
from contextlib import redirect_stderr, redirect_stdout
import importlib
from io import StringIO
import json
from pathlib import Path
import re
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests import needs
from tests.meter.test_foreign import hdlc, mbus
from tests.meter.uart import Format, received, signal as signal_of
from tests.simulation.checksum import crc16

from .line import TIMEOUT, Cable, damaged, free_port, server, telegram

if TYPE_CHECKING:
    from asyncio.subprocess import Process

SCRIPT = Path(__file__).resolve().parent.parent.parent / "scripts/read"
COMMAND = [sys.executable, str(SCRIPT)]
# A Python that has nothing of the project's environment.
BARE = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")

DSMR_5 = r"""/ISK5\2M550T-1012

1-3:0.2.8(50)
0-0:1.0.0(260715120000S)
0-0:96.1.1(4B384547303034303436333935353037)
1-0:1.8.1(000004.426*kWh)
1-0:1.8.2(000002.399*kWh)
1-0:2.8.1(000002.444*kWh)
1-0:2.8.2(000000.000*kWh)
0-0:96.14.0(0002)
1-0:1.7.0(00.244*kW)
1-0:2.7.0(00.000*kW)
0-0:96.7.21(00013)
1-0:99.97.0(1)(0-0:96.7.19)(260301121128W)(0000000301*s)
0-0:96.13.0()
1-0:199.7.0(12)
1-0:199.7.1(012.50)
1-0:199.7.2(00123*kW)
1-0:199.7.3(260301121128W)(00003.500*kW)
1-0:199.7.4(1)(2)(3)
0-1:24.1.0(003)
0-1:96.1.0(3232323241424344313233343536373839)
0-1:24.2.1(260715115500S)(00000.107*m3)
0-2:24.1.0(003)
0-2:96.1.0()
"""

Row = tuple[str | None, str | None, int | None, str | None, str | None, str | None]
# Read off the lines above, by hand.
DSMR_5_ROWS: list[Row] = [
    ("dsmr_version", "1-3:0.2.8", None, "50", None, None),
    ("telegram_time", "0-0:1.0.0", None, "2026-07-15T12:00:00+02:00", None, None),
    ("equipment_id", "0-0:96.1.1", None, "4B384547303034303436333935353037", None, None),
    ("import_tariff_1", "1-0:1.8.1", None, "4.426", "kWh", None),
    ("import_tariff_2", "1-0:1.8.2", None, "2.399", "kWh", None),
    ("export_tariff_1", "1-0:2.8.1", None, "2.444", "kWh", None),
    ("export_tariff_2", "1-0:2.8.2", None, "0.000", "kWh", None),
    ("tariff", "0-0:96.14.0", None, "0002", None, None),
    ("power_import", "1-0:1.7.0", None, "0.244", "kW", None),
    ("power_export", "1-0:2.7.0", None, "0.000", "kW", None),
    ("power_failures", "0-0:96.7.21", None, "13", None, None),
    ("power_failure_log", "1-0:99.97.0", None, "(1)(0-0:96.7.19)(260301121128W)(0000000301*s)", None, None),
    ("last_power_failure", "1-0:99.97.0", None, "2026-03-01T12:11:28+01:00", None, None),
    ("message", "0-0:96.13.0", None, None, None, None),
    (None, "1-0:199.7.0", None, "12", None, None),
    (None, "1-0:199.7.1", None, "12.50", None, None),
    (None, "1-0:199.7.2", None, "123", "kW", None),
    (None, "1-0:199.7.3", None, "3.500", "kW", "2026-03-01T12:11:28+01:00"),
    (None, "1-0:199.7.4", None, "(1)(2)(3)", None, None),
    ("device_type", "0-1:24.1.0", 1, "003", None, None),
    ("equipment_id", "0-1:96.1.0", 1, "3232323241424344313233343536373839", None, None),
    ("gas", "0-1:24.2.1", 1, "0.107", "m3", "2026-07-15T11:55:00+02:00"),
    ("last_measured", "0-1:24.2.1", 1, "2026-07-15T11:55:00+02:00", None, None),
    (None, "0-2:24.1.0", 2, "003", None, None),
    (None, "0-2:96.1.0", 2, None, None, None),
]
DSMR_5_COMPUTED: set[Row] = {
    ("power", None, None, "244", "W", None),
    ("import_total", None, None, "6.825", "kWh", None),
    ("export_total", None, None, "2.444", "kWh", None),
}

DSMR_3 = r"""/ISk5\2MT382-1000

0-0:96.1.1(4B384547303034303436333935353037)
1-0:1.8.1(12345.678*kWh)
1-0:1.8.2(12345.678*kWh)
1-0:2.8.1(12345.678*kWh)
1-0:2.8.2(12345.678*kWh)
0-0:96.14.0(0002)
1-0:1.7.0(001.19*kW)
1-0:2.7.0(000.00*kW)
0-0:17.0.0(016*A)
0-0:96.3.10(1)
0-0:96.13.1()
0-0:96.13.0()
0-1:24.1.0(3)
0-1:96.1.0(3232323241424344313233343536373839)
0-1:24.3.0(090212160000)(00)(60)(1)(0-1:24.2.1)(m3)
(00000.107)
0-1:24.4.0(1)
!
"""

TWO_LIMITS = r"""/Lux5\253663629_D

1-3:0.2.8(42)
0-0:1.0.0(200706104157S)
0-0:42.0.0(53414731303330373930303032353734)
1-0:1.8.0(000025.653*kWh)
1-0:3.8.0(000000.835*kVArh)
1-1:31.4.0(100*A)(-063*A)
"""

HOURLY_GAS = """/ACE5ACE4KGPRS
0-0:96.1.0*255(1234567890123456)
1-0:1.8.0*255(0012345.074*kWh)
7-0:23.1.0*255(01238.740*m3)(19-01-01 00:00:00)
7-0:23.1.0*255(01240.690*m3)(19-01-01 13:00:00)
7-0:23.1.0*255(01237.560*m3)(18-12-31 14:00:00)
!
"""


def sealed(text: str) -> bytes:
    data = text.replace("\n", "\r\n").encode("ascii") + b"!"
    return data + b"%04X\r\n" % crc16(data)


def lines(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("ascii")


def read(*arguments: str | Path) -> tuple[int, str, str]:
    """Run it in this process; return its status, what it printed and what it complained of."""
    # The script's own folder is not a package: it has no name to import it by.
    script: Any = importlib.import_module("_read")
    with redirect_stdout(StringIO()) as output, redirect_stderr(StringIO()) as errors:
        try:
            status = script.main([str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
    return status, output.getvalue(), errors.getvalue()


@pytest.fixture(autouse=True)
def path_of_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPT.parent)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "telegrams.txt"


def read_json(path: Path, content: bytes) -> list[dict[str, Any]]:
    path.write_bytes(content)
    _, output, errors = read("--json", path)
    assert not errors
    return [json.loads(line) for line in output.splitlines()]


def rows(line: dict[str, Any]) -> list[Row]:
    assert all(list(row) == ["key", "code", "channel", "value", "unit", "at"] for row in line["readings"])
    return [tuple(row.values()) for row in line["readings"]]


def test_every_object_is_in_the_line_in_its_order_and_then_what_is_computed(file: Path) -> None:
    (line,) = read_json(file, sealed(DSMR_5))
    assert list(line) == ["ident", "profile", "version", "meter_time", "crc", "readings", "rejected"]
    assert {name: value for name, value in line.items() if name != "readings"} == {
        "ident": r"ISK5\2M550T-1012",
        "profile": "nl5",
        "version": "5.0",
        "meter_time": "2026-07-15T12:00:00+02:00",
        "crc": "ok",
        "rejected": [],
    }
    sent = len(DSMR_5_ROWS)
    assert rows(line)[:sent] == DSMR_5_ROWS
    assert set(rows(line)[sent:]) == DSMR_5_COMPUTED


def test_gas_on_two_lines_and_no_checksum(file: Path) -> None:
    (line,) = read_json(file, lines(DSMR_3))
    assert (line["profile"], line["version"], line["crc"], line["meter_time"]) == ("nl2", "2.2/3", "none", None)
    assert ("gas", "0-1:24.3.0", 1, "0.107", "m3", "2009-02-12T16:00:00+01:00") in rows(line)
    assert ("valve_state", "0-1:24.4.0", 1, "1", None, None) in rows(line)
    assert ("breaker_state", "0-0:96.3.10", None, "1", None, None) in rows(line)


def test_one_line_with_two_values_gives_two_and_units_are_as_sent(file: Path) -> None:
    (line,) = read_json(file, sealed(TWO_LIMITS))
    assert [row for row in rows(line) if row[1] == "1-1:31.4.0"] == [
        ("fuse_threshold", "1-1:31.4.0", None, "100", "A", None),
        ("fuse_threshold_export", "1-1:31.4.0", None, "63", "A", None),
    ]
    assert ("reactive_import_total", "1-0:3.8.0", None, "0.835", "kVArh", None) in rows(line)


def test_of_several_values_under_one_code_the_newest_is_the_reading(file: Path) -> None:
    (line,) = read_json(file, lines(HOURLY_GAS))
    code = "7-0:23.1.0*255"
    assert [row for row in rows(line) if row[1] == code] == [
        (None, code, None, "1238.740", "m3", "2019-01-01T00:00:00+01:00"),
        ("gas", code, None, "1240.690", "m3", "2019-01-01T13:00:00+01:00"),
        ("last_measured", code, None, "2019-01-01T13:00:00+01:00", None, None),
        (None, code, None, "1237.560", "m3", "2018-12-31T14:00:00+01:00"),
    ]


def test_each_line_carries_what_was_refused_before_it(file: Path) -> None:
    half = telegram(3)[:60]
    first, second, last = read_json(file, telegram(1) + damaged(2) + telegram(4) + half)
    assert first["rejected"] == []
    assert second["rejected"] == [{"reason": "crc", "bytes": damaged(2).hex()}]
    assert last == {
        "ident": None,
        "profile": None,
        "version": None,
        "meter_time": None,
        "crc": None,
        "readings": [],
        "rejected": [{"reason": "timeout", "bytes": half.hex()}],
    }


def test_a_person_sees_the_meter_the_values_and_the_refusals(file: Path) -> None:
    file.write_bytes(damaged() + sealed(DSMR_5))
    status, output, _ = read(file)
    assert status == 0
    assert output.startswith("Refused (crc, ")
    assert "\n/ISK5\\2M550T-1012\nnl5 5.0, 2026-07-15 12:00:00+02:00, CRC ok\n" in output
    cells = {tuple(line.split()[-3:]) for line in output.splitlines()}
    assert {("1-0:1.8.1", "4.426", "kWh"), ("computed", "244", "W"), ("1-0:199.7.2", "123", "kW")} <= cells


@pytest.mark.parametrize(
    ("content", "status"), [(b"", 1), (b"hello", 1), (damaged(), 1), (telegram(), 0), (damaged() + telegram(), 0)]
)
def test_the_status_says_whether_there_was_a_telegram(file: Path, content: bytes, status: int) -> None:
    file.write_bytes(content)
    assert read("--json", file)[0] == status


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["/nonexistent/ttyUSB0"],
        ["/"],
        ["telnet://meter:23"],
        [str(SCRIPT), "--key", "5ec2e7"],
        [str(SCRIPT), "--authentication-key", "00" * 16],
    ],
)
def test_wrong_use(arguments: list[str]) -> None:
    status, output, errors = read(*arguments)
    assert (status, output) == (2, "")
    assert errors
    assert "5ec2e7" not in errors


def results(*arguments: str | Path) -> tuple[int, list[str]]:
    """How many telegrams there were, and why others were refused."""
    _, output, _ = read("--json", *arguments)
    found = [json.loads(line) for line in output.splitlines()]
    return sum(line["ident"] is not None for line in found), [
        item["reason"] for line in found for item in line["rejected"]
    ]


def test_every_real_telegram_gives_what_is_expected_of_it() -> None:
    """The last column of INDEX.md says so for each file, in words."""
    folder = needs.shared_telegrams()
    tried = 0
    for line in (folder / "INDEX.md").read_text("utf-8").splitlines():
        name, *_, notes, expected = (
            [cell.strip() for cell in line.strip("|").split("|")] if "|" in line else ["", "", ""]
        )
        if not (folder / name).is_file() or not name:
            continue
        tried += 1
        telegrams, reasons = results(folder / name)
        if "with the key given here" in expected:
            encryption, authentication = re.findall(r"key ([0-9a-f]{32})", notes)
            right = ("--key", encryption, "--authentication-key", authentication, folder / name)
            assert (telegrams, reasons) == (0, ["cipher"])
            assert results(*right) == (1, [])
            assert results("--key", encryption, folder / name) == (0, ["key"])
            assert results("--key", "00" * 16, folder / name) == (0, ["key"])
        elif "key with any key" in expected:
            assert (telegrams, reasons) == (0, ["cipher"])
            assert results("--key", "00" * 16, folder / name) == (0, ["key"])
        elif expected.startswith("accept"):
            assert (telegrams, reasons) == (1, []), name
        else:
            allowed = re.findall(r"[a-z]+", re.findall(r"\((.+?)\)", expected)[0])
            assert telegrams == ("accept" in expected), name
            assert len(reasons) == 1, name
            assert reasons[0] in allowed, name
    assert tried >= 89


def inverted() -> bytes:
    line = Format()
    return received(signal_of(telegram(), line, inverted=True), line, line)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (hdlc(), "HDLC"),
        (mbus(), "M-Bus"),
        (inverted(), "inverted"),
        (bytes(100), "zeros"),
        (telegram(), ""),
        (b"hello", ""),
    ],
)
def test_a_file_with_something_else_in_it_is_said_to_be_that(file: Path, content: bytes, words: str) -> None:
    file.write_bytes(content)
    _, _, errors = read(file)
    assert words in errors
    assert bool(words) == bool(errors)


def test_who_listens_may_go_away(file: Path) -> None:
    file.write_bytes(b"".join(telegram(number) for number in range(500)))
    with subprocess.Popen([*COMMAND, str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(TIMEOUT) == 0


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=10 * TIMEOUT)


def test_any_python_finds_the_one_with_everything(file: Path) -> None:
    file.write_bytes(telegram())
    done = run([BARE, "-I", str(SCRIPT), "--json", str(file)])
    assert done.returncode == 0
    assert json.loads(done.stdout)["ident"] == "TST5TEST-METER"


def test_without_the_environment_it_says_how_to_get_it(tmp_path: Path, file: Path) -> None:
    (tmp_path / "scripts").mkdir()
    shutil.copy(SCRIPT, tmp_path / "scripts/read")
    file.write_bytes(telegram())
    done = run([BARE, "-I", str(tmp_path / "scripts/read"), str(file)])
    assert done.returncode == 2
    assert "scripts/setup" in done.stderr


async def start(*arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *COMMAND, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )


async def test_a_port_is_read_live_until_it_is_stopped(cable: Cable) -> None:
    async def talk() -> None:
        number = 0
        while True:
            number += 1
            await cable.send(telegram(number))
            await asyncio.sleep(0.05)

    process = await start("--json", cable.port)
    assert process.stdout is not None
    talking = asyncio.create_task(talk())
    try:
        async with asyncio.timeout(2 * TIMEOUT):
            seen = [json.loads(await process.stdout.readline()) for _ in range(4)]
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
    finally:
        talking.cancel()
    assert {line["ident"] for line in seen} == {"TST5TEST-METER"}
    shown = [row["value"] for line in seen for row in line["readings"] if row["key"] == "power_import"]
    assert shown == sorted(set(shown))


async def said(stream: asyncio.StreamReader, words: bytes) -> None:
    """Wait until a line with these words comes; the end of the program is no such line."""
    while words not in (line := await stream.readline()):
        assert line, f"the program ended without saying {words!r}"


async def test_an_address_is_read_live_and_the_end_of_the_connection_is_said() -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(telegram(7))
        writer.close()

    async with server(talk) as port:
        process = await start(f"socket://127.0.0.1:{port}")
        assert process.stdout is not None
        assert process.stderr is not None
        async with asyncio.timeout(2 * TIMEOUT):
            await said(process.stdout, b"TST5TEST-METER")
            await said(process.stderr, b"Trying again")
            process.send_signal(signal.SIGTERM)
            assert (await process.communicate(), process.returncode)[1] == 0


async def test_stopping_before_anything_came_is_no_telegram(cable: Cable) -> None:
    process = await start(cable.port)
    assert process.stderr is not None
    async with asyncio.timeout(2 * TIMEOUT):
        await said(process.stderr, b"Trying")
        process.send_signal(signal.SIGINT)
        assert (await process.communicate(), process.returncode)[1] == 1


def test_an_address_that_refuses_is_no_telegram() -> None:
    status, _, errors = read(f"socket://127.0.0.1:{free_port()}")
    assert status == 1
    assert "Connect call failed" in errors
