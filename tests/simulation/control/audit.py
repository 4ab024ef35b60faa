"""What a law must never do: read from what it switched."""

from typing import TYPE_CHECKING

from p1meter.loads import PROTECTING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from p1meter.loads import LoadSettings

    from .closed_loop import Switched


def too_early(switched: Iterable[Switched], loads: tuple[LoadSettings, ...]) -> int:
    """Count the commands within `min_on_s` or `min_off_s` that protect nothing. A person's hand begins anew."""
    count = 0
    since: dict[int, int] = {}
    for switch in switched:
        least = loads[switch.load].min_off_s if switch.on else loads[switch.load].min_on_s
        by_law = switch.reason is not None and switch.reason not in PROTECTING
        count += by_law and switch.load in since and switch.second - since[switch.load] < least
        since[switch.load] = switch.second
    return count


def starts_within(switched: Iterable[Switched], spans: Iterable[tuple[int, int]]) -> int:
    """Count the starts that the law commanded within any of these spans, s; ends included."""
    spans = tuple(spans)
    starts = [switch.second for switch in switched if switch.on and switch.reason is not None]
    return sum(any(begin <= second <= end for begin, end in spans) for second in starts)


def commands_within(switched: Iterable[Switched], spans: Iterable[tuple[int, int]]) -> int:
    """Count all commands of the law within any of these spans, s; ends included."""
    spans = tuple(spans)
    return sum(
        switch.reason is not None and any(begin <= switch.second <= end for begin, end in spans) for switch in switched
    )


def hands_overruled(switched: Iterable[Switched], loads: tuple[LoadSettings, ...]) -> int:
    """Count the commands against a person's hand within its time that protect nothing."""
    count = 0
    hands: dict[int, int] = {}
    for switch in switched:
        if switch.reason is None:
            hands[switch.load] = switch.second
        elif switch.reason in PROTECTING:
            hands.pop(switch.load, None)  # it ended the hand
        elif switch.load in hands:
            count += switch.second - hands[switch.load] < loads[switch.load].override_s
    return count
