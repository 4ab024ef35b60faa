"""A telegram of a kind that was read before is read by its form, to exactly the same."""

from datetime import UTC, datetime
from decimal import Decimal
import re
from types import BuiltinMethodType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from p1meter.meter import Reader, Telegram, form
from p1meter.meter.form import forms_of
from p1meter.meter.telegram import Decoder
from tests.meter.twins import TWINS, Twin, telegram

if TYPE_CHECKING:
    from p1meter.meter import Rejected

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HEAD = ("1-3:0.2.8(50)", "0-0:1.0.0(240701120000S)")
TARIFFS = ("1-0:1.8.1(000001.000*kWh)", "1-0:1.8.2(000002.000*kWh)")
TOTAL = "1-0:1.8.0(000004.000*kWh)"
GAS = ("0-1:24.1.0(003)", "0-1:96.1.0(303132)", "0-1:24.2.1(240701110000S)(00001.400*m3)")
POWER = ("1-0:1.7.0(00.500*kW)", "1-0:2.7.0(00.000*kW)")
DUTCH = telegram("TST5", *HEAD, *TARIFFS, *POWER, "0-0:96.13.0()", *GAS)
# DSMR 2.2: no checksum, and a value on a line of its own.
OLD = telegram(
    "TST5",
    *TARIFFS,
    *POWER,
    "0-1:24.1.0(3)",
    "0-1:24.3.0(240701110000)(00)(60)(1)(0-1:24.2.1)(m3)",
    "(00001.400)",
    checksum=False,
)
# The same, but no blank line after the identification, and such a value right there.
AT_ONCE = telegram(
    "TST5",
    "0-1:24.3.0(240701110000)(00)(60)(1)(0-1:24.2.1)(m3)",
    "(00001.400)",
    "0-1:24.1.0(3)",
    *TARIFFS,
    checksum=False,
).replace(b"\r\n\r\n", b"\r\n")


def read(raw: bytes, country: str | None = None) -> list[Telegram | Rejected]:
    """Read as a new reader does."""
    reader = Reader(country=country)
    return [*reader.feed(raw), *reader.close()]


def forget() -> None:
    """Let it be as if nothing had been read before."""
    forms_of.cache_clear()


@pytest.fixture
def no_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every telegram be read from the beginning."""
    monkeypatch.setattr(form, "_learn", lambda *_: None)


@pytest.fixture
def no_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no telegram be read from the beginning."""
    monkeypatch.setattr(Decoder, "_read", None)


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
def test_a_new_reader_reads_a_meter_that_is_known_as_any_other(twin: Twin) -> None:
    first = read(twin.raw, twin.country)

    second = read(twin.raw, twin.country)

    assert second == first
    for one, other in zip(first, second, strict=True):
        if isinstance(one, Telegram) and isinstance(other, Telegram):
            assert list(other.readings) == list(one.readings)


@pytest.mark.parametrize(
    "raw",
    [DUTCH, OLD, AT_ONCE, DUTCH.replace(b"\r\n", b"\n")],
    ids=["dsmr 5", "dsmr 2.2", "without a blank line", "lines end in LF"],
)
def test_a_new_reader_of_a_meter_that_is_known_reads_its_values_only(
    raw: bytes, request: pytest.FixtureRequest
) -> None:
    first = read(raw)
    request.getfixturevalue("no_long_way")

    assert read(raw) == first


@pytest.mark.parametrize(
    "lines",
    [
        ("0-1:96.1.0(3031)", "0-1:96.1.1(3032)"),
        ("0-1:96.1.1(3032)", "0-1:96.1.0(3031)"),
        ("0-1:96.1.0(3031)", "0-1:96.1.0(3032)"),
        ("0-1:24.4.0(1)", "0-1:24.4.0(0)"),
        ("0-1:96.1.2(3031)", "0-1:96.1.2(3032)"),
    ],
)
def test_what_a_meter_on_the_mbus_says_twice_is_read_alike_by_its_form(lines: tuple[str, str]) -> None:
    raw = telegram("TST5", *HEAD, *TARIFFS, GAS[0], *lines, GAS[2])
    (first,), (second,) = read(raw), read(raw)
    assert isinstance(first, Telegram)
    assert second == first


