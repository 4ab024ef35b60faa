"""Decides what of a telegram is shown: is it our meter, whose value is it, can a total be believed.

Pure: no clock of its own, nothing of Home Assistant.
"""

from decimal import Decimal
from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING, NamedTuple

from .memory import Memory, Slot, slot_id
from .meter import REGISTERS, Reading, Telegram
from .roles import ELECTRICITY, Roles
from .totals import Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

# A different equipment id counts after so many telegrams in a row: one may have been damaged on its way.
_STRANGER_TELEGRAMS = 3


class Verdict(NamedTuple):
    """What a telegram is good for.

    Attributes:
        shown: what the entities show, by slot id.
        new: slots that were never seen before.
        learned: whether the memory changed in a way that is worth keeping at once.
    """

    shown: dict[str, Reading]
    new: list[Slot]
    learned: bool


class _Place(NamedTuple):
    """What becomes of a reading of which only the value is another one.

    Attributes:
        name: id of the slot that shows it.
        unit: what is remembered of its readings, as that of the slot.
        number: likewise.
        is_total: whether it is only shown if it can be believed.
        is_ours: whether it is of a meter that we know.
    """

    name: str
    unit: str | None
    number: bool
    is_total: bool
    is_ours: bool


class Judge:
    """Judges the telegrams of one meter, one after the other, and keeps its memory up to date."""

    def __init__(self, memory: Memory) -> None:
        """Begin with what is known."""
        self.stranger: str | None = None
        """The equipment id of another meter that answers: its totals are not ours."""
        self._memory = memory
        self._roles = Roles({role: known for role, known in memory.ids.items() if role != ELECTRICITY})
        self._totals = Totals(memory.totals)
        self._suspect: str | None = None
        self._suspicions = 0
        self._was_ours = False
        # The telegram before: what was in it, in which order, and what became of it.
        self._layout: tuple[bool, Mapping[int, str], list[str]] | None = None
        self._readings: list[Reading] = []
        self._places: list[_Place | None] = []
        self._shown: dict[str, Reading] = {}
        self._withholds = False

    @property
    def is_ours(self) -> bool:
        """Whether the newest telegram is of the electricity meter that we know."""
        return self._suspect is None

    def knows(self, telegram: Telegram) -> bool:
        """Return whether a telegram is of the meter that we know, as far as it tells; it is not judged by that."""
        reading = telegram.readings.get("equipment_id")
        if reading is None or reading.value is None:
            return self.stranger is None
        return self._memory.ids.get(ELECTRICITY) in {None, str(reading.value)}

    def judge(self, telegram: Telegram, wall: datetime) -> Verdict:
        """Return what is to be shown of a telegram.

        Args:
            telegram: the newest one.
            wall: the time, aware.
        """
        memory = self._memory
        joints = len(memory.joints)
        ours, learned = self._recognise(telegram)
        if ours and (memory.ident, memory.profile) != (telegram.ident, telegram.profile):
            memory.ident, memory.profile = telegram.ident, telegram.profile
            learned = True
        roles = self._roles.assign(telegram.mbus.values(), wall, adopt=ours)
        learned |= self._remember_ids(wall)
        keys = [*telegram.readings, *telegram.unknown]
        readings = [*telegram.readings.values(), *telegram.unknown.values()]
        new: list[Slot] = []
        layout = (ours, roles, keys)
        # Nearly every telegram has what the one before had, and a line that is as it was gives the very same reading:
        # there is nothing to decide about it, unless something else is shown in its place, which may be over by now.
        is_known = layout == self._layout and not (learned or self._withholds)
        if not is_known:
            self._layout = layout
            self._places = [self._place(reading, roles, new, ours=ours) for reading in readings]
            self._shown, self._withholds = {}, False
        undecided: Iterable[tuple[_Place | None, Reading]] = zip(self._places, readings, strict=True)
        if is_known:
            undecided = compress(undecided, map(is_not, readings, self._readings, strict=True))
        self._readings = readings
        shown = self._shown
        for place, reading in undecided:
            if place is None:
                continue
            name, unit, number, is_total, is_ours = place
            if reading.value is not None and (reading.unit != unit or isinstance(reading.value, Decimal) is not number):
                self._learn_kind(name, reading)
                learned = True
            shown[name] = self._believable(name, reading, wall, ours=is_ours) if is_total else reading
        return Verdict(shown.copy(), new, learned or bool(new) or len(memory.joints) > joints)

    def _place(self, reading: Reading, roles: Mapping[int, str], new: list[Slot], *, ours: bool) -> _Place | None:
        """Return what becomes of a reading, None if nothing; a slot that was never seen before is added to `new`."""
        role = ELECTRICITY if reading.channel is None else roles.get(reading.channel)
        register = REGISTERS.get(reading.key)
        if role is None or (register is not None and not register.entity):
            return None
        is_ours = ours or role != ELECTRICITY
        name = slot_id(role, reading.key)
        slot = self._memory.slots.get(name)
        if slot is None:
            if not is_ours:
                # What only another meter sends gets no entity among ours.
                return None
            slot = Slot(role, reading.key, reading.unit, isinstance(reading.value, Decimal))
            self._memory.slots[name] = slot
            new.append(slot)
        return _Place(name, slot.unit, slot.number, register is not None and register.role == "total", is_ours)

    def _learn_kind(self, name: str, reading: Reading) -> None:
        """Note that the readings of a slot are in another unit now, or text instead of numbers."""
        role = self._memory.slots[name].role
        self._memory.slots[name] = Slot(role, reading.key, reading.unit, isinstance(reading.value, Decimal))
        self._layout = None

    def is_doubtful(self, slot: Slot) -> bool:
        """Whether nobody can say what this value means: a total, while another meter answers."""
        if self.stranger is None or slot.role != ELECTRICITY:
            return False
        register = REGISTERS.get(slot.key)
        return register is not None and register.role == "total"

    def adopt(self, wall: datetime) -> None:
        """Take the meter that answers for the one that was replaced: its totals are shown from here on.

        Args:
            wall: the time, aware.
        """
        self._memory.ids[ELECTRICITY] = self.stranger
        self._join(ELECTRICITY, wall)
        self.stranger = self._suspect = None

    def _recognise(self, telegram: Telegram) -> tuple[bool, bool]:
        """Return whether the electricity meter is the one we know, and whether its id is news."""
        reading = telegram.readings.get("equipment_id")
        sent = None if reading is None or reading.value is None else str(reading.value)
        known = self._memory.ids.get(ELECTRICITY)
        if sent is None:
            return self.stranger is None, False
        if known is None or sent == known:
            self._memory.ids[ELECTRICITY] = sent
            self.stranger = self._suspect = None
            self._was_ours = True
            return True, known is None
        self._suspicions = self._suspicions + 1 if sent == self._suspect else 1
        self._suspect = sent
        if self._suspicions >= _STRANGER_TELEGRAMS:
            self.stranger = sent
        return False, False

    def _remember_ids(self, wall: datetime) -> bool:
        """Note which meter on the M-Bus fills which role; return whether that is news."""
        ids = self._memory.ids
        news = {role: known for role, known in self._roles.ids.items() if role not in ids or ids[role] != known}
        for role, known in news.items():
            if ids.get(role) is not None:
                self._join(role, wall)
            ids[role] = known
        return bool(news)

    def _believable(self, name: str, reading: Reading, wall: datetime, *, ours: bool) -> Reading:
        """Return a total, or the last good value in its place."""
        if not isinstance(reading.value, Decimal):
            return reading
        last, unit = self._totals.last.get(name, (None, reading.unit))
        if not ours:
            self._withholds = True
            # What was kept over a restart may be an hour old: older than what was shown last.
            return reading._replace(value=last if self._was_ours else None, unit=unit)
        value = self._totals.good(name, reading.value, reading.unit, wall, reading.at)
        if last is not None and value < last and unit == reading.unit:
            # A meter that was replaced and sends no number, or one that was set back.
            self._memory.join(name, wall)
        if value == reading.value:
            return reading
        self._withholds = True
        return reading._replace(value=value)

    def _join(self, role: str, wall: datetime) -> None:
        """Let the totals of a role go on with those of another meter."""
        for slot in self._memory.slots.values():
            if slot.role == role and slot.id in self._totals.last:
                self._totals.forget(slot.id)
                self._memory.join(slot.id, wall)
