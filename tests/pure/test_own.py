"""Registers that a person makes: which value of which line is meant, and what the tables of older programs say."""

from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

import pytest

from p1meter.meter import Obis, Reader, Reading, Telegram
from p1meter.own import OwnRegister, Unusable, kind_of, new_id, parse_notation, read_all, translate
from tests.compose import compose, nl5

REGISTER = OwnRegister(id="peak", code=Obis.parse("96.50.1"), name="Peak", kind="number")

# What the two files look like, with what their documents say of them.
DSMR = r"""
# The cotton candy of the document, and a line that p1meter knows.
{ "1-0:99.99.98": ["Number of Cotton Candies per Second (output)", "cotton_candies_produced", "^.*\((.*)\*CCs\)"],
"1-0:99.99.99": ["", "cotton_candies_consumed", "^.*\((.*)\*CCs\)"],
'0-0:96.99.1': ['The owner\'s "own" code', 'code', r'^.*\((.*)\)'],
"1-0:1.8.1": ["Meter Reading electricity delivered to client (Tariff 1)", "power", "^.*\((.*)\*kWh\)"], }
"""
OBIS_SELECTED = """# made by the selection editor

0-0:1.0.0[ Timestamp
1-0:99.99.98[ Cotton candy,  produced
0-0:96.99.1
"""


def telegram(lines: dict[str, str | None]) -> Telegram:
    (item,) = Reader().feed(nl5(lines))
    assert isinstance(item, Telegram)
    return item


def optical(*lines: tuple[str, str]) -> Telegram:
    """A telegram of an optical head, as far as it matters: codes without a medium."""
    (item,) = Reader().feed(compose({"1.8.0": "(000123.4*kWh)"}, "LGZ4ZMF100AC.M27", checksum=False))
    assert isinstance(item, Telegram)
    return replace(item, objects=tuple((Obis.parse(code), tuple(values[1:-1].split(")("))) for code, values in lines))


def value(register: OwnRegister, seen: Telegram) -> Decimal | str | None:
    reading = register.read(seen)
    assert reading is not None
    assert isinstance(reading.value, Decimal | str | None)
    return reading.value


@pytest.mark.parametrize(
    ("typed", "code", "index"),
    [
        ("1.8", Obis(None, None, 1, 8), 0),
        ("96.50.1", Obis(None, None, 96, 50, 1), 0),
        ("1-0:1.8.0", Obis(1, 0, 1, 8, 0), 0),
        (" 1.6.2*01~1 ", Obis(None, None, 1, 6, 2, 1), 1),
        ("C.7.0~12", Obis(None, None, "C", 7, 0), 12),
    ],
)
def test_codes_are_typed_as_the_older_program_has_them(typed: str, code: Obis, index: int) -> None:
    assert parse_notation(typed) == (code, index)


@pytest.mark.parametrize(
    "typed",
    ["", "1-0:99-99-99", "1-0:99:99:98", "1.8.0~", "1.8.0~x", "1.8.0~-1", "1.8.0~1~2", "1.8.0~100", "import", "~1"],
)
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(ValueError):
        parse_notation(typed)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("1.8.0", "1-0:1.8.0"),
        ("1.8", "1.8.0"),
        ("1-0:1.8.0", "1.8.0"),
        ("1-0:1.8.0", "1-0:1.8.0*255"),
        ("1.6.2*01", "1.6.2&01"),
        ("24.2.1", "0-2:24.2.1"),
        ("1.8.0*255", "1-1:1.8.0"),
    ],
)
def test_a_code_stands_for_every_spelling_of_its_line(typed: str, sent: str) -> None:
    register = replace(REGISTER, code=Obis.parse(typed))
    assert value(register, optical(("9.9.9", "(1)"), (sent, "(012.30*kWh)"))) == Decimal("12.30")


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("1.8.0", "1.8.1"),
        ("1.8.0", "1.8.0*01"),
        ("1.8.0*02", "1.8.0*01"),
        ("1-1:1.8.0", "1-0:1.8.0"),
        ("1-1:1.8.0", "1.8.0"),
        ("2.8.0", "1.8.0"),
    ],
)
def test_a_code_stands_for_no_other_line(typed: str, sent: str) -> None:
    register = replace(REGISTER, code=Obis.parse(typed))
    assert register.read(optical((sent, "(012.30*kWh)"))) is None


