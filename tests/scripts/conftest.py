"""The scripts are loaded as they load themselves: with the rooms that know no Home Assistant."""

import sys

from tests import bare

bare.load()
sys.path.insert(0, str(bare.ROOT / "scripts"))
