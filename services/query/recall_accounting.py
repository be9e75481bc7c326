"""The accounting of a recall over SQL, and as JSON (docs/recall.md, 'Accounting')."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from domain.balance import Balance
from domain.cases.accounting import Accounting, LotLine, Quantities, Trouble, Unit, account, share
from domain.cases.buckets import DONE, RECALLED, Bucket
from domain.cases.claims import claims_of, remedies_of
from domain.cases.custody import Custody
from domain.cases.handing import Ours
from domain.cases.lines import lot_lines
from domain.cases.population import SEVERAL, Population
from domain.cases.recall import RecallCase
from domain.ids import ItemId
from domain.links import ALWAYS_US
from domain.moments import Moment
from domain.state import State, states
from services.query.answering import answered
from services.query.recall_custody import custodies, ours, to_be_read
from services.query.rendering import balance_json, text
from services.query.snapshot import Asked
from services.query.working_set import sliced, working_set

LOTS_AT_ONCE = 50
NOT_COUNTED = "it is inside, or used up in, another affected unit: what is said of it says nothing of that one"
LISTED = 1_000
"""Conflicts, moves and balances that are listed; how many there are is told."""


@dataclass(slots=True)
class Accounted:
    """An accounting with what it was made of. `units` are those that count, by id, `sites` where they are;
    `balances` are of each lot.
    """

    accounting: Accounting
    opened_us: int
    units: dict[ItemId, Unit] = field(default_factory=dict)
    sites: dict[ItemId, str | None] = field(default_factory=dict)
    balances: dict[ItemId, tuple[Balance, ...]] = field(default_factory=dict)


async def accounted(asked: Asked, case: RecallCase, *, own_party: str) -> Accounted:
    """Where every affected unit is, by everything that is known in this snapshot."""
    opened_us = Moment.parse(case.opened.occurred_at).latest_us
    members = await working_set(asked, case)
    reading = await to_be_read(asked, members)
    population = Population(members, serials=reading.serials)
    whose = await ours(asked, own_party)
    claims = await asyncio.to_thread(lambda: list(claims_of(case.history)))
    units: dict[ItemId, Unit] = {}
    sites: dict[ItemId, str | None] = {}
    lots: dict[ItemId, Custody] = {}

    def take(some: Mapping[ItemId, Custody]) -> None:
        for item, one in some.items():
            unit = population.unit(one)
            if unit is not None:
                units[item], sites[item] = unit, one.site
            elif one.kind in SEVERAL:
                lots[item] = one
            claims.extend(remedies_of(one))

    async for some in custodies(asked, reading.items, whose=whose, case_id=case.case_id):
        await asyncio.to_thread(take, some)
    lines, balances = await _lots(asked, lots, whose=whose, opened_us=opened_us, serials=population.serials)

    def counted() -> Accounting:
        said = [replace(c, item=population.counted_as.get(c.item, c.item)) for c in claims]
        found = account(units.values(), lines, said, opened_us=opened_us)
        inside = {c.item for c in said if c.item in members and c.item not in units and c.item not in lots}
        found.troubles += [Trouble("not_counted", item, NOT_COUNTED) for item in sorted(inside)]
        return found

    return Accounted(await asyncio.to_thread(counted), opened_us, units, sites, balances)


async def _lots(
    asked: Asked, lots: dict[ItemId, Custody], *, whose: Ours, opened_us: int, serials: dict[ItemId, int]
) -> tuple[list[LotLine], dict[ItemId, tuple[Balance, ...]]]:
    lines: list[LotLine] = []
    balances: dict[ItemId, tuple[Balance, ...]] = {}
    for some in sliced(lots, LOTS_AT_ONCE):
        now: dict[ItemId, State] = await answered(states(some, at_us=ALWAYS_US), asked.record())
        before: dict[ItemId, State] = await answered(states(some, at_us=opened_us), asked.record())
        for lot in some:
            balances[lot] = now[lot].balances
            lines += lot_lines(lots[lot], now[lot], before[lot], ours=whose, serials=serials.get(lot, 0))
    return lines, balances


def accounting_json(case: RecallCase, told: Accounted) -> dict[str, Any]:
    """The answer without its frame. Every bucket is named, also those that are empty."""
    found = told.accounting
    frozen = case.frozen.frozen if case.frozen is not None else None
    return {
        "recall": case.case_id,
        "mode": case.mode,
        "state": case.state,
        "population": found.population,
        "frozen_top_units": frozen.top_units if frozen is not None else None,
        "buckets": {str(b): found.buckets[b] for b in Bucket},
        "outstanding": sum(found.buckets[b] for b in Bucket if b not in DONE),
        "whole": found.whole and case.frozen is not None and case.frozen is case.freeze and not case.scope_changed,
        "planned": found.population,
        "sold": found.left,
        "recalled": found.recalled,
        "recalled_of_planned": text(share(found.recalled, found.population)),
        "recalled_of_sold": text(share(found.recalled, found.left)),
        "remedies": dict(sorted(found.remedies.items())),
        "unreachable_because": dict(sorted(found.unreachable_because.items())),
        "loose_spares": {
            "population": sum(found.spares.values()),
            "buckets": {str(b): n for b, n in found.spares.items()},
        },
        "quantities": [_quantities_json(q) for q in found.quantities if q.population],
        "by_number": [
            {"item": m.item, "party": m.party or None, "from": m.source, "to": m.to, "quantity": text(m.quantity)}
            for m in found.moves[:LISTED]
        ],
        "balances": [
            {"item": lot, "balances": [balance_json(b) for b in balances]}
            for lot, balances in list(told.balances.items())[:LISTED]
        ],
        "conflicts": [
            {
                "code": t.code,
                "items": [t.item] if t.item else [],
                "party": t.party,
                "quantity": text(t.quantity),
                "detail": t.detail,
            }
            for t in found.troubles[:LISTED]
        ],
        "conflict_count": len(found.troubles),
    }


def _quantities_json(q: Quantities) -> dict[str, Any]:
    recalled = sum((q.buckets[b] for b in RECALLED), start=q.population * 0)
    return {
        "item": q.lot,
        "uom": q.uom,
        "population": text(q.population),
        "buckets": {str(b): text(q.buckets[b]) for b in Bucket},
        "sold": text(q.left),
        "recalled": text(recalled),
        "recalled_of_planned": text(share(recalled, q.population)),
        "recalled_of_sold": text(share(recalled, q.left)),
    }
