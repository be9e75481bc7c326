"""Where an item was seen: as something packed, fitted or used."""

from dataclasses import dataclass

from domain.facts import Action, Role
from domain.ids import ItemId
from domain.record import Naming
from domain.stays import Order


@dataclass(frozen=True, slots=True)
class Sighting:
    """One naming as child, component or input."""

    at_us: int
    order: Order
    role: Role
    action: Action
    parent: ItemId | None
    pending: bool

    @property
    def marks(self) -> bool:
        return self.role is Role.CHILD


def sightings_of(namings: list[Naming]) -> list[Sighting]:
    """The namings of an item that tell where it was, in order."""
    found = [
        Sighting(
            n.event.facts.latest_us,
            n.event.facts.order,
            n.mention.role,
            n.mention.action,
            n.event.facts.parent if n.mention.role in (Role.CHILD, Role.COMPONENT) else None,
            n.event.pending,
        )
        for n in namings
        if n.mention.role in (Role.CHILD, Role.COMPONENT, Role.INPUT)
    ]
    return sorted(found, key=lambda s: (s.order, s.role))
