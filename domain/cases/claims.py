"""From acts to what they claim of items: one reading for the accounting, whoever tells it (docs/recall.md)."""

from collections.abc import Iterable, Iterator

from domain.cases.acts import ItemAmount, Recovered, Remedied, Responded, Unreachable, VerdictGiven
from domain.cases.buckets import EVERYTHING, Bucket, Claim, ClaimOrder
from domain.cases.custody import Custody
from domain.cases.record import Recorded
from domain.moments import Moment

CLAIMING = ("responded", "recovered", "unreachable", "verdict_given", "remedied")
"""The acts that say something of items."""

_UNREACHABLE = {"exported": Bucket.EXPORTED, "stolen": Bucket.LOST}


def claims_of(told: Iterable[Recorded]) -> Iterator[Claim]:
    """What the acts claim. Acts that claim nothing of items are passed over."""
    for one in told:
        yield from _claims(one)


def _claims(told: Recorded) -> Iterator[Claim]:
    act = told.act
    match act:
        case Responded():
            yield from _each(told, act.at, act.items, party=act.consignee, says=Bucket(act.whereabouts))
        case Recovered():
            yield from _each(told, act.at, act.items, party=act.consignee, says=Bucket.RETURNED)
        case Unreachable():
            items = act.items or (ItemAmount(item=EVERYTHING),)
            if act.items or act.consignee is not None:
                says = _UNREACHABLE.get(act.why, Bucket.UNREACHABLE)
                yield from _each(told, act.at, items, party=act.consignee, says=says, why=act.why)
        case VerdictGiven():
            says_clear = Bucket.CLEARED if act.verdict == "inspected_clear" else None
            yield from _each(told, act.at, act.items, party=act.consignee, says=says_clear)
        case Remedied():
            says = Bucket.DESTROYED if act.remedy == "destroy" else Bucket.REMEDIED
            yield from _each(told, act.at, act.items, party=act.consignee, says=says, remedy=act.remedy)
        case _:
            return


def _each(
    told: Recorded,
    at: Moment | None,
    items: Iterable[ItemAmount],
    *,
    party: str | None,
    says: Bucket | None,
    **more: str,
) -> Iterator[Claim]:
    when = at if at is not None else Moment.parse(told.occurred_at)
    order = ClaimOrder(when.latest_us, told.place[0], told.event_id)
    for i in items:
        yield Claim(order=order, item=i.item, says=says, party=party, quantity=i.quantity, uom=i.uom, **more)  # type: ignore[arg-type]


def remedies_of(one: Custody) -> Iterator[Claim]:
    """What the record tells: `remedied` events of a shop floor or dealer for the case count as responses do."""
    for done in one.remedies:
        yield Claim(
            order=ClaimOrder(done.at_us, done.recorded_us, done.event_id),
            item=one.item,
            says=Bucket.DESTROYED if done.remedy == "destroy" else Bucket.REMEDIED,
            remedy=done.remedy,
            quantity=done.quantity,
            uom=done.uom,
        )
