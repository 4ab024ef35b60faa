"""Everything found is shown: each object of each telegram has a register, or a line that says why not."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from p1meter.meter import DecryptionKeys, Reader, Telegram
from p1meter.meter.history import rows
from tests.meter.not_shown import NOT_SHOWN, NotShown
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

if TYPE_CHECKING:
    from collections.abc import Iterator

TELEGRAMS = Path(__file__).resolve().parents[3] / "shared" / "telegrams"
# telegrams/INDEX.md gives them for the one file that was made to be opened.
KEYS = DecryptionKeys(
    bytes.fromhex("0123456789abcdef0123456789abcdef"), bytes.fromhex("ffeeddccbbaa99887766554433221100")
)


def without_a_key(telegram: Telegram) -> Iterator[int]:
    """The places of the objects that gave no reading of a register, now or in the past."""
    used = {reading.obis for reading in telegram.readings.values()} | {row.obis for row in rows(telegram)}
    for place, (obis, _) in enumerate(telegram.objects):
        if obis not in used:
            yield place


def reasons(telegram: Telegram, place: int) -> list[NotShown]:
    obis, groups = telegram.objects[place]
    return [line for line in NOT_SHOWN if line.holds(telegram, obis, groups)]


def heard(data: bytes, keys: DecryptionKeys | None) -> list[Telegram]:
    reader = Reader(keys)
    return [item for item in (*reader.feed(data), *reader.close()) if isinstance(item, Telegram)]


def simulated(system: str) -> Telegram:
    cipher = SYSTEMS[system].cipher
    keys = None if cipher is None else DecryptionKeys(cipher.key, cipher.authentication_key)
    household = Household(start=datetime(2026, 11, 20, 13, 17, 8, tzinfo=ZONE), system=system)
    (telegram,) = heard(SYSTEMS[system].compose(household), keys)
    return telegram


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_object_of_a_simulated_meter(system: str) -> None:
    telegram = simulated(system)
    unexplained = [place for place in without_a_key(telegram) if not reasons(telegram, place)]
    assert [telegram.objects[place] for place in unexplained] == []


@pytest.mark.skipif(not TELEGRAMS.is_dir(), reason="needs the real telegrams in ../shared/telegrams")
def test_every_object_of_every_real_meter_and_no_line_without_need() -> None:
    telegrams = [simulated(system) for system in SYSTEMS]
    for file in sorted(TELEGRAMS.iterdir()):
        if file.suffix in {".txt", ".bin"} and file.name != "reserve.bin":
            telegrams += heard(file.read_bytes(), KEYS)
    assert len(telegrams) > len(SYSTEMS) + 60

    unexplained = []
    needed: set[NotShown] = set()
    for telegram in telegrams:
        for place in without_a_key(telegram):
            found = reasons(telegram, place)
            needed.update(found)
            if not found:
                unexplained.append((telegram.ident, telegram.objects[place]))
    assert unexplained == []
    assert [line.code for line in NOT_SHOWN if line not in needed] == []
