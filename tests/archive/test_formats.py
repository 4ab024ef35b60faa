"""What is written: the lines that smartmeter 3.0 documents, byte for byte, and how a file is made whole again."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from string import ascii_letters, digits
from zoneinfo import ZoneInfo

import pytest

from p1meter.archive import Selection, parse_selection
from p1meter.archive.formats import (
    FileName,
    Mend,
    Pair,
    boundary,
    csv_cells,
    csv_columns,
    csv_header,
    csv_line,
    gap,
    mend,
    raw_entry,
    sml3_line,
    sml3_pairs,
)
from p1meter.meter import Obis, Reader, Reading, Telegram
from tests.compose import compose, nl5
from tests.meter.twins import block

from .telegrams import DOCUMENTED, NOON, entries, numbered, read

# Copied from the document of smartmeter 3.0.
WITH_CODES = (
    "00100;(150917112314S);10181;(002078.645*kWh);10182;(002759.295*kWh);0096140;(0002);10170;(02.073*kW);"
    "012421;(150917110000S)(01134.437*m3)"
)
WITHOUT_CODES = "(150917112314S);(002078.645*kWh);(002759.295*kWh);(0002);(02.073*kW);(150917110000S)(01134.437*m3)"
# The selection of the document, without the stamp.
SELECTION = Selection(parse_selection("1-0:1.8.1\n1-0:1.8.2\n0-0:96.14.0\n1-0:1.7.0\n0-1:24.2.1").codes)
ALL = Selection(None)
RECEIVED = datetime(2026, 7, 1, 10, 0, 5, tzinfo=UTC)


# --- SML3 -------------------------------------------------------------------------------------------------------------


def test_a_line_with_codes_is_the_documented_one() -> None:
    telegram = read(compose(DOCUMENTED))

    assert sml3_line(telegram, RECEIVED, SELECTION.allows, codes="stripped") == WITH_CODES


def test_a_line_without_codes_is_the_documented_one() -> None:
    telegram = read(compose(DOCUMENTED))

    assert sml3_line(telegram, RECEIVED, SELECTION.allows, codes="none") == WITHOUT_CODES


def test_a_line_with_full_codes_is_what_the_released_program_wrote() -> None:
    telegram = read(compose(DOCUMENTED))

    line = sml3_line(telegram, RECEIVED, SELECTION.allows, codes="full")

    assert line == (
        "0-0:1.0.0;(150917112314S);1-0:1.8.1;(002078.645*kWh);1-0:1.8.2;(002759.295*kWh);0-0:96.14.0;(0002);"
        "1-0:1.7.0;(02.073*kW);0-1:24.2.1;(150917110000S)(01134.437*m3)"
    )


def test_everything_goes_in_the_order_of_the_telegram_but_the_stamp_is_first() -> None:
    telegram = read(compose(DOCUMENTED))

    line = sml3_line(telegram, RECEIVED, ALL.allows, codes="stripped")

    assert line == (
        "00100;(150917112314S);13028;(42);009611;(4530303331);10181;(002078.645*kWh);10182;(002759.295*kWh);"
        "10281;(000000.000*kWh);0096140;(0002);10170;(02.073*kW);10270;(00.000*kW);012410;(003);"
        "012421;(150917110000S)(01134.437*m3)"
    )


# DSMR 2 and 3 send no time, and the gas on two lines (P1 3.0 §5.12).
DSMR3 = (
    b"/KMP5 TEST\r\n\r\n0-0:96.1.1(4530)\r\n1-0:1.8.1(00185.000*kWh)\r\n"
    b"0-1:24.3.0(121030140000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00024.123)\r\n!\r\n"
)


def test_a_meter_without_a_clock_gets_the_time_of_reception_in_its_own_zone() -> None:
    telegram = read(DSMR3)

    line = sml3_line(telegram, RECEIVED, ALL.allows, codes="stripped")

    # 10:00:05 UTC on the first of July is 12:00:05 summer time; the value on its own line is a group like the others.
    assert line == (
        "00100;(260701120005S);009611;(4530);10181;(00185.000*kWh);"
        "012430;(121030140000)(00)(60)(1)(0-1:24.2.1)(m3)(00024.123)"
    )


@pytest.mark.parametrize(
    ("zone", "received", "stamp"),
    [
        ("Europe/Amsterdam", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "(261025023000S)"),  # the first 02:30
        ("Europe/Amsterdam", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "(261025023000W)"),  # the second one
        # W means +01:00 to whoever reads the file, or +02:00 in the east: there the letter is left out.
        ("Europe/Vilnius", datetime(2026, 1, 1, 10, 0, tzinfo=UTC), "(260101120000)"),
        ("Europe/Vilnius", datetime(2026, 7, 1, 10, 0, tzinfo=UTC), "(260701130000)"),
    ],
)
def test_a_stamp_says_what_time_it_is_whoever_reads_it(zone: str, received: datetime, stamp: str) -> None:
    telegram = read(DSMR3, zone=ZoneInfo(zone))

    assert sml3_line(telegram, received, Selection(()).allows, codes="none") == stamp


def test_of_a_meter_that_means_another_time_by_w_the_letter_is_left_out_in_any_zone() -> None:
    telegram = read(compose({"1-0:1.8.0": "(1*kWh)"}, "ESO5\\TEST"))

    line = sml3_line(telegram, datetime(2026, 1, 1, 10, 0, tzinfo=UTC), Selection(()).allows, codes="none")

    assert line == "(260101110000)"


def test_a_stamp_that_is_no_time_is_not_kept() -> None:
    telegram = read(nl5({"0-0:1.0.0": "(632525252525W)"}))

    assert sml3_line(telegram, RECEIVED, Selection(()).allows, codes="none") == "(260701120005S)"


def test_a_second_stamp_is_left_out() -> None:
    lines = {"0-0:1.0.0": "(261121125900W)", "0-0:1.0.0.255": "(261121125901W)"}
    telegram = read(compose({"1-3:0.2.8": "(50)", **lines}))

    assert sml3_line(telegram, RECEIVED, ALL.allows, codes="none") == "(261121125900W);(50)"


def test_a_value_never_ends_its_line() -> None:
    # Where a checksum vouches for it, a value may hold anything.
    telegram = read(compose({"1-0:1.8.1": "(1*kWh)", "0-0:96.13.0": "(a\rb\x7f\x85;\xe9)"}))

    line = sml3_line(telegram, RECEIVED, ALL.allows, codes="full")

    assert line == "0-0:1.0.0;(260701120005S);1-0:1.8.1;(1*kWh);0-0:96.13.0;(ab;\xe9)"
    assert sml3_pairs(line)[-1] == Pair("0-0:96.13.0", ("ab;\xe9",))


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        (WITH_CODES, ["00100", "10181", "10182", "0096140", "10170", "012421"]),
        (WITHOUT_CODES, [""] * 6),
        # In whatever way the codes are written, also both on one line.
        ("0-0:1.0.0;(150917112314S);10181;(1*kWh)", ["0-0:1.0.0", "10181"]),
    ],
)
def test_the_documented_lines_are_read(line: str, codes: list[str]) -> None:
    pairs = sml3_pairs(line)

    assert [pair.code for pair in pairs] == codes
    assert pairs[0].groups == ("150917112314S",)
    if len(pairs) == 6:
        assert pairs[-1].groups == ("150917110000S", "01134.437*m3")


@pytest.mark.parametrize("line", ["", "00100", "00100;", "00100;(15091", "00100;(150917112314S);", "(1);(2", "(1)x"])
def test_a_line_that_is_not_whole_has_no_values(line: str) -> None:
    assert sml3_pairs(line) == ()


# --- RAW --------------------------------------------------------------------------------------------------------------


def test_a_whole_telegram_is_kept_as_it_came_and_a_blank_line_follows() -> None:
    raw = nl5()

    assert raw_entry(read(raw)) == raw + b"\r\n"


@pytest.mark.parametrize("check_character", [b"\n", b"\r", b"7"])
def test_a_block_ends_its_line_and_a_blank_line_follows(check_character: bytes) -> None:
    raw = with_check_character(check_character)

    assert raw[-1:] == check_character
    assert raw_entry(read(raw)) == raw + b"\r\n\r\n"


def with_check_character(wanted: bytes) -> bytes:
    """A read-out of an optical meter whose block check happens to be this character."""
    texts = map("".join, product(ascii_letters + digits, repeat=2))
    return next(raw for text in texts if (raw := block("ABC5", "1.8.0(000001*kWh)", f"0.0.0({text})"))[-1:] == wanted)


def test_a_file_of_whole_telegrams_is_read_again() -> None:
    raws = [nl5(), DSMR3, with_check_character(b"\n"), with_check_character(b"\r"), numbered(7)]
    reader = Reader()

    items = reader.feed(b"".join(raw_entry(read(raw)) for raw in raws))

    assert [item.raw if isinstance(item, Telegram) else item for item in [*items, *reader.close()]] == raws


# --- CSV --------------------------------------------------------------------------------------------------------------


def reading(key: str, value: Decimal | datetime | str | int | None, unit: str | None = None) -> Reading:
    return Reading(key, value, unit, None, Obis.parse("1-0:1.8.1"), None)


def test_a_csv_line_has_the_columns_of_its_header() -> None:
    cells = csv_cells(
        {
            "import_tariff_1": reading("import_tariff_1", Decimal("002078.645"), "kWh"),
            "small": reading("small", Decimal("0.0000001"), "kW"),
            "tariff": reading("tariff", "low"),
            "power_failures": reading("power_failures", 4),
            "gas_last_measured": reading("last_measured", NOON),
            "message": reading("message", 'He said "1,5\r\n2"'),
            "voltage_l1": reading("voltage_l1", None, "V"),
        }
    )
    columns = (*cells, "voltage_l1 (V)")

    # RFC 4180: a comma or a quote puts the cell in quotes, and quotes are doubled.
    assert csv_header(columns) == (
        "time,import_tariff_1 (kWh),small (kW),tariff,power_failures,gas_last_measured,message,voltage_l1 (V)"
    )
    assert csv_line(NOON, columns, cells) == (
        '2026-11-21T12:00:00+01:00,2078.645,0.0000001,low,4,2026-11-21T12:00:00+01:00,"He said ""1,52""",'
    )
    assert csv_columns(csv_header(columns)) == columns


