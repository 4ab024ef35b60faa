"""The second page of the dialog of a load: when it may run, and how it is looked after."""

from datetime import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import entity_registry as er
import pytest

from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.loads import LoadSettings

from .dialogs import ENGLISH
from .load_forms import BOILER, TEXTS, begin, change, complaint, fill_in, find, load, shown

if TYPE_CHECKING:
    from homeassistant.config_entries import SubentryFlowResult
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import SetUp


# --- the second page --------------------------------------------------------------------------------------------------


async def rules(hass: HomeAssistant, entry: MockConfigEntry, kind: str = "relay") -> SubentryFlowResult:
    """Come to the second page with a boiler of 2 kW."""
    form = await begin(hass, entry, "entity")
    return await fill_in(hass, form, entity_id="switch.boiler", name="Boiler", kind=kind, power=2000)


async def test_everything_is_filled_in_as_it_is_by_default(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    form = await rules(hass, entry)
    assert shown(form) == {
        "permissions": {"windows": ""},
        # Minutes.
        "device": {
            "min_on": 1,
            "min_off": 0,
            "max_starts_per_hour": 12,
            "idle_off": 10,
            "idle_retry": 30,
            "hold_idle": False,
        },
        "protection": {
            "override": {"hours": 2, "minutes": 0, "seconds": 0},
            "override_protected": False,
            "never_shed": False,
            "safe_on": False,
            "run_when_blind": False,
        },
        "tuning": {
            "on_share": 80,
            "off_share": 50,
            "start_cost": 20,
            "stop_cost": 20,
            "latency": 2,
            "ramp": 2,
        },
    }


@pytest.mark.parametrize(
    ("kind", "minutes", "costs", "seconds"),
    [
        ("solid_state", (1, 0), (5, 5), (2, 2)),
        ("motor", (5, 3), (20, 20), (2, 2)),
        ("compressor", (10, 10), (20, 20), (2, 2)),
        ("charger", (1, 0), (20, 20), (15, 10)),
    ],
)
async def test_the_kind_of_device_fills_it_in(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    kind: str,
    minutes: tuple[int, int],
    costs: tuple[int, int],
    seconds: tuple[int, int],
) -> None:
    form = shown(await rules(hass, entry, kind))
    assert (form["device"]["min_on"], form["device"]["min_off"]) == minutes
    assert (form["tuning"]["start_cost"], form["tuning"]["stop_cost"]) == costs
    assert (form["tuning"]["latency"], form["tuning"]["ramp"]) == seconds


async def test_everything_can_be_chosen_and_comes_back(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    # Tariffs and phases as the meter has them; prices as the person named them.
    prices = {"price_buy_entity": "sensor.buy", "price_sell_entity": "sensor.sell"}
    hass.config_entries.async_update_entry(entry, options=prices)
    await set_up()
    hass.states.async_set("switch.boiler", "off")
    chosen: dict[str, Any] = {
        "permissions": {
            "windows": "22-6, 13:00-15:30",
            "allowed_entity": "input_boolean.home",
            "min_run": {"hours": 2, "minutes": 30, "seconds": 0},
            "deadline": "20:00:00",
            "max_run": {"hours": 4, "minutes": 0, "seconds": 0},
            "tariffs": ["1"],
            "max_price": 0.25,
        },
        "device": {
            "power_entity": "sensor.boiler_power",
            "min_on": 2.5,
            "min_off": 3,
            "max_starts_per_hour": None,
            "max_starts_per_day": 40,
            "idle_off": 5,
            "idle_retry": 60,
            "hold_idle": True,
            "phases": "l2",
        },
        "protection": {
            "override": {"hours": 1, "minutes": 30, "seconds": 0},
            "override_protected": True,
            "never_shed": True,
            "safe_on": True,
            "run_when_blind": True,
        },
        "tuning": {
            "on_share": 90,
            "off_share": 29,
            "start_cost": 7,
            "stop_cost": 8,
            "start_budget": 20,
            "latency": 4,
            "ramp": 6,
            "day_start": "00:30:00",
            "value_per_kwh": 0.14,
        },
    }
    form = await rules(hass, entry)
    assert (await fill_in(hass, form, **chosen))["type"] is FlowResultType.CREATE_ENTRY
    config = load(entry, "Boiler")
    assert config.settings == LoadSettings(
        find(entry, "Boiler"),
        2000,
        1,
        on_share=0.9,
        off_share=0.29,
        start_cost_wh=7,
        stop_cost_wh=8,
        min_on_s=150,
        min_off_s=180,
        latency_s=4,
        ramp_s=6,
        phases=(2,),
        min_run_s=9000,
        max_run_s=14400,
        deadline=time(20),
        day_start=time(0, 30),
        max_starts_per_day=40,
        max_starts_per_hour=None,
        start_budget=20,
        tariffs=frozenset({1}),
        max_price=0.25,
        windows=((time(22), time(6)), (time(13), time(15, 30))),
        value_per_kwh=0.14,
        override_s=5400,
        override_protected=True,
        never_shed=True,
        safe_on=True,
        run_when_blind=True,
        idle_off_s=300,
        idle_retry_s=3600,
        hold_idle=True,
    )
    assert (config.power_entity, config.allowed_entity) == ("sensor.boiler_power", "input_boolean.home")
    await hass.async_block_till_done()
    # Written out as it was understood; the rest as it was typed.
    chosen["permissions"]["windows"] = "22:00-06:00, 13:00-15:30"
    del chosen["device"]["max_starts_per_hour"]
    form = await change(hass, entry, "Boiler", "rules")
    assert shown(form) == chosen
    await fill_in(hass, form)
    assert load(entry, "Boiler") == config
    # And all of it can be taken back.
    form = await change(hass, entry, "Boiler", "rules")
    await fill_in(
        hass,
        form,
        permissions=dict.fromkeys(chosen["permissions"]),
        device={"power_entity": None, "max_starts_per_day": None, "phases": "learned"},
        tuning={"start_budget": None, "value_per_kwh": None},
    )
    settings = load(entry, "Boiler").settings
    assert (settings.min_run_s, settings.max_run_s, settings.deadline, settings.windows) == (0, None, None, ())
    assert (settings.tariffs, settings.max_price, settings.phases, settings.value_per_kwh) == (None, None, None, None)
    assert (
        not {"allowed_entity", "power_entity", "tariffs", "phases"}
        & entry.subentries[find(entry, "Boiler")].data.keys()
    )


def fields(form: SubentryFlowResult) -> set[str]:
    """Return the fields of the sections of a form."""
    assert form["data_schema"] is not None
    return {str(field) for part in form["data_schema"].schema.values() for field in part.schema.schema}


DEPENDING = {"tariffs", "phases", "max_price", "value_per_kwh"}


async def test_only_what_means_something_at_this_meter_is_asked(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    # Never read: nothing is known of it.
    assert not fields(await rules(hass, entry)) & DEPENDING
    await set_up()
    form = await rules(hass, entry)
    assert fields(form) & DEPENDING == {"tariffs", "phases"}
    assert form["data_schema"] is not None
    # In the words of the country.
    section = form["data_schema"].schema["permissions"].schema.schema
    assert section["tariffs"].config["options"] == [
        {"value": "1", "label": "Low"},
        {"value": "2", "label": "Normal"},
    ]


@pytest.mark.parametrize(
    ("prices", "asked"),
    [
        ({"price_buy_entity": "sensor.buy"}, {"max_price"}),
        ({"price_buy_entity": "sensor.buy", "price_sell_entity": "sensor.sell"}, {"max_price", "value_per_kwh"}),
        ({"price_sell_entity": "sensor.sell"}, set()),
    ],
)
async def test_prices_are_asked_where_they_are_known(
    hass: HomeAssistant, entry: MockConfigEntry, prices: dict[str, str], asked: set[str]
) -> None:
    hass.config_entries.async_update_entry(entry, options=prices)
    form = await rules(hass, entry)
    assert fields(form) & DEPENDING == asked
    assert (await fill_in(hass, form))["type"] is FlowResultType.CREATE_ENTRY


async def test_what_was_chosen_before_can_still_be_seen_and_changed(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    # The meter was never read again, and the price sensors are gone.
    data = {**BOILER, "tariffs": [2], "phases": [1, 2, 3], "max_price": 0.2, "value_per_kwh": 0.1}
    kept = ConfigSubentry(data=MappingProxyType(data), subentry_type="load", title="Boiler", unique_id=None)
    hass.config_entries.async_add_subentry(entry, kept)
    form = await change(hass, entry, "Boiler", "rules")
    assert fields(form) & DEPENDING == DEPENDING
    assert shown(form)["permissions"]["tariffs"] == ["2"]
    assert shown(form)["device"]["phases"] == "all"
    await fill_in(hass, form)
    assert dict(entry.subentries[find(entry, "Boiler")].data) == data


def words_of(schema: Any, texts: dict[str, Any]) -> None:
    """Check that every field of a form has a name and an explanation, and everything in its lists has words."""
    plain = {str(field): selector for field, selector in schema.schema.items() if not hasattr(selector, "schema")}
    assert plain.keys() == texts.get("data", {}).keys() == texts.get("data_description", {}).keys()
    for selector in plain.values():
        if key := selector.config.get("translation_key"):
            assert ENGLISH["selector"][key]["options"].keys() == set(selector.config["options"])
    for field, part in schema.schema.items():
        if hasattr(part, "schema"):
            words_of(part.schema, texts["sections"][str(field)])


@pytest.mark.usefixtures("board")
async def test_everything_that_is_asked_is_named_and_explained(
    hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp
) -> None:
    prices = {"price_buy_entity": "sensor.buy", "price_sell_entity": "sensor.sell"}
    hass.config_entries.async_update_entry(entry, options=prices)
    await set_up()
    for form in (await begin(hass, entry, "entity"), await begin(hass, entry, "gpio"), await rules(hass, entry)):
        words_of(form["data_schema"], TEXTS["step"][form["step_id"]])


RUN = {"hours": 9, "minutes": 0, "seconds": 0}


@pytest.mark.parametrize(
    ("wrong", "sentence", "right"),
    [
        (
            {"permissions": {"windows": "22:00-06:00, night"}},
            "Not understood: night.",
            {"permissions": {"windows": ""}},
        ),
        (
            {"permissions": {"min_run": {"hours": 25, "minutes": 0}}},
            "A day has 24 hours",
            {"permissions": {"min_run": {"hours": 24, "minutes": 0}}},
        ),
        (
            {"permissions": {"max_run": {"hours": 24, "minutes": 1}}},
            "A day has 24 hours",
            {"permissions": {"max_run": {"hours": 24, "minutes": 0}}},
        ),
        (
            {"permissions": {"min_run": RUN, "max_run": {"hours": 8, "minutes": 59}}},
            "It must run for longer than it may.",
            {"permissions": {"max_run": RUN}},
        ),
        (
            {"permissions": {"deadline": "07:00:00"}},
            "There is a time by which it must have run",
            {"permissions": {"min_run": RUN}},
        ),
        # A night of 8 h is shorter than 9 h; with an hour more it fits.
        (
            {"permissions": {"min_run": RUN, "windows": "22:00-06:00"}},
            "The times in which it may start are shorter",
            {"permissions": {"windows": "21:00-06:00"}},
        ),
        ({"tuning": {"on_share": 40}}, "The sun without which it never starts", {"tuning": {"off_share": 40}}),
        (
            {"permissions": {"allowed_entity": "switch.boiler"}},
            "A load cannot be its own permission",
            {"permissions": {"allowed_entity": "switch.other"}},
        ),
        (
            {"permissions": {"allowed_entity": "switch.p1meter_pump"}},
            "That belongs to p1meter itself",
            {"permissions": {"allowed_entity": "switch.other"}},
        ),
        (
            {"device": {"power_entity": "sensor.p1meter_power"}},
            "That sensor belongs to p1meter",
            {"device": {"power_entity": "sensor.boiler"}},
        ),
    ],
)
async def test_what_does_not_go_together_is_said_and_can_be_put_right(
    hass: HomeAssistant, entry: MockConfigEntry, wrong: dict[str, Any], sentence: str, right: dict[str, Any]
) -> None:
    for domain, key in (("sensor", "power"), ("switch", "pump")):
        er.async_get(hass).async_get_or_create(
            domain, DOMAIN, key, config_entry=entry, suggested_object_id=f"p1meter_{key}"
        )
    form = await fill_in(hass, await rules(hass, entry), **wrong)
    # Not at its field: a section that is folded would hide it. So none is folded.
    assert (form["errors"] or {}).keys() == {"base"}
    assert form["data_schema"] is not None
    assert {part.options["collapsed"] for part in form["data_schema"].schema.values()} == {False}
    assert complaint(form).startswith(sentence)
    # What was typed is not lost.
    ((name, typed),) = wrong.items()
    assert typed.items() <= shown(form)[name].items()
    result = await fill_in(hass, form, **right)
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_no_time_at_all_is_no_limit(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    # So the frontend leaves a duration whose numbers were taken out one by one.
    nothing = {"hours": 0, "minutes": 0, "seconds": 0}
    form = await rules(hass, entry)
    await fill_in(hass, form, permissions={"max_run": nothing}, protection={"override": nothing})
    settings = load(entry, "Boiler").settings
    assert (settings.max_run_s, settings.override_s) == (None, 0)


async def test_a_day_that_ends_with_a_deadline_in_the_morning(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    """2.5 h by 07:00: from 04:00 on there would hardly be time, and the sun of yesterday would not count."""
    form = await rules(hass, entry)
    await fill_in(hass, form, permissions={"min_run": RUN, "deadline": "07:00:00"})
    assert load(entry, "Boiler").settings.day_start == time(7)
    # Nobody chose it: with a deadline in the evening the day is as usual again.
    form = await change(hass, entry, "Boiler", "rules")
    assert "day_start" not in shown(form)["tuning"]
    await fill_in(hass, form, permissions={"deadline": "20:00:00"})
    assert load(entry, "Boiler").settings.day_start == time(4)
    # What a person chooses is kept, and can be taken back.
    form = await change(hass, entry, "Boiler", "rules")
    await fill_in(hass, form, permissions={"deadline": "07:00:00"}, tuning={"day_start": "04:00:00"})
    form = await change(hass, entry, "Boiler", "rules")
    assert shown(form)["tuning"]["day_start"] == "04:00:00"
    await fill_in(hass, form, tuning={"on_share": 90})
    assert load(entry, "Boiler").settings.day_start == time(4)
    await fill_in(hass, await change(hass, entry, "Boiler", "rules"), tuning={"day_start": None})
    assert load(entry, "Boiler").settings.day_start == time(7)
