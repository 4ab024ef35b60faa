"""SML and SML3 lines: those of the Raspberry Pi program smartmeter 3.0, and of our own journal (docs/journal.md).

A line is a telegram without the objects that were not chosen, so it is read as one.
"""

from functools import lru_cache
import re
from typing import TYPE_CHECKING, Final

from ...meter import REGISTERS, Obis, Reader, Telegram
from ...meter.checksum import crc16_arc
from ...meter.codes import code_of
from ...meter.profiles import profile
from ..formats import sml3_pairs
from .dated import values_of
from .entries import LONGEST, Entry, Stamps, lines_of, thin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import tzinfo
    from typing import BinaryIO

    from ..formats import Pair
    from .dated import Dated, Problems

STAMP: Final = "0-0:1.0.0"
_STAMPS = Stamps(
    re.compile(rb"\A((?:0-?0:?1\.?0\.?0(?:\*255)?;)?\(\d{8})(\d{4}[^();]?)\)"),
    re.compile(rb"\((\d{8})(\d{4}|\d{2})[SW]?\)"),
)
_ENTRY = re.compile(rb"\A(?:0-?0:?1\.?0\.?0(?:\*255)?;)?\(\d{12}[^();]?\)(?:;|\s*\Z)")
_TIME = re.compile(r"\d{12}")
# Of an earlier month: there may be more of them than a telegram can hold. On some meters *00 is now.
_SLOT = re.compile(r"&|\*(?!0{1,3}\Z|255\Z)")
_STRIPPED = str.maketrans("", "", "-:.")
_CHANNELS = range(1, 10)
# What a channel of the M-Bus sends, beside what stands in the table of registers.
_CHANNEL_CODES = ("24.1.0", "24.2.1", "24.2.2", "24.2.3", "24.3.0", "24.3.1", "24.4.0", "96.1.0", "96.1.1", "96.1.2")
_MOST_UNKNOWN = 1000


def _codes() -> dict[str, str]:
    """Return the complete codes by what they are without `-`, `:` and `.`, and the short ones of optical meters."""
    full: dict[str, str] = {}
    short: dict[str, set[str]] = {}
    for register in REGISTERS.values():
        for code in register.codes:
            if "-" in code or code[0] in "CF":
                for channel in _CHANNELS:
                    one = code.replace("0-n", f"0-{channel}")
                    full[one.translate(_STRIPPED)] = one
                continue
            full[f"10{code}".translate(_STRIPPED)] = f"1-0:{code}"
            for one in (code, code.removesuffix(".0")):
                short.setdefault(one.translate(_STRIPPED), set()).add(one)
    for channel in _CHANNELS:
        for code in _CHANNEL_CODES:
            full[f"0{channel}{code}".translate(_STRIPPED)] = f"0-{channel}:{code}"
    return {key: min(codes) for key, codes in short.items() if len(codes) == 1} | full


_CODES: Final[Mapping[str, str]] = _codes()


@lru_cache(maxsize=4096)
def full_code(text: str) -> str | None:
    """Return the code that a token of a line means, with its separators; None for one that we do not know.

    Without separators a code can be read in several ways: only those that meters are known to send are taken.
    """
    text = text.strip()
    try:
        return str(Obis.parse(text))
    except ValueError:
        pass
    head, mark, slot = text.partition("&" if "&" in text else "*")
    found = _CODES.get(head)
    return None if found is None else f"{found}{mark}{slot}"


def join_wrapped(entries: Iterator[Entry]) -> Iterator[Entry]:
    """Join what was wrapped after a semicolon: a line that begins no entry continues one that has not ended."""
    held: Entry | None = None
    for entry in entries:
        data = entry.data
        if held is not None:
            if not _ENTRY.match(data) and len(held.data) <= LONGEST:
                held = Entry(held.line, held.data + data.strip())
            else:
                yield held
                held = entry
        else:
            held = entry
        if not held.data.endswith((b";", b";\r")):
            yield held
            held = None
        elif held.data.endswith(b"\r"):
            held = Entry(held.line, held.data[:-1])
    if held is not None:
        yield held


