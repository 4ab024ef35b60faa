"""Composed telegrams: one for each form that a real telegram has, with what it says.

They are ours: invented ids and values, so they run everywhere. Their checksums are computed here, bit by bit, and what
is expected of them was worked out on paper.
"""

from datetime import datetime
from decimal import Decimal
import re
from typing import TYPE_CHECKING, NamedTuple

from tests.simulation.checksum import crc16

if TYPE_CHECKING:
    from collections.abc import Mapping

    from p1meter.meter import Reading


class Twin(NamedTuple):
    """One composed telegram and what it says.

    `profile` is name, country and version; `time` ISO 8601 or None; `rows` as `check` reads them.
    """

    name: str
    raw: bytes
    profile: tuple[str, str | None, str | None]
    time: str | None
    rows: str
    country: str | None = None


def telegram(ident: str, *lines: str, checksum: bool = True, style: str = "04X") -> bytes:
    """A P1 telegram, with its checksum or with a bare `!`."""
    text = "\r\n".join((f"/{ident}", "", *lines, "!")).encode("latin-1")
    return text + (f"{crc16(text):{style}}".encode() if checksum else b"") + b"\r\n"


def block(ident: str, *lines: str) -> bytes:
    """An IEC 62056-21 read-out: ident, then STX, data, ETX and the block check character."""
    data = "\r\n".join((*lines, "!", "")).encode("latin-1") + b"\x03"
    check_character = 0
    for octet in data:
        check_character ^= octet
    return f"/{ident}\r\n".encode() + b"\x02" + data + bytes([check_character])


def in_hexadecimal(text: str) -> str:
    return text.encode().hex().upper()


def check(readings: Mapping[str, Reading], row: str) -> None:
    """Compare readings with one expectation.

    `key=number unit @capture` without the blanks (`-` is no value), `key~text`, `key#count`, `key@time`, and `!key` for
    what must not be there.
    """
    if row.startswith("!"):
        assert row[1:] not in readings
        return
    found = re.fullmatch(r"([\w:]+)([=~#@])(.*)", row)
    assert found is not None, row
    key, kind, expected = found.groups()
    reading = readings[key]
    assert reading.key == key.rpartition(":")[2]
    assert reading.channel == (int(key.partition(":")[0]) if ":" in key else None)
    if kind == "~":
        assert reading.value == expected
    elif kind == "#":
        assert reading.value == int(expected)
    elif kind == "@":
        assert isinstance(reading.value, datetime)
        assert reading.value.isoformat() == expected
    else:
        number, _, at = expected.partition("@")
        parts = re.fullmatch(r"(-?\d[\d.]*|-)(.*)", number)
        assert parts is not None, row
        assert reading.value == (None if parts[1] == "-" else Decimal(parts[1]))
        assert reading.unit == (parts[2] or None)
        assert (reading.at.isoformat() if reading.at else "") == at


_DUTCH = (
    "1-0:1.8.1(000123.456*kWh)",
    "1-0:1.8.2(000200.544*kWh)",
    "1-0:2.8.1(000010.500*kWh)",
    "1-0:2.8.2(000020.250*kWh)",
    "0-0:96.14.0(0002)",
    "1-0:1.7.0(00.000*kW)",
    "1-0:2.7.0(01.250*kW)",
)
_OLD_DUTCH = (
    f"0-0:96.1.1({in_hexadecimal('ZTEST001234567812')})",
    "1-0:1.8.1(00123.456*kWh)",
    "1-0:1.8.2(00200.544*kWh)",
    "1-0:2.8.1(00010.500*kWh)",
    "1-0:2.8.2(00020.250*kWh)",
    "0-0:96.14.0(0001)",
    "1-0:1.7.0(0000.45*kW)",
    "1-0:2.7.0(0000.00*kW)",
)
_BELGIAN_PEAKS = (
    ("230701000000S", "230604101500S", "02.000"),
    ("230801000000S", "230731200000S", "02.100"),
    ("230901000000S", "230812224500S", "02.200"),
    ("231001000000S", "230911210000S", "02.300"),
    ("231101000000W", "231003220000S", "02.400"),
    ("231201000000W", "231126213000W", "03.600"),
    ("240101000000W", "231224193000W", "04.800"),
    ("240201000000W", "632525252525W", "00.000"),
    ("240301000000W", "240229204500W", "05.900"),
    ("240401000000S", "240306193000W", "03.500"),
    ("240501000000S", "240414201500S", "03.700"),
    ("240601000000S", "240525111500S", "02.700"),
    ("240701000000S", "240618191500S", "03.800"),
)
_PEAK_LIST = "".join(f"({closed})({at})({peak}*kW)" for closed, at, peak in _BELGIAN_PEAKS)
_HUNGARIAN = (
    "1-0:1.8.0(000300.000*kWh)",
    "1-0:1.8.1(000100.000*kWh)",
    "1-0:1.8.2(000200.000*kWh)",
    "1-0:2.8.0(000050.000*kWh)",
    "1-0:15.8.0(000350.000*kWh)",
    "1-0:13.7.0(0.950)",
    "1-0:33.7.0(4.556)",
    "1-0:14.7.0(49.99*Hz)",
    "1-0:1.7.0(00.250*kW)",
    "1-0:2.7.0(00.100*kW)",
    "1-0:31.4.0(032*A)",
    "1-0:51.4.0(025*A)",
    "1-0:71.4.0(025*A)",
)
_CLOSING = (
    "0-0:98.1.0(240601000000S)(000240.000*kWh)(000090.000*kWh)(000150.000*kWh)(000040.000*kWh)(000030.000*kWh)"
    "(000010.000*kWh)(000001.000*kvarh)(000002.000*kvarh)(000003.000*kvarh)(000004.000*kvarh)(000005.000*kvarh)"
    "(000006.000*kvarh)(000280.000*kWh)(05.500*kW)(05.500*kW)(04.400*kW)(03.300*kW)(02.200*kW)(03.300*kW)"
)

