"""The composed telegrams have the form of the documents, line for line."""

from datetime import UTC, datetime
import re

from cryptography.hazmat.primitives.ciphers import Cipher as RawCipher, algorithms, modes
import pytest

from tests.simulation.checksum import crc16
from tests.simulation.cipher import Cipher
from tests.simulation.household import ZONE, Household, Peak, Registers
from tests.simulation.objects import stamp
from tests.simulation.telegrams import SYSTEMS

# A Friday evening at 21:17:08: dark, and the tariffs of the two countries differ.
EVENING = datetime(2026, 11, 20, 21, 17, 8, tzinfo=ZONE)

STAMP = r"\(\d{12}[SW]\)"
ENERGY = r"\(\d{6}\.\d{3}\*kWh\)"
POWER = r"\(\d\d\.\d{3}\*kW\)"
VOLTAGE = r"\(2[23]\d\.\d\*V\)"
COUNT = r"\(\d{5}\)"
IDENTITY = r"\((?:3\d|4[1-9A-F]|5[0-9A])+\)"  # digits and capitals, in hexadecimal
VOLUME = r"\(\d{5}\.\d{3}\*m3\)"
FAILURE = rf"\(1\)\(0-0:96\.7\.19\){STAMP}\(0000000187\*s\)"
PEAK = rf"{STAMP}{STAMP}{POWER}"

