"""Keeping telegrams: pure files, without Home Assistant. It touches only the paths it is given, and has no clock."""

from .errors import FileError
from .formats import JournalFormat
from .journal import Entry, Journal
from .moments import Moments
from .replacing import replacing
from .selection import Selection, parse_selection

JOURNALS = "p1meter"
"""The folder in Home Assistant's configuration folder that holds the folders of the journals."""

__all__ = [
    "JOURNALS",
    "Entry",
    "FileError",
    "Journal",
    "JournalFormat",
    "Moments",
    "Selection",
    "parse_selection",
    "replacing",
]
