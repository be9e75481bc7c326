"""Which items are there: by a fragment of their number, a lot or supplier's lot number, a product, a kind."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import unquote

import asyncpg
from fastapi import APIRouter, Depends, Request, Response

from domain.ids import InvalidId, ItemId, PartyId, serial_of
from services.access import Caller
from services.problems import Problem
from services.query.asking import NAMED, class_asked, known_parameters
from services.query.caching import json_answer
from services.query.paging import Cursor, digest, limit_of
from services.query.ranges import Ranges, members_meant
from services.query.snapshot import Asked, Questions
from services.query.watching import watched

_FILTERS = ("q", "lot", "supplier_lot", "product")
_PARAMETERS = (*_FILTERS, "supplier", "kind", "limit", "cursor", "as_of", "wait_for")
_KINDS = ("unit", "lot", "class", "container")
_PAGE = 100
_MOST_A_PAGE = 1_000
_ROUNDS = 20
"""Times that more candidates are fetched for a page when those before were not known, or not theirs."""
_PREFIX_CHARS = 2
"""A fragment up to this is looked for at the beginning of words only: an index of three letters finds no less."""

# Each finds candidates in the order of their ids, the next $3 of them after $2.
_LIKE = """
SELECT i.item_no, i.uri FROM views.items i
WHERE i.item_no IN (SELECT finding.items_like($4, $5, $6, $7, $2, $3)) AND i.tenant_id = $1 ORDER BY i.uri
"""
_OF_LOT = """
SELECT i.item_no, i.uri FROM views.items i
WHERE i.tenant_id = $1 AND i.number = $4 AND (i.kind = 'lot' OR i.kind IS NULL)
AND ($2::text IS NULL OR i.uri > $2) ORDER BY i.uri LIMIT $3
"""
_OF_SUPPLIERS_LOT = """
-- lots of that number which a receipt ties to one of ours, and ours; with $5, of receipts from that supplier
WITH theirs AS (
    SELECT item_no FROM views.items WHERE tenant_id = $1 AND number = $4 AND (kind = 'lot' OR kind IS NULL)
), tied AS (
    SELECT s.one_no, s.other_no, s.event_no FROM theirs t JOIN views.identities s ON s.one_no = t.item_no
    UNION SELECT s.one_no, s.other_no, s.event_no FROM theirs t JOIN views.identities s ON s.other_no = t.item_no
), found AS (
    SELECT unnest(ARRAY[one_no, other_no]) AS item_no FROM tied t
    WHERE $5::text IS NULL OR EXISTS (SELECT FROM views.dimensions d WHERE d.tenant_id = $1
        AND d.dimension = 'supplier' AND d.value = $5 AND d.event_no = t.event_no)
)
SELECT DISTINCT i.item_no, i.uri FROM found JOIN views.items i USING (item_no)
WHERE ($2::text IS NULL OR i.uri > $2) ORDER BY i.uri LIMIT $3
"""
_OF_PRODUCT = """
-- items whose id shows the product, or that an event declares to be of it
(SELECT i.item_no, i.uri FROM views.items i
 WHERE i.tenant_id = $1 AND i.material = $4 AND ($2::text IS NULL OR i.uri > $2) ORDER BY i.uri LIMIT $3)
UNION
(SELECT i.item_no, i.uri FROM views.items c JOIN views.item_materials m ON m.material_no = c.item_no
 JOIN views.items i ON i.item_no = m.item_no
 WHERE c.tenant_id = $1 AND c.uri = $4 AND ($2::text IS NULL OR i.uri > $2) ORDER BY i.uri LIMIT $3)
ORDER BY uri LIMIT $3
"""
_THOSE = f"""
-- of the candidates, what an event known at the vector names and every condition fits
SELECT i.uri, i.kind, i.material, i.number FROM views.items i
WHERE i.item_no = ANY($1) AND {NAMED}
AND ($2::text IS NULL OR i.number ILIKE $2) AND ($3::text IS NULL OR i.uri ILIKE $3)
AND ($4::text IS NULL OR i.number = $4) AND ($6::text IS NULL OR i.kind = $6 OR i.kind IS NULL)
AND ($5::text IS NULL OR i.material = $5 OR EXISTS (
    SELECT FROM views.item_materials m JOIN views.items c ON c.item_no = m.material_no
    WHERE m.item_no = i.item_no AND c.uri = $5))
