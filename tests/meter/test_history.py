"""What a meter keeps of the past comes out in the order of time, dated where the meter says when; or not at all."""

from datetime import datetime, timedelta
from decimal import Decimal
import re
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from p1meter.meter import HistoryKind, HistoryRow, Reader, Telegram
from p1meter.meter.history import rows
from tests.meter.twins import block, check, telegram
from tests.needs import shared_telegrams

if TYPE_CHECKING:
    from pathlib import Path

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def read(*pieces: bytes) -> Telegram:
    """The last telegram that one reader makes of these."""
    reader = Reader(zone=AMSTERDAM)
    items = [item for piece in pieces for item in reader.feed(piece) + reader.close()]
    assert all(isinstance(item, Telegram) for item in items)
    last = items[-1]
    assert isinstance(last, Telegram)
    return last


def optical(*lines: str, ident: str = "LGZ4ZMD120AC.T01") -> Telegram:
    return read(block(ident, *lines))


def told(row: HistoryRow) -> str:
    """One row as text: `*14 import_total 12100 kWh 2016-10-01T00:00`, then `<` and when a peak was."""
    slot = "" if row.obis.f is None else ("&" if row.obis.manual else "*") + f"{row.obis.f:02} "
    assert row.manual is row.obis.manual
    at = "-" if row.at is None else row.at.strftime("%y-%m-%d %H:%M")
    occurred = "" if row.occurred is None else f" <{row.occurred:%y-%m-%d %H:%M}"
    return f"{slot}{row.key} {row.value} {row.unit} {at}{occurred}"


def history(found: Telegram) -> list[str]:
    return [told(row) for row in rows(found)]


def says(found: Telegram, expected: str) -> None:
    for row in expected.split():
        check(found.readings, row)


# --- numbered by the reset counter ------------------------------------------------------------------------------------

# A counter at 14; period 13 was closed by hand, 12 was never. The units are at the present values only.
COUNTED = (
    "1-1:F.F(00000000)",
    "1-1:0.0.0(50871099)",
    "1-1:0.9.1(155420)",
    "1-1:0.9.2(161014)",
    "1-1:0.1.2(0000)",
    "1-1:0.1.3(161001)",
    "1-1:0.1.0(14)",
    "1-1:1.2.1(0451.17*kW)",
    "1-1:1.6.1(05.31*kW)(1610081130)",
    "1-1:1.6.1*14(06.12)(1609191145)",
    "1-1:1.6.1&13(04.02)(1608301015)",
    "1-1:1.6.1*12(00.00)(0000000000)",
    "1-1:1.8.0(00012345*kWh)",
    "1-1:1.8.0*14(00012100)",
    "1-1:1.8.0&13(00011800)",
    "1-1:1.8.0*12(00000000)",
)


def test_slots_are_ordered_by_the_reset_counter() -> None:
    found = optical(*COUNTED)

    assert history(found) == [
        "&13 demand_month_peak_tariff_1 4.02 kW - <16-08-30 10:15",
        "&13 import_total 11800 kWh -",
        "*14 demand_month_peak_tariff_1 6.12 kW 16-10-01 00:00 <16-09-19 11:45",
        "*14 import_total 12100 kWh 16-10-01 00:00",
    ]
    assert [row.kind for row in rows(found)] == [HistoryKind.DEMAND_MONTH, HistoryKind.MONTH] * 2
    says(
        found,
        """import_total=12345kWh reset_counter#14 telegram_time@2016-10-14T15:54:20+02:00
        last_reset@2016-10-01T00:00:00+02:00 last_month_import_total=12100kWh@2016-10-01T00:00:00+02:00
        last_month_demand_import_tariff_1=6.12kW@2016-10-01T00:00:00+02:00 !last_month_export_total""",
    )
    assert str(found.readings["last_month_import_total"].obis) == "1-1:1.8.0*14"


def test_after_99_comes_00_and_then_01() -> None:
    found = optical(
        "0.1.0(101)",
        "1.8.0(00500*kWh)",
        *(f"1.8.0*{slot}({total})" for slot, total in (("01", 400), ("00", 300), ("99", 200), ("98", 100), ("97", 0))),
    )

    assert history(found) == [
        "*98 import_total 100 kWh -",
        "*99 import_total 200 kWh -",
        "*00 import_total 300 kWh -",
        "*01 import_total 400 kWh -",
    ]
    says(found, "import_total=500kWh last_month_import_total=400kWh")
    # The counter itself may have gone round.
    assert history(found) == history(
        read(found.raw.replace(b"0.1.0(101)", b"0.1.0(001)")[:-1] + bytes([found.raw[-1] ^ 1]))
    )


