"""What is no telegram gets its name: from the bytes of each protocol, and of a line that is inverted or misread."""

from datetime import datetime
import itertools
import random

import pytest

from p1meter.meter import DecryptionKeys, Foreign, Reader, Reason, Recogniser, Rejected
from tests import needs
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS

from .composing import NL2, block_check, nl5, seal, with_parity
from .test_cipher import VECTOR
from .uart import Format, Resync, received, signal

FAST, SLOW, FAST_7E1, SLOW_8N1 = Format(), Format(9600, 7, even=True), Format(115200, 7, even=True), Format(9600)
SPEEDS = (300, 1200, 2400, 4800, 9600, 14400, 19200, 38400, 57600, 76800, 115200, 230400)


def verdict(*pieces: bytes) -> Foreign | None:
    recogniser = Recogniser()
    for piece in pieces:
        recogniser.feed(piece)
    return recogniser.verdict()


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def x25(data: bytes) -> bytes:
    """CRC-16/X-25, as it stands on the wire; worked out bit by bit."""
    check = 0xFFFF
    for byte in data:
        check ^= byte
        for _ in range(8):
            check = check >> 1 ^ (0x8408 if check & 1 else 0)
    return (check ^ 0xFFFF).to_bytes(2, "little")


def hdlc(size: int = 228, kind: int = 0xA0, message: bytes = b"") -> bytes:
    """A frame with data of that size, or this message: addresses, UI, header check, LLC, notification."""
    size = len(message) + 3 if message else size
    length = 2 + 1 + 2 + 1 + 2 + size + 2
    head = bytes([kind | length >> 8, length & 0xFF, 0x41, 0x08, 0x83, 0x13])
    head += x25(head)
    content = b"\xe6\xe7\x00" + (message or b"\x0f" + bytes(index * 37 & 0xFF for index in range(size - 4)))
    return b"\x7e" + head + content + x25(head + content) + b"\x7e"


def sealed(size: int, control: int) -> bytes:
    """An encrypted DLMS message: its head is that of an encrypted P1 telegram."""
    head = b"\xdb\x08KFM\x10\x20\x00\x12\x34"
    content = bytes([control]) + bytes(index * 53 & 0x7F for index in range(size - len(head) - 4))
    return head + b"\x82" + len(content).to_bytes(2) + content


def mbus(size: int = 248, control: int = 0x20) -> bytes:
    """A long frame with an encrypted DLMS message in it, as Austrian meters send it: most without authentication."""
    data = b"\x53\xff\x00\x01\x67\xdb\x08KFM\x10\x20\x00\x12\x34\x81\xf8" + bytes([control]) + b"\x00\x00\x00\x01"
    data += bytes(index * 91 & 0xFF for index in range(size - len(data)))
    return b"\x68" + bytes([size, size]) + b"\x68" + data + bytes([sum(data) & 0xFF, 0x16])


def sml() -> bytes:
    content = (
        b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01\x76\x05\x01\x02\x03\x04" + bytes(range(90)) + b"\x1b\x1b\x1b\x1b\x1a\x00"
    )
    return content + x25(content)


MESSAGES = {
    "HDLC, Norway": (hdlc(), Foreign.HDLC),
    "HDLC, the longest": (hdlc(2037, 0xA0), Foreign.HDLC),
    "HDLC, one of several segments": (hdlc(120, 0xA8), Foreign.HDLC),
    "M-Bus": (mbus(), Foreign.MBUS),
    "M-Bus, short": (mbus(28), Foreign.MBUS),
    "SML": (sml(), Foreign.SML),
}


