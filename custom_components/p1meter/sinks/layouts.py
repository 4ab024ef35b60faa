"""What is published over MQTT: topics and payloads of telegrams, in five layouts. Pure: nothing of Home Assistant.

docs/mqtt.md shows each of them; a test compares its examples with what comes from here.
"""

from datetime import UTC, datetime
from decimal import Decimal
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..meter import REGISTERS, HistoryKind, Obis, history
from ..meter.codes import code_of
from ..meter.values import count, factor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..archive.selection import Selection
    from ..meter import Reading
    from ..meter.readings import Value
    from ..sink_settings import MqttLayout
    from . import Delivery

ARRAYS: Final[frozenset[MqttLayout]] = frozenset({"json_array", "smartmeter_reader"})
"""The layouts that hold every telegram of the interval; the others hold the newest."""

LONGEST_PREFIX: Final = 100
"""Characters. So no topic comes near what MQTT (65,535 bytes) or Mosquitto (200 levels) allows."""

CLOCK: Final = Obis.parse("0-0:1.0.0")
"""The meter's own time: it goes along whatever else is selected."""

# A zero point in time, as the program had it whose keys these are.
_NO_TIME: Final = "0001-01-01T00:00:00Z"


class Message(NamedTuple):
    """One message: its topic, and its payload as text."""

    topic: str
    payload: str


def is_prefix(text: str) -> bool:
    """Return whether topics may begin with this: no wildcards, no empty levels, nothing that brokers keep for them."""
    return (
        0 < len(text) <= LONGEST_PREFIX
        and text.isprintable()
        and not text.startswith("$")
        and not set(text) & set("+#")
        and all(text.split("/"))
    )


def status_topic(prefix: str) -> str:
    """Return where `online` and `offline` are published."""
    return f"{prefix}/status"


def messages(
    layouts: Sequence[MqttLayout], deliveries: Sequence[Delivery], prefix: str, selection: Selection
) -> Iterator[Message]:
    """Yield what is published at the end of an interval.

    Args:
        layouts: which; the messages come in their order.
        deliveries: every telegram of the interval, at least one, oldest first.
        prefix: of the topics; DSMR-reader's have their own.
        selection: of the objects.
    """
    for layout in layouts:
        yield from _LAYOUTS[layout](deliveries, prefix, selection)


# --- one topic for each value ----------------------------------------------------------------------------------------


def _topics(deliveries: Sequence[Delivery], prefix: str, selection: Selection) -> Iterator[Message]:
    for name, reading in selection.readings(deliveries[-1].readings).items():
        if reading.value is not None:
            yield Message(f"{prefix}/{name}", _plain(reading.value))


def _plain(value: Value) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    return _stamp(value) if isinstance(value, datetime) else str(value)


# --- one object for each telegram ------------------------------------------------------------------------------------


def _json(deliveries: Sequence[Delivery], prefix: str, selection: Selection) -> Iterator[Message]:
    yield Message(f"{prefix}/telegram", _dump(_telegram(deliveries[-1], selection)))


def _json_array(deliveries: Sequence[Delivery], prefix: str, selection: Selection) -> Iterator[Message]:
    yield Message(f"{prefix}/telegrams", _dump([_telegram(delivery, selection) for delivery in deliveries]))


def _telegram(delivery: Delivery, selection: Selection) -> dict[str, Any]:
    telegram = delivery.telegram
    return {
        "time": _stamp(delivery.time),
        "ident": telegram.ident,
        "readings": {
            name: {
                "value": _json_value(reading.value),
                "unit": _unit(reading),
                "at": None if reading.at is None else _stamp(reading.at),
            }
            for name, reading in selection.readings(delivery.readings).items()
        },
        "objects": [
            {"code": str(obis), "values": values} for obis, values in telegram.objects if selection.allows(obis)
        ],
    }


def _unit(reading: Reading) -> str | None:
    register = REGISTERS.get(reading.key)
    return reading.unit or (register.unit if register is not None else None)


def _json_value(value: Value) -> str | float | None:
    if isinstance(value, Decimal):
        return _json_number(value)
    return _stamp(value) if isinstance(value, datetime) else value


def _json_number(value: Decimal) -> float:
    return int(value) if value == value.to_integral_value() else float(value)


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# --- the names of two other programs ---------------------------------------------------------------------------------