def test_a_counter_at_00_is_a_period_and_not_the_present() -> None:
    for counter in ("00", "100"):
        says(optical(f"0.1.0({counter})", "1.8.0*00(300*kWh)"), "!import_total last_month_import_total=300kWh")
    found = optical("0.1.0(00)", "1.8.0*00(300*kWh)", "1.8.0*99(200*kWh)")
    says(found, "!import_total last_month_import_total=300kWh")
    assert history(found) == ["*99 import_total 200 kWh -", "*00 import_total 300 kWh -"]
    # The meter is new: the slots that are not used yet are all called 00.
    unused = ("1.6.0*00(00.000)(0000000000)",) * 5
    found = optical("0.1.0(01)", "1.6.0(02.0*kW)(2401021200)", "1.6.0*01(01.5)(2312241815)", *unused)
    assert history(found) == ["*01 demand_month_peak 1.5 kW - <23-12-24 18:15"]
    says(found, "demand_month_peak=2.0kW@2024-01-02T12:00:00+01:00 last_month_demand_import=1.5kW")


def test_a_slot_may_hold_its_own_stamp_and_unit() -> None:
    found = optical(
        "0.1.0(2)",
        "1.8.1(00005.00*kWh)",
        "1.8.1*02(00004000*Wh)(2403010000)",
        "1.8.1*01(00002.00)(2402010000)",
        "2.6.0*02(240214180000W)(01.5*kW)",
        "1.2.0*02(00010.1*kW)",
        "3.8.0*02(00001.0)",
        "1.8.2*02(1*kW)",  # no energy
        "1.8.3*02(1)(2)(3)",
        "1.8.4*02(x)",
        "1.7.0*02(00.5*kW)",  # nothing that is kept
        "1.8.1*101(00003.00)",  # yesterday
    )

    assert history(found) == [
        "*01 import_tariff_1 2.00 kWh 24-02-01 00:00",
        "*02 import_tariff_1 4000 Wh 24-03-01 00:00",
        "*02 demand_export_peak 1.5 kW 24-03-01 00:00 <24-02-14 18:00",
        "*02 demand_cumulative 10.1 kW 24-03-01 00:00",
        "*02 reactive_import_total 1.0 kvarh 24-03-01 00:00",
    ]
    says(
        found,
        """import_tariff_1=5.00kWh last_month_import_tariff_1=4000Wh@2024-03-01T00:00:00+01:00
        last_month_demand_export=1.5kW@2024-03-01T00:00:00+01:00
        last_month_reactive_import_total=1.0@2024-03-01T00:00:00+01:00
        last_reset@2024-03-01T00:00:00+01:00 !power_import""",
    )


def test_the_first_counts_where_a_slot_comes_twice() -> None:
    found = optical("0.1.0(2)", "1.8.0*02(20)", "1.8.0*01(10)", "1.8.0*02(21)")
    assert history(found) == ["*01 import_total 10 kWh -", "*02 import_total 20 kWh -"]


# --- counted back from the newest -------------------------------------------------------------------------------------


def test_slots_that_count_back() -> None:
    found = optical(
        "0.1.0(33)",
        "0.1.2*01(2403010000)",
        "0.1.2*02(2402010000)",
        "0.1.2*03(0000000000)",
        "1.8.0*01(300.5*kWh)",
        "1.8.0*02(200.5*kWh)",
        "1.8.0*03(000.0*kWh)",
        "1.6.2*01()",
        "2.8.0*01(000.0*kWh)",
    )

    assert history(found) == [
        "*02 import_total 200.5 kWh 24-02-01 00:00",
        "*01 import_total 300.5 kWh 24-03-01 00:00",
        "*01 export_total 0.0 kWh 24-03-01 00:00",
    ]
    says(
        found,
        """last_reset@2024-03-01T00:00:00+01:00 last_month_import_total=300.5kWh@2024-03-01T00:00:00+01:00
        last_month_export_total=0.0kWh@2024-03-01T00:00:00+01:00""",
    )


def test_what_the_numbers_mean_is_told_by_dates_and_totals() -> None:
    # A counter at 3 and three slots fit both ways.
    backward = ("0.1.0(3)", "1.8.0*01(30)", "1.8.0*02(20)", "1.8.0*03(10)")
    assert history(optical(*backward)) == [f"*0{slot} import_total {4 - slot}0 kWh -" for slot in (3, 2, 1)]
    forward = ("0.1.0(3)", "1.8.0*01(10)", "1.8.0*02(20)", "1.8.0*03(30)")
    assert history(optical(*forward)) == [f"*0{slot} import_total {slot}0 kWh -" for slot in (1, 2, 3)]
    # Totals that stand still: the stamps of the peaks tell.
    peaks = ("1.6.0*01(9)(2401051200)", "1.6.0*02(8)(2402051200)", "1.6.0*03(7)(2403051200)")
    newest_last = history(optical("0.1.0(3)", *peaks, "2.8.0*01(0)", "2.8.0*02(0)", "2.8.0*03(0)"))
    assert [row.split()[2] for row in newest_last] == ["9", "0", "8", "0", "7", "0"]


