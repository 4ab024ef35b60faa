"""What a person does in a dialog and sees of it, and something that speaks on a line."""

import asyncio
from contextlib import asynccontextmanager
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigEntry, ConfigEntryState
from homeassistant.const import CONF_PORT
from homeassistant.data_entry_flow import FlowResultType

from custom_components import p1meter
from custom_components.p1meter.const import DOMAIN
from custom_components.p1meter.link import LineSettings, TransportError, open_transport
from tests.background import running
from tests.compose import nl5

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from homeassistant.config_entries import ConfigFlowResult
    from homeassistant.core import HomeAssistant

    from tests.simulation.meter import Cable

FOLDER = Path(p1meter.__file__).parent
ENGLISH: dict[str, Any] = json.loads((FOLDER / "translations" / "en.json").read_text())
TIMEOUT = 10.0
"""Seconds after which a test that waits has failed."""
SETTINGS = LineSettings(115200)


def said(result: Mapping[str, Any], flow: str = "config") -> str:
    """Return what a dialog shows: its text, or the error on it, with everything filled in.

    Raises:
        KeyError: there is no such text, or something that belongs into it is missing.
    """
    texts: dict[str, Any] = ENGLISH
    for part in flow.split("."):
        texts = texts[part]
    match result["type"]:
        case "form" if result["errors"]:
            text = texts["error"][next(iter(result["errors"].values()))]
        case "form" | "menu":
            text = texts["step"][result["step_id"]]["description"]
        case "progress":
            text = texts["progress"][result["progress_action"]]
        case _:
            text = texts["abort"][result["reason"]]
    return str(text.format_map(result["description_placeholders"] or {}))


@asynccontextmanager
async def speaking(write: Callable[[bytes], object], data: bytes) -> AsyncGenerator[None]:
    """Say the same again and again."""

    async def speak() -> None:
        while True:
            write(data)
            await asyncio.sleep(0.02)

    async with running(speak()):
        yield


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is true; fail after a while."""
    async with asyncio.timeout(TIMEOUT):
        while not condition():  # noqa: ASYNC110 (what is waited for is seen from outside: it has no event to give)
            await asyncio.sleep(0)


async def start(hass: HomeAssistant) -> ConfigFlowResult:
    """Open the dialog."""
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})


async def start_reconfigure(hass: HomeAssistant, entry: ConfigEntry[Any]) -> ConfigFlowResult:
    """Open the dialog for a cable that has moved."""
    return await hass.config_entries.flow.async_init(
        DOMAIN, context={"source": SOURCE_RECONFIGURE, "entry_id": entry.entry_id}
    )


async def choose(hass: HomeAssistant, form: ConfigFlowResult, port: object) -> ConfigFlowResult:
    """Enter a port and wait until it was listened to."""
    result = await hass.config_entries.flow.async_configure(form["flow_id"], {CONF_PORT: str(port)})
    return await heard(hass, result)


async def answer(hass: HomeAssistant, menu: ConfigFlowResult, option: str) -> ConfigFlowResult:
    """Take one of the answers to a question."""
    assert menu["type"] is FlowResultType.MENU, said(menu)
    return await hass.config_entries.flow.async_configure(menu["flow_id"], {"next_step_id": option})


async def heard(hass: HomeAssistant, result: ConfigFlowResult) -> ConfigFlowResult:
    """Wait for what comes after listening, as the frontend does."""
    if result["type"] is not FlowResultType.SHOW_PROGRESS:
        return result
    said(result)
    await hass.async_block_till_done()
    return await hass.config_entries.flow.async_configure(result["flow_id"])


async def add(hass: HomeAssistant, port: object) -> ConfigFlowResult:
    """Add the meter on a port, without looking."""
    found = await choose(hass, await start(hass), port)
    assert found["step_id"] == "found", said(found)
    return await hass.config_entries.flow.async_configure(found["flow_id"], {})


async def until_free(port: Path) -> None:
    """Wait until a port can be opened."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            try:
                transport = await open_transport(str(port), SETTINGS)
            except TransportError:
                await asyncio.sleep(0.01)
            else:
                return await transport.close()


async def add_in_the_end(hass: HomeAssistant, form: ConfigFlowResult, cable: Cable) -> None:
    """Go on after an error: the same dialog still leads to the meter."""
    async with speaking(cable.write, nl5()):
        found = await choose(hass, form, cable.link)
        assert found["step_id"] == "found", said(found)
        added = await hass.config_entries.flow.async_configure(found["flow_id"], {})
        assert added["type"] is FlowResultType.CREATE_ENTRY
        await hass.async_block_till_done()
    assert is_loaded(added["result"])


def is_loaded(entry: ConfigEntry[Any]) -> bool:
    """Whether an entry is set up."""
    return entry.state is ConfigEntryState.LOADED


def anew(entry: ConfigEntry[Any], has: Callable[[Any], bool]) -> Callable[[], bool]:
    """Return what tells whether an entry was set up from now on, and what reads its meter since then has something."""
    before = entry.runtime_data if is_loaded(entry) else None
    return lambda: is_loaded(entry) and entry.runtime_data is not before and has(entry.runtime_data)


def read_anew(entry: ConfigEntry[Any]) -> Callable[[], bool]:
    """Return what tells whether an entry was set up from now on, and a telegram has been accepted since then."""
    return anew(entry, lambda meter: meter.accepted > 0)


def suggested(form: ConfigFlowResult) -> object:
    """Return what is in the field of the port already."""
    assert form["data_schema"] is not None
    field = next(field for field in form["data_schema"].schema if field == CONF_PORT)
    return (field.description or {}).get("suggested_value", "")
