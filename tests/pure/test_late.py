"""What was measured in an hour is booked in that hour, however late it was handed over.

All times are UTC on 2026-03-29; the hour that ends at 10:00 is looked at unless it says otherwise.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from p1meter.joint import Recorded, Row
from p1meter.late import KEPT, Captures, Fate, cost_of, hour_ends, put_right
from p1meter.memory import Capture, LateValue, Memory, Slot
from p1meter.meter import Obis, Reading

GAS = "gas_gas"


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-29T{clock}+00:00")


TEN = at("10:00")


class Meter:
    """A gas meter whose readings come through the electricity meter."""

    def __init__(self, memory: Memory | None = None) -> None:
        self.memory = memory or Memory(slots={GAS: Slot("gas", "gas", "m3", number=True)})
        self.captures = Captures(self.memory)

    def shows(self, value: str | None, captured: str | None, arrived: str, clock: str | None = None) -> bool:
        reading = Reading(
            "gas",
            None if value is None else Decimal(value),
            "m3",
            None if captured is None else at(captured),
            Obis.parse("0-1:24.2.1"),
            1,
        )
        return self.captures.take({GAS: reading}, None if clock is None else at(clock), at(arrived))

    @property
    def late(self) -> dict[str, str]:
        """What the total had reached at the end of each hour that is to be put right."""
        return {f"{one.end:%H:%M}": str(one.value) for one in self.memory.late}


def test_a_value_captured_at_the_end_of_an_hour_belongs_to_it() -> None:
    meter = Meter()
    assert not meter.shows("51.0", "09:55:00", "09:55:05")
    assert meter.shows("51.2", "10:00:00", "10:00:05")
    assert meter.memory.late == [LateValue(GAS, TEN, Decimal("51.2"), "m3", at("10:00:05"))]
    # It is sent with every telegram.
    assert not meter.shows("51.2", "10:00:00", "10:00:06")
    assert not meter.shows("51.3", "10:05:00", "10:05:05")
    assert meter.late == {"10:00": "51.2"}


def test_the_last_capture_before_the_end_of_the_hour_counts() -> None:
    """Between 09:47 and 10:17 nobody knows when the gas was used."""
    meter = Meter()
    meter.shows("51.0", "09:17:00", "09:20:00")
    assert meter.shows("51.4", "09:47:00", "10:03:00")
    assert not meter.shows("51.9", "10:17:00", "10:33:00")
    assert meter.late == {"10:00": "51.4"}


def test_hours_that_come_one_after_the_other() -> None:
    meter = Meter()
    meter.shows("51.0", "08:00:00", "08:10:00")
    assert meter.shows("51.1", "09:00:00", "12:20:00")
    # As far as is known by then, nothing was used since.
    assert meter.late == {"09:00": "51.1", "10:00": "51.1", "11:00": "51.1", "12:00": "51.1"}
    assert meter.shows("51.3", "10:00:00", "12:20:10")
    assert meter.shows("51.6", "11:00:00", "12:20:20")
    assert meter.shows("52.0", "12:00:00", "12:20:30")
    assert meter.late == {"09:00": "51.1", "10:00": "51.3", "11:00": "51.6", "12:00": "52.0"}


def test_what_was_before_p1meter_looked_is_not_touched() -> None:
    meter = Meter()
    assert not meter.shows("51.0", "08:00:00", "10:10:00")
    assert meter.late == {}
    # The hours that ended before: not even when more of them comes.
    assert not meter.shows("51.2", "10:00:00", "10:15:00")
    assert meter.memory.captures == {GAS: Capture(at("10:10"), TEN)}
    assert meter.shows("51.4", "11:00:00", "11:15:00")
    assert meter.late == {"11:00": "51.4"}


def test_another_meter_has_nothing_to_do_with_the_hours_before() -> None:
    meter = Meter()
    meter.shows("51.0", "08:00:00", "08:15:00")
    meter.shows("51.2", "09:00:00", "09:15:00")
    meter.memory.join(GAS, at("10:10"))
    assert not meter.shows("7.0", "10:00:00", "10:10:00")
    # What the old one measured stays true.
    assert meter.late == {"09:00": "51.2"}


def test_what_nobody_puts_right_is_forgotten() -> None:
    """There is no recorder."""
    meter = Meter()
    meter.shows("51.0", "08:00:00", "08:15:00")
    assert meter.shows("51.1", "09:00:00", "09:15:00")
    long_after = TEN + timedelta(days=11)
    reading = Reading("gas", Decimal("51.2"), "m3", long_after, Obis.parse("0-1:24.2.1"), 1)
    assert meter.captures.take({GAS: reading}, None, long_after)
    assert [one.end for one in meter.memory.late] == [long_after]


def test_it_goes_on_after_a_restart() -> None:
    before = Meter()
    before.shows("51.0", "08:00:00", "08:15:00")
    before.shows("51.1", "09:00:00", "09:15:00")
    after = Meter(Memory.from_json(before.memory.to_json()))
    assert after.memory == before.memory
    assert not after.shows("51.1", "09:00:00", "10:05:00")
    assert after.shows("51.3", "10:00:00", "10:15:00")
    assert after.late == {"09:00": "51.1", "10:00": "51.3"}


def test_a_store_of_an_earlier_version_knows_no_captures() -> None:
    kept = Memory(slots={GAS: Slot("gas", "gas", "m3", number=True)}).to_json()
    del kept["captures"], kept["late"]
    assert Memory.from_json(kept).captures == {}
    assert Memory.from_json(kept).late == []


def test_a_clock_that_is_wrong_says_nothing_of_the_hour() -> None:
    meter = Meter()
    meter.shows("51.0", "08:55:00", "08:55:05", "08:55:04")
    # It did not go to summer time.
    assert not meter.shows("51.1", "09:00:00", "10:00:05", "09:00:04")
    assert meter.shows("51.2", "11:00:00", "11:00:05", "11:00:04")
    assert meter.late == {"11:00": "51.2"}


def test_a_stamp_that_is_damaged_is_not_believed() -> None:
    meter = Meter()
    meter.shows("51.0", "09:55:00", "09:55:05")
    # In the future, without a value, without a stamp, older than the one before.
    assert not meter.shows("51.0", "23:00:00", "09:56:00")
    assert not meter.shows(None, "10:00:00", "10:00:05")
    assert not meter.shows("51.1", None, "10:00:10")
    assert not meter.shows("51.1", "09:50:00", "10:00:15")
    assert meter.shows("51.2", "10:00:00", "10:00:20")
    assert meter.late == {"10:00": "51.2"}


def test_only_totals_of_meters_on_the_m_bus_are_looked_at() -> None:
    slots = [
        Slot("electricity", "import_total", "kWh", number=True),
        Slot("gas", "equipment_id", None, number=False),
        Slot("gas", "0-1:99.99.99", "m3", number=True),
    ]
    memory = Memory(slots={slot.id: slot for slot in slots})
    captures = Captures(memory)
    shown = {slot.id: Reading(slot.key, Decimal(1), "m3", TEN, Obis.parse("0-1:24.2.1"), 1) for slot in slots}
    assert not captures.take(shown, None, TEN)
    assert memory.captures == {}
    # A gas meter that appears is, and one that is gone does not matter.
    captures.watch([Slot("gas", "gas", "m3", number=True)])
    assert not captures.take({}, None, TEN)
    assert memory.captures == {}
    shown[GAS] = Reading("gas", Decimal(1), "m3", TEN, Obis.parse("0-1:24.2.1"), 1)
    captures.take(shown, None, TEN)
    assert list(memory.captures) == [GAS]


def test_the_ends_of_hours_between_capture_and_arrival() -> None:
    assert hour_ends(at("09:59:59"), at("10:00:05")) == [TEN]
    assert hour_ends(at("10:00:00"), at("10:00:05")) == [TEN]
    assert hour_ends(at("10:00:01"), at("10:59:58")) == []
    # It is written a moment after it came: in the next hour.
    assert hour_ends(at("10:00:00"), at("09:59:59.5")) == [TEN]
    # 02:30 by the clock on the wall comes twice that night; UTC does not care.
    summer = datetime.fromisoformat("2026-10-25T02:30:00+02:00")
    winter = datetime.fromisoformat("2026-10-25T02:30:00+01:00")
    assert hour_ends(summer, winter) == [datetime(2026, 10, 25, 1, tzinfo=UTC)]
    # Bounded: ten days and the hour that just ended.
    assert len(hour_ends(TEN - timedelta(days=400), TEN)) == KEPT / timedelta(hours=1) + 1


def rows(*kept: tuple[str, float, float]) -> list[Row]:
    return [Row(at(start).timestamp(), state, total) for start, state, total in kept]


# By ten it had shown 51.0, and 100.0 was summed up; by eleven 51.5 and 100.5.
HOURS = rows(("09:00", 51.0, 100.0), ("10:00", 51.5, 100.5))


def test_the_row_of_the_hour_takes_what_was_measured_in_it() -> None:
    found = put_right(HOURS, TEN, 51.2, 100.6)
    assert isinstance(found, Row)
    assert found.start == at("09:00").timestamp()
    assert found.state == 51.2
    assert found.sum == pytest.approx(100.2)
    # Done twice it changes nothing.
    assert put_right([found, HOURS[1]], TEN, 51.2, 100.6) is Fate.RIGHT


@pytest.mark.parametrize(
    ("kept", "state", "summed_up", "fate"),
    [
        ([], 51.2, 100.6, Fate.WAITS),
        (rows(("08:00", 51.0, 100.0)), 51.2, 100.6, Fate.WAITS),
        (rows(("08:00", 51.0, 100.0), ("10:00", 51.2, 100.2)), 51.2, 100.6, Fate.STAYS),
        (HOURS, 51.0, 100.6, Fate.RIGHT),
        (HOURS, 51.0004, 100.6, Fate.RIGHT),
        (HOURS, 50.9, 100.6, Fate.STAYS),
        # 0.2 is not summed up yet: the hour would hold more than is known.
        (HOURS, 51.2, 100.1, Fate.WAITS),
    ],
    ids=["no rows", "not yet", "the recorder made none", "nothing late", "rounding", "a fall", "not summed up"],
)
def test_a_row_that_is_left_or_waited_for(kept: list[Row], state: float, summed_up: float, fate: Fate) -> None:
    assert put_right(kept, TEN, state, summed_up) is fate


def test_a_cost_that_was_reset_in_between_is_left() -> None:
    row = Row(at("09:00").timestamp(), 3.0, 7.0, last_reset=1000.0)
    assert put_right([row], TEN, 3.1, 7.5, 1000.0) == pytest.approx((row.start, 3.1, 7.1, 1000.0))
    assert put_right([row], TEN, 3.1, 7.5, 2000.0) is Fate.STAYS


def test_what_was_spent_is_what_the_cost_sensor_booked_for_it() -> None:
    came = at("10:00:05")
    states = [Recorded(came.timestamp() - 300, 51.0), Recorded(came.timestamp(), 51.2)]
    costs = [Recorded(came.timestamp() - 299.9, 3.0), Recorded(came.timestamp() + 0.1, 3.1)]
    assert cost_of(states, costs, 51.2, came) == costs[1]
    # What is booked later is for later use.
    states.append(Recorded(came.timestamp() + 300, 51.5))
    costs.append(Recorded(came.timestamp() + 300.1, 3.25))
    assert cost_of(states, costs, 51.2, came) == costs[1]
    # The price was not known then.
    assert cost_of(states, [costs[0], costs[2]], 51.2, came) is None
    # Nothing was used: the state at that moment is not there, the next one is of later.
    assert cost_of(states, costs, 51.2, came + timedelta(seconds=60)) is None
    assert cost_of(states[:2], costs, 51.2, came + timedelta(seconds=60)) is None
