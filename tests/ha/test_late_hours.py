"""Gas, water and heat are booked in the hour in which they were used: with a real recorder, over a real cable.

Hours are told by their end, UTC.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
import logging
from typing import TYPE_CHECKING

from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.p1meter.memory import Joint, LateValue
from tests.compose import nl5

from .conftest import WallClock, get
from .houses import A_LITTLE_DOWN, COST, DOWN, FIVE_MINUTES, GAS, HOUR, NEW_GAS_ID, UP, House, pay, stamp

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from .conftest import Say, SetUp

WATER = "sensor.water_meter_water"
HEAT = "sensor.heat_meter_heat"


# --- Two days ---------------------------------------------------------------------------------------------------------


class Meters:
    """What three meters count from midnight on, and when they hand it over.

    Each five minutes of an hour use the same. In an hour that is, by turns, 0.12, 0.24 and 0.36 m³ of gas; 0.05, 0.10,
    0.15 and 0.20 m³ of water; 0.012, 0.024 and 0.036 GJ of heat.
    """

    GAS = (0.12, 0.24, 0.36)
    WATER = (0.05, 0.10, 0.15, 0.20)
    HEAT = (0.012, 0.024, 0.036)

    def __init__(self, begin: datetime) -> None:
        self.begin = begin

    def reading(self, by_turns: tuple[float, ...], captured: datetime) -> float:
        hours, seconds = divmod((captured - self.begin).total_seconds(), 3600)
        whole = sum(by_turns[hour % len(by_turns)] for hour in range(int(hours)))
        return 100 + whole + by_turns[int(hours) % len(by_turns)] * seconds / 3600

    def used(self, by_turns: tuple[float, ...], hours: int) -> dict[datetime, float]:
        """Return the truth: what was used in each hour but the first."""
        return {
            self.begin + (number + 1) * HOUR: round(by_turns[number % len(by_turns)], 6) for number in range(1, hours)
        }

    def lines(self, now: datetime) -> dict[str, str | None]:
        """Return what is sent at a moment.

        Gas is captured every five minutes and sent at once; water on the hour and sent 12 minutes later, heat on the
        hour and sent 75 minutes later.
        """
        gas = now.replace(minute=now.minute // 5 * 5, second=0)
        water = (now - timedelta(minutes=12)).replace(minute=0, second=0)
        heat = (now - timedelta(minutes=75)).replace(minute=0, second=0)
        return {
            "0-1:24.2.1": f"({stamp(gas)})({self.reading(self.GAS, gas):09.3f}*m3)",
            "0-2:24.1.0": "(007)",
            "0-2:96.1.0": f"({b'W0001'.hex()})",
            **self.water(water),
            "0-3:24.1.0": "(004)",
            "0-3:96.1.0": f"({b'H0001'.hex()})",
            "0-3:24.2.1": f"({stamp(heat)})({self.reading(self.HEAT, heat):09.3f}*GJ)",
        }

    def water(self, captured: datetime) -> dict[str, str | None]:
        return {"0-2:24.2.1": f"({stamp(captured)})({self.reading(self.WATER, captured):09.3f}*m3)"}


@pytest.mark.timeout(600)
@pytest.mark.recorder
@pytest.mark.parametrize(
    "begin",
    [datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 10, 24, tzinfo=UTC)],
    ids=["to summer time", "to winter time"],
)
async def test_two_days_and_the_night_the_clock_changes(hass: HomeAssistant, house: House, begin: datetime) -> None:
    await hass.config.async_set_time_zone("Europe/Amsterdam")
    meters = Meters(begin)
    house.clock.now = begin + timedelta(minutes=30)
    house._summed_up = house.clock.now
    await house.says(meters.lines(house.clock.now))
    restart, backlog = begin + 20 * HOUR, begin + 31 * HOUR
    for number in range(1, 51 * 12):
        mark = begin + timedelta(minutes=30) + number * FIVE_MINUTES
        if mark == restart:
            # From two minutes before the end of the hour to one minute after it.
            await house.until(mark - timedelta(minutes=2))
            await house.off()
            await house.until(mark + timedelta(minutes=1))
            await house.on()
        else:
            await house.until(mark + timedelta(seconds=5))
        lines = meters.lines(house.clock.now)
        if backlog - 3 * HOUR < mark < backlog:
            lines |= meters.water(backlog - 4 * HOUR)
        if mark == backlog:
            # The water meter was not reached for hours: what it captured comes one after the other.
            for hour in (3, 2, 1):
                await house.says(lines | meters.water(backlog - hour * HOUR))
                house.clock.tick(1)
            lines |= meters.water(backlog)
        # Nothing changes between two captures but the time.
        await house.says(lines)
    await house.until(house.clock.now + timedelta(minutes=10))
    assert house.late == []
    hours = 48
    for entity_id, by_turns in ((GAS, meters.GAS), (WATER, meters.WATER), (HEAT, meters.HEAT)):
        growth = await house.growth(entity_id)
        truth = meters.used(by_turns, hours)
        assert {end: growth[end] for end in truth} == truth, entity_id
        # The recorder's own sum goes on as if nothing had happened.
        first = meters.reading(by_turns, begin + timedelta(minutes=30 if entity_id == GAS else 0))
        assert (await house.sums(entity_id))[-1] == pytest.approx(float(get(hass, entity_id).state) - first, abs=0.001)


# --- One day ----------------------------------------------------------------------------------------------------------


async def use_gas(house: House) -> None:
    """Use 0.1 m³ before 13:00, 0.3 before 14:00 and 0.2 after it; what is captured on the hour comes after it."""
    await house.gas("12:30:05", "12:30:00", 50.9)
    await house.gas("13:00:05", "13:00:00", 51.0)
    await house.gas("13:55:05", "13:55:00", 51.2)
    await house.gas("14:00:05", "14:00:00", 51.3)
    await house.gas("15:00:05", "15:00:00", 51.5)


def ends(**growth: float) -> dict[datetime, float]:
    """Return the growth by the end of the hour: `at_14=0.3`."""
    return {House.at(f"{hour.removeprefix('at_')}:00"): used for hour, used in growth.items()}


@pytest.mark.recorder
async def test_gas_is_booked_when_it_was_used(house: House) -> None:
    await use_gas(house)
    await house.until(house.at("15:00:15"))
    # As far as the recorder is. What comes after the hour is seen when it has counted it.
    assert await house.growth(GAS) == ends(at_14=0.3, at_15=0.0)
    await house.until(house.at("15:05:15"))
    assert await house.growth(GAS) == ends(at_14=0.3, at_15=0.2)
    assert house.late == [house.at("15:00")]
    await house.until(house.at("15:10:15"))
    assert house.late == []
    # Five minutes each from 12:30 on: these stay as they came.
    assert await house.sums(GAS) == [0.0] * 6 + [0.1] * 11 + [0.3] + [0.4] * 12 + [0.6] * 2


@pytest.mark.recorder
async def test_a_total_that_is_not_believed_closes_no_hour(house: House) -> None:
    await house.gas("12:30:05", "12:30:00", 50.9)
    await house.gas("13:00:05", "13:00:00", 51.0)
    await house.gas("13:55:05", "13:55:00", 51.2)
    # Damaged on its way from the gas meter; the last good one is shown.
    await house.gas("14:00:05", "14:00:00", 0)
    assert get(house.hass, GAS).state == "51.200"
    await house.gas("14:05:05", "14:05:00", 51.4)
    await house.gas("15:00:05", "15:00:00", 51.5)
    await house.until(house.at("15:10:15"))
    assert await house.growth(GAS) == ends(at_14=0.2, at_15=0.3)
    assert house.late == []


@pytest.mark.recorder
async def test_hours_from_before_are_not_touched(house: House) -> None:
    """An earlier version did not look at captures."""
    await use_gas(house)
    await house.until(house.at("15:30"))
    before = await house.growth(GAS)
    house.entry.runtime_data.memory.captures.clear()
    await house.off()
    await house.on()
    await house.until(house.at("16:10"))
    # The first that is seen, although it was captured long ago; the recorder has booked 0.1 between.
    await house.gas("16:20:00", "15:00:00", 51.5)
    await house.gas("16:50:00", "16:00:00", 51.6)
    await house.gas("17:20:00", "17:00:00", 51.9)
    await house.until(house.at("18:10"))
    growth = await house.growth(GAS)
    assert {end: growth[end] for end in before} == before
    # What was captured at 16:00 came at 16:50, and stays there; what was captured at 17:00 is right.
    assert growth[house.at("17:00")] == 0.4


@pytest.mark.recorder
async def test_what_waits_outlives_a_restart(house: House) -> None:
    await use_gas(house)
    assert house.late == [house.at("15:00")]
    await house.off()
    await house.until(house.at("15:40"))
    # The recorder did its part meanwhile.
    assert await house.growth(GAS) == ends(at_14=0.3, at_15=0.0)
    await house.on()
    assert await house.growth(GAS) == ends(at_14=0.3, at_15=0.2)
    await house.gas("15:45:05", "15:45:00", 51.6)
    await house.until(house.at("15:50:15"))
    assert house.late == []
    await house.gas("16:00:05", "16:00:00", 51.7)
    await house.until(house.at("17:00:15"))
    assert await house.growth(GAS) == ends(at_14=0.3, at_15=0.2, at_16=0.2, at_17=0.0)


@pytest.mark.recorder
@pytest.mark.parametrize("new", [UP, DOWN, A_LITTLE_DOWN], ids=["up", "down", "a little down"])
async def test_a_gas_meter_that_is_replaced_in_between(house: House, new: float) -> None:
    await house.gas("12:30:05", "12:30:00", 50.9)
    await house.gas("13:00:05", "13:00:00", 51.0)
    await house.gas("13:55:05", "13:55:00", 51.2)
    await house.gas("14:00:05", "14:00:00", 51.3)
    for minute in ("05", "10", "15"):
        await house.gas(f"14:{minute}:05", f"14:{minute}:00", new, NEW_GAS_ID)
    await house.gas("14:55:05", "14:55:00", new + 0.3, NEW_GAS_ID)
    await house.gas("15:00:05", "15:00:00", new + 0.4, NEW_GAS_ID)
    await house.gas("16:00:05", "16:00:00", new + 0.5, NEW_GAS_ID)
    await house.until(house.at("16:10:15"))
    assert await house.growth(GAS) == ends(at_14=0.3, at_15=0.4, at_16=0.1)
    assert (await house.sums(GAS))[-1] == 0.9
    assert house.late == []
    assert house.pending == []


@pytest.mark.recorder
@pytest.mark.parametrize("new", [UP, DOWN, A_LITTLE_DOWN], ids=["up", "down", "a little down"])
async def test_a_new_gas_meter_that_is_believed_when_an_hour_begins(house: House, new: float) -> None:
    await house.gas("12:30:05", "12:30:00", 50.9)
    await house.gas("13:00:05", "13:00:00", 51.0)
    await house.gas("13:55:05", "13:55:00", 51.3)
    for arrives, captured in (("14:50:05", "14:50:00"), ("14:55:05", "14:55:00"), ("15:00:05", "15:00:00")):
        await house.gas(arrives, captured, new, NEW_GAS_ID)
    # It comes late: while the step is still in the sums.
    await house.gas("15:02:00", "15:01:00", new + 0.1, NEW_GAS_ID)
    await house.gas("16:00:05", "16:00:00", new + 0.5, NEW_GAS_ID)
    await house.until(house.at("16:10:15"))
    assert await house.growth(GAS) == ends(at_14=0.3, at_15=0.0, at_16=0.5)
    assert house.late == []
    assert house.pending == []


@pytest.mark.recorder
async def test_the_step_between_two_meters_is_taken_out_first(house: House) -> None:
    await use_gas(house)
    # A joint whose new meter shows nothing yet.
    house.pending.append(Joint("gas_gas", house.at("15:30")))
    await house.until(house.at("15:10:15"))
    assert house.late == [house.at("15:00")]
    house.pending.clear()
    await house.until(house.at("15:20:15"))
    assert await house.growth(GAS) == ends(at_14=0.3, at_15=0.2)
    assert house.late == []


@pytest.mark.recorder
async def test_a_renamed_entity(hass: HomeAssistant, house: House) -> None:
    await use_gas(house)
    er.async_get(hass).async_update_entity(GAS, new_entity_id="sensor.our_gas")
    await hass.async_block_till_done()
    await house.until(house.at("15:10:15"))
    assert await house.growth("sensor.our_gas") == ends(at_14=0.3, at_15=0.2)
    assert await house.growth(GAS) == {}
    assert house.late == []


@pytest.mark.recorder
async def test_a_disabled_entity_has_no_hours(hass: HomeAssistant, house: House) -> None:
    await use_gas(house)
    er.async_get(hass).async_update_entity(GAS, disabled_by=er.RegistryEntryDisabler.USER)
    await house.until(house.at("15:05:15"))
    assert house.late == []
    assert (await house.growth(GAS))[house.at("14:00")] == 0.3


@pytest.mark.recorder
async def test_an_entity_that_is_shown_in_another_unit(hass: HomeAssistant, house: House) -> None:
    await house.gas("12:29:05", "12:25:00", 50.9)
    er.async_get(hass).async_update_entity_options(GAS, "sensor", {"unit_of_measurement": "L"})
    await hass.async_block_till_done()
    await use_gas(house)
    await house.until(house.at("15:10:15"))
    assert get(hass, GAS).attributes["unit_of_measurement"] == "L"
    assert await house.growth(GAS) == ends(at_14=300.0, at_15=200.0)
    assert house.late == []


@pytest.mark.recorder
async def test_what_can_never_be_put_right_is_given_up(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "custom_components.p1meter.late_hours")
    await use_gas(house)
    await house.until(house.at("15:10:15"))
    now = house.clock.now
    # What no state of the entity leads up to, what is in no statistics, and what is no volume.
    house.entry.runtime_data.memory.late += [
        LateValue("gas_gas", house.at("15:00"), Decimal(60), "m3", now),
        LateValue("electricity_tariff", house.at("15:00"), Decimal(2), None, now),
        LateValue("gas_gas", house.at("14:00"), Decimal(60), "GJ", now),
    ]
    await house.until(house.at("15:20:15"))
    assert [late.value for late in house.entry.runtime_data.memory.late] == [60, 2]
    assert caplog.text.count(f"{GAS} is not counted in GJ any more") == 1
    await house.until(house.at("16:20:15"))
    assert [late.value for late in house.entry.runtime_data.memory.late] == [60]
    house.clock.tick(11 * 86_400)
    house._summed_up = house.clock.now
    await house.pass_time(300)
    assert house.late == []
    assert caplog.text.count(f"The hour of {GAS} before 2026-02-07 15:00:00+00:00 could not be put right") == 1
    assert (await house.growth(GAS))[house.at("15:00")] == 0.2


async def test_there_may_be_no_recorder(set_up: SetUp, say: Say, wall_clock: WallClock) -> None:
    """The clock stands at 11:02:30 UTC; the meter's is at 12:59:00 UTC+1 unless it says otherwise."""
    wall_clock.now = datetime(2026, 11, 21, 11, 59, tzinfo=UTC)
    meter = await set_up()
    wall_clock.tick(65)
    await say(nl5({"0-0:1.0.0": "(261121130005W)", "0-1:24.2.1": "(261121130000W)(02569.746*m3)"}))
    # It waits in vain, and is forgotten after some days.
    assert [late.end for late in meter.memory.late] == [datetime(2026, 11, 21, 12, tzinfo=UTC)]


