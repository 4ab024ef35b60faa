"""A meter that encrypts: its key is asked for when needed, checked on what the meter sends, and told to nobody."""

from dataclasses import replace
import json
import logging
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import SOURCE_REAUTH, ConfigEntry, ConfigEntryState
from homeassistant.data_entry_flow import FlowResultType
import pytest
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry
import voluptuous as vol

from custom_components.p1meter.const import CONF_AUTHENTICATION_KEY, CONF_KEY, DOMAIN
from custom_components.p1meter.meter import Reason
from tests.compose import ELECTRICITY_ID, nl5
from tests.foreign import OWNER, USUAL_AUTHENTICATION_KEY

from .dialogs import (
    ENGLISH,
    add,
    anew,
    answer,
    choose,
    heard,
    is_loaded,
    read_anew,
    said,
    speaking,
    start,
    start_reconfigure,
    until,
)
from .meters import OTHER_ID, OTHER_METER

if TYPE_CHECKING:
    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from tests.simulation.cipher import Cipher
    from tests.simulation.meter import Cable

pytestmark = pytest.mark.usefixtures("patience", "everything_unloaded")

# A meter in Austria has an authentication key of its own.
AUSTRIAN = replace(OWNER, title=b"KFM10000", authentication_key=bytes.fromhex("A0B1C2D3E4F5061728394A5B6C7D8E9F"))
WRONG = "0123456789abcdef0123456789abcdef"


class Sealed:
    """Writes each telegram encrypted, with a frame counter that rises."""

    def __init__(self, cable: Cable, cipher: Cipher = OWNER) -> None:
        self.cipher = cipher
        self._cable = cable
        self._counter = 0

    def __call__(self, telegram: bytes) -> None:
        self._counter += 1
        self._cable.write(self.cipher.seal(telegram, self._counter))


def answers(cipher: Cipher) -> dict[str, str]:
    """Return what the owner of a meter enters."""
    keys = {CONF_KEY: cipher.key.hex()}
    if cipher.authentication_key != USUAL_AUTHENTICATION_KEY:
        keys[CONF_AUTHENTICATION_KEY] = cipher.authentication_key.hex()
    return keys


async def enter(hass: HomeAssistant, form: ConfigFlowResult, keys: dict[str, str]) -> ConfigFlowResult:
    """Enter keys and wait until they were tried."""
    return await heard(hass, await hass.config_entries.flow.async_configure(form["flow_id"], keys))


async def add_sealed(hass: HomeAssistant, cable: Cable, cipher: Cipher) -> ConfigEntry[Any]:
    """Add a meter with its key."""
    form = await choose(hass, await start(hass), cable.link)
    assert form["step_id"] == "key", said(form)
    found = await enter(hass, form, answers(cipher))
    assert found["step_id"] == "found", said(found)
    added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
    entry: ConfigEntry[Any] = added["result"]
    return entry


async def start_reauth(hass: HomeAssistant, entry: ConfigEntry[Any]) -> ConfigFlowResult:
    """Return the dialog that opens when an entry says that its key does not fit."""
    entry.async_start_reauth(hass)
    await hass.async_block_till_done()
    (flow,) = entry.async_get_active_flows(hass, {SOURCE_REAUTH})
    return await hass.config_entries.flow.async_configure(flow["flow_id"])


def shown(form: ConfigFlowResult) -> str:
    """Return all that a form holds, besides its texts."""
    assert form["data_schema"] is not None
    fields = [
        (str(field), None if field.default is vol.UNDEFINED else field.default(), field.description, selector.config)
        for field, selector in form["data_schema"].schema.items()
    ]
    return f"{fields} {form['errors']} {form['description_placeholders']}"


@pytest.mark.parametrize("cipher", [OWNER, AUSTRIAN], ids=["Luxembourg", "Austria"])
async def test_the_key_is_asked_for_when_the_meter_encrypts(hass: HomeAssistant, cable: Cable, cipher: Cipher) -> None:
    async with speaking(Sealed(cable, cipher), nl5()):
        form = await choose(hass, await start(hass), cable.link)
        assert form["step_id"] == "key"
        assert form["errors"] == {}
        assert said(form).startswith(f"The meter on {cable.link} encrypts what it sends.")
        entry = await add_sealed(hass, cable, cipher)
        await until(lambda: is_loaded(entry) and hass.states.is_state("sensor.iskra_am550_power", "1193"))
    assert {key: entry.data[key] for key in entry.data if "key" in key} == answers(cipher)


def damaged(frame: bytes) -> bytes:
    """Return an encrypted frame with one wrong bit in its text."""
    return frame[:200] + bytes([frame[200] ^ 1]) + frame[201:]


