"""GET /v1/holds: what must stop, for WMS and marketplaces that follow it (docs/recall.md 'The stop-ship feed')."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

import asyncpg
import orjson
from fastapi import APIRouter, Depends, Request, Response

from domain.ids import ItemId
from domain.moments import iso
from domain.ports import Position
from domain.positions import parse_vector, vector_token
from domain.state import State, states
from services.access import Caller
from services.problems import Problem
from services.query.answering import answered
from services.query.asking import instant, known_parameters, vector_of
from services.query.following import wait_of, with_patience
from services.query.formats import NDJSON
from services.query.paging import limit_of
from services.query.snapshot import Asked, Questions
from services.readmodel.feed import Entry, entry_at, stretch, vector_before

PAGE_ITEMS = 5_000
ROWS_AT_ONCE = 5_000
LOOK_AT = 50_000
"""Rows after which a page ends with what it has: a limited key may have none among a million, and changes of one item
make one row."""
ENTRIES_AT_ONCE = 25
STATES_AT_ONCE = 500
_WITHIN = "~"
"""Parts the vector of a cursor from an entry that a page ended in, and from the last of its items."""

_NAMED = """
-- what hold events named, and what voids of hold events did (a hold that was taken back changes it too), entry by entry
WITH entries AS (
    SELECT * FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS w(entry_no, about, n)
), told AS (
    SELECT n, entry_no, entry_no AS event_no FROM entries WHERE about = 'hold'
    UNION ALL
    SELECT n, entry_no, e.event_no FROM entries JOIN views.voids v ON v.event_no = entry_no
    JOIN views.events e ON e.key_no = v.target_key_no
    WHERE about = 'void' AND e.hold IS NOT NULL
), naming AS (
    SELECT n, entry_no, event_no, event_no AS items_of FROM told
    UNION ALL
    -- who is not told of holds ($5) is told of a release for all by the items that the hold was placed on
    SELECT t.n, t.entry_no, t.event_no, h.event_no FROM told t JOIN views.events r USING (event_no)
    JOIN views.notices p ON p.tenant_id = r.tenant_id AND p.topic = 'hold' AND p.subject = r.hold ->> 'hold_id'
    JOIN views.events h ON h.event_no = p.event_no AND (h.hold ->> 'placed')::boolean
    WHERE $5 AND (r.hold ->> 'for_all')::boolean
)
SELECT t.n - 1 AS entry, k.event_id, e.kind, e.hold, e.occurred_at, i.uri FROM naming t
JOIN views.events e ON e.event_no = t.event_no
JOIN views.events w ON w.event_no = t.entry_no JOIN views.event_keys k ON k.key_no = w.key_no
LEFT JOIN views.event_items m ON m.event_no = t.items_of AND m.role = 0
LEFT JOIN views.items i ON i.item_no = m.item_no
WHERE t.n > 1 OR $3::text IS NULL OR coalesce(i.uri, '') COLLATE "C" > $3
ORDER BY t.n, coalesce(i.uri, '') COLLATE "C" LIMIT $4
"""


@dataclass(slots=True)
class _Change:
    """The newest that was told of an item, or (`item` None) of all that a hold was placed on."""

    item: str | None
    entry: Entry
    row: asyncpg.Record


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a follower is: everything up to a vector, and of the entry at `within` the items up to `item`."""

    vector: Mapping[int, int]
    within: Position | None = None
    item: str = ""

    @property
    def token(self) -> str:
        if self.within is None:
            return vector_token(self.vector)
        item = base64.urlsafe_b64encode(self.item.encode()).decode().rstrip("=")
        return f"{vector_token(self.vector)}{_WITHIN}{self.within.token}{_WITHIN}{item}"