class Lines:
    """Reads the lines of one file."""

    def __init__(
        self,
        problems: Problems,
        *,
        zone: tzinfo,
        country: str | None,
        columns: Sequence[str],
        channels: Mapping[int, str],
    ) -> None:
        """Begin at the start of a file.

        Args:
            problems: where is noted what cannot be used.
            zone: where stamps without S or W are local.
            country: ISO 3166, or None: in eastern Europe winter time is UTC+2.
            columns: the codes of the values in lines without codes, in order, the time first.
            channels: what the M-Bus meters measure (`gas`) whose lines do not say it, by channel.
        """
        self._problems = problems
        self._reader = Reader(zone=zone, country=country)
        # W is UTC+1 wherever a line is of, except where it is not: the codes that were chosen do not tell that.
        self._ident = "ESO5" if profile("generic", country).winter_offset > 1 else "FLU5"
        self._columns = tuple(full_code(code) or "" for code in columns)
        self._device_types = {
            f"0-{channel}:24.1.0": f"({REGISTERS[key].mbus_types[0]:03})"
            for channel, key in channels.items()
            if REGISTERS[key].mbus_types
        }
        self._unknown: set[str] = set()

    def values(self, file: BinaryIO) -> Iterator[Dated]:
        """Give the readings around the change of every hour."""
        return thin(join_wrapped(lines_of(file, self._problems)), _STAMPS, self._read)

    def _read(self, entry: Entry) -> list[Dated] | None:
        text = entry.data.decode("latin-1").strip("\0\r ")
        if not text:
            return []
        pairs = sml3_pairs(text) if len(text) <= LONGEST else ()
        if not pairs:
            self._problems.add(entry.line, "damaged", text)
            return None
        objects = self._objects(entry, pairs)
        if objects is None:
            return None
        body = "".join(f"{code}{values}\r\n" for code, values in objects.items())
        raw = f"/{self._ident}\r\n\r\n{body}!".encode("latin-1")
        read = self._reader.feed(raw + b"%04X\r\n" % crc16_arc(raw))
        values: list[Dated] = []
        for item in (*read, *self._reader.close()):
            if isinstance(item, Telegram):
                values += values_of(item, entry.line, self._problems)
            else:
                self._problems.add(entry.line, "refused", item.reason)
        # What has no value that is dated is as good as damaged.
        return values or None

    def _objects(self, entry: Entry, pairs: Sequence[Pair]) -> dict[str, str] | None:
        """Return what stands under each code, the time first; None if the line is no use."""
        codes: Sequence[str | None]
        if any(pair.code for pair in pairs):
            # Who leaves out the code of the time leaves out nothing else.
            codes = [
                full_code(pair.code) if pair.code else STAMP if not place else None for place, pair in enumerate(pairs)
            ]
        elif len(pairs) == len(self._columns):
            codes = self._columns
        else:
            self._problems.add(entry.line, "columns", str(len(pairs)))
            return None
        stamp = pairs[0].groups[0]
        if codes[0] != STAMP or _TIME.match(stamp) is None:
            self._problems.add(entry.line, "no_time", entry.data[:80].decode("latin-1"))
            return None
        objects: dict[str, str] = {}
        for code, pair in zip(codes, pairs, strict=True):
            if code and _SLOT.search(code):
                continue
            if code:
                objects[code] = f"({')('.join(pair.groups)})"
            elif pair.code:
                self._note_unknown(entry, pair.code)
        # Only S and W mean something there.
        objects[STAMP] = f"({stamp if stamp[12:] in {'S', 'W'} else stamp[:12]})"
        return objects | {
            code: sent
            for code, sent in self._device_types.items()
            if code not in objects and any(one.startswith(code.partition(":")[0]) for one in objects)
        }

    def _note_unknown(self, entry: Entry, code: str) -> None:
        """Note a code once, however many lines have it."""
        if code not in self._unknown and len(self._unknown) < _MOST_UNKNOWN:
            self._unknown.add(code)
            self._problems.add(entry.line, "unknown_code", code)


def columns_of(telegram: Telegram, allows: Callable[[Obis], bool]) -> tuple[str, ...]:
    """Return the columns that our journal, or smartmeter 3.0, writes of such a telegram without their codes.

    Args:
        telegram: one of the meter.
        allows: says whether an object was chosen.
    """
    codes = (obis for obis, _ in telegram.objects if code_of(obis).name != STAMP and allows(obis))
    return (STAMP, *map(str, codes))
