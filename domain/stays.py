"""Marks of packing and unpacking, and what they are read into: stays in containers (SEMANTICS §4 'Containment')."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.facts import Action, Role
from domain.ids import ItemId
from domain.postings import line_of, struck_lines
from domain.record import Happened, Naming

Order = tuple[int, int, int, int, str]
Balance = tuple[tuple[str | None, Decimal | None], ...]
"""Quantity by unit of measure; None where it is unknown."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One packing or unpacking of one child; `child` None: everything leaves the parent."""

    event: Happened
    action: Action
    parent: ItemId
    child: ItemId | None
    quantity: Decimal | None = None
    uom: str | None = None

    @property
    def at_us(self) -> int:
        return self.event.facts.latest_us

    @property
    def order(self) -> Order:
        return self.event.facts.order


@dataclass(frozen=True, slots=True)
class Stay:
    """A child in a container over [since, until). `until_us` None: still. `end`: take, elsewhere or taken.

    `possible_until_us` (with `end_pending`): the end may yet be void, so it may have stayed until there (None: now).
    """

    child: ItemId
    parent: ItemId
    since_us: int
    start: Happened
    until_us: int | None = None
    end: str | None = None
    ended_by: Happened | None = None
    end_pending: bool = False
    possible_until_us: int | None = None
    changes: tuple[tuple[int, Balance], ...] = ()

    @property
    def since_from_us(self) -> int:
        """The earliest instant at which it may have come."""
        return self.start.facts.begins_us

    @property
    def until_from_us(self) -> int | None:
        """The earliest instant at which it may have gone."""
        return self.ended_by.facts.begins_us if self.ended_by is not None else None

    @property
    def until_inferred(self) -> bool:
        return self.end in ("elsewhere", "taken")

    def covers(self, at_us: int) -> bool:
        """Whether the child was in it at the instant, as the marks stand."""
        return self.since_us <= at_us and (self.until_us is None or at_us < self.until_us)

    def quantities(self, at_us: int) -> Balance:
        """How much of a lot was in it at the instant."""
        known = [balance for changed_us, balance in self.changes if changed_us <= at_us]
        return known[-1] if known else ()


@dataclass(frozen=True, slots=True)
class StandIn:
    """What a named input or component stood for. `via`: the container named; reasons make the link possible.

    `untold`: nothing tells that it was in what was used: it was put in later, but of that only a date is known, so it
    may have been in already; or `of_lot`: it was in a lot or class, and which of the boxes of that was used is unknown.
    """

    item: ItemId
    via: ItemId | None = None
    reasons: frozenset[str] = frozenset()
    untold: bool = False
    of_lot: bool = False


@dataclass(slots=True)
class Containment:
    """The outcome: every child's stays in order, and what each taking (event, item named) stood for."""

    stays: dict[ItemId, list[Stay]]
    stood_for: dict[tuple[int, ItemId], list[StandIn]]

    def holding(self, container: ItemId, at_us: int) -> list[Stay]:
        """The stays in a container that cover the instant, by child."""
        return [s for stays in self.stays.values() for s in stays if s.parent == container and s.covers(at_us)]


def marks_of(namings: Iterable[Naming]) -> list[Mark]:
    """The marks in an item's namings: as a child, and TAKE_ALL as a parent."""
    found = []
    for naming in namings:
        mention, event = naming.mention, naming.event
        parent = event.facts.parent
        if mention.role is Role.CHILD and parent is not None:
            found.append(Mark(event, mention.action, parent, mention.item, mention.quantity, mention.uom))
        elif mention.role is Role.PARENT and mention.action is Action.TAKE_ALL:
            found.append(Mark(event, Action.TAKE_ALL, mention.item, None))
    return found


def takings_of(namings: Sequence[Naming]) -> list[Naming]:
    """Where an item was used up or fitted: inputs that were not reversed, and components put in."""
    struck = struck_lines(namings)
    return [
        n
        for n in namings
        if (n.mention.role is Role.INPUT and line_of(n) not in struck)
        or (n.mention.role is Role.COMPONENT and n.mention.action in (Action.PUT, Action.OBSERVE))
    ]
