"""What went into an order (or another transformation), what came of it, and what is open or unaccounted for."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from domain.answers import Conflict, Gap
from domain.facts import Role
from domain.ids import ItemId
from domain.measures import Measures, decimal_of, in_unit, measures_of, plain
from domain.open_orders import is_closed
from domain.postings import Net, posted_quantity
from domain.record import Found, Known, Naming, Need, Question
from domain.transformations import Transformation


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One item on one side: what was posted, what came back or was reversed, what is left. None: unknown."""

    item: ItemId
    role: Role
    uom: str | None
    posted: Decimal | None
    net: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderTotal:
    """All lines of one unit of measure. `open` or `unaccounted` is what is left, as the order is open or closed; both
    are None where quantities are unknown, or another unit cannot be converted to this one.
    """

    uom: str | None
    consumed: Decimal
    produced: Decimal
    open: Decimal | None
    unaccounted: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderBalance:
    key: str
    closed: bool
    lines: tuple[OrderLine, ...]
    totals: tuple[OrderTotal, ...]
    gaps: tuple[Gap, ...]
    conflicts: tuple[Conflict, ...]


def order_balance(key: str, *, at_us: int, tolerance: Decimal) -> Question[OrderBalance]:
    """The balance of one transformation at an instant; without lines where nothing is known of it."""
    known = Known()
    yield from known.require(Need(transformations=frozenset({key}), closings=frozenset({key})))
    past = [n for n in known.found.transformations.get(key, []) if n.event.facts.latest_us <= at_us]
    items = frozenset(n.mention.item for n in past)
    yield from known.require(Need(linked=items))
    yield from known.require(Need(factors=items.union(*(_materials(known.found, i) for i in items))))
    closings = [c for c in known.found.closings.get(key, []) if c.facts.latest_us <= at_us]
    is_order = any(n.event.facts.posting is not None for n in past)
    closed = not is_order or is_closed(closings, None)
    transformation = Transformation(past)
    lines = tuple(_lines(past, transformation))
    measures = {i: measures_of(i, _materials(known.found, i), known.found.factors) for i in items}
    totals = _totals(lines, _first_unit(past), measures, closed=closed)
    inputs = tuple(sorted({line.item for line in lines if line.role is Role.INPUT}))
    gaps = tuple(g for t in totals if (g := _gap(t, inputs, tolerance=tolerance)) is not None)
    return OrderBalance(key, closed, lines, totals, gaps, tuple(transformation.settled.conflicts))


def _materials(found: Found, item: ItemId) -> set[ItemId]:
    by_id = {ItemId(item.material)} if item.material is not None else set()
    return by_id | found.materials.get(item, set())


def _lines(namings: Iterable[Naming], transformation: Transformation) -> Iterable[OrderLine]:
    posted: dict[tuple[ItemId, Role], Net] = {}
    for n in namings:
        side = posted.setdefault((n.mention.item, n.mention.role), {})
        uom = plain(n.mention.uom)[0]
        amount, held = posted_quantity(n.mention), side.get(uom, Decimal(0))
        quantity = in_unit(amount, n.mention.uom, uom) if amount is not None else None
        side[uom] = None if held is None or quantity is None else held + quantity
    for (item, role), quantities in sorted(posted.items()):
        if role not in (Role.INPUT, Role.OUTPUT):
            continue
        net = transformation.settled.nets.get((item, role), quantities)
        if (item, role) in transformation.settled.verdicts:
            net = {**dict.fromkeys(quantities, Decimal(0)), **net}
        for uom in sorted(quantities.keys() | net.keys(), key=lambda u: u or ""):
            yield OrderLine(item, role, uom, quantities.get(uom, Decimal(0)), net.get(uom, Decimal(0)))


def _first_unit(namings: Iterable[Naming]) -> str | None:
    counted = [n for n in namings if n.mention.role is Role.INPUT and n.mention.quantity is not None]
    first = min(counted, key=lambda n: (n.event.facts.order, n.mention.uom or ""), default=None)
    return plain(first.mention.uom)[0] if first is not None else None


def _totals(
    lines: Iterable[OrderLine], base: str | None, measures: dict[ItemId, Measures], *, closed: bool
) -> tuple[OrderTotal, ...]:
    sums: dict[str | None, dict[Role, Fraction]] = {}
    unknown = False
    for line in lines:
        if line.net is None:
            unknown = True
            continue
        converted = measures[line.item].convert(Fraction(line.net), line.uom, base)
        uom, quantity = (line.uom, Fraction(line.net)) if converted is None else (base, converted)
        side = sums.setdefault(uom, {Role.INPUT: Fraction(0), Role.OUTPUT: Fraction(0)})
        side[line.role] += quantity
    told = not unknown and len(sums) == 1
    found = []
    for uom, side in sorted(sums.items(), key=lambda row: row[0] or ""):
        left = decimal_of(side[Role.INPUT] - side[Role.OUTPUT]) if told else None
        found.append(
            OrderTotal(
                uom,
                consumed=decimal_of(side[Role.INPUT]),
                produced=decimal_of(side[Role.OUTPUT]),
                open=None if closed else left,
                unaccounted=left if closed else None,
            )
        )
    return tuple(found)


def _gap(total: OrderTotal, inputs: tuple[ItemId, ...], *, tolerance: Decimal) -> Gap | None:
    if total.open is not None and abs(total.open) > tolerance * total.consumed:
        return Gap("open_wip", inputs, "issued, and not yet in what is reported", total.open, total.uom)
    if total.unaccounted is not None and abs(total.unaccounted) > tolerance * total.consumed:
        return Gap("unaccounted", inputs, "issued, and not in what was reported", total.unaccounted, total.uom)
    return None
