"""Encrypted frames: opened with the right key, refused in words without it, found among damage."""

import itertools
import random

import pytest

from p1meter.meter import DecryptionKeys, Reader, Reason, Rejected, Telegram, frames
from p1meter.meter.cipher import decrypt
from p1meter.meter.frames import Frame, FrameFinder

from .composing import KEY, NL2, USUAL, checked, nl5, one_bit_errors, seal

OTHER = bytes(range(16, 32))
TEXT = b"/Lux5\\253769484_A\r\n\r\n1-3:0.2.8(42)\r\n0-0:1.0.0(200706104157S)\r\n1-0:1.8.0(000025.653*kWh)\r\n!E6EA\r\n"
# Made with another program, from TEXT, KEY, the usual authentication key and counter 1.
VECTOR = bytes.fromhex(
    "db0853414774657374317130000000017d0ea5bc20371707785e6e94b93a4d2905d445b4dba8a03c7c83e3f7f486bccd8cfaff124a06b1f14b1501df"
    "d0a3d6a79f8e7f0616bfa386b235f06ffc49e2ffe8c3f1ee8f41e4dbe1af0611d31537d2d68ba5d10edab0c62f3c7464b8e533cba8abaf9cee97e548"
    "a6a498f7"
)
SHORT, CONTENT = VECTOR[:10], VECTOR[11:]
# The same content with its length (0x71) in each of the four forms.
LENGTHS = {"one byte": b"\x71", "81": b"\x81\x71", "82": b"\x82\x00\x71", "83": b"\x83\x00\x00\x71"}


def find(*pieces: bytes, keys: DecryptionKeys | None = None) -> list[Frame | Rejected]:
    finder = FrameFinder(keys)
    return [item for piece in pieces for item in finder.feed(piece)] + finder.close()


def story(items: list[Frame | Rejected]) -> list[bytes | tuple[Reason, bytes]]:
    return [item.raw if isinstance(item, Frame) else (item.reason, item.data) for item in items]


@pytest.mark.parametrize("length", LENGTHS.values(), ids=LENGTHS)
def test_a_frame_opens_with_its_key_however_its_length_is_written(length: bytes) -> None:
    frame = SHORT + length + CONTENT
    expected = [Frame(TEXT, TEXT, checksum=True)]
    assert find(frame, keys=DecryptionKeys(KEY)) == expected
    assert find(*(frame[at : at + 1] for at in range(len(frame))), keys=DecryptionKeys(KEY, USUAL)) == expected
    assert find(b"\r\n" + frame + frame, keys=DecryptionKeys(KEY)) == expected * 2


def test_without_a_key_the_meter_is_said_to_encrypt() -> None:
    (refused, again) = find(VECTOR + VECTOR)
    assert refused == again
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.data) == (Reason.CIPHER, VECTOR)
    assert "key" in refused.hint


def test_a_frame_right_behind_the_limit_of_an_endless_telegram_is_found() -> None:
    endless = b"/TST5\r\n\r\n1-0:1.8.0(".ljust(8193, b"0")
    assert story(find(endless + VECTOR + VECTOR)) == [
        (Reason.OVERRUN, endless[:-1]),
        (Reason.GARBAGE, b"0"),
        (Reason.CIPHER, VECTOR),
        (Reason.CIPHER, VECTOR),
    ]


def test_it_is_said_which_key_is_wrong() -> None:
    (refused,) = find(VECTOR, keys=DecryptionKeys(OTHER))
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.data) == (Reason.KEY, VECTOR)
    assert "encryption key" in refused.hint
    (refused,) = find(VECTOR, keys=DecryptionKeys(KEY, OTHER))
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.KEY
    assert "authentication key" in refused.hint


def test_every_bit_is_authenticated() -> None:
    for at, bit in itertools.product(range(16, len(VECTOR)), (0x01, 0x80)):
        damaged = VECTOR[:at] + bytes([VECTOR[at] ^ bit]) + VECTOR[at + 1 :]
        (refused,) = find(damaged, keys=DecryptionKeys(KEY))
        assert isinstance(refused, Rejected)


