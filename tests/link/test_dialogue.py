"""A meter with an optical head is asked for ever, on a real port whose speed really changes."""

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import logging
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from p1meter.link import (
    Dialogue,
    LineSettings,
    LinkState,
    Stream,
    TransportError,
    TransportErrorKind,
    dialogue as dialogue_module,
    open_transport,
    transport as transport_module,
)
from p1meter.meter import OpticalSettings, OpticalTiming, Reader, Reason, Rejected, Telegram
from p1meter.meter.iec62056 import ReadOut
from tests.background import running
from tests.simulation.optical import Bcc, Habits, Mode, OpticalMeter

from .line import TIMEOUT, server, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ZONE = ZoneInfo("Europe/Amsterdam")
PACE = 0.015
# As they live: what takes 20 ms could not be told apart any faster.
SLOW_PACE = 1.0
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
LONG = 3600.0
PATIENCE = 20.0
LENIENCE = 1.0


class Recorded:
    """What a dialogue said."""

    def __init__(
        self, port: str, settings: OpticalSettings, interval: float, offset: float | None, pace: float
    ) -> None:
        self.items: list[Telegram | Rejected] = []
        self.states: list[tuple[LinkState, TransportErrorKind | None]] = []
        self.wall = NOON
        self.dialogue = Dialogue(
            port,
            settings,
            Reader(zone=ZONE),
            on_items=self._on_items,
            on_state=self._on_state,
            clock=lambda: self.wall,
            interval=interval,
            offset=offset,
            timing=OpticalTiming(pace=pace),
        )

    def _on_items(self, items: list[Telegram | Rejected]) -> None:
        assert items
        self.items += items

    def _on_state(self, state: LinkState, error: TransportError | None) -> None:
        self.states.append((state, None if error is None else error.kind))

    @property
    def telegrams(self) -> list[Telegram]:
        return [item for item in self.items if isinstance(item, Telegram)]

    @property
    def reasons(self) -> list[Reason]:
        return [item.reason for item in self.items if isinstance(item, Rejected)]

    async def until_telegrams(self, count: int) -> None:
        await until(lambda: len(self.telegrams) >= count)


@asynccontextmanager
async def living(
    tmp_path: Path, habits: Habits, pace: float = PACE, lenience: float = LENIENCE
) -> AsyncIterator[OpticalMeter]:
    # A machine with much to do must not look like a meter that gives up.
    meter = OpticalMeter(tmp_path / "ttyHEAD", replace(habits, waiting=10 * PATIENCE), pace=pace, lenience=lenience)
    try:
        async with running(meter.run()):
            yield meter
    finally:
        meter.close()


@asynccontextmanager
async def asking(
    port: str,
    settings: OpticalSettings | None = None,
    interval: float = LONG,
    offset: float | None = None,
    pace: float = PACE,
) -> AsyncIterator[Recorded]:
    recorded = Recorded(port, settings or OpticalSettings(timeout=PATIENCE), interval, offset, pace)
    async with running(recorded.dialogue.run()):
        yield recorded


def patient(settings: OpticalSettings | None) -> OpticalSettings:
    return replace(settings or OpticalSettings(), timeout=PATIENCE)


async def read_once(
    tmp_path: Path, habits: Habits, settings: OpticalSettings | None = None
) -> tuple[OpticalMeter, Recorded]:
    async with living(tmp_path, habits) as meter, asking(meter.port, patient(settings)) as recorded:
        await recorded.until_telegrams(1)
        return meter, recorded


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialogue_module, "_RETRY_DELAYS", (0.01, 0.02))


def test_a_failed_read_out_starts_again_within_five_seconds_and_a_lost_port_is_found_within_five() -> None:
    assert dialogue_module.PAUSE + OpticalTiming().settle < 5.0


def good(recorded: Recorded) -> None:
    """The values are those that the meter sent, whatever it took."""
    telegram = recorded.telegrams[-1]
    assert telegram.ident[4:] == "OPTICAL"
    assert str(telegram.readings["power_import"].value) == "0.512"
    assert [groups for code, groups in telegram.objects if str(code) == "1.8.1"] == [("000123.456*kWh",)]
    assert telegram.received_at is not None
    assert telegram.received_at.wall == recorded.wall


