"""What is heard on a port instead of a meter that can be read is said in a sentence that helps."""

import asyncio
from contextlib import suppress
import termios
from typing import TYPE_CHECKING

from homeassistant.data_entry_flow import FlowResultType
import pytest

from tests import foreign

from .dialogs import add_in_the_end, choose, said, speaking, start, suggested

if TYPE_CHECKING:
    from homeassistant.core import HomeAssistant

    from tests.simulation.meter import Cable

pytestmark = pytest.mark.usefixtures("patience", "everything_unloaded")


def write_at_any_speed(cable: Cable, data: bytes) -> None:
    """Put bytes on the line that arrive as they are at every speed: each is tried, so one of them is the right one."""
    if cable._master is not None:
        cable._speed = termios.tcgetattr(cable._master)[5]
    cable.write(data)


@pytest.mark.parametrize(
    ("data", "error", "told"),
    [
        (b"", "heard_nothing", "grid company"),
        (foreign.NO_SIGNAL, "heard_no_signal", "pull-up"),
        (foreign.NOISE, "heard_garbage", "port of another device"),
        (foreign.INVERTED, "heard_inverted", "upside down"),
        (foreign.TEXT, "heard_text", "It says, for example: Boot 1.2.3: everything is fine,"),
        (foreign.DAMAGED, "heard_damaged", "no telegram comes in whole"),
        (foreign.HDLC, "heard_hdlc", "AMS reader"),
        (foreign.MBUS, "heard_mbus", "Austrian"),
        (foreign.SML, "heard_sml", "EDL21"),
        (foreign.UNSUPPORTED, "heard_unsupported", "Elgama"),
    ],
    ids=["nothing", "no_signal", "garbage", "inverted", "text", "damaged", "hdlc", "mbus", "sml", "unsupported"],
)
async def test_what_is_heard_instead_of_a_meter_is_said(
    hass: HomeAssistant, cable: Cable, data: bytes, error: str, told: str
) -> None:
    speed = cable._speed
    async with speaking(lambda sent: write_at_any_speed(cable, sent), data):
        form = await choose(hass, await start(hass), cable.link)
    cable._speed = speed
    assert form["type"] is FlowResultType.FORM
    assert form["errors"] == {"base": error}
    assert told in said(form)
    assert str(cable.link) in said(form)
    assert suggested(form) == str(cable.link)
    await add_in_the_end(hass, form, cable)


@pytest.mark.usefixtures("socket_enabled")
@pytest.mark.parametrize(
    ("data", "error", "told"),
    [
        (b"", "heard_nothing_network", "more than one listener"),
        (foreign.NO_SIGNAL, "heard_no_signal_network", "9600 for Dutch meters"),
        (foreign.NOISE, "heard_garbage_network", "set 115200 bit/s"),
    ],
    ids=["nothing", "no_signal", "garbage"],
)
async def test_where_the_speed_is_set_elsewhere_that_is_said(
    hass: HomeAssistant, data: bytes, error: str, told: str
) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            async with speaking(writer.write, data):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    form = await choose(hass, await start(hass), url)
    server.close()
    server.close_clients()
    await server.wait_closed()
    assert form["errors"] == {"base": error}
    assert said(form).startswith(url)
    assert told in said(form)
