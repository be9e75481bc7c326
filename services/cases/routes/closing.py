"""POST /v1/recalls/{id}/close: a recall with anything outstanding is closed with a reason for just that."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases import acts
from domain.cases.accounting import Accounting
from domain.cases.buckets import DONE, Bucket
from domain.cases.recall import RecallCase
from services.access import Caller
from services.cases.bodies import body_of, described
from services.cases.commands import CaseDesk
from services.cases.looking import looking
from services.cases.routes.recalls import in_recall
from services.problems import Problem
from services.query.case_acts import refuse_limited
from services.query.questions.recalls import recall_asked
from services.query.recall_accounting import accounted
from services.query.rendering import text

ITEMS_SHOWN = 100
_EXAMPLE = {
    "reason": "the last report was filed",
    "outstanding_reason": "3 owners cannot be found",
    "actor": "Wang Fang",
}


def create_router(desk: CaseDesk, *, recaller: Callable[..., Any]) -> APIRouter:
    """`recaller` finds the caller, who holds the role recall."""
    router = APIRouter(tags=["recalls"])
    who = Annotated[Caller, Depends(recaller)]

    @router.post("/v1/recalls/{case_id}/close", openapi_extra=described(None, _EXAMPLE))
    async def close_recall(case_id: str, request: Request, caller: who) -> JSONResponse:
        """Close the recall: its holds are released. While units are outstanding, `outstanding_reason` is needed."""
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        body.reasoned()
        act = body.act(acts.Closed)
        if act.outstanding is not None or act.outstanding_in is not None or act.outstanding_quantities is not None:
            raise Problem(422, "invalid-command", "outstanding: is counted, not told; tell outstanding_reason")
        act = await _counted(desk, case_id, act, caller=caller)
        return await in_recall(desk, case_id, body, propose=lambda case: act)

    return router


async def _counted(desk: CaseDesk, case_id: str, act: acts.Closed, *, caller: Caller) -> acts.Closed:
    """The act with what is outstanding in it. Raises Problem 409 `units-outstanding` where no reason says why."""
    async with looking(desk, caller.tenant_id) as asked:
        case: RecallCase = await recall_asked(asked, case_id)
        if case.approved is None or case.closed:
            return act
        told = (await accounted(asked, case, own_party=caller.own_party)).accounting
    if told.whole:
        return acts.Closed(outstanding=0)
    closed = _with_figures(told, act.outstanding_reason)
    if act.outstanding_reason is None:
        items = [item for item, placed in told.placed.items() if placed.bucket not in DONE]
        raise Problem(
            409,
            "units-outstanding",
            f"{closed.outstanding} units are outstanding: the recall stays open while one is (stop the effort instead),"
            " or say outstanding_reason: why it is closed all the same",
            outstanding=closed.outstanding,
            outstanding_in=closed.outstanding_in,
            outstanding_quantities=list(closed.outstanding_quantities or ()),
            items=items[:ITEMS_SHOWN],
        )
    return closed


def _with_figures(told: Accounting, reason: str | None) -> acts.Closed:
    counts = {b: told.buckets[b] + told.spares[b] for b in Bucket if b not in DONE}
    quantities = tuple(
        {"item": str(q.lot), "uom": q.uom or "", "bucket": str(b), "quantity": text(q.buckets[b]) or ""}
        for q in told.outstanding_quantities
        for b in Bucket
        if b not in DONE and q.buckets[b]
    )
    return acts.Closed(
        outstanding=told.outstanding,
        outstanding_in={str(b): n for b, n in counts.items() if n},
        outstanding_quantities=quantities,
        outstanding_reason=reason,
    )
