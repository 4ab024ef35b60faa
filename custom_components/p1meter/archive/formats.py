"""The formats of the journal: what an entry looks like, what a file is called, and how a file ends that is whole.

SML3 and RAW are those of the Raspberry Pi program smartmeter 3.0: what was written by one can be read by the other. CSV
is RFC 4180 with a line feed for a line end.
"""

import csv
from datetime import datetime, timedelta
from decimal import Decimal
import io
import re
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Self

from ..meter.codes import code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ..meter import Obis, Reading, Telegram

type JournalFormat = Literal["sml3", "sml3_full", "sml3_values", "csv", "raw"]
type Kind = Literal["SML3", "RAW", "CSV"]
type Codes = Literal["stripped", "full", "none"]

KINDS: Final[Mapping[JournalFormat, Kind]] = {
    "sml3": "SML3",
    "sml3_full": "SML3",
    "sml3_values": "SML3",
    "csv": "CSV",
    "raw": "RAW",
}
CODES: Final[Mapping[JournalFormat, Codes]] = {"sml3": "stripped", "sml3_full": "full", "sml3_values": "none"}

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_KINDS: Final[tuple[Kind, ...]] = ("SML3", "RAW", "CSV")
_FILE_NAME = re.compile(rf"({'|'.join(_KINDS)})({'|'.join(_MONTHS)})(\d{{4}})(?:-(\d{{1,2}}))?(\.csv)?", re.ASCII)


