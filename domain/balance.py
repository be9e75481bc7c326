"""Mass balance of a lot: what came in is what went out, what is there, and what nobody accounts for
(docs/semantics.md, 'Mass balance').
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from domain.answers import Gap
from domain.facts import Status
from domain.ids import ItemId
from domain.measures import decimal_of
from domain.stock import Stock, Term

TOLERANCE = Decimal("0.001")
"""Share of what came in that may be missing, or too much, before it is a gap."""

COMING_IN = (Term.OPENING, Term.RECEIVED, Term.PRODUCED, Term.RETURNED, Term.GAINS)
GOING_OUT = (Term.CONSUMED, Term.SHIPPED, Term.SCRAPPED, Term.SAMPLES, Term.LOSSES)

_TERM_IN_CONTAINER = {
    Status.IN_TRANSIT: Term.SHIPPED,
    Status.SOLD: Term.SHIPPED,
    Status.SCRAPPED: Term.SCRAPPED,
    Status.DESTROYED: Term.SCRAPPED,
    Status.CONSUMED: Term.CONSUMED,
    Status.INSTALLED: Term.CONSUMED,
}
"""What became of the part of a lot whose container it happened to: the lot itself was not named."""


@dataclass(frozen=True, slots=True)
class Row:
    """Some of a lot as it stands, in a container or not; quantity None: unknown."""

    uom: str | None
    status: Status | None
    contained: bool
    quantity: Fraction | None


@dataclass(frozen=True, slots=True)
class Balance:
    """One lot in one unit of measure. `unaccounted` None: the events in `unknown` moved nobody knows how much."""

    uom: str | None
    terms: dict[Term, Decimal]
    stock: Decimal
    unaccounted: Decimal | None
    unknown: tuple[str, ...] = ()

    @property
    def came_in(self) -> Decimal:
        return sum((self.terms[t] for t in COMING_IN), Decimal(0))


def balances_of(stock: Stock, rows: Iterable[Row]) -> tuple[Balance, ...]:
    """The balance in each unit of measure the lot is counted in."""
    terms = dict(stock.terms)
    standing: dict[str | None, Fraction] = {}
    unknown = set(stock.unknown)
    for row in rows:
        if row.quantity is None:
            unknown.add("")
            continue
        term = _TERM_IN_CONTAINER.get(row.status) if row.contained and row.status is not None else None
        if term is not None:
            terms[term, row.uom] = terms.get((term, row.uom), Fraction(0)) + row.quantity
        elif row.status in (Status.IN_STOCK, Status.RETURNED, None) and row.quantity > 0:
            standing[row.uom] = standing.get(row.uom, Fraction(0)) + row.quantity
    units = sorted({uom for _, uom in terms} | standing.keys(), key=lambda u: u or "")
    events = tuple(sorted(unknown - {""}))
    return tuple(_balance(uom, terms, standing, unknown=bool(unknown), events=events) for uom in units)


def _balance(
    uom: str | None,
    terms: dict[tuple[Term, str | None], Fraction],
    standing: dict[str | None, Fraction],
    *,
    unknown: bool,
    events: tuple[str, ...],
) -> Balance:
    mine = {term: terms.get((term, uom), Fraction(0)) for term in Term}
    stock = standing.get(uom, Fraction(0))
    left = sum((mine[t] for t in COMING_IN), Fraction(0)) - sum((mine[t] for t in GOING_OUT), Fraction(0)) - stock
    rounded = {term: decimal_of(quantity) for term, quantity in mine.items()}
    return Balance(uom, rounded, decimal_of(stock), None if unknown else decimal_of(left), events)


def unaccounted_gaps(item: ItemId, balances: Iterable[Balance], *, tolerance: Decimal) -> list[Gap]:
    """What is missing or too much beyond the tolerance, a share of what came in; or cannot be told."""
    found = []
    for b in balances:
        if b.unaccounted is None:
            found.append(Gap("unaccounted", (item,), "movements of unknown quantity: nobody can tell", None, b.uom))
        elif abs(b.unaccounted) > tolerance * b.came_in:
            what = "more came in than is accounted for" if b.unaccounted > 0 else "more went out than ever came in"
            found.append(Gap("unaccounted", (item,), what, b.unaccounted, b.uom))
    return found


def surely_unaccounted(item: ItemId, balances: Iterable[Balance], *, tolerance: Decimal) -> list[Gap]:
    """The same for an answer that is about more than balances: where the record says what came in, and how much."""
    told = [b for b in balances if b.unaccounted is not None and b.came_in > 0]
    return unaccounted_gaps(item, told, tolerance=tolerance)