async def test_mode_c_is_read_at_the_speed_that_the_meter_proposes(tmp_path: Path) -> None:
    async with living(tmp_path, Habits()) as meter, asking(meter.port) as recorded:
        await recorded.until_telegrams(1)
        assert meter.speed == 9600
    good(recorded)
    assert recorded.telegrams[0].checksum
    assert meter.heard.messages == [(300, b"/?!\r\n"), (300, b"\x06050\r\n")]
    assert meter.heard.data_at == [9600]
    assert recorded.states == [(LinkState.CONNECTING, None), (LinkState.CONNECTED, None)]
    assert recorded.dialogue.duration is not None
    assert recorded.dialogue.foreign is None
    assert recorded.reasons == []


@pytest.mark.parametrize(
    ("habits", "settings", "speeds"),
    [
        (Habits(mode=Mode.A, ident="TSTZOPTICAL"), OpticalSettings(), [300]),
        (Habits(mode=Mode.B, ident="TSTEOPTICAL"), OpticalSettings(), [9600]),
        (Habits(mode=Mode.B, ident="TSTCOPTICAL"), OpticalSettings(max_baud=600), [2400]),
        (Habits(ident="TST0OPTICAL"), OpticalSettings(), [300]),
        (Habits(ident="TST6OPTICAL"), OpticalSettings(), [19200]),
        (Habits(), OpticalSettings(max_baud=2400), [2400]),
        (Habits(), OpticalSettings(max_baud=300), [300]),
        (Habits(echo=True), OpticalSettings(), [9600]),
        (Habits(echo=True, damaged=1), OpticalSettings(), [9600, 9600]),
        (Habits(parity=True, echo=True), OpticalSettings(), [9600]),
        (Habits(padding=b"\x7f\0\x7f"), OpticalSettings(), [9600]),
        (Habits(address="12345678"), OpticalSettings(address="0012345678"), [9600]),
        (Habits(query="2"), OpticalSettings(query="2"), [9600]),
        (Habits(sleeps=True, echo=True), OpticalSettings(wake_up=True), [9600]),
        (Habits(refuses=3), OpticalSettings(), [9600]),
        (Habits(damaged=3), OpticalSettings(), [9600] * 4),
        (Habits(bcc=Bcc.NONE), OpticalSettings(), [9600]),
    ],
)
async def test_each_kind_of_meter_is_read_at_the_first_attempt(
    tmp_path: Path, habits: Habits, settings: OpticalSettings, speeds: list[int]
) -> None:
    checked = habits.bcc is Bcc.GOOD
    meter, recorded = await read_once(tmp_path, habits, settings)
    good(recorded)
    assert recorded.telegrams[0].checksum is checked
    assert recorded.reasons == []
    assert meter.heard.data_at == speeds
    assert meter.heard.overlapping == 0


async def test_a_quick_meter_answers_when_the_port_has_just_changed_its_speed(tmp_path: Path) -> None:
    async with (
        living(tmp_path, Habits(ident="TSt5OPTICAL"), SLOW_PACE, 0.0) as meter,
        asking(meter.port, pace=SLOW_PACE) as recorded,
    ):
        await recorded.until_telegrams(1)
    good(recorded)
    assert meter.heard.data_at == [9600]


async def test_mode_d_is_listened_to(tmp_path: Path) -> None:
    items: list[Telegram | Rejected] = []
    async with living(tmp_path, Habits(mode=Mode.D, ident="TST3OPTICAL")) as meter:
        stream = Stream(
            meter.port,
            LineSettings(2400, 7, "E"),
            Reader(zone=ZONE),
            on_items=items.extend,
            on_state=lambda _state, _error: None,
        )
        async with running(stream.run()):
            await until(lambda: sum(isinstance(item, Telegram) for item in items) > 1)
        assert meter.speed == 2400
    assert meter.heard.messages == []


async def test_a_meter_that_ignores_the_agreed_speed_is_read_and_not_asked_for_it_for_ever(tmp_path: Path) -> None:
    async with (
        living(tmp_path, Habits(ignores_rate=True, reaction=0.8), lenience=0.0) as meter,
        asking(meter.port, interval=0.05) as recorded,
    ):
        await recorded.until_telegrams(3)
    good(recorded)
    assert recorded.reasons == []
    acknowledged = [message for _, message in meter.heard.messages if message[:1] == b"\x06"]
    # Twice its first block was lost while the port listened at 9600; then 300 is what is asked for.
    assert acknowledged[:3] == [b"\x06050\r\n", b"\x06050\r\n", b"\x06000\r\n"]
    assert meter.heard.data_at[:5] == [300] * 5


