"""Where the quantity of a lot is: the sum of signed quantity facts (SEMANTICS §4 'A lot or class has a distribution').

Decimals, never floats; what is unknown, mixed or negative is a conflict, never a zero.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from typing import assert_never

from domain.facts import EventFacts, Flow, Mention, Role, Status
from domain.ids import ItemId, PlaceId
from domain.measures import Measures, decimal_of
from domain.postings import line_of, weighed_lines
from domain.record import Naming

_COMING_IN = (Flow.ENTER, Flow.RECEIVE, Flow.OPEN)


class Term(StrEnum):
    """What a movement is in a lot's balance (docs/semantics.md, 'Mass balance'): coming in, or going out."""

    OPENING = "opening"
    RECEIVED = "received"
    PRODUCED = "produced"
    RETURNED = "returned"
    GAINS = "gains"
    CONSUMED = "consumed"
    SHIPPED = "shipped"
    SCRAPPED = "scrapped"
    SAMPLES = "samples"
    LOSSES = "losses"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where some of a lot is: in a container, else at a site, else with a holder."""

    site: str | None = None
    holder: str | None = None
    container: ItemId | None = None
    status: Status = Status.IN_STOCK


@dataclass(frozen=True, slots=True)
class Moved:
    """A naming of a lot as stock sees it: quantity (None: unknown) in the unit that it is counted in."""

    facts: EventFacts
    mention: Mention
    quantity: Fraction | None
    uom: str | None


@dataclass(slots=True)
class Stock:
    """A lot's distribution: quantity per spot and unit of measure (None: unknown), and what does not add up.

    `terms` are the same movements by what they were; `unknown` the events that moved nobody knows how much.
    """

    rows: dict[tuple[Spot, str | None], Fraction | None] = field(default_factory=dict)
    terms: dict[tuple[Term, str | None], Fraction] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    conflicts: list[tuple[str, str, str]] = field(default_factory=list)
    """(code, event id, detail)"""
    last_status: Status | None = None
    comes_in: bool = False
    """whether it is recorded, at any time, how some of it came in"""

    def add(self, spot: Spot, uom: str | None, quantity: Fraction | None) -> None:
        """Change a row; what becomes exactly zero is gone."""
        key = (spot, uom)
        held = self.rows.get(key, Fraction(0))
        new = None if held is None or quantity is None else held + quantity
        if new == 0:
            self.rows.pop(key, None)
        else:
            self.rows[key] = new

    def enter(self, term: Term, one: Moved, *, uom: str | None, quantity: Fraction | None) -> None:
        """Enter a movement in the balance."""
        if quantity is None:
            self.unknown.add(one.facts.event_id)
        else:
            self.terms[term, uom] = self.terms.get((term, uom), Fraction(0)) + quantity

    def conflict(self, code: str, facts: EventFacts, detail: str) -> None:
        self.conflicts.append((code, facts.event_id, detail))

    @property
    def doubtful(self) -> bool:
        """Whether its quantities do not tell what is where."""
        known = [q for q in self.rows.values() if q is not None]
        several_units = len({uom for _, uom in self.rows}) > 1
        return bool(self.conflicts) or len(known) < len(self.rows) or several_units or any(q < 0 for q in known)


def stock_of(namings: Iterable[Naming], *, at_us: int, measures: Measures | None = None) -> Stock:
    """The distribution of a lot at an instant, from every naming of it. The order is that of SEMANTICS §2."""
    stock = Stock()
    past = [n for n in namings if n.event.facts.latest_us <= at_us]
    for moved in movements(stock, past, measures or Measures()):
        take_in(stock, moved)
    for (spot, uom), quantity in stock.rows.items():
        if quantity is not None and quantity < 0:
            where = spot.container or spot.site or spot.holder or "an unknown place"
            stock.conflicts.append(("negative_balance", "", f"{decimal_of(quantity):f} {uom or 'pieces'} at {where}"))
    if len({uom for _, uom in stock.rows}) > 1:
        stock.conflicts.append(("mixed_units", "", "quantities in several units of measure cannot be added up"))
    return stock


def take_in(stock: Stock, moved: Moved) -> None:
    """Let one movement happen."""
    _apply(stock, moved)
    if moved.mention.status is not None:
        stock.last_status = moved.mention.status


def movements(stock: Stock, namings: Sequence[Naming], measures: Measures) -> list[Moved]:
    """The namings in order; what was reversed did not happen; quantities in the unit of the first that came in."""
    left, unmatched = weighed_lines(namings)
    for n in unmatched:
        stock.conflict("unmatched_reversal", n.event.facts, "no document of the lot has as much as was reversed")
    standing = [
        (n.event.facts, n.mention, left.get(line_of(n), n.mention.quantity))
        for n in namings
        if n.mention.role is not Role.REVERSED and left.get(line_of(n)) != 0
    ]
    standing.sort(key=lambda m: (m[0].order, m[1].role, m[1].uom or ""))
    counted = [m for _, m, quantity in standing if quantity is not None and m.flow is not Flow.NONE]
    entered = [m for m in counted if m.flow in _COMING_IN]
    stock.comes_in = bool(entered)
    base = next((m.uom for m in (*entered, *counted)), None)
    found = []
    for facts, mention, amount in standing:
        quantity = Fraction(amount) if amount is not None else None
        converted = measures.convert(quantity, mention.uom, base) if quantity is not None else None
        if converted is None:
            found.append(Moved(facts, mention, quantity, mention.uom))
        else:
            found.append(Moved(facts, mention, converted, base))
    return found


def same_site(one: str | None, other: str | None) -> bool:
    """Whether two places are known and of one site."""
    return one is not None and other is not None and PlaceId(one).site == PlaceId(other).site


def _apply(stock: Stock, one: Moved) -> None:
    facts, flow = one.facts, one.mention.flow
    home = Spot(facts.site)
    match flow:
        case Flow.NONE | Flow.REVERSE:  # a reversed posting is left out
            return
        case Flow.ENTER | Flow.OPEN | Flow.GIVE_BACK | Flow.UNINSTALL:
            stock.add(home, one.uom, one.quantity)
            stock.enter(_TERM[flow], one, uom=one.uom, quantity=one.quantity)
        case Flow.ADJUST:
            _adjust(stock, one)
        case Flow.PACK:
            _move(stock, one, Spot(container=facts.parent), _loose)
        case Flow.UNPACK:
            _move(stock, one, home, lambda s: s.container == facts.parent, restore=True)
        case Flow.INSTALL:
            _move(stock, one, None, _loose)
        case Flow.CONSUME | Flow.SCRAP | Flow.DESTROY | Flow.SAMPLE:
            _move(stock, one, None, _at_hand(stock, facts.site))
        case Flow.SHIP:
            to = Spot(facts.to_place, None if facts.to_place else facts.holder, None, Status.IN_TRANSIT)
            _move(stock, one, to, _loose)
        case Flow.SELL:
            _move(stock, one, Spot(None, facts.holder, None, Status.SOLD), _at_hand(stock, facts.site))
        case Flow.MOVE:
            if not stock.rows:  # found: nobody says where it came from
                stock.enter(Term.OPENING, one, uom=one.uom, quantity=one.quantity)
            _move(stock, one, home, _loose, adds=not stock.rows)
        case Flow.RECEIVE:
            _receive(stock, one)
        case Flow.RETURN:
            _move(stock, one, replace(home, status=Status.RETURNED), _away, adds=True)
        case _:
            assert_never(flow)


_TERM = {
    Flow.ENTER: Term.PRODUCED,
    Flow.OPEN: Term.OPENING,
    Flow.GIVE_BACK: Term.RETURNED,
    Flow.UNINSTALL: Term.RETURNED,
    Flow.INSTALL: Term.CONSUMED,
    Flow.CONSUME: Term.CONSUMED,
    Flow.SCRAP: Term.SCRAPPED,
    Flow.DESTROY: Term.SCRAPPED,
    Flow.SAMPLE: Term.SAMPLES,
    Flow.SHIP: Term.SHIPPED,
    Flow.SELL: Term.SHIPPED,
    Flow.RECEIVE: Term.RECEIVED,
    Flow.RETURN: Term.RETURNED,
}
"""What goes from one own place to another (pack, unpack, move) is no term."""


def _loose(spot: Spot) -> bool:
    return spot.container is None and spot.status in (Status.IN_STOCK, Status.RETURNED)


def _at_hand(stock: Stock, site: str | None) -> Callable[[Spot], bool]:
    """What a use or sale that names no container takes from: what stands loose there, else anything present."""
    here = any(_loose(spot) and (site is None or same_site(spot.site, site)) for spot, _ in stock.rows)
    return _loose if here else _present


def _present(spot: Spot) -> bool:
    return spot.status in (Status.IN_STOCK, Status.RETURNED)


def _away(spot: Spot) -> bool:
    return spot.status in (Status.SOLD, Status.IN_TRANSIT)


def _receive(stock: Stock, one: Moved) -> None:
    """A receipt subtracts from what is in transit to its place, else from the only row in transit."""
    facts = one.facts
    transit = {s for s, _ in stock.rows if s.status is Status.IN_TRANSIT}
    target = Spot(facts.site)
    bound_here = {s for s in transit if s.site == facts.site or (s.site is None and s.holder == facts.holder)}
    rows = bound_here or transit
    if len(rows) == 1:
        _move(stock, one, target, lambda s: s in rows)
        return
    if rows:
        stock.conflict("ambiguous_receipt", facts, f"{len(rows)} shipments are on the way, none of them to this place")
    stock.add(target, one.uom, one.quantity)
    stock.enter(Term.RECEIVED, one, uom=one.uom, quantity=one.quantity)


def _adjust(stock: Stock, one: Moved) -> None:
    facts = one.facts
    rows = [s for (s, uom) in stock.rows if uom == one.uom and _loose(s)]
    here = [s for s in rows if facts.site is None or same_site(s.site, facts.site)]
    stock.add(here[0] if len(here) == 1 else Spot(facts.site), one.uom, one.quantity)
    change = one.quantity or Fraction(0)
    stock.enter(Term.GAINS if change > 0 else Term.LOSSES, one, uom=one.uom, quantity=abs(change))


def _move(  # noqa: PLR0917
    stock: Stock,
    one: Moved,
    to: Spot | None,
    among: Callable[[Spot], bool],
    *,
    adds: bool = False,
    restore: bool = False,
) -> None:
    """Take the quantity from where the lot stands and put it at `to` (None: it is gone).

    Without quantity all of it moves, if it stands in one place; otherwise that is a conflict.
    """
    facts = one.facts
    rows = sorted(((s, u) for (s, u) in stock.rows if among(s)), key=str)
    if facts.site is not None and len({s for s, _ in rows}) > 1:
        rows = [(s, u) for s, u in rows if same_site(s.site, facts.site)] or rows
    if len({s for s, _ in rows}) > 1:
        stock.conflict("ambiguous_movement", facts, "the lot stands in several places, the event does not say which")
        if one.quantity is None:
            _enter(stock, one, [(one.uom, None)])
            return
    if not rows:
        _enter(stock, one, [(one.uom, one.quantity)])
        if not adds:
            _move_from_nowhere(stock, one, to=to)
        elif to is not None:
            stock.add(to, one.uom, one.quantity)
        return
    spot = rows[0][0]
    target = to
    if to is not None and to.container is not None:
        target = replace(to, site=spot.site)
    elif restore and spot.site is not None and facts.site is None:
        target = replace(spot, container=None)
    moved = [(one.uom, one.quantity)]
    if one.quantity is None:
        moved = [(u, stock.rows[s, u]) for s, u in rows if s == spot]
    elif (spot, one.uom) not in stock.rows:
        units = ", ".join(sorted(u or "pieces" for s, u in rows if s == spot))
        stock.conflict("mixed_units", facts, f"the lot is counted in {units}, the event in {one.uom or 'pieces'}")
    _enter(stock, one, moved)
    for uom, quantity in moved:
        if quantity is None:
            stock.rows.pop((spot, uom), None)
        else:
            stock.add(spot, uom, -quantity)
        if target is not None:
            stock.add(target, uom, quantity)


def _enter(stock: Stock, one: Moved, moved: Iterable[tuple[str | None, Fraction | None]]) -> None:
    term = _TERM.get(one.mention.flow)
    if term is not None:
        for uom, quantity in moved:
            stock.enter(term, one, uom=uom, quantity=quantity)


def _move_from_nowhere(stock: Stock, one: Moved, *, to: Spot | None) -> None:
    """More leaves than was there: the books go negative, and say so. What is only ever used has no books."""
    if one.quantity is None:
        if to is not None:
            stock.add(to, one.uom, None)
        return
    if one.mention.role is not Role.INPUT or stock.rows or stock.comes_in:
        stock.add(Spot(one.facts.site), one.uom, -one.quantity)
    if to is not None:
        stock.add(to, one.uom, one.quantity)
