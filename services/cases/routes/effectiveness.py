"""Effectiveness checks (21 CFR 7.42): a sample of consignees drawn by seed and stored, and what was found."""

import secrets
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.cases import acts
from domain.cases.consignees import Consignee
from domain.cases.effectiveness import NoShare, draw
from services.access import Caller
from services.cases.bodies import body_of, refused
from services.cases.commands import CaseDesk
from services.cases.looking import looking, recall_now
from services.cases.responding import Now, RowRefused, checked
from services.cases.rows_in import actor_of, rows_of
from services.cases.telling import Teller, tell
from services.problems import Problem
from services.query.case_acts import refuse_limited
from services.query.questions.recalls import recall_asked
from services.query.recall_consignees import consignees

_PART = 2_000
_SEEDS = 1 << 53
_COLUMNS = frozenset({"consignee", "effective", "at", "detail"})
_BYTES_MAX = 16 << 20


class DrawAsked(BaseModel):
    """How a sample is drawn. `share` in per cent, of level B; a `seed` that is left out is made up, and stored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    level: acts.CheckLevel
    of: acts.SampledOf = "accounts"
    seed: int | None = Field(default=None, ge=0, lt=_SEEDS)
    share: Decimal | None = None


def create_router(desk: CaseDesk, *, recaller: Callable[..., Any]) -> APIRouter:
    """`recaller` finds the caller, who holds the role recall."""
    router = APIRouter(tags=["recalls"])
    who = Annotated[Caller, Depends(recaller)]

    @router.post("/v1/recalls/{case_id}/effectiveness/draw", openapi_extra=_DESCRIBED)
    async def draw_sample(case_id: str, request: Request, caller: who) -> JSONResponse:
        """Draw the consignees that are asked: `level` A to E, `of` direct, accounts (default) or all; it is stored."""
        refuse_limited(caller.sites)
        body = await body_of(request, caller)
        try:
            wanted = DrawAsked.model_validate(body.fields)
        except ValidationError as error:
            raise refused(error) from error
        async with looking(desk, caller.tenant_id) as asked:
            case = await recall_asked(asked, case_id)
            tree = await consignees(asked, case, own_party=caller.own_party)
        seed = secrets.randbelow(_SEEDS) if wanted.seed is None else wanted.seed
        try:
            drawn = draw(
                [c.party for c in tree.ordered() if _meant(c, wanted.of)], wanted.level, seed=seed, share=wanted.share
            )
        except NoShare as error:
            raise Problem(422, "invalid-command", str(error)) from error
        parts = max(1, -(-len(drawn.consignees) // _PART))
        told = [
            acts.Sampled(
                level=wanted.level,
                seed=seed,
                share=wanted.share,
                of=wanted.of,
                population=drawn.population,
                population_sha256=drawn.population_sha256,
                consignees=drawn.consignees[part * _PART : (part + 1) * _PART],
                part=part,
                parts=parts,
            )
            for part in range(parts)
        ]
        done = await tell(desk, case, told, by=Teller(caller, body.actor, body.signed.reason))
        return JSONResponse(
            {
                "recall": case.case_id,
                "level": wanted.level,
                "of": wanted.of,
                "seed": seed,
                "population": drawn.population,
                "population_sha256": drawn.population_sha256,
                "consignees": list(drawn.consignees),
                "position": done.position,
            }
        )

    @router.post("/v1/recalls/{case_id}/effectiveness")
    async def record_checks(case_id: str, request: Request, caller: who) -> JSONResponse:
        """What checks found: rows `consignee`, `effective` (true or false), `at`, `detail`."""
        refuse_limited(caller.sites)
        rows = await rows_of(request, name="checks", bytes_max=_BYTES_MAX)
        case = await recall_now(desk, caller.tenant_id, case_id)
        now, told, rejected = Now.of(desk.clock, desk.settings), [], []
        for row in rows.rows:
            said = {k: v for k, v in {**rows.common, **row.cells}.items() if v not in (None, "")}
            unknown = sorted(set(said) - _COLUMNS)
            try:
                if row.error is not None or unknown:
                    raise RowRefused(unknown[0] if unknown else "", row.error or "is not known here")
                told.append(checked({"at": now.text, **said, "act": "effectiveness_checked"}, caller, now))
            except RowRefused as error:
                rejected.append({"row": row.number, "field": error.field or None, "detail": str(error)})
        if not told:
            raise Problem(422, "no-row-taken", f"no row could be recorded: {rejected[0]['detail']}", rejected=rejected)
        done = await tell(desk, case, told, by=Teller(caller, actor_of(rows, caller), rows.signed.reason))
        return JSONResponse(
            {"recall": case_id, "rows": len(told), "acts": done.acts, "position": done.position, "rejected": rejected}
        )

    return router


_DESCRIBED = {
    "requestBody": {
        "content": {
            "application/json": {"schema": DrawAsked.model_json_schema(), "example": {"level": "C", "seed": 20260301}}
        }
    }
}


def _meant(one: Consignee, of: acts.SampledOf) -> bool:
    """Whom the record does not name cannot be asked."""
    return bool(one.party) and (of == "all" or (not one.owner and (of == "accounts" or one.direct)))
