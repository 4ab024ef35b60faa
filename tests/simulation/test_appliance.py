"""What is switched from outside is seen by the meter, on its phase and in its time."""

from datetime import datetime

import pytest

from .appliance import Appliance
from .household import ZONE, Household

START = datetime(2026, 11, 18, 12, tzinfo=ZONE)


def test_a_plain_one_draws_from_the_first_second() -> None:
    boiler = Appliance(2_000)
    assert [boiler.step() for _ in range(2)] == [0, 0]
    boiler.switch(on=True)
    assert [boiler.step() for _ in range(3)] == [2_000, 2_000, 2_000]
    boiler.switch(on=False)
    assert boiler.step() == 0


def test_a_car_is_asked_first_and_then_turned_up() -> None:
    charger = Appliance(3_600, latency=3, ramp=2)
    charger.switch(on=True)
    # Three seconds nothing, two on the way (a third and two thirds of it), then all.
    assert [charger.step() for _ in range(7)] == [0, 0, 0, 1_200, 2_400, 3_600, 3_600]
    charger.switch(on=True)
    assert charger.step() == 3_600
    charger.switch(on=False)
    charger.switch(on=True)
    assert [charger.step() for _ in range(4)] == [0, 0, 0, 1_200]


@pytest.mark.parametrize("phase", [1, 2, 3])
def test_the_household_draws_it_on_its_phase(phase: int) -> None:
    plain, switched = (Household(start=START) for _ in range(2))
    switched.appliances["pump"] = Appliance(1_000, phase=phase)
    switched.appliances["pump"].switch(on=True)
    for house in (plain, switched):
        house.step(3_600)
    more = [with_pump - without for with_pump, without in zip(switched.phases, plain.phases, strict=True)]
    assert more == [1_000 if number == phase else 0 for number in (1, 2, 3)]
    # 1 kWh more came in, or less went out: in watt-seconds.
    before, after = plain.registers, switched.registers
    bought = after.import_1 + after.import_2 - before.import_1 - before.import_2
    sold = after.export_1 + after.export_2 - before.export_1 - before.export_2
    assert bought - sold == 3_600_000


def test_a_new_life_goes_on_with_what_was_moved() -> None:
    """A demonstration that is started again: its totals must not fall back to the plan."""
    first = Household(start=START)
    first.appliances["boiler"] = Appliance(2_000)
    first.appliances["boiler"].switch(on=True)
    first.step(1_800)
    second = Household(start=first.now, moved=first.moved)
    assert second.registers == first.registers
    assert second.moved == first.moved
    assert second.registers_at(second.now) == second.registers