AND ($7::int[] IS NULL OR EXISTS (
    SELECT FROM views.event_items x JOIN views.events e USING (event_no)
    JOIN unnest($7::int[], $8::bigint[]) AS v(part, known) ON v.part = e.log_partition AND e.log_offset <= v.known
    WHERE x.item_no = i.item_no)
  OR EXISTS (
    SELECT FROM views.memberships m JOIN views.events e USING (event_no)
    JOIN unnest($7::int[], $8::bigint[]) AS v(part, known) ON v.part = e.log_partition AND e.log_offset <= v.known
    WHERE m.lot_no = i.item_no)
  OR EXISTS (
    SELECT FROM views.serial_ranges r JOIN views.events e USING (event_no)
    JOIN unnest($7::int[], $8::bigint[]) AS v(part, known) ON v.part = e.log_partition AND e.log_offset <= v.known
    WHERE r.lot_no = i.item_no))
ORDER BY i.uri
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is looked for. `number` and `whole` are patterns of LIKE made of `text`, the rest is exact."""

    text: str | None
    number: str | None
    whole: str | None
    lot: str | None
    supplier_lot: str | None
    supplier: str | None
    product: str | None
    kind: str | None

    def candidates(self) -> tuple[str, Sequence[str | None]]:
        """The statement that finds the fewest, and its arguments after tenant, place and number of rows."""
        if self.supplier_lot is not None:
            return _OF_SUPPLIERS_LOT, [self.supplier_lot, self.supplier]
        if self.lot is not None:
            return _OF_LOT, [self.lot]
        if self.number is not None:
            return _LIKE, [self.number, self.whole, self.product, self.kind]
        return _OF_PRODUCT, [self.product]


def create_router(questions: Questions) -> APIRouter:
    router = APIRouter()
    reader = Annotated[Caller, Depends(questions.reader)]

    @router.get("/v1/items", response_class=Response)
    @watched
    async def search_items(request: Request, caller: reader) -> Response:
        """Items in the order of their ids, by the page.

        `q`: a fragment of the serial or lot number or of what the id ends with, any case; one or two characters: what
        it begins with; units that only a range of serials names come beside the first page, at most 100, by their whole
        serial or id, or by what the range's serials begin with. `lot`, `supplier_lot` (with `supplier`: theirs only):
        the whole number. `product`: an id, a GTIN or your own name of it. `kind`: unit, lot, class, container; ids that
        do not show their kind stay in.
        """
        known_parameters(request, *_PARAMETERS)
        wanted, question = _wanted(request), digest(request, None)
        limit = limit_of(request.query_params.get("limit")) or _PAGE
        if limit > _MOST_A_PAGE:
            raise Problem(422, "invalid-parameter", f"limit: a page of a search has at most {_MOST_A_PAGE} items")
        token = request.query_params.get("cursor")
        cursor = Cursor.of(token, question) if token is not None else None
        pinned = (cursor.vector, cursor.now_us) if cursor is not None else None
        async with questions.ask(caller, request, pinned=pinned) as asked:
            rows, last = await _page(asked, wanted, after=cursor.item if cursor is not None else None, limit=limit)
            following = None
            if last is not None:
                vector = asked.fresh.vector if asked.vector is None else asked.vector
                following = Cursor(question, vector, asked.fresh.now_us, 0, last).token()
            found = [_json(r) for r in rows]
            if cursor is None and wanted.text is not None:
                found += await members_like(asked, wanted, {r["uri"] for r in rows})
            answer = json_answer(request, {"items": found, "next": following} | asked.frame([]))
            if following is not None:
                answer.headers["Link"] = f'<{request.url.include_query_params(cursor=following)}>; rel="next"'
            return answer

    return router


async def members_like(asked: Asked, wanted: Search, listed: set[str]) -> list[dict[str, Any]]:
    """Units that ranges of serials alone name and the text means."""
    if wanted.lot or wanted.supplier_lot or wanted.kind not in (None, "unit") or wanted.text is None:
        return []
    found = await members_meant(Ranges(asked.connection, asked.tenant_id), wanted.text)
    known = await asked.record().members_of_ranges(i for i in found if i not in listed)
    theirs = known if asked.scope is None else await asked.scope.own_items(known)
    return [
        {"item": i, "kind": i.kind, "material": i.material, "number": serial_of(i)}
        for i in found
        if i in theirs and i not in listed and wanted.product in (None, i.material)
    ]


def _json(row: asyncpg.Record) -> dict[str, Any]:
    return {"item": row["uri"], "kind": row["kind"], "material": row["material"], "number": row["number"]}


async def _page(
    asked: Asked, wanted: Search, *, after: str | None, limit: int
) -> tuple[list[asyncpg.Record], str | None]:
    """The rows of a page, and the id it ends with if there may be more."""
    found: list[asyncpg.Record] = []
    statement, arguments = wanted.candidates()
    for _ in range(_ROUNDS):
        batch = await asked.connection.fetch(statement, asked.tenant_id, after, limit + 1, *arguments)
        found += await _fitting(asked, wanted, [r["item_no"] for r in batch])
        if len(found) > limit:
            return found[:limit], found[limit - 1]["uri"]
        if len(batch) <= limit:
            return found, None
        after = batch[-1]["uri"]
    return found, after


async def _fitting(asked: Asked, wanted: Search, item_nos: list[int]) -> list[asyncpg.Record]:
    vector = [list(asked.vector), list(asked.vector.values())] if asked.vector is not None else [None, None]
    conditions = [wanted.number, wanted.whole, wanted.lot, wanted.product, wanted.kind]
    rows = await asked.connection.fetch(_THOSE, item_nos, *conditions, *vector)
    if asked.scope is None:
        return list(rows)
    own = await asked.scope.own_items(r["uri"] for r in rows)
    return [r for r in rows if r["uri"] in own]


def _wanted(request: Request) -> Search:
    """The parameters of a search. Raises Problem 422."""
    given = {name: value.strip() for name, value in request.query_params.items() if value.strip()}
    if not any(name in given for name in _FILTERS):
        raise Problem(422, "invalid-parameter", f"say what is looked for: {', '.join(_FILTERS)}")
    kind = given.get("kind")
    if kind is not None and kind not in _KINDS:
        raise Problem(422, "invalid-parameter", f"kind: {kind[:40]} is none of {', '.join(_KINDS)}")
    if "supplier" in given and "supplier_lot" not in given:
        raise Problem(422, "invalid-parameter", "supplier: it goes with supplier_lot")
    number, whole = _patterns(given["q"]) if "q" in given else (None, None)
    return Search(
        text=given.get("q"),
        number=number,
        whole=whole,
        lot=given.get("lot"),
        supplier_lot=given.get("supplier_lot"),
        supplier=_supplier(given["supplier"]) if "supplier" in given else None,
        product=class_asked(given["product"]) if "product" in given else None,
        kind=kind,
    )


def _patterns(fragment: str) -> tuple[str, str | None]:
    """Of the number, and where the fragment has more of an id than its last part, of the whole id."""
    try:
        canonical = str(ItemId.parse(fragment))
    except InvalidId:
        canonical = fragment
    *head, tail = re.split("[/:]", canonical)
    if not tail:
        raise Problem(
            422, "invalid-parameter", f"q: {fragment[:40]} has nothing of a number: add some of it, or product"
        )
    tail = unquote(tail) if head else tail  # ids of URIs are encoded, numbers are not
    number = f"{_literal(tail)}%" if len(tail) <= _PREFIX_CHARS else f"%{_literal(tail)}%"
    return number, f"%{_literal(canonical)}%" if head else None


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _supplier(text: str) -> str:
    try:
        return PartyId.parse(text)
    except InvalidId as error:
        raise Problem(422, "invalid-parameter", f"supplier: {error}") from error
