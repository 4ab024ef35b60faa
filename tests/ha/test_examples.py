"""The automations in the documents are ones that Home Assistant takes."""

from pathlib import Path
import re
from typing import TYPE_CHECKING, Any, Final

from homeassistant.components.automation.config import async_validate_config_item
from homeassistant.setup import async_setup_component
from homeassistant.util.yaml import parse_yaml
import pytest

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

PAGES: Final = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
BLOCK: Final = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)


def automations() -> dict[str, dict[str, Any]]:
    """Return each example that is an automation, or the action of one, by its page and number."""
    found: dict[str, dict[str, Any]] = {}
    for page in PAGES:
        for number, block in enumerate(BLOCK.findall(page.read_text("utf-8"))):
            example = parse_yaml(block)
            if isinstance(example, dict) and "action" in example:
                example = {"triggers": [], "actions": [example]}
            if isinstance(example, dict) and "triggers" in example:
                found[f"{page.stem} {number}"] = example
    return found


EXAMPLES: Final = automations()


def test_there_are_some() -> None:
    assert {name.partition(" ")[0] for name in EXAMPLES} >= {"actions", "blueprints", "examples", "loads", "options"}


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
async def test_an_example_is_valid(hass: HomeAssistant, example: dict[str, Any]) -> None:
    assert await async_setup_component(hass, "automation", {})

    validated = await async_validate_config_item(hass, "example", {"id": "example", **example})

    assert validated is not None
    assert validated.validation_error is None
