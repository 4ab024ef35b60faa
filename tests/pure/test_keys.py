"""Keys as people get them, tried on frames that were refused."""

from dataclasses import replace

import pytest

from p1meter.keys import parse_key, try_keys
from p1meter.link import ProbeVerdict
from p1meter.meter import DecryptionKeys
from tests.compose import nl5
from tests.foreign import OWNER, encrypted_only

KEY = bytes.fromhex("5A17C0DE5A17C0DE00000000FEEDBEEF")
OTHER = bytes(range(16))
FRAME = OWNER.seal(nl5(), 1)
DAMAGED = FRAME[:200] + bytes([FRAME[200] ^ 1]) + FRAME[201:]


@pytest.mark.parametrize(
    "text",
    [
        "5A17C0DE5A17C0DE00000000FEEDBEEF",
        "5a17c0de5a17c0de00000000feedbeef",
        " 5A17 C0DE 5A17 C0DE 0000 0000 FEED BEEF\n",
        "5A:17:C0:DE:5A:17:C0:DE:00:00:00:00:FE:ED:BE:EF",
        "5A17C0DE-5A17C0DE-00000000-FEEDBEEF",
        "0x5A17C0DE5A17C0DE00000000FEEDBEEF",
        "0x5A, 0x17, 0xC0, 0xDE, 0X5a, 0x17, 0xc0, 0xde, 0x00, 0x00, 0x00, 0x00, 0xfe, 0xed, 0xbe, 0xef",
    ],
)
def test_a_key_may_be_grouped_in_any_way(text: str) -> None:
    assert parse_key(text) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5A17",
        "5A17C0DE5A17C0DE00000000FEEDBEEG",
        "5A17C0DE5A17C0DE00000000FEEDBEEF00",
        "x" * 32,
        "\N{ARABIC-INDIC DIGIT FIVE}" * 32,
    ],
)
def test_what_is_no_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not 32 hexadecimal digits$"):
        parse_key(text)


def test_keys_are_right_if_one_frame_opens() -> None:
    assert try_keys(DecryptionKeys(KEY), [FRAME]) is ProbeVerdict.FOUND
    assert try_keys(DecryptionKeys(KEY), [DAMAGED, FRAME, DAMAGED]) is ProbeVerdict.FOUND


def test_nothing_is_known_without_a_frame() -> None:
    assert try_keys(DecryptionKeys(OTHER), []) is None
    assert try_keys(DecryptionKeys(OTHER), [b"no frame", encrypted_only(FRAME)]) is None


def test_which_of_the_keys_is_wrong_is_told_apart() -> None:
    assert try_keys(DecryptionKeys(OTHER), [FRAME, DAMAGED]) is ProbeVerdict.WRONG_KEY
    assert try_keys(DecryptionKeys(KEY, OTHER), [FRAME]) is ProbeVerdict.WRONG_AUTHENTICATION_KEY
    # The text begins with a slash whatever is behind it.
    assert try_keys(DecryptionKeys(KEY, OTHER), [FRAME, DAMAGED]) is ProbeVerdict.WRONG_AUTHENTICATION_KEY


def test_a_frame_that_looks_right_by_chance_does_not_blame_the_other_key() -> None:
    # In one of 256 frames a wrong key deciphers the first byte to a slash.
    frames = [replace(OWNER, title=b"SAG%05d" % number).seal(nl5(), number) for number in range(1000)]
    by_chance = [
        frame for frame in frames if try_keys(DecryptionKeys(OTHER), [frame]) is ProbeVerdict.WRONG_AUTHENTICATION_KEY
    ]
    assert by_chance
    assert try_keys(DecryptionKeys(OTHER), [*by_chance, FRAME]) is ProbeVerdict.WRONG_KEY
