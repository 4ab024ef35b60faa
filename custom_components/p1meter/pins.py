"""The choice of a GPIO pin in a dialog: all that this computer has, and who has those that are in use."""

from collections import Counter
from dataclasses import dataclass
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from homeassistant.data_entry_flow import AbortFlow
from homeassistant.helpers.selector import SelectOptionDict, SelectSelector, SelectSelectorConfig, SelectSelectorMode
from homeassistant.requirements import RequirementsNotFound

from .const import CONF_REQUEST, CONF_REQUEST_CHIP, CONF_REQUEST_LINE, DOMAIN, SUBENTRY_LOAD
from .gpio import GpioError, list_chips
from .load_settings import CONF_CHIP, CONF_LINE
from .request_line import async_install_gpiod
from .words import async_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import HomeAssistant

CONF_PIN: Final = "pin"
"""The field for it; its values are what `pin_of` gives."""


@dataclass(frozen=True, slots=True)
class Pins:
    """What can be chosen.

    Attributes:
        selector: the list; not to be required: the frontend would choose the first pin by itself, and nobody may drive
            that by mistake.
        holders: who has each pin that is not to be had.
        labels: what each chip calls itself, by its path.
    """

    selector: SelectSelector
    holders: Mapping[str, str]
    labels: Mapping[str, str]

    def mistake(self, pin: str) -> Literal["pin_needed", "pin_busy"] | None:
        """Return the error that says why this pin, "" for none, cannot be taken; None: it can."""
        if not pin:
            return "pin_needed"
        return "pin_busy" if pin in self.holders else None


def pin_of(chip: str, line: int) -> str:
    """Return what stands for a line of a chip, by whatever name that is called."""
    # No disk is touched: /dev is in memory.
    return f"{os.path.realpath(chip)}:{line}"


def chip_and_line(pin: str) -> tuple[str, int]:
    """Return the chip's path and the number of the line; the reverse of `pin_of`."""
    chip, _, number = pin.rpartition(":")
    return chip, int(number)


async def async_pins(hass: HomeAssistant, ours: str | None) -> Pins:
    """Return the pins: those that a board has a name for first, busy ones with who has them.

    Args:
        hass: Home Assistant.
        ours: the pin that is there to be changed, which is not in its own way; None: none.

    Raises:
        AbortFlow: there are none, or none that can be used: `gpio_none`, `gpio_denied`, `gpio_not_installed`.
    """
    try:
        await async_install_gpiod(hass)
        chips = await hass.async_add_executor_job(list_chips)
    except RequirementsNotFound as err:
        raise AbortFlow("gpio_not_installed") from err
    except GpioError as err:
        raise AbortFlow("gpio_denied", {"detail": err.detail}) from err
    if not any(chip.lines for chip in chips):
        raise AbortFlow("gpio_none")
    words = await async_words(hass, "pin")
    holders: dict[str, str] = {}
    promised = _promised(hass)
    named: list[SelectOptionDict] = []
    others: list[SelectOptionDict] = []
    labels = Counter(chip.label for chip in chips)
    for chip in chips:
        # Two boards of the same make have the same label.
        board = chip.label if labels[chip.label] == 1 else f"{chip.label} {Path(chip.path).name}"
        for line in chip.lines:
            pin = pin_of(chip.path, line.number)
            place = f"{board}, {words['line']} {line.number}"
            label = f"{line.name} ({place})" if line.name else place
            if pin != ours and (line.used or pin in promised):
                holders[pin] = promised.get(pin) or line.consumer or words["unknown"]
                label += f", {words['used'].format(holder=holders[pin])}"
            (named if line.name else others).append(SelectOptionDict(value=pin, label=label))
    return Pins(
        SelectSelector(SelectSelectorConfig(options=named + others, mode=SelectSelectorMode.DROPDOWN)),
        holders,
        {chip.path: chip.label for chip in chips},
    )


def _promised(hass: HomeAssistant) -> dict[str, str]:
    """Return which pins a meter or a load of ours was given, with its name; it need not hold them at the moment."""
    promised = {}
    for entry in hass.config_entries.async_entries(DOMAIN):
        if entry.options.get(CONF_REQUEST) == "gpio":
            promised[pin_of(entry.options[CONF_REQUEST_CHIP], entry.options[CONF_REQUEST_LINE])] = entry.title
        for load in entry.get_subentries_of_type(SUBENTRY_LOAD):
            if CONF_CHIP in load.data:
                promised[pin_of(load.data[CONF_CHIP], load.data[CONF_LINE])] = load.title
    return promised