# Each system's objects in the order of its documents, and the form of each. What is sent in other countries is tested
# by reading it (tests/meter/test_systems.py).
LINES = {
    "nl2": [
        ("0-0:96.1.1", IDENTITY),
        *((f"1-0:{code}", r"\(\d{5}\.\d{3}\*kWh\)") for code in ("1.8.1", "1.8.2", "2.8.1", "2.8.2")),
        ("0-0:96.14.0", r"\(000[12]\)"),
        *((f"1-0:{code}", r"\(\d{4}\.\d\d\*kW\)") for code in ("1.7.0", "2.7.0")),
        ("0-0:17.0.0", r"\(\d{4}\.\d\d\*kW\)"),
        ("0-0:96.3.10", r"\(1\)"),
        ("0-0:96.13.1", r"\(\)"),
        ("0-0:96.13.0", r"\(\)"),
        ("0-1:24.1.0", r"\(3\)"),
        ("0-1:96.1.0", IDENTITY),
        ("0-1:24.3.0", r"\(\d{8}0000\)\(00\)\(60\)\(1\)\(0-1:24\.2\.1\)\(m3\)"),
        ("", r"\(\d{5}\.\d{3}\)"),
        ("0-1:24.4.0", r"\(1\)"),
    ],
    "nl4": [
        ("1-3:0.2.8", r"\(42\)"),
        ("0-0:1.0.0", STAMP),
        ("0-0:96.1.1", IDENTITY),
        *((f"1-0:{code}", ENERGY) for code in ("1.8.1", "1.8.2", "2.8.1", "2.8.2")),
        ("0-0:96.14.0", r"\(000[12]\)"),
        *((f"1-0:{code}", POWER) for code in ("1.7.0", "2.7.0")),
        ("0-0:96.7.21", COUNT),
        ("0-0:96.7.9", COUNT),
        ("1-0:99.97.0", FAILURE),
        *((f"1-0:{code}", COUNT) for code in ("32.32.0", "52.32.0", "72.32.0", "32.36.0", "52.36.0", "72.36.0")),
        ("0-0:96.13.1", r"\(\)"),
        ("0-0:96.13.0", r"\(\)"),
        *((f"1-0:{code}", r"\(\d{3}\*A\)") for code in ("31.7.0", "51.7.0", "71.7.0")),
        *((f"1-0:{code}", POWER) for code in ("21.7.0", "22.7.0", "41.7.0", "42.7.0", "61.7.0", "62.7.0")),
        ("0-1:24.1.0", r"\(003\)"),
        ("0-1:96.1.0", IDENTITY),
        ("0-1:24.2.1", rf"\(\d{{8}}0000[SW]\){VOLUME}"),
    ],
    "nl5": [
        ("1-3:0.2.8", r"\(50\)"),
        ("0-0:1.0.0", STAMP),
        ("0-0:96.1.1", IDENTITY),
        *((f"1-0:{code}", ENERGY) for code in ("1.8.1", "1.8.2", "2.8.1", "2.8.2")),
        ("0-0:96.14.0", r"\(000[12]\)"),
        *((f"1-0:{code}", POWER) for code in ("1.7.0", "2.7.0")),
        ("0-0:96.7.21", COUNT),
        ("0-0:96.7.9", COUNT),
        ("1-0:99.97.0", FAILURE),
        *((f"1-0:{code}", COUNT) for code in ("32.32.0", "52.32.0", "72.32.0", "32.36.0", "52.36.0", "72.36.0")),
        ("0-0:96.13.0", r"\(\)"),
        *((f"1-0:{code}", VOLTAGE) for code in ("32.7.0", "52.7.0", "72.7.0")),
        *((f"1-0:{code}", r"\(\d{3}\*A\)") for code in ("31.7.0", "51.7.0", "71.7.0")),
        *((f"1-0:{code}", POWER) for code in ("21.7.0", "41.7.0", "61.7.0", "22.7.0", "42.7.0", "62.7.0")),
        ("0-1:24.1.0", r"\(003\)"),
        ("0-1:96.1.0", IDENTITY),
        ("0-1:24.2.1", rf"\(\d{{9}}[05]00[SW]\){VOLUME}"),
    ],
    "be": [
        ("0-0:96.1.4", r"\(50217\)"),
        ("0-0:96.1.1", IDENTITY),
        ("0-0:1.0.0", STAMP),
        *((f"1-0:{code}", ENERGY) for code in ("1.8.1", "1.8.2", "2.8.1", "2.8.2")),
        ("1-0:1.4.0", POWER),
        ("1-0:1.6.0", rf"{STAMP}{POWER}"),
        ("0-0:98.1.0", rf"\(13\)\(1-0:1\.6\.0\)\(1-0:1\.6\.0\)(?:{PEAK}){{13}}"),
        ("0-0:96.14.0", r"\(000[12]\)"),
        *((f"1-0:{code}", POWER) for code in ("1.7.0", "2.7.0")),
        *((f"1-0:{code}", POWER) for code in ("21.7.0", "41.7.0", "61.7.0", "22.7.0", "42.7.0", "62.7.0")),
        *((f"1-0:{code}", VOLTAGE) for code in ("32.7.0", "52.7.0", "72.7.0")),
        *((f"1-0:{code}", r"\(\d{3}\.\d\d\*A\)") for code in ("31.7.0", "51.7.0", "71.7.0")),
        ("0-0:96.3.10", r"\(1\)"),
        ("0-0:17.0.0", r"\(\d{3}\.\d\*kW\)"),
        ("1-0:31.4.0", r"\(\d{3}\*A\)"),
        ("0-0:96.13.0", r"\(\)"),
        ("0-1:24.1.0", r"\(003\)"),
        ("0-1:96.1.1", IDENTITY),
        ("0-1:24.4.0", r"\(1\)"),
        ("0-1:24.2.3", rf"\(\d{{9}}[05]00[SW]\){VOLUME}"),
        ("0-2:24.1.0", r"\(007\)"),
        ("0-2:96.1.1", IDENTITY),
        ("0-2:24.2.1", rf"\(\d{{8}}(?:00|15|30|45)00[SW]\){VOLUME}"),
    ],
}


def compose(system: str, household: Household | None = None) -> bytes:
    return SYSTEMS[system].compose(household or Household(start=EVENING, system=system))


def lines_of(telegram: bytes) -> list[str]:
    return telegram.decode("ascii").split("\r\n")[2:-2]