@pytest.mark.parametrize(
    "lines",
    [
        # Nothing tells one from the other.
        ("0.1.0(2)", "1.6.0*01(9)", "1.6.0*02(8)"),
        ("0.1.0(2)", "1.8.0*01(9)", "1.8.0*02(9)"),
        # Neither: the newest by the counter was never closed, or there is no slot 01.
        ("0.1.0(9)", "1.8.0*09(0)", "1.8.0*08(0)", "1.8.0*07(5)"),
        ("0.1.0(9)", "1.8.0*07(7)", "1.8.0*06(6)"),
        ("1.8.0*02(9)", "1.8.0*03(8)"),
        ("1.8.0*01(0)", "1.8.0*02(8)"),
        # Without a counter they would count back, but these grow.
        ("1.8.0*01(7)", "1.8.0*02(8)", "1.8.0*03(9)"),
        # A gap.
        ("0.1.0(9)", "1.8.0*09(9)", "1.8.0*07(8)"),
        # No counter, and neither is 00 the present: it stands in a row.
        ("1.8.0*00(9)", "1.8.0*01(8)"),
        # All unset.
        ("0.1.0(2)", "1.8.0*02(0)", "1.8.0*01(0)"),
    ],
)
def test_what_cannot_be_told_is_not_taken(lines: tuple[str, ...]) -> None:
    found = optical(*lines)
    assert rows(found) == []
    assert not [key for key in found.readings if key.startswith("last_month")]


def test_slots_that_are_dated_are_ordered_by_their_dates() -> None:
    # Twelve slots for the months, used over and over: the counter is at 15, the newest slot is 02 (Elster AS3000).
    found = optical(
        "0.1.0(15)",
        "0.1.2*02(22-05-01,00:00)",
        "0.1.2*01(22-04-01,00:00)",
        "0.1.2*12(22-03-01,00:00)",
        "0.1.2*11(22-02-01,00:00)",
        "1.8.1(00003412.707*kWh)",
        "1.8.1*02(00003301.150)",
        "1.8.1*01(00003188.025)",
        "1.8.1*12(00003050.500)",
        "1.8.1*11(00002975.250)",
        "1.6.1(05.12*kW)(22-05-09,07:30)",
        "1.6.1*02(06.04)(22-04-21,19:15)",
        "1.6.1*01(04.88)(22-03-30,12:45)",
        "1.6.1*12(00.00)(00-00-00,00:00)",
    )

    assert history(found) == [
        "*11 import_tariff_1 2975.250 kWh 22-02-01 00:00",
        "*12 import_tariff_1 3050.500 kWh 22-03-01 00:00",
        "*01 import_tariff_1 3188.025 kWh 22-04-01 00:00",
        "*01 demand_month_peak_tariff_1 4.88 kW 22-04-01 00:00 <22-03-30 12:45",
        "*02 import_tariff_1 3301.150 kWh 22-05-01 00:00",
        "*02 demand_month_peak_tariff_1 6.04 kW 22-05-01 00:00 <22-04-21 19:15",
    ]
    says(found, "last_reset@2022-05-01T00:00:00+02:00 last_month_import_tariff_1=3301.150kWh@2022-05-01T00:00:00+02:00")


def test_periods_that_ended_at_the_same_time_are_ordered_by_the_counter() -> None:
    twice = ("0.1.0(8)", "0.1.2*08(1603010000)", "0.1.2*07(1603010000)", "1.8.0*08(20)", "1.8.0*07(10)")
    assert [row.split()[0] for row in history(optical(*twice))] == ["*07", "*08"]


def test_a_meter_that_only_counts_its_resets_tells_nothing_of_the_past() -> None:
    assert history(optical("0.1.0(90)", "1.8.0(1*kWh)")) == []


def test_with_one_period_it_makes_no_difference() -> None:
    assert history(optical("0.1.0(1)", "1.6.0*01(9)")) == ["*01 demand_month_peak 9 kW -"]
    assert history(optical("1.6.0*01(9)")) == ["*01 demand_month_peak 9 kW -"]


def test_a_register_that_starts_again_at_zero_does_not_turn_the_order() -> None:
    # It has five digits.
    found = optical("0.1.0(9)", "1.8.0*09(00250)", "1.8.0*08(99950)", "1.8.0*07(99650)", "1.8.0*06(99350)")
    assert [row.split()[0] for row in history(found)] == ["*06", "*07", "*08", "*09"]


# --- when a period ended ----------------------------------------------------------------------------------------------


