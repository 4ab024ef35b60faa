"""The dialog in which a load is added or changed."""

from datetime import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.config_entries import SOURCE_USER, ConfigSubentry, ConfigSubentryData
from homeassistant.const import CONF_PORT
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import device_registry as dr, entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter.const import CONF_LINE, CONF_PROFILE, DOMAIN
from custom_components.p1meter.gpio import ChipInfo, GpioBias, GpioDrive, LineInfo
from custom_components.p1meter.load_settings import EntitySettings, GpioSettings, LoadConfig, load_config
from custom_components.p1meter.loads import LoadSettings
from tests.compose import nl5

from .dialogs import ENGLISH, FOLDER, said
from .fake_loads import add_load
from .forms import choices, suggested
from .pins import UNUSABLE

if TYPE_CHECKING:
    from homeassistant.config_entries import SubentryFlowResult
    from homeassistant.core import HomeAssistant

    from .conftest import SetUp

FLOW = "config_subentries.load"
TEXTS: dict[str, Any] = ENGLISH["config_subentries"]["load"]
SECTIONS = frozenset({"wiring", "permissions", "device", "protection", "tuning"})
BOILER = {"kind": "relay", "entity_id": "switch.boiler", "power_w": 2000.0, "rank": 1}
PUMP = {"kind": "motor", "chip": "/dev/gpiochip0", "line": 26, "power_w": 750.0, "rank": 2}


async def begin(hass: HomeAssistant, entry: MockConfigEntry, *way: str) -> SubentryFlowResult:
    """Press the button for a new load, and choose in the menu."""
    result = await hass.config_entries.subentries.async_init((entry.entry_id, "load"), context={"source": SOURCE_USER})
    return await choose(hass, result, *way)


async def change(hass: HomeAssistant, entry: MockConfigEntry, title: str, *way: str) -> SubentryFlowResult:
    """Press the button at a load, and choose in the menu."""
    result: Any = await entry.start_subentry_reconfigure_flow(hass, find(entry, title))
    return await choose(hass, result, *way)


async def choose(hass: HomeAssistant, result: SubentryFlowResult, *way: str) -> SubentryFlowResult:
    """Choose in a menu."""
    assert result["type"] is FlowResultType.MENU
    said(result, FLOW)
    for step in way:
        result = await hass.config_entries.subentries.async_configure(result["flow_id"], {"next_step_id": step})
    return result