class _Excerpt:
    """What of a telegram may be published, as others name and measure it."""

    def __init__(self, delivery: Delivery, selection: Selection) -> None:
        self._readings = selection.readings(delivery.readings)
        # The first of each code counts.
        self._objects = {
            code_of(obis).name: values
            for obis, values in reversed(delivery.telegram.objects)
            if selection.allows(obis) and not code_of(obis).past
        }

    def reading(self, name: str) -> Reading | None:
        """Return a reading that has a value."""
        reading = self._readings.get(name)
        return reading if reading is not None and reading.value is not None else None

    def number(self, name: str, unit: str) -> Decimal | None:
        """Return a reading in this unit."""
        reading = self.reading(name)
        if reading is None or not isinstance(reading.value, Decimal):
            return None
        by = factor((_unit(reading) or "").replace("³", "3"), unit)
        # What is no power of ten would not end.
        return None if by is None or len(by.as_tuple().digits) > 1 else reading.value * by

    def count(self, name: str) -> int | None:
        """Return a counter."""
        reading = self.reading(name)
        return reading.value if reading is not None and isinstance(reading.value, int) else None

    def sent(self, *codes: str) -> str:
        """Return the first value of the first of these objects that is there, as sent; "" where none is."""
        return next((self._objects[code][0] for code in codes if code in self._objects), "")

    def sent_count(self, code: str) -> int | None:
        """Return the first value of an object that is nothing but digits."""
        return count(self.sent(code))


def _smartmeter_reader(deliveries: Sequence[Delivery], prefix: str, selection: Selection) -> Iterator[Message]:
    # That program had one topic, without anything below it.
    yield Message(prefix, _dump([_smartmeter_reader_object(delivery, selection) for delivery in deliveries]))


def _smartmeter_reader_object(delivery: Delivery, selection: Selection) -> dict[str, Any]:
    """Return the keys of smartmeter-reader's README, all of them, in its order and with its spelling."""
    telegram = delivery.telegram
    one = _Excerpt(delivery, selection)

    def number(name: str, unit: str) -> float:
        return _json_number(one.number(name, unit) or Decimal(0))

    gas = one.reading("gas")
    gas_value = one.number("gas", "m3")
    # Without one no code is right: those of channel 0 are the electricity meter's.
    of_gas = [] if gas is None else [f"0-{gas.channel}:{code}" for code in ("24.1.0", "96.1.0", "96.1.1")]
    failures = [row for row in history.rows(telegram) if row.kind is HistoryKind.POWER_FAILURE]
    return {
        "Manufacture_spec": telegram.ident,
        "Version_info": one.sent("1-3:0.2.8", "0-0:96.1.4"),
        "Date_timestamp": _utc_or_none(telegram.time),
        "Equipment_id": one.sent("0-0:96.1.1", "0-0:96.1.0"),
        "Electricity_incoming_tariff1_kwh": number("import_tariff_1", "kWh"),
        "Electricity_outgoing_tariff1_kwh": number("export_tariff_1", "kWh"),
        "Electricity_incoming_tariff2_kwh": number("import_tariff_2", "kWh"),
        "Electricity_outgoing_tariff2_kwh": number("export_tariff_2", "kWh"),
        "Tarrif_id": one.sent("0-0:96.14.0"),
        "Actualpower_incoming_kW": number("power_import", "kW"),
        "Actualpower_outgoing_kW": number("power_export", "kW"),
        **{f"InstantaneousPower_incoming_L{n}_kW": number(f"power_import_l{n}", "kW") for n in (1, 2, 3)},
        **{f"InstantaneousPower_outgoing_L{n}_kW": number(f"power_export_l{n}", "kW") for n in (1, 2, 3)},
        "Power_failure_count": one.count("power_failures") or 0,
        "Power_failure_history": [
            {"Failure_time": _utc_or_none(row.at), "Failure_duration": row.duration_s}
            for row in failures
            if selection.allows(row.obis)
        ],
        "L1_voltage_sag_count": one.count("voltage_sags_l1") or 0,
        "L1_voltage_swell_count": one.count("voltage_swells_l1") or 0,
        "Text_msg": one.sent("0-0:96.13.1"),
        "Text_msg_maxchars": one.sent_count("0-0:96.13.0") or 0,
        **{f"Instantaneous_current_l{n}_amp": number(f"current_l{n}", "A") for n in (1, 2, 3)},
        # No meter sends what that program looked for here (1-0:21.17.0, 1-0:22.17.0).
        "Instantaneous_activepower_incoming_kW": number("power_import", "kW"),
        "Instantaneous_activepower_outgoing_kW": number("power_export", "kW"),
        "Gas_device_type": one.sent(*of_gas[:1]),
        "Gas_device_id": one.sent(*of_gas[1:]),
        "Gas_readings": []
        if gas is None or gas_value is None
        else [{"Capture_time": _utc_or_none(gas.at), "Value_m3": _json_number(gas_value)}],
        "Crc_string": telegram.raw.rpartition(b"!")[2].strip().decode("latin-1") if telegram.checksum else "",
    }


