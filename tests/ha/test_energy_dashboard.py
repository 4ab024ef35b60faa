"""The meter's way into the Energy dashboard, with Home Assistant's own `energy` and recorder."""

from typing import TYPE_CHECKING, Any

from homeassistant.components.energy import data as energy_data
from homeassistant.components.energy.data import async_get_manager
from homeassistant.components.energy.validate import async_validate
from homeassistant.config_entries import SOURCE_USER, ConfigEntryDisabler, ConfigEntryState
from homeassistant.const import CONF_PORT
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import device_registry as dr, entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.p1meter.const import CONF_LINE, CONF_PROFILE, DOMAIN
from custom_components.p1meter.energy_dashboard import EnergyDashboardError, async_apply, async_proposal
from tests.compose import ELECTRICITY_ID, NL5, compose, nl5

from .conftest import probe
from .dialogs import said, speaking, until
from .fake_loads import add_load, add_loads

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant

    from tests.simulation.meter import Cable

pytestmark = pytest.mark.recorder

type Source = dict[str, Any]
type Dashboard = Callable[..., Awaitable[list[Source]]]
type Read = Callable[..., Awaitable[MockConfigEntry]]

NO_PRICE = {"stat_cost": None, "entity_energy_price": None, "number_energy_price": None}
NO_COMPENSATION = {
    "stat_compensation": None,
    "entity_energy_price_export": None,
    "number_energy_price_export": None,
}
LOW: Source = {
    "type": "grid",
    "stat_energy_from": "sensor.iskra_am550_import_low_tariff",
    "stat_energy_to": "sensor.iskra_am550_export_low_tariff",
    "stat_rate": "sensor.iskra_am550_power",
    "cost_adjustment_day": 0.0,
    **NO_PRICE,
    **NO_COMPENSATION,
}
NORMAL: Source = {
    "type": "grid",
    "stat_energy_from": "sensor.iskra_am550_import_normal_tariff",
    "stat_energy_to": "sensor.iskra_am550_export_normal_tariff",
    "cost_adjustment_day": 0.0,
    **NO_PRICE,
    **NO_COMPENSATION,
}
TOTAL: Source = {
    "type": "grid",
    "stat_energy_from": "sensor.iskra_am550_import",
    "stat_energy_to": "sensor.iskra_am550_export",
    "stat_rate": "sensor.iskra_am550_power",
    "cost_adjustment_day": 0.0,
    **NO_PRICE,
    **NO_COMPENSATION,
}
GAS: Source = {"type": "gas", "stat_energy_from": "sensor.gas_meter_gas", **NO_PRICE}
WATER: Source = {"type": "water", "stat_energy_from": "sensor.water_meter_water", **NO_PRICE}
HEAT: Source = {"type": "gas", "stat_energy_from": "sensor.heat_meter_heat", **NO_PRICE}
# What somebody made by hand, in a form that the schema would rewrite.
FOREIGN: Source = {
    "type": "grid",
    "stat_energy_from": "sensor.other_import",
    "cost_adjustment_day": 1,
    "number_energy_price": 0.25,
}
FOREIGN_GAS: Source = {"type": "gas", "stat_energy_from": "sensor.other_gas"}

HEAT_LINES = {
    "0-1:24.1.0": "(012)",
    "0-1:96.1.0": f"({b'D0001234567890123'.hex()})",
    "0-1:24.2.1": "(261121120000W)(12.345*GJ)",
}
WATER_LINES = {
    "0-2:24.1.0": "(007)",
    "0-2:96.1.0": f"({b'8SEN0123004512'.hex()})",
    "0-2:24.2.1": "(261121124500W)(00123.456*m3)",
}


