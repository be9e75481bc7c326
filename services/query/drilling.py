"""A mock recall of one lot: both traces and the mass balance, timed (REQUIREMENTS A10; docs/recall.md, 'Drills')."""

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from domain.answers import Way
from domain.balance import TOLERANCE, Balance
from domain.cases.acts import DrillRun
from domain.ids import ItemId
from domain.state import State, states
from services.problems import Problem
from services.query import rendering
from services.query.answering import answered
from services.query.asking import NAMED
from services.query.snapshot import Asked, Questions
from services.query.tracing import summed

_PICKED = f"""
-- by the seed's hash of its id: the same lots and seed give the same lot, and every lot has the same chance
SELECT uri FROM views.items i
WHERE tenant_id = $1 AND {NAMED} AND (kind = 'lot' OR kind IS NULL AND EXISTS (
    SELECT FROM views.event_items e WHERE e.item_no = i.item_no AND e.by_class))
ORDER BY md5($2 || uri), uri LIMIT 1
"""


async def picked(asked: Asked, seed: int) -> ItemId:
    """The lot that a seed picks. Raises Problem 409 where no lot is recorded."""
    uri = await asked.connection.fetchval(_PICKED, asked.tenant_id, str(seed))
    if uri is None:
        raise Problem(409, "no-lots", "no lot is recorded yet: post what was received or made, then drill")
    return ItemId(uri)


async def drill(
    questions: Questions,
    asked: Asked,
    *,
    seed: int,
    lot: ItemId | None = None,
    seconds: Callable[[], float] = time.perf_counter,
) -> DrillRun:
    """Run it in one snapshot: nothing is placed, told or held."""
    began = seconds()
    item = lot if lot is not None else await picked(asked, seed)
    ways = {way.value: await _traced(questions, asked, item, way=way, seconds=seconds) for way in Way}
    balancing = seconds()
    state: State = (await answered(states([item], at_us=asked.fresh.now_us), asked.record()))[item]
    result = {
        **ways,
        "balance": {
            "seconds": _rounded(seconds() - balancing),
            "lines": [_line(b) for b in state.balances],
            "tolerance": rendering.text(TOLERANCE),
        },
        "share_accounted": rendering.text(share_accounted(state.balances)),
        **asked.frame([]),
    }
    vector = asked.fresh.as_of(asked.vector)["position"]
    return DrillRun(seed=seed, lot=item, vector=vector, seconds=Decimal(_rounded(seconds() - began)), result=result)


def share_accounted(balances: Sequence[Balance]) -> Decimal | None:
    """The least share, over units of measure, of what came in that is in stock, shipped, scrapped or used.

    None: nothing came in that the record tells, or movements of unknown quantity make it impossible to say.
    """
    shares = []
    for b in balances:
        if b.unaccounted is None:
            return None
        if b.came_in > 0:
            shares.append(max(Decimal(0), 1 - abs(b.unaccounted) / b.came_in))
    return min(shares).quantize(Decimal("0.0001")) if shares else None


async def _traced(
    questions: Questions, asked: Asked, item: ItemId, *, way: Way, seconds: Callable[[], float]
) -> dict[str, Any]:
    """One trace: how long it took, what it counts, and of how many units the whereabouts are known."""
    located = {"units": 0, "located": 0}

    def look(rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            if row["kind"] == "unit":
                located["units"] += 1
                located["located"] += row["status"] is not None and bool(row["site"] or row["holder"])

    began = seconds()
    told = await summed(questions, asked, [item], way=way, seen=look)
    gaps: dict[str, int] = {}
    for gap in told["gaps"]:
        gaps[gap["code"]] = gaps.get(gap["code"], 0) + len(gap["items"])
    totals = {name: told["totals"][name] for name in ("items", "units", "lots", "top_units", "certain", "possible")}
    return {
        "seconds": _rounded(seconds() - began),
        "totals": totals,
        "units_located": located["located"],
        "gaps": gaps,
        "conflicts": len(told["conflicts"]),
        "complete": told["complete"],
        "incomplete_because": told["incomplete_because"],
    }


def _line(balance: Balance) -> dict[str, Any]:
    return {
        "uom": balance.uom,
        "came_in": rendering.text(balance.came_in),
        "stock": rendering.text(balance.stock),
        "unaccounted": rendering.text(balance.unaccounted),
    }


def _rounded(seconds: float) -> str:
    return format(seconds, ".6f")
