"""Noise is not a wrong key, and a wrong key is not noise."""

from random import Random

import pytest

from p1meter.key_watch import KeyRecord, KeyWatch
from p1meter.meter import DecryptionKeys, Reader, Reason, Rejected, Telegram
from tests.compose import nl5
from tests.simulation.cipher import Cipher

KEY = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
OTHER_KEY = bytes.fromhex("FFEEDDCCBBAA99887766554433221100")
USUAL = bytes.fromhex("00112233445566778899AABBCCDDEEFF")
CIPHER = Cipher(b"SAGtest1", KEY, USUAL)
KEYS = DecryptionKeys(KEY)


def hear(watch: KeyWatch, items: list[Telegram | Rejected], now: float) -> None:
    """Tell the watch what the reader found, as the coordinator does."""
    for item in items:
        if isinstance(item, Telegram):
            watch.opened()
        elif item.reason is Reason.KEY:
            watch.failed(now)


def test_a_key_that_never_worked_is_wrong_after_three_frames_in_a_row() -> None:
    watch, reader = KeyWatch(KeyRecord(), DecryptionKeys(OTHER_KEY)), Reader(DecryptionKeys(OTHER_KEY))
    found = []
    for counter in range(3):
        hear(watch, reader.feed(CIPHER.seal(nl5(), counter)), 10.0 * counter)
        found.append(watch.record.wrong)
    assert found == [False, False, True]
    # Nothing of the key can be read from what is remembered.
    assert OTHER_KEY.hex() not in str(watch.record)


def test_a_key_that_worked_is_wrong_after_ten_frames_over_five_minutes() -> None:
    watch = KeyWatch(KeyRecord(), KEYS)
    watch.opened()
    for second in range(0, 290, 10):
        watch.failed(float(second))
        assert not watch.record.wrong, second
    watch.failed(300.0)
    assert watch.record.wrong
    slow = KeyWatch(watch.record._replace(wrong=False), KEYS)
    for minute in range(9):
        slow.failed(60.0 * minute)
        # Eight minutes, but only nine frames.
        assert not slow.record.wrong
    slow.failed(540.0)
    assert slow.record.wrong


def test_a_telegram_makes_the_key_right_again() -> None:
    watch = KeyWatch(KeyRecord(), KEYS)
    for now in range(3):
        watch.failed(float(now))
    assert watch.record.wrong
    watch.opened()
    assert (watch.record.worked, watch.record.wrong, watch.failures) == (True, False, 0)


def test_while_frames_come_that_do_not_open_the_cable_is_not_to_blame() -> None:
    watch = KeyWatch(KeyRecord(), KEYS)
    watch.opened()
    for now in range(2):
        watch.failed(float(now))
    # Two may have been noise.
    assert not watch.is_doubtful(2.0)
    watch.failed(2.0)
    assert watch.is_doubtful(12.0)
    # Nothing comes any more.
    assert not watch.is_doubtful(63.0)
    watch.failed(64.0)
    watch.opened()
    assert not watch.is_doubtful(65.0)


def test_what_is_remembered_is_of_one_key() -> None:
    watch = KeyWatch(KeyRecord(), KEYS)
    watch.opened()
    assert KeyWatch(watch.record, KEYS).record.worked
    assert not KeyWatch(watch.record, DecryptionKeys(OTHER_KEY)).record.worked
    assert not KeyWatch(watch.record, DecryptionKeys(KEY, OTHER_KEY)).record.worked
    assert not KeyWatch(watch.record, None).record.worked


def test_a_person_is_asked_once_an_hour_as_long_as_it_is_wrong() -> None:
    watch = KeyWatch(KeyRecord(), KEYS)
    asked = []
    for second in range(0, 7300, 10):
        watch.failed(float(second))
        if watch.is_to_be_asked(float(second)):
            asked.append(second)
    assert asked == [20, 3620, 7220]
    watch.opened()
    assert not watch.is_to_be_asked(20_000.0)


def test_a_key_that_fitted_meanwhile_is_asked_for_again_at_once() -> None:
    watch = KeyWatch(KeyRecord(), KEYS)
    for now in range(3):
        watch.failed(float(now))
    assert watch.is_to_be_asked(2.0)
    watch.opened()
    for now in range(10, 311):
        watch.failed(float(now))
        assert watch.is_to_be_asked(float(now)) == (now == 310)


def test_one_that_is_wrong_since_before_the_restart_is_asked_for_at_once() -> None:
    watch = KeyWatch(KeyRecord(), KEYS)
    for now in range(3):
        watch.failed(float(now))
    assert KeyWatch(watch.record, KEYS).is_to_be_asked(0.0)


def test_one_wrong_bit_between_two_good_telegrams_is_never_a_wrong_key() -> None:
    """10,000 frames with one wrong bit each, at any place, between two good ones."""
    random = Random(1)
    small = nl5({"0-0:96.13.0": None, "1-0:99.97.0": None})
    watch, reader = KeyWatch(KeyRecord(), KEYS), Reader(KEYS)
    good = CIPHER.seal(small, 1)
    bad = CIPHER.seal(small, 2)
    telegrams = refused = 0
    items = reader.feed(good)
    for number in range(10_000):
        bit = random.randrange(8 * len(bad))
        damaged = bytearray(bad)
        damaged[bit // 8] ^= 1 << bit % 8
        items += reader.feed(bytes(damaged)) + reader.feed(good)
        hear(watch, items, 2.0 * number)
        telegrams += sum(isinstance(item, Telegram) for item in items)
        refused += sum(isinstance(item, Rejected) and item.reason is Reason.KEY for item in items)
        items = []
        assert not watch.record.wrong
    # A bit in the length field may cost the good one after it as well, never a second one.
    assert telegrams > 9_900
    assert refused > 9_000


@pytest.mark.parametrize("seed", range(3))
def test_thirty_seconds_of_noise_are_no_wrong_key(seed: int) -> None:
    """A telegram a second; for half a minute one byte in fifty is wrong."""
    random = Random(seed)
    watch, reader = KeyWatch(KeyRecord(), KEYS), Reader(KEYS)
    failures = 0
    for second in range(120):
        data = bytearray(CIPHER.seal(nl5(), second))
        if 30 <= second < 60:
            for place in range(len(data)):
                if random.random() < 0.02:
                    data[place] = random.randrange(256)
        items = reader.feed(bytes(data))
        hear(watch, items, float(second))
        failures = max(failures, watch.failures)
        assert not watch.record.wrong
    assert failures >= 10
    assert watch.failures == 0
