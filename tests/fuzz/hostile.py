"""Bytes made to take time and memory, and how much they take by their size: scripts/fuzz asks, no test does."""

from time import process_time
import tracemalloc
from typing import TYPE_CHECKING, Final, TypedDict

from p1meter.meter import DecryptionKeys, Reader, Recogniser
from p1meter.meter.iec62056 import ReadOut
from tests.compose import compose
from tests.meter.twins import block

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# No frame is longer than the first: with less, the time is still that of waiting for its end.
SMALL: Final = 64 * 1024
LARGE: Final = 256 * 1024
ENDLESS: Final = 1024 * 1024
MOST_TIMES: Final = 5.0
"""So much longer may four times the bytes take: four times, and what a busy machine adds."""
MOST_KEPT: Final = 1024 * 1024
"""So many bytes may be held, whatever comes: some copies of the largest block (64 KiB)."""

_PIECE: Final = 1000
_REPEATS: Final = 5
_COUNTS_MS: Final = 20.0
_KEYS: Final = DecryptionKeys(bytes(16))
_HEAD: Final = b"/ISK5\\2M550T-1013\r\n\r\n"
_LINE: Final = b"1-0:1.8.0(000123.456*kWh)\r\n"

KINDS: Final[Mapping[str, tuple[bytes, bytes]]] = {
    "slashes": (b"", b"/"),
    "ident lines": (b"", b"/ABC5x\r\n"),
    "idents within a line": (b"", b"x/x"),
    "beginnings of telegrams": (b"", b"/ABC5x\r\n\r\n1-0:1.8.0(1"),
    "ends of telegrams": (b"", b"!\r\n"),
    "ends with wrong checksums": (b"", b"/ABC5x\r\n\r\n1.8.0(1)\r\n!1234\r\n"),
    "a telegram without an end": (_HEAD, _LINE),
    "a block without an end": (b"/ABC5x\r\n\x02", _LINE),
    "blocks whose check is wrong": (b"", b"/ABC5x\r\n\x021.8.0(1)\r\n!\r\n\x03z"),
    "STX": (b"/ABC5x\r\n", b"\x02"),
    "ETX": (_HEAD + b"1", b"\x03"),
    "ETX and !": (_HEAD + b"1", b"!\r\n\x03"),
    "beginnings within a telegram": (_HEAD + b"1", b"\x03x/abcd"),
    "headers of encrypted frames": (b"", b"\xdb\x08SAGtest1\x82\x1f\xf0\x30"),
    "an encrypted frame that is awaited, with beginnings in it": (
        b"",
        (b"\xdb\x08SAGtest1\x82\x1f\xf0\x30" + b"/abc\r\n" * 1300),
    ),
    "headers of another encryption": (b"", b"/ABC5x\r\n\r\n\x00\x82\x1f\xf0\x30"),
    "halves of headers": (b"", b"\xdb\x08"),
    "one line": (_HEAD + b"1-0:1.8.0(", b"1"),
    "one line of codes": (_HEAD, b"1.8.0(1)"),
    "brackets": (_HEAD + b"1-0:1.8.0", b"("),
    "brackets in pairs": (_HEAD + b"1-0:1.8.0", b"()"),
    "blanks": (_HEAD + b"1-0:1.8.0(1)", b" "),
    "CRs": (_HEAD, b"\r"),
    "blank lines": (_HEAD, b"\r\n"),
    "zeros": (b"", b"\x00"),
    "noise": (b"", bytes((number * 73 + 17) % 251 for number in range(997))),
    "noise read with another parity": (b"", bytes(0x80 | (number * 73 + 17) % 127 for number in range(997))),
    "blocks of values on lines of their own": (
        b"",
        b"".join(block(f"ABC5x{number}", "1-0:99.99.9(1)", *["(1)"] * (12_000 - number)) for number in range(20)),
    ),
    "blocks of codes that nobody knows": (
        b"",
        b"".join(
            block(f"ABC5x{number}", *(f"1-0:{one % 200}.{one // 200}.{number + 100}(1)" for one in range(3500)))
            for number in range(20)
        ),
    ),
    "telegrams of huge numbers": (
        b"",
        compose(
            {"1-0:1.8.0": f"({'9' * 3500}*kWh)", "1-0:99.97.0": f"({'9)(' * 1000})", "1-0:1.7.0": f"({'(' * 200})"}
        ),
    ),
}


