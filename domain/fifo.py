"""How much of what came out of a vessel each charge is, if it came out in the order it went in."""

from collections.abc import Iterable
from decimal import Decimal

from domain.facts import VesselAct
from domain.ids import ItemId
from domain.record import VesselSign

SHARE = Decimal("0.000001")
"""Shares are given to this; they need not add up to 1 to the last digit."""


def shares(
    discharge: VesselSign, fill: Iterable[VesselSign], held: Iterable[VesselSign]
) -> dict[tuple[int, ItemId], Decimal]:
    """The share of each charge held in one discharge; nothing unless every quantity is known in one unit of measure.

    Keyed by charge and item. What it says is an estimate of the plant's own books: it never takes a link away.
    """
    charged = {(s.event.no, s.fact.item): s for s in held}
    own = _key(discharge)
    acts: dict[tuple[int, int, ItemId | None], VesselSign] = {}
    for sign in fill:
        if sign.event.facts.order <= discharge.event.facts.order and _counts(sign, charged.keys()):
            acts.setdefault((sign.event.no, sign.fact.part, sign.fact.item if _is_charge(sign) else None), sign)
    since = min((s.event.facts.order for s in charged.values()), default=discharge.event.facts.order)
    ordered = sorted(
        (s for s in acts.values() if s.event.facts.order >= since),
        key=lambda s: (s.event.facts.order, s.fact.act, s.fact.item or "", s.fact.part),
    )
    if any(s.fact.quantity is None or s.fact.uom != discharge.fact.uom for s in ordered):
        return {}
    return _drained(ordered, own)


def _drained(ordered: Iterable[VesselSign], own: tuple[int, int]) -> dict[tuple[int, ItemId], Decimal]:
    """Run the vessel: charges queue up, what comes out takes from the front."""
    queue: list[tuple[tuple[int, ItemId], Decimal]] = []
    for sign in ordered:
        quantity = sign.fact.quantity or Decimal(0)
        if _is_charge(sign):
            assert sign.fact.item is not None
            queue.append(((sign.event.no, sign.fact.item), quantity))
            continue
        out = quantity if sign.fact.act is VesselAct.DISCHARGE else sum((q for _, q in queue), Decimal(0)) - quantity
        taken, queue = _take(queue, out)
        if _key(sign) == own and sign.fact.act is VesselAct.DISCHARGE:
            whole = sum(taken.values(), Decimal(0))
            return {key: (part / whole).quantize(SHARE) for key, part in taken.items()} if whole else {}
    return {}


def _take(
    queue: list[tuple[tuple[int, ItemId], Decimal]], out: Decimal
) -> tuple[dict[tuple[int, ItemId], Decimal], list[tuple[tuple[int, ItemId], Decimal]]]:
    taken: dict[tuple[int, ItemId], Decimal] = {}
    left = []
    for key, quantity in queue:
        part = min(max(out, Decimal(0)), quantity)
        out -= part
        if part:
            taken[key] = taken.get(key, Decimal(0)) + part
        if quantity > part:
            left.append((key, quantity - part))
    return taken, left


def _counts(sign: VesselSign, charged: Iterable[tuple[int, ItemId | None]]) -> bool:
    if sign.fact.act is VesselAct.CHARGE:
        return (sign.event.no, sign.fact.item) in charged
    return sign.fact.act in (VesselAct.DISCHARGE, VesselAct.EMPTY)


def _key(sign: VesselSign) -> tuple[int, int]:
    return sign.event.no, sign.fact.part


def _is_charge(sign: VesselSign) -> bool:
    return sign.fact.act is VesselAct.CHARGE
