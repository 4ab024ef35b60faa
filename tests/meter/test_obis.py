import pytest

from p1meter.meter import Obis
from p1meter.meter.obis import are_data_lines, are_data_sets, split_line


@pytest.mark.parametrize(
    ("text", "a", "b", "c", "d", "e", "f"),
    [
        ("1-0:1.8.1", 1, 0, 1, 8, 1, None),
        ("1-0:1.8.0*255", 1, 0, 1, 8, 0, 255),
        ("0-0.1.0.0", 0, 0, 1, 0, 0, None),
        ("129-129:199.130.3*255", 129, 129, 199, 130, 3, 255),
        ("1.8.1", None, None, 1, 8, 1, None),
        ("32.7", None, None, 32, 7, None, None),
        ("0.0", None, None, 0, 0, None, None),
        ("1.8.0*01", None, None, 1, 8, 0, 1),
        ("6.26*01", None, None, 6, 26, None, 1),
        ("C.1.0", None, None, "C", 1, 0, None),
        ("0-0:C.51.2*03", 0, 0, "C", 51, 2, 3),
        ("F.F", None, None, "F", "F", None, None),
        ("F", None, None, "F", None, None, None),
        ("L.1", None, None, "L", 1, None, None),
        ("P.01", None, None, "P", 1, None, None),
    ],
)
def test_every_spelling_is_understood(
    text: str, a: int | None, b: int | None, c: int | str, d: int | str | None, e: int | None, f: int | None
) -> None:
    code = Obis.parse(text)
    assert (code.a, code.b, code.c, code.d, code.e, code.f) == (a, b, c, d, e, f)
    assert not code.manual


def test_a_reset_by_hand_is_told_from_one_by_the_clock() -> None:
    assert Obis.parse("1.6.1&03").manual
    assert Obis.parse("1.6.1&03") != Obis.parse("1.6.1*03")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("1-0:1.8.1", "1-0:1.8.1"),
        ("0-0.1.0.0", "0-0:1.0.0"),
        ("1.8.0*01", "1.8.0*01"),
        ("1-0:96.50.0*7", "1-0:96.50.0*07"),
        ("1-1:0.6.3.4", "1-1:0.6.3*04"),
        ("1-0:1.8.0.255", "1-0:1.8.0*255"),
        ("1-0:1.8.0*255", "1-0:1.8.0*255"),
        ("1.6.1&03", "1.6.1&03"),
        ("32.7", "32.7"),
        ("F", "F"),
        ("0-0:F.F.0*255", "0-0:F.F.0*255"),
    ],
)
def test_printing_is_canonical_with_every_group_that_was_sent(text: str, printed: str) -> None:
    assert str(Obis.parse(text)) == printed
    assert Obis.parse(printed) == Obis.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "x",
        "1-0",
        "1-0:",
        "1-0:1",
        "1-0:1.8.1.2.3",
        "1-0:1.8.1.2*3",
        "1-0:1.8.256",
        "300.7",
        "1-0:4:24.7.0",
        "1-0:!.8.1",
        "1-021.7.0",
        "1.8.0*",
        "1.8.0*0000",
        " 1.8.0",
        "1.8.0\n",
        "A.1",
        "1-0:1.8.F",
        "\u0661.\u0668.\u0660",
    ],
)
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="OBIS"):
        Obis.parse(text)


def test_codes_are_values() -> None:
    assert Obis.parse("1-0:1.8.1") == Obis(1, 0, 1, 8, 1)
    assert {Obis.parse("1-0:1.8.1"): "day"}[Obis(1, 0, 1, 8, 1)] == "day"
    assert Obis.parse("1-0:1.8.1") != Obis.parse("1.8.1")
    with pytest.raises(AttributeError):
        Obis.parse("1-0:1.8.1").a = 2  # type: ignore[misc] # that it cannot be done is what is tested


@pytest.mark.parametrize(
    ("line", "objects"),
    [
        ("1-0:1.8.1(000004.426*kWh)", [("1-0:1.8.1", ("000004.426*kWh",))]),
        ("0-0:96.13.0()", [("0-0:96.13.0", ("",))]),
        ("0-1:24.2.1(170102161005W)(00000.107*m3)", [("0-1:24.2.1", ("170102161005W", "00000.107*m3"))]),
        ("1.8.0(1)1.8.1(2)(3)6.8.1()", [("1.8.0", ("1",)), ("1.8.1", ("2", "3")), ("6.8.1", ("",))]),
        ("(00054.386)", [("", ("00054.386",))]),
        ("(1)()1.8.0(2)", [("", ("1", "")), ("1.8.0", ("2",))]),
        ("F(0) ", [("F", ("0",))]),
        ("0-0:96.13.0(ÿÿ)", [("0-0:96.13.0", ("ÿÿ",))]),
        ("1-0:0.2.0((ER11))", [("1-0:0.2.0", ("(ER11)",))]),
        ("1.8.0((ER11))1.8.1(1)((ER23))", [("1.8.0", ("(ER11)",)), ("1.8.1", ("1", "(ER23)"))]),
    ],
)
def test_a_line_is_taken_apart(line: str, objects: list[tuple[str, tuple[str, ...]]]) -> None:
    assert split_line(line) == objects


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1-0:1.8.1",
        "1-0:1.8.1(",
        "1-0:1.8.1(1",
        "1-0:1.8.1(1)x",
        "1-0:!.8.1(1)",
        "!",
        "1.8.0((1))",
        "1.8.0((ER11)",
        "1.8.0(1(ER11))",
        "x(1)",
        " 1.8.0(1)",
        "1.8.0(1)1.8.1",
    ],
)
def test_what_is_no_data_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="data line"):
        split_line(line)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\r\n\r\n",
        b"1.8.0(1)\r\n",
        b"1.8.0(1)\n\n1.8.1(2)1.8.2(3)\n",
        b"0-1:24.3.0(121106150000)(00)(60)(1)(0-1:24.2.1)(m3)\r\n(00054.386)\r\n0-1:24.4.0(1)\r\n",
        b"0-1:24.3.0(121106150000)(m3)\r\n\r\n(00054.386)(1)\r\n(2)\r\n",
        b"C.2.1(    )(a/b#c&d)  \r\n",
        b"1-0:0.2.0((ER11))\r\n1.8.0(1)((ER23))\r\n",
    ],
)
def test_whole_lines_fit(text: bytes) -> None:
    assert are_data_lines(text)
    assert are_data_sets(text)


@pytest.mark.parametrize(
    "text",
    [
        b"1.8.0(1)",
        b"1.8.0(1\r\n",
        b"1.8.0(1)1\r\n",
        b"(00054.386)\r\n1.8.0(1)\r\n",
        b"1.8.0(1)\r\nx\r\n(2)\r\n",
        b"1.8.0(0!1)\r\n",
        b"1.8.0((ER11)\r\n",
        b"1.8.0(00(ER11))\r\n",
        b"1.8.0((ER11)00)\r\n",
        b"1.8.0((1))\r\n",
        b"1.8.0(0\x011)\r\n",
        b"1.8.0(0\xb11)\r\n",
        b"1-0:1.8.1(0001-0:1.8.2(0002.000*kWh)\r\n",
        b"/KMP5 KA6U001660297912\r\n",
    ],
)
def test_lines_that_are_not_whole_do_not_fit(text: bytes) -> None:
    assert not are_data_lines(text)
