"""Files of the past: what they hold, as dated readings.

Each is read as a stream; what is damaged is named by its line.
"""

from .dated import Dated, HistoryError, Problem, Problems, readings_of
from .files import HistoryFile, HistoryKind, open_history
from .lines import columns_of

__all__ = [
    "Dated",
    "HistoryError",
    "HistoryFile",
    "HistoryKind",
    "Problem",
    "Problems",
    "columns_of",
    "open_history",
    "readings_of",
]
