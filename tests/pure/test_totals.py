"""A total that falls is held until it is sure: one bad value must not double what a house has used."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from p1meter.totals import Totals

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_a_total_that_grows_is_shown_as_it_is() -> None:
    totals = Totals({})
    for second, value in enumerate(("0.000", "0.000", "1.500", "99999.999")):
        assert totals.good("import", Decimal(value), "kWh", after(second)) == Decimal(value)


def test_a_fall_is_held_until_three_telegrams_over_a_minute_agree() -> None:
    totals = Totals({})
    totals.good("import", Decimal(500), "kWh", NOON)
    shown = {second: totals.good("import", Decimal(7), "kWh", after(second)) for second in range(1, 70)}
    assert shown[60] == Decimal(500)
    assert shown[61] == Decimal(7)


def test_three_telegrams_are_needed_however_long_it_takes() -> None:
    totals = Totals({})
    totals.good("import", Decimal(500), "kWh", NOON)
    assert totals.good("import", Decimal(7), "kWh", after(100)) == Decimal(500)
    assert totals.good("import", Decimal(7), "kWh", after(200)) == Decimal(500)
    assert totals.good("import", Decimal("7.5"), "kWh", after(300)) == Decimal("7.5")


def test_single_bad_values_never_count_together() -> None:
    totals = Totals({})
    for second in range(0, 300, 10):
        bad = second % 30 == 10
        value = totals.good("import", Decimal(0) if bad else Decimal(500), "kWh", after(second))
        assert value == Decimal(500)


def test_values_that_contradict_each_other_do_not_agree() -> None:
    totals = Totals({})
    totals.good("import", Decimal(500), "kWh", NOON)
    for second in range(10, 200, 10):
        # It falls and falls: no counter does that.
        assert totals.good("import", Decimal(400 - second), "kWh", after(second)) == Decimal(500)


def test_a_meter_on_the_mbus_needs_three_captures() -> None:
    totals = Totals({})
    totals.good("gas", Decimal(500), "m3", NOON, NOON)
    shown = [
        totals.good("gas", Decimal(7), "m3", after(second), after(second // 300 * 300)) for second in range(0, 900, 60)
    ]
    # Captured at 12:00, 12:05 and 12:10.
    assert shown == [Decimal(500)] * 10 + [Decimal(7)] * 5


def test_another_meter_is_believed_at_once() -> None:
    totals = Totals({})
    totals.good("import", Decimal(500), "kWh", NOON)
    totals.good("import", Decimal(7), "kWh", after(1))
    totals.forget("import")
    assert totals.good("import", Decimal(7), "kWh", after(2)) == Decimal(7)
    totals.forget("never seen")


def test_another_unit_is_not_compared() -> None:
    totals = Totals({})
    totals.good("import", Decimal(500000), "Wh", NOON)
    assert totals.good("import", Decimal(501), "kWh", after(1)) == Decimal(501)


def test_what_was_good_before_a_restart_still_counts() -> None:
    totals = Totals({"import": (Decimal(500), "kWh")})
    assert totals.good("import", Decimal(0), "kWh", NOON) == Decimal(500)
    assert totals.good("import", Decimal(501), "kWh", after(1)) == Decimal(501)


def test_a_clock_that_is_set_back_does_not_hold_a_total_for_a_year() -> None:
    totals = Totals({})
    totals.good("import", Decimal(500), "kWh", NOON)
    a_year = 365 * 86_400
    assert totals.good("import", Decimal(7), "kWh", after(a_year)) == Decimal(500)
    shown = {second: totals.good("import", Decimal(7), "kWh", after(second)) for second in range(1, 70)}
    assert shown[60] == Decimal(500)
    assert shown[61] == Decimal(7)


def test_a_rise_that_cannot_be_use_is_held_like_a_fall() -> None:
    """At 1 MW an hour brings 1,000 kWh, ten seconds 2.8; 10 kWh at once are nothing to wonder at."""
    totals = Totals({})
    totals.good("import", Decimal(500), "kWh", NOON)
    assert totals.good("import", Decimal("509.9"), "kWh", after(10), elapsed=10) == Decimal("509.9")
    assert totals.good("import", Decimal(9000), "kWh", after(20), elapsed=10) == Decimal("509.9")
    assert totals.good("import", Decimal("510.0"), "kWh", after(30), elapsed=10) == Decimal("510.0")
    shown = [
        totals.good("import", 9000 + Decimal(second) / 100, "kWh", after(second), elapsed=10)
        for second in range(40, 120, 10)
    ]
    # From 40 to 100 s the values agree.
    assert shown == [Decimal("510.0")] * 6 + [Decimal(9001), Decimal("9001.1")]


def test_what_was_used_while_nobody_listened_is_no_jump() -> None:
    totals = Totals({"import": (Decimal(500), "kWh")})
    assert not totals.jumps("import", Decimal(1500), "kWh", elapsed=3600)
    assert totals.jumps("import", Decimal(1600), "kWh", elapsed=3600)
    # How long ago nobody knows, so it may be any time.
    assert not totals.jumps("import", Decimal(99_999), "kWh")
    assert not totals.jumps("never seen", Decimal(99_999), "kWh", elapsed=1)


def test_what_can_be_is_told_in_the_unit_that_is_sent() -> None:
    units = {"Wh": Decimal(1000), "MWh": Decimal("0.001"), "GJ": Decimal("0.0036"), "kvarh": Decimal(1)}
    for unit, of_a_kilowatt_hour in units.items():
        totals = Totals({"x": (Decimal(0), unit)})
        assert not totals.jumps("x", Decimal("9.900") * of_a_kilowatt_hour, unit, elapsed=1)
        assert totals.jumps("x", Decimal("10.900") * of_a_kilowatt_hour, unit, elapsed=1)
    for unit, of_a_cubic_metre in (("m3", 1), ("l", 1000)):
        totals = Totals({"x": (Decimal(0), unit)})
        # Five minutes at 250 m³ an hour are 20.8 m³ more.
        assert not totals.jumps("x", Decimal("30.800") * of_a_cubic_metre, unit, elapsed=300)
        assert totals.jumps("x", Decimal("30.900") * of_a_cubic_metre, unit, elapsed=300)
    # Of hours, or of nothing, nobody knows.
    for unsaid in ("h", None):
        assert not Totals({"x": (Decimal(0), unsaid)}).jumps("x", Decimal(10**9), unsaid, elapsed=1)


def test_one_step_of_the_last_digit_is_no_jump() -> None:
    """A heat meter that counts in whole GJ, one of 278 kWh; a large one in tens of MWh."""
    totals = Totals({"heat": (Decimal(43), "GJ"), "big": (Decimal("1E+1"), "MWh")})
    assert not totals.jumps("heat", Decimal(44), "GJ", elapsed=1)
    assert totals.jumps("heat", Decimal(45), "GJ", elapsed=1)
    assert not totals.jumps("big", Decimal("2E+1"), "MWh", elapsed=1)


def test_a_fall_and_a_rise_do_not_agree() -> None:
    totals = Totals({})
    totals.good("import", Decimal(500), "kWh", NOON)
    for second in range(10, 300, 10):
        garbage = Decimal(7) if second % 20 else Decimal(9000)
        assert totals.good("import", garbage, "kWh", after(second), elapsed=10) == Decimal(500)
