"""Which objects of a telegram are kept."""

from typing import TYPE_CHECKING, NamedTuple

from ..meter import Obis
from ..meter.codes import code_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ..meter import Reading


class Parsed(NamedTuple):
    """What a selection file says.

    Attributes:
        codes: the objects, in order, each once.
        unread: the lines that name none, as they stand there.
    """

    codes: tuple[Obis, ...]
    unread: tuple[str, ...]


def parse_selection(text: str) -> Parsed:
    """Read the selection file of the Raspberry Pi program smartmeter 3.0 (`ObisSelected`).

    One object a line, `1-0:1.8.1[ Electricity tariff 1`: what follows the bracket is for people. Lines that begin with
    `#` and empty lines count for nothing. The short codes of optical meters (`1.8.0`, `C.7.0`) are taken as well.
    """
    codes: dict[Obis, None] = {}
    unread: list[str] = []
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        code, _, _ = line.partition("[")
        try:
            codes[Obis.parse(code.rstrip())] = None
        except ValueError:
            unread.append(line)
    return Parsed(tuple(codes), tuple(unread))


class Selection:
    """What a person chose of all that a meter sends."""

    def __init__(self, codes: Collection[Obis] | None) -> None:
        """Choose these objects; None: everything. A code in any of its spellings means the same object."""
        self._is_all = codes is None
        items = [code_of(code) for code in codes or ()]
        self._current = {item.name for item in items if not item.past}
        # A value of an earlier period is an object of its own.
        self._past = {(item.name, item.obis.f, item.obis.manual) for item in items if item.past}

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was chosen."""
        return not (self._is_all or self._current or self._past)

    def allows(self, obis: Obis) -> bool:
        """Return whether this object was chosen."""
        if self._is_all:
            return True
        item = code_of(obis)
        if item.past:
            return (item.name, obis.f, obis.manual) in self._past
        return item.name in self._current

    def readings(self, readings: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """Return the readings of the chosen objects; what was computed belongs to no object, but to everything."""
        if self._is_all:
            return readings
        return {key: one for key, one in readings.items() if one.obis is not None and self.allows(one.obis)}
