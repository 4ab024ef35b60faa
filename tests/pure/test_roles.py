"""Meters on the M-Bus get replaced and change channels: people's history does not."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from p1meter.meter import MBusDevice
from p1meter.roles import Roles, kind_and_number

if TYPE_CHECKING:
    from collections.abc import Mapping

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FIVE_MINUTES = timedelta(minutes=5)


def gas(channel: int, equipment_id: str | None, at: datetime | None) -> MBusDevice:
    return MBusDevice(channel, "gas", equipment_id, 3, at)


def test_what_a_role_says() -> None:
    assert kind_and_number("gas") == ("gas", 1)
    assert kind_and_number("gas_2") == ("gas", 2)
    assert kind_and_number("warm_water") == ("warm_water", 1)
    assert kind_and_number("warm_water_3") == ("warm_water", 3)


def test_the_only_meter_of_its_kind_has_its_role_at_once() -> None:
    roles = Roles({})
    water = MBusDevice(2, "water", "W1", 7, NOON)
    assert roles.assign([gas(1, "G1", NOON), water], NOON) == {1: "gas", 2: "water"}
    assert roles.ids == {"gas": "G1", "water": "W1"}


def test_the_role_does_not_depend_on_the_channel() -> None:
    roles = Roles({"gas": "G1"})
    assert roles.assign([gas(4, "G1", NOON)], NOON) == {4: "gas"}


def test_of_two_the_one_that_captures_is_the_gas_meter() -> None:
    roles = Roles({})
    stopped = datetime(2017, 3, 1, tzinfo=UTC)
    assert roles.assign([gas(1, "OLD", stopped), gas(2, "NEW", NOON)], NOON) == {2: "gas"}
    # However long that goes on.
    for count in range(5):
        at = NOON + count * FIVE_MINUTES
        assert roles.assign([gas(1, "OLD", stopped), gas(2, "NEW", at)], at) == {2: "gas"}
    assert roles.ids == {"gas": "NEW"}


def test_two_that_capture_are_two_gas_meters() -> None:
    roles = Roles({})
    assert roles.assign([gas(1, "G1", NOON), gas(2, "G2", NOON - FIVE_MINUTES)], NOON) == {1: "gas", 2: "gas_2"}
    assert roles.assign([gas(1, "G2", NOON), gas(2, "G1", NOON)], NOON) == {1: "gas_2", 2: "gas"}


def test_a_new_meter_takes_over_from_one_that_is_gone_after_three_captures() -> None:
    roles = Roles({"gas": "OLD"})
    seen = []
    for second in range(0, 900, 10):
        now = NOON + timedelta(seconds=second)
        captured = NOON + FIVE_MINUTES * (second // 300)
        if roles.assign([gas(1, "NEW", captured)], now):
            seen.append(second)
    # Stamps of 12:00, 12:05 and 12:10.
    assert seen[0] == 600
    assert len(seen) == 30
    assert roles.ids == {"gas": "NEW"}


def test_a_new_meter_takes_over_from_one_that_stopped_capturing() -> None:
    roles = Roles({"gas": "OLD"})
    stopped = NOON - timedelta(hours=2)
    devices = [[gas(1, "OLD", stopped), gas(2, "NEW", NOON + number * FIVE_MINUTES)] for number in range(3)]
    assert roles.assign(devices[0], NOON) == {1: "gas"}
    assert roles.assign(devices[1], NOON + FIVE_MINUTES) == {1: "gas"}
    assert roles.assign(devices[2], NOON + 2 * FIVE_MINUTES) == {2: "gas"}


def test_a_meter_that_is_added_beside_one_that_captures_is_the_second() -> None:
    roles = Roles({"gas": "G1"})
    given: list[Mapping[int, str]] = []
    for number in range(3):
        at = NOON + number * FIVE_MINUTES
        given.append(roles.assign([gas(1, "G1", at), gas(2, "G2", at)], at))
    assert given[-1] == {1: "gas", 2: "gas_2"}
    for number in range(3, 6):
        at = NOON + number * FIVE_MINUTES
        given.append(roles.assign([gas(1, "G1", at), gas(2, "G2", at), gas(3, "G3", at)], at))
    assert given[-1] == {1: "gas", 2: "gas_2", 3: "gas_3"}


def test_the_old_meter_that_comes_back_to_life_is_the_second() -> None:
    roles = Roles({"gas": "OLD"})
    for number in range(3):
        at = NOON + number * FIVE_MINUTES
        roles.assign([gas(1, "OLD", NOON - timedelta(hours=2)), gas(2, "NEW", at)], at)
    assert roles.ids == {"gas": "NEW"}
    given: list[Mapping[int, str]] = []
    for number in range(3, 6):
        at = NOON + number * FIVE_MINUTES
        given.append(roles.assign([gas(1, "OLD", at), gas(2, "NEW", at)], at))
    assert given[-1] == {1: "gas_2", 2: "gas"}


def test_one_damaged_id_changes_nothing() -> None:
    roles = Roles({"gas": "G1"})
    for number in range(40):
        at = NOON + timedelta(seconds=10 * number)
        garbled = number % 2 == 0
        given = roles.assign([gas(1, f"G{number}X" if garbled else "G1", NOON)], at)
        assert given == ({} if garbled else {1: "gas"})
    assert roles.ids == {"gas": "G1"}


def test_a_meter_without_an_id_keeps_its_role() -> None:
    roles = Roles({})
    assert roles.assign([gas(1, None, NOON)], NOON) == {1: "gas"}
    assert roles.ids == {"gas": None}
    # It sends one later, and then leaves it out again.
    assert roles.assign([gas(1, "G1", NOON)], NOON) == {1: "gas"}
    assert roles.assign([gas(1, None, NOON)], NOON) == {1: "gas"}
    assert roles.ids == {"gas": "G1"}


def test_an_id_that_matches_comes_before_one_that_is_missing() -> None:
    roles = Roles({"gas": "G1"})
    assert roles.assign([gas(1, None, NOON), gas(2, "G1", NOON)], NOON) == {2: "gas"}


def test_without_stamps_a_new_meter_needs_a_minute() -> None:
    roles = Roles({"heat": "OLD"})
    taken = [
        second
        for second in range(0, 80, 10)
        if roles.assign([MBusDevice(0, "heat", "NEW", None, None)], NOON + timedelta(seconds=second))
    ]
    assert taken[0] == 60


def test_the_same_telegram_again_and_again_is_no_capture() -> None:
    roles = Roles({"gas": "OLD"})
    new = [gas(1, "NEW", NOON)]
    for second in range(1000):
        assert roles.assign(new, NOON + timedelta(seconds=second)) == {}
    assert roles.assign([gas(1, "NEW", NOON + FIVE_MINUTES)], NOON + FIVE_MINUTES) == {}
    third = [gas(1, "NEW", NOON + 2 * FIVE_MINUTES)]
    assert roles.assign(third, NOON + 2 * FIVE_MINUTES, adopt=False) == {}
    assert roles.assign(third, NOON + 2 * FIVE_MINUTES, adopt=False) == {}
    # What was asked is the same, but now it may have the role.
    assert roles.assign(third, NOON + 2 * FIVE_MINUTES) == {1: "gas"}
    assert roles.assign(third, NOON + 2 * FIVE_MINUTES) == {1: "gas"}


def test_nothing_is_adopted_while_another_electricity_meter_answers() -> None:
    roles = Roles({"gas": "OLD"})
    for number in range(5):
        at = NOON + number * FIVE_MINUTES
        assert roles.assign([gas(1, "NEW", at)], at, adopt=False) == {}
    assert roles.ids == {"gas": "OLD"}


def test_a_meter_that_is_away_for_days_has_its_role_when_it_comes_back() -> None:
    roles = Roles({"gas": "G1", "water": "W1"})
    water = MBusDevice(2, "water", "W1", 7, NOON)
    for day in range(5):
        assert roles.assign([water], NOON + timedelta(days=day)) == {2: "water"}
    later = NOON + timedelta(days=5)
    assert roles.assign([water, gas(3, "G1", later)], later) == {2: "water", 3: "gas"}
    assert roles.ids == {"gas": "G1", "water": "W1"}


def test_a_meter_that_captures_less_often_is_not_taken_for_one_that_stopped() -> None:
    """The known one captures every hour, the new one every five minutes."""
    roles = Roles({"gas": "HOURLY"})
    given: list[Mapping[int, str]] = []
    for minute in range(0, 240, 5):
        at = NOON + timedelta(minutes=minute)
        devices = [gas(1, "HOURLY", NOON + timedelta(hours=minute // 60))]
        if minute >= 125:
            devices.append(gas(2, "NEW", at))
        given.append(roles.assign(devices, at))
    assert given[180 // 5 - 1] == {1: "gas"}
    assert given[-1] == {1: "gas", 2: "gas_2"}
    assert roles.ids == {"gas": "HOURLY", "gas_2": "NEW"}


def test_one_that_captures_every_hour_keeps_its_role_beside_one_that_is_there_when_p1meter_starts() -> None:
    """Nothing is known then of how often they capture."""
    roles = Roles({"gas": "HOURLY"})
    given: list[Mapping[int, str]] = []
    for minute in range(15, 240, 5):
        at = NOON + timedelta(minutes=minute)
        # What was captured on the hour comes ten minutes later.
        hourly = gas(1, "HOURLY", NOON + timedelta(hours=(minute - 10) // 60))
        given.append(roles.assign([hourly, gas(2, "NEW", at)], at))
    assert given[0] == {1: "gas"}
    assert given[-1] == {1: "gas", 2: "gas_2"}
    assert roles.ids == {"gas": "HOURLY", "gas_2": "NEW"}


def water(channel: int, equipment_id: str, at: datetime) -> MBusDevice:
    return MBusDevice(channel, "water", equipment_id, 7, at)


def test_one_that_captures_every_day_keeps_its_role_beside_one_that_is_there_when_p1meter_starts() -> None:
    roles = Roles({"water": "DAILY"})
    given: list[Mapping[int, str]] = []
    for minute in range(0, 3 * 1440, 5):
        at = NOON + timedelta(minutes=minute)
        # What was captured at noon comes 40 minutes later.
        daily = water(1, "DAILY", NOON + timedelta(days=(minute - 40) // 1440))
        given.append(roles.assign([daily, water(2, "NEW", at)], at))
    assert given[0] == {1: "water"}
    assert given[-1] == {1: "water", 2: "water_2"}
    assert roles.ids == {"water": "DAILY", "water_2": "NEW"}


def test_one_that_hands_its_captures_over_late_is_not_taken_for_one_that_stopped() -> None:
    """The new one is added while the rhythm of the others is known, and hands over at once."""
    roles = Roles({"gas": "HOURLY", "water": "DAILY"})
    given: list[Mapping[int, str]] = []
    for minute in range(0, 5 * 1440, 5):
        at = NOON + timedelta(minutes=minute)
        devices = [
            gas(1, "HOURLY", NOON + timedelta(hours=(minute - 10) // 60)),
            water(2, "DAILY", NOON + timedelta(days=(minute - 40) // 1440)),
        ]
        if minute >= 3 * 1440 + 75:
            devices += [gas(3, "NEW", at), water(4, "NEW", at)]
        given.append(roles.assign(devices, at))
    assert given[-1] == {1: "gas", 2: "water", 3: "gas_2", 4: "water_2"}


def test_one_that_stopped_before_p1meter_started_is_replaced_in_the_end() -> None:
    roles = Roles({"water": "OLD"})
    taken: list[int] = []
    for minute in range(0, 3 * 1440, 5):
        at = NOON + timedelta(minutes=minute)
        if roles.assign([water(1, "OLD", NOON), water(2, "NEW", at)], at).get(2) == "water":
            taken.append(minute)
    # It may be one that captures once a day, and two of these are missing now.
    assert taken[0] == 2 * 1440 + 5
    assert roles.ids == {"water": "NEW"}


def test_one_that_captured_every_hour_and_stops_is_replaced_when_it_is_late() -> None:
    roles = Roles({"gas": "HOURLY"})
    taken: list[int] = []
    for minute in range(0, 300, 5):
        at = NOON + timedelta(minutes=minute)
        devices = [gas(1, "HOURLY", NOON + timedelta(hours=min(minute // 60, 2)))]
        if minute >= 125:
            devices.append(gas(2, "NEW", at))
        if roles.assign(devices, at).get(2) == "gas":
            taken.append(minute)
    # Its last capture was at two o'clock; that of three may come an hour late.
    assert taken[0] == 245
    assert roles.ids == {"gas": "NEW"}


def test_which_of_two_leaves_its_id_out_nobody_knows() -> None:
    roles = Roles({"gas": "G1", "gas_2": "G2"})
    assert roles.assign([gas(2, None, NOON)], NOON) == {}
    # Beside the other one it is clear.
    assert roles.assign([gas(1, "G1", NOON), gas(2, None, NOON)], NOON) == {1: "gas", 2: "gas_2"}
