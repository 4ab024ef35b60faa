"""Decides what of a telegram is shown: is it our meter, whose value is it, can a total be believed.

Pure: no clock of its own, nothing of Home Assistant.
"""

from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from .memory import Memory, Slot, slot_id
from .meter import REGISTERS, Reading, Telegram
from .roles import ELECTRICITY, Roles
from .totals import Totals

if TYPE_CHECKING:
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
        ours, learned = self._recognise(telegram)
        memory = self._memory
        joints = len(memory.joints)
        if ours and (memory.ident, memory.profile) != (telegram.ident, telegram.profile):
            memory.ident, memory.profile = telegram.ident, telegram.profile
            learned = True
        before = dict(self._roles.ids)
        roles = self._roles.assign(telegram.mbus.values(), wall, adopt=ours)
        for role, equipment_id in self._roles.ids.items():
            if role not in before or before[role] != equipment_id:
                memory.ids[role] = equipment_id
                learned = True
                if before.get(role) is not None:
                    self._join(role, wall)
        shown: dict[str, Reading] = {}
        new: list[Slot] = []
        for reading in chain(telegram.readings.values(), telegram.unknown.values()):
            role_of = ELECTRICITY if reading.channel is None else roles.get(reading.channel)
            register = REGISTERS.get(reading.key)
            if role_of is None or (register is not None and not register.entity):
                continue
            name = slot_id(role_of, reading.key)
            is_number = isinstance(reading.value, Decimal)
            slot = memory.slots.get(name)
            if slot is None:
                if not ours and role_of == ELECTRICITY:
                    # What only another meter sends gets no entity among ours.
                    continue
                slot = memory.slots[name] = Slot(role_of, reading.key, reading.unit, is_number)
                new.append(slot)
                learned = True
            elif reading.value is not None and (slot.unit != reading.unit or slot.number is not is_number):
                memory.slots[name] = Slot(role_of, reading.key, reading.unit, is_number)
                learned = True
            is_total = register is not None and register.role == "total"
            counts = ours or role_of != ELECTRICITY
            shown[name] = self._believable(name, reading, wall, ours=counts) if is_total else reading
        return Verdict(shown, new, learned or len(memory.joints) > joints)

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

    def _believable(self, name: str, reading: Reading, wall: datetime, *, ours: bool) -> Reading:
        """Return a total, or the last good value in its place."""
        if not isinstance(reading.value, Decimal):
            return reading
        last, unit = self._totals.last.get(name, (None, reading.unit))
        if not ours:
            # What was kept over a restart may be an hour old: older than what was shown last.
            return reading._replace(value=last if self._was_ours else None, unit=unit)
        value = self._totals.good(name, reading.value, reading.unit, wall, reading.at)
        if last is not None and value < last and unit == reading.unit:
            # A meter that was replaced and sends no number, or one that was set back.
            self._memory.join(name, wall)
        return reading if value == reading.value else reading._replace(value=value)

    def _join(self, role: str, wall: datetime) -> None:
        """Let the totals of a role go on with those of another meter."""
        for slot in self._memory.slots.values():
            if slot.role == role and slot.id in self._totals.last:
                self._totals.forget(slot.id)
                self._memory.join(slot.id, wall)
