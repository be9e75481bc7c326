"""Where an order's record ends: issued and nothing reported, or more to come (docs/semantics.md, 'Order postings')."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from domain.answers import Gap
from domain.facts import Role
from domain.ids import ItemId, PlaceId
from domain.postings import Net
from domain.record import Happened, Naming
from domain.transformations import Transformation


def is_closed(closings: Iterable[Happened], operation: str | None) -> bool:
    """Whether no more is expected of the order, or of this operation of it; a closing that may yet be void is none."""
    theirs = [c.facts.posting.operation for c in closings if c.facts.posting is not None and not c.pending]
    return None in theirs or (operation is not None and operation in theirs)


def order_gaps(
    item: ItemId, namings: Sequence[Naming], transformation: Transformation, *, closings: Sequence[Happened]
) -> list[Gap]:
    """The gaps of one item in one order that it was issued to by these namings.

    Each of them must stand. An item that went in through a container has no quantity of its own.
    """
    open_namings = [n for n in namings if not is_closed(closings, _operation(n))]
    met = [n for n in namings if transformation.met_by(n)]
    order = _name(namings[0])
    if met:
        if not open_namings:
            return []
        return [Gap("open_wip", (item,), f"issued to {order}, which is open: more may come of it")]
    named = [n for n in namings if n.mention.item == item]
    nets: Net = transformation.settled.nets.get((item, Role.INPUT), {}) if named else {}
    rows: list[tuple[str | None, Decimal | None]] = sorted(nets.items(), key=lambda row: row[0] or "")
    code, what = (
        ("open_wip", "nothing is reported yet") if open_namings else ("unaccounted", "it closed with no output")
    )
    return [Gap(code, (item,), f"issued to {order}: {what}", quantity, uom) for uom, quantity in rows or [(None, None)]]


def _name(naming: Naming) -> str:
    facts = naming.event.facts
    assert facts.posting is not None
    return f"order {facts.posting.order} at {PlaceId(facts.site or '').site}"


def _operation(naming: Naming) -> str | None:
    return naming.event.facts.posting.operation if naming.event.facts.posting is not None else None
