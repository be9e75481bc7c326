"""GET /v1/holds: what must stop, for WMS and marketplaces that follow it (docs/recall.md 'The stop-ship feed')."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Request, Response

from domain.ids import ItemId
from domain.moments import iso
from domain.ports import Position
from domain.positions import vector_token
from domain.state import State, states
from services.access import Caller
from services.problems import Problem
from services.query.answering import answered
from services.query.asking import instant, known_parameters, vector_of
from services.query.following import wait_of, with_patience
from services.query.formats import NDJSON
from services.query.paging import limit_of
from services.query.snapshot import Asked, Questions
from services.readmodel.feed import Entry, stretch, vector_before

PAGE_ITEMS = 5_000
ENTRIES_AT_ONCE = 100
STATES_AT_ONCE = 500

_NAMED = """
-- what hold events named, and what voids of hold events did: a hold that was taken back changes it too
WITH told AS (
    SELECT w.no AS entry_no, w.no AS event_no FROM unnest($1::bigint[]) AS w(no)
    UNION ALL
    SELECT v.event_no, e.event_no FROM views.voids v JOIN views.events e ON e.key_no = v.target_key_no
    WHERE v.event_no = ANY($2::bigint[]) AND e.hold IS NOT NULL
)
SELECT t.entry_no, k.event_id, e.kind, e.hold, e.occurred_at, i.uri FROM told t
JOIN views.events e ON e.event_no = t.event_no
JOIN views.events w ON w.event_no = t.entry_no JOIN views.event_keys k ON k.key_no = w.key_no
LEFT JOIN views.event_items m ON m.event_no = e.event_no AND m.role = 0 LEFT JOIN views.items i ON i.item_no = m.item_no
ORDER BY t.entry_no, i.uri
"""


@dataclass(slots=True)
class _Change:
    """The newest that was told of an item, or (`item` None) of all that a hold was placed on."""

    item: str | None
    entry: Entry
    row: asyncpg.Record


@dataclass(frozen=True, slots=True)
class _Page:
    rows: list[dict[str, Any]]
    reached: Mapping[int, int]
    more: bool
    frame: dict[str, Any]


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(tags=["recalls"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/holds", response_class=Response)
    async def get_holds(request: Request, caller: reader) -> Response:
        """Items whose holds changed after `since` (a time, or `next` of the answer before), and how they stand now.

        Of a hold that a release without items ended for all there is one row, with `item` null. `wait`: how many
        seconds (at most 30) to wait for news. JSON, or NDJSON by `Accept` or `format=ndjson`.
        """
        known_parameters(request, "since", "limit", "wait", "wait_for", "format")
        limit = limit_of(request.query_params.get("limit")) or PAGE_ITEMS

        async def ask() -> _Page:
            async with questions.ask(caller, request) as asked:
                return await _page(asked, request.query_params.get("since"), limit=limit)

        page = await with_patience(ask, has_news=lambda p: bool(p.rows) or p.more, seconds=wait_of(request))
        return _sent(request, page)

    return router


async def _page(asked: Asked, since: str | None, *, limit: int) -> _Page:
    after = await _after(asked, since)
    newest: dict[str, _Change] = {}
    ended: dict[str, _Change] = {}
    more = True
    while more and len(newest) < limit:
        found = await stretch(asked.connection, asked.tenant_id, after=after, limit=ENTRIES_AT_ONCE)
        after, more = found.reached, found.more
        entries = {e.event_no: e for e in found.entries}
        holds = [e.event_no for e in found.entries if e.about == "hold"]
        voids = [e.event_no for e in found.entries if e.about == "void"]
        for row in await asked.connection.fetch(_NAMED, holds, voids) if entries else []:
            change = _Change(row["uri"], entries[row["entry_no"]], row)
            if row["uri"] is None:
                ended[row["hold"]["hold_id"]] = change
            else:
                newest[row["uri"]] = change
    rows = [_ended(change) for change in ended.values()] + await _standing(asked, newest)
    return _Page(rows, after, more, asked.frame([]))


async def _after(asked: Asked, since: str | None) -> Mapping[int, int]:
    if since is None or since == "":
        return {}
    if since[:4].isdigit() and since[4:5] == "-" and len(since) >= 10:
        return await vector_before(asked.connection, asked.tenant_id, instant(since, "since") or 0)
    return vector_of(since, "since") or {}


async def _standing(asked: Asked, newest: Mapping[str, _Change]) -> list[dict[str, Any]]:
    """How the items stand now; a key that is limited to sites sees its own."""
    names = sorted(newest)
    scope = asked.scope
    if scope is not None:
        own = await scope.own_items(names)
        names = [n for n in names if n in own]
    rows: list[dict[str, Any]] = []
    for start in range(0, len(names), STATES_AT_ONCE):
        items = [ItemId(n) for n in names[start : start + STATES_AT_ONCE]]
        full = await answered(states(items, at_us=asked.fresh.now_us), asked.record())
        shown = full
        if scope is not None:
            shown = {i: seen.shown for i, seen in (await scope.seen(full, at_us=asked.fresh.now_us)).items()}
        rows += [_row(newest[str(i)], shown[i], on_hold=full[i].on_hold, known=scope is None) for i in items]
    return rows


def _row(change: _Change, state: State, *, on_hold: bool, known: bool) -> dict[str, Any]:
    return {
        "item": change.item,
        "on_hold": on_hold,
        "holds": list(state.holds),
        "recalls": list(state.recalls),
        **_by(change, known=known),
    }


def _ended(change: _Change) -> dict[str, Any]:
    return {"item": None, "on_hold": None, "ended": change.row["hold"]["hold_id"], **_by(change, known=True)}


def _by(change: _Change, *, known: bool) -> dict[str, Any]:
    """What changed it last."""
    return {
        "hold_id": change.row["hold"]["hold_id"] if known else None,
        "event_id": change.row["event_id"] if known else None,
        "position": Position(change.entry.partition, change.entry.offset).token,
        "occurred_at": change.row["occurred_at"],
        "recorded_at": iso(change.entry.appended_us),
    }


def _sent(request: Request, page: _Page) -> Response:
    reached = vector_token(page.reached)
    tail = {"more": page.more, "next": reached, **page.frame}
    wants = request.query_params.get("format") or request.headers.get("accept", "")
    if wants not in ("json", "") and ("ndjson" in wants):
        lines: Sequence[Mapping[str, Any]] = [*({"type": "hold", **r} for r in page.rows), {"type": "trailer", **tail}]
        body = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
        return Response(body, media_type=NDJSON)
    if request.query_params.get("format") not in (None, "json"):
        raise Problem(422, "invalid-parameter", "format: it takes json or ndjson")
    return Response(orjson.dumps({"holds": page.rows, **tail}), media_type="application/json")
