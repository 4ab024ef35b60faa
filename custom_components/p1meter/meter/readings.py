"""What a telegram is made of once it is read."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, dataclass_transform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .obis import Obis

type Value = Decimal | datetime | str | int | None


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record[T](made: type[T]) -> type[T]:
    """Make a dataclass of a class whose instances are never changed: a type checker sees to that.

    They are made by the thousand and read by the ten thousand. A frozen dataclass takes three times as long to make,
    and the attributes of a NamedTuple three times as long to read.
    """
    return dataclass(slots=True, unsafe_hash=True)(made)


@record
class Reading:
    """One value of a telegram.

    Attributes:
        key: The register's key, without the channel.
        value: A Decimal; an int for counters; an aware datetime; a state or a text; None where the meter sends the
            object but no valid value.
        unit: As sent, in one spelling; None where none is sent (`Register.unit` is then assumed).
        at: When the value was taken, if the meter says so; aware.
        obis: The code it was sent under; None if it is computed from other readings of the same telegram.
        channel: The M-Bus channel, 0 for a meter of another medium without one (`7-0:23.1.0`); None for the
            electricity meter.
    """

    key: str
    value: Value
    unit: str | None
    at: datetime | None
    obis: Obis | None
    channel: int | None


type Way = Callable[[Mapping[str, Reading]], Reading | None]
"""How one reading is computed from others of the same telegram; None where it cannot be."""


class Step(NamedTuple):
    """What there is to look at for whoever has seen the readings before: most are the very same.

    Attributes:
        before: The readings before, under the same keys.
        moved: The keys of those that may be others now.
    """

    before: Mapping[str, Reading]
    moved: list[str]


def moved_since(before: Mapping[str, Reading], readings: Mapping[str, Reading]) -> list[str]:
    """Return the keys under which there is another reading than before, or one for the first time."""
    return [key for key, reading in readings.items() if reading is not before.get(key)]


class MBusDevice(NamedTuple):
    """A meter behind the meter that sends valid readings.

    Attributes:
        channel: Where it is connected; 0 if it has no channel on the wire.
        role: The key of its main reading: `gas`, `heat`, …, or `mbus` for what we have no name for.
        equipment_id: Its serial number, or None.
        device_type: The device type as in EN 13757-3, or None.
        at: When its main reading was taken, or None if the meter does not say.
    """

    channel: int
    role: str
    equipment_id: str | None
    device_type: int | None
    at: datetime | None
