"""GET /v1/recalls: which recalls there are; GET /v1/recalls/{id}: how one stands, and who did what in it."""

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases.recall import RecallCase, fold
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.case_acts import acts_of, jobs_of, refuse_limited
from services.query.case_json import recall_json, recall_summary
from services.query.case_links import incidents_of
from services.query.complaints import counts_json, of_recall
from services.query.paging import limit_of
from services.query.snapshot import Asked, Questions

_PAGE = 100
_OPENED = """
SELECT a.case_id, min(e.appended_us) AS opened_us
FROM views.case_acts a JOIN views.events e USING (event_no)
WHERE a.tenant_id = $1 AND a.case_type = 'recall' AND a.act = 'opened'
GROUP BY a.case_id
HAVING ($2::bigint IS NULL OR (min(e.appended_us), a.case_id) < ($2, $3))
ORDER BY opened_us DESC, a.case_id DESC LIMIT $4
"""


async def recall_asked(asked: Asked, case_id: str) -> RecallCase:
    """The recall as known then. Raises Problem 404."""
    acts = await acts_of(asked.connection, asked.tenant_id, [case_id], vector=asked.vector)
    case = fold(acts.get(case_id, []))
    if case is None:
        raise Problem(404, "unknown-case", f"there is no recall {case_id[:100]}: GET /v1/recalls lists them")
    return case


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/recalls", tags=["recalls"])
    async def list_recalls(request: Request, caller: reader) -> JSONResponse:
        """Recalls, newest first; `state` and `mode` (live, draft, mock) choose, `next` is the next page's `cursor`."""
        known_parameters(request, "state", "mode", "limit", "cursor", "as_of", "wait_for")
        refuse_limited(caller.sites)
        said = request.query_params
        async with questions.ask(caller, request) as asked:
            found, after = await _page(asked, said.get("cursor"), limit_of(said.get("limit")) or _PAGE)
            shown = [
                recall_summary(case)
                for case in found
                if said.get("state") in (None, case.state) and said.get("mode") in (None, case.mode)
            ]
            return JSONResponse({"recalls": shown, "next": after, **asked.frame([])})

    @router.get("/v1/recalls/{case_id}", tags=["recalls"])
    async def get_recall(case_id: str, request: Request, caller: reader) -> JSONResponse:
        """A recall: its state, scope and freezes, complaints and incidents, and its history with actor and reason."""
        known_parameters(request, "as_of", "wait_for")
        refuse_limited(caller.sites)
        async with questions.ask(caller, request) as asked:
            case = await recall_asked(asked, case_id)
            jobs = await jobs_of(asked.connection, asked.tenant_id, case_id)
            told, _ = await of_recall(asked, case)
            beside = {"complaints": counts_json(told), "incidents": await incidents_of(asked, case_id), "jobs": jobs}
            shown = {**recall_json(case), **beside}
            return JSONResponse({**shown, **asked.frame([])})

    return router


async def _page(asked: Asked, cursor: str | None, limit: int) -> tuple[list[RecallCase], str | None]:
    opened_us, last = _read(cursor) if cursor is not None else (None, None)
    rows = await asked.connection.fetch(_OPENED, asked.tenant_id, opened_us, last, limit + 1)
    here = rows[:limit]
    acts = await acts_of(asked.connection, asked.tenant_id, [r["case_id"] for r in here], vector=asked.vector)
    cases = [case for r in here if (case := fold(acts.get(r["case_id"], []))) is not None]
    return cases, _token(here[-1]) if len(rows) > limit else None


def _token(row: Any) -> str:
    return base64.urlsafe_b64encode(f"{row['opened_us']} {row['case_id']}".encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[int, str]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        opened_us, _, case_id = text.partition(" ")
        return int(opened_us), case_id
    except (binascii.Error, ValueError) as error:
        raise Problem(422, "invalid-cursor", "cursor: this is none: send `next` of the page before") from error
