"""A port is listened to until it is clear what it carries."""

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import replace
import os
import termios
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from p1meter.link import (
    LineSettings,
    ProbePlan,
    ProbeResult,
    ProbeVerdict,
    Transport,
    TransportError,
    TransportErrorKind,
    open_transport,
    probe,
)
from p1meter.meter import DecryptionKeys, OpticalSettings, OpticalTiming, Reason
from tests.background import running
from tests.meter.composing import KEY, seal
from tests.meter.test_cipher import OTHER
from tests.meter.test_foreign import hdlc, mbus, sml
from tests.meter.uart import Format, Resync, received, signal
from tests.simulation.optical import Habits, Mode, OpticalMeter

from .line import TIMEOUT, Cable, SerialServer, damaged, even_parity, noise, server, telegram

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

ZONE = ZoneInfo("Europe/Amsterdam")
TIMING = OpticalTiming(pace=0.01)
BRIEF = ProbePlan(listen=0.1, listen_to_silence=0.2, extension=0.1, gap=0.02, timing=TIMING)
LONG = ProbePlan(listen=60.0, listen_to_silence=60.0, extension=60.0, gap=0.02, foreign=())
FAST, SLOW, FAST_7E1 = LineSettings(115200, 8, "N", 1), LineSettings(9600, 7, "E", 1), LineSettings(115200, 7, "E", 1)
SPEEDS = {termios.B115200: 115200, termios.B9600: 9600, termios.B2400: 2400}
DSMR_2 = (
    b"/ISk5\\2MT382-1000\r\n"
    b"\r\n"
    b"0-0:96.1.1(4B384547303034303436333935353037)\r\n"
    b"1-0:1.8.1(00001.001*kWh)\r\n"
    b"1-0:1.8.2(00001.001*kWh)\r\n"
    b"1-0:2.8.1(00000.000*kWh)\r\n"
    b"1-0:2.8.2(00000.000*kWh)\r\n"
    b"0-0:96.14.0(0001)\r\n"
    b"1-0:1.7.0(0001.01*kW)\r\n"
    b"1-0:2.7.0(0000.00*kW)\r\n"
    b"0-0:17.0.0(0999.00*kW)\r\n"
    b"0-0:96.3.10(1)\r\n"
    b"0-0:96.13.1()\r\n"
    b"0-0:96.13.0()\r\n"
    b"!\r\n"
)
# DLMS general-glo-ciphering: tag, title, length (in three spellings), security control, counter, then what nobody can
# read.
CIPHERTEXT = bytes((index * 151 + 29) % 256 for index in range(108))
ENCRYPTED = [
    b"\xdb\x08SAGtest1" + length + b"\x30\x00\x00\x00\x01" + CIPHERTEXT
    for length in (b"\x71", b"\x81\x71", b"\x82\x00\x71")
]


def listen(
    port: str,
    plan: ProbePlan,
    on_progress: Callable[[float, LineSettings], None] | None = None,
    keys: DecryptionKeys | None = None,
) -> Awaitable[ProbeResult]:
    probing = probe(port, zone=ZONE, country="NL", keys=keys, on_progress=on_progress, plan=plan)
    return asyncio.wait_for(probing, TIMEOUT)


@asynccontextmanager
async def meter(cable: Cable, speed: int, message: bytes, elsewhere: bytes) -> AsyncIterator[None]:
    """A meter at one speed: whoever listens at another one hears something else."""

    async def talk() -> None:
        while True:
            right = SPEEDS.get(termios.tcgetattr(cable.slave)[4]) == speed
            await cable.send(message if right else elsewhere)
            await asyncio.sleep(0.05)

    async with running(talk()):
        yield


def test_what_is_tried_and_for_how_long() -> None:
    plan = ProbePlan()
    assert [str(settings) for settings in plan.settings] == [
        "115200 8N1",
        "9600 7E1",
        "115200 7E1",
        "9600 8N1",
        "2400 7E1",
    ]
    assert (plan.listen, plan.listen_to_silence) == (12.0, 22.0)
    # The longest telegram of all (Luxembourg: 8 s) is heard whole if its end came first.
    assert plan.listen + plan.extension >= 10.0 + 8.0


