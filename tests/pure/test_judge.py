"""What of a telegram is shown, and what is remembered of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

import pytest

from p1meter.judge import Judge, Verdict
from p1meter.memory import Joint, Memory, Slot
from p1meter.meter import Obis, Reader, Telegram
from p1meter.own import OwnRegister
from p1meter.reporting import Reporter
from tests.compose import ELECTRICITY_ID, GAS_ID, NL5, compose, nl5
from tests.simulation.objects import stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
OTHER_ID = "E0047000099999999"
OTHER = f"({OTHER_ID.encode().hex()})"


def read(data: bytes) -> Telegram:
    (item,) = Reader().feed(data)
    assert isinstance(item, Telegram)
    return item


def judge(judge_: Judge, data: bytes, seconds: float = 0) -> Verdict:
    return judge_.judge(read(data), NOON + timedelta(seconds=seconds))


def value(verdict: Verdict, slot: str) -> object:
    return verdict.shown[slot].value


def test_a_first_telegram_is_learned_and_shown() -> None:
    memory = Memory()
    verdict = judge(Judge(memory), nl5())
    assert verdict.learned
    assert [slot.id for slot in verdict.new] == list(memory.slots)
    assert memory.ident == "ISK5\\2M550T-1013"
    assert (memory.profile.name, memory.profile.country, memory.profile.version) == ("nl5", "NL", "5.0")
    assert memory.ids == {"electricity": ELECTRICITY_ID, "gas": GAS_ID}
    assert memory.slots["electricity_voltage_l1"] == Slot("electricity", "voltage_l1", "V", number=True)
    assert memory.slots["gas_gas"] == Slot("gas", "gas", "m3", number=True)
    assert value(verdict, "electricity_power") == Decimal(1193)
    assert value(verdict, "gas_gas") == Decimal("2569.646")
    assert value(verdict, "gas_last_measured") == datetime(2026, 11, 21, 11, 55, tzinfo=UTC)
    # What belongs on the device page is no entity.
    assert not any("equipment_id" in slot for slot in memory.slots)


def test_nothing_new_is_learned_from_more_of_the_same() -> None:
    memory = Memory()
    our_judge = Judge(memory)
    judge(our_judge, nl5())
    verdict = judge(our_judge, nl5({"1-0:1.7.0": "(02.000*kW)"}), 1)
    assert not verdict.learned
    assert verdict.new == []
    assert value(verdict, "electricity_power") == Decimal(2000)


def test_what_a_meter_begins_to_send_is_new() -> None:
    our_judge = Judge(Memory())
    judge(our_judge, nl5({"1-0:2.8.1": None, "0-1:24.2.1": None}))
    verdict = judge(our_judge, nl5({"1-0:14.7.0": "(50.01*Hz)"}), 1)
    assert verdict.learned
    assert {slot.id for slot in verdict.new} >= {
        "electricity_export_tariff_1",
        "electricity_frequency",
        "gas_gas",
    }


def test_a_code_nobody_knows_is_shown_as_sent() -> None:
    memory = Memory()
    our_judge = Judge(memory)
    sent = {"1-0:99.1.0": "(00.250*kW)", "0-0:96.99.1": "(DEADBEEF)", "1-0:1.8.0*01": "(000001.000*kWh)"}
    verdict = judge(our_judge, nl5(sent))
    assert verdict.shown["electricity_1-0:99.1.0"].value == Decimal("0.250")
    assert memory.slots["electricity_1-0:99.1.0"] == Slot("electricity", "1-0:99.1.0", "kW", number=True)
    assert memory.slots["electricity_0-0:96.99.1"] == Slot("electricity", "0-0:96.99.1", None, number=False)
    # The past is known, and no value of now.
    assert not any("*01" in slot for slot in memory.slots)
    # The number turns out to be a text.
    assert judge(our_judge, nl5({**sent, "1-0:99.1.0": "(ERROR)"}), 1).learned
    assert memory.slots["electricity_1-0:99.1.0"].number is False


def test_sent_and_empty_is_not_zero() -> None:
    our_judge = Judge(Memory())
    judge(our_judge, nl5())
    verdict = judge(our_judge, nl5({"1-0:1.8.1": "()", "1-0:32.7.0": "()"}), 1)
    assert value(verdict, "electricity_import_tariff_1") is None
    assert value(verdict, "electricity_voltage_l1") is None
    assert "electricity_export_tariff_1" in verdict.shown
    # Not sent at all is not there.
    gone = judge(our_judge, nl5({"1-0:1.8.1": None}), 2)
    assert "electricity_import_tariff_1" not in gone.shown


def test_a_total_that_falls_shows_the_last_good_value() -> None:
    our_judge = Judge(Memory())
    judge(our_judge, nl5())
    verdict = judge(our_judge, nl5({"1-0:1.8.1": "(000000.000*kWh)", "0-1:24.2.1": "(261121130000W)(00000.000*m3)"}), 1)
    assert value(verdict, "electricity_import_tariff_1") == Decimal("4512.345")
    assert value(verdict, "gas_gas") == Decimal("2569.646")
    assert value(verdict, "electricity_import_total") == Decimal("8499.995")
    good = judge(our_judge, nl5({"1-0:1.8.1": "(004512.346*kWh)"}), 2)
    assert value(good, "electricity_import_tariff_1") == Decimal("4512.346")


class Line:
    """One meter, read by one reader: a line that is as it was gives the very same reading."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.judge = Judge(self.memory)
        self._reader = Reader()

    def read(self, changes: Mapping[str, str | None]) -> Telegram:
        (item,) = self._reader.feed(nl5(changes))
        assert isinstance(item, Telegram)
        return item

    def hear(self, changes: dict[str, str | None], seconds: float) -> Verdict:
        return self.judge.judge(self.read(changes), NOON + timedelta(seconds=seconds))