def test_a_heat_meter_that_writes_its_codes_in_full_is_read_alike_again() -> None:
    """Its serial number is what an electricity meter's is called."""
    raw = telegram("TST5", "6-0:6.8.0(1.5*GJ)", "0-0:96.1.0(303132)")
    assert read(raw) == read(raw)


def test_a_known_form_holds_no_value_of_the_meter_it_was_learned_from() -> None:
    read(DUTCH)

    lines = (*HEAD, "1-0:1.8.1(000007.125*kWh)", "1-0:1.8.2(000008.250*kWh)", "1-0:1.7.0(01.250*kW)")
    gas = ("0-1:24.1.0(003)", "0-1:96.1.0(343536)", "0-1:24.2.1(240702120500S)(00009.750*m3)")
    raw = telegram("TST5", *lines, "1-0:2.7.0(00.250*kW)", "0-0:96.13.0(4142)", *gas)
    known = read(raw)
    forget()

    assert known == read(raw)


def test_no_form_is_learned_where_a_total_does_not_say_yet_what_it_counts_in() -> None:
    """Energy in Wh tells which meter it is."""
    reader = Reader()
    told = [
        item.profile.name
        for total in ("()", "()", "(000004000*Wh)")
        for item in reader.feed(telegram("TST5", *HEAD, f"1-0:1.8.0{total}", *POWER))
        if isinstance(item, Telegram)
    ]

    assert told[0] == told[1] != "at"
    assert told[2] == "at"


def test_a_known_form_does_not_say_whose_it_was() -> None:
    """What is kept for all readers is what kind of meter it is, and not which."""
    (found,) = read(DUTCH)
    assert isinstance(found, Telegram)
    (known,) = forms_of("/TST5\r", (True, False), None)._known

    assert known.match(DUTCH.decode())
    assert isinstance(known.match, BuiltinMethodType)
    pattern = known.match.__self__
    assert isinstance(pattern, re.Pattern)
    kept = f"{known} {pattern.pattern}"
    for value in ("303132", "012", "240701", "2024", "1.4", "2.000"):
        assert value not in kept


def test_two_meters_of_a_kind_are_read_side_by_side() -> None:
    """They share a form, and nothing else."""

    def sent(number: int, power: str) -> bytes:
        gas = (
            "0-1:24.1.0(003)",
            f"0-1:96.1.0(30303{number})",
            f"0-1:24.2.1(24070111{number:02}00S)(0000{number}.400*m3)",
        )
        return telegram("TST5", *HEAD, f"1-0:1.8.1(00000{number}.000*kWh)", TARIFFS[1], f"1-0:1.7.0({power}*kW)", *gas)

    readers = [Reader() for _ in range(3)]
    for power in ("00.100", "00.100", "00.200"):
        for number, reader in enumerate(readers, 1):
            (found,) = reader.feed(sent(number, power))
            assert isinstance(found, Telegram)
            assert found.readings["import_tariff_1"].value == number
            assert str(found.readings["power_import"].value) == power.removeprefix("0")
            assert found.readings["1:gas"].value == number + Decimal("0.4")
            assert found.mbus[1].equipment_id == f"00{number}"
            assert found.mbus[1].at == datetime(2024, 7, 1, 9, number, tzinfo=UTC)


STATING = (
    *HEAD,
    "0-0:96.1.1(3132)",
    *TARIFFS,
    "0-0:96.14.0(0001)",
    *POWER,
    "0-0:96.7.21(00004)",
    "1-0:99.97.0(1)(0-0:96.7.19)(240601120000S)(0000000240*s)",
    "0-0:96.13.0()",
    *GAS,
)


