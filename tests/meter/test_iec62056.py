"""An optical head's talk, byte by byte, with good meters and bad ones; there is no clock and no port in it."""

from dataclasses import dataclass, field

import pytest

from p1meter.meter import OpticalSettings, OpticalTiming, Reader, Reason, Rejected, Telegram
from p1meter.meter.iec62056 import ReadOut, State, Step
from tests import needs

from .composing import block_check, with_parity

SIGN_ON = b"/?!\r\n"
IDENT = b"/TST5OPTICAL\r\n"
LINES = b"0.0.0(12345678)\r\n1.8.0(000123.456*kWh)\r\n1.7.0(00.512*kW)\r\n!\r\n"
BLOCK = b"\x02" + LINES + b"\x03" + block_check(LINES + b"\x03")
WRONG = BLOCK.replace(b"123.456", b"123.457")
NAK = b"\x15"
REFUSED_BY_METER = "asked again and again"


@dataclass
class Talk:
    """A read-out and what is said in it."""

    settings: OpticalSettings = field(default_factory=OpticalSettings)
    said: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.read_out = ReadOut(self.settings)
        self.step: Step = self.read_out.start()

    def silence(self) -> Step:
        """Nothing comes until the time is over; what is said then is noted with the speed it is said at."""
        baud = self.step.baud
        self.step = self.read_out.silence()
        if self.step.send:
            self.said.append((baud, self.step.send))
        return self.step

    def hear(self, data: bytes) -> Step | None:
        """The bytes come one by one."""
        steps = [self.read_out.receive(data[at : at + 1]) for at in range(len(data))]
        told = [step for step in steps if step]
        self.step = told[-1] if told else self.step
        return steps[-1]

    def up_to(self, state: State) -> Talk:
        """Go on as a good meter of mode C does."""
        while self.read_out.state is not state:
            if self.read_out.state is State.SIGNED_ON:
                self.hear(IDENT)
            else:
                self.silence()
        return self

    @property
    def state(self) -> State:
        return self.read_out.state

    @property
    def outcome(self) -> bytes | Rejected | None:
        return self.read_out.outcome

    @property
    def refusal(self) -> tuple[Reason, bytes]:
        assert isinstance(self.outcome, Rejected)
        return self.outcome.reason, self.outcome.data


def awaiting(settings: OpticalSettings | None = None) -> Talk:
    return Talk(settings or OpticalSettings()).up_to(State.AWAITING)


def items(outcome: bytes | Rejected | None) -> list[Telegram | Rejected]:
    assert isinstance(outcome, bytes)
    reader = Reader()
    return reader.feed(outcome) + reader.close()


def test_a_read_out_in_mode_c() -> None:
    talk = Talk()
    assert (talk.step.send, talk.step.baud) == (b"", 300)
    step = talk.silence()
    # Five characters of ten bits at 300 bit/s, and the margin; then the meter has 1.5 s, and half a second for luck.
    assert tuple(step) == (SIGN_ON, pytest.approx(5 / 30 + 0.1), 300, 2.0)
    talk.hear(IDENT)
    assert talk.read_out.identified
    assert talk.state is State.ACKNOWLEDGING
    # The meter wants a pause of at least 0.2 s and at most 1.5 s, of which the acknowledgement takes 0.2 s.
    assert 0.2 <= talk.step.wait < 1.3
    assert talk.step.baud == 300
    step = talk.silence()
    assert tuple(step) == (b"\x06050\r\n", pytest.approx(0.2 + 0.1), 9600, 2.0)
    assert 0.2 < step.leaving < 0.2 + 0.2
    talk.hear(BLOCK)
    assert talk.outcome == IDENT + BLOCK
    assert talk.read_out.checked
    assert not talk.read_out.ignored_rate
    assert talk.said == [(300, SIGN_ON), (300, b"\x06050\r\n")]
    (telegram,) = items(talk.outcome)
    assert isinstance(telegram, Telegram)
    assert telegram.checksum
    assert [str(reading.value) for key, reading in telegram.readings.items() if key == "power_import"] == ["0.512"]


