"""Finds telegrams in a stream of bytes, and says why one was refused.

A P1 telegram runs from a `/` at the start of a line to a line of `!` and its checksum (DSMR 5.0.2 P1 §5.2 and §6.2), an
IEC 62056-21 block from STX to ETX and its block check (§6.3). Nothing is judged before an end was found. Then the
checksum decides; only if it says no is the text searched for a telegram that was cut and another that began.
"""

from collections import deque
import re
from typing import TYPE_CHECKING, NamedTuple

from .checksum import ends_in_crc
from .cipher import (
    HEADER,
    LOOKS_BACK,
    FramesWithin,
    NoKeyError,
    UnauthenticatedError,
    WrongKeyError,
    decrypt,
    frame_size,
)
from .verdict import (
    BAD_CHECKSUM,
    BLOCK_START,
    ETX,
    HEAD,
    IDENT_TEXT,
    LAST_SLASH,
    NO_BLOCK_CHECK,
    OVERRUN,
    TELEGRAM_LIMIT,
    Frame,
    Reason,
    Refusal,
    Rejected,
    check,
    find_inner,
    ident_starts,
    is_stx,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from .cipher import DecryptionKeys

__all__ = ["Frame", "FrameFinder", "Reason", "ReceivedAt", "Rejected"]


class ReceivedAt(NamedTuple):
    """When bytes came in: the monotonic clock in seconds, and the wall clock (aware)."""

    monotonic: float
    wall: datetime


_NO_END = Refusal(Reason.TRUNCATED, "The telegram stopped before its end, and another one began.")
_TIMEOUT = Refusal(Reason.TIMEOUT, "The input ended, or fell silent, in the middle of a telegram.")
_GARBAGE = Refusal(Reason.GARBAGE, "These bytes belong to no telegram.")
_ENCRYPTED = Refusal(Reason.CIPHER, "The meter encrypts its telegrams: the key of the grid company is needed.")
_SEALED = Refusal(Reason.CIPHER, "This kind of meter (Elgama) encrypts in a way of its own, which is not supported.")
_UNAUTHENTICATED = Refusal(
    Reason.UNSUPPORTED, "The meter encrypts without authentication: nothing would prove that a value is the meter's."
)
_WRONG_KEY = "The {} key does not fit this meter, or the telegram was damaged on its way."

# Seen: 9.5 kB from an optical head (15 months of history).
_BLOCK_LIMIT = 64 * 1024
_GARBAGE_LIMIT = 8 * 1024
# No start and no end is longer: so much of what was searched must be searched again when more bytes come.
_REACH = 160

_TAG_OF_ENCRYPTED = 0xDB
# Padding; in 7E1 read as 8N1, CR is 8D.
_IDLE_BYTES = b"\x00\r\n\x7f\x8d"

_EOL = rb"[\r\x8d]?\n"
# Behind a slash: what stands before it ends a line, or is padding.
_ON_NEW_LINE = rb"(?<![^\x00\r\n\x7f\xff\x8d].)"
_IDENT_REST = rb"%b{3,127}\r?\n" % IDENT_TEXT
_IDENT = rb"[/\xaf]" + _IDENT_REST
_UNFINISHED_HEADER = rb"\xdb(?:\x08.{0,13})?\Z"
_END = rb"\n![^()/\xaf\n]{0,8}\n"
_LONGEST_END = 11
_LONGEST_UNFINISHED_HEADER = 14


def _pattern(*alternatives: bytes) -> re.Pattern[bytes]:
    """Compile what is searched for. Where each alternative begins with a certain byte, a search skips all others."""
    return re.compile(b"|".join(alternatives), re.DOTALL)


def _slash(*rests: bytes) -> list[bytes]:
    """Return what begins with a slash: either one, each by itself."""
    return [slash + rest for rest in rests for slash in (b"/", rb"\xaf")]


_IDENT_LINE = _pattern(_IDENT)
_PLAIN_START = _pattern(_IDENT + rb"(?:%b)?[0-9]" % _EOL)
_END_LINE = _pattern(_END)
_BLOCK_END = _pattern(rb"\x03", _END)
# Within what is taken for a P1 telegram, a block's end: another one follows, or it stands behind the `!`.
_BLOCK_END_IN_TEXT = _pattern(rb"\x03.(?=%b)" % _IDENT, rb"!%b\x03." % _EOL)
_STARTS = (*_slash(_ON_NEW_LINE + _IDENT_REST), HEADER)
# The end of something that did not begin at the start of a line.
_STRAY_ENDS = (_END, rb"!(?:%b)?\x03." % _EOL)
# Where the input ends, the last start may be unfinished.
_UNFINISHED_STARTS = (*_slash(_ON_NEW_LINE + rb"%b{0,127}\r?\Z" % IDENT_TEXT), _UNFINISHED_HEADER)
_START = _pattern(*_STARTS)
_EVENT = _pattern(*_STARTS, *_STRAY_ENDS)
_LAST_START = _pattern(*_STARTS, *_UNFINISHED_STARTS)
_LAST_EVENT = _pattern(*_STARTS, *_STRAY_ENDS, *_UNFINISHED_STARTS)
# Within what may be an encrypted frame: no cipher text looks like an ident line and the code of a data line. It may
# begin within a line: noise that looks like a header need not end with one.
_IDENT_END = rb"(?:%b){1,4}[\x02\x82]?" % _EOL
_CODE_TEXT = rb"[0-9\xb0-\xb9.:*\xaa&\xa6CF\xc3\xc6-]"
_PLAIN_WITHIN = _slash(rb"%b{3,127}%b%b{1,23}\(" % (IDENT_TEXT, _IDENT_END, _CODE_TEXT))
_START_WITHIN = _pattern(HEADER, *_PLAIN_WITHIN)
_PLAIN_START_WITHIN = _pattern(*_PLAIN_WITHIN)
_UNFINISHED_WITHIN = _pattern(
    *_slash(
        _ON_NEW_LINE + rb"%b{0,127}\r?\Z" % IDENT_TEXT,
        _ON_NEW_LINE + rb"%b{3,127}%b\r?%b{0,23}\Z" % (IDENT_TEXT, _IDENT_END, _CODE_TEXT),
    )
)
_UNFINISHED_ENCRYPTED_START = _pattern(_UNFINISHED_HEADER)
_SLASH = _pattern(rb"[/\xaf]")
_LONGEST_HEAD_PART = 18
# Elgama: after the ident line the same as in an encrypted frame, but without its tag; the title may be left out.
_SEALED_HEAD = _pattern(rb"/[^\n]+\n(?:%b)*+(?:\x08.{8}|\x00)\x82([\x00-\x1f].)(?=[\x20\x30])" % _EOL)
_SEALED_END = _pattern(rb"(?:%b)?![0-9A-Fa-f]{0,4}%b" % (_EOL, _EOL))
_LONGEST_SEALED_END = 9
# Where the block check should be, the next telegram begins.
_START_FOR_BLOCK_CHECK = (b"\x03/", b"\x03\xaf", b"\x03\xdb")
# What stands between telegrams and is no noise: padding, and the echo of an optical sign-on (IEC 62056-21 §6.3.1).
_IDLE = _pattern(rb"(?:[\x00\r\n\x7f\x8d]|[/\xaf]%b{1,40}!%b)*+" % (IDENT_TEXT, _EOL))


class FrameFinder:
    """Finds the frames in a stream that is cut anywhere.

    Every refused frame gives one `Rejected`, every gap of noise one with reason `garbage`. What it keeps is bounded
    by the largest frame.
    """

    def __init__(self, keys: DecryptionKeys | None = None, knows: Callable[[bytes], bool] = lambda _: False) -> None:
        """Start at the beginning of a stream.

        Args:
            keys: What opens encrypted frames; without keys they are refused.
            knows: Whether a telegram that has no checksum is like one that was found whole before.
        """
        self._keys = keys
        self._items: list[Frame | Rejected] = []
        self._buffer = bytearray()
        self._begins_line = True
        self._searched = 0
        self._size = 0
        # Not bound: what refers to itself is freed late.
        self._step: Callable[[FrameFinder], bool] = FrameFinder._between
        self._gap = bytearray()
        self._gap_is_told = False
        self._closing = False
        self._ident_line = b""
        self._within = FramesWithin()
        self._knows = knows

    def feed(self, data: bytes) -> list[Frame | Rejected]:
        """Take the next bytes; return, in the order of the stream, what became whole and what was refused."""
        if (whole := self.since(data)) and (taken := self._take_whole(whole)):
            self.start_anew()
            data = whole[taken:]
        if data:
            self._buffer += data
            self._run()
        return self._hand_over()

    def since(self, data: bytes) -> bytes:
        """Return all that came since the last telegram, up to `data`; nothing if it cannot begin with a plain one."""
        if not self._begins_line or self._gap or self._step not in self._before_end:
            return b""
        return bytes(self._buffer) + data if self._buffer else data

    def start_anew(self) -> None:
        """Note that what came is taken."""
        if self._buffer:
            self._drop(len(self._buffer))
            self._become(FrameFinder._between)

    def close(self) -> list[Frame | Rejected]:
        """End the input, or note that it fell silent: what is left is refused. `feed` may follow."""
        self._closing = True
        self._run()
        self._end_gap()
        self._begins_line = True
        self._closing = False
        return self._hand_over()

    def _hand_over(self) -> list[Frame | Rejected]:
        items, self._items = self._items, []
        return items

    def _take_whole(self, data: bytes) -> int:
        """Take the telegrams at the start of `data` that are whole and plain: the usual case, made fast.

        They have a checksum, or are like one without that was found whole before.
        """
        start = 0
        while end := data.find(b"!", start) + 1:
            checksum = data[end : end + 2] != b"\r\n"
            raw = data[start : end + (6 if checksum else 2)]
            if len(raw) > TELEGRAM_LIMIT or not (self._is_checked(raw) if checksum else self._knows(raw)):
                break
            self._items.append(tuple.__new__(Frame, (raw, raw, checksum, False)))
            start += len(raw)
        return start

    def _is_checked(self, raw: bytes) -> bool:
        """Return whether this is an ident line, and lines with the right checksum."""
        if not (self._ident_line and raw.startswith(self._ident_line)):
            ident = _IDENT_LINE.match(raw)
            if ident is None:
                return False
            self._ident_line = ident[0]
        return ends_in_crc(raw)

    def _run(self) -> None:
        while self._buffer and self._step(self):
            pass

    # The steps. Each looks at what the buffer begins with, and returns whether there is reason to look again; if not,
    # more bytes are needed (or, when closing, nothing is left).

    def _between(self) -> bool:
        """Look for a start at the start of a line, or for the end of something that began within one."""
        buffer = self._buffer
        if self._begins_line and not self._gap and _PLAIN_START.match(buffer):
            self._become(FrameFinder._text)
            return True
        events = _LAST_EVENT if self._closing else _EVENT
        position = self._searched if self._begins_line else max(self._searched, 1)
        while event := events.search(buffer, position):
            position = event.start()
            if buffer[position] in b"\n!":
                return self._settle_stray(event)
            if self._open(position):
                return True
            position += 1
        self._searched = max(position, len(buffer) - _REACH)
        if self._closing:
            self._skip(len(buffer))
        elif not self._gap and self._begins_line and buffer[0] in _IDLE_BYTES:
            self._drop(len(buffer) - len(buffer.lstrip(_IDLE_BYTES)))
        else:
            self._forget()
        return False

    def _open(self, position: int) -> bool:
        """Enter the frame that starts at `position`; False if nothing does."""
        buffer = self._buffer
        encrypted = buffer[position] == _TAG_OF_ENCRYPTED
        if encrypted:
            size = frame_size(buffer, position)
            if size is None and not self._closing:
                return False
            # When closing, the header may be unfinished: then the frame is longer than what is left.
            self._size = size or len(buffer) + 1
        self._skip(position)
        self._end_gap()
        self._become(FrameFinder._encrypted if encrypted else FrameFinder._head)
        return True

    def _settle_stray(self, end: re.Match[bytes]) -> bool:
        """Take the telegram that ends here, if one began within a line of the noise."""
        buffer = self._buffer
        self._searched = end.start()
        size = self._size_until(end)
        if size is None:
            return False
        inner = find_inner(bytes(buffer[:size]))
        if inner is None:
            self._skip(size - buffer[:size].endswith(_START_FOR_BLOCK_CHECK))
        else:
            start, frame = inner
            self._skip(start)
            self._end_gap()
            self._accept(frame, size - start)
        self._begins_line = True
        return True

    def _head(self) -> bool:
        """After an ident line: is it a P1 telegram, an IEC 62056-21 block, or encrypted?"""
        buffer = self._buffer
        if sealed := _SEALED_HEAD.match(buffer):
            self._size = sealed.end() + int.from_bytes(sealed[1])
            self._become(FrameFinder._sealed)
            return True
        head = HEAD.match(buffer)
        following = bytes(buffer[head.end() : head.end() + _LONGEST_HEAD_PART]) if head else b""
        if head and frame_size(buffer, head.end()) is not None:
            # What came before only looked like an ident line.
            self._refuse(_NO_END, head.end())
        elif head and is_stx(buffer, head.end()):
            self._become(FrameFinder._block)
            self._searched = head.end()
        elif b" " <= following[:1] <= b"~" or len(following) == _LONGEST_HEAD_PART or self._closing:
            self._become(FrameFinder._text)
        else:
            return False
        return True

    def _text(self) -> bool:
        """In a P1 telegram, or a block whose STX was damaged: look for its end."""
        buffer = self._buffer
        # Of much that comes at once, the rest would otherwise be searched for each telegram in it.
        limit = min(len(buffer), TELEGRAM_LIMIT + _REACH)
        while True:
            mark = buffer.find(b"\n!", self._searched, limit)
            until = limit if mark < 0 else mark + 1
            if block_end := _BLOCK_END_IN_TEXT.search(buffer, max(0, self._searched - _REACH), until):
                return self._settle(block_end.end())
            if mark < 0:
                break
            self._searched = mark
            if end := _END_LINE.match(buffer, mark):
                size = self._size_until(end)
                if size is None:
                    return False
                return self._settle(size) if size <= TELEGRAM_LIMIT else self._overrun(TELEGRAM_LIMIT)
            if len(buffer) - mark < _LONGEST_END and not self._closing:
                return False
            self._searched = mark + 2
        self._searched = max(self._searched, limit - 1)
        return self._go_without_end(TELEGRAM_LIMIT)

    def _block(self) -> bool:
        """In an IEC 62056-21 block: look for ETX and the block check, or for the `!` line where a file ends with it."""
        buffer = self._buffer
        while end := _BLOCK_END.search(buffer, self._searched):
            self._searched = end.start()
            following = buffer[end.end() : end.end() + 1]
            if not following and not self._closing:
                return False
            is_etx = end[0] == ETX
            if is_etx or following != ETX:
                size = end.end() + (len(following) if is_etx else 0)
                return self._settle(size) if size <= _BLOCK_LIMIT else self._overrun(_BLOCK_LIMIT)
            self._searched = end.end()
        self._searched = max(self._searched, len(buffer) - _LONGEST_END)
        return self._go_without_end(_BLOCK_LIMIT)

    def _encrypted(self) -> bool:
        """In an encrypted frame: wait for all of it, then open it."""
        buffer, size = self._buffer, self._size
        if len(buffer) < size:
            if not self._closing and not self._holds_encrypted() and not self._holds_plain():
                return False
            if not self._restart(_START_WITHIN, len(buffer), only_first=True):
                self._refuse(_TIMEOUT, len(buffer))
            return True
        verdict = self._decrypt(bytes(buffer[:size]))
        if isinstance(verdict, Frame):
            self._accept(verdict, size)
        elif not self._restart(_START_WITHIN, size, only_first=True):
            if not self._closing and (begun := _UNFINISHED_WITHIN.search(buffer, 1)) and begun.start() < size:
                return False
            # Where bytes were lost, the end of this frame holds the start of the next.
            next_start = _UNFINISHED_ENCRYPTED_START.search(buffer, size - _LONGEST_UNFINISHED_HEADER)
            if next_start and verdict.reason is Reason.KEY:
                size = min(size, next_start.start())
            self._refuse(verdict, size)
        return True

    def _holds_encrypted(self) -> bool:
        """Return whether an encrypted frame came whole, and opens, within what is awaited: so that was no telegram."""
        return self._keys is not None and self._within.one_opens(
            self._buffer, lambda raw: isinstance(self._decrypt(raw), Frame)
        )

    def _holds_plain(self) -> bool:
        """Return whether a plain telegram came whole, with its checksum, within the encrypted frame that is awaited."""
        buffer = self._buffer
        # Of what was there before nothing can have changed.
        ends = _END_LINE.finditer(buffer, max(0, self._searched - _LONGEST_END))
        self._searched = len(buffer)
        for end in ends:
            for start in deque(_PLAIN_START_WITHIN.finditer(buffer, 1, end.start()), maxlen=1):
                verdict = check(bytes(buffer[start.start() : end.end()]))
                if isinstance(verdict, Frame) and verdict.checksum:
                    return True
        return False

    def _decrypt(self, raw: bytes) -> Frame | Refusal:
        try:
            text = decrypt(raw, self._keys)
        except UnauthenticatedError:
            return _UNAUTHENTICATED
        except NoKeyError:
            return _ENCRYPTED
        except WrongKeyError as error:
            return Refusal(Reason.KEY, _WRONG_KEY.format(error))
        verdict = check(text)
        # Some leave out the blank line after the ident, which the checksum counts. The tag vouches for the rest.
        if verdict is BAD_CHECKSUM and isinstance(check(text.replace(b"\r\n", b"\r\n\r\n", 1)), Frame):
            return Frame(text, text, checksum=True)
        return verdict

    def _sealed(self) -> bool:
        """In a telegram that is encrypted after its ident line: its length says where the line of `!` is."""
        buffer, size = self._buffer, self._size
        if len(buffer) < size and not self._closing:
            return False
        ident_size = buffer.index(b"\n") + 1
        again = buffer.find(buffer[:ident_size], ident_size, size + ident_size - 1)
        if self._restart(_PLAIN_START_WITHIN, again if again > 0 else min(size, len(buffer)), only_first=True):
            return True
        end = _SEALED_END.match(buffer, size)
        if again > 0:
            self._refuse(_NO_END, again)
        elif len(buffer) < size:
            self._refuse(_TIMEOUT, len(buffer))
        elif end:
            self._refuse(_SEALED, end.end())
        elif len(buffer) - size >= max(ident_size, _LONGEST_SEALED_END) or self._closing:
            self._refuse(_SEALED, size)
        else:
            return False
        return True

    # The steps in which the buffer may hold the beginning of a plain telegram.
    _before_end = (_between, _head, _text)

    # What becomes of the bytes.

    def _settle(self, size: int) -> bool:
        """Judge the first `size` bytes, which an end was found after."""
        raw = bytes(self._buffer[:size])
        verdict = check(raw)
        if isinstance(verdict, Frame):
            self._accept(verdict, size)
        elif self._restart(_START, size):
            pass
        elif inner := find_inner(raw):
            start, frame = inner
            self._refuse(_NO_END, start)
            self._accept(frame, size - start)
        elif raw.endswith(_START_FOR_BLOCK_CHECK):
            self._refuse(NO_BLOCK_CHECK, size - 1)
        else:
            self._refuse(verdict, size)
        return True

    def _size_until(self, end: re.Match[bytes]) -> int | None:
        """Return how much there is up to this end: a block's ETX and BCC follow its `!`. None: they may still come."""
        buffer = self._buffer
        size = end.end()
        following = buffer[size : size + 2]
        if buffer[end.start() : size].strip(_IDLE_BYTES) != b"!":
            return size
        if not following.startswith(ETX) and not BLOCK_START.search(buffer, 0, size):
            return size
        is_open = following in (b"", ETX) and not self._closing
        return None if is_open else size + len(following) * following.startswith(ETX)

    def _go_without_end(self, limit: int) -> bool:
        """No end was found: wait for more, unless there is nothing to wait for."""
        size = len(self._buffer)
        if self._closing:
            if not self._restart(_LAST_START, size):
                self._refuse(_TIMEOUT, size)
            return True
        if self._holds_encrypted():
            return self._restart(_START, size)
        return size > limit + _REACH and self._overrun(limit)

    def _overrun(self, limit: int) -> bool:
        """Refuse what has no end within `limit` bytes, up to the next place where a telegram may have begun."""
        if not self._restart(_START, limit + 1):
            raw = bytes(self._buffer[: limit + _REACH])
            ident = LAST_SLASH.search(raw, raw.index(b"\n"))
            self._refuse(OVERRUN, min(limit, ident_starts(raw, ident.start())[0]) if ident else limit)
            self._begins_line = False
        return True

    def _restart(self, starts: re.Pattern[bytes], limit: int, *, only_first: bool = False) -> bool:
        """Go on at the last of the `starts` before `limit`, refusing what it cuts off; False if there is none."""
        raw = bytes(self._buffer[: limit + _REACH])
        cut = 0
        for start in starts.finditer(raw, 1):
            position = start.start()
            if position >= limit:
                break
            encrypted = raw[position] == _TAG_OF_ENCRYPTED
            if encrypted and frame_size(raw, position) is None and not self._closing:
                continue
            self._items.append(_NO_END.of(raw[cut:position]))
            cut = position
            if encrypted or only_first:
                break
        if cut:
            self._drop(cut)
            self._become(FrameFinder._between)
        return cut > 0

    def _accept(self, frame: Frame, size: int) -> None:
        self._items.append(frame)
        self._drop(size)
        self._become(FrameFinder._between)

    def _refuse(self, refusal: Refusal, size: int) -> None:
        self._items.append(refusal.of(bytes(self._buffer[:size])))
        self._drop(size)
        self._become(FrameFinder._between)

    def _become(self, step: Callable[[FrameFinder], bool]) -> None:
        self._step = step
        self._searched = 0
        self._begins_line = True

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._within.drop(size)
        self._searched = max(0, self._searched - size)

    def _skip(self, size: int) -> None:
        """Move noise to the gap. What is beyond its limit is forgotten, so that one gap is told once."""
        noise = bytes(self._buffer[:size])
        self._drop(size)
        if not self._gap:
            noise = _IDLE.sub(b"", noise, count=1)
        self._gap += noise[: _GARBAGE_LIMIT - len(self._gap)]
        if len(self._gap) == _GARBAGE_LIMIT:
            self._tell_gap()

    def _forget(self) -> None:
        """Move noise to the gap in which no telegram can have begun."""
        size = len(self._buffer)
        slash = _SLASH.search(self._buffer)
        begun = slash.start() if slash else size
        done = max(min(begun, size - _REACH - LOOKS_BACK), size - _REACH - _BLOCK_LIMIT)
        if done > 0:
            self._skip(done)
            self._begins_line = False

    def _tell_gap(self) -> None:
        if not self._gap_is_told:
            self._items.append(_GARBAGE.of(bytes(self._gap.rstrip(_IDLE_BYTES))))
        self._gap_is_told = True

    def _end_gap(self) -> None:
        if self._gap:
            self._tell_gap()
            self._gap.clear()
        self._gap_is_told = False
