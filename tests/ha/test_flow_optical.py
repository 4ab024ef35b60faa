"""A meter behind an optical head says nothing by itself: the dialog finds it by asking."""

import asyncio
from typing import TYPE_CHECKING

from homeassistant.const import CONF_PORT
from homeassistant.data_entry_flow import FlowResultType
import pytest

from custom_components.p1meter.const import CONF_ASKED, CONF_LINE
from tests.simulation.optical import Habits, OpticalMeter

from .dialogs import choose, is_loaded, said, start

if TYPE_CHECKING:
    from pathlib import Path

    from homeassistant.core import HomeAssistant

pytestmark = pytest.mark.usefixtures("patience", "everything_unloaded")


async def test_a_meter_that_wants_to_be_asked_is_found(hass: HomeAssistant, tmp_path: Path) -> None:
    meter = OpticalMeter(tmp_path / "head", Habits(ident="ISk5MT174-0001"), pace=0.1, lenience=2.0)
    living = asyncio.create_task(meter.run())
    found = await choose(hass, await start(hass), meter.port)
    assert found["step_id"] == "found_asked", said(found)
    assert said(found).startswith("Found: Iskra MT174, ")
    assert said(found).endswith("It answers through an optical head and is read once a minute.")
    added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
    assert added["type"] is FlowResultType.CREATE_ENTRY
    entry = added["result"]
    assert entry.data[CONF_PORT] == meter.port
    assert entry.data[CONF_LINE] == "300 7E1"
    assert entry.data[CONF_ASKED] is True
    # A slow read-out does not hold up the set-up.
    assert is_loaded(entry)
    await hass.config_entries.async_unload(entry.entry_id)
    living.cancel()
    await asyncio.wait([living])
    meter.close()
