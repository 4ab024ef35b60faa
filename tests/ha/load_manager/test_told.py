"""What a person has to know of the loads, and who is told what, when."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from homeassistant.config_entries import ConfigEntryDisabler
from homeassistant.core import CoreState
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest

from custom_components.p1meter.const import DOMAIN, issue_id
from custom_components.p1meter.gpio import GpioError, GpioErrorKind
from custom_components.p1meter.load_manager import ProtectionEvent
from custom_components.p1meter.loads import Activity, Alarm, Mode, Reason
from tests.compose import nl5

from ..conftest import read, until
from ..fake_loads import NOTHING_KNOWN, SITE_WAITS
from .conftest import BOILER, PLUG, PUMP, RELAY, Law, change, off, on

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant, ServiceCall
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from custom_components.p1meter.coordinator import MeterCoordinator
    from custom_components.p1meter.load_manager import LoadManager

    from ..conftest import Say, SetUp, WallClock
    from ..pins import Chip


# --- What a person has to know ---------------------------------------------------------------------------------------


def issues(hass: HomeAssistant) -> dict[str, dict[str, str] | None]:
    return {
        issue.translation_key or "": issue.translation_placeholders
        for (domain, _), issue in ir.async_get(hass).issues.items()
        if domain == DOMAIN
    }


async def test_an_entity_that_does_not_obey_is_a_repair(hass: HomeAssistant, loads: LoadManager, say: Say) -> None:
    law = Law.newest
    law.views[PUMP] = replace(NOTHING_KNOWN, activity=Activity.FAULT, reason=Reason.FAULT)
    await say(nl5())
    assert issues(hass)["load_fault_entity"] == {"name": "Iskra AM550", "load": "Pump", "entity": "switch.plug"}
    assert loads.fault(PUMP) == "entity"
    assert loads.fault(BOILER) is None
    law.views[PUMP] = replace(NOTHING_KNOWN, activity=Activity.OFF)
    await say(nl5())
    assert issues(hass) == {}


async def test_a_line_that_is_lost_is_a_repair_until_it_is_back(
    hass: HomeAssistant, loads: LoadManager, say: Say, chip: Chip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custom_components.p1meter.outputs._FIRST_PAUSE", 0.01)
    chip.error = GpioError(GpioErrorKind.LOST, "No such device")
    Law.newest.says = [on(BOILER)]
    await say(nl5())
    assert issues(hass)["load_line_missing"] == {
        "name": "Iskra AM550",
        "load": "Boiler",
        "chip": "/dev/gpiochip0",
        "line": "17",
        "holder": "?",
    }
    await say(nl5())
    assert Law.newest.samples[-1].loads[BOILER].on is None
    chip.error = GpioError(GpioErrorKind.BUSY, "Device or resource busy", "somebody")
    await until(lambda: "load_line_busy" in issues(hass))
    assert "load_line_missing" not in issues(hass)
    assert loads.fault(BOILER) == "busy"
    chip.error = None
    await until(lambda: issues(hass) == {})


# --- entities that are renamed, or gone ------------------------------------------------------------------------------


@pytest.fixture
def registered(hass: HomeAssistant) -> er.EntityRegistry:
    """The pump's plug, its power and its permission, as a person may rename them."""
    registry = er.async_get(hass)
    for entity_id in ("switch.plug", "sensor.watts", "binary_sensor.home", "sensor.price"):
        domain, _, object_id = entity_id.partition(".")
        registry.async_get_or_create(domain, "plugs", object_id, suggested_object_id=object_id)
    return registry