@pytest.mark.parametrize("system", LINES)
def test_every_line_is_there_and_has_its_form(system: str) -> None:
    lines = lines_of(compose(system))
    assert len(lines) == len(LINES[system])
    for line, (code, form) in zip(lines, LINES[system], strict=True):
        assert re.fullmatch(re.escape(code) + form, line), line


WITHOUT_CHECKSUM = {"nl2", "si", "d0"}
ENCRYPTED = {"lu-encrypted", "at-encrypted"}


@pytest.mark.parametrize("system", sorted(SYSTEMS.keys() - ENCRYPTED))
def test_the_frame(system: str) -> None:
    telegram = compose(system)
    assert re.match(rb"/[A-Za-z]{3}[59\d]?[^\r\n]{1,16}\r\n\r\n", telegram)
    body, mark, end = telegram.rpartition(b"!")
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert end == (b"\r\n" if system in WITHOUT_CHECKSUM else b"%04X\r\n" % crc16(body + mark))
    assert telegram.isascii()


@pytest.mark.parametrize("system", sorted(ENCRYPTED))
def test_the_encrypted_frame(system: str) -> None:
    household = Household(start=EVENING, system=system)
    plain = SYSTEMS[system.partition("-")[0]].compose(household)
    frame = compose(system, household)
    title = b"SAGsim01" if system.startswith("lu") else b"SAGsim02"
    # What follows the length: security control, counter, as many bytes as there were, and twelve of the tag.
    length = 1 + 4 + len(plain) + 12
    assert frame.startswith(b"\xdb\x08" + title + b"\x82" + length.to_bytes(2) + b"\x30")
    assert len(frame) == 13 + length
    counter = int.from_bytes(frame[14:18])
    household.step(10)
    assert int.from_bytes(compose(system, household)[14:18]) == counter + 1


def test_the_cipher_is_the_one_of_the_document() -> None:
    # GCM adds the counter mode of AES on the block that begins with title and counter, from 2 on.
    key, title = bytes(range(16)), b"SAGtest1"
    blocks = algorithms.AES(key)
    stream = modes.CTR(title + (1).to_bytes(4) + (2).to_bytes(4))
    encryptor = RawCipher(blocks, stream).encryptor()
    frame = Cipher(title, key, bytes(16)).seal(b"/Lux5!\r\n", 1)
    assert frame[18:26] == encryptor.update(b"/Lux5!\r\n")


def test_a_known_household_as_nl5() -> None:
    household = Household(start=EVENING, system="nl5")
    household.now = datetime(2026, 7, 1, 10, 4, 59, tzinfo=UTC)  # 12:04:59 in summer time
    household.tariff = 2
    household._import = [0, 1_234_567 * 3_600 + 3_599, 42 * 3_600]  # Ws: the last, unfinished Wh is not shown
    household._export = [0, 0, 98_765_432 * 3_600]
    household.phases = (2_300, -1_150, 7)
    lines = lines_of(compose("nl5", household))
    for expected in (
        "0-0:1.0.0(260701120459S)",
        "1-0:1.8.1(001234.567*kWh)",
        "1-0:1.8.2(000000.042*kWh)",
        "1-0:2.8.1(000000.000*kWh)",
        "1-0:2.8.2(098765.432*kWh)",
        "0-0:96.14.0(0002)",
        "1-0:1.7.0(01.157*kW)",  # 2300 - 1150 + 7
        "1-0:2.7.0(00.000*kW)",
        "1-0:99.97.0(1)(0-0:96.7.19)(230614142317S)(0000000187*s)",
        "1-0:21.7.0(02.300*kW)",
        "1-0:41.7.0(00.000*kW)",
        "1-0:61.7.0(00.007*kW)",
        "1-0:22.7.0(00.000*kW)",
        "1-0:42.7.0(01.150*kW)",
        "1-0:62.7.0(00.000*kW)",
    ):
        assert expected in lines
    gas = next(line for line in lines if line.startswith("0-1:24.2.1"))
    assert gas.startswith("0-1:24.2.1(260701120000S)(")  # read at the last full five minutes
    volts = [float(line[11:16]) for line in lines if re.match(r"1-0:[357]2\.7\.0", line)]
    amperes = [int(line[11:14]) for line in lines if re.match(r"1-0:[357]1\.7\.0", line)]
    assert amperes == [int(watts / volt) for watts, volt in zip((2_300, 1_150, 7), volts, strict=True)]
    assert volts[0] < volts[1]  # what is drawn pulls the voltage down, what is given back lifts it


