"""Keeping telegrams, and reading what was kept: pure files, without Home Assistant.

They touch only the paths they are given, and have no clock.
"""

from .errors import FileError
from .formats import JournalFormat
from .journal import Entry, Journal
from .moments import Moments
from .past import HistoryError, HistoryFile, Problems, columns_of, open_history, readings_of
from .replacing import replacing
from .selection import Selection, parse_selection
from .series import History, Series, collect

JOURNALS = "p1meter"
"""The folder in Home Assistant's configuration folder that holds the folders of the journals."""

IMPORTS = "import"
"""The folder among those of the journals into which a person puts files of the past."""

__all__ = [
    "IMPORTS",
    "JOURNALS",
    "Entry",
    "FileError",
    "History",
    "HistoryError",
    "HistoryFile",
    "Journal",
    "JournalFormat",
    "Moments",
    "Problems",
    "Selection",
    "Series",
    "collect",
    "columns_of",
    "open_history",
    "parse_selection",
    "readings_of",
    "replacing",
]
