"""Bytes to telegrams: pure, without I/O and without Home Assistant."""

from .cipher import DecryptionKeys
from .foreign import Foreign, Recogniser
from .frames import Reason, ReceivedAt, Rejected
from .history import HistoryKind, HistoryRow
from .iec62056 import OpticalSettings, OpticalTiming
from .obis import Obis
from .profiles import Profile
from .reader import Reader
from .registers import REGISTERS, Register
from .telegram import MBusDevice, Reading, Telegram

__all__ = [
    "REGISTERS",
    "DecryptionKeys",
    "Foreign",
    "HistoryKind",
    "HistoryRow",
    "MBusDevice",
    "Obis",
    "OpticalSettings",
    "OpticalTiming",
    "Profile",
    "Reader",
    "Reading",
    "Reason",
    "ReceivedAt",
    "Recogniser",
    "Register",
    "Rejected",
    "Telegram",
]