@pytest.fixture
async def dashboard(hass: HomeAssistant) -> Dashboard:
    """The Energy dashboard: returns its sources; called with some, it has these."""
    assert await async_setup_component(hass, "energy", {})

    async def dashboard(*sources: Source) -> list[Source]:
        manager = await async_get_manager(hass)
        if sources:
            await manager.async_update({"energy_sources": [dict(source) for source in sources]})  # type: ignore[typeddict-item]  # the sources of a test
        return [dict(source) for source in (manager.data or {"energy_sources": []})["energy_sources"]]

    return dashboard


@pytest.fixture
async def read(hass: HomeAssistant, cable: Cable) -> AsyncGenerator[Read]:
    """Set a meter up that sends these lines; at the end all ports are freed, as if Home Assistant stopped."""

    async def read(
        lines: dict[str, str] = NL5, profile: str = "nl5", ident: str = "ISK5\\2M550T-1013"
    ) -> MockConfigEntry:
        entry = MockConfigEntry(
            domain=DOMAIN,
            title="Iskra AM550",
            unique_id=ELECTRICITY_ID,
            data={CONF_PORT: str(cable.link), CONF_LINE: "115200 8N1", CONF_PROFILE: profile},
        )
        entry.add_to_hass(hass)
        async with speaking(cable.write, compose(lines, ident)):
            assert await hass.config_entries.async_setup(entry.entry_id)
            await hass.async_block_till_done()
        return entry

    yield read
    await hass.async_block_till_done()
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        await hass.config_entries.async_unload(entry.entry_id)


async def options(hass: HomeAssistant, entry: MockConfigEntry) -> ConfigFlowResult:
    """Open the dialog behind the entry's cogwheel, and choose the Energy dashboard in its menu."""
    menu = await hass.config_entries.options.async_init(entry.entry_id, context={"source": SOURCE_USER})
    return await hass.config_entries.options.async_configure(menu["flow_id"], {"next_step_id": "energy"})


def offered(form: ConfigFlowResult) -> list[tuple[str, bool]]:
    """Return what is offered and whether it is ticked."""
    assert form["data_schema"] is not None
    ((field, selector),) = form["data_schema"].schema.items()
    assert selector.config["multiple"]
    return [(option["label"], option["value"] in field.default()) for option in selector.config["options"]]


async def say_more(hass: HomeAssistant, entry: MockConfigEntry, telegram: bytes) -> None:
    """Set the meter up again, and let it say something new."""
    await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    probe(hass, entry, telegram)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()


async def take_what_is_ticked(hass: HomeAssistant, form: ConfigFlowResult) -> ConfigFlowResult:
    """Press the button without touching anything."""
    assert form["data_schema"] is not None
    (field,) = form["data_schema"].schema
    return await hass.config_entries.options.async_configure(form["flow_id"], {"sources": field.default()})


@pytest.mark.usefixtures("read")
async def test_after_adding_the_meter_one_dialog_fills_the_dashboard(
    hass: HomeAssistant, cable: Cable, dashboard: Dashboard
) -> None:
    async with speaking(cable.write, nl5()):
        form = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
        await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(cable.link)})
        await hass.async_block_till_done()
        found = await hass.config_entries.flow.async_configure(form["flow_id"])
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
        kind, flow_id = added["next_flow"]
        assert kind == "options_flow"
        form = await hass.config_entries.options.async_configure(flow_id)
        assert form["step_id"] == "energy"
        assert offered(form) == [
            ("Electricity: Import low tariff, Export low tariff, Power", True),
            ("Electricity: Import normal tariff, Export normal tariff", True),
            ("Gas: Gas meter", True),
        ]
        # The text says which sensors that would be.
        assert "(sensor.iskra_am550_import_low_tariff, sensor.iskra_am550_export_low_tariff, " in said(form, "options")
        assert await dashboard() == []
        done = await take_what_is_ticked(hass, form)
        assert done["type"] is FlowResultType.CREATE_ENTRY
        assert await dashboard() == [LOW, NORMAL, GAS]
        entry = added["result"]
        # Nothing was chosen for the meter itself: it is not set up anew.
        assert dict(entry.options) == {}
        assert entry.state is ConfigEntryState.LOADED
        await until(lambda: entry.runtime_data.accepted)
        await hass.async_block_till_done()
        # Home Assistant finds nothing wrong but that there are no statistics in the first minutes.
        problems = (await async_validate(hass)).as_dict()["energy_sources"]
    assert {problem["type"] for of_source in problems for problem in of_source} <= {"statistics_not_defined"}
    again = await options(hass, entry)
    assert again["type"] is FlowResultType.ABORT
    assert again["reason"] == "energy_complete"
    assert said(again, "options").startswith("Everything")


