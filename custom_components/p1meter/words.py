"""Translated words that go into a sentence."""

from typing import TYPE_CHECKING

from homeassistant.helpers.translation import async_get_translations

from .const import DOMAIN

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant


async def async_words(hass: HomeAssistant, group: str) -> dict[str, str]:
    """Return the words of a group, in the language of this home: what stands under `selector` in the translations."""
    texts = await async_get_translations(hass, hass.config.language, "selector", [DOMAIN])
    start = f"component.{DOMAIN}.selector.{group}.options."
    return {key.removeprefix(start): text for key, text in texts.items() if key.startswith(start)}