# --- What it costs ----------------------------------------------------------------------------------------------------


@pytest.mark.recorder
async def test_what_gas_costs_is_booked_with_it(hass: HomeAssistant, house: House) -> None:
    await house.gas("12:25:05", "12:25:00", 50.9)
    await pay(hass, number_energy_price=0.5)
    await use_gas(house)
    await house.until(house.at("15:10:15"))
    assert await house.growth(GAS) == ends(at_14=0.3, at_15=0.2)
    assert await house.growth(COST) == ends(at_14=0.15, at_15=0.1)
    assert (await house.sums(COST))[-1] == 0.3
    assert house.late == []
    # What is right stays right.
    await house.until(house.at("16:10:15"))
    assert await house.growth(COST) == ends(at_14=0.15, at_15=0.1, at_16=0.0)


@pytest.mark.recorder
async def test_a_price_that_changes_counts_as_it_was_when_gas_was_booked(hass: HomeAssistant, house: House) -> None:
    hass.states.async_set("sensor.price", "0.5")
    await house.gas("12:25:05", "12:25:00", 50.9)
    await pay(hass, entity_energy_price="sensor.price")
    await house.gas("12:30:05", "12:30:00", 50.9)
    await house.gas("13:00:05", "13:00:00", 51.0)
    await house.gas("13:55:05", "13:55:00", 51.2)
    await house.until(house.at("14:00:02"))
    hass.states.async_set("sensor.price", "1.0")
    await house.gas("14:00:05", "14:00:00", 51.3)
    # Home Assistant books 0.1 m³ before and 0.1 m³ after 15:00 when there is a price again.
    await house.until(house.at("14:30:00"))
    hass.states.async_set("sensor.price", "unavailable")
    await house.gas("15:00:05", "15:00:00", 51.4)
    hass.states.async_set("sensor.price", "1.0")
    await house.gas("15:05:05", "15:05:00", 51.5)
    await house.until(house.at("16:10:15"))
    assert await house.growth(GAS) == ends(at_14=0.3, at_15=0.1, at_16=0.1)
    # 0.2 m³ at 0.50 and 0.1 m³ at 1.00; nothing was booked for 15:00.
    assert await house.growth(COST) == ends(at_14=0.2, at_15=0.0, at_16=0.2)
    assert house.late == []


@pytest.mark.recorder
async def test_a_cost_that_is_counted_only_now_is_left(hass: HomeAssistant, house: House) -> None:
    await use_gas(house)
    await pay(hass, number_energy_price=0.5)
    await house.until(house.at("15:30:00"))
    # There may still come a row.
    assert house.late == [house.at("15:00")]
    await house.until(house.at("16:05:15"))
    assert await house.growth(GAS) == ends(at_14=0.3, at_15=0.2, at_16=0.0)
    assert set(await house.sums(COST)) == {0.0}
    assert house.late == []