async def test_a_meter_at_the_first_speed(cable: Cable) -> None:
    async with meter(cable, 115200, telegram(), noise(1500)):
        result = await listen(cable.port, LONG)
    assert (result.verdict, result.settings) == (ProbeVerdict.FOUND, FAST)
    assert result.telegram is not None
    assert result.telegram.ident == "TST5TEST-METER"
    assert result.seen == telegram()[: len(result.seen)]
    # Somebody else may have the port now.
    await (await open_transport(cable.port, FAST)).close()


async def test_a_meter_at_another_speed_is_found_without_waiting_for_the_end_of_the_first(cable: Cable) -> None:
    async with meter(cable, 9600, even_parity(DSMR_2), noise(1500)):
        result = await listen(cable.port, LONG)
    assert (result.verdict, result.settings) == (ProbeVerdict.FOUND, SLOW)
    assert result.telegram is not None
    assert result.telegram.ident == "ISk5\\2MT382-1000"


async def test_a_telegram_joined_in_the_middle(cable: Cable) -> None:
    listening = asyncio.ensure_future(listen(cable.port, LONG))
    await asyncio.sleep(0.05)
    await cable.send(telegram(1)[150:])
    await asyncio.sleep(0.05)
    await cable.send(telegram(2))
    result = await listening
    assert (result.verdict, result.settings) == (ProbeVerdict.FOUND, FAST)
    assert result.telegram is not None
    assert result.telegram.raw.startswith(b"/TST5")


async def test_nothing_at_all(cable: Cable) -> None:
    progress: list[tuple[float, LineSettings]] = []
    result = await listen(cable.port, BRIEF, lambda share, settings: progress.append((share, settings)))
    assert result == ProbeResult(ProbeVerdict.NOTHING, None, None, b"")
    shares = [share for share, _ in progress]
    assert shares == sorted(shares)
    assert shares[0] < 0.01
    assert 0.5 < shares[-1] <= 1.0
    sign_on = LineSettings(300, 7, "E")
    assert list(dict.fromkeys(settings for _, settings in progress)) == [*BRIEF.settings, sign_on]


async def test_the_click_of_a_cable_is_nothing(cable: Cable) -> None:
    listening = asyncio.ensure_future(listen(cable.port, BRIEF))
    await asyncio.sleep(0.05)
    await cable.send(b"\x00\xff\x00")
    assert (await listening).verdict is ProbeVerdict.NOTHING


async def test_noise_under_every_setting_is_known_as_such_early(cable: Cable) -> None:
    async with meter(cable, 0, b"", noise(1500)):
        result = await listen(cable.port, LONG)
    assert (result.verdict, result.settings, result.telegram) == (ProbeVerdict.GARBAGE, FAST, None)
    assert 0 < len(result.seen) <= 512
    assert result.seen in noise(1500) * 3


async def test_little_noise_is_garbage_too(cable: Cable) -> None:
    async with meter(cable, 0, b"", noise(5)):
        assert (await listen(cable.port, BRIEF)).verdict is ProbeVerdict.GARBAGE


async def test_text_that_is_no_telegram(cable: Cable) -> None:
    async with meter(cable, 115200, b"login: login: ", noise(20)):
        result = await listen(cable.port, BRIEF)
    assert (result.verdict, result.settings, result.telegram) == (ProbeVerdict.TEXT, FAST, None)
    assert b"login: " in result.seen


async def test_telegrams_that_are_all_damaged_are_text(cable: Cable) -> None:
    async with meter(cable, 115200, damaged(), noise(20)):
        result = await listen(cable.port, BRIEF)
    assert (result.verdict, result.settings, result.telegram) == (ProbeVerdict.TEXT, FAST, None)
    assert result.rejected is not None
    assert result.rejected.reason is Reason.CRC


async def test_damaged_telegrams_at_one_speed_do_not_hide_good_ones_at_another(cable: Cable) -> None:
    async with meter(cable, 9600, telegram(), damaged()):
        result = await listen(cable.port, BRIEF)
    assert (result.verdict, result.settings) == (ProbeVerdict.FOUND, SLOW)


async def test_where_parts_were_heard_it_listens_longer(cable: Cable) -> None:
    plan = ProbePlan(listen=0.2, listen_to_silence=0.2, extension=60.0, foreign=(), timing=TIMING)
    total = 0.2 * 5 + 0.12
    over = asyncio.Event()

    def progress(share: float, _settings: LineSettings) -> None:
        if share >= 0.2 / total:
            over.set()

    listening = asyncio.ensure_future(listen(cable.port, plan, progress))
    await asyncio.sleep(0.05)
    await cable.send(telegram()[:200])
    await over.wait()
    await cable.send(telegram())
    result = await listening
    assert (result.verdict, result.settings) == (ProbeVerdict.FOUND, FAST)


