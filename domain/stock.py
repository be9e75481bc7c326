"""Where the quantity of a lot is: the sum of signed quantity facts (SEMANTICS §4 'A lot or class has a distribution').

Decimals, never floats; what is unknown, mixed or negative is a conflict, never a zero.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from domain.facts import EventFacts, Flow, Mention, Role, Status
from domain.ids import ItemId, PlaceId
from domain.record import Naming


@dataclass(frozen=True, slots=True)
class Spot:
    """Where some of a lot is: in a container, else at a site, else with a holder."""

    site: str | None = None
    holder: str | None = None
    container: ItemId | None = None
    status: Status = Status.IN_STOCK


@dataclass(slots=True)
class Stock:
    """A lot's distribution: quantity per spot and unit of measure (None: unknown), and what does not add up."""

    rows: dict[tuple[Spot, str | None], Decimal | None] = field(default_factory=dict)
    conflicts: list[tuple[str, str, str]] = field(default_factory=list)
    """(code, event id, detail)"""
    last_status: Status | None = None

    def add(self, spot: Spot, uom: str | None, quantity: Decimal | None) -> None:
        """Change a row; what becomes exactly zero is gone."""
        key = (spot, uom)
        held = self.rows.get(key, Decimal(0))
        new = None if held is None or quantity is None else held + quantity
        if new == 0:
            self.rows.pop(key, None)
        else:
            self.rows[key] = new

    def conflict(self, code: str, facts: EventFacts, detail: str) -> None:
        self.conflicts.append((code, facts.event_id, detail))


def stock_of(namings: Iterable[Naming], *, at_us: int) -> Stock:
    """The distribution of a lot at an instant, from every naming of it. The order is that of SEMANTICS §2."""
    stock = Stock()
    relevant = (n for n in namings if n.event.facts.latest_us <= at_us)
    for naming in sorted(relevant, key=lambda n: (n.event.facts.order, n.mention.role, n.mention.uom or "")):
        _apply(stock, naming.event.facts, naming.mention)
        if naming.mention.status is not None:
            stock.last_status = naming.mention.status
    for (spot, uom), quantity in stock.rows.items():
        if quantity is not None and quantity < 0:
            where = spot.container or spot.site or spot.holder or "an unknown place"
            stock.conflicts.append(("negative_balance", "", f"{quantity} {uom or 'pieces'} at {where}"))
    if len({uom for _, uom in stock.rows}) > 1:
        stock.conflicts.append(("mixed_units", "", "quantities in several units of measure cannot be added up"))
    return stock


def stood_at(namings: Iterable[Naming], site: str | None, *, at_us: int) -> bool:
    """Whether a lot was known to be at a site by an instant, and not known to be used up or gone.

    `site` None: anywhere. Where its quantities do not tell, it may still be there: decided for the people at risk.
    """
    known = [n for n in namings if n.event.facts.latest_us <= at_us]
    if not known:
        return False
    stock = stock_of(known, at_us=at_us)
    doubtful = bool(stock.conflicts) or any(q is None for q in stock.rows.values())
    here = [s for s, _ in stock.rows if site is None or _same_site(s.site, site)]
    if any(s.status is Status.IN_STOCK for s in here):
        return True
    ever_here = site is None or any(_same_site(n.event.facts.site, site) for n in known)
    return ever_here and (doubtful or (not stock.rows and stock.last_status in (None, Status.IN_STOCK)))


