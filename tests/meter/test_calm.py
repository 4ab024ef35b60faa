"""Second after second only numbers and the time are others: such a telegram is read by these, to exactly the same."""

from datetime import UTC, datetime
from decimal import Decimal
import re
from typing import TYPE_CHECKING

import pytest

from p1meter.meter import Reader, ReceivedAt, Rejected, Telegram
from p1meter.meter.form import Form, forms_of
from p1meter.meter.telegram import Decoder
from p1meter.meter.verdict import TELEGRAM_LIMIT
from tests.fuzz.meaning import long_way
from tests.meter.twins import TWINS, Twin, block, telegram
from tests.simulation.checksum import crc16

if TYPE_CHECKING:
    from collections.abc import Iterable

LINES = (
    "1-3:0.2.8(50)",
    "0-0:1.0.0(240701120000S)",
    "0-0:96.1.1(3132)",
    "1-0:1.8.1(000001.000*kWh)",
    "1-0:1.8.2(000002.000*kWh)",
    "0-0:96.14.0(0001)",
    "1-0:1.7.0(00.500*kW)",
    "1-0:2.7.0(00.000*kW)",
    "0-0:96.7.21(00004)",
    "0-0:96.13.0()",
    "1-0:32.7.0(230.1*V)",
    "0-1:24.1.0(003)",
    "0-1:96.1.0(303132)",
    "0-1:24.2.1(240701110000S)(00001.400*m3)",
)
DUTCH = telegram("TST5", *LINES)
OLD = telegram("TST2", *LINES[2:], checksum=False)  # no version, no time
BOTH = pytest.mark.parametrize("raw", [DUTCH, OLD], ids=["with a checksum", "without"])

MOVED = {"000002.000*kWh": "000003.250*kWh", "(00.500*kW)": "(00.125*kW)"}
"""What another telegram says: less is drawn, and more was."""


def another(raw: bytes, changes: dict[str, str]) -> bytes:
    """Return a telegram of which some is another, with its checksum."""
    text = raw.decode("latin-1")
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    return with_checksum(text.encode("latin-1"))


def with_checksum(raw: bytes) -> bytes:
    """Mend the checksum of a telegram, if it has one."""
    found = re.fullmatch(rb"(.*!)[0-9A-Fa-f]{4}(\r?\n)", raw, re.DOTALL)
    return raw if found is None else b"%b%04X%b" % (found[1], crc16(found[1]), found[2])


def a_second_later(raw: bytes) -> bytes:
    """Return a telegram in which the last digit of each number with a unit is another."""
    return with_checksum(re.sub(rb"[0-9](?=\*)", lambda digit: b"%d" % ((int(digit[0]) + 1) % 10), raw))


def calm(raw: bytes) -> Reader:
    """Return a reader that knows a meter well: it was read for some seconds."""
    reader = Reader()
    for _ in range(3):
        assert len(reader.feed(raw)) == 1
    return reader


def the_telegram(items: Iterable[Telegram | Rejected]) -> Telegram:
    (found,) = items
    assert isinstance(found, Telegram)
    return found


@pytest.fixture(autouse=True)
def nothing_is_known() -> None:
    """Let it be as if no meter had been read before."""
    forms_of.cache_clear()


