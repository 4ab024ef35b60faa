"""Which entities of other integrations show the same as ours, and how their sums go on."""

from itertools import pairwise

import pytest

from p1meter.joint import Row
from p1meter.meter import REGISTERS
from p1meter.pairs import TABLES, Old, Ours, continued, keys_of, last_over, pair

NOW = 1_800_000_000.0
HOUR = 3600.0
DAY = 24 * HOUR
# A Dutch meter with two tariffs, a gas meter and one phase.
METER = (
    Ours(slot="electricity_import_total", key="import_total", amount=8500.0),
    Ours(slot="electricity_import_tariff_1", key="import_tariff_1", amount=4512.345),
    Ours(slot="electricity_import_tariff_2", key="import_tariff_2", amount=3987.655),
    Ours(slot="electricity_export_tariff_1", key="export_tariff_1", amount=0.0),
    Ours(slot="electricity_tariff", key="tariff", options=("none", "low", "normal")),
    Ours(slot="electricity_power", key="power", amount=1193.0),
    Ours(slot="electricity_power_import", key="power_import", amount=1.193),
    Ours(slot="electricity_power_export", key="power_export", amount=0.0),
    Ours(slot="electricity_power_import_l1", key="power_import_l1", amount=1.193),
    Ours(slot="electricity_voltage_l1", key="voltage_l1", amount=230.1),
    Ours(slot="electricity_current_l1", key="current_l1", amount=4.0),
    Ours(slot="gas_gas", key="gas", amount=2569.646),
    Ours(slot="water_water", key="water"),
)


def dsmr(end: str, amount: float | None = None, *, ago: float = 60, group: str = "dsmr", **more: object) -> Old:
    """An entity of core's `dsmr`."""
    at = None if amount is None else NOW - ago
    return Old(
        entity_id=f"sensor.{end}",
        group=group,
        platform="dsmr",
        unique_id=f"E0047_{end}",
        amount=amount,
        at=at,
        **more,  # type: ignore[arg-type]  # what the test is about
    )


def esphome(name: str, quantity: str | None, amount: float | None = None) -> Old:
    """An entity of an ESPHome device."""
    return Old(
        entity_id=f"sensor.{name.lower().replace(' ', '_')}",
        group="p1 reader",
        platform="esphome",
        unique_id=f"A0-sensor-{name}",
        name=name,
        quantity=quantity,
        amount=amount,
        at=NOW,
    )


LOW = dsmr("electricity_used_tariff_1", 4512.345)


def pairs(*olds: Old) -> dict[str, str]:
    """Return the ends of the entity ids, by slot."""
    return {one.slot: one.old.entity_id.removeprefix("sensor.") for one in pair(olds, METER, NOW)}


def test_the_tables_name_registers_that_there_are() -> None:
    assert {key for table in TABLES.values() for key in table.values()} <= REGISTERS.keys()


def test_what_dsmr_has_is_found_by_its_unique_ids() -> None:
    found = pairs(
        dsmr("electricity_used_tariff_2", 3987.65),
        LOW,
        dsmr("current_electricity_usage", 1.2),
        dsmr("instantaneous_active_power_l1_positive", 1.2),
        dsmr("instantaneous_voltage_l1", 230.0),
        dsmr("timestamp"),
        # It shows no zero.
        dsmr("electricity_delivered_tariff_1"),
        Old(
            entity_id="sensor.gas",
            group="dsmr",
            platform="dsmr",
            unique_id="G0079",
            quantity="gas",
            amount=2569.6,
            at=NOW,
        ),
    )
    assert found == {
        "electricity_import_tariff_1": "electricity_used_tariff_1",
        "electricity_import_tariff_2": "electricity_used_tariff_2",
        "electricity_export_tariff_1": "electricity_delivered_tariff_1",
        "electricity_power_import": "current_electricity_usage",
        "electricity_power_import_l1": "instantaneous_active_power_l1_positive",
        "electricity_voltage_l1": "instantaneous_voltage_l1",
        "gas_gas": "gas",
    }