def test_what_nobody_signed_is_refused_in_words() -> None:
    unsigned = seal(TEXT, control=0x20)
    for keys in (None, DecryptionKeys(KEY)):
        (refused,) = find(unsigned, keys=keys)
        assert isinstance(refused, Rejected)
        assert refused.reason is Reason.UNSUPPORTED
        assert "authentication" in refused.hint


def test_the_text_inside_is_checked_like_any_other() -> None:
    keys = DecryptionKeys(KEY)
    for text in (TEXT[:-2], NL2, nl5(1)):
        assert story(find(seal(text), keys=keys)) == [text]
    for text, reason in (
        (TEXT.replace(b"E6EA", b"E6EB"), Reason.CRC),
        (TEXT.replace(b"E6EA", b""), Reason.TRUNCATED),
        (TEXT[:-8], Reason.TRUNCATED),
        (b"no telegram, but long enough to be one", Reason.TRUNCATED),
        (checked(f"/Lux5\\253769484_A\n\n0-0:96.13.0({'3' * 8150})\n!")[:8170], Reason.TRUNCATED),
    ):
        (refused,) = find(seal(text), keys=keys)
        assert isinstance(refused, Rejected)
        assert refused.reason is reason


def test_the_blank_line_after_the_ident_may_be_left_out_inside() -> None:
    without = TEXT.replace(b"\r\n\r\n", b"\r\n")
    assert story(find(seal(without), keys=DecryptionKeys(KEY))) == [without]


def test_a_whole_frame_is_found_after_one_that_was_cut_anywhere() -> None:
    first, second = seal(nl5(1), 7), seal(nl5(2), 8)
    for cut in range(1, len(first)):
        items = find(first[:cut] + second, keys=DecryptionKeys(KEY))
        assert story(items)[1:] == [nl5(2)]
        items = find(first[:cut], second, keys=DecryptionKeys(KEY))
        assert story(items)[1:] == [nl5(2)]
    for cut in range(16, len(first)):
        assert story(find(first[:cut] + second)) == [(Reason.TRUNCATED, first[:cut]), (Reason.CIPHER, second)]


@pytest.mark.parametrize("length", [b"\x82", b"\x83\x00"], ids=["82", "83"])
def test_a_whole_frame_is_found_when_the_one_before_ends_with_the_first_bytes_of_it(length: bytes) -> None:
    first, second = (frame[:10] + length + frame[11:] for frame in (seal(nl5(1), 7), seal(nl5(2), 8)))
    for lost in range(1, 16):
        for seen in range(1, 16):
            stream = first[:100] + first[100 + lost :] + second
            at = len(first) - lost + seen
            assert story(find(stream[:at], stream[at:], keys=DecryptionKeys(KEY)))[-1] == nl5(2)


def test_a_frame_that_does_not_open_is_refused_at_once_though_the_next_one_has_begun() -> None:
    # Its last byte became one that ends a line.
    damaged = VECTOR[:-1] + b"\n"
    for begun in (b"/", b"\n/"):
        (refused,) = FrameFinder(DecryptionKeys(KEY)).feed(damaged + begun)
        assert story([refused]) == [(Reason.KEY, damaged)]


def test_plain_and_encrypted_telegrams_and_noise_follow_each_other() -> None:
    keys = DecryptionKeys(KEY)
    stream = b"noise\xdb\x08" + VECTOR + b"\r\n" + nl5(1) + VECTOR + b"noise" + VECTOR
    assert story(find(stream, keys=keys)) == [
        (Reason.GARBAGE, b"noise\xdb\x08"),
        TEXT,
        nl5(1),
        TEXT,
        (Reason.GARBAGE, b"noise"),
        TEXT,
    ]
    assert story(find(nl5(1)[:50] + VECTOR + nl5(1), keys=keys)) == [(Reason.TRUNCATED, nl5(1)[:50]), TEXT, nl5(1)]


