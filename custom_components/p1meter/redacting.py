"""Telegrams that can be shown to anybody: without what says whose meter it is."""

import re
from typing import TYPE_CHECKING, Final

from .meter import Obis
from .meter.checksum import bcc, crc16_arc
from .meter.codes import code_of
from .meter.foreign import is_text
from .meter.obis import split_line
from .meter.values import UNITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .meter import Telegram

# As Home Assistant's diagnostics have it.
REDACTED: Final = "**REDACTED**"
# What may be a serial number, or the hexadecimal digits of one, where there is no code to tell.
_NUMBER: Final = re.compile(r"\d{5,}|[0-9A-Fa-f]{8,}")
# What is no measured value and no point in time.
_LONG_OR_WORD: Final = re.compile(r"\d{13,}|[A-Za-z][A-Za-z0-9]*")
# What may stand behind a number: a unit, or the letter of a point in time.
_MARKS: Final = frozenset({"S", "W"}.union(*UNITS.values()))
# What a line begins with that is a data line, or was one.
_CODE: Final = re.compile(r"([^()]+)\(")
_HEAD_OR_END: Final = re.compile(r"(?:/[^()!]*|![0-9A-Fa-f]{0,4})?")
_END: Final = "!"
# Around the data of an optical read-out; after the second stands its checksum.
_STX: Final = "\x02"
_ETX: Final = "\x03"
# Ids and EAN codes of the meter and of M-Bus meters, messages from the grid company: whatever A and B are.
_PRIVATE: Final = frozenset({(96, 1), (96, 13), (42, 0), (0, 0), ("C", 1)})


def redacted(text: str) -> str:
    """Return a text with every number taken out that may be somebody's."""
    return _NUMBER.sub(REDACTED, text)


def redacted_lines(data: bytes) -> list[str]:
    """Return the lines of what was refused, or is no telegram yet, with everything private taken out.

    Where bytes were lost, a piece of any other line may stand behind a code.
    """
    return _lines(data, _measured)


def redacted_telegram(telegram: Telegram) -> list[str]:
    """Return the lines of an accepted telegram with everything private taken out.

    The checksum, where there was one, is that of these lines: with CR LF behind each, they are a telegram again.
    """
    raw = telegram.raw
    if not telegram.checksum:
        return _lines(raw, str)
    if raw[-2:-1] == _ETX.encode():
        # The `!` may end the last data line.
        lines = [*_lines(raw[:-2].rstrip(b"\r\n\x8d").removesuffix(_END.encode()), str), _END, _ETX]
        text = "\r\n".join(lines).encode()
        # Where STX was lost, the data begin behind the ident line and what is blank after it.
        data = text.partition(_STX.encode())[2] or text.partition(b"\n")[2].lstrip(b"\r\n")
        return [*lines[:-1], f"{_ETX}{chr(bcc(data))}"]
    lines = [*_lines(raw[: raw.rindex(f"\n{_END}".encode()) + 1], str), _END]
    return [*lines[:-1], f"{_END}{crc16_arc('\r\n'.join(lines).encode()):04X}"]


def _lines(data: bytes, public: Callable[[str], str]) -> list[str]:
    """Return what may be shown of each line; lines of which nothing may stand together, with the number of their bytes.

    Args:
        data: the lines, perhaps with parity.
        public: what may be shown of a value whose code is not private.
    """
    lines: list[str] = []
    hidden = 0
    for line in bytes(byte & 0x7F for byte in data).splitlines(keepends=True):
        text = line.rstrip(b"\r\n")
        if text.startswith(_ETX.encode()):
            shown: str | None = _ETX
        elif text.startswith(_STX.encode()):
            shown = _STX + (_shown(text[1:], public) or REDACTED)
        else:
            shown = _shown(text, public)
        if shown is not None:
            lines.append(shown)
            hidden = 0
            continue
        if hidden:
            lines.pop()
        hidden += len(line)
        lines.append(f"{REDACTED} ({hidden} bytes)")
    return lines


def _shown(line: bytes, public: Callable[[str], str]) -> str | None:
    """Return what of a line may be shown; None: nothing."""
    if not is_text(line):
        # Encrypted, or of another protocol: the number of the meter may be in it, in any form.
        return None
    text = line.decode("latin-1")
    try:
        objects = split_line(text)
    except ValueError:
        if _HEAD_OR_END.fullmatch(text):
            return redacted(text)
        begun = _CODE.match(text)
        return (
            None if begun is None or _is_private(begun[1], "") else redacted(begun[0] + _measured(text[begun.end() :]))
        )
    return "".join(
        code + "".join(f"({REDACTED if value and _is_private(code, value) else public(value)})" for value in values)
        for code, values in objects
    )


def _measured(value: str) -> str:
    """Return a value, or pieces of some, with all taken out that is no number with its unit and no point in time."""
    return _LONG_OR_WORD.sub(lambda found: found[0] if found[0] in _MARKS else REDACTED, value)


def _is_private(code: str, value: str) -> bool:
    """Whether a value may say whose meter it is: by its code, or because nobody knows what the code means."""
    if not code:
        # The line goes on with the values of the one before; an id never takes two.
        return False
    try:
        obis = Obis.parse(code)
    except ValueError:
        return True
    return (obis.c, obis.d) in _PRIVATE or (not code_of(obis).known and "*" not in value)