def test_a_known_household_as_nl2() -> None:
    household = Household(start=EVENING, system="nl2")
    household._import = [0, 1_234_567 * 3_600, 42 * 3_600]
    household.phases = (-1_999, 0, 0)
    lines = lines_of(compose("nl2", household))
    assert "1-0:1.8.1(01234.567*kWh)" in lines
    assert "1-0:1.7.0(0000.00*kW)" in lines
    assert "1-0:2.7.0(0001.99*kW)" in lines  # in steps of 10 W
    assert "0-1:24.3.0(261120210000)(00)(60)(1)(0-1:24.2.1)(m3)" in lines


def test_a_known_household_as_be() -> None:
    household = Household(start=EVENING, system="be")
    household._quarter = 900 * 2_351
    household.month_peak = Peak(datetime(2026, 11, 9, 13, 45, tzinfo=ZONE), 2_589)
    household.month_peaks = [
        Peak(datetime(2026, 9, 30, 18, 15, tzinfo=ZONE), 4_318),
        Peak(datetime(2026, 10, 3, 0, 0, tzinfo=ZONE), 5_980),
    ]
    lines = lines_of(compose("be", household))
    assert "1-0:1.4.0(02.351*kW)" in lines
    assert "1-0:1.6.0(261109134500W)(02.589*kW)" in lines
    assert (
        "0-0:98.1.0(2)(1-0:1.6.0)(1-0:1.6.0)"
        "(261001000000S)(260930181500S)(04.318*kW)"  # each with the first moment of the month after it
        "(261101000000W)(261003000000S)(05.980*kW)"
    ) in lines
    assert "0-0:96.14.0(0001)" in lines  # day: until 22 h in Belgium
    assert "0-0:96.14.0(0002)" in lines_of(compose("nl5"))  # normal: until 23 h in the Netherlands


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), "260329015959W"),
        (datetime(2026, 3, 29, 1, 0, 0, tzinfo=UTC), "260329030000S"),
        (datetime(2026, 10, 25, 0, 30, 0, tzinfo=UTC), "261025023000S"),
        (datetime(2026, 10, 25, 1, 30, 0, tzinfo=UTC), "261025023000W"),
    ],
)
def test_stamps_tell_summer_from_winter_time(moment: datetime, expected: str) -> None:
    assert stamp(moment) == expected


@pytest.mark.parametrize(
    ("system", "read", "later"),
    [("nl2", "07:00", 1_800), ("nl4", "07:00", 1_800), ("nl5", "07:10", 150), ("be", "07:10", 150)],
)
def test_the_gas_is_what_the_meter_had_counted_at_its_stamp(system: str, read: str, later: int) -> None:
    household = Household(start=datetime.fromisoformat(f"2026-11-20 {read}").replace(tzinfo=ZONE), system=system)
    counted = household.registers.gas
    household.step(later)
    assert household.registers.gas > counted
    assert f"({counted // 1_000_000:05d}.{counted // 1_000 % 1_000:03d}" in compose(system, household).decode()


def test_the_display_cuts_off_what_is_not_finished() -> None:
    readings = Registers(3_600_000, 3_599, 7_199, 0, 1_999, 123_456_789).readings()
    assert {name: str(value) for name, value in readings.items()} == {
        "import_tariff_1": "1",
        "import_tariff_2": "0",
        "export_tariff_1": "0.001",
        "export_tariff_2": "0",
        "gas": "0.001",
        "water": "123.456",
    }
