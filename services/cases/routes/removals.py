"""Deciding on members that later events no longer lead to: nothing leaves a working set without somebody saying why."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases import acts
from services.access import Caller
from services.cases.bodies import body_of, described
from services.cases.commands import CaseDesk
from services.cases.looking import looking
from services.cases.routes.recalls import in_recall
from services.problems import Problem
from services.query.case_acts import refuse_limited
from services.query.questions.recalls import recall_asked
from services.query.working_set import working_set

_EXAMPLE = {
    "decision": "remove",
    "items": ["urn:zhuisu:unit:own:BIKE:1042"],
    "reason": "the module was booked to the wrong bike, see event urn:mes:771",
    "actor": "Wang Fang",
}


def create_router(desk: CaseDesk, *, recaller: Callable[..., Any]) -> APIRouter:
    """`recaller` finds the caller, who holds the role recall."""
    router = APIRouter(tags=["recalls"])
    who = Annotated[Caller, Depends(recaller)]

    @router.post("/v1/recalls/{case_id}/removals", openapi_extra=described(acts.RemovalDecided, _EXAMPLE))
    async def decide_removal(case_id: str, request: Request, caller: who) -> JSONResponse:
        """Decide that members leave the working set (`remove`), or stay though nothing leads to them (`keep`)."""
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        body.reasoned()
        act = body.act(acts.RemovalDecided)
        if not 0 < len(act.items) <= acts.CHUNK_ITEMS_MAX:
            detail = f"items: give 1 to {acts.CHUNK_ITEMS_MAX}, more in several decisions"
            raise Problem(422, "invalid-command", detail)
        async with looking(desk, caller.tenant_id) as asked:
            case = await recall_asked(asked, case_id)
            there = await working_set(asked, case, of=[str(i) for i in act.items])
        strangers = [str(i) for i in act.items if i not in there]
        if strangers:
            detail = f"items: {strangers[0]} is not in the working set: see GET /v1/recalls/{case_id}/units"
            raise Problem(422, "not-affected", detail, items=strangers[:100])
        return await in_recall(desk, case_id, body, propose=lambda case: act)

    return router
