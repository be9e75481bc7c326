"""The query API: questions over HTTP (DESIGN §7)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import asyncpg
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from domain.contents import contents
from domain.genealogy import Conflict, Gap, Limits, Trace, Way, trace
from domain.ids import ItemId, equivalents
from domain.moments import iso
from domain.record import answer_async
from domain.state import State, states
from domain.walk import Mode
from services.access import Caller, Keys, Role
from services.access.http import caller_with
from services.database import UNREACHABLE, tenant_transaction
from services.problems import Problem
from services.query import rendering
from services.query.asking import instant, item_asked, known_parameters, vector_of
from services.query.conflicts import conflicts_about
from services.query.freshness import Freshness, freshness, wait_for
from services.query.past import as_of
from services.query.record import SqlRecord
from services.settings import Settings

STATE_CHUNK = 1_000
"""Items whose state is read at once."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question's snapshot: its connection, what is known in it, and as of when."""

    connection: asyncpg.Connection
    tenant_id: int
    fresh: Freshness
    vector: dict[int, int] | None

    def record(self) -> SqlRecord:
        return SqlRecord(self.connection, self.tenant_id, vector=self.vector)

    def frame(self, incomplete: list[str]) -> dict[str, Any]:
        codes = [*self.fresh.codes, *incomplete]
        return {
            "as_of": self.fresh.as_of(self.vector),
            "lag": self.fresh.lag(),
            "complete": not codes,
            "incomplete_because": codes,
        }


class Questions:
    """Opens snapshots for questions."""

    def __init__(self, pool: asyncpg.Pool, settings: Settings) -> None:
        self.pool, self.settings = pool, settings

    @asynccontextmanager
    async def ask(self, caller: Caller, request: Request) -> AsyncIterator[Asked]:
        """A snapshot of the views for the caller, after what `wait_for` names. 503 while the database is away."""
        if caller.sites is not None:  # answers do not hide other sites' items yet: better none than too much
            raise Problem(403, "site-scope", "this key sees some sites only: answers for such keys are not there yet")
        wanted = vector_of(request.query_params.get("wait_for"), "wait_for")
        try:
            if wanted:
                await wait_for(self.pool, wanted, deadline_seconds=self.settings.wait_for_deadline_seconds)
            vector = await as_of(
                self.pool,
                caller.tenant_id,
                request.query_params.get("as_of"),
                skew_seconds=self.settings.skew_bound_seconds,
            )
            async with tenant_transaction(self.pool, caller.tenant_id) as connection:
                stale_after = 3 * self.settings.heartbeat_seconds + 2
                fresh = await freshness(connection, stale_after_seconds=stale_after)
                yield Asked(connection, caller.tenant_id, fresh, vector)
        except UNREACHABLE as error:
            detail = "the database cannot be asked: try again"
            raise Problem(503, "database-unavailable", detail, headers={"Retry-After": "2"}) from error
        except asyncpg.QueryCanceledError as error:
            detail = f"the question took over {self.settings.statement_timeout_seconds} s: narrow it"
            raise Problem(504, "too-slow", detail) from error


