"""Telegrams to keep: the one whose lines smartmeter 3.0 documents, and a run of them that can be told apart."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from p1meter.archive import Entry
from p1meter.meter import Reader, Telegram
from tests.compose import compose

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
# The telegram of the documented lines (docs/journal.md): what is on them, among what was not selected.
DOCUMENTED = {
    "1-3:0.2.8": "(42)",
    "0-0:1.0.0": "(150917112314S)",
    "0-0:96.1.1": "(4530303331)",
    "1-0:1.8.1": "(002078.645*kWh)",
    "1-0:1.8.2": "(002759.295*kWh)",
    "1-0:2.8.1": "(000000.000*kWh)",
    "0-0:96.14.0": "(0002)",
    "1-0:1.7.0": "(02.073*kW)",
    "1-0:2.7.0": "(00.000*kW)",
    "0-1:24.1.0": "(003)",
    "0-1:24.2.1": "(150917110000S)(01134.437*m3)",
}
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=AMSTERDAM)


def read(raw: bytes, *, zone: ZoneInfo = AMSTERDAM, country: str | None = None) -> Telegram:
    reader = Reader(zone=zone, country=country)
    (found,) = [*reader.feed(raw), *reader.close()]
    assert isinstance(found, Telegram), found
    return found


def numbered(number: int) -> bytes:
    """The telegram of the second `number`: its import is as many Wh."""
    time = (NOON + timedelta(seconds=number)).astimezone(UTC) + timedelta(hours=1)
    return compose(
        {
            "1-3:0.2.8": "(50)",
            "0-0:1.0.0": f"({time:%y%m%d%H%M%S}W)",
            "1-0:1.8.1": f"({number / 1000:010.3f}*kWh)",
            "1-0:1.7.0": "(00.500*kW)",
        }
    )


def entries(first: int, count: int, at: datetime = NOON) -> list[Entry]:
    """Entries of consecutive seconds, all received at `at`."""
    found = Reader(zone=AMSTERDAM).feed(b"".join(numbered(first + index) for index in range(count)))
    return [entry(one, at) for one in found if isinstance(one, Telegram)]


def entry(telegram: Telegram, at: datetime = NOON) -> Entry:
    return Entry(telegram, telegram.readings, at)
