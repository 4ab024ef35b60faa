"""What a telegram means: values, computed values, M-Bus meters, and reading the next one by what changed."""

from datetime import UTC, datetime
from decimal import Decimal
import random
from time import process_time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from p1meter.meter import MBusDevice, Obis, ReceivedAt, Telegram
from p1meter.meter.form import forms_of
from p1meter.meter.frames import Frame
from p1meter.meter.telegram import Decoder
from tests.meter.twins import TWINS, Twin, block, check, in_hexadecimal, telegram

if TYPE_CHECKING:
    from collections.abc import Iterable

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HEAD = ("1-3:0.2.8(50)", "0-0:1.0.0(240701120000S)")
TARIFFS = ("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.2(000002.000*kWh)")


def frame(raw: bytes) -> Frame:
    """What the finder makes of a telegram: an IEC block comes without STX, ETX and BCC."""
    block = b"\x02" in raw
    text = raw.partition(b"\x03")[0].replace(b"\x02", b"") if block else raw
    return Frame(raw, text, raw.rstrip()[-1:] != b"!", block)


def decoder(country: str | None = None) -> Decoder:
    return Decoder(zone=AMSTERDAM, country=country)


def decode(*lines: str, ident: str = "TST5TEST", checksum: bool = True, country: str | None = None) -> Telegram:
    return decoder(country).decode(frame(telegram(ident, *lines, checksum=checksum)), None)


def says(found: Telegram, rows: str) -> None:
    for row in rows.split():
        check(found.readings, row)


# --- the telegram itself ----------------------------------------------------------------------------------------------


def test_a_telegram_keeps_everything_that_was_sent() -> None:
    raw = telegram("TST5\\2TEST 1", *HEAD, *TARIFFS, "1-0:99.97.0(0)(0-0:96.7.19)")
    at = ReceivedAt(12.5, datetime(2024, 7, 1, 10, 0, tzinfo=UTC))

    found = decoder().decode(frame(raw), at)

    assert found.ident == "TST5\\2TEST 1"
    assert found.raw == raw
    assert found.checksum
    assert found.received_at == at
    assert found.time == datetime(2024, 7, 1, 10, 0, tzinfo=UTC)
    assert [(str(obis), groups) for obis, groups in found.objects] == [
        ("1-3:0.2.8", ("50",)),
        ("0-0:1.0.0", ("240701120000S",)),
        ("1-0:1.8.1", ("000001.000*kWh",)),
        ("1-0:1.8.2", ("000002.000*kWh",)),
        ("1-0:99.97.0", ("0", "0-0:96.7.19")),
    ]


def test_a_telegram_does_not_change_when_the_next_one_comes() -> None:
    reader = decoder()
    first = reader.decode(frame(telegram("TST5", *HEAD, *TARIFFS, "0-1:24.2.3(240701120000S)(1.0*m3)")), None)
    before = (dict(first.readings), dict(first.mbus), first.objects)

    reader.decode(
        frame(telegram("TST5", *HEAD, TARIFFS[0], "1-0:1.8.2(3*kWh)", "0-1:24.2.3(240701120500S)(2.0*m3)")), None
    )

    assert (dict(first.readings), dict(first.mbus), first.objects) == before
    with pytest.raises(TypeError):
        first.readings["power"] = first.readings["import_total"]  # type: ignore[index]  # that is the point


def test_what_is_no_object_is_left_out() -> None:
    found = decode(
        "1-0:1.7.0(00.244*kW)", "noise", "1-0:(1)", "1" * 30, "999-0:1.8.0(1*kWh)", "1-0:2.7.0(00.000*kW) ", "(7)x"
    )

    assert [str(obis) for obis, _ in found.objects] == ["1-0:1.7.0", "1-0:2.7.0"]
    says(found, "power=244W")


def test_a_code_without_a_value_is_no_object() -> None:
    found = decode("1-0:1.8.0", *TARIFFS)

    assert [str(obis) for obis, _ in found.objects] == ["1-0:1.8.1", "1-0:1.8.2"]
    says(found, "import_total=3.000kWh")


def test_beside_past_values_too_a_line_that_is_not_whole_gives_nothing() -> None:
    found = decode("1-0:1.8.0*01(1.0*kWh)", "1-0:1.7.0(00.500x", "1-0:2.7.0(00.250*kW)")
    says(found, "!power_import power_export=0.250kW")


def test_the_first_code_tells_an_optical_read_out() -> None:
    for lines, name in (
        (("1.8.0(1*kWh)", "1-0:2.8.0(2*kWh)"), "iec"),
        (("1-0:2.8.0(2*kWh)", "1.8.0(1*kWh)"), "h1"),
    ):
        assert decode(*lines, checksum=False).profile.name == name


def test_a_telegram_of_nothing_is_a_telegram() -> None:
    found = decode()

    assert found.profile.name == "generic"
    assert found.readings == {}
    assert found.time is None


def test_lines_may_end_in_lf_or_lose_some_of_their_ends() -> None:
    whole = telegram("TST5", *HEAD, *TARIFFS)
    for raw in (
        whole.replace(b"\r\n", b"\n"),
        whole.replace(b")\r\n1-0:1.8.2", b")\n1-0:1.8.2"),
        whole.replace(b")\r\n1-0:1.8.2", b")\r\r\n1-0:1.8.2"),
        whole.replace(b")\r\n1-0:1.8.2", b")1-0:1.8.2"),
    ):
        found = decoder().decode(frame(raw), None)
        says(found, "import_tariff_1=1.000kWh import_tariff_2=2.000kWh import_total=3.000kWh")


def test_a_frame_without_an_end_is_read_too() -> None:
    raw = b"/TST5\r\n\r\n1-0:1.7.0(00.244*kW)\r\n1-0:2.7.0(00.000*kW)\r\n"
    reader = decoder()

    for _ in range(2):
        says(reader.decode(Frame(raw, raw, checksum=False), None), "power=244W")


def test_a_value_on_a_line_of_its_own_belongs_to_the_object_before() -> None:
    line = "0-1:24.3.0(240115100000)(00)(60)(1)(0-1:24.2.1)(m3)"

    found = decode("(1)", *TARIFFS, "0-1:24.1.0(3)", line, "", "(00456.789)", checksum=False)

    says(found, "1:gas=456.789m3@2024-01-15T10:00:00+01:00")
    assert found.objects[-1][1][-1] == "00456.789"


def test_thousands_of_values_on_lines_of_their_own_are_read_in_no_time() -> None:
    # As many as an optical block can hold: each taken in by itself, they stopped everything else for seconds.
    values = ["(1)"] * 12_000
    sent = frame(block("TST5", "1-0:99.99.9(1)", *values))
    started = process_time()

    found = decoder().decode(sent, None)

    assert len(found.objects[0][1]) == 12_001
    assert process_time() - started < 1


