"""All that is fuzzed: each builds something of bytes that a fuzzer makes up, and sees what becomes of it.

What gets out of them is a finding. `scripts/fuzz` runs them for long, `test_targets.py` briefly.
"""

from typing import TYPE_CHECKING, Final, NamedTuple

from . import importers, inputs, journal, meaning, optical, outputs, stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Target(NamedTuple):
    """One of them.

    Attributes:
        run: takes the bytes; raises whatever is a finding.
        share: how many runs of a thousand it gets: less where one takes long.
        modules: those whose coverage is measured, below `p1meter`.
        says: what it tries, for the page.
    """

    run: Callable[[bytes], None]
    share: int
    modules: tuple[str, ...]
    says: str


TARGETS: Final[Mapping[str, Target]] = {
    "reader": Target(
        stream.plain,
        230,
        tuple(
            f"meter.{one}"
            for one in (
                "frames",
                "verdict",
                "telegram",
                "lines",
                "form",
                "obis",
                "values",
                "electricity",
                "mbus",
                "slots",
            )
        ),
        "streams of telegrams of every system, half of them with a hostile content and a right checksum, the others "
        "whole, damaged or saying strange things, with noise, in any pieces",
    ),
    "meaning": Target(
        meaning.alike,
        60,
        tuple(
            f"meter.{one}" for one in ("telegram", "lines", "form", "values", "electricity", "mbus", "slots", "history")
        ),
        "what one meter says, in frames that are right, with a hostile content: read by its form, and line by line",
    ),
    "cipher": Target(
        stream.encrypted,
        220,
        ("meter.cipher",),
        "the same with encrypted frames, half of them with a hostile content, also of another key",
    ),
    "optical": Target(
        optical.anything,
        170,
        ("meter.iec62056",),
        "what an optical head hears, from a meter or not; half of the meters say what none does",
    ),
    "journal": Target(
        journal.spoilt, 10, ("archive.formats", "archive.journal"), "files of the journal, cut off and spoilt"
    ),
    "importers": Target(
        importers.files,
        10,
        (
            "archive.series",
            *(f"archive.past.{one}" for one in ("files", "lines", "telegrams", "tables", "dsmr_reader", "p1_monitor")),
        ),
        "files of the past of every kind, mixed up, also packed",
    ),
    "outputs": Target(
        outputs.told,
        30,
        (
            *("judge", "totals", "demand", "news", "late", "sampling", "reporting", "redacting", "sinks.layouts"),
            *("sinks.points",),
        ),
        "telegrams that say strange and hostile things, on their way to entities, loads, files and others",
    ),
    "inputs": Target(
        inputs.typed, 270, ("own", "keys", "archive.selection"), "what people type and paste into the dialogs"
    ),
}