async def test_what_is_renamed_is_followed(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp, chip: Chip, registered: er.EntityRegistry
) -> None:
    change(hass, entry, PUMP, power_entity="sensor.watts", allowed_entity="binary_sensor.home")
    hass.config_entries.async_update_entry(entry, options={"price_buy_entity": "sensor.price"})
    await set_up()
    await until(lambda: 17 in chip.levels)
    chip.done.clear()
    for old, new in (
        ("switch.plug", "switch.pump_plug"),
        ("sensor.watts", "sensor.pump_watts"),
        ("binary_sensor.home", "binary_sensor.at_home"),
        ("sensor.price", "sensor.day_ahead"),
    ):
        registered.async_update_entity(old, new_entity_id=new)
    await hass.async_block_till_done()
    assert entry.options == {"price_buy_entity": "sensor.day_ahead"}
    # What else was chosen is as it was.
    assert entry.subentries[PUMP].data == {
        **PLUG,
        "entity_id": "switch.pump_plug",
        "power_entity": "sensor.pump_watts",
        "allowed_entity": "binary_sensor.at_home",
    }
    assert entry.subentries[BOILER].data == RELAY
    # It is at work: the pump goes on where it was, and the boiler's relay has not clicked.
    told: list[Any] = []

    async def turn_on(call: ServiceCall) -> None:
        told.append(call.data["entity_id"])

    hass.services.async_register("switch", "turn_on", turn_on)
    Law.newest.says = [on(PUMP)]
    entry.runtime_data.loads.feed(read(nl5()), datetime(2026, 11, 21, 12, tzinfo=UTC))
    await until(lambda: told == ["switch.pump_plug"])
    assert chip.done == []


async def test_a_rename_is_followed_while_the_meter_is_not_read(
    hass: HomeAssistant, entry: MockConfigEntry, meter: MeterCoordinator, registered: er.EntityRegistry
) -> None:
    assert meter.loads is not None
    await hass.config_entries.async_set_disabled_by(entry.entry_id, ConfigEntryDisabler.USER)
    registered.async_update_entity("switch.plug", new_entity_id="switch.pump_plug")
    # Nothing of what else may happen to an entity concerns us.
    registered.async_update_entity("switch.pump_plug", name="Plug of the pump")
    registered.async_remove("sensor.watts")
    await hass.async_block_till_done()
    assert entry.subentries[PUMP].data == {**PLUG, "entity_id": "switch.pump_plug"}