async def test_a_key_that_the_dialog_has_tried_is_not_doubted_for_a_burst_of_noise(
    hass: HomeAssistant, cable: Cable
) -> None:
    async with speaking(Sealed(cable), nl5()):
        form = await choose(hass, await start(hass), cable.link)
        found = await enter(hass, form, answers(OWNER))
    async with speaking(cable.write, damaged(OWNER.seal(nl5(), 1))):
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
        entry = added["result"]
        await until(lambda: is_loaded(entry) and entry.runtime_data.refused[Reason.KEY] >= 5)
    assert list(entry.async_get_active_flows(hass, {SOURCE_REAUTH})) == []
    # Nor is the next one, which takes its place.
    new = replace(OWNER, key=bytes(range(16)))
    async with speaking(Sealed(cable, new), nl5()):
        before = entry.runtime_data.refused[Reason.KEY]
        await until(lambda: entry.runtime_data.refused[Reason.KEY] >= before + 3)
        form = await start_reauth(hass, entry)
    async with speaking(cable.write, damaged(new.seal(nl5(), 1))):
        doubted = anew(entry, lambda meter: meter.refused[Reason.KEY] >= 5)
        done = await hass.config_entries.flow.async_configure(form["flow_id"], answers(new))
        assert done["reason"] == "reauth_successful"
        await until(doubted)
    assert list(entry.async_get_active_flows(hass, {SOURCE_REAUTH})) == []
    assert entry.runtime_data.accepted == 0
    async with speaking(Sealed(cable, new), nl5()):
        await until(lambda: entry.runtime_data.accepted)


def test_what_belongs_into_the_texts_is_there() -> None:
    for step in ("key", "reauth_confirm"):
        text = ENGLISH["config"]["step"][step]["data_description"][CONF_AUTHENTICATION_KEY]
        assert "00112233445566778899AABBCCDDEEFF" in text.format(usual_key=USUAL_AUTHENTICATION_KEY.hex().upper())


@pytest.mark.parametrize(
    "spelling",
    [
        lambda key: key.hex().upper(),
        lambda key: f" {key.hex(' ')} ",
        lambda key: key.hex(":", 2),
        lambda key: f"0x{key.hex()}",
        lambda key: ", ".join(f"0x{byte:02X}" for byte in key),
    ],
    ids=["capitals", "spaces", "colons", "0x", "0x each"],
)
async def test_a_key_may_be_spelled_as_one_has_it(hass: HomeAssistant, cable: Cable, spelling: Any) -> None:
    async with speaking(Sealed(cable), nl5()):
        form = await choose(hass, await start(hass), cable.link)
        usual = spelling(USUAL_AUTHENTICATION_KEY)
        found = await enter(hass, form, {CONF_KEY: spelling(OWNER.key), CONF_AUTHENTICATION_KEY: usual})
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
    entry = added["result"]
    assert entry.data[CONF_KEY] == OWNER.key.hex()
    # It is the one that is used anyway.
    assert CONF_AUTHENTICATION_KEY not in entry.data


