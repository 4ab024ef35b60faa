"""The running demand from an energy register: what a meter with 1-0:1.4.0 would show, or nothing."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from p1meter.demand import AVERAGE_PEAK, BilledPeaks, ComputedDemand, DemandMeter
from p1meter.judge import Judge
from p1meter.memory import Memory
from p1meter.meter import Reader, Telegram
from tests.compose import compose, nl5
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from p1meter.judge import Verdict

QUARTER = 900
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def steady(meter: DemandMeter, seconds: Iterable[int]) -> dict[int, Decimal | None]:
    """Feed what a house that draws the same all the time has on its register: 3.6 kW are 1 Wh a second."""
    return {second: meter.feed(1000 + Decimal("0.001") * (second + 10_000), "kWh", after(second)) for second in seconds}


def test_it_rises_to_the_mean_of_the_window_and_starts_again() -> None:
    shown = steady(DemandMeter(QUARTER), range(-1, 901))
    assert shown[-1] is None
    assert shown[0] == 0
    # 1 Wh of 900 s: 4 W; after half of the window half of the power.
    assert shown[1] == Decimal("0.004")
    assert shown[450] == Decimal("1.800")
    assert shown[899] == Decimal("3.596")
    assert shown[900] == 0


def test_an_hour_is_an_hour() -> None:
    shown = steady(DemandMeter(3600), range(-10, 3600, 10))
    assert shown[900] == Decimal("0.900")
    assert shown[3590] == Decimal("3.590")


def test_it_is_unknown_until_a_window_has_started() -> None:
    shown = steady(DemandMeter(QUARTER), range(5, 910, 10))
    assert all(value is None for second, value in shown.items() if second < 900)
    # The window started between the telegrams at 895 and 905 s: 5 s of 1 Wh.
    assert shown[905] == Decimal("0.020")


def test_a_gap_within_a_window_does_not_matter() -> None:
    shown = steady(DemandMeter(QUARTER), [-1, 0, 1, 700])
    assert shown[700] == Decimal("2.800")


def test_after_a_gap_over_a_start_it_is_unknown_until_the_next() -> None:
    shown = steady(DemandMeter(QUARTER), [-1, 0, 1, 700, 950, 951, 1799, 1801])
    assert shown[950] is None
    assert shown[951] is None
    assert shown[1801] == Decimal("0.004")


def test_after_a_night_of_silence_it_is_unknown() -> None:
    assert steady(DemandMeter(QUARTER), [-1, 0, 9 * 900 + 1])[9 * 900 + 1] is None


def test_after_the_clock_went_back_it_is_unknown_until_the_next_window() -> None:
    meter = DemandMeter(QUARTER)
    steady(meter, [-1, 0, 1, 700])
    assert steady(meter, [100, 101, 898]) == {100: None, 101: None, 898: None}
    assert steady(meter, [901])[901] == Decimal("0.004")


def test_after_the_register_fell_it_is_unknown_until_the_next_window() -> None:
    meter = DemandMeter(QUARTER)
    steady(meter, [-1, 0, 1])
    assert meter.feed(Decimal(7), "kWh", after(2)) is None
    assert meter.feed(Decimal(7), "kWh", after(3)) is None


def test_after_the_register_changed_its_unit_it_is_unknown_until_the_next_window() -> None:
    meter = DemandMeter(QUARTER)
    assert meter.feed(Decimal("1000.000"), "kWh", after(-1)) is None
    assert meter.feed(Decimal("1000.000"), "kWh", after(0)) == 0
    # Whatever it may be: 24 digits are a number, and in GWh its demand would have more than Decimal reckons with.
    assert meter.feed(Decimal("9" * 24), "GWh", after(10)) is None
    assert meter.feed(Decimal("1000.001"), "kWh", after(20)) is None
    assert meter.feed(Decimal("1000.100"), "kWh", after(899)) is None
    assert meter.feed(Decimal("1000.100"), "kWh", after(900)) == 0


@pytest.mark.parametrize(("unit", "factor"), [("kWh", 1), (None, 1), ("Wh", 1000), ("MWh", "0.001")])
def test_units(unit: str | None, factor: int | str) -> None:
    meter = DemandMeter(QUARTER)
    for second, total in ((-1, "1.000"), (0, "1.001")):
        meter.feed((Decimal(total) * Decimal(factor)), unit, after(second))
    assert meter.feed(Decimal("1.101") * Decimal(factor), unit, after(400)) == Decimal("0.400")


@pytest.mark.parametrize(
    ("window", "step", "known"), [(900, "0.01", True), (900, "0.1", False), (900, "1", False), (3600, "0.1", True)]
)
def test_a_register_in_large_steps_does_not_tell(window: int, step: str, *, known: bool) -> None:
    meter = DemandMeter(window)
    meter.feed(Decimal(step), "kWh", after(-1))
    meter.feed(Decimal(step), "kWh", after(0))
    assert (meter.feed(Decimal(step) * 2, "kWh", after(100)) is not None) is known


def test_a_register_in_large_units_has_large_steps() -> None:
    # The last digit of 0.01 MWh is worth 10 kWh.
    for step, known in (("0.00001", True), ("0.01", False)):
        meter = DemandMeter(QUARTER)
        meter.feed(Decimal(step), "MWh", after(-1))
        meter.feed(Decimal(step), "MWh", after(0))
        assert (meter.feed(Decimal(step) * 2, "MWh", after(100)) is not None) is known


def test_it_is_what_a_belgian_meter_sends() -> None:
    household = Household(start=datetime(2026, 11, 20, 17, 59, 58, tzinfo=ZONE), system="be")
    meter = DemandMeter(QUARTER)
    compared = 0
    for _ in range(905):
        household.step()
        counted = household.registers
        total = Decimal((counted.import_1 + counted.import_2) // 3600) / 1000
        shown = meter.feed(total, "kWh", household.now)
        if shown is not None:
            # The register is cut off at 1 Wh, which is 4 W over a quarter.
            assert abs(shown - Decimal(household.demand) / 1000) <= Decimal("0.004")
            compared += 1
    assert compared > 900


def read(data: bytes) -> Telegram:
    (item,) = Reader().feed(data)
    assert isinstance(item, Telegram)
    return item


class House:
    """One meter, judged as the coordinator does."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.judge = Judge(self.memory)
        self.demand = ComputedDemand(self.memory)

    def hear(self, data: bytes, wall: datetime = NOON) -> Verdict:
        telegram = read(data)
        return self.demand.add_to(self.judge.judge(telegram, wall), telegram, wall)


