"""The items a question is about: one in the URL, or many in a body of JSON or CSV; found, or refused by name."""

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Request

from domain.answers import Gap
from domain.ids import InvalidId, ItemId
from services.problems import Problem
from services.query.asking import NAMED, near_to
from services.query.ranges import Ranges
from services.query.snapshot import Asked

MOST_ITEMS = 100_000
_NAMED_AT_MOST = 1_000
_NEAREST_FOR = 10
_KNOWN = f"SELECT uri FROM views.items i WHERE tenant_id = $1 AND uri = ANY($2) AND {NAMED}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Ids as they were sent. `lines`: where in a CSV body each stands; empty for others."""

    texts: Sequence[str]
    lines: Sequence[int] = ()

    def place(self, index: int) -> dict[str, int]:
        """How an error names the one at `index`."""
        return {"line": self.lines[index]} if self.lines else {"index": index}


async def body_of(request: Request, *, limit_bytes: int) -> bytes:
    """The whole body. Raises Problem 413 as soon as it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise Problem(413, "body-too-large", f"the body has over {limit_bytes} bytes: ask in several questions")
    return bytes(body)


def json_of(body: bytes) -> dict[str, Any]:
    """A JSON object. Raises Problem 400 and 422."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Problem(400, "invalid-json", f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise Problem(422, "invalid-body", "the body is no JSON object")
    return document


async def wanted(request: Request, *, limit_bytes: int) -> Wanted:
    """The items of a body: {"items": [...]}, or CSV with one id a line or a column `item`."""
    body = await body_of(request, limit_bytes=limit_bytes)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/csv":
        found = _of_csv(body)
    else:
        texts = json_of(body).get("items")
        if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
            raise Problem(422, "invalid-body", 'items: send {"items": ["<id>", …]} with at least one id')
        found = Wanted(texts)
    if len(found.texts) > MOST_ITEMS:
        raise Problem(422, "too-many-items", f"{len(found.texts)} items: at most {MOST_ITEMS} are taken at once")
    return found


def _of_csv(body: bytes) -> Wanted:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem(422, "invalid-body", f"the CSV is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    texts, lines, column = [], [], None
    try:
        for row in reader:
            cells = [c.strip() for c in row]
            if not any(cells):
                continue
            if column is None:
                heading = [c.lower() for c in cells]
                column = heading.index("item") if "item" in heading else 0
                if "item" in heading:
                    continue
            texts.append(cells[column] if column < len(cells) else "")
            lines.append(reader.line_num)
    except csv.Error as error:
        raise Problem(422, "invalid-body", f"line {reader.line_num} of the CSV: {error}") from error
    if not texts:
        raise Problem(422, "invalid-body", "the CSV names no item: write one id a line, or a column named item")
    return Wanted(texts, lines)


async def items_asked(asked: Asked, wanted: Wanted, *, skip_unknown: bool) -> tuple[list[ItemId], list[Gap]]:
    """The canonical ids of the items, each once, and gaps `unknown_item` where those are to be skipped.

    Raises Problem 422 that names every one that is no id, and 404 that names every one that no event names.
    """
    if len(wanted.texts) == 1 and not wanted.lines and not skip_unknown:
        return [await asked.item(wanted.texts[0])], []
    canonical = asked.named(wanted.texts)
    parsed, refused = _parsed(wanted, canonical)
    if refused and not skip_unknown:
        detail = f"{len(refused)} of {len(wanted.texts)} are no ids: mend them, or ask with unknown=skip"
        raise Problem(422, "not-an-item-id", detail, errors=refused[:_NAMED_AT_MOST])
    known = await _known(asked, parsed, canonical)
    unknown = [i for i in parsed if i not in known]
    if unknown and not skip_unknown:
        beginning = unknown[:_NEAREST_FOR]
        near = {str(i): await near_to(asked.connection, asked.tenant_id, i, scope=asked.scope) for i in beginning}
        detail = f"no event names {len(unknown)} of {len(parsed)} items: mend them, or ask with unknown=skip"
        raise Problem(404, "unknown-item", detail, items=[str(i) for i in unknown], nearest=near)
    left_out = [*unknown, *(ItemId(e["value"]) for e in refused)]
    gaps = [Gap("unknown_item", tuple(left_out), "no event names these: they were not traced")] if left_out else []
    return [i for i in parsed if i in known], gaps


async def _known(asked: Asked, items: Sequence[ItemId], canonical: Collection[str]) -> Collection[str]:
    """Those that an event names, and that the caller may see; `canonical`: ids that surely are named."""
    if asked.scope is not None:
        return await asked.scope.own_items(items)
    known = set(canonical)
    left = [i for i in items if i not in known]
    known |= asked.named(left)
    left = [i for i in left if i not in known]
    if left:
        told = await asked.connection.fetch(_KNOWN, asked.tenant_id, [str(i) for i in left])
        known |= {r[0] for r in told}
        left = [i for i in left if i not in known]
    if left:  # a range of serials may hold them
        known |= {i for i, _, _ in await Ranges(asked.connection, asked.tenant_id).holding(left)}
    return known


def _parsed(wanted: Wanted, canonical: Collection[str]) -> tuple[list[ItemId], list[dict[str, Any]]]:
    """The ids, each once, and which are none; those that are `canonical` need no look."""
    found: dict[ItemId, None] = {}
    refused = []
    for index, text in enumerate(wanted.texts):
        try:
            found[ItemId(text) if text in canonical else ItemId.parse(text)] = None
        except InvalidId as error:
            refused.append({**wanted.place(index), "value": text[:200], "detail": str(error)})
    return list(found), refused
