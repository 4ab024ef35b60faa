"""The data-request line: while it is raised, the meter sends (DSMR 5.0.2 P1 §5.6)."""

from typing import TYPE_CHECKING, Literal, Protocol, override

if TYPE_CHECKING:
    from .transport import Transport


class RequestLine(Protocol):
    """What asks the meter for telegrams."""

    async def set(self, transport: Transport, *, on: bool) -> None:
        """Raise the line (True), or let it go (False).

        Args:
            transport: the open port of the meter.
            on: whether the meter is to send.

        Raises:
            TransportError: the line cannot be driven.
        """


class ModemRequest(RequestLine):
    """A modem line of the serial port itself, which the cable connects to the meter's data request."""

    def __init__(self, kind: Literal["rts", "dtr"]) -> None:
        """Drive this one of the two lines; the other one stays down."""
        self._kind = kind

    @override
    async def set(self, transport: Transport, *, on: bool) -> None:
        # Both are said each time: a serial server has raised both when it opened its port.
        await transport.set_lines(rts=on and self._kind == "rts", dtr=on and self._kind == "dtr")