async def test_what_is_gone_is_one_repair(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    set_up: SetUp,
    registered: er.EntityRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    change(hass, entry, PUMP, power_entity="sensor.watts")
    loads = (await set_up()).loads
    assert loads is not None

    def look(times: int) -> dict[str, Any]:
        for _ in range(times):
            loads._look_for_entities(dt_util.utcnow())
        return issues(hass)

    # Without a state, but somebody knows them: their integration may be starting.
    assert look(3) == {}
    # Disabled, it will not come by itself.
    registered.async_update_entity("sensor.watts", disabled_by=er.RegistryEntryDisabler.USER)
    assert look(2).keys() == {"load_entity_missing"}
    registered.async_update_entity("sensor.watts", disabled_by=None)
    assert look(1) == {}
    registered.async_remove("sensor.watts")
    # A helper that is just being read anew is gone for a moment only.
    assert look(1) == {}
    facts = {"name": "Iskra AM550", "load": "Pump", "entity": "sensor.watts"}
    assert look(1) == {"load_entity_missing": facts}
    registered.async_remove("switch.plug")
    assert look(3) == {"load_entity_missing": {**facts, "entity": "switch.plug, sensor.watts"}}
    # It is back, with or without the registry.
    hass.states.async_set("switch.plug", "off")
    hass.states.async_set("sensor.watts", "0")
    assert look(1) == {}
    # While Home Assistant starts, most is not there yet.
    hass.states.async_remove("switch.plug")
    monkeypatch.setattr(hass, "state", CoreState.starting)
    assert look(3) == {}


async def test_protection_is_told(loads: LoadManager, say: Say) -> None:
    told: list[ProtectionEvent] = []

    def fail(_event: ProtectionEvent) -> None:
        raise RuntimeError("a listener of somebody else")

    loads.async_listen_for_events(fail)
    remove = loads.async_listen_for_events(told.append)
    law = Law.newest
    law.says = [off(BOILER, Reason.FUSE, current_a=27.8), off(PUMP)]
    law.site_is = replace(SITE_WAITS, mode=Mode.PROTECTING, alarms=frozenset({Alarm.FUSE_HELPLESS}))
    await say(nl5())
    assert told == [
        ProtectionEvent("fuse", "Boiler", facts={"current_a": 27.8}),
        ProtectionEvent("alarm_started", alarm=Alarm.FUSE_HELPLESS),
    ]
    await say(nl5())
    assert len(told) == 2
    # The relay did not obey: it is told once more, the person is not.
    law.says = [replace(off(BOILER, Reason.FUSE, current_a=27.8), again=True)]
    await say(nl5())
    assert len(told) == 2
    law.site_is = SITE_WAITS
    law.says = [off(PUMP, Reason.DEMAND), off(BOILER, Reason.STALE)]
    await say(nl5())
    assert [(event.kind, event.title, event.alarm) for event in told[2:]] == [
        ("demand", "Pump", None),
        ("stale", "Boiler", None),
        ("alarm_ended", "", Alarm.FUSE_HELPLESS),
    ]
    remove()
    law.says = [off(PUMP, Reason.DEMAND)]
    await say(nl5())
    assert len(told) == 5


async def test_who_listens_is_called_when_it_is_worth_it(
    loads: LoadManager, say: Say, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []

    def fail() -> None:
        raise RuntimeError("a listener of somebody else")

    removers: list[Callable[[], None]] = [
        loads.async_add_listener(fail, BOILER),
        loads.async_add_listener(lambda: called.append("boiler"), BOILER),
        loads.async_add_listener(lambda: called.append("pump"), PUMP),
        loads.async_add_listener(lambda: called.append("site"), None),
    ]
    law = Law.newest
    law.views[BOILER] = replace(NOTHING_KNOWN, reason=Reason.SHORT, detail={"short_w": 340.0, "since_s": 10.0})
    await say(nl5())
    assert called == ["boiler"]
    assert loads.view(BOILER).reason is Reason.SHORT
    assert "a listener of somebody else" in caplog.text
    law.site_is = replace(SITE_WAITS, mode=Mode.CONTROLLING)
    await say(nl5(), nl5())
    assert called == ["boiler", "site"]
    assert loads.site_view().mode is Mode.CONTROLLING
    for remove in removers:
        remove()
    law.views[BOILER] = NOTHING_KNOWN
    await say(nl5())
    assert called == ["boiler", "site"]


async def test_sums_are_told_with_the_last_telegram_before_a_mark(
    set_up: SetUp, say: Say, wall_clock: WallClock, chip: Chip
) -> None:
    """The meter sends every 10 s: from 12:04:50 on, no other one comes before the mark."""
    meter = await set_up()
    assert meter.loads is not None
    await until(lambda: 17 in chip.levels)
    runs = replace(NOTHING_KNOWN, on=True, activity=Activity.ACTIVE, reason=Reason.SUN, detail={"share": 0.8})
    Law.newest.views[BOILER] = runs
    await say(nl5())
    shown = []
    for second in (40, 49, 51, 59):
        wall_clock.now = datetime(2026, 11, 21, 11, 4, second, tzinfo=UTC)
        Law.newest.views[BOILER] = replace(runs, run_s=float(second))
        with patch.object(type(meter), "interval", 10.0):
            await say(nl5())
        shown.append(meter.loads.view(BOILER).run_s)
    assert shown == [0.0, 0.0, 51.0, 51.0]


@pytest.mark.usefixtures("both_on")
async def test_issue_ids_are_of_one_load(hass: HomeAssistant, entry: MockConfigEntry, say: Say) -> None:
    """Two loads may fail at the same time."""
    law = Law.newest
    for load in (BOILER, PUMP):
        law.views[load] = replace(NOTHING_KNOWN, activity=Activity.FAULT, reason=Reason.FAULT)
    await say(nl5())
    for load in (BOILER, PUMP):
        found = ir.async_get(hass).async_get_issue(DOMAIN, issue_id(f"load_fault_entity_{load}", entry.entry_id))
        assert found is not None
