"""A meter that encrypts: a wrong key is asked for once, noise is not, and keys are told to nobody."""

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry

from custom_components.p1meter import coordinator, key_watch
from custom_components.p1meter.const import CONF_AUTHENTICATION_KEY, CONF_KEY, DOMAIN, issue_id
from custom_components.p1meter.issues import ISSUE_ENCRYPTION_UNSUPPORTED
from tests.compose import nl5
from tests.simulation.cipher import Cipher

from .conftest import Say, get, probe, until

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from tests.simulation.meter import Cable

KEY = "0123456789ABCDEF0123456789ABCDEF"
NEW_KEY = "FEDCBA9876543210FEDCBA9876543210"
WRONG_KEYS = ("11" * 16, "22" * 16, "33" * 16)
USUAL = "00112233445566778899AABBCCDDEEFF"
POWER = "sensor.iskra_am550_power"


class Meter:
    """Encrypts what it says with a key that the grid company can change."""

    def __init__(self) -> None:
        self.key = KEY
        self._counter = 0

    def seal(self, watts: int) -> bytes:
        """Return the next telegram, encrypted."""
        self._counter += 1
        cipher = Cipher(b"SAGtest1", bytes.fromhex(self.key), bytes.fromhex(USUAL))
        return cipher.seal(nl5({"1-0:1.7.0": f"({watts / 1000:06.3f}*kW)"}), self._counter)


@pytest.fixture
def meter() -> Meter:
    return Meter()


