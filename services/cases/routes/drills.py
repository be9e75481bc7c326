"""POST /v1/drills: run a mock recall, and keep what it found."""

import secrets
import uuid
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.events.casework import check_case_id
from services.access import Caller
from services.cases.bodies import body_of, described, refused
from services.cases.commands import CaseDesk, Command
from services.cases.drills import run_and_keep
from services.problems import Problem
from services.query.case_acts import refuse_limited
from services.query.questions.drills import drill_json, drill_of
from services.query.snapshot import Questions

_EXAMPLE = {"seed": 20260402, "actor": "Wang Fang", "reason": "monthly exercise"}


class DrillAsked(BaseModel):
    """How a drill is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str | None = Field(default=None, description="makes it safe to send again")
    seed: int | None = Field(default=None, ge=0, lt=1 << 63, description="picks the lot; left out: a random one, kept")
    lot: str | None = Field(default=None, description="this lot, whatever the seed")


def create_router(desk: CaseDesk, questions: Questions, *, recaller: Callable[..., Any]) -> APIRouter:
    """`recaller` finds the caller, who holds the role recall."""
    router = APIRouter(tags=["drills"])
    who = Annotated[Caller, Depends(recaller)]

    @router.post("/v1/drills", status_code=201, openapi_extra=described(None, _EXAMPLE))
    async def run_drill(request: Request, caller: who) -> JSONResponse:
        """Run a mock recall of a lot picked by `seed`: both traces and the mass balance, timed; the result is kept.

        It places and tells nothing. The same `id` again answers the run that was kept.
        """
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        try:
            said = DrillAsked.model_validate(body.fields)
            case_id = said.id or f"drill-{uuid.uuid4().hex[:12]}"
            check_case_id(case_id)
        except ValidationError as error:
            raise refused(error) from error
        except ValueError as error:
            raise Problem(422, "invalid-command", str(error).replace("case_id", "id", 1)) from error
        before = await desk.acts(caller.tenant_id, case_id)
        run = drill_of(before)
        if run is None:
            seed = secrets.randbits(31) if said.seed is None else said.seed
            run = await run_and_keep(
                desk,
                questions,
                Command(case_id=case_id, case_type="drill", caller=caller, actor=body.actor, reason=body.signed.reason),
                seed=seed,
                lot=said.lot,
            )
        return JSONResponse(drill_json(run), 201, headers={"Location": f"/v1/drills/{case_id}"})

    return router