@pytest.mark.usefixtures("read", "dashboard")
async def test_the_frontend_begins_that_dialog_anew(hass: HomeAssistant, cable: Cable) -> None:
    """It is told which dialog follows, but opens one of its own (frontend of 2026.11); from then on there is a menu."""
    async with speaking(cable.write, nl5()):
        form = await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
        await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(cable.link)})
        await hass.async_block_till_done()
        await hass.config_entries.flow.async_configure(form["flow_id"])
        added = await hass.config_entries.flow.async_configure(form["flow_id"], {})
        options_of = hass.config_entries.options
        opened = await options_of.async_init(added["result"].entry_id, context={"source": SOURCE_USER})
        assert opened["step_id"] == "energy"
        assert [flow["flow_id"] for flow in options_of.async_progress()] == [opened["flow_id"]]
        options_of.async_abort(opened["flow_id"])
        menu = await options_of.async_init(added["result"].entry_id, context={"source": SOURCE_USER})
        assert menu["type"] is FlowResultType.MENU


async def test_only_what_is_ticked_is_added(hass: HomeAssistant, read: Read, dashboard: Dashboard) -> None:
    entry = await read()
    form = await options(hass, entry)
    await hass.config_entries.options.async_configure(form["flow_id"], {"sources": ["sensor.gas_meter_gas"]})
    assert await dashboard() == [GAS]
    form = await options(hass, entry)
    assert [label for label, _ in offered(form)] == [
        "Electricity: Import low tariff, Export low tariff, Power",
        "Electricity: Import normal tariff, Export normal tariff",
    ]
    await hass.config_entries.options.async_configure(form["flow_id"], {"sources": []})
    assert await dashboard() == [GAS]


async def test_what_is_there_stays_as_it_is(hass: HomeAssistant, read: Read, dashboard: Dashboard) -> None:
    assert await dashboard(FOREIGN) == [FOREIGN]
    form = await options(hass, await read())
    # The same electricity may be there already: a person has to say that it is not.
    assert form["step_id"] == "energy_beside"
    assert "already has sensor.other_import" in said(form, "options")
    assert [ticked for _, ticked in offered(form)] == [False, False, True]
    await take_what_is_ticked(hass, form)
    assert await dashboard() == [FOREIGN, GAS]
    form = await options(hass, hass.config_entries.async_entries(DOMAIN)[0])
    await hass.config_entries.options.async_configure(
        form["flow_id"], {"sources": ["sensor.iskra_am550_import_low_tariff"]}
    )
    assert await dashboard() == [FOREIGN, GAS, LOW]


async def test_a_second_meter_of_ours_is_another_meter(hass: HomeAssistant, read: Read, dashboard: Dashboard) -> None:
    other = MockConfigEntry(domain=DOMAIN, unique_id="other", disabled_by=ConfigEntryDisabler.USER)
    other.add_to_hass(hass)
    er.async_get(hass).async_get_or_create(
        "sensor", DOMAIN, "other_electricity_import_total", config_entry=other, suggested_object_id="other_import"
    )
    await dashboard(FOREIGN)
    form = await options(hass, await read())
    assert form["step_id"] == "energy"
    assert {ticked for _, ticked in offered(form)} == {True}


