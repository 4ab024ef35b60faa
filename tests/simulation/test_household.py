"""The household behaves like one, and its registers tell the truth about it."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.simulation.day import WEATHERS, day
from tests.simulation.household import EPOCH, ZONE, Household

NOON = datetime(2026, 11, 24, 12, 7, 33, tzinfo=ZONE)  # a Tuesday


def test_a_seed_is_a_household() -> None:
    one, same, other = (Household(seed=seed, start=NOON) for seed in (1, 1, 2))
    for household in (one, same, other):
        household.step(600)
    assert (one.registers, one.phases) == (same.registers, same.phases)
    assert one.registers != other.registers


@pytest.mark.parametrize("hour", [3, 7, 18])
def test_the_registers_add_up_the_power(hour: int) -> None:
    household = Household(start=datetime(2026, 11, 23, hour, 50, tzinfo=ZONE))
    before = household.registers
    imported = exported = 0
    for _ in range(1_800):
        household.step()
        imported += max(household.power, 0)
        exported += max(-household.power, 0)
    after = household.registers
    assert after.import_1 + after.import_2 - before.import_1 - before.import_2 == imported
    assert after.export_1 + after.export_2 - before.export_1 - before.export_2 == exported


def test_it_imports_and_exports_and_burns_and_runs_water_within_a_day() -> None:
    household = Household(start=NOON)
    before = household.registers.readings()
    household.step(86_400)
    used = {name: value - before[name] for name, value in household.registers.readings().items()}
    assert 3 < used["import_tariff_1"] + used["import_tariff_2"] < 20
    assert 2 < used["export_tariff_1"] + used["export_tariff_2"] < 40
    assert 1 < used["gas"] < 12
    assert 0.05 < used["water"] < 0.6


def test_one_long_step_is_many_short_ones() -> None:
    long, short = Household(start=NOON), Household(start=NOON)
    long.step(5_000)
    for _ in range(5_000):
        short.step()
    assert (long.now, long.registers, long.phases) == (short.now, short.registers, short.phases)
    assert long.now == NOON + timedelta(seconds=5_000)


@pytest.mark.parametrize("system", ["nl5", "be"])
@pytest.mark.parametrize(
    "start",
    [
        NOON,
        datetime(2026, 12, 31, 22, 59, 1, tzinfo=ZONE),
        datetime(2026, 3, 28, 23, 10, 5, tzinfo=ZONE),  # the night in which an hour is skipped
        datetime(2026, 10, 24, 23, 10, 5, tzinfo=ZONE),  # the night in which an hour comes twice
    ],
)
def test_a_household_that_is_started_later_is_where_one_that_lived_on_would_be(start: datetime, system: str) -> None:
    lived = Household(start=start, system=system)
    lived.step(9 * 3_600 + 17)
    fresh = Household(start=lived.now, system=system)
    assert fresh.registers == lived.registers
    assert (fresh.phases, fresh.tariff, fresh.demand) == (lived.phases, lived.tariff, lived.demand)


def test_history_joins_the_present() -> None:
    lived = Household(start=NOON - timedelta(days=2))
    now = Household(start=NOON)
    history = list(now.history(2))
    hours = [hour for hour, _ in history]
    assert hours[0] == datetime(2026, 11, 22, 12, tzinfo=ZONE)
    assert hours[-1] == datetime(2026, 11, 24, 12, tzinfo=ZONE)
    assert all(after - before == timedelta(hours=1) for before, after in pairwise(hours))
    for (_, before), (_, after) in pairwise(history):
        assert all(after[name] >= before[name] for name in before)
    shown = now.registers.readings()
    assert all(shown[name] >= value for name, value in history[-1][1].items())
    assert sum(shown.values()) - sum(history[-1][1].values()) < 1  # of seven minutes
    for hour, readings in history[1:]:
        lived.step(round((hour - lived.now).total_seconds()))
        assert lived.registers.readings() == readings


def test_history_ends_at_this_hour_when_it_is_full() -> None:
    household = Household(start=NOON.replace(minute=0, second=0))
    hour, readings = list(household.history(1))[-1]
    assert hour == household.now
    assert readings == household.registers.readings()


def test_the_meter_knows_nothing_from_before_it_was_mounted() -> None:
    with pytest.raises(ValueError, match="mounted"):
        Household(start=EPOCH - timedelta(seconds=1))
    with pytest.raises(ValueError, match="mounted"):
        next(Household(start=EPOCH + timedelta(days=1)).history(2))


@pytest.mark.parametrize(
    ("system", "local", "tariff"),
    [
        ("nl5", "2026-11-24 06:59:59", 1),  # low until seven
        ("nl5", "2026-11-24 07:00:00", 2),
        ("nl2", "2026-07-21 22:59:59", 2),
        ("nl4", "2026-07-21 23:00:00", 1),
        ("nl5", "2026-11-22 12:00:00", 1),  # a Sunday
        ("be", "2026-11-24 06:59:59", 2),  # night until seven
        ("be", "2026-11-24 07:00:00", 1),
        ("be", "2026-11-24 22:00:00", 2),
        ("be", "2026-11-22 12:00:00", 2),
    ],
)
def test_tariffs(system: str, local: str, tariff: int) -> None:
    start = datetime.fromisoformat(local).replace(tzinfo=ZONE)
    assert Household(start=start, system=system).tariff == tariff


def test_the_tariff_changes_while_it_lives() -> None:
    household = Household(start=datetime(2026, 11, 24, 6, 59, 50, tzinfo=ZONE))
    before = household.registers
    household.step(10)
    assert household.tariff == 2
    between = household.registers
    household.step(10)
    after = household.registers
    assert before.import_1 < between.import_1 == after.import_1
    assert before.import_2 == between.import_2 < after.import_2


def test_demand_rises_within_the_quarter_and_begins_again() -> None:
    household = Household(start=datetime(2026, 11, 24, 18, 0, 0, tzinfo=ZONE), system="be")
    assert household.demand == 0
    imported, demands = 0, []
    for _ in range(899):
        household.step()
        imported += max(household.power, 0)
        demands.append(household.demand)
    assert demands == sorted(demands)
    assert demands[-1] == imported // 900
    household.step()
    assert household.demand == 0


def test_the_peak_of_the_month_is_its_highest_quarter() -> None:
    household = Household(start=datetime(2026, 12, 1, tzinfo=ZONE), system="be")
    november = household.month_peaks[-1]
    assert (november.at.year, november.at.month) == (2026, 11)
    assert household.month_peak.watts == 0
    best, best_at = 0, household.now
    for _ in range(2 * 96):
        imported = 0
        for _ in range(900):
            household.step()
            imported += max(household.power, 0)
        if imported // 900 > best:
            best, best_at = imported // 900, household.now
    assert household.month_peak == (best_at, best)
    assert Household(start=household.now, system="be").month_peak == household.month_peak


def test_a_new_month_keeps_the_peak_of_the_old_one() -> None:
    household = Household(start=datetime(2026, 11, 30, 23, 50, tzinfo=ZONE), system="be")
    november, list_before = household.month_peak, household.month_peaks
    household.step(600)
    assert household.month_peaks == [*list_before[1:], november]
    assert household.month_peak == (datetime(2026, 12, 1, tzinfo=ZONE), 0)


def test_a_switched_load_is_drawn_from_the_next_second_on() -> None:
    plain, loaded = Household(start=NOON), Household(start=NOON)
    loaded.extra = 500
    for household in (plain, loaded):
        household.step()
    assert loaded.power - plain.power == 500
    assert loaded.phases[0] - plain.phases[0] == 500
    for household in (plain, loaded):
        household.step(3_599)
    net = [h.registers.import_2 - h.registers.export_2 for h in (plain, loaded)]
    assert net[1] - net[0] == 500 * 3_600  # half a kWh


def test_the_sun_shines_by_day_and_by_weather() -> None:
    energy = {name: sum(day(1, 0, name).sun) / 3_600_000 for name in WEATHERS}
    assert energy["clear"] > energy["broken"] > energy["overcast"] > energy["winter"] > 0
    sun = day(1, 0, "clear").sun
    assert not any(sun[: 5 * 3_600])
    assert not any(sun[22 * 3_600 :])
    assert max(sun) <= 5_000
