"""Output lines of GPIO chips: the kernel's character device, through its official binding ``gpiod``.

Knows nothing of Home Assistant. ``gpiod`` exists on Linux only and is installed when the first line is wanted, so it is
imported inside the functions. What the kernel promises: https://docs.kernel.org/userspace-api/gpio/chardev.html
"""

from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
import errno
from pathlib import Path
import re
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpiod import Chip, LineRequest, LineSettings

_DEVICES = Path("/dev")


class GpioErrorKind(StrEnum):
    """What went wrong with a line, as far as it changes what a person should do."""

    MISSING = "missing"
    """There is no such chip, or the chip has no such line."""
    BUSY = "busy"
    """Somebody else holds the line."""
    DENIED = "denied"
    """The system does not let us open the chip."""
    UNSUPPORTED = "unsupported"
    """It is no GPIO chip, or the line cannot be what was asked for."""
    LOST = "lost"
    """The line is not held, or its chip went away meanwhile."""


class GpioError(Exception):
    """A line cannot be had or was lost.

    Attributes:
        kind: what went wrong.
        detail: the same in the words of the system.
        holder: who has a busy line, as they called themselves; None where nobody is known.
    """

    def __init__(self, kind: GpioErrorKind, detail: str, holder: str | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.holder = holder


class GpioBias(StrEnum):
    """The pull resistor inside the chip."""

    AS_IS = "as_is"
    DISABLED = "disabled"
    PULL_UP = "pull_up"
    PULL_DOWN = "pull_down"


class GpioDrive(StrEnum):
    """Which of its two levels the pin drives; an open one leaves the other level to a resistor."""

    PUSH_PULL = "push_pull"
    OPEN_DRAIN = "open_drain"
    OPEN_SOURCE = "open_source"


@dataclass(frozen=True, slots=True)
class LineInfo:
    """One line of a chip.

    Attributes:
        number: its place on the chip, from 0.
        name: what the board calls it (``GPIO17``), or None.
        used: somebody has it: a program or the kernel.
        consumer: who, as they called themselves, or None.
    """

    number: int
    name: str | None
    used: bool
    consumer: str | None


@dataclass(frozen=True, slots=True)
class ChipInfo:
    """One chip: its device (``/dev/gpiochip0``), its label (``pinctrl-bcm2711``) and its lines, by number."""

    path: str
    label: str
    lines: tuple[LineInfo, ...]


class GpioLine:
    """One output line, ours alone from ``open`` to ``release``.

    "On" is active: with ``active_low`` that is the low level, as most relay boards want it. What the pin does once the
    line is free is the chip's affair: most make it an input again, and then the resistor on the board decides; some
    keep the level. So it is also after a crash.
    """

    def __init__(
        self,
        chip: str,
        line: int,
        *,
        consumer: str,
        label: str = "",
        active_low: bool = False,
        bias: GpioBias = GpioBias.AS_IS,
        drive: GpioDrive = GpioDrive.PUSH_PULL,
    ) -> None:
        """Prepare; nothing is touched before ``open``.

        Args:
            chip: device of the chip, or a link to one.
            line: number of the line on the chip.
            consumer: the name that others see while we hold the line; the kernel keeps 31 bytes of it.
            label: what the chip has to call itself, for with another kernel, or another board plugged in, the chips may
                be numbered otherwise; "": whatever it likes.
            active_low: the pin is low when the line is on.
            bias: the resistor inside the chip.
            drive: how the pin is driven.
        """
        self.chip = chip
        self.line = line
        self._consumer = consumer
        self._label = label
        self._active_low = active_low
        self._bias = bias
        self._drive = drive
        self._request: LineRequest | None = None
        # ``set`` runs in the event loop and ``release`` in a thread; a request must not be used by two at once.
        self._lock = Lock()

    @property
    def is_open(self) -> bool:
        """Whether the line is ours."""
        return self._request is not None

    def open(self, on: bool) -> None:  # noqa: FBT001 (on and off are what a line is about)
        """Take the line and drive it at once, without a moment at the other level. Blocks: not for the event loop.

        A line that is held already is only set.

        Raises:
            GpioError: any kind.
        """
        with self._lock:
            if self._request is not None:
                self._set(on)
                return
            with self._chip_at_hand() as chip:
                self._request = self._requested(chip, self._driven(on))

    def adopt(self, otherwise: bool) -> bool:  # noqa: FBT001 (the same)
        """Take the line at the level that it is driven to, without a click, and return what that is.

        Blocks: not for the event loop.

        Args:
            otherwise: what it is set to where nobody drives it: it is an input, and its level that of a resistor.

        Raises:
            GpioError: any kind.
        """
        import gpiod  # noqa: PLC0415 (Linux only: see above)
        from gpiod.line import Direction  # noqa: PLC0415 (the same)

        with self._lock:
            if self._request is not None:
                return self._is_active(self._request)
            with self._chip_at_hand() as chip:
                if chip.get_line_info(self.line).direction is not Direction.OUTPUT:
                    self._request = self._requested(chip, self._driven(otherwise))
                    return otherwise
                untouched = gpiod.LineSettings(direction=Direction.AS_IS, active_low=self._active_low)
                request = self._requested(chip, untouched)
                try:
                    on = self._is_active(request)
                    request.reconfigure_lines({self.line: self._driven(on)})
                except BaseException:
                    request.release()
                    raise
                self._request = request
                return on

    def set(self, on: bool) -> None:  # noqa: FBT001 (on and off are what a line is about)
        """Switch the line. Takes some microseconds on a chip of the processor's own; may be called in the event loop.

        Raises:
            GpioError: kind ``lost``; the line has to be opened again.
        """
        with self._lock:
            self._set(on)

    def check(self) -> None:
        """See whether the line is still to be had; it stays as it is. Blocks: not for the event loop.

        Raises:
            GpioError: kind ``lost``; the line has to be opened again.
        """
        with self._lock:
            if self._request is None:
                raise GpioError(GpioErrorKind.LOST, "the line is not open")
            try:
                self._is_active(self._request)
            except OSError as err:
                raise self._lost(self._request, err) from err

    def release(self, last: bool | None = False) -> None:  # noqa: FBT001, FBT002 (the same; an executor takes no keywords)
        """Set the line for the last time, to `last`, and free it; None: as it is. Blocks: not for the event loop.

        Never raises.
        """
        with self._lock:
            if self._request is None:
                return
            try:
                if last is not None:
                    self._set(last)
            except GpioError:
                # The chip is gone, and the line with it.
                return
            self._request.release()
            self._request = None

    def _driven(self, on: bool) -> LineSettings:  # noqa: FBT001 (as above)
        """Return the settings of an output that is on or off from its first moment."""
        import gpiod  # noqa: PLC0415 (Linux only)
        from gpiod.line import Bias, Direction, Drive, Value  # noqa: PLC0415 (the same)

        return gpiod.LineSettings(
            direction=Direction.OUTPUT,
            output_value=Value.ACTIVE if on else Value.INACTIVE,
            active_low=self._active_low,
            bias=Bias[self._bias.name],
            drive=Drive[self._drive.name],
        )

    @contextmanager
    def _chip_at_hand(self) -> Iterator[Chip]:
        """Open the chip for a while; what goes wrong meanwhile is a `GpioError`."""
        import gpiod  # noqa: PLC0415 (Linux only)

        try:
            with gpiod.Chip(self.chip) as chip:
                label = chip.get_info().label
                if self._label not in {"", label}:
                    raise GpioError(GpioErrorKind.MISSING, f"{self.chip} is {label}, and no longer {self._label}")
                yield chip
        except (OSError, ValueError) as err:
            raise GpioError(_kind(err), _words(err)) from err

    def _requested(self, chip: Chip, settings: LineSettings) -> LineRequest:
        try:
            return chip.request_lines({self.line: settings}, consumer=self._consumer)
        except OSError as err:
            if err.errno != errno.EBUSY:
                raise
            holder = chip.get_line_info(self.line).consumer or None
            raise GpioError(GpioErrorKind.BUSY, _words(err), holder) from err

    def _is_active(self, request: LineRequest) -> bool:
        from gpiod.line import Value  # noqa: PLC0415 (Linux only)

        return request.get_value(self.line) is Value.ACTIVE

    def _set(self, on: bool) -> None:  # noqa: FBT001 (as above)
        from gpiod.line import Value  # noqa: PLC0415 (Linux only)

        if self._request is None:
            raise GpioError(GpioErrorKind.LOST, "the line is not open")
        try:
            self._request.set_value(self.line, Value.ACTIVE if on else Value.INACTIVE)
        except OSError as err:
            raise self._lost(self._request, err) from err

    def _lost(self, request: LineRequest, err: OSError) -> GpioError:
        request.release()
        self._request = None
        return GpioError(GpioErrorKind.LOST, _words(err))


def list_chips() -> list[ChipInfo]:
    """Return the GPIO chips of this machine with their lines, by number. Blocks: not for the event loop.

    A chip that goes away meanwhile is left out.

    Raises:
        GpioError: kind ``denied``: there is a chip that the system does not let us open.
    """
    import gpiod  # noqa: PLC0415 (Linux only)

    chips = []
    # Raspberry Pi OS has a second name for a chip, as a link to the first.
    for path in sorted({path.resolve() for path in _DEVICES.glob("gpiochip*")}, key=_number):
        try:
            with gpiod.Chip(str(path)) as chip:
                about = chip.get_info()
                infos = [chip.get_line_info(number) for number in range(about.num_lines)]
        except PermissionError as err:
            raise GpioError(GpioErrorKind.DENIED, _words(err)) from err
        except OSError:
            continue
        lines = tuple(LineInfo(info.offset, info.name or None, info.used, info.consumer or None) for info in infos)
        chips.append(ChipInfo(str(path), about.label, lines))
    return chips


def _number(path: Path) -> tuple[int, str]:
    digits = re.search(r"\d+$", path.name)
    return (int(digits[0]) if digits else -1, path.name)


def _kind(err: OSError | ValueError) -> GpioErrorKind:
    """Translate what opening a line ended in."""
    if isinstance(err, ValueError) or err.errno == errno.ENOENT:
        return GpioErrorKind.MISSING
    if isinstance(err, PermissionError):
        return GpioErrorKind.DENIED
    return GpioErrorKind.UNSUPPORTED


def _words(err: OSError | ValueError) -> str:
    """Return what an exception says, without the error number in front."""
    return (isinstance(err, OSError) and err.strerror) or str(err)
