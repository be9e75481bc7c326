"""Alerts of recalls: what happened to units that must stop, and which units came to a set (docs/recall.md 'Alerts')."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases.recall import fold
from domain.contents import contents
from domain.corrections import Standing, Verdict
from domain.ids import ItemId
from domain.moments import iso
from services.access import Caller
from services.problems import Problem
from services.query.answering import answered
from services.query.asking import instant, known_parameters
from services.query.case_acts import acts_of, refuse_limited
from services.query.following import fields_of, token_of, wait_of, with_patience
from services.query.paging import limit_of
from services.query.questions.recalls import recall_asked
from services.query.snapshot import Asked, Questions
from services.query.standing import judged
from services.query.working_set import working_set

PAGE = 200
INSIDE_SHOWN = 100
"""Members inside a container that are named; `inside_count` tells how many there are."""

_ALERTS = """
SELECT a.case_id, a.alert, a.late, a.noticed_no, a.noticed_us, i.uri, i.kind AS item_kind, a.event_no, e.key_no,
    k.event_id, e.kind, e.occurred_at, e.latest_us, e.appended_us, e.site, e.holder, e.to_place, e.source,
    EXISTS (SELECT FROM views.case_members m WHERE m.item_no = a.item_no AND m.case_id = a.case_id) AS is_member
FROM views.case_alerts a JOIN views.items i USING (item_no) JOIN views.events e ON e.event_no = a.event_no
JOIN views.event_keys k ON k.key_no = e.key_no
WHERE a.tenant_id = $1 AND ($2::text IS NULL OR a.case_id = $2) AND a.noticed_no > $3
ORDER BY a.noticed_no LIMIT $4
"""
_BEFORE = """
SELECT coalesce(max(noticed_no), 0) FROM views.case_alerts WHERE tenant_id = $1 AND noticed_us < $2
"""
_GENERATION = "SELECT 'views.checkpoints'::regclass::oid::bigint"
_COUNTS = Verdict(Standing.COUNTS)


@dataclass(frozen=True, slots=True)
class _Page:
    rows: list[dict[str, Any]]
    more: bool
    reached: str
    frame: dict[str, Any]


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(tags=["recalls"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/recalls/{case_id}/alerts")
    async def get_recall_alerts(case_id: str, request: Request, caller: reader) -> JSONResponse:
        """Alerts of one recall, in the order in which they were noticed; parameters as of all alerts."""
        return await _answer(questions, request, caller, case_id=case_id)

    @router.get("/v1/alerts")
    async def get_alerts(request: Request, caller: reader) -> JSONResponse:
        """Alerts of all recalls that were noticed after `since`: a time, or `next` of the answer before.

        `wait`: how many seconds (at most 30) to wait for one where there is none yet.
        """
        return await _answer(questions, request, caller, case_id=None)

    return router


async def _answer(questions: Questions, request: Request, caller: Caller, *, case_id: str | None) -> JSONResponse:
    known_parameters(request, "since", "limit", "wait", "wait_for")
    refuse_limited(caller.sites)
    limit = limit_of(request.query_params.get("limit")) or PAGE

    async def ask() -> _Page:
        async with questions.ask(caller, request) as asked:
            if case_id is not None:
                await recall_asked(asked, case_id)
            return await _page(asked, request, case_id=case_id, limit=limit)

    page = await with_patience(ask, has_news=lambda p: bool(p.rows), seconds=wait_of(request))
    told = {"recall": case_id} if case_id is not None else {}
    return JSONResponse({**told, "alerts": page.rows, "more": page.more, "next": page.reached, **page.frame})


async def _page(asked: Asked, request: Request, *, case_id: str | None, limit: int) -> _Page:
    generation = await asked.connection.fetchval(_GENERATION)
    after = await _after(asked, request.query_params.get("since"), generation)
    found = await asked.connection.fetch(_ALERTS, asked.tenant_id, case_id, after, limit + 1)
    rows = found[:limit]
    verdicts = await judged(asked.connection, [r["key_no"] for r in rows], vector=None)
    told = [_told(r, verdicts.get(r["event_no"], _COUNTS)) for r in rows]
    inside = await _inside(asked, rows)
    told = [one | inside.get((r["case_id"], r["event_no"], r["uri"]), {}) for one, r in zip(told, rows, strict=True)]
    reached = rows[-1]["noticed_no"] if rows else after
    return _Page(told, len(found) > limit, token_of(generation, reached), asked.frame([]))


async def _after(asked: Asked, since: str | None, generation: int) -> int:
    """The number behind which to go on; a cursor of views that were rebuilt since begins anew."""
    if since is None:
        return 0
    if since[:4].isdigit() and since[4:5] == "-":
        before: int = await asked.connection.fetchval(_BEFORE, asked.tenant_id, instant(since, "since"))
        return before
    fields = fields_of(since, 2)
    if fields is None:
        raise Problem(422, "invalid-parameter", "since: send a time, or `next` of an answer before, unchanged")
    return fields[1] if fields[0] == generation else 0


def _told(row: asyncpg.Record, verdict: Verdict) -> dict[str, Any]:
    return {
        "alert_id": f"{row['case_id']}:{row['alert']}:{row['event_id']}:{row['uri']}",
        "recall": row["case_id"],
        "alert": row["alert"],
        "item": row["uri"],
        "late": row["late"],
        "event_id": row["event_id"],
        "kind": row["kind"],
        "standing": verdict.standing.value,
        "voided_by": next(iter(verdict.voided_by), None),
        "occurred_at": row["occurred_at"],
        "recorded_at": iso(row["appended_us"]),
        "noticed_at": iso(row["noticed_us"]),
        "site": row["site"],
        "to": row["holder"] or row["to_place"],
        "source": row["source"],
    }


async def _inside(asked: Asked, rows: Sequence[asyncpg.Record]) -> Mapping[tuple[str, int, str], dict[str, Any]]:
    """What containers held then that is affected, at every depth, as the record tells it now."""
    boxes = [r for r in rows if not r["is_member"]]
    found: dict[tuple[str, int, str], dict[str, Any]] = {}
    acts = await acts_of(asked.connection, asked.tenant_id, sorted({r["case_id"] for r in boxes})) if boxes else {}
    for row in boxes:
        case = fold(acts.get(row["case_id"], []))
        held = await answered(contents(ItemId(row["uri"]), at_us=row["latest_us"]), asked.record())
        names = [str(c.item) for c in held]
        members = sorted(await working_set(asked, case, of=names)) if case is not None and names else []
        key = (row["case_id"], row["event_no"], row["uri"])
        found[key] = {"inside": members[:INSIDE_SHOWN], "inside_count": len(members)}
    return found
