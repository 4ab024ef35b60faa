"""What a telegram is in a database of time series: points, each with the time that the meter says. Pure.

A database refuses a field that changes its type, and does not notice one that changes its unit. So both follow from
the name of a field alone: a number is a float in the unit of the table of registers, a counter an integer, a state or
a message a text, and a point in time an integer, in milliseconds since 1970.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from importlib import import_module
import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from ..meter import REGISTERS
from ..meter.registers import TARIFFS
from ..meter.values import factor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from ..meter import Profile, Reading, Register
    from ..sink_settings import FieldNames
    from . import Delivery

type Field = float | int | str

ELECTRICITY: Final = "electricity"
"""The measurement of the meter itself; what hangs on its M-Bus has the role of what it measures: `gas`, `water`."""

SMARTMETER: Final = MappingProxyType(
    {
        "import_tariff_1": "total_consumption_day",
        "import_tariff_2": "total_consumption_night",
        "export_tariff_1": "total_injection_day",
        "export_tariff_2": "total_injection_night",
        "tariff": "actual_tariff",
        "power_import": "actual_total_consumption",
        "power_export": "actual_total_injection",
        **{f"power_import_l{phase}": f"actual_l{phase}_consumption" for phase in (1, 2, 3)},
        **{f"power_export_l{phase}": f"actual_l{phase}_injection" for phase in (1, 2, 3)},
        **{f"voltage_l{phase}": f"l{phase}_voltage" for phase in (1, 2, 3)},
        **{f"current_l{phase}": f"l{phase}_current" for phase in (1, 2, 3)},
        "gas": "total_gas_consumption",
    }
)
"""What the Belgian program smartmeter called the registers that it wrote."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
# They are the time of the point itself.
_TIMES_OF_POINTS = frozenset({"telegram_time", "last_measured"})
_ONE_LINE = str.maketrans("\r\n\t", "   ")


class DataPoint(NamedTuple):
    """One line of the database.

    Attributes:
        measurement: `electricity`, or the role of a meter on the M-Bus (`gas`, `gas_2`, `water`).
        time: when the meter measured it, aware.
        fields: what it measured, by field name; a name has the same type in every point.
    """

    measurement: str
    time: datetime
    fields: Mapping[str, Field]


class _Plan(NamedTuple):
    """What becomes of a reading.

    Attributes:
        measurement: where it goes.
        field: what it is called there.
        unit: what a number is converted to; None: it stays in the unit that was sent.
        is_count: whether it is an integer in the database.
        is_tariff: whether a tariff is written by its number.
    """

    measurement: str
    field: str
    unit: str | None = None
    is_count: bool = False
    is_tariff: bool = False


