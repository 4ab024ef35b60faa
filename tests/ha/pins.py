"""GPIO chips for a machine without any: what dialogs find, and lines that write down what is done to them."""

from typing import TYPE_CHECKING, Any

from homeassistant.requirements import RequirementsNotFound

from custom_components.p1meter import outputs
from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.gpio import ChipInfo, GpioError, GpioErrorKind, LineInfo

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    import pytest

# The boards of two makers: one with names, one without; the kernel has a line, and so has another program.
CHIPS = [
    ChipInfo(
        "/dev/gpiochip0",
        "pinctrl-bcm2711",
        (
            LineInfo(14, None, used=False, consumer=None),
            LineInfo(26, "GPIO26", used=False, consumer=None),
            LineInfo(27, "GPIO27", used=True, consumer="relay board"),
            LineInfo(28, "GPIO28", used=True, consumer=None),
        ),
    ),
    ChipInfo("/dev/gpiochip1", "usb-adapter", (LineInfo(0, "D0", used=False, consumer=None),)),
]
# What of `pins` fails, with what, and what a person is told of it.
UNUSABLE = [
    ("list_chips", GpioError(GpioErrorKind.DENIED, "Permission denied"), "use the GPIO pins (Permission denied)"),
    ("async_install_gpiod", RequirementsNotFound(DOMAIN, ["gpiod"]), "cannot be installed on this computer"),
]


class Chip:
    """All lines there are; who takes one says so by its number."""

    def __init__(self) -> None:
        self.done: list[str] = []
        """What was done, in order."""
        self.levels: dict[int, bool] = {}
        """What the lines that are held are set to."""
        self.error: GpioError | None = None
        """What opening a line, or setting it, ends in."""
        self.consumers: dict[int, str] = {}
        self.labels: dict[int, str] = {}
        """What its chip has to call itself, by line."""
        self.driven: dict[int, bool] = {}
        """What the lines that nobody holds are driven to all the same."""

    def put(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand for the real ones; nothing has to be installed for it."""

        async def install(_hass: HomeAssistant) -> None:
            pass

        monkeypatch.setattr(outputs, "GpioLine", self.line)
        monkeypatch.setattr(outputs, "async_install_gpiod", install)

    def line(self, _path: str, number: int, *, consumer: str, label: str, **_: Any) -> Line:
        self.consumers[number], self.labels[number] = consumer, label
        return Line(self, number)


class Line:
    """In the place of `GpioLine`."""

    def __init__(self, chip: Chip, number: int) -> None:
        self._chip = chip
        self._number = number

    @property
    def is_open(self) -> bool:
        return self._number in self._chip.levels

    def open(self, on: bool) -> None:  # noqa: FBT001 (the interface of a line)
        self._do("open", on=on)

    def adopt(self, otherwise: bool) -> bool:  # noqa: FBT001 (the interface of a line)
        on = self._chip.levels.get(self._number, self._chip.driven.get(self._number, otherwise))
        self.open(on)
        return on

    def set(self, on: bool) -> None:  # noqa: FBT001 (the interface of a line)
        assert self.is_open
        self._do("set", on=on)

    def check(self) -> None:
        if self._chip.error is not None:
            self._chip.levels.pop(self._number, None)
            raise self._chip.error

    def release(self, last: bool | None = False) -> None:  # noqa: FBT001, FBT002 (the interface of a line)
        if not self.is_open:
            return
        if last is not None:
            try:
                self.set(last)
            except GpioError:
                return
        del self._chip.levels[self._number]
        self._chip.done.append(f"release {self._number}")

    def _do(self, what: str, *, on: bool) -> None:
        if self._chip.error is not None:
            self._chip.levels.pop(self._number, None)
            raise self._chip.error
        self._chip.levels[self._number] = on
        self._chip.done.append(f"{what} {self._number} {'on' if on else 'off'}")