async def test_while_nothing_is_heard_it_listens_longer_at_first(cable: Cable) -> None:
    plan = ProbePlan(listen=0.1, listen_to_silence=60.0, foreign=(), timing=TIMING)
    total = 60.0 + 0.1 * 4 + 0.12
    over = asyncio.Event()

    def progress(share: float, _settings: LineSettings) -> None:
        if share > 0.1 / total:
            over.set()

    listening = asyncio.ensure_future(listen(cable.port, plan, progress))
    await over.wait()
    await cable.send(telegram())
    assert ((await listening).verdict, (await listening).settings) == (ProbeVerdict.FOUND, FAST)


@pytest.mark.parametrize("frame", ENCRYPTED)
async def test_an_encrypted_meter(cable: Cable, frame: bytes) -> None:
    # The first frame is joined in the middle: it looks like noise.
    async with meter(cable, 115200, frame[40:] + frame, noise(1500)):
        result = await listen(cable.port, LONG)
    assert (result.verdict, result.settings, result.telegram) == (ProbeVerdict.ENCRYPTED, FAST, None)
    assert result.seen.startswith(b"\xdb\x08SAGtest1")


async def test_an_encrypted_meter_of_which_no_whole_frame_was_heard(cable: Cable) -> None:
    async with meter(cable, 115200, ENCRYPTED[0][:60], noise(20)):
        result = await listen(cable.port, BRIEF)
    assert (result.verdict, result.settings) == (ProbeVerdict.ENCRYPTED, FAST)
    assert result.seen.startswith(b"\xdb\x08SAGtest1")


@pytest.mark.parametrize(
    ("keys", "verdict"),
    [
        (DecryptionKeys(KEY), ProbeVerdict.FOUND),
        (DecryptionKeys(OTHER), ProbeVerdict.WRONG_KEY),
        (DecryptionKeys(KEY, OTHER), ProbeVerdict.WRONG_AUTHENTICATION_KEY),
        (None, ProbeVerdict.ENCRYPTED),
    ],
)
async def test_an_encrypted_meter_and_keys(cable: Cable, keys: DecryptionKeys | None, verdict: ProbeVerdict) -> None:
    frame = seal(telegram(7))
    async with meter(cable, 115200, frame[-50:] + frame, noise(1500)):
        result = await listen(cable.port, LONG, keys=keys)
    assert (result.verdict, result.settings, result.asked) == (verdict, FAST, False)
    if result.telegram is None:
        assert result.seen == frame[:512]
    else:
        assert result.telegram.raw == telegram(7)


async def test_one_frame_that_does_not_open_is_no_wrong_key(cable: Cable) -> None:
    listening = asyncio.ensure_future(listen(cable.port, LONG, keys=DecryptionKeys(KEY)))
    await asyncio.sleep(0.05)
    frame = seal(telegram(7))
    await cable.send(frame[:100] + b"x" + frame[101:])
    await asyncio.sleep(0.1)
    await cable.send(frame)
    assert (await listening).verdict is ProbeVerdict.FOUND


ELGAMA = b"/EGM5G35\r\n\r\n\x00\x82\x00\x71\x30" + CIPHERTEXT + b"\0\0\0\0!FE0C\r\n"


@pytest.mark.parametrize("keys", [None, DecryptionKeys(KEY)])
@pytest.mark.parametrize("frame", [seal(telegram(), control=0x20), ELGAMA])
async def test_a_meter_that_encrypts_in_a_way_that_no_key_opens(
    cable: Cable, frame: bytes, keys: DecryptionKeys | None
) -> None:
    async with meter(cable, 115200, frame, noise(1500)):
        result = await listen(cable.port, BRIEF, keys=keys)
    assert (result.verdict, result.settings) == (ProbeVerdict.UNSUPPORTED, FAST)
    assert result.rejected is not None
    assert result.rejected.hint