TROUBLES: list[Callable[[Random, int], dict[str, str | None]]] = [
    lambda random, _: {"1-0:1.7.0": f"({random.randrange(5):02}.{random.randrange(1000):03}*kW)"},
    lambda random, _: {"1-0:32.7.0": f"({random.randrange(2200, 2400) / 10:05.1f}*V)"},
    lambda _, second: {"1-0:1.8.1": f"(004513.{second:03}*kWh)"},
    lambda random, _: {"1-0:1.8.1": f"({random.choice([1, 4512]):06}.000*kWh)"},
    lambda random, _: {"0-0:96.14.0": f"(000{random.choice('12')})"},
    lambda random, _: {"0-0:96.1.1": OTHER if random.random() < 0.5 else NL5["0-0:96.1.1"]},
    lambda random, _: {"0-1:24.2.1": f"(2611211{random.randrange(3)}0000W)(0{random.randrange(2569, 2571)}.646*m3)"},
    lambda random, _: {"1-0:99.1.0": random.choice([None, "(00.250*kW)", "(00.300*kW)", "(00.300*W)"])},
    lambda random, _: {"1-0:21.7.0": random.choice(["()", "(01.000*kW)"])},
]
TROUBLE_WEIGHTS = [60, 60, 10, 1, 1, 1, 1, 1, 1]


def test_what_has_not_changed_is_the_very_same() -> None:
    line = Line()
    first = line.hear({}, 0)
    second = line.hear({"1-0:1.7.0": "(02.000*kW)"}, 1)
    assert list(second.shown) == list(first.shown)
    changed = {slot for slot, reading in second.shown.items() if reading is not first.shown[slot]}
    assert changed == {"electricity_power", "electricity_power_import"}
    # Each verdict is of its own telegram, whatever is done with another.
    assert value(first, "electricity_power") == Decimal(1193)
    second.shown.clear()
    third = line.hear({"1-0:1.7.0": "(02.001*kW)"}, 2)
    assert list(third.shown) == list(first.shown)
    assert value(third, "electricity_power") == Decimal(2001)


def test_who_has_seen_what_was_shown_is_told_what_to_look_at() -> None:
    line = Line()
    for second in range(2):
        line.hear({}, second)
    before = line.hear({}, 2)
    assert before.step is not None
    assert before.step.moved == []
    now = line.hear({"1-0:1.7.0": "(02.000*kW)", "1-0:99.1.0": None}, 3)
    assert now.step is not None
    assert now.step.before is before.shown
    assert set(now.step.moved) == {"electricity_power", "electricity_power_import"}
    # Another one is shown in the place of what was sent.
    held = line.hear({"1-0:1.8.1": "(000001.000*kWh)"}, 4)
    assert held.step is not None
    assert {"electricity_import_tariff_1", "electricity_import_total"} < set(held.step.moved)
    assert line.hear({"1-0:99.1.0": "(00.250*kW)"}, 5).step is None


def test_what_moved_since_a_telegram_that_was_not_judged_does_not_count() -> None:
    line = Line()
    for second in range(3):
        line.hear({}, second)
    moved = {"1-0:1.7.0": "(02.000*kW)"}
    line.read(moved)
    newest = line.read(moved)
    assert newest.step is not None
    assert newest.step.moved == []
    assert value(line.judge.judge(newest, NOON), "electricity_power") == Decimal(2000)


