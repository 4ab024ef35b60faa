"""The work of scripts/read."""

import argparse
import asyncio
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from io import BufferedReader, BytesIO
import json
import os
from pathlib import Path
import re
import signal
import stat
import sys
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from p1meter.link import (
    ATTEMPTS,
    Dialogue,
    LineSettings,
    LinkState,
    ProbePlan,
    ProbeVerdict,
    Stream,
    TransportError,
    TransportErrorKind,
    has_line_settings,
    is_url,
    probe,
)
from p1meter.meter import (
    REGISTERS,
    DecryptionKeys,
    Obis,
    OpticalSettings,
    Reader,
    Reading,
    Reason,
    Recogniser,
    Register,
    Rejected,
    Telegram,
)
from p1meter.meter.registers import name_for
from p1meter.meter.values import Clock, number_with_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

ROOT = Path(__file__).resolve().parent.parent
NAMES = ROOT / "custom_components/p1meter/translations/en.json"
# A capture stamp, also one that is no date because the meter was never read (632525252525S).
STAMP = re.compile(r"\d{12}[SW]?")
# As Reader assumes it.
ZONE = ZoneInfo("Europe/Amsterdam")
CHUNK = 64 * 1024
# Line settings of meters that talk to an optical head by themselves (IEC 62056-21 mode D), the standard's own first.
PUSHED = (LineSettings(2400, 7, "E"), LineSettings(9600, 7, "E"), LineSettings(9600), LineSettings(300, 7, "E"))
# Seconds between two read-outs; to wake a meter costs its battery.
EVERY = {False: 60.0, True: 3600.0}
# For the words of the config flow see translations; here somebody sits at a terminal.
ADVICE = {
    ProbeVerdict.NOTHING: "Nothing was heard. Is it the right port, and has the grid company activated the meter's?",
    ProbeVerdict.NO_SIGNAL: "Nothing but zeros: nobody drives the line. Check the wiring, the pull-up and the request.",
    ProbeVerdict.GARBAGE: "Bytes, but no text at any speed: a bad cable, or this is no meter.",
    ProbeVerdict.INVERTED: "A meter, but the signal is inverted: a P1 cable must turn it round, and this one does not.",
    ProbeVerdict.HDLC: "This port speaks DLMS over HDLC (a HAN port), not P1. It takes another reader.",
    ProbeVerdict.MBUS: "This port speaks wired M-Bus, not P1. It takes another reader.",
    ProbeVerdict.SML: "This meter speaks SML (Germany), not P1. It takes another reader.",
    ProbeVerdict.TEXT: "Text, but no telegram that is complete and right.",
    ProbeVerdict.ENCRYPTED: "This meter encrypts. Give its key with --key.",
    ProbeVerdict.UNSUPPORTED: "This meter encrypts in a way that no key opens.",
    ProbeVerdict.WRONG_KEY: "This meter encrypts with another key than --key.",
    ProbeVerdict.WRONG_AUTHENTICATION_KEY: "The key fits, but not the one of --authentication-key (or the usual one).",
}

type Item = Telegram | Rejected
type Fields = dict[str, str | int | None]


class Printer(Protocol):
    """Shows what was read."""

    telegrams: int

    def show(self, items: list[Item]) -> None:
        """Print items in the order they came."""

    def end(self) -> None:
        """Print what is left at the end of the input."""