@dataclass(frozen=True, slots=True)
class _Page:
    rows: list[dict[str, Any]]
    reached: _Place
    more: bool
    frame: dict[str, Any]


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter(tags=["recalls"])
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/holds", response_class=Response)
    async def get_holds(request: Request, caller: reader) -> Response:
        """Items whose holds changed after `since` (a time, or `next` of the answer before), and how they stand now.

        `limit`: the most rows of a page, `more` follow behind `next`. Of a hold that a release without items ended for
        all there is one row, with `item` null; a key limited to sites has one of each of its items. `wait`: how many
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
    reading = _Reading(asked, await _after(asked, since), limit)
    while reading.more and reading.looked < LOOK_AT:
        await reading.stretch()
    rows = [_ended(change) for change in reading.ended.values()] + await _standing(asked, reading.newest)
    return _Page(rows, reading.at, reading.full or reading.more, asked.frame([]))


@dataclass(slots=True)
class _Reading:
    """Reads changes until a page is full: `at` is how far it came. An item that changes again takes no second row."""

    asked: Asked
    at: _Place
    limit: int
    newest: dict[str, _Change] = field(default_factory=dict)
    ended: dict[str, _Change] = field(default_factory=dict)
    more: bool = True
    full: bool = False
    looked: int = 0

    async def stretch(self) -> None:
        """Take the next entries, as many of their items as fit; an entry that was begun first."""
        connection, tenant_id, before = self.asked.connection, self.asked.tenant_id, self.at
        if before.within is not None:
            place = before.within
            begun = await entry_at(connection, tenant_id, place)
            if begun is None and self.asked.fresh.vector.get(place.partition, -1) < place.offset:
                self.more = False  # views that are made anew do not have it yet
                return
            stopped = await self._take_all([begun], before.item) if begun is not None else None
            if stopped is not None:
                self._stop(_Place(before.vector, place, stopped[1] if stopped[1] is not None else before.item))
            else:
                self.at = _Place({**before.vector, place.partition: place.offset})
            return
        found = await stretch(connection, tenant_id, after=before.vector, limit=ENTRIES_AT_ONCE)
        stopped = await self._take_all([e for e in found.entries if e.about in ("hold", "void")], None)
        if stopped is None:
            self.at, self.more = _Place(found.reached), found.more
            return
        entry, item = stopped
        passed = {p: o for p, o in found.reached.items() if p < entry.partition}
        vector = {**before.vector, **passed, entry.partition: entry.offset - 1}
        self._stop(_Place(vector, Position(entry.partition, entry.offset) if item is not None else None, item or ""))

    def _stop(self, at: _Place) -> None:
        self.at, self.more, self.full = at, False, True

    async def _take_all(self, entries: Sequence[Entry], item: str | None) -> tuple[Entry, str | None] | None:
        """Take the items of the entries, of the first those behind `item`. Where the page is full: the entry at which
        that was, and the last of its items that were taken. A key that is limited to sites has its own alone: others
        are no part of where it goes on.
        """
        start, read = 0, item
        while start < len(entries):
            some = entries[start:]
            told = ([e.event_no for e in some], [e.about for e in some], read, ROWS_AT_ONCE)
            rows = await self.asked.connection.fetch(_NAMED, *told, self.asked.scope is not None)
            self.looked += len(rows)
            own = await self._own(rows)
            here = 0
            for row in rows:
                if row["entry"] != here:
                    here, item = row["entry"], None
                read = row["uri"] or ""
                if read not in own:
                    continue
                if not self._take(_Change(row["uri"], some[here], row)):
                    return some[here], item
                item = read
            if len(rows) < ROWS_AT_ONCE:
                return None
            start += here
        return None

    async def _own(self, rows: Sequence[asyncpg.Record]) -> frozenset[str]:
        """The items that the key may see. "" is a hold that ended for all: a limited key hears of its own items."""
        named = {r["uri"] or "" for r in rows}
        scope = self.asked.scope
        return frozenset(named) if scope is None else await scope.own_items(named - {""})

    def _take(self, change: _Change) -> bool:
        """Whether there was room for it."""
        kept, key = (
            (self.newest, change.item) if change.item is not None else (self.ended, change.row["hold"]["hold_id"])
        )
        if key not in kept and len(self.newest) + len(self.ended) >= self.limit:
            return False
        kept[key] = change
        return True


async def _after(asked: Asked, since: str | None) -> _Place:
    if since is None or since == "":
        return _Place({})
    if since[:4].isdigit() and since[4:5] == "-" and len(since) >= 10 and _WITHIN not in since:
        return _Place(await vector_before(asked.connection, asked.tenant_id, instant(since, "since") or 0))
    vector, *within = since.split(_WITHIN)
    place = _Place(vector_of(vector, "since") or {} if vector else {})
    if not within:
        return place
    try:
        [(partition, offset)] = parse_vector(within[0]).items()
        item = base64.b64decode(within[1] + "=" * (-len(within[1]) % 4), altchars=b"-_", validate=True).decode()
    except (ValueError, IndexError) as error:
        raise Problem(422, "invalid-parameter", "since: send `next` of an answer before, unchanged") from error
    return replace(place, within=Position(partition, offset), item=item)


async def _standing(asked: Asked, newest: Mapping[str, _Change]) -> list[dict[str, Any]]:
    """How the items stand now."""
    names, scope = sorted(newest), asked.scope
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
    """A row for keys that see all: others are told of their items."""
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
    tail = {"more": page.more, "next": page.reached.token, **page.frame}
    wants = request.query_params.get("format") or request.headers.get("accept", "")
    if wants not in ("json", "") and ("ndjson" in wants):
        lines: Sequence[Mapping[str, Any]] = [*({"type": "hold", **r} for r in page.rows), {"type": "trailer", **tail}]
        body = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
        return Response(body, media_type=NDJSON)
    if request.query_params.get("format") not in (None, "json"):
        raise Problem(422, "invalid-parameter", "format: it takes json or ndjson")
    return Response(orjson.dumps({"holds": page.rows, **tail}), media_type="application/json")
