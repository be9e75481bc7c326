"""The accounting of what has no serials: a lot's distribution and balance, read into buckets (docs/recall.md)."""

from dataclasses import replace
from decimal import Decimal

from domain.balance import Balance
from domain.cases.accounting import LotLine, Portion
from domain.cases.buckets import Bucket
from domain.cases.custody import Custody
from domain.cases.handing import Ours
from domain.cases.unnamed import SOMEBODY, counted_in
from domain.distribution import Where
from domain.facts import Status
from domain.state import State
from domain.stock import Term

ZERO = Decimal(0)
_GONE_WITH_IT = frozenset({Status.SCRAPPED, Status.DESTROYED, Status.CONSUMED, Status.INSTALLED})
"""What became of a container and is told of its contents in the lot's balance (domain/balance.py)."""
_SERIALS_FROM = (
    *(Bucket.IN_STOCK, Bucket.IN_PROCESS, Bucket.UNKNOWN, Bucket.IN_TRANSIT, Bucket.WITH_CONSIGNEE, Bucket.SOLD),
    *(Bucket.RETURNED, Bucket.EXPORTED, Bucket.SCRAPPED_BEFORE, Bucket.DESTROYED, Bucket.LOST),
)
"""From where pieces with serials are taken: the lot is told of where it was made, its units of where they went."""


def lot_lines(lot: Custody, now: State, before: State | None, *, ours: Ours, serials: int) -> list[LotLine]:
    """One line a unit of measure. `before`: as it stood when the case was opened; `serials`: its units in the set."""
    units = {w.uom for w in now.where} | {b.uom for b in now.balances} | {uom for _, _, uom in lot.open_inputs}
    found = []
    for uom in sorted(units, key=lambda u: u or ""):
        balance = _of(now, uom)
        portions = [p for p in (_standing(w, lot, ours) for w in now.where if w.uom == uom) if p is not None]
        portions += _gone(balance, _of(before, uom))
        issued = [quantity for _, quantity, unit in lot.open_inputs if unit == uom]
        portions += [Portion(bucket=Bucket.IN_PROCESS, quantity=q) for q in issued if q]
        if counted_in(uom) is None:
            portions = _without_serials(portions, serials)
        amounts = [*(w.quantity for w in now.where if w.uom == uom), *issued]
        unsure = any(q is None or q < 0 for q in amounts) or (balance is not None and balance.unaccounted is None)
        left = sum((q for h in lot.hands for u, q in h.amounts if u == uom and q is not None), ZERO)
        if portions or unsure:
            found.append(LotLine(lot=lot.item, uom=uom, portions=tuple(portions), unsure=unsure, left=left))
    return found


def _of(state: State | None, uom: str | None) -> Balance | None:
    return next((b for b in state.balances if b.uom == uom), None) if state is not None else None


def _gone(balance: Balance | None, before: Balance | None) -> list[Portion]:
    """What stands nowhere: scrapped before and since, written off, taken as samples (kept), and what nobody tells."""
    if balance is None:
        return []
    scrapped = balance.terms[Term.SCRAPPED]
    earlier = min(scrapped, before.terms[Term.SCRAPPED]) if before is not None else ZERO
    told = {
        Bucket.SCRAPPED_BEFORE: earlier,
        Bucket.DESTROYED: scrapped - earlier,
        Bucket.LOST: balance.terms[Term.LOSSES],
        Bucket.IN_STOCK: balance.terms[Term.SAMPLES],
        Bucket.UNKNOWN: balance.unaccounted or ZERO,
    }
    return [Portion(bucket=bucket, quantity=q) for bucket, q in told.items() if q > 0]


def _without_serials(portions: list[Portion], serials: int) -> list[Portion]:
    left = Decimal(serials)
    found = []
    for portion in sorted(portions, key=lambda p: (_SERIALS_FROM.index(p.bucket), p.party or "", p.quantity)):
        taken = min(left, portion.quantity)
        left -= taken
        if portion.quantity > taken:
            found.append(replace(portion, quantity=portion.quantity - taken))
    return found


def _standing(row: Where, lot: Custody, ours: Ours) -> Portion | None:
    """Where a part of it stands, in a bucket; nothing of no or of an unknown quantity, or of what is told as gone."""
    if row.quantity is None or row.quantity <= 0 or (row.container is not None and row.status in _GONE_WITH_IT):
        return None
    party = ours.outside(row.holder)
    if row.holder is None and row.site is not None:
        told, owner = ours.owner(row.site)
        party = owner if told else {h.place: h.party for h in lot.hands}.get(row.site)
    away = row.status in (Status.IN_TRANSIT, Status.SOLD)
    whose = party if party is not None or not away else SOMEBODY
    return Portion(bucket=_bucket(row.status, whose, ours), quantity=row.quantity, party=whose)


def _bucket(status: Status | None, party: str | None, ours: Ours) -> Bucket:
    match status:
        case Status.IN_TRANSIT:
            return Bucket.IN_TRANSIT
        case Status.SOLD:
            return Bucket.EXPORTED if ours.abroad(party) else Bucket.SOLD
        case _ if party is not None:
            return Bucket.EXPORTED if ours.abroad(party) else Bucket.WITH_CONSIGNEE
        case Status.RETURNED:
            return Bucket.RETURNED
        case _:
            return Bucket.IN_STOCK
