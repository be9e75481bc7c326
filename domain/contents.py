"""What a container holds at an instant, at every depth (SEMANTICS §4 'Containment')."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain.ids import ItemId
from domain.record import Known, Question
from domain.stays import Stay
from domain.surroundings import surroundings


@dataclass(frozen=True, slots=True)
class Content:
    """One thing in a container: since when, how deep (1: directly), and how much of a lot, one row a unit of measure.

    `until_us` is None for what is in it now; at a past instant it tells when it left later, `until_inferred` whether
    that end was not recorded but follows from its being elsewhere.
    """

    item: ItemId
    parent: ItemId
    depth: int
    since_us: int
    until_us: int | None
    until_inferred: bool
    quantity: Decimal | None
    uom: str | None


@dataclass(frozen=True, slots=True)
class Insides:
    """What was ever in some containers, at every depth."""

    stays: Mapping[ItemId, Sequence[Stay]]
    """by container"""
    things: Mapping[ItemId, ItemId]
    """the id that each container asked about goes by"""

    def at(self, container: ItemId, at_us: int) -> list[Content]:
        """Everything in one of them at an instant, outermost first, then by item."""
        item = self.things[container]
        found: list[Content] = []
        seen = {item}
        todo = [(stay, 1) for stay in self._directly(item, at_us)]
        while todo:
            stay, depth = todo.pop(0)
            found += _rows(stay, depth, at_us)
            if stay.child not in seen:
                seen.add(stay.child)
                todo += [(inner, depth + 1) for inner in self._directly(stay.child, at_us)]
        return sorted(found, key=lambda c: (c.depth, c.item, c.uom or ""))

    def _directly(self, container: ItemId, at_us: int) -> list[Stay]:
        return [stay for stay in self.stays.get(container, ()) if stay.covers(at_us)]


def insides(containers: Sequence[ItemId]) -> Question[Insides]:
    """What was ever in these containers."""
    known = Known()
    things = yield from known.start(containers)
    around = yield from surroundings(known, things, inside=things)
    by_container: dict[ItemId, list[Stay]] = {}
    for stays in around.stays.values():
        for stay in stays:
            by_container.setdefault(stay.parent, []).append(stay)
    return Insides(by_container, {c: known.things.of(c) for c in containers})


def contents(item: ItemId, *, at_us: int) -> Question[list[Content]]:
    """Everything in a container at an instant, outermost first, then by item."""
    found = yield from insides([item])
    return found.at(item, at_us)


def _rows(stay: Stay, depth: int, at_us: int) -> list[Content]:
    amounts = stay.quantities(at_us) or ((None, Decimal(1)),)
    return [
        Content(stay.child, stay.parent, depth, stay.since_us, stay.until_us, stay.until_inferred, quantity, uom)
        for uom, quantity in amounts
    ]