def test_the_first_line_counts() -> None:
    assert value(REGISTER, optical(("0-1:96.50.1", "(1.5*kWh)"), ("0-2:96.50.1", "(2.5*kWh)"))) == Decimal("1.5")


def test_a_value_is_chosen_by_its_place() -> None:
    seen = optical(("96.50.1", "(4.321*kW)(2610051815)"))
    assert value(REGISTER, seen) == Decimal("4.321")
    assert value(replace(REGISTER, index=1, kind="text"), seen) == "2610051815"
    # There is no third one.
    assert value(replace(REGISTER, index=2), seen) is None
    assert value(replace(REGISTER, index=2, kind="text"), seen) is None


def test_the_unit_that_is_sent_counts_and_else_the_one_that_was_given() -> None:
    register = replace(REGISTER, unit="kWh")
    assert register.read(optical(("96.50.1", "(1.5*Wh)"))) == Reading(
        "own_peak", Decimal("1.5"), "Wh", None, register.code, None
    )
    assert register.read(optical(("96.50.1", "(1.5)"))) == Reading(
        "own_peak", Decimal("1.5"), "kWh", None, register.code, None
    )


@pytest.mark.parametrize("sent", ["()", "(ERROR)", "(1,5*kWh)", "(12:30)"])
def test_what_is_no_number_is_not_shown_as_one(sent: str) -> None:
    assert value(REGISTER, optical(("96.50.1", sent))) is None


def test_a_text_is_as_it_was_sent() -> None:
    register = replace(REGISTER, kind="text", unit=None)
    assert value(register, optical(("96.50.1", "(0012.30*kWh)"))) == "0012.30*kWh"
    assert value(register, optical(("96.50.1", "( )"))) is None


def test_what_a_telegram_does_not_have_is_left_out() -> None:
    other = replace(REGISTER, id="other", code=Obis.parse("96.50.2"))
    assert list(read_all([REGISTER, other], optical(("96.50.2", "(1.5*kWh)")))) == ["own_other"]


def test_a_register_is_kept_as_text_and_comes_back_as_it_was() -> None:
    full = OwnRegister(
        id="peak_1",
        code=Obis.parse("1.6.2*01"),
        index=1,
        name="Peak",
        kind="number",
        unit="kW",
        device_class="power",
        state_class="measurement",
    )
    assert full.to_json() == {
        "id": "peak_1",
        "code": "1.6.2*01~1",
        "name": "Peak",
        "kind": "number",
        "unit": "kW",
        "device_class": "power",
        "state_class": "measurement",
    }
    assert OwnRegister.from_json(MappingProxyType(full.to_json())) == full
    assert REGISTER.to_json() == {"id": "peak", "code": "96.50.1", "name": "Peak", "kind": "number"}
    assert OwnRegister.from_json(REGISTER.to_json()) == REGISTER


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        ("00012.3*kWh", "number"),
        ("5*A", "number"),
        ("0.997", "number"),
        ("0002", "text"),
        ("ABC", "text"),
        ("", "text"),
    ],
)
def test_an_id_is_not_taken_for_a_number(sent: str, kind: str) -> None:
    assert kind_of(sent) == kind


@pytest.mark.parametrize(
    ("wish", "taken", "expected"),
    [
        ("1-0:1.8.0~1", (), "1_0_1_8_0_1"),
        ("Cotton Candies", (), "cotton_candies"),
        ("peak", ("peak", "peak_2"), "peak_3"),
        ("¹²", (), "register"),
    ],
)
def test_an_id_is_plain_and_not_there_twice(wish: str, taken: tuple[str, ...], expected: str) -> None:
    assert new_id(wish, taken) == expected


