"""A meter behind an optical head: it is asked, and that may take a minute. Nobody waits for it."""

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_PORT, STATE_UNAVAILABLE
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter import coordinator, source
from custom_components.p1meter.const import (
    CONF_ADDRESS,
    CONF_ASKED,
    CONF_INTERVAL,
    CONF_LINE,
    CONF_PROFILE,
    CONF_REPORTING,
    DOMAIN,
    issue_id,
)
from custom_components.p1meter.issues import ISSUE_NO_ANSWER
from custom_components.p1meter.link import Dialogue, LineSettings, TransportError, open_transport, silence_limit
from custom_components.p1meter.meter import OpticalSettings, OpticalTiming, Reader
from tests.simulation.optical import LINES, Habits, Mode, OpticalMeter

from .conftest import WallClock, get, probe, states, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from homeassistant.core import HomeAssistant

    from custom_components.p1meter.coordinator import MeterCoordinator

# A minute takes one and a half seconds.
PACE = 0.025
IMPORT = "sensor.opticalmeter_import_tariff_1"
# 2 kB: 67 s at 300 bit/s.
HISTORY = "".join(f"1.8.{tariff}*{month:02}(000123.456)\r\n" for month in range(1, 17) for tariff in range(1, 6))
LONG = LINES.replace("!", f"{HISTORY}!")


class SlowMeter(OpticalMeter):
    """Sends without a breath: the simulated one makes twelve pieces of anything, however long."""

    async def _send(self, data: bytes) -> None:
        for start in range(0, len(data), 120):
            await super()._send(data[start : start + 120])


def dialogue(port: str, settings: OpticalSettings, reader: Reader, **others: Any) -> Dialogue:
    """Ask quickly, and be patient with a machine that has other things to do."""
    return Dialogue(port, replace(settings, timeout=20.0), reader, timing=OpticalTiming(pace=PACE), **others)


@pytest.fixture
async def optical(tmp_path: Path) -> AsyncGenerator[OpticalMeter]:
    """A meter that sends two kilobytes and never goes faster than 300 bit/s, as modes A are."""
    meter = SlowMeter(tmp_path / "head", Habits(mode=Mode.A, ident="TSTxOPTICAL", lines=LONG), pace=PACE)
    life = asyncio.create_task(meter.run())
    with patch.object(source, "Dialogue", dialogue):
        yield meter
    life.cancel()
    await asyncio.wait([life])
    meter.close()


@pytest.fixture
def entry(hass: HomeAssistant, optical: OpticalMeter) -> MockConfigEntry:
    """The entry of the meter; not set up."""
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Opticalmeter",
        unique_id="12345678",
        data={CONF_PORT: optical.port, CONF_LINE: "300 7E1", CONF_PROFILE: "iec", CONF_ASKED: True},
    )
    entry.add_to_hass(hass)
    return entry


def read_out() -> bytes:
    """What the config flow has heard, from one character to the other."""
    check = 0
    for byte in LONG.encode() + b"\x03":
        check ^= byte
    return b"/TSTxOPTICAL\r\n\x02" + LONG.encode() + b"\x03" + bytes([check])


def no_answer(hass: HomeAssistant, entry: MockConfigEntry) -> ir.IssueEntry | None:
    """Return the repair that says that the meter does not answer."""
    return ir.async_get(hass).async_get_issue(DOMAIN, issue_id(ISSUE_NO_ANSWER, entry.entry_id))