class JsonPrinter:
    """One line for each telegram."""

    def __init__(self) -> None:
        self.telegrams = 0
        self._rejected: list[dict[str, str]] = []

    def show(self, items: list[Item]) -> None:
        """Print the telegrams, each with the refused bytes that came before it."""
        for item in items:
            if isinstance(item, Rejected):
                self._rejected.append({"reason": item.reason.value, "bytes": item.data.hex()})
                continue
            self.telegrams += 1
            self._line(
                ident=item.ident,
                profile=item.profile.name,
                version=item.profile.version,
                meter_time=_iso(item.time),
                crc="ok" if item.checksum else "none",
                readings=list(sent_and_computed(item)),
            )
        sys.stdout.flush()

    def end(self) -> None:
        """Print the refused bytes after the last telegram, if there are any."""
        if self._rejected:
            self._line(ident=None, profile=None, version=None, meter_time=None, crc=None, readings=[])

    def _line(self, **fields: str | list[Fields] | None) -> None:
        print(json.dumps({**fields, "rejected": self._rejected}))
        self._rejected = []


class TextPrinter:
    """A table for each telegram, a line for each refusal."""

    def __init__(self) -> None:
        self.telegrams = 0
        self._names = _translated_names()

    def show(self, items: list[Item]) -> None:
        """Print the tables."""
        for item in items:
            if isinstance(item, Rejected):
                print(f"Refused ({item.reason.value}, {len(item.data)} bytes): {item.hint}")
                continue
            self.telegrams += 1
            self._table(item)
        sys.stdout.flush()

    def end(self) -> None:
        """Everything was printed when it came."""

    def _table(self, telegram: Telegram) -> None:
        profile = telegram.profile
        print()
        print(f"/{printable(telegram.ident)}")
        print(
            ", ".join(
                (
                    " ".join(filter(None, (profile.name, profile.version))),
                    str(telegram.time or "no time"),
                    "CRC ok" if telegram.checksum else "no CRC",
                )
            )
        )
        rows = [self._row(telegram, reading) for reading in telegram.readings.values()]
        rows += [("", str(reading.obis), _shown(reading)) for reading in telegram.unknown.values()]
        widths = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
        for name, code, value in rows:
            print(f"  {name:{widths[0]}}  {code:{widths[1]}}  {value}".rstrip())

    def _row(self, telegram: Telegram, reading: Reading) -> tuple[str, str, str]:
        register = REGISTERS[reading.key]
        name = self._names.get(name_for(register, telegram.profile), "").format(**register.placeholders)
        return name or reading.key, "computed" if reading.obis is None else str(reading.obis), _shown(reading)


def _shown(reading: Reading) -> str:
    value = reading.value
    if value is None:
        return "no value"
    text = f"{value:f}" if isinstance(value, Decimal) else printable(str(value))
    taken = "" if reading.at is None else f"  ({reading.at})"
    return f"{text} {reading.unit or ''}".rstrip() + taken


def printable(text: str) -> str:
    """Keep what a meter sends from steering the terminal."""
    return text if text.isprintable() else ascii(text)[1:-1]


def _translated_names() -> dict[str, str]:
    platforms = json.loads(NAMES.read_text("utf-8"))["entity"]
    return {
        key: entity["name"] for platform in ("binary_sensor", "sensor") for key, entity in platforms[platform].items()
    }


# Objects that hold a list: it is given as it was sent.
LISTS = {"1-0:99.97.0": "power_failure_log", "0-0:98.1.0": "demand_history"}


def sent_and_computed(telegram: Telegram) -> Iterator[Fields]:
    """Yield the readings of each object in the order sent, known or not, and then what was computed."""
    owned = _by_object(telegram)
    clock = Clock(ZONE)

    def stamp(text: str) -> datetime | None:
        return clock.stamp(text, telegram.profile.winter_offset)

    for place, (obis, groups) in enumerate(telegram.objects):
        readings = owned.get(place, [])
        is_list = str(obis) in LISTS and len(groups) > 1
        if is_list:
            key = "month_history" if telegram.profile.name == "hu" and obis.c == 98 else LISTS[str(obis)]
            yield _fields(key, obis, value=_bracketed(groups))
            readings = [reading for reading in readings if reading.value is not None]
        elif not readings:
            value, unit, at = _as_sent(groups, stamp)
            yield _fields(None, obis, channel=_channel(obis), value=value, unit=unit, at=at)
        for reading in readings:
            value, unit = _read_value(reading, groups)
            yield _fields(reading.key, obis, channel=reading.channel, value=value, unit=unit, at=reading.at)
    for reading in telegram.readings.values():
        if reading.obis is None:
            value, unit = _read_value(reading, ())
            yield _fields(reading.key, None, channel=reading.channel, value=value, unit=unit, at=reading.at)