@pytest.mark.parametrize(
    ("habits", "settings", "reason"),
    [
        (Habits(address="1", sleeps=True), OpticalSettings(address="2", wake_up=True), Reason.TIMEOUT),
        (Habits(damaged=99), OpticalSettings(timeout=PATIENCE), Reason.CRC),
        (Habits(cut=99), OpticalSettings(), Reason.TRUNCATED),
        (Habits(bcc=Bcc.NONE), OpticalSettings(needs_bcc=True), Reason.TRUNCATED),
    ],
)
async def test_what_is_not_whole_is_never_a_telegram_and_is_asked_for_four_times(
    tmp_path: Path, habits: Habits, settings: OpticalSettings, reason: Reason
) -> None:
    async with living(tmp_path, habits) as meter, asking(meter.port, settings) as recorded:
        await until(lambda: len(recorded.items) == 4)
        await asyncio.sleep(0.1)
    assert recorded.reasons == [reason] * 4
    assert recorded.dialogue.duration is None


async def test_hdlc_is_said_once_and_not_tried_again(tmp_path: Path) -> None:
    async with (
        living(tmp_path, Habits(ident="TST5\\2OPTICAL", hdlc=True)) as meter,
        asking(meter.port) as recorded,
    ):
        await until(lambda: recorded.items)
        await asyncio.sleep(0.1)
    assert recorded.reasons == [Reason.UNSUPPORTED]
    assert "HDLC" in next(item.hint for item in recorded.items if isinstance(item, Rejected))


async def test_a_failed_dialogue_starts_again_from_the_sign_on(tmp_path: Path) -> None:
    meter, recorded = await read_once(tmp_path, Habits(deaf_to=1, refuses=1, cut=1))
    good(recorded)
    assert recorded.reasons == [Reason.TIMEOUT, Reason.TRUNCATED]
    assert [speed for speed, message in meter.heard.messages if message == b"/?!\r\n"] == [300] * 4


async def test_a_meter_that_has_sent_a_block_check_must_always_send_it(tmp_path: Path) -> None:
    async with living(tmp_path, Habits()) as meter, asking(meter.port, interval=0.05) as recorded:
        await recorded.until_telegrams(1)
        meter.habits.bcc = Bcc.NONE
        await until(lambda: Reason.TRUNCATED in recorded.reasons)
    assert all(telegram.checksum for telegram in recorded.telegrams)


async def test_read_outs_never_overlap_and_ticks_that_fall_into_one_are_counted_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with living(tmp_path, Habits()) as meter, asking(meter.port, interval=0.02) as recorded:
        await recorded.until_telegrams(3)
        assert recorded.dialogue.skipped > 0
        assert recorded.dialogue.interval > 0.02
    assert recorded.dialogue.duration is not None
    assert recorded.dialogue.duration > 0.02
    assert meter.heard.overlapping == 0
    assert [message for _, message in meter.heard.messages][:4] == [b"/?!\r\n", b"\x06050\r\n"] * 2
    assert sum("takes longer" in record.message for record in caplog.records) == 1


async def test_where_there_is_time_enough_nothing_is_left_out(tmp_path: Path) -> None:
    async with living(tmp_path, Habits()) as meter, asking(meter.port, interval=0.3) as recorded:
        await recorded.until_telegrams(2)
    assert recorded.dialogue.skipped == 0
    assert recorded.dialogue.interval == 0.3


async def test_a_person_does_not_wait_for_the_next_tick(tmp_path: Path) -> None:
    async with living(tmp_path, Habits()) as meter, asking(meter.port) as recorded:
        await until(lambda: meter.heard.messages)
        # This one is on its way.
        recorded.dialogue.ask_now()
        await recorded.until_telegrams(1)
        await asyncio.sleep(0.1)
        assert len(recorded.telegrams) == 1
        recorded.dialogue.ask_now()
        await recorded.until_telegrams(2)
    # One before its tick leaves none out.
    assert recorded.dialogue.skipped == 0
    assert recorded.dialogue.interval == LONG


async def test_the_ticks_can_be_tied_to_the_minute(tmp_path: Path) -> None:
    async with living(tmp_path, Habits()) as meter, asking(meter.port, interval=60.0, offset=30.0) as recorded:
        # The clock stands at the full minute: the tick is half a minute away.
        await asyncio.sleep(0.2)
        assert recorded.states == [(LinkState.CONNECTING, None)]
    assert recorded.dialogue._until_tick() == 30.0
    recorded.wall = NOON + timedelta(seconds=29.9)
    async with running(recorded.dialogue.run()):
        await until(lambda: len(recorded.states) > 1)
    assert meter.heard.messages == []
    recorded.wall = NOON + timedelta(seconds=31)
    assert recorded.dialogue._until_tick() == 59.0


