"""What meters say in the tests of the dialogs, besides the Dutch one of `tests.compose`."""

from tests.compose import compose, nl5

OTHER_ID = "E0047000071239999"
OTHER_METER = nl5({"0-0:96.1.1": f"({OTHER_ID.encode().hex()})"})
# Swedish meters: no id, no M-Bus.
H1_LINES = {
    "0-0:1.0.0": "(261121125900W)",
    "1-0:1.8.0": "(00009416.938*kWh)",
    "1-0:2.8.0": "(00000000.000*kWh)",
    "1-0:1.7.0": "(0001.250*kW)",
    "1-0:2.7.0": "(0000.000*kW)",
}
H1 = compose(H1_LINES, "KAM5")
H1_OTHER = compose(H1_LINES, "LGF5E360")
# A port for district heating: one meter on the M-Bus and nothing else.
HEAT_ID = "D0001234567890123"
HEAT_LINES = {
    "1-3:0.2.8": "(50)",
    "0-0:1.1.0": "(261121125900W)",
    "0-1:24.1.0": "(012)",
    "0-1:96.1.0": f"({HEAT_ID.encode().hex()})",
    "0-1:24.2.1": "(261121120000W)(12.345*GJ)",
}
HEAT = compose(HEAT_LINES, "NWA-WARMTELINK")
