"""What a container holds at an instant, at every depth (SEMANTICS §4 'Containment')."""

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


def contents(item: ItemId, *, at_us: int) -> Question[list[Content]]:
    """Everything in a container at an instant, outermost first, then by item."""
    known = Known()
    [item] = yield from known.start([item])
    around = yield from surroundings(known, [item], inside=[item])
    inside: dict[ItemId, list[Stay]] = {}
    for stays in around.stays.values():
        for stay in stays:
            if stay.covers(at_us):
                inside.setdefault(stay.parent, []).append(stay)
    found: list[Content] = []
    seen = {item}
    todo = [(stay, 1) for stay in inside.get(item, [])]
    while todo:
        stay, depth = todo.pop(0)
        found += _rows(stay, depth, at_us)
        if stay.child not in seen:
            seen.add(stay.child)
            todo += [(inner, depth + 1) for inner in inside.get(stay.child, [])]
    return sorted(found, key=lambda c: (c.depth, c.item, c.uom or ""))


def _rows(stay: Stay, depth: int, at_us: int) -> list[Content]:
    amounts = stay.quantities(at_us) or ((None, Decimal(1)),)
    return [
        Content(stay.child, stay.parent, depth, stay.since_us, stay.until_us, stay.until_inferred, quantity, uom)
        for uom, quantity in amounts
    ]
