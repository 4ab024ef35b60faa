"""Fields that more than one dialog has: a number in a box, one or several of some words."""

from typing import TYPE_CHECKING, Final

from homeassistant.helpers.selector import (
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from homeassistant.helpers.selector import SelectOptionDict

_LONGEST_LABEL: Final = 80


def number_box(least: float, most: float, *, step: float = 1, unit: str | None = None) -> NumberSelector:
    """Return a box to type a number into."""
    config = NumberSelectorConfig(min=least, max=most, step=step, mode=NumberSelectorMode.BOX)
    if unit is not None:
        config["unit_of_measurement"] = unit
    return NumberSelector(config)


def dropdown(options: Iterable[str], translation_key: str) -> SelectSelector:
    """Return a list to be opened, of words that are translated."""
    return _select(options, translation_key, SelectSelectorMode.DROPDOWN)


def open_list(options: Iterable[str], translation_key: str) -> SelectSelector:
    """Return a list that is open from the beginning, of words that are translated."""
    return _select(options, translation_key, SelectSelectorMode.LIST)


def tick_list(options: list[str] | list[SelectOptionDict], translation_key: str | None = None) -> SelectSelector:
    """Return a list of which several may be ticked, of words that are translated or that say it themselves."""
    config = SelectSelectorConfig(options=options, multiple=True, mode=SelectSelectorMode.LIST)
    if translation_key is not None:
        config["translation_key"] = translation_key
    return SelectSelector(config)


def shortened(text: str) -> str:
    """Return a text so long as it fits on a line of a list."""
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"


def _select(options: Iterable[str], translation_key: str, mode: SelectSelectorMode) -> SelectSelector:
    return SelectSelector(SelectSelectorConfig(options=list(options), translation_key=translation_key, mode=mode))