@pytest.mark.parametrize(
    ("amount", "ago", "is_ours"),
    [
        (4512.345, 60, True),
        (4512.30, 60, True),
        # Seconds apart the other one may be a little ahead.
        (4512.40, 0, True),
        (4512.50, 60, False),
        # In a minute a house uses 1 kWh at the most (60 in an hour), in a day 1440.
        (4511.30, 60, True),
        (4500.00, 60, False),
        (3500.00, DAY, True),
        (3000.00, DAY, False),
        # The meter before ours, or another house.
        (51_000.00, 365 * DAY, False),
    ],
)
def test_a_total_has_to_lead_up_to_ours(amount: float, ago: float, *, is_ours: bool) -> None:
    assert bool(pairs(dsmr("electricity_used_tariff_1", amount, ago=ago))) is is_ours


@pytest.mark.parametrize(
    ("amount", "ago", "is_sure"),
    [
        (4512.345, 60, True),
        (4412.40, 2 * DAY, True),
        # 100.4 kWh: hardly used in two days.
        (4411.90, 2 * DAY, False),
        (4500.00, 3 * DAY, False),
        # It may be ours of a year ago; and just as well a washing machine's.
        (7.00, 365 * DAY, False),
        (800.00, 500 * DAY, False),
    ],
)
def test_what_was_recorded_long_ago_is_possible_but_not_sure(amount: float, ago: float, *, is_sure: bool) -> None:
    olds = [dsmr("electricity_used_tariff_1", amount, ago=ago), dsmr("current_electricity_usage", 1.2)]
    found = pair(olds, METER, NOW)
    # What is no total is as sure as what proves it.
    assert {one.slot: one.is_sure for one in found} == {
        "electricity_import_tariff_1": is_sure,
        "electricity_power_import": is_sure,
    }


def test_of_gas_50_cubic_metres_are_sure() -> None:
    def gas(amount: float) -> Old:
        return Old(
            entity_id="sensor.g",
            group="a",
            platform="dsmr",
            unique_id="G1",
            quantity="gas",
            amount=amount,
            at=NOW - DAY,
        )

    assert [one.is_sure for one in pair([gas(2519.7)], METER, NOW)] == [True]
    assert [one.is_sure for one in pair([gas(2519.6)], METER, NOW)] == [False]


def test_of_two_that_show_the_same_the_sure_one_is_taken() -> None:
    # Recorded an hour later than that of a group of which nothing is sure.
    unsure = dsmr("electricity_used_tariff_1", 4312.345, ago=4 * HOUR, group="unsure")
    (found,) = pair([unsure, dsmr("electricity_used_tariff_1", 4512.0, ago=5 * HOUR)], METER, NOW)
    assert (found.old.group, found.is_sure) == ("dsmr", True)


def test_a_zero_proves_nothing_else() -> None:
    # Whoever has no solar panels has one.
    zero = dsmr("electricity_delivered_tariff_1", 0.0)
    (alone,) = pair([zero, dsmr("current_electricity_usage", 1.2)], METER, NOW)
    assert (alone.slot, alone.is_sure) == ("electricity_export_tariff_1", False)
    found = pair([zero, LOW], METER, NOW)
    assert [one.is_sure for one in found] == [True, True]
    # Nothing recorded at all is not even that.
    assert pairs(dsmr("electricity_delivered_tariff_1")) == {}
    found = pair([dsmr("electricity_delivered_tariff_1"), LOW], METER, NOW)
    assert [one.is_sure for one in found] == [True, True]


def test_a_total_of_which_nothing_is_known_is_nobodys() -> None:
    assert pairs(dsmr("electricity_used_tariff_1")) == {}
    water = Old(entity_id="sensor.w", group="a", platform="dsmr", unique_id="W1", quantity="water", amount=3.0, at=NOW)
    assert pairs(water) == {}