def test_months_are_dated_by_their_peaks_where_the_meter_closes_months() -> None:
    found = optical(
        "0.1.0(18)",
        "0.1.2(0000)",
        "0.1.3(170201)",
        "1.6.1*18(28.74*kW)(1701121445)",
        "1.6.1*17(28.95*kW)(1612081030)",
        "1.6.1*16(25.82*kW)(1612010000)",  # the last quarter of an hour of November
        "1.6.1*15(25.82*kW)(1609301200)",  # not in October
        "1.6.1*14(25.82*kW)(1609291200)",
    )

    assert [row.at and f"{row.at:%y-%m-%d %H:%M}" for row in rows(found)] == [
        None,
        None,
        "16-12-01 00:00",
        "17-01-01 00:00",
        "17-02-01 00:00",
    ]


@pytest.mark.parametrize(
    ("reset", "older"),
    [
        ("170115", "*17(1)(1612081030)"),  # closed within the month
        ("170201", "&17(1)(1612081030)"),  # by hand, whenever that was
        ("170201", "*17(1)"),
        ("170201", "*17(0)(1612081030)"),  # no peak
        ("170201", "*17(1)(1701081030)"),  # in the month of the newest
    ],
)
def test_a_period_is_not_dated_by_guessing(reset: str, older: str) -> None:
    found = optical("0.1.0(18)", "0.1.2(0000)", f"0.1.3({reset})", "1.6.1*18(2)(1701111445)", f"1.6.1{older}")
    assert rows(found)[0].at is None
    assert rows(found)[1].at == datetime(2017, int(reset[2:4]), int(reset[4:]), tzinfo=AMSTERDAM)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("0.1.2(00:00)", "0.1.3(20-05-31)"), "2020-05-31T00:00:00+02:00"),
        (("0.1.2(0000)", "0.1.3(200531)"), "2020-05-31T00:00:00+02:00"),
        (("0.1.2(235959)", "0.1.3(200531)"), "2020-05-31T23:59:59+02:00"),
        (("0.1.2(10000)", "0.1.3(1200531)"), "2020-05-31T00:00:00+02:00"),
        (("0.1.2(2005310000)",), "2020-05-31T00:00:00+02:00"),
        (("0.1.2(20-05-31 00:00)",), "2020-05-31T00:00:00+02:00"),
        (("0.1.2(20-05-31 00:00:00)",), "2020-05-31T00:00:00+02:00"),
        (("0.1.2(00:00)(20-05-31)",), "2020-05-31T00:00:00+02:00"),
        (("1-1:0.1.2(0000)", "1-1:0.1.3(200531)"), "2020-05-31T00:00:00+02:00"),
        (("0.1.2(0000)", "0.1.2*07(2005310000)", "0.1.0(7)"), "2020-05-31T00:00:00+02:00"),
        (("0.1.2*07(0000)", "0.1.3*07(200531)", "0.1.0(7)"), "2020-05-31T00:00:00+02:00"),
    ],
)
def test_when_the_last_period_was_closed(lines: tuple[str, ...], expected: str) -> None:
    says(optical("1.8.0(1*kWh)", *lines), f"last_reset@{expected}")


@pytest.mark.parametrize(
    "lines",
    [
        ("0.1.2(0000)",),
        ("0.1.2(0000)", "0.1.3(000000)"),
        ("0.1.2(0000)", "0.1.3(040531)"),  # before there were such meters
        ("0.1.2()", "0.1.3()"),
    ],
)
def test_a_reset_that_is_no_date(lines: tuple[str, ...]) -> None:
    says(optical("1.8.0(1*kWh)", *lines), "last_reset=-")


# --- *00 and *255 -----------------------------------------------------------------------------------------------------


def test_where_00_is_no_period_it_is_now() -> None:
    found = optical("0.0.0(71579625)", "F.F(00)", "0.2.0(1.27)", "1.8.0*00(019446.38)", "2.8.0*00(023813.75)")
    says(found, "import_total=19446.38 export_total=23813.75 firmware_version~1.27 equipment_id~71579625")
    assert rows(found) == []
    assert str(found.readings["import_total"].obis) == "1.8.0*00"
    # In the next telegram too, where only the number is another one.
    later = read(
        found.raw,
        block("LGZ4ZMD120AC.T01", "F.F(00)", "1.8.0*00(7)"),
        block("LGZ4ZMD120AC.T01", "F.F(00)", "1.8.0*00(8)"),
    )
    says(later, "import_total=8")
    says(optical("0.1.0(33)", "1.8.1*00(5)", "1.8.2*00(6)"), "import_tariff_1=5 import_tariff_2=6 reset_counter#33")