@pytest.mark.parametrize("keys", [None, DecryptionKeys(KEY)])
@pytest.mark.parametrize("length", [60, 300, 1000, 3000, 8192])
def test_noise_that_looks_like_a_header_costs_no_telegram_after_it(length: int, keys: DecryptionKeys | None) -> None:
    """Also the one that begins within its last line, where nothing says that a telegram may begin."""
    header = b"\xdb\x08" + b"KFM\x10\x20\x00\x12\x34" + b"\x82" + length.to_bytes(2) + b"\x30\x00\x00"
    telegrams = [nl5(number) for number in range(2, 14)]
    for cut in (60, 200, 300):
        items = find(nl5(1)[:cut] + header, *telegrams, keys=keys)
        assert [item.raw for item in items if isinstance(item, Frame)] == telegrams


def test_a_length_that_is_too_long_delays_no_telegram() -> None:
    """One wrong bit in it: without a second look the next minute would be taken for the rest of that frame."""
    for wrong in (0x04, 0x08, 0x10):
        damaged = bytearray(seal(nl5(1)))
        assert damaged[10] == 0x82
        damaged[11] ^= wrong
        finder = FrameFinder(DecryptionKeys(KEY))
        assert finder.feed(bytes(damaged)) == []
        next_one = seal(nl5(2), 2)
        at_once = [item for at in range(0, len(next_one), 64) for item in finder.feed(next_one[at : at + 64])]
        assert story(at_once) == [(Reason.TRUNCATED, bytes(damaged)), nl5(2)]
        assert story(finder.feed(seal(nl5(3), 3))) == [nl5(3)]


def test_noise_that_looks_like_an_ident_delays_no_encrypted_telegram() -> None:
    finder = FrameFinder(DecryptionKeys(KEY))
    for noise in (b"\n/abc\r\n1-0:1.8.0(", b"\n/abc\r\n\x02 noise"):
        assert story(finder.feed(noise + seal(nl5(1)) + seal(nl5(2), 2)[:100])) == [
            (Reason.TRUNCATED, noise[1:]),
            nl5(1),
        ]
        assert story(finder.feed(seal(nl5(2), 2)[100:])) == [nl5(2)]


@pytest.mark.parametrize("noise", [b"/abc\r\n", b"/abc\r\n\r\n", b"/ISK5\\2M550T-1013\r\n\r\n\r\n"])
def test_what_looks_like_an_ident_line_right_before_a_frame_costs_nothing(noise: bytes) -> None:
    first, second = seal(nl5(1)), seal(nl5(2), 2)
    stream = noise + first + second
    for pieces in ([stream], [stream[at : at + 1] for at in range(len(stream))]):
        opened = find(*pieces, keys=DecryptionKeys(KEY))
        assert story(opened) == [(Reason.TRUNCATED, noise), nl5(1), nl5(2)]
        refused = [(Reason.TRUNCATED, noise), (Reason.CIPHER, first), (Reason.CIPHER, second)]
        assert story(find(*pieces)) == refused
    # Nobody is told that this kind of meter is not supported.
    assert {item.hint for item in find(stream)[1:] if isinstance(item, Rejected)} == {_hint_of(VECTOR)}


def _hint_of(frame: bytes) -> str:
    (refused,) = find(frame)
    assert isinstance(refused, Rejected)
    return refused.hint


