"""What the law asks of a case and by when, and the profiles that say so (docs/recall.md, 'Clocks')."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases import acts
from domain.cases.record import counted
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.case_acts import acts_of, refuse_limited
from services.query.clocks_json import clocks_json, regime_json
from services.query.snapshot import Questions
from services.regimes.profiles import Profiles

Group = Literal["recalls", "incidents"]
CASE_TYPES: dict[Group, acts.CaseType] = {"recalls": "recall", "incidents": "incident"}
"""How paths name the cases that have clocks."""


def create_router(questions: Questions, profiles: Profiles) -> APIRouter:
    router = APIRouter(tags=["clocks"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/regimes")
    async def list_regimes(request: Request, caller: reader) -> JSONResponse:
        """The regime profiles there are: their duties, by when, in which zone and calendar, and where that is written.

        `checked`: V, the figure was seen in a text; K, it is of general knowledge: check it before you quote it.
        """
        known_parameters(request)
        return JSONResponse({"regimes": [regime_json(r, profiles) for r in profiles.regimes.values()]})

    for group in CASE_TYPES:
        router.add_api_route(f"/v1/{group}/{{case_id}}/clocks", _clocks_of(questions, profiles, group), methods=["GET"])
    return router


def _clocks_of(questions: Questions, profiles: Profiles, group: Group) -> Callable[..., Any]:
    async def get_clocks(
        case_id: str, request: Request, caller: Annotated[Caller, Depends(questions.reader)]
    ) -> JSONResponse:
        """What is due in a case, by when, what was met, what is overdue; `waiting`: duties that nothing started yet."""
        known_parameters(request, "as_of", "wait_for")
        refuse_limited(caller.sites)
        async with questions.ask(caller, request) as asked:
            found = await acts_of(asked.connection, asked.tenant_id, [case_id], vector=asked.vector)
            history = counted(found.get(case_id, []))
            opened = next((a for a in history if isinstance(a.act, acts.Opened)), None)
            if opened is None or opened.case_type != CASE_TYPES[group]:
                raise unknown_case(group, case_id)
            told = clocks_json(history, profiles, now_us=asked.fresh.now_us)
            mode = opened.act.mode if isinstance(opened.act, acts.Opened) else None
            return JSONResponse({"case": case_id, "mode": mode, **told, **asked.frame([])})

    return get_clocks


def unknown_case(group: Group, case_id: str) -> Problem:
    """There is no such case."""
    what = CASE_TYPES[group]
    return Problem(404, "unknown-case", f"there is no {what} {case_id[:100]}: GET /v1/{group} lists them")