def test_00_beside_the_present_value_is_the_past() -> None:
    says(optical("1.8.0(5*kWh)", "1.8.0*00(4)"), "import_total=5kWh")
    says(optical("1.8.0(5*kWh)", "1.6.0*00(4)"), "import_total=5kWh !demand_month_peak")
    says(optical("1.8.0*00(4)", "1.8.0&01(3)"), "!import_total")
    says(optical("1.8.0*00(4)", "0.1.2*01(2401010000)"), "!import_total")
    says(optical("0.1.0(x)", "1.8.0*00(4)"), "!import_total")
    says(optical("F.F(0)", "C.51.2*01(1)"), "meter_error~0 !import_total")


def test_255_is_now() -> None:
    found = read(telegram("ESY5Q3DA1004 V3.04", "1-0:1.8.0*255(00004.5*kWh)", checksum=False))
    says(found, "import_total=4.5kWh")
    assert rows(found) == []


# --- the next telegram ------------------------------------------------------------------------------------------------


def test_a_period_that_ends_between_two_telegrams() -> None:
    def sent(counter: str, current: str, *slots: str) -> bytes:
        return block("LGZ4ZMD120AC.T01", f"0.1.0({counter})", f"1.8.0({current}*kWh)", *slots)

    first = sent("07", "0100", "1.8.0*07(0090)", "1.8.0*06(0080)")
    second = sent("07", "0101", "1.8.0*07(0090)", "1.8.0*06(0080)")
    third = sent("08", "0102", "1.8.0*08(0101)", "1.8.0*07(0090)")
    says(read(first, second), "import_total=101kWh last_month_import_total=90kWh")
    says(read(first, second, third), "import_total=102kWh last_month_import_total=101kWh reset_counter#8")
    # The number of the slot stays, the value is another one.
    relative = [
        block("ISk5MT174-0001", "1.8.0(0100*kWh)", f"1.8.0*01({last})", f"1.8.0*02({before})")
        for last, before in (("90", "80"), ("99", "90"))
    ]
    says(read(*relative), "last_month_import_total=99kWh")
    # The counter steps to 00, which is in the telegram already.
    only_counter = [block("LGZ4ZMD120AC.T01", f"0.1.0({counter})", "1.8.0*00(0100*kWh)") for counter in ("99", "00")]
    says(read(*only_counter), "!import_total last_month_import_total=100kWh")


# --- heat meters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ident", ["KAM MC", "SIEC2WR5", "LUGCUH50"])
def test_a_heat_meter_is_known_by_its_identification_too(ident: str) -> None:
    found = read(block(ident, "0.0(00005077354)", "6.8(00433.65)", "6.26(03052.95)", "6.31(0109868)"))
    says(found, "0:heat=433.65 0:heat_volume=3052.95 0:operating_hours=109868 0:equipment_id~00005077354 !reactive_q2")


def test_what_a_heat_meter_had_last_year_is_no_month() -> None:
    found = read(block("LUGCUH50", "6.8(0029.055*MWh)", "6.8*01(0028.086*MWh)", "6.26*01(01563.92*m3)"))
    says(found, "0:heat=29.055MWh !reactive_q2")
    assert rows(found) == []
    # Nor is that of a meter that has an id of a heat meter and codes with a medium.
    says(read(block("KAM MC", "1-0:6.8.0(1.5*kvarh)")), "reactive_q2=1.5kvarh")


@pytest.mark.parametrize(
    "lines",
    [
        ("0.0(00073600)", "6.8(326.062*MWh)", "9.21(00073600)", "9.20(66935074)"),
        ("6.8(326.062*MWh)", "9.21(00073600)", "9.20(66935074)", "0.0(00073600)"),
    ],
)
def test_a_heat_meter_is_told_by_the_number_of_the_device_and_not_by_what_its_owner_calls_it(
    lines: tuple[str, ...],
) -> None:
    """0.0 and 9.21 are the property number: after an exchange the new meter may get the same."""
    found = read(block("LUGCUH50", *lines))
    says(found, "0:equipment_id~66935074 0:heat=326.062MWh")
    assert [(device.role, device.equipment_id) for device in found.mbus.values()] == [("heat", "66935074")]


# --- codes that number the channel 1 ----------------------------------------------------------------------------------


def test_the_only_firmware_of_a_meter_is_its_firmware() -> None:
    found = optical("1-1:F.F(00000000)", "1-1:0.2.0(M27)", "1-1:0.2.8(F84F)", "1-1:1.8.0(1*kWh)")
    says(found, "firmware_version~M27 firmware_signature~F84F !firmware_version_2 !firmware_signature_2")
    both = optical("0.2.0(A1)", "1-1:0.2.0(B1)", "0.2.8(A8)", "1-1:0.2.8(B8)", "1.8.0(1*kWh)")
    says(
        both,
        "firmware_version~A1 firmware_version_2~B1 firmware_signature~A8 firmware_signature_2~B8",
    )


