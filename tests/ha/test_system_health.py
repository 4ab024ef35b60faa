"""*System information* says how it stands with the meters, in the person's language, and not whose they are."""

import json
from typing import TYPE_CHECKING, Any

from homeassistant.components.system_health import get_info
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter import coordinator
from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.key_watch import KeyRecord
from custom_components.p1meter.system_health import async_info
from tests.compose import ELECTRICITY_ID, GAS_ID, nl5

from .conftest import until
from .test_translations import ENGLISH, LANGUAGES, TEXTS

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from tests.simulation.meter import Cable

    from .conftest import Say, SetUp


@pytest.fixture(autouse=True)
async def asked(hass: HomeAssistant) -> None:
    """System information is part of every Home Assistant."""
    assert await async_setup_component(hass, "system_health", {})


async def information(hass: HomeAssistant) -> dict[str, Any]:
    """Return what a person sees of us."""
    return dict((await get_info(hass))[DOMAIN])


async def test_a_meter_that_is_read(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    await set_up()
    await say(nl5({"0-0:1.0.0": "(261121125901W)"}), nl5().replace(b"230.1*V", b"990.1*V"))
    assert await information(hass) == {
        "meters": 1,
        "state": "telegrams",
        "system": "Netherlands DSMR 5 (5.0)",
        "accepted": "2",
        "refused": "1",
        "interval": "-",
        "outputs": "-",
        "loads": "0",
    }


@pytest.mark.usefixtures("socket_enabled")
async def test_nothing_of_it_tells_whose_meter_it_is(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    hass.config_entries.async_update_entry(
        entry, title="Jones", options={"server": {"host": "127.0.0.66", "port": 0}, "journal": {"folder": "jones"}}
    )
    await set_up()
    text = json.dumps(await information(hass))
    for secret in (ELECTRICITY_ID, GAS_ID, entry.data["port"], entry.entry_id, "ones", "127.0.0"):
        assert secret not in text, secret


@pytest.mark.usefixtures("socket_enabled")
async def test_what_is_kept_and_shared_and_what_of_it_fails(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    options = {"latest_file": {"path": "/nonexistent/telegram"}, "server": {"host": "127.0.0.1", "port": 0}}
    hass.config_entries.async_update_entry(entry, options=options)
    meter = await set_up()
    await until(lambda: meter.sinks.sinks["latest_file"].status.error is not None)
    assert (await information(hass))["outputs"] == "file with the newest telegram (fails), port for other programs"


async def test_two_meters_one_of_which_does_not_run(hass: HomeAssistant, set_up: SetUp) -> None:
    await set_up()
    MockConfigEntry(domain=DOMAIN, title="Barn", data={}).add_to_hass(hass)
    shown = await information(hass)
    assert shown["meters"] == 2
    assert shown["state"] == "telegrams; not running"
    assert shown["system"] == "Netherlands DSMR 5 (5.0); -"
    assert shown["loads"] == "0; -"


async def test_no_meter(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    await hass.config_entries.async_remove(entry.entry_id)
    # As after the last one was deleted, until the next restart.
    assert await async_info(hass) == {"meters": 0}


async def test_why_nothing_comes(
    hass: HomeAssistant, set_up: SetUp, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "silence_limit", lambda _: 0.1)
    meter = await set_up()
    await until(lambda: not meter.last_update_success)
    assert (await information(hass))["state"] == "nothing"
    cable.write(bytes(range(128, 256)) * 4)
    await until(lambda: meter.foreign is not None)
    assert (await information(hass))["state"] == "something that cannot be read"
    cable.unplug()
    await until(lambda: meter.link_error is not None)
    assert (await information(hass))["state"] == "the port cannot be opened"
    meter.watch.key.record = KeyRecord(wrong=True)
    assert (await information(hass))["state"] == "telegrams that the key does not open"


async def test_in_the_language_of_the_house(hass: HomeAssistant, set_up: SetUp) -> None:
    hass.config.language = "nl"
    await set_up()
    assert (await information(hass))["state"] == "telegrammen"


def test_every_line_and_every_word_is_there() -> None:
    assert ENGLISH["system_health"]["info"].keys() == {
        *("meters", "state", "system", "accepted", "refused", "interval", "outputs", "loads")
    }
    states = {"reads", "silent", "unreadable", "key", "port", "stopped"}
    assert ENGLISH["selector"]["health"]["options"].keys() == states | {"failing"}
    for language in LANGUAGES:
        assert "{output}" in TEXTS[language]["selector"]["health"]["options"]["failing"]
