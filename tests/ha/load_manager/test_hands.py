"""A person's hand, and hands off."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from homeassistant.core import Context
import pytest

from custom_components.p1meter.loads import FOREVER, Reason
from tests.compose import nl5

from ..conftest import until
from .conftest import BOILER, PUMP, Law, change, on

if TYPE_CHECKING:
    from homeassistant.auth.models import User
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.p1meter.coordinator import MeterCoordinator
    from custom_components.p1meter.load_manager import LoadManager

    from ..appliances import Device
    from ..conftest import Say
    from ..pins import Chip


# --- A person --------------------------------------------------------------------------------------------------------


async def test_a_persons_hand_acts_at_once(loads: LoadManager, chip: Chip) -> None:
    law = Law.newest
    law.says = [on(BOILER, Reason.OVERRIDE_ON)]
    loads.async_override(BOILER, on=True)
    assert chip.levels[17]
    ((load, wanted, until_when),) = law.overrides
    assert (load, wanted) == (BOILER, True)
    # Two hours by the meter's clock, which the telegram has set to 11:59 UTC.
    passed = until_when - datetime(2026, 11, 21, 13, 59, tzinfo=UTC)
    assert timedelta(0) <= passed < timedelta(seconds=30)
    loads.async_override(BOILER, on=False, until=FOREVER)
    loads.async_override(BOILER, on=None)
    assert law.overrides[1][1:] == (False, FOREVER)
    assert law.overrides[2][1] is None


@pytest.mark.usefixtures("meter")
async def test_an_entity_that_somebody_flips_is_a_persons_hand(
    hass: HomeAssistant, say: Say, pump: Device, hass_admin_user: User
) -> None:
    law = Law.newest
    law.says = [on(PUMP)]
    await say(nl5())
    await until(lambda: pump.on)
    assert law.hands == []
    # Told at once: a hand at the device may come before the next telegram.
    await until(lambda: (PUMP, True) in law.outputs)
    looks = len(law.ticks)
    person = Context(user_id=hass_admin_user.id)
    for action in ("turn_off", "turn_on"):
        await hass.services.async_call("switch", action, {"entity_id": "switch.plug"}, blocking=True, context=person)
    # What comes of it is for the law to say; it is asked at once.
    assert law.hands == [(PUMP, False), (PUMP, True)]
    assert len(law.ticks) >= looks + 2
    assert law.overrides == []


async def test_hands_off(
    hass: HomeAssistant, entry: MockConfigEntry, loads: LoadManager, pump: Device, hass_admin_user: User
) -> None:
    loads.async_enable(on=False)
    assert not loads.enabled
    assert not Law.newest.enabled
    person = Context(user_id=hass_admin_user.id)
    await hass.services.async_call("switch", "turn_on", {"entity_id": "switch.plug"}, blocking=True, context=person)
    assert Law.newest.overrides == []
    # A law that fails has nothing to protect, and it is kept over a reload.
    Law.newest.fails = RuntimeError("nobody thought of this")
    loads.async_override(PUMP, on=True)
    await asyncio.sleep(0.02)
    assert pump.on
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert not Law.newest.enabled
    assert pump.on


async def test_a_number_is_changed_while_it_runs(
    hass: HomeAssistant, entry: MockConfigEntry, meter: MeterCoordinator, loads: LoadManager
) -> None:
    law = Law.newest
    loads.async_change(BOILER, min_on_s=300.0)
    await hass.async_block_till_done()
    assert law.loads[0].min_on_s == 300.0
    assert loads.configs[BOILER].settings.min_on_s == 300.0
    assert entry.subentries[BOILER].data["min_on_s"] == 300.0
    # No reload; but for anything else there is one.
    assert Law.newest is law
    change(hass, entry, BOILER, rank=3)
    await hass.async_block_till_done()
    assert Law.newest is not law
    assert entry.runtime_data is not meter
    assert Law.newest.loads[0].min_on_s == 300.0
