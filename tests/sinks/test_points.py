"""What a database of time series gets of a telegram: fields, units, types and times."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
import json
from pathlib import Path
import re
from typing import TYPE_CHECKING

import pytest

from p1meter.meter import REGISTERS, Obis, Reader, Reading, Telegram
from p1meter.sinks import Delivery
from p1meter.sinks.points import SMARTMETER, DataPoint, PointMaker, encode, milliseconds, packed, unpacked
from tests.compose import compose, nl5
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from p1meter.sink_settings import FieldNames

DOCS = Path(__file__).resolve().parents[2] / "docs"
RECEIVED = datetime(2026, 11, 21, 12, 0, 7, 250_000, tzinfo=UTC)
# 2026-11-21 is day 20778 since 1970: 56 years of 365 days, 14 leap days, 324 days of this year.
TELEGRAM_TIME = (20_778 * 86_400 + 11 * 3_600 + 59 * 60) * 1_000  # 12:59:00 in winter
CAPTURE_TIME = TELEGRAM_TIME - 240_000  # 12:55:00
# A Belgian meter, by day; it says its powers per phase, and to two digits its currents.
BELGIAN = {
    "0-0:96.1.4": "(50217)",
    "0-0:1.0.0": "(211024195235S)",
    "1-0:1.8.1": "(004248.198*kWh)",
    "1-0:1.8.2": "(006615.642*kWh)",
    "1-0:2.8.1": "(002278.958*kWh)",
    "1-0:2.8.2": "(000908.264*kWh)",
    "0-0:96.14.0": "(0002)",
    "1-0:1.7.0": "(00.507*kW)",
    "1-0:2.7.0": "(00.000*kW)",
    "1-0:21.7.0": "(00.245*kW)",
    "1-0:41.7.0": "(00.000*kW)",
    "1-0:61.7.0": "(00.261*kW)",
    "1-0:22.7.0": "(00.000*kW)",
    "1-0:42.7.0": "(00.000*kW)",
    "1-0:62.7.0": "(00.000*kW)",
    "1-0:32.7.0": "(227.1*V)",
    "1-0:52.7.0": "(000.0*V)",
    "1-0:72.7.0": "(226.7*V)",
    "1-0:31.7.0": "(001.53*A)",
    "1-0:51.7.0": "(001.94*A)",
    "1-0:71.7.0": "(001.65*A)",
    "0-1:24.1.0": "(003)",
    "0-1:96.1.1": "(37464C4F32313230323133393630)",
    "0-1:24.2.3": "(211024195005S)(03775.342*m3)",
}


def read(data: bytes) -> Telegram:
    reader = Reader()
    (telegram,) = reader.feed(data) + reader.close()
    assert isinstance(telegram, Telegram)
    return telegram


def deliver(data: bytes, *, received: datetime = RECEIVED, **more: Reading) -> Delivery:
    """Give the readings the names that the world knows them by; each meter is the first of its kind."""
    telegram = read(data)
    readings = {}
    for reading in telegram.readings.values():
        role = None if reading.channel is None else telegram.mbus[reading.channel].role
        if REGISTERS[reading.key].entity:
            readings[reading.key if role in {None, reading.key} else f"{role}_{reading.key}"] = reading
    return Delivery(telegram, readings | dict(telegram.unknown) | more, received)


def by_measurement(points: list[DataPoint]) -> dict[str, DataPoint]:
    found = {point.measurement: point for point in points}
    assert len(found) == len(points)
    return found


def points_of(data: bytes, names: FieldNames = "p1meter") -> dict[str, DataPoint]:
    return by_measurement(PointMaker(names).points(deliver(data)))


def test_two_points_each_with_its_own_time() -> None:
    points = points_of(nl5())
    assert {name: milliseconds(point.time) for name, point in points.items()} == {
        "electricity": TELEGRAM_TIME,
        "gas": CAPTURE_TIME,
    }
    assert points["gas"].fields == {"gas": 2569.646}
    fields = points["electricity"].fields
    assert {
        "import_tariff_1": 4512.345,
        "import_total": 8499.995,  # 4512.345 + 3987.650
        "power": 1193.0,  # W, though the meter says kW
        "power_import": 1.193,
        "power_l3": -300.0,
        "voltage_l1": 230.1,
        "current_l1": 4.0,
        "tariff": "normal",
        "power_failures": 4,
        "voltage_sags_l1": 2,
        # 14 June 2023 is day 19522; it was 12:23:17 UTC.
        "last_power_failure": (19_522 * 86_400 + 12 * 3_600 + 23 * 60 + 17) * 1_000,
    }.items() <= fields.items()
    assert not fields.keys() & {"message", "telegram_time", "gas", "equipment_id"}
    assert isinstance(fields["current_l1"], float)
    assert isinstance(fields["power_failures"], int)


def test_the_line_of_the_documentation() -> None:
    lines = encode(points_of(nl5()).values()).decode().splitlines()
    assert lines == (DOCS / "influxdb.md").read_text().partition("```text\n")[2].partition("```")[0].splitlines()
    assert lines[1] == f"gas gas=2569.646 {CAPTURE_TIME}"


def test_the_names_of_smartmeter() -> None:
    """What the other program wrote of such a telegram, name by name and type by type."""
    points = points_of(compose(BELGIAN, "FLU5\\253769484_A"), "smartmeter")
    assert {
        "total_consumption_day": 4248.198,
        "total_consumption_night": 6615.642,
        "total_injection_day": 2278.958,
        "total_injection_night": 908.264,
        "actual_tariff": 2,
        "actual_total_consumption": 0.507,
        "actual_total_injection": 0.0,
        "actual_l1_consumption": 0.245,
        "actual_l2_consumption": 0.0,
        "actual_l3_consumption": 0.261,
        "actual_l1_injection": 0.0,
        "actual_l2_injection": 0.0,
        "actual_l3_injection": 0.0,
        "l1_voltage": 227.1,
        "l2_voltage": 0.0,
        "l3_voltage": 226.7,
        "l1_current": 1.53,
        "l2_current": 1.94,
        "l3_current": 1.65,
    }.items() <= points["electricity"].fields.items()
    assert isinstance(points["electricity"].fields["actual_tariff"], int)
    assert points["gas"].fields == {"total_gas_consumption": 3775.342}
    assert points["electricity"].time.isoformat() == "2021-10-24T19:52:35+02:00"
    assert points["gas"].time.isoformat() == "2021-10-24T19:50:05+02:00"
    assert not points["electricity"].fields.keys() & SMARTMETER.keys()
    # It did not know this one, so it has our name.
    assert points["electricity"].fields["power"] == 507.0


def test_the_number_of_the_tariff_of_other_countries() -> None:
    for sent, number in (("0001", 1), ("0002", 2)):
        fields = points_of(nl5({"0-0:96.14.0": f"({sent})"}), "smartmeter")["electricity"].fields
        assert fields["actual_tariff"] == number
    assert "actual_tariff" not in points_of(nl5({"0-0:96.14.0": "(0000)"}), "smartmeter")["electricity"].fields


def test_the_mapping_in_the_documentation() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", (DOCS / "influxdb.md").read_text(), re.MULTILINE)
    assert {key: name for name, key in rows} == SMARTMETER
    assert set(SMARTMETER) <= set(REGISTERS)


def test_a_field_has_one_unit() -> None:
    """A meter that sends Wh and W, and one that sends kWh and kW, write the same numbers."""
    in_kilo = {
        "0-0:1.0.0": "(261121125900W)",
        "1-0:1.8.0": "(00009416.5*kWh)",
        "1-0:1.7.0": "(01.193*kW)",
        "1-0:2.7.0": "(00.000*kW)",
    }
    in_watts = {
        "0-0:1.0.0": "(261121125900W)",
        "1-0:1.8.0": "(009416500*Wh)",
        "1-0:1.7.0": "(001193*W)",
        "1-0:2.7.0": "(000000*W)",
    }
    expected = {"import_total": 9416.5, "power_import": 1.193, "power": 1193.0}
    for objects in (in_kilo, in_watts):
        fields = points_of(compose(objects, "TST5METER"))["electricity"].fields
        assert expected.items() <= fields.items()


@pytest.mark.parametrize(
    ("key", "value", "unit", "expected"),
    [
        ("heat", "1000", "kWh", 3.6),  # GJ
        ("heat", "12.345", "GJ", 12.345),
        ("water", "1234567", "l", 1234.567),  # m³
        ("heat_flow_max", "900", "l/h", 0.9),  # m³/h
        ("limiter_threshold", "40", "A", 40.0),  # no power can be made of it
        ("power_factor", "0.98", None, 0.98),
    ],
)
def test_units_of_other_meters(key: str, value: str, unit: str | None, expected: float) -> None:
    reading = Reading(key, Decimal(value), unit, None, None, None)
    (point,) = PointMaker().points(Delivery(read(nl5()), {key: reading}, RECEIVED))
    assert point.fields == {key: expected}


def test_a_field_never_changes_its_type() -> None:
    """Whatever meter sends: a name is a float, an integer or a text, always the same one, with either names."""
    types: dict[tuple[str, str], set[type]] = defaultdict(set)
    for system in SYSTEMS.values():
        if system.cipher is not None:
            continue
        household = Household(start=datetime(2026, 11, 20, 12, tzinfo=ZONE), system=system.name)
        makers = [PointMaker("p1meter"), PointMaker("smartmeter")]
        for _ in range(3):
            household.step(3_700)
            delivery = deliver(system.compose(household))
            for point in (point for maker in makers for point in maker.points(delivery)):
                for name, value in point.fields.items():
                    types[point.measurement, name].add(type(value))
    assert {measurement for measurement, _ in types} >= {"electricity", "gas", "water"}
    assert {kind: found for kind, found in types.items() if len(found) > 1} == {}
    for (_, name), found in types.items():
        if (register := REGISTERS.get(name)) is not None and register.quantity not in {None, "time"}:
            assert found == {float}, name


def test_a_code_that_nobody_knows_may_be_a_number_or_a_text() -> None:
    """And the same code may be one today and the other tomorrow, which a field may not."""
    obis = Obis.parse("0-0:97.99.0")

    def reading(value: Decimal | datetime | str | None) -> Reading:
        return Reading(str(obis), value, None, None, obis, None)

    maker = PointMaker()
    moment = datetime(1970, 1, 2, tzinfo=UTC)
    found = [
        maker.points(Delivery(read(nl5()), {str(obis): reading(value)}, RECEIVED))
        for value in (Decimal("7.5"), "two\r\nlines", moment, None)
    ]
    assert [point.fields for points in found for point in points] == [
        {"0-0:97.99.0": 7.5},
        {"0-0:97.99.0_text": "two  lines"},
        {"0-0:97.99.0_time": 86_400_000},
    ]


def test_what_is_not_of_its_registers_type_is_left_out() -> None:
    readings = {
        "voltage_l1": Reading("voltage_l1", "high", None, None, None, None),
        "power_failures": Reading("power_failures", Decimal(4), None, None, None, None),
        "last_reset": Reading("last_reset", "never", None, None, None, None),
        "tariff": Reading("tariff", "low", None, None, None, None),
        "current_l1": Reading("current_l1", 4, "A", None, None, None),
    }
    (point,) = PointMaker().points(Delivery(read(nl5()), readings, RECEIVED))
    assert point.fields == {"tariff": "low", "current_l1": 4.0}
    assert isinstance(point.fields["current_l1"], float)


# --- when ------------------------------------------------------------------------------------------------------------


def test_gas_is_written_when_it_was_captured_anew() -> None:
    maker = PointMaker()
    written = []
    for minute in range(55, 60):
        at = "261121125500W" if minute < 58 else "261121125800W"
        data = nl5({"0-0:1.0.0": f"(26112112{minute}30W)", "0-1:24.2.1": f"({at})(02569.646*m3)"})
        written.append([point.measurement for point in maker.points(deliver(data))])
    both, only = ["electricity", "gas"], ["electricity"]
    # At 12:58 it has the same reading, but a new capture: nothing was burnt, which is worth a point.
    assert written == [both, only, only, both, only]


def test_a_restart_writes_the_same_point_again() -> None:
    """The database has it once: a point is known by its measurement and time."""
    before, after = points_of(nl5()), points_of(nl5({"0-0:1.0.0": "(261121130000W)"}))
    assert before["gas"] == after["gas"]


def test_several_meters_on_the_m_bus() -> None:
    data = nl5(
        {
            "0-2:24.1.0": "(007)",
            "0-2:96.1.0": "(3031)",
            "0-2:24.2.1": "(261121124500W)(00123.456*m3)",
            "0-1:24.4.0": "(1)",
        }
    )
    points = points_of(data)
    assert points["gas"].fields == {"gas": 2569.646, "valve_state": "open"}
    assert points["water"].fields == {"water": 123.456}
    assert milliseconds(points["water"].time) == TELEGRAM_TIME - 14 * 60_000


def test_the_second_gas_meter() -> None:
    delivery = deliver(nl5())
    gas = delivery.readings["gas"]
    readings = {"gas_2": gas, "gas_2_valve_state": replace(gas, key="valve_state", value="open")}
    (point,) = PointMaker("smartmeter").points(Delivery(delivery.telegram, readings, RECEIVED))
    assert point.measurement == "gas_2"
    assert point.fields == {"total_gas_consumption": 2569.646, "valve_state": "open"}


def test_a_meter_on_the_m_bus_without_a_clock() -> None:
    """It has a point when its reading is another one, at the telegram's time."""
    maker = PointMaker()
    telegram = read(nl5())
    written = []
    for minute, cubic_metres in enumerate(("1.000", "1.000", "1.001", "1.001", "1.002")):
        reading = Reading("water", Decimal(cubic_metres), "m3", None, None, 4)  # there is no stamp for channel 4
        later = replace(telegram, time=datetime(2026, 11, 21, 12, minute, tzinfo=UTC))
        written += maker.points(Delivery(later, {"water": reading}, RECEIVED))
    assert [(point.time.minute, point.fields["water"]) for point in written] == [(0, 1.0), (2, 1.001), (4, 1.002)]


