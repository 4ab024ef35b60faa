"""What a person reads of an import, where it takes a long past to come by it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from homeassistant.util import dt as dt_util
import pytest

from custom_components.p1meter.archive import Problems, Series
from custom_components.p1meter.archive.series import Hour, Stretch
from custom_components.p1meter.history_import import RegisterPreview, RegisterResult
from custom_components.p1meter.history_reading import Found
from custom_components.p1meter.import_words import Words, plain, size_of
from custom_components.p1meter.merging import Difference, Summary

from .dialogs import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Generator

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
DIFFERING = (
    "- Of these, others than in the file: 3; the most at 2026-01-01 01:00: 1.25 in the file, 1 m³ in Home Assistant"
)
HOUR = timedelta(hours=1)
NOTHING = Summary(0, 0, 0, None, 0, 0, joins_another_meter=False)


@pytest.fixture(autouse=True)
def zone() -> Generator[None]:
    """A house in winter, an hour before UTC."""
    before = dt_util.get_default_time_zone()
    dt_util.set_default_time_zone(dt_util.get_time_zone("Europe/Amsterdam") or before)
    yield
    dt_util.set_default_time_zone(before)


@pytest.fixture
def words() -> Words:
    """English."""
    selector = ENGLISH["selector"]
    return Words(
        preview=selector["import_preview"]["options"],
        problems=selector["import_problem"]["options"],
        why_not=selector["import_left_out"]["options"],
        name_of=lambda entity_id: f"name of {entity_id}",
        name_of_key=lambda key: f"register {key}",
        decimal_mark=selector["load_reason"]["options"]["decimal"],
    )


def series(*stretches: tuple[float, float], gap: int = 0) -> Series:
    """Two hours, the second after a gap of so many hours, with readings of these stretches."""
    rows = [Hour(MIDNIGHT, None, Decimal("0.5")), Hour(MIDNIGHT + HOUR * (1 + gap), None, Decimal("0.25"))]
    runs = [
        Stretch(MIDNIGHT + HOUR * number, Decimal(str(first)), Decimal(str(last)))
        for number, (first, last) in enumerate(stretches)
    ]
    return Series("gas", "m³", rows, runs)


def told(words: Words, one: Series, summary: Summary) -> list[str]:
    found = Found({"gas_gas": one}, (), Problems())
    return words.would_change(found, [RegisterPreview("gas_gas", "sensor.gas", one, "m³", summary)]).splitlines()


def test_growth_without_readings(words: Words) -> None:
    assert told(words, series(), NOTHING._replace(new=2)) == [
        r"**name of sensor\.gas**",
        "- 2026-01-01 01:00 to 2026-01-01 03:00, hours: 2",
        "- 0.75 m³ in all; the file has no readings",
        "- Hours that Home Assistant does not have yet: 2",
    ]


def test_everything_that_can_be_said_of_a_register(words: Words) -> None:
    summary = Summary(
        new=1,
        both=7,
        differing=3,
        largest=Difference(MIDNIGHT.timestamp(), 1.25, 1.0),
        misfits=4,
        later=5,
        joins_another_meter=True,
    )
    assert told(words, series((5001.25, 5001.25), (0, 2), gap=3), summary)[1:] == [
        "- 2026-01-01 01:00 to 2026-01-01 06:00, hours: 2",
        "- From 5001.25 to 2 m³",
        "- Another meter, or readings that begin again: 2026-01-01 02:00",
        "- Longest gap: 2026-01-01 02:00 to 2026-01-01 05:00, hours: 3",
        "- Hours that Home Assistant does not have yet: 1",
        "- Hours that it has already: 7",
        DIFFERING,
        "- Hours left out because they do not fit between those that it has: 4",
        "- Hours left out because Home Assistant counts them itself: 5",
        "- Then Home Assistant goes on with another meter: what was used between the two is not known",
    ]


def test_numbers_are_written_as_in_the_language_of_the_house(words: Words) -> None:
    assert "- From 5001,25 to 2 m³" in told(replace(words, decimal_mark=","), series((5001.25, 2)), NOTHING)


def test_what_has_become_of_it(words: Words) -> None:
    results = [
        RegisterResult("a", "sensor.a", added=1, changed=0, misfits=0, later=0),
        RegisterResult("b", "sensor.b", added=2, changed=3, misfits=4, later=5),
    ]
    assert words.has_changed(results).splitlines() == [
        r"- name of sensor\.a: hours added: 1",
        r"- name of sensor\.b: hours added: 2; replaced: 3; left out: 9",
    ]


def test_problems_of_which_none_was_kept_are_counted(words: Words) -> None:
    problems = Problems()
    for number in range(Problems.KEPT):
        problems.add(number + 1, "damaged")
    problems.add(Problems.KEPT + 1, "future", "2027-01-01")
    assert words.would_change(Found({}, (), problems), []).splitlines() == [
        "**What could not be used**",
        "- Lines that are not whole: 100 (line 1, line 2, line 3, …)",
        "- Readings from the future: 1",
    ]


def test_what_was_found_somewhere_is_shown_as_it_is() -> None:
    assert plain("![x](y) <b>*1*</b>\n\x1b|") == r"\!\[x\]\(y\) \<b\>\*1\*\</b\>??\|"


@pytest.mark.parametrize(
    ("size", "shown"), [(0, "1 kB"), (1499, "1 kB"), (999_000, "999 kB"), (1_000_000, "1.0 MB"), (466e6, "466.0 MB")]
)
def test_sizes(size: float, shown: str) -> None:
    assert size_of(int(size)) == shown