@pytest.mark.parametrize("code", ["F.F", "1-1:F.F", "97.97.0", "1-0:97.97.0", "1-1:97.97.0", "0-0:97.97.0"])
def test_every_spelling_of_the_error_register(code: str) -> None:
    says(optical("1.8.0(1*kWh)", f"{code}(00000010)"), "meter_error~00000010")


# --- lists on one line ------------------------------------------------------------------------------------------------

PEAKS = (
    "0-0:98.1.0(4)(1-0:1.6.0)(1-0:1.6.0)"
    "(240501000000S)(240414201500S)(03.700*kW)"  # the newest first
    "(240301000000S)(632525252525W)(00.000*kW)"  # no peak; W is meant
    "(240401000000W)(240306193000W)(03.500*kW)"  # S is meant
    "(632525252525W)(240306193000W)(09.900*kW)"  # no month
)


def test_belgian_month_peaks() -> None:
    found = read(telegram("FLU5\\253769484_A", "0-0:96.1.4(50217)", PEAKS))
    assert history(found) == [
        "demand_month_peak None kW 24-03-01 00:00",
        "demand_month_peak 3.500 kW 24-04-01 00:00 <24-03-06 19:30",
        "demand_month_peak 3.700 kW 24-05-01 00:00 <24-04-14 20:15",
    ]
    assert {row.kind for row in rows(found)} == {HistoryKind.DEMAND_MONTH}
    for none in ("0-0:98.1.0(0)(1-0:1.6.0)(1-0:1.6.0)()", "0-0:98.1.0(12)"):
        assert rows(read(telegram("FLU5\\253769484_A", "0-0:96.1.4(50217)", none))) == []


def test_power_failures_are_dated_by_their_end() -> None:
    log = (
        "1-0:99.97.0(4)(0-0:96.7.19)(240614142317S)(0000000187*s)(240130020000W)(0000003600)"
        "(000101000006W)(2147483647*s)(240201000000W)(2317482647*s)"  # Kaifa
    )
    found = rows(read(telegram("KFM5KAIFA-METER", "1-0:1.8.1(1*kWh)", log)))
    assert [(row.kind, row.key, row.value, row.unit, row.duration_s) for row in found] == [
        (HistoryKind.POWER_FAILURE, "power_failure_log", None, None, 3600),
        (HistoryKind.POWER_FAILURE, "power_failure_log", None, None, 187),
    ]
    assert [(row.at, row.occurred) for row in found] == [
        (datetime.fromisoformat("2024-01-30T02:00:00+01:00"), datetime.fromisoformat("2024-01-30T01:00:00+01:00")),
        (datetime.fromisoformat("2024-06-14T14:23:17+02:00"), datetime.fromisoformat("2024-06-14T14:20:10+02:00")),
    ]


# --- the real ones ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> Path:
    return shared_telegrams()


def history_of(path: Path) -> list[str]:
    return history(read(path.read_bytes()))


def test_the_iskra_with_fifteen_months(real: Path) -> None:
    found = read((real / "iec-iskra-mt174.txt").read_bytes())
    all_rows = history(found)
    # 1.6.0, 1.8.0 to 4, 1.6.1, 2.6.0, 2.6.1, 2.8.0 to 4; the tariffs 2 to 4 of the peaks are empty.
    assert len(all_rows) == 15 * 14
    assert [row for row in all_rows if " import_total " in row] == [
        "*15 import_total 4224.392 kWh 16-01-01 00:00",
        "*14 import_total 4517.795 kWh 16-02-01 00:00",
        "*13 import_total 4800.953 kWh 16-03-01 00:00",
        "*12 import_total 5096.931 kWh 16-04-01 00:00",
        "*11 import_total 5358.178 kWh 16-05-01 00:00",
        "*10 import_total 5625.115 kWh 16-06-01 00:00",
        "*09 import_total 5862.843 kWh 16-07-01 00:00",
        "*08 import_total 6097.335 kWh 16-08-01 00:00",
        "*07 import_total 6334.294 kWh 16-09-01 00:00",
        "*06 import_total 6581.536 kWh 16-10-01 00:00",
        "*05 import_total 6820.722 kWh 16-11-01 00:00",
        "*04 import_total 7104.603 kWh 16-12-01 00:00",
        "*03 import_total 7371.517 kWh 17-01-01 00:00",
        "*02 import_total 7660.326 kWh 17-02-01 00:00",
        "*01 import_total 7904.135 kWh 17-03-01 00:00",
    ]
    peaks = [row for row in all_rows if " demand_month_peak " in row]
    assert peaks[0] == "*15 demand_month_peak 3.806 kW 16-01-01 00:00 <15-12-16 20:45"
    assert peaks[3] == "*12 demand_month_peak 4.190 kW 16-04-01 00:00 <16-03-02 20:15"
    assert peaks[-1] == "*01 demand_month_peak 3.258 kW 17-03-01 00:00 <17-02-10 20:00"
    says(
        found,
        """last_reset@2017-03-01T00:00:00+01:00 reset_counter#33
        last_month_import_total=7904.135kWh@2017-03-01T00:00:00+01:00
        last_month_import_tariff_2=0.000kWh@2017-03-01T00:00:00+01:00
        last_month_demand_import=3.258kW@2017-03-01T00:00:00+01:00
        last_month_demand_export=0.000kW@2017-03-01T00:00:00+01:00
        last_month_export_total=0.000kWh@2017-03-01T00:00:00+01:00
        !last_month_demand_import_tariff_2""",
    )


