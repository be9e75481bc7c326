"""GET /v1/recalls/{id}/at-sites: what a key limited to sites may know of a recall: its own items, and what to do."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases.acts import Notice
from domain.cases.recall import RecallCase
from domain.ids import ItemId
from domain.state import states
from services.access import Caller
from services.problems import Problem
from services.query.answering import answered
from services.query.asking import known_parameters
from services.query.paging import limit_of
from services.query.questions.recalls import recall_asked
from services.query.sealing import seal, unseal
from services.query.snapshot import Asked, Questions
from services.query.working_pages import Place, Stretch, stretch

PAGE = 1_000
LOOK_AT = 20_000
"""Members of the set that a page looks at, at most: a key may have none among a million."""
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

        For the stores and plants that must stop what they have. `cursor`: `next` of the page before, as long as there
        is one: a page looks at 20,000 members, and may have no row. `left_out` says what is not shown. A key without
        sites sees all members.
        """
        known_parameters(request, "cursor", "limit", "wait_for")
        limit = limit_of(request.query_params.get("limit")) or PAGE
        secret = await questions.secret_of(caller) + case_id.encode()
        # The set is read as the tenant's own, and nothing of it is told before it was held against the sites.
        async with questions.ask(replace(caller, sites=None), request) as whole:
            case = (await _open_to_all(whole, case_id)).without_unapproved
            after = _after(request.query_params.get("cursor"), case, secret=secret)
            found = await stretch(whole, case, after=after, most=LOOK_AT)
            known = (whole.fresh.vector, whole.fresh.now_us)
        async with questions.ask(caller, None, pinned=known) as asked:
            rows, following = await _rows(asked, found, limit=limit)
            told = {**_about(case), "members": rows, "next": seal(secret, following.packed()) if following else None}
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


def _after(token: str | None, case: RecallCase, *, secret: bytes) -> Place:
    """Where to go on. Raises Problem 422 for what is no cursor, and for one of a set that another took the place of."""
    freeze = case.approved.number if case.approved is not None else 0
    if token is None:
        return Place(freeze)
    try:
        found = Place.of(unseal(secret, token))
    except ValueError as error:
        detail = "cursor: this is none of this key: send `next` of the page before, unchanged"
        raise Problem(422, "invalid-cursor", detail) from error
    if found.freeze != freeze:
        raise Problem(422, "foreign-cursor", "cursor: another set was approved since: begin anew, without a cursor")
    return found


async def _rows(asked: Asked, found: Stretch, *, limit: int) -> tuple[list[dict[str, Any]], Place | None]:
    """Own members of the stretch, and behind which place to go on, where more may follow."""
    rows: list[dict[str, Any]] = []
    last: Place | None = None
    for start in range(0, len(found.members), _AT_ONCE):
        some = found.members[start : start + _AT_ONCE]
        names = [item for _, item, _ in some]
        own = await asked.scope.own_items(names) if asked.scope is not None else frozenset(names)
        here = [one for one in some if one[1] in own]
        taken = here[: limit - len(rows)]
        rows += await _shown(asked, {ItemId(item): kind for _, item, kind in taken})
        last = taken[-1][0] if taken else last
        if len(taken) < len(here):
            return rows, last
    return rows, found.reached


async def _shown(asked: Asked, kinds: Mapping[ItemId, str]) -> list[dict[str, Any]]:
    """Where these are, as far as the key may know, and how they stand."""
    full = await answered(states(list(kinds), at_us=asked.fresh.now_us), asked.record())
    shown = full
    if asked.scope is not None:
        shown = {i: seen.shown for i, seen in (await asked.scope.seen(full, at_us=asked.fresh.now_us)).items()}
    return [
        {
            "item": item,
            "kind": kind,
            "status": str(full[item].status) if full[item].status is not None else None,
            "on_hold": full[item].on_hold,
            "site": shown[item].site,
            "container": shown[item].container,
        }
        for item, kind in kinds.items()
    ]
