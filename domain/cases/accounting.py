"""The accounting of a recall: every affected unit in exactly one bucket, the sum closes (docs/recall.md, 'Accounting').

Top units are the population, loose spares are a line apart, lots without serials are lines of quantity.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from domain.cases.buckets import DONE, EVERYTHING, RECALLED, Bucket, Claim, Placed, Standing, place
from domain.cases.unnamed import Figure, Move, Part, Pool, counted_in, figures_of, spread
from domain.ids import ItemId


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A top unit or a loose spare. `lots` are those it belongs to, `sold` whether it ever left to somebody outside."""

    item: ItemId
    standing: Standing
    lots: tuple[ItemId, ...] = ()
    loose_spare: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """So much of a lot stands like this. `party`: who has it, or where it is; None: nobody outside."""

    bucket: Bucket
    quantity: Decimal
    party: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLine:
    """A lot of which no serials, or not all, are known, in one unit of measure.

    `unsure`: the record moved some of it without saying how much. `left`: how much of it was ever shipped or sold.
    """

    lot: ItemId
    uom: str | None
    portions: tuple[Portion, ...]
    unsure: bool = False
    left: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What does not agree: `scrapped_yet_seen`, `destroyed_yet_seen`, `more_than_held`, `amount_unknown`, `not_counted`
    (said of what is inside another affected unit).
    """

    code: str
    item: ItemId
    detail: str
    party: str | None = None
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantities:
    """The accounting of one lot line."""

    lot: ItemId
    uom: str | None
    buckets: Mapping[Bucket, Decimal]
    left: Decimal

    @property
    def population(self) -> Decimal:
        return sum(self.buckets.values(), Decimal(0))


@dataclass(slots=True)
class Accounting:
    """The answer. `buckets` and `spares` count units, every bucket named; `placed` says where each unit is.

    `moves` are units known by number only ("7 of L"): they are counted in `buckets` where they went, but no serial is
    known of them, so `placed` still has those they may be where they were.
    """

    buckets: dict[Bucket, int] = field(default_factory=lambda: dict.fromkeys(Bucket, 0))
    spares: dict[Bucket, int] = field(default_factory=lambda: dict.fromkeys(Bucket, 0))
    quantities: list[Quantities] = field(default_factory=list)
    placed: dict[ItemId, Placed] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    remedies: Counter[str] = field(default_factory=Counter)
    unreachable_because: Counter[str] = field(default_factory=Counter)
    left: int = 0
    troubles: list[Trouble] = field(default_factory=list)

    @property
    def population(self) -> int:
        """Top units."""
        return sum(self.buckets.values())

    @property
    def recalled(self) -> int:
        """Units that the recall got hold of."""
        return sum(self.buckets[b] for b in RECALLED)

    @property
    def outstanding(self) -> int:
        """Units and spares that are in no final bucket."""
        return sum(held[b] for held in (self.buckets, self.spares) for b in Bucket if b not in DONE)

    @property
    def outstanding_quantities(self) -> list[Quantities]:
        return [q for q in self.quantities if any(v for b, v in q.buckets.items() if b not in DONE)]

    @property
    def whole(self) -> bool:
        """Whether nothing at all is outstanding: only then may a case claim 100 %."""
        unknown = any(t.code == "amount_unknown" for t in self.troubles)
        return not self.outstanding and not self.outstanding_quantities and not unknown


def account(units: Iterable[Unit], lines: Iterable[LotLine], claims: Iterable[Claim], *, opened_us: int) -> Accounting:
    """Where everything is. Pure; the order of what is given does not matter, nor does a claim given twice."""
    told = sorted(set(claims), key=lambda c: (c.order, c.item, c.says or "", c.quantity or 0, c.uom or ""))
    ordered = sorted({u.item: u for u in units}.values(), key=lambda u: u.item)
    serialised = {lot for unit in ordered for lot in unit.lots}
    own, of_all, of_some = _sorted_out(told, ordered)
    found = Accounting()
    pool = Pool()
    for unit in ordered:
        mine = [*own.get(unit.item, ()), *_concerning(unit, of_all)]
        placed = place(unit.standing, mine, opened_us=opened_us)
        found.placed[unit.item] = placed
        (found.spares if unit.loose_spare else found.buckets)[placed.bucket] += 1
        found.left += not unit.loose_spare and unit.standing.left
        if placed.remedy is not None:
            found.remedies[placed.remedy] += 1
        if placed.why is not None:
            found.unreachable_because[placed.why] += 1
        if placed.conflict is not None:
            detail = f"the record and what was said of it do not agree; counted as {placed.bucket}"
            found.troubles.append(Trouble(placed.conflict, unit.item, detail))
        if not unit.loose_spare:
            pool.add(Part(unit.lots, unit.standing.account, placed.bucket, Decimal(1)))
    left_over = _by_number(found, pool, figures_of(c for c in of_some if c.item in serialised))
    whole_lots = [c for claims_of in of_all.values() for c in claims_of if c.item not in serialised]
    figures = [*left_over, *figures_of(c for c in (*of_some, *whole_lots) if c.item not in serialised)]
    _lines(found, sorted(lines, key=lambda one: (one.lot, one.uom or "")), figures)
    return found


def _sorted_out(
    told: Sequence[Claim], units: Sequence[Unit]
) -> tuple[dict[ItemId, list[Claim]], dict[ItemId, list[Claim]], list[Claim]]:
    """Claims on one unit, on all of a lot, and on so much of one."""
    single = {unit.item for unit in units}
    own: dict[ItemId, list[Claim]] = {}
    of_all: dict[ItemId, list[Claim]] = {}
    of_some: list[Claim] = []
    for claim in told:
        if claim.item in single:
            own.setdefault(claim.item, []).append(claim)
        elif claim.quantity is None:
            of_all.setdefault(claim.item, []).append(claim)
        else:
            of_some.append(claim)
    return own, of_all, of_some


def _concerning(unit: Unit, of_all: Mapping[ItemId, Sequence[Claim]]) -> Iterable[Claim]:
    """What is said of all of its lot, or of everything: by a party, of what that party had."""
    for lot in (*unit.lots, EVERYTHING) if of_all else ():
        for claim in of_all.get(lot, ()):
            if claim.party is None or claim.party == unit.standing.account:
                yield claim


def _by_number(found: Accounting, pool: Pool, figures: Sequence[Figure]) -> list[Figure]:
    """Move units that are told of by number only, among those of that lot with that party. What is left over."""
    left = [f for f in figures if f.uom is not None]
    pieces = [f for f in figures if f.uom is None and f.quantity is not None]
    for move in spread(pool, [replace(f, quantity=Decimal(int(f.quantity or 0))) for f in pieces]):
        if move.source is None:
            left.append(Figure(move.item, move.party, move.to, move.quantity))
            continue
        found.buckets[move.source] -= int(move.quantity)
        found.buckets[move.to] += int(move.quantity)
        found.moves.append(move)
    return left


def _lines(found: Accounting, lines: Sequence[LotLine], figures: Sequence[Figure]) -> None:
    units: dict[ItemId, set[str | None]] = {}
    for line in lines:
        units.setdefault(line.lot, set()).add(counted_in(line.uom))
    by_lot: dict[tuple[ItemId, str | None], list[Figure]] = {}
    for figure in figures:
        of_all = units if figure.item == EVERYTHING else [figure.item]
        for lot in of_all:
            for uom in units.get(lot, ()) if figure.quantity is None else [figure.uom]:
                by_lot.setdefault((lot, uom), []).append(replace(figure, item=lot))
    for line in lines:
        if line.unsure:
            detail = "some of it was moved without a quantity: nobody can tell that this is all of it"
            found.troubles.append(Trouble("amount_unknown", line.lot, detail))
        pool = Pool()
        for portion in line.portions:
            pool.add(Part((line.lot,), portion.party, portion.bucket, portion.quantity))
        for move in spread(pool, by_lot.pop((line.lot, counted_in(line.uom)), ())):
            if move.source is None:
                found.troubles.append(_too_much(move.item, move.party, move.quantity))
        buckets = dict.fromkeys(Bucket, Decimal(0)) | pool.totals()
        found.quantities.append(Quantities(lot=line.lot, uom=line.uom, buckets=buckets, left=line.left))
    for left_over in by_lot.values():
        for f in left_over:
            if f.quantity is not None:
                found.troubles.append(_too_much(f.item, f.party, f.quantity))


def _too_much(item: ItemId, party: str | None, quantity: Decimal) -> Trouble:
    detail = f"{quantity:f} more are told of than there are with them: not counted"
    return Trouble("more_than_held", item, detail, party, quantity)


def share(part: int | Decimal, whole: int | Decimal) -> Decimal | None:
    """A ratio to four places; None of nothing."""
    return None if not whole else (Decimal(part) / Decimal(whole)).quantize(Decimal("0.0001"))
