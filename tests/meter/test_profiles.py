"""Which meter it is, is found from what it sends."""

import pytest

from p1meter.meter.profiles import Evidence, detect, dsmr_version, is_belgian_version, profile

TWO_TARIFFS = {"1-0:1.8.1", "1-0:1.8.2"}
FOUR_TARIFFS = TWO_TARIFFS | {"1-0:1.8.3", "1-0:1.8.4"}
TOTALS = {"1-0:1.8.0", "1-0:2.8.0"}
TIME = {"0-0:1.0.0"}
DATE_AND_TIME = {"1-0:0.9.1", "1-0:0.9.2"}


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        pytest.param(Evidence("KFM5", TWO_TARIFFS, checksum=False), "nl2", id="no version, no checksum, no time"),
        pytest.param(Evidence("ISk5", TWO_TARIFFS | TIME, version="30"), "nl2", id="a version before 4"),
        pytest.param(Evidence("KFM5", TWO_TARIFFS | TIME, version="40"), "nl4", id="40"),
        pytest.param(Evidence("KFM5", TWO_TARIFFS | TIME, version="42"), "nl4", id="42"),
        pytest.param(Evidence("Ene5", TWO_TARIFFS | TIME, version="50"), "nl5", id="50"),
        pytest.param(Evidence("HRV5", TWO_TARIFFS | TIME), "generic", id="checksum, but no version"),
        pytest.param(Evidence("HRV5", TWO_TARIFFS | TIME, checksum=False), "generic", id="time, but no version"),
        pytest.param(Evidence("HRV5", TWO_TARIFFS | TIME, version="1.0"), "generic", id="a version that is none"),
        pytest.param(
            Evidence("HRV5", TOTALS | TWO_TARIFFS, version="50", mbus=True), "generic", id="a total: not Dutch"
        ),
        pytest.param(Evidence("FLU5\\1_A", TWO_TARIFFS), "be", id="Fluvius"),
        pytest.param(Evidence("KAM5", TWO_TARIFFS, belgian_version="50217"), "be", id="a Belgian version"),
        pytest.param(Evidence("ISk5\\2MIE5T-200", TWO_TARIFFS | TIME), "be-ie", id="Iskra IE"),
        pytest.param(
            Evidence("ISk5\\2MIE5E-200", TOTALS | DATE_AND_TIME, checksum=False, mbus=True), "si", id="IE in Iceland"
        ),
        pytest.param(Evidence("Lux5", TOTALS | {"0-0:42.0.0"}, version="42"), "lu", id="totals and a logical name"),
        pytest.param(Evidence("SAG5", TOTALS | TWO_TARIFFS | {"0-0:42.0.0"}), "hu", id="tariffs and a logical name"),
        pytest.param(Evidence("SAG5", TOTALS | {"0-0:42.0.0", "1-0:15.8.0"}), "hu", id="the combined register"),
        pytest.param(Evidence("SAG5", TOTALS | {"0-0:42.0.0", "0-0:96.50.68"}), "hu", id="the Hungarian switch"),
        pytest.param(Evidence("XYZ5", {"0-0:42.0.0", "0-0:96.1.1"}), "generic", id="a logical name alone"),
        pytest.param(Evidence("EST5", TOTALS), "at", id="EST"),
        pytest.param(Evidence("ELS5", TWO_TARIFFS, version="50"), "at", id="ELS"),
        pytest.param(Evidence("SAG5", TOTALS, watt_hours=True), "at", id="Wh"),
        pytest.param(Evidence("ESO5", TOTALS), "lt", id="ESO"),
        pytest.param(Evidence("LGF5", TOTALS | FOUR_TARIFFS), "lt", id="four tariffs and their total"),
        pytest.param(Evidence("GRE5", TOTALS, belgian_version=None), "ch", id="GRE"),
        pytest.param(Evidence("LGZ5", {"1-1:1.8.1"}, watt_hours=True), "ch", id="electricity on channel 1"),
        pytest.param(Evidence("ISK9", TOTALS | DATE_AND_TIME, checksum=False), "si", id="date and time apart"),
        pytest.param(Evidence("ISK5", TOTALS | DATE_AND_TIME, checksum=False, suffixed=True), "d0", id="pushing"),
        pytest.param(Evidence("ESY5", TOTALS, checksum=False, suffixed=True), "d0", id="EasyMeter"),
        pytest.param(Evidence("ACE5", TOTALS | {"0-0:96.1.0"}, checksum=False, suffixed=True), "generic", id="ACE4000"),
        pytest.param(Evidence("KAM5", TOTALS | TIME), "h1", id="totals and nothing else"),
        pytest.param(Evidence("KAM5", TOTALS | TIME, mbus=True), "generic", id="totals and a gas meter"),
        pytest.param(Evidence("KAM5", TOTALS | {"0-0:96.1.1"}), "generic", id="totals and an id"),
        pytest.param(Evidence("LGZ4", TOTALS, checksum=False, optical=True), "iec", id="optical"),
        pytest.param(Evidence("NWA", {"0-0:1.1.0"}, version="50", mbus=True), "generic", id="heat alone"),
    ],
)
def test_a_meter_is_known_by_what_it_sends(evidence: Evidence, expected: str) -> None:
    assert detect(evidence, None).name == expected


