"""What raises the data-request line of the meter: a modem line of the port, or a pin of this computer."""

from typing import TYPE_CHECKING, Final, override

from homeassistant.requirements import RequirementsNotFound, async_process_requirements

from .const import DOMAIN
from .gpio import GpioError, GpioErrorKind, GpioLine
from .link import ModemRequest, RequestLine, TransportError, TransportErrorKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

    from .link import Transport
    from .settings import RequestSettings

GPIOD: Final = "gpiod==2.5.0"
"""What drives pins. Not in the manifest: it exists for Linux only, and few need it."""


class RequestLineError(TransportError):
    """The pin cannot be driven, so nothing asks the meter.

    Attributes:
        reason: `missing`, `busy`, `denied`, `unsupported` or `not_installed`.
        chip: path of the chip.
        line: number of the line on it.
        holder: who has it; None: nobody, or it is not known.
    """

    def __init__(self, reason: str, detail: str, settings: RequestSettings, holder: str | None = None) -> None:
        super().__init__(TransportErrorKind.NOT_A_PORT, detail)
        self.reason = reason
        self.chip, self.line = settings.chip, settings.line
        self.holder = holder


async def async_install_gpiod(hass: HomeAssistant) -> None:
    """Install what drives pins, where it is not there yet: the image of a container loses it at every update.

    Raises:
        RequirementsNotFound: it cannot be installed.
    """
    await async_process_requirements(hass, DOMAIN, [GPIOD], is_built_in=False)


class GpioRequest(RequestLine):
    """A pin that is taken when it is first needed, and held until `async_release`."""

    def __init__(
        self, hass: HomeAssistant, settings: RequestSettings, on_change: Callable[[RequestLineError | None], None]
    ) -> None:
        """Prepare to drive the pin of these settings; `on_change` is told when it fails otherwise than before."""
        self._hass = hass
        self._settings = settings
        self._on_change = on_change
        self._line = GpioLine(
            settings.chip,
            settings.line,
            consumer="p1meter request",
            label=settings.label,
            active_low=settings.active_low,
        )
        self._told: str | None = None

    @override
    async def set(self, transport: Transport, *, on: bool) -> None:
        try:
            if self._line.is_open:
                self._line.set(on)
            elif on:
                await async_install_gpiod(self._hass)
                await self._hass.async_add_executor_job(self._line.open, on)
                self._tell(None)
        except RequirementsNotFound as err:
            raise self._failed("not_installed", str(err)) from err
        except GpioError as err:
            reason = GpioErrorKind.MISSING if err.kind is GpioErrorKind.LOST else err.kind
            raise self._failed(reason, err.detail, err.holder) from err

    async def async_release(self) -> None:
        """Let the pin go: the meter is not asked any more."""
        await self._hass.async_add_executor_job(self._line.release)

    def _failed(self, reason: str, detail: str, holder: str | None = None) -> RequestLineError:
        error = RequestLineError(reason, detail, self._settings, holder)
        self._tell(error)
        return error

    def _tell(self, error: RequestLineError | None) -> None:
        reason = None if error is None else error.reason
        if reason != self._told:
            self._told = reason
            self._on_change(error)


def request_line(
    hass: HomeAssistant, settings: RequestSettings | None, on_change: Callable[[RequestLineError | None], None]
) -> ModemRequest | GpioRequest | None:
    """Return what asks the meter; None: the cable does. `on_change` hears when a pin fails, and when it works again."""
    if settings is None:
        return None
    return GpioRequest(hass, settings, on_change) if settings.kind == "gpio" else ModemRequest(settings.kind)
