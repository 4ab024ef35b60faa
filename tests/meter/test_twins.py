"""Every form that a real telegram has is read, from a telegram of ours that has it too."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from p1meter.meter import Reader, Telegram
from tests.meter.twins import TWINS, Twin, check

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
def test_a_composed_telegram_says_what_it_says(twin: Twin) -> None:
    reader = Reader(zone=AMSTERDAM, country=twin.country)
    found = [item for item in reader.feed(twin.raw) + reader.close() if isinstance(item, Telegram)]

    assert len(found) == 1
    telegram = found[0]
    assert (telegram.profile.name, telegram.profile.country, telegram.profile.version) == twin.profile
    assert telegram.time == (None if twin.time is None else datetime.fromisoformat(twin.time))
    for row in twin.rows.split():
        check(telegram.readings, row)
