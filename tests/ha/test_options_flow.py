"""The dialog behind the cogwheel: what a person can choose for a meter. The Energy dashboard has its own tests."""

import json
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

from homeassistant.config_entries import SOURCE_USER
from homeassistant.const import CONF_PORT
from homeassistant.data_entry_flow import FlowResultType, InvalidData
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter.const import CONF_ASKED, CONF_LINE, CONF_PROFILE, CONF_REGISTERS, DOMAIN
from custom_components.p1meter.settings import Settings
from tests.compose import nl5

from .conftest import SetUp, get
from .dialogs import FOLDER, said
from .forms import choices, cogwheel, complaint, fill_in, suggested
from .pins import UNUSABLE

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowContext
    from homeassistant.core import HomeAssistant

UNKNOWN = {
    "1-0:96.50.1": "(00012.3*kWh)",
    "1-0:99.1.0": "(261121120000W)(00.250*kW)",
    "0-0:96.99.1": "(ABC)",
}
PEAK = {
    "id": "peak",
    "code": "1-0:99.1.0~1",
    "name": "Peak",
    "kind": "number",
    "unit": "kW",
    "device_class": "power",
    "state_class": "measurement",
}
NOTE = {"id": "note", "code": "0-0:96.99.1", "name": "Note", "kind": "text"}


@pytest.fixture
def network_entry(hass: HomeAssistant) -> MockConfigEntry:
    """A meter on the network."""
    data = {CONF_PORT: "socket://meter.local:2001", CONF_LINE: "115200 8N1", CONF_PROFILE: "nl5"}
    entry = MockConfigEntry(domain=DOMAIN, title="Meter", data=data)
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
def optical_entry(hass: HomeAssistant) -> MockConfigEntry:
    """A meter that wants to be asked."""
    data = {CONF_PORT: "/dev/ttyUSB0", CONF_LINE: "300 7E1", CONF_PROFILE: "iec", CONF_ASKED: True}
    entry = MockConfigEntry(domain=DOMAIN, title="Meter", data=data)
    entry.add_to_hass(hass)
    return entry


# --- the menu ---------------------------------------------------------------------------------------------------------


async def test_only_what_applies_is_in_the_menu(
    hass: HomeAssistant, entry: MockConfigEntry, optical_entry: MockConfigEntry
) -> None:
    menu = await cogwheel(hass, entry)
    assert menu["type"] is FlowResultType.MENU
    rest = ["reporting", "registers", "loads", "data", "history"]
    assert menu["menu_options"] == ["energy", "connection", *rest]
    assert "stays as it is" in said(menu, "options")
    assert (await cogwheel(hass, optical_entry))["menu_options"] == ["energy", "optical", *rest]


@pytest.mark.parametrize("language", ["en", "nl", "fr", "de"])
async def test_every_menu_is_in_every_language(
    hass: HomeAssistant, entry: MockConfigEntry, optical_entry: MockConfigEntry, language: str
) -> None:
    steps = json.loads((FOLDER / "translations" / f"{language}.json").read_text())["options"]["step"]
    hass.config_entries.async_update_entry(entry, options={CONF_REGISTERS: [NOTE]})
    for menu in (
        await cogwheel(hass, entry),
        await cogwheel(hass, optical_entry),
        await cogwheel(hass, entry, "registers"),
    ):
        step = steps[menu["step_id"]]
        assert step["title"]
        assert step["description"]
        assert set(cast("list[str]", menu["menu_options"])) <= step["menu_options"].keys()