def create_router(*, pool: asyncpg.Pool, keys: Keys, settings: Settings) -> APIRouter:
    """The read routes."""
    router = APIRouter()
    questions = Questions(pool, settings)
    reader = Annotated[Caller, Depends(caller_with(Role.READ, keys))]

    @router.get("/v1/trace/{way}")
    async def get_trace(way: Way, item: str, *, request: Request, caller: reader) -> JSONResponse:
        """Where an item came from (backward), or what it went into and where that is now (forward)."""
        return await _trace(questions, way, request=request, caller=caller, texts=[item])

    @router.post("/v1/trace/{way}")
    async def post_trace(way: Way, body: dict[str, Any], *, request: Request, caller: reader) -> JSONResponse:
        """The same for many items: {"items": [...]}."""
        texts = body.get("items")
        if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
            raise Problem(422, "invalid-body", 'items: send {"items": ["<id>", …]} with at least one id')
        return await _trace(questions, way, request=request, caller=caller, texts=texts)

    @router.get("/v1/items")
    async def search_items(q: str, request: Request, caller: reader) -> JSONResponse:
        """Items whose id, serial or lot number contains the text; at most 100."""
        known_parameters(request, "q", "wait_for")
        async with questions.ask(caller, request) as asked:
            fragment = "%" + q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            rows = await asked.connection.fetch(_SEARCH, asked.tenant_id, fragment)
            found = [{"item": r["uri"], "kind": r["kind"], "material": r["material"]} for r in rows]
            return JSONResponse({"items": found, "next": None} | asked.frame([]))

    @router.get("/v1/items/state")
    async def get_state(item: str, request: Request, caller: reader) -> JSONResponse:
        """Where an item is, who has it, and how it stands."""
        known_parameters(request, "item", "at", "as_of", "wait_for")
        async with questions.ask(caller, request) as asked:
            found = await item_asked(asked.connection, asked.tenant_id, item)
            at_us = instant(request.query_params.get("at"), "at") or asked.fresh.now_us
            state = (await answer_async(states([found], at_us=at_us), asked.record().look_up))[found]
            told = await conflicts_about(asked.connection, asked.tenant_id, [found], vector=asked.vector)
            rows = await asked.connection.fetch("SELECT prefix FROM views.company_prefixes")
            body = rendering.state_json(state) | {"equivalent": equivalents(found, [r[0] for r in rows])}
            return JSONResponse(
                body
                | {"gaps": [rendering.gap_json(g) for g in state.gaps]}
                | {"conflicts": [rendering.conflict_json(c) for c in (*state.conflicts, *told)]}
                | asked.frame([])
            )

    @router.get("/v1/items/contents")
    async def get_contents(item: str, request: Request, caller: reader) -> JSONResponse:
        """What a container holds, at every depth."""
        known_parameters(request, "item", "at", "as_of", "wait_for")
        async with questions.ask(caller, request) as asked:
            found = await item_asked(asked.connection, asked.tenant_id, item)
            at_us = instant(request.query_params.get("at"), "at") or asked.fresh.now_us
            held = await answer_async(contents(found, at_us=at_us), asked.record().look_up)
            rows = [
                {
                    "item": c.item,
                    "parent": c.parent,
                    "quantity": rendering.text(c.quantity),
                    "uom": c.uom,
                    "since": rendering.time(c.since_us),
                    "until": rendering.time(c.until_us),
                    "until_inferred": c.until_inferred,
                    "depth": c.depth,
                }
                for c in held
            ]
            return JSONResponse({"item": found, "items": rows} | asked.frame([]))

    @router.get("/v1/items/timeline")
    async def get_timeline(item: str, request: Request, caller: reader) -> JSONResponse:
        """Every event that ever named the item, voided ones too."""
        known_parameters(request, "item", "as_of", "wait_for")
        async with questions.ask(caller, request) as asked:
            found = await item_asked(asked.connection, asked.tenant_id, item)
            rows = await asked.connection.fetch(_TIMELINE, asked.tenant_id, str(found))
            known = [
                r for r in rows if asked.vector is None or r["log_offset"] <= asked.vector.get(r["log_partition"], -1)
            ]
            return JSONResponse({"item": found, "events": [_entry(r) for r in known]} | asked.frame([]))

    @router.get("/epcis/v2/capture/{capture_id}")
    async def get_capture(capture_id: str, request: Request, caller: reader) -> JSONResponse:
        """A capture job: running until what it captured is in the views."""
        uid, _, token = capture_id.partition("~")
        recorded = vector_of(token, "captureID") or {}
        async with questions.ask(caller, request) as asked:
            seen = all(asked.fresh.vector.get(p, -1) >= o for p, o in recorded.items())
            job = await asked.connection.fetchval("SELECT job FROM views.capture_jobs WHERE capture_id = $1", uid)
            if seen and job is None:
                raise Problem(404, "unknown-capture", f"there is no capture job {capture_id}")
            until = vector_of(job["position"], "position") if job and job["position"] else {}
            done = job is not None and all(asked.fresh.vector.get(p, -1) >= o for p, o in (until or {}).items())
            return JSONResponse(
                {
                    "captureID": capture_id,
                    "running": not done,
                    "success": job["success"] if job is not None else None,
                    "createdAt": job["created_at"] if job is not None else None,
                    "finishedAt": job["finished_at"] if done and job is not None else None,
                    "errors": job.get("errors", []) if job is not None else [],
                }
            )

    return router