@pytest.mark.parametrize("seed", range(20))
def test_what_a_telegram_says_of_what_moved_changes_nothing(seed: int) -> None:
    """The same telegrams to one who is told and to one who has to compare: with telegrams left out."""
    random = Random(seed)
    reader = Reader()
    told, compares = Memory(), Memory()
    register = OwnRegister(id="sum", code=Obis.parse("1.8.1"), name="sum", kind="number", unit="kWh")
    own = [register] if seed % 4 == 0 else []
    judges = [Judge(memory, own) for memory in (told, compares)]
    reporters = [Reporter(), Reporter()]
    changes: dict[str, str | None] = {}
    steps = 0
    for second in range(300):
        for change in random.choices(TROUBLES, weights=TROUBLE_WEIGHTS, k=2):
            changes |= change(random, second)
        changes["0-0:1.0.0"] = f"({stamp(NOON + timedelta(seconds=second))})"
        (telegram,) = reader.feed(nl5(changes))
        assert isinstance(telegram, Telegram)
        if random.random() < 0.05:
            continue
        wall = NOON + timedelta(seconds=second)
        verdict, other = (
            judge_.judge(one, wall)
            for judge_, one in zip(judges, (telegram, replace(telegram, step=None)), strict=True)
        )
        assert verdict[:3] == other[:3]
        assert list(verdict.shown) == list(other.shown)
        assert told.to_json() == compares.to_json()
        if random.random() < 0.05:
            continue
        steps += telegram.step is not None and verdict.step is not None
        assert reporters[0].due(verdict.shown, wall, verdict.step) == reporters[1].due(other.shown, wall)
    assert steps > 30 or own


def test_a_total_that_fell_and_stays_where_it_is_is_believed_in_time() -> None:
    line = Line()
    line.hear({}, 0)
    fallen: dict[str, str | None] = {"1-0:1.8.1": "(000001.000*kWh)"}
    shown = [value(line.hear(fallen, second), "electricity_import_tariff_1") for second in (1, 31, 60, 61, 62)]
    held, new = Decimal("4512.345"), Decimal("1.000")
    # Three telegrams that agree, and 60 s from the first to the last.
    assert shown == [held, held, held, new, new]
    assert [joint.slot for joint in line.memory.joints] == ["electricity_import_tariff_1", "electricity_import_total"]


def test_lines_that_stay_as_they_are_are_ours_as_soon_as_the_meter_is() -> None:
    line = Line()
    line.hear({}, 0)
    other: dict[str, str | None] = {"0-0:96.1.1": OTHER, "1-0:1.8.1": "(000007.000*kWh)"}
    for second in (1, 2, 3):
        assert value(line.hear(other, second), "electricity_import_tariff_1") == Decimal("4512.345")
    line.judge.adopt(NOON + timedelta(seconds=4))
    assert value(line.hear(other, 5), "electricity_import_tariff_1") == Decimal("7.000")
    assert value(line.hear(other, 6), "electricity_import_tariff_1") == Decimal("7.000")


def test_another_unit_is_learned_and_so_is_the_way_back() -> None:
    line = Line()
    line.hear({"1-0:99.1.0": "(00.250*kW)"}, 0)
    for second, (sent, unit, learned) in enumerate(
        [("(00.300*kW)", "kW", False), ("(00.300*W)", "W", True), ("(00.400*W)", "W", False), ("(00.5*kW)", "kW", True)]
    ):
        assert line.hear({"1-0:99.1.0": sent}, second + 1).learned is learned
        assert line.memory.slots["electricity_1-0:99.1.0"].unit == unit


def test_one_foreign_id_is_taken_for_damage() -> None:
    our_judge = Judge(Memory())
    judge(our_judge, nl5())
    foreign = nl5({"0-0:96.1.1": OTHER, "1-0:1.8.1": "(000007.000*kWh)", "1-0:1.7.0": "(02.000*kW)"})
    verdict = judge(our_judge, foreign, 1)
    assert our_judge.stranger is None
    # Its totals are not ours to show; the rest is what is drawn now.
    assert value(verdict, "electricity_import_tariff_1") == Decimal("4512.345")
    assert value(verdict, "electricity_power") == Decimal(2000)
    for second in range(2, 12, 2):
        judge(our_judge, nl5(), second)
        judge(our_judge, foreign, second + 1)
    assert our_judge.stranger is None