@pytest.mark.parametrize(
    ("sent", "then", "is_stated"),
    [
        ("(240701120000S)", "(240701120001S)", False),
        ("00.500*kW", "01.250*kW", False),
        ("000002.000*kWh", "000002.001*kWh", False),
        ("0-0:96.1.1(3132)", "0-0:96.1.1(3133)", True),
        ("96.14.0(0001)", "96.14.0(0002)", True),
        ("96.7.21(00004)", "96.7.21(00005)", True),
        ("(240601120000S)", "(240701115900S)", True),
        ("96.13.0()", "96.13.0(4142)", True),
        ("0-1:96.1.0(303132)", "0-1:96.1.0(303133)", True),
        ("00001.400*m3", "00001.500*m3", True),
        ("1-0:2.7.0(00.000*kW)", "1-0:21.7.0(00.000*kW)", True),
    ],
)
def test_the_statements_are_the_same_object_until_one_is_another(sent: str, then: str, *, is_stated: bool) -> None:
    """Who looks for news, or for whose telegram it is, looks at that alone."""
    reader = Reader()
    *_, first, before = [
        item for _ in range(3) for item in reader.feed(telegram("TST5", *STATING)) if isinstance(item, Telegram)
    ]
    assert before.statements is first.statements
    lines = [line.replace(sent, then) for line in STATING]
    assert lines != list(STATING)

    (after,) = reader.feed(telegram("TST5", *lines))

    assert isinstance(after, Telegram)
    assert (after.statements is not before.statements) is is_stated


def test_another_meter_or_another_reader_states_something_else() -> None:
    reader = Reader()
    (ours,) = reader.feed(telegram("TST5", *STATING))
    (others,) = reader.feed(telegram("TST6", *STATING))
    (again,) = read(telegram("TST5", *STATING))
    assert isinstance(ours, Telegram)
    assert isinstance(others, Telegram)
    assert isinstance(again, Telegram)
    assert len({id(one.statements) for one in (ours, others, again)}) == 3


@pytest.mark.parametrize("first", ["gas", "water"])
def test_meters_that_change_places_are_not_taken_for_one_another(first: str) -> None:
    """The same codes in the same order: only the device type tells."""
    gas, water = (
        (f"24.1.0(00{kind})", f"96.1.0(303{number})", f"24.2.1(240701110000S)(0000{number}.000*m3)")
        for kind, number in ((3, 1), (7, 2))
    )
    places = {
        name: [f"0-{channel}:{line}" for channel, meter in enumerate(meters, 1) for line in meter]
        for name, meters in {"gas": (gas, water), "water": (water, gas)}.items()
    }
    reader = Reader()
    order = [first, first, *(places.keys() - {first}), first]
    for at_first in order:
        (found,) = reader.feed(telegram("TST5", *HEAD, *TARIFFS, *places[at_first]))
        assert isinstance(found, Telegram)
        of_gas, of_water = (1, 2) if at_first == "gas" else (2, 1)
        assert (found.readings[f"{of_gas}:gas"].value, found.readings[f"{of_water}:water"].value) == (1, 2)
        assert {channel: (meter.role, meter.equipment_id) for channel, meter in found.mbus.items()} == {
            of_gas: ("gas", "01"),
            of_water: ("water", "02"),
        }


def test_a_total_that_was_once_sent_is_not_computed_by_a_form_either() -> None:
    """The form is known from a reader that never saw the total; to this one it would be a smaller meter."""
    without = telegram("TST5", *HEAD, *TARIFFS)
    found = read(without)[0]
    assert isinstance(found, Telegram)
    assert "import_total" in found.readings

    reader = Reader()
    reader.feed(telegram("TST5", *HEAD, *TARIFFS, TOTAL))
    (found,) = reader.feed(without)

    assert isinstance(found, Telegram)
    assert "import_total" not in found.readings


