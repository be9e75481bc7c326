"""What is told by number only ("7 of lot L recovered"), taken from where it was (docs/recall.md, 'Without serials')."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from domain.cases.buckets import DONE, LEAST_DONE, RECALLED, Bucket, Claim
from domain.ids import ItemId

PIECES = frozenset({"EA", "C62", "H87", "PCE"})
"""Codes that count pieces (UN/ECE Rec 20; PCE of EDIFACT): the same as no code."""
SOMEBODY = ""
"""A party outside of which nobody says who it is."""

_MOST_DONE_FIRST = tuple(reversed(LEAST_DONE))
"""The order in which figures are met: what is remedied was recovered, too."""
_TAKEN_FROM = (
    *(Bucket.RETURNED, Bucket.WITH_CONSIGNEE, Bucket.IN_TRANSIT, Bucket.SOLD, Bucket.EXPORTED, Bucket.UNKNOWN),
    *(Bucket.UNREACHABLE, Bucket.LOST, Bucket.IN_STOCK, Bucket.IN_PROCESS),
)


def counted_in(uom: str | None) -> str | None:
    """The unit of measure; None for pieces."""
    return None if uom in PIECES else uom


def met_by(bucket: Bucket) -> frozenset[Bucket]:
    """What counts for a figure: who had 7 on hand and sent 5 of these back had 7 on hand."""
    return frozenset({bucket}) if bucket in DONE else RECALLED | {bucket}


@dataclass(slots=True)
class Part:
    """So much, known by these lots, with one party (None: nobody outside), in one bucket."""

    lots: tuple[ItemId, ...]
    party: str | None
    bucket: Bucket
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Move:
    """So much of an item went from one bucket to another. `source` None: it is told, but nothing was there for it."""

    item: ItemId
    party: str | None
    source: Bucket | None
    to: Bucket
    quantity: Decimal


Key = tuple[tuple[ItemId, ...], str | None, Bucket]


@dataclass(slots=True)
class Pool:
    """Amounts by lots, party and bucket."""

    held: dict[Key, Decimal] = field(default_factory=dict)
    _of_item: dict[ItemId, dict[str | None, set[Key]]] = field(default_factory=dict)

    def add(self, part: Part) -> None:
        key = (part.lots, part.party, part.bucket)
        if key not in self.held:
            for lot in part.lots:
                self._of_item.setdefault(lot, {}).setdefault(part.party, set()).add(key)
        self.held[key] = self.held.get(key, Decimal(0)) + part.quantity

    def totals(self) -> dict[Bucket, Decimal]:
        found: dict[Bucket, Decimal] = {}
        for (_, _, bucket), quantity in self.held.items():
            found[bucket] = found.get(bucket, Decimal(0)) + quantity
        return found

    def parts(self, item: ItemId, party: str | None, bucket: Bucket) -> list[Part]:
        """What there is of an item with a party (None: with anyone), then what is with nobody knows whom."""
        by_party = self._of_item.get(item, {})
        parties = by_party if party is None else dict.fromkeys((party, SOMEBODY))
        found = [
            Part(*key, self.held[key])
            for whose in parties
            for key in by_party.get(whose, ())
            if key[2] is bucket and self.held[key] > 0
        ]
        return sorted(found, key=lambda p: (p.party == SOMEBODY, p.party or "", p.lots))


@dataclass(frozen=True, slots=True)
class Figure:
    """So much of an item is said to be in a bucket with a party; `quantity` None: all that the party has."""

    item: ItemId
    party: str | None
    to: Bucket
    quantity: Decimal | None
    uom: str | None = None


def figures_of(claims: Iterable[Claim]) -> list[Figure]:
    """The figures that stand: each is a total as of when it is said, so the last of its kind counts."""
    last: dict[tuple[ItemId, str | None, str, Bucket], Claim] = {}
    for claim in sorted(claims, key=lambda c: (c.order, c.quantity is None, c.quantity or 0)):
        if claim.says is not None:
            last[claim.item, claim.party, counted_in(claim.uom) or "", claim.says] = claim
    found = [
        Figure(claim.item, claim.party, to, claim.quantity, uom or None) for (_, _, uom, to), claim in last.items()
    ]
    order = {bucket: place for place, bucket in enumerate(_MOST_DONE_FIRST)}
    return sorted(found, key=lambda f: (order[f.to], f.item, f.uom or "", f.party is None, f.party or ""))


def spread(pool: Pool, figures: Iterable[Figure]) -> list[Move]:
    """Take the figures out of the pool and tell each move. What a party cannot have is not taken from others."""
    wanted = list(figures)
    moves = [move for figure in wanted for move in _met(pool, figure)]
    for figure in wanted:
        short = (figure.quantity or Decimal(0)) - _there(pool, figure)
        if short > 0:
            moves.append(Move(figure.item, figure.party, None, figure.to, short))
    return moves


def _there(pool: Pool, figure: Figure) -> Decimal:
    return sum((p.quantity for b in met_by(figure.to) for p in pool.parts(figure.item, figure.party, b)), Decimal(0))


def _met(pool: Pool, figure: Figure) -> Iterable[Move]:
    """The moves that make one figure true, as far as it can be."""
    left = None if figure.quantity is None else max(Decimal(0), figure.quantity - _there(pool, figure))
    for source in _TAKEN_FROM:
        if source in met_by(figure.to):
            continue
        for part in pool.parts(figure.item, figure.party, source):
            taken = part.quantity if left is None else min(left, part.quantity)
            if taken <= 0:
                continue
            pool.add(Part(part.lots, part.party, source, -taken))
            pool.add(Part(part.lots, part.party, figure.to, taken))
            yield Move(figure.item, part.party, source, figure.to, taken)
            left = None if left is None else left - taken