def test_a_value_on_a_line_of_its_own_before_every_object_belongs_to_none() -> None:
    raw = telegram("TST5", "(00456.789)", "0-1:24.2.1(240115100000W)(00123.456*m3)", "0-1:24.1.0(003)")

    for sent in (raw, raw.replace(b"\r\n\r\n", b"\r\n", 1)):
        says(decoder().decode(frame(sent), None), "1:gas=123.456m3@2024-01-15T10:00:00+01:00")


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "rows"),
    [
        ("1-0:32.7.0(0230.0*V)", "voltage_l1=230.0V"),
        ("1-0:31.7.0(230*mA)", "current_l1=230mA"),
        ("1-0:14.7.0(0.05*kHz)", "frequency=0.05kHz"),
        ("1-0:1.8.0(1.5*MWh)", "import_total=1.5MWh"),
        ("1-0:1.7.0()", "power_import=- !power"),
        ("1-0:1.7.0(abc*kW)", "power_import=-kW !power"),
        ("1-0:1.7.0(1.0*kWh)", "power_import=-kWh !power"),
        ("1-0:1.7.0(1.0*foo)", "power_import=-foo !power"),
        ("1-0:13.7.0(1.001)", "power_factor=-"),
        ("1-0:13.7.0(-1.000)", "power_factor=-1.000"),
        ("1-0:13.3.0(4.5)", "power_factor_min=-"),
        ("0-0:17.0.0(999.9*kW)", "limiter_threshold=-kW"),
        ("0-0:17.0.0(99.999kW)", "limiter_threshold=-kW"),
        ("0-0:17.0.0(016.1*kW)", "limiter_threshold=16.1kW"),
        ("0-0:17.0.0(9*A)", "limiter_threshold=9A"),
        ("0-0:17.0.0(69.0*kVA)", "limiter_threshold=69.0kVA"),
        ("0-0:17.0.0(69.0*V)", "limiter_threshold=-V"),
        ("0-0:17.0.0(16500)", "limiter_threshold=-"),
        ("1-0:31.4.0(999*A)", "fuse_threshold=-A"),
        ("1-0:31.4.0(999.99*A)", "fuse_threshold=-A"),
        ("1-0:31.4.0(040*A)", "fuse_threshold=40A"),
        ("0-0:96.7.21(00013)", "power_failures#13"),
        ("0-0:96.7.21()", "power_failures=-"),
        ("0-0:96.7.21(1234567890123456789)", "power_failures=-"),
        ("0-0:96.3.10(2)", "breaker_state~ready_for_reconnection"),
        ("0-0:96.3.10(01)", "breaker_state~connected"),
        ("0-0:96.3.10(3)", "breaker_state=-"),
        ("0-0:96.3.10(x)", "breaker_state=-"),
        ("0-0:96.50.68(OFF)", "breaker_state~disconnected"),
        ("0-3:96.3.10(1)", "relay_3~on"),
        ("0-3:96.3.10(ON)", "relay_3=-"),
        ("1-0:94.32.1(230)", "grid_configuration~230"),
        ("1-0:94.32.1(999)", "grid_configuration=-"),
        ("0-0:96.14.0(0000)", "tariff~none"),
        ("0-0:96.14.0(0004)", "tariff~tariff_4"),
        ("0-0:96.14.0(0008)", "tariff~tariff_8"),
        ("0-0:96.14.0(0009)", "tariff=-"),
        ("0-0:96.14.0(OFF)", "tariff=-"),
        ("0-0:96.14.0(TARIFF 2)", "tariff~tariff_2"),
        ("0-0:96.14.0(TARIFF 9)", "tariff=-"),
        ("0-0:96.14.0(TARIFF)", "tariff=-"),
        ("0-0:96.3.10(TARIFF 1)", "breaker_state=-"),
        ("0-0:96.14.1(03)", "tariff~tariff_3"),
        ("1-0:1.8.13(000003.000*kWh)", "import_tariff_3=3.000kWh"),
        ("1-0:2.8.11(000003.000*kWh)", "export_tariff_1=3.000kWh"),
        ("0-0:96.14.0()", "tariff=-"),
        ("0-0:96.13.0(48616C6C6F)", "message~Hallo"),
        ("1-0:0.2.0((ER11))", "firmware_version=-"),
        ("0-0:96.1.1((ER11))", "equipment_id=-"),
        ("1-0:1.7.0((ER11))", "power_import=- !power"),
        ("0-0:96.1.1()", "equipment_id=-"),
        ("0-0:96.1.0(63355730)", "equipment_id~63355730"),
        ("0-0:96.1.0(3633333535373330)", "equipment_id~63355730"),
        ("1-0:96.1.0*255(001TST0063355730)", "equipment_id~001TST0063355730"),
        ("96.1.0(63355730)", "equipment_id~63355730"),
        ("0-0:96.1.4(50213)", "dsmr_version~50213"),
        ("0-0:96.1.4(12345)", "!dsmr_version"),
        ("1-0:99.97.0()", "last_power_failure=-"),
        ("1-0:99.97.0(0)()", "last_power_failure=-"),
        ("1-0:99.97.0(0)(0-0:96.7.19)", "last_power_failure=-"),
        ("1-0:99.97.0(1)(0-0:96.7.19)(240604151822S)(0005564711)", "last_power_failure@2024-06-04T15:18:22+02:00"),
        ("1-0:99.97.0(1)(0-0:96.7.19)(240604151822S)(0005*kWh)", "last_power_failure=-"),
        ("1-0:99.97.0(1)(0-0:96.7.19)(240604151822S)(-5*s)", "last_power_failure=-"),
        ("1-0:99.97.0(1)(0-0:96.7.19)(240604151822S)", "last_power_failure=-"),
        ("1-0:1.6.0(632525252525W)(00.000*kW)", "demand_month_peak=0.000kW !demand_month_peak_time"),
        ("1-0:1.6.0(02.468*kW)(2403100930)", "demand_month_peak=2.468kW@2024-03-10T09:30:00+01:00"),
        ("1-0:1.6.0(02.468)(2403100930)", "demand_month_peak=2.468@2024-03-10T09:30:00+01:00"),
        ("1-0:1.6.0(240310093000W)(02.468)", "demand_month_peak=2.468@2024-03-10T09:30:00+01:00"),
        ("1-0:1.6.0(2403100930)(02.468)", "demand_month_peak=2.468@2024-03-10T09:30:00+01:00"),
        ("1-0:1.6.0(2403100930)(2403100930)", "demand_month_peak=-"),
        ("1-0:1.6.0(1)(2)(3)", "demand_month_peak=-"),
        ("1-1:31.4.0(100*A)", "fuse_threshold=100A !fuse_threshold_export"),
        ("1-1:31.4.0(100*A)(x)", "fuse_threshold=100A fuse_threshold_export=-"),
        ("1-1:31.4.0(999*A)(-999*A)", "fuse_threshold=-A fuse_threshold_export=-A"),
        ("1-1:31.4.0(100*A)(-063*kW)", "fuse_threshold=100A fuse_threshold_export=-kW"),
        ("1-1:21.7.0(00.100*kW)", "power_import_l1=0.100kW !power_l1"),
        ("0-0.1.0.0(240701120000S)", "telegram_time@2024-07-01T12:00:00+02:00"),
        ("1-0:1.8.0*01(1.0*kWh)", "!import_total"),
        ("1-0:1.8.0&01(1.0*kWh)", "!import_total"),
        ("1-0:1.8.0*00(1.0*kWh)", "import_total=1.0kWh"),
        ("1-0:1.8.0*255(1.0*kWh)", "import_total=1.0kWh"),
        ("1-0:32.7(230*V)", "voltage_l1=230V"),
        ("1-0:0.1.2(2403010000)", "last_reset@2024-03-01T00:00:00+01:00"),
        ("1-0:0.1.2(0000)", "last_reset=-"),
        ("1-0:0.1.3(240301)", "!last_reset"),
        ("1-0:0.9.1(120000)", "!telegram_time"),
    ],
)
def test_one_object(line: str, rows: str) -> None:
    says(decode(line), rows)


@pytest.mark.parametrize("sent", ["1e2", "1_0", "NaN", "Infinity", "9" * 25])
def test_what_no_meter_means_by_a_number_is_none_whatever_python_makes_of_it(sent: str) -> None:
    found = decode(f"1-0:1.7.0({sent}*kW)", "0-0:96.7.21(12)")
    says(found, "power_import=-kW power_failures#12")
    found = decode("1-0:1.7.0(1*kW)", f"0-0:96.7.21({sent})")
    says(found, "power_import=1kW power_failures=-")


def test_a_clock_that_was_not_set_is_told_but_what_it_stamped_is_not() -> None:
    found = decode("0-0:1.0.0(000101010000W)", "1-0:1.6.0(000101010000W)(01.000*kW)")

    says(found, "telegram_time@2000-01-01T01:00:00+01:00 demand_month_peak=1.000kW !demand_month_peak_time")