def test_what_comes_after_the_end_changes_nothing() -> None:
    talk = awaiting()
    talk.hear(BLOCK)
    assert talk.hear(b"\r\n" + BLOCK) is None
    assert talk.silence().send == b""
    assert talk.outcome == IDENT + BLOCK


def test_all_at_once_is_the_same_as_byte_by_byte() -> None:
    read_out = ReadOut()
    read_out.start()
    read_out.silence()
    read_out.receive(b"\0" + SIGN_ON + IDENT)
    assert read_out.silence().send == b"\x06050\r\n"
    read_out.receive(BLOCK + b"\r\n")
    assert read_out.outcome == IDENT + BLOCK


def test_a_meter_that_lives_faster() -> None:
    read_out = ReadOut(timing=OpticalTiming(pace=0.1))
    assert read_out.start().wait == pytest.approx(0.02)
    assert tuple(read_out.silence()) == (SIGN_ON, pytest.approx(5 / 300 + 0.01), 300, pytest.approx(0.2))


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        (OpticalSettings(address="12345678"), b"/?12345678!\r\n"),
        (OpticalSettings(query="2"), b"/2!\r\n"),
        (OpticalSettings(address="0" * 32), b"/?" + b"0" * 32 + b"!\r\n"),
    ],
)
def test_address_and_query_character(settings: OpticalSettings, sent: bytes) -> None:
    assert Talk(settings).up_to(State.SIGNED_ON).said == [(300, sent)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_baud": 1000},
        {"max_baud": 115200},
        {"address": "1" * 33},
        {"address": "1!"},
        {"address": "é"},
        {"query": ""},
        {"query": "/"},
        {"query": "??"},
        {"timeout": 0.0},
        {"timeout": -1.0},
    ],
)
def test_settings_that_make_no_sense(wrong: dict[str, str | int]) -> None:
    with pytest.raises(ValueError):
        OpticalSettings(**wrong)  # type: ignore[arg-type]  # the wrong ones are the test


def test_a_battery_meter_is_woken_up_first() -> None:
    talk = Talk(OpticalSettings(wake_up=True))
    step = talk.silence()
    # 2.2 s of characters of ten bits at 300 bit/s.
    assert step.send == b"\0" * 66
    assert step.leaving == pytest.approx(2.2 + 0.1)
    # 1.5 to 1.7 s from the last bit to the sign-on.
    assert step.leaving + step.wait - 2.2 == pytest.approx(1.6)
    # The head echoes them.
    assert talk.hear(b"\0" * 66) is None
    assert talk.silence().send == SIGN_ON
    talk.hear(IDENT)
    assert talk.state is State.ACKNOWLEDGING


def test_a_meter_that_still_talks_is_let_finish() -> None:
    """It answers somebody who has gone, such as a Home Assistant that was restarted: it would hear no sign-on."""
    talk = Talk()
    assert talk.hear(b"\x00\xff\x7f") is None
    # Opening a port makes a few wrong bytes; after them it is waited only shortly.
    talk.hear(b"\x55" * 8)
    assert talk.step.wait == pytest.approx(0.3)
    talk.hear(b"1.8.0(000001.000*kWh)\r\n" * 170)
    assert talk.step.wait == OpticalSettings().timeout
    assert talk.said == []
    assert talk.silence().send == SIGN_ON
    # What was heard before says nothing of the answer.
    talk.hear(b"\x15")
    assert talk.state is State.REPEATING


def test_one_that_never_stops_talking_is_given_up() -> None:
    talk = Talk()
    talk.hear(b"1.8.0(000001.000*kWh)\r\n" * 200)
    assert isinstance(talk.read_out.outcome, Rejected)
    assert talk.read_out.outcome.reason is Reason.GARBAGE