async def test_right_after_set_up_there_is_no_menu(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    # As our own config flow does.
    context = cast("ConfigFlowContext", {"source": SOURCE_USER, "after_setup": True})
    result = await hass.config_entries.options.async_init(entry.entry_id, context=context)
    # There is no Energy dashboard here: that is said, and it is no menu.
    assert result["reason"] == "energy_by_hand"


@pytest.mark.parametrize("step", ["connection", "optical"])
async def test_what_is_left_as_it_is_leaves_nothing_behind(
    hass: HomeAssistant, entry: MockConfigEntry, optical_entry: MockConfigEntry, step: str
) -> None:
    meter = entry if step == "connection" else optical_entry
    done = await fill_in(hass, await cogwheel(hass, meter, step))
    assert done["type"] is FlowResultType.CREATE_ENTRY
    assert dict(meter.options) == {}


# --- a meter that talks -----------------------------------------------------------------------------------------------


async def test_an_interval_is_chosen_and_taken_back(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await cogwheel(hass, entry, "connection")
    assert str(entry.data[CONF_PORT]) in said(form, "options")
    assert suggested(form) == {"request": "none", "request_awaited": False}
    await fill_in(hass, form, interval=30)
    assert dict(entry.options) == {"interval": 30}
    assert Settings.of(entry.data, entry.options).interval == 30
    form = await cogwheel(hass, entry, "connection")
    assert suggested(form)["interval"] == 30
    await fill_in(hass, form, interval=None)
    assert dict(entry.options) == {}


async def test_a_modem_line_is_chosen_and_taken_back(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await fill_in(hass, await cogwheel(hass, entry, "connection"), request="rts", request_awaited=True)
    assert dict(entry.options) == {"request": "rts", "request_awaited": True}
    await fill_in(hass, await cogwheel(hass, entry, "connection"), request="dtr", request_awaited=False)
    assert dict(entry.options) == {"request": "dtr"}
    # Nothing asks, so it does not matter when.
    await fill_in(hass, await cogwheel(hass, entry, "connection"), request="none", request_awaited=True)
    assert dict(entry.options) == {}


@pytest.mark.parametrize("request_by", ["rts", "dtr"])
async def test_a_network_address_has_no_modem_lines(
    hass: HomeAssistant, network_entry: MockConfigEntry, request_by: str
) -> None:
    form = await fill_in(hass, await cogwheel(hass, network_entry, "connection"), request=request_by, interval=20)
    assert form["errors"] == {"request": "request_no_lines"}
    assert complaint(form).startswith("socket://meter.local:2001 has no such line.")
    # What was typed is still there.
    assert suggested(form)["interval"] == 20
    await fill_in(hass, form, request="none")
    assert dict(network_entry.options) == {"interval": 20}


async def test_asking_takes_ten_seconds(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await cogwheel(hass, entry, "connection")
    form = await fill_in(hass, form, request="dtr", request_awaited=True, interval=5)
    assert "at least 10 seconds" in complaint(form)
    await fill_in(hass, form, interval=10)
    assert dict(entry.options) == {"request": "dtr", "request_awaited": True, "interval": 10}


@pytest.mark.usefixtures("board")
async def test_a_pin_is_picked_by_the_name_on_the_board(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await fill_in(hass, await cogwheel(hass, entry, "connection"), request="gpio", interval=20)
    assert form["step_id"] == "gpio"
    assert choices(form, "pin") == {
        "/dev/gpiochip0:26": "GPIO26 (pinctrl-bcm2711, line 26)",
        "/dev/gpiochip0:27": "GPIO27 (pinctrl-bcm2711, line 27), in use by: relay board",
        "/dev/gpiochip0:28": "GPIO28 (pinctrl-bcm2711, line 28), in use by: an unknown program",
        "/dev/gpiochip1:0": "D0 (usb-adapter, line 0)",
        "/dev/gpiochip0:14": "pinctrl-bcm2711, line 14",
    }
    # Nothing is chosen in the person's place: a pin that is driven by mistake may switch something.
    form = await fill_in(hass, form)
    assert complaint(form).startswith("Choose the pin")
    form = await fill_in(hass, form, pin="/dev/gpiochip0:27", request_active_low=True)
    assert complaint(form).startswith("That pin is in use by relay board.")
    assert suggested(form) == {"pin": "/dev/gpiochip0:27", "request_active_low": True}
    await fill_in(hass, form, pin="/dev/gpiochip0:26")
    assert dict(entry.options) == {
        "interval": 20,
        "request": "gpio",
        "request_chip": "/dev/gpiochip0",
        "request_chip_label": "pinctrl-bcm2711",
        "request_line": 26,
        "request_active_low": True,
    }
    request = Settings.of(entry.data, entry.options).request
    assert request is not None
    assert (request.chip, request.line, request.active_low) == ("/dev/gpiochip0", 26, True)
    assert request.label == "pinctrl-bcm2711"


@pytest.mark.usefixtures("board")
async def test_our_own_pin_is_not_in_our_way(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    ours = {"request": "gpio", "request_chip": "/dev/gpiochip0", "request_line": 27, "request_active_low": True}
    hass.config_entries.async_update_entry(entry, options=ours)
    form = await fill_in(hass, await cogwheel(hass, entry, "connection"))
    assert suggested(form) == {"pin": "/dev/gpiochip0:27", "request_active_low": True}
    await fill_in(hass, form, request_active_low=False)
    place = {"request_chip": "/dev/gpiochip0", "request_chip_label": "pinctrl-bcm2711", "request_line": 27}
    assert dict(entry.options) == {"request": "gpio", **place}
    # Without a pin nothing of it is left.
    await fill_in(hass, await cogwheel(hass, entry, "connection"), request="none")
    assert dict(entry.options) == {}


async def test_a_computer_without_pins(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    # Whatever machine the test runs on.
    with patch("custom_components.p1meter.gpio._DEVICES", FOLDER):
        result = await fill_in(hass, await cogwheel(hass, entry, "connection"), request="gpio")
    assert result["reason"] == "gpio_none"
    assert said(result, "options").endswith("Nothing was changed.")
    assert dict(entry.options) == {}


@pytest.mark.parametrize(("where", "error", "sentence"), UNUSABLE)
async def test_pins_that_cannot_be_used_are_explained(
    hass: HomeAssistant, entry: MockConfigEntry, where: str, error: Exception, sentence: str
) -> None:
    with patch(f"custom_components.p1meter.pins.{where}", side_effect=error):
        result = await fill_in(hass, await cogwheel(hass, entry, "connection"), request="gpio")
    assert result["type"] is FlowResultType.ABORT
    assert sentence in said(result, "options")


# --- a meter that is asked --------------------------------------------------------------------------------------------


async def test_how_a_meter_is_asked(hass: HomeAssistant, optical_entry: MockConfigEntry) -> None:
    form = await cogwheel(hass, optical_entry, "optical")
    assert suggested(form) == {
        "interval": 60,
        "include_history": False,
        "dialogue": {
            "query": "?",
            "start_baud": "300",
            "max_baud": "19200",
            "needs_bcc": False,
            "wake_up": False,
        },
    }
    dialogue = {
        "address": " 00012345 ",
        "query": "2",
        "start_baud": "600",
        "max_baud": "4800",
        "needs_bcc": True,
        "wake_up": True,
    }
    await fill_in(hass, form, interval=30, offset=5, include_history=True, dialogue=dialogue)
    assert dict(optical_entry.options) == {
        "interval": 30,
        "offset": 5,
        "include_history": True,
        "address": "00012345",
        "query": "2",
        "start_baud": 600,
        "max_baud": 4800,
        "needs_bcc": True,
        "wake_up": True,
    }
    settings = Settings.of(optical_entry.data, optical_entry.options)
    assert settings.optical is not None
    assert (settings.optical.address, settings.optical.max_baud) == ("00012345", 4800)
    # All of it comes back, and all of it can be taken back.
    form = await cogwheel(hass, optical_entry, "optical")
    assert suggested(form) == {
        "interval": 30,
        "offset": 5,
        "include_history": True,
        "dialogue": {**dialogue, "address": "00012345"},
    }
    defaults = {"query": "?", "start_baud": "300", "max_baud": "19200", "needs_bcc": False, "wake_up": False}
    await fill_in(hass, form, interval=60, offset=None, include_history=False, dialogue=defaults)
    assert dict(optical_entry.options) == {}


async def test_a_speed_that_is_never_changed(hass: HomeAssistant, optical_entry: MockConfigEntry) -> None:
    form = await cogwheel(hass, optical_entry, "optical")
    await fill_in(hass, form, dialogue={**suggested(form)["dialogue"], "start_baud": "2400", "max_baud": "never"})
    assert dict(optical_entry.options) == {"start_baud": 2400, "max_baud": 2400}
    form = await cogwheel(hass, optical_entry, "optical")
    assert suggested(form)["dialogue"]["max_baud"] == "never"


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"offset": 60}, "offset", "less than the interval"),
        ({"interval": 10, "offset": 10}, "offset", "less than the interval"),
        ({"dialogue": {"address": "A" * 33}}, "base", "at most 32"),
        ({"dialogue": {"address": "1!2"}}, "base", "at most 32"),
        ({"dialogue": {"query": "??"}}, "base", "one character"),
        ({"dialogue": {"query": " "}}, "base", "one character"),
        ({"dialogue": {"start_baud": "4800", "max_baud": "2400"}}, "base", "lower than"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_put_right(
    hass: HomeAssistant, optical_entry: MockConfigEntry, changes: dict[str, Any], field: str, sentence: str
) -> None:
    form = await cogwheel(hass, optical_entry, "optical")
    good = suggested(form)
    wrong = {**good, **changes, "dialogue": {**good["dialogue"], **changes.get("dialogue", {})}}
    form = await fill_in(hass, form, **wrong)
    assert list(form["errors"] or {}) == [field]
    assert sentence in complaint(form)
    await fill_in(hass, form, **{**good, "offset": None})
    assert dict(optical_entry.options) == {}


async def test_a_meter_is_not_asked_more_often_than_every_ten_seconds(
    hass: HomeAssistant, optical_entry: MockConfigEntry
) -> None:
    with pytest.raises(InvalidData):
        await fill_in(hass, await cogwheel(hass, optical_entry, "optical"), interval=9)


# --- own registers ----------------------------------------------------------------------------------------------------


async def test_a_code_that_was_seen_becomes_a_sensor(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Any
) -> None:
    await set_up(nl5(UNKNOWN))
    menu = await cogwheel(hass, entry, "registers")
    assert menu["menu_options"] == ["register_pick", "register_type", "register_paste"]
    form = await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "register_pick"})
    assert choices(form, "code") == {
        "1-0:96.50.1": "1-0:96.50.1 = 12.3 kWh",
        "1-0:99.1.0": "1-0:99.1.0 = 261121120000W, 0.250 kW",
        "0-0:96.99.1": "0-0:96.99.1 = ABC",
    }
    form = await fill_in(hass, form, code="1-0:99.1.0")
    assert "1-0:99.1.0" in said(form, "options")
    # What is measured is proposed, not when.
    assert choices(form, "index") == {"0": "1: 261121120000W", "1": "2: 0.250 kW"}
    assert suggested(form) == {"index": "1", "kind": "number"}
    form = await fill_in(hass, form, name="  Peak  power ")
    assert form["step_id"] == "register_number"
    await fill_in(hass, form, device_class="power", state_class="measurement")
    assert entry.options[CONF_REGISTERS] == [
        {**PEAK, "id": "1_0_99_1_0_1", "name": "Peak power"},
    ]
    await hass.async_block_till_done()
    await say(nl5(UNKNOWN))
    state = get(hass, "sensor.iskra_am550_peak_power")
    assert (state.state, state.attributes["unit_of_measurement"]) == ("0.250", "kW")


async def test_a_text_is_asked_nothing_more(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up(nl5(UNKNOWN))
    form = await fill_in(hass, await cogwheel(hass, entry, "registers", "register_pick"), code="0-0:96.99.1")
    assert suggested(form)["kind"] == "text"
    form = await fill_in(hass, form, name=" ")
    assert complaint(form) == "Give it a name."
    form = await fill_in(hass, form, name="Note", kind="number")
    assert complaint(form).startswith("The meter sends ABC there, and that is no number.")
    await fill_in(hass, form, kind="text")
    assert entry.options[CONF_REGISTERS] == [{**NOTE, "id": "0_0_96_99_1"}]


async def test_without_a_telegram_the_codes_are_known_but_not_their_values(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    await set_up(nl5(UNKNOWN))
    await hass.config_entries.async_reload(entry.entry_id)
    form = await cogwheel(hass, entry, "registers", "register_pick")
    assert choices(form, "code") == {code: code for code in UNKNOWN}
    await hass.config_entries.async_unload(entry.entry_id)
    form = await cogwheel(hass, entry, "registers", "register_pick")
    assert choices(form, "code") == {code: code for code in UNKNOWN}
    form = await fill_in(hass, form, code="1-0:99.1.0")
    # Which value it is has to be counted.
    form = await fill_in(hass, form, name="Peak", index=1)
    form = await fill_in(hass, form, unit_of_measurement="kW", device_class="power", state_class="measurement")
    assert entry.options[CONF_REGISTERS] == [{**PEAK, "id": "1_0_99_1_0_1"}]


async def test_a_code_is_typed(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await cogwheel(hass, entry, "registers", "register_type")
    for wrong in ("1-0:99-99-99", "import"):
        form = await fill_in(hass, form, code=wrong)
        assert complaint(form).startswith("That is no code of a meter. Write it with dots")
        assert suggested(form) == {"code": wrong}
    form = await fill_in(hass, form, code="1.6.2*01~1")
    assert suggested(form) == {"index": 1, "kind": "number"}
    form = await fill_in(hass, form, name="Peak of January", kind="text")
    assert entry.options[CONF_REGISTERS] == [
        {"id": "1_6_2_01_1", "code": "1.6.2*01~1", "name": "Peak of January", "kind": "text"}
    ]


async def test_what_a_number_says_must_go_together(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up(nl5(UNKNOWN))
    form = await fill_in(hass, await cogwheel(hass, entry, "registers", "register_type"), code="96.50.1")
    form = await fill_in(hass, form, name="Energy")
    form = await fill_in(hass, form, unit_of_measurement="Wh")
    assert complaint(form).startswith("The meter sends this value in kWh.")
    form = await fill_in(hass, form, unit_of_measurement=None, device_class="voltage")
    assert "These do: MV, V, kV, mV" in complaint(form)
    form = await fill_in(hass, form, unit_of_measurement=None, device_class="energy", state_class="measurement")
    assert complaint(form).endswith(
        "Possible is: A balance: a total that may also go down, A meter reading: only goes up."
    )
    # The unit that is sent may be said again, in any spelling.
    await fill_in(hass, form, unit_of_measurement="KWH", state_class="total_increasing")
    assert entry.options[CONF_REGISTERS] == [
        {
            "id": "96_50_1",
            "code": "96.50.1",
            "name": "Energy",
            "kind": "number",
            "unit": "kWh",
            "device_class": "energy",
            "state_class": "total_increasing",
        }
    ]


async def test_a_number_without_a_unit_may_be_just_a_number(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await fill_in(hass, await cogwheel(hass, entry, "registers", "register_type"), code="C.7.0")
    form = await fill_in(hass, form, name="Failures")
    form = await fill_in(hass, form, device_class="energy")
    assert "GJ" in complaint(form)
    await fill_in(hass, form, device_class=None, unit_of_measurement=None)
    assert entry.options[CONF_REGISTERS] == [{"id": "c_7_0", "code": "C.7.0", "name": "Failures", "kind": "number"}]


async def test_a_register_is_changed_and_stays_the_same_sensor(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_REGISTERS: [PEAK, NOTE], "interval": 20})
    menu = await cogwheel(hass, entry, "registers")
    assert menu["menu_options"] == ["register_type", "register_paste", "register_change", "register_remove"]
    assert said(menu, "options").endswith("- Peak (1-0:99.1.0~1)\n- Note (0-0:96.99.1)")
    form = await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "register_change"})
    assert choices(form, "registers") == {"peak": "Peak (1-0:99.1.0~1)", "note": "Note (0-0:96.99.1)"}
    form = await fill_in(hass, form, registers="peak")
    assert suggested(form) == {"name": "Peak", "index": 1, "kind": "number"}
    form = await fill_in(hass, form, name="Highest power")
    assert suggested(form) == {
        "unit_of_measurement": "kW",
        "device_class": "power",
        "state_class": "measurement",
    }
    await fill_in(hass, form, state_class=None)
    changed = {key: value for key, value in PEAK.items() if key != "state_class"} | {"name": "Highest power"}
    assert dict(entry.options) == {CONF_REGISTERS: [changed, NOTE], "interval": 20}


async def test_registers_are_removed(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Any) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_REGISTERS: [PEAK, NOTE]})
    await set_up(nl5(UNKNOWN))
    assert get(hass, "sensor.iskra_am550_note").state == "ABC"
    form = await cogwheel(hass, entry, "registers", "register_remove")
    assert form["data_schema"] is not None
    # Nothing is ticked: where no default is told, the frontend ticks the first one.
    assert form["data_schema"]({}) == {"registers": []}
    await fill_in(hass, form, registers=["note"])
    await hass.async_block_till_done()
    await say(nl5(UNKNOWN))
    assert entry.options[CONF_REGISTERS] == [PEAK]
    assert er.async_get(hass).async_get("sensor.iskra_am550_note") is None
    await fill_in(hass, await cogwheel(hass, entry, "registers", "register_remove"), registers=["peak"])
    assert dict(entry.options) == {}


TABLE = r"""{
"1-0:96.50.1": ["Energy of the heat pump", "heat_pump", "^.*\((.*)\*kWh\)"],
"1-0:1.8.1": ["Meter Reading", "import_1", "^.*\((.*)\*kWh\)"],
"1-0:99-99-99": ["Dashes", "dashes", "^.*\((.*)\)"],
"0-0:96.99.1": ["No value", "no_value", "^.*"]
}"""


async def test_a_table_is_pasted_and_each_line_accounted_for(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Any
) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_REGISTERS: [NOTE]})
    await set_up(nl5(UNKNOWN))
    form = await fill_in(hass, await cogwheel(hass, entry, "registers", "register_paste"), table=TABLE)
    text = said(form, "options")
    assert "**These become sensors**\n- 1-0:96.50.1: Energy of the heat pump\n" in text
    assert '**These are there already**\n- Line 3: "1-0:1.8.1": ["Meter Reading"' in text
    assert '- Line 4: "1-0:99-99-99": ["Dashes"' in text
    assert "(not a code; codes have dots, like 1-0:1.8.0)" in text
    assert "(it does not say which value is meant)" in text
    # Until the button is pressed nothing is kept.
    assert entry.options[CONF_REGISTERS] == [NOTE]
    await fill_in(hass, form)
    await hass.async_block_till_done()
    await say(nl5(UNKNOWN))
    assert get(hass, "sensor.iskra_am550_energy_of_the_heat_pump").state == "12.3"


async def test_a_table_with_nothing_in_it(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await fill_in(hass, await cogwheel(hass, entry, "registers", "register_paste"), table="# nothing\n")
    assert said(form, "options").startswith("There is no line with a code in it.")
    await fill_in(hass, form)
    assert dict(entry.options) == {}


async def test_a_long_value_is_cut_in_the_list(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up(nl5({"0-0:96.99.1": f"({'X' * 200})"}))
    form = await cogwheel(hass, entry, "registers", "register_pick")
    assert choices(form, "code") == {"0-0:96.99.1": f"0-0:96.99.1 = {'X' * 79}…"}
