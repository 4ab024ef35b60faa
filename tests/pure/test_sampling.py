"""What the control law sees of a telegram: watts, amperes and the meter's time, whatever the meter's way to say it."""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from p1meter.loads import LoadInput, Phase, Sample
from p1meter.meter import Reader, Telegram
from p1meter.sampling import MeterClock, fuse, sample
from tests.compose import compose, nl5

BRUSSELS = ZoneInfo("Europe/Brussels")
RECEIVED = datetime(2026, 11, 21, 12, 59, 2, tzinfo=BRUSSELS)


def telegram(data: bytes, country: str | None = None) -> Telegram:
    (item,) = Reader(zone=BRUSSELS, country=country).feed(data)
    assert isinstance(item, Telegram)
    return item


def seen(data: bytes, country: str | None = None) -> Sample:
    taken = sample(telegram(data, country), 100.0, RECEIVED, {})
    assert taken is not None
    return taken


def test_a_dutch_telegram() -> None:
    boiler = {"boiler": LoadInput(on=True, power_w=1980.0)}
    taken = sample(telegram(nl5()), 100.0, RECEIVED, boiler, price_buy=0.31, price_sell=0.05)
    assert taken == Sample(
        now=100.0,
        wall=RECEIVED,
        # 1.193 kW; 1.000 kW and 4 A at 230.1 V on L1, 0.300 kW given back on L3.
        import_w=1193.0,
        export_w=0.0,
        phases=(
            Phase(4.0, 1000.0, 0.0, 230.1),
            Phase(2.0, 493.0, 0.0, 229.4),
            Phase(1.0, 0.0, 300.0, 231.0),
        ),
        # 4512.345 kWh + 3987.650 kWh
        import_wh=8_499_995.0,
        tariff=2,
        price_buy=0.31,
        price_sell=0.05,
        loads=boiler,
    )


@pytest.mark.parametrize(("sent", "watts"), [("01.001*kW", 1001.0), ("1001*W", 1001.0), ("0.001*MW", 1000.0)])
def test_a_power_has_its_unit(sent: str, watts: float) -> None:
    assert seen(nl5({"1-0:1.7.0": f"({sent})"})).import_w == watts


@pytest.mark.parametrize(
    ("imported", "exported", "net", "expected"),
    [
        # One register for both, below zero for export.
        ("(-00.500*kW)", None, None, (0.0, 500.0)),
        # Only the net power; import and export are then what is over and what is under zero.
        (None, None, "(0000350*W)", (350.0, 0.0)),
        (None, None, "(-000350*W)", (0.0, 350.0)),
        # A meter for import alone.
        ("(00.700*kW)", None, None, (700.0, 0.0)),
    ],
)
def test_power_without_two_registers(
    imported: str | None, exported: str | None, net: str | None, expected: tuple[float, float]
) -> None:
    lines = {"1-0:1.7.0": imported, "1-0:2.7.0": exported, "1-0:16.7.0": net}
    taken = seen(nl5(lines))
    assert (taken.import_w, taken.export_w) == expected


def test_no_power_no_sample() -> None:
    assert sample(telegram(nl5({"1-0:1.7.0": None, "1-0:2.7.0": None})), 100.0, RECEIVED, {}) is None


def test_a_phase_that_is_not_reported_is_none() -> None:
    one_phase = nl5(
        {
            code: None
            for phase in (5, 7)
            for code in (f"1-0:{phase}2.7.0", f"1-0:{phase}1.7.0", f"1-0:{phase - 1}1.7.0", f"1-0:{phase - 1}2.7.0")
        }
    )
    assert seen(one_phase).phases == (Phase(4.0, 1000.0, 0.0, 230.1), None, None)


def test_a_phase_with_its_current_alone() -> None:
    currents = {"1-0:21.7.0": None, "1-0:22.7.0": None, "1-0:32.7.0": None, "1-0:31.7.0": "(004.25*A)"}
    assert seen(nl5(currents)).phases[0] == Phase(4.25, None, None, None)


def clock(*heard: tuple[float, datetime | None]) -> list[datetime]:
    """What the law goes by, of telegrams at these seconds with these times."""
    meter = MeterClock()
    return [meter.read(sent, now, RECEIVED + timedelta(seconds=now)) for now, sent in heard]


def at(minute: int, second: float = 0.0) -> datetime:
    return datetime(2026, 11, 21, 12, tzinfo=BRUSSELS) + timedelta(minutes=minute, seconds=second)


def test_the_time_is_the_meters_in_the_zone_of_the_home() -> None:
    """A meter that is two minutes slow has its own quarters of an hour."""
    (wall,) = clock((0.0, telegram(nl5({"0-0:1.0.0": "(261121125700W)"})).time))
    assert wall == at(57)
    assert wall.tzinfo is BRUSSELS
    # In summer time, stamps with S.
    (summer,) = clock((0.0, telegram(nl5({"0-0:1.0.0": "(260621125700S)"})).time))
    assert summer.utcoffset() == timedelta(hours=2)
    assert summer.hour == 12


