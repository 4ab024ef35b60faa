"""The talk with an optical head: whatever comes, it ends, and what it hands over is whole."""

from typing import Final

from p1meter.meter import OpticalSettings, Reader, Reason, Rejected, Telegram
from p1meter.meter.iec62056 import ReadOut, State, Step
from tests.meter.composing import BLOCK, HEAT_BLOCK, with_parity

from .choices import Choices
from .content import as_block, said, spoilt
from .meaning import look
from .telegrams import TOKENS, damaged, is_right, is_text

_RATES: Final = (300, 600, 1200, 2400, 4800, 9600, 19200)
_MOST_EVENTS: Final = 24
# Sign-on, acknowledgement, data and three repetitions, each with its pause.
_MOST_SILENCES: Final = 20
_BLOCK_LIMIT: Final = 64 * 1024
_IDENTS: Final = tuple(b"/ABC%c%b\r\n" % (rate, rest) for rate in b"0123456ABCDEFZ?" for rest in (b"x", b"\\2TST"))


def _settings(choices: Choices) -> OpticalSettings:
    return OpticalSettings(
        # To wake a meter up takes 4,224 bytes at the highest.
        start_baud=choices.one_of((300, 300, 300, 2400, 19200)),
        max_baud=choices.one_of(_RATES),
        address=choices.one_of(("", "12345678", " 0 ")),
        query=choices.one_of("?!0A").replace("!", "?"),
        needs_bcc=choices.one_in(2),
        wake_up=choices.one_in(4),
    )


def anything(data: bytes) -> None:  # noqa: C901 (a list of what may be heard)
    """Answer with anything at all."""
    choices = Choices(data)
    if choices.one_in(2):
        meter(choices)
        return
    read_out = ReadOut(_settings(choices))
    _check(read_out, read_out.start())
    for _ in range(_MOST_EVENTS):
        if not choices.are_left:
            break
        match choices.below(8):
            case 0 | 1:
                step: Step | None = read_out.silence()
            case 2:
                step = read_out.receive(choices.one_of(_IDENTS))
            case 3:
                telegram = choices.one_of((BLOCK, HEAT_BLOCK))
                step = read_out.receive(telegram[telegram.index(b"\x02") :])
            case 4:
                step = read_out.receive(damaged(choices, choices.one_of((BLOCK, HEAT_BLOCK))))
            case 5:
                step = read_out.receive(choices.one_of(TOKENS))
            case _:
                step = read_out.receive(choices.some(60))
        _check(read_out, step)
    for _ in range(_MOST_SILENCES):
        if read_out.outcome is None:
            _check(read_out, read_out.silence())
    _judge(read_out)


def meter(choices: Choices) -> None:  # noqa: C901 (a meter, from its identification to its data)
    """Answer as a meter does: what it says arrives damaged at most as often as it can be asked again."""
    settings = _settings(choices)
    read_out = ReadOut(settings)
    good = choices.one_of((BLOCK, HEAT_BLOCK))
    ident, _, block = good.partition(b"\x02")
    if choices.one_in(2):
        # Its block check is right, and its content is what no meter sends.
        _, _, block = as_block(spoilt(choices, said(good)), choices).partition(b"\x02")
    block = b"\x02" + block
    # IEC 62056-21 §6.3.1: an identification whose fifth character is none of the rates is of mode A.
    ident = ident[:4] + bytes([choices.one_of(b"0123456ABCDEFZ")]) + ident[5:]
    damages = choices.below(4)
    echoes, has_parity = choices.one_in(2), choices.one_in(2)
    padding = bytes(choices.below(4))
    says = ident
    step: Step | None = read_out.start()
    for _ in range(60):
        _check(read_out, step)
        if read_out.outcome is not None:
            break
        sent = b"" if step is None else step.send
        if not sent:
            if says is ident or read_out.state is not State.AWAITING:
                step = read_out.silence()
                continue
        elif set(sent) == {0}:
            step = read_out.receive(sent) if echoes else None
            step = step or read_out.silence()
            continue
        elif sent.startswith(b"/"):
            says = ident
        answer = says
        if says is not ident and damages:
            damages -= 1
            # One bit, anywhere in the data.
            at = 1 + choices.below(max(1, len(block) - 3))
            answer = block[:at] + bytes([block[at] ^ 1]) + block[at + 1 :]
            if answer[at] in b"\x02\x03" or block[at] in b"\x02\x03":
                answer = block
        elif says is ident:
            says = block
        answer = padding + answer
        answer = with_parity(answer) if has_parity else answer
        heard = (sent if echoes else b"") + answer
        step = None
        for part in choices.cut(heard):
            step = read_out.receive(part) or step
        step = step or read_out.silence()
    _judge(read_out)
    outcome = read_out.outcome
    if len(padding + block) > _BLOCK_LIMIT and isinstance(outcome, Rejected):
        assert outcome.reason is Reason.OVERRUN
        return
    assert not isinstance(outcome, Rejected), f"a read-out that went well was refused: {outcome.reason}"
    assert outcome is not None, "a read-out that does not end"
    text = bytes(byte & 0x7F for byte in outcome)
    assert text == ident + block, f"something else than what was sent: {outcome!r}"


def _check(read_out: ReadOut, step: Step | None) -> None:
    if step is not None:
        assert step.baud in _RATES
        assert step.leaving >= 0
        assert step.wait > 0 or read_out.state is State.DONE
    kept = read_out._block, read_out._heard, read_out._line, read_out._held
    assert sum(map(len, kept)) <= _BLOCK_LIMIT + 4096, "it keeps more than it may"


def _judge(read_out: ReadOut) -> None:
    outcome = read_out.outcome
    assert outcome is not None, "nothing comes any more, and it waits"
    assert read_out.state is State.DONE
    if isinstance(outcome, Rejected):
        return
    reader = Reader()
    for item in reader.feed(outcome) + reader.close():
        if isinstance(item, Telegram):
            assert is_right(item.raw) if item.checksum else is_text(item.raw), (
                f"a block that is not whole: {item.raw!r}"
            )
            look(item)
