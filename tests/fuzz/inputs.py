"""What people type and paste: it is taken, or refused with the documented error."""

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from p1meter.archive import parse_selection
from p1meter.archive.formats import FileName, csv_columns, sml3_pairs
from p1meter.keys import parse_key
from p1meter.link.transport import LineSettings, has_line_settings, is_url, scheme_of
from p1meter.load_settings import parse_windows, windows_length_s, windows_text
from p1meter.meter import Obis, OpticalSettings, Reader, Telegram
from p1meter.meter.values import (
    Clock,
    count,
    hexadecimal_serial,
    message,
    number,
    number_with_unit,
    plain_text,
    unit_of,
)
from p1meter.own import OwnRegister, kind_of, new_id, parse_notation, translate
from p1meter.sinks.layouts import is_prefix
from tests.compose import nl5
from tests.simulation.household import ZONE

from .choices import Choices
from .telegrams import CODES, VALUES

if TYPE_CHECKING:
    from collections.abc import Callable

_WORDS: Final = (
    *CODES,
    *VALUES,
    *(
        '"',
        "'",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\n",
        "\\",
        "\\\\",
        "r'",
        "#",
        "~",
        "~1",
        "*01",
        "&",
        "[ name",
        " ",
        "\t",
    ),
    '"1-0:1.8.1": ["Energy", "energy", "^.*\\\\((.*)\\\\*kWh\\\\)"],\n',
    'r"1-0:1.8.9*01": ["x", "y", r"\\((.*)\\)"],\n',
    "1-0:1.8.1[ Electricity tariff 1\n",
    *("\\(", "\\)", "(.*)", "(?:", "^.*", "\\*kWh", ".*?", "0x", "00112233445566778899AABBCCDDEEFF", "-", ":", "."),
    *("socket://", "rfc2217://", "esphome://", "tcp://", "/dev/ttyUSB0", "[::1", "]:", "@", "?", "%", "://", "8N1"),
    *(
        "22:00",
        "-06:00",
        "24:00",
        "25:61",
        "9",
        "19,200",
        "115200 8N1",
        "RAWOct2019",
        "SML3Feb2020-2",
        "CSVNov2026.csv",
    ),
    *("p1meter", "/", "+", "$SYS", "\x00", "\ud800", "\u0660", "\u2028", "\U0001f600", "\u00df", "\x85", "1e9", "NaN"),
)
_TELEGRAM: Final = next(item for item in Reader().feed(nl5()) if isinstance(item, Telegram))
_LETTERS: Final = "".join(map(chr, range(0x20, 0x17F)))


def typed(data: bytes) -> None:
    """Type anything into every field."""
    choices = Choices(data)
    words: list[str] = []
    while choices.are_left and len(words) < 40:
        words.append(choices.text(_LETTERS, 12) if choices.one_in(5) else choices.one_of(_WORDS))
    text = "".join(words)
    for read in (_key, _notation, _table, _selection, _windows, _settings, _port, _values, _names):
        read(text)


def _refused[T](read: Callable[[str], T], text: str) -> T | None:
    """What is made of a text; None where it is refused as documented."""
    with suppress(ValueError):
        return read(text)
    return None


def _key(text: str) -> None:
    key = _refused(parse_key, text)
    assert key is None or len(key) == 16


def _notation(text: str) -> None:
    found = _refused(parse_notation, text)
    if found is not None:
        code, index = found
        assert Obis.parse(str(code)) == code
        register = OwnRegister(id=new_id(text, ()), code=code, index=index, name=text, kind=kind_of(text))
        assert OwnRegister.from_json(register.to_json()) == register
        register.read(_TELEGRAM)


def _table(text: str) -> None:
    for telegram in (None, _TELEGRAM):
        pasted = translate(text, (), telegram)
        lines = text.count("\n") + len(text.splitlines()) + 1
        named = [*pasted.there, *(line for line, _ in pasted.unusable)]
        assert all(0 < line.number <= lines for line in named)
        ids = [register.id for register in pasted.registers]
        assert len(set(ids)) == len(ids)
        for register in pasted.registers:
            assert OwnRegister.from_json(register.to_json()) == register
        again = translate(text, pasted.registers, telegram)
        assert not again.registers, "what is there already is added again"


def _selection(text: str) -> None:
    found = parse_selection(text)
    assert len(set(found.codes)) == len(found.codes)
    assert all(line in text for line in found.unread)


def _windows(text: str) -> None:
    windows = _refused(parse_windows, text)
    if windows is not None:
        assert parse_windows(windows_text(windows)) == windows
        assert 0 <= windows_length_s(windows) <= 86_400


def _settings(text: str) -> None:
    _refused(lambda sent: OpticalSettings(address=sent), text)
    _refused(lambda sent: OpticalSettings(query=sent), text)
    line = _refused(LineSettings.parse, text)
    if line is not None:
        assert LineSettings.parse(str(line)) == line


def _port(text: str) -> None:
    is_url(text)
    has_line_settings(text)
    scheme_of(text)


def _values(text: str) -> None:
    for read in (number, number_with_unit, count, plain_text, hexadecimal_serial, message, unit_of, Obis.parse):
        _refused(read, text)
    clock = Clock(ZONE)
    clock.capture(text, 1, "name")
    clock.date_and_time(text[:6], text[6:], "name")


def _names(text: str) -> None:
    name = FileName.parse(text)
    assert name is None or str(name) == text
    if is_prefix(text):
        assert not set(text) & set("+#\0")
        text.encode()
    csv_columns(text)
    sml3_pairs(text)
