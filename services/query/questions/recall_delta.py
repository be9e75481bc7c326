"""GET /v1/recalls/{id}/delta: what later and corrected events added to a frozen set, would take from it, or turned in
it from possible to certain and back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.cases import acts
from domain.cases.recall import RecallCase
from domain.cases.record import Recorded
from domain.moments import iso
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters
from services.query.case_acts import refuse_limited
from services.query.following import fields_of, token_of
from services.query.paging import limit_of
from services.query.questions.recalls import recall_asked
from services.query.snapshot import Asked, Questions

PAGE = 1_000

_CHANGES = """
-- changes that evaluations told, in their order
SELECT m.change, m.number, m.chunk, m.line, i.uri, e.appended_us, e.log_partition, e.log_offset,
    b.body #> ARRAY['act', m.change, m.line::text] AS member
FROM views.case_members m JOIN views.items i USING (item_no)
JOIN views.events e USING (event_no) JOIN views.event_bodies b USING (event_no)
WHERE m.tenant_id = $1 AND m.case_id = $2 AND m.change <> 'frozen' AND m.number = ANY($3::int[])
AND (m.number, m.chunk, m.change, m.line) > ($4, $5, $6, $7)
ORDER BY m.number, m.chunk, m.change, m.line LIMIT $8
"""
_CHECKED = "SELECT checked FROM public.case_deltas WHERE tenant_id = $1 AND case_id = $2"
_FIRST = (0, 0, 0, -1)
_KINDS = ("added", "withdrawn", "changed")
"""Kinds of changes by their number in cursors."""
_TURNS = ("changed", "became_certain", "became_possible")


@dataclass(frozen=True, slots=True)
class _Decided:
    decision: str
    by: Recorded


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(tags=["recalls"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/recalls/{case_id}/delta")
    async def get_delta(case_id: str, request: Request, caller: reader) -> JSONResponse:
        """Members that came since the freeze, members that nothing leads to any more, each with why it was in, and
        members that are surer, less sure, nearer or in for other reasons than before: `changed`, with how each `was`.

        Nothing leaves the set by itself: `decision` is pending until somebody decides (POST …/removals). `evaluated_to`
        is the position as known at which the set is as the rule says. `cursor`: `next` of the page before.
        """
        known_parameters(request, "cursor", "limit", "as_of", "wait_for")
        refuse_limited(caller.sites)
        limit = limit_of(request.query_params.get("limit")) or PAGE
        after = _after(request.query_params.get("cursor"))
        async with questions.ask(caller, request) as asked:
            case = await recall_asked(asked, case_id)
            if case.frozen is None:
                raise Problem(409, "not-frozen", "nothing is frozen in this recall yet: POST …/freeze")
            evaluations = case.evaluations
            rows = await asked.connection.fetch(
                _CHANGES, asked.tenant_id, case_id, [e.evaluation for e in evaluations], *_keyed(after), limit + 1
            )
            shown = [r for r in rows[:limit] if asked.knows(r["log_partition"], r["log_offset"])]
            following = token_of(*_place(rows[limit - 1])) if len(rows) > limit else None
            checked = await asked.connection.fetchval(_CHECKED, asked.tenant_id, case_id)
            told = {
                "recall": case_id,
                "freeze": case.frozen.number,
                "evaluated_to": checked or (evaluations[-1].vector if evaluations else None),
                "totals": await _totals(asked, case, evaluations),
                "changes": [_told(r, _decisions(case)) for r in shown],
                "next": following,
            }
            return JSONResponse(told | asked.frame([]))

    return router


async def _totals(asked: Asked, case: RecallCase, evaluations: list[acts.Evaluated]) -> dict[str, int]:
    """Of all evaluations; `pending` are withdrawn members that wait for a decision. Turns are counted each time."""
    decided = _decisions(case)
    rows = await asked.connection.fetch(_NEWEST, asked.tenant_id, case.case_id, [e.evaluation for e in evaluations])
    withdrawn = [r["uri"] for r in rows if r["change"] == "withdrawn"]
    return {
        "evaluations": len(evaluations),
        "added": sum(r["change"] == "added" for r in rows),
        "withdrawn": len(withdrawn),
        "pending": sum(item not in decided for item in withdrawn),
        **{name: sum(getattr(e, name) or 0 for e in evaluations) for name in _TURNS},
    }


_NEWEST = """
SELECT DISTINCT ON (m.item_no) i.uri, m.change FROM views.case_members m JOIN views.items i USING (item_no)
WHERE m.tenant_id = $1 AND m.case_id = $2 AND m.change IN ('added', 'withdrawn') AND m.number = ANY($3::int[])
ORDER BY m.item_no, m.number DESC
"""


def _decisions(case: RecallCase) -> Mapping[str, _Decided]:
    """The newest decision on each item."""
    found: dict[str, _Decided] = {}
    for one in case.history:
        if isinstance(one.act, acts.RemovalDecided):
            found |= {str(item): _Decided(one.act.decision, one) for item in one.act.items}
    return found


def _told(row: asyncpg.Record, decisions: Mapping[str, _Decided]) -> dict[str, Any]:
    told = {
        "change": row["change"],
        "evaluation": row["number"],
        "recorded_at": iso(row["appended_us"]),
        **row["member"],
    }
    decided = decisions.get(row["uri"])
    if row["change"] == "withdrawn":
        told["decision"] = decided.decision if decided is not None else "pending"
    if decided is not None:
        told["decided_by"], told["reason"] = decided.by.actor, decided.by.reason
    return told


def _after(cursor: str | None) -> tuple[int, ...]:
    if cursor is None:
        return _FIRST
    fields = fields_of(cursor, 4)
    if fields is None or fields[2] not in range(len(_KINDS)):
        raise Problem(422, "invalid-cursor", "cursor: this is none: send `next` of the page before")
    return tuple(fields)


def _keyed(place: tuple[int, ...]) -> tuple[int, int, str, int]:
    number, chunk, kind, line = place
    return number, chunk, _KINDS[kind], line


def _place(row: asyncpg.Record) -> tuple[int, int, int, int]:
    return (row["number"], row["chunk"], _KINDS.index(row["change"]), row["line"])