class PointMaker:
    """Makes points of the telegrams of one meter."""

    def __init__(self, names: FieldNames = "p1meter", interval: int = 0) -> None:
        """Begin with nothing written.

        Args:
            names: how the fields are called; what the other program did not know has our names with it too.
            interval: seconds between two points of a measurement; 0: every telegram, every capture.
        """
        self._names: Mapping[str, str] = SMARTMETER if names == "smartmeter" else {}
        self._interval = interval
        self._plans: dict[tuple[str, type], _Plan | None] = {}
        # Of each measurement, what was last written: the interval it was in, and what there was in it.
        self._slots: dict[str, int] = {}
        self._written: dict[str, Mapping[str, Field]] = {}

    def points(self, delivery: Delivery) -> list[DataPoint]:
        """Return the points that are due at a telegram.

        That of `electricity` has the telegram's time. A meter on the M-Bus has one when it has captured anew, at the
        time of the capture; one that sends no such time has one when its values are others, at the telegram's.
        """
        due: dict[str, tuple[datetime, bool] | None] = {}
        fields: dict[str, dict[str, Field]] = {}
        for name, reading in delivery.readings.items():
            kind = name, type(reading.value)
            if kind not in self._plans:
                self._plans[kind] = self._plan(name, reading)
            plan = self._plans[kind]
            if plan is None:
                continue
            measurement = plan.measurement
            if measurement not in due:
                due[measurement] = self._due(measurement, reading.channel, delivery)
            if due[measurement] is None:
                continue
            value = _field(reading, plan, delivery.telegram.profile)
            if value is not None:
                fields.setdefault(measurement, {})[plan.field] = value
        return [
            DataPoint(measurement, found[0], fields[measurement])
            for measurement, found in due.items()
            if found is not None and measurement in fields and self._is_new(measurement, *found, fields[measurement])
        ]

    def _due(self, measurement: str, channel: int | None, delivery: Delivery) -> tuple[datetime, bool] | None:
        """Return the time of a measurement's point, and whether it is a capture's; None: there is none now."""
        time = delivery.time
        if channel is not None:
            device = delivery.telegram.mbus.get(channel)
            if device is None or device.at is None:
                return time, False
            time = device.at
        is_capture = channel is not None
        if (is_capture or self._interval) and self._slots.get(measurement) == self._slot(time):
            return None
        return time, is_capture

    def _slot(self, time: datetime) -> int:
        """Return the number of the interval that a time is in; without interval each millisecond is one."""
        return milliseconds(time) // (self._interval * 1_000 or 1)

    def _is_new(self, measurement: str, time: datetime, is_capture: bool, fields: Mapping[str, Field]) -> bool:  # noqa: FBT001 (it is taken from a tuple)
        """Whether a point is to be written; it then counts as written."""
        if measurement != ELECTRICITY and not is_capture:
            if self._written.get(measurement) == fields:
                return False
            self._written[measurement] = fields
        self._slots[measurement] = self._slot(time)
        return True

    def _plan(self, name: str, reading: Reading) -> _Plan | None:
        """Return what becomes of the readings of this name with values of this type; None: they are not written."""
        key, register = reading.key, REGISTERS.get(reading.key)
        if reading.value is None or key in _TIMES_OF_POINTS:
            return None
        measurement, field = ELECTRICITY, name
        if reading.channel is not None:
            measurement, field = name.removesuffix(f"_{key}"), key
        if register is None:
            return _Plan(measurement, field + _suffix(reading))
        if not _is_of_its_type(reading, register):
            return None
        unit = None if register.unit is None else register.unit.replace("³", "3")
        field = self._names.get(field, field)
        return _Plan(measurement, field, unit, register.role == "counter", field == SMARTMETER["tariff"])


def milliseconds(time: datetime) -> int:
    """Return an aware time in milliseconds since 1970, UTC: in the hour that comes twice there is no doubt."""
    return (time - _EPOCH) // _MILLISECOND


def packed(points: Iterable[DataPoint]) -> bytes:
    """Write points as one piece of memory; `unpacked` reads it."""
    return json.dumps([(measurement, milliseconds(time), fields) for measurement, time, fields in points]).encode()


def unpacked(data: bytes) -> list[DataPoint]:
    """Read what `packed` has written; the times are in UTC, to the millisecond."""
    return [
        DataPoint(measurement, _EPOCH + time * _MILLISECOND, fields) for measurement, time, fields in json.loads(data)
    ]


def encode(points: Iterable[DataPoint], without: Collection[tuple[str, str]] = ()) -> bytes:
    """Write points as line protocol, with times in milliseconds; loads the client library.

    Args:
        points: what to write.
        without: the fields to leave out, with their measurement. A point without any other is left out with them.
    """
    client = import_module("influxdb_client")  # not at the top: it is installed when the first sink starts
    lines = []
    for measurement, time, fields in points:
        point = client.Point(measurement).time(milliseconds(time))
        for name, value in fields.items():
            if (measurement, name) not in without:
                point.field(name, value)
        lines.append(point.to_line_protocol())
    return "\n".join(filter(None, lines)).encode()


def _is_of_its_type(reading: Reading, register: Register) -> bool:
    """Whether a value is what its register always has."""
    if register.role == "counter":
        return isinstance(reading.value, int)
    if register.quantity == "time":
        return isinstance(reading.value, datetime)
    return isinstance(reading.value, str if register.role in {"text", "enum"} else Decimal | int)


def _suffix(reading: Reading) -> str:
    """Return what keeps the names apart where one code may send values of several types."""
    if isinstance(reading.value, datetime):
        return "_time"
    return "_text" if isinstance(reading.value, str) else ""


def _field(reading: Reading, plan: _Plan, profile: Profile) -> Field | None:
    """Return a value as the database has it."""
    value = reading.value
    if isinstance(value, str):
        if plan.is_tariff:
            return next((number for number in TARIFFS if profile.tariff_name(number) == value), None)
        return value.translate(_ONE_LINE)
    if isinstance(value, datetime):
        return milliseconds(value)
    if isinstance(value, int) and plan.is_count:
        return value
    if value is None or reading.unit == plan.unit:
        return None if value is None else float(value)
    # What cannot be converted stays as it was sent.
    return float(value * (factor(reading.unit or "", plan.unit or "") or 1))
