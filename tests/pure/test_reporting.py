"""When is a reading worth a state? Few rows, and nothing that matters comes late."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest

from p1meter.meter import Reading
from p1meter.meter.readings import Step
from p1meter.reporting import BALANCED, ECONOMY, Numbers, Policy, Reporter, numbers_of

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


def test_what_moved_since_the_telegram_before_is_all_that_is_looked_at() -> None:
    first = {**telegram(power=("300", "W"), voltage_l1=("230.0", "V")), "tariff": reading("tariff", "low")}
    then = {**first, **telegram(power=("800", "W")), "tariff": reading("tariff", "normal")}
    reporter = Reporter()
    reporter.due(first, NOON)
    assert reporter.due(then, NOON + SECOND, Step(first, ["tariff"])) == {"tariff"}


def test_what_moved_since_another_telegram_than_the_one_before_does_not_count() -> None:
    first, missed = telegram(power=("300", "W")), telegram(power=("800", "W"))
    reporter = Reporter()
    reporter.due(first, NOON)
    # The one in between was not looked at; the newest is as it was.
    assert reporter.due(dict(missed), NOON + 2 * SECOND, Step(missed, [])) == {"power"}


@pytest.mark.parametrize(
    ("before", "after", "written"),
    [
        ("300", "800", True),  # the kettle
        ("300", "400", True),
        ("300", "398", False),
        ("400", "300", True),
        ("5000", "5500", True),
        ("5000", "5100", True),  # less than 10 %, but for a second that is enough
        ("5000", "5090", False),
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
    # (d - 7) adds up to 92.4 W·s at the third; twice that would be passed before the fifth.
    assert written == [300, 380, 460]


def test_import_and_export_are_written_with_the_net_power() -> None:
    before = telegram(power=("40", "W"), power_import=("0.040", "kW"), power_export=("0.000", "kW"))
    after = telegram(power=("-40", "W"), power_import=("0.000", "kW"), power_export=("0.040", "kW"))
    assert feed(Reporter(), before, after) == {"power", "power_import", "power_export"}
    more = telegram(power=("640", "W"), power_import=("0.640", "kW"), power_export=("0.000", "kW"))
    assert feed(Reporter(), before, more) == {"power", "power_import"}
    # A step of the import alone, hidden in the net by as much export: the net is written with it.
    both = telegram(power=("45", "W"), power_import=("0.545", "kW"), power_export=("0.500", "kW"))
    assert feed(Reporter(), before, both) == {"power", "power_import", "power_export"}


def test_a_total_is_written_on_half_a_kilowatt_hour() -> None:
    first = telegram(import_tariff_1=("100.000", "kWh"), export_total=("100000", "Wh"), reactive_q1=("5.000", "kvarh"))
    short = telegram(import_tariff_1=("100.499", "kWh"), export_total=("100499", "Wh"), reactive_q1=("5.499", "kvarh"))
    enough = telegram(import_tariff_1=("100.500", "kWh"), export_total=("100500", "Wh"), reactive_q1=("5.500", "kvarh"))
    assert feed(Reporter(), first, short) == set()
    assert feed(Reporter(), first, enough) == {"import_tariff_1", "export_total", "reactive_q1"}


@pytest.mark.parametrize(
    ("key", "unit", "before", "quiet", "step"),
    [
        ("voltage_l1", "V", "230.0", "234.5", "234.6"),
        ("voltage_l1", "mV", "230000", "234500", "234600"),
        ("frequency", "Hz", "50.00", "50.09", "50.10"),
        ("power_factor", None, "0.90", "0.80", "0.70"),
        ("demand_current", "kW", "1.000", "1.099", "1.100"),
        ("demand_current", None, "1.000", "1.099", "1.100"),  # kW, as the table says
    ],
)
def test_what_wavers_is_written_on_a_step(key: str, unit: str | None, before: str, quiet: str, step: str) -> None:
    first = {key: reading(key, Decimal(before), unit)}
    assert feed(Reporter(), first, {key: reading(key, Decimal(quiet), unit)}) == set()
    assert feed(Reporter(), first, {key: reading(key, Decimal(step), unit)}) == {key}


@pytest.mark.parametrize(
    ("key", "unit", "before", "after", "seconds"),
    [
        # A difference of 500 W is noise; twice that adds up to a row in 120 s: four times 500 W beyond it in 30 s.
        ("power_l1", "W", "1000", "3500", 30),
        ("power_import_l2", "kW", "0.100", "2.600", 30),
        ("reactive_power_import", "kvar", "0.050", "2.550", 30),
        ("apparent_power_import", "VA", "50", "2550", 30),
        # 500 W are 2.174 A: twice that is once beyond it, in 120 s; 5 A are written at once: a phase may be overloaded.
        ("current_l3", "A", "1", "5.348", 120),
        ("current_neutral", "mA", "1000", "5348", 120),
        ("current_l3", "A", "20", "25", 1),
        # 1.5 V is noise, 4.5 V less than 2 %: twice 1.5 V beyond it, in 60 s.
        ("voltage_l1", "V", "230.0", "234.5", 60),
    ],
)
def test_what_differs_for_long_is_written_the_sooner_the_more_it_does(
    key: str, unit: str, before: str, after: str, seconds: int
) -> None:
    reporter = Reporter()
    reporter.due({key: reading(key, Decimal(before), unit)}, NOON)
    # The same object all the time, as it comes from a line that did not change.
    new = {key: reading(key, Decimal(after), unit)}
    written = [second for second in range(1, 151) if reporter.due(dict(new), NOON + second * SECOND)]
    assert len(written) == 1
    assert abs(written[0] - seconds) <= 1


def test_a_flicker_of_a_whole_ampere_is_nothing() -> None:
    reporter = Reporter()
    rows = [
        second
        for second in range(120)
        if reporter.due({"current_l1": reading("current_l1", Decimal(3 + second % 2), "A")}, NOON + second * SECOND)
    ]
    assert rows == [0]


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


@pytest.mark.parametrize("seconds", [5, 60, 3600], ids=["seconds", "a minute", "an hour"])
def test_after_a_clock_was_put_back_what_lasts_is_written_as_soon_as_ever(seconds: int) -> None:
    reporter = Reporter()
    feed(reporter, telegram(power=("1000", "W")), telegram(power=("1004", "W")))
    back = NOON - seconds * SECOND
    # 76 W more than what is shown are less than a step. The first telegram by the new clock writes all there is.
    rows = [
        (second, row)
        for second in range(2, 40)
        if (row := reporter.due(telegram(power=("1076", "W")), back + second * SECOND))
    ]
    assert rows[0] == (2, {"power"})
    assert len(rows) == 1


def test_after_a_clock_was_put_back_everything_is_written() -> None:
    for numbers in (BALANCED, None):
        reporter = Reporter(numbers)
        readings = telegram(power=("1000", "W"), import_total=("1.000", "kWh"))
        reporter.due(readings, NOON)
        assert reporter.due(dict(readings), NOON - 3600 * SECOND) == set(readings)
        # By the clock of now nothing lasts.
        assert reporter.due(dict(readings), NOON - 3599 * SECOND) == set()


def test_a_clock_that_is_slewed_writes_nothing() -> None:
    reporter = Reporter()
    readings = telegram(power=("1000", "W"), import_total=("1.000", "kWh"))
    reporter.due(readings, NOON)
    assert reporter.due(dict(readings), NOON - SECOND * 0.9) == set()


def test_after_a_silence_everything_is_written() -> None:
    reporter = Reporter()
    readings = telegram(power=("123", "W"), import_total=("1.000", "kWh"))
    reporter.due(readings, NOON)
    reporter.forget()
    assert reporter.due(dict(readings), NOON + SECOND) == set(readings)


def test_live_writes_every_change() -> None:
    reporter = Reporter(None)
    first = telegram(power=("300", "W"), import_total=("1.000", "kWh"), voltage_l1=("230.0", "V"))
    then = telegram(power=("301", "W"), import_total=("1.001", "kWh"), voltage_l1=("230.0", "V"))
    assert feed(reporter, first, then) == {"power", "import_total"}
    assert reporter.next_due() == datetime(2026, 11, 21, 12, 4, 59, 800_000, UTC)
    assert reporter.due(telegram(power=("301", "W"), tariff=("1", "")), NOON + 2 * SECOND) == {
        "import_total",
        "voltage_l1",
        "tariff",
    }
    reporter.forget()
    assert reporter.due(telegram(power=("301", "W")), NOON + 3 * SECOND) == {"power"}


def walk(seed: int, seconds: int, every: int = 1) -> list[tuple[datetime, int]]:
    """A net power that drifts, jumps, turns its sign and stands still for a while, with some noise."""
    rng = Random(seed)
    watts, drift, noise, telegrams = rng.uniform(-2000, 2000), 0.0, 0.0, []
    for second in range(0, seconds, every):
        if rng.random() < every / 120:
            watts, drift, noise = rng.choice([watts, rng.uniform(-3000, 3000)]), rng.gauss(0, 2), rng.choice([0, 3, 15])
        watts += drift * every
        telegrams.append((NOON + second * SECOND, round(watts + rng.gauss(0, noise))))
    return telegrams


def shown(numbers: Numbers | None, telegrams: list[tuple[datetime, int]]) -> list[int]:
    """What is shown from each telegram on until the next."""
    reporter, states, last = Reporter(numbers), [0], reading("power", "0", "W")
    for at, watts in telegrams:
        if last.value != watts:  # a line that did not change is not decoded again
            last = reading("power", str(watts), "W")
        states.append(watts if reporter.due({"power": last}, at) else states[-1])
    return states[1:]


@pytest.mark.parametrize("numbers", [BALANCED, ECONOMY, Numbers(power_noise=200, power_step=5000)])
@pytest.mark.parametrize("every", [1, 10, 60])
@pytest.mark.parametrize("seed", range(5))
def test_whatever_threshold_is_crossed_for_good_is_crossed_in_the_states_within_30_s(
    seed: int, every: int, numbers: Numbers
) -> None:
    """If each telegram of the last 30 s is above what is shown (or each is below), that should have been written."""
    telegrams = walk(seed, 7200 if every == 1 else 86_400, every)
    states = shown(numbers, telegrams)
    over = under = 0
    for (_, watts), state in zip(telegrams, states, strict=True):
        over = over + every if watts > state else 0
        under = under + every if watts < state else 0
        assert max(over, under) <= 30


@pytest.mark.parametrize("seed", range(5))
def test_the_energy_that_is_shown_is_that_of_the_meter(seed: int) -> None:
    """Over any time a difference of 7 W may stand; what adds up besides it is twice 92.4 W·s and a step of a tenth."""
    telegrams = walk(seed, 7200)
    states = shown(BALANCED, telegrams)
    owed, since, most = 0.0, 0, 3000
    for second, ((_, watts), state, before) in enumerate(zip(telegrams, states, [0, *states], strict=False)):
        if state != before:
            owed, since = 0.0, second
        owed += watts - state
        # A busy minute asks for more: a fifth for each row in it, of which there are 60 at most.
        assert abs(owed) <= 7 * (second - since) + 2 * 92.4 * (1 + 60 * 0.2) + most / 10


def test_the_last_value_is_written_in_the_end() -> None:
    reporter = Reporter()
    before = telegram(power=("300", "W"), voltage_l1=("230.0", "V"), power_l1=("100", "W"), import_total=("1.0", "kWh"))
    after = telegram(power=("301", "W"), voltage_l1=("230.1", "V"), power_l1=("101", "W"), import_total=("1.1", "kWh"))
    reporter.due(before, NOON)
    written = {}
    for second in range(1, 7200):
        for key in reporter.due(dict(after), NOON + second * SECOND):
            assert key not in written
            written[key] = second
    # One watt since 12:00:01, after 30 s. Totals: the last telegram of five minutes; what wavers: that of two hours.
    assert written == {"power": 31, "import_total": 299, "voltage_l1": 7199, "power_l1": 7199}


def test_two_hours_that_were_slept_through_are_made_up_for() -> None:
    reporter = Reporter()
    reporter.due(telegram(voltage_l1=("230.0", "V")), NOON)
    assert reporter.due(telegram(voltage_l1=("230.1", "V")), NOON + timedelta(minutes=118)) == set()
    assert reporter.due(telegram(voltage_l1=("230.2", "V")), NOON + timedelta(minutes=127)) == {"voltage_l1"}


def test_a_net_power_is_not_shown_with_the_noise_of_one_telegram() -> None:
    """What is off by 30 W is corrected; not with the first telegram, which happens to be 25 W too high."""
    reporter = Reporter()
    written = []
    # (d - 7) adds up to 92.4 W·s: 23, 46, 69, 117, 145. Typical are 7 + 117 / 4, 7 + 145 / 5 beyond what is shown.
    for second, watts in enumerate([300, 330, 330, 330, 355, 335]):
        if reporter.due(telegram(power=(str(watts), "W")), NOON + second * SECOND):
            written.append(watts)
    assert written == [300, 335]


def test_it_does_not_wait_for_a_quiet_telegram_for_long() -> None:
    reporter = Reporter()
    written = []
    # 23, 46, 69, 117, 115, 164: with the next one it would be twice as much as is enough.
    for second, watts in enumerate([300, 330, 330, 330, 355, 305, 356]):
        if reporter.due(telegram(power=(str(watts), "W")), NOON + second * SECOND):
            written.append(second)
    assert written == [0, 6]


def test_power_alone_without_a_net_power_is_written_as_it_is() -> None:
    reporter = Reporter()
    first = telegram(power_import=("0.300", "kW"))
    assert feed(reporter, first, telegram(power_import=("0.350", "kW"))) == set()
    # 43 W beyond the noise, and 44 for two more seconds.
    assert reporter.due(telegram(power_import=("0.351", "kW")), NOON + 3 * SECOND) == {"power_import"}


def test_power_that_flows_both_ways_is_the_business_of_the_net() -> None:
    before = telegram(power=("40", "W"), power_import=("0.340", "kW"), power_export=("0.300", "kW"))
    after = telegram(power=("40", "W"), power_import=("0.390", "kW"), power_export=("0.350", "kW"))
    reporter = Reporter()
    reporter.due(before, NOON)
    rows = [reporter.due(dict(after), NOON + second * SECOND) for second in range(1, 60)]
    assert set().union(*rows) == set()


def test_a_clock_that_is_put_back_adds_nothing_up() -> None:
    reporter = Reporter()
    feed(reporter, telegram(power=("300", "W")), telegram(power=("330", "W")))
    for second in range(3600, 3500, -1):
        assert reporter.due(telegram(power=("330", "W")), NOON - second * SECOND) in (set(), {"power"})


def test_economy_and_own_numbers_cost_less_or_more() -> None:
    telegrams = walk(7, 7200)

    def rows(numbers: Numbers | None) -> int:
        states = shown(numbers, telegrams)
        return sum(one != other for one, other in pairwise(states))

    assert rows(ECONOMY) < rows(BALANCED) < rows(replace(BALANCED, power_noise=1.0, power_step=10.0)) < rows(None)


def test_own_numbers_of_totals_phases_and_voltages() -> None:
    numbers = Numbers(energy_step=0.01, energy_minutes=10, other_minutes=10, phase_noise=10, voltage_noise=0.1)
    first = telegram(import_total=("1.000", "kWh"), power_l1=("100", "W"), voltage_l1=("230.0", "V"))
    reporter = Reporter(numbers)
    reporter.due(first, NOON)
    assert reporter.due(
        telegram(**{**{k: (str(v.value), v.unit or "") for k, v in first.items()}, "import_total": ("1.010", "kWh")}),
        NOON + SECOND,
    ) == {"import_total"}
    small = telegram(import_total=("1.011", "kWh"), power_l1=("101", "W"), voltage_l1=("230.1", "V"))
    written = {}
    for second in range(2, 600):
        for key in reporter.due(dict(small), NOON + second * SECOND):
            written[key] = second
    assert written == {"import_total": 599, "power_l1": 599, "voltage_l1": 599}


def test_policies() -> None:
    own = Numbers(power_noise=50)
    assert [numbers_of(policy, own) for policy in Policy] == [None, BALANCED, ECONOMY, own]


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
    # A value that is off by as much as the noise is wide is corrected; there is a reading near the middle soon.
    assert rows <= 30


@pytest.mark.parametrize(
    ("before", "after", "unit", "written"),
    [
        ("0.300", "0.350", "kW", False),  # 50 W
        ("0.300", "0.400", "kW", True),
        ("10.000", "10.499", "kWh", False),
        ("10.000", "10.500", "kWh", True),
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