@pytest.fixture
async def read(hass: HomeAssistant, entry: MockConfigEntry, say: Say, meter: Meter) -> None:
    """The entry is set up with the right key and reads the meter."""
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_KEY: KEY})
    probe(hass, entry, nl5())
    assert await hass.config_entries.async_setup(entry.entry_id)
    await say(meter.seal(500))
    assert get(hass, POWER).state == "500"


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten frames are enough, however quickly they come."""
    monkeypatch.setattr(key_watch, "_HAS_WORKED_FOR", 0.0)


def reauths(hass: HomeAssistant) -> list[Any]:
    """Return the dialogs in which a key is asked for."""
    flows = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    return [flow for flow in flows if flow["context"]["source"] == SOURCE_REAUTH]


async def change_key(say: Say, meter: Meter) -> None:
    """The grid company changes the key, and ten telegrams come."""
    meter.key = NEW_KEY
    for _ in range(10):
        await say(meter.seal(600))


@pytest.mark.usefixtures("read", "hasty")
async def test_a_changed_key_is_asked_for_once_and_three_wrong_ones_are_refused(
    hass: HomeAssistant, entry: MockConfigEntry, say: Say, meter: Meter
) -> None:
    meter.key = NEW_KEY
    for _ in range(9):
        await say(meter.seal(600))
    assert reauths(hass) == []
    for _ in range(5):
        await say(meter.seal(600))
    (flow,) = reauths(hass)
    for wrong in WRONG_KEYS:
        result = await hass.config_entries.flow.async_configure(flow["flow_id"], {CONF_KEY: wrong})
        assert result["type"] == "form"
        assert result["errors"]
        assert wrong not in str(result)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], {CONF_KEY: NEW_KEY})
    assert (result["type"], result["reason"]) == ("abort", "reauth_successful")
    await hass.async_block_till_done()
    assert entry.data[CONF_KEY].upper() == NEW_KEY
    await say(meter.seal(700))
    assert get(hass, POWER).state == "700"
    assert reauths(hass) == []
    assert not [issue for issue in ir.async_get(hass).issues if "reauth" in issue[1]]


@pytest.mark.usefixtures("read")
async def test_a_burst_of_noise_is_no_wrong_key(hass: HomeAssistant, say: Say, meter: Meter) -> None:
    for watts in range(601, 620):
        damaged = bytearray(meter.seal(watts))
        damaged[100] ^= 0x10
        await say(bytes(damaged))
    assert reauths(hass) == []
    await say(meter.seal(1000))
    assert get(hass, POWER).state == "1000"


async def test_a_key_that_never_worked_is_asked_for_after_three_telegrams(
    hass: HomeAssistant, entry: MockConfigEntry, say: Say, meter: Meter
) -> None:
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_KEY: WRONG_KEYS[0]})
    probe(hass, entry, nl5())
    assert await hass.config_entries.async_setup(entry.entry_id)
    await say(meter.seal(1), meter.seal(2))
    assert reauths(hass) == []
    await say(meter.seal(3))
    assert len(reauths(hass)) == 1
    assert get(hass, POWER).state == STATE_UNAVAILABLE


async def test_of_a_meter_that_was_never_read_it_is_asked_for_instead_of_trying_for_ever(
    hass: HomeAssistant, entry: MockConfigEntry, cable: Cable, meter: Meter
) -> None:
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_KEY: WRONG_KEYS[0]})
    setting_up = hass.async_create_task(hass.config_entries.async_setup(entry.entry_id))

    def said() -> bool:
        cable.write(meter.seal(1))
        return setting_up.done()

    await until(said)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "wrong_key"
    assert len(reauths(hass)) == 1


@pytest.mark.usefixtures("read", "hasty")
async def test_a_reload_closes_the_dialog_and_opens_it_again(
    hass: HomeAssistant, entry: MockConfigEntry, say: Say, meter: Meter
) -> None:
    await change_key(say, meter)
    (before,) = reauths(hass)
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    (after,) = reauths(hass)
    assert after["flow_id"] != before["flow_id"]
    # Nobody asks a second time while it is open, or within the hour.
    await say(meter.seal(1), meter.seal(2), meter.seal(3))
    assert [flow["flow_id"] for flow in reauths(hass)] == [after["flow_id"]]
    hass.config_entries.flow.async_abort(after["flow_id"])
    await say(meter.seal(4), meter.seal(5), meter.seal(6))
    assert reauths(hass) == []


@pytest.mark.usefixtures("read", "hasty")
async def test_a_key_that_fits_again_is_not_asked_for_any_more(hass: HomeAssistant, say: Say, meter: Meter) -> None:
    await change_key(say, meter)
    assert len(reauths(hass)) == 1
    meter.key = KEY
    await say(meter.seal(800))
    assert reauths(hass) == []
    assert get(hass, POWER).state == "800"


@pytest.mark.usefixtures("hasty")
async def test_a_meter_that_begins_to_encrypt_has_its_key_asked_for(
    hass: HomeAssistant, entry: MockConfigEntry, say: Say, meter: Meter
) -> None:
    probe(hass, entry, nl5())
    assert await hass.config_entries.async_setup(entry.entry_id)
    await say(nl5())
    for _ in range(10):
        await say(meter.seal(900))
    (flow,) = reauths(hass)
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], {CONF_KEY: KEY})
    assert result["reason"] == "reauth_successful"
    await hass.async_block_till_done()
    await say(meter.seal(900))
    assert get(hass, POWER).state == "900"
    assert entry.data[CONF_KEY].upper() == KEY


@pytest.mark.usefixtures("hasty")
async def test_who_is_asked_for_the_key_is_not_sent_to_the_cable_too(
    hass: HomeAssistant, entry: MockConfigEntry, say: Say, meter: Meter
) -> None:
    with patch.object(coordinator, "silence_limit", lambda _: 0.5):
        hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_KEY: WRONG_KEYS[0]})
        probe(hass, entry, nl5())
        assert await hass.config_entries.async_setup(entry.entry_id)
        await say(meter.seal(1), meter.seal(2), meter.seal(3))
        assert len(reauths(hass)) == 1
        await asyncio.sleep(1)
        assert [issue for issue in ir.async_get(hass).issues if issue[0] == DOMAIN] == []


@pytest.mark.usefixtures("read")
async def test_frames_without_a_tag_are_said_to_be_unsupported_and_no_key_is_asked_for(
    hass: HomeAssistant, entry: MockConfigEntry, say: Say, meter: Meter
) -> None:
    issue = issue_id(ISSUE_ENCRYPTION_UNSUPPORTED, entry.entry_id)
    # Security control 20: encrypted, and nothing that authenticates it.
    untagged = [meter.seal(1).replace(b"\x30\x00\x00", b"\x20\x00\x00", 1) for _ in range(3)]
    await say(*untagged[:2])
    assert ir.async_get(hass).async_get_issue(DOMAIN, issue) is None
    await say(untagged[2])
    assert ir.async_get(hass).async_get_issue(DOMAIN, issue) is not None
    assert reauths(hass) == []
    await say(meter.seal(500))
    assert ir.async_get(hass).async_get_issue(DOMAIN, issue) is None


@pytest.mark.usefixtures("hasty")
async def test_keys_are_in_no_log_and_in_no_diagnostics(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    say: Say,
    meter: Meter,
    hass_client: ClientSessionGenerator,
    hass_storage: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "custom_components.p1meter")
    second_key = "ABABABABABABABABABABABABABABABAB"
    data = {**entry.data, CONF_KEY: KEY, CONF_AUTHENTICATION_KEY: second_key}
    hass.config_entries.async_update_entry(entry, data=data)
    probe(hass, entry, nl5())
    assert await hass.config_entries.async_setup(entry.entry_id)
    for _ in range(10):
        await say(meter.seal(1))
    assert await async_setup_component(hass, "diagnostics", {})
    download = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    assert download["key"] == {"known": True, "worked": False, "wrong": True, "failures": 10}
    # The system title is the number of the meter in another form.
    assert [refusal["size"] for refusal in download["refusals"]] == [len(meter.seal(1))] * 10
    assert "SAGtest1" not in json.dumps(download)
    assert await hass.config_entries.async_unload(entry.entry_id)
    for text in (caplog.text, json.dumps(download), json.dumps(hass_storage[f"{DOMAIN}.{entry.entry_id}"])):
        for key in (KEY, second_key, USUAL):
            assert key not in text.upper()
            assert str(bytes.fromhex(key)) not in text
