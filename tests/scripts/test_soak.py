"""The soak knows what the simulated household has used, and sees where statistics say something else."""

from decimal import Decimal
import importlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection

TRUTH: Any = importlib.import_module("_soak_truth")

# 2026-11-21 00:00 UTC.
BEGIN = 1_795_219_200
HOUR, PERIOD, INTERVAL = 3_600, 300, 10
WH = Decimal("0.001")
FIRST = Decimal("100.000")


def lived(hours: int, lost: Collection[int] = ()) -> Any:
    """A meter that counts 1 Wh each ten seconds, but for the telegrams that are lost, by their seconds."""
    truth = TRUTH.Truth(INTERVAL)
    for second in range(0, hours * HOUR, INTERVAL):
        if second not in lost:
            at = BEGIN + second + 0.05
            truth.note(at, at + 0.02, {"import": FIRST + second // INTERVAL * WH})
    return truth


def row(hour: int, state: float, total: float) -> dict[str, float]:
    return {"start": (BEGIN + hour * HOUR) * 1000, "state": state, "sum": total}


# The last telegram of an hour comes ten seconds before its end: 359 Wh, 719 Wh, 1079 Wh.
RIGHT = [row(0, 100.359, 0.359), row(1, 100.719, 0.719), row(2, 101.079, 1.079)]


def test_hours_that_are_right_are_counted() -> None:
    # The fourth is not over for long enough to be summed up.
    assert lived(4).compare("import", RIGHT) == 3


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row(0, 100.359, 0.359), row(2, 101.079, 1.079)], "has no hour"),
        ([row(0, 100.359, 0.359), row(1, 100.718, 0.718), RIGHT[2]], "not 100.719 to 100.719"),
        ([row(0, 100.359, 0.359), row(1, 100.720, 0.720), RIGHT[2]], "not 100.719 to 100.719"),
        # Recorder and states agree with each other, and both are wrong.
        ([row(0, 110.359, 0.359), row(1, 110.719, 0.719), row(2, 111.079, 1.079)], "not 100.359 to 100.359"),
        ([row(0, 100.359, 0.359), row(1, 100.719, 0.755), row(2, 101.079, 1.115)], "does not grow by 0.360 kWh"),
    ],
    ids=["missing", "too little", "too much", "all of them", "a sum"],
)
def test_what_is_wrong_is_said(rows: list[dict[str, float]], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        lived(4).compare("import", rows)


def test_where_the_last_telegram_of_an_hour_is_lost_the_next_hour_has_its_energy() -> None:
    truth = lived(4, lost={2 * HOUR - INTERVAL})
    # What is known by then is from five minutes before, to the last telegram that came.
    for state in (100.689, 100.700, 100.718):
        assert truth.compare("import", [RIGHT[0], row(1, state, state - 100), RIGHT[2]]) == 3
    for state in (100.688, 100.719):
        with pytest.raises(AssertionError, match=r"not 100\.689 to 100\.718"):
            truth.compare("import", [RIGHT[0], row(1, state, state - 100), RIGHT[2]])


def test_what_is_used_while_the_cable_is_out_comes_with_the_hour_in_which_it_is_back() -> None:
    truth = lived(4, lost=set(range(HOUR, 2 * HOUR, INTERVAL)))
    assert truth.compare("import", [RIGHT[0], RIGHT[2]]) == 2
    with pytest.raises(AssertionError, match=r"does not grow by 0\.720 kWh"):
        truth.compare("import", [RIGHT[0], row(2, 101.079, 0.719)])