async def fill_in(hass: HomeAssistant, form: SubentryFlowResult, **values: Any) -> SubentryFlowResult:
    """Press the button with what is suggested, but for these values, in their sections; None empties a field."""
    return await hass.config_entries.subentries.async_configure(form["flow_id"], merged(shown(form), values))


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return what is in the form after these fields were filled in."""
    filled = {**old}
    for key, value in new.items():
        filled[key] = merged(old.get(key, {}), value) if key in SECTIONS else value
    return {key: value for key, value in filled.items() if value is not None}


def shown(form: SubentryFlowResult) -> dict[str, Any]:
    """Return what stands in the form."""
    result: Any = form
    return suggested(result)


def options(form: SubentryFlowResult, name: str) -> dict[str, str]:
    """Return what can be chosen in a field, with what is shown for it."""
    result: Any = form
    return choices(result, name)


def complaint(form: SubentryFlowResult) -> str:
    """Return the one error in the form, as it is read."""
    assert form["type"] is FlowResultType.FORM
    ((_, error),) = (form["errors"] or {}).items()
    return str(TEXTS["error"][error].format_map(form["description_placeholders"] or {}))


def find(entry: MockConfigEntry, title: str) -> str:
    """Return the id of a load."""
    found: list[str] = [load_id for load_id, one in entry.subentries.items() if one.title == title]
    (load_id,) = found
    return load_id


def load(entry: MockConfigEntry, title: str) -> LoadConfig:
    """Return a load as the law gets it."""
    return load_config(entry.subentries[find(entry, title)])


def existing(title: str, data: dict[str, Any]) -> ConfigSubentryData:
    """Return a load that is there already."""
    return ConfigSubentryData(data=data, subentry_type="load", title=title, unique_id=None)


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


# --- the second page --------------------------------------------------------------------------------------------------


async def rules(hass: HomeAssistant, entry: MockConfigEntry, kind: str = "relay") -> SubentryFlowResult:
    """Come to the second page with a boiler of 2 kW."""
    form = await begin(hass, entry, "entity")
    return await fill_in(hass, form, entity_id="switch.boiler", name="Boiler", kind=kind, power=2000)


async def test_everything_is_filled_in_as_it_is_by_default(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await rules(hass, entry)
    assert shown(form) == {
        "permissions": {"windows": ""},
        # Minutes.
        "device": {
            "min_on": 1,
            "min_off": 0,
            "max_starts_per_hour": 12,
            "idle_off": 10,
            "idle_retry": 30,
            "hold_idle": False,
        },
        "protection": {
            "override": {"hours": 2, "minutes": 0, "seconds": 0},
            "override_protected": False,
            "never_shed": False,
            "safe_on": False,
            "run_when_blind": False,
        },
        "tuning": {
            "on_share": 80,
            "off_share": 50,
            "start_cost": 20,
            "stop_cost": 20,
            "latency": 2,
            "ramp": 2,
        },
    }


@pytest.mark.parametrize(
    ("kind", "minutes", "costs", "seconds"),
    [
        ("solid_state", (1, 0), (5, 5), (2, 2)),
        ("motor", (5, 3), (20, 20), (2, 2)),
        ("compressor", (10, 10), (20, 20), (2, 2)),
        ("charger", (1, 0), (20, 20), (15, 10)),
    ],
)
async def test_the_kind_of_device_fills_it_in(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    kind: str,
    minutes: tuple[int, int],
    costs: tuple[int, int],
    seconds: tuple[int, int],
) -> None:
    form = shown(await rules(hass, entry, kind))
    assert (form["device"]["min_on"], form["device"]["min_off"]) == minutes
    assert (form["tuning"]["start_cost"], form["tuning"]["stop_cost"]) == costs
    assert (form["tuning"]["latency"], form["tuning"]["ramp"]) == seconds


async def test_everything_can_be_chosen_and_comes_back(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    # Tariffs and phases as the meter has them; prices as the person named them.
    prices = {"price_buy_entity": "sensor.buy", "price_sell_entity": "sensor.sell"}
    hass.config_entries.async_update_entry(entry, options=prices)
    await set_up()
    hass.states.async_set("switch.boiler", "off")
    chosen: dict[str, Any] = {
        "permissions": {
            "windows": "22-6, 13:00-15:30",
            "allowed_entity": "input_boolean.home",
            "min_run": {"hours": 2, "minutes": 30, "seconds": 0},
            "deadline": "20:00:00",
            "max_run": {"hours": 4, "minutes": 0, "seconds": 0},
            "tariffs": ["1"],
            "max_price": 0.25,
        },
        "device": {
            "power_entity": "sensor.boiler_power",
            "min_on": 2.5,
            "min_off": 3,
            "max_starts_per_hour": None,
            "max_starts_per_day": 40,
            "idle_off": 5,
            "idle_retry": 60,
            "hold_idle": True,
            "phases": "l2",
        },
        "protection": {
            "override": {"hours": 1, "minutes": 30, "seconds": 0},
            "override_protected": True,
            "never_shed": True,
            "safe_on": True,
            "run_when_blind": True,
        },
        "tuning": {
            "on_share": 90,
            "off_share": 29,
            "start_cost": 7,
            "stop_cost": 8,
            "start_budget": 20,
            "latency": 4,
            "ramp": 6,
            "day_start": "00:30:00",
            "value_per_kwh": 0.14,
        },
    }
    form = await rules(hass, entry)
    assert (await fill_in(hass, form, **chosen))["type"] is FlowResultType.CREATE_ENTRY
    config = load(entry, "Boiler")
    assert config.settings == LoadSettings(
        find(entry, "Boiler"),
        2000,
        1,
        on_share=0.9,
        off_share=0.29,
        start_cost_wh=7,
        stop_cost_wh=8,
        min_on_s=150,
        min_off_s=180,
        latency_s=4,
        ramp_s=6,
        phases=(2,),
        min_run_s=9000,
        max_run_s=14400,
        deadline=time(20),
        day_start=time(0, 30),
        max_starts_per_day=40,
        max_starts_per_hour=None,
        start_budget=20,
        tariffs=frozenset({1}),
        max_price=0.25,
        windows=((time(22), time(6)), (time(13), time(15, 30))),
        value_per_kwh=0.14,
        override_s=5400,
        override_protected=True,
        never_shed=True,
        safe_on=True,
        run_when_blind=True,
        idle_off_s=300,
        idle_retry_s=3600,
        hold_idle=True,
    )
    assert (config.power_entity, config.allowed_entity) == ("sensor.boiler_power", "input_boolean.home")
    await hass.async_block_till_done()
    # Written out as it was understood; the rest as it was typed.
    chosen["permissions"]["windows"] = "22:00-06:00, 13:00-15:30"
    del chosen["device"]["max_starts_per_hour"]
    form = await change(hass, entry, "Boiler", "rules")
    assert shown(form) == chosen
    await fill_in(hass, form)
    assert load(entry, "Boiler") == config
    # And all of it can be taken back.
    form = await change(hass, entry, "Boiler", "rules")
    await fill_in(
        hass,
        form,
        permissions=dict.fromkeys(chosen["permissions"]),
        device={"power_entity": None, "max_starts_per_day": None, "phases": "learned"},
        tuning={"start_budget": None, "value_per_kwh": None},
    )
    settings = load(entry, "Boiler").settings
    assert (settings.min_run_s, settings.max_run_s, settings.deadline, settings.windows) == (0, None, None, ())
    assert (settings.tariffs, settings.max_price, settings.phases, settings.value_per_kwh) == (None, None, None, None)
    assert (
        not {"allowed_entity", "power_entity", "tariffs", "phases"}
        & entry.subentries[find(entry, "Boiler")].data.keys()
    )


def fields(form: SubentryFlowResult) -> set[str]:
    """Return the fields of the sections of a form."""
    assert form["data_schema"] is not None
    return {str(field) for part in form["data_schema"].schema.values() for field in part.schema.schema}


DEPENDING = {"tariffs", "phases", "max_price", "value_per_kwh"}


async def test_only_what_means_something_at_this_meter_is_asked(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    # Never read: nothing is known of it.
    assert not fields(await rules(hass, entry)) & DEPENDING
    await set_up()
    form = await rules(hass, entry)
    assert fields(form) & DEPENDING == {"tariffs", "phases"}
    assert form["data_schema"] is not None
    # In the words of the country.
    section = form["data_schema"].schema["permissions"].schema.schema
    assert section["tariffs"].config["options"] == [
        {"value": "1", "label": "Low"},
        {"value": "2", "label": "Normal"},
    ]


@pytest.mark.parametrize(
    ("prices", "asked"),
    [
        ({"price_buy_entity": "sensor.buy"}, {"max_price"}),
        ({"price_buy_entity": "sensor.buy", "price_sell_entity": "sensor.sell"}, {"max_price", "value_per_kwh"}),
        ({"price_sell_entity": "sensor.sell"}, set()),
    ],
)
async def test_prices_are_asked_where_they_are_known(
    hass: HomeAssistant, entry: MockConfigEntry, prices: dict[str, str], asked: set[str]
) -> None:
    hass.config_entries.async_update_entry(entry, options=prices)
    form = await rules(hass, entry)
    assert fields(form) & DEPENDING == asked
    assert (await fill_in(hass, form))["type"] is FlowResultType.CREATE_ENTRY


async def test_what_was_chosen_before_can_still_be_seen_and_changed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    # The meter was never read again, and the price sensors are gone.
    data = {**BOILER, "tariffs": [2], "phases": [1, 2, 3], "max_price": 0.2, "value_per_kwh": 0.1}
    kept = ConfigSubentry(data=MappingProxyType(data), subentry_type="load", title="Boiler", unique_id=None)
    hass.config_entries.async_add_subentry(entry, kept)
    form = await change(hass, entry, "Boiler", "rules")
    assert fields(form) & DEPENDING == DEPENDING
    assert shown(form)["permissions"]["tariffs"] == ["2"]
    assert shown(form)["device"]["phases"] == "all"
    await fill_in(hass, form)
    assert dict(entry.subentries[find(entry, "Boiler")].data) == data


def words_of(schema: Any, texts: dict[str, Any]) -> None:
    """Check that every field of a form has a name and an explanation, and everything in its lists has words."""
    plain = {str(field): selector for field, selector in schema.schema.items() if not hasattr(selector, "schema")}
    assert plain.keys() == texts.get("data", {}).keys() == texts.get("data_description", {}).keys()
    for selector in plain.values():
        if key := selector.config.get("translation_key"):
            assert ENGLISH["selector"][key]["options"].keys() == set(selector.config["options"])
    for field, part in schema.schema.items():
        if hasattr(part, "schema"):
            words_of(part.schema, texts["sections"][str(field)])


@pytest.mark.usefixtures("board")
async def test_everything_that_is_asked_is_named_and_explained(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    prices = {"price_buy_entity": "sensor.buy", "price_sell_entity": "sensor.sell"}
    hass.config_entries.async_update_entry(entry, options=prices)
    await set_up()
    for form in (await begin(hass, entry, "entity"), await begin(hass, entry, "gpio"), await rules(hass, entry)):
        words_of(form["data_schema"], TEXTS["step"][form["step_id"]])


RUN = {"hours": 9, "minutes": 0, "seconds": 0}


@pytest.mark.parametrize(
    ("wrong", "sentence", "right"),
    [
        (
            {"permissions": {"windows": "22:00-06:00, night"}},
            "Not understood: night.",
            {"permissions": {"windows": ""}},
        ),
        (
            {"permissions": {"min_run": {"hours": 25, "minutes": 0}}},
            "A day has 24 hours",
            {"permissions": {"min_run": {"hours": 24, "minutes": 0}}},
        ),
        (
            {"permissions": {"max_run": {"hours": 24, "minutes": 1}}},
            "A day has 24 hours",
            {"permissions": {"max_run": {"hours": 24, "minutes": 0}}},
        ),
        (
            {"permissions": {"min_run": RUN, "max_run": {"hours": 8, "minutes": 59}}},
            "It must run for longer than it may.",
            {"permissions": {"max_run": RUN}},
        ),
        (
            {"permissions": {"deadline": "07:00:00"}},
            "There is a time by which it must have run",
            {"permissions": {"min_run": RUN}},
        ),
        # A night of 8 h is shorter than 9 h; with an hour more it fits.
        (
            {"permissions": {"min_run": RUN, "windows": "22:00-06:00"}},
            "The times in which it may start are shorter",
            {"permissions": {"windows": "21:00-06:00"}},
        ),
        ({"tuning": {"on_share": 40}}, "The sun without which it never starts", {"tuning": {"off_share": 40}}),
        (
            {"permissions": {"allowed_entity": "switch.boiler"}},
            "A load cannot be its own permission",
            {"permissions": {"allowed_entity": "switch.other"}},
        ),
        (
            {"permissions": {"allowed_entity": "switch.p1meter_pump"}},
            "That belongs to p1meter itself",
            {"permissions": {"allowed_entity": "switch.other"}},
        ),
        (
            {"device": {"power_entity": "sensor.p1meter_power"}},
            "That sensor belongs to p1meter",
            {"device": {"power_entity": "sensor.boiler"}},
        ),
    ],
)
async def test_what_does_not_go_together_is_said_and_can_be_put_right(
    hass: HomeAssistant, entry: MockConfigEntry, wrong: dict[str, Any], sentence: str, right: dict[str, Any]
) -> None:
    for domain, key in (("sensor", "power"), ("switch", "pump")):
        er.async_get(hass).async_get_or_create(
            domain, DOMAIN, key, config_entry=entry, suggested_object_id=f"p1meter_{key}"
        )
    form = await fill_in(hass, await rules(hass, entry), **wrong)
    # Not at its field: a section that is folded would hide it. So none is folded.
    assert (form["errors"] or {}).keys() == {"base"}
    assert form["data_schema"] is not None
    assert not any(part.options["collapsed"] for part in form["data_schema"].schema.values())
    assert complaint(form).startswith(sentence)
    # What was typed is not lost.
    ((name, typed),) = wrong.items()
    assert typed.items() <= shown(form)[name].items()
    result = await fill_in(hass, form, **right)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_no_time_at_all_is_no_limit(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    # So the frontend leaves a duration whose numbers were taken out one by one.
    nothing = {"hours": 0, "minutes": 0, "seconds": 0}
    form = await rules(hass, entry)
    await fill_in(hass, form, permissions={"max_run": nothing}, protection={"override": nothing})
    settings = load(entry, "Boiler").settings
    assert (settings.max_run_s, settings.override_s) == (None, 0)


async def test_a_day_that_ends_with_a_deadline_in_the_morning(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """2.5 h by 07:00: from 04:00 on there would hardly be time, and the sun of yesterday would not count."""
    form = await rules(hass, entry)
    await fill_in(hass, form, permissions={"min_run": RUN, "deadline": "07:00:00"})
    assert load(entry, "Boiler").settings.day_start == time(7)
    # Nobody chose it: with a deadline in the evening the day is as usual again.
    form = await change(hass, entry, "Boiler", "rules")
    assert "day_start" not in shown(form)["tuning"]
    await fill_in(hass, form, permissions={"deadline": "20:00:00"})
    assert load(entry, "Boiler").settings.day_start == time(4)
    # What a person chooses is kept, and can be taken back.
    form = await change(hass, entry, "Boiler", "rules")
    await fill_in(hass, form, permissions={"deadline": "07:00:00"}, tuning={"day_start": "04:00:00"})
    form = await change(hass, entry, "Boiler", "rules")
    assert shown(form)["tuning"]["day_start"] == "04:00:00"
    await fill_in(hass, form, tuning={"on_share": 90})
    assert load(entry, "Boiler").settings.day_start == time(4)
    await fill_in(hass, await change(hass, entry, "Boiler", "rules"), tuning={"day_start": None})
    assert load(entry, "Boiler").settings.day_start == time(7)


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
