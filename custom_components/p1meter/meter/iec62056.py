"""The talk with an optical head (IEC 62056-21, modes A to C) as a state machine: bytes in; bytes out, speed and wait.

It has no clock and no port. Whoever runs it writes what a `Step` says, changes the speed once that has left, and calls
`ReadOut.receive` with what comes, or `ReadOut.silence` when nothing came for as long as the step says. Mode D talks by
itself and needs none of this. Programming mode and HDLC (mode E) are never asked for.
"""

from dataclasses import dataclass
from enum import StrEnum
import math
import re
from typing import TYPE_CHECKING, NamedTuple

from .checksum import bcc
from .verdict import BAD_CHECKSUM, NO_BLOCK_CHECK, OVERRUN, Reason, Refusal, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

_STX, _ETX, _NAK = 0x02, 0x03, 0x15
_LF, _SLASH, _HDLC_FLAG = 0x0A, 0x2F, 0x7E
# Padding before "/" and STX counts for nothing.
_PADDING = b"\x00\x7f"
_BETWEEN = _PADDING + b"\r\n"
# IEC 62056-21 §6.3: what the fifth character of the identification stands for, in bit/s; in mode C from the first.
_MODE_B = {ord("A") + place: 600 << place for place in range(6)}
_MODE_C = {ord("0") + place: 300 << place for place in range(7)}
_RATES = frozenset(_MODE_C.values())
_ADDRESS = re.compile(r"[0-9A-Za-z ]{0,32}")
_QUERY = re.compile(r"[0-9A-Za-z?]")
_IDENT = re.compile(rb"/([A-Z][A-Za-z]{2})([ -~])([ -~]*)\r?\n\Z")
# An identification is one short line: this is a flood.
_NOISE_LIMIT = 1024
_BLOCK_LIMIT = 64 * 1024
# One start bit, seven data bits, parity, one stop bit.
_BITS = 10
# A few wrong bytes are what switching makes; more of them are data at another speed.
_STRAY_LIMIT = 8
# Two minutes at 300 bit/s: who talks longer is no meter that will be done soon.
_TALK_LIMIT = 4 * 1024
_REPEATS = 3

_NO_ANSWER = Refusal(
    Reason.TIMEOUT, "The meter did not answer. Check that the head sits straight, and whether an address is needed."
)
_NO_IDENT = Refusal(Reason.GARBAGE, "What answered is no meter's identification. Check the head and the start speed.")
_NO_DATA = Refusal(Reason.TIMEOUT, "The meter said who it is, and then sent no data.")
_NO_START = Refusal(Reason.TRUNCATED, "The beginning of the data was lost.")
_NO_END = Refusal(Reason.TRUNCATED, "The data stopped before their end (ETX).")
_ASKED_AGAIN = Refusal(Reason.TIMEOUT, "The meter asked again and again for what it had been sent.")
_HDLC = Refusal(Reason.UNSUPPORTED, "The meter answers in HDLC (mode E), which is not supported.")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpticalSettings:
    """How a meter wants to be asked.

    Attributes:
        start_baud: speed of the sign-on, bit/s.
        max_baud: the fastest speed to acknowledge, bit/s; the same as `start_baud` for a line that keeps its speed.
        address: of the meter, up to 32 letters, digits and spaces; empty: whichever meter is there.
        query: the character that asks; some meters give a longer list for another one.
        needs_bcc: refuse data without a block check character. Where there is one, it must always match.
        wake_up: first send what wakes a battery meter.
        timeout: seconds without a byte after which the meter is taken to have finished.

    Raises:
        ValueError: one of them makes no sense.
    """

    start_baud: int = 300
    max_baud: int = 19200
    address: str = ""
    query: str = "?"
    needs_bcc: bool = False
    wake_up: bool = False
    timeout: float = 2.0

    def __post_init__(self) -> None:
        """Check them."""
        if not {self.start_baud, self.max_baud} <= _RATES:
            raise ValueError(f"no speed of an optical head: {self.start_baud} or {self.max_baud}")
        if not _ADDRESS.fullmatch(self.address):
            raise ValueError(f"no address of a meter: {self.address!r}")
        if not _QUERY.fullmatch(self.query):
            raise ValueError(f"no query character: {self.query!r}")
        if self.timeout <= 0:
            raise ValueError(f"no time to wait: {self.timeout}")


