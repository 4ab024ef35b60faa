"""What p1meter made of the meter: its enabled entities, with the values they show."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .client import Client, Json

DOMAIN = "p1meter"
_WITHOUT_VALUE = {"event", "button"}  # unknown until something happens
_ONLY_NOW_AND_THEN = "_override_until"  # end of the ids of what has a value while a person's hand is on a load
NO_VALUE = {"unknown", "unavailable"}


@dataclass(frozen=True, slots=True)
class Entity:
    """One enabled entity. `what` is its role and key, `electricity_import_tariff_1`; `device` is the device's name."""

    entity_id: str
    what: str
    state: str
    unit: str | None
    device_class: str | None
    state_class: str | None
    device: str | None

    @property
    def has_value(self) -> bool:
        """Whether it shows something."""
        return self.state not in NO_VALUE

    def line(self) -> Json:
        """What `scripts/demo --once` prints of it."""
        return {
            "entity_id": self.entity_id,
            "state": self.state,
            "unit": self.unit,
            "device_class": self.device_class,
            "state_class": self.state_class,
            "device": self.device,
        }


async def entities(client: Client, entry_id: str) -> list[Entity]:
    """Return the enabled entities of one meter but events and buttons, in the order of their ids."""
    devices = {device["id"]: device for device in await client.command("config/device_registry/list")}
    states = await client.states()
    found = []
    for row in await client.command("config/entity_registry/list"):
        entity_id = str(row["entity_id"])
        if row["config_entry_id"] != entry_id or row["disabled_by"] or entity_id.partition(".")[0] in _WITHOUT_VALUE:
            continue
        if row["unique_id"].endswith(_ONLY_NOW_AND_THEN):
            continue
        state = states.get(entity_id, {"state": "unavailable", "attributes": {}})
        attributes = state["attributes"]
        device = devices.get(row["device_id"], {})
        found.append(
            Entity(
                entity_id,
                row["unique_id"].removeprefix(f"{entry_id}_"),
                state["state"],
                attributes.get("unit_of_measurement"),
                attributes.get("device_class"),
                attributes.get("state_class"),
                device.get("name_by_user") or device.get("name"),
            )
        )
    return sorted(found, key=lambda entity: entity.entity_id)


async def first_entry(client: Client) -> str | None:
    """Return the id of the first p1meter entry, None if there is none yet."""
    entries = await client.command("config_entries/get", domain=DOMAIN)
    return str(entries[0]["entry_id"]) if entries else None
