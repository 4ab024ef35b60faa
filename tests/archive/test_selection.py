"""Which objects go to journal and MQTT."""

import pytest

from p1meter.archive import Selection, parse_selection
from p1meter.meter import Obis
from tests.compose import nl5

from .telegrams import read


def codes(*texts: str) -> list[Obis]:
    return list(map(Obis.parse, texts))


def test_a_selection_file_of_smartmeter_is_read() -> None:
    text = (
        "# Selected OBIS codes\r\n\r\n"
        "0-0:1.0.0[ Timestamp\r\n"
        "1-0:1.8.1[ Electricity tariff 1\r\n"
        "  1-0:1.8.2  \r\n"
        "0-1:24.2.1 [Gas [m3]\r\n"
        "1-0:1.8.1\r\n"
    )

    found = parse_selection(text)

    assert list(found.codes) == codes("0-0:1.0.0", "1-0:1.8.1", "1-0:1.8.2", "0-1:24.2.1")
    assert found.unread == ()


def test_the_short_codes_of_optical_meters_are_read() -> None:
    assert list(parse_selection("1.8.0\nC.7.0").codes) == codes("1.8.0", "C.7.0")


@pytest.mark.parametrize("line", ["1-0:99-99-99", "1-0:99:99:98", "1 0 1 8 1", "electricity", "1-0:1.8.300", "[ gas"])
def test_a_line_that_is_no_code_is_named(line: str) -> None:
    found = parse_selection(f"1-0:1.8.1\n{line}\n")

    assert list(found.codes) == codes("1-0:1.8.1")
    assert found.unread == (line,)


def test_nothing_chosen_means_nothing_and_no_choice_means_all() -> None:
    assert Selection(()).is_empty
    assert not Selection(()).allows(Obis.parse("1-0:1.8.1"))
    assert not Selection(None).is_empty
    assert Selection(None).allows(Obis.parse("1-0:1.8.1"))


def test_an_object_is_the_same_in_every_spelling() -> None:
    selection = Selection(codes("1-0:1.8.0"))

    assert not selection.is_empty
    for spelling in ("1.8.0", "1.8", "1-0:1.8.0*255", "1-0:1.8.255*255"):
        assert selection.allows(Obis.parse(spelling))
    for other in ("1-0:1.8.1", "1-0:2.8.0", "1-0:1.8.0*18", "0-0:1.8.0"):
        assert not selection.allows(Obis.parse(other))


def test_a_value_of_an_earlier_period_is_an_object_of_its_own() -> None:
    selection = Selection(codes("1.8.0*18"))

    assert not selection.is_empty
    assert selection.allows(Obis.parse("1-0:1.8.0*18"))
    for other in ("1.8.0", "1.8.0*17", "1.8.0&18"):
        assert not selection.allows(Obis.parse(other))


def test_computed_readings_belong_to_everything() -> None:
    readings = read(nl5()).readings

    assert "power" in readings  # worked out of import and export
    assert Selection(None).readings(readings) == readings
    assert set(Selection(codes("1-0:1.7.0", "1-0:1.8.1")).readings(readings)) == {"power_import", "import_tariff_1"}