def test_the_metcom_whose_counter_is_at_12(real: Path) -> None:
    # The file stops at ETX: here with its block check.
    raw = (real / "iec-metcom-mcs5-table1.bin").read_bytes()
    body = raw[raw.index(b"\x02") + 1 :]
    check_character = 0
    for octet in body:
        check_character ^= octet
    found = read(raw + bytes([check_character]))
    all_rows = history(found)
    # 1.6.1, 2.6.1, 1.8.0, 2.8.0 and 5.8.0 to 8.8.0.
    assert len(all_rows) == 3 * 8
    assert all_rows[:3] == [
        "*10 demand_month_peak_tariff_1 0.49578 kW 22-09-01 00:00 <22-08-11 13:30",
        "*10 demand_export_peak_tariff_1 0.00000 kW 22-09-01 00:00 <22-08-01 00:00",
        "*10 import_total 1097.4085 kWh 22-09-01 00:00",
    ]
    assert all_rows[-6:] == [
        "*12 import_total 1236.1958 kWh 22-11-01 00:00",
        "*12 export_total 0.0000 kWh 22-11-01 00:00",
        "*12 reactive_q1 48.8006 kvarh 22-11-01 00:00",
        "*12 reactive_q2 0.0000 kvarh 22-11-01 00:00",
        "*12 reactive_q3 0.0000 kvarh 22-11-01 00:00",
        "*12 reactive_q4 75.0837 kvarh 22-11-01 00:00",
    ]
    says(
        found,
        """last_reset@2022-11-01T00:00:00+01:00 last_month_import_total=1236.1958kWh@2022-11-01T00:00:00+01:00
        last_month_reactive_q4=75.0837kvarh@2022-11-01T00:00:00+01:00
        last_month_demand_import_tariff_1=0.39912kW@2022-11-01T00:00:00+01:00""",
    )


BELGIAN = {
    "be-fluvius-13-peaks-cut-down.txt": """
        23-07-01 2.680 23-06-01 00:30 | 23-08-01 2.099 23-07-31 20:00 | 23-09-01 2.802 23-08-12 22:45
        | 23-10-01 3.033 23-09-11 21:00 | 23-11-01 2.779 23-10-03 22:00 | 23-12-01 3.407 23-11-26 21:30
        | 24-01-01 4.328 23-12-24 19:30 | 24-02-01 3.966 24-01-26 20:00 | 24-03-01 5.834 24-02-29 20:45
        | 24-04-01 3.527 24-03-06 19:30 | 24-05-01 3.843 24-04-14 20:15 | 24-06-01 2.768 24-05-25 11:15
        | 24-07-01 3.841 24-06-18 19:15""",
    "be-fluvius-pv-3.txt": """
        23-01-01 7.465 22-12-19 19:00 | 23-02-01 8.382 23-01-18 15:30 | 23-03-01 7.291 23-02-03 18:00
        | 23-04-01 8.323 23-03-18 18:00 | 23-05-01 7.341 23-04-02 16:45 | 23-06-01 5.843 23-05-14 21:45
        | 23-07-01 8.682 23-06-18 18:15""",
    "be-fluvius-v1.7.1-gas-water.txt": """
        20-03-01 4.318 20-02-10 03:54 | 20-04-01 5.980 20-03-05 12:21 | 20-05-01 3.695 20-04-23 19:25""",
}


@pytest.mark.parametrize("name", BELGIAN)
def test_the_belgian_ones(real: Path, name: str) -> None:
    expected = []
    for month in BELGIAN[name].split("|"):
        closed, peak, occurred = month.strip().split(" ", 2)
        expected.append(f"demand_month_peak {peak} kW {closed} 00:00 <{occurred}")
    assert [row for row in history_of(real / name) if row.startswith("demand")] == expected


