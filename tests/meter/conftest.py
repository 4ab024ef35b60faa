"""The rooms under test are loaded without Home Assistant."""

from tests import bare

bare.load()