def dutch(time: str, low: str, **changes: str) -> bytes:
    return nl5({"0-0:1.0.0": f"({time}W)", "1-0:1.8.1": f"({low}*kWh)", **changes})


def test_a_meter_that_does_not_send_it_gets_it_computed_by_its_own_clock() -> None:
    house = House()
    first = house.hear(dutch("261121125959", "004512.345"))
    (slot,) = [slot for slot in first.new if slot.key == "demand_current"]
    assert slot.computed
    assert first.learned
    assert first.shown["electricity_demand_current"].value is None
    house.hear(dutch("261121130000", "004512.345"))
    later = house.hear(dutch("261121130730", "004512.545"))
    assert not later.new
    # 200 Wh in half of a quarter.
    assert later.shown["electricity_demand_current"].value == Decimal("0.800")
    assert later.shown["electricity_demand_current"].unit == "kW"


def test_a_demand_that_has_not_changed_is_the_very_same() -> None:
    house = House()
    house.hear(dutch("261121125959", "004512.345"))
    zero = house.hear(dutch("261121130000", "004512.345")).shown["electricity_demand_current"]
    assert zero.value == 0
    assert house.hear(dutch("261121130001", "004512.345")).shown["electricity_demand_current"] is zero
    # 1 Wh in a quarter of an hour.
    grown = house.hear(dutch("261121130002", "004512.346")).shown["electricity_demand_current"]
    assert grown.value == Decimal("0.004")
    assert house.hear(dutch("261121130003", "004512.346")).shown["electricity_demand_current"] is grown


def test_who_looks_at_nothing_but_what_moved_sees_the_demand_move() -> None:
    house, reader = House(), Reader()
    told = []
    before: Verdict | None = None
    for time, low in (
        *((f"2611211259{second}", "004512.345") for second in (57, 58, 59)),
        ("261121130000", "004512.345"),
        ("261121130730", "004512.545"),
        ("261121130731", "004512.545"),
    ):
        (telegram,) = reader.feed(dutch(time, low))
        assert isinstance(telegram, Telegram)
        verdict = house.demand.add_to(house.judge.judge(telegram, NOON), telegram, NOON)
        if before is not None and verdict.step is not None:
            moved = {slot for slot, one in verdict.shown.items() if one is not before.shown[slot]}
            assert moved == set(verdict.step.moved)
            told.append("electricity_demand_current" in moved)
        before = verdict
    # It is not known, begins with the hour, has grown, and stays.
    assert told[-4:] == [False, True, True, False]


def test_a_meter_that_sends_it_is_believed() -> None:
    verdict = House().hear(nl5({"1-0:1.4.0": "(01.234*kW)"}))
    assert verdict.shown["electricity_demand_current"].value == Decimal("1.234")
    assert not any(slot.computed for slot in verdict.new)


def test_a_meter_without_import_has_none() -> None:
    nothing = dict.fromkeys(("1-0:1.8.1", "1-0:1.8.2"))
    house = House()
    telegram = read(nl5(nothing))
    verdict = house.demand.add_to(house.judge.judge(telegram, NOON), telegram, NOON)
    assert "electricity_demand_current" not in verdict.shown


