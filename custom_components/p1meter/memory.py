"""What is known of a meter, whether it speaks at the moment or not. Pure: nothing of Home Assistant."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from .key_watch import KeyRecord
from .meter.profiles import profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .meter import Profile


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


@dataclass(slots=True)
class Memory:
    """What is known of a meter.

    Attributes:
        ident: its identification line; None: it was never read.
        profile: what kind it is.
        ids: the equipment id that fills each role; None where a meter has none.
        slots: everything it ever sent that has an entity, by the slot's id, in the order in which it came.
        totals: the last good value of each total and its unit, by the slot's id.
        joints: those that still have to be taken out of the recorder's statistics.
        captures: the newest capture of each total on the M-Bus, by the slot's id.
        late: what the recorder has booked in a later hour than it was measured in; one for an hour of a total.
        key: whether the key of a meter that encrypts ever fitted, and still does.
        events: what each event entity told last, by the slot's id, so that nothing is told twice.
        loads: what the control of the loads has learned and counted, and whether it is on.
    """

    ident: str | None = None
    profile: Profile = field(default_factory=lambda: profile("generic", None))
    ids: dict[str, str | None] = field(default_factory=dict)
    slots: dict[str, Slot] = field(default_factory=dict)
    totals: dict[str, tuple[Decimal, str | None]] = field(default_factory=dict)
    joints: list[Joint] = field(default_factory=list)
    captures: dict[str, Capture] = field(default_factory=dict)
    late: list[LateValue] = field(default_factory=list)
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
            key=KeyRecord(**data.get("key", {})),
            events=dict(data.get("events", {})),
            loads=dict(data.get("loads", {})),
        )

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
            "key": self.key._asdict(),
            "events": dict(self.events),
            "loads": dict(self.loads),
        }