class FileName(NamedTuple):
    """What a monthly file is called: `SML3Oct2019`, `RAWSep2015`, `CSVNov2026.csv`, and `CSVNov2026-2.csv`.

    Attributes:
        kind: what is in it.
        year, month: which month.
        part: counts the files of one month, where one is not enough: CSV, when there are other columns.
    """

    kind: Kind
    year: int
    month: int
    part: int = 1

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return what a name says, None if it is not the name of a monthly file."""
        found = _FILE_NAME.fullmatch(text)
        if found is None:
            return None
        kind, month, year, part, _ = found.groups()
        name = cls(_KINDS[_KINDS.index(kind)], int(year), _MONTHS.index(month) + 1, int(part or 1))
        return name if str(name) == text else None

    def __str__(self) -> str:
        part = "" if self.part == 1 else f"-{self.part}"
        return f"{self.kind}{_MONTHS[self.month - 1]}{self.year:04}{part}{'.csv' if self.kind == 'CSV' else ''}"

    @property
    def months(self) -> int:
        """The month, counted from the year 0."""
        return self.year * 12 + self.month - 1


# --- entries ----------------------------------------------------------------------------------------------------------

_STAMP: Final = "0-0:1.0.0"
_STRIPPED = str.maketrans("", "", "-:.")
# What stands for itself in no line: a value that holds it would end its line.
_CONTROL = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0)])
_FORMULAS = ("=", "+", "-", "@")
# S is summer time in central Europe, W the time of winter.
_LETTERS: Final = {timedelta(hours=1): "W", timedelta(hours=2): "S"}


def sml3_line(telegram: Telegram, received: datetime, allows: Callable[[Obis], bool], *, codes: Codes) -> str:
    """Return the selected objects of a telegram on one line, `code;value;code;value`, without the line end.

    The meter's stamp comes first, whether it was chosen or not, then the objects in the order of the telegram, each as
    it was sent.

    Args:
        telegram: what came.
        received: when, aware: it is the stamp where the meter sends none that is a time.
        allows: says whether an object was chosen.
        codes: `10181` is `stripped`, `1-0:1.8.1` is `full`, `none` leaves them out.
    """
    stamp = _stamp(telegram.time or received, telegram)
    first = ""
    tokens: list[str] = []
    for obis, groups in telegram.objects:
        is_stamp = obis.c == 1 and obis.d == 0 and code_of(obis).name == _STAMP
        if not is_stamp and not allows(obis):
            continue
        value = f"({')('.join(groups)})"
        if not value.isprintable():
            value = value.translate(_CONTROL)
        if is_stamp:
            # One that is no time is not worth keeping.
            first = first or (value if telegram.time is not None else "")
            continue
        if codes != "none":
            code = str(obis)
            tokens.append(code.translate(_STRIPPED) if codes == "stripped" else code)
        tokens.append(value)
    tokens.insert(0, first or stamp)
    if codes != "none":
        tokens.insert(0, _STAMP.translate(_STRIPPED) if codes == "stripped" else _STAMP)
    return ";".join(tokens)


def _stamp(time: datetime, telegram: Telegram) -> str:
    """Return a time as a meter writes it: `(YYMMDDhhmmssX)`; without X where neither S nor W would be right."""
    local = time.astimezone(telegram.zone)
    letter = _LETTERS.get(local.utcoffset() or timedelta(), "")
    # Where it is +02:00 in winter, meters mean that by W, and whoever reads the file has to believe them.
    is_eastern = telegram.profile.winter_offset > 1 or (letter == "S" and not local.dst())
    return f"({local:%y%m%d%H%M%S}{'' if is_eastern else letter})"


_ETX: Final = b"\x03"


def raw_entry(telegram: Telegram) -> bytes:
    """Return a telegram as it was received, and a blank line."""
    raw = telegram.raw
    # The check character of a block may be a line feed.
    ends_line = raw.endswith(b"\n") and raw[-2:-1] != _ETX
    return raw + (b"\r\n" if ends_line else b"\r\n\r\n")


_TIME: Final = "time"


def csv_cells(readings: Mapping[str, Reading]) -> dict[str, str]:
    """Return what a line of a CSV file says, by column: `import_tariff_1 (kWh)`, with the unit as it was sent."""
    cells: dict[str, str] = {}
    for key, reading in readings.items():
        value = reading.value
        if value is None:
            continue
        column = key if reading.unit is None else f"{key} ({reading.unit.translate(_CONTROL)})"
        if isinstance(value, datetime):
            cells[column] = value.isoformat()
        elif isinstance(value, Decimal):
            cells[column] = f"{value:f}"  # never 1E-7
        else:
            text = str(value).translate(_CONTROL)
            # What a spreadsheet would take for a formula stays a text.
            cells[column] = f"'{text}" if text.startswith(_FORMULAS) else text
    return cells


def csv_header(columns: Iterable[str]) -> str:
    """Return the first line of a CSV file with these columns and the time before them, without the line end."""
    return _csv_row((_TIME, *columns))


def csv_line(time: datetime, columns: Iterable[str], cells: Mapping[str, str]) -> str:
    """Return a line of a CSV file with these columns, without the line end; `time` is aware."""
    return _csv_row((time.isoformat(), *(cells.get(column, "") for column in columns)))


def csv_columns(header: str) -> tuple[str, ...] | None:
    """Return the columns that the first line of a file names, beside the time; None if it is none of ours."""
    try:
        row = next(csv.reader([header]), [])
    except csv.Error:  # longer than the module takes
        return None
    return tuple(row[1:]) if row[:1] == [_TIME] else None


def _csv_row(cells: Sequence[str]) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(cells)
    return row.getvalue()


# --- reading, as far as files are mended ------------------------------------------------------------------------------

_PAIR = re.compile(r"(?:([^;()]*);)?(\([^()]*\)(?:\([^()]*\))*)(?:;|\Z)")


class Pair(NamedTuple):
    """A value of an SML3 line.

    Attributes:
        code: as written, stripped or full; "" where the line has no codes.
        groups: what stands in each pair of brackets.
    """

    code: str
    groups: tuple[str, ...]


def sml3_pairs(line: str) -> tuple[Pair, ...]:
    """Return the values of a line, with or without codes; none if it is not whole.

    A value may hold a semicolon. (Seed features A21, A22 and A24.)
    """
    pairs: list[Pair] = []
    position = 0
    while found := _PAIR.match(line, position):
        pairs.append(Pair(found[1] or "", tuple(found[2][1:-1].split(")("))))
        position = found.end()
    return () if position < len(line) or line.endswith(";") else tuple(pairs)


TAIL: Final = 128 * 1024
"""So much of the end of a file is enough to mend it: the largest telegram has half of that."""

_STARTS = re.compile(rb"(?:\A|(?<=\n))[/\xaf]")
_FIRST_START = re.compile(rb"(?<=\n)[/\xaf]")
_FIRST_LINE = re.compile(rb"(?<=\n)(?=.)", re.DOTALL)
# With STX (IEC 62056-21 §6.3) a block check follows the `!`, or, where it was lost, our blank line.
_BLOCK = re.compile(rb"[^\n]*[\r\n]*[\x02\x82]")
_END = re.compile(rb"\n![^()/\xaf\n]{0,8}\n|\x03.", re.DOTALL)
_BLOCK_END = re.compile(rb"\n!\r?\n\r?\n|\x03.", re.DOTALL)
_BLANK_LINE = re.compile(rb"(?:\A|\n\r?\n)\Z")


class Mend(NamedTuple):
    """How the end of a file becomes whole again.

    Attributes:
        keep: so many bytes of the tail stay.
        add: these come after them.
    """

    keep: int
    add: bytes


def mend(kind: Kind, tail: bytes) -> Mend:
    """Return how a file becomes whole that was cut off at any byte, or was filled up with zeros, by a power loss.

    Args:
        kind: what is in the file.
        tail: its last `TAIL` bytes, or all of it.
    """
    # A file system may have noted the size of a file before what is in it.
    kept = tail.rstrip(b"\0")
    return _mend_telegrams(kept) if kind == "RAW" else _mend_lines(kind, kept)


def _mend_lines(kind: Kind, tail: bytes) -> Mend:
    last = tail.rfind(b"\n") + 1
    if last == len(tail):
        return Mend(last, b"")
    if kind == "SML3" and _is_like_the_line_before(tail[:last], tail[last:]):
        return Mend(len(tail), b"\n")
    return Mend(last, b"")


def _is_like_the_line_before(lines: bytes, last: bytes) -> bool:
    """Return whether a line without an end lacks nothing else: it has the same values as the line before."""
    before = lines[lines.rfind(b"\n", 0, -1) + 1 :].decode("latin-1").strip()
    wanted, there = (
        [(pair.code, len(pair.groups)) for pair in sml3_pairs(line)]
        for line in (before, last.decode("latin-1").rstrip())
    )
    return there != [] and there == wanted


def _mend_telegrams(tail: bytes) -> Mend:
    starts = [start.start() for start in _STARTS.finditer(tail)]
    if not starts:
        return Mend(tail.rfind(b"\n") + 1, b"")
    last = starts[-1]
    end = _BLOCK_END if _BLOCK.match(tail, last) else _END
    if end.search(tail, last) is None:
        return Mend(last, b"")
    return Mend(len(tail), _blank_line(tail))


def gap(kind: Kind, tail: bytes) -> bytes:
    """Return what has to follow the end of a file that is not ours, whatever it is, before the next entry can."""
    if kind == "RAW":
        return _blank_line(tail)
    return b"" if not tail or tail.endswith(b"\n") else b"\n"


def boundary(kind: Kind, data: bytes) -> int | None:
    """Return where the first entry begins that begins within a piece of a file; None if none does."""
    found = (_FIRST_START if kind == "RAW" else _FIRST_LINE).search(data)
    return None if found is None else found.start()


def _blank_line(tail: bytes) -> bytes:
    if _BLANK_LINE.search(tail):
        return b""
    return b"\r\n" if tail.endswith(b"\n") else b"\r\n\r\n"