_SEARCH = """
SELECT uri, kind, material FROM views.items i WHERE tenant_id = $1 AND uri ILIKE $2
AND EXISTS (SELECT FROM views.event_items e WHERE e.item_no = i.item_no)
ORDER BY length(uri), uri LIMIT 100
"""
_TIMELINE = """
SELECT DISTINCT e.event_no, k.event_id, e.kind, e.occurred_at, e.latest_us, e.rank, e.appended_us, e.disposition,
       e.source, e.log_partition, e.log_offset,
       (SELECT min(vk.event_id) FROM views.voids v JOIN views.events ve ON ve.event_no = v.event_no
        JOIN views.event_keys vk ON vk.key_no = ve.key_no
        WHERE v.target_key_no = e.key_no AND (ve.may_correct OR ve.source = e.source)) AS voided_by
FROM views.items i JOIN views.event_items x USING (item_no) JOIN views.events e ON e.event_no = x.event_no
JOIN views.event_keys k ON k.key_no = e.key_no
WHERE i.tenant_id = $1 AND i.uri = $2 ORDER BY e.latest_us, e.rank, e.event_no
"""


def _entry(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "event_id": row["event_id"],
        "kind": row["kind"],
        "occurred_at": row["occurred_at"],
        "recorded_at": iso(row["appended_us"]),
        "position": f"{row['log_partition']}-{row['log_offset']}",
        "disposition": row["disposition"],
        "source": row["source"],
        "voided_by": row["voided_by"],
    }


async def _trace(questions: Questions, way: Way, *, request: Request, caller: Caller, texts: list[str]) -> JSONResponse:
    known_parameters(request, "item", "mode", "at", "as_of", "follow", "since", "until", "wait_for")
    query = request.query_params
    mode, follow = query.get("mode", "ever"), query.get("follow")
    if mode not in list(Mode):
        raise Problem(422, "invalid-parameter", f"mode: {mode} is none of {', '.join(Mode)}")
    if follow not in (None, "all"):
        raise Problem(422, "invalid-parameter", f"follow: {follow} is not known: it takes all")
    limits = Limits(questions.settings.trace_depth_limit, questions.settings.trace_row_limit)
    async with questions.ask(caller, request) as asked:
        items = [await item_asked(asked.connection, asked.tenant_id, t) for t in texts]
        at_us = instant(query.get("at"), "at")
        question = trace(
            items,
            way=way,
            mode=Mode(mode),
            at_us=at_us,
            now_us=asked.fresh.now_us,
            follow_all=follow == "all",
            limits=limits,
        )
        found = await answer_async(question, asked.record().look_up)
        about = [*items, *(n.item for n in found.nodes)]
        found.conflicts += await conflicts_about(asked.connection, asked.tenant_id, about, vector=asked.vector)
        standing = await _states(asked, [n.item for n in found.nodes], at_us or asked.fresh.now_us)
        window = (instant(query.get("since"), "since"), instant(query.get("until"), "until"))
        return JSONResponse(_answer(way, found, asked, standing=standing, window=window))


async def _states(asked: Asked, items: list[ItemId], at_us: int) -> dict[ItemId, State]:
    standing: dict[ItemId, State] = {}
    for start in range(0, len(items), STATE_CHUNK):
        chunk = items[start : start + STATE_CHUNK]
        standing |= await answer_async(states(chunk, at_us=at_us), asked.record().look_up)
    return standing


def _answer(
    way: Way, found: Trace, asked: Asked, *, standing: dict[ItemId, State], window: tuple[int | None, int | None]
) -> dict[str, Any]:
    since_us, until_us = window

    def shown(reached_us: int | None) -> bool:
        if reached_us is None:
            return True
        return (since_us is None or reached_us >= since_us) and (until_us is None or reached_us < until_us)

    found.nodes = [n for n in found.nodes if shown(n.reached_us)]
    gaps: list[Gap] = [*found.gaps, *(g for n in found.nodes for g in standing[n.item].gaps)]
    conflicts: list[Conflict] = [*found.conflicts, *(c for n in found.nodes for c in standing[n.item].conflicts)]
    return {
        "question": way,
        "items": list(found.items),
        **asked.frame(found.incomplete),
        "totals": rendering.totals_json(found, standing),
        "nodes": [rendering.node_json(n, standing[n.item]) for n in found.nodes],
        "gaps": [rendering.gap_json(g) for g in gaps],
        "conflicts": [rendering.conflict_json(c) for c in conflicts],
        "next": None,
    }