@pytest.mark.parametrize("text", ['=HYPERLINK("http://evil")', "+1", "-1", "@SUM(1)"])
def test_what_a_meter_says_is_no_formula(text: str) -> None:
    assert csv_cells({"message": reading("message", text)}) == {"message": f"'{text}"}
    assert csv_cells({"power": reading("power", Decimal(-1), "kW")}) == {"power (kW)": "-1"}


@pytest.mark.parametrize("line", ["", "Zeit,power", '"'])
def test_a_first_line_of_something_else_names_no_columns(line: str) -> None:
    assert csv_columns(line) is None


# --- file names -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SML3Oct2019", FileName("SML3", 2019, 10)),
        ("RAWSep2015", FileName("RAW", 2015, 9)),
        ("CSVJan2027.csv", FileName("CSV", 2027, 1)),
        ("CSVNov2026-12.csv", FileName("CSV", 2026, 11, 12)),
    ],
)
def test_a_file_is_named_after_its_month(text: str, name: FileName) -> None:
    assert FileName.parse(text) == name
    assert str(name) == text


@pytest.mark.parametrize(
    "text",
    ["SMLSep2015", "SML3Okt2019", "SML3Oct2019.bak", "CSVNov2026", "SML3Oct2019.csv", "CSVNov2026-1.csv", ".begun"],
)
def test_other_names_are_none_of_ours(text: str) -> None:
    assert FileName.parse(text) is None


