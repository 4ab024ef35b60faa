"""Lines of smartmeter 3.0 and of our own journal become readings again, whatever was done to their codes."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from p1meter.archive import HistoryError, Journal, Selection, collect, columns_of, open_history, parse_selection
from p1meter.archive.formats import JournalFormat, sml3_line
from p1meter.archive.past.entries import LONGEST
from p1meter.archive.past.lines import full_code
from p1meter.meter import REGISTERS
from tests.compose import compose
from tests.simulation.past import past

from .pasts import read_past
from .telegrams import AMSTERDAM, DOCUMENTED, entries, read
from .test_formats import WITH_CODES, WITHOUT_CODES

if TYPE_CHECKING:
    from pathlib import Path

# What the documented line says (docs/journal.md); 11:23:14 in summer is 9:23:14 UTC.
SAYS = [
    "2015-09-17 09:23:14 import_tariff_1 2078.645 kWh",
    "2015-09-17 09:23:14 import_tariff_2 2759.295 kWh",
    # The sum of both: the meter sends no total.
    "2015-09-17 09:23:14 import_total 4837.940 kWh",
    # It was captured at 11:00, and nothing on the line says what is measured on channel 1.
    "2015-09-17 09:00:00 1:mbus 1134.437 m3",
]
COLUMNS = ("0-0:1.0.0", "1-0:1.8.1", "1-0:1.8.2", "0-0:96.14.0", "1-0:1.7.0", "0-1:24.2.1")
FULL = (
    "0-0:1.0.0;(150917112314S);1-0:1.8.1;(002078.645*kWh);1-0:1.8.2;(002759.295*kWh);0-0:96.14.0;(0002);"
    "1-0:1.7.0;(02.073*kW);0-1:24.2.1;(150917110000S)(01134.437*m3)"
)
MIXED = (
    "(150917112314S);10181;(002078.645*kWh);1-0:1.8.2;(002759.295*kWh);0096140;(0002);"
    "1-0:1.7.0*255;(02.073*kW);012421;(150917110000S)(01134.437*m3)"
)


@pytest.mark.parametrize("line", [WITH_CODES, FULL, MIXED], ids=["stripped", "full", "mixed"])
def test_the_documented_line(tmp_path: Path, line: str) -> None:
    for end in ("\n", "\r\n", ""):
        assert read_past(tmp_path, line + end) == ("sml3", SAYS, [])


def test_the_documented_line_without_codes(tmp_path: Path) -> None:
    assert read_past(tmp_path, WITHOUT_CODES, columns=COLUMNS) == ("sml3", SAYS, [])
    # In any spelling.
    short = ("00100", "10181", "10182", "0096140", "10170", "012421")
    assert read_past(tmp_path, WITHOUT_CODES, columns=short).says == SAYS


def test_without_codes_somebody_has_to_say_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(HistoryError) as raised:
        read_past(tmp_path, WITHOUT_CODES)
    assert (raised.value.kind, raised.value.detail) == ("columns_needed", WITHOUT_CODES)


def test_the_columns_are_those_that_the_journal_writes(tmp_path: Path) -> None:
    telegram = read(compose(DOCUMENTED))
    selection = Selection(parse_selection("1-0:1.8.1\n1-0:1.8.2\n0-0:96.14.0\n1-0:1.7.0\n0-1:24.2.1").codes)

    columns = columns_of(telegram, selection.allows)

    assert columns == COLUMNS
    line = sml3_line(telegram, datetime(2015, 9, 17, tzinfo=UTC), selection.allows, codes="none")
    assert read_past(tmp_path, line, columns=columns).says == SAYS


def test_another_number_of_values_than_of_columns(tmp_path: Path) -> None:
    lines = f"{WITHOUT_CODES}\n(150917120000S);(002078.645*kWh)\n"

    assert read_past(tmp_path, lines, columns=COLUMNS) == ("sml3", SAYS, [(2, "columns", "2")])


def test_what_is_measured_on_a_channel_can_be_said(tmp_path: Path) -> None:
    says = read_past(tmp_path, WITH_CODES, channels={1: "gas", 2: "water"}).says

    assert says == [*SAYS[:3], "2015-09-17 09:00:00 1:gas 1134.437 m3"]
    # The line knows better: 007 is water.
    says = read_past(tmp_path, f"{WITH_CODES};012410;(007)", channels={1: "gas"}).says
    assert says[-1] == "2015-09-17 09:00:00 1:water 1134.437 m3"


def test_a_line_that_was_wrapped(tmp_path: Path) -> None:
    # As the document shows it, and wrapped before a value.
    wrapped = f"{WITH_CODES.replace('10170;', '10170;\n')}\n"
    twice = f"{WITH_CODES.replace(';0096140', ';\r\n0096140').replace('10170;', '10170;\r\n')}\r\n"
    later = WITH_CODES.replace("150917112314S", "150917122314S")
    says = [line.replace(" 09:23", " 10:23") for line in SAYS[:3]]

    for lines in (wrapped + later, twice + later):
        assert read_past(tmp_path, lines) == ("sml3", [*SAYS, *says], [])


def test_a_line_that_was_cut_does_not_take_the_next_with_it(tmp_path: Path) -> None:
    cut = "00100;(150917102314S);10181;(002078.645*kWh);"
    assert read_past(tmp_path, f"{cut}\n{WITH_CODES}") == ("sml3", SAYS, [(1, "damaged", cut)])
    # At the end of the file.
    assert read_past(tmp_path, f"{WITH_CODES}\n{cut}") == ("sml3", SAYS, [(2, "damaged", cut)])


@pytest.mark.parametrize("letter", ["X", "", " ", "S"])
def test_a_stamp_with_any_character_in_the_place_of_the_season(tmp_path: Path, letter: str) -> None:
    # In September it is summer anyway.
    assert read_past(tmp_path, WITH_CODES.replace("112314S", f"112314{letter}")).says == SAYS


def test_a_stamp_that_says_winter_in_summer_is_winter(tmp_path: Path) -> None:
    assert read_past(tmp_path, WITH_CODES.replace("112314S", "112314W")).says[0].startswith("2015-09-17 10:23:14 ")


def test_in_finland_winter_is_two_hours_from_utc(tmp_path: Path) -> None:
    line = "00100;(261121120000W);10180;(5.000*kWh)\n"

    assert read_past(tmp_path, line, country="FI").says == ["2026-11-21 10:00:00 import_total 5.000 kWh"]


def test_winter_is_an_hour_from_utc_whatever_was_chosen_of_a_telegram(tmp_path: Path) -> None:
    # A total and four tariffs are what meters in Lithuania send, where it is two.
    tariffs = "".join(f";1018{number};({number}.000*kWh)" for number in range(5))

    assert (
        read_past(tmp_path, f"00100;(261121120000W){tariffs}\n").says[0] == "2026-11-21 11:00:00 import_total 0.000 kWh"
    )


@pytest.mark.parametrize("letters", [("S", "W"), ("", ""), ("X", "X")])
def test_the_hour_that_comes_twice(tmp_path: Path, letters: tuple[str, str]) -> None:
    # 25 October 2026: at 3:00 summer time the clock goes back to 2:00.
    times = [("0155", 0), ("0205", 0), ("0255", 0), ("0201", 1), ("0255", 1), ("0305", 1)]
    lines = [
        f"00100;(261025{time}00{letters[again]});10180;({number}.000*kWh)\n"
        for number, (time, again) in enumerate(times)
    ]

    assert read_past(tmp_path, "".join(lines)).says == [
        "2026-10-24 23:55:00 import_total 0.000 kWh",
        "2026-10-25 00:55:00 import_total 2.000 kWh",
        "2026-10-25 01:01:00 import_total 3.000 kWh",
        "2026-10-25 01:55:00 import_total 4.000 kWh",
        "2026-10-25 02:05:00 import_total 5.000 kWh",
    ]


# Winter time is UTC+2 there, and summer time UTC+3.
EASTERN = {
    "BG": "Europe/Sofia",
    "CY": "Asia/Nicosia",
    "EE": "Europe/Tallinn",
    "FI": "Europe/Helsinki",
    "GR": "Europe/Athens",
    "IL": "Asia/Jerusalem",
    "LT": "Europe/Vilnius",
    "LV": "Europe/Riga",
    "MD": "Europe/Chisinau",
    "RO": "Europe/Bucharest",
    "UA": "Europe/Kyiv",
}
# A meter that tells its number, and one that sends what Dutch ones did that had no clock.
WITH_NUMBER = {"0-0:96.1.1": "(4530303331)", "1-0:1.8.0": "(5.000*kWh)"}
LIKE_DUTCH = {"1-0:1.8.1": "(3.000*kWh)", "1-0:1.8.2": "(2.000*kWh)"}


@pytest.mark.parametrize("season", ["winter", "summer"])
@pytest.mark.parametrize("clock", ["none", "none, like Dutch", "stamp", "date and time"])
@pytest.mark.parametrize("country", EASTERN)
def test_what_is_kept_where_winter_is_two_hours_from_utc(tmp_path: Path, country: str, clock: str, season: str) -> None:
    received = datetime(2026, 1 if season == "winter" else 7, 15, 10, 30, tzinfo=UTC)
    # What the clock there shows then.
    day, time = ("260115", "123000") if season == "winter" else ("260715", "133000")
    objects = {
        "none": WITH_NUMBER,
        "none, like Dutch": LIKE_DUTCH,
        "stamp": {"0-0:1.0.0": f"({day}{time}{'W' if season == 'winter' else 'S'})"} | WITH_NUMBER,
        "date and time": {"1-0:0.9.1": f"({time})", "1-0:0.9.2": f"({day})"} | WITH_NUMBER,
    }[clock]
    zone = ZoneInfo(EASTERN[country])
    telegram = read(compose(objects, checksum=clock == "stamp"), zone=zone, country=country)

    line = sml3_line(telegram, received, Selection(None).allows, codes="stripped")

    (said,) = [one for one in read_past(tmp_path, line, zone=zone, country=country).says if " import_total " in one]
    assert said == f"{received:%Y-%m-%d %H:%M:%S} import_total 5.000 kWh"


def test_the_hour_that_comes_twice_where_winter_is_two_hours_from_utc(tmp_path: Path) -> None:
    # 25 October 2026: at 4:00 summer time, 1:00 UTC, the clock goes back to 3:00.
    zone = ZoneInfo("Europe/Riga")
    midnight = datetime(2026, 10, 25, tzinfo=UTC)
    lines = [
        sml3_line(
            read(compose({"1-0:1.8.0": f"({number}.000*kWh)"}, checksum=False), zone=zone, country="LV"),
            midnight + timedelta(minutes=minutes),
            Selection(None).allows,
            codes="stripped",
        )
        for number, minutes in enumerate((-5, 5, 55, 61, 115, 125))
    ]

    assert read_past(tmp_path, "\n".join(lines), zone=zone, country="LV").says == [
        "2026-10-24 23:55:00 import_total 0.000 kWh",
        "2026-10-25 00:55:00 import_total 2.000 kWh",
        "2026-10-25 01:01:00 import_total 3.000 kWh",
        "2026-10-25 01:55:00 import_total 4.000 kWh",
        "2026-10-25 02:05:00 import_total 5.000 kWh",
    ]


def test_lines_without_a_time_are_reported(tmp_path: Path) -> None:
    without = "10181;(002078.645*kWh);10182;(002759.295*kWh)"
    unset = WITH_CODES.replace("150917112314S", "000101000000W")
    no_date = WITH_CODES.replace("150917112314S", "159917112314S")

    found = read_past(tmp_path, f"{without}\n{WITH_CODES}\n{unset}\n{no_date}\n")

    assert found.says == SAYS
    assert [(line, kind) for line, kind, _ in found.problems] == [(1, "no_time"), (3, "no_time"), (4, "no_time")]


def test_unknown_codes_are_named_once_and_the_rest_is_read(tmp_path: Path) -> None:
    line = f"{WITH_CODES};4711;(1);471*1;(2)"

    found = read_past(tmp_path, f"{line}\n{line.replace('150917', '150918')}\n")

    assert found.problems == [(1, "unknown_code", "4711"), (1, "unknown_code", "471*1")]
    assert found.says[:4] == SAYS


def test_a_value_without_a_code_among_others_is_passed_over(tmp_path: Path) -> None:
    assert read_past(tmp_path, WITH_CODES.replace("0096140;", "")) == ("sml3", SAYS, [])


def test_a_line_that_is_longer_than_a_telegram_can_be(tmp_path: Path) -> None:
    found = read_past(tmp_path, f"{WITH_CODES};0096130;({'3' * 9000})")

    assert (found.says, {kind for _, kind, _ in found.problems}) == ([], {"refused"})


def test_a_damaged_line_at_the_end_of_an_hour_does_not_lose_the_hour(tmp_path: Path) -> None:
    lines = [
        f"00100;(261121{hour:02}{minute:02}00W);10180;({hour}.{minute:03}*kWh)"
        for hour in (11, 12)
        for minute in range(60)
    ]
    lines[58] = lines[58][:30]
    lines[59] = lines[59].replace("*kWh)", "*kWh")

    found = read_past(tmp_path, "\n".join(lines))

    assert found.says == [
        "2026-11-21 10:00:00 import_total 11.000 kWh",
        "2026-11-21 10:57:00 import_total 11.057 kWh",
        "2026-11-21 11:00:00 import_total 12.000 kWh",
        "2026-11-21 11:59:00 import_total 12.059 kWh",
    ]
    assert found.problems == [(60, "damaged", lines[59]), (59, "damaged", lines[58])]


def test_a_damaged_time_at_the_end_of_an_hour_does_not_lose_the_hour(tmp_path: Path) -> None:
    times = ("115800", "115900", "115990", "120000", "120100")
    lines = [f"00100;(261121{time}W);10180;(1{time[2:4]}.000*kWh)\n" for time in times]

    found = read_past(tmp_path, "".join(lines))

    assert found.says == [
        "2026-11-21 10:58:00 import_total 158.000 kWh",
        "2026-11-21 10:59:00 import_total 159.000 kWh",
        "2026-11-21 11:00:00 import_total 100.000 kWh",
        "2026-11-21 11:01:00 import_total 101.000 kWh",
    ]
    assert found.problems == [(3, "no_time", "")]


def test_a_damaged_line_at_the_start_of_an_hour_is_followed_by_the_next(tmp_path: Path) -> None:
    # The capture at the full hour is on the second line of the hour too.
    stamp = "00100;(261121{}W);012410;(003);012421;(261121{}W)({}*m3)\n"
    lines = [
        stamp.format("115500", "115000", "1.000"),
        stamp.format("120000", "120000", "2.000").replace("*m3)", ""),
        stamp.format("120100", "120000", "2.000"),
        stamp.format("120600", "120500", "3.000"),
        stamp.format("121100", "121000", "4.000"),
    ]

    assert read_past(tmp_path, "".join(lines)).says == [
        "2026-11-21 10:50:00 1:gas 1.000 m3",
        "2026-11-21 11:00:00 1:gas 2.000 m3",
        "2026-11-21 11:10:00 1:gas 4.000 m3",
    ]


@pytest.mark.parametrize("late", [0, 7, 50])
def test_gas_that_was_captured_at_the_full_hour_is_found_however_late_it_came(tmp_path: Path, late: int) -> None:
    # Each minute a line, gas every five minutes, `late` minutes behind; it grows by 0.001 a minute.
    lines = []
    start = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    for minute in range(300):
        at = start + timedelta(hours=1, minutes=minute)  # as the clock on the wall shows it
        captured = minute - late - (minute - late) % 5
        taken = start + timedelta(hours=1, minutes=captured)
        gas = (captured + 1000) / 1000
        lines.append(f"00100;({at:%y%m%d%H%M%S}W);012410;(003);012421;({taken:%y%m%d%H%M%S}W)({gas:.3f}*m3)\n")

    says = read_past(tmp_path, "".join(lines)).says

    for hour in range(11, 15):
        assert f"2026-11-21 {hour}:00:00 1:gas {1 + (hour - 10) * 0.06:.3f} m3" in says
    assert len(says) < 40


def test_what_is_too_long_for_a_line(tmp_path: Path) -> None:
    joined = f"{WITH_CODES};" + ";".join(["(1)"] * (LONGEST // 4))
    endless = b"(" * (2**20)

    data = f"{WITH_CODES}\n".encode() + endless + f"\n{joined}\n".encode() + b"00100;" + endless

    found = read_past(tmp_path, data)
    assert found.says == SAYS
    assert sorted(one[:2] for one in found.problems) == [(2, "too_long"), (3, "damaged"), (4, "too_long")]


def test_lines_that_a_power_loss_has_filled_with_zeros(tmp_path: Path) -> None:
    data = f"{WITH_CODES}\n".encode() + bytes(3000) + b"\n\n"

    assert read_past(tmp_path, data) == ("sml3", SAYS, [])


@pytest.mark.parametrize("journal_format", ["sml3", "sml3_full", "sml3_values", "raw", "csv"])
def test_our_own_journal_is_read_back(tmp_path: Path, journal_format: JournalFormat) -> None:
    journal = Journal(tmp_path / "journal", journal_format, Selection(None))
    written = entries(0, 4000)
    assert journal.append(written) == 4000
    journal.close()
    (path,) = [path for path in (tmp_path / "journal").iterdir() if not path.name.startswith(".")]
    columns = columns_of(written[0].telegram, Selection(None).allows)

    file = open_history(path, zone=AMSTERDAM, columns=columns)

    # From 12:00:00 local time on it imports a Wh a second: what is read at a full hour is what the hour ended with.
    (series,) = collect(file.values()).series.values()
    assert [(f"{row.start:%H:%M}", str(row.state), str(row.grown)) for row in series.rows] == [
        ("10:00", "0.000", "0"),
        ("11:00", "3.600", "3.600"),
        ("12:00", "3.999", "0.399"),
    ]
    assert not file.problems.counts
    assert file.progress == 1


def test_lines_of_the_simulated_household_say_what_its_telegrams_say(tmp_path: Path) -> None:
    start = datetime(2026, 10, 25, 0, 30, tzinfo=AMSTERDAM)
    made = list(past(start, start + timedelta(hours=5), interval=300))

    lines = read_past(tmp_path, b"".join(line for line, _ in made))
    telegrams = read_past(tmp_path, b"".join(raw for _, raw in made))

    assert (lines.kind, telegrams.kind) == ("sml3", "raw")
    assert sorted(lines.says) == sorted(telegrams.says)
    assert not lines.problems
    assert not telegrams.problems


def test_every_code_of_the_table_is_found_without_its_separators() -> None:
    for register in REGISTERS.values():
        for code in register.codes:
            one = (code if "-" in code or code[0] in "CF" else f"1-0:{code}").replace("0-n", "0-3")
            stripped = one.translate(str.maketrans("", "", "-:."))
            assert full_code(stripped) == one


@pytest.mark.parametrize(
    ("code", "full"),
    [
        ("10181", "1-0:1.8.1"),
        ("012421", "0-1:24.2.1"),
        ("0096140", "0-0:96.14.0"),
        ("00100", "0-0:1.0.0"),
        ("1-0:1.8.1", "1-0:1.8.1"),
        ("10181*255", "1-0:1.8.1*255"),
        ("10181&02", "1-0:1.8.1&02"),
        # Optical meters leave the medium out.
        ("181", "1.8.1"),
        ("C.1.0", "C.1.0"),
        ("C10", "C.1.0"),
        # 1.2.4 or 1.24: nobody knows.
        ("124", None),
        ("4711", None),
        ("", None),
    ],
)
def test_codes(code: str, full: str | None) -> None:
    assert full_code(code) == full


def test_a_closing_value_of_a_past_month_is_no_reading_of_now(tmp_path: Path) -> None:
    line = "00100;(261121120000W);180;(5.000*kWh);180*03;(4.000*kWh)\n"

    assert read_past(tmp_path, line).says == ["2026-11-21 11:00:00 import_total 5.000 kWh"]