def test_without_a_total_that_proves_it_nothing_is_paired() -> None:
    assert pairs(dsmr("current_electricity_usage", 1.2)) == {}
    assert pairs(LOW, dsmr("current_electricity_usage", 1.2, group="another meter")).keys() == {
        "electricity_import_tariff_1"
    }


def test_of_two_that_show_the_same_the_one_recorded_last_is_taken() -> None:
    older = dsmr("electricity_used_tariff_1", 4512.0, ago=DAY, group="older")
    (found,) = pair([LOW, older], METER, NOW)
    assert found.old.group == "dsmr"
    (found,) = pair([older, LOW], METER, NOW)
    assert found.old.group == "dsmr"


@pytest.mark.parametrize(("options", "same"), [(("low", "normal"), True), (("low", "high"), False), ((), True)])
def test_words_that_ours_does_not_have_are_noticed(options: tuple[str, ...], *, same: bool) -> None:
    found = pair([LOW, dsmr("electricity_active_tariff", options=options)], METER, NOW)
    assert [one.same_words for one in found if one.slot == "electricity_tariff"] == [same]


def test_homewizard_has_the_net_power() -> None:
    def homewizard(end: str, amount: float) -> Old:
        return Old(
            entity_id=f"sensor.{end}",
            group="p1",
            platform="homewizard",
            unique_id=f"HWE-P1_5c2faf_{end}",
            amount=amount,
            at=NOW,
        )

    gas = Old(
        entity_id="sensor.gas",
        group="p1",
        platform="homewizard",
        unique_id="homewizard_gas_meter_G001",
        quantity="gas",
        amount=2569.646,
        at=NOW,
    )
    found = pairs(homewizard("total_power_import_kwh", 8500.0), homewizard("active_power_w", 1190.0), gas)
    assert found == {
        "electricity_import_total": "total_power_import_kwh",
        "electricity_power": "active_power_w",
        "gas_gas": "gas",
    }
    # A meter of another house.
    assert pairs(homewizard("total_power_import_kwh", 12.0), homewizard("active_power_w", 40.0)) == {}


@pytest.mark.parametrize("product", ["HWE-SKT", "HWE-KWH1", "SDM230-wifi"])
def test_no_other_device_of_homewizard_is_the_meter(product: str) -> None:
    def of(unique_id: str) -> Old:
        return Old(
            entity_id=f"sensor.{unique_id}",
            group="a",
            platform="homewizard",
            unique_id=unique_id,
            amount=4312.0,
            at=NOW - 100 * DAY,
        )

    assert pairs(of(f"{product}_3c39_total_power_import_t1_kwh")) == {}
    assert pairs(of("HWE-P1_3c39_total_power_import_t1_kwh")).keys() == {"electricity_import_tariff_1"}


def test_dsmr_reader_has_one_unique_id_a_topic() -> None:
    def reader(topic: str, amount: float | None = None) -> Old:
        return Old(
            entity_id=f"sensor.dsmr_{topic}",
            group="reader",
            platform="dsmr_reader",
            unique_id=f"01ABC-dsmr_{topic}",
            quantity="gas" if "gas" in topic else None,
            amount=amount,
            at=NOW,
        )

    found = pairs(
        reader("reading_electricity_delivered_1", 4512.345),
        reader("reading_electricity_currently_returned", 0.0),
        reader("consumption_gas_delivered", 2569.646),
        # Of a day: no register of the meter.
        reader("day_consumption_gas", 2569.646),
        reader("day_consumption_electricity1", 4512.345),
    )
    assert found == {
        "electricity_import_tariff_1": "dsmr_reading_electricity_delivered_1",
        "electricity_power_export": "dsmr_reading_electricity_currently_returned",
        "gas_gas": "dsmr_consumption_gas_delivered",
    }