@pytest.mark.parametrize("proposed", range(7))
def test_each_speed_of_mode_c(proposed: int) -> None:
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(b"/TST%dX\r\n" % proposed)
    talk.silence()
    assert talk.said[-1] == (300, b"\x060%d0\r\n" % proposed)
    assert talk.step.baud == (300, 600, 1200, 2400, 4800, 9600, 19200)[proposed]


@pytest.mark.parametrize(
    ("settings", "proposed", "acknowledged", "baud"),
    [
        (OpticalSettings(max_baud=2400), b"5", b"\x06030\r\n", 2400),
        (OpticalSettings(max_baud=2400), b"1", b"\x06010\r\n", 600),
        (OpticalSettings(max_baud=300), b"6", b"\x06000\r\n", 300),
        (OpticalSettings(start_baud=9600, max_baud=9600), b"6", b"\x06050\r\n", 9600),
        (OpticalSettings(start_baud=9600, max_baud=9600), b"0", b"\x06050\r\n", 9600),
        (OpticalSettings(start_baud=2400), b"5", b"\x06050\r\n", 9600),
    ],
)
def test_a_capped_speed_and_a_line_that_keeps_its_speed(
    settings: OpticalSettings, proposed: bytes, acknowledged: bytes, baud: int
) -> None:
    talk = Talk(settings).up_to(State.SIGNED_ON)
    talk.hear(b"/TST" + proposed + b"X\r\n")
    talk.silence()
    assert talk.said[-1] == (settings.start_baud, acknowledged)
    assert talk.step.baud == baud
    talk.hear(BLOCK)
    assert isinstance(talk.outcome, bytes)


@pytest.mark.parametrize(
    ("letter", "baud"), [(b"A", 600), (b"B", 1200), (b"C", 2400), (b"D", 4800), (b"E", 9600), (b"F", 19200)]
)
def test_in_mode_b_the_meter_changes_by_itself(letter: bytes, baud: int) -> None:
    talk = Talk(OpticalSettings(max_baud=600)).up_to(State.SIGNED_ON)
    talk.hear(b"/TST" + letter + b"X\r\n")
    assert talk.step == (b"", 0.0, baud, 2.0)
    talk.hear(BLOCK)
    assert talk.outcome == b"/TST" + letter + b"X\r\n" + BLOCK
    assert talk.said == [(300, SIGN_ON)]


def test_what_came_with_the_identification_of_mode_b_was_heard_at_the_wrong_speed() -> None:
    read_out = ReadOut()
    read_out.start()
    read_out.silence()
    step = read_out.receive(b"/TSTEX\r\n" + b"\xff\x02\x80")
    assert step is not None
    assert step.baud == 9600
    assert read_out.state is State.AWAITING


@pytest.mark.parametrize("letter", [b"Z", b" ", b"G", b"9", b"\\"])
def test_in_mode_a_nothing_changes(letter: bytes) -> None:
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(b"/TST" + letter + b"MC\r\n")
    assert talk.step == (b"", 0.0, 300, 2.0)
    talk.hear(BLOCK)
    assert talk.outcome == b"/TST" + letter + b"MC\r\n" + BLOCK


def test_a_line_that_keeps_its_speed_does_not_follow_in_mode_b() -> None:
    talk = Talk(OpticalSettings(max_baud=300)).up_to(State.SIGNED_ON)
    talk.hear(b"/TSTEX\r\n")
    assert talk.step.baud == 300


def test_a_lower_case_letter_means_an_answer_after_20_ms() -> None:
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(b"/TSt5X\r\n")
    assert 0.2 < talk.silence().leaving < 0.2 + 0.02