def test_a_dsmr_table_is_translated() -> None:
    pasted = translate(DSMR, (), None)
    assert pasted.registers == [
        OwnRegister(
            id="cotton_candies_produced",
            code=Obis.parse("1-0:99.99.98"),
            name="Number of Cotton Candies per Second (output)",
            kind="number",
            unit="CCs",
        ),
        OwnRegister(
            id="cotton_candies_consumed",
            code=Obis.parse("1-0:99.99.99"),
            name="cotton_candies_consumed",
            kind="number",
            unit="CCs",
        ),
        OwnRegister(id="code", code=Obis.parse("0-0:96.99.1"), name='The owner\'s "own" code', kind="text"),
    ]
    assert [line.number for line in pasted.there] == [6]
    assert pasted.unusable == []


def test_the_cotton_candies_are_read_as_the_older_program_would() -> None:
    (produced, consumed, text) = translate(DSMR, (), None).registers
    seen = telegram({"1-0:99.99.98": "(10*CCs)", "1-0:99.99.99": "(2.5*CCs)", "0-0:96.99.1": "(ABC)"})
    assert [value(one, seen) for one in (produced, consumed, text)] == [Decimal(10), Decimal("2.5"), "ABC"]


def test_the_last_value_is_found_where_the_meter_shows_it() -> None:
    seen = telegram({"1-0:99.99.98": "(261121120000W)(10*CCs)(20*CCs)(7*s)", "0-0:96.99.1": "(1)(2)"})
    pasted = translate(DSMR, (), seen)
    assert [one.notation for one in pasted.registers] == ["1-0:99.99.98~2", "1-0:99.99.99", "0-0:96.99.1~1"]


def test_a_unit_that_is_not_sent_is_of_the_last_value() -> None:
    seen = telegram({"1-0:99.99.98": "(261121120000W)(10)"})
    assert translate(DSMR, (), seen).registers[0].index == 1


@pytest.mark.parametrize(
    ("expression", "index", "unit"),
    [
        (r"^.*\((.*)\*kVArh\)", 1, "kvarh"),
        (r"^\d-\d:\d+\.\d+\.\d+\((.*?)\)", 0, None),
        (r"^.*?\([^)]*\)\((\d+\.\d+)\*kvarh\)", 1, "kvarh"),
    ],
)
def test_an_expression_is_read_for_its_value_and_unit(expression: str, index: int, unit: str | None) -> None:
    seen = telegram({"1-0:99.99.98": "(261121120000W)(1.5*kvarh)"})
    (register,) = translate(f'{{"1-0:99.99.98": ["Name", "name", r"{expression}"]}}', (), seen).registers
    assert (register.index, register.unit) == (index, unit)


@pytest.mark.parametrize(
    "expression",
    ["^.*", "(.*)", r"^.*\((?:.*)\)", r"^.*\(0(.*)\)", r"^.*\((.*", "", r"^\(" + r".*?\(" * 100 + r"(.*)\)"],
)
def test_an_expression_that_takes_no_whole_value_is_named(expression: str) -> None:
    pasted = translate(f'{{\n"1-0:99.99.98": ["Name", "name", r"{expression}"]}}', (), None)
    assert pasted.registers == []
    assert [(line.number, reason) for line, reason in pasted.unusable] == [(2, Unusable.NO_VALUE)]


def test_each_line_that_cannot_be_used_is_named_and_the_others_are() -> None:
    table = r"""{
"1-0:99-99-99": ["dashes", "a", "^.*\((.*)\)"],
"1-0:99.99.1": ["no expression", "b"],
print("hello")
"1-0:99.99.2": [
    "on several lines",
    "c", "^.*\((.*)\*kW\)"
],
"1-0:99.99.2": ["again", "c", "^.*\((.*)\*kW\)"],
"1-0:99.99.3": ["not closed, "d", "^.*\((.*)\*kW\)"],
"1-0:99.99.4": ["the last", "c", "^.*\((.*)\*kW\)"]
}"""
    pasted = translate(table, (), None)
    assert [(one.id, one.name) for one in pasted.registers] == [("c", "on several lines"), ("c_2", "the last")]
    assert [(line.number, reason) for line, reason in pasted.unusable] == [
        (2, Unusable.NOT_A_CODE),
        (3, Unusable.NOT_A_LINE),
        (4, Unusable.NOT_A_LINE),
        (9, Unusable.TWICE),
        (10, Unusable.NOT_A_LINE),
    ]
    assert pasted.unusable[2][0].text == 'print("hello")'


