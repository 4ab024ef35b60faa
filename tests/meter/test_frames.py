"""Frames in a stream: every telegram that is whole is found, none that is damaged, whatever is around them."""

import random
import sys
from typing import TYPE_CHECKING

import pytest

from p1meter.meter import Reader, Reason, Rejected, Telegram, verdict
from p1meter.meter.checksum import bcc, crc16_arc
from p1meter.meter.frames import Frame, FrameFinder
from tests.simulation.checksum import crc16

from .composing import BLOCK, HEAT_BLOCK, HOLLEY, NL2, block, checked, nl5, unchecked, with_parity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

NL5 = nl5()
NL3 = unchecked("/KAM5\n\n1-3:0.2.8(30)\n1-0:1.7.0(0000.1*kW)\n!")
EVERY_KIND = {"nl5": NL5, "nl2": NL2, "holley": HOLLEY, "block": BLOCK, "heat block": HEAT_BLOCK}
every_kind = pytest.mark.parametrize("telegram", EVERY_KIND.values(), ids=EVERY_KIND)


def find(*pieces: bytes) -> list[Frame | Rejected]:
    """What a finder says of these pieces and the end of the input."""
    finder = FrameFinder()
    return [item for piece in pieces for item in finder.feed(piece)] + finder.close()


def story(items: Iterable[Frame | Rejected]) -> list[bytes | tuple[Reason, bytes]]:
    """Accepted telegrams as bytes, refused ones with their reason."""
    return [item.raw if isinstance(item, Frame) else (item.reason, item.data) for item in items]


def reasons(items: Iterable[Frame | Rejected]) -> list[Reason | None]:
    return [item.reason if isinstance(item, Rejected) else None for item in items]


# What is whole is found.


def test_a_telegram_that_is_whole_is_handed_over_at_once() -> None:
    assert FrameFinder().feed(NL5) == [Frame(NL5, NL5, checksum=True)]
    assert FrameFinder().feed(NL2) == [Frame(NL2, NL2, checksum=False)]


@pytest.mark.parametrize("line", ["1.8.0(1*kWh)", "C.1.0(1)"])
def test_a_short_telegram_needs_nothing_after_it(line: str) -> None:
    short = unchecked(f"/KAM5\n{line}\n!")
    assert story(FrameFinder().feed(short)) == [short]


@pytest.mark.parametrize("telegram", [NL5, HOLLEY], ids=["nl5", "holley"])
def test_what_is_whole_and_has_a_checksum_is_not_searched_for(telegram: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FrameFinder, "_run", None)
    assert story(FrameFinder().feed(telegram + telegram)) == [telegram, telegram]