async def test_a_total_in_the_dashboard_is_not_joined_by_its_tariffs(
    hass: HomeAssistant, read: Read, dashboard: Dashboard
) -> None:
    await dashboard(TOTAL)
    assert [label for label, _ in offered(await options(hass, await read()))] == ["Gas: Gas meter"]


async def test_a_tariff_in_the_dashboard_is_joined_by_the_other(
    hass: HomeAssistant, read: Read, dashboard: Dashboard
) -> None:
    await dashboard(NORMAL, GAS)
    form = await options(hass, await read())
    assert offered(form) == [("Electricity: Import low tariff, Export low tariff, Power", True)]


# --- What has come since ----------------------------------------------------------------------------------------------


async def test_export_that_came_later_belongs_to_its_import(
    hass: HomeAssistant, read: Read, dashboard: Dashboard
) -> None:
    without = {key: value for key, value in NL5.items() if not key.startswith("1-0:2.8.")}
    entry = await read(without)
    await take_what_is_ticked(hass, await options(hass, entry))
    alone = [{**source, "stat_energy_to": None} for source in (LOW, NORMAL)]
    assert await dashboard() == [*alone, GAS]
    # A price was filled in, and the panels are on the roof.
    await dashboard({**alone[0], "number_energy_price": 0.25}, alone[1], GAS)
    await say_more(hass, entry, nl5())
    form = await options(hass, entry)
    assert offered(form) == [("Electricity: Export low tariff", True), ("Electricity: Export normal tariff", True)]
    await take_what_is_ticked(hass, form)
    assert await dashboard() == [{**LOW, "number_energy_price": 0.25}, NORMAL, GAS]
    assert (await options(hass, entry))["reason"] == "energy_complete"


async def test_export_that_is_counted_by_another_meter_is_not_replaced(
    hass: HomeAssistant, read: Read, dashboard: Dashboard
) -> None:
    await dashboard({**LOW, "stat_energy_to": "sensor.other_export"}, NORMAL, GAS)
    assert (await options(hass, await read()))["reason"] == "energy_complete"


async def test_a_water_meter_that_came_later_is_offered(hass: HomeAssistant, read: Read, dashboard: Dashboard) -> None:
    entry = await read()
    await take_what_is_ticked(hass, await options(hass, entry))
    await say_more(hass, entry, compose({**NL5, **WATER_LINES}, "ISK5\\2M550T-1013"))
    form = await options(hass, entry)
    assert offered(form) == [("Water: Water meter", True)]
    await take_what_is_ticked(hass, form)
    assert await dashboard() == [LOW, NORMAL, GAS, WATER]


BOILER_DEVICE = {
    "stat_consumption": "sensor.boiler_energy_today",
    "name": "Boiler",
    "stat_rate": "sensor.boiler_power",
}


async def devices_of(hass: HomeAssistant) -> list[dict[str, Any]]:
    """Return the individual devices of the dashboard."""
    manager = await async_get_manager(hass)
    return [dict(device) for device in (manager.data or {"device_consumption": []})["device_consumption"]]


async def test_a_load_that_came_later_is_offered_as_a_device(
    hass: HomeAssistant, read: Read, dashboard: Dashboard
) -> None:
    entry = await read()
    await take_what_is_ticked(hass, await options(hass, entry))
    assert await devices_of(hass) == []
    add_loads(hass, entry)
    await hass.async_block_till_done()
    form = await options(hass, entry)
    assert offered(form) == [
        ("Load, as an individual device: Boiler", True),
        ("Load, as an individual device: Pump", True),
    ]
    assert "(sensor.boiler_energy_today, sensor.boiler_power)" in said(form, "options")
    await hass.config_entries.options.async_configure(form["flow_id"], {"sources": ["sensor.boiler_energy_today"]})
    assert await devices_of(hass) == [BOILER_DEVICE]
    assert await dashboard() == [LOW, NORMAL, GAS]
    problems = (await async_validate(hass)).as_dict()["device_consumption"]
    assert {problem["type"] for of_device in problems for problem in of_device} <= {
        "statistics_not_defined",
        "entity_unavailable",
        "entity_unknown",
    }
    # The power is of no use to somebody who has switched its sensor off.
    er.async_get(hass).async_update_entity("sensor.pump_power", disabled_by=er.RegistryEntryDisabler.USER)
    form = await options(hass, entry)
    assert offered(form) == [("Load, as an individual device: Pump", True)]
    await take_what_is_ticked(hass, form)
    assert await devices_of(hass) == [BOILER_DEVICE, {"stat_consumption": "sensor.pump_energy_today", "name": "Pump"}]
    assert (await options(hass, entry))["reason"] == "energy_complete"


