"""When is a reading worth a state? Few rows, and nothing that matters comes late."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

import pytest

from p1meter.meter import Reading
from p1meter.reporting import Policy, Reporter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from p1meter.meter.readings import Value

NOON = datetime(2026, 11, 21, 12, 0, 0, 400_000, UTC)
SECOND = timedelta(seconds=1)


def reading(key: str, value: Value, unit: str | None = None, channel: int | None = None) -> Reading:
    return Reading(key, Decimal(value) if isinstance(value, str) and unit else value, unit, None, None, channel)


def telegram(**values: tuple[str, str]) -> dict[str, Reading]:
    return {key: reading(key, *value) for key, value in values.items()}


def feed(reporter: Reporter, first: Mapping[str, Reading], then: Mapping[str, Reading]) -> set[str]:
    """Two telegrams, a second apart, far from a mark: what is due at the second."""
    reporter.due(first, NOON)
    return reporter.due(then, NOON + SECOND)


def test_everything_is_written_at_first() -> None:
    readings = {**telegram(power=("123", "W"), import_total=("1.000", "kWh")), "tariff": reading("tariff", "low")}
    assert Reporter().due(readings, NOON) == {"power", "import_total", "tariff"}


def test_what_did_not_change_is_not_written() -> None:
    readings = telegram(power=("123", "W"), import_total=("1.000", "kWh"))
    assert feed(Reporter(), readings, dict(readings)) == set()
    assert feed(Reporter(), readings, telegram(power=("123", "W"), import_total=("1.000", "kWh"))) == set()


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ("300", "800", True),  # the kettle
        ("300", "400", True),
        ("300", "399", False),
        ("400", "300", True),
        ("5000", "5499", False),  # less than 10 %
        ("5000", "5500", True),
        ("30", "-30", True),  # the sign changed, by 60 W
        ("-30", "30", True),
        ("20", "-20", False),
        ("-20", "60", True),
        ("20", "99", False),
    ],
)
def test_net_power_is_written_on_a_step(before: str, after: str, written: bool) -> None:  # noqa: FBT001 (a column)
    due = feed(Reporter(), telegram(power=(before, "W")), telegram(power=(after, "W")))
    assert due == ({"power"} if written else set())


def test_a_slow_change_is_measured_against_what_is_shown() -> None:
    reporter = Reporter()
    written = [
        watts
        for watts in range(300, 521, 20)
        if reporter.due(telegram(power=(str(watts), "W")), NOON + SECOND * (watts - 300) / 20)
    ]
    assert written == [300, 400, 500]


def test_import_and_export_are_written_with_the_net_power() -> None:
    before = telegram(power=("40", "W"), power_import=("0.040", "kW"), power_export=("0.000", "kW"))
    after = telegram(power=("-40", "W"), power_import=("0.000", "kW"), power_export=("0.040", "kW"))
    assert feed(Reporter(), before, after) == {"power", "power_import", "power_export"}
    more = telegram(power=("640", "W"), power_import=("0.640", "kW"), power_export=("0.000", "kW"))
    assert feed(Reporter(), before, more) == {"power", "power_import"}
    # A step of the import alone, hidden in the net by as much export: the net is written with it.
    both = telegram(power=("45", "W"), power_import=("0.545", "kW"), power_export=("0.500", "kW"))
    assert feed(Reporter(), before, both) == {"power", "power_import", "power_export"}


def test_a_total_is_written_on_a_tenth_of_a_kilowatt_hour() -> None:
    first = telegram(import_tariff_1=("100.000", "kWh"), export_total=("100000", "Wh"), reactive_q1=("5.000", "kvarh"))
    short = telegram(import_tariff_1=("100.099", "kWh"), export_total=("100099", "Wh"), reactive_q1=("5.099", "kvarh"))
    enough = telegram(import_tariff_1=("100.100", "kWh"), export_total=("100100", "Wh"), reactive_q1=("5.100", "kvarh"))
    assert feed(Reporter(), first, short) == set()
    assert feed(Reporter(), first, enough) == {"import_tariff_1", "export_total", "reactive_q1"}


@pytest.mark.parametrize(
    ("key", "unit", "before", "quiet", "step"),
    [
        ("power_l1", "W", "1000", "1199", "1200"),
        ("power_import_l2", "kW", "0.100", "0.199", "0.200"),
        ("current_l3", "A", "1", "2", "3"),  # whole amperes flicker
        ("current_l1", "A", "10.00", "11.99", "12.00"),
        ("current_neutral", "mA", "1000", "2499", "2500"),
        ("voltage_l1", "V", "230.0", "234.5", "234.6"),
        ("frequency", "Hz", "50.00", "50.09", "50.10"),
        ("power_factor", None, "0.90", "0.80", "0.70"),
        ("reactive_power_import", "kvar", "0.050", "0.149", "0.150"),
        ("apparent_power_import", "VA", "50", "149", "150"),
        ("demand_current", "kW", "1.000", "1.099", "1.100"),
    ],
)
def test_what_wavers_is_written_on_a_step(key: str, unit: str | None, before: str, quiet: str, step: str) -> None:
    first = {key: reading(key, Decimal(before), unit)}
    assert feed(Reporter(), first, {key: reading(key, Decimal(quiet), unit)}) == set()
    assert feed(Reporter(), first, {key: reading(key, Decimal(step), unit)}) == {key}


def test_everything_else_is_written_when_it_changes() -> None:
    first = {
        "tariff": reading("tariff", "low"),
        "power_failures": reading("power_failures", 4),
        "gas_gas": reading("gas", "100.000", "m3", channel=1),
        "submeter_submeter": reading("submeter", "7.000", "kWh", channel=2),
        "demand_month_peak": reading("demand_month_peak", "3.000", "kW"),
    }
    then = {
        "tariff": reading("tariff", "normal"),
        "power_failures": reading("power_failures", 5),
        "gas_gas": reading("gas", "100.001", "m3", channel=1),
        "submeter_submeter": reading("submeter", "7.001", "kWh", channel=2),
        "demand_month_peak": reading("demand_month_peak", "3.001", "kW"),
    }
    assert feed(Reporter(), first, then) == set(then)


def test_the_meters_clock_and_codes_nobody_knows_wait_for_the_mark() -> None:
    first = {
        "telegram_time": reading("telegram_time", NOON),
        "1-0:99.1.0": reading("1-0:99.1.0", "5.000", "kW"),
        "1-0:99.2.0": reading("1-0:99.2.0", "AA"),
    }
    then = {
        "telegram_time": reading("telegram_time", NOON + SECOND),
        "1-0:99.1.0": reading("1-0:99.1.0", "9.000", "kW"),
        "1-0:99.2.0": reading("1-0:99.2.0", "BB"),
    }
    reporter = Reporter()
    assert feed(reporter, first, then) == set()
    assert reporter.due(then, NOON + timedelta(minutes=4, seconds=59.4)) == set(then)


def test_what_is_not_valid_any_more_is_written_at_once() -> None:
    first = telegram(voltage_l1=("230.0", "V"), heat=("1.000", "GJ"))
    then = {"voltage_l1": reading("voltage_l1", None, "V"), "heat": reading("heat", "1.000", "MWh")}
    assert feed(Reporter(), first, then) == {"voltage_l1", "heat"}


def test_what_is_not_sent_any_more_is_written_once() -> None:
    reporter = Reporter()
    both = telegram(voltage_l1=("230.0", "V"), voltage_l2=("231.0", "V"))
    one = telegram(voltage_l1=("230.0", "V"))
    assert feed(reporter, both, one) == {"voltage_l2"}
    assert reporter.due(dict(one), NOON + 2 * SECOND) == set()
    assert reporter.due(both, NOON + 3 * SECOND) == {"voltage_l2"}


def test_the_last_telegram_before_a_mark_writes_what_changed() -> None:
    reporter = Reporter()
    written = []
    for second in range(285, 306):
        at = NOON + second * SECOND
        if reporter.due(telegram(import_total=(f"1.{second:03d}", "kWh"), voltage_l1=("230.0", "V")), at):
            written.append(at.time().isoformat("milliseconds"))
    # The first, and the last one of the five minutes: 12:05:00.400 would be booked in the next.
    assert written == ["12:04:45.400", "12:04:59.400"]


def test_a_meter_that_talks_every_ten_seconds_is_written_before_the_mark_too() -> None:
    reporter = Reporter()
    start = NOON + timedelta(minutes=4, seconds=1.6)
    written = []
    for number in range(7):
        at = start + 10 * number * SECOND
        if reporter.due(telegram(import_total=(f"1.{number:03d}", "kWh")), at):
            written.append(at.time().isoformat())
    assert written == ["12:04:02", "12:04:52"]


def test_a_telegram_that_does_not_come_in_time_is_not_waited_for() -> None:
    reporter = Reporter()
    assert reporter.next_due() is None
    latest: dict[str, Reading] = {}
    for second in range(290, 299):
        latest = telegram(import_total=(f"1.{second:03d}", "kWh"))
        reporter.due(latest, NOON + second * SECOND)
    due_at = reporter.next_due()
    # The one of 12:04:59.4 does not come.
    assert due_at is not None
    assert timedelta(0) < datetime(2026, 11, 21, 12, 5, tzinfo=UTC) - due_at <= timedelta(seconds=0.5)
    assert reporter.due(latest, due_at) == {"import_total"}
    following = reporter.next_due()
    assert following is not None
    assert following - due_at == timedelta(minutes=5)
    # And when it comes after all, it does not write again.
    assert reporter.due(telegram(import_total=("1.300", "kWh")), NOON + 300 * SECOND) == set()


def test_a_mark_that_was_slept_through_is_made_up_for() -> None:
    reporter = Reporter()
    feed(reporter, telegram(import_total=("1.000", "kWh")), telegram(import_total=("1.001", "kWh")))
    late = NOON + timedelta(minutes=17)
    assert reporter.due(telegram(import_total=("1.002", "kWh")), late) == {"import_total"}
    due_at = reporter.next_due()
    assert due_at is not None
    assert timedelta(0) < due_at - late <= timedelta(minutes=5)


def test_a_clock_that_is_put_back_does_not_stop_the_writing() -> None:
    reporter = Reporter()
    feed(reporter, telegram(import_total=("1.000", "kWh")), telegram(import_total=("1.001", "kWh")))
    earlier = NOON - timedelta(hours=1)
    reporter.due(telegram(import_total=("1.002", "kWh")), earlier)
    due_at = reporter.next_due()
    assert due_at is not None
    assert timedelta(0) < due_at - earlier <= timedelta(minutes=5)


def test_after_a_silence_everything_is_written() -> None:
    reporter = Reporter()
    readings = telegram(power=("123", "W"), import_total=("1.000", "kWh"))
    reporter.due(readings, NOON)
    reporter.forget()
    assert reporter.due(dict(readings), NOON + SECOND) == set(readings)


def test_live_writes_every_change() -> None:
    reporter = Reporter(Policy.LIVE)
    first = telegram(power=("300", "W"), import_total=("1.000", "kWh"), voltage_l1=("230.0", "V"))
    then = telegram(power=("301", "W"), import_total=("1.001", "kWh"), voltage_l1=("230.0", "V"))
    assert feed(reporter, first, then) == {"power", "import_total"}


def test_a_policy_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="thrifty"):
        Reporter("thrifty")


def test_a_steady_house_costs_next_to_nothing() -> None:
    """An hour of telegrams every second, with 10 W of noise: what is written is what the marks write."""
    reporter = Reporter()
    noise = Random(1)
    rows = 0
    for second in range(3600):
        watts = 400 + round(noise.gauss(0, 10))
        due = reporter.due(
            telegram(power=(str(watts), "W"), power_import=(f"{watts / 1000:.3f}", "kW")), NOON + second * SECOND
        )
        rows += "power" in due
    assert rows <= 13


@pytest.mark.parametrize(
    ("before", "after", "unit", "written"),
    [
        ("0.300", "0.350", "kW", False),  # 50 W
        ("0.300", "0.400", "kW", True),
        ("10.000", "10.099", "kWh", False),
        ("10.000", "10.100", "kWh", True),
        ("230.0", "234.0", "V", False),
        ("20.1", "20.2", "°C", True),  # no quantity that flickers
    ],
)
def test_what_a_person_has_picked_is_written_by_its_unit(
    before: str,
    after: str,
    unit: str,
    written: bool,  # noqa: FBT001 (a column)
) -> None:
    due = feed(Reporter(), telegram(own_pump=(before, unit)), telegram(own_pump=(after, unit)))
    assert due == ({"own_pump"} if written else set())


def test_a_text_that_a_person_has_picked_is_written_as_it_changes() -> None:
    assert feed(Reporter(), {"own_note": reading("own_note", "a")}, {"own_note": reading("own_note", "b")})
