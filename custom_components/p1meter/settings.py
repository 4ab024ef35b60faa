"""What a person chose for one meter, as types: read once from the config entry, at set-up."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from homeassistant.const import CONF_PORT

from .const import (
    CONF_ADDRESS,
    CONF_ASKED,
    CONF_AUTHENTICATION_KEY,
    CONF_HISTORY,
    CONF_INTERVAL,
    CONF_KEY,
    CONF_LINE,
    CONF_MAX_BAUD,
    CONF_NEEDS_BCC,
    CONF_NUMBERS,
    CONF_OFFSET,
    CONF_PEAK_FLOOR,
    CONF_QUERY,
    CONF_REGISTERS,
    CONF_REPORTING,
    CONF_REQUEST,
    CONF_REQUEST_ACTIVE_LOW,
    CONF_REQUEST_AWAITED,
    CONF_REQUEST_CHIP,
    CONF_REQUEST_CHIP_LABEL,
    CONF_REQUEST_LINE,
    CONF_START_BAUD,
    CONF_WAKE_UP,
)
from .link import LineSettings
from .meter import DecryptionKeys, OpticalSettings
from .own import OwnRegister
from .reporting import BALANCED, Numbers, Policy, numbers_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPTICAL: Final = {
    CONF_START_BAUD: "start_baud",
    CONF_MAX_BAUD: "max_baud",
    CONF_ADDRESS: "address",
    CONF_QUERY: "query",
    CONF_NEEDS_BCC: "needs_bcc",
    CONF_WAKE_UP: "wake_up",
}

type RequestKind = Literal["rts", "dtr", "gpio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSettings:
    """What drives the data-request line of the meter.

    Attributes:
        kind: a modem line of the serial port, or a GPIO line.
        awaited: whether it is raised only while a telegram is awaited.
        chip: path of the GPIO chip; "" without one.
        line: number of the line on the chip.
        active_low: whether a low level asks.
        label: what the chip has to call itself; "": whatever it likes.
    """

    kind: RequestKind
    awaited: bool = False
    chip: str = ""
    line: int = 0
    active_low: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one meter is read.

    Attributes:
        port: device path or address.
        line: line settings of a meter that talks by itself.
        keys: what opens its telegrams; None where they are not encrypted.
        optical: how a meter is asked that wants to be; None: it talks by itself.
        interval: seconds between two telegrams that are used; None: as the meter has it.
        offset: seconds after the full multiple of the interval at which a meter is asked, or None.
        request: what drives the data-request line; None: nothing.
        include_history: whether closing values of past months become sensors.
        peak_floor: whether the mean of the month peaks takes each for no less than grid companies in Flanders do.
        registers: what the person wants shown besides what p1meter knows.
        reporting: what is worth a state; None: every change is.
    """

    port: str
    line: LineSettings
    keys: DecryptionKeys | None = field(default=None, repr=False)
    optical: OpticalSettings | None = None
    interval: float | None = None
    offset: float | None = None
    request: RequestSettings | None = None
    include_history: bool = False
    peak_floor: bool = False
    registers: tuple[OwnRegister, ...] = ()
    reporting: Numbers | None = BALANCED

    @classmethod
    def of(cls, data: Mapping[str, Any], options: Mapping[str, Any]) -> Self:
        """Read the data and the options of a config entry."""
        return cls(
            port=data[CONF_PORT],
            line=LineSettings.parse(data[CONF_LINE]),
            keys=keys_of(data),
            optical=optical_of(options) if data.get(CONF_ASKED) else None,
            interval=options.get(CONF_INTERVAL),
            offset=options.get(CONF_OFFSET),
            request=_request_of(options),
            include_history=options.get(CONF_HISTORY, False),
            peak_floor=options.get(CONF_PEAK_FLOOR, False),
            registers=tuple(map(OwnRegister.from_json, options.get(CONF_REGISTERS, ()))),
            reporting=numbers_of(
                Policy(options.get(CONF_REPORTING, Policy.BALANCED)), Numbers(**options.get(CONF_NUMBERS, {}))
            ),
        )


def keys_of(data: Mapping[str, Any]) -> DecryptionKeys | None:
    """Return the keys in an entry's data, None where there are none.

    Raises:
        ValueError: they are not 32 hexadecimal digits each; the message does not hold them.
    """
    if CONF_KEY not in data:
        return None
    second = data.get(CONF_AUTHENTICATION_KEY)
    return DecryptionKeys(bytes.fromhex(data[CONF_KEY]), None if second is None else bytes.fromhex(second))


def optical_of(options: Mapping[str, Any]) -> OpticalSettings:
    """Return how a meter is asked.

    Raises:
        ValueError: one of the options makes no sense.
    """
    return OpticalSettings(**{name: options[key] for key, name in _OPTICAL.items() if key in options})


def _request_of(options: Mapping[str, Any]) -> RequestSettings | None:
    if CONF_REQUEST not in options:
        return None
    return RequestSettings(
        kind=options[CONF_REQUEST],
        awaited=options.get(CONF_REQUEST_AWAITED, False),
        chip=options.get(CONF_REQUEST_CHIP, ""),
        line=options.get(CONF_REQUEST_LINE, 0),
        active_low=options.get(CONF_REQUEST_ACTIVE_LOW, False),
        label=options.get(CONF_REQUEST_CHIP_LABEL, ""),
    )