async def test_a_load_whose_plug_counts_already_is_not_ticked(
    hass: HomeAssistant, read: Read, dashboard: Dashboard
) -> None:
    plug = MockConfigEntry(domain="plug")
    plug.add_to_hass(hass)
    device = dr.async_get(hass).async_get_or_create(config_entry_id=plug.entry_id, identifiers={("plug", "1")})
    registry = er.async_get(hass)
    for domain, name in (("switch", "plug"), ("sensor", "plug_energy")):
        registry.async_get_or_create(
            domain, "plug", name, config_entry=plug, device_id=device.id, suggested_object_id=name
        )
    await dashboard(LOW, NORMAL, GAS)
    manager = await async_get_manager(hass)
    await manager.async_update(
        {  # type: ignore[typeddict-item]  # the rest stays as it is
            "device_consumption": [{"stat_consumption": "sensor.plug_energy"}, {"stat_consumption": "sensor.fridge"}]
        }
    )
    entry = await read()
    add_load(
        hass, entry, "01PLUG", "Washer", {"kind": "relay", "entity_id": "switch.plug", "power_w": 2000.0, "rank": 1}
    )
    await hass.async_block_till_done()
    form = await options(hass, entry)
    assert offered(form) == [("Load, as an individual device: Washer", False)]
    assert "already has sensor.plug_energy:" in said(form, "options")


async def test_power_that_is_there_already_is_not_there_twice(
    hass: HomeAssistant, read: Read, dashboard: Dashboard
) -> None:
    power = {"type": "grid", "stat_rate": "sensor.iskra_am550_power", "cost_adjustment_day": 0.0}
    await dashboard(power, GAS)
    await take_what_is_ticked(hass, await options(hass, await read()))
    assert await dashboard() == [power, GAS, {key: LOW[key] for key in LOW if key != "stat_rate"}, NORMAL]


@pytest.mark.parametrize(
    ("profile", "ident", "changes", "expected"),
    [
        # Two tariffs by other names.
        (
            "be",
            "FLU5\\253769484_A",
            {"1-3:0.2.8": None, "0-0:96.1.4": "(50217)"},
            ["Electricity: Import day, Export day, Power", "Electricity: Import night, Export night", "Gas: Gas meter"],
        ),
        # Nobody knows what the tariffs mean, and there may be four.
        (
            "generic",
            "TST5TEST",
            {"1-3:0.2.8": "(99)"},
            ["Electricity: Import, Export, Power", "Gas: Gas meter"],
        ),
        # A third tariff that counts: two would not be everything.
        (
            "hu",
            "SAG5SAG-METER",
            {
                "1-3:0.2.8": None,
                "0-0:42.0.0": f"({b'SAG1030700089067'.hex()})",
                "1-0:1.8.0": "(009000.000*kWh)",
                "1-0:2.8.0": "(002546.000*kWh)",
                "1-0:1.8.3": "(000500.005*kWh)",
                "1-0:1.8.4": "(000000.000*kWh)",
            },
            ["Electricity: Import, Export, Power", "Gas: Gas meter"],
        ),
        (
            "hu",
            "SAG5SAG-METER",
            {
                "1-3:0.2.8": None,
                "0-0:42.0.0": f"({b'SAG1030700089067'.hex()})",
                "1-0:1.8.0": "(008499.995*kWh)",
                "1-0:2.8.0": "(002546.000*kWh)",
                "1-0:1.8.3": "(000000.000*kWh)",
                "1-0:1.8.4": "(000000.000*kWh)",
            },
            [
                "Electricity: Import tariff 1, Export tariff 1, Power",
                "Electricity: Import tariff 2, Export tariff 2",
                "Gas: Gas meter",
            ],
        ),
    ],
    ids=["Belgium", "unknown", "Hungary with three tariffs", "Hungary with two"],
)
@pytest.mark.usefixtures("dashboard")
async def test_the_country_decides_whether_tariffs_or_totals_are_offered(
    hass: HomeAssistant, read: Read, profile: str, ident: str, changes: dict[str, str | None], expected: list[str]
) -> None:
    lines = {code: value for code, value in {**NL5, **changes}.items() if value is not None}
    form = await options(hass, await read(lines, profile, ident))
    assert [label for label, _ in offered(form)] == expected