def test_a_meter_without_a_clock_is_written_at_the_time_of_reception() -> None:
    """To the millisecond, so that two telegrams of the same second stay two points."""
    maker = PointMaker()
    data = nl5({"0-0:1.0.0": None})
    first, second = (
        maker.points(deliver(data, received=RECEIVED + timedelta(milliseconds=after)))[0] for after in (0, 600)
    )
    assert milliseconds(second.time) - milliseconds(first.time) == 600
    # 12:00:07.250 is 67.25 s after 12:59:00 in winter.
    assert milliseconds(first.time) == TELEGRAM_TIME + 67_250


def test_the_hour_that_comes_twice() -> None:
    """02:30 in summer time and 02:30 in winter time are an hour apart."""
    maker = PointMaker()
    summer, winter = (
        by_measurement(
            maker.points(
                deliver(nl5({"0-0:1.0.0": f"(261025023000{dst})", "0-1:24.2.1": f"(261025022500{dst})(1.0*m3)"}))
            )
        )
        for dst in "SW"
    )
    for measurement in ("electricity", "gas"):
        assert milliseconds(winter[measurement].time) - milliseconds(summer[measurement].time) == 3_600_000
    assert summer["electricity"].time == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("interval", "electricity", "gas"),
    [
        (0, [0, 4, 10, 14, 20, 24, 30], [0, 20, 25]),
        (10, [0, 10, 20, 30], [0, 20]),  # 20 and 25 are in the same ten seconds
        (30, [0, 30], [0]),
    ],
)
def test_interval(interval: int, electricity: list[int], gas: list[int]) -> None:
    """One point in each interval of the clock, so telegrams that are a little early or late do not leave one out."""
    maker = PointMaker(interval=interval)
    written = defaultdict(list)
    for second, captured in ((0, 0), (4, 0), (10, 0), (14, 0), (20, 20), (24, 20), (30, 25)):
        data = nl5(
            {
                "0-0:1.0.0": f"(2611211200{second:02}W)",
                "0-1:24.2.1": f"(2611211200{captured:02}W)(1.0*m3)",
            }
        )
        for point in maker.points(deliver(data)):
            written[point.measurement].append(point.time.second)
    assert written == {"electricity": electricity, "gas": gas}


