"""Bytes to telegrams: pure, without I/O and without Home Assistant."""

from .cipher import DecryptionKeys
from .frames import Reason, ReceivedAt, Rejected
from .iec62056 import OpticalSettings, OpticalTiming
from .obis import Obis
from .profiles import Profile
from .reader import Reader
from .registers import REGISTERS, Register
from .telegram import MBusDevice, Reading, Telegram

__all__ = [
    "REGISTERS",
    "DecryptionKeys",
    "MBusDevice",
    "Obis",
    "OpticalSettings",
    "OpticalTiming",
    "Profile",
    "Reader",
    "Reading",
    "Reason",
    "ReceivedAt",
    "Register",
    "Rejected",
    "Telegram",
]
