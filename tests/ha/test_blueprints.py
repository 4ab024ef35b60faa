"""The blueprints, and the examples in the documents, do what they say.

On Home Assistant's own loader and triggers, and on entities of a real meter.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
import re
import time
from typing import TYPE_CHECKING, Any

import freezegun
from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.automation.helpers import async_get_blueprints
from homeassistant.components.blueprint.models import Blueprint, DomainBlueprints
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import CoreState, State
from homeassistant.helpers import entity_registry as er, restore_state
from homeassistant.helpers.selector import validate_selector
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events, async_mock_service, mock_restore_cache

from custom_components.p1meter.link import LinkState
from tests.compose import nl5

from .conftest import Say, SetUp, act, get, until
from .test_event import FAILURE, MESSAGE, NEW_FAILURE, ONE_FAILURE, with_text

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from homeassistant.core import Event, HomeAssistant, ServiceCall
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from tests.simulation.meter import Cable

ROOT = Path(__file__).resolve().parent.parent.parent
BLUEPRINTS = ROOT / "blueprints"
NAMES = sorted(path.stem for path in (BLUEPRINTS / "automation/p1meter").iterdir())
ADDRESS = "https://github.com/p1meter/p1meter/blob/main/blueprints/automation/p1meter/{}.yaml"
# What opens Home Assistant's dialog with the address filled in.
IMPORT = "https://my.home-assistant.io/redirect/blueprint_import/?blueprint_url="

POWER = "sensor.iskra_am550_power"
CURRENTS = [f"sensor.iskra_am550_current_phase_{phase}" for phase in (1, 2, 3)]
# Half a minute past a quarter of an hour; 04:00:30 in Los Angeles, where the tests are.
NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def blueprints_of_this_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Home Assistant find ours where it looks for those of the person."""
    monkeypatch.setattr(DomainBlueprints, "blueprint_folder", property(lambda self: BLUEPRINTS / self.domain))


class Clock:
    """Both clocks of this house: the time of day stands still until it is moved, the event loop's jumps with it."""

    def __init__(self, hass: HomeAssistant, frozen: FrozenDateTimeFactory, monkeypatch: pytest.MonkeyPatch) -> None:
        self._hass = hass
        self._frozen = frozen
        self._ahead = 0.0
        # The only clock that is not frozen.
        monkeypatch.setattr(hass.loop, "time", lambda: time.clock_gettime(time.CLOCK_MONOTONIC) + self._ahead)

    async def tick(self, seconds: float) -> None:
        self._frozen.tick(seconds)
        self._ahead += seconds
        await self.settle()

    async def go_to(self, moment: datetime) -> None:
        await self.tick((moment - dt_util.utcnow()).total_seconds())

    async def settle(self) -> None:
        await self._hass.async_block_till_done()


