"""What a code stands for: a register, an object of an M-Bus channel, or the past."""

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from .obis import Obis
from .registers import REGISTERS, Register
from .values import UNITS

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKED = {
    "limiter_threshold",
    "fuse_threshold",
    "power_factor",
    "power_factor_l1",
    "power_factor_l2",
    "power_factor_l3",
    "power_factor_min",
}
"""Registers in which not every number is a value."""

PARTS_OF_TIME = {f"{medium}:{part}" for medium in ("1-0", "1-1") for part in ("0.9.1", "0.9.2", "0.1.2", "0.1.3")}
"""Times and dates that are one point in time together."""

_CURRENT = 255  # F = 255 is the value of now, and E = 255 the total (IEC 62056-61 §5)
_ID = (96, 1)  # except that 96.1.255 is an id of its own
_CHANNELS = range(1, 10)
_OTHER_MEDIA = range(6, 10)  # heat, gas, cold water, hot water
_OTHER_CHANNEL = 10
_CLOSED = {"energy", "reactive_energy", "power", "reactive_power", "apparent_power"}
_ENDS = {quantity: {f"{unit})": unit for unit in units} for quantity, units in UNITS.items()}


class Code(NamedTuple):
    """One code as it is on the wire.

    Attributes:
        obis: The code, with the groups that were sent.
        name: The complete code, the same for all spellings: `1-0:1.8.0` for 1.8.0, 1.8 and 1-0:1.8.255*255.
        part: The same without medium and channel: `1.8.0`.
        key: The register that it gives a reading for; None if we know none, or if it takes other objects too.
        rank: Its place among the codes of the register: the lowest that is sent and not empty counts.
        channel: Of a meter of another medium, else None.
        past: Whether it is a value of an earlier period (`*NN`, `&NN`).
        ends: How its line may end where its value is nothing but a number, and the unit: `kWh)` is kWh; None where it
            takes more to read.
        known: Whether p1meter can do something with it.
    """

    obis: Obis
    name: str
    part: str
    key: str | None
    rank: int
    channel: int | None
    past: bool
    ends: Mapping[str, str] | None
    known: bool


def _written_out(code: str) -> str:
    return code if "-" in code or code[0] in "CF" else f"1-0:{code}"


# Two registers are under 31.4.0: the first in the table is what it is when it comes alone.
_INDEX: dict[str, tuple[Register, int]] = {}
for _register in REGISTERS.values():
    for _rank, _code in enumerate(() if _register.derived else _register.codes):
        _INDEX.setdefault(_written_out(_code), (_register, _rank))
_KNOWN = frozenset(_written_out(_code) for _register in REGISTERS.values() for _code in _register.codes)


@lru_cache(maxsize=1024)
def code(text: str) -> Code | None:
    """Return what a code stands for, None if it is no code."""
    try:
        return code_of(Obis.parse(text))
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def code_of(obis: Obis) -> Code:
    """Return what a code stands for."""
    part = _part(obis)
    medium = "1-0" if obis.a is None else f"{obis.a}-{obis.b}"
    name = part if isinstance(obis.c, str) else f"{medium}:{part}"
    if obis.a == 0 and obis.b in _CHANNELS and (obis.c == 24 or (obis.c, obis.d) == _ID):
        channel = obis.b
    else:
        channel = 0 if obis.a in _OTHER_MEDIA else None
    return _code_of(obis, name, part, channel)


def heat_code(obis: Obis) -> Code | None:
    """Return what a code without medium stands for on a heat meter: heat, or None if it is of no medium at all."""
    if obis.a is not None or isinstance(obis.c, str) or obis.c == 0:
        return None
    part = _part(obis)
    name = f"6-0:{part}"
    return _code_of(obis, name, part, 0 if name in _INDEX and _INDEX[name][0].device == "heat" else None)


def _part(obis: Obis) -> str:
    if obis.d is None:
        return str(obis.c)
    total = obis.e is None or (obis.e == _CURRENT and (obis.c, obis.d) != _ID)
    return f"{obis.c}.{obis.d}.{0 if total else obis.e}"


def _code_of(obis: Obis, name: str, part: str, channel: int | None) -> Code:
    known = bool(channel) or name in _KNOWN or name.replace("1-1:", "1-0:") in _KNOWN
    past = obis.f not in {None, _CURRENT} or obis.manual
    found = _find(name)
    if found is None or past or name in PARTS_OF_TIME:
        return Code(obis, name, part, None, 0, channel, past, None, known)
    register, rank = found
    ends = None
    if register.quantity is not None and register.key not in CHECKED:
        ends = _ENDS.get(register.quantity)
    return Code(obis, name, part, register.key, rank, channel, past, ends, known)


def _find(name: str) -> tuple[Register, int] | None:
    """Return the register that a complete code belongs to, and its rank there."""
    found = _INDEX.get(name)
    if found is None and name.startswith("1-1:"):
        # Some meters number the electricity channel 1; what has a meaning of its own there is in the table.
        found = _INDEX.get(name.replace("1-1:", "1-0:"))
        return None if found is None else (found[0], found[1] + _OTHER_CHANNEL)
    return found


@lru_cache(maxsize=1024)
def closed_register(name: str) -> Register | None:
    """Return the register of the electricity meter that a code is for, if its value is kept at the end of a period."""
    found = _find(name)
    if found is None:
        return None
    register, _ = found
    is_kept = register.role in {"total", "peak"} and register.quantity in _CLOSED and register.device == "electricity"
    return register if is_kept else None


def current(item: Code) -> Code:
    """Return what a code with `*00` stands for on a meter that marks the value of now by it (Pafal)."""
    return code_of(item.obis._replace(f=None))._replace(obis=item.obis)