@pytest.mark.parametrize(
    ("name", "quantity", "keys"),
    [
        ("Energy Consumed Tariff 1", "energy", ("import_tariff_1",)),
        ("Energy Produced Tariff 2", "energy", ("export_tariff_2",)),
        ("Energieverbruik T1", "energy", ("import_tariff_1",)),
        ("Heat Energy", "energy", ("heat", "cooling")),
        ("Washing Machine Energy", "energy", ()),
        ("Power Consumed", "power", ("power_import",)),
        ("Power Returned L2", "power", ("power_export_l2",)),
        ("Net Power", "power", ("power",)),
        ("Power", "power", ()),
        ("Voltage Phase 3", "voltage", ("voltage_l3",)),
        ("Current", "current", ("current_l1",)),
        ("Gas Consumed", "gas", ("gas",)),
        ("Water", "water", ("water", "warm_water", "hot_water", "cold_water")),
        ("Wifi Signal", None, ()),
        ("Gasverbruik", None, ("gas",)),
        ("Uptime", "duration", ()),
    ],
)
def test_others_are_known_by_what_they_are_called(name: str, quantity: str | None, keys: tuple[str, ...]) -> None:
    assert keys_of(esphome(name, quantity)) == keys


def test_a_total_needs_a_word_for_its_way_or_tariff_and_the_reading_says_the_rest() -> None:
    found = keys_of(esphome("Energy low tariff", "energy"))
    assert {"import_total", "import_tariff_4", "export_total", "export_tariff_1"} <= set(found)
    # Nearest of those that it could be: 8500, 4512.345 or 3987.655.
    assert pairs(esphome("Energy low tariff", "energy", 4512.3)) == {"electricity_import_tariff_1": "energy_low_tariff"}
    assert pairs(esphome("Energy T1", "energy", 4512.3)) == {"electricity_import_tariff_1": "energy_t1"}
    assert pairs(esphome("Energy", "energy", 4512.3)) == {}


def test_what_is_left_of_an_integration_that_is_gone_is_known_by_its_id() -> None:
    left = Old(entity_id="sensor.energy_consumption_tarif_1", group="1", amount=4100.0, at=NOW - 30 * DAY)
    # Nobody knows whose it was.
    power = Old(entity_id="sensor.power_consumption", group="2", amount=0.4, at=NOW - 30 * DAY)
    washing_machine = Old(entity_id="sensor.washing_machine_energy", group="3", amount=800.0, at=NOW - 500 * DAY)
    assert pairs(left, power, washing_machine) == {"electricity_import_tariff_1": "energy_consumption_tarif_1"}
    assert keys_of(Old(entity_id="", group="")) == ()


# --- sums that go on --------------------------------------------------------------------------------------------------


def rows(*states_and_sums: tuple[float, float], start: float = 0) -> list[Row]:
    """Return rows of an hour each."""
    return [Row(start + number * HOUR, state, total) for number, (state, total) in enumerate(states_and_sums)]


def test_rows_of_both_go_on_from_the_last_of_the_first() -> None:
    last = Row(2 * HOUR, 102.0, 50.0)
    # Ours began an hour later and has run beside it since.
    ours = rows((101.0, 0.0), (102.0, 1.0), (103.5, 2.5), (104.0, 3.0), start=HOUR)
    assert continued(last, ours) == rows((103.5, 51.5), (104.0, 52.0), start=3 * HOUR)


def test_what_was_used_between_the_two_is_in_the_first_row() -> None:
    last = Row(0, 102.0, 50.0)
    ours = rows((110.0, 0.5), (111.0, 1.5), start=8 * HOUR)
    assert continued(last, ours) == rows((110.0, 58.0), (111.0, 59.0), start=8 * HOUR)


def test_a_meter_that_shows_less_adds_nothing() -> None:
    last = Row(0, 102.0, 50.0)
    ours = rows((7.0, 0.0), (8.0, 1.0), start=HOUR)
    assert [row.sum for row in continued(last, ours)] == [50.0, 51.0]