async def test_set_up_does_not_wait_for_a_read_out(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    probe(hass, entry, read_out())
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await hass.config_entries.async_setup(entry.entry_id)
    took = loop.time() - started
    assert entry.state is ConfigEntryState.LOADED
    # What the flow read is known, and a minute ago.
    assert get(hass, IMPORT).state == STATE_UNAVAILABLE
    await until(lambda: get(hass, IMPORT).state != STATE_UNAVAILABLE)
    assert get(hass, IMPORT).state == "123.456"
    meter: MeterCoordinator = entry.runtime_data
    assert meter.readout_duration is not None
    assert meter.readout_duration > took
    assert meter.readout_duration > 66 * PACE
    # It lasts longer than a minute, but the minutes of this test are real ones.
    assert meter.skipped == 0
    assert silence_limit(meter.interval) == 210
    await hass.config_entries.async_unload(entry.entry_id)


async def test_unloading_in_the_middle_of_a_read_out_frees_the_port(
    hass: HomeAssistant, entry: MockConfigEntry, optical: OpticalMeter
) -> None:
    probe(hass, entry, read_out())
    assert await hass.config_entries.async_setup(entry.entry_id)
    await until(lambda: bool(optical.heard.data_at))
    await asyncio.sleep(0.2)
    meter: MeterCoordinator = entry.runtime_data
    assert meter.accepted == 0
    with pytest.raises(TransportError):
        await open_transport(optical.port, LineSettings(300))
    assert await hass.config_entries.async_unload(entry.entry_id)
    transport = await open_transport(optical.port, LineSettings(300))
    await transport.close()


async def test_one_that_does_not_answer_is_no_matter_of_a_p1_port(
    hass: HomeAssistant, entry: MockConfigEntry, optical: OpticalMeter
) -> None:
    """Its repair is about the head and the address."""
    optical.habits.address = "87654321"
    hass.config_entries.async_update_entry(entry, options={CONF_ADDRESS: "1"})
    probe(hass, entry, read_out())
    with patch.object(coordinator, "silence_limit", lambda _: 0.5):
        assert await hass.config_entries.async_setup(entry.entry_id)
        await until(lambda: no_answer(hass, entry) is not None)
        assert {kind for domain, kind in ir.async_get(hass).issues if domain == DOMAIN} == {
            issue_id(ISSUE_NO_ANSWER, entry.entry_id)
        }
        # The read-out that ends well takes it away.
        optical.habits.address = "1"
        await until(lambda: no_answer(hass, entry) is None)
        assert await hass.config_entries.async_unload(entry.entry_id)


async def test_the_first_read_out_may_take_longer_than_the_interval(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """A short interval does not make a meter silent while it is read for the first time."""
    hass.config_entries.async_update_entry(entry, options={CONF_INTERVAL: 0.05})
    probe(hass, entry, read_out())
    # Without its least, which is longer than a read-out of this fast meter.
    with patch.object(coordinator, "silence_limit", lambda interval: 3.5 * interval):
        assert await hass.config_entries.async_setup(entry.entry_id)
        meter: MeterCoordinator = entry.runtime_data
        while meter.accepted == 0:
            assert no_answer(hass, entry) is None
            await asyncio.sleep(0.05)
        assert await hass.config_entries.async_unload(entry.entry_id)


async def test_it_is_asked_when_a_person_wants_to_know(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """Else it would be an hour until the next read-out."""
    hass.config_entries.async_update_entry(entry, options={CONF_INTERVAL: 3600})
    probe(hass, entry, read_out())
    assert await hass.config_entries.async_setup(entry.entry_id)
    meter: MeterCoordinator = entry.runtime_data
    # Set-up has begun one, which is the answer.
    for number in (1, 2):
        told: Any = await hass.services.async_call(DOMAIN, "read_now", {}, blocking=True, return_response=True)
        assert told["readings"]["import_tariff_1"] == {"value": 123.456, "unit": "kWh", "at": None}
        assert meter.accepted == number
    # A port that is only open while it is read is opened by a reset.
    await hass.services.async_call(DOMAIN, "reset_connection", {}, blocking=True)
    await until(lambda: meter.accepted == 3)
    assert await hass.config_entries.async_unload(entry.entry_id)


@pytest.mark.parametrize("policy", ["balanced", "economy"])
async def test_what_is_read_once_in_a_quarter_of_an_hour_is_shown(
    hass: HomeAssistant, entry: MockConfigEntry, optical: OpticalMeter, wall_clock: WallClock, policy: str
) -> None:
    """However few states are written: until the next read-out it would not be shown at all."""
    hass.config_entries.async_update_entry(entry, options={CONF_INTERVAL: 3600, CONF_REPORTING: policy})
    probe(hass, entry, read_out())
    assert await hass.config_entries.async_setup(entry.entry_id)
    meter: MeterCoordinator = entry.runtime_data
    await until(lambda: meter.accepted == 1)
    for total in ("123.457", "123.458"):
        optical.habits.lines = LONG.replace("1.8.1(000123.456", f"1.8.1(000{total}")
        wall_clock.tick(900)
        await hass.services.async_call(DOMAIN, "read_now", {}, blocking=True, return_response=True)
        assert get(hass, IMPORT).state == total
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_one_that_was_never_read_is_set_up_when_its_port_is_there(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """Such as after the store was lost: its entities come with the first read-out."""
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.LOADED
    assert hass.states.get(IMPORT) is None
    await until(lambda: hass.states.get(IMPORT) is not None)
    await hass.async_block_till_done()
    assert get(hass, IMPORT).state == "123.456"
    assert await hass.config_entries.async_unload(entry.entry_id)


async def test_one_that_was_never_read_is_tried_again_without_a_port(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_PORT: "/dev/nowhere"})
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_RETRY
    assert entry.error_reason_translation_key == "port_missing"
    assert states(hass) == {}


async def test_ticks_that_fall_into_a_read_out_are_counted(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(entry, options={CONF_INTERVAL: 0.5})
    probe(hass, entry, read_out())
    assert await hass.config_entries.async_setup(entry.entry_id)
    meter: MeterCoordinator = entry.runtime_data
    await until(lambda: meter.skipped > 0)
    # Silence is measured by what really comes.
    assert meter.interval is not None
    assert meter.interval >= 1.0
    assert await hass.config_entries.async_unload(entry.entry_id)