def test_some_lines_of_a_table_will_do() -> None:
    assert len(translate(r'"1-0:99.99.4": ["one", "c", "^.*\((.*)\*kW\)"],', (), None).registers) == 1


@pytest.mark.parametrize("before", ["\ufeff{", "# -*- coding: utf-8 -*-\n{", "dsmr50 = {", "dsmr50 = \\\n{"])
def test_a_table_is_known_whatever_stands_before_it(before: str) -> None:
    pasted = translate(
        before
        + r"""
"1-0:99.99.98": ["one", "a", "^.*\((.*)\*kW\)"],  # a remark
'1-0:99.99.99': ['two', 'b', r'^.*\((.*)\*kW\)'],
}""",
        (),
        None,
    )
    assert [one.id for one in pasted.registers] == ["a", "b"]
    assert [(line.text, reason) for line, reason in pasted.unusable] == [
        (line, Unusable.NOT_A_LINE) for line in before.splitlines()[:1] if line.startswith("dsmr50")
    ]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("1-0:99.99.98[ phase 3]", "phase 3"),
        ("\ufeff1-0:99.99.98[phase 3", "phase 3"),
        ("1-0:99.99.98[ phase 3 [W]", "phase 3 [W]"),
        ("1-0:99.99.98", "1-0:99.99.98"),
    ],
)
def test_the_name_in_obis_selected_is_as_the_person_wrote_it(line: str, name: str) -> None:
    (register,) = translate(f"{line}\r\n", (), None).registers
    assert register.name == name


def test_obis_selected_is_translated() -> None:
    seen = telegram({"1-0:99.99.98": "(10*CCs)", "0-0:96.99.1": "(0002)"})
    pasted = translate(OBIS_SELECTED, (), seen)
    assert pasted.registers == [
        OwnRegister(id="1_0_99_99_98", code=Obis.parse("1-0:99.99.98"), name="Cotton candy, produced", kind="number"),
        OwnRegister(id="0_0_96_99_1", code=Obis.parse("0-0:96.99.1"), name="0-0:96.99.1", kind="text"),
    ]
    assert [line.text for line in pasted.there] == ["0-0:1.0.0[ Timestamp"]


def test_of_a_selected_line_the_first_number_counts() -> None:
    """Not the time that stands before it: picking and typing the code give the same."""
    seen = telegram({"1-0:99.99.98": "(261101121500W)(01.234*kW)"})
    (register,) = translate("1-0:99.99.98[ a peak", (), seen).registers
    assert (register.index, register.kind) == (1, "number")
    # So it is not added beside one that was typed.
    assert translate("1-0:99.99.98[ a peak", [register], seen).there


def test_what_is_no_code_in_obis_selected_is_named() -> None:
    pasted = translate("1 0 1 8 0\n\n1-0:99.99.98[ once\n1-0:99.99.98[ twice\n", (), None)
    assert len(pasted.registers) == 1
    assert [(line.number, reason) for line, reason in pasted.unusable] == [
        (1, Unusable.NOT_A_CODE),
        (4, Unusable.TWICE),
    ]


def test_what_the_person_has_already_is_not_added_twice() -> None:
    before = translate(OBIS_SELECTED, (), None).registers
    again = translate(OBIS_SELECTED, before, None)
    assert again.registers == []
    assert len(again.there) == 3
    # A value of an earlier period is none that p1meter shows under that code.
    past = translate("1-0:1.8.0*01[ January", (), None)
    assert [one.notation for one in past.registers] == ["1-0:1.8.0*01"]


@pytest.mark.parametrize("text", ["", "\n# only a remark\n", "{}", "{\n}\n"])
def test_an_empty_table_gives_nothing(text: str) -> None:
    assert translate(text, (), None) == ([], [], [])


def test_a_long_text_that_is_no_table_takes_no_time() -> None:
    assert len(translate('"' * 100_001, (), None).unusable) == 1
    assert len(translate('{"' + "\\" * 100_001, (), None).unusable) == 1
