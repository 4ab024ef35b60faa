"""Who made the meter, as people call it."""

import pytest

from p1meter.idents import MeterIdent, describe


@pytest.mark.parametrize(
    ("ident", "name"),
    [
        ("ISK5\\2M550T-1012", "Iskra AM550"),
        ("ISK5\\2M550E-1011", "Iskra AM550"),
        ("ISK9\\2M551T-200", "Iskra AM550"),
        ("ISk5\\2MT382-1003", "Iskra MT382"),
        ("ISk5\\MT382-1003", "Iskra MT382"),
        ("ISk5MT174-0001", "Iskra MT174"),
        ("LUGCUH50", "Landis+Gyr Ultraheat UH50"),
        ("LUGCUHT550", "Landis+Gyr Ultraheat"),
        ("SIEC2WR5", "Siemens 2WR5"),
        ("ISk5\\2MIE5T-200", "Iskra IE.5"),
        ("KFM5KAIFA-METER", "Kaifa"),
        ("KMP5 KA6U001660297912", "Kamstrup"),
        ("KAM5", "Kamstrup"),
        ("XMX5LGBBFG1012530239", "Landis+Gyr E350"),
        ("XMX5XMXABCE000015779", "Landis+Gyr E350"),
        ("XMX5LGF0010456446050", "Landis+Gyr E360"),
        ("LGF5E360", "Landis+Gyr E360"),
        ("LGZ4ZMF100AC.M27", "Landis+Gyr ZMF100AC.M27"),
        ("Ene5\\T210-D ESMR5.0", "Sagemcom T210-D"),
        ("Ene5\\T211 ESMR 5.0", "Sagemcom T211"),
        ("Ene5\\XS210 ESMR 5.0", "Sagemcom XS210"),
        ("Ene5\\SAGEMCOM CX2000-", "Sagemcom CX2000"),
        ("SAG5SAG-METER", "Sagemcom"),
        ("CTA5ZIV-METER", "ZIV"),
        ("MCS50000000000000", "Metcom"),
        ("AUX59903106618", "Sanxing"),
        ("ADN9 6534", "Aidon 6534"),
        ("ESY5Q3DA1024 V3.03", "EasyMeter Q3DA1024"),
        ("ELS5\\@V9.35         ", "Elster"),
        ("HLY5/D545-METER", "Holley"),
    ],
)
def test_a_meter_is_called_what_people_call_it(ident: str, name: str) -> None:
    assert describe(ident).name == name


@pytest.mark.parametrize(
    "ident", ["FLU5\\253769484_A", "Lux5\\253694471_M", "ESO5\\VMMmm", "1234567890123", "", "\xe9"]
)
def test_a_maker_that_cannot_be_known_is_not_guessed(ident: str) -> None:
    assert describe(ident).name is None


def test_a_serial_number_is_no_model() -> None:
    assert describe("KMP5 KA6U001660297912") == MeterIdent("Kamstrup", None)
    assert describe("FLU5\\253769484_A") == MeterIdent(None, None)


def test_what_stands_for_a_model_is_told_though_the_maker_is_not_known() -> None:
    assert describe("NWA-WARMTELINK") == MeterIdent(None, "WARMTELINK")


def test_what_a_dialog_would_take_for_markdown_is_no_part_of_a_name() -> None:
    assert describe("ISK5\\2![x](http://bad.example)").name == "Iskra x http //bad.example"
    assert describe("ISK5\\2<b>MT1</b>").name == "Iskra b MT1 /b"
