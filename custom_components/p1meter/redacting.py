"""Telegrams that can be shown to anybody: without what says whose meter it is."""

import re
from typing import TYPE_CHECKING, Final

from .meter import Obis
from .meter.codes import code_of
from .meter.foreign import is_text
from .meter.obis import split_line

if TYPE_CHECKING:
    from collections.abc import Iterator

# As Home Assistant's diagnostics have it.
REDACTED: Final = "**REDACTED**"
# What may be a serial number, or the hexadecimal digits of one, where there is no code to tell.
_NUMBER: Final = re.compile(r"\d{5,}|[0-9A-Fa-f]{8,}")
# Ids and EAN codes of the meter and of M-Bus meters, messages from the grid company: whatever A and B are.
_PRIVATE: Final = frozenset({(96, 1), (96, 13), (42, 0), (0, 0), ("C", 1)})


def redacted(text: str) -> str:
    """Return a text with every number taken out that may be somebody's."""
    return _NUMBER.sub(REDACTED, text)


def redacted_lines(data: bytes) -> list[str]:
    """Return the lines of a telegram, or of what was refused, with everything private taken out."""
    return list(_lines(data))


def _lines(data: bytes) -> Iterator[str]:
    # A meter may send with parity.
    for line in bytes(byte & 0x7F for byte in data).splitlines():
        if not is_text(line):
            # Encrypted, or of another protocol: the number of the meter may be in it, in any form.
            yield REDACTED
            continue
        try:
            objects = split_line(line)
        except ValueError:
            # Not a data line: an identification, an end, or damage. A number that long may be anybody's.
            yield redacted(line.decode("latin-1"))
            continue
        yield "".join(
            code + "".join(f"({REDACTED if value and _is_private(code, value) else value})" for value in values)
            for code, values in objects
        )


def _is_private(code: str, value: str) -> bool:
    """Whether a value may say whose meter it is: by its code, or because nobody knows what the code means."""
    try:
        obis = Obis.parse(code)
    except ValueError:
        # The line goes on with the values of the one before; an id never takes two.
        return False
    return (obis.c, obis.d) in _PRIVATE or (not code_of(obis).known and "*" not in value)