@pytest.fixture(autouse=True)
async def an_automation_that_waits_is_not_waited_for(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[None]:
    """Home Assistant's own way to settle waits for the end of every automation, and ours wait for the night."""

    async def settle(wait_background_tasks: bool = False) -> None:  # noqa: ARG001, FBT001, FBT002 (as Home Assistant has it)
        for _ in range(30):
            await asyncio.sleep(0)
        # What was given to a thread.
        await asyncio.sleep(0.005)

    with monkeypatch.context() as patched:
        patched.setattr(hass, "async_block_till_done", settle)
        yield
        if hass.states.get("automation.watch") is not None:
            await act(hass, "automation", "turn_off", "automation.watch")


@pytest.fixture
def say(hass: HomeAssistant, cable: Cable, entry: MockConfigEntry) -> Say:
    """What the meter says, again and again until it is heard: a port that was silent for long is being opened again."""

    async def say(*data: bytes) -> None:
        for said in data:
            meter = entry.runtime_data
            heard = meter.accepted
            async with asyncio.timeout(10):
                while meter.accepted == heard:
                    if meter.link_state is LinkState.CONNECTED:
                        cable.write(said)
                    for _ in range(100):
                        await asyncio.sleep(0.001)
                        if meter.accepted > heard:
                            break
            await hass.async_block_till_done()

    return say


@pytest.fixture
def clock(hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch) -> Generator[Clock]:
    with freezegun.freeze_time(NOW) as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield Clock(hass, frozen, monkeypatch)


@pytest.fixture
def told(hass: HomeAssistant) -> list[ServiceCall]:
    """What a person is told: the blueprints' own idea of what to do."""
    calls: list[ServiceCall] = async_mock_service(hass, "persistent_notification", "create")
    return calls


def messages(told: list[ServiceCall]) -> list[str]:
    return [call.data["message"] for call in told]


async def automate(hass: HomeAssistant, blueprint: str, **inputs: Any) -> None:
    """Make an automation of a blueprint, with what a person chose in its dialog."""
    chosen = {"path": f"p1meter/{blueprint}.yaml", "input": inputs}
    config = {"automation": {"id": "watch", "alias": "Watch", "use_blueprint": chosen}}
    assert await async_setup_component(hass, "automation", config)
    await hass.async_block_till_done()
    assert get(hass, "automation.watch").state == "on"


def sensor(hass: HomeAssistant, entry: MockConfigEntry, slot: str) -> str:
    entity_id = er.async_get(hass).async_get_entity_id("sensor", "p1meter", f"{entry.entry_id}_{slot}")
    assert entity_id is not None
    return entity_id


# --- what they are ----------------------------------------------------------------------------------------------------


def test_they_are_the_six_that_are_promised() -> None:
    assert NAMES == ["grid_message", "month_peak", "night_flow", "no_data", "phase_overload", "power_failure"]


@pytest.mark.parametrize("name", NAMES)
async def test_each_explains_itself(hass: HomeAssistant, name: str) -> None:
    blueprint = await async_get_blueprints(hass).async_get_blueprint(f"p1meter/{name}.yaml")
    assert isinstance(blueprint, Blueprint)
    assert blueprint.validate() is None
    about = blueprint.metadata
    assert about["name"].startswith("P1 meter: ")
    assert len(about["description"]) > 100
    assert about["source_url"] == ADDRESS.format(name)
    for key, field in blueprint.inputs.items():
        assert field["name"], key
        validate_selector(field["selector"])
        # Nobody can guess an entity; everything else has a value that makes sense.
        assert ("default" in field) is ("entity" not in field["selector"]), key
        if "entity" in field["selector"]:
            assert {one["integration"] for one in field["selector"]["entity"]["filter"]} == {"p1meter"}
    # What the description tells to use in actions is there.
    assert "`message`" in about["description"] or "`text`" in about["description"]


@pytest.mark.parametrize("name", NAMES)
def test_each_is_in_the_documentation_with_a_link_that_imports_it(name: str) -> None:
    text = (ROOT / "docs/blueprints.md").read_text(encoding="utf-8")
    address = ADDRESS.format(name).replace(":", "%3A").replace("/", "%2F")
    assert f"({IMPORT}{address})" in text


# --- the power is back, a message came --------------------------------------------------------------------------------


async def test_the_power_is_back(hass: HomeAssistant, set_up: SetUp, say: Say, told: list[ServiceCall]) -> None:
    await set_up(nl5({"1-0:99.97.0": ONE_FAILURE}))
    await automate(hass, "power_failure", failure=FAILURE)
    # A message is none, nor is the same telegram again.
    await say(nl5(), with_text("Work on the grid"), nl5())
    assert told == []
    log = f"(2)(0-0:96.7.19)(261121183010W)(0000003787*s){ONE_FAILURE[16:]}"
    await say(nl5({"1-0:99.97.0": log}), nl5({"1-0:99.97.0": log, "0-0:96.14.0": "(0001)"}))
    # 3787 s are 1 h 3 min 7 s; 18:30:10 in Amsterdam is 09:30 in Los Angeles.
    assert messages(told) == ["The power was off for 1 h 3 min 7 s, until 09:30."]


async def test_a_short_failure_has_no_length(
    hass: HomeAssistant, set_up: SetUp, say: Say, told: list[ServiceCall]
) -> None:
    await set_up()
    await automate(hass, "power_failure", failure=FAILURE)
    await say(nl5({"0-0:96.7.21": "(00005)"}))
    assert messages(told) == ["The power was off."]


async def test_failures_that_are_too_short_to_tell(
    hass: HomeAssistant, set_up: SetUp, say: Say, told: list[ServiceCall]
) -> None:
    empty = {"1-0:99.97.0": "(0)(0-0:96.7.19)"}
    await set_up(nl5(empty))
    await automate(hass, "power_failure", failure=FAILURE, shortest=11)
    await say(nl5({**empty, "0-0:96.7.21": "(00005)"}))
    # Ten seconds.
    await say(nl5({"1-0:99.97.0": f"(1)(0-0:96.7.19){NEW_FAILURE}"}))
    assert told == []
    await say(nl5({"1-0:99.97.0": f"(2)(0-0:96.7.19)(261121194010W)(0000000011*s){NEW_FAILURE}"}))
    assert len(told) == 1


async def test_the_wrong_event_says_nothing(
    hass: HomeAssistant, set_up: SetUp, say: Say, told: list[ServiceCall]
) -> None:
    await set_up()
    await automate(hass, "power_failure", failure=MESSAGE)
    await say(with_text("Work on the grid"))
    assert told == []


async def test_a_message_is_passed_on(hass: HomeAssistant, set_up: SetUp, say: Say, told: list[ServiceCall]) -> None:
    await set_up(with_text("Old"))
    await automate(hass, "grid_message", received=MESSAGE)
    await say(with_text("Old"), with_text("Work on the grid: {{ 1 + 1 }}"), nl5())
    await say(nl5({"0-0:96.7.21": "(00005)"}))
    assert messages(told) == ["Work on the grid: {{ 1 + 1 }}"]


async def test_own_actions_get_the_words(hass: HomeAssistant, set_up: SetUp, say: Say, told: list[ServiceCall]) -> None:
    said = async_mock_service(hass, "notify", "phone")
    await set_up(nl5({"1-0:99.97.0": ONE_FAILURE}))
    mine = [{"action": "notify.phone", "data": {"message": "{{ duration }} / {{ end }} / {{ message }}"}}]
    await automate(hass, "power_failure", failure=FAILURE, act=mine)
    await say(nl5({"1-0:99.97.0": f"(2)(0-0:96.7.19){NEW_FAILURE}{ONE_FAILURE[16:]}"}))
    assert messages(said) == ["10 / 2026-11-21T09:30:10-08:00 / The power was off for 10 s, until 09:30."]
    assert told == []


def remember_run(hass: HomeAssistant, at: datetime) -> None:
    """Let Home Assistant remember that the automation ran then; who is there already stays known to it."""
    there = restore_state.async_get(hass).entities
    mock_restore_cache(hass, [State("automation.watch", "on", {"last_triggered": at.isoformat()})])
    restore_state.async_get(hass).entities |= there


@pytest.mark.parametrize(
    ("name", "key", "event", "news"),
    [
        ("power_failure", "failure", FAILURE, nl5({"0-0:96.7.21": "(00005)"})),
        ("grid_message", "received", MESSAGE, with_text("The power was off.")),
    ],
    ids=["power_failure", "grid_message"],
)
@pytest.mark.parametrize("before", [None, timedelta(days=1)])
async def test_what_came_while_home_assistant_started(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    set_up: SetUp,
    say: Say,
    told: list[ServiceCall],
    clock: Clock,
    name: str,
    key: str,
    event: str,
    news: bytes,
    before: timedelta | None,
) -> None:
    await set_up()
    await hass.config_entries.async_unload(entry.entry_id)
    # The power went, and with it Home Assistant. Now both are back.
    hass.set_state(CoreState.not_running)
    if before is not None:
        remember_run(hass, dt_util.utcnow() - before)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await automate(hass, name, **{key: event})
    await say(news)
    await clock.tick(20)
    assert told == []
    await hass.async_start()
    await clock.settle()
    assert messages(told) == ["The power was off."]
    # And from now on as ever.
    await say(nl5({"0-0:96.7.21": "(00007)", "0-0:96.13.0": f"({b'Again'.hex()})"}))
    assert len(told) == 2


@pytest.mark.parametrize("minutes", [5, 20])
async def test_what_was_told_already_is_not_told_at_the_start(
    hass: HomeAssistant, set_up: SetUp, say: Say, told: list[ServiceCall], clock: Clock, minutes: int
) -> None:
    await set_up()
    await say(nl5({"0-0:96.7.21": "(00005)"}))
    hass.set_state(CoreState.not_running)
    if minutes < 15:
        # It is not long ago, but this automation ran for it.
        remember_run(hass, dt_util.utcnow())
    await automate(hass, "power_failure", failure=FAILURE)
    await clock.tick(minutes * 60)
    await hass.async_start()
    await clock.settle()
    assert told == []


async def test_nothing_has_happened_yet_at_the_start(
    hass: HomeAssistant, set_up: SetUp, told: list[ServiceCall], caplog: pytest.LogCaptureFixture
) -> None:
    await set_up()
    hass.set_state(CoreState.not_running)
    await automate(hass, "power_failure", failure=FAILURE)
    await hass.async_start()
    await hass.async_block_till_done()
    assert told == []
    assert "Error" not in caplog.text


# --- no data ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def dismissed(hass: HomeAssistant) -> list[ServiceCall]:
    calls: list[ServiceCall] = async_mock_service(hass, "persistent_notification", "dismiss")
    return calls


async def test_no_data(
    hass: HomeAssistant,
    set_up: SetUp,
    say: Say,
    told: list[ServiceCall],
    dismissed: list[ServiceCall],
    clock: Clock,
) -> None:
    await set_up()
    await automate(hass, "no_data", meter=POWER)
    # A meter that was not measured yet is silent after 35 s.
    await clock.tick(36)
    assert get(hass, POWER).state == "unavailable"
    await clock.tick(590)
    assert told == []
    await clock.tick(15)
    assert messages(told) == ["Nothing has come from the smart meter since 04:01."]
    await clock.tick(3600)
    assert (len(told), dismissed) == (1, [])
    await say(nl5())
    await clock.settle()
    assert (len(told), len(dismissed)) == (1, 1)
    # The next silence is another one.
    await clock.tick(36)
    await clock.tick(601)
    assert len(told) == 2


async def test_a_short_silence_is_no_news(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, told: list[ServiceCall], clock: Clock
) -> None:
    await set_up()
    await automate(hass, "no_data", meter=POWER, after={"minutes": 5})
    await clock.tick(36)
    await clock.tick(240)
    await say(nl5())
    assert await hass.config_entries.async_reload(entry.entry_id)
    await clock.tick(5)
    await say(nl5())
    await clock.tick(20)
    await say(nl5())
    assert get(hass, POWER).state != "unavailable"
    assert told == []


@pytest.mark.parametrize("comes_back", [True, False])
async def test_a_meter_that_is_silent_when_home_assistant_starts(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    set_up: SetUp,
    say: Say,
    told: list[ServiceCall],
    dismissed: list[ServiceCall],
    clock: Clock,
    comes_back: bool,  # noqa: FBT001 (pytest passes it by name)
) -> None:
    await set_up()
    hass.set_state(CoreState.not_running)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await automate(hass, "no_data", meter=POWER)
    await hass.async_start()
    await clock.tick(300)
    if comes_back:
        await say(nl5())
        await clock.tick(5)
        assert (told, dismissed) == ([], [])
        return
    await clock.tick(301)
    assert len(told) == 1
    await say(nl5())
    await clock.settle()
    assert (len(told), len(dismissed)) == (1, 1)


async def test_a_meter_that_was_removed_is_no_error_at_every_start(
    hass: HomeAssistant, told: list[ServiceCall], clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    hass.set_state(CoreState.not_running)
    await automate(hass, "no_data", meter="sensor.of_a_meter_that_was_removed")
    await hass.async_start()
    await clock.tick(601)
    assert told == []
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


# --- phase overload ---------------------------------------------------------------------------------------------------


def amperes(*phases: int) -> bytes:
    return nl5({f"1-0:{code}.7.0": f"({value:03}*A)" for code, value in zip((31, 51, 71), phases, strict=True)})


async def test_a_phase_is_overloaded(
    hass: HomeAssistant, set_up: SetUp, say: Say, told: list[ServiceCall], clock: Clock
) -> None:
    await set_up(amperes(4, 2, 1))
    await automate(hass, "phase_overload", currents=CURRENTS)
    # 24 A is not more than 24 A, and a motor that starts draws more for a moment only.
    await say(amperes(4, 24, 1))
    await clock.tick(31)
    await say(amperes(4, 40, 1))
    await clock.tick(20)
    await say(amperes(4, 10, 1))
    await clock.tick(31)
    assert told == []
    await say(amperes(4, 30, 1))
    await clock.tick(9)
    await say(amperes(31, 30, 1))
    await clock.tick(9)
    assert told == []
    await clock.tick(13)
    # What they are by then: L1 has been over the limit for less than half a minute.
    assert messages(told) == ["More than 24 A: Iskra AM550 Current phase 1 31 A, Iskra AM550 Current phase 2 30 A."]
    # It goes on and on.
    await say(amperes(31, 10, 1), amperes(31, 30, 1))
    await clock.tick(31)
    assert len(told) == 1
    # After a quarter of an hour the next one counts.
    await say(amperes(4, 2, 1))
    await clock.tick(900)
    await say(amperes(4, 2, 30))
    await clock.tick(31)
    assert len(told) == 2


async def test_own_limits_of_an_overload(
    hass: HomeAssistant, set_up: SetUp, say: Say, told: list[ServiceCall], clock: Clock
) -> None:
    await set_up(amperes(4, 2, 1))
    await automate(hass, "phase_overload", currents=CURRENTS[0], limit=15.5, lasting=0, quiet=0)
    for _ in range(2):
        await say(amperes(15, 40, 40), amperes(4, 2, 1), amperes(20, 2, 1))
        await clock.settle()
    assert messages(told) == ["More than 15.5 A: Iskra AM550 Current phase 1 20 A."] * 2


# --- month peak -------------------------------------------------------------------------------------------------------


def quarter(watts: int, demand: float, peak: float = 3.0) -> bytes:
    """A house that draws so many W; the mean of its running quarter and the peak of its month are in kW."""
    return nl5(
        {
            "1-0:1.7.0": f"({max(watts, 0) / 1000:06.3f}*kW)",
            "1-0:2.7.0": f"({max(-watts, 0) / 1000:06.3f}*kW)",
            "1-0:1.4.0": f"({demand:06.3f}*kW)",
            "1-0:1.6.0": f"(261105181500W)({peak:06.3f}*kW)",
        }
    )


@pytest.fixture
async def watched(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, clock: Clock) -> dict[str, str]:
    """The inputs of the blueprint, and a house at 500 W, half a minute into a quarter."""
    assert clock is not None
    await set_up(quarter(500, 0.0))
    return {
        name: sensor(hass, entry, f"electricity_{key}")
        for name, key in {"power": "power", "demand": "demand_current", "peak": "demand_month_peak"}.items()
    }


async def live(clock: Clock, say: Say, seconds: int, watts: int, demand: float, peak: float = 3.0) -> None:
    """Let the house live so for some time, with a telegram every fifteen seconds."""
    for _ in range(seconds // 15):
        await clock.tick(15)
        await say(quarter(watts, demand, peak))


async def test_the_month_peak_is_about_to_be_exceeded(
    hass: HomeAssistant, watched: dict[str, str], say: Say, told: list[ServiceCall], clock: Clock
) -> None:
    await automate(hass, "month_peak", **watched)
    # From 12:04:30 on. The limit is 3000 - 200 W, and 500 W come nowhere near it.
    await clock.go_to(NOW.replace(minute=4, second=15))
    await live(clock, say, 45, 500, 0.15)
    assert told == []
    # Ten minutes left: 0.167 kW so far + 3900 W * 600 s / 900 s = 2767 W.
    await live(clock, say, 60, 3900, 0.167)
    assert told == []
    # A kettle at 12:06:15: 0.4 kW + 5900 W * 525 s / 900 s = 3842 W; but for 15 s.
    await live(clock, say, 15, 5900, 0.4)
    await live(clock, say, 45, 500, 0.4)
    assert told == []
    # From 12:07:15 on, 465 s left: 0.5 kW + 5000 W * 465 s / 900 s = 3083 W, and then another number.
    await live(clock, say, 15, 5000, 0.5)
    await live(clock, say, 15, 5600, 0.61)
    assert told == []
    # Half a minute later: 610 + 5600 * 435 / 900 = 3316.7 W; 435 s are 7.25 minutes.
    await live(clock, say, 15, 5600, 0.61)
    assert messages(told) == [
        "This quarter of an hour is on its way to 3317 W, which is more than 2800 W. There are 8 minutes left."
    ]
    # Once a quarter, also if it was better in between.
    await live(clock, say, 30, 500, 0.9)
    await live(clock, say, 60, 9000, 1.2)
    assert len(told) == 1


async def test_every_quarter_is_a_new_one(
    hass: HomeAssistant, watched: dict[str, str], say: Say, told: list[ServiceCall], clock: Clock
) -> None:
    await automate(hass, "month_peak", **watched)
    # The car charges, and nobody does anything: from 12:12 on.
    await clock.go_to(NOW.replace(minute=12, second=0))
    await live(clock, say, 30, 8000, 2.5)
    assert told == []
    await live(clock, say, 30, 8000, 3.0)
    assert len(told) == 1
    # Until 12:16:00: the next quarter has begun, and its first minute is not judged.
    await live(clock, say, 120, 8000, 3.5)
    await live(clock, say, 60, 8000, 0.1)
    assert len(told) == 1
    # What goes by the minute is looked at some moments after it.
    await live(clock, say, 60, 8000, 1.0)
    assert len(told) == 2


async def test_a_peak_that_costs_nothing_is_no_news(
    hass: HomeAssistant, watched: dict[str, str], say: Say, told: list[ServiceCall], clock: Clock
) -> None:
    await automate(hass, "month_peak", **watched, margin=0)
    # The month's peak is 1 kW, but less than 2.5 kW is paid as 2.5 kW: 0.5 + 2.4 * 2 / 3 = 2.1 kW.
    await clock.go_to(NOW.replace(minute=5, second=0))
    await live(clock, say, 60, 2400, 0.5, 1.0)
    assert told == []
    # 0.5 + 4 * 0.6 = 2.9 kW at 12:06, 0.5 + 4 * 0.53 = 2.6 kW at 12:07.
    await live(clock, say, 45, 4000, 0.5, 1.0)
    assert len(told) == 1
    assert "more than 2500 W" in messages(told)[0]


async def test_a_silent_meter_exceeds_nothing(
    hass: HomeAssistant, watched: dict[str, str], say: Say, told: list[ServiceCall], clock: Clock
) -> None:
    await automate(hass, "month_peak", **watched, margin=0)
    await clock.go_to(NOW.replace(minute=5, second=0))
    await live(clock, say, 15, 9000, 1.0)
    await clock.tick(36)
    assert get(hass, watched["demand"]).state == "unavailable"
    await clock.tick(60)
    assert told == []


# --- night flow -------------------------------------------------------------------------------------------------------

# 02:00 in Los Angeles.
NIGHT = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)


def gas(cubic_metres: str) -> bytes:
    return nl5({"0-1:24.2.1": f"(261122105500W)({cubic_metres}*m3)"})


@pytest.fixture
async def gas_meter(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, clock: Clock) -> str:
    assert clock is not None
    await set_up(gas("02569.600"))
    return sensor(hass, entry, "gas_gas")


async def test_gas_flows_at_night(
    hass: HomeAssistant, gas_meter: str, say: Say, told: list[ServiceCall], clock: Clock
) -> None:
    await automate(hass, "night_flow", meter=gas_meter)
    # In the evening as much as you like.
    await say(gas("02575.600"))
    await clock.go_to(NIGHT - timedelta(seconds=5))
    await say(gas("02575.646"))
    await clock.tick(6)
    # Twenty litres are allowed.
    await clock.tick(1800)
    await say(gas("02575.656"))
    await clock.tick(1800)
    await say(gas("02575.666"))
    assert told == []
    await clock.tick(1800)
    await say(gas("02575.667"))
    await clock.settle()
    assert messages(told) == ["21.0 litres have flowed since 02:00: Gas meter Gas."]
    # Once a night.
    await say(gas("02575.999"))
    await clock.settle()
    assert len(told) == 1
    # The next night counts anew.
    await clock.go_to(NIGHT + timedelta(days=1) - timedelta(seconds=5))
    await say(gas("02580.000"))
    await clock.tick(6)
    await say(gas("02580.020"))
    await clock.settle()
    assert len(told) == 1
    await say(gas("02580.100"))
    await clock.settle()
    assert len(told) == 2


async def test_the_night_is_over(
    hass: HomeAssistant, gas_meter: str, say: Say, told: list[ServiceCall], clock: Clock
) -> None:
    await automate(hass, "night_flow", meter=gas_meter)
    await clock.go_to(NIGHT - timedelta(seconds=5))
    await say(gas("02569.646"))
    await clock.tick(6)
    await clock.go_to(NIGHT + timedelta(hours=3))
    await clock.tick(6)
    await say(gas("02570.646"))
    await clock.settle()
    assert told == []


async def test_a_meter_that_is_silent_when_the_night_begins(
    hass: HomeAssistant, gas_meter: str, say: Say, told: list[ServiceCall], clock: Clock
) -> None:
    await automate(hass, "night_flow", meter=gas_meter)
    await clock.go_to(NIGHT)
    assert get(hass, gas_meter).state == "unavailable"
    await clock.tick(600)
    # What flowed before nobody knows when.
    await say(gas("02570.600"))
    await clock.settle()
    assert told == []
    # It falls silent again, and comes back with more.
    await clock.tick(600)
    await say(gas("02570.630"))
    await clock.settle()
    assert messages(told) == ["30.0 litres have flowed since 02:10: Gas meter Gas."]


@pytest.mark.parametrize(("start", "count"), [(NIGHT + timedelta(hours=1), 1), (NIGHT + timedelta(hours=4), 0)])
async def test_home_assistant_is_restarted_in_the_night(
    hass: HomeAssistant,
    gas_meter: str,
    say: Say,
    told: list[ServiceCall],
    clock: Clock,
    start: datetime,
    count: int,
) -> None:
    await clock.go_to(start)
    hass.set_state(CoreState.not_running)
    await automate(hass, "night_flow", meter=gas_meter)
    await hass.async_start()
    await say(gas("02570.000"))
    await clock.settle()
    await say(gas("02570.100"))
    await clock.settle()
    assert len(told) == count


async def test_a_night_around_midnight(
    hass: HomeAssistant, gas_meter: str, say: Say, told: list[ServiceCall], clock: Clock
) -> None:
    await automate(hass, "night_flow", meter=gas_meter, begin="23:00:00", end="04:00:00", allowed=1)
    await clock.go_to(NIGHT - timedelta(hours=3, seconds=5))
    await say(gas("02569.646"))
    await clock.tick(6)
    await clock.tick(4 * 3600)
    await say(gas("02569.648"))
    await clock.settle()
    assert messages(told) == ["2.0 litres have flowed since 23:00: Gas meter Gas."]


@pytest.mark.parametrize("unit", ["ft³", "CCF", "MCF", "L"])
async def test_litres_are_litres_also_where_the_sensor_shows_other_units(
    hass: HomeAssistant, gas_meter: str, say: Say, told: list[ServiceCall], clock: Clock, unit: str
) -> None:
    er.async_get(hass).async_update_entity_options(gas_meter, "sensor", {"unit_of_measurement": unit})
    await hass.async_block_till_done()
    await automate(hass, "night_flow", meter=gas_meter)
    await clock.go_to(NIGHT - timedelta(seconds=5))
    await say(gas("02569.646"))
    await clock.tick(6)
    await say(gas("02569.665"))
    await clock.settle()
    assert told == []
    await say(gas("02569.746"))
    await clock.settle()
    assert messages(told) == ["100.0 litres have flowed since 02:00: Gas meter Gas."]


async def test_an_automation_can_be_switched_off(
    hass: HomeAssistant, gas_meter: str, say: Say, told: list[ServiceCall], clock: Clock
) -> None:
    await automate(hass, "night_flow", meter=gas_meter)
    await clock.go_to(NIGHT - timedelta(seconds=5))
    await say(gas("02569.646"))
    await clock.tick(6)
    await act(hass, "automation", "turn_off", "automation.watch")
    await say(gas("02579.646"))
    await clock.settle()
    assert told == []


# --- the automations in the documents ---------------------------------------------------------------------------------

METER = "sensor.iskra_am550_{}"
DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)


def example(page: str, word: str) -> dict[str, Any]:
    """Return the automation of a page that has a word in it, for the meter of the tests; all it does is fire `ran`."""
    [block] = [block for block in BLOCK.findall((DOCS / f"{page}.md").read_text("utf-8")) if word in block]
    automation = parse_yaml(block.replace("p1_meter", "iskra_am550"))
    assert isinstance(automation, dict)
    return {**automation, "actions": [{"event": "ran"}]}


def says(which: str, *, over: bool) -> bytes:
    """Return a telegram: a phase that draws 4 or 30 A, a house that draws 1193 W or exports 3000 W."""
    if which == "current_phase_1":
        return nl5({"1-0:31.7.0": "(030*A)" if over else "(004*A)"})
    return nl5(
        {"1-0:1.7.0": "(00.000*kW)", "1-0:2.7.0": "(03.000*kW)"}
        if over
        else {"1-0:1.7.0": "(01.193*kW)", "1-0:2.7.0": "(00.000*kW)"}
    )


@pytest.fixture
def ran(hass: HomeAssistant) -> list[Event]:
    """What the automation did."""
    events: list[Event] = async_capture_events(hass, "ran")
    return events


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize("over_before", [False, True], ids=["below_before", "over_before"])
@pytest.mark.parametrize("silent", [False, True], ids=["speaking", "silent"])
@pytest.mark.parametrize(
    "which", [pytest.param("current_phase_1", id="phase"), pytest.param("power", id="washing_machine")]
)
async def test_a_threshold_in_an_example(
    hass: HomeAssistant,
    set_up: SetUp,
    say: Say,
    clock: Clock,
    ran: list[Event],
    *,
    which: str,
    silent: bool,
    over_before: bool,
) -> None:
    """It fires after a crossing, and after a silence also where it was over before, as limits.md says."""
    await set_up(says(which, over=over_before))
    automation = {"alias": "watch", **example("examples", f"sensor.p1_meter_{which}")}
    assert await async_setup_component(hass, "automation", {"automation": automation})
    if silent:
        await clock.tick(60)
        await until(lambda: get(hass, METER.format(which)).state == STATE_UNAVAILABLE)
    for _ in range(60):
        await say(says(which, over=True))
        await clock.tick(5)
    assert len(ran) == (silent or not over_before)


@pytest.mark.usefixtures("entry")
@pytest.mark.parametrize("silent", [False, True], ids=["speaking", "silent"])
@pytest.mark.parametrize(("page", "word"), [("examples", "event.p1_meter_power_failure"), ("actions", "save_telegram")])
async def test_a_power_failure_in_an_example(
    hass: HomeAssistant,
    set_up: SetUp,
    say: Say,
    clock: Clock,
    ran: list[Event],
    *,
    page: str,
    word: str,
    silent: bool,
) -> None:
    """It fires though the meter had no power either, and its entities were unavailable meanwhile."""
    await set_up()
    automation = {"alias": "watch", **example(page, word)}
    assert await async_setup_component(hass, "automation", {"automation": automation})
    if silent:
        await clock.tick(60)
        await until(lambda: get(hass, METER.format("power")).state == STATE_UNAVAILABLE)
    log = "(1)(0-0:96.7.19)(261121130010W)(0000000400*s)"
    await say(nl5({"0-0:96.7.21": "(00005)", "0-0:96.7.9": "(00002)", "1-0:99.97.0": log}))
    await hass.async_block_till_done()
    assert len(ran) == 1