def test_a_total_that_is_not_believed_makes_no_demand() -> None:
    house = House()
    house.hear(dutch("261121125959", "004512.345"))
    house.hear(dutch("261121130000", "004512.345"))
    assert house.hear(dutch("261121130001", "000001.000")).shown["electricity_demand_current"].value is None


def test_a_new_meter_that_counts_higher_makes_no_demand() -> None:
    house = House()
    house.hear(dutch("261121125959", "004512.345"))
    house.hear(dutch("261121130000", "004512.345"))
    other = {"0-0:96.1.1": "(4530303437303030303939393939393939)"}
    for second in (1, 2, 3):
        house.hear(dutch(f"26112113000{second}", "031512.345", **other))
    house.judge.adopt(NOON)
    shown = house.hear(dutch("261121130004", "031512.345", **other)).shown
    assert shown["electricity_import_total"].value == Decimal("31512.345") + Decimal("3987.650")
    assert shown["electricity_demand_current"].value is None


def test_a_meter_without_a_clock_goes_by_ours() -> None:
    house = House()
    system = SYSTEMS["nl2"]
    household = Household(start=datetime(2026, 11, 20, 17, 59, 50, tzinfo=ZONE), system="nl2")
    shown = None
    for _ in range(47):
        shown = house.hear(system.compose(household), household.now).shown["electricity_demand_current"].value
        household.step(10)
    assert isinstance(shown, Decimal)
    assert shown > 0


def test_swedish_windows_are_hours() -> None:
    house = House()
    system = SYSTEMS["h1"]
    household = Household(start=datetime(2026, 11, 20, 17, 14, 50, tzinfo=ZONE), system="h1")
    for _ in range(4):
        # A quarter starts, an hour does not.
        verdict = house.hear(system.compose(household), household.now)
        assert verdict.shown["electricity_demand_current"].value is None
        household.step(10)
    assert house.memory.profile.demand_window == 3600


def test_a_register_in_joules_gets_none() -> None:
    house = House()
    for second in range(3):
        heard = house.hear(nl5({"0-0:1.0.0": f"(26112113000{second}W)", "1-0:1.8.0": "(000123.456*GJ)"}))
        assert heard.shown["electricity_demand_current"].value is None


def belgian(peaks: str, months: int) -> bytes:
    lines = {
        "0-0:96.1.4": "(50217)",
        "0-0:1.0.0": "(261121125900W)",
        "1-0:1.8.1": "(000100.000*kWh)",
        "1-0:1.8.2": "(000200.000*kWh)",
        "0-0:98.1.0": f"({months})(1-0:1.6.0)(1-0:1.6.0){peaks}",
        "1-0:1.7.0": "(01.500*kW)",
    }
    return compose(lines, "FLU5\\253769484_A")


def average(*sent: bytes) -> list[Decimal | None]:
    """Return the mean that is shown of each telegram."""
    judge, peaks, reader, means = Judge(Memory()), BilledPeaks(), Reader(), []
    for data in sent:
        (telegram,) = reader.feed(data)
        assert isinstance(telegram, Telegram)
        shown = judge.judge(telegram, NOON).shown
        peaks.apply_to(shown, telegram)
        value = shown[AVERAGE_PEAK].value
        assert value is None or isinstance(value, Decimal)
        means.append(value)
    return means


def test_a_month_peak_is_billed_as_two_and_a_half_kilowatts_at_least() -> None:
    # 1.2 counts as 2.5, a month without a peak does not count: (2.5 + 5.98) / 2.
    first = "(260901000000S)(632525252525W)(00.000*kW)(261001000000S)(260930181500S)(01.200*kW)"
    peaks = f"{first}(261101000000W)(261003000000S)(05.980*kW)"
    # In the month after that 3.02 come in: (2.5 + 5.98 + 3.02) / 3.
    later = f"{peaks}(261201000000W)(261103000000W)(03.020*kW)"
    shown = average(belgian(peaks, 3), belgian(peaks, 3), belgian(later, 4))
    assert shown == [Decimal("4.240"), Decimal("4.240"), Decimal("3.833")]


def test_only_the_last_twelve_months_are_billed() -> None:
    months = [(2025 + (9 + n) // 12, (9 + n) % 12 + 1) for n in range(13)]
    peaks = "".join(
        f"({year % 100:02d}{month:02d}01000000W)({year % 100:02d}{month:02d}01000000W)({9 if not n else 1:02d}.000*kW)"
        for n, (year, month) in enumerate(months)
    )
    assert average(belgian(peaks, 13)) == [Decimal("2.500")]


def test_no_month_and_no_list_have_no_mean() -> None:
    assert average(belgian("()", 0)) == [None]
    (telegram,) = Reader().feed(nl5())
    assert isinstance(telegram, Telegram)
    shown = Judge(Memory()).judge(telegram, NOON).shown
    BilledPeaks().apply_to(shown, telegram)
    assert AVERAGE_PEAK not in shown