def test_a_meter_on_the_mbus_that_counts_in_wh_says_nothing_about_the_electricity_meter() -> None:
    heat = ("0-1:24.1.0(004)", "0-1:24.2.1(240701120000S)(123*Wh)")

    assert decode("1-0:1.8.0(1*kWh)", *heat).profile.name == "generic"
    assert decode("1-0:1.8.0(1*Wh)", *heat).profile.name == "at"


def test_what_stands_behind_a_total_or_a_version_does_not_tell_which_meter_it_is() -> None:
    assert decode("1-0:1.8.0(1000*Wh)(240701120000S)").profile.name == "at"
    assert decode("1-0:1.8.0(1*kWh)(1*Wh)").profile == decode("1-0:1.8.0(1*kWh)").profile
    assert decode("1-3:0.2.8(42)(50)", *TARIFFS).profile.name == "nl4"


@pytest.mark.parametrize("more", [(), ("1-0:2.8.0(1*kWh)1-0:1.8.2(1*kWh)",)], ids=["on each line", "two on a line"])
def test_a_code_without_brackets_says_nothing(more: tuple[str, ...]) -> None:
    found = decode("1-0:1.8.0(1*kWh)", "1-0:1.7.0", *more)

    says(found, "import_total=1kWh !power_import")
    assert "1-0:1.7.0" not in [str(obis) for obis, _ in found.objects]


def test_what_stands_behind_a_date_and_a_time_is_neither() -> None:
    found = decode("1-0:0.9.1(120000)(1)", "1-0:0.9.2(240701)(2)")

    says(found, "telegram_time@2024-07-01T12:00:00+02:00")


def test_the_same_code_twice_the_newest_wins_and_without_stamps_the_first() -> None:
    older = "1-0:1.6.0(240601101500S)(01.000*kW)"
    newer = "1-0:1.6.0(240602101500S)(02.000*kW)"
    for lines in ((older, newer), (newer, older)):
        says(decode(*lines), "demand_month_peak=2.000kW@2024-06-02T10:15:00+02:00")
    says(decode("1-0:0.2.0(1.01)", "1-0:0.2.0(2.02)"), "firmware_version~1.01")
    says(decode("1-0:0.2.0()", "1-0:0.2.0(2.02)"), "firmware_version~2.02")
    says(decode("1-0:0.2.0(1.01)", "1-0:0.2.0()"), "firmware_version~1.01")


def test_the_preferred_code_wins_wherever_it_stands() -> None:
    other, preferred = "0-0:96.1.0(ADC3100000158491)", f"0-0:96.1.1({in_hexadecimal('E0099000000000001')})"
    for lines in ((other, preferred), (preferred, other)):
        says(decode(*lines), "equipment_id~E0099000000000001")
    says(decode(other, "0-0:96.1.1(0000000000)"), "equipment_id~ADC3100000158491")
    says(decode("0-0:42.0.0(AUX1)", other), "equipment_id~ADC3100000158491 logical_device_name~AUX1")
    says(decode("0-0:42.0.0(AUX1)"), "equipment_id~AUX1 !logical_device_name")
    says(decode("0-0:42.0.0(AUX1)", "0-0:96.1.1()"), "equipment_id~AUX1 !logical_device_name")
    for lines in (("1-1:1.8.1(2*kWh)", "1-0:1.8.1(1*kWh)"), ("1-0:1.8.1(1*kWh)", "1-1:1.8.1(2*kWh)")):
        says(decode(*lines), "import_tariff_1=1kWh")
    says(decode("1-1:1.8.0(2*kWh)", "1-0:1.8.0(1*kWh)"), "import_total=1kWh")


def test_in_lithuania_the_same_codes_are_mean_currents_and_no_limits() -> None:
    meter = decoder()
    for mean in ("0.003", "0.004", "0.005"):
        lines = [f"1-0:{phase}1.4.0(000{mean}*kA)" for phase in (3, 5, 7)]
        found = meter.decode(frame(telegram("ESO5\\TEST", "1-0:1.8.0(1.5*kWh)", *lines)), None)

        says(found, "import_total=1.5kWh !fuse_threshold !fuse_threshold_l1 !fuse_threshold_l2 !fuse_threshold_l3")
        assert [(code, str(one.value), one.unit) for code, one in found.unknown.items()] == [
            ("1-0:31.4.0", mean, "kA"),
            ("1-0:51.4.0", mean, "kA"),
            ("1-0:71.4.0", mean, "kA"),
        ]


def test_tariffs_that_count_from_eleven_give_a_total_too() -> None:
    """In Israel: three tariffs under 1.8.11 to 13, and no total."""
    found = decode(
        "1-3:0.2.8(50)",
        "0-0:1.0.0(260111120000W)",
        *("1-0:1.8.11(000001.000*kWh)", "1-0:1.8.12(000002.000*kWh)", "1-0:1.8.13(000004.000*kWh)"),
        *("1-0:2.8.11(000000.100*kWh)", "1-0:2.8.12(000000.000*kWh)", "1-0:2.8.13(000000.200*kWh)"),
        "0-0:96.14.1(03)",
        country="IL",
    )

    says(found, "import_total=7.000kWh import_tariff_3=4.000kWh export_total=0.300kWh tariff~tariff_3")
    assert (found.profile.name, found.time) == ("generic", datetime(2026, 1, 11, 10, tzinfo=UTC))


def test_each_of_five_tariffs_is_in_the_total() -> None:
    """Belgium, Iskra IE.5 with the firmware of December 2025: five tariffs, and no total."""
    found = decode(
        "0-0:96.1.4(3231313130)",
        "0-0:96.1.1(3153414731313030303030303031)",
        "0-0:1.0.0(260104162515W)",
        *("1-0:1.8.1(007105.942*kWh)", "1-0:1.8.2(014830.476*kWh)", "1-0:1.8.3(000010.000*kWh)"),
        *("1-0:1.8.4(000020.000*kWh)", "1-0:1.8.5(000030.000*kWh)"),
        *("1-0:2.8.1(007456.573*kWh)", "1-0:2.8.2(002914.252*kWh)", "1-0:2.8.3(000000.000*kWh)"),
        *("1-0:2.8.4(000000.000*kWh)", "1-0:2.8.5(000000.500*kWh)"),
        "0-0:96.14.0(0005)",
        "1-0:1.6.0(08.796*kW)(260102010000)",
        "1-0:1.7.0(04.800*kW)",
        "1-0:2.7.0(00.000*kW)",
        ident="ISk5\\2MIE5T-200",
        country="BE",
    )

    says(found, "import_tariff_5=30.000kWh import_total=21996.418kWh export_total=10371.325kWh tariff~tariff_5")
    says(found, "demand_month_peak=8.796kW@2026-01-02T01:00:00+01:00 power=4800W")
    assert (found.profile.name, found.unknown) == ("be-ie", {})


@pytest.mark.parametrize(("country", "key"), [("HU", "reactive_export_total"), ("AT", "reactive_export_tariff_1")])
def test_only_in_hungary_a_first_tariff_alone_is_the_total(country: str, key: str) -> None:
    ident, equipment = {"HU": ("HLY5TEST", "0-0:42.0.0(HLY1)"), "AT": ("EST5TEST", "0-0:96.1.0(31)")}[country]
    lines = (equipment, "1-0:1.8.0(2*kWh)", "1-0:1.8.1(2*kWh)", "1-0:4.8.1(3*kvarh)")
    found = decode(*lines, ident=ident, country=country)
    assert found.profile.name == country.lower()
    says(found, f"{key}=3kvarh")


def test_in_the_netherlands_codes_that_are_others_elsewhere_are_what_they_say() -> None:
    found = decode(*HEAD, *TARIFFS, "1-0:31.4.0(025*A)", "1-0:4.8.1(3*kvarh)", country="NL")

    assert found.profile.name == "nl5"
    says(found, "fuse_threshold=25A reactive_export_tariff_1=3kvarh")


