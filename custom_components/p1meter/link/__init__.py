"""Getting the bytes from serial ports and what stands for them. asyncio and serialx, no Home Assistant."""

from .dialogue import ATTEMPTS, Dialogue
from .probe import ProbePlan, ProbeResult, ProbeVerdict, probe
from .request import ModemRequest, RequestLine
from .stream import LinkState, Stream, silence_limit
from .transport import (
    LineSettings,
    Transport,
    TransportError,
    TransportErrorKind,
    has_line_settings,
    is_url,
    open_transport,
)

__all__ = [
    "ATTEMPTS",
    "Dialogue",
    "LineSettings",
    "LinkState",
    "ModemRequest",
    "ProbePlan",
    "ProbeResult",
    "ProbeVerdict",
    "RequestLine",
    "Stream",
    "Transport",
    "TransportError",
    "TransportErrorKind",
    "has_line_settings",
    "is_url",
    "open_transport",
    "probe",
    "silence_limit",
]