TWINS = (
    Twin(
        "DSMR 2.2: no checksum, gas on two lines, a stamp without a letter in summer",
        telegram(
            "XMX5XMXTEST000012345",
            *_OLD_DUTCH,
            "0-0:17.0.0(0999.00*kW)",
            "0-0:96.3.10(2)",
            "0-0:96.13.1()",
            "0-0:96.13.0()",
            f"0-1:96.1.0({in_hexadecimal('28000000000000012')})",
            "0-1:24.1.0(03)",
            "0-1:24.3.0(240701140000)(00)(60)(1)(0-1:24.2.0)(m3)",
            "(00456.789)",
            "0-1:24.4.0(2)",
            checksum=False,
        ),
        ("nl2", "NL", "2.2/3"),
        None,
        "equipment_id~ZTEST001234567812 import_tariff_1=123.456kWh import_tariff_2=200.544kWh import_total=324.000kWh"
        " export_total=30.750kWh tariff~low power_import=0.45kW power=450W limiter_threshold=999.00kW"
        " breaker_state~ready_for_reconnection message=- message_code=- 1:gas=456.789m3@2024-07-01T14:00:00+02:00"
        " 1:last_measured@2024-07-01T14:00:00+02:00 1:equipment_id~28000000000000012 1:device_type~03"
        " 1:valve_state~released !telegram_time !dsmr_version !power_l1",
    ),
    Twin(
        "DSMR 2.2: the gas value joined to its line by a proxy, limiter in A with all nines",
        telegram(
            "KMP5 TEST001234567812",
            *_OLD_DUTCH,
            "0-0:17.0.0(999*A)",
            "0-2:24.1.0(3)",
            "0-2:96.1.0(000000000000)",
            "0-2:24.3.0(240115100000)(00)(00)(1)(0-2:24.2.1)(m3)(00007.001)",
            checksum=False,
        ),
        ("nl2", "NL", "2.2/3"),
        None,
        "limiter_threshold=-A 2:gas=7.001m3@2024-01-15T10:00:00+01:00 2:equipment_id=-",
    ),
    Twin(
        "DSMR 3: heat and cold of one meter on two channels, and a message in hexadecimal",
        telegram(
            "ISk5\\2MTTEST",
            *_OLD_DUTCH,
            f"0-0:96.13.1({in_hexadecimal('01-61-81')})",
            f"0-0:96.13.0({in_hexadecimal('Storing:café')})",
            "0-3:24.1.0(12)",
            "0-3:96.1.0(3030303030303031)",
            "0-3:24.3.0(240115100000)(00)(60)(1)(0-3:24.2.1)(GJ)",
            "(00012.345)",
            "0-4:24.1.0(10)",
            "0-4:24.3.1(240115100000)(00)(60)(1)(0-4:24.2.1)(GJ)",
            "(00001.500)",
            checksum=False,
        ),
        ("nl2", "NL", "2.2/3"),
        None,
        "message_code~01-61-81 message~Storing:café 3:heat=12.345GJ@2024-01-15T10:00:00+01:00 3:equipment_id~00000001"
        " 4:cooling=1.500GJ@2024-01-15T10:00:00+01:00",
    ),
    Twin(
        "DSMR 4.2: an impossible failure beside a real one, ids of zeros, limiter all nines",
        telegram(
            "KFM5TEST-METER",
            "1-3:0.2.8(42)",
            "0-0:1.0.0(240701120000S)",
            "0-0:96.1.1(0000000000000000000000000000000000)",
            *_DUTCH,
            "0-0:17.0.0(999.9*kW)",
            "0-0:96.3.10(1)",
            "0-0:96.7.21(00013)",
            "0-0:96.7.9(00007)",
            "1-0:99.97.0(4)(0-0:96.7.19)(000104180320W)(0000237126*s)(180226203438W)(0000952147*s)(211201030814W)"
            "(0000758635*s)(220102000003W)(2317482647*s)",
            "1-0:21.7.0(00.000*kW)",
            "1-0:22.7.0(01.250*kW)",
            "1-0:31.7.0(005*A)",
            "0-1:24.1.0(003)",
            "0-1:96.1.0(0000000000000000000000000000000000)",
            "0-1:24.2.1(240701120000S)(00473.789*m3)",
            "0-2:24.1.0(003)",
            "0-2:96.1.0()",
        ),
        ("nl4", "NL", "4.2"),
        "2024-07-01T12:00:00+02:00",
        "equipment_id=- dsmr_version~42 tariff~normal power=-1250W power_l1=-1250W limiter_threshold=-kW"
        " breaker_state~connected power_failures#13 power_failures_long#7 last_power_failure@2021-12-01T03:08:14+01:00"
        " 1:gas=473.789m3@2024-07-01T12:00:00+02:00 1:equipment_id=- !2:equipment_id !2:device_type",
    ),
    Twin(
        "DSMR 5: a replaced gas meter, channels never read, a log without units and dates, heat under the type of gas",
        telegram(
            "Ene5\\TEST ESMR 5.0",
            "1-3:0.2.8(50)",
            "0-0:1.0.0(240701120005S)",
            f"0-0:96.1.1({in_hexadecimal('E0099000000000124')})",
            *_DUTCH,
            "1-0:99.97.0(2)(0-0:96.7.19)(000000000000S)(23)(000000000000W)(00000000)",
            "1-0:32.32.0(00002)",
            "1-0:32.7.0(0230.1*V)",
            "1-0:31.7.0(001*A)",
            "1-0:21.7.0(00.070*kW)",
            "1-0:22.7.0(00.000*kW)",
            "1-0:41.7.0(00.000*kW)",
            "1-0:42.7.0(01.320*kW)",
            "0-0:96.13.0()",
            "0-1:24.1.0(003)",
            "0-1:96.1.0()",
            "0-1:24.2.1(700101010000W)(00000000)",
            "0-2:24.1.0(003)",
            f"0-2:96.1.0({in_hexadecimal('G0099000000000224')})",
            "0-2:24.2.1(240701115959S)(00246.138*m3)",
            "0-3:24.1.0(003)",
            f"0-3:96.1.0({in_hexadecimal('H0099000000000324')})",
            "0-3:24.2.1(240701115500S)(00031.177*GJ)",
            "0-4:24.1.0()",
            "0-4:96.1.0()",
            "0-4:24.2.1(000101000000W)(00000000.0000)",
            "0-5:24.1.0(007)",
            "0-5:96.1.0()",
            "0-5:24.2.1(632525252525S)(00000.000)",
        ),
        ("nl5", "NL", "5.0"),
        "2024-07-01T12:00:05+02:00",
        "equipment_id~E0099000000000124 last_power_failure=- power=-1250W power_l1=70W power_l2=-1320W !power_l3"
        " voltage_l1=230.1V voltage_sags_l1#2 current_l1=1A !1:gas !1:device_type"
        " 2:gas=246.138m3@2024-07-01T11:59:59+02:00 2:equipment_id~G0099000000000224"
        " 3:heat=31.177GJ@2024-07-01T11:55:00+02:00 !4:mbus !4:gas !5:water",
    ),
    Twin(
        "the same, with a clock that was never set",
        telegram("MCS50000000000001", "1-3:0.2.8(50)", "0-0:1.0.0(000000000000W)", *_DUTCH, "1-0:99.97.0()"),
        ("nl5", "NL", "5.0"),
        None,
        "telegram_time=- last_power_failure=- import_total=324.000kWh",
    ),
    Twin(
        "WarmteLink: heat and nothing else, the time under another code, the checksum in lower case",
        telegram(
            "NWA-WARMTETEST",
            "1-3:0.2.8(50)",
            "0-0:1.1.0(240319144324W)",
            "0-1:24.1.0(012)",
            f"0-1:96.1.0({in_hexadecimal('0000TST2')})",
            "0-1:24.2.1(240319144300W)(31.177*GJ)",
            "0-1:24.2.2(240319144300W)(412.5*m3)",
            style="04x",
        ),
        ("generic", None, "5.0"),
        "2024-03-19T14:43:24+01:00",
        "telegram_time@2024-03-19T14:43:24+01:00 1:heat=31.177GJ@2024-03-19T14:43:00+01:00"
        " 1:heat_volume=412.5m3@2024-03-19T14:43:00+01:00 1:equipment_id~0000TST2 !equipment_id !power",
    ),
    Twin(
        "eMUCS 2.1: 13 months of peaks across both clock changes, relays, EAN codes, gas and water",
        telegram(
            "FLU5\\253000001_A",
            "0-0:96.1.4(50221)",
            "1-0:94.32.1(400)",
            f"0-0:96.1.1({in_hexadecimal('1TST0000000001')})",
            f"0-0:96.1.2({in_hexadecimal('541400000000000001')})",
            "0-0:1.0.0(240708200500S)",
            *_DUTCH,
            "1-0:1.4.0(02.351*kW)",
            "1-0:1.6.0(240707191500S)(01.811*kW)",
            f"0-0:98.1.0(13)(1-0:1.6.0)(1-0:1.6.0){_PEAK_LIST}",
            "0-0:96.3.10(2)",
            "0-0:17.0.0(99.999*kW)",
            "1-0:31.4.0(999.99*A)",
            "0-1:96.3.10(0)",
            "0-2:96.3.10(1)",
            "0-0:96.13.0()",
            "0-1:24.1.0(003)",
            f"0-1:96.1.1({in_hexadecimal('7TST0000000002')})",
            f"0-1:96.1.2({in_hexadecimal('541400000000000002')})",
            "0-1:24.4.0(1)",
            "0-1:24.2.3(240708200459S)(08538.167*m3)",
            "0-2:24.1.0(007)",
            f"0-2:96.1.1({in_hexadecimal('8TST0000000003')})",
            "0-2:24.2.3(240708200000S)(00872.234*m3)",
        ),
        ("be", "BE", "50221"),
        "2024-07-08T20:05:00+02:00",
        # (2.1+2.2+2.3+2.4+3.6+4.8+5.9+3.5+3.7+2.7+3.8) / 11: January has no peak, June of last year is the thirteenth
        "dsmr_version~50221 grid_configuration~400 ean~541400000000000001 tariff~night demand_current=2.351kW"
        " demand_month_peak=1.811kW@2024-07-07T19:15:00+02:00 demand_month_peak_time@2024-07-07T19:15:00+02:00"
        " demand_last_month_peak=3.800kW@2024-06-18T19:15:00+02:00 demand_average_12m=3.364kW"
        " breaker_state~ready_for_reconnection limiter_threshold=-kW fuse_threshold=-A relay_1~off relay_2~on"
        " 1:gas=8538.167m3@2024-07-08T20:04:59+02:00 1:ean~541400000000000002 1:valve_state~open"
        " 2:water=872.234m3@2024-07-08T20:00:00+02:00 !relay_3",
    ),
    Twin(
        "eMUCS 1.5: units without star, a gas meter that was never read",
        telegram(
            "FLU5\\253000002_A",
            "0-0:96.1.4(50215)",
            "0-0:96.1.1(A234567890123456789012345678)",
            "0-0:1.0.0(240227144933W)",
            "1-0:1.8.1(001247.747kWh)",
            "1-0:1.8.2(002330.879kWh)",
            "0-0:96.14.0(0001)",
            "1-0:1.7.0(00.500kW)",
            "1-0:2.7.0(00.000kW)",
            "1-0:32.7.0(234.5V)",
            "1-0:31.7.0(000.19A)",
            "0-0:17.0.0(999.9kW)",
            "1-0:31.4.0(999A)",
            "0-1:24.1.0(003)",
            "0-1:96.1.1(1234567890123456789012345678)",
            "0-1:24.4.0(0)",
            "0-1:24.2.3(632525252525W)(00000.000)",
        ),
        ("be", "BE", "50215"),
        "2024-02-27T14:49:33+01:00",
        "equipment_id~A234567890123456789012345678 import_tariff_1=1247.747kWh import_total=3578.626kWh tariff~day"
        " power=500W voltage_l1=234.5V current_l1=0.19A limiter_threshold=-kW fuse_threshold=-A !1:gas !1:valve_state",
    ),
    Twin(
        "eMUCS 1.7: the list of peaks is still empty, the identification lies about the version",
        telegram(
            "FLU5\\253000003_A",
            "0-0:96.1.4(12345)",
            "0-0:1.0.0(240227144933W)",
            *_DUTCH,
            "0-0:98.1.0(0)(1-0:1.6.0)(1-0:1.6.0)()",
        ),
        ("be", "BE", None),
        "2024-02-27T14:49:33+01:00",
        "demand_last_month_peak=- demand_average_12m=- !dsmr_version",
    ),
    Twin(
        "Belgium, Iskra IE.5: no version, a plain serial number, a stamp without a letter",
        telegram(
            "ISk5\\2MIE5T-999",
            "1-0:0.0.0(00000000)",
            "0-0:96.1.0(63355730)",
            "0-0:1.0.0(240702132747)",
            *_DUTCH,
            "1-0:52.7.0(000.0*V)",
            "0-0:96.3.10(0)",
            "0-1:96.1.1()",
        ),
        ("be-ie", "BE", None),
        "2024-07-02T13:27:47+02:00",
        "equipment_id~63355730 tariff~night voltage_l2=0.0V breaker_state~disconnected import_total=324.000kWh"
        " !1:equipment_id",
    ),
    Twin(
        "Luxembourg: totals only, limit in kVA, two limits in one line, ghost channels",
        telegram(
            "Lux5\\253000004_D",
            "1-3:0.2.8(42)",
            "0-0:1.0.0(240130102122W)",
            f"0-0:42.0.0({in_hexadecimal('TST0000000000001')})",
            "1-0:1.8.0(000025.653*kWh)",
            "1-0:2.8.0(000000.040*kWh)",
            "1-0:3.8.0(000000.835*kvarh)",
            "1-0:4.8.0(000063.781*kvarh)",
            "1-0:1.7.0(00.005*kW)",
            "1-0:2.7.0(00.000*kW)",
            "1-0:3.7.0(00.007)",
            "0-0:17.0.0(069.0*kVA)",
            "1-0:9.7.0(00.021*kVA)",
            "1-1:31.4.0(100*A)(-063*A)",
            "0-0:96.3.10(1)",
            "0-1:96.3.10(0)",
            "0-0:96.13.0()",
            f"0-0:96.13.2({in_hexadecimal('Hello')})",
            "0-1:24.1.0(003)",
            f"0-1:96.1.0({in_hexadecimal('TST00000000002')})",
            "0-1:24.2.1(240130100000W)(00012.006*m3)",
            "0-2:24.1.0(007)",
            "0-2:96.1.0()",
            "0-2:24.2.1(632525252525S)(00000.000)",
            "0-2:24.4.0(1)",
        ),
        ("lu", "LU", "4.2"),
        "2024-01-30T10:21:22+01:00",
        "equipment_id~TST0000000000001 import_total=25.653kWh export_total=0.040kWh reactive_import_total=0.835kvarh"
        " reactive_export_total=63.781kvarh power=5W reactive_power_import=0.007 limiter_threshold=69.0kVA"
        " apparent_power_import=0.021kVA fuse_threshold=100A fuse_threshold_export=63A relay_1~off message=-"
        " message_2~Hello 1:gas=12.006m3@2024-01-30T10:00:00+01:00 !2:water !2:valve_state !logical_device_name"
        " !tariff",
    ),
    Twin(
        "Sweden: totals only, kVArh in capitals, winter time in summer",
        telegram(
            "TST9 6534",
            "0-0:1.0.0(240701214520W)",
            "1-0:1.8.0(00006619.795*kWh)",
            "1-0:2.8.0(00000001.000*kWh)",
            "1-0:3.8.0(00003137.803*kVArh)",
            "1-0:1.7.0(0000.345*kW)",
            "1-0:2.7.0(0000.000*kW)",
            "1-0:4.7.0(0000.132*kVAr)",
            "1-0:43.7.0(0000.046*kVAr)",
            "1-0:31.7.0(000.3*A)",
        ),
        ("h1", "SE", None),
        "2024-07-01T21:45:20+01:00",
        "import_total=6619.795kWh export_total=1.000kWh reactive_import_total=3137.803kvarh power=345W"
        " reactive_power_export=0.132kvar reactive_power_import_l2=0.046kvar current_l1=0.3A !equipment_id !tariff",
    ),
    Twin(
        "Finland: the same telegram, two hours from UTC",
        telegram("KAM5", "0-0:1.0.0(240701214520S)", "1-0:1.8.0(00000003.997*kWh)", "1-0:2.8.0(00000000.000*kWh)"),
        ("h1", "FI", None),
        "2024-07-01T21:45:20+03:00",
        "import_total=3.997kWh",
        "FI",
    ),
    Twin(
        "Denmark: a stamp without a valid date",
        telegram("KAM5", "0-0:1.0.0(250000000000W)", "1-0:1.8.0(00000003.997*kWh)", "1-0:2.8.0(00000000.000*kWh)"),
        ("h1", "DK", None),
        None,
        "telegram_time=- import_total=3.997kWh",
        "DK",
    ),
    Twin(
        "Hungary: a message of 0xFF under a valid checksum, closing values, power factors that are none",
        telegram(
            "AUX50000000001",
            "0-0:1.0.0(240617171430S)",
            "0-0:42.0.0(AUX1000000000001)",
            "0-0:96.1.0(9903100001)",
            "0-0:96.14.0(0000)",
            "0-0:96.50.68(ON)",
            "0-0:17.0.0(90.000*kW)",
            *_HUNGARIAN,
            _CLOSING,
            f"0-0:96.13.0({'ÿ' * 1024})",
        ),
        ("hu", "HU", None),
        "2024-06-17T17:14:30+02:00",
        "equipment_id~9903100001 logical_device_name~AUX1000000000001 tariff~none breaker_state~connected"
        " limiter_threshold=90.000kW import_total=300.000kWh energy_combined=350.000kWh power_factor=0.950"
        " power_factor_l1=- frequency=49.99Hz power=150W fuse_threshold_l1=32A fuse_threshold_l2=25A"
        " fuse_threshold_l3=25A !fuse_threshold message=- last_month_import_total=240.000kWh@2024-06-01T00:00:00+02:00"
        " last_month_export_tariff_2=10.000kWh@2024-06-01T00:00:00+02:00"
        " last_month_reactive_q4=6.000kvarh@2024-06-01T00:00:00+02:00"
        " last_month_demand_import_tariff_2=4.400kW@2024-06-01T00:00:00+02:00"
        " last_month_demand_export_tariff_1=2.200kW@2024-06-01T00:00:00+02:00 !demand_last_month_peak",
    ),
    Twin(
        "Hungary, Holley: a stroke in the identification, reactive export under the code of a tariff",
        telegram(
            "HLY5/D000-METER",
            "1-3:0.2.8(50)",
            "0-0:1.0.0(240617171430S)",
            f"0-0:42.0.0({in_hexadecimal('HLY1000000000001')})",
            f"0-0:96.1.0({in_hexadecimal('200000000000001')})",
            "0-0:96.14.0(0003)",
            "0-0:96.3.10(1)",
            *_HUNGARIAN,
            "1-0:4.8.1(000012.000*kvarh)",
        ),
        ("hu", "HU", "5.0"),
        "2024-06-17T17:14:30+02:00",
        "equipment_id~200000000000001 logical_device_name~HLY1000000000001 tariff~tariff_3"
        " reactive_export_total=12.000kvarh !reactive_export_tariff_1",
    ),
    Twin(
        "Lithuania: four tariffs and their total, two hours from UTC, a negative power factor, an id at the end",
        telegram(
            "ESO5\\TEST",
            "0-0:1.0.0(240214101855W)",
            "1-0:1.8.0(000360.152*kWh)",
            "1-0:1.8.1(000232.998*kWh)",
            "1-0:1.8.2(000081.859*kWh)",
            "1-0:1.8.3(000009.963*kWh)",
            "1-0:1.8.4(000035.332*kWh)",
            "1-0:3.8.0(000014.422*kVarh)",
            "1-0:1.7.0(00.000*kW)",
            "1-0:2.7.0(00.024*kW)",
            "1-0:32.24.0(231.5*V)",
            "1-0:13.7.0(-1.000)",
            "1-0:0.2.0(1.22)",
            "1-1:0.2.0(3.44)",
            "1-0:0.2.8(0A1B)",
            f"0-0:96.13.0({in_hexadecimal('std_1ph')})",
            f"0-0:96.1.1({in_hexadecimal('80000000000000000000000000000001')})",
        ),
        ("lt", "LT", None),
        "2024-02-14T10:18:55+02:00",
        "equipment_id~80000000000000000000000000000001 import_total=360.152kWh import_tariff_3=9.963kWh"
        " reactive_import_total=14.422kvarh power=-24W voltage_avg_l1=231.5V power_factor=-1.000 firmware_version~1.22"
        " firmware_version_2~3.44 firmware_signature~0A1B message~std_1ph !tariff",
    ),
    Twin(
        "Switzerland: energy on the electricity channel 1, the id under 0-0:0.0.0, a blank EAN, a list of nothing",
        telegram(
            "GRE5\\253000005_A",
            f"0-0:0.0.0({in_hexadecimal('TST0000000000005')})",
            "0-0:96.1.4(12345)",
            f"0-0:96.1.2({'20' * 18})",
            "0-0:1.0.0(240701120000S)",
            "1-1:1.8.1(000025.600*kWh)",
            "1-1:1.8.2(000010.400*kWh)",
            "1-1:2.8.1(000001.000*kWh)",
            "1-1:2.8.2(000002.000*kWh)",
            "0-0:96.14.0(0002)",
            "1-1:1.7.0(00.044*kW)",
            "1-1:2.7.0(00.000*kW)",
            "1-1:1.6.0(240630181500S)(01.500*kW)",
            "1-1:32.7.0(231.0*V)",
            "0-0:98.1.0(12)",
            "1-0:99.97.0(1)(0-0:96.7.19)(240604151822S)(0005564711*s)",
        ),
        ("ch", "CH", None),
        "2024-07-01T12:00:00+02:00",
        "equipment_id~TST0000000000005 ean=- import_tariff_1=25.600kWh import_total=36.000kWh export_total=3.000kWh"
        " tariff~tariff_2 power=44W demand_month_peak=1.500kW@2024-06-30T18:15:00+02:00 voltage_l1=231.0V"
        " last_power_failure@2024-06-04T15:18:22+02:00 !dsmr_version !demand_last_month_peak",
    ),
    Twin(
        "Austria: Wh and W, no decimals",
        telegram(
            "EST5\\253000006_A",
            "1-3:0.2.8(50)",
            "0-0:1.0.0(240902215713S)",
            "1-0:1.8.0(000326641*Wh)",
            "1-0:1.8.1(000230515*Wh)",
            "1-0:1.8.2(000096126*Wh)",
            "1-0:1.7.0(000000621*W)",
            "1-0:2.8.0(000004998*Wh)",
            "1-0:2.7.0(000001000*W)",
            "1-0:3.8.1(000001954*varh)",
            "1-0:3.7.0(000000012*var)",
        ),
        ("at", "AT", "5.0"),
        "2024-09-02T21:57:13+02:00",
        "import_total=326641Wh import_tariff_1=230515Wh power_import=621W power=-379W reactive_power_import=12var"
        " reactive_import_tariff_1=1954varh",
    ),
    Twin(
        "Slovenia: no checksum, date and time as two objects",
        telegram(
            "ISK9\\2MTEST-200",
            "0-0:96.1.0(96815399)",
            "0-0:97.97.0(00000000)",
            "1-0:0.9.1(222553)",
            "1-0:0.9.2(241002)",
            "1-0:1.8.0(000317.695*kWh)",
            "1-0:1.8.1(000162.246*kWh)",
            "1-0:1.8.2(000155.449*kWh)",
            "1-0:1.7.0(02.356*kW)",
            "1-0:2.7.0(00.000*kW)",
            "1-0:32.7.0(00234.6*V)",
            checksum=False,
        ),
        ("si", "SI", None),
        "2024-10-02T22:25:53+02:00",
        "equipment_id~96815399 meter_error~00000000 telegram_time@2024-10-02T22:25:53+02:00 import_total=317.695kWh"
        " power=2356W voltage_l1=234.6V",
    ),
    Twin(
        "Germany, Q3D: a two-way meter that exports, seven decimals, a gateway's lines after the end",
        telegram(
            "ESY5Q3DA1024 V3.99",
            "1-0:0.0.0*255(111940299)",
            "1-0:1.8.0*255(00000000.7801269*kWh)",
            "1-0:2.8.0*255(00007041.2292533*kWh)",
            "1-0:21.7.255*255(-000073.69*W)",
            "1-0:41.7.255*255(000012.00*W)",
            "1-0:1.7.255*255(-000061.69*W)",
            "1-0:96.5.5*255(A2)",
            "0-0:96.1.255*255(1ESY1127000199)",
            checksum=False,
        )
        + b"  25803103\r\n\xff\xff\xff\r\n",
        ("d0", "DE", None),
        None,
        "equipment_id~1ESY1127000199 import_total=0.7801269kWh export_total=7041.2292533kWh power_import=-61.69W"
        " power=-61.69W power_l1=-73.69W power_l2=12.00W power_import_l1=-73.69W power_import_l2=12.00W !power_export"
        " meter_status~A2",
        "DE",
    ),
    Twin(
        "a pushing meter with one tariff: no sum of one",
        telegram("EMH5----eHZ-TEST", "1-0:0.0.0*255(1-1)", "1-0:1.8.1*255(032942.0231)", checksum=False),
        ("d0", None, None),
        None,
        "equipment_id~1-1 import_tariff_1=32942.0231 !import_total",
    ),
    Twin(
        "ACE4000: hours of gas that are not in order, without a channel",
        telegram(
            "ACE5TEST",
            "0-0:96.1.0*255(1234567890123456)",
            "1-0:1.8.0*255(012345.074*kWh)",
            "1-0:1.8.1*255(012345.074*kWh)",
            "0-0:96.14.0*255(01)",
            "1-0:15.7.0*255(000123*W)",
            "0-3:96.1.0*255(12345678         )",
            "7-0:23.1.0*255(01240.560*m3)(19-01-01 12:00:00)",
            "7-0:23.1.0*255(01240.690*m3)(19-01-01 13:00:00)",
            "7-0:23.1.0*255(01237.560*m3)(18-12-31 14:00:00)",
            "7-0:24.4.0*255(0)",
            checksum=False,
        ),
        ("generic", None, None),
        None,
        "equipment_id~1234567890123456 import_total=12345.074kWh tariff~tariff_1 power_absolute=123W"
        " 0:gas=1240.690m3@2019-01-01T13:00:00+01:00 0:valve_state~closed !power !3:equipment_id",
    ),
    Twin(
        "an optical read-out: codes without medium, history, several objects in a line, net power",
        block(
            "LGZ4TEST.M27",
            "F.F(00)",
            "0.0(        18438699)",
            "C.1.0(18438699)",
            "C.1.1(        )",
            "1.8.1(000010.000*kWh)1.8.2(000219.251*kWh)",
            "1.8.0(000229.251*kWh)",
            "1.8.0*01(000100.000*kWh)",
            "1.8.0&02(000050.000*kWh)",
            "1.6.0(02.468*kW)(2403100930)",
            "1.6.0*01(09.999*kW)(2402102000)",
            "0.1.0(33)",
            "0.1.2(0000)",
            "0.1.3(240301)",
            "C.7.0(0004)",
            "C.6.0(0123*h)",
            "C.3.1(00110000)",
            "32.7(233*V)",
            "16.7(-001.66*kW)",
            "36.7(000.50*kW)",
            "0.2.0(01.01.28)",
            "0.2.0(02.02.13)",
            "C.5.0(1420)",
        ),
        ("iec", None, None),
        None,
        "equipment_id~18438699 meter_error~00 import_tariff_1=10.000kWh import_tariff_2=219.251kWh"
        " import_total=229.251kWh demand_month_peak=2.468kW@2024-03-10T09:30:00+01:00"
        " demand_month_peak_time@2024-03-10T09:30:00+01:00 reset_counter#33 last_reset@2024-03-01T00:00:00+01:00"
        " power_failures#4 battery_hours=123h io_state_1~00110000 voltage_l1=233V power=-1.66kW power_l1=0.50kW"
        " firmware_version~01.01.28 meter_status~1420",
    ),
    Twin(
        "an optical read-out with a season digit, and the last reset as one stamp",
        block(
            "ISk5TEST-0001",
            "1-0:0.9.1*255(201455)",
            "1-0:0.9.2*255(1240718)",
            "0-0:C.1.0*255(63355799)",
            "1-0:0.1.2*255(2407010000)",
            "1-0:1.8.0*255(0008048.375*kWh)",
            "0-0:F.F.0*255(0000000)",
        ),
        ("iec", None, None),
        "2024-07-18T20:14:55+02:00",
        "equipment_id~63355799 last_reset@2024-07-01T00:00:00+02:00 import_total=8048.375kWh meter_error~0000000",
    ),
    Twin(
        "a heat meter: energy, volume, hours, two temperatures in one value",
        block(
            "SIETEST",
            "6.8(0029.055*MWh)6.26(01589.28*m3)9.21(00010299)6.26*01(01563.92*m3)6.8*01(0028.086*MWh)F(0)",
            "6.6(0017.2*kW)6.33(001.476*m3ph)9.4(088*C&082*C)6.31(0030710*h)6.32(0000194*h)6.8.1()6.8.1*01()",
            "9.36(2024-01-18&01:36:47)9.24(0.6*m3ph)0.0(00010299)",
        ),
        ("iec", None, None),
        "2024-01-18T01:36:47+01:00",
        "0:heat=29.055MWh 0:heat_volume=1589.28m3 0:heat_power_max=17.2kW 0:heat_flow_max=1.476m3/h"
        " 0:heat_supply_temperature_max=88°C 0:heat_return_temperature_max=82°C 0:operating_hours=30710h"
        " 0:fault_hours=194h 0:heat_tariff_1=- 0:heat_flow_nominal=0.6m3/h meter_error~0 0:equipment_id~00010299"
        " !reactive_q2 !equipment_id",
    ),
)