@pytest.mark.parametrize("raw", [DUTCH, OLD], ids=["with a checksum", "without"])
def test_damage_is_seen_as_well_by_who_knows_the_form(raw: bytes) -> None:
    """One wrong bit, anywhere: where there is no checksum, every line is still looked at."""
    for place in range(len(raw)):
        for bit in (0x01, 0x04, 0x10, 0x40, 0x80):
            damaged = bytearray(raw)
            damaged[place] ^= bit
            forget()
            fresh = read(bytes(damaged))
            forget()
            read(raw)

            assert read(bytes(damaged)) == fresh


@pytest.mark.parametrize("raw", [DUTCH, OLD], ids=["with a checksum", "without"])
def test_a_telegram_that_comes_in_pieces_is_the_same(raw: bytes) -> None:
    whole = read(raw + raw)

    for place in range(1, len(raw)):
        reader = Reader()
        found = [item for piece in (raw[:place], raw[place:] + raw[:place], raw[place:]) for item in reader.feed(piece)]
        assert found == whole


# What a meter captures every hour in the night of 25 October 2026, and when, in UTC: 02:00 is there twice.
NIGHT = (("01", 1, 23), ("02", 2, 0), ("02", 2, 0), ("02", 3, 1), ("02", 3, 1), ("03", 4, 2))
TWO_LINES = ("0-1:24.3.0(261025{hour}0000)(00)(60)(1)(0-1:24.2.1)(m3)", "(0000{value}.400)")
ONE_LINE = ("0-1:24.2.1(261025{hour}0000)(0000{value}.400*m3)",)


@pytest.mark.parametrize("way", ["no_form", "no_long_way"])
@pytest.mark.parametrize("lines", [TWO_LINES, ONE_LINE], ids=["DSMR 2.2", "one line"])
def test_of_the_hour_that_comes_twice_both_captures_count(
    lines: tuple[str, ...], way: str, request: pytest.FixtureRequest
) -> None:
    night = [
        telegram("TST5", *TARIFFS, GAS[0], *(line.format(hour=hour, value=value) for line in lines), checksum=False)
        for hour, value, _ in NIGHT
    ]
    read(night[0])
    request.getfixturevalue(way)
    if way == "no_form":
        forget()
    reader = Reader()
    for raw, (_, _, hour) in zip(night, NIGHT, strict=True):
        (found,) = reader.feed(raw)
        assert isinstance(found, Telegram)
        at = found.readings["1:gas"].at
        assert at is not None
        assert at.astimezone(UTC) == datetime(2026, 10, 24 if hour == 23 else 25, hour, tzinfo=UTC)
        assert found.mbus[1].at == at


def test_two_values_of_one_stamp_in_one_telegram_are_not_of_two_hours() -> None:
    gas = [f"0-1:24.2.1(261025020000)(0000{value}.400*m3)" for value in (1, 2)]
    reader = Reader()
    for power in ("00.100", "00.200", "00.200"):
        (found,) = reader.feed(telegram("TST5", *TARIFFS, f"1-0:1.7.0({power}*kW)", GAS[0], *gas))
        assert isinstance(found, Telegram)
        assert found.readings["1:gas"].value == Decimal("1.4")
        assert found.readings["1:gas"].at == datetime(2026, 10, 25, 2, tzinfo=AMSTERDAM)


def test_telegrams_that_have_nothing_in_common_cost_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    learned = []
    learn = form._learn

    def count(text: str, known: form.Known) -> form.Form | None:
        learned.append(text)
        return learn(text, known)

    monkeypatch.setattr(form, "_learn", count)

    reader = Reader()
    for number in range(1000):
        reader.feed(telegram("TST5", *HEAD, *(f"1-0:1.8.{index}({number}*kWh)" for index in range(number % 97))))

    # The first, the second, the fourth …, the 512th.
    assert len(learned) <= 10
