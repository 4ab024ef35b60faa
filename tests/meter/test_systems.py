"""Every system that is simulated is recognised, and what its household counted is read back."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from p1meter.meter import DecryptionKeys, Reader, Telegram
from tests.simulation.faults import Damage
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

# A sunny noon in May, when the house gives back, and an evening in November.
NOON = datetime(2026, 5, 20, 13, 17, 8, tzinfo=ZONE)
EVENING = datetime(2026, 11, 20, 19, 47, 8, tzinfo=ZONE)

# The house stands where the meter is used; profile, country, and the hours that its clock is ahead of UTC in summer
# and winter (None: it does not tell the time).
EXPECTED = {
    "nl2": ("NL", "nl2", "NL", None),
    "nl4": ("NL", "nl4", "NL", (2, 1)),
    "nl5": ("NL", "nl5", "NL", (2, 1)),
    "be": ("BE", "be", "BE", (2, 1)),
    "be-ie": ("BE", "be-ie", "BE", (2, 1)),
    "lu": ("LU", "lu", "LU", (2, 1)),
    "lu-encrypted": ("LU", "lu", "LU", (2, 1)),
    "h1": ("SE", "h1", "SE", (1, 1)),
    "h1-fi": ("FI", "h1", "FI", (3, 2)),
    "hu": ("HU", "hu", "HU", (2, 1)),
    "lt": ("LT", "lt", "LT", (3, 2)),
    "ch": ("CH", "ch", "CH", (2, 1)),
    "at": ("AT", "at", "AT", (2, 1)),
    "at-encrypted": ("AT", "at", "AT", (2, 1)),
    "si": ("SI", "si", "SI", (2, 1)),
    "d0": ("DE", "d0", "DE", None),
}
ONE_TARIFF = {"lu", "lu-encrypted", "h1", "h1-fi", "d0"}
# In steps of 10 W, and with the time of the telegram in ours.
COARSE = {"nl2"}


def reader(system: str) -> Reader:
    cipher = SYSTEMS[system].cipher
    keys = None if cipher is None else DecryptionKeys(cipher.key, cipher.authentication_key)
    return Reader(keys, zone=ZONE, country=EXPECTED[system][0])


def hear(system: str, household: Household) -> Telegram:
    opened = reader(system)
    (item,) = opened.feed(SYSTEMS[system].compose(household)) + opened.close()
    assert isinstance(item, Telegram), item
    return item


def in_watt_hours(telegram: Telegram, key: str) -> int:
    """The energy of a register in whole Wh, as the household's display cuts it off."""
    reading = telegram.readings[key]
    assert isinstance(reading.value, Decimal)
    return int(reading.value * {"kWh": 1000, "Wh": 1, "kvarh": 1000, "varh": 1}[reading.unit or ""])


def in_watts(telegram: Telegram, key: str) -> int:
    value = telegram.readings[key].value
    assert isinstance(value, Decimal)
    return int(value)


def test_every_system_is_here() -> None:
    assert SYSTEMS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("start", [NOON, EVENING], ids=["noon", "evening"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_the_household_is_read_back(system: str, start: datetime) -> None:
    household = Household(start=start, system=system)
    telegram = hear(system, household)

    _, name, country, ahead = EXPECTED[system]
    assert (telegram.profile.name, telegram.profile.country) == (name, country)
    assert not telegram.unknown
    if ahead is None:
        assert telegram.time is None
    else:
        assert telegram.time == household.now
        assert telegram.time.utcoffset() == timedelta(hours=ahead[start is EVENING])

    counted = household.registers
    watt_hours = [watt_seconds // 3600 for watt_seconds in counted[:4]]
    both = [(counted[0] + counted[1]) // 3600, (counted[2] + counted[3]) // 3600]
    for key, expected in zip(("import_total", "export_total"), both, strict=True):
        # A sum of two registers that are cut off may be 1 Wh less.
        assert expected - 1 <= in_watt_hours(telegram, key) <= expected
    if system not in ONE_TARIFF:
        keys = ["import_tariff_1", "import_tariff_2", "export_tariff_1", "export_tariff_2"]
        shown = {key: in_watt_hours(telegram, key) for key in keys if key in telegram.readings}
        assert shown == {key: value for key, value in zip(keys, watt_hours, strict=True) if key in shown}
        assert len(shown) >= 2
    off = abs(in_watts(telegram, "power") - household.power)
    assert off < (10 if system in COARSE else 1)
    if "power_l1" in telegram.readings:
        assert [in_watts(telegram, f"power_l{phase}") for phase in (1, 2, 3)] == list(household.phases)


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ("be-ie", {"equipment_id": "09612345", "breaker_state": "connected", "message": None}),
        ("lu", {"equipment_id": "SAG1030700123456", "limiter_threshold": Decimal("27.600"), "relay_2": "off"}),
        ("lu", {"fuse_threshold": Decimal(40), "fuse_threshold_export": Decimal(40), "1:valve_state": "open"}),
        ("hu", {"equipment_id": "89003820000123456", "logical_device_name": "SAG3820000123456"}),
        (
            "hu",
            {"fuse_threshold_l2": Decimal("200.00"), "power_factor": Decimal("0.992"), "frequency": Decimal("50.01")},
        ),
        ("lt", {"equipment_id": "80047060123456", "measuring_period": Decimal(600), "firmware_version": "V1.02"}),
        ("ch", {"equipment_id": "SAG1531001234567", "ean": None, "power_failures": 4}),
        ("si", {"equipment_id": "96812345", "meter_error": "00000000"}),
        ("d0", {"equipment_id": "1ESY1313002565", "meter_status": "80"}),
    ],
)
def test_what_else_they_say(system: str, expected: dict[str, object]) -> None:
    telegram = hear(system, Household(start=EVENING, system=system))
    assert {key: telegram.readings[key].value for key in expected} == expected


def test_what_last_month_closed_with_is_what_the_household_had_then() -> None:
    household = Household(start=EVENING, system="hu")
    telegram = hear("hu", household)
    then = household.registers_at(datetime(2026, 11, 1, tzinfo=ZONE))
    reading = telegram.readings["last_month_import_tariff_2"]
    assert in_watt_hours(telegram, "last_month_import_tariff_2") == then.import_2 // 3600
    assert reading.at == datetime(2026, 10, 31, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize("system", SYSTEMS)
def test_on_a_bad_line_good_telegrams_are_read_and_no_others(system: str) -> None:
    household = Household(start=EVENING, system=system)
    damage, listener = Damage(share=0.3), reader(system)
    expected, heard = 0, 0
    for _ in range(60):
        household.step(SYSTEMS[system].interval)
        delivery = damage(SYSTEMS[system].compose(household))
        expected += delivery.good
        heard += sum(isinstance(item, Telegram) for item in listener.feed(delivery.data))
    heard += sum(isinstance(item, Telegram) for item in listener.close())
    assert heard == expected
    assert 30 < expected < 60