def _fields(
    key: str | None,
    obis: Obis | None,
    *,
    channel: int | None = None,
    value: str | None,
    unit: str | None = None,
    at: datetime | None = None,
) -> Fields:
    return {
        "key": key,
        "code": None if obis is None else str(obis),
        # Channel 0 stands for a meter that has none on the wire.
        "channel": channel or None,
        "value": value,
        "unit": unit,
        "at": _iso(at),
    }


def _by_object(telegram: Telegram) -> dict[int, list[Reading]]:
    """Return the readings of each object by its place: its own value first, then what else its line says."""
    places: dict[Obis, list[int]] = {}
    for place, (obis, _) in enumerate(telegram.objects):
        places.setdefault(obis, []).append(place)
    owned: dict[int, list[Reading]] = {}
    for reading in telegram.readings.values():
        if reading.obis is None:
            continue
        candidates = places[reading.obis]
        if isinstance(reading.value, datetime):
            # The stamp of another reading goes where that one is.
            beside = [place for place in candidates if any(other.at == reading.value for other in owned.get(place, ()))]
            candidates = beside or candidates
        elif len(candidates) > 1:
            candidates = [place for place in candidates if _holds(telegram.objects[place][1], reading)] or candidates
            if reading.at is not None:
                candidates.sort(key=lambda place: telegram.objects[place][1][0], reverse=True)
        owned.setdefault(candidates[0], []).append(reading)
    return owned


def _holds(groups: tuple[str, ...], reading: Reading) -> bool:
    return any(number_with_unit(group)[0] == reading.value for group in groups)


def _channel(obis: Obis) -> int | None:
    """Return the M-Bus channel of an object that gave no reading."""
    return obis.b if obis.a == 0 and obis.b in range(1, 10) and (obis.c == 24 or (obis.c, obis.d) == (96, 1)) else None


def _read_value(reading: Reading, groups: tuple[str, ...]) -> tuple[str | None, str | None]:
    """Return value and unit of a reading: numbers as numbers, texts and states as sent."""
    value = reading.value
    register: Register = REGISTERS[reading.key]
    if value is not None and groups and register.role in {"text", "enum"}:
        return (_bracketed(groups) if len(groups) > 1 else groups[0] or None), None
    match value:
        case Decimal():
            return f"{value:f}", _unit(reading, groups)
        case datetime():
            return _iso(value), None
        case None:
            return None, None
        case _:
            return str(value), reading.unit


def _unit(reading: Reading, groups: tuple[str, ...]) -> str | None:
    """Return the unit in the meter's spelling, where the number is found with it in one group."""
    for group in groups:
        if number_with_unit(group) == (reading.value, reading.unit):
            return _unit_as_sent(group)
    return reading.unit


def _unit_as_sent(group: str) -> str | None:
    match = re.fullmatch(r"[-+.\d\s]*\*?(.*)", group.strip())
    return (match[1].strip() or None) if match else None


def _as_sent(
    groups: tuple[str, ...], stamp: Callable[[str], datetime | None]
) -> tuple[str | None, str | None, datetime | None]:
    """Return value, unit and stamp of an object that nothing is known about."""
    at = None
    match groups:
        case (sent,):
            pass
        case (taken, sent) if STAMP.fullmatch(taken):
            at = stamp(taken)
        case (sent, taken) if number_with_unit(sent)[0] is not None and (at := stamp(taken)):
            pass
        case _:
            return _bracketed(groups), None, None
    value, unit = number_with_unit(sent)
    if value is not None and (unit is not None or "." in sent):
        return f"{value:f}", _unit_as_sent(sent), at
    return sent or None, None, at