# --- mending ----------------------------------------------------------------------------------------------------------


def mended(kind: str, tail: bytes) -> bytes:
    keep, add = mend(FileName.parse(f"{kind}Nov2026{'.csv' * (kind == 'CSV')}").kind, tail)  # type: ignore[union-attr]  # it is one
    return tail[:keep] + add


def test_lines_that_are_cut_anywhere_are_whole_again_and_lose_only_the_last() -> None:
    lines = [f"{sml3_line(one.telegram, RECEIVED, ALL.allows, codes='stripped')}\n".encode() for one in entries(0, 3)]
    text = b"".join(lines)
    ends = [sum(map(len, lines[:count])) for count in range(4)]

    for cut in range(len(text) + 1):
        whole = max(end for end in ends if end <= cut)
        # Where nothing but the line end is lost, the line is whole as well: it has the values of the line before.
        if cut + 1 in ends[2:]:
            whole = cut + 1
        assert mended("SML3", text[:cut]) == text[:whole]
        assert mended("SML3", text[:cut] + b"\0" * 100) == text[:whole]


def test_telegrams_that_are_cut_anywhere_are_whole_again_and_lose_only_the_last() -> None:
    raws = [numbered(1), DSMR3, with_check_character(b"\n"), with_check_character(b"7"), numbered(2)]
    parts = [raw_entry(read(raw)) for raw in raws]
    text = b"".join(parts)

    for cut in range(len(text) + 1):
        reader = Reader()
        items = reader.feed(mended("RAW", text[:cut]))
        found = [item.raw if isinstance(item, Telegram) else item for item in [*items, *reader.close()]]
        count = max(count for count in range(6) if sum(map(len, parts[:count])) <= cut)
        # What is lost of the blank line after a telegram takes nothing of it.
        is_kept = count < len(raws) and text[:cut].startswith(b"".join(parts[:count]) + raws[count])
        assert found == raws[: count + is_kept]