def test_another_meter_is_noticed_and_never_adopted_silently() -> None:
    memory = Memory()
    our_judge = Judge(memory)
    judge(our_judge, nl5())
    total, volts, gas = (memory.slots[f"electricity_{key}"] for key in ("import_total", "voltage_l1", "tariff"))
    foreign = nl5({"0-0:96.1.1": OTHER, "1-0:1.8.1": "(000007.000*kWh)"})
    for second in range(1, 4):
        judge(our_judge, foreign, second)
    assert our_judge.stranger == OTHER_ID
    assert our_judge.is_doubtful(total)
    assert not our_judge.is_doubtful(volts)
    assert not our_judge.is_doubtful(gas)
    assert not our_judge.is_doubtful(memory.slots["gas_gas"])
    assert not our_judge.is_doubtful(Slot("electricity", "1-0:99.1.0", "kWh", number=True))
    for second in range(4, 200):
        judge(our_judge, foreign, second)
    assert memory.ids["electricity"] == ELECTRICITY_ID
    assert memory.totals["electricity_import_tariff_1"] == (Decimal("4512.345"), "kWh")
    # A telegram without an id settles nothing.
    judge(our_judge, nl5({"0-0:96.1.1": None}), 200)
    assert our_judge.stranger == OTHER_ID
    # The old one is back.
    judge(our_judge, nl5(), 201)
    assert not our_judge.stranger
    assert not our_judge.is_doubtful(total)


def test_a_person_may_adopt_it() -> None:
    memory = Memory()
    our_judge = Judge(memory)
    judge(our_judge, nl5())
    foreign = nl5({"0-0:96.1.1": OTHER, "1-0:1.8.1": "(000007.000*kWh)"})
    for second in range(1, 4):
        judge(our_judge, foreign, second)
    our_judge.adopt(NOON + timedelta(seconds=4))
    verdict = judge(our_judge, foreign, 4)
    assert memory.ids["electricity"] == OTHER_ID
    assert our_judge.stranger is None
    assert value(verdict, "electricity_import_tariff_1") == Decimal(7)
    # What was summed up goes on with the new readings; peaks and counters of failures are the new meter's own.
    assert {joint.slot for joint in memory.joints} == {
        f"electricity_{key}"
        for key in (
            "import_tariff_1",
            "import_tariff_2",
            "export_tariff_1",
            "export_tariff_2",
            "import_total",
            "export_total",
        )
    }
    assert {joint.at for joint in memory.joints} == {NOON + timedelta(seconds=4)}


def test_what_only_another_meter_sends_is_not_ours_before_it_is_adopted() -> None:
    memory = Memory()
    our_judge = Judge(memory)
    judge(our_judge, nl5())
    other = nl5({"0-0:96.1.1": OTHER, "1-0:14.7.0": "(50.01*Hz)"})
    for second in range(4):
        verdict = judge(our_judge, other, second)
        assert verdict.new == []
        assert "electricity_frequency" not in memory.slots
    our_judge.adopt(NOON + timedelta(seconds=5))
    verdict = judge(our_judge, other, 5)
    assert [slot.key for slot in verdict.new] == ["frequency"]
    assert value(verdict, "electricity_frequency") == Decimal("50.01")


def test_a_new_gas_meter_goes_on_where_it_is() -> None:
    memory = Memory()
    our_judge = Judge(memory)
    judge(our_judge, nl5())
    new = {"0-1:96.1.0": f"({b'G0079140099999999'.hex()})"}
    verdict = judge(our_judge, nl5({**new, "0-1:24.2.1": "(261121130000W)(00001.000*m3)"}), 300)
    assert "gas_gas" not in verdict.shown
    verdict = judge(our_judge, nl5({**new, "0-1:24.2.1": "(261121130500W)(00001.100*m3)"}), 600)
    assert "gas_gas" not in verdict.shown
    verdict = judge(our_judge, nl5({**new, "0-1:24.2.1": "(261121131000W)(00001.200*m3)"}), 900)
    assert verdict.learned
    assert value(verdict, "gas_gas") == Decimal("1.200")
    assert memory.ids["gas"] == "G0079140099999999"
    assert memory.joints == [Joint("gas_gas", NOON + timedelta(seconds=900))]


def test_a_meter_without_an_id_is_the_meter() -> None:
    memory = Memory()
    our_judge = Judge(memory)
    sent = {"1-0:1.8.0": "(00000100.000*kWh)", "1-0:2.8.0": "(00000000.000*kWh)", "1-0:1.7.0": "(0000.500*kW)"}
    verdict = judge(our_judge, compose(sent, "ELL5\\253833635_A"))
    assert memory.ids == {}
    assert value(verdict, "electricity_import_total") == Decimal(100)
    assert our_judge.stranger is None


