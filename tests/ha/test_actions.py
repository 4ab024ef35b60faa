"""The actions answer from the telegram that the meter sent."""

from typing import TYPE_CHECKING, Any, cast

from homeassistant.config_entries import ConfigEntryState
from homeassistant.exceptions import HomeAssistantError, ServiceNotFound, ServiceValidationError
import probatio as vol
import pytest

from custom_components.p1meter.const import DOMAIN
from tests.compose import nl5

from .conftest import probe

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant
    from pytest_homeassistant_custom_component.common import MockConfigEntry

    from .conftest import Say, SetUp

# Two months of the Belgian kind, the older one without a peak, and two power failures, the newer one first.
PAST = nl5(
    {
        "0-0:98.1.0": "(2)(1-0:1.6.0)(1-0:1.6.0)(261101000000W)(261014181500S)(03.695*kW)"
        "(261001000000S)(632525252525W)(00.000*kW)",
        "1-0:99.97.0": "(2)(0-0:96.7.19)(260614142317S)(0000000187*s)(260130020000W)(0000003600*s)",
    }
)
MONTHS = [
    {
        "kind": "demand_month",
        "key": "demand_month_peak",
        "obis": "0-0:98.1.0",
        "at": "2026-10-01T00:00:00+02:00",
        "occurred": None,
        "value": None,
        "unit": "kW",
        "duration": None,
        "manual": False,
    },
    {
        "kind": "demand_month",
        "key": "demand_month_peak",
        "obis": "0-0:98.1.0",
        "at": "2026-11-01T00:00:00+01:00",
        "occurred": "2026-10-14T18:15:00+02:00",
        "value": 3.695,
        "unit": "kW",
        "duration": None,
        "manual": False,
    },
]
FAILURES = [
    {
        "kind": "power_failure",
        "key": "power_failure_log",
        "obis": "1-0:99.97.0",
        "at": at,
        "occurred": began,
        "value": None,
        "unit": None,
        "duration": seconds,
        "manual": False,
    }
    for at, began, seconds in (
        ("2026-01-30T02:00:00+01:00", "2026-01-30T01:00:00+01:00", 3600),
        ("2026-06-14T14:23:17+02:00", "2026-06-14T14:20:10+02:00", 187),
    )
]


@pytest.fixture(autouse=True)
async def in_the_meters_zone(hass: HomeAssistant) -> None:
    """The house stands where its meter does."""
    await hass.config.async_set_time_zone("Europe/Amsterdam")


async def ask(hass: HomeAssistant, **data: str) -> list[dict[str, Any]]:
    """Return the rows that the action gives."""
    answer = await hass.services.async_call(DOMAIN, "get_history", data, blocking=True, return_response=True)
    assert answer is not None
    assert answer.keys() == {"rows"}
    return cast("list[dict[str, Any]]", answer["rows"])


async def test_everything_a_meter_remembers(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up(PAST)
    by_line = sorted(await ask(hass, config_entry_id=entry.entry_id), key=lambda row: str(row["kind"]))
    assert by_line == MONTHS + FAILURES
    # There is one meter only.
    assert await ask(hass) == await ask(hass, config_entry_id=entry.entry_id)


async def test_one_kind(hass: HomeAssistant, set_up: SetUp) -> None:
    await set_up(PAST)
    assert await ask(hass, kind="demand_month") == MONTHS
    assert await ask(hass, kind="power_failure") == FAILURES
    assert await ask(hass, kind="month") == []
    with pytest.raises(vol.Invalid):
        await ask(hass, kind="year")


async def test_an_answer_is_all_it_gives(hass: HomeAssistant, set_up: SetUp) -> None:
    await set_up()
    with pytest.raises(ServiceValidationError):
        await hass.services.async_call(DOMAIN, "get_history", {}, blocking=True)


async def test_a_meter_that_is_not_there(hass: HomeAssistant, entry: MockConfigEntry, set_up: SetUp) -> None:
    await set_up(PAST)
    with pytest.raises(ServiceValidationError) as unknown:
        await ask(hass, config_entry_id="unknown")
    assert unknown.value.translation_key == "service_config_entry_not_found"
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    with pytest.raises(ServiceValidationError) as not_loaded:
        await ask(hass, config_entry_id=entry.entry_id)
    assert not_loaded.value.translation_key == "service_config_entry_not_loaded"
    assert not_loaded.value.translation_placeholders == {"domain": DOMAIN, "entry_title": "Iskra AM550"}


async def test_nothing_was_read_yet(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    with pytest.raises(ServiceNotFound):
        await ask(hass)
    # The flow heard it; since then it was silent.
    probe(hass, entry, PAST)
    assert await hass.config_entries.async_setup(entry.entry_id)
    with pytest.raises(HomeAssistantError) as nothing:
        await ask(hass, config_entry_id=entry.entry_id)
    assert nothing.value.translation_key == "nothing_read"
    assert nothing.value.translation_placeholders == {"name": "Iskra AM550"}


async def test_another_meter_answers(hass: HomeAssistant, set_up: SetUp, say: Say) -> None:
    await set_up(PAST)
    another_id = b"E0047000071239999".hex().upper()
    await say(*[nl5({"0-0:96.1.1": f"({another_id})", "1-0:99.97.0": "(0)(0-0:96.7.19)"})] * 3)
    with pytest.raises(HomeAssistantError) as another:
        await ask(hass)
    assert another.value.translation_key == "another_meter"