# --- lines -----------------------------------------------------------------------------------------------------------


def test_texts_are_quoted() -> None:
    point = DataPoint("electricity", datetime(1970, 1, 1, tzinfo=UTC), {"message": 'a "b" \\ c, d=1', "n": 5, "x": 0.5})
    assert encode([point]) == b'electricity message="a \\"b\\" \\\\ c, d=1",n=5i,x=0.5 0'


def test_fields_that_are_left_out() -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC)
    points = [DataPoint("a", moment, {"x": 1.0, "y": 2.0}), DataPoint("b", moment, {"x": 3.0})]
    assert encode(points, {("a", "x"), ("b", "x")}) == b"a y=2 0"
    assert encode([]) == b""


def test_what_has_waited_is_written_as_if_it_had_not() -> None:
    moment = datetime(2026, 10, 25, 2, 59, 59, 999_000, tzinfo=ZONE, fold=1)
    fields: dict[str, float | int | str] = {
        "energy": 0.1 + 0.2,
        "power": -5.0,
        "failures": 7,
        "message": 'une "é", \\ 5 €\udc80',
    }
    points = [DataPoint("electricity", moment, fields), DataPoint("gas", moment - timedelta(days=1), {"gas": 1e-9})]
    waited = unpacked(packed(points))
    assert waited == [point._replace(time=point.time.astimezone(UTC)) for point in points]
    # What is an integer in the database is one still, and what is none is none.
    assert [type(value) for point in waited for value in point.fields.values()] == [float, float, int, str, float]