def test_memory_outlives_a_restart() -> None:
    memory = Memory()
    judge(Judge(memory), nl5({"1-0:99.1.0": "(00.250*kW)"}))
    memory.joints.append(Joint("gas_gas", NOON))
    again = Memory.from_json(memory.to_json())
    assert again == memory
    assert len(again.slots) > len(NL5) - 10
    verdict = judge(Judge(again), nl5({"1-0:1.8.1": "(000000.000*kWh)"}))
    assert value(verdict, "electricity_import_tariff_1") == Decimal("4512.345")
    assert verdict.new == []


def test_what_the_first_version_remembered_is_understood() -> None:
    memory = Memory()
    judge(Judge(memory), nl5())
    kept = memory.to_json()
    for new in ("joints", "key", "events"):
        del kept[new]
    assert Memory.from_json(kept) == memory


def test_a_fall_that_is_believed_is_a_joint() -> None:
    """A meter without a number cannot say that it was replaced."""
    memory = Memory()
    our_judge = Judge(memory)
    sent = {"1-0:1.8.0": "(00000501.000*kWh)", "1-0:2.8.0": "(00000000.000*kWh)", "1-0:1.7.0": "(0000.500*kW)"}
    judge(our_judge, compose(sent, "ELL5\\253833635_A"))
    fallen = compose({**sent, "1-0:1.8.0": "(00000480.000*kWh)"}, "ELL5\\253833635_A")
    for second in (10, 40):
        assert value(judge(our_judge, fallen, second), "electricity_import_total") == Decimal(501)
    assert memory.joints == []
    verdict = judge(our_judge, fallen, 70)
    assert value(verdict, "electricity_import_total") == Decimal(480)
    assert verdict.learned
    assert memory.joints == [Joint("electricity_import_total", NOON + timedelta(seconds=70))]


def test_after_a_restart_another_meter_shows_no_totals_at_all() -> None:
    memory = Memory()
    judge(Judge(memory), nl5())
    # What was kept may be older than what was shown last: to show it now would be a fall.
    our_judge = Judge(Memory.from_json(memory.to_json()))
    foreign = nl5({"0-0:96.1.1": OTHER, "1-0:1.8.1": "(000007.000*kWh)"})
    assert value(judge(our_judge, foreign), "electricity_import_tariff_1") is None
    assert value(judge(our_judge, nl5(), 1), "electricity_import_tariff_1") == Decimal("4512.345")
    assert value(judge(our_judge, foreign, 2), "electricity_import_tariff_1") == Decimal("4512.345")


# --- What comes back, and what cannot be ------------------------------------------------------------------------------

SWEDISH = {"1-0:1.8.0": "(00005000.000*kWh)", "1-0:2.8.0": "(00000000.000*kWh)", "1-0:1.7.0": "(0000.500*kW)"}


def swedish(kwh: float) -> bytes:
    return compose({**SWEDISH, "1-0:1.8.0": f"({kwh:012.3f}*kWh)"}, "ELL5\\253833635_A")


def test_a_total_that_was_wrongly_zero_for_minutes_books_neither_way() -> None:
    """A meter that restarts with its registers at zero, and finds them again after five minutes."""
    memory = Memory()
    our_judge = Judge(memory)
    shown = {}
    for second in range(0, 600, 10):
        kwh = 0.0 if 60 <= second < 360 else 5000 + second / 1000
        shown[second] = value(judge(our_judge, swedish(kwh), second), "electricity_import_total")
    at_zero = {second for second, kwh in shown.items() if kwh == 0}
    # Each way it takes a minute until it is believed.
    assert at_zero == set(range(120, 420, 10))
    assert shown[110] == Decimal("5000.050")
    assert shown[420] == Decimal("5000.420")
    assert memory.joints == [
        Joint("electricity_import_total", NOON + timedelta(seconds=120)),
        Joint("electricity_import_total", NOON + timedelta(seconds=420)),
    ]


def test_one_garbled_total_far_too_high_is_never_shown() -> None:
    memory = Memory()
    our_judge = Judge(memory)
    for second, kwh in enumerate((5000.0, 5000.001, 95000.002, 5000.003)):
        shown = value(judge(our_judge, swedish(kwh), second), "electricity_import_total")
        assert shown == Decimal("5000.001") if kwh > 6000 else Decimal(str(kwh))
    assert memory.joints == []


def test_what_a_meter_counted_while_nobody_listened_is_use() -> None:
    memory = Memory()
    judge(Judge(memory), swedish(5000))
    # Home Assistant was off for a day: at 10 kW that is 240 kWh.
    again = Memory.from_json(memory.to_json())
    verdict = judge(Judge(again), swedish(5240), 86_400)
    assert value(verdict, "electricity_import_total") == Decimal("5240.000")
    assert again.joints == []