@pytest.mark.parametrize(
    ("message", "verdict"),
    [(hdlc(), ProbeVerdict.HDLC), (mbus(), ProbeVerdict.MBUS), (sml(), ProbeVerdict.SML)],
)
async def test_another_protocol_has_its_name_at_once(cable: Cable, message: bytes, verdict: ProbeVerdict) -> None:
    async with meter(cable, 9600, message, noise(1500)):
        result = await listen(cable.port, LONG)
    assert (result.verdict, result.settings, result.telegram) == (verdict, SLOW, None)
    # What was on its way at the speed before may stand in front.
    assert message[:8] in result.seen or result.seen in message * 9


@pytest.mark.parametrize("elsewhere", [noise(20), bytes(20)])
async def test_a_protocol_at_a_speed_of_its_own_is_named_at_the_end(cable: Cable, elsewhere: bytes) -> None:
    plan = replace(BRIEF, settings=(FAST, SLOW))
    async with meter(cable, 2400, mbus(), elsewhere):
        result = await listen(cable.port, plan)
    assert (result.verdict, result.settings) == (ProbeVerdict.MBUS, LineSettings(2400, 8, "E"))


@pytest.mark.parametrize("resync", Resync)
async def test_an_inverted_line(cable: Cable, resync: Resync) -> None:
    line = Format()
    heard = received(signal(telegram(), line, inverted=True), line, line, resync)
    async with meter(cable, 115200, heard, noise(1500)):
        result = await listen(cable.port, LONG)
    assert (result.verdict, result.settings) == (ProbeVerdict.INVERTED, FAST)


async def test_a_line_that_nobody_drives(cable: Cable) -> None:
    async with meter(cable, 115200, bytes(20), bytes(30)):
        result = await listen(cable.port, BRIEF)
    assert (result.verdict, result.settings, result.telegram) == (ProbeVerdict.NO_SIGNAL, FAST, None)


async def test_an_address_without_line_settings_is_listened_to_once() -> None:
    tried: list[LineSettings] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello, I am the gateway\r\n")
        await reader.read()
        writer.close()

    async with server(talk) as port:
        result = await listen(f"socket://127.0.0.1:{port}", BRIEF, lambda _share, settings: tried.append(settings))
    assert (result.verdict, result.seen) == (ProbeVerdict.TEXT, b"hello, I am the gateway\r\n")
    assert set(tried) == {FAST}


async def test_a_meter_behind_a_serial_server() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = SerialServer(writer)
        while data := await reader.read(1024):
            asked.hear(data)
            if (asked.baudrate, asked.bytesize, asked.parity) == (115200, 7, "E"):
                asyncio.get_running_loop().call_later(0.02, asked.say, telegram())
        writer.close()

    async with server(serve) as port:
        result = await listen(f"rfc2217://127.0.0.1:{port}", BRIEF)
    assert (result.verdict, result.settings) == (ProbeVerdict.FOUND, FAST_7E1)


async def test_a_flood_of_garbage_ends_too() -> None:
    garbage = noise(8192)

    async def rave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not writer.is_closing():
            writer.write(garbage)
            await writer.drain()

    async with server(rave) as port:
        assert (await listen(f"socket://127.0.0.1:{port}", BRIEF)).verdict is ProbeVerdict.GARBAGE