def test_a_limit_of_one_phase_is_told_by_the_others() -> None:
    says(
        decode("1-0:31.4.0(032*A)", "1-0:71.4.0(025*A)"), "fuse_threshold_l1=32A fuse_threshold_l3=25A !fuse_threshold"
    )


def test_peaks_that_are_no_list_are_not_read() -> None:
    head = "0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)"
    first = "(240601000000S)(240525111500S)(02.000*kW)"
    for line in (
        "0-0:98.1.0(12)",
        "0-0:98.1.0()",
        "0-0:98.1.0(x)(1-0:1.6.0)(1-0:1.6.0)(1)",
        f"0-0:98.1.0({'9' * 5000})(1-0:1.6.0)(1-0:1.6.0)",
        f"{head}{first}(240701000000S)",
    ):
        says(decode(line), "!demand_last_month_peak !demand_average_12m !last_month_import_total")
    says(decode(f"{head}(632525252525W)(632525252525W)(00.000*kW)"), "demand_last_month_peak=- demand_average_12m=-")
    says(
        decode(f"{head}(240701000000S)(632525252525W)(00.000*kW){first}"),
        "demand_last_month_peak=-kW demand_average_12m=2.000kW",
    )
    says(
        decode(f"{head}(240701000000S)(240618191500S)(3000*W){first}"),
        "demand_last_month_peak=3000W@2024-06-18T19:15:00+02:00 demand_average_12m=-",
    )


def test_an_average_of_peaks_is_to_the_watt() -> None:
    months = "(240601000000S)(240525111500S)(02.001*kW)(240701000000S)(240618191500S)(02.000*kW)"

    says(
        decode(f"0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0){months}"), "demand_average_12m=2.001kW"
    )  # 2.0005, and half a watt counts


def test_closing_values_count_whole_or_not_at_all() -> None:
    values = ["(1*kWh)"] * 6 + ["(2*kvarh)"] * 6 + ["(3*kWh)"] + ["(4*kW)"] * 6
    good = "".join(values)
    for stamp, sent in (
        ("632525252525W", good),
        ("240601000000S", good.replace("(3*kWh)", "(3*kvarh)")),
        ("240601000000S", good.replace("(3*kWh)", "()")),
        ("240601000000S", good + "(5*kW)"),
    ):
        says(decode(f"0-0:98.1.0({stamp}){sent}"), "!last_month_import_total !last_month_demand_import")
    says(decode(f"0-0:98.1.0(240601000000S){good}"), "last_month_energy_combined=3kWh@2024-06-01T00:00:00+02:00")


# --- computed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "rows"),
    [
        (["1-0:1.7.0(00.244*kW)", "1-0:2.7.0(00.000*kW)"], "power=244W"),
        (["1-0:1.7.0(00.000*kW)", "1-0:2.7.0(04.00*kW)"], "power=-4000W"),
        (["1-0:1.7.0(0000.4459*kW)", "1-0:2.7.0(0000.0000*kW)"], "power=445.9W"),
        (["1-0:1.7.0(500*W)", "1-0:2.7.0(0.1*kW)"], "power=400W"),
        (["1-0:1.7.0(0.5)", "1-0:2.7.0(0.1*kW)"], "power=400W"),
        (["1-0:1.7.0(1*MW)", "1-0:2.7.0(0*kW)"], "power=1000000W"),
        (["1-0:1.7.0(0.5*kW)"], "power_import=0.5kW !power"),
        (["1-0:1.7.0(-0.5*kW)"], "power=-500W"),
        (["1-0:1.7.0()", "1-0:2.7.0(0.1*kW)"], "!power"),
        (["1-0:1.7.0(0.5*kW)", "1-0:2.7.0()"], "!power"),
        (["1-0:2.7.0(0.1*kW)"], "!power"),
        (["1-0:16.7.0(-0.1*kW)"], "power=-0.1kW"),
        (["1-0:16.7.0(0.3*kW)", "1-0:1.7.0(0.5*kW)", "1-0:2.7.0(0.1*kW)"], "power=400W"),
        (["1-0:16.7.0(0.3*kW)", "1-0:1.7.0()"], "power=0.3kW"),
        (["1-0:1.7.0(-0.3*kW)", "1-0:2.7.0(0.3*kW)"], "power=-300W power_import=-0.3kW power_export=0.3kW"),
        (["1-0:21.7.0(0.3*kW)", "1-0:22.7.0(0.1*kW)", "1-0:41.7.0(0.2*kW)"], "power_l1=200W !power_l2 !power_l3"),
        (["1-0:76.7.0(-20*W)"], "power_l3=-20W"),
        (["1-0:1.8.1(1.5*kWh)", "1-0:1.8.2(2.25*kWh)"], "import_total=3.75kWh !export_total"),
        (["1-0:1.8.1(1)", "1-0:1.8.2(2)"], "import_total=3"),
        (["1-0:1.8.1(1.5*kWh)"], "!import_total"),
        (["1-0:1.8.2(1.5*kWh)", "1-0:1.8.3(1.5*kWh)"], "!import_total"),
        (["1-0:1.8.1(1.5*kWh)", "1-0:1.8.2()"], "!import_total"),
        (["1-0:1.8.1(1.5*kWh)", "1-0:1.8.2(1500*Wh)"], "!import_total"),
        (["1-0:1.8.1(1*kWh)", "1-0:1.8.2(2*kWh)", "1-0:1.8.3(4*kWh)", "1-0:1.8.4(8*kWh)"], "import_total=15kWh"),
        (["1-0:1.8.1(1*kWh)", "1-0:1.8.2(2*kWh)", "1-0:1.8.0(9*kWh)"], "import_total=9kWh"),
        (["1-0:1.8.1(1*kWh)", "1-0:1.8.2(2*kWh)", "1-0:1.8.0()"], "import_total=-"),
        (["1-0:2.8.1(1*kWh)", "1-0:2.8.2(0*kWh)"], "export_total=1kWh"),
    ],
)
def test_computed_from_one_telegram(lines: list[str], rows: str) -> None:
    found = decode(*lines)

    says(found, rows)
    for key in ("power", "import_total"):
        reading = found.readings.get(key)
        if reading is not None and reading.obis is None:
            assert reading.at is None
            assert reading.channel is None


@pytest.mark.parametrize("other", ["OTH5", "ZZZ5"])
def test_a_tariff_that_is_missing_once_leaves_no_smaller_sum_unless_it_is_another_meter(other: str) -> None:
    reader = decoder()
    both = telegram("TST5", *TARIFFS, "1-0:1.8.3(4*kWh)")
    says(reader.decode(frame(both), None), "import_total=7.000kWh")

    says(reader.decode(frame(telegram("TST5", *TARIFFS)), None), "!import_total")
    says(reader.decode(frame(both), None), "import_total=7.000kWh")
    says(reader.decode(frame(telegram(other, *TARIFFS)), None), "import_total=3.000kWh")


def test_a_total_that_is_missing_once_is_not_made_up() -> None:
    reader = decoder()
    says(reader.decode(frame(telegram("TST5", *TARIFFS, "1-0:1.8.0(9*kWh)")), None), "import_total=9kWh")

    says(reader.decode(frame(telegram("TST5", *TARIFFS)), None), "!import_total")


