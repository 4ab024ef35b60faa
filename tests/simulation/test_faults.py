"""The faults are what they say: what is marked good is whole on the line, what is not cannot be found there."""

from datetime import datetime
from functools import lru_cache
from itertools import pairwise
import re

import pytest

from tests.simulation.checksum import crc16
from tests.simulation.faults import Damage, Fault, chunks, damaged
from tests.simulation.household import ZONE, Household
from tests.simulation.telegrams import SYSTEMS


@lru_cache
def telegrams(system: str, count: int) -> tuple[bytes, ...]:
    household = Household(start=datetime(2026, 11, 20, 21, 17, 8, tzinfo=ZONE), system=system)
    made = []
    for _ in range(count):
        household.step(SYSTEMS[system].interval)
        made.append(SYSTEMS[system].compose(household))
    return tuple(made)


def valid_in(stream: bytes) -> list[bytes]:
    """Everything from any "/" to any "!" within 4 KB whose checksum is right."""
    found = []
    ends = [(match.start(), int(match[1], 16)) for match in re.finditer(rb"(?<=\n)!([0-9A-Fa-f]{4})(?=\r\n)", stream)]
    for start in (match.start() for match in re.finditer(rb"/", stream)):
        for end, checksum in ends:
            if start < end < start + 4_096 and crc16(stream[start : end + 1]) == checksum:
                found.append(stream[start : end + 5] + b"\r\n")
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_good_ones_arrive_and_bad_ones_cannot(seed: int) -> None:
    sent = telegrams("nl5", 100)
    came = list(damaged(sent, seed, share=0.5))
    good = [telegram for telegram, (_, is_good) in zip(sent, came, strict=True) if is_good]
    assert 40 < len(good) < 90
    assert valid_in(b"".join(data for data, _ in came)) == good


def test_the_same_seed_damages_the_same() -> None:
    sent = telegrams("nl5", 100)
    assert list(damaged(sent, 1)) == list(damaged(sent, 1))
    assert list(damaged(sent, 1)) != list(damaged(sent, 2))


def test_the_share_is_about_what_was_asked_for() -> None:
    damage = Damage(share=0.2)
    hit = sum(damage(telegrams("nl5", 1)[0]).fault is not None for _ in range(1_000))
    assert 130 < hit < 230


@pytest.mark.parametrize("fault", Fault)
def test_each_fault_alone(fault: Fault) -> None:
    sent = telegrams("nl5", 100)
    damage = Damage(share=1, faults=[fault])
    for telegram in sent:
        came = damage(telegram)
        if came.fault is None:
            assert fault is Fault.TAIL  # the one after a tail that is missing is spared
            assert (came.data, came.good) == (telegram, True)
            continue
        data = came.data
        body = telegram[: telegram.rindex(b"!")]
        match fault:
            case Fault.NOISE:
                assert data.endswith(b"\r\n" + telegram)
                assert len(data) > len(telegram) + 2
            case Fault.HEAD:
                assert telegram.endswith(data)
                assert len(data) < len(telegram)
            case Fault.TAIL:
                assert telegram.startswith(data)
                assert b"!" not in data
            case Fault.SILENCE:
                assert data == b""
            case Fault.CRC:
                assert data.startswith(body)
                assert len(data) == len(telegram)
                assert data != telegram
            case Fault.FLIP:
                wrong = [a ^ b for a, b in zip(data, telegram, strict=True) if a != b]
                assert [bits.bit_count() for bits in wrong] == [1]
            case Fault.LOST:
                assert len(data) == len(telegram) - 1
        assert came.good is (fault is Fault.NOISE)


def test_without_a_checksum_every_damage_shows() -> None:
    sent = telegrams("nl2", 200)
    damage = Damage(share=0.8)
    came = [damage(telegram) for telegram in sent]
    assert {delivery.fault for delivery in came} == {
        None, Fault.NOISE, Fault.HEAD, Fault.TAIL, Fault.SILENCE, Fault.FLIP
    }  # fmt: skip
    for telegram, delivery in zip(sent, came, strict=True):
        if delivery.fault is Fault.FLIP:
            assert not delivery.data.isascii()
            assert bytes(byte & 0x7F for byte in delivery.data) == telegram
    # Two cut ones never meet, for together they could look whole.
    assert all(after.fault is None for before, after in pairwise(came) if before.fault is not None)


def test_chunks_cut_anywhere_and_lose_nothing() -> None:
    stream = b"".join(telegrams("nl5", 20))
    pieces = list(chunks(stream, 3))
    assert b"".join(pieces) == stream
    assert all(1 <= len(piece) <= 300 for piece in pieces)
    assert any(b"!" in piece and b"/" in piece[piece.index(b"!") :] for piece in pieces)  # glued