def test_a_clock_that_stands_still_says_nothing_of_what_can_be() -> None:
    """Some meters have never had their clock set; a small computer's may be weeks late after a start."""
    for meter, ours in ((0, 14), (14, 0)):
        memory = Memory()
        clock = "(000101000000W)" if not meter else f"({stamp(NOON)})"
        judge(Judge(memory), nl5({"0-0:1.0.0": clock, "1-0:1.8.1": "(005000.000*kWh)"}))
        again = Memory.from_json(memory.to_json())
        later = clock if not meter else f"({stamp(NOON + timedelta(days=meter))})"
        verdict = judge(Judge(again), nl5({"0-0:1.0.0": later, "1-0:1.8.1": "(005300.000*kWh)"}), ours * 86_400)
        assert value(verdict, "electricity_import_tariff_1") == Decimal("5300.000")
        assert again.joints == []


def test_a_used_meter_without_a_number_is_noticed_though_home_assistant_was_off() -> None:
    memory = Memory()
    judge(Judge(memory), swedish(5000))
    again = Memory.from_json(memory.to_json())
    our_judge = Judge(again)
    shown = [
        value(judge(our_judge, swedish(80_000), 600 + second), "electricity_import_total") for second in (0, 30, 60)
    ]
    assert shown == [Decimal("5000.000"), Decimal("5000.000"), Decimal("80000.000")]
    assert [joint.slot for joint in again.joints] == ["electricity_import_total"]


def at(days: float, **lines: str | None) -> tuple[dict[str, str | None], float]:
    """Return what is said so many days after noon, with the meter's clock, and how many seconds that is."""
    return {"0-0:1.0.0": f"({stamp(NOON + timedelta(days=days))})", **lines}, days * 86_400


def test_what_a_total_counted_while_it_was_not_sent_is_use() -> None:
    line = Line()
    export = "1-0:2.8.1"
    line.hear(*at(0))
    for day in range(1, 11):
        line.hear(*at(day, **{export: None}))
    back = line.hear(*at(10.001, **{export: "(001000.000*kWh)"}))
    assert value(back, "electricity_export_tariff_1") == Decimal("1000.000")
    # The same where its line is there and empty.
    for day in range(11, 21):
        line.hear(*at(day, **{export: "()"}))
    back = line.hear(*at(20.001, **{export: "(001200.000*kWh)"}))
    assert value(back, "electricity_export_tariff_1") == Decimal("1200.000")
    assert line.memory.joints == []


def gas(days: float, reading: float) -> dict[str, str | None]:
    return {"0-1:24.2.1": f"({stamp(NOON + timedelta(days=days))})({reading:09.3f}*m3)"}


def test_a_gas_meter_whose_radio_was_down_for_days_was_used_meanwhile() -> None:
    line = Line()
    for hour in range(72):
        line.hear(*at(hour / 24, **gas(0, 2500)))
    back = line.hear(*at(3, **gas(3, 2560)))
    assert value(back, "gas_gas") == Decimal("2560.000")
    assert line.memory.joints == []


# --- Totals of a person's own -----------------------------------------------------------------------------------------


def own(code: str, state_class: str | None = "total_increasing") -> OwnRegister:
    return OwnRegister(
        id="mine", code=Obis.parse(code), name="Mine", kind="number", unit="kWh", state_class=state_class
    )


def test_a_total_of_ones_own_goes_on_with_an_adopted_meter() -> None:
    memory = Memory()
    our_judge = Judge(memory, [own("1-0:99.2.0")])
    ours = nl5({"1-0:99.2.0": "(000900.0)"})
    assert value(judge(our_judge, ours), "own_mine") == Decimal("900.0")
    foreign = nl5({"0-0:96.1.1": OTHER, "1-0:99.2.0": "(000003.0)"})
    for second in range(1, 4):
        # It is another meter's: it is not shown before a person said whose it is.
        assert "own_mine" not in judge(our_judge, foreign, second).shown
    # A restart in between.
    again = Memory.from_json(memory.to_json())
    our_judge = Judge(again, [own("1-0:99.2.0")])
    for second in range(4, 7):
        judge(our_judge, foreign, second)
    our_judge.adopt(NOON + timedelta(seconds=7))
    assert value(judge(our_judge, foreign, 7), "own_mine") == Decimal("3.0")
    assert Joint("own_mine", NOON + timedelta(seconds=7)) in again.joints


