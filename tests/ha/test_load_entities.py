"""What a person sees of the loads, and of the connection that they share."""

from dataclasses import replace
from datetime import UTC, date, datetime
import json
from typing import TYPE_CHECKING, Any

from homeassistant.const import STATE_OFF, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.components.diagnostics import get_diagnostics_for_config_entry

from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.load_manager import ProtectionEvent
from custom_components.p1meter.loads import FOREVER, Activity, Alarm, Mode, Reason

from .conftest import act, get, shown
from .fake_loads import BOILER, NOTHING_KNOWN, PUMP, RUNS, SITE_CONTROLS, SITE_WAITS
from .test_translations import ENGLISH, ICONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry
    from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

    from .fake_loads import FakeManager

REASON = "sensor.boiler_reason"


def of_load(hass: HomeAssistant) -> dict[str, tuple[Any, ...]]:
    """Return what is shown of the boiler, but its reason."""
    return {
        name.removeprefix("sensor.boiler_"): shown(get(hass, name))
        for name in hass.states.async_entity_ids("sensor")
        if name.startswith("sensor.boiler_") and name != REASON
    }


async def test_everything_has_a_name_and_an_icon(
    hass: HomeAssistant, entry: MockConfigEntry, loads: FakeManager
) -> None:
    loads.show_site(replace(SITE_CONTROLS, phase_headroom_a=(1.0, 2.0, 3.0)))
    await hass.async_block_till_done()
    registry = er.async_get(hass)
    ours = [
        entity
        for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
        if entity.config_subentry_id is not None or "_loads_" in entity.unique_id
    ]
    # The main thing of a device has its name.
    named = [entity for entity in ours if entity.domain != "switch" or entity.config_subentry_id is None]
    for domain, texts in ENGLISH["entity"].items():
        keys = {entity.translation_key for entity in named if entity.domain == domain}
        start = ("load_", "loads_", "protection")
        assert keys == {key for key in texts if key.startswith(start)}, domain
        icons = {key for key in ICONS["entity"].get(domain, ()) if key.startswith(start)}
        assert icons <= keys
    for entity in named:
        assert entity.translation_key is not None
        text = ENGLISH["entity"][entity.domain][entity.translation_key]
        capabilities: Mapping[str, Any] = entity.capabilities or {}
        assert text.get("state", {}).keys() == set(capabilities.get("options") or ()), entity.entity_id
        told = set(capabilities.get("event_types") or ())
        assert text.get("state_attributes", {}).get("event_type", {}).get("state", {}).keys() == told
        if entity.original_device_class in {None, "enum"}:
            assert entity.translation_key in ICONS["entity"][entity.domain], entity.entity_id


