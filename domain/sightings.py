"""Where an item was seen: as something packed, fitted or used."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeVar

from domain.facts import Action, EventFacts, Role
from domain.ids import ItemId
from domain.record import Happened, Naming
from domain.stays import Order

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sighting:
    """One naming as child, component or input; or (TAKE_ALL) an emptying of the item itself."""

    event_no: int
    at_us: int
    begins_us: int
    order: Order
    role: Role
    action: Action
    parent: ItemId | None
    pending: bool

    @property
    def is_instant(self) -> bool:
        return self.begins_us == self.at_us

    def takes_away_from(self, box: ItemId) -> bool:
        """Whether it then is not in this container any more: unpacked, packed elsewhere, used or fitted."""
        if self.role is Role.CHILD:
            return self.parent == box if self.action is Action.TAKE else self.parent != box
        return self.takes

    @property
    def takes(self) -> bool:
        """Whether it was used or fitted."""
        return self.role is Role.INPUT or (self.role is Role.COMPONENT and self.action in (Action.PUT, Action.OBSERVE))

    @property
    def marks(self) -> bool:
        return self.role is Role.CHILD


def sightings_of(namings: list[Naming]) -> list[Sighting]:
    """The namings of an item that tell where it was, in order."""
    return _sightings(n for n in namings if n.mention.role in (Role.CHILD, Role.COMPONENT, Role.INPUT))


def emptyings_of(namings: list[Naming]) -> list[Sighting]:
    """When everything left an item, in order."""
    return _sightings(n for n in namings if n.mention.role is Role.PARENT and n.mention.action is Action.TAKE_ALL)


def _sightings(namings: Iterable[Naming]) -> list[Sighting]:
    found = [
        Sighting(
            n.event.no,
            n.event.facts.latest_us,
            n.event.facts.begins_us,
            n.event.facts.order,
            n.mention.role,
            n.mention.action,
            n.event.facts.parent if n.mention.role in (Role.CHILD, Role.COMPONENT) else None,
            n.event.pending,
        )
        for n in namings
    ]
    return sorted(found, key=lambda s: (s.order, s.role))


def swapping(sightings: list[Sighting], facts: EventFacts) -> Iterator[Sighting]:
    """Those of which nothing says whether they were before or after an event (`domain.facts.may_swap`)."""
    exact = facts.begins_us == facts.latest_us
    if exact and all(s.is_instant for s in sightings):
        return
    for s in sightings[bisect_left(sightings, facts.begins_us, key=lambda s: s.at_us) :]:
        if s.begins_us <= facts.latest_us and not (exact and s.is_instant):
            yield s


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

    def add(self, container: ItemId, event: Happened, value: T, *, until_us: int | None = None) -> None:
        """Take one in that lasted as long as its event, or until then; what lasted no time is never under way."""
        facts = event.facts
        end_us = facts.latest_us if until_us is None else until_us
        if facts.begins_us < end_us:
            self._told.setdefault(container, []).append((facts.begins_us, end_us, value))

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