@pytest.mark.parametrize("dress", [bytes, with_parity], ids=["7E1", "7E1 read as 8N1"])
@pytest.mark.parametrize("padding", [b"", b"\x7f\0\0\x7f"])
@pytest.mark.parametrize("echo", [True, False])
def test_echo_padding_and_parity(dress: type[bytes], padding: bytes, *, echo: bool) -> None:
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(dress(padding + (SIGN_ON if echo else b"") + padding + IDENT))
    talk.silence()
    talk.hear(dress(padding + (talk.step.send if echo else b"") + padding + WRONG))
    talk.silence()
    assert talk.said[-1] == (9600, NAK)
    talk.hear(dress((NAK if echo else b"") + padding + BLOCK))
    assert talk.outcome == dress(IDENT + BLOCK)
    (telegram,) = items(talk.outcome)
    assert isinstance(telegram, Telegram)
    assert telegram.raw == dress(IDENT + BLOCK)


def test_an_echo_that_was_damaged_is_no_identification() -> None:
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(b"/?\x01\r\n?!\r\n" + IDENT)
    assert talk.state is State.ACKNOWLEDGING
    talk.silence()
    talk.hear(b"50\r\n" + BLOCK)
    assert talk.outcome == IDENT + BLOCK


def test_noise_before_the_identification_gives_no_more_time() -> None:
    talk = Talk().up_to(State.SIGNED_ON)
    assert talk.hear(b"\0\x7f\r\n") is None
    assert talk.hear(b"x\xffy") is None
    talk.hear(IDENT)
    talk.silence()
    talk.hear(BLOCK)
    assert talk.outcome == IDENT + BLOCK


def test_noise_in_the_line_of_the_identification() -> None:
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(b"/\xa5\x17" + IDENT)
    talk.silence()
    talk.hear(BLOCK)
    assert talk.outcome == IDENT + BLOCK


def test_nobody_answers() -> None:
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(SIGN_ON)
    talk.silence()
    assert talk.state is State.DONE
    assert talk.refusal == (Reason.TIMEOUT, b"")
    assert not talk.read_out.identified


@pytest.mark.parametrize("answer", [b"hello\r\n", b"/TS\r\n", b"/TST5OPT", b"/123456\r\n", b"/tst5X\r\n"])
def test_what_answers_is_no_meter(answer: bytes) -> None:
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(answer)
    talk.silence()
    assert talk.refusal == (Reason.GARBAGE, answer.strip() if answer[:1] == b"h" else answer)


def test_a_flood_ends() -> None:
    for flood in (b"/TST\n", b"x"):
        talk = Talk().up_to(State.SIGNED_ON)
        talk.hear(flood * 2000)
        assert talk.refusal[0] is Reason.GARBAGE
        assert len(talk.refusal[1]) <= 1025


def test_a_meter_that_asks_again_gets_it_three_times() -> None:
    talk = Talk().up_to(State.SIGNED_ON)
    for _ in range(3):
        talk.hear(NAK)
        assert talk.state is State.REPEATING
        talk.silence()
    assert talk.said == [(300, SIGN_ON)] * 4
    talk.hear(NAK)
    assert talk.refusal == (Reason.TIMEOUT, b"")
    assert isinstance(talk.outcome, Rejected)
    assert REFUSED_BY_METER in talk.outcome.hint


def test_a_meter_that_asks_again_for_the_acknowledgement() -> None:
    talk = awaiting(OpticalSettings(max_baud=300))
    talk.hear(NAK)
    talk.silence()
    talk.hear(BLOCK)
    assert talk.said == [(300, SIGN_ON), (300, b"\x06000\r\n"), (300, b"\x06000\r\n")]
    assert talk.outcome == IDENT + BLOCK


def test_in_mode_a_there_is_no_acknowledgement_to_ask_for() -> None:
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(b"/TSTZX\r\n")
    assert talk.hear(NAK) is None
    talk.hear(BLOCK)
    assert talk.outcome == b"/TSTZX\r\n" + BLOCK


def test_a_wrong_block_is_asked_for_three_times_more() -> None:
    talk = awaiting()
    for _ in range(3):
        talk.hear(WRONG)
        talk.silence()
    assert talk.said[2:] == [(9600, NAK)] * 3
    talk.hear(BLOCK)
    assert talk.outcome == IDENT + BLOCK
    assert talk.step.baud == 9600