@pytest.mark.usefixtures("loads")
def test_a_load_is_a_device_behind_the_meter(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    devices = dr.async_get(hass)
    meter = devices.async_get_device_by_identifier((DOMAIN, f"{entry.entry_id}_electricity"), entry.entry_id)
    boiler = devices.async_get_device_by_identifier((DOMAIN, BOILER), entry.entry_id)
    assert meter is not None
    assert boiler is not None
    assert (boiler.name, boiler.via_device_id, boiler.config_subentry_id) == ("Boiler", meter.id, BOILER)
    entities = er.async_entries_for_device(er.async_get(hass), boiler.id, include_disabled_entities=True)
    assert {entity.config_subentry_id for entity in entities} == {BOILER}
    assert {entity.entity_id: entity.unique_id.removeprefix(f"{BOILER}_") for entity in entities} == {
        "switch.boiler": "switch",
        "select.boiler_mode": "mode",
        "button.boiler_end_manual_control": "cancel_override",
        "sensor.boiler_reason": "reason",
        "sensor.boiler_activity": "activity",
        "sensor.boiler_power": "power",
        "sensor.boiler_by_hand_until": "override_until",
        "sensor.boiler_run_time_today": "run_time",
        "sensor.boiler_starts_today": "starts",
        "sensor.boiler_energy_today": "energy",
        "sensor.boiler_energy_from_own_sun_today": "energy_sun",
        "sensor.boiler_energy_from_the_grid_today": "energy_grid",
        "number.boiler_nominal_power": "power_w",
        "number.boiler_minimum_on": "min_on_s",
        "number.boiler_minimum_off": "min_off_s",
        "number.boiler_rank": "rank",
    }


def test_what_a_load_does(hass: HomeAssistant, loads: FakeManager) -> None:
    loads.show(BOILER, replace(RUNS, override_until=datetime(2026, 11, 21, 14, 30, tzinfo=UTC), override=True))
    assert of_load(hass) == {
        "activity": ("active", None, "enum", None),
        # 1953.7 W.
        "power": ("1954", "W", "power", "measurement"),
        "by_hand_until": ("2026-11-21T14:30:00+00:00", None, "timestamp", None),
        # 5400 s.
        "run_time_today": ("90.0", "min", "duration", "total"),
        "starts_today": ("2", None, None, "total"),
        # 2500.2 + 434.1 Wh.
        "energy_today": ("2.934", "kWh", "energy", "total"),
        "energy_from_own_sun_today": ("2.5", "kWh", "energy", "total"),
        "energy_from_the_grid_today": ("0.434", "kWh", "energy", "total"),
    }
    assert get(hass, "switch.boiler").state == STATE_ON
    assert get(hass, "switch.pump").state == STATE_UNAVAILABLE


def test_before_anything_is_known(hass: HomeAssistant, loads: FakeManager) -> None:
    assert loads.view(BOILER) is NOTHING_KNOWN
    assert {value[0] for value in of_load(hass).values()} == {STATE_UNKNOWN}
    assert get(hass, REASON).state == "starting: waits for the meter"
    assert get(hass, "switch.boiler").state == STATE_UNAVAILABLE


def test_the_reason_is_told_in_words_and_as_a_code(hass: HomeAssistant, loads: FakeManager) -> None:
    loads.show(
        BOILER,
        replace(
            RUNS, on=False, activity=Activity.OFF, reason=Reason.SHORT, detail={"short_w": 342.0, "since_s": 199.0}
        ),
    )
    state = get(hass, REASON)
    assert (state.state, state.attributes["code"]) == ("waits: 340 W short for 3 min", "short")


async def test_the_reason_is_told_in_the_language_of_this_home(
    hass: HomeAssistant, entry: MockConfigEntry, loads: FakeManager
) -> None:
    loads.show(
        BOILER, replace(RUNS, reason=Reason.FUSE_HEADROOM, detail={"phase": 2, "current_a": 24.6, "fuse_a": 25.0})
    )
    hass.config.language = "nl"
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    state = get(hass, REASON)
    assert (state.state, state.attributes["code"]) == (
        "wacht: L2 op 24,6 van 25 A, geen ruimte ervoor",
        "fuse_headroom",
    )


def test_what_begins_anew_says_when_it_began(hass: HomeAssistant, loads: FakeManager) -> None:
    # The tests are in Los Angeles, where 04:00 of a winter's day is 12:00 UTC.
    loads.show(BOILER, RUNS)
    for name in ("run_time", "starts", "energy", "energy_from_own_sun", "energy_from_the_grid"):
        last_reset = get(hass, f"sensor.boiler_{name}_today").attributes["last_reset"]
        assert datetime.fromisoformat(last_reset) == datetime(2026, 11, 21, 12, tzinfo=UTC), name
    loads.show(BOILER, replace(RUNS, day=date(2026, 11, 22), run_s=0.0, starts=0, sun_wh=0.0, grid_wh=0.0))
    assert get(hass, "sensor.boiler_energy_today").state == "0.0"
    last_reset = get(hass, "sensor.boiler_energy_today").attributes["last_reset"]
    assert datetime.fromisoformat(last_reset) == datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_hand_without_an_end_has_no_end(hass: HomeAssistant, loads: FakeManager) -> None:
    loads.show(BOILER, replace(RUNS, override=True, override_until=FOREVER, reason=Reason.OVERRIDE_ON, detail={}))
    assert get(hass, "sensor.boiler_by_hand_until").state == STATE_UNKNOWN
    assert get(hass, "select.boiler_mode").state == "on"
    assert get(hass, REASON).state == "on: by hand, until further notice"


async def test_turning_the_switch_is_a_persons_hand(hass: HomeAssistant, loads: FakeManager) -> None:
    loads.show(BOILER, RUNS)
    await act(hass, "switch", "turn_off", "switch.boiler")
    loads.show(BOILER, replace(RUNS, on=False))
    assert get(hass, "switch.boiler").state == STATE_OFF
    await act(hass, "switch", "turn_on", "switch.boiler")
    assert loads.overrides == [(BOILER, False, None), (BOILER, True, None)]


async def test_a_hand_is_cancelled_where_there_is_one(hass: HomeAssistant, loads: FakeManager) -> None:
    button = "button.boiler_end_manual_control"
    loads.show(BOILER, RUNS)
    assert get(hass, button).state == STATE_UNAVAILABLE
    loads.show(BOILER, replace(RUNS, override=True, override_until=datetime(2026, 11, 21, 14, 30, tzinfo=UTC)))
    assert get(hass, button).state == STATE_UNKNOWN
    # Who has only lent a hand has not said that it shall stay so.
    assert get(hass, "select.boiler_mode").state == "automatic"
    await act(hass, "button", "press", button)
    assert loads.overrides == [(BOILER, None, None)]


async def test_the_mode_stays_until_another_is_selected(hass: HomeAssistant, loads: FakeManager) -> None:
    select = "select.boiler_mode"
    assert get(hass, select).attributes["options"] == ["automatic", "on", "off"]
    for option in ("on", "off", "automatic"):
        await act(hass, "select", "select_option", select, option=option)
    assert [(load, on) for load, on, _ in loads.overrides] == [(BOILER, True), (BOILER, False), (BOILER, None)]
    assert [until for _, _, until in loads.overrides[:2]] == [FOREVER, FOREVER]
    loads.show(BOILER, replace(RUNS, on=False, override=False, override_until=FOREVER))
    assert get(hass, select).state == "off"


async def test_settings_are_changed_while_the_load_runs(hass: HomeAssistant, loads: FakeManager) -> None:
    # Times in minutes.
    values = {
        "number.boiler_nominal_power": ("2000.0", 1850.0),
        "number.boiler_minimum_on": ("1.0", 5.0),
        "number.boiler_minimum_off": ("0.0", 2.5),
        "number.boiler_rank": ("1", 3.0),
    }
    for entity_id, (before, after) in values.items():
        assert get(hass, entity_id).state == before
        await act(hass, "number", "set_value", entity_id, value=after)
        assert float(get(hass, entity_id).state) == after
    assert loads.changes == [
        (BOILER, {"power_w": 1850.0}),
        (BOILER, {"min_on_s": 300.0}),
        (BOILER, {"min_off_s": 150.0}),
        (BOILER, {"rank": 3}),
    ]
    assert isinstance(loads.changes[-1][1]["rank"], int)


@pytest.mark.usefixtures("everything_enabled")
async def test_what_the_connection_has_is_shown_once_it_is_known(hass: HomeAssistant, loads: FakeManager) -> None:
    start = "sensor.iskra_am550_"
    measured = ("surplus_for_loads", "demand_forecast", "demand_headroom")
    phases = [f"fuse_headroom_phase_{phase}" for phase in (1, 2, 3)]
    assert get(hass, f"{start}load_control_state").state == "waiting"
    assert not any(hass.states.get(f"{start}{name}") for name in (*measured, *phases))
    loads.show_site(SITE_CONTROLS)
    await hass.async_block_till_done()
    assert {name: shown(get(hass, f"{start}{name}")) for name in (*measured, *phases[:2])} == {
        "surplus_for_loads": ("1613", "W", "power", "measurement"),
        "demand_forecast": ("812", "W", "power", "measurement"),
        "demand_headroom": ("1688", "W", "power", "measurement"),
        "fuse_headroom_phase_1": ("15.3", "A", "current", "measurement"),
        "fuse_headroom_phase_2": ("20.0", "A", "current", "measurement"),
    }
    # There is no third phase.
    assert hass.states.get(f"{start}{phases[2]}") is None
    assert get(hass, f"{start}load_control_state").state == "controlling"
    loads.show_site(replace(SITE_CONTROLS, surplus_w=None))
    assert get(hass, f"{start}surplus_for_loads").state == STATE_UNKNOWN
    loads.show_site(replace(SITE_CONTROLS, mode=Mode.STALE))
    assert get(hass, f"{start}load_control_state").state == "stale"
    assert {get(hass, f"{start}{name}").state for name in (*measured, *phases[:2])} == {STATE_UNAVAILABLE}


async def test_what_belongs_to_a_limit_goes_with_it(
    hass: HomeAssistant, entry: MockConfigEntry, loads: FakeManager
) -> None:
    loads.show_site(SITE_CONTROLS)
    await hass.async_block_till_done()
    loads.show_site(replace(SITE_CONTROLS, target_w=None, forecast_w=None, headroom_w=None))
    hass.config_entries.async_update_entry(entry, options={"demand": "off"})
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert hass.states.get("sensor.iskra_am550_demand_forecast") is None
    assert hass.states.get("sensor.iskra_am550_demand_headroom") is None
    # All else stays.
    assert hass.states.get("sensor.iskra_am550_surplus_for_loads") is not None


async def test_a_tariff_is_called_as_people_call_it(
    hass: HomeAssistant, entry: MockConfigEntry, loads: FakeManager
) -> None:
    waits = replace(RUNS, on=False, activity=Activity.OFF, reason=Reason.TARIFF, detail={"tariff": 2})
    hass.config.language = "nl"
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    loads.show(BOILER, waits)
    assert get(hass, REASON).state == "wacht: mag niet starten in tarief Normaal"
    # Nobody there has a word for a third one.
    loads.show(BOILER, replace(waits, detail={"tariff": 3}))
    assert get(hass, REASON).state == "wacht: mag niet starten in tarief 3"


async def test_what_few_want_is_disabled(hass: HomeAssistant, entry: MockConfigEntry, loads: FakeManager) -> None:
    loads.show_site(SITE_CONTROLS)
    await hass.async_block_till_done()
    registry = er.async_get(hass)
    disabled = {
        entity.unique_id.removeprefix(f"{entry.entry_id}_")
        for entity in er.async_entries_for_config_entry(registry, entry.entry_id)
        if entity.disabled_by is not None and (entity.config_subentry_id or "_loads_" in entity.unique_id)
    }
    assert disabled == {"loads_headroom_l1", "loads_headroom_l2"}


@pytest.mark.parametrize(("run_s", "minutes"), [(0.0, "0.0"), (224.0, "3.7"), (3601.0, "60.0")])
async def test_run_time_is_told_in_tenths_of_a_minute(
    hass: HomeAssistant, loads: FakeManager, run_s: float, minutes: str
) -> None:
    loads.show(BOILER, replace(RUNS, run_s=run_s))
    assert get(hass, "sensor.boiler_run_time_today").state == minutes


async def test_all_control_is_switched_off_and_on(hass: HomeAssistant, loads: FakeManager) -> None:
    switch = "switch.iskra_am550_load_control"
    assert get(hass, switch).state == STATE_ON
    await act(hass, "switch", "turn_off", switch)
    assert (get(hass, switch).state, loads.enabled) == (STATE_OFF, False)
    # Then p1meter switches nothing, and says so to who tries.
    loads.show(BOILER, RUNS)
    with pytest.raises(ServiceValidationError) as refusal:
        await act(hass, "switch", "turn_off", "switch.boiler")
    assert refusal.value.translation_key == "load_control_off"
    with pytest.raises(ServiceValidationError):
        await act(hass, "select", "select_option", "select.boiler_mode", option="on")
    assert loads.overrides == []
    await act(hass, "switch", "turn_on", switch)
    assert (get(hass, switch).state, loads.enabled) == (STATE_ON, True)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (
            ProtectionEvent("fuse", "Boiler", facts={"phase": 1, "current_a": 27.83, "fuse_a": 25.0}),
            {"event_type": "shed_fuse", "load": "Boiler", "phase": 1, "current_a": 27.8, "fuse_a": 25.0},
        ),
        (
            ProtectionEvent("demand", "Boiler", facts={"remaining_s": 652.44, "target_w": 2500.0}),
            {"event_type": "shed_demand", "load": "Boiler", "remaining_s": 652.4, "target_w": 2500.0},
        ),
        (
            ProtectionEvent("stale", "Boiler", facts={"silent_s": 10.0}),
            {"event_type": "safe_state", "load": "Boiler", "silent_s": 10.0},
        ),
        (ProtectionEvent("alarm_started", alarm=Alarm.FUSE_HELPLESS), {"event_type": "fuse_helpless"}),
        (ProtectionEvent("alarm_started", alarm=Alarm.FUSE_EXPORT), {"event_type": "fuse_export"}),
        (ProtectionEvent("alarm_started", alarm=Alarm.DEMAND_HELPLESS), {"event_type": "demand_helpless"}),
        (
            ProtectionEvent("alarm_ended", alarm=Alarm.FUSE_HELPLESS),
            {"event_type": "alarm_over", "alarm": "fuse_helpless"},
        ),
    ],
)
def test_what_protects_the_connection_is_told(
    hass: HomeAssistant, loads: FakeManager, event: ProtectionEvent, told: dict[str, Any]
) -> None:
    entity_id = "event.iskra_am550_protection"
    assert get(hass, entity_id).state == STATE_UNKNOWN
    loads.tell(event)
    state = get(hass, entity_id)
    assert state.state != STATE_UNKNOWN
    known = {"event_types", "friendly_name"}
    assert {name: fact for name, fact in state.attributes.items() if name not in known} == told
    assert told["event_type"] in state.attributes["event_types"]


