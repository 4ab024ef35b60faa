"""What scripts/fuzz tries for long, briefly: always the same bytes."""

import tracemalloc

from hypothesis import HealthCheck, Phase, given, settings, strategies
import pytest

from p1meter.meter.frames import FrameFinder
from tests.compose import nl5

from . import content, hostile, telegrams
from .choices import Choices
from .targets import TARGETS

_EXAMPLES = 120


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_gets_out(name: str) -> None:
    run = TARGETS[name].run

    @settings(
        max_examples=_EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategies.binary(min_size=60, max_size=400))
    def try_it(data: bytes) -> None:
        run(data)

    try_it()


def test_the_shares_are_of_a_thousand() -> None:
    assert sum(target.share for target in TARGETS.values()) == 1000


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_what_never_ends_is_not_kept(kind: str) -> None:
    finder = FrameFinder()
    data = hostile.of(kind, 256 * 1024)
    most = 0
    for at in range(0, len(data), 1000):
        finder.feed(data[at : at + 1000])
        most = max(most, len(finder._buffer) + len(finder._gap))
    # The largest block, the noise that is told, and the piece that was fed last.
    assert most <= 64 * 1024 + 8 * 1024 + 2000


@pytest.mark.parametrize(
    "kind",
    [
        "telegrams of huge numbers",
        "blocks of values on lines of their own",
        "blocks of codes that nobody knows",
    ],
)
def test_what_no_meter_says_is_not_remembered(kind: str) -> None:
    data = hostile.of(kind, 512 * 1024)
    tracemalloc.start()
    hostile.in_pieces(data)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A thousand codes, and the forms of a few meters.
    assert kept <= 4 * 1024 * 1024


# --- those who judge can be relied on ---------------------------------------------------------------------------------


def test_choices_are_made_again_of_the_same_bytes() -> None:
    made = Choices(b"\x05\x01\x03rest")
    assert made.below(4) == 1
    assert made.one_of("abc") == "b"
    assert made.some(3) == b"res"
    assert made.are_left
    assert Choices(b"").one_of("abc") == "a"


def test_a_wrong_checksum_is_seen() -> None:
    assert telegrams.is_right(nl5())
    assert telegrams.is_right(nl5().replace(b"\r", b""))
    assert not telegrams.is_right(nl5().replace(b"01.193", b"01.194"))
    for block in telegrams.BLOCKS:
        assert telegrams.is_right(block)
        assert not telegrams.is_right(block.replace(b"1", b"2", 1).replace(b"(0", b"(1", 1))


def test_a_finding_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that took what is damaged, or lost what is whole, would be found out."""

    monkeypatch.setattr("p1meter.meter.Reader.feed", lambda *_: [])
    with pytest.raises(AssertionError, match="not found"):
        TARGETS["reader"].run(bytes(60))


def test_strange_telegrams_are_telegrams() -> None:
    sent = telegrams.strange(Choices(bytes(range(200))))
    assert sent.startswith(b"/")
    assert telegrams.is_right(sent)


@pytest.mark.parametrize("kind", telegrams.LONG)
def test_hostile_telegrams_are_telegrams(kind: bytes) -> None:
    what = content.said(kind)
    assert telegrams.is_right(content.as_telegram(what, Choices(b"")))
    assert telegrams.is_right(content.as_block(what, Choices(b"")))
    for first in range(256):
        sent, whole = telegrams.hostile(Choices(bytes([0, first, *range(200)])), (kind,))
        assert whole in {None, sent}
        assert telegrams.is_right(sent)
