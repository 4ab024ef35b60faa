"""What is published over MQTT; docs/mqtt.md promises it, and its examples are worked out by hand."""

from datetime import UTC, datetime
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from p1meter.archive.selection import Selection
from p1meter.judge import Judge
from p1meter.memory import Memory
from p1meter.meter import Obis, Reader, Telegram
from p1meter.sinks import Delivery
from p1meter.sinks.layouts import LONGEST_PREFIX, is_prefix, messages, status_topic
from tests.compose import ELECTRICITY_ID, GAS_ID, compose, nl5
from tests.needs import ROOT
from tests.simulation.checksum import crc16

if TYPE_CHECKING:
    from collections.abc import Mapping

    from p1meter.sink_settings import MqttLayout

PREFIX = "p1meter/iskra_am550"
RECEIVED = datetime(2026, 11, 21, 11, 59, 1, tzinfo=UTC)
ALL = Selection(None)
DOCS = (ROOT / "docs/mqtt.md").read_text()


def deliver(data: bytes) -> Delivery:
    """What becomes of a telegram before it is handed to a sink."""
    (telegram,) = Reader().feed(data)
    assert isinstance(telegram, Telegram)
    shown = Judge(Memory()).judge(telegram, RECEIVED).shown
    names = {slot: slot.removeprefix("electricity_").replace("gas_gas", "gas") for slot in shown}
    return Delivery(telegram, {names[slot]: reading for slot, reading in shown.items()}, RECEIVED)


def said(layout: MqttLayout, *deliveries: Delivery, selection: Selection = ALL) -> dict[str, str]:
    """Return the payloads by topic."""
    told = list(messages([layout], deliveries, PREFIX, selection))
    payloads = {message.topic: message.payload for message in told}
    assert len(payloads) == len(told)
    return payloads


def one(layout: MqttLayout, data: bytes, selection: Selection = ALL) -> Any:
    """Return the only telegram of an array, or the only object."""
    (payload,) = said(layout, deliver(data), selection=selection).values()
    read = json.loads(payload)
    return read[0] if isinstance(read, list) else read


def ordered(text: str) -> Any:
    """Read JSON so that the order of its keys counts."""
    return json.loads(text, object_pairs_hook=lambda pairs: pairs)


def example(heading: str, language: str) -> str:
    """Return the example below a heading of the documentation."""
    section = DOCS.split(f"\n### {heading}\n")[1].split("\n#")[0]
    return block(section, language)


