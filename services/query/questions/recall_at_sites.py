"""GET /v1/recalls/{id}/at-sites: what a key limited to sites may know of a recall: its own items, and what to do."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases.acts import Notice
from domain.cases.population import Flags
from domain.cases.recall import RecallCase
from domain.ids import ItemId
from domain.state import states
from services.access import Caller
from services.problems import Problem
from services.query.answering import answered
from services.query.asking import known_parameters
from services.query.paging import limit_of
from services.query.questions.recalls import recall_asked
from services.query.snapshot import Asked, Questions
from services.query.working_set import sliced, working_set

PAGE = 1_000
_AT_ONCE = 2_000

LEFT_OUT = {
    "en": "members that were never at the sites of this key are left out, and how many they are is not told",
    "zh": "从未到过本密钥所限地点的成员不在此列，其数量亦不告知",
}


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(tags=["recalls"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/recalls/{case_id}/at-sites")
    async def get_at_sites(case_id: str, request: Request, caller: reader) -> JSONResponse:
        """Members of an approved live recall that are or were at the sites of the key, where they are, and what to do.

        For the stores and plants that must stop what they have. `cursor`: `next` of the page before; `left_out` says
        what is not shown. A key without sites sees all members.
        """
        known_parameters(request, "cursor", "limit", "wait_for")
        limit = limit_of(request.query_params.get("limit")) or PAGE
        after = request.query_params.get("cursor", "")
        # The set is read as the tenant's own, and nothing of it is told before it was held against the sites.
        async with questions.ask(replace(caller, sites=None), request) as whole:
            case = await _open_to_all(whole, case_id)
            members = {
                i: flags for i, flags in (await working_set(whole, case.without_unapproved)).items() if i > after
            }
            known = (whole.fresh.vector, whole.fresh.now_us)
        async with questions.ask(caller, None, pinned=known) as asked:
            rows, following = await _rows(asked, members, limit=limit)
            told = {**_about(case), "members": rows, "next": following}
            left_out = LEFT_OUT if caller.sites is not None else None
            return JSONResponse({**told, "left_out": left_out, **asked.frame([])})

    return router


async def _open_to_all(whole: Asked, case_id: str) -> RecallCase:
    """The recall, if it is one that sites must act on: drafts and exercises are not told of. Raises Problem 404."""
    case = await recall_asked(whole, case_id)
    if case.mode != "live" or case.approved is None:
        raise Problem(404, "unknown-case", f"there is no approved live recall {case_id[:100]}")
    return case


def _about(case: RecallCase) -> dict[str, Any]:
    about, notice = case.about, case.about.notice or Notice()
    return {
        "recall": case.case_id,
        "closed": case.closed,
        "title": about.title,
        "product": about.product,
        "hazard": about.hazard,
        "contact": about.contact,
        "what_to_do": notice.what_to_do,
        "remedies": list(notice.remedies),
    }


async def _rows(
    asked: Asked, members: Mapping[ItemId, Flags], *, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """Own members in the order of ids, and behind which of them to go on, where more of these follow."""
    rows: list[dict[str, Any]] = []
    for some in sliced(members, _AT_ONCE):
        own = await asked.scope.own_items(some) if asked.scope is not None else frozenset(map(str, some))
        here = [i for i in some if str(i) in own]
        items = here[: limit - len(rows)]
        full = await answered(states(items, at_us=asked.fresh.now_us), asked.record())
        shown = full
        if asked.scope is not None:
            shown = {i: seen.shown for i, seen in (await asked.scope.seen(full, at_us=asked.fresh.now_us)).items()}
        for item in items:
            state = shown[item]
            rows.append(
                {
                    "item": item,
                    "kind": members[item].kind,
                    "status": str(full[item].status) if full[item].status is not None else None,
                    "on_hold": full[item].on_hold,
                    "site": state.site,
                    "container": state.container,
                }
            )
        if len(items) < len(here):
            return rows, str(rows[-1]["item"])
    return rows, None