async def test_ticks_that_are_tied_to_the_minute_come_again_and_again(tmp_path: Path) -> None:
    # The clock stands at a tick, so the next one is an interval away.
    async with living(tmp_path, Habits()) as meter, asking(meter.port, interval=0.1, offset=0.0) as recorded:
        await recorded.until_telegrams(2)


async def test_between_two_read_outs_the_port_is_free(tmp_path: Path) -> None:
    async with living(tmp_path, Habits()) as meter, asking(meter.port) as recorded:
        await recorded.until_telegrams(1)
        async with asyncio.timeout(TIMEOUT):
            while True:
                with contextlib.suppress(TransportError):
                    await (await open_transport(meter.port, LineSettings())).close()
                    break
                await asyncio.sleep(0.01)


async def test_a_port_that_is_not_there_yet_and_goes_away_again(tmp_path: Path) -> None:
    async with asking(str(tmp_path / "ttyHEAD"), interval=0.05) as recorded:
        await until(lambda: recorded.states[-1:] == [(LinkState.LOST, TransportErrorKind.MISSING)])
        async with living(tmp_path, Habits()):
            await recorded.until_telegrams(1)
        await until(lambda: recorded.states[-1:] == [(LinkState.LOST, TransportErrorKind.MISSING)])
        # What was away left out no tick; what came back is asked at once.
        async with living(tmp_path, Habits()):
            count = len(recorded.telegrams)
            await recorded.until_telegrams(count + 1)
    good(recorded)


async def test_a_gateway_keeps_its_speed() -> None:
    heard: list[bytes] = []
    lines = b"1.8.0(000001.000*kWh)\r\n!\r\n\x03"
    check = 0
    for byte in lines:
        check ^= byte

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The first time it does not hear.
        heard.extend([await reader.readline(), await reader.readline()])
        writer.write(b"/TST5GATEWAY\r\n")
        heard.append(await reader.readline())
        writer.write(b"\x02" + lines + bytes([check]))

    async with server(talk) as port, asking(f"socket://127.0.0.1:{port}") as recorded:
        await recorded.until_telegrams(1)
    assert heard == [b"/?!\r\n", b"/?!\r\n", b"\x06000\r\n"]


async def test_an_adapter_that_cannot_switch_stays_at_the_start_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure = transport_module.Transport.configure

    async def refuse(self: transport_module.Transport, settings: LineSettings) -> None:
        if settings.baudrate != 300:
            raise TransportError(TransportErrorKind.NOT_A_PORT, "no such speed")
        await configure(self, settings)

    monkeypatch.setattr(transport_module.Transport, "configure", refuse)
    async with living(tmp_path, Habits(), lenience=0.0) as meter, asking(meter.port) as recorded:
        await recorded.until_telegrams(1)
    good(recorded)
    assert meter.heard.data_at[-1] == 300
    assert meter.heard.messages[-1] == (300, b"\x06000\r\n")


async def test_a_port_lost_while_switching_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure = transport_module.Transport.configure
    losses = 1

    async def lose(self: transport_module.Transport, settings: LineSettings) -> None:
        nonlocal losses
        losses -= 1
        if losses >= 0:
            raise TransportError(TransportErrorKind.LOST, "pulled")
        await configure(self, settings)

    monkeypatch.setattr(transport_module.Transport, "configure", lose)
    async with living(tmp_path, Habits(), lenience=0.0) as meter, asking(meter.port) as recorded:
        await recorded.until_telegrams(1)
    assert (LinkState.LOST, TransportErrorKind.LOST) in recorded.states
    good(recorded)


@pytest.mark.parametrize("padding", [b"\x00" * 512, b"\r\n" * 256])
async def test_a_port_that_never_stops_saying_nothing_is_given_up(padding: bytes) -> None:
    async def pad(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(padding)
                await writer.drain()
                await asyncio.sleep(0)

    listening = await asyncio.start_server(pad, "127.0.0.1", 0)
    async with listening:
        url = f"socket://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        transport = await open_transport(url, LineSettings(300, 7, "E"))
        try:
            read_out = ReadOut(OpticalSettings(max_baud=300), OpticalTiming(pace=PACE))
            async with asyncio.timeout(TIMEOUT):
                outcome = await dialogue_module.converse(transport, url, read_out, 300)
        finally:
            await transport.close()
    assert isinstance(outcome, Rejected)
    assert outcome.reason is Reason.TIMEOUT