@dataclass(frozen=True, slots=True, kw_only=True)
class OpticalTiming:
    """How long things take (IEC 62056-21 §6.4), in seconds.

    Attributes:
        settle: from opening the port to the first byte.
        reaction: pause before an answer; the meter waits at most 1.5 s for it.
        margin: from the last bit of an acknowledgement to the change of speed; the meter answers after 0.2 s.
        short_margin: the same where the manufacturer's third letter is lower case: such a meter answers after 20 ms.
        wake_up: how long NULs are sent.
        wake_up_pause: from the last bit of that to the sign-on.
        pace: every time is multiplied by it, for a simulated meter that lives faster.
    """

    settle: float = 0.2
    reaction: float = 0.3
    margin: float = 0.1
    short_margin: float = 0.01
    wake_up: float = 2.2
    wake_up_pause: float = 1.6
    pace: float = 1.0


class State(StrEnum):
    """What is waited for."""

    SETTLING = "settling"
    """The head has got its supply just now; or the end of an answer to somebody who has gone."""
    WAKING = "waking"
    """The meter wakes up."""
    SIGNED_ON = "signed_on"
    """The identification."""
    ACKNOWLEDGING = "acknowledging"
    """The end of the pause before the acknowledgement."""
    AWAITING = "awaiting"
    """STX."""
    HEADLESS = "headless"
    """The end of data whose STX was not heard."""
    BLOCK = "block"
    """ETX."""
    CHECKING = "checking"
    """The block check character."""
    REPEATING = "repeating"
    """The end of the pause before something is sent once more."""
    DONE = "done"
    """Nothing: there is an outcome."""


class Step(NamedTuple):
    """What to do now.

    Attributes:
        send: bytes to write.
        leaving: seconds until they have left, after which the speed may change.
        baud: speed of the line from then on, bit/s (always 7E1).
        wait: seconds to wait for a byte from then on.
    """

    send: bytes
    leaving: float
    baud: int
    wait: float