def test_the_hungarian_ones(real: Path) -> None:
    assert history_of(real / "hu-aux-9903106618.txt") == [
        f"{what} 23-08-01 00:00"
        for what in (
            "import_total 663.924 kWh",
            "import_tariff_1 383.623 kWh",
            "import_tariff_2 280.301 kWh",
            "export_total 1304.175 kWh",
            "export_tariff_1 906.937 kWh",
            "export_tariff_2 397.238 kWh",
            "reactive_import_total 15.142 kvarh",
            "reactive_export_total 333.817 kvarh",
            "reactive_q1 9.479 kvarh",
            "reactive_q2 5.663 kvarh",
            "reactive_q3 142.881 kvarh",
            "reactive_q4 190.936 kvarh",
            "energy_combined 1968.098 kWh",
            "demand_month_peak 12.212 kW",
            "demand_month_peak_tariff_1 12.212 kW",
            "demand_month_peak_tariff_2 11.320 kW",
            "demand_export_peak 5.220 kW",
            "demand_export_peak_tariff_1 5.220 kW",
            "demand_export_peak_tariff_2 5.144 kW",
        )
    ]
    sagemcom = rows(read((real / "hu-sag-sagemcom.txt").read_bytes()))
    assert len(sagemcom) == 19
    assert [row.kind for row in sagemcom] == [HistoryKind.MONTH] * 13 + [HistoryKind.DEMAND_MONTH] * 6
    assert sagemcom[2].value == Decimal("31.827")
    assert sagemcom[-1].value == Decimal("3.400")
    assert {row.at for row in sagemcom} == {datetime.fromisoformat("2023-07-01T00:00:00+02:00")}


# Each end and how many seconds it took, oldest first; "-" are the logs without a valid entry.
FAILURES = """
nl-v4-kaifa-arduino.txt -
nl-v4-kaifa-wassasin.txt 161025122518S 2667 181218162232W 817 220826145825S 4982
nl-v4-xmx-231216240.txt -
nl-v4.2-kaifa-ma105.txt -
nl-v4.2-kaifa-ma304.txt -
nl-v4.2-kaifa-nb.txt -
nl-v4.2-xmx-1012463817.txt 170214081346W 6334
nl-v4.2-xmx-zcf100.txt -
nl-v5-iskra-1011-jk.txt -
nl-v5-iskra-1012-2019.txt 180417201458S 236
nl-v5-iskra-1012-jk.txt 170609063239S 267 170611001706S 149657
nl-v5-iskra-1013.txt 230114121128W 324
nl-v5-iskra-am550e-1011-pv.txt 190111133452W 2779 190307113415W 4950 210727172710S 3977 210727183630S 1107
nl-v5-iskra-am550e.txt 190201235231W 3231 190212214204W 1489 190212215426W 315 190310230314W 295 190316085447W 230
    190316123141W 516
nl-v5-iskra-gas-on-channel2.txt 190326095015W 2014
nl-v5-mcs-anon.txt -
nl-v5-sagemcom-cx2000.txt 180208200717W 266 180209184337W 3307 180215192356W 268881 180226203438W 952147
    180420221654S 1068 180425175248S 2897 180611204409S 2246666 180707220440S 24288 180904173923S 1820
    181201030814W 758635
nl-v5-sagemcom-t211.txt 230723125646S 712
nl-v5-sagemcom-xs210-sensate.txt 180706014039S 4946 190629013935S 4843 191028141201W 1396 191028145648W 429
    200311150638W 21245
nl-v5-sagemcom-xs210.txt 200331155338S 4144 220127110938W 7650 230608111028S 500
nl-v5-ziv-gas.txt 201029040354W 320 201029040354W 320 201029040354W 321
nl-v5-ziv-b.txt 230708193109S 21475194 230802160246S 23622690 230802160247S 23622691 230802160247S 23622691
    230827123425S 25770189 230827123425S 25770190 230827123426S 25770190 230921090607S 27917691
    230921090608S 27917692 230921090608S 27917692
"""


@pytest.mark.parametrize(
    "line", re.findall(r"^\S+(?:\n    |.)*", FAILURES, re.MULTILINE), ids=lambda line: line.split()[0]
)
def test_the_power_failures_of_the_real_ones(real: Path, line: str) -> None:
    name, *entries = line.split()
    found = [row for row in rows(read((real / name).read_bytes())) if row.kind is HistoryKind.POWER_FAILURE]
    told = []
    for row in found:
        assert row.at is not None
        assert row.occurred is not None
        assert row.duration_s == (row.at - row.occurred).total_seconds()
        season = {1: "W", 2: "S"}[round((row.at.utcoffset() or timedelta()).total_seconds() / 3600)]
        told += [f"{row.at:%y%m%d%H%M%S}{season}", str(row.duration_s)]
    assert told == [entry for entry in entries if entry != "-"]