class Row(TypedDict):
    """One kind, of which so many bytes take so many milliseconds, and how much is kept at most of a megabyte of it."""

    kind: str
    how: str
    small_ms: float
    large_ms: float
    kept_kb: float


def of(kind: str, size: int) -> bytes:
    """So many bytes of a kind."""
    head, unit = KINDS[kind]
    return (head + unit * (size // len(unit) + 1))[:size]


def _whole(data: bytes) -> None:
    reader = Reader()
    reader.feed(data)
    reader.close()


def in_pieces(data: bytes) -> None:
    """Read it as it comes from a line."""
    reader, recogniser = Reader(_KEYS), Recogniser()
    for at in range(0, len(data), _PIECE):
        reader.feed(data[at : at + _PIECE])
        recogniser.feed(data[at : at + _PIECE])
    reader.close()
    recogniser.verdict()


def _byte_by_byte(data: bytes) -> None:
    reader = Reader(_KEYS)
    for at in range(len(data)):
        reader.feed(data[at : at + 1])
    reader.close()


def _from_a_head(data: bytes) -> None:
    for before in (b"", b"/ABC5x\r\n", b"/ABC5x\r\n\x02"):
        read_out = ReadOut()
        read_out.start()
        read_out.silence()
        read_out.receive(before)
        read_out.silence()
        for at in range(0, len(data), _PIECE):
            read_out.receive(data[at : at + _PIECE])


HOW: Final[Mapping[str, Callable[[bytes], None]]] = {
    "at once": _whole,
    "in pieces": in_pieces,
    "byte by byte": _byte_by_byte,
    "from an optical head": _from_a_head,
}


def measure() -> list[Row]:
    """Measure everything: processor time, the best of some repeats."""
    rows: list[Row] = []
    for kind in KINDS:
        endless = of(kind, ENDLESS)
        tracemalloc.start()
        in_pieces(endless)
        _, kept = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        for how, run in HOW.items():
            small, large = (_seconds(run, of(kind, size)) for size in (SMALL, LARGE))
            rows.append(
                {
                    "kind": kind,
                    "how": how,
                    "small_ms": round(small * 1000, 2),
                    "large_ms": round(large * 1000, 2),
                    "kept_kb": round(kept / 1024),
                }
            )
    return rows


def _seconds(run: Callable[[bytes], None], data: bytes) -> float:
    best = float("inf")
    for _ in range(_REPEATS):
        started = process_time()
        run(data)
        best = min(best, process_time() - started)
    return best


def page(rows: Sequence[Row]) -> str:
    """Lay the measurements out as Markdown."""
    ratio = max((row["large_ms"] / row["small_ms"] for row in rows if row["large_ms"] > _COUNTS_MS), default=0)
    kept = max(row["kept_kb"] for row in rows)
    by_kind: dict[str, dict[str, Row]] = {}
    for row in rows:
        by_kind.setdefault(row["kind"], {})[row["how"]] = row
    table = [["hostile bytes", *HOW, "kept at most"], ["---", *["--:"] * (len(HOW) + 1)]]
    for kind, ways in by_kind.items():
        times = [f"{ways[how]['small_ms']:.1f} → {ways[how]['large_ms']:.1f} ms" for how in HOW]
        table.append([kind, *times, f"{ways['in pieces']['kept_kb']:.0f} KiB"])
    lines = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
    return (
        f"Processor time for {SMALL // 1024} KiB → {LARGE // 1024} KiB of each, and the most memory that a megabyte of "
        f"it in pieces holds. Of all that takes more than {_COUNTS_MS:.0f} ms, four times the bytes take at most "
        f"{ratio:.1f} times as long (wanted: {MOST_TIMES:.0f} at most); at most {kept:.0f} KiB are held (wanted: "
        f"{MOST_KEPT // 1024}).\n\n{lines}"
    )
