"""Every event that ever named an item, voided ones too."""

from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Request, Response

from domain.corrections import Standing, Verdict
from domain.events.noticing import NOTICED, notices_of
from domain.moments import iso
from domain.state import ids_of
from services.access import Caller
from services.codec import EVENT
from services.query.answering import answered
from services.query.asking import known_parameters
from services.query.caching import json_answer
from services.query.ranges import Ranges
from services.query.snapshot import Questions
from services.query.standing import judged
from services.query.watching import watched

_TIMELINE = """
SELECT e.event_no, e.key_no, k.event_id, e.kind, e.occurred_at, e.latest_us, e.rank, e.appended_us, e.disposition,
       e.source, e.log_partition, e.log_offset, n.named,
       (SELECT b.body FROM views.event_bodies b WHERE b.event_no = e.event_no AND e.kind = ANY($4)) AS noticed
FROM (SELECT x.event_no, array_agg(DISTINCT x.uri ORDER BY x.uri) AS named
      FROM (SELECT e.event_no, i.uri FROM views.items i JOIN views.event_items e USING (item_no)
            WHERE i.tenant_id = $1 AND i.uri = ANY($2)
            UNION ALL SELECT * FROM unnest($5::bigint[], $6::text[])) AS x(event_no, uri) GROUP BY x.event_no) n
JOIN views.events e USING (event_no) JOIN views.event_keys k ON k.key_no = e.key_no
WHERE $3::text[] IS NULL
OR EXISTS (SELECT FROM views.event_places p WHERE p.event_no = e.event_no AND p.place = ANY($3))
ORDER BY e.latest_us, e.rank, e.accepted_us, e.request_index, k.event_id, e.event_no
"""
_COUNTS = Verdict(Standing.COUNTS)


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/items/timeline", response_class=Response)
    @watched
    async def get_timeline(item: str, request: Request, caller: reader) -> Response:
        """Every event that ever named the item by any of its ids, voided ones too.

        `standing` is whether it counts as known then: counts, pending (a void of it waits for its replacement), void,
        or superseded (another copy of its id came first). `notices` say what an event leaves open, such as a receipt
        without an inspection.
        """
        known_parameters(request, "item", "as_of", "wait_for")
        async with questions.ask(caller, request) as asked:
            found = await asked.item(item)
            scope = asked.scope
            places = sorted(scope.places) if scope is not None else None
            ids = await answered(ids_of(found), asked.record())
            held = await Ranges(asked.connection, asked.tenant_id).holding(ids)
            ranges = ([event_no for _, event_no, _ in held], [str(i) for i, _, _ in held])
            names = [str(i) for i in ids]
            rows = await asked.connection.fetch(_TIMELINE, asked.tenant_id, names, places, NOTICED, *ranges)
            rows = [r for r in rows if asked.knows(r["log_partition"], r["log_offset"])]
            verdicts = await judged(asked.connection, [r["key_no"] for r in rows], vector=asked.vector)
            known = [_entry(r, verdicts.get(r["event_no"], _COUNTS)) for r in rows]
            if scope is not None:
                voids = await scope.names_of_events(e["voided_by"] for e in known)
                known = [e | {"voided_by": voids.get(e["voided_by"])} for e in known]
            return json_answer(request, {"item": found, "events": known} | asked.frame([]))

    return router


def _entry(row: asyncpg.Record, verdict: Verdict) -> dict[str, Any]:
    return {
        "event_id": row["event_id"],
        "kind": row["kind"],
        "occurred_at": row["occurred_at"],
        "recorded_at": iso(row["appended_us"]),
        "position": f"{row['log_partition']}-{row['log_offset']}",
        "disposition": row["disposition"],
        "source": row["source"],
        "voided_by": next(iter(verdict.voided_by), None),
        "standing": verdict.standing.value,
        "named": row["named"],
        "notices": [n.code for n in notices_of(EVENT.validate_python(row["noticed"]))] if row["noticed"] else [],
    }