async def test_what_is_wrong_with_a_key_is_told_apart(
    hass: HomeAssistant, cable: Cable, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    right, second = AUSTRIAN.key.hex(), AUSTRIAN.authentication_key.hex()
    tries: list[tuple[dict[str, str], dict[str, str]]] = [
        ({CONF_KEY: "my key"}, {CONF_KEY: "key_format"}),
        ({CONF_KEY: ""}, {CONF_KEY: "key_format"}),
        ({CONF_KEY: right[:-1]}, {CONF_KEY: "key_format"}),
        ({CONF_KEY: right + "00"}, {CONF_KEY: "key_format"}),
        ({CONF_KEY: right, CONF_AUTHENTICATION_KEY: "none"}, {CONF_AUTHENTICATION_KEY: "key_format"}),
        ({CONF_KEY: WRONG, CONF_AUTHENTICATION_KEY: second}, {CONF_KEY: "wrong_key"}),
        ({CONF_KEY: WRONG}, {CONF_KEY: "wrong_key"}),
        ({CONF_KEY: right}, {CONF_AUTHENTICATION_KEY: "wrong_authentication_key"}),
        ({CONF_KEY: right, CONF_AUTHENTICATION_KEY: WRONG}, {CONF_AUTHENTICATION_KEY: "wrong_authentication_key"}),
    ]
    async with speaking(Sealed(cable, AUSTRIAN), nl5()):
        form = await choose(hass, await start(hass), cable.link)
        for keys, errors in tries:
            form = await enter(hass, form, keys)
            assert form["step_id"] == "key"
            assert form["errors"] == errors
            assert said(form)
            assert right not in shown(form)
            assert WRONG not in shown(form)
        found = await enter(hass, form, {CONF_KEY: right, CONF_AUTHENTICATION_KEY: f" {second.upper()} "})
        assert found["step_id"] == "found"
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
    assert added["type"] is FlowResultType.CREATE_ENTRY
    for secret in (right, second, WRONG):
        assert secret not in caplog.text.lower()
        assert str(bytes.fromhex(secret)) not in caplog.text


async def test_a_cable_pulled_before_the_key_was_entered_is_said(hass: HomeAssistant, cable: Cable) -> None:
    async with speaking(Sealed(cable), nl5()):
        form = await choose(hass, await start(hass), cable.link)
        cable.unplug()
        form = await enter(hass, form, answers(OWNER))
        assert form["step_id"] == "user"
        assert form["errors"] == {"base": "port_missing"}
        cable.plug()
        form = await choose(hass, form, cable.link)
        assert form["step_id"] == "key"
        assert form["errors"] == {}


async def test_keys_are_in_no_diagnostics(
    hass: HomeAssistant, cable: Cable, hass_client: ClientSessionGenerator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with speaking(Sealed(cable, AUSTRIAN), nl5()):
        entry = await add_sealed(hass, cable, AUSTRIAN)
        await hass.async_block_till_done()
        diagnostics = json.dumps(await get_diagnostics_for_config_entry(hass, hass_client, entry)).lower()
    for key in (AUSTRIAN.key, AUSTRIAN.authentication_key):
        assert key.hex() not in diagnostics
        assert key.hex() not in caplog.text.lower()


class TestMovedCable:
    """Reconfigure of a meter that encrypts."""

    async def test_the_keys_that_it_has_are_used(self, hass: HomeAssistant, cable: Cable, second_cable: Cable) -> None:
        async with speaking(Sealed(cable, AUSTRIAN), nl5()):
            entry = await add_sealed(hass, cable, AUSTRIAN)
            await hass.async_block_till_done()
        async with speaking(Sealed(second_cable, AUSTRIAN), nl5()):
            is_read = read_anew(entry)
            result = await choose(hass, await start_reconfigure(hass, entry), second_cable.link)
            assert result["type"] is FlowResultType.ABORT
            assert result["reason"] == "reconfigure_successful"
            await until(is_read)
        assert {key: entry.data[key] for key in entry.data if "key" in key} == answers(AUSTRIAN)

    async def test_a_key_that_does_not_fit_any_more_is_asked_for(self, hass: HomeAssistant, cable: Cable) -> None:
        async with speaking(Sealed(cable), nl5()):
            entry = await add_sealed(hass, cable, OWNER)
            await hass.async_block_till_done()
        new = replace(OWNER, key=bytes(range(16)))
        async with speaking(Sealed(cable, new), nl5()):
            # On its own port, too.
            form = await choose(hass, await start_reconfigure(hass, entry), cable.link)
            assert form["step_id"] == "key"
            assert form["errors"] == {CONF_KEY: "wrong_key"}
            is_read = read_anew(entry)
            result = await enter(hass, form, answers(new))
            assert result["reason"] == "reconfigure_successful"
            await until(is_read)
        assert entry.data[CONF_KEY] == new.key.hex()

    async def test_a_meter_in_the_place_of_ours_brings_its_own_key(self, hass: HomeAssistant, cable: Cable) -> None:
        async with speaking(Sealed(cable), nl5()):
            entry = await add_sealed(hass, cable, OWNER)
            await hass.async_block_till_done()
        new = replace(OWNER, key=bytes(range(16)))
        async with speaking(Sealed(cable, new), OTHER_METER):
            form = await choose(hass, await start_reconfigure(hass, entry), cable.link)
            assert form["errors"] == {CONF_KEY: "wrong_key"}
            asked = await enter(hass, form, answers(new))
            assert asked["step_id"] == "replaced"
            is_heard = anew(entry, lambda meter: meter.stranger == OTHER_ID)
            assert (await answer(hass, asked, "adopt"))["reason"] == "reconfigure_successful"
            await until(is_heard)
        assert entry.data[CONF_KEY] == new.key.hex()
        assert entry.unique_id == ELECTRICITY_ID

    async def test_a_dialog_closed_at_the_key_leaves_the_meter_as_it_was(
        self, hass: HomeAssistant, cable: Cable
    ) -> None:
        async with speaking(cable.write, nl5()):
            entry = (await add(hass, cable.link))["result"]
            await hass.async_block_till_done()
        async with speaking(Sealed(cable), nl5()):
            form = await choose(hass, await start_reconfigure(hass, entry), cable.link)
            assert form["step_id"] == "key"
            hass.config_entries.flow.async_abort(form["flow_id"])
            await hass.async_block_till_done()
        assert is_loaded(entry)


class TestReauth:
    """The key does not fit any more, and Home Assistant asks for the new one."""

    @pytest.fixture
    async def loaded(self, hass: HomeAssistant, cable: Cable) -> ConfigEntry[Any]:
        """A meter that is read with its key."""
        async with speaking(Sealed(cable, AUSTRIAN), nl5()):
            entry = await add_sealed(hass, cable, AUSTRIAN)
            await hass.async_block_till_done()
            await until(lambda: is_loaded(entry) and entry.runtime_data.accepted)
        return entry

    async def test_the_new_key_is_checked_on_what_the_meter_sends(
        self, hass: HomeAssistant, cable: Cable, loaded: ConfigEntry[Any], caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        new = replace(AUSTRIAN, key=bytes(range(16)), authentication_key=bytes(range(16, 32)))
        async with speaking(Sealed(cable, new), nl5()):
            await until(lambda: len(loaded.runtime_data.refusals) >= 3)
            form = await start_reauth(hass, loaded)
            assert form["step_id"] == "reauth_confirm"
            assert said(form).startswith("Iskra AM550 sends telegrams that its key does not open.")
            for keys, errors in (
                ({CONF_KEY: "new"}, {CONF_KEY: "key_format"}),
                (answers(AUSTRIAN), {CONF_KEY: "wrong_key"}),
                ({CONF_KEY: WRONG}, {CONF_KEY: "wrong_key"}),
                ({CONF_KEY: new.key.hex()}, {CONF_AUTHENTICATION_KEY: "wrong_authentication_key"}),
            ):
                form = await hass.config_entries.flow.async_configure(form["flow_id"], keys)
                assert form["errors"] == errors
                assert keys[CONF_KEY] not in shown(form)
                # It goes on reading meanwhile.
                assert is_loaded(loaded)
            is_read = read_anew(loaded)
            done = await hass.config_entries.flow.async_configure(form["flow_id"], answers(new))
            assert done["type"] is FlowResultType.ABORT
            assert done["reason"] == "reauth_successful"
            await until(is_read)
        assert {key: loaded.data[key] for key in loaded.data if "key" in key} == answers(new)
        for key in (new.key.hex(), new.authentication_key.hex(), WRONG):
            assert key not in caplog.text.lower()

    async def test_a_key_from_luxembourg_takes_the_place_of_two(
        self, hass: HomeAssistant, cable: Cable, loaded: ConfigEntry[Any]
    ) -> None:
        async with speaking(Sealed(cable, OWNER), nl5()):
            form = await start_reauth(hass, loaded)
            is_read = read_anew(loaded)
            await hass.config_entries.flow.async_configure(form["flow_id"], answers(OWNER))
            await until(is_read)
        assert CONF_AUTHENTICATION_KEY not in loaded.data

    async def test_one_frame_that_opens_is_enough_among_damaged_ones(
        self, hass: HomeAssistant, cable: Cable, loaded: ConfigEntry[Any]
    ) -> None:
        refused = loaded.runtime_data.refused
        async with speaking(cable.write, damaged(AUSTRIAN.seal(nl5(), 7))):
            await until(lambda: refused[Reason.KEY] >= 3)
        form = await start_reauth(hass, loaded)
        new = replace(AUSTRIAN, key=bytes(range(16)))
        before = refused[Reason.KEY]
        async with speaking(Sealed(cable, new), nl5()):
            # The first may be what was left of the damaged ones.
            await until(lambda: refused[Reason.KEY] >= before + 3)
            done = await hass.config_entries.flow.async_configure(form["flow_id"], answers(new))
            assert done["type"] is FlowResultType.ABORT, said(done)
            assert done["reason"] == "reauth_successful"
            await hass.async_block_till_done()

    async def test_where_nothing_was_refused_the_next_telegrams_tell(
        self, hass: HomeAssistant, cable: Cable, entry: MockConfigEntry
    ) -> None:
        cable.unplug()
        await hass.config_entries.async_setup(entry.entry_id)
        assert entry.state is ConfigEntryState.SETUP_RETRY
        form = await start_reauth(hass, entry)
        cable.plug()
        is_read = read_anew(entry)
        async with speaking(Sealed(cable), nl5()):
            done = await hass.config_entries.flow.async_configure(form["flow_id"], answers(OWNER))
            assert done["reason"] == "reauth_successful"
            await until(is_read)
        assert hass.config_entries.async_entries(DOMAIN)[0].data[CONF_KEY] == OWNER.key.hex()