async def test_nobody_listens_after_an_unload(hass: HomeAssistant, entry: MockConfigEntry, loads: FakeManager) -> None:
    loads.show_site(SITE_WAITS)
    await hass.config_entries.async_unload(entry.entry_id)
    assert loads.is_alone


async def test_diagnostics_say_what_the_loads_do_and_nothing_of_the_house(
    hass: HomeAssistant, entry: MockConfigEntry, loads: FakeManager, hass_client: ClientSessionGenerator
) -> None:
    loads.show(BOILER, replace(RUNS, override=True, override_until=FOREVER))
    loads.show_site(replace(SITE_CONTROLS, alarms=frozenset({Alarm.FUSE_HELPLESS, Alarm.DEMAND_HELPLESS})))
    assert await async_setup_component(hass, "diagnostics", {})
    download = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    text = json.dumps(download)
    # What a person calls a load, and the entities it is made of.
    for secret in ("Boiler", "boiler", "Pump", "pump"):
        assert secret not in text.replace(BOILER, "").replace(PUMP, "")
    assert download["loads"]["enabled"] is True
    assert download["loads"]["site"]["surplus_w"] == 1612.6
    assert download["loads"]["site"]["alarms"] == ["demand_helpless", "fuse_helpless"]
    boiler = download["loads"]["by_id"][BOILER]
    assert boiler["fault"] is None
    assert boiler["config"]["settings"]["power_w"] == 2000.0
    assert boiler["config"]["settings"]["min_on_s"] == 60.0
    assert boiler["config"]["settings"]["day_start"] == "04:00:00"
    assert boiler["config"]["output"] == {"entity_id": "**REDACTED**"}
    assert boiler["view"]["reason"] == "sun"
    assert boiler["view"]["detail"] == {"share": 0.804}
    assert boiler["view"]["override"] is True