async def test_a_meter_without_tariffs_gives_its_total(hass: HomeAssistant, read: Read, dashboard: Dashboard) -> None:
    lines = {"0-0:1.0.0": "(261121125900W)", "1-0:1.8.0": "(00009416.938*kWh)", "1-0:2.8.0": "(00000000.000*kWh)"}
    await take_what_is_ticked(hass, await options(hass, await read(lines, "h1", "KAM5")))
    assert await dashboard() == [{key: TOTAL[key] for key in TOTAL if key != "stat_rate"}]


async def test_water_is_offered_and_heat_as_gas_in_energy(
    hass: HomeAssistant, read: Read, dashboard: Dashboard
) -> None:
    lines = {code: value for code, value in NL5.items() if not code.startswith("0-1:")}
    form = await options(hass, await read({**lines, **HEAT_LINES, **WATER_LINES}))
    assert [label for label, _ in offered(form)][2:] == ["Water: Water meter", "Heat, shown as gas: Heat meter"]
    await take_what_is_ticked(hass, form)
    assert await dashboard() == [LOW, NORMAL, WATER, HEAT]
    problems = (await async_validate(hass)).as_dict()["energy_sources"][-1]
    assert {problem["type"] for problem in problems} <= {"statistics_not_defined", "entity_unavailable"}


@pytest.mark.parametrize("with_gas", [True, False])
async def test_heat_is_not_added_to_gas_in_cubic_metres(
    hass: HomeAssistant, read: Read, dashboard: Dashboard, *, with_gas: bool
) -> None:
    """The dashboard shows all its gas in the unit of the first source."""
    if with_gas:
        heat = {code.replace("0-1:", "0-3:"): value for code, value in HEAT_LINES.items()}
        lines = {**NL5, **heat}
    else:
        hass.states.async_set("sensor.other_gas", "5", {"unit_of_measurement": "m³"})
        await dashboard(FOREIGN_GAS)
        lines = {**NL5, **HEAT_LINES}
    form = await options(hass, await read(lines))
    assert "Heat" not in str(offered(form))


async def test_gas_in_cubic_metres_is_not_added_to_gas_in_energy(
    hass: HomeAssistant, read: Read, dashboard: Dashboard
) -> None:
    hass.states.async_set("sensor.other_gas", "5", {"unit_of_measurement": "kWh"})
    await dashboard(FOREIGN_GAS)
    assert "Gas" not in str(offered(await options(hass, await read())))


async def test_heat_may_stand_beside_other_heat(hass: HomeAssistant, read: Read, dashboard: Dashboard) -> None:
    hass.states.async_set("sensor.other_gas", "5", {"unit_of_measurement": "GJ"})
    await dashboard(FOREIGN_GAS)
    form = await options(hass, await read({**NL5, **HEAT_LINES}))
    assert ("Heat, shown as gas: Heat meter", False) in offered(form)