def test_a_block_that_stays_wrong_is_refused() -> None:
    talk = awaiting()
    for _ in range(3):
        talk.hear(WRONG)
        talk.silence()
    talk.hear(WRONG)
    assert talk.refusal == (Reason.CRC, IDENT + WRONG)
    assert not talk.read_out.checked


def test_a_meter_that_does_not_know_how_to_repeat() -> None:
    talk = awaiting()
    talk.hear(WRONG)
    talk.silence()
    talk.silence()
    assert talk.refusal[0] is Reason.CRC


def test_before_it_is_asked_again_the_rest_of_a_block_passes_by() -> None:
    talk = awaiting()
    # A digit was damaged to ETX: what follows is no block check, and still comes.
    talk.hear(BLOCK.replace(b"123.456", b"12\x03.456"))
    assert talk.state is State.REPEATING
    assert talk.step.wait == pytest.approx(0.3)
    talk.silence()
    talk.hear(BLOCK)
    assert talk.outcome == IDENT + BLOCK


def test_a_rest_without_end_is_not_waited_for() -> None:
    talk = awaiting()
    talk.hear(WRONG + b"x" * 70_000)
    assert talk.refusal[0] is Reason.OVERRUN


@pytest.mark.parametrize("end", range(1, len(BLOCK) - 1))
def test_a_block_cut_anywhere_is_refused_as_truncated(end: int) -> None:
    talk = awaiting(OpticalSettings(needs_bcc=True))
    talk.hear(BLOCK[:end])
    talk.silence()
    assert talk.refusal == (Reason.TRUNCATED, IDENT + BLOCK[:end])


@pytest.mark.parametrize("needs_bcc", [True, False])
def test_a_block_cut_after_the_line_of_its_end_is_refused_as_truncated(*, needs_bcc: bool) -> None:
    talk = awaiting(OpticalSettings(needs_bcc=needs_bcc))
    talk.hear(b"\x02" + LINES)
    assert talk.state is State.BLOCK
    talk.silence()
    assert talk.refusal == (Reason.TRUNCATED, IDENT + b"\x02" + LINES)


def test_without_a_block_check_it_depends_on_the_settings() -> None:
    strict, auto = awaiting(OpticalSettings(needs_bcc=True)), awaiting()
    for talk in (strict, auto):
        talk.hear(BLOCK[:-1])
        assert talk.state is State.CHECKING
        talk.silence()
    assert strict.refusal == (Reason.TRUNCATED, IDENT + BLOCK[:-1])
    (telegram,) = items(auto.outcome)
    assert isinstance(telegram, Telegram)
    assert not telegram.checksum
    assert not auto.read_out.checked
    assert [str(code) for code, _ in telegram.objects] == ["0.0.0", "1.8.0", "1.7.0"]


def test_a_damaged_line_without_a_block_check_is_refused_by_the_reader() -> None:
    talk = awaiting()
    talk.hear(BLOCK[:-1].replace(b"512*kW)", b"512*kW"))
    talk.silence()
    assert [item.reason for item in items(talk.outcome) if isinstance(item, Rejected)] == [Reason.TRUNCATED]


def test_a_meter_that_falls_silent_after_its_identification() -> None:
    talk = awaiting(OpticalSettings(max_baud=300))
    assert talk.hear(b"\0\0\x7f\0") is None
    talk.silence()
    assert talk.refusal == (Reason.TIMEOUT, IDENT)


def test_a_meter_that_did_not_hear_the_acknowledgement_goes_on_at_the_start_speed() -> None:
    talk = awaiting()
    talk.silence()
    assert talk.step == (b"", 0.0, 300, 2.0)
    talk.hear(BLOCK)
    assert talk.outcome == IDENT + BLOCK
    assert talk.read_out.ignored_rate


def test_neither_speed() -> None:
    talk = awaiting()
    talk.silence()
    talk.silence()
    assert talk.refusal == (Reason.TIMEOUT, IDENT)
    assert not talk.read_out.ignored_rate


