"""Adding and moving the meter, adding loads, and adding others who read it, through the dialogs that a person sees."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .client import Client, InstanceError, Json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_FLOWS = "/api/config/config_entries/flow"
_OPTIONS = "/api/config/config_entries/options/flow"
_SUBENTRIES = "/api/config/config_entries/subentries/flow"
LISTENING_SECONDS = 240  # the longest that trying all line settings, and asking at last, may take
_RELOADING_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Added:
    """What the dialogs came to: the entry, and how the meter that was found is called."""

    entry_id: str
    title: str


async def add_meter(client: Client, port: str, keys: Json | None = None) -> Added:
    """Add the meter on `port`, whose `keys` are asked for if it encrypts, and take what the Energy step proposes.

    Raises InstanceError with what a dialog said.
    """
    result = await _walk(client, await client.post(_FLOWS, {"handler": "p1meter"}), port, keys or {})
    if result["type"] != "create_entry":
        raise InstanceError(f"the meter on {port} could not be added: {_why(result)}")
    if following := result.get("next_flow"):
        await _accept(client, following[1])
    return Added(result["result"]["entry_id"], result["title"])


async def add_dsmr(client: Client, port: str) -> str:
    """Add core's `dsmr` on `port`, for a DSMR 5 meter; return the id of its entry.

    Raises InstanceError with what a dialog said.
    """
    form = await client.post(_FLOWS, {"handler": "dsmr"})
    added = await client.post(f"{_FLOWS}/{form['flow_id']}", {"port": port, "dsmr_version": "5"})
    if added["type"] != "create_entry":
        raise InstanceError(f"dsmr could not be added on {port}: {_why(added)}")
    entry_id = str(added["result"]["entry_id"])
    # It would show nothing for half a minute.
    form = await client.post(_OPTIONS, {"handler": entry_id})
    await client.post(f"{_OPTIONS}/{form['flow_id']}", {"time_between_update": 0})
    return entry_id


async def add_to_dashboard(client: Client, total: str) -> None:
    """Put a total of what comes from the grid into the Energy dashboard, with a price, beside what is there."""
    there = (await client.command("energy/get_prefs"))["energy_sources"]
    source = {
        "type": "grid",
        "stat_energy_from": total,
        "stat_energy_to": None,
        "cost_adjustment_day": 0,
        "stat_cost": None,
        "entity_energy_price": None,
        "number_energy_price": 0.25,
        "stat_compensation": None,
        "entity_energy_price_export": None,
        "number_energy_price_export": None,
    }
    await client.command("energy/save_prefs", energy_sources=[*there, source])


async def move_meter(client: Client, entry_id: str, port: str) -> None:
    """Say on which port the meter is now. Raises InstanceError with what a dialog said."""
    result = await _walk(client, await client.post(_FLOWS, {"handler": "p1meter", "entry_id": entry_id}), port, {})
    if result.get("reason") != "reconfigure_successful":
        raise InstanceError(f"the meter could not be moved to {port}: {_why(result)}")


async def add_load(client: Client, entry_id: str, first: Json, rules: Mapping[str, Json]) -> None:
    """Add a load that an entity switches.

    `first` is what goes into the first page; `rules`, by section, what of the second is to be otherwise than proposed:
    None leaves a field empty.
    Raises InstanceError with what a dialog said.
    """
    menu = await client.post(_SUBENTRIES, {"handler": [entry_id, "load"]})
    path = f"{_SUBENTRIES}/{menu['flow_id']}"
    await client.post(path, {"next_step_id": "entity"})
    form: Json = await client.post(path, first)
    if form["type"] == "form" and not form["errors"]:
        filled = {name: {**fields, **rules.get(name, {})} for name, fields in _proposed(form).items()}
        form = await client.post(
            path,
            {name: {key: fields[key] for key in fields if fields[key] is not None} for name, fields in filled.items()},
        )
    if form["type"] != "create_entry":
        raise InstanceError(f"the load {first['name']} could not be added: {_why(form)}")
    await _until_taken_in(client, entry_id)


async def choose(client: Client, entry_id: str, *answers: Json) -> None:
    """Give these answers in the dialog behind the cogwheel, one page after the other.

    Raises InstanceError with what a dialog said.
    """
    page: Json = await client.post(_OPTIONS, {"handler": entry_id})
    for answer in answers:
        page = await client.post(f"{_OPTIONS}/{page['flow_id']}", answer)
    if page["type"] != "create_entry":
        raise InstanceError(f"{answers} was not taken: {_why(page)}")
    await _until_taken_in(client, entry_id)


async def import_file(client: Client, entry_id: str, path: str) -> Json:
    """Bring a file of the past along that is in the folder of imports; returns the page that says what was done.

    Raises InstanceError with what a dialog said.
    """
    page: Json = await client.post(_OPTIONS, {"handler": entry_id})
    answers: tuple[Json, ...] = ({"next_step_id": "history"}, {"next_step_id": "import"}, {"files": [path]}, {})
    for answer in answers:
        filled = {**_proposed(page), **answer} if page["type"] == "form" else answer
        page = await client.post(f"{_OPTIONS}/{page['flow_id']}", filled)
        async with asyncio.timeout(LISTENING_SECONDS):
            while page["type"] in {"progress", "progress_done"}:
                await asyncio.sleep(0.02)
                page = await client.get(f"{_OPTIONS}/{page['flow_id']}")
    return page


async def _walk(client: Client, form: Json, port: str, keys: Json) -> Json:
    """Enter the port, and the keys if they are asked for, wait while it is listened to, and agree to what was found."""
    answers = {**_proposed(form), "port": port}
    while True:
        result: Json = await client.post(f"{_FLOWS}/{form['flow_id']}", answers)
        async with asyncio.timeout(LISTENING_SECONDS):
            while result["type"] in {"progress", "progress_done"}:
                await asyncio.sleep(0.2)
                result = await client.get(f"{_FLOWS}/{result['flow_id']}")
        if result["type"] != "form" or result["errors"]:
            return result
        answers = keys if result["step_id"] == "key" else _proposed(result)


async def _accept(client: Client, flow_id: str) -> None:
    """Take an options dialog to its end with what it proposes."""
    form = await client.get(f"{_OPTIONS}/{flow_id}")
    while form["type"] == "form" and not form["errors"]:
        form = await client.post(f"{_OPTIONS}/{flow_id}", _proposed(form))
    if form["type"] != "create_entry":
        raise InstanceError(f"the step for the Energy dashboard did not end: {_why(form)}")


async def _until_taken_in(client: Client, entry_id: str) -> None:
    """Wait until the entry was loaded anew with what was chosen: a clock put ahead meanwhile would end its patience."""
    state = ""
    async with asyncio.timeout(_RELOADING_SECONDS):
        while state not in {"loaded", "setup_error", "setup_retry", "failed_unload"}:
            found = await client.command("config_entries/get_single", entry_id=entry_id)
            state = found["config_entry"]["state"]


def _proposed(form: Json) -> Json:
    """What the form holds before anybody touches it, as the frontend would send it."""
    return _answers(form["data_schema"] or ())


def _answers(fields: Iterable[Json]) -> Json:
    answers: Json = {}
    for field in fields:
        if field.get("type") == "expandable":
            answers[field["name"]] = _answers(field["schema"])
            continue
        suggested = (field.get("description") or {}).get("suggested_value")
        if (value := field.get("default", suggested)) is not None:
            answers[field["name"]] = value
    return answers


def _why(result: Json) -> str:
    """What a dialog that did not end well said."""
    return str(result.get("reason") or result.get("errors") or result)