class ReadOut:
    """One read-out: sign-on, identification, acknowledgement, data block.

    Attributes:
        state: what is waited for.
        outcome: None until it is over; then what to feed a `Reader` (the identification and the block as they were
            received, without ETX where there was no block check), or why there is no such thing.
        checked: whether the meter sent a block check that matches.
        ignored_rate: whether the meter went on at the start speed although another one was agreed.
    """

    def __init__(self, settings: OpticalSettings | None = None, timing: OpticalTiming | None = None) -> None:
        """Prepare to ask a meter with `settings`."""
        self._settings = settings or OpticalSettings()
        self._timing = timing or OpticalTiming()
        self.state = State.SETTLING
        self.outcome: bytes | Rejected | None = None
        self.checked = False
        self.ignored_rate = False
        self._baud = self._settings.start_baud
        self._sign_on = f"/{self._settings.query}{self._settings.address}!\r\n".encode("ascii")
        self._sent = b""
        self._echo = b""
        self._held = bytearray()
        self._ident = bytearray()
        self._line = bytearray()
        self._heard = bytearray()
        self._block = bytearray()
        self._agreed = self._baud
        self._may_fall_back = self._fell_back = False
        self._margin = self._timing.margin
        self._speaks_hdlc = False
        self._repeats = 0
        self._repeated = b""
        self._refusal = _NO_DATA

    @property
    def identified(self) -> bool:
        """Whether a meter has said who it is."""
        return bool(self._ident)

    def start(self) -> Step:
        """Begin: the first step."""
        return self._wait(self._timing.settle)

    def receive(self, data: bytes) -> Step | None:
        """Take what came; return the next step, or None to go on waiting until the same moment."""
        step: Step | None = None
        for byte in data:
            baud = self._baud
            for heard in self._without_echo(byte):
                step = self._hear(heard) or step
            if self._baud != baud:
                # What else is here was received at the wrong speed.
                break
        return step

    def silence(self) -> Step:
        """Go on after nothing came for as long as the last step said."""
        match self.state:
            case State.SETTLING if self._settings.wake_up:
                self.state = State.WAKING
                nuls = math.ceil(self._timing.wake_up * self._baud / _BITS)
                # The margin after the last bit is a part of the pause, which must not be longer than 1.7 s.
                return self._send(bytes(nuls), self._timing.wake_up_pause - self._timing.margin)
            case State.SETTLING | State.WAKING:
                return self._ask()
            case State.SIGNED_ON:
                return self._refuse(_NO_IDENT if self._heard else _NO_ANSWER)
            case State.ACKNOWLEDGING:
                return self._acknowledge()
            case State.AWAITING:
                return self._fall_back(State.AWAITING) if self._may_fall_back else self._refuse(self._refusal)
            case State.REPEATING:
                return self._repeat()
            case State.DONE:
                return self._wait(0.0)
            case _:
                return self._end_of_data()

    def _end_of_data(self) -> Step:
        """Judge data that do not go on. By now the meter does not wait for a NAK any more."""
        if self.state is State.HEADLESS:
            return self._refuse(_NO_START)
        if self.state is State.BLOCK:
            return self._refuse(_NO_END)
        if self._settings.needs_bcc:
            return self._refuse(NO_BLOCK_CHECK)
        # Without ETX the reader takes it as what has no block check, and looks at every line.
        return self._finish(self._ident + self._block[:-1])

    # What is received.

    def _without_echo(self, byte: int) -> Iterator[int]:
        """Yield what is not the head's echo of what was sent."""
        character = byte & 0x7F
        if not self._echo:
            yield byte
        elif character == self._echo[len(self._held)]:
            self._held.append(byte)
            if len(self._held) == len(self._echo):
                self._echo = b""
                self._held.clear()
        elif self._held or character not in _PADDING:
            self._echo = b""
            held = bytes(self._held)
            self._held.clear()
            yield from held
            yield byte

    def _hear(self, byte: int) -> Step | None:
        match self.state:
            case State.SETTLING:
                return self._hear_before(byte)
            case State.SIGNED_ON:
                return self._hear_ident(byte)
            case State.AWAITING:
                return self._hear_start(byte)
            case State.HEADLESS:
                return self._hear_rest(byte)
            case State.BLOCK:
                return self._hear_block(byte)
            case State.CHECKING:
                return self._check(byte)
            case State.REPEATING:
                return self._drain(byte)
            case _:
                return None

    def _hear_before(self, byte: int) -> Step | None:
        """Let a meter finish that still talks, such as to a Home Assistant that was restarted: it would not hear."""
        if byte & 0x7F in _BETWEEN:
            return None
        self._heard.append(byte)
        if len(self._heard) > _TALK_LIMIT:
            return self._refuse(_NO_IDENT)
        # A few wrong bytes are what opening makes.
        return self._wait(self._settings.timeout if len(self._heard) > _STRAY_LIMIT else self._timing.reaction)

    def _hear_ident(self, byte: int) -> Step | None:
        character = byte & 0x7F
        if not self._line:
            if character in _BETWEEN:
                return None
            if character == _NAK and not self._heard:
                return self._repeat_later(self._sign_on, _ASKED_AGAIN)
        self._heard.append(byte)
        if len(self._heard) > _NOISE_LIMIT:
            return self._refuse(_NO_IDENT)
        if not self._line and character != _SLASH:
            return None
        self._line.append(byte)
        if character == _LF:
            if ident := _IDENT.search(bytes(character & 0x7F for character in self._line)):
                return self._identified(ident)
            self._line.clear()
        return self._wait(self._settings.timeout)

    def _identified(self, ident: re.Match[bytes]) -> Step:
        """Take the identification, which says how to go on (IEC 62056-21 §6.3.2)."""
        self._ident = self._line[ident.start() :]
        maker, rate, rest = ident[1], ident[2][0], ident[3]
        self._margin = self._timing.short_margin if maker[2:].islower() else self._timing.margin
        self._speaks_hdlc = rest.startswith(b"\\2")
        fixed = self._settings.max_baud == self._settings.start_baud
        if proposed := _MODE_C.get(rate):
            self._agreed = self._baud if fixed else min(proposed, self._settings.max_baud)
            self.state = State.ACKNOWLEDGING
            return self._wait(self._timing.reaction)
        if not fixed:
            # In mode B the meter changes without being asked to; in mode A it does not change.
            self._agreed = _MODE_B.get(rate, self._baud)
        self._baud = self._agreed
        self._await_start()
        return self._wait(self._settings.timeout)

    def _acknowledge(self) -> Step:
        """Choose read-out at the agreed speed, in the normal procedure (IEC 62056-21 §6.3.3)."""
        rate = next(rate for rate, baud in _MODE_C.items() if baud == self._agreed)
        self._await_start()
        return self._send(b"\x060%c0\r\n" % rate, self._settings.timeout, self._agreed)

    def _await_start(self) -> None:
        self.state = State.AWAITING
        self._may_fall_back = self._agreed != self._settings.start_baud

    def _hear_start(self, byte: int) -> Step | None:
        character = byte & 0x7F
        if character == _STX:
            return self._begin(byte)
        if character in _BETWEEN:
            return None
        if character == _NAK and not self._block and self._sent != self._sign_on:
            return self._repeat_later(self._sent, _ASKED_AGAIN)
        self._block.append(byte)
        if self._speaks_hdlc and len(self._block) == 2 and self._is_hdlc():
            return self._refuse(_HDLC)
        if len(self._block) <= _STRAY_LIMIT:
            return None
        if self._may_fall_back:
            return self._fall_back(State.HEADLESS)
        self.state = State.HEADLESS
        return self._wait(self._settings.timeout)

    def _is_hdlc(self) -> bool:
        """Whether a frame begins: its flag, and the format type A (IEC 62056-46), of which seven bits are heard."""
        return self._block[0] & 0x7F == _HDLC_FLAG and self._block[1] & 0x70 == 0x20

    def _fall_back(self, state: State) -> Step:
        """Listen at the start speed: a meter goes on there when it heard no acknowledgement, or does not follow it."""
        self.state = state
        self._may_fall_back = False
        self._fell_back = True
        self._baud = self._settings.start_baud
        self._block.clear()
        return self._wait(self._settings.timeout)

    def _begin(self, byte: int) -> Step:
        self.state = State.BLOCK
        self.ignored_rate = self._fell_back
        self._block = bytearray([byte])
        return self._wait(self._settings.timeout)

    def _hear_rest(self, byte: int) -> Step:
        character = byte & 0x7F
        if character == _STX:
            return self._begin(byte)
        self._block.append(byte)
        if character == _ETX:
            self.ignored_rate = self._fell_back
            return self._ask_again(_NO_START)
        return self._go_on()

    def _hear_block(self, byte: int) -> Step:
        self._block.append(byte)
        if byte & 0x7F == _ETX:
            self.state = State.CHECKING
        return self._go_on()

    def _go_on(self) -> Step:
        if len(self._block) > _BLOCK_LIMIT:
            return self._refuse(OVERRUN)
        return self._wait(self._settings.timeout)

    def _check(self, byte: int) -> Step:
        """Judge the block by its block check (IEC 62056-21 §6.3)."""
        matches = bcc(bytes(self._block[1:])) == byte & 0x7F
        self._block.append(byte)
        if not matches:
            return self._ask_again(BAD_CHECKSUM)
        self.checked = True
        return self._finish(self._ident + self._block)

    def _drain(self, byte: int) -> Step:
        """Let what is still coming pass by: the pause begins after it."""
        self._block.append(byte)
        if len(self._block) > _BLOCK_LIMIT:
            return self._refuse(OVERRUN)
        return self._wait(self._timing.reaction)

    # What is sent.

    def _ask(self) -> Step:
        self.state = State.SIGNED_ON
        self._heard.clear()
        return self._send(self._sign_on, self._settings.timeout)

    def _ask_again(self, refusal: Refusal) -> Step:
        """Ask for the block once more (NAK), because it was not whole."""
        self._refusal = refusal
        # Where one block came, the next one comes at the same speed.
        self._may_fall_back = False
        return self._repeat_later(b"\x15", refusal)

    def _repeat_later(self, data: bytes, refusal: Refusal) -> Step:
        """After a pause, send `data`; if that was done often enough, it is refused."""
        if self._repeats == _REPEATS:
            return self._refuse(refusal)
        self._repeats += 1
        self._repeated = data
        self.state = State.REPEATING
        return self._wait(self._timing.reaction)

    def _repeat(self) -> Step:
        if self._repeated == self._sign_on:
            return self._ask()
        self.state = State.AWAITING
        return self._send(self._repeated, self._settings.timeout)

    def _send(self, data: bytes, wait: float, baud: int | None = None) -> Step:
        leaving = _BITS * len(data) / self._baud + self._margin
        self._sent = self._echo = data
        self._held.clear()
        self._block.clear()
        self._baud = baud or self._baud
        return Step(data, leaving * self._timing.pace, self._baud, wait * self._timing.pace)

    def _wait(self, seconds: float) -> Step:
        return Step(b"", 0.0, self._baud, seconds * self._timing.pace)

    # How it ends.

    def _finish(self, received: bytearray) -> Step:
        self.outcome = bytes(received)
        self.state = State.DONE
        return self._wait(0.0)

    def _refuse(self, refusal: Refusal) -> Step:
        self.outcome = refusal.of(bytes(self._ident + self._block) or bytes(self._heard))
        self.state = State.DONE
        return self._wait(0.0)
