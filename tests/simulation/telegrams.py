"""What the household's meter sends, by system: composed from the public documents, sharing nothing with the reader.

Adding a system is one function that lists its lines, and one row in `SYSTEMS`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from . import abroad
from .checksum import crc16
from .cipher import Cipher
from .household import ZONE, Household
from .objects import (
    both_ways,
    failures,
    fixed,
    gas_reading,
    hexadecimal,
    hundredths_of_amperes,
    power_of_phases,
    stamp,
    two_tariffs,
    voltages,
    water_reading,
    whole_amperes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class System:
    """A kind of meter: how its line is set, how often it talks, and what it says."""

    name: str
    ident: str
    baudrate: int
    framing: str  # as people write it: 8N1
    interval: int  # seconds from telegram to telegram
    lines: Callable[[Household], Iterator[str]]
    checksum: bool = True
    cipher: Cipher | None = None

    def compose(self, household: Household) -> bytes:
        """Make what is on the line at this moment: from ``/`` to the line end after the ``!``, or that encrypted."""
        lines = "".join(f"{line}\r\n" for line in self.lines(household))
        body = f"/{self.ident}\r\n\r\n{lines}!".encode("ascii")
        telegram = body + (b"%04X\r\n" % crc16(body) if self.checksum else b"\r\n")
        if self.cipher is None:
            return telegram
        # The counter goes on from frame to frame, also after a new start.
        return self.cipher.seal(telegram, int(household.now.timestamp()) // self.interval)


def _nl2(household: Household) -> Iterator[str]:
    """DSMR 2.2: no clock, no phases, 10 W steps, and the gas of the last full hour on two lines."""
    yield f"0-0:96.1.1({hexadecimal('ZBBD004512398112')})"
    yield from two_tariffs(household, 5)
    yield f"0-0:96.14.0({household.tariff:04d})"
    for code, watts in (("1.7.0", household.power), ("2.7.0", -household.power)):
        tens = max(watts, 0) // 10
        yield f"1-0:{code}({tens // 100:04d}.{tens % 100:02d}*kW)"
    yield "0-0:17.0.0(0017.25*kW)"
    yield "0-0:96.3.10(1)"
    yield "0-0:96.13.1()"
    yield "0-0:96.13.0()"
    yield "0-1:24.1.0(3)"
    yield f"0-1:96.1.0({hexadecimal('2810151300412912')})"
    at, gas = gas_reading(household, 3_600)
    yield f"0-1:24.3.0({at[:-1]})(00)(60)(1)(0-1:24.2.1)(m3)"
    yield f"({gas})"
    yield "0-1:24.4.0(1)"


def _nl4(household: Household) -> Iterator[str]:
    """DSMR 4.2: currents in whole amperes, no voltages, gas by the hour."""
    yield "1-3:0.2.8(42)"
    yield f"0-0:1.0.0({stamp(household.now)})"
    yield f"0-0:96.1.1({hexadecimal('E0026000024711216')})"
    yield from two_tariffs(household, 6)
    yield f"0-0:96.14.0({household.tariff:04d})"
    yield from both_ways("1.7.0", "2.7.0", household.power)
    yield from failures()
    yield "0-0:96.13.1()"
    yield "0-0:96.13.0()"
    yield from whole_amperes(household)
    for phase, watts in zip((20, 40, 60), household.phases, strict=True):
        yield from both_ways(f"{phase + 1}.7.0", f"{phase + 2}.7.0", watts)
    at, gas = gas_reading(household, 3_600)
    yield "0-1:24.1.0(003)"
    yield f"0-1:96.1.0({hexadecimal('G0016561021441216')})"
    yield f"0-1:24.2.1({at})({gas}*m3)"


def _nl5(household: Household) -> Iterator[str]:
    """DSMR 5.0.2 P1 §6.12: every second, voltages, gas every five minutes."""
    yield "1-3:0.2.8(50)"
    yield f"0-0:1.0.0({stamp(household.now)})"
    yield f"0-0:96.1.1({hexadecimal('E0047000071238923')})"
    yield from two_tariffs(household, 6)
    yield f"0-0:96.14.0({household.tariff:04d})"
    yield from both_ways("1.7.0", "2.7.0", household.power)
    yield from failures()
    yield "0-0:96.13.0()"
    yield from voltages(household)
    yield from whole_amperes(household)
    yield from power_of_phases(household)
    at, gas = gas_reading(household, 300)
    yield "0-1:24.1.0(003)"
    yield f"0-1:96.1.0({hexadecimal('G0079140021448823')})"
    yield f"0-1:24.2.1({at})({gas}*m3)"


def _be(household: Household) -> Iterator[str]:
    """eMUCS-P1 1.7: tariff 1 is day, quarter-hour demand, monthly peaks, gas and water."""
    yield "0-0:96.1.4(50217)"
    yield f"0-0:96.1.1({hexadecimal('1SAG1100412398')})"
    yield f"0-0:1.0.0({stamp(household.now)})"
    yield from two_tariffs(household, 6)
    yield f"1-0:1.4.0({fixed(household.demand, 2)}*kW)"
    yield f"1-0:1.6.0({stamp(household.month_peak.at)})({fixed(household.month_peak.watts, 2)}*kW)"
    peaks = "".join(_peak(peak.at, peak.watts) for peak in household.month_peaks)
    yield f"0-0:98.1.0({len(household.month_peaks)})(1-0:1.6.0)(1-0:1.6.0){peaks}"
    yield f"0-0:96.14.0({household.tariff:04d})"
    yield from both_ways("1.7.0", "2.7.0", household.power)
    yield from power_of_phases(household)
    yield from voltages(household)
    for phase, hundredths in zip((31, 51, 71), hundredths_of_amperes(household), strict=True):
        yield f"1-0:{phase}.7.0({hundredths // 100:03d}.{hundredths % 100:02d}*A)"
    yield "0-0:96.3.10(1)"
    yield "0-0:17.0.0(017.3*kW)"
    yield "1-0:31.4.0(025*A)"
    yield "0-0:96.13.0()"
    gas_at, gas = gas_reading(household, 300)
    water_at, water = water_reading(household, 900)
    yield "0-1:24.1.0(003)"
    yield f"0-1:96.1.1({hexadecimal('7FLO2123004512')})"
    yield "0-1:24.4.0(1)"
    yield f"0-1:24.2.3({gas_at})({gas}*m3)"
    yield "0-2:24.1.0(007)"
    yield f"0-2:96.1.1({hexadecimal('8SEN0123004512')})"
    yield f"0-2:24.2.1({water_at})({water}*m3)"


def _peak(at: datetime, watts: int) -> str:
    """Write the peak of a month: the first moment of the month after it, when it was, how much."""
    after = (at.astimezone(ZONE).replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0)
    return f"({stamp(after)})({stamp(at)})({fixed(watts, 2)}*kW)"


# Nobody's keys: they open nothing but what is sent here.
_LUXEMBOURG = Cipher(
    b"SAGsim01", bytes.fromhex("5AFE0123456789ABCDEF0123456789AB"), bytes.fromhex("00112233445566778899AABBCCDDEEFF")
)
_AUSTRIA = Cipher(
    b"SAGsim02", bytes.fromhex("C0DE0123456789ABCDEF0123456789AB"), bytes.fromhex("FEDCBA98765432100123456789ABCDEF")
)
_P1 = (115_200, "8N1")
_OLD = (9_600, "7E1")

SYSTEMS: Mapping[str, System] = {
    system.name: system
    for system in (
        System("nl2", "ISk5\\2MT382-1003", *_OLD, 10, _nl2, checksum=False),
        System("nl4", "KFM5KAIFA-METER", *_P1, 10, _nl4),
        System("nl5", "ISK5\\2M550T-1013", *_P1, 1, _nl5),
        System("be", "FLU5\\253769484_A", *_P1, 1, _be),
        System("be-ie", "ISk5\\2MIE5T-200", *_P1, 1, abroad.iskra_ie),
        System("lu", "Lux5\\253769484_A", *_P1, 10, abroad.luxembourg),
        System("lu-encrypted", "Lux5\\253769484_A", *_P1, 10, abroad.luxembourg, cipher=_LUXEMBOURG),
        System("h1", "LGF5E360", *_P1, 10, abroad.sweden),
        System("h1-fi", "ADN9 6534", *_P1, 10, abroad.finland),
        System("hu", "SAG5SAG-METER", *_P1, 10, abroad.hungary),
        System("lt", "ESO5\\VMMmm", *_P1, 10, abroad.lithuania),
        System("ch", "GRE5\\253769484_A", *_P1, 10, abroad.switzerland),
        System("at", "EST5\\253769484_A", *_P1, 10, abroad.austria),
        System("at-encrypted", "EST5\\253769484_A", *_P1, 10, abroad.austria, cipher=_AUSTRIA),
        System("si", "ISK9\\2M551T-200", *_P1, 10, abroad.slovenia, checksum=False),
        System("d0", "ESY5Q3DA1004 V3.04", *_OLD, 2, abroad.easymeter, checksum=False),
    )
}