def _same_site(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and PlaceId(one).site == PlaceId(other).site


def _apply(stock: Stock, facts: EventFacts, mention: Mention) -> None:
    home = Spot(facts.site)
    flow = mention.flow
    match flow:
        case Flow.NONE:
            return
        case Flow.ENTER:
            stock.add(home, mention.uom, mention.quantity)
        case Flow.ADJUST:
            _adjust(stock, facts, mention)
        case Flow.PACK:
            _move(stock, facts, mention, Spot(container=facts.parent), _loose)
        case Flow.UNPACK:
            _move(stock, facts, mention, home, lambda s: s.container == facts.parent, restore=True)
        case Flow.INSTALL:
            _move(stock, facts, mention, None, _loose)
        case Flow.UNINSTALL:
            stock.add(home, mention.uom, mention.quantity)
        case Flow.CONSUME | Flow.SCRAP | Flow.DESTROY:
            _move(stock, facts, mention, None, _at_hand(stock, facts.site))
        case Flow.SHIP:
            to = Spot(facts.to_place, None if facts.to_place else facts.holder, None, Status.IN_TRANSIT)
            _move(stock, facts, mention, to, _loose)
        case Flow.SELL:
            _move(stock, facts, mention, Spot(None, facts.holder, None, Status.SOLD), _at_hand(stock, facts.site))
        case Flow.MOVE:
            _move(stock, facts, mention, home, _loose, adds=not stock.rows)
        case Flow.RECEIVE:
            _receive(stock, facts, mention)
        case Flow.RETURN:
            _move(stock, facts, mention, replace(home, status=Status.RETURNED), _away, adds=True)


def _loose(spot: Spot) -> bool:
    return spot.container is None and spot.status in (Status.IN_STOCK, Status.RETURNED)


def _at_hand(stock: Stock, site: str | None) -> Callable[[Spot], bool]:
    """What a use or sale that names no container takes from: what stands loose there, else anything present."""
    here = any(_loose(spot) and (site is None or _same_site(spot.site, site)) for spot, _ in stock.rows)
    return _loose if here else _present


def _present(spot: Spot) -> bool:
    return spot.status in (Status.IN_STOCK, Status.RETURNED)


def _away(spot: Spot) -> bool:
    return spot.status in (Status.SOLD, Status.IN_TRANSIT)


def _receive(stock: Stock, facts: EventFacts, mention: Mention) -> None:
    """A receipt subtracts from what is in transit to its place, else from the only row in transit."""
    transit = {s for s, _ in stock.rows if s.status is Status.IN_TRANSIT}
    target = Spot(facts.site)
    bound_here = {s for s in transit if s.site == facts.site or (s.site is None and s.holder == facts.holder)}
    rows = bound_here or transit
    if not rows:
        stock.add(target, mention.uom, mention.quantity)
    elif len(rows) > 1:
        stock.conflict("ambiguous_receipt", facts, f"{len(rows)} shipments are on the way, none of them to this place")
        stock.add(target, mention.uom, mention.quantity)
    else:
        _move(stock, facts, mention, target, lambda s: s in rows)


def _adjust(stock: Stock, facts: EventFacts, mention: Mention) -> None:
    rows = [s for (s, uom) in stock.rows if uom == mention.uom and _loose(s)]
    here = [s for s in rows if facts.site is None or _same_site(s.site, facts.site)]
    stock.add(here[0] if len(here) == 1 else Spot(facts.site), mention.uom, mention.quantity)


def _move(  # noqa: PLR0917
    stock: Stock,
    facts: EventFacts,
    mention: Mention,
    to: Spot | None,
    among: Callable[[Spot], bool],
    *,
    adds: bool = False,
    restore: bool = False,
) -> None:
    """Take the quantity from where the lot stands and put it at `to` (None: it is gone).

    Without quantity all of it moves, if it stands in one place; otherwise that is a conflict.
    """
    rows = sorted(((s, u) for (s, u) in stock.rows if among(s)), key=str)
    if facts.site is not None and len({s for s, _ in rows}) > 1:
        rows = [(s, u) for s, u in rows if _same_site(s.site, facts.site)] or rows
    spots = {s for s, _ in rows}
    if len(spots) > 1:
        stock.conflict("ambiguous_movement", facts, "the lot stands in several places, the event does not say which")
        if mention.quantity is None:
            return
    if not rows:
        if not adds:
            return _move_from_nowhere(stock, facts, mention, to=to)
        if to is not None:
            stock.add(to, mention.uom, mention.quantity)
        return None
    spot = rows[0][0]
    target = to
    if to is not None and to.container is not None:
        target = replace(to, site=spot.site)
    elif restore and spot.site is not None and facts.site is None:
        target = replace(spot, container=None)
    moved = [(mention.uom, mention.quantity)]
    if mention.quantity is None:
        moved = [(u, stock.rows[(s, u)]) for s, u in rows if s == spot]
    elif (spot, mention.uom) not in stock.rows:
        units = ", ".join(sorted(u or "pieces" for s, u in rows if s == spot))
        stock.conflict("mixed_units", facts, f"the lot is counted in {units}, the event in {mention.uom or 'pieces'}")
    for uom, quantity in moved:
        if quantity is None:
            stock.rows.pop((spot, uom), None)
        else:
            stock.add(spot, uom, -quantity)
        if target is not None:
            stock.add(target, uom, quantity)
    return None


def _move_from_nowhere(stock: Stock, facts: EventFacts, mention: Mention, *, to: Spot | None) -> None:
    """More leaves than was ever there: the books go negative, and say so."""
    if mention.quantity is None:
        if to is not None:
            stock.add(to, mention.uom, None)
        return
    if mention.role is not Role.INPUT or stock.rows:
        stock.add(Spot(facts.site), mention.uom, -mention.quantity)
    if to is not None:
        stock.add(to, mention.uom, mention.quantity)
