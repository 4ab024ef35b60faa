"""What goes wrong around a meter and in Home Assistant, and what is kept; hours of it: tests/e2e/test_faults.py."""

import fcntl
from typing import TYPE_CHECKING
from unittest.mock import patch

from homeassistant.components.recorder.tasks import StopTask
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.recorder import get_instance
import pytest

from custom_components.p1meter import coordinator
from custom_components.p1meter.const import DOMAIN, issue_id
from custom_components.p1meter.meter import Reason
from tests.compose import nl5

from .conftest import get, states, until

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from tests.simulation.meter import Cable

    from .conftest import Say, SetUp

POWER = "sensor.iskra_am550_power"
TOTALS = (
    "sensor.iskra_am550_import_low_tariff",
    "sensor.iskra_am550_import_normal_tariff",
    "sensor.iskra_am550_export_low_tariff",
    "sensor.iskra_am550_export_normal_tariff",
    "sensor.gas_meter_gas",
)


async def test_the_power_of_the_meter_fails(hass: HomeAssistant, set_up: SetUp, say: Say, cable: Cable) -> None:
    """In the middle of a telegram; when it is back it does not know the time at first, and has counted the failure."""
    with patch.object(coordinator, "silence_limit", lambda _: 0.4):
        meter = await set_up()
        before = {name: get(hass, name).state for name in TOTALS}
        cable.write(nl5()[:400])
        await until(lambda: get(hass, POWER).state == STATE_UNAVAILABLE)
    back = {"0-0:96.7.21": "(00005)", "1-0:1.7.0": "(00.640*kW)"}
    for clock in ("(000101000010W)", "(000101000011W)", "(261121130412W)"):
        await say(nl5({**back, "0-0:1.0.0": clock}))
    assert meter.refused[Reason.TRUNCATED] <= 1
    assert {name: get(hass, name).state for name in TOTALS} == before
    assert get(hass, POWER).state == "640"
    assert get(hass, "sensor.iskra_am550_power_failures").state == "5"
    assert STATE_UNAVAILABLE not in states(hass).values()
    assert [issue for domain, issue in ir.async_get(hass).issues if domain == DOMAIN] == []


async def test_another_program_has_the_port(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name is said, where it is known; the repair goes when the meter is heard again."""
    repair = issue_id("silent_port_busy_by", entry.entry_id)

    async def program_on(_hass: HomeAssistant, port: str) -> str:
        assert port == entry.data["port"]
        return "ser2net"

    monkeypatch.setattr(coordinator, "async_program_on", program_on)
    monkeypatch.setattr(coordinator, "silence_limit", lambda _: 0.4)
    meter = await set_up()
    cable.unplug()
    await until(lambda: meter.link_error is not None)
    cable.plug()
    with cable.link.open("rb", buffering=0) as port:
        fcntl.flock(port, fcntl.LOCK_EX)
        await until(lambda: (DOMAIN, repair) in ir.async_get(hass).issues)
        assert ir.async_get(hass).issues[DOMAIN, repair].translation_placeholders == {
            "name": "Iskra AM550",
            "port": str(cable.link),
            "program": "ser2net",
        }
    await until(lambda: meter.link_error is None)
    cable.write(nl5())
    await until(lambda: meter.last_update_success)
    assert [issue for domain, issue in ir.async_get(hass).issues if domain == DOMAIN] == []


@pytest.mark.recorder
async def test_the_recorder_dies(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    """The meter is read and shown as before, and the entry can be reloaded; nothing of ours complains."""
    await set_up()
    recorder = get_instance(hass)
    recorder.queue_task(StopTask())
    await hass.async_add_executor_job(recorder.join)
    await say(nl5({"1-0:1.7.0": "(02.000*kW)"}), nl5({"1-0:1.7.0": "(03.000*kW)"}))
    assert get(hass, POWER).state == "3000"
    assert await hass.config_entries.async_reload(entry.entry_id)
    await say(nl5({"1-0:1.7.0": "(04.000*kW)"}))
    assert get(hass, POWER).state == "4000"
    assert not {STATE_UNAVAILABLE, STATE_UNKNOWN} & {get(hass, name).state for name in TOTALS}
    assert [record for record in caplog.records if "p1meter" in record.name and record.levelname == "ERROR"] == []
