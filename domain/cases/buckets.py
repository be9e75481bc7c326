"""Which one bucket of a recall's accounting a unit is in: three axes, one precedence (docs/recall.md, 'Accounting')."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from domain.cases.acts import Remedy
from domain.facts import Status
from domain.ids import ItemId


class Bucket(StrEnum):
    """Every affected unit is in exactly one. In the order in which reports list them."""

    IN_STOCK = "in_stock"
    IN_PROCESS = "in_process"
    IN_TRANSIT = "in_transit"
    WITH_CONSIGNEE = "with_consignee"
    SOLD = "sold"
    EXPORTED = "exported"
    RETURNED = "returned"
    CLEARED = "inspected_and_cleared"
    REMEDIED = "remedied"
    DESTROYED = "destroyed"
    SCRAPPED_BEFORE = "scrapped_before_recall"
    LOST = "lost"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


DONE = frozenset({Bucket.CLEARED, Bucket.REMEDIED, Bucket.DESTROYED, Bucket.SCRAPPED_BEFORE})
"""Nothing is left to do. All others are outstanding, those that cannot be found included."""
RECALLED = frozenset({Bucket.RETURNED, Bucket.CLEARED, Bucket.REMEDIED, Bucket.DESTROYED})
"""What the recall got hold of (CN6 'recalled', 21 CFR 7.53 'returned or corrected')."""

LEAST_DONE = (
    *(Bucket.UNKNOWN, Bucket.LOST, Bucket.UNREACHABLE, Bucket.EXPORTED, Bucket.SOLD, Bucket.WITH_CONSIGNEE),
    *(Bucket.IN_TRANSIT, Bucket.IN_PROCESS, Bucket.IN_STOCK, Bucket.RETURNED),
    *(Bucket.CLEARED, Bucket.REMEDIED, Bucket.DESTROYED, Bucket.SCRAPPED_BEFORE),
)
"""From what harms most to what harms least: of two that are equally late, the first counts."""
_RANK = {bucket: rank for rank, bucket in enumerate(LEAST_DONE)}
_SIGHTINGS = frozenset(Bucket) - {
    *(Bucket.LOST, Bucket.UNREACHABLE, Bucket.UNKNOWN, Bucket.DESTROYED, Bucket.SCRAPPED_BEFORE)
}
_AT_HOME = frozenset({Status.IN_STOCK, Status.RETURNED})


EVERYTHING = ItemId("")
"""As the item of a claim: all that its party has."""


class ClaimOrder(NamedTuple):
    """When it was so, when it was recorded, and by which event: later ones count."""

    at_us: int
    recorded_us: int
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What somebody says of an item in a case: a response, a verdict or a remedy. `says` None: it is affected.

    `item` is a unit, a lot, a class, or EVERYTHING.
    `quantity` of a lot or class: so much of it, without serials ("7 of L"), with `party` (None: whoever has it).
    `why` is a reason for not being reachable.
    """

    order: ClaimOrder
    item: ItemId
    says: Bucket | None
    party: str | None = None
    quantity: Decimal | None = None
    uom: str | None = None
    remedy: Remedy | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the record has a unit: the axis of whereabouts.

    `since_us`: when what decided its status happened. `returned_us`: when it last came back, if it has not left since.
    `account` is the last party outside that had it; `holder` who has it now, None: ourselves. `abroad`: the holder is
    in another country than we are. `left`: it was ever shipped or sold to somebody outside.
    """

    status: Status | None = None
    since_us: int | None = None
    holder: str | None = None
    account: str | None = None
    abroad: bool = False
    stolen: bool = False
    left: bool = False
    returned_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """The bucket of one unit; `remedy` and `why` of the claim that put it there; `conflict` where the axes disagree."""

    bucket: Bucket
    remedy: Remedy | None = None
    why: str | None = None
    conflict: str | None = None


def place(standing: Standing, claims: Iterable[Claim], *, opened_us: int) -> Placed:
    """The one bucket. Pure, and the same for the claims in any order. `opened_us`: when the case was opened."""
    told = sorted(claims, key=lambda c: (c.order, -_RANK[c.says or Bucket.UNKNOWN]))
    if not told:
        return Placed(bucket=recorded_bucket(standing, opened_us=opened_us))
    gone = standing.status in (Status.SCRAPPED, Status.DESTROYED)
    seen_us = max((c.order.at_us for c in told if c.says in _SIGHTINGS), default=None)
    conflict = None
    if gone:
        gone_us = standing.since_us if standing.since_us is not None else opened_us
        if seen_us is None or seen_us <= gone_us:
            return Placed(bucket=Bucket.SCRAPPED_BEFORE if gone_us < opened_us else Bucket.DESTROYED)
        conflict = "scrapped_yet_seen"
    remedied = _remedied(standing, told, seen_us=seen_us)
    if remedied is not None:
        return Placed(bucket=remedied.says or Bucket.REMEDIED, remedy=remedied.remedy, conflict=conflict)
    if any(c.says is Bucket.DESTROYED for c in told) and conflict is None:
        conflict = "destroyed_yet_seen"
    verdicts = [c for c in told if c.says in (None, Bucket.CLEARED)]
    if verdicts and verdicts[-1].says is Bucket.CLEARED:
        return Placed(bucket=Bucket.CLEARED, conflict=conflict)
    bucket, why = _whereabouts(standing, told, opened_us=opened_us, gone=gone)
    return Placed(bucket=bucket, why=why, conflict=conflict)


def _remedied(standing: Standing, told: list[Claim], *, seen_us: int | None) -> Claim | None:
    """The remedy that stands: nothing later says that it is affected; and what was destroyed is not seen later."""
    doubted = max((c.order for c in told if c.says is None), default=None)
    recorded_us = standing.since_us if standing.status not in (None, Status.SCRAPPED, Status.DESTROYED) else None
    for claim in reversed(told):
        if claim.says is Bucket.DESTROYED:
            later = max((t for t in (seen_us, recorded_us) if t is not None), default=None)
            if later is not None and later > claim.order.at_us:
                continue
        elif claim.says is not Bucket.REMEDIED:
            continue
        return claim if doubted is None or doubted < claim.order else None
    return None


def _whereabouts(standing: Standing, told: list[Claim], *, opened_us: int, gone: bool) -> tuple[Bucket, str | None]:
    """What is said last of where it is, by the record or by somebody; equally late: what harms most."""
    recorded = Bucket.UNKNOWN if gone else recorded_bucket(standing, opened_us=opened_us)
    where = [c for c in told if c.says is not None and c.says not in DONE]
    if not where:
        return recorded, None
    latest_us = where[-1].order.at_us
    said = where[-1]
    bucket = said.says or Bucket.UNKNOWN
    if bucket is Bucket.RETURNED and standing.status in _AT_HOME and standing.holder is None:
        return bucket, None  # put away since: still what came back
    since_us = None if gone or standing.status is None else standing.since_us
    if since_us is None or latest_us > since_us or (latest_us == since_us and _RANK[bucket] <= _RANK[recorded]):
        return bucket, said.why
    return recorded, None


def recorded_bucket(standing: Standing, *, opened_us: int) -> Bucket:
    """The bucket that the record alone gives."""
    if standing.stolen:
        return Bucket.LOST
    outside = standing.holder is not None
    match standing.status:
        case None:
            return Bucket.UNKNOWN
        case Status.SCRAPPED | Status.DESTROYED:
            before = standing.since_us is not None and standing.since_us < opened_us
            return Bucket.SCRAPPED_BEFORE if before else Bucket.DESTROYED
        case Status.CONSUMED | Status.INSTALLED:
            return Bucket.IN_PROCESS
        case Status.IN_TRANSIT:
            return Bucket.IN_TRANSIT
        case Status.SOLD:
            return Bucket.EXPORTED if standing.abroad else Bucket.SOLD
        case Status.IN_STOCK | Status.RETURNED if outside:
            return Bucket.EXPORTED if standing.abroad else Bucket.WITH_CONSIGNEE
        case Status.IN_STOCK | Status.RETURNED:
            back = standing.returned_us is not None and standing.returned_us >= opened_us
            return Bucket.RETURNED if back else Bucket.IN_STOCK