@pytest.fixture
def by_numbers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no telegram be looked at as a whole."""
    monkeypatch.setattr(Decoder, "decode", None)


@BOTH
def test_of_a_telegram_that_differs_in_numbers_only_these_are_read(raw: bytes, request: pytest.FixtureRequest) -> None:
    reader = calm(raw)
    request.getfixturevalue("by_numbers_alone")
    moved = another(raw, MOVED | ({"120000S": "120001S"} if raw is DUTCH else {}))
    at = ReceivedAt(5.0, datetime(2024, 7, 1, 10, 0, 1, tzinfo=UTC))

    found = the_telegram(reader.feed(moved, at))

    values = {key: one.value for key, one in found.readings.items()}
    assert values["import_tariff_2"] == Decimal("3.250")
    assert values["import_total"] == Decimal("4.250")
    assert values["power_import"] == Decimal("0.125")
    assert values["power"] == Decimal(125)
    assert values["voltage_l1"] == Decimal("230.1")
    assert values["1:gas"] == Decimal("1.400")
    assert found.time == (datetime(2024, 7, 1, 10, 0, 1, tzinfo=UTC) if raw is DUTCH else None)
    assert found.raw == moved
    assert found.received_at == at
    assert found.checksum is (raw is DUTCH)
    assert ("00.125*kW",) in [groups for _, groups in found.objects]
    assert found.mbus[1].equipment_id == "012"


@BOTH
def test_when_something_else_is_another_the_numbers_are_those_of_now(raw: bytes) -> None:
    """What moved in the meantime is not forgotten, and what is stated is read."""
    reader = calm(raw)
    moved = another(raw, MOVED)
    before = the_telegram(reader.feed(moved))

    found = the_telegram(reader.feed(another(moved, {"96.14.0(0001)": "96.14.0(0002)", "230.1": "229.8"})))

    values = {key: one.value for key, one in found.readings.items()}
    assert values["tariff"] == "normal"
    assert values["voltage_l1"] == Decimal("229.8")
    assert values["import_total"] == Decimal("4.250")
    assert values["power"] == Decimal(125)
    assert found.statements is not before.statements
    assert {key: one.value for key, one in before.readings.items()} == {
        **values,
        "tariff": "low",
        "voltage_l1": Decimal("230.1"),
    }


@BOTH
def test_it_is_told_which_readings_moved(raw: bytes) -> None:
    reader = calm(raw)
    before = the_telegram(reader.feed(raw))
    assert before.step is not None
    assert before.step.moved == []
    of_moved = {"import_tariff_2", "import_total", "power_import", "power"}
    moved = another(raw, MOVED)
    for sent, expected in (
        (moved, of_moved),
        (another(moved, {"230.1": "229.8"}), {"voltage_l1"}),
        (raw, {*of_moved, "voltage_l1"}),
        (raw, set()),
    ):
        now = the_telegram(reader.feed(sent))
        assert now.step is not None
        assert now.step.before is before.readings
        assert set(now.step.moved) == expected
        assert {key for key, one in now.readings.items() if one is not before.readings[key]} == expected
        before = now


@BOTH
def test_of_a_telegram_in_which_more_is_another_it_is_not_told(raw: bytes) -> None:
    reader = calm(raw)
    assert the_telegram(reader.feed(another(raw, {"96.14.0(0001)": "96.14.0(0002)"}))).step is None


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.name)
def test_every_kind_of_meter_is_read_alike_second_after_second(twin: Twin) -> None:
    second = a_second_later(twin.raw)
    third = a_second_later(second)
    quick, long = Reader(country=twin.country), Reader(country=twin.country)
    for raw in (twin.raw, twin.raw, second, third, third, twin.raw, second):
        found = quick.feed(raw) + quick.close()
        with long_way():
            expected = long.feed(raw) + long.close()
        assert found == expected
        for one, other in zip(found, expected, strict=True):
            if isinstance(one, Telegram) and isinstance(other, Telegram):
                assert list(one.readings) == list(other.readings)
                assert one.objects == other.objects


@BOTH
def test_damage_is_seen_as_well_by_who_knows_the_meter(raw: bytes) -> None:
    """One wrong bit, anywhere: where there is no checksum, all that is no number has to be what it was."""
    for place in range(len(raw)):
        for bit in (0x01, 0x04, 0x10, 0x40, 0x80):
            damaged = bytearray(raw)
            damaged[place] ^= bit
            reader, fresh = calm(raw), Reader()
            found = reader.feed(bytes(damaged)) + reader.close()
            with long_way():
                expected = fresh.feed(bytes(damaged)) + fresh.close()

            assert found == expected


@BOTH
def test_a_telegram_that_comes_in_pieces_is_the_same(raw: bytes) -> None:
    moved = another(raw, MOVED)
    whole = the_telegram(calm(raw).feed(moved))

    for place in range(1, len(raw)):
        reader = calm(raw)
        found = [*reader.feed(moved[:place]), *reader.feed(moved[place:]), *reader.feed(moved + raw[:place])]
        found += reader.feed(raw[place:])
        assert found[:2] == [whole, whole]
        assert [item.raw for item in found if isinstance(item, Telegram)] == [moved, moved, raw]


@BOTH
def test_what_stands_before_a_telegram_is_still_told(raw: bytes) -> None:
    moved = another(raw, MOVED)
    for noise in (b"\xff\xfe\n", b"1-0:1.8.1(000001.000*kWh)\r\n", b"(1.000*kWh)\r\n!1234\r\n", raw[:100], b"x"):
        reader, fresh = calm(raw), Reader()
        for pieces in ((noise + moved,), (noise, moved)):
            found = [item for piece in pieces for item in reader.feed(piece)]
            with long_way():
                expected = [item for piece in pieces for item in fresh.feed(piece)]
            assert found
            assert found == expected


def test_a_telegram_without_its_checksum_is_not_taken_for_one_that_has_it() -> None:
    reader = calm(DUTCH)
    moved = another(DUTCH, MOVED)

    for end in (b"\r\n", b"0000\r\n", b"00\r\n"):
        (refused,) = reader.feed(moved[:-6] + end)
        assert isinstance(refused, Rejected)
    found = the_telegram(reader.feed(moved))

    assert found.readings["power"].value == Decimal(125)


def test_a_telegram_is_no_longer_than_any_for_who_knows_the_meter() -> None:
    for length in (TELEGRAM_LIMIT, TELEGRAM_LIMIT + 1):
        filled = "9" * (length - len(DUTCH) + len("240701120000S"))
        sent = another(DUTCH, {"240701120000S": filled})
        assert len(sent) == length
        reader, fresh = calm(DUTCH), Reader()

        found = reader.feed(sent) + reader.close()

        with long_way():
            assert found == fresh.feed(sent) + fresh.close()
        assert isinstance(found[0], Telegram) is (length == TELEGRAM_LIMIT)


def test_a_checksum_in_small_letters_is_one() -> None:
    moved = another(DUTCH, MOVED)
    small = moved[:-6] + moved[-6:].lower()
    assert small != moved

    found = the_telegram(calm(DUTCH).feed(small))

    assert found.readings["power"].value == Decimal(125)


def test_an_old_meter_that_sends_a_checksum_is_not_believed_without_one() -> None:
    sent = another(OLD, MOVED)[:-2] + b"1234\r\n"
    reader, fresh = calm(OLD), Reader()
    with long_way():
        expected = fresh.feed(sent) + fresh.close()
    assert reader.feed(sent) + reader.close() == expected


CHANGING = {
    "a counter": ("0-0:96.7.9(0000{})",),
    "a text": ("0-0:96.13.1(4{})",),
    "an unknown code": ("1-0:99.98.0({}.5*kW)",),
    "a name": ("0-0:42.0.0(4{0}4{0}4{0}4{0})",),
    "the highest of the month": ("1-0:1.6.0(240701101500S)(0{}.589*kW)",),
    "the gas": ("0-2:24.1.0(003)", "0-2:24.2.1(240701110000S)(0000{}.400*m3)"),
}


@pytest.mark.parametrize("lines", CHANGING.values(), ids=CHANGING)
def test_a_meter_that_is_never_calm_is_read_alike_and_not_expected_to_be(
    lines: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected_calm = []
    monkeypatch.setattr(Form, "calm", lambda *_, **__: expected_calm.append(True))
    quick, long = Reader(), Reader()
    for number in (1, 1, 1, 2, 3, 4, 5, 6):
        raw = telegram("TST5", *LINES, *(line.format(number) for line in lines))
        with long_way():
            expected = long.feed(raw)
        assert quick.feed(raw) == expected
    # When nothing else had changed, for the third and the fourth.
    assert len(expected_calm) == 2


@pytest.mark.parametrize("lines", CHANGING.values(), ids=CHANGING)
def test_a_meter_that_is_calm_now_and_then_is_read_alike(lines: tuple[str, ...]) -> None:
    quick, long = Reader(), Reader()
    for number, volts in zip((1, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 1), (1, 1, 2, 3, 3, 3, 4, 5, 6, 7, 8, 8), strict=True):
        changed = another(DUTCH, {"230.1": f"230.{volts}"}).decode().split("\r\n")[2:-2]
        raw = telegram("TST5", *changed, *(line.format(number) for line in lines))
        with long_way():
            expected = long.feed(raw)
        assert quick.feed(raw) == expected


def test_an_optical_head_that_fell_silent_is_not_believed_a_port() -> None:
    """A block has a check of its own; the same lines without it are no such block."""
    reader, fresh = Reader(), Reader()
    lines = ("1-0:1.8.0(000001.000*kWh)", "1-0:2.8.0(000002.000*kWh)", "0-0:96.1.0(12345678)")
    bare = telegram("TST5", *lines, checksum=False).replace(b"\r\n\r\n", b"\r\n")
    for raw in (*(block("TST5", *lines),) * 4, bare):
        found = reader.feed(raw) + reader.close()
        with long_way():
            expected = fresh.feed(raw) + fresh.close()
        assert found == expected


def test_a_meter_that_ends_its_lines_with_lf_is_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    expected_calm = []
    monkeypatch.setattr(Form, "calm", lambda *_, **__: expected_calm.append(True))
    quick, long = Reader(), Reader()
    for raw in (OLD, OLD, another(OLD, MOVED), OLD):
        sent = raw.replace(b"\r\n", b"\n")
        found = quick.feed(sent) + quick.close()
        with long_way():
            expected = long.feed(sent) + long.close()
        assert found == expected
    assert not expected_calm
