"""The door of the room: bytes in, telegrams out."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from p1meter.meter import DecryptionKeys, Reader, Reason, ReceivedAt, Rejected, Telegram

from .composing import KEY, NL2, block, checked, nl5, with_parity
from .test_cipher import TEXT, VECTOR

AT = ReceivedAt(17.5, datetime(2026, 11, 21, 1, 10, 4, tzinfo=UTC))
LATER = ReceivedAt(18.5, datetime(2026, 11, 21, 1, 10, 5, tzinfo=UTC))


def test_telegrams_and_what_was_refused_come_in_the_order_of_the_stream() -> None:
    first, refused, second = Reader().feed(nl5(1) + b"noise" + nl5(2))
    assert isinstance(first, Telegram)
    assert isinstance(second, Telegram)
    assert (first.raw, second.raw) == (nl5(1), nl5(2))
    assert first.ident == "XMX5LGF0012345678"
    assert first.readings["import_tariff_1"].value == Decimal("4179.186")
    assert isinstance(refused, Rejected)
    assert (refused.reason, refused.data) == (Reason.GARBAGE, b"noise")


def test_a_telegram_knows_when_its_last_byte_was_received() -> None:
    reader = Reader()
    assert reader.feed(nl5()[:100], AT) == []
    (telegram,) = reader.feed(nl5()[100:], LATER)
    assert isinstance(telegram, Telegram)
    assert telegram.received_at == LATER
    (telegram,) = reader.feed(nl5())
    assert isinstance(telegram, Telegram)
    assert telegram.received_at is None


def test_closing_refuses_what_is_left() -> None:
    reader = Reader()
    assert reader.feed(nl5()[:100]) == []
    (refused,) = reader.close()
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.TIMEOUT
    assert refused.hint
    assert reader.close() == []
    assert len(reader.feed(nl5())) == 1


def test_times_without_an_offset_are_local_where_the_reader_is() -> None:
    for zone, hour in ((ZoneInfo("Europe/Amsterdam"), 14), (ZoneInfo("Europe/Helsinki"), 13)):
        (telegram,) = Reader(zone=zone).feed(NL2)
        assert isinstance(telegram, Telegram)
        # 15:00 on a November day.
        assert telegram.readings["1:gas"].at == datetime(2026, 11, 6, hour, tzinfo=UTC)
    (telegram,) = Reader().feed(NL2)
    assert isinstance(telegram, Telegram)
    assert telegram.readings["1:gas"].at == datetime(2026, 11, 6, 14, tzinfo=UTC)


def test_the_country_decides_what_the_telegram_leaves_open() -> None:
    telegram = checked("""/KAM5

0-0:1.0.0(240203144940W)
1-0:1.8.0(00004996.909*kWh)
1-0:2.8.0(00000000.000*kWh)
!""")
    for country in ("SE", "DK"):
        (item,) = Reader(country=country).feed(telegram)
        assert isinstance(item, Telegram)
        assert item.profile.country == country


def test_an_optical_meter_is_the_same_however_its_block_was_received() -> None:
    """Behind a server in the network seven bits may come as eight, and STX may be lost."""
    sent = block("/TST5METER", "1-0:1.8.0(001234.500*kWh)\n1-0:1.7.0(00.500*kW)\n!\n")
    for received in (sent, with_parity(sent), sent.replace(b"\x02", b"")):
        (found,) = Reader().feed(received)
        assert isinstance(found, Telegram)
        assert found.profile.name == "iec"
        # One register counts both ways, so it is the net power.
        assert found.readings["power"].value == 500


def test_keys_open_what_is_encrypted() -> None:
    (telegram,) = Reader(DecryptionKeys(KEY)).feed(VECTOR)
    assert isinstance(telegram, Telegram)
    assert telegram.raw == TEXT
    assert telegram.readings["import_total"].value == Decimal("25.653")
    (refused,) = Reader().feed(VECTOR)
    assert isinstance(refused, Rejected)
    assert refused.reason is Reason.CIPHER
