"""What is known of a meter, whether it speaks at the moment or not. Pure: nothing of Home Assistant."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .gaps import Gap
from .key_watch import KeyRecord
from .merging import Booked, Seam
from .meter.profiles import profile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .meter import Profile

# A meter has up to ten totals; each has its own row for a meter that was replaced, and for a gap.
_MOST_KEPT = 1000


class Slot(NamedTuple):
    """One value of one meter, as it was seen in a telegram.

    Attributes:
        role: whose it is: `electricity`, `gas`, …
        key: the register's key; the code as sent where there is no such register.
        unit: as sent.
        number: whether it was a number; it matters only for a code we do not know.
        computed: whether p1meter works it out over time, because the meter does not send it.
    """

    role: str
    key: str
    unit: str | None
    number: bool
    computed: bool = False

    @property
    def id(self) -> str:
        """What the slot is called everywhere: the tail of the entity's unique id."""
        return slot_id(self.role, self.key)


def slot_id(role: str, key: str) -> str:
    """Return the id of the slot for a key of a role."""
    return f"{role}_{key}"


class Joint(NamedTuple):
    """Where the readings of one meter end and those of the next begin, in the history of one total.

    Attributes:
        slot: id of the total's slot.
        at: when it was adopted, aware: no state of the old meter is written from here on, none of the new one before.
    """

    slot: str
    at: datetime


class Capture(NamedTuple):
    """The newest reading of a total that a meter on the M-Bus has handed over.

    Attributes:
        since: when the first reading of this very meter was shown, aware.
        at: when the newest was captured, by the meter's clock, aware.
    """

    since: datetime
    at: datetime


class Heard(NamedTuple):
    """When a total was sent last, aware: by our clock, and by that of the meter, or both by ours."""

    wall: datetime
    clock: datetime


class LateValue(NamedTuple):
    """What a total had reached when an hour ended, known only after that.

    Attributes:
        slot: id of the total's slot.
        end: of the hour, UTC.
        value: as shown.
        unit: as sent.
        arrived: when it came, aware.
    """

    slot: str
    end: datetime
    value: Decimal
    unit: str | None
    arrived: datetime


class Taken(NamedTuple):
    """What was taken out of one statistic at a joint.

    Attributes:
        entity: id of the registry's entry: it stays when the entity is renamed.
        start: of the row that had it, seconds since 1970.
        booked: what the recorder had booked there, in `unit`.
        unit: that of the statistics at the time.
        grown: while a change is under way, what the row has grown by before it; None: none is.
    """

    entity: str
    start: float
    booked: float
    unit: str | None
    grown: float | None = None


class Replacement(NamedTuple):
    """A joint that was taken out of the statistics of one total, and of what it costs.

    Attributes:
        slot: id of the total's slot.
        at: when the new meter was adopted, aware.
        old: the last reading of the old meter, in `unit`.
        new: the first one of the new meter, in `unit`.
        unit: that of the total's statistics at the time.
        taken: what was taken out.
        undone: whether it is to be in the statistics again.
    """

    slot: str
    at: datetime
    old: float
    new: float
    unit: str | None
    taken: tuple[Taken, ...]
    undone: bool = False


class Filled(NamedTuple):
    """A gap of one total for whose hours we have made rows.

    Attributes:
        slot: id of the total's slot.
        gap: which.
        unit: of what grew in it: that of the statistics at the time.
        costs: what was booked for it, by id of the registry's entry of what counts the cost; in its own unit.
        spread: whether it is to be spread evenly, otherwise to be as it came.
        settled: whether the rows are written.
        giving_way: whether it is as it came only while somebody else writes hours, and was spread before.
    """

    slot: str
    gap: Gap
    unit: str | None
    costs: dict[str, float]
    spread: bool = True
    settled: bool = False
    giving_way: bool = False


