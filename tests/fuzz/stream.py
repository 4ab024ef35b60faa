"""Streams of telegrams, whole and damaged, in any pieces: what the reader makes of them."""

from itertools import pairwise
import re
from typing import TYPE_CHECKING, Final

from p1meter.meter import DecryptionKeys, Reader, Recogniser, Rejected, Telegram
from tests.meter.composing import HOLLEY

from .choices import Choices
from .meaning import look
from .telegrams import (
    LINES,
    NL5_SHORT,
    OWNER,
    SEALED,
    STRANGER,
    TOKENS,
    Piece,
    damaged,
    hostile,
    is_right,
    is_text,
    piece,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MOST_PIECES: Final = 4
_KEYS: Final = DecryptionKeys(OWNER.key, OWNER.authentication_key)
_FRAMES: Final = tuple(SEALED)
# With this head before it a frame is one of HDLC.
_NOISE: Final = tuple(token for token in TOKENS if not token.startswith(b"\xe6"))
# The beginning of a telegram that is encrypted in another way, and the 300 bytes that it says to have.
_OTHER_CIPHER: Final = re.compile(rb"/ABC5x\r\n\r\n\x00\x82\x01\x2c.{0,300}\Z", re.DOTALL)
_OPENED: Final = frozenset(SEALED.values())
_ENCRYPTING: Final = (NL5_SHORT, HOLLEY)
# What the length of an encrypted frame can say (protocol reference, §9.1).
_SHORTEST, _LONGEST = 40, 8192


def plain(data: bytes) -> None:
    """Feed a reader a stream of telegrams of every kind."""
    choices = Choices(data)
    kinds = choices.one_of(LINES)
    pieces: list[Piece] = []
    while choices.are_left and len(pieces) < _MOST_PIECES:
        pieces.append(piece(choices, kinds))
    _look(choices, pieces, Reader(_KEYS if choices.one_in(2) else None, country=choices.one_of((None, "NL", "SE"))))


def encrypted(data: bytes) -> None:
    """Feed a reader that has a key a stream of encrypted frames."""
    choices = Choices(data)
    pieces: list[Piece] = []
    while choices.are_left and len(pieces) < _MOST_PIECES:
        pieces.append(_sealed(choices))
    _look(choices, pieces, Reader(_KEYS))


def _sealed(choices: Choices) -> Piece:
    if choices.one_in(2):
        # The owner's key, and a content that no meter sends.
        text, whole = hostile(choices, _ENCRYPTING)
        if _SHORTEST <= len(text) + 17 <= _LONGEST:
            return Piece(OWNER.seal(text, 100 + choices.below(100)), whole)
    frame = choices.one_of(_FRAMES)
    match choices.below(8):
        case 0 | 1:
            return Piece(frame, SEALED[frame])
        case 2 | 3:
            return Piece(damaged(choices, frame), None)
        case 4:
            return Piece(STRANGER.seal(NL5_SHORT, 1), None)
        case 5:
            # A telegram that nobody ever sent, but the tag is right.
            return Piece(OWNER.seal(damaged(choices, NL5_SHORT)[:2000].ljust(24), 99), None)
        case 6:
            return Piece(choices.some(60), None)
        case _:
            return Piece(choices.one_of((*_NOISE, NL5_SHORT[:100], frame[:100], frame[100:])), None)


def _look(choices: Choices, pieces: Sequence[Piece], reader: Reader) -> None:
    sent = b"".join(one.sent for one in pieces)
    found: list[Telegram | Rejected] = []
    recogniser = Recogniser()
    for part in choices.cut(sent):
        found += reader.feed(part)
        recogniser.feed(part)
    found += reader.close()
    recogniser.verdict()
    telegrams = [item for item in found if isinstance(item, Telegram)]
    wholes = []
    before = b""
    for one, after in pairwise([*pieces, Piece(b"", None)]):
        if one.whole and not _is_doubtful(before, one, after):
            wholes.append(one.whole)
        before += one.sent
    for telegram in telegrams:
        raw = telegram.raw
        if raw not in wholes and raw not in _OPENED:
            assert raw in sent or not sent.isascii(), "a telegram that nobody sent"
            whole = is_right(raw) or (raw not in sent and is_right(_with_blank_line(raw)))
            assert whole if telegram.checksum else is_text(raw), f"a telegram that is not whole: {raw!r}"
        look(telegram)
    _all_found(wholes, telegrams)


def _with_blank_line(opened: bytes) -> bytes:
    """What the checksum of an encrypted telegram is of, where the blank line after the ident was left out."""
    return opened.replace(b"\r\n", b"\r\n\r\n", 1)


def _is_doubtful(before: bytes, one: Piece, after: Piece) -> bool:
    """Whether a telegram could be something else, too.

    With ETX behind it, it may be the rest of a block whose STX was lost; with ETX before it, its slash may by chance be
    the block check of such a rest. An encrypted frame may be in one that is encrypted in another way: nothing tells the
    bytes of the one from those of the other.
    """
    if one.sent.startswith(b"\xdb"):
        return _OTHER_CIPHER.search(before) is not None
    return before.endswith(b"\x03") or (one.sent[-2:-1] != b"\x03" and after.sent.startswith(b"\x03"))


def _all_found(wholes: Iterable[bytes], telegrams: Iterable[Telegram]) -> None:
    """Every telegram that is whole is found, in order.

    A checksum may be right by chance: of what begins with the remains of another telegram and ends with a whole one.
    """
    left = iter(telegrams)
    for whole in wholes:
        assert any(whole in (telegram.raw, telegram.raw[-len(whole) :]) for telegram in left), f"not found: {whole!r}"
