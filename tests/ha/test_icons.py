"""Everything that a person sees has an icon, of its device class or of ours; where states differ, so do icons."""

from dataclasses import replace
import re
from typing import TYPE_CHECKING, Any

from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.icon import async_get_icons
import pytest

from custom_components.p1meter.const import CONF_REGISTERS, DOMAIN
from custom_components.p1meter.sink_manager import SINK_KEYS
from custom_components.p1meter.sink_sensors import DESCRIPTIONS

from .fake_loads import SITE_CONTROLS
from .test_translations import ENGLISH, ICONS, ONLY_ICONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import SetUp
    from .fake_loads import FakeManager

# What it is tells no more than its two numbers do.
WITHOUT_STATES = {"grid_configuration"}


def ours() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield every icon of ours: its platform, its key, what it is."""
    for platform, icons in ICONS["entity"].items():
        for key, icon in icons.items():
            yield platform, key, icon


async def assert_icons(hass: HomeAssistant, entry: MockConfigEntry) -> int:
    """Look at all entities of an entry; return how many there are."""
    icons = (await async_get_icons(hass, "entity", [DOMAIN]))[DOMAIN]
    rows = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    for row in rows:
        # Enums of all kinds have the same, which says nothing.
        has_class = row.original_device_class not in {None, "enum"}
        assert has_class or row.translation_key in icons[row.domain], row.entity_id
    return len(rows)


@pytest.mark.usefixtures("everything_enabled")
async def test_every_entity_of_a_meter_has_one(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    bare = {"id": "status", "code": "96.99.1", "name": "Status", "kind": "text"}
    power = {"id": "pump", "code": "1-0:99.1.0", "name": "Pump", "kind": "number", "unit": "W", "device_class": "power"}
    hass.config_entries.async_update_entry(entry, options={CONF_REGISTERS: [bare, power]})
    await set_up()
    assert await assert_icons(hass, entry) > 30
    own = er.async_get(hass).async_get("sensor.iskra_am550_pump")
    # That of its class is the better one.
    assert own is not None
    assert own.translation_key is None


@pytest.mark.usefixtures("everything_enabled")
async def test_every_entity_of_the_loads_has_one(
    hass: HomeAssistant, entry: MockConfigEntry, loads: FakeManager
) -> None:
    loads.show_site(replace(SITE_CONTROLS, phase_headroom_a=(1.0, 2.0, 3.0)))
    await hass.async_block_till_done()
    assert await assert_icons(hass, entry) > 60


def test_every_sensor_of_what_is_kept_and_shared_has_one() -> None:
    for description in DESCRIPTIONS:
        assert description.device_class is not None or description.key in ICONS["entity"]["sensor"], description.key


def test_every_icon_belongs_to_something() -> None:
    for platform, key, icon in ours():
        if key not in ONLY_ICONS:
            assert key in ENGLISH["entity"][platform], key
        assert icon["default"], key
        # A switch has no words of ours.
        states = {"on", "off"} if platform == "switch" else ENGLISH["entity"][platform].get(key, {}).get("state", {})
        assert set(icon.get("state", {})) <= set(states), key
        names = [icon["default"], *icon.get("state", {}).values(), *icon.get("range", {}).values()]
        assert all(re.fullmatch(r"mdi:[a-z0-9-]+", name) for name in names), key
    assert ICONS.keys() == {"entity", "services"}
    assert ICONS["services"].keys() == ENGLISH["services"].keys()


def test_what_has_states_shows_which() -> None:
    for platform, texts in ENGLISH["entity"].items():
        for key, text in texts.items():
            if "state" in text and key not in WITHOUT_STATES:
                icon = ICONS["entity"][platform][key]
                shown = [icon.get("state", {}).get(state, icon["default"]) for state in text["state"]]
                # One of them may be the usual one.
                assert len(set(shown)) == len(shown), key


def test_what_should_be_none_shows_when_it_is_not() -> None:
    counted = {key for _, key, icon in ours() if "range" in icon}
    sensors = ENGLISH["entity"]["sensor"]
    assert counted == {key for key in sensors if key.startswith("telegrams_refused_")} | (
        set(SINK_KEYS) - {"journal_size"}
    )
    for _, key, icon in ours():
        if "range" in icon:
            assert list(icon["range"]) == ["0", "1"], key
            assert icon["range"]["0"] != icon["range"]["1"] == icon["default"], key