@pytest.mark.parametrize(("message", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_each_protocol_has_its_name_however_it_is_cut_and_whatever_is_around_it(
    message: bytes, expected: Foreign
) -> None:
    assert verdict(message) is expected
    assert verdict(*(message[at : at + 1] for at in range(len(message)))) is expected
    for seed in range(20):
        assert verdict(noise(40 * seed, seed), message, noise(9000, seed)) is expected
    # Joined in the middle, and each one a little later than the one before.
    assert verdict(message[len(message) // 2 :], message, message[:20]) is expected


# A block transfer: its head, the number of the block and of the one before, and the length of the block.
BLOCK_HEADS = {"HDLC": b"", "block": b"\xe0\x40\0\x01\0\0\x6e", "long block": b"\xe0\x40\0\x01\0\0\x81\xee"}


@pytest.mark.parametrize("control", [0x20, 0x30])
@pytest.mark.parametrize("around", [*BLOCK_HEADS, "M-Bus"])
def test_what_others_encrypt_is_no_encrypted_telegram_and_no_key_is_asked_for(around: str, control: int) -> None:
    """Danish and Austrian meters encrypt inside their frames, with the same head as a P1 telegram."""
    is_mbus = around == "M-Bus"
    message = mbus(control=control) if is_mbus else hdlc(message=BLOCK_HEADS[around] + sealed(130, control))
    for keys, size in itertools.product((None, DecryptionKeys(bytes(16))), (1, 12, 100, 4096)):
        reader, recogniser = Reader(keys), Recogniser()
        heard = message * 8
        refused = []
        for at in range(0, len(heard), size):
            refused += reader.feed(heard[at : at + size])
            recogniser.feed(heard[at : at + size])
        refused += reader.close()
        assert {item.reason for item in refused if isinstance(item, Rejected)} == {Reason.GARBAGE}
        assert recogniser.verdict() is (Foreign.MBUS if is_mbus else Foreign.HDLC)
        # Where there is nothing around it, it is one.
        (told,) = reader.feed(seal(nl5(1)))
        assert isinstance(told, Rejected)
        assert told.reason is (Reason.KEY if keys else Reason.CIPHER)


def test_nothing_but_acknowledgements_is_the_answer_of_an_mbus() -> None:
    assert verdict(b"\xe5", b"\xe5") is Foreign.MBUS
    assert verdict(b"\xe5\0\xff" * 20) is Foreign.MBUS
    # A click.
    assert verdict(b"\xe5") is None
    assert verdict(b"\xe5" * 30 + noise(30)) is Foreign.GARBAGE


@pytest.mark.parametrize(("message", "expected"), [*MESSAGES.values()][:4], ids=[*MESSAGES][:4])
def test_what_is_damaged_is_not_guessed(message: bytes, expected: Foreign) -> None:
    for at in range(10, len(message) - 1, 7):
        damaged = message[:at] + bytes([message[at] ^ 0x10]) + message[at + 1 :]
        assert verdict(damaged) is not expected
        assert verdict(damaged, message) is expected
    assert verdict(message[:-1]) is not expected


def test_noise_is_garbage_and_never_a_protocol() -> None:
    verdicts = [verdict(noise(4096, seed)) for seed in range(300)]
    # A chance in 24,000 that it looks like the head of an encrypted telegram.
    assert verdicts.count(Foreign.GARBAGE) >= 299
    assert set(verdicts) <= {Foreign.GARBAGE, None}


def test_zeros_and_ones_are_no_signal() -> None:
    for byte in (b"\0", b"\xff", b"\0\0\xff"):
        assert verdict(byte * 9) is Foreign.NO_SIGNAL
    # A click, as when a cable is plugged in.
    assert verdict(b"\0\xff\0\xff\0\0\0\xff") is None
    assert verdict(noise(8)) is None
    assert verdict() is None


def test_text_and_what_a_meter_encrypts_is_not_foreign() -> None:
    for text in (nl5(), NL2, with_parity(NL2), nl5()[:200], b"login: " * 9, VECTOR, seal(nl5() * 3), VECTOR[:20]):
        assert verdict(text) is None
    assert verdict(b"/TST5\r\n\x02" + b"1.8.0(1*kWh)\r\n!\r\n\x03" + block_check(b"x")) is None


def test_what_was_heard_long_ago_is_forgotten() -> None:
    recogniser = Recogniser()
    recogniser.feed(hdlc())
    for seed in range(100):
        recogniser.feed(noise(1000, seed))
    assert recogniser.verdict() is Foreign.GARBAGE
    assert len(recogniser._heard) <= 16 * 1024
    recogniser.clear()
    assert recogniser.verdict() is None


# Bit by bit: what a port makes of a line that is inverted, or of another speed.

PLAIN = {
    name: system.compose(Household(start=datetime(2026, 11, 21, 13, 0, 10, tzinfo=ZONE)))
    for name, system in SYSTEMS.items()
    if system.cipher is None
}


def sent_by(name: str) -> Format:
    system = SYSTEMS[name]
    return Format(system.baudrate, int(system.framing[0]), even=system.framing[1] == "E")


def test_at_the_right_speed_the_port_gives_what_was_sent() -> None:
    for name, telegram in PLAIN.items():
        sent = sent_by(name)
        for resync in Resync:
            assert received(signal(telegram, sent), sent, sent, resync) == telegram
    assert received(signal(NL2, SLOW), SLOW, SLOW_8N1) == with_parity(NL2)


def test_eight_bits_on_an_inverted_line_are_exchanged_and_moved_by_one() -> None:
    # The receiver takes the first falling edge for a start bit, which is one in the character; after a character or
    # two it has the place between two characters, and stays there.
    heard = received(signal(b"0-0:96.1.0(12)\r\n" * 3, FAST, inverted=True), FAST, FAST)
    text = bytes(~byte >> 1 & 0x7F for byte in heard)
    assert b"0-0:96.1.0(12)\r\n0-0:96.1.0(12)\r" in text


@pytest.mark.parametrize("resync", Resync)
@pytest.mark.parametrize("name", PLAIN)
def test_an_inverted_line_is_known_as_such(name: str, resync: Resync) -> None:
    sent = sent_by(name)
    levels = signal(PLAIN[name], sent, inverted=True)
    assert verdict(received(levels, sent, sent, resync)) is Foreign.INVERTED
    if sent.even:
        # The other format that is tried at this speed.
        assert verdict(received(levels, sent, Format(sent.baud), resync)) is Foreign.INVERTED


@pytest.mark.parametrize("resync", Resync)
@pytest.mark.parametrize("name", PLAIN)
def test_a_wrong_speed_is_never_taken_for_an_inverted_line_or_a_protocol(name: str, resync: Resync) -> None:
    sent = sent_by(name)
    levels = signal(PLAIN[name][:700], sent)
    for baud in SPEEDS:
        for heard in (Format(baud), Format(baud, 7, even=True)):
            if baud == sent.baud:
                assert verdict(received(levels, sent, heard, resync)) is None
            else:
                assert verdict(received(levels, sent, heard, resync)) in {Foreign.GARBAGE, Foreign.NO_SIGNAL, None}
        if baud in {9600, 115200} and baud != sent.baud:
            assert verdict(received(levels, sent, Format(baud), resync)) is not None


# The real ones.


def test_of_the_real_telegrams_none_is_foreign() -> None:
    for path in sorted(needs.shared_telegrams().glob("*.*")):
        if path.suffix in {".txt", ".bin"} and path.name != "reserve.bin":
            assert verdict(path.read_bytes()) is None, path.name


def test_real_telegrams_on_an_inverted_line() -> None:
    """Where a receiver takes missing stop bits for start bits, a few are not known: then it is garbage, never wrong."""
    known = dict.fromkeys(Resync, 0)
    telegrams = [path.read_bytes() for path in sorted(needs.shared_telegrams().glob("??-*.txt"))]
    for telegram in telegrams:
        for resync in Resync:
            found = verdict(received(signal(telegram, FAST, inverted=True), FAST, FAST, resync))
            assert found in {Foreign.INVERTED, Foreign.GARBAGE}
            known[resync] += found is Foreign.INVERTED
    assert known[Resync.WAIT] == len(telegrams)
    assert known[Resync.AT_ONCE] >= len(telegrams) - 2