# --- the dashboard ---------------------------------------------------------------------------------------------------


def test_the_dashboard_asks_for_fields_that_there_are() -> None:
    dashboard = json.loads((DOCS / "grafana-p1meter.json").read_text())
    queries = [target["query"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert len(queries) > 10
    devices = {register.device for register in REGISTERS.values()}
    for query in queries:
        measurements = re.findall(r'FROM "(\w+)"', query)
        assert len(measurements) == 1, query
        assert measurements[0] in devices
        fields = re.findall(r'"(\w+)"', query.partition("FROM")[0].replace(" AS ", "\0").split("\0")[0])
        assert fields, query
        for field in fields:
            assert REGISTERS[field].device == measurements[0], query


@pytest.mark.parametrize("system", [name for name, system in SYSTEMS.items() if system.cipher is None])
def test_every_meter_has_its_electricity_in_the_dashboard(system: str) -> None:
    """Not all send tariffs."""
    dashboard = json.loads((DOCS / "grafana-p1meter.json").read_text())
    data = SYSTEMS[system].compose(Household(start=datetime(2026, 11, 20, 12, tzinfo=ZONE), system=system))
    sent = {field for point in PointMaker().points(deliver(data)) for field in point.fields}
    panels = [panel for panel in dashboard["panels"] if panel["title"] in {"Meter, import", "Electricity per day"}]
    assert len(panels) == 2
    for panel in panels:
        assert any(f'"{field}"' in target["query"] for target in panel["targets"] for field in sent), panel["title"]


def test_a_meter_whose_clock_was_never_set_gives_the_time_of_reception() -> None:
    """Some meters say 2000-01-01 for years."""
    points = PointMaker().points(deliver(nl5({"0-0:1.0.0": "(000101000000W)"})))
    assert {point.time for point in points if point.measurement == "electricity"} == {RECEIVED}