def test_a_total_of_ones_own_is_held_as_any_other() -> None:
    memory = Memory()
    our_judge = Judge(memory, [own("1-0:99.2.0")])
    judge(our_judge, nl5({"1-0:99.2.0": "(000900.0)"}))
    assert value(judge(our_judge, nl5({"1-0:99.2.0": "(000000.0)"}), 1), "own_mine") == Decimal("900.0")
    assert value(judge(our_judge, nl5({"1-0:99.2.0": "(099900.0)"}), 2), "own_mine") == Decimal("900.0")
    assert value(judge(our_judge, nl5({"1-0:99.2.0": "(000900.1)"}), 3), "own_mine") == Decimal("900.1")
    assert value(judge(our_judge, nl5({"1-0:99.2.0": "(ERROR)"}), 4), "own_mine") is None
    assert memory.joints == []


def test_a_total_of_ones_own_that_may_fall_falls_and_still_has_its_joint() -> None:
    memory = Memory()
    our_judge = Judge(memory, [own("1-0:99.2.0", "total")])
    judge(our_judge, nl5({"1-0:99.2.0": "(000900.0)"}))
    assert value(judge(our_judge, nl5({"1-0:99.2.0": "(000200.0)"}), 1), "own_mine") == Decimal("200.0")
    assert memory.joints == []
    foreign = nl5({"0-0:96.1.1": OTHER, "1-0:99.2.0": "(000003.0)"})
    for second in range(2, 5):
        judge(our_judge, foreign, second)
    our_judge.adopt(NOON + timedelta(seconds=5))
    judge(our_judge, foreign, 5)
    assert Joint("own_mine", NOON + timedelta(seconds=5)) in memory.joints


def test_what_is_no_total_is_shown_as_it_is() -> None:
    memory = Memory()
    our_judge = Judge(
        memory,
        [
            own("1-0:99.2.0", "measurement"),
            OwnRegister(id="text", code=Obis.parse("1-0:99.3.0"), name="Text", kind="text"),
        ],
    )
    judge(our_judge, nl5({"1-0:99.2.0": "(000900.0)"}))
    verdict = judge(our_judge, nl5({"1-0:99.2.0": "(000003.0)", "1-0:99.3.0": "(ready)"}), 1)
    assert (value(verdict, "own_mine"), value(verdict, "own_text")) == (Decimal("3.0"), "ready")
    assert memory.owners == {}


OF_GAS = OwnRegister(
    id="mine", code=Obis.parse("0-1:24.2.1"), index=1, name="Mine", kind="number", state_class="total_increasing"
)


def test_a_total_of_ones_own_of_a_gas_meter_goes_on_with_the_gas_meter() -> None:
    memory = Memory()
    our_judge = Judge(memory, [OF_GAS])
    judge(our_judge, nl5({"0-1:24.2.1": "(261121120000W)(02500.000*m3)"}))
    shown = []
    for count in range(1, 4):
        line = f"(2611211{count}0000W)(0000{count}.000*m3)"
        new = nl5({"0-1:96.1.0": f"({b'G0079140099999999'.hex()})", "0-1:24.2.1": line})
        verdict = judge(our_judge, new, count * 3600)
        shown.append(verdict.shown["own_mine"].value if "own_mine" in verdict.shown else None)
    # Taken over with the third capture, as the gas meter is.
    assert shown == [None, None, Decimal("3.000")]
    at = NOON + timedelta(seconds=3 * 3600)
    assert memory.joints == [Joint("gas_gas", at), Joint("own_mine", at)]


def test_a_total_of_ones_own_waits_for_its_meter_as_long_as_that_is_not_read() -> None:
    memory = Memory()
    our_judge = Judge(memory, [OF_GAS])
    for hour in range(72):
        lines, seconds = at(hour / 24, **gas(0, 2500))
        judge(our_judge, nl5(lines), seconds)
    lines, seconds = at(3, **gas(3, 2560))
    assert value(judge(our_judge, nl5(lines), seconds), "own_mine") == Decimal("2560.000")
    assert memory.joints == []


def test_what_a_register_was_is_forgotten_with_it() -> None:
    memory = Memory()
    judge(Judge(memory, [own("1-0:99.2.0")]), nl5({"1-0:99.2.0": "(000900.0)"}))
    assert {"own_mine"} == {name for name in memory.totals if name.startswith("own_")} == set(memory.owners)
    judge(Judge(memory, [own("1-0:99.2.0", "total")]), nl5({"1-0:99.2.0": "(000900.0)"}))
    Judge(memory)
    assert not any(name.startswith("own_") for kept in (memory.totals, memory.heard, memory.owners) for name in kept)