def _bracketed(groups: tuple[str, ...]) -> str:
    return "".join(f"({group})" for group in groups)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def read_file(path: Path, reader: Reader, printer: Printer) -> None:
    """Read a file of telegrams, whatever is between them; where there is none, say what it is instead.

    Of a diagnostics download of p1meter the telegram is read that is in it.
    """
    recogniser = Recogniser()
    with path.open("rb") as opened:
        file = telegram_in(opened) or opened
        while data := file.read(CHUNK):
            recogniser.feed(data)
            printer.show(reader.feed(data))
    printer.show(reader.close())
    if not printer.telegrams and (foreign := recogniser.verdict()) is not None:
        note(ADVICE[ProbeVerdict(foreign)])


def telegram_in(file: BufferedReader) -> BytesIO | None:
    """Return the telegram in a diagnostics download, as a file; None: it is no such download, or holds none."""
    if file.peek(1)[:1] != b"{":
        return None
    try:
        lines = json.load(file)["data"]["telegram"]["text"]
    except ValueError, LookupError, TypeError:
        file.seek(0)
        return None
    return BytesIO("".join(f"{line}\r\n" for line in lines).encode())


async def until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Do something until it is done, or until Ctrl-C.

    Raises:
        TransportError: a port cannot be opened.
    """
    loop = asyncio.get_running_loop()
    reading = asyncio.create_task(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, reading.cancel)
    with suppress(asyncio.CancelledError):
        await reading


async def read_port(port: str, keys: DecryptionKeys | None, printer: Printer, plan: ProbePlan) -> None:
    """Find out how to read a port, then read it for ever.

    Raises:
        TransportError: it cannot be opened.
    """
    note(f"Listening on {port}. Ctrl-C ends it.")
    tried: set[LineSettings] = set()

    def progress(_share: float, settings: LineSettings) -> None:
        if settings not in tried:
            tried.add(settings)
            note(f"Trying {settings} …")

    result = await probe(
        port,
        zone=ZONE,
        country=None,
        keys=keys,
        on_progress=progress if has_line_settings(port) else None,
        plan=plan,
    )
    if result.settings is None or result.telegram is None:
        note(ADVICE[result.verdict])
        if result.rejected is not None:
            note(result.rejected.hint)
        if result.seen:
            note(f"Heard: {ascii(result.seen)[2:-1]}")
        return
    printer.show([result.telegram])
    if result.asked:
        await ask_port(port, OpticalSettings(wake_up=result.woken), printer)
        return
    stream = Stream(port, result.settings, Reader(keys, zone=ZONE), on_items=printer.show, on_state=_note_state)
    await stream.run()


async def ask_port(port: str, settings: OpticalSettings, printer: Printer) -> None:
    """Ask a meter with an optical head for ever, or until it turns out that it gives no answer.

    Raises:
        TransportError: the port cannot be opened.
    """
    every = EVERY[settings.wake_up]
    note(f"Asking {port} every {every:.0f} s. Ctrl-C ends it.")
    given_up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    refused: list[Rejected] = []
    opened = False

    def show(items: list[Item]) -> None:
        printer.show(items)
        refused.extend(item for item in items if isinstance(item, Rejected))
        hopeless = len(refused) == ATTEMPTS or any(item.reason is Reason.UNSUPPORTED for item in refused)
        if not printer.telegrams and hopeless:
            note(refused[-1].hint)
            given_up.set_result(None)

    def heed(state: LinkState, error: TransportError | None) -> None:
        nonlocal opened
        opened = opened or state is LinkState.CONNECTED
        if error is not None and not opened:
            given_up.set_exception(error)
        else:
            _note_state(state, error)

    dialogue = Dialogue(port, settings, Reader(zone=ZONE), on_items=show, on_state=heed, interval=every)
    asking = asyncio.create_task(dialogue.run())
    try:
        await asyncio.wait({asking, given_up}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
    given_up.result()


def _note_state(state: LinkState, error: TransportError | None) -> None:
    note(f"Port {state.value}" + (f": {error.detail}. Trying again …" if error else "."))


def note(text: str) -> None:
    """Say something that is no telegram."""
    print(text, file=sys.stderr, flush=True)


def key(text: str) -> bytes:
    """Read a key of 16 bytes.

    Raises:
        argparse.ArgumentTypeError: it is none; the text is not repeated.
    """
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        octets = b""
    if len(octets) != 16:
        raise argparse.ArgumentTypeError("a key is 32 hexadecimal digits")
    return octets


def question(arguments: list[str]) -> argparse.Namespace:
    """Understand what is wanted; ends the program with status 2 if it makes no sense."""
    parser = argparse.ArgumentParser(prog="scripts/read", description="Show the telegrams of a smart meter.")
    parser.add_argument(
        "source",
        metavar="FILE|PORT|URL",
        help="a file (also a diagnostics download), /dev/ttyUSB0, socket://host:port, rfc2217://…",
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON for each telegram")
    parser.add_argument("--key", type=key, metavar="HEX", help="the encryption key of the meter")
    parser.add_argument("--authentication-key", type=key, metavar="HEX", help="where it is not the usual one")
    parser.add_argument("--iec", action="store_true", help="ask a meter with an optical head (IEC 62056-21)")
    parser.add_argument("--address", default="", metavar="A", help="of the meter that is asked")
    parser.add_argument("--query", default="?", metavar="C", help="the character that asks: some give more for another")
    parser.add_argument("--wake-up", action="store_true", help="wake the meter first: it runs on a battery")
    parser.add_argument("--listen", action="store_true", help="only listen: the meter talks by itself (mode D)")
    options = parser.parse_args(arguments)
    if not options.iec and (options.address or options.query != "?" or options.wake_up or options.listen):
        parser.error("--address, --query, --wake-up and --listen go with --iec")
    try:
        options.settings = OpticalSettings(address=options.address, query=options.query, wake_up=options.wake_up)
    except ValueError as error:
        parser.error(str(error))
    if options.authentication_key is not None and options.key is None:
        parser.error("--authentication-key goes with --key")
    path = Path(options.source)
    remote = is_url(options.source)
    if not remote and not path.exists():
        parser.error(f"no such file or port: {options.source}")
    if not remote and path.is_dir():
        parser.error(f"a folder: {options.source}")
    options.is_port = remote or stat.S_ISCHR(path.stat().st_mode)
    if options.iec and not options.is_port:
        parser.error(f"a file cannot be asked: {options.source}")
    return options


def main(arguments: list[str]) -> int:
    """Return 0 if there was a telegram, 1 if there was none, 2 if the question makes no sense."""
    options = question(arguments)
    source: str = options.source
    keys = None if options.key is None else DecryptionKeys(options.key, options.authentication_key)
    printer: Printer = JsonPrinter() if options.json else TextPrinter()
    try:
        if options.iec and not options.listen:
            asyncio.run(until_stopped(ask_port(source, options.settings, printer)))
        elif options.is_port:
            plan = ProbePlan(settings=PUSHED, optical=None) if options.listen else ProbePlan()
            asyncio.run(until_stopped(read_port(source, keys, printer, plan)))
        else:
            read_file(Path(source), Reader(keys, zone=ZONE), printer)
        printer.end()
    except TransportError as error:
        note(f"{source}: {error.detail}")
        if error.kind is TransportErrorKind.UNKNOWN_SCHEME:
            return 2
    except OSError as error:
        # Who reads our output has seen enough, or the file cannot be read.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            note(f"{source}: {error.strerror}")
            return 2
    return 0 if printer.telegrams else 1