def test_headers_within_headers_take_no_more_than_linear_work(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def count(frame: bytes, keys: DecryptionKeys | None) -> bytes:
        tried.append(frame)
        return decrypt(frame, keys)

    monkeypatch.setattr(frames, "decrypt", count)
    # Some would end far behind the frame that opens, some before it.
    long, short = b"\xdb\x08SAGtest1\x82\x1f\x40\x30", b"\xdb\x08SAGtest1\x28\x30"
    for headers in (50, 250):
        tried.clear()
        stream = (long + short) * headers + seal(nl5(1))
        finder = FrameFinder(DecryptionKeys(KEY))
        found = [item for at in range(0, len(stream), 50) for item in finder.feed(stream[at : at + 50])]
        assert [item.raw for item in found if isinstance(item, Frame)] == [nl5(1)]
        # Once to see that it opens, once for each header that stands before it, and each of those twice.
        assert len(tried) <= 4 * headers + 2


def test_a_frame_begins_where_the_block_check_of_a_rest_would_be() -> None:
    finder = FrameFinder(DecryptionKeys(KEY))
    rest = b"0.0(1)!\r\n\x03"
    assert story(finder.feed(rest + seal(nl5(1)))) == [(Reason.GARBAGE, rest), nl5(1)]


def test_a_length_that_cannot_be_is_noise() -> None:
    for length in (b"\x27", b"\x80", b"\x82\x20\x01", b"\x83\xff\xff\xff"):
        frame = SHORT + length + CONTENT
        assert story(find(frame + b"\r\n" + nl5(1))) == [(Reason.GARBAGE, frame), nl5(1)]


@pytest.mark.parametrize("block", [b"/ABC5x\r\n\x02\n!\r\n\x03", b"/ABC5x\r\n\x020.0.0(1)\r\n\x03"])
def test_a_frame_begins_where_the_block_check_of_a_block_would_be(block: bytes) -> None:
    stream = block + seal(nl5(1))
    for cut in range(1, len(block) + 20):
        found = find(stream[:cut], stream[cut:], keys=DecryptionKeys(KEY))
        assert story(found) == [(Reason.TRUNCATED, block), nl5(1)], f"cut after {cut} bytes"


def test_an_unfinished_frame_times_out() -> None:
    for keys in (None, DecryptionKeys(KEY)):
        for cut in range(1, len(VECTOR)):
            assert story(find(VECTOR[:cut], keys=keys)) == [(Reason.TIMEOUT, VECTOR[:cut])]
        assert story(find(VECTOR[:50] + VECTOR[:60], keys=keys)) == [
            (Reason.TRUNCATED, VECTOR[:50]),
            (Reason.TIMEOUT, VECTOR[:60]),
        ]


def test_keys_are_16_bytes_and_never_printed() -> None:
    for wrong in (b"", KEY[:-1], KEY * 2):
        with pytest.raises(ValueError, match="encryption key must be 16 bytes"):
            DecryptionKeys(wrong)
        with pytest.raises(ValueError, match="authentication key must be 16 bytes"):
            DecryptionKeys(KEY, wrong)
    assert repr(DecryptionKeys(KEY, OTHER)) == "DecryptionKeys()"


def test_what_is_no_frame_cannot_be_decrypted() -> None:
    with pytest.raises(ValueError, match="not an encrypted frame"):
        decrypt(TEXT, DecryptionKeys(KEY))


def keys_refused_in_a_row(items: list[Telegram | Rejected]) -> int:
    """How many of them follow each other without a telegram between."""
    longest = row = 0
    for item in items:
        row = 0 if isinstance(item, Telegram) else row + (item.reason is Reason.KEY)
        longest = max(longest, row)
    return longest


def test_ten_thousand_wrong_bits_cost_no_good_frame_and_look_like_no_wrong_key() -> None:
    reader = Reader(DecryptionKeys(KEY))
    items: list[Telegram | Rejected] = []
    for good, damaged in one_bit_errors(10_000):
        items += reader.feed(good + damaged)
    items += reader.feed(seal(TEXT)) + reader.close()
    telegrams = [item for item in items if isinstance(item, Telegram)]
    assert [item.readings["import_total"].value for item in telegrams[:-1]] == list(range(10_000))
    assert telegrams[-1].raw == TEXT
    assert {item.reason for item in items if isinstance(item, Rejected)} == {
        Reason.KEY,
        Reason.GARBAGE,
        Reason.TRUNCATED,
        Reason.UNSUPPORTED,
    }
    # Three well-framed failures in a row are what a wrong key is made of.
    assert keys_refused_in_a_row(items) < 3


def test_half_a_minute_of_noise_between_encrypted_frames_looks_like_no_wrong_key() -> None:
    chance = random.Random(2)
    keys = DecryptionKeys(KEY)
    for _ in range(20):
        reader = Reader(keys)
        burst = chance.randbytes(30 * 400)
        items = [item for at in range(0, len(burst), 97) for item in reader.feed(burst[at : at + 97])]
        items += reader.feed(seal(TEXT)) + reader.feed(seal(TEXT, 2)) + reader.close()
        assert keys_refused_in_a_row(items) < 3
        assert any(isinstance(item, Telegram) for item in items)


# Elgama: an ident line, then cipher text without tag and title.

CIPHER_TEXT = bytes(byte for byte in range(256)) + b"\n!12\n\n/abc\n\x03\x02\xdb\x08"
SEALED_PART = b"\x30" + b"\x00\x00\x00\x01" + CIPHER_TEXT
_SEALED_TEXT = b"\r\n\r\n\x00\x82" + len(SEALED_PART).to_bytes(2) + SEALED_PART
SEALED = b"/EGM5G35" + _SEALED_TEXT + b"!FE0C\r\n"
# The shortest ident that there can be, and the longest end.
SEALED_SHORT = b"/EGM" + _SEALED_TEXT + b"\r\n!FE0C\r\n"


@pytest.mark.parametrize("sealed", [SEALED, SEALED_SHORT], ids=["usual", "short ident"])
@pytest.mark.parametrize("keys", [None, DecryptionKeys(KEY)])
def test_a_telegram_sealed_after_its_ident_line_is_said_to_be_unsupported(
    keys: DecryptionKeys | None, sealed: bytes
) -> None:
    finder = FrameFinder(keys)
    (refused,) = finder.feed(sealed)
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.data) == (Reason.CIPHER, sealed)
    assert "not supported" in refused.hint
    one_by_one = [item for at in range(len(sealed)) for item in finder.feed(sealed[at : at + 1])]
    assert one_by_one == [refused]
    assert finder.feed(sealed + nl5(1))[1:] == find(nl5(1))