def test_what_both_have_counted_is_counted_once() -> None:
    # The other one was read a few seconds later than ours.
    last = Row(0, 100.004, 50.0)
    found = continued(last, rows((100.0, 7.0), (101.0, 8.0)))
    assert [round(row.sum, 6) for row in found] == [50.996]
    # Nearly nothing is used: ours is still behind it, and that is no new meter.
    found = continued(last, rows((100.0, 7.0), (100.002, 7.002), (101.0, 8.0)))
    assert round(found[-1].sum, 6) == 50.996
    # Ours missed two hours that the other one has: 100 … 103, 104.
    last = Row(2 * HOUR, 103.0, 50.0)
    found = continued(last, [Row(0, 100.0, 7.0), Row(3 * HOUR, 104.0, 11.0)])
    assert [row.sum for row in found] == [51.0]


def test_a_new_meter_after_hours_that_only_the_other_one_has() -> None:
    # Ours counted 3 kWh of the new meter; what was used of the old one until then is in the other's sum.
    last = Row(2 * HOUR, 103.0, 50.0)
    found = continued(last, [Row(0, 100.0, 7.0), Row(3 * HOUR, 3.0, 10.0)])
    assert [row.sum for row in found] == [53.0]


def test_a_new_meter_before_the_five_minutes_that_are_kept() -> None:
    """The other one ended twenty days ago; five days later the meter was replaced by one that shows 4000 kWh more."""

    def at_the_end_of(hour: int) -> tuple[float, float]:
        used = 0.5 * (hour + 1)
        return (5000 + used if hour < 5 * 24 else 9000 + used), used

    hours = [Row(hour * HOUR, *at_the_end_of(hour)) for hour in range(20 * 24)]
    periods = [Row(hour * HOUR + 11 * HOUR / 12, *at_the_end_of(hour)) for hour in range(10 * 24, 20 * 24)]
    last = Row(0, 5000.5, 1000.0)
    found = continued(last, hours)
    assert found[-1].sum == 1000.0 + 0.5 * (20 * 24 - 1)
    short = continued(last_over(last, found, periods), periods)
    assert [row.start for row in short] == [row.start for row in periods]
    # The recorder makes the next hour of the newest five minutes.
    assert short[-1].sum == found[-1].sum
    assert last_over(last, found, []) == last
    assert last_over(last, found, [Row(30 * 60, 5000.25, 0.25)]) == last


def test_five_minutes_and_hours_come_to_the_same() -> None:
    # The other one ends at 11:20 with 100.204; its hour ended with 100.004. Ours shows 0.004 less all the time.
    hours = continued(Row(10 * HOUR, 100.004, 50.0), [Row(10 * HOUR, 100.0, 7.0), Row(11 * HOUR, 100.6, 7.6)])
    five = HOUR / 12
    periods = continued(
        Row(11 * HOUR + 3 * five, 100.204, 50.2),
        [
            Row(11 * HOUR + 3 * five, 100.2, 7.2),
            Row(11 * HOUR + 4 * five, 100.3, 7.3),
            Row(11 * HOUR + 11 * five, 100.6, 7.6),
        ],
    )
    # 0.6 less the 0.004 that were counted before.
    assert round(hours[-1].sum, 6) == round(periods[-1].sum, 6) == 50.596


def test_nothing_later_is_nothing_to_go_on_with() -> None:
    assert continued(Row(5 * HOUR, 1.0, 1.0), rows((1.0, 0.0), (1.0, 0.0))) == []


def test_each_row_keeps_what_was_used_in_it() -> None:
    ours = rows((1.0, 0.0), (3.0, 2.0), (3.5, 2.5), (9.0, 8.0))
    found = continued(Row(0, 1.0, 77.0), ours)
    used = [after.sum - before.sum for before, after in pairwise(found)]
    assert used == [0.5, 5.5]
