"""scripts/read --iec asks a meter with an optical head."""

import asyncio
from contextlib import redirect_stderr, redirect_stdout, suppress
from functools import partial
import importlib
from io import StringIO
import json
from pathlib import Path
import signal
import sys
from typing import TYPE_CHECKING, Any

import pytest

from p1meter.link import Dialogue
from p1meter.meter import OpticalTiming
from tests.simulation.optical import Habits, Mode, OpticalMeter

from .line import TIMEOUT

if TYPE_CHECKING:
    from .line import Cable

SCRIPT = Path(__file__).resolve().parent.parent.parent / "scripts/read"


def read(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    """Run it in this process, with little patience; return its status and what it complained of."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    # The script's own folder is not a package: it has no name to import it by.
    script: Any = importlib.import_module("_read")
    monkeypatch.setattr(script, "Dialogue", partial(Dialogue, timing=OpticalTiming(pace=0.01)))
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as errors:
        try:
            status = script.main(list(arguments))
        except SystemExit as end:
            status = end.code
    return status, errors.getvalue()


async def asked(tmp_path: Path, habits: Habits, *arguments: str) -> dict[str, Any]:
    """Let the script read a meter in real time; return what it printed, once nothing went wrong."""
    meter = OpticalMeter(tmp_path / "ttyHEAD", habits)
    living = asyncio.create_task(meter.run())
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        *("--json", *arguments, meter.port),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(4 * TIMEOUT):
            line: dict[str, Any] = json.loads(await process.stdout.readline())
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        living.cancel()
        meter.close()
    assert line["rejected"] == []
    return line | {"heard": meter.heard}


async def test_a_meter_with_an_address_is_asked_in_real_time(tmp_path: Path) -> None:
    habits = Habits(address="12345678", query="2", reaction=0.2)
    line = await asked(tmp_path, habits, "--iec", "--address", "12345678", "--query", "2")
    assert (line["ident"], line["crc"]) == ("TST5OPTICAL", "ok")
    assert {row["code"]: row["value"] for row in line["readings"]}["1.7.0"] == "0.512"
    assert line["heard"].messages == [(300, b"/212345678!\r\n"), (300, b"\x06050\r\n")]
    assert line["heard"].data_at == [9600]


async def test_a_battery_meter_is_woken_first(tmp_path: Path) -> None:
    habits = Habits(mode=Mode.B, ident="TSTCOPTICAL", sleeps=True)
    line = await asked(tmp_path, habits, "--iec", "--wake-up")
    assert line["ident"] == "TSTCOPTICAL"


async def test_a_meter_that_talks_by_itself_is_only_listened_to(tmp_path: Path) -> None:
    """At the speed of mode D first: nobody waits for it through those of P1 ports."""
    line = await asked(tmp_path, Habits(mode=Mode.D, ident="TST3OPTICAL"), "--iec", "--listen")
    assert (line["ident"], line["crc"]) == ("TST3OPTICAL", "none")


def test_nobody_answers(cable: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    status, errors = read(monkeypatch, "--iec", cable.port)
    assert status == 1
    assert "did not answer" in errors


def test_a_port_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    status, errors = read(monkeypatch, "--iec", "socket://127.0.0.1:1")
    assert status == 1
    assert "socket://127.0.0.1:1" in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ["--address", "1", "/dev/null"],
        ["--query", "2", "/dev/null"],
        ["--listen", "/dev/null"],
        ["--wake-up", "/dev/null"],
        ["--iec", "--address", "!", "/dev/null"],
        ["--iec", "--query", "", "/dev/null"],
        ["--iec", str(SCRIPT)],
        ["--iec", "telnet://meter:23"],
    ],
)
def test_wrong_use(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    status, errors = read(monkeypatch, *arguments)
    assert status == 2
    assert errors