@pytest.mark.parametrize(
    "telegram", [NL3, NL2.replace(b"0-1:24.3.0", b"0-1:24.1.0(03)\r\n0-1:24.3.0")], ids=["nl3", "nl2"]
)
def test_what_is_like_one_before_is_not_searched_for_either(telegram: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    reader.feed(telegram)
    monkeypatch.setattr(FrameFinder, "_run", None)
    found = reader.feed(telegram + telegram)
    assert [item.raw for item in found if isinstance(item, Telegram)] == [telegram, telegram]


@every_kind
def test_telegrams_come_in_any_pieces(telegram: bytes) -> None:
    for cut in range(len(telegram) + 1):
        assert story(find(telegram[:cut], telegram[cut:])) == [telegram]
    twice = telegram * 2
    assert story(find(*(twice[at : at + 1] for at in range(len(twice))))) == [telegram, telegram]


@pytest.mark.parametrize("whole", [NL2, NL3, HOLLEY])
def test_what_came_before_does_not_change_what_is_whole(whole: bytes) -> None:
    """Without a checksum too, where a telegram that is like the one before is not looked at again."""
    chance = random.Random(1)
    finder = FrameFinder()
    finder.feed(whole)
    for _ in range(2000):
        sent = bytearray(whole)
        for _ in range(chance.randint(0, 3)):
            sent[chance.randrange(len(sent))] = chance.choice(
                b"0123456789" if chance.random() < 0.7 else b"()*.:!/x\r\n\xaf"
            )
        data = bytes(sent)
        assert finder.feed(data) + finder.close() == find(data)


@every_kind
def test_telegrams_come_glued_together(telegram: bytes) -> None:
    stream = telegram + NL5 + telegram + telegram + NL2 + BLOCK + telegram
    assert story(find(stream)) == [telegram, NL5, telegram, telegram, NL2, BLOCK, telegram]


@every_kind
def test_padding_between_telegrams_is_no_noise(telegram: bytes) -> None:
    padding = b"\r\n\x00\x00\x7f\r\n\n"
    assert story(find(padding + telegram + padding + telegram + padding)) == [telegram, telegram]
    assert story(find(padding, telegram, padding, telegram, padding)) == [telegram, telegram]
    assert story(find(padding + telegram[:5], telegram[5:])) == [telegram]


@every_kind
@pytest.mark.parametrize(
    "noise",
    [
        b"25803103\r\n",
        b"00002.345*kWh)\r\n1-0:1.8.2(1)\r\n!12AB\r\n",
        b"\xff\xfe/\x01(\r\n",
        b"x\r\n\x00y\r\n",
        b"no line end ",
    ],
)
def test_noise_before_between_and_after_is_told_once_a_gap(telegram: bytes, noise: bytes) -> None:
    gap = (Reason.GARBAGE, noise.rstrip(b"\r\n"))
    assert story(find(noise + telegram + noise + telegram + noise)) == [gap, telegram, gap, telegram, gap]
    assert story(find(noise, telegram, noise, telegram, noise)) == [gap, telegram, gap, telegram, gap]


@pytest.mark.parametrize("telegram", [NL5, NL2])
def test_a_telegram_is_handed_over_at_once_although_noise_stands_on_its_line(telegram: bytes) -> None:
    assert story(FrameFinder().feed(b"00.1*kWh" + telegram)) == [(Reason.GARBAGE, b"00.1*kWh"), telegram]


def test_a_telegram_with_a_checksum_is_handed_over_at_once_although_a_block_was_cut_before_it() -> None:
    """No block check can follow it: what has a checksum behind its `!` is no block."""
    noise = b"x" + BLOCK[:60]
    assert story(FrameFinder().feed(noise + NL5)) == [(Reason.GARBAGE, noise), NL5]


def test_lines_may_end_without_cr() -> None:
    for telegram in (NL5, NL2, BLOCK, HEAT_BLOCK):
        bare = telegram.replace(b"\r", b"")
        assert story(find(bare + bare)) == [bare, bare]
    for digit in b"123456789":
        damaged = NL5.replace(b"\r", b"").replace(b"1.8.1(0", b"1.8.1(%c" % digit)
        assert reasons(find(damaged)) == [Reason.CRC]
    body = NL5.partition(b"!")[0].replace(b"\r", b"") + b"!"
    own_checksum = body + b"%04X\n" % crc16(body)
    assert story(find(own_checksum)) == [own_checksum]
    assert reasons(find(own_checksum.replace(b"\n", b"\r\n"))) == [Reason.CRC]


def test_what_has_no_ident_is_no_telegram_whatever_its_checksum() -> None:
    for body in (b"\n1-0:1.7.0(00.100*kW)\r\n!", b"1-0:1.7.0(00.100*kW)\r\n!", b"!"):
        assert reasons(find(body + b"%04X\r\n" % crc16(body))) == [Reason.GARBAGE]


def test_a_checksum_may_be_short_and_in_small_letters() -> None:
    telegrams = {len(number): telegram for telegram, number in (_unpadded(second) for second in range(1000))}
    assert telegrams.keys() >= {2, 3, 4}
    for telegram in telegrams.values():
        assert story(find(telegram)) == [telegram]
        assert reasons(find(telegram.replace(b"1.8.1(0", b"1.8.1(1"))) == [Reason.CRC]


def _unpadded(second: int) -> tuple[bytes, bytes]:
    body, mark, number = nl5(second).rpartition(b"!")
    number = number.strip().lstrip(b"0").lower()
    return body + mark + number + b"\r\n", number


def test_blank_lines_count_nowhere_but_in_the_checksum() -> None:
    without = checked("/ISk5\\2MT382-1000\n1-0:1.7.0(00.244*kW)\n!")
    many = checked("\n/ISk5\\2MT382-1000\n\n\n1-0:1.7.0(00.244*kW)\n\n1-0:1.8.0(1*kWh)\n\n!".strip("\n"))
    assert story(find(without + many)) == [without, many]
    bare = unchecked("/KMP5 KA6U001660297912\n\n\n\n0-1:24.3.0(1)(m3)\n\n(00054.386)\n\n!")
    assert story(find(bare)) == [bare]


def test_what_is_not_text_is_decided_by_the_checksum() -> None:
    telegram = checked(f"/AUX59903106618\n\n0-0:1.0.0(230817171430S)\n0-0:96.13.0({'ÿ' * 1024})\n!")
    assert story(find(telegram)) == [telegram]
    unproved = unchecked("/XMX5XMXABCE000015779\n0-0:96.13.0(ÿÿ)\n!")
    assert reasons(find(unproved)) == [Reason.CRC]


def test_a_slash_within_a_line_is_text() -> None:
    assert story(find(HOLLEY)) == [HOLLEY]
    unproved = unchecked("/XMX5XMXABCE000015779\n0-0:96.13.0(a/b)\n1-0:1.8.1(07654.321*kWh)\n!")
    assert story(find(unproved)) == [unproved]


@pytest.mark.parametrize(
    "ident",
    [
        "/KAM5",
        "/ADN9 6534",
        "/KMP5 KA6U001660297912",
        "/1234567890123",
        "/NWA-WARMTELINK",
        "/ELS5\\@V9.35         ",
        "/" + "X" * 100,
    ],
)
def test_idents_need_no_baud_rate(ident: str) -> None:
    telegram = checked(f"{ident}\n\n1-0:1.7.0(00.244*kW)\n!")
    assert story(find(telegram[:3], telegram[3:], telegram)) == [telegram, telegram]


# Without a checksum.


def test_a_meter_that_always_sends_a_checksum_cannot_do_without() -> None:
    for line in (
        "0-0:1.0.0(1)",
        "0-0:96.1.4(50217)",
        "0-0:42.0.0(53)",
        "1-3:0.2.8(40)",
        "1-3:0.2.8(50)",
        "1-3:0.2.8*255(42)",
    ):
        telegram = unchecked(f"/ISk5\\2MT382-1000\n\n{line}\n1-0:1.8.1(00054.386*kWh)\n!")
        assert story(find(telegram)) == [(Reason.TRUNCATED, telegram)]
        file = block("/ISk5MT174-0001", f"{line}\n!\n")[:-2]
        assert story(find(file)) == [(Reason.TRUNCATED, file)]
    for line in ("1-3:0.2.8(30)", "0-0:1.1.0(1)", "1-0:0.9.1(222553)", "0-0:96.1.1(30)", "0-0:96.1.0(96815390)"):
        telegram = unchecked(f"/ISK9\\2M551T-200\n\n{line}\n1-0:1.8.1(00054.386*kWh)\n!")
        assert story(find(telegram)) == [telegram]


@pytest.mark.parametrize(
    "line",
    [
        "1-0:1.8.1(0003",
        "1-0:1.8.1(00036.1331-0:1.8.2(00017.004*kWh)",
        "1-0:1.8.1(00036.133*kWh))",
        "1-0:!.8.1(00036.133*kWh)",
        "1-0:1.8.1(00036!133*kWh)",
        "1-0:1.8.1(00036.133*kWh!",
        "1-021.7.0(00.000*kW)",
        "6.133*kWh)",
        "1-0:1.8.1",
        "1-0:1.8.1(\x0136)",
    ],
)
def test_without_a_checksum_every_line_must_be_whole(line: str) -> None:
    telegram = unchecked(f"/ISk5\\2MT382-1003\n\n0-0:96.14.0(0002)\n{line}\n1-0:2.7.0(0000.04*kW)\n!")
    assert story(find(telegram)) == [(Reason.TRUNCATED, telegram)]


@pytest.mark.parametrize("line", ["1-1:0.6.3.4(12.500*kW)", "U-I 1(229.5)(003.1)", "SNUMB(011076)", "()"])
def test_a_block_with_its_check_may_call_a_value_as_it_likes(line: str) -> None:
    whole = block("/TST5METER", f"{line}\n1.8.0(1*kWh){line}\n!\n")
    assert story(find(whole)) == [whole]


@pytest.mark.parametrize("line", ["U-I 1(229.5)", "SNUMB(011076)", "()"])
def test_a_block_without_its_check_may_not(line: str) -> None:
    file = block("/TST5METER", f"1.8.0(1*kWh)\n{line}1.7.0(1*kW)\n!\n")[:-2]
    assert story(find(file)) == [(Reason.TRUNCATED, file)]


def test_without_a_checksum_nothing_is_not_a_telegram() -> None:
    for empty in (unchecked("/ISk5\\2MT382-1003\n\n!"), block("/ISk5MT174-0001", "!\n"), block("/ISk5MT174-0001", "")):
        assert story(find(empty)) == [(Reason.TRUNCATED, empty)]
    checked_empty = checked("/ISk5\\2MT382-1000\n\n!")
    assert story(find(checked_empty)) == [checked_empty]


def test_two_cut_telegrams_never_become_one() -> None:
    lines = NL2.splitlines(keepends=True)
    within_values = [at for at in range(len(NL2)) if NL2.rfind(b"(", 0, at) > NL2.rfind(b")", 0, at)]
    assert len(within_values) > 100
    line_starts = [len(b"".join(lines[:number])) for number in range(1, len(lines))]
    for value in within_values:
        for start in line_starts:
            assert None not in reasons(find(NL2[:value] + NL2[start:]))
            assert None not in reasons(find(NL2[:start] + NL2[value:]))


# Seven bits, even parity.


def test_seven_bits_read_as_eight() -> None:
    for telegram in (NL2, NL5, BLOCK, HEAT_BLOCK, HOLLEY):
        received = with_parity(telegram)
        assert received[0] == 0xAF
        (plain,), (found,) = find(telegram), find(received)
        assert isinstance(plain, Frame)
        assert found == plain._replace(raw=received)
        assert story(find(b"\x8d\n" + received + received)) == [received, received]
        assert story(find(*(received[at : at + 1] for at in range(len(received))))) == [received]


def test_an_ident_that_is_no_text_is_not_believed_without_a_checksum() -> None:
    # Three wrong bits, and the parity is right.
    sent = with_parity(NL2)
    assert story(find(sent)) == [sent]
    assert reasons(find(sent.replace(b"KA6", b"K\x8e6"))) == [Reason.TRUNCATED]


def test_an_ident_that_says_nothing_is_not_believed_without_a_checksum() -> None:
    """A slash got into the blank line: what follows is whole, but nothing says whose it is."""
    for telegram in (NL2, NL3):
        sent = with_parity(telegram)
        assert story(find(sent)) == [sent]
        damaged = sent.replace(b"\x8d\n\x8d\n", b"\x8d\n\xaf\x8d\n", 1)
        found = find(damaged)
        assert found
        assert all(isinstance(item, Rejected) for item in found)


def test_a_bit_that_flips_breaks_the_parity() -> None:
    received = with_parity(NL2)
    for at in range(1, len(received) - 5):
        damaged = bytearray(received)
        damaged[at] ^= 0x01
        found = find(bytes(damaged))
        assert found
        assert all(isinstance(item, Rejected) for item in found)
    assert reasons(find(NL2.replace(b"00368", with_parity(b"10368")))) == [Reason.CRC]


# What is cut.


@pytest.mark.parametrize("after", [NL5, NL2, HOLLEY, BLOCK], ids=["nl5", "nl2", "holley", "block"])
@every_kind
def test_a_whole_telegram_is_found_after_one_that_was_cut_anywhere(telegram: bytes, after: bytes) -> None:
    for transmitted in (bytes, with_parity):
        whole = transmitted(after)
        for cut in range(1, len(telegram)):
            head = transmitted(telegram[:cut])
            if telegram is BLOCK and head.endswith(b"!\x8d\n" if transmitted is with_parity else b"!\r\n"):
                continue  # As it may stand in a file: without ETX and BCC.
            refused, found = find(head + whole)
            assert isinstance(refused, Rejected)
            assert isinstance(found, Frame)
            assert found.raw == whole
            assert refused.data == head or refused.data == head.rstrip(b"\r\n")
            assert refused.reason is Reason.TRUNCATED or head.endswith(b"\r")
            if cut % 16 == 0:
                stream = head + whole
                assert find(*(stream[at : at + 1] for at in range(len(stream)))) == [refused, found]


@every_kind
def test_a_whole_block_is_found_after_one_that_was_cut_anywhere(telegram: bytes) -> None:
    for cut in range(1, len(HEAT_BLOCK)):
        assert story(find(HEAT_BLOCK[:cut] + telegram))[1:] == [telegram]


def test_several_cut_telegrams_before_a_whole_one() -> None:
    heads = [NL5[:70], NL5[:9], HOLLEY[:60], NL5[:100]]
    assert story(find(b"".join(heads) + NL5))[-1] == NL5
    at_line_ends = [(Reason.TRUNCATED, head) for head in (NL5[:20], NL2[:26], NL5[:37])]
    assert story(find(b"".join(head for _, head in at_line_ends) + NL5)) == [*at_line_ends, NL5]


@pytest.mark.parametrize("lost", [b"\n", b"\r\n", b"B\r\n", b"AB\r\n"])
def test_a_line_of_the_end_that_was_cut(lost: bytes) -> None:
    telegram = next(telegram for telegram in map(nl5, range(1000)) if telegram.endswith(b"AB\r\n"))
    head = telegram.removesuffix(lost)
    assert story(find(head + telegram)) == [(Reason.TRUNCATED, head), telegram]


@pytest.mark.parametrize(
    "end", [b"!12G4\r\n", b"!12345\r\n", b"!\xb1234\r\n", b"!0x12\r\n", b"!+123\r\n", b"!1_23\r\n"]
)
def test_a_checksum_that_cannot_be_read_does_not_match(end: bytes) -> None:
    damaged = NL5.partition(b"!")[0] + end
    assert story(find(damaged + NL5)) == [(Reason.CRC, damaged), NL5]


@pytest.mark.parametrize(
    "line",
    [
        b"!-0:1.8.2(003701.011*kWh)\r\n",
        b"!0-1:24.2.1\r\n",
        b"0.1(1)!\r\n",
        b"/1.8.1(0)\r\n",
        b"/\r\n",
        b"/12\r\n",
        b"\xdb\x08title123\x82\xff\xff\x30\r\n",
    ],
)
def test_what_looks_like_an_end_or_a_start_within_a_damaged_telegram_is_neither(line: bytes) -> None:
    head, tail = NL5[:60], NL5[60:]
    damaged = head + b"\r\n" + line + tail
    assert story(find(damaged + NL5)) == [(Reason.CRC, damaged), NL5]


# Tag, system title, length, security control and frame counter, by chance: 8000 bytes would follow.
HEADER = b"\xdb\x08title123\x82\x1f\x40\x30\x00\x00\x00\x01"


@pytest.mark.parametrize(
    "telegram", [NL5, HOLLEY, BLOCK, NL2, with_parity(NL5)], ids=["5", "holley", "block", "2", "7E1"]
)
def test_what_looks_encrypted_within_a_cut_telegram_swallows_nothing(telegram: bytes) -> None:
    cut = NL5[:100] + HEADER + b"cut\r\n"
    stream = cut + telegram * 3
    refused = [(Reason.TRUNCATED, cut[:100]), (Reason.TRUNCATED, cut[100:])]
    # What has a checksum is found at once, not after the 8000 bytes.
    if telegram in {NL5, HOLLEY, with_parity(NL5)}:
        assert story(FrameFinder().feed(stream)) == [*refused, telegram, telegram, telegram]
    assert story(find(stream)) == [*refused, telegram, telegram, telegram]
    assert story(find(*(stream[at : at + 1] for at in range(len(stream))))) == story(find(stream))


def test_behind_a_tag_that_begins_nothing_each_telegram_that_was_cut_is_told_by_itself() -> None:
    # One byte would follow: no encrypted frame is that short.
    cut = NL5[:100] + HEADER.replace(b"\x1f\x40", b"\x00\x01") + b"cut\r\n"
    other = NL5[:60] + b"\r\n"
    assert story(find(cut + other + NL5)) == [(Reason.TRUNCATED, cut), (Reason.TRUNCATED, other), NL5]


def test_what_ends_a_block_is_text_in_a_telegram_whose_checksum_is_right() -> None:
    telegram = checked("/TST5\n\n0-0:96.13.0(a\x03b)\n!")
    assert story(find(telegram)) == [telegram]
    assert story(find(b"noise\r\n" + telegram)) == [(Reason.GARBAGE, b"noise"), telegram]


def test_only_a_right_checksum_tells_at_once_that_what_looks_encrypted_is_not() -> None:
    start = HEADER + b"\r\n"
    damaged = NL5.replace(b"004179.186", b"004179.187")
    for telegram in (damaged, NL2):
        finder = FrameFinder()
        assert finder.feed(start + telegram) == []
        assert story(finder.feed(NL5))[-1] == NL5
    assert story(find(start + NL2)) == [(Reason.TRUNCATED, start), NL2]


def test_what_looks_encrypted_ends_within_the_next_telegram() -> None:
    for missing in range(1, 200):
        # So many bytes of the telegram are taken for its last ones.
        noise = HEADER + b"0" * (8000 + 13 - len(HEADER) - missing - 2) + b"\r\n"
        for head in (b"", NL5[:100]):
            stream = head + noise + NL5 + NL2
            end = len(head) + 8013
            for pieces in ([stream], [stream[:end], stream[end:]]):
                found = story(find(*pieces))
                assert found[-2:] == [NL5, NL2]
                assert {item[0] for item in found[:-2]} == {Reason.TRUNCATED}


def test_what_is_left_at_the_end_or_when_it_falls_silent_is_refused_once() -> None:
    for telegram in (NL5, NL2, HOLLEY, with_parity(NL5), with_parity(NL2)):
        for cut in range(1, len(telegram)):
            assert story(find(telegram[:cut])) == [(Reason.TIMEOUT, telegram[:cut])]
            assert story(find(b"\r\n", telegram[:cut])) == [(Reason.TIMEOUT, telegram[:cut])]
    assert find() == []
    assert find(b"\r\n\x00") == []


def test_after_silence_a_new_line_begins() -> None:
    finder = FrameFinder()
    for left in (NL5[:100], b"noise without line end", BLOCK[:100], b"x" * 100_000):
        assert len(finder.feed(left) + finder.close()) == 1
        assert story(finder.feed(NL5)) == [NL5]


def test_a_cut_telegram_and_an_unfinished_one_are_two() -> None:
    assert story(find(NL5[:37] + NL5[:9])) == [(Reason.TRUNCATED, NL5[:37]), (Reason.TIMEOUT, NL5[:9])]
    assert story(find(NL2[:26] + NL2[:60])) == [(Reason.TRUNCATED, NL2[:26]), (Reason.TIMEOUT, NL2[:60])]


# Sizes.


def test_noise_without_end_is_told_once_and_takes_no_memory() -> None:
    finder = FrameFinder()
    items = [item for at in range(400) for item in finder.feed(b"/x(noise" * 512)]
    assert reasons(items) == [Reason.GARBAGE]
    assert len(items[0].data) == 8192 if isinstance(items[0], Rejected) else False
    assert len(finder._buffer) + len(finder._gap) < 80_000
    assert story(finder.feed(b"\r\n" + NL5)) == [NL5]
    assert reasons(finder.feed(b"noise") + finder.close()) == [Reason.GARBAGE]


def test_lines_of_noise_without_end_take_no_memory_either() -> None:
    finder = FrameFinder()
    for _ in range(400):
        finder.feed(b"noise\r\n" * 512)
    assert len(finder._buffer) + len(finder._gap) < 80_000


def test_a_telegram_has_at_most_8_kilobytes() -> None:
    def long(size: int) -> bytes:
        return checked(f"/ISk5\\2MT382-1000\n0-0:96.13.0({'3' * (size - 41)})\n!")

    assert len(long(8192)) == 8192
    assert story(find(long(8192) + NL5)) == [long(8192), NL5]
    too_long = story(find(long(8193) + NL5))
    assert too_long == [(Reason.OVERRUN, long(8193)[:8192]), NL5]
    assert story(find(*(long(8193)[at : at + 100] for at in range(0, 8200, 100)), NL5)) == too_long
    # One that began within a line, too.
    assert story(find(b"x" + long(8193) + NL5)) == [(Reason.GARBAGE, (b"x" + long(8193)).rstrip()[:8192]), NL5]


def test_a_telegram_without_a_checksum_that_is_like_one_before_is_not_longer_either() -> None:
    def long(size: int) -> bytes:
        return unchecked(f"/KAM5\n\n1-0:1.8.1(1*kWh)\n0-0:96.13.0({'3' * (size - 45)})\n!")

    assert len(long(8192)) == 8192
    reader = Reader()
    (whole,) = reader.feed(long(8192))
    assert isinstance(whole, Telegram)
    (refused,) = reader.feed(long(8193))
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.OVERRUN


def test_an_endless_telegram_is_refused_and_what_follows_is_found() -> None:
    endless = NL5[:100] + b"0" * 9000
    assert story(find(endless + b"\r\n" + NL5)) == [
        (Reason.OVERRUN, endless[:8192]),
        (Reason.GARBAGE, endless[8192:]),
        NL5,
    ]
    # The next one began within the line in which the limit lies.
    near = NL5[:100] + b"0" * 8000
    assert story(find(near + NL5)) == [(Reason.OVERRUN, near), NL5]
    assert story(FrameFinder().feed(near + NL5)) == [(Reason.OVERRUN, near), NL5]
    assert story(find(near + HOLLEY)) == [(Reason.OVERRUN, near), HOLLEY]
    slashes = checked("/TST5/A/B\n\n1-0:1.8.0(1*kWh)\n!")
    nearer = NL5[:100] + b"0" * 8090
    assert story(find(nearer + slashes)) == [(Reason.OVERRUN, nearer), slashes]
    # A slash in the line before is none of its ident.
    before = NL5[:100] + b"0" * 8000 + b"\r\n0-0:96.13.0(a/b)"
    assert story(find(before + NL5)) == [(Reason.OVERRUN, before), NL5]
    # What looks like one and stands within a line begins nothing by itself.
    rest = b"/abc\r\n" + b"0" * 2000 + b"\r\n"
    assert story(find(near + rest + NL5)) == [(Reason.OVERRUN, near), (Reason.GARBAGE, rest[:-2]), NL5]
    # Or at the very limit.
    just = NL5[:100] + b"0" * (8192 - 102) + b"\r\n"
    assert story(find(just + NL5)) == [(Reason.TRUNCATED, just), NL5]


def test_an_end_beyond_the_limit_is_none_in_whatever_pieces_it_comes() -> None:
    # Of a block, whose STX was lost: so it is taken for a telegram.
    cut = b"/ISk5MT174-0001\r\n" + b"1-0:1.8.0*01(0007900.001*kWh)\r\n" * 300 + b"\x03z"
    stream = cut + NL5
    refused = [(Reason.OVERRUN, cut[:8192]), (Reason.GARBAGE, cut[8192:]), NL5]
    assert story(find(stream)) == refused
    assert story(find(*(stream[at : at + 1] for at in range(len(stream))))) == refused


def test_a_block_has_at_most_64_kilobytes() -> None:
    year = "1-0:1.8.0*01(0007900.001*kWh)\n"
    long = block("/ISk5MT174-0001", year * 2000 + "!\n")
    assert 50_000 < len(long) < 65_536
    assert story(find(long + BLOCK)) == [long, BLOCK]
    # In seven bits read as eight, too.
    received = with_parity(long)
    assert story(find(received[:9000], received[9000:])) == [received]
    too_long = block("/ISk5MT174-0001", year * 3000 + "!\n")
    for pieces in ([too_long, BLOCK], [too_long[at : at + 999] for at in range(0, len(too_long), 999)] + [BLOCK]):
        assert story(find(*pieces))[0] == (Reason.OVERRUN, too_long[:65536])
        assert story(find(*pieces))[-1] == BLOCK
    finder = FrameFinder()
    for _ in range(100):
        finder.feed(too_long[:4096])
        assert len(finder._buffer) < 70_000


def test_the_largest_block_is_one_and_a_byte_more_is_none() -> None:
    def of_size(size: int) -> bytes:
        months = "1-0:1.8.0*01(0007900.001*kWh)\n" * 2000
        filler = size - len(block("/ISk5MT174-0001", f"{months}0.0()\n!\n"))
        return block("/ISk5MT174-0001", f"{months}0.0({'3' * filler})\n!\n")

    largest, larger = of_size(65_536), of_size(65_537)
    assert len(largest) == 65_536
    assert story(find(largest + BLOCK)) == [largest, BLOCK]
    assert story(find(larger + BLOCK)) == [(Reason.OVERRUN, larger[:-1]), (Reason.GARBAGE, larger[-1:]), BLOCK]


# IEC 62056-21 blocks.


def test_a_block_is_decoded_without_its_wrapping() -> None:
    (frame,) = find(HEAT_BLOCK)
    assert frame == Frame(
        HEAT_BLOCK,
        b"/KAM MC\r\n0.0(00005077354)\r\n6.8(00433.65*GJ)\r\n6.31(0109868*h)\r\n!\r\n",
        checksum=True,
        block=True,
    )
    (frame,) = find(block("/KAM MC", "6.31(0109868*h)\n"))
    assert isinstance(frame, Frame)
    assert frame.text == b"/KAM MC\r\n6.31(0109868*h)\r\n!\r\n"


def test_echoes_of_what_was_sent_are_no_noise() -> None:
    answer = BLOCK.replace(b"\x02", b"\x06050\r\n\x00\x7f\x02")
    stream = b"\x00\x00\x7f/?!\r\n" + answer + b"\x7f/?00012345!\r\n" + answer
    assert story(find(stream)) == [answer, answer]
    assert story(find(*(stream[at : at + 1] for at in range(len(stream))))) == [answer, answer]


@pytest.mark.parametrize("size", [1, 7, 400])
def test_a_block_that_begins_within_a_long_line_of_noise_is_found_in_any_pieces(size: int) -> None:
    months = block("/ISk5MT174-0001", "1-0:1.8.0*01(0007900.001*kWh)\n" * 20 + "!\n")
    noise = b"noise " * 50
    stream = noise + months
    pieces = (stream[at : at + size] for at in range(0, len(stream), size))
    assert story(find(*pieces)) == [(Reason.GARBAGE, noise), months]


def test_a_block_may_be_as_large_there_as_anywhere() -> None:
    years = block("/ISk5MT174-0001", "1-0:1.8.0*01(0007900.001*kWh)\n" * 2112 + "!\n")
    assert 64 * 1024 - 160 < len(years) <= 64 * 1024
    noise = b"noise " * 50
    stream = noise + years
    pieces = (stream[at : at + 100] for at in range(0, len(stream), 100))
    assert story(find(*pieces)) == [(Reason.GARBAGE, noise), years]


def test_a_block_whose_check_does_not_match() -> None:
    for at in range(BLOCK.index(b"\x02") + 1, len(BLOCK) - 2):
        damaged = bytearray(BLOCK)
        damaged[at] ^= 0x04
        found = find(bytes(damaged))
        assert found
        assert all(isinstance(item, Rejected) for item in found)
    assert story(find(BLOCK[:-1] + b"\x00" + BLOCK)) == [(Reason.CRC, BLOCK[:-1] + b"\x00"), BLOCK]


def test_a_check_that_matches_by_chance_does_not_save_what_is_no_line() -> None:
    assert reasons(find(block("/ISk5MT174-0001", "1.8.0(1\n!\n"))) == [Reason.TRUNCATED]
    assert reasons(find(block("/ISk5MT174-0001", "1.8.0(\x021)\n!\n"))) == [Reason.TRUNCATED]


def test_a_block_without_its_check() -> None:
    assert story(find(BLOCK[:-1])) == [(Reason.TRUNCATED, BLOCK[:-1])]
    assert story(find(HEAT_BLOCK[:-1])) == [(Reason.TRUNCATED, HEAT_BLOCK[:-1])]
    padded = b"/ISk5MT174-0001\r\n\x021.8.0(1)\r\n\x00\x03"
    assert story(find(padded)) == [(Reason.TRUNCATED, padded)]
    assert story(find(b"x" + BLOCK[:-1])) == [(Reason.GARBAGE, b"x" + BLOCK[:-1])]
    assert story(find(b"(x" + BLOCK[:60])) == [(Reason.GARBAGE, b"(x" + BLOCK[:60])]


def test_a_block_in_a_file_may_end_with_its_exclamation_mark() -> None:
    file = BLOCK[:-2]
    assert story(find(file)) == [file]
    assert story(find(file + file + NL5)) == [file, file, NL5]
    assert story(find(b"x" + file)) == [(Reason.GARBAGE, b"x"), file]
    assert story(find(b"x" + file + NL5)) == [(Reason.GARBAGE, b"x"), file, NL5]
    (frame,) = find(file)
    assert isinstance(frame, Frame)
    assert not frame.checksum
    assert reasons(find(BLOCK[:-5] + b"!12\r\n" + NL5)) == [Reason.TRUNCATED, None]


def test_a_block_that_lost_its_stx_is_still_checked() -> None:
    body = BLOCK.replace(b"\x02", b"")
    (whole,), (frame,) = find(BLOCK), find(body)
    assert isinstance(whole, Frame)
    assert frame == Frame(body, whole.text, checksum=True, block=True)
    assert story(find(body + BLOCK)) == [body, BLOCK]
    # Of the telegram after it nothing came but its first line and its last.
    empty = b"/TST5\r\n!\r\n"
    assert story(find(body + empty + NL5)) == [body, (Reason.TRUNCATED, empty), NL5]
    without_mark = block("/KAM MC", "0.0(00005077354)\n6.8(00433.65*GJ)\n").replace(b"\x02", b"")
    assert story(find(without_mark + empty + NL5)) == [without_mark, (Reason.TRUNCATED, empty), NL5]
    # A digit that is another one: every line is whole, only the block check tells.
    damaged = body.replace(b"0008048", b"0009048", 1)
    assert story(find(damaged)) == [(Reason.CRC, damaged)]
    assert story(find(damaged + NL5)) == [(Reason.CRC, damaged), NL5]
    assert story(find(damaged[:-1], damaged[-1:], NL5)) == [(Reason.CRC, damaged), NL5]
    assert story(find(with_parity(damaged))) == [(Reason.CRC, with_parity(damaged))]
    # Cut after ETX.
    assert story(find(damaged[:-1])) == [(Reason.TRUNCATED, damaged[:-1])]


@pytest.mark.parametrize("telegram", [BLOCK, HEAT_BLOCK])
def test_a_block_whose_stx_was_damaged_swallows_none_of_those_that_follow(telegram: bytes) -> None:
    damaged = telegram.replace(b"\x02", b"\x12")
    finder = FrameFinder()
    finder.feed(damaged)
    finder.feed(telegram)
    assert story(finder.feed(telegram[:30]) + finder.feed(telegram[30:])) == [telegram]
    assert story(find(damaged + telegram * 3)) == [(Reason.CRC, damaged), telegram, telegram, telegram]


def test_a_heat_block_is_found_behind_what_its_own_beginning_does_not_fit() -> None:
    assert story(find(b"\xaf" + HEAT_BLOCK + b"xyz" + HEAT_BLOCK)) == [
        (Reason.TRUNCATED, b"\xaf"),
        HEAT_BLOCK,
        (Reason.GARBAGE, b"xyz"),
        HEAT_BLOCK,
    ]


def test_the_block_check_of_a_rest_may_have_been_lost_where_a_telegram_begins() -> None:
    assert story(find(b"0.0(1)!\r\n\x03" + NL5)) == [(Reason.GARBAGE, b"0.0(1)!\r\n\x03"), NL5]


def test_a_block_is_timed_out_without_an_end() -> None:
    for cut in range(BLOCK.index(b"\x02"), len(BLOCK) - 5):
        assert story(find(BLOCK[:cut])) == [(Reason.TIMEOUT, BLOCK[:cut])]


def test_a_pushing_meter_without_stx_ends_with_its_exclamation_mark() -> None:
    telegram = unchecked("/EMH5----eHZ-E0018E\n\n1-0:1.8.1*255(032942.0231)\n1-0:96.5.5*255(80)\n!")
    assert story(FrameFinder().feed(telegram)) == [telegram]


def test_padding_for_ever_after_an_ident_is_no_block() -> None:
    assert reasons(find(b"/ISk5MT174-0001\r\n" + b"\x00" * 9000)) == [Reason.OVERRUN]


# Chance.


def test_of_a_stream_with_damage_every_whole_telegram_is_found_and_no_damaged_one() -> None:
    chance = random.Random(20261121)
    damage: list[Callable[[bytes], bytes]] = [
        lambda text: _at(text, chance, lambda byte: bytes([byte ^ 1 << chance.randrange(8)])),
        lambda text: _at(text, chance, lambda _: b""),
        lambda text: _at(text, chance, lambda byte: bytes([byte]) + chance.randbytes(chance.randrange(1, 9))),
        lambda text: text[: chance.randrange(1, len(text))],
        lambda text: text[chance.randrange(1, len(text) - 8) :],
        lambda text: text[:50] + text[chance.randrange(51, len(text)) :],
        lambda text: _at(text, chance, lambda _: chance.randbytes(chance.randrange(1, 30))),
    ]
    stream, whole, bad = [], [], 0
    for number in range(600):
        telegram = nl5(number, f"{number:05}.123")
        if chance.random() < 0.4:
            damaged = chance.choice(damage)(telegram[:-2])
            bad += damaged != telegram[:-2]
            stream.append(damaged + (b"\r\n" if damaged != telegram[:-2] else b"x\r\n"))
        else:
            whole.append(telegram)
            stream.append(telegram)
        if chance.random() < 0.1:
            stream.append(chance.randbytes(chance.randrange(1, 300)))
    sent = b"".join(stream)
    assert bad > 200
    finder, found, at = FrameFinder(), [], 0
    while at < len(sent):
        size = chance.choice((1, 3, 64, 500, 1000, 4096))
        found += finder.feed(sent[at : at + size])
        at += size
    found += finder.close()
    assert [item.raw for item in found if isinstance(item, Frame)] == whole
    assert found == find(sent)


def _at(text: bytes, chance: random.Random, change: Callable[[int], bytes]) -> bytes:
    at = chance.randrange(len(text))
    return text[:at] + change(text[at]) + text[at + 1 :]


@pytest.mark.parametrize(
    "hostile",
    [
        b"/",
        b"/\n",
        b"/abc\n",
        b"!\n",
        b"/abc\r\n!1\n",
        b"x/x\n",
        b"/x(",
        b"\x03",
        b"!\x03",
        b"\x02/abc\n!\n\x03",
        b"\xdb\x0812345678\x82\x1f\xff\x30",
        b"\xdb\x08",
        b"\x00",
        b"1.8.0(1)",
        b"/abc\r\n\x02\n!\r\n",
        b"\r",
        b" ",
        b"(",
        b"\n!(",
    ],
)
@pytest.mark.parametrize("head", [b"", b"/ISk5\r\n\r\n1", b"/ISk5\r\n\x02"])
def test_hostile_bytes_take_no_more_than_linear_work(
    head: bytes, hostile: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = 0

    def count(*_: object) -> None:
        nonlocal work
        work += 1

    def counted(checksum: Callable[[bytes], int]) -> Callable[[bytes], int]:
        def run(data: bytes) -> int:
            nonlocal work
            work += len(data)
            return checksum(data)

        return run

    monkeypatch.setattr(verdict, "crc16_arc", counted(crc16_arc))
    monkeypatch.setattr(verdict, "bcc", counted(bcc))

    stream = head + hostile * (70_000 // len(hostile))
    finder = FrameFinder()
    sys.setprofile(count)
    for at in range(0, len(stream), 1000):
        finder.feed(stream[at : at + 1000])
    finder.close()
    sys.setprofile(None)
    # Calls, and bytes of checksums: trying every slash of a refused telegram would take some thousand a byte.
    assert work < 100 * len(stream)
