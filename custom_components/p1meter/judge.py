"""Decides what of a telegram is shown: is it our meter, whose value is it, can a total be believed.

Pure: no clock of its own, nothing of Home Assistant.
"""

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from .memory import Heard, Memory, Slot, slot_id
from .meter import REGISTERS, Reading, Telegram
from .meter.codes import code_of
from .meter.readings import Step, moved_since
from .meter.values import captured
from .own import read_all
from .roles import ELECTRICITY, Roles
from .totals import Totals

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from .own import OwnRegister

# A different equipment id counts after so many telegrams in a row: one may have been damaged on its way.
_STRANGER_TELEGRAMS = 3
_NOBODY = object()


class Verdict(NamedTuple):
    """What a telegram is good for.

    Attributes:
        shown: what the entities show, by slot id.
        new: slots that were never seen before.
        learned: whether the memory changed in a way that is worth keeping at once.
        step: which of what is shown may be another reading than in the verdict before; None where that is not known.
    """

    shown: dict[str, Reading]
    new: list[Slot]
    learned: bool
    step: Step | None


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

    def __init__(self, memory: Memory, own: Iterable[OwnRegister] = ()) -> None:
        """Begin with what is known.

        Args:
            memory: of the meter; kept up to date.
            own: the registers that a person wants shown besides.
        """
        self.stranger: str | None = None
        """The equipment id of another meter that answers: its totals are not ours."""
        self._memory = memory
        self._roles = Roles({role: known for role, known in memory.ids.items() if role != ELECTRICITY})
        self._totals = Totals(memory.totals)
        self._own = {register.slot_id: register for register in own}
        for name in memory.owners.keys() - self._own.keys():
            memory.forget_total(name)
        self._suspect: str | None = None
        self._suspicions = 0
        self._was_ours = False
        # Whose the telegram before was, if the same would be found again: what tells it, and the roles.
        self._who = _NOBODY
        self._known_roles: Mapping[int, str] = {}
        # The telegram before: what was in it, in which order, and what became of it.
        self._layout: tuple[bool, Mapping[int, str], list[str]] | None = None
        self._keys: list[str] = []
        self._readings: Mapping[str, Reading] = {}
        self._unknown: Mapping[str, Reading] = {}
        self._places: dict[str, _Place | None] = {}
        self._shown: dict[str, Reading] = {}
        self._handed_out: Mapping[str, Reading] = {}
        self._withholds = False
        # The totals of the electricity meter that are in it.
        self._counting: dict[str, None] = {}

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
        # As the class itself makes one, in half the time; so the verdict.
        heard = tuple.__new__(Heard, (wall, captured(telegram.time) or wall))
        ours, learned, roles = True, False, self._known_roles
        # Nearly every telegram is of whom the one before was.
        if telegram.statements is not self._who:
            ours, learned, roles = self._look_who(telegram, wall)
            self._who = telegram.statements if ours and not learned and self._roles.is_settled else _NOBODY
            self._known_roles = roles
        readings, unknown, step = telegram.readings, telegram.unknown, telegram.step
        # Nearly every telegram says itself what is another reading than in the one before.
        told = None
        if step is not None and step.before is self._readings and unknown is self._unknown:
            told = step.moved
        else:
            self._keys = [*readings, *unknown]
        new: list[Slot] = []
        layout = (ours, roles, self._keys)
        # A line that is as it was gives the very same reading: there is nothing to decide about it, unless something
        # else is shown in its place, which may be over by now.
        is_known = layout == self._layout and not (learned or self._withholds)
        sent = readings if is_known and told is not None else {**readings, **unknown}
        if not is_known:
            moved = self._keys
            self._layout = layout
            self._places = {key: self._place(reading, roles, new, ours=ours) for key, reading in sent.items()}
            self._shown, self._withholds, self._counting = {}, False, {}
        elif told is None:
            moved = [*moved_since(self._readings, readings), *moved_since(self._unknown, unknown)]
        else:
            moved = told
        self._readings, self._unknown = readings, unknown
        shown, places = self._shown, self._places
        names: list[str] = []
        for key in moved:
            if (place := places[key]) is None:
                continue
            reading = sent[key]
            name, unit, number, is_total, is_ours = place
            if reading.value is not None and (reading.unit != unit or isinstance(reading.value, Decimal) is not number):
                self._learn_kind(name, reading)
                learned = True
            shown[name] = self._believable(name, reading, heard, ours=is_ours) if is_total else reading
            names.append(name)
        if ours:
            memory.heard.update(dict.fromkeys(self._counting, heard))
        before, shown = self._handed_out, shown.copy()
        self._handed_out = shown
        if self._own and ours:
            shown.update(self._read_own(telegram, roles, heard))
        shown_step = tuple.__new__(Step, (before, names)) if is_known and not self._own else None
        return tuple.__new__(Verdict, (shown, new, learned or bool(new) or len(memory.joints) > joints, shown_step))

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
        self._who = _NOBODY

    def _look_who(self, telegram: Telegram, wall: datetime) -> tuple[bool, bool, Mapping[int, str]]:
        """Return whether it is our electricity meter, whether that is worth keeping, and the role of each channel."""
        memory = self._memory
        ours, learned = self._recognise(telegram)
        if ours and (memory.ident, memory.profile) != (telegram.ident, telegram.profile):
            memory.ident, memory.profile = telegram.ident, telegram.profile
            learned = True
        roles = self._roles.assign(telegram.mbus.values(), wall, adopt=ours)
        return ours, self._remember_ids(wall) or learned, roles

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

    def _believable(self, name: str, reading: Reading, now: Heard, *, ours: bool) -> Reading:
        """Return a total, or the last good value in its place."""
        self._counting.pop(name, None)
        if not isinstance(reading.value, Decimal):
            return reading
        if reading.channel is None:
            self._counting[name] = None
        last, unit = self._totals.last.get(name, (None, reading.unit))
        if not ours:
            self._withholds = True
            # What was kept over a restart may be an hour old: older than what was shown last.
            return replace(reading, value=last if self._was_ours else None, unit=unit)
        # So it is nearly always.
        if reading.channel is None and self._totals.grows(name, reading.value, reading.unit):
            return reading
        good = self._good(name, reading, now)
        self._withholds |= good is not reading
        return good

    def _good(self, name: str, reading: Reading, now: Heard) -> Reading:
        """Return a total of a meter that is ours, or the last good value in its place."""
        value = reading.value
        if not isinstance(value, Decimal):
            return reading
        at, before = reading.at, self._memory.heard.get(name)
        register = REGISTERS.get(reading.key)
        if register is not None and register.derived:
            # What a month was closed with grows by all of a month at once, and stays then.
            at = before = None
        if at is not None:
            now = Heard(now.wall, at)
        # Either clock may stand still, or may have been set in between.
        elapsed = (
            None
            if before is None
            else max((now.wall - before.wall).total_seconds(), (now.clock - before.clock).total_seconds(), 0.0)
        )
        jumps = self._totals.jumps(name, value, reading.unit, elapsed)
        good = self._totals.good(name, value, reading.unit, now.wall, at, elapsed=elapsed)
        if good != value:
            return replace(reading, value=good)
        self._memory.heard[name] = now
        if jumps:
            # A meter that was replaced and sends no number, one that was set back, or one that is right again.
            self._memory.join(name, now.wall)
        return reading

    def _read_own(self, telegram: Telegram, roles: Mapping[int, str], now: Heard) -> dict[str, Reading]:
        """Return what the telegram of our own meter has of the registers of a person, by slot id."""
        shown: dict[str, Reading] = {}
        for name, reading in read_all(self._own.values(), telegram).items():
            kind = self._own[name].state_class
            if kind is None or not kind.startswith("total"):
                shown[name] = reading
                continue
            channel = None if reading.obis is None else code_of(reading.obis).channel
            role = ELECTRICITY if channel is None or channel not in telegram.mbus else roles.get(channel)
            if role is None:
                # Of a meter that is not known yet: perhaps it is another one than before.
                continue
            shown[name] = self._own_total(name, reading, role, now)
        return shown

    def _own_total(self, name: str, reading: Reading, role: str, now: Heard) -> Reading:
        """Return a total of a person's own, or the last good value in its place.

        With another meter it begins anew, and where the person corrects which value it is, or its unit.
        """
        memory, register = self._memory, self._own[name]
        owner, made_of = memory.ids.get(role), (register.notation, register.unit)
        if memory.owners.get(name, owner) not in {None, owner} or memory.made_of.get(name, made_of) != made_of:
            self._totals.forget(name)
            memory.join(name, now.wall)
        memory.owners[name], memory.made_of[name] = owner, made_of
        if register.state_class != "total_increasing":
            # It may fall.
            return reading
        # Its meter may not have been read since then: telegrams come without it.
        still_since = memory.heard.get(name) if memory.totals.get(name) == (reading.value, reading.unit) else None
        good = self._good(name, reading, now)
        if role != ELECTRICITY and still_since is not None:
            memory.heard[name] = still_since
        return good

    def _join(self, role: str, wall: datetime) -> None:
        """Let the totals of a role go on with those of another meter."""
        for slot in self._memory.slots.values():
            if slot.role == role and slot.id in self._totals.last:
                self._totals.forget(slot.id)
                self._memory.join(slot.id, wall)