@pytest.mark.usefixtures("dashboard")
async def test_a_sensor_that_is_switched_off_is_not_offered(hass: HomeAssistant, read: Read) -> None:
    entry = await read()
    registry = er.async_get(hass)
    for name in ("iskra_am550_export_low_tariff", "iskra_am550_power", "gas_meter_gas"):
        registry.async_update_entity(f"sensor.{name}", disabled_by=er.RegistryEntryDisabler.USER)
    assert [label for label, _ in offered(await options(hass, entry))] == [
        "Electricity: Import low tariff",
        "Electricity: Import normal tariff, Export normal tariff",
    ]
    for name in ("iskra_am550_import_low_tariff", "iskra_am550_import"):
        registry.async_update_entity(f"sensor.{name}", disabled_by=er.RegistryEntryDisabler.USER)
    result = await options(hass, entry)
    assert result["reason"] == "energy_no_sensors"
    assert said(result, "options").startswith("The meter has no sensor")


async def test_sensors_have_the_names_that_people_gave_them(
    hass: HomeAssistant, read: Read, dashboard: Dashboard
) -> None:
    entry = await read()
    registry, devices = er.async_get(hass), dr.async_get(hass)
    gas = registry.async_get("sensor.gas_meter_gas")
    assert gas is not None
    assert gas.device_id is not None
    devices.async_update_device(gas.device_id, name_by_user="Kitchen")
    assert offered(await options(hass, entry))[-1] == ("Gas: Kitchen", True)
    registry.async_update_entity("sensor.gas_meter_gas", name="Cooker", new_entity_id="sensor.cooker")
    registry.async_update_entity("sensor.iskra_am550_power", name="Now")
    form = await options(hass, entry)
    assert offered(form)[-1] == ("Gas: Cooker", True)
    assert offered(form)[0] == ("Electricity: Import low tariff, Export low tariff, Now", True)
    await hass.config_entries.options.async_configure(form["flow_id"], {"sources": ["sensor.cooker"]})
    assert await dashboard() == [{**GAS, "stat_energy_from": "sensor.cooker"}]


async def test_a_meter_that_is_not_running_can_be_added_too(
    hass: HomeAssistant, read: Read, dashboard: Dashboard
) -> None:
    entry = await read()
    await hass.config_entries.async_unload(entry.entry_id)
    await take_what_is_ticked(hass, await options(hass, entry))
    assert await dashboard() == [LOW, NORMAL, GAS]


async def test_without_an_energy_dashboard_it_is_said_what_to_do(hass: HomeAssistant, read: Read) -> None:
    result = await options(hass, await read())
    assert result["type"] is FlowResultType.ABORT
    assert result["reason"] == "energy_by_hand"
    assert "- Gas: Gas meter (sensor.gas_meter_gas)" in said(result, "options")


@pytest.mark.parametrize("gone", ["async_get_manager", "ENERGY_SOURCE_SCHEMA"])
async def test_a_dashboard_that_changed_costs_no_dialog(
    hass: HomeAssistant, read: Read, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    entry = await read()
    form = await options(hass, entry)
    # As in a version of Home Assistant that does not exist yet.
    with monkeypatch.context() as context:
        context.delattr(energy_data, gone)
        result = await take_what_is_ticked(hass, form)
    assert result["reason"] == "energy_by_hand"
    assert await dashboard() == []


async def test_a_dashboard_in_a_form_that_its_schema_refuses_is_not_touched(
    hass: HomeAssistant, read: Read, dashboard: Dashboard
) -> None:
    entry = await read()
    twice = [FOREIGN, FOREIGN]
    await dashboard(*twice)
    with pytest.raises(EnergyDashboardError):
        await async_apply(hass, entry, [source.id for source in (await async_proposal(hass, entry)).sources])
    assert await dashboard() == twice
