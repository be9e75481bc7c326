"""Where an item was seen: as something packed, fitted or used."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeVar

from domain.facts import Action, Role
from domain.ids import ItemId
from domain.record import Happened, Naming
from domain.stays import Order

T = TypeVar("T")


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


@dataclass(frozen=True, slots=True)
class Leaving:
    """What a container held may have left it with this event; `child` None: all of it."""

    event: Happened
    child: ItemId | None = None


class Lasting(Generic[T]):
    """Things that lasted, by container; asked which of them were under way at an instant, end not included."""

    def __init__(self) -> None:
        self._told: dict[ItemId, list[tuple[int, int, T]]] = {}
        self._sorted: dict[ItemId, tuple[list[tuple[int, int, T]], list[int]]] = {}

    def add(self, container: ItemId, event: Happened, value: T) -> None:
        """Take one in; what happened at one instant is never under way."""
        facts = event.facts
        if facts.begins_us < facts.latest_us:
            self._told.setdefault(container, []).append((facts.begins_us, facts.latest_us, value))

    def at(self, container: ItemId, at_us: int) -> Iterator[T]:
        """Looks only at what may reach so far: a tray may have been used many thousand times."""
        if container not in self._told:
            return
        if container not in self._sorted:
            ordered = sorted(self._told[container], key=lambda t: t[:2])
            self._sorted[container] = ordered, list(accumulate((end for _, end, _ in ordered), max))
        ordered, latest_so_far = self._sorted[container]
        index = bisect_right(ordered, at_us, key=lambda t: t[0]) - 1
        while index >= 0 and latest_so_far[index] > at_us:
            _, end, value = ordered[index]
            if end > at_us:
                yield value
            index -= 1
