"""The rooms that need no Home Assistant, for the benchmark of the control law."""

from tests import bare

bare.load()