def test_a_meter_that_ignores_the_agreed_speed_sends_its_block_once_more() -> None:
    talk = awaiting()
    # 300 bit/s heard at 9600.
    talk.hear(b"\0\x80\xf8" * 9)
    assert talk.step.baud == 300
    assert talk.state is State.HEADLESS
    talk.hear(BLOCK[40:])
    assert talk.read_out.ignored_rate
    talk.silence()
    assert talk.said[-1] == (300, NAK)
    talk.hear(BLOCK)
    assert talk.outcome == IDENT + BLOCK
    assert talk.step.baud == 300


def test_a_start_that_comes_late() -> None:
    talk = awaiting()
    talk.hear(b"\x80\xf8" * 5)
    talk.hear(b"noise" + BLOCK)
    assert talk.outcome == IDENT + BLOCK


def test_data_without_a_start_are_refused() -> None:
    talk = awaiting(OpticalSettings(max_baud=300))
    talk.hear(LINES)
    assert talk.state is State.HEADLESS
    talk.silence()
    assert talk.refusal == (Reason.TRUNCATED, IDENT + LINES)


def test_a_few_wrong_bytes_before_the_start_are_what_switching_makes() -> None:
    talk = awaiting()
    assert talk.hear(b"\xf8\x80\xff\0") is None
    talk.hear(BLOCK)
    assert talk.outcome == IDENT + BLOCK


@pytest.mark.parametrize("start", [b"\x02", b"123456789"])
def test_data_without_end(start: bytes) -> None:
    talk = awaiting(OpticalSettings(max_baud=300))
    talk.hear(start + b"1.8.0(000123.456*kWh)\r\n" * 3000)
    reason, data = talk.refusal
    assert reason is Reason.OVERRUN
    assert len(data) < 66_000


def test_hdlc_is_recognised_where_the_meter_said_that_it_speaks_it() -> None:
    frame = bytes.fromhex("7ea0210002002303")
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(b"/TST5\\2X\r\n")
    # The normal procedure is asked for, never HDLC.
    assert talk.silence().send == b"\x06050\r\n"
    talk.hear(frame)
    assert talk.refusal[0] is Reason.UNSUPPORTED
    assert isinstance(talk.outcome, Rejected)
    assert "HDLC" in talk.outcome.hint


@pytest.mark.parametrize("ident", [IDENT, b"/TST5\\2X\r\n"])
def test_a_meter_of_mode_e_that_sends_text_is_read(ident: bytes) -> None:
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(ident)
    talk.silence()
    talk.hear(b"~x" + BLOCK)
    assert talk.outcome == ident + BLOCK


def test_a_real_meter_with_fifteen_months_of_history() -> None:
    raw = (needs.shared_telegrams() / "iec-iskra-mt174.txt").read_bytes()
    ident_at, stx = raw.index(b"/ISk5"), raw.index(b"\x02")
    ident = raw[ident_at : raw.index(b"\n", ident_at) + 1]
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(ident)
    talk.silence()
    talk.hear(b"\x06050\r\n" + raw[stx:])
    (telegram,) = items(talk.outcome)
    assert isinstance(telegram, Telegram)
    assert telegram.checksum
    assert telegram.ident == "ISk5MT174-0001"


@pytest.mark.parametrize("name", ["iec-landisgyr-zmf100-m27.txt", "iec-iskra-itr5-em214.txt", "iec-elster-v9.30.txt"])
def test_real_meters_whose_end_was_lost_are_refused_as_truncated(name: str) -> None:
    raw = (needs.shared_telegrams() / name).read_bytes()
    ident, _, data = raw.partition(b"\n")
    talk = Talk().up_to(State.SIGNED_ON)
    talk.hear(ident[ident.rindex(b"/") :] + b"\n")
    talk.silence()
    talk.hear(b"\x02" + data.partition(b"\x02")[2] if b"\x02" in data else data)
    talk.silence()
    assert talk.refusal[0] is Reason.TRUNCATED
