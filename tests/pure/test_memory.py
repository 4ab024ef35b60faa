"""What is known of a meter outlives a restart, and a store of an earlier version is taken up as it is."""

from datetime import UTC, datetime
import json

from p1meter.gaps import Gap
from p1meter.memory import Filled, Memory, Replacement, Taken

AT = datetime(2026, 11, 21, 14, 3, tzinfo=UTC)
REPLACEMENT = Replacement(
    "gas_gas",
    AT,
    51.2,
    7.0,
    "m³",
    (Taken("id-of-gas", 1_763_726_400.0, 7.0, "m³"), Taken("id-of-cost", 1_763_726_400.0, 3.5, "EUR", grown=0.1)),
    undone=True,
)
FILLED = Filled(
    "gas_gas",
    Gap(1_763_683_200.0, 1_763_701_200.0, 1_763_684_400.0, 1_763_702_100.0, 5.8),
    "m³",
    {"id-of-cost": 2.9},
    spread=False,
    settled=True,
    giving_way=True,
)


def test_what_was_changed_in_the_statistics_is_kept() -> None:
    memory = Memory(replacements=[REPLACEMENT], filled=[FILLED])
    assert Memory.from_json(json.loads(json.dumps(memory.to_json()))) == memory


def test_earlier_versions_knew_nothing_of_it() -> None:
    kept = Memory().to_json()
    del kept["replacements"], kept["filled"]
    assert Memory.from_json(kept) == Memory()


def test_earlier_versions_did_not_know_that_a_gap_gives_way() -> None:
    kept = Memory(filled=[FILLED]).to_json()
    del kept["filled"][0]["giving_way"]
    assert Memory.from_json(kept).filled == [FILLED._replace(giving_way=False)]


def test_it_does_not_grow_without_end() -> None:
    memory = Memory()
    for number in range(600):
        memory.keep_replacements([REPLACEMENT._replace(old=float(number)), REPLACEMENT._replace(old=number + 0.5)])
        memory.keep_filled([FILLED._replace(slot=f"slot_{number}"), FILLED._replace(slot=f"slot_{number}b")])
    assert [kept.old for kept in memory.replacements] == [number / 2 for number in range(200, 1200)]
    assert len(memory.filled) == 1000
    assert memory.filled[-1].slot == "slot_599b"