# --- M-Bus ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device_type", "value", "row"),
    [
        ("000", "1.5*m3", "mbus=1.5m3"),
        ("001", "1.5*m3", "oil=1.5m3"),
        ("002", "1.5*kWh", "submeter=1.5kWh"),
        ("002", "1.5*m3", "mbus=1.5m3"),
        ("003", "1.5*m3", "gas=1.5m3"),
        ("003", "1.5", "gas=1.5"),
        ("003", "1500*dm3", "gas=1500dm3"),
        ("003", "1.5*GJ", "heat=1.5GJ"),
        ("003", "1.5*kW", "mbus=1.5kW"),
        ("004", "1.5*GJ", "heat=1.5GJ"),
        ("004", "1.5", "heat=1.5"),
        ("004", "1.5*m3", "heat_volume=1.5m3"),
        ("006", "1.5*m3", "warm_water=1.5m3"),
        ("007", "1.5*m3", "water=1.5m3"),
        ("007", "1.5*GJ", "mbus=1.5GJ"),
        ("010", "1.5*GJ", "cooling=1.5GJ"),
        ("011", "1.5*GJ", "cooling=1.5GJ"),
        ("012", "1.5*MWh", "heat=1.5MWh"),
        ("013", "1.5*kWh", "heat=1.5kWh"),
        ("021", "1.5*m3", "hot_water=1.5m3"),
        ("022", "1.5*m3", "cold_water=1.5m3"),
        ("023", "1.5*m3", "water=1.5m3"),
        ("040", "1.5*m3", "waste_water=1.5m3"),
        ("099", "1.5*m3", "mbus=1.5m3"),
    ],
)
def test_the_device_type_and_the_unit_say_what_is_measured(device_type: str, value: str, row: str) -> None:
    found = decode(f"0-4:24.1.0({device_type})", "0-4:96.1.0(TST1)", f"0-4:24.2.1(240701115500S)({value})")

    says(found, f"4:{row}@2024-07-01T11:55:00+02:00 4:last_measured@2024-07-01T11:55:00+02:00 4:equipment_id~TST1")
    role = row.partition("=")[0].replace("heat_volume", "heat")
    assert found.mbus == {4: MBusDevice(4, role, "TST1", int(device_type), datetime(2024, 7, 1, 9, 55, tzinfo=UTC))}


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["0-1:24.1.0(003)", "0-1:96.1.0()"], id="announced, empty id"),
        pytest.param(["0-1:24.1.0(003)", "0-1:96.1.0(TST1)"], id="announced, never read"),
        pytest.param(["0-1:24.1.0(003)", "0-1:96.1.0(TST1)", "0-1:24.4.0(1)"], id="a valve and no reading"),
        pytest.param(["0-1:24.1.0(003)", "0-1:24.2.1(700101010000W)(00000000)"], id="never read: 1970"),
        pytest.param(["0-1:24.1.0(003)", "0-1:24.2.1(632525252525S)(00000.000)"], id="never read: no date"),
        pytest.param(["0-1:24.1.0(003)", "0-1:24.2.1(000101000000W)(00000.000*m3)"], id="never read: 2000"),
        pytest.param(["0-1:24.1.0()", "0-1:96.1.0()", "0-1:24.2.1(240701115500S)(1.5*m3)"], id="no type and no id"),
        pytest.param(["0-1:24.1.0(003)", "0-1:24.2.1()"], id="nothing in it"),
        pytest.param(["0-1:24.1.0(003)", "0-1:24.2.1(0000000)"], id="neither a stamp nor a unit"),
        pytest.param(["0-1:24.1.0(003)", "0-1:24.2.1(240701115500)"], id="a stamp alone"),
        pytest.param(["0-1:24.1.0(004)", "0-1:24.2.3(071.5*degC)"], id="a temperature"),
        pytest.param(["0-1:24.1.0(003)", "0-1:24.2.1(1)(2)(3)"], id="three groups"),
        pytest.param(["0-1:24.3.0(240115100000)(00)(60)(1)(0-1:24.2.1)(m3)"], id="the value line is lost"),
        pytest.param(["0-1:24.3.0(240115100000)(24)(60)(1)(0-1:24.2.1)(m3)(1.0)"], id="status: not valid"),
        pytest.param(["0-1:24.3.0(240115100000)(01)(60)(1)(0-1:24.2.1)(m3)(1.0)"], id="status: an error"),
        pytest.param(["0-1:24.3.0(240115100000)(02)(60)(1)(0-1:24.2.1)(m3)(1.0)"], id="status: no clock"),
        pytest.param(["0-1:24.3.0(240115100000)(ok)(60)(1)(0-1:24.2.1)(m3)(1.0)"], id="no status"),
        pytest.param(["0-1:24.3.0(240115100000)(00)(60)(1)(0-1:24.2.1)()(00000000)"], id="no unit"),
        pytest.param(["0-1:96.1.1()"], id="an empty id alone"),
    ],
)
def test_a_ghost_is_no_meter(lines: list[str]) -> None:
    found = decode(*lines)

    assert found.mbus == {}
    assert not [key for key in found.readings if key.startswith("1:")]


@pytest.mark.parametrize("status", ["", "00", "08", "28", "80"])
def test_a_gas_meter_is_read_in_summer_time_too(status: str) -> None:
    """Kamstrup says in the status whether it is summer time (AMR profile status)."""
    found = decode(f"0-1:24.3.0(240914210000)({status})(60)(1)(0-1:24.2.1)(m3)", "(00543.774)")

    says(found, "1:gas=543.774m3@2024-09-14T21:00:00+02:00")


def test_beside_a_channel_without_a_meter_the_other_is_read() -> None:
    found = decode(
        "0-1:24.3.0(240415050000)(00)(60)(1)(0-1:24.2.1)()",
        "(00000000)",
        "0-2:24.3.0(240415050000)(00)(60)(1)(0-2:24.2.1)(m3)",
        "(04167.080)",
    )

    assert [(channel, device.role) for channel, device in found.mbus.items()] == [(2, "gas")]


def test_a_flow_and_a_temperature_are_no_readings_of_a_meter() -> None:
    """Of hot water in Iceland, where most of it is in two registers and much besides, and nothing has a stamp."""
    lines = [
        "0-1:24.2.2(0000.250*m3/h)",
        "0-1:24.2.3(000071.5*degC)",
        "0-1:24.2.4(000030.5*degC)",
        "0-1:24.2.10(0000000)",
        "0-1:24.2.1(240213120000W)",
        "0-1:24.2.1(0123.500*m3)",
        "0-1:24.2.5(0004.500*MWh)",
    ]

    for order in (lines, lines[::-1]):
        found = decode("0-1:24.1.0(004)", *order)
        says(found, "1:heat=4.500MWh 1:heat_volume=123.500m3 !1:mbus !1:gas !1:last_measured")
    says(decode(*lines), "1:mbus=123.500m3 !1:gas !1:heat")
    assert not decode(*lines[:5]).mbus


def test_an_mbus_meter_is_found_whatever_the_order() -> None:
    lines = [
        "0-2:24.2.1(240701115500S)(1.5*m3)",
        "0-2:24.4.0(1)",
        "0-2:96.1.1(TST1)",
        "0-2:96.1.2()",
        "0-2:24.1.0(007)",
    ]

    for order in (lines, lines[::-1]):
        says(decode(*order), "2:water=1.5m3@2024-07-01T11:55:00+02:00 2:valve_state~open 2:ean=- 2:device_type~007")


def test_the_newest_reading_of_a_channel_counts_and_an_empty_one_does_not() -> None:
    older, newer = "0-1:24.2.1(240701110000S)(1.0*m3)", "0-1:24.2.3(240701115500S)(2.0*m3)"
    for lines in ((older, newer), (newer, older)):
        says(decode("0-1:24.1.0(003)", *lines), "1:gas=2.0m3@2024-07-01T11:55:00+02:00")
    says(
        decode("0-1:24.1.0(003)", "0-1:24.2.1(240701115500S)()", "0-1:24.2.3(240701110000S)(1.0*m3)"),
        "1:gas=1.0m3@2024-07-01T11:00:00+02:00",
    )
    says(decode("0-1:24.1.0(003)", "0-1:24.2.1(240701115500S)()"), "1:gas=-@2024-07-01T11:55:00+02:00")


