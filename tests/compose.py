"""Telegrams for tests, composed line by line; the checksum is not worked out by the code under test."""

from typing import TYPE_CHECKING

from tests.simulation.checksum import crc16

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENT = "ISK5\\2M550T-1013"
ELECTRICITY_ID = "E0047000071238923"
GAS_ID = "G0079140021448823"

# A house that draws 1.5 kW on L1 and L2, and gives 300 W back on L3.
NL5 = {
    "1-3:0.2.8": "(50)",
    "0-0:1.0.0": "(261121125900W)",
    "0-0:96.1.1": f"({ELECTRICITY_ID.encode().hex().upper()})",
    "1-0:1.8.1": "(004512.345*kWh)",
    "1-0:1.8.2": "(003987.650*kWh)",
    "1-0:2.8.1": "(000812.001*kWh)",
    "1-0:2.8.2": "(001733.999*kWh)",
    "0-0:96.14.0": "(0002)",
    "1-0:1.7.0": "(01.193*kW)",
    "1-0:2.7.0": "(00.000*kW)",
    "0-0:96.7.21": "(00004)",
    "0-0:96.7.9": "(00001)",
    "1-0:99.97.0": "(1)(0-0:96.7.19)(230614142317S)(0000000187*s)",
    "1-0:32.32.0": "(00002)",
    "1-0:52.32.0": "(00001)",
    "1-0:72.32.0": "(00000)",
    "1-0:32.36.0": "(00000)",
    "1-0:52.36.0": "(00003)",
    "1-0:72.36.0": "(00000)",
    "0-0:96.13.0": "()",
    "1-0:32.7.0": "(230.1*V)",
    "1-0:52.7.0": "(229.4*V)",
    "1-0:72.7.0": "(231.0*V)",
    "1-0:31.7.0": "(004*A)",
    "1-0:51.7.0": "(002*A)",
    "1-0:71.7.0": "(001*A)",
    "1-0:21.7.0": "(01.000*kW)",
    "1-0:41.7.0": "(00.493*kW)",
    "1-0:61.7.0": "(00.000*kW)",
    "1-0:22.7.0": "(00.000*kW)",
    "1-0:42.7.0": "(00.000*kW)",
    "1-0:62.7.0": "(00.300*kW)",
    "0-1:24.1.0": "(003)",
    "0-1:96.1.0": f"({GAS_ID.encode().hex().upper()})",
    "0-1:24.2.1": "(261121125500W)(02569.646*m3)",
}


def compose(objects: Mapping[str, str], ident: str = IDENT, *, checksum: bool = True) -> bytes:
    """Make a telegram of codes and what stands behind them."""
    lines = "".join(f"{code}{values}\r\n" for code, values in objects.items())
    body = f"/{ident}\r\n\r\n{lines}!".encode("latin-1")
    return body + (b"%04X" % crc16(body) if checksum else b"") + b"\r\n"


def nl5(changes: Mapping[str, str | None] | None = None) -> bytes:
    """Make the telegram of a Dutch DSMR 5 meter; None leaves a line out."""
    lines = {**NL5, **(changes or {})}
    return compose({code: values for code, values in lines.items() if values is not None})
