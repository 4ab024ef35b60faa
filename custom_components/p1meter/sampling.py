"""What the control law takes from a telegram. Pure, and quick: it runs between a telegram and the relay."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from .loads import LoadInput, Phase, Sample
from .meter.values import captured, factors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .meter import Reading, Telegram

# Where none is sent, what the table of registers assumes.
_WATTS: Final = factors("power", "W", unsent="kW")
_NET_WATTS: Final = factors("power", "W", unsent="W")
_WATT_HOURS: Final = factors("energy", "Wh", unsent="kWh")
_AMPERES: Final = factors("current", "A", unsent="A")
_VOLTS: Final = factors("voltage", "V", unsent="V")
_POWER: Final = ("power_import", "power_export", "power")
_PHASES: Final = tuple(
    (f"current_l{phase}", tuple(f"{key}_l{phase}" for key in _POWER), f"voltage_l{phase}") for phase in (1, 2, 3)
)
_FUSES: Final = ("fuse_threshold", *(f"fuse_threshold_l{phase}" for phase in (1, 2, 3)))
_NUMBERED: Final = "tariff_"
# Seconds that a clock without seconds stands still.
_MINUTE: Final = 60.0


class MeterClock:
    """The time that the law goes by: the meter's, by which quarters of an hour are counted.

    The law takes a time that stands still for frozen telegrams. A clock without seconds stands still for a minute too:
    as long as a meter was never heard to send any, the time that has passed since the minute began to be sent is added.
    """

    def __init__(self) -> None:
        """Start with nothing heard."""
        self._sent: datetime | None = None
        self._since = 0.0
        self._has_seconds = False

    def read(self, sent: datetime | None, now: float, received: datetime) -> datetime:
        """Return the time of a telegram, aware, in the home's zone.

        Args:
            sent: the time in it, aware; where there is none, or the clock was never set, that of its reception counts.
            now: the monotonic clock at its reception, s.
            received: the time at its reception, aware, in the home's zone.
        """
        sent = captured(sent)
        if sent is None:
            return received
        if sent != self._sent:
            self._sent, self._since = sent, now
            self._has_seconds = self._has_seconds or sent.second > 0
        passed = 0.0 if self._has_seconds else min(now - self._since, _MINUTE)
        return later(sent, passed).astimezone(received.tzinfo)


def later(wall: datetime, seconds: float) -> datetime:
    """Return an aware time so much later, in UTC: local time leaves out the hour that a change of the clocks takes."""
    return wall.astimezone(UTC) + timedelta(seconds=seconds)


def sample(
    telegram: Telegram,
    now: float,
    wall: datetime,
    inputs: Mapping[str, LoadInput],
    *,
    price_buy: float | None = None,
    price_sell: float | None = None,
) -> Sample | None:
    """Return what the law is to see of a telegram; None where it tells no power.

    Args:
        telegram: the newest one.
        now: the monotonic clock at its reception (s).
        wall: the time to go by, aware, in the home's zone; see `MeterClock`.
        inputs: what is known of each load, by its id.
        price_buy: of a kWh from the grid.
        price_sell: of a kWh to the grid.
    """
    readings = telegram.readings
    power = _power(readings, *_POWER)
    if power is None:
        return None
    l1, l2, l3 = [_phase(readings, *keys) for keys in _PHASES]
    return Sample(
        now,
        wall,
        *power,
        (l1, l2, l3),
        _number(readings.get("import_total"), _WATT_HOURS),
        _number(readings.get("demand_current"), _WATTS),
        _number(readings.get("demand_month_peak"), _WATTS),
        _tariff(telegram),
        price_buy,
        price_sell,
        inputs,
    )


def fuse(telegram: Telegram) -> float | None:
    """Return the limit per phase (A) that the meter is set to, the lowest that is one; None: it sends none."""
    readings = telegram.readings
    # A phase that is not there may have 0.
    return min((amperes for key in _FUSES if (amperes := _number(readings.get(key), _AMPERES))), default=None)


def _power(readings: Mapping[str, Reading], imported: str, exported: str, net: str) -> tuple[float, float] | None:
    """Return import and export (W): as sent, or from the net power where one register counts both."""
    import_w, export_w = _number(readings.get(imported), _WATTS), _number(readings.get(exported), _WATTS)
    if import_w is not None and export_w is not None and import_w >= 0.0:
        return import_w, export_w
    net_w = _number(readings.get(net), _NET_WATTS)
    if net_w is not None:
        return max(net_w, 0.0), max(-net_w, 0.0)
    return None if import_w is None else (import_w, 0.0)


def _phase(readings: Mapping[str, Reading], current: str, powers: tuple[str, ...], voltage: str) -> Phase | None:
    current_a = _number(readings.get(current), _AMPERES)
    power = _power(readings, *powers)
    if current_a is None and power is None:
        return None
    import_w, export_w = power or (None, None)
    return Phase(current_a, import_w, export_w, _number(readings.get(voltage), _VOLTS))


def _number(reading: Reading | None, to: Mapping[str | None, Decimal]) -> float | None:
    if reading is None or not isinstance(reading.value, Decimal):
        return None
    # Multiplied as it was sent: 1.001 kW is 1001 W, and not 1000.9999999999999.
    return float(reading.value * to[reading.unit])


def _tariff(telegram: Telegram) -> int | None:
    """Return the number that the meter sent: the reading has the word for it that people use there."""
    reading = telegram.readings.get("tariff")
    if reading is None or not isinstance(reading.value, str):
        return None
    words = telegram.profile.tariff_words
    if reading.value in words:
        return words.index(reading.value) + 1
    number = reading.value.removeprefix(_NUMBERED)
    return int(number) if number.isdecimal() else None