def test_a_reading_without_a_stamp_is_a_reading() -> None:
    found = decode("0-1:24.1.0(003)", "0-1:24.2.1(00001.500*m3)")

    says(found, "1:gas=1.500m3 !1:last_measured")
    assert found.mbus == {1: MBusDevice(1, "gas", None, 3, None)}


def test_without_a_device_type_only_gas_objects_are_gas() -> None:
    says(decode("0-1:24.2.3(240701115500S)(1.5*m3)"), "1:gas=1.5m3@2024-07-01T11:55:00+02:00")
    says(decode("0-1:24.2.1(240701115500S)(1.5*m3)"), "1:mbus=1.5m3@2024-07-01T11:55:00+02:00")
    says(decode("0-1:24.2.1(240701115500S)(1.5*GJ)"), "1:mbus=1.5GJ@2024-07-01T11:55:00+02:00")


@pytest.mark.parametrize(
    ("sent", "state"), [("0", "closed"), ("1", "open"), ("2", "released"), ("3", None), ("", None)]
)
def test_a_valve(sent: str, state: str | None) -> None:
    found = decode("0-1:24.2.3(240701115500S)(1.5*m3)", f"0-1:24.4.0({sent})")

    assert found.readings["1:valve_state"].value == state


def test_a_relay_is_the_meter_s_own() -> None:
    found = decode("0-1:96.3.10(1)")

    assert found.readings["relay_1"].channel is None
    assert found.mbus == {}


def test_a_heat_meter_without_an_id() -> None:
    raw = block("TST", "6.8(0029.055*MWh)", "6.6(5*bar)", "9.9(1)")

    found = decoder().decode(frame(raw), None)

    says(found, "0:heat=29.055MWh !0:heat_power_max !0:equipment_id")
    assert found.mbus == {0: MBusDevice(0, "heat", None, None, None)}


@pytest.mark.parametrize("end", ["", "()"])
def test_a_list_without_months_is_empty_in_both_spellings(end: str) -> None:
    says(decode(f"0-0:98.1.0(0)(1-0:1.6.0)(1-0:1.6.0){end}"), "demand_last_month_peak=- demand_average_12m=-")
    says(decode(f"0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0){end}"), "!demand_last_month_peak !demand_average_12m")


def test_on_a_heat_meter_no_code_is_of_electricity() -> None:
    raw = block(
        "TST", "0.0(00012345)", "6.8(0029.055*GJ)", "9.7(20000)", "1.7(5*kW)", "6.7(1)", "13.7(0.5)", "14.7(50)"
    )

    found = decoder().decode(frame(raw), None)

    assert set(found.readings) == {"0:heat", "0:equipment_id"}
    assert set(found.unknown) == {"9.7", "1.7", "6.7", "13.7", "14.7"}


def test_one_code_in_full_makes_no_other_meter_of_a_heat_meter() -> None:
    found = decoder().decode(frame(block("TST", "6.8(0029.055*GJ)", "1-0:9.7.0(1)")), None)

    says(found, "0:heat=29.055GJ")


def test_what_is_no_number_on_a_heat_meter_is_not_read_as_one() -> None:
    found = decode("6-0:6.8.0(1*GJ)", "6-0:9.36.0(1)", "7-0:24.4.0(1)")

    says(found, "0:heat=1GJ !0:telegram_time !0:valve_state")


def test_a_heat_meter_may_write_its_codes_in_full() -> None:
    found = decode("6-0:6.8.0(1.5*GJ)", "6-0:99.1.0(1)")

    says(found, "0:heat=1.5GJ")


def test_the_volume_tells_a_heat_meter_too() -> None:
    found = decoder().decode(frame(block("TST", "6.26(01589.28*m3)", "0.0(00005077354)")), None)

    says(found, "0:heat_volume=1589.28m3 0:equipment_id~00005077354")


def test_reactive_energy_is_not_heat() -> None:
    says(decoder().decode(frame(block("TST", "6.8(5.0*kvarh)", "1.8.0(1*kWh)")), None), "reactive_q2=5.0kvarh")


# --- what nobody knows ------------------------------------------------------------------------------------------------


def test_unknown_objects_are_found_under_their_code() -> None:
    found = decode(
        "1-0:96.50.0*0(07D0)",
        "1-0:96.50.0*1(45)",
        "1-0:99.1.0(12.5*bar)",
        "1-0:99.1.0(13.5*bar)",
        "1-0:99.2.0(12.5)",
        "1-0:99.3.0(ON)(2)",
        "1-0:99.4.0()",
        "1-0:99.5.0(ÿ)",
        "1-0:99.6.0(5)(1.5)",
        "1-0:1.8.0(1*kWh)",
        "1-0:1.8.0*01(1*kWh)",
        "0-1:24.1.0(003)",
        "1-1:32.7.0(230*V)",
        "0-0:98.1.0(12)",
    )

    assert {key: (reading.value, reading.unit) for key, reading in found.unknown.items()} == {
        "1-0:96.50.0*00": ("07D0", None),
        "1-0:96.50.0*01": ("45", None),
        "1-0:99.1.0": (Decimal("12.5"), "bar"),
        "1-0:99.2.0": (Decimal("12.5"), None),
        "1-0:99.3.0": ("ON 2", None),
        "1-0:99.4.0": (None, None),
        "1-0:99.5.0": (None, None),
        "1-0:99.6.0": ("5 1.5", None),
    }
    assert found.unknown["1-0:99.1.0"].obis == Obis.parse("1-0:99.1.0")
    assert found.unknown["1-0:99.1.0"].key == "1-0:99.1.0"


def test_the_codes_of_a_heat_meter_are_not_unknown() -> None:
    found = decoder().decode(frame(block("TST", "6.8(0029.055*MWh)", "6.26(1*m3)", "9.21(77)")), None)

    assert set(found.unknown) == {"9.21"}


# --- the next telegram is read by what changed ------------------------------------------------------------------------