def block(text: str, language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(found)


def documented(changes: Mapping[str, str] | None = None) -> Delivery:
    """The telegram of the documentation."""
    text = block(DOCS, "telegram").rstrip("\n")
    body, _, checksum = text.rpartition("!")
    body += "!"
    assert f"{crc16(body.replace('\n', '\r\n').encode()):04X}" == checksum
    for old, new in (changes or {}).items():
        assert old in body
        body = body.replace(old, new)
    sent = body.replace("\n", "\r\n").encode()
    return deliver(sent + f"{crc16(sent):04X}\r\n".encode())


# --- the documentation -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["topics", "dsmr_reader"])
def test_each_value_has_its_topic_as_documented(layout: MqttLayout) -> None:
    lines = [f"{message.topic} {message.payload}" for message in messages([layout], [documented()], PREFIX, ALL)]
    assert lines == example(layout, "text").splitlines()


@pytest.mark.parametrize(
    ("layout", "topic"), [("json", f"{PREFIX}/telegram"), ("smartmeter_reader", PREFIX), ("json_array", "")]
)
def test_the_objects_are_as_documented_and_in_that_order(layout: MqttLayout, topic: str) -> None:
    deliveries, selection = [documented()], ALL
    if layout == "json_array":
        topic = f"{PREFIX}/telegrams"
        deliveries.append(documented({"125900W": "125901W", "1.7.0(01.193": "1.7.0(01.201"}))
        selection = Selection({Obis.parse("1-0:1.7.0"), Obis.parse("0-0:1.0.0")})
    payloads = said(layout, *deliveries, selection=selection)
    assert payloads.keys() == {topic}
    assert f"`{topic}`" in DOCS
    assert ordered(payloads[topic]) == ordered(example(layout, "json"))


def test_the_layouts_come_in_the_order_in_which_they_were_chosen() -> None:
    told = messages(["json", "topics"], [documented()], PREFIX, ALL)
    topics = [message.topic for message in told]
    assert topics[0] == f"{PREFIX}/telegram"
    assert topics[1] == f"{PREFIX}/dsmr_version"
    assert len(topics) == 1 + 21


@pytest.mark.parametrize(
    ("layout", "topic"),
    [("topics", f"{PREFIX}/power_import"), ("dsmr_reader", "dsmr/reading/electricity_currently_delivered")],
)
def test_the_newest_counts_where_there_is_one_only(layout: MqttLayout, topic: str) -> None:
    newer = documented({"1.7.0(01.193": "1.7.0(01.201"})
    assert said(layout, documented(), newer)[topic] == "1.201"
    (payload,) = said("json", documented(), newer).values()
    assert json.loads(payload)["readings"]["power_import"]["value"] == 1.201


# --- every object ----------------------------------------------------------------------------------------------------


def test_the_object_holds_everything_that_was_sent_also_what_nobody_knows() -> None:
    data = nl5({"1-0:199.99.0": "(12.5*XY)(abc)", "0-0:96.13.0": "(41E4)"})
    lines = data.decode().split("\r\n")[2:-2]
    objects = one("json", data)["objects"]
    assert [f"{sent['code']}({')('.join(sent['values'])})" for sent in objects] == lines


def test_a_code_that_nobody_knows_is_its_own_topic() -> None:
    assert said("topics", deliver(nl5({"1-0:199.99.0": "(12.5*kW)"})))[f"{PREFIX}/1-0:199.99.0"] == "12.5"


def test_what_has_no_valid_value_is_null_and_has_no_topic() -> None:
    data = nl5({"1-0:32.7.0": "(---*V)"})
    assert one("json", data)["readings"]["voltage_l1"] == {"value": None, "unit": None, "at": None} | {"unit": "V"}
    assert f"{PREFIX}/voltage_l1" not in said("topics", deliver(data))


def test_numbers_are_written_as_the_meter_does_without_the_zeros_before() -> None:
    told = said("topics", deliver(nl5({"1-0:1.8.1": "(000000.100*kWh)", "1-0:32.7.0": "(000.0*V)"})))
    assert told[f"{PREFIX}/import_tariff_1"] == "0.100"
    assert told[f"{PREFIX}/voltage_l1"] == "0.0"


def test_strange_characters_make_valid_json() -> None:
    # A quote, a backslash and a Latin-1 character in the ident.
    data = compose({"1-0:1.7.0": "(01.193*kW)"}, ident='ISK5"\\\xe9')
    assert one("json", data)["ident"] == 'ISK5"\\\xe9'
    assert one("smartmeter_reader", data)["Manufacture_spec"] == 'ISK5"\\\xe9'


def test_without_a_clock_the_time_is_that_of_reception() -> None:
    data = nl5({"0-0:1.0.0": None})
    assert one("json", data)["time"] == "2026-11-21T11:59:01+00:00"
    assert said("dsmr_reader", deliver(data))["dsmr/reading/timestamp"] == "2026-11-21T11:59:01Z"
    # That program said so in its own way.
    assert one("smartmeter_reader", data)["Date_timestamp"] == "0001-01-01T00:00:00Z"


# --- selected objects ------------------------------------------------------------------------------------------------


def test_only_selected_objects_go_along_and_nothing_computed() -> None:
    selection = Selection({Obis.parse("1-0:1.8.1"), Obis.parse("0-1:24.2.1")})
    delivery = deliver(nl5())
    assert said("topics", delivery, selection=selection) == {
        f"{PREFIX}/import_tariff_1": "4512.345",
        f"{PREFIX}/gas": "2569.646",
        f"{PREFIX}/gas_last_measured": "2026-11-21T12:55:00+01:00",
    }
    assert said("dsmr_reader", delivery, selection=selection) == {
        "dsmr/reading/timestamp": "2026-11-21T11:59:00Z",
        "dsmr/reading/electricity_delivered_1": "4512.345",
        "dsmr/reading/extra_device_timestamp": "2026-11-21T11:55:00Z",
        "dsmr/reading/extra_device_delivered": "2569.646",
    }
    read = one("smartmeter_reader", nl5(), selection)
    # The ident and the checksum are the telegram's, the time always goes along.
    assert {key: value for key, value in read.items() if value not in (0, "", [])} == {
        "Manufacture_spec": "ISK5\\2M550T-1013",
        "Date_timestamp": "2026-11-21T11:59:00Z",
        "Electricity_incoming_tariff1_kwh": 4512.345,
        "Gas_readings": [{"Capture_time": "2026-11-21T11:55:00Z", "Value_m3": 2569.646}],
        "Crc_string": nl5().decode().split("!")[1].strip(),
    }
    assert len(read) == 32


# --- the names of other programs -------------------------------------------------------------------------------------


def test_a_telegram_that_says_nothing_has_all_keys_of_smartmeter_reader() -> None:
    read = one("smartmeter_reader", compose({"1-0:3.7.0": "(00.001*kvar)"}, checksum=False))
    full = one("smartmeter_reader", nl5())
    assert list(read) == list(full)
    for key, value in read.items():
        if key not in {"Manufacture_spec", "Date_timestamp"}:
            assert value in ("", 0, [])
            # "" for a text, 0 for a number, [] for a list: as in the full one.
            assert isinstance(value, str) is isinstance(full[key], str)
            assert isinstance(value, list) is isinstance(full[key], list)


def test_smartmeter_reader_has_phases_messages_and_counters() -> None:
    read = one("smartmeter_reader", nl5({"0-0:96.13.1": "(3031)", "0-0:96.13.0": "(1024)"}))
    assert read["InstantaneousPower_incoming_L2_kW"] == 0.493
    assert read["InstantaneousPower_outgoing_L3_kW"] == 0.3
    assert read["Instantaneous_current_l2_amp"] == 2
    assert read["L1_voltage_sag_count"] == 2
    assert read["Text_msg"] == "3031"
    assert read["Text_msg_maxchars"] == 1024
    assert read["Equipment_id"] == ELECTRICITY_ID.encode().hex().upper()
    assert read["Gas_device_id"] == GAS_ID.encode().hex().upper()


@pytest.mark.parametrize(
    "message", ["(48656C6C6F)", f"({'9' * 19})", pytest.param(f"({'9' * 5000})", id="too long"), "()", "(-1)"]
)
def test_a_message_that_is_no_number_is_none(message: str) -> None:
    assert one("smartmeter_reader", nl5({"0-0:96.13.0": message}))["Text_msg_maxchars"] == 0


def test_a_gas_meter_without_a_time_of_its_own() -> None:
    # Under the code of its own medium, the value alone.
    data = nl5({"0-1:24.2.1": None, "7-0:23.1.0": "(02569.646*m3)", "0-1:24.1.0": None})
    assert one("smartmeter_reader", data)["Gas_readings"] == [
        {"Capture_time": "0001-01-01T00:00:00Z", "Value_m3": 2569.646}
    ]
    # DSMR-reader ignores a value without a time.
    assert not any("extra_device" in topic for topic in said("dsmr_reader", deliver(data)))


@pytest.mark.parametrize(
    "water", [{"0-1:24.1.0": "(007)"}, {"0-1:24.1.0": None, "0-1:96.1.0": None, "0-1:24.2.1": None}]
)
def test_without_a_gas_meter_there_is_no_id_of_one(water: dict[str, str | None]) -> None:
    """Least of all that of the electricity meter."""
    read = one("smartmeter_reader", nl5(water))
    assert read["Equipment_id"] == ELECTRICITY_ID.encode().hex().upper()
    assert (read["Gas_device_type"], read["Gas_device_id"], read["Gas_readings"]) == ("", "", [])


def test_their_units_are_fixed_whatever_the_meter_sends() -> None:
    data = nl5({"1-0:1.8.1": "(4512345*Wh)", "1-0:1.7.0": "(1193*W)", "1-0:32.7.0": "(0.2301*kV)"})
    read = one("smartmeter_reader", data)
    assert (read["Electricity_incoming_tariff1_kwh"], read["Actualpower_incoming_kW"]) == (4512.345, 1.193)
    told = said("dsmr_reader", deliver(data))
    assert told["dsmr/reading/electricity_delivered_1"] == "4512.345"
    assert told["dsmr/reading/electricity_currently_delivered"] == "1.193"
    assert told["dsmr/reading/phase_voltage_l1"] == "230.1"
    assert said("topics", deliver(data))[f"{PREFIX}/import_tariff_1"] == "4512345"


def test_dsmr_reader_has_all_its_topics_of_a_full_telegram() -> None:
    # dsmr_mqtt/models/settings of DSMR-reader 5, without `id` and `rejected_telegrams`.
    phases = ("l1", "l2", "l3")
    assert said("dsmr_reader", deliver(nl5())).keys() == {
        "dsmr/reading/timestamp",
        *(f"dsmr/reading/electricity_{way}_{tariff}" for way in ("delivered", "returned") for tariff in "12"),
        "dsmr/reading/electricity_currently_delivered",
        "dsmr/reading/electricity_currently_returned",
        *(f"dsmr/reading/phase_currently_{way}_{phase}" for way in ("delivered", "returned") for phase in phases),
        "dsmr/reading/extra_device_timestamp",
        "dsmr/reading/extra_device_delivered",
        *(f"dsmr/reading/phase_voltage_{phase}" for phase in phases),
        *(f"dsmr/reading/phase_power_current_{phase}" for phase in phases),
        "dsmr/meter-stats/dsmr_version",
        "dsmr/meter-stats/electricity_tariff",
        "dsmr/meter-stats/power_failure_count",
        "dsmr/meter-stats/long_power_failure_count",
        *(f"dsmr/meter-stats/voltage_{what}_count_{phase}" for what in ("sag", "swell") for phase in phases),
    }


def test_without_tariffs_dsmr_reader_has_the_total() -> None:
    told = said("dsmr_reader", deliver(compose({"1-0:1.8.0": "(000100.000*kWh)", "1-0:2.8.0": "(000007.000*kWh)"})))
    assert told["dsmr/reading/electricity_delivered_1"] == "100.000"
    assert told["dsmr/reading/electricity_returned_1"] == "7.000"
    assert "dsmr/reading/electricity_delivered_2" not in told


# --- prefixes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["p1meter", "p1meter/my_meter", "dev.sample.topic", "huis/zähler 1", "x" * 100])
def test_a_prefix_may_be_anything_that_is_a_topic(prefix: str) -> None:
    assert is_prefix(prefix)


@pytest.mark.parametrize(
    "prefix",
    [
        "",
        "/",
        "a/",
        "/a",
        "a//b",
        "a/+/b",
        "a/#",
        "#",
        "$SYS/p1",
        "a\x00b",
        "a\nb",
        "a\ud800",
        "x" * (LONGEST_PREFIX + 1),
    ],
)
def test_a_prefix_is_never_what_a_broker_refuses(prefix: str) -> None:
    assert not is_prefix(prefix)


def test_the_status_has_a_topic_of_its_own() -> None:
    assert status_topic(PREFIX) == "p1meter/iskra_am550/status"
    assert f"{PREFIX}/status" not in said("topics", deliver(nl5()))