def test_the_version_is_told_as_people_write_it() -> None:
    assert detect(Evidence("KFM5", TWO_TARIFFS | TIME, version="42"), None).version == "4.2"
    assert detect(Evidence("KFM5", TWO_TARIFFS, checksum=False), None).version == "2.2/3"
    assert detect(Evidence("FLU5", TWO_TARIFFS, belgian_version="50217"), None).version == "50217"
    assert detect(Evidence("FLU5", TWO_TARIFFS), None).version is None
    assert dsmr_version("50") == "5.0"
    assert dsmr_version("5") is None
    assert dsmr_version(None) is None
    assert is_belgian_version("50213")
    assert not is_belgian_version("12345")
    assert not is_belgian_version("502170")


@pytest.mark.parametrize(
    ("country", "land", "winter"), [(None, "SE", 1), ("SE", "SE", 1), ("DK", "DK", 1), ("FI", "FI", 2), ("NL", "SE", 1)]
)
def test_nordic_meters_look_the_same_and_the_house_knows(country: str | None, land: str, winter: int) -> None:
    found = detect(Evidence("KAM5", TOTALS | TIME), country)

    assert (found.name, found.country, found.winter_offset) == ("h1", land, winter)


@pytest.mark.parametrize(
    ("country", "land", "window"), [(None, "SI", 900), ("SI", "SI", 900), ("SE", "SE", 3600), ("IS", "IS", 900)]
)
def test_the_meters_that_tell_date_and_time_apart_are_in_more_than_one_country(
    country: str | None, land: str, window: int
) -> None:
    found = detect(Evidence("ISk5\\2M550T", TOTALS | DATE_AND_TIME, checksum=False), country)

    assert (found.name, found.country, found.demand_window) == ("si", land, window)


def test_the_country_of_the_house_does_not_overrule_the_telegram() -> None:
    found = detect(Evidence("Ene5", TWO_TARIFFS | TIME, version="50"), "BE")

    assert (found.country, found.tariff_name(1)) == ("NL", "low")


@pytest.mark.parametrize("country", ["HR", "SI", "CH"])
def test_elsewhere_the_same_codes_do_not_make_a_meter_dutch(country: str) -> None:
    """In Croatia tariff 1 is the high one: it has a number and no word."""
    found = detect(Evidence("ISK5", TWO_TARIFFS | TIME, version="50"), country)

    assert (found.name, found.country, found.version, found.tariff_name(1)) == ("generic", country, "5.0", "tariff_1")


@pytest.mark.parametrize("country", ["EE", "GR", "IL", "LV", "RO"])
def test_what_a_dutch_meter_sends_has_another_time_further_east(country: str) -> None:
    found = detect(Evidence("ISK5", TWO_TARIFFS | TIME, version="50"), country)

    assert (found.name, found.tariff_name(1), found.winter_offset) == ("generic", "tariff_1", 2)


@pytest.mark.parametrize(
    ("ident", "country", "name", "winter"),
    [
        ("EGM5", "PL", "generic", 1),
        ("HLY5", "HU", "hu", 1),
        ("EGM5", "LV", "generic", 2),
        ("EGM5", "LT", "lt", 2),
        ("EGM5", None, "lt", 2),
        ("ESO5", "PL", "lt", 2),
    ],
)
def test_four_tariffs_and_their_total_are_lithuanian_where_nothing_says_otherwise(
    ident: str, country: str | None, name: str, winter: int
) -> None:
    found = detect(Evidence(ident, TOTALS | FOUR_TARIFFS | TIME), country)

    assert (found.name, found.winter_offset) == (name, winter)


def test_an_unknown_meter_speaks_the_words_of_the_country_of_the_house() -> None:
    unknown = Evidence("XYZ5", TWO_TARIFFS | TIME)

    assert detect(unknown, None).tariff_name(1) == "tariff_1"
    assert detect(unknown, "HR").tariff_name(1) == "tariff_1"
    assert detect(unknown, "BE").tariff_name(1) == "day"
    assert detect(unknown, "HR").country == "HR"


def test_what_differs_by_country() -> None:
    assert profile("lt", None).winter_offset == 2
    assert profile("nl5", None).winter_offset == 1
    assert profile("generic", None).winter_offset == 1
    assert profile("generic", "EE").winter_offset == 2
    assert profile("generic", "IL").winter_offset == 2
    assert profile("lu", None).limiter_unit == "kVA"
    assert profile("be", None).limiter_unit is None
    assert profile("be", None).tariff_name(2) == "night"
    assert profile("be", None).tariff_name(3) == "tariff_3"
    # Seconds: a quarter of an hour, in Sweden an hour.
    assert profile("be", None).demand_window == 900
    assert profile("h1", None).demand_window == 3600
    assert profile("h1", "FI").demand_window == 900


def test_there_is_no_other_profile() -> None:
    with pytest.raises(KeyError):
        profile("xx", None)