CHANGES = {
    "telegram time": ("0-0:1.0.0(240701120000S)", "0-0:1.0.0(240701120001S)"),
    "telegram time, no date": ("0-0:1.0.0(240701120000S)", "0-0:1.0.0(000000000000S)"),
    "winter begins": ("0-0:1.0.0(240701120000S)", "0-0:1.0.0(240701120000W)"),
    "a total": ("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.1(000001.001*kWh)"),
    "a total becomes empty": ("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.1()"),
    "a total comes back": ("1-0:1.8.1()", "1-0:1.8.1(000001.000*kWh)"),
    "a total in Wh": ("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.1(000001000*Wh)"),
    "no number": ("1-0:1.7.0(00.100*kW)", "1-0:1.7.0(0x.100*kW)"),
    "export begins": ("1-0:1.7.0(00.100*kW)", "1-0:1.7.0(-0.100*kW)"),
    "export ends": ("1-0:1.7.0(-0.100*kW)", "1-0:1.7.0(00.100*kW)"),
    "a sign": ("1-0:1.7.0(00.100*kW)", "1-0:1.7.0(+0.100*kW)"),
    "a power of ten": ("1-0:1.7.0(00.100*kW)", "1-0:1.7.0(01E-01*kW)"),
    "two points": ("1-0:1.7.0(00.100*kW)", "1-0:1.7.0(0.0.10*kW)"),
    "another unit": ("1-0:1.7.0(00.100*kW)", "1-0:1.7.0(000100*W)"),
    "a unit without star": ("1-0:1.7.0(00.100kW)", "1-0:1.7.0(00.200kW)"),
    "export power": ("1-0:2.7.0(00.000*kW)", "1-0:2.7.0(00.300*kW)"),
    "power of a phase": ("1-0:21.7.0(00.100*kW)", "1-0:21.7.0(00.200*kW)"),
    "power sent twice over": ("1-0:16.7.0(00.100*kW)", "1-0:16.7.0(00.200*kW)"),
    "voltage": ("1-0:32.7.0(230.1*V)", "1-0:32.7.0(230.2*V)"),
    "power factor": ("1-0:13.7.0(0.95)", "1-0:13.7.0(4.55)"),
    "power factor below zero": ("1-0:13.7.0(0.95)", "1-0:13.7.0(-0.95)"),
    "limit": ("0-0:17.0.0(016.1*kW)", "0-0:17.0.0(999.9*kW)"),
    "limit in amperes": ("0-0:17.0.0(016.1*kW)", "0-0:17.0.0(016*A)"),
    "tariff": ("0-0:96.14.0(0001)", "0-0:96.14.0(0002)"),
    "failures": ("0-0:96.7.21(00001)", "0-0:96.7.21(00002)"),
    "failure log": ("1-0:99.97.0()", "1-0:99.97.0(1)(0-0:96.7.19)(240604151822S)(0000000240*s)"),
    "failure log, one more": (
        "1-0:99.97.0(1)(0-0:96.7.19)(240604151822S)(0000000240*s)",
        "1-0:99.97.0(2)(0-0:96.7.19)(240604151822S)(0000000240*s)(240605151822S)(0000000240*s)",
    ),
    "message": ("0-0:96.13.0()", "0-0:96.13.0(48616C6C6F)"),
    "id": ("0-0:96.1.1(41424344)", "0-0:96.1.1(00000000)"),
    "id beside a logical name": ("0-0:96.1.1()", "0-0:96.1.1(41424344)"),
    "version": ("1-3:0.2.8(42)", "1-3:0.2.8(50)"),
    "peak": ("1-0:1.6.0(240601101500S)(01.000*kW)", "1-0:1.6.0(240602101500S)(02.000*kW)"),
    "peaks": (
        "0-0:98.1.0(0)(1-0:1.6.0)(1-0:1.6.0)()",
        "0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(240601000000S)(240525111500S)(02.000*kW)",
    ),
    "no peaks yet": ("0-0:98.1.0(0)(1-0:1.6.0)(1-0:1.6.0)", "0-0:98.1.0(0)(1-0:1.6.0)(1-0:1.6.0)()"),
    "gas": ("0-1:24.2.1(240701115500S)(00001.500*m3)", "0-1:24.2.1(240701120000S)(00001.600*m3)"),
    "gas becomes heat": ("0-1:24.2.1(240701115500S)(00001.500*m3)", "0-1:24.2.1(240701120000S)(00001.600*GJ)"),
    "gas loses its date": ("0-1:24.2.1(240701115500S)(00001.500*m3)", "0-1:24.2.1(632525252525S)(00001.500*m3)"),
    "gas loses its value": ("0-1:24.2.1(240701115500S)(00001.500*m3)", "0-1:24.2.1(240701120000S)(*m3)"),
    "gas below zero": ("0-1:24.2.1(240701115500S)(00001.500*m3)", "0-1:24.2.1(240701120000S)(-0001.500*m3)"),
    "gas, three groups": ("0-1:24.2.1(240701115500S)(00001.500*m3)", "0-1:24.2.1(240701120000S)(1)(00001.500*m3)"),
    "gas in no unit": ("0-1:24.2.1(240701115500S)(1.5*2*m3)", "0-1:24.2.1(240701120000S)(1.6*2*m3)"),
    "gas without unit": ("0-1:24.2.1(240701115500S)(00001.500)", "0-1:24.2.1(240701120000S)(00001.600)"),
    "gas without stamp": ("0-1:24.2.1(00001.500*m3)", "0-1:24.2.1(00001.600*m3)"),
    "gas under another code": ("0-1:24.2.1(240701115500S)(00001.500*m3)", "0-1:24.2.3(240701120000S)(00001.600*m3)"),
    "a second gas line": ("0-1:24.2.3(240701115500S)(00001.500*m3)", "0-1:24.2.3(240701120000S)(00009.600*m3)"),
    "a device type": ("0-1:24.1.0(003)", "0-1:24.1.0(007)"),
    "a valve": ("0-1:24.4.0(1)", "0-1:24.4.0(0)"),
    "gas on two lines": ("(00001.500)", "(00001.600)"),
    "unknown": ("1-0:96.50.0(45)", "1-0:96.50.0(46)"),
    "unknown, now with two groups": ("1-0:96.50.0(45)", "1-0:96.50.0(45)(46)"),
    "history": ("1-0:1.8.0*01(1.0*kWh)", "1-0:1.8.0*01(2.0*kWh)"),
    "another code": ("1-0:52.7.0(230.1*V)", "1-0:72.7.0(230.2*V)"),
    "a code twice": ("1-0:0.2.0(1.01)", "1-0:0.2.0(1.02)"),
    "two objects on a line": ("1-0:1.5.0(1*kW)1-0:2.5.0(2*kW)", "1-0:1.5.0(1*kW)1-0:2.5.0(3*kW)"),
    "one object becomes two": ("1-0:2.4.0(1*kW)", "1-0:2.4.0(1*kW)1-0:2.5.0(3*kW)"),
    "no object": ("noise", "1-0:14.7.0(50*Hz)"),
    "date": ("1-0:0.9.2(240701)", "1-0:0.9.2(240702)"),
    "blank line": ("", "1-0:14.7.0(50*Hz)"),
    "two fuses": ("1-1:31.4.0(100*A)(-063*A)", "1-1:31.4.0(100*A)(-064*A)"),
}
FRAMEWORK = (
    *HEAD,
    *TARIFFS,
    "1-0:1.7.0(00.500*kW)",
    "1-0:2.7.0(00.100*kW)",
    "1-0:22.7.0(00.050*kW)",
    "0-1:24.1.0(003)",
    "0-1:24.2.1(240701110000S)(00001.400*m3)",
    "0-1:24.2.1(240701110500S)(00001.450*m3)",
    "0-0:42.0.0(41424344)",
    "1-0:0.2.0(1.00)",
    "0-2:24.3.0(240115100000)(00)(60)(1)(0-2:24.2.1)(m3)",
)


def place(line: str) -> tuple[str, ...]:
    """The framework around a line that changes, without what has the same code; a value line last."""
    code = line.partition("(")[0]
    if code == "1-0:0.2.0":
        return tuple(other for other in FRAMEWORK[:-1])
    around = tuple(other for other in FRAMEWORK[:-1] if not code or not other.startswith(f"{code}("))
    return (*around, FRAMEWORK[-1]) if line.startswith("(") else around


def same(one: Telegram, other: Telegram) -> None:
    assert one == other
    assert list(one.readings) == list(other.readings)


@pytest.mark.parametrize("name", CHANGES)
def test_a_line_that_changed_is_read_as_if_everything_was(name: str) -> None:
    before, after = CHANGES[name]
    around = place(before)
    reader = decoder()
    for line in (before, after, before, after, after):
        sent = frame(telegram("TST5", *around, line))
        same(reader.decode(sent, None), decoder().decode(sent, None))


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
def test_a_telegram_that_comes_again_says_the_same(twin: Twin) -> None:
    reader, sent = decoder(twin.country), frame(twin.raw.partition(b"  25803103")[0])
    first = reader.decode(sent, None)

    for _ in range(2):
        same(reader.decode(sent, None), first)


def from_the_beginning(reader: Decoder, sent: Frame) -> Telegram:
    """Read as if no telegram of this kind of meter had been read before."""
    forms_of.cache_clear()
    return reader.decode(sent, None)


def changed(lines: list[str], chance: random.Random) -> list[str]:
    """Some lines with other digits, as a second later; sometimes with anything else in them."""
    result = list(lines)
    for _ in range(chance.randint(0, 8)):
        index = chance.randrange(len(result))
        line = result[index]
        places = [at for at, letter in enumerate(line) if letter.isdigit() and at > line.find("(")]
        if places:
            at = chance.choice(places)
            letter = chance.choice("0123456789") if chance.random() < 0.95 else chance.choice("-. *)(&xSW")
            result[index] = line[:at] + letter + line[at + 1 :]
    if chance.random() < 0.05:
        result.pop(chance.randrange(len(result)))
    if chance.random() < 0.1:
        one, other = chance.randrange(len(result)), chance.randrange(len(result))
        result[one], result[other] = result[other], result[one]
    return result