def _utc_or_none(at: datetime | None) -> str:
    return _NO_TIME if at is None else _utc(at)


# The fields of DSMR-reader's readings that are numbers with a unit, in its order.
_DSMR_READINGS: Final = {
    "electricity_delivered_1": ("import_tariff_1", "kWh"),
    "electricity_returned_1": ("export_tariff_1", "kWh"),
    "electricity_delivered_2": ("import_tariff_2", "kWh"),
    "electricity_returned_2": ("export_tariff_2", "kWh"),
    "electricity_currently_delivered": ("power_import", "kW"),
    "electricity_currently_returned": ("power_export", "kW"),
    **{f"phase_currently_delivered_l{n}": (f"power_import_l{n}", "kW") for n in (1, 2, 3)},
    **{f"phase_currently_returned_l{n}": (f"power_export_l{n}", "kW") for n in (1, 2, 3)},
    "extra_device_delivered": ("gas", "m3"),
    **{f"phase_voltage_l{n}": (f"voltage_l{n}", "V") for n in (1, 2, 3)},
    **{f"phase_power_current_l{n}": (f"current_l{n}", "A") for n in (1, 2, 3)},
}
# Where a meter sends no tariffs, DSMR-reader has the total in the place of the first.
_DSMR_WITHOUT_TARIFFS: Final = {"import_tariff_1": "import_total", "export_tariff_1": "export_total"}
_DSMR_COUNTERS: Final = {
    "power_failure_count": "power_failures",
    "long_power_failure_count": "power_failures_long",
    **{f"voltage_sag_count_l{n}": f"voltage_sags_l{n}" for n in (1, 2, 3)},
    **{f"voltage_swell_count_l{n}": f"voltage_swells_l{n}" for n in (1, 2, 3)},
}


def _dsmr_reader(deliveries: Sequence[Delivery], _: str, selection: Selection) -> Iterator[Message]:
    """Yield the default topics of DSMR-reader 5 for a reading and for the statistics of the meter.

    Its source: dsmr_mqtt/models/settings/telegram.py and meter_statistics.py; the values, dsmr_datalogger/models.
    """
    delivery = deliveries[-1]
    one = _Excerpt(delivery, selection)
    yield Message("dsmr/reading/timestamp", _utc(delivery.time))
    for field, (name, unit) in _DSMR_READINGS.items():
        value = one.number(name, unit)
        if value is None and name in _DSMR_WITHOUT_TARIFFS:
            value = one.number(_DSMR_WITHOUT_TARIFFS[name], unit)
        if field == "extra_device_delivered":
            # Without a time of its own it counts for nothing.
            gas = one.reading(name)
            if value is None or gas is None or gas.at is None:
                continue
            yield Message("dsmr/reading/extra_device_timestamp", _utc(gas.at))
        if value is not None:
            yield Message(f"dsmr/reading/{field}", format(value, "f"))
    if version := one.sent("1-3:0.2.8", "0-0:96.1.4"):
        yield Message("dsmr/meter-stats/dsmr_version", version)
    counts = {"electricity_tariff": one.sent_count("0-0:96.14.0")}
    counts |= {field: one.count(name) for field, name in _DSMR_COUNTERS.items()}
    for field, counted in counts.items():
        if counted is not None:
            yield Message(f"dsmr/meter-stats/{field}", str(counted))


_LAYOUTS: Final[Mapping[MqttLayout, Callable[[Sequence[Delivery], str, Selection], Iterator[Message]]]] = {
    "topics": _topics,
    "json": _json,
    "json_array": _json_array,
    "smartmeter_reader": _smartmeter_reader,
    "dsmr_reader": _dsmr_reader,
}
