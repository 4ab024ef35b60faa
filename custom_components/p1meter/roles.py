"""Which of the house's meters is which: identity is the role (`gas`), not the serial number and not the channel.

Meters on the M-Bus get replaced, and the new one may come on another channel; people's history goes on.
Pure: no clock of its own, nothing of Home Assistant.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .meter import MBusDevice

ELECTRICITY = "electricity"
"""The role of the meter itself; what hangs on its M-Bus has the role of what it measures."""

# So many different capture stamps show that a meter is alive and here to stay.
_STAMPS_NEEDED = 3
# A meter whose last capture is so much older than that of its neighbour does not capture any more.
_FROZEN = timedelta(hours=24)
# What meters leave between two captures at most. Gas: DSMR 2.2 to 4 an hour, DSMR 5 and Belgium less; water and heat
# meters may do it once a day.
_LONGEST_GAPS = {"gas": timedelta(hours=1)}
_LONGEST_GAP = timedelta(days=1)
# More meters than a port can have: ids that were garbled on the way are not kept for ever.
_WATCHED_KEPT = 16
# What stands for a capture stamp where a meter sends none.
_WITHOUT_STAMP = timedelta(seconds=30)


@dataclass(slots=True)
class _Watched:
    """One meter on the M-Bus, since p1meter started; `gap` is from the capture before the newest one to that."""

    stamp: datetime
    since: datetime
    stamps: int = 1
    moved: datetime | None = None
    gap: timedelta | None = None


class Roles:
    """Gives every meter on the M-Bus its role and remembers which equipment id fills it."""

    def __init__(self, ids: Mapping[str, str | None]) -> None:
        """Start with what is known.

        Args:
            ids: the equipment id by role (`gas`, `gas_2`, `water`); None where a meter has no id.
        """
        self.ids = dict(ids)
        self._watched: dict[tuple[str, str | None], _Watched] = {}
        # What was asked for last, if the answer would be the same again, and the answer.
        self._settled: tuple[list[MBusDevice], bool] | None = None
        self._roles: Mapping[int, str] = {}

    def assign(self, devices: Collection[MBusDevice], wall: datetime, *, adopt: bool = True) -> Mapping[int, str]:
        """Return the role of each channel of one telegram; a channel without a role is not shown (yet).

        A known meter has its role. The first of a kind gets it at once; of several those that capture. A new one takes
        a role after three different capture stamps: that of a meter that is gone or stopped capturing, else
        the next number (`gas_2`).

        Args:
            devices: the meters in the telegram.
            wall: the time, aware.
            adopt: False: no new meter gets a role now.
        """
        # Telegrams come every second, and these meters say something new every five minutes at most.
        asked = (list(devices), adopt)
        if asked != self._settled:
            ids, known = dict(self.ids), set(self._watched)
            moved = [self._watch(device, wall) for device in devices]
            if len(self._watched) > _WATCHED_KEPT:
                present = {(device.role, device.equipment_id) for device in devices}
                self._watched = {key: watched for key, watched in self._watched.items() if key in present}
            roles: dict[int, str] = {}
            for kind, group in groupby(sorted(devices, key=_kind_and_channel), key=lambda device: device.role):
                roles |= self._assign(kind, list(group), adopt=adopt)
            self._roles = roles
            is_still = not any(moved) and ids == self.ids and known == set(self._watched)
            self._settled = asked if is_still else None
        return self._roles

    @property
    def is_settled(self) -> bool:
        """Whether the same meters would be given the same roles again, whenever they are asked for."""
        return self._settled is not None

    def _watch(self, device: MBusDevice, wall: datetime) -> bool:
        """Note what a meter captured; return whether it did, or may have: without stamps the time tells."""
        key = (device.role, device.equipment_id)
        watched = self._watched.get(key)
        if watched is None:
            self._watched[key] = _Watched(stamp=device.at or wall, since=wall)
        elif device.at != watched.stamp and (device.at is not None or wall - watched.stamp >= _WITHOUT_STAMP):
            stamp = device.at or wall
            watched.gap = min(stamp - watched.stamp, _FROZEN)
            watched.stamp = stamp
            watched.stamps += 1
            watched.moved = wall
        else:
            return device.at is None
        return True

    def _assign(self, kind: str, devices: list[MBusDevice], *, adopt: bool) -> dict[int, str]:
        first_of_its_kind = not any(is_of(kind, role) for role in self.ids)
        roles = self._recognise(kind, devices)
        strangers = [device for device in devices if device.channel not in roles]
        if not adopt or not strangers:
            return roles
        newest = max(self._watched[kind, device.equipment_id].stamp for device in strangers)
        for device in strangers:
            watched = self._watched[kind, device.equipment_id]
            if watched.stamps < _STAMPS_NEEDED and not (first_of_its_kind and newest - watched.stamp < _FROZEN):
                continue
            role = self._vacant(kind, watched, set(roles.values()), {other.equipment_id for other in devices})
            if role is None:
                continue
            # The meter that stopped capturing gives the role up.
            roles = {channel: other for channel, other in roles.items() if other != role}
            roles[device.channel] = role
            if role in self.ids:
                # To become another one, it has to show first that it captures again.
                self._watched.pop((kind, self.ids[role]), None)
            self.ids[role] = device.equipment_id
        return roles

    def _recognise(self, kind: str, devices: list[MBusDevice]) -> dict[int, str]:
        """Return the roles of the meters that are known; first of those whose id says so."""
        roles: dict[int, str] = {}
        for device in devices:
            if (role := self._known(kind, device.equipment_id)) is not None:
                roles[device.channel] = role
        for device in devices:
            if device.channel in roles:
                continue
            if (role := self._without_id(kind, device.equipment_id, set(roles.values()))) is not None:
                roles[device.channel] = role
        return roles

    def _known(self, kind: str, equipment_id: str | None) -> str | None:
        """Return the role that this id fills."""
        if equipment_id is None:
            return None
        return next((role for role, known in self.ids.items() if known == equipment_id and is_of(kind, role)), None)

    def _without_id(self, kind: str, equipment_id: str | None, taken: set[str]) -> str | None:
        """Return the role of a meter that did not send its id before, or does not send it now."""
        free = [role for role in self.ids if role not in taken and is_of(kind, role)]
        for role in free:
            known = self.ids[role]
            # Which of several it is that leaves its id out, nobody can say.
            if known is None or (equipment_id is None and len(free) == 1):
                self.ids[role] = known or equipment_id
                return role
        return None

    def _vacant(self, kind: str, newcomer: _Watched, taken: set[str], present: set[str | None]) -> str | None:
        """Return the role that a new meter takes; None: not before it is known whether an older one still captures."""
        ours = [role for role in self.ids if is_of(kind, role)]
        for role in ours:
            if role not in taken and self.ids[role] not in present:
                return role
        for role in ours:
            holder = self._watched.get((kind, self.ids[role]))
            if holder is not None and newcomer.stamps >= _STAMPS_NEEDED and _is_still(holder, newcomer):
                # What it captured may be on its way for long: a whole capture has to be missing.
                gap = holder.gap or longest_gap(role)
                return role if newcomer.stamp - holder.stamp > 2 * gap else None
        return next(role for number in count(1) if (role := _numbered(kind, number)) not in ours)


def kind_and_number(role: str) -> tuple[str, int]:
    """Take a role apart: `gas_2` is the second gas meter, `warm_water` the first for warm water."""
    kind, _, number = role.rpartition("_")
    return (kind, int(number)) if kind and number.isdigit() else (role, 1)


def longest_gap(role: str) -> timedelta:
    """Return what a meter of this role leaves between two captures at most, as long as its own rhythm is not known."""
    return _LONGEST_GAPS.get(kind_and_number(role)[0], _LONGEST_GAP)


def _is_still(holder: _Watched, newcomer: _Watched) -> bool:
    """Whether a meter captured nothing for as long as the newcomer has been there."""
    return (holder.moved is None or holder.moved < newcomer.since) and holder.stamp <= newcomer.stamp


def _numbered(kind: str, number: int) -> str:
    return kind if number == 1 else f"{kind}_{number}"


def is_of(kind: str, role: str) -> bool:
    """Return whether a role is one of a kind of meter: `gas` and `gas_2` are of `gas`."""
    return kind_and_number(role)[0] == kind


def _kind_and_channel(device: MBusDevice) -> tuple[str, int]:
    return device.role, device.channel
