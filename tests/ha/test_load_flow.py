"""The dialog of a load: what switches it, changing it, and what becomes of it."""

from typing import TYPE_CHECKING
from unittest.mock import patch

from homeassistant.const import CONF_PORT
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter.const import CONF_LINE, CONF_PROFILE, DOMAIN
from custom_components.p1meter.gpio import ChipInfo, GpioBias, GpioDrive, LineInfo
from custom_components.p1meter.load_settings import EntitySettings, GpioSettings, load_config
from custom_components.p1meter.loads import LoadSettings
from tests.compose import nl5

from .dialogs import FOLDER, said
from .fake_loads import add_load
from .load_forms import (
    BOILER,
    FLOW,
    PUMP,
    begin,
    change,
    choose,
    complaint,
    existing,
    fill_in,
    find,
    load,
    options,
    shown,
)
from .pins import UNUSABLE

if TYPE_CHECKING:
    from pathlib import Path

    from homeassistant.core import HomeAssistant

    from .conftest import SetUp


@pytest.fixture
def boiler(hass: HomeAssistant) -> str:
    """A switch in Home Assistant."""
    hass.states.async_set("switch.boiler", "off", {"friendly_name": "Boiler in the attic"})
    return "switch.boiler"


@pytest.fixture
def house(hass: HomeAssistant) -> MockConfigEntry:
    """A meter with two loads, which is not read at the moment."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Meter",
        data={CONF_PORT: "/dev/ttyUSB7", CONF_LINE: "115200 8N1", CONF_PROFILE: "nl5"},
        subentries_data=[existing("Boiler", BOILER), existing("Pump", PUMP)],
    )
    entry.add_to_hass(hass)
    return entry


# --- adding -----------------------------------------------------------------------------------------------------------


async def test_a_load_is_added_with_little_to_fill_in(hass: HomeAssistant, entry: MockConfigEntry, boiler: str) -> None:
    menu = await begin(hass, entry)
    assert menu["menu_options"] == ["entity", "gpio"]
    assert "Never choose what Home Assistant itself needs" in said(menu, FLOW)
    form = await choose(hass, menu, "entity")
    assert shown(form) == {"kind": "relay", "rank": 1}
    # Nor is a power made up.
    form = await fill_in(hass, form, entity_id=boiler)
    assert complaint(form).startswith("Fill in its power")
    form = await fill_in(hass, form, power=2000)
    assert form["step_id"] == "rules"
    result = await fill_in(hass, form)
    assert result["type"] is FlowResultType.CREATE_ENTRY
    # Nothing is kept of what was left as it is; without a name it is called as the switch is.
    (kept,) = entry.subentries.values()
    assert kept.title == "Boiler in the attic"
    assert dict(kept.data) == BOILER
    config = load_config(kept)
    assert config.settings == LoadSettings(kept.subentry_id, 2000, 1)
    assert config.output == EntitySettings("switch.boiler")


@pytest.mark.usefixtures("board")
async def test_a_load_behind_a_pin(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await begin(hass, entry, "gpio")
    wiring = {"active_low": False, "bias": "as_is", "drive": "push_pull", "keep_at_stop": False}
    assert shown(form) == {"kind": "relay", "rank": 1, "wiring": wiring}
    # Nothing is chosen in the person's place: a pin that is driven by mistake may switch something.
    form = await fill_in(hass, form, name=" ")
    assert complaint(form).startswith("Choose the pin")
    form = await fill_in(hass, form, pin="/dev/gpiochip0:27")
    assert complaint(form) == "That pin is in use by relay board. Choose another one, or free it first."
    form = await fill_in(hass, form, pin="/dev/gpiochip0:26")
    assert complaint(form) == "Give it a name."
    form = await fill_in(hass, form, name="Pump")
    assert complaint(form).startswith("Fill in its power")
    form = await fill_in(
        hass,
        form,
        name=" Pool  pump ",
        power=750,
        kind="motor",
        wiring={"active_low": True, "bias": "pull_up", "drive": "open_drain", "keep_at_stop": True},
    )
    await fill_in(hass, form)
    config = load(entry, "Pool pump")
    assert config.settings == LoadSettings(find(entry, "Pool pump"), 750, 1, min_on_s=300, min_off_s=180)
    assert config.output == GpioSettings(
        "/dev/gpiochip0",
        26,
        active_low=True,
        bias=GpioBias.PULL_UP,
        drive=GpioDrive.OPEN_DRAIN,
        keep_at_stop=True,
        label="pinctrl-bcm2711",
    )


@pytest.mark.usefixtures("board")
async def test_a_pin_with_plain_wiring_keeps_nothing_of_it(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await begin(hass, entry, "gpio")
    form = await fill_in(hass, form, pin="/dev/gpiochip0:26", name="Pump", kind="motor", power=750, rank=2)
    await fill_in(hass, form)
    (kept,) = entry.subentries.values()
    assert dict(kept.data) == PUMP


@pytest.mark.usefixtures("board")
async def test_a_pin_that_was_given_away_is_refused_with_the_name_of_who_has_it(
    hass: HomeAssistant, house: MockConfigEntry, entry: MockConfigEntry
) -> None:
    # Neither is set up: nobody holds the lines at the moment.
    request = {"request": "gpio", "request_chip": "/dev/gpiochip1", "request_line": 0}
    hass.config_entries.async_update_entry(house, options=request)
    form = await begin(hass, entry, "gpio")
    assert options(form, "pin")["/dev/gpiochip0:26"] == "GPIO26 (pinctrl-bcm2711, line 26), in use by: Pump"
    form = await fill_in(hass, form, name="Boiler", power=2000, pin="/dev/gpiochip0:26")
    assert complaint(form).startswith("That pin is in use by Pump.")
    form = await fill_in(hass, form, pin="/dev/gpiochip1:0")
    assert complaint(form).startswith("That pin is in use by Meter.")


async def test_two_boards_of_the_same_make_are_told_apart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    chips = [
        ChipInfo(f"/dev/gpiochip{number}", label, (LineInfo(0, None, used=False, consumer=None),))
        for number, label in enumerate(("pinctrl-bcm2711", "mcp23017", "mcp23017"))
    ]
    with patch("custom_components.p1meter.pins.list_chips", return_value=chips):
        form = await begin(hass, entry, "gpio")
    assert options(form, "pin") == {
        "/dev/gpiochip0:0": "pinctrl-bcm2711, line 0",
        "/dev/gpiochip1:0": "mcp23017 gpiochip1, line 0",
        "/dev/gpiochip2:0": "mcp23017 gpiochip2, line 0",
    }


async def test_a_computer_without_pins(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    # Whatever machine the test runs on.
    with patch("custom_components.p1meter.gpio._DEVICES", FOLDER):
        result = await begin(hass, entry, "gpio")
    assert result["reason"] == "gpio_none"
    assert said(result, FLOW).startswith("This computer has no GPIO pins")
    # A container has none until it is given one.
    assert "/dev/gpiochip0" in said(result, FLOW)


@pytest.mark.parametrize(("where", "error", "sentence"), UNUSABLE)
async def test_pins_that_cannot_be_used_are_explained(
    hass: HomeAssistant, entry: MockConfigEntry, where: str, error: Exception, sentence: str
) -> None:
    with patch(f"custom_components.p1meter.pins.{where}", side_effect=error):
        result = await begin(hass, entry, "gpio")
    assert result["type"] is FlowResultType.ABORT
    assert sentence in said(result, FLOW)


async def test_what_another_load_uses_is_refused_with_its_name(
    hass: HomeAssistant, house: MockConfigEntry, entry: MockConfigEntry, boiler: str
) -> None:
    assert house.title == "Meter"
    form = await begin(hass, entry, "entity")
    form = await fill_in(hass, form, entity_id=boiler, name="Second", power=1000)
    assert complaint(form) == "That is switched by the load Boiler already. Choose something else."
    form = await fill_in(hass, form, entity_id="input_boolean.second")
    await fill_in(hass, form)
    assert load(entry, "Second").output == EntitySettings("input_boolean.second")


@pytest.mark.parametrize("entity_id", ["switch.both", "switch.left"])
async def test_a_group_and_what_is_in_it_are_not_two_loads(
    hass: HomeAssistant, entry: MockConfigEntry, entity_id: str
) -> None:
    """What both draw would count twice."""
    hass.states.async_set("switch.left", "off")
    hass.states.async_set("switch.both", "off", {"entity_id": ["switch.left", "switch.right"]})
    other = ({"switch.both", "switch.left"} - {entity_id}).pop()
    add_load(hass, entry, "01HEATER", "Heater", {"kind": "relay", "power_w": 2000.0, "rank": 1, "entity_id": other})
    form = await fill_in(hass, await begin(hass, entry, "entity"), entity_id=entity_id, power=2000)
    assert complaint(form) == "That is switched by the load Heater already. Choose something else."


async def test_what_we_made_ourselves_is_refused(hass: HomeAssistant, entry: MockConfigEntry, boiler: str) -> None:
    ours = er.async_get(hass).async_get_or_create("switch", DOMAIN, "01JD_switch", config_entry=entry).entity_id
    form = await begin(hass, entry, "entity")
    form = await fill_in(hass, form, entity_id=ours, power=2000)
    assert complaint(form).startswith("That belongs to p1meter itself.")
    form = await fill_in(hass, form, entity_id=boiler)
    assert (await fill_in(hass, form))["type"] is FlowResultType.CREATE_ENTRY


async def test_a_load_that_is_named_like_its_plug_can_be_told_from_it(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    """The plug has a switch and a power sensor; so has the load, on a device with the same name."""
    registry = er.async_get(hass)
    for domain, object_id in (("switch", "boiler"), ("sensor", "boiler_power")):
        registry.async_get_or_create(domain, "plugs", object_id, suggested_object_id=object_id)
    hass.states.async_set("switch.boiler", "off", {"friendly_name": "Boiler"})
    await set_up()
    # No name is typed: it is that of the plug.
    form = await fill_in(hass, await begin(hass, entry, "entity"), entity_id="switch.boiler", power=2000)
    await fill_in(hass, form)
    form = await fill_in(hass, await begin(hass, entry, "entity"), entity_id="input_boolean.p", name="Pump", power=700)
    await fill_in(hass, form)
    await hass.async_block_till_done()

    def ids(title: str) -> set[str]:
        entries = er.async_entries_for_config_entry(registry, entry.entry_id)
        return {one.entity_id for one in entries if one.config_subentry_id == find(entry, title)}

    assert {"switch.boiler_load", "sensor.boiler_load_power", "sensor.boiler_load_reason"} <= ids("Boiler")
    assert all(entity_id.partition(".")[2].startswith("boiler_load") for entity_id in ids("Boiler"))
    assert {"switch.pump", "sensor.pump_power", "sensor.pump_reason"} <= ids("Pump")


# Feature bits: climate 128 off, 256 on, 1 target temperature; water heater 8 on and off; fan 16 off, 32 on, 1 speed;
# valve 1 open, 2 close.
@pytest.mark.parametrize(
    ("entity_id", "features", "can"),
    [
        ("climate.living", 128 | 256 | 1, True),
        ("climate.living", 1, False),
        ("climate.living", 256, False),
        ("water_heater.attic", 8, True),
        ("water_heater.attic", 1, False),
        ("fan.cellar", 16 | 32, True),
        ("fan.cellar", 1, False),
        ("valve.pool", 1 | 2, True),
        ("valve.pool", 1, False),
        ("light.terrace", 0, True),
        ("light.terrace", None, True),
        ("humidifier.cellar", None, True),
        ("input_boolean.boiler", None, True),
        ("sensor.temperature", None, False),
    ],
)
async def test_what_cannot_be_turned_on_and_off_is_refused(
    hass: HomeAssistant, entry: MockConfigEntry, boiler: str, entity_id: str, features: int | None, *, can: bool
) -> None:
    hass.states.async_set(entity_id, "off", {} if features is None else {"supported_features": features})
    form = await begin(hass, entry, "entity")
    form = await fill_in(hass, form, entity_id=entity_id, power=2000)
    if can:
        assert form["step_id"] == "rules"
        return
    assert complaint(form).startswith("That cannot be turned on and off.")
    assert (await fill_in(hass, form, entity_id=boiler))["step_id"] == "rules"


async def test_what_is_not_there_at_the_moment_is_believed(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await begin(hass, entry, "entity")
    form = await fill_in(hass, form, entity_id="climate.living", power=2000)
    await fill_in(hass, form)
    assert load(entry, "climate.living").output == EntitySettings("climate.living")


async def test_the_rank_comes_after_those_that_are_there(
    hass: HomeAssistant, house: MockConfigEntry, entry: MockConfigEntry
) -> None:
    form = await begin(hass, house, "entity")
    assert shown(form)["rank"] == 3
    assert said(form, FLOW).endswith("- 1: Boiler\n- 2: Pump")
    # The loads of another meter are none of its business.
    form = await begin(hass, entry, "entity")
    assert shown(form)["rank"] == 1
    form = await fill_in(hass, form, entity_id="input_boolean.other", power=100, rank=4)
    await fill_in(hass, form)
    (kept,) = entry.subentries.values()
    assert kept.data["rank"] == 4


async def test_a_power_that_makes_no_sense_is_refused(hass: HomeAssistant, entry: MockConfigEntry, boiler: str) -> None:
    form = await begin(hass, entry, "entity")
    # In our words: those of the field are English everywhere.
    for power in (0, 9):
        form = await fill_in(hass, form, entity_id=boiler, power=power)
        assert complaint(form).startswith("Fill in its power")
    with pytest.raises(InvalidData):
        await fill_in(hass, form, power=30001)


# --- changing ---------------------------------------------------------------------------------------------------------


async def test_only_the_rules_are_changed(hass: HomeAssistant, house: MockConfigEntry) -> None:
    menu = await change(hass, house, "Pump")
    assert menu["menu_options"] == ["rules", "entity", "gpio"]
    assert (menu["description_placeholders"] or {})["name"] == "Pump"
    form = await choose(hass, menu, "rules")
    result = await fill_in(hass, form, permissions={"windows": "9-17"})
    assert result["reason"] == "reconfigure_successful"
    assert dict(house.subentries[find(house, "Pump")].data) == {**PUMP, "windows": [["09:00", "17:00"]]}


@pytest.mark.usefixtures("board")
async def test_name_kind_and_power_are_changed_and_the_rest_goes_along(
    hass: HomeAssistant, house: MockConfigEntry
) -> None:
    form = await change(hass, house, "Pump", "gpio")
    # Its own pin is not in its own way.
    assert shown(form) | {"wiring": None} == {
        "pin": "/dev/gpiochip0:26",
        "name": "Pump",
        "kind": "motor",
        "power": 750,
        "rank": 2,
        "wiring": None,
    }
    assert said(form, FLOW).endswith("- 1: Boiler")
    form = await fill_in(hass, form, name="Heat pump", kind="compressor", power=900, rank=5)
    # What the motor had by default, the compressor has otherwise.
    assert (shown(form)["device"]["min_on"], shown(form)["device"]["min_off"]) == (10, 10)
    await fill_in(hass, form, device={"min_off": 3})
    assert dict(house.subentries[find(house, "Heat pump")].data) == {
        **PUMP,
        "kind": "compressor",
        "power_w": 900,
        "rank": 5,
        "min_off_s": 180,
    }


@pytest.mark.usefixtures("board")
async def test_a_pin_is_the_same_by_another_name_of_its_chip(
    hass: HomeAssistant, house: MockConfigEntry, tmp_path: Path
) -> None:
    """As on a Raspberry Pi 5, whose gpiochip4 became gpiochip0 and kept its old name besides."""
    link = tmp_path / "gpiochip4"
    link.symlink_to("/dev/gpiochip0")
    pump = house.subentries[find(house, "Pump")]
    hass.config_entries.async_update_subentry(house, pump, data={**pump.data, "chip": str(link)})
    form = await change(hass, house, "Pump", "gpio")
    assert shown(form)["pin"] == "/dev/gpiochip0:26"
    assert options(form, "pin")["/dev/gpiochip0:26"] == "GPIO26 (pinctrl-bcm2711, line 26)"


@pytest.mark.usefixtures("board")
async def test_a_load_moves_from_a_pin_to_a_switch_and_back(hass: HomeAssistant, house: MockConfigEntry) -> None:
    load_id = find(house, "Pump")
    form = await change(hass, house, "Pump", "entity")
    assert shown(form) == {"name": "Pump", "kind": "motor", "power": 750, "rank": 2}
    # Another load's is refused, as at the beginning; its own later on is not.
    form = await fill_in(hass, form, entity_id="switch.boiler")
    assert complaint(form).startswith("That is switched by the load Boiler already.")
    form = await fill_in(hass, form, entity_id="switch.pump")
    await fill_in(hass, form, tuning={"ramp": 4})
    moved = {"kind": "motor", "entity_id": "switch.pump", "power_w": 750, "rank": 2, "ramp_s": 4}
    assert dict(house.subentries[load_id].data) == moved
    form = await fill_in(hass, await change(hass, house, "Pump", "entity"))
    await fill_in(hass, form)
    assert dict(house.subentries[load_id].data) == moved
    form = await fill_in(hass, await change(hass, house, "Pump", "gpio"), pin="/dev/gpiochip0:26")
    await fill_in(hass, form)
    assert dict(house.subentries[load_id].data) == {**PUMP, "ramp_s": 4}
    assert house.subentries[load_id].title == "Pump"


# --- what becomes of it -----------------------------------------------------------------------------------------------


async def test_the_meter_takes_up_each_change_by_itself(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, boiler: str, device_registry: dr.DeviceRegistry
) -> None:
    await set_up(nl5())
    before = entry.runtime_data
    form = await fill_in(hass, await begin(hass, entry, "entity"), entity_id=boiler, name="Boiler", power=2000)
    await fill_in(hass, form)
    await hass.async_block_till_done()
    assert entry.runtime_data is not before
    load_id = find(entry, "Boiler")
    device = device_registry.async_get_device_by_identifier((DOMAIN, load_id), entry.entry_id)
    assert device is not None
    assert (device.name, device.config_subentry_id) == ("Boiler", load_id)
    before = entry.runtime_data
    await fill_in(hass, await change(hass, entry, "Boiler", "rules"), permissions={"windows": "9-17"})
    await hass.async_block_till_done()
    assert entry.runtime_data is not before
    before = entry.runtime_data
    assert hass.config_entries.async_remove_subentry(entry, load_id)
    await hass.async_block_till_done()
    assert entry.runtime_data is not before
    assert device_registry.async_get_device_by_identifier((DOMAIN, load_id), entry.entry_id) is None
