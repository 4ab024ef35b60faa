"""Events: a message of the grid company, a power failure; each once, and nothing that was already there."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from homeassistant.components.event import DOMAIN as EVENT
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.entity_platform import async_get_platforms
import pytest

from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.event import EVENT_TYPES, NewsEvent
from custom_components.p1meter.news import News, NewsKind
from tests.compose import nl5
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

from .conftest import Say, SetUp, get
from .test_translations import ENGLISH, ICONS, LANGUAGES, TEXTS

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

MESSAGE = "event.iskra_am550_message_received"
FAILURE = "event.iskra_am550_power_failure"
ONE_FAILURE = "(1)(0-0:96.7.19)(230614142317S)(0000000187*s)"
# 10 s on the evening of the test, and three minutes in the morning.
NEW_FAILURE = "(261121183010W)(0000000010*s)"
OTHER_FAILURE = "(261121080300W)(0000000180*s)"


def with_text(text: str) -> bytes:
    return nl5({"0-0:96.13.0": f"({text.encode().hex()})"})


def attributes(hass: HomeAssistant, entity_id: str) -> dict[str, Any]:
    known = {"event_type", "text", "start", "end", "duration"}
    return {key: value for key, value in get(hass, entity_id).attributes.items() if key in known}


async def test_a_message_is_told_once(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    await set_up()
    assert get(hass, MESSAGE).state == STATE_UNKNOWN
    await say(with_text("Work on the grid"))
    told = get(hass, MESSAGE).state
    assert told != STATE_UNKNOWN
    assert attributes(hass, MESSAGE) == {"event_type": "message_received", "text": "Work on the grid"}
    await say(with_text("Work on the grid"))
    assert get(hass, MESSAGE).state == told
    await say(nl5(), with_text("Work on the grid"))
    assert get(hass, MESSAGE).state > told


async def test_a_code_and_the_other_channels_are_messages_too(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    await set_up()
    await say(nl5({"0-0:96.13.1": f"({b'01 61 81'.hex()})"}))
    assert attributes(hass, MESSAGE)["text"] == "01 61 81"
    await say(nl5({"0-0:96.13.3": f"({b'Gas valve'.hex()})"}))
    assert attributes(hass, MESSAGE)["text"] == "Gas valve"


async def test_the_first_message_ever_is_told_though_its_entity_is_only_being_added(
    hass: HomeAssistant, set_up: SetUp, say: Say
) -> None:
    await set_up(nl5({"0-0:96.13.0": None}))
    assert hass.states.get(MESSAGE) is None
    await say(with_text("Work on the grid"))
    assert attributes(hass, MESSAGE) == {"event_type": "message_received", "text": "Work on the grid"}


async def test_what_is_told_before_its_entity_is_there_waits_for_it(hass: HomeAssistant, set_up: SetUp) -> None:
    meter = await set_up(nl5({"0-0:96.13.0": None}))
    entity = NewsEvent(meter, NewsKind.MESSAGE)
    entity.tell(News(NewsKind.MESSAGE, {"text": "Work on the grid"}))
    (platform,) = (one for one in async_get_platforms(hass, DOMAIN) if one.domain == EVENT)
    await platform.async_add_entities([entity])
    assert attributes(hass, MESSAGE) == {"event_type": "message_received", "text": "Work on the grid"}


async def test_what_came_while_an_event_was_disabled_is_not_told_later(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    await set_up()
    er.async_get(hass).async_update_entity(MESSAGE, disabled_by=er.RegistryEntryDisabler.USER)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await say(with_text("Work on the grid"))
    er.async_get(hass).async_update_entity(MESSAGE, disabled_by=None)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await say(with_text("Work on the grid"))
    assert get(hass, MESSAGE).state == STATE_UNKNOWN


async def test_what_was_there_is_no_news_also_after_a_restart(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say
) -> None:
    await set_up(with_text("Old"))
    assert get(hass, MESSAGE).state == STATE_UNKNOWN
    assert get(hass, FAILURE).state == STATE_UNKNOWN
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert get(hass, MESSAGE).state == STATE_UNAVAILABLE
    await say(with_text("Old"))
    assert get(hass, MESSAGE).state == STATE_UNKNOWN
    # What came while nobody listened is new.
    assert await hass.config_entries.async_reload(entry.entry_id)
    await say(with_text("New"))
    assert attributes(hass, MESSAGE)["text"] == "New"


async def test_a_logged_power_failure(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    await set_up(nl5({"1-0:99.97.0": ONE_FAILURE}))
    log = f"(2)(0-0:96.7.19){NEW_FAILURE}(230614142317S)(0000000187*s)"
    # It is counted as well, which is not another one.
    await say(nl5({"1-0:99.97.0": log, "0-0:96.7.21": "(00005)"}))
    assert attributes(hass, FAILURE) == {
        "event_type": "power_failed",
        "start": "2026-11-21T09:30:00-08:00",
        "end": "2026-11-21T09:30:10-08:00",
        "duration": 10,
    }


async def test_several_power_failures_are_told_from_the_oldest(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    told: list[str] = []
    await set_up(nl5({"1-0:99.97.0": ONE_FAILURE}))
    # Anything but a callback is called in threads, in no certain order.
    note = callback(lambda event: told.append(event.data["new_state"].attributes.get("end", "")))
    hass.bus.async_listen("state_changed", note)
    await say(nl5({"1-0:99.97.0": f"(3)(0-0:96.7.19){NEW_FAILURE}{OTHER_FAILURE}(230614142317S)(0000000187*s)"}))
    assert [end for end in told if end] == ["2026-11-20T23:03:00-08:00", "2026-11-21T09:30:10-08:00"]


async def test_the_first_entry_of_an_empty_log(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    await set_up(nl5({"1-0:99.97.0": "(0)(0-0:96.7.19)"}))
    await say(nl5({"1-0:99.97.0": f"(1)(0-0:96.7.19){NEW_FAILURE}"}))
    assert attributes(hass, FAILURE)["duration"] == 10


async def test_a_short_power_failure_is_only_counted(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    await set_up()
    await say(nl5({"0-0:96.7.21": "(00005)"}))
    assert attributes(hass, FAILURE) == {"event_type": "power_failed"}
    told = get(hass, FAILURE).state
    await say(nl5({"0-0:96.7.21": "(00005)", "0-0:96.14.0": "(0001)"}))
    assert get(hass, FAILURE).state == told


async def test_another_meter_has_no_news(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    await set_up()
    other = {"0-0:96.1.1": f"({b'E0047000099999999'.hex()})", "0-0:96.7.21": "(00090)", "0-0:96.13.0": "(4F6C64)"}
    await say(nl5(other), nl5(other), nl5(other), nl5(other))
    assert get(hass, MESSAGE).state == STATE_UNKNOWN
    assert get(hass, FAILURE).state == STATE_UNKNOWN


async def test_a_meter_without_either_has_no_events(hass: HomeAssistant, set_up: SetUp) -> None:
    household = Household(start=datetime(2026, 11, 20, 19, tzinfo=ZONE), system="h1")
    await set_up(SYSTEMS["h1"].compose(household))
    assert not hass.states.async_entity_ids("event")


async def test_they_are_there_by_default_on_the_meter_itself(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    await set_up()
    items = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    events = {item.entity_id: item for item in items if item.domain == "event"}
    assert events.keys() == {MESSAGE, FAILURE}
    assert all(item.disabled_by is None for item in events.values())
    sensor = er.async_get(hass).async_get("sensor.iskra_am550_import")
    assert sensor is not None
    assert {item.device_id for item in events.values()} == {sensor.device_id}


@pytest.mark.parametrize("language", LANGUAGES)
def test_they_have_words(language: str) -> None:
    texts = TEXTS[language]["entity"]["event"]
    # What protects the connection is told of loads: test_load_entities.py.
    kinds = EVENT_TYPES.keys() | {"protection"}
    assert texts.keys() == kinds == ICONS["entity"]["event"].keys() == ENGLISH["entity"]["event"].keys()
    for kind, event_type in EVENT_TYPES.items():
        assert texts[kind]["name"]
        assert texts[kind]["state_attributes"]["event_type"]["state"].keys() == {event_type}
