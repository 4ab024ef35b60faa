"""What reads the port of a meter: one that talks by itself, or one that wants to be asked."""

from typing import TYPE_CHECKING

from homeassistant.util import dt as dt_util

from .link import Dialogue, Stream
from .meter import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from homeassistant.core import HomeAssistant

    from .link import LinkState, RequestLine, TransportError
    from .meter import Rejected, Telegram
    from .settings import Settings

POLL_INTERVAL = 60.0
"""Seconds between two read-outs of a meter that is asked, where nobody has chosen."""


def make_source(
    hass: HomeAssistant,
    settings: Settings,
    request: RequestLine | None,
    *,
    on_items: Callable[[list[Telegram | Rejected]], None],
    on_state: Callable[[LinkState, TransportError | None], None],
) -> Stream | Dialogue:
    """Return what reads the port; its `run` opens it."""
    reader = Reader(settings.keys, zone=dt_util.get_default_time_zone(), country=hass.config.country)
    if settings.optical is None:
        return Stream(
            settings.port,
            settings.line,
            reader,
            on_items=on_items,
            on_state=on_state,
            clock=dt_util.utcnow,
            request=request,
            awaited=settings.request is not None and settings.request.awaited,
            every=settings.interval or 0.0,
        )
    return Dialogue(
        settings.port,
        settings.optical,
        reader,
        on_items=on_items,
        on_state=on_state,
        clock=dt_util.utcnow,
        interval=settings.interval or POLL_INTERVAL,
        offset=settings.offset,
    )