async def test_a_setting_that_the_port_refuses_is_left_out(cable: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    configure = Transport.configure

    async def picky(transport: Transport, settings: LineSettings) -> None:
        if settings == SLOW:
            raise TransportError(TransportErrorKind.NOT_A_PORT, "seven bits are not supported")
        await configure(transport, settings)

    monkeypatch.setattr(Transport, "configure", picky)
    async with meter(cable, 9600, telegram(), noise(1500)):
        result = await listen(cable.port, BRIEF)
    assert (result.verdict, result.settings) == (ProbeVerdict.FOUND, LineSettings(9600))


async def test_a_port_that_cannot_be_opened(cable: Cable) -> None:
    cable.pull()
    with pytest.raises(TransportError) as caught:
        await listen(cable.port, BRIEF)
    assert caught.value.kind is TransportErrorKind.MISSING


async def test_an_address_with_a_slip_of_the_pen() -> None:
    with pytest.raises(TransportError) as caught:
        await listen("socket://[meter:23", BRIEF)
    assert caught.value.kind is TransportErrorKind.UNKNOWN_SCHEME


async def test_a_cable_pulled_meanwhile(cable: Cable) -> None:
    listening = asyncio.ensure_future(listen(cable.port, LONG))
    await cable.send(b"?")
    await cable.taken()
    cable.pull()
    with pytest.raises(TransportError) as caught:
        await listening
    assert caught.value.kind is TransportErrorKind.LOST


async def test_a_port_lost_between_two_settings(cable: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    async def gone(_transport: Transport, _settings: LineSettings) -> None:
        raise TransportError(TransportErrorKind.LOST, "Input/output error")

    monkeypatch.setattr(Transport, "configure", gone)
    with pytest.raises(TransportError) as caught:
        await listen(cable.port, BRIEF)
    assert caught.value.kind is TransportErrorKind.LOST


# A meter that is silent until it is asked.

ASKING = replace(
    BRIEF,
    listen=0.05,
    listen_to_silence=0.05,
    timing=OpticalTiming(pace=0.015),
    # A machine with much to do must not look like a meter that gives up.
    optical=OpticalSettings(timeout=20.0),
)
SIGN_ON = LineSettings(300, 7, "E")


@asynccontextmanager
async def living(tmp_path: Path, habits: Habits, lenience: float = 1.0) -> AsyncIterator[OpticalMeter]:
    meter = OpticalMeter(tmp_path / "ttyHEAD", replace(habits, waiting=20.0), pace=0.015, lenience=lenience)
    try:
        async with running(meter.run()):
            yield meter
    finally:
        meter.close()


@pytest.mark.parametrize(
    ("habits", "speed"),
    [
        (Habits(), 9600),
        (Habits(echo=True), 9600),
        (Habits(mode=Mode.A, ident="TSTZOPTICAL"), 300),
        (Habits(mode=Mode.B, ident="TSTEOPTICAL"), 9600),
        (Habits(deaf_to=1), 9600),
        (Habits(cut=1), 9600),
    ],
)
async def test_a_meter_with_an_optical_head_is_asked(tmp_path: Path, habits: Habits, speed: int) -> None:
    shares: list[float] = []
    async with living(tmp_path, habits) as head:
        result = await listen(head.port, ASKING, lambda share, _settings: shares.append(share))
        # Somebody else may have the port now.
        await (await open_transport(head.port, FAST)).close()
    assert (result.verdict, result.settings, result.asked) == (ProbeVerdict.FOUND, SIGN_ON, True)
    assert result.telegram is not None
    assert str(result.telegram.readings["power_import"].value) == "0.512"
    assert head.heard.data_at[-1] == speed
    assert shares == sorted(shares)
    assert shares[-1] <= 1.0


async def test_a_battery_meter_is_woken_after_it_did_not_answer_otherwise(tmp_path: Path) -> None:
    async with living(tmp_path, Habits(sleeps=True)) as head:
        # Impatient: it is waited for twice.
        result = await listen(head.port, replace(ASKING, optical=OpticalSettings(timeout=2.0)))
    assert (result.verdict, result.asked, result.woken) == (ProbeVerdict.FOUND, True, True)
    sent = [message for _, message in head.heard.messages]
    assert sent[:2] == [b"/?!\r\n"] * 2
    assert set(sent[2]) == {0}


async def test_who_says_how_a_meter_is_asked_does_not_wait_until_it_was_listened_to(tmp_path: Path) -> None:
    optical = OpticalSettings(query="2", timeout=20.0, wake_up=True)
    plan = replace(ASKING, settings=(), foreign=(), listen=100.0, listen_to_silence=100.0, optical=optical)
    async with living(tmp_path, Habits(query="2", sleeps=True)) as head:
        result = await listen(head.port, plan)
    assert (result.verdict, result.settings, result.woken) == (ProbeVerdict.FOUND, SIGN_ON, True)


async def test_a_meter_that_answered_was_not_woken(tmp_path: Path) -> None:
    async with living(tmp_path, Habits()) as head:
        assert not (await listen(head.port, ASKING)).woken


async def test_a_click_does_not_keep_a_meter_from_being_asked(tmp_path: Path) -> None:
    async with living(tmp_path, Habits()) as head:
        listening = asyncio.ensure_future(listen(head.port, ASKING))
        await asyncio.sleep(0.02)
        os.write(head._master, b"\xff\x00\x80")
        result = await listening
    assert (result.verdict, result.asked) == (ProbeVerdict.FOUND, True)


async def test_a_meter_that_says_who_it_is_and_no_more(tmp_path: Path) -> None:
    async with living(tmp_path, Habits(cut=9)) as head:
        result = await listen(head.port, ASKING)
    assert (result.verdict, result.settings, result.asked) == (ProbeVerdict.TEXT, SIGN_ON, True)
    assert result.rejected is not None
    assert result.rejected.reason is Reason.TRUNCATED
    assert result.seen.startswith(b"/TST5OPTICAL\r\n")


async def test_a_meter_that_answers_in_hdlc(tmp_path: Path) -> None:
    async with living(tmp_path, Habits(ident="TST5\\2OPTICAL", hdlc=True)) as head:
        result = await listen(head.port, ASKING)
    assert (result.verdict, result.settings, result.asked) == (ProbeVerdict.HDLC, SIGN_ON, True)


async def test_a_head_that_echoes_and_sees_no_meter_is_nothing(cable: Cable) -> None:
    async def echo() -> None:
        while True:
            await cable.send(await cable.received(1))

    echoing = asyncio.create_task(echo())
    result = await listen(cable.port, BRIEF)
    echoing.cancel()
    assert (result.verdict, result.settings, result.asked) == (ProbeVerdict.NOTHING, None, False)


async def test_who_only_wants_to_listen_sends_nothing(cable: Cable) -> None:
    result = await listen(cable.port, replace(BRIEF, optical=None))
    assert result.verdict is ProbeVerdict.NOTHING
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(cable.received(1), 0.01)


async def test_a_port_that_has_no_such_speed_is_not_asked(cable: Cable, monkeypatch: pytest.MonkeyPatch) -> None:
    configure = Transport.configure

    async def picky(transport: Transport, settings: LineSettings) -> None:
        if settings.baudrate == 300:
            raise TransportError(TransportErrorKind.NOT_A_PORT, "no such speed")
        await configure(transport, settings)

    monkeypatch.setattr(Transport, "configure", picky)
    assert (await listen(cable.port, BRIEF)).verdict is ProbeVerdict.NOTHING


async def test_a_port_that_has_no_other_speed_is_asked_at_the_one_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure = Transport.configure
    asked = False

    async def picky(transport: Transport, settings: LineSettings) -> None:
        nonlocal asked
        if asked and settings.baudrate != 300:
            raise TransportError(TransportErrorKind.NOT_A_PORT, "no such speed")
        asked = asked or settings.baudrate == 300
        await configure(transport, settings)

    monkeypatch.setattr(Transport, "configure", picky)
    async with living(tmp_path, Habits(), lenience=0.0) as head:
        result = await listen(head.port, ASKING)
    assert (result.verdict, result.asked) == (ProbeVerdict.FOUND, True)
    assert head.heard.data_at[-1] == 300


async def test_a_gateway_that_answers_a_sign_on_is_found_and_one_that_hangs_up_is_silent() -> None:
    lines = b"1.8.0(000001.000*kWh)\r\n!\r\n\x03"
    check = 0
    for byte in lines:
        check ^= byte

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"/TST5GATEWAY\r\n")
        await reader.readline()
        writer.write(b"\x02" + lines + bytes([check]))
        await reader.read()
        writer.close()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async with server(answer) as port:
        result = await listen(f"socket://127.0.0.1:{port}", ASKING)
    assert (result.verdict, result.settings, result.asked) == (ProbeVerdict.FOUND, SIGN_ON, True)
    async with server(hang_up) as port:
        assert (await listen(f"socket://127.0.0.1:{port}", BRIEF)).verdict is ProbeVerdict.NOTHING


async def test_a_cable_pulled_while_it_is_asked(cable: Cable) -> None:
    plan = replace(ASKING, optical=OpticalSettings(timeout=300.0))
    listening = asyncio.ensure_future(listen(cable.port, plan))
    assert await cable.received(5) == b"/?!\r\n"
    cable.pull()
    with pytest.raises(TransportError) as caught:
        await listening
    assert caught.value.kind is TransportErrorKind.LOST


async def test_stopping_in_the_middle_of_a_read_out_frees_the_port(cable: Cable) -> None:
    before = asyncio.all_tasks()
    plan = replace(ASKING, optical=OpticalSettings(timeout=300.0))
    listening = asyncio.ensure_future(listen(cable.port, plan))
    await cable.received(5)
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening
    assert asyncio.all_tasks() == before
    await (await open_transport(cable.port, FAST)).close()
