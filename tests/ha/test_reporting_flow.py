"""How often states are written is a person's choice; what is written then, over a real line."""

from typing import TYPE_CHECKING

from homeassistant.data_entry_flow import FlowResultType, InvalidData
import pytest

from custom_components.p1meter.reporting import BALANCED, ECONOMY, Numbers
from custom_components.p1meter.settings import Settings
from tests.compose import nl5

from .conftest import Say, SetUp, WallClock, get
from .dialogs import ENGLISH
from .forms import cogwheel, fill_in, suggested

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .fake_loads import FakeManager

POWER = "sensor.iskra_am550_power"
VOLTAGE = "sensor.iskra_am550_voltage_phase_1"
IMPORT_LOW = "sensor.iskra_am550_import_low_tariff"


def reporting(entry: MockConfigEntry) -> Numbers | None:
    return Settings.of(entry.data, entry.options).reporting


async def choose(hass: HomeAssistant, entry: MockConfigEntry, policy: str) -> None:
    done = await fill_in(hass, await cogwheel(hass, entry, "reporting"), reporting=policy)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()


async def test_balanced_is_usual_and_leaves_nothing_behind(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await cogwheel(hass, entry, "reporting")
    assert suggested(form) == {"reporting": "balanced"}
    assert form["data_schema"] is not None
    (selector,) = form["data_schema"].schema.values()
    texts = ENGLISH["selector"]["reporting"]["options"]
    # Each says what it costs.
    assert ["rows" in texts[policy] for policy in selector.config["options"]] == [True, True, True, False]
    await fill_in(hass, form)
    assert dict(entry.options) == {}
    assert reporting(entry) is BALANCED


async def test_a_policy_is_chosen_and_taken_back(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await choose(hass, entry, "economy")
    assert dict(entry.options) == {"reporting": "economy"}
    assert reporting(entry) is ECONOMY
    assert suggested(await cogwheel(hass, entry, "reporting")) == {"reporting": "economy"}
    await choose(hass, entry, "live")
    assert reporting(entry) is None
    await choose(hass, entry, "balanced")
    assert dict(entry.options) == {}


async def test_numbers_of_ones_own(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await fill_in(hass, await cogwheel(hass, entry, "reporting"), reporting="own")
    assert suggested(form) == {
        "power_step": 100,
        "power_noise": 7,
        "phase_noise": 500,
        "voltage_noise": 1.5,
        "energy_step": 0.5,
        "energy_minutes": 5,
        "other_minutes": 120,
    }
    await fill_in(hass, form, power_noise=25, energy_minutes=15)
    assert dict(entry.options) == {
        "reporting": "own",
        "reporting_numbers": {"power_noise": 25, "energy_minutes": 15},
    }
    assert reporting(entry) == Numbers(power_noise=25, energy_minutes=15)
    form = await fill_in(hass, await cogwheel(hass, entry, "reporting"))
    assert suggested(form)["power_noise"] == 25
    # As they are by default, they are not kept.
    await fill_in(hass, form, power_noise=7, energy_minutes=5)
    assert dict(entry.options) == {"reporting": "own"}
    await choose(hass, entry, "balanced")
    assert dict(entry.options) == {}


async def test_numbers_that_make_no_sense_are_refused(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await fill_in(hass, await cogwheel(hass, entry, "reporting"), reporting="own")
    with pytest.raises(InvalidData):
        await fill_in(hass, form, power_noise=0)


async def test_another_choice_is_left_as_it_is(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(entry, options={"interval": 30})
    await choose(hass, entry, "live")
    assert dict(entry.options) == {"interval": 30, "reporting": "live"}


@pytest.mark.usefixtures("wall_clock")
async def test_live_writes_what_balanced_does_not(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, written: list[str]
) -> None:
    def small(import_low: str) -> bytes:
        return nl5({"1-0:1.7.0": "(01.203*kW)", "1-0:32.7.0": "(230.3*V)", "1-0:1.8.1": f"({import_low}*kWh)"})

    await set_up()
    written.clear()
    await say(small("004512.346"))
    assert written == []
    await choose(hass, entry, "live")
    await say(nl5())
    written.clear()
    await say(small("004512.347"))
    assert {POWER, VOLTAGE, IMPORT_LOW} <= set(written)
    assert get(hass, POWER).state == "1203"
    assert len(written) == len(set(written))


async def test_own_numbers_are_at_work_after_the_choice(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock
) -> None:
    await set_up()
    form = await fill_in(hass, await cogwheel(hass, entry, "reporting"), reporting="own")
    await fill_in(hass, form, power_step=1000, power_noise=500)
    await hass.async_block_till_done()
    await say(nl5())
    for _ in range(5):
        wall_clock.tick(1)
        await say(nl5({"1-0:1.7.0": "(01.593*kW)"}))
    assert get(hass, POWER).state == "1193"
    wall_clock.tick(1)
    await say(nl5({"1-0:1.7.0": "(02.293*kW)"}))
    assert get(hass, POWER).state == "2293"


async def test_loads_see_every_telegram_whatever_is_written(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    loads: FakeManager,
    say: Say,
    written: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await choose(hass, entry, "economy")
    await say(nl5())
    fed: list[object] = []
    monkeypatch.setattr(loads, "feed", lambda *given: fed.append(given))
    written.clear()
    await say(nl5({"1-0:1.7.0": "(01.194*kW)"}), nl5({"1-0:1.7.0": "(01.195*kW)"}))
    assert len(fed) == 2
    assert POWER not in written


@pytest.mark.parametrize("policy", ["balanced", "economy"])
async def test_of_a_meter_that_talks_once_a_minute_every_power_is_shown(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, wall_clock: WallClock, policy: str
) -> None:
    """A difference would last until the next telegram; what else wavers, and totals, wait as they always do."""
    hass.config_entries.async_update_entry(entry, options={"reporting": policy})
    # 12:02:30, 12:03:30, 12:04:30.
    await set_up()
    for watts, import_low in ((1194, "004512.346"), (1180, "004512.347")):
        wall_clock.tick(60)
        await say(
            nl5(
                {
                    "1-0:1.7.0": f"({watts / 1000:06.3f}*kW)",
                    "1-0:32.7.0": "(230.2*V)",
                    "1-0:1.8.1": f"({import_low}*kWh)",
                }
            )
        )
        assert get(hass, POWER).state == str(watts)
        assert get(hass, VOLTAGE).state == "230.1"
        # The next one would come after 12:05, which is no quarter of an hour.
        is_due = policy == "balanced" and watts == 1180
        assert get(hass, IMPORT_LOW).state == ("4512.347" if is_due else "4512.345")