HUNGARIAN_MONTH = (
    "({at})({imported:010.3f}*kWh)(000600.000*kWh)(000063.924*kWh)(000008.000*kWh)(000008.000*kWh)(000000.000*kWh)"
    + "(000000.000*kvarh)" * 6
    + "(000000.000*kWh)"
    + "(00.000*kW)" * 6
)


def test_what_a_month_was_closed_with_is_shown_as_sent_though_it_grew_by_a_month() -> None:
    """It is hundreds of kWh more, from one telegram to the next; and stays so, or it was wrong."""
    memory = Memory()
    our_judge = Judge(memory)
    name = "electricity_last_month_import_total"

    def shown_of(closed: str, imported: float, seconds: float) -> object:
        line = HUNGARIAN_MONTH.format(at=closed, imported=imported)
        return value(judge(our_judge, compose({**SWEDISH, "0-0:98.1.0": line}, "SAG5SAG-METER"), seconds), name)

    month = 30 * 86_400
    assert shown_of("261101000000W", 663.924, 0) == Decimal("663.924")
    assert shown_of("261101000000W", 663.924, month - 10) == Decimal("663.924")
    assert shown_of("261201000000W", 1290, month) == Decimal(1290)
    assert shown_of("261201000000W", 0, month + 10) == Decimal(1290)
    assert shown_of("261201000000W", 1290, month + 20) == Decimal(1290)
    assert shown_of("270101000000W", 1890, 2 * month) == Decimal(1890)
    assert memory.joints == []
    # Another meter, that sends no number of its own, is believed within a minute, and not after three months.
    assert [shown_of("270101000000W", 7, 2 * month + second) for second in (10, 40, 70)] == [
        Decimal(1890),
        Decimal(1890),
        Decimal(7),
    ]
    assert [joint.slot for joint in memory.joints] == [name]


WAS = own("1-0:99.2.0")


@pytest.mark.parametrize(
    ("became", "shown"),
    [
        (replace(WAS, unit="Wh"), "12345.2"),
        (replace(WAS, unit="Wh", state_class="total"), "12345.2"),
        # Less than before it: it is believed at once all the same.
        (replace(WAS, index=1), "9.5"),
    ],
    ids=["unit", "total", "value"],
)
def test_a_total_of_ones_own_that_is_corrected_begins_anew(became: OwnRegister, shown: str) -> None:
    memory = Memory()
    judge(Judge(memory, [WAS]), nl5({"1-0:99.2.0": "(012345.0)(000009.4)"}))
    line = nl5({"1-0:99.2.0": "(012345.2)(000009.5)"})
    # It takes effect with a reload, perhaps with a restart.
    for memory_ in (memory, Memory.from_json(memory.to_json())):
        our_judge = Judge(memory_, [became])
        assert value(judge(our_judge, line, 60), "own_mine") == Decimal(shown)
        assert memory_.joints == [Joint("own_mine", NOON + timedelta(seconds=60))]
        judge(our_judge, line, 61)
        assert len(memory_.joints) == 1


@pytest.mark.parametrize(
    ("again", "joints"),
    [(WAS, 0), (replace(WAS, name="Sold", state_class="total"), 0), (replace(WAS, unit="Wh"), 1)],
    ids=["the same", "the same by another name", "another unit"],
)
def test_a_total_of_ones_own_that_was_removed_comes_back(again: OwnRegister, joints: int) -> None:
    memory = Memory()
    judge(Judge(memory, [WAS]), nl5({"1-0:99.2.0": "(012345.0)"}))
    Judge(memory)
    memory = Memory.from_json(memory.to_json())
    # Its sensor is the same one: what was counted meanwhile is use, unless it counts something else.
    verdict = judge(Judge(memory, [again]), nl5({"1-0:99.2.0": "(012399.0)"}), 60)
    assert value(verdict, "own_mine") == Decimal("12399.0")
    assert memory.joints == [Joint("own_mine", NOON + timedelta(seconds=60))] * joints


def test_a_total_of_ones_own_that_an_earlier_version_knew_goes_on() -> None:
    memory = Memory()
    judge(Judge(memory, [WAS]), nl5({"1-0:99.2.0": "(012345.0)"}))
    kept = memory.to_json()
    del kept["made_of"]
    memory = Memory.from_json(kept)
    judge(Judge(memory, [WAS]), nl5({"1-0:99.2.0": "(012345.2)"}), 60)
    assert memory.joints == []
    judge(Judge(memory, [replace(WAS, unit="Wh")]), nl5({"1-0:99.2.0": "(012345.3)"}), 120)
    assert memory.joints == [Joint("own_mine", NOON + timedelta(seconds=120))]