def test_a_sealed_telegram_that_was_cut() -> None:
    for cut in range(18, len(SEALED) - 7):
        assert story(find(SEALED[:cut] + SEALED)) == [(Reason.TRUNCATED, SEALED[:cut]), (Reason.CIPHER, SEALED)]
        assert story(find(SEALED[:cut])) == [(Reason.TIMEOUT, SEALED[:cut])]
    assert story(find(SEALED[:-7])) == [(Reason.CIPHER, SEALED[:-7])]
    assert story(find(SEALED[:-7] + nl5(1))) == [(Reason.CIPHER, SEALED[:-7]), nl5(1)]
    # Only its end was lost: it was whole up to there.
    assert story(find(SEALED[:-7] + SEALED)) == [(Reason.CIPHER, SEALED[:-7]), (Reason.CIPHER, SEALED)]


def test_sealed_telegrams_that_were_cut_are_told_each_by_itself() -> None:
    cut = SEALED[:20]

    told = [(Reason.TRUNCATED, cut), (Reason.TRUNCATED, cut), nl5(1)]
    assert story(find(cut + cut + nl5(1))) == told


@pytest.mark.parametrize(
    ("cut", "room"),
    # It, or its ident line again, would be whole in as many bytes.
    [(SEALED[:-7], len(b"/EGM5G35\r\n")), (SEALED_SHORT[:-9], len(b"\r\n!FE0C\r\n"))],
    ids=["usual", "short ident"],
)
def test_a_sealed_telegram_without_its_last_line_is_refused_when_that_can_come_no_more(cut: bytes, room: int) -> None:
    finder = FrameFinder()
    assert finder.feed(cut + b"0" * (room - 1)) == []
    assert story(finder.feed(b"0")) == [(Reason.CIPHER, cut)]


def test_a_sealed_telegram_that_was_cut_swallows_none_that_is_not_sealed() -> None:
    for cut in range(18, len(SEALED) - 7):
        assert story(find(SEALED[:cut] + nl5(1)))[-1] == nl5(1)
