"""Real servers for the tests, kept in the cache: with a serial port at their end, or where telegrams go.

ser2net is Debian testing's, with its own libraries, and Debian 12's, which answers fewer questions of RFC 2217; ESPHome
is compiled for this machine; Mosquitto and InfluxDB (1.6) are Debian stable's. Where one cannot be had, the tests that
need it are skipped.
"""

from __future__ import annotations  # this script must start on Python 3.11

import os
from pathlib import Path
import re
import shutil
import tempfile
from typing import Any

from _setup import environment, requirements, setup

ROOT = Path(__file__).resolve().parent.parent
_ESPHOME = ROOT / "tests/servers/esphome.yaml"
# What ser2net and its library load. The library's own package changes its name with each version.
# fmt: off
_LIBRARIES = [
    "libc6", "libyaml-0-2", "libpam0g", "libcrypt1", "libavahi-client3", "libavahi-common3", "libsctp1", "libwrap0",
    "libaudit1", "libdbus-1-3", "libcap-ng0", "libcap2", "libsystemd0",
]
_MOSQUITTO_LIBRARIES = [
    "libc6", "libcjson1", "libdlt2", "libssl3t64", "libsystemd0", "libwebsockets19t64", "libwrap0", "libcap2",
    "libzstd1", "zlib1g",
]
# fmt: on


def make(*wanted: str) -> None:
    """Make the servers that are missing, as far as that is possible here; `wanted`: only these."""
    for name, maker, state in (
        ("ser2net", _ser2net, ""),
        ("ser2net-4.3", _ser2net_of_debian_12, "with its modules"),
        ("esphome", _esphome, repr(requirements("esphome")) + _ESPHOME.read_text()),
        ("mosquitto", _mosquitto, ""),
        ("influxdb", _influxdb, ""),
    ):
        if wanted and name not in wanted:
            continue
        folder: Path = setup.CACHE / name
        ready = folder / ".ready"
        if ready.is_file() and ready.read_text() == state:
            continue
        setup.say(f"making {name} for the tests")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            maker(folder)
        except (RuntimeError, OSError, StopIteration) as error:
            setup.say(f"{name} cannot be had here, so its tests are skipped: {error}")
        else:
            ready.write_text(state)


def _ser2net(folder: Path) -> None:
    """Unpack ser2net and its libraries, and write a program that starts it with them."""
    apt = _apt("testing")
    library = re.search(r"libgensio\d+\S*", setup.run("apt-cache", *apt.options, "depends", "ser2net"))
    if library is None:
        raise RuntimeError("the archive has no ser2net")
    apt.unpack(["ser2net", library[0], *_LIBRARIES], folder)
    _write_ser2net(folder)


def _ser2net_of_debian_12(folder: Path) -> None:
    """Unpack the older ser2net and all that its library depends on."""
    apt = _apt("bookworm")
    needless = [f"--no-{kind}" for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")]
    depends = ["depends", "--recurse", *needless, "libgensio4", "libyaml-0-2"]
    libraries = re.findall(r"^lib(?!python[\d.]+-)\S+", setup.run("apt-cache", *apt.options, *depends), re.MULTILINE)
    apt.unpack(["ser2net", *libraries], folder)
    _write_ser2net(folder)


def _write_ser2net(folder: Path) -> None:
    """Write a program that starts ser2net with the modules of its library, which it would look for in the system."""
    modules = next(folder.glob("usr/libexec/*/gensio/*"))
    _write_program(folder, "ser2net", f"export GENSIO_LIBRARY_PATH={modules}\n")


def _mosquitto(folder: Path) -> None:
    """Unpack Mosquitto and its libraries, and write a program that starts it with them."""
    _apt("stable").unpack(["mosquitto", *_MOSQUITTO_LIBRARIES], folder)
    _write_program(folder, "mosquitto")


def _influxdb(folder: Path) -> None:
    """Unpack InfluxDB, which needs no library but C's, and write a program that starts it with that."""
    _apt("stable").unpack(["influxdb", "libc6"], folder)
    _write_program(folder, "influxd")


def _apt(suite: str) -> Any:  # noqa: ANN401 (a script is no module for mypy)
    if not shutil.which("apt-get"):
        raise RuntimeError("there is no apt")
    return setup.Apt(suite)


def _write_program(folder: Path, name: str, before: str = "") -> None:
    """Write what starts an unpacked program with the libraries that are unpacked beside it."""
    libraries = [*folder.glob("usr/lib/*-linux-gnu*"), *folder.glob("lib/*-linux-gnu*")]
    loader = next(loader for path in libraries for loader in path.glob("ld-linux*"))
    unpacked = next(folder.glob(f"usr/*bin/{name}"))
    program = folder / name
    path = ":".join(map(str, libraries))
    program.write_text(f'#!/bin/sh\n{before}exec {loader} --library-path {path} {unpacked} "$@"\n')
    program.chmod(0o755)


def _esphome(folder: Path) -> None:
    """Compile ESPHome's firmware with a serial proxy; of all that is installed for it only the program is kept."""
    if not shutil.which("g++"):
        raise RuntimeError("there is no C++ compiler")
    with tempfile.TemporaryDirectory(prefix="esphome-", dir=setup.CACHE) as temporary:
        work = Path(temporary)
        programs = environment("esphome", work / "venv").parent
        shutil.copy(_ESPHOME, work)
        path = f"{programs}:{os.environ['PATH']}"
        setup.run(programs / "esphome", "compile", work / _ESPHOME.name, env={"PATH": path})
        folder.mkdir()
        shutil.copy(next(work.glob(".esphome/build/*/.pioenvs/*/program")), folder)