def test_a_block_without_its_block_check_is_whole_where_a_blank_line_follows() -> None:
    # As a file holds it that somebody has saved from a terminal.
    text = raw_entry(read(block("ABC5", "1.8.0(000001*kWh)").partition(b"\x03")[0]))

    assert text.endswith(b"\r\n!\r\n\r\n")
    assert mended("RAW", text) == text
    assert mended("RAW", text[:-2]) == b""


def test_rows_that_are_cut_lose_only_the_last() -> None:
    assert mended("CSV", b"time,power (W)\n2026,1\n2026,12") == b"time,power (W)\n2026,1\n"
    assert mended("CSV", b"time,pow") == b""


def test_what_a_person_added_to_a_file_of_telegrams_stays() -> None:
    text = raw_entry(read(numbered(1)))

    assert mended("RAW", text + b"# moved\n") == text + b"# moved\n\r\n"
    assert mended("RAW", b"# only this\n") == b"# only this\n"
    assert mended("RAW", b"# only thi") == b""


def test_a_last_line_without_a_line_end_is_kept_only_if_it_lacks_nothing_else() -> None:
    before = b"00100;(150917112314S);012421;(150917110000S)(01134.437*m3)\n"

    assert mended("SML3", before + before[:-1]) == before + before
    # Cut before the value of the gas: what is left looks like a line.
    assert mended("SML3", before + b"00100;(150917112314S);012421;(150917110000S)") == before
    assert mended("SML3", before[:-1]) == b""


@pytest.mark.parametrize(
    ("kind", "tail", "missing"),
    [
        ("SML3", b"", b""),
        ("SML3", b"(1)\n", b""),
        ("SML3", b"(1)", b"\n"),
        ("RAW", b"", b""),
        ("RAW", b"!\r\n\r\n", b""),
        ("RAW", b"!\n", b"\r\n"),
        ("RAW", b"!", b"\r\n\r\n"),
    ],
)
def test_nothing_is_taken_from_a_file_that_somebody_else_has_begun(kind: str, tail: bytes, missing: bytes) -> None:
    assert gap("RAW" if kind == "RAW" else "SML3", tail) == missing


def test_an_entry_begins_after_a_line_end() -> None:
    assert boundary("SML3", b"3;(1)\n00100;(2)\n") == 6
    assert boundary("SML3", b"3;(1)\n") is None
    assert boundary("RAW", b"/no start of a line\r\n!\r\n\r\n/KMP5") == 26
    assert boundary("RAW", b"1-0:1.8.1(1)\r\n") is None


def test_mending_says_what_stays_and_what_is_missing() -> None:
    assert mend("SML3", b"(1)\n(2)") == Mend(7, b"\n")
