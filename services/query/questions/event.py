"""What became of an event: applied, not yet applied, or put aside; and what its sender can do about it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.corrections import Standing, Verdict
from domain.moments import iso
from domain.ports import Position
from domain.positions import vector_token
from services.access import Caller
from services.problems import Problem
from services.query.asking import known_parameters, vector_of
from services.query.snapshot import Asked, Questions
from services.query.standing import judged

_VERSIONS = """
-- every content the event id was sent with, as each partition first holds it
SELECT e.event_no, e.key_no, e.content_hash, e.kind, e.source, e.occurred_at, e.appended_us, e.log_partition,
       e.log_offset, e.void, b.body, b.original
FROM views.event_keys k JOIN views.events e USING (key_no) LEFT JOIN views.event_bodies b USING (event_no)
WHERE k.tenant_id = $1 AND k.event_id = $2
AND ($3::text[] IS NULL OR EXISTS (
    SELECT FROM views.event_places p WHERE p.event_no = e.event_no AND p.place = ANY($3)))
ORDER BY e.appended_us, e.log_partition, e.log_offset
"""
_VOIDS = """
SELECT DISTINCT vk.event_id, e.void, e.log_partition, e.log_offset
FROM views.voids v JOIN views.events e USING (event_no) JOIN views.event_keys vk ON vk.key_no = e.key_no
WHERE v.target_key_no = $1 ORDER BY vk.event_id
"""
_PARKED = """
SELECT log_partition, log_offset, appended_us, event_id, code, detail, replayed_as, settled
FROM views.dead_letters
WHERE tenant_id = $1
AND (event_id = $2 OR (log_partition, log_offset) IN (SELECT * FROM unnest($3::int[], $4::bigint[])))
ORDER BY log_partition, log_offset
"""

_STANDINGS = {
    Standing.COUNTS: "counts",
    Standing.PENDING: "replacement_pending",
    Standing.VOID: "voided",
    Standing.SUPERSEDED: "another_copy_counts",
}
_ADVICE = {
    "unknown_version": "it was written by a newer release: bring the projectors up to it, then replay",
    "unknown_tenant": "its tenant is not in the database: restore it, then replay",
}
_REPAIR = (
    "after an upgrade: zhuisu dead-letters replay. Else mend what the detail names, send the event under a new id, "
    "and let an operator say so: zhuisu dead-letters settle"
)


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/events/{event_id:path}")
    async def get_event(event_id: str, request: Request, caller: reader) -> JSONResponse:
        """What became of an event: `state` applied, pending or parked; 404 for an id that nothing applied names.

        `position`, as capture gave it, tells "not yet" (pending) from "never heard of".
        """
        known_parameters(request, "position", "as_of", "wait_for")
        sent_to = vector_of(request.query_params.get("position"), "position") or {}
        async with questions.ask(caller, request) as asked:
            places = sorted(asked.scope.places) if asked.scope is not None else None
            rows = await asked.connection.fetch(_VERSIONS, asked.tenant_id, event_id, places)
            versions = [r for r in rows if asked.knows(r["log_partition"], r["log_offset"])]
            # A record that could not be applied has no place: only who sees all places is told of it.
            parked = await _parked(asked, event_id, sent_to) if asked.scope is None else []
            if versions:
                told = {"state": "applied", **await _applied(asked, versions), "dead_letters": parked}
            elif parked:
                # Sent again, it is on its way: it will be applied, or parked once more at the new position.
                told = {"state": "pending" if parked[-1]["replayed_as"] else "parked", **parked[-1]}
            elif any(asked.fresh.vector.get(p, -1) < o for p, o in sent_to.items()):
                told = {"state": "pending", "position": vector_token(sent_to)}
            else:
                raise _unknown(event_id, asked, has_position=bool(sent_to))
            return JSONResponse({"event_id": event_id, **told} | asked.frame([]))

    return router


async def _parked(asked: Asked, event_id: str, sent_to: Mapping[int, int]) -> list[dict[str, Any]]:
    partitions, offsets = list(sent_to), list(sent_to.values())
    rows = await asked.connection.fetch(_PARKED, asked.tenant_id, event_id, partitions, offsets)
    return [
        {
            "position": Position(r["log_partition"], r["log_offset"]).token,
            "recorded_at": iso(r["appended_us"]),
            "code": r["code"],
            "detail": r["detail"],
            "advice": _ADVICE.get(r["code"], _REPAIR) if r["settled"] is None else None,
            "replayed_as": r["replayed_as"],
            "settled": r["settled"],
        }
        for r in rows
    ]


async def _applied(asked: Asked, versions: Sequence[asyncpg.Record]) -> dict[str, Any]:
    """The copy that counts, how it stands, and where others contradict it."""
    verdicts = await judged(asked.connection, [versions[0]["key_no"]], vector=asked.vector)
    counts = Verdict(Standing.COUNTS)
    # Of several copies the first in the log counts; a key limited to sites may see another one only.
    shown = [(v, verdicts.get(v["event_no"], counts)) for v in versions]
    first, verdict = min(shown, key=lambda pair: pair[1].standing is Standing.SUPERSEDED)
    same = [v for v in versions if v["content_hash"] == first["content_hash"]]
    void = first["void"]
    return {
        "standing": _STANDINGS[verdict.standing],
        **_copy(first),
        "positions": [_copy(v)["position"] for v in same],
        "kind": first["kind"],
        "occurred_at": first["occurred_at"],
        "original": first["original"],
        "voided_by": await _voids(asked, first["key_no"], verdict),
        "corrects": {k: void[k] for k in ("target", "replaced_by", "reason")} if void else None,
        "conflicting_copies": [_copy(v) for v in versions if v not in same],
    }


def _copy(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "position": Position(row["log_partition"], row["log_offset"]).token,
        "recorded_at": iso(row["appended_us"]),
        "source": row["source"],
        "body": row["body"],
    }


async def _voids(asked: Asked, key_no: int, verdict: Verdict) -> list[dict[str, Any]]:
    """The voids of it that are known; `counts` is false for one posted without the right."""
    rows = await asked.connection.fetch(_VOIDS, key_no)
    names = {r["event_id"]: r["event_id"] for r in rows}
    if asked.scope is not None:
        names = await asked.scope.names_of_events(names)
    return [
        {
            "event_id": names[r["event_id"]],
            "reason": r["void"]["reason"] if names[r["event_id"]] == r["event_id"] else None,
            "replaced_by": r["void"]["replaced_by"] if names[r["event_id"]] == r["event_id"] else [],
            "counts": r["event_id"] in verdict.voided_by,
        }
        for r in rows
        if r["void"] is not None and asked.knows(r["log_partition"], r["log_offset"])
    ]


def _unknown(event_id: str, asked: Asked, *, has_position: bool) -> Problem:
    behind = asked.fresh.behind
    late = behind is None or behind > 0
    hint = (
        "everything up to that position is applied, and this is not in it"
        if has_position
        else "the views are behind the log: ask again, or with the position that capture gave"
        if late
        else "nothing of that id was captured for you; an id that capture made is a hash of the content"
    )
    return Problem(404, "unknown-event", f"no applied event has the id {event_id}: {hint}", lag=asked.fresh.lag())
