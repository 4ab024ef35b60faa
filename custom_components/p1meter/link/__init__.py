"""Getting the bytes: serial ports and what stands for them, over asyncio and serialx. Knows nothing of Home Assistant."""

from .probe import ProbePlan, ProbeResult, ProbeVerdict, probe
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
    "LineSettings",
    "LinkState",
    "ProbePlan",
    "ProbeResult",
    "ProbeVerdict",
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