def texts() -> Iterable[list[str]]:
    for twin in TWINS:
        if b"\x02" not in twin.raw:
            yield twin.raw.partition(b"!")[0].decode("latin-1").split("\r\n")[2:-1]


@pytest.mark.parametrize("seed", range(3))
def test_reading_what_changed_is_reading_everything(seed: int) -> None:
    chance = random.Random(seed)
    for start in texts():
        reader, lines = decoder(), start
        for _ in range(25):
            sent = frame(telegram("TST5", *lines))
            fresh = decoder()
            # What a meter once sent is remembered: a sum is not made of less.
            fresh._ever_sent = reader._ever_sent
            fresh._ident = reader._ident
            same(reader.decode(sent, None), from_the_beginning(fresh, sent))
            lines = changed(lines if len(lines) == len(start) else start, chance)


@pytest.mark.parametrize("seed", range(3))
def test_a_usual_telegram_is_read_as_any_other(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(seed)
    telegrams = [telegram("TST5", *changed(lines, chance)) for lines in texts() for _ in range(10)]
    telegrams += [twin.raw for twin in TWINS if b"\x02" not in twin.raw]
    found = [from_the_beginning(decoder(), frame(raw)) for raw in telegrams]

    monkeypatch.setattr("p1meter.meter.lines.regular", lambda _: None)

    for raw, one in zip(telegrams, found, strict=True):
        same(one, from_the_beginning(decoder(), frame(raw)))


@pytest.mark.parametrize(
    "lines",
    [
        ("1-0:1.8.0((1-0:2.8.0)", ")"),
        ("1-0:1.8.0(1*kWh", "2.8.0(2*kWh)"),
        ("1-0:1.8.0(1)*kWh)", "(1-0:2.8.0(2*kWh)"),
        ("(1*kWh)", "1-0:1.8.0(1*kWh)"),
        ("1-0:1.8.0(1*kWh)", "", "1-0:2.8.0(2*kWh)", "", "(3)"),
        ("1-0:1.8.0(1*kWh)x)", "1-0:2.8.0(2*kWh)"),
        ("1-0:2.8.0", "1-0:2.8.1(1*kWh)", "1-0:2.8.2(2*kWh)"),
        ("1-0:99.99.9(2)", "(3\n)"),
        ("1-0:99.99.9(2)", "(3\r4)"),
    ],
)
def test_brackets_in_the_wrong_places(lines: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    raw = telegram("TST5", "1-0:1.8.0(1*kWh)", *lines)
    one = decoder().decode(frame(raw), None)

    monkeypatch.setattr("p1meter.meter.lines.regular", lambda _: None)

    same(one, from_the_beginning(decoder(), frame(raw)))


@pytest.mark.parametrize("line", ["1-0:32.7.0(230.0*V)x)", "1-0:32.7.0(2(30.0*V)"])
def test_what_has_a_bracket_too_many_is_no_value(line: str) -> None:
    # IEC 62056-21 §6.2: neither bracket can stand within a value.
    one = decoder().decode(frame(telegram("TST5", "1-0:1.8.0(1*kWh)", line)), None)

    assert [str(obis) for obis, _ in one.objects] == ["1-0:1.8.0"]
    assert "voltage_l1" not in one.readings


def test_a_second_telegram_is_not_read_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = decoder()
    lines = [*HEAD, *TARIFFS, "1-0:1.7.0(00.500*kW)", "0-1:24.1.0(003)", "0-1:24.2.1(240701110000S)(00001.400*m3)"]
    lines.append("1-0:2.7.0(00.000*kW)")
    reader.decode(frame(telegram("TST5", *lines)), None)
    monkeypatch.setattr(reader, "_read", None)

    lines[1] = "0-0:1.0.0(240701120001S)"
    lines[4] = "1-0:1.7.0(00.600*kW)"
    lines[6] = "0-1:24.2.1(240701110500S)(00001.500*m3)"
    found = reader.decode(frame(telegram("TST5", *lines)), None)

    says(found, "telegram_time@2024-07-01T12:00:01+02:00 power=600W 1:gas=1.500m3@2024-07-01T11:05:00+02:00")
    assert found.mbus[1].at == datetime(2024, 7, 1, 9, 5, tzinfo=UTC)
    assert found.objects[4][1] == ("00.600*kW",)
    assert found.objects[6][1] == ("240701110500S", "00001.500*m3")


def test_a_line_that_comes_and_goes_does_not_make_a_telegram_be_read_from_the_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def sent(watts: str, *more: str) -> Frame:
        return frame(telegram("TST5", *HEAD, *TARIFFS, f"1-0:1.7.0(00.{watts}*kW)", "1-0:2.7.0(00.000*kW)", *more))

    reader = decoder()
    reader.decode(sent("100"), None)
    reader.decode(sent("200", "1-0:32.7.0(231.0*V)"), None)
    monkeypatch.setattr(reader, "_read", None)

    says(reader.decode(sent("300"), None), "power=300W !voltage_l1")
    says(reader.decode(sent("400", "1-0:32.7.0(232.0*V)"), None), "power=400W voltage_l1=232.0V")


def test_a_reading_of_which_nothing_changed_is_the_same_object() -> None:
    """Whoever comes after need look only at what is another one."""
    reader = decoder()
    first, second = (
        reader.decode(frame(telegram("TST5", *HEAD, *TARIFFS, f"1-0:1.7.0(00.{watts}*kW)", "1-0:2.7.0(0*kW)")), None)
        for watts in ("100", "200")
    )

    changed_keys = {key for key in first.readings if second.readings[key] is not first.readings[key]}
    assert changed_keys == {"power_import", "power"}


def test_a_code_that_nobody_knows_changes() -> None:
    reader = decoder()
    for sent in ("45", "46", "47"):
        found = reader.decode(frame(telegram("TST5", *TARIFFS, f"1-0:96.50.0({sent})", "1-0:96.50.2(1.5*kWh)")), None)
        assert {key: reading.value for key, reading in found.unknown.items()} == {
            "1-0:96.50.0": sent,
            "1-0:96.50.2": Decimal("1.5"),
        }


def test_lines_that_change_places_stay_what_they_are() -> None:
    reader = decoder()
    for imported, exported in ((1, 2), (3, 4), (1, 2)):
        lines = [f"1-0:1.7.0({imported}*kW)", f"1-0:2.7.0({exported}*kW)"]
        reader.decode(frame(telegram("TST5", *lines)), None)

    found = reader.decode(frame(telegram("TST5", "1-0:2.7.0(4*kW)", "1-0:1.7.0(3*kW)")), None)

    says(found, "power_import=3kW power_export=4kW power=-1000W")
    assert [str(obis) for obis, _ in found.objects] == ["1-0:2.7.0", "1-0:1.7.0"]


def test_another_meter_on_the_same_line_is_another_meter() -> None:
    reader = decoder()
    reader.decode(frame(telegram("FLU5", *TARIFFS, "0-0:96.14.0(0001)")), None)

    found = reader.decode(frame(telegram("EST5", *TARIFFS, "0-0:96.14.0(0001)")), None)

    assert found.profile.name == "at"
    assert found.ident == "EST5"
    says(found, "tariff~tariff_1")


def test_a_checksum_that_comes_or_goes_tells_another_meter() -> None:
    reader = decoder()
    lines = ("0-0:96.14.0(0001)", *TARIFFS)
    assert reader.decode(frame(telegram("TST5", *lines, checksum=False)), None).profile.name == "nl2"

    assert reader.decode(frame(telegram("TST5", *lines)), None).profile.name == "generic"