class Takeover(NamedTuple):
    """An entity of another integration in whose place one of ours is, or is to be.

    Attributes:
        slot: id of the slot that ours shows.
        place: id of the registry's entry that others refer to: it stays whoever fills it, and when it is renamed. Where
            the other integration is gone, and only its statistics are there: the entity id.
        left: id of the registry's entry that ours had before; the other one has it now.
        platform: name of the other integration; "": it is gone.
        unique_id: of the other entity.
        config_entry_id: that of the other entity.
        device_id: that of the other entity.
        disabled_by: who had disabled the other entity.
        left_disabled_by: who had disabled ours.
        unit: the unit that a person had chosen for the other entity.
        shown_in: the unit that it showed.
        stage: `wanted`, `taken`, `returning`, or `returned`: kept until Home Assistant has surely saved its registry.
        returned: when it was given back, seconds since 1970.
    """

    slot: str
    place: str
    left: str
    platform: str
    unique_id: str
    config_entry_id: str | None
    device_id: str | None
    disabled_by: str | None
    left_disabled_by: str | None
    unit: str | None
    shown_in: str | None
    stage: str = "wanted"
    returned: float = 0.0


@dataclass(slots=True)
class Memory:
    """What is known of a meter.

    Attributes:
        ident: its identification line; None: it was never read.
        profile: what kind it is.
        ids: the equipment id that fills each role; None where a meter has none.
        slots: everything it ever sent that has an entity, by the slot's id, in the order in which it came.
        totals: the last good value of each total and its unit, by the slot's id.
        heard: when each of them was sent last, by the slot's id.
        owners: the equipment id of the meter that the last value of each total of a person's own is of, by the
            slot's id; None where it has none.
        made_of: what such a total was last made of, by the slot's id: the notation of its register, and the unit that
            the person gave. It stays when the register is removed: its sensor may come back, with its statistics.
        joints: those that still have to be taken out of the recorder's statistics.
        captures: the newest capture of each total on the M-Bus, by the slot's id.
        late: what the recorder has booked in a later hour than it was measured in; one for an hour of a total.
        replacements: the newest joints that were taken out; for the person to see, and to undo.
        filled: the newest gaps for whose hours we have made rows.
        seams: where rows that were imported are to meet those of the recorder.
        takeovers: whose places our entities have taken, or are to take or to give back.
        switched_off: ids of config entries of other integrations that were switched off for this meter.
        key: whether the key of a meter that encrypts ever fitted, and still does.
        events: what each event entity told last, by the slot's id, so that nothing is told twice.
        loads: what the control of the loads has learned and counted, and whether it is on.
    """

    ident: str | None = None
    profile: Profile = field(default_factory=lambda: profile("generic", None))
    ids: dict[str, str | None] = field(default_factory=dict)
    slots: dict[str, Slot] = field(default_factory=dict)
    totals: dict[str, tuple[Decimal, str | None]] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=dict)
    owners: dict[str, str | None] = field(default_factory=dict)
    made_of: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    joints: list[Joint] = field(default_factory=list)
    captures: dict[str, Capture] = field(default_factory=dict)
    late: list[LateValue] = field(default_factory=list)
    replacements: list[Replacement] = field(default_factory=list)
    filled: list[Filled] = field(default_factory=list)
    seams: list[Seam] = field(default_factory=list)
    takeovers: list[Takeover] = field(default_factory=list)
    switched_off: list[str] = field(default_factory=list)
    key: KeyRecord = field(default_factory=KeyRecord)
    events: dict[str, str] = field(default_factory=dict)
    loads: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Take up what `to_json` gave; earlier versions of p1meter had less of it."""
        kind = data["profile"]
        return cls(
            ident=data["ident"],
            profile=profile(kind["name"], kind["country"], kind["version"]),
            ids=dict(data["ids"]),
            slots={(slot := Slot(**kept)).id: slot for kept in data["slots"]},
            totals={key: (Decimal(value), unit) for key, (value, unit) in data["totals"].items()},
            heard={key: Heard(*map(datetime.fromisoformat, at)) for key, at in data.get("heard", {}).items()},
            owners=dict(data.get("owners", {})),
            made_of={slot: (notation, unit) for slot, (notation, unit) in data.get("made_of", {}).items()},
            joints=[Joint(kept["slot"], datetime.fromisoformat(kept["at"])) for kept in data.get("joints", ())],
            captures={
                slot: Capture(datetime.fromisoformat(since), datetime.fromisoformat(at))
                for slot, (since, at) in data.get("captures", {}).items()
            },
            late=[
                LateValue(
                    kept["slot"],
                    datetime.fromisoformat(kept["end"]),
                    Decimal(kept["value"]),
                    kept["unit"],
                    datetime.fromisoformat(kept["arrived"]),
                )
                for kept in data.get("late", ())
            ],
            replacements=[
                Replacement(
                    **{
                        **kept,
                        "at": datetime.fromisoformat(kept["at"]),
                        "taken": tuple(Taken(**taken) for taken in kept["taken"]),
                    }
                )
                for kept in data.get("replacements", ())
            ],
            filled=[Filled(**{**kept, "gap": Gap(**kept["gap"])}) for kept in data.get("filled", ())],
            seams=[
                Seam(
                    **{
                        **kept,
                        "first": None if kept["first"] is None else Booked(**kept["first"]),
                        "written": None if kept["written"] is None else Booked(**kept["written"]),
                    }
                )
                for kept in data.get("seams", ())
            ],
            takeovers=[Takeover(**kept) for kept in data.get("takeovers", ())],
            switched_off=list(data.get("switched_off", ())),
            key=KeyRecord(**data.get("key", {})),
            events=dict(data.get("events", {})),
            loads=dict(data.get("loads", {})),
        )

    @property
    def held(self) -> list[Takeover]:
        """Those takeovers whose places are not given back."""
        return [taken for taken in self.takeovers if taken.stage != "returned"]

    def keep_replacements(self, replacements: Iterable[Replacement]) -> None:
        """Keep these besides those that are known; the oldest go."""
        self.replacements = [*self.replacements, *replacements][-_MOST_KEPT:]

    def keep_filled(self, filled: Iterable[Filled]) -> None:
        """Keep these besides those that are known; the oldest go."""
        self.filled = [*self.filled, *filled][-_MOST_KEPT:]

    def forget_total(self, slot: str) -> None:
        """Forget what a total was: it is not there any more."""
        for known in (self.totals, self.heard, self.owners, self.captures):
            known.pop(slot, None)

    def join(self, slot: str, at: datetime) -> None:
        """Note that the readings of another meter begin here: its captures have nothing to do with those before."""
        self.joints.append(Joint(slot, at))
        self.captures.pop(slot, None)

    def to_json(self) -> dict[str, Any]:
        """Return everything as numbers, texts, lists and dicts."""
        return {
            "ident": self.ident,
            "profile": {
                "name": self.profile.name,
                "country": self.profile.country,
                "version": self.profile.version,
            },
            "ids": dict(self.ids),
            "slots": [slot._asdict() for slot in self.slots.values()],
            "totals": {key: (str(value), unit) for key, (value, unit) in self.totals.items()},
            "heard": {key: [at.isoformat() for at in heard] for key, heard in self.heard.items()},
            "owners": dict(self.owners),
            "made_of": dict(self.made_of),
            "joints": [{"slot": joint.slot, "at": joint.at.isoformat()} for joint in self.joints],
            "captures": {
                slot: (capture.since.isoformat(), capture.at.isoformat()) for slot, capture in self.captures.items()
            },
            "late": [
                {
                    "slot": late.slot,
                    "end": late.end.isoformat(),
                    "value": str(late.value),
                    "unit": late.unit,
                    "arrived": late.arrived.isoformat(),
                }
                for late in self.late
            ],
            "replacements": [
                {**kept._asdict(), "at": kept.at.isoformat(), "taken": [taken._asdict() for taken in kept.taken]}
                for kept in self.replacements
            ],
            "filled": [{**kept._asdict(), "gap": kept.gap._asdict()} for kept in self.filled],
            "seams": [
                {
                    **seam._asdict(),
                    "first": None if seam.first is None else seam.first._asdict(),
                    "written": None if seam.written is None else seam.written._asdict(),
                }
                for seam in self.seams
            ],
            "takeovers": [taken._asdict() for taken in self.takeovers],
            "switched_off": list(self.switched_off),
            "key": self.key._asdict(),
            "events": dict(self.events),
            "loads": dict(self.loads),
        }
