"""What is on this port? Tries the line settings that meters use and says what was heard."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
import re
import time

from ..meter import Reader, ReceivedAt, Reason, Rejected, Telegram
from .transport import LineSettings, Transport, TransportError, TransportErrorKind, has_line_settings, open_transport

_SAMPLE_SIZE = 512
_KEPT = 4096
# How often progress is told, and the longest wait between two looks at the clock (seconds).
_TICK = 0.25
# A switch-on click of a cable is a few bytes of nothing.
_CLICK = 8
# A pause this long separates what a meter sends in one go from the next; so many bytes of the start of such a burst
# are enough to know that they are no text.
_BURST_GAP = 0.3
_BURST_ENOUGH = 256
# Noise read with seven data bits is printable to three quarters by chance alone.
_TEXT_SHARE = 0.9
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\r\n"
_EVEN = bytes(byte for byte in range(256) if byte.bit_count() % 2 == 0)
_WITHOUT_BIT_7 = bytes(byte & 0x7F for byte in range(256))
_DATA_LINE = re.compile(rb"^[0-9A-F][-0-9:.A-F*&]*\([^()\r\n]*\)", re.MULTILINE)
# DLMS general-glo-ciphering, security suite 0: tag, title of 8 bytes, BER length, security control (Luxmetering
# "E-Meter P1 Specification" 1.1.3 §3.2.5). Shorter than 40 bytes nothing useful fits in; 8 KiB is the longest telegram.
_ENCRYPTED = re.compile(rb"\xdb\x08.{8}(?:[\x28-\x7f]|\x81[\x28-\xff]|\x82[\x00-\x20].)[\x20\x30]", re.DOTALL)


class ProbeVerdict(StrEnum):
    """What a port turned out to carry; the later one here says more than the one before."""

    NOTHING = "nothing"
    """Silence, or a click of a few bytes."""
    GARBAGE = "garbage"
    """Bytes, but no text under any settings: inverted signal, or not a meter."""
    TEXT = "text"
    """Printable, but no telegram that can be accepted."""
    ENCRYPTED = "encrypted"
    """Encrypted telegrams."""
    FOUND = "found"
    """A telegram."""


_RANK = {verdict: rank for rank, verdict in enumerate(ProbeVerdict)}


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What was found.

    Attributes:
        verdict: what the port carries.
        settings: the line settings under which it was heard; None if nothing was.
        telegram: the first one accepted, with the verdict ``FOUND`` only.
        seen: up to 512 bytes of it, for a person to look at.
    """

    verdict: ProbeVerdict
    settings: LineSettings | None
    telegram: Telegram | None
    seen: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbePlan:
    """What is tried and for how long (seconds).

    A meter that sends every 10 s is heard whole within 12 s, wherever one joins: the rest of the telegram that was
    under way, the pause, and the next one (at 9600 bit/s up to 1.6 s).

    Attributes:
        settings: line settings, in this order: DSMR 4 and 5; DSMR 2.2 and 3; what some readers use for DSMR 4; Q3D
            through some heads; IEC 62056-21 mode D.
        listen: time for one of them.
        listen_to_silence: the same for the first one, as long as nothing at all is heard, and for an address without
            line settings.
        extension: added once where parts of a telegram were heard, but no whole one.
    """

    settings: tuple[LineSettings, ...] = (
        LineSettings(115200),
        LineSettings(9600, 7, "E"),
        LineSettings(115200, 7, "E"),
        LineSettings(9600),
        LineSettings(2400, 7, "E"),
    )
    listen: float = 12.0
    listen_to_silence: float = 22.0
    extension: float = 12.0


async def probe(
    port: str,
    *,
    zone: tzinfo,
    country: str | None,
    on_progress: Callable[[float, LineSettings], None] | None = None,
    plan: ProbePlan | None = None,
) -> ProbeResult:
    """Listen to a port until a telegram comes, under one line setting after the other.

    Args:
        port: device path or URL.
        zone: of meters that send local time without a letter for it.
        country: ISO code that breaks the tie between meters that look the same.
        on_progress: gets the share of the longest possible time (0 to 1, never falling) and what is tried now.
        plan: other settings and times than usual.

    Raises:
        TransportError: the port cannot be opened, or went away meanwhile.
    """
    plan = plan or ProbePlan()
    choices = plan.settings if has_line_settings(port) else (LineSettings(),)
    budgets = [plan.listen_to_silence] + [plan.listen] * (len(choices) - 1)
    best = ProbeResult(ProbeVerdict.NOTHING, None, None, b"")
    transport = await open_transport(port, choices[0])
    try:
        for index, settings in enumerate(choices):

            def tell(share: float, index: int = index, settings: LineSettings = settings) -> None:
                if on_progress is not None:
                    on_progress((sum(budgets[:index]) + min(share, 1.0) * budgets[index]) / sum(budgets), settings)

            tell(0.0)
            if index > 0:
                try:
                    await transport.configure(settings)
                except TransportError as err:
                    if err.kind is not TransportErrorKind.NOT_A_PORT:
                        raise
                    # An adapter that cannot do this one may do the next.
                    continue
            patient = index == 0
            listening = _Listening(transport, settings, Reader(zone=zone, country=country))
            result = await listening.run(
                plan.listen_to_silence if len(choices) == 1 else plan.listen,
                plan.listen_to_silence if patient else plan.listen,
                plan.extension,
                tell,
            )
            if _RANK[result.verdict] > _RANK[best.verdict]:
                best = result
            if best.verdict in {ProbeVerdict.FOUND, ProbeVerdict.ENCRYPTED}:
                break
    finally:
        await transport.close()
    return best