def test_any_zone() -> None:
    abroad = timezone(timedelta(hours=5))
    wall = MeterClock().read(telegram(nl5()).time, 0.0, RECEIVED.astimezone(abroad))
    # 12:59 in winter is 11:59 UTC.
    assert (wall.hour, wall.minute, wall.tzinfo) == (16, 59, abroad)


def test_without_the_meters_time_that_of_its_reception() -> None:
    assert clock((0.0, None), (10.0, None)) == [RECEIVED, RECEIVED + timedelta(seconds=10)]


def test_a_clock_that_was_never_set_counts_for_nothing() -> None:
    """Some meters say 2000-01-01 01:00:00 for years: that is no telegram that is frozen."""
    unset = telegram(nl5({"0-0:1.0.0": "(000101010000W)"})).time
    assert unset is not None
    assert clock((0.0, unset), (300.0, unset)) == [RECEIVED, RECEIVED + timedelta(seconds=300)]


def test_a_clock_without_seconds_goes_on_between_its_minutes() -> None:
    heard = clock((100, at(57)), (110, at(57)), (120, at(57)), (130, at(58)), (185, at(58)), (190, at(59)))
    # It was heard in the middle of a minute first: that is not known, and no matter.
    assert heard == [at(57), at(57, 10), at(57, 20), at(58), at(58, 55), at(59)]
    assert all(wall.tzinfo is BRUSSELS for wall in heard)


def test_a_clock_without_seconds_that_stands_still_is_seen_after_its_minute() -> None:
    assert clock((0, at(57)), (60, at(57)), (70, at(57)), (300, at(57))) == [at(57), at(58), at(58), at(58)]


def test_a_clock_with_seconds_that_stands_still_stands_still() -> None:
    assert clock((0, at(57, 50)), (10, at(57, 50)), (20, at(57, 50))) == [at(57, 50)] * 3
    # Also where it stops at a full minute.
    assert clock((0, at(57, 50)), (10, at(58)), (20, at(58)), (30, at(58))) == [at(57, 50), *[at(58)] * 3]


def test_a_clock_without_seconds_in_the_hour_that_comes_twice() -> None:
    # 02:59 in summer time is 00:59 UTC; ten seconds on it is still that, and not an hour later.
    night = datetime(2026, 10, 25, 2, 59, tzinfo=BRUSSELS)
    first, second = clock((0, night), (10, night))
    assert second.timestamp() - first.timestamp() == 10.0


def test_a_belgian_meter_tells_what_power_costs() -> None:
    belgian = {
        "0-0:96.1.4": "(50217)",
        "0-0:96.1.1": "(3153414733313030303030323331)",
        "0-0:1.0.0": "(261121125900W)",
        "1-0:1.8.1": "(000100.000*kWh)",
        "1-0:1.8.2": "(000050.500*kWh)",
        "0-0:96.14.0": "(0001)",
        "1-0:1.4.0": "(02.351*kW)",
        "1-0:1.6.0": "(261109134558W)(03.015*kW)",
        "1-0:1.7.0": "(00.400*kW)",
        "1-0:2.7.0": "(00.000*kW)",
        "1-0:31.4.0": "(025*A)",
    }
    taken = seen(compose(belgian, "FLU5\\253769484_A"), "BE")
    assert (taken.demand_w, taken.month_peak_w, taken.tariff, taken.import_wh) == (2351.0, 3015.0, 1, 150_500.0)
    assert fuse(telegram(compose(belgian, "FLU5\\253769484_A"), "BE")) == 25.0


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ({}, None),
        # All nines: it is not set.
        ({"1-0:31.4.0": "(999*A)"}, None),
        # Neither is 0: a phase that is not there.
        ({"1-0:31.4.0": "(000*A)"}, None),
        ({"1-0:31.4.0": "(025*A)", "1-0:51.4.0": "(000*A)", "1-0:71.4.0": "(000*A)"}, 25.0),
        # The lowest is what trips first.
        ({"1-0:31.4.0": "(025*A)", "1-0:51.4.0": "(020*A)", "1-0:71.4.0": "(025*A)"}, 20.0),
    ],
)
def test_the_fuse_that_the_meter_is_set_to(lines: dict[str, str], expected: float | None) -> None:
    assert fuse(telegram(nl5(lines))) == expected


@pytest.mark.parametrize(
    ("sent", "expected"), [("(0001)", 1), ("(0002)", 2), ("(0003)", 3), ("(0000)", None), ("()", None), (None, None)]
)
def test_the_tariff_is_the_number_that_was_sent(sent: str | None, expected: int | None) -> None:
    assert seen(nl5({"0-0:96.14.0": sent})).tariff == expected


@pytest.mark.parametrize(("sent", "expected"), [("(1.5*MWh)", 1_500_000.0), ("(3.6*MJ)", 1000.0), ("(12*Wh)", 12.0)])
def test_energy_has_its_unit(sent: str, expected: float) -> None:
    assert seen(nl5({"1-0:1.8.0": sent})).import_wh == pytest.approx(expected)


def test_a_register_without_a_valid_value_is_not_known() -> None:
    taken = seen(nl5({"1-0:31.7.0": "()", "1-0:1.8.1": "()", "1-0:1.8.2": "()"}))
    assert taken.import_wh is None
    assert taken.phases[0] == Phase(None, 1000.0, 0.0, 230.1)
