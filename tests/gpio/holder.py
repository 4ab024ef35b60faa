"""A program that holds one of our lines, switched on, until it is told to go: ``python -m tests.gpio.holder``.

On SIGTERM it dies where it stands, or with ``--orderly`` switches the line off first.
"""

import argparse
import signal
import sys

from tests import bare

bare.load()

from p1meter.gpio import GpioLine  # noqa: E402 (there is no such package before)


def main() -> None:
    """Hold the line; the word that it is held goes to the output."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpio.holder")
    parser.add_argument("chip")
    parser.add_argument("line", type=int)
    parser.add_argument("--active-low", action="store_true")
    parser.add_argument("--orderly", action="store_true")
    asked = parser.parse_args()
    line = GpioLine(asked.chip, asked.line, consumer="p1meter boiler", active_low=asked.active_low)
    line.open(on=True)
    if asked.orderly:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print("held", flush=True)  # noqa: T201 this is a program
    try:
        signal.pause()
    finally:
        line.release()


if __name__ == "__main__":
    main()
