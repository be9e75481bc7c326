"""What every question shares: its parameters read, its snapshot opened, its item found or refused."""

import asyncpg
from fastapi import Request

from domain.ids import InvalidId, ItemId
from domain.moments import InvalidMoment, Moment
from domain.positions import InvalidPosition, parse_vector
from services.problems import Problem
from services.query.freshness import Freshness

_NEAREST = """
SELECT uri FROM views.items WHERE tenant_id = $1 AND number IS NOT NULL AND number LIKE $2 || '%'
ORDER BY length(number), uri LIMIT 10
"""


def known_parameters(request: Request, *names: str) -> None:
    """Refuse parameters that would silently do nothing."""
    unknown = sorted(set(request.query_params) - set(names))
    if unknown:
        raise Problem(422, "unknown-parameter", f"{unknown[0]} is not known here: it takes {', '.join(names)}")


def instant(text: str | None, name: str) -> int | None:
    """Microseconds of a time parameter (its latest bound)."""
    if text is None:
        return None
    try:
        return Moment.parse(text.replace(" ", "+"), zone="UTC").latest_us
    except InvalidMoment as error:
        raise Problem(422, "invalid-parameter", f"{name}: {error}") from error


def vector_of(text: str | None, name: str) -> dict[int, int] | None:
    """The vector a position parameter names."""
    if text is None:
        return None
    try:
        return parse_vector(text)
    except InvalidPosition as error:
        raise Problem(422, "invalid-parameter", f"{name}: {error}") from error


async def as_of(connection: asyncpg.Connection, text: str | None, fresh: Freshness) -> dict[int, int] | None:
    """`as_of` as a vector: a position token, or a time that every partition has been applied past."""
    if text is None:
        return None
    if (text[:4].isdigit() and "T" in text) or len(text) == 10:
        return await _vector_at(connection, instant(text, "as_of") or 0, fresh)
    vector = vector_of(text, "as_of") or {}
    missing = sorted(set(fresh.vector) - set(vector))
    return vector | dict.fromkeys(missing, -1)


async def _vector_at(connection: asyncpg.Connection, at_us: int, fresh: Freshness) -> dict[int, int]:
    settled = fresh.behind == 0 and fresh.measured_us is not None and fresh.measured_us > at_us
    if not settled:
        detail = "the views have not been applied past that time yet: ask again in a moment"
        raise Problem(503, "as-of-not-settled", detail, headers={"Retry-After": "1"})
    rows = await connection.fetch(
        "SELECT log_partition, max(log_offset) FROM views.events WHERE appended_us <= $1 GROUP BY 1", at_us
    )
    return dict.fromkeys(fresh.vector, -1) | {r[0]: r[1] for r in rows}


async def item_asked(connection: asyncpg.Connection, tenant_id: int, text: str) -> ItemId:
    """The canonical id of a known item. Raises Problem 404 with what lies near it."""
    try:
        item = ItemId.parse(text)
    except InvalidId as error:
        near = [r[0] for r in await connection.fetch(_NEAREST, tenant_id, text[:100])]
        raise Problem(404, "not-an-item-id", str(error), item=text, nearest=near, candidates=near) from error
    found = await connection.fetchval(
        "SELECT 1 FROM views.items i WHERE tenant_id = $1 AND uri = $2"
        " AND EXISTS (SELECT FROM views.event_items e WHERE e.item_no = i.item_no)",
        tenant_id,
        str(item),
    )
    if found is None:
        number = item.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
        near = [r[0] for r in await connection.fetch(_NEAREST, tenant_id, number[:3])]
        raise Problem(404, "unknown-item", f"no event names {item}", item=str(item), nearest=near)
    return item
