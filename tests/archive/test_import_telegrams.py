"""Whole telegrams in a file become readings, as far as they can be trusted."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from p1meter.archive.formats import raw_entry
from p1meter.archive.past.entries import LONGEST
from tests.compose import compose, nl5
from tests.meter.twins import block
from tests.simulation.past import past

from .pasts import read_past
from .telegrams import AMSTERDAM, read

if TYPE_CHECKING:
    from pathlib import Path

# The telegram of tests/compose.py: 12:59:00 local time, gas captured at 12:55.
SAYS = [
    "2026-11-21 11:59:00 import_tariff_1 4512.345 kWh",
    "2026-11-21 11:59:00 import_tariff_2 3987.650 kWh",
    "2026-11-21 11:59:00 export_tariff_1 812.001 kWh",
    "2026-11-21 11:59:00 export_tariff_2 1733.999 kWh",
    # 4512.345 + 3987.650, and 812.001 + 1733.999.
    "2026-11-21 11:59:00 import_total 8499.995 kWh",
    "2026-11-21 11:59:00 export_total 2546.000 kWh",
    "2026-11-21 11:55:00 1:gas 2569.646 m3",
]


def at(minute: int, reading: str) -> bytes:
    return (
        compose({"0-0:1.0.0": f"(2611211{minute // 60}{minute % 60:02}00W)", "1-0:1.8.0": f"({reading}*kWh)"}) + b"\r\n"
    )


def test_a_telegram(tmp_path: Path) -> None:
    for data in (nl5(), nl5() + b"\r\n", b"\r\n\r\n" + nl5(), nl5().replace(b"\r\n", b"\n")):
        assert read_past(tmp_path, data) == ("raw", SAYS, [])


def test_the_last_of_an_hour_and_what_is_read_at_the_full_hour(tmp_path: Path) -> None:
    start = datetime(2026, 11, 21, 12, 30, tzinfo=AMSTERDAM)
    raw = b"".join(raw for _, raw in past(start, start + timedelta(hours=1), interval=60))

    says = read_past(tmp_path, raw).says

    times = [line[11:19] for line in says if " import_total " in line]
    assert times == ["11:30:00", "11:59:00", "12:00:00", "12:30:00"]
    times = [line[11:19] for line in says if " 1:gas " in line]
    assert times == ["11:30:00", "11:55:00", "12:00:00", "12:30:00"]


def test_what_the_checksum_refuses_is_named_by_its_line_and_the_one_before_it_counts(tmp_path: Path) -> None:
    good = at(0, "1.000") + at(57, "1.057")
    bad = at(58, "1.058").replace(b"1.058", b"9.058") + at(59, "1.059").replace(b"1.059", b"9.059")

    found = read_past(tmp_path, good + bad + at(60, "2.000"))

    assert found.says == [
        "2026-11-21 09:00:00 import_total 1.000 kWh",
        "2026-11-21 09:57:00 import_total 1.057 kWh",
        "2026-11-21 10:00:00 import_total 2.000 kWh",
    ]
    # Each has six lines: ident, blank, time, total, checksum, blank.
    assert found.problems == [(19, "refused", "crc"), (13, "refused", "crc")]


def test_telegrams_without_a_time_give_only_what_has_its_own(tmp_path: Path) -> None:
    # DSMR 2.2: the meter sends no clock, but when the gas was captured.
    raw = compose(
        {
            "1-0:1.8.1": "(00001.000*kWh)",
            "1-0:1.8.2": "(00002.000*kWh)",
            "0-1:24.1.0": "(3)",
            "0-1:24.3.0": "(261121120000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00024.123)",
        },
        checksum=False,
    )

    assert read_past(tmp_path, raw) == ("raw", ["2026-11-21 11:00:00 1:gas 24.123 m3"], [(1, "no_time", "")])


def test_optical_meters(tmp_path: Path) -> None:
    raw = raw_entry(read(block("ISK5MT174-0001", "0.9.2(20-11-21)", "0.9.1(12:00:00)", "1.8.0(0000012.3*kWh)")))

    assert read_past(tmp_path, raw).says == ["2020-11-21 11:00:00 import_total 12.3 kWh"]


def test_a_message_that_makes_telegrams_longer_changes_nothing(tmp_path: Path) -> None:
    telegrams = [
        nl5(
            {"0-0:1.0.0": f"(26112112{minute:02}00W)", "1-3:0.2.8": "(50)", "0-0:96.1.1": f"({'4' * (minute % 3 * 2)})"}
        )
        for minute in range(60)
    ]

    found = read_past(tmp_path, b"".join(telegrams))

    times = {line[11:16] for line in found.says if "import_total" in line}
    assert times == {"11:00", "11:59"}


def test_half_a_telegram_and_noise_around_whole_ones(tmp_path: Path) -> None:
    noise = b"1.8.0(00\r\n!\r\nxx\r\n"
    endless = b"\n".join([b"#" * 100] * (2 * LONGEST // 100))

    for end in (at(60, "3.000")[:40], endless * 3, b"#" * 4 * 256 * 1024):
        found = read_past(tmp_path, noise + at(0, "1.000") + endless + b"\n" + at(59, "2.000") + end)

        assert found.says == [
            "2026-11-21 09:00:00 import_total 1.000 kWh",
            "2026-11-21 09:59:00 import_total 2.000 kWh",
        ]
        assert {kind for _, kind, _ in found.problems} == {"refused"}


def test_a_meter_that_sends_no_unit(tmp_path: Path) -> None:
    raw = nl5({"0-1:24.1.0": "(99)", "0-1:24.2.1": "(261121125500W)(02569.646)", "1-0:2.8.1": "(000812.001)"})

    says = read_past(tmp_path, raw).says

    # That of the register, where it has one.
    assert "2026-11-21 11:59:00 export_tariff_1 812.001 kWh" in says
    assert not any(":mbus" in line for line in says)
