"""The simulated meter as a program: ``python -m tests.simulation --system nl5 --pty /tmp/meter``."""

import argparse
import asyncio
from contextlib import AsyncExitStack
from datetime import datetime
import json
from pathlib import Path
import signal

from .household import ZONE
from .meter import SimulatedMeter
from .telegrams import SYSTEMS


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=ZONE)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="A simulated household meter.")
    parser.add_argument("--system", choices=SYSTEMS, default="nl5")
    port = parser.add_mutually_exclusive_group(required=True)
    port.add_argument("--pty", type=Path, metavar="LINK", help="where the pseudo terminal shall be found")
    port.add_argument("--tcp", type=int, metavar="PORT", help="0: any free port")
    parser.add_argument("--speed", type=float, default=1.0, help="how fast its clock runs")
    parser.add_argument("--seed", type=int, default=1, help="which household")
    parser.add_argument("--start", type=_moment, help="what its clock says first; default: the time it is")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace) -> None:
    """Talk until SIGTERM or SIGINT; the one line of output says what is served, and where."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    meter = SimulatedMeter(arguments.system, seed=arguments.seed, speed=arguments.speed, start=arguments.start)
    async with AsyncExitStack() as stack:
        if arguments.pty:
            await stack.enter_async_context(meter.on_pty(arguments.pty))
            port = str(arguments.pty)
        else:
            port = f"socket://127.0.0.1:{await stack.enter_async_context(meter.on_tcp(arguments.tcp))}"
        served = {
            "system": meter.system.name,
            "port": port,
            "line": f"{meter.system.baudrate} {meter.system.framing}",
            "interval": meter.system.interval,
            "speed": meter.speed,
            "seed": arguments.seed,
            "start": meter.household.local.isoformat(),
        }
        if (cipher := meter.system.cipher) is not None:
            served |= {"key": cipher.key.hex(), "authentication_key": cipher.authentication_key.hex()}
        print(json.dumps(served), flush=True)  # noqa: T201 - this is a program
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(_serve(_arguments()))
