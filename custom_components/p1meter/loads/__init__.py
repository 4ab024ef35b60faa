"""When to switch what: the control law. Numbers in, commands out; no I/O and no clock of its own."""

from .law import Controller
from .model import (
    FOREVER,
    PROTECTING,
    Activity,
    Alarm,
    Command,
    Detail,
    LoadInput,
    LoadSettings,
    LoadView,
    Mode,
    Phase,
    Reason,
    Sample,
    Site,
    SiteView,
)

__all__ = [
    "FOREVER",
    "PROTECTING",
    "Activity",
    "Alarm",
    "Command",
    "Controller",
    "Detail",
    "LoadInput",
    "LoadSettings",
    "LoadView",
    "Mode",
    "Phase",
    "Reason",
    "Sample",
    "Site",
    "SiteView",
]
