"""Numbers, texts and points in time as meters write them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from p1meter.meter.values import (
    UNITS,
    Clock,
    count,
    factor,
    factors,
    hexadecimal_serial,
    message,
    number,
    number_with_unit,
    plain_text,
    serial,
    unit_of,
)

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HELSINKI = ZoneInfo("Europe/Helsinki")


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("000123.456", "123.456"),
        ("00013", "13"),
        ("-063", "-63"),
        ("+000.8", "0.8"),
        ("00000000.7801269", "0.7801269"),
        ("0.000", "0.000"),
        ("1" * 24, "1" * 24),
    ],
)
def test_a_number(sent: str, expected: str) -> None:
    value = number(sent)

    assert str(value) == expected


@pytest.mark.parametrize(
    "sent", ["", ".", "-", "+", "1.2.3", "1,5", "1e5", "NaN", "inf", "1_000", " 1", "12 ", "0x10", "--1", "²", "9" * 25]
)
def test_no_number(sent: str) -> None:
    assert number(sent) is None


def test_there_is_no_zero_below_zero() -> None:
    assert str(number("-000.00")) == "0.00"


@pytest.mark.parametrize(
    ("sent", "value", "unit"),
    [
        ("00.244*kW", "0.244", "kW"),
        ("001247.747kWh", "1247.747", "kWh"),
        ("005A", "5", "A"),
        ("4.556", "4.556", None),
        ("000003.642*kvarh", "3.642", "kvarh"),
        ("000003.642*kVArh", "3.642", "kvarh"),
        ("0000.321*kVAr", "0.321", "kvar"),
        ("0000.321*kVar", "0.321", "kvar"),
        ("069.0*kVA", "69.0", "kVA"),
        ("12.5*KWH", "12.5", "kWh"),
        ("0029.055*MWh", "29.055", "MWh"),
        ("1.5*MW", "1.5", "MW"),
        ("230*mV", "230", "mV"),
        ("60*m", "60", "min"),
        ("00000001*secs", "1", "s"),
        ("001.476*m3ph", "1.476", "m3/h"),
        ("088*C", "88", "°C"),
        ("071.5*degC", "71.5", "°C"),
        ("01234*m³", "1234", "m3"),
        ("5*xyz", "5", "xyz"),
        ("5*kilowatt", "5", "kilowatt"),
        ("5*", "5", None),
        (" 12.0 * kWh ", "12.0", "kWh"),
        ("+000.8*A", "0.8", "A"),
    ],
)
def test_a_number_and_its_unit(sent: str, value: str, unit: str | None) -> None:
    assert number_with_unit(sent) == (Decimal(value), unit)


@pytest.mark.parametrize(
    "sent",
    [
        *("", "ON", "07D0", "1A2B", "12kFoo", "*kWh", "088*C&082*C", "1*kilowatts", "1*kilowatthour"),
        *("261121120000W", "260721120000S"),
    ],
)
def test_no_number_with_unit(sent: str) -> None:
    assert number_with_unit(sent)[0] is None


def test_milli_is_not_mega() -> None:
    assert unit_of("mW") == "mW"
    assert unit_of("MA") == "MA"
    assert "mW" not in UNITS["power"]


def test_a_count() -> None:
    assert count("00003") == 3
    assert count(" 7 ") == 7
    assert count("") is None
    assert count("-1") is None
    assert count("1.5") is None
    assert count("9" * 19) is None


def test_a_text_is_printable() -> None:
    assert plain_text("  M27 ") == "M27"
    assert plain_text("   ") is None
    assert plain_text("(ER11)") is None
    assert plain_text("ÿÿ") is None
    assert plain_text("a\x07b") is None


def test_an_id_of_zeros_is_none() -> None:
    assert serial("00000000") is None
    assert serial("        18438636") == "18438636"
    assert hexadecimal_serial("0000000000000000000000000000000000") is None
    assert hexadecimal_serial("00000000000000000") is None
    assert hexadecimal_serial("30303030") is None
    assert hexadecimal_serial("") is None


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        # DSMR 5.0.2 P1 §6.12, and ids that are not characters
        ("4B384547303034303436333935353037", "K8EG004046395507"),
        ("3153414731313030303231363035", "1SAG1100021605"),
        ("37464C4F32313139303333373333", "7FLO2119033733"),
        ("205A4142463030313531373732373131", "ZABF00151772711"),
        ("31323639333037322020202020202020", "12693072"),
        ("ADC3100000158491", "ADC3100000158491"),
        ("9903218166", "9903218166"),
        ("09610", "09610"),
        ("AUX1030303106618", "AUX1030303106618"),
        ("1111111111111111", "1111111111111111"),
        ("12 34", "12 34"),
        ("202020202020", None),
        # The last character that can be printed, and what follows on it.
        ("417E42", "A~B"),
        ("417F42", "417F42"),
    ],
)
def test_an_id_in_hexadecimal(sent: str, expected: str | None) -> None:
    assert hexadecimal_serial(sent) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("3031203631203831", "01 61 81"),
        ("48C3A96C6CC3B6", "Héllö"),
        ("48E96C6CF6", "Héllö"),
        ("4C696E65310D0A4C696E6532", "Line1\r\nLine2"),
        ("00FF", None),
        ("FFFFFFFF", None),
        ("0102", "0102"),
        ("Storing", "Storing"),
        ("ÿÿÿÿ", None),
        ("", None),
    ],
)
def test_a_message(sent: str, expected: str | None) -> None:
    assert message(sent) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("170102192002W", "2017-01-02T19:20:02+01:00"),
        ("200512135409S", "2020-05-12T13:54:09+02:00"),
        ("240701120000W", "2024-07-01T12:00:00+01:00"),
        ("240101120000S", "2024-01-01T12:00:00+02:00"),
        ("090212160000", "2009-02-12T16:00:00+01:00"),
        ("240701120000", "2024-07-01T12:00:00+02:00"),
        ("1703100930", "2017-03-10T09:30:00+01:00"),
        ("1140716101053", "2014-07-16T10:10:53+02:00"),
        ("0131211111412", "2013-12-11T11:14:12+01:00"),
        ("19-01-01 00:00:00", "2019-01-01T00:00:00+01:00"),
        ("20240111 09:35:00", "2024-01-11T09:35:00+01:00"),
        ("202601130730", "2026-01-13T07:30:00+01:00"),
        ("201301130730", "2013-01-13T07:30:00+01:00"),
        # Until 2012 it cannot be told: then the year has two digits, as nearly always.
        ("201213073000", "2020-12-13T07:30:00+01:00"),
        ("2017-01-18&01:36:47", "2017-01-18T01:36:47+01:00"),
        ("16-02-29,18:00", "2016-02-29T18:00:00+01:00"),
        (" 170102192002W ", "2017-01-02T19:20:02+01:00"),
    ],
)
def test_a_stamp(sent: str, expected: str) -> None:
    stamp = Clock(AMSTERDAM).stamp(sent, 1)

    assert stamp is not None
    assert stamp.isoformat() == expected


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "632525252525W",
        "000000000000W",
        "250000000000W",
        "700101010000W",
        "240230120000S",
        "240101240000W",
        "240101126000W",
        "240101120060W",
        "2401011200xxW",
        "24010112xx00W",
        "240101120000X",
        "240101120000W1",
        "24-13-01 00:00:00",
        "1140732101053",
        "000000000000",
        "12345",
        "hello",
    ],
)
def test_no_date(sent: str) -> None:
    assert Clock(AMSTERDAM).stamp(sent, 1) is None


def test_the_letters_are_an_hour_later_in_the_east() -> None:
    clock = Clock(HELSINKI)

    assert clock.stamp("240214101855W", 2) == datetime(2024, 2, 14, 8, 18, 55, tzinfo=UTC)
    assert clock.stamp("240714101855S", 2) == datetime(2024, 7, 14, 7, 18, 55, tzinfo=UTC)


def test_the_letter_decides_wherever_the_house_is() -> None:
    for zone in (AMSTERDAM, HELSINKI, timezone(timedelta(hours=3))):
        summer = Clock(zone).stamp("240714101855S", 1)
        assert summer is not None
        assert summer.utcoffset() == timedelta(hours=2)
        assert Clock(zone).stamp("240230101855S", 1) is None


def test_the_hour_that_comes_twice_in_autumn_is_told_by_its_order() -> None:
    # 27 October 2024: at 03:00 summer time it is 02:00 again.
    clock = Clock(AMSTERDAM)
    sent = ["241027015955", "241027020000", "241027025950", "241027020000", "241027023000", "241027030000"]

    stamps = [clock.stamp(stamp, 1, "telegram_time") for stamp in sent]

    assert [stamp.astimezone(UTC).strftime("%H:%M:%S") for stamp in stamps if stamp] == [
        "23:59:55",
        "00:00:00",
        "00:59:50",
        "01:00:00",
        "01:30:00",
        "02:00:00",
    ]


def test_a_stamp_that_is_sent_again_stays_the_same() -> None:
    clock = Clock(AMSTERDAM)
    for stamp in ("241027025000", "241027021000"):
        clock.stamp(stamp, 1, "1")

    again = [clock.stamp("241027021000", 1, "1") for _ in range(3)]

    assert {stamp.astimezone(UTC).hour for stamp in again if stamp} == {1}


def test_another_value_of_the_same_stamp_is_of_the_second_hour() -> None:
    """A meter that captures on the hour says 02:00 of both."""
    clock = Clock(AMSTERDAM)
    sent = [("020000", 5), ("020000", 5), ("020000", 6), ("020000", 6), ("020000", 7), ("030000", 8)]

    stamps = [clock.capture(f"241027{stamp}", 1, "1", Decimal(value)) for stamp, value in sent]

    assert [stamp.isoformat() for stamp in stamps if stamp] == [
        "2024-10-27T02:00:00+02:00",
        "2024-10-27T02:00:00+02:00",
        "2024-10-27T02:00:00+01:00",
        "2024-10-27T02:00:00+01:00",
        "2024-10-27T02:00:00+01:00",
        "2024-10-27T03:00:00+01:00",
    ]


@pytest.mark.parametrize(
    ("sent", "values"),
    [
        # An hour later it is not twice any more, and at noon never.
        ("241027030000", (5, 6)),
        ("241027120000", (5, 6)),
        # In spring, there is no such hour.
        ("240331023000", (5, 6)),
        # A value that could not be read is none.
        ("241027020000", (None, 5)),
        ("241027020000", (5, None)),
    ],
)
def test_another_value_of_the_same_stamp_moves_nothing_else(sent: str, values: tuple[int | None, ...]) -> None:
    clock = Clock(AMSTERDAM)

    first, second = (clock.capture(sent, 1, "1", None if value is None else Decimal(value)) for value in values)

    assert first is not None
    assert first == second


def test_the_second_hour_comes_after_the_first_for_python_too() -> None:
    """It compares points in time of one zone by what the clock shows."""
    clock = Clock(AMSTERDAM)

    stamps = [clock.stamp(f"241027{stamp}", 1, "1") for stamp in ("020000", "024500", "020000", "024500", "030000")]

    found = [stamp for stamp in stamps if stamp]
    assert all(one < other for one, other in pairwise(found))
    assert len(set(found)) == 5


def test_a_clock_that_is_set_back_a_little_does_not_jump_an_hour() -> None:
    clock = Clock(AMSTERDAM)
    clock.stamp("241027023010", 1, "telegram_time")

    stamp = clock.stamp("241027023005", 1, "telegram_time")

    assert stamp is not None
    assert stamp.astimezone(UTC).hour == 0


def test_stamps_of_different_meters_do_not_follow_each_other() -> None:
    clock = Clock(AMSTERDAM)
    clock.stamp("241027025950", 1, "telegram_time")

    stamp = clock.stamp("241027020000", 1, "1")

    assert stamp is not None
    assert stamp.astimezone(UTC).hour == 0


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        ("251002", "222553", "2025-10-02T22:25:53+02:00"),
        ("25-10-02", "22:25:53", "2025-10-02T22:25:53+02:00"),
        ("0170318", "201455", "2017-03-18T20:14:55+01:00"),
        ("1170718", "1201455", "2017-07-18T20:14:55+02:00"),
        ("0170718", "201455", "2017-07-18T20:14:55+01:00"),
        ("20260130", "211156", "2026-01-30T21:11:56+01:00"),
        ("2026-01-30", "21:11:56", "2026-01-30T21:11:56+01:00"),
    ],
)
def test_a_date_and_a_time_are_a_point_in_time(date: str, time: str, expected: str) -> None:
    stamp = Clock(AMSTERDAM).date_and_time(date, time)

    assert stamp is not None
    assert stamp.isoformat() == expected


@pytest.mark.parametrize(
    ("date", "time"),
    [("", "222553"), ("251002", ""), ("251302", "222553"), ("1251302", "222553"), ("251002", "250000"), ("x", "y")],
)
def test_no_date_or_no_time(date: str, time: str) -> None:
    assert Clock(AMSTERDAM).date_and_time(date, time) is None


@pytest.mark.parametrize(
    ("unit", "wanted", "expected"),
    [
        ("kWh", "Wh", "1000"),
        ("kW", "W", "1000"),
        ("kV", "V", "1000"),
        ("kA", "A", "1000"),
        ("kHz", "Hz", "1000"),
        ("kvarh", "varh", "1000"),
        ("kvar", "var", "1000"),
        ("kVA", "VA", "1000"),
        ("m3/h", "l/h", "1000"),
        ("h", "s", "3600"),
        ("h", "min", "60"),
        ("°C", "°C", "1"),
        ("l", "m3", "0.001"),
        ("dm3", "l", "1"),
        ("MJ", "kWh", "0.2777777777777777777777777778"),
        ("kWh", "m3", None),
    ],
)
def test_from_one_unit_to_another(unit: str, wanted: str, expected: str | None) -> None:
    assert factor(unit, wanted) == (None if expected is None else Decimal(expected))


def test_from_whatever_unit_is_sent_to_one() -> None:
    in_kilowatt = {"W": Decimal("0.001"), "kW": Decimal(1), "MW": Decimal(1000), None: Decimal("0.001")}
    assert factors("power", "kW", unsent="W") == in_kilowatt
